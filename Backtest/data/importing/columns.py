"""Which column is which part of a bar, by the header, or by the values where there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from Backtest.data.importing.layout import Table
from Backtest.data.importing.names import BAR, NAMES, folded, role_of, split_name
from Backtest.data.importing.numbers import decimal_mark, to_numbers
from Backtest.data.importing.understanding import Findings, ImportChoices, Question
from Backtest.errors import DataError

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?(\s*[AaPp]\.?[Mm]\.?)?|\d{3,6}")
_BINANCE = ("time", *BAR, "volume", "-", "-", "-", "-", "-", "-")


@dataclass(frozen=True)
class Columns:
    """The positions of the parts in a table; -1 where there is none. `clock` is a time of day beside a date."""

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int = -1
    adj_close: int = -1
    clock: int = -1
    symbol: int = -1
    per: int = -1

    def used(self) -> dict[str, int]:
        return {part: at for part, at in self.__dict__.items() if at >= 0}


@dataclass(frozen=True)
class Side:
    """One of several symbols that stand side by side in a table."""

    symbol: str
    columns: Columns


@dataclass
class _Candidates:
    found: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # part: (rank, position)

    def add(self, part: str, rank: int, at: int) -> None:
        self.found.setdefault(part, []).append((rank, at))

    def best(self, part: str, *, beside: tuple[int, ...] = ()) -> int:
        free = [item for item in self.found.get(part, []) if item[1] not in beside]
        return min(free)[1] if free else -1


def find_columns(table: Table, choices: ImportChoices, findings: Findings) -> list[Side]:
    """Return the columns, once for each symbol that stands side by side with others.

    Raises:
        DataError: columns are missing, or no order of unnamed columns is that of a bar.
    """
    if choices.columns:
        return [Side("", _chosen(table, choices.columns))]
    if not table.names:
        return [Side("", _unnamed(table, findings))]
    groups, shared = _by_group(table)
    if len(groups) == 1:
        name, candidates = next(iter(groups.items()))
        for part, items in candidates.found.items():
            shared.found.setdefault(part, []).extend(items)
        return [Side(_symbol_like(name), _named(table, shared))]
    if shared.found.keys() >= {*BAR}:
        return [Side("", _named(table, shared))]
    whole = {name: c for name, c in groups.items() if {*BAR} <= c.found.keys() | shared.found.keys()}
    if not whole:
        return [Side("", _named(table, shared))]
    sides = []
    for name, candidates in whole.items():
        joined = _Candidates({p: list(items) for p, items in shared.found.items()})
        for part, items in candidates.found.items():
            joined.found[part] = items
        sides.append(Side(name, _named(table, joined)))
    return sides


def _symbol_like(name: str) -> str:
    return name if name.lower() not in ("", "mid", "bid", "ask", "mark", "index") else ""


def _by_group(table: Table) -> tuple[dict[str, _Candidates], _Candidates]:
    groups: dict[str, _Candidates] = {}
    shared = _Candidates()
    for at, name in enumerate(table.names):
        own = role_of(name)
        group = table.groups[at]
        if own and own[0] in ("time", "symbol", "per"):
            shared.add(own[0], own[1], at)
        elif own:
            (groups.setdefault(group, _Candidates()) if group else shared).add(own[0], own[1], at)
        else:
            group, part = split_name(name)
            if inner := role_of(part) if group else None:
                if inner[0] == "volume" and not _is_group(table, group):
                    shared.add("volume", 50 + _quote_rank(table, group), at)
                else:
                    groups.setdefault(group, _Candidates()).add(inner[0], inner[1], at)
    # A group without a whole bar is an indicator's ("Volume MA", "High 52w"), nobody's symbol; nor is "Adj. Open".
    return {
        g: c for g, c in groups.items() if len(c.found.keys() & {*BAR}) >= 3 and not g.lower().startswith("adj")
    }, shared


def _is_group(table: Table, group: str) -> bool:
    return sum(split_name(name)[0] == group for name in table.names) >= 4


def _quote_rank(table: Table, currency: str) -> int:
    """0 for the volume in what is traded ("Volume BTC" of BTC/USD), 1 for any other."""
    at = next((i for i, name in enumerate(table.names) if (role_of(name) or ("", 0))[0] == "symbol"), -1)
    pair = str(table.frame.iloc[0, at]) if at >= 0 and len(table.frame) else ""
    return 0 if pair.upper().startswith(currency.upper()) else 1


def _named(table: Table, candidates: _Candidates) -> Columns:
    bar = {part: candidates.best(part) for part in BAR}
    if missing := [part.capitalize() for part, at in bar.items() if at < 0]:
        raise DataError(
            f"{table.name} lacks the columns {', '.join(missing)}; Open, High, Low and Close are needed",
            suggestions=["Name the columns in the file, or give them in their order with the choice `columns`"],
        )
    time, clock = _time_columns(table, [at for _, at in sorted(candidates.found.get("time", []))])
    return Columns(
        time=time, clock=clock, open=bar["open"], high=bar["high"], low=bar["low"], close=bar["close"],
        volume=_volume(table, candidates), adj_close=candidates.best("adj_close"), symbol=candidates.best("symbol"),
        per=candidates.best("per"),
    )  # fmt: skip


def _volume(table: Table, candidates: _Candidates) -> int:
    """Return the volume; MetaTrader's counts ticks in one column where the other is all zero."""
    found = sorted(candidates.found.get("volume", []))
    for _, at in found:
        if table.frame[at].astype(str).str.strip(" 0.,").ne("").any():
            return at
    return found[0][1] if found else -1


