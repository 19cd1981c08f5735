"""The book of the compiled engine: what fills at a price, in which order, what it costs, and what follows from it at once.

Section and step numbers are those of tests/oracle/meaning.md. A price is at the open of a bar, within it or at its close; `settle` fills all
that the price has reached, one after the other, as what a fill sets may be reached at the same price.
"""

from __future__ import annotations

import numpy as np

from Backtest.kernel import actions as a
from Backtest.kernel import state as st
from Backtest.kernel.levels import (
    begin_next,
    initial_stop,
    kind_of,
    level,
    row_in_force,
    set_levels,
    stop_in_force,
    tell_levels,
    tighten,
)
from Backtest.kernel.state import at_least, at_most, copy_row, inner, order_at, remove, same, set_at, tell, unit_at

PAYABLE = 1e-6  # in money: 989 units that cost 100,000.00000000001 in binary can be paid from 100,000
MOST_FILLS = 2_000  # at one price


@inner
def held(s):  # type: ignore[no-untyped-def]
    """Return the units that are held, without their sign."""
    size = 0.0
    for i in range(int(s[st.UNITS])):
        size += s[st.UNIT + i * st.UNIT_WIDTH + st.LEFT]
    return size


@inner
def equity_at(s, price):  # type: ignore[no-untyped-def]
    """Return cash plus what the units have won and not paid out yet at a price; the cost of closing them is not counted."""
    if s[st.UNITS] == 0:
        return s[st.CASH]
    size, paid = 0.0, 0.0
    for i in range(int(s[st.UNITS])):
        unit = unit_at(s, i)
        size += s[st.SIDE] * unit[st.LEFT]
        paid += s[st.SIDE] * unit[st.LEFT] * unit[st.FILL]
    return s[st.CASH] + (price * size - paid)


@inner
def average_fill(s):  # type: ignore[no-untyped-def]
    if s[st.UNITS] == 1:
        return s[st.UNIT + st.FILL]
    paid = 0.0
    for i in range(int(s[st.UNITS])):
        paid += s[st.UNIT + i * st.UNIT_WIDTH + st.FILL] * s[st.UNIT + i * st.UNIT_WIDTH + st.LEFT]
    return paid / held(s)


# Orders --------------------------------------------------------------------------------------


@inner
def new_order(book, s):  # type: ignore[no-untyped-def]
    """Return the place of a new order, the last of those that wait."""
    i = int(s[st.ORDERS])
    if i >= st.MOST_ORDERS - 1:
        book.counts[st.PROBLEM] = st.TOO_MANY_ORDERS
        i -= 1
        s[st.ORDERS] -= 1
    order = order_at(s, i)
    order[:] = 0.0
    order[st.AT] = order[st.WORST] = np.nan
    order[st.UNTIL], order[st.TEMPLATE], order[st.SET_WITHIN], order[st.NUMBER] = np.inf, -1, -1, s[st.NUMBERED]
    s[st.NUMBERED] += 1
    s[st.ORDERS] += 1
    return i


@inner
def remove_order(s, i):  # type: ignore[no-untyped-def]
    remove(s, st.ORDER, st.ORDER_WIDTH, st.ORDERS, i)


@inner
def tell_order(book, bar, at, do, order):  # type: ignore[no-untyped-def]
    """Tell what happens to an order that waits; return the number of the event."""
    if order[st.ROLE] == st.EXIT:
        return tell(book, bar, at, do, who_closes(order[st.WHY]), order[st.WHY])
    return tell(book, bar, at, do, st.BY_ENTRY if order[st.ROLE] == st.ENTRY else st.BY_ADD, order[st.LISTED])


@inner
def who_closes(reason):  # type: ignore[no-untyped-def]
    return st.BY_EXIT if reason >= 0 else st.BY_MAX_BARS if reason == a.OF_MAX_BARS else st.BY_SESSION


@inner
def why_closed(reason):  # type: ignore[no-untyped-def]
    return st.R_RULE if reason >= 0 else st.R_MAX_BARS if reason == a.OF_MAX_BARS else st.R_SESSION_END


