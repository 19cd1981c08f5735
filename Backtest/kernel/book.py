"""The book of the compiled engine: what fills at a price, in which order, what it costs, and what follows from it at once.

Section and step numbers are those of tests/oracle/meaning.md. A price is at the open of a bar, within it or at its close; `settle` fills all
that the price has reached, one after the other, as what a fill sets may be reached at the same price.
"""

from __future__ import annotations

import numpy as np
from Backtest.kernel import actions as a
from Backtest.kernel.levels import (
    begin_next, first_stop, initial_stop, kind_of, level, row_in_force, set_levels, stop_in_force, tell_levels, tighten,
)  # fmt: skip
from Backtest.kernel.state import (
    ACTED, ADD, ADDED_BY, AMOUNT, AT, AT_OPEN, AT_THE_CLOSE, BOUGHT, BY_ADD, BY_END, BY_ENTRY, BY_EXIT, BY_MAX_BARS, BY_RUIN,
    BY_SESSION, BY_STOP, BY_TARGET, CANCELLED, CASH, E_LIMIT, E_PRICE, E_REASON, E_SIDE, E_SIZE, E_TYPE, E_UNIT, E_UNTIL, ENDLESS, ENTRY,
    ENTRY_BAR, ENTRY_FILL, ENTRY_RISK, EXIT, FILL, FILLED, FILLS, FIRST_SIZE, HIGHEST, INITIAL_RISK, KIND, LAST_EQUITY, LAST_EXIT, LAST_FILL, LAST_SIZE, LATE, LEFT, LISTED,
    LOST, LOWEST, MOST_ORDERS, MOST_UNITS, NAME, NUMBER, NUMBERED, OF_UNIT, ORDER, ORDER_TICKET, ORDER_WIDTH, ORDERS, PLACED,
    POSITION_RULE, POSITION_TICKET, PROBLEM, QUIET, R_ADD, R_CANCELLED, R_END, R_ENTRY, R_EXPIRED, R_MAX_BARS, R_NO_CASH, R_NO_DISTANCE, R_OCO,
    R_POSITION_CLOSED, R_POSITION_OPEN, R_REPLACED, R_REVERSE, R_RUINED, R_RULE, R_SESSION_END, R_TARGET, REACHED, REFUSED, ROLE,
    ROW_PRICE, RULES, SET, SET_TICKET, SET_WIDTH, SET_WITHIN, SETS, SIDE, SIGNAL_BAR, SINCE, START, STOP_PRICE, T_FEE, T_FIXED, T_MARGIN,
    T_SPREAD, T_TICK, TARGET_PRICE, TARGET_SIZE, TEMPLATE, TOO_MANY_ORDERS, TRADE, TRADES, TRIGGERED, UNIT, UNIT_WIDTH, UNITS, UNTIL,
    WAS_TRIGGERED, WHY, WITHIN, WORST, at_least, at_most, order_at, remove, same, set_at, tell, unit_at, inner,
)  # fmt: skip

PAYABLE = 1e-6  # in money: 989 units that cost 100,000.00000000001 in binary can be paid from 100,000
MOST_FILLS = 2_000  # at one price


@inner
def held(s):  # type: ignore[no-untyped-def]
    """Return the units that are held, without their sign."""
    size = 0.0
    for i in range(int(s[UNITS])):
        size += s[UNIT + i * UNIT_WIDTH + LEFT]
    return size


@inner
def equity_at(s, price):  # type: ignore[no-untyped-def]
    """Return cash plus what the units have won and not paid out yet at a price; the cost of closing them is not counted."""
    if s[UNITS] == 0:
        return s[CASH]
    size, paid = 0.0, 0.0
    for i in range(int(s[UNITS])):
        unit = unit_at(s, i)
        size += s[SIDE] * unit[LEFT]
        paid += s[SIDE] * unit[LEFT] * unit[FILL]
    return s[CASH] + (price * size - paid)


