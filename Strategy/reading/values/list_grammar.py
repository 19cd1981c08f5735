"""The grammar of lists of lengths: "the 20, 50 and 200-day averages", "EMA 20 and 50"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import AnyOperand, IndicatorRef
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.average_grammar import MOST_BARS, Averages
from Strategy.reading.values.frame_grammar import Frames
from Strategy.reading.values.indicator_grammar import Indicators
from Strategy.reading.values.price_grammar import Prices
from Strategy.words import Table, indicator_words, small, spans


@dataclass(eq=False)
class Lists(Grammar):
    """Reads several averages, highs or lows of one kind; a list is empty where there is none."""

    frames: Frames
    prices: Prices
    averages: Averages
    indicators: Indicators

    def by_their_lengths(self, join: Table) -> list[AnyOperand]:
        """Read lengths in front of what all of them are lengths of: "the 20, 50 and 200-day averages"."""
        cursor = self.cursor
        lengths: list[tuple[float, str | None]] = []
        while (token := cursor.number(percent=False)) is not None and token.value.is_integer() and not token.money:
            unit = cursor.take(spans.UNIT)
            lengths.append((token.value, unit))
            dash = unit is None and cursor.symbol("-")  # "the 20-, 50- and 200-day averages"
            comma = cursor.symbol(",", "/")
            if dash and comma == "/":
                cursor.take(spans.UNIT)
            said = cursor.words(join)
            if not said and not comma:
                break
            here = cursor.mark()
            for read in (self.prices.highest_or_lowest, self.indicators.numbered, self.averages.average):
                last = read()
                listed = said or join is small.AND  # "20/50/200" are all of them
                if listed and isinstance(last, IndicatorRef) and self.draft.is_window(last):
                    unit, framed = self._unit_behind(here), read == self.indicators.numbered
                    return [*(self._of_length(last, n, own or unit, framed=framed) for n, own in lengths), last]
                cursor.reset(here)
        return []

    def _unit_behind(self, start: Mark) -> str | None:
        """Return the unit of the length that begins at a mark: "day" in "200-day average"."""
        here = self.cursor.mark()
        self.cursor.position = start.position
        unit: str | None = self.cursor.take(spans.UNIT) if self.cursor.number() is not None else None
        self.cursor.reset(here)
        return unit

    def _of_length(self, like: IndicatorRef, length: float, unit: str | None, *, framed: bool = False) -> IndicatorRef:
        """Return an average, high or low like another one, of its own length; `framed`, in bars of the unit."""
        item = self.draft.indicators[like.id]
        plain = unit in (None, "bar")
        frame = item.timeframe if plain else self.frames.of_unit(unit) if framed and unit else None
        bars = int(length) if plain or frame else self.draft.bars(length, unit or "bar")
        found = self.draft.indicator(item.name, {"timeperiod": bars}, source=item.source_name, timeframe=frame)
        return found.model_copy(update={"offset": like.offset})

    def further_lengths(self, one: AnyOperand, join: Table) -> list[AnyOperand]:
        """Read "and 50" behind "EMA 20", which is EMA(50) where the number stands alone."""
        cursor, draft = self.cursor, self.draft
        token, name = cursor.previous(), cursor.peek(-2)
        if not isinstance(one, IndicatorRef) or token is None or name is None:
            return []
        item = draft.indicators[one.id]
        plain = token.kind == "num" and name.kind == "word" and name.norm in indicator_words.PLAIN_AVERAGES
        if not item.entry.is_average or not plain:
            return []
        found: list[AnyOperand] = []
        here, joined = cursor.mark(), None
        while joined is None:
            mark = cursor.mark()
            comma = cursor.symbol(",", "/")
            joined = cursor.words(join, noise=False)
            number = cursor.number(percent=False, noise=False) if comma or joined else None
            if number is None or number.money or not (number.value.is_integer() and 2 <= number.value <= MOST_BARS):
                cursor.reset(mark)
                break
            found.append(self._of_length(one, number.value, None))
        if joined is None or not cursor.clause_ends(indicator_words.BEHIND_LENGTHS, marks=",.;)"):
            cursor.reset(here)
            return []
        return found
