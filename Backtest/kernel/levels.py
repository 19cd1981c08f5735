"""Where the levels of a fill stand, which of them are in force, and how they are moved at a close; compiled. `long` mirrors to short by the side."""

from __future__ import annotations

import numpy as np
from Backtest.kernel import actions as a
from Backtest.kernel.state import (
    BASE, BROKE_EVEN, CLOSE_ONLY, E_REASON, E_STOP, E_TARGET, E_TARGETS, E_UNIT, EXTREME, FILL_BAR, INITIAL_RISK, LEVELS, MOVED, OF_UNIT,
    R_BREAK_EVEN, R_FOLLOWED, R_PROFIT_TABLE, R_STOP, R_STOP_ACTIVE, R_TRAILING, REACHED, ROW_PRICE, SET_SIZE, SET_TICKET, SETS,
    SIDE, START, STOP_PRICE, TARGET_PRICE, TARGET_SIZE, at_least, at_most, same, set_at, tell, inner,
)  # fmt: skip


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
        price = levels[STOP_PRICE + k]
        if price != price:
            continue
        if k < a.STOPS and levels[START] + ticket[a.FIRST_STOP + k * a.STOP_WIDTH + a.AFTER] > bar:
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
        if levels[START] + ticket[at + a.ROW_AFTER] <= bar and levels[ROW_PRICE + k] == levels[ROW_PRICE + k]:
            found = k
    return found


@inner
def set_levels(levels, ticket, side, name, base, size, start, bar, close_only, number):  # type: ignore[no-untyped-def]
    """Fill a set of levels as a fill sets it; `number` is the row of the ticket."""
    levels[OF_UNIT], levels[BASE], levels[FILL_BAR], levels[CLOSE_ONLY], levels[START] = (
        name,
        base,
        bar,
        close_only,
        start,
    )
    levels[EXTREME], levels[BROKE_EVEN], levels[SET_TICKET], levels[SET_SIZE], levels[REACHED] = (
        np.nan,
        0,
        number,
        size,
        0,
    )
    for k in range(a.STOPS):
        levels[STOP_PRICE + k] = first_stop(ticket, k, side, base, size)
    levels[STOP_PRICE + a.BREAK_EVEN] = np.nan
    first = initial_stop(ticket, side, base, size)
    risk = abs(base - first)
    levels[INITIAL_RISK] = risk
    portions, last = 0.0, -1
    for k in range(a.TARGETS):
        at = a.FIRST_TARGET + k * a.TARGET_WIDTH
        levels[TARGET_PRICE + k] = np.nan
        levels[TARGET_SIZE + k] = 0.0
        if ticket[at + a.TARGET_MEASURE] != a.NO_LEVEL:
            portion = ticket[at + a.PORTION]
            portions += portion if portion == portion else 1.0
            last = k
            levels[TARGET_PRICE + k] = level(
                base, side, int(ticket[at + a.TARGET_MEASURE]), ticket[at + a.TARGET_NUMBER], size, risk
            )
            levels[TARGET_SIZE + k] = np.floor(size * portion + 1e-9) if portion == portion else np.nan
    if last >= 0 and at_least(portions, 1.0):
        levels[TARGET_SIZE + last] = np.nan
    for k in range(a.TABLE):
        at = a.FIRST_ROW + k * a.TABLE_WIDTH
        levels[ROW_PRICE + k] = level(
            base, side, int(ticket[at + a.ROW_MEASURE]), ticket[at + a.ROW_NUMBER], size, risk
        )


@inner
def tighten(levels, old, side):  # type: ignore[no-untyped-def]
    """Keep the stops of the set before where they are nearer: one set measured from the newest fill never loosens a stop."""
    for k in range(a.STOPS):
        before = old[STOP_PRICE + k]
        if before == before and not side * before <= side * levels[STOP_PRICE + k]:
            levels[STOP_PRICE + k] = before
    levels[STOP_PRICE + a.BREAK_EVEN] = old[STOP_PRICE + a.BREAK_EVEN]
    levels[BROKE_EVEN] = old[BROKE_EVEN]


@inner
def tell_levels(book, levels, side, bar, at):  # type: ignore[no-untyped-def]
    """Tell the levels that a fill has set and that are in force."""
    ticket = book.tickets[int(levels[SET_TICKET])]
    stop, line = stop_in_force(levels, ticket, side, bar), row_in_force(levels, ticket, bar)
    any_target = line >= 0
    for k in range(a.TARGETS):
        any_target = any_target or levels[TARGET_PRICE + k] == levels[TARGET_PRICE + k]
    if stop < 0 and not any_target:
        return
    row = tell(book, bar, at, LEVELS, -1, -1.0)
    row[E_UNIT] = levels[OF_UNIT]
    if stop >= 0:
        row[E_STOP] = levels[STOP_PRICE + stop]
    n = 0
    for k in range(a.TARGETS):
        price = levels[TARGET_PRICE + k]
        if price == price:
            row[E_TARGETS + n] = price
            n += 1
    if line >= 0:
        row[E_TARGETS + n] = levels[ROW_PRICE + line]


