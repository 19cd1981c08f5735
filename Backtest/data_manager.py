"""The data pipeline's coordinator: which provider, which bars, which indicators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pandas as pd

from Backtest.canonical import ALL_HISTORY
from Backtest.data import BundledProvider, PriceData, PriceRequest, Provider, in_zone
from Backtest.decision import compute_indicators
from Backtest.diagnostics import load_indicators
from Backtest.errors import DataError, DataRangeError, ProviderError, StrategyError
from Backtest.market import in_words, is_intraday, seconds
from Backtest.market.others import aligned, bars_not_shown, other_bars


class DataManager:
    """Asks providers in order until one has the symbol.

    Args:
        providers: in order of preference. When an earlier one cannot be reached and a later one
            has the symbol, the later one is used and the answer says so.
    """

    def __init__(self, providers: Sequence[Provider] = ()) -> None:
        self.providers = tuple(providers) or (BundledProvider(),)

    def fetch(self, request: PriceRequest) -> PriceData:
        """Return the bars of a request.

        Raises:
            DataError: no provider has the symbol, or none has bars between the dates.
            ProviderError: the last provider failed and trying again may help.
        """
        found = self._fetch(replace(request, others=()))
        for symbol, reader in request.others:
            found = self._beside(found, symbol, reader, request)
        return found

    def _beside(self, prices: PriceData, symbol: str, reader: str, request: PriceRequest) -> PriceData:
        """Return prices with those of another symbol beside them, for the same dates, those of history included."""
        index = pd.DatetimeIndex(prices.frame.index)
        try:
            other = self._fetch(
                PriceRequest(
                    symbol, request.timeframe, index[0].date() - timedelta(days=1), index[-1].date() + timedelta(days=1)
                )
            )
            if request.timezone and pd.DatetimeIndex(other.frame.index).tz is None:
                other = in_zone(other, request.timezone)
            frame = aligned(prices.frame, symbol, other.frame)
            other_bars(frame, symbol)
        except (DataError, ProviderError) as error:
            message = f"{reader} reads the prices of {symbol}, and there are none. {error.message}"
            advice = [*error.suggestions, f"Choose another symbol, upload prices of {symbol}, or leave the clause out"]
            raise type(error)(message, suggestions=list(dict.fromkeys(advice))) from None
        notes = [
            f"Prices of {symbol} come from {other.source}, {in_words(request.timeframe)} bars, adjusted for {other.adjustment}"
        ]
        if lost := bars_not_shown(frame, symbol):
            notes.append(
                f"{lost:,} bars of {symbol} fall between those of {prices.symbol}: indicators of {symbol} are made without them"
            )
        return replace(prices, frame=frame, notes=(*prices.notes, *other.notes, *notes))

    def _fetch(self, request: PriceRequest) -> PriceData:
        """Return the bars of a request, of its own symbol alone."""
        failures: list[tuple[str, DataError | ProviderError]] = []
        for provider in self.providers:
            try:
                found = in_zone(_with_history(provider, request), request.timezone)
            except (ProviderError, DataError) as error:
                failures.append((provider.name, error))
            else:
                unreached = [f"{n} gave nothing ({e.message})" for n, e in failures if isinstance(e, ProviderError)]
                if unreached:
                    note = f"{'; '.join(unreached)}: the prices are {found.source}"
                    return replace(found, notes=(*found.notes, note))
                return found
        if not failures:
            raise DataError("No data provider is configured: set DATA_PROVIDERS")
        raise _none_has(request, failures)


def _with_history(provider: Provider, request: PriceRequest) -> PriceData:
    """Return a provider's bars, with the history asked for where it has that."""
    if request.start and request.history >= ALL_HISTORY:
        return provider.fetch(replace(request, start=None)).between(request.start, request.end, request.history)
    if request.start and request.history:
        ahead = timedelta(seconds=request.history * seconds(request.timeframe))
        # Markets trade on 5 days of 7, and stocks for 6.5 hours of 24; a week more for holidays.
        spread = 1.5 if not is_intraday(request.timeframe) else 5.5
        try:
            begin = request.start - ahead * spread - timedelta(days=7)
        except OverflowError:
            begin = date(1900, 1, 1)
        try:
            found = provider.fetch(replace(request, start=begin))
            return found.between(request.start, request.end, request.history)
        except (DataRangeError, ProviderError):
            raise
        except DataError:  # it has not so much of the past: what was asked for counts
            pass
    return provider.fetch(request).between(request.start, request.end, request.history)


