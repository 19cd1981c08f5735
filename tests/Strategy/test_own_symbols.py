"""The names of a user's own prices in a text, in any case."""

from __future__ import annotations

import pytest

from Strategy.changes.edits import edit_by_rules
from Strategy.talk.intents import wanted
from Strategy.text_parser import parse_strategy

OWN = ["MYDATA", "MY_DATA2", "GC=F-2", "CLOSE", "ZZ", "ALFA"]
RULES = "when MFI < 35, sell when MFI > 65"


@pytest.mark.parametrize(
    ("said", "symbols"),
    [
        ("Buy mydata", ["MYDATA"]),
        ("Buy MyData", ["MYDATA"]),
        ("Buy my_data2", ["MY_DATA2"]),
        ("Buy gc=f-2", ["GC=F-2"]),
        ("Buy mydata and alfa", ["MYDATA", "ALFA"]),
        ("Trade mydata. Buy", ["MYDATA"]),
        ("On mydata, buy", ["MYDATA"]),
        ("Buy ZZ", ["ZZ"]),
    ],
)
def test_they_are_recognised_in_any_case(said: str, symbols: list[str]) -> None:
    assert parse_strategy(f"{said} {RULES}", symbols=OWN).require().symbols == symbols


@pytest.mark.parametrize("said", ["Buy at the close", "Buy zz", "Buy mydatas", "Buy mydata"])
def test_a_word_of_the_grammar_a_part_of_a_word_and_a_name_of_nobody_are_none(said: str) -> None:
    own = [] if said == "Buy mydata" else OWN
    parsed = parse_strategy(f"{said} {RULES}", symbols=own)
    assert not parsed.partial.get("symbols")
    assert parsed.strategy is None or not parsed.strategy.symbols


def test_a_rule_on_other_prices_of_ones_own_is_refused_as_that() -> None:
    parsed = parse_strategy(f"Buy GOOG when mydata is above its SMA(50), sell {RULES[5:]}", symbols=OWN)
    assert "unsupported_instrument" in {d.code for d in parsed.errors}


def test_orders_and_changes_know_them_too() -> None:
    assert wanted("test it on mydata since 2010", has_strategy=True, symbols=OWN).symbols == ("MYDATA",)
    strategy = parse_strategy(f"Buy GOOG {RULES}").require()
    edit = edit_by_rules(strategy, "trade mydata instead", symbols=OWN)
    assert edit is not None
    assert edit.strategy.symbols == ["MYDATA"]
