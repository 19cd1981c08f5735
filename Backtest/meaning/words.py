"""Numbers as people read them."""

from __future__ import annotations

import math
from decimal import Decimal


def plain(value: float) -> str:
    """Return a number without an exponent or a trailing `.0`."""
    text = format(Decimal(repr(float(value))), "f")
    return text.removesuffix(".0")


def percent(fraction: float) -> str:
    """Return a fraction as a number of percent, such as `0.1` for 0.001."""
    return plain(float(Decimal(repr(fraction)) * 100))


def dollars(value: float) -> str:
    """Return an amount of money such as `$100,000` or `$0.5`."""
    text = format(Decimal(repr(float(value))), ",f")
    return f"${text.removesuffix('.0')}"


def spaced(value: float) -> str:
    """Return a value that was seen, to six digits or to the unit where it has more, such as `6,580,300` or `152.375`."""
    if not math.isfinite(value):
        return str(value)
    text = format(Decimal(repr(float(f"{value:.6g}") if abs(value) < 1e6 else float(round(value)))), ",f")
    return text.removesuffix(".0")
