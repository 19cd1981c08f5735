"""The way of the price within a bar (step 7 and section 3).

Nobody knows it. The price starts at O, ends at C, reaches both H and L, and moves without jumps; of all such ways `worst` takes the one with the lowest
equity at C and `best` the one with the highest. A way matters only by the order in which it reaches levels and extremes, so it is
searched from one to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tests.oracle.book import equity
from tests.oracle.fills import settle, waiting
from tests.oracle.orders import Account, Moment
from tests.oracle.prices import Bar, at_least, at_most, same
from tests.oracle.strategy import Case, Path

MOST_STATES = 50_000
EQUAL_EQUITY = 1e-6
Extreme = Literal["high", "low"]


@dataclass(frozen=True)
class State:
    """A place on a way: the price, which extremes it has seen, which of them first, and the account as it is then."""

    price: float
    account: Account
    seen: frozenset[Extreme] = frozenset()
    first: Extreme | None = None


def within(case: Case, account: Account, number: int, path: Path) -> Account:
    """Take the account from just after the open of a bar to just before its close."""
    bar = case.bars[number]
    start = _saw(State(bar.open, account), bar)
    if not _anything_inside(case, account, bar, number):
        return account
    if path in ("worst", "best"):
        return _Search(case, number, lowest=path == "worst").through(start)
    for extreme in _straight_legs(bar, path):
        while extreme not in start.seen:
            start = _moved(case, start, number, extreme) or start
    while (onwards := _towards_close(case, start, number)) is not None:
        start = onwards
    return start.account


def _straight_legs(bar: Bar, path: Path) -> tuple[Extreme, Extreme]:
    if path == "nearest":
        return _nearer_first(bar)
    return ("high", "low") if path == "high_first" else ("low", "high")


def _nearer_first(bar: Bar) -> tuple[Extreme, Extreme]:
    """Step 7, "Equal": the extreme nearer to O first; equally near: low first."""
    nearer_high = bar.high - bar.open < bar.open - bar.low and not same(bar.high + bar.low, 2 * bar.open)
    return ("high", "low") if nearer_high else ("low", "high")


def _anything_inside(case: Case, account: Account, bar: Bar, number: int) -> bool:
    levels = waiting(case, account, Moment(number, "within", bar.open))
    return any(at_least(item.trigger, bar.low) and at_most(item.trigger, bar.high) for item in levels)


def _saw(state: State, bar: Bar) -> State:
    """Note the extremes that the price has reached."""
    reached: dict[Extreme, bool] = {"high": at_least(state.price, bar.high), "low": at_most(state.price, bar.low)}
    for extreme, is_there in reached.items():
        if is_there and extreme not in state.seen:
            state = replace(state, seen=state.seen | {extreme}, first=state.first or extreme)
    return state


def _next_price(case: Case, state: State, number: int, *, up: bool) -> float | None:
    """Give the next price at which something happens on the way up (or down): a level, or the extreme while it is unseen."""
    bar = case.bars[number]
    items = waiting(case, state.account, Moment(number, "within", state.price))
    prices = [item.trigger for item in items if item.rises == up]
    if ("high" if up else "low") not in state.seen:
        prices.append(bar.high if up else bar.low)
    if up:
        return min((price for price in prices if price > state.price and at_most(price, bar.high)), default=None)
    return max((price for price in prices if price < state.price and at_least(price, bar.low)), default=None)


def _moved(case: Case, state: State, number: int, towards: Extreme) -> State | None:
    """Go on to the next price in a direction and fill what it reaches; None where nothing is left there."""
    price = _next_price(case, state, number, up=towards == "high")
    if price is None:
        return None
    account = settle(case, state.account, Moment(number, "within", price))
    return _saw(replace(state, price=price, account=account), case.bars[number])


def _towards_close(case: Case, state: State, number: int) -> State | None:
    """Go one step towards C, or give None where nothing lies between."""
    close = case.bars[number].close
    if close == state.price:
        return None
    up = close > state.price
    price = _next_price(case, state, number, up=up)
    if price is None or not (at_most(price, close) if up else at_least(price, close)):
        return None
    return _moved(case, state, number, "high" if up else "low")


class _Search:
    """The search over all ways through one bar, depth first.

    At each place the way towards the nearer extreme is tried first, then that towards the other, then that to C. A later way is taken
    only if it is better, so of equal ways the most direct one stays. A place that was reached before is not searched again.
    """

    def __init__(self, case: Case, number: int, *, lowest: bool) -> None:
        self.case, self.number, self.bar = case, number, case.bars[number]
        self.order = _nearer_first(self.bar)
        self.sign = 1 if lowest else -1
        self.best: State | None = None
        self.visited: set[State] = set()

    def through(self, start: State) -> Account:
        self._visit(start)
        assert self.best is not None
        return self.best.account

    def _visit(self, state: State) -> None:
        if state in self.visited:
            return
        self.visited.add(state)
        if len(self.visited) > MOST_STATES:
            raise RuntimeError(f"Bar {self.number} has more than {MOST_STATES} places to search.")
        done = len(state.seen) == 2 and _towards_close(self.case, state, self.number) is None
        if done:
            self._keep(state)
        for towards in self._directions(state):
            onwards = _moved(self.case, state, self.number, towards)
            if onwards is not None:
                self._visit(onwards)

    def _directions(self, state: State) -> Iterator[Extreme]:
        """Give the directions in the order they are tried: unseen extremes, nearer first; with both seen, that of C."""
        wanted = [extreme for extreme in self.order if extreme not in state.seen]
        if not wanted and self.bar.close != state.price:
            wanted = ["high" if self.bar.close > state.price else "low"]
        first = wanted[0] if wanted else self.order[0]
        yield first
        yield "low" if first == "high" else "high"

    def _keep(self, state: State) -> None:
        if self.best is None:
            self.best = state
            return
        gain = self.sign * (equity(self.best.account, self.bar.close) - equity(state.account, self.bar.close))
        nearer = state.first == self.order[0] and self.best.first != self.order[0]
        if gain > EQUAL_EQUITY or (gain >= -EQUAL_EQUITY and nearer):
            self.best = state
