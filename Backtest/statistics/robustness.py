"""How a strategy fares when the world is a little different: other times, other entries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from Backtest.statistics.sharpe import sharpe_ratio

Floats = np.ndarray[Any, np.dtype[np.float64]]
REGIME_DAYS = 100


def regimes(close: Floats, returns: Floats, days_a_year: float, *, rate: float = 0.0) -> dict[str, dict[str, float]]:
    """Return how the days of rising, falling, calm and wild markets did.

    A day's regime is that of the days before it: rising where the close was above that of 100 days ago, wild where the
    volatility of the last 20 days was above its median up to then.

    Args:
        close: closes at the ends of days, float64 of shape (days + 1,).
        returns: the strategy's returns of those days, float64 of shape (days,).
        rate: the risk-free rate of a day, which the Sharpe ratios are above.

    Returns:
        regime to days, share of days, return (percent, compounded) and annual Sharpe ratio, 0 for fewer than three days.
    """
    changes = np.diff(np.log(close))
    trend = pd.Series(close[:-1]).pct_change(REGIME_DAYS).to_numpy()
    noise = pd.Series(changes).rolling(20).std().shift(1)
    usual = noise.expanding(min_periods=60).median()
    wild = np.where(usual.isna(), np.nan, noise > usual)
    found = {}
    for name, inside in (
        ("rising", trend > 0), ("falling", trend <= 0), ("wild", wild == 1), ("calm", wild == 0),
    ):  # fmt: skip
        part = returns[inside]
        ratio = float(sharpe_ratio(part - rate)) if len(part) > 2 else 0.0
        found[name] = {
            "days": len(part),
            "share": len(part) / len(returns) if len(returns) else 0.0,
            "return_pct": float((np.prod(1 + part) - 1) * 100),
            "sharpe_ratio": ratio * float(np.sqrt(days_a_year)),
        }
    return found


def random_entries(trades: pd.DataFrame, open_: Floats, *, draws: int = 1000, seed: int = 0) -> dict[str, float]:
    """Compare with entries at random bars: as many trades, on the same sides, held as long, never two at once.

    Both sides of the comparison are gross returns from open to open, without stops and costs.

    Args:
        trades: with Size, EntryBar, ExitBar.
        open_: opens, float64 of shape (bars,).

    Returns:
        the strategy's gross return and the median of the random ones, both in percent, and the share of random ones that
        did at least as well.
    """
    count, bars = len(trades), len(open_)
    if not count:
        return {"gross_return_pct": 0.0, "random_median_pct": 0.0, "as_good_at_random": 1.0}
    side = np.sign(trades["Size"].to_numpy(dtype=float))
    entry, exit_ = trades["EntryBar"].to_numpy(), trades["ExitBar"].to_numpy()
    held = np.maximum(exit_ - entry, 1)
    prices = np.log(open_)

    def gross(begin: Any, order: Any) -> Any:
        end = np.minimum(begin + held[order], bars - 1)
        return (side[order] * (prices[end] - prices[begin])).sum(axis=-1)

    ours = float(gross(entry, np.arange(count)))
    draw = np.random.default_rng(seed)
    order = np.argsort(draw.random((draws, count)), axis=1)
    free = max(bars - 1 - int(held.sum()), 0)
    # Free bars are dealt out between the trades, each way equally likely.
    cuts = np.sort(draw.integers(0, free + 1, (draws, count)), axis=1)
    begin = cuts + np.cumsum(held[order], axis=1) - held[order]
    theirs = gross(np.minimum(begin, bars - 1), order)
    return {
        "gross_return_pct": float(np.expm1(ours) * 100),
        "random_median_pct": float(np.expm1(np.median(theirs)) * 100),
        "as_good_at_random": float((1 + (theirs >= ours).sum()) / (draws + 1)),
    }


def break_even(commissions: Floats, returns_pct: Floats) -> float | None:
    """Return the commission (a fraction) at which the return reaches zero, by the line between the two nearest ones.

    None where it is above zero for all of them, 0 where it is below for the lowest.
    """
    losing = np.flatnonzero(~(returns_pct > 0))
    if not len(losing):
        return None
    k = int(losing[0])
    if k == 0:
        return 0.0
    low, high = returns_pct[k - 1], returns_pct[k]
    share = low / (low - high) if low > high else 0.0
    return float(commissions[k - 1] + share * (commissions[k] - commissions[k - 1]))
