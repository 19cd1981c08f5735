"""Numbers as files write them: decimal comma, thousands, currency signs, K, M and B."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from Backtest.data.importing.layout import MISSING

_FACTORS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
SAMPLE = 5000
# An apostrophe or space inside of a number groups thousands only before exactly three digits: 94'24 is a bond's 32nds.
_GAP = r"\s\u00a0\u202f'’"
NOISE = rf"[$€£¥₹₽₿\"]|(?<![\d])[{_GAP}]|[{_GAP}](?!\d)|(?<=\d)[{_GAP}](?=\d{{3}}(?!\d))|(?<=\d)_(?=\d)"
_FRACTION = r"\d+(?:['’^]|\s|-)(?:[0-2]?\d|3[01])(?:\d?[+]?|\.\d+|/\d+)"
_EIGHTHS = r"\d{2,3}['’](?:[0-2]\d|3[01])[0257]"


@dataclass(frozen=True)
class Numbers:
    """`values` are float64, NaN where the cell is missing or unreadable; the masks tell which."""

    values: pd.Series
    missing: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    unreadable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    decimals: int  # the most digits behind the decimal mark; -1 where the file has binary numbers


def to_numbers(column: pd.Series, mark: str) -> Numbers:
    """Read a column of numbers with a decimal mark ("." or ",")."""
    if pd.api.types.is_numeric_dtype(column):
        values = column.astype("float64").replace([np.inf, -np.inf], np.nan)
        return Numbers(values, values.isna().to_numpy(), np.zeros(len(values), bool), -1)
    texts = column.astype("str").fillna("").str.strip()
    missing = texts.str.lower().isin(list(MISSING)).to_numpy(dtype=bool)
    plain = texts if mark == "." else texts.str.replace(".", "?", regex=False).str.replace(",", ".", regex=False)
    values = pd.to_numeric(plain, errors="coerce")
    values = values.astype("float64").replace([np.inf, -np.inf], np.nan)
    left = values.isna().to_numpy() & ~missing
    if left.any():
        values = values.mask(left, _cleaned(texts[left], mark).reindex(values.index))
    values = values.mask(missing)
    return Numbers(values, missing, values.isna().to_numpy() & ~missing, _decimals(texts, mark))


def fraction_in(texts: pd.Series, unreadable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    """Return at which place a price in fractions stands, as 94'24 is 94 and 24/32; -1 where none does.

    Where every cell is like 94'240, 32nds and eighths of them are meant and no thousands.
    """
    if pd.api.types.is_numeric_dtype(texts):
        return -1
    if unreadable.any():
        at = np.flatnonzero(unreadable)
        found = texts.iloc[at].astype("str").str.strip().str.fullmatch(_FRACTION).to_numpy(dtype=bool)
        if found.any():
            return int(at[int(found.argmax())])
    plain = texts.head(SAMPLE).astype("str").str.strip()
    plain = plain[plain != ""]
    return 0 if len(plain) >= 4 and bool(plain.str.fullmatch(_EIGHTHS).all()) else -1


def _cleaned(texts: pd.Series, mark: str) -> pd.Series:
    plain = texts.str.replace(NOISE, "", regex=True).str.replace("−", "-", regex=False)
    plain = plain.str.replace(r"^(?:USD|EUR|GBP|US)|(?:USD|EUR|GBP)$", "", regex=True)
    negative = plain.str.match(r"^\(.*\)$")
    plain = plain.str.strip("()%+")
    suffix = plain.str.extract(r"([KMBT])(?:il|ln|io|rd)?\.?$", flags=re.IGNORECASE, expand=False).str.upper()
    plain = plain.str.replace(r"[KMBTkmbt](?:il|ln|io|rd)?\.?$", "", regex=True)
    other = "," if mark == "." else "."
    # A thousands mark stands before groups of three digits only: 1,234.5 is a number, 1,23.4 is none.
    grouped = plain.str.match(rf"^-?\d{{1,3}}(?:\{other}\d{{2,3}})*\{other}\d{{3}}(?:\{mark}\d*)?$")
    plain = plain.where(~grouped.astype(bool), plain.str.replace(other, "", regex=False))
    if mark == ",":
        plain = plain.where(plain.str.contains(".", regex=False), plain.str.replace(",", ".", regex=False))
    numbers = pd.to_numeric(plain, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    factor = suffix.map(_FACTORS).astype("float64").fillna(1.0)
    return numbers * factor * np.where(negative.astype(bool), -1.0, 1.0)


def _decimals(texts: pd.Series, mark: str) -> int:
    found = texts.head(SAMPLE).str.extract(rf"\{mark}(\d+)\D*$", expand=False).str.len().max()
    return int(found) if pd.notna(found) else 0
