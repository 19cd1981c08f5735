"""The values of a strategy's indicators on prices, float64, one item a bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import CanonicalStrategy, IndicatorBase, IndicatorList
from Backtest.indicators import CALENDAR, PRICE_COLUMNS, REGISTRY
from Backtest.market.sessions import coarser, with_calendar

Floats = np.ndarray[Any, np.dtype[np.float64]]
Series = dict[str, tuple[Floats, ...]]


def compute_indicators(strategy: CanonicalStrategy | IndicatorList, frame: pd.DataFrame) -> Series:
    """Compute every indicator of a strategy or a list: id to its output arrays, float64, one item a bar.

    An indicator on a coarser time frame shows, at each bar, the last completed coarse bar.
    """
    frame = with_calendar(frame, (name for indicator in strategy.indicators for name in indicator.entry.calendar))
    prices = input_columns(frame)
    coarse: dict[str, tuple[dict[str, Floats], Any]] = {}
    values: Series = {}
    for indicator in strategy.indicators:
        if indicator.timeframe is None:
            values[indicator.id] = _compute(indicator, prices, values)
            continue
        if indicator.timeframe not in coarse:
            bars, _, complete = coarser(frame, indicator.timeframe)
            coarse[indicator.timeframe] = (input_columns(bars), complete)
        columns, complete = coarse[indicator.timeframe]
        local = {k: values[f"{k}@coarse"] for k in (indicator.source_name,) if f"{k}@coarse" in values}
        on_coarse = _compute(indicator, columns, {str(k): v for k, v in local.items()})
        values[f"{indicator.id}@coarse"] = on_coarse
        values[indicator.id] = tuple(np.append(np.nan, a)[complete] for a in on_coarse)
    return {i.id: values[i.id] for i in strategy.indicators}


def input_columns(frame: pd.DataFrame) -> dict[str, Floats]:
    """Return the columns that indicators may read: prices and, where the frame has them, those of the calendar."""
    names = (*PRICE_COLUMNS, *(name for name in CALENDAR if name in frame))
    return {c: np.ascontiguousarray(frame[c].to_numpy(dtype=np.float64)) for c in names}


def _compute(indicator: IndicatorBase, prices: Mapping[str, Floats], values: Series) -> tuple[Floats, ...]:
    source = indicator.source_name
    given = prices[source] if source in PRICE_COLUMNS else values[source][0] if source is not None else None
    return compute_on(indicator.name, indicator.params, prices, given)


def compute_on(
    name: str, params: Mapping[str, float], prices: Mapping[str, Floats], source: Floats | None
) -> tuple[Floats, ...]:
    """Compute an indicator of the catalogue on price columns, and on a source where it takes one."""
    entry = REGISTRY[name]
    inputs = [source if column == "source" and source is not None else prices[column] for column in entry.inputs]
    if len(inputs[0]) == 0:
        return tuple(np.empty(0) for _ in entry.outputs)
    result = entry.function(*inputs, **entry.arguments(params))
    arrays = result if isinstance(result, tuple) else (result,)
    return tuple(np.asarray(a, dtype=np.float64) for a in arrays)


def first_decision_bar(series: Series) -> int:
    """Return the first bar on which rules are judged: that on which every indicator of the series has a value.

    Without indicators it is the first bar, with any at the earliest the second. An indicator that never has a value counts
    as warm at once, as in backtesting.py; comparisons with it are never true.
    """
    warm = [int(np.isnan(a).argmin()) for arrays in series.values() for a in arrays if len(a)]
    return max(1, *warm) if warm else 0