@inner
def cancel(book, s, bar, at, i, reason):  # type: ignore[no-untyped-def]
    row = book.events[tell_order(book, bar, at, st.CANCELLED, order_at(s, i))]
    row[st.E_REASON] = reason
    remove_order(s, i)


@inner
def expire(book, bar):  # type: ignore[no-untyped-def]
    s = book.state
    i = 0
    while i < s[st.ORDERS]:
        if order_at(s, i)[st.UNTIL] <= bar:
            cancel(book, s, bar, st.AT_THE_CLOSE, i, st.R_EXPIRED)
        else:
            i += 1


# Closing -------------------------------------------------------------------------------------


@inner
def record_piece(book, s, unit, size, bar, price, share, goal):  # type: ignore[no-untyped-def]
    """Close so much of a unit: pay its gain out, and write the trade down with the levels in force.

    `share` is its part of the order, `goal` the level of the target that closes it, NaN where none does.
    """
    fixed, fee = book.terms[st.T_FIXED], book.terms[st.T_FEE]
    signed = s[st.SIDE] * size
    commission = fixed * share + size * price * fee
    gross = signed * (price - unit[st.FILL])
    s[st.CASH] += gross - commission
    if book.counts[st.QUIET]:
        return
    k = book.counts[st.TRADES]
    book.counts[st.TRADES] += 1
    if k >= len(book.trades):
        return
    total = commission + (fixed * (size / unit[st.FIRST_SIZE]) + size * unit[st.FILL] * fee)
    row = book.trades[k]
    row[0], row[1], row[2], row[3], row[4] = signed, unit[st.ENTRY_BAR], bar, unit[st.FILL], price
    row[5], row[6] = np.nan, np.nan
    for i in range(int(s[st.SETS])):
        levels = set_at(s, i)
        if levels[st.OF_UNIT] != 0 and levels[st.OF_UNIT] != unit[st.NAME]:
            continue
        ticket = book.tickets[int(levels[st.SET_TICKET])]
        stop, line = stop_in_force(levels, ticket, s[st.SIDE], bar), row_in_force(levels, ticket, bar)
        if stop >= 0:
            row[5] = levels[st.STOP_PRICE + stop]
        if line >= 0:
            row[6] = levels[st.ROW_PRICE + line]
        for t in range(a.TARGETS - 1, -1, -1):
            waits = levels[st.TARGET_SIZE + t] != 0 and not int(levels[st.REACHED]) >> t & 1
            if waits and levels[st.TARGET_PRICE + t] == levels[st.TARGET_PRICE + t]:
                row[6] = levels[st.TARGET_PRICE + t]
    if goal == goal:
        row[6] = goal
    row[7] = gross - total
    row[8] = total
    row[9] = s[st.SIDE] * (price / unit[st.FILL] - 1) - total / (size * unit[st.FILL])


