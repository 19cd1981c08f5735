"""backtesting.py's statistics (backtesting/_stats.py 0.6.6) of one run, compiled.

What depends on the prices alone is computed once, in `Calendar`. A run is gathered into sums (`gather`); the two
exponentials are NumPy's, as in the reference, whose last digit differs from the C library's; `finish` makes the figures
of the sums. Sums are added in NumPy's order (pairwise), so that they agree in all but the last digits. Where a covariance
is no more than its rounding (`beta_lost`), the reference's is taken (`long_beta`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
import pandas as pd
from numba import njit

from Backtest.conditions import Floats

NAMES = (
    "Exposure Time [%]", "Equity Final [$]", "Equity Peak [$]", "Commissions [$]", "Return [%]", "Buy & Hold Return [%]",
    "Return (Ann.) [%]", "Volatility (Ann.) [%]", "CAGR [%]", "Sharpe Ratio", "Sortino Ratio", "Calmar Ratio", "Alpha [%]",
    "Beta", "Max. Drawdown [%]", "Avg. Drawdown [%]", "Max. Drawdown Duration", "Avg. Drawdown Duration", "# Trades",
    "Win Rate [%]", "Best Trade [%]", "Worst Trade [%]", "Avg. Trade [%]", "Max. Trade Duration", "Avg. Trade Duration",
    "Profit Factor", "Expectancy [%]", "SQN", "Kelly Criterion",
)  # fmt: skip
DURATIONS = ("Max. Drawdown Duration", "Avg. Drawdown Duration", "Max. Trade Duration", "Avg. Trade Duration")

# What `follow` and `gather` find, float64 of shape (SUMS,).
(EXPOSED, FIRST, FINAL, PEAK, COMMISSION, DAYS, LOG_GROWTH, VARIANCE, DOWNSIDE, COVARIANCE, MAX_DRAWDOWN, SUM_PEAKS,
 SEGMENTS, MAX_SEGMENT, SUM_SEGMENTS, TRADES, WINS, BEST, WORST, LOG_TRADES, MAX_HELD, SUM_HELD, GAINS, LOSSES,
 SUM_RETURNS, MEAN_PROFIT, STD_PROFIT, SUM_WON, SUM_LOST, LOST, WIPED_OUT, TERMS) = range(32)  # fmt: skip
# Where `follow` is: the bars it has seen, the trade it is at, the lowest since the peak, the last bar at a peak.
(SEEN, TRADE, TROUGH, TOP) = range(32, 36)
SUMS = 36
IN_ROUNDING = (
    2e-5  # of a covariance's terms; their rounding was 11 times 2.2e-16 of them at most, 1e-9 of this is 90 times
)


@dataclass(frozen=True)
class Calendar:
    """What the statistics need of the prices.

    `close` float64 (bars,), in the units that are traded; `stamps` int64 (bars,) in the index's own unit; `last` int64
    (days,): the last bar of each day (week, month) that has one; `market` float64 (bars - 1,): the market's log returns
    less their mean, `market_variance` the sum of their squares and `market_terms` of their absolutes; `scalars` float64: days
    a year, length in years, and the resolution of durations in the index's unit.
    """

    close: Floats
    stamps: np.ndarray[Any, np.dtype[np.int64]]
    last: np.ndarray[Any, np.dtype[np.int64]]
    market: Floats
    market_variance: float
    market_terms: float
    scalars: Floats
    unit: str
    daily: bool

    @classmethod
    def of(cls, index: pd.DatetimeIndex, close: Floats) -> Calendar:
        last, scalars, daily = _days(index.asi8.tobytes(), str(index.unit), index.tz)
        with np.errstate(all="ignore"):
            returns = np.log(close[1:] / close[:-1])
        centred = returns - returns.mean() if len(returns) else returns
        return cls(
            np.ascontiguousarray(close), index.asi8, last, centred, float((centred * centred).sum()),
            float(np.abs(centred).sum()), scalars, str(index.unit), daily,
        )  # fmt: skip


@lru_cache(maxsize=4)
def _days(stamps: bytes, unit: str, zone: Any) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Floats, bool]:
    """Return the last bar of each day, the scalars of a Calendar, and whether each bar is a day of its own."""
    index = pd.DatetimeIndex(np.frombuffer(stamps, dtype=f"M8[{unit}]"))
    index = index.tz_localize("UTC").tz_convert(zone) if zone is not None else index
    bars = len(index)
    period = pd.Series(index[-100:]).diff().dropna().median()
    weekends = float(pd.Series(index.dayofweek).between(5, 6).mean()) > 2 / 7 * 0.6
    year = {7: 52, 31: 12, 365: 1}.get(period.days, 365 if weekends else 252)
    rule = {7: "W", 31: "ME", 365: "YE"}.get(period.days, "D")
    last = pd.Series(np.arange(bars), index).resample(rule).last().dropna().to_numpy().astype(np.int64)
    span = index[-1] - index[0]
    years = (span.days + span.seconds / 86400) / 365.25
    resolution = float(pd.Timedelta(1, cast("Any", period.resolution_string)).as_unit("ns").value) / _NANOSECONDS[unit]
    return last, np.array([year, years, resolution], dtype=np.float64), bool(len(last) == bars)


_NANOSECONDS = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}


@njit(cache=True)
def block_sum(a, begin, n):  # type: ignore[no-untyped-def]
    """Sum at most 128 numbers as NumPy does."""
    if n < 8:
        total = 0.0
        for i in range(begin, begin + n):
            total += a[i]
        return total
    r0, r1, r2, r3 = a[begin], a[begin + 1], a[begin + 2], a[begin + 3]
    r4, r5, r6, r7 = a[begin + 4], a[begin + 5], a[begin + 6], a[begin + 7]
    i = 8
    while i < n - n % 8:
        r0 += a[begin + i]
        r1 += a[begin + i + 1]
        r2 += a[begin + i + 2]
        r3 += a[begin + i + 3]
        r4 += a[begin + i + 4]
        r5 += a[begin + i + 5]
        r6 += a[begin + i + 6]
        r7 += a[begin + i + 7]
        i += 8
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    while i < n:
        total += a[begin + i]
        i += 1
    return total


@njit(cache=True)
def pairwise(a, n):  # type: ignore[no-untyped-def]
    """Sum a[:n] in NumPy's order (numpy/_core/src/umath/loops_utils.h.src): halves of halves, down to 128 numbers.

    The recursion is undone: numba's disk cache does not survive functions that call themselves. A part is found by going
    down from the whole; each time that leads to the right, a left half waits to be joined.
    """
    sums, top, at = np.zeros(64), 0, 0
    while at < n:
        begin, size, joins = 0, n, 0
        while size > 128:
            half = size // 2
            half -= half % 8
            if at < begin + half:
                size, joins = half, 0
            else:
                begin, size, joins = begin + half, size - half, joins + 1
        sums[top] = block_sum(a, at, size)
        for _ in range(joins):
            top -= 1
            sums[top] += sums[top + 1]
        top += 1
        at += size
    return sums[0]


@njit(cache=True, error_model="numpy")
def log_changes(before, after, logs):  # type: ignore[no-untyped-def]
    """Fill logs with the log of the rounded after / before, exact to the last digits.

    Near 1 it is the series of 2 artanh((x - 1) / (x + 1)), which the compiler makes vectors of.
    """
    far = 0
    for i in range(len(logs)):
        x = after[i] / before[i]
        f = (x - 1) / (x + 1)
        s = f * f
        far += 0 if s < 0.01 else 1
        tail = 1 / 9 + s * (1 / 11 + s * (1 / 13 + s * (1 / 15 + s * (1 / 17))))
        logs[i] = 2 * f * (1 + s * (1 / 3 + s * (1 / 5 + s * (1 / 7 + s * tail))))
    if far:
        for i in range(len(logs)):
            x = after[i] / before[i]
            f = (x - 1) / (x + 1)
            if not f * f < 0.01:
                logs[i] = math.log(x) if x > 0 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def follow(equity, start, end, stamps, market, trades, count, holds, at_close, work, sums):  # type: ignore[no-untyped-def]
    """Follow the drawdowns of a run, and its covariance with the market and its terms, on to the bars before `end`.

    Equity moves only while there is a trade: the `count` trades that are closed, and the one that was entered at bar
    `holds` where one is open, -1 where none is. `sums` is filled, for a new run NaN.
    """
    if end <= start:
        return
    if sums[SEEN] != sums[SEEN]:
        first = equity[start]
        equity[:start] = first
        sums[FIRST], sums[PEAK], sums[TROUGH] = first, first, first
        sums[SEEN], sums[TRADE], sums[TOP] = 1, 0, 0
        sums[MAX_DRAWDOWN], sums[SUM_PEAKS], sums[COVARIANCE], sums[TERMS] = 0.0, 0.0, 0.0, 0.0
        sums[SEGMENTS], sums[MAX_SEGMENT], sums[SUM_SEGMENTS] = 0.0, 0.0, 0.0
    peak, trough, top, seen = sums[PEAK], sums[TROUGH], int(sums[TOP]), int(sums[SEEN])
    deepest, peaks, covariance, terms = sums[MAX_DRAWDOWN], sums[SUM_PEAKS], sums[COVARIANCE], sums[TERMS]
    segments, longest, lengths = sums[SEGMENTS], sums[MAX_SEGMENT], sums[SUM_SEGMENTS]
    for k in range(int(sums[TRADE]), count + 2):
        begin, upto = end, end
        if k < count:
            begin = max(int(trades[k, 1]), start, seen)
            upto = min(int(trades[k, 2]) + 1 + at_close, end)
        elif k == count and holds >= 0:
            begin = max(holds, start, seen)
        if begin > seen and equity[seen - 1] >= peak:  # at its peak, and nothing moves up to here
            top = begin - 1
        seen = max(seen, begin)
        if upto <= begin:
            continue
        logs, moves = work[: upto - begin], market[begin - 1 : upto - 1]
        log_changes(equity[begin - 1 : upto - 1], equity[begin:upto], logs)
        for i in range(len(logs)):
            logs[i] *= moves[i]
        covariance += pairwise(work, upto - begin)
        for i in range(len(logs)):
            logs[i] = abs(logs[i])
        terms += pairwise(work, upto - begin)
        for i in range(begin, upto):
            worth = equity[i]
            if worth >= peak:
                if i > top + 1:
                    length = float(stamps[i] - stamps[top])
                    segments += 1
                    lengths += length
                    longest = max(longest, length)
                    depth = 1 - trough / peak
                    peaks += depth
                    deepest = max(deepest, depth)
                peak = worth
                trough = worth
                top = i
            else:
                trough = min(trough, worth)
        seen = upto
    next_ = int(sums[TRADE])
    while next_ < count and int(trades[next_, 2]) + 1 + at_close <= end:
        next_ += 1
    sums[PEAK], sums[TROUGH], sums[TOP], sums[SEEN], sums[TRADE] = peak, trough, top, seen, next_
    sums[MAX_DRAWDOWN], sums[SUM_PEAKS], sums[COVARIANCE], sums[TERMS] = deepest, peaks, covariance, terms
    sums[SEGMENTS], sums[MAX_SEGMENT], sums[SUM_SEGMENTS] = segments, longest, lengths


@njit(cache=True, nogil=True, error_model="numpy")
def gather(equity, stamps, last, daily, trades, count, work, more, sums):  # type: ignore[no-untyped-def]
    """Sum up a run that was followed to its end: its equity, float64 (bars,), and `count` trades.

    `work` and `more` are room for at least bars + 2 numbers each, `sums` is filled.
    """
    bars = len(equity)
    nan = np.nan
    # -- The drawdown at the end --
    top, depth = int(sums[TOP]), 1 - sums[TROUGH] / sums[PEAK]
    sums[MAX_DRAWDOWN] = max(sums[MAX_DRAWDOWN], depth)
    if equity[bars - 1] == 0:  # a run that ends without money stays at nothing
        sums[COVARIANCE] = nan
    if bars - 1 > top + 1:
        length = float(stamps[bars - 1] - stamps[top])
        sums[SEGMENTS] += 1
        sums[SUM_SEGMENTS] += length
        sums[MAX_SEGMENT] = max(sums[MAX_SEGMENT], length)
        sums[SUM_PEAKS] += depth
    elif sums[SEGMENTS] == 0:
        sums[SUM_PEAKS] = depth  # the last bar alone is below its peak: the reference has its depth, and no duration
    # -- Returns of days --
    days = len(last) - 1
    if equity[bars - 1] == 0:
        while days > 0 and equity[last[days - 1]] == 0:  # 0 / 0 is no return
            days -= 1
    if daily:
        before, after = equity[:days], equity[1 : days + 1]
        for j in range(days):
            work[j] = after[j] / before[j] - 1
    else:
        for j in range(days):
            work[j] = equity[last[j + 1]] / equity[last[j]] - 1
    wiped_out = 1.0 if days and equity[last[days]] <= 0 else 0.0
    mean = pairwise(work, days) / days if days else nan
    for j in range(days):
        down = min(work[j], 0.0)
        more[j] = down * down
        work[j] = (mean - work[j]) ** 2
    downside = pairwise(more, days)
    variance = pairwise(work, days) / (days - 1) if days > 1 else nan
    growth = math.log(equity[last[days]] / equity[last[0]]) if days and not wiped_out else 0.0
    if days and not wiped_out and (abs(growth) < 1e-5 * days or variance < 1e-6):
        # What the figures subtract from each other is nearly the same: the reference's own rounding shows.
        for j in range(days):
            work[j] = math.log(equity[last[j + 1]] / equity[last[j]] - 1 + 1)
        growth = pairwise(work, days)
    sums[DAYS] = days
    sums[LOG_GROWTH] = growth
    sums[VARIANCE] = variance
    sums[DOWNSIDE] = downside
    sums[WIPED_OUT] = wiped_out
    # -- Trades --
    exposed, upto = 0, -1
    commission = 0.0
    wins, lost = 0, 0
    best, worst = nan, nan
    logs, broke = 0.0, False
    gains, losses, won, given = 0.0, 0.0, 0.0, 0.0
    most_held, held = 0.0, 0.0
    for k in range(count):
        entered, left = int(trades[k, 1]), int(trades[k, 2])
        if left > upto:
            exposed += left - max(entered - 1, upto)
            upto = left
        commission += trades[k, 8]
        profit, change = trades[k, 7], trades[k, 9]
        if profit > 0:
            wins += 1
            won += profit
        elif profit < 0:
            lost += 1
            given += profit
        if not change <= best:
            best = change
        if not change >= worst:
            worst = change
        if change > 0:
            gains += change
        elif change < 0:
            losses += change
        if change + 1 <= 0:
            broke = True
        else:
            logs += math.log(change + 1)
        length = float(stamps[left] - stamps[entered])
        most_held = max(most_held, length)
        held += length
        work[k] = profit
    mean = pairwise(work, count) / count if count else nan
    for k in range(count):
        work[k] = (mean - work[k]) ** 2
    sums[STD_PROFIT] = math.sqrt(pairwise(work, count) / (count - 1)) if count > 1 else nan
    for k in range(count):
        work[k] = trades[k, 9]
    sums[SUM_RETURNS] = pairwise(work, count)
    sums[MEAN_PROFIT] = mean
    sums[EXPOSED] = exposed
    sums[FINAL], sums[COMMISSION] = equity[bars - 1], commission
    sums[TRADES], sums[WINS], sums[LOST] = count, wins, lost
    sums[BEST], sums[WORST] = best, worst
    sums[LOG_TRADES] = nan if broke else logs
    sums[MAX_HELD], sums[SUM_HELD] = most_held, held
    sums[GAINS], sums[LOSSES], sums[SUM_WON], sums[SUM_LOST] = gains, losses, won, given


@njit(cache=True, inline="always")
def rounded_up(length, resolution):  # type: ignore[no-untyped-def]
    return math.ceil(length / resolution) * resolution


@njit(cache=True, nogil=True, error_model="numpy")
def finish(sums, growth, trade_growth, betas, starts, risk_free, close, scalars, table):  # type: ignore[no-untyped-def]
    """Fill `table`, float64 (runs, 29), from the sums (runs, SUMS), exp of the mean log returns (runs,) and the betas (runs,)."""
    nan = np.nan
    bars = len(close)
    year, years, resolution = scalars[0], scalars[1], scalars[2]
    two = year / year + 1.0  # an exponent that is not folded into a product: the reference calls pow
    for j in range(len(sums)):
        s, row = sums[j], table[j]
        count, days = s[TRADES], s[DAYS]
        first, final = s[FIRST], s[FINAL]
        rate = risk_free[j]
        daily = 0.0 if s[WIPED_OUT] else growth[j] - 1 if days else nan
        annual = (1 + daily) ** year - 1
        volatility = math.sqrt((s[VARIANCE] + (1 + daily) ** two) ** year - (1 + daily) ** (2 * year)) * 100
        total = (final - first) / first * 100
        begin = min(max(int(starts[j]) - 1, 0), bars - 1)
        hold = (close[bars - 1] - close[begin]) / close[begin] * 100
        beta = betas[j] if bars > 2 else nan
        deepest, segments = s[MAX_DRAWDOWN], s[SEGMENTS]
        won = s[WINS] / count if count else nan
        row[0] = s[EXPOSED] / bars * 100
        row[1] = final
        row[2] = s[PEAK]
        row[3] = s[COMMISSION]
        row[4] = total
        row[5] = hold
        row[6] = annual * 100
        row[7] = volatility
        row[8] = ((final / first) ** (1 / years) - 1) * 100 if years else nan
        row[9] = (annual * 100 - rate * 100) / volatility if volatility != 0 else nan
        downside = math.sqrt(s[DOWNSIDE] / days) * math.sqrt(year) if days else nan
        row[10] = (annual - rate) / downside
        row[11] = annual / deepest if deepest != 0 else nan
        row[12] = total - rate * 100 - beta * (hold - rate * 100)
        row[13] = beta
        row[14] = -deepest * 100
        row[15] = -(s[SUM_PEAKS] / max(segments, 1.0)) * 100 if s[SUM_PEAKS] else nan
        row[16] = rounded_up(s[MAX_SEGMENT], resolution) if segments else nan
        row[17] = rounded_up(math.floor(s[SUM_SEGMENTS] / segments), resolution) if segments else nan
        row[18] = count
        row[19] = won * 100
        row[20] = s[BEST] * 100
        row[21] = s[WORST] * 100
        broke = count and s[LOG_TRADES] != s[LOG_TRADES]
        row[22] = 0.0 if broke else (trade_growth[j] - 1) * 100 if count else nan
        row[23] = rounded_up(s[MAX_HELD], resolution) if count else nan
        row[24] = rounded_up(math.floor(s[SUM_HELD] / count), resolution) if count else nan
        row[25] = s[GAINS] / abs(s[LOSSES]) if s[LOSSES] != 0 else nan
        row[26] = s[SUM_RETURNS] / count * 100 if count else nan
        deviation = s[STD_PROFIT]
        row[27] = math.sqrt(count) * s[MEAN_PROFIT] / deviation if count and deviation != 0 else nan
        ratio = (s[SUM_WON] / s[WINS]) / (-s[SUM_LOST] / s[LOST]) if s[WINS] and s[LOST] else nan
        row[28] = won - (1 - won) / ratio if ratio == ratio else nan


def beta_lost(
    sums: Floats, table: Floats, risk_free: Floats, calendar: Calendar
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for each run whether its Beta, or an Alpha made of it, is lost in the rounding of the sum it comes from.

    Its terms are those of `follow`, and what the reference adds for bars without a trade: the mean return it subtracts.
    """
    beta, alpha, hold = (table[:, NAMES.index(n)] for n in ("Beta", "Alpha [%]", "Buy & Hold Return [%]"))
    with np.errstate(all="ignore"):
        mean = np.abs(np.log(sums[:, FINAL] / sums[:, FIRST])) / len(calendar.market)
        rounding = IN_ROUNDING * (sums[:, TERMS] + mean * calendar.market_terms) / calendar.market_variance
        return (np.abs(beta) < rounding) | (np.abs(alpha) < rounding * np.abs(hold - risk_free * 100))


def long_beta(equity: Floats, calendar: Calendar) -> float:
    """Return Beta as the reference has it, to the last bit: BLAS adds two series on one core, however many there are."""
    with np.errstate(all="ignore"):
        found = np.cov(np.log(equity[1:] / equity[:-1]), np.log(calendar.close[1:] / calendar.close[:-1]))
    return float(found[0, 1] / found[1, 1])
