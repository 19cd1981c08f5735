"""Words for bars by their color, their range and their place beside the bar before."""

from __future__ import annotations

from itertools import product

from Strategy.words.table import Table, meanings, table

UP_BAR = meanings(
    {
        "rising": """up closes, up close, higher closes, higher close, up days, up day, up bars, up bar, positive closes, winning days, gains,
        rising closes, advancing days""",
        "falling": """down closes, down close, lower closes, lower close, down days, down day, down bars, down bar, negative closes,
        losing days, declines, falling closes, declining days, losses""",
        "High": "higher highs, higher high",
        "HLow": "higher lows, higher low",
        "Low": "lower lows, lower low",
        "LHigh": "lower highs, lower high",
        "green": """green candles, green candle, green bars, green bar, bullish candles, bullish candle, green days, green day, white candles,
        bullish bars, bullish bar, up candles, up candle""",
        "red": """red candles, red candle, red bars, red bar, bearish candles, bearish candle, red days, red day, black candles, bearish bars,
        bearish bar, down candles, down candle""",
    }
)
BAR_SHAPE = Table(
    {
        f"{shape} {unit}": (shape, unit)
        for shape, unit in product(("inside", "outside"), ("bar", "candle", "candlestick", "day", "week", "session"))
    }
)
COLORS = table("red, green, white, black, bullish, bearish")
OF_BARS = table("red, green, white, black, bullish, bearish, up, down, higher, lower")
ONES = table("ones, one")  # "two red ones"
# "price makes 3 higher highs"
MAKES = table("price makes, the price makes, it makes, makes, price prints, we get, we have, there is")
FIRST = table("the first, first")
DAYS_OF = table("of, where, with, that, in which")  # "3 consecutive days of rising volume"
# "yesterday was an inside day"
BEFORE = table("""yesterday had, the previous bar had, the previous day had, yesterday was, yesterday is, yesterday, the previous bar was,
    the previous bar is, the previous day was, the previous day is, the prior day was, the prior bar was, the prior day is,
    the prior bar is, the day before was, the bar before was, the previous candle was, the previous candle is, previous bar is,
    previous bar was, prior bar is, prior bar was, prior day was, prior day is, previous day was, previous day is""")
# "today is an inside day"
NOW = table("""today is, today was, today, the current bar is, current bar is, this bar is, the bar is, the day is, bar is, day is,
    the candle is, this candle is, it is, it's, today has, the bar has, this bar has, the day has, the current bar has, it has, there is,
    there's, we have, we get, price forms, price makes, price prints, the market forms, the market makes, the stock forms, the stock makes,
    the last bar is, the last bar was, the latest bar is, the last day was, the last day is""")
# "the range is the narrowest of 7 days"
RANGE = table(
    """range, day's range, bar's range, daily range, today's range, high low range, trading range, candle's range"""
)
WIDTHS = meanings({"<": "narrowest, smallest, tightest, lowest", ">": "widest, largest, biggest"})
# "the narrowest range of the last 7 days"
SPAN = table(
    """of the last, in the last, of the past, in the past, over the last, over the past, in, of, for, over, within the last"""
)
# Words of a place or a level: what stands behind them is no condition of its own.
OF = table("of, from, than, above, below, over, under, beyond, through, past, to, between, both, two, double")
ARTICLES = table("the, a, an, this, that")
# "inside bar breakout" says more than the shape
GOES_ON = table("pattern break, break, breaks, range, setup, up, down")
PATTERN_NOUN = table("pattern, formation")
BY_RANGE = meanings({"<": "nr", ">": "wr"})
NR_UNITS = table("bar, bars, candle, candles, day, days, session")
UNITS = table("bar, bars, candle, candles, day, days, session, sessions")
RANGE_NOUNS = table("range, day, bar")  # "the narrowest day"
LOWEST = table("lowest")
