"""Prices of another symbol beside those that are traded: columns such as `SPY.Close`, aligned by time, and their bars.

A bar shows the other symbol's bar of its date, on bars finer than a day the last one that had ended by its close, on that trading day; on a day on which
the other one did not trade it shows none. `SPY.Bar` numbers the bars, so that one that is shown several times is told from several that are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from Backtest.errors import DataError
from Backtest.indicators import PRICE_COLUMNS
from Backtest.market.sessions import DAY_S, Ints, TradingSession

BAR = "Bar"


def columns_of(symbol: str) -> list[str]:
    """Return the columns in which prices of another symbol stand."""
    return [f"{symbol}.{name}" for name in PRICE_COLUMNS]


def aligned(frame: pd.DataFrame, symbol: str, other: pd.DataFrame) -> pd.DataFrame:
    """Return prices with those of another symbol, as bars of the same length, beside them.

    Raises:
        DataError: the times of one bear a zone and those of the other none.
    """
    index, theirs = pd.DatetimeIndex(frame.index), pd.DatetimeIndex(other.index)
    at = _shown(index, theirs, symbol)
    columns = {f"{symbol}.{name}": np.append(other[name].to_numpy(dtype=float), np.nan)[at] for name in PRICE_COLUMNS}
    return frame.assign(**columns, **{f"{symbol}.{BAR}": np.where(at >= 0, at, np.nan)})


def _shown(index: pd.DatetimeIndex, theirs: pd.DatetimeIndex, symbol: str) -> Ints:
    """Return which of the other bars each bar shows, -1 for none; int64."""
    session = TradingSession.of(index)
    if not session.intraday:
        own, kept = _dates(index, session.step_s), _dates(theirs, session.step_s)
        last = np.flatnonzero(~kept.duplicated(keep="last"))
        found = kept[last].get_indexer(own)
        return np.where(found >= 0, np.append(last, -1)[found], -1)
    if (index.tz is None) != (theirs.tz is None):
        bearing, bare = ("these", symbol) if theirs.tz is None else (symbol, "these")
        raise DataError(
            f"The times of {bare} bear no zone and those of {bearing} do, so they cannot be brought together",
            suggestions=["Say in which zone they are (timezone), or upload prices that bear their zone"],
        )
    at = np.searchsorted(theirs.as_unit("us").asi8, index.as_unit("us").asi8, side="right") - 1
    other = TradingSession.of(theirs)
    here = index.tz_convert(theirs.tz) if theirs.tz is not None else index
    same = (at >= 0) & (other.days(theirs)[at] == other.days(here))
    return np.where(same, at, -1).astype(np.int64)


def _dates(index: pd.DatetimeIndex, step_s: int) -> pd.Index[Any]:
    """Return the date of each bar, of weeks and coarser bars the period in which it begins."""
    dates = index.tz_localize(None).normalize()
    for most, code in ((4.5, ""), (20, "W-SUN"), (60, "M"), (200, "Q")):
        if step_s <= most * DAY_S:
            return pd.Index(dates.to_period(code)) if code else dates.as_unit("us")
    return pd.Index(dates.to_period("Y"))


def other_bars(frame: pd.DataFrame, symbol: str) -> tuple[pd.DataFrame, Ints]:
    """Return the bars of another symbol that prices show, each once, and for each bar how many it has shown, 0 where it shows none.

    They bear the time of the bar that shows them first.

    Raises:
        DataError: the prices come without them.
    """
    if missing := [name for name in columns_of(symbol) if name not in frame]:
        raise DataError(
            f"The prices come without those of {symbol}: the columns {', '.join(missing)} are missing",
            suggestions=[f"Fetch {symbol} for the same dates, or leave the clause that reads it out"],
        )
    shown = np.flatnonzero(frame[f"{symbol}.Close"].notna())
    number = frame[f"{symbol}.{BAR}"].to_numpy()[shown] if f"{symbol}.{BAR}" in frame else shown
    new = np.diff(number, prepend=-1) != 0
    count = np.zeros(len(frame), dtype=np.int64)
    count[shown] = np.cumsum(new)
    start = f"{symbol}."
    own = {name: name.removeprefix(start) for name in map(str, frame.columns) if name.startswith(start)}
    bars = frame.iloc[shown[new]][list(own)].rename(columns=own)
    if bars.empty:
        raise DataError(f"{symbol} has no bar from {frame.index[0]} to {frame.index[-1]} on a day of these prices")
    return bars, count


def bars_not_shown(frame: pd.DataFrame, symbol: str) -> int:
    """Return how many bars of another symbol fall between those of these prices, so that nothing is computed of them."""
    number = frame[f"{symbol}.{BAR}"].dropna() if f"{symbol}.{BAR}" in frame else pd.Series(dtype=float)
    return int(number.iloc[-1] - number.iloc[0]) + 1 - number.nunique() if len(number) else 0


def with_other(frame: pd.DataFrame, symbol: str, columns: Mapping[str, Any], count: Ints) -> pd.DataFrame:
    """Return prices with further columns of another symbol, told of its bars, shown where these are."""
    return frame.assign(**{f"{symbol}.{name}": np.append(np.nan, values)[count] for name, values in columns.items()})
