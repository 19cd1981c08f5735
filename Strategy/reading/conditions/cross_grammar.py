"""The grammar of crosses and breaks: "crosses above", "breaks the 20-day high", "cross" without a direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from Backtest.canonical import All, AnyCondition, AnyOf, AnyOperand, Compare, Cross, IndicatorRef, Not, Price, Value
from Strategy.reading.conditions.choices import combined
from Strategy.reading.conditions.movements import Movements
from Strategy.reading.conditions.right_sides import RightSides
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.operands import Operands
from Strategy.words import accounts, comparing, small


def parts_of(condition: AnyCondition) -> tuple[AnyCondition, ...]:
    """Return the comparisons that were read of one predicate."""
    inner = condition.condition if isinstance(condition, Not) else condition
    return tuple(inner.conditions) if isinstance(inner, All | AnyOf) else (inner,)


@dataclass(eq=False)
class Crosses(Grammar):
    """Reads crosses of a subject. A method returns None where there is none."""

    operands: Operands
    movements: Movements
    rights: RightSides

    def __post_init__(self) -> None:
        self.choices = self.rights.choices

    def directed(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "crosses above SMA(50)", "breaks below the lower band", "moves from below 30 to above 30"."""
        self.cursor.skip_noise()
        verb = token.norm if (token := self.cursor.peek()) else ""
        if self.cursor.words(comparing.MOVES_FROM):
            return self._passes(subject)
        is_back = verb in accounts.BACK and self.cursor.previous_word() in comparing.IS_BEFORE_BACK
        back = self.cursor.take(comparing.WAYS_BACK, noise=False) if is_back else None
        direction = self.cursor.take(comparing.CROSS) if back is None else back
        if direction is None:
            return None
        mark = self.cursor.mark()

        def passed(right: AnyOperand) -> AnyCondition:
            return self.passed(subject, direction, right, verb)

        found = self.rights.read(subject, passed)
        if found is None and (before := self.draft.compared_with(subject)) is not None:
            # "Sell when it crosses below": below what it crossed before.
            self.cursor.reset(mark)
            found = passed(before)
            self.draft.worded += (found,)
            return found
        if found is None:
            return None
        if not verb.startswith("cross"):
            self.draft.worded += parts_of(found)
        behind = comparing.FROM_BELOW if direction == "above" else comparing.FROM_ABOVE
        self.cursor.words(behind, noise=False)
        return self._and_level(subject, found)

    def passed(
        self, subject: AnyOperand, direction: Literal["above", "below"], right: AnyOperand, verb: str
    ) -> AnyCondition:
        """Return "crosses above X", or "breaks above X", which of a high of the bars before is a close above it.

        Such a high moves on with each bar, and the close of a bar lies below its own high: whatever comes next to close
        above it breaks it.
        """
        if verb in comparing.BREAKING and self.movements.extremes.is_before(subject, direction, right):
            return Compare(left=subject, op=">" if direction == "above" else "<", right=right)
        return Cross(left=subject, direction=direction, right=right)

    def break_of(self) -> AnyCondition | None:
        """Read "a break of yesterday's high", which is upward as that of a low is downward."""
        cursor = self.cursor
        mark = cursor.mark()
        said = cursor.words(comparing.BREAK_OF)
        right = self.operands.operand() if said else None
        edge = self.movements.extremes.edge(right) if right is not None else None
        if right is None or edge is None:
            cursor.reset(mark)
            return None
        close = Price(column="Close")
        found = self.passed(close, "above" if edge == "High" else "below", right, "break")
        self.draft.subject = close
        self.draft.worded += (found,)
        self.draft.pairs += ((close, right, "cross" if isinstance(found, Cross) else "level"),)
        self.draft.mentions += (right, close)
        return found

    def _passes(self, subject: AnyOperand) -> AnyCondition | None:
        """Read the rest of "moves from below -100 to above -100"."""
        start = self.cursor.take(comparing.ABOVE)
        before = self.operands.operand() if start in ("<", ">") else None
        end = self.cursor.take(comparing.ABOVE) if before is not None and self.cursor.words(small.TO) else None
        after = self.operands.operand() if end in ("<", ">") and end != start else None
        if before is None or after != before:
            return None
        return Cross(left=subject, direction="above" if end == ">" else "below", right=before)

    def _and_level(self, subject: AnyOperand, found: AnyCondition) -> AnyCondition:
        """Read the level in "%K crosses above %D below 20"."""
        if not isinstance(found, Cross) or isinstance(found.right, Value):
            return found
        mark = self.cursor.mark()
        op = self.cursor.take(comparing.ABOVE, noise=False)
        token = self.cursor.number() if op else None
        if token is None:
            self.cursor.reset(mark)
            return found
        level = self.rights.average_of_length(subject, Value(value=token.value))
        # "EMA 9 crosses above 21 above 50": three averages, of which the second is above the third.
        left = subject if isinstance(level, Value) else found.right
        return All(conditions=[found, Compare(left=left, op=op, right=level)])

    def plain(self, subject: AnyOperand) -> AnyCondition | None:
        """Read a cross or break without a direction, "crosses SMA(50)", "breaks the 20-day high"."""
        self.cursor.skip_noise()
        start = self.cursor.position
        if not self.cursor.take(comparing.CROSSES):
            return None
        verb = self.cursor.tokens[start].norm if start < len(self.cursor.tokens) else ""
        either, breaks = self.names_no_way(start), verb in comparing.BREAKING
        side = self.rights.distance_side() if breaks else None
        chosen = self.choices.rights(subject)
        how, rights = chosen or ("all", [self.rights.previous_channel(r) for r in self.rights.of(subject)])
        if not rights:
            return None
        if len(rights) > 1:
            said = self.cursor.words(comparing.WAYS, noise=False)
            way: Literal["above", "below"] = (
                comparing.WAYS[said] if said else "above" if self.draft.rising_side else "below"
            )
            self.draft.pairs += tuple((subject, right, "cross") for right in rights)
            if self.rights.are_cloud(rights):
                self.draft.assume_direction() if not said else None
                return self.rights.through_cloud(subject, way, rights)
            self.rights.assume_at_once() if how == "all" else None
            if said:
                return combined(how, [Cross(left=subject, direction=way, right=right) for right in rights])
            return combined(how, [self._any_way(subject, way, right, either=either) for right in rights])
        extreme = isinstance(rights[0], IndicatorRef) and self.draft.indicators[rights[0].id].entry.is_extreme
        edge = self.movements.extremes.edge(rights[0])
        if edge is not None and (breaks or not extreme):
            found = self.passed(subject, "above" if edge == "High" else "below", rights[0], verb)
            self.draft.worded += (found,) if isinstance(found, Compare) else ()
            return found
        if side is not None:  # "breaks 3% above the SMA(20)"
            return self.passed(subject, "above" if side == ">" else "below", rights[0], verb)
        if said := self.cursor.words(comparing.WAYS, noise=False):
            self.draft.pairs += ((subject, rights[0], "cross"),)
            return Cross(left=subject, direction=comparing.WAYS[said], right=rights[0])
        turned = (
            rights[0],
            subject,
            "cross",
        ) in self.draft.pairs  # "buy when +DI crosses -DI, sell when -DI crosses +DI"
        direction: Literal["above", "below"] = "above" if self.draft.rising_side != turned else "below"
        self.draft.repeat = lambda right: self._any_way(subject, direction, right, either=either)
        self.draft.pairs += ((subject, rights[0], "cross"),)
        return self._any_way(subject, direction, rights[0], either=either)

    def names_no_way(self, start: int) -> bool:
        """Whether the words of a cross since `start` name no direction; what breaks something moves on in one."""
        return any(token.norm in comparing.UNDIRECTED for token in self.cursor.tokens[start : self.cursor.position])

    def _any_way(
        self, left: AnyOperand, direction: Literal["above", "below"], right: AnyOperand, *, either: bool
    ) -> AnyCondition:
        """Return a cross that was said without a direction: in an exit maybe that of either one, else the one that the action goes."""
        if self.draft.exit_rule and either:
            found = AnyOf(conditions=[Cross(left=left, direction=d, right=right) for d in ("above", "below")])
            self.draft.either_way += (found,)
            return found
        self.draft.assume_direction()
        return Cross(left=left, direction=direction, right=right)

    def undirected(self, left: AnyOperand, right: AnyOperand, *, either: bool = False) -> AnyCondition:
        """Return the cross of two lines without a direction, of which the shorter average is the first."""
        fast_first = self._period(left) <= self._period(right)
        direction: Literal["above", "below"] = "above" if self.draft.rising_side == fast_first else "below"
        return self._any_way(left, direction, right, either=either)

    def _period(self, operand: AnyOperand) -> float:
        if isinstance(operand, IndicatorRef):
            item = self.draft.indicators[operand.id]
            return float(next(iter(item.params.values()), 0)) if item.entry.is_average else 0
        return 0
