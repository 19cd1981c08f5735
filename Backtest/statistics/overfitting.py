"""Does what is best in one half of the data stay good in the other?

Sources:
    Bailey, D., Borwein, J., López de Prado, M. and Zhu, Q. (2015), "The probability of backtest overfitting", Journal of
        Computational Finance 20(4): combinatorially symmetric cross-validation.
    White, H. (2000), "A reality check for data snooping", Econometrica 68(5).
    Hansen, P. (2005), "A test for superior predictive ability", Journal of Business & Economic Statistics 23(4).
    Romano, J. and Wolf, M. (2005), "Stepwise multiple testing as formalized data snooping", Econometrica 73(4).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
BLOCKS = 10


@dataclass(frozen=True)
class CrossValidation:
    """What CSCV found. `pbo` is the probability of backtest overfitting: how often the best in sample was below the
    median out of sample. `loss` is how often it lost out of sample. `slope` is that of out-of-sample on in-sample
    Sharpe ratios of the best. `splits` counts the ways the data was halved."""

    pbo: float
    loss: float
    slope: float
    splits: int


def cross_validate(returns: Floats, blocks: int = BLOCKS) -> CrossValidation:
    """Halve the days in every way blocks of them allow; choose the best on one half, rank it on the other.

    Args:
        returns: float64 of shape (trials, days).
        blocks: an even number of blocks of neighbouring days.
    """
    trials, days = returns.shape
    size = days // blocks
    parts = returns[:, days - size * blocks :].reshape(trials, blocks, size)
    sums, squares = parts.sum(axis=2).T, (parts**2).sum(axis=2).T
    halves = list(combinations(range(blocks), blocks // 2))
    chosen = np.zeros((len(halves), blocks), dtype=np.float64)
    for i, half in enumerate(halves):
        chosen[i, list(half)] = 1
    inside = _sharpe(chosen @ sums, chosen @ squares, size * blocks // 2)
    outside = _sharpe((1 - chosen) @ sums, (1 - chosen) @ squares, size * blocks // 2)
    best = inside.argmax(axis=1)
    rows = np.arange(len(halves))
    reached = outside[rows, best]
    below = (outside < reached[:, None]).sum(axis=1) + 0.5 * ((outside == reached[:, None]).sum(axis=1) - 1)
    rank = (below + 1) / (trials + 1)
    x, y = inside[rows, best], reached
    spread = float(np.var(x))
    return CrossValidation(
        pbo=float(np.mean(rank <= 0.5)),
        loss=float(np.mean(reached < 0)),
        slope=float(np.cov(x, y)[0, 1] / np.var(x, ddof=1)) if spread > 0 else 0.0,
        splits=len(halves),
    )


def _sharpe(sums: Floats, squares: Floats, count: int) -> Floats:
    mean = sums / count
    variance = np.maximum(squares / count - mean**2, 0) * count / (count - 1)
    return np.where(variance > 1e-20, mean / np.sqrt(np.maximum(variance, 1e-20)), 0.0)


@dataclass(frozen=True)
class Snooping:
    """p-values that the best of the trials is no better than doing nothing: White's reality check, Hansen's SPA (its
    consistent one), and which trials Romano and Wolf's StepM finds better at 5%."""

    reality_check: float
    spa: float
    better: tuple[int, ...]


def data_snooping(returns: Floats, *, benchmark: Floats | None = None, draws: int = 500, seed: int = 0) -> Snooping:
    """Test whether the best trial beats a benchmark, by default doing nothing, given that it was the best of all.

    Args:
        returns: float64 of shape (trials, days).
        benchmark: float64 of shape (days,).
        draws: bootstrap samples; blocks are of the length the best trial's dependence asks for.
    """
    from arch.bootstrap import StepM

    days = returns.shape[1]
    moving = np.flatnonzero(returns.std(axis=1) > 1e-12)
    if not len(moving):
        return Snooping(1.0, 1.0, ())
    losses = -returns[moving].T
    reference = -(benchmark if benchmark is not None else np.zeros(days))
    block = block_length(returns[moving[np.argmax(returns[moving].mean(axis=1))]])
    step = StepM(reference, losses, block_size=block, reps=draws, seed=seed)
    # All three tests look at the same draws: drawing and averaging them is nearly all of the work. The reality check is
    # the SPA that takes no trial for too bad to matter.
    step.spa.compute()
    p_values = step.spa.pvalues
    try:
        step.compute()
        better = tuple(int(moving[int(str(i))]) for i in step.superior_models)
    except ValueError:  # arch's, once no trial is left that is not better
        better = tuple(moving.tolist())
    return Snooping(float(p_values["upper"]), float(p_values["consistent"]), better)


def block_length(returns: Floats) -> int:
    """Return the mean length of blocks for the stationary bootstrap (Politis and White 2004, corrected 2009)."""
    from arch.bootstrap import optimal_block_length

    if np.std(returns) < 1e-15 or len(returns) < 10:
        return 1
    with np.errstate(all="ignore"):
        length = float(optimal_block_length(returns)["stationary"].iloc[0])
    return int(min(max(round(length), 1), max(1, len(returns) // 4))) if np.isfinite(length) else 1
