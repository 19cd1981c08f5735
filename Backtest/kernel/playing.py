"""A strategy that is not plain, bar by bar: the open, the way within, the close; its rules decide, or a list of actions that was recorded."""

from __future__ import annotations

import numpy as np

from Backtest.kernel import actions as a
from Backtest.kernel import state as st
from Backtest.kernel.book import end, equity_at, expire, next_trigger, ruin, settle
from Backtest.kernel.broker import DONE, RUINED
from Backtest.kernel.closing import (
    MAX_BARS,
    MOST_ACTIONS,
    WATCHES,
    entries,
    exits_and_adds,
    exits_now,
    firing_exits,
    moves,
    see_bar,
)
from Backtest.kernel.state import inner, order_at, set_at, unit_at
from Backtest.kernel.within import pass_bar

# Bits of `alert`, what rules ask that does not ask about the position: an entry, an exit, an add may fire at this bar.
MAY_ENTER, MAY_LEAVE, MAY_ADD = 1, 2, 4


@inner
def trade_bar(book, bar, open_, high, low, close):  # type: ignore[no-untyped-def]
    """Take the account from the close before to just before this close."""
    if book.state[st.ORDERS] > 0 or book.state[st.UNITS] > 0:
        settle(book, book.state, bar, st.AT_OPEN, open_)
        pass_bar(book, bar, open_, high, low, close)


@inner
def calm(rules, book, bar, limit, begin, high, low, close, alert):  # type: ignore[no-untyped-def]
    """Go on over the bars at which nothing happens, before `limit`; return the first at which something may."""
    s = book.state
    if s[st.UNITS] > 0 and rules.strategy[WATCHES] != 0:
        return bar
    wanted = MAY_LEAVE | MAY_ADD if s[st.UNITS] > 0 else MAY_ENTER
    for i in range(int(s[st.ORDERS])):
        order = order_at(s, i)
        if order[st.KIND] == a.MARKET:
            return bar
        limit = min(limit, order[st.UNTIL])
    size, paid = 0.0, 0.0
    for i in range(int(s[st.UNITS])):
        unit = unit_at(s, i)
        size += s[st.SIDE] * unit[st.LEFT]
        paid += s[st.SIDE] * unit[st.LEFT] * unit[st.FILL]
    if s[st.UNITS] > 0:
        most = rules.numbers[int(s[st.POSITION_RULE]), MAX_BARS]
        if most > 0:
            limit = min(limit, s[st.SINCE] + most - 1)
        for i in range(int(s[st.SETS])):
            levels = set_at(s, i)
            ticket = book.tickets[int(levels[st.SET_TICKET])]
            for k in range(a.STOPS + a.TABLE):
                at = a.FIRST_STOP + k * a.STOP_WIDTH + a.AFTER
                if k >= a.STOPS:
                    at = a.FIRST_ROW + (k - a.STOPS) * a.TABLE_WIDTH + a.ROW_AFTER
                begins = levels[st.START] + ticket[at]
                if begins > bar:
                    limit = min(limit, begins - 1)  # it is told at the close before
    above = next_trigger(book, s, bar, -np.inf, True, np.inf)
    below = next_trigger(book, s, bar, np.inf, False, -np.inf)
    above, below = above * (1 - 4e-9), below * (1 + 4e-9)
    begun = bar
    worth = s[st.CASH]
    while bar < limit and not (high[bar] >= above or low[bar] <= below or alert[bar - begin] & wanted):
        if size != 0.0:
            worth = s[st.CASH] + (close[bar] * size - paid)
            if worth <= 0:
                break
        book.equity[bar] = worth
        bar += 1
    if bar > begun:
        s[st.LAST_EQUITY] = book.equity[bar - 1]
    return bar


@inner
def count_sessions(s, session):  # type: ignore[no-untyped-def]
    """Begin to count the fills of entry rules anew where a session begins."""
    if s[st.SESSION] != session:
        s[st.SESSION] = session
        s[st.FILLS : st.FILLS + st.RULES] = 0.0


@inner
def play(rules, book, prices, begin, bar, until, alert, ticket):  # type: ignore[no-untyped-def]
    """Run a strategy on from `bar` to the bars before `until`; return how it ended so far.

    Args:
        prices: open, high, low, close in the units that are traded, float64 of shape (4, bars).
        begin: the first bar of the block that masks and `alert` are of.
        alert: bits as above, uint8.
        ticket: room for one ticket.
    """
    open_, high, low, close = prices[0], prices[1], prices[2], prices[3]
    s, last = book.state, prices.shape[1] - 1
    while bar < until:
        bar = calm(rules, book, bar, min(until, last), begin, high, low, close, alert)
        if bar >= until:
            break
        count_sessions(s, rules.session[bar])
        trade_bar(book, bar, open_[bar], high[bar], low[bar], close[bar])
        if rules.counts[2] == 0:
            rules.counts[0], rules.counts[1] = 0, 0
        elif rules.counts[0] + MOST_ACTIONS > len(rules.log) or rules.counts[1] + 2 * st.RULES > len(rules.sent):
            book.counts[st.PROBLEM] = st.NO_ROOM
        if book.counts[st.PROBLEM]:
            return book.counts[st.PROBLEM]
        price = close[bar]
        see_bar(book, bar, high[bar], low[bar], price)
        asks = alert[bar - begin] & MAY_LEAVE or rules.strategy[WATCHES] != 0
        firing = firing_exits(rules, s, bar, begin) if asks else 0
        part, barred = exits_now(rules, book, bar, price, firing, ticket)
        if equity_at(s, price) <= 0:
            ruin(book, bar, price)
            return RUINED
        if bar == last:
            end(book, bar, price)
            break
        moves(rules, book, bar, begin, price)
        expire(book, bar)
        s[st.LAST_EQUITY] = equity_at(s, price)
        leaving = exits_and_adds(rules, book, bar, begin, price, firing, part, ticket)
        if alert[bar - begin] & MAY_ENTER:
            entries(rules, book, bar, begin, price, firing, leaving, barred, ticket)
        s[st.LAST_EQUITY] = equity_at(s, price)
        book.equity[bar] = s[st.LAST_EQUITY]
        if book.counts[st.PROBLEM]:
            return book.counts[st.PROBLEM]
        if s[st.LAST_EQUITY] <= 0:
            ruin(book, bar, price)
            return RUINED
        bar += 1
    return DONE
