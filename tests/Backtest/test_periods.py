"""Days, weeks, months and hours of the clock: where a bar stands in them, and what they have seen, against real exchange days."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from Backtest.backtesting_adapter import check_data
from Backtest.canonical import CanonicalStrategy, history_bars, make_indicator
from Backtest.code.generator import generate_code
from Backtest.data import PriceData
from Backtest.decision import compute_indicators
from Backtest.diagnostics import load_canonical
from Backtest.errors import DataError, StrategyError
from Backtest.indicators import REGISTRY
from Backtest.kernel import Kernel
from Backtest.market.sessions import with_calendar
from tests.Backtest.parity import difference
from tests.Backtest.test_figures import fx_hours, weekdays

NEW_YORK = "America/New_York"


def walk(index: pd.DatetimeIndex, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.003, len(index)))), 2)
    open_ = np.round(close + rng.normal(0, 0.1, len(index)), 2)
    high, low = np.maximum(open_, close) + 0.05, np.minimum(open_, close) - 0.05
    columns = {"Open": open_, "High": high, "Low": low, "Close": close, "Volume": rng.integers(1, 99, len(index)) * 1.0}
    return pd.DataFrame(columns, index.as_unit("us"))


@cache
def new_york() -> exchange_calendars.ExchangeCalendar:
    with warnings.catch_warnings():  # it uses what pandas 4 will do without
        warnings.simplefilter("ignore")
        return exchange_calendars.get_calendar("XNYS", start="2020-01-01", end="2025-12-31")


def exchange(first: str, last: str, step: int, *, before: int = 0, after: int = 0) -> pd.DatetimeIndex:
    """Bars of the New York Stock Exchange's real hours, with so many minutes before and after them."""
    calendar, minutes = new_york(), pd.Timedelta(minutes=1)
    bars: list[pd.Timestamp] = []
    for day in calendar.sessions_in_range(first, last):
        open_, close = calendar.session_open_close(day)
        bars.extend(
            pd.date_range(open_ - before * minutes, close + after * minutes, freq=f"{step}min", inclusive="left")
        )
    return pd.DatetimeIndex(bars).tz_convert(NEW_YORK)


