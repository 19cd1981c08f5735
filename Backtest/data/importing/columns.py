"""Which column is which part of a bar, by the header or the user's list."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
import pandas as pd

from Backtest.data.importing.layout import MISSING, FileTable
from Backtest.data.importing.marks import decimal_mark, mark_of_cells
from Backtest.data.importing.names import (
    BAR,
    NAMES,
    SERIES,
    folded,
    is_derived,
    is_pieces,
    is_turnover,
    role_of,
    split_name,
    zone_in,
)
from Backtest.data.importing.numbers import SAMPLE, to_numbers
from Backtest.data.importing.parts import CLOCK, CLOCK_NAMES, DOTTED_CLOCK, Columns, has_clock, sample
from Backtest.data.importing.understanding import Findings, ImportChoices
from Backtest.data.importing.unnamed import unnamed_columns
from Backtest.errors import DataError
from Backtest.market import CURRENCIES


@dataclass(frozen=True)
class SymbolColumns:
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


def find_columns(table: FileTable, choices: ImportChoices, findings: Findings) -> list[SymbolColumns]:
    """Return the columns, once for each symbol that stands side by side with others.

    Raises:
        DataError: columns are missing, or no order of unnamed columns is that of a bar.
    """
    if choices.columns:
        return [SymbolColumns("", _chosen(table, choices.columns))]
    if not table.names:
        return [SymbolColumns("", unnamed_columns(table, findings))]
    groups, shared = _by_group(table)
    if shared.found.keys() >= {*BAR} and not any(table.groups):
        return [SymbolColumns("", _named(table, shared, findings))]
    if len(groups) == 1:
        name, candidates = next(iter(groups.items()))
        for part, items in candidates.found.items():
            shared.found.setdefault(part, []).extend(items)
        return [SymbolColumns(_symbol_like(name), _named(table, shared, findings))]
    if shared.found.keys() >= {*BAR}:
        return [SymbolColumns("", _named(table, shared, findings))]
    whole = {name: c for name, c in groups.items() if {*BAR} <= c.found.keys() | shared.found.keys()}
    if not whole:
        return [SymbolColumns("", _named(table, shared, findings))]
    sides = []
    for name, candidates in whole.items():
        joined = _Candidates({p: list(items) for p, items in shared.found.items()})
        for part, items in candidates.found.items():
            joined.found[part] = items
        sides.append(SymbolColumns(name, _named(table, joined, findings)))
    return sides


def _symbol_like(name: str) -> str:
    return name if name.lower() not in ("", "mid", "bid", "ask", "mark", "index") else ""


def _by_group(table: FileTable) -> tuple[dict[str, _Candidates], _Candidates]:
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
    # A group without a whole bar is an indicator's ("Volume MA", "High 52w"), nobody's symbol; nor is "Adj. Open" or "HA Open".
    return {g: c for g, c in groups.items() if len(c.found.keys() & {*BAR}) >= 3 and not is_derived(g, c.found)}, shared


def _is_group(table: FileTable, group: str) -> bool:
    return sum(split_name(name)[0] == group for name in table.names) >= 4


def _quote_rank(table: FileTable, currency: str) -> int:
    """0 for the volume in what is traded ("Volume BTC" of BTC/USD), 1 for any other; money is traded in no file without a symbol."""
    at = next((i for i, name in enumerate(table.names) if (role_of(name) or ("", 0))[0] == "symbol"), -1)
    pair = str(table.frame.iloc[0, at]) if at >= 0 and len(table.frame) else ""
    code = currency.upper()
    if not pair:
        return int(code in CURRENCIES or code.startswith("USD") or code.endswith("USD"))
    return 0 if pair.upper().startswith(code) else 1


def _named(table: FileTable, candidates: _Candidates, findings: Findings) -> Columns:
    bar = {part: candidates.best(part) for part in BAR}
    if missing := [part.capitalize() for part, at in bar.items() if at < 0]:
        raise DataError(
            f"{table.name} lacks the columns {', '.join(missing)}; Open, High, Low and Close are needed",
            suggestions=["Name the columns in the file, or give them in their order with the choice `columns`"],
        )
    time, clock = _time_columns(table, [at for _, at in sorted(candidates.found.get("time", []))], findings)
    return Columns(
        time=time, clock=clock, open=bar["open"], high=bar["high"], low=bar["low"], close=bar["close"],
        volume=_volume(table, candidates, bar, findings), adj_close=candidates.best("adj_close"), symbol=_symbol(table, candidates),
        per=candidates.best("per"),
    )  # fmt: skip


def _symbol(table: FileTable, candidates: _Candidates) -> int:
    """Return the column of symbols; where it has no two, one of contracts, expiries, series or exchanges that has."""
    named = [at for _, at in sorted(candidates.found.get("symbol", []))]
    others = [at for at, name in enumerate(table.names) if folded(name) in SERIES]
    return next((at for at in (*named, *others) if _has_several(table.frame[at])), named[0] if named else -1)


def _has_several(column: pd.Series) -> bool:
    texts = column.astype("str").fillna("").str.strip()
    return texts[~texts.str.lower().isin(list(MISSING))].nunique() > 1


def _volume(table: FileTable, candidates: _Candidates, bar: dict[str, int], findings: Findings) -> int:
    """Return the volume, of two that in pieces or in what is traded; MetaTrader's counts ticks in one column where the other is all zero.

    Names tell which one that is, or prices do. Money is said, whether it is left out or the only volume there is.
    """
    found = [at for _, at in sorted(candidates.found.get("volume", []))]
    filled = [at for at in found if table.frame[at].astype(str).str.strip(" 0.,").ne("").any()]
    if not filled:
        return found[0] if found else -1
    named = [at for at in found if is_pieces(table.names[at])]
    money = {at for at, name in enumerate(table.names) if _is_money(table, name) or (named and at in found)} - {*named}
    taken = filled[0]
    if not named and (pair := _pieces_and_money(table, filled, bar)):
        taken, money = pair[0], money | {pair[1]}
    left = [table.names[at] for at in sorted(money - {taken})]
    name, said = table.names[taken], ""
    if taken in money and (named or not left):
        said = f"{name} counts money and is taken as the volume, as no other column holds one"
    elif left:
        count = "counts" if len(left) == 1 else "count"
        said = f"{name} is taken as the volume; {' and '.join(left)} {count} money, which is left out"
    if said and said not in findings.notes:
        findings.notes.append(said)
    return taken


def _is_money(table: FileTable, name: str) -> bool:
    """Whether a volume names its currency; of a symbol beside others Volume_EUR is that of EUR."""
    group = split_name(name)[0]
    return is_turnover(name) and not (group and _is_group(table, group))


def _pieces_and_money(table: FileTable, volumes: list[int], bar: dict[str, int]) -> tuple[int, int] | None:
    """Return two volumes of which the second is the first times a price between low and high, in almost every bar."""
    if len(volumes) < 2:
        return None
    prices = [table.frame[at].head(SAMPLE) for at in bar.values()]
    mark = decimal_mark(prices)[0] or "."
    low, high = (to_numbers(table.frame[bar[part]].head(SAMPLE), mark).values for part in ("low", "high"))
    cells = {at: table.frame[at].head(SAMPLE) for at in volumes}
    amounts = {at: to_numbers(column, mark_of_cells([column]) or mark).values for at, column in cells.items()}
    for pieces, money in permutations(volumes, 2):
        traded = (amounts[pieces] > 0) & (amounts[money] > 0)
        price = amounts[money][traded] / amounts[pieces][traded]
        if len(price) >= 3 and price.between(low[traded] * 0.99, high[traded] * 1.01).mean() > 0.95:
            return pieces, money
    return None


def _time_columns(table: FileTable, found: list[int], findings: Findings) -> tuple[int, int]:
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
    dotted = [at for at in found if at not in clocks and _is_dotted_clock(table.names[at], table.frame[at])]
    clocks += dotted if len(dotted) + len(clocks) < len(found) else []
    if clocks == found and all(re.fullmatch(r"(?:1[789]|20)\d{2}", text) for text in sample(table.frame[found[0]])):
        clocks = []  # years
    dates = [at for at in found if at not in clocks]
    if not dates:
        raise DataError(
            f"{table.name} has times of day without dates in {table.names[clocks[0]] or 'its first column'}"
        )
    in_utc = [at for at in dates if zone_in(table.names[at]) == "UTC" and has_clock(table.frame[at])]
    if in_utc and in_utc[0] != dates[0] and has_clock(table.frame[dates[0]]):
        findings.notes.append(f"Of the columns of times {table.names[in_utc[0]]} is taken, as its zone is known")
        return in_utc[0], -1
    numbers = [at for at in dates if pd.api.types.is_numeric_dtype(table.frame[at])]
    return (numbers or dates)[0], clocks[0] if clocks and not has_clock(table.frame[dates[0]]) else -1


def _is_clock(column: pd.Series) -> bool:
    if not isinstance(column.dtype, pd.StringDtype):
        return False
    texts = sample(column)
    return (
        bool(texts)
        and all(CLOCK.fullmatch(text) for text in texts)
        and not all(re.fullmatch(r"[3-6]\d{4}", t) for t in texts)
    )


def _is_dotted_clock(name: str, column: pd.Series) -> bool:
    """Whether a column called a time holds 15.30 or 09.30.00, as German exports write it; 18.03.24 under Date is a day."""
    texts = sample(column)
    if not texts or not all(DOTTED_CLOCK.fullmatch(text) for text in texts):
        return False
    return all(text.count(".") == 1 for text in texts) or folded(name) in CLOCK_NAMES


def _counts_rows(column: pd.Series) -> bool:
    """Whether it numbers the rows 0, 1, 2 …, as pandas does for an index without times."""
    if not all(re.fullmatch(r"\d+(\.0)?", text) for text in sample(column)[:50]):
        return False  # 15.00, 16.00 … are hours
    numbers = pd.to_numeric(column.head(50), errors="coerce").to_numpy(dtype=float)
    return len(numbers) > 1 and bool((np.diff(numbers) == 1).all()) and numbers[0] < 1000


def _chosen(table: FileTable, given: str) -> Columns:
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
