"""Whose export a file is, and what is known of it: its zone, the order of its dates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from Backtest.data.importing.file_names import is_tradingviews
from Backtest.data.importing.layout import FileTable
from Backtest.data.importing.names import folded
from Backtest.data.importing.parts import Columns


@dataclass(frozen=True)
class Vendor:
    """What a vendor's exports have in common. `timezone` is that of intraday times without an offset; whole prices are `scale` times
    what was paid."""

    name: str
    timezone: str = ""
    date_order: Literal["", "dmy", "mdy"] = ""
    note: str = ""
    scale: int = 1


BINANCE = Vendor("Binance", "UTC")
KRAKEN = Vendor("Kraken", "UTC")
ALPACA = Vendor("Alpaca", "UTC")
CRYPTODATADOWNLOAD = Vendor("CryptoDataDownload", "UTC")
METATRADER4 = Vendor(
    "MetaTrader 4", note="MetaTrader writes its broker's time, which is none of UTC's or the exchange's"
)
METATRADER5 = Vendor(
    "MetaTrader 5", note="MetaTrader writes its broker's time, which is none of UTC's or the exchange's"
)
NINJATRADER = Vendor("NinjaTrader", note="NinjaTrader writes the end of an intraday bar, others its start")
HISTDATA = Vendor("HistData", note="HistData writes New York's winter time all year (UTC-5): give timezone=Etc/GMT+5")
STOOQ = Vendor("Stooq")
NASDAQ = Vendor("Nasdaq", date_order="mdy")
INVESTING = Vendor("Investing.com")
DUKASCOPY = Vendor("Dukascopy", date_order="dmy")
ALPHAVANTAGE = Vendor("Alpha Vantage", "America/New_York")
YAHOO = Vendor("Yahoo Finance")
TRADINGVIEW = Vendor("TradingView")
POLYGON = Vendor("Polygon", "UTC")
TIINGO = Vendor("Tiingo", "UTC")
DATABENTO = Vendor("Databento", "UTC", scale=10**9)
LEAN = Vendor("QuantConnect LEAN", scale=10_000)
UNKNOWN = Vendor("")
# Exports of a program or exchange, which write a dot whatever the language; those of web pages follow their reader's.
DOT = frozenset(
    {"Binance", "Kraken", "Alpaca", "CryptoDataDownload", "MetaTrader 4", "MetaTrader 5", "HistData", "Stooq", "Dukascopy", "Alpha Vantage", "TradingView", "Polygon", "Tiingo"}
)  # fmt: skip


def vendor_of(table: FileTable, columns: Columns) -> Vendor:
    """Return the vendor by the header's words, the address above it, or the form of unnamed rows."""
    names = {folded(name) for name in table.names}
    preamble = " ".join(table.preamble).lower()
    raw = {name.strip().lower() for name in table.names}
    checks: tuple[tuple[bool, Vendor], ...] = (
        ("cryptodatadownload" in preamble, CRYPTODATADOWNLOAD),
        (bool(names & {"unix", "unix timestamp"}) and "symbol" in names, CRYPTODATADOWNLOAD),
        (bool(names & {"taker buy base asset volume", "taker buy volume", "taker base volume", "quote asset volume"}), BINANCE),
        ("window start" in names or ({"t", "o", "h", "l", "c", "v", "vw"} <= names and _is_epoch(table, columns)), POLYGON),
        ({"adj open", "adj volume", "div cash", "split factor"} <= names, TIINGO),
        ({"ts event", "publisher id"} <= names, DATABENTO),
        ({"trade count", "vwap"} <= names or {"t", "o", "h", "l", "c", "v", "n", "vw"} <= names, ALPACA),
        ("<ticker>" in raw and "<per>" in raw, STOOQ),
        ({"otwarcie", "zamkniecie"} <= names, STOOQ),
        (bool(raw & {"<tickvol>", "<spread>"}), METATRADER5),
        ("close/last" in names, NASDAQ),
        ({"change %", "price"} <= names or "+/- %" in names or "change%" in names, INVESTING),
        ("gmt time" in names or ("local time" in names and _is_dukascopy(table, columns)), DUKASCOPY),
        (bool(raw & {"1. open", "adjusted_close"}) and bool(raw & {"split_coefficient", "8. split coefficient", "1. open"}), ALPHAVANTAGE),
        ((any(name.startswith("adj close") for name in raw) and "adj. open" not in raw) or bool(names & {"stock splits"}) or any(table.groups), YAHOO),
        (not table.names, _unnamed(table, columns)),
        (is_tradingviews(table.name) and "time" in names, TRADINGVIEW),
    )  # fmt: skip
    return next((vendor for holds, vendor in checks if holds), UNKNOWN)


def _is_epoch(table: FileTable, columns: Columns) -> bool:
    return bool(re.fullmatch(r"\d{13,19}", str(table.frame[columns.time].iloc[0]).strip()))


def _is_dukascopy(table: FileTable, columns: Columns) -> bool:
    return bool(re.match(r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d\.\d{3}", str(table.frame[columns.time].iloc[0])))


def _unnamed(table: FileTable, columns: Columns) -> Vendor:
    first = str(table.frame[columns.time].iloc[0]).strip()
    width = table.frame.shape[1]
    if width == 12 and re.fullmatch(r"\d{13}|\d{16}", first):
        return BINANCE
    if width in (7, 8) and re.fullmatch(r"\d{10}", first):
        return KRAKEN
    if table.separator == "," and re.fullmatch(r"\d{8} \d\d:\d\d", first):
        return LEAN
    if table.name.startswith("DAT_"):
        return HISTDATA
    if table.separator == ";" and re.fullmatch(r"\d{8}( \d{6})?", first):
        return NINJATRADER
    if columns.clock >= 0 and re.fullmatch(r"\d{4}\.\d\d\.\d\d", first):
        return METATRADER4
    return UNKNOWN
