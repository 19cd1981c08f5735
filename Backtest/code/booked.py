"""The class of a strategy whose orders wait, whose stops move, or that holds several units: it trades through a `Book`.

What the file brings along for it is in `runtime/`; this module writes what is the strategy's own: a method a rule, one an order, one for the
levels, and `next`, which says what happens at a close.
"""

from __future__ import annotations

from collections.abc import Iterable

from Backtest.canonical import (
    Add,
    AnyOperand,
    EntryRule,
    ExitRule,
    LimitOrder,
    MarketOrder,
    PositionRef,
    PriceLevel,
    StopLimitOrder,
    StopOrder,
    Ticks,
    VolatilityTarget,
    WaitingOrder,
    walk,
)
from Backtest.code.expressions import laid_out, number, returned
from Backtest.code.plans import Named, Owner, PlanWriter, Prices, add_size_text, size_text
from Backtest.code.position import ASKS, position_methods
from Backtest.meaning import core

TAKEN = {
    "init", "next", "data", "position", "orders", "trades", "closed_trades", "equity", "buy", "sell", "bars", "first_bar", "book", "rules",
    "sessions", "levels", "long_levels", "short_levels", *ASKS, "bars_held", "open_return_pct",
}  # fmt: skip


class Booked:
    """Writes `init`'s lines for the book, the methods of rules, orders and levels, and `next`."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.strategy = owner.strategy
        self.execution = owner.strategy.execution
        self.entries = [self._named(i, rule) for i, rule in enumerate(self.strategy.entry_rules)]
        self.exits = [*enumerate(self.strategy.exit_rules)]
        self.plans: dict[str, list[str]] = {}
        sizes = (part for _, risk in self.strategy.risks() for part in walk(risk) if isinstance(part, VolatilityTarget))
        self.deviations = sorted({size.timeperiod for size in sizes})
        self.by_sessions = bool(self.deviations) or any(self._of_session(entry) for entry in self.entries)
        self.by_sessions |= any(
            isinstance(part, PositionRef) and part.what == "days_held" for part in self.strategy.parts()
        )
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
                    method = entry.add_name(k)
                    when = add.when.core(f"{entry.path}.adds[{k}].when")
                    rules.append(self._condition(method, when, method))
                    orders.append(self._add_order(entry, k, add))
        for i, rule in self.exits:
            name = self._exit_name(i)
            rules.append(self._condition(name, rule.when.core(f"exit_rules[{i}].when"), name))
        plans = [[f"def {name}(self) -> Plan:", *_indent(lines)] for name, lines in self.plans.items()]
        unique = {lines[0]: lines for lines in [*rules, *orders, *plans]}
        asked = self.owner.expressions.asked | ({"money_for_volatility"} if self.deviations else set())
        return [
            *unique.values(),
            *self.owner.expressions.of_bars_ago(),
            *position_methods(asked, fractional=self.owner.fractional),
            self._next(),
        ]

    def _condition(self, name: str, statement: core.Statement, role: str) -> list[str]:
        body = returned(self.owner.expressions.condition(statement, role=role), 8)
        return [f"def {name}(self) -> bool:", *_indent(body)]

    def init_lines(self) -> list[str]:
        """Return the lines of `init` that make the book and name the rules."""
        lines = []
        if self.by_sessions:
            self.owner.helpers.add("periods")
            lines.append('self.sessions, _ = periods(self.data.df, "1d", "1D")')
        for days in self.deviations:
            self.owner.helpers.add("yearly_deviation")
            lines.append(f"self.deviation_{days} = yearly_deviation(self.data.df, self.sessions, {days})")
        options = ["self"]
        if self.execution.path != "worst":
            options.append(f'path="{self.execution.path}"')
        if self.execution.limit_fill == "through":
            tick = number(self.execution.points(Ticks(value=1)))
            options.append(f"beyond={Prices(self.owner).scaled(tick)}")
        lines.append(f"self.book = Book({', '.join(options)})")
        given = ["self.book", f"[{', '.join(self._entry(entry) for entry in self.entries)}]"]
        if self.exits:
            given.append(f"[{', '.join(self._exit(i, rule) for i, rule in self.exits)}]")
        if cooldown := self.strategy.risk.cooldown_bars:
            given.append(f"cooldown={self.owner.attribute('cooldown_bars', cooldown, 'risk.cooldown_bars')}")
        if self.by_sessions:
            given.append("sessions=self.sessions")
        if self.execution.trade_on_close:
            given.append("at_close=True")
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
                name = entry.add_name(k)
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

    # Orders ----------------------------------------------------------------------------------

    def _order(self, entry: Named) -> list[str]:
        rule, path = entry.rule, f"entry_rules[{entry.number}].order"
        side = 1 if rule.side == "long" else -1
        prices, options = Prices(self.owner), [f"rule={entry.number}"]
        lines = prices.lines
        order = rule.order
        if isinstance(order, LimitOrder | StopOrder | StopLimitOrder):
            self._priced(prices, order.price, f"{path}.price", entry.name, "price")
            tests = ["price > 0"]
            options = [f'type="{order.type}"', "price=price"]
            if isinstance(order, StopLimitOrder):
                self._priced(prices, order.limit, f"{path}.limit", f"{entry.name}_limit", "limit")
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
        size = size_text(self.owner, entry.risk.position_size, f"{entry.path}.position_size", entry.prefix)
        given = [f'"{entry.order}"', '"entry"', str(side), f"self.{self._plan(entry)}()", size, *options]
        returns = "Order | None" if isinstance(order, WaitingOrder) else "Order"
        return [
            f"def {entry.name}_order(self) -> {returns}:",
            *_indent([*lines, *laid_out(f"return Order({', '.join(given)})", 8)]),
        ]

    def _add_order(self, entry: Named, k: int, add: Add) -> list[str]:
        side = 1 if entry.rule.side == "long" else -1
        size = add_size_text(self.owner, entry, k, add)
        given = ['"add"', '"add"', str(side), f"self.{self._plan(entry)}()", size]
        if self.execution.trade_on_close:
            given.append("at_close=True")
        given += [f"rule={entry.number}"] if entry.number else []
        given += [f"add={k}"]
        name = f"{entry.add_name(k)}_order_of_{entry.name}"
        return [f"def {name}(self) -> Order:", *_indent(laid_out(f"return Order({', '.join(given)})", 8))]

    @staticmethod
    def _priced(prices: Prices, operand: AnyOperand, path: str, name: str, local: str) -> None:
        """Write the lines that give a price of an order its name."""
        text = prices.price(operand, path, name, local)
        if text != local:
            prices.lines.append(f"{local} = {text}")

    def _plan(self, entry: Named) -> str:
        """Return the name of the method that gives the levels of a rule's positions."""
        sided = any(isinstance(part, PriceLevel) and part.short is not None for part in walk(entry.risk))
        name = f"{entry.prefix}{entry.rule.side}_levels" if sided and not entry.prefix else f"{entry.prefix}levels"
        if name not in self.plans:
            self.plans[name] = PlanWriter(self.owner, entry).written()
        return name

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
