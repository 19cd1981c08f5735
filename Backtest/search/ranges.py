"""A result as a range: over what happened inside the bars, and over what trading costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import CanonicalStrategy
from Backtest.errors import ExecutionError
from Backtest.sandbox import EngineSettings, Limits, Sandbox, SandboxJob
from Backtest.statistics import robustness

MOST_COMMISSION = 0.099
COMMISSIONS = np.array([0, *np.geomspace(1e-5, MOST_COMMISSION, 40)])
RANGED = {
    "sharpe_ratio": "Sharpe Ratio", "total_return_pct": "Return [%]", "cagr": "CAGR [%]",
    "max_drawdown": "Max. Drawdown [%]",
}  # fmt: skip
COSTS = ("commission", "spread", "commission_fixed")
PATHS = (False, True)  # of a bar that holds both levels of a trade: the stop first, the target first
CODE_S = 30.0

Costs = tuple[float, float, float]
Figures = Mapping[str, Any]  # by backtesting.py's names


def ranges(strategy: CanonicalStrategy, frame: pd.DataFrame) -> dict[str, Any]:
    """Return figures as ranges over what a bar does not tell and over costs, and the commission that takes all profit.

    A bar that holds both stop and target may have met either first: both are run. Costs are nothing, those of the strategy,
    and twice those; where it has none, 0.1% commission stands for the dearer end.
    """
    from Backtest.kernel import NAMES, Kernel

    costs = _costs(*(getattr(strategy.execution, name) for name in COSTS))
    names = [f"execution.{name}" for name in COSTS]
    tables = [Kernel(strategy, frame, names, target_first=first).sweep(np.array(costs)).table for first in PATHS]
    swept = Kernel(strategy, frame, names[:1]).sweep(COMMISSIONS[:, None]).table
    even = robustness.break_even(COMMISSIONS, swept[:, NAMES.index("Return [%]")])
    return _ranges([[dict(zip(NAMES, row, strict=True)) for row in table] for table in tables], costs, even)


def ranges_of_code(
    code: str,
    frame: pd.DataFrame,
    settings: EngineSettings,
    figures: Figures,
    *,
    sandbox: Sandbox,
    limits: Limits,
    took: float = 0.0,
    seconds: float = CODE_S,
) -> dict[str, Any]:
    """Return what `ranges` does, of code, by running it again in the sandbox: about nine times.

    Args:
        settings: how it was run.
        figures: what it gave, by backtesting.py's names.
        took: how many seconds that was.
        seconds: all the time the runs may take together; where one takes more than a fifteenth of it, none is begun.

    Raises:
        ExecutionError: the code fails with other costs or on the other path, or the time is up.
    """
    late = ExecutionError(f"its runs would take more than {seconds:g} s: shorten the dates", exit_reason="timeout")
    if took > seconds / 15:
        raise late
    end = time.monotonic() + seconds
    costs = _costs(*(getattr(settings, name) for name in COSTS))

    def run(target_first: bool, **paid: float) -> Figures:
        left = end - time.monotonic()
        if left <= 0:
            raise late
        bound = limits.model_copy(update={"timeout_s": min(limits.timeout_s, left)})
        job = SandboxJob(code, frame, settings.model_copy(update=paid), bound, target_first=target_first, name="ranges")
        return sandbox.run(job).metrics

    with ThreadPoolExecutor(2) as pool:
        corners = [(first, cost) for first in PATHS for cost in costs][1:]
        waiting = [pool.submit(run, first, **dict(zip(COSTS, cost, strict=True))) for first, cost in corners]
        done = [figures, *(one.result() for one in waiting)]
    worse, better = done[: len(costs)], done[len(costs) :]

    def total(commission: float) -> float:
        return float(run(False, commission=commission)["Return [%]"])

    only_commission = not (settings.spread or settings.commission_fixed)
    known = zip(costs, worse, strict=True) if only_commission else [(costs[0], figures)]
    return _ranges([worse, better], costs, _break_even(total, {cost[0]: float(f["Return [%]"]) for cost, f in known}))


def _costs(commission: float, spread: float, fixed: float) -> list[Costs]:
    """Return the costs as they are, none, and twice those."""
    most = MOST_COMMISSION
    dear = (min(2 * commission, most), min(2 * spread, most), 2 * fixed)
    return [(commission, spread, fixed), (0.0, 0.0, 0.0), dear if any(dear) else (0.001, 0.0, 0.0)]


def _break_even(total: Callable[[float], float], known: dict[float, float]) -> float | None:
    """Return a commission at which the return of a run with it reaches zero; None where it is above 9.9%.

    Args:
        total: gives the return for a commission, in percent.
        known: such returns that need no run.
    """
    from scipy.optimize import brentq

    @cache
    def growth(commission: float) -> float:
        """Fall about linearly with commission."""
        found = known[commission] if commission in known else total(commission)
        return float(np.log1p(max(found, -99.99) / 100))

    if growth(0.0) <= 0:
        return 0.0
    near = max(known) or 0.001
    fall = (growth(0.0) - growth(near)) / near
    beyond = min(1.2 * growth(0.0) / fall, MOST_COMMISSION) if fall > 0 else MOST_COMMISSION
    for high in (beyond, MOST_COMMISSION):
        if growth(high) <= 0:
            return float(brentq(growth, 0.0, high, xtol=1e-7, rtol=5e-3))
    return None


def _ranges(paths: list[list[Figures]], costs: list[Costs], even: float | None) -> dict[str, Any]:
    """Return the ranges. `paths` has the figures of each of the costs, on the worse path and on the better."""
    found: dict[str, Any] = {}
    for name, column in RANGED.items():
        values = np.array([[figures[column] for figures in path] for path in paths], dtype=float)
        known = values[~np.isnan(values)]
        found[name] = {
            "low": float(known.min()) if len(known) else None, "high": float(known.max()) if len(known) else None,
            "worse_path": _plain(values[0, 0]), "better_path": _plain(values[1, 0]),
        }  # fmt: skip
    found["break_even_commission"] = even
    found["costs"] = {name: [low, high] for name, low, high in zip(COSTS, costs[1], costs[2], strict=True)}
    return found


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
