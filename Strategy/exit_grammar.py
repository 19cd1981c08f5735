"""The grammar of ways out: levels and times behind "exit", alternatives, and which side is left."""

from __future__ import annotations

from collections.abc import Callable

from Backtest.canonical import All, AnyCondition, AnyOf, BarsHeld, Side, Time
from Strategy.condition_grammar import Conditions
from Strategy.cursor import Cursor, Mark
from Strategy.draft import Draft
from Strategy.risk_grammar import Risk


def _nouns(side: Side) -> tuple[str, ...]:
    nouns = [f"{side}s", *(f"{side} {n}" for n in ("positions", "trades", "position", "trade", "ones", "side"))]
    return tuple(f"{lead}{noun}" for lead in ("", "out of ", "the ", "my ", "all ", "any ") for noun in nouns)


_NOUNS: dict[Side, tuple[str, ...]] = {"long": _nouns("long"), "short": _nouns("short")}


class Exits:
    """Reads what stands behind the words of an exit."""

    def __init__(self, cursor: Cursor, draft: Draft, conditions: Conditions, risk: Risk) -> None:
        self.cursor = cursor
        self.draft = draft
        self.conditions = conditions
        self.risk = risk
        self.action_start = 0  # where the words of the action begin whose rest is read

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
            named = cursor.words(*_NOUNS[side], noise=False)
            bare = named is None and cursor.words(side, f"the {side}", noise=False)
            if (named or bare) and (
                cursor.looking_at("WHEN", "WHILE", noise=False) or (named and self._condition_ahead())
            ):
                entered = {s for s, _ in draft.entries}
                if named or (bare or "").startswith("the ") or side in entered or not entered:
                    return side
            cursor.reset(mark)
        return None

    def _condition_ahead(self) -> bool:
        """Whether "at RSI < 40", "with RSI below 40", "below the average" or "a close above it" comes."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words("at", "with", "on", "at a", "on a", "with a", noise=False)
        try:
            return cursor.looking_at("ABOVE", "CROSS", "INDICATOR", "PRICE", noise=False) is not None
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
        cursor.take("WHEN")
        cursor.words("on the", "on an", "on", "at the", "at", "when the", "when")
        if cursor.take("OPPOSITE"):
            draft.flags |= {"opposite_exit"}
            return self.more(side, kind)
        cursor.reset(start)
        if self.risk.exit_level("long" if kind == "sell" and side is None else side):
            return self.more(side, kind)
        cursor.reset(start)
        cursor.words("position", "trade", "at the latest")
        after = cursor.words("after", "at the end of", "in", "within")
        cursor.words("at most", "a maximum of", "maximum of", "no more than", "max", "maximum")
        if after and (token := cursor.number(percent=False)):
            unit = cursor.take("UNIT", noise=False)
            if (
                unit
                and not cursor.looking_at("AGO", "IN_A_ROW", "INDICATOR", noise=False)
                and not cursor.looking_at("UP_BAR", noise=False)
            ):
                cursor.words(
                    "at most",
                    "at the latest",
                    "in the trade",
                    "regardless",
                    "no matter what",
                    "have passed",
                    "in any case",
                    "max",
                    "maximum",
                    "whichever comes first",
                    "if nothing else happens",
                    "otherwise",
                    "if neither is hit",
                    "if neither happens",
                )
                draft.set_time_limit(draft.bars(token.value, unit), "long" if kind == "sell" and side is None else side)
                return self.more(side, kind)
        cursor.reset(start)
        return False

    def more(self, side: Side | None, kind: str = "exit") -> bool:
        """Read "or when ..." behind an exit that was a level or a time."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.symbol(",")
        if cursor.take("OR") and not self.conditions.at_boundary():
            inner = cursor.mark()
            if self.special(side, kind):
                return True
            cursor.reset(inner)
            cursor.take("WHEN")
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
        if not self.cursor.words(
            "whichever comes first", "whichever happens first", "whichever is first", "whichever first"
        ):
            self.cursor.reset(mark)

    def add(
        self, side: Side | None, condition: AnyCondition, short: AnyCondition | None = None, start: int | None = None
    ) -> None:
        """Add an exit, and what follows it behind "or"."""
        if isinstance(condition, Time) and condition.start is not None:
            self._ask_of_only(start if start is not None else self.action_start)
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
        self.cursor.words("but only", "but", "only", noise=False)
        found = self.conditions.clock.time()
        if found is None:
            self.cursor.reset(mark)
        elif self.cursor.tokens[mark.position].norm in ("but", "only"):
            self.conditions.whose_limit(mark.position, apart=False)
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
        if not any(token.norm == "only" for token in tokens[self.action_start : end]):
            return
        said = " ".join(token.norm for token in tokens[start:end] if token.norm != "only")
        message = f"'Exit only {said}' says when other exits count, or when every position is closed"
        self.draft.problem("error", "exit_window", "text", message, f"Say 'sell when ... {said}' or 'exit {said}'")
        meanings = f"that rules for leaving a position count only {said}, or that every position is closed {said}"
        self.draft.ask(f"What does 'exit only {said}' mean: {meanings}?")

    def _goes_on(self) -> bool:
        """Whether a condition follows that belongs to the time before it. Takes nothing."""
        mark = self.cursor.mark()
        joined = self.cursor.take("AND", noise=False) and not self.conditions.at_boundary()
        self.cursor.reset(mark)
        return bool(joined or self.cursor.looking_at("WHEN", noise=False))

    def _in_window(self, side: Side | None) -> bool:
        """Read "before 15:50 when RSI > 70", where the time is a part of the condition."""
        cursor = self.cursor
        mark = cursor.mark()
        window = self.conditions.clock.time()
        if window is None or cursor.looking_at("AND", noise=False) or not cursor.take("WHEN", noise=False):
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
        if self.cursor.take("OR"):
            inner = self.cursor.mark()
            if self.special(side, kind):
                mark = self.cursor.mark()
            else:
                self.cursor.reset(inner)
                self.cursor.take("WHEN")
                if self.special(side, kind):
                    mark = self.cursor.mark()
        self.cursor.reset(mark)
        self.whichever()
        return kept

    def _without_time_limit(self, condition: AnyCondition, side: Side | None) -> AnyCondition | None:
        """Take "or after n bars" out of an exit: it is the strategy's time limit."""
        if "bars held" in self._said():
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

    def _said(self) -> str:
        return " ".join(t.norm for t in self.cursor.tokens[max(0, self.cursor.position - 400) : self.cursor.position])
