"""Where the table is in a file: separator, header rows, and the columns' names and groups."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field, replace

import pandas as pd

from Backtest.data.importing.decoding import Content, decode
from Backtest.data.importing.names import BAR, role_of, split_name
from Backtest.errors import DataError
from Backtest.market import CURRENCIES

MAX_ROWS = 5_000_000
MAX_COLUMNS = 500
_SAMPLE_LINES = 200
_SEPARATORS = (",", ";", "\t", "|", " ")
MISSING = frozenset(
    {"", "-", "--", "—", "–", ".", "null", "nan", "none", "na", "n/a", "#n/a", "n.a.", "<na>", "nil", "inf", "-inf", "undefined", "?", "nat", "#value!", "#div/0!"}
)  # fmt: skip
_NUMBER = re.compile(
    r"[\s$€£¥('’+-]*\.?\d[\d.,'’\s\u00a0\u202f]*\+?([eE][+-]?\d+)?\)?\s*([KkMBTbm]|%|[A-Z]{3}|[$€£¥₹])?"
)
_TIME = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
    r"(\d{4}[-/.年]\d{1,2}([-/.月]\d{1,2})?|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}|\d{8}|\d{12,19}|\d{9,10}|\d{5,6}(\.\d+)?$|\d{9,}"
    r"|(?:1[789]|20)\d{2}$|\d([.,]\d+)?e\+?\d{1,2}(?!\d)|([a-z]{3,9}[., ]+)?\d{1,2}(st|nd|rd|th|er)?[-/. \u00a0\u202f]+(?:de )?[^\W\d_]{3,10}\.?[-/., \u00a0\u202f]+(?:de )?\d{2,4}|[^\W\d_]{3,10}\.? \d{1,2},? \d{4})",
    re.IGNORECASE,
)
_UNIT_WORDS = frozenset(
    {"usdt", "usdc", "us$", "$", "€", "£", "¥", "₹", "euro", "euros", "dollar", "dollars", "gbp", "gbx", "pence", "cents", "usc", "points", "pts", "index points", "punkte",
     "price", "float", "double", "decimal", "number", "%"}
)  # fmt: skip
# Behind the sixth column a number may be a volume or a count: only a written date, or what looks like an epoch, is a time there.
_LATE_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T].*)?|1\d{9}|1\d{12}|1\d{15}|1\d{18}")


@dataclass(frozen=True)
class FileTable:
    """A table as it stands in the file.

    `frame` has the columns 0, 1, …: text, or the types a Parquet file gives. `names` are the
    header's, empty where there is none; `groups` are the symbols of side by side columns.
    `first_line` is the number of the first data row as an editor or spreadsheet counts it.
    `hints` are symbol and timezone where the file states them outside of the table, and the `units` a row gives.
    """

    frame: pd.DataFrame
    names: tuple[str, ...]
    groups: tuple[str, ...]
    header_rows: int
    first_line: int
    kind: str
    name: str
    encoding: str = ""
    separator: str = ""
    preamble: tuple[str, ...] = ()
    hints: dict[str, str] = field(default_factory=dict)

    def line(self, row: int) -> str:
        """Return how the message of an error names a row of the frame."""
        return f"{'line' if self.kind == 'csv' else 'row'} {self.first_line + row}"


@dataclass(frozen=True)
class Header:
    """What precedes the data: names, groups, how many rows in all and how many of them are titles."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    data_at: int
    header_rows: int
    preamble: tuple[str, ...]
    units: str = ""


def is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def is_data_row(cells: list[str]) -> bool:
    """Whether a row looks like a bar: something like a time, mostly first, and numbers or missing values."""
    if len(cells) < 5:
        return False
    times = [i for i, c in enumerate(cells[:6]) if _TIME.match(c.strip())]
    times += [i for i, c in enumerate(cells[6:], 6) if _LATE_TIME.fullmatch(c.strip())]
    numbers = sum(bool(_NUMBER.fullmatch(c.strip())) for c in cells)
    if not times:
        return False
    missing = sum(c.strip() != "" and is_missing(c) for c in cells)
    blank = sum(not c.strip() for c in cells)
    return numbers + missing >= 4 or (blank >= 4 and numbers + missing + blank >= len(cells) - 1)


def read_text(content: Content) -> FileTable:
    """Read separated text. DataError where no table is found."""
    text, encoding = decode(content)
    lines = text.split("\n", _SAMPLE_LINES)[:_SAMPLE_LINES]
    given = re.fullmatch(r"sep=(.)", lines[0].strip()) if lines else None
    separator = given.group(1) if given else _separator(lines)
    sample = _split(lines, separator)
    check_columns(max(map(len, sample)), content.name)
    header = find_header(sample, content.name)
    frame = _load(text, separator, header.data_at, _widths(sample[header.data_at :], header), content.name)
    return _fitted(
        FileTable(
            frame, header.names, header.groups, header.header_rows, header.data_at + 1, "csv", content.name, encoding,
            separator, header.preamble, _hints(header),
        )
    )  # fmt: skip


