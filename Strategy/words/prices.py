"""Words for prices and for numbers beside them: columns, highs and lows, averages, multiples, returns."""

from __future__ import annotations

from Strategy.words.table import Table, meanings, table

PRICE = meanings(
    {
        "Close": """price, prices, close, closes, any close, any daily close, closing price, close price, the close, stock, stock price,
        share price, market, closing prices, candle, last price, spot, price action, the market, the stock, shares, asset, pair, instrument,
        current price, index""",
        "Open": "open, opening price, open price, opens, the open",
        "High": "high, highs, high price, intraday high, the high",
        "Low": "low, lows, low price, intraday low, the low",
        "Volume": "volume, volumes, trading volume, traded volume, vol",
    }
)
HIGHLOW = meanings(
    {
        "high": "high, highs, highest high, highest, max, maximum, peak, top",
        "low": "low, lows, lowest low, lowest, min, minimum, bottom, trough",
    }
)
AVERAGE = table("average, mean, avg, typical, usual, normal, averages")
MULTIPLE = meanings(
    {1: "x, times, time", 2: "twice, double, two times", 3: "triple, three times", 0.5: "half, half of"}
)
# The change of a price over some bars, in percent.
RETURN = table("""return, returns, roi, price return, price performance, rate of return, performance, percent change, percentage change,
    price change in percent""")
DEVIATIONS = table("""standard deviations, standard deviation, std devs, std dev, std deviations, std deviation, stdevs, stdev, stds, std,
    sds, sd, sigma, sigmas, σ, deviations, standard devs""")
SIGNS = meanings({"+": "+, plus", "-": "-, minus, less"})
# The words of a distance by the side of X on which "2 ATR below X" is.
SIDES = meanings({">": "above, over, higher", "<": "below, under, lower, off"})
UNDER = table("under")
LESS = table("less")
TIMES = meanings({"*": "*, times", "/": "/, divided by"})
# "2% above X" and "95% of X"; of "5% off X" what X is tells the side.
SHARE_SIDES = meanings(
    {"above": "above, over, higher than", "below": "below, under, lower than", "of": "of", "away": "off, from"}
)
ABOVE_OR_BELOW = meanings({"above": "above, over", "below": "below, under"})
ABOVE = table("above, over")
BELOW = table("below, under, beneath")
# "when GOOG closes above 500" speaks of its price
BEFORE_SUBJECTS = table("when, if, once, while, whenever, after, until, unless, and, or, as, on, with, then, where")
BEFORE_COMPARED = table("above, below, over, under, than, through, <, >, <=, >=")
CLOSES_VERB = table("closes")
CLOSE_VERBS = table("closes, closed, close")
ONLY_OF_PRICES = CLOSE_VERBS | table("trades, traded, opens, opened")
CLOSING_VERBS = CLOSE_VERBS | table("closing")
COMING_BACK = CLOSING_VERBS | table("back, recovers, reclaims, regains, returns")
VERBS = table("""is, was, has, closes, closed, trades, trading, makes, sets, stays, holds, remains, gaps, gains, loses, goes, moves, drops,
    jumps""")
ZERO = table("zero line, the zero line, centerline, zero")
OF_A_NUMBER = table("level, mark, price level, dollar level, dollar mark, handle, dollars")  # "the 200 level"
BEFORE_LENGTH = table("the, its, my, their")  # "the 200" may be an average
FARTHER_SIGNS = table(">, >=, above, over")  # "> 2 sigma below" may mean farther away
IT_OPENS = table("it opens, price opens, stock opens")
PRICE_ITSELF = table("price itself")
IT_WAS = table("it was, they were, it did")  # "lower than it was 5 days ago"
CLOSES = table("close, closes, closing price")
OPENS = table("gaps, opens, is")  # "the open gaps above ..."
VOLUME = table("volume")
TYPICAL_PRICE = table("typical price")
TYPICAL = table("typical")
PREVIOUS_EXTREME = table("previous, prior, preceding, last, past")  # "the previous 20-day high"
CLOSING = table("closing")
CLOSING_EXTREME = CLOSING | table("high close, low close")
# A high, or a low, and of which price: None where another word may name it.
EXTREMES = Table(
    {
        "highest high": ("high", "High"),
        "lowest low": ("low", "Low"),
        "highest close": ("high", "Close"),
        "lowest close": ("low", "Close"),
        "highest": ("high", None),
        "lowest": ("low", None),
        "high": ("high", "High"),
        "low": ("low", "Low"),
    }
)
# Said of one of two averages; a "fast stochastic" would be another indicator.
PACES = table("fast, slow, faster, slower, short term, long term, shorter, longer, quick, medium term")
FAST = table("fast, faster, quick, shorter")
SLOW = table("longer, slow, slower")
FALLS = table("drops, falls, drop, fall, dips, has fallen, has dropped")
RISES = table("rises, rise, has risen")
IS = table("closes, closed, trades, moves, has moved")
AWAY = table("away")
DEVIATION_NOUNS = table("standard deviations, standard deviation, std devs, std dev, stdev, std, sd, deviations")
