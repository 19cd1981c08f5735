"""The truth of conditions, bar by bar, straight from the canonical strategy.

Logic has three values (Kleene's strong logic): a comparison with a missing value is neither true
nor known to be false, so that `not` of it is not true either. A truth is held as two masks,
`true` and `false`; where neither is set, the value is missing. Every mask and array has one item
a bar. `docs/canonical.md` gives the meaning, the generated code trades the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOf,
    AnyOperand,
    BarsHeld,
    Between,
    CanonicalStrategy,
    Compare,
    Cross,
    Falling,
    ForBars,
    IndicatorBase,
    IndicatorRef,
    Not,
    Price,
    Rising,
    Time,
    UnrealizedReturn,
    Value,
    WithinBars,
)
from Backtest.indicators import PRICE_COLUMNS, REGISTRY, SESSION
from Backtest.sessions import coarser, with_sessions

Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Series = dict[str, tuple[Floats, ...]]


@dataclass(frozen=True)
class Truth:
    """Where a condition holds and where it is known not to."""

    true: Mask
    false: Mask

    def __invert__(self) -> Truth:
        return Truth(self.false, self.true)


@dataclass(frozen=True)
class PositionState:
    """What exits may ask of the position at each close; NaN where there is none."""

    bars_held: Floats
    unrealized_return_pct: Floats


@dataclass(frozen=True)
class Bars:
    """Prices and indicator values on which conditions are judged.

    `frame` has a DatetimeIndex and float columns Open, High, Low, Close, Volume.
    """

    frame: pd.DataFrame
    series: Series
    position: PositionState | None = None
    cache: dict[str, Truth] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)


def compute_indicators(strategy: CanonicalStrategy, frame: pd.DataFrame) -> Series:
    """Compute every indicator of a strategy: id to its output arrays, float64, one item a bar.

    An indicator on a coarser time frame shows, at each bar, the last completed coarse bar.
    """
    if any(indicator.entry.reads_session for indicator in strategy.indicators):
        frame = with_sessions(frame)
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
    """Return the columns that indicators may read: prices and, where the frame has them, the numbers of sessions."""
    names = (*PRICE_COLUMNS, SESSION) if SESSION in frame else PRICE_COLUMNS
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


def _back(array: Floats, offset: int) -> Floats:
    if offset == 0:
        return array
    return np.concatenate([np.full(min(offset, len(array)), np.nan), array[:-offset]])


def operand_values(strategy: CanonicalStrategy, operand: AnyOperand, bars: Bars) -> Floats:
    """Return the operand's value at each bar; NaN where there is none."""
    if isinstance(operand, Value):
        return np.full(len(bars), operand.value)
    if isinstance(operand, Price):
        return _back(bars.frame[operand.column].to_numpy(dtype=np.float64), operand.offset)
    if isinstance(operand, IndicatorRef):
        names = [o.name for o in strategy.indicator(operand.id).entry.outputs]
        output = names.index(operand.output) if operand.output else 0
        return _back(bars.series[operand.id][output], operand.offset)
    left = operand_values(strategy, operand.left, bars)
    right = operand_values(strategy, operand.right, bars)
    with np.errstate(all="ignore"):
        if operand.op == "+":
            return left + right
        if operand.op == "-":
            return left - right
        if operand.op == "*":
            return left * right
        return np.where(right == 0, np.nan, left / np.where(right == 0, np.nan, right))


def compare(left: Floats, op: str, right: Floats) -> Truth:
    """Compare two arrays; where either is NaN the truth is missing."""
    known = ~(np.isnan(left) | np.isnan(right))
    holds = {
        "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal,
    }[op](left, right)  # fmt: skip
    return Truth(holds & known, ~holds & known)


def _all(parts: list[Truth]) -> Truth:
    return Truth(np.logical_and.reduce([p.true for p in parts]), np.logical_or.reduce([p.false for p in parts]))