def _time_columns(table: Table, found: list[int]) -> tuple[int, int]:
    """Return the column of times, and that of times of day where they stand apart from the date."""
    if not found and table.names and not table.names[0].strip():
        found = [0]  # the nameless index pandas writes first
    found = [at for at in found if not _counts_rows(table.frame[at])] or found
    if not found:
        raise DataError(
            f"{table.name} has no column of times: name one Date, Datetime, Time or Timestamp",
            suggestions=["Give the names of the columns in their order with the choice `columns`"],
        )
    clocks = [at for at in found if _is_clock(table.frame[at])]
    dates = [at for at in found if at not in clocks]
    if not dates:
        raise DataError(
            f"{table.name} has times of day without dates in {table.names[clocks[0]] or 'its first column'}"
        )
    numbers = [at for at in dates if pd.api.types.is_numeric_dtype(table.frame[at])]
    return (numbers or dates)[0], clocks[0] if clocks and not _has_clock(table.frame[dates[0]]) else -1


def _sample(column: pd.Series) -> list[str]:
    return [text for text in column.head(200).astype(str).str.strip() if text]


def _is_clock(column: pd.Series) -> bool:
    if not isinstance(column.dtype, pd.StringDtype):
        return False
    texts = _sample(column)
    return (
        bool(texts)
        and all(CLOCK.fullmatch(text) for text in texts)
        and not all(re.fullmatch(r"[3-6]\d{4}", t) for t in texts)
    )


def _has_clock(column: pd.Series) -> bool:
    texts = _sample(column)
    return any(re.search(r"\d:\d\d", t) and not re.search(r"\b0?0:00(:00(\.0+)?)?\b", t) for t in texts)


def _counts_rows(column: pd.Series) -> bool:
    """Whether it numbers the rows 0, 1, 2 …, as pandas does for an index without times."""
    numbers = pd.to_numeric(column.head(50), errors="coerce").to_numpy(dtype=float)
    return len(numbers) > 1 and bool((np.diff(numbers) == 1).all()) and numbers[0] < 1000


# Without names ---------------------------------------------------------------------------------


def _chosen(table: Table, given: str) -> Columns:
    parts = [folded(part) for part in given.split(",")]
    roles = [(role_of(part) or (part, 0))[0] for part in parts]
    roles = [
        "clock" if role == "clock" or (role == "time" and roles[:i].count("time")) else role
        for i, role in enumerate(roles)
    ]
    known = {*NAMES, "clock"}
    positions = {role: i for i, role in reversed(list(enumerate(roles))) if role in known}
    if missing := [part for part in ("time", *BAR) if part not in positions]:
        raise DataError(f"The choice columns={given[:100]!r} lacks {', '.join(missing)}")
    if len(parts) > table.frame.shape[1]:
        raise DataError(f"The choice columns names {len(parts)} columns, {table.name} has {table.frame.shape[1]}")
    return replace(Columns(0, 0, 0, 0, 0), **positions)


def _unnamed(table: Table, findings: Findings) -> Columns:
    """Find the parts by their values: times first, then four columns of which two are always highest and lowest.

    Exports without names have the order time, open, high, low, close, volume; Bitfinex has open,
    close, high, low and Coinbase low, high, open, close. Open stands before close in all of them,
    and is nearer to the close before it.
    """
    frame = table.frame
    if frame.shape[1] == len(_BINANCE) and _is_binance(frame):
        return Columns(0, 1, 2, 3, 4, 5)
    symbol = 0 if re.fullmatch(r"[A-Za-z^][A-Za-z0-9.^=/_-]*", _first(frame[0])) else -1
    time = symbol + 1
    per = -1
    if symbol == 0 and re.fullmatch(r"[A-Za-z]|\d{1,4}", _first(frame[1])):
        per, time = 1, 2
    clock = time + 1 if _is_clock_beside(frame, time) else -1
    start = max(time, clock) + 1
    if frame.shape[1] < start + 4:
        raise DataError(f"{table.name} has no names of columns and fewer than four columns of prices")
    sample = pd.concat(
        [
            to_numbers(frame[start + i], decimal_mark([frame[start + j] for j in range(4)])[0] or ".").values
            for i in range(4)
        ],
        axis=1,
    )
    falling = _falls(frame[time])
    order = _order(sample.dropna().head(5000).to_numpy(dtype=float), table.name, falling, findings)
    bar = {part: start + order.index(part) for part in BAR}
    volume = start + 4 if frame.shape[1] > start + 4 else -1
    if frame.shape[1] == start + 7 and start == 1 and _is_kraken_rest(frame):
        volume = start + 5
    shown = ", ".join(p for p, _ in sorted(bar.items(), key=lambda item: item[1]))
    findings.notes.append(
        f"The file names no columns; by their values they are time, {shown}" + (", volume" if volume >= 0 else "")
    )
    return Columns(time, **bar, volume=volume, clock=clock, symbol=symbol, per=per)


