"""The search itself: which combinations are run, and which of them is best."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from Backtest.backtesting_adapter import BacktestResult
from Backtest.canonical import CanonicalStrategy
from Backtest.code.parameters import with_values
from Backtest.data import PriceData
from Backtest.errors import DataError, ExecutionError, InvalidInput
from Backtest.kernel import NAMES, Kernel
from Backtest.kernel.figures import DURATIONS
from Backtest.search.assessment import Earlier, assess
from Backtest.search.objective import Objective, pareto_front
from Backtest.search.space import MOST, Floats, Ints, Range, Space, finite
from Backtest.search.sweeping import COLUMNS, FigureTable, Work, cores, run_chunks

TOP = 20
TPE_BATCH = 25
DEFAULT_TRIES = 1000
CSV_ROWS = 200_000

Method = Literal["grid", "random", "tpe"]
Values = Annotated[list[float], Field(max_length=100_000)]


class SearchRequest(BaseModel):
    """What to search for: the numbers by path or name with their values, and what to make as good as possible.

    `max_tries` bounds random and tpe. Several objectives ask for the Pareto front; the first decides which is best.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: dict[Annotated[str, Field(max_length=200)], Range | Values]
    constraint: Annotated[str, Field(max_length=500)] = ""
    objective: Annotated[str, Field(max_length=60)] | Annotated[list[str], Field(min_length=1, max_length=4)] = (
        "sharpe_ratio"
    )
    method: Method = "grid"
    max_tries: Annotated[int, Field(ge=1, le=1_000_000)] = DEFAULT_TRIES
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0

    def objectives(self) -> list[Objective]:
        names = [self.objective] if isinstance(self.objective, str) else self.objective
        return [Objective.of_name(name) for name in names]


Runner = Callable[[Work, list[Ints]], Iterator[Floats]]


@dataclass
class Found:
    """What a search came to: the numbers of all combinations run, their objectives (runs, objectives), the best."""

    space: Space
    objectives: list[Objective]
    tried: Ints
    goals: Floats
    best: int
    failed: int
    rows: dict[int, Floats] = field(default_factory=dict)


def plan(strategy: CanonicalStrategy, prices: PriceData, request: SearchRequest) -> tuple[Work, list[Objective]]:
    """Check a request against a strategy and prices.

    Raises:
        InvalidInput, StrategyError: the request is not possible; the message names the value and the remedy.
    """
    space = Space.of(
        strategy, request.parameters, request.constraint, most=MOST if request.method == "grid" else 10**15
    )
    if request.constraint and space.size <= MOST and not len(_grid(space)):
        raise _none_left(space)
    work = Work(strategy, prices.frame, space, prices.first)
    return replace(work, first=common_start(work)), request.objectives()


def common_start(work: Work) -> int:
    """Return the first bar on which every combination is judged, so that all are graded over the same bars.

    It is the end of the longest warm-up among the combinations. Those that warm up longer than the data are not counted: they never trade.
    """
    kernel, least = work.kernel(), [min(values) for values in work.space.values]

    def start(numbers: list[float]) -> int | None:
        """Return the first bar that is judged with these numbers, None where an indicator never has a value."""
        kernel.sweep(np.array([numbers], dtype=np.float64))
        return None if kernel.never_warm() else kernel.first_bar()

    def never(column: int, value: float) -> bool:
        return start([*least[:column], value, *least[column + 1 :]]) is None

    largest = []
    for column, values in enumerate(work.space.values):
        ordered = sorted(values)
        cold = bisect_left(ordered, True, key=partial(never, column))
        largest.append(ordered[max(cold - 1, 0)])
    together = start(largest)
    if together is not None:
        return together
    alone = [start([*least[:k], value, *least[k + 1 :]]) for k, value in enumerate(largest)]
    return max([work.first, *(found for found in alone if found is not None)])


def search(
    work: Work,
    request: SearchRequest,
    objectives: Sequence[Objective],
    *,
    folder: Path,
    runner: Runner | None = None,
    tick: Callable[[float], None] = lambda _: None,
) -> Found:
    """Run the combinations of a request; the table of all of them goes to `folder`/table.parquet.

    Args:
        runner: runs chunks of combinations, by default `run_chunks`. TPE does not use it, since each of its batches waits for the one before.

    Raises:
        InvalidInput: no combination meets the constraint, none made a trade, or the objective has no value for any.
        DataError: the data is shorter than every warm-up.
    """
    runner = runner or (lambda work, chunks: run_chunks(work, chunks, tick=tick))
    table = FigureTable(folder / "table.parquet", work.space)
    collected = _Collected(work, list(objectives), table)
    try:
        if request.method == "tpe":
            _tpe(work, request, collected, tick)
        else:
            index = _grid(work.space) if request.method == "grid" else _random(work.space, request)
            chunks = work.chunks(index)
            for chunk, found in zip(chunks, runner(work, chunks), strict=True):
                collected.add(chunk, found)
    finally:
        table.close()
    return collected.done()


