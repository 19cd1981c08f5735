"""Every indicator against TA-Lib called directly, or a slow and obvious implementation; all causal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from Backtest.canonical import make_indicator
from Backtest.data_manager import add_indicators
from Backtest.indicators import PRICE_COLUMNS, REGISTRY
from tests.Backtest.slow_indicators import SLOW

Rows = list[list[float]]


def frame_of(seed: int = 7, bars: int = 160, freq: str = "D") -> pd.DataFrame:
    """A random walk with all the columns a price frame has."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, bars)))
    open_ = close * np.exp(rng.normal(0, 0.01, bars))
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, 0.01, bars)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, 0.01, bars)))
    volume = rng.integers(1_000, 9_000, bars).astype(float)
    index = pd.date_range("2020-01-01", periods=bars, freq=freq, unit="us")
    return pd.DataFrame({"Open": open_, "High": high, "Low": low, "Close": close, "Volume": volume}, index=index)


def window(values: list[float], i: int, n: int) -> list[float] | None:
    """The last n values at bar i; None while there are fewer, or one is missing."""
    part = values[i - n + 1 : i + 1] if i >= n - 1 else []
    return part if part and not any(math.isnan(v) for v in part) else None


def rolling(values: list[float], n: int, f: Callable[[list[float]], float]) -> list[float]:
    return [f(w) if (w := window(values, i, n)) else math.nan for i in range(len(values))]


def vama(f: pd.DataFrame) -> Rows:
    c, v = f["Close"].tolist(), f["Volume"].tolist()
    n = 20
    return [[
        sum(a * b for a, b in zip(c[i - n + 1 : i + 1], v[i - n + 1 : i + 1], strict=True)) / sum(v[i - n + 1 : i + 1])
        if i >= n - 1 else math.nan for i in range(len(c))
    ]]  # fmt: skip


def vwap(f: pd.DataFrame) -> Rows:
    typical = ((f["High"] + f["Low"] + f["Close"]) / 3).tolist()
    v, n = f["Volume"].tolist(), 20
    return [[
        sum(typical[k] * v[k] for k in range(i - n + 1, i + 1)) / sum(v[i - n + 1 : i + 1]) if i >= n - 1 else math.nan
        for i in range(len(v))
    ]]  # fmt: skip


def session_vwap(f: pd.DataFrame) -> Rows:
    """Of a market around the clock, whose sessions are days."""
    typical, v = ((f["High"] + f["Low"] + f["Close"]) / 3).tolist(), f["Volume"].tolist()
    opened = [int(np.flatnonzero(f.index.date == day)[0]) for day in f.index.date]
    return [[
        sum(typical[k] * v[k] for k in range(first, i + 1)) / sum(v[first : i + 1]) for i, first in enumerate(opened)
    ]]  # fmt: skip


def donchian(f: pd.DataFrame) -> Rows:
    upper, lower = rolling(f["High"].tolist(), 20, max), rolling(f["Low"].tolist(), 20, min)
    return [upper, [(a + b) / 2 for a, b in zip(upper, lower, strict=True)], lower]


def true_ranges(f: pd.DataFrame) -> list[float]:
    h, low, c = f["High"].tolist(), f["Low"].tolist(), f["Close"].tolist()
    return [math.nan, *(max(h[i] - low[i], abs(h[i] - c[i - 1]), abs(low[i] - c[i - 1])) for i in range(1, len(c)))]


def atr(f: pd.DataFrame, n: int) -> list[float]:
    """Wilder's: the mean of the first n true ranges, then smoothed by 1/n."""
    ranges, out = true_ranges(f), [math.nan] * len(f)
    out[n] = sum(ranges[1 : n + 1]) / n
    for i in range(n + 1, len(f)):
        out[i] = (out[i - 1] * (n - 1) + ranges[i]) / n
    return out


def ema(values: list[float], n: int) -> list[float]:
    """Seeded with the mean of the first n values, as TA-Lib does."""
    out = [math.nan] * len(values)
    out[n - 1] = sum(values[:n]) / n
    for i in range(n, len(values)):
        out[i] = out[i - 1] + 2 / (n + 1) * (values[i] - out[i - 1])
    return out


def keltner(f: pd.DataFrame) -> Rows:
    middle, width = ema(f["Close"].tolist(), 20), [2 * a for a in atr(f, 10)]
    pairs = list(zip(middle, width, strict=True))
    return [[m + w for m, w in pairs], middle, [m - w for m, w in pairs]]


