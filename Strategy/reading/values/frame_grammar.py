"""The grammar of time frames said of a part of a rule: "weekly RSI", "on the 4-hour chart"."""

from __future__ import annotations

from Backtest.market import TIMEFRAMES, in_words, seconds
from Strategy.reading.text.grammar import Grammar
from Strategy.words import joins, small, spans

_FRAME_OF_UNIT = {"minute": "m", "hour": "h", "day": "d", "week": "wk", "month": "mo"}


class Frames(Grammar):
    """Reads the time frame in front of an indicator or behind it. A method returns None where there is none."""

    def frame(self) -> str | None:
        """Read a time frame in front of an indicator: "weekly", "4-hour", "the 1h"."""
        cursor = self.cursor
        mark = cursor.mark()
        frame = cursor.take(spans.FRAME)
        if frame is None and (token := cursor.kind("tf")):
            frame = token.norm
        if frame is None and (number := cursor.number(percent=False)):
            unit = cursor.take(spans.UNIT, noise=False)
            candidate = f"{int(number.value)}{_FRAME_OF_UNIT.get(unit or '', '?')}"
            if candidate in TIMEFRAMES and unit in ("minute", "hour"):
                frame = candidate
        if frame is not None:
            cursor.take(spans.CHART, noise=False)
            return str(frame)
        cursor.reset(mark)
        return None

    def trailing(self, *, bare: bool = False) -> str | None:
        """Read "on weekly bars", "on the 4-hour chart" behind an indicator; where `bare`, "on the daily" as well."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words(small.ON, small.OF, small.FROM, noise=False):
            frame = self.frame()
            before, ends = cursor.previous(), cursor.clause_ends(joins.CLAUSE_JOINS, marks=",.;)")
            if frame is not None and before is not None and (self._said_chart(before.norm) or (bare and ends)):
                return frame
        cursor.reset(mark)
        return None

    def leading(self) -> str | None:
        """Read "on the daily chart" in front of a comparison; "on" may have been read as a word such as "when"."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words(small.ON, small.IN, small.USING, noise=False) or cursor.previous_word() in spans.BEFORE_FRAME:
            frame, said = self.frame(), cursor.previous()
            if frame is not None and said is not None and self._said_chart(said.norm):
                cursor.symbol(",", ":")
                return frame
        cursor.reset(mark)
        return None

    def behind(self) -> str | None:
        """Read a time frame behind an indicator and remember where it was said."""
        frame = self.trailing(bare=True)
        if frame is not None:
            self.draft.frame_behind = (self.cursor.position, frame)
        return frame

    @staticmethod
    def _said_chart(word: str) -> bool:
        return word in spans.CHART_NOUNS

    def of_unit(self, unit: str) -> str | None:
        """Return the coarser time frame a period's unit names, as "50-day SMA" does on hourly bars."""
        frame = {"day": "1d", "week": "1wk", "month": "1mo", "hour": "1h"}.get(unit)
        if frame is None or seconds(frame) <= seconds(self.draft.timeframe):
            return None
        self.draft.assume(
            "period_unit",
            f"A period in {unit}s is computed on {in_words(frame)} bars",
            f"counted in bars of {self.draft.timeframe}",
        )
        return frame
