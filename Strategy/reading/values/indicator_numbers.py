"""Which numbers an indicator has where the text gives it none, too many, or two different ones."""

from __future__ import annotations

from Backtest.canonical import IndicatorBase
from Backtest.indicators import REGISTRY, IndicatorEntry
from Backtest.market import in_words, is_intraday, seconds
from Strategy.reading.text.grammar import Grammar
from Strategy.words import indicator_words


class IndicatorNumbers(Grammar):
    """Settles an indicator's numbers from what was said before, or asks."""

    def ask_of_greatest(self, entry: IndicatorEntry, source: str | None) -> None:
        """Ask about "the highest of open and previous close", which may be the greater of the two."""
        if source is None:
            return
        said = f"the {entry.name.lower()} of {source.lower()} and ..."
        message = f"{said!r} may be over a number of bars, or one of the two that are named"
        self.draft.problem("error", "greatest", "text", message, f"Say: above the {source.lower()} and above the other")
        self.draft.ask(f"Is {said!r} over the last bars, of how many, or one of the two named?")

    def said_without_numbers(self, entry: IndicatorEntry) -> list[IndicatorBase]:
        """Return the indicator that the text gives numbers, stops and targets included; ask which where it gives two different."""
        draft = self.draft
        given = [i for i in draft.numbered.values() if i.name == entry.name]
        if not given:
            draft.bare |= {entry.name}
        elif len(given) > 1:
            self._ask_which_numbers(entry, [entry.setting(i.params) for i in given])
        refs = [draft.indicator(i.name, dict(i.params)) for i in given[-1:]]
        return [draft.indicators[ref.id] for ref in refs]

    def ask_of_bare(self, entry: IndicatorEntry, found: str) -> None:
        """Ask about "RSI < 30 and RSI(2) < 10", where the first RSI was taken for the usual one."""
        item = self.draft.indicators[found]
        usual = [p.default for p in entry.params]
        other = list(item.params.values()) != usual and found not in self.draft.numbered
        if other and entry.name in self.draft.bare:
            self._ask_which_numbers(entry, [entry.setting({}), entry.setting(item.params)])

    def _ask_which_numbers(self, entry: IndicatorEntry, settings: list[str]) -> None:
        both = [f"{entry.name}({setting})" for setting in settings]
        message = f"{entry.name} is said without its numbers, and may be {' or '.join(both)}"
        self.draft.problem("error", "which_numbers", "text", message, f"Say it with its numbers, such as {both[0]}")
        self.draft.ask(f"Which {entry.name} is meant where it has no numbers: {' or '.join(both)}?")

    def surplus(self, entry: IndicatorEntry, numbers: list[float]) -> None:
        """Ask about numbers that an indicator has no parameter for."""
        said = ", ".join(f"{n:g}" for n in numbers)
        names = " and ".join(", ".join(p.name.replace("timeperiod", "period") for p in entry.params).rsplit(", ", 1))
        takes = f"takes only its {names} ({entry.setting({})} is usual)" if entry.params else "takes no numbers"
        self.draft.problem(
            "error", "parameters", "text", f"{entry.name}({said}) has too many numbers: {entry.name} {takes}",
            "Leave out the numbers that are too many",
        )  # fmt: skip
        if not entry.params:
            self.draft.ask(f"What is meant by {entry.name}({said})? {entry.name} {takes}.")
        else:
            self.draft.ask(f"Which numbers are meant in {entry.name}({said})? {entry.name} {takes}.")

    def rolling(self, entry: IndicatorEntry, start: int | None) -> bool:
        """Whether an indicator's last bars are meant: said so ("rolling VWAP"), or with a period earlier in the text."""
        said = self.cursor.tokens[start or 0 : self.cursor.position] if start is not None else []
        known = any(i.name == entry.name and i.timeframe is None for i in self.draft.indicators.values())
        return known or any(token.norm in indicator_words.MOVING for token in said)

    def by_session(
        self, entry: IndicatorEntry, ahead: str | None, frame: str | None
    ) -> tuple[IndicatorEntry, list[float], str | None]:
        """Return what a name without a period stands for: the session's on bars finer than a day, else the last bars.

        `ahead` is the time frame said in front of it: the "daily VWAP" of finer bars is the session's.
        """
        draft, bars = self.draft, frame or self.draft.timeframe
        usual = [p.default for p in entry.params]
        rolling = f"{entry.name}({entry.params[0].as_text(usual[0])})"
        if ahead is not None and ahead != draft.timeframe and seconds(ahead) > seconds("1d"):
            message = f"{entry.name} from the beginning of each {in_words(ahead)} bar on is not supported"
            draft.problem("error", "anchor", "text", message, f"Use the session's, or a period such as {rolling}")
            draft.ask(f"Which {entry.name} is meant: the session's, or over how many {in_words(ahead)} bars?")
        elif is_intraday(bars) or (ahead == "1d" and is_intraday(draft.timeframe)):
            session = REGISTRY[entry.by_session]
            text = f"{entry.name} is the {session.called}: it begins anew at each session's open"
            draft.assume("session", text, f"over the last bars, as {rolling}", "indicators")
            return session, [], frame if is_intraday(bars) else None
        else:
            text = f"On {in_words(bars)} bars a session has one bar, so {entry.name} is over {usual[0]:g} bars"
            draft.assume("session", text, "the session's, on bars finer than a day", "indicators")
        return entry, usual, frame
