"""The words of the grammar stand in tables, and whatever stands in a table is a known word."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name", sorted(tables()))
def test_every_word_of_a_table_is_known(name: str) -> None:
    for phrase in tables()[name]:
        assert phrase == phrase.lower() or phrase in ("UTC", "GMT"), phrase
        assert set(phrase.replace("-", " ").split()) <= vocabulary(), phrase


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