@inner
def close_units(book, s, bar, at, price, size, name, who, whose, reason, goal):  # type: ignore[no-untyped-def]
    """Close so many units, the oldest first, of one unit (`name`) or of all (0). What was held by a unit that is gone goes with it."""
    there = 0.0
    for i in range(int(s[st.UNITS])):
        if name == 0 or unit_at(s, i)[st.NAME] == name:
            there += unit_at(s, i)[st.LEFT]
    size = min(size, there)
    row = book.events[tell(book, bar, at, st.FILLED, who, whose)]
    row[st.E_SIDE], row[st.E_PRICE], row[st.E_SIZE], row[st.E_REASON] = -s[st.SIDE], price, size, reason
    if name != 0:
        row[st.E_UNIT] = name
    elif s[st.UNITS] == 1:
        row[st.E_UNIT] = unit_at(s, 0)[st.NAME]
    left = size
    i = 0
    while i < s[st.UNITS]:
        unit = unit_at(s, i)
        taken = min(left, unit[st.LEFT]) if name == 0 or unit[st.NAME] == name else 0.0
        if taken > 0:
            record_piece(book, s, unit, taken, bar, price, taken / size, goal)
            left -= taken
        if unit[st.LEFT] > taken:
            unit[st.LEFT] -= taken
            i += 1
            continue
        for k in range(int(s[st.SETS])):
            if set_at(s, k)[st.OF_UNIT] == unit[st.NAME]:
                remove(s, st.SET, st.SET_WIDTH, st.SETS, k)
                break
        remove(s, st.UNIT, st.UNIT_WIDTH, st.UNITS, i)
    if s[st.UNITS] == 0:
        s[st.SETS], s[st.SIDE], s[st.POSITION_RULE], s[st.POSITION_TICKET], s[st.LAST_EXIT] = 0, 0, -1, -1, bar
        i = 0
        while i < s[st.ORDERS]:  # what can only act on a position goes with it (step 4); levels of adds are not told
            order = order_at(s, i)
            if order[st.ROLE] == st.ENTRY:
                i += 1
            elif order[st.ROLE] == st.ADD and order[st.KIND] != a.MARKET:
                remove_order(s, i)
            else:
                cancel(book, s, bar, at, i, st.R_POSITION_CLOSED)


@inner
def close_all(book, bar, price, who, reason):  # type: ignore[no-untyped-def]
    """Close what is open at the end of the data, or of the account; what waits is dropped."""
    s = book.state
    if s[st.UNITS] > 0:
        close_units(book, s, bar, st.AT_THE_CLOSE, price, np.inf, 0.0, who, np.nan, reason, np.nan)
    s[st.ORDERS] = 0


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
        units = np.floor(number * s[st.LAST_SIZE] + 1e-9)
    elif sizing == a.OF_CASH:
        units = np.floor(number / price + 1e-9)
    else:
        distance = risked(book, ticket, ticket[a.SIDE], price)
        units = np.floor(s[st.LAST_EQUITY] * number / distance + 1e-9) if distance == distance else 0.0
    if units * price >= s[st.LAST_EQUITY] / book.terms[st.T_MARGIN] and sizing != a.OF_FACTOR:
        return a.ALL_EQUITY
    return units


@inner
def size_at_fill(book, s, order, paid, after_closing, price):  # type: ignore[no-untyped-def]
    """Return the units that an order gets at a price, 0 where they cannot be paid. A reversing one has what closing leaves (`after_closing`)."""
    fixed, fee, margin = book.terms[st.T_FIXED], book.terms[st.T_FEE], book.terms[st.T_MARGIN]
    if after_closing:
        size = held(s)
        money, used = equity_at(s, price) - (fixed + size * price * fee), 0.0
    else:
        money, used = equity_at(s, paid), held(s) * paid
    unit_cost = paid * (1 + fee)
    there = max(money, 0.0) / margin
    most = (there - used - fixed + PAYABLE) / unit_cost
    if order[st.AMOUNT] >= 1:
        return order[st.AMOUNT] if order[st.AMOUNT] <= most else 0.0
    share = order[st.AMOUNT] if order[st.AMOUNT] < a.ALL_EQUITY else 1.0
    return max(np.floor(min((there * share - fixed) / unit_cost, most) + 1e-9), 0.0)


