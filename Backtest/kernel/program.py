"""Canonical strategy → a program for the compiled engine, with slots where its numbers are varied."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import (
    SIDES,
    AnyOperand,
    AtrLevel,
    BarsSince,
    CanonicalStrategy,
    Function,
    IndicatorBase,
    IndicatorRef,
    Math,
    PercentLevel,
    Price,
    RiskReward,
    Ticks,
    Value,
    ValueWhen,
    make_indicator,
    used_indicators,
)
from Backtest.decision import Mask, time_mask
from Backtest.indicators import PRICE_COLUMNS
from Backtest.kernel import broker, masks
from Backtest.meaning import core

Step = tuple[int, int, int]
KINDS: dict[core.Sign, int] = {
    "<": broker.LESS, "<=": broker.LESS_EQUAL, ">": broker.GREATER, ">=": broker.GREATER_EQUAL, "==": broker.EQUAL,
    "!=": broker.UNEQUAL,
}  # fmt: skip
QUESTIONS: dict[core.Asked, int] = {"bars held": broker.ASK_HELD, "unrealized return": broker.ASK_RETURN}


@dataclass(frozen=True)
class Slot:
    """A number of the strategy. `path` is that of a number that is varied, None where it is fixed.

    Either is multiplied by `times`, divided by `over` and `plus` is added.
    """

    value: float
    path: str | None = None
    plus: int = 0
    times: float = 1
    over: float = 1


@dataclass(frozen=True)
class Row:
    """A row of the series: an indicator's output. `work` rows are computed by the program itself."""

    indicator: str
    output: int = 0


@dataclass(frozen=True)
class NeededIndicator:
    """An indicator that the program reads, with its parameters, each fixed or varied."""

    base: IndicatorBase
    params: dict[str, Slot]


@dataclass
class Program:
    """What the compiled engine runs.

    `shared` is run once for the prices, `code` once a parameter set. `ints` and `floats` say what the slots hold, ints
    rows of series among them. `signals` are the masks of enter long, enter short, exit long, exit short; `asks` for
    each side what its exits ask of the position. `levels` are the ATR of stop, trailing stop and target. `own_rows`:
    some of the work rows are filled anew for each parameter set.
    """

    wanted: dict[str, NeededIndicator] = field(default_factory=dict)
    ints: list[Slot | Row | int] = field(default_factory=list)
    floats: list[Slot] = field(default_factory=list)
    shared: list[tuple[int, ...]] = field(default_factory=list)
    code: list[tuple[int, ...]] = field(default_factory=list)
    shared_masks: int = 0
    code_masks: int = 0
    work_rows: int = 0
    own_rows: bool = False
    clocks: list[core.Clock] = field(default_factory=list)
    signals: tuple[int, int, int, int] = (0, 0, 0, 0)
    asks: tuple[list[Step], list[Step]] = field(default_factory=lambda: ([], []))
    limits: list[Slot] = field(default_factory=list)
    levels: list[str | None] = field(default_factory=list)
    numbers: list[Slot] = field(default_factory=list)
    kinds: np.ndarray[Any, np.dtype[np.int64]] = field(default_factory=lambda: np.zeros(broker.KINDS, dtype=np.int64))


