"""Every figure against QuantStats, empyrical or a sum by hand, on the calendars there are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.kernel import figures
from Backtest.kernel.definitions import DEFINITIONS, NOTATION
from Backtest.kernel.figures import NAMES

DOCS = Path(__file__).parents[2] / "docs" / "figures.md"
BEGIN, END = "<!-- made by tests/Backtest/test_figures.py -->\n", "<!-- end -->"
DEFINITIONS_BEGIN = "<!-- definitions, made by tests/Backtest/test_figures.py -->\n"
DEFINITIONS_END = "<!-- end of definitions -->"


def session(days: pd.DatetimeIndex, minutes: range) -> pd.DatetimeIndex:
    """Return bars at the same minutes of each day."""
    return pd.DatetimeIndex([day + pd.Timedelta(minutes=m) for day in days for m in minutes])


def fx_hours(weeks: int, zone: str | None = None) -> pd.DatetimeIndex:
    """Return hours from Sunday 17:00 to Friday 17:00 in New York."""
    hours = pd.date_range("2021-01-03 17:00", periods=weeks * 168, freq="h")
    open_ = (hours - pd.Timedelta(hours=17)).floor("D").day_of_week
    index = hours[(open_ != 4) & (open_ != 5)]  # the days that begin on Friday and Saturday evening
    return index.tz_localize("America/New_York", nonexistent="shift_forward", ambiguous=True) if zone else index


def weekdays(first: str, count: int, days: str) -> pd.DatetimeIndex:
    """Return days of a week's mask, such as `1111100` for Monday to Friday."""
    every = pd.date_range(first, periods=count * 7 // days.count("1") + 14, freq="D")
    return every[[days[d] == "1" for d in every.day_of_week]][:count]


# Each: the times of the bars, the periods a year, and what the trading day of a bar is, by hand: `bar` where each bar is one.
SERIES: dict[str, tuple[pd.DatetimeIndex, int, str]] = {
    "daily, Monday to Friday, 1 year": (weekdays("2020-01-01", 252, "1111100"), 252, "bar"),
    "daily, Monday to Friday, 20 years": (weekdays("2000-01-03", 5040, "1111100"), 252, "bar"),
    "daily, 5 bars": (weekdays("2024-03-04", 5, "1111100"), 252, "bar"),
    "daily, every day": (weekdays("2018-01-01", 900, "1111111"), 365, "bar"),
    "daily, every day, 10 bars": (weekdays("2018-01-01", 10, "1111111"), 365, "bar"),
    "daily, Sunday to Thursday": (weekdays("2019-01-06", 500, "1111001"), 252, "bar"),
    "daily, foreign exchange with a candle for Sunday": (weekdays("2019-01-06", 600, "1111101"), 252, "sunday"),
    "weekly, Mondays": (pd.date_range("2015-01-05", periods=208, freq="W-MON"), 52, "bar"),
    "weekly, Fridays": (pd.date_range("2015-01-02", periods=60, freq="W-FRI"), 52, "bar"),
    "monthly, calendar month end": (pd.date_range("2010-01-31", periods=120, freq="ME"), 12, "bar"),
    "monthly, calendar month begin": (pd.date_range("2021-02-01", periods=6, freq="MS"), 12, "bar"),
    "monthly, business month end": (pd.date_range("2014-12-31", periods=24, freq="BME"), 12, "bar"),
    "monthly, business month begin": (pd.date_range("2015-01-01", periods=36, freq="BMS"), 12, "bar"),
    "quarterly": (pd.date_range("2005-03-31", periods=60, freq="QE"), 4, "bar"),
    "yearly": (pd.date_range("1990-12-31", periods=25, freq="YE"), 1, "bar"),
    "1 minute, 9:30 to 16:00": (session(weekdays("2024-01-02", 20, "1111100"), range(570, 960)), 252, "date"),
    "5 minutes, 9:30 to 16:00": (session(weekdays("2024-01-02", 60, "1111100"), range(570, 960, 5)), 252, "date"),
    "30 minutes, 9:00 to 15:30": (session(weekdays("2023-01-02", 90, "1111100"), range(540, 930, 30)), 252, "date"),
    "1 hour, around the clock, every day": (pd.date_range("2022-01-01", periods=24 * 120, freq="h"), 365, "date"),
    "4 hours, around the clock, every day": (pd.date_range("2023-01-01", periods=6 * 365, freq="4h"), 365, "date"),
    "1 hour, foreign exchange from Sunday evening": (fx_hours(40), 252, "evening"),
    "1 hour, the same with New York's zone": (fx_hours(40, "America/New_York"), 252, "evening"),
}  # fmt: skip


def equity_of(name: str) -> tuple[pd.Series, pd.Series]:
    """Draw an account and a market for a series: winners and losers in turn."""
    index = SERIES[name][0].as_unit("us")
    draw = np.random.default_rng(sorted(SERIES).index(name))
    drift = 0.0004 * (1 if sorted(SERIES).index(name) % 2 else -1)
    market = 100 * np.exp(np.cumsum(draw.normal(0.0002, 0.01, len(index))))
    account = 100_000 * np.exp(np.r_[0, np.cumsum(draw.normal(drift, 0.012, len(index) - 1))])
    return pd.Series(account, index), pd.Series(market, index)


def of_days(name: str, values: pd.Series) -> pd.Series:
    """Return the last value of each trading day, told by hand."""
    how, index = SERIES[name][2], pd.DatetimeIndex(values.index)
    local = index.tz_localize(None) if index.tz is not None else index
    if how == "bar":
        return values
    if how == "sunday":
        return values[index.day_of_week != 6]  # Sunday's candle goes on into Monday's
    day = (local + pd.Timedelta(hours=7)).normalize() if how == "evening" else local.normalize()
    return values.groupby(day).last()


def frame_of(market: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"Open": market, "High": market, "Low": market, "Close": market, "Volume": 1.0})


