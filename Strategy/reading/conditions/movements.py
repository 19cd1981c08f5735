"""The grammar of movements and distances: rising, percent moves, touches, highs and lows."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOperand,
    Between,
    Compare,
    Cross,
    Falling,
    IndicatorRef,
    Math,
    Price,
    Rising,
    Value,
)
from Backtest.market import in_words, is_intraday, seconds
from Strategy.reading.conditions.extreme_grammar import Extremes
from Strategy.reading.conditions.touch_grammar import Touches
from Strategy.reading.text.draft import UNIT_SECONDS
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.operands import Operands
from Strategy.words import Table, comparing, moving, prices, small, spans


@dataclass(eq=False)
class Movements(Grammar):
    """Reads how a subject moves, how far it is from something, and whether it is at an extreme."""

    operands: Operands

    def __post_init__(self) -> None:
        self.extremes = Extremes(self.cursor, self.draft, self.operands)
        self.touches = Touches(self.cursor, self.draft, self.operands, self.extremes)

    def span(self, lead: Table, *, need_last: bool = False) -> int | None:
        cursor = self.cursor
        phrase_start = cursor.position
        if not cursor.take(lead, noise=False):
            return None
        said = [t.norm for t in cursor.tokens[phrase_start : cursor.position]]
        last = cursor.take(spans.LAST, noise=False)
        if need_last and not (last or said[0] in small.WITHIN or any(word in spans.LAST_OR_PAST for word in said)):
            return None
        cursor.words(moving.MORE_THAN, noise=False)
        token = cursor.number(percent=False, noise=False)
        cursor.take(spans.IN_A_ROW, noise=False)
        unit = cursor.take(spans.UNIT, noise=False) if token else None
        if token is None or unit is None or cursor.looking_at(spans.AGO, noise=False):
            return None
        cursor.take(spans.IN_A_ROW, noise=False)
        return min(self.draft.bars(token.value, unit), 500)

    def count_in_a_row(self) -> int | None:
        """Read "3 days in a row"."""
        cursor = self.cursor
        token = cursor.number(percent=False)
        if token is None:
            return None
        row = cursor.take(spans.IN_A_ROW, noise=False)
        unit = cursor.take(spans.UNIT, noise=False)
        row = cursor.take(spans.IN_A_ROW, noise=False) or row
        return min(self.draft.bars(token.value, unit), 500) if unit and row else None

    def turns(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "turns up": it rises now, and did not rise on the bar before."""
        way = self.cursor.take(moving.TURNS)
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

    def percent_beyond(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "[at least] 2% below X", "pulls back 5% from its 20-day high", "drops 3% below X"."""
        cursor = self.cursor
        moved = cursor.words(moving.MOVED)
        cursor.words(small.BY, noise=False)
        bound = cursor.words(comparing.AT_LEAST, comparing.FARTHER)
        within = not bound and cursor.words(comparing.NEARER)
        token = cursor.number(percent=True)
        if token is None:
            return None
        cursor.words(comparing.OR_GREATER)
        where = cursor.words(moving.DISTANCE_SIDES)
        if where is None:
            return None
        base = self.operands.term()
        if base == subject:
            base = self.draft.mentioned(besides=subject)
        if base is None or isinstance(base, Value):
            return None
        self.operands.units.ask_of_signed(base, token.value)
        if isinstance(base, Price) and base.column in ("High", "Low") and not base.offset:
            self.operands.ask_which(base.column.lower(), token.value)
        side = moving.DISTANCE_SIDES[where]
        up = side == "above" or (not side and moving.MOVED.get(moved or "") == "up")
        if not moved and not side:
            up = self._away_from(base, where, token.value)
        factor = round(1 + (token.value if up else -token.value) / 100, 10)
        level = Math(left=Value(value=factor), op="*", right=base)
        self.draft.mentions += (base,)
        if within:
            within = {"<": "less than", "<=": "at most"}.get(within, within)
            self.draft.assume("within", f"{within} {token.value:g}% {where} it is between the two levels", "beyond")
            return Between(operand=subject, low=base if up else level, high=level if up else base)
        if moving.MOVED.get(moved or "") == "down" and moving.PASSED_SIDES.get(where) == "below":
            return Cross(left=subject, direction="below", right=level)
        op = (">" if up else "<") + (
            "" if bound in comparing.FARTHER or (bound is None and where in moving.PASSED_SIDES) else "="
        )
        return Compare(left=subject, op=op, right=level)  # type: ignore[arg-type]

    def _away_from(self, base: AnyOperand, where: str, percent: float) -> bool:
        """Whether "5% from X" is above X, as it is of a low; ask where X is neither a high nor a low."""
        item = self.draft.indicators[base.id] if isinstance(base, IndicatorRef) else None
        extreme = item.entry.extreme if item is not None else base.column.lower() if isinstance(base, Price) else ""
        if extreme == "low":
            return True
        if extreme != "high" and where in moving.AWAY_FROM:
            message = f"'{percent:g}% {where}' does not say on which side: above or below"
            self.draft.problem(
                "error", "distance", "text", message, f"Say '{percent:g}% above' or '{percent:g}% below'"
            )
            self.draft.ask(f"Is {f'{percent:g}% {where}'!r} meant as {percent:g}% above, below, or either?")
        return False

    def within_percent(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "within 2% of the SMA(50)"."""
        if not self.cursor.words(small.WITHIN):
            return None
        token = self.cursor.number(percent=True)
        if token is None or not self.cursor.words(small.OF, small.FROM):
            return None
        base = self.operands.term()
        if base is None:
            return None
        low, high = (Math(left=Value(value=round(1 + s * token.value / 100, 10)), op="*", right=base) for s in (-1, 1))
        return Between(operand=subject, low=low, high=high)

    def extreme(self, subject: AnyOperand) -> AnyCondition | None:
        extreme = self.cursor.take(moving.EXTREME)
        return self.extreme_level(subject, extreme) if extreme else None

    def extreme_level(self, subject: AnyOperand, extreme: str) -> AnyCondition | None:
        """Read the rest of "RSI is oversold", "oversold (below 25)": the usual level, or the one that is given."""
        if not isinstance(subject, IndicatorRef):
            return None
        entry = self.draft.indicators[subject.id].entry
        if entry.levels is None:
            return None
        level = entry.levels[0] if extreme == "oversold" else entry.levels[1]
        mark = self.cursor.mark()
        self.cursor.symbol("(")
        given = self.cursor.take(comparing.ABOVE)
        token = self.cursor.number()
        if token is not None and (given or self.cursor.previous()):
            self.cursor.symbol(")")
            level = token.value
        else:
            self.cursor.reset(mark)
            self.draft.assume(extreme, f"{entry.name} is {extreme} at {level:g}", field="entry_rules")
        return Compare(left=subject, op="<" if extreme == "oversold" else ">", right=Value(value=level))

    def moves(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "is rising", "has fallen for 3 bars", "is higher than yesterday"."""
        cursor = self.cursor
        cursor.take(prices.PRICE) if isinstance(subject, Price) and cursor.looking_at(
            prices.PRICE, noise=True
        ) == "Close" else None
        way = cursor.take(moving.RISING)
        if way is None or self._percent_ahead():
            return None
        net = cursor.previous_word() in moving.NET
        mark = cursor.mark()
        bars = self.span(spans.FOR)
        if bars is not None and net and cursor.tokens[mark.position].norm in moving.OVER_SPAN:
            return self._changed(subject, way, bars)
        if bars is None:
            cursor.reset(mark)
            bars = self.count_in_a_row()
        if bars is None:
            cursor.reset(mark)
            since = cursor.words(spans.SINCE_YESTERDAY)
            if since in spans.THAN_YESTERDAY and self._of_last_day(subject):
                return Compare(
                    left=subject, op=">" if way == "rising" else "<", right=self.operands.prices.of_last_day("Close")
                )
            if since:
                bars = 1
            elif cursor.words(small.THAN, noise=False):
                cursor.reset(mark)
                return None
        if bars is not None and bars > 1:
            self._ask_of_unit(subject, mark.position, bars)
        return self.direction(subject, way, bars or 1)

    def _of_last_day(self, subject: AnyOperand) -> bool:
        """Whether "than yesterday" is than the last day's close: of a close on bars finer than a day."""
        close = isinstance(subject, Price) and subject.column == "Close"
        return close and is_intraday(self.draft.timeframe)

    def _changed(self, subject: AnyOperand, way: str, bars: int) -> AnyCondition | None:
        """Return "is up over the last 5 days": above what it was 5 bars ago, whatever was between."""
        if not isinstance(subject, Price | IndicatorRef):
            return None
        before = subject.model_copy(update={"offset": subject.offset + bars})
        self.draft.assume("net_change", f"Up or down over {bars} bars is the change in all", "on each of those bars")
        return Compare(left=subject, op=">" if way == "rising" else "<", right=before)

    def _ask_of_unit(self, subject: AnyOperand, start: int, bars: int) -> None:
        """Ask about "up for 3 weeks" on daily bars: fifteen rises in a row, or weeks that closed higher. Averages do rise so long."""
        average = isinstance(subject, IndicatorRef) and self.draft.indicators[subject.id].entry.is_average
        said = self.cursor.tokens[start : self.cursor.position]
        units = [unit for unit in (token.norm.rstrip("s") for token in said) if unit in UNIT_SECONDS]
        if average or not units:
            return
        if UNIT_SECONDS[units[-1]] > seconds(self.draft.timeframe):
            words = " ".join(token.norm for token in said)
            message = f"'Rising or falling {words}' may mean each of {bars} {in_words(self.draft.timeframe)} bars, or each {units[-1]}"
            suggestion = f"Say 'for {bars} bars', or compare with the close {words.removeprefix('for ')} ago"
            self.draft.problem("error", "rising_unit", "text", message, suggestion)
            self.draft.ask(f"Does {words!r} mean each of {bars} bars in a row, or a change over that time?")

    def _percent_ahead(self) -> bool:
        """Whether a percentage follows: how far something moved, not only that it did."""
        mark = self.cursor.mark()
        self.cursor.words(small.BY, noise=False)
        self.cursor.words(moving.MORE_THAN, small.OVER)
        found = self.cursor.number(percent=True) is not None
        self.cursor.reset(mark)
        return found

    @staticmethod
    def direction(subject: AnyOperand, way: str, bars: int) -> AnyCondition:
        return Rising(operand=subject, bars=bars) if way == "rising" else Falling(operand=subject, bars=bars)

    def percent_move(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "is up 3% over 5 days", "drops 5% in 3 days", "gains more than 2% today"."""
        cursor = self.cursor
        way = cursor.take(moving.RISING) or cursor.take(moving.GAINED)
        if way is None or not isinstance(subject, Price | IndicatorRef):
            return None
        cursor.words(small.BY, noise=False)
        bound = cursor.words(moving.MORE_THAN, small.OVER)
        token = cursor.number(percent=True)
        if token is None:
            return None
        cursor.words(comparing.OR_MORE)
        bars = 1
        mark = cursor.mark()
        if cursor.words(spans.OF_MOVE):
            cursor.words(small.A, noise=False)
            span = cursor.number(percent=False)
            unit = cursor.take(spans.UNIT, noise=False)
            if unit is None:
                cursor.reset(mark)
                if not cursor.words(spans.FROM_YESTERDAY):
                    cursor.reset(mark)
                    return None
            else:
                bars = self.draft.bars(span.value if span else 1, unit)
                cursor.take(spans.AGO, noise=False)
        elif not cursor.words(spans.TODAY):
            if self.draft.exit_rule:
                return None  # of the trade, where it is the price: a stop or a target
            self._ask_since(way, token.value)
        before = subject.model_copy(update={"offset": subject.offset + bars})
        sign = 1 if way == "rising" else -1
        level = Math(left=Value(value=round(1 + sign * token.value / 100, 10)), op="*", right=before)
        op = (">" if sign > 0 else "<") + ("" if bound in moving.BEYOND else "=")
        return Compare(left=subject, op=op, right=level)  # type: ignore[arg-type]

    def _ask_since(self, way: str, percent: float) -> None:
        message = f"The text does not say over what time it is {way} {percent:g}%"
        self.draft.problem(
            "error", "no_reference", "text", message, "Say since when: over 3 days, from the 20-day high"
        )
        self.draft.ask(f"Over how many bars, or from which price, shall it be {way} {percent:g}%?")
