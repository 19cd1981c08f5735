"""Words for stops, targets and trailing stops, and for how far they are."""

from __future__ import annotations

from Strategy.words.table import meanings, table

STOP = table("""stop loss, stoploss, stop, stops, sl, protective stop, hard stop, stop loss order, stop losses, fixed stop, initial stop,
    stop out, cut losses, cut the loss, cut loss, cut losses short, stop order, fixed stop loss, hard stop loss, initial stop loss,
    protective stop loss, stop the loss, loss limit, max loss, maximum loss, cut my losses, catastrophic stop, limit losses, limit the loss,
    limit my losses, limit loss, limit the losses""")
TARGET = table("""take profit, take profits, takeprofit, target, targets, profit target, tp, price target, profit taking, take the profit,
    book profit, book profits, take gains, profit goal, profit objective, take profit order, target profit, take my profit, take the money,
    lock in profits, take profit target, lock in gains""")
TRAIL = table("""trailing stop, trailing stop loss, trail, trailing, trailing stops, trail stop, trail the stop, trail by, trailing sl,
    trail the stop by, trail it by, trail a stop, trail my stop, chandelier stop, chandelier exit, chandelier, trailing stoploss,
    trailed stop""")
GAIN = table("profit, gain, gains, in profit, profits, up, winner, return")
LOSS = table("loss, losses, in loss, down, loser, drawdown")
FROM_ENTRY = table("""from the entry price, from entry price, from the entry, from entry, below entry, below the entry,
    below the entry price, below entry price, above entry, above the entry, above the entry price, above entry price, below my entry,
    above my entry, from the fill, of entry, of the entry, of entry price, of the entry price, of my entry, of my entry price, of the fill,
    of the fill price, of the buy price, of the purchase price, of the entry point, of the entry level, of the price paid, from my entry,
    under entry, under the entry, below purchase price, below the purchase price, above the purchase price, above purchase price,
    below cost, over entry, below the buy price, above the buy price, away, off the entry, below where i bought, on each trade,
    on every trade, on all trades, for all trades, for every trade, for both sides, on both sides, of price, from the entry point,
    below the entry point, above the entry point, from the buy price, of the price, behind, behind price, behind the price""")
FROM_EXTREME = table("""from peak, from the peak, from the high, below the high, off the high, from the highest close, from the top,
    from the highs, below the highest close, above the lowest close, from the low, from its peak, from its high, from its highest close,
    from its highest price, from the highest price, from the highest high, from its low, from the lows, from its lowest close,
    from the lowest close, from the lowest low, off its high, off the peak, off its peak, off the highs, below its peak, below the peak,
    below its high, below the highest high, below the highest price, above its low, above the low, off the low, off its low,
    above the lowest low, from the high since entry, from the highest close since entry, from the peak since entry,
    from the highest high since entry, from the low since entry""")
RATIO = table("""risk reward, reward : risk, risk : reward, risk / reward, reward / risk, risk / reward ratio, reward / risk ratio,
    risk reward ratio, reward risk, reward to risk, reward risk ratio, risk to reward, risk to reward ratio, reward to risk ratio, rr, r r,
    rr ratio""")
TIMES_RISK = table("""r, the risk, the stop, the stop loss, the stop distance, times the risk, times risk, x risk, times my risk,
    r multiple, times the stop, times the stop loss, times the stop distance, risk units, times initial risk, x the risk""")
# A sentence that says one of these of "the shorts" says it of them alone.
LEVELS = meanings(
    {
        "stop_loss": "stop, stops",
        "take_profit": "target, targets, profit",
        "trailing_stop": "trail, trailing",
        "max_bars": "hold",
    }
)
# "longs have a 6% stop"
HAVE = table("""have, has, use, get, take, share, come with, both have, both use, both get, all have, each have, are given, have both,
    we use, i use, apply, set""")
# "stop at 5%", "stop if it drops 5%"
LEVEL_LEAD = table("""at, of, is, by, to, around, at a, of a, set at, order at, placed at, loss of, loss at, loss is, when down, when up,
    at about, if down, distance of, if it drops, if it falls, after a, price is, if price falls, if the price drops, if the trade loses,
    on a""")
AT = table("at, at a, at about, set at, order at, placed at")  # "take profit at 120%" may be a share of the entry
# The plural of "2 ATRs".
PLURAL_S = table("s")
TIMES = table("x, times")
BESIDE_PRICE = table("below the price, above the price, below, above, away")  # "2 ATR below the price"
# On which side of the entry, or of the best price, a level lies: a high is above a stop that trails it.
SIDE_WORDS = meanings({"below": "below, under, high, highs, highest, top", "above": "above, over, low, lows, lowest"})
# In front of a level that begins another statement
AHEAD = table("with, use, and, set, place, using, risk, add, risking, invest, allocate")
# "use a 5% stop"
SETTING_LEAD = table("""and, with, use, using, set, place, add, then, put, also, apply, or, have, plus, keep, include, move, always use,
    it uses, uses, exit with, exit at, exit on, exit via""")
NO_LEVEL = table("no, without, never use, don't use, do not use")  # "no stop loss"
STOP_NOUN = table("stop, stop loss")  # "trail 5% stop"
TRAILING = table("that trails by, trailing by, that trails, trailing at, trailing")
EACH_CLOSE = table("behind each close, each close, behind every close, every close")
NEVER_BACK = table("never moved back")  # "3% behind each close, never moved back"
EXIT_LEVEL_LEAD = table("""at, at a, for a, on a, with a, with, price is, it is, it's, the position is, in, after a, after, position is,
    the trade is, trade is, we are, we're, i am, i'm, the price""")
# "when the profit reaches 5%"
GAIN_REACHES = table(
    """reaches, exceeds, is, hits, is above, of, is more than, is over, is at least, reached, is greater than, by"""
)
OF_TRADE = table("profit, profits, loss, losses")  # said of the trade, and never of the price
RATIO_OF = table("ratio, ratio of, of, at, is, at least, target of, target")  # "risk reward ratio of 2"
TARGET_LEAD = table("and, with, set, use, or, our, my, the")  # "set target at the middle band"
TARGET_AT = table("is at, is, at, on")  # "target is at the 50 SMA"
