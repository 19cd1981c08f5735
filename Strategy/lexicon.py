"""The words traders use, by what they mean.

Each category maps phrases (lower case, words separated by blanks) to a value the grammar uses.
Indicator names come from the registry. Forms of verbs are written out by `_verbs`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import product
from typing import Any

from Backtest.indicators import REGISTRY, spoken_names
from Strategy.spelling import Corrector

Phrases = dict[str, Any]

# Indicators that are averages of their source, so that a bare number beside one is its period.
MOVING_AVERAGES = ("SMA", "EMA", "WMA", "DEMA", "TEMA", "KAMA", "VAMA", "HMA")


def _verbs(stems: str) -> list[str]:
    """Return all forms of verbs given as `base|s-form|ing|past`."""
    return [form for stem in stems.split() for form in stem.replace("_", " ").split("|")]


def _codes(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def _each(words: str | Iterable[str], value: Any = True) -> Phrases:
    items = [w.strip() for w in words.split(",")] if isinstance(words, str) else words
    return {w: value for w in items if w}


_UP_VERBS = _verbs(
    "cross|crosses|crossing|crossed break|breaks|breaking|broke move|moves|moving|moved go|goes|going|went "
    "rise|rises|rising|rose climb|climbs|climbing|climbed push|pushes|pushing|pushed jump|jumps|jumping|jumped "
    "turn|turns|turning|turned get|gets|getting|got pop|pops|popping|popped come|comes|coming|came "
    "shoot|shoots|shooting|shot pass|passes|passing|passed poke|pokes|poking|poked soar|soars|soaring|soared "
    "surge|surges|surging|surged spike|spikes|spiking|spiked advance|advances|advancing|advanced bounce|bounces|bouncing|bounced"
)
_DOWN_VERBS = _verbs(
    "cross|crosses|crossing|crossed break|breaks|breaking|broke move|moves|moving|moved go|goes|going|went "
    "drop|drops|dropping|dropped fall|falls|falling|fell dip|dips|dipping|dipped slip|slips|slipping|slipped "
    "sink|sinks|sinking|sank slide|slides|sliding|slid decline|declines|declining|declined turn|turns|turning|turned "
    "come|comes|coming|came get|gets|getting|got crash|crashes|crashing|crashed dive|dives|diving|dived pass|passes|passing|passed "
    "slump|slumps|slumping|slumped tumble|tumbles|tumbling|tumbled plunge|plunges|plunging|plunged retreat|retreats|retreating|retreated"
)
_ABOVE = ["above", "over", "back above", "up above", "up through", "up over", "back over", "upward through", "higher than",
          "out above", "to above", "upwards through"]  # fmt: skip
_BELOW = ["below", "under", "back below", "beneath", "down through", "down below", "back under", "underneath",
          "lower than", "out below", "to below", "downward through", "downwards through", "down under"]  # fmt: skip


def _crosses() -> Phrases:
    phrases: Phrases = {f"{v} {d}": "above" for v, d in product(_UP_VERBS, _ABOVE)}
    phrases |= {f"{v} {d}": "below" for v, d in product(_DOWN_VERBS, _BELOW)}
    back = ("close", "closes", "closing", "closed")
    phrases |= {f"{v} back {d}": "above" for v, d in product(back, ("above", "over", "up above", "up over"))}
    phrases |= {
        f"{v} back {d}": "below" for v, d in product(back, ("below", "under", "beneath", "down below", "underneath"))
    }
    for verbs, others, way in ((_UP_VERBS, _DOWN_VERBS, "above"), (_DOWN_VERBS, _UP_VERBS, "below")):
        phrases |= {f"{v} {d}": way for v, d in product(verbs, ("past", "beyond", "through")) if v not in others}
    phrases |= _each(
        "crosses up, crossing up, cross up, crossed up, crosses upward, crosses upwards, crossover above, crossover over, "
        "cross over, crosses over, crossing over, breaks out above, breakout above, break out above, breaks through above, "
        "breaks up through, crosses up through, surpasses, surpass, exceeded, breaks out over, breaking out above, "
        "bounces above, bounces back above, recovers above, reclaims, reclaim, breakout over, crosses to the upside, "
        "crosses above or through, overtakes, overtake, overtook",
        "above",
    )
    phrases |= _each(
        "crosses down, crossing down, cross down, crossed down, crosses downward, crosses downwards, crossunder, "
        "cross under, crosses under, breaks down below, breakdown below, break down below, breaks down through, "
        "crosses down through, crosses back under, loses, falls back below, crosses to the downside, drops back below",
        "below",
    )
    return phrases


def _lots() -> Phrases:
    """Return lots by their names, with how many units of a currency pair each is."""
    sizes = {"": 100_000, "standard ": 100_000, "full ": 100_000, "mini ": 10_000, "micro ": 1_000, "nano ": 100}
    return {f"{size}{noun}": units for (size, units), noun in product(sizes.items(), ("lot", "lots"))}


def _leaving(side: str, *verbs: str) -> Phrases:
    """Return the phrases that leave the positions of one side: "get out of my longs", "longs are closed"."""
    nouns = (f"{side}s", f"{side} positions", f"{side} trades", side, f"{side} position", f"{side} trade")
    objects = [f"{lead}{noun}" for lead, noun in product(("", "the ", "my ", "all ", "any ", "open ", "a "), nouns)]
    phrases = [f"{verb} {what}" for verb, what in product(verbs, objects)]
    phrases += [
        f"{noun} {done}"
        for noun, done in product(nouns, ("exit", "exits", "close", "closes", "are closed", "is closed", "are exited"))
    ]
    return _each(phrases)


_LEAVE = (
    "exit", "exits", "exiting", "exit from", "exit out of", "close", "closes", "closing", "close out", "close out of", "leave", "leaves",
    "leaving", "get out of", "getting out of", "liquidate", "flatten", "unwind", "bail out of",
)  # fmt: skip


def _choices() -> Phrases:
    """Return the phrases that stand for some, all or none of what was named.

    Their value says which of them, whether exactly two must have been named, and whether they are averages.
    """
    averages = ("averages", "moving averages", "emas", "smas", "mas", "moving average lines")
    things = ("them", "these", "those", "lines", "levels", "two", "2", "ones", *averages)
    quantities = {
        "any": (("either", True), ("any", False), ("any one", False), ("one", False), ("at least one", False), ("1", False)),
        "all": (("both", True), ("all", False), ("each", False), ("every one", False), ("two", True)),
        "none": (("neither", True), ("none", False), ("not one", False), ("neither one", True)),
    }  # fmt: skip
    phrases: Phrases = {}
    for how, words in quantities.items():
        for word, two in words:
            for thing, lead in product(things, ("of", "of the", "of these", "of those", "of the two", "of both")):
                if thing in ("them", "these", "those") and lead != "of":
                    continue
                phrases[f"{word} {lead} {thing}"] = (
                    how,
                    two or lead == "of the two" or thing == "two",
                    thing in averages,
                )
    for how, word in (("any", "either"), ("all", "both"), ("none", "neither"), ("all", "the two"), ("all", "two")):
        nouns = (
            ("average", "moving average", "ema", "sma", "line", "one", "level") if word in ("either", "neither") else ()
        )
        for noun in (*nouns, *averages, "lines", "levels"):
            if not (word in ("either", "neither") and noun in averages):
                phrases[f"{word} {noun}"] = (
                    how,
                    True,
                    noun in averages or noun in ("average", "moving average", "ema", "sma"),
                )
    phrases |= {word: (how, True, False) for how, word in (("any", "either"), ("all", "both"), ("none", "neither"))}
    phrases |= _each("one or the other, either one, one or both", ("any", True, False))
    return (
        phrases
        | _each(
            "all averages, all the averages, all moving averages, all three averages, all three moving averages",
            ("all", False, True),
        )
        | _each("all three, all three of them", ("all", False, False))
    )


def _both_sides() -> Phrases:
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
    return _each([*phrases, *(f"both {phrase}" for phrase in phrases), "both sides", "both directions"])


def _time_limits() -> Phrases:
    """Return the names of the longest time a position is held: "time stop", "maximum holding period"."""
    most = [f"{how} {what}" for how, what in product(
        ("max", "maximum", "maximal"),
        ("holding period", "holding", "holding time", "hold", "hold time", "hold period", "duration", "trade duration", "trade length", "time in trade", "time in the trade", "time in a trade",
         "time in market", "time in the market", "time in position"),
    )]  # fmt: skip
    named = "holding period, holding time, hold period, time stop, time exit, time limit, time based exit, time based stop, trade duration, holding max, holding maximum"
    return _each(most) | _each(named)


CATEGORIES: dict[str, Phrases] = {
    "CHOICE": _choices(),
    "AND": _each("and, and also, plus also, as well as, along with, but, and then, together with, while also, yet"),
    "OR": _each("or, or else, or if, or when, or alternatively, alternatively"),
    "NOT": _each(
        "not, isn't, is not, are not, aren't, doesn't, does not, don't, do not, never, no, without, hasn't, has not, "
        "wasn't, was not, cannot, can't, it is not the case that, never when"
    ),
    "WHEN": _each(
        "when, when ever, whenever, if, once, as soon as, where, after, on, upon, in case, when the, only when, only if, "
        "every time, each time, anytime, any time, at the moment, the moment, in the event, assuming, if and only if, should"
    ),
    "PROVIDED": _each(
        "provided, provided that, only when, only if, as long as, so long as, given that, while, when, whilst, if, "
        "on condition that, and only if, and only when, but only if, but only when, with, and if, and when, where, only while, assuming, only with, providing"
    ),
    "UNLESS": _each(
        "unless, except when, except if, but not when, but not if, and not when, and not if, not when, not if, excluding when"
    ),
    "THEN": _each("then, we, i, you, go ahead and"),
    "OTHERWISE": _each("otherwise, else, if not, or else"),
    "ABOVE": {
        **_each(
            ">, above, over, greater than, more than, higher than, exceeds, exceed, exceeding, bigger than, larger than, "
            "is above, north of, on top of, stays above, trades above, holds above, greater, higher, up above, tops, beats, is over, in excess of",
            ">",
        ),
        **_each(
            "<, below, under, less than, lower than, smaller than, beneath, underneath, south of, stays below, "
            "trades below, holds below, fewer than, is under, less, lower, undercuts",
            "<",
        ),
        **_each(
            ">=, at least, no less than, not less than, greater than or equal to, above or equal to, at or above, or more than, "
            "more than or equal to, a minimum of, minimum, greater or equal to, equal to or above, not below, no lower than, above or at, equal to or greater than",
            ">=",
        ),
        **_each(
            "<=, at most, no more than, not more than, less than or equal to, below or equal to, at or below, up to, "
            "a maximum of, maximum, lower than or equal to, equal to or below, not above, no higher than, below or at, equal to or less than",
            "<=",
        ),
        **_each("=, equals, equal to, exactly, equal", "=="),
    },
    "CROSS": _crosses(),
    "CROSSES": _each(
        "cross, crosses, crossing, crossed, crossover, crossovers, cross over each other, intersect, intersects, crosses through, breaks, break, breaking, breaks through, crossing through, breaches, takes out, take out, taking out, took out"
    ),
    "BETWEEN": _each(
        "between, in between, inside, within the range, in the range, in the range of, in the range from, ranging from"
    ),
    "RISING": {
        **_each(
            "rising, rises, increasing, increases, going up, moving up, trending up, sloping up, climbing, growing, up, higher, turning up, "
            "risen, increased, gone up, heading up, pointing up, ascending, rose, slopes up, trends up, goes up, sloping upward, trending higher, moves up, moves higher, climbs, grows, is up, ticks up",
            "rising",
        ),
        **_each(
            "falling, falls, decreasing, decreases, going down, moving down, trending down, sloping down, declining, "
            "dropping, down, lower, turning down, fallen, decreased, gone down, heading down, pointing down, descending, fell, slopes down, trends down, goes down, declines, drops, "
            "dropped, sloping downward, trending lower, moves down, moves lower, shrinking, is down, ticks down, dips, sinks, slides, slumps",
            "falling",
        ),
    },
    "TURNS": {
        **_each(
            "turns up, turn up, starts rising, starts to rise, turns higher, hooks up, curls up, begins to rise, ticks up",
            "up",
        ),
        **_each(
            "turns down, turn down, starts falling, starts to fall, turns lower, hooks down, curls down, begins to fall",
            "down",
        ),
    },
    "SIGN": {
        **_each(
            "turns positive, goes positive, becomes positive, turn positive, turns green, flips green, turns bullish, flips positive, flips bullish, crosses into positive territory, crosses positive",
            ("cross", "above"),
        ),
        **_each(
            "turns negative, goes negative, becomes negative, turn negative, turns red, flips red, turns bearish, flips negative, flips bearish, crosses into negative territory, crosses negative",
            ("cross", "below"),
        ),
        **_each("positive, bullish, green, in positive territory", ("level", "above")),
        **_each("negative, bearish, red, in negative territory", ("level", "below")),
    },
    # Said of an indicator that has only two directions, such as Supertrend.
    "TREND_FLIP": {
        **_each(
            "turns up, turn up, turning up, flips up, flip up, goes up, goes green, goes bullish, goes long, turns long, flips long, becomes bullish, becomes green, "
            "changes to up, changes to bullish, changes to green, switches to up, switches to bullish, switches to green, switches up, turns to up, turns to bullish, "
            "turns to green, flips to up, flips to bullish, flips to green, turns green, flips green, turns bullish, flips bullish, turns positive, flips positive, becomes positive, goes positive, reverses up, flips upward, flips upwards, changes to an uptrend",
            "above",
        ),
        **_each(
            "turns down, turn down, turning down, flips down, flip down, goes down, goes red, goes bearish, goes short, turns short, flips short, becomes bearish, becomes red, "
            "changes to down, changes to bearish, changes to red, switches to down, switches to bearish, switches to red, switches down, turns to down, turns to bearish, "
            "turns to red, flips to down, flips to bearish, flips to red, turns red, flips red, turns bearish, flips bearish, turns negative, flips negative, becomes negative, goes negative, reverses down, flips downward, flips downwards, changes to a downtrend",
            "below",
        ),
        **_each(
            "flips, changes direction, switches direction, changes its direction, changes color, changes colour, reverses, flips direction, flips sides",
            "",
        ),
    },
    "TREND_STATE": {
        **_each(
            "up, is up, in an uptrend, in uptrend, in an up trend, bullish, green, positive, trending up, pointing up, long",
            "above",
        ),
        **_each(
            "down, is down, in a downtrend, in downtrend, in a down trend, bearish, red, negative, trending down, pointing down, short",
            "below",
        ),
    },
    "EXTREME": {
        **_each("oversold, in oversold territory, oversold territory, in the oversold zone, in oversold", "oversold"),
        **_each(
            "overbought, in overbought territory, overbought territory, in the overbought zone, in overbought",
            "overbought",
        ),
    },
    "TOUCHES": _each(
        "touches, touch, touching, touched, hits, hit, reaches, reach, tags, tag, reaching, hitting, gets to, gets down to, gets up to, tests, test, retests, retest, testing, retesting"
    ),
    "BOUNCES": _each(
        "bounces off, bounce off, bouncing off, bounced off, bounces off of, bounce off of, bounces from, bounce from, bounced from, rebounds off, rebounds from, rebound off, rebound from, "
        "rebounded off, rebounded from, is rejected at, gets rejected at, is rejected from, rejected at"
    ),
    "NAMED_CROSS": {
        **_each("golden cross, golden crossover, goldencross", "golden"),
        **_each("death cross, death crossover, dead cross, deathcross", "death"),
    },
    "UNIT": {
        **_each(
            "bar, bars, candle, candles, period, periods, candlestick, candlesticks, session, sessions, trading session, trading sessions",
            "bar",
        ),
        **_each("minute, minutes, min, mins, m", "minute"),
        **_each("hour, hours, hr, hrs, h", "hour"),
        **_each("day, days, d, trading day, trading days", "day"),
        **_each("week, weeks, wk, wks, w", "week"),
        **_each("month, months, mo", "month"),
        **_each("year, years, yr, yrs", "year"),
    },
    "FRAME": {
        **_each("minutely", "1m"),
        **_each("hourly, one hour", "1h"),
        **_each("daily, end of day, eod", "1d"),
        **_each("weekly", "1wk"),
        **_each("monthly", "1mo"),
    },
    "CHART": _each(
        "chart, charts, bars, bar, candles, candle, timeframe, time frame, timeframes, data, interval, basis, period chart, resolution, candlesticks"
    ),
    "PRICE": {
        **_each(
            "price, prices, close, closes, any close, any daily close, closing price, close price, the close, stock, stock price, share price, market, closing prices, "
            "candle, last price, spot, price action, the market, the stock, shares, asset, pair, instrument, current price, index",
            "Close",
        ),
        **_each("open, opening price, open price, opens, the open", "Open"),
        **_each("high, highs, high price, intraday high, the high", "High"),
        **_each("low, lows, low price, intraday low, the low", "Low"),
        **_each("volume, volumes, trading volume, traded volume, vol", "Volume"),
    },
    "PREVIOUS": {
        **_each(
            "yesterday's, yesterdays, previous, prior, previous day's, prior day's, previous bar's, prior bar's, previous candle's, "
            "previous days, prior days, last bar's, last day's, the day before's, last candle's, preceding, previous day, previous bar, prior day, prior bar, previous candle, preceding day's",
            1,
        ),
        **_each("today's, todays, this bar's, current, today, current bar's", 0),
    },
    "YESTERDAY": _each(
        "yesterday, of the previous bar, of the previous day, of the prior bar, the day before, the bar before, of the prior day, of yesterday, a bar before, of the previous candle, previously"
    ),
    "AGO": _each("ago, earlier, back, before, prior"),
    "LAST": _each("last, past, previous, prior, most recent, preceding, recent"),
    "MULTIPLE": {
        **_each("x, times, time", 1),
        **_each("twice, double, two times", 2),
        **_each("triple, three times", 3),
        **_each("half, half of", 0.5),
    },
    "AVERAGE": _each("average, mean, avg, typical, usual, normal, averages"),
    "ENTER_LONG": _each(
        "buy to open, buy, buys, buying, go long, going long, goes long, enter long, enter long position, enter a long position, enter a long, open a long position, open a long, open long, "
        "buy signal, take a long position, take a long, get long, purchase, enter, get in, open a position, enter a trade, enter the trade, "
        "be long, stay long, hold long, enter the market, enter position, enter a position, long entry, entry long, buy long, initiate a long, initiate a long position, "
        "buy entry, open a trade, take long, buy it, buy in, add a long position, initiate long, enter trade, open position, bought, enter longs, take longs, long signal, hold a long position, buy the stock, look to buy, scoop up, load up on, grab, snap up, pick up, acquire"
    ),
    "ENTER_SHORT": _each(
        "sell to open, sell short, short sell, go short, going short, goes short, enter short, enter short position, enter a short position, enter a short, open a short position, open a short, "
        "open short, take a short position, take a short, get short, short entry, entry short, be short, stay short, short it, short the stock, shorting, "
        "initiate a short, initiate a short position, take short, shorts, initiate short, enter shorts, short selling, hold short, short signal"
    ),
    "LONG": _each("long, longs"),
    "SHORT": _each("short, shorts"),
    "EXIT_LONG": _leaving("long", *_LEAVE, "sell")
    | _each(
        "exit long, exit longs, close long, close longs, close the long position, close the long, exit the long, exit the long position, sell long, "
        "long exit, exit long position, close long position, sell the long, exit long positions, close long positions, sell to close, close the long trade, exit a long, exit long trades, exits long"
    ),
    "EXIT_SHORT": _leaving("short", *_LEAVE, "cover", "buy back")
    | _each(
        "cover, covers, covering, cover short, cover shorts, cover the short, cover the short position, buy to cover, exit short, exit shorts, close short, close shorts, "
        "close the short position, close the short, exit the short, exit the short position, buy back, short exit, exit short position, close short position, "
        "exit short positions, close short positions, buy it back, close the short trade, cover it, cover short position, buy to close, cover the trade, cover the position, exits short"
    ),
    "EXIT": _each(f"{verb} {what}" for verb, what in product(_LEAVE, _both_sides()))
    | _each(f"{what} {done}" for what, done in product(_both_sides(), ("exit", "close", "are closed", "are exited")))
    | _each(
        "exit, exits, exiting, square off, square off all positions, square off positions, square off everything, close all trades, close all open positions, "
        "close all open trades, close any open trade, close any open trades, close any open positions, close every position, close every trade, exit all trades, "
        "all positions are closed, all positions closed, everything is closed, all trades are closed, trades are closed, positions are closed, close all of it, close out all positions, "
        "close out everything, liquidate everything, liquidate all positions, flatten everything, flatten all positions, sell everything and go flat, close out, close the position, close position, exit the position, exit the trade, exit trade, exit position, get out, liquidate, "
        "flatten, close the trade, close trade, go flat, go to cash, close all positions, close all, get flat, close it, close everything, close out the position, "
        "close any position, close any open position, close open positions, exit all, close positions, exit all positions, leave the trade, exit signal, close the deal, "
        "exit positions, move to cash, get out of the trade, exit the market, exit everything, unwind, be flat, close my position, exit my position, be out, bail out, bail, closing the position, cash out, unload, offload, let go, let it go, leave, leave the position, dump it, exit it, exit both, close both, get rid of it, get rid of"
    ),
    "CLOSE_VERB": _each("close"),
    "SELL": _each(
        "sell, sells, selling, sell it, sell all, sell everything, sell the position, sell signal, sell the stock, sell out, sell position, sell my position, sold, look to sell, sell when done"
    ),
    "ONE_SIDE": {
        **_each(
            "long only, only long, only longs, only go long, no shorting, no shorts, no short selling, no short positions, never short, "
            "long trades only, longs only, do not short, don't short, only long trades, only long positions, long side only, long positions only, only trade long, only trade longs, trade only long, trade only longs, only trade the long side, only take longs, only take long trades, "
            "only want to go long, only want to trade long, direction : long, direction : long only, side : long, side : long only",
            "long",
        ),
        **_each(
            "short only, only short, only shorts, only go short, no longs, no long positions, never long, short trades only, shorts only, "
            "only short trades, only short positions, short side only, short positions only, only trade short, only trade shorts, trade only short, trade only shorts, only trade the short side, only take shorts, only take short trades, "
            "only want to short, only want to trade short, direction : short, direction : short only, side : short, side : short only",
            "short",
        ),
    },
    "ONE_POSITION": _each(
        "position at a time, trade at a time, open position, open trade, position, open position at a time, open trade at a time"
    ),
    "REVERSE": _each(
        "always reversing, always reverse, stop and reverse, reverse on the opposite signal, reverse the position on the opposite signal, reverse on opposite signal, "
        "reverse positions on the opposite signal, reverse position on opposite signal, reversing, reverse, reverse the position, reverse positions, flip positions, flip the position, always in the market, flip, reverse on each signal, reverse on every signal, reversing each time, reversing every time"
    ),
    "OPPOSITE": _each(
        "price crosses back, the price crosses back, opposite cross, opposite signal, opposite crossover, opposite, the opposite happens, reverse cross, reverse signal, reverse crossover, opposite condition, "
        "opposite direction, opposite occurs, it crosses back, they cross back, crosses back, cross back, crosses back down, the reverse happens, vice versa, opposite is true, the cross reverses, crosses the other way, they cross the other way, it crosses back down, it crosses back below, it crosses back above, crosses back the other way"
    ),
    "FLAT": _each(
        "flat, in cash, cash, stay flat, be flat, stay in cash, out, stay out, hold cash, be in cash, remain flat, out of the market, stay out of the market, remain in cash, no position, sit in cash, stand aside, go to cash, on the sidelines, go flat"
    ),
    "WHILE": _each("while, as long as, whenever, when, only while, so long as, if, only when, whilst, only as long as"),
    "STOP": _each(
        "stop loss, stoploss, stop, stops, sl, protective stop, hard stop, stop loss order, stop losses, fixed stop, initial stop, stop out, cut losses, cut the loss, cut loss, cut losses short, stop order, fixed stop loss, hard stop loss, initial stop loss, protective stop loss, stop the loss, loss limit, max loss, maximum loss, cut my losses, catastrophic stop, limit losses, limit the loss, limit my losses, limit loss, limit the losses"
    ),
    "TARGET": _each(
        "take profit, take profits, takeprofit, target, targets, profit target, tp, price target, profit taking, take the profit, book profit, book profits, "
        "take gains, profit goal, profit objective, take profit order, target profit, take my profit, take the money, lock in profits, take profit target, lock in gains"
    ),
    "TRAIL": _each(
        "trailing stop, trailing stop loss, trail, trailing, trailing stops, trail stop, trail the stop, trail by, trailing sl, trail the stop by, trail it by, trail a stop, trail my stop, chandelier stop, chandelier exit, chandelier, trailing stoploss, trailed stop"
    ),
    "GAIN": _each("profit, gain, gains, in profit, profits, up, winner, return"),
    "LOSS": _each("loss, losses, in loss, down, loser, drawdown"),
    "FROM_ENTRY": _each(
        "from the entry price, from entry price, from the entry, from entry, below entry, below the entry, below the entry price, below entry price, "
        "above entry, above the entry, above the entry price, above entry price, below my entry, above my entry, from the fill, of entry, of the entry, of entry price, of the entry price, of my entry, of my entry price, "
        "of the fill, of the fill price, of the buy price, of the purchase price, of the entry point, of the entry level, of the price paid, "
        "from my entry, under entry, under the entry, below purchase price, below the purchase price, above the purchase price, above purchase price, "
        "below cost, over entry, below the buy price, above the buy price, away, off the entry, below where i bought, on each trade, on every trade, on all trades, for all trades, for every trade, for both sides, on both sides, of price, "
        "from the entry point, below the entry point, above the entry point, from the buy price, of the price, behind, behind price, behind the price"
    ),
    "FROM_EXTREME": _each(
        "from peak, from the peak, from the high, below the high, off the high, from the highest close, from the top, from the highs, below the highest close, "
        "above the lowest close, from the low, from its peak, from its high, from its highest close, from its highest price, from the highest price, "
        "from the highest high, from its low, from the lows, from its lowest close, from the lowest close, from the lowest low, off its high, off the peak, "
        "off its peak, off the highs, below its peak, below the peak, below its high, below the highest high, below the highest price, above its low, "
        "above the low, off the low, off its low, above the lowest low, from the high since entry, from the highest close since entry, "
        "from the peak since entry, from the highest high since entry, from the low since entry"
    ),
    "BOTH_SIDES": _both_sides(),
    "SIZE": _each(
        "position size, size, position sizing, sizing, trade size, size each trade, allocate, allocation, invest, investing, put up, use, using, uses, risk, risks, risking, stake, deploy, commit, size positions at, size position, "
        "size per trade, position, bet, put, put in, fixed size, fixed position size, size positions to risk, trade with, order size, lot size, size of, capital per trade, size each position at, amount per trade, spend, quantity, with"
    ),
    "EQUITY": _each(
        "equity, capital, account, portfolio, my account, my capital, my equity, the account, the portfolio, available equity, total equity, balance, account balance, cash, my portfolio, funds, the equity, "
        "available capital, account equity, my money, available cash, total capital, buying power, the capital, the money, my cash, portfolio value, account value, bankroll, wallet"
    ),
    "PER_TRADE": _each(
        "per trade, per position, each trade, a trade, each time, in each trade, to each trade, to every trade, on each trade, every trade, for each trade, in every trade, per entry, on every trade, each position, per order, each, in the trade"
    ),
    "SHARES": _each("shares, share, units, unit, contracts, contract, coins, coin, stocks, tokens, token"),
    "LOTS": _lots(),
    "FULL": _each(
        "all in, full size, full position, fully invested, everything, whole account, full equity, all of my capital, the whole account, all capital, all equity, maximum size, all my money, full capital, all available cash, entire account, the entire account, all my capital"
    ),
    "CASH": _each(
        "start with, starting capital, initial capital, initial cash, starting cash, starting balance, initial balance, capital, start capital, account size, with a capital of, account of, starting equity, cash, begin with, account, bankroll, initial equity, balance, starting with, starting from, initial investment, starting account, budget, "
        "portfolio of, portfolio size, portfolio value, account balance, account value, trading capital, trading account, equity of, funds of, starting funds, initial funds, seed capital, "
        "i have, we have, i've got, i got, i start with, we start with"
    ),
    "IN_CASH": _each(
        "in cash, starting cash, starting balance, starting money, initial cash, to start with, in capital, cash, capital, account, of capital, initial capital, starting capital, to start, in the account, of cash, portfolio, budget, "
        "funds, equity, initial balance, initial equity, starting equity, starting funds, trading account, trading capital, account size, account balance, start capital, seed capital, bankroll, in my account, in funds, in equity"
    ),
    "COMMISSION": _each(
        "commission, commissions, fee, fees, trading fee, trading fees, transaction cost, transaction costs, brokerage, cost, costs, trading costs, trading cost, broker fee, commission rate"
    ),
    "FIXED": _each("fixed commission, fixed fee, flat fee, flat commission"),
    "SPREAD": {**_each("spread, bid ask spread, spreads", "spread"), **_each("slippage", "slippage")},
    # At how many of a trade's two fills a cost is paid.
    "FILLS": {
        **_each(
            "per side, a side, each side, on each side, each way, on each way, both ways, per fill, each fill, at each fill, on each fill, on every fill, at every fill, "
            "per order, each order, on each order, on entry and exit, at entry and exit, on both entry and exit, on entries and exits, on both sides",
            2,
        ),
        **_each(
            "round trip, per round trip, a round trip, each round trip, for the round trip, for a round trip, round turn, per round turn, in total, in all, on entry only, at entry only",
            1,
        ),
    },
    "MARGIN": _each("margin, margin requirement"),
    "LEVERAGE": _each("leverage, leveraged, times leverage, x leverage"),
    "ON_CLOSE": _each(
        "orders are filled at the close of the signal bar, fill at the close, trade on close, trade on the close, trade at the close, execute at the close, fill orders at the close, filled at the close, "
        "on the close of the same bar, at the close of the signal bar, execute on close, enter on the close, trade at close, at the close, on the close, at market close, on close, at the closing price, at that close, "
        "on bar close, on candle close, at bar close, at candle close, on the bar close, on the candle close, on the bar's close, at the bar's close, at the daily close, on the daily close, on daily close, at the close of the bar, "
        "on the close of the bar, at the close of the candle, at the close of the day, on the close of the day, at day's close, at the day's close"
    ),
    "AT_OPEN": _each(
        "at the next open, at the open, at next open, on the next open, next day's open, at the next day's open, on the open, at market, at the market, at the market open, at the next bar's open, "
        "on the next bar, at open, next bar, next open, at next bar's open, the next day, on the following open, at the following open, next day, at market price, with a market order, at tomorrow's open, the next morning, at the opening, the following day, at the next bar, on the next day"
    ),
    "FRACTION": _each("smallest tradable fraction, smallest fraction, fractional unit, fractional units"),
    "RISK_FREE": _each("risk free rate"),
    "RATIO": _each(
        "risk reward, reward : risk, risk : reward, risk / reward, reward / risk, risk / reward ratio, reward / risk ratio, risk reward ratio, reward risk, reward to risk, reward risk ratio, risk to reward, risk to reward ratio, reward to risk ratio, rr, r r, rr ratio"
    ),
    "TIMES_RISK": _each(
        "r, the risk, the stop, the stop loss, the stop distance, times the risk, times risk, x risk, times my risk, r multiple, times the stop, times the stop loss, times the stop distance, risk units, times initial risk, x the risk"
    ),
    "COOLDOWN": _each(
        "cooldown, cool down, cooldown of, cooldown period, cooling off, wait, pause, cool off, wait at least, cooling period, re entry delay, no re entry for, no new entries for, no new trade for, no new trades for, no trade for, no trades for, "
        "cooldown period of, cool down of, cool down period, cool down period of, cooling off period, cooling off period of, cooldown time, re entry delay of, no reentry for, do not re enter for, don't re enter for, no re entries for, no new entry for, no entry for, no new position for, no new positions for"
    ),
    "AFTER_EXIT": _each(
        "after an exit before the next entry, after exit, after each exit, after every exit, after closing, between trades, before re entering, before entering again, before the next trade, "
        "before the next entry, after an exit, before reentering, after each trade, before trading again, before a new entry, after a trade, after exiting, before buying again, after every trade, before new trades, before another entry, after selling, between entries, before another trade, "
        "after the exit, after any exit, after closing a trade, after closing a position, before i re enter, before re entry, before reentry, before opening a new position, before opening another trade, before taking another trade, before taking a new trade, before the next buy"
    ),
    # A pause that follows some exits only.
    "AFTER_SOME_EXITS": _each(
        "after a loss, after each loss, after every loss, after losses, after a losing trade, after each losing trade, after every losing trade, after losing trades, after a loser, "
        "after a stop, after each stop, after every stop, after a stop out, after each stop out, after a stop loss, after each stop loss, after every stop loss, after being stopped out, "
        "after getting stopped out, after a stop loss is hit, after a stop is hit, after the stop is hit, following a loss, following a losing trade, following a stop, "
        "after a win, after each win, after a winning trade, after a winner, after a profitable trade, after a target is hit, after a profit"
    ),
    "HOLD": _each(
        "keep the position for, stay long for, stay short for, stay in for, stay in the trade for, remain in the trade for, keep the trade for, hold for, hold, hold it for, hold for at most, hold for no more than, hold at most, time stop of, "
        "hold up to, keep for, hold the position for, hold no longer than, hold for a maximum of, hold for up to, keep it for, hold max, max bars, hold each trade for, hold positions for, hold position for, holding for, "
        "hold maximum, hold a maximum of, hold no more than, hold not more than, never hold longer than, never hold for longer than, never hold more than, don't hold longer than, do not hold longer than, don't hold more than, "
        "no trade lasts more than, no trade lasts longer than, no position lasts more than, no position lasts longer than, no position is held longer than, no trade is held longer than, no position is held for more than, "
        "trades last at most, trades last no more than, trades last no longer than, a trade lasts at most, positions are held at most, positions are held for at most, positions are held no longer than, held at most, held for at most, held no longer than, held for no longer than, held no more than, held for no more than, held up to, "
        "max bars held, max bars in trade, max bars in the trade, maximum bars held, maximum bars in trade, maximum bars in the trade, maximum bars, bars to hold"
    )
    | _time_limits(),
    "TIME_LIMIT": _time_limits(),
    "IN_A_ROW": _each(
        "in a row, straight, consecutive, consecutively, successive, running, in succession, back to back"
    ),
    "UP_BAR": {
        **_each(
            "up closes, up close, higher closes, higher close, up days, up day, up bars, up bar, positive closes, winning days, gains, rising closes, advancing days",
            "rising",
        ),
        **_each(
            "down closes, down close, lower closes, lower close, down days, down day, down bars, down bar, negative closes, losing days, declines, falling closes, declining days, losses",
            "falling",
        ),
        **_each("higher highs, higher high", "High"),
        **_each("higher lows, higher low", "HLow"),
        **_each("lower lows, lower low", "Low"),
        **_each("lower highs, lower high", "LHigh"),
        **_each(
            "green candles, green candle, green bars, green bar, bullish candles, bullish candle, green days, green day, white candles, bullish bars, bullish bar, up candles, up candle",
            "green",
        ),
        **_each(
            "red candles, red candle, red bars, red bar, bearish candles, bearish candle, red days, red day, black candles, bearish bars, bearish bar, down candles, down candle",
            "red",
        ),
    },
    "BAR_SHAPE": {
        f"{shape} {unit}": (shape, unit)
        for shape, unit in product(("inside", "outside"), ("bar", "candle", "candlestick", "day", "week", "session"))
    },
    "NEW": _each(
        "new, a new, fresh, makes a new, sets a new, hits a new, makes new, at a new, at a, at an, reaches a new, prints a new, closes at a new, at its, at the, makes a, hits a, breaks to a new, hits its, hits the, reaches a, posts a new, closes at a"
    ),
    "BREAKOUT": _each("breakout, breakouts, breaks out, break out, breaking out, donchian breakout", "HIGHEST"),
    "BREAKDOWN": _each("breakdown, breakdowns, breaks down, break down, breaking down", "LOWEST"),
    "STYLE": _each(
        "mean reversion, trend following, swing trading, momentum trading, breakout trading, mean reverting, day trading, "
        "swing trade, trend follower, trend trading"
    ),
    "DEVIATIONS": _each(
        "standard deviations, standard deviation, std devs, std dev, std deviations, std deviation, stdevs, stdev, stds, std, sds, sd, sigma, sigmas, σ, deviations, standard devs"
    ),
    "HIGHLOW": {
        **_each("high, highs, highest high, highest, max, maximum, peak, top", "high"),
        **_each("low, lows, lowest low, lowest, min, minimum, bottom, trough", "low"),
    },
    # The change of a price over some bars, in percent.
    "RETURN": _each(
        "return, returns, roi, price return, price performance, rate of return, performance, percent change, percentage change, price change in percent"
    ),
    "ENTRY_PRICE": _each(
        "entry price, my entry, the entry price, purchase price, buy price, entry, cost basis, my entry price"
    ),
    "WEEKDAY": {
        f"{form}": short
        for short, name in {
            "mon": "monday",
            "tue": "tuesday",
            "wed": "wednesday",
            "thu": "thursday",
            "fri": "friday",
            "sat": "saturday",
            "sun": "sunday",
        }.items()
        for form in (name, f"{name}s", short, {"tue": "tues", "thu": "thurs", "wed": "weds"}.get(short, short))
    },
    "DAYS": {
        **_each("weekdays, weekday", ("mon", "tue", "wed", "thu", "fri")),
        **_each("weekends, weekend, the weekend", ("sat", "sun")),
    },
    "SESSION": {
        **_each(
            "new york session, us session, ny session, american session, regular trading hours, us market hours, market hours, regular hours",
            ("09:30", "16:00", "America/New_York"),
        ),
        **_each("london session, european session, uk session", ("08:00", "16:30", "Europe/London")),
        **_each("tokyo session, asian session, asia session, japanese session", ("09:00", "15:00", "Asia/Tokyo")),
    },
    "ZONE": {
        **_each("UTC, GMT, utc, gmt", "Etc/UTC"),
        **_each("new york, est, edt, eastern, eastern time, et, ny", "America/New_York"),
        **_each("london", "Europe/London"),
        **_each("tokyo, jst", "Asia/Tokyo"),
        **_each("central european, cet, frankfurt, berlin", "Europe/Berlin"),
        **_each("chicago, central time", "America/Chicago"),
    },
    "BAR_FALLS": _each(
        "the bar falls, bar falls, it is, it's, time is, the time is, the day is, day is, the weekday is, weekday is, day of the week is, the day of the week is, today is"
    ),
    "ONLY_TRADE": _each(
        "only trade, trade only, only trading, trading only, only take trades, only enter, only buy, enter only, trades only, only take entries, only open trades, restrict trading to, restrict entries to, limit trading to, take trades only, only take signals, trade, trading hours, entries only, buy only, only"
    ),
    "NO_TRADE": _each(
        "don't trade, do not trade, no trading, no trades, never trade, avoid trading, avoid, no entries, no new trades, skip, not, don't enter, do not enter, don't buy, no new entries, do not buy, no trade, don't take trades, never buy, nothing, do nothing, don't do anything, do not do anything, "
        "no longs, no long positions, no long trades, no long entries, no new longs, no shorts, no short positions, no short trades, no short entries, no new shorts, don't go long, do not go long, don't go short, do not go short"
    ),
    # Of these it is not said whether positions are left then.
    "NOTHING": _each("nothing, do nothing, don't do anything, do not do anything"),
    "SYMBOL_LEAD": _each(
        "on, for, trade, swing trade, day trade, scalp, scalping, position trade, trading, symbol, ticker, symbols, of, in, tickers, instrument, instruments, market, asset, apply to, test on, test it on, backtest on, run on, using, stock, pair, with, stocks, assets, applied to, and, run it on, the stock, backtest"
    ),
    "TF_LEAD": _each(
        "on, using, use, on the, timeframe, time frame, trade on, interval, bars, chart, with, in, in the, trade, over, trade on the, at, based on, a, the, of, timeframe is, from"
    ),
    "NAME_LEAD": _each("name, strategy name, strategy, title, called"),
    "SECTION": {
        **_each(
            "entry trigger, entry, entries, entry rules, entry rule, entry conditions, entry condition, entry criteria, entry signal, buy rules, buy rule, buy conditions, long entry, long entries, long entry rules, buy signal, buy criteria, setup, entry signals, how to enter, buy condition, long entry conditions, long rules, long setup, long side, long trades, long positions, long strategy, long, longs, buy, when to buy, enter",
            ("enter", "long"),
        ),
        **_each(
            "short entry, short entries, short entry rules, short rules, short conditions, short setup, short side, short trades, short positions, short strategy, short, shorts, short entry conditions, sell short, enter short",
            ("enter", "short"),
        ),
        **_each(
            "exit trigger, exit, exits, exit time, time of exit, exit rules, exit rule, exit conditions, exit condition, exit criteria, exit signal, sell rules, sell rule, sell conditions, exit signals, how to exit, sell condition, sell signal, sell criteria, when to sell, sell",
            ("exit", None),
        ),
        **_each("long exit, long exits, exit long, long exit rules, long exit conditions", ("exit", "long")),
        **_each(
            "short exit, short exits, exit short, cover, short exit rules, cover rules, short exit conditions",
            ("exit", "short"),
        ),
        **_each(
            "risk, risk management, risk rules, money management, protection, stops, risk control, risk controls, risk limits",
            ("risk", None),
        ),
        **_each("size, sizing, position size, position sizing, money, size rules, capital", ("size", None)),
        **_each("filter, filters, trend filter, conditions, time filter, regime filter", ("filter", None)),
        **_each(
            "settings, setup details, parameters, market, instrument, notes, execution, markets, instruments, strategy rules, rules, strategy, steps, the strategy, my strategy, the rules, indicators, costs, backtest, timeframe, time frame, assumptions, trading rules, plan, trading plan, the plan, my plan",
            ("other", None),
        ),
    },
    "FOR": _each(
        "for, over, during, throughout, for at least, for each of, in, over the last, for the last, during the last, for the past, over the past, in the last, at least"
    ),
    "WITHIN": _each(
        "within, within the, in, in the, during the, at some point in the, at any time in the, sometime in the, any time in the, anytime in the, at least once in the, over the, at some point during the, during"
    ),
    "EACH_OF": _each(
        "on each of the last, on each of, for each of the last, each of the last, on every one of the last, for all of the last, on all of the last, all of the last"
    ),
    "OF": _each("of, on, for, applied to, from"),
    "BANDS": _each(
        "band, bands, channel, line, lines, boundary, envelope, rail, cloud, value, indicator, reading, histogram bars, oscillator"
    ),
    "CLOUD": _each("cloud, the cloud, kumo, ichimoku cloud"),
    "HELD": _each(
        "bars held, bars in trade, bars in the trade, holding period, bars since entry, position age, days held, days in trade, days in the trade"
    ),
    "UNREALIZED": _each(
        "unrealized return, unrealised return, open profit, open return, unrealized profit, unrealised profit, trade return, profit on the trade, the trade's return"
    ),
    "UNREALIZED_LOSS": _each("unrealized loss, unrealised loss, open loss, loss on the trade, the trade's loss"),
    "OPTION": _each(
        "call option, call options, put option, put options, options, option, straddle, strangle, iron condor, covered call, covered calls, calls, puts, strike, strike price, expiry, expiration, theta, vertical spread, credit spread, butterfly, naked puts, naked calls, cash secured puts, leaps, option chain, implied volatility"
    ),
    "BASKET": _each(
        "pairs trade, pair trade, pairs trading, pair trading, basket, baskets, cointegration, cointegrated, long short portfolio, top ten stocks, rank stocks, rotate, rotation, sector rotation, rebalance, rebalancing, hedge with, arbitrage, correlation with, relative to the sp, the ratio of, strongest stocks, weakest stocks, rank, pairs, outperforms, outperform, hedge"
    ),
    "PENDING": _each(
        "limit order, limit orders, buy limit, sell limit, stop order entry, buy stop, sell stop, stop limit, place a limit, stop above, stop below, stop under, stop at the low, stop at the high, stop at yesterday's, stop just, buy stop above, buy stop below, sell stop below, sell stop above, limit buy, limit sell, pending order, pending orders, stop entry, buy stop order, limit price, limit entry, sell stop order, oco"
    ),
    "SCALING": _each(
        "scale in, scale out, scaling in, scaling out, pyramid, pyramiding, average down, averaging down, martingale, dca, dollar cost average, dollar cost averaging, add to the position, add to my position, "
        "add to winners, double down, grid, grid trading, sell half, close half, half of the position, half the position, partial, partials, partial exit, take half off, in tranches, tranches, add to the position every, sell half, half at, the rest, remaining half, add another, double the size, double the position, double my position, sell a third, add more, buy more, take partial profits, add to position, sell one third, sell 50 percent of the position, half off, anti martingale"
    ),
    "BREAK_EVEN": _each("break even, breakeven, break even stop, breakeven stop"),
    "FUNDAMENTAL": _each(
        "earnings, pe ratio, p / e, p / e ratio, price to earnings, p e, dividend, dividends, news, sentiment, revenue, fundamentals, tweet, tweets, twitter, interest rates, fed, cpi, inflation, eps, analyst, analysts, ceo, insider, insiders, report, vix, fear and greed, options flow, order flow, order book, open interest, funding rate, short interest, on chain, reddit, book value, market cap, ai prediction, machine learning, neural network, headline, headlines, gdp, unemployment"
    ),
    "PATTERN": _each(
        "hammer, doji, engulfing, bullish engulfing, bearish engulfing, head and shoulders, double top, double bottom, triangle, wedge, flag, cup and handle, elliott, fibonacci, fib, support, resistance, trendline, trend line, divergence, bullish divergence, bearish divergence, harmonic, pivot, pivot point, pivot points, gap up, gap down, gaps, gap, fair value gap, order block, liquidity sweep, shooting star, morning star, evening star, pin bar, market structure, break of structure, supply zone, demand zone, heikin ashi, renko, uptrend, downtrend, trend, sideways, consolidation, volatility squeeze, squeeze, spinning top, three white soldiers, hanging man, swing high, swing low, higher timeframe trend, bull market, bear market"
    ),
    "PROMISE": _each(
        "guaranteed to make money, to make money, 100 guaranteed, guaranteed profit, guaranteed profits, risk free profit, risk free profits, risk free returns, guaranteed returns, guaranteed, guarantee, guarantees, can't lose, cannot lose, never loses, never lose, risk free profit, no risk, zero risk, sure thing, 100 percent win, always wins, always win, always profitable, get rich, holy grail, without any risk, cannot fail, can't fail, foolproof, surefire, riskless, risk free money, risk free, free money, never fails, double your money, win every time"
    ),
    # Words the grammar names itself, so that they are known words as well.
    "NAMED": _each(
        "nor, we're, number, forms, neither, crossunders, build, create, approach, style, step, whichever, own, regardless, around, placed, gained, lost, dollars, usd, assume, "
        "pay, s, reached, worth, length, lookback, centerline, setting, noon, midnight, later, until, till, pulls, pull, pulled, retraces, retraced, rallies, "
        "corrects, rallied, adds, first, periods, n, window, timeperiod, len, closed, deviations, std, stdev, sd, devs, deviation, met, satisfied, fulfilled, apply, any, conditions, occur, happen, following, either, one, firstly, second, secondly, third, thirdly, next, finally, lastly, latest, exactly, shortly, sharp, ones, "
        "mark, nr, wr, narrowest, tightest, widest, largest, biggest, formation, pattern, bell"
    ),
    "GLUE": _each(
        "the, a, an, its, it's, is, are, be, been, being, was, were, has, have, had, gets, become, becomes, remains, remain, stays, stay, currently, now, just, "
        "also, simply, please, i, i'd, i'll, i'm, we, you, want, would, like, to, should, will, must, can, could, let, let's, my, our, your, so, very, really, "
        "basically, value, reading, level, their, this, that, these, those, there, there's, having, does, do, did, of, at, by, some, signal, "
        "immediately, then, itself, which, who, me, us, them, use, using, with, for, in, on, from, as, per, set, place, protect, order, orders, trade, trades, "
        "position, positions, strategy, rule, rules, need, needs, condition, conditions, add, include, apply, keep, make, sure, simple, plan, system, run, "
        "backtest, test, try, idea, etc, etf, etfs, i.e, ie, eg, and, it, when, if, signals, here, hello, hi, thanks, thank, "
        "take, whenever, today, price, market, stock, trading, automatically, where, while, going, "
        "looking, look, goes, put, bar, time, above all, day, happens, occurs, appears, shows, triggers, triggered, true, met, given, "
        "build, create, step, trigger, system, setup, "
        "per trade, rule of, since it, because it, they, he, she, his, her"
    ),
    "NOISE": _each(
        "the, a, an, its, it's, is, are, be, been, being, was, were, has, have, had, become, becomes, remains, remain, stays, stay, currently, now, "
        "just, also, simply, please, i, we, you, want, would, like, to, should, will, must, can, could, let's, let, my, our, your, so, very, really, "
        "value, reading, level, their, this, that, then, there, there's, these, trades, sits, of the, does, do, did, has been, have been, going, "
        "they, value of, even, itself, shows, stands, reads, still, i'd, i'll"
    ),
}


def _indicator_phrases() -> Phrases:
    phrases: Phrases = dict(spoken_names())
    for phrase in ("price", "high", "low"):
        phrases.pop(phrase, None)
    return phrases


CATEGORIES["INDICATOR"] = _indicator_phrases()
CATEGORIES["PIVOT_LEVEL"] = {word: o.name for o in REGISTRY["PIVOT"].outputs for word in o.words if len(word) == 2}
COMPANIES = {
    "apple": "AAPL", "google": "GOOG", "alphabet": "GOOG", "microsoft": "MSFT", "ibm": "IBM", "facebook": "FB", "meta": "META",
    "tesla": "TSLA", "amazon": "AMZN", "nvidia": "NVDA", "bitcoin": "BTC-USD", "btc": "BTC-USD", "ethereum": "ETH-USD", "eth": "ETH-USD",
    "eurusd": "EURUSD", "btcusd": "BTCUSD", "gbpusd": "GBPUSD", "usdjpy": "USDJPY", "goog": "GOOG", "aapl": "AAPL", "msft": "MSFT",
    "spy": "SPY", "qqq": "QQQ", "tsla": "TSLA", "nvda": "NVDA", "amzn": "AMZN",
}  # fmt: skip

# Written in capitals, and no symbols.
ACRONYMS = _codes(
    "IBS ROI ROE HA NR ETF ETFS EMA PM AM ET EST EDT CET CEST UTC GMT PST CST BST ATH ATL HTF LTF TF OR AND NOT IF EOD BOD OHLC "
    "OHLCV HLC OHL PNL USD USDT USDC EUR GBP JPY CHF AUD CAD INR OB OS FVG BOS ICT SMC ORB HOD LOD PDH PDL NYSE NASDAQ LSE CME US "
    "UK EU AI ML API CSV FX IPO CAGR MDD DD YTD MTD QTD RS DI DMI TTM HMA PSAR SAR ZLEMA ALMA LSMA TSI CMF OBV PPO UO AO TRIX DPO "
    "NB PS IMO FYI TBH BTW EG IE II III IV VI VII VIII DCA HFT ID OK NO YES TBD NA BE RR SR ZZ TD TDI VP POC VAH VAL CVD VSA MTF "
    "RTH ADR CPR HH HL LH LL EQH EQL EP TPS MOO MOC LOC SOD"
)

# What begins behind a symbol: "buy ALL when ...".
BEHIND_SYMBOLS = _codes("when if whenever on once at as while only with using")
# Written in capitals behind "buy" to stress what is said.
STRESSED = _codes(
    "only when if once whenever always never at as the a an both either more back in again long short sell buy stop exit no not and or"
)

Trie = dict[str, list[tuple[tuple[str, ...], Any]]]


@cache
def trie(*names: str) -> Trie:
    """Return the phrases of categories by their first word, longest first."""
    result: Trie = {}
    for name in names:
        for phrase, value in CATEGORIES[name].items():
            words = tuple(phrase.replace("-", " ").split())
            result.setdefault(words[0], []).append((words, value))
    for phrases in result.values():
        phrases.sort(key=lambda item: -len(item[0]))
    return result


@cache
def vocabulary() -> frozenset[str]:
    """Return every single word the grammar knows."""
    words = {w for phrases in CATEGORIES.values() for phrase in phrases for w in phrase.replace("-", " ").split()}
    outputs = {w for e in REGISTRY.values() for o in e.outputs for phrase in o.words for w in phrase.split()}
    return frozenset(words | outputs | set(COMPANIES))


@cache
def corrector() -> Corrector:
    return Corrector(vocabulary())
