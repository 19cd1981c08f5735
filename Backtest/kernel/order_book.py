"""backtesting.py's broker for any orders, compiled: what decisions and prices come to.

A decision is a row of numbers: an order, its cancellation, the closing of a trade or a new level of one, with the bar at which it
was made. Fills, trades, money and equity follow from decisions and prices alone. Every floating-point operation is the
reference's, in the reference's order; line numbers are those of backtesting/backtesting.py 0.6.6.

Where backtesting.py knows what nobody could have known, this broker does not, nor does a sandbox's (`Steps` in worker.py):

- Orders meet the open of a bar first, and then the rest of it: a target that the open is beyond comes before a stop that is reached later.
  A trade that is filled at the open can be given levels that hold for the
  rest of the bar; one that is filled later has them from the next bar on.
- A stop that the open is beyond is filled at the open, with a limit or without; backtesting.py fills a stop-limit order at its stop,
  which may lie far outside of the bar.
- An order has to be paid by what there is at the price of its fill, not at the close of that bar. One for a part of the equity pays the
  fixed commission once, and not for each unit.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from Backtest.kernel.broker import record, units_for

Floats = np.ndarray[Any, np.dtype[np.float64]]

# A decision, one row of float64. IN_BAR is 0 at the close of the bar, 1 while orders are filled at its open, 2 while they are filled in the
# rest of it. WHICH is the order or trade that is meant, counted from 0 as they were placed or opened. SIZE_ to TP_ are the numbers of an
# order; a decision to close has in SIZE_ the portion of the trade, one to move a level the new level.
(AT_BAR, IN_BAR, ACTION, WHICH, SIZE_, LIMIT_, STOP_, SL_, TP_) = range(9)
DECISION = 9
AT_OPEN, IN_REST = 1, 2
ACTIONS = ORDER, CANCEL, CLOSE, SET_STOP, SET_TARGET = (0, 1, 2, 3, 4)

# The terms of the account, float64.
(CASH, SPREAD, FIXED_FEE, FEE, MARGIN, AT_CLOSE, TARGET_FIRST) = range(7)
TERMS = 7

# How a run ended; from NO_SUCH on, why a decision could not be followed.
FOLLOWED, RUINED, NO_SUCH, IMPOSSIBLE, OUT_OF_TURN, TOO_MANY, TOO_LONG = range(7)
WHY = {
    NO_SUCH: "is about an order or a trade that is not there",
    IMPOSSIBLE: "is no order that can be placed",
    OUT_OF_TURN: "was not made when it could have been",
    TOO_MANY: "is one too many: more orders would wait, more trades be open or more be closed than may or were claimed",
    TOO_LONG: "comes when too many orders and trades have been looked at too often",
}
MOST = 20_000  # orders that wait, and trades that are open, at a time
MOST_LOOKS = 500_000_000  # how often orders and trades are looked at in a run, about a second of work

# An order and a trade, float64; the orders of a trade are -1 where there are none.
(SIZE, LIMIT, STOP, SL, TP, PARENT) = range(6)
(HELD, ENTRY, ENTRY_BAR, STOP_ORDER, TARGET_ORDER) = range(5)
(ORDERS, WAITING, TRADES, OPEN, CLOSED, LOST, FULL, BAR, LOOKS) = range(9)


class Book(NamedTuple):
    """The state of a broker at a bar, `counts[BAR]`. `waiting` are the numbers of orders in turn, `open` those of trades, as they were
    opened; `equity` has a number a bar, from which what a fill at the last close costs is taken.

    Nothing is written beyond the room there is: where it is not enough, counts[FULL] says so.
    """

    orders: np.ndarray
    waits: np.ndarray
    waiting: np.ndarray
    trades: np.ndarray
    open: np.ndarray
    closed: np.ndarray
    counts: np.ndarray
    money: np.ndarray
    terms: np.ndarray
    equity: np.ndarray


def empty_book(decisions: int, trades: int, terms: Floats, bars: int) -> Book:
    """Return the book of a broker that has done nothing yet, with room for so many decisions and so many closed trades.

    A decision places one order at most, a trade that is opened two more, and each trade that is opened is closed.

    Args:
        terms: float64 of shape (TERMS,).
    """
    orders = decisions + 2 * trades + 1
    return Book(
        orders=np.full((orders, 6), np.nan),
        waits=np.zeros(orders, np.bool_),
        waiting=np.zeros(MOST + 1, np.int64),
        trades=np.full((trades, 5), np.nan),
        open=np.zeros(MOST, np.int64),
        closed=np.empty((trades, 10)),
        counts=np.zeros(9, np.int64),
        money=np.array([terms[CASH]]),
        terms=terms,
        equity=np.empty(bars),
    )


@njit(cache=True)
def _find(numbers, count, number):  # type: ignore[no-untyped-def]
    for k in range(count):
        if numbers[k] == number:
            return k
    return -1


@njit(cache=True)
def _remove(numbers, counts, which, number):  # type: ignore[no-untyped-def]
    """Take a number out of a list; return whether it was there."""
    counts[LOOKS] += counts[which]
    at = _find(numbers, counts[which], number)
    if at < 0:
        return False
    for k in range(at, counts[which] - 1):
        numbers[k] = numbers[k + 1]
    counts[which] -= 1
    return True


@njit(cache=True)
def _withdraw(book, number):  # type: ignore[no-untyped-def]
    """Take an order out of the queue; return whether it was there."""
    if not book.waits[number]:
        return False
    book.waits[number] = False
    return _remove(book.waiting, book.counts, WAITING, number)


@njit(cache=True)
def _place(book, size, limit, stop, sl, tp, parent, first):  # type: ignore[no-untyped-def]
    """Put an order into the queue, at its end or first of all; return its number (780-783)."""
    number = book.counts[ORDERS]
    if number >= len(book.orders) or book.counts[WAITING] > MOST:
        book.counts[FULL] = 1
        return -1
    row = book.orders[number]
    row[SIZE], row[LIMIT], row[STOP], row[SL], row[TP], row[PARENT] = size, limit, stop, sl, tp, parent
    book.counts[ORDERS] += 1
    book.waits[number] = True
    count = book.counts[WAITING]
    if first:
        for k in range(count, 0, -1):
            book.waiting[k] = book.waiting[k - 1]
        book.waiting[0] = number
    else:
        book.waiting[count] = number
    book.counts[WAITING] += 1
    return number


@njit(cache=True)
def _set_level(book, trade, which, price):  # type: ignore[no-untyped-def]
    """Give a trade another stop or target, or none (702-713)."""
    row = book.trades[trade]
    before = int(row[which])
    if before >= 0:
        _withdraw(book, before)
        row[which] = -1
    if price == price:
        stops, nan = which == STOP_ORDER, np.nan
        limit, stop = (nan, price) if stops else (price, nan)
        row[which] = _place(book, -row[HELD], limit, stop, nan, nan, trade, stops)


@njit(cache=True)
def _unrealized(book, price):  # type: ignore[no-untyped-def]
    """Return what the open trades have won and not paid out yet (792-798)."""
    size, paid = 0.0, 0.0
    book.counts[LOOKS] += book.counts[OPEN]
    for k in range(book.counts[OPEN]):
        row = book.trades[book.open[k]]
        size += row[HELD]
        paid += row[HELD] * row[ENTRY]
    return price * size - paid


@njit(cache=True)
def _available(book, price):  # type: ignore[no-untyped-def]
    """Return the margin that is left (839-842)."""
    used, leverage = 0.0, 1 / book.terms[MARGIN]
    book.counts[LOOKS] += book.counts[OPEN]
    for k in range(book.counts[OPEN]):
        used += abs(book.trades[book.open[k], HELD]) * price / leverage
    return max(0.0, book.money[0] + _unrealized(book, price) - used)


@njit(cache=True)
def _close(book, trade, size, price, bar, stop, target):  # type: ignore[no-untyped-def]
    """Write down a closed trade with its levels, or a part of one, which has none (1086-1107)."""
    row = book.trades[trade]
    if book.counts[CLOSED] >= len(book.closed):
        book.counts[FULL] = 1
        return
    book.money[0] += record(
        book.closed[book.counts[CLOSED]], size, row[ENTRY_BAR], bar, row[ENTRY], price, stop, target,
        book.terms[FIXED_FEE], book.terms[FEE],
    )  # fmt: skip
    book.counts[CLOSED] += 1
    if bar < book.counts[BAR]:
        book.equity[bar] -= book.terms[FIXED_FEE] + abs(size) * price * book.terms[FEE]


@njit(cache=True)
def _close_whole(book, trade, price, bar):  # type: ignore[no-untyped-def]
    _remove(book.open, book.counts, OPEN, trade)
    for which in (STOP_ORDER, TARGET_ORDER):
        if book.trades[trade, which] >= 0:
            _withdraw(book, int(book.trades[trade, which]))
    row, nan = book.trades[trade], np.nan
    stop = book.orders[int(row[STOP_ORDER]), STOP] if row[STOP_ORDER] >= 0 else nan
    target = book.orders[int(row[TARGET_ORDER]), LIMIT] if row[TARGET_ORDER] >= 0 else nan
    _close(book, trade, row[HELD], price, bar, stop, target)


@njit(cache=True)
def _reduce(book, trade, price, size, bar):  # type: ignore[no-untyped-def]
    """Close a trade, or a part of it (1059-1084)."""
    row = book.trades[trade]
    left = row[HELD] + size
    if not left:
        _close_whole(book, trade, price, bar)
        return
    row[HELD] = left
    for which in (STOP_ORDER, TARGET_ORDER):
        if row[which] >= 0:
            book.orders[int(row[which]), SIZE] = -left
    _close(book, trade, -size, price, bar, np.nan, np.nan)


@njit(cache=True)
def _targets_first(book, open_, high, low):  # type: ignore[no-untyped-def]
    """Let a bar that holds both stop and target of a trade reach the target first, unless it opens beyond the stop."""
    for k in range(book.counts[OPEN]):
        row = book.trades[book.open[k]]
        if row[STOP_ORDER] < 0 or row[TARGET_ORDER] < 0:
            continue
        stop, target = book.orders[int(row[STOP_ORDER]), STOP], book.orders[int(row[TARGET_ORDER]), LIMIT]
        both = low <= stop < open_ and high >= target if row[HELD] > 0 else high >= stop > open_ and low <= target
        if both:
            for order in (int(row[TARGET_ORDER]), int(row[STOP_ORDER])):
                _withdraw(book, order)
                book.waits[order] = True
                book.waiting[book.counts[WAITING]] = order
                book.counts[WAITING] += 1


@njit(cache=True)
def _process(book, opening, open_, high, low, before, bar):  # type: ignore[no-untyped-def]
    """Fill what can be filled at the open or in the rest of a bar; return whether orders have to be gone through again (875-1057)."""
    if book.terms[TARGET_FIRST]:
        _targets_first(book, open_, high, low)
    turn, again = book.waiting[: book.counts[WAITING]].copy(), False
    book.counts[LOOKS] += len(turn)
    fixed, fee, leverage = book.terms[FIXED_FEE], book.terms[FEE], 1 / book.terms[MARGIN]
    at_close, nan = book.terms[AT_CLOSE] != 0, np.nan
    for number in turn:
        if not book.waits[number]:
            continue
        order = book.orders[number]
        long, limit, stop = order[SIZE] > 0, order[LIMIT], order[STOP]
        if stop == stop:
            if not (high >= stop if long else low <= stop):
                continue
            order[STOP] = nan
            if opening and limit == limit:
                stop = nan  # once its stop is reached at the open, a stop-limit order is a limit order
        parent = int(order[PARENT])
        bound = parent >= 0 and (
            book.trades[parent, STOP_ORDER] == number or book.trades[parent, TARGET_ORDER] == number
        )
        if limit == limit:
            hit = low <= limit if long else high >= limit
            first = (
                limit <= (stop if stop == stop else -np.inf) if long else limit >= (stop if stop == stop else np.inf)
            )
            if not hit or first:
                continue
            reached = stop if stop == stop else open_
            price = min(reached, limit) if long else max(reached, limit)
        else:
            price = before if at_close and not bound and stop != stop else open_
            if stop == stop:
                price = max(price, stop) if long else min(price, stop)
        market = limit != limit and stop != stop
        filled = bar - 1 if market and at_close and not bound else bar
        if parent >= 0:
            held = book.trades[parent, HELD]
            size = math.copysign(min(abs(held), abs(order[SIZE])), order[SIZE])
            if _find(book.open, book.counts[OPEN], parent) >= 0:
                # `_reduce` writes the trade down with the stop of its order, which was taken off above.
                if book.trades[parent, STOP_ORDER] == number:
                    order[STOP] = stop
                _reduce(book, parent, price, size, filled)
            if not bound:
                _withdraw(book, number)
            continue
        size = order[SIZE]
        adjusted = price * (1 + math.copysign(book.terms[SPREAD], size))
        if -1 < size < 1:
            there = _available(book, price) * leverage * abs(size)
            size = math.copysign(units_for(there, abs(size), adjusted, price, fixed, fee), size)
            if size == 0.0:
                book.counts[LOST] += 1
                _withdraw(book, number)
                continue
        unit_cost = adjusted + (fixed + abs(size) * price * fee) / abs(size)
        need = size
        book.counts[LOOKS] += book.counts[OPEN]
        for trade in book.open[: book.counts[OPEN]].copy():
            held = book.trades[trade, HELD]
            if (held > 0) == long:
                continue
            if abs(need) >= abs(held):
                _close_whole(book, trade, price, filled)
                need += held
            else:
                _reduce(book, trade, price, need, filled)
                need = 0.0
            if need == 0.0:
                break
        if abs(need) * unit_cost > _available(book, price) * leverage:
            book.counts[LOST] += 1
            _withdraw(book, number)
            continue
        if need != 0.0 and (book.counts[TRADES] >= len(book.trades) or book.counts[OPEN] >= MOST):
            book.counts[FULL] = 1
        elif need != 0.0:
            trade = book.counts[TRADES]
            row = book.trades[trade]
            row[HELD], row[ENTRY], row[ENTRY_BAR], row[STOP_ORDER], row[TARGET_ORDER] = need, adjusted, filled, -1, -1
            book.counts[TRADES] += 1
            book.open[book.counts[OPEN]] = trade
            book.counts[OPEN] += 1
            book.money[0] -= fixed + abs(need) * adjusted * fee
            if filled < bar:
                book.equity[filled] -= fixed + abs(need) * adjusted * fee + abs(need) * abs(adjusted - price)
            sl, tp = order[SL], order[TP]
            for which, level in ((TARGET_ORDER, tp), (STOP_ORDER, sl)):
                if level == level:
                    _set_level(book, trade, which, level)
            if sl == sl or tp == tp:
                beyond = sl if sl == sl else (-np.inf if long else np.inf)
                if market:
                    again = True
                elif stop == stop and limit != limit and tp == tp:
                    again = again or (tp <= high and beyond < low if long else tp >= low and beyond > high)
        _withdraw(book, number)
    return again


@njit(cache=True)
def _fill(book, opening, open_, high, low, before, bar):  # type: ignore[no-untyped-def]
    while _process(book, opening, open_, high, low, before, bar):
        pass


@njit(cache=True)
def _decide(book, row, close):  # type: ignore[no-untyped-def]
    """Follow a decision; return FOLLOWED, or why it cannot be followed."""
    action, which, nan = int(row[ACTION]), int(row[WHICH]), np.nan
    size = row[SIZE_]
    if action == ORDER:
        limit, stop, sl, tp = row[LIMIT_], row[STOP_], row[SL_], row[TP_]
        if not (0 < abs(size) < 1 or (abs(size) < np.inf and size == np.round(size) and size != 0)):
            return IMPOSSIBLE
        for price in (limit, stop, sl, tp):
            if price == price and not 0 < price < np.inf:
                return IMPOSSIBLE
        at = (
            limit if limit == limit else stop if stop == stop else close * (1 + math.copysign(book.terms[SPREAD], size))
        )
        low, high = (sl, tp) if size > 0 else (tp, sl)
        if low >= at or high <= at:
            return IMPOSSIBLE
        _place(book, size, limit, stop, sl, tp, -1, False)
        return FOLLOWED
    if action == CANCEL:
        if not 0 <= which < book.counts[ORDERS] or not _withdraw(book, which):
            return NO_SUCH
        parent = int(book.orders[which, PARENT])
        if parent >= 0:
            for level in (STOP_ORDER, TARGET_ORDER):
                if book.trades[parent, level] == which:
                    book.trades[parent, level] = -1
        return FOLLOWED
    if _find(book.open, book.counts[OPEN], which) < 0:
        return NO_SUCH
    held = book.trades[which, HELD]
    if action == CLOSE:
        if not 0 < size <= 1:
            return IMPOSSIBLE
        part = math.copysign(max(1.0, np.round(abs(held) * size)), -held)
        _place(book, part, nan, nan, nan, nan, which, True)
        return FOLLOWED
    if size == size and not 0 < size < np.inf:
        return IMPOSSIBLE
    _set_level(book, which, STOP_ORDER if action == SET_STOP else TARGET_ORDER, size)
    return FOLLOWED


@njit(cache=True)
def _set_levels(book, decisions, done, bar, when, opened):  # type: ignore[no-untyped-def]
    """Follow what was decided as orders were filled: levels of the trades that were opened by it, nothing else.

    Returns:
        FOLLOWED, or why one cannot be followed; the number of decisions that are done.
    """
    while done < len(decisions) and decisions[done, AT_BAR] == bar and decisions[done, IN_BAR] == when:
        if not (decisions[done, ACTION] >= SET_STOP and decisions[done, WHICH] >= opened):
            return OUT_OF_TURN, done
        why = _decide(book, decisions[done], np.nan)
        if why != FOLLOWED:
            return why, done
        done += 1
    return FOLLOWED, done


@njit(cache=True, nogil=True, error_model="numpy")
def follow_decisions(decisions, begin, open_, high, low, close, book):  # type: ignore[no-untyped-def]
    """Go through the bars from `begin` on with a new book; what is open at the last close is closed there.

    Args:
        decisions: float64 of shape (n, DECISION), in the order in which they were made.
        begin: the first bar at whose close something was decided.
        open_, high, low, close: prices, float64 of shape (bars,), in the units that are traded.
        book: a new one; its equity is filled, before `begin` with the cash.

    Returns:
        How it ended, and the number of the decision that could not be followed, or how many were.
    """
    bars, done, count, equity = len(close), 0, len(decisions), book.equity
    equity[:begin] = book.money[0]
    for bar in range(begin, bars):
        if done < count and decisions[done, AT_BAR] < bar:
            return OUT_OF_TURN, done
        book.counts[BAR] = bar
        if bar > begin and book.counts[WAITING]:
            at, before = open_[bar], close[bar - 1]
            for when in (AT_OPEN, IN_REST):
                opening, opened, so_far = when == AT_OPEN, book.counts[TRADES], done
                highest, lowest = (at, at) if opening else (high[bar], low[bar])
                _fill(book, opening, at, highest, lowest, before, bar)
                why, done = _set_levels(book, decisions, done, bar, when, opened)
                if why != FOLLOWED:
                    return why, done
                if opening and done > so_far:
                    _fill(book, opening, at, at, at, before, bar)
        if book.counts[FULL]:
            return TOO_MANY, done
        if book.counts[LOOKS] > MOST_LOOKS:
            return TOO_LONG, done
        equity_now = book.money[0] + _unrealized(book, close[bar])
        equity[bar] = equity_now
        if equity_now <= 0:
            for trade in book.open[: book.counts[OPEN]].copy():
                _close_whole(book, trade, close[bar], bar)
            equity[bar:] = 0
            return (TOO_MANY if book.counts[FULL] else RUINED), done
        while done < count and decisions[done, AT_BAR] == bar:
            if decisions[done, IN_BAR] != 0:
                return OUT_OF_TURN, done
            why = _decide(book, decisions[done], close[bar])
            if why != FOLLOWED:
                return why, done
            done += 1
    last = bars - 1
    for trade in book.open[: book.counts[OPEN]].copy():
        _close_whole(book, trade, close[last], last)
    equity[last] = book.money[0]
    return (TOO_MANY if book.counts[FULL] else FOLLOWED), done
