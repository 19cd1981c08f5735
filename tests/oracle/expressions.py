"""The small language of conditions and prices in the cases: `Close - 2`, `V == 1`, `lowest(Low, 3) < SMA(Close, 20)`.

An expression is parsed by Python's `ast` and worked out here, node by node, at the close of one bar from the bars up
to and including that bar. A value is missing (None) where a window begins before the first bar. A comparison with a missing value is unknown (None),
and so is its negation; an unknown condition does not fire (docs/canonical.md, "At each close", rule 2).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from functools import cache

from tests.oracle.prices import Bar

Number = float | None
Truth = bool | None

COLUMNS: dict[str, Callable[[Bar], float]] = {
    "Open": lambda bar: bar.open,
    "High": lambda bar: bar.high,
    "Low": lambda bar: bar.low,
    "Close": lambda bar: bar.close,
    "V": lambda bar: bar.volume,
}
WINDOWS: dict[str, Callable[[Sequence[float]], float]] = {
    "lowest": min,
    "highest": max,
    "SMA": lambda values: sum(values) / len(values),
}
ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def price(text: str, bars: Sequence[Bar], bar: int) -> Number:
    """Give the value of a price expression at the close of a bar, or None where it is missing."""
    return _number(_parsed(text), bars, bar)


def holds(text: str, bars: Sequence[Bar], bar: int) -> bool:
    """Say whether a condition is true at the close of a bar; unknown counts as not."""
    return _truth(_parsed(text), bars, bar) is True


def average_true_range(bars: Sequence[Bar], bar: int, period: int) -> Number:
    """Give Wilder's average true range (J. W. Wilder, 1978) at the close of a bar, in points.

    Its first value is the mean of the first `period` true ranges; then each bar counts 1 / period. The true range of the first bar is its
    high less its low.
    """
    if bar + 1 < period:
        return None
    ranges = [
        max(now.high, before.close) - min(now.low, before.close)
        for before, now in zip([bars[0], *bars[:bar]], bars[: bar + 1], strict=True)
    ]
    ranges[0] = bars[0].high - bars[0].low
    value = sum(ranges[:period]) / period
    for true_range in ranges[period:]:
        value += (true_range - value) / period
    return value


@cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _number(node: ast.expr, bars: Sequence[Bar], bar: int) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in COLUMNS:
            return COLUMNS[name](bars[bar])
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _number(operand, bars, bar)
            return None if value is None else -value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            first, second = _number(left, bars, bar), _number(right, bars, bar)
            return None if first is None or second is None else ARITHMETIC[type(op)](first, second)
        case ast.Call(func=ast.Name(id=name), args=[source, ast.Constant(value=int() as length)]) if name in WINDOWS:
            return _window(WINDOWS[name], source, length, bars, bar)
    raise ValueError(
        f"{ast.unparse(node)!r} is no price: known are {', '.join([*COLUMNS, *WINDOWS])}, + - * / and numbers."
    )


def _window(
    of: Callable[[Sequence[float]], float], source: ast.expr, length: int, bars: Sequence[Bar], bar: int
) -> Number:
    if bar + 1 < length:
        return None
    values = [_number(source, bars, earlier) for earlier in range(bar - length + 1, bar + 1)]
    known = [value for value in values if value is not None]
    return of(known) if len(known) == length else None


def _truth(node: ast.expr, bars: Sequence[Bar], bar: int) -> Truth:
    match node:
        case ast.BoolOp(op=op, values=values):
            return _joined([_truth(value, bars, bar) for value in values], of_all=isinstance(op, ast.And))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            truth = _truth(operand, bars, bar)
            return None if truth is None else not truth
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            first, second = _number(left, bars, bar), _number(right, bars, bar)
            return None if first is None or second is None else COMPARISONS[type(op)](first, second)
    raise ValueError(f"{ast.unparse(node)!r} is no condition: known are comparisons of two prices, and, or, not.")


def _joined(truths: Sequence[Truth], *, of_all: bool) -> Truth:
    """Join by `and` or `or`: one false settles an `and`, one true an `or`; else one unknown makes it unknown."""
    settles = not of_all
    if settles in truths:
        return settles
    return None if None in truths else of_all