def _first(column: pd.Series) -> str:
    return next(iter(_sample(column)), "")


def _is_clock_beside(frame: pd.DataFrame, time: int) -> bool:
    if time + 1 >= frame.shape[1] or _has_clock(frame[time]):
        return False
    texts = _sample(frame[time + 1])
    if not texts:
        return False
    if all(":" in t and CLOCK.fullmatch(t) for t in texts):
        return True
    # 093000 and 0930 are times only where they are all written with one width and a date stands before.
    dates = _sample(frame[time])
    return (
        all(re.fullmatch(r"\d{4,6}", t) and len(t) in (4, 6) for t in texts)
        and len(frame.columns) > time + 5
        and all(re.match(r"\d{8}$|\d{4}[-/.]", t) for t in dates)
        and all(int(t[:2]) < 25 and int(t[2:4]) < 60 for t in texts)
    )


def _is_binance(frame: pd.DataFrame) -> bool:
    start = pd.to_numeric(frame[0].head(50), errors="coerce")
    end = pd.to_numeric(frame[6].head(50), errors="coerce")
    return bool(((end > start) & (end < start * 1.01) & (start > 1e9)).all())


def _is_kraken_rest(frame: pd.DataFrame) -> bool:
    """Kraken's REST answer: time, open, high, low, close, average price, volume, trades."""
    rows = frame.head(50).apply(pd.to_numeric, errors="coerce")
    inside = (rows[5] >= rows[3] * 0.999) & (rows[5] <= rows[2] * 1.001)
    return bool((inside | (rows[5] == 0)).all()) and bool((rows[7] % 1 == 0).all())


def _order(values: Floats, name: str, falling: bool, findings: Findings) -> tuple[str, ...]:
    if not len(values):
        return BAR
    slack = 1e-6 * np.abs(values).max(axis=1, keepdims=True)
    highest = (values >= values.max(axis=1, keepdims=True) - slack).mean(axis=0)
    lowest = (values <= values.min(axis=1, keepdims=True) + slack).mean(axis=0)
    for high, low in ((1, 2), (2, 3), (1, 0)):
        if highest[high] >= 0.98 and lowest[low] >= 0.98:
            break
    else:
        high, low = int(highest.argmax()), int(lowest.argmax())
        if high == low or highest[high] < 0.98 or lowest[low] < 0.98:
            if highest[1] >= 0.8 and lowest[2] >= 0.8:
                return BAR  # the bars that break the order are refused by name later
            raise DataError(
                f"{name} has no names of columns, and no two of its columns are the high and the low of every bar",
                suggestions=["Write the names of the columns into the first line: Date,Open,High,Low,Close,Volume"],
            )
    rest = [i for i in range(4) if i not in (high, low)]
    order = {high: "high", low: "low", rest[0]: "open", rest[1]: "close"}
    parts = tuple(order[i] for i in range(4))
    along = values[::-1] if falling else values
    if _open_is_far(along[:, rest[0]], along[:, rest[1]]):
        swapped = tuple({"open": "close", "close": "open"}.get(p, p) for p in parts)
        findings.questions.append(
            Question(
                "columns",
                "The file names no columns, and its bars continue each other better if the close stands before the open: "
                "which order have the columns?",
                (",".join(("time", *swapped, "volume")), ",".join(("time", *parts, "volume"))),
            )
        )
    return parts


def _falls(times: pd.Series) -> bool:
    """Whether numbers or dates with the year first go back in time, as newest-first exports do."""
    texts = [text for text in times.astype("str").str.strip() if re.match(r"\d{4}", text)]
    if len(texts) < 2 or len(texts[0]) != len(texts[-1]):
        return False
    return texts[0] > texts[-1]


def _open_is_far(opens: Floats, closes: Floats) -> bool:
    """Whether the bars continue each other clearly better with open and close swapped; rows go forward in time."""
    if len(opens) < 10:
        return False

    def breaks(
        first: Floats,
        last: Floats,
    ) -> float:
        return float(np.abs(first[1:] - last[:-1]).sum())

    return 2 * breaks(closes, opens) < breaks(opens, closes)
