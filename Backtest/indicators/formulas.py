"""Indicators that TA-Lib does not have, each a function on NumPy arrays.

Generated strategies carry the source of the functions they use, so every function here needs
only `numpy as np`, `pandas as pd`, `talib`, `Array`, `share`, `mean` and `RSI`. All are causal: the value at a
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


def mean(values: Array, bars: int) -> Array:
    """Average the last bars; NaN where one of them is."""
    result: Array = pd.Series(values).rolling(bars).mean().to_numpy(copy=True)
    return result


def RSI(source: Array, timeperiod: int = 14) -> Array:
    """Relative strength index (Wilder, 1978); NaN while nothing has moved: 0 / 0 is no number."""
    moved = np.cumsum(np.abs(np.diff(source, prepend=source[:1])) > 0) > 0
    return np.where(moved, talib.RSI(source, timeperiod), np.nan)


def STOCH(
    high: Array,
    low: Array,
    close: Array,
    fastk_period: int = 14,
    slowk_period: int = 3,
    slowd_period: int = 3,
) -> tuple[Array, Array]:
    """Slow stochastic (Lane): %K and %D; a bar whose last bars span no range has none."""
    lowest = pd.Series(low).rolling(fastk_period).min().to_numpy()
    highest = pd.Series(high).rolling(fastk_period).max().to_numpy()
    slow_k = mean(100 * share(close - lowest, highest - lowest), slowk_period)
    slow_d = mean(slow_k, slowd_period)
    slow_k[: fastk_period + slowk_period + slowd_period - 3] = np.nan
    return slow_k, slow_d


def WILLR(high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Williams %R, from -100 to 0; a bar whose last bars span no range has none."""
    highest, lowest = talib.MAX(high, timeperiod), talib.MIN(low, timeperiod)
    return -100 * share(highest - close, highest - lowest)


