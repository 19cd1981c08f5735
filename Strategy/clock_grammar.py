"""The grammar of days, hours and sessions."""

from __future__ import annotations

from typing import get_args

from Backtest.canonical import (
    AnyCondition,
    Time,
    Weekday,
)
from Backtest.timeframes import in_words, is_intraday, seconds
from Strategy.cursor import Cursor, Mark
from Strategy.draft import Draft

_UNTIL = (
    "by", "before", "no later than", "not later than", "until", "till", "up to", "earlier than", "just before", "right before", "on or before", "at or before", "if not closed by",
    "at the latest by", "at the latest at", "latest by", "latest at", "at the latest",
)  # fmt: skip
_FROM = (
    "after", "at", "from", "past", "as of", "starting at", "starting from", "at or after", "on or after", "once it is", "once it's", "around",
    "any time after", "anytime after", "at exactly", "exactly at", "shortly after", "right after", "when it is", "if still open at", "if still in a trade at", "if still in a position at", "when it's",
)  # fmt: skip
_EVERY_DAY = (
    "every day", "each day", "daily", "the same day", "on the same day", "same day", "regardless", "no matter what", "in any case", "sharp", "today",
    "of the same day", "of each day", "of every day", "on each day",
)  # fmt: skip
_AT_OPEN = (
    "at the open",
    "on the open",
    "at open",
    "at the market open",
    "at market open",
    "at the opening",
    "at the opening bell",
)
_EACH = ("every", "each", "on every", "on each", "only every", "only on every")
_NAMES: dict[Weekday, str] = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
_OF_WEEKDAY: dict[str, Weekday] = {f"{name.lower()}{s}": day for day, name in _NAMES.items() for s in ("'s", "")}
_AT_CLOSE = (
    "at the close",
    "on the close",
    "at close",
    "at the market close",
    "at market close",
    "at the closing bell",
)


