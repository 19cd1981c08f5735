"""Words for orders: to enter, to leave, to reverse, and which of them are allowed."""

from __future__ import annotations

from itertools import product

from Backtest.canonical import Side
from Strategy.words.table import Table, meanings, table


def _leaving(side: str, *verbs: str) -> Table:
    """Return the phrases that leave the positions of one side: "get out of my longs", "longs are closed"."""
    nouns = (f"{side}s", f"{side} positions", f"{side} trades", side, f"{side} position", f"{side} trade")
    objects = [f"{lead}{noun}" for lead, noun in product(("", "the ", "my ", "all ", "any ", "open ", "a "), nouns)]
    phrases = [f"{verb} {what}" for verb, what in product(verbs, objects)]
    phrases += [
        f"{noun} {done}"
        for noun, done in product(nouns, ("exit", "exits", "close", "closes", "are closed", "is closed", "are exited"))
    ]
    return table(phrases)


_LEAVE = tuple(
    table("""exit, exits, exiting, exit from, exit out of, close, closes, closing, close out, close out of, leave, leaves,
    leaving, get out of, getting out of, liquidate, flatten, unwind, bail out of""")
)


def _both_sides() -> Table:
    """Return the phrases for the positions of both sides: "longs and shorts", "both long and short trades"."""
    nouns = ("positions", "trades", "sides")
    pairs = [("longs", "shorts"), *((f"long {noun}", f"short {noun}") for noun in nouns)]
    pairs += [("long", f"short {noun}") for noun in nouns]
    turned = [(second, first) for first, second in pairs[:4]] + [("short", f"long {noun}") for noun in nouns]
    phrases = [
        f"{first} {join} {second}"
        for first, second in (*pairs, *turned)
        for join in ("and", "as well as", "and the", "and my")
    ]
    return table([*phrases, *(f"both {phrase}" for phrase in phrases), "both sides", "both directions"])


ENTER_LONG = table("""buy to open, buy, buys, buying, go long, going long, goes long, enter long, enter long position,
    enter a long position, enter a long, open a long position, open a long, open long, buy signal, take a long position, take a long,
    get long, purchase, enter, get in, open a position, enter a trade, enter the trade, be long, stay long, hold long, enter the market,
    enter position, enter a position, long entry, entry long, buy long, initiate a long, initiate a long position, buy entry, open a trade,
    take long, buy it, buy in, add a long position, initiate long, enter trade, open position, bought, enter longs, take longs, long signal,
    hold a long position, buy the stock, look to buy, scoop up, load up on, grab, snap up, pick up, acquire""")
ENTER_SHORT = table("""sell to open, sell short, short sell, go short, going short, goes short, enter short, enter short position,
    enter a short position, enter a short, open a short position, open a short, open short, take a short position, take a short, get short,
    short entry, entry short, be short, stay short, short it, short the stock, shorting, initiate a short, initiate a short position,
    take short, shorts, initiate short, enter shorts, short selling, hold short, short signal""")
LONG = table("long, longs")
SHORT = table("short, shorts")
EXIT_LONG = _leaving("long", *_LEAVE, "sell") | table(
    """exit long, exit longs, close long, close longs, close the long position, close the long, exit the long,
    exit the long position, sell long, long exit, exit long position, close long position, sell the long,
    exit long positions, close long positions, sell to close, close the long trade, exit a long, exit long trades,
    exits long"""
)
EXIT_SHORT = _leaving("short", *_LEAVE, "cover", "buy back") | table(
    """cover, covers, covering, cover short, cover shorts, cover the short, cover the short position, buy to cover,
    exit short, exit shorts, close short, close shorts, close the short position, close the short, exit the short,
    exit the short position, buy back, short exit, exit short position, close short position, exit short positions,
    close short positions, buy it back, close the short trade, cover it, cover short position, buy to close,
    cover the trade, cover the position, exits short"""
)
EXIT = (
    table((f"{verb} {what}" for verb, what in product(_LEAVE, _both_sides())))
    | table((f"{what} {done}" for what, done in product(_both_sides(), ("exit", "close", "are closed", "are exited"))))
) | table(
    """exit, exits, exiting, square off, square off all positions, square off positions, square off everything,
    close all trades, close all open positions, close all open trades, close any open trade, close any open trades,
    close any open positions, close every position, close every trade, exit all trades, all positions are closed,
    all positions closed, everything is closed, all trades are closed, trades are closed, positions are closed,
    close all of it, close out all positions, close out everything, liquidate everything, liquidate all positions,
    flatten everything, flatten all positions, sell everything and go flat, close out, close the position,
    close position, exit the position, exit the trade, exit trade, exit position, get out, liquidate, flatten,
    close the trade, close trade, go flat, go to cash, close all positions, close all, get flat, close it,
    close everything, close out the position, close any position, close any open position, close open positions,
    exit all, close positions, exit all positions, leave the trade, exit signal, close the deal, exit positions,
    move to cash, get out of the trade, exit the market, exit everything, unwind, be flat, close my position,
    exit my position, be out, bail out, bail, closing the position, cash out, unload, offload, let go, let it go,
    leave, leave the position, dump it, exit it, exit both, close both, get rid of it, get rid of"""
)
CLOSE_VERB = table("close")
SELL = table("""sell, sells, selling, sell it, sell all, sell everything, sell the position, sell signal, sell the stock, sell out,
    sell position, sell my position, sold, look to sell, sell when done""")
