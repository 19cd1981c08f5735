"""What waits and what is held: orders, units, their levels, and the account they belong to.

Everything here is frozen: what a fill changes is a new account. The search over paths (path.py) can so keep an account, try
one way, and go back to it. Two accounts that differ in their events alone are equal, since the events say how an account came about and not what it will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tests.oracle.prices import Side, Trade
from tests.oracle.strategy import EntryRule, OrderType, StopKind

Phase = Literal["open", "within", "close"]
Event = Mapping[str, Any]
START_CASH = 100_000.0


@dataclass(frozen=True)
class Moment:
    """Where the price stands: the number of the bar, the part of the bar, and the price."""

    bar: int
    at: Phase
    price: float


@dataclass(frozen=True)
class Order:
    """An order that waits.

    `size` None is worked out at the fill: a share of the equity (entry, add) or the whole position (exit). `listed` is the place of its rule in
    the strategy, `number` counts the orders as they were placed. A stop-limit that is `triggered` is a limit at `limit`.
    `set_within` is the bar within which an add's level was set, by a fill there.
    """

    name: str
    role: Literal["entry", "add", "exit"]
    trade: Trade
    type: OrderType
    size: int | None
    signal_bar: int
    number: int
    listed: int = 0
    price: float | None = None
    limit: float | None = None
    works_until: int | None = None
    rule: EntryRule | None = None
    reason: str = ""
    triggered: bool = False
    set_within: int | None = None


@dataclass(frozen=True)
class Unit:
    """What one entry or add has bought: its name (u1, u2, ...), the price paid, and how much of it is left (`size`)."""

    name: str
    fill: float
    first_size: int
    size: int


@dataclass(frozen=True)
class StopLine:
    """One stop of a bracket. `price` is None until it starts; it works from the open of the bar `works_from` on."""

    kind: StopKind
    price: float | None
    works_from: int


@dataclass(frozen=True)
class Target:
    """`size` None takes all that is left; `price` None is left out, since it lies at zero or has no R."""

    name: str
    price: float | None
    size: int | None
    filled: bool = False


@dataclass(frozen=True)
class TableRow:
    price: float
    works_from: int


@dataclass(frozen=True)
class Bracket:
    """The levels of one unit, or of the whole position where all units share one set (`unit` None).

    `base` is the price that distances are measured from, `initial_risk` is R in points. `extreme` is the favourable extreme since the fill on
    `fill_bar`; where `close_only` is set, that bar counts with its close alone, since its high may be older than the fill.
    """

    unit: str | None
    base: float
    fill_bar: int
    close_only: bool
    initial_risk: float | None
    stops: tuple[StopLine, ...]
    targets: tuple[Target, ...]
    table: tuple[TableRow, ...]
    extreme: float | None = None
    broke_even: bool = False


@dataclass(frozen=True)
class Position:
    """One position: units of one side that came from one entry rule.

    `bought` counts the units it has ever had (they are named by it), `since` is the bar of its first fill, `last_fill` the price of its newest. `acted` are the numbers of
    the partial exit rules that have acted on it.
    """

    rule: EntryRule
    since: int
    bought: int = 0
    last_fill: float = 0.0
    units: tuple[Unit, ...] = ()
    brackets: tuple[Bracket, ...] = ()
    acted: frozenset[int] = frozenset()

    @property
    def side(self) -> Side:
        return self.rule.side

    @property
    def size(self) -> int:
        return sum(unit.size for unit in self.units)

    @property
    def average(self) -> float:
        """Give the average price paid for what is open."""
        return sum(unit.fill * unit.size for unit in self.units) / self.size

    def unit_size(self, name: str | None) -> int:
        """Give what is left of a unit, or of all units where none is named."""
        return sum(unit.size for unit in self.units if name in (None, unit.name))


@dataclass(frozen=True)
class Account:
    """Cash, the position, the waiting orders, and the events so far. `last_equity` is that of the last close."""

    cash: float = START_CASH
    position: Position | None = None
    orders: tuple[Order, ...] = ()
    last_exit_bar: int | None = None
    last_equity: float = START_CASH
    numbered: int = field(default=0, compare=False)
    events: tuple[Event, ...] = field(default=(), compare=False)

    def tell(self, moment: Moment, do: str, **fields: Any) -> Account:
        """Add an event; fields that are None are left out."""
        known = {name: value for name, value in fields.items() if value is not None}
        return replace(self, events=(*self.events, {"bar": moment.bar, "at": moment.at, "do": do, **known}))

    def with_order(self, order: Order) -> Account:
        return replace(self, orders=(*self.orders, order), numbered=self.numbered + 1)

    def without_order(self, order: Order) -> Account:
        return replace(self, orders=tuple(other for other in self.orders if other is not order))

    def cancel(self, moment: Moment, order: Order, reason: str) -> Account:
        return self.without_order(order).tell(moment, "cancelled", order=order.name, reason=reason)
