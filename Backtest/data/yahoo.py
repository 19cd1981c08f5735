"""Yahoo Finance's prices, through yfinance."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from Backtest.data.prices import PriceData, PriceRequest, clean_frame
from Backtest.data.quality import quality_report
from Backtest.errors import DataError, ProviderError
from Backtest.machine import elsewhere
from Backtest.market import in_words, is_intraday
from Backtest.market.sessions import resample

# What Yahoo has; other time frames are made of the next finer one.
_INTERVALS = {
    "1m": "1m",
    "2m": "2m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "1h",
    "1d": "1d",
    "1wk": "1wk",
    "1mo": "1mo",
    "3mo": "3mo",
}
_MADE_OF = {"3m": "1m", "10m": "5m", "2h": "1h", "4h": "1h", "6h": "1h", "8h": "1h", "12h": "1h", "1y": "1mo"}
_SYMBOLS = {"EURUSD": "EURUSD=X", "GBPUSD": "GBPUSD=X", "USDJPY": "USDJPY=X", "BTCUSD": "BTC-USD", "ETHUSD": "ETH-USD"}


class YahooProvider:
    """Fetches from Yahoo, with retries; prices are adjusted for splits and dividends.

    Args:
        timeout_s: of one request.
        attempts: how often a failing request is made; between two it waits 0.5 s, then twice
            as long each time, give or take a quarter.
        state_folder: where yfinance keeps its cookies and time zones.
        session: a curl_cffi session in place of yfinance's own.
    """

    name = "yahoo"

    def __init__(
        self,
        *,
        timeout_s: float = 10.0,
        attempts: int = 3,
        state_folder: Path | None = None,
        session: Any = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.timeout_s = timeout_s
        self.attempts = attempts
        self.state_folder = state_folder
        self.session = session
        self.sleep = sleep

    def fetch(self, request: PriceRequest) -> PriceData:
        """Return the bars from start to end; all there is without dates.

        Raises:
            DataError: Yahoo does not know the symbol or has no bars for the dates.
            ProviderError: no network, a rate limit or a broken answer, after all attempts.
        """
        for attempt in range(self.attempts):
            try:
                return self._fetch(request)
            except ProviderError:
                if attempt + 1 == self.attempts:
                    raise
                self.sleep(0.5 * 2**attempt * random.uniform(0.75, 1.25))  # noqa: S311 - jitter is no secret
        raise AssertionError("attempts must be at least 1")

    def _fetch(self, request: PriceRequest) -> PriceData:
        import yfinance
        from curl_cffi.requests.exceptions import RequestException
        from yfinance import exceptions

        # It turns on the display of its own deprecated calls when it is imported.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="^yfinance")
        yfinance.config.debug.hide_exceptions = False
        if self.state_folder:
            self.state_folder.mkdir(parents=True, exist_ok=True)
            yfinance.set_tz_cache_location(str(self.state_folder))
        symbol = _SYMBOLS.get(request.symbol, request.symbol)
        interval = _MADE_OF.get(request.timeframe, request.timeframe)
        try:
            with elsewhere():
                raw = yfinance.Ticker(symbol, session=self.session).history(
                    interval=_INTERVALS[interval],
                    auto_adjust=True,
                    actions=False,
                    timeout=self.timeout_s,
                    **_range(request),
                )
        except exceptions.YFRateLimitError as error:
            raise ProviderError(
                "Yahoo refuses more requests for now (rate limit): try again in a few minutes"
            ) from error
        except (exceptions.YFPricesMissingError, exceptions.YFTzMissingError) as error:
            raise DataError(
                f"Yahoo has no {in_words(request.timeframe)} prices for {request.symbol}: {error.rationale}",
                suggestions=[
                    "Check the symbol as Yahoo spells it, the dates, and that intraday prices reach back 60 days only"
                ],
            ) from error
        except exceptions.YFException as error:
            raise ProviderError(f"Yahoo failed: {error}") from error
        except (RequestException, OSError) as error:
            raise ProviderError(f"Yahoo cannot be reached ({type(error).__name__}): check the network") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProviderError(
                f"Yahoo gave an answer that cannot be read ({type(error).__name__}: {error})"[:300]
            ) from error
        if raw.empty:
            raise DataError(f"Yahoo has no {in_words(request.timeframe)} bars for {request.symbol} between these dates")
        return self._prices(request, raw)

    def _prices(self, request: PriceRequest, raw: pd.DataFrame) -> PriceData:
        quality = quality_report(raw, request.timeframe)
        frame = clean_frame(raw, name=f"Yahoo's {request.symbol}")
        if not is_intraday(request.timeframe):
            frame.index = pd.DatetimeIndex(frame.index).tz_localize(None)
        notes: list[str] = []
        if request.timeframe in _MADE_OF:
            frame, notes = resample(frame, request.timeframe)
        return PriceData(
            request.symbol, request.timeframe, frame, self.name, "splits and dividends", tuple(notes), quality
        )


def _range(request: PriceRequest) -> dict[str, Any]:
    if request.start is None and request.end is None:
        return {"period": "max"}
    given: dict[str, Any] = {}
    if request.start:
        given["start"] = request.start.isoformat()
    else:
        given["start"] = "1925-01-01" if not is_intraday(request.timeframe) else None
        given = {k: v for k, v in given.items() if v}
    if request.end:
        given["end"] = (request.end + timedelta(days=1)).isoformat()
    return given
