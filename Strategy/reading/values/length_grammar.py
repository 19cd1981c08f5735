"""The grammar of an indicator's numbers: "SMA 50", "MACD(12, 26, 9)", "with a period of 20"."""

from __future__ import annotations

from Backtest.indicators import IndicatorEntry
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.words import indicator_words, prices, spans


class Lengths(Grammar):
    """Reads the numbers of an indicator; a list is empty where there are none."""

    def numbers(self, *, spoken: bool = False) -> list[float]:
        """Read "12", "12/26/9", "12, 26, 9"; whole or decimal numbers without a percent sign."""
        cursor = self.cursor
        numbers: list[float] = []
        start = cursor.mark()
        named = cursor.words(indicator_words.LENGTH_NAMES, noise=False)
        if not named or not cursor.symbol("=", ":"):
            cursor.reset(start)
            cursor.words(indicator_words.LENGTH, noise=False)
            if not cursor.looking_at_number():
                cursor.reset(start)
        while True:
            mark = cursor.mark()
            if numbers and not cursor.symbol("/", ",", "-"):
                break
            token = cursor.number(percent=False, noise=not numbers)
            if token is None or token.money:
                cursor.reset(mark)
                break
            numbers.append(token.value)
            if spoken:  # "(20 days, 2 standard deviations)"
                cursor.take(spans.UNIT, noise=False)
                cursor.words(prices.DEVIATION_NOUNS, noise=False)
        return numbers

    def in_brackets(self) -> list[float]:
        """Read "(2)" or "(14, 3, 3)"."""
        mark = self.cursor.mark()
        self.cursor.symbol("(")
        numbers = self.numbers(spoken=True)
        if not self.cursor.symbol(")"):
            self.cursor.reset(mark)
            return []
        return numbers

    def led(self, *, inner: bool = False) -> list[float]:
        """Read "with a period of 20", "over the last 20 bars"; of the `inner` of two indicators not the latter."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words(*((indicator_words.PERIOD,) if inner else (indicator_words.PERIOD, spans.OVER)), noise=False):
            loose = cursor.previous_word() in indicator_words.LOOSE
            numbers = self.numbers()
            unit = cursor.take(spans.UNIT, noise=False) if numbers else None
            if numbers and (unit or not loose):
                cursor.words(indicator_words.SETTINGS, noise=False)
                if unit and unit != "bar":
                    numbers = [float(self.draft.bars(n, unit)) for n in numbers]
                return numbers
        cursor.reset(mark)
        return []

    def bare(self, entry: IndicatorEntry) -> list[float]:
        """Read the numbers right behind a name: "SMA 50", "MACD 12/26/9"."""
        cursor = self.cursor
        mark = cursor.mark()
        token = cursor.peek()
        if (
            token is not None
            and token.kind == "num"
            and not token.percent
            and not token.money
            and token.value.is_integer()
        ):
            numbers = self.numbers()
            follows = cursor.peek()
            plausible = 1 <= numbers[0] <= 1000 and (follows is None or follows.kind != "num")
            if plausible and not cursor.looking_at(prices.MULTIPLE, noise=False):
                unit_mark = cursor.mark()
                if cursor.take(spans.UNIT, noise=False) and cursor.looking_at(spans.AGO, noise=False):
                    cursor.reset(mark)
                    return []
                cursor.reset(unit_mark)
                if len(numbers) > len(entry.params) and not (entry.params and self._slashed(mark)):
                    cursor.reset(mark)
                    return [] if not entry.params else self._first_numbers(len(entry.params))
                return numbers
        cursor.reset(mark)
        return []

    def _slashed(self, mark: Mark) -> bool:
        """Whether the numbers since a mark are written as one, "10/20", which is no division."""
        said = self.cursor.tokens[mark.position : self.cursor.position]
        return any(token.norm == "/" for token in said) and all(token.attached for token in said[1:])

    def _first_numbers(self, count: int) -> list[float]:
        token = self.cursor.number(percent=False)
        return [token.value] if token and count else []
