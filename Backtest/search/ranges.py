"""A result as a range: over what happened inside the bars, and over what trading costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import CanonicalStrategy
from Backtest.kernel import NAMES, Kernel
from Backtest.statistics import robustness

COMMISSIONS = np.array([0, *np.geomspace(1e-5, 0.099, 40)])
RANGED = {
    "sharpe_ratio": "Sharpe Ratio", "total_return_pct": "Return [%]", "cagr": "CAGR [%]",
    "max_drawdown": "Max. Drawdown [%]",
}  # fmt: skip


def ranges(strategy: CanonicalStrategy, frame: pd.DataFrame) -> dict[str, Any]:
    """Return figures as ranges over what a bar does not tell and over costs, and the commission that takes all profit.

    A bar that holds both stop and target may have met either first: both are run. Costs are nothing, those of the strategy,
    and twice those; where it has none, 0.1% commission stands for the dearer end.
    """
    execution = strategy.execution
    commission, spread = execution.commission, execution.spread
    dear = (min(2 * commission, 0.099), min(2 * spread, 0.099)) if commission or spread else (0.001, 0.0)
    costs = np.array([(commission, spread), (0.0, 0.0), dear])
    paths = ["execution.commission", "execution.spread"]
    tables = [Kernel(strategy, frame, paths, target_first=first).sweep(costs).table for first in (False, True)]
    table = np.concatenate(tables)
    bars = Kernel(strategy, frame, ["execution.commission"])
    swept = bars.sweep(COMMISSIONS[:, None]).table
    found: dict[str, Any] = {}
    for name, column in RANGED.items():
        values = table[:, NAMES.index(column)]
        known = values[~np.isnan(values)]
        one = [float(known.min()), float(known.max())] if len(known) else [None, None]
        path = tables[0][0, NAMES.index(column)], tables[1][0, NAMES.index(column)]
        found[name] = {
            "low": one[0], "high": one[1],
            "worse_path": _plain(path[0]), "better_path": _plain(path[1]),
        }  # fmt: skip
    found["break_even_commission"] = robustness.break_even(COMMISSIONS, swept[:, NAMES.index("Return [%]")])
    found["costs"] = {"commission": [0.0, dear[0]], "spread": [0.0, dear[1]]}
    return found


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