@inner
def enter(book, s, bar, at, i, price):  # type: ignore[no-untyped-def]
    """Buy a unit by the i-th order, or sell it short, and do at once what follows (step 5); an entry of the other side closes the position first."""
    order = book.spare[0]
    copy_row(order_at(s, i), order)
    number = int(order[st.ORDER_TICKET])
    ticket = book.tickets[number]
    side = ticket[a.SIDE]
    reverses = s[st.UNITS] > 0 and s[st.SIDE] != side
    paid = price
    if order[st.KIND] == a.MARKET or order[st.KIND] == a.STOP_ORDER:
        paid = price * (1 + side * book.terms[st.T_SPREAD])
    size = size_at_fill(book, s, order, paid, reverses, price)
    if size < 1 or (not reverses and s[st.UNITS] >= st.MOST_UNITS):
        if not book.counts[st.QUIET]:
            book.counts[st.LOST] += 1
        cancel(book, s, bar, at, i, st.R_NO_CASH)
        return
    who, whose = (st.BY_ENTRY if order[st.ROLE] == st.ENTRY else st.BY_ADD), order[st.LISTED]
    remove_order(s, i)
    if reverses:
        close_units(book, s, bar, at, price, np.inf, 0.0, who, whose, st.R_REVERSE, np.nan)
    if s[st.UNITS] == 0:
        s[st.POSITION_RULE], s[st.POSITION_TICKET], s[st.SIDE], s[st.SINCE], s[st.BOUGHT], s[st.ACTED] = (
            ticket[a.RULE],
            number,
            side,
            bar,
            0,
            0,
        )
        s[st.SIGNAL_BAR], s[st.HIGHEST], s[st.LOWEST] = ticket[a.SIGNAL], -np.inf, np.inf
        s[st.LATE] = at == st.WITHIN and (order[st.KIND] == a.LIMIT_ORDER or order[st.TRIGGERED] != 0)
        s[st.ENTRY_FILL], s[st.ENTRY_RISK] = paid, np.nan
        if at == st.AT_THE_CLOSE:
            s[st.HIGHEST] = s[st.LOWEST] = price
    unit = unit_at(s, int(s[st.UNITS]))
    s[st.UNITS] += 1
    s[st.BOUGHT] += 1
    unit[st.NAME], unit[st.FILL], unit[st.FIRST_SIZE], unit[st.LEFT], unit[st.ENTRY_BAR] = (
        s[st.BOUGHT],
        paid,
        size,
        size,
        bar,
    )
    unit[st.ADDED_BY] = order[st.TEMPLATE]
    s[st.LAST_FILL], s[st.LAST_SIZE] = paid, size
    s[st.CASH] -= book.terms[st.T_FIXED] + size * paid * book.terms[st.T_FEE]
    s[st.FILLS + int(ticket[a.RULE])] += order[st.ROLE] == st.ENTRY
    row = book.events[tell(book, bar, at, st.FILLED, who, whose)]
    row[st.E_SIDE], row[st.E_PRICE], row[st.E_SIZE], row[st.E_REASON] = (
        side,
        paid,
        size,
        st.R_ENTRY if order[st.ROLE] == st.ENTRY else st.R_ADD,
    )
    row[st.E_UNIT] = s[st.BOUGHT]
    if order[st.ROLE] == st.ENTRY:
        cancel_others(book, s, bar, at, ticket)
    protect(book, s, bar, at, order, ticket, number, unit)
    set_next_adds(book, s, bar, at, order, ticket)


@inner
def cancel_others(book, s, bar, at, filled):  # type: ignore[no-untyped-def]
    """Cancel the partners of a filled entry, and the other entries of its side, in the strategy's order; the other side stays."""
    for rule in range(st.RULES):
        i = 0
        while i < s[st.ORDERS]:
            order = order_at(s, i)
            other = book.tickets[int(order[st.ORDER_TICKET])]
            if order[st.ROLE] != st.ENTRY or order[st.LISTED] != rule:
                i += 1
            elif filled[a.GROUP] > 0 and other[a.GROUP] == filled[a.GROUP]:
                cancel(book, s, bar, at, i, st.R_OCO)
            elif other[a.SIDE] == filled[a.SIDE]:
                cancel(book, s, bar, at, i, st.R_POSITION_OPEN)
            else:
                i += 1


