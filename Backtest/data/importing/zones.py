"""From times as written to an index that says which moments or days they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from Backtest.data.importing.times import Times
from Backtest.data.importing.understanding import FileQuestion, Findings
from Backtest.errors import DataError

# Zones with daylight saving, one for each set of rules a market lives by, and then those without.
_CANDIDATES = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Toronto", "America/Halifax", "America/Sao_Paulo",
    "Europe/London", "Europe/Berlin", "Europe/Athens", "Europe/Moscow", "Europe/Istanbul", "Asia/Jerusalem",
    "Australia/Sydney", "Australia/Adelaide", "Pacific/Auckland", "America/Santiago", "Asia/Tokyo", "Asia/Hong_Kong", "Asia/Singapore",
    "Asia/Kolkata", "Asia/Dubai", "Asia/Riyadh", "Asia/Jakarta", "Asia/Karachi", "Australia/Brisbane",
)  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """The index of all rows, NaT where the time is unreadable, and its zone ("" for days and unknown zones)."""

    index: pd.DatetimeIndex
    zone: str


def named_zone(name: str) -> ZoneInfo:
    """Return a zone of the IANA data base. DataError for any other name."""
    try:
        if not name or name.startswith(("/", ".")) or ".." in name or len(name) > 60:
            raise ValueError
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DataError(
            f"{name[:60]!r} is no time zone: use a name such as America/New_York, Europe/Berlin, Asia/Tokyo or UTC"
        ) from error


def moments(times: Times) -> pd.DatetimeIndex:
    """Return the times in UTC where the file gives offsets, else as written; only distances are meant."""
    local = times.local
    shift = pd.to_timedelta(times.offset.fillna(0.0) * 60, unit="s")
    return pd.DatetimeIndex(local - shift).as_unit("us")


def days(times: Times, timezone: str, findings: Findings) -> Placed:
    """Return naive days for daily and coarser bars.

    A bar keeps the date it is written with, whatever its offset. Times in UTC in the afternoon of
    Sunday to Thursday are another place's midnight (15:00 UTC is Tokyo's); that place's day is meant.
    """
    local = pd.DatetimeIndex(times.local)
    in_utc = bool((times.offset.dropna() == 0).all()) and bool(times.offset.notna().any())
    known = local[local.notna()]
    if not in_utc or bool((known == known.normalize()).all()):
        if timezone and in_utc:
            local = _local_days(local, timezone)
        return Placed(local.normalize(), "")
    if timezone:
        return Placed(_local_days(local, timezone).normalize(), "")
    zone = _zone_of_midnights(known)
    if _is_day_before(known, _local_days(known, zone) if zone else known + pd.Timedelta(hours=12)):
        begin = f"at midnight in {zone}" if zone else f"at times such as {known[0]:%H:%M} UTC"
        findings.notes.append(f"The bars begin {begin}, on the day before by UTC; they bear the date they stand for")
        return Placed((_local_days(local, zone) if zone else local + pd.Timedelta(hours=12)).normalize(), "")
    if (known.hour >= 12).mean() > 0.5 and (known.day_of_week >= 5).any():
        text = f"The bars begin at times such as {known[0]:%H:%M} UTC and keep their date in UTC. In which zone is the market?"
        findings.questions.append(FileQuestion("timezone", text, (), blocking=False))
    return Placed(local.normalize(), "")


def _is_day_before(utc: pd.DatetimeIndex, local: pd.DatetimeIndex) -> bool:
    """Whether the dates in UTC are those before the days meant: Sunday to Thursday, or just short of a month or week.

    A close at 21:00 UTC from Monday to Friday is its own day's.
    """
    if not bool((utc.hour >= 12).mean() > 0.5) or bool((utc.normalize() == local.normalize()).all()):
        return False
    sunday_to_thursday = bool((utc.day_of_week == 6).any()) and not bool(utc.day_of_week.isin([4, 5]).any())
    return (
        sunday_to_thursday or bool((local.day == 1).all()) or (len(local) > 1 and bool((local.day_of_week == 0).all()))
    )


def _local_days(utc: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    return utc.tz_localize("UTC").tz_convert(named_zone(zone)).tz_localize(None)


def _zone_of_midnights(utc: pd.DatetimeIndex) -> str:
    for zone in _CANDIDATES:
        local = _local_days(utc, zone)
        if bool((local == local.normalize()).mean() > 0.98):
            return zone
    return ""


def intraday(times: Times, *, timezone: str, known_zone: str, why: str, findings: Findings) -> Placed:
    """Return the index of intraday bars: with a zone where one is known, else naive.

    Args:
        timezone: the user's; times with offsets are shown in it, others are meant in it.
        known_zone: what the file says by its vendor or the name of a column; "" if nothing.
        why: how the file says so, for the notes.

    Raises:
        DataError: a local time does not exist in the zone.
    """
    if times.offset.notna().any():
        return _with_offsets(times, timezone, findings)
    if times.zone and not timezone:
        known_zone, why = named_zone(times.zone).key, "the times say so"
    zone = timezone or known_zone
    if not zone:
        return Placed(pd.DatetimeIndex(times.local), "")
    if not timezone:
        findings.notes.append(f"The times are in {zone}: {why}")
    return Placed(_localized(times.local, zone, findings), zone)


def _with_offsets(times: Times, timezone: str, findings: Findings) -> Placed:
    utc = moments(times).tz_localize("UTC")
    if (bare := times.local.notna() & times.offset.isna()).any():
        raise DataError(
            f"Some times have an offset from UTC and others have none: the first without is {times.local[bare].iloc[0]}"
        )
    offsets = times.offset.dropna().unique()
    zone = timezone or times.zone or _fitting(utc, times.offset, offsets)
    if timezone:
        named_zone(timezone)
    elif not times.zone and zone.startswith("Etc/"):
        findings.notes.append(
            f"All times have one offset from UTC, {offsets[0] / 60:+.0f} hours, which no daylight saving changes ({zone})"
        )
    elif not times.zone and len(offsets) > 1:
        findings.notes.append(
            f"The offsets from UTC are those of {zone}"
            if zone != "UTC"
            else "The offsets from UTC fit no one zone: the times are kept in UTC"
        )
    return Placed(utc.tz_convert(zone), zone)


def _fitting(
    utc: pd.DatetimeIndex, offset: pd.Series, offsets: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> str:
    """Return the zone whose daylight saving gives the offsets, a fixed one for one offset, UTC where none fits."""
    if len(offsets) == 1:
        return _fixed(int(offsets[0]))
    keep = utc.notna() & offset.notna().to_numpy()
    for zone in _CANDIDATES:
        local = utc[keep].tz_convert(zone)
        there = (local.tz_localize(None) - utc[keep].tz_localize(None)).total_seconds() / 60
        if np.array_equal(np.asarray(there), offset.to_numpy()[keep]):
            return zone
    return "UTC"


def _fixed(minutes: int) -> str:
    """Return the zone of one offset all through; the signs of Etc/GMT count west of Greenwich."""
    if minutes % 60 == 0 and -12 <= minutes // 60 <= 14:
        return "UTC" if minutes == 0 else f"Etc/GMT{-(minutes // 60):+d}"
    return {330: "Asia/Kolkata", 345: "Asia/Kathmandu", 390: "Asia/Yangon"}.get(minutes, "UTC")


def _localized(local: pd.Series, zone: str, findings: Findings) -> pd.DatetimeIndex:
    info = named_zone(zone)
    index = pd.DatetimeIndex(local)
    first = index.tz_localize(info, ambiguous=np.ones(len(index), bool), nonexistent="NaT")
    second = index.tz_localize(info, ambiguous=np.zeros(len(index), bool), nonexistent="NaT")
    gone = np.asarray(index.notna()) & np.asarray(first.isna())
    if gone.any():
        raise DataError(
            f"{index[gone][0]} does not exist in {zone}, where clocks are put forward then: the times are another zone's",
            suggestions=["Give the zone the times are in, such as UTC"],
        )
    ambiguous = np.asarray(first != second) & np.asarray(index.notna())
    if not ambiguous.any():
        return first
    summer = _first_pass(index, ambiguous)
    findings.notes.append(
        f"{int(ambiguous.sum())} bars lie in an hour which {zone} has twice a year; their order tells which one is meant"
    )
    return index.tz_localize(info, ambiguous=summer, nonexistent="NaT")


def _first_pass(
    index: pd.DatetimeIndex, ambiguous: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether each ambiguous time is the first of the two; the rows' order tells where it goes back.

    An hour that is there only once is the first one.
    """
    stamps = index.to_numpy().astype("datetime64[us]").astype("int64")
    order = np.flatnonzero(ambiguous)
    summer = np.ones(len(index), bool)
    descending = bool(np.median(np.diff(stamps)) < 0) if len(stamps) > 1 else False
    walk = order[::-1] if descending else order
    day, seen_back, last = None, False, None
    for i in walk:
        today = stamps[i] // 86_400_000_000
        if today != day:
            day, seen_back, last = today, False, None
        if last is not None and stamps[i] <= last:
            seen_back = True
        summer[i] = not seen_back
        last = stamps[i]
    return summer


def repeats_an_hour(local: pd.Series, step: float) -> pd.Timestamp | None:
    """Return where unzoned times go back by an hour at most, as where clocks are set back; None if nowhere.

    Two rows with one time are duplicates, unless the time goes on from there through the same hour.
    """
    stamps = pd.Series(local.to_numpy()).dropna()
    distance = stamps.diff().dt.total_seconds()
    if len(distance) and distance.median() < 0:
        distance = stamps.iloc[::-1].diff().dt.total_seconds()
    back = distance[(distance <= 0) & (distance >= -3600)]
    exact = back[np.isclose(back, step - 3600)] if step < 3600 else back[back == 0]
    if exact.empty or len(exact) != len(distance[distance <= 0]):
        return None
    where = [cast("pd.Timestamp", stamps.loc[i]) for i in exact.index]
    at_night = all(t.hour <= 3 and t.month in (3, 4, 9, 10, 11) and t.day_of_week in (5, 6) for t in where)
    return where[0] if at_night else None