@inner
def average_fill(s):  # type: ignore[no-untyped-def]
    if s[UNITS] == 1:
        return s[UNIT + FILL]
    paid = 0.0
    for i in range(int(s[UNITS])):
        paid += s[UNIT + i * UNIT_WIDTH + FILL] * s[UNIT + i * UNIT_WIDTH + LEFT]
    return paid / held(s)


# Orders --------------------------------------------------------------------------------------


@inner
def new_order(book, s):  # type: ignore[no-untyped-def]
    """Return the row of a new order, the last of those that wait."""
    i = int(s[ORDERS])
    if i >= MOST_ORDERS - 1:
        book.counts[PROBLEM] = TOO_MANY_ORDERS
        i -= 1
        s[ORDERS] -= 1
    order = order_at(s, i)
    order[:] = 0.0
    order[AT] = order[WORST] = np.nan
    order[UNTIL], order[TEMPLATE], order[SET_WITHIN], order[NUMBER] = np.inf, -1, -1, s[NUMBERED]
    s[NUMBERED] += 1
    s[ORDERS] += 1
    return order


@inner
def remove_order(s, i):  # type: ignore[no-untyped-def]
    remove(s, ORDER, ORDER_WIDTH, ORDERS, i)


@inner
def tell_order(book, bar, at, do, order):  # type: ignore[no-untyped-def]
    """Tell what happens to an order that waits."""
    if order[ROLE] == EXIT:
        return tell(book, bar, at, do, who_closes(order[WHY]), order[WHY])
    return tell(book, bar, at, do, BY_ENTRY if order[ROLE] == ENTRY else BY_ADD, order[LISTED])


@inner
def who_closes(reason):  # type: ignore[no-untyped-def]
    return BY_EXIT if reason >= 0 else BY_MAX_BARS if reason == a.OF_MAX_BARS else BY_SESSION


@inner
def why_closed(reason):  # type: ignore[no-untyped-def]
    return R_RULE if reason >= 0 else R_MAX_BARS if reason == a.OF_MAX_BARS else R_SESSION_END


@inner
def cancel(book, s, bar, at, i, reason):  # type: ignore[no-untyped-def]
    row = tell_order(book, bar, at, CANCELLED, order_at(s, i))
    row[E_REASON] = reason
    remove_order(s, i)


@inner
def expire(book, bar):  # type: ignore[no-untyped-def]
    s = book.state
    i = 0
    while i < s[ORDERS]:
        if order_at(s, i)[UNTIL] <= bar:
            cancel(book, s, bar, AT_THE_CLOSE, i, R_EXPIRED)
        else:
            i += 1


# Closing -------------------------------------------------------------------------------------


@inner
def record_piece(book, s, unit, size, bar, price, share):  # type: ignore[no-untyped-def]
    """Close so much of a unit: pay its gain out, and write the trade down with the levels in force; `share` is its part of the order."""
    fixed, fee = book.terms[T_FIXED], book.terms[T_FEE]
    signed = s[SIDE] * size
    commission = fixed * share + size * price * fee
    gross = signed * (price - unit[FILL])
    s[CASH] += gross - commission
    if book.counts[QUIET]:
        return
    k = book.counts[TRADES]
    book.counts[TRADES] += 1
    if k >= len(book.trades):
        return
    total = commission + (fixed * (size / unit[FIRST_SIZE]) + size * unit[FILL] * fee)
    row = book.trades[k]
    row[0], row[1], row[2], row[3], row[4] = signed, unit[ENTRY_BAR], bar, unit[FILL], price
    row[5], row[6] = np.nan, np.nan
    for i in range(int(s[SETS])):
        levels = set_at(s, i)
        if levels[OF_UNIT] != 0 and levels[OF_UNIT] != unit[NAME]:
            continue
        ticket = book.tickets[int(levels[SET_TICKET])]
        stop, line = stop_in_force(levels, ticket, s[SIDE], bar), row_in_force(levels, ticket, bar)
        if stop >= 0:
            row[5] = levels[STOP_PRICE + stop]
        if line >= 0:
            row[6] = levels[ROW_PRICE + line]
        for t in range(a.TARGETS - 1, -1, -1):
            waits = levels[TARGET_SIZE + t] != 0 and not int(levels[REACHED]) >> t & 1
            if waits and levels[TARGET_PRICE + t] == levels[TARGET_PRICE + t]:
                row[6] = levels[TARGET_PRICE + t]
    row[7] = gross - total
    row[8] = total
    row[9] = s[SIDE] * (price / unit[FILL] - 1) - total / (size * unit[FILL])


