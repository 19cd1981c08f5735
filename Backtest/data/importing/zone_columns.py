"""The zone a file gives in columns of its own, and abbreviations that two zones share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from Backtest.data.importing.layout import MISSING, FileTable
from Backtest.data.importing.names import folded, zone_called
from Backtest.data.importing.times import KNOWN_OFFSETS, Times
from Backtest.data.importing.understanding import Findings
from Backtest.data.importing.zones import named_zone
from Backtest.errors import DataError

_ZONES = frozenset(
    {"timezone", "time zone", "tz", "zone", "exchange timezone", "exchange timezone name", "timezone name", "zeitzone"}
)
_OFFSETS = frozenset({"utc offset", "gmt offset", "utcoffset", "gmtoffset", "tz offset", "timezone offset"})
# Winter's name is said of the whole year by some exports, and of New York's own time by others.
WINTER = {"EST": ("America/New_York", "Etc/GMT+5"), "CST": ("America/Chicago", "Etc/GMT+6"), "PST": ("America/Los_Angeles", "Etc/GMT+8")}  # fmt: skip
# Abbreviations that several places use, or one that changes its clocks for the whole year.
SHARED = {
    "IST": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"), "CST": ("America/Chicago", "Etc/GMT+6", "Asia/Shanghai"),
    "BST": ("Europe/London", "Asia/Dhaka"), "AST": ("America/Halifax", "Asia/Riyadh"), "MST": ("America/Denver", "America/Phoenix"),
    "AEST": ("Australia/Sydney", "Australia/Brisbane"),
}  # fmt: skip
# What cells call a time in winter and in summer, and the zone: one of the two all the year is said of the zone's own time, or of a fixed one.
_SEASONS = {
    "EST": ("EDT", "America/New_York", "Etc/GMT+5"), "CST": ("CDT", "America/Chicago", "Etc/GMT+6"), "PST": ("PDT", "America/Los_Angeles", "Etc/GMT+8"),
    "CET": ("CEST", "Europe/Berlin", "Etc/GMT-1"), "EET": ("EEST", "Europe/Athens", "Etc/GMT-2"),
}  # fmt: skip


def unclear_in_cells(times: Times) -> tuple[str, tuple[str, ...]] | None:
    """Return the abbreviation behind the times that does not tell their moments, and the zones it may mean; None where all tell.

    EST and EDT side by side are as good as offsets; EST in summer, or EDT in winter, is not, nor is IST. A word nobody
    knows may be any zone.
    """
    said = set(times.said)
    for word in sorted(said):
        if word in SHARED and (word != "CST" or "CDT" not in said) and (word != "AEST" or "AEDT" not in said):
            return word, SHARED[word]
        if word not in KNOWN_OFFSETS:
            return word, ()
    for winter, (summer, zone, fixed) in _SEASONS.items():
        for word, other in ((winter, summer), (summer, winter)):
            if word in said and other not in said and not _always(times, zone, in_summer=word == summer):
                east = KNOWN_OFFSETS[word] // 60
                return word, (zone, fixed if word == winter else f"Etc/GMT{-east:+d}")
    return None


def _always(times: Times, zone: str, *, in_summer: bool) -> bool:
    """Whether all times lie in the zone's summer, or in its winter."""
    known = pd.DatetimeIndex(times.local.dropna())
    there = known.tz_localize(zone, ambiguous=np.full(len(known), in_summer), nonexistent="NaT")
    if there.isna().any():
        return False
    away = (known - there.tz_convert("UTC").tz_localize(None)).total_seconds().to_numpy()
    january = pd.Timestamp("2024-01-15")
    winter = (january - january.tz_localize(zone).tz_convert("UTC").tz_localize(None)).total_seconds()
    return bool(((away > winter) == in_summer).all())


