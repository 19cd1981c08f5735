"""The grammar of what something is compared with: "SMA(50)", "the 200", "the cloud", "either of them"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOf,
    AnyOperand,
    Compare,
    Cross,
    IndicatorRef,
    Math,
    Operator,
    Price,
    Value,
    walk,
)
from Backtest.indicators import PRICE_COLUMNS, REGISTRY
from Strategy.reading.conditions.choices import Choices, combined
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.average_grammar import MOST_BARS
from Strategy.reading.values.operands import Operands
from Strategy.words import comparing, indicator_words, moving, prices, small

_LONG_LENGTHS = (144, 150, 200, 233)  # of averages; another number above 100 may be a price


def _edge_of_cloud(operand: AnyOperand, cloud: IndicatorRef, edge: str) -> AnyOperand:
    """Return an operand with the edge of a cloud in place of its indicator, also where a share of it was said."""
    if isinstance(operand, Math):
        sides = {side: _edge_of_cloud(getattr(operand, side), cloud, edge) for side in ("left", "right")}
        return operand.model_copy(update=sides)
    return cloud.model_copy(update={"output": edge}) if operand == cloud else operand


def _same_series(one: AnyOperand, other: AnyOperand) -> bool:
    """Whether two operands are one price or indicator at different bars."""
    same = isinstance(one, Price | IndicatorRef) and type(one) is type(other) and one != other
    return same and one.model_copy(update={"offset": 0}) == other.model_copy(update={"offset": 0})


@dataclass(eq=False)
class RightSides(Grammar):
    """Reads right sides of comparisons."""

    operands: Operands

    def __post_init__(self) -> None:
        self.choices = Choices(self.cursor, self.draft, self.operands.several, self.scale)

    def scale(self, operand: AnyOperand) -> str:
        """Return what an operand can be compared with: prices, volume, or the indicator's own kind."""
        if self.is_price(operand):
            return "price"
        item = self.draft.indicators.get(operand.id) if isinstance(operand, IndicatorRef) else None
        return "volume" if item is None or item.source_name == "Volume" else item.name

    def of(self, subject: AnyOperand) -> list[AnyOperand]:
        """Read the right side of a comparison; "the 200" after an average is another average."""
        cursor = self.cursor
        start = cursor.position
        if cursor.words(prices.IT_WAS) and isinstance(subject, Price | IndicatorRef):
            back = self.operands.prices.offset()
            return [] if back is None else [subject.model_copy(update={"offset": subject.offset + back})]
        mark = cursor.mark()
        if self.is_price(subject) and (named := self.operands.indicators.oscillator_and_level()) is not None:
            self.ask_of_level(start, *named)
            return [named[0]]
        back = self.operands.prices.offset() if isinstance(subject, Price | IndicatorRef) else None
        if back and isinstance(subject, Price | IndicatorRef):  # "lower than 5 days ago"
            return [
                self.operands.prices.of_a_day(
                    subject.model_copy(update={"offset": subject.offset + back}), mark.position
                )
            ]
        cursor.reset(mark)
        # "RSI < 50 and 20 SMA > ...": the 50 is a level, not an average's length.
        one = None if self.is_price(subject) else self.operands.operand()
        rights = self.operands.several() if one is None else [one]
        last = rights[-1] if len(rights) > 1 else None
        extreme = isinstance(last, IndicatorRef) and self.draft.indicators[last.id].entry.is_extreme
        if extreme and cursor.looking_at(comparing.ABOVE, comparing.CROSS, comparing.CROSSES, moving.RISING):
            cursor.reset(mark)  # "close above 100 and 20-day low above 90"
            alone = self.operands.operand()
            rights = [] if alone is None else [alone]
        token = cursor.previous()
        if (
            isinstance(subject, Price)
            and token is not None
            and token.percent
            and rights
            and isinstance(rights[0], Value)
        ):
            return []  # a price is no percentage
        if rights == [subject] and cursor.previous_word() in small.IT_OR_THEY:
            other = self.draft.mentioned(besides=subject)
            edge = subject == Price(column="Close") and other in [Price(column=c) for c in ("Low", "High", "Open")]
            if other is not None and (edge or _same_series(subject, other)):
                # "The low is below yesterday's low and the close is above it": above what the low is below.
                # "the previous close was below the SMA and the close is above it": above what the other was below.
                other = self.draft.compared_with(other)
            return [] if other is None else [other]
        if len(rights) == 1:
            rights = [self.average_of_length(subject, rights[0])]
        if not rights:
            cursor.position = start
            if cursor.take(indicator_words.CLOUD):
                clouds = [i for i in self.draft.indicators.values() if i.entry.cloud]
                edges = REGISTRY[clouds[-1].name if clouds else indicator_words.CLOUDED].cloud
                base = IndicatorRef(id=clouds[-1].id) if clouds else self.draft.indicator(indicator_words.CLOUDED, {})
                return [base.model_copy(update={"output": edge}) for edge in edges]
        elif any(t.norm in indicator_words.CLOUD for t in cursor.tokens[start : cursor.position]):
            return self._edges_of_cloud(rights[0]) or rights
        return rights

    def ask_of_level(self, start: int, oscillator: IndicatorRef, level: Value) -> None:
        """Ask about "the price is above RSI 60": no price is compared with an oscillator's level."""
        said = " ".join(t.norm for t in self.cursor.tokens[start : self.cursor.position])
        message = f"A price is compared with {said!r}, which is a level of {oscillator.id}"
        self.draft.problem("error", "price_and_level", "text", message, f"Say: {oscillator.id} above {level.value:g}")
        self.draft.ask(f"What is compared with {said!r}: {oscillator.id} with {level.value:g}, or a price with what?")

    def average_of_length(self, subject: AnyOperand, right: AnyOperand) -> AnyOperand:
        """Return the average a number behind an average stands for, as the 200 in "SMA(50) > 200", else `right` itself."""
        token = self.cursor.previous()
        plain = token is not None and token.kind == "num" and not token.money and not token.percent
        if not (plain and isinstance(right, Value) and right.value.is_integer() and 2 <= right.value <= MOST_BARS):
            return right
        if not isinstance(subject, IndicatorRef):
            return right
        mine = self.draft.indicators[subject.id]
        if not mine.entry.is_average or mine.source_name not in PRICE_COLUMNS[:4]:
            return right
        length = f"{mine.name}({right.value:g})"
        the = (before := self.cursor.peek(-2)) is not None and before.norm in small.THE
        if (right.value > 100 and right.value not in _LONG_LENGTHS and not the) or mine.params["timeperiod"] == 1:
            what = f"The {right.value:g} that {subject.id} is compared with"
            self.draft.ask_price_or_length(right.value, what, length)
        text = (
            f"The {right.value:g} that {mine.name}({mine.params['timeperiod']:g}) is compared with is read as {length}"
        )
        self.draft.assume("average_of_number", text, f"a price of {right.value:g}")
        return self.draft.indicator(
            mine.name, {"timeperiod": int(right.value)}, source=mine.source_name, timeframe=mine.timeframe
        )

    def is_price(self, operand: AnyOperand) -> bool:
        """Whether an operand is a price or an average of prices, which a length can follow."""
        if isinstance(operand, Price):
            return operand.column != "Volume"
        if not isinstance(operand, IndicatorRef):
            return False
        indicator = self.draft.indicators[operand.id]
        return indicator.entry.scale == "price" and indicator.source_name in (None, *PRICE_COLUMNS[:4])

    def read(self, subject: AnyOperand, make: Callable[[AnyOperand], AnyCondition]) -> AnyCondition | None:
        """Read what a subject is compared with, and make the comparison of each: "SMA(20) and SMA(50)", "either band", "the cloud"."""
        chosen = self.choices.rights(subject)
        how, rights = chosen or ("all", self.of(subject))
        if not rights:
            return None
        if how == "all" and len(rights) > 1 and isinstance(first := make(rights[0]), Cross):
            if self.are_cloud(rights):
                return self.through_cloud(subject, first.direction, rights)
            self.assume_at_once()
        if isinstance(subject, Value) and any(isinstance(r, Value) for r in rights):
            return None
        rights = [self.previous_channel(r) for r in rights]
        self.draft.repeat = make
        self.draft.pairs += tuple((subject, r, "cross" if isinstance(make(r), Cross) else "level") for r in rights)
        self.draft.mentions += tuple(r for r in rights if not isinstance(r, Value))
        self.draft.mentions += (subject,)
        return combined(how, [make(r) for r in rights])

    def are_cloud(self, rights: list[AnyOperand]) -> bool:
        """Whether these are the two lines of a cloud, as Ichimoku's."""
        refs = [right for right in rights if isinstance(right, IndicatorRef)]
        outputs = tuple(ref.output for ref in refs)
        return len(refs) == len(rights) and any(self.draft.indicators[r.id].entry.cloud == outputs != () for r in refs)

    def _edges_of_cloud(self, operand: AnyOperand) -> list[AnyOperand]:
        """Return the edges of a cloud that was read as its indicator's first line; none where an edge itself was named."""
        for node in walk(operand):
            entry = self.draft.indicators[node.id].entry if isinstance(node, IndicatorRef) else None
            if isinstance(node, IndicatorRef) and entry and entry.cloud and node.output == entry.outputs[0].name:
                return [_edge_of_cloud(operand, node, edge) for edge in entry.cloud]
        return []

    @staticmethod
    def through_cloud(
        subject: AnyOperand, direction: Literal["above", "below"], edges: list[AnyOperand]
    ) -> AnyCondition:
        """Return "crosses above the cloud": beyond both of its edges now, and not before."""
        op: Operator = ">" if direction == "above" else "<"
        beyond: list[AnyCondition] = [Compare(left=subject, op=op, right=edge) for edge in edges]
        crossed = AnyOf(conditions=[Cross(left=subject, direction=direction, right=edge) for edge in edges])
        return All(conditions=[*beyond, crossed])

    def assume_at_once(self) -> None:
        self.draft.assume("both", "All are crossed on the same bar", "beyond all of them, whenever each was crossed")

    def previous_channel(self, right: AnyOperand) -> AnyOperand:
        """A Donchian channel that contains this bar can never be crossed by its close, nor can a share of it above 1."""
        if isinstance(right, Math) and right.op == "*":
            return right.model_copy(update={"right": self.previous_channel(right.right)})
        if (
            isinstance(right, IndicatorRef)
            and not right.offset
            and self.draft.indicators[right.id].entry.extreme == "both"
        ):
            return right.model_copy(update={"offset": 1})
        return right

    def distance_side(self) -> str | None:
        """Return on which side of X the level "2 ATR below X" or "2% above X" is that stands here. Takes nothing."""
        cursor = self.cursor
        mark, token = cursor.mark(), cursor.peek()
        if token is None or token.kind != "num":
            return None
        right = self.operands.term()
        words = [t.norm for t in cursor.tokens[mark.position : cursor.position]]
        cursor.reset(mark)
        if not isinstance(right, Math) or right.op == "/":
            return None
        return next((prices.SIDES[word] for word in words if word in prices.SIDES), None)
