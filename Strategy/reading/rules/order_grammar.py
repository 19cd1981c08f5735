"""The grammar of orders: what is done, and to which side."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import Side
from Strategy.reading.conditions.condition_grammar import Conditions
from Strategy.reading.rules.exit_grammar import Exits
from Strategy.reading.settings.risk_grammar import RiskGrammar
from Strategy.reading.settings.settings_grammar import Settings
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.words import COMPANIES, Table, accounts, comparing, hours, joins, layouts, orders, small

Action = tuple[str, Side | None]


@dataclass(eq=False)
class OrderGrammar(Grammar):
    """Reads the words of an order."""

    conditions: Conditions
    exits: Exits
    risk: RiskGrammar
    settings: Settings

    def behind_condition(self) -> Action | None:
        """Take the action behind a condition, with the words that lead to it: ", then the bot sells"."""
        self.cursor.symbol(",", ":")
        self.cursor.take(joins.THEN)
        self.cursor.words(orders.DOERS, noise=False)
        return self.take()

    def take(self) -> Action | None:
        """Take the words of an action: what is done, and to which side."""
        cursor = self.cursor
        if (left := self.exits.other_side_too()) is not None:
            return ("exit", left)
        for words, action in orders.ACTIONS.items():
            mark = cursor.mark()
            if cursor.take(words):
                longer = cursor.position
                cursor.reset(mark)
                best = self._longest_action(mark)
                if best is not None and best[0] > longer:
                    cursor.take(best[1])
                    return self._of_section(best[2], mark.position)
                cursor.take(words)
                return self._of_section(action, mark.position)
        mark = cursor.mark()
        section = cursor.take(layouts.SECTION, noise=False)
        if section is not None and section[0] in ("enter", "exit") and cursor.looking_at(joins.WHEN, noise=False):
            side: Side | None = section[1] or ("long" if section[0] == "enter" else None)
            return self._of_section((section[0], side), mark.position)
        cursor.reset(mark)
        for words, side in ((orders.LONG, "long"), (orders.SHORT, "short")):
            mark = cursor.mark()
            if cursor.take(words) and (
                cursor.looking_at(joins.WHEN, joins.WHILE, orders.OPPOSITE, comparing.ABOVE, noise=False)
                or self._colon()
                or self._ticker_ahead()
                or self._band_ahead()
                or self._size_ahead()
            ):
                return ("enter", side)
            cursor.reset(mark)
        mark = cursor.mark()
        if cursor.take(orders.FLAT) and (
            cursor.looking_at(joins.WHEN, joins.WHILE, comparing.ABOVE, noise=False)
            or self.conditions.clock.exit_ahead()
        ):
            self._ask_of_staying(mark.position)
            return ("exit", None)
        cursor.reset(mark)
        mark = cursor.mark()
        if cursor.take(orders.CLOSE_VERB) and (
            cursor.looking_at(joins.WHEN, noise=False) or self.conditions.clock.exit_ahead()
        ):
            return ("exit", None)
        cursor.reset(mark)
        return None

    def _ask_of_staying(self, start: int) -> None:
        """Ask about "stand aside when ADX < 20" and "stay flat before 10:00": no entries, or no position at all?"""
        said = " ".join(t.norm for t in self.cursor.tokens[start : self.cursor.position])
        follows = token.norm if (token := self.cursor.peek()) is not None else ""
        early = follows in hours.UNTIL_THEN and said in orders.STAYING
        if said not in orders.ASIDE and not early:
            return
        words = f"{said} {follows} ..."
        message = f"{words!r} may forbid entries only, or every position"
        remedy = f"Say 'no trades {follows} ...' for entries, 'exit {follows} ...' for positions"
        self.draft.problem("error", "aside", "text", message, remedy)
        self.draft.ask(f"What does {words!r} mean: no entries then, or that every position is closed as well?")

    def _of_section(self, action: Action, start: int) -> Action:
        """Return the action of words such as "enter", which below the heading "Short" mean a short position."""
        said = {token.norm for token in self.cursor.tokens[start : self.cursor.position]}
        if action == ("enter", "long") and not said & (orders.BUYING | orders.LONG).keys() and self._short_is_meant():
            return ("enter", "short")
        bought_back = self.draft.block_side == "short" and any(side == "short" for side, _ in self.draft.entries)
        if action == ("enter", "long") and bought_back and not said & orders.LONG.keys():
            return ("exit", "short")  # "buy when ..." below the heading "Short" and its entry
        return action

    def _short_is_meant(self) -> bool:
        """Whether "enter" means a short position: below the heading "Short", and where the text said "short only" before."""
        return self.draft.section_side == "short" or self.draft.only_sides == {"short"}

    def _longest_action(self, mark: Mark) -> tuple[int, Table, Action] | None:
        """Return the longest action from a mark on, "close the short" before "close": where it ends, its words, what it is."""
        cursor = self.cursor
        best: tuple[int, Table, Action] | None = None
        for words, action in orders.ACTIONS.items():
            if cursor.take(words) and (best is None or cursor.position > best[0]):
                best = (cursor.position, words, action)
            cursor.reset(mark)
        return best

    def _ticker_ahead(self) -> bool:
        token = self.cursor.peek()
        return token is not None and (token.kind == "ticker" or token.norm in COMPANIES)

    def _band_ahead(self) -> bool:
        """Whether "at the upper band" comes. Takes nothing."""
        mark = self.cursor.mark()
        found = (
            self.cursor.words(small.AT, noise=False) and self.conditions.predicates.movements.touches.touch_of_line()
        )
        self.cursor.reset(mark)
        return bool(found)

    def _size_ahead(self) -> bool:
        """Whether "100 shares" comes, as in "short 100 shares when ...". Takes nothing."""
        mark = self.cursor.mark()
        found = self.cursor.looking_at_number() and self.risk.sizes.size_of_order()
        self.cursor.reset(mark)
        return bool(found)

    def _colon(self) -> bool:
        token = self.cursor.peek()
        return token is not None and token.norm == ":"

    def objects(self, action: Action) -> None:
        """Read what stands between an action and its condition: size, symbol, how it is filled."""
        cursor, self.draft.at_close = self.cursor, False
        while True:
            mark = cursor.mark()
            if cursor.take(accounts.AT_OPEN, noise=False) and (action[0] == "enter" or cursor.looking_at(joins.WHEN)):
                self.draft.filled_at_open = True
                continue
            cursor.reset(mark)
            if self.settings.on_close():
                self.draft.fill_at_close("enter" if action[0] == "enter" else "exit")
                self.draft.at_close = True
                continue
            if self.risk.sizes.size_of_order() if action[0] == "enter" else self.risk.sizes.whole_position():
                continue
            if self.settings.symbol_list():
                continue
            if cursor.words(small.ON, small.USING, noise=False) and self.settings.timeframe_words():
                continue
            cursor.reset(mark)
            if self.settings.timeframe_words() and cursor.looking_at(joins.WHEN):
                continue
            cursor.reset(mark)
            if cursor.words(orders.OBJECTS, noise=True):
                continue
            cursor.reset(mark)
            return
