"""A strategy on prices, compiled: one run with every detail, or thousands with their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import AnyOperand, CanonicalStrategy, IndicatorRef
from Backtest.decision import Floats, compute_on, evaluate, input_columns
from Backtest.errors import ExecutionError, InvalidInput
from Backtest.indicators import PRICE_COLUMNS, entry_of
from Backtest.kernel import actions, broker, closing, figures, order_book, state
from Backtest.kernel.events import as_events
from Backtest.kernel.figures import NAMES, Calendar, presentable
from Backtest.kernel.masks import BLOCK, WIDTH, run_program
from Backtest.kernel.order_sweeps import run_order_sets
from Backtest.kernel.plans import OrderCompiler, OrderProgram, account_terms
from Backtest.kernel.program import Compiler, NeededIndicator, Program, Row, Slot, clock_masks, shared_code
from Backtest.kernel.sweeps import run_sets
from Backtest.machine import aside
from Backtest.market.others import other_bars
from Backtest.market.sessions import coarser, with_calendar

Ints = np.ndarray[Any, np.dtype[np.int64]]
SERIES_BYTES = 512 * 1024 * 1024
PIECE_BARS = (
    500_000  # bars times sets that a thread takes at once; pieces are small, as one may take far longer than another
)
# On prices longer than a block, so many parameter sets are simulated at the same time, within so many bytes of trades and equity.
BESIDE, BESIDE_BYTES = 16, 512 * 1024 * 1024

PROBLEMS = {
    broker.BAD_SIZE: "an order had no possible size",
    state.TOO_MANY_WAYS: f"the price may go through a bar in more than {state.MOST_PLACES} ways that matter; hold fewer units, or set `path`",
    state.TOO_MANY_ORDERS: f"more than {state.MOST_ORDERS} orders wait at a time",
    state.ENDLESS: "orders follow each other at one price without end",
}


_TERMS = (
    (figures.CASH, broker.CASH), (figures.SPREAD, broker.SPREAD), (figures.FIXED_FEE, broker.FIXED_FEE),
    (figures.FEE, broker.FEE), (figures.RISK_FREE, broker.RISK_FREE),
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run.

    `metrics` are the figures by their names, of the bars from `begin` on, the first on which the strategy decided;
    `trades` have backtesting.py's columns; `equity` is float64 of shape (bars,). `events` are those of orders, in the words of
    tests/oracle/cases.yaml, where the strategy is not plain; `actions` and `tickets` what its rules decided (actions.py).
    """

    metrics: dict[str, Any]
    trades: pd.DataFrame
    equity: Floats
    orders_lost: int
    begin: int
    events: list[dict[str, Any]] = field(default_factory=list)
    actions: Floats = field(default_factory=lambda: np.empty((0, actions.ACTION)))
    tickets: Floats = field(default_factory=lambda: np.empty((0, actions.TICKET)))


@dataclass(frozen=True)
class Sweep:
    """The figures of parameter sets, one row a set.

    `table` is float64 of shape (sets, NAMES), NaN where there is no value; durations in the unit of the prices' index.
    `ended` is how each run ended, `orders_lost` the orders without money. `returns` are those of
    `Kernel.days`, (sets, days - 1), where they were asked for.
    """

    table: Floats
    ended: Ints
    orders_lost: Ints
    returns: Floats

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.table, columns=list(NAMES))


@dataclass(frozen=True)
class _Bound:
    """What `run_sets` takes of parameter sets, one row a set."""

    ints: Ints
    floats: Floats
    starts: Ints
    atr: Ints
    numbers: Floats
    limits: Floats


