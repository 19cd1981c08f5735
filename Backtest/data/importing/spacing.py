"""The time frame of bars, by a vote of the distances between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from Backtest.errors import DataError
from Backtest.market import TIMEFRAMES, is_intraday, seconds

_DAY = 86_400
_SURE = 0.6
# The distances, in days, of bars that stand for a week, a month, a quarter, a year; holidays move their labels.
_COARSE = (("1d", 0.8, 4.2), ("1wk", 4.8, 10.2), ("1mo", 26.0, 37.0), ("3mo", 80.0, 100.0), ("1y", 355.0, 378.0))
_PERIODS = {
    "d": "1d", "1d": "1d", "day": "1d", "daily": "1d", "1440": "1d", "w": "1wk", "1w": "1wk", "week": "1wk", "weekly": "1wk", "10080": "1wk", "m": "1mo", "1m": "1m",
    "mo": "1mo", "month": "1mo", "monthly": "1mo", "43200": "1mo", "1": "1m", "2": "2m", "3": "3m", "5": "5m", "10": "10m", "15": "15m",
    "30": "30m", "60": "1h", "120": "2h", "240": "4h", "h": "1h", "hour": "1h", "minute": "1m", "m1": "1m", "m5": "5m", "m15": "15m", "m30": "30m",
    "h1": "1h", "h4": "4h", "d1": "1d", "w1": "1wk", "mn1": "1mo", "mn": "1mo", "q": "3mo", "y": "1y",
}  # fmt: skip


@dataclass(frozen=True)
class Spacing:
    """`timeframe` is empty where the distances agree on none; `share` of them agree; `text` says what they are."""

    timeframe: str
    share: float
    text: str


def spacing(moments: pd.DatetimeIndex) -> Spacing:
    """Return the time frame of bars that start at these moments, in any order, with gaps.

    Most distances decide; sparse intraday bars, where few minutes trade, by the longest time frame
    of which almost all distances are multiples.

    Raises:
        DataError: bars shorter than a minute.
    """
    stamps = np.unique(moments[moments.notna()].to_numpy().astype("datetime64[us]").astype("int64")) / 1e6
    steps = np.diff(stamps)
    if not len(steps):
        return Spacing("", 0.0, "there is one bar only")
    usual, share = _mode(steps)
    if usual < 0.8 * _DAY:
        return _intraday(steps, usual, share)
    return _coarse(steps / _DAY)


def _mode(steps: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    values, counts = np.unique(np.round(steps), return_counts=True)
    best = int(counts.argmax())
    if counts[best] == 1:  # no two alike: the middle stands for them
        return float(np.median(steps)), 1 / len(steps)
    return float(values[best]), float(counts[best] / len(steps))


def _intraday(steps: np.ndarray[tuple[int, ...], np.dtype[np.float64]], usual: float, share: float) -> Spacing:
    text = f"most bars are {duration(usual)} apart"
    by_length = {seconds(t): t for t in TIMEFRAMES if is_intraday(t)}
    if (share >= 0.4 and len(steps) >= 3) or share == 1.0:
        if usual in by_length:
            return Spacing(by_length[int(usual)], share, text)
        if usual < 60:
            raise DataError(f"{text.capitalize()}: bars shorter than a minute are not read; export minutes")
        if share >= 0.9:
            return Spacing("", share, text)
    for length in sorted(by_length, reverse=True):
        multiples = float((np.abs(steps / length - np.round(steps / length)) < 1e-6).mean())
        if multiples >= 0.98 and (steps >= length * 0.999).mean() >= 0.98:
            return Spacing(by_length[length], share, f"almost all bars are multiples of {duration(length)} apart")
    return Spacing("", share, text)


def _coarse(steps: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Spacing:
    votes = {t: float(((steps >= low) & (steps <= high)).mean()) for t, low, high in _COARSE}
    best = max(votes, key=lambda t: votes[t])
    text = f"most bars are {duration(float(np.median(steps)) * _DAY)} apart"
    if votes[best] < _SURE:
        return Spacing("", votes[best], text)
    if best == "1d" and len(steps) >= 5 and not (np.abs(steps - 1) < 0.2).any():
        return Spacing("", votes[best], text)  # two- or three-day bars
    return Spacing(best, votes[best], text)


def kinds(
    steps: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return distances in seconds with those of days, weeks, months … as the one length each stands for."""
    result = np.round(steps)
    for timeframe, low, high in _COARSE:
        result[(steps >= low * _DAY) & (steps <= high * _DAY)] = seconds(timeframe)
    return result


def duration(length: float) -> str:
    """Return seconds in words: 90 → "90 seconds", 3600 → "1 hour"."""
    for unit, size in (("day", _DAY), ("hour", 3600), ("minute", 60), ("second", 1)):
        if length >= size and abs(length / size - round(length / size)) < 0.01:
            number = round(length / size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{length:g} seconds"


def declared(text: str) -> str:
    """Return the time frame a column or file name states, such as D, 60 or H4; "" for anything else."""
    return _PERIODS.get(text.strip().lower(), text.strip().lower() if text.strip().lower() in TIMEFRAMES else "")


def fits(timeframe: str, found: Spacing, moments: pd.DatetimeIndex) -> bool:
    """Whether bars can be those of a time frame: it is the one found, or few or sparse bars leave it open."""
    if timeframe == found.timeframe:
        return True
    stamps = np.unique(moments[moments.notna()].to_numpy().astype("datetime64[us]").astype("int64")) / 1e6
    steps = np.diff(stamps)
    if not len(steps):
        return True
    if (steps < 0.8 * seconds(timeframe)).mean() > 0.02:
        return False
    if is_intraday(timeframe):
        whole = (np.abs(steps / seconds(timeframe) - np.round(steps / seconds(timeframe))) < 1e-6).mean() > 0.98
        return bool(whole and (found.share < 0.4 or len(steps) < 10))
    return len(steps) < 5 or not found.timeframe
