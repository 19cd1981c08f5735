"""Trading days and coarser bars: which bars make one up, when it is complete, and that nothing is known early or late."""

from __future__ import annotations

import warnings
from functools import cache

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from Backtest.market.sessions import TradingSession, coarser, resample
from tests.Backtest.test_figures import fx_hours, session, weekdays
from tests.explore import examples


def prices(index: pd.DatetimeIndex, seed: int = 0) -> pd.DataFrame:
    """Return bars whose close is their number, so that a coarser bar tells which it is made of."""
    close = np.arange(len(index), dtype=float) + 1
    return pd.DataFrame(
        {"Open": close, "High": close, "Low": close, "Close": close, "Volume": 1.0}, index.as_unit("us")
    )


def known(index: pd.DatetimeIndex, timeframe: str) -> list[float]:
    """Return at each bar the close of the last coarser bar that is complete at its close, NaN before the first."""
    bars, _, complete = coarser(prices(index), timeframe)
    return np.append(np.nan, bars["Close"].to_numpy())[complete].tolist()


WEEKDAYS = weekdays("2024-01-01", 15, "1111100")  # from a Monday; New York was closed on that one


def test_a_week_is_known_at_fridays_close() -> None:
    nan = np.nan
    np.testing.assert_array_equal(known(WEEKDAYS, "1wk"), [nan] * 4 + [5.0] * 5 + [10.0] * 5 + [15.0])


def test_a_week_without_its_friday_is_known_when_the_next_one_has_begun() -> None:
    index = WEEKDAYS.delete(4)  # nobody told of the holiday
    np.testing.assert_array_equal(known(index, "1wk")[3:6], [np.nan, 4.0, 4.0])


def test_a_month_is_known_on_its_last_weekday() -> None:
    index = weekdays("2024-01-01", 45, "1111100")
    shown = pd.Series(known(index, "1mo"), index)
    assert np.isnan(shown["2024-01-30"])
    assert shown["2024-01-31"] == 23
    assert shown["2024-02-28"] == 23
    assert shown["2024-02-29"] == 44


def test_a_week_of_a_holiday_the_exchange_tells_of_is_known_on_its_last_day() -> None:
    """Good Friday 2024 was March 29: the New York Stock Exchange's week ended on Thursday, and with it the month."""
    closed = ["2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29"]
    index = weekdays("2024-01-02", 70, "1111100")
    index = index[~index.isin(pd.DatetimeIndex(closed))]
    bars, number, complete = coarser(prices(index), "1wk")
    at = pd.Series(np.arange(len(index)), index)
    thursday = at["2024-03-28"]
    assert complete[thursday] == number[thursday] + 1
    assert complete[thursday - 1] == number[thursday]
    assert bars["Close"].iloc[number[thursday]] == thursday + 1
    _, months, whole = coarser(prices(index), "1mo")
    assert whole[thursday] == months[thursday] + 1


def test_hours_are_counted_from_the_opening() -> None:
    index = session(weekdays("2024-01-02", 30, "1111100"), range(570, 960, 30))
    bars, _, _ = coarser(prices(index), "1h")
    assert [t.strftime("%H:%M") for t in bars.index[:7]] == [
        "09:30",
        "10:30",
        "11:30",
        "12:30",
        "13:30",
        "14:30",
        "15:30",
    ]
    shown = pd.Series(known(index, "1h"), index)
    assert (
        shown["2024-01-03 10:00"] == shown.iloc[13 + 1] == 15.0
    )  # 9:30 to 10:30 is known at 10:30, when the bar of 10:00 closes
    assert shown["2024-01-03 15:30"] == 26.0  # half an hour, to the end of the day


def test_a_day_is_known_at_its_last_bar() -> None:
    index = session(weekdays("2024-01-02", 30, "1111100"), range(570, 960, 30))
    shown = pd.Series(known(index, "1d"), index)
    assert np.isnan(shown["2024-01-02 15:00"])
    assert shown["2024-01-02 15:30"] == 13
    assert shown["2024-01-03 15:00"] == 13


