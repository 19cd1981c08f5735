"""The words of the grammar stand in tables, and whatever stands in a table is a known word."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from Backtest.indicators import REGISTRY
from Strategy import words
from Strategy.text_parser import parse_strategy
from Strategy.words import Table, table, tables, vocabulary

WORDS = Path(words.__file__).parent
GRAMMAR = [path for path in WORDS.parent.rglob("*.py") if WORDS not in path.parents]
READS = {"words", "take", "looking_at", "next_is", "clause_ends", "symbol", "looking_at_symbol"}


def nodes(of: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    for path in GRAMMAR:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, of):
                yield path, node


def letters(node: ast.AST) -> list[str]:
    """Return the literals below a node that hold a letter."""
    values = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return [value for value in values if any(character.isalpha() for character in value)]


def reads(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr in names for n in ast.walk(node))


def test_no_word_is_written_into_a_call_of_the_cursor() -> None:
    calls = [
        (path.name, node.lineno, letters(node))
        for path, node in nodes(ast.Call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READS
    ]
    assert len(calls) > 500
    assert [call for call in calls if call[2]] == []


def test_no_word_is_compared_with_a_token() -> None:
    compared = [
        (path.name, node.lineno, ast.unparse(node))
        for path, node in nodes(ast.Compare)
        if isinstance(node, ast.Compare) and reads(node, {"norm", "previous_word"}) and letters(node)
    ]
    assert compared == []


def test_tables_are_made_among_the_words_only() -> None:
    made = [
        (path.name, node.lineno)
        for path, node in nodes(ast.Call)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("table", "Table")
    ]
    assert made == []


def test_every_word_of_a_table_is_known() -> None:
    assert len(tables()) > 400
    for name, found in tables().items():
        for phrase in found:
            assert phrase == phrase.lower() or phrase in ("UTC", "GMT"), (name, phrase)
            assert set(phrase.replace("-", " ").split()) <= vocabulary(), (name, phrase)


def test_of_two_tables_the_first_decides() -> None:
    first, second = table("over, more than", ">"), table("over", "around")
    assert (first | second)["over"] == "around"
    assert words.trie(first, second)["over"][0] == (("over",), ">")


def test_the_longest_phrase_comes_first() -> None:
    found = words.trie(table("cross, cross above"), Table({"cross back above": "again"}))["cross"]
    assert [" ".join(phrase) for phrase, _ in found] == ["cross back above", "cross above", "cross"]


@pytest.mark.parametrize("text", ["Use a stop that trails by 3%.", "Use a trailing stop of 3%."])
def test_a_word_that_only_the_grammar_names_is_no_slip(text: str) -> None:
    parsed = parse_strategy(f"Buy when RSI < 30. {text}")
    assert parsed.strategy is not None, parsed.diagnostics
    assert parsed.strategy.risk.trailing_stop is not None
    assert "spelling" not in {a.code for a in parsed.assumptions}


def test_no_indicator_is_named_outside_of_the_registry_and_the_words() -> None:
    named = [
        (path.name, node.lineno, node.value)
        for path, node in nodes(ast.Constant)
        if isinstance(node, ast.Constant) and node.value in REGISTRY
    ]
    assert named == []


NEW_ENTRY = """
from dataclasses import replace
from Backtest.indicators.indicator_registry import REGISTRY, Output
stochastic = REGISTRY["STOCH"]
lines = tuple(replace(line, column=line.column.replace("STOCH", "STOCHCCI")) for line in stochastic.outputs)
REGISTRY["STOCHCCI"] = replace(stochastic, name="STOCHCCI", title="stochastic CCI", aliases=("stochcci", "stoch cci"), outputs=lines)
REGISTRY["TRIMA"] = replace(REGISTRY["SMA"], name="TRIMA", title="triangular average", aliases=("trima", "triangular average"))
"""


MEANT = {
    "Buy when stoch cci is below 20 and %K crosses above %D, stop 5%": "STOCHCCI(14,3,3) k crosses above STOCHCCI(14,3,3) d",
    "Buy when stochcci is oversold, sell when its signal line is above 80": "STOCHCCI(14,3,3) d is above 80",
    "Buy when the fast triangular average(10) crosses above the slow TRIMA(50), stop 5%": "TRIMA(10) crosses above TRIMA(50)",
    "Buy when the 20 TRIMA crosses above the 50, stop 5%": "TRIMA(20) crosses above TRIMA(50)",
    "Buy when %K crosses above %D, stop 5%": "STOCH(14,3,3) k crosses above STOCH(14,3,3) d",
}  # fmt: skip


def test_the_words_of_a_new_entry_follow_from_the_registry() -> None:
    read = f"from Strategy.text_parser import parse_strategy\nfor text in {list(MEANT)!r}: print(repr(parse_strategy(text).require().describe()))"
    program = [sys.executable, "-c", NEW_ENTRY + read]
    ran = subprocess.run(program, capture_output=True, text=True, check=True, cwd=WORDS.parents[1])
    for said, meant in zip(ran.stdout.splitlines(), MEANT.values(), strict=True):
        assert meant in said
