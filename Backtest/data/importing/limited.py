"""Reading a file in a process of its own, with limits: a file that unpacks to gigabytes ends that process and nothing else.

It answers with text and plain numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pandas as pd

from Backtest import errors
from Backtest.data.importing.layout import MAX_ROWS
from Backtest.data.importing.reading import read_file
from Backtest.data.importing.understanding import FileQuestion, ImportChoices, UnderstoodFile
from Backtest.data.prices import PriceData
from Backtest.errors import AlgoAgentError, DataError, Diagnostic
from Backtest.indicators import PRICE_COLUMNS
from Backtest.machine import MIB, MOST_BYTES, Ended, TookTooLong, TookTooMuch, WorkLimits, begin_with, working

MAX_SYMBOLS = 50
begin_with(__name__)


@dataclass(frozen=True)
class ReadingLimits(WorkLimits):
    """What reading one file may take.

    Args:
        memory_mb: MiB of memory; a file gets twenty times its own size where that is more, as an honest one may need it.
        cpu_s: seconds of processor time, and a fifth of a second more for each MiB of the file.
    """

    memory_mb: int = 512
    cpu_s: float = 10.0

    def of(self, size: int) -> ReadingLimits:
        """Return the limits for a file of so many bytes."""
        return ReadingLimits(max(self.memory_mb, 20 * size // MIB), self.cpu_s + 0.2 * size / MIB)


def read_limited(
    content: bytes, filename: str, *, choices: ImportChoices | None = None, limits: ReadingLimits | None = None
) -> UnderstoodFile:
    """Read a file of prices as `read_file` does, in a process that ends when it takes too much.

    Raises:
        DataError: as read_file does, or reading it takes more memory or time than it may.
    """
    return _read(read_file, content, filename, choices or ImportChoices(), limits or ReadingLimits())[0]


def read_each_limited(
    content: bytes, filename: str, *, choices: ImportChoices | None = None, limits: ReadingLimits | None = None
) -> list[UnderstoodFile]:
    """Read the prices of every symbol in a file, which together take no more than one file may.

    Raises:
        DataError: as read_limited does, or there are more than MAX_SYMBOLS.
    """
    return _read(_read_each, content, filename, choices or ImportChoices(), limits or ReadingLimits())


def _read_each(content: bytes, filename: str, *, choices: ImportChoices) -> list[UnderstoodFile]:
    whole = read_file(content, filename, choices=choices)
    if len(whole.symbols) < 2:
        return [whole]
    if len(whole.symbols) > MAX_SYMBOLS:
        raise DataError(
            f"{filename} holds {len(whole.symbols)} symbols, at most {MAX_SYMBOLS} are stored at once: split it"
        )
    return [read_file(content, filename, choices=replace(choices, symbol_in_file=one)) for one in whole.symbols]


def _read(
    work: Callable[..., UnderstoodFile | list[UnderstoodFile]],
    content: bytes,
    filename: str,
    choices: ImportChoices,
    limits: ReadingLimits,
) -> list[UnderstoodFile]:
    bounds = limits.of(len(content))
    try:
        with working(_attend, work, filename, choices, limits=bounds, content=content) as line:
            answer = json.loads(line.recv_bytes(MOST_BYTES))
            if "error" in answer:
                raise _error_of(answer["error"])
            return [_understood_of(told, line) for told in answer["read"][:MAX_SYMBOLS]]
    except TookTooLong:
        raise _too_slow(filename, bounds) from None
    except TookTooMuch:
        raise _too_much(filename, bounds) from None
    except Ended as error:
        raise DataError(f"{filename} cannot be read: {error}") from None


def _too_slow(filename: str, limits: ReadingLimits) -> DataError:
    return DataError(
        f"{filename} takes more than {limits.cpu_s:.0f} s to read: split it",
        suggestions=["Leave out columns that are no prices, or upload it in parts"],
    )


def _too_much(filename: str, limits: ReadingLimits) -> DataError:
    return DataError(
        f"{filename} takes more than {limits.memory_mb} MiB of memory to read: split it",
        suggestions=["Leave out columns that are no prices, or upload it in parts"],
    )


# The reading process ---------------------------------------------------------------------------


def _attend(
    line: Connection,
    content: bytes,
    work: Callable[..., UnderstoodFile | list[UnderstoodFile]],
    filename: str,
    choices: ImportChoices,
) -> None:
    """Read a file and answer."""
    try:
        found = work(content, filename, choices=choices)
        answers = [_answer(one) for one in (found if isinstance(found, list) else [found])]
        line.send_bytes(json.dumps({"read": [told for told, _ in answers]}).encode())
        for _, numbers in answers:
            line.send_bytes(numbers)
    except AlgoAgentError as error:
        if isinstance(error.__cause__, MemoryError):
            raise MemoryError from error
        line.send_bytes(json.dumps({"error": _as_text(error)}).encode())


def _answer(found: UnderstoodFile) -> tuple[dict[str, Any], bytes]:
    """Return what was understood as plain values, and times and prices as numbers."""
    told = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "prices"}
    told["questions"] = [asdict(question) for question in found.questions]
    if found.prices is None:
        return told, b""
    frame = found.prices.frame
    index = pd.DatetimeIndex(frame.index)
    utc = index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index
    times = utc.to_numpy(dtype="datetime64[us]").astype("<i8")
    values = frame[list(PRICE_COLUMNS)].to_numpy(dtype="<f8")
    told["prices"] = {
        "symbol": found.prices.symbol, "timeframe": found.prices.timeframe, "source": found.prices.source,
        "adjustment": found.prices.adjustment, "notes": found.prices.notes, "quality": found.prices.quality,
        "timezone": str(index.tz) if index.tz is not None else "", "rows": len(frame),
    }  # fmt: skip
    return told, times.tobytes() + np.ascontiguousarray(values.T).tobytes()


def _as_text(error: AlgoAgentError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__, "message": error.message, "details": [d.as_dict() for d in error.details],
        "suggestions": error.suggestions, "questions": error.questions,
    }  # fmt: skip


# What it answered ------------------------------------------------------------------------------


def _error_of(told: dict[str, Any]) -> AlgoAgentError:
    kinds: dict[str, type[AlgoAgentError]] = {"InvalidInput": errors.InvalidInput, "TooLarge": errors.TooLarge}
    return kinds.get(told["kind"], DataError)(
        told["message"],
        details=[Diagnostic(**detail) for detail in told["details"]],
        suggestions=told["suggestions"],
        questions=told["questions"],
    )


def _understood_of(told: dict[str, Any], line: Connection) -> UnderstoodFile:
    """Return what one answer says, its prices taken from the line."""
    known = told.pop("prices", None)
    questions = tuple(FileQuestion(**{**q, "choices": tuple(q["choices"])}) for q in told.pop("questions"))
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    rows = int(known.pop("rows")) if known else 0
    if not 0 <= rows <= MAX_ROWS:
        raise ValueError(rows)
    numbers = line.recv_bytes(8 * rows * (1 + len(PRICE_COLUMNS)) or 1)
    if not known:
        return UnderstoodFile(**plain, questions=questions, prices=None)
    zone = known.pop("timezone")
    index = pd.DatetimeIndex(np.frombuffer(numbers, "<i8", rows).astype("datetime64[us]"))
    values = np.frombuffer(numbers, "<f8", offset=rows * 8).reshape(len(PRICE_COLUMNS), rows)
    frame = pd.DataFrame(dict(zip(PRICE_COLUMNS, values.copy(), strict=True)), index=index)
    frame = frame.tz_localize("UTC").tz_convert(zone) if zone else frame
    prices = PriceData(frame=frame, **{**known, "notes": tuple(known["notes"])})
    return UnderstoodFile(**plain, questions=questions, prices=prices)