def test_half_days_of_the_exchange_end_at_one() -> None:
    days = pd.DatetimeIndex([d for d in weekdays("2024-08-26", 75, "1111100")
                             if str(d.date()) not in ("2024-09-02", "2024-11-28")])  # fmt: skip
    half = pd.Timestamp("2024-11-29")
    index = pd.DatetimeIndex(
        [d + pd.Timedelta(minutes=m) for d in days for m in range(570, 780 if d == half else 960, 30)],
    ).tz_localize("America/New_York")
    shown = pd.Series(known(index, "1d"), index)
    last = shown[shown.index.date == half.date()]
    assert last.iloc[-1] == index.get_loc(last.index[-1]) + 1  # 12:30 to 13:00, the last of that day
    assert last.iloc[-2] < last.iloc[-1]


@pytest.mark.parametrize("zone", [None, "America/New_York", "UTC"])
def test_days_of_foreign_exchange_end_at_five_in_new_york(zone: str | None) -> None:
    index = fx_hours(10) if zone is None else fx_hours(20, zone).tz_convert(zone)
    found = TradingSession.of(index)
    assert found.weekdays == (0, 1, 2, 3, 4)
    assert found.periods_a_year == 252
    bars, number, _ = coarser(prices(index), "1d")
    assert set(bars.index.day_of_week) <= {0, 1, 2, 3, 4}
    whole = pd.Series(number).value_counts().drop([number[-1]])
    assert (whole.between(23, 25)).all()  # 24 hours, but for the nights on which clocks change
    assert "New York" in found.text() or zone is None


def test_no_hour_is_lost_when_clocks_change() -> None:
    index = pd.date_range("2023-10-20", "2023-11-15", freq="h", tz="America/New_York", inclusive="left")
    bars, _, _ = coarser(prices(index), "1d")
    assert bars["Volume"].sum() == len(index)
    assert bars["Volume"].loc["2023-11-05"] == 25


def test_parts_at_the_ends_are_left_out_and_said() -> None:
    index = weekdays("2024-01-03", 9, "1111100")  # from a Wednesday to a Monday
    bars, notes = resample(prices(index), "1wk")
    assert [str(t.date()) for t in bars.index] == ["2024-01-08"]
    assert any("first weekly bar" in n and "left out" in n for n in notes)
    assert any("last weekly bar" in n and "left out" in n for n in notes)
    assert any("Monday to Friday" in n for n in notes)


def test_bars_of_a_market_that_never_closes() -> None:
    index = pd.date_range("2024-01-01", periods=24 * 30, freq="h", tz="UTC")
    bars, _, complete = coarser(prices(index), "4h")
    assert [t.hour for t in bars.index[:6]] == [0, 4, 8, 12, 16, 20]
    assert complete[:5].tolist() == [0, 0, 0, 1, 1]


CALENDARS = [
    (weekdays("2023-01-02", 120, "1111100"), ["1wk", "1mo"]),
    (weekdays("2023-01-01", 120, "1111111"), ["1wk", "1mo", "3mo"]),
    (session(weekdays("2023-01-02", 40, "1111100"), range(570, 960, 30)), ["1h", "2h", "1d", "1wk"]),
    (pd.date_range("2023-01-01", periods=24 * 30, freq="h"), ["4h", "1d", "1wk"]),
    (fx_hours(6), ["4h", "1d", "1wk"]),
]


def test_weekdays_without_a_gap_are_of_no_venue() -> None:
    """Frankfurt has no holiday between New Year and Good Friday 2023: until then nothing tells its days from all weekdays."""
    index = weekdays("2023-01-02", 120, "1111100")
    assert TradingSession.of(index[:69]).with_venue(index[:69]).venue == ""
    thursday = known(index[:69], "1wk")[-1]
    assert thursday == known(index, "1wk")[68] == 65, "the week goes on, as far as one knows on that Thursday"


