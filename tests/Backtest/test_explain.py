"""The explanation, reached from the canonical alone, agrees with the trades of the generated code."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings

from Backtest.backtesting_adapter import api_trades
from Backtest.canonical import CanonicalStrategy
from Backtest.describe import spaced
from Backtest.errors import DataError
from Backtest.explain import Explainer
from backtest_api.terminal import print_explanation
from tests.Backtest.parity import reference
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


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategy=strategies(wide=False), frame=frames())
def test_it_agrees_with_the_trades_on_every_bar(strategy: CanonicalStrategy, frame: pd.DataFrame) -> None:
    trades, refused = traded(strategy, frame)
    assume(not refused)
    assert disagreements(strategy, frame, trades) == [], strategy.describe()


@settings(max_examples=75, deadline=None, suppress_health_check=list(HealthCheck))
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