@inner
def protect(book, s, bar, at, order, ticket, number, unit):  # type: ignore[no-untyped-def]
    """Set the levels of a new unit, or anew the one set of all units, from the fill; tell those in force."""
    side = s[st.SIDE]
    as_limit = order[st.KIND] == a.LIMIT_ORDER or order[st.TRIGGERED] != 0
    close_only = at == st.WITHIN and (as_limit or order[st.SET_WITHIN] == bar)
    if ticket[a.UNIT_LEVELS] == a.PER_UNIT:
        levels = set_at(s, int(s[st.SETS]))
        s[st.SETS] += 1
        set_levels(
            levels, ticket, side, unit[st.NAME], unit[st.FILL], unit[st.LEFT], float(bar), bar, close_only, number
        )
    else:
        levels = set_at(s, 0)
        old = book.spare[1]
        copy_row(levels, old)
        base = unit[st.FILL] if ticket[a.UNIT_LEVELS] == a.FROM_LAST else average_fill(s)
        set_levels(levels, ticket, side, 0.0, base, held(s), s[st.SINCE], bar, close_only, number)
        if s[st.SETS] > 0 and ticket[a.UNIT_LEVELS] == a.FROM_LAST:
            tighten(levels, old, side)
        s[st.SETS] = 1
    if s[st.BOUGHT] == 1:
        s[st.ENTRY_RISK] = levels[st.INITIAL_RISK]
    tell_levels(book, levels, side, bar, at)
    if at == st.AT_THE_CLOSE:
        begin_next(book, levels, side, bar)


@inner
def has_room(s, ticket, k):  # type: ignore[no-untyped-def]
    """Whether the k-th add of a position's rule may buy one more unit."""
    own = 0
    for i in range(int(s[st.UNITS])):
        by = unit_at(s, i)[st.ADDED_BY]
        own += by < 0 or by == k
    most = ticket[a.FIRST_ADD + k * a.ADD_WIDTH + a.MOST]
    return own <= most and s[st.UNITS] < ticket[a.MOST_UNITS]


@inner
def set_next_adds(book, s, bar, at, filled, ticket):  # type: ignore[no-untyped-def]
    """Set the levels of the next adds, so far from this fill; they work from here on (step 5). Only an entry or an add sets them."""
    for k in range(a.ADDS):
        add = ticket[a.FIRST_ADD + k * a.ADD_WIDTH : a.FIRST_ADD + (k + 1) * a.ADD_WIDTH]
        if add[a.ADD_MEASURE] == a.NO_LEVEL:
            continue
        for i in range(int(s[st.ORDERS])):
            if (
                order_at(s, i)[st.ROLE] == st.ADD
                and order_at(s, i)[st.TEMPLATE] == k
                and order_at(s, i)[st.KIND] != a.MARKET
            ):
                remove_order(s, i)
                break
        if not has_room(s, ticket, k):
            continue
        towards = add[a.DIRECTION] * s[st.SIDE]
        price = level(s[st.LAST_FILL], towards, int(add[a.ADD_MEASURE]), add[a.ADD_NUMBER], s[st.LAST_SIZE], np.nan)
        if price != price:
            continue
        size = size_to_place(book, s, ticket, int(add[a.SIZING]), add[a.SIZE_NUMBER], price)
        if not 0 < size < np.inf:
            refuse(book, bar, at, st.BY_ADD, filled[st.LISTED])
            continue
        order = order_at(s, new_order(book, s))
        order[st.ROLE], order[st.ORDER_TICKET], order[st.TRADE], order[st.AMOUNT], order[st.AT] = (
            st.ADD,
            filled[st.ORDER_TICKET],
            s[st.SIDE],
            size,
            price,
        )
        order[st.KIND] = a.STOP_ORDER if add[a.DIRECTION] > 0 else a.LIMIT_ORDER
        order[st.LISTED], order[st.TEMPLATE], order[st.SET_WITHIN] = (
            filled[st.LISTED],
            k,
            bar if at == st.WITHIN else -1,
        )


@inner
def refuse(book, bar, at, who, whose):  # type: ignore[no-untyped-def]
    """Tell that an order was not placed, as it has no size."""
    book.events[tell(book, bar, at, st.REFUSED, who, whose)][st.E_REASON] = st.R_NO_DISTANCE
    if not book.counts[st.QUIET]:
        book.counts[st.LOST] += 1


