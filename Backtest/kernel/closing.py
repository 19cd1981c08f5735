"""What the rules of a strategy decide at a close, compiled: they write actions (`actions.py`), which the book follows.

Step numbers are those of tests/oracle/meaning.md. A condition is a mask or, where it asks about the position, a program in reverse Polish notation on a
stack of numbers; prices of orders and levels are such programs as well. Programs reckon in quoted prices, the book in those of the units that are traded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from Backtest.kernel import actions as a
from Backtest.kernel import state as st
from Backtest.kernel.book import average_fill, follow, has_room, held, size_to_place
from Backtest.kernel.broker import BAD_SIZE, EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL
from Backtest.kernel.levels import has_gained, level, move_levels, see_extremes
from Backtest.kernel.masks import row_of
from Backtest.kernel.state import copy_row, inner, set_at, unit_at

# Programs: (operation, argument, argument). A series is a slot of its row and one of how many bars back it is read.
PUSH_MASK, PUSH_SERIES, PUSH_NUMBER, PUSH_POSITION, CALCULATE, COMPARE, BOTH, EITHER = range(8)
STACK = 64
POSITION_VALUES = (
    "entry_price", "highest", "lowest", "signal_open", "signal_high", "signal_low", "signal_close", "risk", "bars held", "unrealized return",
    "profit", "profit_money", "days_held",
)  # fmt: skip
(
    ENTRY_PRICE,
    HIGHEST_HIGH,
    LOWEST_LOW,
    SIGNAL_OPEN,
    SIGNAL_HIGH,
    SIGNAL_LOW,
    SIGNAL_CLOSE,
    POSITION_RISK,
    BARS_HELD,
    UNREALIZED,
    PROFIT,
    PROFIT_MONEY,
    DAYS_HELD,
) = range(13)

# What an entry rule says beside its ticket. PLAN, int64: the programs of its condition, of its order's price and limit, by their number, -1 for
# none; LIFE of its order; SIZING as in actions.py, or BY_VOLATILITY, by the deviation of a program; and of each level the program by which its number is multiplied,
# or which is its price.
(WHEN, PRICE_PROGRAM, LIMIT_PROGRAM, LIFE, SIZED, DEVIATION, EVEN_MEASURE, EVEN_PROGRAM) = range(8)
UNTIL_CANCELLED, SOME_BARS, THE_SESSION = range(3)
BY_VOLATILITY = 10
AFTER_TARGET = 100  # EVEN_MEASURE from here on: the number of a target, from 0
STOP_PLAN, STOP_PLAN_WIDTH = 8, 4
(STOP_PROGRAM, FOLLOWS, LATER_MEASURE, LATER_PROGRAM) = range(4)
STANDS, KEEPS_FROM_CLOSE, KEEPS_FROM_EXTREME, READS_PRICE = range(4)
TARGET_PLAN = STOP_PLAN + a.STOPS * STOP_PLAN_WIDTH
ROW_PLAN = TARGET_PLAN + a.TARGETS
ADD_PLAN, ADD_PLAN_WIDTH = ROW_PLAN + a.TABLE, 3
(ADD_PROGRAM, ADD_WHEN, ADD_DEVIATION) = range(3)
PLAN = ADD_PLAN + a.ADDS * ADD_PLAN_WIDTH

# Numbers of an entry rule beside its ticket, float64; LATER are the gains after which its stops begin.
(ORDER_BARS, SIZE_NUMBER, MAX_BARS, MOST_FILLS, BEFORE_END, EVEN_NUMBER, EVEN_OFFSET, LATER) = range(8)
RULE_NUMBERS = LATER + a.STOPS

# An exit rule, int64: the program of its condition, a bit for each entry rule whose positions it leaves, whether at this close, whether again and again.
(EXIT_WHEN, EXIT_OF, EXIT_NOW, EXIT_AGAIN) = range(4)
EXIT_WIDTH = 4

# Numbers of the strategy, float64.
(COOLDOWN, UNIT_OF_PRICE, CLOSES_NOW, WATCHES) = range(
    4
)  # WATCHES: something has to be looked at at every close of a position
STRATEGY_NUMBERS = 4

MOST_ACTIONS = 256  # of a close, at least as many as there can be: 16 sets of 9 stops, 17 exits, 20 orders


class Rules(NamedTuple):
    """The rules of a strategy for one parameter set, on prices.

    `tickets` and `numbers` have a row an entry rule, `portions` a number an exit rule. `session` is the number of each bar's session, `left` the bars after it in that
    session. `log` and `sent` are room for the actions and tickets that are written, `counts` how many there are of each and whether those of closes before are kept.
    """

    programs: np.ndarray
    places: np.ndarray
    plans: np.ndarray
    tickets: np.ndarray
    numbers: np.ndarray
    exits: np.ndarray
    portions: np.ndarray
    strategy: np.ndarray
    ints: np.ndarray
    floats: np.ndarray
    series: np.ndarray
    work: np.ndarray
    masks: np.ndarray
    shared: np.ndarray
    session: np.ndarray
    left: np.ndarray
    log: np.ndarray
    sent: np.ndarray
    counts: np.ndarray
    stack: np.ndarray


@inner
def compare(x, kind, y):  # type: ignore[no-untyped-def]
    """Compare two numbers; NaN compares false, whatever is asked."""
    if kind == LESS:
        return x < y
    if kind == LESS_EQUAL:
        return x <= y
    if kind == GREATER:
        return x > y
    if kind == GREATER_EQUAL:
        return x >= y
    if kind == EQUAL:
        return x == y
    return x < y or x > y


@inner
def position_value(rules, s, what, bar):  # type: ignore[no-untyped-def]
    """Return what a program asks of the open position, in quoted prices."""
    unit = rules.strategy[UNIT_OF_PRICE]
    if what == ENTRY_PRICE:
        return s[st.ENTRY_FILL] / unit
    if what in (HIGHEST_HIGH, LOWEST_LOW):
        best = s[st.HIGHEST] if what == HIGHEST_HIGH else s[st.LOWEST]
        return best / unit if abs(best) < np.inf else np.nan
    if what == POSITION_RISK:
        return s[st.ENTRY_RISK] / unit
    if what == BARS_HELD:
        return bar + 1 - s[st.SINCE]
    if what == UNREALIZED:
        return s[st.SIDE] * 100 * (rules.series[3, bar] * unit / average_fill(s) - 1)
    if what == PROFIT:
        return s[st.SIDE] * (rules.series[3, bar] * unit - average_fill(s)) / unit
    if what == PROFIT_MONEY:
        return s[st.SIDE] * (rules.series[3, bar] * unit - average_fill(s)) * held(s)
    if what == DAYS_HELD:
        return rules.session[bar] - rules.session[int(s[st.SINCE])] + 1.0
    return rules.series[what - SIGNAL_OPEN, int(s[st.SIGNAL_BAR])]


@inner
def value(rules, s, program, bar, begin, flat):  # type: ignore[no-untyped-def]
    """Return what a program comes to at a close, NaN where something is missing; 1 or 0 for a condition. Masks start at bar `begin`.

    `flat`: it is asked for an entry, which has no position yet, also where one is open.
    """
    first, end = rules.places[program, 0], rules.places[program, 1]
    stack = rules.stack
    top = 0
    for k in range(first, end):
        step = rules.programs[k]
        kind, argument = step[0], step[1]
        if kind == PUSH_MASK:
            stack[top] = rules.masks[argument, bar - begin] if argument >= 0 else rules.shared[-1 - argument, bar]
            top += 1
        elif kind == PUSH_SERIES:
            at = bar - rules.ints[step[2]]
            stack[top] = row_of(rules.series, rules.work, rules.ints[argument])[at] if at >= 0 else np.nan
            top += 1
        elif kind == PUSH_NUMBER:
            stack[top] = rules.floats[argument]
            top += 1
        elif kind == PUSH_POSITION:
            stack[top] = np.nan if flat or s[st.UNITS] == 0 else position_value(rules, s, argument, bar)
            top += 1
        else:
            top -= 1
            x, y = stack[top - 1], stack[top]
            if kind == COMPARE:
                x = 1.0 if compare(x, argument, y) else 0.0
            elif kind == BOTH:
                x = 1.0 if x != 0 and y != 0 else 0.0
            elif kind == EITHER:
                x = 1.0 if x != 0 or y != 0 else 0.0
            elif argument == 0:
                x = x + y
            elif argument == 1:
                x = x - y
            elif argument == 2:
                x = x * y
            elif argument == 3:
                x = x / y if y != 0 else np.nan
            elif argument == 4:
                x = np.minimum(x, y)
            elif argument == 5:
                x = np.maximum(x, y)
            else:
                x = abs(x)
            stack[top - 1] = x
    return stack[0]


# Tickets -------------------------------------------------------------------------------------


@inner
def number_at(rules, s, measure, number, program, bar, begin):  # type: ignore[no-untyped-def]
    """Return the number of a level at the close of a signal: points and prices in the units that are traded."""
    unit = rules.strategy[UNIT_OF_PRICE]
    if measure == a.AT_PRICE:
        return value(rules, s, program, bar, begin, True) * unit
    if measure == a.POINTS:
        return number * (value(rules, s, program, bar, begin, True) if program >= 0 else 1.0) * unit
    return number


@inner
def fill_ticket(rules, book, r, bar, begin, ticket):  # type: ignore[no-untyped-def]
    """Write the ticket of a rule at a close, but for order and size; return whether all distances are there."""
    s = book.state
    copy_row(rules.tickets[r], ticket)
    plan = rules.plans[r]
    ticket[a.SIGNAL] = bar
    possible = True
    for k in range(a.STOPS):
        at, said = a.FIRST_STOP + k * a.STOP_WIDTH, STOP_PLAN + k * STOP_PLAN_WIDTH
        if ticket[at + a.KIND] == a.NO_STOP:
            continue
        measure = int(ticket[at + a.MEASURE])
        number = number_at(rules, s, measure, ticket[at + a.NUMBER], plan[said + STOP_PROGRAM], bar, begin)
        if measure == a.POINTS and plan[said + FOLLOWS] != KEEPS_FROM_EXTREME:
            possible = possible and number > 0
        ticket[at + a.NUMBER] = np.nan if plan[said + LATER_MEASURE] != a.NO_LEVEL else number
    for k in range(a.TARGETS):
        at = a.FIRST_TARGET + k * a.TARGET_WIDTH
        measure = int(ticket[at + a.TARGET_MEASURE])
        if measure != a.NO_LEVEL:
            number = number_at(rules, s, measure, ticket[at + a.TARGET_NUMBER], plan[TARGET_PLAN + k], bar, begin)
            ticket[at + a.TARGET_NUMBER] = number
            possible = possible and (measure != a.POINTS or number > 0)
    for k in range(a.TABLE):
        at = a.FIRST_ROW + k * a.TABLE_WIDTH
        measure = int(ticket[at + a.ROW_MEASURE])
        if measure == a.NO_LEVEL:
            break
        ticket[at + a.ROW_NUMBER] = number_at(
            rules, s, measure, ticket[at + a.ROW_NUMBER], plan[ROW_PLAN + k], bar, begin
        )
    for k in range(a.ADDS):
        at, said = a.FIRST_ADD + k * a.ADD_WIDTH, ADD_PLAN + k * ADD_PLAN_WIDTH
        measure = int(ticket[at + a.ADD_MEASURE])
        if ticket[at + a.MOST] == 0:
            continue
        if measure != a.NO_LEVEL:
            number = number_at(rules, s, measure, ticket[at + a.ADD_NUMBER], plan[said + ADD_PROGRAM], bar, begin)
            ticket[at + a.ADD_NUMBER] = number
            possible = possible and (measure != a.POINTS or number > 0)
        sizing, number = sized(
            rules, book, int(ticket[at + a.SIZING]), ticket[at + a.SIZE_NUMBER], plan[said + ADD_DEVIATION], bar, begin
        )
        ticket[at + a.SIZING], ticket[at + a.SIZE_NUMBER] = sizing, number
    return possible


@inner
def sized(rules, book, sizing, number, deviation, bar, begin):  # type: ignore[no-untyped-def]
    """Return how an order is sized and by which number, in the units that are traded."""
    s = book.state
    if sizing == a.OF_UNITS:
        unit = rules.strategy[UNIT_OF_PRICE]
        units = np.round(number / unit) if unit != 1.0 else number
        if units < 1 or np.round(units) != units:
            book.counts[st.PROBLEM] = BAD_SIZE
        return a.OF_UNITS, units
    if sizing == a.OF_SHARE:
        return a.OF_SHARE, min(number, a.ALL_EQUITY)
    if sizing == BY_VOLATILITY:
        return a.OF_CASH, s[st.LAST_EQUITY] * number / value(rules, s, deviation, bar, begin, True)
    return sizing, number


@inner
def emit(rules, book, bar, close, do, which, amount, reason, ticket):  # type: ignore[no-untyped-def]
    """Write an action down and let the book follow it."""
    row = rules.log[rules.counts[0]]
    row[a.BAR], row[a.DO], row[a.WHICH], row[a.STOP_NUMBER], row[a.AMOUNT], row[a.REASON] = (
        bar,
        do,
        which,
        -1,
        amount,
        reason,
    )
    if do == a.REFUSE:
        row[a.STOP_NUMBER] = reason
    rules.counts[0] += 1
    if do == a.PLACE:
        copy_row(ticket, rules.sent[rules.counts[1]])
        rules.counts[1] += 1
    follow(book, bar, close, row, ticket)


# The close -----------------------------------------------------------------------------------


@inner
def fires(rules, s, j, bar, begin):  # type: ignore[no-untyped-def]
    return value(rules, s, rules.exits[j, EXIT_WHEN], bar, begin, False) == 1.0


@inner
def firing_exits(rules, s, bar, begin):  # type: ignore[no-untyped-def]
    """Return a bit for each exit rule that fires on the position; a partial one acts once a position, unless it says so."""
    firing, rule = 0, int(s[st.POSITION_RULE])
    for j in range(len(rules.exits) if s[st.UNITS] > 0 else 0):
        done = rules.portions[j] < 1 and not rules.exits[j, EXIT_AGAIN] and int(s[st.ACTED]) >> j & 1
        if rules.exits[j, EXIT_OF] >> rule & 1 and not done and fires(rules, s, j, bar, begin):
            firing |= 1 << j
    return firing


@inner
def part_of(rules, s, j):  # type: ignore[no-untyped-def]
    """Return the units of a partial exit: a portion of the first sizes of the units that are open, rounded down."""
    first = 0.0
    for i in range(int(s[st.UNITS])):
        first += unit_at(s, i)[st.FIRST_SIZE]
    return min(np.floor(rules.portions[j] * first + 1e-9), held(s))


@inner
def held_long_enough(rules, s, bar):  # type: ignore[no-untyped-def]
    most = rules.numbers[int(s[st.POSITION_RULE]), MAX_BARS]
    return most > 0 and bar >= s[st.SINCE] + most - 1


@inner
def exits_now(rules, book, bar, close, firing, ticket):  # type: ignore[no-untyped-def]
    """Step 9: the session's exit, then the exits at this close. Return whether a part left, and which side may not be entered at this close, 0 for none."""
    s = book.state
    if s[st.UNITS] == 0:
        return False, 0.0
    before_end = rules.numbers[int(s[st.POSITION_RULE]), BEFORE_END]
    if before_end >= 0 and rules.left[bar] == before_end:
        emit(rules, book, bar, close, a.CLOSE_NOW, 0, np.inf, a.OF_SESSION_END, ticket)
        return False, 0.0
    too_long = held_long_enough(rules, s, bar)
    if too_long and rules.strategy[CLOSES_NOW] != 0:
        side = s[st.SIDE]
        emit(rules, book, bar, close, a.CLOSE_NOW, 0, np.inf, a.OF_MAX_BARS, ticket)
        return False, side
    whole = too_long
    for j in range(len(rules.exits)):
        if rules.portions[j] >= 1 and firing >> j & 1:
            if rules.exits[j, EXIT_NOW]:
                emit(rules, book, bar, close, a.CLOSE_NOW, 0, np.inf, j, ticket)
                return False, 0.0
            whole = True
    part = False
    if whole:
        return part, 0.0
    for j in range(len(rules.exits)):
        if rules.exits[j, EXIT_NOW] and firing >> j & 1 and s[st.UNITS] > 0:
            size = part_of(rules, s, j)
            if size > 0:
                part = True
                s[st.ACTED] = int(s[st.ACTED]) | 1 << j
                emit(rules, book, bar, close, a.CLOSE_NOW, 0, size, j, ticket)
    return part, 0.0


