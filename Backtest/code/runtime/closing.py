"""What the rules of a strategy do at a close, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from Backtest.code.runtime.book import Book
from Backtest.code.runtime.levels import Plan, whole
from Backtest.code.runtime.orders import Order


class Exit(NamedTuple):
    """Leaves a position, or a portion of it, once a position unless it says `repeat`.

    `of` are the numbers of the entries whose positions it leaves, none for all of its side.
    """

    name: str
    side: int
    fires: Callable[[], bool]
    portion: float = 1.0
    at_close: bool = False
    of: tuple[int, ...] = ()
    repeat: bool = False

    def leaves(self, side: int, rule: int) -> bool:
        """Return whether it is about positions of an entry rule."""
        return self.side == side and (not self.of or rule in self.of)


class Further(NamedTuple):
    """Buys further units by a condition, at most `most`."""

    number: int
    fires: Callable[[], bool]
    order: Callable[[], Order | None]
    most: int


class Entry(NamedTuple):
    """Enters with an order, at most `most` times a session; `adds` buy further units."""

    name: str
    side: int
    fires: Callable[[], bool]
    order: Callable[[], Order | None]
    levels: Callable[[], Plan]
    at_close: bool = False
    market: bool = True
    most: int = 0
    adds: tuple[Further, ...] = ()


class Rules:
    """The entries and exits of a strategy, and what they do with its book at a close.

    `sessions` has the number of each bar's session, where rules count by it; with `at_close` a
    position that was held long enough leaves at this close, and its side is not entered there.
    """

    def __init__(
        self,
        book: Book,
        entries: Sequence[Entry],
        exits: Sequence[Exit] = (),
        cooldown: int = 0,
        sessions: Sequence[int] = (),
        at_close: bool = False,
    ) -> None:
        self.book, self.entries, self.exits = book, entries, exits
        self.cooldown, self.sessions, self.at_close, self.left = cooldown, sessions, at_close, 0
        self.fired: frozenset[int] = frozenset()  # the exits that fire at this close

    def leave_now(self) -> list[tuple[int, Exit]]:
        """Leave at this close where rules say so; return the exits that leave at the next open."""
        book, self.left, self.fired = self.book, 0, frozenset()
        if not book.units:
            return []
        firing = [
            (number, rule)
            for number, rule in enumerate(self.exits)
            if rule.leaves(book.side, book.rule)
            and (rule.portion >= 1 or rule.repeat or number not in book.acted)
            and rule.fires()
        ]
        self.fired = frozenset(number for number, _ in firing)
        if self.session_ends():
            book.leave("session_exit", "session_end", at_close=True)
            return []
        if self.at_close and self.too_long():
            self.left = book.side
            book.leave("max_bars", "max_bars", at_close=True)
            return []
        whole_exits = [rule for _, rule in firing if rule.portion >= 1]
        for rule in whole_exits:
            if rule.at_close:
                book.leave(rule.name, "rule", at_close=True)
                return []
        if whole_exits or self.too_long():
            return firing
        for number, rule in firing:
            if rule.at_close and book.units:
                self.part(number, rule)
        return firing

    def move_levels(self) -> None:
        """Move what follows, and let begin what begins at the next open."""
        book = self.book
        if book.units and any(levels.plan.moves for levels in book.levels):
            book.move_levels(self.entries[book.rule].levels())

    def too_long(self) -> bool:
        """Return whether the position has been held as many bars as it may be."""
        return self.book.bar >= self.book.since + self.book.max_bars - 1

    def session_ends(self) -> bool:
        """Return whether the bar is as far from its session's end as the position may be held."""
        before, bar = self.book.before_end, self.book.bar
        if before < 0:
            return False
        session, end = self.sessions[bar], bar + before
        if end >= len(self.sessions) or self.sessions[end] != session:
            return False
        return end + 1 == len(self.sessions) or self.sessions[end + 1] != session

    def part(self, number: int, rule: Exit) -> bool:
        """Leave a portion of the first size of what is open; return whether that is any unit."""
        book = self.book
        size = min(whole(rule.portion * sum(unit.first for unit in book.units)), book.size())
        if size:
            book.acted |= {number}
            book.leave(rule.name, "rule", size, rule.at_close)
        return size > 0

    def leave(self, firing: list[tuple[int, Exit]]) -> bool:
        """Leave at the next open, or buy further units; return whether all leaves."""
        book = self.book
        if not book.units:
            return False
        if self.too_long():
            book.leave("max_bars", "max_bars")
            return True
        for _, rule in firing:
            if rule.portion >= 1:
                book.leave(rule.name, "rule")
                return True
        parts = [rule.at_close or self.part(number, rule) for number, rule in firing]
        if not any(parts):
            for add in self.entries[book.rule].adds:
                if book.room(add.number, add.most) and add.fires():
                    self.send(add.order)
        return False

    def send(self, order: Callable[[], Order | None]) -> None:
        """Place the order of a signal, which knows nothing of a position."""
        book = self.book
        book.asked = False
        placed = order()
        book.asked = True
        if placed is not None and placed.plan.possible:
            book.place(placed)
        elif placed is not None:
            book.refuse(placed)

    def enter(self, leaving: bool) -> None:
        """Send the orders of entries that fire: flat, or to turn a position round that leaves."""
        book = self.book
        if book.units and (not leaving or self.cooldown):
            return
        if self.cooldown and book.bar - book.last_exit < self.cooldown:
            return
        held, taken = book.side, False
        for number, rule in enumerate(self.entries):
            if (
                rule.side in (held, self.left)
                or (rule.market and taken)
                or not self.fires(number, rule)
            ):
                continue
            taken = taken or rule.market
            self.send(rule.order)
            if rule.market and rule.at_close:
                break

    def fires(self, number: int, rule: Entry) -> bool:
        """Return whether an entry fires; not where an exit of its positions does, or did."""
        if not rule.fires() or (rule.most and self.entered(rule) >= rule.most):
            return False
        return not any(
            exit_rule.leaves(rule.side, number) and (place in self.fired or exit_rule.fires())
            for place, exit_rule in enumerate(self.exits)
        )

    def entered(self, rule: Entry) -> int:
        """Return how often a rule has entered in the session in which its order works first."""
        book = self.book
        session = self.sessions[book.bar if rule.at_close else book.bar + 1]
        count = 0
        for event in reversed((*book.events, *book.new)):
            if self.sessions[event["bar"]] != session:
                break
            count += (
                event["do"] == "filled"
                and event["order"] == rule.name
                and event["reason"] == "entry"
            )
        return count
