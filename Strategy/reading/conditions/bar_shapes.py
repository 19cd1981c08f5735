"""The grammar of bars that are told by their range: inside and outside days, "NR7", "the narrowest range of 7 days"."""

from __future__ import annotations

from typing import Literal

from Backtest.canonical import All, AnyCondition, Compare, Math, Not, Price
from Backtest.market import in_words, is_intraday
from Strategy.reading.text.grammar import Grammar
from Strategy.words import candles, comparing, moving, prices, small

_MOST_BARS = 21  # of which the narrowest range is told by comparing the last with each of the others
_FRAMES_OF = {"day": "1d", "week": "1wk"}


class BarShapes(Grammar):
    """Reads what a bar's range is beside those before it. A method returns None where there is none."""

    def condition(self) -> AnyCondition | None:
        """Read "an inside day", "yesterday was an NR7", "the range is the narrowest of the last 7 days"."""
        cursor = self.cursor
        if self._inside_a_phrase():
            return None
        mark = cursor.mark()
        cursor.words(small.AFTER, small.ON, noise=False)
        back = 1 if cursor.words(candles.BEFORE, noise=False) else 0
        if not back:
            cursor.words(candles.NOW, noise=False)
        negated = cursor.words(small.NOT, noise=False) is not None
        cursor.words(small.ARTICLES, noise=False)
        found = self._enclosing(back) or self._narrow_by_name(back) or self._narrowest(back)
        if found is None or self._goes_on():
            cursor.reset(mark)
            return None
        return Not(condition=found) if negated else found

    def _inside_a_phrase(self) -> bool:
        """Whether the words before make this a part of something else: "the high of the inside bar"."""
        at = self.cursor.position - 1
        while at >= 0 and self.cursor.tokens[at].norm in candles.ARTICLES:
            at -= 1
        return at >= 0 and self.cursor.tokens[at].norm in candles.OF

    def _goes_on(self) -> bool:
        """Whether more is said of the bar than what it is: "inside bar breakout", "NR7 high"."""
        cursor = self.cursor
        said = cursor.looking_at(
            moving.BREAKOUT,
            moving.BREAKDOWN,
            prices.HIGHLOW,
            prices.PRICE,
            comparing.CROSS,
            comparing.CROSSES,
            moving.RISING,
            moving.NEW,
            noise=False,
        )
        mark = cursor.mark()
        words = cursor.words(candles.GOES_ON, noise=False)
        cursor.reset(mark)
        return said is not None or words is not None

    def _enclosing(self, back: int) -> AnyCondition | None:
        """Read "inside day" or "outside bar"."""
        shape = self.cursor.take(candles.BAR_SHAPE, noise=False)
        if shape is None or not self._fits(shape[1]):
            return None
        self.cursor.words(candles.PATTERN_NOUN, noise=False)
        inside = shape[0] == "inside"
        text = (
            "An inside bar has a lower high and a higher low than the bar before it"
            if inside
            else "An outside bar has a higher high and a lower low than the bar before it"
        )
        self.draft.assume("bar_shape", text, "an equal high or low counts as well")
        return All(conditions=[_beside("High", back, rises=not inside), _beside("Low", back, rises=inside)])

    def _narrow_by_name(self, back: int) -> AnyCondition | None:
        """Read "NR7" or "NR4 day"."""
        cursor = self.cursor
        op = cursor.take(candles.BY_RANGE, noise=False)
        token = cursor.peek() if op else None
        if token is None or token.kind != "num" or not token.attached or token.percent:
            return None
        cursor.advance(1)
        unit = cursor.words(candles.NR_UNITS, noise=False)
        if unit is None and is_intraday(self.draft.timeframe):
            unit = "day"
        if not self._fits("bar" if unit is None else unit.rstrip("s")):
            return None
        return self._least(op, token.value, back)

    def _narrowest(self, back: int) -> AnyCondition | None:
        """Read "the range is the narrowest of the last 7 days" or "the narrowest range in 7 bars"."""
        cursor = self.cursor
        before = cursor.words(candles.RANGE, noise=False)
        if before:
            cursor.words(small.IS, small.WAS, noise=False)
            cursor.words(small.THE, noise=False)
        width = cursor.words(candles.WIDTHS, noise=False)
        if width is None or not (before or cursor.words(candles.RANGE_NOUNS, noise=False)):
            return None
        if not before and width in candles.LOWEST:
            return None
        if not cursor.words(candles.SPAN, noise=False):
            return None
        token = cursor.number(percent=False, noise=False)
        unit = cursor.words(candles.UNITS, noise=False) if token else None
        if token is None or unit is None or not self._fits(unit.rstrip("s")):
            return None
        return self._least(candles.WIDTHS[width], token.value, back)

    def _fits(self, unit: str) -> bool:
        """Whether a unit is that of the strategy's bars; ask where it is a coarser one."""
        frame = _FRAMES_OF.get(unit)
        if frame is None or frame == self.draft.timeframe or unit == "session":
            return True
        bars = in_words(self.draft.timeframe)
        message = f"What a {unit} is beside the one before it cannot be told of {bars} bars"
        self.draft.problem(
            "error", "bar_shape", "text", message, f"Say 'bar' for {bars} bars, or trade on bars of a {unit}"
        )
        self.draft.ask(f"Is a bar of the {bars} chart meant, or shall it trade on bars of a {unit}?")
        return True

    def _least(self, op: Literal["<", ">"], bars: float, back: int) -> AnyCondition | None:
        """Return that a bar's range is below, or above, that of each of the others of the last so many."""
        if not bars.is_integer() or not 2 <= bars <= _MOST_BARS:
            return None
        narrow = "narrower" if op == "<" else "wider"
        text = f"The bar's range, high less low, is {narrow} than that of each of the {bars - 1:g} bars before it"
        self.draft.assume("bar_shape", text, "an equal range counts as well")
        parts: list[AnyCondition] = [
            Compare(left=_range(back), op=op, right=_range(back + n)) for n in range(1, int(bars))
        ]
        return parts[0] if len(parts) == 1 else All(conditions=parts)


def _range(back: int) -> Math:
    return Math(left=Price(column="High", offset=back), op="-", right=Price(column="Low", offset=back))


def _beside(column: Literal["High", "Low"], back: int, *, rises: bool) -> Compare:
    left, right = Price(column=column, offset=back), Price(column=column, offset=back + 1)
    return Compare(left=left, op=">" if rises else "<", right=right)
