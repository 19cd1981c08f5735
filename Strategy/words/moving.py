"""Words of movement: rising, turning, touching, breaking out, how far something moved."""

from __future__ import annotations

from itertools import product

from Backtest.market import TIMEFRAMES, in_words
from Strategy.words.table import Table, meanings, table

RISING = meanings(
    {
        "rising": """rising, rises, increasing, increases, going up, moving up, trending up, sloping up, climbing, growing, up, higher,
        turning up, risen, increased, gone up, heading up, pointing up, ascending, rose, slopes up, trends up, goes up, sloping upward,
        trending higher, moves up, moves higher, climbs, grows, is up, ticks up""",
        "falling": """falling, falls, decreasing, decreases, going down, moving down, trending down, sloping down, declining, dropping, down,
        lower, turning down, fallen, decreased, gone down, heading down, pointing down, descending, fell, slopes down, trends down,
        goes down, declines, drops, dropped, sloping downward, trending lower, moves down, moves lower, shrinking, is down, ticks down,
        dips, sinks, slides, slumps""",
    }
)
TURNS = meanings(
    {
        "up": """turns up, turn up, starts rising, starts to rise, turns higher, hooks up, curls up, begins to rise, ticks up""",
        "down": """turns down, turn down, starts falling, starts to fall, turns lower, hooks down, curls down, begins to fall""",
    }
)
SIGN = meanings(
    {
        (
            "cross",
            "above",
        ): """turns positive, goes positive, becomes positive, turn positive, turns green, flips green, turns bullish,
        flips positive, flips bullish, crosses into positive territory, crosses positive""",
        (
            "cross",
            "below",
        ): """turns negative, goes negative, becomes negative, turn negative, turns red, flips red, turns bearish,
        flips negative, flips bearish, crosses into negative territory, crosses negative""",
        ("level", "above"): "positive, bullish, green, in positive territory",
        ("level", "below"): "negative, bearish, red, in negative territory",
    }
)
# Said of an indicator that has only two directions, such as Supertrend.
TREND_FLIP = meanings(
    {
        "above": """turns up, turn up, turning up, flips up, flip up, goes up, goes green, goes bullish, goes long, turns long, flips long,
        becomes bullish, becomes green, changes to up, changes to bullish, changes to green, switches to up, switches to bullish,
        switches to green, switches up, turns to up, turns to bullish, turns to green, flips to up, flips to bullish, flips to green,
        turns green, flips green, turns bullish, flips bullish, turns positive, flips positive, becomes positive, goes positive,
        reverses up, flips upward, flips upwards, changes to an uptrend""",
        "below": """turns down, turn down, turning down, flips down, flip down, goes down, goes red, goes bearish, goes short, turns short,
        flips short, becomes bearish, becomes red, changes to down, changes to bearish, changes to red, switches to down,
        switches to bearish, switches to red, switches down, turns to down, turns to bearish, turns to red, flips to down, flips to bearish,
        flips to red, turns red, flips red, turns bearish, flips bearish, turns negative, flips negative, becomes negative, goes negative,
        reverses down, flips downward, flips downwards, changes to a downtrend""",
        "": """flips, changes direction, switches direction, changes its direction, changes color, changes colour, reverses, flips direction,
        flips sides""",
    }
)
TREND_STATE = meanings(
    {
        "above": """up, is up, in an uptrend, in uptrend, in an up trend, bullish, green, positive, trending up, pointing up, long""",
        "below": """down, is down, in a downtrend, in downtrend, in a down trend, bearish, red, negative, trending down, pointing down, short""",
    }
)
EXTREME = meanings(
    {
        "oversold": "oversold, in oversold territory, oversold territory, in the oversold zone, in oversold",
        "overbought": "overbought, in overbought territory, overbought territory, in the overbought zone, in overbought",
    }
)
TOUCHES = table("""touches, touch, touching, touched, hits, hit, reaches, reach, tags, tag, reaching, hitting, gets to, gets down to,
    gets up to, tests, test, retests, retest, testing, retesting""")
BOUNCES = table("""bounces off, bounce off, bouncing off, bounced off, bounces off of, bounce off of, bounces from, bounce from,
    bounced from, rebounds off, rebounds from, rebound off, rebound from, rebounded off, rebounded from, is rejected at, gets rejected at,
    is rejected from, rejected at""")
NEW = table("""new, a new, fresh, makes a new, sets a new, hits a new, makes new, at a new, at a, at an, reaches a new, prints a new,
    closes at a new, at its, at the, makes a, hits a, breaks to a new, hits its, hits the, reaches a, posts a new, closes at a""")
