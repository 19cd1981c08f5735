"""How a rule that was read joins those of the text: an entry, an exit, an item of a section."""

from __future__ import annotations

from dataclasses import dataclass, replace

from Backtest.canonical import All, AnyCondition, Side
from Strategy.reading.rules.exit_grammar import Exits
from Strategy.reading.text.grammar import Grammar


def both_of(known: AnyCondition, condition: AnyCondition) -> AnyCondition:
    parts = [*known.conditions, condition] if isinstance(known, All) else [known, condition]
    return All(conditions=parts)


@dataclass(eq=False)
class Rules(Grammar):
    """Adds rules to the draft."""

    exits: Exits

    def add(self, kind: str, side: Side | None, condition: AnyCondition) -> None:
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

    def add_to_section(
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
            self.add(kind, side, condition)

    def _add_to_last(self, kind: str, side: Side | None, condition: AnyCondition) -> bool:
        """Join a condition by and to the last entry or exit of its side."""
        draft = self.draft
        if kind == "enter" and draft.entries and draft.entries[-1][0] == side:
            *rest, (entered, known) = draft.entries
            draft.entries = (*rest, (entered, both_of(known, condition)))
            return True
        if kind == "exit" and draft.exits and draft.exits[-1].side == side:
            last = draft.exits[-1]
            draft.exits = (*draft.exits[:-1], replace(last, when=both_of(last.when, condition), short=None))
            return True
        return False
