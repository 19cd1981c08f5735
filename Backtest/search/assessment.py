"""Is what a search found skill or luck? All the evidence about its best combination, and the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from Backtest.code.parameters import with_values
from Backtest.errors import InvalidInput
from Backtest.kernel import Kernel
from Backtest.search.objective import Objective
from Backtest.search.ranges import ranges
from Backtest.search.space import Floats, Ints, finite
from Backtest.search.sweeping import Work, cores
from Backtest.statistics import overfitting, resampling, robustness, sharpe, walk_forward
from Backtest.statistics.verdict import Evidence, judge

SAMPLE = 200
SHUFFLES = 99
SHUFFLED_BARS = 400_000_000  # bars times combinations times shuffles
SNOOPED = 60


@dataclass(frozen=True)
class Earlier:
    """Trials made before this search, of the strategy's earlier versions on the same data set.

    `count` is how many there were and `sharpe_ratios` their daily Sharpe ratios. `returns` are the daily returns of those trials that
    cover the same days, float64 of shape (trials, days).
    """

    count: int = 0
    sharpe_ratios: tuple[float, ...] = ()
    returns: Floats | None = None


def assess(
    work: Work,
    tried: Ints,
    best: int,
    objective: Objective,
    *,
    pool: Ints | None = None,
    earlier: Earlier = Earlier(),
    seed: int = 0,
    tick: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Return the statistics of the best combination of a search, and the verdict.

    Args:
        tried: the numbers of all combinations that were run.
        best: the number of the best.
        pool: combinations for the test on shuffled prices. None takes those tried, which must not have been chosen for what they earned.
    """
    draw = np.random.default_rng(seed)
    others = tried[tried != best]
    sample = others if len(others) < SAMPLE else np.sort(draw.choice(others, SAMPLE - 1, replace=False))
    chosen = np.concatenate([[best], sample]).astype(np.int64)
    kernel = work.kernel(threads=cores())
    returns = kernel.sweep(work.space.sets(chosen), returns=True).returns
    year = kernel.calendar.periods
    tick(0.1)
    rate = (1 + work.strategy.execution.risk_free_rate) ** (1 / year) - 1
    above = returns - rate  # the excess returns, of which the figure `Sharpe Ratio` is made as well
    ratios = np.asarray(sharpe.sharpe_ratio(above))
    known = np.concatenate([ratios, np.asarray(earlier.sharpe_ratios, dtype=float)])
    total = len(tried) + earlier.count
    independent = sharpe.independent_trials(returns, total)
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    luck = sharpe.expected_maximum(independent, deviation)
    deflated = sharpe.deflated_sharpe(above[0], trials=independent, deviation=deviation)
    snooping = overfitting.data_snooping(returns[:SNOOPED], seed=seed)
    enough = returns.shape[1] >= 4 * overfitting.BLOCKS and len(returns) > 1
    rivals = returns
    if earlier.returns is not None and earlier.returns.shape[1] == returns.shape[1]:
        rivals = np.concatenate([returns, earlier.returns])
    crossed = overfitting.cross_validate(rivals) if enough else None
    tick(0.3)
    forward = _walk_forward(work, chosen, objective, year)
    tick(0.5)
    shuffled = _shuffled(work, tried if pool is None else pool, objective, draw, lambda p: tick(0.5 + 0.4 * p))
    values = dict(zip(work.space.paths, work.space.sets(chosen[:1])[0].tolist(), strict=True))
    winner = with_values(work.strategy, values)
    around = ranges(winner, work.frame, first=work.first)
    stability = _stability(work, kernel, best, objective)
    run = Kernel(winner, work.frame, first=work.first).run()
    commission = winner.execution.commission
    even = around["break_even_commission"]
    evidence = Evidence(
        permuted=shuffled["as_good_when_shuffled"],
        deflated_sharpe=deflated,
        pbo=crossed.pbo if crossed else 1.0,
        out_of_sample_sharpe=forward["sharpe_ratio"],
        efficiency=forward["efficiency"],
        kept=min((s["kept"] for s in stability.values()), default=1.0),
        trades=len(run.trades),
        margin=even / commission if commission and even is not None else None,
    )
    verdict = judge(evidence)
    last = kernel.days
    return {
        "trials": {
            "this_search": len(tried), "before": earlier.count, "total": total, "independent": round(independent, 1),
            "sharpe_ratio_of_luck": luck * np.sqrt(year),
        },
        "sharpe_ratio": {
            "annual": float(ratios[0] * np.sqrt(year)),
            "probabilistic": sharpe.probabilistic_sharpe(above[0]),
            "deflated": deflated,
            "minimum_track_record_days": finite(sharpe.minimum_track_record(above[0])),
            "minimum_backtest_years": sharpe.minimum_backtest_length(independent),
            "years": kernel.calendar.years(work.first),
        },
        "overfitting": asdict(crossed) if crossed else None,
        "data_snooping": {
            "reality_check": snooping.reality_check, "spa": snooping.spa, "better_than_nothing": len(snooping.better),
            "of": min(SNOOPED, len(returns)),
        },
        "walk_forward": forward,
        "shuffled_prices": shuffled,
        "intervals": {
            name: asdict(found) for name, found in resampling.bootstrap(returns[0], days_a_year=year, seed=seed, rate=rate).items()
        },
        "ranges": around,
        "regimes": robustness.regimes(kernel.calendar.close[last], returns[0], year, rate=rate),
        "random_entries": robustness.random_entries(_from(run.trades, work.first), kernel.raw["Open"][work.first :], seed=seed),
        "buy_and_hold_return_pct": run.metrics["Buy & Hold Return [%]"],
        "stability": stability,
        "verdict": {"word": verdict.word, "text": verdict.text, "reasons": list(verdict.reasons)},
        "evidence": asdict(evidence),
    }  # fmt: skip