def supertrend(f: pd.DataFrame) -> Rows:
    c, width = f["Close"].tolist(), [3 * a for a in atr(f, 10)]
    mid = ((f["High"] + f["Low"]) / 2).tolist()
    line, direction = [math.nan] * len(c), [math.nan] * len(c)
    upper = lower = math.nan
    trend = 1
    for i in range(len(c)):
        if math.isnan(width[i]):
            continue
        up, down = mid[i] + width[i], mid[i] - width[i]
        upper = up if math.isnan(upper) or c[i - 1] > upper else min(up, upper)
        lower = down if math.isnan(lower) or c[i - 1] < lower else max(down, lower)
        if trend == 1 and c[i] < lower and not math.isnan(line[i - 1]):
            trend = -1
        elif trend == -1 and c[i] > upper:
            trend = 1
        line[i], direction[i] = (lower if trend == 1 else upper), trend
    return [line, [float(d) for d in direction]]


def ichimoku(f: pd.DataFrame) -> Rows:
    def middle(n: int) -> list[float]:
        high, low = rolling(f["High"].tolist(), n, max), rolling(f["Low"].tolist(), n, min)
        return [(a + b) / 2 for a, b in zip(high, low, strict=True)]

    tenkan, kijun, b = middle(9), middle(26), middle(52)
    a = [(x + y) / 2 for x, y in zip(tenkan, kijun, strict=True)]
    ahead = [math.nan] * 25  # TradingView draws the spans 26 - 1 bars ahead
    return [tenkan, kijun, ahead + a[:-25], ahead + b[:-25]]


def stoch_rsi(f: pd.DataFrame) -> Rows:
    rsi = list(talib.RSI(f["Close"].to_numpy(), 14))
    place = rolling(rsi, 14, lambda w: 100 * (w[-1] - min(w)) / (max(w) - min(w)))
    k = rolling(place, 3, lambda w: sum(w) / 3)
    return [k, rolling(k, 3, lambda w: sum(w) / 3)]


def weighted(values: list[float], n: int) -> list[float]:
    return rolling(values, n, lambda w: sum((i + 1) * v for i, v in enumerate(w)) / (n * (n + 1) / 2))


def hull(f: pd.DataFrame) -> Rows:
    c = f["Close"].tolist()
    twice = [2 * a - b for a, b in zip(weighted(c, 10), weighted(c, 20), strict=True)]
    return [weighted(twice, 4)]  # the root of 20, rounded down


def aroon(f: pd.DataFrame) -> Rows:
    up = rolling(f["High"].tolist(), 15, lambda w: 100 * max(range(15), key=lambda i: (w[i], i)) / 14)
    down = rolling(f["Low"].tolist(), 15, lambda w: 100 * min(range(15), key=lambda i: (w[i], -i)) / 14)
    return [up, down]


def pivots(f: pd.DataFrame) -> Rows:
    rows = []
    for high, low, close in zip(f["High"], f["Low"], f["Close"], strict=True):
        p = (high + low + close) / 3
        r1, s1 = p + (p - low), p - (high - p)
        rows.append([p, r1, s1, p + (high - low), p - (high - low), r1 + (high - low), s1 - (high - low)])
    return [list(column) for column in zip(*rows, strict=True)]


def percent_rank(f: pd.DataFrame) -> Rows:
    return [rolling(f["Close"].tolist(), 101, lambda w: sum(v <= w[-1] for v in w[:-1]))]


def zscore(f: pd.DataFrame) -> Rows:
    def score(w: list[float]) -> float:
        centre = sum(w) / 20
        return (w[-1] - centre) / math.sqrt(sum((v - centre) ** 2 for v in w) / 20)

    return [rolling(f["Close"].tolist(), 20, score)]


def ibs(f: pd.DataFrame) -> Rows:
    return [((f["Close"] - f["Low"]) / (f["High"] - f["Low"])).tolist()]


def percent_b(f: pd.DataFrame) -> Rows:
    def place(w: list[float]) -> float:
        centre = sum(w) / 20
        deviation = math.sqrt(sum((v - centre) ** 2 for v in w) / 20)
        return (w[-1] - (centre - 2 * deviation)) / (4 * deviation)

    return [rolling(f["Close"].tolist(), 20, place)]


def since(column: str, best: Callable[..., float]) -> Callable[[pd.DataFrame], Rows]:
    return lambda f: [rolling(f[column].tolist(), 20, lambda w: float(19 - w.index(best(w))))]


def talib_with(name: str, *columns: str, **arguments: float) -> Callable[[pd.DataFrame], Rows]:
    def call(f: pd.DataFrame) -> Rows:
        got = getattr(talib, name)(*(f[c].to_numpy() for c in columns), **arguments)
        return [list(a) for a in (got if isinstance(got, tuple) else (got,))]

    return call


