"""What is said of orders, bar by bar: placed, why not filled, filled, cancelled, moved; the numbers are worked out by hand."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.backtesting_adapter import run_backtest_from_canonical
from Backtest.canonical import CanonicalStrategy
from Backtest.data import PriceData
from Backtest.decision import OrderExplainer
from Backtest.kernel import Kernel
from Backtest.sandbox import ProcessSandbox
from Backtest.sandbox.worker import order_lines
from Strategy.notation import read_notation
from tests.engines import run_code

# Open, High, Low, Close, Volume; rules fire on the volume, so that prices can be chosen freely.
BARS = [
    (99, 101, 98, 100, 1),
    (100, 101, 98.6, 100, 10),  # the low of 98.6 is 0.6 above the limit
    (100, 100.5, 97.5, 99, 10),  # bought at 98: stop 93, half out at 101, the rest at 104
    (99, 101.5, 98.5, 101, 10),  # half out
    (101, 103, 99, 99.5, 10),
    (99.5, 100, 97, 98, 10),  # the stop at 98 is reached
    (98, 99, 97, 98, 1),
    (98, 99, 97.5, 98.5, 10),  # 96 is not reached on the one bar it waits
    (98.5, 99, 98, 98.5, 10),
]
PAGE = """Trade on daily bars.
Buy as "dip" with a limit at (Close - 2) for {bars} bars when Volume equals 1.
Stop loss: 5 points.
Target: 3 points for 50% of the trade.
Target: 6 points.
Break-even: once target 1 is reached.
Position size: 100 units."""


def explainer(page: str) -> OrderExplainer:
    index = pd.bdate_range("2024-01-01", periods=len(BARS), unit="us")
    frame = pd.DataFrame(BARS, index, ["Open", "High", "Low", "Close", "Volume"], dtype=float)
    strategy = CanonicalStrategy.model_validate(read_notation(page))
    run = Kernel(strategy, frame).run()
    names = {"EntryBar": "entry_bar", "ExitBar": "exit_bar", "Size": "size", "EntryPrice": "entry_price", "ExitPrice": "exit_price",
             "SL": "stop_loss", "TP": "take_profit"}  # fmt: skip
    trades = run.trades.rename(columns=names)[[*names.values()]].assign(side="long", exit_reason="")
    return OrderExplainer(strategy, frame, trades, run.events)


def told(bars: int, bar: int) -> dict[str, Any]:
    found = explainer(PAGE.format(bars=bars))
    return found.explain(pd.Timestamp(found.frame.index[bar]))


@pytest.mark.parametrize(
    ("bar", "sentences"),
    [
        (0, ["dip: a limit order to buy 100 at 98 is placed, until the bar 2024-01-04."]),
        (1, ["dip waits at 98: the Low of 98.6 did not reach it, by 0.6 (0.61%)."]),
        (2, ["dip: 100 bought at 98 within the bar; entered.", "The stop of u1 is 93 and the targets of u1 are 101, 104."]),
        (3, ["target1: 50 sold at 101 within the bar; a target took it.", "The stop of u1 is 98 from the next open on (moved to break-even)."]),
        (5, ["stop: 50 sold at 98 within the bar; the stop at break-even closed it."]),
    ],
)  # fmt: skip
def test_what_happens_to_an_order_and_its_levels(bar: int, sentences: list[str]) -> None:
    answer = told(3, bar)["answer"]
    assert answer.startswith(" ".join(sentences))


def test_an_order_that_expires_says_so() -> None:
    assert told(1, 7)["answer"].startswith("dip: cancelled at the close, since its last bar is over.")


def test_the_position_has_its_units_and_its_levels() -> None:
    position = told(3, 3)["position"]
    assert (position["side"], position["size"], position["entry_price"], position["bars_held"]) == ("long", 50, 98, 2)
    assert position["units"] == [{"unit": "u1", "size": 50, "price": 98, "time": "2024-01-03"}]
    assert position["stops"] == [{"unit": "u1", "price": 98}]
    assert position["unrealized_return_pct"] == pytest.approx(100 * (101 / 98 - 1))


@pytest.mark.parametrize(
    ("asked", "leaves"),  # bought at 98 on bar 2, whose close is 99; 101 at the next, 99.5 after it, one day each
    [
        ("the open profit is at least 3", 3),
        ("the open profit is at least (0.2 * the initial risk)", 2),
        ("the open profit in money is at least 100", 2),
        ("the open profit in money is at least 101", 3),
        ("the trading days held is at least 3", 4),
    ],
)  # fmt: skip
def test_an_exit_asks_what_the_position_has_gained_and_how_long_it_is_held(asked: str, leaves: int) -> None:
    page = PAGE.split("Target", maxsplit=1)[0].format(bars=3) + f"Exit long when {asked}.\nPosition size: 100 units."
    found = explainer(page)

    in_code, _ = run_code(found.strategy, found.frame)
    in_kernel = Kernel(found.strategy, found.frame).run().events

    for events in (in_code, in_kernel):
        assert [e["bar"] for e in events if e["do"] == "placed" and e["order"] == "exit1"] == [leaves]
    for bar, truth in ((leaves - 1, False), (leaves, True)):
        rules = found.explain(pd.Timestamp(found.frame.index[bar]))["rules"]
        assert [rule["truth"] is True for rule in rules if rule["kind"] == "exit"] == [truth]


def test_orders_are_listed_with_their_words() -> None:
    (placed,) = told(3, 0)["orders"]
    assert (placed["do"], placed["type"], placed["price"], placed["works_until_bar"]) == ("placed", "limit", 98, 3)
    assert placed["text"] == "dip: a limit order to buy 100 at 98 is placed, until the bar 2024-01-04."


def test_the_chart_has_what_waited_and_where_levels_lay() -> None:
    found, none = explainer(PAGE.format(bars=3)), np.nan
    events, _ = run_code(found.strategy, found.frame)

    by_hand = {
        "dip": [none, 98, 98, none, none, none, none, 96, 96],
        "stop u1": [none, none, 93, 93, 98, 98, none, none, none],
        "target1 u1": [none, none, 101, 101, none, none, none, none, none],
        "target2 u1": [none, none, 104, 104, 104, 104, none, none, none],
    }
    lines = order_lines(events, len(BARS))
    assert set(lines) == set(by_hand)
    for name, prices in by_hand.items():
        np.testing.assert_allclose(lines[name], prices)


def test_the_report_draws_them() -> None:
    found = explainer(PAGE.format(bars=3))
    prices = PriceData("TEST", "1d", found.frame, "test")
    with closing(ProcessSandbox()) as sandbox:
        result = run_backtest_from_canonical(found.strategy, prices, sandbox=sandbox, report=True)
    assert all(f'"{name}"' in str(result.report_html) for name in ("dip", "stop u1", "target1 u1", "target2 u1"))


def test_a_level_at_no_distance_is_told() -> None:
    """The bar of the signal closes where it opened: the target lies at no distance, so the order is refused, and the answer says so."""
    page = PAGE.split("Target", maxsplit=1)[0].replace("with a limit at (Close - 2) for {bars} bars ", "")
    page += "Target: 2 times the distance of abs((Close - Open)).\nPosition size: 100 units."
    found = explainer(page)
    flat = pd.DataFrame([[100, 101, 99, 100, 1]] * 4, found.frame.index[:4], found.frame.columns, dtype=float)

    in_code, _ = run_code(found.strategy, flat)
    in_kernel = Kernel(found.strategy, flat).run().events

    for events in (in_code, in_kernel):
        assert [(e["do"], e.get("reason")) for e in events] == [("refused", "no_distance")] * 3
