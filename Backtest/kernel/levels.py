"""Where the levels of a fill stand, which of them are in force, and how they are moved at a close; compiled. `long` mirrors to short by the side."""

from __future__ import annotations

import numpy as np

from Backtest.kernel import actions as a
from Backtest.kernel import state as st
from Backtest.kernel.state import at_least, at_most, inner, same, set_at, tell


@inner
def level(base, direction, measure, number, size, risk):  # type: ignore[no-untyped-def]
    """Return the price of a level that lies ahead of `base` in a direction (1 up, -1 down); NaN where there is none."""
    price = np.nan
    if measure == a.PART:
        price = base * (1 + direction * number)
    elif measure == a.POINTS:
        price = base + direction * number
    elif measure == a.MONEY:
        price = base + direction * (number / size)
    elif measure == a.RISK:
        price = base + direction * (number * risk)
    elif measure == a.AT_PRICE:
        price = number
    return price if price > 0 else np.nan


@inner
def first_stop(ticket, k, side, base, size):  # type: ignore[no-untyped-def]
    """Return where the k-th stop of a ticket begins."""
    at = a.FIRST_STOP + k * a.STOP_WIDTH
    if ticket[at + a.KIND] == a.NO_STOP:
        return np.nan
    return level(base, -side, int(ticket[at + a.MEASURE]), ticket[at + a.NUMBER], size, np.nan)


@inner
def initial_stop(ticket, side, base, size):  # type: ignore[no-untyped-def]
    """Return the stop that R is measured to: the nearest in force at the fill, or else the nearest that comes into force later."""
    now, later = np.nan, np.nan
    for k in range(a.STOPS):
        price = first_stop(ticket, k, side, base, size)
        if price != price:
            continue
        if ticket[a.FIRST_STOP + k * a.STOP_WIDTH + a.AFTER] <= 0 and not side * price <= side * now:
            now = price
        if not side * price <= side * later:
            later = price
    return now if now == now else later


@inner
def stop_in_force(levels, ticket, side, bar):  # type: ignore[no-untyped-def]
    """Return the number of the stop that counts during a bar, the nearest to the market; -1 for none."""
    best, found = np.nan, -1
    for k in range(a.STOPS + 1):
        price = levels[st.STOP_PRICE + k]
        if price != price:
            continue
        if k < a.STOPS and levels[st.START] + ticket[a.FIRST_STOP + k * a.STOP_WIDTH + a.AFTER] > bar:
            continue
        if not side * price <= side * best:
            best, found = price, k
    return found


@inner
def row_in_force(levels, ticket, bar):  # type: ignore[no-untyped-def]
    """Return the number of the profit table's row that counts during a bar, the one that began last; -1 for none."""
    found = -1
    for k in range(a.TABLE):
        at = a.FIRST_ROW + k * a.TABLE_WIDTH
        if ticket[at + a.ROW_MEASURE] == a.NO_LEVEL:
            break
        if levels[st.START] + ticket[at + a.ROW_AFTER] <= bar and levels[st.ROW_PRICE + k] == levels[st.ROW_PRICE + k]:
            found = k
    return found


