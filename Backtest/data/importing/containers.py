"""Tables out of workbooks, JSON and Parquet."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from Backtest.data.importing.decoding import MAX_UNPACKED, Content, decode
from Backtest.data.importing.layout import MAX_ROWS, FileTable, check_columns, from_rows, is_data_row, read_text
from Backtest.data.importing.names import BAR, role_of
from Backtest.data.importing.understanding import FileQuestion, Findings
from Backtest.errors import DataError

_MAX_DEPTH = 8
_META = {"symbol": "symbol", "ticker": "symbol", "2. symbol": "symbol", "exchangetimezonename": "timezone", "5. time zone": "timezone",
         "6. time zone": "timezone", "pair": "symbol", "instrument": "symbol", "s": "symbol"}  # fmt: skip


# Workbooks -------------------------------------------------------------------------------------


def read_workbook(content: Content, sheet: str, findings: Findings) -> FileTable:
    """Read the sheet with a table of prices; several are asked about. DataError where there is none."""
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content.data))
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except (CalamineError, ValueError, OSError, KeyError, TypeError, MemoryError) as error:
        raise DataError(f"{content.name} is no workbook that can be read: {str(error)[:100]}") from error
    if sheet and sheet not in sheets:
        raise DataError(f"{content.name} has no sheet {sheet[:40]!r}; it has {', '.join(sheets)[:200]}")
    texts = {
        name: [[_cell(c) for c in row] for row in rows] for name, rows in sheets.items() if not sheet or name == sheet
    }
    tables = [name for name, rows in texts.items() if any(is_data_row(row) for row in rows[:200])] or list(texts)[:1]
    if not tables:
        raise DataError(f"{content.name} has no sheets")
    if len(tables) > 1:
        findings.questions.append(
            FileQuestion(
                "sheet", f"{content.name} has prices in {len(tables)} sheets: which one is meant?", tuple(tables)
            )
        )
    rows = texts[tables[0]]
    if not rows:
        raise DataError(f"{content.name} has no usable bar: the sheet {tables[0]} is empty")
    return from_rows(rows, kind="excel", name=content.name)


def _cell(value: Any) -> str:
    """Return a cell as text: days without a clock, whole numbers without a decimal point."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e18 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() and value.tzinfo is None else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(datetime(2000, 1, 1) + value)[11:] if timedelta() <= value < timedelta(days=1) else str(value)  # noqa: DTZ001 - a time of day
    return str(value)


# JSON ------------------------------------------------------------------------------------------


def read_json(content: Content) -> FileTable:
    """Read the table inside a JSON document or JSON lines: rows as objects or lists, columns, or objects by time.

    What only begins like JSON, such as the names `[Date],[Open]`, is a table of text, unless its name says JSON.

    Raises:
        DataError: no JSON, or no prices in it.
    """
    text, encoding = decode(content)
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise DataError(f"{content.name} is JSON that is nested too deeply") from error
    except ValueError as error:
        try:
            document = [json.loads(line) for line in text.split("\n") if line.strip()]
        except (ValueError, RecursionError):
            if not content.name.lower().endswith((".json", ".jsonl", ".ndjson")):
                return read_text(content)
            raise DataError(f"{content.name} is no JSON: {str(error)[:100]}") from error
    hints: dict[str, str] = {}
    rows = next(_tables(_by_time(document), hints, 0), None)
    if rows is None:
        raise DataError(
            f"{content.name} is JSON without a table of prices: objects with a time, open, high, low and close are looked for"
        )
    table = from_rows(rows, kind="json", name=content.name, hints=hints)
    return FileTable(**{**table.__dict__, "encoding": encoding})


def _tables(node: Any, hints: dict[str, str], depth: int) -> Iterator[list[list[str]]]:
    """Yield the tables in a document, outermost first, noting symbol and zone on the way."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(node, list):
        if node and all(isinstance(item, dict) for item in node):
            yield from _of_objects([_flat(item) for item in node])
        elif node and all(isinstance(item, list) and len(item) >= 5 for item in node):
            yield [[_cell(c) for c in item] for item in node]
        for item in node[:10]:
            yield from _tables(item, hints, depth + 1)
    elif isinstance(node, dict):
        _note(node, hints)
        yield from _of_columns(_flat(node, lists=True))
        values = [v for v in node.values() if isinstance(v, dict)]
        if len(values) > 1 and _known(set().union(*(set(map(str, v)) for v in values[:5]))) >= 4:
            yield from _of_objects([{"time": key, **_flat(v)} for key, v in node.items() if isinstance(v, dict)])
        several = {
            k: v
            for k, v in node.items()
            if isinstance(v, list) and v and all(isinstance(i, dict) for i in v) and _known(v[0].keys()) >= 4
        }
        if len(several) > 1 or (several and depth and "symbol" not in hints):
            yield from _of_objects([{"symbol": key, **_flat(i)} for key, v in several.items() for i in v])
        for value in node.values():
            yield from _tables(value, hints, depth + 1)


def _note(node: dict[str, Any], hints: dict[str, str]) -> None:
    """Note symbol and zone where a document states them, in an object or in one inside it, such as "meta"."""
    inner = [item for value in node.values() if isinstance(value, dict) for item in value.items()]
    for key, value in [*node.items(), *inner[:200]]:
        if (kind := _META.get(str(key).lower())) and isinstance(value, str) and 0 < len(value) <= 40 and value != "ok":
            hints.setdefault(kind, value)


def _flat(item: dict[str, Any], *, lists: bool = False) -> dict[str, Any]:
    """Lift the members of inner objects, as OANDA's {"time": …, "mid": {"o": …}} has them."""
    flat: dict[str, Any] = {}
    for key, value in item.items():
        if isinstance(value, dict):
            flat.update({str(k): v for k, v in value.items() if str(k) not in flat})
            if lists:
                for inner in value.values():
                    if isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], dict):
                        flat.update(inner[0])
        else:
            flat[str(key)] = value
    return flat


