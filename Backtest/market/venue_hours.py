"""When stock exchanges trade: their trading days and the hours of each, holidays and half days included.

exchange_calendars knows them. A process that asks it takes a third of a second, most of it to import it; so what it says of all years
is kept in a file, and other processes read that.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from Backtest.machine import cache_folder, write_whole

Ints = np.ndarray[Any, np.dtype[np.int64]]
Hours = tuple[pd.DatetimeIndex, Ints, Ints]

KEPT = (pd.Timestamp("1970-01-01"), pd.Timestamp("2100-12-31"))  # and fewer years where fewer are known


@lru_cache(maxsize=8)
def hours_of(venue: str, first_year: int, last_year: int) -> Hours:
    """Return a venue's trading days (naive), and the seconds since 1970 in UTC at which each opens and closes.

    Args:
        venue: its name in exchange_calendars, such as `XNYS`.

    Raises:
        ValueError: its holidays are not known for such years.
    """
    days, opens, closes = _all_hours_of(venue)
    if first_year < days[0].year or last_year > days[-1].year:
        return _computed(venue, f"{first_year}-01-01", f"{last_year}-12-31")
    asked = slice(*days.searchsorted([pd.Timestamp(first_year, 1, 1), pd.Timestamp(last_year + 1, 1, 1)]))
    return days[asked], opens[asked], closes[asked]


@lru_cache(maxsize=8)
def _all_hours_of(venue: str) -> Hours:
    """Return a venue's hours in all years that are kept; where they are in no file yet, compute them and write it."""
    folder = cache_folder(f"hours-{version('exchange_calendars')}-{pd.__version__}")
    file = folder / f"{venue}.npz" if folder else None
    if file and (kept := _read(file)):
        return kept
    hours = _computed(venue, *_known(venue))
    if file:
        with suppress(OSError):  # a full disk costs each process the time, and nothing else
            write_whole(file, lambda path: _write(path, hours))
    return hours


def _read(file: Path) -> Hours | None:
    """Return the hours in a file, None where it is missing or damaged: each part of the archive has a checksum."""
    try:
        with file.open("rb") as opened, np.load(opened) as parts:
            return pd.DatetimeIndex(parts["days"]), parts["opens"], parts["closes"]
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None


def _write(file: Path, hours: Hours) -> None:
    days, opens, closes = hours
    with file.open("wb") as opened:
        np.savez(opened, days=days.to_numpy(), opens=opens, closes=closes)


def _known(venue: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and the last day of the whole years to keep; the holidays of some venues are known for fewer than KEPT."""
    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        calendar = exchange_calendars.get_calendar(venue)
    earliest, latest = calendar.bound_min() or KEPT[0], calendar.bound_max() or KEPT[1]
    first = earliest.year + (earliest > pd.Timestamp(earliest.year, 1, 1))
    last = latest.year - (latest < pd.Timestamp(latest.year, 12, 31))
    return max(KEPT[0], pd.Timestamp(first, 1, 1)), min(KEPT[1], pd.Timestamp(last, 12, 31))


def _computed(venue: str, first: pd.Timestamp | str, last: pd.Timestamp | str) -> Hours:
    import exchange_calendars

    with warnings.catch_warnings():  # it uses what pandas 4 will do without
        warnings.simplefilter("ignore", DeprecationWarning)
        calendar = exchange_calendars.get_calendar(venue, start=first, end=last)
        table = calendar.schedule
    opens, closes = (pd.DatetimeIndex(table[name]).as_unit("s").asi8.astype(np.int64) for name in ("open", "close"))
    return pd.DatetimeIndex(table.index), opens, closes
