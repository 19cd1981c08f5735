"""Bar lengths, and the grouping of bars into coarser ones."""

from __future__ import annotations

from typing import Literal, get_args

import pandas as pd

Timeframe = Literal[
    "1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1wk", "1mo",
]  # fmt: skip
TIMEFRAMES: tuple[str, ...] = get_args(Timeframe)

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "wk": 7 * 86400, "mo": 30 * 86400}


def seconds(timeframe: str) -> int:
    """Return the nominal length of a bar in seconds; a month counts as 30 days."""
    number = "".join(c for c in timeframe if c.isdigit())
    return int(number) * _SECONDS[timeframe[len(number) :]]


def is_intraday(timeframe: str) -> bool:
    return seconds(timeframe) < 86400


def period_starts(index: pd.DatetimeIndex, timeframe: str) -> pd.DatetimeIndex:
    """Return for each bar the start of the coarser period it belongs to, in local time.

    Weeks start on Monday, months on their first day.
    """
    local = index.tz_localize(None) if index.tz is not None else index
    if timeframe in ("1wk", "1mo"):
        starts = local.to_period("W-SUN" if timeframe == "1wk" else "M").start_time
        return pd.DatetimeIndex(starts)
    return local.floor(pd.Timedelta(seconds=seconds(timeframe)))


def resample(frame: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """Return the OHLCV frame in coarser bars, labelled with the start of their period."""
    grouped = frame.groupby(period_starts(pd.DatetimeIndex(frame.index), timeframe))
    return grouped.agg({"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum"})


def guess(index: pd.DatetimeIndex) -> str:
    """Return the time frame nearest to the median distance between bars."""
    if len(index) < 2:
        return "1d"
    step = float(pd.Series(index[:5000]).diff().median().total_seconds())
    return min(TIMEFRAMES, key=lambda t: abs(seconds(t) - step))
