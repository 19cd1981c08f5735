"""The grammar of statements: what to do when, risk, size, settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOf,
    Compare,
    Cross,
    Not,
    Side,
    Time,
)
from Strategy.choices import combined
from Strategy.condition_grammar import Conditions
from Strategy.cursor import Cursor, Mark
from Strategy.draft import Draft
from Strategy.exit_grammar import Exits
from Strategy.layout import Layout
from Strategy.lexer import Token
from Strategy.risk_grammar import Risk
from Strategy.settings_grammar import Settings
from Strategy.words import (
    COMPANIES,
    Table,
    accounts,
    comparing,
    hours,
    joins,
    layouts,
    orders,
    protection,
    small,
    tickers,
    trie,
    vocabulary,
)

Action = tuple[str, Side | None]


_BEHIND_ONE_SIDE = ".,;:)"  # marks


class Statements:
    """Reads statement after statement; what none of them understands is left to be reported."""

    def __init__(self, cursor: Cursor, draft: Draft) -> None:
        self.cursor = cursor
        self.draft = draft
        self.conditions = Conditions(cursor, draft, self.at_boundary)
        self.settings = Settings(cursor, draft)
        self.risk = Risk(cursor, draft)
        self.layout = Layout(cursor, draft, self.risk)
        self.exits = Exits(cursor, draft, self.conditions, self.risk)

    def read(self) -> None:
        """Read the whole text."""
        cursor = self.cursor
        self._note_only_side()
        while not cursor.at_end:
            mark = cursor.mark()
            token = cursor.peek()
            if cursor.position and token is not None and token.kind == "word" and token.norm not in vocabulary():
                cursor.position += 1
                continue
            for reader in (
                self.layout.separator,
                self.layout.title,
                self.layout.heading,
                self._reversal,
                self._one_side,
                self._target_line,
                self.risk.read,
                self._otherwise,
                self._while,
                self._time_first,
                self._move_first,
                self._action,
                self._global_filter,
                self._listed_action,
                self._condition_first,
                self.settings.read,
                self._global_time,
                self._bare_condition,
                self.layout.style,
            ):
                try:
                    if reader():
                        break
                except ValidationError as error:
                    cursor.reset(mark)
                    self.draft.out_of_bounds(error)
                    mark = cursor.mark()  # what is not possible stays reported, whatever else reads these words
                    continue
                cursor.reset(mark)
            else:
                cursor.position += 1
        self._note_longs()
        if self.draft.listed:
            several = (
                f"{len(self.draft.listed)} conditions stand" if len(self.draft.listed) > 1 else "A condition stands"
            )
            self.draft.problem("error", "no_action", "text", f"{several} without an order", "Say what to do: buy, sell")
            self.draft.ask("What shall be done when the conditions are true: buy, sell, or go short?")

    def at_boundary(self) -> bool:
        """Whether another statement starts here, so that the condition before it is over."""
        cursor = self.cursor
        mark = cursor.mark()
        try:
            cursor.take(joins.THEN, noise=False)
            cursor.words(orders.DOERS, noise=False)
            if self._take_action() is not None or cursor.looking_at(joins.OTHERWISE):
                return True
            cursor.reset(mark)
            if self.layout.heading_ahead() or self.risk.ahead():
                return True
            cursor.reset(mark)
            if cursor.looking_at(orders.REVERSE, orders.NO_TRADE, noise=True) and not cursor.looking_at(
                joins.NOT, noise=True
            ):
                return True
            if cursor.words(orders.NO_NEW_TRADES):
                return True
            cursor.reset(mark)
            if self.conditions.operands.frames.leading() is None and cursor.take(joins.WHEN, joins.WHILE):
                # "and when X, sell" starts a statement of its own when an action follows X.
                return self._action_follows()
            return False
        finally:
            cursor.reset(mark)

    def _action_follows(self) -> bool:
        cursor = self.cursor
        condition = self.conditions.condition() if self.conditions.depth < 4 else None
        if condition is None:
            return False
        cursor.symbol(",")
        cursor.take(joins.THEN)
        return self._take_action() is not None

    def _take_action(self) -> Action | None:
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

    def _note_bare_buy(self, start: int, end: int, condition: AnyCondition) -> None:
        """Keep a "buy" behind a short entry or "short only", which may close it or go long, where it is said with neither word."""
        said = {token.norm for token in self.cursor.tokens[start:end]}
        shorts = self.draft.only_sides == {"short"} or any(side == "short" for side, _ in self.draft.entries)
        if said & orders.BUYING.keys() and not said & orders.LONG.keys() and shorts:
            self.draft.bare_buys += (condition,)

    def _note_longs(self) -> None:
        """Note that the text speaks of long positions, so that a "buy" in it opens one."""
        words = [token.norm for token in self.cursor.tokens]
        for word, follows in zip(words, [*words[1:], ""], strict=False):
            if word in orders.LONG and f"{word} {follows}" not in orders.LONG_OF_TIME:
                self.draft.longs_named = True

    def _longest_action(self, mark: Mark) -> tuple[int, Table, Action] | None:
        cursor = self.cursor
        best: tuple[int, Table, Action] | None = None
        for words, action in orders.ACTIONS.items():
            if cursor.take(words) and (best is None or cursor.position > best[0]):
                best = (cursor.position, words, action)
            cursor.reset(mark)
        return best

    def _behind_entry(self) -> bool:
        """Whether the action that is read stands in the sentence of an entry: "buy when A, sell ..."."""
        entry = self.draft.entry_end
        if entry is None:
            return False
        return not any(_ends_sentence(t) for t in self.cursor.tokens[entry : self.cursor.position])

    def _keep_end(self, kind: str) -> None:
        """Remember where an entry ends, or an exit."""
        draft = self.draft
        if kind == "enter":
            draft.entry_end, draft.way_out_end = self.cursor.position, None
        else:
            draft.way_out_end = self.cursor.position

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
        said = " ".join(t.norm for t in words[:2] if not _ends_sentence(t))
        if end is not None and not any(_ends_sentence(t) for t in tokens[end:start]):
            self.draft.ask_whose(said)
        elif self.draft.exits or self.draft.sells:
            text = f"'{said} ...' in a sentence of its own limits the entries"
            self.draft.assume("filter_of", text, "the exits as well", "entry_rules")

    def _ticker_ahead(self) -> bool:
        token = self.cursor.peek()
        return token is not None and (token.kind == "ticker" or token.norm in COMPANIES)

    def _band_ahead(self) -> bool:
        """Whether "at the upper band" comes. Takes nothing."""
        mark = self.cursor.mark()
        found = self.cursor.words(small.AT, noise=False) and self.conditions.predicates.movements.touch_of_line()
        self.cursor.reset(mark)
        return bool(found)

    def _size_ahead(self) -> bool:
        """Whether "100 shares" comes, as in "short 100 shares when ...". Takes nothing."""
        mark = self.cursor.mark()
        found = self.cursor.looking_at_number() and self.risk.size_of_order()
        self.cursor.reset(mark)
        return bool(found)

    def _colon(self) -> bool:
        token = self.cursor.peek()
        return token is not None and token.norm == ":"

    def _action(self) -> bool:
        cursor = self.cursor
        cursor.words(joins.AND_SO_ON, noise=False)
        cursor.take(joins.THEN, noise=False)
        cursor.part = "rule"
        cursor.words(orders.DOERS, noise=False)
        self.draft.action_start = cursor.position
        cursor.words(small.ALWAYS, small.ONLY, noise=False)
        action = self._take_action()
        if action is None:
            return False
        cursor.symbol(":")
        self._objects(action)
        return self._rest_of_action(action)

    def _objects(self, action: Action) -> None:
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
            if self.risk.size_of_order() if action[0] == "enter" else self.risk.whole_position():
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

    def _rest_of_action(self, action: Action) -> bool:
        cursor, draft = self.cursor, self.draft
        kind, side = action
        self._prepare(kind, side)
        draft.behind_entry = kind in ("exit", "sell") and self._behind_entry()
        mark = cursor.mark()
        apart, levels = self.draft.at_close and cursor.looking_at_symbol(","), draft.risk
        if kind in ("exit", "sell") and self.exits.special(side, kind):
            if apart and draft.risk is not levels and draft.risk.get("max_bars") == levels.get("max_bars"):
                draft.bare_at_close |= {"exit"}  # "sell at the close, stop 2%"
            self._keep_end(kind)
            return True
        cursor.reset(mark)
        cursor.symbol(",")
        cursor.take(joins.WHEN, joins.WHILE)
        if self._following(action):
            return True
        if kind in ("exit", "sell") and cursor.take(orders.OPPOSITE):
            draft.opposite_exit = True
            return True
        start = cursor.mark()
        condition = self._condition_of(kind)
        if condition is None:
            cursor.reset(mark)
            if kind == "enter" and side and self._opposite_entry(side):
                return True
            cursor.reset(mark)
            if self.draft.at_close:
                draft.bare_at_close |= {"enter" if kind == "enter" else "exit"}
            if kind == "enter":
                draft.bare_entries |= {side} if side else set()
                draft.exit_end = None
            else:
                draft.exit_end = cursor.position
            return True
        if kind == "exit":
            short = self.exits.for_short(side, start, lambda: self._condition_of(kind))
            self.exits.add(side, condition, short, start.position)
        elif kind == "enter" and side is not None:
            said = cursor.tokens[self.draft.action_start : start.position]
            if side == "long":
                self._note_bare_buy(self.draft.action_start, start.position, condition)
            draft.add_entry(side, condition, only=any(token.norm in small.ONLY for token in said))
        else:
            self._add(kind, side, condition)
        self._keep_end(kind)
        return True

    def _condition_of(self, kind: str) -> AnyCondition | None:
        """Read the condition of an action, or the level in "exit at the middle band"."""
        condition = self.conditions.condition()
        at = condition is None and self.cursor.words(small.AT, small.WITH, small.IN, noise=False)
        if condition is None and (at or self.cursor.previous_word() in small.ON):
            movements = self.conditions.predicates.movements
            condition = movements.level_reached() or self.conditions.condition()
            if condition is None:
                condition = movements.touch() if kind != "enter" else movements.touch_of_entry()
        return condition

    def _target_line(self) -> bool:
        """Read "target the middle band" and "take profit at the 50 SMA": an exit at a level that moves with the bars."""
        cursor = self.cursor
        cursor.part = "rule"
        cursor.words(protection.TARGET_LEAD, noise=False)
        if not cursor.take(protection.TARGET):
            return False
        cursor.words(protection.TARGET_AT, noise=False)
        cursor.symbol(":", "=")
        if cursor.looking_at_number():
            return False
        self._prepare("exit", None)
        start = cursor.mark()
        touch = self.conditions.predicates.movements.touch_of_line
        condition = touch()
        if condition is None:
            return False
        self.exits.add(None, condition, self.exits.for_short(None, start, touch), start.position)
        self._keep_end("exit")
        return True

    def _following(self, action: Action) -> bool:
        """Read "all of the following are true:" above a list of conditions."""
        cursor = self.cursor
        mark = cursor.mark()
        some = cursor.words(joins.ANY_FOLLOWING)
        every = cursor.words(joins.ALL_FOLLOWING)
        cursor.words(joins.CONDITIONS, noise=False)
        cursor.words(joins.ARE_TRUE, noise=False)
        if not (some or every) or not cursor.symbol(":"):
            cursor.reset(mark)
            return False
        kind, side = action
        self.draft.section = ("exit", None) if kind == "sell" else (kind, side)
        self.draft.any_of = bool(some)
        return True

    def _opposite_entry(self, side: Side) -> bool:
        """Read "short vice versa", "go short on the opposite"."""
        cursor = self.cursor
        cursor.words(orders.OPPOSITE_LEAD)
        if cursor.take(orders.OPPOSITE):
            self.draft.opposite_entries |= {side}
            return True
        return False

    def _prepare(self, kind: str, side: Side | None) -> None:
        sells = kind in ("exit", "sell")
        self.draft.behind_entry = False
        self.draft.exit_rule = sells
        # Words without a direction follow the rule: upward to buy, downward to sell.
        long_side = side == "long" or (side is None)
        self.draft.rising_side = long_side != sells
        self.draft.repeat = None
        self.draft.subject = None

    def _add(self, kind: str, side: Side | None, condition: AnyCondition) -> None:
        draft = self.draft
        if kind == "enter":
            assert side is not None
            draft.add_entry(side, condition)
        elif kind == "sell" and draft.section_side == "short" and not any(s == "short" for s, _ in draft.entries):
            draft.add_entry("short", condition)  # "Short: sell when ..., cover when ..."
        elif kind == "sell" and draft.section_side != "long":
            if (window := self.exits.window()) is not None:
                condition = All(conditions=[condition, window])
            kept = self.exits.completed(side, condition, kind)
            draft.sells += (kept,) if kept is not None else ()
            draft.exit_end = self.cursor.position
        elif kind == "sell":
            self.exits.add("long", condition)
        else:
            self.exits.add(side, condition)

    def _condition_first(self) -> bool:
        """Read "When RSI < 30, buy" and "If the 50 SMA is above the 200 SMA then go long"."""
        cursor = self.cursor
        before = cursor.previous()
        cursor.words(joins.AND_SO_ON, noise=False)
        cursor.part = "rule"
        introduced = (
            cursor.take(joins.WHEN, joins.WHILE) or cursor.looking_at(comparing.NAMED_CROSS) or self._every_day_named()
        )
        start = cursor.mark()
        read = self._condition_and_action(start)
        if read is None:
            return False
        condition, action = read
        action_end = cursor.position
        if isinstance(condition, Time) and not (introduced and _starts_clause(before)):
            return False  # "RSI < 30 on Monday, sell ...": the day belongs to what stands before it
        self._objects(action)
        if self._has_own_condition(introduced=bool(introduced)):
            if not introduced or not _starts_sentence(before):
                return False  # "RSI < 30, exit when RSI > 70": the action belongs to what follows it
            condition = self._and_own(condition)
        if action == ("exit", None):
            self.exits.add(None, condition, self.exits.for_short(None, start, self.conditions.condition))
        else:
            if action == ("enter", "long"):
                self._note_bare_buy(self.draft.action_start, action_end, condition)
            self._add(action[0], action[1], condition)
        self._keep_end(action[0])
        return True

    def _every_day_named(self) -> bool:
        """Whether "every Monday" stands here, as in "Every Monday, buy". Takes nothing."""
        follows = self.cursor.peek(1)
        return (
            self.cursor.next_is(hours.EACH_DAY)
            and follows is not None
            and any(words == (follows.norm,) for words, _ in trie(hours.WEEKDAY).get(follows.norm, ()))
        )

    def _condition_and_action(self, start: Mark) -> tuple[AnyCondition, Action] | None:
        """Read "RSI < 30, buy"; the direction of undirected words depends on the action, so it is read twice."""
        cursor = self.cursor
        action: Action | None = None
        for _ in range(2):
            cursor.reset(start)
            if action is not None:
                self._prepare(*action)
            else:
                self._prepare("enter", "long")
                self.draft.exit_rule = True
            condition = self.conditions.condition()
            if condition is None:
                return None
            self._pending_sentence()
            cursor.symbol(",", ":")
            cursor.take(joins.THEN)
            if self.layout.heading_ahead():
                return None
            self.draft.action_start = cursor.position
            action = self._take_action()
            if action is None or self._is_label():
                return None
        return None if condition is None or action is None else (condition, action)

    def _has_own_condition(self, *, introduced: bool) -> bool:
        """Whether a condition follows an action: behind "when", or, in a list of labels, without it."""
        mark = self.cursor.mark()
        own = self.cursor.take(joins.WHEN, noise=False) or (not introduced and self.conditions.condition() is not None)
        self.cursor.reset(mark)
        return bool(own)

    def _in_exit(self) -> bool:
        """Whether the cursor is still in the sentence of an exit."""
        end = self.draft.exit_end
        if end is None:
            return False
        between = self.cursor.tokens[end : self.cursor.position]
        return not any(token.kind == "nl" or token.norm in (".", ";") for token in between)

    def _move_first(self) -> bool:
        """Read "When the price drops 5%, sell"."""
        cursor = self.cursor
        cursor.words(joins.AND_SO_ON, noise=False)
        cursor.part = "risk"
        if not cursor.take(joins.WHEN) or not self.risk.moves.read(None):
            return False
        cursor.symbol(",", ":")
        cursor.take(joins.THEN)
        cursor.words(orders.DOERS, noise=False)
        action = self._take_action()
        if action is None or action[0] == "enter":
            return False
        self._objects(action)
        side: Side | None = "long" if action[0] == "sell" else action[1]
        moves = self.draft.moves
        if moves:
            self.draft.moves = (*moves[:-1], replace(moves[-1], side=side))
        return not cursor.looking_at(joins.WHEN)

    def _time_first(self) -> bool:
        """Read "After 15:50, close everything", where a clause begins: in "buy at 10:30, exit at 15:00" the time is the entry's."""
        cursor = self.cursor
        if not _starts_clause(cursor.previous()):
            return False
        cursor.words(joins.AND_SO_ON, noise=False)
        cursor.part = "time"
        cursor.take(joins.WHEN, noise=False) if not cursor.next_is(small.AFTER) else None
        found = self.conditions.clock.exit_time()
        cursor.symbol(",", ":")
        cursor.take(joins.THEN)
        cursor.words(orders.DOERS, noise=False)
        action = self._take_action() if found is not None else None
        if found is None or action is None or action[0] == "enter":
            return False
        self._objects(action)
        if cursor.looking_at(joins.WHEN):
            return False
        self.draft.add_exit("long" if action[0] == "sell" else action[1], found, everything=action == ("exit", None))
        return True

    def _is_label(self) -> bool:
        """Whether a colon or a dash behind an action announces what follows: "RSI < 30, Exit: RSI > 70"."""
        mark = self.cursor.mark()
        announced = self.cursor.symbol(":", "=", "-") is not None and not self.risk.size_of_order()
        self.cursor.reset(mark)
        return announced

    def _and_own(self, condition: AnyCondition) -> AnyCondition:
        """Read the action's own condition in "If the close is above the SMA(200), buy when RSI < 30"."""
        mark = self.cursor.mark()
        self.cursor.take(joins.WHEN)
        own = self.conditions.condition()
        if own is None:
            self.cursor.reset(mark)
            return condition
        return _both(condition, own)

    def _pending_sentence(self) -> None:
        self.cursor.words(joins.HAPPENS, noise=False)

    def _bare_condition(self) -> bool:
        """Read a condition under a heading: "Entry: RSI below 30"."""
        cursor = self.cursor
        cursor.part = "rule"
        if self.draft.section is None:
            return self._listed_condition()
        if self.draft.section[0] not in ("enter", "exit", "filter"):
            return False
        kind, side = self.draft.section
        cursor.words(small.AND, small.ALSO, noise=False)
        if kind == "exit" and self.exits.special(side):
            return True
        self._prepare(kind, side)
        cursor.take(joins.WHEN)
        start = cursor.mark()
        condition = self._whole_condition()
        if condition is None:
            return False
        if kind == "filter":
            self.draft.filters += ((side or self.draft.section_side, condition),)
            self.draft.filter_in_section = True
        else:
            short = self.exits.for_short(side, start, self._whole_condition) if kind == "exit" else None
            self._add_to_section(kind, side, condition, short)
        return True

    def _whole_condition(self) -> AnyCondition | None:
        """Read a condition that names its own subject: "up" alone is none."""
        self.draft.subject = None
        self.conditions.comparisons.elliptic = False
        self.conditions.any_listed = self.draft.any_of is True and self.draft.section is not None
        try:
            return self.conditions.condition()
        finally:
            self.conditions.comparisons.elliptic, self.conditions.any_listed = True, False

    def _listed_condition(self) -> bool:
        """Keep a condition on a line of its own for "if all are true, buy" below it."""
        before = self.cursor.previous()
        if before is not None and before.kind != "nl" and before.norm not in ("*", "-", "•", ".", ")"):
            return False
        self._prepare("enter", "long")
        condition = self._whole_condition()
        self.cursor.symbol(",")
        self.cursor.words(small.AND, noise=False)
        follows = self.cursor.peek()
        if (
            condition is None
            or isinstance(condition, Time)
            or (follows is not None and follows.kind != "nl" and follows.norm != ".")
        ):
            return False
        self.draft.listed += (condition,)
        return True

    def _all_listed(self) -> AnyCondition | None:
        """Read "all are true", "1-4 are true", "any of these conditions is met" of the conditions listed before."""
        cursor = self.cursor
        if not self.draft.listed:
            return None
        some = cursor.words(joins.ANY_LISTED)
        every = cursor.words(joins.ALL_LISTED)
        numbers: list[int] = []
        through = False
        while not (some or every) and (token := cursor.number(percent=False)) is not None:
            through = through or token.attached  # "1-4", whose hyphen joins
            numbers += range(numbers[-1] + 1, int(token.value) + 1) if through and numbers else [int(token.value)]
            through = bool(cursor.symbol("-") or cursor.words(hours.COUNTED_THROUGH, noise=False))
            cursor.symbol(",", "&")
            cursor.words(small.AND, noise=False)
        held = cursor.words(joins.TRUE)
        named = some or every or numbers == list(range(1, len(self.draft.listed) + 1))
        if not held or not named:
            return None
        return (
            AnyOf(conditions=list(self.draft.listed))
            if some and len(self.draft.listed) > 1
            else combined("all", list(self.draft.listed))
        )

    def _listed_action(self) -> bool:
        """Read "if 1-4 are true, then buy" below a list of conditions."""
        cursor = self.cursor
        cursor.part = "rule"
        condition = self._all_listed() if cursor.take(joins.WHEN) else None
        if condition is None:
            return False
        cursor.symbol(",", ":")
        cursor.take(joins.THEN)
        cursor.words(orders.DOERS, noise=False)
        action = self._take_action()
        if action is None:
            return False
        self.draft.listed = ()
        self._objects(action)
        self._add(action[0], action[1], condition)
        return True

    def _add_to_section(
        self, kind: str, side: Side | None, condition: AnyCondition, short: AnyCondition | None = None
    ) -> None:
        """Items of an entry list belong together; items of an exit list are alternatives."""
        draft = self.draft
        together = self.draft.any_of is not True if kind == "enter" else self.draft.any_of is False
        if together and (kind, side) in draft.listed_in and self._add_to_last(kind, side, condition):
            if self.draft.any_of is None:
                text = "The conditions listed for an entry must all be true"
                draft.assume("section_and", text, "any one of them", "entry_rules")
            return
        draft.listed_in |= {(kind, side)}
        if kind == "exit":
            self.exits.add(side, condition, short)
        else:
            self._add(kind, side, condition)

    def _add_to_last(self, kind: str, side: Side | None, condition: AnyCondition) -> bool:
        """Join a condition by and to the last entry or exit of its side."""
        draft = self.draft
        if kind == "enter" and draft.entries and draft.entries[-1][0] == side:
            *rest, (entered, known) = draft.entries
            draft.entries = (*rest, (entered, _both(known, condition)))
            return True
        if kind == "exit" and draft.exits and draft.exits[-1].side == side:
            last = draft.exits[-1]
            draft.exits = (*draft.exits[:-1], replace(last, when=_both(last.when, condition), short=None))
            return True
        return False

    def _reversal(self) -> bool:
        if self.cursor.take(orders.REVERSE):
            self.draft.reversing = True
            return True
        return False

    def _one_side(self) -> bool:
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

    def _note_only_side(self) -> None:
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

    def _otherwise(self) -> bool:
        """Read "otherwise flat", "else go short"."""
        cursor = self.cursor
        if self.draft.last_entry is None:
            return False
        mark = cursor.mark()
        last_side, last_condition = self.draft.last_entry
        if cursor.take(orders.NOTHING) and cursor.take(joins.OTHERWISE):
            return True
        cursor.reset(mark)
        if cursor.take(orders.FLAT) and cursor.take(joins.OTHERWISE):
            self.draft.add_exit(last_side, Not(condition=last_condition))
            return True
        cursor.reset(mark)
        short_side: Side = "short" if last_side == "long" else "long"
        if cursor.take(*orders.OPENING[short_side]) and cursor.take(joins.OTHERWISE):
            away = Not(condition=last_condition)
            self.draft.entries += ((short_side, away),)
            self.draft.add_exit(last_side, away)
            self.draft.add_exit(short_side, last_condition)
            return True
        cursor.reset(mark)
        if not cursor.take(joins.OTHERWISE):
            return False
        cursor.symbol(",")
        if cursor.take(orders.NOTHING):
            return True  # the rules are those that are said; a position is left by its own
        side, condition = self.draft.last_entry
        away = Not(condition=condition)
        mark = cursor.mark()
        action = self._take_action()
        if action is not None and action[0] == "enter" and action[1] != side and action[1] is not None:
            self.draft.entries += ((action[1], away),)
            self.draft.add_exit(side, away)
            self.draft.add_exit(action[1], condition)
            return True
        if action is not None and action[0] in ("exit", "sell"):
            self._objects(action)
            if cursor.looking_at(joins.WHEN, noise=False):
                return self._rest_of_action(action)
            self.draft.add_exit(side, away)
            return True
        cursor.reset(mark)
        if cursor.take(orders.FLAT) or cursor.take(orders.EXIT, orders.SELL):
            self.draft.add_exit(side, away)
            return True
        if cursor.words(orders.GO_SHORT):
            other: Side = "short" if side == "long" else "long"
            self.draft.entries += ((other, away),)
            self.draft.add_exit(side, away)
            self.draft.add_exit(other, condition)
            return True
        return False

    def _while(self) -> bool:
        """Read "long while A", a state that is left when A ends, and "hold while A" behind an entry, which is its way out."""
        cursor = self.cursor
        cursor.part = "rule"
        cursor.words(small.AND, small.BUT, small.THEN, noise=False)
        cursor.words(small.ONLY, noise=False)
        start = cursor.mark()
        if self._held_while():
            return True
        cursor.reset(start)
        side: Side | None = None
        for words, value in (
            (orders.LONG, "long"), (orders.SHORT, "short"), (orders.ENTER_LONG, "long"), (orders.ENTER_SHORT, "short"),
        ):  # fmt: skip
            mark = cursor.mark()
            verb = cursor.words(orders.TO_HOLD)
            held = verb in orders.OWNING and words is orders.LONG and self.settings.symbol(lead=True)
            invested = verb in orders.BEING and words is orders.LONG and cursor.words(orders.INVESTED, noise=False)
            if held or invested or cursor.take(words):
                said = self._said_tail(3)
                self.settings.symbol(lead=True) if not held else None
                cursor.words(orders.HELD_OBJECT)
                state = cursor.words(orders.LASTING, orders.LASTING_ONLY)
                state = state or (
                    cursor.words(orders.WHEN_HELD)
                    if orders.STATE.keys() & said or (words in (orders.LONG, orders.SHORT) and self._otherwise_ahead())
                    else None
                )
                if state:
                    side = value  # type: ignore[assignment]
                    break
            cursor.reset(mark)
        if side is None:
            return False
        self._prepare("enter", side)
        condition = self.conditions.condition()
        if condition is None:
            return False
        self.draft.entries += ((side, condition),)
        self.draft.last_entry = (side, condition)
        if not self._otherwise_ahead():
            self.draft.add_exit(side, Not(condition=condition))
            self.draft.assume("while", "A position held while a condition lasts is closed when it no longer holds")
        return True

    def _held_while(self) -> bool:
        """Read "hold it while A" and "stay long until B" behind an entry, and "stay in the trade while A" anywhere: ways out."""
        cursor = self.cursor
        verb = cursor.words(orders.TO_KEEP)
        trade = verb is not None and cursor.words(orders.THE_TRADE, noise=False) is not None
        named: Side | None = cursor.take(orders.ONE_OF_SIDES, noise=False) if verb and not trade else None
        trade = trade or (verb in orders.HOLD and not named)
        bought = verb is not None and self.settings.symbol(lead=True)
        until = cursor.words(orders.UNTIL, noise=False)
        lasts = until or cursor.words(orders.LASTING, noise=False)
        known = self.draft.last_entry is not None
        if not verb or not lasts or (verb in orders.BE and not trade) or not (until or known or trade):
            return False
        if not known and bought:
            return False  # "Hold GOOG while A" buys it
        near = self.draft.last_entry[0] if self.draft.last_entry is not None else None
        if named or len({side for side, _ in self.draft.entries}) == 2:
            near = named  # None: of both sides
        self._prepare("exit", near)
        self.draft.rising_side = (near == "short") == bool(until)
        condition = self.conditions.condition()
        if condition is None or (isinstance(condition, Time) and not (until and condition.weekdays)):
            return False
        if until:
            self.exits.add(near, condition)
        else:
            if not known and "long" in self.draft.bare_entries:  # "buy and hold it while A"
                self.draft.add_entry("long", condition)
            self.exits.add(near, Not(condition=condition))
            self.draft.assume("while", "A position held while a condition lasts is closed when it no longer holds")
        self._keep_end("exit")
        return True

    def _said_tail(self, count: int) -> set[str]:
        return {t.norm for t in self.cursor.tokens[max(0, self.cursor.position - count) : self.cursor.position]}

    def _otherwise_ahead(self) -> bool:
        """Whether this sentence or the next begins an "otherwise"."""
        for token in self.cursor.tokens[self.cursor.position : self.cursor.position + 60]:
            if token.norm in joins.ELSE:
                return True
        return False

    def _global_filter(self) -> bool:
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
        self._prepare("enter", "long")
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
        mark = self.cursor.mark()
        self.cursor.symbol(",")
        self.cursor.take(joins.THEN)
        found = self._take_action() is not None
        self.cursor.reset(mark)
        return found

    def _global_time(self) -> bool:
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


def _starts_sentence(before: Token | None) -> bool:
    return before is None or before.kind == "nl" or before.norm in (".", ";", "-", "*")


def _ends_sentence(token: Token) -> bool:
    return token.kind == "nl" or token.norm in (".", ";")


def _starts_clause(before: Token | None) -> bool:
    return _starts_sentence(before) or (before is not None and (before.norm in (",", ":") or before.norm in small.AND))


def _both(known: AnyCondition, condition: AnyCondition) -> AnyCondition:
    parts = [*known.conditions, condition] if isinstance(known, All) else [known, condition]
    return All(conditions=parts)


def opposite(condition: AnyCondition) -> AnyCondition | None:
    """Return the opposite of a cross or of a comparison of two series; None for anything else."""
    if isinstance(condition, Cross):
        return condition.model_copy(update={"direction": "below" if condition.direction == "above" else "above"})
    if isinstance(condition, Compare) and condition.left.type != "value" and condition.right.type != "value":
        mirror: dict[str, Any] = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
        return condition.model_copy(update={"op": mirror[condition.op]}) if condition.op in mirror else None
    return None