# What a price reaches ------------------------------------------------------------------------


@inner
def limit_trigger(book, price, rises):  # type: ignore[no-untyped-def]
    """Return the price that fills a limit: its own, or one tick beyond it where it has to be traded through."""
    return price + book.terms[st.T_TICK] if rises else price - book.terms[st.T_TICK]


@inner
def order_trigger(book, order):  # type: ignore[no-untyped-def]
    """Return whether a rising price reaches an order that waits, the price that does, and the level it is filled at."""
    as_limit = order[st.KIND] == a.LIMIT_ORDER or order[st.TRIGGERED] != 0
    at = order[st.WORST] if order[st.TRIGGERED] != 0 else order[st.AT]
    rises = (order[st.TRADE] > 0) != as_limit
    return rises, (limit_trigger(book, at, rises) if as_limit else at), at


@inner
def next_trigger(book, s, bar, price, up, far):  # type: ignore[no-untyped-def]
    """Return the nearest price above `price` (or below it), up to `far`, at which something is filled by a price that comes there; NaN for none."""
    best = np.nan
    towards = 1.0 if up else -1.0
    for i in range(int(s[st.ORDERS])):
        order = order_at(s, i)
        if order[st.ROLE] == st.EXIT or order[st.KIND] == a.MARKET:
            continue
        rises, trigger, _ = order_trigger(book, order)
        if rises == up:
            best = _nearer(best, trigger, price, towards, far)
    ahead = s[st.SIDE] > 0
    for i in range(int(s[st.SETS])):
        levels = set_at(s, i)
        ticket = book.tickets[int(levels[st.SET_TICKET])]
        if ahead != up:
            best = _nearer(best, levels_stop(levels, ticket, s[st.SIDE], bar), price, towards, far)
            continue
        for k in range(a.TARGETS):
            if levels[st.TARGET_SIZE + k] != 0 and not int(levels[st.REACHED]) >> k & 1:
                best = _nearer(best, limit_trigger(book, levels[st.TARGET_PRICE + k], ahead), price, towards, far)
        line = row_in_force(levels, ticket, bar)
        if line >= 0:
            best = _nearer(best, limit_trigger(book, levels[st.ROW_PRICE + line], ahead), price, towards, far)
    return best


