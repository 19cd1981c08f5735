"""The compiled engine against backtesting.py: the same trades and equity, bit for bit, and so the same figures."""

from __future__ import annotations

import random
import warnings
from typing import Any
from unittest.mock import patch

import backtesting.backtesting
import numpy as np
import pandas as pd

from Backtest.backtesting_adapter import create_strategy_from_canonical, engine_settings
from Backtest.canonical import CanonicalStrategy
from Backtest.code.generator import generate_code
from Backtest.code.parameters import numbers, with_values
from Backtest.errors import AlgoAgentError, ExecutionError
from Backtest.kernel import Kernel, Run
from Backtest.market.sessions import with_periods
from Backtest.sandbox import worker
from Backtest.sandbox.audit import measured

TRADES = ["Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "SL", "TP", "PnL", "Commission", "ReturnPct"]
TOLERANCE = 1e-9
STATISTICS = worker.stats_of(backtesting.backtesting.compute_stats)


def reference(
    strategy: CanonicalStrategy,
    frame: pd.DataFrame,
    *,
    first: int = 0,
    target_first: bool = False,
    said: list[str] | None = None,
) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]] | None:
    """Run the generated code with backtesting.py; None where it fails, as it does on an impossible order.

    `said` is given the warnings.
    """
    running, decisions = list[Any](), worker.Decisions()
    bars = worker.bars_to_decide(running, first, lambda _: None, decisions)
    ours = patch.multiple(backtesting.backtesting, compute_stats=STATISTICS, _tqdm=bars)  # for this run alone
    settings = engine_settings(strategy).model_dump()
    with ours, warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        made = create_strategy_from_canonical(strategy)
        cls = worker.settled(made, len(frame), running, decisions, target_first=target_first)
        test = worker.backtest(cls, with_periods(frame, generate_code(strategy).code), settings)
        try:
            stats = test.run()
        except (AssertionError, ValueError):
            return None
        equity = stats["_equity_curve"]["Equity"].to_numpy()
    if said is not None:
        said += [str(w.message) for w in caught]
    trades = stats["_trades"]
    numbers = np.column_stack([pd.to_numeric(trades[c], errors="coerce").astype(float) for c in TRADES])
    seen = measured(numbers, equity, running[0], frame, engine_settings(strategy))
    return trades, equity, seen.metrics


def varied(strategy: CanonicalStrategy, seed: int) -> tuple[CanonicalStrategy, dict[str, float]]:
    """Return some of the strategy's numbers, most of them changed a little, and the strategy that has them."""
    chance = random.Random(seed)
    known = numbers(strategy)
    paths = chance.sample(sorted(known), min(len(known), chance.choice([0, 1, 2, 4, 8])))
    values = {path: known[path] + chance.choice([0, 0, 1, 2, -1]) for path in paths}
    try:
        return with_values(strategy, values), values
    except AlgoAgentError:  # an offset of -1, a margin of 2
        return strategy, {path: known[path] for path in paths}


def kernel(
    strategy: CanonicalStrategy,
    frame: pd.DataFrame,
    values: dict[str, float],
    *,
    first: int = 0,
    target_first: bool = False,
) -> Run | None:
    """Run the compiled engine on a parameter set, None where an order is impossible."""
    try:
        return Kernel(strategy, frame, list(values), first=first, target_first=target_first).run(values)
    except ExecutionError:
        return None


def difference(strategy: CanonicalStrategy, frame: pd.DataFrame, seed: int = 0, *, target_first: bool = False) -> str:
    """Return how the two engines differ, an empty text where they agree.

    The reference runs the generated code of the strategy with other numbers, the engine the strategy as it was, compiled
    with slots, and the numbers as a parameter set. `target_first` has both take the better path through the bars.
    """
    changed, values = varied(strategy, seed)
    first = (seed % 7) * len(frame) // 20  # history before the first bar that is judged, and in one of seven cases none
    expected = reference(changed, frame, first=first, target_first=target_first)
    found = kernel(strategy, frame, values, first=first, target_first=target_first)
    if expected is None or found is None:
        return "" if expected is None and found is None else f"one fails: reference {expected}, kernel {found}"
    trades, equity, metrics = expected
    if len(trades) != len(found.trades):
        return f"{len(trades)} trades, not {len(found.trades)}"
    for name in TRADES:
        ours, theirs = found.trades[name].to_numpy(dtype=float), pd.to_numeric(trades[name]).to_numpy(dtype=float)
        if not np.array_equal(ours, theirs, equal_nan=True):
            row = int(np.flatnonzero(~((ours == theirs) | (np.isnan(ours) & np.isnan(theirs))))[0])
            return f"{name} of trade {row} is {theirs[row]!r}, not {ours[row]!r}"
    if not np.array_equal(equity, found.equity):
        bar = int(np.flatnonzero(equity != found.equity)[0])
        return f"equity at bar {bar} is {equity[bar]!r}, not {found.equity[bar]!r}"
    if list(metrics) != list(found.metrics):
        return f"figures {sorted(set(metrics) ^ set(found.metrics))}"
    for name, value in metrics.items():
        ours = found.metrics[name]
        if isinstance(value, str) or isinstance(ours, str) or value is None or ours is None:
            if value != ours:
                return f"{name} is {value!r}, not {ours!r}"
        elif abs(value - ours) > TOLERANCE * max(abs(value), abs(ours)):
            return f"{name} is {value!r}, not {ours!r}"
    return ""
