"""What an equity curve tells besides its figures: the returns of months and years, its drawdowns, and how holding compares.

An equity curve is a float64 series with a DatetimeIndex, the value of the account at every close from the first graded
bar on, at whose close the account is all cash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from Backtest.kernel.figures import RISK_FREE, TRADE_COLUMNS, figures
from Backtest.market.sessions import DAY_S, TradingSession
from Backtest.sandbox import EngineSettings

LONGEST_MONTH_S = 40 * DAY_S  # bars further apart than this are coarser than months


@dataclass(frozen=True)
class YearOfReturns:
    """The returns of a year, fractions: `months` from January on, None in months without a bar; `total` is that of the year.

    Where bars are coarser than months, `months` is empty.
    """

    year: int
    months: tuple[float | None, ...]
    total: float | None


def yearly_returns(equity: pd.Series, cash: float) -> list[YearOfReturns]:
    """Return the returns of every calendar year and month, the first of them measured from `cash`.

    A month goes from the last close before it to its own last close. Bars within a day count in the month of their
    trading day, coarser bars in that of the date they bear. After an equity of nothing or less there are no returns.
    """
    index = pd.DatetimeIndex(equity.index)
    session = TradingSession.of(index)
    days = session.days(index)
    years = _changes(equity, cash, days.year)
    months: dict[tuple[int, int], float | None] = {}
    if session.step_s <= LONGEST_MONTH_S:
        keys = days.year * 12 + days.month - 1
        months = {divmod(key, 12): change for key, change in _changes(equity, cash, keys).items()}
    return [
        YearOfReturns(year, tuple(months.get((year, month)) for month in range(12)) if months else (), total)
        for year, total in years.items()
    ]


def _changes(equity: pd.Series, cash: float, periods: pd.Index) -> dict[int, float | None]:
    """Return for each period, a number that grows with the bars, the return from the last close before it to its last."""
    found: dict[int, float | None] = {}
    before = cash
    for period, last in equity.groupby(np.asarray(periods), sort=True).last().items():
        found[int(cast("int", period))] = float(last) / before - 1 if before > 0 else None
        before = float(last)
    return found


@dataclass(frozen=True)
class Drawdown:
    """A fall below the highest equity so far. `depth` is a fraction, negative; `end` is None where it lasts to the last bar."""

    start: pd.Timestamp
    trough: pd.Timestamp
    end: pd.Timestamp | None
    depth: float
    length: pd.Timedelta


def drawdowns(equity: pd.Series) -> list[Drawdown]:
    """Return all drawdowns, the deepest first; each goes from its peak to the close that regains it."""
    values, index = equity.to_numpy(dtype=np.float64), equity.index
    peaks = np.maximum.accumulate(values)
    under = np.concatenate([[False], values < peaks, [False]]).astype(np.int8)
    begins, ends = np.flatnonzero(np.diff(under) == 1).tolist(), np.flatnonzero(np.diff(under) == -1).tolist()
    found = []
    for begin, end in zip(begins, ends, strict=True):
        trough = begin + int(np.argmin(values[begin:end]))
        regained = end < len(values)
        length = index[end if regained else -1] - index[begin - 1]
        depth = float(values[trough] / peaks[trough] - 1)
        found.append(Drawdown(index[begin - 1], index[trough], index[end] if regained else None, depth, length))
    return sorted(found, key=lambda drawdown: drawdown.depth)


def holding_curve(closes: pd.Series, settings: EngineSettings) -> pd.Series | None:
    """Return the equity curve of buying with all cash at the first close and selling at the last, at a run's costs.

    It is None where the cash does not pay the fixed commission.

    Args:
        closes: of the graded bars, float64.
        settings: those of the run, for its cash and costs.
    """
    fixed, fee = settings.commission_fixed, settings.commission
    if settings.cash <= fixed:
        return None
    price = float(closes.iloc[0]) * (1 + settings.spread) * (1 + fee)
    curve = closes * ((settings.cash - fixed) / price)
    curve.iloc[0] = settings.cash
    curve.iloc[-1] = curve.iloc[-1] * (1 - fee) - fixed
    return curve


def holding_figures(frame: pd.DataFrame, begin: int, curve: pd.Series, settings: EngineSettings) -> dict[str, Any]:
    """Return the figures of a curve without trades, made as those of the run it is compared with.

    Args:
        frame: the run's prices; `begin` is its first graded bar, where the curve begins.
    """
    equity = np.concatenate([np.full(begin, curve.iloc[0]), curve.to_numpy()])
    trades = pd.DataFrame(np.zeros((0, len(TRADE_COLUMNS))), columns=list(TRADE_COLUMNS))
    return figures(equity, trades, frame, {RISK_FREE: settings.risk_free_rate}, begin=begin)
