"""What fills at a price, in which order, and what each fill does at once."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

from Backtest.code.runtime.account import Account
from Backtest.code.runtime.levels import (
    Goal,
    Levels,
    Line,
    at_least,
    at_most,
    nearest,
    same,
    tighter,
)
from Backtest.code.runtime.orders import Fill, Order, Unit, Waiting


class Fills(Account):
    """Fills what a price reaches."""

    def settle(self) -> None:
        """Fill all that the price has reached, one after the other: each fill sets new levels."""
        for _ in range(10_000):
            reached = next((item for item in self.waiting() if item.reached(self.price)), None)
            if reached is None:
                return
            self.fill(reached)
        raise RuntimeError(f"bar {self.bar}: orders and their levels follow each other without end")

    def waiting(self) -> list[Waiting]:
        """Return what waits, in the order in which it is filled at one price."""
        found = [self._order(order) for order in self.orders]
        for place, levels in enumerate(self.levels):
            found += self._protection(levels, place)
        return sorted(found, key=lambda item: item.rank)

    def _order(self, order: Order) -> Waiting:
        kind = "limit" if order.triggered else order.type
        level = order.limit if order.triggered else order.price
        rises = (order.side > 0) == (kind != "limit")
        if order.role == "exit":
            rank: tuple[int, ...] = (0, order.number)
        elif self.at == "open":
            rank = (3, int(order.role == "add"), order.rule, order.number)
        else:
            rank = (3, order.number)
        if kind == "market":
            level = math.inf if not rises else -math.inf
        trigger = self._beyond(level, rises) if kind == "limit" else level
        return Waiting(rank, trigger, level, rises, order, -1)

    def _protection(self, levels: Levels, place: int) -> list[Waiting]:
        ahead, found = self.side > 0, []
        stop = nearest(levels.stops, self.side, self.bar)
        if stop is not None:
            found.append(Waiting((1, place), stop.price, stop.price, not ahead, stop, place))
        for number, goal in enumerate(levels.goals):
            if goal.price > 0 and not goal.filled and goal.size != 0:
                trigger = self._beyond(goal.price, ahead)
                found.append(Waiting((2, place, number), trigger, goal.price, ahead, goal, place))
        row = levels.row(self.bar)
        if row > 0:
            rank = (2, place, len(levels.goals))
            found.append(Waiting(rank, self._beyond(row, ahead), row, ahead, row, place))
        return found

    def _beyond(self, level: float, rises: bool) -> float:
        """Return the price that fills a limit: a tick beyond it where it must be traded through."""
        return level + self.beyond if rises else level - self.beyond

    def fill(self, item: Waiting) -> None:
        """Fill what a price has reached: at its level, or at the price where that is beyond it."""
        arrived = self.at == "within" and same(self.price, item.trigger)
        price, what = item.level if arrived else self.price, item.what
        if isinstance(what, Order):
            if what.role != "exit":
                self.reach(what, price)
                return
            self.orders = tuple(other for other in self.orders if other is not what)
            size = self.size() if what.units is None else min(what.units, self.size())
            self.sell_out(price, size, what.name, what.reason)
            return
        levels = self.levels[item.place]
        size, name, reason, target = self.size(levels.unit), "stop", "target", math.nan
        if isinstance(what, Line):
            reason = what.reason
        elif isinstance(what, Goal):
            size, name, target = min(what.size or size, size), what.name, what.price
            goals = tuple(g._replace(filled=True) if g is what else g for g in levels.goals)
            self._put(item.place, replace(levels, goals=goals))
        else:
            name, target = "target", what
        self.sell_out(price, size, name, reason, levels.unit, target)

    def _put(self, place: int, levels: Levels) -> None:
        self.levels = (*self.levels[:place], levels, *self.levels[place + 1 :])

    def sell_out(
        self,
        price: float,
        size: int,
        name: str,
        reason: str,
        unit: int | None = None,
        target: float = math.nan,
    ) -> None:
        """Close so many units at a price, the oldest first, of one unit or of all."""
        trade = "sell" if self.side > 0 else "buy"
        told = next((u.name for u in self.units if unit == u.number or len(self.units) == 1), None)
        self.tell(
            "filled", order=name, side=trade, price=price, size=size, reason=reason, unit=told
        )
        self.cash -= self.fixed
        left, units = size, []
        for held in self.units:
            taken = min(left, held.size) if unit in (None, held.number) else 0
            if taken:
                left -= taken
                self.cash += self.side * taken * (price - held.price) - taken * price * self.fee
                rows, parts = self._of(held, target), (taken / size, taken / held.first)
                self.fills += (Fill(held.number, -self.side * taken, price, *rows, *parts),)
            if held.size > taken:
                units.append(held._replace(size=held.size - taken))
        self.units = tuple(units)
        names = {None, *(held.number for held in units)}
        self.levels = tuple(levels for levels in self.levels if levels.unit in names)
        if not units:
            self._gone()

    def _of(self, held: Unit, target: float) -> tuple[float, float]:
        """Return stop and target of a unit, NaN where there is none."""
        levels = next((every for every in self.levels if every.unit in (None, held.number)), None)
        if levels is None:
            return math.nan, target
        stop = nearest(levels.stops, self.side, self.bar)
        goals = [g.price for g in levels.goals if g.price > 0 and not g.filled and g.size != 0]
        goals.append(levels.row(self.bar))
        return math.nan if stop is None else stop.price, target if target > 0 else goals[0]

    def _gone(self) -> None:
        """Cancel what can only act on a position."""
        self.side, self.levels, self.last_exit = 0, (), self.bar
        for order in self.orders:
            if order.role == "exit" or (order.role == "add" and order.type == "market"):
                self.cancel(order, "position_closed")
        self.orders = tuple(order for order in self.orders if order.role == "entry")

    def reach(self, order: Order, price: float) -> None:
        """Fill an entry or add, or let a stop-limit rest whose limit does not allow the price."""
        within = at_most if order.side > 0 else at_least
        if order.type == "stop_limit" and not order.triggered and not within(price, order.limit):
            rests = replace(order, triggered=True)
            self.orders = tuple(rests if other is order else other for other in self.orders)
            self.tell("triggered", order=order.name, limit=order.limit)
            return
        self.enter(order, price)

    def enter(self, order: Order, price: float) -> None:
        """Buy a unit, or sell it short; an entry of the other side closes the position first."""
        spread = 0.0 if order.type in ("limit", "stop_limit") else self.spread
        paid = price * (1 + order.side * spread)
        before = self
        if self.side == -order.side:
            before = copy.copy(self)
            self.sell_out(price, self.size(), order.name, "reverse")
        size = self.payable(order, paid)
        if size < 1:
            vars(self).update(vars(before))
            self.cancel(order, "no_cash")
            return
        if not self.units:
            self.side, self.rule, self.since, self.bought = order.side, order.rule, self.bar, 0
            self.acted, self.first, self.signal = frozenset(), None, order.signal
            self.max_bars, self.most_units = order.plan.max_bars, order.plan.most_units
            self.before_end = order.plan.before_end
        self.bought, self.held, self.last_size = self.bought + 1, self.held + 1, size
        unit = Unit(self.held, f"u{self.bought}", paid, size, size, order.add)
        self.orders = tuple(other for other in self.orders if other is not order)
        self.cash -= self.commission(size, paid)
        self.units += (unit,)
        self.fills += (Fill(unit.number, order.side * size, paid),)
        trade = "buy" if order.side > 0 else "sell"
        self.tell(
            "filled",
            order=order.name,
            side=trade,
            price=paid,
            size=size,
            reason=order.role,
            unit=unit.name,
        )
        if order.role == "entry":
            self._cancel_others(order)
        self._set_levels(order, unit)
        self._set_adds(order, unit)

    def _cancel_others(self, filled: Order) -> None:
        """Cancel the others of a group, then what else waits to enter on the same side."""
        for order in sorted(self.orders, key=lambda order: order.rule):
            if order.role == "entry" and filled.group and order.group == filled.group:
                self.cancel(order, "oco")
            elif order.role == "entry" and order.side == filled.side:
                self.cancel(order, "position_open")

    def _set_levels(self, order: Order, unit: Unit) -> None:
        """Set the levels of a new unit, or anew those of all."""
        plan, side, old = order.plan, self.side, self.levels
        limit = order.type == "limit" or order.triggered
        late = self.at == "within" and (limit or order.set_in == self.bar)
        late = late or self.at == "close"
        if plan.unit_levels == "per_unit":
            new = Levels.of(plan, side, unit.number, unit.price, unit.size, self.bar)
            self.levels += (new,)
        else:
            base = unit.price if plan.unit_levels == "from_last" else self.average()
            new = Levels.of(plan, side, None, base, self.size(), self.since)
            if old and plan.unit_levels == "from_last":
                kept = old[0].stops
                stops = [
                    n._replace(price=tighter(o.price, n.price, side))
                    for o, n in zip(kept, new.stops, strict=False)
                ]
                new = replace(new, stops=(*stops, *kept[len(stops) :]), even=old[0].even)
            self.levels = (new,)
        new = replace(new, bar=self.bar, late=late)
        self.levels = (*self.levels[:-1], new)
        self.first = self.first or new
        stop, row = nearest(new.stops, side, self.bar), new.row(self.bar)
        targets = [price for price in (*(goal.price for goal in new.goals), row) if price > 0]
        if stop or targets:
            told = None if stop is None else stop.price
            self.tell("levels", unit=self.name(new), stop=told, targets=targets or None)
        if self.at == "close":
            self.begin(len(self.levels) - 1)

    def _set_adds(self, filled: Order, unit: Unit) -> None:
        """Set the levels of further units anew, from the newest fill."""
        self.orders = tuple(o for o in self.orders if o.role != "add" or o.type == "market")
        for add in filled.plan.adds:
            if add.every is None or not self.room(add.number, add.most):
                continue
            price = add.every.at(unit.price, add.towards * self.side, unit.size)
            if not price > 0:
                continue
            units = self.sized(add.size, filled.plan, price, self.side)
            if units == 0:
                self.tell("refused", order="add", reason="no_distance")
                continue
            order = Order(
                name="add",
                role="add",
                side=self.side,
                plan=filled.plan,
                size=add.size,
                type="stop" if add.towards > 0 else "limit",
                price=price,
                rule=filled.rule,
                signal=filled.signal,
                units=units,
                number=self.numbered,
                add=add.number,
                set_in=self.bar if self.at == "within" else -1,
            )
            self.orders += (order,)
            self.numbered += 1

    def begin(self, place: int) -> None:
        """Tell the levels that begin to work at the next open."""
        levels, bar = self.levels[place], self.bar
        stop, later = (nearest(levels.stops, self.side, at) for at in (bar, bar + 1))
        unit = self.name(levels)
        if later and not (stop and same(stop.price, later.price)):
            self.tell("moved", stop=later.price, reason="stop_active", unit=unit)
        next_row = levels.row(bar + 1)
        if any(begins == bar + 1 for begins, _ in levels.table):
            self.tell("moved", target=next_row, reason="profit_table", unit=unit)