def _from(trades: pd.DataFrame, first: int) -> pd.DataFrame:
    """Return trades with bars counted from the first one that was asked for."""
    return trades.assign(EntryBar=trades["EntryBar"] - first, ExitBar=trades["ExitBar"] - first)


def _walk_forward(work: Work, chosen: Ints, objective: Objective, year: float) -> dict[str, Any]:
    """Choose the best of the sample on the training bars of each window; join what each choice earned on the test bars behind them.

    Indicators warm up on the bars before training and test. A test runs on the prices up to its own end, so that it sees no later bar.
    """
    sets = np.sort(chosen)
    try:
        parts = walk_forward.windows(len(work.frame), first=work.first, purge=1)
    except InvalidInput:  # there are too few bars for windows
        return {"sharpe_ratio": 0.0, "efficiency": 0.0, "windows": []}
    table = work.space.sets(sets)
    found, tested, promised = [], [], []
    rate = (1 + work.strategy.execution.risk_free_rate) ** (1 / year) - 1
    for window in parts:
        train = work.frame.iloc[: window.train[1]]
        there = Work(work.strategy, train, work.space, window.train[0]).kernel().sweep(table, returns=True)
        goals = objective.of(there.table)
        if np.isnan(goals).all():
            continue
        k = int(np.nanargmax(goals))
        after = work.frame.iloc[: window.test[1]]
        one = Work(work.strategy, after, work.space, work.first).kernel()
        run = one.sweep(table[k : k + 1], returns=True).returns[0]
        days = np.flatnonzero(one.days[1:] >= window.test[0])
        tested.append(run[days])
        inside = float(sharpe.sharpe_ratio(there.returns[k] - rate) * np.sqrt(year))
        promised.append(inside)
        found.append({
            "from": str(work.frame.index[window.test[0]]), "to": str(work.frame.index[window.test[1] - 1]),
            "values": dict(zip(work.space.names, table[k].tolist(), strict=True)),
            "objective_in_sample": float(goals[k]), "sharpe_in_sample": inside,
            "sharpe_out_of_sample": float(sharpe.sharpe_ratio(run[days] - rate) * np.sqrt(year)) if len(days) > 2 else 0.0,
            "return_pct": float((np.prod(1 + run[days]) - 1) * 100),
        })  # fmt: skip
    out = np.concatenate(tested) if tested else np.zeros(0)
    reached = float(sharpe.sharpe_ratio(out - rate) * np.sqrt(year)) if len(out) > 2 else 0.0
    promise = float(np.mean(promised)) if promised else 0.0
    return {
        "sharpe_ratio": reached,
        "efficiency": reached / promise if promise > 0 else 0.0,
        "return_pct": float((np.prod(1 + out) - 1) * 100),
        "windows": found,
    }


def _shuffled(
    work: Work, pool: Ints, objective: Objective, draw: np.random.Generator, tick: Callable[[float], None]
) -> dict[str, Any]:
    """Search shuffled prices with the same combinations, or a sample of them, and count how often the best is as good as on the real ones."""
    most = max(20, SHUFFLED_BARS // (len(work.frame) * SHUFFLES))
    sets = work.space.sets(pool if len(pool) <= most else np.sort(draw.choice(pool, most, replace=False)))
    actual = _best(objective, work.kernel(), sets)
    found = np.empty(SHUFFLES)
    for k in range(SHUFFLES):
        frame = resampling.permuted(work.frame, int(draw.integers(0, 2**32)), first=work.first)
        found[k] = _best(objective, Work(work.strategy, frame, work.space, work.first).kernel(cores()), sets)
        tick(k / SHUFFLES)
    known = found[np.isfinite(found)]
    return {
        "as_good_when_shuffled": float((1 + (found >= actual).sum()) / (SHUFFLES + 1)),
        "combinations": len(sets),
        "objective": finite(float(objective.shown(actual))),
        "median_when_shuffled": float(objective.shown(np.median(known))) if len(known) else None,
        "shuffles": SHUFFLES,
    }


def _best(objective: Objective, kernel: Kernel, sets: Floats) -> float:
    goals = objective.of(kernel.sweep(sets).table)
    return -np.inf if np.isnan(goals).all() else float(np.nanmax(goals))


def _stability(work: Work, kernel: Kernel, best: int, objective: Objective) -> dict[str, Any]:
    """Return for each number the objective one and two steps beside its best value, and which part of the objective one step keeps."""
    beside = work.space.neighbours(best)
    index = np.array([best, *(n for _, _, n in beside)], dtype=np.int64)
    sets = work.space.sets(index)
    goals = objective.of(kernel.sweep(sets).table)
    found: dict[str, Any] = {}
    for j, name in enumerate(work.space.names):
        rows = [(0, 0)] + [(step, k + 1) for k, (at, step, _) in enumerate(beside) if at == j]
        steps = sorted((step, float(sets[k, j]), goals[k]) for step, k in rows)
        near = [goal for step, _, goal in steps if abs(step) == 1]
        kept = min((_kept(goal, goals[0]) for goal in near), default=1.0)
        found[name] = {
            "values": [value for _, value, _ in steps],
            "objective": [finite(float(objective.shown(goal))) for _, _, goal in steps],
            "kept": kept,
            "holds": kept >= 0.5,
        }
    return found


def _kept(goal: float, best: float) -> float:
    if np.isnan(goal):
        return 0.0
    return float(goal / best) if best > 0 else 1.0 if goal >= best else 0.0
