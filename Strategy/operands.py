"""The grammar of values: numbers, prices, indicators, and arithmetic on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import AnyOperand, IndicatorBase, IndicatorRef, Math, Price, Value
from Backtest.indicators import REGISTRY, IndicatorEntry
from Backtest.timeframes import TIMEFRAMES, in_words, is_intraday, seconds
from Strategy.ages import Ages
from Strategy.cursor import Cursor, Mark
from Strategy.deviations import Deviations, lies_above
from Strategy.draft import Draft
from Strategy.units import Units
from Strategy.words import Table, comparing, indicator_words, joins, moving, prices, small, spans

_MOST_MULTIPLE = 5  # a number up to here before "ATR" is a multiple of it, a higher one its period
_LEAST_LENGTH = 5  # of what is an average where only its length is said: "the 200-day"
MOST_BARS = 400  # of an average that is said with its number alone
_FRAME_OF_UNIT = {"minute": "m", "hour": "h", "day": "d", "week": "wk", "month": "mo"}


class Operands:
    """Reads operands from a cursor into a draft. Every method returns None and stays put when
    what it looks for is not there."""

    def __init__(self, cursor: Cursor, draft: Draft) -> None:
        self.cursor = cursor
        self.draft = draft
        self.ages = Ages(cursor, draft, self.highest_or_lowest)
        self.deviations = Deviations(cursor, draft, self.term)
        self.units = Units(draft)

    # Entry points --------------------------------------------------------------------------

    def operand(self) -> AnyOperand | None:
        """Read a value with + - * / between terms; * and / bind more closely, equals join left to right."""
        return self._joined(self._product, prices.SIGNS)

    def _product(self) -> AnyOperand | None:
        return self._joined(self.term, prices.TIMES)

    def _joined(self, read: Callable[[], AnyOperand | None], signs: Table) -> AnyOperand | None:
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
        for reader in (
            self._parenthesised,
            self._relative,
            self.multiple,
            self.ages.operand,
            self.highest_or_lowest,
            self._indicator_before,
            self._numbered_indicator,
            self._return_over,
            self._indicator,
            self._band,
            self._line,
            self._pivot_level,
            self._typical_price,
            self._average_of,
            self._of_bare_length,
            self._close_of_frame,
            self._price,
            self._number,
        ):
            found = self.cursor.attempt(reader)
            if found is not None:
                return self._with_offset(found) if not isinstance(found, Value | Math) else found
        return None

    def several(self, join: Table = small.AND) -> list[AnyOperand]:
        """Read "the 20, 50 and 200 SMA", "the 20 and 50-day highs", "EMA 20 and 50", or a single operand; empty when there is none."""
        mark = self.cursor.mark()
        if listed := self._by_their_lengths(join):
            return listed
        self.cursor.reset(mark)
        one = self.operand()
        return [] if one is None else [one, *self._further_lengths(one, join)]

    def _by_their_lengths(self, join: Table) -> list[AnyOperand]:
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
            for read in (self.highest_or_lowest, self._numbered_indicator, self._average_of):
                last = read()
                listed = said or join is small.AND  # "20/50/200" are all of them
                if listed and isinstance(last, IndicatorRef) and self._has_length(last):
                    unit, framed = self._unit_behind(here), read == self._numbered_indicator
                    return [*(self._of_length(last, n, own or unit, framed=framed) for n, own in lengths), last]
                cursor.reset(here)
        return []

    def _has_length(self, ref: IndicatorRef) -> bool:
        entry = self.draft.indicators[ref.id].entry
        return entry.is_average or entry.is_extreme

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
        frame = item.timeframe if plain else self._unit_frame(unit) if framed and unit else None
        bars = int(length) if plain or frame else self.draft.bars(length, unit or "bar")
        found = self.draft.indicator(item.name, {"timeperiod": bars}, source=item.source_name, timeframe=frame)
        return found.model_copy(update={"offset": like.offset})

    def _further_lengths(self, one: AnyOperand, join: Table) -> list[AnyOperand]:
        """Read "and 50" behind "EMA 20", which is EMA(50) where the number stands alone."""
        cursor, draft = self.cursor, self.draft
        token, name = cursor.previous(), cursor.peek(-2)
        if draft.exact or not isinstance(one, IndicatorRef) or token is None or name is None:
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

    # Numbers -------------------------------------------------------------------------------

    def _number(self) -> AnyOperand | None:
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
        if price and number.is_integer() and 2 <= number <= MOST_BARS and not self.draft.exact:
            self.draft.ask_price_or_length(number, f"The {number:g} that a price is compared with", f"SMA({number:g})")

    def _parenthesised(self) -> AnyOperand | None:
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
        atr = self._indicator()
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

    # Prices --------------------------------------------------------------------------------

    def _price(self) -> AnyOperand | None:
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
        if not said & spans.OF_A_DAY.keys() or not is_intraday(draft.timeframe) or draft.exact:
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

    def _close_of_frame(self) -> AnyOperand | None:
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

    def _with_offset(self, operand: AnyOperand) -> AnyOperand:
        start = self.cursor.position
        back = self.offset()
        if back is None or isinstance(operand, Value | Math):
            return operand
        found = operand.model_copy(update={"offset": operand.offset + back})
        return self.of_a_day(found, start)

    # Indicators ----------------------------------------------------------------------------

    def _frame(self) -> str | None:
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

    def trailing_frame(self, *, bare: bool = False) -> str | None:
        """Read "on weekly bars", "on the 4-hour chart" behind an indicator; where `bare`, "on the daily" as well."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words(small.ON, small.OF, small.FROM, noise=False):
            frame = self._frame()
            before, ends = cursor.previous(), cursor.clause_ends(joins.CLAUSE_JOINS, marks=",.;)")
            if frame is not None and before is not None and (self._said_chart(before.norm) or (bare and ends)):
                return frame
        cursor.reset(mark)
        return None

    def leading_frame(self) -> str | None:
        """Read "on the daily chart" in front of a comparison; "on" may have been read as a word such as "when"."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words(small.ON, small.IN, small.USING, noise=False) or cursor.previous_word() in spans.BEFORE_FRAME:
            frame, said = self._frame(), cursor.previous()
            if frame is not None and said is not None and self._said_chart(said.norm):
                cursor.symbol(",", ":")
                return frame
        cursor.reset(mark)
        return None

    def _frame_behind(self) -> str | None:
        """Read a time frame behind an indicator and remember where it was said."""
        frame = self.trailing_frame(bare=True)
        if frame is not None:
            self.draft.frame_behind = (self.cursor.position, frame)
        return frame

    @staticmethod
    def _said_chart(word: str) -> bool:
        return word in spans.CHART_NOUNS

    def _indicator_before(self) -> AnyOperand | None:
        """Read "the previous RSI" and "yesterday's 14-day RSI": an indicator a bar earlier."""
        start = self.cursor.position
        back = self.cursor.take(spans.PREVIOUS)
        here = self.cursor.mark()
        if back is None:
            return None
        for read in (self._numbered_indicator, self._indicator):
            found = read()
            if isinstance(found, IndicatorRef):
                moved = found.model_copy(update={"offset": found.offset + back})
                return self.of_a_day(moved, start) if back else found
            self.cursor.reset(here)
        return None

    def _numbered_indicator(self) -> AnyOperand | None:
        """Read "14-day RSI", "the 50 EMA", "20-period simple moving average", "weekly 50 SMA"."""
        cursor = self.cursor
        start = cursor.position
        frame = self._frame()
        if frame is not None and (found := self._indicator(frame=frame)) is not None:
            return found
        pace = cursor.words(prices.PACES)
        cursor.words(indicator_words.ROLLING)
        numbers = self.number_list()
        if not numbers:
            return None
        unit = cursor.take(spans.UNIT, noise=False)
        if unit:
            cursor.words(indicator_words.LOOKBACK, noise=False)
        name = self._name(paced=bool(pace))
        of_return = name is None and unit is not None and len(numbers) == 1 and not pace
        of_return = of_return and self._return_word()
        name = indicator_words.RATE_OF_CHANGE if of_return else name
        if name is None:
            # "its 20-day average", "20-day average volume"
            return None
        entry = REGISTRY[name]
        if len(numbers) > len(entry.params):
            return None
        if entry.measured == "amount" and unit is None and len(numbers) == 1 and numbers[0] <= _MOST_MULTIPLE:
            found = self._finish(entry, [], frame, start=start)  # "a range of over 2 ATR"
            return None if found is None else Math(left=Value(value=numbers[0]), op="*", right=found)
        period_unit = unit if unit not in (None, "bar") else None
        if period_unit and entry.params:
            bars_frame = self._return_frame(period_unit) if of_return else self._unit_frame(period_unit)
            if bars_frame is not None:
                frame = bars_frame
            elif self.draft.bars(1, period_unit) != 1:
                numbers = [float(self.draft.bars(n, period_unit)) for n in numbers]
        return self._finish(entry, numbers, frame, start=start)

    def _return_word(self) -> bool:
        """Take "return" or "ROI", a price's change in percent; the draft keeps where it was said."""
        if self.draft.exact or not self.cursor.take(prices.RETURN, noise=False):
            return False
        self.draft.return_at = self.cursor.position
        return True

    def _return_frame(self, unit: str) -> str | None:
        """Return the bars of a return: on daily bars that of 3 months is counted in days, on finer ones in whole days."""
        return self._unit_frame(unit) if is_intraday(self.draft.timeframe) else None

    def _return_over(self) -> AnyOperand | None:
        """Read "the return over the last 10 days" and, on daily bars, "the daily return"."""
        cursor, draft = self.cursor, self.draft
        start = cursor.position
        cursor.skip_noise()
        frame = cursor.take(spans.FRAME, noise=False)
        if not self._return_word():
            return None
        if frame is not None:
            return (
                self._finish(REGISTRY[indicator_words.RATE_OF_CHANGE], [1.0], None, start=start)
                if frame == draft.timeframe
                else None
            )
        token = cursor.number(percent=False) if cursor.words(spans.OVER, spans.OF_RETURN, noise=False) else None
        unit = cursor.take(spans.UNIT, noise=False) if token is not None else None
        if token is None or unit is None:
            return None
        coarser = self._return_frame(unit) if unit != "bar" else None
        bars = token.value if coarser or unit == "bar" else float(draft.bars(token.value, unit))
        return self._finish(REGISTRY[indicator_words.RATE_OF_CHANGE], [bars], coarser, start=start)

    def _unit_frame(self, unit: str) -> str | None:
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

    def number_list(self, *, spoken: bool = False) -> list[float]:
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

    def _name(self, *, paced: bool = False) -> str | None:
        """Read an indicator's name, behind a word such as "fast" where it is an average's."""
        name: str | None = self.cursor.take(indicator_words.INDICATOR)
        if name is None and self.cursor.words(prices.PACES):
            paced, name = True, self.cursor.take(indicator_words.INDICATOR)
        return name if not paced or (name is not None and REGISTRY[name].is_average) else None

    def _indicator(self, frame: str | None = None, *, inner: bool = False) -> AnyOperand | None:
        """Read an indicator by name, its parameters in any usual form behind it.

        `inner` is that of which another is taken: in "the percent rank of RSI over 50 bars" the bars are the rank's.
        """
        cursor = self.cursor
        start = cursor.position
        leading = self._output_word(None)
        name = self._name()
        if name is None:
            return None
        entry = REGISTRY[name]
        if leading is not None and not any(leading in (o.name, *o.words) for o in entry.outputs):
            return None
        output = self._output(entry, leading) if leading else None
        numbers: list[float] = []
        if output is None and len(entry.outputs) > 1:
            output = self._output_of(entry)
        mark = cursor.mark()
        source: str | None = None
        if cursor.symbol("("):
            source = self._column_argument(entry, before=True)
            numbers = self.number_list(spoken=True)
            cursor.take(spans.UNIT, noise=False)
            source = source or self._column_argument(entry, before=False)
            if not numbers or not cursor.symbol(")"):
                cursor.reset(mark)
                numbers, source = [], None
        elif entry.params:
            numbers = self._led_period(inner=inner) or self._bare_period(entry)
        return self._finish(entry, numbers, frame, output, source, start, inner=inner)

    def oscillator_and_level(self) -> tuple[IndicatorRef, Value] | None:
        """Read "RSI 60" or "RSI(2) 95" where a level of an oscillator is meant, behind words such as "sell above".

        A number that is the usual period, or that of the oscillator named before, may as well be the period: None.
        """
        cursor, draft = self.cursor, self.draft
        start = cursor.mark()
        name = self._name()
        entry = REGISTRY[name] if name is not None else None
        if entry is None or draft.exact or (entry.levels is None and entry.bounds is None):
            cursor.reset(start)
            return None
        usual = {n for p in entry.params[:1] for n in (p.default, p.tradingview)}
        in_use = {next(iter(i.params.values())) for i in draft.indicators.values() if i.name == name and i.params}
        numbers = self._parameters() if cursor.looking_at_symbol("(") else []
        level = cursor.number(percent=False, noise=False)
        behind = cursor.mark()
        second = cursor.number(percent=False, noise=False) if level is not None and not numbers else None
        if (
            second is None
            or level is None
            or cursor.looking_at(spans.UNIT, indicator_words.INDICATOR, prices.MULTIPLE, noise=False)
        ):
            cursor.reset(behind)
        else:  # "below RSI 2 10" is below 10, as "below RSI(2) 10"
            numbers, level = [level.value], second
        may_be_period = not numbers and level is not None and level.value in usual | in_use
        if (
            level is None
            or may_be_period
            or cursor.looking_at(spans.UNIT, comparing.ABOVE, comparing.CROSS, spans.AGO, noise=False)
        ):
            cursor.reset(start)
            return None
        found = self._finish(entry, numbers, None)
        return (found, Value(value=level.value)) if isinstance(found, IndicatorRef) else None

    def _parameters(self) -> list[float]:
        """Read "(2)" or "(14, 3, 3)"."""
        mark = self.cursor.mark()
        self.cursor.symbol("(")
        numbers = self.number_list(spoken=True)
        if not self.cursor.symbol(")"):
            self.cursor.reset(mark)
            return []
        return numbers

    def _column_argument(self, entry: IndicatorEntry, *, before: bool) -> str | None:
        """Read the price column in "SMA(volume, 20)" or "SMA(20, volume)"."""
        cursor = self.cursor
        mark = cursor.mark()
        if entry.takes_source and (before or cursor.symbol(",")):
            column = cursor.take(prices.PRICE, noise=False)
            if column is not None and (not before or cursor.symbol(",")):
                return str(column)
        cursor.reset(mark)
        return None

    def _led_period(self, *, inner: bool = False) -> list[float]:
        """Read "with a period of 20", "over the last 20 bars"; of the `inner` of two indicators not the latter."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words(*((indicator_words.PERIOD,) if inner else (indicator_words.PERIOD, spans.OVER)), noise=False):
            loose = cursor.previous_word() in indicator_words.LOOSE
            numbers = self.number_list()
            unit = cursor.take(spans.UNIT, noise=False) if numbers else None
            if numbers and (unit or not loose):
                cursor.words(indicator_words.SETTINGS, noise=False)
                if unit and unit != "bar":
                    numbers = [float(self.draft.bars(n, unit)) for n in numbers]
                return numbers
        cursor.reset(mark)
        return []

    def _bare_period(self, entry: IndicatorEntry) -> list[float]:
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
            numbers = self.number_list()
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

    def _output_word(self, entry: IndicatorEntry | None) -> str | None:
        """Read an output's name standing before the indicator: "lower Bollinger Band"."""
        cursor = self.cursor
        if entry is None:
            return cursor.words(indicator_words.LEADING_LINES)
        return cursor.words(indicator_words.LINES[entry.name])

    def _output(self, entry: IndicatorEntry, word: str) -> str | None:
        for output in entry.outputs:
            if word in (output.name.replace("_", " "), *output.words):
                return output.name
        return None

    def _output_of(self, entry: IndicatorEntry) -> str | None:
        mark = self.cursor.mark()
        token = self.cursor.peek()
        if token is not None and token.attached:  # "BB(20, 2).lower"
            self.cursor.symbol(".")
        word = self._output_word(entry)
        if word is None:
            self.cursor.reset(mark)
            return None
        return self._output(entry, word)

    def _finish(
        self,
        entry: IndicatorEntry,
        numbers: list[float],
        frame: str | None,
        output: str | None = None,
        source: str | None = None,
        start: int | None = None,
        *,
        inner: bool = False,
    ) -> AnyOperand | None:
        """Complete an indicator: parameters, output, source, time frame."""
        cursor, draft = self.cursor, self.draft
        if len(entry.outputs) > 1 and output is None:
            output = self._output_of(entry)
        cursor.take(indicator_words.BANDS, noise=False)
        source = self._source(entry, inner=not numbers) or source
        if not numbers and entry.takes_source and entry.params:
            numbers = self._led_period(inner=inner)
        if source is None and entry.is_average and start is not None:
            source = self._own_source(start)
        source = None if source == entry.default_source else source
        ahead, frame = frame, frame or self._frame_behind()
        if entry.by_session and not numbers and not self._rolling(entry, start):
            entry, numbers, frame = self._by_session(entry, ahead, frame)
        if len(numbers) > len(entry.params):
            self._surplus(entry, numbers)
        params: dict[str, Any] = {}
        for p, value in zip(entry.params, numbers, strict=False):
            params[p.name] = int(value) if p.kind is int else value
            if p.kind is int and not float(value).is_integer():
                draft.problem(
                    "error",
                    "period",
                    "indicators",
                    f"{entry.name} cannot have a period of {value:g}",
                    "Use a whole number",
                )
        if not numbers and frame is None and entry.is_average:
            words = {t.norm for t in cursor.tokens[start if start is not None else cursor.position : cursor.position]}
            any_kind = entry.name == indicator_words.PLAIN_AVERAGE and not words & indicator_words.SIMPLE.keys()
            before = [t.norm for t in cursor.tokens[max(0, start - 1) : start]] if start is not None else []
            article = start is not None and any(word in small.THE for word in (*words, *before))
            named = self._average_named(None if any_kind else entry.name, source, article=article)
            if named is not None:
                return named
        if not numbers and entry.params and source is None and frame is None:
            known = [i for i in draft.indicators.values() if i.name == entry.name and i.timeframe is None]
            if not draft.exact and not entry.is_average:
                known = self._said_without_numbers(entry) or known
            if known and (not entry.is_average or len(known) == 1):
                # "RSI(7) below 30 ... RSI above 70": the second is the first.
                if not draft.exact and known[-1].params != {p.name: p.default for p in entry.params}:
                    said, usual = entry.setting(known[-1].params), entry.setting({})
                    text = f"{entry.name} without numbers is {entry.name}({said}), named before"
                    draft.assume("same_indicator", text, f"the usual {entry.name}({usual})", "indicators")
                output = output or (entry.bare_output or entry.outputs[0].name)
                return IndicatorRef(id=known[-1].id, output=output if len(entry.outputs) > 1 else None)
        if entry.is_extreme and not numbers and cursor.next_is(small.AND):
            self._ask_of_greatest(entry, source)
        if any(p.name not in params for p in entry.params):
            draft.assume_usual(entry, params)
        output = output or entry.bare_output or None
        try:
            ref = draft.indicator(entry.name, params, output=output, source=source, timeframe=frame)
        except ValidationError as error:
            detail = error.errors()[0]
            message = f"{entry.name}: {detail['loc'][-1]} {detail['input']} is not possible ({detail['msg']})"
            draft.problem(
                "error",
                "period",
                "indicators",
                message,
                f"{entry.name} {entry.setting({})} is usual",
            )
            ref = draft.indicator(entry.name, {}, output=output, source=source, timeframe=frame)
        if numbers and frame is None and source is None:
            self._ask_of_bare(entry, ref.id)
            draft.numbered = {**draft.numbered, ref.id: draft.indicators[ref.id]}
        return self._of_last_period(ref, frame) if entry.of_bar_before else ref

    def _ask_of_greatest(self, entry: IndicatorEntry, source: str | None) -> None:
        """Ask about "the highest of open and previous close", which may be the greater of the two."""
        if source is None or self.draft.exact:
            return
        said = f"the {entry.name.lower()} of {source.lower()} and ..."
        message = f"{said!r} may be over a number of bars, or one of the two that are named"
        self.draft.problem("error", "greatest", "text", message, f"Say: above the {source.lower()} and above the other")
        self.draft.ask(f"Is {said!r} over the last bars, of how many, or one of the two named?")

    def _said_without_numbers(self, entry: IndicatorEntry) -> list[IndicatorBase]:
        """Return the indicator that the text gives numbers, stops and targets included; ask which where it gives two different."""
        draft = self.draft
        given = [i for i in draft.numbered.values() if i.name == entry.name]
        if not given:
            draft.bare |= {entry.name}
        elif len(given) > 1:
            self._ask_which_numbers(entry, [entry.setting(i.params) for i in given])
        refs = [draft.indicator(i.name, dict(i.params)) for i in given[-1:]]
        return [draft.indicators[ref.id] for ref in refs]

    def _ask_of_bare(self, entry: IndicatorEntry, found: str) -> None:
        """Ask about "RSI < 30 and RSI(2) < 10", where the first RSI was taken for the usual one."""
        item = self.draft.indicators[found]
        usual = [p.default for p in entry.params]
        other = list(item.params.values()) != usual and found not in self.draft.numbered
        if other and entry.name in self.draft.bare and not self.draft.exact:
            self._ask_which_numbers(entry, [entry.setting({}), entry.setting(item.params)])

    def _ask_which_numbers(self, entry: IndicatorEntry, settings: list[str]) -> None:
        both = [f"{entry.name}({setting})" for setting in settings]
        message = f"{entry.name} is said without its numbers, and may be {' or '.join(both)}"
        self.draft.problem("error", "which_numbers", "text", message, f"Say it with its numbers, such as {both[0]}")
        self.draft.ask(f"Which {entry.name} is meant where it has no numbers: {' or '.join(both)}?")

    def _surplus(self, entry: IndicatorEntry, numbers: list[float]) -> None:
        """Ask about numbers that an indicator has no parameter for."""
        said = ", ".join(f"{n:g}" for n in numbers)
        names = " and ".join(", ".join(p.name.replace("timeperiod", "period") for p in entry.params).rsplit(", ", 1))
        takes = f"takes only its {names} ({entry.setting({})} is usual)" if entry.params else "takes no numbers"
        self.draft.problem(
            "error", "parameters", "text", f"{entry.name}({said}) has too many numbers: {entry.name} {takes}",
            "Leave out the numbers that are too many",
        )  # fmt: skip
        if not entry.params:
            self.draft.ask(f"What is meant by {entry.name}({said})? {entry.name} {takes}.")
        else:
            self.draft.ask(f"Which numbers are meant in {entry.name}({said})? {entry.name} {takes}.")

    def _rolling(self, entry: IndicatorEntry, start: int | None) -> bool:
        """Whether an indicator's last bars are meant: said so ("rolling VWAP"), or with a period earlier in the text."""
        said = self.cursor.tokens[start or 0 : self.cursor.position] if start is not None else []
        known = any(i.name == entry.name and i.timeframe is None for i in self.draft.indicators.values())
        return known or any(token.norm in indicator_words.MOVING for token in said)

    def _by_session(
        self, entry: IndicatorEntry, ahead: str | None, frame: str | None
    ) -> tuple[IndicatorEntry, list[float], str | None]:
        """Return what a name without a period stands for: the session's on bars finer than a day, else the last bars.

        `ahead` is the time frame said in front of it: the "daily VWAP" of finer bars is the session's.
        """
        draft, bars = self.draft, frame or self.draft.timeframe
        usual = [p.default for p in entry.params]
        rolling = f"{entry.name}({entry.params[0].as_text(usual[0])})"
        if ahead is not None and ahead != draft.timeframe and seconds(ahead) > seconds("1d"):
            message = f"{entry.name} from the beginning of each {in_words(ahead)} bar on is not supported"
            draft.problem("error", "anchor", "text", message, f"Use the session's, or a period such as {rolling}")
            draft.ask(f"Which {entry.name} is meant: the session's, or over how many {in_words(ahead)} bars?")
        elif is_intraday(bars) or (ahead == "1d" and is_intraday(draft.timeframe)):
            session = REGISTRY[entry.by_session]
            text = f"{entry.name} is the {session.called}: it begins anew at each session's open"
            draft.assume("session", text, f"over the last bars, as {rolling}", "indicators")
            return session, [], frame if is_intraday(bars) else None
        else:
            text = f"On {in_words(bars)} bars a session has one bar, so {entry.name} is over {usual[0]:g} bars"
            draft.assume("session", text, "the session's, on bars finer than a day", "indicators")
        return entry, usual, frame

    def _source(self, entry: IndicatorEntry, *, inner: bool) -> str | None:
        """Read "of Volume", "of the RSI(14)" behind an indicator."""
        if not entry.takes_source:
            return None
        cursor = self.cursor
        mark = cursor.mark()
        if entry.is_average and cursor.words(prices.VOLUME, noise=False):
            return "Volume"
        if cursor.words(indicator_words.OF_SOURCE, noise=False):
            mark_inner = cursor.mark()
            column = cursor.take(prices.PRICE)
            if column is not None and not cursor.looking_at(spans.AGO):
                return None if column == entry.default_source else str(column)
            cursor.reset(mark_inner)
            found = self._indicator(inner=inner) or self._numbered_indicator()
            if isinstance(found, IndicatorRef) and found.output is None and not found.offset:
                return found.id
        cursor.reset(mark)
        return None

    def _ends_here(self) -> bool:
        """Whether a clause ends here, or goes on with "of the band", so that "the middle" was said alone."""
        ends = self.cursor.clause_ends(joins.AND_OR, marks=",.;)")
        return bool(ends or self.cursor.words(indicator_words.OF_THE_BAND, noise=False))

    def _band(self) -> AnyOperand | None:
        """Read a line of a channel: "the lower band", "the middle band of the Keltner channel"."""
        cursor, draft = self.cursor, self.draft
        if (side := cursor.take(indicator_words.CHANNEL_LINES)) is not None:
            middle = cursor.previous_word() in indicator_words.MIDDLE
            known = [i for i in draft.indicators.values() if i.entry.is_channel]
            if not cursor.take(indicator_words.BANDS, noise=False) and not (known and middle and self._ends_here()):
                return None
            mark = cursor.mark()
            if cursor.words(indicator_words.OF_CHANNEL, noise=False):
                named = self._indicator() or self._numbered_indicator()
                if isinstance(named, IndicatorRef) and draft.indicators[named.id].entry.is_channel:
                    return named.model_copy(update={"output": side})
                cursor.reset(mark)
            if known:
                return IndicatorRef(id=known[-1].id, output=side)
            draft.assume("band", f"The {side} band is the Bollinger Band 20/2's", field="indicators")
            return draft.indicator(indicator_words.DEVIATION_BANDS, {}, output=side)
        return None

    def _line(self) -> AnyOperand | None:
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

    def _pivot_level(self) -> AnyOperand | None:
        """Read a level named alone: "R1", "the daily S2", "the R1 pivot level"."""
        frame = self._frame()
        level = self.cursor.take(indicator_words.PIVOT_LEVEL)
        if level is None:
            return None
        self.cursor.words(indicator_words.PIVOT_NOUNS, noise=False)
        name, output = level
        return self._finish(REGISTRY[name], [], frame, output)

    def _of_last_period(self, ref: IndicatorRef, frame: str | None) -> IndicatorRef:
        """Return pivot points as traders draw them: those of the day before, on coarser bars of the bar before."""
        draft, own = self.draft, frame in (None, self.draft.timeframe)
        if draft.exact or not own:
            return ref
        if is_intraday(draft.timeframe):
            draft.assume("pivot", "Pivot points are those of the last complete day", "of the bar before", "indicators")
            return draft.indicator(draft.indicators[ref.id].name, {}, output=ref.output, timeframe="1d")
        draft.assume("pivot", "Pivot points are those of the bar before this one", "of this bar", "indicators")
        return ref.model_copy(update={"offset": 1})

    def _typical_price(self) -> AnyOperand | None:
        """Read "the typical price", (high + low + close) / 3."""
        if not self.cursor.words(prices.TYPICAL_PRICE):
            return None
        high, low, close = (Price(column=column) for column in ("High", "Low", "Close"))
        total = Math(left=Math(left=high, op="+", right=low), op="+", right=close)
        return Math(left=total, op="/", right=Value(value=3))

    def _average_of(self) -> AnyOperand | None:
        """Read "average volume", "its 20-day average", "the 20-day average volume"."""
        cursor, draft = self.cursor, self.draft
        start = cursor.position
        numbers = self.number_list()
        unit = cursor.take(spans.UNIT, noise=False) if numbers else None
        if not cursor.take(prices.AVERAGE) or (
            cursor.previous_word() in prices.TYPICAL and cursor.looking_at(prices.PRICE, noise=False) == "Close"
        ):
            return None
        source: str | None = None
        if (column := cursor.take(prices.PRICE, noise=False)) is not None or (
            cursor.words(small.OF, noise=False) and (column := cursor.take(prices.PRICE)) is not None
        ):
            source = str(column)
        else:
            source = self._own_source(start)
        mark = cursor.mark()
        if not numbers and cursor.words(spans.OVER):
            token = cursor.number(percent=False)
            unit = cursor.take(spans.UNIT, noise=False) if token else None
            if token is None:
                cursor.reset(mark)
            else:
                numbers = [token.value]
        if not numbers and (named := self._average_named(None, source)) is not None:
            return named
        if not numbers:
            draft.assume("default_period", "The average is taken over 20 bars", field="indicators")
        period = draft.bars(numbers[0], unit or "bar") if numbers else 20
        return draft.indicator(
            indicator_words.PLAIN_AVERAGE, {"timeperiod": period}, source=None if source == "Close" else source
        )

    def _of_bare_length(self) -> AnyOperand | None:
        """Read "the 200-day", among traders the average of 200 days: the one of that length that was named, else a simple one."""
        cursor, draft = self.cursor, self.draft
        cursor.skip_noise()
        article, token = cursor.previous_word(), cursor.number(percent=False, noise=False)
        count = cursor.peek()
        unit = cursor.take(spans.UNIT, noise=False) if token is not None else None
        if token is None or count is None or unit is None or draft.exact or article not in small.THE_OR_ITS:
            return None
        ends = cursor.clause_ends(indicator_words.BEHIND_LENGTHS, marks=",.;)")
        says = cursor.looking_at(comparing.ABOVE, comparing.CROSS, comparing.CROSSES, moving.RISING) is not None
        if count.norm not in spans.DAY_UNITS or not (ends or says):
            return None
        if not (token.value.is_integer() and _LEAST_LENGTH <= token.value <= MOST_BARS):
            return None
        frame = self._unit_frame(unit) if unit != "bar" else None
        bars = int(token.value) if frame else draft.bars(token.value, unit)
        named = [i for i in draft.indicators.values() if i.entry.is_average and i.params["timeperiod"] == bars]
        kind = named[-1].name if named else indicator_words.PLAIN_AVERAGE
        said = f"The {token.value:g}-{count.norm}"
        draft.assume("bare_length", f"{said!r} is {kind}({bars})", "another average of that length", "indicators")
        return draft.indicator(kind, {"timeperiod": bars}, timeframe=frame)

    def _average_named(self, name: str | None, source: str | None, *, article: bool = True) -> IndicatorRef | None:
        """Return the average that "the average", or "the EMA" where `name` says so, stands for; ask where two were named."""
        draft = self.draft
        if draft.exact:
            return None
        of = source if source is not None else "Close"
        compared = draft.compared.id if isinstance(draft.compared, IndicatorRef) else ""
        known = [
            i for i in draft.indicators.values()
            if i.entry.is_average and (name is None or i.name == name) and i.timeframe is None
            and i.source_name == of and i.id != compared
        ]  # fmt: skip
        if (
            not known
            and name is not None
            and article
            and any(i.entry.is_average and i.source_name == of and i.id != compared for i in draft.indicators.values())
        ):
            message = f"'the {name}' has no length, and no {name} was named before"
            draft.problem("error", "which_average", "text", message, f"Say its length, such as {name}(50)")
            draft.ask(f"Over how many bars is the {name}?")
        paced = {token.norm for token in self.cursor.tokens[max(0, self.cursor.position - 4) : self.cursor.position]}
        if len(known) > 1 and (fast := bool(paced & prices.FAST.keys())) != bool(
            paced & prices.SLOW.keys()
        ):  # "the fast MA" of two
            ordered = sorted(known, key=lambda i: i.params["timeperiod"])
            known = ordered[:1] if fast else ordered[-1:]
        if len(known) > 1:
            called = [f"{i.name}({i.params['timeperiod']:g})" for i in known]
            said = "the average" if name is None else f"the {name}"
            message = f"{said!r} does not say which of {', '.join(called)} is meant"
            draft.problem("error", "which_average", "text", message, f"Say its length, such as {called[0]}")
            draft.ask(f"Which is meant by {said!r}: {' or '.join(called)}?")
        if not known:
            return None
        text = f"The average without a length is {known[-1].name}({known[-1].params['timeperiod']:g}), named before"
        draft.assume("same_indicator", text, "an average over 20 bars", "indicators")
        return IndicatorRef(id=known[-1].id)

    def _own_source(self, start: int) -> str | None:
        """Return what "its average" is of: the left side of the comparison, or the subject "its" stands for.

        Volume and oscillators are compared with averages of themselves, prices with averages of prices.
        """
        if self.draft.exact:
            return None
        before = self.cursor.tokens[max(0, start - 1) : self.cursor.position]
        own = any(token.norm in small.ITS for token in before)
        of = self.draft.compared or (self.draft.subject if own else None)
        if isinstance(of, Price) and of.column == "Volume":
            return "Volume"
        if own and isinstance(of, IndicatorRef) and of.output is None and of.id in self.draft.indicators:
            return of.id if not self.draft.indicators[of.id].entry.is_average else None
        return None

    # Highs and lows ------------------------------------------------------------------------

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
            token = cursor.number(percent=False)
            unit = cursor.take(spans.UNIT, noise=False) if token else None
            if token is None or unit is None or cursor.looking_at(spans.AGO, noise=False):
                return None
            bars = draft.bars(token.value, unit)
        high = str(kind).startswith("high")
        if bars < 2:
            return Price(column="High" if high else "Low", offset=1)
        column = column if column not in ("High" if high else "Low", None) else None
        ref = draft.indicator(indicator_words.EXTREMES["high" if high else "low"], {"timeperiod": bars}, source=column)
        return ref.model_copy(update={"offset": 1})
