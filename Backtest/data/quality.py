"""What is suspicious about a price frame, counted before it is cleaned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from Backtest.data.gaps import gaps, missing_bars
from Backtest.market import bars_of

OUTLIER_SIGMAS = 12.0
# New shares for one old one, as companies and funds split; a reverse split is the inverse.
_SPLITS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 100.0)
_SPLIT_SLACK = 0.06
_SPLIT_SIGMAS = 8.0
_SPIKE = 5.0  # times, or a fifth


def quality_report(frame: pd.DataFrame, timeframe: str) -> dict[str, Any]:
    """Return counts of doubtful rows and up to five examples each.

    Keys: rows, duplicates, missing_values, high_below_low, outside_range (open or close beyond
    high or low), zero_volume, gaps (bars missing from the pattern these bars have), outliers (a
    close-to-close move over 12 robust standard deviations), split_suspects (see there).
    """
    report: dict[str, Any] = {"rows": len(frame)}
    if frame.empty:
        return report
    index = pd.DatetimeIndex(frame.index)
    ordered = frame[~index.duplicated(keep="last")].sort_index()
    prices = ordered[["Open", "High", "Low", "Close"]].astype(float)
    body_high, body_low = prices[["Open", "Close"]].max(axis=1), prices[["Open", "Close"]].min(axis=1)
    masks = {
        "missing_values": frame[["Open", "High", "Low", "Close"]].isna().any(axis=1).to_numpy(),
        "duplicates": index.duplicated(keep="last"),
    }
    later = {
        "high_below_low": (prices["High"] < prices["Low"]).to_numpy(),
        "outside_range": ((body_high > prices["High"]) | (body_low < prices["Low"])).to_numpy(),
        "zero_volume": (ordered["Volume"].fillna(0).to_numpy() == 0)
        if "Volume" in ordered
        else np.ones(len(ordered), bool),
        "gaps": gaps(pd.DatetimeIndex(ordered.index), timeframe),
        "outliers": _outliers(prices["Close"].to_numpy()),
    }
    for rows, found in ((index, masks), (pd.DatetimeIndex(ordered.index), later)):
        for name, mask in found.items():
            report[name] = {"count": int(mask.sum()), "examples": [str(t) for t in rows[mask][:5]]}
    suspects = split_suspects(ordered)
    report["split_suspects"] = {"count": len(suspects), "examples": [str(s.time) for s in suspects[:5]]}
    return report


def doubts(frame: pd.DataFrame, timeframe: str) -> list[str]:
    """Say of each kind of doubtful rows how many there are and where the first is, of an outlier also its size.

    An example: `outliers: 1 on 2010-01-22, close 120 after 100 (+20.00%)`.
    """
    found = []
    for kind, counted in quality_report(frame, timeframe).items():
        if not isinstance(counted, dict) or not counted["count"]:
            continue
        first = counted["examples"][0]
        text = f"{kind.replace('_', ' ')}: {counted['count']:,}{' on' if counted['count'] == 1 else ', first on'} {first.removesuffix(' 00:00:00')}"
        if kind in ("outliers", "split_suspects"):
            close = frame["Close"][~frame.index.duplicated(keep="last")].sort_index()
            at = int(np.flatnonzero(close.index == pd.Timestamp(first))[0])
            before, after = float(close.iloc[at - 1]), float(close.iloc[at])
            text += f", close {after:,.8g} after {before:,.8g} ({after / before - 1:+.2%})"
        found.append(text)
    return found


def gap_notes(frame: pd.DataFrame, timeframe: str) -> list[str]:
    """Say where bars are missing, and how many, where some are."""
    index = pd.DatetimeIndex(frame.index)
    missing = missing_bars(index, timeframe)
    at = np.flatnonzero(missing)
    if not len(at):
        return []
    before, after = (str(index[i]).removesuffix(" 00:00:00") for i in (at[0] - 1, at[0]))
    bars = f"about {bars_of(timeframe, int(missing[at[0]]))}"
    if len(at) == 1:
        return [f"Bars are missing: {bars} between {before} and {after}"]
    return [
        f"Bars are missing at {len(at)} places, about {missing.sum():,} in all: first {bars} between {before} and {after}"
    ]


@dataclass(frozen=True)
class SplitSuspect:
    """A jump that looks like a split nobody adjusted for.

    `ratio` is old price / new price: 4.0 for four new shares for one, 0.1 for one new for ten.
    """

    time: pd.Timestamp
    before: float
    after: float
    ratio: float

    @property
    def message(self) -> str:
        split = f"{self.ratio:g} for 1" if self.ratio > 1 else f"1 for {1 / self.ratio:g}"
        return (
            f"Prices jump from {self.before:.6g} to {self.after:.6g} at {str(self.time).removesuffix(' 00:00:00')}, as in a split {split} which they are not adjusted "
            "for: returns, stops and indicators across it are wrong"
        )


def split_suspects(frame: pd.DataFrame) -> list[SplitSuspect]:
    """Return the jumps between two days which look like splits: near n:1 or 1:n, far beyond the usual moves, and kept.

    The open and the close of the bar stand at the new level, and so do the bars around it: the
    median of five closes before and after has the ratio too, give or take a fifth.

    Args:
        frame: OHLC with a DatetimeIndex, sorted.
    """
    index = pd.DatetimeIndex(frame.index)
    opens, closes = frame["Open"].to_numpy(dtype=float), frame["Close"].to_numpy(dtype=float)
    if len(frame) < 3:
        return []
    with np.errstate(all="ignore"):
        gap = np.log(closes[:-1] / opens[1:])
        moves = np.log(closes[:-1] / closes[1:])
    new_day = (np.diff(index.tz_localize(None).normalize().asi8) > 0) & np.isfinite(gap) & np.isfinite(moves)
    usual = 1.4826 * float(np.nanmedian(np.abs(moves[new_day]))) if new_day.any() else 0.0
    likely = new_day & (np.abs(gap) > max(np.log(1.4), _SPLIT_SIGMAS * usual)) & (np.abs(gap - moves) < 0.18)
    found = []
    for i in np.flatnonzero(likely):
        size = float(np.exp(abs(gap[i])))
        nearest = min(_SPLITS, key=lambda n: abs(np.log(n / size)))
        before, after = float(np.median(closes[max(0, i - 4) : i + 1])), float(np.median(closes[i + 1 : i + 6]))
        kept = abs(abs(np.log(before / after)) - abs(gap[i])) < 0.2
        if abs(np.log(nearest / size)) < _SPLIT_SLACK and kept:
            time = index[int(i) + 1]
            found.append(
                SplitSuspect(time, float(closes[i]), float(opens[i + 1]), nearest if gap[i] > 0 else 1 / nearest)
            )
    return found


@dataclass(frozen=True)
class PriceSpike:
    """A bar with a price far from the bars around it, which agree. `part` is open, high, low or close."""

    time: pd.Timestamp
    part: str
    price: float
    usual: float

    @property
    def message(self) -> str:
        return (
            f"The {self.part} of {str(self.time).removesuffix(' 00:00:00')} is {self.price:,.6g} between prices about {self.usual:,.6g} ({self.price / self.usual - 1:+.0%}), "
            "and prices return: a wrong tick decides orders, stops and indicators there"
        )


def price_spikes(frame: pd.DataFrame) -> list[PriceSpike]:
    """Return the bars with a price over five times, or below a fifth of, the level to which prices return.

    The level is the median of seven closes, three before and three after; where the level itself
    moves, as at a split, no bar is far from it. The newest bar shows no return and is none.

    Args:
        frame: OHLC with a DatetimeIndex, sorted.
    """
    closes = frame["Close"].to_numpy(dtype=float)
    if len(closes) < 4:
        return []
    prices = frame[["Close", "High", "Low", "Open"]].to_numpy(dtype=float)
    with np.errstate(all="ignore"):
        jump = np.maximum(prices.max(axis=1)[1:] / closes[:-1], closes[:-1] / prices.min(axis=1)[1:])
        first = prices[0].max() / closes[1] > _SPIKE or closes[1] / prices[0].min() > _SPIKE
    if not first and not (jump > _SPIKE).any():
        return []
    around = pd.Series(np.pad(closes, 3, mode="reflect"))  # seven closes at the ends, too
    level = around.rolling(7, center=True).median().to_numpy()[3:-3]
    with np.errstate(all="ignore"):
        away = np.abs(np.log(prices / level[:, None]))
    far = (np.nan_to_num(away, posinf=np.inf) > np.log(_SPIKE)).any(axis=1)
    calm = np.flatnonzero(~far)
    last = int(calm[-1]) if len(calm) else -1
    parts = ("close", "high", "low", "open")
    found = []
    for i in np.flatnonzero(far[:last]) if last >= 0 else ():
        worst = int(np.nanargmax(away[i]))
        part = 0 if away[i, 0] > np.log(_SPIKE) else worst
        found.append(PriceSpike(frame.index[int(i)], parts[part], float(prices[i, part]), float(level[i])))
    return found


def spike_notes(frame: pd.DataFrame, *, since: pd.Timestamp | None = None) -> list[str]:
    """Say of up to three wrong ticks, those from a bar on, where they are, and how many there are in all."""
    found = [spike for spike in price_spikes(frame) if since is None or spike.time >= since]
    more = [f"There are {len(found) - 3:,} more bars with such a price"] if len(found) > 3 else []
    return [*(spike.message for spike in found[:3]), *more]


def _outliers(close: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    with np.errstate(all="ignore"):
        moves = np.diff(np.log(close), prepend=np.nan)
    spread = 1.4826 * np.nanmedian(np.abs(moves)) if len(close) > 20 else np.nan
    return np.abs(np.nan_to_num(moves)) > OUTLIER_SIGMAS * spread if spread > 0 else np.zeros(len(close), dtype=bool)
