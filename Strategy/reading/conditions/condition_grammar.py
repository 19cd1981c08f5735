"""The grammar of conditions: and, or, not, windows of bars, patterns, the open position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from Backtest.canonical import All, AnyCondition, AnyOf, Compare, Cross, ForBars, Not, Time, WithinBars
from Strategy.reading.conditions.bar_patterns import BarPatterns
from Strategy.reading.conditions.bar_shapes import BarShapes
from Strategy.reading.conditions.chart_frames import on_frame
from Strategy.reading.conditions.choices import combined
from Strategy.reading.conditions.clock_grammar import ClockGrammar
from Strategy.reading.conditions.comparison_grammar import Comparisons
from Strategy.reading.conditions.limit_grammar import LimitGrammar
from Strategy.reading.conditions.open_position import OpenPosition
from Strategy.reading.conditions.piercing import pierced
from Strategy.reading.conditions.predicates import Predicates
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.operands import Operands
from Strategy.words import comparing, joins, small, spans


@dataclass(eq=False)
class Conditions(Grammar):
    """Reads conditions. `exit_rule` allows what only an exit may ask of the open trade."""

    at_boundary: Callable[[], bool]

    def __post_init__(self) -> None:
        self.operands = Operands(self.cursor, self.draft)
        self.predicates = Predicates(self.cursor, self.draft, self.operands)
        self.comparisons = Comparisons(self.cursor, self.draft, self.operands, self.predicates)
        self.patterns = BarPatterns(self.cursor, self.draft, self.operands, self.predicates.movements)
        self.clock = ClockGrammar(self.cursor, self.draft)
        self.limits = LimitGrammar(self.cursor, self.draft, self.clock)
        self.shapes = BarShapes(self.cursor, self.draft)
        self.position = OpenPosition(self.cursor, self.draft)
        self.depth = 0
        self.nested = 0
        self.excepting = 0  # how many "unless" stand around what is read
        self.any_listed = False  # whether commas stand between alternatives: "any of the following: A, B"

    def condition(self) -> AnyCondition | None:
        """Read a whole condition: alternatives of conjunctions."""
        self.depth += 1
        try:
            if self.depth > 12:
                return None
            return self._alternatives()
        finally:
            self.depth -= 1

    def _time_to_leave(self) -> list[AnyCondition]:
        """Read "before 15:50" where it is an exit of its own: "sell when RSI > 60 or before 15:50"."""
        mark = self.cursor.mark()
        found = self.clock.exit_time() if self.draft.exit_rule and self.depth == 1 else None
        if found is None or self.cursor.looking_at(joins.AND, joins.WHEN, noise=False):
            self.cursor.reset(mark)
            return []
        return [found]

    def _alternatives(self) -> AnyCondition | None:
        """Read "A and B or C": alternatives of conjunctions. Commas before an "or" part alternatives as well: "A, B or C"."""
        parts, comma_list = self._conjunction()
        if not parts:
            return None
        groups: list[AnyCondition] = []
        pending = parts
        while True:
            mark = self.cursor.mark()
            self.cursor.symbol(",")
            if not self.cursor.take(joins.OR) or self.at_boundary():
                self.cursor.reset(mark)
                break
            self._next_line()
            self.cursor.take(joins.WHEN)
            more = self._time_to_leave() or self._conjunction(alternative=True)[0]
            if not more and (same := self.comparisons.same()) is not None:
                more = [same]  # "below the 20-day low or the 50-day low"
            if not more:
                self.cursor.reset(mark)
                break
            if comma_list:
                groups += pending
                comma_list = False
            else:
                groups.append(combined("all", pending))
            pending = more
        groups.append(combined("all", pending))
        if len(groups) == 1:
            return groups[0]
        either = self._with_both(AnyOf(conditions=groups))
        if isinstance(either, AnyOf) and any(isinstance(group, All) for group in groups) and not self.nested:
            text = "Of 'and' and 'or', 'and' binds first: A or (B and C)"
            self.draft.assume("and_first", text, "(A or B) and C: put brackets around what belongs together")
        return either

    def _with_both(self, either: AnyCondition) -> AnyCondition:
        """Read ", and C" behind "A or B", and "when C" behind two times: it is set apart, and must hold with A as well."""
        mark = self.cursor.mark()
        times = isinstance(either, AnyOf) and all(isinstance(c, Time) for c in either.conditions)
        bound = self._comma_and() or (times and self.cursor.take(joins.WHEN, joins.PROVIDED) is not None)
        if not bound or self.at_boundary():
            self.cursor.reset(mark)
            return either
        self._next_line()
        self.cursor.take(joins.WHEN)
        parts, _ = self._conjunction()
        if not parts:
            self.cursor.reset(mark)
            return either
        if not times:
            text = "What stands behind 'A or B, and' must hold with either of the two"
            self.draft.assume("either", text, "with the second only", "entry_rules")
        return All(conditions=[either, *parts])

    def _comma_and(self) -> bool:
        return self.cursor.symbol(",") is not None and self.cursor.take(joins.AND, noise=False) is not None

    def _conjunction(self, *, alternative: bool = False) -> tuple[list[AnyCondition], bool]:
        """Return conditions joined by and, and whether commas alone joined them; an `alternative` ends at ", and"."""
        start = self.cursor.mark()
        both = self.cursor.words(small.BOTH)
        first = self._unary()
        if first is None and both:
            self.cursor.reset(start)
            both, first = None, self._unary()
        if first is None:
            return [], False
        parts, commas, ands = [first], 0, 0
        begins = start.position
        while True:
            mark = self.cursor.mark()
            if alternative and self.nested == 0:
                when = isinstance(first, Time) and self.cursor.looking_at(joins.WHEN, joins.PROVIDED, noise=False)
                if when or self._comma_and():
                    self.cursor.reset(mark)
                    break
            comma = self.cursor.symbol(",")
            behind_comma = comma or self.cursor.previous_word() == ","
            if self.depth == 1:
                self.limits.whose(self.cursor.position, apart=bool(behind_comma))
            if self.excepting and self._exception_ahead():
                self.cursor.reset(mark)
                break
            unless = self._unless()
            joined = unless or self.cursor.take(joins.PROVIDED) or self.cursor.take(joins.AND)
            if joined and not unless:
                unless = self._unless(days=False)
            if not (comma or joined) or (not unless and self.at_boundary()):
                self.cursor.reset(mark)
                break
            if joined and not unless:
                self._next_line()
                self.cursor.take(joins.WHEN)
                self.cursor.take(joins.PROVIDED)
            found = self._excepted(unless) if unless else self._unary()
            if found is None:
                found = self.comparisons.same()
                if found is not None and self.draft.frame_behind is not None:
                    moved = on_frame(self.draft, parts[-1], self.draft.frame_behind[1], len(self.draft.pairs))
                    parts[-1] = moved if moved is not None else parts[-1]
            if found is None:
                self.cursor.reset(mark)
                break
            if isinstance(found, WithinBars) and self._said_since(mark) & small.THEN.keys():
                # "A and then B within 5 bars": B comes now, and A was at most 5 bars before.
                parts[-1], found = WithinBars(condition=parts[-1], bars=min(found.bars + 1, 500)), found.condition
            if not unless:
                words = self.cursor.tokens[begins : self.cursor.position]
                parts[-1], found = pierced(self.draft, parts[-1], found, words, mark.position - begins)
            begins = mark.position
            parts.append(Not(condition=found) if unless else found)
            commas, ands = commas + (not joined), ands + bool(joined)
        if both and len(parts) < 2:  # "both" is said of what was named: "both are falling"
            self.cursor.reset(start)
            alone = self._unary()
            return ([alone], False) if alone is not None else ([], False)
        if self.any_listed and commas and not ands:
            return [AnyOf(conditions=parts)], False
        return parts, commas > 0 and not ands

    def _said_since(self, mark: Mark) -> set[str]:
        return {token.norm for token in self.cursor.tokens[mark.position : self.cursor.position]}

    def _next_line(self) -> None:
        """Go on in the next line where a line ends in "and" or "or"."""
        token = self.cursor.peek()
        if token is not None and token.kind == "nl":
            self.cursor.advance(1)
            self.cursor.symbol("-", "*", "•")

    def _exception_ahead(self) -> bool:
        """Whether another "unless" or "not when" comes, which is no part of the one that is read. Takes nothing."""
        mark = self.cursor.mark()
        found = self._unless() or (self.cursor.take(joins.AND, noise=False) and self._unless())
        self.cursor.reset(mark)
        return bool(found)

    def _unless(self, *, days: bool = True) -> str:
        """Take "unless", "not when", and with `days` "except" in front of days or times; return what was said."""
        start = self.cursor.position
        if self.cursor.take(joins.UNLESS) or (days and self._except_days()):
            return " ".join(t.norm for t in self.cursor.tokens[start : self.cursor.position])
        return ""

    def _excepted(self, said: str) -> AnyCondition | None:
        """Read what is excepted: all that stands behind "unless"; behind "not when" and "except on" no more than its alternatives.

        "Not when A and B" is asked about: not(A and B), or not A, and B?
        """
        start = self.cursor.mark()
        first = self._unary()
        days = isinstance(first, Time)
        if first is None or not (days or any(word in small.NOT for word in said.split())):
            self.cursor.reset(start)
            self.excepting += 1
            try:
                return self._alternatives()
            finally:
                self.excepting -= 1
        found = self._or_else(first, times=days)
        mark, end = self.cursor.mark(), None
        if not days and self.cursor.take(joins.AND, noise=False) and not self.at_boundary():
            again = self._unless() or self.cursor.looking_at(joins.NOT, noise=True)
            goes_on = not again and self._unary() is not None
            end = self.cursor.position if goes_on else None
        self.cursor.reset(mark)
        if end is not None:
            self._ask_of_scope(said, start.position, end)
        return found

    def _or_else(self, first: AnyCondition, *, times: bool) -> AnyCondition:
        """Read "or B" behind what is excepted; behind `times` only further times."""
        parts = [first]
        while True:
            mark = self.cursor.mark()
            joined_by = self.cursor.words(small.OR, small.NOR, noise=False)
            self._unless() if joined_by else None
            found = (self.clock.time() if times else self._unary()) if joined_by and not self.at_boundary() else None
            if found is None:
                self.cursor.reset(mark)
                return parts[0] if len(parts) == 1 else AnyOf(conditions=parts)
            parts.append(found)

    def _ask_of_scope(self, said: str, start: int, end: int) -> None:
        """Ask how far "not when" goes where "and" joins another condition to what stands behind it."""
        words = " ".join(t.norm for t in self.cursor.tokens[start:end])
        message = f"'{said} {words}' may except both together, or the first only"
        remedy = "Put brackets around what is excepted, or say 'and not' before each condition"
        self.draft.problem("error", "scope", "text", message, remedy)
        self.draft.ask(f"Does {said!r} in '{said} {words}' go for both conditions together, or for the first only?")

    def _except_days(self) -> bool:
        """Read "except" in front of days or times."""
        mark = self.cursor.mark()
        if self.cursor.words(joins.EXCEPT, noise=False):
            after = self.cursor.mark()
            if self.clock.time() is not None:
                self.cursor.reset(after)
                return True
        self.cursor.reset(mark)
        return False

    def _unary(self) -> AnyCondition | None:
        self.nested += 1
        try:
            return self._single() if self.nested <= 30 else None
        finally:
            self.nested -= 1

    def _single(self) -> AnyCondition | None:
        """Read one condition: "not A", "neither A nor B", "(A or B)", "A for 3 bars", or a comparison."""
        cursor = self.cursor
        start = cursor.mark()
        window = self._window_prefix()
        if window is not None:
            return window
        mark = cursor.mark()
        if cursor.take(joins.NOT):
            inner = None if cursor.looking_at(joins.NOT, noise=False) else self._unary()
            if isinstance(inner, Time):
                inner = self._or_else(inner, times=True)  # "not before 10:00 or after 16:00"
            if inner is not None:
                return Not(condition=inner)
            cursor.reset(mark)
        if cursor.words(small.NEITHER) and (neither := self._neither()) is not None:
            return neither
        cursor.reset(mark)
        if cursor.words(small.EITHER) and (either := self._either()) is not None:
            return either
        cursor.reset(mark)
        cursor.skip_noise()
        if cursor.symbol("("):
            inner = self.condition()
            if inner is not None and cursor.symbol(")"):
                return self._window_suffix(inner)
            cursor.reset(mark)
        readers: tuple[Callable[[], AnyCondition | None], ...] = (
            self.clock.time, self.position.condition, self.comparisons.named_cross, self.operands.ages.condition, self.shapes.condition, self.patterns.condition, self.comparisons.condition,
        )  # fmt: skip
        for reader in readers:
            found = reader()
            if found is not None:
                return self._window_suffix(found)
            cursor.reset(start)
        return None

    def _neither(self) -> AnyCondition | None:
        """Read the rest of "neither A nor B"."""
        parts = [self._unary()]
        while self.cursor.words(small.NOR):
            parts.append(self._unary())
        found = [p for p in parts if p is not None]
        return Not(condition=AnyOf(conditions=found)) if len(found) == len(parts) >= 2 else None

    def _either(self) -> AnyCondition | None:
        """Read the rest of "either A or B", which belong together: "X and either A or B" is X and (A or B)."""
        cursor = self.cursor
        cursor.take(joins.WHEN)
        start = cursor.mark()
        parts = [self._unary()]
        while parts[-1] is not None:
            mark = cursor.mark()
            cursor.symbol(",")
            if not cursor.take(joins.OR) or self.at_boundary():
                cursor.reset(mark)
                break
            self._next_line()
            cursor.take(joins.WHEN)
            later = self._time_to_leave()
            parts.append(later[0] if later else self._unary())
            if parts[-1] is None:
                parts.pop()
                cursor.reset(mark)
                break
        found = [p for p in parts if p is not None]
        if len(found) >= 2:
            if cursor.looking_at(joins.AND, noise=False) and not self.at_boundary():
                text = "What stands behind 'either ... or ...' and 'and' must hold with either of the two"
                self.draft.assume("either", text, "with the second only", "entry_rules")
            return AnyOf(conditions=found)
        if found and cursor.looking_at(joins.OR, noise=False):
            return found[0]  # "either when RSI > 70 or after 10 bars": the exit reads what follows
        cursor.reset(start)
        whole = self._alternatives()  # "either A and B or C"
        return whole if isinstance(whole, AnyOf) else None

    def _window_prefix(self) -> AnyCondition | None:
        """Read "within the last 5 bars (...)" or "on each of the last 3 bars (...)"."""
        cursor = self.cursor
        mark = cursor.mark()
        each = cursor.take(spans.EACH_OF)
        if not each and not cursor.take(spans.WITHIN):
            cursor.reset(mark)
            return None
        cursor.take(spans.LAST)
        span = cursor.span()
        if span is None:
            cursor.reset(mark)
            return None
        cursor.symbol(",")
        inner = self._unary()
        if inner is None:
            cursor.reset(mark)
            return None
        bars = self.draft.bars(*span)
        if bars < 2:
            return inner
        return self._on_each(inner, min(bars, 500)) if each else WithinBars(condition=inner, bars=min(bars, 500))

    def _on_each(self, condition: AnyCondition, bars: int) -> AnyCondition:
        """Return a condition on each of the last bars; "drops below the SMA for 2 days" is a level, as nothing crosses twice in a row."""
        if condition in self.draft.either_way and isinstance(condition, AnyOf):
            self.draft.assume_direction()
            condition = condition.conditions[not self.draft.rising_side]
        if isinstance(condition, Cross):
            text = f"To go {condition.direction} something for {bars} bars is to be {condition.direction} it on each of them"
            self.draft.assume("lasting", text, "a cross, and no bar on the other side after it")
            condition = Compare(
                left=condition.left, op=">" if condition.direction == "above" else "<", right=condition.right
            )
        return ForBars(condition=condition, bars=bars)

    def _window_suffix(self, condition: AnyCondition) -> AnyCondition:
        """Read "for 3 bars", "for 3 days in a row" or "within the last 5 bars" behind a condition."""
        cursor = self.cursor
        mark = cursor.mark()
        if not (
            isinstance(condition, Cross)
            and cursor.symbol("(")
            and cursor.take(comparing.NAMED_CROSS)
            and cursor.symbol(")")
        ):
            cursor.reset(mark)
        mark = cursor.mark()
        bars = self.predicates.movements.span(spans.WITHIN, need_last=True)
        if bars is not None:
            return WithinBars(condition=condition, bars=bars) if bars >= 2 else condition
        cursor.reset(mark)
        bars = self.predicates.movements.span(spans.FOR)
        if bars is None:
            cursor.reset(mark)
            bars = self.predicates.movements.span(spans.EACH_OF)
        if bars is None:
            cursor.reset(mark)
            bars = self.predicates.movements.count_in_a_row()
        if bars is not None:
            return self._on_each(condition, bars) if bars >= 2 else condition
        cursor.reset(mark)
        return condition
