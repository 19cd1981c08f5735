"""How long ago the highest or lowest of the last bars was: "bars since the 20-day high", "the low was 3 days ago"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from Backtest.canonical import AnyOperand, Compare, IndicatorRef, Operator, Value
from Backtest.indicators import REGISTRY
from Strategy.reading.text.grammar import Grammar
from Strategy.words import small, spans

_AGES = {entry.age_of: entry.name for entry in REGISTRY.values() if entry.age_of}


@dataclass(eq=False)
class Ages(Grammar):
    """Reads ages of extremes; `extreme` reads "the 20-day high". Every method returns None where there is none."""

    extreme: Callable[[], AnyOperand | None]

    def operand(self) -> IndicatorRef | None:
        """Read "bars since the highest high of the last 20 bars" as a value."""
        cursor = self.cursor
        cursor.words(spans.NUMBER_OF)
        unit = cursor.take(spans.UNIT)
        if unit is None or not cursor.words(small.SINCE, noise=False):
            return None
        found = self._age()
        return found if found is not None and self.draft.bars(1, unit) == 1 else None

    def condition(self) -> Compare | None:
        """Read "it has been at least 10 bars since the 20-day high" or "the 20-day high was more than 10 bars ago"."""
        mark = self.cursor.mark()
        found = self._since()
        if found is None:
            self.cursor.reset(mark)
            found = self._ago()
        return found

    def _since(self) -> Compare | None:
        """Read "10 bars since the 20-day high", "it has been 5 days since the low"."""
        cursor = self.cursor
        cursor.words(spans.IT_HAS_BEEN, noise=False)
        op, bars = self._span()
        cursor.words(spans.HAVE_PASSED, noise=False)
        if bars is None or not cursor.words(small.SINCE, noise=False):
            return None
        if op == "==":
            self.draft.assume("age", f"{bars} bars since then means exactly so many", "at least so many")
        return self._compare(self._age(), op, bars)

    def _ago(self) -> Compare | None:
        """Read "the 20-day high was 3 days ago", "the low was within the last 5 bars"."""
        age = self._age()
        if age is None or not self.cursor.words(spans.HAPPENED, noise=False):
            return None
        within = self.cursor.words(spans.WITHIN_THE_LAST, noise=False)
        op, bars = self._span()
        if within:
            return self._compare(age, "<", bars) if op == "==" else None
        return self._compare(age, op, bars) if self.cursor.take(spans.AGO, noise=False) else None

    def _span(self) -> tuple[Operator, int | None]:
        """Read "more than 10 bars", "3 days"; without words of comparison exactly so many are meant."""
        op: Operator = self.cursor.take(spans.HOW_LONG, noise=False) or "=="
        token = self.cursor.number(percent=False, noise=False)
        unit: Any = self.cursor.take(spans.UNIT, noise=False) if token else None
        bars = self.draft.bars(token.value, unit) if token and unit else None
        return op, bars

    def _age(self) -> IndicatorRef | None:
        """Read an extreme and return how many bars ago it was, this bar included in the search for it."""
        extreme = self.extreme()
        item = self.draft.indicators.get(extreme.id) if isinstance(extreme, IndicatorRef) else None
        if item is None or item.name not in _AGES:
            return None
        source = item.source_name if item.source_name != item.entry.default_source else None
        return self.draft.indicator(_AGES[item.name], dict(item.params), source=source, timeframe=item.timeframe)

    def _compare(self, age: IndicatorRef | None, op: Operator, bars: int | None) -> Compare | None:
        """Compare an age with a number of bars; refuse one that it never has: of 20 bars the oldest is 19 bars ago."""
        if age is None or bars is None:
            return None
        of = int(self.draft.indicators[age.id].params["timeperiod"])
        if bars > of - 1 - (op == ">"):
            message = (
                f"The highest or lowest of {of} bars is at most {of - 1} bars ago, which this compares with {bars}"
            )
            self.draft.problem("error", "age_range", "text", message, "Look for it in more bars, or say fewer")
            self.draft.ask(f"In how many bars is the highest or lowest looked for, that it can be {bars} bars ago?")
        return Compare(left=age, op=op, right=Value(value=bars))
