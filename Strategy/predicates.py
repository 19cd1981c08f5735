"""The grammar of what is said of a price or an indicator: levels, crosses, movements, extremes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from Backtest.canonical import (
    MIRRORED,
    All,
    AnyCondition,
    AnyOf,
    AnyOperand,
    Between,
    Compare,
    Cross,
    IndicatorBase,
    IndicatorRef,
    Math,
    Not,
    Operator,
    Price,
    Value,
    walk,
)
from Backtest.indicators import PRICE_COLUMNS, REGISTRY
from Strategy.average_grammar import MOST_BARS
from Strategy.choices import Choices, How, combined
from Strategy.cursor import Cursor, Mark
from Strategy.draft import Draft
from Strategy.movements import Movements
from Strategy.operands import Operands
from Strategy.units import Units
from Strategy.words import accounts, comparing, indicator_words, joins, moving, prices, small, spans

_LONG_LENGTHS = (144, 150, 200, 233)  # of averages; another number above 100 may be a price


class Predicates:
    """Reads what is said of a subject."""

    def __init__(self, cursor: Cursor, draft: Draft, operands: Operands) -> None:
        self.cursor = cursor
        self.draft = draft
        self.operands = operands
        self.movements = Movements(cursor, draft, operands)
        self.units = Units(draft)
        self.choices = Choices(cursor, draft, operands.several, self._scale)

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
        if self.draft.exact or not cursor.looking_at(comparing.CROSS, comparing.CROSSES, comparing.ABOVE):
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
                return item if item.entry.is_average and self._is_price(node.right) else None
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
            return found if found is None or self.draft.exact else self._in_one_unit(found)
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
        for reader in (
            self._trend, self._signed, self.movements.turns, self._cross, self.movements.within_percent, self.movements.percent_beyond, self.operands.deviations.beyond, self._between, self._level,
            self.movements.extreme, self.movements.percent_move, self.movements.touched_level, self.movements.reaches_extreme, self.movements.is_extreme, self._plain_cross, self.movements.moves, self._is_multiple,
        ):  # fmt: skip
            found = cursor.attempt(partial(reader, subject))
            if found is not None:
                return found
        return None

    def _nor(self, subject: AnyOperand, first: AnyCondition) -> AnyCondition:
        """Read the rest of "is not below 30 or above 70", which is neither of the two."""
        parts = [first]
        while not self.draft.exact:
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
        if item is None or not item.entry.points or of_line or self.draft.exact:
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
        sign = self.cursor.take(moving.SIGN)
        if sign is None:
            return None
        kind, side = sign
        if self.cursor.take(comparing.CROSSES):  # "MACD bullish crossover"
            if not isinstance(subject, IndicatorRef) or not self.draft.indicators[subject.id].entry.has("signal"):
                return None
            return Cross(left=subject, direction=side, right=subject.model_copy(update={"output": "signal"}))
        if isinstance(subject, Price) or self._is_price(subject):
            return None
        if isinstance(subject, IndicatorRef) and self.draft.indicators[subject.id].entry.bounds is not None:
            return None
        if kind == "cross":
            return Cross(left=subject, direction=side, right=Value(value=0))
        return Compare(left=subject, op=">" if side == "above" else "<", right=Value(value=0))

    def _cross(self, subject: AnyOperand) -> AnyCondition | None:
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

        found = self._right_sides(subject, passed)
        if found is None and (before := self.draft.compared_with(subject)) is not None:
            # "Sell when it crosses below": below what it crossed before.
            self.cursor.reset(mark)
            found = passed(before)
            self.draft.worded += (found,)
            return found
        if found is None:
            return None
        if not verb.startswith("cross"):
            self.draft.worded += _parts(found)
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
        if verb in comparing.BREAKING and self.movements.is_extreme_before(subject, direction, right):
            return Compare(left=subject, op=">" if direction == "above" else "<", right=right)
        return Cross(left=subject, direction=direction, right=right)

    def break_of(self) -> AnyCondition | None:
        """Read "a break of yesterday's high", which is upward as that of a low is downward."""
        cursor = self.cursor
        mark = cursor.mark()
        said = cursor.words(comparing.BREAK_OF)
        right = self.operands.operand() if said else None
        edge = self.movements.edge(right) if right is not None else None
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
        level = self._average_of_length(subject, Value(value=token.value))
        # "EMA 9 crosses above 21 above 50": three averages, of which the second is above the third.
        left = subject if isinstance(level, Value) else found.right
        return All(conditions=[found, Compare(left=left, op=op, right=level)])

    def _plain_cross(self, subject: AnyOperand) -> AnyCondition | None:
        self.cursor.skip_noise()
        start = self.cursor.position
        if not self.cursor.take(comparing.CROSSES):
            return None
        verb = self.cursor.tokens[start].norm if start < len(self.cursor.tokens) else ""
        either, breaks = self.names_no_way(start), verb in comparing.BREAKING
        side = self._distance_side() if breaks else None
        chosen = self.choices.rights(subject)
        how, rights = chosen or ("all", [self._previous_channel(r) for r in self._rights(subject)])
        if not rights:
            return None
        if len(rights) > 1:
            said = self.cursor.words(comparing.WAYS, noise=False)
            way: Literal["above", "below"] = (
                comparing.WAYS[said] if said else "above" if self.draft.rising_side else "below"
            )
            self.draft.pairs += tuple((subject, right, "cross") for right in rights)
            if self._are_cloud(rights):
                self.draft.assume_direction() if not said else None
                return self._through_cloud(subject, way, rights)
            self._assume_at_once() if how == "all" else None
            if said:
                return combined(how, [Cross(left=subject, direction=way, right=right) for right in rights])
            return combined(how, [self._any_way(subject, way, right, either=either) for right in rights])
        extreme = isinstance(rights[0], IndicatorRef) and self.draft.indicators[rights[0].id].entry.is_extreme
        edge = self.movements.edge(rights[0])
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

    def _scale(self, operand: AnyOperand) -> str:
        """Return what an operand can be compared with: prices, volume, or the indicator's own kind."""
        if self._is_price(operand):
            return "price"
        item = self.draft.indicators.get(operand.id) if isinstance(operand, IndicatorRef) else None
        return "volume" if item is None or item.source_name == "Volume" else item.name

    def _rights(self, subject: AnyOperand) -> list[AnyOperand]:
        """Read the right side of a comparison; "the 200" after an average is another average."""
        cursor = self.cursor
        start = cursor.position
        if cursor.words(prices.IT_WAS) and isinstance(subject, Price | IndicatorRef):
            back = self.operands.prices.offset()
            return [] if back is None else [subject.model_copy(update={"offset": subject.offset + back})]
        mark = cursor.mark()
        if self._is_price(subject) and (named := self.operands.indicators.oscillator_and_level()) is not None:
            self._ask_of_level(start, *named)
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
        one = None if self._is_price(subject) else self.operands.operand()
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
            rights = [self._average_of_length(subject, rights[0])]
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

    def _ask_of_level(self, start: int, oscillator: IndicatorRef, level: Value) -> None:
        """Ask about "the price is above RSI 60": no price is compared with an oscillator's level."""
        said = " ".join(t.norm for t in self.cursor.tokens[start : self.cursor.position])
        message = f"A price is compared with {said!r}, which is a level of {oscillator.id}"
        self.draft.problem("error", "price_and_level", "text", message, f"Say: {oscillator.id} above {level.value:g}")
        self.draft.ask(f"What is compared with {said!r}: {oscillator.id} with {level.value:g}, or a price with what?")

    def _average_of_length(self, subject: AnyOperand, right: AnyOperand) -> AnyOperand:
        """Return the average a number behind an average stands for, as the 200 in "SMA(50) > 200", else `right` itself."""
        token = self.cursor.previous()
        plain = token is not None and token.kind == "num" and not token.money and not token.percent
        if not (plain and isinstance(right, Value) and right.value.is_integer() and 2 <= right.value <= MOST_BARS):
            return right
        if not isinstance(subject, IndicatorRef) or self.draft.exact:
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

    def _is_price(self, operand: AnyOperand) -> bool:
        """Whether an operand is a price or an average of prices, which a length can follow."""
        if isinstance(operand, Price):
            return operand.column != "Volume"
        if not isinstance(operand, IndicatorRef):
            return False
        indicator = self.draft.indicators[operand.id]
        return indicator.entry.scale == "price" and indicator.source_name in (None, *PRICE_COLUMNS[:4])

    def _right_sides(self, subject: AnyOperand, make: Callable[[AnyOperand], AnyCondition]) -> AnyCondition | None:
        chosen = self.choices.rights(subject)
        how, rights = chosen or ("all", self._rights(subject))
        if not rights:
            return None
        if how == "all" and len(rights) > 1 and isinstance(first := make(rights[0]), Cross):
            if self._are_cloud(rights):
                return self._through_cloud(subject, first.direction, rights)
            self._assume_at_once()
        if isinstance(subject, Value) and any(isinstance(r, Value) for r in rights):
            return None
        rights = [self._previous_channel(r) for r in rights]
        self.draft.repeat = make
        self.draft.pairs += tuple((subject, r, "cross" if isinstance(make(r), Cross) else "level") for r in rights)
        self.draft.mentions += tuple(r for r in rights if not isinstance(r, Value))
        self.draft.mentions += (subject,)
        return combined(how, [make(r) for r in rights])

    def _are_cloud(self, rights: list[AnyOperand]) -> bool:
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
    def _through_cloud(
        subject: AnyOperand, direction: Literal["above", "below"], edges: list[AnyOperand]
    ) -> AnyCondition:
        """Return "crosses above the cloud": beyond both of its edges now, and not before."""
        op: Operator = ">" if direction == "above" else "<"
        beyond: list[AnyCondition] = [Compare(left=subject, op=op, right=edge) for edge in edges]
        crossed = AnyOf(conditions=[Cross(left=subject, direction=direction, right=edge) for edge in edges])
        return All(conditions=[*beyond, crossed])

    def _assume_at_once(self) -> None:
        self.draft.assume("both", "All are crossed on the same bar", "beyond all of them, whenever each was crossed")

    def _previous_channel(self, right: AnyOperand) -> AnyOperand:
        """A Donchian channel that contains this bar can never be crossed by its close, nor can a share of it above 1."""
        if isinstance(right, Math) and right.op == "*":
            return right.model_copy(update={"right": self._previous_channel(right.right)})
        if (
            isinstance(right, IndicatorRef)
            and not right.offset
            and self.draft.indicators[right.id].entry.extreme == "both"
            and not self.draft.exact
        ):
            return right.model_copy(update={"offset": 1})
        return right

    def _level(self, subject: AnyOperand) -> AnyCondition | None:
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
        if (side := self._distance_side()) is not None:
            said = " ".join(t.norm for t in cursor.tokens[start : cursor.position])
            if any(said in of for of in (comparing.AT_LEAST, comparing.FARTHER, comparing.NEARER)):
                op = MIRRORED.get(op, op) if side == "<" else op  # "> 2 ATR below the SMA" is below the SMA minus 2 ATR
            elif side != op[0] or said in prices.UNDER:
                self._ask_of_distance(said, mark)
        found = self._right_sides(subject, lambda right: Compare(left=subject, op=op, right=right))
        found = found or self._as_before(mark, subject, op)
        if found is None:
            return None
        if sign is not None and sign.kind == "word" and op in ("<", ">"):
            self.draft.worded += _parts(found)
        return self._chained(self._by_percent(self._at_extreme(found)))

    def _at_extreme(self, found: AnyCondition) -> AnyCondition:
        """Return "equals the lowest close of the last 10 days" with this bar among them, as nothing else can be equal."""
        right = found.right if isinstance(found, Compare) and found.op == "==" else None
        item = self.draft.indicators[right.id] if isinstance(right, IndicatorRef) else None
        left = found.left if isinstance(found, Compare) else None
        of = left.column if isinstance(left, Price) else left.id if isinstance(left, IndicatorRef) else ""
        if item is None or not item.entry.is_extreme or item.source_name != of or self.draft.exact:
            return found
        op: Operator = ">=" if item.entry.extreme == "high" else "<="
        return found.model_copy(update={"op": op, "right": IndicatorRef(id=item.id)})

    def _distance_side(self) -> str | None:
        """Return on which side of X the level "2 ATR below X" or "2% above X" is that stands here. Takes nothing."""
        cursor = self.cursor
        mark, token = cursor.mark(), cursor.peek()
        if token is None or token.kind != "num" or self.draft.exact:
            return None
        right = self.operands.term()
        words = [t.norm for t in cursor.tokens[mark.position : cursor.position]]
        cursor.reset(mark)
        if not isinstance(right, Math) or right.op == "/":
            return None
        return next((prices.SIDES[word] for word in words if word in prices.SIDES), None)

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
            named = self.operands.indicators.oscillator_and_level() if op and self._is_price(last.right) else None
            if named is not None:
                self._ask_of_level(start, *named)
            right = named[0] if named else self.operands.operand() if op else None
            if right is None:
                self.cursor.reset(mark)
                break
            parts.append(Compare(left=last.right, op=op, right=self._average_of_length(last.right, right)))
        return joined(parts)

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

    def _between(self, subject: AnyOperand) -> AnyCondition | None:
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
        elif isinstance(low, Value) and share and self._is_price(subject):
            return None  # a price is no percentage
        if isinstance(low, Value) and isinstance(high, Value) and low.value > high.value:
            low, high = high, low
        found = Between(operand=subject, low=low, high=high)
        if self.draft.exact or not (self._moves_freely(low) and self._moves_freely(high)):
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

    def _is_multiple(self, subject: AnyOperand) -> AnyCondition | None:
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


def joined(parts: list[Any]) -> AnyCondition:
    """Join conditions by and; a group that is one already stays a group."""
    found: AnyCondition = parts[0] if len(parts) == 1 else All(conditions=parts)
    return found


def _parts(condition: AnyCondition) -> tuple[AnyCondition, ...]:
    """Return the comparisons that were read of one predicate."""
    inner = condition.condition if isinstance(condition, Not) else condition
    return tuple(inner.conditions) if isinstance(inner, All | AnyOf) else (inner,)
