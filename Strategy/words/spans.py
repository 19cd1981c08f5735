"""Words of time that is counted: units, time frames, how long ago, over how many bars."""

from __future__ import annotations

from Strategy.words.table import meanings, table

UNIT = meanings(
    {
        "bar": """bar, bars, candle, candles, period, periods, candlestick, candlesticks, session, sessions, trading session, trading sessions""",
        "minute": "minute, minutes, min, mins, m",
        "hour": "hour, hours, hr, hrs, h",
        "day": "day, days, d, trading day, trading days",
        "week": "week, weeks, wk, wks, w",
        "month": "month, months, mo",
        "year": "year, years, yr, yrs",
    }
)
FRAME = meanings(
    {"1m": "minutely", "1h": "hourly, one hour", "1d": "daily, end of day, eod", "1wk": "weekly", "1mo": "monthly"}
)
CHART = table("""chart, charts, bars, bar, candles, candle, timeframe, time frame, timeframes, data, interval, basis, period chart,
    resolution, candlesticks""")
PREVIOUS = meanings(
    {
        1: """yesterday's, yesterdays, previous, prior, previous day's, prior day's, previous bar's, prior bar's, previous candle's,
        previous days, prior days, last bar's, last day's, the day before's, last candle's, preceding, previous day, previous bar,
        prior day, prior bar, previous candle, preceding day's""",
        0: "today's, todays, this bar's, current, today, current bar's",
    }
)
YESTERDAY = table("""yesterday, of the previous bar, of the previous day, of the prior bar, the day before, the bar before,
    of the prior day, of yesterday, a bar before, of the previous candle, previously""")
AGO = table("ago, earlier, back, before, prior")
LAST = table("last, past, previous, prior, most recent, preceding, recent")
IN_A_ROW = table("in a row, straight, consecutive, consecutively, successive, running, in succession, back to back")
FOR = table("""for, over, during, throughout, for at least, for each of, in, over the last, for the last, during the last, for the past,
    over the past, in the last, at least""")
WITHIN = table("""within, within the, in, in the, during the, at some point in the, at any time in the, sometime in the, any time in the,
    anytime in the, at least once in the, over the, at some point during the, during""")
EACH_OF = table("""on each of the last, on each of, for each of the last, each of the last, on every one of the last, for all of the last,
    on all of the last, all of the last""")
BEFORE_FRAME = table("on, the")  # "on" may have been read as a word such as "when"
# The bars of a whole strategy: "daily AAPL", "on the 4-hour chart".
FRAME_WORDS = meanings({"1h": "hourly", "1d": "daily", "1wk": "weekly", "1mo": "monthly"})
UNIT_CODES = meanings(
    {
        "m": "minute, minutes, min, mins, m",
        "h": "hour, hours, h, hr",
        "d": "day, d",
        "wk": "week, wk, w",
        "mo": "month, mo",
    }
)
CHARTS = table(
    "chart, charts, bars, bar, candles, candle, timeframe, timeframes, data, interval, basis, frame, resolution"
)
OF_INDICATOR = table("on, of")  # "RSI on 1h" is a time frame of the indicator
# "above 1h ..." begins no name
COMPARISON_ENDS = table("<, >, <=, >=, =, above, below, over, under, than, least, most, at")
FRAME_SAID = table("timeframe, interval, frame, is")  # "timeframe: 1h"
FRAME_NOUNS = table("timeframe, frame, interval, chart")  # "the timeframe is 1h"
FRAME_LEAD = table("on, trade, trading, using")  # "trade on 1h"
NO_FRAME_AHEAD = table("ago, in, high, low, or, and, loss, stop, range, close, volume")  # "the daily high" says no bars
COUNT_LEAD = table("for, last, after, within, past, hold, every")  # "for 1 day" is counted
LONG_UNITS = table("day, days, week, month, d, w")  # "1 day" is rather counted than a chart
THE_OR_A = table("the, a")
CHART_NOUNS = table("bars, bar, chart, candles, timeframe, frame, data, basis, candle, interval")
OVER = table("over the last, over, of the last, for the last, over the past")
OF_RETURN = table("in the last, of the past, for the past")  # "the return in the last 10 days"
LAST_OR_PAST = table("last, past")  # "in the last 5 bars"
# "up 3% over 5 days"
OF_MOVE = table("""over the last, in the last, over the past, over, in the past, in, within, within the last, during the last, from,
    for the last""")
# "is the lowest close of the last 5 days"
OF_EXTREME = table("""of the last, of last, in last, over last, of past, of the past, in the last, in the past, over the last,
    over the past, in, of, for, over""")
# "the highest high of the last 20 days"
OF_HIGH_OR_LOW = table("""of the last, of last, of past, over last, in last, of previous, of the past, over the last, in the last,
    of the previous, in the past, for the last, of, over the past, of the prior, over the previous, over, from the last, within the last""")
FROM_YESTERDAY = table("""from yesterday, from the previous close, in a day, from yesterday's close, from the prior close,
    from previous close, in one day, in a single day""")
THAN_YESTERDAY = table("from yesterday, than yesterday, than the day before")
SINCE_YESTERDAY = THAN_YESTERDAY | table("than the previous close, than the previous bar, today, from the previous bar")
TODAY = table("today, on the day, in a day, on the bar, in one bar, in a bar, a day, a bar")  # "up 3% today"
OF_TODAY = table("of today, today")  # "the high of today"
OF_THE_DAY = table("of the day, of the bar")  # "the low of the day"
PRICE_OF_THE_DAY = table("price, of the day, of the bar")
# Said of a day, whatever the bars are
OF_A_DAY = table("day, day's, days, today, today's, todays, yesterday, yesterday's, yesterdays")
DAY_UNITS = table("day, week, month, hour, bar, period, d")  # "the 200-day"
NUMBER_OF = table("the number of, number of")  # "the number of bars since ..."
IT_HAS_BEEN = table("it has been, it's been, it is, it's, there have been")  # "it has been 10 bars since ..."
HAVE_PASSED = table("have passed, passed, ago, or more")  # "10 bars have passed since ..."
# "the 20-day high was made 3 bars ago"
HAPPENED = table("was made, was set, was hit, was, occurred, happened, came, came in, formed")
WITHIN_THE_LAST = table("within the last, in the last, within the past, in the past")
HOW_LONG = meanings(
    {
        ">": "more than, over",
        ">=": "at least, no less than",
        "<": "less than, fewer than, under",
        "<=": "at most, no more than, not more than",
    }
)
NEXT_DAY = table("""on the next day, the next day, next day, the following day, the next bar, next bar, a day later, one day later,
    the day after, the next morning, at the next open, the next session, the next trading day, a bar later""")