@inner
def set_levels(levels, ticket, side, name, base, size, start, bar, close_only, number):  # type: ignore[no-untyped-def]
    """Fill a set of levels as a fill sets it; `number` is the row of the ticket."""
    levels[st.OF_UNIT], levels[st.BASE], levels[st.FILL_BAR], levels[st.CLOSE_ONLY], levels[st.START] = (
        name,
        base,
        bar,
        close_only,
        start,
    )
    levels[st.EXTREME], levels[st.BROKE_EVEN], levels[st.SET_TICKET], levels[st.SET_SIZE], levels[st.REACHED] = (
        np.nan,
        0,
        number,
        size,
        0,
    )
    for k in range(a.STOPS):
        levels[st.STOP_PRICE + k] = first_stop(ticket, k, side, base, size)
    levels[st.STOP_PRICE + a.BREAK_EVEN] = np.nan
    first = initial_stop(ticket, side, base, size)
    risk = abs(base - first)
    levels[st.INITIAL_RISK] = risk
    portions, last = 0.0, -1
    for k in range(a.TARGETS):
        at = a.FIRST_TARGET + k * a.TARGET_WIDTH
        levels[st.TARGET_PRICE + k] = np.nan
        levels[st.TARGET_SIZE + k] = 0.0
        if ticket[at + a.TARGET_MEASURE] != a.NO_LEVEL:
            portion = ticket[at + a.PORTION]
            portions += portion if portion == portion else 1.0
            last = k
            levels[st.TARGET_PRICE + k] = level(
                base, side, int(ticket[at + a.TARGET_MEASURE]), ticket[at + a.TARGET_NUMBER], size, risk
            )
            levels[st.TARGET_SIZE + k] = np.floor(size * portion + 1e-9) if portion == portion else np.nan
    if last >= 0 and at_least(portions, 1.0):
        levels[st.TARGET_SIZE + last] = np.nan
    for k in range(a.TABLE):
        at = a.FIRST_ROW + k * a.TABLE_WIDTH
        levels[st.ROW_PRICE + k] = level(
            base, side, int(ticket[at + a.ROW_MEASURE]), ticket[at + a.ROW_NUMBER], size, risk
        )


@inner
def tighten(levels, old, side):  # type: ignore[no-untyped-def]
    """Keep the stops of the set before where they are nearer: one set measured from the newest fill never loosens a stop."""
    for k in range(a.STOPS):
        before = old[st.STOP_PRICE + k]
        if before == before and not side * before <= side * levels[st.STOP_PRICE + k]:
            levels[st.STOP_PRICE + k] = before
    levels[st.STOP_PRICE + a.BREAK_EVEN] = old[st.STOP_PRICE + a.BREAK_EVEN]
    levels[st.BROKE_EVEN] = old[st.BROKE_EVEN]


@inner
def tell_levels(book, levels, side, bar, at):  # type: ignore[no-untyped-def]
    """Tell the levels that a fill has set and that are in force."""
    ticket = book.tickets[int(levels[st.SET_TICKET])]
    stop, line = stop_in_force(levels, ticket, side, bar), row_in_force(levels, ticket, bar)
    any_target = line >= 0
    for k in range(a.TARGETS):
        any_target = any_target or levels[st.TARGET_PRICE + k] == levels[st.TARGET_PRICE + k]
    if stop < 0 and not any_target:
        return
    row = book.events[tell(book, bar, at, st.LEVELS, -1, -1.0)]
    row[st.E_UNIT] = levels[st.OF_UNIT]
    if stop >= 0:
        row[st.E_STOP] = levels[st.STOP_PRICE + stop]
    n = 0
    for k in range(a.TARGETS):
        price = levels[st.TARGET_PRICE + k]
        if price == price:
            row[st.E_TARGETS + n] = price
            n += 1
    if line >= 0:
        row[st.E_TARGETS + n] = levels[st.ROW_PRICE + line]


@inner
def kind_of(ticket, stop):  # type: ignore[no-untyped-def]
    """Return the reason of a fill by a stop."""
    if stop == a.BREAK_EVEN:
        return st.R_BREAK_EVEN
    kind = ticket[a.FIRST_STOP + stop * a.STOP_WIDTH + a.KIND]
    return st.R_FOLLOWED if kind == a.FOLLOWED else st.R_TRAILING if kind == a.TRAILING else st.R_STOP


@inner
def moved(levels, before, after):  # type: ignore[no-untyped-def]
    """Whether the stop that counts has changed its price; an average of equal prices may differ from them in its last digit."""
    return after == after and not (before == before and same(before, after))


@inner
def price_of(levels, stop):  # type: ignore[no-untyped-def]
    return levels[st.STOP_PRICE + stop] if stop >= 0 else np.nan


@inner
def tell_moved(book, levels, bar, stop, target, reason):  # type: ignore[no-untyped-def]
    row = book.events[tell(book, bar, 2, st.MOVED, -1, -1.0)]
    row[st.E_STOP], row[st.E_TARGET], row[st.E_REASON], row[st.E_UNIT] = stop, target, reason, levels[st.OF_UNIT]


