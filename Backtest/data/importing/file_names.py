"""Which symbol the name of a file gives, as vendors name their exports.

A name is taken apart into pieces. Those that tell of an exchange, a time frame, a date or of prices in general are set
aside; what is left is the symbol. Where more than one piece is left, or words nobody knows, the name is unclear.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from Backtest.data.importing.symbols import as_symbol
from Backtest.market import COINS, CURRENCIES, SYMBOL_FORMS, asset_class, codes

_ENDINGS = re.compile(r"(?i)(\.(csv|txt|tsv|json|parquet|pq|xlsx?|xlsb|ods|zip|gz|dat|prn))+$")
_COPY = re.compile(r"(?i)\s*(\(\d+\)|- ?(?:copy|kopie|copie|copia)(?: ?\(\d+\))?)$")
_CANNOT_BE_WORDS = re.compile(SYMBOL_FORMS, re.VERBOSE)
_PLAIN = re.compile(r"\^?[A-Z](?:[A-Z0-9.=]{0,10}[A-Z0-9=])?|[A-Z0-9]{1,5}\d!|6[ABCEJLMNSZ]")

EXCHANGES = codes(
    "NASDAQ NYSE AMEX ARCA BATS CBOE CME CBOT COMEX NYMEX ICE ICEUS ICEEUR EUREX XETR FWB LSE TSX TSXV ASX NSE BSE HKEX TSE KRX SSE SZSE OTC "
    "EURONEXT MIL BME SIX BINANCE BINANCEUS COINBASE KRAKEN BITSTAMP BITFINEX BYBIT OKX OKEX KUCOIN GEMINI BITGET MEXC HUOBI HTX GATEIO POLONIEX "
    "BITMEX DERIBIT FTX CRYPTO CRYPTOCAP FX OANDA FOREXCOM FXCM PEPPERSTONE CAPITALCOM SAXO ICMARKETS EIGHTCAP TVC SP DJ INDEX"
)  # fmt: skip
# What follows an exchange and belongs to it: FX_IDC, CME_MINI, NASDAQ_DLY.
_PARTS_OF_EXCHANGES = codes("IDC MINI DLY DL EOD GTIS")
_NO_SYMBOLS = codes(
    "DATA PRICE PRICES CSV EXPORT EXPORTS OHLC OHLCV TABLE HISTORY HISTORICAL HISTORICALDATA HISTORIC HIST DOWNLOAD FILE STOCK STOCKS SHARE SHARES "
    "FOREX CRYPTO UTC GMT INVESTING.COM DAILY WEEKLY MONTHLY HOURLY INTRADAY MIN MINS MINUTE MINUTES MINUTELY HOUR HOURS DAY DAYS WEEK MONTH YEAR "
    "BID ASK MID LAST CANDLE CANDLES CANDLESTICK CANDLESTICKS KLINE KLINES BARS CHART QUOTE QUOTES ADJ ADJUSTED UNADJUSTED RAW FULL EOD MAX BARCHART "
    "HISTORISCHE HISTORISCH DATEN KURSE KURS DONNÉES HISTORIQUES DATOS HISTÓRICOS DATI STORICI DADOS FROM TO AND OF"
)  # fmt: skip
_LENGTHS = r"1|5|15|30|60|240|1440|10080|43200"  # minutes, as MetaTrader 4 writes them behind the symbol
_PERIOD = re.compile(r"(?i)[MHDW]\d{1,3}|MN1?|\d*(?:S|M|T|MIN|MINS|H|HR|D|W|MO|MON|Q|Y)|\d+(?:MINUTE|HOUR|DAY)S?|1WK")
_NUMBER = re.compile(r"[\d.:]+")
# Investing writes the symbol of a share or a pair, EUR_USD, and of anything else a name: "US 30", "Nikkei 225", "Gold Futures".
_INVESTING = re.compile(
    r"(?i)(?P<name>.+?) (?:historical data|historische daten|données historiques|datos históricos|dati storici|dados históricos)\b.*"
)
_OF_INDICES = re.compile(r"(?!19\d\d$|20[0-4]\d$)\d{2,4}")  # FTSE 100 is no FTSE; AAPL 2023 is AAPL
# Names that are told by their form alone.
_FORMS = (
    re.compile(r"DAT_[A-Z]+_(?P<symbol>[A-Z0-9]+)_.*"),  # HistData
    re.compile(r"(?P<symbol>[A-Z0-9]+)(?:\.(?P<place>[A-Z]{2,3})[A-Z]{3})?_Candlestick_.*"),  # Dukascopy: AAPL.USUSD_…
    re.compile(r"(?P<symbol>\^?[a-z0-9]{1,8})[._](?P<place>us|uk|de|jp|pl|hu)(_[dwmqy])?"),  # Stooq
    re.compile(r"(?P<symbol>\^?[a-z0-9]{2,8})_[dwmqy]"),
    re.compile(r"(?P<symbol>[a-z0-9]{1,8})_[a-z0-9-]+_historical-data-.*"),  # Barchart
)
_NO_PLACES = ("US", "IDX", "CMD")  # of Dukascopy and Stooq: shares of the United States, indices, commodities


@dataclass(frozen=True)
class NamedSymbol:
    """The symbol a name gives; empty where it is unclear or missing, with those it may be as `choices`."""

    symbol: str = ""
    choices: tuple[str, ...] = ()


def is_tradingviews(filename: str) -> bool:
    """Whether a file is named as TradingView names an export: "NASDAQ_AAPL, 1D.csv", "CME_MINI_ES1!, 60_a1b2c.csv"."""
    return bool(re.match(r"[A-Z0-9]+(?:_[A-Z0-9.!]+)+, ?\w+", filename))


def symbol_named(filename: str) -> NamedSymbol:
    """Return the symbol a file's name gives.

    >>> symbol_named("FX_IDC_EURUSD, 1D.csv").symbol, symbol_named("BRK-B.csv").symbol
    ('EURUSD', 'BRK-B')
    >>> symbol_named("AAPL_MSFT.csv").choices, symbol_named("HistoricalData_1700000000.csv")
    (('AAPL', 'MSFT'), Named(symbol='', choices=()))
    """
    stem = _COPY.sub("", _ENDINGS.sub("", PurePosixPath(filename.replace("\\", "/")).name)).removesuffix(".Last")
    for form in _FORMS:
        if found := form.fullmatch(stem):
            place = (found.groupdict().get("place") or "").upper()
            return _one_of(found["symbol"] + (f".{place}" if place and place not in _NO_PLACES else ""))
    if is_tradingviews(stem):
        return _behind_exchange(stem.split(",")[0].split("_"))
    if (found := _INVESTING.fullmatch(stem)) and re.match(
        r"[^_]+ ", found["name"]
    ):  # BTC_USD Bitfinex has a place behind it
        joined = found["name"].replace(" ", "")
        return _one_of(*([joined] if joined.isupper() and joined.isalnum() else []), clear=False)
    return _left(_pieces(stem))


def _one_of(*texts: str, clear: bool = True) -> NamedSymbol:
    found = tuple(dict.fromkeys(symbol for text in texts if (symbol := as_symbol(text))))
    return NamedSymbol(found[0]) if clear and len(found) == 1 else NamedSymbol(choices=found)


def _behind_exchange(pieces: Sequence[str]) -> NamedSymbol:
    """Return the symbol behind an exchange's name, which TradingView always writes before it."""
    rest = list(pieces[1:])
    while len(rest) > 1 and rest[0] in _PARTS_OF_EXCHANGES:
        rest = rest[1:]
    return _one_of(rest[-1], "_".join(rest))


