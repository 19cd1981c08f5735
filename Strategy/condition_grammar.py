"""The grammar of conditions: and, or, not, windows of bars, patterns, the open position."""

from __future__ import annotations

from collections.abc import Callable

from Backtest.canonical import (
    MIRRORED,
    All,
    AnyCondition,
    AnyOf,
    AnyOperand,
    BarsHeld,
    Compare,
    Cross,
    Falling,
    ForBars,
    IndicatorRef,
    Math,
    Not,
    Price,
    Rising,
    Time,
    UnrealizedReturn,
    Value,
    WithinBars,
)
from Backtest.indicators import REGISTRY
from Backtest.timeframes import in_words
from Strategy.bar_shapes import BarShapes
from Strategy.chart_frames import on_frame
from Strategy.choices import combined
from Strategy.clock_grammar import Clock
from Strategy.cursor import Cursor, Mark
from Strategy.draft import Draft
from Strategy.operands import Operands
from Strategy.piercing import pierced
from Strategy.predicates import Predicates
from Strategy.price_moves import PriceMoves
from Strategy.pronouns import Pronouns
from Strategy.words import candles, comparing, durations, indicator_words, joins, moving, small, spans


class Conditions:
    """Reads conditions. `exit_rule` allows what only an exit may ask of the open trade."""

    def __init__(self, cursor: Cursor, draft: Draft, at_boundary: Callable[[], bool]) -> None:
        self.cursor = cursor
        self.draft = draft
        self.operands = Operands(cursor, draft)
        self.predicates = Predicates(cursor, draft, self.operands)
        self.pronouns = Pronouns(cursor, draft, self.predicates.read)
        self.clock = Clock(cursor, draft)
        self.shapes = BarShapes(cursor, draft)
        self.moves = PriceMoves(cursor, draft)
        self.at_boundary = at_boundary
        self.depth = 0
        self.nested = 0
        self.excepting = 0  # how many "unless" stand around what is read
        self.any_listed = False  # whether commas stand between alternatives: "any of the following: A, B"
        self.elliptic = True  # whether a condition may leave out what an earlier one named

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
            if not more and (same := self._same_comparison()) is not None:
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
            if alternative and self.nested == 0 and not self.draft.exact:
                when = isinstance(first, Time) and self.cursor.looking_at(joins.WHEN, joins.PROVIDED, noise=False)
                if when or self._comma_and():
                    self.cursor.reset(mark)
                    break
            comma = self.cursor.symbol(",")
            behind_comma = comma or self.cursor.previous_word() == ","
            if self.depth == 1:
                self.whose_limit(self.cursor.position, apart=bool(behind_comma))
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
                found = self._same_comparison()
                if found is not None and self.draft.frame_behind is not None and not self.draft.exact:
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

    def whose_limit(self, at: int, *, apart: bool) -> None:
        """Say whose the limit at a token is where it stands behind an exit.

        Set apart behind "buy when A, sell when B", ", only on Mondays" or "but not on Mondays" may be of entries, exits or both, and is asked about. "Not on
        Mondays" or "unless C" right behind the exit is the exit's, and so is a time of day, and whatever is behind an exit in
        a sentence of its own: an assumption.
        """
        if not self.draft.exit_rule or self.draft.exact:
            return
        words = [t.norm for t in self.cursor.tokens[at : at + 3]]
        but = words[:1] == [*small.BUT] and not self._time_of_day(at)
        words = words[1:] if words and words[0] in small.AND_OR_BUT else words
        of_filter = len(words) > 1 and words[1] in joins.OF_FILTERS
        if not words or (words[0] not in joins.UNLESS and words[0] not in joins.LIMITING):
            return
        if words[0] in joins.LIMITING_FILTERS and not of_filter:
            return
        said = " ".join(words[:2]) if of_filter else words[0]
        if self.draft.behind_entry and (apart or but) and words[0] not in joins.UNLESS:
            self.draft.ask_whose(said)
        else:
            text = f"'{said} ...' limits the exit that it stands behind"
            self.draft.assume("filter_of", text, "the entries, or both", "exit_rules")

    def _time_of_day(self, at: int) -> bool:
        """Whether "but only before 15:40" stands at a token: a time of day and no weekday. Takes nothing."""
        mark = self.cursor.mark()
        self.cursor.position = at
        self.cursor.words(joins.BUT_ONLY, noise=False)
        found = self.clock.time()
        self.cursor.reset(mark)
        return isinstance(found, Time) and not found.weekdays

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
        if first is None or not (days or any(word in small.NOT for word in said.split())) or self.draft.exact:
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

    def _same_comparison(self) -> AnyCondition | None:
        """Read a bare value after "and": "above the SMA(50) and SMA(200)"."""
        if self.draft.repeat is None:
            return None
        mark = self.cursor.mark()
        self.draft.frame_behind = None
        operand = self.operands.operand()
        pronoun = self.cursor.previous_word() in small.PRONOUNS
        if operand is None or pronoun or isinstance(operand, Value) or self._starts_predicate():
            self.cursor.reset(mark)
            return None
        found = self.draft.repeat(operand)
        if isinstance(found, Compare | Cross) and self.predicates.units.unlike(found.left, operand):
            self.cursor.reset(mark)  # "RSI < 30 while the market has legs": nothing is below the market
            return None
        if isinstance(found, Compare | Cross):
            self.draft.beside += ((found.left, operand),)
        return found

    def _says(self) -> bool:
        """Whether something is said here of what was named: "are falling", "is below 30"."""
        mark = self.cursor.mark()
        self.cursor.words(small.ARE, small.IS, noise=False)
        said = (
            self._starts_predicate()
            or self.cursor.looking_at(moving.TREND_FLIP, moving.TREND_STATE, moving.TOUCHES) is not None
        )
        self.cursor.reset(mark)
        return said

    def _starts_predicate(self) -> bool:
        return bool(
            self.cursor.looking_at(
                comparing.ABOVE,
                comparing.CROSS,
                comparing.CROSSES,
                comparing.BETWEEN,
                moving.RISING,
                moving.EXTREME,
                moving.SIGN,
                moving.TURNS,
            )
        )

    def _unary(self) -> AnyCondition | None:
        self.nested += 1
        try:
            return self._single() if self.nested <= 30 else None
        finally:
            self.nested -= 1

    def _single(self) -> AnyCondition | None:
        cursor = self.cursor
        start = cursor.mark()
        window = self._window_prefix()
        if window is not None:
            return window
        mark = cursor.mark()
        if cursor.take(joins.NOT):
            inner = None if cursor.looking_at(joins.NOT, noise=False) else self._unary()
            if isinstance(inner, Time) and not self.draft.exact:
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
            self.clock.time, self._position, self._named_cross, self.operands.ages.condition, self.shapes.condition, self._bar_pattern, self._framed_comparison,
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
        token = cursor.number(percent=False)
        unit = cursor.take(spans.UNIT, noise=False) if token else None
        if token is None or unit is None:
            cursor.reset(mark)
            return None
        cursor.symbol(",")
        inner = self._unary()
        if inner is None:
            cursor.reset(mark)
            return None
        bars = self.draft.bars(token.value, unit)
        if bars < 2:
            return inner
        return self._on_each(inner, min(bars, 500)) if each else WithinBars(condition=inner, bars=min(bars, 500))

    def _on_each(self, condition: AnyCondition, bars: int) -> AnyCondition:
        """Return a condition on each of the last bars; "drops below the SMA for 2 days" is a level, as nothing crosses twice in a row."""
        if condition in self.draft.either_way and isinstance(condition, AnyOf):
            self.draft.assume_direction()
            condition = condition.conditions[not self.draft.rising_side]
        if isinstance(condition, Cross) and not self.draft.exact:
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

    def _position(self) -> AnyCondition | None:
        """Read what exits ask of the open trade: age and return."""
        cursor = self.cursor
        if cursor.take(durations.HELD):
            op = cursor.take(comparing.ABOVE)
            token = cursor.number(percent=False) if op else None
            return BarsHeld(op=op, bars=int(token.value)) if token else None
        if (op := cursor.words(durations.OLDER_THAN)) is not None:
            token = cursor.number(percent=False)
            unit = cursor.take(spans.UNIT, noise=False) if token else None
            return BarsHeld(op=">", bars=self.draft.bars(token.value, unit)) if token and unit else None
        loss = cursor.take(durations.UNREALIZED_LOSS)
        if loss or cursor.take(durations.UNREALIZED):
            op = cursor.take(comparing.ABOVE)
            token = cursor.number() if op else None
            if token is None or op == "==":
                return None
            if loss:
                return UnrealizedReturn(op=MIRRORED[op], percent=-token.value)
            return UnrealizedReturn(op=op, percent=token.value)
        if not self.draft.exit_rule:
            return None
        if (moved := self.moves.at_close(rising=self.draft.rising_side)) is not None:
            return moved
        mark = cursor.mark()
        cursor.words(small.AFTER, small.FOR, noise=False)
        cursor.words(durations.HELD_FOR, noise=False)
        if cursor.position > mark.position and (token := cursor.number(percent=False, noise=False)):
            unit = cursor.take(spans.UNIT, noise=False)
            if unit and not cursor.looking_at(spans.AGO, spans.IN_A_ROW, noise=False):
                cursor.words(durations.IN_TRADE_TAIL, noise=False)
                return BarsHeld(op=">=", bars=self.draft.bars(token.value, unit))
        cursor.reset(mark)
        return None

    def _named_cross(self) -> AnyCondition | None:
        name = self.cursor.take(comparing.NAMED_CROSS)
        if name is None:
            return None
        self.cursor.words(moving.CROSS_HAPPENS)
        mark = self.cursor.mark()
        self.cursor.symbol("(")
        numbers = self.operands.lengths.numbers()
        self.cursor.symbol(")")
        kind = self.cursor.take(indicator_words.INDICATOR) if len(numbers) == 2 else None
        average = kind or indicator_words.PLAIN_AVERAGE
        if len(numbers) != 2:
            self.cursor.reset(mark)
            numbers = [50, 200]
            self.draft.assume(
                "golden_cross",
                f"A {name} cross is {average} 50 {'over' if name == 'golden' else 'under'} {average} 200",
                field="entry_rules",
            )
        fast = self.draft.indicator(average, {"timeperiod": int(min(numbers))})
        slow = self.draft.indicator(average, {"timeperiod": int(max(numbers))})
        return Cross(left=fast, direction="above" if name == "golden" else "below", right=slow)

    def _bar_pattern(self) -> AnyCondition | None:
        """Read "3 consecutive up closes", "two red candles in a row", "a new 20-day high"."""
        cursor = self.cursor
        start = cursor.mark()
        cursor.words(small.AFTER, small.ON, noise=False)
        cursor.words(candles.MAKES)
        cursor.words(candles.FIRST)
        token = cursor.number(percent=False)
        count = int(token.value) if token else 1
        row = cursor.take(spans.IN_A_ROW, noise=False)
        kind = cursor.take(candles.UP_BAR)
        if kind is not None:
            self.draft.bar_noun = cursor.previous_word()
        else:
            kind = self._bars_as_before(counted=token is not None)
        if kind is None and token is not None and row and (unit := cursor.take(spans.UNIT, noise=False)):
            return self._consecutive(self.draft.bars(count, unit))
        if kind is None:
            cursor.reset(start)
            return self._breakout()
        row = cursor.take(spans.IN_A_ROW, noise=False) or row
        if token is None and not row and kind in ("gains", "losses"):
            return None
        return self._pattern(str(kind), max(count, 1))

    def _bars_as_before(self, *, counted: bool) -> str | None:
        """Read "red ones" and, where counted, "two red": the bars, days or closes that were named before, or candles of a color."""
        cursor = self.cursor
        mark = cursor.mark()
        said = cursor.words(candles.OF_BARS)
        ones = cursor.words(candles.ONES, noise=False) if said else None
        ends = cursor.clause_ends(joins.CLAUSE_JOINS)
        noun = self.draft.bar_noun or ("candles" if ones and said in candles.COLORS else "")
        noun = noun if noun.endswith("s") else f"{noun}s"
        kind: str | None = candles.UP_BAR.get(f"{said} {noun}")
        if kind is None or not (ones or (counted and ends)):
            cursor.reset(mark)
            return None
        return kind

    def _pattern(self, kind: str, count: int) -> AnyCondition:
        close, open_ = Price(column="Close"), Price(column="Open")
        if kind == "rising":
            return Rising(operand=close, bars=count)
        if kind == "falling":
            return Falling(operand=close, bars=count)
        if kind in ("High", "HLow"):
            return Rising(operand=Price(column="High" if kind == "High" else "Low"), bars=count)
        if kind in ("Low", "LHigh"):
            return Falling(operand=Price(column="Low" if kind == "Low" else "High"), bars=count)
        body = Compare(left=close, op=">" if kind == "green" else "<", right=open_)
        return body if count < 2 else ForBars(condition=body, bars=count)

    def _consecutive(self, bars: int) -> AnyCondition | None:
        """Read the rest of "3 consecutive days of rising volume", "5 straight days of losses"."""
        cursor = self.cursor
        cursor.words(candles.DAYS_OF)
        direction = cursor.take(moving.RISING)
        operand = self.operands.term()
        direction = direction or cursor.take(moving.RISING)
        if operand is not None and direction is not None:
            return self.predicates.movements.direction(operand, direction, bars)
        return None

    def _breakout(self) -> AnyCondition | None:
        """Read "a new 20-day high" or "a 20-day high breakout"."""
        cursor = self.cursor
        new = cursor.take(moving.NEW)
        mark = cursor.mark()
        level = self.operands.prices.highest_or_lowest()
        if level is None:
            cursor.reset(mark)
            if cursor.take(moving.BREAKOUT):
                return self._breakout_of()
            token = cursor.number(percent=False)
            unit = cursor.take(spans.UNIT, noise=False) if token else None
            name = cursor.take(moving.BREAKOUT, moving.BREAKDOWN, noise=False) if token and unit else None
            if token is None or unit is None or name is None:
                return None
            bars = self.draft.bars(token.value, unit)
            level = self.draft.indicator(name, {"timeperiod": bars}).model_copy(update={"offset": 1})
            new = True
        breakout = cursor.take(moving.BREAKOUT, noise=False)
        if not (new or breakout):
            return None
        return self.predicates.movements.beyond(Price(column="Close"), level)

    def _breakout_of(self) -> AnyCondition | None:
        """Read the rest of "a Donchian breakout of 20 days", upward to buy and downward to sell."""
        cursor = self.cursor
        cursor.words(moving.BREAKOUT_SPAN, noise=False)
        token = cursor.number(percent=False)
        unit = cursor.take(spans.UNIT, noise=False) if token else None
        if token is None or unit is None:
            return None
        name = indicator_words.EXTREMES["high" if self.draft.rising_side else "low"]
        level = self.draft.indicator(name, {"timeperiod": self.draft.bars(token.value, unit)})
        return self.predicates.movements.beyond(Price(column="Close"), level.model_copy(update={"offset": 1}))

    def _framed_comparison(self) -> AnyCondition | None:
        """Read a comparison and the time frame before or behind it, which is that of all its indicators without one."""
        draft = self.draft
        draft.frame_behind, since = None, len(draft.pairs)
        leading = self.operands.frames.leading() if not draft.exact else None
        found = self._comparison()
        if found is None or draft.exact:
            return found
        if leading is not None:
            if self.cursor.looking_at(joins.AND, noise=False):
                chart = in_words(leading)
                text = f"The {chart} chart is that of the first condition only, not of what follows 'and'"
                draft.assume("frames", text, f"all of them on {chart} bars")
            return on_frame(draft, found, leading, since)
        behind = draft.frame_behind
        if behind is not None and behind[0] > draft.predicate_at:
            return on_frame(draft, found, behind[1], since)
        mark = self.cursor.mark()
        frame = self.operands.frames.trailing(bare=True)
        moved = on_frame(draft, found, frame, since) if frame is not None else None
        if moved is None:
            self.cursor.reset(mark)
        return moved or found

    def _comparison(self) -> AnyCondition | None:
        cursor, draft = self.cursor, self.draft
        mark = cursor.mark()
        subject_before = draft.subject
        if (chosen := self.predicates.choices.subjects(self._says)) is not None:
            if (found := self.predicates.several(chosen[1], chosen[0])) is not None:
                return found
            cursor.reset(mark)
        if (level := self.predicates.of_named_level()) is not None:
            return level
        cursor.reset(mark)
        if cursor.words(small.THEY, noise=False) and (found := self.pronouns.of_they()) is not None:
            return found
        cursor.reset(mark)
        if cursor.words(small.IT, small.IT_S) and (found := self.pronouns.of_it()) is not None:
            return found
        cursor.reset(mark)
        if (average := self.predicates.bare_average()) is not None:
            return average
        cursor.reset(mark)
        subjects = self.operands.several()
        if subjects:
            found = self._both_cross(subjects) or self.predicates.several(subjects)
            if found is not None:
                return found
            draft.subject = subject_before
            cursor.reset(mark)
            if (reversed_ := self._word_before()) is not None:
                return reversed_
            cursor.reset(mark)
        elif (reversed_ := self._word_before()) is not None:
            return reversed_
        cursor.reset(mark)
        if draft.subject is not None or (
            self.elliptic and (draft.mentions or cursor.looking_at(comparing.ABOVE, noise=False))
        ):
            found = self.pronouns.of_it()
            if found is not None:
                return found
        cursor.reset(mark)
        if (pullback := self._pullback()) is not None:
            return pullback
        cursor.reset(mark)
        if (cross := self._cross_without_subject()) is not None:
            return cross
        cursor.reset(mark)
        return None

    def _pullback(self) -> AnyCondition | None:
        """Read "a 5% pullback from the 20-day high"."""
        cursor = self.cursor
        token = cursor.number(percent=True)
        if token is None or not cursor.words(moving.PULLBACKS, noise=False) or not cursor.words(comparing.OFF):
            return None
        base = self.operands.term()
        if base is None or isinstance(base, Value):
            return None
        level = Math(left=Value(value=round(1 - token.value / 100, 10)), op="*", right=base)
        return Compare(left=Price(column="Close"), op="<=", right=level)

    def _word_before(self) -> AnyCondition | None:
        """Read "oversold RSI", "rising volume", "a falling ADX"."""
        cursor = self.cursor
        mark = cursor.mark()
        extreme = cursor.take(moving.EXTREME)
        direction = None if extreme else cursor.take(moving.RISING)
        if extreme or direction:
            side = self.cursor.previous_word() in moving.LOWER  # "the lower Bollinger band" is no band that falls
            operand = self.operands.term()
            channel = isinstance(operand, IndicatorRef) and operand.output in ("upper", "middle", "lower")
            if operand is not None and not isinstance(operand, Value) and not (side and channel):
                self.draft.subject = operand
                return (
                    self.predicates.movements.extreme_level(operand, extreme)
                    if extreme
                    else self.predicates.movements.direction(operand, str(direction), 1)
                )
        cursor.reset(mark)
        return None

    def _cross_without_subject(self) -> AnyCondition | None:
        """Read "a cross above the 50 SMA" and "crossover of the 10 and 20 EMA"."""
        cursor = self.cursor
        if (broken := self.predicates.crosses.break_of()) is not None:
            return broken
        cursor.skip_noise()
        verb = token.norm if (token := cursor.peek()) else ""
        direction = cursor.take(comparing.CROSS)
        if direction is not None:
            right = self.operands.operand()
            if right is None or isinstance(right, Value):
                return None
            close = Price(column="Close")
            found = self.predicates.crosses.passed(close, direction, right, verb)
            self.draft.subject = close
            self.draft.worded += (found,) if isinstance(found, Compare) else ()
            self.draft.pairs += ((close, right, "cross" if isinstance(found, Cross) else "level"),)
            self.draft.mentions += (right, close)
            return found
        if (word := cursor.take(moving.BULL_OR_BEAR)) is not None or cursor.looking_at(comparing.CROSSES):
            if word:
                self.draft.rising_side, before = word == "up", self.draft.rising_side
            else:
                before = self.draft.rising_side
            try:
                mark = cursor.mark()
                name = cursor.take(indicator_words.SIGNALLED)
                if name is not None and cursor.take(comparing.CROSSES):
                    return self._signal_cross(name)
                cursor.reset(mark)
                start = cursor.position
                if cursor.take(comparing.CROSSES):
                    either = not word and self.predicates.crosses.names_no_way(start)
                    cursor.words(small.OF, small.BETWEEN, small.ON, small.IN)
                    if (name := cursor.take(indicator_words.SIGNALLED)) is not None:
                        return self._signal_cross(name)
                    pair = self.operands.several()
                    if len(pair) == 1 and cursor.words(small.AND, small.WITH, small.OVER):
                        pair += self.operands.several()
                    if len(pair) == 2:
                        return self.predicates.crosses.undirected(pair[0], pair[1], either=either)
            finally:
                self.draft.rising_side = before
        return None

    def _signal_cross(self, name: str) -> AnyCondition:
        line = self.draft.indicator(name, {})
        self.draft.assume_usual(REGISTRY[name], {})
        text = f"A {name} crossover is the {name} line crossing its signal line"
        self.draft.assume("macd_cross", text, "the zero line", "entry_rules")
        return self.predicates.crosses.undirected(line, line.model_copy(update={"output": "signal"}))

    def _both_cross(self, subjects: list[AnyOperand]) -> AnyCondition | None:
        """Read "the 10 and 20 EMA cross", "SMA 10 and SMA 20 cross", "10/20 EMA crossover"."""
        cursor = self.cursor
        mark = cursor.mark()
        if len(subjects) == 1 and cursor.words(small.AND, small.SLASH):
            subjects = [*subjects, *self.operands.several()]
        if len(subjects) == 2 and cursor.words(comparing.CROSSUNDER, noise=False):
            return Cross(left=subjects[0], direction="below", right=subjects[1])
        start = cursor.position
        if len(subjects) == 2 and cursor.take(comparing.CROSSES) and not cursor.looking_at(comparing.ABOVE):
            either, after = self.predicates.crosses.names_no_way(start), cursor.mark()
            if cursor.looking_at(indicator_words.INDICATOR):
                cursor.reset(after)
                cursor.reset(mark)
                return None
            direction = cursor.take(moving.CROSS_WAYS)
            if direction:
                return Cross(
                    left=subjects[0],
                    direction=direction,
                    right=subjects[1],
                )
            return self.predicates.crosses.undirected(subjects[0], subjects[1], either=either)
        cursor.reset(mark)
        return None
