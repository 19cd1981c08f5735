"""What can be computed from prices: the registry and its computation on a frame."""

from Backtest.indicators.indicator_registry import (
    PRICE_COLUMNS,
    REGISTRY,
    IndicatorEntry,
    Output,
    Param,
)

__all__ = ["PRICE_COLUMNS", "REGISTRY", "IndicatorEntry", "Output", "Param"]