ONE_SIDE = meanings(
    {
        "long": """long only, only long, only longs, only go long, no shorting, no shorts, no short selling, no short positions, never short,
        long trades only, longs only, do not short, don't short, only long trades, only long positions, long side only, long positions only,
        only trade long, only trade longs, trade only long, trade only longs, only trade the long side, only take longs,
        only take long trades, only want to go long, only want to trade long, direction : long, direction : long only, side : long,
        side : long only""",
        "short": """short only, only short, only shorts, only go short, no longs, no long positions, never long, short trades only, shorts only,
        only short trades, only short positions, short side only, short positions only, only trade short, only trade shorts,
        trade only short, trade only shorts, only trade the short side, only take shorts, only take short trades, only want to short,
        only want to trade short, direction : short, direction : short only, side : short, side : short only""",
    }
)
ONE_POSITION = table("""position at a time, trade at a time, open position, open trade, position, open position at a time,
    open trade at a time""")
REVERSE = table("""always reversing, always reverse, stop and reverse, reverse on the opposite signal,
    reverse the position on the opposite signal, reverse on opposite signal, reverse positions on the opposite signal,
    reverse position on opposite signal, reversing, reverse, reverse the position, reverse positions, flip positions, flip the position,
    always in the market, flip, reverse on each signal, reverse on every signal, reversing each time, reversing every time""")
OPPOSITE = table("""price crosses back, the price crosses back, opposite cross, opposite signal, opposite crossover, opposite,
    the opposite happens, reverse cross, reverse signal, reverse crossover, opposite condition, opposite direction, opposite occurs,
    it crosses back, they cross back, crosses back, cross back, crosses back down, the reverse happens, vice versa, opposite is true,
    the cross reverses, crosses the other way, they cross the other way, it crosses back down, it crosses back below, it crosses back above,
    crosses back the other way""")
FLAT = table("""flat, in cash, cash, stay flat, be flat, stay in cash, out, stay out, hold cash, be in cash, remain flat, out of the market,
    stay out of the market, remain in cash, no position, sit in cash, stand aside, go to cash, on the sidelines, go flat""")
BOTH_SIDES = _both_sides()
ONLY_TRADE = table("""only trade, trade only, only trading, trading only, only take trades, only enter, only buy, enter only, trades only,
    only take entries, only open trades, restrict trading to, restrict entries to, limit trading to, take trades only, only take signals,
    trade, trading hours, entries only, buy only, only""")
NO_TRADE = table("""don't trade, do not trade, no trading, no trades, never trade, avoid trading, avoid, no entries, no new trades, skip,
    not, don't enter, do not enter, don't buy, no new entries, do not buy, no trade, don't take trades, never buy, nothing, do nothing,
    don't do anything, do not do anything, no longs, no long positions, no long trades, no long entries, no new longs, no shorts,
    no short positions, no short trades, no short entries, no new shorts, don't go long, do not go long, don't go short, do not go short""")
