"""Words for how long a position is held, and how long is waited after it."""

from __future__ import annotations

from itertools import product

from Strategy.words.table import Table, table


def _time_limits() -> Table:
    """Return the names of the longest time a position is held: "time stop", "maximum holding period"."""
    most = [f"{how} {what}" for how, what in product(
        ("max", "maximum", "maximal"),
        ("holding period", "holding", "holding time", "hold", "hold time", "hold period", "duration", "trade duration", "trade length", "time in trade", "time in the trade", "time in a trade",
         "time in market", "time in the market", "time in position"),
    )]  # fmt: skip
    named = "holding period, holding time, hold period, time stop, time exit, time limit, time based exit, time based stop, trade duration, holding max, holding maximum"
    return table(most) | table(named)


HOLD = (
    table("""keep the position for, stay long for, stay short for, stay in for, stay in the trade for, remain in the trade for,
        keep the trade for, hold for, hold, hold it for, hold for at most, hold for no more than, hold at most, time stop of, hold up to,
        keep for, hold the position for, hold no longer than, hold for a maximum of, hold for up to, keep it for, hold max, max bars,
        hold each trade for, hold positions for, hold position for, holding for, hold maximum, hold a maximum of, hold no more than,
        hold not more than, never hold longer than, never hold for longer than, never hold more than, don't hold longer than,
        do not hold longer than, don't hold more than, no trade lasts more than, no trade lasts longer than, no position lasts more than,
        no position lasts longer than, no position is held longer than, no trade is held longer than, no position is held for more than,
        trades last at most, trades last no more than, trades last no longer than, a trade lasts at most, positions are held at most,
        positions are held for at most, positions are held no longer than, held at most, held for at most, held no longer than,
        held for no longer than, held no more than, held for no more than, held up to, max bars held, max bars in trade,
        max bars in the trade, maximum bars held, maximum bars in trade, maximum bars in the trade, maximum bars, bars to hold""")
    | _time_limits()
)
TIME_LIMIT = _time_limits()
COOLDOWN = table("""cooldown, cool down, cooldown of, cooldown period, cooling off, wait, pause, cool off, wait at least, cooling period,
    re entry delay, no re entry for, no new entries for, no new trade for, no new trades for, no trade for, no trades for,
    cooldown period of, cool down of, cool down period, cool down period of, cooling off period, cooling off period of, cooldown time,
    re entry delay of, no reentry for, do not re enter for, don't re enter for, no re entries for, no new entry for, no entry for,
    no new position for, no new positions for""")
AFTER_EXIT = table("""after an exit before the next entry, after exit, after each exit, after every exit, after closing, between trades,
    before re entering, before entering again, before the next trade, before the next entry, after an exit, before reentering,
    after each trade, before trading again, before a new entry, after a trade, after exiting, before buying again, after every trade,
    before new trades, before another entry, after selling, between entries, before another trade, after the exit, after any exit,
    after closing a trade, after closing a position, before i re enter, before re entry, before reentry, before opening a new position,
    before opening another trade, before taking another trade, before taking a new trade, before the next buy""")
# A pause that follows some exits only.
AFTER_SOME_EXITS = table("""after a loss, after each loss, after every loss, after losses, after a losing trade, after each losing trade,
    after every losing trade, after losing trades, after a loser, after a stop, after each stop, after every stop, after a stop out,
    after each stop out, after a stop loss, after each stop loss, after every stop loss, after being stopped out, after getting stopped out,
    after a stop loss is hit, after a stop is hit, after the stop is hit, following a loss, following a losing trade, following a stop,
    after a win, after each win, after a winning trade, after a winner, after a profitable trade, after a target is hit, after a profit""")
HELD = table("""bars held, bars in trade, bars in the trade, holding period, bars since entry, position age, days held, days in trade,
    days in the trade""")
UNREALIZED = table("""unrealized return, unrealised return, open profit, open return, unrealized profit, unrealised profit, trade return,
    profit on the trade, the trade's return""")
UNREALIZED_LOSS = table("unrealized loss, unrealised loss, open loss, loss on the trade, the trade's loss")
BARS_HELD = table("bars held")
OLDER_THAN = table("position is older than, trade is older than")  # "position is older than 10 days"
HELD_FOR = table("in a position for, in the trade for, held for")  # "in the trade for 10 bars"
IN_TRADE_TAIL = table("in the trade, in trade, have passed, pass")  # "after 10 bars in the trade"
POSITION_LEAD = table("position, trade, at the latest")  # "exit trade after 10 bars"
AFTER = table("after, at the end of, in, within")  # "sell after 10 bars"
AFTER_AT_MOST = table("at most, a maximum of, maximum of, no more than, max, maximum")  # "after at most 10 bars"
AFTER_TAIL = table("""at most, at the latest, in the trade, regardless, no matter what, have passed, in any case, max, maximum,
    whichever comes first, if nothing else happens, otherwise, if neither is hit, if neither happens""")
# "holding period of 10 days"
HOLD_OF = table(
    """position, positions, trades, the trade, for, of, after, at most, a maximum of, no more than, up to, is, for at most"""
)
HOLD_AT_MOST = table("at most, a maximum of, no more than, up to, max, maximum")  # "hold for at most 10 days"
MAXIMUM = table("max, maximum")
# "hold 10 days, then sell"
HOLD_TAIL = table("at most, max, maximum, then sell, then exit, and then sell, and then exit")
# "max 20 bars" is a limit where it is a clause of its own
MOST = table("max, maximum, a max of, a maximum of, max of, maximum of")
AT_MOST = table("""max, maximum, a max of, a maximum of, max of, maximum of, at most, no more than, not more than, no longer than,
    not longer than, up to""")
HELD_TAIL = table("""in the trade, in a trade, in trade, in the position, in a position, in position, in the market, per trade,
    per position, holding, holding period, holding time, hold, of holding, of holding time, held""")
# Pauses that are counted from an entry
FROM_ENTRIES = table("""between entries, between each entry, between two entries, between buys, between signals, between purchases,
    between new entries, after each entry, after every entry, after an entry, after the entry, after entry, after entering, after buying,
    after each buy, after a buy, after the last entry, after the previous entry, since the last entry, from entry to entry""")
# Words in front of "max 20 bars" where that is a limit of its own.
LIMIT_STARTS = table("and, with, plus, or")
PAUSE_OF = table("of, for, at least, is")  # "cooldown of 5 bars"
