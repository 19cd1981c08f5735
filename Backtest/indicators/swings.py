"""Indicators of swings: the highs and lows that stand out among their neighbours, and what follows from them.

Generated strategies carry the source of the functions, as those of `formulas.py`. A swing is known only once `strength` bars behind it have
confirmed it: all of them, and so many before it, stay strictly below its high, or above its low.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from Backtest.indicators.entry import Output, Param, entry
from Backtest.indicators.formulas import Array


def swings(values: Array, strength: int) -> Array:
    """Return, at the bar that confirms it, the place of each swing high of some values, -1 on all other bars."""
    series = pd.Series(values)
    before, after = (
        series.shift(strength + 1).rolling(strength).max(),
        series.rolling(strength).max(),
    )
    centre = series.shift(strength)
    found = ((centre > before) & (centre > after)).to_numpy()
    return np.where(found, np.arange(len(values)) - strength, -1)


def SWING_POINT(high: Array, low: Array, strength: int = 2) -> tuple[Array, Array]:
    """The last confirmed swing high and swing low."""
    at_top, at_bottom = (np.maximum.accumulate(swings(values, strength)) for values in (high, -low))
    top, bottom = high[at_top], low[at_bottom]
    return np.where(at_top >= 0, top, np.nan), np.where(at_bottom >= 0, bottom, np.nan)


def RETRACEMENT(high: Array, low: Array, strength: int = 2, percent: float = 61.8) -> Array:
    """The price that has gone back so many percent of the last move from swing to swing, measured from its end.

    After a rise from a swing low of 100 to a later swing high of 110 it is 103.82 for 61.8%.
    """
    at_top, at_bottom = (np.maximum.accumulate(swings(values, strength)) for values in (high, -low))
    top, bottom = high[at_top], low[at_bottom]
    back = (top - bottom) * percent / 100
    level = np.where(at_top > at_bottom, top - back, bottom + back)
    return np.where((at_top >= 0) & (at_bottom >= 0), level, np.nan)


def DIVERGENCE(
    source: Array, high: Array, low: Array, strength: int = 2, most: int = 60
) -> tuple[Array, Array, Array, Array]:
    """Where price and a source part between two swings at most so many bars from each other: 1 on the bar that confirms the newer, else 0.

    Bullish: the newer swing low is lower and the source is higher there than at the older one; bearish mirrors it at swing highs. Hidden
    bullish: the newer low is higher and the source lower; hidden bearish mirrors it.
    """
    count = len(source)
    result = [np.where(np.arange(count) < 2 * strength, np.nan, 0.0) for _ in range(4)]
    for values, regular, hidden in ((-low, 0, 2), (high, 1, 3)):
        up = 1 if regular else -1
        confirmed = swings(values, strength)
        older = -1
        for i in np.flatnonzero(confirmed >= 0):
            newer = confirmed[i]
            if older >= 0 and newer - older <= most:
                further, stronger = (
                    values[newer] - values[older],
                    up * (source[newer] - source[older]),
                )
                if further > 0 and stronger < 0:
                    result[regular][i] = 1.0
                elif further < 0 and stronger > 0:
                    result[hidden][i] = 1.0
            older = newer
    return result[0], result[1], result[2], result[3]


_STRENGTH = Param("strength", 2, 1, 100)

ENTRIES = (
    entry(
        "SWING_POINT",
        "last confirmed swing",
        (),
        SWING_POINT,
        (_STRENGTH,),
        inputs=("High", "Low"),
        outputs=tuple(Output(part, f"SWING_{part.upper()}", (part,)) for part in ("high", "low")),
        in_steps=True,
    ),
    entry(
        "RETRACEMENT",
        "retracement of the last swing",
        (),
        RETRACEMENT,
        (_STRENGTH, Param("percent", 61.8, 0, 200, float)),
        inputs=("High", "Low"),
        in_steps=True,
    ),
    entry(
        "DIVERGENCE",
        "divergence between price and a source",
        (),
        DIVERGENCE,
        (_STRENGTH, Param("most", 60, 2, 500)),
        inputs=("source", "High", "Low"),
        outputs=tuple(
            Output(part, f"DIVERGENCE_{part.upper()}", (part.replace("_", " "),))
            for part in ("bullish", "bearish", "hidden_bullish", "hidden_bearish")
        ),
        scale="number",
        in_steps=True,
    ),
)
