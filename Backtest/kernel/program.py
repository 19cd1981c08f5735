"""Canonical strategy → a program for the compiled engine, with slots where its numbers are varied."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOf,
    AnyOperand,
    AtrLevel,
    BarsHeld,
    Between,
    CanonicalStrategy,
    Compare,
    Cross,
    Falling,
    ForBars,
    IndicatorBase,
    IndicatorRef,
    Math,
    Not,
    PercentLevel,
    Price,
    Rising,
    RiskReward,
    Side,
    Time,
    UnrealizedReturn,
    Value,
    WithinBars,
    make_indicator,
    walk,
)
from Backtest.code_generator import used_indicators
from Backtest.conditions import Mask, time_mask
from Backtest.indicators import PRICE_COLUMNS
from Backtest.kernel import broker, masks

Word = Literal["and", "or"]
KINDS = {
    "<": broker.LESS, "<=": broker.LESS_EQUAL, ">": broker.GREATER, ">=": broker.GREATER_EQUAL, "==": broker.EQUAL,
}  # fmt: skip
NEGATED = {
    broker.LESS: broker.GREATER_EQUAL, broker.LESS_EQUAL: broker.GREATER, broker.GREATER: broker.LESS_EQUAL,
    broker.GREATER_EQUAL: broker.LESS, broker.EQUAL: broker.UNEQUAL,
}  # fmt: skip
MIRRORED = {
    broker.LESS: broker.GREATER, broker.LESS_EQUAL: broker.GREATER_EQUAL, broker.GREATER: broker.LESS,
    broker.GREATER_EQUAL: broker.LESS_EQUAL, broker.EQUAL: broker.EQUAL, broker.UNEQUAL: broker.UNEQUAL,
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A number of the strategy: its value, the path by which it is varied, if it is, and what is added to it."""

    value: float
    path: str | None = None
    plus: int = 0


@dataclass(frozen=True)
class Row:
    """A row of the series: an indicator's output. `work` rows are computed by the program itself."""

    indicator: str
    output: int = 0


@dataclass(frozen=True)
class Wanted:
    """An indicator whose values are needed: its parameters may be varied."""

    base: IndicatorBase
    params: dict[str, Number]


@dataclass
class Program:
    """What the compiled engine runs.

    `shared` is run once for the prices, `code` once a parameter set. `ints` and `floats` say what the slots hold, ints
    rows of series among them. `signals` are the masks of enter long, enter short, exit long, exit short; `asks` for
    each side what its exits ask of the position. `levels` are the ATR of stop, trailing stop and target. `own_rows`:
    some of the work rows are filled anew for each parameter set.
    """

    wanted: dict[str, Wanted] = field(default_factory=dict)
    ints: list[Number | Row | int] = field(default_factory=list)
    floats: list[Number] = field(default_factory=list)
    shared: list[tuple[int, ...]] = field(default_factory=list)
    code: list[tuple[int, ...]] = field(default_factory=list)
    shared_masks: int = 0
    code_masks: int = 0
    work_rows: int = 0
    own_rows: bool = False
    times: list[Time] = field(default_factory=list)
    signals: tuple[int, int, int, int] = (0, 0, 0, 0)
    asks: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]] = field(default_factory=lambda: ([], []))
    limits: list[Number] = field(default_factory=list)
    levels: list[str | None] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    kinds: np.ndarray[Any, np.dtype[np.int64]] = field(default_factory=lambda: np.zeros(broker.KINDS, dtype=np.int64))


@dataclass(frozen=True)
class _Asked:
    """A condition that asks about the position, in reverse Polish notation."""

    steps: tuple[tuple[int, int, int], ...]


