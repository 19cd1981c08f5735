"""Whether a dot or a comma is the decimal mark of a file's numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from Backtest.data.importing.numbers import NOISE, SAMPLE, to_numbers

_UNITS = r"(?i)\s*(?:%|[KMBT](?:il|ln|io|rd)?\.?)$"


def decimal_mark(columns: Sequence[pd.Series]) -> tuple[str, str]:
    """Return the decimal mark of price columns, and an example where it cannot be told.

    "1,234" or "1.234" alone is one and a quarter, or over a thousand: a factor of 1,000 that no other cell
    settles is asked about (the mark is empty then).
    """
    mark, _ = _decimal_mark([column.head(SAMPLE) for column in columns])
    return (mark, "") if mark else _decimal_mark(columns)


def mark_of_cells(columns: Sequence[pd.Series]) -> str:
    """Return the decimal mark that cells other than prices show ("12,3K", "0,5%", "1.234.567"); "" where they show none, or both."""
    texts = pd.concat([pd.Series([], dtype="str"), *(_texts([c.head(SAMPLE)]) for c in columns)])
    texts = texts.str.replace(_UNITS, "", regex=True)
    shown = [mark for mark, other in ((".", ","), (",", ".")) if texts.str.fullmatch(_decides(mark, other)).any()]
    return shown[0] if len(shown) == 1 else ""


def _decides(mark: str, other: str) -> str:
    """Return the pattern of numbers in which only one mark can be the decimal one: 0.5, 12.25, 1008.300, 1,234.5, 1,234,567."""
    return rf"[-+−]?(?:\d+\{mark}(?:\d{{1,2}}|\d{{4,}})|0\{mark}\d+|\d{{4,}}\{mark}\d+|\d{{1,3}}(?:\{other}\d{{3}})+\{mark}\d+|\d{{1,3}}(?:\{other}\d{{3}}){{2,}})"


def _texts(columns: Sequence[pd.Series]) -> pd.Series:
    texts = pd.concat(
        [c.astype("str") for c in columns if not pd.api.types.is_numeric_dtype(c)] or [pd.Series([], dtype="str")]
    )
    return texts.fillna("").str.strip().str.replace(NOISE, "", regex=True)


def _decimal_mark(columns: Sequence[pd.Series]) -> tuple[str, str]:
    texts = _texts(columns)
    texts = texts[texts.str.contains(r"[.,]", regex=True)]
    commas = texts[texts.str.contains(",", regex=False)]
    if commas.empty:
        if (texts.str.count(r"\.") > 1).any():
            return ",", ""
        grouped = len(texts) > 0 and texts.str.match(r"^-?[1-9]\d{0,2}\.\d{3}$").all()
        return _by_continuity(columns, str(texts.iloc[0])) if grouped else (".", "")
    both = commas[commas.str.contains(".", regex=False)]
    if len(both):
        last_is_comma = both.str.rfind(",") > both.str.rfind(".")
        return (",", "") if last_is_comma.mean() > 0.5 else (".", "")
    if len(commas) < len(texts):
        dots = texts[~texts.str.contains(",", regex=False)]
        if not dots.str.match(r"^-?\d{1,3}\.\d{3}$").all():
            return ".", ""  # 999.5 beside 1,002: the comma groups thousands
    if (commas.str.count(",") > 1).any():
        return ".", ""
    behind = commas.str.extract(r",(\d*)\D*$", expand=False).str.len()
    if (behind != 3).any() or commas.str.match(
        r"^-?(?:0|\d{4,}),"
    ).any():  # 1008,300: who groups would have written 1,008,300
        return ",", ""
    return _by_continuity(columns, str(commas.iloc[0]))


def _by_continuity(columns: Sequence[pd.Series], example: str) -> tuple[str, str]:
    """Tell by the jumps: 998 before 1,002 is a jump by 1,000 under one of the readings."""
    jumps = {}
    for mark in (".", ","):
        closes = to_numbers(columns[-1], mark).values.dropna().to_numpy()
        closes = closes[closes > 0]
        jumps[mark] = float(np.abs(np.diff(np.log(closes))).max()) if len(closes) > 1 else 0.0
    far = np.log(50)
    if jumps["."] > far >= jumps[","]:
        return ",", ""
    if jumps[","] > far >= jumps["."]:
        return ".", ""
    return "", example
