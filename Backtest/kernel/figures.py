"""The figures of a result, each defined once for both engines; `docs/figures.md` says where each comes from.

What depends on the prices alone is computed once, in `Calendar`. `follow` goes along a run's equity for its drawdowns, a
block of bars at a time; `measure` makes all figures of what it found, of the trades and of the returns of days.

Sources:
    QuantStats 0.0.86 and empyrical-reloaded 0.5.9 for volatility, Sharpe, Sortino, Beta and Alpha; Kelly, J. (1956);
    Tharp, V. (1998), "Trade your way to financial freedom", for SQN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numba import njit

from Backtest.market.sessions import TradingSession

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

NAMES = (
    "Exposure Time [%]", "Equity Final [$]", "Equity Peak [$]", "Commissions [$]", "Return [%]", "Buy & Hold Return [%]",
    "Return (Ann.) [%]", "Volatility (Ann.) [%]", "CAGR [%]", "Sharpe Ratio", "Sortino Ratio", "Calmar Ratio", "Alpha [%]",
    "Beta", "Max. Drawdown [%]", "Avg. Drawdown [%]", "Max. Drawdown Duration", "Avg. Drawdown Duration", "# Trades",
    "Win Rate [%]", "Best Trade [%]", "Worst Trade [%]", "Avg. Trade [%]", "Max. Trade Duration", "Avg. Trade Duration",
    "Profit Factor", "Profit Factor (Returns)", "Expectancy [$]", "Expectancy [%]", "SQN", "Kelly Criterion",
)  # fmt: skip
DURATIONS = ("Max. Drawdown Duration", "Avg. Drawdown Duration", "Max. Trade Duration", "Avg. Trade Duration")
TRADE_COLUMNS = (
    "Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "SL", "TP", "PnL", "Commission", "ReturnPct",
)  # fmt: skip

# What an account is measured by, float64 of shape (TERMS,): costs as the engine takes them, the rate of a year a fraction.
(CASH, SPREAD, FIXED_FEE, FEE, RISK_FREE, AT_CLOSE) = range(6)
TERMS = 6

# What `follow` leaves to the next block of bars, float64 of shape (FOLLOWED,).
(SEEN, TRADE, PEAK, TROUGH, TOP, DEEPEST, SUM_DEPTHS, DRAWDOWNS, LONGEST, SUM_LENGTHS) = range(10)
FOLLOWED = 10

FEW_BARS, FEW_TRADES, FEW_YEARS = 30, 5, 0.5  # fewer than these make a figure that means little
SAME = 1e-9  # two prices that differ by less, relatively, are one: fractional trading rounds their last digits


@dataclass(frozen=True)
class Calendar:
    """What the figures need of the prices.

    `close` float64 (bars,), as quoted; `stamps` int64 (bars,) in the index's own `unit`;
    `last` int64 (days,): the last bar of each trading day, where bars are coarser of each bar; `market` float64
    (days - 1,): the returns of the closes of days; `periods` a year: 252, 365, 52, 12, 4 or 1; `year` that of 365.25 days
    in `unit`.
    """

    close: Floats
    stamps: Ints
    last: Ints
    market: Floats
    periods: float
    year: float
    unit: str
    zone: Any = None  # that of the index

    @classmethod
    def of(cls, index: pd.DatetimeIndex, close: Floats) -> Calendar:
        session = TradingSession.of(index)
        last = session.last_bars(index)
        with np.errstate(all="ignore"):
            market = close[last[1:]] / close[last[:-1]] - 1
        unit = str(index.unit)
        return cls(
            _own(close), np.array(index.asi8), last, market,
            float(session.periods_a_year), 365.25 * 86400 * _PER_SECOND[unit], unit, index.tz,
        )  # fmt: skip

    def years(self, begin: int = 0) -> float:
        """Return the time from a bar to the last one in years of 365.25 days."""
        return float(self.stamps[-1] - self.stamps[begin]) / self.year


def _own(values: Any) -> Floats:
    """Return numbers in an array of one's own: compiled functions are compiled again for one that is read-only or lies otherwise."""
    return np.array(values, dtype=np.float64, order="C")


_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