@inner
def close_units(book, s, bar, at, price, size, name, who, whose, reason):  # type: ignore[no-untyped-def]
    """Close so many units, the oldest first, of one unit (`name`) or of all (0). What was held by a unit that is gone goes with it."""
    there = 0.0
    for i in range(int(s[UNITS])):
        if name == 0 or unit_at(s, i)[NAME] == name:
            there += unit_at(s, i)[LEFT]
    size = min(size, there)
    row = tell(book, bar, at, FILLED, who, whose)
    row[E_SIDE], row[E_PRICE], row[E_SIZE], row[E_REASON] = -s[SIDE], price, size, reason
    if name != 0:
        row[E_UNIT] = name
    elif s[UNITS] == 1:
        row[E_UNIT] = unit_at(s, 0)[NAME]
    left = size
    i = 0
    while i < s[UNITS]:
        unit = unit_at(s, i)
        taken = min(left, unit[LEFT]) if name == 0 or unit[NAME] == name else 0.0
        if taken > 0:
            record_piece(book, s, unit, taken, bar, price, taken / size)
            left -= taken
        if unit[LEFT] > taken:
            unit[LEFT] -= taken
            i += 1
            continue
        for k in range(int(s[SETS])):
            if set_at(s, k)[OF_UNIT] == unit[NAME]:
                remove(s, SET, SET_WIDTH, SETS, k)
                break
        remove(s, UNIT, UNIT_WIDTH, UNITS, i)
    if s[UNITS] == 0:
        s[SETS], s[SIDE], s[POSITION_RULE], s[POSITION_TICKET], s[LAST_EXIT] = 0, 0, -1, -1, bar
        i = 0
        while i < s[ORDERS]:  # what can only act on a position goes with it (step 4); levels of adds are not told
            order = order_at(s, i)
            if order[ROLE] == ENTRY:
                i += 1
            elif order[ROLE] == ADD and order[KIND] != a.MARKET:
                remove_order(s, i)
            else:
                cancel(book, s, bar, at, i, R_POSITION_CLOSED)


@inner
def close_all(book, bar, price, who, reason):  # type: ignore[no-untyped-def]
    """Close what is open at the end of the data, or of the account; what waits is dropped."""
    s = book.state
    if s[UNITS] > 0:
        close_units(book, s, bar, AT_THE_CLOSE, price, np.inf, 0.0, who, np.nan, reason)
    s[ORDERS] = 0


# Entering ------------------------------------------------------------------------------------


@inner
def risked(book, ticket, side, price):  # type: ignore[no-untyped-def]
    """Return the distance from an order's own price to its stop; NaN without a stop or with one on the wrong side."""
    stop = initial_stop(ticket, side, price, np.nan)
    if stop != stop:
        return np.nan
    wrong = at_least(stop, price) if side > 0 else at_most(stop, price)
    return np.nan if wrong else abs(price - stop)


@inner
def size_to_place(book, s, ticket, sizing, number, price):  # type: ignore[no-untyped-def]
    """Return the size of an order placed at a price: units, or a share of the equity at the fill; 0 where it is refused.

    What comes to the whole account at the last close, or to more, is all of it.
    """
    if sizing == a.OF_UNITS or sizing == a.OF_SHARE:
        return number
    if sizing == a.OF_FACTOR:
        units = np.floor(number * s[LAST_SIZE] + 1e-9)
    elif sizing == a.OF_CASH:
        units = np.floor(number / price + 1e-9)
    else:
        distance = risked(book, ticket, ticket[a.SIDE], price)
        units = np.floor(s[LAST_EQUITY] * number / distance + 1e-9) if distance == distance else 0.0
    if units * price >= s[LAST_EQUITY] / book.terms[T_MARGIN] and sizing != a.OF_FACTOR:
        return a.ALL_EQUITY
    return units


