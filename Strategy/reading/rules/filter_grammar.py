"""The grammar of filters: "only trade when ...", "no trades on Fridays"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import Not, Side, Time
from Strategy.reading.conditions.condition_grammar import Conditions
from Strategy.reading.rules.order_grammar import OrderGrammar
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.text.lexer import Token
from Strategy.words import hours, joins, orders, small


def ends_sentence(token: Token) -> bool:
    return token.kind == "nl" or token.norm in (".", ";")


@dataclass(eq=False)
class Filters(Grammar):
    """Reads what limits all entries; each method returns whether it read something."""

    conditions: Conditions
    orders: OrderGrammar

    def _ask_whose_limit(self, start: int, *, of_time: bool = False) -> None:
        """Ask about "not on Mondays" behind "buy when A, sell after 5 days"; "no trades on Mondays" is said of entries.

        In a sentence of its own behind an exit, "Only Tuesdays." limits the entries, which is said, and so does a bare
        time (`of_time`), "Tuesdays only."
        """
        tokens, end = self.cursor.tokens, self.draft.way_out_end
        words = tokens[start : start + 3]
        words = words[1:] if words and (words[0].norm == "," or words[0].norm in small.AND_OR_BUT) else words
        lead = words[0].norm if words else ""
        bare = len(words) > 1 and lead in joins.NOT_OR_ONLY and words[1].norm not in orders.LIMITED_VERBS
        if not (bare or of_time):
            return
        said = " ".join(t.norm for t in words[:2] if not ends_sentence(t))
        if end is not None and not any(ends_sentence(t) for t in tokens[end:start]):
            self.draft.ask_whose(said)
        elif self.draft.exits or self.draft.sells:
            text = f"'{said} ...' in a sentence of its own limits the entries"
            self.draft.assume("filter_of", text, "the exits as well", "entry_rules")

    def _in_exit(self) -> bool:
        """Whether the cursor is still in the sentence of an exit."""
        end = self.draft.exit_end
        if end is None:
            return False
        between = self.cursor.tokens[end : self.cursor.position]
        return not any(token.kind == "nl" or token.norm in (".", ";") for token in between)

    def of_condition(self) -> bool:
        """Read "Only trade when the close is above the 200-day SMA", "no trades while ADX < 20"."""
        cursor = self.cursor
        cursor.part = "rule"
        start = cursor.position
        cursor.words(small.AND, small.BUT, noise=False)
        avoid = self._avoids()
        if not avoid and not cursor.take(orders.ONLY_TRADE):
            return False
        if not cursor.take(joins.WHEN, joins.WHILE):
            return False
        self.draft.begin_rule("enter", "long")
        condition = self.conditions.condition()
        if condition is None or self._action_ahead():
            return False
        self._ask_whose_limit(start)
        self.draft.filters += ((self._side_limited(start), Not(condition=condition) if avoid else condition),)
        return True

    def _behind_level(self, start: int) -> bool:
        """Whether a stop, target or size ends right before a token."""
        last = max((p.last for p in self.cursor.consumed if p.part == "risk" and p.last < start), default=None)
        between = self.cursor.tokens[last + 1 : start] if last is not None else []
        return last is not None and all(t.norm in orders.BEHIND_LEVEL for t in between)

    def _side_limited(self, start: int) -> Side | None:
        """Return whose entries a limit read since `start` is of: "don't buy on Mondays" is said of long ones."""
        said = {token.norm for token in self.cursor.tokens[start : min(start + 4, self.cursor.position)]}
        return "long" if said & orders.SAID_OF_LONGS.keys() else "short" if said & orders.SHORT.keys() else None

    def _avoids(self) -> bool:
        """Take "no trades" or "nothing" in front of when there are none."""
        if nothing := self.cursor.looking_at(orders.NOTHING):
            text = "'Nothing' and 'do nothing' limit the entries: a position that is open is left by its own rules"
            self.draft.assume("nothing", text, "every position is closed as well", "entry_rules")
        return bool(self.cursor.take(orders.NO_TRADE)) or bool(nothing)

    def _action_ahead(self) -> bool:
        """Whether an action stands here: ", then buy". Takes nothing."""
        mark = self.cursor.mark()
        self.cursor.symbol(",")
        self.cursor.take(joins.THEN)
        found = self.orders.take() is not None
        self.cursor.reset(mark)
        return found

    def of_time(self) -> bool:
        """Read "Only trade on Mondays between 9:30 and 16:00", "no trades on Fridays"."""
        cursor = self.cursor
        cursor.part = "time"
        start = cursor.position
        cursor.words(small.AND, small.BUT, noise=False)
        avoid = self._avoids()
        led = avoid or bool(cursor.take(orders.ONLY_TRADE))
        if not led and self._behind_level(start):
            return False  # "risk 1% on Mondays": the day is that of the risk, which cannot be
        if not led and self._in_exit():
            return False  # "sell when RSI > 60, before 15:50": whether the time is the exit's is asked
        cursor.words(orders.LIMITED_TRADES)
        cursor.words(hours.ON_DURING, noise=False) if not cursor.looking_at(hours.SESSION) else None
        found = self.conditions.clock.time()
        if not isinstance(found, Time):
            return False
        cursor.words(small.ONLY, noise=False)
        self._ask_whose_limit(start, of_time=not led)
        self.draft.filters += ((self._side_limited(start), Not(condition=found) if avoid else found),)
        return True
