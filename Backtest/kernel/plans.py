"""Canonical strategy that is not plain → rules, programs and tickets for the compiled engine, with slots where its numbers are varied."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from Backtest.canonical import (
    AnyLevel,
    AnyOperand,
    AnySize,
    AtrLevel,
    BarsSince,
    CanonicalStrategy,
    EntryRule,
    Execution,
    Function,
    IndicatorRef,
    LimitOrder,
    Lots,
    MarketOrder,
    Math,
    PositionRef,
    Price,
    Risk,
    Side,
    StopLimitOrder,
    StopOrder,
    TargetReached,
    Ticks,
    Value,
    ValueWhen,
    WaitingOrder,
    make_indicator,
    walk,
)
from Backtest.errors import InvalidInput
from Backtest.kernel import actions, broker, closing, masks, state
from Backtest.kernel.program import KINDS, Compiler, NeededIndicator, Program, Row, Slot
from Backtest.kernel.state import Floats
from Backtest.meaning import core

Step = tuple[int, int, int]
MEASURES = {
    "part": actions.PART, "points": actions.POINTS, "money": actions.MONEY, "risk": actions.RISK, "price": actions.AT_PRICE,
}  # fmt: skip
SIZINGS = {
    "share": actions.OF_SHARE, "units": actions.OF_UNITS, "cash": actions.OF_CASH, "risk": actions.OF_RISK, "volatility": closing.BY_VOLATILITY,
}  # fmt: skip
ORDER_TYPES = {LimitOrder: actions.LIMIT_ORDER, StopOrder: actions.STOP_ORDER, StopLimitOrder: actions.STOP_LIMIT}
UNIT_LEVELS = {"per_unit": actions.PER_UNIT, "from_last": actions.FROM_LAST, "from_average": actions.FROM_AVERAGE}
FOLLOWS = {
    "no": (actions.FIXED, closing.STANDS), "close": (actions.TRAILING, closing.KEEPS_FROM_CLOSE),
    "extreme": (actions.FOLLOWED, closing.KEEPS_FROM_EXTREME), "level": (actions.FOLLOWED, closing.READS_PRICE),
}  # fmt: skip

PATHS = {
    "worst": state.WORST_PATH, "best": state.BEST_PATH, "nearest": state.NEAREST, "high_first": state.HIGH_FIRST, "low_first": state.LOW_FIRST,
}  # fmt: skip


def account_terms(execution: Execution) -> Floats:
    """Return the terms of an account for the book, float64 of shape (state.TERMS,)."""
    terms = np.zeros(state.TERMS)
    for place, value in (
        (state.T_CASH, execution.cash), (state.T_SPREAD, execution.spread), (state.T_FIXED, execution.commission_fixed),
        (state.T_FEE, execution.commission), (state.T_MARGIN, execution.margin), (state.T_PATH, PATHS[execution.path]),
    ):  # fmt: skip
        terms[place] = value
    if execution.limit_fill == "through":
        terms[state.T_TICK] = (execution.tick or 0.01) * execution.fractional_unit
    return terms


@dataclass
class OrderProgram(Program):
    """What the compiled engine runs of a strategy that is not plain; `programs` and below are as in closing.py.

    `watches`: a position has to be looked at at every close. `exits` are the rows of exit rules; `may_enter`, `may_leave` and `may_add` the masks of rules that do not
    ask about the position. `deviations` are the work rows that hold yearly standard deviations, with how many daily returns each is of.
    """

    programs: list[Step] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    plans: list[list[int]] = field(default_factory=list)
    tickets: list[Slot] = field(default_factory=list)
    rule_numbers: list[Slot] = field(default_factory=list)
    exits: list[list[int]] = field(default_factory=list)
    portions: list[Slot] = field(default_factory=list)
    strategy_numbers: list[Slot] = field(default_factory=list)
    may: tuple[list[int], list[int], list[int]] = field(default_factory=lambda: ([], [], []))
    watches: bool = False
    deviations: dict[int, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


class OrderCompiler(Compiler):
    """Writes the program of a strategy that is not plain."""

    program: OrderProgram

    def __init__(self, strategy: CanonicalStrategy, varied: Collection[str] = ()) -> None:
        super().__init__(strategy, varied)
        self.program = OrderProgram()
        self.unit = strategy.execution.fractional_unit
        self.now = strategy.execution.trade_on_close
        self.groups: dict[str, int] = {}

    def compile(self) -> OrderProgram:
        program, strategy = self.program, self.strategy
        self._indicators()
        self._account()
        for i, rule in enumerate(strategy.entry_rules):
            self._entry(i, rule)
            program.names.append(rule.id or f"entry{i + 1}")
        for i, leaving in enumerate(strategy.exit_rules):
            of = [
                rule.side == leaving.side and (not leaving.of or rule.id in leaving.of) for rule in strategy.entry_rules
            ]
            when = self._condition(leaving.when.core(f"exit_rules[{i}].when"), 1)
            now = self.now if leaving.at is None else leaving.at == "close"
            program.exits.append([when, sum(1 << k for k, is_of in enumerate(of) if is_of), now, leaving.repeat])
            program.portions.append(self.number(f"exit_rules[{i}].portion", leaving.portion))
        cooldown = self.number("risk.cooldown_bars", strategy.risk.cooldown_bars)
        program.strategy_numbers = [cooldown, Slot(self.unit), Slot(self.now), Slot(program.watches)]
        program.kinds[broker.AT_CLOSE] = self.now or any(
            isinstance(rule.order, MarketOrder) and rule.order.at == "close" for rule in strategy.entry_rules
        )
        return program

    # Rules -----------------------------------------------------------------------------------

    def _entry(self, i: int, rule: EntryRule) -> None:
        place, risk = f"entry_rules[{i}]", self.strategy.risk_of(rule)
        at_risk = "risk" if rule.risk is None else f"{place}.risk"
        plan = [-1] * closing.PLAN
        ticket = [Slot(float("nan"))] * actions.TICKET
        numbers = [Slot(0.0)] * closing.RULE_NUMBERS
        plan[closing.WHEN] = self._condition(rule.when.core(f"{place}.when"), 0)
        for column, value in (
            (actions.RULE, i), (actions.SIDE, 1 if rule.side == "long" else -1), (actions.ADD_OF, -1),
            (actions.GROUP, 0 if rule.group is None else self.groups.setdefault(rule.group, len(self.groups) + 1)),
            (actions.UNIT_LEVELS, UNIT_LEVELS[risk.unit_levels] if risk.adds else actions.PER_UNIT),
            (actions.MOST_UNITS, 1 + sum(add.most for add in risk.adds)),
        ):  # fmt: skip
            ticket[column] = Slot(float(value))
        self._order(rule, f"{place}.order", plan, ticket, numbers)
        plan[closing.SIZED], numbers[closing.SIZE_NUMBER], plan[closing.DEVIATION] = self._size(
            risk.position_size, f"{at_risk}.position_size"
        )
        numbers[closing.MAX_BARS] = self.number(f"{at_risk}.max_bars", risk.max_bars or 0)
        numbers[closing.MOST_FILLS] = self.number(f"{place}.most_per_session", rule.most_per_session or 0)
        leaves = -1 if risk.session_exit is None else risk.session_exit
        numbers[closing.BEFORE_END] = self.number(f"{at_risk}.session_exit", leaves)
        self.program.watches |= risk.session_exit is not None
        self._stops(risk, at_risk, rule.side, plan, ticket, numbers)
        self._targets(risk, at_risk, rule.side, plan, ticket)
        self._break_even(risk, f"{at_risk}.break_even", rule.side, plan, numbers)
        self._adds(risk, f"{at_risk}.adds", rule.side, plan, ticket)
        self.program.plans.append(plan)
        self.program.tickets += ticket
        self.program.rule_numbers += numbers

    def _order(self, rule: EntryRule, path: str, plan: list[int], ticket: list[Slot], numbers: list[Slot]) -> None:
        order = rule.order
        if order is None or isinstance(order, MarketOrder):
            now = self.now if order is None else order.at == "close"
            ticket[actions.TYPE] = Slot(float(actions.AT_CLOSE if now else actions.MARKET))
            plan[closing.LIFE] = closing.UNTIL_CANCELLED
            return
        assert isinstance(order, WaitingOrder)
        ticket[actions.TYPE] = Slot(float(ORDER_TYPES[type(order)]))
        plan[closing.PRICE_PROGRAM] = self._value(order.price, f"{path}.price")  # type: ignore[attr-defined]
        if isinstance(order, StopLimitOrder):
            plan[closing.LIMIT_PROGRAM] = self._value(order.limit, f"{path}.limit")
        some = closing.SOME_BARS if order.bars else closing.UNTIL_CANCELLED
        plan[closing.LIFE] = closing.THE_SESSION if order.session else some
        numbers[closing.ORDER_BARS] = self.number(f"{path}.bars", order.bars or 0)

    def _size(self, size: AnySize, path: str) -> tuple[int, Slot, int]:
        """Return how an order is sized, its number, and the program of the deviation it is sized by."""
        core_size = size.core(path)
        number = core_size.number
        if size.type == "kelly" and any(varied.startswith(path) for varied in self.varied):
            raise InvalidInput(f"{path}: Kelly's share cannot be varied; vary a share of the equity")
        if isinstance(size, Lots):
            return actions.OF_UNITS, self.number(number.path, size.value, times=size.contract_size), -1
        if core_size.sizing in ("share", "risk", "volatility"):
            slot = self.number(number.path, number.value, over=100)
        else:
            slot = self.number(number.path, number.value)
        deviation = -1
        if core_size.sizing == "volatility":
            self.program.deviations[self.program.work_rows] = core_size.timeperiod
            row = self._int(-1 - self.program.work_rows)
            self.program.work_rows += 1
            deviation = self._program([(closing.PUSH_SERIES, row, self._int(Slot(0.0)))])
        return SIZINGS[core_size.sizing], slot, deviation

    # Levels ----------------------------------------------------------------------------------

    def _level(self, level: AnyLevel, path: str, side: Side) -> tuple[int, Slot, int]:
        """Return what a level is measured by, its number, and the program that multiplies it or is its price."""
        meant = level.core(path)
        measure = MEASURES[meant.measure]
        if isinstance(level, AtrLevel):
            name = f"{path}.atr"
            period = self.number(f"{path}.timeperiod", level.timeperiod)
            self.program.wanted[name] = NeededIndicator(
                make_indicator("ATR", timeperiod=level.timeperiod), {"timeperiod": period}
            )
            steps = [(closing.PUSH_SERIES, self._int(Row(name)), self._int(Slot(0.0)))]
            return measure, self.number(meant.number.path, meant.number.value), self._program(steps)
        if measure == actions.AT_PRICE:
            other = side == "short" and meant.short is not None
            operand = meant.short if other else meant.operand
            assert operand is not None
            return measure, Slot(0.0), self._value(operand, f"{path}.short" if other else f"{path}.price")
        program = -1 if meant.operand is None else self._value(meant.operand, f"{path}.operand")
        over = 100 if measure == actions.PART else 1
        return measure, self.number(meant.number.path, meant.number.value, over=over), program

    def _stops(
        self, risk: Risk, path: str, side: Side, plan: list[int], ticket: list[Slot], numbers: list[Slot]
    ) -> None:
        stops: list[tuple[AnyLevel, str, str, Any]] = []
        if risk.stop_loss:
            stops.append((risk.stop_loss, f"{path}.stop_loss", "no", None))
        stops += [(stop.level, f"{path}.stops[{i}].level", stop.follow, stop) for i, stop in enumerate(risk.stops)]
        if risk.trailing_stop:
            stops.append((risk.trailing_stop, f"{path}.trailing_stop", "close", None))
        for k in range(actions.STOPS):
            at, said = actions.FIRST_STOP + k * actions.STOP_WIDTH, closing.STOP_PLAN + k * closing.STOP_PLAN_WIDTH
            ticket[at + actions.KIND] = Slot(float(actions.NO_STOP))
            ticket[at + actions.MEASURE] = Slot(float(actions.NO_LEVEL))
            ticket[at + actions.AFTER] = Slot(0.0)
            if k >= len(stops):
                continue
            level, place, follow, stop = stops[k]
            measure, ticket[at + actions.NUMBER], plan[said + closing.STOP_PROGRAM] = self._level(level, place, side)
            kind, plan[said + closing.FOLLOWS] = FOLLOWS[follow]
            ticket[at + actions.KIND], ticket[at + actions.MEASURE] = Slot(float(kind)), Slot(float(measure))
            self.program.watches |= follow != "no"
            if stop is not None:
                owner = place.removesuffix(".level")
                ticket[at + actions.AFTER] = self.number(f"{owner}.after_bars", stop.after_bars)
                if stop.after is not None:
                    self.program.watches = True
                    (
                        plan[said + closing.LATER_MEASURE],
                        numbers[closing.LATER + k],
                        plan[said + closing.LATER_PROGRAM],
                    ) = self._level(stop.after, f"{owner}.after", side)

    def _targets(self, risk: Risk, path: str, side: Side, plan: list[int], ticket: list[Slot]) -> None:
        targets: list[tuple[AnyLevel, str, Slot]] = [
            (target.level, f"{path}.targets[{i}].level", self._portion(target.portion, f"{path}.targets[{i}].portion"))
            for i, target in enumerate(risk.targets)
        ]
        if risk.take_profit:
            targets.append((risk.take_profit, f"{path}.take_profit", Slot(float("nan"))))
        for k in range(actions.TARGETS):
            at = actions.FIRST_TARGET + k * actions.TARGET_WIDTH
            measure, number, program, portion = actions.NO_LEVEL, Slot(float("nan")), -1, Slot(float("nan"))
            if k < len(targets):
                measure, number, program = self._level(targets[k][0], targets[k][1], side)
                portion = targets[k][2]
            ticket[at : at + actions.TARGET_WIDTH] = [Slot(float(measure)), number, portion]
            plan[closing.TARGET_PLAN + k] = program
        for k in range(actions.TABLE):
            at = actions.FIRST_ROW + k * actions.TABLE_WIDTH
            after, measure, number = Slot(float("nan")), actions.NO_LEVEL, Slot(float("nan"))
            if k < len(risk.profit_table):
                row, place = risk.profit_table[k], f"{path}.profit_table[{k}]"
                after = self.number(f"{place}.after_bars", row.after_bars)
                measure, number, plan[closing.ROW_PLAN + k] = self._level(row.level, f"{place}.level", side)
            ticket[at : at + actions.TABLE_WIDTH] = [after, Slot(float(measure)), number]

    def _portion(self, portion: float | None, path: str) -> Slot:
        return Slot(float("nan")) if portion is None else self.number(path, portion)

    def _break_even(self, risk: Risk, path: str, side: Side, plan: list[int], numbers: list[Slot]) -> None:
        rule = risk.break_even
        if rule is None:
            return
        self.program.watches = True
        if isinstance(rule.after, TargetReached):
            plan[closing.EVEN_MEASURE] = closing.AFTER_TARGET + rule.after.target - 1
        else:
            plan[closing.EVEN_MEASURE], numbers[closing.EVEN_NUMBER], plan[closing.EVEN_PROGRAM] = self._level(
                rule.after, f"{path}.after", side
            )
        points = 1.0 if rule.unit == "points" else self.strategy.execution.points(Ticks(value=1, unit=rule.unit))
        numbers[closing.EVEN_OFFSET] = self.number(f"{path}.offset", rule.offset, times=points)

    def _adds(self, risk: Risk, path: str, side: Side, plan: list[int], ticket: list[Slot]) -> None:
        for k in range(actions.ADDS):
            at = actions.FIRST_ADD + k * actions.ADD_WIDTH
            ticket[at : at + actions.ADD_WIDTH] = [
                Slot(float(actions.NO_LEVEL)),
                *[Slot(0.0)] * (actions.ADD_WIDTH - 1),
            ]
            if k >= len(risk.adds):
                continue
            add, place, said = risk.adds[k], f"{path}[{k}]", closing.ADD_PLAN + k * closing.ADD_PLAN_WIDTH
            if add.when is not None:
                plan[said + closing.ADD_WHEN] = self._condition(add.when.core(f"{place}.when"), 2)
            if add.every is not None:
                measure, ticket[at + actions.ADD_NUMBER], plan[said + closing.ADD_PROGRAM] = self._level(
                    add.every, f"{place}.every", side
                )
                ticket[at + actions.ADD_MEASURE] = Slot(float(measure))
            ticket[at + actions.DIRECTION] = Slot(1.0 if add.direction == "with" else -1.0)
            ticket[at + actions.MOST] = self.number(f"{place}.most", add.most)
            sizing = actions.OF_FACTOR
            if add.factor is not None:
                number = self.number(f"{place}.factor", add.factor)
            else:
                own = add.size is not None
                size, where = (
                    (add.size, f"{place}.size")
                    if own
                    else (risk.position_size, f"{path.removesuffix('.adds')}.position_size")
                )
                assert size is not None
                sizing, number, plan[said + closing.ADD_DEVIATION] = self._size(size, where)
            ticket[at + actions.SIZING], ticket[at + actions.SIZE_NUMBER] = Slot(float(sizing)), number

    # Programs --------------------------------------------------------------------------------

    def _program(self, steps: list[Step]) -> int:
        """Keep a program; return its number."""
        depth = deepest = 0
        for operation, *_ in steps:
            depth += 1 if operation <= closing.PUSH_POSITION else -1
            deepest = max(deepest, depth)
        if deepest > closing.STACK:
            raise InvalidInput(
                f"A condition or price of {deepest} parts within each other is too deep, at most {closing.STACK} are possible"
            )
        program = self.program
        program.programs += steps
        program.places.append((len(program.programs) - len(steps), len(program.programs)))
        return len(program.places) - 1

    def _condition(self, statement: core.Statement, may: int) -> int:
        """Return the program of a condition; `may` is the place of its masks in OrderProgram.may."""
        if statement.asks_position:
            self.program.watches = True
        else:
            self.program.may[may].append(self._mask(statement)[0])
        return self._program(self._steps(statement))

    def _steps(self, statement: core.Statement) -> list[Step]:
        if not statement.asks_position:
            return [(closing.PUSH_MASK, self._mask(statement)[0], 0)]
        match statement:
            case core.Joined():
                operation = closing.BOTH if statement.word == "and" else closing.EITHER
                steps = self._steps(statement.joined[0])
                for part in statement.joined[1:]:
                    steps += [*self._steps(part), (operation, 0, 0)]
                return steps
            case core.PositionTest():
                limit = self._float(self.number(statement.limit.path, statement.limit.value))
                asked = closing.POSITION_VALUES.index(statement.asked)
                return [
                    (closing.PUSH_POSITION, asked, 0), (closing.PUSH_NUMBER, limit, 0), (closing.COMPARE, KINDS[statement.sign], 0),
                ]  # fmt: skip
            case core.Comparison():
                left, right = statement.left, statement.right
                return [
                    *self._operand_steps(left.operand, left.path, left.back),
                    *self._operand_steps(right.operand, right.path, right.back),
                    (closing.COMPARE, KINDS[statement.sign], 0),
                ]
        raise TypeError(f"cannot ask about the position of another bar: {statement!r}")

    def _value(self, operand: AnyOperand, path: str) -> int:
        """Return the program of a price or a distance."""
        self.program.watches |= any(isinstance(part, PositionRef) for part in walk(operand))
        return self._program(self._operand_steps(operand, path))

    def _operand_steps(self, node: AnyOperand, path: str, back: int = 0) -> list[Step]:
        if isinstance(node, Value):
            return [(closing.PUSH_NUMBER, self._float(self.number(f"{path}.value", node.value)), 0)]
        if isinstance(node, Ticks):
            points = self.strategy.execution.points(Ticks(value=1, unit=node.unit))
            return [(closing.PUSH_NUMBER, self._float(self.number(f"{path}.value", node.value, times=points)), 0)]
        if isinstance(node, PositionRef):
            return [(closing.PUSH_POSITION, closing.POSITION_VALUES.index(node.what), 0)]
        if isinstance(node, Price | IndicatorRef | BarsSince | ValueWhen):
            row, offset, _ = self._operand(node, path, back)
            return [(closing.PUSH_SERIES, row, offset)]
        if isinstance(node, Math):
            operation = masks.FUNCTIONS.index(node.op)
            parts = [self._operand_steps(node.left, f"{path}.left"), self._operand_steps(node.right, f"{path}.right")]
        else:
            assert isinstance(node, Function)
            operation = masks.FUNCTIONS.index(node.name)
            parts = [self._operand_steps(part, f"{path}.operands[{i}]") for i, part in enumerate(node.operands)]
        steps = parts[0]
        for part in parts[1:] or parts:  # abs is that of the first of two
            steps = [*steps, *part, (closing.CALCULATE, operation, 0)]
        return steps