@inner
def size_at_fill(book, s, order, paid, after_closing, price):  # type: ignore[no-untyped-def]
    """Return the units that an order gets at a price, 0 where they cannot be paid. A reversing one has what closing leaves (`after_closing`)."""
    fixed, fee, margin = book.terms[T_FIXED], book.terms[T_FEE], book.terms[T_MARGIN]
    if after_closing:
        size = held(s)
        money, used = equity_at(s, price) - (fixed + size * price * fee), 0.0
    else:
        money, used = equity_at(s, paid), held(s) * paid
    unit_cost = paid * (1 + fee)
    there = max(money, 0.0) / margin
    most = (there - used - fixed + PAYABLE) / unit_cost
    if order[AMOUNT] >= 1:
        return order[AMOUNT] if order[AMOUNT] <= most else 0.0
    share = order[AMOUNT] if order[AMOUNT] < a.ALL_EQUITY else 1.0
    return max(np.floor(min((there * share - fixed) / unit_cost, most) + 1e-9), 0.0)


@inner
def enter(book, s, bar, at, i, price):  # type: ignore[no-untyped-def]
    """Buy a unit by the i-th order, or sell it short, and do at once what follows (step 5); an entry of the other side closes the position first."""
    order = order_at(s, i).copy()
    number = int(order[ORDER_TICKET])
    ticket = book.tickets[number]
    side = ticket[a.SIDE]
    reverses = s[UNITS] > 0 and s[SIDE] != side
    paid = price
    if order[KIND] == a.MARKET or order[KIND] == a.STOP_ORDER:
        paid = price * (1 + side * book.terms[T_SPREAD])
    size = size_at_fill(book, s, order, paid, reverses, price)
    if size < 1 or (not reverses and s[UNITS] >= MOST_UNITS):
        if not book.counts[QUIET]:
            book.counts[LOST] += 1
        cancel(book, s, bar, at, i, R_NO_CASH)
        return
    who, whose = (BY_ENTRY if order[ROLE] == ENTRY else BY_ADD), order[LISTED]
    remove_order(s, i)
    if reverses:
        close_units(book, s, bar, at, price, np.inf, 0.0, who, whose, R_REVERSE)
    if s[UNITS] == 0:
        s[POSITION_RULE], s[POSITION_TICKET], s[SIDE], s[SINCE], s[BOUGHT], s[ACTED] = (
            ticket[a.RULE],
            number,
            side,
            bar,
            0,
            0,
        )
        s[SIGNAL_BAR], s[HIGHEST], s[LOWEST] = ticket[a.SIGNAL], -np.inf, np.inf
        s[LATE] = at == WITHIN and order[KIND] != a.STOP_ORDER
        s[ENTRY_FILL], s[ENTRY_RISK] = paid, np.nan
    unit = unit_at(s, int(s[UNITS]))
    s[UNITS] += 1
    s[BOUGHT] += 1
    unit[NAME], unit[FILL], unit[FIRST_SIZE], unit[LEFT], unit[ENTRY_BAR] = s[BOUGHT], paid, size, size, bar
    unit[ADDED_BY] = order[TEMPLATE]
    s[LAST_FILL], s[LAST_SIZE] = paid, size
    s[CASH] -= book.terms[T_FIXED] + size * paid * book.terms[T_FEE]
    s[FILLS + int(ticket[a.RULE])] += order[ROLE] == ENTRY
    row = tell(book, bar, at, FILLED, who, whose)
    row[E_SIDE], row[E_PRICE], row[E_SIZE], row[E_REASON] = side, paid, size, R_ENTRY if order[ROLE] == ENTRY else R_ADD
    row[E_UNIT] = s[BOUGHT]
    if order[ROLE] == ENTRY:
        cancel_others(book, s, bar, at, ticket)
    protect(book, s, bar, at, order, ticket, number, unit)
    set_next_adds(book, s, bar, at, order, ticket)


