"""A cache in front of a provider: Parquet files, fetched once and extended at their ends."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from Backtest.data.prices import PriceData, PriceRequest, Provider, clean_frame, frame_sha256
from Backtest.errors import DataError
from Backtest.machine import write_whole

OVERLAP_DAYS = 5


class CachedProvider:
    """Keeps what a provider gave and asks it only for what is missing.

    Each symbol and time frame is one Parquet file with a JSON file beside it: the days covered,
    source, adjustment and hash. New bars are fetched with some days of overlap; where these
    disagree with the kept ones (prices are adjusted anew after a split), everything is fetched
    again. A file whose hash is wrong is fetched again too.

    Args:
        folder: where the files are.
        today: the current day, the end of a request without one; today's bar is never kept.
    """

    def __init__(self, provider: Provider, folder: Path, *, today: Any = date.today) -> None:
        self.provider = provider
        self.folder = folder
        self.today = today
        self.name = provider.name

    def fetch(self, request: PriceRequest) -> PriceData:
        """Return the bars of a request, from the file where it covers them."""
        kept = self._load(request)
        last_full_day = self.today() - timedelta(days=1)
        end = min(request.end, last_full_day) if request.end else last_full_day
        if kept is None:
            return self._store(request, self.provider.fetch(request), request.start, end)
        prices, first_day, last_day = kept
        if request.start is None and first_day is not None:
            return self._store(request, self.provider.fetch(replace(request, end=None)), None, last_full_day)
        if request.start is not None and first_day is not None and request.start < first_day:
            wider = replace(request, end=max(request.end or last_full_day, last_day))
            return self._store(request, self.provider.fetch(wider), request.start, min(wider.end or end, last_full_day))
        if end > last_day:
            return self._extend(request, prices, first_day, last_day, end)
        return prices

    def _extend(
        self, request: PriceRequest, prices: PriceData, first_day: date | None, last_day: date, end: date
    ) -> PriceData:
        since = last_day - timedelta(days=OVERLAP_DAYS)
        try:
            fresh = self.provider.fetch(replace(request, start=since))
        except DataError:
            return prices  # no newer bar exists
        both = prices.frame.index.intersection(fresh.frame.index)
        same = np.allclose(prices.frame.loc[both].to_numpy(), fresh.frame.loc[both].to_numpy(), rtol=1e-6)
        if not len(both) or not same:
            fresh = self.provider.fetch(replace(request, start=first_day))
            return self._store(request, fresh, first_day, end)
        newer = fresh.frame[fresh.frame.index > prices.frame.index[-1]]
        joined = clean_frame(pd.concat([prices.frame, newer]), name=request.symbol)
        return self._store(request, replace(fresh, frame=joined), first_day, end)

    # Files -----------------------------------------------------------------------------------

    def _path(self, request: PriceRequest) -> Path:
        """Return the file of a symbol and time frame, which no other symbol has: A/B is A%2FB, a%62 is a%2562."""
        safe = re.sub(r"^\.", "%2E", quote(request.symbol, safe="="))
        return self.folder / self.provider.name / f"{safe}_{request.timeframe}.parquet"

    def _load(self, request: PriceRequest) -> tuple[PriceData, date | None, date] | None:
        path = self._path(request)
        try:
            about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            frame = pd.read_parquet(path)
            if frame_sha256(frame) != about["sha256"]:
                return None
            first = date.fromisoformat(about["first_day"]) if about["first_day"] else None
            last = date.fromisoformat(about["last_day"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # missing, or damaged: fetched again
        prices = PriceData(
            request.symbol, request.timeframe, frame, about["source"], about["adjustment"], quality=about["quality"]
        )
        return prices, first, last

    def _store(self, request: PriceRequest, prices: PriceData, first_day: date | None, last_day: date) -> PriceData:
        index = pd.DatetimeIndex(prices.frame.index).tz_localize(None)
        complete = prices.frame[index.normalize() <= pd.Timestamp(last_day)]
        if complete.empty:
            return prices
        path = self._path(request)
        path.parent.mkdir(parents=True, exist_ok=True)
        about = {
            "first_day": first_day.isoformat() if first_day else None,
            "last_day": last_day.isoformat(),
            "source": prices.source,
            "adjustment": prices.adjustment,
            "timezone": str(pd.DatetimeIndex(prices.frame.index).tz or "exchange-local"),
            "sha256": frame_sha256(complete),
            "quality": prices.quality,
        }
        write_whole(path, complete.to_parquet)
        write_whole(path.with_suffix(".json"), lambda made: made.write_text(json.dumps(about), encoding="utf-8"))
        return prices
