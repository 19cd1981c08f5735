"""Orders, what they have bought, and what is told to backtesting.py's broker."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from Backtest.code.runtime.levels import Goal, Line, Plan, Size, at_least, at_most


@dataclass(frozen=True)
class Order:
    """An order: of an entry rule, an add or an exit (`role`), to buy (`side` 1) or to sell (-1).

    `rule` is the number of the entry rule, `add` that of its add, `signal` the bar of the signal,
    `last` the last bar on which the order works, `units` its size where only the fill does not tell
    it. A stop-limit that is `triggered` rests at its limit. The level of an add is `set_in` a bar
    where a fill within that bar sets it.
    """

    name: str
    role: str
    side: int
    plan: Plan
    size: Size
    type: str = "market"
    at_close: bool = False
    price: float = math.nan
    limit: float = math.nan
    last: float = math.inf
    group: str = ""
    rule: int = 0
    signal: int = 0
    units: int | None = None
    number: int = 0
    add: int = -1
    reason: str = ""
    triggered: bool = False
    set_in: int = -1


class Unit(NamedTuple):
    """What one order has bought: so much at `first`, and `size` of it left.

    `add` is the number of the add that has bought it, -1 for an entry.
    """

    number: int
    name: str
    price: float
    first: int
    size: int
    add: int


class Fill(NamedTuple):
    """What the broker is told: units of a unit, at a price, with the levels they had.

    Of a fixed commission it pays a `part`, and `bought` is that of the fill that bought them.
    """

    unit: int
    size: int
    price: float
    stop: float = math.nan
    target: float = math.nan
    part: float = 1.0
    bought: float = 1.0


class Waiting(NamedTuple):
    """What a price may fill: reached at `trigger`, filled at `level`, at one price by `rank`."""

    rank: tuple[int, ...]
    trigger: float
    level: float
    rises: bool
    what: Order | Line | Goal | float
    place: int

    def reached(self, price: float) -> bool:
        """Return whether a price fills it."""
        return at_least(price, self.trigger) if self.rises else at_most(price, self.trigger)
