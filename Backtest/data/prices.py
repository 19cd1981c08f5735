"""The form of prices everywhere in AlgoAgent, and the protocol of those who provide them.

A price frame has a sorted, unique DatetimeIndex in microseconds (time zone as the provider gives it, naive means
exchange-local) and the float64 columns Open, High, Low, Close, Volume.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from Backtest.errors import DataError, DataRangeError, InvalidInput
from Backtest.indicators import PRICE_COLUMNS
from Backtest.market import in_words, is_intraday, seconds


@dataclass(frozen=True)
class PriceRequest:
    """What is asked for. Both dates are inclusive; None means all there is.

    `history` is how many bars before `start` are wanted as well, to warm indicators up; fewer are given where fewer exist.
    `timezone` is that of intraday prices which bear none. `others` are symbols whose prices are wanted beside, each with what reads it:
    they come as columns such as `SPY.Close`.
    """

    symbol: str
    timeframe: str = "1d"
    start: date | None = None
    end: date | None = None
    history: int = 0
    timezone: str = ""
    others: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.timezone:
            check_timezone(self.timezone)
        if self.start and self.end and self.start > self.end:
            raise DataError(f"The start date {self.start} is after the end date {self.end}: swap them")


@dataclass(frozen=True)
class PriceData:
    """Prices with their origin.

    `adjustment` says what splits and dividends were applied. `quality` is the report on exactly
    these bars as the provider gave them; empty where none was made. `first` is the first bar of what was asked for:
    those before it are its history.
    """

    symbol: str
    timeframe: str
    frame: pd.DataFrame
    source: str
    adjustment: str = "none"
    notes: tuple[str, ...] = ()
    quality: dict[str, Any] = field(default_factory=dict)
    first: int = 0

    @property
    def start(self) -> pd.Timestamp:
        return cast("pd.Timestamp", self.frame.index[self.first])

    @property
    def end(self) -> pd.Timestamp:
        return cast("pd.Timestamp", self.frame.index[-1])

    @property
    def timezone(self) -> str:
        """Return the zone of the bars' times; empty where it is not known, or bars are days or coarser and bear a date."""
        zone = pd.DatetimeIndex(self.frame.index).tz
        return str(zone) if zone is not None else ""

    def sha256(self) -> str:
        """Return the hash (hex) of time stamps and prices."""
        return frame_sha256(self.frame)

    def between(self, start: date | None, end: date | None, history: int = 0) -> PriceData:
        """Return the bars from start to end, both inclusive, after at most `history` bars of before.

        Raises:
            DataError: when the dates reach outside the data or no bar lies between them.
        """
        if self.frame.empty:
            raise DataError(f"There are no prices for {self.symbol}")
        have = f"{self.start.date()} to {self.end.date()}"
        first, last = self.start.date(), self.end.date()
        if (start and start > last) or (end and end < first):
            wanted = f"{start or 'the beginning'} to {end or 'the end'}"
            raise DataRangeError(
                f"{self.symbol} has {in_words(self.timeframe)} prices from {have} in {self.source}, none from {wanted}",
                suggestions=[f"Choose dates within {have}"],
            )
        days = pd.DatetimeIndex(self.frame.index).tz_localize(None).normalize()
        keep = np.ones(len(days), dtype=bool)
        before, slack = 0, max(7, 2 * seconds(self.timeframe) // 86400)
        notes = list(self.notes)
        if start:
            keep &= days >= pd.Timestamp(start)
            before = min(int((~keep).sum()), history)
            if start < first and (first - start).days > slack:
                notes.append(f"Prices of {self.symbol} start on {first}, not on {start} as asked")
        if end:
            keep &= days <= pd.Timestamp(end)
            if end > last and (end - last).days > slack:
                notes.append(f"Prices of {self.symbol} end on {last}, not on {end} as asked")
        if not keep.any():
            raise DataRangeError(f"{self.symbol} has no bar between {start} and {end}; it has {have}")
        rows = np.flatnonzero(keep)
        frame = self.frame.iloc[rows[0] - before : rows[-1] + 1]
        quality = self.quality if len(frame) == len(self.frame) else {}
        return replace(self, frame=frame, notes=tuple(notes), quality=quality, first=before)


class Provider(Protocol):
    """Gives prices. `fetch` returns all bars it has for the request, or raises a DataError."""

    name: str

    def fetch(self, request: PriceRequest) -> PriceData: ...


def check_timezone(name: str) -> None:
    """Raise InvalidInput where there is no time zone of a name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            f"There is no time zone {name[:40]!r}",
            suggestions=["Use a name such as America/New_York, Europe/London or UTC"],
        ) from None


def in_zone(prices: PriceData, timezone: str) -> PriceData:
    """Give intraday prices whose times bear no zone the one they are told in.

    Where clocks are put back an hour comes twice: its first bars are summer time's, those that follow them winter time's.

    Raises:
        InvalidInput: they bear another one, or a time that clocks jumped over.
    """
    index = pd.DatetimeIndex(prices.frame.index)
    if not timezone:
        return prices
    if not is_intraday(prices.timeframe):
        note = f"{in_words(prices.timeframe).capitalize()} bars bear a date and no time: timezone={timezone} changes nothing"
        return replace(prices, notes=(*prices.notes, note))
    if index.tz is not None:
        if str(index.tz) == timezone:
            return prices
        raise InvalidInput(
            f"The prices of {prices.symbol} bear the zone {index.tz}, not {timezone}: leave timezone out"
        )
    try:
        aware = index.tz_localize(timezone, ambiguous="infer")
    except ValueError:  # an hour that should come twice comes once
        try:
            aware = index.tz_localize(timezone, ambiguous=np.ones(len(index), dtype=bool))
        except ValueError as error:
            raise InvalidInput(
                f"The prices of {prices.symbol} are not told in {timezone}: {str(error)[:120]}",
                suggestions=["Name the zone of the data, often UTC or that of the exchange"],
            ) from error
    return replace(prices, frame=prices.frame.set_axis(aware))


def frame_sha256(frame: pd.DataFrame) -> str:
    """Return the SHA-256 (hex) of a price frame: time stamps in UTC nanoseconds and float64 values, those of other symbols with their names."""
    digest = hashlib.sha256()
    index = pd.DatetimeIndex(frame.index)
    utc = index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index
    digest.update(np.ascontiguousarray(utc.to_numpy(dtype="datetime64[ns]").astype("int64")).tobytes())
    for column in PRICE_COLUMNS:
        digest.update(np.ascontiguousarray(frame[column].to_numpy(dtype=np.float64)).tobytes())
    for column in sorted(name for name in map(str, frame.columns) if "." in name):
        digest.update(column.encode() + np.ascontiguousarray(frame[column].to_numpy(dtype=np.float64)).tobytes())
    return digest.hexdigest()


def until(frame: pd.DataFrame, end: date | None) -> pd.DataFrame:
    """Return the bars up to a day, inclusive; coarser bars are made of these, so that none is completed by what came after.

    Raises:
        DataRangeError: there are none.
    """
    if end is None:
        return frame
    days = pd.DatetimeIndex(frame.index).tz_localize(None).normalize()
    cut = frame[days <= pd.Timestamp(end)]
    if cut.empty:
        raise DataRangeError(f"The prices begin on {days[0].date()}, after {end}: choose a later date")
    return cut


def clean_frame(frame: pd.DataFrame, *, name: str) -> pd.DataFrame:
    """Bring a frame into the common form: sorted, unique, float64, no missing prices.

    Rows with a missing price are dropped (the quality report counts them).

    Raises:
        DataError: when columns are missing, the index has no times, or no row is left.
    """
    missing = [c for c in PRICE_COLUMNS[:4] if c not in frame.columns]
    if missing:
        raise DataError(f"{name} lacks the columns {', '.join(missing)}; Open, High, Low, Close and Volume are needed")
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise DataError(f"{name} has no dates: the index must be times, it is {frame.index.dtype}")
    if "Volume" not in frame.columns:
        frame = frame.assign(Volume=0.0)
    try:
        frame = frame[list(PRICE_COLUMNS)].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} has prices that are not numbers: {error}") from error
    frame = frame.assign(Volume=frame["Volume"].fillna(0.0))
    frame = frame.replace([np.inf, -np.inf], np.nan).dropna()
    frame = frame[frame.index.notna()]
    frame = frame[~frame.index.duplicated(keep="last")].sort_index()
    frame = frame[(frame[["Open", "High", "Low", "Close"]] > 0).all(axis=1)]
    if frame.empty:
        raise DataError(f"{name} has no usable bar: every row lacks a price, or has none above zero")
    return frame.set_axis(pd.DatetimeIndex(frame.index, name=None).as_unit("us"))