@njit(cache=True, nogil=True, error_model="numpy")
def follow(equity, start, end, stamps, trades, count, holds, at_close, state):  # type: ignore[no-untyped-def]
    """Follow the drawdowns of a run on to the bars before `end`; a drawdown lasts from its peak to the bar that regains it.

    Bars without a trade are skipped, as equity does not move on them. The trades are the `count` closed ones, and the open one that was
    entered at bar `holds` (-1: none is open). With `at_close`, the bar after a trade is looked at as well: its equity is the cash alone, which
    may differ in the last digit. `state` is read and filled; a new run gives NaN.
    """
    if end <= start:
        return
    if state[SEEN] != state[SEEN]:
        first = equity[start]
        equity[:start] = first
        state[:] = 0.0
        state[PEAK], state[TROUGH] = first, first
        state[SEEN], state[TOP] = start + 1, start
    peak, trough, top, seen = state[PEAK], state[TROUGH], int(state[TOP]), int(state[SEEN])
    deepest, depths = state[DEEPEST], state[SUM_DEPTHS]
    drawdowns, longest, lengths = state[DRAWDOWNS], state[LONGEST], state[SUM_LENGTHS]
    for k in range(int(state[TRADE]), count + 2):
        begin, upto = end, end
        if k < count:
            begin = max(int(trades[k, 1]), start, seen)
            upto = min(int(trades[k, 2]) + 1 + at_close, end)
        elif k == count and holds >= 0:
            begin = max(holds, start, seen)
        if begin > seen and equity[seen - 1] >= peak:  # equity stayed at its peak up to here
            top = begin - 1
        seen = max(seen, begin)
        if upto <= begin:
            continue
        for i in range(begin, upto):
            here = equity[i]
            if here >= peak:
                if i > top + 1:
                    length = float(stamps[i] - stamps[top])
                    drawdowns += 1
                    lengths += length
                    longest = max(longest, length)
                    depth = 1 - trough / peak
                    depths += depth
                    deepest = max(deepest, depth)
                peak, trough, top = here, here, i
            else:
                trough = min(trough, here)
        seen = upto
    next_ = int(state[TRADE])
    while next_ < count and int(trades[next_, 2]) + 1 + at_close <= end:
        next_ += 1
    state[PEAK], state[TROUGH], state[TOP], state[SEEN], state[TRADE] = peak, trough, top, seen, next_
    state[DEEPEST], state[SUM_DEPTHS] = deepest, depths
    state[DRAWDOWNS], state[LONGEST], state[SUM_LENGTHS] = drawdowns, longest, lengths


def in_shares(sizes: Floats) -> Floats | Ints:
    """Return whole sizes as integers; where one is too large for that, 1e19 shares of a growth without end, as they are."""
    return sizes.astype(np.int64) if np.all(np.abs(sizes) < 2.0**63) else sizes


@njit(cache=True, inline="always")
def same(a, b):  # type: ignore[no-untyped-def]
    return abs(a - b) <= SAME * abs(b)