HLC = ("High", "Low", "Close")
REFERENCES: dict[str, Callable[[pd.DataFrame], Rows]] = {
    "RSI": talib_with("RSI", "Close", timeperiod=14),
    "SMA": talib_with("SMA", "Close", timeperiod=20),
    "EMA": talib_with("EMA", "Close", timeperiod=20),
    "WMA": talib_with("WMA", "Close", timeperiod=20),
    "DEMA": talib_with("DEMA", "Close", timeperiod=20),
    "TEMA": talib_with("TEMA", "Close", timeperiod=20),
    "KAMA": talib_with("KAMA", "Close", timeperiod=10),
    "MACD": talib_with("MACD", "Close", fastperiod=12, slowperiod=26, signalperiod=9),
    "BB": talib_with("BBANDS", "Close", timeperiod=20, nbdevup=2.0, nbdevdn=2.0),
    "ATR": talib_with("ATR", *HLC, timeperiod=14),
    "STOCH": talib_with("STOCH", *HLC, fastk_period=14, slowk_period=3, slowd_period=3),
    "ADX": talib_with("ADX", *HLC, timeperiod=14),
    "PLUS_DI": talib_with("PLUS_DI", *HLC, timeperiod=14),
    "MINUS_DI": talib_with("MINUS_DI", *HLC, timeperiod=14),
    "CCI": talib_with("CCI", *HLC, timeperiod=14),
    "MOM": talib_with("MOM", "Close", timeperiod=10),
    "ROC": talib_with("ROC", "Close", timeperiod=10),
    "OBV": talib_with("OBV", "Close", "Volume"),
    "WILLR": talib_with("WILLR", *HLC, timeperiod=14),
    "MFI": talib_with("MFI", *HLC, "Volume", timeperiod=14),
    "HIGHEST": talib_with("MAX", "High", timeperiod=20),
    "LOWEST": talib_with("MIN", "Low", timeperiod=20),
    "STDDEV": talib_with("STDDEV", "Close", timeperiod=20),
    "VAMA": vama,
    "VWAP": vwap,
    "SESSION_VWAP": session_vwap,
    "DONCHIAN": donchian,
    "KELTNER": keltner,
    "SUPERTREND": supertrend,
    "ICHIMOKU": ichimoku,
    "STOCHRSI": stoch_rsi,
    "HMA": hull,
    "PSAR": talib_with("SAR", "High", "Low", acceleration=0.02, maximum=0.2),
    "AROON": aroon,
    "PIVOT": pivots,
    "PERCENTRANK": percent_rank,
    "ZSCORE": zscore,
    "IBS": ibs,
    "PERCENTB": percent_b,
    "HIGHAGE": since("High", max),
    "LOWAGE": since("Low", min),
    **SLOW,
    **{
        name: talib_with(name.replace("_", ""), "Open", *HLC)
        for name, entry in REGISTRY.items()
        if name.startswith("CDL_") and entry.is_talib
    },
}
FRAMES = {"h": ("1h", "4h"), "12h": ("12h", "1d"), "D": ("1d", "1wk")}


def bars_for(name: str) -> str:
    """Bars on which an indicator exists: hours for one that begins anew each session, half days for one that knows weeks or months."""
    entry = REGISTRY[name]
    return "h" if entry.reads_session else "12h" if entry.calendar else "D"


def computed(frame: pd.DataFrame, name: str, **more: object) -> pd.DataFrame:
    """The columns that AlgoAgent adds for an indicator with its default parameters."""
    timeframe = FRAMES[bars_for(name)][0]
    return add_indicators(frame, [{"name": name, **more}], timeframe).drop(columns=frame.columns)


def test_every_indicator_has_a_reference() -> None:
    assert set(REFERENCES) == set(REGISTRY)