def from_rows(rows: list[list[str]], *, kind: str, name: str, hints: dict[str, str] | None = None) -> FileTable:
    """Make a table of rows of text, as a workbook or JSON gives them. DataError where there is none."""
    if len(rows) > MAX_ROWS:
        raise DataError(f"{name} has more than {MAX_ROWS:,} rows: split it")
    width = max(len(row) for row in rows)
    check_columns(width, name)
    header = find_header(rows[:_SAMPLE_LINES], name)
    body = [row + [""] * (width - len(row)) for row in rows[header.data_at :]]
    frame = pd.DataFrame(body, columns=range(width), dtype="str")
    return _fitted(
        FileTable(
            frame, header.names, header.groups, header.header_rows, header.data_at + 1, kind, name,
            preamble=header.preamble, hints={**(hints or {}), **_hints(header)},
        )
    )  # fmt: skip


def check_columns(count: int, name: str) -> None:
    """Raise DataError where a file has more columns than are read."""
    if count > MAX_COLUMNS:
        raise DataError(
            f"{name} has {count:,} columns, at most {MAX_COLUMNS} are read: leave out those that are no prices"
        )


def find_header(rows: list[list[str]], name: str) -> Header:
    """Return what precedes the first row of data: the row of names, and the symbols above or below it.

    yfinance writes three rows (Price / Ticker / Date), CryptoDataDownload an address first, brokers
    a title; a row of names knows at least three of Open, High, Low, Close.
    """
    data_at = next((i for i, cells in enumerate(rows) if is_data_row(cells)), None)
    named = max(range(len(rows) if data_at is None else data_at), key=lambda i: _known(rows[i]), default=None)
    if named is not None and _known(rows[named]) < 2 and not (data_at == named + 1 and len(_texts(rows[named])) >= 5):
        named = None
    if data_at is None:
        _no_data(rows, named, name)
        raise AssertionError("unreachable")
    if named is None:
        return Header((), (), data_at, 0, _preamble(rows[:data_at]))
    names = [cell.strip() for cell in rows[named]]
    groups = [""] * len(names)
    used = {named}
    units = ""
    for i in range(data_at):
        cells = [c.strip() for c in rows[i]]
        if i == named or not any(cells):
            continue
        if role_of(cells[0]) and not any(cells[1:]):
            names[0], used = cells[0], used | {i}
        elif _are_units(names, cells):
            units, used = ", ".join(dict.fromkeys(c for c in cells[1:] if c)), used | {i}
        elif len([c for c in cells[1:] if c]) >= 4 and len(cells) == len(names):
            groups, used = ["" if j == 0 else c for j, c in enumerate(cells)], used | {i}
    return Header(
        tuple(names),
        tuple(groups),
        data_at,
        len(used),
        _preamble([rows[i] for i in range(data_at) if i not in used]),
        units,
    )


def _hints(header: Header) -> dict[str, str]:
    return {"units": header.units} if header.units else {}


def _are_units(names: list[str], cells: list[str]) -> bool:
    """Whether a row beside the names gives units: a currency or points below each price, and another word below the volume.

    One word for all of them, behind a name such as Ticker, is a symbol: there is a fund called USD.
    """
    below = {role[0]: cell for name, cell in zip(names, cells, strict=False) if (role := role_of(name))}
    if not all(_is_unit(below.get(part, "")) for part in BAR):
        return False
    return not role_of(cells[0]) or below.get("volume", "") not in (*(below[part] for part in BAR), "")


def _is_unit(cell: str) -> bool:
    plain = re.sub(r"[\[\](){}.]", "", cell).strip()
    words = re.split(r"[ /]+", plain)
    return (
        plain.upper() in CURRENCIES
        or plain.lower() in _UNIT_WORDS
        or (len(words) > 1 and words[0].upper() in CURRENCIES)
    )


def _known(cells: list[str]) -> int:
    """Return how many parts of a bar a row of names knows."""
    found = {(role_of(c) or role_of(split_name(c)[1]) or ("", 0))[0] for c in cells}
    return len(found & {*BAR, "adj_close"})


def _texts(cells: list[str]) -> list[str]:
    return [c for c in cells if c.strip() and not _NUMBER.fullmatch(c.strip())]


def _preamble(rows: list[list[str]]) -> tuple[str, ...]:
    return tuple(" ".join(c for c in row if c.strip())[:200] for row in rows if any(c.strip() for c in row))