@inner
def moves(rules, book, bar, begin, close):  # type: ignore[no-untyped-def]
    """Step 10: write the actions that move followed stops and break-even, and let the book move them."""
    s = book.state
    first = rules.counts[0]
    if s[st.UNITS] > 0 and rules.strategy[WATCHES] != 0:
        rule, side = int(s[st.POSITION_RULE]), s[st.SIDE]
        plan, numbers = rules.plans[rule], rules.numbers[rule]
        for i in range(int(s[st.SETS])):
            levels = set_at(s, i)
            ticket = book.tickets[int(levels[st.SET_TICKET])]
            for k in range(a.STOPS):
                price = stop_at_close(rules, s, levels, ticket, k, bar, begin, close)
                before = levels[st.STOP_PRICE + k]
                if price == price and not side * price <= side * before:
                    write_move(rules, bar, levels[st.OF_UNIT], k, price)
            measure = plan[EVEN_MEASURE]
            if measure == a.NO_LEVEL or levels[st.BROKE_EVEN] != 0:
                continue
            if measure >= AFTER_TARGET:
                gained = int(levels[st.REACHED]) >> (measure - AFTER_TARGET) & 1 == 1
            else:
                number = number_at(
                    rules, s, measure, numbers[EVEN_NUMBER], plan[EVEN_PROGRAM], int(ticket[a.SIGNAL]), begin
                )
                gained = has_gained(levels, side, measure, number)
            if gained:
                offset = numbers[EVEN_OFFSET] * rules.strategy[UNIT_OF_PRICE]
                write_move(rules, bar, levels[st.OF_UNIT], a.BREAK_EVEN, levels[st.BASE] + side * offset)
    move_levels(book, bar, rules.log, first, rules.counts[0] - first)