@inner
def any_begins(levels, ticket, bar):  # type: ignore[no-untyped-def]
    """Whether a stop or a row of the profit table may work from this bar on, and not before."""
    for k in range(a.STOPS):
        if levels[st.START] + ticket[a.FIRST_STOP + k * a.STOP_WIDTH + a.AFTER] == bar:
            return True
    for k in range(a.TABLE):
        at = a.FIRST_ROW + k * a.TABLE_WIDTH
        if ticket[at + a.ROW_MEASURE] == a.NO_LEVEL:
            return False
        if levels[st.START] + ticket[at + a.ROW_AFTER] == bar:
            return True
    return False


@inner
def begin_next(book, levels, side, bar):  # type: ignore[no-untyped-def]
    """Tell the levels that begin to work at the next open: stops after so many bars, and rows of the profit table."""
    ticket = book.tickets[int(levels[st.SET_TICKET])]
    if not any_begins(levels, ticket, bar + 1):
        return
    now = price_of(levels, stop_in_force(levels, ticket, side, bar))
    then = price_of(levels, stop_in_force(levels, ticket, side, bar + 1))
    if moved(levels, now, then):
        tell_moved(book, levels, bar, then, np.nan, st.R_STOP_ACTIVE)
    row, next_row = row_in_force(levels, ticket, bar), row_in_force(levels, ticket, bar + 1)
    if next_row != row:
        tell_moved(book, levels, bar, np.nan, levels[st.ROW_PRICE + next_row], st.R_PROFIT_TABLE)


@inner
def move_levels(book, bar, rows, first, count):  # type: ignore[no-untyped-def]
    """Move the stops of all sets by the actions MOVE of a close, rows[first:first + count], and tell what begins with the next open.

    The actions are in the order of the sets, and of a set the break-even comes last.
    """
    s = book.state
    k, end, side = first, first + count, s[st.SIDE]
    for i in range(int(s[st.SETS])):
        levels = set_at(s, i)
        ticket = book.tickets[int(levels[st.SET_TICKET])]
        for even in range(2 if k < end else 0):
            before = price_of(levels, stop_in_force(levels, ticket, side, bar))
            changed = False
            while (
                k < end
                and rows[k, a.WHICH] == levels[st.OF_UNIT]
                and (rows[k, a.STOP_NUMBER] == a.BREAK_EVEN) == (even == 1)
            ):
                levels[st.STOP_PRICE + int(rows[k, a.STOP_NUMBER])] = rows[k, a.AMOUNT]
                if even:
                    levels[st.BROKE_EVEN] = 1
                changed = True
                k += 1
            if changed:
                stop = stop_in_force(levels, ticket, side, bar)
                if moved(levels, before, price_of(levels, stop)):
                    reason = st.R_BREAK_EVEN if even else kind_of(ticket, stop)
                    tell_moved(book, levels, bar, price_of(levels, stop), np.nan, reason)
        begin_next(book, levels, side, bar)
    return k == end


@inner
def see_extremes(book, bar, high, low, close):  # type: ignore[no-untyped-def]
    """Take a bar into the best prices since the fills."""
    s = book.state
    side = s[st.SIDE]
    for i in range(int(s[st.SETS])):
        levels = set_at(s, i)
        best = high if side > 0 else low
        if levels[st.CLOSE_ONLY] != 0 and levels[st.FILL_BAR] == bar:
            best = close
        if not side * levels[st.EXTREME] >= side * best:
            levels[st.EXTREME] = best


@inner
def has_gained(levels, side, measure, number):  # type: ignore[no-untyped-def]
    """Whether the best price since the fill has reached a gain."""
    price = level(levels[st.BASE], side, measure, number, levels[st.SET_SIZE], levels[st.INITIAL_RISK])
    if price != price or levels[st.EXTREME] != levels[st.EXTREME]:
        return False
    return at_least(levels[st.EXTREME], price) if side > 0 else at_most(levels[st.EXTREME], price)
