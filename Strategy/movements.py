"""The grammar of movements and distances: rising, percent moves, touches, highs and lows."""

from __future__ import annotations

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
    walk,
)
from Backtest.indicators import REGISTRY
from Backtest.timeframes import in_words, is_intraday, seconds
from Strategy.cursor import Cursor
from Strategy.draft import UNIT_SECONDS, Draft
from Strategy.operands import Operands
from Strategy.words import Table, comparing, indicator_words, moving, prices, small, spans


class Movements:
    """Reads how a subject moves, how far it is from something, and whether it is at an extreme."""

    def __init__(self, cursor: Cursor, draft: Draft, operands: Operands) -> None:
        self.cursor = cursor
        self.draft = draft
        self.operands = operands

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
        return close and is_intraday(self.draft.timeframe) and not self.draft.exact

    def _changed(self, subject: AnyOperand, way: str, bars: int) -> AnyCondition | None:
        """Return "is up over the last 5 days": above what it was 5 bars ago, whatever was between."""
        if not isinstance(subject, Price | IndicatorRef) or self.draft.exact:
            return None
        before = subject.model_copy(update={"offset": subject.offset + bars})
        self.draft.assume("net_change", f"Up or down over {bars} bars is the change in all", "on each of those bars")
        return Compare(left=subject, op=">" if way == "rising" else "<", right=before)

    def _ask_of_unit(self, subject: AnyOperand, start: int, bars: int) -> None:
        """Ask about "up for 3 weeks" on daily bars: fifteen rises in a row, or weeks that closed higher. Averages do rise so long."""
        average = isinstance(subject, IndicatorRef) and self.draft.indicators[subject.id].entry.is_average
        said = self.cursor.tokens[start : self.cursor.position]
        units = [unit for unit in (token.norm.rstrip("s") for token in said) if unit in UNIT_SECONDS]
        if average or self.draft.exact or not units:
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

    def level_reached(self) -> AnyCondition | None:
        """Read the level of "sell at RSI 70"."""
        named = self.operands.indicators.oscillator_and_level()
        return None if named is None else self._reached(*named)

    def touch(self) -> AnyCondition | None:
        """Read the level of "exit at the middle band"."""
        mark = self.cursor.mark()
        found = self._touched(Price(column="Close"))
        if not isinstance(found, Compare) or isinstance(found.right, Value):
            self.cursor.reset(mark)
            return None
        return found

    def touch_of_line(self) -> AnyCondition | None:
        """Read the line of "take profit at the middle band": an indicator that lies among the prices."""
        mark = self.cursor.mark()
        found = self.touch()
        right = found.right if isinstance(found, Compare) else None
        item = self.draft.indicators[right.id] if isinstance(right, IndicatorRef) else None
        if item is None or item.entry.scale != "price" or item.entry.of_bar_before:
            self.cursor.reset(mark)
            return None
        return found

    def touch_of_entry(self) -> AnyCondition | None:
        """Read the band of "buy at the lower band"; ask from which side the price is to reach a line that has no outer side."""
        start = self.cursor.position
        found = self.touch_of_line()
        right = found.right if isinstance(found, Compare) else None
        if not isinstance(right, IndicatorRef) or right.output in ("lower", "upper"):
            return found
        if self.draft.indicators[right.id].entry.is_extreme:
            return found
        self._ask_of_side(start)
        return found

    def _ask_of_side(self, start: int) -> None:
        said = " ".join(t.norm + "%" * t.percent for t in self.cursor.tokens[start : self.cursor.position])
        said = said.removeprefix("the ").replace(" ( ", "(").replace(" )", ")")
        message = f"'At the {said}' does not say from which side the price reaches it"
        self.draft.problem("error", "side_of_line", "text", message, f"Say: when the price crosses above the {said}")
        choices = "from above (the low touches it), from below (the high touches it), or a cross"
        self.draft.ask(f"How shall the price reach the {said}: {choices}?")

    def touched_level(self, subject: AnyOperand) -> AnyCondition | None:
        if self.cursor.take(moving.BOUNCES):
            return self._bounced(subject)
        if not self.cursor.take(moving.TOUCHES):
            return None
        return self._touched(subject, new=self.cursor.previous_word() not in moving.TOUCHING)

    def _bounced(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "bounces off the SMA(50)": on one bar the low is at or below it and the close above; mirrored off a line above."""
        start = self.cursor.position
        level = self.operands.operand()
        if level is None:
            return None
        if isinstance(subject, IndicatorRef) or isinstance(level, Value):
            said = " ".join(t.norm for t in self.cursor.tokens[start : self.cursor.position])
            message = f"'Bounces off {said}' does not say how it gets there and away again"
            remedy = f"Say: falls below {said} and then crosses above {said} within 3 bars"
            self.draft.problem("error", "bounce", "text", message, remedy)
            self.draft.ask(
                f"What is 'bounces off {said}': a cross above it, or a fall to it and a rise within how many bars?"
            )
            return Cross(left=subject, direction="above", right=level)
        lower = self._is_lower(level)
        near, beyond, away = ("low", "at or below", "above") if lower else ("high", "at or above", "below")
        text = f"A bounce off a level is one bar with its {near} {beyond} the level and its close {away} it"
        self.draft.assume("bounce", text, "a touch on one bar, the bounce on a later one")
        touch = Compare(left=Price(column="Low" if lower else "High"), op="<=" if lower else ">=", right=level)
        return All(conditions=[touch, Compare(left=Price(column="Close"), op=">" if lower else "<", right=level)])

    def edge(self, operand: AnyOperand) -> str | None:
        """Return High or Low where an operand is that of a bar, of the last day, or the extreme of several bars."""
        if isinstance(operand, Price):
            return operand.column if operand.column in ("High", "Low") else None
        item = self.draft.indicators[operand.id] if isinstance(operand, IndicatorRef) else None
        if item is None:
            return None
        of_day = (
            item.name == indicator_words.PLAIN_AVERAGE
            and item.params["timeperiod"] == 1
            and item.source_name in ("High", "Low")
        )
        return item.source_name if of_day else {"high": "High", "low": "Low"}.get(item.entry.extreme)

    def is_extreme_before(self, subject: AnyOperand, direction: str, level: AnyOperand) -> bool:
        """Whether a level is a high of the bars before that lay at or above the subject itself, or a low at or below it.

        So is one at a distance, "1% above yesterday's high". One of a coarser time frame stands still from bar to bar.
        """
        if isinstance(level, Math):
            base, distance = (level.right, level.left) if isinstance(level.left, Value) else (level.left, level.right)
            far = not any(isinstance(node, Price) or self._is_of_price(node) for node in walk(distance))
            return far and level.op != "/" and self.is_extreme_before(subject, direction, base)
        if not isinstance(level, Price | IndicatorRef) or not level.offset:
            return False
        side = "High" if direction == "above" else "Low"
        beyond = {side}  # what lay beyond the subject on each of the bars before
        if isinstance(subject, Price) and subject.column != "Volume":
            beyond |= {subject.column}
        elif not isinstance(subject, Price | IndicatorRef) or self._is_of_price(subject):
            return False  # any other high, said of volume or an oscillator, is its own
        if isinstance(level, Price):
            return isinstance(subject, Price) and level.column in beyond
        item = self.draft.indicators[level.id]
        if item.entry.extreme == "both":
            return item.timeframe is None and level.output == ("upper" if direction == "above" else "lower")
        extreme = item.entry.extreme == ("high" if direction == "above" else "low")
        return extreme and item.timeframe is None and item.source_name in beyond

    def _is_of_price(self, node: object) -> bool:
        """Whether an operand is an indicator that lies among the prices."""
        return isinstance(node, IndicatorRef) and self.draft.indicators[node.id].entry.scale == "price"

    def _touched(self, subject: AnyOperand, *, new: bool = True) -> AnyCondition | None:
        """Read the level of a touch; where `new`, that of a high or low of several bars is a new one: "hits the 20-day low"."""
        start = self.cursor.position
        right = self.operands.operand()
        if right is None:
            return None
        lower = self._is_lower(right)
        share = right.left if isinstance(right, Math) and right.op == "*" else None
        of_both = self.draft.exit_rule and len({side for side, _ in self.draft.entries}) == 2
        unclear = isinstance(share, Value) and (of_both or lower == (share.value > 1))
        if unclear and not self.draft.exact:
            self._ask_of_side(start)  # "reaches the SMA(50) plus 2%" to buy, which may be from below as well
        if isinstance(subject, IndicatorRef) or isinstance(right, Value):
            if isinstance(subject, IndicatorRef) and isinstance(right, Value):
                return self._reached(subject, right)
            return None
        if new and isinstance(right, IndicatorRef) and self.draft.indicators[right.id].entry.is_extreme:
            return self.beyond(Price(column="Close"), right)
        side = Price(column="Low" if lower else "High")
        word = "low" if lower else "high"
        self.draft.assume("touch", f"A touch is the bar's {word} at or beyond the level", "the close at or beyond it")
        return Compare(left=side, op="<=" if lower else ">=", right=right)

    def _reached(self, subject: IndicatorRef, level: Value) -> AnyCondition:
        """Return the condition of a level that is reached from the middle of an indicator's range."""
        entry = REGISTRY[self.draft.indicators[subject.id].name]
        middle = sum(entry.bounds) / 2 if entry.bounds else 0.0
        lower = level.value < middle or (level.value == middle and self.draft.rising_side)
        return Compare(left=subject, op="<=" if lower else ">=", right=level)

    def _is_lower(self, right: AnyOperand) -> bool:
        """Whether a level is reached from above: the lower band, a support, a low; of others that to buy."""
        side = (right.output or "").partition("_")[0] if isinstance(right, IndicatorRef) else ""
        if side in ("lower", "support", "upper", "resistance"):
            return side in ("lower", "support")
        edge = self.edge(right)
        return self.draft.rising_side if edge is None else edge == "Low"

    def reaches_extreme(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "makes a new 20-day high", "is at its 52-week low"."""
        cursor = self.cursor
        pronoun = cursor.previous_word() in small.IT
        cursor.words(moving.MAKES_EXTREME)
        if not cursor.take(moving.NEW):
            return None
        level = self.operands.prices.highest_or_lowest()
        if level is None:
            return None
        if pronoun and not isinstance(subject, Price) and not self._had_extremes(subject):
            self.draft.assume("pronoun", "What makes a new high or low is the price", "the indicator before it")
            subject = Price(column="Close")
        return self.beyond(subject, self._of_its_own(subject, level))

    def _had_extremes(self, subject: AnyOperand) -> bool:
        """Whether something was compared with its own highest or lowest before: "OBV makes a new high … it makes a new low"."""
        levels = [self.draft.indicators.get(right.id) for left, right, _ in self.draft.pairs if left == subject and isinstance(right, IndicatorRef)]  # fmt: skip
        return any(item is not None and item.entry.is_extreme for item in levels)

    def is_extreme(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "is the lowest close of the last 5 days": this bar is among the bars counted."""
        cursor = self.cursor
        kind = cursor.take(moving.HIGHEST_OR_LOWEST)
        if kind is None or not isinstance(subject, Price | IndicatorRef) or subject.offset:
            return None
        cursor.words(moving.EXTREME_NOUN, noise=False)
        if not cursor.words(spans.OF_EXTREME, noise=False):
            return None
        token = cursor.number(percent=False)
        unit = cursor.take(spans.UNIT, noise=False) if token else None
        if token is None or unit is None or (isinstance(subject, IndicatorRef) and subject.output):
            return None
        high = kind == "high"
        if isinstance(subject, IndicatorRef) and (frame := self.draft.indicators[subject.id].timeframe) is not None:
            return self._extreme_of_frame(subject, frame, token.value, unit, high=high)
        source = subject.column if isinstance(subject, Price) else subject.id
        bars = self.draft.bars(token.value, unit)
        level = self.draft.indicator(
            indicator_words.EXTREMES["high" if high else "low"], {"timeperiod": bars}, source=source
        )
        return Compare(left=subject, op=">=" if high else "<=", right=level)

    def _extreme_of_frame(
        self, subject: IndicatorRef, frame: str, count: float, unit: str, *, high: bool
    ) -> AnyCondition | None:
        """Return "the weekly close is the highest in 10 weeks", counted in the bars of its own time frame."""
        item = self.draft.indicators[subject.id]
        own = item.name == indicator_words.PLAIN_AVERAGE and item.params["timeperiod"] == 1 and count.is_integer()
        if not own or {"1d": "day", "1wk": "week", "1mo": "month", "1h": "hour"}.get(frame) != unit:
            return None
        name = indicator_words.EXTREMES["high" if high else "low"]
        level = self.draft.indicator(name, {"timeperiod": int(count)}, source=item.source_name, timeframe=frame)
        return Compare(left=subject, op=">=" if high else "<=", right=level)

    def _of_its_own(self, subject: AnyOperand, level: AnyOperand) -> AnyOperand:
        """Return the highest or lowest of volume or of an indicator in place of the price's."""
        if isinstance(subject, Price) and subject.column == "Volume":
            source = "Volume"
        elif isinstance(subject, IndicatorRef) and subject.output is None:
            source = subject.id
        else:
            if isinstance(subject, IndicatorRef):
                self._ask_of_line(subject)
            return level
        if not isinstance(level, IndicatorRef):
            return subject.model_copy(update={"offset": subject.offset + 1})
        extreme = self.draft.indicators[level.id]
        own = self.draft.indicator(extreme.name, dict(extreme.params), source=source)
        return own.model_copy(update={"offset": level.offset})

    def _ask_of_line(self, subject: IndicatorRef) -> None:
        """Ask about a new high of one of an indicator's several lines, whose own highest cannot be told."""
        name = self.draft.indicators[subject.id].name
        message = f"The highest or lowest of a line of {name}, which has several, is not supported"
        self.draft.problem(
            "error", "line_extreme", "text", message, "Compare the line with a level, or with another line"
        )
        self.draft.ask(f"{message}. With what shall it be compared?")

    def beyond(self, subject: AnyOperand, level: AnyOperand) -> AnyCondition:
        """A new high is a close above the level of the bars before it, a new low a close below."""
        high = True
        if isinstance(level, IndicatorRef):
            high = self.draft.indicators[level.id].entry.extreme == "high"
        word = "high" if high else "low"
        self.draft.assume(
            "new_extreme", f"A new {word} is a close beyond the previous {word}", "a touch within the bar"
        )
        self.draft.pairs += ((subject, level, "level"),)
        return Compare(left=subject, op=">" if high else "<", right=level)
