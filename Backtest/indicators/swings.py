"""Indicators of swings: the highs and lows that stand out among their neighbours, and what follows from them.

Generated strategies carry the source of the functions, as those of `formulas.py`. A swing high is a bar whose high is above those of the
`strength` bars behind it, and not below those of as many before it: it is known only at the close of the last of these. Of equal highs in a row
the last one counts, as in `ta.pivothigh` of Pine. Swing lows mirror it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from Backtest.indicators.entry import Output, Param, entry
from Backtest.indicators.formulas import Array


def swings(values: Array, strength: int) -> Array:
    """Place of each swing high of some values at the bar that confirms it, else -1."""
    series = pd.Series(values)
    before = series.shift(strength + 1).rolling(strength).max()
    after, centre = series.rolling(strength).max(), series.shift(strength)
    found = ((centre >= before) & (centre > after)).to_numpy()
    return np.where(found, np.arange(len(values)) - strength, -1)


def SWING_POINT(high: Array, low: Array, strength: int = 2) -> tuple[Array, Array]:
    """Last confirmed swing high and swing low."""
    at_top, at_bottom = (np.maximum.accumulate(swings(v, strength)) for v in (high, -low))
    top, bottom = high[at_top], low[at_bottom]
    return np.where(at_top >= 0, top, np.nan), np.where(at_bottom >= 0, bottom, np.nan)


def RETRACEMENT(high: Array, low: Array, strength: int = 2, percent: float = 61.8) -> Array:
    """Price that has gone back so many percent of the last move from swing to swing.

    After a rise from a swing low of 100 to a later swing high of 110 it is 103.82 for 61.8%.
    """
    at_top, at_bottom = (np.maximum.accumulate(swings(v, strength)) for v in (high, -low))
    top, bottom = high[at_top], low[at_bottom]
    back = (top - bottom) * percent / 100
    level = np.where(at_top > at_bottom, top - back, bottom + back)
    return np.where((at_top >= 0) & (at_bottom >= 0), level, np.nan)


def DIVERGENCE(
    source: Array,
    high: Array,
    low: Array,
    strength: int = 2,
    most: int = 60,
) -> tuple[Array, ...]:
    """Divergence between price and a source at two swings in a row, at most so many bars apart.

    It is 1 on the bar that confirms the newer swing, else 0. Bullish: the newer swing low is lower
    and the source is higher there than at the older one. Bearish: the newer swing high is higher
    and the source lower. Hidden bullish: the newer low is higher and the source lower; hidden
    bearish: the newer high is lower and the source higher.
    """
    bullish, bearish, hidden_bullish, hidden_bearish = np.zeros((4, len(source)))
    kinds = ((-low, -source, bullish, hidden_bullish), (high, source, bearish, hidden_bearish))
    for price, measure, plain, hidden in kinds:
        confirmed = swings(price, strength)
        bars = np.flatnonzero(confirmed >= 0)
        places = confirmed[bars]
        rise, change = np.diff(price[places]), np.diff(measure[places])
        near = np.diff(places) <= most
        plain[bars[1:]] = near & (rise > 0) & (change < 0)
        hidden[bars[1:]] = near & (rise < 0) & (change > 0)
    missing = np.isnan(source) | (np.arange(len(source)) < 2 * strength)
    result = (bullish, bearish, hidden_bullish, hidden_bearish)
    return tuple(np.where(missing, np.nan, values) for values in result)


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
        reach=20,
    ),
    entry(
        "RETRACEMENT",
        "retracement of the last swing",
        (),
        RETRACEMENT,
        (_STRENGTH, Param("percent", 61.8, 0, 200, float)),
        inputs=("High", "Low"),
        in_steps=True,
        reach=20,
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
