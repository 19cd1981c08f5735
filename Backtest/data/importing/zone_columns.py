"""The zone a file gives in columns of its own, and abbreviations that two zones share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from Backtest.data.importing.layout import MISSING, Table
from Backtest.data.importing.names import folded, zone_called
from Backtest.data.importing.times import Times
from Backtest.data.importing.understanding import Findings
from Backtest.data.importing.zones import named_zone
from Backtest.errors import DataError

_ZONES = frozenset(
    {"timezone", "time zone", "tz", "zone", "exchange timezone", "exchange timezone name", "timezone name", "zeitzone"}
)
_OFFSETS = frozenset({"utc offset", "gmt offset", "utcoffset", "gmtoffset", "tz offset", "timezone offset"})
# Winter's name is said of the whole year by some exports, and of New York's own time by others.
WINTER = {"EST": ("America/New_York", "Etc/GMT+5"), "CST": ("America/Chicago", "Etc/GMT+6"), "PST": ("America/Los_Angeles", "Etc/GMT+8")}  # fmt: skip


def zone_of_rows(table: Table, rows: pd.Index) -> tuple[str, str]:
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


def with_offsets(table: Table, rows: pd.Index, times: Times, findings: Findings) -> Times:
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