NO_TRADES = pd.DataFrame(columns=list(figures.TRADE_COLUMNS), dtype=float)


def measured(name: str, rate: float = 0.0) -> dict[str, Any]:
    account, market = equity_of(name)
    terms = {figures.CASH: 1e5, figures.RISK_FREE: rate}
    return figures.figures(account.to_numpy(), NO_TRADES, frame_of(market), terms)


def referees(name: str, rate: float = 0.0) -> dict[str, list[float]]:
    """Return what QuantStats and empyrical say, one value a referee."""
    account, market = equity_of(name)
    periods = SERIES[name][1]
    returns, others = (of_days(name, series).pct_change().dropna() for series in (account, market))
    returns.index = others.index = pd.date_range("2000-01-01", periods=len(returns))  # they look at the order alone
    years = (account.index[-1] - account.index[0]) / pd.Timedelta(days=365.25)
    whole = account.pct_change().dropna()
    daily_rate = (1 + rate) ** (1 / periods) - 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import empyrical  # here, as they take seconds to import and every process of the tests reads this file
        import quantstats.stats as qs

        np.NINF = -np.inf  # type: ignore[attr-defined]  # empyrical asks for it, NumPy 2 has it no more
        greeks = qs.greeks(returns - daily_rate, others - daily_rate, periods)
        return {
            "Volatility (Ann.) [%]": [
                100 * qs.volatility(returns, periods, prepare_returns=False),
                100 * empyrical.annual_volatility(returns, annualization=periods),
            ],
            "Sharpe Ratio": [
                qs.sharpe(returns, rate, periods),
                empyrical.sharpe_ratio(returns, daily_rate, annualization=periods),
            ],
            "Sortino Ratio": [
                qs.sortino(returns, rate, periods),
                empyrical.sortino_ratio(returns, daily_rate, annualization=periods),
            ],
            "CAGR [%]": [100 * empyrical.annual_return(whole, annualization=len(whole) / years)],
            "Max. Drawdown [%]": [
                100 * qs.max_drawdown(account.set_axis(pd.date_range("2000-01-01", periods=len(account)))),
                100 * empyrical.max_drawdown(whole),
            ],
            "Beta": [float(greeks["beta"]), empyrical.beta(returns - daily_rate, others - daily_rate)],
            "Alpha [%]": [100 * float(greeks["alpha"])],
        }


@pytest.mark.parametrize("rate", [0.0, 0.02])
@pytest.mark.parametrize("name", SERIES)
def test_figures_are_those_of_quantstats_and_empyrical(name: str, rate: float) -> None:
    ours = measured(name, rate)
    for figure, values in referees(name, rate).items():
        for value in values:
            assert ours[figure] == pytest.approx(value, rel=1e-9, abs=1e-9), figure
    assert ours["Return (Ann.) [%]"] == ours["CAGR [%]"]
    assert ours["Calmar Ratio"] == pytest.approx(ours["CAGR [%]"] / -ours["Max. Drawdown [%]"], rel=1e-12)