@inner
def write_move(rules, bar, unit, stop, price):  # type: ignore[no-untyped-def]
    row = rules.log[rules.counts[0]]
    rules.counts[0] += 1
    row[a.BAR], row[a.DO], row[a.WHICH], row[a.STOP_NUMBER], row[a.AMOUNT], row[a.REASON] = (
        bar,
        a.MOVE,
        unit,
        stop,
        price,
        -1,
    )


@inner
def stop_at_close(rules, s, levels, ticket, k, bar, begin, close):  # type: ignore[no-untyped-def]
    """Return where the k-th stop of a set would be by this close, NaN where it does not move (yet)."""
    rule, side, unit = int(s[st.POSITION_RULE]), s[st.SIDE], rules.strategy[UNIT_OF_PRICE]
    said = STOP_PLAN + k * STOP_PLAN_WIDTH
    plan = rules.plans[rule]
    follows, later = plan[said + FOLLOWS], plan[said + LATER_MEASURE]
    at = a.FIRST_STOP + k * a.STOP_WIDTH
    if ticket[at + a.KIND] == a.NO_STOP or (follows == STANDS and later == a.NO_LEVEL):
        return np.nan
    signal = int(ticket[a.SIGNAL])
    if later != a.NO_LEVEL:
        gain = number_at(rules, s, later, rules.numbers[rule, LATER + k], plan[said + LATER_PROGRAM], signal, begin)
        if not has_gained(levels, side, later, gain):
            return np.nan
        if follows == STANDS and levels[st.STOP_PRICE + k] == levels[st.STOP_PRICE + k]:
            return np.nan
    measure, program = int(ticket[at + a.MEASURE]), plan[said + STOP_PROGRAM]
    if follows == READS_PRICE:
        price = value(rules, s, program, bar, begin, False) * unit
        return price if price > 0 else np.nan
    number = ticket[at + a.NUMBER]
    if later != a.NO_LEVEL or follows == KEEPS_FROM_EXTREME:
        said_number = rules.tickets[rule, at + a.NUMBER]
        number = number_at(
            rules, s, measure, said_number, program, bar if follows == KEEPS_FROM_EXTREME else signal, begin
        )
    base = (
        close
        if follows == KEEPS_FROM_CLOSE
        else levels[st.EXTREME]
        if follows == KEEPS_FROM_EXTREME
        else levels[st.BASE]
    )
    return level(base, -side, measure, number, levels[st.SET_SIZE], np.nan)


