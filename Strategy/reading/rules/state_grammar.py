"""The grammar of states: "long while A", "hold it while A", "otherwise flat"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from Backtest.canonical import Not, Side, Time
from Strategy.reading.conditions.condition_grammar import Conditions
from Strategy.reading.rules.exit_grammar import Exits
from Strategy.reading.rules.order_grammar import Action, OrderGrammar
from Strategy.reading.settings.settings_grammar import Settings
from Strategy.reading.text.grammar import Grammar
from Strategy.words import joins, orders, small


@dataclass(eq=False)
class States(Grammar):
    """Reads states that last; each method returns whether it read something."""

    conditions: Conditions
    exits: Exits
    orders: OrderGrammar
    settings: Settings
    rest_of_action: Callable[[Action], bool]

    def otherwise(self) -> bool:
        """Read "otherwise flat", "else go short"."""
        cursor = self.cursor
        if self.draft.last_entry is None:
            return False
        mark = cursor.mark()
        last_side, last_condition = self.draft.last_entry
        if cursor.take(orders.NOTHING) and cursor.take(joins.OTHERWISE):
            return True
        cursor.reset(mark)
        if cursor.take(orders.FLAT) and cursor.take(joins.OTHERWISE):
            self.draft.add_exit(last_side, Not(condition=last_condition))
            return True
        cursor.reset(mark)
        short_side: Side = "short" if last_side == "long" else "long"
        if cursor.take(*orders.OPENING[short_side]) and cursor.take(joins.OTHERWISE):
            away = Not(condition=last_condition)
            self.draft.entries += ((short_side, away),)
            self.draft.add_exit(last_side, away)
            self.draft.add_exit(short_side, last_condition)
            return True
        cursor.reset(mark)
        if not cursor.take(joins.OTHERWISE):
            return False
        cursor.symbol(",")
        if cursor.take(orders.NOTHING):
            return True  # the rules are those that are said; a position is left by its own
        side, condition = self.draft.last_entry
        away = Not(condition=condition)
        mark = cursor.mark()
        action = self.orders.take()
        if action is not None and action[0] == "enter" and action[1] != side and action[1] is not None:
            self.draft.entries += ((action[1], away),)
            self.draft.add_exit(side, away)
            self.draft.add_exit(action[1], condition)
            return True
        if action is not None and action[0] in ("exit", "sell"):
            self.orders.objects(action)
            if cursor.looking_at(joins.WHEN, noise=False):
                return self.rest_of_action(action)
            self.draft.add_exit(side, away)
            return True
        cursor.reset(mark)
        if cursor.take(orders.FLAT) or cursor.take(orders.EXIT, orders.SELL):
            self.draft.add_exit(side, away)
            return True
        if cursor.words(orders.GO_SHORT):
            other: Side = "short" if side == "long" else "long"
            self.draft.entries += ((other, away),)
            self.draft.add_exit(side, away)
            self.draft.add_exit(other, condition)
            return True
        return False

    def lasting(self) -> bool:
        """Read "long while A", a state that is left when A ends, and "hold while A" behind an entry, which is its way out."""
        cursor = self.cursor
        cursor.part = "rule"
        cursor.words(small.AND, small.BUT, small.THEN, noise=False)
        cursor.words(small.ONLY, noise=False)
        start = cursor.mark()
        if self._held_while():
            return True
        cursor.reset(start)
        side: Side | None = None
        for words, value in (
            (orders.LONG, "long"), (orders.SHORT, "short"), (orders.ENTER_LONG, "long"), (orders.ENTER_SHORT, "short"),
        ):  # fmt: skip
            mark = cursor.mark()
            verb = cursor.words(orders.TO_HOLD)
            held = verb in orders.OWNING and words is orders.LONG and self.settings.symbol(lead=True)
            invested = verb in orders.BEING and words is orders.LONG and cursor.words(orders.INVESTED, noise=False)
            if held or invested or cursor.take(words):
                said = self._said_tail(3)
                self.settings.symbol(lead=True) if not held else None
                cursor.words(orders.HELD_OBJECT)
                state = cursor.words(orders.LASTING, orders.LASTING_ONLY)
                state = state or (
                    cursor.words(orders.WHEN_HELD)
                    if orders.STATE.keys() & said or (words in (orders.LONG, orders.SHORT) and self._otherwise_ahead())
                    else None
                )
                if state:
                    side = value  # type: ignore[assignment]
                    break
            cursor.reset(mark)
        if side is None:
            return False
        self.draft.begin_rule("enter", side)
        condition = self.conditions.condition()
        if condition is None:
            return False
        self.draft.entries += ((side, condition),)
        self.draft.last_entry = (side, condition)
        if not self._otherwise_ahead():
            self.draft.add_exit(side, Not(condition=condition))
            self.draft.assume("while", "A position held while a condition lasts is closed when it no longer holds")
        return True

    def _held_while(self) -> bool:
        """Read "hold it while A" and "stay long until B" behind an entry, and "stay in the trade while A" anywhere: ways out."""
        cursor = self.cursor
        verb = cursor.words(orders.TO_KEEP)
        trade = verb is not None and cursor.words(orders.THE_TRADE, noise=False) is not None
        named: Side | None = cursor.take(orders.ONE_OF_SIDES, noise=False) if verb and not trade else None
        trade = trade or (verb in orders.HOLD and not named)
        bought = verb is not None and self.settings.symbol(lead=True)
        until = cursor.words(orders.UNTIL, noise=False)
        lasts = until or cursor.words(orders.LASTING, noise=False)
        known = self.draft.last_entry is not None
        if not verb or not lasts or (verb in orders.BE and not trade) or not (until or known or trade):
            return False
        if not known and bought:
            return False  # "Hold GOOG while A" buys it
        near = self.draft.last_entry[0] if self.draft.last_entry is not None else None
        if named or len({side for side, _ in self.draft.entries}) == 2:
            near = named  # None: of both sides
        self.draft.begin_rule("exit", near)
        self.draft.rising_side = (near == "short") == bool(until)
        condition = self.conditions.condition()
        if condition is None or (isinstance(condition, Time) and not (until and condition.weekdays)):
            return False
        if until:
            self.exits.add(near, condition)
        else:
            if not known and "long" in self.draft.bare_entries:  # "buy and hold it while A"
                self.draft.add_entry("long", condition)
            self.exits.add(near, Not(condition=condition))
            self.draft.assume("while", "A position held while a condition lasts is closed when it no longer holds")
        self.draft.end_rule(self.cursor.position, "exit")
        return True

    def _said_tail(self, count: int) -> set[str]:
        return {t.norm for t in self.cursor.tokens[max(0, self.cursor.position - count) : self.cursor.position]}

    def _otherwise_ahead(self) -> bool:
        """Whether this sentence or the next begins an "otherwise"."""
        for token in self.cursor.tokens[self.cursor.position : self.cursor.position + 60]:
            if token.norm in joins.ELSE:
                return True
        return False
