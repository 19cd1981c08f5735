"""The grammar of bars that are counted: "3 consecutive up closes", "two red candles", "a new 20-day high"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import AnyCondition, Compare, Falling, ForBars, Price, Rising
from Strategy.reading.conditions.movements import Movements
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.operands import Operands
from Strategy.words import candles, indicator_words, joins, moving, small, spans


@dataclass(eq=False)
class BarPatterns(Grammar):
    """Reads patterns of bars. A method returns None where there is none."""

    operands: Operands
    movements: Movements

    def condition(self) -> AnyCondition | None:
        """Read "3 consecutive up closes", "two red candles in a row", "a new 20-day high"."""
        cursor = self.cursor
        start = cursor.mark()
        cursor.words(small.AFTER, small.ON, noise=False)
        cursor.words(candles.MAKES)
        cursor.words(candles.FIRST)
        token = cursor.number(percent=False)
        count = int(token.value) if token else 1
        row = cursor.take(spans.IN_A_ROW, noise=False)
        kind = cursor.take(candles.UP_BAR)
        if kind is not None:
            self.draft.bar_noun = cursor.previous_word()
        else:
            kind = self._bars_as_before(counted=token is not None)
        if kind is None and token is not None and row and (unit := cursor.take(spans.UNIT, noise=False)):
            return self._consecutive(self.draft.bars(count, unit))
        if kind is None:
            cursor.reset(start)
            return self._breakout()
        row = cursor.take(spans.IN_A_ROW, noise=False) or row
        if token is None and not row and kind in ("gains", "losses"):
            return None
        return self._pattern(str(kind), max(count, 1))

    def _bars_as_before(self, *, counted: bool) -> str | None:
        """Read "red ones" and, where counted, "two red": the bars, days or closes that were named before, or candles of a color."""
        cursor = self.cursor
        mark = cursor.mark()
        said = cursor.words(candles.OF_BARS)
        ones = cursor.words(candles.ONES, noise=False) if said else None
        ends = cursor.clause_ends(joins.CLAUSE_JOINS)
        noun = self.draft.bar_noun or ("candles" if ones and said in candles.COLORS else "")
        noun = noun if noun.endswith("s") else f"{noun}s"
        kind: str | None = candles.UP_BAR.get(f"{said} {noun}")
        if kind is None or not (ones or (counted and ends)):
            cursor.reset(mark)
            return None
        return kind

    def _pattern(self, kind: str, count: int) -> AnyCondition:
        """Return the condition of so many bars of a kind: 3 of "green" are three closes above their open in a row."""
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
        cursor.words(candles.DAYS_OF)
        direction = cursor.take(moving.RISING)
        operand = self.operands.term()
        direction = direction or cursor.take(moving.RISING)
        if operand is not None and direction is not None:
            return self.movements.direction(operand, direction, bars)
        return None

    def _breakout(self) -> AnyCondition | None:
        """Read "a new 20-day high" or "a 20-day high breakout"."""
        cursor = self.cursor
        new = cursor.take(moving.NEW)
        mark = cursor.mark()
        level = self.operands.prices.highest_or_lowest()
        if level is None:
            cursor.reset(mark)
            if cursor.take(moving.BREAKOUT):
                return self._breakout_of()
            token = cursor.number(percent=False)
            unit = cursor.take(spans.UNIT, noise=False) if token else None
            name = cursor.take(moving.BREAKOUT, moving.BREAKDOWN, noise=False) if token and unit else None
            if token is None or unit is None or name is None:
                return None
            bars = self.draft.bars(token.value, unit)
            level = self.draft.indicator(name, {"timeperiod": bars}).model_copy(update={"offset": 1})
            new = True
        breakout = cursor.take(moving.BREAKOUT, noise=False)
        if not (new or breakout):
            return None
        return self.movements.extremes.beyond(Price(column="Close"), level)

    def _breakout_of(self) -> AnyCondition | None:
        """Read the rest of "a Donchian breakout of 20 days", upward to buy and downward to sell."""
        cursor = self.cursor
        cursor.words(moving.BREAKOUT_SPAN, noise=False)
        span = cursor.span()
        if span is None:
            return None
        name = indicator_words.EXTREMES["high" if self.draft.rising_side else "low"]
        level = self.draft.indicator(name, {"timeperiod": self.draft.bars(*span)})
        return self.movements.extremes.beyond(Price(column="Close"), level.model_copy(update={"offset": 1}))