def _known(names: Any) -> int:
    roles = {(role_of(str(n)) or ("", 0))[0] for n in names}
    return len(roles & {"time", *BAR})


def _of_objects(items: list[dict[str, Any]]) -> Iterator[list[list[str]]]:
    names = list(dict.fromkeys(str(key) for item in items[:1000] for key in item))
    if _known(names) >= 4:
        yield [
            names,
            *(
                [_cell(item.get(name)) if not isinstance(item.get(name), list | dict) else "" for name in names]
                for item in items
            ),
        ]


def _of_columns(node: dict[str, Any]) -> Iterator[list[list[str]]]:
    """A table by columns: {"t": [...], "o": [...]}, or pandas' {"Open": {"0": ...}}."""
    if set(node) >= {"columns", "data"} and isinstance(node["columns"], list) and isinstance(node["data"], list):
        index = (
            node["index"] if isinstance(node.get("index"), list) and len(node["index"]) == len(node["data"]) else None
        )
        body = [row for row in node["data"] if isinstance(row, list)]
        names = [str(c) for c in node["columns"]]
        if index is not None and "time" not in {(role_of(n) or ("", 0))[0] for n in names}:
            yield [["date", *names], *([_cell(t), *map(_cell, row)] for t, row in zip(index, body, strict=False))]
        else:
            yield [names, *([_cell(c) for c in row] for row in body)]
        return
    columns = {k: v for k, v in node.items() if isinstance(v, list)}
    if _known(columns) >= 5:
        length = max(len(v) for v in columns.values())
        full = {k: v for k, v in columns.items() if len(v) == length}
        yield [
            list(full),
            *(
                [_cell(c) if not isinstance(c, list | dict) else "" for c in row]
                for row in zip(*full.values(), strict=True)
            ),
        ]


def _by_time(document: Any) -> Any:
    """Turn pandas' {"Open": {"2024-01-02": 1.0}} into objects by time; anything else stays."""
    if isinstance(document, dict) and _known(document) >= 4 and all(isinstance(v, dict) for v in document.values()):
        keys = list(dict.fromkeys(k for v in document.values() for k in v))
        return [{"index": k, **{name: v.get(k) for name, v in document.items()}} for k in keys]
    return document


# Parquet ---------------------------------------------------------------------------------------


def read_parquet(content: Content) -> FileTable:
    """Read a Parquet file with its types; index levels and joined column names become plain columns."""
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content.data))
        about = file.metadata
        unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        check_columns(about.num_columns, content.name)
        if about.num_rows > MAX_ROWS or unpacked > MAX_UNPACKED:
            raise DataError(f"{content.name} has {about.num_rows:,} rows, at most {MAX_ROWS:,} are read: split it")
        frame = file.read().to_pandas()
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        OverflowError,
        NotImplementedError,
        MemoryError,
    ) as error:
        raise DataError(f"{content.name} is no Parquet file that can be read: {str(error)[:100]}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        levels = ["Date" if n is None else n for n in frame.index.names]
        frame = frame.reset_index(names=levels if len(set(levels)) == len(levels) else None)
    names = [", ".join(str(p) for p in c if str(p)) if isinstance(c, tuple) else str(c) for c in frame.columns]
    joined = [isinstance(c, tuple) and len([p for p in c if str(p)]) > 1 for c in frame.columns]
    names = [f"({name})" if both else name for name, both in zip(names, joined, strict=True)]
    if frame.empty:
        raise DataError(f"{content.name} has no usable bar: it has no rows")
    plain = pd.DataFrame({i: _plain(frame.iloc[:, i]) for i in range(frame.shape[1])})
    return FileTable(plain, tuple(names), ("",) * len(names), 0, 1, "parquet", content.name)


def _plain(column: pd.Series) -> pd.Series:
    """Decimals become floats; dates and anything else that is neither number nor time becomes text."""
    column = column.reset_index(drop=True)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(column):
        return column.astype("str")
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    values = column.dropna()
    if len(values) and isinstance(values.iloc[0], Decimal):
        return pd.to_numeric(column.map(lambda v: float(v) if isinstance(v, Decimal) else float("nan")))
    return column.map(
        lambda v: "" if v is None or v is pd.NaT or (isinstance(v, float) and math.isnan(v)) else _cell(v)
    ).astype("str")
