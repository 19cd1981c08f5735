"""Numbers in words, and the words that make a number a percentage or an amount of money."""

from __future__ import annotations

from Strategy.words.table import Table, meanings, table

_UPWARDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

UNITS = Table({word: value for value, word in enumerate(_UPWARDS.split())})
TENS = Table({word: 10 * value for value, word in enumerate(_TENS.split(), start=2)})
HUNDRED, THOUSAND = table("hundred"), table("thousand")
SCALES = meanings({1000.0: "thousand", 1000000.0: "million, mio", 1000000000.0: "billion"})
DOLLARS = table("dollars, usd, usdt, usdc, bucks")
PERCENT = table("%, percent, pct, percents, per cent")
BASIS_POINTS = table("bps, bp, basis points, basis point")
PERCENT_NAMES = table("percent b, percent rank")  # names of indicators: "20 percent b", "50 percent rank"
# In front of these a number in letters is an amount: "volume above 5m".
BEFORE_AMOUNTS = table("<, >, <=, >=, above, over, than, least, below, under, exceeds, of, $")
# A number word between these counts what was named before; it is no level and no period.
NAMED_BEFORE = table("them, these, those, the, my, both")
PLURALS = table("averages, moving averages, lines, emas, smas, mas, bands, levels, indicators")
ONE, COUNTING = table("one"), table("two, three")
OF, OR, BOTH_OR_THE = table("of"), table("or"), table("the, both")
ADJECTIVES = table("""first, second, third, other, another, either, neither, each, any, every, this, that, which, same, slow, slower,
    slowest, fast, faster, fastest, short, shorter, long, longer, upper, lower, middle, higher, bigger, smaller, latter, former, daily,
    weekly, monthly, hourly, at least, red, green, white, black, bullish, bearish, up, down""")
CLAUSE_ENDS = table("and, or, then, is, are, crosses, of, on, rises, falls, turns, by")