@settings(max_examples=examples(20), deadline=None)
@given(
    which=st.sampled_from([(index, t) for index, frames in CALENDARS for t in frames]),
    gone=st.sets(st.integers(40, 110), max_size=4),
    cut=st.integers(60, 180),
)
def test_neither_early_nor_late(which: tuple[pd.DatetimeIndex, str], gone: set[int], cut: int) -> None:
    """What is known at a bar does not depend on what comes after it, and is the last period that had ended.

    Early would be a value that later bars of the same period change; late, one that is shown although a later period has begun.
    """
    index, timeframe = which
    index = index.delete(sorted(gone))
    days = index[: cut + 1].normalize()
    assume(
        days.nunique() > 5
    )  # at which times a market trades is told by most of its days: of three, one that lacks an hour decides
    _, number, complete = coarser(prices(index), timeframe)
    assert ((complete == number) | (complete == number + 1) | (number < 0)).all()
    assert (complete >= number).all()  # not late: periods before this one are known
    ended = (number >= 0) & (complete == number + 1)
    assert not (ended[:-1] & (number[1:] == number[:-1])).any()  # not early: no bar of a period follows its end
    past = known(index[: cut + 1], timeframe)
    np.testing.assert_array_equal(past, known(index, timeframe)[: cut + 1])


# -- Markets whose sessions are not alike ---------------------------------------------------------


@cache
def exchange(name: str, begin: str, end: str) -> pd.DatetimeIndex:
    with warnings.catch_warnings():  # it uses what pandas 4 will do without
        warnings.simplefilter("ignore", DeprecationWarning)
        return exchange_calendars.get_calendar(name, start="2023-01-01", end="2025-01-01").sessions_in_range(begin, end)


def at(text: str, zone: str | None = None) -> pd.Timestamp:
    return pd.Timestamp(text, tz=zone)


FUTURES = pd.date_range(
    "2024-04-01", "2024-06-01", freq="h", tz="America/New_York"
)  # 18:00 to 17:00, from Sunday to Friday
FUTURES = FUTURES[
    (FUTURES.hour != 17)
    & ~((FUTURES.day_of_week == 5) | ((FUTURES.day_of_week == 4) & (FUTURES.hour >= 17)) | ((FUTURES.day_of_week == 6) & (FUTURES.hour < 18)))
]  # fmt: skip
BUSINESS = pd.bdate_range("2023-01-02", "2024-06-28")


def new_york(minutes: int, zone: str | None = "America/New_York") -> pd.DatetimeIndex:
    """The bars of an exchange in New York, told in any zone, or in UTC without saying so."""
    bars_ = session(exchange("XNYS", "2024-01-02", "2024-06-28"), range(570, 960, minutes)).tz_localize(
        "America/New_York"
    )
    return bars_.tz_convert(zone) if zone else bars_.tz_convert("UTC").tz_localize(None)


