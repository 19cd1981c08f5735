"""The positions of a bar's parts in a table, and what a first look at a column tells."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?(\s*[AaPp]\.?[Mm]\.?)?|\d{3,6}")

DOTTED_CLOCK = re.compile(r"([01]?\d|2[0-4])\.[0-5]\d(\.[0-5]\d)?( ?Uhr)?")
CLOCK_NAMES = frozenset({"time", "zeit", "uhrzeit", "hora", "heure", "czas", "время"})


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


def sample(column: pd.Series) -> list[str]:
    """Return the first texts of a column that are not empty, at most 200."""
    return [text for text in column.head(200).astype(str).str.strip() if text]


def has_clock(column: pd.Series) -> bool:
    """Whether times hold a time of day other than midnight."""
    texts = sample(column)
    return any(re.search(r"\d:\d\d", t) and not re.search(r"\b0?0:00(:00(\.0+)?)?\b", t) for t in texts)
