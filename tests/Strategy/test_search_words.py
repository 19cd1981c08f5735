"""What is to be searched, in words."""

from __future__ import annotations

from typing import Any

import pytest

from Backtest.errors import StrategyError
from Backtest.search.optimiser import SearchRequest
from Backtest.search.space import Space
from Strategy.talk.searches import read_constraint, read_search
from Strategy.text_parser import parse_strategy

RSI = parse_strategy("Buy when RSI < 30, sell when RSI > 70, stop 5%, target 10%").require()
VWAP = parse_strategy("5m bars. Buy when the close is above VWAP, stop 2%").require()
CROSS = parse_strategy(
    "Buy GOOG when SMA(10) crosses above SMA(30), sell when SMA(10) crosses below SMA(30), stop 5%"
).require()
PERIOD, FAST, SLOW = (f"indicators.{name}.timeperiod" for name in ("RSI_14", "SMA_10", "SMA_30"))
STOP, TARGET, ENTRY = "risk.stop_loss.value", "risk.take_profit.value", "entry_rules[0].when.right.value"


def span(low: float, high: float, step: float = 1) -> dict[str, float]:
    return {"min": low, "max": high, "step": step}


READ: list[tuple[Any, str, dict[str, Any]]] = [
    (RSI, "optimise the RSI period from 5 to 30", {"parameters": {PERIOD: span(5, 30)}}),
    (RSI, "Optimize the stop loss between 2% and 10% in steps of 2", {"parameters": {STOP: span(2, 10, 2)}}),
    (RSI, "the stop from 2 to 4 and the RSI entry level from 20 to 40 by 5",
     {"parameters": {STOP: span(2, 4), ENTRY: span(20, 40, 5)}}),
    (RSI, "find the best RSI period from 5 to 30 for the Sharpe ratio",
     {"parameters": {PERIOD: span(5, 30)}, "objective": "sharpe_ratio"}),
    (RSI, "tune the take profit from 0.5% to 3%, maximise total return, random search",
     {"parameters": {TARGET: span(0.5, 3, 0.1)}, "objective": "total_return_pct", "method": "random"}),
    (RSI, "optimise buy level 20 to 40 and stop 1-10", {"parameters": {ENTRY: span(20, 40), STOP: span(1, 10)}}),
    (parse_strategy("Buy when RSI < 30, trailing stop 3 ATR, risk 0.5% per trade").require(), "optimise the risk from 0.5 to 2 by 0.5",
     {"parameters": {"risk.position_size.value": span(0.5, 2, 0.5)}}),
    (RSI, "try the stop over 2, 3 and 5", {"parameters": {STOP: [2, 3, 5]}}),
    (CROSS, "optimise the fast period from 5 to 20 and the slow period from 20 to 100 in steps of 5 where fast < slow",
     {"parameters": {FAST: span(5, 20), SLOW: span(20, 100, 5)}, "constraint": f"{FAST} < {SLOW}"}),
    (CROSS, "the SMA 10 period from 5 to 20 and the SMA 30 period over 20, 30, 50",
     {"parameters": {FAST: span(5, 20), SLOW: [20, 30, 50]}}),
    (CROSS, "minimise drawdown: the slow period from 20 to 60, tpe", {"parameters": {SLOW: span(20, 60)}, "objective": "max_drawdown", "method": "tpe"}),
]  # fmt: skip


@pytest.mark.parametrize(("strategy", "words", "expected"), READ)
def test_words_become_a_request(strategy: Any, words: str, expected: dict[str, Any]) -> None:
    found = read_search(strategy, words)
    assert found == expected
    request = SearchRequest.model_validate(found)
    Space.of(strategy, request.parameters, request.constraint)


