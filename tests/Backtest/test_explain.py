"""The explanation, reached from the canonical alone, agrees with the trades of the generated code."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings

from Backtest.backtesting_adapter import api_trades
from Backtest.canonical import CanonicalStrategy
from Backtest.data import BundledProvider, PriceRequest
from Backtest.decision.explain import Explainer
from Backtest.errors import DataError
from Backtest.meaning.words import spaced
from backtest_api.services import parse_time
from backtest_api.terminal import print_explanation
from tests.Backtest.parity import reference
from tests.explore import examples
from tests.random_strategies import frames, strategies


def traded(strategy: CanonicalStrategy, frame: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """Run the generated code in this process; return its trades and whether an order was refused."""
    said: list[str] = []
    found = reference(strategy, frame, said=said)
    assume(found is not None)
    assert found is not None
    return api_trades(strategy, frame, found[0]), any("canceled" in text or "no order" in text for text in said)


def disagreements(strategy: CanonicalStrategy, frame: pd.DataFrame, trades: pd.DataFrame) -> list[str]:
    """Return every bar on which the decision and the trades differ."""
    explainer = Explainer(strategy, frame, trades)
    delay = 0 if strategy.execution.trade_on_close else 1
    entries = {(row.entry_bar, row.side) for row in trades.itertuples()}
    ruled = {"exit_rule", "max_bars", "reversal"}
    exits = {row.exit_bar for row in trades.itertuples() if row.exit_reason in ruled}
    stopped = {row.exit_bar for row in trades.itertuples() if row.exit_reason not in ruled}
    found = []
    for bar in range(len(frame) - 1):
        action, side = explainer.decision(bar)
        fill = bar + delay
        if action in ("enter", "reverse") and (fill, side) not in entries:
            found.append(f"bar {bar}: decided to {action} {side}, no trade")
        if action in ("exit", "reverse") and fill not in exits and fill not in stopped:
            found.append(f"bar {bar}: decided to {action}, the position stayed")
        if action not in ("enter", "reverse") and any(b == fill for b, _ in entries):
            found.append(f"bar {bar}: decided {action}, but a trade was opened")
        if action not in ("exit", "reverse") and fill in exits:
            found.append(f"bar {bar}: decided {action}, but a rule closed the position")
    return found


@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategy=strategies(wide=False), frame=frames())
def test_it_agrees_with_the_trades_on_every_bar(strategy: CanonicalStrategy, frame: pd.DataFrame) -> None:
    trades, refused = traded(strategy, frame)
    assume(not refused)
    assert disagreements(strategy, frame, trades) == [], strategy.describe()


@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategy=strategies(wide=True), frame=frames())
def test_it_agrees_for_any_condition_there_is(strategy: CanonicalStrategy, frame: pd.DataFrame) -> None:
    trades, refused = traded(strategy, frame)
    assume(not refused)
    assert disagreements(strategy, frame, trades) == [], strategy.describe()


def test_why_there_was_no_trade_names_the_smallest_change(run: Any) -> None:
    result = run("Buy GOOG when RSI < 30 and close > SMA(200), sell when RSI > 70, stop 5%")
    explainer = Explainer(result.strategy, result.prices.frame, result.trades)
    sunday = explainer.explain(pd.Timestamp("2008-03-02"))
    assert sunday["answer"].startswith("There is no bar on 2008-03-02; this is the bar before, 2008-02-29. ")
    told = explainer.explain(pd.Timestamp("2008-02-28"))
    assert "no bar" not in told["answer"]
    assert told["position"] is None
    assert told["decision"] == {"action": "none", "side": None}
    clauses = told["rules"][0]["clauses"]
    assert [c["truth"] for c in clauses] == [False, False]
    assert clauses[0]["values"]["RSI(14)"] == pytest.approx(31.3959, abs=1e-3)
    assert "RSI_14 was 31.3959, needed < 30" in told["answer"]


def test_a_bar_with_a_trade_names_the_order_and_the_fill(run: Any) -> None:
    result = run("Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%")
    explainer = Explainer(result.strategy, result.prices.frame, result.trades)
    first = result.trades.iloc[0]
    index = result.prices.frame.index
    assert explainer.explain(index[first.entry_bar - 1])["answer"].startswith("The long entry is true")
    orders = explainer.explain(index[first.entry_bar])["orders"]
    assert orders[0] == {"order": "entry", "side": "long", "price": first.entry_price, "size": first["size"]}
    assert "warming up" in explainer.explain(index[3])["answer"]
    assert "last bar" in explainer.explain(index[-1])["answer"]


def test_an_order_at_the_last_bar_makes_no_profit_out_of_nothing(run: Any) -> None:
    # backtesting.py fills an order of the last bar at that bar's own open, before it was decided.
    frame = pd.DataFrame(
        {"Open": [10.0] * 10, "High": 12.0, "Low": 9.0, "Close": [10.0] * 9 + [12.0], "Volume": 1.0},
        index=pd.date_range("2020-01-01", periods=10, unit="us"),
    )
    result = run("Buy when close > 11, stop 5%", frame)
    assert result.summary["total_trades"] == 0
    assert result.summary["total_pnl"] == 0


def test_days_are_dates_and_volumes_have_separators(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame(
        {"Open": 10.0, "High": 12.0, "Low": 9.0, "Close": [10.0] * 4 + [11.5] * 6, "Volume": 6_580_300.0},
        index=pd.date_range("2020-01-01", periods=10, unit="us"),
    )
    result = run("Buy when close > 11 and volume > 5000000, stop 50%", frame)
    explainer = Explainer(result.strategy, result.prices.frame, result.trades)
    found = explainer.explain(pd.Timestamp("2020-01-07"))
    assert (found["time"], found["position"]["entry_time"]) == ("2020-01-07", "2020-01-06")
    print_explanation(found)
    shown = capsys.readouterr().out
    assert shown.startswith("2020-01-07 (bar 6): open 10, high 12, low 9, close 11.5, volume 6,580,300\n")
    assert "Volume = 6,580,300" in shown
    assert "00:00:00" not in shown
    assert (
        "Volume was 6,580,300, needed > 7000000"
        in Explainer(run("Buy when volume > 7000000, stop 5%", frame).strategy, frame, result.trades.head(0)).explain(
            pd.Timestamp("2020-01-07")
        )["answer"]
    )
    with pytest.raises(DataError, match=r"^2021-01-01 is outside the backtest's data, 2020-01-01 to 2020-01-10:"):
        explainer.explain(pd.Timestamp("2021-01-01"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(6_580_300.0, "6,580,300"), (1234.5678, "1,234.57"), (152.375, "152.375"), (1.08345, "1.08345"), (0.00001234, "0.00001234"), (1e6, "1,000,000")],
)  # fmt: skip
def test_values_that_were_seen(value: float, shown: str) -> None:
    assert spaced(value) == shown


def hourly() -> pd.DataFrame:
    """Return three days of six bars; on the second, the close of 10:00 is the only one of a day's first five above 101."""
    times = [pd.Timestamp(f"2024-02-{day} {hour}:00") for day in (19, 20, 21) for hour in range(10, 16)]
    flat, low = (100.0,) * 4, (96.0,) * 4
    rows = [flat] * 6
    rows += [(100.0, 102.0, 100.0, 102.0), (101.2, 102.0, 101.0, 101.5), (101.0, 101.0, 95.0, 96.0), low, low, low]
    rows += [low] * 6
    return pd.DataFrame(
        rows, columns=["Open", "High", "Low", "Close"], index=pd.DatetimeIndex(times).as_unit("us")
    ).assign(Volume=1000.0)


