"""Prices a user uploads, as CSV or Parquet."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd

from Backtest.data.prices import PriceData, PriceRequest, clean_frame, until
from Backtest.data.quality import quality_report
from Backtest.errors import DataError
from Backtest.sessions import resample
from Backtest.timeframes import guess, seconds

MAX_ROWS = 5_000_000
_TIME_COLUMNS = ("date", "datetime", "time", "timestamp", "index", "unnamed: 0")
_NAMES = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume", "vol": "Volume"}
_SHORT = {"o": "Open", "h": "High", "l": "Low", "c": "Close", "v": "Volume"}


def read_prices(content: bytes, *, filename: str, symbol: str, timeframe: str = "") -> PriceData:
    """Read an uploaded file into prices with its quality report.

    The time is the index or a column called date, datetime, time or timestamp (text, or Unix
    seconds or milliseconds). The time frame is guessed from the bars when it is not given.

    Raises:
        DataError: not CSV or Parquet, columns missing, no usable row.
    """
    try:
        if filename.lower().endswith((".parquet", ".pq")):
            raw = pd.read_parquet(io.BytesIO(content))
        else:
            raw = (
                pd.read_csv(io.BytesIO(content), nrows=MAX_ROWS + 1, sep=None, engine="python")
                if b";" in content[:200]
                else (pd.read_csv(io.BytesIO(content), nrows=MAX_ROWS + 1))
            )
    except (ValueError, OSError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise DataError(f"{filename} can be read neither as CSV nor as Parquet: {str(error)[:200]}") from error
    if len(raw) > MAX_ROWS:
        raise DataError(f"{filename} has more than {MAX_ROWS:,} rows: split it")
    raw = _with_times(_with_names(raw), filename)
    chosen = timeframe or guess(pd.DatetimeIndex(raw.index.sort_values()))
    frame = clean_frame(raw, name=filename)
    quality = quality_report(raw.dropna(how="all"), chosen)
    if (frame["High"] < frame["Low"]).any():
        where = frame.index[frame["High"] < frame["Low"]][0]
        raise DataError(f"{filename} has a high below the low, first at {where}: correct the file")
    return PriceData(symbol, chosen, frame, "uploaded", "as uploaded", quality=quality)


def _with_names(raw: pd.DataFrame) -> pd.DataFrame:
    names = {}
    for column in raw.columns:
        key = str(column).strip().lower()
        names[column] = _NAMES.get(key) or _SHORT.get(key) or str(column).strip()
    renamed = raw.rename(columns=names)
    return renamed.loc[:, ~renamed.columns.duplicated()]


def _with_times(raw: pd.DataFrame, filename: str) -> pd.DataFrame:
    if isinstance(raw.index, pd.DatetimeIndex):
        return raw
    column = next((c for c in raw.columns if str(c).strip().lower() in _TIME_COLUMNS), None)
    if column is None:
        raise DataError(f"{filename} has no column of times: name one Date, Datetime, Time or Timestamp")
    values = raw[column]
    try:
        if pd.api.types.is_numeric_dtype(values):
            unit: Literal["ms", "s"] = "ms" if values.abs().max() > 1e11 else "s"
            index = pd.DatetimeIndex(pd.to_datetime(values, unit=unit))
        else:
            index = pd.DatetimeIndex(pd.to_datetime(values, format="mixed", utc=_mixed_zones(values)))
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{filename}: the column {column} holds no times: {str(error)[:120]}") from error
    return raw.drop(columns=column).set_index(index)


def _mixed_zones(values: pd.Series) -> bool:
    """Whether time stamps carry offsets, which may change with daylight saving."""
    text = str(values.iloc[0]) if len(values) else ""
    return "+" in text or text.endswith("Z")


class UploadedProvider:
    """Gives what was uploaded.

    Args:
        find: returns (Parquet file, time frame) of a symbol, None when there is none.
    """

    name = "uploaded"

    def __init__(self, find: Callable[[str, str], tuple[Path, str] | None]) -> None:
        self.find = find

    def fetch(self, request: PriceRequest) -> PriceData:
        found = self.find(request.symbol, request.timeframe)
        if found is None:
            raise DataError(f"There is no upload of {request.symbol}")
        path, native = found
        if seconds(request.timeframe) < seconds(native):
            raise DataError(
                f"{request.symbol} was uploaded in {native} bars, {request.timeframe} bars cannot be made of them"
            )
        try:
            frame = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise DataError(f"The upload of {request.symbol} is damaged or gone: upload it again") from error
        notes: list[str] = []
        if request.timeframe != native:
            frame, notes = resample(until(frame, request.end), request.timeframe)
        return PriceData(request.symbol, request.timeframe, frame, self.name, "as uploaded", tuple(notes))
