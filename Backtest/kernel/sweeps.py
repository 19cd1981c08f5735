"""Many parameter sets in one compiled call."""

from __future__ import annotations

import numpy as np
from numba import njit

from Backtest.kernel.broker import simulate
from Backtest.kernel.figures import gather
from Backtest.kernel.masks import join_signal, mask_of, run_program


@njit(cache=True, nogil=True, error_model="numpy")
def run_sets(  # type: ignore[no-untyped-def]
    prices, series, code, signals, ints, floats, starts, atr, numbers, kinds, exits, limits, work, shared, code_masks,
    stamps, last, market, daily, outcome, sums, returns, trades, equity,
):  # fmt: skip
    """Run every parameter set over the prices.

    Args:
        prices: float64 of shape (4, bars): open, high, low, close in the units that are traded.
        series: rules' prices and indicators, float64 of shape (rows, bars).
        code, signals: the program and its masks of enter long, enter short, exit long, exit short.
        ints, floats, starts, atr, numbers, limits: one row a set.
        shared: masks that are the same for every set; work: room for float rows, those of the shared program filled.
        outcome: is filled, int64 of shape (sets, 3): how it ended, trades, orders without money.
        sums: is filled, float64 of shape (sets, SUMS).
        returns: is filled with the returns of days, float64 of shape (sets, days - 1), or empty.
        trades, equity: room for one set; they hold the last one's.
    """
    bars = prices.shape[1]
    open_, high, low, close = prices[0], prices[1], prices[2], prices[3]
    masks = np.empty((code_masks, bars), np.uint8)
    signal = np.empty(bars, np.uint8)
    room, more = np.empty(bars + 2), np.empty(bars + 2)
    fixed = True
    for k in range(4):
        fixed = fixed and signals[k] < 0
    for j in range(len(ints)):
        if j == 0 or not fixed:
            run_program(code, ints[j], floats[j], series, work, masks, shared)
            join_signal(
                mask_of(masks, shared, signals[0]), mask_of(masks, shared, signals[1]),
                mask_of(masks, shared, signals[2]), mask_of(masks, shared, signals[3]), signal,
            )  # fmt: skip
        start = starts[j]
        if start >= bars:
            equity[:] = numbers[j, 0]
            ended, count, lost = 0, 0, 0
        else:
            ended, count, lost = simulate(
                open_, high, low, close, signal, start, series, atr[j], numbers[j], kinds, exits, limits[j], masks,
                shared, trades, equity,
            )  # fmt: skip
        outcome[j, 0], outcome[j, 1], outcome[j, 2] = ended, count, lost
        if ended >= 2:
            sums[j] = np.nan
            returns[j] = np.nan
            continue
        gather(equity, start, close, stamps, last, market, daily, trades, count, kinds[4], room, more, sums[j])
        for d in range(returns.shape[1]):
            before = equity[last[d]]
            returns[j, d] = equity[last[d + 1]] / before - 1 if before > 0 else 0.0
