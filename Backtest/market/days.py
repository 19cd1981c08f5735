"""Days as people write them."""

from __future__ import annotations

import calendar
import re
from datetime import date

_DAY = re.compile(r"\s*([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?![0-9])")


def no_such_day(text: str) -> str:
    """Return why a day such as 2010-02-30 does not exist; empty where it does, or where the text is no day of numbers."""
    found = _DAY.match(text)
    if not found:
        return ""
    year, month, day = (int(part) for part in found.groups())
    written = found[0].strip()
    if year < 1:
        return f"{written} does not exist: years begin with 1"
    if not 1 <= month <= 12:
        return f"{written} does not exist: a year has 12 months"
    last = calendar.monthrange(year, month)[1]
    return "" if 1 <= day <= last else f"{written} does not exist: {calendar.month_name[month]} {year} has {last} days"


def day_of(text: str) -> date:
    """Return the day of a text such as 2005-01-01. ValueError says what is wrong with it."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(no_such_day(text) or f"{text[:20]!r} is no date: use a form such as 2005-01-01") from None
