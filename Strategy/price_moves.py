"""The grammar of exits on a move since the entry: "the price drops 5%", "it gains 5% or loses 2%"."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from Backtest.canonical import Side, UnrealizedReturn
from Strategy.cursor import Cursor
from Strategy.draft import Draft, PriceMove

_SUBJECTS = (
    "", "it", "price", "the price", "stock", "the stock", "market", "the market", "close", "share price", "the share price", "asset", "the asset",
)  # fmt: skip
_TRADES = ("", "it", "position", "the position", "trade", "the trade", "my position", "we", "i", "the investment")
_RISES = (
    "rises", "rise", "climbs", "increases", "goes up", "moves up", "jumps", "advances", "rallies", "grows", "moves higher", "goes higher", "has risen",
    "rose", "moves", "appreciates", "ticks up", "runs up",
)  # fmt: skip
_DROPS = (
    "drops", "drop", "falls", "fall", "declines", "decreases", "goes down", "moves down", "dips", "sinks", "slides", "slips", "crashes", "moves lower",
    "goes lower", "has fallen", "has dropped", "fell", "dropped", "tanks", "depreciates", "retreats",
)  # fmt: skip
_GAINS = ("gains", "gained", "gain", "has gained", "makes", "has made", "made", "earns", "is winning", "wins")
_LOSES = ("loses", "lost", "lose", "has lost", "is losing", "gives back")


def _phrases(subjects: tuple[str, ...], verbs: tuple[str, ...]) -> dict[str, str]:
    return {f"{subject} {verb}".strip(): verb for subject, verb in product(subjects, verbs)}


_UP_PRICE, _DOWN_PRICE = _phrases(_SUBJECTS, _RISES), _phrases(_SUBJECTS, _DROPS)
_UP_TRADE, _DOWN_TRADE = _phrases(_TRADES, _GAINS), _phrases(_TRADES, _LOSES)
_UP_NOUNS = ("rise", "increase", "rally", "jump", "advance", "move up", "higher", "upmove", "upward move")
_DOWN_NOUNS = (
    "drop",
    "fall",
    "decline",
    "decrease",
    "dip",
    "lower",
    "move down",
    "pullback",
    "correction",
    "downward move",
)
# What follows a move of something else than the trade: "drops 5% in 3 days", "from its high".
_SPANS = (
    "in", "over", "within", "during", "from", "below", "above", "off", "under", "today", "on", "since", "a day", "per", "for", "after", "than", "of",
)  # fmt: skip


# What a distance from the peak, the highest close or the low is while a position is held.
FROM_EXTREME = "A distance from the best price since the entry is a trailing stop, which follows the closes"


class PriceMoves:
    """Reads a move in percent that has no reference of its own: in an exit it counts from the entry."""

    def __init__(self, cursor: Cursor, draft: Draft) -> None:
        self.cursor = cursor
        self.draft = draft

    def read(self, side: Side | None) -> bool:
        """Read "the price drops 5%" into a move of the price, "loses 2%" into a stop of the trade."""
        cursor = self.cursor
        verb, up, of_trade = "", None, False
        for phrases, rises, traded in (
            (_UP_TRADE, True, True), (_DOWN_TRADE, False, True), (_UP_PRICE, True, False), (_DOWN_PRICE, False, False),
        ):  # fmt: skip
            if said := cursor.words(*phrases):
                verb, up, of_trade = phrases[said], rises, traded
                break
        if verb in ("moves", ""):
            cursor.words(*(s for s in _SUBJECTS if s))
            way = cursor.words("up", "higher", "down", "lower", noise=False)
            up = way in ("up", "higher") if way else (None if not verb else up)
        cursor.words("by", "by more than", "by at least", "more than", "at least", noise=False)
        sign = cursor.symbol("+")
        token = cursor.number(percent=True)
        if token is None or (verb == "moves" and not way):
            return False
        if up is None and (sign or token.value < 0):
            up, of_trade = bool(sign), True
        noun = cursor.words(*_UP_NOUNS, *_DOWN_NOUNS, noise=False) if up is None else None
        up = up if noun is None else noun in _UP_NOUNS
        since_entry = cursor.take("FROM_ENTRY", noise=False)
        cursor.words("or more", noise=False)
        if up is not None and not of_trade and cursor.take("FROM_EXTREME", noise=False):
            self.draft.set_risk("trailing_stop", {"type": "percent", "value": abs(token.value)})
            self.draft.assume("from_extreme", FROM_EXTREME, "a stop that stays where it was put", "risk.trailing_stop")
            return True
        if up is None or (not since_entry and cursor.words(*_SPANS, noise=False)) or cursor.looking_at("AND"):
            return False
        self._keep(side, up, abs(token.value), of_trade)
        return True

    def _keep(self, side: Side | None, up: bool, percent: float, of_trade: bool) -> None:
        if of_trade:
            self.draft.set_risk("take_profit" if up else "stop_loss", {"type": "percent", "value": percent})
        else:
            self.draft.moves += (PriceMove(side, up, percent),)
        word = "gain" if up else "fall"
        text = f"A {word} of {percent:g}% at which a position is closed is meant from the entry price"
        self.draft.assume("since_entry", text, "from the bar before", "risk")


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
    elif move.side is not None:
        yield move.side
    else:
        yield "long"
        yield "short"
