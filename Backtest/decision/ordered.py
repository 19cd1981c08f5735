"""Why a backtest with orders of its own did what it did: what was placed, filled, cancelled and moved, bar by bar, and why something waits.

The events are those that the engine told of (their words are those of tests/oracle/cases.yaml); the rules are judged here, from the canonical strategy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
import pandas as pd

from Backtest.canonical import CanonicalStrategy, PositionValue, Side
from Backtest.decision.at_close import Decision
from Backtest.decision.explain import Explainer
from Backtest.decision.judge import PositionState
from Backtest.indicators import SESSION
from Backtest.market.sessions import with_calendar
from Backtest.meaning import spaced

Event = Mapping[str, Any]
# Why an order was cancelled or refused, and why something was filled, in words.
WHY = {
    "oco": "its partner was filled", "position_open": "a position of its side was opened", "position_closed": "the position it adds to was closed",
    "expired": "its last bar is over", "replaced": "its rule fired again", "no_cash": "the account does not pay for it",
    "no_distance": "there is no stop to measure its size by, a level lies at no distance, or it comes to less than one unit", "cancelled": "the strategy withdrew it",
    "entry": "entered", "add": "added", "stop": "the stop closed it", "followed": "the stop that follows closed it",
    "trailing_stop": "the trailing stop closed it", "break_even": "the stop at break-even closed it", "target": "a target took it",
    "rule": "an exit rule closed it", "reverse": "an entry of the other side turned it round", "max_bars": "it had been held long enough",
    "session_end": "the session ended", "end_of_data": "the data end", "ruined": "all money was lost",
}  # fmt: skip
# Why a level moved.
MOVED = {
    "followed": "it follows", "trailing_stop": "it trails the close", "break_even": "moved to break-even",
    "stop_active": "a stop begins to work", "profit_table": "the next row of the profit table begins",
}  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """What is held of one fill: its size left, the price paid, the bar, and how it was filled."""

    size: float
    price: float
    bar: int
    at: str


@dataclass(frozen=True)
class Book:
    """What is held and what waits at a close: units and levels by their names (`None` is the one set of all units), orders by theirs."""

    side: Side | None = None
    units: Mapping[str, Unit] = field(default_factory=dict)
    waiting: Mapping[str, Event] = field(default_factory=dict)
    stops: Mapping[str | None, float] = field(default_factory=dict)
    targets: Mapping[str | None, tuple[float, ...]] = field(default_factory=dict)
    since: int = -1
    signal: int = -1
    risk: float = float("nan")

    @property
    def size(self) -> float:
        return sum(unit.size for unit in self.units.values())

    @property
    def average(self) -> float:
        return sum(unit.size * unit.price for unit in self.units.values()) / self.size

    def after(self, event: Event) -> Book:
        """Return what there is after an event."""
        match event["do"]:
            case "placed":
                return replace(self, waiting={**self.waiting, event["order"]: event})
            case "cancelled":
                return replace(self, waiting=_without(self.waiting, event["order"]))
            case "filled":
                return self._filled(event)
            case "levels" | "moved":
                return self._levels(event)
        return self

    def _filled(self, event: Event) -> Book:
        placed = self.waiting.get(event["order"])
        book = replace(self, waiting=_without(self.waiting, event["order"]))
        if event["reason"] in ("entry", "add"):
            unit = Unit(float(event["size"]), float(event["price"]), event["bar"], event["at"])
            first = not book.units
            side: Side = "long" if event["side"] == "buy" else "short"
            signal = placed["bar"] if placed else event["bar"]
            begun = {"side": side, "since": event["bar"], "signal": signal, "risk": float("nan")} if first else {}
            return replace(book, units={**book.units, event.get("unit", "u1"): unit}, **begun)
        return book._closed(float(event["size"]), event.get("unit"))

    def _closed(self, size: float, name: str | None) -> Book:
        left, units = size, dict(self.units)
        for key, unit in self.units.items():
            taken = min(left, unit.size) if name in (None, key) else 0.0
            left -= taken
            if unit.size - taken > 1e-12:
                units[key] = replace(unit, size=unit.size - taken)
            else:
                del units[key]
        return replace(self, units=units) if units else Book(waiting=self.waiting)

    def _levels(self, event: Event) -> Book:
        name, book = event.get("unit"), self
        if "stop" in event:
            if np.isnan(book.risk) and book.units and event["do"] == "levels":
                first = next(iter(book.units.values()))
                book = replace(book, risk=abs(first.price - event["stop"]))
            book = replace(book, stops={**book.stops, name: event["stop"]})
        if "targets" in event:
            book = replace(book, targets={**book.targets, name: tuple(event["targets"])})
        if "target" in event:
            book = replace(book, targets={**book.targets, name: (event["target"],)})
        return book


def _without(orders: Mapping[str, Event], name: str) -> dict[str, Event]:
    return {key: order for key, order in orders.items() if key != name}


class OrderExplainer(Explainer):
    """Says of the bars of a finished backtest of a strategy that is not plain what was seen, ordered and filled.

    Args:
        trades: the backtest's trades in the API's columns, entry_bar and exit_bar being rows of `frame`.
        events: what happened, in order, as `Kernel.run` tells it.
        first: the first bar that was asked for.
    """

    def __init__(
        self,
        strategy: CanonicalStrategy,
        frame: pd.DataFrame,
        trades: pd.DataFrame,
        events: Sequence[Event],
        first: int = 0,
    ) -> None:
        self.events: dict[int, list[Event]] = {}
        for event in events:
            self.events.setdefault(int(event["bar"]), []).append(event)
        self.books = _books(events, len(frame))
        super().__init__(strategy, frame, trades, first)

    def _position_state(self) -> PositionState:
        """Return what exits may ask at each close, as the events have it."""
        n = len(self.frame)
        held, gain = np.full(n, np.nan), np.full(n, np.nan)
        values = {name: np.full(n, np.nan) for name in get_args(PositionValue)}
        prices = {name: self.frame[name].to_numpy(dtype=np.float64) for name in ("Open", "High", "Low", "Close")}
        sessions = with_calendar(self.frame, [SESSION])[SESSION].to_numpy()
        entered: Unit | None = None
        since = -1
        for bar, book in enumerate(self.books):
            if not book.units or book.side is None:
                continue
            if since != book.since:
                since, entered = book.since, next(iter(book.units.values()))
            assert entered is not None
            close = prices["Close"][bar]
            held[bar] = bar + 1 - book.since
            gain[bar] = (1 if book.side == "long" else -1) * 100 * (close / book.average - 1)
            late = book.since + (entered.at != "open")  # the bar of a fill within it counts with its close alone
            seen = slice(late, bar + 1)
            first_close = prices["Close"][book.since]
            values["highest"][bar] = max([first_close, *prices["High"][seen]])
            values["lowest"][bar] = min([first_close, *prices["Low"][seen]])
            values["entry_price"][bar], values["risk"][bar] = entered.price, book.risk
            profit = (1 if book.side == "long" else -1) * (close - book.average)
            values["profit"][bar], values["profit_money"][bar] = profit, profit * book.size
            values["days_held"][bar] = sessions[bar] - sessions[book.since] + 1
            for name in ("open", "high", "low", "close"):
                values[f"signal_{name}"][bar] = prices[name.title()][book.signal]
        return PositionState(held, gain, values)

    def decide(self, bar: int) -> Decision:
        """Return what was decided at a close, as far as one word says it; the events say the rest."""
        if bar < self.start:
            return Decision("none", None, ("warming_up",))
        placed = [
            event
            for event in self.events.get(bar, [])
            if event["at"] == "close" and event["do"] in ("placed", "filled")
        ]
        enters = [
            event
            for event in placed
            if event.get("reason", "entry") in ("entry", "add") and not event["order"].startswith(("exit", "max_bars"))
        ]
        leaves = [event for event in placed if event not in enters]
        side = self.books[bar].side
        if enters and side is None:
            side = "long" if enters[0]["side"] == "buy" else "short"
        if enters and leaves:
            return Decision("reverse", side, ("entry_rule",))
        if enters:
            return Decision("enter", side, ("entry_rule",))
        if leaves:
            return Decision("exit", side, ("exit_rule",))
        return Decision("none", None, ("held" if self.books[bar].units else "no_entry",))

    def _position(self, bar: int) -> dict[str, Any] | None:
        book = self.books[bar]
        if not book.units or book.side is None:
            return None
        return {
            "side": book.side,
            "size": book.size,
            "entry_time": self._when(book.since),
            "entry_price": book.average,
            "bars_held": int(self.position.bars_held[bar]),
            "unrealized_return_pct": float(self.position.unrealized_return_pct[bar]),
            "units": [
                {"unit": n, "size": u.size, "price": u.price, "time": self._when(u.bar)} for n, u in book.units.items()
            ],
            "stops": [{"unit": name, "price": price} for name, price in book.stops.items() if self._held(book, name)],
            "targets": [
                {"unit": name, "prices": list(at)} for name, at in book.targets.items() if self._held(book, name)
            ],
        }

    @staticmethod
    def _held(book: Book, name: str | None) -> bool:
        return name is None or name in book.units

    def _orders(self, bar: int) -> list[dict[str, Any]]:
        """Return what happened to orders and levels in this bar, in its order."""
        return [{**event, "text": self.told(event)} for event in self.events.get(bar, [])]

    def _answer(self, bar: int, decided: Decision) -> str:
        said = [self.told(event) for event in self.events.get(bar, [])]
        said += [self._waits(name, order, bar) for name, order in self.books[bar].waiting.items() if order["bar"] < bar]
        if not any(event["at"] == "close" for event in self.events.get(bar, [])):
            said.append(self._decided(bar, decided))
        return " ".join(said)

    def told(self, event: Event) -> str:
        """Say an event in a sentence."""
        name, at = (
            event.get("order", ""),
            {"open": " at the open", "within": " within the bar", "close": " at the close"}[event["at"]],
        )
        why = WHY.get(event.get("reason", ""), "")
        match event["do"]:
            case "placed":
                price = f" at {spaced(event['price'])}" if "price" in event else ""
                limit = f" with a limit at {spaced(event['limit'])}" if "limit" in event else ""
                until = (
                    f", until the bar {self._when_at(event['works_until_bar'])}" if "works_until_bar" in event else ""
                )
                kind = event.get("type", "market").replace("_", "-")
                return f"{name}: a {kind} order to {event['side']} {_amount(event['size'])}{price}{limit} is placed{until}."
            case "triggered":
                return f"{name}: the stop was reached{at}, so the order rests as a limit at {spaced(event['limit'])}."
            case "filled":
                return f"{name}: {_amount(event['size'])} {'bought' if event['side'] == 'buy' else 'sold'} at {spaced(event['price'])}{at}; {why}."
            case "cancelled":
                return f"{name}: cancelled{at}, since {why}."
            case "refused":
                return f"{name}: not placed, since {why}."
        unit = f" of {event['unit']}" if event.get("unit") else ""
        levels = [f"the stop{unit} is {spaced(event['stop'])}"] if "stop" in event else []
        levels += [f"the targets{unit} are {', '.join(map(spaced, event['targets']))}"] if event.get("targets") else []
        levels += [f"the target{unit} is {spaced(event['target'])}"] if "target" in event else []
        begins = " from the next open on" if event["do"] == "moved" else ""
        because = f" ({MOVED[event['reason']]})" if event.get("reason") in MOVED else ""
        return f"{' and '.join(levels).capitalize()}{begins}{because}."

    def _waits(self, name: str, order: Event, bar: int) -> str:
        """Say why an order that waits was not filled in a bar."""
        row = self.frame.iloc[bar]
        if "price" not in order:
            return f"{name} waits."
        rises = (order["side"] == "buy") == (order.get("type") != "limit")
        best = float(row["High"] if rises else row["Low"])
        missing = abs(order["price"] - best)
        extreme = "High" if rises else "Low"
        part = 100 * missing / order["price"] if order["price"] else 0.0
        return f"{name} waits at {spaced(order['price'])}: the {extreme} of {spaced(best)} did not reach it, by {spaced(missing)} ({part:.2f}%)."

    def _when_at(self, bar: int) -> str:
        return self._when(bar) if bar < len(self.frame) else "after the last"


def _amount(size: Any) -> str:
    return spaced(float(size)) if isinstance(size, int | float) else f"{size} of the equity"


def _books(events: Sequence[Event], bars: int) -> list[Book]:
    """Return what there is after each close."""
    found, book, at = [], Book(), 0
    for bar in range(bars):
        while at < len(events) and events[at]["bar"] <= bar:
            book = book.after(events[at])
            at += 1
        found.append(book)
    return found
