"""The way of the price within a bar, from its open by both high and low to its close."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

from Backtest.code.runtime.levels import at_least, at_most, same

if TYPE_CHECKING:
    from Backtest.code.runtime.fills import Fills


class Place(NamedTuple):
    """A place on the way: the book as it is there, which extremes are seen, and which first."""

    book: Fills
    high: bool
    low: bool
    first: str


class Way:
    """The way through a bar. Of all ways "worst" takes the one with the least equity at the close,
    "best" that with the most; "high_first", "low_first" and "nearest" go straight.
    """

    def __init__(self, high: float, low: float, close: float, path: str) -> None:
        self.high, self.low, self.close, self.path = high, low, close, path
        self.found: Place | None = None
        self.seen: set[tuple[object, ...]] = set()

    def through(self, book: Fills) -> Fills:
        """Return the book as it is just before the close."""
        inside = [
            item
            for item in book.waiting()
            if at_least(item.trigger, self.low) and at_most(item.trigger, self.high)
        ]
        if not inside:
            return book
        opened = book.price
        nearer = self.high - opened < opened - self.low
        nearer = nearer and not same(self.high + self.low, 2 * opened)
        self.order = ("high", "low") if nearer else ("low", "high")
        start = self.saw(Place(book, False, False, ""))
        if self.path in ("worst", "best"):
            self.visit(start, 0)
            assert self.found is not None
            return self.found.book
        legs = {"high_first": ("high", "low"), "low_first": ("low", "high")}
        for extreme in legs.get(self.path, self.order):
            while not getattr(start, extreme) and (further := self.moved(start, extreme)):
                start = further
        while further := self.homeward(start):
            start = further
        return start.book

    def saw(self, place: Place) -> Place:
        """Note the extremes that the price has come to."""
        price = place.book.price
        high = place.high or at_least(price, self.high)
        low = place.low or at_most(price, self.low)
        first = place.first or ("high" if high else "low" if low else "")
        return Place(place.book, high, low, first)

    def ahead(self, place: Place, towards: str) -> float | None:
        """Return the next price at which something happens in a direction."""
        price, up = place.book.price, towards == "high"
        prices = [item.trigger for item in place.book.waiting() if item.rises == up]
        if not (place.high if up else place.low):
            prices.append(self.high if up else self.low)
        if up:
            return min((p for p in prices if p > price and at_most(p, self.high)), default=None)
        return max((p for p in prices if p < price and at_least(p, self.low)), default=None)

    def moved(self, place: Place, towards: str) -> Place | None:
        """Go on to the next price in a direction, on a copy of the book."""
        price = self.ahead(place, towards)
        if price is None:
            return None
        book = copy.copy(place.book)
        book.price = price
        book.settle()
        return self.saw(place._replace(book=book))

    def homeward(self, place: Place) -> Place | None:
        """Go one step towards the close; None where nothing lies between."""
        price = place.book.price
        if price == self.close:
            return None
        towards = "high" if self.close > price else "low"
        onwards = self.ahead(place, towards)
        if onwards is None:
            return None
        between = (
            at_most(onwards, self.close) if towards == "high" else at_least(onwards, self.close)
        )
        return self.moved(place, towards) if between else None

    def visit(self, place: Place, steps: int) -> None:
        """Try all ways from a place, the nearer extreme first, and keep the one asked for."""
        book = place.book
        key = (book.price, place[1:], book.cash, book.units, book.levels, book.orders, book.side)
        if key in self.seen:
            return
        self.seen.add(key)
        if len(self.seen) > 5_000 or steps > 300:
            problem = (
                f"bar {book.bar}: too many levels lie within one bar to try all ways through it"
            )
            raise RuntimeError(
                f"{problem}: use fewer units, or the path that takes the nearer extreme first"
            )
        if place.high and place.low and self.homeward(place) is None:
            self.weigh(place)
        for towards in self.directions(place):
            if further := self.moved(place, towards):
                self.visit(further, steps + 1)

    def directions(self, place: Place) -> tuple[str, str]:
        """Return both directions: to what is unseen and nearer first, then to the close."""
        wanted = [extreme for extreme in self.order if not getattr(place, extreme)]
        if not wanted and self.close != place.book.price:
            wanted = ["high" if self.close > place.book.price else "low"]
        first = wanted[0] if wanted else self.order[0]
        return (first, "low" if first == "high" else "high")

    def weigh(self, place: Place) -> None:
        """Keep a way that is better, or as good and direct."""
        if self.found is None:
            self.found = place
            return
        gain = self.found.book.equity(self.close) - place.book.equity(self.close)
        if self.path == "best":
            gain = -gain
        nearer = place.first == self.order[0] != self.found.first
        if gain > 1e-6 or (gain >= -1e-6 and nearer):
            self.found = place
