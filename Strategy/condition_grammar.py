"""The grammar of conditions: and/or/not, comparisons, crosses, movement, time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOf,
    AnyOperand,
    BarsHeld,
    Between,
    Compare,
    Cross,
    Falling,
    ForBars,
    IndicatorRef,
    Math,
    Not,
    Operator,
    Price,
    Rising,
    Time,
    UnrealizedReturn,
    Value,
    Weekday,
    WithinBars,
)
from Backtest.indicators import REGISTRY
from Strategy.cursor import Cursor, Mark
from Strategy.draft import Draft
from Strategy.lexicon import COMPANIES
from Strategy.operands import MOVING_AVERAGES, Operands

_PULLBACKS = (
    "pullback",
    "pull back",
    "dip",
    "drop",
    "decline",
    "correction",
    "retracement",
    "fall",
    "drawdown",
    "sell off",
)
# Which way a line was crossed, said behind it.
_WAYS: dict[str, Literal["above", "below"]] = {
    "from below": "above", "from underneath": "above", "to the upside": "above", "upward": "above", "upwards": "above",
    "from above": "below", "to the downside": "below", "downward": "below", "downwards": "below",
}  # fmt: skip


class Conditions:
    """Reads conditions. `rising_side` says which way an undirected cross goes in this rule."""

    def __init__(self, cursor: Cursor, draft: Draft, at_boundary: Callable[[], bool]) -> None:
        self.cursor = cursor
        self.draft = draft
        self.operands = Operands(cursor, draft)
        self.at_boundary = at_boundary
        self.rising_side = True
        self.exit_rule = False
        self.depth = 0
        self.last: Callable[[AnyOperand], AnyCondition] | None = None
        self.last_pair: tuple[AnyOperand, AnyOperand] | None = None

    # Logic ---------------------------------------------------------------------------------

    def condition(self) -> AnyCondition | None:
        """Read a whole condition: alternatives of conjunctions."""
        self.depth += 1
        try:
            if self.depth > 12:
                return None
            return self._alternatives()
        finally:
            self.depth -= 1

    def _alternatives(self) -> AnyCondition | None:
        parts, comma_list = self._conjunction()
        if not parts:
            return None
        groups: list[AnyCondition] = []
        pending = parts
        while True:
            mark = self.cursor.mark()
            self.cursor.symbol(",")
            if not self.cursor.take("OR") or self.at_boundary():
                self.cursor.reset(mark)
                break
            self.cursor.take("WHEN")
            more, _ = self._conjunction()
            if not more:
                self.cursor.reset(mark)
                break
            if comma_list:
                groups += pending
                comma_list = False
            else:
                groups.append(_all(pending))
            pending = more
        groups.append(_all(pending))
        return groups[0] if len(groups) == 1 else AnyOf(conditions=groups)

    def _conjunction(self) -> tuple[list[AnyCondition], bool]:
        """Return conditions joined by and, and whether commas alone joined them."""
        first = self._unary()
        if first is None:
            return [], False
        parts, commas, ands = [first], 0, 0
        while True:
            mark = self.cursor.mark()
            comma = self.cursor.symbol(",")
            unless = self.cursor.take("UNLESS") or self._except_days()
            joined = unless or self.cursor.take("PROVIDED") or self.cursor.take("AND")
            if joined and not unless and self.cursor.take("UNLESS"):
                unless = True
            if not (comma or joined) or (not unless and self.at_boundary()):
                self.cursor.reset(mark)
                break
            if joined and not unless:
                self.cursor.take("WHEN")
                self.cursor.take("PROVIDED")
            found = self._alternatives() if unless else self._unary()
            if found is None:
                found = self._same_comparison()
            if found is None:
                self.cursor.reset(mark)
                break
            parts.append(Not(condition=found) if unless else found)
            commas, ands = commas + (not joined), ands + bool(joined)
        return parts, commas > 0 and not ands

    def _except_days(self) -> bool:
        """Read "except" in front of days or times."""
        mark = self.cursor.mark()
        if self.cursor.words("except", "but not", "excluding", "other than", "not", noise=False):
            after = self.cursor.mark()
            if self._time() is not None:
                self.cursor.reset(after)
                return True
        self.cursor.reset(mark)
        return False

    def _same_comparison(self) -> AnyCondition | None:
        """Read a bare value after "and": "above the SMA(50) and SMA(200)"."""
        if self.last is None:
            return None
        mark = self.cursor.mark()
        operand = self.operands.operand()
        if operand is None or isinstance(operand, Value) or self._starts_predicate():
            self.cursor.reset(mark)
            return None
        return self.last(operand)

    def _starts_predicate(self) -> bool:
        return bool(
            self.cursor.looking_at("ABOVE", "CROSS", "CROSSES", "BETWEEN", "RISING", "EXTREME", "SIGN", "TURNS")
        )

    def _unary(self) -> AnyCondition | None:
        cursor = self.cursor
        start = cursor.mark()
        window = self._window_prefix()
        if window is not None:
            return window
        mark = cursor.mark()
        if cursor.take("NOT"):
            inner = self._unary()
            if inner is not None:
                return Not(condition=inner)
            cursor.reset(mark)
        if cursor.words("neither") and (neither := self._neither()) is not None:
            return neither
        cursor.reset(mark)
        cursor.skip_noise()
        if cursor.symbol("("):
            inner = self.condition()
            if inner is not None and cursor.symbol(")"):
                return self._window_suffix(inner)
            cursor.reset(mark)
        for reader in (self._time, self._position, self._named_cross, self._bar_pattern, self._comparison):
            found = reader()
            if found is not None:
                return self._window_suffix(found)
            cursor.reset(start)
        return None

    def _neither(self) -> AnyCondition | None:
        """Read the rest of "neither A nor B"."""
        parts = [self._unary()]
        while self.cursor.words("nor"):
            parts.append(self._unary())
        found = [p for p in parts if p is not None]
        return Not(condition=AnyOf(conditions=found)) if len(found) == len(parts) >= 2 else None

    # Windows -------------------------------------------------------------------------------

    def _window_prefix(self) -> AnyCondition | None:
        """Read "within the last 5 bars (...)" or "on each of the last 3 bars (...)"."""
        cursor = self.cursor
        mark = cursor.mark()
        each = cursor.take("EACH_OF")
        if not each and not (cursor.take("WITHIN") and (cursor.take("LAST") or True)):
            cursor.reset(mark)
            return None
        token = cursor.number(percent=False)
        unit = cursor.take("UNIT", noise=False) if token else None
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
        return (
            ForBars(condition=inner, bars=min(bars, 500)) if each else WithinBars(condition=inner, bars=min(bars, 500))
        )

    def _window_suffix(self, condition: AnyCondition) -> AnyCondition:
        """Read "for 3 bars", "for 3 days in a row" or "within the last 5 bars" behind a condition."""
        cursor = self.cursor
        mark = cursor.mark()
        bars = self._span("WITHIN", need_last=True)
        if bars is not None:
            return WithinBars(condition=condition, bars=bars) if bars >= 2 else condition
        cursor.reset(mark)
        bars = self._span("FOR")
        if bars is None:
            cursor.reset(mark)
            bars = self._count_in_a_row()
        if bars is not None:
            return ForBars(condition=condition, bars=bars) if bars >= 2 else condition
        cursor.reset(mark)
        return condition

    def _span(self, category: str, *, need_last: bool = False) -> int | None:
        cursor = self.cursor
        phrase_start = cursor.position
        if not cursor.take(category, noise=False):
            return None
        said = " ".join(t.norm for t in cursor.tokens[phrase_start : cursor.position])
        last = cursor.take("LAST", noise=False)
        if need_last and not (last or "last" in said or "past" in said or said.startswith("within")):
            return None
        cursor.words("at least", "more than", noise=False)
        token = cursor.number(percent=False, noise=False)
        cursor.take("IN_A_ROW", noise=False)
        unit = cursor.take("UNIT", noise=False) if token else None
        if token is None or unit is None or cursor.looking_at("AGO", noise=False):
            return None
        cursor.take("IN_A_ROW", noise=False)
        return min(self.draft.bars(token.value, unit), 500)

    def _count_in_a_row(self) -> int | None:
        """Read "3 days in a row"."""
        cursor = self.cursor
        token = cursor.number(percent=False)
        if token is None:
            return None
        row = cursor.take("IN_A_ROW", noise=False)
        unit = cursor.take("UNIT", noise=False)
        row = cursor.take("IN_A_ROW", noise=False) or row
        return min(self.draft.bars(token.value, unit), 500) if unit and row else None

    # Time and position ---------------------------------------------------------------------

    def _time(self) -> AnyCondition | None:
        cursor = self.cursor
        lead = cursor.take("BAR_FALLS")
        if (session := self._session()) is not None:
            return session
        mark = cursor.mark()
        cursor.words("on", "only on", noise=False)
        days = self.weekdays()
        if not days:
            cursor.reset(mark)
        window = self._clock_window()
        if not days and window is None:
            return None
        zone = self._zone() if window or lead else None
        start, end = window or (None, None)
        return Time(weekdays=days, start=start, end=end, timezone=zone)

    def weekdays(self) -> list[Weekday]:
        """Read "Monday, Tuesday or Friday", "weekdays", "Monday to Thursday"."""
        cursor = self.cursor
        order: list[Weekday] = list(get_args(Weekday))
        days: list[Weekday] = []
        group = cursor.take("DAYS")
        if group:
            return list(group)
        while True:
            mark = cursor.mark()
            if days:
                cursor.symbol(",")
                cursor.words("or on", "and on", "or", "and", noise=False)
                if through := cursor.words("to", "through", "-", noise=False):
                    end = cursor.take("WEEKDAY")
                    if end and through:
                        first, last = order.index(days[-1]), order.index(end)
                        span = order[first : last + 1] if first <= last else order[first:] + order[: last + 1]
                        days += [d for d in span if d not in days]
                        continue
            day = cursor.take("WEEKDAY", noise=not days)
            if day is None:
                cursor.reset(mark)
                return days
            if day not in days:
                days.append(day)

    def _session(self) -> AnyCondition | None:
        cursor = self.cursor
        cursor.words("during the", "during", "in the", "within the", "in", noise=False)
        found = cursor.take("SESSION")
        if found is None:
            return None
        start, end, zone = found
        self.draft.assume("session", f"The session runs from {start} to {end} {zone} time")
        return Time(start=start, end=end, timezone=zone)

    def _clock(self) -> str | None:
        cursor = self.cursor
        token = cursor.kind("clock", noise=False)
        if token is not None:
            return token.norm if token.norm < "24" else None
        if cursor.words("noon"):
            return "12:00"
        if cursor.words("midnight"):
            return "00:00"
        return None

    def _clock_window(self) -> tuple[str, str] | None:
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words("between", "from", "during", noise=False):
            start = self._clock()
            if start and cursor.words("and", "to", "until", "till", "-", noise=False) and (end := self._clock()):
                return start, end
        cursor.reset(mark)
        if cursor.words("after", "later than", noise=False) and (start := self._clock()):
            cursor_mark = cursor.mark()
            if cursor.words("and before", "but before", noise=False) and (end := self._clock()):
                return start, end
            cursor.reset(cursor_mark)
            return start, "00:00"
        cursor.reset(mark)
        if cursor.words("before", "earlier than", noise=False) and (end := self._clock()):
            return "00:00", end
        cursor.reset(mark)
        return None

    def _zone(self) -> str | None:
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words("in", noise=False)
        zone = cursor.take("ZONE", noise=False)
        if zone is None:
            token = cursor.peek()
            if token is not None and token.kind == "word" and "/" in token.norm:
                zone = cursor.kind("word", noise=False).norm  # type: ignore[union-attr]
        if zone is None:
            cursor.reset(mark)
            return None
        cursor.words("time", noise=False)
        return str(zone)

    def _position(self) -> AnyCondition | None:
        """Read what exits ask of the open trade: age and return."""
        cursor = self.cursor
        if cursor.take("HELD"):
            op = cursor.take("ABOVE")
            token = cursor.number(percent=False) if op else None
            return BarsHeld(op=op, bars=int(token.value)) if token else None
        if (op := cursor.words("position is older than", "trade is older than")) is not None:
            token = cursor.number(percent=False)
            unit = cursor.take("UNIT", noise=False) if token else None
            return BarsHeld(op=">", bars=self.draft.bars(token.value, unit)) if token and unit else None
        if cursor.take("UNREALIZED"):
            op = cursor.take("ABOVE")
            token = cursor.number() if op else None
            return UnrealizedReturn(op=op, percent=token.value) if token else None
        if not self.exit_rule:
            return None
        mark = cursor.mark()
        cursor.words("after", "for", noise=False)
        cursor.words("in a position for", "in the trade for", "held for", noise=False)
        if cursor.position > mark[0] and (token := cursor.number(percent=False, noise=False)):
            unit = cursor.take("UNIT", noise=False)
            if unit and not cursor.looking_at("AGO", "IN_A_ROW", noise=False):
                cursor.words("in the trade", "in trade", "have passed", "pass", noise=False)
                return BarsHeld(op=">=", bars=self.draft.bars(token.value, unit))
        cursor.reset(mark)
        return None

    # Named patterns ------------------------------------------------------------------------

    def _named_cross(self) -> AnyCondition | None:
        name = self.cursor.take("NAMED_CROSS")
        if name is None:
            return None
        self.cursor.words("happens", "occurs", "appears", "forms", "of", "on")
        mark = self.cursor.mark()
        self.cursor.symbol("(")
        numbers = self.operands._number_list()
        self.cursor.symbol(")")
        kind = self.cursor.take("INDICATOR") if len(numbers) == 2 else None
        if len(numbers) != 2:
            self.cursor.reset(mark)
            numbers = [50, 200]
            self.draft.assume(
                "golden_cross",
                f"A {name} cross is SMA 50 {'over' if name == 'golden' else 'under'} SMA 200",
                field="entry_rules",
            )
        fast = self.draft.indicator(kind or "SMA", {"timeperiod": int(min(numbers))})
        slow = self.draft.indicator(kind or "SMA", {"timeperiod": int(max(numbers))})
        return Cross(left=fast, direction="above" if name == "golden" else "below", right=slow)

    def _bar_pattern(self) -> AnyCondition | None:
        """Read "3 consecutive up closes", "two red candles in a row", "a new 20-day high"."""
        cursor = self.cursor
        start = cursor.mark()
        cursor.words("after", "on", noise=False)
        token = cursor.number(percent=False)
        count = int(token.value) if token else 1
        row = cursor.take("IN_A_ROW", noise=False)
        kind = cursor.take("UP_BAR")
        if kind is None and token is not None and row and (unit := cursor.take("UNIT", noise=False)):
            return self._consecutive(self.draft.bars(count, unit))
        if kind is None:
            cursor.reset(start)
            return self._breakout()
        row = cursor.take("IN_A_ROW", noise=False) or row
        if token is None and not row and kind in ("gains", "losses"):
            return None
        return self._pattern(str(kind), max(count, 1))

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
        cursor.words("of", "where", "with", "that", "in which")
        direction = cursor.take("RISING")
        operand = self.operands.term()
        direction = direction or cursor.take("RISING")
        if operand is not None and direction is not None:
            return self._direction(operand, direction, bars)
        return None

    def _breakout(self) -> AnyCondition | None:
        """Read "a new 20-day high" or "a 20-day high breakout"."""
        cursor = self.cursor
        new = cursor.take("NEW")
        mark = cursor.mark()
        level = self.operands._extreme()
        if level is None:
            cursor.reset(mark)
            if cursor.take("BREAKOUT"):
                return self._breakout_of()
            token = cursor.number(percent=False)
            unit = cursor.take("UNIT", noise=False) if token else None
            if token is None or unit is None or not cursor.take("BREAKOUT", noise=False):
                return None
            level = self.draft.indicator("HIGHEST", {"timeperiod": self.draft.bars(token.value, unit)}).model_copy(
                update={"offset": 1}
            )
            new = True
        breakout = cursor.take("BREAKOUT", noise=False)
        if not (new or breakout):
            return None
        return self._beyond(Price(column="Close"), level)

    def _breakout_of(self) -> AnyCondition | None:
        """Read the rest of "a Donchian breakout of 20 days", upward to buy and downward to sell."""
        cursor = self.cursor
        cursor.words("of", "of the", "over", "of the last", "over the last", noise=False)
        token = cursor.number(percent=False)
        unit = cursor.take("UNIT", noise=False) if token else None
        if token is None or unit is None:
            return None
        name = "HIGHEST" if self.rising_side else "LOWEST"
        level = self.draft.indicator(name, {"timeperiod": self.draft.bars(token.value, unit)})
        self.draft.assume("previous_bars", "A breakout is measured by the bars before this one", "this bar included")
        return Cross(
            left=Price(column="Close"),
            direction="above" if self.rising_side else "below",
            right=level.model_copy(update={"offset": 1}),
        )

    def _beyond(self, subject: AnyOperand, level: AnyOperand) -> AnyCondition:
        """A new high is a close above the level of the bars before it, a new low a close below."""
        high = True
        if isinstance(level, IndicatorRef):
            high = self.draft.indicators[level.id].name == "HIGHEST"
        word = "high" if high else "low"
        self.draft.assume(
            "new_extreme", f"A new {word} is a close beyond the previous {word}", "a touch within the bar"
        )
        return Compare(left=subject, op=">" if high else "<", right=level)

    # Comparisons ---------------------------------------------------------------------------

    def _comparison(self) -> AnyCondition | None:
        cursor, draft = self.cursor, self.draft
        mark = cursor.mark()
        subject_before = draft.subject
        self._other_symbol()
        subjects = self.operands.several()
        if subjects:
            found = self._both_cross(subjects) or self._predicates(subjects)
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
        if draft.subject is not None:
            found = self._predicate(draft.subject)
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

    def _other_symbol(self) -> None:
        """Note a rule about another symbol: "when GOOG is above its average"."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.skip_noise()
        token = cursor.peek()
        other = (COMPANIES.get(token.norm) or (token.norm if token.kind == "ticker" else None)) if token else None
        if other is not None:
            cursor._advance(1)
            if not self.draft.symbols or other in self.draft.symbols or not self._predicate_ahead():
                other = None
        cursor.reset(mark)
        if other is not None:
            self.draft.other_symbols.add(other)

    def _predicate_ahead(self) -> bool:
        return self.cursor.looking_at("ABOVE", "CROSS", "CROSSES", "RISING", "EXTREME", "BETWEEN") is not None

    def _pullback(self) -> AnyCondition | None:
        """Read "a 5% pullback from the 20-day high"."""
        cursor = self.cursor
        token = cursor.number(percent=True)
        if token is None or not cursor.words(*_PULLBACKS, noise=False) or not cursor.words("from", "off", "below"):
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
        extreme = cursor.take("EXTREME")
        direction = None if extreme else cursor.take("RISING")
        if extreme or direction:
            operand = self.operands.term()
            if operand is not None and not isinstance(operand, Value):
                self.draft.subject = operand
                return self._extreme_level(operand, extreme) if extreme else self._direction(operand, str(direction), 1)
        cursor.reset(mark)
        return None

    def _cross_without_subject(self) -> AnyCondition | None:
        """Read "a cross above the 50 SMA" and "crossover of the 10 and 20 EMA"."""
        cursor = self.cursor
        direction = cursor.take("CROSS")
        if direction is not None:
            right = self.operands.operand()
            if right is None or isinstance(right, Value):
                return None
            return Cross(left=Price(column="Close"), direction=direction, right=right)
        if (word := cursor.words("bullish", "bearish")) is not None or cursor.looking_at("CROSSES"):
            if word:
                self.rising_side, before = word == "bullish", self.rising_side
            else:
                before = self.rising_side
            try:
                mark = cursor.mark()
                macd = cursor.take("INDICATOR")
                if macd == "MACD" and cursor.take("CROSSES"):
                    return self._macd_cross()
                cursor.reset(mark)
                if cursor.take("CROSSES"):
                    cursor.words("of", "between", "on", "in")
                    if cursor.looking_at("INDICATOR") == "MACD":
                        cursor.take("INDICATOR")
                        return self._macd_cross()
                    pair = self.operands.several()
                    if len(pair) == 1 and cursor.words("and", "with", "over"):
                        pair += self.operands.several()
                    if len(pair) == 2:
                        return self._undirected(pair[0], pair[1])
            finally:
                self.rising_side = before
        return None

    def _macd_cross(self) -> AnyCondition:
        line = self.draft.indicator("MACD", {})
        self.draft.assume("default_period", "MACD with its usual setting 12/26/9", field="indicators")
        self.draft.assume(
            "macd_cross", "A MACD crossover is the MACD line crossing its signal line", "the zero line", "entry_rules"
        )
        return self._undirected(line, line.model_copy(update={"output": "signal"}))

    def _both_cross(self, subjects: list[AnyOperand]) -> AnyCondition | None:
        """Read "the 10 and 20 EMA cross", "SMA 10 and SMA 20 cross", "10/20 EMA crossover"."""
        cursor = self.cursor
        mark = cursor.mark()
        if len(subjects) == 1 and cursor.words("and", "/"):
            subjects = [*subjects, *self.operands.several()]
        if len(subjects) == 2 and cursor.words("crossunder", "cross under", "crossunders", noise=False):
            return Cross(left=subjects[0], direction="below", right=subjects[1])
        if len(subjects) == 2 and cursor.take("CROSSES") and not cursor.looking_at("ABOVE"):
            after = cursor.mark()
            if cursor.looking_at("INDICATOR"):
                cursor.reset(after)
                cursor.reset(mark)
                return None
            direction = cursor.words("up", "bullish", "upward", "upwards", "down", "bearish", "downward", "downwards")
            if direction:
                return Cross(
                    left=subjects[0],
                    direction="above" if direction.startswith(("up", "bull")) else "below",
                    right=subjects[1],
                )
            return self._undirected(subjects[0], subjects[1])
        cursor.reset(mark)
        return None

    def _undirected(self, left: AnyOperand, right: AnyOperand) -> AnyCondition:
        fast_first = self._period(left) <= self._period(right)
        direction = "above" if self.rising_side == fast_first else "below"
        self.draft.assume(
            "cross_direction", "A cross without a direction is upward for buying and downward for selling", "any cross"
        )
        return Cross(left=left, direction=direction, right=right)  # type: ignore[arg-type]

    def _period(self, operand: AnyOperand) -> float:
        if isinstance(operand, IndicatorRef):
            item = self.draft.indicators[operand.id]
            return float(next(iter(item.params.values()), 0)) if item.name in MOVING_AVERAGES else 0
        return 0

    def _predicates(self, subjects: list[AnyOperand]) -> AnyCondition | None:
        mark = self.cursor.mark()
        first = self._predicate(subjects[0])
        if first is None or len(subjects) == 1:
            return first
        self.cursor.reset(mark)
        return _all([c for s in subjects if (c := self._again(mark, s)) is not None])

    def _again(self, mark: Mark, subject: AnyOperand) -> AnyCondition | None:
        self.cursor.reset(mark)
        return self._predicate(subject)

    def _predicate(self, subject: AnyOperand) -> AnyCondition | None:
        """Read what is said of a subject."""
        cursor = self.cursor
        self.draft.subject = subject
        if not isinstance(subject, Value):
            self.draft.mentions.append(subject)
        mark = cursor.mark()
        if cursor.take("NOT"):
            inner = self._predicate(subject)
            if inner is not None:
                return Not(condition=inner)
            cursor.reset(mark)
        if cursor.symbol("!=", noise=True):
            right = self.operands.operand()
            if right is not None:
                return Not(condition=Compare(left=subject, op="==", right=right))
            cursor.reset(mark)
        for reader in (
            self._signed, self._turns, self._cross, self._within_percent, self._percent_beyond, self._between, self._level,
            self._extreme, self._percent_move, self._touch, self._reaches_extreme, self._plain_cross, self._moves, self._is_multiple,
        ):  # fmt: skip
            found = reader(subject)
            if found is not None:
                return found
            cursor.reset(mark)
        return None

    def _signed(self, subject: AnyOperand) -> AnyCondition | None:
        sign = self.cursor.take("SIGN")
        if sign is None:
            return None
        kind, side = sign
        if isinstance(subject, IndicatorRef) and self.draft.indicators[subject.id].name == "SUPERTREND":
            direction = subject.model_copy(update={"output": "direction"})
            if kind == "cross":
                return Cross(left=direction, direction=side, right=Value(value=0))
            return Compare(left=direction, op=">" if side == "above" else "<", right=Value(value=0))
        if isinstance(subject, Price):
            return None
        if isinstance(subject, IndicatorRef) and self.draft.indicators[subject.id].entry.bounds is not None:
            return None
        if kind == "cross":
            return Cross(left=subject, direction=side, right=Value(value=0))
        return Compare(left=subject, op=">" if side == "above" else "<", right=Value(value=0))

    def _turns(self, subject: AnyOperand) -> AnyCondition | None:
        way = self.cursor.take("TURNS")
        if way is None or not isinstance(subject, Price | IndicatorRef):
            return None
        before = subject.model_copy(update={"offset": subject.offset + 1})
        two_before = subject.model_copy(update={"offset": subject.offset + 2})
        now_op, then_op = (">", "<=") if way == "up" else ("<", ">=")
        return All(
            conditions=[
                Compare(left=subject, op=now_op, right=before),  # type: ignore[arg-type]
                Compare(left=before, op=then_op, right=two_before),  # type: ignore[arg-type]
            ]
        )

    def _cross(self, subject: AnyOperand) -> AnyCondition | None:
        direction = self.cursor.take("CROSS")
        if direction is None:
            return None
        mark = self.cursor.mark()
        found = self._right_sides(subject, lambda right: Cross(left=subject, direction=direction, right=right))
        if found is None and self.last_pair is not None and self.last_pair[0] == subject:
            # "Sell when it crosses below": below what it crossed before.
            self.cursor.reset(mark)
            return Cross(left=subject, direction=direction, right=self.last_pair[1])
        if found is None:
            return None
        self.cursor.words("from below", "from above", "from underneath", noise=False)
        return self._and_level(subject, found)

    def _and_level(self, subject: AnyOperand, found: AnyCondition) -> AnyCondition:
        """Read the level in "%K crosses above %D below 20"."""
        if not isinstance(found, Cross) or isinstance(found.right, Value):
            return found
        mark = self.cursor.mark()
        op = self.cursor.take("ABOVE", noise=False)
        token = self.cursor.number() if op else None
        if token is None:
            self.cursor.reset(mark)
            return found
        return All(conditions=[found, Compare(left=subject, op=op, right=Value(value=token.value))])

    def _plain_cross(self, subject: AnyOperand) -> AnyCondition | None:
        start = self.cursor.position
        if not self.cursor.take("CROSSES"):
            return None
        verb = self.cursor.tokens[start].norm if start < len(self.cursor.tokens) else ""
        rights = self._rights(subject)
        if not rights:
            return None
        if verb.startswith("break") and isinstance(rights[0], IndicatorRef):
            name = self.draft.indicators[rights[0].id].name
            if name in ("HIGHEST", "LOWEST"):
                return Cross(left=subject, direction="above" if name == "HIGHEST" else "below", right=rights[0])
        if isinstance(rights[0], Price) and rights[0].column in ("High", "Low"):
            return Cross(left=subject, direction="above" if rights[0].column == "High" else "below", right=rights[0])
        if said := self.cursor.words(*_WAYS, noise=False):
            self.last_pair = (subject, rights[0])
            return Cross(left=subject, direction=_WAYS[said], right=rights[0])
        direction = "above" if self.rising_side else "below"
        self.draft.assume(
            "cross_direction", "A cross without a direction is upward for buying and downward for selling", "any cross"
        )
        self.last = lambda right: Cross(left=subject, direction=direction, right=right)  # type: ignore[arg-type]
        return Cross(left=subject, direction=direction, right=rights[0])  # type: ignore[arg-type]

    def _rights(self, subject: AnyOperand) -> list[AnyOperand]:
        """Read the right side of a comparison; "the 200" after an average is another average."""
        cursor = self.cursor
        start = cursor.position
        if cursor.words("it was", "they were", "it did") and isinstance(subject, Price | IndicatorRef):
            back = self.operands.offset()
            return [] if back is None else [subject.model_copy(update={"offset": subject.offset + back})]
        rights = self.operands.several()
        if rights == [subject] and cursor.previous_word() in ("it", "they"):
            other = self.draft.mentioned(besides=subject)
            return [] if other is None else [other]
        if len(rights) == 1 and isinstance(rights[0], Value) and isinstance(subject, IndicatorRef):
            name, value = self.draft.indicators[subject.id].name, rights[0].value
            token = cursor.previous()
            plain = token is not None and token.kind == "num" and not token.money and not token.percent
            if (
                "exact" not in self.draft.flags
                and name in MOVING_AVERAGES
                and plain
                and value.is_integer()
                and 2 <= value <= 400
            ):
                mine = self.draft.indicators[subject.id]
                self.draft.assume(
                    "average_of_number",
                    f"The {value:g} that {name}({mine.params['timeperiod']:g}) is compared with is read as {name}({value:g})",
                    f"a price of {value:g}",
                )
                return [
                    self.draft.indicator(
                        name, {"timeperiod": int(value)}, source=mine.source_name, timeframe=mine.timeframe
                    )
                ]
        if not rights:
            cursor.position = max(start, cursor.position) if False else start
            if cursor.take("CLOUD"):
                known = [i for i in self.draft.indicators.values() if i.name == "ICHIMOKU"]
                base = (
                    IndicatorRef(id=known[-1].id, output="senkou_a")
                    if known
                    else self.draft.indicator("ICHIMOKU", {}, output="senkou_a")
                )
                return [base, base.model_copy(update={"output": "senkou_b"})]
        elif (
            isinstance(rights[0], IndicatorRef)
            and self.draft.indicators[rights[0].id].name == "ICHIMOKU"
            and rights[0].output == "tenkan"
        ):
            said = {t.norm for t in cursor.tokens[start : cursor.position]}
            if said & {"cloud", "kumo"}:
                return [
                    rights[0].model_copy(update={"output": "senkou_a"}),
                    rights[0].model_copy(update={"output": "senkou_b"}),
                ]
        return rights

    def _right_sides(self, subject: AnyOperand, make: Callable[[AnyOperand], AnyCondition]) -> AnyCondition | None:
        rights = self._rights(subject)
        if not rights:
            return None
        rights = [self._previous_channel(r) for r in rights]
        self.last = make
        self.last_pair = (subject, rights[0])
        self.draft.mentions += [r for r in rights if not isinstance(r, Value)]
        self.draft.mentions.append(subject)
        return _all([make(r) for r in rights])

    def _previous_channel(self, right: AnyOperand) -> AnyOperand:
        """A Donchian channel that contains this bar can never be crossed by its close."""
        if (
            isinstance(right, IndicatorRef)
            and not right.offset
            and self.draft.indicators[right.id].name == "DONCHIAN"
            and "exact" not in self.draft.flags
        ):
            self.draft.assume(
                "previous_bars", "The Donchian channel is that of the bars before this one", "this bar included"
            )
            return right.model_copy(update={"offset": 1})
        return right

    def _level(self, subject: AnyOperand) -> AnyCondition | None:
        cursor = self.cursor
        cursor.take("PRICE") if isinstance(subject, Price) and cursor.looking_at(
            "PRICE", noise=True
        ) == "Close" else None
        op = cursor.take("ABOVE")
        if (
            op is None
            and isinstance(subject, Price)
            and subject.column == "Open"
            and cursor.words("gaps", "opens", "is")
        ):
            op = cursor.take("ABOVE")
        if op is None:
            mark = cursor.mark()
            found = self._number_or_more(subject)
            if found is None:
                cursor.reset(mark)
            return found
        mark = cursor.mark()
        found = self._right_sides(subject, lambda right: Compare(left=subject, op=op, right=right))
        if found is None:
            cursor.reset(mark)
            return self._as_before(subject, op)
        return self._chained(self._by_percent(found))

    def _as_before(self, subject: AnyOperand, op: Operator) -> AnyCondition | None:
        """Read "sell when it is below": below what it was compared with before."""
        follows = self.cursor.peek()
        ends = follows is None or follows.kind == "nl" or follows.norm in (",", ".", ";", "and", "or", ")")
        if not ends or self.last_pair is None or self.last_pair[0] != subject:
            return None
        return Compare(left=subject, op=op, right=self.last_pair[1])

    def _chained(self, found: AnyCondition) -> AnyCondition:
        """Read the rest of "EMA(8) > EMA(21) > EMA(55)"."""
        parts = [found]
        while isinstance(last := parts[-1], Compare) and not isinstance(last.right, Value):
            mark = self.cursor.mark()
            sign = self.cursor.symbol("<", ">", "<=", ">=")
            right = self.operands.operand() if sign else None
            if right is None:
                self.cursor.reset(mark)
                break
            parts.append(Compare(left=last.right, op=sign, right=right))  # type: ignore[arg-type]
        return _all(parts)

    def _number_or_more(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "RSI 30 or below", "ADX of 25 or higher"."""
        cursor = self.cursor
        cursor.words("of", "at", noise=False)
        token = cursor.number()
        words = (
            cursor.words("or below", "or lower", "or less", "or under", "or above", "or higher", "or more", "or over")
            if token
            else None
        )
        if token is None or words is None:
            return None
        op = "<=" if words.split()[1] in ("below", "lower", "less", "under") else ">="
        return Compare(left=subject, op=op, right=Value(value=token.value))  # type: ignore[arg-type]

    def _by_percent(self, found: AnyCondition) -> AnyCondition:
        """Read "... by 2%" or "by more than 2%" behind a comparison."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words("by at least", "by more than", "by", noise=False) and isinstance(found, Compare):
            token = cursor.number(percent=True)
            if token is not None:
                sign = 1 if found.op in (">", ">=") else -1
                factor = round(1 + sign * token.value / 100, 10)
                return Compare(
                    left=found.left, op=found.op, right=Math(left=Value(value=factor), op="*", right=found.right)
                )
        cursor.reset(mark)
        return found

    def _percent_beyond(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "[at least] 2% below X", "pulls back 5% from its 20-day high", "drops 3% below X"."""
        cursor = self.cursor
        moved = cursor.words(
            "pulls back", "pull back", "pulled back", "retraces", "retraced", "drops", "falls", "drop", "fall", "dips", "rises", "declines", "fell", "dropped",
            "fallen", "bounces", "rallies", "corrects", "sells off", "trades", "rallied", "closes", "rise",
        )  # fmt: skip
        cursor.words("by", noise=False)
        bound = cursor.words("at least", "more than", "over", "up to")
        token = cursor.number(percent=True)
        if token is None:
            return None
        cursor.words("or more", "or greater")
        where = cursor.words(
            "below",
            "under",
            "from",
            "off",
            "above",
            "over",
            "away from",
            "off of",
            "higher than",
            "lower than",
            "beneath",
        )
        if where is None:
            return None
        base = self.operands.term()
        if base is None or isinstance(base, Value):
            return None
        up = where in ("above", "over", "higher than") or (
            where == "from" and moved in ("rises", "bounces", "rallies", "rallied", "rise")
        )
        factor = round(1 + (token.value if up else -token.value) / 100, 10)
        level = Math(left=Value(value=factor), op="*", right=base)
        if moved in ("drops", "falls", "dips", "drop", "fall") and where in ("below", "under"):
            return Cross(left=subject, direction="below", right=level)
        op = (">" if up else "<") + (
            "" if bound == "more than" or (bound is None and where in ("below", "above", "under", "over")) else "="
        )
        return Compare(left=subject, op=op, right=level)  # type: ignore[arg-type]

    def _within_percent(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "within 2% of the SMA(50)"."""
        if not self.cursor.words("within"):
            return None
        token = self.cursor.number(percent=True)
        if token is None or not self.cursor.words("of", "from"):
            return None
        base = self.operands.term()
        if base is None:
            return None
        low, high = (Math(left=Value(value=round(1 + s * token.value / 100, 10)), op="*", right=base) for s in (-1, 1))
        return Between(operand=subject, low=low, high=high)

    def _between(self, subject: AnyOperand) -> AnyCondition | None:
        if not self.cursor.take("BETWEEN"):
            return None
        low = self.operands.operand()
        if low is None or not self.cursor.words("and", "to", "-"):
            return None
        high = self.operands.operand()
        if high is None:
            return None
        if isinstance(low, Value) and isinstance(high, Value) and low.value > high.value:
            low, high = high, low
        return Between(operand=subject, low=low, high=high)

    def _extreme(self, subject: AnyOperand) -> AnyCondition | None:
        extreme = self.cursor.take("EXTREME")
        return self._extreme_level(subject, extreme) if extreme else None

    def _extreme_level(self, subject: AnyOperand, extreme: str) -> AnyCondition | None:
        if not isinstance(subject, IndicatorRef):
            return None
        entry = self.draft.indicators[subject.id].entry
        if entry.levels is None:
            return None
        level = entry.levels[0] if extreme == "oversold" else entry.levels[1]
        mark = self.cursor.mark()
        self.cursor.symbol("(")
        given = self.cursor.take("ABOVE")
        token = self.cursor.number()
        if token is not None and (given or self.cursor.previous()):
            self.cursor.symbol(")")
            level = token.value
        else:
            self.cursor.reset(mark)
            self.draft.assume(extreme, f"{entry.name} is {extreme} at {level:g}", field="entry_rules")
        return Compare(left=subject, op="<" if extreme == "oversold" else ">", right=Value(value=level))

    def _moves(self, subject: AnyOperand) -> AnyCondition | None:
        cursor = self.cursor
        cursor.take("PRICE") if isinstance(subject, Price) and cursor.looking_at(
            "PRICE", noise=True
        ) == "Close" else None
        way = cursor.take("RISING")
        if way is None:
            return None
        mark = cursor.mark()
        bars = self._span("FOR")
        if bars is None:
            cursor.reset(mark)
            bars = self._count_in_a_row()
        if bars is None:
            cursor.reset(mark)
            if cursor.words(
                "from yesterday",
                "than yesterday",
                "than the previous close",
                "than the previous bar",
                "today",
                "than the day before",
                "from the previous bar",
            ):
                bars = 1
            elif cursor.words("than", noise=False):
                cursor.reset(mark)
                return None
        return self._direction(subject, way, bars or 1)

    @staticmethod
    def _direction(subject: AnyOperand, way: str, bars: int) -> AnyCondition:
        return Rising(operand=subject, bars=bars) if way == "rising" else Falling(operand=subject, bars=bars)

    def _percent_move(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "is up 3% over 5 days", "drops 5% in 3 days", "gains more than 2% today"."""
        cursor = self.cursor
        way = cursor.take("RISING") or {
            "gains": "rising",
            "gain": "rising",
            "rallies": "rising",
            "loses": "falling",
            "jumps": "rising",
            "adds": "rising",
        }.get(cursor.words("gains", "gain", "rallies", "loses", "jumps", "adds") or "")
        if way is None or not isinstance(subject, Price | IndicatorRef):
            return None
        cursor.words("by", noise=False)
        bound = cursor.words("at least", "more than", "over")
        token = cursor.number(percent=True)
        if token is None:
            return None
        cursor.words("or more")
        bars = 1
        mark = cursor.mark()
        if cursor.words(
            "over the last",
            "in the last",
            "over the past",
            "over",
            "in the past",
            "in",
            "within",
            "within the last",
            "during the last",
            "from",
            "for the last",
        ):
            cursor.words("a", noise=False)
            span = cursor.number(percent=False)
            unit = cursor.take("UNIT", noise=False)
            if unit is None:
                cursor.reset(mark)
                if not cursor.words(
                    "from yesterday",
                    "from the previous close",
                    "in a day",
                    "from yesterday's close",
                    "from the prior close",
                    "from previous close",
                    "in one day",
                    "in a single day",
                ):
                    cursor.reset(mark)
                    return None
            else:
                bars = self.draft.bars(span.value if span else 1, unit)
                cursor.take("AGO", noise=False)
        else:
            cursor.words("today", "on the day", "in a day", "on the bar")
        before = subject.model_copy(update={"offset": subject.offset + bars})
        sign = 1 if way == "rising" else -1
        level = Math(left=Value(value=round(1 + sign * token.value / 100, 10)), op="*", right=before)
        op = (">" if sign > 0 else "<") + ("" if bound in ("more than", "over") else "=")
        return Compare(left=subject, op=op, right=level)  # type: ignore[arg-type]

    def _touch(self, subject: AnyOperand) -> AnyCondition | None:
        if not self.cursor.take("TOUCHES"):
            return None
        right = self.operands.operand()
        if right is None:
            return None
        lower = self._is_lower(right)
        if isinstance(subject, IndicatorRef) or isinstance(right, Value):
            if isinstance(subject, IndicatorRef) and isinstance(right, Value):
                entry = REGISTRY[self.draft.indicators[subject.id].name]
                middle = sum(entry.bounds) / 2 if entry.bounds else 0.0
                lower = right.value < middle
                return Compare(left=subject, op="<=" if lower else ">=", right=right)
            return None
        if isinstance(right, IndicatorRef) and self.draft.indicators[right.id].name in ("HIGHEST", "LOWEST"):
            return self._beyond(Price(column="Close"), right)
        side = Price(column="Low" if lower else "High")
        word = "low" if lower else "high"
        self.draft.assume("touch", f"A touch is the bar's {word} at or beyond the level", "the close at or beyond it")
        return Compare(left=side, op="<=" if lower else ">=", right=right)

    def _is_lower(self, right: AnyOperand) -> bool:
        if isinstance(right, IndicatorRef):
            if right.output in ("lower", "upper"):
                return right.output == "lower"
            return self.draft.indicators[right.id].name == "LOWEST" or self.rising_side
        return self.rising_side

    def _reaches_extreme(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "makes a new 20-day high", "is at its 52-week low"."""
        cursor = self.cursor
        cursor.words("closes", "close", "trades", "prints")
        if not cursor.take("NEW"):
            return None
        level = self.operands._extreme()
        return None if level is None else self._beyond(subject, level)

    def _is_multiple(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "volume is twice its average"."""
        right = self.operands._multiple()
        if right is None:
            return None
        self.draft.assume("multiple", "A multiple of something means at least that multiple", "more than it")
        return Compare(left=subject, op=">=", right=right)


def _all(parts: list[Any]) -> AnyCondition:
    """Join conditions by and; a group that is one already stays a group."""
    found: AnyCondition = parts[0] if len(parts) == 1 else All(conditions=parts)
    return found
