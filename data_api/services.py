"""What can be done with prices: fetch, upload, delete."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from django.conf import settings
from django.db import transaction

from auth_api.models import User
from Backtest.data import PriceData, PriceRequest, quality_report
from Backtest.data.importing import EACH, ImportChoices, ReadingLimits, UnderstoodFile, read_each_limited, read_limited
from Backtest.data_manager import add_indicators, last_period, others_of
from Backtest.errors import DataError, Diagnostic, InvalidInput, TooLarge
from Backtest.machine import Places, write_whole
from Backtest.market import is_intraday
from data_api.models import DataSet
from data_api.providers import get_data_manager

# Reading one may take 512 MiB and ten seconds of a processor.
LEFT_AFTER_S = 3600.0  # a file that no row knows for so long was left by a process that ended
READING = Places(4, share=2, queue=4, what="files")


def dataset_fetch(
    *,
    user: User,
    symbol: str,
    interval: str = "1d",
    start_date: date | None = None,
    end_date: date | None = None,
    period: str = "",
    indicators: Sequence[Mapping[str, Any] | str] = (),
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
    others = others_of(indicators, interval)
    prices = get_data_manager(user=user).fetch(
        PriceRequest(symbol.upper(), interval, start_date, end_date, others=others)
    )
    frame = add_indicators(prices.frame, indicators, interval)
    if period:
        prices = replace(prices, frame=last_period(prices.frame, period), quality={})
        frame = last_period(frame, period)
    return _store(user, prices, frame)


def import_choices(given: Mapping[str, str]) -> ImportChoices:
    """Return choices by their names. InvalidInput for a name that is none."""
    known = [field.name for field in fields(ImportChoices)]
    if unknown := [name for name in given if name not in known]:
        raise InvalidInput(f"There is no choice {unknown[0]}: there are {', '.join(known)}")
    return ImportChoices(**{**given, "symbol": given.get("symbol", "").upper()})  # type: ignore[arg-type]


def dataset_file_content(*, path: Path) -> bytes:
    """Return the bytes of a file on this machine. DataError when there is none, TooLarge above MAX_UPLOAD_MB."""
    try:
        size = path.stat().st_size / 2**20
        if size > settings.MAX_UPLOAD_MB:
            raise TooLarge(f"{path.name} has {size:.1f} MiB, at most {settings.MAX_UPLOAD_MB} are taken: split it")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def dataset_preview_file(*, name: str, content: bytes, choices: ImportChoices) -> UnderstoodFile:
    """Return what is understood of a file; nothing is stored. DataError when it cannot be read."""
    with READING.one():
        return read_limited(content, name, choices=choices, limits=_limits())


def _limits() -> ReadingLimits:
    return ReadingLimits(settings.UPLOAD_MEMORY_MB, settings.UPLOAD_TIMEOUT_S)


def dataset_upload(*, user: User, name: str, content: bytes, choices: ImportChoices) -> list[DataSet]:
    """Keep the prices of a file: one data set, or one for each symbol where the choice is "*".

    Raises:
        DataError: the file cannot be read, a question is open, or nothing gives the symbol.
        TooLarge: the user has as many data sets as one may.
    """
    if choices.symbol_in_file == EACH:
        with READING.one():
            read = read_each_limited(content, name, choices=choices, limits=_limits())
        if choices.symbol and len(read) > 1:
            raise InvalidInput(
                f"The file's symbols keep their names: leave symbol={choices.symbol} out, or choose one of them"
            )
    else:
        with READING.one():
            read = [read_limited(content, name, choices=choices, limits=_limits())]
    prices = [one.require() for one in read]
    for one in read:
        if not one.symbol:
            raise _no_symbol(name, one)
    with transaction.atomic():
        return [_store(user, found, found.frame) for found in prices]


def _no_symbol(name: str, read: UnderstoodFile) -> DataError:
    """Return the error that asks for the symbol, with those the file's name may mean."""
    asked = next(question for question in read.questions if question.field == "symbol")
    remedy = "Give " + " or ".join(f"symbol={choice}" for choice in asked.choices or ("AAPL",))
    said = f"The name of {name} does not tell the symbol of the prices for certain"
    return DataError(
        said if asked.choices else f"Neither {name} nor its name gives the symbol of the prices",
        details=[Diagnostic("error", "required", "symbol", asked.text, remedy)],
        questions=[asked.text],
        suggestions=[remedy],
    )


def _store(user: User, prices: PriceData, frame: pd.DataFrame) -> DataSet:
    columns = list(frame.columns)
    sha256 = prices.sha256()
    quality = prices.quality or quality_report(prices.frame, prices.timeframe)
    folder = Path(settings.MEDIA_ROOT) / "datasets" / str(user.pk)
    folder.mkdir(parents=True, exist_ok=True)
    _check_room(user, folder)
    key = hashlib.sha256("|".join([sha256, prices.source, _zone(prices), *columns]).encode()).hexdigest()[:24]
    path = folder / f"{key}.parquet"
    write_whole(path, frame.to_parquet)
    found, _ = DataSet.objects.update_or_create(
        user=user, symbol=prices.symbol, timeframe=prices.timeframe, path=str(path),
        defaults={
            "source": prices.source, "adjustment": prices.adjustment, "timezone": _zone(prices), "columns": columns, "rows": len(frame),
            "start": _utc(prices.start), "end": _utc(prices.end), "sha256": sha256, "quality": quality,
            "notes": list(prices.notes),
        },
    )  # fmt: skip
    return found


def _check_room(user: User, folder: Path) -> None:
    """Raise TooLarge where a user keeps as many data sets, or as much in them, as one may. What a kill has left goes first."""
    known, size = list(DataSet.objects.filter(user=user).values_list("path", flat=True)), 0.0
    for file in folder.iterdir():
        found = file.stat()
        if str(file) not in known and time.time() - found.st_mtime > LEFT_AFTER_S:
            file.unlink(missing_ok=True)
        else:
            size += found.st_size / 2**20
    if len(known) >= settings.DATASETS_PER_USER:
        kept = f"{len(known)} data sets, and at most {settings.DATASETS_PER_USER} are kept"
    elif size >= settings.DATASETS_MB_PER_USER:
        kept = f"{size:.0f} MiB of data sets, and at most {settings.DATASETS_MB_PER_USER} are kept"
    else:
        return
    raise TooLarge(f"You have {kept}: delete one that is not needed any more (DELETE data/datasets/ID/)")


def _zone(prices: PriceData) -> str:
    """Return the zone of intraday bars; "" for days, and where it is unknown."""
    zone = pd.DatetimeIndex(prices.frame.index).tz
    return str(zone)[:64] if zone is not None and is_intraday(prices.timeframe) else ""


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
