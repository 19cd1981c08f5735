"""What a strategy does at one close, of nothing but what is known there: no clock, no prices before or after it.

`decide` is the rules of "At each close" and "Orders" of docs/canonical.md. The generated code and the compiled engine have
them in forms of their own, and a property test holds the three equal to the last bit.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from Backtest.canonical import (
    AtrLevel,
    CanonicalStrategy,
    FixedCash,
    FixedUnits,
    Kind,
    LevelName,
    PercentLevel,
    PercentOfEquity,
    RiskPercent,
    RiskReward,
    Side,
)
from Backtest.errors import ExecutionError

Action = Literal["none", "enter", "exit", "reverse"]
Reason = Literal[
    "warming_up",  # the indicators have no values yet
    "last_bar",  # no bar is left to fill an order
    "held",  # no exit holds
    "max_bars",  # the position is as old as it may get
    "exit_rule",
    "cooldown",  # the last exit is too recent
    "no_entry",  # no entry holds, or an exit of its side holds as well
    "entry_rule",
    "no_distance",  # a stop or target in ATR is at no distance, so nothing is ordered
    "less_than_one_unit",  # the size comes to nothing, so nothing is ordered
]
Truths = Mapping[tuple[Kind, Side], bool]
FULL = 1 - sys.float_info.epsilon  # backtesting.py's share for all of the equity


@dataclass(frozen=True)
class Distance:
    """How far a level is from a price: a part of it, or points."""

    part: float | None
    points: float = 0.0

    def level(self, price: float, direction: int) -> float:
        """Return the level above (1) or below (-1) a price."""
        return price + direction * self.points if self.part is None else price * (1 + direction * self.part)


@dataclass(frozen=True)
class Levels:
    """The stops and the target of a trade, as distances from the price of its fill."""

    distances: Mapping[LevelName, Distance]

    def stop(self, price: float, side: Side) -> float:
        """Return the nearest stop at a price; NaN where there is none."""
        away = -1 if side == "long" else 1
        found = [distance.level(price, away) for name, distance in self.distances.items() if name != "take_profit"]
        return away * min((away * level for level in found), default=math.nan)

    def target(self, price: float, side: Side) -> float:
        """Return the target at a price; NaN where there is none."""
        distance = self.distances.get("take_profit")
        return distance.level(price, 1 if side == "long" else -1) if distance else math.nan

    def trailed(self, close: float, side: Side, stop: float | None) -> float | None:
        """Return where a close moves the trailing stop to; None where the stop in force stays, as it only tightens."""
        distance = self.distances.get("trailing_stop")
        if distance is None:
            return None
        away = -1 if side == "long" else 1
        level = distance.level(close, away)
        if stop is not None:
            level = away * min(away * level, away * stop)
        return level if level > 0 and level != stop else None


@dataclass(frozen=True)
class Position:
    """The open position at a close.

    `bars_held` counts the entry bar as 1. `levels` are those of the order that opened it, `stop` is the one in force.
    """

    side: Side
    bars_held: int
    levels: Levels | None = None
    stop: float | None = None


@dataclass(frozen=True)
class Account:
    """What there is at a close, and the bars since the last exit, None before the first. An equity that nobody knows is NaN."""

    equity: float
    bars_since_exit: int | None = None


@dataclass(frozen=True)
class Bar:
    """The bar that closes.

    Args:
        close: in the units that are traded, as are distances.
        atr: the ATR at this close of each level that is measured by it.
        warming_up: it is before the first bar that is judged.
        last: no bar follows.
    """

    close: float
    atr: Mapping[LevelName, float]
    warming_up: bool = False
    last: bool = False


@dataclass(frozen=True)
class Decision:
    """What goes out at a close.

    `side` is that of the position that is entered or, for an exit, left. `size` is of the order to enter, in the units that are
    traded, below 1 a share of the equity; 0 where nothing can be ordered, which the last of the `reasons` says, and NaN for
    an equity that nobody knows. `levels` are those of that order. `stop` is where the trailing stop of the open position is moved
    to, None where it stays.
    """

    action: Action
    side: Side | None
    reasons: tuple[Reason, ...]
    size: float = 0.0
    levels: Levels | None = None
    stop: float | None = None


def decide(
    strategy: CanonicalStrategy, truths: Truths, position: Position | None, account: Account, bar: Bar
) -> Decision:
    """Return what a strategy does at a close.

    Args:
        truths: whether a rule of a kind and side is known to hold, (`entry`, `long`) and the others.
        position: None when flat.

    Raises:
        ExecutionError: an order would have no possible size, its stop being at its price.
    """
    if bar.warming_up:
        return Decision("none", None, ("warming_up",))
    if position is not None:
        return _held(strategy, truths, position, account, bar)
    if bar.last:
        return Decision("none", None, ("last_bar",))
    if cooldown_left(strategy, account) > 0:
        return Decision("none", None, ("cooldown",))
    for side in strategy.sides:
        if _enters(truths, side):
            return _entry(strategy, side, account, bar)
    return Decision("none", None, ("no_entry",))


def cooldown_left(strategy: CanonicalStrategy, account: Account) -> int:
    """Return for how many bars, this one counted, there is no entry after the last exit; 0 or less when there may be."""
    since = account.bars_since_exit
    return 0 if since is None else strategy.risk.cooldown_bars - since


def _held(strategy: CanonicalStrategy, truths: Truths, position: Position, account: Account, bar: Bar) -> Decision:
    limit, side = strategy.risk.max_bars, position.side
    levels = None if bar.last else position.levels
    stop = levels.trailed(bar.close, side, position.stop) if levels else None
    reason: Reason = "max_bars" if limit and position.bars_held >= limit else "exit_rule"
    if reason == "exit_rule" and not truths["exit", side]:
        return Decision("none", None, ("held",), stop=stop)
    other: Side = "short" if side == "long" else "long"
    turns = other in strategy.sides and not strategy.risk.cooldown_bars and not bar.last
    if turns and _enters(truths, other):
        return replace(_entry(strategy, other, account, bar, reason), action="reverse", stop=stop)
    return Decision("exit", side, (reason,), stop=stop)


def _enters(truths: Truths, side: Side) -> bool:
    return truths["entry", side] and not truths["exit", side]


def _entry(strategy: CanonicalStrategy, side: Side, account: Account, bar: Bar, *before: Reason) -> Decision:
    reasons: tuple[Reason, ...] = (*before, "entry_rule")
    levels = _levels(strategy, bar)
    if levels is None:
        return Decision("enter", side, (*reasons, "no_distance"))
    size = _size(strategy, levels.stop(bar.close, side), account, bar)
    if not size:
        return Decision("enter", side, (*reasons, "less_than_one_unit"))
    return Decision("enter", side, reasons, size, levels)


def _levels(strategy: CanonicalStrategy, bar: Bar) -> Levels | None:
    """Return the levels of an order; None where one in ATR is at no distance."""
    found: dict[LevelName, Distance] = {}
    for name, level in strategy.risk.levels().items():
        if isinstance(level, PercentLevel):
            found[name] = Distance(level.value / 100)
        elif isinstance(level, AtrLevel):
            points = level.multiple * bar.atr[name] * strategy.execution.fractional_unit
            if not points > 0:
                return None
            found[name] = Distance(None, points)
        elif isinstance(level, RiskReward):
            found[name] = _multiple(strategy, level.ratio, found)
    return Levels(found)


def _multiple(strategy: CanonicalStrategy, ratio: float, found: Mapping[LevelName, Distance]) -> Distance:
    """Return a multiple of the distance of the stop, the fixed one where there are two."""
    first = strategy.risk.stop_loss or strategy.risk.trailing_stop
    if isinstance(first, PercentLevel):
        return Distance(first.value * ratio / 100)
    return Distance(None, next(iter(found.values())).points * ratio)


def _size(strategy: CanonicalStrategy, stop: float, account: Account, bar: Bar) -> float:
    """Return the size of an order; 0 where it comes to less than one unit."""
    size, execution = strategy.risk.position_size, strategy.execution
    if isinstance(size, PercentOfEquity):
        return size.value / 100 if size.value < 100 else FULL
    if isinstance(size, FixedUnits):
        unit = execution.fractional_unit
        return float(round(size.value / unit)) if unit < 1 else size.value
    if math.isnan(account.equity):
        return math.nan
    if isinstance(size, FixedCash):
        units = float(size.value // bar.close)
    elif not isinstance(size, RiskPercent):
        raise TypeError(f"not a size of version 1: {size!r}")
    elif stop == bar.close:
        raise ExecutionError(f"An order has no possible size: its stop is at its price, {stop:g}")
    else:
        units = float(math.floor(account.equity * size.value / 100 / abs(bar.close - stop)))
    limit = account.equity if execution.margin == 1 else account.equity / execution.margin
    return units if units * bar.close < limit else FULL
