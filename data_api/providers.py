"""The data providers as the settings want them, a user's uploads among them."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from auth_api.models import User
from Backtest.data import Provider, Upload, UploadedProvider
from Backtest.data_manager import DataManager
from Backtest.market import seconds
from data_api.models import DataSet
from data_api.sources import NAMES, provider_of


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


def get_data_manager(*, user: User | None = None) -> DataManager:
    """Return a user's uploads followed by the providers of DATA_PROVIDERS, in its order."""
    unknown = [name for name in settings.DATA_PROVIDERS if name not in NAMES]
    if unknown:
        raise ImproperlyConfigured(f"DATA_PROVIDERS names {unknown[0]!r}; known are {', '.join(NAMES)}")
    chosen = [provider_of(name) for name in settings.DATA_PROVIDERS]
    return DataManager([_uploads(user), *chosen] if user is not None else chosen)
