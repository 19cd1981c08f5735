"""The grammar of levels: "is above", "2 ATR below", "between 30 and 50", "twice its average"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import (
    MIRRORED,
    AnyCondition,
    AnyOf,
    AnyOperand,
    Between,
    Compare,
    IndicatorRef,
    Math,
    Operator,
    Price,
    Value,
)
from Strategy.reading.conditions.choices import combined
from Strategy.reading.conditions.cross_grammar import parts_of
from Strategy.reading.conditions.right_sides import RightSides
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.operands import Operands
from Strategy.words import comparing, indicator_words, joins, prices, small


@dataclass(eq=False)
class LevelGrammar(Grammar):
    """Reads comparisons of a subject with levels. A method returns None where there is none."""

    operands: Operands
    rights: RightSides

    def level(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "is above SMA(50)", "< 30", "at least 2 ATR below the high", "is 30 or lower"."""
        cursor = self.cursor
        cursor.take(prices.PRICE) if isinstance(subject, Price) and cursor.looking_at(
            prices.PRICE, noise=True
        ) == "Close" else None
        if isinstance(subject, IndicatorRef):
            cursor.words(comparing.PRICE_VERBS)
        cursor.skip_noise()
        start = cursor.position
        op = cursor.take(comparing.ABOVE)
        if op is None and isinstance(subject, Price) and subject.column == "Open" and cursor.words(prices.OPENS):
            op = cursor.take(comparing.ABOVE)
        if op is None:
            mark = cursor.mark()
            found = self._number_or_more(subject)
            if found is None:
                cursor.reset(mark)
            return found
        mark, sign = cursor.mark(), cursor.previous()
        if (side := self.rights.distance_side()) is not None:
            said = " ".join(t.norm for t in cursor.tokens[start : cursor.position])
            if any(said in of for of in (comparing.AT_LEAST, comparing.FARTHER, comparing.NEARER)):
                op = MIRRORED.get(op, op) if side == "<" else op  # "> 2 ATR below the SMA" is below the SMA minus 2 ATR
            elif side != op[0] or said in prices.UNDER:
                self._ask_of_distance(said, mark)
        found = self.rights.read(subject, lambda right: Compare(left=subject, op=op, right=right))
        found = found or self._as_before(mark, subject, op)
        if found is None:
            return None
        if sign is not None and sign.kind == "word" and op in ("<", ">"):
            self.draft.worded += parts_of(found)
        return self._chained(self._by_percent(self._at_extreme(found)))

    def _at_extreme(self, found: AnyCondition) -> AnyCondition:
        """Return "equals the lowest close of the last 10 days" with this bar among them, as nothing else can be equal."""
        right = found.right if isinstance(found, Compare) and found.op == "==" else None
        item = self.draft.indicators[right.id] if isinstance(right, IndicatorRef) else None
        left = found.left if isinstance(found, Compare) else None
        of = left.column if isinstance(left, Price) else left.id if isinstance(left, IndicatorRef) else ""
        if item is None or not item.entry.is_extreme or item.source_name != of:
            return found
        op: Operator = ">=" if item.entry.extreme == "high" else "<="
        return found.model_copy(update={"op": op, "right": IndicatorRef(id=item.id)})

    def _ask_of_distance(self, said: str, mark: Mark) -> None:
        """Ask about "above 2% below X": above that level, or farther below X than 2%?"""
        self.operands.term()
        distance = " ".join(t.norm + "%" * t.percent for t in self.cursor.tokens[mark.position : self.cursor.position])
        self.cursor.reset(mark)
        distance = distance.replace(" (", "(").replace("( ", "(").replace(" )", ")")
        message = f"{said!r} in front of {distance!r} may compare with that level, or say how far it is"
        remedy = f"Say 'more than {distance}' or 'less than {distance}'"
        self.draft.problem("error", "distance", "text", message, remedy)
        self.draft.ask(f"What does {f'{said} {distance}'!r} mean: more than {distance}, or less?")

    def _as_before(self, mark: Mark, subject: AnyOperand, op: Operator) -> AnyCondition | None:
        """Read "sell when it is below": below what it was compared with before."""
        self.cursor.reset(mark)
        ends = self.cursor.clause_ends(joins.AND_OR, marks=",.;)")
        before = self.draft.compared_with(subject)
        if not ends or before is None:
            return None
        return Compare(left=subject, op=op, right=before)

    def _chained(self, found: AnyCondition) -> AnyCondition:
        """Read the rest of "EMA(8) > EMA(21) > EMA(55)", also said as "EMA 8 above 21 above 55"."""
        parts = [found]
        while isinstance(last := parts[-1], Compare) and not isinstance(last.right, Value):
            mark = self.cursor.mark()
            op = self.cursor.take(comparing.ABOVE, noise=False)
            start = self.cursor.position
            named = self.operands.indicators.oscillator_and_level() if op and self.rights.is_price(last.right) else None
            if named is not None:
                self.rights.ask_of_level(start, *named)
            right = named[0] if named else self.operands.operand() if op else None
            if right is None:
                self.cursor.reset(mark)
                break
            parts.append(Compare(left=last.right, op=op, right=self.rights.average_of_length(last.right, right)))
        return combined("all", parts)

    def _number_or_more(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "RSI 30 or below", "ADX of 25 or higher"."""
        cursor = self.cursor
        cursor.words(small.OF, small.AT, noise=False)
        token = cursor.number()
        op = cursor.take(comparing.OR_BEYOND) if token else None
        return Compare(left=subject, op=op, right=Value(value=token.value)) if token and op else None

    def _by_percent(self, found: AnyCondition) -> AnyCondition:
        """Read "... by 2%" or "by more than 2%" behind a comparison."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words(comparing.BY_DISTANCE, noise=False) and isinstance(found, Compare):
            token = cursor.number(percent=True)
            if token is not None:
                sign = 1 if found.op in (">", ">=") else -1
                factor = round(1 + sign * token.value / 100, 10)
                return Compare(
                    left=found.left, op=found.op, right=Math(left=Value(value=factor), op="*", right=found.right)
                )
        cursor.reset(mark)
        return found

    def between(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "between 30 and 50", "is between 1% and 3% below the EMA(20)"."""
        if not self.cursor.take(comparing.BETWEEN):
            return None
        low, high, share = self._two_bounds()
        if low is None or high is None:
            return None
        if isinstance(low, Value) and share and isinstance(high, Math) and isinstance(high.left, Value):
            # "between 1% and 3% below the EMA": both are shares of it, on the same side.
            side = 1 if high.left.value > 1 else -1
            low = Math(left=Value(value=round(1 + side * low.value / 100, 10)), op=high.op, right=high.right)
            low, high = (low, high) if side > 0 else (high, low)
        elif isinstance(low, Value) and share and self.rights.is_price(subject):
            return None  # a price is no percentage
        if isinstance(low, Value) and isinstance(high, Value) and low.value > high.value:
            low, high = high, low
        found = Between(operand=subject, low=low, high=high)
        if not (self._moves_freely(low) and self._moves_freely(high)):
            return found
        text = "Between two lines is between the lower and the higher of them, whichever that is"
        self.draft.assume("between", text, "only while the first is the lower one")
        return AnyOf(conditions=[found, Between(operand=subject, low=high, high=low)])

    def _two_bounds(self) -> tuple[AnyOperand | None, AnyOperand | None, bool]:
        """Read "30 and 50", "the 20 and 50 SMA", "the lower and the upper band"; and whether the first was said in percent."""
        cursor = self.cursor
        start = cursor.mark()
        edge = cursor.words(indicator_words.EDGES)
        if edge and cursor.words(comparing.TO_BOUND, noise=False):
            other = self.operands.operand()
            if isinstance(other, IndicatorRef) and other.output in ("lower", "middle", "upper"):
                one = other.model_copy(update={"output": edge})
                return (other, one, False) if edge == "upper" or other.output == "lower" else (one, other, False)
        cursor.reset(start)
        if len(both := self.operands.several()) == 2:
            return both[0], both[1], False
        cursor.reset(start)
        low = self.operands.operand()
        share = token.percent if (token := cursor.previous()) is not None else False
        if low is None or not cursor.words(comparing.TO_BOUND):
            return None, None, False
        return low, self.operands.operand(), share

    def _moves_freely(self, operand: AnyOperand) -> bool:
        """Whether a bound is an average of prices, which may be above another one or below it."""
        item = self.draft.indicators.get(operand.id) if isinstance(operand, IndicatorRef) else None
        return item is not None and item.entry.average != ""

    def multiple(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "volume is twice its average"."""
        right = self.operands.multiple()
        if right is None:
            return None
        share = right.left if isinstance(right, Math) else None
        if isinstance(share, Value) and share.value < 1:
            said = f"{share.value:g} times"
            message = f"{said!r} something does not say whether that or more, or that or less, is meant"
            self.draft.problem(
                "error", "multiple", "text", message, "Say 'below half its average' or 'above half its average'"
            )
            self.draft.ask(f"Is {said!r} something meant as at most that, or at least that?")
        self.draft.assume("multiple", "A multiple of something means at least that multiple", "more than it")
        return Compare(left=subject, op=">=", right=right)