class Clock:
    """Reads when: weekdays, times of day, sessions."""

    def __init__(self, cursor: Cursor, draft: Draft) -> None:
        self.cursor = cursor
        self.draft = draft

    def time(self) -> AnyCondition | None:
        cursor = self.cursor
        lead = cursor.take("BAR_FALLS")
        if (session := self._session()) is not None:
            return session
        mark = cursor.mark()
        cursor.words("on", "only on", *_EACH, noise=False)
        if (close := self._weekdays_close(mark)) is not None:
            return close
        days = self.weekdays()
        if not days:
            cursor.reset(mark)
        elif cursor.words(*_AT_OPEN, noise=False) or self._behind_open(mark):
            self._ask_of_open("at the open of " + " and ".join(_NAMES[day] for day in days))
        elif cursor.words(*_AT_CLOSE, noise=False):
            self._filled_at_close("at the close of " + " and ".join(_NAMES[day] for day in days))
        window = self._clock_window()
        if not days and window is None:
            return None
        zone = self._zone() if window or lead else None
        start, end = window or (None, None)
        return Time(weekdays=days, start=start, end=end, timezone=zone)

    def _weekdays_close(self, start: Mark) -> Time | None:
        """Read "every Friday's close" and "Friday close": an order of that day which is filled at its close. Ask about "Monday's open"."""
        cursor = self.cursor
        cursor.words("at", "at the", "at each", "at every", noise=False)
        token = cursor.peek()
        day = _OF_WEEKDAY.get(token.norm) if token is not None else None
        if day is None:
            cursor.reset(start)
            cursor.words("on", "only on", *_EACH, noise=False)
            return None
        cursor.advance(1)
        price = cursor.words(
            "closing price", "closing bell", "close", "opening price", "opening bell", "open", noise=False
        )
        if price is None or cursor.looking_at("ABOVE", "CROSS", "CROSSES", "RISING", "BETWEEN", noise=True):
            cursor.reset(start)
            cursor.words("on", "only on", *_EACH, noise=False)
            return None
        said = f"{cursor.tokens[cursor.position - len(price.split()) - 1].norm} {price}".capitalize()
        if price.startswith("open") and self.draft.timeframe == "1d":
            self._ask_of_open(said)
        else:
            self._filled_at_close(said)
        return Time(weekdays=[day])

    def _filled_at_close(self, said: str) -> None:
        """Fill orders at the close, of daily bars; ask which bar is meant of others."""
        draft = self.draft
        if is_intraday(draft.timeframe):
            message = f"The bar of {said!r} cannot be told of the other {in_words(draft.timeframe)} bars of the day"
            draft.problem("error", "fill_day", "text", message, "Say the time of the bar, such as: Fridays after 15:55")
            draft.ask(f"At what time is {said!r}?")
        elif draft.timeframe != "1d":
            message = f"{said!r} is that of a day, and cannot be told of {in_words(draft.timeframe)} bars"
            draft.problem("error", "fill_day", "text", message, "Trade on daily bars")
            draft.ask(f"Shall it trade on daily bars, so that {said!r} can be told?")
        else:
            draft.fill_at_close("exit" if draft.exit_rule else "enter")

    def _behind_open(self, start: Mark) -> bool:
        """Whether "at the open" stands right before a day: "buy at the open on Mondays"."""
        said = [token.norm for token in self.cursor.tokens[max(0, start.position - 5) : start.position]]
        said = said[:-1] if said and said[-1] in ("on", "of", "every", "each") else said
        return any(said[-len(words.split()) :] == words.split() for words in _AT_OPEN)

    def _ask_of_open(self, said: str) -> None:
        """Ask at which close an order is decided that is to be filled at a day's open, on bars of a day or longer."""
        if is_intraday(self.draft.timeframe) or "exact" in self.draft.flags:
            return
        message = f"No order can be filled at {said!r}: a rule is judged at a bar's close and filled there or at the next bar's open"
        remedy = "Say the day at whose close it is decided, such as: buy on Fridays, filled at the next open"
        self.draft.problem("error", "fill_day", "text", message, remedy)
        self.draft.ask(f"At which day's close shall the order {said!r} be decided?")

    def exit_ahead(self) -> bool:
        """Whether a time of day at which a position is left stands here. Takes nothing."""
        mark = self.cursor.mark()
        found = self.exit_time() is not None
        self.cursor.reset(mark)
        return found

    def exit_time(self) -> Time | None:
        """Read when a position is left at the latest: "after 15:50", "by 15:50", "at 15:50".

        "After", "from" and "at" are the bars that begin at that time or later. "By" and "before"
        mean to be flat at that time: the last bar whose order is filled by then, and all after it.
        """
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words(
            "positions", "the position", "position", "trades", "the trade", "everything", "all", "open positions"
        )
        cursor.take("BAR_FALLS")
        lead = cursor.words(*_UNTIL, *_FROM, noise=False)
        cursor.words("at", "the close of", noise=False)
        said = self._clock()
        if said is None:
            cursor.reset(mark)
            return None
        zone = self._zone()
        latest = bool(cursor.words("at the latest", "latest", "or earlier", "or before", "at most", noise=False))
        zone = zone or self._zone()
        cursor.words(*_EVERY_DAY, noise=False)
        latest = latest or lead in _UNTIL
        start = self._last_bar_before(said) if latest else said
        if start == "00:00":
            cursor.reset(mark)
            return None
        if latest:
            text = f"Flat by {said}: the exit is decided on the last bar whose order is filled by {said}"
            self.draft.assume("flat_by", text, f"on the bar that begins at {said}", "exit_rules")
        elif is_intraday(self.draft.timeframe):
            text = (
                f"Out at {said}: decided at the close of the first bar that begins then or later, and filled after it"
            )
            self.draft.assume("out_at", text, f"filled by {said}, as 'by {said}' is", "exit_rules")
        return Time(start=start, end="00:00", timezone=zone)

    def _last_bar_before(self, clock: str) -> str:
        """Return the start of the window whose first bar's order, filled at the next open, is filled by a time.

        Bars of up to 30 minutes begin at multiples of their length after midnight. Longer ones may begin
        at any minute, hourly ones at 9:30, so that their window begins two lengths before the time.
        """
        length = seconds(self.draft.timeframe) // 60
        minute = int(clock[:2]) * 60 + int(clock[3:])
        start = minute // length * length - length if length <= 30 else minute - 2 * length + 1
        start = max(start, 0)
        return f"{start // 60:02d}:{start % 60:02d}"

    def weekdays(self) -> list[Weekday]:
        """Read "Monday, Tuesday or Friday", "weekdays", "Monday to Thursday"."""
        cursor = self.cursor
        order: list[Weekday] = list(get_args(Weekday))
        days: list[Weekday] = []
        group = cursor.take("DAYS")
        if group:
            return list(group)
        while True:
            mark = cursor.mark()
            if days:
                cursor.symbol(",")
                cursor.words("or on", "and on", "or", "and", noise=False)
                if through := cursor.words("to", "through", "-", noise=False):
                    end = cursor.take("WEEKDAY")
                    if end and through:
                        first, last = order.index(days[-1]), order.index(end)
                        span = order[first : last + 1] if first <= last else order[first:] + order[: last + 1]
                        days += [d for d in span if d not in days]
                        continue
            day = cursor.take("WEEKDAY", noise=not days)
            if day is None:
                cursor.reset(mark)
                return days
            if day not in days:
                days.append(day)

    def _session(self) -> AnyCondition | None:
        cursor = self.cursor
        cursor.words("during the", "during", "in the", "within the", "in", noise=False)
        found = cursor.take("SESSION")
        if found is None:
            return None
        start, end, zone = found
        self.draft.assume("session", f"The session runs from {start} to {end} {zone} time")
        return Time(start=start, end=end, timezone=zone)

    def _clock(self) -> str | None:
        cursor = self.cursor
        token = cursor.kind("clock", noise=False)
        if token is not None:
            return token.norm if token.norm < "24" else None
        if cursor.words("noon"):
            return "12:00"
        if cursor.words("midnight"):
            return "00:00"
        return None

    def _clock_window(self) -> tuple[str, str] | None:
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words("between", "from", "during", noise=False):
            start = self._clock()
            if start and cursor.words("and", "to", "until", "till", "-", noise=False) and (end := self._clock()):
                return start, end
        cursor.reset(mark)
        if cursor.words("after", "later than", noise=False) and (start := self._clock()):
            cursor_mark = cursor.mark()
            if cursor.words("and before", "but before", noise=False) and (end := self._clock()):
                return start, end
            cursor.reset(cursor_mark)
            return start, "00:00"
        cursor.reset(mark)
        if cursor.words("before", "earlier than", noise=False) and (end := self._clock()):
            return "00:00", end
        cursor.reset(mark)
        return None

    def _zone(self) -> str | None:
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words("in", noise=False)
        zone = cursor.take("ZONE", noise=False)
        if zone is None:
            token = cursor.peek()
            if token is not None and token.kind == "word" and "/" in token.norm:
                zone = cursor.kind("word", noise=False).norm  # type: ignore[union-attr]
        if zone is None:
            cursor.reset(mark)
            return None
        cursor.words("time", noise=False)
        return str(zone)
