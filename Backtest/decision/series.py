"""The values of a strategy's indicators on prices, float64, one item a bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import (
    AnyOperand,
    CanonicalStrategy,
    Function,
    IndicatorBase,
    IndicatorList,
    IndicatorRef,
    Math,
    Price,
    Value,
)
from Backtest.indicators import PRICE_COLUMNS, entry_of, in_calendar
from Backtest.market.others import other_bars
from Backtest.market.sessions import coarser, with_calendar

Floats = np.ndarray[Any, np.dtype[np.float64]]
Series = dict[str, tuple[Floats, ...]]


def compute_indicators(strategy: CanonicalStrategy | IndicatorList, frame: pd.DataFrame) -> Series:
    """Compute every indicator of a strategy or a list: id to its output arrays, float64, one item a bar.

    An indicator on a coarser time frame shows, at each bar, the last completed coarse bar; one of another symbol the bar of it that
    `Backtest.market.others` says.
    """
    values: Series = {}
    for symbol in dict.fromkeys(item.symbol for item in strategy.indicators if item.symbol is not None):
        bars, count = other_bars(frame, symbol)
        found = _computed(strategy, symbol, bars, {})
        values |= {name: tuple(np.append(np.nan, a)[count] for a in arrays) for name, arrays in found.items()}
    values |= _computed(strategy, None, frame, values)
    return {item.id: values[item.id] for item in strategy.indicators}


def _computed(
    strategy: CanonicalStrategy | IndicatorList, symbol: str | None, frame: pd.DataFrame, others: Series
) -> Series:
    """Compute the indicators of a symbol on its bars; `others` are the values of those of other symbols at these bars."""
    items = [item for item in strategy.indicators if item.symbol == symbol]
    frame = with_calendar(frame, (name for item in items for name in item.calendar))
    prices = input_columns(frame)
    coarse: dict[str, tuple[dict[str, Floats], Any]] = {}
    shown, on_coarse = dict(others), Series()
    for item in items:
        if item.timeframe is None:
            shown[item.id] = _compute(strategy, item, prices, shown)
            continue
        if item.timeframe not in coarse:
            bars, _, complete = coarser(frame, item.timeframe)
            coarse[item.timeframe] = (input_columns(bars), complete)
        columns, complete = coarse[item.timeframe]
        on_coarse[item.id] = _compute(strategy, item, columns, on_coarse)
        shown[item.id] = tuple(np.append(np.nan, a)[complete] for a in on_coarse[item.id])
    return {item.id: shown[item.id] for item in items}


def input_columns(frame: pd.DataFrame) -> dict[str, Floats]:
    """Return the columns that indicators may read: prices and, where the frame has them, those of the calendar."""
    names = (*PRICE_COLUMNS, *(name for name in map(str, frame.columns) if in_calendar(name)))
    return {c: np.ascontiguousarray(frame[c].to_numpy(dtype=np.float64)) for c in names}


def _compute(
    strategy: CanonicalStrategy | IndicatorList, indicator: IndicatorBase, prices: Mapping[str, Floats], values: Series
) -> tuple[Floats, ...]:
    """Compute an indicator on the columns and the other indicators of its bars."""
    of = [values[ref.id][strategy.indicator(ref.id).entry.place(ref.output)] for ref in indicator.sources(values)]
    if indicator.computed is not None:
        given = evaluate(indicator.computed, prices, iter(of))
        return compute_on(indicator.name, {}, prices, given)
    source = of[0] if of else prices.get(str(indicator.source_name))
    return compute_on(indicator.name, indicator.params, prices, source, indicator.inputs)


def evaluate(operand: AnyOperand, prices: Mapping[str, Floats], read: Iterator[Floats]) -> Floats:
    """Return the values of an operand of prices and indicators, one item a bar.

    Args:
        read: the values of the indicators in it, in the order in which `walk` finds them.
    """
    match operand:
        case Value():
            return np.full(len(prices["Close"]), operand.value)
        case Price():
            return earlier(prices[operand.column], operand.offset)
        case IndicatorRef():
            return earlier(next(read), operand.offset)
        case Function():
            parts = [evaluate(part, prices, read) for part in operand.operands]
            function = {"min": np.minimum, "max": np.maximum}.get(operand.name)
            found: Floats = np.abs(parts[0]) if function is None else reduce(function, parts)
            return found
        case Math():
            left, right = evaluate(operand.left, prices, read), evaluate(operand.right, prices, read)
            if operand.op == "/":
                divided: Floats = np.divide(left, right, out=np.full(len(left), np.nan), where=right != 0)
                return divided
            joined: Floats = {"+": np.add, "-": np.subtract, "*": np.multiply}[operand.op](left, right)
            return joined
    raise TypeError(f"not an operand of prices and indicators: {operand!r}")


def earlier(values: Floats, bars: int) -> Floats:
    """Return at each bar the value so many bars before, NaN where there is none."""
    return values if not bars else np.append(np.full(bars, np.nan), values)[: len(values)]


def compute_on(
    name: str,
    params: Mapping[str, float],
    prices: Mapping[str, Floats],
    source: Floats | None,
    inputs: Sequence[str] = (),
) -> tuple[Floats, ...]:
    """Compute an indicator of the catalogue on price columns, and on a source where it takes one.

    `inputs` are the columns, where they are not those of the catalogue but of another clock.
    """
    entry = entry_of(name)
    columns = [
        source if column == "source" and source is not None else prices[column] for column in inputs or entry.inputs
    ]
    if len(columns[0]) == 0:
        return tuple(np.empty(0) for _ in entry.outputs)
    result = entry.function(*columns, **entry.arguments(params))
    arrays = result if isinstance(result, tuple) else (result,)
    return tuple(np.asarray(a, dtype=np.float64) for a in arrays)


def first_decision_bar(series: Series) -> int:
    """Return the first bar on which rules are judged: that on which every indicator of the series has a value.

    Without indicators it is the first bar, with any at the earliest the second. An indicator that never has a value counts
    as warm at once, as in backtesting.py; comparisons with it are never true.
    """
    warm = [int(np.isnan(a).argmin()) for arrays in series.values() for a in arrays if len(a)]
    return max(1, *warm) if warm else 0