@pytest.mark.parametrize("name", REGISTRY)
def test_values(name: str) -> None:
    frame = frame_of(freq=bars_for(name))
    expected = np.array(REFERENCES[name](frame)).T
    ours = computed(frame, name)
    assert list(ours.columns) == [make_indicator(name).column(o.name) for o in REGISTRY[name].outputs]
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(ours.to_numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("coarse", [False, True])
def test_the_future_never_changes_the_past(name: str, coarse: bool) -> None:
    timeframe = FRAMES[bars_for(name)][1] if coarse else None
    frame = frame_of(seed=3, bars=1100, freq=bars_for(name))
    cut = 900
    changed = frame.copy()
    rng = np.random.default_rng(11)
    changed.iloc[cut:] *= rng.uniform(0.5, 2.0, (len(frame) - cut, 5))
    changed["High"] = changed[["Open", "High", "Low", "Close"]].max(axis=1)
    changed["Low"] = changed[["Open", "High", "Low", "Close"]].min(axis=1)
    more = {"timeframe": timeframe} if timeframe else {}
    before, after = computed(frame, name, **more), computed(changed, name, **more)
    np.testing.assert_allclose(before.iloc[:cut], after.iloc[:cut], rtol=1e-12)
    reads_prices = {"source", *PRICE_COLUMNS} & set(REGISTRY[name].inputs)
    if reads_prices and after.iloc[cut + 30 :].nunique().max() > 1:  # a rare pattern is seen nowhere
        assert not np.allclose(before.iloc[cut + 30 :], after.iloc[cut + 30 :], equal_nan=True)


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(40, 200), name=st.sampled_from(sorted(REGISTRY)), seed=st.integers(0, 999))
def test_a_shorter_history_gives_the_same_values(cut: int, name: str, seed: int) -> None:
    frame = frame_of(seed, 210, bars_for(name))
    whole, part = computed(frame, name), computed(frame.iloc[:cut], name)
    np.testing.assert_allclose(whole.iloc[:cut], part, rtol=1e-9, atol=1e-9)


def test_a_coarser_time_frame_shows_completed_periods_only() -> None:
    frame = frame_of(bars=90)  # every day from Wednesday 2020-01-01; the week of that day lacks its Monday
    weekly = frame["Close"].groupby(frame.index.to_period("W-SUN")).last()[1:].rolling(4).mean()
    ours = computed(frame, "SMA", timeperiod=4, timeframe="1wk")["SMA_4@1wk"]
    for time, value in ours.items():
        stamp = pd.Timestamp(str(time))
        known = stamp.to_period("W-SUN") - (0 if stamp.day_name() == "Sunday" else 1)  # complete at Sunday's close
        assert value == pytest.approx(weekly.get(known, math.nan), nan_ok=True), time


def test_an_indicator_of_an_indicator_starts_where_its_source_does() -> None:
    frame = frame_of()
    columns = add_indicators(
        frame, [{"name": "RSI", "timeperiod": 14}, {"name": "SMA", "timeperiod": 5, "source": "RSI_14"}], "1d"
    )
    expected = pd.Series(talib.RSI(frame["Close"].to_numpy(), 14), frame.index).rolling(5).mean()
    np.testing.assert_allclose(columns["SMA_5_RSI_14"], expected, rtol=1e-9)


FLAT = ("RSI", "STOCH", "WILLR", "MFI", "STOCHRSI", "IBS", "ZSCORE", "PERCENTB", "CCI", "ADX", "PLUS_DI", "MINUS_DI")


@pytest.mark.parametrize("name", FLAT)
def test_flat_prices_have_none(name: str) -> None:
    """Nothing is oversold where nothing moves: 0 / 0 is no number, and no rule fires on it."""
    flat = frame_of().assign(Open=50.0, High=50.0, Low=50.0, Close=50.0)
    assert computed(flat, name).isna().all(axis=None)


@pytest.mark.parametrize("name", FLAT)
def test_they_come_back_when_prices_move_again(name: str) -> None:
    frame = frame_of(bars=400)
    frame.loc[frame.index[:120], ["Open", "High", "Low", "Close"]] = 50.0
    assert computed(frame, name).iloc[200:].notna().all(axis=None)


# Of what begins with a period, on the bars of the test: hours of a Wednesday on, or half days.
WARM_UPS = {
    ("PRIOR_DAY", 24): "a day", ("PRIOR_WEEK", 24): "a week", ("PRIOR_MONTH", 62): "a month", ("CLOCK_RANGE", 7): "its end",
    ("WEEK_VWAP", 10): "a week's end", ("SWING_POINT", 9): "two swings", ("RETRACEMENT", 9): "two swings",
}  # fmt: skip


def test_the_docs_tell_of_each_with_its_defaults_and_its_warm_up() -> None:
    text = (Path(__file__).parents[2] / "docs" / "indicators.md").read_text(encoding="utf-8")
    rows = {row.split(" | ")[0].removeprefix("| "): row for row in text.splitlines() if row.startswith("| ")}
    for name, entry in REGISTRY.items():
        params = ", ".join(f"{p.name} {p.as_text(p.default)}" for p in entry.params) or "none"
        first = int(np.isnan(computed(frame_of(bars=400, freq=bars_for(name)), name).to_numpy()).any(axis=1).argmin())
        assert f"| {params} |" in rows[name]
        assert f"| {WARM_UPS.get((name, first), f'{first} bars')} |" in rows[name]
        theirs = entry.tradingview_setting({})
        said = re.findall(r"\bdefault ([\d/]+)", rows[name].split(" | ")[-1])
        assert said == ([theirs] if theirs != entry.setting({}) else []), name
