"""The grammar of a text's layout: titles, headings of sections, numbered steps, bullets."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import Side
from Strategy.reading.settings.risk_grammar import RiskGrammar
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.text.lexer import Token
from Strategy.words import (
    COMPANIES,
    accounts,
    joins,
    layouts,
    orders,
    protection,
    refused,
    sizes,
    small,
    spans,
    tickers,
    trie,
)

_BEFORE_HEADING = (".", ";", "*", "-", ")", ":", ",", "#", "/")

_SEPARATORS = frozenset(".,;-*!?:)(#•·▪◦●‣")


@dataclass(eq=False)
class Layout(Grammar):
    """Reads what orders a text. `section` is the kind and side of rules it announces."""

    risk: RiskGrammar

    def style(self) -> bool:
        """Read what kind of strategy it is: "a trend following system"; it says nothing about the rules."""
        cursor = self.cursor
        cursor.part = "name"
        cursor.words(layouts.STYLE_LEAD)
        if not cursor.take(layouts.STYLE):
            return False
        cursor.words(layouts.STYLE_NOUNS, noise=False)
        return True

    def separator(self) -> bool:
        token = self.cursor.peek()
        if token is None:
            return False
        if token.kind == "nl" or token.norm in _SEPARATORS:
            self.cursor.part = "text"
            self.cursor.advance(1)
            if token.kind == "nl":
                self._list_number()
            return True
        before = self.cursor.previous()
        if token.norm == "/" or token.norm in small.OR:
            self.cursor.advance(1)
            return self.heading_ahead()  # "Entry: RSI < 30 | Exit: RSI > 70"
        if before is None or before.kind == "nl" or before.norm in (".", ";", "-", "*", ")"):
            # "First, buy ... Finally, set a stop"
            if self.cursor.words(layouts.ORDINALS, noise=False):
                return True
        at_start = self.cursor.position == 0 or token.norm in layouts.STEP
        return bool((at_start or token.value == self.draft.step + 1 > 1) and self._list_number())

    def _list_number(self) -> bool:
        """Read the number of a step: "1." or "2)" or "Step 3:"."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words(layouts.STEP, noise=False)
        token = cursor.kind("num", noise=False)
        letter = cursor.peek()
        if token is None and letter is not None and len(letter.norm) == 1 and letter.norm.isalpha():
            cursor.advance(1)
            if cursor.symbol(")"):
                return True
            cursor.reset(mark)
            return False
        follows = cursor.peek()
        if token and not token.percent and follows is not None and follows.norm in (".", ")", ":"):
            cursor.advance(1)
            self.draft.step = token.value
            return True
        cursor.reset(mark)
        return False

    def heading(self) -> bool:
        """Read "Entry:", "Exit rules", "Risk management:" at the start of a line."""
        cursor = self.cursor
        before = cursor.previous()
        if before is not None and before.kind != "nl" and not _before_heading(before):
            return False
        start = cursor.mark()
        section = cursor.take(layouts.SECTION, noise=False)
        if section is None:
            return False
        inside = cursor.mark()
        if cursor.symbol("("):
            side: Side | None = cursor.take(layouts.SIDE_OF_ENTRY)
            if side and section[0] in ("enter", "exit") and cursor.symbol(")"):
                section = (section[0], side)
            else:
                cursor.reset(inside)
        entries_or_exits = section[0] in ("enter", "exit")
        before_colon = cursor.mark()
        if not (entries_or_exits and cursor.take(joins.WHEN, noise=False) and cursor.looking_at_symbol(":")):
            cursor.reset(before_colon)
        follows = cursor.peek()
        if follows is None or not (
            follows.norm in (":", "=")
            or (entries_or_exits and follows.norm == "-")
            or (before is not None and before.norm == "#")
            or (follows.kind == "nl" and (before is None or before.kind == "nl"))
        ):
            return False
        if section[0] in ("risk", "size") and follows.norm in (":", "=") and self._sized_heading(start):
            return True
        said = [token.norm for token in cursor.tokens[start.position : cursor.position]]
        cursor.advance(1)
        if follows.kind == "nl":
            self._list_number()
        self._open_section(section, said)
        return True

    def _open_section(self, section: tuple[str, Side | None], said: list[str]) -> None:
        """Begin a section. An "Exit" below "Long" and its "Entry" is the long side's."""
        draft, follows = self.draft, self.cursor.peek()
        if " ".join(said) in layouts.OF_A_SIDE:
            own_line = follows is None or follows.kind == "nl" or self.cursor.previous_word() == "\n"
            draft.section_side, draft.block_side = section[1], section[1] if own_line else None
            draft.entry_below_side = False
        elif section[0] == "enter" and draft.section_side and not layouts.NAMES_SIDE.keys() & set(said):
            section = ("enter", draft.section_side)
            draft.entry_below_side = True
        elif section[0] == "enter" and draft.only_sides == {"short"} and not layouts.NAMES_SIDE.keys() & set(said):
            section = ("enter", "short")
        elif section == ("exit", None) and draft.entry_below_side:
            section = ("exit", draft.section_side)
        elif section == ("exit", None):
            draft.block_side = None
        draft.section = section

    def heading_ahead(self) -> bool:
        """Whether the heading of a rule starts here: "Exit: ...", "Sell rule - ...". Takes nothing."""
        mark = self.cursor.mark()
        section = self.cursor.take(layouts.SECTION, noise=False)
        found = section is not None and section[0] in ("enter", "exit") and self.cursor.symbol(":", "=", "-")
        self.cursor.reset(mark)
        return bool(found)

    def title(self) -> bool:
        """Read a name: "Strategy: Dip buyer", "Name: ..." or a Markdown heading "# Dip buyer"."""
        cursor = self.cursor
        before = cursor.previous()
        heading = before is not None and before.norm == "#"
        if not heading and not (before is None or before.kind == "nl"):
            return False
        lead = cursor.take(layouts.NAME_LEAD, noise=False) and cursor.symbol(":")
        start = cursor.position
        while (token := cursor.peek()) is not None and (
            token.kind in ("word", "ticker", "num") or token.norm in ("(", ")", "/")
        ):
            cursor.position += 1
        ends = token is None or token.kind == "nl"
        words = cursor.tokens[start : cursor.position]
        if not heading and not lead:
            # "Turtle: buy ..." at the very start.
            named = 0 < sum(word.kind != "sym" for word in words) < 6 and _no_heading(words)
            rules = {t.value for t in cursor.tokens[cursor.position :] if t.kind == "num"}
            named = named and all(word.value in rules for word in words if word.kind == "num")  # "RSI(2) strategy"
            ends = before is None and token is not None and token.norm == ":" and named and not self._order_ahead()
            if any(word.kind == "ticker" or word.norm in COMPANIES for word in words):
                return False  # "AAPL MSFT: buy ..." names what is traded
        if heading and words and not _no_heading(words[:1]):
            return False
        if (
            not ends
            or not 0 < len(words) <= 10
            or any(t.kind == "word" and t.norm in layouts.RULE_WORDS for t in words)
        ):
            return False
        cursor.position = start
        cursor.part = "name"
        cursor.advance(len(words))
        self.draft.title = (words[0].start, words[-1].end)
        for word in words:
            if word.kind == "ticker" and word.norm not in self.draft.symbols:
                self.draft.symbols += (word.norm,)
        return True

    def _order_ahead(self) -> bool:
        """Whether nothing but an order stands behind the colon: "RSI oversold: buy". Takes nothing."""
        order, after = self.cursor.peek(1), self.cursor.peek(2)
        ends = after is None or after.kind == "nl" or after.norm in (".", ",", ";")
        return ends and order is not None and order.norm in layouts.ORDERS

    def _sized_heading(self, start: Mark) -> bool:
        """Read "Risk: 1% per trade", where the heading is a part of the setting."""
        self.cursor.reset(start)
        if self.risk.read():
            return True
        self.cursor.reset(start)
        self.cursor.take(layouts.SECTION, noise=False)
        return False


def _before_heading(token: Token) -> bool:
    return token.norm in _BEFORE_HEADING or token.norm in layouts.BEFORE_HEADING


def _no_heading(words: list[Token]) -> bool:
    """Whether these words in front of a colon are a name, not the heading of a section or a setting."""
    known = trie(
        layouts.SECTION, protection.STOP, protection.TARGET, protection.TRAIL, sizes.SIZE, accounts.CASH, accounts.COMMISSION,
        accounts.SPREAD, tickers.SYMBOL_LEAD, tickers.TF_LEAD, spans.FRAME, orders.ONE_SIDE,
    )  # fmt: skip
    promises = trie(refused.PROMISE)
    said = tuple(t.norm for t in words)
    actions = trie(*orders.ACTIONS)
    if any(phrase == said for phrase, _ in actions.get(said[0], ())):
        return False
    plain = all(t.kind == "word" and t.norm not in promises for t in words)
    named = words[-1].norm in layouts.NAMED  # "RSI(2) strategy: buy ..."
    return (plain or named) and words[0].norm not in known
