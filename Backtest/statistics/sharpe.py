"""Is a Sharpe ratio skill, given how long the record is, how its returns are shaped, and how many were tried?

Sharpe ratios here are those of the returns as they come (daily, not annualised) unless said otherwise.

Sources:
    Bailey, D. and López de Prado, M. (2012), "The Sharpe ratio efficient frontier", Journal of Risk 15(2): PSR, MinTRL.
    Bailey, D. and López de Prado, M. (2014), "The deflated Sharpe ratio", Journal of Portfolio Management 40(5): DSR,
        and the number of independent trials from their correlation.
    Bailey, D., Borwein, J., López de Prado, M. and Zhu, Q. (2014), "Pseudo-mathematics and financial charlatanism",
        Notices of the AMS 61(5): minimum backtest length.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

NORMAL = NormalDist()
Floats = np.ndarray[Any, np.dtype[np.float64]]


def sharpe_ratio(returns: Floats) -> Any:
    """Return mean over standard deviation (n - 1), of float64 (days,) or of each row of (trials, days); 0 for no risk."""
    deviation = np.std(returns, axis=-1, ddof=1)
    with np.errstate(all="ignore"):
        return np.where(deviation > 1e-15, np.mean(returns, axis=-1) / deviation, 0.0)[()]


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above a benchmark (PSR, 2012, eq. 9).

    Args:
        returns: float64 of shape (days,).
        benchmark: a Sharpe ratio of the same frequency.
    """
    if len(returns) < 3 or np.std(returns) < 1e-15:
        return 0.5
    observed = float(sharpe_ratio(returns))
    return probability(observed, benchmark, len(returns), *_shape(returns))


def _shape(returns: Floats) -> tuple[float, float]:
    """Return skewness and kurtosis (3 for normal returns), from the moments of the sample."""
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    return float(np.mean(centred**3)) / variance**1.5, float(np.mean(centred**4)) / variance**2


def probability(observed: float, benchmark: float, length: int, skewness: float, kurtosis_: float) -> float:
    """Return PSR from its parts; `kurtosis_` is 3 for normal returns."""
    variance = 1 - skewness * observed + (kurtosis_ - 1) / 4 * observed**2
    if variance <= 0:
        return 0.5
    return NORMAL.cdf((observed - benchmark) * math.sqrt(length - 1) / math.sqrt(variance))


def expected_maximum(trials: float, deviation: float = 1.0) -> float:
    """Return the Sharpe ratio the best of independent trials without skill is expected to reach (2014, eq. 1).

    Args:
        trials: number of independent trials.
        deviation: the standard deviation of the trials' Sharpe ratios.
    """
    if trials <= 1:
        return 0.0
    gamma = float(np.euler_gamma)
    found = (1 - gamma) * NORMAL.inv_cdf(1 - 1 / trials) + gamma * NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return deviation * max(found, 0.0)  # the approximation is for many trials, and negative for fewer than two


def independent_trials(returns: Floats, count: int | None = None) -> float:
    """Return how many independent trials correlated ones amount to: r + (1 - r) N (2014, appendix 3).

    Args:
        returns: float64 of shape (trials, days), of all the trials or of a sample of them.
        count: how many trials there were; by default those given.
    """
    total = float(count or len(returns))
    moving = returns[np.std(returns, axis=1) > 1e-15]
    if len(moving) < 2:
        return total if len(moving) else 1.0
    matrix = np.corrcoef(moving)
    mean = float((matrix.sum() - len(matrix)) / (len(matrix) * (len(matrix) - 1)))
    mean = min(max(mean, 0.0), 1.0)
    return mean + (1 - mean) * total


def deflated_sharpe(returns: Floats, *, trials: float, deviation: float) -> float:
    """Return the probability that the true Sharpe ratio is above zero, given that it is the best of many (DSR).

    Args:
        returns: of the best trial, float64 of shape (days,).
        trials: the number of independent trials.
        deviation: the standard deviation of the Sharpe ratios of all trials.
    """
    return probabilistic_sharpe(returns, expected_maximum(trials, deviation))


def minimum_track_record(returns: Floats, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Return how many returns are needed to be confident that the true ratio is above a benchmark (MinTRL, 2012, eq. 11)."""
    observed = float(sharpe_ratio(returns))
    if observed <= benchmark:
        return math.inf
    skewness, kurtosis = _shape(returns)
    variance = 1 - skewness * observed + (kurtosis - 1) / 4 * observed**2
    return 1 + variance * (NORMAL.inv_cdf(confidence) / (observed - benchmark)) ** 2


def minimum_backtest_length(trials: float, target: float = 1.0) -> float:
    """Return the years below which the best of so many trials reaches an annual Sharpe ratio by luck (2014, theorem 2)."""
    return (expected_maximum(trials) / target) ** 2 if trials > 1 else 0.0
