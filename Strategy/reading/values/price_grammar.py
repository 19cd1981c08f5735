"""The grammar of prices: columns, bars ago, days, highs and lows of several bars."""

from __future__ import annotations

from Backtest.canonical import AnyOperand, IndicatorRef, Math, Price, Value
from Backtest.market import in_words, is_intraday, seconds
from Strategy.reading.text.grammar import Grammar
from Strategy.words import indicator_words, prices, small, spans


class Prices(Grammar):
    """Reads prices. A method returns None where there is none."""

    def price(self) -> AnyOperand | None:
        """Read "the close", "yesterday's high", "it" where a price was spoken of, "today's open"."""
        if self.cursor.words(prices.IT_OPENS):
            return Price(column="Open")
        if self.cursor.words(small.IT, small.IT_S, small.THEY, prices.PRICE_ITSELF, noise=False) or self.cursor.words(
            small.IT, small.THEY, prices.PRICE_ITSELF
        ):
            return self.draft.subject or self.draft.mentioned() or Price(column="Close")
        mark = self.cursor.mark()
        if self.cursor.take(spans.FRAME) != self.draft.timeframe:  # "the daily close" of a daily strategy
            self.cursor.reset(mark)
        start = self.cursor.position
        offset = self.cursor.take(spans.PREVIOUS)
        last = self.cursor.words(small.LAST) if offset is None else None
        column = self.cursor.take(prices.PRICE)
        if column is None:
            return None
        if last and column == "Close":
            offset = 0
        if column in ("High", "Low", "Open"):
            self.cursor.words(spans.PRICE_OF_THE_DAY)
        if column in ("Open", "High", "Low", "Close"):
            self.cursor.words(spans.OF_THE_DAY, noise=False)
        return self.of_a_day(Price(column=column, offset=offset or 0), start)

    def of_a_day(self, price: Price | IndicatorRef, start: int) -> AnyOperand:
        """Return what a price of a day is on bars finer than one: yesterday's is that of the last complete day.

        `start` is where its words begin. Today's open, high and low, those of some days ago, and yesterday's indicators, are asked about.
        """
        draft = self.draft
        said = {token.norm for token in self.cursor.tokens[start : self.cursor.position]}
        if not said & spans.OF_A_DAY.keys() or not is_intraday(draft.timeframe):
            return price
        if isinstance(price, IndicatorRef):
            name, told = price.id, price.offset > 1 or draft.indicators[price.id].timeframe is not None
        else:
            name, told = price.column.lower(), price.column == "Close"
            if price.offset == 1 and price.column != "Volume":
                return self.of_last_day(price.column)
        if not told:
            words = " ".join(token.norm for token in self.cursor.tokens[start : self.cursor.position])
            called = draft.indicators[price.id].name.lower() if isinstance(price, IndicatorRef) else name
            words = words if called in words else f"{name} {words}"
            message = f"{words!r} is a day's, and cannot be told of {in_words(draft.timeframe)} bars"
            draft.problem("error", "day_of_bars", "text", message, "Use yesterday's, or that of a number of bars")
            draft.ask(
                f"What shall stand for {words!r}: the last complete day's, or that of how many {in_words(draft.timeframe)} bars?"
            )
        return price

    def of_last_day(self, column: str) -> AnyOperand:
        """Return a price of the last complete day, on bars finer than one."""
        text = f"{column} of the day before is that of the last complete day"
        self.draft.assume("last_day", text, f"of the {in_words(self.draft.timeframe)} bar before")
        source = None if column == "Close" else column
        return self.draft.indicator(indicator_words.PLAIN_AVERAGE, {"timeperiod": 1}, source=source, timeframe="1d")

    def close_of_frame(self) -> AnyOperand | None:
        """Read "the weekly close" of daily bars: the average of one week's close, of the last complete week."""
        frame = self.cursor.take(spans.FRAME)
        word = self.cursor.words(prices.CLOSES, noise=False) if frame is not None else None
        if word is None or seconds(frame) <= seconds(self.draft.timeframe):
            return None
        last = {"1d": "day", "1wk": "week", "1mo": "month", "1h": "hour"}[frame]
        text = f"The {in_words(frame)} close is that of the last complete {last}"
        self.draft.assume("close_of_frame", text, f"the last price of the {last} that is not over")
        return self.draft.indicator(indicator_words.PLAIN_AVERAGE, {"timeperiod": 1}, timeframe=frame)

    def offset(self) -> int | None:
        """Read "3 bars ago", "yesterday", "of the previous bar" or "[1]"."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.symbol("["):
            token = cursor.number(percent=False, noise=False)
            if token is not None and token.value >= 0 and token.value.is_integer() and cursor.symbol("]"):
                return int(token.value)
            cursor.reset(mark)
        if cursor.take(spans.YESTERDAY, noise=False):
            return 1
        if cursor.words(spans.OF_TODAY, noise=False):
            return 0
        cursor.words(small.FROM, small.OF, noise=False)
        token = cursor.number(percent=False, noise=False)
        count = token.value if token else (1.0 if cursor.words(small.A, small.ONE, noise=False) else None)
        if count is not None:
            unit = cursor.take(spans.UNIT, noise=False)
            if unit and cursor.take(spans.AGO, noise=False):
                return self.draft.bars(count, unit)
        cursor.reset(mark)
        return None

    def with_offset(self, operand: AnyOperand) -> AnyOperand:
        """Read "3 bars ago" or "[1]" behind an operand, which is then that of so many bars before."""
        start = self.cursor.position
        back = self.offset()
        if back is None or not isinstance(operand, Price | IndicatorRef):
            return operand
        found = operand.model_copy(update={"offset": operand.offset + back})
        return self.of_a_day(found, start)

    def typical_price(self) -> AnyOperand | None:
        """Read "the typical price", (high + low + close) / 3."""
        if not self.cursor.words(prices.TYPICAL_PRICE):
            return None
        high, low, close = (Price(column=column) for column in ("High", "Low", "Close"))
        total = Math(left=Math(left=high, op="+", right=low), op="+", right=close)
        return Math(left=total, op="/", right=Value(value=3))

    def highest_or_lowest(self) -> AnyOperand | None:
        """Read "20-day high", "the previous 20-day high", "the highest high of the last 20 days", "52-week low"."""
        cursor, draft = self.cursor, self.draft
        before = cursor.words(prices.PREVIOUS_EXTREME)  # it is that of the bars before anyway
        token = cursor.number(percent=False)
        if token is None and before:
            return None
        if token is not None:
            unit = cursor.take(spans.UNIT, noise=False)
            kind = cursor.take(prices.HIGHLOW, noise=False) if unit else None
            column = None
            if kind is None and unit and cursor.take(spans.PREVIOUS, noise=False) is not None:
                kind = cursor.take(prices.HIGHLOW, noise=False)
            if kind is None and unit:
                closing = cursor.words(prices.CLOSING_EXTREME)
                kind = cursor.take(prices.HIGHLOW, noise=False) if closing in prices.CLOSING else None
                column = "Close" if closing else None
            if kind is None:
                return None
            bars = draft.bars(token.value, unit)
        else:
            found = cursor.take(prices.EXTREMES)
            if found is None:
                return None
            kind, column = found
            if column is None:
                column = cursor.take(prices.PRICE, noise=False)
            if not cursor.words(spans.OF_HIGH_OR_LOW):
                return None
            span = cursor.span()
            if span is None or cursor.looking_at(spans.AGO, noise=False):
                return None
            bars = draft.bars(*span)
        high = str(kind).startswith("high")
        if bars < 2:
            return Price(column="High" if high else "Low", offset=1)
        column = column if column not in ("High" if high else "Low", None) else None
        ref = draft.indicator(indicator_words.EXTREMES["high" if high else "low"], {"timeperiod": bars}, source=column)
        return ref.model_copy(update={"offset": 1})
