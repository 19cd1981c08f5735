"""Many parameter sets of a strategy that is not plain, in one compiled call."""

from __future__ import annotations

import numpy as np
from numba import njit

from Backtest.kernel import state as st
from Backtest.kernel.broker import BAD_SIZE, CASH, FEE, FIXED_FEE, MARGIN, SPREAD
from Backtest.kernel.closing import Rules
from Backtest.kernel.figures import FOLLOWED, follow, measure
from Backtest.kernel.masks import BLOCK, mask_of, run_program
from Backtest.kernel.playing import play
from Backtest.kernel.state import clear, copy_row, inner


@inner
def by_entry(trades, count, into):  # type: ignore[no-untyped-def]
    """Copy trades in the order of their entries and, of one entry, of their exits. They come in the order of their exits, nearly in this one."""
    for k in range(count):
        at = k
        while at > 0 and (
            into[at - 1, 1] > trades[k, 1] or (into[at - 1, 1] == trades[k, 1] and into[at - 1, 2] > trades[k, 2])
        ):
            copy_row(into[at - 1], into[at])
            at -= 1
        copy_row(trades[k], into[at])


@njit(cache=True, nogil=True, error_model="numpy")
def run_order_sets(  # type: ignore[no-untyped-def]
    book, rules, prices, code, may, ints, floats, starts, numbers, tickets, rule_numbers, portions, strategy, code_masks, quoted, stamps,
    last, market, periods, year, terms, outcome, table, returns,
):  # fmt: skip
    """Run every parameter set over the prices, one after the other.

    Args:
        book: the account, which is set up for each set, and `rules` of whose numbers each set has its own.
        prices: float64 of shape (4, bars): open, high, low, close in the units that are traded.
        code: the program of the masks; may: three rows of masks, padded with the number of none, of entries, exits and adds.
        ints, floats, starts, numbers, tickets, rule_numbers, portions, strategy: one row a set.
        outcome: is filled, int64 of shape (sets, 3): how it ended, trades, orders without money.
        quoted, stamps, last, market, periods, year: those of a Calendar; terms: one row a set, float64 of shape (sets, TERMS).
        table, returns: are filled as by `run_sets`.
    """
    bars, plans = prices.shape[1], len(rules.plans)
    masks, alert = np.empty((code_masks, min(bars, BLOCK)), np.uint8), np.empty(min(bars, BLOCK), np.uint8)
    since = np.empty(len(code), np.int64)
    followed, moves, ticket = np.empty(FOLLOWED), np.empty(len(last) + 1), np.empty(tickets.shape[1] // plans)
    nothing, order = np.empty((0, st.TRADE_WIDTH)), np.empty_like(book.trades)
    for j in range(len(ints)):
        start = min(starts[j], bars - 1)
        for term, number in (
            (st.T_CASH, CASH),
            (st.T_SPREAD, SPREAD),
            (st.T_FIXED, FIXED_FEE),
            (st.T_FEE, FEE),
            (st.T_MARGIN, MARGIN),
        ):
            book.terms[term] = numbers[j, number]
        clear(book)
        rules.counts[:2] = 0
        own = Rules(
            rules.programs, rules.places, rules.plans, tickets[j].reshape((plans, -1)), rule_numbers[j].reshape((plans, -1)),
            rules.exits, portions[j], strategy[j], ints[j], floats[j], rules.series, rules.work, masks, rules.shared,
            rules.session, rules.left, rules.log, rules.sent, rules.counts,
        )  # fmt: skip
        book.equity[:start] = numbers[j, CASH]
        ended = 0
        for begin in range(0, bars, BLOCK):
            end = min(begin + BLOCK, bars)
            run_program(code, ints[j], floats[j], rules.series, rules.work, masks, rules.shared, since, begin, end)
            alert[:] = 0
            for bit in range(3):
                for k in range(may.shape[1]):
                    if may[bit, k] == code_masks:
                        break
                    mask = mask_of(masks, rules.shared, begin, end, may[bit, k])
                    for i in range(end - begin):
                        alert[i] |= mask[i] << bit
            if ended == 0 and end > start:
                ended = play(own, book, prices, begin, max(begin, start), end, alert, ticket)
        count = book.counts[st.TRADES]
        outcome[j, 0], outcome[j, 1], outcome[j, 2] = ended, count, book.counts[st.LOST]
        if count > len(book.trades) or book.counts[st.EVENTS] >= len(book.events) > 1:
            outcome[j, 0] = ended = st.NO_ROOM
        if ended >= BAD_SIZE:
            table[j] = np.nan
            returns[j] = np.nan
            continue
        # The curve begins with the cash: an order that is filled at this very close does not count yet.
        book.equity[start] = numbers[j, CASH]
        followed[:] = np.nan
        # Trades may overlap, so no bar is skipped: `follow` is told of one trade that lasts over all bars.
        follow(book.equity, start, bars, stamps, nothing, 0, start, 0, followed)
        by_entry(book.trades, count, order)
        measure(
            book.equity, start, prices[0], prices[3], quoted, stamps, last, market, periods, year,
            order, count, terms[j], followed, moves, table[j],
        )  # fmt: skip
        for d in range(returns.shape[1]):
            before = book.equity[last[d]]
            returns[j, d] = book.equity[last[d + 1]] / before - 1 if before > 0 else 0.0