@inner
def levels_stop(levels, ticket, side, bar):  # type: ignore[no-untyped-def]
    stop = stop_in_force(levels, ticket, side, bar)
    return levels[st.STOP_PRICE + stop] if stop >= 0 else np.nan


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
    n, entry, rank = int(s[st.ORDERS]), -1, np.inf
    for i in range(n):
        order = order_at(s, i)
        if order[st.ROLE] == st.EXIT:
            size, why, unit = order[st.AMOUNT], order[st.WHY], order[st.TEMPLATE]
            remove_order(s, i)
            close_units(book, s, bar, at, price, size, max(unit, 0.0), who_closes(why), why, why_closed(why), np.nan)
            return True
        if order[st.KIND] != a.MARKET:
            rises, trigger, _ = order_trigger(book, order)
            if not (at_least(price, trigger) if rises else at_most(price, trigger)):
                continue
        turn = order[st.NUMBER]
        if at == st.AT_OPEN:
            turn += (order[st.LISTED] + st.RULES * (order[st.ROLE] == st.ADD)) * 2.0**32
        if turn < rank:
            entry, rank = i, turn
    side = s[st.SIDE]
    for i in range(int(s[st.SETS])):
        levels = set_at(s, i)
        ticket = book.tickets[int(levels[st.SET_TICKET])]
        stop = stop_in_force(levels, ticket, side, bar)
        if stop < 0:
            continue
        at_stop = levels[st.STOP_PRICE + stop]
        if at_most(price, at_stop) if side > 0 else at_least(price, at_stop):
            paid = at_stop if at == st.WITHIN and same(price, at_stop) else price
            close_units(
                book, s, bar, at, paid, np.inf, levels[st.OF_UNIT], st.BY_STOP, np.nan, kind_of(ticket, stop), np.nan
            )
            return True
    for i in range(int(s[st.SETS])):
        levels = set_at(s, i)
        ticket = book.tickets[int(levels[st.SET_TICKET])]
        for k in range(a.TARGETS + 1):
            if k < a.TARGETS:
                goal = levels[st.TARGET_PRICE + k]
                if goal != goal or levels[st.TARGET_SIZE + k] == 0 or int(levels[st.REACHED]) >> k & 1:
                    continue
            else:
                line = row_in_force(levels, ticket, bar)
                if line < 0:
                    continue
                goal = levels[st.ROW_PRICE + line]
            trigger = limit_trigger(book, goal, side > 0)
            if not (at_least(price, trigger) if side > 0 else at_most(price, trigger)):
                continue
            paid = goal if at == st.WITHIN and same(price, trigger) else price
            size, name = np.inf, 0.0
            if k < a.TARGETS:
                if levels[st.TARGET_SIZE + k] == levels[st.TARGET_SIZE + k]:
                    size = levels[st.TARGET_SIZE + k]
                whole = ticket[a.FIRST_TARGET + a.PORTION] != ticket[a.FIRST_TARGET + a.PORTION]
                name = 0.0 if whole and k == 0 else k + 1.0
            unit = levels[st.OF_UNIT]
            close_units(book, s, bar, at, paid, size, unit, st.BY_TARGET, name, st.R_TARGET, goal)
            if k < a.TARGETS and i < s[st.SETS] and levels[st.OF_UNIT] == unit:  # the set is still there
                levels[st.REACHED] += 1 << k
            return True
    if entry < 0:
        return False
    order = order_at(s, entry)
    if order[st.KIND] != a.MARKET:
        _, trigger, filled_at = order_trigger(book, order)
        if at == st.WITHIN and same(price, trigger):
            price = filled_at
    if order[st.KIND] == a.STOP_LIMIT and order[st.TRIGGERED] == 0:
        allowed = at_most(price, order[st.WORST]) if order[st.TRADE] > 0 else at_least(price, order[st.WORST])
        if not allowed:  # it rests as a limit from here on
            order[st.TRIGGERED] = 1
            book.events[tell_order(book, bar, at, st.WAS_TRIGGERED, order)][st.E_LIMIT] = order[st.WORST]
            return True
    enter(book, s, bar, at, entry, price)
    return True


@inner
def settle(book, s, bar, at, price):  # type: ignore[no-untyped-def]
    """Fill all that a price has reached."""
    for _ in range(MOST_FILLS):
        if not fill_next(book, s, bar, at, price):
            return
    book.counts[st.PROBLEM] = st.ENDLESS


# What is decided at a close ------------------------------------------------------------------


@inner
def new_ticket(book, s):  # type: ignore[no-untyped-def]
    """Return the number of a ticket that no order and no level has."""
    for number in range(len(book.tickets)):
        taken = s[st.POSITION_TICKET] == number
        for i in range(int(s[st.ORDERS])):
            taken = taken or (order_at(s, i)[st.ROLE] != st.EXIT and order_at(s, i)[st.ORDER_TICKET] == number)
        for i in range(int(s[st.SETS])):
            taken = taken or set_at(s, i)[st.SET_TICKET] == number
        if not taken:
            return number
    book.counts[st.PROBLEM] = st.TOO_MANY_ORDERS
    return 0