def table() -> str:
    """Return the table of the docs: what we say, and how far the furthest referee is from it."""
    lines = ["| series | periods | figure | here | QuantStats | empyrical |", "|---|---|---|---|---|---|"]
    for name in SERIES:
        ours, theirs = measured(name), referees(name)
        for figure in ("CAGR [%]", "Volatility (Ann.) [%]", "Sharpe Ratio", "Sortino Ratio", "Max. Drawdown [%]"):
            both = theirs[figure] if len(theirs[figure]) > 1 else ["", theirs[figure][0]]
            shown = " | ".join(f"{v:.6f}" if v != "" else "" for v in (ours[figure], *both))
            lines.append(f"| {name} | {SERIES[name][1]} | {figure} | {shown} |")
    return "\n".join(lines) + "\n"


def definitions() -> str:
    """Return the notation and the definitions of all figures as Markdown."""
    letters = "".join(f"- `{letter}`: {meaning}.\n" for letter, meaning in NOTATION.items())
    rows = "".join(f"| {d.name} | {d.text} | {d.source} |\n" for d in DEFINITIONS)
    return f"{letters}\n| figure | definition | source |\n|---|---|---|\n{rows}"


@pytest.mark.parametrize(
    ("begin", "end", "made"),
    [(BEGIN, END, table), (DEFINITIONS_BEGIN, DEFINITIONS_END, definitions)],
    ids=["table", "definitions"],
)
def test_the_tables_in_the_docs_are_these(begin: str, end: str, made: Callable[[], str]) -> None:
    """`WRITE_DOCS=1 pytest tests/Backtest/test_figures.py` writes them anew."""
    text = DOCS.read_text(encoding="utf-8")
    before, rest = text.split(begin)
    if os.environ.get("WRITE_DOCS"):
        DOCS.write_text(f"{before}{begin}{made()}{end}{rest.split(end)[1]}", encoding="utf-8")
    assert rest.split(end)[0] == made() or os.environ.get("WRITE_DOCS")


def test_each_figure_has_one_definition() -> None:
    assert sorted(d.name for d in DEFINITIONS) == sorted(NAMES)


# -- Trades, by hand ---------------------------------------------------------------------------


def bars(closes: list[float], opens: list[float] | None = None) -> pd.DataFrame:
    index = pd.bdate_range("2024-01-01", periods=len(closes), unit="us")
    open_ = np.array(opens or closes, dtype=float)
    close = np.array(closes, dtype=float)
    return pd.DataFrame(
        {
            "Open": open_,
            "High": np.maximum(open_, close),
            "Low": np.minimum(open_, close),
            "Close": close,
            "Volume": 1.0,
        },
        index,
    )


def trade(size: float, entered: int, left: int, entry: float, exit_: float, cost: float = 0.0) -> list[float]:
    pnl = size * (exit_ - entry) - cost
    return [size, entered, left, entry, exit_, np.nan, np.nan, pnl, cost, pnl / (abs(size) * entry)]


def figures_of(
    rows: list[list[float]], closes: list[float], opens: list[float] | None = None, begin: int = 0, **terms: float
) -> dict[str, Any]:
    frame = bars(closes, opens)
    equity = np.full(len(closes), 1000.0)
    for row in rows:
        equity[int(row[2]) :] += row[7]
    given = {figures.CASH: 1000.0} | {getattr(figures, name): value for name, value in terms.items()}
    table = pd.DataFrame(rows, columns=list(figures.TRADE_COLUMNS))
    return figures.figures(equity, table, frame, given, begin=begin)


def test_money_decides_profit_factor_and_expectancy() -> None:
    """A gain of 100% on 1 share of 10, a loss of 50% on 1 share of 100: it lost 40, whatever the percentages add up to."""
    found = figures_of([trade(1, 1, 2, 10, 20), trade(1, 3, 4, 100, 50)], [10, 10, 20, 100, 50, 50])
    assert found["Profit Factor"] == pytest.approx(10 / 50)
    assert found["Expectancy [$]"] == pytest.approx(-20)
    assert found["Profit Factor (Returns)"] == pytest.approx(1.0 / 0.5)
    assert found["Expectancy [%]"] == pytest.approx(25)
    assert found["Win Rate [%]"] == 50
    assert found["Kelly Criterion"] == pytest.approx(0.5 - 0.5 / (10 / 50))
    deviation = np.std([10, -50], ddof=1)
    assert found["SQN"] == pytest.approx(np.sqrt(2) * -20 / deviation)
    assert (found["Best Trade [%]"], found["Worst Trade [%]"]) == (pytest.approx(100), pytest.approx(-50))


def test_what_does_not_exist_is_null() -> None:
    none = figures_of([], [10, 11, 12])
    for name in (
        "Win Rate [%]",
        "Profit Factor",
        "Expectancy [$]",
        "SQN",
        "Kelly Criterion",
        "Sharpe Ratio",
        "Calmar Ratio",
    ):
        assert none[name] is None, name
    assert (none["# Trades"], none["Commissions [$]"], none["Exposure Time [%]"]) == (0, 0.0, 0.0)
    won = figures_of([trade(1, 1, 2, 10, 20)], [10, 10, 20])
    assert won["Profit Factor"] is None
    assert won["Kelly Criterion"] is None