# The bar at which a value is set, and the bar at whose open it can be acted upon at the earliest: worked out by hand. Made when they are asked for.
PROBES = {
    "30m in UTC, in winter": lambda: (new_york(30, "UTC"), "1d", at("2024-03-08 20:30", "UTC"), at("2024-03-11 13:30", "UTC")),
    "5m in UTC, in winter": lambda: (new_york(5, "UTC"), "1d", at("2024-03-08 20:55", "UTC"), at("2024-03-11 13:30", "UTC")),
    "5m in UTC, hours": lambda: (new_york(5, "UTC"), "1h", at("2024-03-08 20:55", "UTC"), at("2024-03-11 13:30", "UTC")),
    "1h in UTC, four hours": lambda: (new_york(60, "UTC"), "4h", at("2024-03-08 20:30", "UTC"), at("2024-03-11 13:30", "UTC")),
    "30m in UTC that does not say so": lambda: (new_york(30, None), "1d", at("2024-03-08 20:30"), at("2024-03-11 13:30")),
    "London in UTC": lambda: (
        session(exchange("XLON", "2024-03-01", "2024-05-10"), range(480, 990, 30)).tz_localize("Europe/London").tz_convert("UTC"),
        "1d", at("2024-03-13 16:00", "UTC"), at("2024-03-14 08:00", "UTC"),
    ),
    "a special Saturday": lambda: (BUSINESS.union([at("2024-03-02")]), "1wk", at("2024-03-02"), at("2024-03-04")),
    "a special Saturday at the end of a month": lambda: (BUSINESS.union([at("2024-03-30")]), "1mo", at("2024-03-30"), at("2024-04-01")),
    "a special Sunday": lambda: (BUSINESS.union([at("2023-11-12")]), "1wk", at("2023-11-12"), at("2023-11-13")),
    "one late bar": lambda: (
        new_york(30).union([at("2024-03-08 16:00", "America/New_York")]), "1wk",
        at("2024-03-08 16:00", "America/New_York"), at("2024-03-11 09:30", "America/New_York"),
    ),
    "futures": lambda: (FUTURES, "1d", at("2024-04-17 16:00", "America/New_York"), at("2024-04-17 18:00", "America/New_York")),
    "futures in UTC": lambda: (FUTURES.tz_convert("UTC"), "1d", at("2024-04-17 20:00", "UTC"), at("2024-04-17 22:00", "UTC")),
    "futures in Chicago's time, unsaid": lambda: (
        FUTURES.tz_convert("America/Chicago").tz_localize(None), "1d", at("2024-04-17 15:00"), at("2024-04-17 17:00"),
    ),
    "a lunch break": lambda: (
        session(pd.bdate_range("2024-01-02", "2024-04-30"), [*range(570, 720, 30), *range(780, 960, 30)]), "1h",
        at("2024-03-05 11:30"), at("2024-03-05 13:00"),
    ),
    "Tokyo's Golden Week": lambda: (exchange("XTKS", "2023-11-01", "2024-06-28"), "1wk", at("2024-05-02"), at("2024-05-07")),
    "London's Good Friday": lambda: (exchange("XLON", "2024-01-02", "2024-09-30"), "1wk", at("2024-03-28"), at("2024-04-02")),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBES)
def test_a_value_is_acted_upon_when_its_period_is_over(name: str) -> None:
    index, timeframe, when, expected = PROBES[name]()
    frame = prices(index).assign(Close=0.0)
    frame.loc[when, "Close"] = 1.0
    bars, _, complete = coarser(frame, timeframe)
    seen = np.flatnonzero(np.append(np.nan, bars["Close"].to_numpy())[complete] == 1.0)
    assert index[seen[0] + 1] == expected


@pytest.mark.parametrize("zone", ["UTC", None])
def test_hours_in_utc_are_counted_from_the_opening_in_summer_and_in_winter(zone: str | None) -> None:
    bars, _, _ = coarser(prices(new_york(60, zone)), "4h")
    opened = bars.index[::2].tz_localize("UTC") if zone is None else bars.index[::2]
    assert set(opened.tz_convert("America/New_York").strftime("%H:%M")) == {"09:30"}
    text = TradingSession.of(new_york(60, zone)).text()
    assert "New York time" in text
    assert ("read as UTC" in text) == (zone is None)


def test_foreign_exchange_in_utc_that_does_not_say_so_has_no_saturdays() -> None:
    index = fx_hours(60, "America/New_York").tz_convert("UTC").tz_localize(None)
    found = TradingSession.of(index)
    assert set(found.days(index).day_of_week) == {0, 1, 2, 3, 4}
    assert "read as UTC" in found.text()


