"""Whether the rows of a file make sense as they follow each other: one way in time, one spacing, no bar of the future."""

from __future__ import annotations

import numpy as np
import pandas as pd

from Backtest.data.importing.checks import many, when
from Backtest.data.importing.layout import FileTable
from Backtest.data.importing.spacing import duration, kinds
from Backtest.data.importing.times import Times
from Backtest.data.importing.understanding import Findings
from Backtest.errors import DataError
from Backtest.market import in_words, is_intraday, seconds

_HALF_DAY = pd.Timedelta(hours=12)
_HOUR = pd.Timedelta(hours=1)
_FOLD = pd.Timedelta(hours=2)
_RUN = 10


def in_order(times: Times, moments: pd.DatetimeIndex, table: FileTable, findings: Findings) -> None:
    """Say how many rows stand before the one above them; rows that go one way in time are in order.

    Args:
        times: oldest first, if most rows go so.
        moments: the same in UTC where the file gives offsets.

    Raises:
        DataError: the rows go back inside of a day and no hour is over 12: AM and PM are missing.
    """
    if moments.is_monotonic_increasing or moments.is_monotonic_decreasing:
        return
    local = pd.DatetimeIndex(times.local)
    back = np.flatnonzero(np.diff(moments.asi8) < 0) + 1
    # Local clocks that are set back repeat an hour in the night of a Sunday, in the right order.
    repeats = (local[back - 1] - local[back] <= _HOUR) & (local[back].day_of_week == 6) & (local[back].hour < 4)
    back = back[~np.asarray(repeats)]
    if not len(back):
        return
    at = int(back[0])
    _refuse_missing_halves(local, back, times, table)
    line = table.line(int(times.local.index[at]))
    findings.count(
        "unordered",
        len(back),
        f"The rows are not in the order of time: {many(len(back), 'row')} out of place, the first is {line} "
        f"({when(local[at])} beside {when(local[at - 1])}); they are sorted, which may hide an error in the times",
    )


def _refuse_missing_halves(
    local: pd.DatetimeIndex, back: np.ndarray[tuple[int, ...], np.dtype[np.int64]], times: Times, table: FileTable
) -> None:
    steps = local[back - 1] - local[back]
    inside = (local[back].normalize() == local[back - 1].normalize()) & (steps > _FOLD) & (steps < _HALF_DAY)
    if times.unit or not inside.any() or int(local.hour.max()) > 12 or int(local.hour.min()) < 1:
        return
    at = int(back[np.flatnonzero(inside)[0]])
    raise DataError(
        f"{table.name} goes back from {local[at - 1]:%H:%M} to {local[at]:%H:%M} on {local[at]:%Y-%m-%d} in {table.line(int(times.local.index[at]))}, "
        "and has no hour over 12: the times lack AM and PM",
        suggestions=["Export the times with AM and PM, or of 24 hours"],
    )


def one_spacing(moments: pd.DatetimeIndex, timeframe: str, findings: Findings) -> None:
    """Warn where ten distances in a row are another time frame's, as of 1m bars that go on as 5m bars."""
    known = moments[moments.notna()].unique().sort_values()
    steps = kinds(np.diff(known.asi8) / 1e6)
    if len(steps) < _RUN or not timeframe:
        return
    starts = np.flatnonzero(np.concatenate(([True], steps[1:] != steps[:-1])))
    lengths = np.diff(np.append(starts, len(steps)))
    other = (lengths >= _RUN) & (steps[starts] != seconds(timeframe)) & (steps[starts] > 0)
    if not other.any():
        return
    first = int(np.flatnonzero(other)[0])
    begin, end = int(starts[first]), int(starts[first] + lengths[first])
    findings.warnings.append(
        f"The file has two spacings: from {when(known[begin])} to {when(known[end])} bars are {duration(float(steps[begin]))} apart and not "
        f"{timeframe}; all are taken as {in_words(timeframe)} bars, so split the file"
    )


def refuse_future(times: Times, timeframe: str, table: FileTable, now: pd.Timestamp) -> None:
    """Raise DataError where a bar begins after now; a day is allowed for zones, and the length of the bar for labels at its end.

    Args:
        now: in UTC, without a zone.
    """
    latest = now + pd.Timedelta(seconds=max(86_400, seconds(timeframe)))
    if not (late := times.local > latest).any():
        return
    at = int(np.flatnonzero(late)[0])
    raise DataError(
        f"{table.name} has a bar of {when(times.local.iloc[at])} in {table.line(int(times.local.index[at]))}, which is in the future: "
        f"it is {now:%Y-%m-%d}",
        suggestions=["Write years with four digits, give date_order or epoch_unit, or remove forecasts"],
    )


def whole_days(times: Times, timeframe: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return which rows of daily and coarser bars are kept: all but a newest one that alone has another time of day.

    Vendors write today's bar, which is not finished, with the time of its last trade: 2024-06-18 11:42:10 below days
    without a time, or at 11:42:10 below days that all begin at 14:30, or in winter at 13:30.
    """
    keep = np.ones(len(times.local), bool)
    local = pd.DatetimeIndex(times.local)
    if is_intraday(timeframe) or len(local) < 3:
        return keep
    newest = int(local.asi8.argmax())
    clock = (local - local.normalize()).total_seconds().to_numpy()
    others = np.unique(np.delete(clock, newest))
    of_midnights = len(others) == 1 and others[0] == 0 and clock[newest] != 0
    if of_midnights or (len(others) <= min(3, len(local) - 3) and not np.isin(clock[newest] % 3600, others % 3600)):
        keep[newest] = False
    return keep
