"""Words for indicators, their lines and their lengths; names and lines come from the registry."""

from __future__ import annotations

from Backtest.indicators import REGISTRY, Output, spoken, spoken_names
from Strategy.words.table import Table, table

BANDS = table(
    """band, bands, channel, line, lines, boundary, envelope, rail, cloud, value, indicator, reading, histogram bars, oscillator"""
)
CLOUD = table("cloud, the cloud, kumo, ichimoku cloud")
# "SMA with a period of 20"
PERIOD = table("""with a period of, with period, with a length of, with length, period, length, of period, of length, with a lookback of,
    using a period of, with settings, settings, with parameters, with, lookback, with a, using""")
SIMPLE = table("sma, simple")
# What "the 200-day" and "EMA 20 and 50" end at
BEHIND_LENGTHS = table("and, or, then, are, cross, both, sell, exit, else, otherwise, is, while")
LENGTH = table("length, period")  # "length 20"
LENGTH_NAMES = table("length, period, periods, n, lookback, window, timeperiod, len")  # "RSI(length=14)"
LOOKBACK = table("period, lookback")
SETTINGS = table("period, lookback, setting, settings")
LOOSE = table("over, with, using, a")  # "with 20" is no period unless bars are said
ROLLING = table("rolling")  # "the rolling 20-day high"
MOVING = table("rolling, moving")
OF_SOURCE = table("of the, of, on the, applied to, on")  # "SMA of volume"
OF_THE_BAND = table("of the bands, of the band, of the channel")
OF_CHANNEL = table("of the, of a, of")  # "the middle band of the Keltner channel"
PIVOT_NOUNS = table("pivot point, pivot level, pivot, level, resistance, support")
PLAIN_AVERAGES = table("sma, ema, wma, ma, average")


def _names() -> Table:
    """Return the names of the registry's indicators; what is a price first of all is no name."""
    return Table({phrase: name for phrase, name in spoken_names().items() if phrase not in ("price", "high", "low")})


INDICATOR = _names()
SIGNALLED = Table({phrase: name for phrase, name in INDICATOR.items() if REGISTRY[name].has("signal")})
# "R1": of which indicator and which of its outputs.
PIVOT_LEVEL = Table(
    {
        word: (entry.name, output.name)
        for entry in spoken().values()
        for output in entry.outputs
        for word in output.words
        if entry.of_bar_before and len(word) == 2
    }
)
EDGES = table("lower, middle, upper")
LEADING_LINES = table("upper, lower, middle, mid, top, bottom")

# What is meant by an average, by deviations, by a range, where no indicator is named.
PLAIN_AVERAGE, DEVIATION, DEVIATION_BANDS, TRUE_RANGE, RATE_OF_CHANGE = "SMA", "STDDEV", "BB", "ATR", "ROC"
EXTREMES = {entry.extreme: entry.name for entry in spoken().values() if entry.is_extreme}
CLOUDED = next(entry.name for entry in spoken().values() if entry.cloud)

# Lines that are said without their indicator.
MIDDLE = table("middle, mid, centre, center, basis, midline", "middle")
CHANNEL_LINES = table("upper, top", "upper") | table("lower, bottom", "lower") | MIDDLE


def _lines_alone() -> Table:
    """Return the lines that are known without their indicator, each with the outputs it may be, by indicator."""
    found: dict[str, dict[str, Output]] = {}
    for entry in spoken().values():
        for output in entry.outputs:
            for word in output.alone:
                found.setdefault(word.replace("-", " "), {})[entry.name] = output
    return Table(found)


LINES_ALONE = _lines_alone()
# The lines of each indicator behind its name: "MACD histogram", "BB(20, 2).lower".
LINES = {
    entry.name: Table({word: o.name for o in entry.outputs for word in (*o.words, o.name.replace("_", " "))})
    for entry in spoken().values()
}
ENDS = table(
    "upper, lower, middle, signal, hist, k, d, line, direction, macd, a, b, volume, tenkan, kijun, high, low, open, close"
)