@pytest.mark.parametrize(
    ("strategy", "words", "said"),
    [
        (RSI, "optimise", "No range was given"),
        (RSI, "optimise it please", "No range was given"),
        (RSI, "optimise the moon from 1 to 3", "no number 'optimise the moon'"),
        (RSI, "optimise the RSI level from 10 to 50", "fits several numbers"),
        (CROSS, "optimise the period from 5 to 20", "fits several numbers"),
        (RSI, "the stop from 1 to 5 unless it rains", "unless rains"),
        (RSI, "from 1 to 5", "Which number is to be varied"),
        (VWAP, "vary the VWAP period from 10 to 30", "counts from the session's open and has no period"),
    ],
)
def test_what_is_unclear_is_asked(strategy: Any, words: str, said: str) -> None:
    with pytest.raises(StrategyError) as caught:
        read_search(strategy, words)
    assert said in caught.value.message
    assert caught.value.questions


SPANS = "the fast period from 5 to 20 and the slow period from 10 to 30 in steps of 10"


@pytest.mark.parametrize(
    "tail",
    [", fast < slow", "; fast<slow", ", keep fast < slow", " keep fast < slow", ", such that the fast is smaller than the slow", " and fast < slow",
     " such that the fast is below the slow", " with fast < slow", ", keeping the fast period shorter than the slow period", " (fast < slow)",
     ", where fast stays under slow", ", the fast must be less than the slow", " so that fast is lower than slow.", ", as long as fast < slow", ", but fast<slow"],
)  # fmt: skip
def test_constraints_are_said_in_many_ways(tail: str) -> None:
    found = read_search(CROSS, SPANS + tail)
    assert found == {"parameters": {FAST: span(5, 20), SLOW: span(10, 30, 10)}, "constraint": f"{FAST} < {SLOW}"}


def test_several_constraints() -> None:
    found = read_search(CROSS, SPANS + " and the stop from 2 to 5, where fast < slow and the stop is at least 3")
    assert found["constraint"] == f"{FAST} < {SLOW} and {STOP} >= 3"


def test_a_list_after_over_is_no_constraint() -> None:
    found = read_search(CROSS, "the fast from 5 to 20, the stop over 2, 3 and 5")
    assert found == {"parameters": {FAST: span(5, 20), STOP: [2, 3, 5]}}


@pytest.mark.parametrize("said", ["fast < slow", "slow > fast", "the period is below the RSI period"])
def test_two_names_of_one_number_are_refused(said: str) -> None:
    with pytest.raises(StrategyError, match="the same number, rsi_period"):
        read_constraint(RSI, said)
    with pytest.raises(StrategyError, match="the same number"):
        read_search(RSI, f"the RSI period from 5 to 30, {said}")


@pytest.mark.parametrize(
    "tail",
    [" where fast < slow, maximise the Sortino ratio", ", where fast < slow for the highest Sortino ratio", ", fast < slow, with a random search", " where SMA(10) < SMA(30)"],
)  # fmt: skip
def test_what_a_search_looks_for_may_stand_behind_its_constraint(tail: str) -> None:
    found = read_search(CROSS, SPANS + tail)
    assert found["constraint"] == f"{FAST} < {SLOW}"
    assert found["parameters"] == {FAST: span(5, 20), SLOW: span(10, 30, 10)}
    assert found.get("objective") == ("sortino_ratio" if "Sortino" in tail else None)
    assert found.get("method") == ("random" if "random" in tail else None)


@pytest.mark.parametrize(
    ("said", "path", "values"),
    [
        ("rsi_entry_level from 20 to 40 in steps of 5", "entry_rules[0].when.right.value", span(20, 40, 5)),
        ("try stops of 2%, 4% and 6%", STOP, [2, 4, 6]),
    ],
)
def test_a_number_s_own_name_and_plurals_are_read(said: str, path: str, values: object) -> None:
    strategy = parse_strategy("Buy GOOG when RSI(14) < 30, sell when RSI(14) > 70, stop 5%").require()
    assert read_search(strategy, said)["parameters"] == {path: values}
