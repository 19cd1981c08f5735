"""The order book that plays a bar, and what can be done with it at a close."""

from __future__ import annotations

import math
from dataclasses import replace

from backtesting import Strategy

from Backtest.code.runtime.fills import Fills
from Backtest.code.runtime.levels import Levels, Line, Plan, Size, nearest, same
from Backtest.code.runtime.orders import Order
from Backtest.code.runtime.way import Way


class Book(Fills):
    """Plays orders, stops and targets through each bar, in the place of backtesting.py's queue.

    A bar may go several ways: each is tried on a copy of this book.
    """

    def __init__(self, strategy: Strategy, path: str = "worst", beyond: float = 0.0) -> None:
        super().__init__(strategy, path, beyond)
        self.broker._process_orders = self.play

    def play(self) -> None:
        """Take the bar that has come from its open to just before its close."""
        data = self.broker._data
        if self.bar == len(data) - 1:
            return  # backtesting.py goes through the last bar twice
        self.bar = len(data) - 1
        if self.begun < 0:
            self.begun = self.bar
            self.broker._equity[: self.bar] = self.cash
        if not self.orders and not self.units:
            return
        opened, high, low, close = (
            float(data._current_value(name)) for name in ("Open", "High", "Low", "Close")
        )
        self.at, self.price = "open", opened
        self.settle()
        self.at = "within"
        if self.orders or self.units:
            vars(self).update(vars(Way(high, low, close, self.path).through(self)))
        self.at, self.price = "close", close
        if self.equity(close) <= 0:
            self.ruin()
        self.keep()

    def ruin(self) -> None:
        """Close what is open where all money is lost; nothing is traded any more."""
        if self.units:
            self.sell_out(self.price, self.size(), "ruined", "ruined")
        self.orders = ()

    def close_comes(self) -> None:
        """Begin the close of the bar."""
        self.at, self.price = "close", float(self.broker.last_price)

    def place(self, order: Order) -> None:
        """Send an order of a rule, in the place of one that waits, or fill it at this close."""
        price = order.price if order.price > 0 else self.price
        units = self.sized(order.size, order.plan, price, order.side)
        if units == 0:
            self.refuse(order)
            return
        if order.role == "entry":
            for other in self.orders:
                if other.role == "entry" and other.rule == order.rule:
                    self.cancel(other, "replaced")
        self.send(replace(order, signal=self.bar, units=units, number=self.numbered))

    def refuse(self, order: Order) -> None:
        """Tell that an order comes to no unit, or that a level lies at no distance."""
        self.tell("refused", order=order.name, reason="no_distance")

    def send(self, order: Order) -> None:
        """Let an order wait, or fill it at this close."""
        self.numbered += 1
        if order.at_close:
            self.enter(order, self.price)
            return
        self.orders += (order,)
        share = f"{order.size.number:g}%"
        if order.size.sizing != "share" or order.size.number == 100:
            share = "all"
        self.tell(
            "placed",
            order=order.name,
            side="buy" if order.side > 0 else "sell",
            type=order.type,
            price=order.price if order.price > 0 else None,
            limit=order.limit if order.limit > 0 else None,
            size=share if order.units is None else order.units,
            works_until_bar=int(order.last) if order.last < math.inf else None,
        )

    def leave(
        self, name: str, reason: str, size: int | None = None, at_close: bool = False
    ) -> None:
        """Close so many units, or all, at the next open or at this close."""
        units = self.size() if size is None else size
        if at_close:
            self.sell_out(self.price, units, name, reason)
            return
        order = Order(
            name,
            "exit",
            -self.side,
            Plan(),
            Size("units", units),
            units=size,
            number=self.numbered,
            reason=reason,
        )
        self.orders += (order,)
        self.numbered += 1
        trade = "buy" if order.side > 0 else "sell"
        self.tell("placed", order=name, side=trade, type="market", size=units)

    def expire(self) -> None:
        """Cancel the orders whose last bar this is."""
        for order in self.orders:
            if order.last <= self.bar:
                self.cancel(order, "expired")

    def move_levels(self, now: Plan) -> None:
        """Move followed stops, then to break-even; `now` is the plan of a signal at this close."""
        data = self.broker._data
        best = float(data._current_value("High" if self.side > 0 else "Low"))
        for place in range(len(self.levels)):
            levels = self.levels[place].with_best(self.bar, self.side, best, self.price)
            stops = levels.followed(now, self.side, self.price)
            self.move_stops(place, levels, stops, "followed")
            levels, rule = self.levels[place], levels.plan.break_even
            if rule is not None and levels.evened(self.side):
                line = Line("break_even", levels.base + self.side * rule.offset, self.bar)
                self.move_stops(place, replace(levels, even=True), (*stops, line), "break_even")
            self.begin(place)

    def move_stops(self, place: int, levels: Levels, stops: tuple[Line, ...], why: str) -> None:
        """Give levels other stops, and tell it where the one that counts has moved."""
        before = nearest(levels.stops, self.side, self.bar)
        after = nearest(stops, self.side, self.bar)
        self._put(place, replace(levels, stops=stops))
        if after and not (before and same(before.price, after.price)):
            reason = after.reason if why == "followed" else why
            self.tell("moved", stop=after.price, reason=reason, unit=self.name(levels))

    def end(self) -> None:
        """Close what is open at the last close."""
        if self.units:
            self.leave("end", "end_of_data", at_close=True)
        self.orders = ()
        self.count()

    def count(self) -> None:
        """Count the equity of this close, after all that was filled at it."""
        broker = self.broker
        if self.equity(self.price) <= 0:
            self.ruin()
            self.keep()
            broker._cash = self.cash = 0.0
        self.keep()
        self.last_equity = broker.equity
        if self.bar > self.begun:  # where the account begins, it is all cash
            broker._equity[self.bar] = self.last_equity