@inner
def cancel_others(book, s, bar, at, filled):  # type: ignore[no-untyped-def]
    """Cancel the partners of a filled entry, and the other entries of its side, in the strategy's order; the other side stays."""
    for rule in range(RULES):
        i = 0
        while i < s[ORDERS]:
            order = order_at(s, i)
            other = book.tickets[int(order[ORDER_TICKET])]
            if order[ROLE] != ENTRY or order[LISTED] != rule:
                i += 1
            elif filled[a.GROUP] > 0 and other[a.GROUP] == filled[a.GROUP]:
                cancel(book, s, bar, at, i, R_OCO)
            elif other[a.SIDE] == filled[a.SIDE]:
                cancel(book, s, bar, at, i, R_POSITION_OPEN)
            else:
                i += 1


@inner
def protect(book, s, bar, at, order, ticket, number, unit):  # type: ignore[no-untyped-def]
    """Set the levels of a new unit, or anew the one set of all units, from the fill; tell those in force."""
    side = s[SIDE]
    as_limit = order[KIND] == a.LIMIT_ORDER or order[TRIGGERED] != 0
    close_only = at == WITHIN and (as_limit or order[SET_WITHIN] == bar)
    if ticket[a.UNIT_LEVELS] == a.PER_UNIT:
        levels = set_at(s, int(s[SETS]))
        s[SETS] += 1
        set_levels(levels, ticket, side, unit[NAME], unit[FILL], unit[LEFT], float(bar), bar, close_only, number)
    else:
        levels = set_at(s, 0)
        old = levels.copy()
        base = unit[FILL] if ticket[a.UNIT_LEVELS] == a.FROM_LAST else average_fill(s)
        set_levels(levels, ticket, side, 0.0, base, held(s), s[SINCE], bar, close_only, number)
        if s[SETS] > 0 and ticket[a.UNIT_LEVELS] == a.FROM_LAST:
            tighten(levels, old, side)
        s[SETS] = 1
    if s[BOUGHT] == 1:
        s[ENTRY_RISK] = levels[INITIAL_RISK]
    tell_levels(book, levels, side, bar, at)
    if at == AT_THE_CLOSE:
        begin_next(book, levels, side, bar)


@inner
def has_room(s, ticket, k):  # type: ignore[no-untyped-def]
    """Whether the k-th add of a position's rule may buy one more unit."""
    own = 0
    for i in range(int(s[UNITS])):
        by = unit_at(s, i)[ADDED_BY]
        own += by < 0 or by == k
    most = ticket[a.FIRST_ADD + k * a.ADD_WIDTH + a.MOST]
    return own <= most and s[UNITS] < ticket[a.MOST_UNITS]


@inner
def set_next_adds(book, s, bar, at, filled, ticket):  # type: ignore[no-untyped-def]
    """Set the levels of the next adds, so far from this fill; they work from here on (step 5). Only an entry or an add sets them."""
    for k in range(a.ADDS):
        add = ticket[a.FIRST_ADD + k * a.ADD_WIDTH : a.FIRST_ADD + (k + 1) * a.ADD_WIDTH]
        if add[a.ADD_MEASURE] == a.NO_LEVEL:
            continue
        for i in range(int(s[ORDERS])):
            if order_at(s, i)[ROLE] == ADD and order_at(s, i)[TEMPLATE] == k and order_at(s, i)[KIND] != a.MARKET:
                remove_order(s, i)
                break
        if not has_room(s, ticket, k):
            continue
        towards = add[a.DIRECTION] * s[SIDE]
        price = level(s[LAST_FILL], towards, int(add[a.ADD_MEASURE]), add[a.ADD_NUMBER], s[LAST_SIZE], np.nan)
        if price != price:
            continue
        size = size_to_place(book, s, ticket, int(add[a.SIZING]), add[a.SIZE_NUMBER], price)
        if not 0 < size < np.inf:
            refuse(book, bar, at, BY_ADD, filled[LISTED])
            continue
        order = new_order(book, s)
        order[ROLE], order[ORDER_TICKET], order[TRADE], order[AMOUNT], order[AT] = (
            ADD,
            filled[ORDER_TICKET],
            s[SIDE],
            size,
            price,
        )
        order[KIND] = a.STOP_ORDER if add[a.DIRECTION] > 0 else a.LIMIT_ORDER
        order[LISTED], order[TEMPLATE], order[SET_WITHIN] = filled[LISTED], k, bar if at == WITHIN else -1


