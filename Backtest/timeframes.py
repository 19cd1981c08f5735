"""The lengths of bars."""

from __future__ import annotations

from typing import Literal, get_args

Timeframe = Literal[
    "1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1wk", "1mo", "3mo", "1y",
]  # fmt: skip
TIMEFRAMES: tuple[str, ...] = get_args(Timeframe)

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "wk": 7 * 86400, "mo": 30 * 86400, "y": 365 * 86400}


def seconds(timeframe: str) -> int:
    """Return the nominal length of a bar in seconds; a month counts as 30 days, a year as 365."""
    number = "".join(c for c in timeframe if c.isdigit())
    return int(number) * _SECONDS[timeframe[len(number) :]]


def is_intraday(timeframe: str) -> bool:
    return seconds(timeframe) < 86400