@inner
def kind_of(ticket, stop):  # type: ignore[no-untyped-def]
    """Return the reason of a fill by a stop."""
    if stop == a.BREAK_EVEN:
        return R_BREAK_EVEN
    kind = ticket[a.FIRST_STOP + stop * a.STOP_WIDTH + a.KIND]
    return R_FOLLOWED if kind == a.FOLLOWED else R_TRAILING if kind == a.TRAILING else R_STOP


@inner
def moved(levels, before, after):  # type: ignore[no-untyped-def]
    """Whether the stop that counts has changed its price; an average of equal prices may differ from them in its last digit."""
    return after == after and not (before == before and same(before, after))


@inner
def price_of(levels, stop):  # type: ignore[no-untyped-def]
    return levels[STOP_PRICE + stop] if stop >= 0 else np.nan


@inner
def tell_moved(book, levels, bar, stop, target, reason):  # type: ignore[no-untyped-def]
    row = tell(book, bar, 2, MOVED, -1, -1.0)
    row[E_STOP], row[E_TARGET], row[E_REASON], row[E_UNIT] = stop, target, reason, levels[OF_UNIT]


@inner
def begin_next(book, levels, side, bar):  # type: ignore[no-untyped-def]
    """Tell the levels that begin to work at the next open: stops after so many bars, and rows of the profit table."""
    ticket = book.tickets[int(levels[SET_TICKET])]
    now = price_of(levels, stop_in_force(levels, ticket, side, bar))
    then = price_of(levels, stop_in_force(levels, ticket, side, bar + 1))
    if moved(levels, now, then):
        tell_moved(book, levels, bar, then, np.nan, R_STOP_ACTIVE)
    row, next_row = row_in_force(levels, ticket, bar), row_in_force(levels, ticket, bar + 1)
    if next_row != row:
        tell_moved(book, levels, bar, np.nan, levels[ROW_PRICE + next_row], R_PROFIT_TABLE)


@inner
def move_levels(book, bar, rows, first, count):  # type: ignore[no-untyped-def]
    """Move the stops of all sets by the actions MOVE of a close, rows[first:first + count], and tell what begins with the next open.

    The actions are in the order of the sets, and of a set the break-even comes last.
    """
    s = book.state
    k, end, side = first, first + count, s[SIDE]
    for i in range(int(s[SETS])):
        levels = set_at(s, i)
        ticket = book.tickets[int(levels[SET_TICKET])]
        for even in range(2):
            before = price_of(levels, stop_in_force(levels, ticket, side, bar))
            changed = False
            while (
                k < end
                and rows[k, a.WHICH] == levels[OF_UNIT]
                and (rows[k, a.STOP_NUMBER] == a.BREAK_EVEN) == (even == 1)
            ):
                levels[STOP_PRICE + int(rows[k, a.STOP_NUMBER])] = rows[k, a.AMOUNT]
                if even:
                    levels[BROKE_EVEN] = 1
                changed = True
                k += 1
            if changed:
                stop = stop_in_force(levels, ticket, side, bar)
                if moved(levels, before, price_of(levels, stop)):
                    reason = R_BREAK_EVEN if even else kind_of(ticket, stop)
                    tell_moved(book, levels, bar, price_of(levels, stop), np.nan, reason)
        begin_next(book, levels, side, bar)
    return k == end


@inner
def see_extremes(book, bar, high, low, close):  # type: ignore[no-untyped-def]
    """Take a bar into the best prices since the fills."""
    s = book.state
    side = s[SIDE]
    for i in range(int(s[SETS])):
        levels = set_at(s, i)
        best = high if side > 0 else low
        if levels[CLOSE_ONLY] != 0 and levels[FILL_BAR] == bar:
            best = close
        if not side * levels[EXTREME] >= side * best:
            levels[EXTREME] = best


@inner
def has_gained(levels, side, measure, number):  # type: ignore[no-untyped-def]
    """Whether the best price since the fill has reached a gain."""
    price = level(levels[BASE], side, measure, number, levels[SET_SIZE], levels[INITIAL_RISK])
    if price != price or levels[EXTREME] != levels[EXTREME]:
        return False
    return at_least(levels[EXTREME], price) if side > 0 else at_most(levels[EXTREME], price)