@inner
def refuse(book, bar, at, who, whose):  # type: ignore[no-untyped-def]
    """Tell that an order was not placed, as it has no size."""
    tell(book, bar, at, REFUSED, who, whose)[E_REASON] = R_NO_DISTANCE
    if not book.counts[QUIET]:
        book.counts[LOST] += 1


# What a price reaches ------------------------------------------------------------------------


@inner
def limit_trigger(book, price, rises):  # type: ignore[no-untyped-def]
    """Return the price that fills a limit: its own, or one tick beyond it where it has to be traded through."""
    return price + book.terms[T_TICK] if rises else price - book.terms[T_TICK]


@inner
def order_trigger(book, order):  # type: ignore[no-untyped-def]
    """Return whether a rising price reaches an order that waits, the price that does, and the level it is filled at."""
    as_limit = order[KIND] == a.LIMIT_ORDER or order[TRIGGERED] != 0
    at = order[WORST] if order[TRIGGERED] != 0 else order[AT]
    rises = (order[TRADE] > 0) != as_limit
    return rises, (limit_trigger(book, at, rises) if as_limit else at), at


@inner
def next_trigger(book, s, bar, price, up, far):  # type: ignore[no-untyped-def]
    """Return the nearest price above `price` (or below it), up to `far`, at which something is filled by a price that comes there; NaN for none."""
    best = np.nan
    towards = 1.0 if up else -1.0
    for i in range(int(s[ORDERS])):
        order = order_at(s, i)
        if order[ROLE] == EXIT or order[KIND] == a.MARKET:
            continue
        rises, trigger, _ = order_trigger(book, order)
        if rises == up:
            best = _nearer(best, trigger, price, towards, far)
    ahead = s[SIDE] > 0
    for i in range(int(s[SETS])):
        levels = set_at(s, i)
        ticket = book.tickets[int(levels[SET_TICKET])]
        if ahead != up:
            best = _nearer(best, levels_stop(levels, ticket, s[SIDE], bar), price, towards, far)
            continue
        for k in range(a.TARGETS):
            if levels[TARGET_SIZE + k] != 0 and not int(levels[REACHED]) >> k & 1:
                best = _nearer(best, limit_trigger(book, levels[TARGET_PRICE + k], ahead), price, towards, far)
        line = row_in_force(levels, ticket, bar)
        if line >= 0:
            best = _nearer(best, limit_trigger(book, levels[ROW_PRICE + line], ahead), price, towards, far)
    return best


@inner
def levels_stop(levels, ticket, side, bar):  # type: ignore[no-untyped-def]
    stop = stop_in_force(levels, ticket, side, bar)
    return levels[STOP_PRICE + stop] if stop >= 0 else np.nan


@inner
def _nearer(best, trigger, price, towards, far):  # type: ignore[no-untyped-def]
    if not towards * trigger > towards * price:
        return best
    inside = at_most(trigger, far) if towards > 0 else at_least(trigger, far)
    return trigger if inside and not towards * trigger >= towards * best else best


