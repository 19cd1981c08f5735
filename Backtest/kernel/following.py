"""Actions that were recorded elsewhere, followed on prices: what they come to, and that each could have been made when it was.

The actions are claims, as those of code in a sandbox: whatever is impossible is refused with a reason, and nothing is written beyond the room there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from Backtest.kernel import actions as a
from Backtest.kernel import state as st
from Backtest.kernel.book import end, equity_at, expire, follow, has_room, ruin
from Backtest.kernel.broker import DONE, RUINED
from Backtest.kernel.levels import move_levels
from Backtest.kernel.playing import trade_bar
from Backtest.kernel.state import clear, inner, order_at, set_at, unit_at

Floats = np.ndarray[Any, np.dtype[np.float64]]

# Why an action could not be followed.
NO_SUCH, IMPOSSIBLE, OUT_OF_TURN, TOO_MANY, TOO_LONG = range(20, 25)
WHY = {
    NO_SUCH: "is about a unit, a stop or an order that is not there",
    IMPOSSIBLE: "is nothing that can be done: a price, a size or a number is not possible",
    OUT_OF_TURN: "was not made when it could have been",
    TOO_MANY: "is one too many: more orders would wait, more units be open or more trades be closed than may or were claimed",
    st.TOO_MANY_WAYS: "comes when the price may go through a bar in too many ways",
    st.TOO_MANY_ORDERS: "is one too many: more orders would wait than may",
    st.ENDLESS: "lets orders follow each other at one price without end",
    TOO_LONG: "comes when too many ways through bars have been searched",
}
MOST_OF_A_CLOSE = 256
MOST_SEARCHED = 20_000_000  # places on ways through all bars, some ten seconds of work


@dataclass(frozen=True)
class Followed:
    """What actions come to.

    `ended` is DONE or RUINED of broker.py, or the reason (a key of WHY) why action `done` could not be followed. `trades` are float64 (n, 10) with the columns of
    broker.TRADE_COLUMNS in the order of their exits, `equity` is float64 (bars,), before `begin` the cash, `events` float64 (n, state.EVENT).
    """

    ended: int
    done: int
    trades: Floats
    equity: Floats
    events: Floats
    lost: int


def follow_actions(
    rows: Floats, tickets: Floats, begin: int, prices: Floats, terms: Floats, *, most_trades: int, most_events: int = 0
) -> Followed:
    """Follow actions on prices, from `begin` on, the first bar at whose close something may be decided.

    Args:
        rows: float64 of shape (n, ACTION), in the order in which they were made; tickets: float64 of shape (m, TICKET).
        prices: open, high, low, close, float64 of shape (4, bars), in the units that are traded.
        terms: of the account, float64 of shape (state.TERMS,).
        most_trades, most_events: how many trades there may be; how many events are kept.
    """
    bars = prices.shape[1]
    book = st.new_book(np.array(terms, dtype=np.float64), bars, events=most_events, trades=most_trades)
    own = [np.array(given, dtype=np.float64, order="C") for given in (rows, tickets, prices)]
    ended, done = _follow(own[0].reshape(-1, a.ACTION), own[1].reshape(-1, a.TICKET), begin, own[2], book)
    count = min(int(book.counts[st.TRADES]), most_trades)
    events = book.events[: min(int(book.counts[st.EVENTS]), most_events)]
    return Followed(int(ended), int(done), book.trades[:count], book.equity, events, int(book.counts[st.LOST]))


@njit(cache=True, nogil=True, error_model="numpy")
def _follow(rows, tickets, begin, prices, book):  # type: ignore[no-untyped-def]
    """Return how following ended, and how many actions are done."""
    open_, high, low, close = prices[0], prices[1], prices[2], prices[3]
    clear(book)
    s, last, done, sent, searched = book.state, prices.shape[1] - 1, 0, 0, 0
    nothing = np.zeros(a.TICKET)
    book.equity[:begin] = s[st.CASH]
    for bar in range(begin, last + 1):
        if done < len(rows) and rows[done, a.BAR] < bar:
            return OUT_OF_TURN, done
        book.counts[st.PLACES] = 0
        trade_bar(book, bar, open_[bar], high[bar], low[bar], close[bar])
        searched += book.counts[st.PLACES]
        if book.counts[st.PROBLEM]:
            return book.counts[st.PROBLEM], done
        if searched > MOST_SEARCHED:
            return TOO_LONG, done
        price, first = close[bar], done
        while done < len(rows) and rows[done, a.BAR] == bar and rows[done, a.DO] == a.CLOSE_NOW:
            why = check(book, rows[done], nothing, bar, price)
            if why or done - first >= MOST_OF_A_CLOSE:
                return why or TOO_MANY, done
            follow(book, bar, price, rows[done], nothing)
            done += 1
        if book.counts[st.TRADES] > len(book.trades):
            return TOO_MANY, done
        if equity_at(s, price) <= 0:
            ruin(book, bar, price)
            return (TOO_MANY if book.counts[st.TRADES] > len(book.trades) else RUINED), done
        if bar == last:
            end(book, bar, price)
            break
        moved = done
        while done < len(rows) and rows[done, a.BAR] == bar and rows[done, a.DO] == a.MOVE:
            why = check(book, rows[done], nothing, bar, price)
            if why:
                return why, done
            done += 1
        if not move_levels(book, bar, rows, moved, done - moved):
            return OUT_OF_TURN, moved
        expire(book, bar)
        s[st.LAST_EQUITY] = equity_at(s, price)
        while done < len(rows) and rows[done, a.BAR] == bar:
            placing = rows[done, a.DO] == a.PLACE
            if rows[done, a.DO] <= a.MOVE:
                return OUT_OF_TURN, done
            if (
                (placing and sent >= len(tickets))
                or done - first >= MOST_OF_A_CLOSE
                or s[st.ORDERS] >= st.MOST_ORDERS - 16
            ):
                return TOO_MANY, done
            ticket = tickets[sent] if placing else nothing
            why = check(book, rows[done], ticket, bar, price)
            if why:
                return why, done
            follow(book, bar, price, rows[done], ticket)
            sent += placing
            done += 1
        s[st.LAST_EQUITY] = equity_at(s, price)
        book.equity[bar] = s[st.LAST_EQUITY]
        if book.counts[st.PROBLEM]:
            return book.counts[st.PROBLEM], done
        if book.counts[st.TRADES] > len(book.trades):
            return TOO_MANY, done
        if s[st.LAST_EQUITY] <= 0:
            ruin(book, bar, price)
            return RUINED, done
    book.equity[begin] = book.terms[st.T_CASH] if begin < last else book.equity[begin]
    if book.counts[st.TRADES] > len(book.trades):
        return TOO_MANY, done
    return (DONE if done == len(rows) and sent == len(tickets) else OUT_OF_TURN), done


@inner
def is_whole(number, least, most):  # type: ignore[no-untyped-def]
    """Whether a claimed number is a whole one within bounds; NaN is not."""
    return least <= number <= most and np.floor(number) == number


@inner
def is_price(price):  # type: ignore[no-untyped-def]
    return 0 < price < np.inf


@inner
def is_size(size):  # type: ignore[no-untyped-def]
    """Whether a size is a share of the equity below 1, or whole units."""
    return 0 < size < 1 or is_whole(size, 1.0, 1e18)


@inner
def check(book, row, ticket, bar, close):  # type: ignore[no-untyped-def]
    """Return 0, or why an action of a close cannot be followed."""
    s, do = book.state, row[a.DO]
    if not is_whole(do, 0.0, 5.0):
        return IMPOSSIBLE
    if do == a.CLOSE_NOW or do == a.CLOSE:
        if s[st.UNITS] == 0 or not has_unit(s, row[a.WHICH]):
            return NO_SUCH
        possible = row[a.AMOUNT] == np.inf or is_whole(row[a.AMOUNT], 1.0, 1e18)
        return 0 if possible and is_whole(row[a.REASON], -2.0, 63.0) else IMPOSSIBLE
    if do == a.MOVE:
        if not (is_whole(row[a.STOP_NUMBER], 0.0, float(a.BREAK_EVEN)) and is_price(row[a.AMOUNT])):
            return IMPOSSIBLE
        return 0 if has_set(book, s, row[a.WHICH], int(row[a.STOP_NUMBER])) else NO_SUCH
    if do == a.PLACE:
        return check_ticket(book, ticket, bar)
    if not is_whole(row[a.WHICH], 0.0, st.RULES - 1.0):
        return IMPOSSIBLE
    return 0 if do == a.REFUSE or is_waiting(book, row[a.WHICH]) else NO_SUCH


@inner
def has_unit(s, name):  # type: ignore[no-untyped-def]
    for i in range(int(s[st.UNITS])):
        if unit_at(s, i)[st.NAME] == name:
            return True
    return name == 0


@inner
def has_set(book, s, name, stop):  # type: ignore[no-untyped-def]
    """Whether there is a set of levels of that name with that stop."""
    for i in range(int(s[st.SETS])):
        levels = set_at(s, i)
        if levels[st.OF_UNIT] == name:
            ticket = book.tickets[int(levels[st.SET_TICKET])]
            return stop == a.BREAK_EVEN or ticket[a.FIRST_STOP + stop * a.STOP_WIDTH + a.KIND] != a.NO_STOP
    return False


@inner
def is_waiting(book, rule):  # type: ignore[no-untyped-def]
    s = book.state
    for i in range(int(s[st.ORDERS])):
        if order_at(s, i)[st.ROLE] == st.ENTRY and order_at(s, i)[st.LISTED] == rule:
            return True
    return False


@inner
def check_level(measure, number, of_prices):  # type: ignore[no-untyped-def]
    """Whether a level of a ticket can be: its measure is known, and its number is missing or positive."""
    if not is_whole(measure, float(a.NO_LEVEL), float(a.AT_PRICE if of_prices else a.RISK)):
        return False
    return measure == a.NO_LEVEL or number != number or 0 <= number < np.inf


@inner
def check_ticket(book, ticket, bar):  # type: ignore[no-untyped-def]
    """Return 0, or why an order cannot be placed."""
    s, kind, add = book.state, ticket[a.TYPE], ticket[a.ADD_OF]
    fine = is_whole(ticket[a.RULE], 0.0, st.RULES - 1.0) and abs(ticket[a.SIDE]) == 1 and is_whole(kind, 0.0, 4.0)
    fine = fine and is_size(ticket[a.SIZE]) and is_whole(ticket[a.GROUP], 0.0, 16.0) and ticket[a.SIGNAL] == bar
    fine = fine and is_whole(add, -1.0, a.ADDS - 1.0) and is_whole(ticket[a.UNIT_LEVELS], 0.0, 2.0)
    fine = fine and is_whole(ticket[a.MOST_UNITS], 1.0, float(st.MOST_UNITS)) and ticket[a.LAST_BAR] >= bar
    if not fine:
        return IMPOSSIBLE
    market = kind == a.MARKET or kind == a.AT_CLOSE
    if not market and not (is_price(ticket[a.PRICE]) and (kind != a.STOP_LIMIT or is_price(ticket[a.LIMIT]))):
        return IMPOSSIBLE
    for k in range(a.STOPS):
        at = a.FIRST_STOP + k * a.STOP_WIDTH
        known = is_whole(ticket[at + a.KIND], 0.0, 3.0) and is_whole(ticket[at + a.AFTER], 0.0, 1e9)
        if not known or not check_level(ticket[at + a.MEASURE], ticket[at + a.NUMBER], True):
            return IMPOSSIBLE
        if ticket[at + a.KIND] != a.NO_STOP and ticket[at + a.MEASURE] == a.RISK:
            return IMPOSSIBLE
    for k in range(a.TARGETS):
        at = a.FIRST_TARGET + k * a.TARGET_WIDTH
        portion = ticket[at + a.PORTION]
        if not (portion != portion or 0 < portion <= 1):
            return IMPOSSIBLE
        if not check_level(ticket[at + a.TARGET_MEASURE], ticket[at + a.TARGET_NUMBER], True):
            return IMPOSSIBLE
    for k in range(a.TABLE):
        at = a.FIRST_ROW + k * a.TABLE_WIDTH
        none = ticket[at + a.ROW_MEASURE] == a.NO_LEVEL
        if not (none or is_whole(ticket[at + a.ROW_AFTER], 0.0, 1e9)):
            return IMPOSSIBLE
        if not check_level(ticket[at + a.ROW_MEASURE], ticket[at + a.ROW_NUMBER], True):
            return IMPOSSIBLE
    for k in range(a.ADDS):
        at = a.FIRST_ADD + k * a.ADD_WIDTH
        if not check_level(ticket[at + a.ADD_MEASURE], ticket[at + a.ADD_NUMBER], False):
            return IMPOSSIBLE
        if not is_whole(ticket[at + a.MOST], 0.0, float(st.MOST_UNITS)):
            return IMPOSSIBLE
        if ticket[at + a.MOST] == 0:
            continue
        known = is_whole(ticket[at + a.SIZING], 0.0, 4.0) and abs(ticket[at + a.DIRECTION]) == 1
        number = ticket[at + a.SIZE_NUMBER]
        if not known or not (number != number or 0 < number < np.inf):  # one without a size is refused in its turn
            return IMPOSSIBLE
        units = ticket[at + a.SIZING] == a.OF_UNITS
        if (units or ticket[at + a.SIZING] == a.OF_SHARE) and not is_size(ticket[at + a.SIZE_NUMBER]):
            return IMPOSSIBLE
    if add >= 0:
        its = s[st.UNITS] > 0 and s[st.POSITION_RULE] == ticket[a.RULE] and s[st.SIDE] == ticket[a.SIDE]
        if not its or not market:
            return OUT_OF_TURN
        if not has_room(s, book.tickets[int(s[st.POSITION_TICKET])], int(add)):
            return TOO_MANY
    return 0
