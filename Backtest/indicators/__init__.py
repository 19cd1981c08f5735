"""What can be computed from prices: the registry and its computation on a frame."""

from Backtest.indicators.indicator_registry import (
    PRICE_COLUMNS,
    REGISTRY,
    SESSION,
    IndicatorEntry,
    Output,
    Param,
    Style,
)
from Backtest.indicators.names import indicator_name, spoken_names

__all__ = [
    "PRICE_COLUMNS",
    "REGISTRY",
    "SESSION",
    "IndicatorEntry",
    "Output",
    "Param",
    "Style",
    "indicator_name",
    "spoken_names",
]
