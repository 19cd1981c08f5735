"""The class of a strategy whose orders wait, whose stops move, or that holds several units: it trades through a `Book`.

What the file brings along for it is in `runtime/`; this module writes what is the strategy's own: a method a rule, one an order, one for the
levels, and `next`, which says what happens at a close.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from Backtest.canonical import (
    Add,
    AnyLevel,
    AnyOperand,
    AnySize,
    AtrLevel,
    BreakEven,
    CanonicalStrategy,
    EntryRule,
    ExitRule,
    IndicatorBase,
    IndicatorRef,
    Kelly,
    Level,
    LimitOrder,
    Lots,
    MarketOrder,
    PriceLevel,
    Risk,
    RiskReward,
    Stop,
    StopLimitOrder,
    StopOrder,
    TargetReached,
    Ticks,
    VolatilityTarget,
    WaitingOrder,
    walk,
)
from Backtest.code.expressions import Expressions, laid_out, number, returned
from Backtest.meaning import core

SUFFIX = {"part": "pct", "points": "points", "money": "money", "risk": "ratio", "price": "price"}
SIZE_NAMES = {"share": "size_pct", "units": "units", "cash": "cash_per_trade", "risk": "risk_pct"}
ASKS = {
    "bars held": '''
def bars_held(self) -> float:
    """Return the age of the position in bars, the entry bar being 1; NaN when flat."""
    return len(self.data) - self.book.since if self.book.units else math.nan
''',
    "unrealized return": '''
def open_return_pct(self) -> float:
    """Return the position's return at this close in percent of what it cost; NaN when flat."""
    return self.book.side * 100 * (self.data.Close[-1] / self.book.average() - 1)
''',
    "highest": '''
def highest(self) -> float:
    """Return the highest High since the entry; NaN when flat."""
    first = self.book.entry()
    if first is None:
        return math.nan
    late = first.bar + first.late
    return max([PRICE.Close[first.bar], *PRICE.High[late:]])
''',
    "lowest": '''
def lowest(self) -> float:
    """Return the lowest Low since the entry; NaN when flat."""
    first = self.book.entry()
    if first is None:
        return math.nan
    late = first.bar + first.late
    return min([PRICE.Close[first.bar], *PRICE.Low[late:]])
''',
    "entry_price": '''
def entry_price(self) -> float:
    """Return the price of the first fill of the position; NaN when flat."""
    first = self.book.entry()
    return math.nan if first is None else first.base
''',
    "risk": '''
def risk(self) -> float:
    """Return the points from the first fill to its first stop; NaN when flat."""
    first = self.book.entry()
    return math.nan if first is None else first.risk
''',
    "signal_bar": '''
def signal_bar(self, prices: np.ndarray) -> float:
    """Return a price of the bar of the position's signal; NaN when flat."""
    return math.nan if self.book.entry() is None else prices[self.book.signal]
