"""The grammar of touches: "touches the lower band", "bounces off the SMA(50)", "reaches 70"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import All, AnyCondition, AnyOperand, Compare, Cross, IndicatorRef, Math, Price, Value
from Backtest.indicators import REGISTRY
from Strategy.reading.conditions.extreme_grammar import Extremes
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.values.operands import Operands
from Strategy.words import moving


@dataclass(eq=False)
class Touches(Grammar):
    """Reads touches of a level. A method returns None where there is none."""

    operands: Operands
    extremes: Extremes

    def level_reached(self) -> AnyCondition | None:
        """Read the level of "sell at RSI 70"."""
        named = self.operands.indicators.oscillator_and_level()
        return None if named is None else self._reached(*named)

    def touch(self) -> AnyCondition | None:
        """Read the level of "exit at the middle band"."""
        mark = self.cursor.mark()
        found = self._touched(Price(column="Close"))
        if not isinstance(found, Compare) or isinstance(found.right, Value):
            self.cursor.reset(mark)
            return None
        return found

    def touch_of_line(self) -> AnyCondition | None:
        """Read the line of "take profit at the middle band": an indicator that lies among the prices."""
        mark = self.cursor.mark()
        found = self.touch()
        right = found.right if isinstance(found, Compare) else None
        item = self.draft.indicators[right.id] if isinstance(right, IndicatorRef) else None
        if item is None or item.entry.scale != "price" or item.entry.of_bar_before:
            self.cursor.reset(mark)
            return None
        return found

    def touch_of_entry(self) -> AnyCondition | None:
        """Read the band of "buy at the lower band"; ask from which side the price is to reach a line that has no outer side."""
        start = self.cursor.position
        found = self.touch_of_line()
        right = found.right if isinstance(found, Compare) else None
        if not isinstance(right, IndicatorRef) or right.output in ("lower", "upper"):
            return found
        if self.draft.indicators[right.id].entry.is_extreme:
            return found
        self._ask_of_side(start)
        return found

    def _ask_of_side(self, start: int) -> None:
        said = " ".join(t.norm + "%" * t.percent for t in self.cursor.tokens[start : self.cursor.position])
        said = said.removeprefix("the ").replace(" ( ", "(").replace(" )", ")")
        message = f"'At the {said}' does not say from which side the price reaches it"
        self.draft.problem("error", "side_of_line", "text", message, f"Say: when the price crosses above the {said}")
        choices = "from above (the low touches it), from below (the high touches it), or a cross"
        self.draft.ask(f"How shall the price reach the {said}: {choices}?")

    def touched_level(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "touches the lower band", "bounces off SMA(50)"."""
        if self.cursor.take(moving.BOUNCES):
            return self._bounced(subject)
        if not self.cursor.take(moving.TOUCHES):
            return None
        return self._touched(subject, new=self.cursor.previous_word() not in moving.TOUCHING)

    def _bounced(self, subject: AnyOperand) -> AnyCondition | None:
        """Read "bounces off the SMA(50)": on one bar the low is at or below it and the close above; mirrored off a line above."""
        start = self.cursor.position
        level = self.operands.operand()
        if level is None:
            return None
        if isinstance(subject, IndicatorRef) or isinstance(level, Value):
            said = " ".join(t.norm for t in self.cursor.tokens[start : self.cursor.position])
            message = f"'Bounces off {said}' does not say how it gets there and away again"
            remedy = f"Say: falls below {said} and then crosses above {said} within 3 bars"
            self.draft.problem("error", "bounce", "text", message, remedy)
            self.draft.ask(
                f"What is 'bounces off {said}': a cross above it, or a fall to it and a rise within how many bars?"
            )
            return Cross(left=subject, direction="above", right=level)
        lower = self._is_lower(level)
        near, beyond, away = ("low", "at or below", "above") if lower else ("high", "at or above", "below")
        text = f"A bounce off a level is one bar with its {near} {beyond} the level and its close {away} it"
        self.draft.assume("bounce", text, "a touch on one bar, the bounce on a later one")
        touch = Compare(left=Price(column="Low" if lower else "High"), op="<=" if lower else ">=", right=level)
        return All(conditions=[touch, Compare(left=Price(column="Close"), op=">" if lower else "<", right=level)])

    def _touched(self, subject: AnyOperand, *, new: bool = True) -> AnyCondition | None:
        """Read the level of a touch; where `new`, that of a high or low of several bars is a new one: "hits the 20-day low"."""
        start = self.cursor.position
        right = self.operands.operand()
        if right is None:
            return None
        lower = self._is_lower(right)
        share = right.left if isinstance(right, Math) and right.op == "*" else None
        of_both = self.draft.exit_rule and len({side for side, _ in self.draft.entries}) == 2
        unclear = isinstance(share, Value) and (of_both or lower == (share.value > 1))
        if unclear:
            self._ask_of_side(start)  # "reaches the SMA(50) plus 2%" to buy, which may be from below as well
        if isinstance(subject, IndicatorRef) or isinstance(right, Value):
            if isinstance(subject, IndicatorRef) and isinstance(right, Value):
                return self._reached(subject, right)
            return None
        if new and isinstance(right, IndicatorRef) and self.draft.indicators[right.id].entry.is_extreme:
            return self.extremes.beyond(Price(column="Close"), right)
        side = Price(column="Low" if lower else "High")
        word = "low" if lower else "high"
        self.draft.assume("touch", f"A touch is the bar's {word} at or beyond the level", "the close at or beyond it")
        return Compare(left=side, op="<=" if lower else ">=", right=right)

    def _reached(self, subject: IndicatorRef, level: Value) -> AnyCondition:
        """Return the condition of a level that is reached from the middle of an indicator's range."""
        entry = REGISTRY[self.draft.indicators[subject.id].name]
        middle = sum(entry.bounds) / 2 if entry.bounds else 0.0
        lower = level.value < middle or (level.value == middle and self.draft.rising_side)
        return Compare(left=subject, op="<=" if lower else ">=", right=level)

    def _is_lower(self, right: AnyOperand) -> bool:
        """Whether a level is reached from above: the lower band, a support, a low; of others that to buy."""
        side = (right.output or "").partition("_")[0] if isinstance(right, IndicatorRef) else ""
        if side in ("lower", "support", "upper", "resistance"):
            return side in ("lower", "support")
        edge = self.extremes.edge(right)
        return self.draft.rising_side if edge is None else edge == "Low"