class Kernel:
    """A strategy bound to prices.

    Args:
        frame: OHLCV prices, as in Backtest.data.
        varied: the paths (Backtest.code.parameters) of the numbers each parameter set gives.
        threads: how many threads share the parameter sets of a sweep.
        first: the first bar on which rules may be judged; those before it only warm the indicators up.
        target_first: of a stop and a target in one bar the target is hit first, the better of the paths the bar allows;
            the reference takes the worse one.
    """

    def __init__(
        self,
        strategy: CanonicalStrategy,
        frame: pd.DataFrame,
        varied: Sequence[str] = (),
        *,
        threads: int = 1,
        first: int = 0,
        target_first: bool = False,
    ) -> None:
        if len(frame) < 2:
            raise InvalidInput(f"{len(frame)} bar of prices, at least 2 are needed")
        self.strategy, self.frame, self.varied, self.threads = strategy, frame, tuple(varied), threads
        self.first = min(first, len(frame) - 1)
        self.index = pd.DatetimeIndex(frame.index)
        self.program: Program = (Compiler if strategy.is_plain else OrderCompiler)(strategy, varied).compile()
        self.program.kinds[broker.TARGET_FIRST] = target_first
        self.bars: dict[
            str | None, tuple[pd.DataFrame, Ints]
        ] = {}  # by symbol: its bars, and how many each bar has shown
        self.frame, _ = self._bars_of(None)
        self.raw = input_columns(self.frame)
        self.unit = strategy.execution.fractional_unit
        self.prices = np.stack([self.raw[c] * self.unit if self.unit < 1 else self.raw[c] for c in PRICE_COLUMNS[:4]])
        self.calendar = Calendar.of(self.index, self.raw["Close"])
        self.columns: dict[tuple[str | None, str | None], tuple[dict[str, Floats], Any]] = {}
        self.rows: dict[tuple[Any, ...], int] = {}
        self.operands: dict[str, AnyOperand] = {}  # of series of the strategy's own, by their JSON
        self.series = np.stack([self.raw[c] for c in PRICE_COLUMNS])
        self.warm = np.zeros(len(PRICE_COLUMNS), dtype=np.int64)
        self.shared: np.ndarray[Any, np.dtype[np.uint8]] | None = None
        self.code = _table(self.program.code)
        self.exits = tuple(np.array(asks, dtype=np.int64).reshape(-1, 3) for asks in self.program.asks)

    # Running ---------------------------------------------------------------------------------

    def run(self, values: Mapping[str, float] | None = None) -> Run:
        """Run one parameter set, by default the strategy's own numbers.

        Raises:
            ExecutionError: an order was impossible, as backtesting.py says.
        """
        base = {n.path: n.value for n in self._numbers() if n.path}
        row = np.array([[{**base, **(values or {})}[path] for path in self.varied]], dtype=np.float64).reshape(1, -1)
        if isinstance(self.program, OrderProgram):
            return self._run_orders_once(row)
        sweep, trades, equity = self._run(row, returns=False)
        if sweep.ended[0] in PROBLEMS:
            raise ExecutionError(f"The strategy failed: {PROBLEMS[int(sweep.ended[0])]}")
        begin = self.first_bar()
        metrics = presentable(sweep.table[0], self.calendar, begin)
        return Run(metrics, self._trades(trades), equity, int(sweep.orders_lost[0]), begin)

    def sweep(self, sets: Floats, *, returns: bool = False) -> Sweep:
        """Run parameter sets, float64 of shape (sets, varied), columns in the order of `varied`.

        Where there are several sets, the threads that run them have the lowest priority.
        """
        row = len(self.frame) * 8
        outputs = sum(len(w.base.entry.outputs) for w in self.program.wanted.values())
        # Different sets may share rows. Counting the shared rows takes time, and is left out where even a row for each set would fit.
        if len(sets) > 1 and len(sets) * outputs * row > SERIES_BYTES and self._rows_wanted(sets) * row > SERIES_BYTES:
            half = len(sets) // 2
            parts = [self.sweep(part, returns=returns) for part in (sets[:half], sets[half:])]
            return Sweep(*(np.concatenate([getattr(p, name) for p in parts]) for name in Sweep.__dataclass_fields__))
        if len(sets) == 1:
            return self._run(sets, returns=returns)[0]
        return aside(lambda: self._run(sets, returns=returns))[0]

    def _run(self, sets: Floats, *, returns: bool) -> tuple[Sweep, Floats, Floats]:
        """Run parameter sets; return their figures, and trades and equity, which mean something where there is one set."""
        if isinstance(self.program, OrderProgram):
            sweep, book, _ = self._run_orders(sets, returns=returns)
            return sweep, book.trades[: book.counts[state.TRADES]], book.equity
        count, bars, calendar = len(sets), len(self.frame), self.calendar
        given = self._bound(sets)
        work = np.empty((max(1, self.program.work_rows), bars))
        shared = self._shared(given.ints[0], given.floats[0], work)
        signals = np.array(self.program.signals, dtype=np.int64)
        outcome = np.zeros((count, 3), dtype=np.int64)
        table = np.empty((count, len(NAMES)))
        terms = self._terms(given)
        days = np.empty((count, len(calendar.last) - 1 if returns else 0))

        def run(part: slice, own: Floats, trades: Floats, equity: Floats) -> None:
            run_sets(
                self.prices, self.series, self.code, signals, given.ints[part], given.floats[part], given.starts[part],
                given.atr[part], given.numbers[part], self.program.kinds, self.exits, given.limits[part], own, shared,
                max(1, self.program.code_masks), calendar.close, calendar.stamps, calendar.last, calendar.market, calendar.periods,
                calendar.year, terms[part], outcome[part], table[part], days[part], trades, equity,
            )  # fmt: skip

        threads = min(self.threads, count)
        room = 1 if self.program.own_rows or bars <= BLOCK else max(1, min(BESIDE, BESIDE_BYTES // (bars * 88)))
        size = count if threads == 1 else min(max(room, PIECE_BARS // bars), -(-count // threads))
        parts = iter([slice(k, min(k + size, count)) for k in range(0, count, size)])
        beside = min(room, size)

        def take(_: int) -> tuple[Floats, Floats]:
            """Run parts of the sets until none is left; threads share the iterator `parts`."""
            own, trades, equity = work.copy(), np.empty((beside, bars + 1, 10)), np.empty((beside, bars))
            for part in parts:
                run(part, own, trades, equity)
            return trades[0], equity[0]

        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:  # compiled code does not hold the interpreter's lock
                (trades, equity), *_ = pool.map(take, range(threads))
        else:
            trades, equity = take(0)
        failed = outcome[:, 0] >= broker.BAD_SIZE
        table[failed] = np.nan
        graded = days[:, len(calendar.last) - len(self.days) :] if returns else days
        return Sweep(table, outcome[:, 0], outcome[:, 2], graded), trades[: outcome[0, 1]], equity

    def _terms(self, given: _Bound) -> Floats:
        """Return what the figures need of the account, one row a set."""
        terms = np.zeros((len(given.numbers), figures.TERMS))
        for term, number in _TERMS:
            terms[:, term] = given.numbers[:, number]
        terms[:, figures.AT_CLOSE] = self.program.kinds[broker.AT_CLOSE]
        return terms

    # Strategies that are not plain -----------------------------------------------------------

    def _run_orders_once(self, row: Floats) -> Run:
        """Run one parameter set with all its events and actions, again with more room for them where there is too little."""
        room = 4096
        while True:
            sweep, book, rules = self._run_orders(row, returns=False, room=room)
            ended = int(sweep.ended[0])
            if ended != state.NO_ROOM:
                break
            room *= 4
        if ended in PROBLEMS:
            raise ExecutionError(f"The strategy failed: {PROBLEMS[ended]}")
        begin = self.first_bar()
        assert isinstance(self.program, OrderProgram)
        return Run(
            presentable(sweep.table[0], self.calendar, begin), self._trades(book.trades[: book.counts[state.TRADES]]), book.equity,
            int(sweep.orders_lost[0]), begin, as_events(book.events[: book.counts[state.EVENTS]], self.program.names, self.unit),
            rules.log[: rules.counts[0]], rules.sent[: rules.counts[1]],
        )  # fmt: skip

    def _run_orders(self, sets: Floats, *, returns: bool, room: int = 0) -> tuple[Sweep, state.Book, closing.Rules]:
        """Run parameter sets; return their figures, and book and rules of the last one. `room` is for events and actions, which are not kept without it."""
        program, count, bars, calendar = self.program, len(sets), len(self.frame), self.calendar
        assert isinstance(program, OrderProgram)
        given = self._bound(sets)
        columns = {path: sets[:, j] for j, path in enumerate(self.varied)}
        work = np.empty((max(1, program.work_rows), bars))
        shared = self._shared(given.ints[0], given.floats[0], work)
        for row, days in program.deviations.items():
            work[row] = self._deviation(days)
        outcome, table = np.zeros((count, 3), dtype=np.int64), np.empty((count, len(NAMES)))
        terms = self._terms(given)
        by_day = np.empty((count, len(calendar.last) - 1 if returns else 0))
        tickets, numbers, portions, strategy = (
            _filled(items, columns, count)
            for items in (program.tickets, program.rule_numbers, program.portions, program.strategy_numbers)
        )
        code_masks = max(1, program.code_masks)
        widest = max(len(each) for each in program.may)
        may = np.array([[*each, *[code_masks] * (widest + 1 - len(each))] for each in program.may], dtype=np.int64)
        session = np.searchsorted(calendar.last, np.arange(bars))
        account = account_terms(self.strategy.execution)
        if program.kinds[broker.TARGET_FIRST]:
            account[state.T_PATH] = state.BEST_PATH

        def take(part: slice, trades: int) -> tuple[state.Book, closing.Rules]:
            book = state.new_book(account.copy(), bars, events=room, trades=trades)
            rules = closing.Rules(
                np.array(program.programs, dtype=np.int64).reshape(-1, 3), np.array(program.places, dtype=np.int64).reshape(-1, 2),
                np.array(program.plans, dtype=np.int64), np.empty((1, 1)), np.empty((1, 1)),
                np.array(program.exits, dtype=np.int64).reshape(-1, closing.EXIT_WIDTH), np.empty(1), np.empty(1), given.ints[0], given.floats[0],
                self.series, work.copy(), np.empty((1, 1), np.uint8), shared, session, calendar.last[session] - np.arange(bars),
                np.empty((room + 2 * closing.MOST_ACTIONS, actions.ACTION)), np.empty((room // 4 + 64, actions.TICKET)),
                np.array([0, 0, room > 0], dtype=np.int64),
            )  # fmt: skip
            run_order_sets(
                book, rules, self.prices, self.code, may, given.ints[part], given.floats[part], given.starts[part], given.numbers[part], tickets[part],
                numbers[part], portions[part], strategy[part], code_masks, calendar.close, calendar.stamps, calendar.last, calendar.market,
                calendar.periods, calendar.year, terms[part], outcome[part], table[part], by_day[part],
            )  # fmt: skip
            return book, rules

        threads = min(self.threads, count)
        size = count if threads == 1 else min(max(1, PIECE_BARS // bars), -(-count // threads))
        parts = [slice(k, min(k + size, count)) for k in range(0, count, size)]
        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:  # compiled code does not hold the interpreter's lock
                *_, (book, rules) = pool.map(lambda part: take(part, bars + 64), parts)
        else:
            *_, (book, rules) = [take(part, bars + 64) for part in parts]
        for j in np.flatnonzero((outcome[:, 0] == state.NO_ROOM) & (outcome[:, 1] > bars + 64)):
            book, rules = take(slice(j, j + 1), int(outcome[j, 1]))
        graded = by_day[:, len(calendar.last) - len(self.days) :] if returns else by_day
        return Sweep(table, outcome[:, 0], outcome[:, 2], graded), book, rules

    def _deviation(self, days: int) -> Floats:
        """Return at each bar the standard deviation of the last `days` daily returns, a year; of days whose last bar is over."""
        last, market = self.calendar.last, self.calendar.market
        found = np.full(len(last), np.nan)
        for k in range(days, len(last)):
            found[k] = np.std(market[k - days : k], ddof=1) * np.sqrt(self.calendar.periods)
        return np.append(np.nan, found)[np.searchsorted(last, np.arange(len(self.frame)), side="right")]

    def _bound(self, sets: Floats) -> _Bound:
        """Put the numbers of parameter sets into the program's slots; compute the indicators they need."""
        count = len(sets)
        columns = {path: sets[:, j] for j, path in enumerate(self.varied)}
        found = self._indicators(sets, columns)
        ints = np.zeros((count, max(1, len(self.program.ints))), dtype=np.int64)
        for slot, item in enumerate(self.program.ints):
            if isinstance(item, Row):
                ints[:, slot] = found[item.indicator] + item.output
            else:
                ints[:, slot] = item if isinstance(item, int) else _values(item, columns)
        atr = np.zeros((count, 3), dtype=np.int64)
        for k, level in enumerate(self.program.levels):
            if level is not None:
                atr[:, k] = found[level]
        starts = np.full(count, max(self.first, min(1, len(self.program.wanted))), dtype=np.int64)
        for name, wanted in self.program.wanted.items():
            for output in range(len(wanted.base.entry.outputs)):
                starts = np.maximum(starts, self.warm[found[name] + output])
        floats, numbers, limits = (
            _filled(items, columns, count) for items in (self.program.floats, self.program.numbers, self.program.limits)
        )
        return _Bound(ints, floats, starts, atr, numbers, limits)

    def _shared(self, ints: Ints, floats: Floats, work: Floats) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the masks that are the same for every set; fill the shared rows of `work`."""
        if self.shared is None:
            self.shared = np.zeros((max(1, self.program.shared_masks), len(self.frame)), dtype=np.uint8)
            for index, mask in clock_masks(self.program, self.index):
                self.shared[index] = mask
        code, bars = _table(shared_code(self.program)), len(self.frame)
        since = np.empty(len(code), dtype=np.int64)
        run_program(code, ints, floats, self.series, work, self.shared, self.shared, since, 0, bars)
        return self.shared

    def _numbers(self) -> list[Slot]:
        program = self.program
        items = [*program.ints, *program.floats, *program.limits, *program.numbers]
        if isinstance(program, OrderProgram):
            items += [*program.tickets, *program.rule_numbers, *program.portions, *program.strategy_numbers]
        params = [n for w in program.wanted.values() for n in w.params.values()]
        return [*(i for i in items if isinstance(i, Slot)), *params]

    @property
    def days(self) -> Ints:
        """The last bar of each day from the first bar on that may be judged; a return goes from one of them to the next."""
        return self.calendar.last[np.searchsorted(self.calendar.last, self.first) :]

    def never_warm(self) -> list[str]:
        """Return the indicators of the last run that have no value on any bar, as their warm-up is longer than the prices."""
        empty: Any = np.isnan(self.series).all(axis=1)
        return [f"{key[0]}({', '.join(f'{v:g}' for _, v in key[1])})" for key, row in self.rows.items() if empty[row]]

    def first_bar(self) -> int:
        """Return the first bar on which the last run judged rules."""
        return max(self.first, min(1, len(self.program.wanted)), int(self.warm.max()))

    # Indicators ------------------------------------------------------------------------------

    def _rows_wanted(self, sets: Floats) -> int:
        columns = {path: sets[:, j] for j, path in enumerate(self.varied)}
        rows = 0
        for wanted in self.program.wanted.values():
            rows += len(_variants([columns[p] for p in self._paths(wanted)])[0]) * len(wanted.base.entry.outputs)
        return rows

    def _paths(self, wanted: NeededIndicator) -> list[str]:
        """Return the paths that change an indicator's values, those of its source included."""
        paths = [n.path for n in wanted.params.values() if n.path]
        for ref in wanted.base.sources(self.program.wanted):
            paths += self._paths(self.program.wanted[ref.id])
        return list(dict.fromkeys(paths))

    def _indicators(self, sets: Floats, columns: Mapping[str, Floats]) -> dict[str, Ints]:
        """Compute the indicators of the sets; return, for each, the row of its first output in each set."""
        keys: dict[str, list[tuple[Any, ...]]] = {}
        inverse: dict[str, Ints] = {}
        for name, wanted in self.program.wanted.items():
            paths = self._paths(wanted)
            unique, back = _variants([columns[p] for p in paths])
            inverse[name] = back if len(back) else np.zeros(len(sets), dtype=np.int64)
            keys[name] = [self._key(name, dict(zip(paths, values.tolist(), strict=True))) for values in unique]
        needed = list(dict.fromkeys(key for several in keys.values() for key in several))
        if any(key not in self.rows for key in needed):
            self._compute(needed)
        return {name: np.array([self.rows[k] for k in keys[name]], dtype=np.int64)[inverse[name]] for name in keys}

    def _key(self, name: str, values: Mapping[str, float]) -> tuple[Any, ...]:
        """Return what an indicator's values depend on: (name, parameters, source, time frame, what it is computed of, symbol, inputs).

        What it is computed of are the keys of other indicators, each with the place of its output.
        """
        wanted = self.program.wanted[name]
        kinds = {p.name: p.kind for p in wanted.base.entry.params}
        params = tuple((p, kinds[p](values[n.path] if n.path else n.value)) for p, n in wanted.params.items())
        of = [(self._key(ref.id, values), self._place(ref)) for ref in wanted.base.sources(self.program.wanted)]
        source: Any = wanted.base.source_name
        if wanted.base.computed is not None:
            source = wanted.base.computed.model_dump_json()
            self.operands[source] = wanted.base.computed
        return (
            wanted.base.name,
            params,
            source,
            wanted.base.timeframe,
            tuple(of),
            wanted.base.symbol,
            wanted.base.inputs,
        )

    def _place(self, ref: IndicatorRef) -> int:
        return self.program.wanted[ref.id].base.entry.place(ref.output)

    def _compute(self, keys: list[tuple[Any, ...]]) -> None:
        """Put the indicators into `series`; those that are there already are kept, others dropped."""
        widths = [len(entry_of(key[0]).outputs) for key in keys]
        series = np.empty((len(PRICE_COLUMNS) + sum(widths), len(self.frame)))
        series[: len(PRICE_COLUMNS)] = self.series[: len(PRICE_COLUMNS)]
        rows, at = {}, len(PRICE_COLUMNS)
        coarse: dict[tuple[Any, ...], tuple[Floats, ...]] = {}
        for key, width in zip(keys, widths, strict=True):
            if key in self.rows:
                series[at : at + width] = self.series[self.rows[key] : self.rows[key] + width]
            else:
                series[at : at + width] = np.stack(self._shown(key, coarse))
            rows[key] = at
            at += width
        self.series, self.rows = series, rows
        self.warm = np.isnan(series).argmin(axis=1)
        self.warm[: len(PRICE_COLUMNS)] = 0

    def _shown(self, key: tuple[Any, ...], cache: dict[tuple[Any, ...], tuple[Floats, ...]]) -> tuple[Floats, ...]:
        """Return an indicator's outputs at each bar; on bars of its own those of the last one that is complete."""
        values = self._own(key, cache)
        if key[3] is None and key[5] is None:
            return values
        complete = self._columns_of(key[5], key[3])[1]
        return tuple(np.append(np.nan, a)[complete] for a in values)

    def _own(self, key: tuple[Any, ...], cache: dict[tuple[Any, ...], tuple[Floats, ...]]) -> tuple[Floats, ...]:
        """Return an indicator's outputs on the bars it is computed on."""
        if key not in cache:
            name, params, source, timeframe, of, symbol, inputs = key
            columns = self._columns_of(symbol, timeframe)[0]
            read = [(self._own if other[5] == symbol else self._shown)(other, cache)[place] for other, place in of]
            given: Floats | None
            if source in self.operands:
                given = evaluate(self.operands[source], columns, iter(read))
            else:
                given = read[0] if read else columns.get(str(source))
            cache[key] = compute_on(name, dict(params), columns, given, inputs)
        return cache[key]

    def _columns_of(self, symbol: str | None, timeframe: str | None) -> tuple[dict[str, Floats], Any]:
        """Return the columns of a symbol's bars on a time frame, and how many of these are complete at each bar."""
        if (symbol, timeframe) not in self.columns:
            bars, complete = self._bars_of(symbol)
            if timeframe is not None:
                bars, _, of_bars = coarser(bars, timeframe)
                complete = np.append(0, of_bars)[complete]
            self.columns[symbol, timeframe] = input_columns(bars), complete
        return self.columns[symbol, timeframe]

    def _bars_of(self, symbol: str | None) -> tuple[pd.DataFrame, Ints]:
        """Return a symbol's bars with the columns of the calendar that its indicators read, and how many each bar has shown."""
        if symbol not in self.bars:
            needed = [wanted.base for wanted in self.program.wanted.values() if wanted.base.symbol == symbol]
            whole = np.arange(1, len(self.index) + 1)
            bars, count = other_bars(self.frame, symbol) if symbol is not None else (self.frame, whole)
            self.bars[symbol] = with_calendar(bars, (name for item in needed for name in item.calendar)), count
        return self.bars[symbol]

    # Results ---------------------------------------------------------------------------------

    def _trades(self, numbers: Floats) -> pd.DataFrame:
        table = pd.DataFrame(numbers, columns=list(broker.TRADE_COLUMNS))
        for name in ("EntryBar", "ExitBar"):
            table[name] = table[name].astype(np.int64)
        if self.unit < 1:
            table["Size"] *= self.unit
            table[["EntryPrice", "ExitPrice", "TP", "SL"]] /= self.unit
        else:
            table["Size"] = figures.in_shares(table["Size"].to_numpy())
        table["EntryTime"] = self.index[table["EntryBar"]]
        table["ExitTime"] = self.index[table["ExitBar"]]
        return table


def _variants(columns: Sequence[Floats]) -> tuple[Floats, Ints]:
    """Return the different rows of some columns, and for each row which of them it is; one empty row for no columns."""
    if not columns:
        return np.empty((1, 0)), np.empty(0, dtype=np.int64)
    if len(columns) == 1:
        values, back = np.unique(columns[0], return_inverse=True)
        return values[:, None], back
    values, back = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    return values, back.reshape(-1)


def _table(code: Sequence[tuple[int, ...]]) -> Ints:
    return np.array([(*step, *([0] * (WIDTH - len(step)))) for step in code], dtype=np.int64).reshape(-1, WIDTH)


def _values(number: Slot, columns: Mapping[str, Floats]) -> Any:
    return (columns[number.path] if number.path else number.value) * number.times / number.over + number.plus


def _filled(items: Sequence[Slot], columns: Mapping[str, Floats], count: int) -> Floats:
    table = np.zeros((count, max(1, len(items))))
    for slot, item in enumerate(items):
        table[:, slot] = _values(item, columns)
    return table


def warm_up() -> None:
    """Load or compile everything, so that the first run of a process is as fast as the next; takes 0.4 s, compiling 12 s."""
    index = pd.date_range("2020-01-01", periods=3, unit="us")
    frame = pd.DataFrame({c: [1.0, 2.0, 1.0] for c in PRICE_COLUMNS}, index=index)
    rule = {"when": {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "value", "value": 1}}}
    made = CanonicalStrategy.model_validate({"entry_rules": [rule], "risk": {"max_bars": 1}})
    run = Kernel(made, frame).run()
    figures.figures(run.equity, run.trades, frame, {})
    prices = frame["Close"].to_numpy(dtype=float) * 1.0
    book = order_book.empty_book(0, 0, np.ones(order_book.TERMS), len(frame))
    nothing = np.empty((0, order_book.DECISION))
    order_book.follow_decisions(nothing, 0, prices, prices, prices, prices, book)
