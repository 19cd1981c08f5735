"""The truth of conditions, bar by bar, straight from the canonical strategy.

Logic has three values (Kleene's strong logic): a comparison with a missing value is neither true
nor known to be false, so that `not` of it is not true either. A truth is held as two masks,
`true` and `false`; where neither is set, the value is missing. Every mask and array has one item
a bar. `docs/canonical.md` gives the meaning, the generated code trades the same.

This is a second opinion: it reads the conditions themselves and not what they are lowered to (`Backtest/meaning/core.py`), so
that each of the two finds the mistakes of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from Backtest.canonical import (
    WEEKDAYS,
    All,
    AnyCondition,
    AnyOf,
    AnyOperand,
    BarsHeld,
    BarsSince,
    Between,
    CanonicalStrategy,
    Compare,
    CountBars,
    Cross,
    Falling,
    FirstSince,
    ForBars,
    Function,
    IndicatorRef,
    Not,
    PositionRef,
    Price,
    Rising,
    Then,
    Ticks,
    Time,
    UnrealizedReturn,
    Value,
    ValueWhen,
    WithinBars,
)
from Backtest.decision.series import Floats, Series

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Truth:
    """Where a condition holds and where it is known not to."""

    true: Mask
    false: Mask

    def __invert__(self) -> Truth:
        return Truth(self.false, self.true)


@dataclass(frozen=True)
class PositionState:
    """What exits may ask of the position at each close, `values` by the names of a PositionRef; NaN where there is none."""

    bars_held: Floats
    unrealized_return_pct: Floats
    values: Mapping[str, Floats] = field(default_factory=dict)


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
    if isinstance(operand, BarsSince | ValueWhen):
        seen = (
            np.full(len(bars), np.nan)
            if isinstance(operand, BarsSince)
            else operand_values(strategy, operand.operand, bars)
        )
        return _back(_last_held(evaluate(strategy, operand.condition, bars).true, operand, seen), operand.offset)
    if isinstance(operand, Ticks):
        return np.full(len(bars), strategy.execution.points(operand))
    if isinstance(operand, PositionRef):
        return bars.position.values[operand.what] if bars.position else np.full(len(bars), np.nan)
    if isinstance(operand, Function):
        parts = np.stack([operand_values(strategy, part, bars) for part in operand.operands])
        found: Floats = np.abs(parts[0]) if operand.name == "abs" else parts[0]
        for part in parts[1:]:  # NaN where one of them is
            found = np.minimum(found, part) if operand.name == "min" else np.maximum(found, part)
        return found
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


def _last_held(held: Mask, operand: BarsSince | ValueWhen, values: Floats) -> Floats:
    """Return the bars since a mask last held, or what the values were then; missing where it held on none of the last 500 bars."""
    found, last = np.full(len(held), np.nan), -1000
    for bar in range(len(held)):
        last = bar if held[bar] else last
        if bar - last < 500:
            found[bar] = bar - last if isinstance(operand, BarsSince) else values[last]
    return found


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


def _count(mask: Mask, bars: int) -> Any:
    """Return on how many of the last `bars` bars a mask holds."""
    total = np.concatenate([[0], np.cumsum(mask)])
    start = np.maximum(np.arange(len(mask)) + 1 - bars, 0)
    return total[1:] - total[start]


def _window_all(truth: Truth, bars: int) -> Truth:
    """True where the truth held on each of the last `bars` bars; false where it failed on one."""
    return Truth(_count(truth.true, bars) == bars, _count(truth.false, bars) > 0)


def _held_before(held: Mask, forgotten: Mask) -> Mask:
    """Return where a mask held on one of the 500 bars before, on none of which, nor on the bar itself, it was forgotten later."""
    found = np.zeros(len(held), dtype=bool)
    last: int | None = None
    for bar in range(len(held)):
        if forgotten[bar]:
            last = None
        found[bar] = last is not None and bar - last <= 500
        if held[bar]:
            last = bar
    return found


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
        case CountBars():
            inner = evaluate(strategy, condition.condition, bars)
            return Truth(
                *(
                    _count(mask, condition.bars) >= least
                    for mask, least in (
                        (inner.true, condition.least),
                        (inner.false, condition.bars - condition.least + 1),
                    )
                )
            )
        case Then():
            first = evaluate(strategy, condition.first, bars)
            earlier = _any([_shift(first, k) for k in range(1, condition.bars + 1)])
            return _all([earlier, evaluate(strategy, condition.second, bars)])
        case FirstSince():
            found, since = (evaluate(strategy, c, bars) for c in (condition.condition, condition.since))
            fresh = ~_held_before(found.true, since.true)
            return _all([found, Truth(fresh, ~fresh)])
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
        inside &= np.isin(index.dayofweek, [list(WEEKDAYS).index(d) for d in condition.weekdays])
    if condition.start is not None and condition.end is not None:
        minute = np.asarray(index.hour * 60 + index.minute)
        start, end = (int(t[:2]) * 60 + int(t[3:]) for t in (condition.start, condition.end))
        window = (minute >= start) & (minute < end) if start < end else (minute >= start) | (minute < end)
        inside &= window
    return inside