@njit(cache=True, nogil=True, error_model="numpy")
def measure(  # type: ignore[no-untyped-def]
    equity, begin, open_, close, quoted, stamps, last, market, periods, year, trades, count, terms, state, work, row
):  # fmt: skip
    """Fill `row`, float64 (NAMES,), with the figures of a run that was followed to its end; NaN where there is none.

    Args:
        equity: float64 (bars,); `begin` is the first bar that is graded, at whose close the account is all cash.
        open_, close: prices in the units that trades are in.
        quoted, stamps, last, market, periods, year: those of a Calendar, `quoted` its closes.
        trades: the `count` closed trades in order of their entries, float64 (count, 10), columns as TRADE_COLUMNS.
        terms: float64 (TERMS,).
        state: what `follow` left.
        work: room for as many numbers as there are days.
    """
    nan = np.nan
    bars = len(equity)
    cash, final = equity[begin], equity[bars - 1]
    row[:] = nan
    years = float(stamps[bars - 1] - stamps[begin]) / year
    row[1], row[2], row[4] = final, state[PEAK], (final - cash) / cash * 100
    growth = nan
    if years > 0:
        growth = (final / cash) ** (1 / years) - 1
    row[6], row[8] = growth * 100, growth * 100
    # -- Drawdowns; one that lasts to the end has its last bar for an end --
    top, depth = int(state[TOP]), 1 - state[TROUGH] / state[PEAK]
    deepest, drawdowns = max(state[DEEPEST], depth), state[DRAWDOWNS]
    longest, lengths, depths = state[LONGEST], state[SUM_LENGTHS], state[SUM_DEPTHS]
    if depth > 0:
        length = float(stamps[bars - 1] - stamps[top])
        drawdowns, lengths, depths, longest = drawdowns + 1, lengths + length, depths + depth, max(longest, length)
    row[14] = 0.0 - deepest * 100
    if drawdowns > 0:
        row[15], row[16], row[17] = -depths / drawdowns * 100, longest, lengths / drawdowns
    if deepest > 0:
        row[11] = growth / deepest
    # -- What holding would have given: bought with all cash at the first close, sold at the last, at the same costs --
    hold = nan
    if cash > terms[FIXED_FEE]:
        change = quoted[bars - 1] / quoted[begin] / (1 + terms[SPREAD]) * ((1 - terms[FEE]) / (1 + terms[FEE]))
        hold = (cash - terms[FIXED_FEE]) / cash * change - terms[FIXED_FEE] / cash - 1
    row[5] = hold * 100
    # -- Returns of days, up to that on which all was lost; a lost account has no ratios, which would grade how well it was lost --
    day = np.searchsorted(last, begin)
    days = 0
    for k in range(day + 1, len(last)):
        before = equity[last[k - 1]]
        if not before > 0:
            break
        work[days] = equity[last[k]] / before - 1
        days += 1
    rate = (1 + terms[RISK_FREE]) ** (1 / periods) - 1
    if days > 1:
        total, others = 0.0, 0.0
        for k in range(days):
            total += work[k]
            others += market[day + k]
        mean, mean_market = total / days, others / days
        squares, downside, products, market_squares = 0.0, 0.0, 0.0, 0.0
        for k in range(days):
            away, other = work[k] - mean, market[day + k] - mean_market
            squares += away * away
            products += away * other
            market_squares += other * other
            down = min(work[k] - rate, 0.0)
            downside += down * down
        deviation = math.sqrt(squares / (days - 1))
        row[7] = deviation * math.sqrt(periods) * 100
        if final > 0 and deviation > 1e-14 * abs(mean):
            row[9] = (mean - rate) / deviation * math.sqrt(periods)
        if final > 0 and downside > 0:
            row[10] = (mean - rate) / math.sqrt(downside / days) * math.sqrt(periods)
        if market_squares > 0:
            beta = products / market_squares
            row[13] = beta
            row[12] = ((mean - rate) - beta * (mean_market - rate)) * periods * 100
    # -- Trades --
    exposed, upto = 0, begin
    wins, losses, won, lost, won_part, lost_part = 0, 0, 0.0, 0.0, 0.0, 0.0
    profit, part, commission, most, held = 0.0, 0.0, 0.0, 0.0, 0.0
    best, worst = -np.inf, np.inf
    for k in range(count):
        entered, left = int(trades[k, 1]), int(trades[k, 2])
        first = entered
        if terms[AT_CLOSE] != 0 and same(
            trades[k, 3], close[entered] * (1 + math.copysign(terms[SPREAD], trades[k, 0]))
        ):
            first += 1
        through = left + 1
        marked = left == bars - 1 and same(trades[k, 4], close[left])
        if not marked and same(trades[k, 4], open_[left]) and left > entered:
            through -= 1  # the trade was left at the open of its last bar, and was not exposed to the rest of it
        first, through = max(first, upto), max(through, upto)
        exposed += max(through - first, 0)
        upto = max(through, upto)
        gain, ratio = trades[k, 7], trades[k, 9]
        commission += trades[k, 8]
        profit += gain
        part += ratio
        best, worst = max(best, ratio), min(worst, ratio)
        if gain > 0:
            wins += 1
            won += gain
        elif gain < 0:
            losses += 1
            lost -= gain
        if ratio > 0:
            won_part += ratio
        else:
            lost_part -= ratio
        length = float(stamps[left] - stamps[entered])
        held += length
        most = max(most, length)
    row[0] = exposed / (bars - begin) * 100
    row[3] = commission
    row[18] = count
    if count == 0:
        return
    row[19], row[20], row[21], row[22] = wins / count * 100, best * 100, worst * 100, part / count * 100
    row[23], row[24] = most, held / count
    if lost > 0:
        row[25] = won / lost
    if lost_part > 0:
        row[26] = won_part / lost_part
    mean_profit = profit / count
    row[27], row[28] = mean_profit, part / count * 100
    if count > 1:
        squares = 0.0
        for k in range(count):
            squares += (trades[k, 7] - mean_profit) ** 2
        deviation = math.sqrt(squares / (count - 1))
        if deviation > 1e-14 * abs(mean_profit):
            row[29] = math.sqrt(count) * mean_profit / deviation
    if wins and losses:
        row[30] = wins / count - (1 - wins / count) / ((won / wins) / (lost / losses))


