"""The truth of conditions over many bars and many parameter sets, compiled.

A program is a list of instructions on arrays. Each reads numbers from slots, which hold one value a parameter set,
so that one program serves every set. Long prices are judged block by block: what the program reads twice and what it
makes in between stays in the processor's cache. `not` has been pushed down to the comparisons, and a comparison with NaN is
false: a mask says where a condition is known to hold.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from Backtest.kernel.broker import (
    ENTER_LONG,
    ENTER_SHORT,
    EQUAL,
    EXIT_LONG,
    EXIT_SHORT,
    GREATER,
    GREATER_EQUAL,
    LESS,
    LESS_EQUAL,
)
from Backtest.meaning import core

# Instructions, int64 of shape (n, WIDTH): operation, destination, arguments. A series is two arguments: a slot of its row, and one of
# how many bars back it is read.
#   FILL     work row, float slot
#   MATH     work row, left series, right series, the place in FUNCTIONS
#   COMPARE  mask, left series, right series, kind
#   LEVEL    mask, left series, float slot, 0, kind
#   AND, OR  mask, mask, mask
#   EVERY    mask, mask, int slot of bars
#   SOME     mask, mask, int slot of bars
#   CLEAR    mask
#   COUNT    mask, mask, int slot of bars, int slot of how many at least, work row that keeps the mask for the blocks to come, 1 where
#            all but so many, and one more, are needed
#   SEEN     mask, mask, mask of what makes it forgotten, 1 for whether it was seen or 0 for whether it was not
#   AGO      mask, mask, int slot of bars back, work row that keeps the mask
#   SINCE    work row, mask: how many bars ago it last held
#   WHEN     work row, mask, series: what the series was when the mask last held
FILL, MATH, COMPARE, LEVEL, AND, OR, EVERY, SOME, CLEAR, COUNT, SEEN, AGO, SINCE, WHEN = range(14)
WIDTH = 7
BLOCK = 4096  # bars
MOST_SEEN = core.MOST_SEEN
FUNCTIONS = ("+", "-", "*", "/", "min", "max", "abs")  # abs is that of the left series


@njit(cache=True, inline="always")
def row_of(series, work, row):  # type: ignore[no-untyped-def]
    return series[row] if row >= 0 else work[-1 - row]


@njit(cache=True, inline="always")
def mask_of(masks, shared, begin, end, index):  # type: ignore[no-untyped-def]
    return masks[index, : end - begin] if index >= 0 else shared[-1 - index, begin:end]


@njit(cache=True, error_model="numpy")
def compare_arrays(a, b, kind, out):  # type: ignore[no-untyped-def]
    """Compare float64 arrays of one length into uint8."""
    n = len(out)
    if kind == LESS:
        for i in range(n):
            out[i] = a[i] < b[i]
    elif kind == LESS_EQUAL:
        for i in range(n):
            out[i] = a[i] <= b[i]
    elif kind == GREATER:
        for i in range(n):
            out[i] = a[i] > b[i]
    elif kind == GREATER_EQUAL:
        for i in range(n):
            out[i] = a[i] >= b[i]
    elif kind == EQUAL:
        for i in range(n):
            out[i] = a[i] == b[i]
    else:
        for i in range(n):
            out[i] = (a[i] < b[i]) | (a[i] > b[i])


@njit(cache=True, error_model="numpy")
def compare_level(a, b, kind, out):  # type: ignore[no-untyped-def]
    """Compare a float64 array with a number into uint8."""
    n = len(out)
    if kind == LESS:
        for i in range(n):
            out[i] = a[i] < b
    elif kind == LESS_EQUAL:
        for i in range(n):
            out[i] = a[i] <= b
    elif kind == GREATER:
        for i in range(n):
            out[i] = a[i] > b
    elif kind == GREATER_EQUAL:
        for i in range(n):
            out[i] = a[i] >= b
    elif kind == EQUAL:
        for i in range(n):
            out[i] = a[i] == b
    else:
        for i in range(n):
            out[i] = (a[i] < b) | (a[i] > b)


@njit(cache=True, error_model="numpy")
def calculate(a, offset_a, b, offset_b, kind, begin, end, out):  # type: ignore[no-untyped-def]
    """Join two series by one of FUNCTIONS from bar to bar; NaN before the first of either and for a divisor of zero."""
    first = min(max(offset_a, offset_b, begin), end)
    out[begin:first] = np.nan
    for i in range(first, end):
        x, y = a[i - offset_a], b[i - offset_b]
        if kind == 0:
            out[i] = x + y
        elif kind == 1:
            out[i] = x - y
        elif kind == 2:
            out[i] = x * y
        elif kind == 3:
            out[i] = x / y if y != 0 else np.nan
        elif kind == 4:
            out[i] = np.minimum(x, y)  # NaN where one of them is
        elif kind == 5:
            out[i] = np.maximum(x, y)
        else:
            out[i] = abs(x)


@njit(cache=True, nogil=True, error_model="numpy")
def run_program(code, ints, floats, series, work, masks, shared, since, begin, end):  # type: ignore[no-untyped-def]
    """Run a program for one parameter set on the bars from begin to end; those before have been.

    Args:
        code: int64 of shape (n, WIDTH).
        ints, floats: the slots of this set.
        series: prices and indicators, float64 of shape (rows, bars).
        work: is filled, float64 of shape (rows, bars).
        masks: is filled, uint8 of shape (n, at least end - begin): the block's.
        shared: masks that do not depend on the set, uint8 of shape (n, bars); they are named by negative indexes.
        since: what the instructions keep from block to block, int64 of shape (n,).
    """
    n = end - begin
    for k in range(len(code)):
        kind = code[k, 0]
        to = code[k, 1]
        if kind == FILL:
            work[to, begin:end] = floats[code[k, 2]]
            continue
        if kind == MATH:
            left = row_of(series, work, ints[code[k, 2]])
            right = row_of(series, work, ints[code[k, 4]])
            calculate(left, ints[code[k, 3]], right, ints[code[k, 5]], code[k, 6], begin, end, work[to])
            continue
        if kind in (SINCE, WHEN):
            a, found = mask_of(masks, shared, begin, end, code[k, 2]), work[to]
            values = row_of(series, work, ints[code[k, 3]]) if kind == WHEN else found
            back = ints[code[k, 4]] if kind == WHEN else 0
            ago = since[k] if begin else MOST_SEEN
            for i in range(n):
                ago = 0 if a[i] else min(ago + 1, MOST_SEEN)
                at = begin + i - ago - back
                found[begin + i] = np.nan
                if ago < MOST_SEEN:
                    found[begin + i] = ago if kind == SINCE else values[at] if at >= 0 else np.nan
            since[k] = ago
            continue
        out = masks[to, :n]
        if kind == COMPARE:
            back_left = ints[code[k, 3]]
            back_right = ints[code[k, 5]]
            first = min(max(back_left, back_right, begin), end)
            out[: first - begin] = 0
            left = row_of(series, work, ints[code[k, 2]])[first - back_left : end - back_left]
            right = row_of(series, work, ints[code[k, 4]])[first - back_right : end - back_right]
            compare_arrays(left, right, code[k, 6], out[first - begin :])
        elif kind == LEVEL:
            back = ints[code[k, 3]]
            first = min(max(back, begin), end)
            out[: first - begin] = 0
            left = row_of(series, work, ints[code[k, 2]])[first - back : end - back]
            compare_level(left, floats[code[k, 4]], code[k, 6], out[first - begin :])
        elif kind == AND:
            a, b = mask_of(masks, shared, begin, end, code[k, 2]), mask_of(masks, shared, begin, end, code[k, 3])
            for i in range(n):
                out[i] = a[i] & b[i]
        elif kind == OR:
            a, b = mask_of(masks, shared, begin, end, code[k, 2]), mask_of(masks, shared, begin, end, code[k, 3])
            for i in range(n):
                out[i] = a[i] | b[i]
        elif kind == EVERY:
            a, bars = mask_of(masks, shared, begin, end, code[k, 2]), ints[code[k, 3]]
            run = since[k] if begin else 0
            for i in range(n):
                run = run + 1 if a[i] else 0
                out[i] = run >= bars
            since[k] = run
        elif kind == SOME:
            a, bars = mask_of(masks, shared, begin, end, code[k, 2]), ints[code[k, 3]]
            ago = since[k] if begin else bars
            for i in range(n):
                ago = 0 if a[i] else ago + 1
                out[i] = ago < bars
            since[k] = ago
        elif kind == COUNT:
            a, bars, least = mask_of(masks, shared, begin, end, code[k, 2]), ints[code[k, 3]], ints[code[k, 4]]
            kept = work[code[k, 5]]
            kept[begin:end] = a
            if code[k, 6]:
                least = bars - least + 1
            held = since[k] if begin else 0
            for i in range(n):
                held += a[i]
                if begin + i >= bars:
                    held -= kept[begin + i - bars] > 0
                out[i] = held >= least
            since[k] = held
        elif kind == SEEN:
            a, forget = mask_of(masks, shared, begin, end, code[k, 2]), mask_of(masks, shared, begin, end, code[k, 3])
            wanted = code[k, 4]
            ago = since[k] if begin else MOST_SEEN + 1  # bars since it held
            for i in range(n):
                if forget[i]:
                    ago = MOST_SEEN + 1
                out[i] = (ago <= MOST_SEEN) == wanted
                ago = 1 if a[i] else min(ago + 1, MOST_SEEN + 1)
            since[k] = ago
        elif kind == AGO:
            a, bars, kept = mask_of(masks, shared, begin, end, code[k, 2]), ints[code[k, 3]], work[code[k, 4]]
            kept[begin:end] = a
            for i in range(n):
                out[i] = begin + i >= bars and kept[begin + i - bars] > 0
        else:
            out[:] = 0


@njit(cache=True, nogil=True)
def join_signal(enter_long, enter_short, exit_long, exit_short, signal):  # type: ignore[no-untyped-def]
    """Fill the bits of each bar: an entry counts only where the exit of its side does not hold."""
    for i in range(len(signal)):
        out_long, out_short = exit_long[i], exit_short[i]
        signal[i] = (
            (enter_long[i] & (1 - out_long)) * ENTER_LONG
            + (enter_short[i] & (1 - out_short)) * ENTER_SHORT
            + out_long * EXIT_LONG
            + out_short * EXIT_SHORT
        )