def exchange_days(first: str, last: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(new_york().sessions_in_range(first, last)).tz_localize(None)


def column(index: pd.DatetimeIndex, name: str) -> pd.Series[float]:
    return with_calendar(walk(index), [name])[name]


# -- Places in the calendar --------------------------------------------------------------------


@pytest.mark.parametrize("zone", [NEW_YORK, "UTC", None])
def test_minutes_count_from_the_opening_to_the_close_of_half_days_too(zone: str | None) -> None:
    """July 3 and November 29 of 2024 closed at 13:00; New York's clock changed on November 3."""
    index = exchange("2024-06-03", "2024-12-20", 30)
    told = pd.DatetimeIndex(index.tz_convert(zone) if zone else index.tz_localize(None))
    frame = with_calendar(walk(told), ["MinutesIn", "MinutesLeft", "BarsLeft"]).set_axis(index)
    for day, bars in (("2024-07-02", 13), ("2024-07-03", 7), ("2024-11-27", 13), ("2024-11-29", 7), ("2024-12-02", 13)):
        of_day = frame.loc[day]
        assert len(of_day) == bars
        assert of_day["MinutesIn"].tolist() == [30.0 * k for k in range(bars)]
        assert of_day["BarsLeft"].tolist() == [float(bars - 1 - k) for k in range(bars)]
        assert of_day["MinutesLeft"].tolist() == [30.0 * (bars - 1 - k) for k in range(bars)]


def test_a_few_days_of_bars_before_and_after_tell_their_exchange_too() -> None:
    index = exchange("2024-07-01", "2024-07-05", 30, before=330, after=240)
    for told in (index, index.tz_convert("UTC")):
        assert column(told, "MinutesIn").set_axis(index)["2024-07-03 09:30-04:00"] == 0
        assert column(told, "MinutesLeft").set_axis(index)["2024-07-03 12:30-04:00"] == 0


@pytest.mark.parametrize("zone", [NEW_YORK, "UTC", None])
def test_bars_before_and_after_the_exchanges_hours_do_not_move_them(zone: str | None) -> None:
    index = exchange("2024-05-01", "2024-09-30", 30, before=330, after=240)  # 4:00 to 20:00, on July 3 to 17:00
    told = pd.DatetimeIndex(index.tz_convert(zone) if zone else index.tz_localize(None))
    frame = with_calendar(walk(told), ["MinutesIn", "MinutesLeft", "BarsLeft"]).set_axis(index)
    for day, close in (("2024-07-02", 16), ("2024-07-03", 13)):
        at = frame.loc[day]
        assert at.loc[f"{day} 04:00"][["MinutesIn", "MinutesLeft"]].tolist() == [-330, (close - 4) * 60 - 30]
        assert at.loc[f"{day} 09:30"]["MinutesIn"] == 0
        last = at.loc[f"{day} {close - 1}:30"]
        assert last[["MinutesLeft", "BarsLeft"]].tolist() == [0, 0]
        assert at.loc[f"{day} {close}:00"][["MinutesLeft", "BarsLeft"]].tolist() == [0, 0]


LAST_DAYS_2024 = ["01-31", "02-29", "03-28", "04-30", "05-31", "06-28", "07-31", "08-30", "09-30", "10-31", "11-29", "12-31"]  # fmt: skip
FIRST_DAYS_2024 = ["01-02", "02-01", "03-01", "04-01", "05-01", "06-03", "07-01", "08-01", "09-03", "10-01", "11-01", "12-02"]  # fmt: skip


@pytest.mark.parametrize("intraday", [False, True])
def test_the_first_and_last_trading_days_of_2024(intraday: bool) -> None:
    index = exchange("2023-12-01", "2024-12-31", 60) if intraday else exchange_days("2023-12-01", "2024-12-31")
    for name, days in (("TradingDay", FIRST_DAYS_2024), ("TradingDaysLeft", LAST_DAYS_2024)):
        places = column(index, name)
        found = {str(stamp)[:10] for stamp in places.index[places == 1] if stamp.year == 2024}
        assert sorted(found) == [f"2024-{day}" for day in days]


def test_the_week_of_thanksgiving() -> None:
    """Closed on Thursday the 28th, a half day on Friday."""
    left = column(exchange_days("2024-01-02", "2024-12-31"), "TradingDaysLeft")
    assert left.loc["2024-11-25":"2024-11-29"].tolist() == [4, 3, 2, 1]  # type: ignore[misc]


def test_a_month_whose_end_is_not_in_the_prices_yet() -> None:
    """March 2024 ended on the 28th: the 29th was Good Friday."""
    index = exchange_days("2023-06-01", "2024-03-26")
    assert column(index, "TradingDaysLeft").iloc[-1] == 3
    assert column(index, "TradingDay").iloc[-1] == 18


def test_without_a_calendar_holidays_to_come_count_as_trading_days() -> None:
    index = weekdays("2024-03-04", 15, "1111100")
    assert column(index, "TradingDaysLeft").iloc[0] == 20


def test_a_month_without_its_beginning_has_no_trading_days() -> None:
    places = column(exchange_days("2024-01-10", "2024-03-05"), "TradingDay")
    assert places["2024-01-10":"2024-01-31"].isna().all()  # type: ignore[misc]
    assert places["2024-02-01"] == 1


def test_coins_trade_every_day() -> None:
    index = pd.date_range("2024-01-31 20:00", "2024-03-01 03:00", freq="h", tz="UTC")
    left, day = column(index, "TradingDaysLeft"), column(index, "MonthDay")
    assert left["2024-02-01 00:00+00:00"] == 29
    assert left["2024-02-29 23:00+00:00"] == 1
    assert day["2024-02-29 23:00+00:00"] == 29
    assert column(index, "BarsLeft")["2024-02-03 22:00+00:00"] == 1


def test_foreign_exchange_ends_its_days_at_17_in_new_york() -> None:
    """In New York's winter that is 22:00 UTC. The week of Sunday, January 10, 2021."""
    index = fx_hours(8, NEW_YORK)
    for told in (index, index.tz_convert("UTC"), index.tz_convert("UTC").tz_localize(None)):
        frame = with_calendar(walk(told), ["MinutesIn", "MinutesLeft", "BarsLeft", "TradingDay", "MonthDay", "Session"])
        frame = frame.set_axis(index)
        sunday, monday, friday = (frame.loc[f"2021-01-{t}-05:00"] for t in ("10 17:00", "11 16:00", "15 16:00"))
        assert sunday[["MinutesIn", "MinutesLeft", "BarsLeft"]].tolist() == [0, 23 * 60, 23]
        assert monday[["MinutesIn", "MinutesLeft", "BarsLeft"]].tolist() == [23 * 60, 0, 0]
        assert friday["MinutesLeft"] == 0
        assert sunday["MonthDay"] == monday["MonthDay"] == 11
        assert sunday["Session"] == monday["Session"]
        assert frame.loc["2021-02-01 10:00-05:00"]["TradingDay"] == 1


# -- Prices of other days ----------------------------------------------------------------------


def computed(index: pd.DatetimeIndex, name: str, timeframe: str, **more: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prices, and the outputs of an indicator on them."""
    frame, item = walk(index), make_indicator(name, **more)
    strategy = a_strategy(item.model_dump(), timeframe)
    values = compute_indicators(strategy, frame)[item.id]
    return frame, pd.DataFrame({o.name: v for o, v in zip(item.entry.outputs, values, strict=True)}, frame.index)


def a_strategy(indicator: dict[str, Any], timeframe: str, output: str | None = None) -> CanonicalStrategy:
    outputs = REGISTRY[indicator["name"]].outputs
    ref = {"type": "indicator", "id": indicator["id"]}
    ref |= {"output": output or outputs[0].name} if len(outputs) > 1 else {}
    rule = {"when": {"type": "compare", "left": {"type": "price"}, "op": ">", "right": ref}}
    data = {"timeframe": timeframe, "indicators": [indicator], "entry_rules": [rule], "risk": {"max_bars": 3}}
    return load_canonical(data).require()


def test_yesterday_before_a_half_day_and_a_holiday() -> None:
    frame, seen = computed(exchange("2024-06-03", "2024-07-12", 30), "PRIOR_DAY", "30m")
    for day, before in (("2024-07-03", "2024-07-02"), ("2024-07-05", "2024-07-03"), ("2024-07-08", "2024-07-05")):
        of_before, of_day = frame.loc[before], seen.loc[day]
        assert (of_day["high"] == of_before["High"].max()).all()
        assert (of_day["low"] == of_before["Low"].min()).all()
        assert (of_day["open"] == of_before["Open"].iloc[0]).all()
        assert (of_day["close"] == of_before["Close"].iloc[-1]).all()
    assert seen.loc["2024-06-03"].isna().all(axis=None)


def test_last_week_and_last_month() -> None:
    """The week of May 28, 2024 began on a Tuesday, for Memorial Day; prices from the 29th on lack its beginning."""
    index = exchange_days("2024-05-01", "2024-07-12")
    frame, weeks = computed(index, "PRIOR_WEEK", "1d")
    assert (weeks["open"]["2024-06-03":"2024-06-07"] == frame["Open"]["2024-05-28"]).all()  # type: ignore[misc]
    assert weeks["low"]["2024-07-08"] == frame["Low"]["2024-07-01":"2024-07-05"].min()  # type: ignore[misc]
    _, months = computed(index, "PRIOR_MONTH", "1d")
    assert (months["high"].loc["2024-06"] == frame["High"].loc["2024-05"].max()).all()
    _, weeks = computed(index[index >= "2024-05-29"], "PRIOR_WEEK", "1d")
    assert weeks.loc[:"2024-06-07"].isna().all(axis=None)  # type: ignore[misc]


def test_the_days_of_foreign_exchange() -> None:
    frame, seen = computed(fx_hours(8, NEW_YORK), "PRIOR_DAY", "1h")
    friday = frame.loc["2021-01-14 17:00":"2021-01-15 16:00"]  # type: ignore[misc]
    assert seen["high"]["2021-01-17 17:00-05:00"] == seen["high"]["2021-01-18 16:00-05:00"] == friday["High"].max()


# -- Ranges ------------------------------------------------------------------------------------


def test_an_opening_range_is_that_of_the_exchange_not_of_what_traded_before() -> None:
    frame, seen = computed(exchange("2024-05-01", "2024-09-30", 5, before=330), "OPENING_RANGE", "5m", minutes=15)
    day = seen.loc["2024-07-03"]
    inside = frame.loc["2024-07-03 09:30":"2024-07-03 09:40"]  # type: ignore[misc]
    assert day.loc[:"2024-07-03 09:35"].isna().all(axis=None)  # type: ignore[misc]
    assert (day.loc["2024-07-03 09:40":]["high"] == inside["High"].max()).all()  # type: ignore[misc]
    assert (day.loc["2024-07-03 09:40":]["low"] == inside["Low"].min()).all()  # type: ignore[misc]


def test_minutes_that_do_not_divide_the_bars_end_with_the_bar_and_are_warned_of() -> None:
    item = make_indicator("OPENING_RANGE", minutes=20).model_dump()
    frame, seen = computed(exchange("2024-05-01", "2024-07-31", 15), "OPENING_RANGE", "15m", minutes=20)
    day, prices = seen.loc["2024-07-03"], frame.loc["2024-07-03"]
    assert day.iloc[:1].isna().all(axis=None)
    assert (day["high"].iloc[1:] == prices["High"].iloc[:2].max()).all()
    rule = {"when": {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "indicator", "id": item["id"], "output": "high"}}}  # fmt: skip
    data = {"timeframe": "15m", "indicators": [item], "entry_rules": [rule], "risk": {"max_bars": 3}}
    (warning,) = [d for d in load_canonical(data).diagnostics if d.code == "minutes_of_bars"]
    assert "the first 30 minutes" in warning.message


def test_an_opening_range_is_known_at_its_time_where_bars_are_missing() -> None:
    index = exchange("2024-05-01", "2024-07-31", 5)
    gone = pd.DatetimeIndex([f"2024-07-03 09:{m}" for m in ("35", "40")]).tz_localize(NEW_YORK)
    frame, seen = computed(index[~index.isin(gone)], "OPENING_RANGE", "5m", minutes=15)
    day = seen["high"].loc["2024-07-03"]
    assert np.isnan(day.iloc[0])
    assert (day.iloc[1:] == frame["High"].loc["2024-07-03"].iloc[0]).all()  # only 9:30 traded; 9:45 is behind it


def test_a_clocks_range_goes_over_midnight_and_ends_with_its_day() -> None:
    """From 19:00 to 2:00 in New York, the session of Tokyo: known at the close of the bar of 1:00, until 19:00."""
    frame, seen = computed(fx_hours(8, NEW_YORK), "CLOCK_RANGE", "1h", start=1900, end=200)
    inside = frame.loc["2021-01-12 19:00":"2021-01-13 01:00"]  # type: ignore[misc]
    known = seen.loc["2021-01-13 01:00":"2021-01-13 18:00"]  # type: ignore[misc]
    assert len(known) == 18
    assert (known["high"] == inside["High"].max()).all()
    assert (known["low"] == inside["Low"].min()).all()
    assert seen.loc["2021-01-12 19:00":"2021-01-13 00:00"].isna().all(axis=None)  # type: ignore[misc]
    # From Thursday evening to the end of the week; on Sunday at 17:00 the range of Saturday's evening would count, and there is none.
    assert seen.loc["2021-01-15 16:00"].notna().all(axis=None)
    assert seen.loc["2021-01-17 17:00"].isna().all(axis=None)


def test_a_clocks_range_may_be_of_another_zone_than_the_prices() -> None:
    """7 PM to 2 AM in New York are 0:00 to 7:00 UTC in winter, an hour earlier from March 14, 2021 on."""
    index = fx_hours(14, NEW_YORK)
    _, by_zone = computed(index, "CLOCK_RANGE", "1h", start=1900, end=200)
    item = make_indicator("CLOCK_RANGE", start=1900, end=200).model_copy(update={"timezone": NEW_YORK})
    strategy = a_strategy(item.model_dump(), "1h", "high")
    for told in (index.tz_convert("UTC"), index.tz_convert("Asia/Tokyo")):
        found = compute_indicators(strategy, walk(told))[item.id]
        np.testing.assert_array_equal(found[0], by_zone["high"])
        assert not difference(strategy, walk(told), seed=7)
        space: dict[str, Any] = {"__name__": "alone"}
        exec(generate_code(strategy).code, space)
        trades = space["backtest"](walk(told)).run(first_bar=100)["_trades"]
        assert trades["EntryBar"].tolist() == Kernel(strategy, walk(told), first=100).run().trades["EntryBar"].tolist()
    assert f"in {NEW_YORK} time" in strategy.describe()
    with pytest.raises(DataError, match=f"speak of the time in {NEW_YORK}"):
        check_data(strategy, PriceData("X", "1h", walk(index.tz_localize(None)), "test"))


def test_a_run_says_whose_clock_a_range_goes_by() -> None:
    strategy = a_strategy(make_indicator("CLOCK_RANGE").model_dump(), "1h", "high")
    notes = check_data(strategy, PriceData("X", "1h", walk(fx_hours(8, NEW_YORK)), "test"))
    assert f"Times of day are those of the prices, {NEW_YORK}" in notes


def test_a_time_of_the_clock_has_at_most_59_minutes() -> None:
    with pytest.raises(ValueError, match="375 is no time of the day"):
        make_indicator("CLOCK_RANGE", start=375)


# -- Both engines, the history, and the code by itself ------------------------------------------

CALENDAR_NAMES = [name for name, entry in REGISTRY.items() if entry.calendar]
MARKETS = {
    "exchange": exchange("2024-01-02", "2024-07-12", 30),
    "exchange with more": exchange("2024-03-01", "2024-07-12", 30, before=330, after=240),
    "foreign exchange": fx_hours(20, NEW_YORK).tz_convert("UTC"),
    "coins": pd.date_range("2024-01-20", periods=2400, freq="h", tz="UTC"),
}


def thresholds(name: str) -> dict[str, Any]:
    """A strategy that trades by an indicator against the close, or against its middle."""
    item = make_indicator(name)
    if item.entry.scale == "price":
        return a_strategy(item.model_dump(), "30m").model_dump(mode="json")
    level = {"MINUTES_IN": 120, "MINUTES_LEFT": 90, "BARS_LEFT": 3, "TRADING_DAY": 5, "TRADING_DAYS_LEFT": 4}.get(
        name, 5
    )
    rule = {"when": {"type": "compare", "left": {"type": "indicator", "id": item.id}, "op": "==", "right": {"type": "value", "value": level}}}  # fmt: skip
    return {"timeframe": "30m", "indicators": [item.model_dump()], "entry_rules": [rule], "risk": {"max_bars": 4}}


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", CALENDAR_NAMES)
def test_engines_trade_alike_and_a_run_knows_what_came_before(market: str, name: str) -> None:
    strategy, frame = load_canonical(thresholds(name)).require(), walk(MARKETS[market])
    assert not difference(strategy, frame, seed=7)
    day = frame.index[int(len(frame) * 0.8)].normalize() + pd.Timedelta(days=1)
    asked = PriceData("X", "30m", frame, "test").between(day.date(), None, history_bars(strategy))
    (item,) = strategy.indicators
    whole, part = (compute_indicators(strategy, f)[item.id] for f in (frame, asked.frame))
    first = len(frame) - (len(asked.frame) - asked.first)
    for output, of_part in zip(whole, part, strict=True):
        np.testing.assert_allclose(of_part[asked.first :], output[first:], rtol=1e-9)


@pytest.mark.parametrize("name", CALENDAR_NAMES)
def test_the_code_by_itself_knows_the_days_of_the_clock(name: str) -> None:
    """Without the columns of the calendar, on an exchange's whole days, the same is traded."""
    strategy = load_canonical(thresholds(name)).require()
    frame = walk(exchange("2024-03-28", "2024-05-24", 30))  # no half day, no holiday but Good Friday
    code = generate_code(strategy).code
    space: dict[str, Any] = {"__name__": "alone"}
    exec(code, space)
    for first in (30, 600):
        stats = space["backtest"](frame).run(first_bar=first)
        ours = Kernel(strategy, frame, first=first).run().trades
        assert stats["_trades"]["EntryBar"].tolist() == ours["EntryBar"].tolist()
        np.testing.assert_allclose(stats["_trades"]["EntryPrice"], ours["EntryPrice"], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "timeframe"),
    [
        ("PRIOR_DAY", "1d"),
        ("PRIOR_WEEK", "1wk"),
        ("PRIOR_MONTH", "1mo"),
        ("TRADING_DAY", "1wk"),
        ("OPENING_RANGE", "1d"),
    ],
)
def test_bars_that_have_no_place_in_a_period_are_refused(name: str, timeframe: str) -> None:
    with pytest.raises(StrategyError, match=r"there is no|has no meaning on"):
        a_strategy(make_indicator(name).model_dump(), timeframe)
