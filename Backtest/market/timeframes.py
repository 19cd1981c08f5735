"""The lengths of bars."""

from __future__ import annotations

import re
from typing import Literal, get_args

Timeframe = Literal[
    "1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1wk", "1mo", "3mo", "1y",
]  # fmt: skip
TIMEFRAMES: tuple[str, ...] = get_args(Timeframe)

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "wk": 7 * 86400, "mo": 30 * 86400, "y": 365 * 86400}
_WORDS = {
    "m": "minute min mins minutes minutely t", "h": "hour hr hrs hours hourly", "d": "day days daily", "wk": "w week weeks wks weekly",
    "mo": "mn mon month months monthly", "3mo": "q quarter quarters quarterly", "y": "year years yr yrs yearly annual annually",
}  # fmt: skip
_UNITS = {word: unit for unit, words in _WORDS.items() for word in (unit, *words.split())}
_WRITTEN = re.compile(r"([0-9]{0,4})[ _-]*([A-Za-z]*)[ _-]*([0-9]{0,4})")


def meant_timeframe(text: str) -> str:
    """Return the time frame that is meant by words such as "1 day", "weekly", "60m", "H4" or "D"; empty where none is."""
    found = _WRITTEN.fullmatch(text.strip())
    if not found or not found[0] or (found[1] and found[3]):
        return ""
    word = found[2]
    # A capital M is a month in "1M" and alone, and minutes in "M15". A number alone is minutes, as charts have it.
    unit = "mo" if word == "M" and not found[3] else _UNITS.get(word.lower() or "m", "")
    if not unit:
        return ""
    count = int(found[1] or found[3] or 1)
    if unit == "3mo":
        unit, count = "mo", 3 * count
    if unit == "mo" and count == 12:
        return "1y"
    return next((known for known in TIMEFRAMES if seconds(known) == count * _SECONDS[unit]), "")


def seconds(timeframe: str) -> int:
    """Return the nominal length of a bar in seconds; a month counts as 30 days, a year as 365."""
    number = "".join(c for c in timeframe if c.isdigit())
    return int(number) * _SECONDS[timeframe[len(number) :]]


_ADJECTIVES = {"1h": "hourly", "1d": "daily", "1wk": "weekly", "1mo": "monthly", "3mo": "quarterly", "1y": "yearly"}
_NOUNS = {"m": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "y": "year"}


def in_words(timeframe: str) -> str:
    """Return a time frame as it is said in front of "bars", such as `daily`, `5-minute` or `4-hour`."""
    number = "".join(c for c in timeframe if c.isdigit())
    noun = _NOUNS.get(timeframe[len(number) :])
    return _ADJECTIVES.get(timeframe) or (f"{number}-{noun}" if number and noun else timeframe)


def bars_of(timeframe: str, count: int | None = None) -> str:
    """Return bars with their time frame, such as `daily bars`, `1 daily bar` or `3 15-minute bars`."""
    text = f"{in_words(timeframe)} {'bar' if count == 1 else 'bars'}"
    return text if count is None else f"{count:,} {text}"


def is_intraday(timeframe: str) -> bool:
    return seconds(timeframe) < 86400
