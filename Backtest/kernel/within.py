"""The way of the price within a bar (section 3 of tests/oracle/meaning.md), compiled.

Nobody knows the way. The price starts at the open, ends at the close, reaches high and low, and moves without jumps. A way matters only by the order in
which it reaches levels and extremes, so it is searched from one to the next, on copies of the state: of all ways `worst` takes that with the lowest
equity at the close, `best` that with the highest.
"""

from __future__ import annotations

import numpy as np

from Backtest.kernel import state as st
from Backtest.kernel.book import equity_at, next_trigger, settle
from Backtest.kernel.state import at_least, at_most, copy_row, copy_state, inner, same

HIGH, LOW = 1, 2
EQUAL_EQUITY = 1e-6


@inner
def pass_bar(book, bar, open_, high, low, close):  # type: ignore[no-untyped-def]
    """Take the account from just after the open of a bar to just before its close."""
    s, path = book.state, int(book.terms[st.T_PATH])
    above = next_trigger(book, s, bar, -np.inf, True, high)
    below = next_trigger(book, s, bar, np.inf, False, low)
    if above != above and below != below:
        return
    if (above != above or below != below) and pass_straight(book, bar, above == above, high, low):
        return
    s[st.PRICE], s[st.SEEN], s[st.FIRST] = open_, 0, 0
    see(s, high, low)
    if path == st.WORST_PATH or path == st.BEST_PATH:
        search(book, bar, open_, high, low, close, path == st.BEST_PATH)
        return
    first = nearer(open_, high, low) if path == st.NEAREST else HIGH if path == st.HIGH_FIRST else LOW
    for k in range(2):
        extreme = first if k == 0 else HIGH + LOW - first
        while not int(s[st.SEEN]) & extreme:
            move(book, s, bar, extreme == HIGH, high, low)
    while towards_close(book, s, bar, high, low, close):
        move(book, s, bar, close > s[st.PRICE], high, low)


@inner
def pass_straight(book, bar, up, high, low):  # type: ignore[no-untyped-def]
    """Fill the levels of a bar that lie on one side of the price; return whether no other way can come to something else.

    Levels of a position that lie on one side are filled one after the other. An order may set levels on the other side as it is filled: where one of
    these lies inside the bar too, all is put back.
    """
    s, counts, far = book.state, book.counts, high if up else low
    has_orders = s[st.ORDERS] > 0
    if has_orders:
        copy_state(s, book.stack[0])
    told, closed, lost = counts[st.EVENTS], counts[st.TRADES], counts[st.LOST]
    price = next_trigger(book, s, bar, -np.inf if up else np.inf, up, far)
    while price == price:
        price = (
            min(price, far) if up else max(price, far)
        )  # a level beyond the extreme by the tolerance is reached at it
        settle(book, s, bar, st.WITHIN, price)
        if has_orders and inside(book, bar, high, low):
            copy_state(book.stack[0], s)
            counts[st.EVENTS], counts[st.TRADES], counts[st.LOST] = told, closed, lost
            return False
        price = next_trigger(book, s, bar, price, up, far)
    return True


@inner
def inside(book, bar, high, low):  # type: ignore[no-untyped-def]
    """Whether any level lies inside a bar."""
    above = next_trigger(book, book.state, bar, -np.inf, True, high)
    return above == above or next_trigger(book, book.state, bar, np.inf, False, low) > 0


@inner
def nearer(open_, high, low):  # type: ignore[no-untyped-def]
    """Return the extreme that is nearer to the open; equally near: the low."""
    return HIGH if high - open_ < open_ - low and not same(high + low, 2 * open_) else LOW


@inner
def see(s, high, low):  # type: ignore[no-untyped-def]
    """Note the extremes that the price has reached."""
    for extreme in (HIGH, LOW):
        reached = at_least(s[st.PRICE], high) if extreme == HIGH else at_most(s[st.PRICE], low)
        if reached and not int(s[st.SEEN]) & extreme:
            s[st.SEEN] += extreme
            if s[st.FIRST] == 0:
                s[st.FIRST] = extreme


@inner
def next_price(book, s, bar, up, high, low):  # type: ignore[no-untyped-def]
    """Return the next price at which something happens on the way up (or down): a level, or the extreme while it is unseen."""
    far = high if up else low
    price = next_trigger(book, s, bar, s[st.PRICE], up, far)
    if not int(s[st.SEEN]) & (HIGH if up else LOW):
        ahead = far > s[st.PRICE] if up else far < s[st.PRICE]
        if ahead and not (price <= far if up else price >= far):
            price = far
    return price


