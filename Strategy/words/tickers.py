"""Words around symbols, and the companies that stand for one."""

from __future__ import annotations

from Backtest.market import codes
from Strategy.words.table import table

COMPANIES = {
    "apple": "AAPL", "google": "GOOG", "alphabet": "GOOG", "microsoft": "MSFT", "ibm": "IBM", "facebook": "FB", "meta": "META",
    "tesla": "TSLA", "amazon": "AMZN", "nvidia": "NVDA", "bitcoin": "BTC-USD", "btc": "BTC-USD", "ethereum": "ETH-USD", "eth": "ETH-USD",
    "eurusd": "EURUSD", "btcusd": "BTCUSD", "gbpusd": "GBPUSD", "usdjpy": "USDJPY", "goog": "GOOG", "aapl": "AAPL", "msft": "MSFT",
    "spy": "SPY", "qqq": "QQQ", "tsla": "TSLA", "nvda": "NVDA", "amzn": "AMZN",
}  # fmt: skip

ACRONYMS = codes(
    "IBS ROI ROE HA NR ETF ETFS EMA PM AM ET EST EDT CET CEST UTC GMT PST CST BST ATH ATL HTF LTF TF OR AND NOT IF EOD BOD OHLC "
    "OHLCV HLC OHL PNL USD USDT USDC EUR GBP JPY CHF AUD CAD INR OB OS FVG BOS ICT SMC ORB HOD LOD PDH PDL NYSE NASDAQ LSE CME US "
    "UK EU AI ML API CSV FX IPO CAGR MDD DD YTD MTD QTD RS DI DMI TTM HMA PSAR SAR ZLEMA ALMA LSMA TSI CMF OBV PPO UO AO TRIX DPO "
    "NB PS IMO FYI TBH BTW EG IE II III IV VI VII VIII DCA HFT ID OK NO YES TBD NA BE RR SR ZZ TD TDI VP POC VAH VAL CVD VSA MTF "
    "RTH ADR CPR HH HL LH LL EQH EQL EP TPS MOO MOC LOC SOD"
)

SYMBOLS_AND_WORDS = codes("IBM FB META SPY QQQ BP FAST VIA")  # in capitals a symbol, whatever else they say
BEHIND_SYMBOLS = codes("when if whenever on once at as while only with using")

STRESSED = codes(
    "only when if once whenever always never at as the a an both either more back in again long short sell buy stop exit no not and or"
)
SYMBOL_LEAD = table("""on, for, trade, swing trade, day trade, scalp, scalping, position trade, trading, symbol, ticker, symbols, of, in,
    tickers, instrument, instruments, market, asset, apply to, test on, test it on, backtest on, run on, using, stock, pair, with, stocks,
    assets, applied to, and, run it on, the stock, backtest""")
TF_LEAD = table("""on, using, use, on the, timeframe, time frame, trade on, interval, bars, chart, with, in, in the, trade, over,
    trade on the, at, based on, a, the, of, timeframe is, from""")
ARTICLES = table("the, shares of, stock, the stock of, the etf, etf")  # "trade shares of AAPL"
OF = table("shares of, stock of, of, on, in, the, the etf")  # "buy shares of AAPL"
NOUNS = table("stock, shares, stocks, only, etf, etfs, index")  # "AAPL stock"
BEFORE_CAPITALS = table("buy, short, trade, purchase, symbol")  # "Buy ALL when" may be a symbol
SCALPING = table("scalp, scalping, scalper")
BEFORE_SYMBOL = table("on, in, for, with")
