"""Which symbols a file holds, by a column or by its header."""

from __future__ import annotations

import re

import pandas as pd

from Backtest.data.importing.columns import SymbolColumns
from Backtest.data.importing.layout import FileTable
from Backtest.data.importing.understanding import FileQuestion, Findings, ImportChoices
from Backtest.errors import DataError

EACH = "*"
_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.^=_/!-]{0,19}")


def symbols_in(table: FileTable, sides: list[SymbolColumns]) -> tuple[str, ...]:
    """Return the symbols as the file writes them, in its order."""
    if len(sides) > 1:
        return tuple(side.symbol for side in sides)
    at = sides[0].columns.symbol
    if at < 0:
        found = sides[0].symbol or next((g for g in table.groups if g), "") or table.hints.get("symbol", "")
        return (found,) if found else ()
    texts, closes = _texts(table, at), _texts(table, sides[0].columns.close)
    return tuple(
        str(text) for text in texts[(texts != "") & (closes != "")].unique()
    )  # a footnote has no prices beside it


def _texts(table: FileTable, at: int) -> pd.Series:
    return table.frame[at].astype("str").fillna("").str.strip()


def choose(
    table: FileTable, sides: list[SymbolColumns], choices: ImportChoices, findings: Findings
) -> tuple[tuple[str, ...], str, SymbolColumns, pd.Index]:
    """Return all symbols, the one to read, its columns and its rows; several without a choice are asked about.

    Raises:
        DataError: the symbol chosen is not in the file.
    """
    found = symbols_in(table, sides)
    every = pd.Index(table.frame.index)
    wanted = choices.symbol_in_file
    if wanted and wanted != EACH and wanted not in found:
        shown = ", ".join(found[:20]) or "none"
        raise DataError(f"{table.name} has no symbol {wanted[:40]!r}; it has {shown}")
    if len(found) > 1 and (not wanted or wanted == EACH):
        shown = ", ".join(found[:20]) + (" …" if len(found) > 20 else "")
        findings.questions.append(
            FileQuestion(
                "symbol_in_file",
                f"{table.name} holds prices of {len(found)} symbols ({shown}): which one is meant, or is each to be stored ({EACH})?",
                (*found[:50], EACH),
            )
        )  # fmt: skip
    chosen = wanted if wanted and wanted != EACH else found[0] if found else ""
    if len(sides) > 1:
        return found, chosen, next(side for side in sides if side.symbol == chosen), every
    at = sides[0].columns.symbol
    if at < 0 or len(found) <= 1:
        return found, chosen, sides[0], every
    return found, chosen, sides[0], every[(_texts(table, at) == chosen).to_numpy()]


def as_symbol(text: str) -> str:
    """Return a file's symbol as AlgoAgent writes it: NASDAQ:AAPL → AAPL, BTC/USD → BTCUSD, AAPL.US → AAPL."""
    symbol = text.strip().upper().rsplit(":", 1)[-1].replace("/", "").replace(" ", "").removesuffix(".US")
    return symbol if _SYMBOL.fullmatch(symbol) else ""
