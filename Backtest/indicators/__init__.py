"""What can be computed from prices: the registry of indicators, and how people list and name them.

`formulas.py`, what TA-Lib does not have, is imported by its own name.
"""

from Backtest.indicators.as_listed import LENGTHS, fields_of, listed, nearest
from Backtest.indicators.indicator_registry import (
    CALENDAR,
    CLOCKS,
    PRICE_COLUMNS,
    REGISTRY,
    SERIES,
    SESSION,
    IndicatorEntry,
    Output,
    Param,
    Style,
    entry_of,
    in_calendar,
)
from Backtest.indicators.names import indicator_name, spoken, spoken_names

__all__ = [
    "CALENDAR",
    "CLOCKS", "LENGTHS", "PRICE_COLUMNS", "REGISTRY", "SERIES", "SESSION", "IndicatorEntry", "Output", "Param", "Style", "entry_of",
    "fields_of",    "in_calendar", "indicator_name", "listed", "nearest", "spoken", "spoken_names",
]  # fmt: skip
