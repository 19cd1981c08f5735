"""The symbol that a file's name gives, as vendors name their exports."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from Backtest.data.importing import read_file
from Backtest.data.importing.file_names import symbol_named
from Backtest.market.instruments import asset_class

BARS = b"time,open,high,low,close,volume\n2024-01-02,10,12,9,11,1\n2024-01-03,11,13,10,12,1\n2024-01-04,12,14,11,13,1\n"

CLEAR = {
    "Investing.com": {
        "EUR_USD Historical Data.csv": "EURUSD", "EUR_GBP Historical Data.csv": "EURGBP", "USD_JPY Historical Data (1).csv": "USDJPY",
        "BTC_USD Bitfinex Historical Data.csv": "BTCUSD", "AAPL Historical Data.csv": "AAPL", "EUR_USD Historische Daten.csv": "EURUSD",
    },
    "TradingView": {
        "FX_IDC_EURUSD, 1D.csv": "EURUSD", "CME_MINI_ES1!, 60.csv": "ES1!", "CBOT_MINI_YM1!, 1D.csv": "YM1!", "CME_6E1!, 1D.csv": "6E1!",
        "NASDAQ_DLY_AAPL, 1D.csv": "AAPL", "NASDAQ_DLY_AAPL.csv": "AAPL", "BINANCE_BTCUSDT, 240.csv": "BTCUSDT", "BATS_SPY, 1D_abcde.csv": "SPY",
        "NASDAQ_AAPL, 60 (2).csv": "AAPL", "NYSE_BRK.B, 1W.csv": "BRK.B", "BYBIT_BTCUSDT.P, 60.csv": "BTCUSDT.P",
    },
    "Dukascopy": {
        "EURUSD_Candlestick_1_Hour_BID_01.01.2020-01.02.2020.csv": "EURUSD",
        "AAPL.USUSD_Candlestick_1_D_BID_01.01.2020-01.02.2020.csv": "AAPL",
        "BMW.DEEUR_Candlestick_5_M_ASK_01.01.2020-01.02.2020.csv": "BMW.DE",
    },
    "MetaTrader": {
        "EURUSD_M5_202001020000_202012312355.csv": "EURUSD", "EURUSD60.csv": "EURUSD", "EURUSD_H1.csv": "EURUSD", "US3060.csv": "US30",
        "SPX500.csv": "SPX500",
    },
    "Stooq": {"aapl_us_d.csv": "AAPL", "aapl.us.txt": "AAPL", "^spx_d.csv": "^SPX", "eurusd_d.csv": "EURUSD"},
    "Kraken": {"XBTUSD_60.csv": "XBTUSD", "ETHUSD_1440.csv": "ETHUSD"},
    "CryptoDataDownload": {
        "Binance_BTCUSDT_1h.csv": "BTCUSDT", "Binance_BTCUSDT_2023_minute.csv": "BTCUSDT", "Bitstamp_BTCUSD_d.csv": "BTCUSD",
    },
    "Binance": {"BTCUSDT-1h-2024-01.csv": "BTCUSDT", "1INCHUSDT-1h-2024-01-05.zip": "1INCHUSDT"},
    "Yahoo": {
        "AAPL.csv": "AAPL", "AAPL (1).csv": "AAPL", "^GSPC.csv": "^GSPC", "BRK-B.csv": "BRK-B", "BTC-USD.csv": "BTC-USD", "EURUSD=X.csv": "EURUSD=X",
        "ES=F.csv": "ES=F", "7203.T.csv": "7203.T", "D.csv": "D",
    },
    "Alpha Vantage": {"daily_IBM.csv": "IBM", "daily_adjusted_IBM.csv": "IBM", "intraday_5min_IBM.csv": "IBM"},
    "NinjaTrader": {"ES 12-24.Last.txt": "ES", "6E 12-24.Last.txt": "6E"},
    "HistData": {"DAT_ASCII_EURUSD_M1_2024.csv": "EURUSD"},
    "Barchart": {"aapl_daily_historical-data-11-26-2025.csv": "AAPL"},
    "own": {
        "eurusd_h1.csv": "EURUSD", "AAPL_1d.csv.gz": "AAPL", "AAPL_USD.csv": "AAPL", "GOOG_2020-01-01_2024-01-01.csv": "GOOG", "CME.csv": "CME",
        r"C:\prices\AAPL.csv": "AAPL",
    },
}  # fmt: skip


@pytest.mark.parametrize(("name", "symbol"), [pair for names in CLEAR.values() for pair in names.items()])
def test_a_vendors_name_gives_its_symbol(name: str, symbol: str) -> None:
    assert symbol_named(name).symbol == symbol
    assert symbol_named(name).choices == ()


UNCLEAR = {
    "HistoricalData_1700000000.csv": (), "prices.csv": (), "table.csv": (), "S&P 500 Historical Data.csv": (), "M5.csv": (), "my strategy.csv": (),
    "aapl.csv": ("AAPL",), "AAPL_MSFT.csv": ("AAPL", "MSFT"), "NSE_BAJAJ_AUTO, 1D.csv": ("AUTO", "BAJAJ_AUTO"), "AAPL60.csv": ("AAPL", "AAPL60"),
    "US Dollar Index Historical Data.csv": (), "UK 100 Historical Data.csv": ("UK100",), "Germany 40 Historische Daten.csv": (),
    "U.K. 10Y Historical Data.csv": (), "CAC_40.csv": ("CAC", "CAC40"), "FTSE 250 daily.csv": ("FTSE", "FTSE250"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "choices"), UNCLEAR.items())
def test_an_unclear_name_gives_no_symbol_and_those_it_may_mean(name: str, choices: tuple[str, ...]) -> None:
    assert symbol_named(name).symbol == ""
    assert symbol_named(name).choices == choices


def test_an_unclear_name_is_asked_about_with_its_choices() -> None:
    found = read_file(BARS, "AAPL_MSFT.csv")
    assert found.symbol == ""
    (question,) = (q for q in found.questions if q.field == "symbol")
    assert question.choices == ("AAPL", "MSFT")
    assert question.text == "Which symbol are these prices of: AAPL or MSFT?"


@pytest.mark.parametrize(
    ("outer", "inner", "symbol"),
    [("Z1.zip", "AAPL.csv", "AAPL"), ("AAPL.zip", "data.csv", "AAPL"), ("AAPL.zip", "AAPL_MSFT.csv", "AAPL")],
)
def test_the_name_inside_of_an_archive_goes_before_its_own(outer: str, inner: str, symbol: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(inner, BARS)
    assert read_file(out.getvalue(), outer).symbol == symbol


def test_a_gzip_has_the_name_of_what_it_holds() -> None:
    assert read_file(gzip.compress(BARS), "FX_IDC_EURUSD, 1D.csv.gz").symbol == "EURUSD"


def test_a_continuous_future_is_one() -> None:
    assert asset_class("ES1!") == "future"
    assert asset_class("6E1!") == "future"
