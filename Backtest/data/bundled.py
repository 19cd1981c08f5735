"""Prices that come with installed packages: real, and there without a network.

GOOG (daily), EURUSD (hourly) and BTCUSD (monthly) are backtesting.py's; AAPL, IBM, MSFT and FB
(daily) are bokeh_sampledata's, adjusted for splits and dividends by their adjusted close.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from Backtest.data.prices import PriceData, PriceRequest, clean_frame, until
from Backtest.data.quality import quality_report
from Backtest.errors import DataError
from Backtest.market import in_words, seconds
from Backtest.market.sessions import resample

SYMBOLS = {
    "GOOG": "1d", "EURUSD": "1h", "BTCUSD": "1mo", "AAPL": "1d", "IBM": "1d", "MSFT": "1d", "FB": "1d",
}  # fmt: skip
ALIASES = {"EURUSD=X": "EURUSD", "BTC-USD": "BTCUSD", "GOOGL": "GOOG", "META": "FB"}
# What is not the same under another name, and what it is taken for.
STAND_INS = {"GOOGL": "GOOG, the other share of the company", "META": "FB, its name until 2022"}


class BundledProvider:
    """Gives the bundled symbols in their own time frame or a coarser one."""

    name = "bundled"

    def fetch(self, request: PriceRequest) -> PriceData:
        symbol = ALIASES.get(request.symbol, request.symbol)
        if symbol not in SYMBOLS:
            raise DataError(
                f"{request.symbol} is not among the bundled symbols {', '.join(sorted(SYMBOLS))}",
                suggestions=["Choose a bundled symbol, upload prices, or connect to a network for Yahoo's"],
            )
        native = SYMBOLS[symbol]
        if seconds(request.timeframe) < seconds(native):
            raise DataError(
                f"{symbol} is bundled in {in_words(native)} bars, {in_words(request.timeframe)} bars cannot be made of them",
                suggestions=[f"Use the time frame {native} or a coarser one"],
            )
        frame, adjustment, quality = _load(symbol)
        notes: list[str] = []
        if request.timeframe != native:
            frame, notes = resample(until(frame, request.end), request.timeframe)
            quality = {}
        if request.symbol in STAND_INS:
            notes = [
                f"The bundled prices have no {request.symbol}: these are those of {STAND_INS[request.symbol]}",
                *notes,
            ]
        return PriceData(symbol, request.timeframe, frame, self.name, adjustment, tuple(notes), quality)


def _package_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"The package {package} is not installed: pip install {package}")
    return Path(spec.submodule_search_locations[0])


@lru_cache(maxsize=len(SYMBOLS))
def _load(symbol: str) -> tuple[pd.DataFrame, str, dict[str, object]]:
    adjustment = "splits"
    if symbol in ("GOOG", "EURUSD", "BTCUSD"):
        path = _package_folder("backtesting") / "test" / f"{symbol}.csv"
        raw = pd.read_csv(path, index_col=0, parse_dates=True)
        if symbol == "EURUSD":  # its weeks begin at 21:00 in summer and at 22:00 in winter, 17:00 in New York
            raw = raw.tz_localize("UTC")
    else:
        everything = pd.read_csv(_package_folder("bokeh_sampledata") / "_data" / "stocks.csv.gz", parse_dates=["Date"])
        raw = everything[everything["Ticker"] == symbol].set_index("Date")
        factor = raw["Adj Close"] / raw["Close"]
        prices = raw[["Open", "High", "Low", "Close"]].mul(factor, axis=0)
        raw = prices.assign(Volume=raw["Volume"])
        adjustment = "splits and dividends"
    quality = quality_report(raw, SYMBOLS[symbol])
    return clean_frame(raw, name=symbol), adjustment, quality
