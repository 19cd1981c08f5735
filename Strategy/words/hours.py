"""Words of the calendar and the clock: weekdays, sessions, times of day, zones."""

from __future__ import annotations

from Strategy.words.table import Table, meanings, table

_NAMES = {
    "mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
}  # fmt: skip
_SHORT = {"tue": "tues", "thu": "thurs", "wed": "weds"}
WEEKDAY = Table({form: day for day, name in _NAMES.items() for form in (name, f"{name}s", day, _SHORT.get(day, day))})
NAMED_WEEKDAY = Table({name: day for day, name in _NAMES.items()})
DAYS = meanings(
    {("mon", "tue", "wed", "thu", "fri"): "weekdays, weekday", ("sat", "sun"): "weekends, weekend, the weekend"}
)
SESSION = meanings(
    {
        (
            "09:30",
            "16:00",
            "America/New_York",
        ): """new york session, us session, ny session, american session, regular trading hours,
        us market hours, market hours, regular hours""",
        ("08:00", "16:30", "Europe/London"): "london session, european session, uk session",
        ("09:00", "15:00", "Asia/Tokyo"): "tokyo session, asian session, asia session, japanese session",
    }
)
ZONE = meanings(
    {
        "Etc/UTC": "UTC, GMT, utc, gmt",
        "America/New_York": "new york, est, edt, eastern, eastern time, et, ny",
        "Europe/London": "london",
        "Asia/Tokyo": "tokyo, jst",
        "Europe/Berlin": "central european, cet, frankfurt, berlin",
        "America/Chicago": "chicago, central time",
    }
)
BAR_FALLS = table("""the bar falls, bar falls, it is, it's, time is, the time is, the day is, day is, the weekday is, weekday is,
    day of the week is, the day of the week is, today is""")
UNTIL = table("""by, before, no later than, not later than, until, till, up to, earlier than, just before, right before, on or before,
    at or before, if not closed by, at the latest by, at the latest at, latest by, latest at, at the latest""")
FROM = table("""after, at, from, past, as of, starting at, starting from, at or after, on or after, once it is, once it's, around,
    any time after, anytime after, at exactly, exactly at, shortly after, right after, when it is, if still open at, if still in a trade at,
    if still in a position at, when it's""")
EVERY_DAY = table("""every day, each day, daily, the same day, on the same day, same day, regardless, no matter what, in any case, sharp,
    today, of the same day, of each day, of every day, on each day""")
AT_OPEN = table(
    """at the open, on the open, at open, at the market open, at market open, at the opening, at the opening bell"""
)
AT_CLOSE = table("at the close, on the close, at close, at the market close, at market close, at the closing bell")
EACH_DAY = table("every, each")
EACH = table("every, each, on every, on each, only every, only on every")
ON_ONLY = table("on, only on")  # "only on Mondays"
AT_EACH = table("at, at the, at each, at every")  # "at every Friday's close"
DAYS_OPEN = table("opening price, opening bell, open")
DAYS_PRICE = DAYS_OPEN | table("closing price, closing bell, close")  # "Friday's close"
BEFORE_DAY = table("on, of, every, each")  # "at the open on Mondays"
# "exit all positions at 15:50"
WHAT_IS_LEFT = table("positions, the position, position, trades, the trade, everything, all, open positions")
AT_THE_CLOSE_OF = table("at, the close of")
AT_THE_LATEST = table("at the latest, latest, or earlier, or before, at most")  # "at 15:50 at the latest"
OR_ON = table("or on, and on, or, and")  # "on Mondays and on Fridays"
THROUGH = table("to, through, -")  # "Monday to Thursday"
COUNTED_THROUGH = table("to, through")  # "1 to 4 are true"
DURING = table("during the, during, in the, within the, in")
NAMED_TIMES = meanings({"12:00": "noon", "00:00": "midnight"})
BETWEEN = table("between, from, during")
TO = table("and, to, until, till, -")  # "between 9:30 and 16:00"
LATER = table("after, later than")
EARLIER = table("before, earlier than")
AND_BEFORE = table("and before, but before")  # "after 9:30 and before 16:00"
TIME = table("time")
UNTIL_THEN = table("before, until, till")
ON_DURING = table("on, only on, during")
