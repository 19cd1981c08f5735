"""The grammar of highs and lows: "makes a new 20-day high", "is the lowest close of the last 5 days"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import AnyCondition, AnyOperand, Compare, IndicatorRef, Math, Price, Value, walk
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.operands import Operands
from Strategy.words import indicator_words, moving, small, spans


@dataclass(eq=False)
class Extremes(Grammar):
    """Reads whether something is at an extreme. A method returns None where there is none."""

    operands: Operands

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

    def is_before(self, subject: AnyOperand, direction: str, level: AnyOperand) -> bool:
        """Whether a level is a high of the bars before that lay at or above the subject itself, or a low at or below it.

        So is one at a distance, "1% above yesterday's high". One of a coarser time frame stands still from bar to bar.
        """
        if isinstance(level, Math):
            base, distance = (level.right, level.left) if isinstance(level.left, Value) else (level.left, level.right)
            far = not any(isinstance(node, Price) or self._is_of_price(node) for node in walk(distance))
            return far and level.op != "/" and self.is_before(subject, direction, base)
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

    def reaches(self, subject: AnyOperand) -> AnyCondition | None:
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

    def holds(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "is the lowest close of the last 5 days": this bar is among the bars counted."""
        cursor = self.cursor
        kind = cursor.take(moving.HIGHEST_OR_LOWEST)
        if kind is None or not isinstance(subject, Price | IndicatorRef) or subject.offset:
            return None
        cursor.words(moving.EXTREME_NOUN, noise=False)
        if not cursor.words(spans.OF_EXTREME, noise=False):
            return None
        span = cursor.span()
        if span is None or (isinstance(subject, IndicatorRef) and subject.output):
            return None
        high = kind == "high"
        if isinstance(subject, IndicatorRef) and (frame := self.draft.indicators[subject.id].timeframe) is not None:
            return self._extreme_of_frame(subject, frame, *span, high=high)
        source = subject.column if isinstance(subject, Price) else subject.id
        bars = self.draft.bars(*span)
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