@inner
def place(book, bar, close, ticket):  # type: ignore[no-untyped-def]
    """Place the order of a ticket; it takes the place of the one of its rule that waits. An order for this close is filled at it."""
    s = book.state
    number = new_ticket(book, s)
    copy_row(ticket, book.tickets[number])
    is_add = ticket[a.ADD_OF] >= 0
    if not is_add:
        cancel_rule(book, bar, ticket[a.RULE], st.R_REPLACED)
    order = order_at(s, new_order(book, s))
    order[st.ROLE], order[st.ORDER_TICKET], order[st.TRADE] = st.ADD if is_add else st.ENTRY, number, ticket[a.SIDE]
    order[st.KIND] = a.MARKET if ticket[a.TYPE] == a.AT_CLOSE else ticket[a.TYPE]
    order[st.AMOUNT], order[st.LISTED], order[st.UNTIL], order[st.TEMPLATE] = (
        ticket[a.SIZE],
        ticket[a.RULE],
        ticket[a.LAST_BAR],
        ticket[a.ADD_OF],
    )
    if order[st.KIND] != a.MARKET:
        order[st.AT], order[st.WORST] = ticket[a.PRICE], ticket[a.LIMIT]
    if ticket[a.TYPE] == a.AT_CLOSE:
        enter(book, s, bar, st.AT_THE_CLOSE, int(s[st.ORDERS]) - 1, close)
        return
    row = book.events[tell_order(book, bar, st.AT_THE_CLOSE, st.PLACED, order)]
    row[st.E_SIDE], row[st.E_TYPE], row[st.E_PRICE], row[st.E_LIMIT], row[st.E_SIZE] = (
        order[st.TRADE],
        order[st.KIND],
        order[st.AT],
        order[st.WORST],
        order[st.AMOUNT],
    )
    row[st.E_UNTIL] = order[st.UNTIL]


@inner
def cancel_rule(book, bar, rule, reason):  # type: ignore[no-untyped-def]
    """Cancel the waiting order of an entry rule; return whether there was one."""
    s = book.state
    for i in range(int(s[st.ORDERS])):
        if order_at(s, i)[st.ROLE] == st.ENTRY and order_at(s, i)[st.LISTED] == rule:
            cancel(book, s, bar, st.AT_THE_CLOSE, i, reason)
            return True
    return False


@inner
def close_next(book, bar, unit, size, why):  # type: ignore[no-untyped-def]
    """Place an exit for the next open."""
    s = book.state
    order = order_at(s, new_order(book, s))
    order[st.ROLE], order[st.TRADE], order[st.AMOUNT], order[st.WHY], order[st.TEMPLATE] = (
        st.EXIT,
        -s[st.SIDE],
        size,
        why,
        unit,
    )
    row = book.events[tell_order(book, bar, st.AT_THE_CLOSE, st.PLACED, order)]
    row[st.E_SIDE], row[st.E_TYPE], row[st.E_SIZE] = order[st.TRADE], a.MARKET, min(size, held(s))


@inner
def follow(book, bar, close, action, ticket):  # type: ignore[no-untyped-def]
    """Do what an action of a close says, but for MOVE."""
    s, do = book.state, int(action[a.DO])
    if do == a.CLOSE_NOW:
        why = action[a.REASON]
        close_units(
            book,
            s,
            bar,
            st.AT_THE_CLOSE,
            close,
            action[a.AMOUNT],
            action[a.WHICH],
            who_closes(why),
            why,
            why_closed(why),
            np.nan,
        )
    elif do == a.CLOSE:
        close_next(book, bar, action[a.WHICH], action[a.AMOUNT], action[a.REASON])
    elif do == a.PLACE:
        place(book, bar, close, ticket)
    elif do == a.CANCEL:
        cancel_rule(book, bar, action[a.WHICH], st.R_CANCELLED)
    else:
        refuse(book, bar, st.AT_THE_CLOSE, st.BY_ADD if action[a.STOP_NUMBER] >= 0 else st.BY_ENTRY, action[a.WHICH])


@inner
def ruin(book, bar, price):  # type: ignore[no-untyped-def]
    """Close a lost account (rule 16 of docs/canonical.md): its equity is 0 from this bar on."""
    close_all(book, bar, price, st.BY_RUIN, st.R_RUINED)
    book.equity[bar:] = 0.0


@inner
def end(book, bar, price):  # type: ignore[no-untyped-def]
    """Close what is open at the last close."""
    close_all(book, bar, price, st.BY_END, st.R_END)
    book.equity[bar] = max(book.state[st.CASH], 0.0)
