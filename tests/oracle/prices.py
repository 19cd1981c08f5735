"""Bars, and how prices are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Side = Literal["long", "short"]
Trade = Literal["buy", "sell"]

TOLERANCE = 1e-9
"""Section 1, "Level": prices are compared with 1e-9 of the price, since 102.9 + 2.2 is 105.10000000000001 in binary."""


@dataclass(frozen=True)
class Bar:
    """One bar. Rules may ask for the volume; orders do not."""

    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0

    def __post_init__(self) -> None:
        if not self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise ValueError(f"{self} is no bar: open and close have to lie between low and high.")


def at_least(price: float, level: float) -> bool:
    """Say whether the price is at the level or above it."""
    return price >= level - TOLERANCE * abs(level)


def at_most(price: float, level: float) -> bool:
    """Say whether the price is at the level or below it."""
    return price <= level + TOLERANCE * abs(level)


def same(price: float, other: float) -> bool:
    return at_least(price, other) and at_most(price, other)


def sign(side: Side) -> int:
    """Give 1 for long and -1 for short: a short is a long with every price mirrored."""
    return 1 if side == "long" else -1


def opens(side: Side) -> Trade:
    return "buy" if side == "long" else "sell"


def closes(side: Side) -> Trade:
    return "sell" if side == "long" else "buy"


def whole_units(size: float) -> int:
    """Round down to whole units. 29% of 100 is 28.999999999999996 in binary and means 29."""
    return math.floor(size + 1e-9)
