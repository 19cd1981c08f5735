"""Money and what is held, beside the broker, so that several ways of a bar can be tried."""

from __future__ import annotations

import math
import warnings
from typing import Any

from backtesting import Strategy
from backtesting.backtesting import Order as LevelOrder
from backtesting.backtesting import Trade

from Backtest.code.runtime.levels import Levels, Plan, Size, whole
from Backtest.code.runtime.orders import Fill, Order, Unit


class Account:
    """Cash, units and orders, the bar and the price they are at, and what has happened there.

    Trades, money and equity stay those of backtesting.py's broker, which is told of each fill.
    """

    def __init__(self, strategy: Strategy, path: str = "worst", beyond: float = 0.0) -> None:
        broker = strategy._broker
        broker._commission = self.booked
        self.fixed = float(broker._commission_fixed)
        self.fee = float(broker._commission_relative)
        self.leverage, self.spread = broker._leverage, broker._spread
        self.broker, self.path, self.beyond = broker, path, beyond
        self.cash = self.last_equity = float(broker._cash)
        self.at, self.price, self.bar, self.begun = "open", math.nan, -1, -1
        self.orders: tuple[Order, ...] = ()
        self.units: tuple[Unit, ...] = ()
        self.levels: tuple[Levels, ...] = ()
        self.acted: frozenset[int] = frozenset()
        self.side, self.rule, self.since, self.bought, self.last_size = 0, 0, 0, 0, 0
        self.numbered, self.held, self.last_exit, self.max_bars = 0, 0, -math.inf, math.inf
        self.most_units, self.before_end, self.asked = 1, -1, True
        self.first: Levels | None = None
        self.signal = 0
        self.new: tuple[dict[str, Any], ...] = ()
        self.fills: tuple[Fill, ...] = ()
        self.parts: list[float] = []
        self.events: list[dict[str, Any]] = []
        self.trades: dict[int, Trade] = {}

    def size(self, unit: int | None = None) -> int:
        """Return what is left of a unit, or of all."""
        return sum(held.size for held in self.units if unit in (None, held.number))

    def entry(self) -> Levels | None:
        """Return the levels of the position's first fill; None when flat, and for a signal."""
        return self.first if self.units and self.asked else None

    def average(self) -> float:
        """Return the average price of what is held, NaN when flat."""
        if len(self.units) == 1:
            return self.units[0].price
        paid = sum(held.price * held.size for held in self.units)
        return paid / self.size() if self.units else math.nan

    def equity(self, price: float) -> float:
        """Return cash and what is held at a price."""
        paid = sum(self.side * unit.size * unit.price for unit in self.units)
        return self.cash + (price * self.side * self.size() - paid)

    def commission(self, size: int, price: float) -> float:
        """Return what a fill costs, which pays the fixed commission once."""
        return self.fixed + size * price * self.fee

    def booked(self, size: int, price: float) -> float:
        """Return the commission of a row of backtesting.py: of a fixed one it has its part."""
        part = self.parts.pop(0) if self.parts else 1.0
        return self.fixed * part + abs(size) * price * self.fee

    def payable(self, order: Order, price: float) -> int:
        """Return the units that an order gets at a price, 0 where they cannot be paid."""
        money, cost = max(self.equity(price), 0) * self.leverage, price * (1 + self.fee)
        free = money - self.size() * price - self.fixed + 1e-6
        if order.units is not None:
            return order.units if order.units * cost <= free else 0
        part = order.size.number / 100 if order.size.sizing == "share" else 1
        return max(whole(min(money * part - self.fixed, free) / cost), 0)

    def room(self, number: int, most: int) -> bool:
        """Return whether an add may buy another unit."""
        own = sum(unit.add in (-1, number) for unit in self.units)
        return own <= most and len(self.units) < self.most_units

    def sized(self, size: Size, plan: Plan, price: float, side: int) -> int | None:
        """Return the units of an order at its price; None where only the fill tells."""
        if size.sizing == "share":
            return None
        if size.sizing in ("risk", "cash"):
            units = whole(size.number / price)
            if size.sizing == "risk":
                part = size.number / 100
                units = whole(self.last_equity * part / plan.risk_at(price, side))
            return None if units * price >= self.last_equity * self.leverage else units
        return whole(size.number * (self.last_size if size.sizing == "factor" else 1))

    def name(self, levels: Levels) -> str | None:
        """Return the name of the unit whose levels they are, None where all share them."""
        return next((unit.name for unit in self.units if unit.number == levels.unit), None)

    def tell(self, do: str, **fields: Any) -> None:
        """Note what happened."""
        told = {name: value for name, value in fields.items() if value is not None}
        self.new += ({"bar": self.bar, "at": self.at, "do": do, **told},)

    def cancel(self, order: Order, reason: str) -> None:
        """Take an order back."""
        self.orders = tuple(other for other in self.orders if other is not order)
        self.tell("cancelled", order=order.name, reason=reason)

    def keep(self) -> None:
        """Let backtesting.py's broker book what was filled, and keep what was told."""
        broker = self.broker
        for fill in self.fills:
            if fill.unit not in self.trades:
                broker._open_trade(fill.price, fill.size, None, None, self.bar, None)
                self.trades[fill.unit] = broker.trades[-1]
                continue
            self.parts = [fill.part, fill.bought]
            broker._reduce_trade(self.trades[fill.unit], fill.price, fill.size, self.bar)
            closed = broker.closed_trades[-1]
            if fill.stop > 0:
                stop = LevelOrder(broker, fill.size, None, fill.stop, None, None, closed)
                closed._replace(sl_order=stop)
            if fill.target > 0:
                target = LevelOrder(broker, fill.size, fill.target, None, None, None, closed)
                closed._replace(tp_order=target)
        for event in self.new:
            if event["do"] in ("refused", "cancelled") and event["reason"][:3] == "no_":
                why = (
                    "it has no distance or comes to no unit"
                    if event["do"] == "refused"
                    else "it cannot be paid"
                )
                warnings.warn(f"time={self.bar}: no order {event['order']}, {why}", stacklevel=2)
        self.events += self.new
        self.fills, self.new = (), ()
