"""backtesting.py's broker for canonical strategies, compiled.

A canonical strategy holds one trade at a time, so the reference's queue of orders comes down to an order to close, an
order to enter, a stop and a target, in this sequence. Every floating-point operation is the reference's, in the
reference's order: prices, sizes and equity are equal to the last bit. Line numbers are those of
backtesting/backtesting.py 0.6.6.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from numba import njit

# Numbers of a run by their place in its row, float64.
(CASH, SIZE, STOP, TRAIL, TARGET, SPREAD, FIXED_FEE, FEE, MARGIN, UNIT, MAX_BARS, COOLDOWN, RISK_FREE) = range(13)
NUMBERS = 13

# Kinds of a strategy, int64: what its levels and its size are.
(STOP_KIND, TRAIL_KIND, TARGET_KIND, SIZE_KIND, AT_CLOSE, TARGET_FIRST) = range(6)
KINDS = 6
NO_LEVEL, PERCENT, ATR, RISK_REWARD = 0, 1, 2, 3
OF_EQUITY, UNITS, CASH_AMOUNT, RISK_PERCENT = 0, 1, 2, 3

# Bits of a bar's signal.
ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT = 1, 2, 4, 8

# How a run ended.
DONE, RUINED, BAD_SIZE = 0, 1, 2

# What a run leaves to its next bars, float64.
(BAR, MONEY, POSITION, ENTRY, COST, ENTRY_BAR, LAST_EXIT, STOP_AT, TARGET_AT, STOP_DISTANCE, TRAIL_DISTANCE,
 TARGET_DISTANCE, CLOSING, ORDERED) = range(14)  # fmt: skip
STATE = 14

# Columns of a trade, float64.
TRADE_COLUMNS = (
    "Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "SL", "TP", "PnL", "Commission", "ReturnPct",
)  # fmt: skip

# Questions about the position, in reverse Polish notation: (operation, argument).
ASK_MASK, ASK_HELD, ASK_RETURN, ASK_AND, ASK_OR = 0, 1, 2, 3, 4
LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, UNEQUAL = range(6)

FULL = 1 - sys.float_info.epsilon
STACK = 64


@njit(cache=True, inline="always")
def units_for(money, part, adjusted, price, fixed, fee):  # type: ignore[no-untyped-def]
    """Return how many units money buys, the commission on them included (933-935).

    backtesting.py adds the fixed part of the commission to the price of each unit, so that $5 an order leave two thirds of a $100,000
    account idle at a price of $10 and nearly all of it at one of a cent; here an order pays it once.
    """
    unit_cost = adjusted + (part * price * fee) / part
    return floor_divide(max(0.0, money - fixed), unit_cost)


@njit(cache=True, inline="always")
def floor_divide(a, b):  # type: ignore[no-untyped-def]
    """Python's a // b for a >= 0 and b > 0."""
    remainder = a % b
    quotient = (a - remainder) / b
    floor = np.floor(quotient)  # math.floor is an integer here, and has an end
    return floor + 1.0 if quotient - floor > 0.5 else floor


@njit(cache=True)
def compare(a, kind, b):  # type: ignore[no-untyped-def]
    """Compare two numbers; NaN compares false, whatever is asked."""
    if kind == LESS:
        return a < b
    if kind == LESS_EQUAL:
        return a <= b
    if kind == GREATER:
        return a > b
    if kind == GREATER_EQUAL:
        return a >= b
    if kind == EQUAL:
        return a == b
    return a < b or a > b


@njit(cache=True)
def judge(questions, limits, masks, shared, begin, bar, held, gain):  # type: ignore[no-untyped-def]
    """Return whether an exit holds that asks about the position; masks start at bar `begin`."""
    stack = np.zeros(STACK, np.bool_)
    top = 0
    for k in range(len(questions)):
        kind = questions[k, 0]
        argument = questions[k, 1]
        if kind == ASK_MASK:
            stack[top] = masks[argument, bar - begin] != 0 if argument >= 0 else shared[-1 - argument, bar] != 0
            top += 1
        elif kind == ASK_HELD:
            stack[top] = compare(held, argument, limits[questions[k, 2]])
            top += 1
        elif kind == ASK_RETURN:
            stack[top] = compare(gain, argument, limits[questions[k, 2]])
            top += 1
        else:
            top -= 1
            if kind == ASK_AND:
                stack[top - 1] = stack[top - 1] and stack[top]
            else:
                stack[top - 1] = stack[top - 1] or stack[top]
    return stack[0]


@njit(cache=True, inline="always")
def level(price, side, kind, part, distance):  # type: ignore[no-untyped-def]
    """Return the price at a distance: a part of it, or an absolute distance."""
    if kind == PERCENT:
        return price * (1 + side * part)
    return price + side * distance