@inner
def exits_and_adds(rules, book, bar, begin, close, firing, part, ticket):  # type: ignore[no-untyped-def]
    """Step 12 on the position that is left: place exits for the next open and, where nothing leaves, adds. Return whether all of it leaves."""
    s = book.state
    if s[st.UNITS] == 0:
        return False
    if held_long_enough(rules, s, bar):
        emit(rules, book, bar, close, a.CLOSE, 0, np.inf, a.OF_MAX_BARS, ticket)
        return True
    for j in range(len(rules.exits)):
        if firing >> j & 1 and rules.portions[j] >= 1:
            emit(rules, book, bar, close, a.CLOSE, 0, np.inf, j, ticket)
            return True
    for j in range(len(rules.exits)):
        if firing >> j & 1 and not rules.exits[j, EXIT_NOW]:
            size = part_of(rules, s, j)
            if size > 0:
                part = True
                s[st.ACTED] = int(s[st.ACTED]) | 1 << j
                emit(rules, book, bar, close, a.CLOSE, 0, size, j, ticket)
    if part:
        return False
    rule = int(s[st.POSITION_RULE])
    for k in range(a.ADDS):
        program = rules.plans[rule, ADD_PLAN + k * ADD_PLAN_WIDTH + ADD_WHEN]
        if program < 0 or not has_room(s, book.tickets[int(s[st.POSITION_TICKET])], k):
            continue
        if value(rules, s, program, bar, begin, False) != 1.0:
            continue
        if not fill_ticket(rules, book, rule, bar, begin, ticket):
            emit(rules, book, bar, close, a.REFUSE, rule, 0.0, k, ticket)
            continue
        at, kind = a.FIRST_ADD + k * a.ADD_WIDTH, a.AT_CLOSE if rules.strategy[CLOSES_NOW] != 0 else a.MARKET
        size = size_to_place(book, s, ticket, int(ticket[at + a.SIZING]), ticket[at + a.SIZE_NUMBER], close)
        if not 0 < size < np.inf:
            emit(rules, book, bar, close, a.REFUSE, rule, 0.0, k, ticket)
            continue
        ticket[a.TYPE], ticket[a.SIZE], ticket[a.ADD_OF], ticket[a.LAST_BAR] = kind, size, k, np.inf
        ticket[a.PRICE] = ticket[a.LIMIT] = np.nan
        emit(rules, book, bar, close, a.PLACE, rule, size, -1, ticket)
    return False


