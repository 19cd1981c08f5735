"""Levels of what was bought: how a signal gives them, and where they are after the fill."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple


def at_least(price: float, level: float) -> bool:
    """Return whether a price is at a level or above it: a High of 105.1 reaches 102.9 + 2.2."""
    return price >= level - 1e-9 * abs(level)


def at_most(price: float, level: float) -> bool:
    """Return whether a price is at a level or below it."""
    return price <= level + 1e-9 * abs(level)


def same(price: float, other: float) -> bool:
    """Return whether two prices are one but for rounding."""
    return at_least(price, other) and at_most(price, other)


def whole(size: float) -> int:
    """Round down to units that can be traded: 29% of 100 is 28.999999999999996 and means 29."""
    return math.floor(size + 1e-9) if math.isfinite(size) else 0


@dataclass(frozen=True)
class Level:
    """Where a stop or a target stands, as far as the signal knows it.

    `number` is in percent of the price of the fill ("part"), in points, in money that the fill
    gains or loses there, in multiples of the risk, or it is the price itself.
    """

    measure: str
    number: float

    def distance(self, size: float, risk: float) -> float:
        """Return how far the level is from what it is measured from, in points."""
        if self.measure == "money":
            return self.number / size
        return self.number * risk if self.measure == "risk" else self.number

    def at(self, price: float, towards: int, size: float, risk: float = math.nan) -> float:
        """Return where the level is, above a price (1) or below it (-1); NaN at or below zero."""
        level = self.number
        if self.measure == "part":
            level = price * (1 + towards * self.number / 100)
        elif self.measure != "price":
            level = price + towards * self.distance(size, risk)
        return level if level > 0 else math.nan


@dataclass(frozen=True)
class Stop:
    """A stop. It may follow the "close", the "extreme" since the fill, or a "level" that moves.

    It works from the open on by which `after_bars` bars have passed, and once `after` is gained.
    """

    level: Level
    follows: str = ""
    after_bars: int = 0
    after: Level | None = None
    reason: str = "stop"


@dataclass(frozen=True)
class Target:
    """A target; `portion` is of the first size, None for all that is left."""

    level: Level
    portion: float | None = None


@dataclass(frozen=True)
class Row:
    """A row of a profit table: a target from the open on by which `after_bars` bars have passed."""

    after_bars: int
    level: Level


@dataclass(frozen=True)
class BreakEven:
    """The stop goes to the fill, `offset` points better, after a gain or after a target's fill."""

    after: Level | int
    offset: float = 0.0


@dataclass(frozen=True)
class Size:
    """How much is bought: `number` "units", a "share" of the equity in percent, units for "cash",
    units that "risk" so many percent of the equity, or a "factor" of the unit before.
    """

    sizing: str
    number: float


@dataclass(frozen=True)
class Add:
    """Further units, at most `most`: where `every` is given, at that distance from the newest fill,
    with the trade (1) or against it (-1).
    """

    number: int
    size: Size
    most: int
    every: Level | None = None
    towards: int = 1


@dataclass(frozen=True, eq=False)
class Plan:
    """All that a signal says of the levels of what it buys, and of further units."""

    stops: tuple[Stop, ...] = ()
    targets: tuple[Target, ...] = ()
    table: tuple[Row, ...] = ()
    break_even: BreakEven | None = None
    max_bars: float = math.inf
    before_end: int = -1
    adds: tuple[Add, ...] = ()
    most_units: int = 1
    unit_levels: str = "per_unit"

    @property
    def possible(self) -> bool:
        """Whether the distances of its levels are there, as an ATR is after its first bars."""
        stops = [stop.level for stop in self.stops if stop.follows != "extreme"]
        levels = (*stops, *(target.level for target in self.targets))
        adds = [add.every for add in self.adds if add.every is not None]
        return all(v.number > 0 for v in (*levels, *adds) if v.measure == "points")

    @property
    def moves(self) -> bool:
        """Whether something of it moves or begins at a close."""
        later = any(stop.follows or stop.after_bars or stop.after for stop in self.stops)
        return later or self.break_even is not None or len(self.table) > 0

    def lines(self, price: float, side: int, size: float, bar: int) -> tuple[Line, ...]:
        """Return where the stops of a fill stand; one that waits for a gain has no price yet."""
        return tuple(
            Line(
                stop.reason,
                stop.level.at(price, -side, size) if stop.after is None else math.nan,
                bar + stop.after_bars,
            )
            for stop in self.stops
        )

    def risk_at(self, price: float, side: int) -> float:
        """Return the points from an order's price to its stop; NaN without a stop on that side."""
        stop = first_stop(self.lines(price, side, math.nan, 0), side, 0)
        wrong = at_least(stop, price) if side > 0 else at_most(stop, price)
        return math.nan if wrong else abs(price - stop)


