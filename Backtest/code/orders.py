"""The part of the generated class that places orders and moves their levels."""

from __future__ import annotations

from typing import Protocol

from Backtest.canonical import (
    AtrLevel,
    CanonicalStrategy,
    FixedCash,
    FixedUnits,
    LevelName,
    PercentLevel,
    PercentOfEquity,
    RiskPercent,
    RiskReward,
    Side,
)
from Backtest.code.expressions import call, number


class Owner(Protocol):
    """The generator, as far as orders need it."""

    strategy: CanonicalStrategy
    fractional: bool
    helpers: set[str]

    def attribute(self, name: str, value: float, path: str) -> str: ...
    def atr_series(self, level: AtrLevel) -> str: ...


class Orders:
    """Writes `enter_long`, `enter_short`, `position_size`, `protect` and `trail_stop`."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.strategy = owner.strategy
        self.risk = owner.strategy.risk
        self.sides = owner.strategy.sides
        self.levels = self.risk.levels()
        self.stops = [name for name in self.levels if name != "take_profit"]

    def methods(self) -> list[list[str]]:
        """Return the methods as lines without indentation."""
        sizing = self._position_size()
        methods = [sizing] if sizing else []
        methods += [self._enter(side) for side in self.sides]
        if self.levels:
            methods.append(self._protect())
        if "trailing_stop" in self.levels:
            methods.append(self._trail_stop())
        return methods

    # Levels --------------------------------------------------------------------------------

    def _number(self, name: LevelName) -> str:
        level = self.levels[name]
        if isinstance(level, PercentLevel):
            return self.owner.attribute(f"{name}_pct", level.value, f"risk.{name}.value")
        if isinstance(level, AtrLevel):
            return self.owner.attribute(f"{name}_atr", level.multiple, f"risk.{name}.multiple")
        assert isinstance(level, RiskReward)
        return self.owner.attribute("risk_reward", level.ratio, "risk.take_profit.ratio")

    def _level(self, name: LevelName, price: str, side: Side | None) -> str:
        """Return the expression of a level at its distance from a price."""
        away = name == "take_profit"
        sign = "+" if away == (side == "long") else "-"
        if side is None:
            sign = "+ side *" if away else "- side *"
        level = self.levels[name]
        base = self.stops[0] if isinstance(level, RiskReward) else name
        ratio = f" * {self._number(name)}" if isinstance(level, RiskReward) else ""
        if isinstance(self.levels[base], AtrLevel):
            return f"{price} {sign} self.{base}_distance{ratio}"
        return f"{price} * (1 {sign} {self._number(base)}{ratio} / 100)"

    def _may_be_negative(self, name: LevelName, side: Side | None) -> bool:
        level = self.levels[name]
        base = self.levels[self.stops[0]] if isinstance(level, RiskReward) else level
        wrong_side = "short" if name == "take_profit" else "long"
        return (isinstance(base, AtrLevel) or isinstance(level, RiskReward)) and side in (None, wrong_side)

    def _checked(self, text: str, side: Side | None, *names: LevelName) -> str:
        if any(self._may_be_negative(n, side) for n in names):
            self.owner.helpers.add("positive")
            return f"positive({text})"
        return text

    # Entries -------------------------------------------------------------------------------

    def _enter(self, side: Side) -> list[str]:
        order = "buy" if side == "long" else "sell"
        size = self.risk.position_size
        lines: list[str] = []
        if isinstance(size, FixedCash | RiskPercent):
            lines.append("price = self.data.Close[-1]")
        lines += self._distances()
        if isinstance(size, PercentOfEquity | FixedUnits):
            lines.append(f"self.{order}({self._plain_size(size)})")
        else:
            given = "price"
            if isinstance(size, RiskPercent):
                given = "price, stop"
                lines += self._nearest("stop", [self._level(name, "price", side) for name in self.stops], side)
            lines += [f"size = self.position_size({given})", "if size:", f"    self.{order}(size=size)"]
        return [f"def enter_{side}(self) -> None:", *_indent(lines)]

    def _plain_size(self, size: PercentOfEquity | FixedUnits) -> str:
        if isinstance(size, FixedUnits):
            units = self.owner.attribute("units", size.value, "risk.position_size.value")
            return f"size=round({units} / self.unit)" if self.owner.fractional else f"size={units}"
        if size.value < 100:
            return f"size={self.owner.attribute('size_pct', size.value, 'risk.position_size.value')} / 100"
        return ""

    def _nearest(self, name: str, levels: list[str], side: Side | None) -> list[str]:
        """Return the lines that put the level nearest to the market into a variable."""
        if len(levels) == 1:
            return [f"{name} = {levels[0]}"]
        nearest = {"long": "max", "short": "min", None: "nearest"}[side]
        lines = ["nearest = max if trade.is_long else min"] if side is None else []
        return [*lines, *call(f"{name} = {nearest}(", levels, 12)]

    def _distances(self) -> list[str]:
        lines = []
        for name, level in self.levels.items():
            if isinstance(level, AtrLevel):
                unit = " * self.unit" if self.owner.fractional else ""
                value = f"{self._number(name)} * {self.owner.atr_series(level)}[-1]{unit}"
                lines += [f"self.{name}_distance = {value}", f"if not self.{name}_distance > 0:", "    return"]
        return lines

    def _position_size(self) -> list[str]:
        size = self.risk.position_size
        if isinstance(size, FixedCash):
            cash = self.owner.attribute("cash_per_trade", size.value, "risk.position_size.value")
            what, formula, arguments = f"what {size.value:g} in cash buys", f"int({cash} // price)", "price: float"
        elif isinstance(size, RiskPercent):
            percent = self.owner.attribute("risk_pct", size.value, "risk.position_size.value")
            what, arguments = f"that lose {size.value:g}% of the equity at the stop", "price: float, stop: float"
            formula = f"int(self.equity * {percent} / 100 / abs(price - stop))"
        else:
            return []
        lines = [f'"""Return the units {what}, within the equity."""', f"units = {formula}"]
        lines += [
            "if not units:",
            '    warnings.warn(f"time={len(self.data) - 1}: no order, less than one unit", stacklevel=2)',
        ]
        margin = self.strategy.execution.margin
        limit = "self.equity" if margin == 1 else f"self.equity / {number(margin)}"
        lines.append(f"return units if units * price < {limit} else 1 - sys.float_info.epsilon")
        return [f"def position_size(self, {arguments}) -> float:", *_indent(lines)]

    # Open trades ---------------------------------------------------------------------------

    def _protect(self) -> list[str]:
        side = self.sides[0] if len(self.sides) == 1 else None
        lines = [] if side else ["side = 1 if trade.is_long else -1"]
        for order, names in (("sl", self.stops), ("tp", [n for n in self.levels if n == "take_profit"])):
            if not names:
                continue
            levels = [self._level(name, "trade.entry_price", side) for name in names]
            checked = any(self._may_be_negative(n, side) for n in names)
            if len(levels) == 1 and not checked:
                lines.append(f"trade.{order} = {levels[0]}")
                continue
            what = "stop" if order == "sl" else "target"
            lines += self._nearest(what, levels, side)
            lines.append(f"trade.{order} = {self._checked(what, side, *names)}")
        return [
            "def protect(self, trade: Trade) -> None:",
            '    """Set the levels of a trade that was filled, measured from the price of the fill."""',
            *_indent(lines),
        ]

    def _trail_stop(self) -> list[str]:
        side = self.sides[0] if len(self.sides) == 1 else None
        lines = [] if side else ["side = 1 if trade.is_long else -1"]
        lines.append(f"stop = {self._level('trailing_stop', 'self.data.Close[-1]', side)}")
        nearest = {"long": "max", "short": "min", None: "(max if trade.is_long else min)"}[side]
        lines += ["if trade.sl:", f"    stop = {nearest}(stop, trade.sl)"]
        test = "stop > 0 and trade.sl != stop" if self._may_be_negative("trailing_stop", side) else "trade.sl != stop"
        lines += [f"if {test}:", "    trade.sl = stop"]
        return [
            "def trail_stop(self) -> None:",
            '    """Tighten the trailing stop at this close; it never moves away from the market."""',
            "    for trade in self.trades:",
            *_indent(_indent(lines)),
        ]


def _indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