def CCI(high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Commodity channel index (Lambert, 1980); NaN where typical prices are all the same."""
    typical = (high + low + close) / 3
    moved = talib.MAX(typical, timeperiod) > talib.MIN(typical, timeperiod)
    return np.where(moved, talib.CCI(high, low, close, timeperiod), np.nan)


def ADX(high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Average directional index (Wilder, 1978); NaN while no high rose and no low fell."""
    moved = (np.diff(high, prepend=high[:1]) > 0) | (np.diff(low, prepend=low[:1]) < 0)
    return np.where(np.cumsum(moved) > 0, talib.ADX(high, low, close, timeperiod), np.nan)


def PLUS_DI(high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Positive directional indicator (Wilder, 1978); NaN while no bar has a true range."""
    moved = np.cumsum(np.nan_to_num(talib.TRANGE(high, low, close)) > 0) > 0
    return np.where(moved, talib.PLUS_DI(high, low, close, timeperiod), np.nan)


def MINUS_DI(high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Negative directional indicator (Wilder, 1978); NaN while no bar has a true range."""
    moved = np.cumsum(np.nan_to_num(talib.TRANGE(high, low, close)) > 0) > 0
    return np.where(moved, talib.MINUS_DI(high, low, close, timeperiod), np.nan)


def MFI(high: Array, low: Array, close: Array, volume: Array, timeperiod: int = 14) -> Array:
    """Money flow index (Quong and Soudack, 1989); NaN where no money flowed in the last bars."""
    typical = (high + low + close) / 3
    flowed = np.abs(np.diff(typical, prepend=np.nan)) * volume > 0
    some = pd.Series(flowed.astype(float)).rolling(timeperiod).sum().to_numpy() > 0
    return np.where(some, talib.MFI(high, low, close, volume, timeperiod), np.nan)


def STOCHRSI(
    source: Array, rsiperiod: int = 14, stochperiod: int = 14, kperiod: int = 3, dperiod: int = 3
) -> tuple[Array, Array]:
    """Stochastic RSI (Chande and Kroll, 1994), %K and %D: where the RSI stands in its range."""
    rsi = pd.Series(RSI(source, rsiperiod))
    lowest, highest = rsi.rolling(stochperiod).min(), rsi.rolling(stochperiod).max()
    k = mean(100 * share((rsi - lowest).to_numpy(), (highest - lowest).to_numpy()), kperiod)
    return k, mean(k, dperiod)


def HMA(source: Array, timeperiod: int = 20) -> Array:
    """Hull moving average (Hull, 2005): WMA(2 WMA(n / 2) - WMA(n), root of n)."""
    half = talib.WMA(source, max(1, timeperiod // 2))
    return talib.WMA(2 * half - talib.WMA(source, timeperiod), int(timeperiod**0.5))


def AROON(high: Array, low: Array, timeperiod: int = 14) -> tuple[Array, Array]:
    """Aroon (Chande, 1995), up and down: how recent the highest high and lowest low are."""
    down, up = talib.AROON(high, low, timeperiod)
    return up, down


def PIVOT(high: Array, low: Array, close: Array) -> tuple[Array, ...]:
    """Classic floor pivots of each bar, for the bars that follow it: P, R1, S1, R2, S2, R3, S3."""
    pivot = (high + low + close) / 3
    span = high - low
    first, second = (2 * pivot - low, 2 * pivot - high), (pivot + span, pivot - span)
    return pivot, *first, *second, high + 2 * (pivot - low), low - 2 * (high - pivot)


def PERCENTRANK(source: Array, timeperiod: int = 100) -> Array:
    """Percent of the bars before that were at most as high as this one."""
    rank = pd.Series(source).rolling(timeperiod + 1).rank(method="max").to_numpy()
    return 100 * (rank - 1) / timeperiod


def ZSCORE(source: Array, timeperiod: int = 20) -> Array:
    """Distance from the mean of the last bars in standard deviations; NaN where they are equal."""
    return share(source - talib.SMA(source, timeperiod), talib.STDDEV(source, timeperiod))


def IBS(high: Array, low: Array, close: Array) -> Array:
    """Internal bar strength: 0 for a close at the low, 1 at the high; NaN without a range."""
    return share(close - low, high - low)


def PERCENTB(source: Array, timeperiod: int = 20, nbdev: float = 2.0) -> Array:
    """Bollinger's %B: 0 at the lower band, 1 at the upper."""
    upper, _, lower = talib.BBANDS(source, timeperiod, nbdev, nbdev)
    return share(source - lower, upper - lower)


def HIGHAGE(source: Array, timeperiod: int = 20) -> Array:
    """Bars since the highest of the last bars, 0 for this one."""
    since = np.arange(len(source)) - talib.MAXINDEX(source, timeperiod)
    return np.where(np.isnan(talib.MAX(source, timeperiod)), np.nan, since)


def LOWAGE(source: Array, timeperiod: int = 20) -> Array:
    """Bars since the lowest of the last bars, 0 for this one."""
    since = np.arange(len(source)) - talib.MININDEX(source, timeperiod)
    return np.where(np.isnan(talib.MIN(source, timeperiod)), np.nan, since)


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


def SESSION_VWAP(high: Array, low: Array, close: Array, volume: Array, session: Array) -> Array:
    """Volume-weighted average of the typical price (H + L + C) / 3 since the session's open.

    `session` numbers each bar's session, -1 for one whose beginning is missing: that has no value,
    nor has a session before its first volume.
    """
    typical = (high + low + close) / 3
    sums = pd.DataFrame({"money": typical * volume, "volume": volume}).groupby(session).cumsum()
    vwap = share(sums["money"].to_numpy(), sums["volume"].to_numpy())
    return np.where(session >= 0, vwap, np.nan)


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

    The spans stand at the bar on which charts draw them: computed `kijunperiod` - 1 bars before,
    as TradingView has it. The chikou span is the close itself drawn in the past, so it is not an
    input for a decision.
    """
    tenkan = (talib.MAX(high, tenkanperiod) + talib.MIN(low, tenkanperiod)) / 2
    kijun = (talib.MAX(high, kijunperiod) + talib.MIN(low, kijunperiod)) / 2
    span_b = (talib.MAX(high, senkouperiod) + talib.MIN(low, senkouperiod)) / 2
    ahead = pd.DataFrame({"a": (tenkan + kijun) / 2, "b": span_b}).shift(kijunperiod - 1)
    return tenkan, kijun, ahead["a"].to_numpy(), ahead["b"].to_numpy()