class _Collected:
    """Takes in the figures of chunks: keeps all objectives and the rows of the best in memory, and writes every row to the table."""

    def __init__(self, work: Work, objectives: list[Objective], table: FigureTable) -> None:
        self.work, self.objectives, self.table = work, objectives, table
        self.index: list[Ints] = []
        self.goals: list[Floats] = []
        self.rows: dict[int, Floats] = {}
        self.failed = self.trades = 0

    def add(self, index: Ints, found: Floats) -> Floats:
        goals = np.column_stack([o.of(found) for o in self.objectives])
        self.index.append(index)
        self.goals.append(goals)
        self.failed += int((found[:, COLUMNS.index("ended")] >= 2).sum())
        self.trades += int(np.nansum(found[:, NAMES.index("# Trades")]))
        for k in _order(goals[:, 0])[: 2 * TOP]:
            self.rows[int(index[k])] = found[k]
        if len(self.objectives) > 1:
            for k in pareto_front(goals):
                self.rows[int(index[k])] = found[k]
        self.table.append(index, found)
        return goals

    def done(self) -> Found:
        if not self.index:
            raise _none_left(self.work.space)
        tried, goals = np.concatenate(self.index), np.concatenate(self.goals)
        if not self.trades:
            self._explain_no_trade(len(tried))
        if np.isnan(goals[:, 0]).all():
            raise InvalidInput(
                f"{self.objectives[0].name} has no value for any of the {len(tried):,} combinations",
                suggestions=["Choose another objective, such as total_return_pct, or more data"],
            )
        best = int(tried[_order(goals[:, 0])[0]])
        return Found(self.work.space, self.objectives, tried, goals, best, self.failed, self.rows)

    def _explain_no_trade(self, tried: int) -> None:
        bars = len(self.work.frame) - self.work.first
        kernel = self.work.kernel()
        kernel.sweep(self.work.space.sets(np.concatenate(self.index)[:1]))
        if never := kernel.never_warm():
            raise DataError(
                f"The data has {bars} bars, fewer than {', '.join(never)} needs: widen the dates or shorten the periods"
            )
        if self.failed == tried:
            raise InvalidInput(
                f"Each of the {tried:,} combinations failed: an order had no possible size",
                suggestions=["Give more cash, or a stop that is not at the price itself"],
            )
        raise InvalidInput(
            f"None of the {tried:,} combinations made a trade",
            suggestions=["Widen the ranges, loosen the entry, or use more data"],
        )


def _none_left(space: Space) -> InvalidInput:
    return InvalidInput(
        f"No combination meets the constraint {space.constraint!r}",
        suggestions=["Widen the ranges or turn the comparison round"],
    ).at("constraint")


def _order(goals: Floats) -> Ints:
    """Return the rows from best to worst: equal ones in their order, those without a value last."""
    return np.argsort(np.where(np.isnan(goals), np.inf, -goals), kind="stable")


def _grid(space: Space) -> Ints:
    parts = [
        block[space.allowed(block)]
        for begin in range(0, space.size, 1_000_000)
        for block in [np.arange(begin, min(begin + 1_000_000, space.size), dtype=np.int64)]
    ]
    return np.concatenate(parts)


def _random(space: Space, request: SearchRequest) -> Ints:
    """Draw different combinations at random; return their numbers in ascending order."""
    if space.size <= 4 * request.max_tries and space.size <= MOST:
        allowed = _grid(space)
        draw = np.random.default_rng(request.seed)
        return np.sort(draw.permutation(allowed)[: request.max_tries])
    draw = np.random.default_rng(request.seed)
    found: dict[int, None] = {}
    for _ in range(200):
        block = np.column_stack([draw.integers(0, len(v), request.max_tries) for v in space.values])
        index = space.index_of(block)
        for number in index[space.allowed(index)].tolist():
            found.setdefault(number)
        if len(found) >= request.max_tries:
            break
    return np.array(sorted(list(found)[: request.max_tries]), dtype=np.int64)


