"""The truth of conditions over many bars and many parameter sets, compiled.

A program is a list of instructions on whole arrays. Each reads numbers from slots, which hold one value a parameter set,
so that one program serves every set. `not` has been pushed down to the comparisons, and a comparison with NaN is
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

# Instructions, int64 of shape (n, 6): operation, destination, four arguments.
#   FILL     work row, float slot
#   MATH     work row, left series, right series, + - * / as 0..3
#   COMPARE  mask, left, right, kind          each series is a slot of rows and a slot of offsets, packed
#   LEVEL    mask, left, float slot, kind
#   AND, OR  mask, mask, mask
#   EVERY    mask, mask, int slot of bars
#   SOME     mask, mask, int slot of bars
#   CLEAR    mask
FILL, MATH, COMPARE, LEVEL, AND, OR, EVERY, SOME, CLEAR = range(9)
WIDTH = 8


@njit(cache=True, inline="always")
def row_of(series, work, row):  # type: ignore[no-untyped-def]
    return series[row] if row >= 0 else work[-1 - row]


@njit(cache=True, inline="always")
def mask_of(masks, shared, index):  # type: ignore[no-untyped-def]
    return masks[index] if index >= 0 else shared[-1 - index]


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
def calculate(a, offset_a, b, offset_b, kind, out):  # type: ignore[no-untyped-def]
    """Join two series by + - * or /; NaN before the first bar of either and for a divisor of zero."""
    n = len(out)
    first = min(max(offset_a, offset_b), n)
    out[:first] = np.nan
    for i in range(first, n):
        x, y = a[i - offset_a], b[i - offset_b]
        if kind == 0:
            out[i] = x + y
        elif kind == 1:
            out[i] = x - y
        elif kind == 2:
            out[i] = x * y
        else:
            out[i] = x / y if y != 0 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def run_program(code, ints, floats, series, work, masks, shared):  # type: ignore[no-untyped-def]
    """Run a program for one parameter set.

    Args:
        code: int64 of shape (n, WIDTH).
        ints, floats: the slots of this set.
        series: prices and indicators, float64 of shape (rows, bars).
        work, masks: are filled, float64 and uint8 of shape (n, bars).
        shared: masks that do not depend on the set; they are named by negative indexes.
    """
    n = series.shape[1]
    for k in range(len(code)):
        kind = code[k, 0]
        to = code[k, 1]
        if kind == FILL:
            work[to, :] = floats[code[k, 2]]
        elif kind == MATH:
            left = row_of(series, work, ints[code[k, 2]])
            right = row_of(series, work, ints[code[k, 4]])
            calculate(left, ints[code[k, 3]], right, ints[code[k, 5]], code[k, 6], work[to])
        elif kind == COMPARE:
            back_left = ints[code[k, 3]] + code[k, 7]
            back_right = ints[code[k, 5]] + code[k, 7]
            first = min(max(back_left, back_right), n)
            left = row_of(series, work, ints[code[k, 2]])[first - back_left : n - back_left]
            right = row_of(series, work, ints[code[k, 4]])[first - back_right : n - back_right]
            masks[to, :first] = 0
            if first < n:
                compare_arrays(left, right, code[k, 6], masks[to, first:])
        elif kind == LEVEL:
            back = ints[code[k, 3]] + code[k, 7]
            first = min(back, n)
            masks[to, :first] = 0
            if first < n:
                left = row_of(series, work, ints[code[k, 2]])[: n - back]
                compare_level(left, floats[code[k, 4]], code[k, 6], masks[to, first:])
        elif kind == AND:
            a, b, out = mask_of(masks, shared, code[k, 2]), mask_of(masks, shared, code[k, 3]), masks[to]
            for i in range(n):
                out[i] = a[i] & b[i]
        elif kind == OR:
            a, b, out = mask_of(masks, shared, code[k, 2]), mask_of(masks, shared, code[k, 3]), masks[to]
            for i in range(n):
                out[i] = a[i] | b[i]
        elif kind == EVERY:
            a, out, bars = mask_of(masks, shared, code[k, 2]), masks[to], ints[code[k, 3]]
            run = 0
            for i in range(n):
                run = run + 1 if a[i] else 0
                out[i] = run >= bars
        elif kind == SOME:
            a, out, bars = mask_of(masks, shared, code[k, 2]), masks[to], ints[code[k, 3]]
            since = bars
            for i in range(n):
                since = 0 if a[i] else since + 1
                out[i] = since < bars
        else:
            masks[to, :] = 0


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
