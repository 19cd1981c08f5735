"""Whose a limit behind an exit is: "buy when A, sell when B, only on Mondays"."""

from __future__ import annotations

from dataclasses import dataclass

from Backtest.canonical import Time
from Strategy.reading.conditions.clock_grammar import ClockGrammar
from Strategy.reading.text.grammar import Grammar
from Strategy.words import joins, small


@dataclass(eq=False)
class LimitGrammar(Grammar):
    """Says whose a limit is, or asks."""

    clock: ClockGrammar

    def whose(self, at: int, *, apart: bool) -> None:
        """Say whose the limit at a token is where it stands behind an exit.

        Set apart behind "buy when A, sell when B", ", only on Mondays" or "but not on Mondays" may be of entries, exits or both, and is asked about. "Not on
        Mondays" or "unless C" right behind the exit is the exit's, and so is a time of day, and whatever is behind an exit in
        a sentence of its own: an assumption.
        """
        if not self.draft.exit_rule:
            return
        words = [t.norm for t in self.cursor.tokens[at : at + 3]]
        but = words[:1] == [*small.BUT] and not self._time_of_day(at)
        words = words[1:] if words and words[0] in small.AND_OR_BUT else words
        of_filter = len(words) > 1 and words[1] in joins.OF_FILTERS
        if not words or (words[0] not in joins.UNLESS and words[0] not in joins.LIMITING):
            return
        if words[0] in joins.LIMITING_FILTERS and not of_filter:
            return
        said = " ".join(words[:2]) if of_filter else words[0]
        if self.draft.behind_entry and (apart or but) and words[0] not in joins.UNLESS:
            self.draft.ask_whose(said)
        else:
            text = f"'{said} ...' limits the exit that it stands behind"
            self.draft.assume("filter_of", text, "the entries, or both", "exit_rules")

    def _time_of_day(self, at: int) -> bool:
        """Whether "but only before 15:40" stands at a token: a time of day and no weekday. Takes nothing."""
        mark = self.cursor.mark()
        self.cursor.position = at
        self.cursor.words(joins.BUT_ONLY, noise=False)
        found = self.clock.time()
        self.cursor.reset(mark)
        return isinstance(found, Time) and not found.weekdays