def test_a_bar_that_is_left_at_its_open_is_not_exposed() -> None:
    opens, closes = [10, 10, 11, 12, 13], [10.5, 10.5, 11.5, 12.5, 13.5]
    assert figures_of([trade(1, 1, 3, 10, 12)], closes, opens)["Exposure Time [%]"] == pytest.approx(40)  # bars 1 and 2
    inside = figures_of([trade(1, 1, 3, 10, 12.25)], closes, opens)  # a stop within bar 3
    assert inside["Exposure Time [%]"] == pytest.approx(60)
    to_the_end = figures_of([trade(1, 1, 4, 10, 13.5)], closes, opens)
    assert to_the_end["Exposure Time [%]"] == pytest.approx(80)
    reversed_ = figures_of([trade(1, 1, 3, 10, 12), trade(-1, 3, 4, 12, 13)], closes, opens)
    assert reversed_["Exposure Time [%]"] == pytest.approx(60)  # bars 1, 2 and 3


def test_a_fill_at_the_close_is_exposed_from_the_next_bar() -> None:
    found = figures_of([trade(1, 1, 3, 10.5, 12.5)], [10.5, 10.5, 11.5, 12.5, 13.5], [10, 10, 11, 12, 13], AT_CLOSE=1.0)
    assert found["Exposure Time [%]"] == pytest.approx(40)  # bars 2 and 3


def test_buy_and_hold_pays_the_same_costs_over_the_same_bars() -> None:
    closes = [100.0, 110.0, 121.0, 133.1]
    assert figures_of([], closes)["Buy & Hold Return [%]"] == pytest.approx(33.1)
    assert figures_of([], closes, begin=1)["Buy & Hold Return [%]"] == pytest.approx(21)
    costly = figures_of([], closes, SPREAD=0.01, FEE=0.002, FIXED_FEE=5.0)
    units = (1000 - 5) / (100 * 1.01 * 1.002)
    assert costly["Buy & Hold Return [%]"] == pytest.approx(((units * 133.1 * 0.998 - 5) / 1000 - 1) * 100)


def test_drawdowns_last_from_their_peak_to_the_bar_that_regains_it() -> None:
    equity = np.array([100.0, 110, 99, 104.5, 110, 120, 108])
    frame = bars([1.0] * 7)
    found = figures.figures(equity, NO_TRADES, frame, {figures.CASH: 100.0})
    days = frame.index
    assert found["Max. Drawdown [%]"] == pytest.approx(-10)
    assert found["Avg. Drawdown [%]"] == pytest.approx(-10)
    assert found["Max. Drawdown Duration"] == str(days[4] - days[1])
    assert found["Equity Peak [$]"] == 120


def test_a_lost_account_has_lost_all() -> None:
    equity = np.array([100.0, 50, 0, 0, 0])
    found = figures.figures(equity, NO_TRADES, bars([1.0] * 5), {figures.CASH: 100.0})
    assert (found["Return [%]"], found["CAGR [%]"], found["Max. Drawdown [%]"]) == (-100, -100, -100)
    assert found["Volatility (Ann.) [%]"] == pytest.approx(100 * np.std([-0.5, -1], ddof=1) * np.sqrt(252))
    rich = np.array([100.0, 400, 0, 0, 0])  # the mean of +300% and -100% is no merit of it
    found = figures.figures(rich, NO_TRADES, bars([1.0] * 5), {figures.CASH: 100.0})
    assert (found["Sharpe Ratio"], found["Sortino Ratio"]) == (None, None)


def test_what_rests_on_too_little_is_said() -> None:
    found = figures_of([trade(1, 1, 2, 10, 20)], [10, 10, 20])
    said = figures.cautions(found, bars=3, years=2 / 365.25)
    assert said["Sharpe Ratio"] == "3 bars are too few to mean much"
    assert said["Win Rate [%]"] == "1 trade is too few to mean much"
    assert said["CAGR [%]"] == "2 days are too short to speak of a year"
    for years, length in ((1.4 / 365.25, "1 day is"), (0.2 / 365.25, "less than a day is"), (0.1, "37 days are")):
        told = figures.cautions(found, bars=3, years=years)["CAGR [%]"]
        assert told == f"{length} too short to speak of a year"
    assert "Profit Factor" not in said  # there is none
    assert figures.cautions({"# Trades": 5, "Sharpe Ratio": 1.0}, bars=30, years=0.5) == {}
