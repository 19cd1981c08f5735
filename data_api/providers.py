"""The data providers as the settings want them, a user's uploads among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from auth_api.models import User
from Backtest.data import Provider
from Backtest.data.bundled import BundledProvider
from Backtest.data.cache import CachedProvider
from Backtest.data.uploaded import Upload, UploadedProvider
from Backtest.data.yahoo import YahooProvider
from Backtest.data_manager import DataManager
from Backtest.timeframes import seconds
from data_api.models import DataSet


def _uploads(user: User) -> Provider:
    """Return the provider of a user's newest uploads; finer bars serve a coarser time frame."""

    def find(symbol: str, timeframe: str) -> Upload | None:
        sets = DataSet.objects.filter(user=user, source=UploadedProvider.name, symbol=symbol)
        by_timeframe = {found.timeframe: found for found in reversed(sets)}
        fine = [t for t in by_timeframe if seconds(t) <= seconds(timeframe)]
        chosen = max(fine, key=seconds) if fine else min(by_timeframe, key=seconds, default=None)
        if chosen is None:
            return None
        return Upload(Path(by_timeframe[chosen].path), chosen, by_timeframe[chosen].adjustment)

    return UploadedProvider(find)


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
    return DataManager([_uploads(user), *chosen] if user is not None else chosen)
