"""What is decided at a close, in numbers: the columns of actions and of tickets, which the rules write and the book follows.

An action is a row of float64; an order to enter, or to add a unit by a condition, brings a ticket, a longer row that says all the book needs until the
position is closed. The k-th action PLACE brings the k-th ticket. Prices, points and sizes are in the units that are traded (rule 14 of
docs/canonical.md: prices times `fractional_unit`, sizes whole numbers of it). What is not there is NaN unless a column says otherwise.

The actions of one close come in three steps, each step's in this order:

1. CLOSE_NOW: the exits that are filled at this close.
2. MOVE: the stops that are moved for the next bar, by units from the oldest on, of a unit by the number of the stop. Then the book tells which levels begin to
   work at the next open, cancels the orders whose last bar this is, and counts the equity. On the last bar nothing follows step 1, and what is open is closed.
3. CLOSE, PLACE, CANCEL, REFUSE: exits for the next open, adds, entries, in the order in which they are decided.
"""

from __future__ import annotations

import sys

# An action: the bar, what is done, and to what.
#   CLOSE_NOW  WHICH the unit's name (1 for u1), 0 for the position; AMOUNT units, infinite for all; REASON
#   MOVE       WHICH the unit's name, 0 for the one set of all units; STOP_NUMBER the stop, as in its ticket, BREAK_EVEN for that of the
#              break-even; AMOUNT its new price
#   CLOSE      as CLOSE_NOW, filled at the next open
#   PLACE      the next ticket; it takes the place of the order of its rule that waits
#   CANCEL     WHICH the number of the entry rule whose order is cancelled
#   REFUSE     WHICH the number of the entry rule, STOP_NUMBER -1 for its entry, else the number of its add: no distance to a stop, nothing is placed
(BAR, DO, WHICH, STOP_NUMBER, AMOUNT, REASON) = range(6)
ACTION = 6
CLOSE_NOW, MOVE, CLOSE, PLACE, CANCEL, REFUSE = range(6)

# REASON of CLOSE_NOW and CLOSE: the number of the exit rule, from 0, or
OF_MAX_BARS, OF_SESSION_END = -1, -2

# A ticket. Sizes are units from 1 on, and below 1 a share of the equity at the fill; 1 - 2.2e-16, as backtesting.py has it, is all of it.
#   RULE       the number of the entry rule, from 0
#   SIDE       1 long, -1 short
#   TYPE       MARKET, LIMIT, STOP, STOP_LIMIT (that waits for PRICE), AT_CLOSE: filled at this very close
#   LAST_BAR   the last bar on which it works; infinite where nothing ends it
#   GROUP      a number from 1 on, 0 for none
#   SIGNAL     the bar at whose close it was decided
#   ADD_OF     -1 for an entry, else the number of the rule's add by whose condition it is placed
#   UNIT_LEVELS  PER_UNIT, FROM_LAST, FROM_AVERAGE
(RULE, SIDE, TYPE, PRICE, LIMIT, LAST_BAR, GROUP, SIZE, SIGNAL, ADD_OF, UNIT_LEVELS, MOST_UNITS) = range(12)
ALL_EQUITY = 1 - sys.float_info.epsilon
MARKET, LIMIT_ORDER, STOP_ORDER, STOP_LIMIT, AT_CLOSE = range(5)
PER_UNIT, FROM_LAST, FROM_AVERAGE = range(3)

# What the number of a level is: a part of the price it is measured from (0.05 for 5%), points, money over the size of the fill, times the
# risk, a price. NO_LEVEL where there is none.
NO_LEVEL, PART, POINTS, MONEY, RISK, AT_PRICE = -1, 0, 1, 2, 3, 4

# STOPS times: KIND; MEASURE; NUMBER, NaN for one that only a MOVE begins; AFTER, the bars after the fill at whose open it begins to work.
# In the order: stop_loss, `stops`, trailing_stop. The break-even's stop has no columns and always the number BREAK_EVEN.
STOPS, STOP_WIDTH, FIRST_STOP = 8, 4, 12
(KIND, MEASURE, NUMBER, AFTER) = range(4)
NO_STOP, FIXED, FOLLOWED, TRAILING = range(4)
BREAK_EVEN = STOPS

# TARGETS times: measure; number; portion of the unit's first size, NaN for all that is left.
TARGETS, TARGET_WIDTH, FIRST_TARGET = 8, 3, FIRST_STOP + STOPS * STOP_WIDTH
(TARGET_MEASURE, TARGET_NUMBER, PORTION) = range(3)

# TABLE times: bars after the fill at whose open it begins; measure; number.
TABLE, TABLE_WIDTH, FIRST_ROW = 16, 3, FIRST_TARGET + TARGETS * TARGET_WIDTH
(ROW_AFTER, ROW_MEASURE, ROW_NUMBER) = range(3)

# ADDS times: measure, NO_LEVEL for one by a condition or none; number; DIRECTION, 1 with the trade, -1 against it; SIZING and SIZE_NUMBER; MOST.
#   SIZING: OF_UNITS units; OF_SHARE a share of the equity at the fill (below 1); OF_CASH money over the price of the order; OF_RISK the
#   part of the equity at the last close (0.01 for 1%) that is lost at the stop; OF_FACTOR times the size of the unit before.
#   MOST: this add buys where the entry's and its own open units are at most so many; 0 where there is no such add. MOST_UNITS, above, is
#   the most units that may be open at once.
ADDS, ADD_WIDTH, FIRST_ADD = 4, 6, FIRST_ROW + TABLE * TABLE_WIDTH
(ADD_MEASURE, ADD_NUMBER, DIRECTION, SIZING, SIZE_NUMBER, MOST) = range(6)
OF_UNITS, OF_SHARE, OF_CASH, OF_RISK, OF_FACTOR = range(5)

TICKET = FIRST_ADD + ADDS * ADD_WIDTH
