"""Ranges by drawing again: blocks of returns, bars in another order, entries at random.

Sources:
    Politis, D. and Romano, J. (1994), "The stationary bootstrap", Journal of the American Statistical Association 89.
    Masters, T. (2020), "Permutation and randomization tests for trading system development": bars are taken apart into
        the gap to the bar before and the moves inside the bar, and both are shuffled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from Backtest.statistics.overfitting import block_length

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Interval:
    """A figure with the range that holds it with the given confidence."""

    estimate: float
    low: float
    high: float
    confidence: float = 0.9


def bootstrap(
    returns: Floats, *, days_a_year: float, draws: int = 1000, confidence: float = 0.9, seed: int = 0, rate: float = 0.0
) -> dict[str, Interval]:
    """Return ranges of the annual Sharpe ratio, CAGR (percent) and maximum drawdown (percent, negative).

    Percentile intervals of the stationary bootstrap.

    Args:
        returns: float64 of shape (days,).
        days_a_year: how many of them make a year.
        rate: the risk-free rate of a day, which the Sharpe ratio is above.
    """
    drawn = returns[stationary_indexes(len(returns), block_length(returns), draws, seed)]
    edges = [(1 - confidence) / 2, (1 + confidence) / 2]
    found = {}
    observed = _figures(returns[None, :], days_a_year, rate)
    for name, values in _figures(drawn, days_a_year, rate).items():
        low, high = np.quantile(values, edges)
        found[name] = Interval(float(observed[name][0]), float(low), float(high), confidence)
    return found


def stationary_indexes(length: int, block: int, draws: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return which days each draw takes, int64 of shape (draws, length): blocks of geometric length, wrapping round."""
    draw = np.random.default_rng(seed)
    begins = draw.random((draws, length)) < 1 / block
    begins[:, 0] = True
    at = np.arange(length)
    starts = np.where(begins, draw.integers(0, length, (draws, length)), 0)
    last = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    return (np.take_along_axis(starts, last, axis=1) + at - last) % length


def _figures(returns: Floats, days_a_year: float, rate: float) -> dict[str, Floats]:
    deviation = returns.std(axis=1, ddof=1)
    mean = returns.mean(axis=1) - rate
    sharpe = np.where(deviation > 1e-15, mean / np.maximum(deviation, 1e-15), 0.0) * np.sqrt(days_a_year)
    equity = np.cumprod(1 + returns, axis=1)
    final = np.maximum(equity[:, -1], 0)
    growth = (final ** (days_a_year / returns.shape[1]) - 1) * 100
    peaks = np.maximum(np.maximum.accumulate(equity, axis=1), 1)
    return {"sharpe_ratio": sharpe, "cagr": growth, "max_drawdown": (equity / peaks - 1).min(axis=1) * 100}


def permuted(frame: pd.DataFrame, seed: int, first: int = 0) -> pd.DataFrame:
    """Return prices with the same bars in another order: the same moves, and no way to foresee them.

    The bars up to `first` stay; the price reached at the end is the same.
    """
    if first:
        return pd.concat([frame.iloc[:first], permuted(frame.iloc[first:], seed)])
    draw = np.random.default_rng(seed)
    open_, high, low, close = (np.log(frame[c].to_numpy(dtype=float)) for c in ("Open", "High", "Low", "Close"))
    count = len(frame)
    gaps = open_[1:] - close[:-1]
    inside = np.column_stack([high - open_, low - open_, close - open_])[1:]
    gaps, inside = gaps[draw.permutation(count - 1)], inside[draw.permutation(count - 1)]
    steps = np.empty(2 * (count - 1))
    steps[0::2], steps[1::2] = gaps, inside[:, 2]
    path = close[0] + np.cumsum(steps)
    opens = path[0::2]
    columns = {
        "Open": np.r_[open_[0], opens], "High": np.r_[high[0], opens + inside[:, 0]],
        "Low": np.r_[low[0], opens + inside[:, 1]], "Close": np.r_[close[0], path[1::2]],
    }  # fmt: skip
    made = pd.DataFrame({name: np.exp(values) for name, values in columns.items()}, index=frame.index)
    made["High"] = made[["Open", "High", "Low", "Close"]].max(axis=1)
    made["Low"] = made[["Open", "High", "Low", "Close"]].min(axis=1)
    made["Volume"] = np.r_[frame["Volume"].iloc[:1], draw.permutation(frame["Volume"].to_numpy(dtype=float)[1:])]
    return made
