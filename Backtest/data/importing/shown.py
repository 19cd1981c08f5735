"""What was understood of a file, put together for its user, with the prices where nothing is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from Backtest.data.importing import symbols
from Backtest.data.importing.file_names import NamedSymbol, symbol_named
from Backtest.data.importing.progress import Progress
from Backtest.data.importing.understanding import FileQuestion, UnderstoodFile
from Backtest.data.prices import PriceData, clean_frame
from Backtest.data.quality import gap_notes, quality_report, spike_notes, split_suspects
from Backtest.market import is_intraday

SOURCE = "uploaded"
SHOWN_ROWS = 5


def understood(reading: Progress, filename: str) -> UnderstoodFile:
    """Return what all steps found; the prices only where no blocking question is open."""
    table, findings, frame = reading.table, reading.findings, reading.frame
    assert frame is not None
    assert reading.times is not None
    if reading.vendor.note and is_intraday(reading.timeframe):
        findings.notes.append(reading.vendor.note)
    findings.warnings += [suspect.message for suspect in split_suspects(frame)]
    findings.warnings += spike_notes(frame)
    findings.notes += gap_notes(frame, reading.timeframe)
    named = _named(reading, filename)
    symbol = named.symbol
    if reading.in_file and symbols.as_symbol(reading.in_file) != symbol:
        findings.notes.append(
            f"The file calls the prices {reading.in_file[:40]}; they are kept as {symbol or 'what you name'}"
        )
    if not symbol:
        may = f": {' or '.join(named.choices)}" if named.choices else ""
        findings.questions.append(
            FileQuestion("symbol", f"Which symbol are these prices of{may}?", named.choices, blocking=False)
        )
    prices = None
    if not findings.blocked:
        remarks = (*findings.warnings, *findings.notes)
        quality = {**quality_report(frame, reading.timeframe), **_counted(findings.counts)}
        clean = clean_frame(frame, name=table.name)
        prices = PriceData(symbol, reading.timeframe, clean, SOURCE, reading.adjustment, remarks, quality)
    used = reading.columns.used()
    names = {p: table.names[at] if table.names and table.names[at] else f"column {at + 1}" for p, at in used.items()}
    every = table.names or tuple(f"column {at + 1}" for at in range(table.frame.shape[1]))
    ignored = tuple(n for i, n in enumerate(every) if n and i not in used.values())
    rows = _rows(frame, reading.timeframe) if not findings.blocked else _raw(reading)
    return UnderstoodFile(
        filename=filename, kind=table.kind, vendor=reading.vendor.name, encoding=table.encoding, separator=table.separator,
        decimal=reading.mark, header_rows=table.header_rows, columns=names, ignored_columns=ignored, symbols=reading.symbols,
        symbol=symbol, timeframe=reading.timeframe, timezone=reading.zone, date_order=reading.times.order,
        epoch_unit=reading.times.unit, adjustment=reading.adjustment, counts=findings.counts,
        first_rows=tuple(rows[:SHOWN_ROWS]), last_rows=tuple(rows[-SHOWN_ROWS:]), notes=tuple(findings.notes),
        warnings=tuple(findings.warnings), questions=tuple(findings.questions), prices=prices,
    )  # fmt: skip


def _named(reading: Progress, filename: str) -> NamedSymbol:
    """Return the symbol: the user's, the file's own, that of the file's name, of which one inside of an archive goes first."""
    if symbol := reading.choices.symbol or symbols.as_symbol(reading.in_file):
        return NamedSymbol(symbol)
    names = [symbol_named(reading.table.name), symbol_named(filename)]
    return next((n for n in names if n.symbol), next((n for n in names if n.choices), NamedSymbol()))


def _counted(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the counts of a file's rows in the form of the quality report, whose own are of what was left."""
    named = {"missing_price": "missing_values", "duplicate": "duplicates"}
    found = {named.get(name, name): {"count": rows, "examples": []} for name, rows in counts.items() if name != "read"}
    return {"file_rows": counts["read"], **found}


def _rows(frame: pd.DataFrame, timeframe: str) -> list[Mapping[str, Any]]:
    """Return the first and last bars with the time as text, that of days without a clock; prices are rounded to ten digits."""
    ends = frame if len(frame) <= 2 * SHOWN_ROWS else pd.concat([frame.head(SHOWN_ROWS), frame.tail(SHOWN_ROWS)])
    return [shown_bar(time, row, timeframe) for time, row in ends.iterrows()]


def shown_bar(time: object, row: pd.Series, timeframe: str) -> dict[str, Any]:
    """Return a bar as it is shown: 99.01 and not 99.00999999999999, and of a day its date; a missing value is None."""
    text = str(time) if is_intraday(timeframe) else str(time).removesuffix(" 00:00:00")
    return {"time": text, **{str(k): float(f"{v:.10g}") if np.isfinite(v) else None for k, v in row.items()}}


def _raw(reading: Progress) -> list[Mapping[str, Any]]:
    """Return the first and last rows as the file has them, under the names that bars have."""
    used = reading.columns.used()
    rows = reading.table.frame.loc[reading.rows]
    ends = rows if len(rows) <= 2 * SHOWN_ROWS else pd.concat([rows.head(SHOWN_ROWS), rows.tail(SHOWN_ROWS)])
    names = {part: part if part in ("time", "clock", "symbol", "per") else part.capitalize() for part in used}
    return [{names[part]: str(row[at]) for part, at in used.items()} for _, row in ends.iterrows()]
