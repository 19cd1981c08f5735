"""What can be done with prices: fetch, upload, delete."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from django.conf import settings

from auth_api.models import User
from Backtest.data import PriceData, PriceRequest
from Backtest.data.quality import quality_report
from Backtest.data.uploaded import read_prices
from Backtest.data_manager import add_indicators, last_period
from Backtest.errors import InvalidInput
from data_api.models import DataSet
from data_api.providers import get_data_manager


def dataset_fetch(
    *,
    user: User,
    symbol: str,
    interval: str = "1d",
    start_date: date | None = None,
    end_date: date | None = None,
    period: str = "",
    indicators: Sequence[Mapping[str, Any]] = (),
) -> DataSet:
    """Fetch prices, add indicator columns and keep them as a data set; the same prices once only.

    Raises:
        InvalidInput: both a period and dates were given.
        DataError: the prices do not exist.
        ProviderError: the provider failed.
        StrategyError: an indicator does not exist or its parameters are out of bounds.
    """
    if period and (start_date or end_date):
        raise InvalidInput(f"Give period {period!r} or dates, not both")
    prices = get_data_manager(user=user).fetch(PriceRequest(symbol.upper(), interval, start_date, end_date))
    frame = add_indicators(prices.frame, indicators, interval)
    if period:
        prices = replace(prices, frame=last_period(prices.frame, period), quality={})
        frame = last_period(frame, period)
    return _store(user, prices, frame)


def dataset_upload(*, user: User, name: str, content: bytes, symbol: str, timeframe: str = "") -> DataSet:
    """Keep uploaded prices. DataError when they cannot be read."""
    prices = read_prices(content, filename=name, symbol=symbol.upper(), timeframe=timeframe)
    return _store(user, prices, prices.frame)


def _store(user: User, prices: PriceData, frame: pd.DataFrame) -> DataSet:
    columns = list(frame.columns)
    sha256 = prices.sha256()
    quality = prices.quality or quality_report(prices.frame, prices.timeframe)
    folder = Path(settings.MEDIA_ROOT) / "datasets" / str(user.pk)
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256("|".join([sha256, prices.source, *columns]).encode()).hexdigest()[:24]
    path = folder / f"{key}.parquet"
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    os.close(handle)
    frame.to_parquet(temporary)
    os.replace(temporary, path)
    found, _ = DataSet.objects.update_or_create(
        user=user, symbol=prices.symbol, timeframe=prices.timeframe, path=str(path),
        defaults={
            "source": prices.source, "adjustment": prices.adjustment, "columns": columns, "rows": len(frame),
            "start": _utc(prices.start), "end": _utc(prices.end), "sha256": sha256, "quality": quality,
            "notes": list(prices.notes),
        },
    )  # fmt: skip
    return found


def _utc(time: pd.Timestamp) -> Any:
    """Return the time for the database; exchange-local times without a zone are kept as they read."""
    aware = time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
    return aware.to_pydatetime(warn=False)


def dataset_delete(*, dataset: DataSet) -> None:
    """Delete a data set and its file; runs keep their own copy of their prices."""
    path = Path(dataset.path)
    dataset.delete()
    if not DataSet.objects.filter(path=str(path)).exists():
        path.unlink(missing_ok=True)
