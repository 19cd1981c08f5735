"""What a symbol names: a share, a fund, a coin, a currency pair, an index or a future.

The class decides in which units it trades: coins by fractions, all else whole; and with its exchange how long a
trading day and a week are. It is told from the
symbol's form as exchanges and data providers write it (Yahoo, Binance, Kraken, Coinbase,
TradingView), and from short lists of coins, currencies, indices and funds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

AssetClass = Literal["stock", "etf", "crypto", "fx", "index", "future"]

CRYPTO_UNIT = 1e-6  # the smallest fraction of a coin that is traded


def codes(text: str) -> frozenset[str]:
    """Return the codes a text lists, parted by spaces."""
    return frozenset(text.split())


COINS = codes(
    "BTC XBT ETH SOL XRP BNB ADA DOGE TRX AVAX LINK DOT MATIC POL TON SHIB LTC BCH XLM UNI ATOM ETC XMR FIL HBAR APT ARB OP NEAR "
    "ICP VET INJ SUI SEI AAVE MKR GRT ALGO RUNE EGLD SAND MANA AXS THETA XTZ EOS FLOW CHZ KAVA SNX CRV COMP LDO RPL DYDX GMX IMX "
    "STX KAS PEPE BONK WIF FLOKI FET RNDR RENDER TAO TIA JUP PYTH ENA ONDO WLD ORDI HYPE TRUMP ENS ZEC DASH NEO IOTA QTUM WAVES "
    "ZIL ONE CELO CAKE SUSHI YFI BAT ZRX KSM MINA ROSE CFX XDC QNT LUNA LUNC FTM GALA APE BLUR JTO STRK ZRO EIGEN USDT USDC DAI "
    "PAXG WBTC STETH XDG PYUSD TUSD FDUSD BUSD REP MLN"
)
CURRENCIES = codes(
    "USD EUR GBP JPY CHF AUD CAD NZD SEK NOK DKK PLN CZK HUF TRY ZAR MXN BRL INR CNY CNH HKD SGD KRW THB ILS RUB XAU XAG XPT XPD"
)
# Coins that go by their code alone and are no share of note.
_BARE_COINS = codes("BTC XBT ETH SOL XRP BNB ADA DOGE AVAX SHIB XMR PEPE MATIC HYPE")
# Quotes that only coins have; behind one of them any base is a coin.
_COIN_QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "DAI", "BTC", "XBT", "ETH", "BNB")
_INDICES = codes(
    "US30 US100 US500 US2000 NAS100 SPX500 GER30 GER40 DE30 DE40 UK100 FRA40 EU50 ESP35 JP225 JPN225 HK50 AUS200 STOXX50 FTSE100 "
    "NIFTY50 SPX NDX DJI DJIA RUT VIX DAX FTSE CAC NIKKEI NIFTY BANKNIFTY SENSEX"
)
_FUNDS = codes(
    "SPY QQQ IWM DIA VOO VTI IVV VEA VWO EEM EFA AGG BND TLT IEF SHY LQD HYG GLD SLV IAU USO UNG GDX GDXJ XLK XLF XLE XLV XLI XLY "
    "XLP XLU XLB XLRE XLC SMH SOXX ARKK TQQQ SQQQ UPRO SPXU SSO SDS QLD SOXL SOXS VXX UVXY VNQ SCHD VUG VTV RSP MDY IJR IJH IBIT "
    "FBTC ETHA BITO"
)  # fmt: skip
_EXCHANGES = "NS|BO|T|L|DE|F|SG|PA|AS|BR|MI|MC|LS|SW|VI|ST|OL|CO|HE|IC|IR|WA|PR|BD|AT|IS|TO|V|CN|NE|AX|NZ|HK|SS|SZ|KS|KQ|TW|TWO|SI|KL|JK|BK|SA|MX|BA|SN|TA|QA|JO"
SYMBOL_FORMS = rf"""
    \^[A-Z0-9]{{2,8}}\b
  | \b[A-Z0-9]{{1,4}}=F\b
  | \b[A-Z]{{3,6}}=X\b
  | \b\d{{4,6}}\.(?:T|HK|SS|SZ|KS|KQ|TW|TWO|KL)\b
  | \b[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)?\.(?:{_EXCHANGES})\b
  | \b\d{{0,4}}[A-Z][A-Z0-9]{{0,9}}[-/](?:{"|".join(_COIN_QUOTES)}|USD|EUR|GBP|JPY|CHF|AUD|CAD|NZD|TRY|KRW)\b
  | \b[A-Z][A-Z0-9]{{1,9}}-PERP\b
  | \b\d{{0,4}}[A-Z][A-Z0-9]{{0,9}}?(?:USDT|USDC|FDUSD|BUSD)(?:\.P)?\b
  | \b[A-Z]{{2,5}}-[A-D]\b
  | \b(?!(?:[AP]\.M|U\.S|E\.G|I\.E)\b)[A-Z]{{1,5}}\.[A-Z]\b
  | \b(?:{"|".join(sorted((i for i in _INDICES if not i.isalpha()), reverse=True))})\b
