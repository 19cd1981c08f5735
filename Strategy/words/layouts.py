"""Words that order a text: headings, names, steps."""

from __future__ import annotations

from Strategy.words.table import meanings, table

SECTION = meanings(
    {
        (
            "enter",
            "long",
        ): """entry trigger, entry, entries, entry rules, entry rule, entry conditions, entry condition, entry criteria,
        entry signal, buy rules, buy rule, buy conditions, long entry, long entries, long entry rules, buy signal, buy criteria, setup,
        entry signals, how to enter, buy condition, long entry conditions, long rules, long setup, long side, long trades, long positions,
        long strategy, long, longs, buy, when to buy, enter""",
        (
            "enter",
            "short",
        ): """short entry, short entries, short entry rules, short rules, short conditions, short setup, short side,
        short trades, short positions, short strategy, short, shorts, short entry conditions, sell short, enter short""",
        (
            "exit",
            None,
        ): """exit trigger, exit, exits, exit time, time of exit, exit rules, exit rule, exit conditions, exit condition,
        exit criteria, exit signal, sell rules, sell rule, sell conditions, exit signals, how to exit, sell condition, sell signal,
        sell criteria, when to sell, sell""",
        ("exit", "long"): "long exit, long exits, exit long, long exit rules, long exit conditions",
        (
            "exit",
            "short",
        ): """short exit, short exits, exit short, cover, short exit rules, cover rules, short exit conditions""",
        (
            "risk",
            None,
        ): """risk, risk management, risk rules, money management, protection, stops, risk control, risk controls, risk limits""",
        ("size", None): "size, sizing, position size, position sizing, money, size rules, capital",
        ("filter", None): "filter, filters, trend filter, conditions, time filter, regime filter",
        (
            "other",
            None,
        ): """settings, setup details, parameters, market, instrument, notes, execution, markets, instruments, strategy rules,
        rules, strategy, steps, the strategy, my strategy, the rules, indicators, costs, backtest, timeframe, time frame, assumptions,
        trading rules, plan, trading plan, the plan, my plan""",
    }
)
NAME_LEAD = table("name, strategy name, strategy, title, called")
STYLE = table("""mean reversion, trend following, swing trading, momentum trading, breakout trading, mean reverting, day trading,
    swing trade, trend follower, trend trading""")
STYLE_LEAD = table("here is, this is, build, make, create, i want")  # "here is a swing trading system"
STYLE_NOUNS = table("system, strategy, approach, setup, idea, style")  # "a trend following system"
ORDINALS = table("first, firstly, second, secondly, third, thirdly, next, finally, lastly")  # "First, buy ..."
STEP = table("step, rule")  # "Step 3:"
SIDE_OF_ENTRY = meanings({"long": "long, longs", "short": "short, shorts"})
# Words of a rule; a line that holds one is no title.
RULE_WORDS = table("above, below, buy, cover, enter, exit, if, over, sell, short, stop, under, when")
# Headings of all that is said of one side, entries and exits alike.
OF_A_SIDE = table("""long, long positions, long rules, long setup, long side, long strategy, long trades, longs, short, short positions,
    short rules, short setup, short side, short strategy, short trades, shorts""")
NAMES_SIDE = table("long, short, buy")  # "Long entry" below "Short" is of longs all the same
BEFORE_HEADING = table("or, and, then")  # "... and exit: RSI > 70"
ORDERS = table("buy, sell, short, enter, exit, cover")  # "RSI oversold: buy" is no title
NAMED = table("strategy, system, setup, approach, method")  # "RSI(2) strategy: buy ..."
