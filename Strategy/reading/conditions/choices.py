"""The grammar of "either of them", "both averages", "neither", "one of the two": some or all of what was named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from Backtest.canonical import All, AnyCondition, AnyOf, AnyOperand, IndicatorRef, Not, Price, Value
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.words import Table, joins, small

How = Literal["any", "all", "none"]
Chosen = tuple[How, list[AnyOperand]]


@dataclass(eq=False)
class Choices(Grammar):
    """Reads words that stand for several things; None where they do not, or what they stand for is not certain."""

    several: Callable[[Table], list[AnyOperand]]
    scale: Callable[[AnyOperand], str]

    def rights(self, subject: AnyOperand) -> Chosen | None:
        """Read the right side of a comparison: "either of them", "both SMA(20) and SMA(50)", "the 20 or 50 SMA"."""
        mark = self.cursor.mark()
        if (listed := self._listed()) is not None:
            return listed
        before = self.cursor.peek()
        if before is not None and before.norm in small.THE_OR_ITS and self.scale(subject) == "price":
            some = self.several(small.OR)
            if len(some) > 1 and self._ends():
                return "any", some
            self.cursor.reset(mark)
        phrase = self.cursor.take(joins.CHOICE)
        if phrase is None or (self._bare() and not self._ends()):
            self.cursor.reset(mark)
            return None
        how, two, averages = phrase
        named = self._compared_with(subject)
        if len(named) < 2 or averages:
            scale = self.scale(subject)
            named = [o for o in self._all_named() if o != subject and self.scale(o) == scale]
        return self._certain(mark, how, self._only(named, averages), two=two)

    def subjects(self, says: Callable[[], bool]) -> Chosen | None:
        """Read the left side: "either of them is falling", "both RSI and MFI are below 30"."""
        cursor = self.cursor
        mark = cursor.mark()
        if (listed := self._listed()) is not None:
            return listed
        phrase = cursor.take(joins.CHOICE)
        if phrase is None or (self._bare() and not says()):
            cursor.reset(mark)
            return None
        how, two, averages = phrase
        named: list[AnyOperand] = self._all_named() if averages else []
        if not averages and self.draft.pairs:
            left = self.draft.pairs[-1][0]
            named = self._compared_with(left)
            if not isinstance(left, Price) or len(named) < 2:
                named = [left, *named]
        return self._certain(mark, how, self._only(named, averages), two=two)

    def _listed(self) -> Chosen | None:
        """Read "either A or B", "both A and B", "both the 20 and 50 SMA", "neither A nor B" of operands."""
        cursor = self.cursor
        mark = cursor.mark()
        said = cursor.words(joins.LISTS)
        if said is None:
            return None
        how, join = joins.LISTS[said]
        cursor.words(small.OF, noise=False)
        found: list[AnyOperand] = []
        while (some := self.several(small.AND if join is small.AND else small.OR)) and not any(
            isinstance(o, Value) for o in some
        ):
            found += some
            if not cursor.words(join, noise=False):
                break
        if len(found) < 2 or cursor.previous_word() in join:
            cursor.reset(mark)
            return None
        return how, found

    def _bare(self) -> bool:
        return self.cursor.previous_word() in joins.LISTS

    def _ends(self) -> bool:
        return self.cursor.clause_ends(joins.BEHIND_CHOICE, marks=",.;)!?")

    def _compared_with(self, left: AnyOperand) -> list[AnyOperand]:
        """Return what an operand was compared with, numbers apart."""
        return list(dict.fromkeys(b for a, b in self._pairs() if a == left and not isinstance(b, Value)))

    def _pairs(self) -> list[tuple[AnyOperand, AnyOperand]]:
        return [*((a, b) for a, b, _ in self.draft.pairs), *self.draft.beside]

    def _all_named(self) -> list[AnyOperand]:
        named = [o for pair in self._pairs() for o in pair if not isinstance(o, Value)]
        return list(dict.fromkeys([*named, *self.draft.mentions]))

    def _only(self, named: Sequence[AnyOperand], averages: bool) -> list[AnyOperand]:
        """Leave out what is no average, where averages are spoken of."""
        if not averages:
            return list(named)
        known = self.draft.indicators
        return [o for o in named if isinstance(o, IndicatorRef) and o.id in known and known[o.id].entry.is_average]

    def _certain(self, mark: Mark, how: How, named: list[AnyOperand], *, two: bool) -> Chosen | None:
        if len(named) == 2 or (len(named) > 2 and not two):
            return how, named
        self.cursor.reset(mark)
        return None


def combined(how: How, parts: list[AnyCondition]) -> AnyCondition:
    """Join what is said of each of several things."""
    if len(parts) == 1:
        return parts[0]
    if how == "all":
        return All(conditions=parts)
    some = AnyOf(conditions=parts)
    return Not(condition=some) if how == "none" else some