''',
}
TAKEN = {
    "init", "next", "data", "position", "orders", "trades", "closed_trades", "equity", "buy", "sell", "bars", "first_bar", "book", "rules",
    "sessions", "levels", "long_levels", "short_levels", *ASKS, "bars_held", "open_return_pct",
}  # fmt: skip


class Owner(Protocol):
    """The generator, as far as the class needs it."""

    strategy: CanonicalStrategy
    fractional: bool
    helpers: set[str]
    methods: set[str]
    used: list[IndicatorBase]
    expressions: Expressions

    def attribute(self, name: str, value: float, path: str) -> str: ...
    def series_names(self) -> set[str]: ...
    def atr_series(self, level: AtrLevel) -> str: ...
    def price(self, column: str) -> str: ...
    def series(self, ref: IndicatorRef) -> str: ...


@dataclass(frozen=True)
class Named:
    """An entry rule with the name of its method and its order, the risk of its positions and where that stands."""

    number: int
    rule: EntryRule
    name: str
    order: str
    risk: Risk
    path: str
    prefix: str


class Booked:
    """Writes `init`'s lines for the book, the methods of rules, orders and levels, and `next`."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.strategy = owner.strategy
        self.execution = owner.strategy.execution
        self.entries = [self._named(i, rule) for i, rule in enumerate(self.strategy.entry_rules)]
        self.exits = [*enumerate(self.strategy.exit_rules)]
        self.plans: dict[str, list[str]] = {}
        self.by_sessions = any(self._of_session(entry) for entry in self.entries)
        methods = {entry.name for entry in self.entries} | {self._exit_name(i) for i, _ in self.exits}
        owner.methods = TAKEN | methods | {f"{name}_order" for name in methods} | {f"{name}_levels" for name in methods}

    def _named(self, i: int, rule: EntryRule) -> Named:
        same = [j for j, other in enumerate(self.strategy.entry_rules) if other.side == rule.side and not other.id]
        place = same.index(i) + 1 if i in same else 0
        own_name = f"{rule.id}_rule" if rule.id and rule.id in TAKEN | {"unit"} | self.owner.series_names() else rule.id
        name = own_name or (f"{rule.side}_entry" if place == 1 else f"{rule.side}_entry_{place}")
        own = rule.risk is not None
        path = f"entry_rules[{i}].risk" if own else "risk"
        return Named(
            i, rule, name, rule.id or f"entry{i + 1}", self.strategy.risk_of(rule), path, f"{name}_" if own else ""
        )

    def _exit_name(self, i: int) -> str:
        rule = self.strategy.exit_rules[i]
        same = [j for j, other in self.exits if other.side == rule.side]
        return f"{rule.side}_exit" if len(same) == 1 else f"{rule.side}_exit_{same.index(i) + 1}"

    def _of_session(self, entry: Named) -> bool:
        order = entry.rule.order
        by_order = isinstance(order, WaitingOrder) and order.session
        return bool(by_order or entry.rule.most_per_session or entry.risk.session_exit is not None)

    # Methods ---------------------------------------------------------------------------------

    def methods(self) -> list[list[str]]:
        """Return the methods as lines without indentation."""
        rules, orders = [], []
        for entry in self.entries:
            rules.append(
                self._condition(entry.name, entry.rule.when.core(f"entry_rules[{entry.number}].when"), entry.name)
            )
            orders.append(self._order(entry))
            for k, add in enumerate(entry.risk.adds):
                if add.when is not None:
                    method = self._add_name(entry, k)
                    when = add.when.core(f"{entry.path}.adds[{k}].when")
                    rules.append(self._condition(method, when, method))
                    orders.append(self._add_order(entry, k, add))
        for i, rule in self.exits:
            name = self._exit_name(i)
            rules.append(self._condition(name, rule.when.core(f"exit_rules[{i}].when"), name))
        plans = [[f"def {name}(self) -> Plan:", *_indent(lines)] for name, lines in self.plans.items()]
        unique = {lines[0]: lines for lines in [*rules, *orders, *plans]}
        return [*unique.values(), *self._asked(), self._next()]

    def _condition(self, name: str, statement: core.Statement, role: str) -> list[str]:
        body = returned(self.owner.expressions.condition(statement, role=role), 8)
        return [f"def {name}(self) -> bool:", *_indent(body)]

    def _asked(self) -> list[list[str]]:
        """Return the methods that say what conditions and levels ask of the position."""
        asked = self.owner.expressions.asked
        prices = "self.data.Raw" if self.owner.fractional else "self.data."
        methods = []
        for name, text in ASKS.items():
            if name in asked:
                lines = text.strip().replace("PRICE.", prices)
                if self.owner.fractional:
                    lines = re.sub(r"(first\.(?:base|risk))", r"\1 / self.unit", lines)
                methods.append(lines.splitlines())
        return methods

    def init_lines(self) -> list[str]:
        """Return the lines of `init` that make the book and name the rules."""
        lines = []
        if self.by_sessions:
            self.owner.helpers.add("periods")
            lines.append('self.sessions, _ = periods(self.data.df, "1d", "1D")')
        options = ["self"]
        if self.execution.path != "worst":
            options.append(f'path="{self.execution.path}"')
        if self.execution.limit_fill == "through":
            tick = number(self.execution.points(Ticks(value=1)))
            options.append(f"beyond={self._scaled(tick)}")
        lines.append(f"self.book = Book({', '.join(options)})")
        given = ["self.book", f"[{', '.join(self._entry(entry) for entry in self.entries)}]"]
        if self.exits:
            given.append(f"[{', '.join(self._exit(i, rule) for i, rule in self.exits)}]")
        if cooldown := self.strategy.risk.cooldown_bars:
            given.append(f"cooldown={self.owner.attribute('cooldown_bars', cooldown, 'risk.cooldown_bars')}")
        if self.by_sessions:
            given.append("sessions=self.sessions")
        return [*lines, *laid_out(f"self.rules = Rules({', '.join(given)})", 8)]

    def _entry(self, entry: Named) -> str:
        rule = entry.rule
        side = 1 if rule.side == "long" else -1
        parts = [f'"{entry.order}"', str(side), f"self.{entry.name}", f"self.{entry.name}_order"]
        parts.append(f"self.{self._plan(entry)}")
        if self._at_close(rule):
            parts.append("at_close=True")
        if isinstance(rule.order, WaitingOrder):
            parts.append("market=False")
        if rule.most_per_session:
            most = self.owner.attribute(
                f"{entry.name}_most", rule.most_per_session, f"entry_rules[{entry.number}].most_per_session"
            )
            parts.append(f"most={most}")
        adds = []
        for k, add in enumerate(entry.risk.adds):
            if add.when is not None:
                name = self._add_name(entry, k)
                most = self.owner.attribute(f"{name}_most", add.most, f"{entry.path}.adds[{k}].most")
                adds.append(f"Further({k}, self.{name}, self.{name}_order_of_{entry.name}, {most})")
        if adds:
            parts.append(f"adds={_tuple(adds)}")
        return f"Entry({', '.join(parts)})"

    def _exit(self, i: int, rule: ExitRule) -> str:
        parts = [f'"exit{i + 1}"', "1" if rule.side == "long" else "-1", f"self.{self._exit_name(i)}"]
        if rule.portion < 1:
            portion = self.owner.attribute(f"{self._exit_name(i)}_portion", rule.portion, f"exit_rules[{i}].portion")
            parts.append(f"portion={portion}")
        if rule.at == "close" or (rule.at is None and self.execution.trade_on_close):
            parts.append("at_close=True")
        if rule.of:
            numbers = [str(entry.number) for entry in self.entries if entry.rule.id in rule.of]
            parts.append(f"of={_tuple(numbers)}")
        if rule.repeat:
            parts.append("repeat=True")
        return f"Exit({', '.join(parts)})"

    def _at_close(self, rule: EntryRule) -> bool:
        if rule.order is None:
            return self.execution.trade_on_close
        return isinstance(rule.order, MarketOrder) and rule.order.at == "close"

    def _add_name(self, entry: Named, k: int) -> str:
        return f"{entry.prefix}add" if len(entry.risk.adds) == 1 else f"{entry.prefix}add_{k + 1}"

    # Orders ----------------------------------------------------------------------------------

    def _order(self, entry: Named) -> list[str]:
        rule, path = entry.rule, f"entry_rules[{entry.number}].order"
        side = 1 if rule.side == "long" else -1
        lines, options = [], [f"rule={entry.number}"]
        order = rule.order
        if isinstance(order, LimitOrder | StopOrder | StopLimitOrder):
            lines.append(f"price = {self._price(order.price, f'{path}.price', entry.name)}")
            tests = ["price > 0"]
            options = [f'type="{order.type}"', "price=price"]
            if isinstance(order, StopLimitOrder):
                lines.append(f"limit = {self._price(order.limit, f'{path}.limit', f'{entry.name}_limit')}")
                tests.append("limit > 0")
                options.append("limit=limit")
            lines += [f"if not ({' and '.join(tests)}):" if len(tests) > 1 else "if not price > 0:", "    return None"]
            if order.bars:
                bars = self.owner.attribute(f"{entry.name}_waits", order.bars, f"{path}.bars")
                options.append(f"last=len(self.data) - 1 + {bars}")
            if order.session:
                lines.append("session = self.sessions[len(self.data)]")
                options.append('last=np.searchsorted(self.sessions, session, side="right") - 1')
            if entry.number:
                options.append(f"rule={entry.number}")
        elif not entry.number:
            options = []
        if self._at_close(rule):
            options.insert(0, "at_close=True")
        if rule.group:
            options.append(f'group="{rule.group}"')
        size = self._size(entry.risk.position_size, f"{entry.path}.position_size", entry.prefix)
        given = [f'"{entry.order}"', '"entry"', str(side), f"self.{self._plan(entry)}()", size, *options]
        returns = "Order | None" if isinstance(order, WaitingOrder) else "Order"
        return [
            f"def {entry.name}_order(self) -> {returns}:",
            *_indent([*lines, *laid_out(f"return Order({', '.join(given)})", 8)]),
        ]

    def _add_order(self, entry: Named, k: int, add: Add) -> list[str]:
        side = 1 if entry.rule.side == "long" else -1
        size = self._add_size(entry, k, add)
        given = ['"add"', '"add"', str(side), f"self.{self._plan(entry)}()", size]
        if self.execution.trade_on_close:
            given.append("at_close=True")
        given += [f"rule={entry.number}"] if entry.number else []
        given += [f"add={k}"]
        name = f"{self._add_name(entry, k)}_order_of_{entry.name}"
        return [f"def {name}(self) -> Order:", *_indent(laid_out(f"return Order({', '.join(given)})", 8))]

    def _price(self, operand: AnyOperand, path: str, name: str) -> str:
        text = self.owner.expressions.level(operand, path, name)
        return self._scaled(text)

    def _scaled(self, text: str) -> str:
        """Return a price as quoted in the unit that is traded."""
        if not self.owner.fractional:
            return text
        return f"({text}) * self.unit" if " " in text else f"{text} * self.unit"

    # Sizes -----------------------------------------------------------------------------------

    def _size(self, size: AnySize, path: str, prefix: str) -> str:
        found = size.core(path)
        if isinstance(size, Kelly):
            self.owner.helpers.add("kelly")
            parts = [
                self.owner.attribute(f"{prefix}kelly_{name}", getattr(size, name), f"{path}.{name}")
                for name in ("chance", "payoff", "cap")
            ]
            return f'Size("share", kelly({", ".join(parts)}))'
        if isinstance(size, VolatilityTarget):
            self.owner.helpers.add("yearly_deviation")
            target = self.owner.attribute(f"{prefix}volatility_pct", size.value, f"{path}.value")
            days = self.owner.attribute(f"{prefix}volatility_days", size.timeperiod, f"{path}.timeperiod")
            return f'Size("cash", self.equity * {target} / 100 / yearly_deviation(self.data, {days}))'
        if isinstance(size, Lots):
            lots = self.owner.attribute(f"{prefix}lots", size.value, f"{path}.value")
            text = f"{lots} * {self.owner.attribute(f'{prefix}contract_size', size.contract_size, f'{path}.contract_size')}"
        else:
            text = self.owner.attribute(f"{prefix}{SIZE_NAMES[found.sizing]}", found.number.value, found.number.path)
        if found.sizing == "units" and self.owner.fractional:
            text = f"round({text} / self.unit)"
        return f'Size("{found.sizing}", {text})'

    def _add_size(self, entry: Named, k: int, add: Add) -> str:
        path = f"{entry.path}.adds[{k}]"
        if add.factor is not None:
            factor = self.owner.attribute(f"{self._add_name(entry, k)}_factor", add.factor, f"{path}.factor")
            return f'Size("factor", {factor})'
        if add.size is not None:
            return self._size(add.size, f"{path}.size", f"{self._add_name(entry, k)}_")
        return self._size(entry.risk.position_size, f"{entry.path}.position_size", entry.prefix)

    # Levels ----------------------------------------------------------------------------------

    def _plan(self, entry: Named) -> str:
        """Return the name of the method that gives the levels of a rule's positions."""
        sided = any(isinstance(part, PriceLevel) and part.short is not None for part in walk(entry.risk))
        side = entry.rule.side
        name = f"{entry.prefix}{side}_levels" if sided and not entry.prefix else f"{entry.prefix}levels"
        if name not in self.plans:
            self.plans[name] = []
            self.plans[name] = self._plan_lines(entry, short=side == "short")
        return name

    def _plan_lines(self, entry: Named, *, short: bool) -> list[str]:
        risk, path, prefix = entry.risk, entry.path, entry.prefix
        stops = []
        if risk.stop_loss:
            stops.append(f"Stop({self._level(risk.stop_loss, f'{path}.stop_loss', f'{prefix}stop_loss', short)})")
        for i, stop in enumerate(risk.stops):
            stops.append(self._stop(stop, f"{path}.stops[{i}]", f"{prefix}stop_{i + 1}", short))
        if risk.trailing_stop:
            level = self._level(risk.trailing_stop, f"{path}.trailing_stop", f"{prefix}trailing_stop", short)
            stops.append(f'Stop({level}, follows="close", reason="trailing_stop")')
        targets = []
        if risk.take_profit:
            targets.append(
                f"Target({self._level(risk.take_profit, f'{path}.take_profit', f'{prefix}take_profit', short)})"
            )
        for i, target in enumerate(risk.targets):
            name, where = f"{prefix}target_{i + 1}", f"{path}.targets[{i}]"
            parts = [self._level(target.level, f"{where}.level", name, short)]
            if target.portion is not None:
                parts.append(self.owner.attribute(f"{name}_portion", target.portion, f"{where}.portion"))
            targets.append(f"Target({', '.join(parts)})")
        rows = []
        for i, row in enumerate(risk.profit_table):
            name, where = f"{prefix}profit_{i + 1}", f"{path}.profit_table[{i}]"
            bars = self.owner.attribute(f"{name}_after", row.after_bars, f"{where}.after_bars")
            rows.append(f"Row({bars}, {self._level(row.level, f'{where}.level', name, short)})")
        adds = [self._add(entry, k, add, short) for k, add in enumerate(risk.adds) if add.every is not None]
        given = []
        for word, items in (("stops", stops), ("targets", targets), ("table", rows)):
            given += [f"{word}={_tuple(items)}"] if items else []
        if risk.break_even:
            given.append(f"break_even={self._break_even(risk.break_even, f'{path}.break_even', prefix, short)}")
        if risk.max_bars:
            given.append(f"max_bars={self.owner.attribute(f'{prefix}max_bars', risk.max_bars, f'{path}.max_bars')}")
        before_end = risk.session_exit
        if before_end is not None:
            given.append(
                f"before_end={self.owner.attribute(f'{prefix}session_exit', before_end, f'{path}.session_exit')}"
            )
        given += [f"adds={_tuple(adds)}"] if adds else []
        if risk.adds:
            given.append(f"most_units={1 + sum(add.most for add in risk.adds)}")
        if risk.unit_levels != "per_unit":
            given.append(f'unit_levels="{risk.unit_levels}"')
        return laid_out(f"return Plan({', '.join(given)})", 8)

    def _stop(self, stop: Stop, path: str, name: str, short: bool) -> str:
        parts = [self._level(stop.level, f"{path}.level", name, short)]
        if stop.follow != "no":
            parts.append(f'follows="{stop.follow}"')
        if stop.after_bars:
            parts.append(
                f"after_bars={self.owner.attribute(f'{name}_after_bars', stop.after_bars, f'{path}.after_bars')}"
            )
        if stop.after is not None:
            parts.append(f"after={self._level(stop.after, f'{path}.after', f'{name}_after', short)}")
        if stop.follow != "no":
            parts.append('reason="followed"')
        return f"Stop({', '.join(parts)})"

    def _add(self, entry: Named, k: int, add: Add, short: bool) -> str:
        assert add.every is not None
        name, path = self._add_name(entry, k), f"{entry.path}.adds[{k}]"
        most = self.owner.attribute(f"{name}_most", add.most, f"{path}.most")
        every = self._level(add.every, f"{path}.every", f"{name}_every", short)
        towards = 1 if add.direction == "with" else -1
        return f"Add({k}, {self._add_size(entry, k, add)}, {most}, {every}, {towards})"

    def _break_even(self, rule: BreakEven, path: str, prefix: str, short: bool) -> str:
        name = f"{prefix}break_even"
        if isinstance(rule.after, TargetReached):
            after = self.owner.attribute(f"{name}_target", rule.after.target, f"{path}.after.target")
        else:
            after = self._level(rule.after, f"{path}.after", name, short)
        parts = [after]
        if rule.offset:
            offset = self.owner.attribute(f"{name}_offset", rule.offset, f"{path}.offset")
            if rule.unit != "points":
                offset += f" * {number(self.execution.points(Ticks(value=1, unit=rule.unit)))}"
            parts.append(self._scaled(offset))
        return f"BreakEven({', '.join(parts)})"

    def _level(self, level: AnyLevel, path: str, name: str, short: bool) -> str:
        found: Level = level.core(path)
        operand = found.short if short and found.short is not None else found.operand
        if found.measure == "price":
            assert operand is not None
            field = "short" if short and found.short is not None else "price"
            return f'Level("price", {self._price(operand, f"{path}.{field}", name)})'
        suffix = SUFFIX[found.measure]
        if isinstance(level, AtrLevel):
            suffix = "atr"
        elif isinstance(level, RiskReward):
            suffix = "r"
        elif isinstance(operand, Ticks):
            suffix = operand.unit
        elif operand is not None:
            suffix = "multiple"
        text = self.owner.attribute(f"{name}_{suffix}", found.number.value, found.number.path)
        if isinstance(level, AtrLevel):
            text += f" * {self.owner.atr_series(level)}[-1]"
        elif isinstance(operand, Ticks):
            text += f" * {number(self.execution.points(operand))}"
        elif operand is not None:
            inner = self.owner.expressions.level(operand, f"{path}.operand", name)
            text += f" * ({inner})" if re.search(r" [-+*/] ", inner) else f" * {inner}"
        if found.measure == "points":
            text = self._scaled(text)
        return f'Level("{found.measure}", {text})'

    # Decisions -------------------------------------------------------------------------------

    @staticmethod
    def _next() -> list[str]:
        lines = [
            "if len(self.data) <= self.first_bar:",
            "    return",
            "book, rules = self.book, self.rules",
            "book.close_comes()",
            "firing = rules.leave_now()",
            "if len(self.data) == self.bars:",
            "    book.end()  # no bar is left to fill an order",
            "    return",
            "rules.move_levels()",
            "book.expire()",
            "book.count()",
            "leaving = rules.leave(firing)",
            "rules.enter(leaving)",
            "book.count()",
        ]
        return ["def next(self) -> None:", *_indent(lines)]


def _tuple(items: list[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]