@inner
def fill_next(book, s, bar, at, price):  # type: ignore[no-untyped-def]
    """Fill what comes first of all that a price has reached (section 5); return whether there was any.

    First exits by rules, then stops, then targets, from older units to newer; then entries and adds: at the open in the strategy's order, adds
    last, within a bar as they were placed.
    """
    n, entry, rank = int(s[ORDERS]), -1, np.inf
    for i in range(n):
        order = order_at(s, i)
        if order[ROLE] == EXIT:
            size, why, unit = order[AMOUNT], order[WHY], order[TEMPLATE]
            remove_order(s, i)
            close_units(book, s, bar, at, price, size, max(unit, 0.0), who_closes(why), why, why_closed(why))
            return True
        if order[KIND] != a.MARKET:
            rises, trigger, _ = order_trigger(book, order)
            if not (at_least(price, trigger) if rises else at_most(price, trigger)):
                continue
        turn = order[NUMBER]
        if at == AT_OPEN:
            turn += (order[LISTED] + RULES * (order[ROLE] == ADD)) * 2.0**32
        if turn < rank:
            entry, rank = i, turn
    side = s[SIDE]
    for i in range(int(s[SETS])):
        levels = set_at(s, i)
        ticket = book.tickets[int(levels[SET_TICKET])]
        stop = stop_in_force(levels, ticket, side, bar)
        if stop < 0:
            continue
        at_stop = levels[STOP_PRICE + stop]
        if at_most(price, at_stop) if side > 0 else at_least(price, at_stop):
            paid = at_stop if at == WITHIN and same(price, at_stop) else price
            close_units(book, s, bar, at, paid, np.inf, levels[OF_UNIT], BY_STOP, np.nan, kind_of(ticket, stop))
            return True
    for i in range(int(s[SETS])):
        levels = set_at(s, i)
        ticket = book.tickets[int(levels[SET_TICKET])]
        for k in range(a.TARGETS + 1):
            if k < a.TARGETS:
                goal = levels[TARGET_PRICE + k]
                if goal != goal or levels[TARGET_SIZE + k] == 0 or int(levels[REACHED]) >> k & 1:
                    continue
            else:
                line = row_in_force(levels, ticket, bar)
                if line < 0:
                    continue
                goal = levels[ROW_PRICE + line]
            trigger = limit_trigger(book, goal, side > 0)
            if not (at_least(price, trigger) if side > 0 else at_most(price, trigger)):
                continue
            paid = goal if at == WITHIN and same(price, trigger) else price
            size, name = np.inf, 0.0
            if k < a.TARGETS:
                if levels[TARGET_SIZE + k] == levels[TARGET_SIZE + k]:
                    size = levels[TARGET_SIZE + k]
                whole = ticket[a.FIRST_TARGET + a.PORTION] != ticket[a.FIRST_TARGET + a.PORTION]
                name = 0.0 if whole and k == 0 else k + 1.0
            unit = levels[OF_UNIT]
            if k < a.TARGETS:
                levels[REACHED] += 1 << k
            close_units(book, s, bar, at, paid, size, unit, BY_TARGET, name, R_TARGET)
            return True
    if entry < 0:
        return False
    order = order_at(s, entry)
    if order[KIND] != a.MARKET:
        _, trigger, filled_at = order_trigger(book, order)
        if at == WITHIN and same(price, trigger):
            price = filled_at
    if order[KIND] == a.STOP_LIMIT and order[TRIGGERED] == 0:
        allowed = at_most(price, order[WORST]) if order[TRADE] > 0 else at_least(price, order[WORST])
        if not allowed:  # it rests as a limit from here on
            order[TRIGGERED] = 1
            tell_order(book, bar, at, WAS_TRIGGERED, order)[E_LIMIT] = order[WORST]
            return True
    enter(book, s, bar, at, entry, price)
    return True


@inner
def settle(book, s, bar, at, price):  # type: ignore[no-untyped-def]
    """Fill all that a price has reached."""
    for _ in range(MOST_FILLS):
        if not fill_next(book, s, bar, at, price):
            return
    book.counts[PROBLEM] = ENDLESS


# What is decided at a close ------------------------------------------------------------------


@inner
def new_ticket(book, s):  # type: ignore[no-untyped-def]
    """Return the number of a ticket that no order and no level has."""
    for number in range(len(book.tickets)):
        taken = s[POSITION_TICKET] == number
        for i in range(int(s[ORDERS])):
            taken = taken or (order_at(s, i)[ROLE] != EXIT and order_at(s, i)[ORDER_TICKET] == number)
        for i in range(int(s[SETS])):
            taken = taken or set_at(s, i)[SET_TICKET] == number
        if not taken:
            return number
    book.counts[PROBLEM] = TOO_MANY_ORDERS
    return 0


