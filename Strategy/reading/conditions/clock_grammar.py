"""The grammar of days, hours and sessions."""

from __future__ import annotations

from typing import get_args

from Backtest.canonical import AnyCondition, Time, Weekday
from Backtest.market import in_words, is_intraday, seconds
from Strategy.reading.text.cursor import Mark
from Strategy.reading.text.grammar import Grammar
from Strategy.words import comparing, hours, moving, small

_NAMES: dict[Weekday, str] = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip


class ClockGrammar(Grammar):
    """Reads when: weekdays, times of day, sessions."""

    def time(self) -> AnyCondition | None:
        """Read "on Mondays", "on Fridays at the close", "between 9:30 and 11:00 New York time", "during the London session"."""
        cursor = self.cursor
        lead = cursor.take(hours.BAR_FALLS)
        if (session := self._session()) is not None:
            return session
        mark = cursor.mark()
        cursor.words(hours.ON_ONLY, hours.EACH, noise=False)
        if (close := self._weekdays_close(mark)) is not None:
            return close
        days = self.weekdays()
        if not days:
            cursor.reset(mark)
        elif cursor.words(hours.AT_OPEN, noise=False) or self._behind_open(mark):
            self._ask_of_open("at the open of " + " and ".join(_NAMES[day] for day in days))
        elif cursor.words(hours.AT_CLOSE, noise=False):
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
        cursor.words(hours.AT_EACH, noise=False)
        token = cursor.peek()
        day = hours.NAMED_WEEKDAY.get(token.norm.removesuffix("'s")) if token is not None else None
        if day is None:
            cursor.reset(start)
            cursor.words(hours.ON_ONLY, hours.EACH, noise=False)
            return None
        cursor.advance(1)
        price = cursor.words(hours.DAYS_PRICE, noise=False)
        if price is None or cursor.looking_at(
            comparing.ABOVE, comparing.CROSS, comparing.CROSSES, moving.RISING, comparing.BETWEEN, noise=True
        ):
            cursor.reset(start)
            cursor.words(hours.ON_ONLY, hours.EACH, noise=False)
            return None
        said = f"{cursor.tokens[cursor.position - len(price.split()) - 1].norm} {price}".capitalize()
        if price in hours.DAYS_OPEN and self.draft.timeframe == "1d":
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
        said = said[:-1] if said and said[-1] in hours.BEFORE_DAY else said
        return any(said[-len(words.split()) :] == words.split() for words in hours.AT_OPEN)

    def _ask_of_open(self, said: str) -> None:
        """Ask at which close an order is decided that is to be filled at a day's open, on bars of a day or longer."""
        if is_intraday(self.draft.timeframe):
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
        cursor.words(hours.WHAT_IS_LEFT)
        cursor.take(hours.BAR_FALLS)
        lead = cursor.words(hours.UNTIL, hours.FROM, noise=False)
        cursor.words(hours.AT_THE_CLOSE_OF, noise=False)
        said = self._clock()
        if said is None:
            cursor.reset(mark)
            return None
        zone = self._zone()
        latest = bool(cursor.words(hours.AT_THE_LATEST, noise=False))
        zone = zone or self._zone()
        cursor.words(hours.EVERY_DAY, noise=False)
        latest = latest or lead in hours.UNTIL
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
        group = cursor.take(hours.DAYS)
        if group:
            return list(group)
        while True:
            mark = cursor.mark()
            if days:
                cursor.symbol(",")
                cursor.words(hours.OR_ON, noise=False)
                if through := cursor.words(hours.THROUGH, noise=False):
                    end = cursor.take(hours.WEEKDAY)
                    if end and through:
                        first, last = order.index(days[-1]), order.index(end)
                        span = order[first : last + 1] if first <= last else order[first:] + order[: last + 1]
                        days += [d for d in span if d not in days]
                        continue
            day = cursor.take(hours.WEEKDAY, noise=not days)
            if day is None:
                cursor.reset(mark)
                return days
            if day not in days:
                days.append(day)

    def _session(self) -> AnyCondition | None:
        """Read "during the London session", which is a window of hours in the zone of its city."""
        cursor = self.cursor
        cursor.words(hours.DURING, noise=False)
        found = cursor.take(hours.SESSION)
        if found is None:
            return None
        start, end, zone = found
        self.draft.assume("session", f"The session runs from {start} to {end} {zone} time")
        return Time(start=start, end=end, timezone=zone)

    def _clock(self) -> str | None:
        """Read a time of day, "15:50", "noon"; None beyond 24 hours."""
        cursor = self.cursor
        token = cursor.kind("clock", noise=False)
        if token is not None:
            return token.norm if token.norm < "24" else None
        named: str | None = cursor.take(hours.NAMED_TIMES)
        return named

    def _clock_window(self) -> tuple[str, str] | None:
        """Read "between 9:30 and 11:00", "after 10:00", "before 15:00" as start and end; 00:00 where one is open."""
        cursor = self.cursor
        mark = cursor.mark()
        if cursor.words(hours.BETWEEN, noise=False):
            start = self._clock()
            if start and cursor.words(hours.TO, noise=False) and (end := self._clock()):
                return start, end
        cursor.reset(mark)
        if cursor.words(hours.LATER, noise=False) and (start := self._clock()):
            cursor_mark = cursor.mark()
            if cursor.words(hours.AND_BEFORE, noise=False) and (end := self._clock()):
                return start, end
            cursor.reset(cursor_mark)
            return start, "00:00"
        cursor.reset(mark)
        if cursor.words(hours.EARLIER, noise=False) and (end := self._clock()):
            return "00:00", end
        cursor.reset(mark)
        return None

    def _zone(self) -> str | None:
        """Read "New York time", "in UTC", "Europe/London"."""
        cursor = self.cursor
        mark = cursor.mark()
        cursor.words(small.IN, noise=False)
        zone = cursor.take(hours.ZONE, noise=False)
        if zone is None:
            token = cursor.peek()
            if token is not None and token.kind == "word" and "/" in token.norm:
                zone = cursor.kind("word", noise=False).norm  # type: ignore[union-attr]
        if zone is None:
            cursor.reset(mark)
            return None
        cursor.words(hours.TIME, noise=False)
        return str(zone)
