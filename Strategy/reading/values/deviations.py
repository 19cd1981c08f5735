"""The grammar of distances in standard deviations: "2 sigma below its 20-day mean", "within 1 standard deviation of it"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from Backtest.canonical import (
    AnyCondition,
    AnyOperand,
    Between,
    Compare,
    Cross,
    IndicatorRef,
    Math,
    Operator,
    Price,
    Value,
)
from Backtest.indicators import PRICE_COLUMNS
from Strategy.reading.text.grammar import Grammar
from Strategy.words import comparing, indicator_words, prices, small


def lies_above(level: AnyOperand) -> bool:
    """Whether a level is above its average, as an upper band or an average plus deviations is."""
    if isinstance(level, IndicatorRef):
        return level.output == "upper"
    return isinstance(level, Math) and level.op == "+"


@dataclass(eq=False)
class Deviations(Grammar):
    """Reads averages plus or minus standard deviations; `term` reads the average. Every method returns None where there is none."""

    term: Callable[[], AnyOperand | None]

    def beyond(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "[more than] 2 standard deviations below its 20-day mean", "drops 2 sigma below it", "within 1 sigma of it"."""
        cursor = self.cursor
        if cursor.words(small.WITHIN) is not None:
            return self._within(subject)
        moved = cursor.words(prices.FALLS, prices.RISES, prices.IS)
        cursor.words(small.BY, noise=False)
        bound = cursor.words(comparing.AT_LEAST, comparing.FARTHER)
        most = None if bound else cursor.words(comparing.NEARER)
        token = cursor.number(percent=False)
        if token is None or token.money or isinstance(subject, Value):
            return None
        level = self.away(token.value)
        base = self._average_in(level)
        if level is None or base is None:
            return None
        up = lies_above(level)
        self.draft.mentions += (base,)
        if most:
            most = {"<": "less than", "<=": "at most"}.get(most, most)
            text = f"{most} {_counted(token.value)} {'above' if up else 'below'} it is between the two levels"
            self.draft.assume("within", text, "beyond")
            return Between(operand=subject, low=base if up else level, high=level if up else base)
        if not bound and moved in (prices.RISES if up else prices.FALLS):
            return Cross(left=subject, direction="above" if up else "below", right=level)
        at_least = bound in comparing.AT_LEAST
        op: Operator = (">=" if at_least else ">") if up else ("<=" if at_least else "<")
        self.draft.pairs += ((subject, level, "level"),)
        return Compare(left=subject, op=op, right=level)

    def _within(self, subject: AnyOperand) -> AnyCondition | None:
        """Read the rest of "within 1 standard deviation of its 20-day mean"."""
        token = self.cursor.number(percent=False)
        if token is None or token.money:
            return None
        start = self.cursor.mark()
        below = self.away(token.value, around="below")
        self.cursor.reset(start)
        above = self.away(token.value, around="above")
        return None if below is None or above is None else Between(operand=subject, low=below, high=above)

    def away(self, count: float, *, around: str = "") -> AnyOperand | None:
        """Read the rest of "2 standard deviations below its 20-day mean": those of the bars of the average.

        `around` reads "of its mean" instead, as the level above the average or the one below it.
        """
        cursor, draft = self.cursor, self.draft
        mark = cursor.mark()
        if count > 0 and cursor.take(prices.DEVIATIONS, noise=False):
            cursor.words(prices.AWAY, noise=False)
            said = cursor.words(*((small.OF, small.FROM) if around else (prices.ABOVE, prices.BELOW)), noise=False)
            base = self.term() if said else None
            if base is not None and base == draft.compared:
                base = draft.mentioned(besides=base)  # "when it is 2 sigma above it"
            if base is not None and self._comparable(base):
                level = self._from_average(base, count, up=(around or said) in prices.ABOVE)
                if level is not None:
                    return level
        cursor.reset(mark)
        return None

    def _comparable(self, base: AnyOperand) -> bool:
        """Whether an average is one of what is compared with it, or of the price where that is one."""
        item = self.draft.indicators.get(base.id) if isinstance(base, IndicatorRef) else None
        of, subject = item.source_name if item else None, self.draft.compared
        if item is None or subject is None:
            return item is not None
        if isinstance(subject, Price):
            return (of == "Volume") == (subject.column == "Volume") and of in PRICE_COLUMNS
        if isinstance(subject, IndicatorRef):
            own = self.draft.indicators[subject.id]
            return of == subject.id or (own.entry.scale == "price" and of in PRICE_COLUMNS[:4])
        return of in PRICE_COLUMNS[:4]

    def _from_average(self, base: AnyOperand, count: float, *, up: bool) -> AnyOperand | None:
        """Return an average plus or minus standard deviations of what it is the average of: of a simple one, a Bollinger band."""
        draft = self.draft
        item = draft.indicators.get(base.id) if isinstance(base, IndicatorRef) else None
        if item is None or not item.entry.is_average or not isinstance(base, IndicatorRef):
            return None
        period, of = item.params["timeperiod"], None if item.source_name == "Close" else item.source_name
        text = (
            f"{_counted(count)} {'above' if up else 'below'} {item.name}({period:g}): those of the same {period:g} bars"
        )
        if item.name == indicator_words.PLAIN_AVERAGE:
            band = "upper" if up else "lower"
            text = f"{text}, which is the {band} Bollinger band"
            draft.assume("deviations", text, "those of other bars", "indicators")
            params = {"timeperiod": period, "nbdev": count}
            found = draft.indicator(
                indicator_words.DEVIATION_BANDS, params, output=band, source=of, timeframe=item.timeframe
            )
            return found.model_copy(update={"offset": base.offset})
        draft.assume("deviations", text, "those of other bars", "indicators")
        spread = draft.indicator(indicator_words.DEVIATION, {"timeperiod": period}, source=of, timeframe=item.timeframe)
        scaled = Math(left=Value(value=count), op="*", right=spread.model_copy(update={"offset": base.offset}))
        return Math(left=base, op="+" if up else "-", right=scaled)

    def _average_in(self, level: AnyOperand | None) -> AnyOperand | None:
        """Return the average in an average plus or minus standard deviations."""
        if isinstance(level, Math):
            return level.left
        if not isinstance(level, IndicatorRef):
            return None
        band = self.draft.indicators[level.id]
        source = None if band.source_name == "Close" else band.source_name
        params = {"timeperiod": band.params["timeperiod"]}
        average = self.draft.indicator(indicator_words.PLAIN_AVERAGE, params, source=source, timeframe=band.timeframe)
        return average.model_copy(update={"offset": level.offset})


def _counted(count: float) -> str:
    return f"{count:g} standard deviation{'' if count == 1 else 's'}"
