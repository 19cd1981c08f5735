"""The grammar of which sides are traded: "long only", "no shorts", "one position at a time"."""

from __future__ import annotations

from Backtest.canonical import AnyCondition
from Strategy.reading.text.grammar import Grammar
from Strategy.words import COMPANIES, joins, orders, tickers

_BEHIND_ONE_SIDE = ".,;:)"  # marks


class Sides(Grammar):
    """Reads which sides a text trades; each method but the notes returns whether it read something."""

    def note_bare_buy(self, start: int, end: int, condition: AnyCondition) -> None:
        """Keep a "buy" behind a short entry or "short only", which may close it or go long, where it is said with neither word."""
        said = {token.norm for token in self.cursor.tokens[start:end]}
        shorts = self.draft.only_sides == {"short"} or any(side == "short" for side, _ in self.draft.entries)
        if said & orders.BUYING.keys() and not said & orders.LONG.keys() and shorts:
            self.draft.bare_buys += (condition,)

    def note_longs(self) -> None:
        """Note that the text speaks of long positions, so that a "buy" in it opens one."""
        words = [token.norm for token in self.cursor.tokens]
        for word, follows in zip(words, [*words[1:], ""], strict=False):
            if word in orders.LONG and f"{word} {follows}" not in orders.LONG_OF_TIME:
                self.draft.longs_named = True

    def read(self) -> bool:
        """Read "long only" and "one position at a time", which is how every strategy trades."""
        self.cursor.part = "rule"
        mark = self.cursor.mark()
        self.cursor.words(orders.ONE_AT_MOST, noise=False)
        token = self.cursor.number(percent=False)
        if token is not None and token.value == 1 and self.cursor.take(orders.ONE_POSITION):
            self.draft.one_position = True
            return True
        self.cursor.reset(mark)
        if self.cursor.words(orders.NO_PYRAMIDING):
            return True
        side = self.cursor.take(orders.ONE_SIDE)
        if side is None or (self.cursor.looking_at(joins.WHEN) and not self._on_symbol()):
            return False
        self.draft.only_sides |= {side}
        return True

    def _on_symbol(self) -> bool:
        """Whether "on GOOG" stands here."""
        on, symbol = self.cursor.peek(), self.cursor.peek(1)
        named = symbol is not None and (symbol.kind == "ticker" or symbol.norm in COMPANIES)
        return on is not None and on.norm in tickers.BEFORE_SYMBOL and named

    def note_only(self) -> None:
        """Find "short only" wherever the text says it: "enter" then goes short, before these words and behind them."""
        cursor = self.cursor
        start = cursor.mark()
        for at in range(len(cursor.tokens)):
            cursor.position = at
            side = cursor.take(orders.ONE_SIDE, noise=False)
            ends = cursor.clause_ends(orders.BEHIND_ONE_SIDE, marks=_BEHIND_ONE_SIDE)
            if side is not None and (ends or self._on_symbol()):
                self.draft.only_sides |= {side}
        only = self.draft.only_sides
        cursor.reset(start)
        self.draft.only_sides = only