@inner
def place(book, bar, close, ticket):  # type: ignore[no-untyped-def]
    """Place the order of a ticket; it takes the place of the one of its rule that waits. An order for this close is filled at it."""
    s = book.state
    number = new_ticket(book, s)
    book.tickets[number] = ticket
    is_add = ticket[a.ADD_OF] >= 0
    if not is_add:
        cancel_rule(book, bar, ticket[a.RULE], R_REPLACED)
    order = new_order(book, s)
    order[ROLE], order[ORDER_TICKET], order[TRADE] = ADD if is_add else ENTRY, number, ticket[a.SIDE]
    order[KIND] = a.MARKET if ticket[a.TYPE] == a.AT_CLOSE else ticket[a.TYPE]
    order[AMOUNT], order[LISTED], order[UNTIL], order[TEMPLATE] = (
        ticket[a.SIZE],
        ticket[a.RULE],
        ticket[a.LAST_BAR],
        ticket[a.ADD_OF],
    )
    if order[KIND] != a.MARKET:
        order[AT], order[WORST] = ticket[a.PRICE], ticket[a.LIMIT]
    if ticket[a.TYPE] == a.AT_CLOSE:
        enter(book, s, bar, AT_THE_CLOSE, int(s[ORDERS]) - 1, close)
        return
    row = tell_order(book, bar, AT_THE_CLOSE, PLACED, order)
    row[E_SIDE], row[E_TYPE], row[E_PRICE], row[E_LIMIT], row[E_SIZE] = (
        order[TRADE],
        order[KIND],
        order[AT],
        order[WORST],
        order[AMOUNT],
    )
    row[E_UNTIL] = order[UNTIL]


@inner
def cancel_rule(book, bar, rule, reason):  # type: ignore[no-untyped-def]
    """Cancel the waiting order of an entry rule; return whether there was one."""
    s = book.state
    for i in range(int(s[ORDERS])):
        if order_at(s, i)[ROLE] == ENTRY and order_at(s, i)[LISTED] == rule:
            cancel(book, s, bar, AT_THE_CLOSE, i, reason)
            return True
    return False


@inner
def close_next(book, bar, unit, size, why):  # type: ignore[no-untyped-def]
    """Place an exit for the next open."""
    s = book.state
    order = new_order(book, s)
    order[ROLE], order[TRADE], order[AMOUNT], order[WHY], order[TEMPLATE] = EXIT, -s[SIDE], size, why, unit
    row = tell_order(book, bar, AT_THE_CLOSE, PLACED, order)
    row[E_SIDE], row[E_TYPE], row[E_SIZE] = order[TRADE], a.MARKET, min(size, held(s))


@inner
def follow(book, bar, close, action, ticket):  # type: ignore[no-untyped-def]
    """Do what an action of a close says, but for MOVE."""
    s, do = book.state, int(action[a.DO])
    if do == a.CLOSE_NOW:
        why = action[a.REASON]
        close_units(
            book, s, bar, AT_THE_CLOSE, close, action[a.AMOUNT], action[a.WHICH], who_closes(why), why, why_closed(why)
        )
    elif do == a.CLOSE:
        close_next(book, bar, action[a.WHICH], action[a.AMOUNT], action[a.REASON])
    elif do == a.PLACE:
        place(book, bar, close, ticket)
    elif do == a.CANCEL:
        cancel_rule(book, bar, action[a.WHICH], R_CANCELLED)
    else:
        refuse(book, bar, AT_THE_CLOSE, BY_ADD if action[a.STOP_NUMBER] >= 0 else BY_ENTRY, action[a.WHICH])


@inner
def ruin(book, bar, price):  # type: ignore[no-untyped-def]
    """Close a lost account (rule 16 of docs/canonical.md): its equity is 0 from this bar on."""
    close_all(book, bar, price, BY_RUIN, R_RUINED)
    book.equity[bar:] = 0.0


@inner
def end(book, bar, price):  # type: ignore[no-untyped-def]
    """Close what is open at the last close."""
    close_all(book, bar, price, BY_END, R_END)
    book.equity[bar] = max(book.state[CASH], 0.0)