@njit(cache=True, inline="always")
def record(row, size, entry_bar, exit_bar, entry, price, stop, target, fixed, fee):  # type: ignore[no-untyped-def]
    """Write a closed trade (657-673, 1086-1095); return what the cash gains by closing it."""
    commission = fixed + abs(size) * price * fee
    total = commission + (fixed + abs(size) * entry * fee)
    gross = size * (price - entry)
    row[0] = size
    row[1] = entry_bar
    row[2] = exit_bar
    row[3] = entry
    row[4] = price
    row[5] = stop
    row[6] = target
    row[7] = gross - total
    row[8] = total
    row[9] = math.copysign(1.0, size) * (price / entry - 1) - total / (abs(size) * entry)
    return gross - commission


@njit(cache=True, inline="always")
def prepare(start, cash, state, outcome):  # type: ignore[no-untyped-def]
    """Set a run up: nothing is held, `start` is the first bar that is judged."""
    state[:] = 0.0
    state[BAR], state[MONEY], state[LAST_EXIT] = start, cash, -1
    state[STOP_AT : TARGET_DISTANCE + 1] = np.nan
    outcome[0], outcome[1], outcome[2] = DONE, 0, 0


@njit(cache=True, nogil=True, error_model="numpy")
def simulate(  # type: ignore[no-untyped-def]
    open_, high, low, close, signal, begin, end, series, atr, numbers, kinds, exits, limits, masks, shared, state,
    outcome, trades, equity,
):  # fmt: skip
    """Run a strategy on over the bars from begin to end; what is open at the last of all bars is closed.

    Args:
        open_, high, low, close: prices, float64 of shape (bars,), in the units that are traded.
        signal: bits of each bar from `begin` on, uint8; an entry bit is set only where its exit does not hold.
        series: indicator values, float64 of shape (rows, bars); `atr`, int64 of shape (3,), are the rows that hold the
            ATR of stop, trailing stop and target where these are measured by it.
        numbers, kinds: as listed above.
        exits: for long and short, int64 of shape (n, 3): what exits ask of the position; empty where they ask nothing.
        limits: the numbers they compare with, float64.
        masks, shared: truth of conditions for `exits`, uint8: from `begin` on, and of all bars.
        state: is read and filled, float64 of shape (STATE,): how the bars before ended, and how these end.
        outcome: is filled: how the run ended, its closed trades, its orders that were not placed or not filled for lack of money or size.
        trades: is filled, float64 of shape (bars + 1, 10).
        equity: is filled, float64 of shape (bars,).
    """
    bars = len(close)
    spread, fixed, fee = numbers[SPREAD], numbers[FIXED_FEE], numbers[FEE]
    margin = numbers[MARGIN]
    leverage = 1 / margin
    max_bars = numbers[MAX_BARS]
    cooldown = numbers[COOLDOWN]
    at_close = kinds[AT_CLOSE] != 0
    target_first = kinds[TARGET_FIRST] != 0
    stop_kind, trail_kind, target_kind = kinds[STOP_KIND], kinds[TRAIL_KIND], kinds[TARGET_KIND]
    first_kind = stop_kind or trail_kind
    stop_part = numbers[STOP] / 100
    trail_part = numbers[TRAIL] / 100
    target_part = numbers[TARGET] / 100
    goal_kind = target_kind
    if target_kind == RISK_REWARD:
        goal_kind = first_kind
        target_part = (numbers[STOP] if stop_kind else numbers[TRAIL]) * numbers[TARGET] / 100
    asks_long, asks_short = exits[0], exits[1]

    # Whether a trade has nothing to decide at a close but its exit signal: no trailing stop, no limit of bars, no question about it.
    waits = trail_kind == 0 and max_bars == 0 and len(asks_long) == 0 and len(asks_short) == 0

    nan = np.nan
    bar = int(state[BAR])
    cash, position, entry, cost = state[MONEY], state[POSITION], state[ENTRY], state[COST]
    entry_bar, last_exit = int(state[ENTRY_BAR]), int(state[LAST_EXIT])
    stop, target = state[STOP_AT], state[TARGET_AT]
    stop_distance, trail_distance = state[STOP_DISTANCE], state[TRAIL_DISTANCE]
    target_distance = state[TARGET_DISTANCE]
    closing = state[CLOSING] != 0
    ordered = state[ORDERED]  # the size of the order to enter: units, or below 1 a fraction of the money there is
    ended, count, lost = outcome[0], outcome[1], outcome[2]

    while bar < end:
        # -- Flat with nothing ordered: go on to the next bar that may enter --
        if position == 0.0 and ordered == 0.0:
            calm = bar
            while bar < end and not signal[bar - begin] & 3:
                bar += 1
            equity[calm:bar] = cash
            if bar >= end:
                break
        # -- A trade whose levels do not move: go on to the bar of its stop, target, exit signal or ruin --
        if waits and position != 0.0 and not closing:
            leaves = EXIT_LONG if position > 0 else EXIT_SHORT
            if position > 0:
                while bar < end:
                    equity_now = cash + (close[bar] * position - cost)
                    if low[bar] <= stop or high[bar] >= target or signal[bar - begin] & leaves or equity_now <= 0:
                        break
                    equity[bar] = equity_now
                    bar += 1
            else:
                while bar < end:
                    equity_now = cash + (close[bar] * position - cost)
                    if high[bar] >= stop or low[bar] <= target or signal[bar - begin] & leaves or equity_now <= 0:
                        break
                    equity[bar] = equity_now
                    bar += 1
            if bar >= end:
                break
        # -- The orders of the last close, filled at this open, or those of this close, filled at it (875-1053) --
        if closing or ordered != 0.0:
            price = close[bar] if at_close else open_[bar]
            if closing and position != 0.0:
                if at_close:
                    equity[bar] -= fixed + abs(position) * price * fee
                cash += record(trades[count], position, entry_bar, bar, entry, price, stop, target, fixed, fee)
                count += 1
                last_exit = bar
                position = 0.0
            closing = False
            if ordered != 0.0:
                size = ordered
                adjusted = price * (1 + math.copysign(spread, size))
                there = max(0.0, cash) * leverage
                if -1 < size < 1:
                    size = math.copysign(units_for(there * abs(size), abs(size), adjusted, price, fixed, fee), size)
                if size == 0.0 or abs(size) * (adjusted + (fixed + abs(size) * price * fee) / abs(size)) > there:
                    lost += 1
                else:
                    position = size
                    entry = adjusted
                    entry_bar = bar
                    cost = size * adjusted
                    cash -= fixed + abs(size) * adjusted * fee
                    if at_close:
                        equity[bar] -= fixed + abs(size) * adjusted * fee + abs(size) * abs(adjusted - price)
                    # Levels are those of the fill, and hold for the rest of this bar (protect_fills of the code).
                    side = math.copysign(1.0, size)
                    stop, target = nan, nan
                    if stop_kind:
                        stop = level(entry, -side, stop_kind, stop_part, stop_distance)
                    if trail_kind:
                        other = level(entry, -side, trail_kind, trail_part, trail_distance)
                        stop = other if not stop_kind else max(stop, other) if side > 0 else min(stop, other)
                    if target_kind:
                        target = level(entry, side, goal_kind, target_part, target_distance)
                    if not stop > 0:
                        stop = nan
                    if not target > 0:
                        target = nan
                ordered = 0.0
            if at_close:  # the bar is over
                bar += 1
                if position == 0.0 and cash <= 0:
                    equity[bar:] = 0
                    ended, bar = RUINED, bars
                    break
                continue
        # -- Stop and target (888-946): first one that the open is beyond; then the stop, or with `target_first` the target --
        if position != 0.0:
            price = nan
            if position > 0:
                if open_[bar] >= target:
                    price = open_[bar]
                elif target_first and high[bar] >= target:
                    price = max(open_[bar], target)
                    if open_[bar] <= stop:
                        price = min(open_[bar], stop)
                elif low[bar] <= stop:
                    price = min(open_[bar], stop)
                elif high[bar] >= target:
                    price = max(open_[bar], target)
            else:
                if open_[bar] <= target:
                    price = open_[bar]
                elif target_first and low[bar] <= target:
                    price = min(open_[bar], target)
                    if open_[bar] >= stop:
                        price = max(open_[bar], stop)
                elif high[bar] >= stop:
                    price = max(open_[bar], stop)
                elif low[bar] <= target:
                    price = min(open_[bar], target)
            if price == price:
                cash += record(trades[count], position, entry_bar, bar, entry, price, stop, target, fixed, fee)
                count += 1
                last_exit = bar
                position = 0.0
        # -- The close: the equity (846, 862-873) --
        equity_now = cash + (close[bar] * position - cost) if position != 0.0 else cash
        equity[bar] = equity_now
        if equity_now <= 0:
            if position != 0.0:
                record(trades[count], position, entry_bar, bar, entry, close[bar], stop, target, fixed, fee)
                count += 1
            equity[bar:] = 0
            ended, position, bar = RUINED, 0.0, bars
            break
        # -- What the strategy decides at this close --
        here = signal[bar - begin]
        enter = 0
        if position != 0.0:
            side = math.copysign(1.0, position)
            if trail_kind and bar < bars - 1:
                tight = level(close[bar], -side, trail_kind, trail_part, trail_distance)
                if stop == stop:
                    tight = max(tight, stop) if side > 0 else min(tight, stop)
                if tight > 0:
                    stop = tight
            held = bar + 1 - entry_bar
            asks = asks_long if side > 0 else asks_short
            leave = max_bars > 0 and held >= max_bars
            gain = nan
            if len(asks_long) or len(asks_short):
                gain = side * 100 * (close[bar] / entry - 1)
            if not leave:
                if len(asks):
                    leave = judge(asks, limits, masks, shared, begin, bar, held, gain)
                else:
                    leave = here & (EXIT_LONG if side > 0 else EXIT_SHORT) != 0
            if leave:
                closing = True
                if cooldown == 0 and here & (ENTER_SHORT if side > 0 else ENTER_LONG):
                    enter = -int(side)
                    others = asks_short if side > 0 else asks_long
                    if len(others) and judge(others, limits, masks, shared, begin, bar, held, gain):
                        enter = 0
        elif here & 3 and not (cooldown > 0 and last_exit >= 0 and bar - last_exit < cooldown):
            enter = 1 if here & ENTER_LONG else -1
        # -- The order to enter, as Backtest/code/orders.py writes it --
        if enter != 0 and bar < bars - 1:
            side = float(enter)
            price = close[bar]
            possible = True
            if stop_kind == ATR:
                stop_distance = numbers[STOP] * series[atr[0], bar] * numbers[UNIT]
                possible = stop_distance > 0
            if possible and trail_kind == ATR:
                trail_distance = numbers[TRAIL] * series[atr[1], bar] * numbers[UNIT]
                possible = trail_distance > 0
            if possible and target_kind == ATR:
                target_distance = numbers[TARGET] * series[atr[2], bar] * numbers[UNIT]
                possible = target_distance > 0
            elif target_kind == RISK_REWARD and first_kind == ATR:
                target_distance = (stop_distance if stop_kind else trail_distance) * numbers[TARGET]
            if possible:
                risked = nan  # the stop as it is seen at this close, for sizes that risk a part of the equity
                if stop_kind:
                    risked = level(price, -side, stop_kind, stop_part, stop_distance)
                    if trail_kind:
                        other = level(price, -side, trail_kind, trail_part, trail_distance)
                        risked = max(risked, other) if side > 0 else min(risked, other)
                elif trail_kind:
                    risked = level(price, -side, trail_kind, trail_part, trail_distance)
                size_kind = kinds[SIZE_KIND]
                size = numbers[SIZE]
                if size_kind == OF_EQUITY:
                    size = size / 100 if size < 100 else FULL
                elif size_kind == UNITS:
                    if numbers[UNIT] != 1.0:
                        size = float(np.round(size / numbers[UNIT]))
                else:
                    if size_kind == CASH_AMOUNT:
                        units = floor_divide(size, price)
                    else:
                        units = equity_now * size / 100 / abs(price - risked)
                        if not abs(units) < np.inf:
                            ended, position, bar = BAD_SIZE, 0.0, bars
                            break
                        units = float(math.floor(units))
                    limit = equity_now if margin == 1.0 else equity_now / margin
                    if units == 0.0:
                        lost += 1
                    size = units if units * price < limit else FULL
                if size != 0.0:
                    if not (0 < size < 1 or (size >= 1 and np.round(size) == size)):
                        ended, position, bar = BAD_SIZE, 0.0, bars
                        break
                    ordered = side * size
        if not (at_close and bar < bars - 1 and (closing or ordered != 0.0)):
            bar += 1
    # -- What is open is closed at the last close (close_out of the code) --
    if end == bars and position != 0.0:
        last = bars - 1
        cash += record(trades[count], position, entry_bar, last, entry, close[last], stop, target, fixed, fee)
        count += 1
        equity[last] = cash if cash > 0 else 0.0
        position = 0.0
    state[BAR], state[MONEY], state[POSITION], state[ENTRY], state[COST] = bar, cash, position, entry, cost
    state[ENTRY_BAR], state[LAST_EXIT], state[STOP_AT], state[TARGET_AT] = entry_bar, last_exit, stop, target
    state[STOP_DISTANCE], state[TRAIL_DISTANCE], state[TARGET_DISTANCE] = stop_distance, trail_distance, target_distance
    state[CLOSING], state[ORDERED] = closing, ordered
    outcome[0], outcome[1], outcome[2] = ended, count, lost
