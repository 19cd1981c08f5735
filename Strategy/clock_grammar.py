"""The grammar of days, hours and sessions."""

from __future__ import annotations

from typing import get_args

from Backtest.canonical import (
    AnyCondition,
    Time,
    Weekday,
)
from Strategy.cursor import Cursor
from Strategy.draft import Draft


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
        cursor.words("on", "only on", noise=False)
        days = self.weekdays()
        if not days:
            cursor.reset(mark)
        window = self._clock_window()
        if not days and window is None:
            return None
        zone = self._zone() if window or lead else None
        start, end = window or (None, None)
        return Time(weekdays=days, start=start, end=end, timezone=zone)

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
