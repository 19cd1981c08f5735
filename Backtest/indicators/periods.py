"""Indicators that know the calendar of their market: what days, weeks, months and hours of the clock have seen.

Generated strategies carry the source of the functions, as those of `formulas.py`. `number` counts periods; a bar of one whose beginning
is missing has -1, and such a period has no values.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from Backtest.indicators.entry import SESSION, IndicatorEntry, Output, Param, entry
from Backtest.indicators.formulas import SESSION_VWAP, Array


def prior_period(
    open_: Array,
    high: Array,
    low: Array,
    close: Array,
    number: Array,
) -> tuple[Array, ...]:
    """Open, high, low and close of the period before that of the bar, such as yesterday's."""
    columns = {"open": "first", "high": "max", "low": "min", "close": "last"}
    prices = pd.DataFrame({"open": open_, "high": high, "low": low, "close": close})
    bars = prices.groupby(number).agg(columns)
    before = bars.reindex(np.where(number >= 1, number - 1, np.nan))
    return tuple(before[name].to_numpy() for name in columns)


def so_far(open_: Array, high: Array, low: Array, number: Array) -> tuple[Array, ...]:
    """Open, high and low of the bar's period up to this bar."""
    groups = pd.DataFrame({"open": open_, "high": high, "low": low}).groupby(number)
    seen = (groups["open"].transform("first"), groups["high"].cummax(), groups["low"].cummin())
    return tuple(np.where(number >= 0, values.to_numpy(), np.nan) for values in seen)


def bar_minutes(times: Array) -> float:
    """Usual minutes from one bar to the next."""
    steps = np.diff(times)
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    return float(values[np.argmax(counts)]) if len(values) else 0.0


def range_of(high: Array, low: Array, number: Array) -> tuple[Array, Array]:
    """High and low of each period up to the bar, those that are NaN left out."""
    prices = pd.DataFrame(np.array([high, -low]).T)
    seen = prices.groupby(number).cummax().groupby(number).ffill()
    return seen[0].to_numpy(), -seen[1].to_numpy()


def OPENING_RANGE(
    high: Array,
    low: Array,
    session: Array,
    minutes_in: Array,
    minutes: int = 30,
) -> tuple[Array, Array]:
    """High and low of the session's first minutes, known from the close of the bar that ends them.

    A bar belongs to them that begins within them.
    """
    inside = np.where((minutes_in >= 0) & (minutes_in < minutes), 1.0, np.nan)
    known = (session >= 0) & (minutes_in + bar_minutes(minutes_in) >= minutes)
    top, bottom = range_of(high * inside, low * inside, session)
    return np.where(known, top, np.nan), np.where(known, bottom, np.nan)


def CLOCK_RANGE(
    high: Array,
    low: Array,
    date: Array,
    clock: Array,
    start: int = 300,
    end: int = 800,
) -> tuple[Array, Array]:
    """High and low between two times of the day: 300 and 800 are 3:00 and 8:00.

    They are known from the close of the bar that ends that time until it begins again. A bar
    belongs to it that begins within it.
    """
    first, last = (60 * (time // 100) + time % 100 for time in (start, end))
    since = 1440 * date + clock - first
    day, into, length = since // 1440, since % 1440, (last - first) % 1440
    inside = into < length
    known = ~inside | (into + bar_minutes(since) >= length)
    known &= (day > day[0]) | (into[0] == 0)  # the beginning of a first one may be missing
    kept = np.where(inside, 1.0, np.nan)
    top, bottom = range_of(high * kept, low * kept, day)
    return np.where(known, top, np.nan), np.where(known, bottom, np.nan)


def as_given(values: Array) -> Array:
    """The values themselves."""
    return values.copy()


_OHLC = ("Open", "High", "Low", "Close")


def _prior(name: str, title: str, number: str) -> IndicatorEntry:
    outputs = tuple(Output(part, f"{name}_{part.upper()}", (part,)) for part in ("open", "high", "low", "close"))
    return entry(name, title, (), prior_period, (), inputs=(*_OHLC, number), outputs=outputs)


def _place(name: str, title: str, column: str) -> IndicatorEntry:
    return entry(name, title, (), as_given, (), inputs=(column,), scale="number", in_steps=True)


_RANGE = ("High", "Low")

ENTRIES = (
    _prior("PRIOR_DAY", "the day before", SESSION),
    _prior("PRIOR_WEEK", "the week before", "Week"),
    _prior("PRIOR_MONTH", "the month before", "Month"),
    entry(
        "SESSION_SO_FAR",
        "the session so far",
        (),
        so_far,
        (),
        inputs=("Open", "High", "Low", SESSION),
        outputs=tuple(Output(part, f"SESSION_{part.upper()}", (part,)) for part in ("open", "high", "low")),
    ),
    entry(
        "OPENING_RANGE",
        "range of the session's first minutes",
        (),
        OPENING_RANGE,
        (Param("minutes", 30, 1, 1440, counts="minutes"),),
        inputs=(*_RANGE, SESSION, "MinutesIn"),
        outputs=tuple(Output(part, f"OPENING_RANGE_{part.upper()}", (part,)) for part in ("high", "low")),
    ),
    entry(
        "CLOCK_RANGE",
        "range between two times of the day",
        (),
        CLOCK_RANGE,
        (Param("start", 300, 0, 2359, counts="clock"), Param("end", 800, 0, 2359, counts="clock")),
        inputs=(*_RANGE, "Date", "Clock"),
        outputs=tuple(Output(part, f"CLOCK_RANGE_{part.upper()}", (part,)) for part in ("high", "low")),
    ),
    entry(
        "WEEK_VWAP",
        "VWAP since the week's beginning",
        (),
        SESSION_VWAP,
        (),
        inputs=(*_OHLC[1:], "Volume", "Week"),
    ),
    entry(
        "MONTH_VWAP",
        "VWAP since the month's beginning",
        (),
        SESSION_VWAP,
        (),
        inputs=(*_OHLC[1:], "Volume", "Month"),
    ),
    _place("MINUTES_IN", "minutes since the session's opening", "MinutesIn"),
    _place("MINUTES_LEFT", "minutes until the session's close", "MinutesLeft"),
    _place("BARS_LEFT", "bars that follow in the session", "BarsLeft"),
    _place("TRADING_DAY", "trading day of the month", "TradingDay"),
    _place("TRADING_DAYS_LEFT", "trading day of the month from its end", "TradingDaysLeft"),
    _place("DAY_OF_MONTH", "day of the month", "MonthDay"),
    _place("MONTH_OF_YEAR", "month of the year", "MonthOfYear"),
)
