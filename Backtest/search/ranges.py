"""A result as a range: over what happened inside the bars, and over what trading costs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import CanonicalStrategy
from Backtest.errors import ExecutionError
from Backtest.sandbox import EngineSettings, Limits, Runner, SandboxJob
from Backtest.search.space import finite
from Backtest.statistics import robustness

MOST_COMMISSION = 0.099
COMMISSIONS = np.array([0, *np.geomspace(1e-5, MOST_COMMISSION, 40)])
RANGED = {
    "sharpe_ratio": "Sharpe Ratio", "total_return_pct": "Return [%]", "cagr": "CAGR [%]",
    "max_drawdown": "Max. Drawdown [%]",
}  # fmt: skip
COSTS = ("commission", "spread", "commission_fixed")
PATHS = (
    False,
    True,
)  # `target_first`: in a bar that holds stop and target of a trade, the stop is hit first, or the target
CODE_S = 30.0

Costs = tuple[float, float, float]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Figures = Mapping[str, Any]  # by their names


def ranges(strategy: CanonicalStrategy, frame: pd.DataFrame, *, first: int = 0) -> dict[str, Any]:
    """Return figures as ranges over the paths inside bars and over costs, and the commission that takes all profit.

    A bar that holds both stop and target of a trade may have hit either first, so the strategy is run both ways. It is run without costs,
    with its own, and with twice its own (without any, with a commission of 0.1%). `first` is the first bar that is judged.
    """
    from Backtest.kernel import NAMES, Kernel

    costs = _costs(*(getattr(strategy.execution, name) for name in COSTS))
    names = [f"execution.{name}" for name in COSTS]
    tables = [
        Kernel(strategy, frame, names, first=first, target_first=better).sweep(np.array(costs)).table
        for better in PATHS
    ]
    swept = Kernel(strategy, frame, names[:1], first=first).sweep(COMMISSIONS[:, None]).table
    even = robustness.break_even(COMMISSIONS, swept[:, NAMES.index("Return [%]")])
    return _ranges([[dict(zip(NAMES, row, strict=True)) for row in table] for table in tables], costs, even)


def ranges_of_code(
    code: str,
    frame: pd.DataFrame,
    settings: EngineSettings,
    figures: Figures,
    *,
    sandbox: Runner,
    limits: Limits,
    first: int = 0,
    took: float = 0.0,
    seconds: float | None = None,
    tick: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Return what `ranges` does, of code, by running it again in the sandbox: about twenty times.

    Args:
        settings: those of the run whose figures become ranges.
        figures: of that run, by their names.
        first: the first bar at whose close the code may decide.
        took: how many seconds that run took.
        seconds: that all runs may take together, CODE_S by default; where one takes more than a fifteenth of it, none is begun.
        tick: is called while they run.

    Raises:
        ExecutionError: the code fails with other costs or on the other path, does not do the same twice, or the time is up.
    """
    seconds = CODE_S if seconds is None else seconds
    late = ExecutionError(f"its runs would take more than {seconds:g} s: shorten the dates", exit_reason="timeout")
    if took > seconds / 15:
        raise late
    end = time.monotonic() + seconds

    def run(wanted: list[tuple[bool, Costs]]) -> list[Figures]:
        left = end - time.monotonic()
        if left <= 0:
            raise late
        bound = limits.model_copy(update={"timeout_s": min(limits.timeout_s, left)})
        settled = [(better, settings.model_copy(update=dict(zip(COSTS, cost, strict=True)))) for better, cost in wanted]
        jobs = [
            SandboxJob(code, frame, s, bound, target_first=better, first=first, name="ranges", tick=tick)
            for better, s in settled
        ]
        done: list[Figures] = []
        with contextlib.closing(sandbox.run_many(jobs)) as results:
            for result in results:
                if isinstance(result, ExecutionError):
                    raise result
                done.append(result.metrics)
        return done

    def paying(commissions: Floats) -> list[tuple[bool, Costs]]:
        return [(False, (float(c), settings.spread, settings.commission_fixed)) for c in commissions]

    costs, tried = _costs(*(getattr(settings, name) for name in COSTS)), COMMISSIONS[::5]
    corners = [(better, cost) for better in PATHS for cost in costs]
    done = run([*corners, *paying(tried)])
    if any(done[0][column] != figures[column] for column in RANGED.values()):
        raise ExecutionError("it does not do the same twice on the same prices: give chance a seed")
    returns = [float(f["Return [%]"]) for f in done[len(corners) :]]
    lost = next((k for k, value in enumerate(returns) if not value > 0), 0)
    if lost:  # run again with commissions between the last that left a profit and the first that left none
        tried = np.linspace(tried[lost - 1], tried[lost], 10)
        between = [float(f["Return [%]"]) for f in run(paying(tried[1:-1]))]
        returns = [returns[lost - 1], *between, returns[lost]]
    even = robustness.break_even(tried, np.array(returns))
    return _ranges([done[: len(costs)], done[len(costs) : len(corners)]], costs, even)


def _costs(commission: float, spread: float, fixed: float) -> list[Costs]:
    """Return the costs as they are, no costs, and twice those: commission, spread and fixed commission of each."""
    most = MOST_COMMISSION
    dear = (min(2 * commission, most), min(2 * spread, most), 2 * fixed)
    return [(commission, spread, fixed), (0.0, 0.0, 0.0), dear if any(dear) else (0.001, 0.0, 0.0)]


def _ranges(paths: list[list[Figures]], costs: list[Costs], even: float | None) -> dict[str, Any]:
    """Return the ranges. `paths` are the figures on the worse path and on the better one, of each of the `costs` in turn."""
    found: dict[str, Any] = {}
    for name, column in RANGED.items():
        values = np.array([[figures[column] for figures in path] for path in paths], dtype=float)
        known = values[~np.isnan(values)]
        found[name] = {
            "low": float(known.min()) if len(known) else None, "high": float(known.max()) if len(known) else None,
            "worse_path": finite(values[0, 0]), "better_path": finite(values[1, 0]),
        }  # fmt: skip
    found["break_even_commission"] = even
    found["costs"] = {name: [low, high] for name, low, high in zip(COSTS, costs[1], costs[2], strict=True)}
    return found