def _pieces(stem: str) -> list[str]:
    """Return the pieces of a name; pairs such as EUR_USD are one, and so are BRK-B and BTC-USD."""
    found: list[str] = []
    for piece in re.split(r"[\s_,()]+", stem):
        whole = _CANNOT_BE_WORDS.fullmatch(piece) and piece.split("-")[0] not in CURRENCIES
        found += [piece] if whole else [part for part in piece.split("-") if part]
    joined: list[str] = []
    for piece in found:
        if joined and _is_pair(joined[-1], piece):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def _is_pair(base: str, quote: str) -> bool:
    base, quote = base.upper(), quote.upper()
    return base in CURRENCIES | COINS and (quote in CURRENCIES or quote in ("USDT", "USDC", "BTC", "ETH", "BUSD"))


def _left(pieces: list[str]) -> NamedSymbol:
    """Return what is left of the pieces when all that are no symbols are set aside."""
    named = [p for i, p in enumerate(pieces) if not _says_other(p, first=i == 0)]
    places = [p for i, p in enumerate(named) if p.upper() in EXCHANGES or (i and p.upper() in _PARTS_OF_EXCHANGES)]
    rest = [p for p in named if p not in places] or [p for p in places if p.isupper()][:1]
    rest = [p for p in rest if p.upper() not in CURRENCIES] or rest  # AAPL_USD names the money beside the share
    sure = [p for p in rest if _PLAIN.fullmatch(p) or _CANNOT_BE_WORDS.fullmatch(p) or _is_market(p)]
    words = [p for p in rest if p not in sure]
    if not sure:
        return (
            _one_of(*words, clear=False) if len(words) == 1 and re.fullmatch(r"[a-z]{1,5}", words[0]) else NamedSymbol()
        )
    meant = [one for piece in sure for one in _without_length(piece)]
    for piece, number, behind in zip(pieces, pieces[1:], [*pieces[2:], ""], strict=False):
        counts = _OF_INDICES.fullmatch(number) and not re.fullmatch(_LENGTHS, number) and not behind.isdigit()
        if piece in sure and counts:
            meant.append(piece + number)
    return _one_of(*meant, clear=all(word.islower() for word in words))


def _says_other(piece: str, *, first: bool) -> bool:
    """Whether a piece is a time frame, a date, a number or a word that names no symbol; a first single letter is a share's."""
    if first and len(piece) == 1 and piece.isupper():
        return False
    return bool(piece.upper() in _NO_SYMBOLS or _NUMBER.fullmatch(piece) or _PERIOD.fullmatch(piece))


def _is_market(piece: str) -> bool:
    """Whether a piece in whatever letters is a pair or an index: eurusd, btcusdt."""
    return len(piece) > 5 and piece.isalnum() and asset_class(piece) in ("fx", "crypto", "index")


def _without_length(piece: str) -> tuple[str, ...]:
    """Return a symbol without the length of bars that MetaTrader 4 writes behind it; both where it may be one of its own."""
    found = re.fullmatch(rf"(.*?[A-Z].*?)({_LENGTHS})", piece)
    if not found or asset_class(piece) != "stock":
        return (piece,)
    if asset_class(found[1]) != "stock":
        return (found[1],)
    return (found[1], piece) if re.fullmatch(r"[A-Z]{2,5}", found[1]) and len(found[2]) > 1 else (piece,)
