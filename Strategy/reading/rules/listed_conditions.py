"""The grammar of conditions that are listed: below a heading, below "all of the following", above "if all are true, buy"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import AnyCondition, AnyOf, Time
from Strategy.reading.conditions.choices import combined
from Strategy.reading.conditions.condition_grammar import Conditions
from Strategy.reading.rules.exit_grammar import Exits
from Strategy.reading.rules.order_grammar import Action, OrderGrammar
from Strategy.reading.rules.rules import Rules
from Strategy.reading.text.grammar import Grammar
from Strategy.words import hours, joins, small


@dataclass(eq=False)
class ListedConditions(Grammar):
    """Reads listed conditions; each method returns whether it read something."""

    conditions: Conditions
    exits: Exits
    orders: OrderGrammar
    rules: Rules

    def following(self, action: Action) -> bool:
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

    def bare_condition(self) -> bool:
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
        self.draft.begin_rule(kind, side)
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
            self.rules.add_to_section(kind, side, condition, short)
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
        self.draft.begin_rule("enter", "long")
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

    def listed_action(self) -> bool:
        """Read "if 1-4 are true, then buy" below a list of conditions."""
        cursor = self.cursor
        cursor.part = "rule"
        condition = self._all_listed() if cursor.take(joins.WHEN) else None
        if condition is None:
            return False
        action = self.orders.behind_condition()
        if action is None:
            return False
        self.draft.listed = ()
        self.orders.objects(action)
        self.rules.add(action[0], action[1], condition)
        return True