class Compiler:
    """Writes the program of a strategy.

    Args:
        varied: the paths that get values of their own in each parameter set.
    """

    def __init__(self, strategy: CanonicalStrategy, varied: Collection[str] = ()) -> None:
        self.strategy = strategy
        self.varied = frozenset(varied)
        self.program = Program()
        self.masks: dict[
            int, tuple[core.Statement, tuple[int, bool]]
        ] = {}  # by the id() of the statement, which is kept

    def compile(self) -> Program:
        self._indicators()
        self._risk()
        rules = self.strategy.statements()
        found = [self._rules(statements) for statements in rules.values()]
        self.program.signals = (found[0], found[1], found[2], found[3])
        for side, asks in zip(SIDES, self.program.asks, strict=True):
            if any(statement.asks_position for statement in rules["exit", side]):
                asks.extend(self._joined(broker.ASK_OR, [self._asked(statement) for statement in rules["exit", side]]))
        return self.program

    # Numbers ---------------------------------------------------------------------------------

    def number(self, path: str, value: float, *, times: float = 1, over: float = 1) -> Slot:
        return Slot(float(value), path if path in self.varied else None, times=times, over=over)

    def _int(self, item: Slot | Row | int) -> int:
        if item in self.program.ints:
            return self.program.ints.index(item)
        self.program.ints.append(item)
        return len(self.program.ints) - 1

    def _float(self, item: Slot) -> int:
        if item in self.program.floats:
            return self.program.floats.index(item)
        self.program.floats.append(item)
        return len(self.program.floats) - 1

    # Indicators and risk ---------------------------------------------------------------------

    def _indicators(self) -> None:
        for indicator in used_indicators(self.strategy, of_levels=False):
            params = {
                name: self.number(f"indicators.{indicator.id}.{name}", value)
                for name, value in indicator.params.items()
            }
            self.program.wanted[indicator.id] = NeededIndicator(indicator, params)

    def _risk(self) -> None:
        risk, numbers = self.strategy.risk, self._account()
        program, kinds = self.program, self.program.kinds
        levels = (
            ("stop_loss", broker.STOP, broker.STOP_KIND), ("trailing_stop", broker.TRAIL, broker.TRAIL_KIND),
            ("take_profit", broker.TARGET, broker.TARGET_KIND),
        )  # fmt: skip
        for name, number, kind in levels:
            level, path = getattr(risk, name), f"risk.{name}"
            program.levels.append(None)
            if isinstance(level, PercentLevel):
                kinds[kind], numbers[number] = broker.PERCENT, self.number(f"{path}.value", level.value)
            elif isinstance(level, RiskReward):
                kinds[kind], numbers[number] = broker.RISK_REWARD, self.number(f"{path}.ratio", level.ratio)
            elif isinstance(level, AtrLevel):
                kinds[kind], numbers[number] = broker.ATR, self.number(f"{path}.multiple", level.multiple)
                atr = f"{path}.atr"
                program.wanted[atr] = NeededIndicator(
                    make_indicator("ATR", timeperiod=level.timeperiod),
                    {"timeperiod": self.number(f"{path}.timeperiod", level.timeperiod)},
                )
                program.levels[-1] = atr
        size = risk.position_size
        kinds[broker.SIZE_KIND] = {
            "percent_of_equity": broker.OF_EQUITY, "fixed_units": broker.UNITS, "fixed_cash": broker.CASH_AMOUNT,
            "risk_percent": broker.RISK_PERCENT,
        }[size.type]  # fmt: skip
        amount = size.core("risk.position_size").number
        numbers[broker.SIZE] = self.number(amount.path, amount.value)
        numbers[broker.MAX_BARS] = self.number("risk.max_bars", risk.max_bars or 0)
        numbers[broker.COOLDOWN] = self.number("risk.cooldown_bars", risk.cooldown_bars)

    def _account(self) -> list[Slot]:
        """Return the numbers of a run, money and costs filled in."""
        execution, numbers = self.strategy.execution, [Slot(0.0)] * broker.NUMBERS
        self.program.kinds[broker.AT_CLOSE] = execution.trade_on_close
        for name, number in (
            ("cash", broker.CASH), ("spread", broker.SPREAD), ("commission_fixed", broker.FIXED_FEE),
            ("commission", broker.FEE), ("margin", broker.MARGIN), ("fractional_unit", broker.UNIT),
            ("risk_free_rate", broker.RISK_FREE),
        ):  # fmt: skip
            numbers[number] = self.number(f"execution.{name}", getattr(execution, name))
        self.program.numbers = numbers
        return numbers

    # Rules -----------------------------------------------------------------------------------

    def _rules(self, statements: Sequence[core.Statement]) -> int:
        """Return the mask of where one of the rules holds."""
        if not statements:
            return self._emit((masks.CLEAR,), shared=True)[0]
        return self._join(masks.OR, [self._mask(statement) for statement in statements])[0]

    def _emit(self, instruction: tuple[int, ...], *, shared: bool) -> tuple[int, bool]:
        """Add an instruction that makes a mask; return the mask and whether it is shared."""
        program = self.program
        if shared:
            program.shared_masks += 1
            index = program.shared_masks - 1
            program.shared.append((instruction[0], index, *(instruction[1:])))
            return -1 - index, True
        program.code_masks += 1
        index = program.code_masks - 1
        program.code.append((instruction[0], index, *(instruction[1:])))
        return index, False

    def _join(self, operation: int, parts: list[tuple[int, bool]]) -> tuple[int, bool]:
        """Join masks, those first that do not depend on the parameter set."""
        parts = sorted(parts, key=lambda p: not p[1])
        joined = parts[0]
        for part in parts[1:]:
            joined = self._emit((operation, joined[0], part[0]), shared=joined[1] and part[1])
        return joined

    def _mask(self, statement: core.Statement) -> tuple[int, bool]:
        """Return the mask of where a statement holds, and whether it is shared."""
        if id(statement) not in self.masks:
            self.masks[id(statement)] = statement, self._make(statement)
        return self.masks[id(statement)][1]

    def _make(self, statement: core.Statement) -> tuple[int, bool]:
        match statement:
            case core.Joined():
                operation = masks.AND if statement.word == "and" else masks.OR
                return self._join(operation, [self._mask(part) for part in statement.joined])
            case core.Window():
                inner, bars = self._mask(statement.inner), self.number(statement.bars.path, statement.bars.value)
                operation = masks.EVERY if statement.word == "all" else masks.SOME
                return self._emit((operation, inner[0], self._int(bars)), shared=inner[1] and bars.path is None)
            case core.Count():
                inner, bars = self._mask(statement.inner), self.number(statement.bars.path, statement.bars.value)
                least = self.number(statement.least.path, statement.least.value)
                fixed = inner[1] and bars.path is None and least.path is None
                slots = (self._int(bars), self._int(least), self._work_row(fixed), int(statement.turned))
                return self._emit((masks.COUNT, inner[0], *slots), shared=fixed)
            case core.Seen():
                inner, reset = self._mask(statement.inner), self._mask(statement.reset)
                seen = (masks.SEEN, inner[0], reset[0], int(statement.known))
                return self._emit(seen, shared=inner[1] and reset[1])
            case core.Comparison():
                return self._compare(statement)
            case core.Clock():
                self.program.clocks.append(statement)
                now = self._emit((_CLOCK, len(self.program.clocks) - 1), shared=True)
                if not statement.back:
                    return now
                ago = (masks.AGO, now[0], self._int(Slot(float(statement.back))), self._work_row(True))
                return self._emit(ago, shared=True)
            case core.PositionTest():
                return self._emit(
                    (masks.CLEAR,), shared=True
                )  # without a position the answer is not known, which is false
        raise TypeError(f"not a statement: {statement!r}")

    def _work_row(self, fixed: bool) -> int:
        """Return a new work row; rows of what differs from set to set are each set's own."""
        self.program.work_rows += 1
        self.program.own_rows = self.program.own_rows or not fixed
        return self.program.work_rows - 1

    # Comparisons -----------------------------------------------------------------------------

    def _compare(self, comparison: core.Comparison) -> tuple[int, bool]:
        if isinstance(comparison.left.operand, Value) and not isinstance(comparison.right.operand, Value):
            comparison = comparison.mirrored()
        left, right, kind = comparison.left, comparison.right, KINDS[comparison.sign]
        row, offset, fixed = self._operand(left.operand, left.path, left.back)
        if isinstance(right.operand, Value):
            level = self.number(f"{right.path}.value", right.operand.value)
            shared = fixed and level.path is None
            return self._emit((masks.LEVEL, row, offset, self._float(level), 0, kind), shared=shared)
        row_right, offset_right, fixed_right = self._operand(right.operand, right.path, right.back)
        return self._emit((masks.COMPARE, row, offset, row_right, offset_right, kind), shared=fixed and fixed_right)

    def _operand(self, node: AnyOperand, path: str, back: int = 0) -> tuple[int, int, bool]:
        """Return an operand as a slot of its row, a slot of its offset, and whether it is the same for every set."""
        if isinstance(node, Price | IndicatorRef):
            offset = replace(self.number(f"{path}.offset", node.offset), plus=back)
            fixed = offset.path is None
            if isinstance(node, Price):
                return self._int(PRICE_COLUMNS.index(node.column)), self._int(offset), fixed
            names = [o.name for o in self.strategy.indicator(node.id).entry.outputs]
            output = names.index(node.output) if node.output else 0
            fixed = fixed and not self._varies(node.id)
            return self._int(Row(node.id, output)), self._int(offset), fixed
        if isinstance(node, BarsSince | ValueWhen):
            return self._last_held(node, path, back)
        zero = self._int(Slot(0.0, plus=back))
        work = self.program.work_rows
        self.program.work_rows += 1
        if isinstance(node, Value):
            level = self.number(f"{path}.value", node.value)
            self._both((masks.FILL, work, self._float(level)), level.path is None)
            return self._int(-1 - work), zero, level.path is None
        if isinstance(node, Ticks):
            points = self._float(Slot(self.strategy.execution.points(node)))
            self._both((masks.FILL, work, points), fixed=True)
            return self._int(-1 - work), zero, True
        if isinstance(node, Function):
            return self._function(node, path, work, zero)
        if not isinstance(node, Math):
            raise TypeError(f"not an operand of prices alone: {node!r}")
        left, offset_left, fixed_left = self._operand(node.left, f"{path}.left")
        right, offset_right, fixed_right = self._operand(node.right, f"{path}.right")
        fixed = fixed_left and fixed_right
        self._both((masks.MATH, work, left, offset_left, right, offset_right, masks.FUNCTIONS.index(node.op)), fixed)
        return self._int(-1 - work), zero, fixed

    def _last_held(self, node: BarsSince | ValueWhen, path: str, back: int) -> tuple[int, int, bool]:
        """Return the bars since a condition held, or what an operand was then, as `_operand` does."""
        held, fixed = self._mask(node.condition.core(f"{path}.condition"))
        offset = replace(self.number(f"{path}.offset", node.offset), plus=back)
        if isinstance(node, BarsSince):
            work = self._work_row(fixed)
            self._both((masks.SINCE, work, held), fixed)
        else:
            row, row_offset, row_fixed = self._operand(node.operand, f"{path}.operand")
            fixed = fixed and row_fixed
            work = self._work_row(fixed)
            self._both((masks.WHEN, work, held, row, row_offset), fixed)
        return self._int(-1 - work), self._int(offset), fixed and offset.path is None

    def _function(self, node: Function, path: str, work: int, zero: int) -> tuple[int, int, bool]:
        """Return the least or the greatest of operands, two at a time, or the size of one, as `_operand` does."""
        kind = masks.FUNCTIONS.index(node.name)
        parts = [self._operand(part, f"{path}.operands[{i}]") for i, part in enumerate(node.operands)]
        row, offset, fixed = parts[0]
        for other, other_offset, other_fixed in parts[1:] or parts:
            fixed = fixed and other_fixed
            self._both((masks.MATH, work, row, offset, other, other_offset, kind), fixed)
            row, offset = self._int(-1 - work), zero
        return row, offset, fixed

    def _both(self, instruction: tuple[int, ...], fixed: bool) -> None:
        """Add an instruction that fills a work row: to the shared program where the row is the same for every set, else to that of each set."""
        (self.program.shared if fixed else self.program.code).append(instruction)
        self.program.own_rows = self.program.own_rows or not fixed

    def _varies(self, indicator_id: str) -> bool:
        wanted = self.program.wanted[indicator_id]
        if any(n.path for n in wanted.params.values()):
            return True
        return any(self._varies(ref.id) for ref in wanted.base.sources(self.program.wanted))

    # Exits that ask about the position -------------------------------------------------------

    def _asked(self, statement: core.Statement) -> list[Step]:
        """Return an exit, which may ask of the position, in reverse Polish notation."""
        if not statement.asks_position:
            return [(broker.ASK_MASK, self._mask(statement)[0], 0)]
        match statement:
            case core.Joined():
                operation = broker.ASK_AND if statement.word == "and" else broker.ASK_OR
                return self._joined(operation, [self._asked(part) for part in statement.joined])
            case core.PositionTest():
                self.program.limits.append(self.number(statement.limit.path, statement.limit.value))
                return [(QUESTIONS[statement.asked], KINDS[statement.sign], len(self.program.limits) - 1)]
        raise TypeError(f"cannot ask about the position of another bar: {statement!r}")

    @staticmethod
    def _joined(operation: int, parts: list[list[Step]]) -> list[Step]:
        steps = list(parts[0])
        for part in parts[1:]:
            steps += [*part, (operation, 0, 0)]
        return steps


_CLOCK = 100  # stands for a mask of the calendar, which `clock_masks` makes with pandas before the shared program runs


def shared_code(program: Program) -> list[tuple[int, ...]]:
    """Return the shared program without the masks of clocks."""
    return [step for step in program.shared if step[0] != _CLOCK]


def clock_masks(program: Program, index: pd.DatetimeIndex) -> list[tuple[int, Mask]]:
    """Return the masks of clocks: which of the shared masks, and its truth at each bar."""
    clocks = [(step[1], program.clocks[step[2]]) for step in program.shared if step[0] == _CLOCK]
    return [(mask, time_mask(clock.time, index) != clock.outside) for mask, clock in clocks]