BREAKOUT = table("breakout, breakouts, breaks out, break out, breaking out, donchian breakout", "HIGHEST")
BREAKDOWN = table("breakdown, breakdowns, breaks down, break down, breaking down", "LOWEST")
# "The Supertrend line is up" is said of the line.
LINES = table("line, lines")
# What a movement is told further with.
GOES_ON = table("for, by, from, over, than, to, through")
# Said of a level that need not be passed; who "hits the 20-day low" makes a new one.
TOUCHING = table("touches, touch, touching, touched, tags, tag, tests, test, retests, retest, testing, retesting")
NET = table("up, down, higher, lower")  # "is up over the last 5 days" is the change in all
LOWER = table("lower")  # "the lower Bollinger band" is no band that falls
OVER_SPAN = table("over, in, during")  # behind one of these
# "Pulls back 5% from its high": those that rise, those of a fall that crosses its level, and others.
_MOVED_UP = table("is up, up, rises, bounces, rallies, rallied, rise", "up")
_MOVED_DOWN = table("drops, falls, dips, drop, fall", "down")
MOVED = (
    _MOVED_UP
    | _MOVED_DOWN
    | table(
        """pulls back, pull back, pulled back, retraces, retraced, declines, fell, dropped, fallen, is down, down, corrects, sells off,
        trades, closes""",
        "other",
    )
)
# Where a distance lies. Of "below" and "above" it is passed, of the others it may be met.
PASSED_SIDES = meanings({"below": "below, under", "above": "above, over"})
AWAY_FROM = table("from, away from", "")
OFF_FROM = table("off, off of", "")
DISTANCE_SIDES = (
    PASSED_SIDES | table("higher than", "above") | table("lower than, beneath", "below") | AWAY_FROM | OFF_FROM
)
MORE_THAN = table("at least, more than")  # "drops more than 5%"
BEYOND = table("more than, over")
GAINED = meanings({"rising": "gains, gained, gain, rallies, jumps, adds", "falling": "lost, loses"})
BULL_OR_BEAR = meanings({"up": "bullish", "down": "bearish"})
CROSS_WAYS = meanings({"above": "up, bullish, upward, upwards", "below": "down, bearish, downward, downwards"})
PULLBACKS = table("pullback, pull back, dip, drop, decline, correction, retracement, fall, drawdown, sell off")
CROSS_HAPPENS = table("happens, occurs, appears, forms, of, on")  # "a golden cross happens"
BREAKOUT_SPAN = table("of, of the, over, of the last, over the last")  # "a breakout of the last 20 days"
MAKES_EXTREME = table("closes, close, trades, prints")  # "closes at a new 20-day high"
HIGHEST_OR_LOWEST = meanings(
    {"high": "the highest, highest, at the highest", "low": "the lowest, lowest, at the lowest"}
)
# "the lowest close of ..."
EXTREME_NOUN = table("close, closing price, value, level, volume, high, low, point, reading")

# Moves of the price, or of the trade, since the entry: "the price drops 5%", "it gains 5%". Each phrase means its verb.
_OF_NOTHING = ("", "it")
_PRICES = (
    "price", "the price", "stock", "the stock", "market", "the market", "close", "share price", "the share price", "asset", "the asset",
)  # fmt: skip
_TRADES = ("position", "the position", "trade", "the trade", "my position", "we", "i", "the investment")
_CLIMBS = (
    "rises", "rise", "climbs", "increases", "goes up", "moves up", "jumps", "advances", "rallies", "grows", "moves higher", "goes higher", "has risen",
    "rose", "moves", "appreciates", "ticks up", "runs up",
)  # fmt: skip
_DROPS = (
    "drops", "drop", "falls", "fall", "declines", "decreases", "goes down", "moves down", "dips", "sinks", "slides", "slips", "crashes", "moves lower",
    "goes lower", "has fallen", "has dropped", "fell", "dropped", "tanks", "depreciates", "retreats",
)  # fmt: skip
_GAINS = ("gains", "gained", "gain", "has gained", "makes", "has made", "made", "earns", "is winning", "wins")
_LOSES = ("loses", "lost", "lose", "has lost", "is losing", "gives back")


def _moves(subjects: tuple[str, ...], verbs: tuple[str, ...]) -> Table:
    return Table({f"{subject} {verb}".strip(): verb for subject, verb in product(subjects, verbs)})


PRICES, TRADES = table(_PRICES), table((*_TRADES, "it"))
SUBJECTS = table((*_PRICES, "it"))
# Of "it" or of nothing named, a gain is the trade's; of a price it is the price's, which is a short's loss.
UP_PRICE = _moves((*_OF_NOTHING, *_PRICES), _CLIMBS) | _moves(_PRICES, _GAINS)
DOWN_PRICE = _moves((*_OF_NOTHING, *_PRICES), _DROPS) | _moves(_PRICES, _LOSES)
UP_TRADE, DOWN_TRADE = _moves((*_OF_NOTHING, *_TRADES), _GAINS), _moves((*_OF_NOTHING, *_TRADES), _LOSES)
BARE_MOVES = table("moves")  # which say no way
MOVE_WAYS = meanings({"up": "up, higher", "down": "down, lower"})
UP_OR_DOWN = meanings({"up": "up", "down": "down"})
BY_MORE = table("by, by more than, by at least, more than, at least")
MORE = table("by more than, more than")
MOVE_NOUNS = meanings(
    {
        "up": "rise, increase, rally, jump, advance, move up, higher, upmove, upward move",
        "down": "drop, fall, decline, decrease, dip, lower, move down, pullback, correction, downward move",
    }
)
ENTRY_SIDES = meanings({"up": "above, over", "down": "below, under"})
# What follows a move of something else than the trade: "drops 5% in 3 days", "from its high".
ELSEWHERE = table(
    """in, over, within, during, from, below, above, off, under, today, on, since, a day, per, for, after, than, of"""
)
LOW = table("low, lows, lowest")
OR_WHEN = table("or, when, if")  # between two moves of one subject
# The close, of which a distance from the entry is judged when it is known; of a daily chart "the daily close" as well.
CLOSES = _moves(tuple(s for s in (*_OF_NOTHING, *_PRICES) if s != "close"), ("closes", "closed", "has closed"))
_NOUNS_OF_CLOSE = tuple(product(("", "the ", "a ", "its "), ("close", "closing price")))
THE_CLOSE = table(f"{lead}{noun}" for lead, noun in _NOUNS_OF_CLOSE)
CLOSE_OF = {
    timeframe: THE_CLOSE | table(f"{lead}{in_words(timeframe)} {noun}" for lead, noun in _NOUNS_OF_CLOSE)
    for timeframe in TIMEFRAMES
}
