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
    """Open, high, low and close of the period before that of the bar, such as those of yesterday."""
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


def OPENING_RANGE(
    high: Array,
    low: Array,
    session: Array,
    minutes_in: Array,
    minutes: int = 30,
) -> tuple[Array, Array]:
    """High and low of the session's first minutes, from the close of the bar on that ends them."""
    steps = np.diff(minutes_in)
    step = np.median(steps[steps > 0]) if (steps > 0).any() else 0
    inside = (minutes_in >= 0) & (minutes_in < minutes)
    prices = pd.DataFrame({"high": high, "low": low}).where(inside)
    groups = prices.groupby(session)
    known = (session >= 0) & (minutes_in + step >= minutes)
    highest = groups["high"].cummax().groupby(session).ffill().to_numpy()
    lowest = groups["low"].cummin().groupby(session).ffill().to_numpy()
    return np.where(known, highest, np.nan), np.where(known, lowest, np.nan)


def CLOCK_RANGE(
    high: Array,
    low: Array,
    clock: Array,
    start: int = 300,
    end: int = 800,
) -> tuple[Array, Array]:
    """High and low between two times of the day: 300 and 800 are 3:00 and 8:00.

    They are known from the close of the bar on that ends that time, until it begins again.
    """
    first, last = (60 * (time // 100) + time % 100 for time in (start, end))
    into, length = (clock - first) % 1440, (last - first) % 1440
    steps = np.diff(clock)
    step = np.median(steps[steps > 0]) if (steps > 0).any() else 0
    inside = into < length
    highest, lowest = np.full(len(high), np.nan), np.full(len(high), np.nan)
    top = bottom = np.nan
    for i in range(len(high)):
        if inside[i] and (i == 0 or not inside[i - 1] or into[i] <= into[i - 1]):
            begun = i == 0 and into[i] > 0  # before the prices do, so that it is not known
            top, bottom = (np.nan, np.nan) if begun else (high[i], low[i])
        elif inside[i]:
            top, bottom = max(top, high[i]), min(bottom, low[i])
        if not inside[i] or into[i] + step >= length:
            highest[i], lowest[i] = top, bottom
    return highest, lowest


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
_HHMM = (0, 2359)

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
        (Param("minutes", 30, 1, 1440),),
        inputs=(*_RANGE, SESSION, "MinutesIn"),
        outputs=tuple(Output(part, f"OPENING_RANGE_{part.upper()}", (part,)) for part in ("high", "low")),
    ),
    entry(
        "CLOCK_RANGE",
        "range between two times of the day",
        (),
        CLOCK_RANGE,
        (Param("start", 300, *_HHMM), Param("end", 800, *_HHMM)),
        inputs=(*_RANGE, "Clock"),
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