def figures(
    equity: Floats, trades: pd.DataFrame, frame: pd.DataFrame, terms: Mapping[int, float], *, begin: int = 0
) -> dict[str, Any]:
    """Return the figures of one run by their names: None where there is no value, durations as text.

    Args:
        equity: of every bar, float64 (bars,).
        trades: closed trades with the columns TRADE_COLUMNS; bars are rows of `frame`.
        frame: the prices, OHLCV.
        terms: CASH, SPREAD, FIXED_FEE, FEE, RISK_FREE, AT_CLOSE; what is left out is 0.
        begin: the first bar that is graded.
    """
    open_, close = _own(frame["Open"]), _own(frame["Close"])
    calendar = Calendar.of(pd.DatetimeIndex(frame.index), close)
    ordered = trades.sort_values(["EntryBar", "ExitBar"], kind="stable")
    table = _own(ordered[list(TRADE_COLUMNS)])
    given = np.zeros(TERMS)
    for place, value in terms.items():
        given[place] = value
    curve = _own(equity)
    state, row = np.full(FOLLOWED, np.nan), np.empty(len(NAMES))
    # Trades of code that somebody wrote may overlap, so no bar is skipped: `follow` is told of one trade that lasts over all bars.
    follow(curve, begin, len(curve), calendar.stamps, np.zeros((0, 10)), 0, begin, 0, state)
    measure(
        curve, begin, open_, close, calendar.close, calendar.stamps, calendar.last, calendar.market, calendar.periods,
        calendar.year, table, len(table), given, state, np.empty(len(calendar.last) + 1), row,
    )  # fmt: skip
    return presentable(row, calendar, begin)


def presentable(row: Floats, calendar: Calendar, begin: int = 0) -> dict[str, Any]:
    """Return a row of figures by their names, after the time they are of."""
    index = pd.DatetimeIndex(np.asarray(calendar.stamps[[begin, -1]]).view(f"M8[{calendar.unit}]"))
    if calendar.zone is not None:
        index = index.tz_localize("UTC").tz_convert(calendar.zone)
    found: dict[str, Any] = {
        "Start": str(index[0]), "End": str(index[1]), "Duration": str(index[1] - index[0]),
    }  # fmt: skip
    for name, value in zip(NAMES, row.tolist(), strict=True):
        if not np.isfinite(value):
            found[name] = None
        elif name in DURATIONS:
            found[name] = str(pd.Timedelta(round(value), cast("Any", calendar.unit)))
        else:
            found[name] = int(value) if name == "# Trades" else value
    return found


OF_DAYS = ("Volatility (Ann.) [%]", "Sharpe Ratio", "Sortino Ratio", "Alpha [%]", "Beta")
OF_YEARS = ("Return (Ann.) [%]", "CAGR [%]", "Calmar Ratio")
OF_TRADES = (
    "Win Rate [%]", "Profit Factor", "Profit Factor (Returns)", "Expectancy [$]", "Expectancy [%]", "SQN", "Kelly Criterion",
    "Avg. Trade [%]",
)  # fmt: skip


def _days(years: float) -> str:
    """Return a length below a year with its verb: `29 days are`, `1 day is`, `less than a day is`."""
    days = round(years * 365.25)
    return f"{days} days are" if days > 1 else "1 day is" if days else "less than a day is"


def cautions(metrics: Mapping[str, Any], *, bars: int, years: float) -> dict[str, str]:
    """Return for each figure that rests on too little what it rests on, such as `3 trades` for the win rate.

    Args:
        metrics: as `figures` gives them.
        bars: how many were graded, and `years` how long they are.
    """
    found: dict[str, str] = {}
    trades = int(metrics.get("# Trades") or 0)
    for few, names, what in (
        (bars < FEW_BARS, OF_DAYS, f"{bars} bars are too few to mean much"),
        (years < FEW_YEARS, OF_YEARS, f"{_days(years)} too short to speak of a year"),
        (trades < FEW_TRADES, OF_TRADES, f"{trades} trade{'s' * (trades != 1)} are too few to mean much".replace(
            "1 trade are", "1 trade is")),
    ):  # fmt: skip
        if few:
            found |= {name: what for name in names if metrics.get(name) is not None}
    return found
