"""The data providers as the settings want them, a user's uploads among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from auth_api.models import User
from Backtest.data import PriceData, PriceRequest, Provider
from Backtest.data.bundled import BundledProvider
from Backtest.data.cache import CachedProvider
from Backtest.data.yahoo import YahooProvider
from Backtest.data_manager import DataManager
from Backtest.errors import DataError
from data_api.models import DataSet


class UploadedProvider:
    """Gives a user the newest prices they uploaded for a symbol and time frame."""

    name = "uploaded"

    def __init__(self, user: User) -> None:
        self.user = user

    def fetch(self, request: PriceRequest) -> PriceData:
        """Return all bars of the newest upload. DataError when there is none."""
        found = DataSet.objects.filter(
            user=self.user, source=self.name, symbol=request.symbol, timeframe=request.timeframe
        ).first()
        if found is None or not Path(found.path).is_file():
            raise DataError(f"No {request.timeframe} prices of {request.symbol} were uploaded")
        frame = pd.read_parquet(found.path)
        return PriceData(found.symbol, found.timeframe, frame, self.name, found.adjustment, quality=found.quality)


def _yahoo() -> Provider:
    folder = Path(settings.DATA_CACHE_DIR)
    provider = YahooProvider(timeout_s=settings.YAHOO_TIMEOUT_S, state_folder=folder / "yfinance")
    return CachedProvider(provider, folder)


PROVIDERS: dict[str, Callable[[], Provider]] = {"bundled": BundledProvider, "yahoo": _yahoo}


def get_data_manager(*, user: User | None = None) -> DataManager:
    """Return a user's uploads followed by the providers of DATA_PROVIDERS, in its order."""
    unknown = [name for name in settings.DATA_PROVIDERS if name not in PROVIDERS]
    if unknown:
        raise ImproperlyConfigured(f"DATA_PROVIDERS names {unknown[0]!r}; known are {', '.join(PROVIDERS)}")
    chosen = [PROVIDERS[name]() for name in settings.DATA_PROVIDERS]
    return DataManager([UploadedProvider(user), *chosen] if user is not None else chosen)
