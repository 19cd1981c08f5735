"""The grammar of values: numbers, prices, indicators, and arithmetic on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from Backtest.canonical import AnyOperand, IndicatorRef, Math, Price, Value
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.ages import Ages
from Strategy.reading.values.average_grammar import MOST_BARS, Averages
from Strategy.reading.values.deviations import Deviations, lies_above
from Strategy.reading.values.frame_grammar import Frames
from Strategy.reading.values.indicator_grammar import Indicators
from Strategy.reading.values.length_grammar import Lengths
from Strategy.reading.values.line_grammar import Lines
from Strategy.reading.values.list_grammar import Lists
from Strategy.reading.values.price_grammar import Prices
from Strategy.reading.values.units import Units
from Strategy.words import Table, indicator_words, prices, small, spans


@dataclass(eq=False)
class Operands(Grammar):
    """Reads operands from a cursor into a draft. Every method returns None and stays put when
    what it looks for is not there."""

    def __post_init__(self) -> None:
        self.frames = Frames(self.cursor, self.draft)
        self.lengths = Lengths(self.cursor, self.draft)
        self.prices = Prices(self.cursor, self.draft)
        self.averages = Averages(self.cursor, self.draft, self.frames, self.lengths)
        self.indicators = Indicators(self.cursor, self.draft, self.frames, self.lengths, self.prices, self.averages)
        self.lines = Lines(self.cursor, self.draft, self.frames, self.indicators)
        self.lists = Lists(self.cursor, self.draft, self.frames, self.prices, self.averages, self.indicators)
        self.ages = Ages(self.cursor, self.draft, self.prices.highest_or_lowest)
        self.deviations = Deviations(self.cursor, self.draft, self.term)
        self.units = Units(self.draft)

    def operand(self) -> AnyOperand | None:
        """Read a value with + - * / between terms; * and / bind more closely, equals join left to right."""
        return self._joined(self._product, prices.SIGNS)

    def _product(self) -> AnyOperand | None:
        return self._joined(self.term, prices.TIMES)

    def _joined(self, read: Callable[[], AnyOperand | None], signs: Table) -> AnyOperand | None:
        """Read values joined by one kind of sign, from left to right: "A + B - C"."""
        begins = self.cursor.position
        left = read()
        while left is not None:
            mark = self.cursor.mark()
            sign = self.cursor.words(signs, noise=False)
            if sign in prices.LESS and (self.draft.compared is None or self.cursor.next_is(small.THAN)):
                sign = None  # "RSI less 30" and "less than" compare; "below the SMA(20) less 2%" takes away
            start = self.cursor.position
            right = read() if sign else None
            if sign is None or right is None:
                self.cursor.reset(mark)
                return left
            shares = (self._is_share(left, begins, mark.position), self._is_share(right, start, self.cursor.position))
            left = self.units.joined(left, signs[sign], right, shares)
        return left

    def _is_share(self, operand: AnyOperand, start: int, end: int) -> bool:
        """Whether an operand is a number that was said in percent, in brackets or not."""
        said = self.cursor.tokens[start:end]
        return isinstance(operand, Value) and any(t.percent and abs(t.value) == abs(operand.value) for t in said)

    def term(self) -> AnyOperand | None:
        """Read one value with its offset."""
        readers: tuple[Callable[[], AnyOperand | None], ...] = (
            self._parenthesised,
            self._relative,
            self.multiple,
            self.ages.operand,
            self.prices.highest_or_lowest,
            self.indicators.of_bar_before,
            self.indicators.numbered,
            self.indicators.return_over,
            self.indicators.indicator,
            self.lines.band,
            self.lines.line,
            self.lines.pivot_level,
            self.prices.typical_price,
            self.averages.average,
            self.averages.of_bare_length,
            self.prices.close_of_frame,
            self.prices.price,
            self._number,
        )
        found: AnyOperand | None = self.cursor.first(readers)
        return found if found is None or isinstance(found, Value | Math) else self.prices.with_offset(found)

    def several(self, join: Table = small.AND) -> list[AnyOperand]:
        """Read "the 20, 50 and 200 SMA", "the 20 and 50-day highs", "EMA 20 and 50", or a single operand; empty when there is none."""
        mark = self.cursor.mark()
        if listed := self.lists.by_their_lengths(join):
            return listed
        self.cursor.reset(mark)
        one = self.operand()
        return [] if one is None else [one, *self.lists.further_lengths(one, join)]

    def _number(self) -> AnyOperand | None:
        """Read a number that is a value: "30", "$150", "0"; "20 days" is a length and none."""
        token = self.cursor.number()
        if token is None:
            if self.cursor.words(prices.ZERO):
                return Value(value=0)
            return None
        if self.cursor.looking_at(spans.UNIT, noise=False) and not token.percent:
            return None
        before = self.cursor.peek(-2)
        named = self.cursor.words(prices.OF_A_NUMBER, noise=False)
        if token.money:
            self.draft.money_said = True  # it is a price, whatever average there is
        elif before is not None and before.norm in prices.BEFORE_LENGTH and not (named or token.percent):
            self._ask_of_length(token.value)
        return Value(value=token.value)

    def _ask_of_length(self, number: float) -> None:
        """Ask about "the price is above the 200", which among traders is the average of 200 bars, and may be a price."""
        price = isinstance(self.draft.compared, Price) and self.draft.compared.column != "Volume"
        if price and number.is_integer() and 2 <= number <= MOST_BARS:
            self.draft.ask_price_or_length(number, f"The {number:g} that a price is compared with", f"SMA({number:g})")

    def _parenthesised(self) -> AnyOperand | None:
        """Read "(high + low) / 2" up to its bracket."""
        if not self.cursor.symbol("(", noise=True):
            return None
        inner = self.operand()
        return inner if inner is not None and self.cursor.symbol(")") else None

    def _relative(self) -> AnyOperand | None:
        """Read "2% below the SMA(50)", "95% of X" or "2 ATR above X"."""
        token = self.cursor.number()
        if token is None:
            return None
        if token.percent:
            side = self.cursor.take(prices.SHARE_SIDES)
            if side is None:
                return None
            own = self.cursor.next_is(small.ITS)
            base = self.term()
            if base is None or isinstance(base, Value):
                return None
            self.units.ask_of_signed(base, token.value)
            if own and isinstance(base, Price) and base.column in ("High", "Low") and not base.offset:
                self.ask_which(base.column.lower(), token.value)
            sign = {"above": 1, "of": 0, "away": self._away(base)}.get(side, -1)
            if not sign and side != "of":
                return None  # "5% from the SMA(50)" does not say on which side
            factor = round((1 + sign * token.value / 100) if sign else token.value / 100, 10)
            return Math(left=Value(value=factor), op="*", right=base)
        before = self.cursor.peek(-2)
        if (away := self.deviations.away(token.value)) is not None:
            # "close > 2 sigma below the mean" may mean farther away, or above that level.
            unclear = before is not None and before.norm in prices.FARTHER_SIGNS
            return away if lies_above(away) or not unclear else None
        self.cursor.take(prices.MULTIPLE, noise=False)
        atr = self.indicators.indicator()
        if isinstance(atr, IndicatorRef) and self.draft.indicators[atr.id].entry.measured == "amount":
            side = self.cursor.take(prices.ABOVE_OR_BELOW)
            base = self.term() if side else None
            if base is not None:
                scaled = Math(left=Value(value=token.value), op="*", right=atr)
                return Math(left=base, op="+" if side == "above" else "-", right=scaled)
        return None

    def ask_which(self, extreme: str, percent: float) -> None:
        """Ask which high or low is meant by "5% below its high"."""
        message = f"The text does not say which {extreme} it is {percent:g}% from"
        remedy = f"Say which: the 20-day {extreme}, yesterday's {extreme}; behind a position, a trailing stop of {percent:g}%"
        self.draft.problem("error", "no_reference", "text", message, remedy)
        self.draft.ask(
            f"Which {extreme} is meant: that of the last so many bars, or the best price since the entry (a trailing stop)?"
        )

    def _away(self, base: AnyOperand) -> int:
        """Return on which side of it "5% from X" is: 1 above a low, -1 below a high, 0 where X is neither or no one knows which."""
        if isinstance(base, IndicatorRef):
            return {"low": 1, "high": -1}.get(self.draft.indicators[base.id].entry.extreme, 0)
        of_another_bar = isinstance(base, Price) and base.offset
        return {"Low": 1, "High": -1}.get(base.column, 0) if of_another_bar and isinstance(base, Price) else 0

    def multiple(self) -> AnyOperand | None:
        """Read "2 times X", "1.5x the average volume", "twice X"."""
        token = self.cursor.number(percent=False)
        if self.cursor.looking_at(indicator_words.INDICATOR):  # "double EMA" is an indicator of its own
            return None
        factor = self.cursor.take(prices.MULTIPLE, noise=token is None)
        if self.cursor.symbol("*"):
            return None
        if factor is None or (token is None and factor == 1):
            return None
        value = token.value * factor if token else factor
        base = self.term()
        return None if base is None or isinstance(base, Value) else Math(left=Value(value=value), op="*", right=base)
