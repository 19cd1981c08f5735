"""What a symbol names: a share, a fund, a coin, a currency pair, an index or a future.

The class decides in which units it trades: coins by fractions, all else whole. It is told from the
symbol's form as exchanges and data providers write it (Yahoo, Binance, Kraken, Coinbase,
TradingView), and from short lists of coins, currencies, indices and funds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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


def is_crypto(symbol: str) -> bool:
    """Return whether a symbol names a coin, which trades in fractions."""
    return asset_class(symbol) == "crypto"


def smallest_unit(symbol: str) -> float:
    """Return the smallest amount of a symbol that is traded: a millionth of a coin, one of all else."""
    return CRYPTO_UNIT if is_crypto(symbol) else 1.0


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
