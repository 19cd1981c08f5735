"""The grammar of indicators: their names, numbers, outputs, sources and time frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import AnyOperand, IndicatorRef, Math, Value
from Backtest.indicators import REGISTRY, IndicatorEntry
from Backtest.market import is_intraday
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.average_grammar import Averages
from Strategy.reading.values.frame_grammar import Frames
from Strategy.reading.values.indicator_numbers import IndicatorNumbers
from Strategy.reading.values.length_grammar import Lengths
from Strategy.reading.values.price_grammar import Prices
from Strategy.words import comparing, indicator_words, prices, small, spans

_MOST_MULTIPLE = 5  # a number up to here before "ATR" is a multiple of it, a higher one its period


@dataclass(eq=False)
class Indicators(Grammar):
    """Reads indicators. A method returns None where there is none."""

    frames: Frames
    lengths: Lengths
    prices: Prices
    averages: Averages

    def __post_init__(self) -> None:
        self.numbers = IndicatorNumbers(self.cursor, self.draft)

    def of_bar_before(self) -> AnyOperand | None:
        """Read "the previous RSI" and "yesterday's 14-day RSI": an indicator a bar earlier."""
        start = self.cursor.position
        back = self.cursor.take(spans.PREVIOUS)
        here = self.cursor.mark()
        if back is None:
            return None
        for read in (self.numbered, self.indicator):
            found = read()
            if isinstance(found, IndicatorRef):
                moved = found.model_copy(update={"offset": found.offset + back})
                return self.prices.of_a_day(moved, start) if back else found
            self.cursor.reset(here)
        return None

    def numbered(self) -> AnyOperand | None:
        """Read "14-day RSI", "the 50 EMA", "20-period simple moving average", "weekly 50 SMA"."""
        cursor = self.cursor
        start = cursor.position
        frame = self.frames.frame()
        if frame is not None and (found := self.indicator(frame=frame)) is not None:
            return found
        pace = cursor.words(prices.PACES)
        cursor.words(indicator_words.ROLLING)
        numbers = self.lengths.numbers()
        if not numbers:
            return None
        unit = cursor.take(spans.UNIT, noise=False)
        if unit:
            cursor.words(indicator_words.LOOKBACK, noise=False)
        name = self.name(paced=bool(pace))
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
            found = self.finish(entry, [], frame, start=start)  # "a range of over 2 ATR"
            return None if found is None else Math(left=Value(value=numbers[0]), op="*", right=found)
        period_unit = unit if unit not in (None, "bar") else None
        if period_unit and entry.params:
            bars_frame = self._return_frame(period_unit) if of_return else self.frames.of_unit(period_unit)
            if bars_frame is not None:
                frame = bars_frame
            elif self.draft.bars(1, period_unit) != 1:
                numbers = [float(self.draft.bars(n, period_unit)) for n in numbers]
        return self.finish(entry, numbers, frame, start=start)

    def _return_word(self) -> bool:
        """Take "return" or "ROI", a price's change in percent; the draft keeps where it was said."""
        if not self.cursor.take(prices.RETURN, noise=False):
            return False
        self.draft.return_at = self.cursor.position
        return True

    def _return_frame(self, unit: str) -> str | None:
        """Return the bars of a return: on daily bars that of 3 months is counted in days, on finer ones in whole days."""
        return self.frames.of_unit(unit) if is_intraday(self.draft.timeframe) else None

    def return_over(self) -> AnyOperand | None:
        """Read "the return over the last 10 days" and, on daily bars, "the daily return"."""
        cursor, draft = self.cursor, self.draft
        start = cursor.position
        cursor.skip_noise()
        frame = cursor.take(spans.FRAME, noise=False)
        if not self._return_word():
            return None
        if frame is not None:
            return (
                self.finish(REGISTRY[indicator_words.RATE_OF_CHANGE], [1.0], None, start=start)
                if frame == draft.timeframe
                else None
            )
        token = cursor.number(percent=False) if cursor.words(spans.OVER, spans.OF_RETURN, noise=False) else None
        unit = cursor.take(spans.UNIT, noise=False) if token is not None else None
        if token is None or unit is None:
            return None
        coarser = self._return_frame(unit) if unit != "bar" else None
        bars = token.value if coarser or unit == "bar" else float(draft.bars(token.value, unit))
        return self.finish(REGISTRY[indicator_words.RATE_OF_CHANGE], [bars], coarser, start=start)

    def name(self, *, paced: bool = False) -> str | None:
        """Read an indicator's name, behind a word such as "fast" where it is an average's."""
        name: str | None = self.cursor.take(indicator_words.INDICATOR)
        if name is None and self.cursor.words(prices.PACES):
            paced, name = True, self.cursor.take(indicator_words.INDICATOR)
        return name if not paced or (name is not None and REGISTRY[name].is_average) else None

    def indicator(self, frame: str | None = None, *, inner: bool = False) -> AnyOperand | None:
        """Read an indicator by name, its parameters in any usual form behind it.

        `inner` is that of which another is taken: in "the percent rank of RSI over 50 bars" the bars are the rank's.
        """
        cursor = self.cursor
        start = cursor.position
        leading = self._output_word(None)
        name = self.name()
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
            numbers = self.lengths.numbers(spoken=True)
            cursor.take(spans.UNIT, noise=False)
            source = source or self._column_argument(entry, before=False)
            if not numbers or not cursor.symbol(")"):
                cursor.reset(mark)
                numbers, source = [], None
        elif entry.params:
            numbers = self.lengths.led(inner=inner) or self.lengths.bare(entry)
        return self.finish(entry, numbers, frame, output, source, start, inner=inner)

    def oscillator_and_level(self) -> tuple[IndicatorRef, Value] | None:
        """Read "RSI 60" or "RSI(2) 95" where a level of an oscillator is meant, behind words such as "sell above".

        A number that is the usual period, or that of the oscillator named before, may as well be the period: None.
        """
        cursor, draft = self.cursor, self.draft
        start = cursor.mark()
        name = self.name()
        entry = REGISTRY[name] if name is not None else None
        if entry is None or (entry.levels is None and entry.bounds is None):
            cursor.reset(start)
            return None
        usual = {n for p in entry.params[:1] for n in (p.default, p.tradingview)}
        in_use = {next(iter(i.params.values())) for i in draft.indicators.values() if i.name == name and i.params}
        numbers = self.lengths.in_brackets() if cursor.looking_at_symbol("(") else []
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
        found = self.finish(entry, numbers, None)
        return (found, Value(value=level.value)) if isinstance(found, IndicatorRef) else None

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
        """Read the line of an indicator behind its name: "BB(20, 2).lower", "MACD histogram"."""
        mark = self.cursor.mark()
        token = self.cursor.peek()
        if token is not None and token.attached:  # "BB(20, 2).lower"
            self.cursor.symbol(".")
        word = self._output_word(entry)
        if word is None:
            self.cursor.reset(mark)
            return None
        return self._output(entry, word)

    def finish(
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
            numbers = self.lengths.led(inner=inner)
        if source is None and entry.is_average and start is not None:
            source = self.averages.own_source(start)
        source = None if source == entry.default_source else source
        ahead, frame = frame, frame or self.frames.behind()
        if entry.by_session and not numbers and not self.numbers.rolling(entry, start):
            entry, numbers, frame = self.numbers.by_session(entry, ahead, frame)
        if len(numbers) > len(entry.params):
            self.numbers.surplus(entry, numbers)
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
            named = self.averages.named(None if any_kind else entry.name, source, article=article)
            if named is not None:
                return named
        if not numbers and entry.params and source is None and frame is None:
            known = [i for i in draft.indicators.values() if i.name == entry.name and i.timeframe is None]
            if not entry.is_average:
                known = self.numbers.said_without_numbers(entry) or known
            if known and (not entry.is_average or len(known) == 1):
                # "RSI(7) below 30 ... RSI above 70": the second is the first.
                if known[-1].params != {p.name: p.default for p in entry.params}:
                    said, usual = entry.setting(known[-1].params), entry.setting({})
                    text = f"{entry.name} without numbers is {entry.name}({said}), named before"
                    draft.assume("same_indicator", text, f"the usual {entry.name}({usual})", "indicators")
                output = output or (entry.bare_output or entry.outputs[0].name)
                return IndicatorRef(id=known[-1].id, output=output if len(entry.outputs) > 1 else None)
        if entry.is_extreme and not numbers and cursor.next_is(small.AND):
            self.numbers.ask_of_greatest(entry, source)
        if any(p.name not in params for p in entry.params):
            draft.assume_usual(entry, params)
        output = output or entry.bare_output or None
        try:
            ref = draft.indicator(entry.name, params, output=output, source=source, timeframe=frame)
        except ValidationError as error:
            detail = error.errors()[0]
            message = f"{entry.name}: {detail['loc'][-1]} {detail['input']} is not possible ({detail['msg']})"
            draft.problem("error", "period", "indicators", message, f"{entry.name} {entry.setting({})} is usual")
            ref = draft.indicator(entry.name, {}, output=output, source=source, timeframe=frame)
        if numbers and frame is None and source is None:
            self.numbers.ask_of_bare(entry, ref.id)
            draft.numbered = {**draft.numbered, ref.id: draft.indicators[ref.id]}
        return self._of_last_period(ref, frame) if entry.of_bar_before else ref

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
            found = self.indicator(inner=inner) or self.numbered()
            if isinstance(found, IndicatorRef) and found.output is None and not found.offset:
                return found.id
        cursor.reset(mark)
        return None

    def _of_last_period(self, ref: IndicatorRef, frame: str | None) -> IndicatorRef:
        """Return pivot points as traders draw them: those of the day before, on coarser bars of the bar before."""
        draft, own = self.draft, frame in (None, self.draft.timeframe)
        if not own:
            return ref
        if is_intraday(draft.timeframe):
            draft.assume("pivot", "Pivot points are those of the last complete day", "of the bar before", "indicators")
            return draft.indicator(draft.indicators[ref.id].name, {}, output=ref.output, timeframe="1d")
        draft.assume("pivot", "Pivot points are those of the bar before this one", "of this bar", "indicators")
        return ref.model_copy(update={"offset": 1})
