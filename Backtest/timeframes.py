"""Bar lengths, and the grouping of bars into coarser ones."""

from __future__ import annotations

from typing import Literal, get_args

import pandas as pd

Timeframe = Literal[
    "1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1wk", "1mo", "3mo", "1y",
]  # fmt: skip
TIMEFRAMES: tuple[str, ...] = get_args(Timeframe)

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "wk": 7 * 86400, "mo": 30 * 86400, "y": 365 * 86400}

_CALENDAR = {"1wk": "W-SUN", "1mo": "M", "3mo": "Q", "1y": "Y"}


def seconds(timeframe: str) -> int:
    """Return the nominal length of a bar in seconds; a month counts as 30 days."""
    number = "".join(c for c in timeframe if c.isdigit())
    return int(number) * _SECONDS[timeframe[len(number) :]]


def is_intraday(timeframe: str) -> bool:
    return seconds(timeframe) < 86400


def period_starts(index: pd.DatetimeIndex, timeframe: str) -> pd.DatetimeIndex:
    """Return for each bar the start of the coarser period it belongs to, in local time.

    Weeks start on Monday, months, quarters and years on their first day.
    """
    local = index.tz_localize(None) if index.tz is not None else index
    if timeframe in _CALENDAR:
        return pd.DatetimeIndex(local.to_period(_CALENDAR[timeframe]).start_time)
    return local.floor(pd.Timedelta(seconds=seconds(timeframe)))


def resample(frame: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """Return the OHLCV frame in coarser bars, labelled with the start of their period."""
    grouped = frame.groupby(period_starts(pd.DatetimeIndex(frame.index), timeframe))
    return grouped.agg({"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum"})
