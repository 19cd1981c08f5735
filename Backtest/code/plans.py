"""The methods of a strategy's class that say where stops, targets and further units stand, and how much is bought."""

from __future__ import annotations

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
    Function,
    IndicatorBase,
    IndicatorRef,
    Kelly,
    Level,
    Lots,
    Math,
    Risk,
    RiskReward,
    Stop,
    TargetReached,
    Ticks,
    VolatilityTarget,
)
from Backtest.code.expressions import LINE, Expressions, laid_out, number

SUFFIX = {"part": "pct", "points": "points", "money": "money", "risk": "r", "price": "price"}
SIZE_NAMES = {"share": "size_pct", "units": "units", "cash": "cash_per_trade", "risk": "risk_pct"}
LONG = 45  # characters of an expression that gets a name of its own


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

    def add_name(self, k: int) -> str:
        return f"{self.prefix}add" if len(self.risk.adds) == 1 else f"{self.prefix}add_{k + 1}"


class Prices:
    """Writes prices and distances of one method; `lines` are those in which what is long gets a name first."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.lines: list[str] = []

    def price(self, operand: AnyOperand, path: str, name: str, local: str) -> str:
        """Return the expression of a price in the units that are traded."""
        text = self.owner.expressions.level(operand, path, name)
        if " " not in text:
            return f"{text} * self.unit" if self.owner.fractional else text
        self._assign(operand, path, name, local)
        if self.owner.fractional:
            self.lines.append(f"{local} *= self.unit")
        return local

    def named(self, text: str, local: str) -> str:
        """Return a name for an expression that is long, else the expression."""
        if len(text) <= LONG:
            return text
        self.lines.append(f"{local} = {text}")
        return local

    def operand(self, operand: AnyOperand, path: str, name: str, local: str) -> str:
        """Return the expression of an operand, a name where it is computed."""
        text = self.owner.expressions.level(operand, path, name)
        if " " not in text:
            return text
        self._assign(operand, path, name, local)
        return local

    def _assign(self, operand: AnyOperand, path: str, name: str, local: str) -> None:
        """Give a price a name, part by part where it is too long for a line."""
        text = self.owner.expressions.level(operand, path, name)
        if 8 + len(local) + 3 + len(text) <= LINE or not isinstance(operand, Math | Function):
            self.lines.append(f"{local} = {text}")
            return
        if isinstance(operand, Math):
            sides = [(operand.left, "left"), (operand.right, "right")]
            left, right = (
                self.operand(part, f"{path}.{side}", f"{name}_offset", f"{local}_{side}") for part, side in sides
            )
            self.lines.append(f"{local} = {self.owner.expressions.computed(operand.op, left, right)}")
            return
        parts = [
            self.operand(part, f"{path}.operands[{i}]", name, f"{local}_{i + 1}")
            for i, part in enumerate(operand.operands)
        ]
        self.lines.append(f"{local} = {self.owner.expressions.function(operand.name, parts)}")

    def scaled(self, text: str) -> str:
        """Return points as quoted in the unit that is traded."""
        return f"{text} * self.unit" if self.owner.fractional else text


def size_text(owner: Owner, size: AnySize, path: str, prefix: str) -> str:
    """Return the expression of a size."""
    found = size.core(path)
    if isinstance(size, Kelly):
        owner.helpers.add("kelly")
        parts = [
            owner.attribute(f"{prefix}kelly_{name}", getattr(size, name), f"{path}.{name}")
            for name in ("chance", "payoff", "cap")
        ]
        return f'Size("share", kelly({", ".join(parts)}))'
    if isinstance(size, VolatilityTarget):
        target = owner.attribute(f"{prefix}volatility_pct", size.value, f"{path}.value")
        return f'Size("cash", self.money_for_volatility({target}, self.deviation_{size.timeperiod}))'
    if isinstance(size, Lots):
        lots = owner.attribute(f"{prefix}lots", size.value, f"{path}.value")
        text = f"{lots} * {owner.attribute(f'{prefix}contract_size', size.contract_size, f'{path}.contract_size')}"
    else:
        text = owner.attribute(f"{prefix}{SIZE_NAMES[found.sizing]}", found.number.value, found.number.path)
    if found.sizing == "units" and owner.fractional:
        text = f"round({text} / self.unit)"
    return f'Size("{found.sizing}", {text})'


def add_size_text(owner: Owner, entry: Named, k: int, add: Add) -> str:
    """Return the expression of the size of a further unit."""
    path = f"{entry.path}.adds[{k}]"
    if add.factor is not None:
        return f'Size("factor", {owner.attribute(f"{entry.add_name(k)}_factor", add.factor, f"{path}.factor")})'
    if add.size is not None:
        return size_text(owner, add.size, f"{path}.size", f"{entry.add_name(k)}_")
    return size_text(owner, entry.risk.position_size, f"{entry.path}.position_size", entry.prefix)


class PlanWriter(Prices):
    """Writes the method that gives the levels of an entry's positions."""

    def __init__(self, owner: Owner, entry: Named) -> None:
        super().__init__(owner)
        self.entry, self.short = entry, entry.rule.side == "short"

    def written(self) -> list[str]:
        """Return the lines of the method's body."""
        entry, risk, path, prefix = self.entry, self.entry.risk, self.entry.path, self.entry.prefix
        given = []
        for word, items in (("stops", self._stops()), ("targets", self._targets()), ("table", self._rows())):
            given += [f"{word}={_tuple(items)}"] if items else []
        if risk.break_even:
            given.append(f"break_even={self._break_even(risk.break_even, f'{path}.break_even')}")
        if risk.max_bars:
            given.append(f"max_bars={self._number(f'{prefix}max_bars', risk.max_bars, f'{path}.max_bars')}")
        if risk.session_exit is not None:
            before = self._number(f"{prefix}session_exit", risk.session_exit, f"{path}.session_exit")
            given.append(f"before_end={before}")
        adds = [self._add(k, add) for k, add in enumerate(entry.risk.adds)]
        given += [f"adds={_tuple(adds)}"] if adds else []
        if risk.adds:
            most = (
                self._number(f"{entry.add_name(k)}_most", a.most, f"{path}.adds[{k}].most")
                for k, a in enumerate(risk.adds)
            )
            given.append(f"most_units=1 + {' + '.join(most)}")
        if risk.adds and risk.unit_levels != "per_unit":
            given.append(f'unit_levels="{risk.unit_levels}"')
        returned = laid_out(f"return Plan({', '.join(given)})", 8)
        return [*self.lines, *returned]

    def _number(self, name: str, value: float, path: str) -> str:
        return self.owner.attribute(name, value, path)

    def _stops(self) -> list[str]:
        risk, path = self.entry.risk, self.entry.path
        stops = []
        if risk.stop_loss:
            stops.append(f"Stop({self._level(risk.stop_loss, f'{path}.stop_loss', 'stop_loss')})")
        stops += [self._stop(stop, f"{path}.stops[{i}]", f"stop_{i + 1}") for i, stop in enumerate(risk.stops)]
        if risk.trailing_stop:
            level = self._level(risk.trailing_stop, f"{path}.trailing_stop", "trailing_stop")
            stops.append(f'Stop({level}, follows="close", reason="trailing_stop")')
        return stops

    def _stop(self, stop: Stop, path: str, name: str) -> str:
        parts = [self._level(stop.level, f"{path}.level", name)]
        if stop.follow != "no":
            parts.append(f'follows="{stop.follow}"')
        if stop.after_bars:
            after = self._number(f"{self.entry.prefix}{name}_after_bars", stop.after_bars, f"{path}.after_bars")
            parts.append(f"after_bars={after}")
        if stop.after is not None:
            parts.append(f"after={self._level(stop.after, f'{path}.after', f'{name}_after')}")
        if stop.follow != "no":
            parts.append('reason="trailing_stop"' if stop.follow == "close" else 'reason="followed"')
        return f"Stop({', '.join(parts)})"

    def _targets(self) -> list[str]:
        risk, path = self.entry.risk, self.entry.path
        targets = []
        if risk.take_profit:
            targets.append(f"Target({self._level(risk.take_profit, f'{path}.take_profit', 'take_profit')})")
        for i, target in enumerate(risk.targets):
            name, where = f"target_{i + 1}", f"{path}.targets[{i}]"
            parts = [self._level(target.level, f"{where}.level", name)]
            if target.portion is not None:
                parts.append(self._number(f"{self.entry.prefix}{name}_portion", target.portion, f"{where}.portion"))
            targets.append(f"Target({', '.join(parts)})")
        return targets

    def _rows(self) -> list[str]:
        rows = []
        for i, row in enumerate(self.entry.risk.profit_table):
            name, where = f"profit_{i + 1}", f"{self.entry.path}.profit_table[{i}]"
            bars = self._number(f"{self.entry.prefix}{name}_after", row.after_bars, f"{where}.after_bars")
            rows.append(f"Row({bars}, {self._level(row.level, f'{where}.level', name)})")
        return rows

    def _add(self, k: int, add: Add) -> str:
        name, path = self.entry.add_name(k), f"{self.entry.path}.adds[{k}]"
        most = self._number(f"{name}_most", add.most, f"{path}.most")
        size = add_size_text(self.owner, self.entry, k, add)
        if add.every is None:
            return f"Add({k}, {size}, {most})"
        every = self._level(add.every, f"{path}.every", f"{name.removeprefix(self.entry.prefix)}_every")
        towards = 1 if add.direction == "with" else -1
        return f"Add({k}, {size}, {most}, {every}, {towards})"

    def _break_even(self, rule: BreakEven, path: str) -> str:
        name = f"{self.entry.prefix}break_even"
        if isinstance(rule.after, TargetReached):
            after = self._number(f"{name}_target", rule.after.target, f"{path}.after.target")
        else:
            after = self._level(rule.after, f"{path}.after", "break_even")
        parts = [after]
        if rule.offset:
            offset = self._number(f"{name}_offset", rule.offset, f"{path}.offset")
            if rule.unit != "points":
                offset += f" * {number(self.owner.strategy.execution.points(Ticks(value=1, unit=rule.unit)))}"
            parts.append(self.scaled(offset))
        return f"BreakEven({', '.join(parts)})"

    def _level(self, level: AnyLevel, path: str, local: str) -> str:
        """Return the expression of a level; its number is kept as a class attribute."""
        found: Level = level.core(path)
        name = f"{self.entry.prefix}{local}"
        operand = found.short if self.short and found.short is not None else found.operand
        if found.measure == "price":
            assert operand is not None
            field = "short" if self.short and found.short is not None else "price"
            return f'Level("price", {self.price(operand, f"{path}.{field}", name, local)})'
        text = self._number(f"{name}_{self._suffix(level, found)}", found.number.value, found.number.path)
        if isinstance(level, AtrLevel):
            text += f" * {self.owner.atr_series(level)}[-1]"
        elif isinstance(operand, Ticks):
            text += f" * {number(self.owner.strategy.execution.points(operand))}"
        elif operand is not None:
            text += f" * {self.operand(operand, f'{path}.operand', name, f'{local}_span')}"
        if found.measure == "points":
            text = self.named(self.scaled(text), local)
        return f'Level("{found.measure}", {text})'

    @staticmethod
    def _suffix(level: AnyLevel, found: Level) -> str:
        if isinstance(level, AtrLevel):
            return "atr"
        if isinstance(level, RiskReward):
            return "r"
        if isinstance(found.operand, Ticks):
            return found.operand.unit
        return SUFFIX[found.measure] if found.operand is None else "multiple"


def _tuple(items: list[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
