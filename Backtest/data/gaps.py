"""Where bars are missing, judged by the pattern the bars themselves show.

A market that never closes lacks every hour without a bar; one with sessions is closed at night, at
weekends and on holidays, and lacks what is missing in the middle of a session, or four trading
days at a stretch (Tokyo and Hong Kong close for three at their new years).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from Backtest.timeframes import is_intraday, seconds

Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
_DAY = 86_400
_WEEK = 7 * _DAY
_MISSING_BARS = 3
_MISSING_DAYS = 4
# A market that is open round the clock on weekdays closes for a day on a holiday, no more and no less.
_HOLIDAY = (20 * 3600, 30 * 3600)
_CLOSED_EDGE = 8 * 3600  # opens and closes move by an hour with daylight saving, and by an evening around holidays


def gaps(index: pd.DatetimeIndex, timeframe: str) -> Bools:
    """Return for each bar whether bars are missing before it.

    Args:
        index: sorted and unique; of intraday bars with a zone, the hours are that zone's.
    """
    if len(index) < 3:
        return np.zeros(len(index), bool)
    stamps = index.tz_localize(None).to_numpy().astype("datetime64[s]").astype("int64")
    if is_intraday(timeframe):
        return _intraday(stamps, seconds(timeframe))
    if timeframe == "1d":
        return _daily(stamps // _DAY)
    # A month more or less has 28 to 31 days; holidays move weekly labels by some days.
    return np.concatenate([[False], np.diff(stamps) > 1.6 * seconds(timeframe)])


def _daily(days: Ints) -> Bools:
    expected = _weekdays(days)
    missing = _between(days, expected)
    least = 1 if expected.all() else _MISSING_DAYS
    return np.concatenate([[False], missing >= least])


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


def _intraday(stamps: Ints, step: int) -> Bools:
    days = stamps // _DAY
    expected_days = _weekdays(days)
    slots = _slots(stamps, step, expected_days)
    hole = np.diff(stamps) > 1.5 * step
    if not hole.any():
        return np.zeros(len(stamps), bool)
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
    return np.concatenate([[False], hole & found])


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
