"""Returns of months and years, drawdowns and buy-and-hold: by hand, and against QuantStats."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.backtesting_adapter import BacktestResult
from Backtest.sandbox import EngineSettings
from Backtest.statistics.equity import drawdowns, holding_curve, holding_figures, yearly_returns

CASH = 100_000.0
SENTENCE = "Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%"


def curve(values: list[float], days: list[str], zone: str | None = None) -> pd.Series:
    return pd.Series(values, pd.DatetimeIndex(days, tz=zone).as_unit("us"))


def test_the_first_month_begins_with_the_cash_and_months_without_bars_have_no_return() -> None:
    equity = curve(
        [100.0, 110.0, 121.0, 60.5, 66.55], ["2023-11-15", "2023-11-30", "2023-12-29", "2024-02-01", "2024-02-02"]
    )
    first, second = yearly_returns(equity, 100.0)
    assert (first.year, second.year) == (2023, 2024)
    assert first.months[:10] == (None,) * 10
    assert first.months[10:] == pytest.approx((0.10, 0.10))
    assert first.total == pytest.approx(0.21)
    assert second.months[0] is None
    assert second.months[1] == pytest.approx(66.55 / 121 - 1)
    assert second.total == pytest.approx(66.55 / 121 - 1)


@pytest.mark.parametrize(("freq", "months"), [("MS", 12), ("W-MON", 12), ("QS", 0), ("YS", 0)])
def test_coarser_bars_have_months_or_years_alone(freq: str, months: int) -> None:
    index = pd.date_range("2010-01-01", periods=30, freq=freq, unit="us")
    equity = pd.Series(CASH * 1.01 ** np.arange(30), index)
    years = yearly_returns(equity, CASH)
    assert {len(year.months) for year in years} == {months}
    growth = np.prod([1 + year.total for year in years if year.total is not None])
    assert growth == pytest.approx(1.01**29)


def test_a_bar_of_sunday_evening_counts_in_the_month_of_monday() -> None:
    hours = pd.date_range("2024-01-07 17:00", "2024-04-12 16:00", freq="h", tz="America/New_York", unit="us")
    open_ = (hours.tz_localize(None) - pd.Timedelta(hours=17)).floor("D").day_of_week
    hours = hours[(open_ != 4) & (open_ != 5)]
    equity = pd.Series(100.0, hours)
    equity[equity.index >= pd.Timestamp("2024-03-31 18:00", tz="America/New_York")] = 110.0  # a Sunday
    (year,) = yearly_returns(equity, 100.0)
    assert year.months[:4] == pytest.approx((0.0, 0.0, 0.0, 0.1))


def test_nothing_is_returned_on_an_account_that_lost_everything() -> None:
    equity = curve([100.0, -5.0, -5.0], ["2024-01-02", "2024-01-31", "2024-02-01"])
    (year,) = yearly_returns(equity, 100.0)
    assert year.months[:2] == (pytest.approx(-1.05), None)


def test_months_of_a_run_are_those_of_quantstats_and_make_its_return(run: Callable[..., BacktestResult]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import quantstats.stats as qs  # takes seconds

    result = run(SENTENCE)
    equity = result.equity["Equity"]
    years = yearly_returns(equity, CASH)
    returns = equity.pct_change().fillna(0.0)
    theirs = qs.monthly_returns(returns, eoy=True)
    assert [year.year for year in years] == theirs.index.astype(int).to_list()
    for year, (_, row) in zip(years, theirs.iterrows(), strict=True):
        assert [month or 0.0 for month in year.months] == pytest.approx(row.to_list()[:12], abs=1e-12)
        assert year.total == pytest.approx(row["EOY"], abs=1e-12)
    together = np.prod([1 + month for year in years for month in year.months if month is not None]) - 1
    assert together * 100 == pytest.approx(result.metrics["Return [%]"], rel=1e-12)
    assert np.prod([1 + (year.total or 0) for year in years]) - 1 == pytest.approx(together, rel=1e-12)


def test_drawdowns_by_hand() -> None:
    days = [f"2024-01-{day:02d}" for day in range(1, 10)]
    deepest, second, last = drawdowns(curve([100.0, 90, 95, 100, 110, 55, 110, 120, 108], days))
    assert (deepest.depth, second.depth) == pytest.approx((-0.5, -0.1))
    assert [str(t)[:10] for t in (deepest.start, deepest.trough, deepest.end)] == [
        "2024-01-05",
        "2024-01-06",
        "2024-01-07",
    ]
    assert [str(t)[:10] for t in (second.start, second.trough, second.end)] == [
        "2024-01-01",
        "2024-01-02",
        "2024-01-04",
    ]
    assert second.length == pd.Timedelta(days=3)
    assert (last.end, last.depth, last.length) == (None, pytest.approx(-0.1), pd.Timedelta(days=1))


def test_drawdowns_are_those_of_the_figures(run: Callable[..., BacktestResult]) -> None:
    result = run(SENTENCE)
    found = drawdowns(result.equity["Equity"])
    assert found[0].depth * 100 == pytest.approx(result.metrics["Max. Drawdown [%]"])
    assert np.mean([d.depth for d in found]) * 100 == pytest.approx(result.metrics["Avg. Drawdown [%]"])
    assert max(d.length for d in found) == pd.Timedelta(result.metrics["Max. Drawdown Duration"])


@pytest.mark.parametrize(
    "costs",
    [{}, {"commission": 0.002, "spread": 0.001, "commission_fixed": 7.0}],
    ids=["free", "with costs"],
)
def test_buy_and_hold_is_that_of_the_figures(run: Callable[..., BacktestResult], costs: dict[str, Any]) -> None:
    from Strategy.text_parser import parse_strategy

    data = parse_strategy(SENTENCE).require()
    strategy = data.model_copy(update={"execution": data.execution.model_copy(update=costs)})
    result = run(strategy)
    settings = EngineSettings(cash=CASH, **costs)
    frame = result.prices.frame
    held = holding_curve(frame["Close"].iloc[result.begin :].astype(float), settings)
    assert held is not None
    found = holding_figures(frame, result.begin, held, settings)
    assert found["Return [%]"] == pytest.approx(result.metrics["Buy & Hold Return [%]"], rel=1e-9)
    returns = held.pct_change().dropna()
    assert found["Sharpe Ratio"] == pytest.approx(returns.mean() / returns.std() * 252**0.5, rel=1e-9)
    assert found["Max. Drawdown [%]"] == pytest.approx((held / held.cummax() - 1).min() * 100, rel=1e-9)
    assert found["# Trades"] == 0


def test_cash_that_does_not_pay_the_commission_holds_nothing() -> None:
    closes = curve([1.0, 2.0], ["2024-01-01", "2024-01-02"])
    assert holding_curve(closes, EngineSettings(cash=5, commission_fixed=5)) is None
