"""How figures are written for people: on the terminal, in the admin and in reports. What does not exist is a dash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

MISSING = "–"
HUGE, SMALL = 1e12, 0.005
EVEN = 10  # from this price on a cent is small enough
LONG_DAYS = 14  # a length from here on is told in days alone


def number(value: float | None, unit: str = "") -> str:
    """Return a figure with two decimals, such as `1,234.50%`; one that would be 0.00 has four, such as `-0.0047%`."""
    if value is None:
        return MISSING
    if abs(value) >= HUGE:
        return f"{value:.3g}{unit}"
    text = f"{value:,.2f}" if abs(value) >= SMALL else f"{value:.4f}"
    return f"{text if float(text.replace(',', '')) else '0.00'}{unit}"


def percent(value: float | None) -> str:
    return number(value, "%")


def share(fraction: float, of: str = "") -> str:
    """Return a cost or rate that is given as a fraction, such as `0.1% a year` of 0.001 and ` a year`; one of 0 is `none`."""
    return f"{fraction * 100:.6g}%{of}" if fraction else "none"


def money(value: float | None) -> str:
    """Return an amount such as `-$1,234.50`."""
    if value is None:
        return MISSING
    text = number(value)
    return f"-${text[1:]}" if text.startswith("-") else f"${text}"


def price(value: float | None) -> str:
    """Return a price with as many decimals as its size needs: 1,234.50, 1.08345, 0.00001234."""
    if value is None:
        return MISSING
    size = abs(value)
    return _without_zeros(f"{value:,.{2 if size >= 100 else 5 if size >= 0.1 else 10}f}", 2)


def prices(values: Iterable[float]) -> list[str]:
    """Return the prices of one table, all with as many decimals: two from 10 on, below what the longest needs."""
    known = list(values)
    if min((abs(value) for value in known), default=0) >= EVEN:
        return [f"{value:,.2f}" for value in known]
    decimals = max((len(price(value).partition(".")[2]) for value in known), default=2)
    return [f"{value:,.{decimals}f}" for value in known]


def figure(name: str, value: Any) -> str:
    """Return a figure as its name says: per cent, money, a length of time, a count or a plain number."""
    from Backtest.kernel.figures import DURATIONS  # keeps the start of every command fast

    if value is None:
        return MISSING
    if name in DURATIONS:
        return duration(value)
    if isinstance(value, str):  # the times of the first and last bar
        return value.removesuffix(" 00:00:00")
    if name == "# Trades":
        return f"{value:,}"
    return percent(value) if name.endswith("[%]") else money(value) if name.endswith("[$]") else number(value)


def amount(value: float | None) -> str:
    """Return a number of units such as `355` or `0.01666`."""
    return MISSING if value is None else _without_zeros(f"{value:,.8f}", 0)


def moment(stamp: pd.Timestamp, *, clock: bool) -> str:
    """Return a date, with the time of day where there is a `clock`."""
    return f"{stamp:%Y-%m-%d %H:%M}" if clock else f"{stamp:%Y-%m-%d}"


def duration(value: Any) -> str:
    """Return a length of time such as `2 days 03:30`; from two weeks on in days, such as `77 days`."""
    if value is None:
        return MISSING
    import pandas as pd  # keeps the start of every command fast

    length = pd.Timedelta(value)
    length = length.round("D" if length.days >= LONG_DAYS else "min")
    clock = f"{length.components.hours:02d}:{length.components.minutes:02d}"
    days = f"{length.days:,} day{'' if length.days == 1 else 's'}"
    return clock if not length.days else days if clock == "00:00" else f"{days} {clock}"


def _without_zeros(text: str, least: int) -> str:
    """Return decimals without the zeros at their end, but `least` of them."""
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0").ljust(least, "0")
    return f"{whole}.{decimals}" if decimals else whole
