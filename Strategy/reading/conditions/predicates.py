"""The grammar of what is said of a price or an indicator: levels, crosses, movements, extremes."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import (
    AnyCondition,
    AnyOf,
    AnyOperand,
    Compare,
    Cross,
    IndicatorBase,
    IndicatorRef,
    Not,
    Price,
    Value,
    walk,
)
from Strategy.reading.conditions.choices import How, combined
from Strategy.reading.conditions.cross_grammar import Crosses
from Strategy.reading.conditions.level_grammar import LevelGrammar
from Strategy.reading.conditions.movements import Movements
from Strategy.reading.conditions.right_sides import RightSides
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.average_grammar import MOST_BARS
from Strategy.reading.values.operands import Operands
from Strategy.reading.values.units import Units
from Strategy.words import comparing, joins, moving, small, spans


@dataclass(eq=False)
class Predicates(Grammar):
    """Reads what is said of a subject."""

    operands: Operands

    def __post_init__(self) -> None:
        self.movements = Movements(self.cursor, self.draft, self.operands)
        self.units = Units(self.draft)
        self.rights = RightSides(self.cursor, self.draft, self.operands)
        self.choices = self.rights.choices
        self.crosses = Crosses(self.cursor, self.draft, self.operands, self.movements, self.rights)
        self.levels = LevelGrammar(self.cursor, self.draft, self.operands, self.rights)

    def several(self, subjects: list[AnyOperand], how: How = "all") -> AnyCondition | None:
        """Read what is said of each of several subjects, or of any of them, or of none."""
        mark = self.cursor.mark()
        first = self.read(subjects[0])
        if first is None or len(subjects) == 1:
            return first
        self.cursor.reset(mark)
        found = [self._again(mark, s) for s in subjects]
        return None if None in found else combined(how, [c for c in found if c is not None])

    def _again(self, mark: Mark, subject: AnyOperand) -> AnyCondition | None:
        self.cursor.reset(mark)
        return self.read(subject)

    def of_named_level(self) -> AnyCondition | None:
        """Read "above RSI 60" and "it crosses below RSI 70", where the oscillator is what is compared."""
        cursor = self.cursor
        cursor.words(small.IT_IS, small.IT)
        op = cursor.take(comparing.ABOVE)
        direction = cursor.take(comparing.CROSS) if op is None else None
        named = self.operands.indicators.oscillator_and_level() if op or direction else None
        if named is None:
            return None
        oscillator, level = named
        text = f"{level.value:g} is a level of {oscillator.id}"
        self.draft.assume("level_of_oscillator", text, f"a period of {level.value:g} bars", "indicators")
        self.draft.subject = oscillator
        self.draft.mentions += (oscillator,)
        if direction:
            return Cross(left=oscillator, direction=direction, right=level)
        return Compare(left=oscillator, op=op, right=level)

    def bare_average(self) -> AnyCondition | None:
        """Read "the 15 crosses above the 30 day EMA", where the 15 is an average as well."""
        cursor = self.cursor
        token = cursor.number(percent=False)
        if token is None or token.money or not (token.value.is_integer() and 2 <= token.value <= MOST_BARS):
            return None
        cursor.take(spans.UNIT, noise=False)
        if not cursor.looking_at(comparing.CROSS, comparing.CROSSES, comparing.ABOVE):
            return None
        here = cursor.mark()
        other = self._right_average(token.value)
        cursor.reset(here)
        if other is None:
            return None
        average = self.draft.indicator(
            other.name, {"timeperiod": int(token.value)}, source=other.source_name, timeframe=other.timeframe
        )
        text = f"The {token.value:g} that is compared with {other.id} is read as {average.id}"
        self.draft.assume("average_of_number", text, f"a price of {token.value:g}")
        return self.read(average)

    def _right_average(self, length: float) -> IndicatorBase | None:
        """Return the average of prices that a number is compared with here, or the one of that length."""
        found = self.read(Value(value=length))
        for node in walk(found) if found is not None else ():
            if isinstance(node, Cross | Compare) and isinstance(node.right, IndicatorRef):
                item = self.draft.indicators[node.right.id]
                return item if item.entry.is_average and self.rights.is_price(node.right) else None
        if found is not None:
            return None
        known = [i for i in self.draft.indicators.values() if i.entry.is_average]
        return next((i for i in known if i.params["timeperiod"] == length), None)

    def read(self, subject: AnyOperand) -> AnyCondition | None:
        """Read what is said of a subject."""
        self.draft.compared, self.draft.predicate_at = subject, self.cursor.position
        try:
            found = self._said_of(subject)
            if found is not None and self.draft.return_at == self.draft.predicate_at:
                self._in_percent(found)
            return found if found is None else self._in_one_unit(found)
        finally:
            self.draft.compared = None

    def _in_one_unit(self, found: AnyCondition) -> AnyCondition:
        """Compare what is said in percent with percentages, "ATR < 2%" being 2% of the close; ask about other units."""
        said = self.cursor.tokens[self.draft.predicate_at : self.cursor.position]
        shares = {abs(t.value) for t in said if t.kind == "num" and t.percent}
        return self.units.in_one(found, shares)

    def _in_percent(self, found: AnyCondition) -> None:
        """Say that a return's level is in percent where no % was said; a level below 1 may as well be a fraction."""
        said = self.cursor.tokens[self.draft.predicate_at : self.cursor.position]
        bare = [t for t in said if t.kind == "num" and not t.percent and t.value]
        levels = {abs(n.value) for n in walk(found) if isinstance(n, Value)}
        for token in bare:
            if abs(token.value) not in levels:
                continue
            if abs(token.value) < 1:
                message = f"A return of {token.norm} may be {token.value:g}% or {token.value * 100:g}%"
                self.draft.problem("error", "percent_or_fraction", "text", message, "Say it in percent")
                self.draft.ask(f"Is a return of {token.norm} meant as {token.value:g}% or as {token.value * 100:g}%?")
            else:
                self.draft.assume("percent", f"A return of {token.norm} is {token.value:g}%", f"{token.value * 100:g}%")

    def _said_of(self, subject: AnyOperand) -> AnyCondition | None:
        """Read what is said of a subject, the readings tried in turn: "crosses above 30", "is falling", "is not below its average"."""
        cursor = self.cursor
        self.draft.subject = subject
        if not isinstance(subject, Value):
            self.draft.mentions += (subject,)
        mark = cursor.mark()
        cursor.skip_noise()
        token = cursor.peek()
        bound = (
            token is not None and token.norm in joins.NO and cursor.looking_at(comparing.ABOVE, noise=False)
        )  # "no more than"
        cursor.reset(mark)
        if not bound and (cursor.take(joins.NOT) or cursor.words(small.NEITHER)):
            inner = None if cursor.looking_at(joins.NOT, noise=False) else self.read(subject)
            if inner is not None:
                return Not(condition=self._nor(subject, inner))
            cursor.reset(mark)
        if cursor.symbol("!=", noise=True):
            right = self.operands.operand()
            if right is not None:
                return Not(condition=Compare(left=subject, op="==", right=right))
            cursor.reset(mark)
        readers = (
            self._trend, self._signed, self.movements.turns, self.crosses.directed, self.movements.within_percent, self.movements.percent_beyond, self.operands.deviations.beyond, self.levels.between, self.levels.level,
            self.movements.extreme, self.movements.percent_move, self.movements.touches.touched_level, self.movements.extremes.reaches, self.movements.extremes.holds, self.crosses.plain, self.movements.moves, self.levels.multiple,
        )  # fmt: skip
        return cursor.first(readers, subject)

    def _nor(self, subject: AnyOperand, first: AnyCondition) -> AnyCondition:
        """Read the rest of "is not below 30 or above 70", which is neither of the two."""
        parts = [first]
        while True:
            mark = self.cursor.mark()
            joined_by = self.cursor.words(small.OR, small.NOR, noise=False)
            says = joined_by and self.cursor.looking_at(
                comparing.ABOVE, comparing.CROSS, comparing.BETWEEN, moving.RISING, moving.EXTREME, noise=False
            )
            found = self.read(subject) if says else None
            if found is None:
                self.cursor.reset(mark)
                break
            parts.append(found)
        return parts[0] if len(parts) == 1 else AnyOf(conditions=parts)

    def _trend(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "Supertrend is up" and "PSAR flips up": which of its two directions an indicator has, or takes."""
        cursor = self.cursor
        item = self.draft.indicators.get(subject.id) if isinstance(subject, IndicatorRef) else None
        of_line = cursor.previous_word() in moving.LINES
        if item is None or not item.entry.points or of_line:
            return None
        mark = cursor.mark()
        flip = cursor.take(moving.TREND_FLIP)
        cursor.reset(mark) if flip is None else None
        way = flip if flip is not None else cursor.take(moving.TREND_STATE)
        if way is None or self._goes_on():
            return None
        if flip == "":
            way = "above" if self.draft.rising_side else "below"
            text = f"{item.name} flips up for buying and down for selling"
            self.draft.assume("cross_direction", text, "any flip")
        left, right = self._two_directions(subject, item)
        if flip is not None:
            return Cross(left=left, direction=way, right=right)
        return Compare(left=left, op=">" if way == "above" else "<", right=right)

    def _two_directions(self, subject: AnyOperand, item: IndicatorBase) -> tuple[AnyOperand, AnyOperand]:
        """Return what is above what while an indicator of two directions points up."""
        assert isinstance(subject, IndicatorRef)
        if item.entry.has("direction"):
            return subject.model_copy(update={"output": "direction"}), Value(value=0)
        self.draft.assume("psar", f"The {item.entry.title} points up while the close is above it")
        return Price(column="Close", offset=subject.offset), subject

    def _goes_on(self) -> bool:
        """Whether a movement is told further: "up 3%", "up for 3 bars", "down from yesterday"."""
        cursor = self.cursor
        mark = cursor.mark()
        more = cursor.words(moving.GOES_ON, noise=False) or cursor.number()
        cursor.reset(mark)
        return more is not None or cursor.looking_at(comparing.ABOVE, spans.IN_A_ROW, noise=False) is not None

    def _signed(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "is positive", "turns negative", "MACD bullish crossover"; of no price, and of no indicator with bounds, such as RSI."""
        sign = self.cursor.take(moving.SIGN)
        if sign is None:
            return None
        kind, side = sign
        if self.cursor.take(comparing.CROSSES):  # "MACD bullish crossover"
            if not isinstance(subject, IndicatorRef) or not self.draft.indicators[subject.id].entry.has("signal"):
                return None
            return Cross(left=subject, direction=side, right=subject.model_copy(update={"output": "signal"}))
        if isinstance(subject, Price) or self.rights.is_price(subject):
            return None
        if isinstance(subject, IndicatorRef) and self.draft.indicators[subject.id].entry.bounds is not None:
            return None
        if kind == "cross":
            return Cross(left=subject, direction=side, right=Value(value=0))
        return Compare(left=subject, op=">" if side == "above" else "<", right=Value(value=0))