BREAKOUT = "Trade on hourly bars. Buy when close > 101, sell when close < 50, stop 5%"


def test_a_day_of_hours_is_explained_whole(run: Any) -> None:
    result = run(BREAKOUT, hourly())
    explainer = Explainer(result.strategy, result.prices.frame, result.trades)
    told = explainer.explain_day(date(2024, 2, 20))
    # Bought at the open after 10:00's close; 5% below 101.2 is 96.14, which the low of 12:00 reaches.
    assert told["answer"] == (
        "2024-02-20 has 6 bars, 10:00 to 15:00. "
        "10:00: The long entry is true, so a long order goes out, to be filled at the next open. "
        "11:00: Entered long at 101.2 at the open (order of the bar before). The position is held: no exit is true. "
        "12:00: The stop loss closed it at 96.14. No trade. Smallest change for one: long: Close was 96, needed > 101. "
        "In the others nothing was decided: no entry is true (3 bars). "
        "15:00: No trade. Smallest change for one: long: Close was 96, needed > 101. "
        "Rules and values are those of 10:00."
    )
    assert told["time"] == "2024-02-20 10:00:00"
    assert (told["day"]["date"], told["day"]["bars"]) == ("2024-02-20", 6)
    assert [
        (e["time"][11:16], e["decision"]["action"], [o["order"] for o in e["orders"]]) for e in told["day"]["events"]
    ] == [
        ("10:00", "enter", []),
        ("11:00", "none", ["entry"]),
        ("12:00", "none", ["exit"]),
    ]


