"""Indicators that TA-Lib does not have, each a function on NumPy arrays.

Generated strategies carry the source of the functions they use, so every function here needs
only `numpy as np`, `pandas as pd`, `talib`, `Array` and `share`. All are causal: the value at a
bar depends on that bar and earlier ones. Arrays are float64 of one length; values that do not
exist yet are NaN.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

Array = NDArray[np.float64]


def share(part: Array, whole: Array) -> Array:
    """Divide, giving NaN where the whole is not above zero."""
    result: Array = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return result


def VAMA(source: Array, volume: Array, timeperiod: int = 20) -> Array:
    """Volume-adjusted moving average: the mean price of the last bars, weighted by volume."""
    total = talib.SUM(volume, timeperiod)
    weighted = talib.SUM(source * volume, timeperiod)
    return share(weighted, total)


def VWAP(high: Array, low: Array, close: Array, volume: Array, timeperiod: int = 20) -> Array:
    """Volume-weighted average of the typical price (H + L + C) / 3 over the last bars."""
    typical = (high + low + close) / 3
    total = talib.SUM(volume, timeperiod)
    weighted = talib.SUM(typical * volume, timeperiod)
    return share(weighted, total)


def DONCHIAN(high: Array, low: Array, timeperiod: int = 20) -> tuple[Array, Array, Array]:
    """Donchian channel: highest high, middle and lowest low of the last bars, this one included."""
    upper = talib.MAX(high, timeperiod)
    lower = talib.MIN(low, timeperiod)
    return upper, (upper + lower) / 2, lower


def KELTNER(
    high: Array,
    low: Array,
    close: Array,
    timeperiod: int = 20,
    multiplier: float = 2.0,
    atrperiod: int = 10,
) -> tuple[Array, Array, Array]:
    """Keltner channel: EMA of the close, plus and minus a multiple of the average true range.

    Linda Bradford Raschke's form of Chester Keltner's 1960 channel.
    """
    middle = talib.EMA(close, timeperiod)
    width = multiplier * talib.ATR(high, low, close, atrperiod)
    return middle + width, middle, middle - width


def SUPERTREND(
    high: Array, low: Array, close: Array, timeperiod: int = 10, multiplier: float = 3.0
) -> tuple[Array, Array]:
    """Supertrend (Olivier Seban): the trailing line, and its direction: 1 up, -1 down."""
    middle = (high + low) / 2
    width = multiplier * talib.ATR(high, low, close, timeperiod)
    upper, lower = (middle + width).tolist(), (middle - width).tolist()
    price = close.tolist()
    line = [float("nan")] * len(price)
    direction = [float("nan")] * len(price)
    up = True
    for i in range(timeperiod, len(price)):
        if i > timeperiod:
            # A band only tightens while the previous close stays on its side.
            if price[i - 1] <= upper[i - 1]:
                upper[i] = min(upper[i], upper[i - 1])
            if price[i - 1] >= lower[i - 1]:
                lower[i] = max(lower[i], lower[i - 1])
            if up and price[i] < lower[i]:
                up = False
            elif not up and price[i] > upper[i]:
                up = True
        line[i] = lower[i] if up else upper[i]
        direction[i] = 1.0 if up else -1.0
    return np.array(line), np.array(direction)


def ICHIMOKU(
    high: Array,
    low: Array,
    tenkanperiod: int = 9,
    kijunperiod: int = 26,
    senkouperiod: int = 52,
) -> tuple[Array, Array, Array, Array]:
    """Ichimoku Kinko Hyo (Goichi Hosoda): tenkan-sen, kijun-sen, senkou span A and B.

    The spans stand at the bar on which they are drawn: computed `kijunperiod` bars earlier. The
    chikou span is the close itself drawn in the past, so it is not an input for a decision.
    """
    tenkan = (talib.MAX(high, tenkanperiod) + talib.MIN(low, tenkanperiod)) / 2
    kijun = (talib.MAX(high, kijunperiod) + talib.MIN(low, kijunperiod)) / 2
    span_b = (talib.MAX(high, senkouperiod) + talib.MIN(low, senkouperiod)) / 2
    ahead = pd.DataFrame({"a": (tenkan + kijun) / 2, "b": span_b}).shift(kijunperiod)
    return tenkan, kijun, ahead["a"].to_numpy(), ahead["b"].to_numpy()