@inner
def entries(rules, book, bar, begin, close, firing, leaving, barred, ticket):  # type: ignore[no-untyped-def]
    """Step 12 for entries in order: where flat, or where all of the position leaves and a rule of the other side turns it round."""
    s, cooldown = book.state, rules.strategy[COOLDOWN]
    if s[st.UNITS] > 0 and (not leaving or cooldown > 0):
        return
    if cooldown > 0 and s[st.LAST_EXIT] >= 0 and bar - s[st.LAST_EXIT] < cooldown:
        return
    side, open_position, market_taken = s[st.SIDE], s[st.UNITS] > 0, False
    for r in range(len(rules.plans)):
        plan = rules.plans[r]
        kind = int(rules.tickets[r, a.TYPE])
        market = kind == a.MARKET or kind == a.AT_CLOSE
        if (market and market_taken) or (open_position and rules.tickets[r, a.SIDE] == side):
            continue
        if rules.tickets[r, a.SIDE] == barred or value(rules, s, plan[WHEN], bar, begin, True) != 1.0:
            continue
        if leaves_at_once(rules, s, r, bar, begin, firing) or not may_fill(rules, s, r, bar, kind):
            continue
        market_taken = market_taken or market
        send(rules, book, r, bar, begin, close, kind, ticket)
        if kind == a.AT_CLOSE:
            break


