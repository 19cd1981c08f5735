"""Words for cash, costs, margin and how orders are filled."""

from __future__ import annotations

from Strategy.words.table import meanings, table

CASH = table("""start with, starting capital, initial capital, initial cash, starting cash, starting balance, initial balance, capital,
    start capital, account size, with a capital of, account of, starting equity, cash, begin with, account, bankroll, initial equity,
    balance, starting with, starting from, initial investment, starting account, budget, portfolio of, portfolio size, portfolio value,
    account balance, account value, trading capital, trading account, equity of, funds of, starting funds, initial funds, seed capital,
    i have, we have, i've got, i got, i start with, we start with""")
IN_CASH = table("""in cash, starting cash, starting balance, starting money, initial cash, to start with, in capital, cash, capital,
    account, of capital, initial capital, starting capital, to start, in the account, of cash, portfolio, budget, funds, equity,
    initial balance, initial equity, starting equity, starting funds, trading account, trading capital, account size, account balance,
    start capital, seed capital, bankroll, in my account, in funds, in equity""")
COMMISSION = table("""commission, commissions, fee, fees, trading fee, trading fees, transaction cost, transaction costs, brokerage, cost,
    costs, trading costs, trading cost, broker fee, commission rate""")
FIXED = table("fixed commission, fixed fee, flat fee, flat commission")
SPREAD = meanings({"spread": "spread, bid ask spread, spreads", "slippage": "slippage"})
# At how many of a trade's two fills a cost is paid.
FILLS = meanings(
    {
        2: """per side, a side, each side, on each side, each way, on each way, both ways, per fill, each fill, at each fill, on each fill,
        on every fill, at every fill, per order, each order, on each order, on entry and exit, at entry and exit, on both entry and exit,
        on entries and exits, on both sides""",
        1: """round trip, per round trip, a round trip, each round trip, for the round trip, for a round trip, round turn, per round turn,
        in total, in all, on entry only, at entry only""",
    }
)
MARGIN = table("margin, margin requirement")
LEVERAGE = table("leverage, leveraged, times leverage, x leverage")
ON_CLOSE = table("""orders are filled at the close of the signal bar, fill at the close, trade on close, trade on the close,
    trade at the close, execute at the close, fill orders at the close, filled at the close, on the close of the same bar,
    at the close of the signal bar, execute on close, enter on the close, trade at close, at the close, on the close, at market close,
    on close, at the closing price, at that close, on bar close, on candle close, at bar close, at candle close, on the bar close,
    on the candle close, on the bar's close, at the bar's close, at the daily close, on the daily close, on daily close,
    at the close of the bar, on the close of the bar, at the close of the candle, at the close of the day, on the close of the day,
    at day's close, at the day's close""")
AT_OPEN = table("""at the next open, at the open, at next open, on the next open, next day's open, at the next day's open, on the open,
    at market, at the market, at the market open, at the next bar's open, on the next bar, at open, next bar, next open, at next bar's open,
    the next day, on the following open, at the following open, next day, at market price, with a market order, at tomorrow's open,
    the next morning, at the opening, the following day, at the next bar, on the next day""")
FRACTION = table("smallest tradable fraction, smallest fraction, fractional unit, fractional units")
RISK_FREE = table("risk free rate")
CASH_LEAD = table("with, and, using, on, assuming")  # "with $10,000 in cash"
CASH_HEADINGS = table("capital, money")  # "Capital: 50000"
WITH = table("with, using")
TO_TRADE = table("to trade with, to trade, to invest, to work with, to start with")  # "I have $10,000 to trade"
COST_LEAD = table("with, assume, include, and, pay, plus, using, add, no, zero")  # "assume a commission of 0.1%"
NONE = table("no, zero")
CENTS = table("cents, cent, c, pennies, penny, pence")
A_UNIT = table("""per share, per unit, per contract, per coin, per stock, per ounce, a share, a unit, a contract, a coin, a stock, a ounce,
    each share, each unit, each contract, each coin, each stock, each ounce, for each share, for each unit, for each contract,
    for each coin, for each stock, for each ounce, on each share, on each unit, on each contract, on each coin, on each stock,
    on each ounce, share, unit, contract, coin, stock, ounce""")
CURRENCIES = table("euro, euros, pounds, sterling, francs, yen, rupees, yuan")
# Codes of currencies and their signs; in capitals each may as well be a symbol: NOK.
CURRENCY_CODES = frozenset(
    [
        "eur",
        "gbp",
        "chf",
        "jpy",
        "inr",
        "cad",
        "aud",
        "nzd",
        "sek",
        "nok",
        "dkk",
        "pln",
        "zar",
        "brl",
        "sgd",
        "hkd",
        "cny",
        "€",
        "£",
    ]
)
BEHIND_FILL = table("at, on")  # "at the close" behind a rule is said of that rule
BACK = table("back")
MILLION = table("m")  # "start with 1m"
BARS_BEHIND = table("bar, bars, candle, candles, chart, charts, timeframe")  # "1m bars" is no million
AFTER_CASH = table("buy, and")
