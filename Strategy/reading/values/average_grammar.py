"""The grammar of averages that are said without a name: "its 20-day average", "the 200-day", "the average"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import AnyOperand, IndicatorRef, Price
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.frame_grammar import Frames
from Strategy.reading.values.length_grammar import Lengths
from Strategy.words import comparing, indicator_words, moving, prices, small, spans

_LEAST_LENGTH = 5  # of what is an average where only its length is said: "the 200-day"

MOST_BARS = 400  # of an average that is said with its number alone


@dataclass(eq=False)
class Averages(Grammar):
    """Reads averages, and which of those named before is meant. A method returns None where there is none."""

    frames: Frames
    lengths: Lengths

    def average(self) -> AnyOperand | None:
        """Read "average volume", "its 20-day average", "the 20-day average volume"."""
        cursor, draft = self.cursor, self.draft
        start = cursor.position
        numbers = self.lengths.numbers()
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
            source = self.own_source(start)
        mark = cursor.mark()
        if not numbers and cursor.words(spans.OVER):
            token = cursor.number(percent=False)
            unit = cursor.take(spans.UNIT, noise=False) if token else None
            if token is None:
                cursor.reset(mark)
            else:
                numbers = [token.value]
        if not numbers and (named := self.named(None, source)) is not None:
            return named
        if not numbers:
            draft.assume("default_period", "The average is taken over 20 bars", field="indicators")
        period = draft.bars(numbers[0], unit or "bar") if numbers else 20
        return draft.indicator(
            indicator_words.PLAIN_AVERAGE, {"timeperiod": period}, source=None if source == "Close" else source
        )

    def of_bare_length(self) -> AnyOperand | None:
        """Read "the 200-day", among traders the average of 200 days: the one of that length that was named, else a simple one."""
        cursor, draft = self.cursor, self.draft
        cursor.skip_noise()
        article, token = cursor.previous_word(), cursor.number(percent=False, noise=False)
        count = cursor.peek()
        unit = cursor.take(spans.UNIT, noise=False) if token is not None else None
        if token is None or count is None or unit is None or article not in small.THE_OR_ITS:
            return None
        ends = cursor.clause_ends(indicator_words.BEHIND_LENGTHS, marks=",.;)")
        says = cursor.looking_at(comparing.ABOVE, comparing.CROSS, comparing.CROSSES, moving.RISING) is not None
        if count.norm not in spans.DAY_UNITS or not (ends or says):
            return None
        if not (token.value.is_integer() and _LEAST_LENGTH <= token.value <= MOST_BARS):
            return None
        frame = self.frames.of_unit(unit) if unit != "bar" else None
        bars = int(token.value) if frame else draft.bars(token.value, unit)
        named = [i for i in draft.indicators.values() if i.entry.is_average and i.params["timeperiod"] == bars]
        kind = named[-1].name if named else indicator_words.PLAIN_AVERAGE
        said = f"The {token.value:g}-{count.norm}"
        draft.assume("bare_length", f"{said!r} is {kind}({bars})", "another average of that length", "indicators")
        return draft.indicator(kind, {"timeperiod": bars}, timeframe=frame)

    def named(self, name: str | None, source: str | None, *, article: bool = True) -> IndicatorRef | None:
        """Return the average that "the average", or "the EMA" where `name` says so, stands for; ask where two were named."""
        draft = self.draft
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

    def own_source(self, start: int) -> str | None:
        """Return what "its average" is of: the left side of the comparison, or the subject "its" stands for.

        Volume and oscillators are compared with averages of themselves, prices with averages of prices.
        """
        before = self.cursor.tokens[max(0, start - 1) : self.cursor.position]
        own = any(token.norm in small.ITS for token in before)
        of = self.draft.compared or (self.draft.subject if own else None)
        if isinstance(of, Price) and of.column == "Volume":
            return "Volume"
        if own and isinstance(of, IndicatorRef) and of.output is None and of.id in self.draft.indicators:
            return of.id if not self.draft.indicators[of.id].entry.is_average else None
        return None