"""
"""Symbols that cannot be read as words, as a verbose regular expression without groups."""


def asset_class(symbol: str) -> AssetClass:
    """Return what a symbol names; a share where its form says nothing else.

    >>> asset_class("BTCUSDT"), asset_class("EURUSD=X"), asset_class("BRK-B")
    ('crypto', 'fx', 'stock')
    """
    name = symbol.upper()
    if name.endswith("=F") or re.fullmatch(r"[A-Z0-9]+\d!", name):  # Yahoo's ES=F, TradingView's ES1!
        return "future"
    if name.startswith("^") or name in _INDICES:
        return "index"
    if (pair := _pair(name)) is not None:
        return pair
    if name in _BARE_COINS:
        return "crypto"
    return "etf" if name in _FUNDS else "stock"


@dataclass(frozen=True)
class TradingDays:
    """How long a market is open.

    Attributes:
        minutes: of a trading day, one number for each part of it between breaks, as for Tokyo's morning and afternoon.
        a_week: 5, or 7 for coins.
    """

    minutes: tuple[int, ...]
    a_week: int = 5

    def bars_a_day(self, bar_s: int) -> int:
        """Return how many bars of so many seconds a day has; each part of it begins with one."""
        return sum(ceil(part * 60 / bar_s) for part in self.minutes)


_NEW_YORK, _EUROPE, _TOKYO, _AROUND_THE_CLOCK, _GLOBEX = (
    TradingDays(minutes) for minutes in ((390,), (510,), (150, 180), (1440,), (1380,))
)
# Regular hours as the exchanges publish them, by Yahoo's endings.
_OF_EXCHANGES = {
    **dict.fromkeys(codes("L DE PA AS BR LS MI MC SW IR ST HE VI"), _EUROPE),
    **dict.fromkeys(codes("TO V NE CN KS KQ"), _NEW_YORK),
    **dict.fromkeys(("SS", "SZ"), TradingDays((120, 120))),
    **dict.fromkeys(("NS", "BO"), TradingDays((375,))),
    "T": _TOKYO, "HK": TradingDays((150, 180)), "TW": TradingDays((270,)), "AX": TradingDays((360,)),
}  # fmt: skip
_OF_INDICES = {
    **dict.fromkeys(codes("^GSPC ^SPX ^NDX ^IXIC ^DJI ^RUT ^VIX ^OEX ^NYA SPX NDX DJI DJIA RUT"), _NEW_YORK),
    **dict.fromkeys(codes("^FTSE ^GDAXI ^FCHI ^STOXX50E ^IBEX ^AEX ^SSMI DAX FTSE CAC"), _EUROPE),
    **dict.fromkeys(codes("^NSEI ^BSESN ^NSEBANK NIFTY BANKNIFTY SENSEX"), _OF_EXCHANGES["NS"]),
    "^N225": _TOKYO, "NIKKEI": _TOKYO, "^HSI": _OF_EXCHANGES["HK"], "^GSPTSE": _NEW_YORK, "^AXJO": _OF_EXCHANGES["AX"],
}  # fmt: skip


def trading_days(symbol: str) -> TradingDays | None:
    """Return how long what a symbol names trades; None where its exchange is not known.

    >>> trading_days("AAPL").bars_a_day(1800), trading_days("EURUSD").a_week, trading_days("7203.T").minutes
    (13, 5, (150, 180))
    """
    name, kind = symbol.upper(), asset_class(symbol)
    if kind == "crypto":
        return TradingDays((1440,), 7)
    if kind == "fx":
        return _AROUND_THE_CLOCK
    if kind == "future" or (kind == "index" and not name.isalpha() and name[0] != "^"):  # US30 trades as futures do
        return _GLOBEX
    if kind == "index":
        return _OF_INDICES.get(name)
    if abroad := re.search(r"\.([A-Z]{2,}|[TLFV])$", name):
        return _OF_EXCHANGES.get(abroad[1])
    return _NEW_YORK


def is_crypto(symbol: str) -> bool:
    """Return whether a symbol names a coin, which trades in fractions."""
    return asset_class(symbol) == "crypto"


def smallest_unit(symbol: str) -> float:
    """Return the smallest amount of a symbol that is traded: a millionth of a coin, one of all else."""
    return CRYPTO_UNIT if is_crypto(symbol) else 1.0


@dataclass(frozen=True)
class PriceSteps:
    """The steps of a price, in points: the least it moves by, and what traders call a pip, a tick where they call nothing so."""

    tick: float
    pip: float


# Ticks of futures by their exchanges' specifications (CME, CBOT, NYMEX, COMEX, ICE), by the root of the symbol.
_OF_FUTURES = {
    **dict.fromkeys(codes("ES MES NQ MNQ ZC ZS ZW"), 0.25),
    **dict.fromkeys(codes("YM MYM"), 1.0),
    **dict.fromkeys(codes("RTY M2K GC MGC ZM"), 0.1),
    **dict.fromkeys(codes("CL MCL BZ ZL"), 0.01),
    **dict.fromkeys(codes("6E M6E 6S"), 0.00005),
    **dict.fromkeys(codes("6B 6A 6C 6N M6A M6B RB HO"), 0.0001),
    "NG": 0.001, "SI": 0.005, "HG": 0.0005, "PL": 0.1, "ZB": 1 / 32, "ZN": 1 / 64, "ZF": 1 / 128, "6J": 0.0000005,
    "NKD": 5.0, "LE": 0.025, "HE": 0.025, "KC": 0.05, "CT": 0.01, "SB": 0.01, "CC": 1.0,
}  # fmt: skip
# Coins whose price on exchanges moves by less than a cent.
_OF_COINS = {
    **dict.fromkeys(codes("XRP ADA TRX XLM MATIC POL ARB OP SAND MANA ALGO HBAR"), 0.0001),
    **dict.fromkeys(codes("DOGE VET CHZ"), 0.00001),
    **dict.fromkeys(codes("SHIB PEPE BONK FLOKI LUNC"), 1e-8),
}
_TWO_DIGITS = codes("JPY HUF KRW")  # quotes of which a pip is a hundredth


def price_steps(symbol: str) -> PriceSteps | None:
    """Return by which steps a symbol's price moves; None where that is not known.

    >>> price_steps("EURUSD"), price_steps("USDJPY=X"), price_steps("ES=F"), price_steps("AAPL").tick
    (PriceSteps(tick=1e-05, pip=0.0001), PriceSteps(tick=0.001, pip=0.01), PriceSteps(tick=0.25, pip=0.25), 0.01)
    """
    name, kind = symbol.upper(), asset_class(symbol)
    if kind == "future":
        tick = _OF_FUTURES.get(re.sub(r"=F$|\d!$", "", name))
        return PriceSteps(tick, tick) if tick else None
    if kind == "fx":
        base, _, quote = _split(name.removesuffix("=X"))
        if base in ("XAU", "XPT", "XPD"):
            return PriceSteps(0.01, 0.1)
        if base == "XAG":
            return PriceSteps(0.001, 0.01)
        quote = quote or name.removesuffix("=X")  # Yahoo's JPY=X is in yen for a dollar
        return PriceSteps(0.001, 0.01) if quote in _TWO_DIGITS else PriceSteps(0.00001, 0.0001)
    if kind == "crypto":
        tick = _OF_COINS.get(_split(re.sub(r"\.P$|[-_]?PERP$|[-_]SWAP$", "", name))[0] or name, 0.01)
        return PriceSteps(tick, tick)
    return PriceSteps(0.01, 0.01)


_UNIT_SAID = re.compile(r"(?i)\bsmallest (?:tradable )?fraction\b|\bfractional units?\b")


def traded_unit(unit: float, symbol: str, *, symbols: Sequence[str], text: str) -> float:
    """Return the smallest amount a run of a symbol trades.

    It is the symbol's own; one that the text says counts whatever is traded, and so does one that is the usual of no
    symbol, or not that of the strategy's.

    Args:
        unit: the strategy's, as it was understood.
        symbols: those the strategy names.
        text: the strategy in words, empty where there are none.
    """
    if _UNIT_SAID.search(text) or unit not in (1.0, CRYPTO_UNIT):
        return unit
    if unit == CRYPTO_UNIT and not (text and any(is_crypto(s) for s in symbols)):
        return unit
    return smallest_unit(symbol)


def _pair(name: str) -> AssetClass | None:
    """Return the class of a pair of currencies, None where a symbol is no pair."""
    fx_form = name.endswith("=X")
    plain = re.sub(r"=X$|\.P$|[-_]?PERP$|[-_]SWAP$", "", name)
    if plain != name and plain in COINS:
        return "crypto"
    base, separator, quote = _split(plain)
    if not base:
        return "fx" if fx_form else None
    if quote in _COIN_QUOTES and base not in CURRENCIES:
        return "crypto"
    if base in COINS or (separator == "-" and quote == "USD" and base not in CURRENCIES):
        return "crypto"
    if base in CURRENCIES or fx_form:
        return "fx"
    return None


def _split(name: str) -> tuple[str, str, str]:
    """Split a pair into base, separator and quote; the base is empty where it is none."""
    if found := re.fullmatch(r"([A-Z0-9]{2,10})([-/_])([A-Z]{3,5})", name):
        base, separator, quote = found.groups()
        return (base, separator, quote) if quote in _COIN_QUOTES or quote in CURRENCIES else ("", "", "")
    if kraken := re.fullmatch(r"X([A-Z]{3})[XZ]([A-Z]{3})|Z([A-Z]{3})Z([A-Z]{3})|([A-Z]{3,5})Z([A-Z]{3})", name):
        base, quote = (part for part in kraken.groups() if part)  # X marks coins there, Z money
        if quote in CURRENCIES | COINS and (base in COINS or name[0] == "X" or (name[0] == "Z" and base in CURRENCIES)):
            return base, "", quote
    for known in (COINS, CURRENCIES):  # USDT in USD, not USD in TUSD
        for quote in (*_COIN_QUOTES, *sorted(CURRENCIES)):
            base = name.removesuffix(quote)
            if base != name and base in known:
                return base, "", quote
    for quote in ("FDUSD", "USDT", "USDC", "BUSD"):
        base = name.removesuffix(quote)
        if base != name and len(base) >= 2:
            return base, "", quote
    return "", "", ""
