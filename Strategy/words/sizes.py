"""Words for how much is bought."""

from __future__ import annotations

from itertools import product

from Strategy.words.table import Table, meanings, table


def _lots() -> Table:
    """Return lots by their names, with how many units of a currency pair each is."""
    sizes = {"": 100_000, "standard ": 100_000, "full ": 100_000, "mini ": 10_000, "micro ": 1_000, "nano ": 100}
    return Table({f"{size}{noun}": units for (size, units), noun in product(sizes.items(), ("lot", "lots"))})


SIZE = table("""position size, size, position sizing, sizing, trade size, size each trade, allocate, allocation, invest, investing, put up,
    use, using, uses, risk, risks, risking, stake, deploy, commit, size positions at, size position, size per trade, position, bet, put,
    put in, fixed size, fixed position size, size positions to risk, trade with, order size, lot size, size of, capital per trade,
    size each position at, amount per trade, spend, quantity, with""")
EQUITY = table("""equity, capital, account, portfolio, my account, my capital, my equity, the account, the portfolio, available equity,
    total equity, balance, account balance, cash, my portfolio, funds, the equity, available capital, account equity, my money,
    available cash, total capital, buying power, the capital, the money, my cash, portfolio value, account value, bankroll, wallet""")
PER_TRADE = table("""per trade, per position, each trade, a trade, each time, in each trade, to each trade, to every trade, on each trade,
    every trade, for each trade, in every trade, per entry, on every trade, each position, per order, each, in the trade""")
SHARES = table("shares, share, units, unit, contracts, contract, coins, coin, stocks, tokens, token")
LOTS = _lots()
FULL = table("""all in, full size, full position, fully invested, everything, whole account, full equity, all of my capital,
    the whole account, all capital, all equity, maximum size, all my money, full capital, all available cash, entire account,
    the entire account, all my capital""")
# "each trade risks 1%"
EACH_TRADE = table("each trade, every trade, each position, every position, each entry, every entry")
SIZE_IS = table("of, is, to, at, a, up to, only")  # "position size is 10%"
RISKING = table("risk, risking, risk only")
AT_MOST = table("only, at most, no more than, up to, a maximum of, max")  # "risk only 1%"
SIZE_BEHIND = table("position size, position sizing, position, size, allocation")  # "10% position size"
OF_EQUITY = table("of, of my, of the, of total, of available")
OF_MY = table("of, of my, of the")
PART_OF = table("of the, of my, of, the, my")  # "half of my capital"
AT_RISK = table("at risk")
RISK = table("at risk, risk")  # "1% at risk"
RISKY = table("risk, risks, risking, size positions to risk")  # of SIZE; what is said is at risk
WORTH = table("worth")
WORTH_OF = table("worth of, worth, of")  # "$5,000 worth of GOOG"
# Words of a size that need another, such as "of equity", beside a percentage.
WEAK_OF_PERCENT = table("with, use, using, risk, position, put, put in")
WEAK_OF_MONEY = table("with, use, using, position, risk")
LOT_SIZE = table("lot size")
LOT = table("lot")
TRADING = table("trade, trading")  # "trade 2 ETH"
OF_PAIR = table("of, in, on")  # "10000 EUR of EURUSD"
PARTS = meanings({50.0: "half, a half", 100 / 3: "a third", 25.0: "a quarter", 10.0: "a tenth"})