def test_a_day_without_a_decision_says_what_its_last_bar_lacked(run: Any) -> None:
    result = run(BREAKOUT, hourly())
    explainer = Explainer(result.strategy, result.prices.frame, result.trades)
    told = explainer.explain_day(date(2024, 2, 19))
    assert told["answer"] == (
        "2024-02-19 has 6 bars, 10:00 to 15:00. Nothing was decided: no entry is true (6 bars). "
        "15:00: No trade. Smallest change for one: long: Close was 100, needed > 101. Rules and values are those of 15:00."
    )
    assert told["day"]["events"] == []
    early = explainer.explain(pd.Timestamp("2024-02-20 08:00"))
    assert early["answer"].startswith(
        "The bars of 2024-02-20 begin at 10:00; this is the bar before, 2024-02-19 15:00:00. "
    )


def test_a_day_of_daily_bars_is_its_bar(run: Any) -> None:
    result = run("Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%")
    explainer = Explainer(result.strategy, result.prices.frame, result.trades)
    assert explainer.explain_day(date(2008, 2, 28)) == explainer.explain(pd.Timestamp("2008-02-28"))
    with pytest.raises(DataError, match="outside the backtest's data"):
        explainer.explain_day(date(1999, 1, 1))


def test_a_fill_is_named_before_what_was_decided(run: Any) -> None:
    days = pd.date_range("2024-01-01", periods=8, unit="us")
    rows = [(100.0, 102.0, 100.0, 102.0), (101.2, 102.0, 101.0, 101.5), (101.0, 101.0, 99.0, 99.0), *[(98.0,) * 4] * 5]
    frame = pd.DataFrame(rows, columns=["Open", "High", "Low", "Close"], index=days).assign(Volume=1000.0)
    result = run("Buy when close > 101.9, sell when close < 100, stop 50%, wait 3 bars after an exit", frame)
    answers = [Explainer(result.strategy, frame, result.trades).explain(day)["answer"] for day in days[:7]]
    assert answers[:4] == [
        "The long entry is true, so a long order goes out, to be filled at the next open.",
        "Entered long at 101.2 at the open (order of the bar before). The position is held: no exit is true.",
        "The long exit is true, so the position is closed at the next open.",
        ("The long exit closed it at 98 at the open (order of the bar before). "
        "No entry at this bar and for 2 more bars: the cooldown after the last exit is not over."),
    ]  # fmt: skip
    assert answers[4] == "No entry at this bar and for 1 more bar: the cooldown after the last exit is not over."
    assert answers[5] == "No entry at this bar: the cooldown after the last exit is not over."
    assert answers[6].startswith("No trade. Smallest change for one: ")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-02-20", True), ("20 Feb 2024", True), ("20240220", True), ("2024-02-20T00:00", False), ("2024-02-20 00:00", False),
        ("2024-02-20T15", False), ("2024-02-20T00:00Z", False),
    ],
)  # fmt: skip
def test_a_time_of_day_is_one_bar_and_a_date_a_day(text: str, day: bool) -> None:
    found = parse_time(text)
    assert isinstance(found, pd.Timestamp) is not day
    assert (found.year, found.month, found.day) == (2024, 2, 20)


def test_a_day_within_a_longer_bar_is_told_which_bar_is_meant(run: Any) -> None:
    monthly = BundledProvider().fetch(PriceRequest("BTCUSD", "1mo"))
    result = run("Buy BTCUSD on monthly bars when ROC(3) > 0, sell when ROC(3) < 0", monthly)
    frame = result.prices.frame
    explainer = Explainer(result.strategy, frame, result.trades)
    day = frame.index[20]
    assert explainer.explain(day + pd.Timedelta(days=9))["answer"].startswith(
        f"This is the bar dated {day.date()}, the last one up to"
    )
    assert not explainer.explain(day)["answer"].startswith("This is the bar")