@settings(max_examples=examples(20), deadline=None)
@given(
    lasts=st.lists(st.integers(1140, 1200), min_size=40, max_size=40),
    step=st.sampled_from([5, 15, 30]),
    timeframe=st.sampled_from(["1h", "4h", "1d", "1wk"]),
    extra=st.sets(st.sampled_from(pd.date_range("2024-01-06", "2024-02-25", freq="W-SAT").tolist()), max_size=3),
)
def test_no_period_is_over_while_bars_of_it_follow(
    lasts: list[int], step: int, timeframe: str, extra: set[pd.Timestamp]
) -> None:
    days = pd.bdate_range("2024-01-01", periods=40).union(pd.DatetimeIndex(sorted(extra)))
    ends = [*lasts, 1200, 1200, 1200]
    index = pd.DatetimeIndex(
        [d + pd.Timedelta(minutes=m) for d, end in zip(days, ends, strict=False) for m in range(240, end, step)]
    )
    _, number, complete = coarser(prices(index), timeframe)
    ended = (number >= 0) & (complete == number + 1)
    assert not (ended[:-1] & (number[1:] == number[:-1])).any()
    assert ((complete == number) | ended | (number < 0)).all()


@pytest.mark.parametrize("timeframe", ["2h", "3h", "4h", "6h", "12h"])
def test_bars_beside_the_week_of_foreign_exchange_are_bars_of_their_own(timeframe: str) -> None:
    """One at 17:00 on Friday, when the week is over, and one at 16:00 on Sunday, before it begins; New York's time."""
    hours = pd.date_range("2023-05-07 17:00", "2023-07-14 17:00", freq="1h", tz="America/New_York")
    week = ~(
        ((hours.day_of_week == 4) & (hours.hour >= 17))
        | (hours.day_of_week == 5)
        | ((hours.day_of_week == 6) & (hours.hour < 17))
    )
    lone = [
        pd.Timestamp("2023-06-09 17:00", tz="America/New_York"),
        pd.Timestamp("2023-06-25 16:00", tz="America/New_York"),
    ]
    index = hours[week].append(pd.DatetimeIndex(lone)).sort_values()
    for stamps in (index, index.tz_convert("UTC")):
        bars, notes = resample(prices(stamps), timeframe)
        assert bars.index.is_monotonic_increasing
        assert bars.index.is_unique
        assert any("17:00" in note for note in notes)
        friday = bars.loc[bars.index == lone[0]]
        assert friday[["Open", "Close"]].to_numpy().tolist() == [
            prices(stamps).loc[lone[0], ["Open", "Close"]].tolist()
        ]
        before = bars.loc[bars.index < lone[0]].iloc[-1]
        assert before["Close"] == prices(stamps).loc[pd.Timestamp("2023-06-09 16:00", tz="America/New_York"), "Close"]


# -- Half days and holidays where there are few days ----------------------------------------------


def hours_of(venue: str, begin: str, end: str, minutes: int, zone: str) -> pd.DatetimeIndex:
    """The bars of a venue's own hours, half days and all."""
    with warnings.catch_warnings():  # it uses what pandas 4 will do without
        warnings.simplefilter("ignore", DeprecationWarning)
        table = exchange_calendars.get_calendar(venue).schedule.loc[begin:end]
    bars = [
        pd.date_range(o, c, freq=f"{minutes}min", inclusive="left")
        for o, c in zip(table["open"], table["close"], strict=True)
    ]
    return pd.DatetimeIndex([t for day in bars for t in day]).tz_convert(zone)


# 24 November 2023, the day after Thanksgiving: New York closed at 13:00, which was 18:00 in UTC, and the week was over.
FEW = {
    "48 days of hours": (hours_of("XNYS", "2023-10-16", "2023-12-21", 60, "America/New_York"), "12:30"),
    "48 days of hours in UTC": (hours_of("XNYS", "2023-10-16", "2023-12-21", 60, "UTC"), "17:30"),
    "30 days of hours in UTC, in winter": (hours_of("XNYS", "2023-11-10", "2023-12-22", 60, "UTC"), "17:30"),
    "14 days of 5m": (hours_of("XNYS", "2023-11-15", "2023-12-05", 5, "America/New_York"), "12:55"),
    "a week and a day of 30m": (hours_of("XNYS", "2023-11-20", "2023-11-28", 30, "America/New_York"), "12:30"),
}


