"""The grammar of what an exit asks of the open position: how long it is held, and what it gained."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import MIRRORED, AnyCondition, BarsHeld, UnrealizedReturn
from Strategy.reading.conditions.price_moves import PriceMoves
from Strategy.reading.text.grammar import Grammar
from Strategy.words import comparing, durations, small, spans


@dataclass(eq=False)
class OpenPosition(Grammar):
    """Reads conditions on the open position. A method returns None where there is none."""

    def __post_init__(self) -> None:
        self.moves = PriceMoves(self.cursor, self.draft)

    def condition(self) -> AnyCondition | None:
        """Read what exits ask of the open trade: age and return."""
        cursor = self.cursor
        if cursor.take(durations.HELD):
            op = cursor.take(comparing.ABOVE)
            token = cursor.number(percent=False) if op else None
            return BarsHeld(op=op, bars=int(token.value)) if token else None
        if (op := cursor.words(durations.OLDER_THAN)) is not None:
            token = cursor.number(percent=False)
            unit = cursor.take(spans.UNIT, noise=False) if token else None
            return BarsHeld(op=">", bars=self.draft.bars(token.value, unit)) if token and unit else None
        loss = cursor.take(durations.UNREALIZED_LOSS)
        if loss or cursor.take(durations.UNREALIZED):
            op = cursor.take(comparing.ABOVE)
            token = cursor.number() if op else None
            if token is None or op == "==":
                return None
            if loss:
                return UnrealizedReturn(op=MIRRORED[op], percent=-token.value)
            return UnrealizedReturn(op=op, percent=token.value)
        if not self.draft.exit_rule:
            return None
        if (moved := self.moves.at_close(rising=self.draft.rising_side)) is not None:
            return moved
        mark = cursor.mark()
        cursor.words(small.AFTER, small.FOR, noise=False)
        cursor.words(durations.HELD_FOR, noise=False)
        if cursor.position > mark.position and (token := cursor.number(percent=False, noise=False)):
            unit = cursor.take(spans.UNIT, noise=False)
            if unit and not cursor.looking_at(spans.AGO, spans.IN_A_ROW, noise=False):
                cursor.words(durations.IN_TRADE_TAIL, noise=False)
                return BarsHeld(op=">=", bars=self.draft.bars(token.value, unit))
        cursor.reset(mark)
        return None
