"""The writer of Pine scripts.

Rules are those of docs/canonical.md, in the order of "At each close". What Pine decides otherwise is said in the head of the script (`notes`); what it
cannot say is refused with the clause that says it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from Backtest.canonical import (
    WEEKDAYS,
    AnyLevel,
    AnyOperand,
    AtrLevel,
    BarsSince,
    CanonicalStrategy,
    EntryRule,
    Function,
    IndicatorBase,
    IndicatorRef,
    LimitOrder,
    Math,
    PercentLevel,
    PointsLevel,
    Price,
    PriceLevel,
    Risk,
    RiskReward,
    Side,
    Stop,
    StopLimitOrder,
    StopOrder,
    Ticks,
    Value,
    ValueWhen,
    WaitingOrder,
    atr_indicator,
    used_indicators,
)
from Backtest.errors import StrategyError
from Backtest.indicators import PRICE_COLUMNS
from Backtest.meaning import core, plain
from Backtest.pine.dialects import Dialect, Pine
from Backtest.pine.formulas import FORMULAS

MOST_UNROLLED = 20  # bars of a window that are written out
POSITION = {"long": "strategy.position_size > 0", "short": "strategy.position_size < 0"}


@dataclass(frozen=True)
class PineScript:
    """A script, and what is decided otherwise where it runs."""

    text: str
    notes: tuple[str, ...]


def to_pine(strategy: CanonicalStrategy, dialect: Dialect | None = None) -> PineScript:
    """Return a strategy as Pine Script v6.

    Args:
        dialect: another language of the same script.

    Raises:
        StrategyError: it has something that Pine cannot say, or that is not exported: which, by its path.
    """
    return _Writer(strategy, dialect or Pine()).script()


class _Writer:
    def __init__(self, strategy: CanonicalStrategy, dialect: Dialect) -> None:
        self.strategy, self.dialect = strategy, dialect
        self.risk, self.execution = _one_stop(strategy.risk), strategy.execution
        self.body: list[str] = []
        self.notes: list[str] = []
        self.names: dict[tuple[str, str | None], str] = {}
        self.counted = 0

    # The whole -------------------------------------------------------------------------------

    def script(self) -> PineScript:
        self._refuse()
        used = used_indicators(self.strategy)
        for indicator in used:
            self._indicator(indicator)
        ready = [f"not na({name})" for name in self.names.values()]
        self.body.append(
            self.dialect.series("ready", " and ".join(["bar_index >= 1", *ready]) if ready else self.dialect.true)
        )
        for (kind, side), statements in self.strategy.statements().items():
            if statements:
                found = " or ".join(self._bracketed(self._condition(s)) for s in statements)
                self.body.append(self.dialect.series(f"{side}_{kind}", found))
        self._levels()
        self._decide()
        self._note()
        title = re.sub(r"[^\w .%()-]", "", self.strategy.strategy_name)[:60] or "Strategy"
        head = [
            *self.strategy.describe().splitlines(), "", f"Exported by AlgoAgent, sha256 {self.strategy.content_hash()}.", *self.notes,
        ]  # fmt: skip
        return PineScript(self.dialect.script(head, self._settings(), title, self.body), tuple(self.notes))

    def _refuse(self) -> None:
        """Refuse what is not exported, naming its clause."""
        for i, rule in enumerate(self.strategy.entry_rules):
            for name in ("risk", "most_per_session"):
                if getattr(rule, name) is not None:
                    raise _cannot(f"entry_rules[{i}].{name}", "a rule with limits of its own")
            if isinstance(rule.order, WaitingOrder) and rule.order.session:
                raise _cannot(f"entry_rules[{i}].order.session", "an order that ends with its session")
            if rule.order is not None and rule.order.type == "market" and getattr(rule.order, "at", "open") == "close":
                raise _cannot(f"entry_rules[{i}].order", "a market order at this close beside others")
        waiting = [i for i, rule in enumerate(self.strategy.entry_rules) if isinstance(rule.order, WaitingOrder)]
        if waiting and len(self.strategy.entry_rules) > 1:
            raise _cannot(f"entry_rules[{waiting[0]}].order", "an order that waits beside another entry")
        for i, leaving in enumerate(self.strategy.exit_rules):
            if leaving.portion < 1 or leaving.of or leaving.at == "close":
                raise _cannot(f"exit_rules[{i}]", "an exit of a part, of some entries or at this close")
        for name in ("stops", "profit_table", "break_even", "adds"):
            if getattr(self.risk, name):
                raise _cannot(f"risk.{name}", name.replace("_", " "))
        if self.risk.session_exit is not None:
            raise _cannot("risk.session_exit", "an exit before the session ends")
        prices = [isinstance(level, PriceLevel) for level in (self.risk.stop_loss, self.risk.trailing_stop)]
        two_stops = bool(self.risk.stop_loss and self.risk.trailing_stop)
        if any(prices) and self.risk.trailing_stop:
            raise _cannot("risk.trailing_stop", "a trailing stop beside a stop at a price")
        for name, level in self._all_levels():
            if isinstance(level, RiskReward) and (any(prices) or two_stops):
                place = f"risk.targets[{int(name[7:]) - 1}].level" if name.startswith("target_") else f"risk.{name}"
                what = "the nearer of two stops" if two_stops else "a stop at a price, which is known only at the fill,"
                raise _cannot(place, f"a multiple of the distance to {what}")
        if two_stops and self.risk.position_size.type == "risk_percent":
            raise _cannot("risk.position_size", "a size by the distance to the nearer of two stops")
        if waiting and self.execution.path == "worst" and any(self._all_levels()):
            what = "an order that waits, with stops or targets and the worst path within the bar of its fill (the nearer extreme first is TradingView's),"
            raise _cannot("execution.path", what)
        if self.execution.path not in ("worst", "nearest") or self.execution.limit_fill != "touch":
            raise _cannot("execution", "another way within the bar than TradingView's")
        if self.execution.fractional_unit < 1 and self.risk.position_size.type not in ("fixed_units", "lots"):
            raise _cannot("risk.position_size", "sizes in fractions of a unit")
        for indicator in used_indicators(self.strategy):
            if indicator.timeframe:
                raise _cannot(f"indicators: {indicator.id}", "a coarser time frame")

    def _settings(self) -> dict[str, str]:
        execution = self.execution
        settings = {
            "overlay": "true", "initial_capital": plain(execution.cash), "pyramiding": "0",
            "default_qty_type": "strategy.fixed", "default_qty_value": "1", "margin_long": plain(100 * execution.margin),
            "margin_short": plain(100 * execution.margin), "process_orders_on_close": "true" if execution.trade_on_close else "false",
        }  # fmt: skip
        if execution.commission_fixed:
            settings |= {
                "commission_type": "strategy.commission.cash_per_order",
                "commission_value": plain(execution.commission_fixed),
            }
        else:
            settings |= {
                "commission_type": "strategy.commission.percent",
                "commission_value": plain(100 * execution.commission),
            }
        return settings

    def _note(self) -> None:
        """Say what TradingView decides otherwise."""
        risk, execution = self.risk, self.execution
        if execution.path == "worst" and (risk.levels() or risk.targets):
            self.notes.append(
                "In a bar that holds both a stop and a target TradingView takes the extreme nearer to the open first; AlgoAgent takes the stop."
            )
        if any(
            isinstance(level, PercentLevel) for level in [*risk.levels().values(), *(t.level for t in risk.targets)]
        ):
            self.notes.append(
                "On the bar of the entry a level in percent is measured from the close of the signal, from the next bar on from the fill."
            )
        if risk.trailing_stop:
            self.notes.append(
                "On the bar of the entry the trailing stop lies at its distance as it was known at the close of the signal, from the next bar on it starts from the fill."
            )
        if self._computed():
            self.notes.append(
                "Sizes are those at the close of the signal; AlgoAgent takes a share of the equity at the price of the fill."
            )
            self.notes.append(
                "An order for the whole account that is filled dearer than the close of its signal cannot be paid on TradingView, which leaves it out or gives up a part of it at once; AlgoAgent buys what can be paid."
            )
        if execution.spread:
            self.notes.append(
                f"The spread of {plain(100 * execution.spread)}% is left out: Pine has slippage in ticks."
            )
        if execution.commission and execution.commission_fixed:
            self.notes.append(
                f"The commission of {plain(100 * execution.commission)}% is left out: Pine has one commission, here that in money."
            )
        self.notes.append(
            "A trade that is open at the end is closed at the last close by AlgoAgent and stays open on TradingView."
        )

    # Indicators and operands -----------------------------------------------------------------

    def _indicator(self, indicator: IndicatorBase) -> None:
        formula: Callable[..., list[tuple[str, str]]] | None = FORMULAS.get(indicator.name)
        if formula is None:
            raise _cannot(f"indicators: {indicator.id}", f"the indicator {indicator.name}")
        base = re.sub(r"[^a-z0-9]+", "_", indicator.id.lower()).strip("_")
        source = indicator.source_name
        of = "" if source is None else self._column(source) if source in PRICE_COLUMNS else self.names[source, None]
        outputs = indicator.entry.outputs
        found = formula(self.dialect, base, of, **indicator.params)
        lines, values = found[: -len(outputs)], found[-len(outputs) :]
        self.body += [text for _, text in lines]
        for output, (_, expression) in zip(outputs, values, strict=True):
            several = len(outputs) > 1
            name = f"{base}_{output.name}" if several else base
            self.names[indicator.id, output.name if several else None] = name
            self.body.append(self.dialect.series(name, expression))

    @staticmethod
    def _column(name: str) -> str:
        return name.lower()

    def _operand(self, node: AnyOperand, back: int = 0) -> str:
        if isinstance(node, Value):
            return plain(node.value)
        if isinstance(node, Price):
            return self._at(self._column(node.column), node.offset + back)
        if isinstance(node, IndicatorRef):
            return self._at(self.names[node.id, node.output], node.offset + back)
        if isinstance(node, Ticks):
            return plain(self.execution.points(node))
        if isinstance(node, Function):
            parts = [self._operand(part, back) for part in node.operands]
            return f"math.{node.name}({', '.join(parts)})"
        if isinstance(node, Math):
            left, right = self._operand(node.left, back), self._operand(node.right, back)
            if node.op == "/":
                return self.dialect.either(f"{right} == 0", "na", f"{left} / {right}")
            return f"({left} {node.op} {right})"
        what = "what is known of the position"
        if isinstance(node, BarsSince | ValueWhen):
            what = "bars since a condition" if isinstance(node, BarsSince) else "the value when a condition held"
        raise _cannot(f"operand {node.text(self.strategy)!r}", what)

    @staticmethod
    def _at(series: str, back: int) -> str:
        return f"{series}[{back}]" if back else series

    # Conditions ------------------------------------------------------------------------------

    def _condition(self, statement: core.Statement) -> str:
        match statement:
            case core.Joined():
                return f" {statement.word} ".join(self._bracketed(self._condition(part)) for part in statement.joined)
            case core.Comparison():
                return self._compared(statement)
            case core.Window():
                bars = int(statement.bars.value)
                return self._of_bars(statement.inner, bars, bars if statement.word == "all" else 1)
            case core.Count():
                return self._of_bars(statement.inner, int(statement.bars.value), statement.needed())
            case core.Seen():
                return self._seen(statement)
            case core.Clock():
                return self._clock(statement)
            case core.PositionTest():
                return self._asked(statement)
        raise _cannot(f"condition {statement!r}", "this condition")

    @staticmethod
    def _bracketed(text: str) -> str:
        return f"({text})" if " and " in text or " or " in text else text

    def _compared(self, comparison: core.Comparison) -> str:
        left, right = (self._operand(term.operand, term.back) for term in (comparison.left, comparison.right))
        if comparison.sign == "!=":  # both are there and differ
            return f"{left} < {right} or {left} > {right}"
        return f"{left} {comparison.sign} {right}"

    def _of_bars(self, inner: core.Statement, bars: int, least: int) -> str:
        """Return that a statement holds on at least so many of the last bars."""
        if bars <= MOST_UNROLLED and least in (1, bars):
            parts = [self._bracketed(self._condition(inner.ago(k))) for k in range(bars)]
            return (" and " if least == bars else " or ").join(parts)
        one = self.dialect.either(self._condition(inner), "1.0", "0.0")
        return f"math.sum({self._named('held', one)}, {bars}) >= {least}"

    def _seen(self, seen: core.Seen) -> str:
        held = self._named("held", self.dialect.either(self._condition(seen.inner), "1.0", "0.0"))
        name = self._new("bars_since")
        far = str(core.MOST_SEEN + 1)
        lines = [self.dialect.kept(name, far)]
        # The bar before says whether it held there; what makes it forgotten counts on this bar already.
        lines.append(self.dialect.change(name, self.dialect.either(f"nz({held}[1]) > 0", "1.0", f"{name} + 1")))
        lines.append(self.dialect.change(name, self.dialect.either(self._condition(seen.reset), far, name)))
        self.body += lines
        return f"{name} <= {core.MOST_SEEN}" if seen.known else f"{name} > {core.MOST_SEEN}"

    def _clock(self, clock: core.Clock) -> str:
        time, parts = clock.time, list[str]()
        zone = f', "{time.timezone}"' if time.timezone else ""
        stamp = self._at("time", clock.back)
        if time.weekdays:
            numbers = [(list(WEEKDAYS).index(day) + 1) % 7 + 1 for day in time.weekdays]  # Sunday is 1
            parts.append(" or ".join(f"dayofweek({stamp}{zone}) == {number}" for number in numbers))
        if time.start is not None and time.end is not None:
            start, end = (int(t[:2]) * 60 + int(t[3:]) for t in (time.start, time.end))
            minute = f"(hour({stamp}{zone}) * 60 + minute({stamp}{zone}))"
            word = "and" if start < end else "or"
            parts.append(f"{minute} >= {start} {word} {minute} < {end}")
        text = " and ".join(self._bracketed(part) for part in parts)
        return f"not ({text})" if clock.outside else text

    def _asked(self, test: core.PositionTest) -> str:
        held = "bar_index - strategy.opentrades.entry_bar_index(0) + 1"
        gain = self.dialect.either(POSITION["long"], "1", "-1") + " * 100 * (close / strategy.position_avg_price - 1)"
        asked = f"({held})" if test.asked == "bars held" else f"({gain})"
        limit = plain(test.limit.value)
        if test.sign == "!=":
            return f"{asked} < {limit} or {asked} > {limit}"
        return f"{asked} {test.sign} {limit}"

    def _new(self, name: str) -> str:
        self.counted += 1
        return f"{name}_{self.counted}"

    def _named(self, name: str, expression: str) -> str:
        """Give an expression a name of its own, whose earlier values can be asked for."""
        made = self._new(name)
        self.body.append(self.dialect.series(made, expression))
        return made

    # Levels ----------------------------------------------------------------------------------

    def _all_levels(self) -> Iterator[tuple[str, AnyLevel]]:
        yield from self.risk.levels().items()
        yield from ((f"target_{i + 1}", target.level) for i, target in enumerate(self.risk.targets))

    def _levels(self) -> None:
        """Begin the numbers that an entry leaves behind: distances in points, prices, and where the trailing stop is."""
        for name, level in self._all_levels():
            if not isinstance(level, PercentLevel | RiskReward):
                self.body.append(self.dialect.kept(f"{name}_at_signal", "na"))
        if self.risk.trailing_stop:
            self.body.append(self.dialect.kept("trail", "na"))
        if self._computed():
            self.body.append(self.dialect.kept("size", "na"))
        if self._lifetime():
            self.body.append(self.dialect.kept("placed", "na"))

    def _computed(self) -> bool:
        """Return whether sizes are worked out at the signal, so that they can come to nothing."""
        return self.risk.position_size.type not in ("fixed_units", "lots")

    def _lifetime(self) -> int:
        """Return on how many bars an order that waits works, 0 for all; there is no other entry beside it."""
        order = self.strategy.entry_rules[0].order
        return (order.bars or 0) if isinstance(order, WaitingOrder) else 0

    def _at_signal(self, level: AnyLevel, side: Side) -> str:
        """Return what a level is at the close of its signal: a distance in points, or a price."""
        if isinstance(level, AtrLevel):
            return f"{plain(level.multiple)} * {self.names[atr_indicator(self.strategy, level).id, None]}"
        if isinstance(level, PointsLevel):
            points = (
                level.value
                if level.unit == "points"
                else self.execution.points(Ticks(value=level.value, unit=level.unit))
            )
            return plain(points)
        if isinstance(level, PriceLevel):
            return self._operand(level.short if side == "short" and level.short is not None else level.price)
        found = level.core("")
        if found.measure == "points" and found.operand is not None:
            return f"{plain(found.number.value)} * {self._operand(found.operand)}"
        raise _cannot("risk", f"a level in {level.type}")

    def _distance(self, name: str, level: AnyLevel, fill: str, side: Side) -> str:
        """Return how far a level lies from the fill."""
        if isinstance(level, PercentLevel):
            return f"{fill} * {plain(level.value / 100)}"
        if isinstance(level, PriceLevel):
            return f"math.abs({fill} - {name}_at_signal)"
        if isinstance(level, RiskReward):
            first = next(iter(self.risk.levels().items()))
            return f"{plain(level.ratio)} * {self._distance(*first, fill, side)}"
        return f"{name}_at_signal"

    def _price(self, name: str, level: AnyLevel, fill: str, side: Side) -> str:
        if isinstance(level, PriceLevel):
            return f"{name}_at_signal"
        ahead = name.startswith(("take", "target")) == (side == "long")
        return f"({fill} {'+' if ahead else '-'} {self._distance(name, level, fill, side)})"

    def _stop(self, fill: str, side: Side) -> str:
        """Return the nearest stop; empty where there is none."""
        found = [
            self._price(name, level, fill, side) for name, level in self.risk.levels().items() if name == "stop_loss"
        ]
        if self.risk.trailing_stop:
            found.append("trail")
        if len(found) < 2:
            return "".join(found)
        return f"math.{'max' if side == 'long' else 'min'}({', '.join(found)})"

    def _exits(self, fill: str, side: Side) -> list[str]:
        """Return the orders that protect a position from a price on."""
        name, stop = side.capitalize(), self._stop(fill, side)
        if not self.risk.targets:
            target = self.risk.take_profit
            given = [f"stop = {stop}"] if stop else []
            given += [f"limit = {self._price('take_profit', target, fill, side)}"] if target else []
            return [f'strategy.exit("{name} exit", "{name}", {", ".join(given)})'] if given else []
        lines = []
        for i, goal in enumerate(self.risk.targets):
            size = "" if goal.portion is None else f", qty_percent = {plain(100 * goal.portion)}"
            limit = f"limit = {self._price(f'target_{i + 1}', goal.level, fill, side)}"
            protected = f"stop = {stop}, " if stop else ""
            lines.append(f'strategy.exit("{name} target {i + 1}", "{name}", {protected}{limit}{size})')
        return lines

    # Decisions -------------------------------------------------------------------------------

    def _decide(self) -> None:
        dialect, cooldown = self.dialect, self.risk.cooldown_bars
        rested = ""
        if cooldown:
            last = "strategy.closedtrades.exit_bar_index(strategy.closedtrades - 1)"
            rested = f" and (strategy.closedtrades == 0 or bar_index - {last} >= {cooldown})"
        choice: list[str] = []
        sides = self.strategy.sides
        flat: list[str] = []
        for side in sides:
            flat = self._chained(flat, self._enters(side), self._entered(side))
        if bars := self._lifetime():
            name = self.strategy.entry_rules[0].side.capitalize()
            over = f"strategy.position_size == 0 and bar_index - placed >= {bars}"
            self.body += dialect.when(over, [f'strategy.cancel("{name}")'])
        choice = dialect.when(f"ready and strategy.position_size == 0{rested}", flat)
        for side in sides:
            choice = dialect.otherwise(choice, f"ready and {POSITION[side]}", self._held(side))
        self.body += choice

    def _chained(self, before: list[str], condition: str, lines: list[str]) -> list[str]:
        return self.dialect.otherwise(before, condition, lines) if before else self.dialect.when(condition, lines)

    def _enters(self, side: Side) -> str:
        leaves = self.strategy.rules("exit", side)
        return f"{side}_entry" + (f" and not ({side}_exit)" if leaves else "")

    def _held(self, side: Side) -> list[str]:
        """Return what happens at a close in a position: protection first, then ways out, and into the other side."""
        dialect, name = self.dialect, side.capitalize()
        ways = [f"{side}_exit"] if self.strategy.rules("exit", side) else []
        if self.risk.max_bars:
            ways.insert(0, f"bar_index - strategy.opentrades.entry_bar_index(0) + 1 >= {self.risk.max_bars}")
        protect: list[str] = []
        if self.risk.trailing_stop:
            begun, away = (
                self._price("trailing_stop", self.risk.trailing_stop, price, side)
                for price in ("strategy.position_avg_price", "close")
            )
            tighter = "max" if side == "long" else "min"
            so_far = dialect.either("na(trail)", begun, "trail")
            protect.append(dialect.change("trail", f"math.{tighter}({so_far}, {away})"))
        protect += self._exits("strategy.position_avg_price", side)
        if not ways:
            return protect
        other: Side = "short" if side == "long" else "long"
        leave = [f'strategy.close("{name}")']
        if other in self.strategy.sides and not self.risk.cooldown_bars:
            leave = dialect.otherwise(dialect.when(self._enters(other), self._entered(other, leave)), "", leave)
        return [*protect, *dialect.when(" or ".join(ways), leave)]

    def _entered(self, side: Side, instead: list[str] | None = None) -> list[str]:
        """Return the order to enter, with the levels that it leaves behind and its protection on the bar of the fill.

        Args:
            instead: what is done where its size comes to nothing.
        """
        rule = next(rule for rule in self.strategy.entry_rules if rule.side == side)
        name, dialect = side.capitalize(), self.dialect
        lines = [
            dialect.change(f"{name_}_at_signal", self._at_signal(level, side))
            for name_, level in self._all_levels()
            if not isinstance(level, PercentLevel | RiskReward)
        ]
        base = self._order_price(rule)
        if self.risk.trailing_stop:
            lines.append(dialect.change("trail", dialect.nothing))  # it begins at the fill
        if self._lifetime():
            lines.append(dialect.change("placed", "bar_index"))
        size = self._quantity(base, side)
        if self._computed():
            lines.append(dialect.change("size", size))
            size = "size"
        given = [f'"{name}"', f"strategy.{side}", f"qty = {size}", *self._order(rule)]
        orders = [f"strategy.entry({', '.join(given)})", *self._first_exits(base, side)]
        if not self._computed():
            return [*lines, *orders]
        placed = dialect.when("size >= 1", orders)
        return [*lines, *(dialect.otherwise(placed, "", instead) if instead else placed)]

    def _order_price(self, rule: EntryRule) -> str:
        order = rule.order
        return self._operand(order.price) if isinstance(order, LimitOrder | StopOrder | StopLimitOrder) else "close"

    def _order(self, rule: EntryRule) -> list[str]:
        order, given = rule.order, list[str]()
        if isinstance(order, LimitOrder):
            given.append(f"limit = {self._operand(order.price)}")
        elif isinstance(order, StopOrder):
            given.append(f"stop = {self._operand(order.price)}")
        elif isinstance(order, StopLimitOrder):
            given += [f"stop = {self._operand(order.price)}", f"limit = {self._operand(order.limit)}"]
        if rule.group:
            given += [f'oca_name = "{rule.group}"', "oca_type = strategy.oca.cancel"]
        return given

    def _first_exits(self, base: str, side: Side) -> list[str]:
        """Return the protection that goes with the order: in ticks from the fill, as no other is measured from it."""
        name, ticks = side.capitalize(), "syminfo.mintick"
        found: dict[str, str] = {}
        levels = self.risk.levels()
        stops = [self._distance(n, level, base, side) for n, level in levels.items() if n != "take_profit"]
        fixed = [level for n, level in levels.items() if n == "stop_loss" and isinstance(level, PriceLevel)]
        if fixed:
            found["stop"] = "stop_loss_at_signal"
        elif stops:
            nearest = stops[0] if len(stops) == 1 else f"math.min({', '.join(stops)})"
            found["loss"] = f"{nearest} / {ticks}"
        if not self.risk.targets:
            if target := levels.get("take_profit"):
                distance = self._distance("take_profit", target, base, side)
                found["limit" if isinstance(target, PriceLevel) else "profit"] = (
                    "take_profit_at_signal" if isinstance(target, PriceLevel) else f"{distance} / {ticks}"
                )
            given = ", ".join(f"{key} = {value}" for key, value in found.items())
            return [f'strategy.exit("{name} exit", "{name}", {given})'] if found else []
        lines = []
        for i, goal in enumerate(self.risk.targets):
            own = f"target_{i + 1}"
            at = (
                {"limit": f"{own}_at_signal"}
                if isinstance(goal.level, PriceLevel)
                else {"profit": f"{self._distance(own, goal.level, base, side)} / {ticks}"}
            )
            size = {} if goal.portion is None else {"qty_percent": plain(100 * goal.portion)}
            given = ", ".join(f"{key} = {value}" for key, value in {**found, **at, **size}.items())
            lines.append(f'strategy.exit("{name} target {i + 1}", "{name}", {given})')
        return lines

    def _quantity(self, base: str, side: Side) -> str:
        size = self.risk.position_size.core("risk.position_size")
        value = plain(size.number.value)
        # What comes to more than the account is all of it.
        most = f"strategy.equity / ({base} * {plain(self.execution.margin * (1 + self.execution.commission))})"
        match size.sizing:
            case "units":
                return value
            case "share":
                return f"math.floor(strategy.equity * {plain(size.number.value / 100)} / {base})"
            case "cash":
                return f"math.floor(math.min({value} / {base}, {most}))"
            case "risk":
                name, level = next((n, level) for n, level in self.risk.levels().items() if n != "take_profit")
                distance = self._distance(name, level, base, side)
                if isinstance(level, PriceLevel):  # one on the wrong side is no distance, and nothing is bought
                    distance = f"({base} - {name}_at_signal)" if side == "long" else f"({name}_at_signal - {base})"
                risked = f"strategy.equity * {plain(size.number.value / 100)} / ({distance})"
                return self.dialect.either(f"{distance} > 0", f"math.floor(math.min({risked}, {most}))", "0.0")
        raise _cannot("risk.position_size", f"a size by {size.sizing}")


def _one_stop(risk: Risk) -> Risk:
    """Return protection with its only stop as the stop loss, where it is one that neither moves nor begins later."""
    if risk.stop_loss or len(risk.stops) != 1 or risk.stops[0] != Stop(level=risk.stops[0].level):
        return risk
    return risk.model_copy(update={"stop_loss": risk.stops[0].level, "stops": []})


def _cannot(clause: str, what: str) -> StrategyError:
    return StrategyError(
        f"{clause} cannot be exported to Pine Script: {what} is not among what is written there",
        suggestions=["Leave it out for the export, or trade the strategy here"],
    )