class Compiler:
    """Writes the program of a strategy.

    Args:
        varied: the paths that get values of their own in each parameter set.
    """

    def __init__(self, strategy: CanonicalStrategy, varied: Collection[str] = ()) -> None:
        self.strategy = strategy
        self.varied = frozenset(varied)
        self.program = Program()
        self.cache: dict[tuple[str, bool], tuple[int, bool]] = {}

    def compile(self) -> Program:
        self._indicators()
        self._risk()
        found = []
        for kind in ("entry", "exit"):
            for side in ("long", "short"):
                found.append(self._rules(kind, side))
        self.program.signals = (found[0], found[1], found[2], found[3])
        return self.program

    # Numbers ---------------------------------------------------------------------------------

    def number(self, path: str, value: float) -> Number:
        return Number(float(value), path if path in self.varied else None)

    def _int(self, item: Number | Row | int) -> int:
        if item in self.program.ints:
            return self.program.ints.index(item)
        self.program.ints.append(item)
        return len(self.program.ints) - 1

    def _float(self, item: Number) -> int:
        if item in self.program.floats:
            return self.program.floats.index(item)
        self.program.floats.append(item)
        return len(self.program.floats) - 1

    # Indicators and risk ---------------------------------------------------------------------

    def _indicators(self) -> None:
        bare = self.strategy.risk.model_copy(update={"stop_loss": None, "take_profit": None, "trailing_stop": None})
        for indicator in used_indicators(self.strategy.model_copy(update={"risk": bare})):
            params = {
                name: self.number(f"indicators.{indicator.id}.{name}", value)
                for name, value in indicator.params.items()
            }
            self.program.wanted[indicator.id] = Wanted(indicator, params)

    def _risk(self) -> None:
        risk, execution = self.strategy.risk, self.strategy.execution
        program, kinds = self.program, self.program.kinds
        numbers = [Number(0.0)] * broker.NUMBERS
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
                program.wanted[atr] = Wanted(
                    make_indicator("ATR", timeperiod=level.timeperiod),
                    {"timeperiod": self.number(f"{path}.timeperiod", level.timeperiod)},
                )
                program.levels[-1] = atr
        size = risk.position_size
        kinds[broker.SIZE_KIND] = {
            "percent_of_equity": broker.OF_EQUITY, "fixed_units": broker.UNITS, "fixed_cash": broker.CASH_AMOUNT,
            "risk_percent": broker.RISK_PERCENT,
        }[size.type]  # fmt: skip
        assert isinstance(size.value, int | float)
        numbers[broker.SIZE] = self.number("risk.position_size.value", size.value)
        kinds[broker.AT_CLOSE] = execution.trade_on_close
        for name, number in (
            ("cash", broker.CASH), ("spread", broker.SPREAD), ("commission_fixed", broker.FIXED_FEE),
            ("commission", broker.FEE), ("margin", broker.MARGIN), ("fractional_unit", broker.UNIT),
            ("risk_free_rate", broker.RISK_FREE),
        ):  # fmt: skip
            numbers[number] = self.number(f"execution.{name}", getattr(execution, name))
        numbers[broker.MAX_BARS] = self.number("risk.max_bars", risk.max_bars or 0)
        numbers[broker.COOLDOWN] = self.number("risk.cooldown_bars", risk.cooldown_bars)
        program.numbers = numbers

    # Rules -----------------------------------------------------------------------------------

    def _rules(self, kind: Literal["entry", "exit"], side: Side) -> int:
        rules = self.strategy.entry_rules if kind == "entry" else self.strategy.exit_rules
        whens = [
            (rule.when, f"{kind}_rules[{i}].when")
            for i, rule in enumerate(rules)
            if rule.side == side and side in self.strategy.sides
        ]
        parts = [self._mask(when, path, negated=False) for when, path in whens]
        if kind == "exit" and any(_asks(when) for when, _ in whens):
            steps = self._joined("or", [self._asked(when, path, negated=False) for when, path in whens]).steps
            self.program.asks[side == "short"].extend(steps)
        if not parts:
            return self._emit((masks.CLEAR,), shared=True)[0]
        return self._join(masks.OR, parts)[0]

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

    def _mask(self, node: AnyCondition, path: str, *, negated: bool) -> tuple[int, bool]:
        key = (path, negated)
        if key not in self.cache:
            self.cache[key] = self._make(node, path, negated)
        return self.cache[key]

    def _make(self, node: AnyCondition, path: str, negated: bool) -> tuple[int, bool]:
        match node:
            case All() | AnyOf():
                parts = [
                    self._mask(c, f"{path}.conditions[{i}]", negated=negated) for i, c in enumerate(node.conditions)
                ]
                return self._join(masks.AND if isinstance(node, All) != negated else masks.OR, parts)
            case Not():
                return self._mask(node.condition, f"{path}.condition", negated=not negated)
            case Compare():
                return self._compare(node.left, KINDS[node.op], node.right, path, ("left", "right"), negated)
            case Cross():
                before, now = ("<=", ">") if node.direction == "above" else (">=", "<")
                names = ("left", "right")
                was = self._compare(node.left, KINDS[before], node.right, path, names, negated, back=1)
                is_ = self._compare(node.left, KINDS[now], node.right, path, names, negated)
                return self._join(masks.OR if negated else masks.AND, [was, is_])
            case Between():
                low = self._compare(node.low, broker.LESS_EQUAL, node.operand, path, ("low", "operand"), negated)
                high = self._compare(node.operand, broker.LESS_EQUAL, node.high, path, ("operand", "high"), negated)
                return self._join(masks.OR if negated else masks.AND, [low, high])
            case Rising() | Falling():
                kind = broker.GREATER if isinstance(node, Rising) else broker.LESS
                step = self._compare(
                    node.operand, kind, node.operand, path, ("operand", "operand"), negated, back_right=1
                )
                return self._window(masks.SOME if negated else masks.EVERY, step, path, node.bars)
            case ForBars() | WithinBars():
                inner = self._mask(node.condition, f"{path}.condition", negated=negated)
                every = isinstance(node, ForBars) != negated
                return self._window(masks.EVERY if every else masks.SOME, inner, path, node.bars)
            case Time():
                self.program.times.append(node)
                return self._emit((_TIME, len(self.program.times) - 1, int(negated)), shared=True)
            case BarsHeld() | UnrealizedReturn():
                return self._emit((masks.CLEAR,), shared=True)  # flat, there is nothing to compare
        raise TypeError(f"not a condition: {node!r}")

    def _window(self, operation: int, inner: tuple[int, bool], path: str, bars: int) -> tuple[int, bool]:
        number = self.number(f"{path}.bars", bars)
        return self._emit((operation, inner[0], self._int(number)), shared=inner[1] and number.path is None)

    # Comparisons -----------------------------------------------------------------------------

    def _compare(
        self, left: AnyOperand, kind: int, right: AnyOperand, path: str, names: tuple[str, str], negated: bool,
        back: int = 0, back_right: int = 0,
    ) -> tuple[int, bool]:  # fmt: skip
        kind = NEGATED[kind] if negated else kind
        left_path, right_path = (f"{path}.{name}" for name in names)
        if isinstance(left, Value) and not isinstance(right, Value):
            left, right, left_path, right_path = right, left, right_path, left_path
            kind = MIRRORED[kind]
        row, offset, fixed = self._operand(left, left_path)
        if isinstance(right, Value):
            level = self.number(f"{right_path}.value", right.value)
            fixed = fixed and level.path is None
            return self._emit((masks.LEVEL, row, offset, self._float(level), 0, kind, back), shared=fixed)
        row_right, offset_right, fixed_right = self._operand(right, right_path, back=back_right)
        return self._emit(
            (masks.COMPARE, row, offset, row_right, offset_right, kind, back), shared=fixed and fixed_right
        )

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
        zero = self._int(Number(0.0, plus=back))
        work = self.program.work_rows
        self.program.work_rows += 1
        if isinstance(node, Value):
            level = self.number(f"{path}.value", node.value)
            self._both((masks.FILL, work, self._float(level)), level.path is None)
            return self._int(-1 - work), zero, level.path is None
        assert isinstance(node, Math)
        left, offset_left, fixed_left = self._operand(node.left, f"{path}.left")
        right, offset_right, fixed_right = self._operand(node.right, f"{path}.right")
        fixed = fixed_left and fixed_right
        self._both((masks.MATH, work, left, offset_left, right, offset_right, "+-*/".index(node.op)), fixed)
        return self._int(-1 - work), zero, fixed

    def _both(self, instruction: tuple[int, ...], fixed: bool) -> None:
        """Fill a work row: once where it is the same for every set, whose programs all keep it."""
        (self.program.shared if fixed else self.program.code).append(instruction)
        self.program.own_rows = self.program.own_rows or not fixed

    def _varies(self, indicator_id: str) -> bool:
        wanted = self.program.wanted[indicator_id]
        if any(n.path for n in wanted.params.values()):
            return True
        source = wanted.base.source_name
        return source not in (None, *PRICE_COLUMNS) and self._varies(str(source))

    # Exits that ask about the position -------------------------------------------------------

    def _asked(self, node: AnyCondition, path: str, *, negated: bool) -> _Asked:
        if not _asks(node):
            return _Asked(((broker.ASK_MASK, self._mask(node, path, negated=negated)[0], 0),))
        match node:
            case All() | AnyOf():
                word: Word = "and" if isinstance(node, All) != negated else "or"
                return self._joined(
                    word,
                    [self._asked(c, f"{path}.conditions[{i}]", negated=negated) for i, c in enumerate(node.conditions)],
                )
            case Not():
                return self._asked(node.condition, f"{path}.condition", negated=not negated)
            case BarsHeld():
                return self._limit(broker.ASK_HELD, node.op, self.number(f"{path}.bars", node.bars), negated)
            case UnrealizedReturn():
                return self._limit(broker.ASK_RETURN, node.op, self.number(f"{path}.percent", node.percent), negated)
        raise TypeError(f"{node.type} cannot ask about the position")

    def _limit(self, question: int, op: str, limit: Number, negated: bool) -> _Asked:
        self.program.limits.append(limit)
        kind = NEGATED[KINDS[op]] if negated else KINDS[op]
        return _Asked(((question, kind, len(self.program.limits) - 1),))

    @staticmethod
    def _joined(word: Word, parts: list[_Asked]) -> _Asked:
        operation = broker.ASK_AND if word == "and" else broker.ASK_OR
        steps = list(parts[0].steps)
        for part in parts[1:]:
            steps += [*part.steps, (operation, 0, 0)]
        return _Asked(tuple(steps))


_TIME = 100  # a mask that Python fills in before the shared program runs


def _asks(node: AnyCondition) -> bool:
    return any(isinstance(inside, BarsHeld | UnrealizedReturn) for inside in walk(node))


def shared_code(program: Program) -> list[tuple[int, ...]]:
    """Return the shared program without the masks of times."""
    return [step for step in program.shared if step[0] != _TIME]


def time_masks(program: Program, index: pd.DatetimeIndex) -> list[tuple[int, Mask]]:
    """Return the masks of times: which of the shared masks, and its truth at each bar."""
    found = []
    for step in program.shared:
        if step[0] == _TIME:
            inside = time_mask(program.times[step[2]], index)
            found.append((step[1], ~inside if step[3] else inside))
    return found
