"""Where bars are missing, judged by the pattern the bars themselves show.

A market that never closes lacks every hour without a bar; one with sessions is closed at night, at
weekends and on holidays, and lacks what is missing in the middle of a session, whole sessions of
an exchange whose holidays are known, or else four trading days at a stretch (Tokyo and Hong Kong
close for three at their new years). Days of a market whose exchange is not known lack each weekday
that is a holiday of no known exchange, where such days are so few that they are no holidays of its own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from Backtest.market import is_intraday, seconds
from Backtest.market.sessions import NEW_YORK, VENUES, TradingSession, calendar_of

Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
_DAY = 86_400
_WEEK = 7 * _DAY
_MISSING_BARS = 3
_MISSING_DAYS = 4
_OWN_HOLIDAYS = 3  # a year; where more weekdays are missing, they are holidays of an exchange that is not known
# A market that is open round the clock on weekdays closes for a day on a holiday, no more and no less.
_HOLIDAY = (20 * 3600, 30 * 3600)
_XNYS_OPEN, _XNYS_MINUTES, _XNYS_SLACK = 9 * 60 + 30, 390, 60
_CLOSED_EDGE = 8 * 3600  # opens and closes move by an hour with daylight saving, and by an evening around holidays


def gaps(index: pd.DatetimeIndex, timeframe: str) -> Bools:
    """Return for each bar whether bars are missing before it; see `missing_bars`."""
    return missing_bars(index, timeframe) > 0


def missing_bars(index: pd.DatetimeIndex, timeframe: str) -> Ints:
    """Return for each bar how many bars are missing before it, as far as that can be told; 0 where none are.

    Args:
        index: sorted and unique; of intraday bars with a zone, the hours are that zone's.
    """
    if len(index) < 3:
        return np.zeros(len(index), np.int64)
    stamps = index.tz_localize(None).to_numpy().astype("datetime64[s]").astype("int64")
    if is_intraday(timeframe):
        return _intraday(index, stamps, seconds(timeframe))
    if timeframe == "1d":
        return _daily(index, stamps // _DAY)
    # A month more or less has 28 to 31 days; holidays move weekly labels by some days.
    steps = np.diff(stamps) / seconds(timeframe)
    return _counted(steps > 1.6, np.round(steps).astype(np.int64) - 1)


def _counted(found: Bools, missing: Ints) -> Ints:
    """Return the counts of gaps between bars as those before each bar; a gap lacks a bar at least."""
    return np.concatenate([[0], np.where(found, np.maximum(missing, 1), 0)]).astype(np.int64)


def _daily(index: pd.DatetimeIndex, days: Ints) -> Ints:
    expected = _weekdays(days)
    missing = _between(days, expected)
    if expected.all() or not missing.any():
        return _counted(missing > 0, missing)
    sessions = _sessions_between(index)
    if sessions is not None:
        return _counted((missing > 0) & (sessions > 0), sessions)
    found = missing >= _MISSING_DAYS
    if expected.tolist() == [True] * 5 + [False] * 2:
        open_everywhere = np.where(found, 0, _open_everywhere(days, missing > 0))
        if (open_everywhere > 0).sum() <= _OWN_HOLIDAYS * max(1.0, (days[-1] - days[0]) / 365.25):
            return _counted(found | (open_everywhere > 0), np.where(found, missing, open_everywhere))
    return _counted(found, missing)


def _open_everywhere(days: Ints, holes: Bools) -> Ints:
    """Return how many weekdays in each hole between bars are a holiday of no known exchange."""
    first, last = (
        int(np.datetime64(int(day), "D").astype("datetime64[Y]").astype(int)) + 1970 for day in (days[0], days[-1])
    )
    result = np.zeros(len(holes), np.int64)
    calendars = [c for venue in VENUES.values() if (c := _calendar_days(venue, first, last)) is not None]
    if not calendars:
        return result
    for at in np.flatnonzero(holes):
        between = np.arange(days[at] + 1, days[at + 1])
        weekdays = between[(between + 3) % 7 < 5]
        result[at] = np.all([np.isin(weekdays, calendar) for calendar in calendars], axis=0).sum()
    return result


def _calendar_days(venue: str, first: int, last: int) -> Ints | None:
    """Return a venue's trading days since 1970-01-01; None where they are not known for such years."""
    if first < 1970:
        return None
    try:
        sessions = calendar_of(venue, first, last + 1)[0]
    except ValueError:
        return None
    return np.asarray(sessions.as_unit("s").asi8 // _DAY)


def _weekdays(days: Ints) -> Bools:
    """Return which of Monday to Sunday have bars in at least half of the weeks.

    Fewer than three weeks tell nothing against Monday to Friday.
    """
    weeks = (int(days[-1]) - int(days[0]) + 1) / 7
    counts = np.bincount((np.unique(days) + 3) % 7, minlength=7)  # 1970-01-01 was a Thursday
    if weeks < 3:
        return np.asarray((counts > 0) | (np.arange(7) < 5))
    return np.asarray(counts >= 0.5 * round(weeks))


def _between(days: Ints, expected: Bools) -> Ints:
    """Return how many expected days lie strictly between each day and the one before it."""
    total = np.concatenate([[0], np.cumsum(expected)])

    def before(day: Ints) -> Ints:
        """Expected days up to a day, the day itself not counted, since a Monday long ago."""
        since = day + 3
        return np.asarray(since // 7 * total[7] + total[since % 7])

    return np.asarray(before(days[1:]) - before(days[:-1] + 1))


def _intraday(index: pd.DatetimeIndex, stamps: Ints, step: int) -> Ints:
    days = stamps // _DAY
    expected_days = _weekdays(days)
    slots = _slots(stamps, step, expected_days)
    hole = np.diff(stamps) > 1.5 * step
    if not hole.any():
        return np.zeros(len(stamps), np.int64)
    missing = _missing_slots(stamps, step, slots) * step
    closed = np.diff(stamps) - step - missing
    whole_days = _between(days, expected_days)
    always = bool(expected_days.all()) and bool(slots.mean() > 0.9)
    round_the_clock = slots.mean() > 0.55  # five days of 24 hours, less an hour of rest, are two thirds of a week
    same_day = days[1:] == days[:-1]
    enough = missing >= _MISSING_BARS * step
    if always:
        found = enough
    elif round_the_clock:
        edge = np.where(closed > step, max(_CLOSED_EDGE, _MISSING_BARS * step), _MISSING_BARS * step)
        found = (missing > edge) & ((missing < _HOLIDAY[0]) | (missing > _HOLIDAY[1]))
    else:
        found = (same_day & enough) | (whole_days >= _MISSING_DAYS)
        if (rest := hole & ~found & (whole_days > 0)).any():
            sessions = _sessions_between(index)
            found |= rest & (sessions > 0 if sessions is not None else False)
    return _counted(hole & found, missing // step)


def _sessions_between(index: pd.DatetimeIndex) -> Ints | None:
    """Return how many whole sessions its exchange had between each bar and the one before it.

    The exchange is that whose days these are; of few days, that of their zone and hours. None where none is known.
    """
    session = TradingSession.of(index)
    if session.intraday and not session.zone and str(index.tz) == "UTC":
        there = TradingSession.of(index.tz_convert(NEW_YORK))
        if _american(there):
            index, session = index.tz_convert(NEW_YORK), there
    session = session.with_venue(index)
    days = session.days(index)
    zone = session.zone or session.naive or (str(index.tz) if index.tz is not None else "")
    venue = session.venue or ("XNYS" if zone in ("", NEW_YORK) and _american(session) else "")
    venue = venue or (VENUES.get(zone, "") if zone != NEW_YORK else "")
    if not venue or days[0].year < 1970:
        return None
    sessions = calendar_of(venue, days[0].year, days[-1].year + 1)[0].as_unit("s").asi8 // _DAY
    own = days.as_unit("s").asi8 // _DAY
    if np.isin(np.unique(own), sessions).mean() < 0.995:  # it trades on holidays of that exchange
        return None
    return np.asarray(np.searchsorted(sessions, own[1:], "left") - np.searchsorted(sessions, own[:-1], "right"))


def _american(session: TradingSession) -> bool:
    return session.intraday and session.opens == _XNYS_OPEN and abs(session.length - _XNYS_MINUTES) <= _XNYS_SLACK


def _slots(stamps: Ints, step: int, weekdays: Bools) -> Bools:
    """Return which bars of a week, counted from Monday, are there in at least half of the weeks."""
    size = max(_WEEK // step, 1)
    at = (stamps + 3 * _DAY) % _WEEK // step
    weeks = len(np.unique((stamps + 3 * _DAY) // _WEEK))
    counts = np.bincount(at, minlength=size)[:size]
    if weeks < 4 and size % 7 == 0:  # too few weeks to vote: a time of day counts if most days have it
        by_day = counts.reshape(7, -1)
        usual = (by_day[by_day.sum(axis=1) > 0] > 0).mean(axis=0) >= 0.5
        return np.asarray((weekdays[:, None] & usual[None, :]).ravel())
    return np.asarray(counts >= 0.5 * weeks)


def _missing_slots(stamps: Ints, step: int, slots: Bools) -> Ints:
    total = np.concatenate([[0], np.cumsum(slots)])
    size = len(slots)

    def before(stamp: Ints) -> Ints:
        since = stamp + 3 * _DAY
        return np.asarray(since // _WEEK * total[size] + total[np.minimum(since % _WEEK // step, size)])

    missing: Ints = np.maximum(before(stamps[1:]) - before(stamps[:-1] + step), 0)
    return missing