@inner
def leaves_at_once(rules, s, r, bar, begin, firing):  # type: ignore[no-untyped-def]
    """Whether an exit of an entry's positions fires where it does, so that it is not taken; or has fired at this close on the position there was."""
    leaves = False
    for j in range(len(rules.exits)):
        its = rules.exits[j, EXIT_OF] >> r & 1 == 1
        leaves = leaves or (its and (firing >> j & 1 == 1 or fires(rules, s, j, bar, begin)))
    return leaves


@inner
def may_fill(rules, s, r, bar, kind):  # type: ignore[no-untyped-def]
    """Whether a rule may be filled once more in the session of the first bar on which its order works."""
    most = rules.numbers[r, MOST_FILLS]
    if most <= 0:
        return True
    tomorrow = kind != a.AT_CLOSE and rules.session[bar + 1] != rules.session[bar]
    return tomorrow or s[st.FILLS + r] < most


@inner
def send(rules, book, r, bar, begin, close, kind, ticket):  # type: ignore[no-untyped-def]
    """Send the order of an entry that fires. Without its price it is not sent, and without a distance or a size it is refused."""
    s, plan, unit = book.state, rules.plans[r], rules.strategy[UNIT_OF_PRICE]
    price, limit = close, np.nan
    if plan[PRICE_PROGRAM] >= 0:
        price = value(rules, s, plan[PRICE_PROGRAM], bar, begin, True) * unit
        if not 0 < price < np.inf:
            return
    if plan[LIMIT_PROGRAM] >= 0:
        limit = value(rules, s, plan[LIMIT_PROGRAM], bar, begin, True) * unit
        if limit != limit:
            return
    if not fill_ticket(rules, book, r, bar, begin, ticket):
        emit(rules, book, bar, close, a.REFUSE, r, 0.0, -1, ticket)
        return
    sizing, number = sized(rules, book, int(plan[SIZED]), rules.numbers[r, SIZE_NUMBER], plan[DEVIATION], bar, begin)
    size = size_to_place(book, s, ticket, sizing, number, price)
    if not 0 < size < np.inf:
        emit(rules, book, bar, close, a.REFUSE, r, 0.0, -1, ticket)
        return
    ticket[a.SIZE], ticket[a.LAST_BAR], ticket[a.PRICE], ticket[a.LIMIT] = size, np.inf, np.nan, np.nan
    if kind != a.MARKET and kind != a.AT_CLOSE:
        ticket[a.PRICE], ticket[a.LIMIT] = price, limit
        if plan[LIFE] == SOME_BARS:
            ticket[a.LAST_BAR] = bar + rules.numbers[r, ORDER_BARS]
        elif plan[LIFE] == THE_SESSION:
            ticket[a.LAST_BAR] = bar + 1 + rules.left[bar + 1]
    emit(rules, book, bar, close, a.PLACE, r, size, -1, ticket)


@inner
def see_bar(book, bar, high, low, close):  # type: ignore[no-untyped-def]
    """Take a bar into the extremes since the fills."""
    s = book.state
    if s[st.UNITS] > 0:
        only_close = s[st.LATE] != 0 and s[st.SINCE] == bar
        s[st.HIGHEST], s[st.LOWEST] = (
            max(s[st.HIGHEST], close if only_close else high),
            min(s[st.LOWEST], close if only_close else low),
        )
        see_extremes(book, bar, high, low, close)
