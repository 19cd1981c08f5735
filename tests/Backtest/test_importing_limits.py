"""Files are read in a process with limits: what unpacks to gigabytes is refused, and costs who asked nothing."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from Backtest.data.importing import ImportChoices, ReadingLimits, read_each_limited, read_file, read_limited
from Backtest.errors import DataError, InvalidInput

HEADER = "time,open,high,low,close,volume\n"


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def parquet(rows: int, **more: pa.Array) -> bytes:
    """A table of the same bar again and again, which packs to next to nothing."""
    times = pd.date_range("1990-01-01", periods=rows, freq="1min")
    prices = {name: np.full(rows, 1.5) for name in ("open", "high", "low", "close")}
    out = io.BytesIO()
    pq.write_table(pa.table({"time": times, **prices, **more}), out, compression="zstd")
    return out.getvalue()


def packed(text: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("prices.csv", text)
    return out.getvalue()


def noted(rows: int) -> bytes:
    note = pa.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int32), ["x" * 20_000])
    return parquet(rows, note=note)


TOO_LARGE = {
    "a Parquet file of constants": lambda: parquet(4_500_000),
    "a Parquet file with one long note on every row": lambda: noted(100_000),
    "a zip of zeros": lambda: packed(b"0" * (300 * 2**20)),
    "a zip of the same row": lambda: packed(HEADER.encode() + b"2020-01-01,1,1,1,1,1\n" * 4_500_000),
}


@pytest.mark.parametrize("made", TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_unpacks_to_more_than_may_be_is_refused_and_costs_this_process_nothing(made: Callable[[], bytes]) -> None:
    content = made()
    read_limited(HEADER.encode() + b"2020-01-01,1,1,1,1,1\n2020-01-02,1,1,1,1,1\n", "first.csv")
    before = memory_mb()
    with pytest.raises(DataError, match=r"bomb takes more than 512 MiB of memory to read: split it"):
        read_limited(content, "bomb")
    assert memory_mb() - before < 100


FEW = HEADER.encode() + b"2024-01-02,10,11,9,10.5,100\n2024-01-03,10.5,12,10,11,200\n2024-01-04,11,12,10,11,0\n"
PACKED = {
    "gzip": gzip.compress(FEW),
    "gzip in two parts": gzip.compress(FEW[:60]) + gzip.compress(FEW[60:]),
    "zip": packed(FEW),
    "gzip in a zip": packed(gzip.compress(FEW)),
    "Parquet": parquet(3, marks=pa.array(["a", "b", "c"])),
}


@pytest.mark.parametrize("content", PACKED.values(), ids=PACKED)
def test_a_small_packed_file_is_read_within_the_usual_limits(content: bytes) -> None:
    found = read_limited(content, "AAPL.csv.gz")
    assert (found.symbol, found.counts["read"]) == ("AAPL", 3)


@pytest.mark.parametrize("kind", ["gzip", "zip", "gzip in a zip"])
def test_what_unpacks_to_more_than_is_read_is_refused_as_that(kind: str) -> None:
    """513 MiB of zeros: gzip may be put together, and so these are made without the memory for all."""
    bomb = gzip.compress(bytes(2**20)) * 513
    if kind == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("prices.csv", "w") as stream:
            for _ in range(513):
                stream.write(bytes(2**20))
        bomb = out.getvalue()
    elif kind == "gzip in a zip":
        bomb = packed(bomb)
    with pytest.raises(DataError, match=r"(bomb|prices\.csv) unpacks to more than 512 MiB: split it"):
        read_limited(bomb, "bomb")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ((",".join(f"c{i}" for i in range(3000)) + "\n" + ",".join(["1"] * 3000)).encode(), "3,000 columns, at most 500"),
        (parquet(2, **{f"c{i}": pa.array([1, 2]) for i in range(600)}), "605 columns, at most 500"),
        (json.dumps([{"time": "2020-01-01", **{f"c{i}": 1 for i in range(600)}, "open": 1, "high": 1, "low": 1, "close": 1}]).encode(),
         "605 columns, at most 500"),
        (b"[" * 500_000, "nested too deeply"),
    ],
    ids=["wide text", "wide Parquet", "wide JSON", "deep JSON"],
)  # fmt: skip
def test_more_columns_than_are_read(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_limited(content, "wide")


def test_a_file_that_takes_too_long() -> None:
    """Dates in a form that is read one by one, ten times as slowly as the usual ones."""
    rows = "".join(f"Mon {1 + i % 28}rd Feb {1990 + i % 30} 11-PM,1,1,1,1,1\n" for i in range(150_000))
    with pytest.raises(DataError, match="takes more than 1 s to read: split it"):
        read_limited((HEADER + rows).encode(), "slow.csv", limits=ReadingLimits(memory_mb=4096, cpu_s=0))


KINDS = {
    "days": HEADER + "2024-01-02,10,11,9,10.5,100\n2024-01-03,10.5,12,10,11,200\n2024-01-04,11,12,10,11,0\n",
    "hours of New York": HEADER + "2024-07-01T09:30:00-04:00,1,2,1,2,3\n2024-07-01T10:30:00-04:00,2,3,2,3,4\n2024-07-01T11:30:00-04:00,3,4,3,4,5\n",
    "milliseconds": HEADER + "1719828000000,1,2,1,2,3\n1719831600000,2,3,2,3,4\n1719835200000,3,4,3,4,5\n",
    "unclear": HEADER + "03/01/2024,10,11,9,10,5\n04/01/2024,11,12,10,11,5\n",
    "hours without a zone": HEADER + "2024-07-01 09:00,1,2,1,2,3\n2024-07-01 10:00,2,3,2,3,4\n2024-07-01 11:00,3,4,3,4,5\n",
}  # fmt: skip


@pytest.mark.parametrize("text", KINDS.values(), ids=KINDS)
def test_it_says_what_reading_here_says(text: str) -> None:
    here, there = read_file(text.encode(), "X.csv"), read_limited(text.encode(), "X.csv")
    for field in fields(here):
        if field.name != "prices":
            assert getattr(there, field.name) == getattr(here, field.name), field.name
    assert (here.prices is None) == (there.prices is None)
    if here.prices is not None and there.prices is not None:
        pd.testing.assert_frame_equal(here.prices.frame, there.prices.frame, check_freq=False)
        for name in ("symbol", "timeframe", "source", "adjustment", "notes", "quality", "timezone"):
            assert getattr(there.prices, name) == getattr(here.prices, name)


def test_errors_come_as_they_are() -> None:
    for content, choices in (
        (b"", None),
        (b"a,b\n1,2\n", None),
        (KINDS["days"].encode(), ImportChoices(timezone="Mars")),
    ):
        with pytest.raises((DataError, InvalidInput)) as here:
            read_file(content, "X.csv", choices=choices)
        with pytest.raises(type(here.value)) as there:
            read_limited(content, "X.csv", choices=choices)
        assert there.value.message == here.value.message
        assert there.value.details == here.value.details
        assert there.value.suggestions == here.value.suggestions


def test_each_symbol_of_a_file() -> None:
    rows = "".join(f"S{i},2024-01-0{d},{i}.5,{i}.5,{i}.5,{i}.5\n" for i in range(1, 4) for d in (2, 3))
    found = read_each_limited(("Ticker,Date,Open,High,Low,Close\n" + rows).encode(), "all.csv")
    assert [(one.require().symbol, one.require().frame["Close"].tolist()) for one in found] == [
        ("S1", [1.5, 1.5]), ("S2", [2.5, 2.5]), ("S3", [3.5, 3.5]),
    ]  # fmt: skip
    many = "".join(f"S{i},2024-01-0{d},1,1,1,1\n" for i in range(60) for d in (2, 3))
    with pytest.raises(DataError, match="60 symbols, at most 50"):
        read_each_limited(("Ticker,Date,Open,High,Low,Close\n" + many).encode(), "all.csv")
