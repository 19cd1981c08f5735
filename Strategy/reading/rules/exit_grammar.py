"""The grammar of ways out: levels and times behind "exit", alternatives, and which side is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from Backtest.canonical import All, AnyCondition, AnyOf, BarsHeld, Side, Time
from Strategy.reading.conditions.condition_grammar import Conditions
from Strategy.reading.settings.risk_grammar import RiskGrammar
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.words import candles, comparing, durations, indicator_words, joins, orders, prices, small, spans


@dataclass(eq=False)
class Exits(Grammar):
    """Reads what stands behind the words of an exit."""

    conditions: Conditions
    risk: RiskGrammar

    def other_side_too(self) -> Side | None:
        """Read "and shorts" behind "close longs when ...": the verb of the exit before it counts for both.

        A bare "short when ..." goes short, unless a short position is opened elsewhere already.
        """
        draft, cursor = self.draft, self.cursor
        listed = draft.section is not None and draft.section[0] == "exit"
        if draft.last_exit is None and not listed:
            return None
        sides: tuple[Side, ...] = ("long", "short")
        for side in sides:
            mark = cursor.mark()
            if side == draft.last_exit:
                continue
            named = cursor.words(orders.POSITIONS_TOO[side], noise=False)
            bare = named is None and cursor.words(orders.BARE_SIDE[side], orders.THE_SIDE[side], noise=False)
            if (named or bare) and (
                cursor.looking_at(joins.WHEN, joins.WHILE, noise=False) or (named and self._condition_ahead())
            ):
                entered = {s for s, _ in draft.entries}
                if named or bare in orders.THE_SIDE[side] or side in entered or not entered:
                    return side
            cursor.reset(mark)
        return None

    def _condition_ahead(self) -> bool:
        """Whether "at RSI < 40", "with RSI below 40", "below the average" or "a close above it" comes."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words(orders.AT_A_LEVEL, noise=False)
        try:
            return (
                cursor.looking_at(
                    comparing.ABOVE, comparing.CROSS, indicator_words.INDICATOR, prices.PRICE, noise=False
                )
                is not None
            )
        finally:
            cursor.reset(mark)

    def special(self, side: Side | None, kind: str = "exit") -> bool:
        """Read "after 10 bars", "at a 10% profit", "at the end of the day", "on the opposite cross"."""
        cursor, draft = self.cursor, self.draft
        cursor.symbol(",", ":")
        start = cursor.mark()
        if self.at_time(side, kind):
            return self.more(side, kind)
        cursor.reset(start)
        cursor.take(joins.WHEN)
        cursor.words(orders.OPPOSITE_EXIT_LEAD)
        if cursor.take(orders.OPPOSITE):
            draft.opposite_exit = True
            return self.more(side, kind)
        cursor.reset(start)
        if self.risk.exit_level("long" if kind == "sell" and side is None else side):
            return self.more(side, kind)
        cursor.reset(start)
        cursor.words(durations.POSITION_LEAD)
        after = cursor.words(durations.AFTER)
        cursor.words(durations.AFTER_AT_MOST)
        if after and (token := cursor.number(percent=False)):
            unit = cursor.take(spans.UNIT, noise=False)
            if (
                unit
                and not cursor.looking_at(spans.AGO, spans.IN_A_ROW, indicator_words.INDICATOR, noise=False)
                and not cursor.looking_at(candles.UP_BAR, noise=False)
            ):
                cursor.words(durations.AFTER_TAIL)
                draft.set_time_limit(draft.bars(token.value, unit), "long" if kind == "sell" and side is None else side)
                return self.more(side, kind)
        cursor.reset(start)
        return False

    def more(self, side: Side | None, kind: str = "exit") -> bool:
        """Read "or when ..." behind an exit that was a level or a time."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.symbol(",")
        if cursor.take(joins.OR) and not self.conditions.at_boundary():
            inner = cursor.mark()
            if self.special(side, kind):
                return True
            cursor.reset(inner)
            cursor.take(joins.WHEN)
            condition = self.conditions.condition()
            if condition is not None:
                if kind == "sell":
                    self.draft.sells += (condition,)
                else:
                    self.add(side, condition)
                return True
        cursor.reset(mark)
        self.whichever()
        return True

    def whichever(self) -> None:
        """Skip "whichever comes first": several exits are always alternatives."""
        mark = self.cursor.mark()
        self.cursor.symbol(",")
        if not self.cursor.words(orders.WHICHEVER):
            self.cursor.reset(mark)

    def add(
        self, side: Side | None, condition: AnyCondition, short: AnyCondition | None = None, start: int | None = None
    ) -> None:
        """Add an exit, and what follows it behind "or"."""
        if isinstance(condition, Time) and condition.start is not None:
            self._ask_of_only(start if start is not None else self.draft.action_start)
        window = self.window()
        if window is not None:
            condition = All(conditions=[condition, window])
            short = All(conditions=[short, window]) if short is not None else None
        kept = self.completed(side, condition)
        if kept is not None:
            everything = isinstance(kept, Time) and kept.start is not None
            short = self._without_time_limit(short, None) if short is not None else None
            self.draft.add_exit(side, kept, short=short, everything=everything)
        self.draft.last_exit = side
        self.draft.exit_end = self.cursor.position

    def window(self) -> AnyCondition | None:
        """Read the time behind "sell when RSI > 60 before 15:50", which is a part of the exit's condition."""
        mark = self.cursor.mark()
        self.cursor.words(joins.ONLY_IN, noise=False)
        found = self.conditions.clock.time()
        if found is None:
            self.cursor.reset(mark)
        elif self.cursor.tokens[mark.position].norm in joins.BUT_OR_ONLY:
            self.conditions.limits.whose(mark.position, apart=False)
        return found

    def for_short(self, side: Side | None, start: Mark, read: Callable[[], AnyCondition | None]) -> AnyCondition | None:
        """Read the words of an exit of no side, from `start` to here, as they are meant for a short position.

        Words without a direction, such as "touches the middle band", are from above there.
        """
        if side is not None:
            return None
        here = self.cursor.mark()
        self.cursor.position = start.position
        self.draft.rising_side = True
        self.draft.subject, self.draft.repeat = None, None
        found = read()
        self.cursor.reset(here)
        return found

    def at_time(self, side: Side | None, kind: str) -> bool:
        """Read "after 15:50", "at 15:50 at the latest", "before 15:50 if RSI > 50" behind an exit."""
        mark = self.cursor.mark()
        found = self.conditions.clock.exit_time()
        if found is None:
            self.cursor.reset(mark)
            return False
        if not self._goes_on():
            self._ask_of_only(mark.position)
        self.draft.last_exit = side
        if self._goes_on():
            self.cursor.reset(mark)
            return self._in_window(side)
        if kind == "sell":
            self.draft.sells += (found,)
        else:
            self.draft.add_exit(side, found, everything=side is None)
        self.draft.exit_end = self.cursor.position
        return True

    def _ask_of_only(self, start: int) -> None:
        """Ask about "exits only before 15:50", which may limit the other exits or be one itself."""
        tokens, end = self.cursor.tokens, self.cursor.position
        if not any(token.norm in small.ONLY for token in tokens[self.draft.action_start : end]):
            return
        said = " ".join(token.norm for token in tokens[start:end] if token.norm not in small.ONLY)
        message = f"'Exit only {said}' says when other exits count, or when every position is closed"
        self.draft.problem("error", "exit_window", "text", message, f"Say 'sell when ... {said}' or 'exit {said}'")
        meanings = f"that rules for leaving a position count only {said}, or that every position is closed {said}"
        self.draft.ask(f"What does 'exit only {said}' mean: {meanings}?")

    def _goes_on(self) -> bool:
        """Whether a condition follows that belongs to the time before it. Takes nothing."""
        mark = self.cursor.mark()
        joined = self.cursor.take(joins.AND, noise=False) and not self.conditions.at_boundary()
        self.cursor.reset(mark)
        return bool(joined or self.cursor.looking_at(joins.WHEN, noise=False))

    def _in_window(self, side: Side | None) -> bool:
        """Read "before 15:50 when RSI > 70", where the time is a part of the condition."""
        cursor = self.cursor
        mark = cursor.mark()
        window = self.conditions.clock.time()
        if window is None or cursor.looking_at(joins.AND, noise=False) or not cursor.take(joins.WHEN, noise=False):
            cursor.reset(mark)
            return False
        condition = self.conditions.condition()
        if condition is None:
            cursor.reset(mark)
            return False
        self.add(side, All(conditions=[window, condition]))
        return True

    def completed(self, side: Side | None, condition: AnyCondition, kind: str = "exit") -> AnyCondition | None:
        """Read the levels and times behind an exit's condition; return the condition without a time limit."""
        kept = self._without_time_limit(condition, "long" if kind == "sell" and side is None else side)
        mark = self.cursor.mark()
        self.cursor.symbol(",")
        if self.cursor.take(joins.OR):
            inner = self.cursor.mark()
            if self.special(side, kind):
                mark = self.cursor.mark()
            else:
                self.cursor.reset(inner)
                self.cursor.take(joins.WHEN)
                if self.special(side, kind):
                    mark = self.cursor.mark()
        self.cursor.reset(mark)
        self.whichever()
        return kept

    def _without_time_limit(self, condition: AnyCondition, side: Side | None) -> AnyCondition | None:
        """Take "or after n bars" out of an exit: it is the strategy's time limit."""
        if self._said_age():
            return condition
        if isinstance(condition, BarsHeld) and condition.op == ">=":
            self.draft.set_time_limit(condition.bars, side)
            return None
        if isinstance(condition, AnyOf):
            times = [c for c in condition.conditions if isinstance(c, BarsHeld) and c.op == ">="]
            rest = [c for c in condition.conditions if c not in times]
            if len(times) == 1 and rest:
                self.draft.set_time_limit(times[0].bars, side)
                return rest[0] if len(rest) == 1 else AnyOf(conditions=rest)
        return condition

    def _said_age(self) -> bool:
        """Whether "bars held" was said, in which the age of a position is a condition as it stands."""
        said = [t.norm for t in self.cursor.tokens[max(0, self.cursor.position - 400) : self.cursor.position]]
        return any(f"{one} {two}" in durations.BARS_HELD for one, two in pairwise(said))
