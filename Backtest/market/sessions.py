"""How a market's time is divided: its trading days, the hours of a day, and which bars make up a coarser one.

What is not known of a market is read off its prices: the weekdays on which it trades, when its day begins and ends. A
market of the New York Stock Exchange's days is recognised by its holidays, or by its hours where they are too few, and
half days are those of its calendar.
Bars bear the time at which they begin; a daily or coarser bar bears its date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from Backtest.indicators import CALENDAR, CLOCKS, SESSION, in_calendar
from Backtest.market.timeframes import TIMEFRAMES, in_words, is_intraday, seconds
from Backtest.market.venue_hours import hours_of

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

DAY_S, DAY_MIN = 86400, 1440
NEVER = 10 * DAY_MIN
MOST_DAYS = 0.5  # of the days have a bar that is usual
NEW_YORK = "America/New_York"
VENUES = {NEW_YORK: "XNYS", "Europe/London": "XLON", "Asia/Tokyo": "XTKS", "Europe/Berlin": "XETR", "Asia/Hong_Kong": "XHKG",
          "Asia/Kolkata": "XBOM"}  # fmt: skip
CHANGING = (NEW_YORK, "Europe/London", "Europe/Berlin", "Australia/Sydney")  # zones of markets whose clocks change
FEW_DAYS = 60  # with fewer, a venue cannot be told by its holidays
LEAST_DAYS, LEAST_DATES = 4, 10  # to tell it by its hours, and by holidays
MOST_KEPT = 0.9  # of the days begin and end with their first and last bar
OPENINGS = (7 * 60, 10 * 60)  # between which venues open, by their own clocks
AROUND = {
    NEW_YORK: (330 * 60, 240 * 60)
}  # seconds before and after a venue's hours in which its shares trade elsewhere: 4:00 to 20:00


@dataclass(frozen=True)
class TradingSession:
    """The rhythm of a market.

    Attributes:
        step_s: seconds from one bar to the next, the nominal length of a bar.
        weekdays: on which it trades, Monday 0.
        opens: minute of the day at which a trading day begins, 0 for markets that trade around the clock.
        length: minutes from there to the end of the trading day.
        rolls: the trading day bears the next day's date, as that of foreign exchange, which begins the evening before.
        zone: in which `opens` is told; empty for that of the prices.
        venue: its name in exchange_calendars, empty where none is known.
        told_by: "hours" or "days" where the venue is told by its hours, or by a holiday or two of few days; empty otherwise.
        minutes: after `opens` at which bars begin on most days, in order.
        naive: in which zone times without one are read, where their pattern tells it; empty otherwise.
    """

    step_s: int
    weekdays: tuple[int, ...]
    opens: int = 0
    length: int = DAY_MIN
    rolls: bool = False
    zone: str = ""
    venue: str = ""
    minutes: tuple[int, ...] = ()
    naive: str = ""
    told_by: str = ""

    @classmethod
    def of(cls, index: pd.DatetimeIndex) -> TradingSession:
        """Read the rhythm off the times of bars."""
        return _of(np.asarray(index.asi8).tobytes(), str(index.unit), str(index.tz) if index.tz is not None else "")

    @property
    def intraday(self) -> bool:
        return self.step_s < DAY_S

    @property
    def periods_a_year(self) -> int:
        """How many returns a year has: of days 252 or 365, of coarser bars 52, 12, 4 or 1."""
        for most, periods in ((4.5, 365 if {5, 6} <= set(self.weekdays) else 252), (20, 52), (60, 12), (200, 4)):
            if self.step_s <= most * DAY_S:
                return periods
        return 1

    def with_venue(self, index: pd.DatetimeIndex) -> TradingSession:
        """Return the session with the venue whose trading days, or hours, are those of the prices, where there is one.

        Few daily bars have to be of all days of one venue and of no other, with one of its holidays among them. Where
        the days of finer bars are few, or the zone tells no venue, the bars have to begin at the moments at which it
        opened and to end before it closed, on its half days too. It is looked for only where it matters.
        """
        if self.step_s > DAY_S or self.rolls or {5, 6} & set(self.weekdays):
            return self
        zone = self.zone or (str(index.tz) if index.tz is not None else "")
        days = pd.DatetimeIndex(self.days(index).unique())
        few = len(days) < FEW_DAYS
        if not (few and self.intraday) and (found := _venue(np.asarray(days.asi8).tobytes(), str(index.unit), zone)):
            return replace(self, venue=found, told_by="days" if few else "")
        if not self.intraday or index.tz is None or self.length >= DAY_MIN - 60:
            return self
        found = _venue_by_hours(np.asarray(index.as_unit("s").asi8).tobytes(), self.step_s, zone)
        return replace(self, venue=found, told_by="hours") if found else self

    def text(self) -> str:
        """Say what is taken for the market's time, such as `Monday to Friday, days from 17:00 New York time`."""
        names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        days = [names[d] for d in self.weekdays]
        run = self.weekdays == tuple(range(self.weekdays[0], self.weekdays[-1] + 1)) and len(days) > 2
        said = "every day" if len(days) == 7 else f"{days[0]} to {days[-1]}" if run else ", ".join(days)
        if self.intraday and self.length < DAY_MIN - 60:
            said += f", {_clock(self.opens)} to {_clock(self.opens + self.length)}{self._where()}"
        elif self.intraday and self.opens:
            said += f", days end at {_clock(self.opens)}{self._where()}"
        if self.naive:
            said += f"; the times are read as {self.naive}, since only so the days begin alike"
        if self.told_by:
            return f"{said}, holidays and half days of {self.venue}, whose {self.told_by} these are"
        return f"{said}, holidays of {self.venue}" if self.venue else said

    # Days and coarser periods -----------------------------------------------------------------

    def _where(self) -> str:
        return f" {self.zone.rpartition('/')[2].replace('_', ' ')} time" if self.zone else ""

    def _local(self, index: pd.DatetimeIndex) -> pd.DatetimeIndex:
        if self.naive and index.tz is None:
            index = index.tz_localize(self.naive)
        if self.zone and index.tz is not None:
            index = index.tz_convert(self.zone)
        return index.tz_localize(None) if index.tz is not None else index

    def days(self, index: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the trading day of each bar, naive dates."""
        local = self._local(index)
        if self.rolls and self.intraday:
            days = (local + pd.Timedelta(minutes=DAY_MIN - self.opens)).normalize()
            # A bar that begins as the week ends is Friday's, one before it begins Monday's.
            lone = {d: 4 - d if d == 5 else 1 for d in (5, 6) if d not in self.weekdays}
            return days + pd.to_timedelta([lone.get(d, 0) for d in days.day_of_week], unit="D") if lone else days
        elif self.rolls:  # daily bars with one for Sunday evening, which belongs to Monday
            local = local + pd.to_timedelta((local.day_of_week == 6).astype(int), unit="D")
        return local.normalize()

    def last_bars(self, index: pd.DatetimeIndex) -> Ints:
        """Return the last bar of each trading day, of coarser bars each, int64."""
        if not self.intraday and not self.rolls:
            return np.arange(len(index), dtype=np.int64)
        days = self.days(index).asi8
        return np.append(np.flatnonzero(days[1:] != days[:-1]), len(days) - 1).astype(np.int64)

    def _minutes(self, index: pd.DatetimeIndex) -> Ints:
        """Return the minutes from the beginning of each bar's trading day; before it, and from 1440 on, those of bars beside the week."""
        local = self._local(index)
        minutes = np.asarray(local.hour * 60 + local.minute, dtype=np.int64) - self.opens
        if not self.rolls or not self.intraday:
            return minutes % DAY_MIN if self.rolls else minutes
        begins = self.days(index) - pd.Timedelta(days=1) + pd.Timedelta(minutes=self.opens)
        return np.asarray((local - begins) // pd.Timedelta(minutes=1), dtype=np.int64)

    def _next_days(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the trading day after each, by the venue's calendar or the weekdays on which the market trades."""
        if self.step_s >= 28 * DAY_S:
            return pd.DatetimeIndex(days + pd.DateOffset(months=round(self.step_s / (30.4 * DAY_S))))
        if self.step_s > 4.5 * DAY_S:
            return days + pd.Timedelta(days=7)
        ahead = [next(k for k in range(1, 8) if (d + k) % 7 in self.weekdays) for d in range(7)]
        following = days + pd.to_timedelta(np.array(ahead)[np.asarray(days.day_of_week)], unit="D")
        if self.venue and len(days):
            sessions = calendar_of(self.venue, days.min().year, days.max().year + 1)[0]
            at = np.searchsorted(sessions.asi8, days.as_unit(sessions.unit).asi8, side="right")
            known = at < len(sessions)
            following = following.where(~known, sessions[np.minimum(at, len(sessions) - 1)])
        return pd.DatetimeIndex(following)

    def _next_minutes(self, index: pd.DatetimeIndex) -> Ints:
        """Return the minute of the trading day at which the bar after each usually begins, NEVER after the last of a day."""
        into, usual = self._minutes(index), np.array([*self.minutes, NEVER], dtype=np.int64)
        following = usual[np.searchsorted(usual[:-1], into, side="right")]
        closes = self._hours(index)[1]
        if self.minutes and self.minutes[-1] <= closes.max():  # it does not trade on behind the close of its exchange
            following = np.where(following >= closes, NEVER, following)
        return np.asarray(following)

    def _hours(self, index: pd.DatetimeIndex) -> tuple[Ints, Ints]:
        """Return the minutes of its trading day at which each bar's market opens and closes; int64.

        They are those of the venue where it is known, and of the usual first and last bar elsewhere: prices of New York that begin at
        4:00 open 330 minutes behind their beginning, and close on a half day 540 minutes behind it.
        """
        opens, closes = np.zeros(len(index), dtype=np.int64), np.full(len(index), self.length, dtype=np.int64)
        if not self.venue:
            return opens, closes
        days, opened, closed = hours_of(self.venue, index[0].year, index[-1].year + 1)
        at = days.get_indexer(self.days(index).as_unit(days.unit))
        clock = self.zone or index.tz or next(place for place, name in VENUES.items() if name == self.venue)
        local = pd.DatetimeIndex(opened.astype("M8[s]")).tz_localize("UTC").tz_convert(clock)
        begin = (np.asarray(local.hour * 60 + local.minute, dtype=np.int64) - self.opens)[at]
        if not self.zone and index.tz is None:  # whether times are the venue's own is not known: a day that then
            # opened before its first bar, or after its last, opens with its first
            begin = np.where((begin >= 0) & (begin < self.length), begin, 0)
        known, length = at >= 0, ((closed - opened) // 60)[at]
        return np.where(known, begin, opens), np.where(known, begin + length, closes)

    def _ends_day(self, index: pd.DatetimeIndex) -> Mask:
        """Return whether the trading day usually ends with the bar."""
        if not self.intraday:
            return np.ones(len(index), dtype=bool)
        return np.asarray(self._next_minutes(index) == NEVER)

    def periods(self, index: pd.DatetimeIndex, timeframe: str) -> tuple[pd.DatetimeIndex, Mask]:
        """Return for each bar when its coarser period begins (naive), and whether the period usually ends with the bar.

        Weeks begin on Monday, months, quarters and years on their first day, shorter periods are counted from the
        beginning of the trading day. A period that ends early, for a holiday nobody told of, ends with no bar.
        """
        days = self.days(index)
        if is_intraday(timeframe):
            length = seconds(timeframe)
            into = self._minutes(index) * 60
            begun = into - into % length
            local = days - pd.Timedelta(days=1) if self.rolls else days
            starts = local + pd.to_timedelta(self.opens * 60 + begun, unit="s")
            return pd.DatetimeIndex(starts), np.asarray(self._next_minutes(index) * 60 >= begun + length)
        if timeframe == "1d":
            return days, self._ends_day(index)
        starts = _period_starts(days, timeframe)
        following = _period_starts(self._next_days(days), timeframe)
        return starts, np.asarray(starts != following) & self._ends_day(index)

    def left(self, index: pd.DatetimeIndex) -> tuple[Ints, Ints]:
        """Return the minutes from the end of each bar to the close of its day, and how many bars usually follow until then; int64.

        A day that ends early, for a reason no calendar knows, is told as one of the usual length.
        """
        if not self.intraday:
            return np.zeros(len(index), dtype=np.int64), np.zeros(len(index), dtype=np.int64)
        into, step, closes = self._minutes(index), max(1, self.step_s // 60), self._hours(index)[1]
        usual = np.array(self.minutes, dtype=np.int64)
        follow = np.searchsorted(usual, closes) - np.searchsorted(usual, into, side="right")
        return np.maximum(closes - into - step, 0), np.maximum(np.asarray(follow, dtype=np.int64), 0)

    def days_of_month(self, days: pd.DatetimeIndex) -> tuple[Ints, Ints]:
        """Return which trading day of its month each day is, and which from the end, 1 being the first and the last; int64.

        Days that are past are those of the prices, those to come are told by the venue's calendar, or else by the weekdays on which the market trades.
        """
        seen = pd.DatetimeIndex(days.unique())
        months = seen.to_period("M")
        from_start = np.asarray(pd.Series(1, index=seen).groupby(months).cumsum(), dtype=np.int64)
        ends = months.end_time.normalize().as_unit(seen.unit)
        if self.venue:
            traded = calendar_of(self.venue, seen[0].year, seen[-1].year + 1)[0].as_unit(seen.unit)
            after = np.searchsorted(traded.asi8, ends.asi8, side="right") - np.searchsorted(
                traded.asi8, seen.asi8, side="right"
            )
        else:
            every = pd.date_range(seen[0], ends[-1], freq="D", unit=seen.unit)
            total = np.cumsum(np.isin(np.asarray(every.day_of_week), self.weekdays))
            after = total[every.get_indexer(ends)] - total[every.get_indexer(seen)]
        at = seen.get_indexer(days)
        return from_start[at], np.asarray(after + 1, dtype=np.int64)[at]

    def begins_whole(self, index: pd.DatetimeIndex, timeframe: str) -> bool:
        """Return whether the first bar is the first of its coarser period, so that nothing of that is missing."""
        if is_intraday(timeframe) or timeframe == "1d":
            into = int(self._minutes(index[:1])[0]) * 60
            return into % seconds(timeframe) == 0 if is_intraday(timeframe) else into <= 0
        if self.intraday and self._minutes(index[:1])[0] > 0:
            return False
        day = self.days(index[:1])
        earlier = pd.date_range(_period_starts(day, timeframe)[0], day[0], freq="D", inclusive="left")
        if self.step_s > 4.5 * DAY_S:
            return len(earlier) * DAY_S < self.step_s
        traded = np.isin(np.asarray(earlier.day_of_week), self.weekdays)
        if self.venue and len(earlier):
            sessions = calendar_of(self.venue, earlier[0].year, earlier[-1].year + 1)[0]
            traded &= np.asarray(earlier.as_unit(sessions.unit).isin(sessions))
        return not traded.any()


def coarser(
    frame: pd.DataFrame, timeframe: str, session: TradingSession | None = None
) -> tuple[pd.DataFrame, Ints, Ints]:
    """Group bars into those of a coarser time frame.

    Returns:
        The coarser OHLCV bars, with the columns of the calendar that `frame` has; for each bar of `frame` the number of its coarser bar, int64, -1 in a first one of which
        bars are missing; and how many coarser bars are complete at its close, int64.
    """
    index = pd.DatetimeIndex(frame.index)
    session = session or TradingSession.of(index).with_venue(index)
    starts, number, complete = _numbered(index, timeframe, session)
    inside = number >= 0
    how = {"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum"}
    how |= {name: "last" if name.endswith("Left") else "first" for name in CALENDAR if name in frame}
    bars = frame.loc[inside, list(how)].groupby(number[inside]).agg(how)
    first = np.flatnonzero(np.diff(number[inside], prepend=-1))
    labels = starts[inside][first]
    if is_intraday(timeframe):  # an instant, not a date: as long before its first bar as the period had begun
        begun = index[inside][first]
        labels = begun - (session._local(begun) - labels)
    return bars.set_axis(pd.DatetimeIndex(labels, name=frame.index.name)), number, complete


def _numbered(index: pd.DatetimeIndex, timeframe: str, session: TradingSession) -> tuple[pd.DatetimeIndex, Ints, Ints]:
    """Return for each bar when its coarser period begins (naive), the number of that, and how many are complete."""
    starts, ends = session.periods(index, timeframe)
    stamps = starts.asi8
    number = np.concatenate([[0], np.cumsum(stamps[1:] != stamps[:-1])]).astype(np.int64)
    # Where trading goes on after its usual end, on a Saturday or in the evening, the period ends with its very last bar.
    ends &= np.append(stamps[1:] != stamps[:-1], True)
    if not session.begins_whole(index, timeframe):
        number -= 1
    return starts, number, np.maximum(number + ends, 0)


def with_calendar(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Return the prices with columns that tell each bar's place in the calendar of its market, as CALENDAR names them, float64."""
    wanted = [name for name in dict.fromkeys(names) if name not in frame]  # a part of prices keeps those of all
    if not wanted:
        return frame
    index = pd.DatetimeIndex(frame.index)
    session = TradingSession.of(index).with_venue(index)
    return frame.assign(**{name: _place(index, session, name).astype(float) for name in wanted})


def _place(index: pd.DatetimeIndex, session: TradingSession, name: str) -> np.ndarray[Any, Any]:
    """Return one column of CALENDAR."""
    if name in (SESSION, "Week", "Month"):
        return _numbered(index, {SESSION: "1d", "Week": "1wk", "Month": "1mo"}[name], session)[1]
    name, _, zone = name.partition("@")
    if name in CLOCKS:
        clock = index.tz_convert(zone) if zone and index.tz is not None else index
        date = clock.tz_localize(None).as_unit("s").asi8 // DAY_S
        return np.asarray(date if name == "Date" else clock.hour * 60 + clock.minute)
    if name == "MinutesIn":
        return session._minutes(index) - (session._hours(index)[0] if session.intraday else 0)
    if name in ("MinutesLeft", "BarsLeft"):
        return session.left(index)[0 if name == "MinutesLeft" else 1]
    days = session.days(index)
    if name == "MonthDay":
        return np.asarray(days.day)
    if name == "MonthOfYear":
        return np.asarray(days.month)
    from_start, from_end = session.days_of_month(days)
    if name == "TradingDaysLeft":
        return from_end
    return np.where(_numbered(index, "1mo", session)[1] >= 0, from_start, np.nan)


def resample(frame: pd.DataFrame, timeframe: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the OHLCV frame in coarser bars, labelled with the beginning of their period, and what was taken for granted.

    A first or last bar of which a part is missing is left out, and said.
    """
    index = pd.DatetimeIndex(frame.index)
    session = TradingSession.of(index).with_venue(index)
    bars, number, complete = coarser(frame, timeframe, session)
    notes = [f"{in_words(timeframe).capitalize()} bars are made of finer ones: {session.text()}"]
    if number[0] < 0:
        notes.append(f"The first {in_words(timeframe)} bar, that of {index[0]}, is left out: its beginning is missing")
    if complete[-1] <= number[-1]:
        notes.append(f"The last {in_words(timeframe)} bar, that of {bars.index[-1]}, is left out: its end is missing")
        bars = bars.iloc[:-1]
    return bars, notes


def with_periods(frame: pd.DataFrame, code: str) -> pd.DataFrame:
    """Return the prices with the columns that generated code reads of the calendar: `Period1wk` and `Complete1wk` for weeks.

    Args:
        code: strategy code; each call such as `coarser(data, "1wk", …)` in it asks for those of its time frame, and so
            does `periods(data, "1d", …)`; `calendar(data, "BarsLeft")` asks for that column. Where `other(data, "SPY")` takes another
            symbol's bars, the same columns of these are added, as `SPY.Period1wk`.
    """
    from Backtest.market.others import columns_of, other_bars, with_other  # which itself needs the sessions here

    for symbol in dict.fromkeys(re.findall(r'\bother\([^"]*"([^"]+)"\)', code)):
        if all(name in frame for name in columns_of(symbol)):
            bars, count = other_bars(frame, symbol)
            told = with_periods(bars, code)
            frame = with_other(frame, symbol, {str(n): told[n].to_numpy() for n in told if n not in bars}, count)
    frame = with_calendar(
        frame, (name for name in re.findall(r'\bcalendar\([^"]*"([\w@/+-]+)"', code) if in_calendar(name))
    )
    wanted = [t for t in dict.fromkeys(re.findall(r'\b(?:coarser|periods)\([^"]*"(\w+)"', code)) if t in TIMEFRAMES]
    wanted = [t for t in wanted if f"Period{t}" not in frame]  # a part of prices keeps the periods of all
    if not wanted:
        return frame
    columns: dict[str, Any] = {}
    index = pd.DatetimeIndex(frame.index)
    session = TradingSession.of(index).with_venue(index)
    for timeframe in wanted:
        _, number, complete = _numbered(index, timeframe, session)
        columns |= {f"Period{timeframe}": number.astype(float), f"Complete{timeframe}": complete.astype(float)}
    return frame.assign(**columns)


def _period_starts(days: pd.DatetimeIndex, timeframe: str) -> pd.DatetimeIndex:
    code = {"1wk": "W-SUN", "1mo": "M", "3mo": "Q", "1y": "Y"}[timeframe]
    return pd.DatetimeIndex(days.to_period(code).start_time).as_unit(days.unit)


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


@lru_cache(maxsize=64)
def _of(stamps: bytes, unit: str, zone: str) -> TradingSession:
    index = pd.DatetimeIndex(np.frombuffer(stamps, dtype=f"M8[{unit}]"))
    if zone:
        index = index.tz_localize("UTC").tz_convert(zone)
    step = _step(index)
    if step >= 4.5 * DAY_S:
        return TradingSession(step, (0, 1, 2, 3, 4))
    local = index.tz_localize(None) if index.tz is not None else index
    seen = _weekdays(local)
    if step >= DAY_S:
        evening = 6 in seen and 5 not in seen and 4 in seen  # foreign exchange with a candle for Sunday evening
        return TradingSession(DAY_S, tuple(d for d in seen if d != 6) if evening else seen, rolls=evening)
    if 6 in set(local.day_of_week) and not (np.asarray(local.day_of_week) == 5).mean() > 0.02:
        rolled = _rolled(index, step)
        if rolled is not None:
            return _with_minutes(rolled, index)
    zone, naive = _clock_of(index)
    local = TradingSession(step, seen, zone=zone, naive=naive)._local(index)
    first, last = _ends_of_days(local)
    opens, closes = _usual(first), _usual(last) + max(1, step // 60)
    if closes - opens >= DAY_MIN - 60 or closes <= opens:
        return _with_minutes(TradingSession(step, seen), index)
    return _with_minutes(TradingSession(step, _weekdays(local), opens, closes - opens, zone=zone, naive=naive), index)


def _with_minutes(session: TradingSession, index: pd.DatetimeIndex) -> TradingSession:
    """Return the session with the minutes at which bars begin on most days."""
    values, counts = np.unique(session._minutes(index), return_counts=True)
    days = len(session.days(index).unique())
    often = values[counts >= MOST_DAYS * days * max(1.0, 60 / session.step_s)]
    return replace(session, minutes=tuple(int(m) for m in (often if len(often) else values)))


def _ends_of_days(local: pd.DatetimeIndex) -> tuple[Ints, Ints]:
    """Return the minutes of the first and of the last bar of each day."""
    minutes, days = np.asarray(local.hour * 60 + local.minute, dtype=np.int64), np.asarray(local.normalize().asi8)
    changes = np.flatnonzero(days[1:] != days[:-1])
    return minutes[np.append(0, changes + 1)], minutes[np.append(changes, len(days) - 1)]


def _clock_of(index: pd.DatetimeIndex) -> tuple[str, str]:
    """Return by which zone's clock the days begin alike, and in which zone naive times are read for it; empty for their own.

    Prices in UTC of a market whose clocks change begin an hour earlier in summer.
    """

    def alike(local: pd.DatetimeIndex) -> float:
        first, last = _ends_of_days(local)
        return min(float((m == _usual(m)).mean()) for m in (first, last))

    utc = index.tz_localize("UTC") if index.tz is None else index
    scores = {zone: alike(utc.tz_convert(zone).tz_localize(None)) for zone in CHANGING}
    best = max(scores, key=lambda zone: scores[zone])
    own = alike(index.tz_localize(None) if index.tz is not None else index)
    if scores[best] < 0.9 or scores[best] < own + 0.05:
        return "", ""
    return best, "UTC" if index.tz is None else ""


def _rolled(index: pd.DatetimeIndex, step: int) -> TradingSession | None:
    """Return the session of a market whose week begins on Sunday evening, None where it does not."""

    def sundays(local: pd.DatetimeIndex) -> pd.Series:
        found = local[local.day_of_week == 6]
        minutes = pd.Series(np.asarray(found.hour * 60 + found.minute), index=np.asarray(found.normalize()))
        return minutes.groupby(level=0).min()

    utc = index.tz_localize("UTC") if index.tz is None else index
    zone, naive = NEW_YORK, "UTC" if index.tz is None else ""
    opening = sundays(utc.tz_convert(NEW_YORK).tz_localize(None))
    if index.tz is None:
        own = sundays(index)
        alike = [float((m == m.mode().iloc[0]).mean()) if len(m) else 0.0 for m in (opening, own)]
        if alike[0] < alike[1] + 0.05:  # nothing speaks for UTC
            zone, naive, opening = "", "", own
    if not len(opening) or (opens := int(opening.median())) < 12 * 60:
        return None
    opens -= opens % max(1, step // 60)
    rest = TradingSession(step, (0, 1, 2, 3, 4), opens, DAY_MIN, rolls=True, zone=zone, naive=naive)
    return replace(rest, weekdays=_weekdays(rest.days(index)))


def _step(index: pd.DatetimeIndex) -> int:
    """Return the usual distance of bars in seconds: for bars within days the most frequent, for coarser the median."""
    if len(index) < 2:
        return DAY_S
    steps = np.diff(index.as_unit("s").asi8)
    steps = steps[steps > 0]
    if not len(steps):
        return DAY_S
    median = float(np.median(steps))
    if median >= DAY_S * 0.9:
        return max(DAY_S, round(median))
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def _weekdays(days: pd.DatetimeIndex) -> tuple[int, ...]:
    """Return the weekdays on which a market trades; Monday to Friday where too little is seen to say otherwise."""
    counts = np.bincount(np.asarray(days.normalize().unique().day_of_week), minlength=7)
    often = counts >= max(1.0, 0.2 * counts.max())
    if counts.sum() < 20:
        often[:5] = True
    return tuple(int(d) for d in np.flatnonzero(often))


def _usual(minutes: Any) -> int:
    values, counts = np.unique(minutes, return_counts=True)
    return int(values[np.argmax(counts)])


def calendar_of(venue: str, first_year: int, last_year: int) -> tuple[pd.DatetimeIndex, Ints]:
    """Return a venue's trading days (naive) and the minutes each is long."""
    days, opens, closes = hours_of(venue, first_year, last_year)
    return days, (closes - opens) // 60


@lru_cache(maxsize=64)
def _venue(days: bytes, unit: str, zone: str) -> str:
    """Return the venue whose trading days these are, nearly all of them and no other; empty where there is none.

    One of its holidays has to be among them: weekdays without a gap are those of a market without holidays as well. Of
    fewer than FEW_DAYS each has to be the venue's, none may be missing, and no second venue may have the same.
    """
    dates = pd.DatetimeIndex(np.frombuffer(days, dtype=f"M8[{unit}]"))
    names = [VENUES[zone]] if zone in VENUES else [] if zone else list(VENUES.values())
    few = len(dates) < FEW_DAYS
    if dates[0].year < 1970 or len(dates) < LEAST_DATES:
        return ""
    found = []
    for name in names:
        try:
            sessions = calendar_of(name, dates[0].year, dates[-1].year + 1)[0]
        except ValueError:  # its holidays are not known for such years
            continue
        between = sessions[(sessions >= dates[0]) & (sessions <= dates[-1])]
        inside = dates.as_unit(between.unit).isin(between)
        if len(between) >= len(pd.bdate_range(dates[0], dates[-1])):
            continue
        # An exchange closes for a day of mourning or a storm now and then, and data lack a day; a bar on a holiday is no accident.
        if not few and inside.mean() > 0.995 and len(dates) > 0.98 * len(between):
            return name
        if few and inside.all() and len(dates) == len(between):
            found.append(name)
    return found[0] if len(found) == 1 else ""


@lru_cache(maxsize=64)
def _venue_by_hours(stamps: bytes, step_s: int, zone: str) -> str:
    """Return the only venue whose opening and closing, on half days too, the bars keep on each day; empty where there is none.

    Args:
        stamps: of the bars, int64 seconds since 1970 in UTC.
        zone: of the prices; where it is none of a venue's, those are tried that open in the morning by their own clock.
    """
    at = np.frombuffer(stamps, dtype=np.int64)
    index = pd.DatetimeIndex(at.astype("M8[s]")).tz_localize("UTC")
    found = []
    for place, name in VENUES.items():
        local = index.tz_convert(place).tz_localize(None)
        opening = _usual(_ends_of_days(local)[0])
        before, after = AROUND.get(place, (0, 0)) if opening < OPENINGS[0] else (0, 0)
        begins = before or OPENINGS[0] <= opening <= OPENINGS[1]
        if (zone in VENUES and zone != place) or not begins or local[0].year < 1970:
            continue
        try:
            days, opens, closes = hours_of(name, local[0].year, local[-1].year + 1)
        except ValueError:  # its holidays are not known for such years
            continue
        if _keeps_hours(at, local.normalize(), step_s, (days, opens - before, closes + after)):
            found.append(name)
    return found[0] if len(found) == 1 else ""


def _keeps_hours(at: Ints, dates: pd.DatetimeIndex, step_s: int, hours: tuple[pd.DatetimeIndex, Ints, Ints]) -> bool:
    """Whether bars are on all trading days but one, on no other, begin as the venue opens and end before it closes.

    A first day may begin late and a last one end early; another day may now and then, as one with a late first trade.
    """
    days, opens, closes = hours
    changes = np.flatnonzero(np.diff(dates.asi8)) + 1
    first, last = np.append(0, changes), np.append(changes - 1, len(at) - 1)
    on = days.get_indexer(dates[first].as_unit(days.unit))
    if len(first) < LEAST_DAYS or (on < 0).any() or on[-1] - on[0] + 1 - len(on) > max(1, 0.02 * len(on)):
        return False
    if (at[last] >= closes[on]).any():
        return False
    whole = (at[first] == opens[on])[1:].mean() >= MOST_KEPT
    return bool(whole and (at[last] + step_s >= closes[on])[:-1].mean() >= MOST_KEPT)