@pytest.mark.parametrize("timeframe", ["1d", "1wk"])
@pytest.mark.parametrize("name", FEW)
def test_a_half_day_among_few_days_is_known_at_its_last_bar(name: str, timeframe: str) -> None:
    index, last = FEW[name]
    shown = pd.Series(known(index, timeframe), index)
    end = index.get_loc(pd.Timestamp(f"2023-11-24 {last}", tz=index.tz))
    assert shown.iloc[end] == end + 1
    assert shown.iloc[end - 1] != end
    assert "holidays and half days of XNYS, whose hours these are" in TradingSession.of(index).with_venue(index).text()


def test_a_market_that_trades_on_after_new_yorks_half_day_is_not_ended_early() -> None:
    """Its hours are those of New York on all days but the half one, on which it trades to 16:00."""
    index = hours_of("XNYS", "2023-11-15", "2023-12-05", 30, "America/New_York")
    late = pd.date_range("2023-11-24 13:00", "2023-11-24 15:30", freq="30min", tz="America/New_York")
    index = index.union(late)
    assert not TradingSession.of(index).with_venue(index).venue
    shown = pd.Series(known(index, "1d"), index)
    day = shown["2023-11-24"]
    assert day.iloc[:-1].nunique() == 1  # the day before's, until the last bar
    assert day.iloc[-1] == index.get_loc(day.index[-1]) + 1


def test_hours_that_two_venues_share_tell_none() -> None:
    """London from 8:00 and Frankfurt from 9:00 open and close at the same moments."""
    berlin = hours_of("XETR", "2024-02-05", "2024-03-01", 30, "Europe/Berlin")
    assert TradingSession.of(berlin).with_venue(berlin).venue == "XETR"
    utc = berlin.tz_convert("UTC")
    assert TradingSession.of(utc).with_venue(utc).venue == ""


def test_days_that_are_no_trading_days_tell_no_venue() -> None:
    index = hours_of("XNYS", "2023-11-15", "2023-12-05", 30, "America/New_York")
    holiday = pd.date_range("2023-11-23 09:30", "2023-11-23 15:30", freq="30min", tz="America/New_York")
    assert TradingSession.of(index.union(holiday)).with_venue(index.union(holiday)).venue == ""


@settings(max_examples=examples(15), deadline=None)
@given(cut=st.integers(60, 270), step=st.sampled_from([30, 60]), timeframe=st.sampled_from(["1h", "1d", "1wk"]))
def test_few_days_of_a_venue_are_never_known_early(cut: int, step: int, timeframe: str) -> None:
    index = hours_of("XNYS", "2023-11-08", "2023-12-08", step, "America/New_York")[:cut]
    _, number, complete = coarser(prices(index), timeframe)
    ended = (number >= 0) & (complete == number + 1)
    assert not (ended[:-1] & (number[1:] == number[:-1])).any()
    whole = coarser(prices(hours_of("XNYS", "2023-11-08", "2023-12-08", step, "America/New_York")), timeframe)[2]
    assert (complete <= whole[: len(complete)]).all()


def test_few_daily_bars_with_a_holiday_of_one_exchange_end_their_week_before_it() -> None:
    """New York was closed on Good Friday, 29 March 2024, and on Presidents' Day, 19 February; London on the former alone."""
    index = exchange("XNYS", "2024-02-05", "2024-04-12")
    shown = pd.Series(known(index, "1wk"), index)
    assert len(index) == 48
    assert shown["2024-03-28"] == index.get_loc("2024-03-28") + 1
    assert "holidays and half days of XNYS, whose days these are" in TradingSession.of(index).with_venue(index).text()


@pytest.mark.parametrize(
    ("name", "begin", "end"),
    [
        ("XLON", "2024-03-11", "2024-04-19"),  # Good Friday and Easter Monday are Frankfurt's, too
        ("XNYS", "2024-03-04", "2024-03-22"),  # no holiday at all
    ],
)
def test_few_daily_bars_that_several_exchanges_share_tell_none(name: str, begin: str, end: str) -> None:
    index = exchange(name, begin, end)
    assert TradingSession.of(index).with_venue(index).venue == ""