def _tpe(work: Work, request: SearchRequest, collected: _Collected, tick: Callable[[float], None]) -> None:
    """Let optuna's tree-structured Parzen estimator choose, batch by batch (Bergstra et al. 2011)."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space, kernel = work.space, work.kernel(threads=cores())
    sampler = optuna.samplers.TPESampler(seed=request.seed, constant_liar=True, multivariate=True)
    study = optuna.create_study(directions=["maximize"] * len(collected.objectives), sampler=sampler)
    known: dict[int, list[float]] = {}
    asked = 0
    while asked < request.max_tries and len(known) < space.size:
        trials = [study.ask() for _ in range(min(TPE_BATCH, request.max_tries - asked))]
        asked += len(trials)
        places = [
            [t.suggest_int(path, 0, len(v) - 1) for path, v in zip(space.paths, space.values, strict=True)]
            for t in trials
        ]
        index = space.index_of(np.array(places, dtype=np.int64))
        allowed = space.allowed(index)
        fresh = np.array(
            sorted({int(i) for i, ok in zip(index, allowed, strict=True) if ok and int(i) not in known}), dtype=np.int64
        )
        if len(fresh):
            sweep = kernel.sweep(space.sets(fresh))
            found = np.column_stack([sweep.table, sweep.ended, sweep.orders_lost])
            known |= dict(zip(fresh.tolist(), collected.add(fresh, found).tolist(), strict=True))
        for trial, number, ok in zip(trials, index.tolist(), allowed.tolist(), strict=True):
            goals = known.get(number) if ok else None
            if goals is None or np.isnan(goals).any():
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, goals)
        tick(asked / request.max_tries)


# -- What came of it -----------------------------------------------------------------------------


def outcome(
    work: Work,
    found: Found,
    request: SearchRequest,
    *,
    earlier: Earlier = Earlier(),  # noqa: B008 - frozen
    tick: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Return the result of a search as JSON can hold it: best, top, Pareto front, statistics and verdict."""
    space, first = found.space, found.objectives[0]
    # TPE tries what promises to earn much on the real prices, which would be unfair on shuffled ones: those are searched at random.
    pool = _random(space, request) if request.method == "tpe" else None
    statistics = assess(
        work, found.tried, found.best, first, pool=pool, earlier=earlier, seed=request.seed, tick=tick
    )  # fmt: skip
    order = [int(found.tried[k]) for k in _order(found.goals[:, 0])[:TOP]]
    front: list[dict[str, Any]] = []
    if len(found.objectives) > 1:
        # Whatever is on the Pareto front of all is on that of its chunk as well, and the rows of those were kept.
        kept = np.flatnonzero(np.isin(found.tried, list(found.rows)))
        front = [_row(found, int(found.tried[kept[k]])) for k in pareto_front(found.goals[kept])[:1000]]
    return {
        "method": request.method,
        "objective": [o.name for o in found.objectives],
        "constraint": space.constraint,
        "parameters": {
            name: {"path": path, "values": len(values), "min": min(values), "max": max(values)}
            for name, path, values in zip(space.names, space.paths, space.values, strict=True)
        },
        "combinations": space.size,
        "tried": len(found.tried),
        "failed": found.failed,
        "best": _row(found, found.best),
        "top": [_row(found, number) for number in order],
        "pareto": front,
        "stability": statistics.pop("stability"),
        "verdict": statistics.pop("verdict"),
        "statistics": statistics,
    }


def _row(found: Found, number: int) -> dict[str, Any]:
    values = found.space.sets(np.array([number]))[0].tolist()
    row = found.rows[number]
    return {
        "values": dict(zip(found.space.names, values, strict=True)),
        "paths": dict(zip(found.space.paths, values, strict=True)),
        "figures": {
            n: finite(v) for n, v in zip(NAMES, row.tolist(), strict=False) if n not in DURATIONS
        },
    }  # fmt: skip


def winner(strategy: CanonicalStrategy, result: dict[str, Any]) -> CanonicalStrategy:
    """Return the strategy with the best combination's numbers."""
    return with_values(strategy, result["best"]["paths"])


def confirm(strategy: CanonicalStrategy, prices: PriceData, reference: BacktestResult) -> None:
    """Check that the compiled engine and backtesting.py's run of the same strategy agree, trade for trade.

    Raises:
        ExecutionError: they do not; nothing the search found can be relied on.
    """
    run = Kernel(strategy, prices.frame, first=prices.first).run()
    trades = reference.trades.sort_values(["entry_bar", "exit_bar"], kind="stable")
    ours = run.trades.sort_values(["EntryBar", "ExitBar"], kind="stable")
    pairs = {
        "entry_bar": "EntryBar", "exit_bar": "ExitBar", "entry_price": "EntryPrice", "exit_price": "ExitPrice", "pnl": "PnL",
    }  # fmt: skip
    same = len(trades) == len(ours) and all(
        np.array_equal(trades[a].to_numpy(dtype=float), ours[b].to_numpy(dtype=float)) for a, b in pairs.items()
    )
    if not same:
        raise ExecutionError(
            f"The search's best combination makes {len(ours)} trades in the compiled engine and {len(trades)} in "
            "backtesting.py, or others: this is a defect of AlgoAgent, please report it with the run's manifest"
        )
    for name, value in reference.metrics.items():
        other = run.metrics.get(name)
        if isinstance(value, float) and isinstance(other, float):
            if abs(value - other) > 1e-9 * max(abs(value), abs(other)):
                raise ExecutionError(f"{name} is {value} in backtesting.py and {other} in the compiled engine")
        elif value != other:
            raise ExecutionError(f"{name} is {value} in backtesting.py and {other} in the compiled engine")
