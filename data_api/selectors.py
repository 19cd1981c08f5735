"""Reading data sets and the catalogue of indicators; every query is of one owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from django.conf import settings
from django.db.models import QuerySet

from auth_api.models import User
from Backtest.data import SYMBOLS, BundledProvider, UploadedProvider
from Backtest.data.importing import shown_bar
from Backtest.errors import NotFound
from Backtest.indicators import REGISTRY
from Backtest.market import seconds
from data_api.models import DataSet
from data_api.outcomes import KnownSymbol, KnownSymbols

PREVIEW_ROWS = 10


def datasets_of(*, user: User) -> QuerySet[DataSet]:
    return DataSet.objects.filter(user=user)


def dataset_get(*, user: User, dataset_id: int) -> DataSet:
    """NotFound when there is none, or it is somebody else's."""
    found = datasets_of(user=user).filter(pk=dataset_id).first()
    if found is None:
        raise NotFound(f"There is no data set {dataset_id}")
    return found


def uploaded_symbols(*, user: User) -> list[str]:
    """Return the symbols of the prices a user uploaded."""
    own = datasets_of(user=user).filter(source=UploadedProvider.name)
    return list(own.order_by("symbol").values_list("symbol", flat=True).distinct())


def symbols_known(*, user: User) -> KnownSymbols:
    """Return the symbols whose prices are here; an upload stands in front of bundled prices of the same name."""
    known: dict[str, KnownSymbol] = {}
    if BundledProvider.name in settings.DATA_PROVIDERS:
        known = {name: KnownSymbol(symbol=name, timeframe=bars, source="bundled") for name, bars in SYMBOLS.items()}
    own = datasets_of(user=user).filter(source=UploadedProvider.name).values_list("symbol", "timeframe").distinct()
    finest = dict(sorted(own, key=lambda one: -seconds(one[1])))  # the last one of a symbol stays
    uploads = [KnownSymbol(symbol=name, timeframe=bars, source="uploaded") for name, bars in sorted(finest.items())]
    return KnownSymbols(symbols=uploads + [known[name] for name in sorted(known) if name not in finest])


def dataset_preview(dataset: DataSet) -> list[dict[str, Any]]:
    """Return the last rows, with their time and every column; a missing value is None."""
    if not Path(dataset.path).is_file():
        return []
    tail = pd.read_parquet(dataset.path).tail(PREVIEW_ROWS)
    return [shown_bar(time, row, dataset.timeframe) for time, row in tail.iterrows()]


def indicator_catalogue() -> list[dict[str, Any]]:
    """Return every indicator: name, title, parameters with bounds, inputs, outputs and usual levels."""
    return [
        {
            "name": entry.name,
            "title": entry.title,
            "aliases": list(entry.aliases),
            "parameters": [
                {"name": p.name, "type": p.kind.__name__, "default": p.default, "min": p.minimum, "max": p.maximum}
                for p in entry.params
            ],
            "inputs": list(entry.inputs),
            "outputs": [{"name": o.name, "column": o.column} for o in entry.outputs],
            "scale": entry.scale,
            "bounds": list(entry.bounds) if entry.bounds else None,
            "oversold": entry.levels[0] if entry.levels else None,
            "overbought": entry.levels[1] if entry.levels else None,
        }
        for entry in REGISTRY.values()
    ]
