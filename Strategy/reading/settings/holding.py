"""The grammar of how long a position is held at most, and how long is waited after it."""

from __future__ import annotations

from Backtest.market import is_intraday
from Strategy.reading.text.grammar import Grammar
from Strategy.reading.text.lexer import Token
from Strategy.words import durations, joins, spans

_CLAUSE_STARTS = ("\n", ",", ".", ";", ":", "-", "*", "(")


class Holding(Grammar):
    """Reads time limits and pauses; each method returns whether it read one."""

    def ahead(self) -> bool:
        """Whether "max 20 bars" or "12 bar time stop" starts here. Takes nothing."""
        mark = self.cursor.mark()
        found = self._bare_limit() is not None or self._limit_behind() is not None
        self.cursor.reset(mark)
        return found

    def limit(self) -> bool:
        """Read "hold for 10 days", "time stop after 20 bars", "max holding 15 days", "12 bar time stop", "max 20 bars"."""
        bars = self.cursor.first((self._named_limit, self._limit_behind, self._bare_limit))
        if bars is not None:
            self.draft.set_time_limit(bars, None)
        return bars is not None

    def _named_limit(self) -> int | None:
        """Read "max holding period: 10 days", "hold for at most 5 bars" as a number of bars."""
        cursor = self.cursor
        start = cursor.position
        if not cursor.take(durations.HOLD):
            return None
        said = " ".join(t.norm for t in cursor.tokens[start : cursor.position])
        cursor.words(durations.HOLD_OF)
        cursor.symbol(":", "=")
        cursor.words(durations.HOLD_AT_MOST)
        if cursor.previous_word() in durations.MAXIMUM:
            cursor.symbol(".")
        token = cursor.number(percent=False)
        if token is None or token.money:
            return None
        unit: str | None = cursor.take(spans.UNIT, noise=False)
        if unit is None and "bars" in said:
            unit = "bar"
        elif unit is None and said.startswith(("max", "holding")):
            unit = self._bars_unsaid(f"{said} {token.value:g}", token.value)
        if unit is None:
            return None
        cursor.words(durations.HOLD_TAIL, noise=True)
        return self.draft.bars(token.value, unit)

    def _bars_unsaid(self, said: str, count: float) -> str | None:
        """Take a number without a unit for bars, where it ends a clause and no finer bars leave its unit open."""
        if not self._at_clause_end() or not float(count).is_integer():
            return None
        if is_intraday(self.draft.timeframe):
            message = f"{said!r} does not say whether bars, hours or days are meant"
            self.draft.problem("error", "no_unit", "text", message, f"Say: {said} bars")
            self.draft.ask(f"What does the number in {said!r} count: bars, hours or days?")
        else:
            self.draft.assume("bars", f"{said!r} is meant in bars", "in another unit")
        return "bar"

    def _limit_behind(self) -> int | None:
        """Read "12 bar time stop", "10-day maximum holding period"."""
        span = self.cursor.span()
        if span is None or not self.cursor.take(durations.TIME_LIMIT, noise=False):
            return None
        return self.draft.bars(*span)

    def _bare_limit(self) -> int | None:
        """Read "max 20 bars" as a clause of its own, and "at most 8 days in the trade" anywhere."""
        cursor = self.cursor
        before = cursor.previous()
        most = cursor.words(durations.AT_MOST, noise=False)
        token = cursor.number(percent=False, noise=False) if most else None
        unit = cursor.take(spans.UNIT, noise=False) if token is not None else None
        if token is None or unit is None:
            return None
        held = cursor.words(durations.HELD_TAIL, noise=False)
        own = most in durations.MOST and self._starts_clause(before) and self._at_clause_end()
        return self.draft.bars(token.value, unit) if held or own else None

    @staticmethod
    def _starts_clause(before: Token | None) -> bool:
        return before is None or before.norm in _CLAUSE_STARTS or before.norm in durations.LIMIT_STARTS

    def _at_clause_end(self) -> bool:
        return self.cursor.clause_ends(joins.CLAUSE_JOINS, marks=",.;)!")

    def pause(self) -> bool:
        """Read "wait 5 bars after each exit", "after an exit, wait 5 bars", "cooldown: 5", "4-bar cooldown"."""
        cursor = self.cursor
        if cursor.take(durations.AFTER_EXIT, noise=False):
            cursor.symbol(",")
        before = cursor.number(percent=False)
        length = cursor.take(spans.UNIT, noise=False) if before else None
        start = cursor.position
        if not cursor.take(durations.COOLDOWN):
            return False
        if before is not None:
            return self._paused(self.draft.bars(before.value, length)) if length is not None else False
        said = " ".join(t.norm for t in cursor.tokens[start : cursor.position])
        cursor.words(durations.PAUSE_OF)
        cursor.symbol(":", "=")
        token = cursor.number(percent=False)
        unit = cursor.take(spans.UNIT, noise=False) if token else None
        if token is None or token.money:
            return False
        if unit is None and "cool" in said:
            unit = self._bars_unsaid(f"{said} {token.value:g}", token.value)
        return self._paused(self.draft.bars(token.value, unit)) if unit is not None else False

    def _between_entries(self, bars: int) -> bool:
        """Ask about a pause that counts from an entry: every pause follows an exit."""
        said = self.cursor.words(durations.FROM_ENTRIES)
        if said is None:
            return False
        message = f"A pause {said!r} is not supported: it is counted from each exit"
        self.draft.problem("error", "unsupported_pause", "text", message, f"Say: wait {bars} bars after each exit")
        self.draft.ask(
            f"Shall {bars} bars be waited after each exit instead of {said!r}, or shall the pause be left out?"
        )
        return True

    def _paused(self, bars: int) -> bool:
        """Read after what is waited; a pause after losses or stops alone is asked about."""
        cursor = self.cursor
        while not self._between_entries(bars) and cursor.take(durations.AFTER_EXIT, noise=True):
            pass
        start = cursor.position
        if cursor.take(durations.AFTER_SOME_EXITS, noise=False):
            said = " ".join(t.norm for t in cursor.tokens[start : cursor.position])
            message = f"A pause that follows some exits only, {said!r}, is not supported: it follows every exit"
            self.draft.problem("error", "unsupported_pause", "text", message, f"Say: wait {bars} bars after each exit")
            self.draft.ask(f"Shall the pause of {bars} bars follow every exit, or be left out?")
        self.draft.set_risk("cooldown_bars", bars)
        return True