# What is done, and to which side; where two fit, the longer phrase decides, and else the first of these.
ACTIONS: dict[Table, tuple[str, Side | None]] = {
    EXIT_SHORT: ("exit", "short"), EXIT_LONG: ("exit", "long"), ENTER_SHORT: ("enter", "short"), ENTER_LONG: ("enter", "long"),
    EXIT: ("exit", None), SELL: ("sell", None),
}  # fmt: skip
OPENING: dict[Side, tuple[Table, Table]] = {"long": (LONG, ENTER_LONG), "short": (SHORT, ENTER_SHORT)}
LONG_OF_TIME = table("long as, long term, long time")  # no positions
LIMITED_VERBS = table("trade, take, enter, buy")  # behind "not" and "only" they say that entries are limited
BEHIND_ONE_SIDE = table("strategy, system, approach, and, please")  # "a long only strategy"
BEHIND_LEVEL = table("on, only, each, every, in")  # "risk 1% only on Mondays"
SAID_OF_LONGS = LONG | table("buy")
HOLD, BE = table("hold"), table("be")
# Of these it is not said whether positions are left then.
NOTHING = table("nothing, do nothing, don't do anything, do not do anything")
# Said of a state; these may as well be said of entries only.
ASIDE = table("stay out, stay out of the market, stand aside, on the sidelines")
STAYING = table("""stay flat, be flat, stay in cash, be in cash, in cash, cash, hold cash, remain flat, remain in cash, sit in cash,
    no position, out of the market""")
INVESTED = table("invested, fully invested, in the market, in")  # "stay invested while A"
# "stay in the trade while A"
THE_TRADE = table("""in the trade, in the position, in a trade, in it, it, the trade, the position, the shares, the stock, position, them,
    that""")
BUYING = table("buy, buys, buying, bought, purchase")  # that open a long position, or close a short one
# Who acts, in front of an action.
DOERS = table("it, the system, the strategy, the bot, we, i, i want to, we want to")
NO_NEW_TRADES = table("""no trades, no trade, no trading, no entries, never trade, don't trade, do not trade, no longs, no shorts,
    no new longs, no new shorts, no long, no short""")
# What a bare time limits.
LIMITED_TRADES = table("entries, trades, positions, new trades, long, entries on")
# Between an order and its condition.
OBJECTS = table("""the position, position, all, everything, my position, the shares, signal, it, the trade, trade, shares, stock, here,
    back, immediately, the stock, the etf, etf, some, only, all shares, entire position, the entire position""")
HELD_OBJECT = table("position, the stock, the position, it")  # "hold the stock while A"
TO_HOLD = table("be, stay, hold, remain, hold a, own, keep")  # "stay long while A"
OWNING = table("hold, own, keep")
BEING = table("be, stay, remain")
STATE = table("be, stay, hold")
TO_KEEP = table("hold, stay, remain, keep, be")  # "hold it while A" behind an entry
UNTIL = table("until, till")
LASTING = table("while, as long as, whilst, so long as")  # "hold it while A"
LASTING_ONLY = table("only while, only as long as")
WHEN_HELD = table("when, if, whenever, only when")  # "stay long when A"


def _positions(side: str) -> Table:
    nouns = [f"{side}s", *(f"{side} {n}" for n in ("positions", "trades", "position", "trade", "ones", "side"))]
    return table(f"{lead}{noun}" for lead in ("", "out of ", "the ", "my ", "all ", "any ") for noun in nouns)


_SIDES = ("long", "short")
POSITIONS_TOO = {side: _positions(side) for side in _SIDES}  # behind the exit of the other side: "and shorts"
BARE_SIDE, THE_SIDE = {side: table(side) for side in _SIDES}, {side: table(f"the {side}") for side in _SIDES}
OF_SIDE = {
    side: table([f"{side}s", *(f"{side} {n}" for n in ("positions", "trades", "side", "entries"))]) for side in _SIDES
}
ONE_OF_SIDES = meanings({"long": "long", "short": "short"})
PLURALS = meanings({"long": "longs", "short": "shorts"})
GO_SHORT = table("short, go short, be short, sell short")
ONE_AT_MOST = table("only, at most, no more than, max, maximum, maximum of")  # "max one position at a time"
NO_PYRAMIDING = table("no pyramiding")
OPPOSITE_LEAD = table("on, when, on the, if")  # "short on the opposite"
OPPOSITE_EXIT_LEAD = table("on the, on an, on, at the, at, when the, when")
AT_A_LEVEL = table("at, with, on, at a, on a, with a")  # "shorts at RSI < 40"
WHICHEVER = table("whichever comes first, whichever happens first, whichever is first, whichever first")