def _any(parts: list[Truth]) -> Truth:
    return ~_all([~p for p in parts])


def _shift(truth: Truth, bars: int) -> Truth:
    if bars == 0:
        return truth
    pad = np.zeros(min(bars, len(truth.true)), dtype=bool)
    return Truth(np.concatenate([pad, truth.true[:-bars]]), np.concatenate([pad, truth.false[:-bars]]))


def _window_all(truth: Truth, bars: int) -> Truth:
    """True where the truth held on each of the last `bars` bars; false where it failed on one."""

    def count(mask: Mask) -> Any:
        total = np.concatenate([[0], np.cumsum(mask)])
        start = np.maximum(np.arange(len(mask)) + 1 - bars, 0)
        return total[1:] - total[start]

    return Truth(count(truth.true) == bars, count(truth.false) > 0)


def evaluate(strategy: CanonicalStrategy, condition: AnyCondition, bars: Bars) -> Truth:
    """Judge a condition at every bar."""
    key = condition.model_dump_json()
    if key not in bars.cache:
        bars.cache[key] = _evaluate(strategy, condition, bars)
    return bars.cache[key]


def _evaluate(strategy: CanonicalStrategy, condition: AnyCondition, bars: Bars) -> Truth:
    def values(operand: AnyOperand) -> Floats:
        return operand_values(strategy, operand, bars)

    match condition:
        case Compare():
            return compare(values(condition.left), condition.op, values(condition.right))
        case Cross():
            left, right = values(condition.left), values(condition.right)
            before, now = ("<=", ">") if condition.direction == "above" else (">=", "<")
            return _all([compare(_back(left, 1), before, _back(right, 1)), compare(left, now, right)])
        case Between():
            middle = values(condition.operand)
            return _all([compare(values(condition.low), "<=", middle), compare(middle, "<=", values(condition.high))])
        case Rising() | Falling():
            array = values(condition.operand)
            op = ">" if isinstance(condition, Rising) else "<"
            step = compare(array, op, _back(array, 1))
            return _all([_shift(step, k) for k in range(condition.bars)])
        case All():
            return _all([evaluate(strategy, c, bars) for c in condition.conditions])
        case AnyOf():
            return _any([evaluate(strategy, c, bars) for c in condition.conditions])
        case Not():
            return ~evaluate(strategy, condition.condition, bars)
        case ForBars():
            return _window_all(evaluate(strategy, condition.condition, bars), condition.bars)
        case WithinBars():
            return ~_window_all(~evaluate(strategy, condition.condition, bars), condition.bars)
        case Time():
            inside = time_mask(condition, pd.DatetimeIndex(bars.frame.index))
            return Truth(inside, ~inside)
        case BarsHeld():
            held = bars.position.bars_held if bars.position else np.full(len(bars), np.nan)
            return compare(held, condition.op, np.full(len(bars), float(condition.bars)))
        case UnrealizedReturn():
            gain = bars.position.unrealized_return_pct if bars.position else np.full(len(bars), np.nan)
            return compare(gain, condition.op, np.full(len(bars), condition.percent))
    raise TypeError(f"not a condition: {condition!r}")


def time_mask(condition: Time, index: pd.DatetimeIndex) -> Mask:
    """Return where the bars' time stamps satisfy a time condition; stamps without a zone are taken as they read."""
    if condition.timezone and index.tz is not None:
        index = index.tz_convert(ZoneInfo(condition.timezone))
    inside = np.ones(len(index), dtype=bool)
    if condition.weekdays:
        order = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        inside &= np.isin(index.dayofweek, [order.index(d) for d in condition.weekdays])
    if condition.start is not None and condition.end is not None:
        minute = np.asarray(index.hour * 60 + index.minute)
        start, end = (int(t[:2]) * 60 + int(t[3:]) for t in (condition.start, condition.end))
        window = (minute >= start) & (minute < end) if start < end else (minute >= start) | (minute < end)
        inside &= window
    return inside