class Line(NamedTuple):
    """A stop in the book: why it is there, its price and the bar from which on it works."""

    reason: str
    price: float
    begins: int


class Goal(NamedTuple):
    """A target in the book; `size` None takes all that is left."""

    name: str
    price: float
    size: int | None
    filled: bool = False


def nearest(stops: tuple[Line, ...], side: int, bar: int) -> Line | None:
    """Return the stop that counts during a bar: of those that work the nearest to the market."""
    working = [line for line in stops if line.begins <= bar and line.price > 0]
    return max(working, key=lambda line: side * line.price, default=None)


def first_stop(stops: tuple[Line, ...], side: int, bar: int) -> float:
    """Return the stop that the risk is measured to: one that works at the fill, or a later one."""
    line = nearest(stops, side, bar)
    if line is None:
        line = nearest(tuple(later._replace(begins=bar) for later in stops), side, bar)
    return math.nan if line is None else line.price


def tighter(price: float, other: float, side: int) -> float:
    """Return the nearer to the market of two stops, one of which may be missing."""
    known = [level for level in (price, other) if level > 0]
    return max(known, key=lambda level: side * level, default=math.nan)


@dataclass(frozen=True)
class Levels:
    """The levels of one unit, or of all where they share one set (`unit` None).

    `base` is the price they are measured from, `risk` the points to the first stop, `best` the best
    price since the fill: of the bar of a fill that came `late` in it only the close counts. They
    were set for `size` units.
    """

    unit: int | None
    base: float
    size: int
    bar: int
    late: bool
    plan: Plan
    stops: tuple[Line, ...]
    goals: tuple[Goal, ...]
    table: tuple[tuple[int, float], ...]
    risk: float
    best: float = math.nan
    even: bool = False

    @classmethod
    def of(
        cls, plan: Plan, side: int, unit: int | None, base: float, size: int, since: int
    ) -> Levels:
        """Return the levels that a fill sets; bars are counted from `since`."""
        stops = plan.lines(base, side, size, since)
        risk = abs(base - first_stop(stops, side, since))
        alone = len(plan.targets) == 1 and plan.targets[0].portion is None
        complete = sum(1 if t.portion is None else t.portion for t in plan.targets) > 1 - 1e-9
        goals = []
        for number, target in enumerate(plan.targets, start=1):
            price = target.level.at(base, side, size, risk)
            rest = target.portion is None or (complete and number == len(plan.targets))
            part = None if rest else whole(size * (target.portion or 0.0))
            goals.append(Goal("target" if alone else f"target{number}", price, part))
        rows = [
            (since + row.after_bars, row.level.at(base, side, size, risk)) for row in plan.table
        ]
        table = tuple(row for row in rows if row[1] > 0)
        return cls(unit, base, size, since, False, plan, stops, tuple(goals), table, risk)

    def row(self, bar: int) -> float:
        """Return the target of the profit table during a bar, NaN where none has begun."""
        begun = [price for begins, price in self.table if begins <= bar]
        return begun[-1] if begun else math.nan

    def gained(self, gain: Level, side: int) -> bool:
        """Return whether the best price since the fill is so far ahead."""
        level = gain.at(self.base, side, self.size, self.risk)
        return at_least(self.best, level) if side > 0 else at_most(self.best, level)

    def with_best(self, bar: int, side: int, best: float, close: float) -> Levels:
        """Take a bar into the best price since the fill."""
        reached = close if self.late and self.bar == bar else best
        if self.best > 0:
            reached = max(self.best, reached, key=lambda price: side * price)
        return replace(self, best=reached)

    def followed(self, now: Plan, side: int, close: float) -> tuple[Line, ...]:
        """Return the stops as they follow to at a close; `now` is the plan as it would be there."""
        moved = []
        for number, line in enumerate(self.stops):
            to = math.nan
            stop = self.plan.stops[number] if number < len(self.plan.stops) else None
            if stop and (stop.after is None or self.gained(stop.after, side)):
                if stop.follows == "close":
                    to = stop.level.at(close, -side, self.size)
                elif stop.follows:
                    to = now.stops[number].level.at(self.best, -side, self.size)
                elif stop.after and not line.price > 0:
                    to = stop.level.at(self.base, -side, self.size)
            moved.append(line._replace(price=tighter(line.price, to, side)))
        return tuple(moved)

    def evened(self, side: int) -> bool:
        """Return whether the stop goes to break-even at this close."""
        rule = self.plan.break_even
        if rule is None or self.even:
            return False
        if isinstance(rule.after, int):
            return rule.after <= len(self.goals) and self.goals[rule.after - 1].filled
        return self.gained(rule.after, side)
