"""Many parameter sets in one compiled call."""

from __future__ import annotations

import numpy as np
from numba import njit

from Backtest.kernel.broker import AT_CLOSE, BAD_SIZE, CASH, ENTRY_BAR, POSITION, STATE, prepare, simulate
from Backtest.kernel.figures import FOLLOWED, follow, measure
from Backtest.kernel.masks import BLOCK, join_signal, mask_of, run_program


@njit(cache=True, nogil=True, error_model="numpy")
def run_sets(  # type: ignore[no-untyped-def]
    prices, series, code, signals, ints, floats, starts, atr, numbers, kinds, exits, limits, work, shared, code_masks,
    quoted, stamps, last, market, periods, year, terms, outcome, table, returns, trades, equity,
):  # fmt: skip
    """Run every parameter set over the prices.

    Long prices are gone through a block of bars at a time. Within a block all sets that have a row of `equity` are simulated, one after
    another, so that the block's prices are read from memory once for all of them; the remaining sets wait until the rows are free.

    Args:
        prices: float64 of shape (4, bars): open, high, low, close in the units that are traded.
        series: rules' prices and indicators, float64 of shape (rows, bars).
        code, signals: the program and its masks of enter long, enter short, exit long, exit short.
        ints, floats, starts, atr, numbers, limits: one row a set.
        shared: masks that are the same for every set; work: room for float rows, those of the shared program filled.
            Where the program fills others, sets cannot run side by side.
        outcome: is filled, int64 of shape (sets, 3): how it ended, trades, orders without money.
        quoted, stamps, last, market, periods, year: those of a Calendar; terms: one row a set, float64 of shape (sets, TERMS).
        table: is filled with the figures, float64 of shape (sets, NAMES).
        returns: is filled with the returns of days, float64 of shape (sets, days - 1), or empty.
        trades, equity: room for sets side by side, float64 of shape (room, bars + 1, 10) and (room, bars); set j is in
            row j % room.
    """
    bars, room = prices.shape[1], len(equity)
    open_, high, low, close = prices[0], prices[1], prices[2], prices[3]
    masks = np.empty((code_masks, min(bars, BLOCK)), np.uint8)
    signal = np.empty(min(bars, BLOCK), np.uint8)
    since = np.empty((room, len(code)), np.int64)
    state = np.empty((room, STATE))
    followed = np.empty((room, FOLLOWED))
    moves = np.empty(len(last) + 1)
    fixed = True  # whether all signals are shared masks, which are the same for every set
    for k in range(4):
        fixed = fixed and signals[k] < 0
    for first in range(0, len(ints), room):
        beside = min(room, len(ints) - first)
        for r in range(beside):
            prepare(min(starts[first + r], bars - 1), numbers[first + r, CASH], state[r], outcome[first + r])
            followed[r] = np.nan
        for begin in range(0, bars, BLOCK):
            end = min(begin + BLOCK, bars)
            for r in range(beside):
                j = first + r
                if r == 0 or not fixed:
                    run_program(code, ints[j], floats[j], series, work, masks, shared, since[r], begin, end)
                    join_signal(
                        mask_of(masks, shared, begin, end, signals[0]), mask_of(masks, shared, begin, end, signals[1]),
                        mask_of(masks, shared, begin, end, signals[2]), mask_of(masks, shared, begin, end, signals[3]),
                        signal[: end - begin],
                    )  # fmt: skip
                simulate(
                    open_, high, low, close, signal, begin, end, series, atr[j], numbers[j], kinds, exits, limits[j],
                    masks, shared, state[r], outcome[j], trades[r], equity[r],
                )  # fmt: skip
                holds = int(state[r, ENTRY_BAR]) if state[r, POSITION] != 0 and end < bars else -1
                # The curve begins with the cash: an order that is filled at this very close does not count yet.
                equity[r, min(starts[j], bars - 1)] = numbers[j, CASH]
                follow(
                    equity[r], min(starts[j], bars - 1), end, stamps, trades[r], outcome[j, 1], holds,
                    kinds[AT_CLOSE], followed[r],
                )  # fmt: skip
        for r in range(beside):
            j = first + r
            if outcome[j, 0] >= BAD_SIZE:
                table[j] = np.nan
                returns[j] = np.nan
                continue
            measure(
                equity[r], min(starts[j], bars - 1), open_, close, quoted, stamps, last, market, periods, year, trades[r],
                outcome[j, 1], terms[j], followed[r], moves, table[j],
            )  # fmt: skip
            for d in range(returns.shape[1]):
                before = equity[r, last[d]]
                returns[j, d] = equity[r, last[d + 1]] / before - 1 if before > 0 else 0.0