def zone_of_rows(table: FileTable, rows: pd.Index) -> tuple[str, str]:
    """Return the zone that a column states for all rows, and the column's name. DataError for several zones."""
    for at, name in enumerate(table.names):
        if folded(name) not in _ZONES:
            continue
        texts = table.frame.loc[rows, at].astype("str").fillna("").str.strip()
        found = [str(t) for t in texts[~texts.str.lower().isin(list(MISSING))].unique()]
        if not found or not all(_is_zone(text) for text in found[:20]):
            continue
        if len(found) > 1:
            raise DataError(
                f"{table.name} has times of several zones in {name} ({', '.join(found[:5])}): export them in one, such as UTC"
            )
        return found[0], name
    return "", ""


def _is_zone(text: str) -> bool:
    if zone_called(text):
        return True
    try:
        named_zone(text)
    except DataError:
        return False
    return True


def with_offsets(table: FileTable, rows: pd.Index, times: Times, findings: Findings) -> Times:
    """Return times with the offsets of a column such as `UTC Offset`, where the times give none themselves."""
    if times.offset.notna().any() or times.zone or times.unit:
        return times
    for at, name in enumerate(table.names):
        if folded(name) not in _OFFSETS:
            continue
        minutes = _minutes(table.frame.loc[rows, at])
        if minutes is not None:
            findings.notes.append(f"The times are local, and {name} says how far from UTC: {minutes.iloc[0] / 60:+g} h in the first row")  # fmt: skip
            return replace(times, offset=minutes.where(times.local.notna()))
    return times


def _minutes(column: pd.Series) -> pd.Series | None:
    """Return minutes east of UTC of -05:00, -0500, -5 or -18000; None where a cell is no offset."""
    texts = column.astype("str").fillna("").str.strip().str.replace("−", "-", regex=False)
    texts = texts.str.replace(r"^(?:UTC|GMT)\s*(?=[+-])", "", regex=True)
    parts = texts.str.extract(r"^([+-]?)(\d{1,2}):?(\d\d)?(?::00)?$")
    if parts[1].notna().all():
        clock = pd.to_numeric(parts[1]) * 60 + pd.to_numeric(parts[2].fillna("0"))
        minutes = clock * np.where(parts[0] == "-", -1.0, 1.0)
    else:
        numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
        if numbers.isna().any():
            return None
        minutes = numbers * 60 if numbers.abs().max() <= 14 else numbers / 60
    right = bool((minutes.abs() <= 14 * 60).all()) and bool((minutes % 15 == 0).all())
    return minutes.astype("float64") if right else None


def told_by_sessions(local: pd.Series, zone: str) -> bool | None:
    """Whether sessions keep their hours in the zone's own time (True) or go by its winter's all the year (False).

    None where the dates do not tell: bars round the clock, or too few days of summer or winter.
    """
    known = pd.DatetimeIndex(local.dropna()).sort_values()
    there = known.tz_localize(zone, ambiguous=np.ones(len(known), bool), nonexistent="NaT")
    if there.isna().any():
        return False  # an hour that the zone's clocks leave out
    offsets = pd.Series(known - there.tz_convert("UTC").tz_localize(None), index=known)
    january = pd.Timestamp(known[0].year, 1, 15)
    summer = offsets > january - january.tz_localize(zone).tz_convert("UTC").tz_localize(None)
    if not summer.any():
        return True  # winter only: both are the same moments
    by_day = pd.Series(known, index=known).groupby(known.normalize())
    first, last = by_day.min(), by_day.max()
    opens = (first - first.index).dt.total_seconds()
    if ((last - first).dt.total_seconds() > 18 * 3600).mean() > 0.1:
        return None
    in_summer = summer.groupby(known.normalize()).first()
    warm, cold = opens[in_summer], opens[~in_summer]
    if min(len(warm), len(cold)) < 5:
        return None
    usual = [float(part.mode().iloc[0]) for part in (warm, cold)]
    if min(float((part == at).mean()) for part, at in zip((warm, cold), usual, strict=True)) < 0.8:
        return None
    return {0.0: True, 3600.0: False}.get(usual[1] - usual[0])
