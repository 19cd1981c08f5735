"""Candles: Heikin Ashi's, and the patterns that candles form.

A pattern is an indicator: 0 where it is not, and where it is 100, or -100 for its bearish form, as TA-Lib has it (200 where it confirms an earlier
one). TA-Lib's definitions are those of Bulkowski and Nison with its own measures of "long" and "short"; the patterns that it lacks are functions here, which
generated strategies carry along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import talib

from Backtest.indicators.entry import IndicatorEntry, Output, Param, entry
from Backtest.indicators.formulas import Array


def HEIKIN_ASHI(
    open_: Array,
    high: Array,
    low: Array,
    close: Array,
) -> tuple[Array, Array, Array, Array]:
    """Heikin Ashi's candles: the close is the mean of the four prices, the open the last middle."""
    closes = (open_ + high + low + close) / 4
    opens = np.empty(len(closes))
    before = (open_[0] + close[0]) / 2 if len(closes) else np.nan
    for i in range(len(closes)):
        opens[i] = before
        before = (before + closes[i]) / 2
    return (
        opens,
        np.maximum(high, np.maximum(opens, closes)),
        np.minimum(low, np.minimum(opens, closes)),
        closes,
    )


def NARROW_RANGE(high: Array, low: Array, bars: int = 7) -> Array:
    """Narrow range (Crabel, 1990): 100 where the range is the smallest of so many bars, else 0.

    It is smaller than that of each of the bars before it.
    """
    width = pd.Series(high - low)
    least = width.shift(1).rolling(bars - 1).min()
    return np.where(least.isna(), np.nan, np.where(width < least, 100.0, 0.0))


def INSIDE_BAR(high: Array, low: Array) -> Array:
    """100 where high and low lie within those of the bar before, touching neither, else 0."""
    inside = (high[1:] < high[:-1]) & (low[1:] > low[:-1])
    return np.append(np.nan, np.where(inside, 100.0, 0.0))


def OUTSIDE_BAR(high: Array, low: Array) -> Array:
    """100 where high and low lie beyond those of the bar before, else 0."""
    outside = (high[1:] > high[:-1]) & (low[1:] < low[:-1])
    return np.append(np.nan, np.where(outside, 100.0, 0.0))


def PIN_BAR(open_: Array, high: Array, low: Array, close: Array) -> Array:
    """Pin bar: 100 where the lower wick is at least two thirds of the range, else 0.

    It is -100 where the upper wick is. Two thirds are two thirds also where prices are not exact.
    """
    width = high - low
    upper, lower = high - np.maximum(open_, close), np.minimum(open_, close) - low
    long = (2 / 3 - 1e-9) * width
    shape = np.where(lower >= long, 100.0, np.where(upper >= long, -100.0, 0.0))
    return np.where(width > 0, shape, 0.0)


_OHLC = ("Open", "High", "Low", "Close")
_REACH = 14  # bars that TA-Lib's patterns look back at most; no value of theirs is missing where there are fewer
# TA-Lib's patterns: the function's name without CDL, and what the pattern is called.
PATTERNS = {
    "2CROWS": "two crows", "3BLACKCROWS": "three black crows", "3INSIDE": "three inside up and down",
    "3LINESTRIKE": "three-line strike", "3OUTSIDE": "three outside up and down", "3STARSINSOUTH": "three stars in the south",
    "3WHITESOLDIERS": "three white soldiers", "ABANDONEDBABY": "abandoned baby", "ADVANCEBLOCK": "advance block",
    "BELTHOLD": "belt hold", "BREAKAWAY": "breakaway", "CLOSINGMARUBOZU": "closing marubozu",
    "CONCEALBABYSWALL": "concealing baby swallow", "COUNTERATTACK": "counterattack", "DARKCLOUDCOVER": "dark cloud cover",
    "DOJI": "doji", "DOJISTAR": "doji star", "DRAGONFLYDOJI": "dragonfly doji", "ENGULFING": "engulfing",
    "EVENINGDOJISTAR": "evening doji star", "EVENINGSTAR": "evening star",
    "GAPSIDESIDEWHITE": "up and down gap side by side white lines", "GRAVESTONEDOJI": "gravestone doji", "HAMMER": "hammer",
    "HANGINGMAN": "hanging man", "HARAMI": "harami", "HARAMICROSS": "harami cross", "HIGHWAVE": "high wave",
    "HIKKAKE": "hikkake", "HIKKAKEMOD": "modified hikkake", "HOMINGPIGEON": "homing pigeon",
    "IDENTICAL3CROWS": "identical three crows", "INNECK": "in neck", "INVERTEDHAMMER": "inverted hammer", "KICKING": "kicking",
    "KICKINGBYLENGTH": "kicking by length", "LADDERBOTTOM": "ladder bottom", "LONGLEGGEDDOJI": "long-legged doji",
    "LONGLINE": "long line", "MARUBOZU": "marubozu", "MATCHINGLOW": "matching low", "MATHOLD": "mat hold",
    "MORNINGDOJISTAR": "morning doji star", "MORNINGSTAR": "morning star", "ONNECK": "on neck", "PIERCING": "piercing",
    "RICKSHAWMAN": "rickshaw man", "RISEFALL3METHODS": "rising and falling three methods",
    "SEPARATINGLINES": "separating lines", "SHOOTINGSTAR": "shooting star", "SHORTLINE": "short line",
    "SPINNINGTOP": "spinning top", "STALLEDPATTERN": "stalled pattern", "STICKSANDWICH": "stick sandwich", "TAKURI": "takuri",
    "TASUKIGAP": "tasuki gap", "THRUSTING": "thrusting", "TRISTAR": "tristar", "UNIQUE3RIVER": "unique three river",
    "UPSIDEGAP2CROWS": "upside gap two crows", "XSIDEGAP3METHODS": "upside and downside gap three methods",
}  # fmt: skip


def _pattern(
    name: str,
    title: str,
    function: Callable[..., Any],
    params: tuple[Param, ...],
    inputs: tuple[str, ...],
) -> IndicatorEntry:
    return entry(name, title, (), function, params, inputs=inputs, scale="number", in_steps=True, reach=_REACH)


ENTRIES = (
    entry(
        "HEIKIN_ASHI",
        "Heikin Ashi candle",
        (),
        HEIKIN_ASHI,
        (),
        inputs=_OHLC,
        reach=5,
        outputs=tuple(Output(part, f"HA_{part.upper()}", (part,)) for part in ("open", "high", "low", "close")),
    ),
    _pattern(
        "NARROW_RANGE",
        "narrowest range",
        NARROW_RANGE,
        (Param("bars", 7, 2, 500),),
        ("High", "Low"),
    ),
    _pattern("INSIDE_BAR", "inside bar pattern", INSIDE_BAR, (), ("High", "Low")),
    _pattern("OUTSIDE_BAR", "outside bar pattern", OUTSIDE_BAR, (), ("High", "Low")),
    _pattern("PIN_BAR", "pin bar pattern", PIN_BAR, (), _OHLC),
    *(
        _pattern(f"CDL_{name}", f"{title} pattern", getattr(talib, f"CDL{name}"), (), _OHLC)
        for name, title in PATTERNS.items()
    ),
)