def _none_has(
    request: PriceRequest, failures: list[tuple[str, DataError | ProviderError]]
) -> DataError | ProviderError:
    """Return the error that says why each provider has no such prices.

    Its kind is that of the most telling one: dates outside what exists, then a provider that could not be reached.
    """
    failures = sorted(
        failures, key=lambda f: 0 if isinstance(f[1], DataRangeError) else 1 if isinstance(f[1], ProviderError) else 2
    )
    worst = failures[0][1]
    if len(failures) == 1:
        return worst
    said = "; ".join(f"{name}: {error.message}" for name, error in failures)
    advice = list(dict.fromkeys(s for _, error in failures for s in error.suggestions))
    return type(worst)(
        f"No provider has {in_words(request.timeframe)} prices for {request.symbol}. {said}",
        suggestions=[*advice, "Upload a file with the prices"],
    )


class DataIngestionModel:
    """Fetches prices and adds indicator columns.

    >>> model = DataIngestionModel()
    >>> frame = model.ingest_and_process("GOOG", [{"name": "SMA", "timeperiod": 20}], "max", "1d")
    >>> list(frame.columns)[-1]
    'SMA_20'
    """

    def __init__(self, manager: DataManager | None = None) -> None:
        self.manager = manager or DataManager()

    def ingest_and_process(
        self,
        ticker: str,
        required_indicators: Sequence[Mapping[str, Any] | str] = (),
        period: str = "60d",
        interval: str = "1h",
    ) -> pd.DataFrame:
        """Return Open, High, Low, Close, Volume and one column an indicator output.

        Args:
            ticker: such as GOOG or EURUSD.
            required_indicators: such as `{"name": "RSI", "timeperiod": 14}`.
            period: how much up to the last bar there is: 60d, 3mo, 2y or max.
            interval: the time frame of a bar, such as 1h.

        Raises:
            DataError: unknown symbol, period or dates.
            StrategyError: an indicator that does not exist, or parameters out of bounds.
        """
        others = others_of(required_indicators, interval)
        prices = self.manager.fetch(PriceRequest(ticker, interval, others=others))
        return last_period(add_indicators(prices.frame, required_indicators, interval), period)


def others_of(indicators: Sequence[Mapping[str, Any] | str], timeframe: str) -> tuple[tuple[str, str], ...]:
    """Return the other symbols that indicators are computed on, each with the first that is; none where one of them is not possible."""
    listed = load_indicators(indicators, timeframe).listed if indicators else None
    return listed.others if listed else ()


def add_indicators(frame: pd.DataFrame, indicators: Sequence[Mapping[str, Any] | str], timeframe: str) -> pd.DataFrame:
    """Return the frame with one column an indicator output, named as `RSI_14`."""
    if not indicators:
        return frame.copy()
    loaded = load_indicators(indicators, timeframe)
    if loaded.listed is None:
        raise StrategyError(f"Unknown indicator or parameter: {loaded.errors[0].message}", details=loaded.errors)
    columns = {}
    values = compute_indicators(loaded.listed, frame)
    for item, arrays in zip(loaded.listed.indicators, values.values(), strict=True):
        for output, array in zip(item.entry.outputs, arrays, strict=True):
            columns[item.column(output.name)] = array
    return frame.assign(**columns)


_PERIODS = {
    "d": pd.DateOffset(days=1),
    "wk": pd.DateOffset(weeks=1),
    "mo": pd.DateOffset(months=1),
    "y": pd.DateOffset(years=1),
}


def last_period(frame: pd.DataFrame, period: str) -> pd.DataFrame:
    """Return the last part of a frame: `60d`, `8wk`, `3mo`, `2y`, `ytd` or `max`."""
    if period == "max":
        return frame
    if period == "ytd":
        return frame.loc[frame.index >= pd.Timestamp(frame.index[-1].year, 1, 1, tz=frame.index[-1].tz)]
    number = "".join(c for c in period if c.isdigit())
    unit = period[len(number) :]
    if not number or unit not in _PERIODS or not 0 < int(number) <= 10_000:
        raise DataError(f"Unknown period {period!r}: use a form such as 60d, 8wk, 3mo, 2y, ytd or max")
    first: pd.Timestamp = frame.index[-1] - _PERIODS[unit] * int(number)
    return frame.loc[frame.index > first]
