"""The grammar of exits on a move since the entry: "the price drops 5%", "it gains 5% or loses 2%"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from Backtest.canonical import Operator, Side, UnrealizedReturn
from Strategy.reading.text.draft import Draft, PriceMove
from Strategy.reading.text.grammar import Grammar
from Strategy.words import comparing, joins, moving, protection, small

# What a distance from the peak, the highest close or the low is while a position is held.
FROM_EXTREME = "A distance from the best price since the entry is a trailing stop, which follows the closes"


@dataclass(frozen=True)
class _Move:
    """How far something moved: whether of the trade, since the entry or from an extreme, and whether farther than said."""

    up: bool
    percent: float
    of_trade: bool
    since_entry: bool
    extreme: Literal["high", "low", ""]
    beyond: bool


class PriceMoves(Grammar):
    """Reads a move in percent that has no reference of its own: in an exit it counts from the entry."""

    def of_price(self) -> bool:
        """Whether a price is named here, or was in front of "or": "when the price is down 5% or up 2%". Takes nothing."""
        mark = self.cursor.mark()
        named = self.cursor.words(moving.PRICES) is not None
        other = not named and self.cursor.words(moving.TRADES) is not None
        self.cursor.reset(mark)
        if other:
            return False
        return named or self._behind_or(self.draft.price_until)

    def _behind_or(self, until: int) -> bool:
        """Whether nothing but "or" lies between a move that ended at `until` and the cursor."""
        between = self.cursor.tokens[until : self.cursor.position] if until >= 0 else []
        return 0 < len(between) <= 3 and all(t.norm == "," or t.norm in moving.OR_WHEN for t in between)

    def read(self, side: Side | None) -> bool:
        """Read "the price drops 5%" into a move of the price, "loses 2%" into a stop of the trade.

        What is said of the close is a condition, which `at_close` reads.
        """
        cursor = self.cursor
        start, priced, mark = cursor.position, self.of_price(), cursor.mark()
        of_close = self.at_close(rising=True) is not None
        cursor.reset(mark)
        if of_close:
            return False
        found = self._move(priced=priced)
        if found is None or cursor.looking_at(joins.AND):
            return False
        if found.extreme:
            words = " ".join(t.norm + "%" * t.percent for t in cursor.tokens[start : cursor.position])
            self.draft.moves += (
                PriceMove(side, found.up, found.percent, self.draft.near_side(), found.extreme, words),
            )
        else:
            self._keep(side, found.up, found.percent, found.of_trade)
        self.draft.price_until = cursor.position if priced or not found.of_trade else -1
        return True

    def at_close(self, *, rising: bool) -> UnrealizedReturn | None:
        """Read "the close is 5% below entry" and "it closes 10% above the entry price", which are judged at the close.

        Args:
            rising: whether it closes a short position, which gains where the price falls.
        """
        cursor, mark = self.cursor, self.cursor.mark()
        closes, carried = cursor.words(moving.CLOSES), self._behind_or(self.draft.close_until)
        if not closes and not cursor.words(moving.CLOSE_OF[self.draft.timeframe]) and not carried:
            return None
        cursor.words(small.IS, small.WAS, small.HAS, noise=False)
        found = self._move(priced=True)
        if found is None or found.extreme or (closes and not found.since_entry):
            cursor.reset(mark)
            return None
        self.draft.close_until = cursor.position
        gains = found.up != rising
        percent = found.percent if gains else -found.percent
        text = (
            "How far the close is from the entry price is judged at each close, and the position left at the next fill"
        )
        self.draft.assume("close_from_entry", text, "a stop or target within the bar", "exit_rules")
        op: Operator = (">" if gains else "<") if found.beyond else (">=" if gains else "<=")
        return UnrealizedReturn(op=op, percent=percent)

    def _move(self, *, priced: bool) -> _Move | None:
        """Read how far something moved since the entry or an extreme; None where it is another move."""
        cursor = self.cursor
        verb, up, of_trade = "", None, False
        for phrases, rises, traded in (
            (moving.UP_TRADE, True, True), (moving.DOWN_TRADE, False, True), (moving.UP_PRICE, True, False), (moving.DOWN_PRICE, False, False),
        ):  # fmt: skip
            if said := cursor.words(phrases):
                verb, up, of_trade = phrases[said], rises, traded and not priced
                break
        bare = verb in moving.BARE_MOVES
        if bare or not verb:
            cursor.words(moving.SUBJECTS)
            way = cursor.words(moving.MOVE_WAYS, noise=priced)
            up = moving.MOVE_WAYS[way] == "up" if way else (None if not verb else up)
        bound = cursor.words(moving.BY_MORE, noise=False)
        sign = cursor.symbol("+")
        token = cursor.number(percent=True)
        if token is None or (bare and not way):
            return None
        if up is None and (sign or token.value < 0):
            up, of_trade = bool(sign), True
        nouns = (moving.MOVE_NOUNS, moving.UP_OR_DOWN) if priced else (moving.MOVE_NOUNS,)
        noun = cursor.take(*nouns, noise=False) if up is None else None
        up = up if noun is None else noun == "up"
        behind_at = cursor.position
        since_entry = cursor.take(protection.FROM_ENTRY, noise=False)
        if up is None and since_entry:  # "5% above the entry price"
            said_of_it = (t.norm for t in cursor.tokens[behind_at : cursor.position])
            up = next((moving.ENTRY_SIDES[word] == "up" for word in said_of_it if word in moving.ENTRY_SIDES), None)
        cursor.words(comparing.OR_MORE, noise=False)
        extreme = self._extreme() if up is not None and not since_entry else ""
        elsewhere = not since_entry and not extreme and cursor.words(moving.ELSEWHERE, noise=False)
        if up is None or elsewhere:
            return None
        beyond = bound in moving.MORE
        return _Move(up, abs(token.value), of_trade, bool(since_entry), extreme, beyond)

    def _extreme(self) -> Literal["high", "low", ""]:
        """Take "from its high" or "off the low" and return which of the two it is."""
        start = self.cursor.position
        if not self.cursor.take(protection.FROM_EXTREME, noise=False):
            return ""
        said = {token.norm for token in self.cursor.tokens[start : self.cursor.position]}
        return "low" if said & moving.LOW.keys() else "high"

    def _keep(self, side: Side | None, up: bool, percent: float, of_trade: bool) -> None:
        """Keep an exit on a move: one of the trade's own gain or loss as target or stop, one of the price until it is known which sides are traded."""
        if of_trade:
            self.draft.set_risk("take_profit" if up else "stop_loss", {"type": "percent", "value": percent})
        else:
            self.draft.moves += (PriceMove(side, up, percent, self.draft.near_side()),)
        if of_trade:
            word = "gain" if up else "loss"
            text = f"A {word} of {percent:g}% at which a position is closed is the trade's, from its entry price"
        else:
            word = "gain" if up else "fall"
            text = f"A {word} of {percent:g}% at which a position is closed is meant from the entry price"
        self.draft.assume("since_entry", text, "from the bar before", "risk")


