"""Pages that cost much to read cost a process of their own, and are given up."""

from __future__ import annotations

import pytest

from Backtest.errors import InvalidInput
from Backtest.machine.limited import WorkLimits
from Strategy.web.pages import MOST_CHARACTERS, passages_with_rules, readable

HOPEFUL = (
    "Buy the strength of the {n}th hour when the tape of the morning feels heavy, and sell it into the noise of lunch."
)
RULES = "Buy when RSI(14) < {n}. Sell when RSI(14) > 70."


def test_a_page_that_takes_minutes_to_take_apart_is_given_up() -> None:
    html = "<html><body><article><p>" + "<span>a</span>" * 140_000  # 222 s were measured
    with pytest.raises(InvalidInput, match="takes too long to read: copy the passage"):
        readable(html, limits=WorkLimits(memory_mb=512, cpu_s=1))


def test_a_page_that_takes_more_memory_than_it_may_is_given_up() -> None:
    with pytest.raises(InvalidInput, match="takes too long to read: copy the passage"):
        readable("<p>buy when it falls" * 90_000, limits=WorkLimits(memory_mb=8, cpu_s=20))


def test_no_more_passages_are_looked_at_than_may_be() -> None:
    hopeful = [HOPEFUL.format(n=n) for n in range(MOST_CHARACTERS // len(HOPEFUL) + 2)]
    early, late = RULES.format(n=25), RULES.format(n=35)
    page = "\n".join([*hopeful[:10], early, *hopeful[10:], late])
    assert passages_with_rules(page, limits=WorkLimits(memory_mb=512, cpu_s=120.0)) == [early]  # on a busy machine too


def test_five_strategies_are_found_and_no_more() -> None:
    assert passages_with_rules("\n".join(RULES.format(n=n) for n in range(20, 30))) == [
        RULES.format(n=n) for n in range(20, 25)
    ]
