"""The prices a user uploaded, as a provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from Backtest.data.prices import PriceData, PriceRequest, until
from Backtest.errors import DataError
from Backtest.market import in_words, seconds
from Backtest.market.sessions import resample


@dataclass(frozen=True)
class Upload:
    """Where an upload's bars are (a Parquet file), and what they are adjusted for."""

    path: Path
    timeframe: str
    adjustment: str


class UploadedProvider:
    """Gives what was uploaded.

    Args:
        find: returns the upload which serves a symbol and time frame best, None when there is none.
    """

    name = "uploaded"

    def __init__(self, find: Callable[[str, str], Upload | None]) -> None:
        self.find = find

    def fetch(self, request: PriceRequest) -> PriceData:
        found = self.find(request.symbol, request.timeframe)
        if found is None:
            raise DataError(f"There is no upload of {request.symbol}")
        if seconds(request.timeframe) < seconds(found.timeframe):
            raise DataError(
                f"{request.symbol} was uploaded in {in_words(found.timeframe)} bars, {in_words(request.timeframe)} bars cannot be made of them"
            )
        try:
            frame = pd.read_parquet(found.path)
        except (OSError, ValueError) as error:
            raise DataError(f"The upload of {request.symbol} is damaged or gone: upload it again") from error
        notes: list[str] = []
        if request.timeframe != found.timeframe:
            frame, notes = resample(until(frame, request.end), request.timeframe)
        return PriceData(request.symbol, request.timeframe, frame, self.name, found.adjustment, tuple(notes))