@inner
def move(book, s, bar, up, high, low):  # type: ignore[no-untyped-def]
    """Go on to the next price in a direction and fill what it reaches; return whether there was one."""
    price = next_price(book, s, bar, up, high, low)
    if price != price:
        return False
    settle(book, s, bar, st.WITHIN, price)
    s[st.PRICE] = price
    see(s, high, low)
    return True


@inner
def towards_close(book, s, bar, high, low, close):  # type: ignore[no-untyped-def]
    """Whether something lies between the price and the close."""
    if close == s[st.PRICE]:
        return False
    up = close > s[st.PRICE]
    price = next_price(book, s, bar, up, high, low)
    return at_most(price, close) if up else at_least(price, close)


@inner
def is_new(book, s):  # type: ignore[no-untyped-def]
    """Whether a place was not reached before in this search, by a hash of what can matter from here on.

    Sums of one and the same money in another order may differ in their last digits, so that the cash counts to 1e-7.
    """
    cash, numbered = s[st.CASH], s[st.NUMBERED]
    s[st.CASH], s[st.NUMBERED] = np.round(cash * 1e7), 0.0
    bits = s.view(np.int64)
    key = np.int64(1469598103934665603)
    for part in range(4):
        begin, size = 0, st.HEADER
        if part == 1:
            begin, size = st.UNIT, int(s[st.UNITS]) * st.UNIT_WIDTH
        elif part == 2:
            begin, size = st.SET, int(s[st.SETS]) * st.SET_WIDTH
        elif part == 3:
            begin, size = st.ORDER, int(s[st.ORDERS]) * st.ORDER_WIDTH
        for k in range(begin, begin + size):
            key = (key ^ bits[k]) * np.int64(1099511628211)
            key ^= key >> 29
    s[st.CASH], s[st.NUMBERED] = cash, numbered
    at = key & (st.PLACES_ROOM - 1)
    while book.visited[at, 1] == book.counts[st.SEARCHES]:
        if book.visited[at, 0] == key:
            return False
        at = (at + 1) & (st.PLACES_ROOM - 1)
    book.visited[at, 0], book.visited[at, 1] = key, book.counts[st.SEARCHES]
    book.counts[st.PLACES] += 1
    return True


@inner
def search(book, bar, open_, high, low, close, highest):  # type: ignore[no-untyped-def]
    """Search all ways through a bar, depth first, and take the best one.

    At each place the way towards the nearer extreme is tried first, then that towards the other, then that to the close. A later way is taken
    only if it is better, so of equal ways the most direct one stays. A place that was reached before is not searched again.
    """
    counts, stack = book.counts, book.stack
    counts[st.SEARCHES] += 1
    counts[st.PLACES] = 0
    counts[st.QUIET] = 1
    chosen, tried, first, best = book.ways[0], book.ways[1], book.ways[2], book.ways[3]
    length, best_equity, best_first = -1, np.nan, 0
    straight = nearer(open_, high, low)
    sign = -1.0 if highest else 1.0
    depth = 0
    copy_state(book.state, stack[0])
    is_new(book, stack[0])
    arrived = True
    while depth >= 0:
        s = stack[depth]
        if arrived:
            seen = int(s[st.SEEN])
            if seen == HIGH + LOW and not towards_close(book, s, bar, high, low, close):
                equity = equity_at(s, close)
                gain = sign * (best_equity - equity)
                is_nearer = s[st.FIRST] == straight and best_first != straight
                if length < 0 or gain > EQUAL_EQUITY or (gain >= -EQUAL_EQUITY and is_nearer):
                    length, best_equity, best_first = depth, equity, int(s[st.FIRST])
                    copy_row(chosen[:depth], best)
            tried[depth] = 0
            first[depth] = straight
            if seen == HIGH + LOW:
                if close != s[st.PRICE]:
                    first[depth] = HIGH if close > s[st.PRICE] else LOW
            elif seen == straight:
                first[depth] = HIGH + LOW - straight
            arrived = False
        if tried[depth] == 2:
            depth -= 1
            continue
        way = first[depth] if tried[depth] == 0 else HIGH + LOW - first[depth]
        tried[depth] += 1
        onwards = stack[depth + 1]
        copy_state(s, onwards)
        if not move(book, onwards, bar, way == HIGH, high, low) or not is_new(book, onwards):
            continue
        if counts[st.PLACES] > st.MOST_PLACES or depth + 1 >= st.DEPTH:
            counts[st.PROBLEM] = st.TOO_MANY_WAYS
        if counts[st.PROBLEM]:
            break
        chosen[depth] = way
        depth += 1
        arrived = True
    counts[st.QUIET] = 0
    if counts[st.PROBLEM] == 0:
        for k in range(length):
            move(book, book.state, bar, best[k] == HIGH, high, low)
