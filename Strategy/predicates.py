"""The grammar of what is said of a price or an indicator: levels, crosses, movements, extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOperand,
    Between,
    Compare,
    Cross,
    Falling,
    IndicatorRef,
    Math,
    Not,
    Operator,
    Price,
    Rising,
    Value,
)
from Backtest.indicators import PRICE_COLUMNS, REGISTRY
from Strategy.cursor import Cursor, Mark
from Strategy.draft import Draft
from Strategy.operands import MOVING_AVERAGES, Operands

# Which way a line was crossed, said behind it.
_WAYS: dict[str, Literal["above", "below"]] = {
    "from below": "above", "from underneath": "above", "to the upside": "above", "upward": "above", "upwards": "above", "up": "above",
    "from above": "below", "to the downside": "below", "downward": "below", "downwards": "below", "down": "below",
}  # fmt: skip


class Predicates:
    """Reads what is said of a subject.

    `rising_side` says which way an undirected cross goes in this rule. `last` makes the last
    comparison again with another right side, and `last_pair` is what it compared.
    """

    def __init__(self, cursor: Cursor, draft: Draft, operands: Operands) -> None:
        self.cursor = cursor
        self.draft = draft
        self.operands = operands
        self.rising_side = True
        self.last: Callable[[AnyOperand], AnyCondition] | None = None
        self.last_pair: tuple[AnyOperand, AnyOperand] | None = None

    def span(self, category: str, *, need_last: bool = False) -> int | None:
        cursor = self.cursor
        phrase_start = cursor.position
        if not cursor.take(category, noise=False):
            return None
        said = " ".join(t.norm for t in cursor.tokens[phrase_start : cursor.position])
        last = cursor.take("LAST", noise=False)
        if need_last and not (last or "last" in said or "past" in said or said.startswith("within")):
            return None
        cursor.words("at least", "more than", noise=False)
        token = cursor.number(percent=False, noise=False)
        cursor.take("IN_A_ROW", noise=False)
        unit = cursor.take("UNIT", noise=False) if token else None
        if token is None or unit is None or cursor.looking_at("AGO", noise=False):
            return None
        cursor.take("IN_A_ROW", noise=False)
        return min(self.draft.bars(token.value, unit), 500)

    def count_in_a_row(self) -> int | None:
        """Read "3 days in a row"."""
        cursor = self.cursor
        token = cursor.number(percent=False)
        if token is None:
            return None
        row = cursor.take("IN_A_ROW", noise=False)
        unit = cursor.take("UNIT", noise=False)
        row = cursor.take("IN_A_ROW", noise=False) or row
        return min(self.draft.bars(token.value, unit), 500) if unit and row else None

    def several(self, subjects: list[AnyOperand]) -> AnyCondition | None:
        mark = self.cursor.mark()
        first = self.read(subjects[0])
        if first is None or len(subjects) == 1:
            return first
        self.cursor.reset(mark)
        return joined([c for s in subjects if (c := self._again(mark, s)) is not None])

    def _again(self, mark: Mark, subject: AnyOperand) -> AnyCondition | None:
        self.cursor.reset(mark)
        return self.read(subject)

    def read(self, subject: AnyOperand) -> AnyCondition | None:
        """Read what is said of a subject."""
        self.draft.compared = subject
        try:
            return self._said_of(subject)
        finally:
            self.draft.compared = None

    def _said_of(self, subject: AnyOperand) -> AnyCondition | None:
        cursor = self.cursor
        self.draft.subject = subject
        if not isinstance(subject, Value):
            self.draft.mentions.append(subject)
        mark = cursor.mark()
        cursor.skip_noise()
        token = cursor.peek()
        bound = token is not None and token.norm == "no" and cursor.looking_at("ABOVE", noise=False)  # "no more than"
        cursor.reset(mark)
        if not bound and cursor.take("NOT"):
            inner = None if cursor.looking_at("NOT", noise=False) else self.read(subject)
            if inner is not None:
                return Not(condition=inner)
            cursor.reset(mark)
        if cursor.symbol("!=", noise=True):
            right = self.operands.operand()
            if right is not None:
                return Not(condition=Compare(left=subject, op="==", right=right))
            cursor.reset(mark)
        for reader in (
            self._signed, self._turns, self._cross, self._within_percent, self._percent_beyond, self._between, self._level,
            self._extreme, self._percent_move, self._touch, self._reaches_extreme, self._is_extreme, self._plain_cross, self._moves, self._is_multiple,
        ):  # fmt: skip
            found = reader(subject)
            if found is not None:
                return found
            cursor.reset(mark)
        return None

    def _signed(self, subject: AnyOperand) -> AnyCondition | None:
        sign = self.cursor.take("SIGN")
        if sign is None:
            return None
        kind, side = sign
        if self.cursor.take("CROSSES"):  # "MACD bullish crossover"
            if not isinstance(subject, IndicatorRef) or self.draft.indicators[subject.id].name != "MACD":
                return None
            return Cross(left=subject, direction=side, right=subject.model_copy(update={"output": "signal"}))
        if isinstance(subject, IndicatorRef) and self.draft.indicators[subject.id].name == "SUPERTREND":
            direction = subject.model_copy(update={"output": "direction"})
            if kind == "cross":
                return Cross(left=direction, direction=side, right=Value(value=0))
            return Compare(left=direction, op=">" if side == "above" else "<", right=Value(value=0))
        if isinstance(subject, Price):
            return None
        if isinstance(subject, IndicatorRef) and self.draft.indicators[subject.id].entry.bounds is not None:
            return None
        if kind == "cross":
            return Cross(left=subject, direction=side, right=Value(value=0))
        return Compare(left=subject, op=">" if side == "above" else "<", right=Value(value=0))

    def _turns(self, subject: AnyOperand) -> AnyCondition | None:
        way = self.cursor.take("TURNS")
        if way is None or not isinstance(subject, Price | IndicatorRef):
            return None
        before = subject.model_copy(update={"offset": subject.offset + 1})
        two_before = subject.model_copy(update={"offset": subject.offset + 2})
        now_op, then_op = (">", "<=") if way == "up" else ("<", ">=")
        return All(
            conditions=[
                Compare(left=subject, op=now_op, right=before),  # type: ignore[arg-type]
                Compare(left=before, op=then_op, right=two_before),  # type: ignore[arg-type]
            ]
        )

    def _cross(self, subject: AnyOperand) -> AnyCondition | None:
        self.cursor.skip_noise()
        verb = token.norm if (token := self.cursor.peek()) else ""
        if self.cursor.words(
            "moves from", "goes from", "comes from", "rises from", "climbs from", "falls from", "drops from"
        ):
            return self._passes(subject)
        direction = self.cursor.take("CROSS")
        if direction is None:
            return None
        mark = self.cursor.mark()
        found = self._right_sides(subject, lambda right: Cross(left=subject, direction=direction, right=right))
        if found is None and self.last_pair is not None and self.last_pair[0] == subject:
            # "Sell when it crosses below": below what it crossed before.
            self.cursor.reset(mark)
            found = Cross(left=subject, direction=direction, right=self.last_pair[1])
            self.draft.worded.append(found)
            return found
        if found is None:
            return None
        if "cross" not in verb:
            self.draft.worded += list(found.conditions) if isinstance(found, All) else [found]
        self.cursor.words(
            *(("from below", "from underneath") if direction == "above" else ("from above",)), noise=False
        )
        return self._and_level(subject, found)

    def _passes(self, subject: AnyOperand) -> AnyCondition | None:
        """Read the rest of "moves from below -100 to above -100"."""
        start = self.cursor.take("ABOVE")
        before = self.operands.operand() if start in ("<", ">") else None
        end = self.cursor.take("ABOVE") if before is not None and self.cursor.words("to") else None
        after = self.operands.operand() if end in ("<", ">") and end != start else None
        if before is None or after != before:
            return None
        return Cross(left=subject, direction="above" if end == ">" else "below", right=before)

    def _and_level(self, subject: AnyOperand, found: AnyCondition) -> AnyCondition:
        """Read the level in "%K crosses above %D below 20"."""
        if not isinstance(found, Cross) or isinstance(found.right, Value):
            return found
        mark = self.cursor.mark()
        op = self.cursor.take("ABOVE", noise=False)
        token = self.cursor.number() if op else None
        if token is None:
            self.cursor.reset(mark)
            return found
        return All(conditions=[found, Compare(left=subject, op=op, right=Value(value=token.value))])

    def _plain_cross(self, subject: AnyOperand) -> AnyCondition | None:
        start = self.cursor.position
        if not self.cursor.take("CROSSES"):
            return None
        verb = self.cursor.tokens[start].norm if start < len(self.cursor.tokens) else ""
        rights = [self._previous_channel(r) for r in self._rights(subject)]
        if not rights:
            return None
        if verb.startswith("break") and isinstance(rights[0], IndicatorRef):
            name = self.draft.indicators[rights[0].id].name
            if name in ("HIGHEST", "LOWEST"):
                return Cross(left=subject, direction="above" if name == "HIGHEST" else "below", right=rights[0])
        if isinstance(rights[0], Price) and rights[0].column in ("High", "Low"):
            return Cross(left=subject, direction="above" if rights[0].column == "High" else "below", right=rights[0])
        if said := self.cursor.words(*_WAYS, noise=False):
            self.last_pair = (subject, rights[0])
            return Cross(left=subject, direction=_WAYS[said], right=rights[0])
        direction = "above" if self.rising_side else "below"
        self.draft.assume(
            "cross_direction", "A cross without a direction is upward for buying and downward for selling", "any cross"
        )
        self.last = lambda right: Cross(left=subject, direction=direction, right=right)  # type: ignore[arg-type]
        return Cross(left=subject, direction=direction, right=rights[0])  # type: ignore[arg-type]

    def _rights(self, subject: AnyOperand) -> list[AnyOperand]:
        """Read the right side of a comparison; "the 200" after an average is another average."""
        cursor = self.cursor
        start = cursor.position
        if cursor.words("it was", "they were", "it did") and isinstance(subject, Price | IndicatorRef):
            back = self.operands.offset()
            return [] if back is None else [subject.model_copy(update={"offset": subject.offset + back})]
        mark = cursor.mark()
        back = self.operands.offset() if isinstance(subject, Price | IndicatorRef) else None
        if back and isinstance(subject, Price | IndicatorRef):  # "lower than 5 days ago"
            return [subject.model_copy(update={"offset": subject.offset + back})]
        cursor.reset(mark)
        if cursor.words("both of them", "both averages", "both moving averages", "both", noise=False):
            both = list(dict.fromkeys(m.model_dump_json() for m in reversed(self.draft.mentions) if m != subject))
            known = {m.model_dump_json(): m for m in self.draft.mentions}
            if len(both) >= 2:
                return [known[k] for k in both[:2]]
            cursor.position = start
        # "RSI < 50 and 20 SMA > ...": the 50 is a level, not an average's length.
        one = None if self._is_price(subject) else self.operands.operand()
        rights = self.operands.several() if one is None else [one]
        token = cursor.previous()
        if (
            isinstance(subject, Price)
            and token is not None
            and token.percent
            and rights
            and isinstance(rights[0], Value)
        ):
            return []  # a price is no percentage
        if rights == [subject] and cursor.previous_word() in ("it", "they"):
            other = self.draft.mentioned(besides=subject)
            return [] if other is None else [other]
        if len(rights) == 1 and isinstance(rights[0], Value) and isinstance(subject, IndicatorRef):
            name, value = self.draft.indicators[subject.id].name, rights[0].value
            token = cursor.previous()
            plain = token is not None and token.kind == "num" and not token.money and not token.percent
            if (
                "exact" not in self.draft.flags
                and name in MOVING_AVERAGES
                and self.draft.indicators[subject.id].source_name in PRICE_COLUMNS[:4]
                and plain
                and value.is_integer()
                and 2 <= value <= 400
            ):
                mine = self.draft.indicators[subject.id]
                self.draft.assume(
                    "average_of_number",
                    f"The {value:g} that {name}({mine.params['timeperiod']:g}) is compared with is read as {name}({value:g})",
                    f"a price of {value:g}",
                )
                return [
                    self.draft.indicator(
                        name, {"timeperiod": int(value)}, source=mine.source_name, timeframe=mine.timeframe
                    )
                ]
        if not rights:
            cursor.position = start
            if cursor.take("CLOUD"):
                clouds = [i for i in self.draft.indicators.values() if i.name == "ICHIMOKU"]
                base = (
                    IndicatorRef(id=clouds[-1].id, output="senkou_a")
                    if clouds
                    else self.draft.indicator("ICHIMOKU", {}, output="senkou_a")
                )
                return [base, base.model_copy(update={"output": "senkou_b"})]
        elif (
            isinstance(rights[0], IndicatorRef)
            and self.draft.indicators[rights[0].id].name == "ICHIMOKU"
            and rights[0].output == "tenkan"
        ):
            said = {t.norm for t in cursor.tokens[start : cursor.position]}
            if said & {"cloud", "kumo"}:
                return [
                    rights[0].model_copy(update={"output": "senkou_a"}),
                    rights[0].model_copy(update={"output": "senkou_b"}),
                ]
        return rights

    def _is_price(self, operand: AnyOperand) -> bool:
        """Whether an operand is a price or an average of prices, which a length can follow."""
        if isinstance(operand, Price):
            return operand.column != "Volume"
        if not isinstance(operand, IndicatorRef):
            return False
        indicator = self.draft.indicators[operand.id]
        return indicator.entry.scale == "price" and indicator.source_name in (None, *PRICE_COLUMNS[:4])

    def _right_sides(self, subject: AnyOperand, make: Callable[[AnyOperand], AnyCondition]) -> AnyCondition | None:
        rights = self._rights(subject)
        if not rights:
            return None
        if isinstance(subject, Value) and any(isinstance(r, Value) for r in rights):
            return None
        rights = [self._previous_channel(r) for r in rights]
        self.last = make
        self.last_pair = (subject, rights[0])
        self.draft.mentions += [r for r in rights if not isinstance(r, Value)]
        self.draft.mentions.append(subject)
        return joined([make(r) for r in rights])

    def _previous_channel(self, right: AnyOperand) -> AnyOperand:
        """A Donchian channel that contains this bar can never be crossed by its close."""
        if (
            isinstance(right, IndicatorRef)
            and not right.offset
            and self.draft.indicators[right.id].name == "DONCHIAN"
            and "exact" not in self.draft.flags
        ):
            return right.model_copy(update={"offset": 1})
        return right

    def _level(self, subject: AnyOperand) -> AnyCondition | None:
        cursor = self.cursor
        cursor.take("PRICE") if isinstance(subject, Price) and cursor.looking_at(
            "PRICE", noise=True
        ) == "Close" else None
        if isinstance(subject, IndicatorRef):
            cursor.words("closes", "closed", "trades")
        op = cursor.take("ABOVE")
        if (
            op is None
            and isinstance(subject, Price)
            and subject.column == "Open"
            and cursor.words("gaps", "opens", "is")
        ):
            op = cursor.take("ABOVE")
        if op is None:
            mark = cursor.mark()
            found = self._number_or_more(subject)
            if found is None:
                cursor.reset(mark)
            return found
        mark, sign = cursor.mark(), cursor.previous()
        found = self._right_sides(subject, lambda right: Compare(left=subject, op=op, right=right))
        found = found or self._as_before(mark, subject, op)
        if found is None:
            return None
        if sign is not None and sign.kind == "word" and op in ("<", ">"):
            self.draft.worded += list(found.conditions) if isinstance(found, All) else [found]
        return self._chained(self._by_percent(found))

    def _as_before(self, mark: Mark, subject: AnyOperand, op: Operator) -> AnyCondition | None:
        """Read "sell when it is below": below what it was compared with before."""
        self.cursor.reset(mark)
        follows = self.cursor.peek()
        ends = follows is None or follows.kind == "nl" or follows.norm in (",", ".", ";", "and", "or", ")")
        if not ends or self.last_pair is None or self.last_pair[0] != subject:
            return None
        return Compare(left=subject, op=op, right=self.last_pair[1])

    def _chained(self, found: AnyCondition) -> AnyCondition:
        """Read the rest of "EMA(8) > EMA(21) > EMA(55)"."""
        parts = [found]
        while isinstance(last := parts[-1], Compare) and not isinstance(last.right, Value):
            mark = self.cursor.mark()
            sign = self.cursor.symbol("<", ">", "<=", ">=")
            right = self.operands.operand() if sign else None
            if right is None:
                self.cursor.reset(mark)
                break
            parts.append(Compare(left=last.right, op=sign, right=right))  # type: ignore[arg-type]
        return joined(parts)

    def _number_or_more(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "RSI 30 or below", "ADX of 25 or higher"."""
        cursor = self.cursor
        cursor.words("of", "at", noise=False)
        token = cursor.number()
        words = (
            cursor.words("or below", "or lower", "or less", "or under", "or above", "or higher", "or more", "or over")
            if token
            else None
        )
        if token is None or words is None:
            return None
        op = "<=" if words.split()[1] in ("below", "lower", "less", "under") else ">="
        return Compare(left=subject, op=op, right=Value(value=token.value))  # type: ignore[arg-type]

    def _by_percent(self, found: AnyCondition) -> AnyCondition:
        """Read "... by 2%" or "by more than 2%" behind a comparison."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words("by at least", "by more than", "by", noise=False) and isinstance(found, Compare):
            token = cursor.number(percent=True)
            if token is not None:
                sign = 1 if found.op in (">", ">=") else -1
                factor = round(1 + sign * token.value / 100, 10)
                return Compare(
                    left=found.left, op=found.op, right=Math(left=Value(value=factor), op="*", right=found.right)
                )
        cursor.reset(mark)
        return found

    def _percent_beyond(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "[at least] 2% below X", "pulls back 5% from its 20-day high", "drops 3% below X"."""
        cursor = self.cursor
        moved = cursor.words(
            "pulls back", "pull back", "pulled back", "retraces", "retraced", "drops", "falls", "drop", "fall", "dips", "rises", "declines", "fell", "dropped",
            "fallen", "bounces", "is down", "down", "is up", "up", "rallies", "corrects", "sells off", "trades", "rallied", "closes", "rise",
        )  # fmt: skip
        cursor.words("by", noise=False)
        bound = cursor.words("at least", "more than", "over")
        within = not bound and cursor.words("up to", "at most", "no more than", "less than", "not more than")
        token = cursor.number(percent=True)
        if token is None:
            return None
        cursor.words("or more", "or greater")
        where = cursor.words(
            "below",
            "under",
            "from",
            "off",
            "above",
            "over",
            "away from",
            "off of",
            "higher than",
            "lower than",
            "beneath",
        )
        if where is None:
            return None
        base = self.operands.term()
        if base == subject:
            base = self.draft.mentioned(besides=subject)
        if base is None or isinstance(base, Value):
            return None
        up = where in ("above", "over", "higher than") or (
            where == "from" and moved in ("is up", "up", "rises", "bounces", "rallies", "rallied", "rise")
        )
        factor = round(1 + (token.value if up else -token.value) / 100, 10)
        level = Math(left=Value(value=factor), op="*", right=base)
        self.draft.mentions.append(base)
        if within:
            self.draft.assume("within", f"{within} {token.value:g}% {where} it is between the two levels", "beyond")
            return Between(operand=subject, low=base if up else level, high=level if up else base)
        if moved in ("drops", "falls", "dips", "drop", "fall") and where in ("below", "under"):
            return Cross(left=subject, direction="below", right=level)
        op = (">" if up else "<") + (
            ""
            if bound in ("more than", "over") or (bound is None and where in ("below", "above", "under", "over"))
            else "="
        )
        return Compare(left=subject, op=op, right=level)  # type: ignore[arg-type]

    def _within_percent(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "within 2% of the SMA(50)"."""
        if not self.cursor.words("within"):
            return None
        token = self.cursor.number(percent=True)
        if token is None or not self.cursor.words("of", "from"):
            return None
        base = self.operands.term()
        if base is None:
            return None
        low, high = (Math(left=Value(value=round(1 + s * token.value / 100, 10)), op="*", right=base) for s in (-1, 1))
        return Between(operand=subject, low=low, high=high)

    def _between(self, subject: AnyOperand) -> AnyCondition | None:
        if not self.cursor.take("BETWEEN"):
            return None
        low = self.operands.operand()
        if low is None or not self.cursor.words("and", "to", "-"):
            return None
        high = self.operands.operand()
        if high is None:
            return None
        if isinstance(low, Value) and isinstance(high, Value) and low.value > high.value:
            low, high = high, low
        return Between(operand=subject, low=low, high=high)

    def _extreme(self, subject: AnyOperand) -> AnyCondition | None:
        extreme = self.cursor.take("EXTREME")
        return self.extreme_level(subject, extreme) if extreme else None

    def extreme_level(self, subject: AnyOperand, extreme: str) -> AnyCondition | None:
        if not isinstance(subject, IndicatorRef):
            return None
        entry = self.draft.indicators[subject.id].entry
        if entry.levels is None:
            return None
        level = entry.levels[0] if extreme == "oversold" else entry.levels[1]
        mark = self.cursor.mark()
        self.cursor.symbol("(")
        given = self.cursor.take("ABOVE")
        token = self.cursor.number()
        if token is not None and (given or self.cursor.previous()):
            self.cursor.symbol(")")
            level = token.value
        else:
            self.cursor.reset(mark)
            self.draft.assume(extreme, f"{entry.name} is {extreme} at {level:g}", field="entry_rules")
        return Compare(left=subject, op="<" if extreme == "oversold" else ">", right=Value(value=level))

    def _moves(self, subject: AnyOperand) -> AnyCondition | None:
        cursor = self.cursor
        cursor.take("PRICE") if isinstance(subject, Price) and cursor.looking_at(
            "PRICE", noise=True
        ) == "Close" else None
        way = cursor.take("RISING")
        if way is None:
            return None
        mark = cursor.mark()
        bars = self.span("FOR")
        if bars is None:
            cursor.reset(mark)
            bars = self.count_in_a_row()
        if bars is None:
            cursor.reset(mark)
            if cursor.words(
                "from yesterday",
                "than yesterday",
                "than the previous close",
                "than the previous bar",
                "today",
                "than the day before",
                "from the previous bar",
            ):
                bars = 1
            elif cursor.words("than", noise=False):
                cursor.reset(mark)
                return None
        return self.direction(subject, way, bars or 1)

    @staticmethod
    def direction(subject: AnyOperand, way: str, bars: int) -> AnyCondition:
        return Rising(operand=subject, bars=bars) if way == "rising" else Falling(operand=subject, bars=bars)

    def _percent_move(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "is up 3% over 5 days", "drops 5% in 3 days", "gains more than 2% today"."""
        cursor = self.cursor
        way = cursor.take("RISING") or {
            "gains": "rising",
            "gained": "rising",
            "lost": "falling",
            "gain": "rising",
            "rallies": "rising",
            "loses": "falling",
            "jumps": "rising",
            "adds": "rising",
        }.get(cursor.words("gains", "gained", "lost", "gain", "rallies", "loses", "jumps", "adds") or "")
        if way is None or not isinstance(subject, Price | IndicatorRef):
            return None
        cursor.words("by", noise=False)
        bound = cursor.words("at least", "more than", "over")
        token = cursor.number(percent=True)
        if token is None:
            return None
        cursor.words("or more")
        bars = 1
        mark = cursor.mark()
        if cursor.words(
            "over the last",
            "in the last",
            "over the past",
            "over",
            "in the past",
            "in",
            "within",
            "within the last",
            "during the last",
            "from",
            "for the last",
        ):
            cursor.words("a", noise=False)
            span = cursor.number(percent=False)
            unit = cursor.take("UNIT", noise=False)
            if unit is None:
                cursor.reset(mark)
                if not cursor.words(
                    "from yesterday",
                    "from the previous close",
                    "in a day",
                    "from yesterday's close",
                    "from the prior close",
                    "from previous close",
                    "in one day",
                    "in a single day",
                ):
                    cursor.reset(mark)
                    return None
            else:
                bars = self.draft.bars(span.value if span else 1, unit)
                cursor.take("AGO", noise=False)
        else:
            cursor.words("today", "on the day", "in a day", "on the bar")
        before = subject.model_copy(update={"offset": subject.offset + bars})
        sign = 1 if way == "rising" else -1
        level = Math(left=Value(value=round(1 + sign * token.value / 100, 10)), op="*", right=before)
        op = (">" if sign > 0 else "<") + ("" if bound in ("more than", "over") else "=")
        return Compare(left=subject, op=op, right=level)  # type: ignore[arg-type]

    def touch(self) -> AnyCondition | None:
        """Read the level of "exit at the middle band"."""
        mark = self.cursor.mark()
        found = self._touched(Price(column="Close"))
        if not isinstance(found, Compare) or isinstance(found.right, Value):
            self.cursor.reset(mark)
            return None
        return found

    def _touch(self, subject: AnyOperand) -> AnyCondition | None:
        return self._touched(subject) if self.cursor.take("TOUCHES") else None

    def _touched(self, subject: AnyOperand) -> AnyCondition | None:
        right = self.operands.operand()
        if right is None:
            return None
        lower = self._is_lower(right)
        if isinstance(subject, IndicatorRef) or isinstance(right, Value):
            if isinstance(subject, IndicatorRef) and isinstance(right, Value):
                entry = REGISTRY[self.draft.indicators[subject.id].name]
                middle = sum(entry.bounds) / 2 if entry.bounds else 0.0
                lower = right.value < middle
                return Compare(left=subject, op="<=" if lower else ">=", right=right)
            return None
        if isinstance(right, IndicatorRef) and self.draft.indicators[right.id].name in ("HIGHEST", "LOWEST"):
            return self.beyond(Price(column="Close"), right)
        side = Price(column="Low" if lower else "High")
        word = "low" if lower else "high"
        self.draft.assume("touch", f"A touch is the bar's {word} at or beyond the level", "the close at or beyond it")
        return Compare(left=side, op="<=" if lower else ">=", right=right)

    def _is_lower(self, right: AnyOperand) -> bool:
        if isinstance(right, IndicatorRef):
            if right.output in ("lower", "upper"):
                return right.output == "lower"
            return self.draft.indicators[right.id].name == "LOWEST" or self.rising_side
        return self.rising_side

    def _reaches_extreme(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "makes a new 20-day high", "is at its 52-week low"."""
        cursor = self.cursor
        pronoun = cursor.previous_word() == "it"
        cursor.words("closes", "close", "trades", "prints")
        if not cursor.take("NEW"):
            return None
        level = self.operands.highest_or_lowest()
        if level is None:
            return None
        if pronoun and not isinstance(subject, Price):
            self.draft.assume("pronoun", "What makes a new high or low is the price", "the indicator before it")
            subject = Price(column="Close")
        return self.beyond(subject, self._of_its_own(subject, level))

    def _is_extreme(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "is the lowest close of the last 5 days": this bar is among the bars counted."""
        cursor = self.cursor
        kind = cursor.words("the highest", "the lowest", "highest", "lowest", "at the highest", "at the lowest")
        if kind is None or not isinstance(subject, Price | IndicatorRef) or subject.offset:
            return None
        cursor.words(
            "close", "closing price", "value", "level", "volume", "high", "low", "point", "reading", noise=False
        )
        if not cursor.words(
            "of the last",
            "of the past",
            "in the last",
            "in the past",
            "over the last",
            "over the past",
            "in",
            "of",
            "for",
            "over",
            noise=False,
        ):
            return None
        token = cursor.number(percent=False)
        unit = cursor.take("UNIT", noise=False) if token else None
        if token is None or unit is None or (isinstance(subject, IndicatorRef) and subject.output):
            return None
        high = kind.endswith("highest")
        source = subject.column if isinstance(subject, Price) else subject.id
        bars = self.draft.bars(token.value, unit)
        level = self.draft.indicator("HIGHEST" if high else "LOWEST", {"timeperiod": bars}, source=source)
        return Compare(left=subject, op=">=" if high else "<=", right=level)

    def _of_its_own(self, subject: AnyOperand, level: AnyOperand) -> AnyOperand:
        """Return the highest or lowest of volume or of an indicator in place of the price's."""
        if isinstance(subject, Price) and subject.column == "Volume":
            source = "Volume"
        elif isinstance(subject, IndicatorRef) and subject.output is None:
            source = subject.id
        else:
            return level
        if not isinstance(level, IndicatorRef):
            return subject.model_copy(update={"offset": subject.offset + 1})
        extreme = self.draft.indicators[level.id]
        own = self.draft.indicator(extreme.name, dict(extreme.params), source=source)
        return own.model_copy(update={"offset": level.offset})

    def _is_multiple(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "volume is twice its average"."""
        right = self.operands.multiple()
        if right is None:
            return None
        self.draft.assume("multiple", "A multiple of something means at least that multiple", "more than it")
        return Compare(left=subject, op=">=", right=right)

    def beyond(self, subject: AnyOperand, level: AnyOperand) -> AnyCondition:
        """A new high is a close above the level of the bars before it, a new low a close below."""
        high = True
        if isinstance(level, IndicatorRef):
            high = self.draft.indicators[level.id].name == "HIGHEST"
        word = "high" if high else "low"
        self.draft.assume(
            "new_extreme", f"A new {word} is a close beyond the previous {word}", "a touch within the bar"
        )
        return Compare(left=subject, op=">" if high else "<", right=level)

    def undirected(self, left: AnyOperand, right: AnyOperand) -> AnyCondition:
        fast_first = self._period(left) <= self._period(right)
        direction = "above" if self.rising_side == fast_first else "below"
        self.draft.assume(
            "cross_direction", "A cross without a direction is upward for buying and downward for selling", "any cross"
        )
        return Cross(left=left, direction=direction, right=right)  # type: ignore[arg-type]

    def _period(self, operand: AnyOperand) -> float:
        if isinstance(operand, IndicatorRef):
            item = self.draft.indicators[operand.id]
            return float(next(iter(item.params.values()), 0)) if item.name in MOVING_AVERAGES else 0
        return 0


def joined(parts: list[Any]) -> AnyCondition:
    """Join conditions by and; a group that is one already stays a group."""
    found: AnyCondition = parts[0] if len(parts) == 1 else All(conditions=parts)
    return found
