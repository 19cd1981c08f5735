"""The grammar of statements: what to do when, risk, size, settings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import ValidationError

from Backtest.canonical import AnyCondition, Side, Time
from Strategy.reading.conditions.condition_grammar import Conditions
from Strategy.reading.rules.exit_grammar import Exits
from Strategy.reading.rules.filter_grammar import Filters, ends_sentence
from Strategy.reading.rules.layout import Layout
from Strategy.reading.rules.listed_conditions import ListedConditions
from Strategy.reading.rules.order_grammar import Action, OrderGrammar
from Strategy.reading.rules.rules import Rules, both_of
from Strategy.reading.rules.side_grammar import Sides
from Strategy.reading.rules.state_grammar import States
from Strategy.reading.settings.risk_grammar import RiskGrammar
from Strategy.reading.settings.settings_grammar import Settings
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.text.lexer import Token
from Strategy.words import comparing, hours, joins, orders, protection, small, trie, vocabulary


@dataclass(eq=False)
class Statements(Grammar):
    """Reads statement after statement; what none of them understands is left to be reported."""

    def __post_init__(self) -> None:
        self.conditions = Conditions(self.cursor, self.draft, self.at_boundary)
        self.settings = Settings(self.cursor, self.draft, self.conditions.operands.frames)
        self.risk = RiskGrammar(self.cursor, self.draft, self.conditions.operands)
        self.layout = Layout(self.cursor, self.draft, self.risk)
        self.exits = Exits(self.cursor, self.draft, self.conditions, self.risk)
        self.orders = OrderGrammar(self.cursor, self.draft, self.conditions, self.exits, self.risk, self.settings)
        self.sides = Sides(self.cursor, self.draft)
        self.filters = Filters(self.cursor, self.draft, self.conditions, self.orders)
        self.rules = Rules(self.cursor, self.draft, self.exits)
        self.lists = ListedConditions(self.cursor, self.draft, self.conditions, self.exits, self.orders, self.rules)
        self.states = States(
            self.cursor, self.draft, self.conditions, self.exits, self.orders, self.settings, self._rest_of_action
        )

    def read(self) -> None:
        """Read the whole text."""
        cursor = self.cursor
        self.sides.note_only()
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
                self.sides.read,
                self._target_line,
                self.risk.read,
                self.states.otherwise,
                self.states.lasting,
                self._time_first,
                self._move_first,
                self._action,
                self.filters.of_condition,
                self.lists.listed_action,
                self._condition_first,
                self.settings.read,
                self.filters.of_time,
                self.lists.bare_condition,
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
        self.sides.note_longs()
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
            if self.orders.take() is not None or cursor.looking_at(joins.OTHERWISE):
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
        """Whether a condition and an action stand here: "RSI < 30, then buy"."""
        cursor = self.cursor
        condition = self.conditions.condition() if self.conditions.depth < 4 else None
        if condition is None:
            return False
        cursor.symbol(",")
        cursor.take(joins.THEN)
        return self.orders.take() is not None

    def _behind_entry(self) -> bool:
        """Whether the action that is read stands in the sentence of an entry: "buy when A, sell ..."."""
        entry = self.draft.entry_end
        if entry is None:
            return False
        return not any(ends_sentence(t) for t in self.cursor.tokens[entry : self.cursor.position])

    def _action(self) -> bool:
        """Read a statement that begins with its action: "buy when RSI < 30", "then sell at the close"."""
        cursor = self.cursor
        cursor.words(joins.AND_SO_ON, noise=False)
        cursor.take(joins.THEN, noise=False)
        cursor.part = "rule"
        cursor.words(orders.DOERS, noise=False)
        self.draft.action_start = cursor.position
        cursor.words(small.ALWAYS, small.ONLY, noise=False)
        action = self.orders.take()
        if action is None:
            return False
        cursor.symbol(":")
        self.orders.objects(action)
        return self._rest_of_action(action)

    def _rest_of_action(self, action: Action) -> bool:
        """Read what stands behind an action: its condition, a list of them, or a level or time at which a position is left."""
        cursor, draft = self.cursor, self.draft
        kind, side = action
        self.draft.begin_rule(kind, side)
        draft.behind_entry = kind in ("exit", "sell") and self._behind_entry()
        mark = cursor.mark()
        apart, levels = self.draft.at_close and cursor.looking_at_symbol(","), draft.risk
        if kind in ("exit", "sell") and self.exits.special(side, kind):
            if apart and draft.risk is not levels and draft.risk.get("max_bars") == levels.get("max_bars"):
                draft.bare_at_close |= {"exit"}  # "sell at the close, stop 2%"
            self.draft.end_rule(self.cursor.position, kind)
            return True
        cursor.reset(mark)
        cursor.symbol(",")
        cursor.take(joins.WHEN, joins.WHILE)
        if self.lists.following(action):
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
                self.sides.note_bare_buy(self.draft.action_start, start.position, condition)
            draft.add_entry(side, condition, only=any(token.norm in small.ONLY for token in said))
        else:
            self.rules.add(kind, side, condition)
        self.draft.end_rule(self.cursor.position, kind)
        return True

    def _condition_of(self, kind: str) -> AnyCondition | None:
        """Read the condition of an action, or the level in "exit at the middle band"."""
        condition = self.conditions.condition()
        at = condition is None and self.cursor.words(small.AT, small.WITH, small.IN, noise=False)
        if condition is None and (at or self.cursor.previous_word() in small.ON):
            movements = self.conditions.predicates.movements
            condition = movements.touches.level_reached() or self.conditions.condition()
            if condition is None:
                condition = movements.touches.touch() if kind != "enter" else movements.touches.touch_of_entry()
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
        self.draft.begin_rule("exit", None)
        start = cursor.mark()
        touch = self.conditions.predicates.movements.touches.touch_of_line
        condition = touch()
        if condition is None:
            return False
        self.exits.add(None, condition, self.exits.for_short(None, start, touch), start.position)
        self.draft.end_rule(self.cursor.position, "exit")
        return True

    def _opposite_entry(self, side: Side) -> bool:
        """Read "short vice versa", "go short on the opposite"."""
        cursor = self.cursor
        cursor.words(orders.OPPOSITE_LEAD)
        if cursor.take(orders.OPPOSITE):
            self.draft.opposite_entries |= {side}
            return True
        return False

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
        self.orders.objects(action)
        if self._has_own_condition(introduced=bool(introduced)):
            if not introduced or not _starts_sentence(before):
                return False  # "RSI < 30, exit when RSI > 70": the action belongs to what follows it
            condition = self._and_own(condition)
        if action == ("exit", None):
            self.exits.add(None, condition, self.exits.for_short(None, start, self.conditions.condition))
        else:
            if action == ("enter", "long"):
                self.sides.note_bare_buy(self.draft.action_start, action_end, condition)
            self.rules.add(action[0], action[1], condition)
        self.draft.end_rule(self.cursor.position, action[0])
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
                self.draft.begin_rule(*action)
            else:
                self.draft.begin_rule("enter", "long")
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
            action = self.orders.take()
            if action is None or self._is_label():
                return None
        return None if condition is None or action is None else (condition, action)

    def _has_own_condition(self, *, introduced: bool) -> bool:
        """Whether a condition follows an action: behind "when", or, in a list of labels, without it."""
        mark = self.cursor.mark()
        own = self.cursor.take(joins.WHEN, noise=False) or (not introduced and self.conditions.condition() is not None)
        self.cursor.reset(mark)
        return bool(own)

    def _move_first(self) -> bool:
        """Read "When the price drops 5%, sell"."""
        cursor = self.cursor
        cursor.words(joins.AND_SO_ON, noise=False)
        cursor.part = "risk"
        if not cursor.take(joins.WHEN) or not self.risk.moves.read(None):
            return False
        action = self.orders.behind_condition()
        if action is None or action[0] == "enter":
            return False
        self.orders.objects(action)
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
        action = self.orders.behind_condition() if found is not None else None
        if found is None or action is None or action[0] == "enter":
            return False
        self.orders.objects(action)
        if cursor.looking_at(joins.WHEN):
            return False
        self.draft.add_exit("long" if action[0] == "sell" else action[1], found, everything=action == ("exit", None))
        return True

    def _is_label(self) -> bool:
        """Whether a colon or a dash behind an action announces what follows: "RSI < 30, Exit: RSI > 70"."""
        mark = self.cursor.mark()
        announced = self.cursor.symbol(":", "=", "-") is not None and not self.risk.sizes.size_of_order()
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
        return both_of(condition, own)

    def _pending_sentence(self) -> None:
        self.cursor.words(joins.HAPPENS, noise=False)

    def _reversal(self) -> bool:
        if self.cursor.take(orders.REVERSE):
            self.draft.reversing = True
            return True
        return False


def _starts_sentence(before: Token | None) -> bool:
    return before is None or before.kind == "nl" or before.norm in (".", ";", "-", "*")


def _starts_clause(before: Token | None) -> bool:
    return _starts_sentence(before) or (before is not None and (before.norm in (",", ":") or before.norm in small.AND))
