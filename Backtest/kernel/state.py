"""What the book of the compiled engine knows, in arrays: an account's state as one row of numbers, and what is told of it.

The state is one array, so that the search for the way within a bar can copy it, try a way, and go back: a header, then the units, their levels, and
the orders that wait. Only as many units, sets of levels and orders as there are get copied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, types

from Backtest.kernel import actions


def inner(function: Any) -> Any:
    """Compile a function that only compiled code calls, once for each type of its arguments.

    numba would compile it again for each constant it is called with. What a call from Python needs is left out, as that takes longer to compile than most of
    the functions.
    """
    made = njit(cache=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    typed = made.get_call_template
    made.get_call_template = lambda args, kws: typed(
        tuple(types.unliteral(arg) for arg in args), {name: types.unliteral(arg) for name, arg in kws.items()}
    )
    return made


Floats = np.ndarray[Any, np.dtype[np.float64]]
RULES, MOST_UNITS, MOST_ORDERS = 16, 16, 64

# The header. SIDE is 1 long, -1 short, 0 flat; SINCE the bar of the first fill; ACTED has a bit for each partial exit that has acted; SIGNAL_BAR that
# of the entry; HIGHEST and LOWEST since the first fill, of whose bar only the close counts where LATE is set; ENTRY_FILL and ENTRY_RISK the price of that fill and its R. PRICE, SEEN and FIRST are a place on a way through
# a bar: SEEN has bit 1 once the high was reached and bit 2 once the low was, FIRST is the bit of what was reached first.
(CASH, ORDERS, UNITS, SETS, NUMBERED, POSITION_RULE, SIDE, SINCE, BOUGHT, LAST_FILL, LAST_SIZE, LAST_EXIT, LAST_EQUITY,
 ACTED, SIGNAL_BAR, HIGHEST, LOWEST, LATE, PRICE, SEEN, FIRST, SESSION, POSITION_TICKET, ENTRY_FILL, ENTRY_RISK) = range(25)  # fmt: skip
FILLS = 25  # of each entry rule within SESSION
HEADER = FILLS + RULES

# A unit: NAME counts the units of the position, ADDED_BY is the number of its add, -1 for the entry's.
UNIT, UNIT_WIDTH = HEADER, 6
(NAME, FILL, FIRST_SIZE, LEFT, ENTRY_BAR, ADDED_BY) = range(6)

# A set of levels, of one unit or (OF_UNIT 0) of all. FILL_BAR is that of the newest fill, START the one from which held bars count; of FILL_BAR only the
# close counts for EXTREME where CLOSE_ONLY is set. INITIAL_RISK is R in points, SET_SIZE the units the set was made for, REACHED has a bit for each target filled.
SET, SET_WIDTH = UNIT + MOST_UNITS * UNIT_WIDTH, 11 + actions.STOPS + 1 + 2 * actions.TARGETS + actions.TABLE
(OF_UNIT, BASE, FILL_BAR, CLOSE_ONLY, START, INITIAL_RISK, EXTREME, BROKE_EVEN, SET_TICKET, SET_SIZE, REACHED) = range(
    11
)
STOP_PRICE = 11
TARGET_PRICE = STOP_PRICE + actions.STOPS + 1
TARGET_SIZE = TARGET_PRICE + actions.TARGETS  # NaN for all that is left
ROW_PRICE = TARGET_SIZE + actions.TARGETS

# An order. TRADE is 1 to buy, -1 to sell; AMOUNT as in a ticket, infinite for an exit of all; LISTED the number of the entry rule; TEMPLATE that of the add;
# SET_WITHIN the bar within which the level of an add was set, else -1.
ORDER, ORDER_WIDTH = SET + MOST_UNITS * SET_WIDTH, 14
(ROLE, ORDER_TICKET, TRADE, KIND, AMOUNT, AT, WORST, UNTIL, NUMBER, LISTED, TRIGGERED, SET_WITHIN, TEMPLATE, WHY) = (
    range(14)
)
EXIT, ADD, ENTRY = range(3)
STATE = ORDER + MOST_ORDERS * ORDER_WIDTH

# An event, float64; what does not belong to it is NaN. WHO and WHOSE name the order, see `events.py`.
(
    E_BAR,
    E_AT,
    E_DO,
    E_WHO,
    E_WHOSE,
    E_SIDE,
    E_TYPE,
    E_PRICE,
    E_LIMIT,
    E_SIZE,
    E_UNTIL,
    E_REASON,
    E_UNIT,
    E_STOP,
    E_TARGET,
    E_TARGETS,
) = range(16)
EVENT = E_TARGETS + actions.TARGETS + 1
AT_OPEN, WITHIN, AT_THE_CLOSE = range(3)
PLACED, WAS_TRIGGERED, FILLED, CANCELLED, REFUSED, LEVELS, MOVED = range(7)
BY_ENTRY, BY_ADD, BY_EXIT, BY_STOP, BY_TARGET, BY_SESSION, BY_MAX_BARS, BY_END, BY_RUIN = range(9)
(R_ENTRY, R_ADD, R_STOP, R_FOLLOWED, R_TRAILING, R_BREAK_EVEN, R_TARGET, R_RULE, R_REVERSE, R_MAX_BARS, R_SESSION_END, R_END, R_RUINED, R_OCO,
 R_POSITION_OPEN, R_POSITION_CLOSED, R_NO_CASH, R_REPLACED, R_EXPIRED, R_NO_DISTANCE, R_STOP_ACTIVE, R_PROFIT_TABLE, R_CANCELLED) = range(23)  # fmt: skip

# The terms of the account, float64. TICK is how far beyond a limit the price has to go, 0 where a touch is enough.
(T_CASH, T_SPREAD, T_FIXED, T_FEE, T_MARGIN, T_TICK, T_PATH) = range(7)
TERMS = 7
WORST_PATH, BEST_PATH, NEAREST, HIGH_FIRST, LOW_FIRST = range(5)

# What is counted, int64: events and trades also beyond the room there is; LOST orders without money; QUIET while a way is only tried.
(EVENTS, TRADES, LOST, QUIET, PROBLEM, SEARCHES, PLACES) = range(7)
COUNTS = 7
# How a run ended, beside DONE, RUINED and BAD_SIZE of broker.py; from TOO_MANY_WAYS on why it could not go on.
TOO_MANY_WAYS, TOO_MANY_ORDERS, ENDLESS, NO_ROOM = (
    10,
    11,
    12,
    13,
)  # NO_ROOM for what is to be written down: again with more

TRADE_WIDTH = 10
DEPTH, MOST_PLACES, PLACES_ROOM = 256, 8_000, 1 << 14
TOLERANCE = 1e-9


class Book(NamedTuple):
    """An account with all it needs: `tickets` has a row for each order or position that has one, `stack` and below are room for the search."""

    state: np.ndarray
    tickets: np.ndarray
    terms: np.ndarray
    counts: np.ndarray
    events: np.ndarray
    trades: np.ndarray
    equity: np.ndarray
    stack: np.ndarray
    ways: np.ndarray
    visited: np.ndarray


def new_book(terms: Floats, bars: int, *, events: int, trades: int, equity: Floats | None = None) -> Book:
    """Return a book for `clear` to begin with, with room for so many events and closed trades."""
    return Book(
        state=np.zeros(STATE),
        tickets=np.full((MOST_ORDERS + 2 * MOST_UNITS, actions.TICKET), np.nan),
        terms=terms,
        counts=np.zeros(COUNTS, np.int64),
        events=np.empty((events + 1, EVENT)),
        trades=np.empty((trades, TRADE_WIDTH)),
        equity=np.empty(bars) if equity is None else equity,
        stack=np.zeros((DEPTH + 1, STATE)),
        ways=np.zeros((4, DEPTH + 1), np.int64),
        visited=np.zeros((PLACES_ROOM, 2), np.int64),
    )


@inner
def clear(book):  # type: ignore[no-untyped-def]
    """Set a book up for a run: nothing is held and nothing waits."""
    s = book.state
    s[:HEADER] = 0.0
    s[CASH] = s[LAST_EQUITY] = book.terms[T_CASH]
    s[LAST_EXIT] = s[POSITION_RULE] = s[POSITION_TICKET] = s[SESSION] = -1.0
    book.counts[:SEARCHES] = 0


@inner
def copy_row(row, to):  # type: ignore[no-untyped-def]
    """Copy numbers one by one: to assign one slice to another takes numba 5 s to compile."""
    for k in range(len(row)):
        to[k] = row[k]


@inner
def copy_state(s, to):  # type: ignore[no-untyped-def]
    for k in range(UNIT + int(s[UNITS]) * UNIT_WIDTH):
        to[k] = s[k]
    for k in range(SET, SET + int(s[SETS]) * SET_WIDTH):
        to[k] = s[k]
    for k in range(ORDER, ORDER + int(s[ORDERS]) * ORDER_WIDTH):
        to[k] = s[k]


@inner
def unit_at(s, i):  # type: ignore[no-untyped-def]
    return s[UNIT + i * UNIT_WIDTH : UNIT + (i + 1) * UNIT_WIDTH]


@inner
def set_at(s, i):  # type: ignore[no-untyped-def]
    return s[SET + i * SET_WIDTH : SET + (i + 1) * SET_WIDTH]


@inner
def order_at(s, i):  # type: ignore[no-untyped-def]
    return s[ORDER + i * ORDER_WIDTH : ORDER + (i + 1) * ORDER_WIDTH]


@inner
def remove(s, first, width, count, i):  # type: ignore[no-untyped-def]
    """Take the i-th of a section's parts out; `count` is the place of their number in the header."""
    s[count] -= 1
    for k in range(first + i * width, first + int(s[count]) * width):
        s[k] = s[k + width]


@inner
def at_least(price, level):  # type: ignore[no-untyped-def]
    return price >= level - TOLERANCE * abs(level)


@inner
def at_most(price, level):  # type: ignore[no-untyped-def]
    return price <= level + TOLERANCE * abs(level)


@inner
def same(price, other):  # type: ignore[no-untyped-def]
    return at_least(price, other) and at_most(price, other)


@inner
def tell(book, bar, at, do, who, whose):  # type: ignore[no-untyped-def]
    """Add an event, and return its row for what belongs to it; while a way is only tried, or without room, that is a row nobody reads."""
    k = len(book.events) - 1
    if book.counts[QUIET] == 0:
        k = min(k, book.counts[EVENTS])
        book.counts[EVENTS] += 1
    row = book.events[k]
    row[:] = np.nan
    row[E_BAR], row[E_AT], row[E_DO], row[E_WHO], row[E_WHOSE] = bar, at, do, who, whose
    return row
