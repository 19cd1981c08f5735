"""The grammar of comparisons: what is compared, named or left out, and on which time frame."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import AnyCondition, AnyOperand, Compare, Cross, IndicatorRef, Math, Price, Value
from Backtest.indicators import REGISTRY
from Backtest.market import in_words
from Strategy.reading.conditions.chart_frames import on_frame
from Strategy.reading.conditions.predicates import Predicates
from Strategy.reading.conditions.pronouns import Pronouns
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.operands import Operands
from Strategy.words import comparing, indicator_words, joins, moving, small


@dataclass(eq=False)
class Comparisons(Grammar):
    """Reads comparisons. A method returns None where there is none."""

    operands: Operands
    predicates: Predicates

    def __post_init__(self) -> None:
        self.pronouns = Pronouns(self.cursor, self.draft, self.predicates.read)
        self.elliptic = True  # whether a condition may leave out what an earlier one named

    def same(self) -> AnyCondition | None:
        """Read a bare value after "and": "above the SMA(50) and SMA(200)"."""
        if self.draft.repeat is None:
            return None
        mark = self.cursor.mark()
        self.draft.frame_behind = None
        operand = self.operands.operand()
        pronoun = self.cursor.previous_word() in small.PRONOUNS
        if operand is None or pronoun or isinstance(operand, Value) or self._starts_predicate():
            self.cursor.reset(mark)
            return None
        found = self.draft.repeat(operand)
        if isinstance(found, Compare | Cross) and self.predicates.units.unlike(found.left, operand):
            self.cursor.reset(mark)  # "RSI < 30 while the market has legs": nothing is below the market
            return None
        if isinstance(found, Compare | Cross):
            self.draft.beside += ((found.left, operand),)
        return found

    def _says(self) -> bool:
        """Whether something is said here of what was named: "are falling", "is below 30"."""
        mark = self.cursor.mark()
        self.cursor.words(small.ARE, small.IS, noise=False)
        said = (
            self._starts_predicate()
            or self.cursor.looking_at(moving.TREND_FLIP, moving.TREND_STATE, moving.TOUCHES) is not None
        )
        self.cursor.reset(mark)
        return said

    def _starts_predicate(self) -> bool:
        return bool(
            self.cursor.looking_at(
                comparing.ABOVE,
                comparing.CROSS,
                comparing.CROSSES,
                comparing.BETWEEN,
                moving.RISING,
                moving.EXTREME,
                moving.SIGN,
                moving.TURNS,
            )
        )

    def named_cross(self) -> AnyCondition | None:
        """Read "golden cross", "death cross of 20/50 EMA"; without numbers it is of SMA 50 and SMA 200."""
        name = self.cursor.take(comparing.NAMED_CROSS)
        if name is None:
            return None
        self.cursor.words(moving.CROSS_HAPPENS)
        mark = self.cursor.mark()
        self.cursor.symbol("(")
        numbers = self.operands.lengths.numbers()
        self.cursor.symbol(")")
        kind = self.cursor.take(indicator_words.INDICATOR) if len(numbers) == 2 else None
        average = kind or indicator_words.PLAIN_AVERAGE
        if len(numbers) != 2:
            self.cursor.reset(mark)
            numbers = [50, 200]
            self.draft.assume(
                "golden_cross",
                f"A {name} cross is {average} 50 {'over' if name == 'golden' else 'under'} {average} 200",
                field="entry_rules",
            )
        fast = self.draft.indicator(average, {"timeperiod": int(min(numbers))})
        slow = self.draft.indicator(average, {"timeperiod": int(max(numbers))})
        return Cross(left=fast, direction="above" if name == "golden" else "below", right=slow)

    def condition(self) -> AnyCondition | None:
        """Read a comparison and the time frame before or behind it, which is that of all its indicators without one."""
        draft = self.draft
        draft.frame_behind, since = None, len(draft.pairs)
        leading = self.operands.frames.leading()
        found = self._comparison()
        if found is None:
            return found
        if leading is not None:
            if self.cursor.looking_at(joins.AND, noise=False):
                chart = in_words(leading)
                text = f"The {chart} chart is that of the first condition only, not of what follows 'and'"
                draft.assume("frames", text, f"all of them on {chart} bars")
            return on_frame(draft, found, leading, since)
        behind = draft.frame_behind
        if behind is not None and behind[0] > draft.predicate_at:
            return on_frame(draft, found, behind[1], since)
        mark = self.cursor.mark()
        frame = self.operands.frames.trailing(bare=True)
        moved = on_frame(draft, found, frame, since) if frame is not None else None
        if moved is None:
            self.cursor.reset(mark)
        return moved or found

    def _comparison(self) -> AnyCondition | None:
        """Read a comparison by its subject: several things, a pronoun, an average without a name, or an operand."""
        cursor, draft = self.cursor, self.draft
        mark = cursor.mark()
        subject_before = draft.subject
        if (chosen := self.predicates.choices.subjects(self._says)) is not None:
            if (found := self.predicates.several(chosen[1], chosen[0])) is not None:
                return found
            cursor.reset(mark)
        if (level := self.predicates.of_named_level()) is not None:
            return level
        cursor.reset(mark)
        if cursor.words(small.THEY, noise=False) and (found := self.pronouns.of_they()) is not None:
            return found
        cursor.reset(mark)
        if cursor.words(small.IT, small.IT_S) and (found := self.pronouns.of_it()) is not None:
            return found
        cursor.reset(mark)
        if (average := self.predicates.bare_average()) is not None:
            return average
        cursor.reset(mark)
        subjects = self.operands.several()
        if subjects:
            found = self._both_cross(subjects) or self.predicates.several(subjects)
            if found is not None:
                return found
            draft.subject = subject_before
            cursor.reset(mark)
            if (reversed_ := self._word_before()) is not None:
                return reversed_
            cursor.reset(mark)
        elif (reversed_ := self._word_before()) is not None:
            return reversed_
        cursor.reset(mark)
        if draft.subject is not None or (
            self.elliptic and (draft.mentions or cursor.looking_at(comparing.ABOVE, noise=False))
        ):
            found = self.pronouns.of_it()
            if found is not None:
                return found
        cursor.reset(mark)
        if (pullback := self._pullback()) is not None:
            return pullback
        cursor.reset(mark)
        if (cross := self._cross_without_subject()) is not None:
            return cross
        cursor.reset(mark)
        return None

    def _pullback(self) -> AnyCondition | None:
        """Read "a 5% pullback from the 20-day high"."""
        cursor = self.cursor
        token = cursor.number(percent=True)
        if token is None or not cursor.words(moving.PULLBACKS, noise=False) or not cursor.words(comparing.OFF):
            return None
        base = self.operands.term()
        if base is None or isinstance(base, Value):
            return None
        level = Math(left=Value(value=round(1 - token.value / 100, 10)), op="*", right=base)
        return Compare(left=Price(column="Close"), op="<=", right=level)

    def _word_before(self) -> AnyCondition | None:
        """Read "oversold RSI", "rising volume", "a falling ADX"."""
        cursor = self.cursor
        mark = cursor.mark()
        extreme = cursor.take(moving.EXTREME)
        direction = None if extreme else cursor.take(moving.RISING)
        if extreme or direction:
            side = self.cursor.previous_word() in moving.LOWER  # "the lower Bollinger band" is no band that falls
            operand = self.operands.term()
            channel = isinstance(operand, IndicatorRef) and operand.output in ("upper", "middle", "lower")
            if operand is not None and not isinstance(operand, Value) and not (side and channel):
                self.draft.subject = operand
                return (
                    self.predicates.movements.extreme_level(operand, extreme)
                    if extreme
                    else self.predicates.movements.direction(operand, str(direction), 1)
                )
        cursor.reset(mark)
        return None

    def _cross_without_subject(self) -> AnyCondition | None:
        """Read "a cross above the 50 SMA" and "crossover of the 10 and 20 EMA"."""
        cursor = self.cursor
        if (broken := self.predicates.crosses.break_of()) is not None:
            return broken
        cursor.skip_noise()
        verb = token.norm if (token := cursor.peek()) else ""
        direction = cursor.take(comparing.CROSS)
        if direction is not None:
            right = self.operands.operand()
            if right is None or isinstance(right, Value):
                return None
            close = Price(column="Close")
            found = self.predicates.crosses.passed(close, direction, right, verb)
            self.draft.subject = close
            self.draft.worded += (found,) if isinstance(found, Compare) else ()
            self.draft.pairs += ((close, right, "cross" if isinstance(found, Cross) else "level"),)
            self.draft.mentions += (right, close)
            return found
        if (word := cursor.take(moving.BULL_OR_BEAR)) is not None or cursor.looking_at(comparing.CROSSES):
            if word:
                self.draft.rising_side, before = word == "up", self.draft.rising_side
            else:
                before = self.draft.rising_side
            try:
                mark = cursor.mark()
                name = cursor.take(indicator_words.SIGNALLED)
                if name is not None and cursor.take(comparing.CROSSES):
                    return self._signal_cross(name)
                cursor.reset(mark)
                start = cursor.position
                if cursor.take(comparing.CROSSES):
                    either = not word and self.predicates.crosses.names_no_way(start)
                    cursor.words(small.OF, small.BETWEEN, small.ON, small.IN)
                    if (name := cursor.take(indicator_words.SIGNALLED)) is not None:
                        return self._signal_cross(name)
                    pair = self.operands.several()
                    if len(pair) == 1 and cursor.words(small.AND, small.WITH, small.OVER):
                        pair += self.operands.several()
                    if len(pair) == 2:
                        return self.predicates.crosses.undirected(pair[0], pair[1], either=either)
            finally:
                self.draft.rising_side = before
        return None

    def _signal_cross(self, name: str) -> AnyCondition:
        """Return what "a bullish MACD crossover" is: the line crosses its signal line."""
        line = self.draft.indicator(name, {})
        self.draft.assume_usual(REGISTRY[name], {})
        text = f"A {name} crossover is the {name} line crossing its signal line"
        self.draft.assume("macd_cross", text, "the zero line", "entry_rules")
        return self.predicates.crosses.undirected(line, line.model_copy(update={"output": "signal"}))

    def _both_cross(self, subjects: list[AnyOperand]) -> AnyCondition | None:
        """Read "the 10 and 20 EMA cross", "SMA 10 and SMA 20 cross", "10/20 EMA crossover"."""
        cursor = self.cursor
        mark = cursor.mark()
        if len(subjects) == 1 and cursor.words(small.AND, small.SLASH):
            subjects = [*subjects, *self.operands.several()]
        if len(subjects) == 2 and cursor.words(comparing.CROSSUNDER, noise=False):
            return Cross(left=subjects[0], direction="below", right=subjects[1])
        start = cursor.position
        if len(subjects) == 2 and cursor.take(comparing.CROSSES) and not cursor.looking_at(comparing.ABOVE):
            either, after = self.predicates.crosses.names_no_way(start), cursor.mark()
            if cursor.looking_at(indicator_words.INDICATOR):
                cursor.reset(after)
                cursor.reset(mark)
                return None
            direction = cursor.take(moving.CROSS_WAYS)
            if direction:
                return Cross(left=subjects[0], direction=direction, right=subjects[1])
            return self.predicates.crosses.undirected(subjects[0], subjects[1], either=either)
        cursor.reset(mark)
        return None