def settle_trails(draft: Draft) -> None:
    """Turn moves from the high or the low since the entry into a trailing stop; ask where they are no loss.

    A long position trails the high and a short one the low, so that "falls 5% from its high" is no stop of a short.
    """
    entered = {side for side, _ in draft.entries}
    trailed: set[Side] = set()
    for move in draft.moves:
        if not move.extreme:
            continue
        sides = set(_sides(move, entered))
        if sides != {"short" if move.up else "long"} or (move.extreme == "low") != move.up:
            _ask_of_extreme(draft, move, sides)
            continue
        trailed |= sides
        draft.set_risk("trailing_stop", {"type": "percent", "value": move.percent})
        draft.assume("from_extreme", FROM_EXTREME, "a stop that stays where it was put", "risk.trailing_stop")
    draft.left_by_trail = frozenset(trailed)
    if trailed:
        near = next(iter(trailed)) if len(trailed) == 1 else None
        draft.levels_near = {**draft.levels_near, "trailing_stop": near}
    draft.moves = tuple(move for move in draft.moves if not move.extreme)


def _ask_of_extreme(draft: Draft, move: PriceMove, sides: set[Side]) -> None:
    whose = f"{next(iter(sides))} position" if len(sides) == 1 else "positions of both sides"
    message = f"{move.words!r} is no trailing stop of the {whose}, and does not say which {move.extreme} is meant"
    remedy = f"Say 'trailing stop {move.percent:g}%', 'target {move.percent:g}%', or name the {move.extreme} of a number of bars"
    draft.problem("error", "no_reference", "text", message, remedy)
    choices = f"the {move.extreme} of the last so many bars, a trailing stop of {move.percent:g}%, or a target"
    draft.ask(f"Which {move.extreme} is meant in {move.words!r}, or what shall close the {whose}: {choices}?")


def settle_moves(draft: Draft) -> None:
    """Turn moves of the price into stops and targets, now that it is known which sides are traded.

    The price's fall is a long position's stop and a short one's target. Levels are those of both
    sides, so that with two sides the moves become exit rules, judged at the close.
    """
    entered = {side for side, _ in draft.entries}
    for move in draft.moves:
        for side in _sides(move, entered):
            gains = move.up == (side == "long")
            if len(entered) < 2:
                name = "take_profit" if gains else "stop_loss"
                draft.set_risk(name, {"type": "percent", "value": move.percent})
            else:
                percent = move.percent if gains else -move.percent
                draft.add_exit(side, UnrealizedReturn(op=">=" if gains else "<=", percent=percent))


def _sides(move: PriceMove, entered: set[Side]) -> Iterator[Side]:
    """Yield the sides whose positions a move closes."""
    if len(entered) < 2:
        yield next(iter(entered), "long")
    elif (side := move.side or move.near) is not None:
        yield side
    else:
        yield "long"
        yield "short"