def _no_data(rows: list[list[str]], named: int | None, name: str) -> None:
    """Raise the error that says what is missing: the columns, the times, or the rows."""
    need = ["Give a time column and Open, High, Low, Close, Volume"]
    if named is not None:
        found = [role_of(c) or role_of(split_name(c)[1]) for c in rows[named]]
        roles = {r[0] for r in found if r}
        if lacking := [part.capitalize() for part in BAR if part not in roles]:
            raise DataError(f"{name} lacks the columns {', '.join(lacking)}", suggestions=need)
        if "time" not in roles and len(rows) > named + 1:
            raise DataError(f"{name} has no column of times: name one Date, Datetime, Time or Timestamp")
        if any(any(c.strip() for c in row) for row in rows[named + 1 :]):
            first = next(row for row in rows[named + 1 :] if any(c.strip() for c in row))
            raise DataError(
                f"{name}: the rows below the names hold no times with prices, the first is {', '.join(first)[:100]!r}",
                suggestions=need,
            )
        raise DataError(f"{name} has no usable bar: there are no rows below the names of the columns", suggestions=need)
    raise DataError(f"{name} has no column of times with prices beside it", suggestions=need)


# Separated text --------------------------------------------------------------------------------


def _separator(lines: list[str]) -> str:
    """Return the separator under which most lines look like bars."""
    scores: dict[str, tuple[int, int]] = {}
    for separator in _SEPARATORS:
        rows = [row for row in _split(lines, separator) if is_data_row(row)]
        if rows:
            width, same = Counter(len(row) for row in rows).most_common(1)[0]
            scores[separator] = (same, width)
    if scores:
        return max(scores, key=lambda s: (scores[s][0], s != " "))
    return max(_SEPARATORS[:4], key=lambda s: sum(line.count(s) for line in lines))


def _split(lines: list[str], separator: str) -> list[list[str]]:
    if separator == " ":
        return [line.split() for line in lines]
    rows: list[list[str]] = []
    try:
        for line in lines:
            rows.append(next(csv.reader([line], delimiter=separator), []))
    except csv.Error as error:
        raise DataError(f"Line {len(rows) + 1} cannot be read as separated text: {error}") from error
    return rows


def _widths(rows: list[list[str]], header: Header) -> tuple[int, int]:
    """Return how many fields rows usually have, and the most any of the sample has."""
    usual = Counter(len(row) for row in rows if is_data_row(row)).most_common(1)[0][0]
    return max(len(header.names), usual), max(len(row) for row in rows)


def _load(text: str, separator: str, skip: int, widths: tuple[int, int], name: str) -> pd.DataFrame:
    """Read the rows as text. DataError naming the line where one has more fields than the others."""
    width = widths[0]
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=r"\s+" if separator == " " else separator, header=None, names=range(max(widths) + 1),
            skiprows=skip, dtype="str", na_filter=False, skip_blank_lines=False, nrows=MAX_ROWS + 1,
            engine="c", on_bad_lines="error",
        )  # fmt: skip
    except (ValueError, OverflowError, MemoryError, pd.errors.ParserError) as error:
        found = re.search(r"Expected \d+ fields in line (\d+), saw (\d+)", str(error))
        if found:
            raise _too_wide(name, found.group(1), found.group(2), width) from error
        raise DataError(f"{name} cannot be read as separated text: {str(error)[:150]}") from error
    if len(frame) > MAX_ROWS:
        raise DataError(f"{name} has more than {MAX_ROWS:,} rows: split it")
    if frame.empty:
        raise DataError(f"{name} has no usable bar: a quotation mark that is never closed takes in all rows")
    if not isinstance(frame.index, pd.RangeIndex):  # pandas makes an index of the fields the first row has too many
        raise _too_wide(name, str(skip + 1), f"over {max(widths)}", width)
    frame = frame.fillna("")
    beyond = (frame.iloc[:, width:].map(str.strip) != "").any(axis=1).to_numpy()
    if beyond.any():
        row = int(beyond.argmax())
        fields = int((frame.iloc[row] != "").to_numpy().nonzero()[0][-1]) + 1
        raise _too_wide(name, str(skip + 1 + row), str(fields), width)
    return frame.iloc[:, :width]


def _too_wide(name: str, line: str, fields: str, width: int) -> DataError:
    return DataError(
        f"{name} has {fields} fields in line {line} where {width} are usual: quote numbers that hold the separator, or "
        "remove the line"
    )


def _fitted(table: FileTable) -> FileTable:
    """Bring names, groups and columns to one width; empty columns at the end go.

    Raises:
        DataError: the rows have more filled fields than the header has names, as a decimal comma
            makes them in comma separated text.
    """
    frame, names = table.frame, list(table.names)
    while frame.shape[1] > max(len(names), 1) and (frame.iloc[:, -1].str.strip() == "").all():
        frame = frame.iloc[:, :-1]
    if names and len(names) < frame.shape[1]:
        raise DataError(
            f"{table.name} has {frame.shape[1]} fields a row under {len(names)} names: numbers with a decimal comma "
            "need quotes or another separator, and every column a name"
        )
    names += [""] * (frame.shape[1] - len(names))
    groups = (list(table.groups) + [""] * frame.shape[1])[: frame.shape[1]]
    return replace(table, frame=frame, names=tuple(names) if table.names else (), groups=tuple(groups))
