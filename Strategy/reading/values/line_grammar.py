"""The grammar of lines that are said without their indicator: "the lower band", "%K", "R1"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import AnyOperand, IndicatorRef
from Backtest.indicators import REGISTRY
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.frame_grammar import Frames
from Strategy.reading.values.indicator_grammar import Indicators
from Strategy.words import indicator_words, joins


@dataclass(eq=False)
class Lines(Grammar):
    """Reads lines, of an indicator named before or of the usual one. A method returns None where there is none."""

    frames: Frames
    indicators: Indicators

    def _ends_here(self) -> bool:
        """Whether a clause ends here, or goes on with "of the band", so that "the middle" was said alone."""
        ends = self.cursor.clause_ends(joins.AND_OR, marks=",.;)")
        return bool(ends or self.cursor.words(indicator_words.OF_THE_BAND, noise=False))

    def band(self) -> AnyOperand | None:
        """Read a line of a channel: "the lower band", "the middle band of the Keltner channel"."""
        cursor, draft = self.cursor, self.draft
        if (side := cursor.take(indicator_words.CHANNEL_LINES)) is not None:
            middle = cursor.previous_word() in indicator_words.MIDDLE
            known = [i for i in draft.indicators.values() if i.entry.is_channel]
            if not cursor.take(indicator_words.BANDS, noise=False) and not (known and middle and self._ends_here()):
                return None
            mark = cursor.mark()
            if cursor.words(indicator_words.OF_CHANNEL, noise=False):
                named = self.indicators.indicator() or self.indicators.numbered()
                if isinstance(named, IndicatorRef) and draft.indicators[named.id].entry.is_channel:
                    return named.model_copy(update={"output": side})
                cursor.reset(mark)
            if known:
                return IndicatorRef(id=known[-1].id, output=side)
            draft.assume("band", f"The {side} band is the Bollinger Band 20/2's", field="indicators")
            return draft.indicator(indicator_words.DEVIATION_BANDS, {}, output=side)
        return None

    def line(self) -> AnyOperand | None:
        """Read an output that is known without its indicator, "the signal line", "%K": that of the one named last, else the usual one's."""
        cursor, draft = self.cursor, self.draft
        if (word := cursor.words(indicator_words.LINES_ALONE)) is None:
            return None
        lines, named = indicator_words.LINES_ALONE[word], list(draft.indicators.values())
        known = [(i, lines[i.name]) for i in named if i.name in lines]
        known = known or [(i, output) for i in named for output in i.entry.outputs if word in output.words]
        if known:
            item, output = known[-1]
            return IndicatorRef(id=item.id, output=output.name)
        name, output = next(iter(lines.items()))
        if not output.presumed:
            return None
        draft.assume_usual(REGISTRY[name], {})
        return draft.indicator(name, {}, output=output.name)

    def pivot_level(self) -> AnyOperand | None:
        """Read a level named alone: "R1", "the daily S2", "the R1 pivot level"."""
        frame = self.frames.frame()
        level = self.cursor.take(indicator_words.PIVOT_LEVEL)
        if level is None:
            return None
        self.cursor.words(indicator_words.PIVOT_NOUNS, noise=False)
        name, output = level
        return self.indicators.finish(REGISTRY[name], [], frame, output)
