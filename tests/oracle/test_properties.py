"""Laws that hold whatever the strategy and the bars are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.explore import examples
from tests.oracle import random_cases
from tests.oracle.book import equity
from tests.oracle.closing import at_close
from tests.oracle.fills import settle
from tests.oracle.orders import START_CASH, Account, Moment
from tests.oracle.path import within
from tests.oracle.prices import Bar
from tests.oracle.random_cases import Json
from tests.oracle.reading import case
from tests.oracle.run import run
from tests.oracle.strategy import Case, Path
from tests.oracle.test_cases import equal

PATHS: tuple[Path, ...] = ("high_first", "low_first", "nearest")
SIZES: tuple[Json, ...] = ({"units": 100}, {"percent_of_equity": 100}, {"percent_of_equity": 60}, {"risk_percent": 5})
STEP = 0.25
MONEY = 1e-6


def after_opens(drawn: Case) -> Iterator[tuple[int, Account]]:
    """Give the account just after each open, along the worst path."""
    account = Account()
    for number, bar in enumerate(drawn.bars):
        account = settle(drawn, account, Moment(number, "open", bar.open))
        yield number, account
        account = at_close(drawn, within(drawn, account, number, "worst"), number)


def walked(drawn: Case, account: Account, number: int, turns: list[float]) -> Account:
    """Take one way through a bar in steps of 0.25 points, on which all levels of the random cases lie: from O by the turns to C."""
    price = drawn.bars[number].open
    for turn in [*turns, drawn.bars[number].close]:
        while price != turn:
            price += STEP if turn > price else -STEP
            account = settle(drawn, account, Moment(number, "within", price))
    return account


def ways(bar: Bar) -> st.SearchStrategy[list[float]]:
    """Draw the turns of a way through a bar: its high, its low and up to four prices between, in any order."""
    between = st.integers(int(bar.low * 4), int(bar.high * 4)).map(lambda quarters: quarters / 4)
    return st.lists(between, max_size=4).flatmap(lambda turns: st.permutations([*turns, bar.high, bar.low]))


@given(random_cases.cases(), st.data())
@settings(max_examples=examples(40))
def test_no_way_through_a_bar_is_worse_than_worst_or_better_than_best(given: Json, data: st.DataObject) -> None:
    # Averages of prices lie beside the steps, and so do their levels.
    for entry in given["strategy"]["entries"]:
        if entry.get("adds", {}).get("levels") == "from_average":
            entry["adds"]["levels"] = "from_last"
    drawn = case(given)
    for number, account in after_opens(drawn):
        close = drawn.bars[number].close
        worst, best = (equity(within(drawn, account, number, path), close) for path in ("worst", "best"))
        some_way = walked(drawn, account, number, data.draw(ways(drawn.bars[number])))
        straight = [equity(within(drawn, account, number, path), close) for path in PATHS]
        for reached in [*straight, equity(some_way, close)]:
            assert worst - MONEY <= reached <= best + MONEY


@given(random_cases.cases())
@settings(max_examples=examples(40))
def test_a_mirrored_strategy_on_mirrored_prices_gives_mirrored_events(given: Json) -> None:
    outcome, turned = run(case(given)), run(case(random_cases.mirrored(given)))

    wanted = [random_cases.mirrored_event(dict(event)) for event in outcome.events]
    assert equal(wanted, [dict(event) for event in turned.events])
    assert turned.equity == pytest.approx(outcome.equity)


@given(random_cases.cases(), st.sampled_from(SIZES), st.sampled_from([0, 0.001]), st.sampled_from([0, 0.002]))
@settings(max_examples=examples(40))
def test_cash_and_units_add_up_to_the_equity_of_each_bar_and_nothing_is_borrowed(
    given: Json, size: Json, commission: float, spread: float
) -> None:
    given["strategy"]["costs"] = {"commission": commission, "spread": spread}
    given["strategy"]["entries"] = [{**entry, "size": size} for entry in given["strategy"]["entries"]]
    drawn = case(given)
    outcome = run(drawn)

    cash, units = START_CASH, 0
    for number, bar in enumerate(drawn.bars):
        for fill in fills(outcome.events, number):
            bought = fill["size"] if fill["side"] == "buy" else -fill["size"]
            units += bought
            cash -= bought * fill["price"] + fill["size"] * fill["price"] * commission
            if fill["reason"] in ("entry", "add"):
                assert abs(units) * fill["price"] <= cash + units * fill["price"] + MONEY
        assert outcome.equity[number] == pytest.approx(cash + units * bar.close)
    assert units == 0


@given(random_cases.cases())
@settings(max_examples=examples(40))
def test_no_fill_lies_outside_its_bar(given: Json) -> None:
    drawn = case(given)
    outcome = run(drawn)
    for number, bar in enumerate(drawn.bars):
        for fill in fills(outcome.events, number):
            assert bar.low - 1e-6 <= fill["price"] <= bar.high + 1e-6
            if fill["at"] != "within":
                assert fill["price"] == (bar.open if fill["at"] == "open" else bar.close)


@given(random_cases.cases())
@settings(max_examples=examples(40))
def test_order_is_filled_or_cancelled_once_in_its_time_and_at_no_price_it_forbids(given: Json) -> None:
    waits: dict[str, Json] = {}
    for event in run(case(given)).events:
        name, bought = event.get("order", ""), event.get("side") == "buy"
        if event["do"] == "placed":
            assert name not in waits
            waits[name] = dict(event)
        elif event["do"] == "cancelled":
            del waits[name]
        elif event["do"] == "filled" and event["reason"] in ("entry", "add", "rule", "max_bars") and name in waits:
            order = waits.pop(name)
            assert order["bar"] < event["bar"] <= order.get("works_until_bar", event["bar"])
            worse = 1 if bought else -1
            past = worse * (event["price"] - order.get("price", event["price"]))
            assert past <= 0 or order["type"] != "limit"
            assert past >= 0 or order["type"] != "stop"
            assert worse * (event["price"] - order.get("limit", event["price"])) <= 0


@given(random_cases.cases(market=True, adds=False, parts=False))
@settings(max_examples=examples(40))
def test_two_halves_with_levels_of_their_own_earn_what_the_whole_does(given: Json) -> None:
    whole, halves = case(given), case({**given, "strategy": halved(given["strategy"])})

    assert run(halves).equity == pytest.approx(run(whole).equity)


def fills(events: tuple[Any, ...], number: int) -> list[Json]:
    return [dict(event) for event in events if event["do"] == "filled" and event["bar"] == number]


def halved(strategy: Json) -> Json:
    """Give the strategy with each entry in two halves: the second is added at once, by a limit at the fill of the first."""
    half = {"units": random_cases.SIZE // 2}
    adds = {"order": {"type": "limit", "points": 0}, "size": half, "max_units": 2, "levels": "per_unit"}
    return {**strategy, "entries": [{**entry, "size": half, "adds": adds} for entry in strategy["entries"]]}
