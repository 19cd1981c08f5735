"""Slow, plain implementations of the indicators of periods, swings and candles, on prices of a market that never closes."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable
from typing import Any

import pandas as pd

Rows = list[list[float]]
Slow = Callable[[pd.DataFrame], Rows]
NONE = math.nan


def columns(f: pd.DataFrame) -> tuple[list[float], ...]:
    return tuple(f[name].tolist() for name in ("Open", "High", "Low", "Close"))


def flipped(rows: list[list[float]]) -> Rows:
    return [list(column) for column in zip(*rows, strict=True)]


# Periods -------------------------------------------------------------------------------------


def by(code: str) -> Callable[[pd.Timestamp], Any]:
    """The day, week or month in which a bar begins."""
    return lambda stamp: stamp.to_period(code)


def prior(code: str) -> Slow:
    """Of the period before that of the bar, which has to begin with the prices or after them."""

    def rows(f: pd.DataFrame) -> Rows:
        found = []
        for stamp in f.index:
            before = stamp.to_period(code) - 1
            bars = [i for i, t in enumerate(f.index) if t.to_period(code) == before]
            if not bars or before.start_time < f.index[0]:
                found.append([NONE] * 4)
                continue
            o, h, low, c = (f[name].iloc[bars].tolist() for name in ("Open", "High", "Low", "Close"))
            found.append([o[0], max(h), min(low), c[-1]])
        return flipped(found)

    return rows


def session_so_far(f: pd.DataFrame) -> Rows:
    found = []
    for i, stamp in enumerate(f.index):
        bars = [k for k in range(i + 1) if f.index[k].date() == stamp.date()]
        o, h, low, _ = (f[name].iloc[bars].tolist() for name in ("Open", "High", "Low", "Close"))
        found.append([o[0], max(h), min(low)])
    return flipped(found)


def opening_range(f: pd.DataFrame) -> Rows:
    """Of 30 minutes on hourly bars: that of the first bar, known at its close."""
    first = [next(k for k, t in enumerate(f.index) if t.date() == stamp.date()) for stamp in f.index]
    return [[f["High"].iloc[k] for k in first], [f["Low"].iloc[k] for k in first]]


def clock_range(f: pd.DataFrame) -> Rows:
    """From 3:00 to 8:00 on hourly bars, known from the close of the bar of 7:00 until the bar of 3:00."""
    found = []
    for i, stamp in enumerate(f.index):
        day = stamp.normalize() if stamp.hour >= 7 else stamp.normalize() - pd.Timedelta(days=1)
        bars = [k for k in range(i + 1) if f.index[k].normalize() == day and 3 <= f.index[k].hour < 8]
        if 3 <= stamp.hour < 7 or len(bars) < 5:
            found.append([NONE, NONE])
        else:
            found.append([max(f["High"].iloc[bars]), min(f["Low"].iloc[bars])])
    return flipped(found)


def vwap_of(code: str) -> Slow:
    def rows(f: pd.DataFrame) -> Rows:
        found = []
        for i, stamp in enumerate(f.index):
            period = stamp.to_period(code)
            bars = [k for k in range(i + 1) if f.index[k].to_period(code) == period]
            part = f.iloc[bars]
            money = sum((h + low + c) / 3 * v for h, low, c, v in part[["High", "Low", "Close", "Volume"]].to_numpy())
            found.append(money / sum(part["Volume"]) if period.start_time >= f.index[0] else NONE)
        return [found]

    return rows


def place(of: Callable[[pd.Timestamp], float]) -> Slow:
    return lambda f: [[float(of(stamp)) for stamp in f.index]]


def days_left(stamp: pd.Timestamp) -> int:
    return calendar.monthrange(stamp.year, stamp.month)[1] - stamp.day + 1


# Swings --------------------------------------------------------------------------------------


def swing_highs(values: list[float], n: int = 2) -> dict[int, int]:
    """Bar of confirmation to place: above the n values behind it, and not below the n before it."""
    found = {}
    for at in range(n, len(values) - n):
        before, after = values[at - n : at], values[at + 1 : at + n + 1]
        if values[at] >= max(before) and values[at] > max(after):
            found[at + n] = at
    return found


def swing_lows(values: list[float], n: int = 2) -> dict[int, int]:
    return swing_highs([-v for v in values], n)


def last_places(f: pd.DataFrame) -> list[tuple[int | None, int | None]]:
    """The places of the last swing high and low that are known at each bar."""
    highs, lows = swing_highs(f["High"].tolist()), swing_lows(f["Low"].tolist())
    found, top, bottom = [], None, None
    for i in range(len(f)):
        top, bottom = highs.get(i, top), lows.get(i, bottom)
        found.append((top, bottom))
    return found


def swing_point(f: pd.DataFrame) -> Rows:
    _, h, low, _ = columns(f)
    return flipped([[NONE if t is None else h[t], NONE if b is None else low[b]] for t, b in last_places(f)])


def retracement(f: pd.DataFrame) -> Rows:
    _, h, low, _ = columns(f)
    found = []
    for t, b in last_places(f):
        if t is None or b is None:
            found.append(NONE)
        elif b < t:  # it rose from b to t
            found.append(h[t] - 0.618 * (h[t] - low[b]))
        else:
            found.append(low[b] + 0.618 * (h[t] - low[b]))
    return [found]


def divergence(f: pd.DataFrame) -> Rows:
    """Between the price and the close."""
    _, h, low, c = columns(f)
    found = [[NONE if i < 4 else 0.0] * 4 for i in range(len(f))]
    for i, at in sorted(swing_lows(low).items()):
        earlier = [place for place in swing_lows(low).values() if place < at]
        if earlier and at - max(earlier) <= 60:
            old = max(earlier)
            found[i][0] = float(low[at] < low[old] and c[at] > c[old])
            found[i][2] = float(low[at] > low[old] and c[at] < c[old])
    for i, at in sorted(swing_highs(h).items()):
        earlier = [place for place in swing_highs(h).values() if place < at]
        if earlier and at - max(earlier) <= 60:
            old = max(earlier)
            found[i][1] = float(h[at] > h[old] and c[at] < c[old])
            found[i][3] = float(h[at] < h[old] and c[at] > c[old])
    return flipped(found)


# Candles -------------------------------------------------------------------------------------


def heikin_ashi(f: pd.DataFrame) -> Rows:
    found: list[list[float]] = []
    for o, h, low, c in zip(*columns(f), strict=True):
        close = (o + h + low + c) / 4
        open_ = (found[-1][0] + found[-1][3]) / 2 if found else (o + c) / 2
        found.append([open_, max(h, open_, close), min(low, open_, close), close])
    return flipped(found)


def narrow_range(f: pd.DataFrame) -> Rows:
    width = [h - low for h, low in zip(f["High"], f["Low"], strict=True)]
    return [[NONE if i < 6 else 100.0 * (width[i] < min(width[i - 6 : i])) for i in range(len(width))]]


def inside_bar(f: pd.DataFrame) -> Rows:
    _, h, low, _ = columns(f)
    return [[NONE, *(100.0 * (h[i] < h[i - 1] and low[i] > low[i - 1]) for i in range(1, len(h)))]]


def outside_bar(f: pd.DataFrame) -> Rows:
    _, h, low, _ = columns(f)
    return [[NONE, *(100.0 * (h[i] > h[i - 1] and low[i] < low[i - 1]) for i in range(1, len(h)))]]


def pin_bar(f: pd.DataFrame) -> Rows:
    def shape(o: float, h: float, low: float, c: float) -> float:
        lower, upper = (min(o, c) - low) / (h - low), (h - max(o, c)) / (h - low)
        return 100.0 if lower >= 2 / 3 else -100.0 if upper >= 2 / 3 else 0.0

    return [[shape(*bar) for bar in zip(*columns(f), strict=True)]]


SLOW: dict[str, Slow] = {
    "PRIOR_DAY": prior("D"), "PRIOR_WEEK": prior("W-SUN"), "PRIOR_MONTH": prior("M"), "SESSION_SO_FAR": session_so_far,
    "OPENING_RANGE": opening_range, "CLOCK_RANGE": clock_range, "WEEK_VWAP": vwap_of("W-SUN"), "MONTH_VWAP": vwap_of("M"),
    "MINUTES_IN": place(lambda t: 60 * t.hour), "MINUTES_LEFT": place(lambda t: 60 * (23 - t.hour)),
    "BARS_LEFT": place(lambda t: 23 - t.hour), "TRADING_DAY": place(lambda t: t.day), "TRADING_DAYS_LEFT": place(days_left),
    "DAY_OF_MONTH": place(lambda t: t.day), "MONTH_OF_YEAR": place(lambda t: t.month), "SWING_POINT": swing_point,
    "RETRACEMENT": retracement, "DIVERGENCE": divergence, "HEIKIN_ASHI": heikin_ashi, "NARROW_RANGE": narrow_range,
    "INSIDE_BAR": inside_bar, "OUTSIDE_BAR": outside_bar, "PIN_BAR": pin_bar,
}  # fmt: skip
