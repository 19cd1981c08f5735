"""Which conditions can never be true, or always are, whatever the prices.

A condition is brought to alternatives of conjunctions of orderings: `left < right` or
`left <= right` between operands and numbers. A conjunction is impossible where its orderings, with
those every market keeps (Low <= Open, Close <= High; the lower band <= the middle <= the upper; 0 <=
RSI <= 100), form a circle with a strict step in it. This is complete for orderings and sound
for all else: what it cannot judge counts as possible. Prices count as positive, as no other prices are run on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise, product

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
    IndicatorRef,
    Math,
    Not,
    Price,
    Rising,
    Time,
    UnrealizedReturn,
    Value,
    WithinBars,
)
from Backtest.indicators import PRICE_COLUMNS

_MOST_ALTERNATIVES = 256
_MOST_STEPS = 8  # of a rising or falling series; further ones are left out, which is sound
_MINUTES = 24 * 60
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVER = (1 << 7 * _MINUTES) - 1  # a bit for each minute of the week

Node = AnyOperand | str


@dataclass(frozen=True)
class _Order:
    """`low < high`, or `low <= high` where it is not strict."""

    low: Node
    high: Node
    strict: bool


@dataclass(frozen=True)
class _When:
    """The minutes of the week, in one time zone, at which a bar may begin: a bit each."""

    zone: str | None
    minutes: int


_Alternatives = list[tuple["_Order | _When", ...]]


class TooManyAlternatives(Exception):
    """A condition has more alternatives than are looked at; it counts as possible."""


def never(strategy: CanonicalStrategy, condition: AnyCondition) -> bool:
    """Return whether a condition can never be true."""
    try:
        return not any(_possible(strategy, parts) for parts in _alternatives(condition, holds=True))
    except TooManyAlternatives:
        return False


def always(strategy: CanonicalStrategy, condition: AnyCondition) -> bool:
    """Return whether a condition is true on every bar on which its values exist."""
    try:
        return not any(_possible(strategy, parts) for parts in _alternatives(condition, holds=False))
    except TooManyAlternatives:
        return False


def is_price_and_number(strategy: CanonicalStrategy, condition: AnyCondition) -> bool:
    """Return whether a price, or an average of prices, is compared with a number: `Close > 0` is how many write "always"."""
    if not isinstance(condition, Compare):
        return False
    sides = (condition.left, condition.right)
    return any(isinstance(s, Value) for s in sides) and any(_above_zero(strategy, s) for s in sides)


# Conditions to alternatives ----------------------------------------------------------------


def _alternatives(condition: AnyCondition, *, holds: bool) -> _Alternatives:
    """Return the alternatives in which a condition holds, or fails; each is a conjunction of orderings."""
    match condition:
        case Not():
            return _alternatives(condition.condition, holds=not holds)
        case All() | AnyOf():
            parts = [_alternatives(c, holds=holds) for c in condition.conditions]
            return _every(parts) if isinstance(condition, All) == holds else _some(parts)
        case Compare():
            return _comparison(condition.left, condition.op, condition.right, holds=holds)
        case Cross():
            return _cross(condition, holds=holds)
        case Between():
            low = _comparison(condition.low, "<=", condition.operand, holds=holds)
            high = _comparison(condition.operand, "<=", condition.high, holds=holds)
            return _every([low, high]) if holds else _some([low, high])
        case Rising() | Falling():
            return _movement(condition, holds=holds)
        case ForBars() if holds:
            return _alternatives(condition.condition, holds=True)
        case WithinBars() if not holds:
            return _alternatives(condition.condition, holds=False)
        case Time():
            minutes = _minutes(condition)
            return [(_When(condition.timezone, minutes if holds else _EVER & ~minutes),)]
        case BarsHeld():
            return _comparison_of("bars held", condition.op, Value(value=condition.bars), holds=holds)
        case UnrealizedReturn():
            return _comparison_of("unrealized return", condition.op, Value(value=condition.percent), holds=holds)
    return [()]


def _every(parts: list[_Alternatives]) -> _Alternatives:
    count = 1
    for part in parts:
        count *= len(part)
        if count > _MOST_ALTERNATIVES:
            raise TooManyAlternatives
    return [tuple(order for one in chosen for order in one) for chosen in product(*parts)]


def _some(parts: list[_Alternatives]) -> _Alternatives:
    return [one for part in parts for one in part]


def _comparison(left: AnyOperand, op: str, right: AnyOperand, *, holds: bool) -> _Alternatives:
    return _comparison_of(left, op, right, holds=holds)


def _comparison_of(left: Node, op: str, right: Node, *, holds: bool) -> _Alternatives:
    if op == "==":
        if holds:
            return [(_Order(left, right, False), _Order(right, left, False))]
        return [(_Order(left, right, True),), (_Order(right, left, True),)]
    low, high = (left, right) if op in ("<", "<=") else (right, left)
    strict = op in ("<", ">")
    return [(_Order(low, high, strict),)] if holds else [(_Order(high, low, not strict),)]


def _cross(cross: Cross, *, holds: bool) -> _Alternatives:
    now, before = (">", "<=") if cross.direction == "above" else ("<", ">=")
    here = _comparison(cross.left, now, cross.right, holds=holds)
    there = _comparison(back(cross.left), before, back(cross.right), holds=holds)
    return _every([here, there]) if holds else _some([here, there])


def _movement(condition: Rising | Falling, *, holds: bool) -> _Alternatives:
    series = [condition.operand]
    for _ in range(min(condition.bars, _MOST_STEPS)):
        series.append(back(series[-1]))
    if not holds and condition.bars > _MOST_STEPS:
        return [()]
    op = ">" if isinstance(condition, Rising) else "<"
    steps = [_comparison(a, op, b, holds=holds) for a, b in pairwise(series)]
    return _every(steps) if holds else _some(steps)


def back(operand: AnyOperand) -> AnyOperand:
    """Return an operand a bar earlier."""
    if isinstance(operand, Value):
        return operand
    if isinstance(operand, Math):
        return Math.model_construct(left=back(operand.left), op=operand.op, right=back(operand.right))
    return operand.model_copy(update={"offset": operand.offset + 1})


def _minutes(time: Time) -> int:
    """Return the minutes of the week at which a time condition holds."""
    day = (1 << _MINUTES) - 1
    if time.start is not None and time.end is not None:
        start, end = (int(t[:2]) * 60 + int(t[3:]) for t in (time.start, time.end))
        before_end, from_start = (1 << end) - 1, day & ~((1 << start) - 1)
        day = before_end & from_start if start < end else before_end | from_start
    return sum(day << i * _MINUTES for i, name in enumerate(_DAYS) if not time.weekdays or name in time.weekdays)


# Judging a conjunction ---------------------------------------------------------------------


@dataclass
class _Graph:
    """Orderings as arrows from the lower to the higher; `strict` are those that exclude equality."""

    arrows: dict[Node, set[Node]] = field(default_factory=dict)
    strict: set[tuple[Node, Node]] = field(default_factory=set)

    def add(self, order: _Order) -> None:
        self.arrows.setdefault(order.low, set()).add(order.high)
        self.arrows.setdefault(order.high, set())
        if order.strict:
            self.strict.add((order.low, order.high))

    def impossible(self) -> bool:
        return any(low == high or low in self._above(high) for low, high in self.strict)

    def _above(self, start: Node) -> set[Node]:
        reached, waiting = {start}, [start]
        while waiting:
            for higher in self.arrows[waiting.pop()] - reached:
                reached.add(higher)
                waiting.append(higher)
        return reached


def _possible(strategy: CanonicalStrategy, parts: Iterable[_Order | _When]) -> bool:
    graph, open_minutes = _Graph(), dict[str | None, int]()
    for part in parts:
        if isinstance(part, _When):
            open_minutes[part.zone] = open_minutes.get(part.zone, _EVER) & part.minutes
        else:
            graph.add(part)
    if not all(open_minutes.values()):
        return False
    for order in _known(strategy, list(graph.arrows)):
        graph.add(order)
    return not graph.impossible()


def _known(strategy: CanonicalStrategy, nodes: list[Node]) -> Iterator[_Order]:
    """Yield the orderings that hold in every market between these operands, and between numbers."""
    for node in nodes:
        yield from _bounds(strategy, node)
    bounds = [b for node in nodes for order in _bounds(strategy, node) for b in (order.low, order.high)]
    numbers = sorted({n.value for n in (*nodes, *bounds) if isinstance(n, Value)})
    for low, high in pairwise(numbers):
        yield _Order(Value(value=low), Value(value=high), True)
    for one, other in combinations(nodes, 2):
        yield from _ordered(strategy, one, other)
        yield from _ordered(strategy, other, one)


def _bounds(strategy: CanonicalStrategy, node: Node) -> Iterator[_Order]:
    if (strict := _above_zero(strategy, node)) is not None:
        yield _Order(Value(value=0), node, strict)
    if isinstance(node, IndicatorRef) and (bounds := strategy.indicator(node.id).entry.bounds):
        yield _Order(Value(value=bounds[0]), node, False)
        yield _Order(node, Value(value=bounds[1]), False)


def _above_zero(strategy: CanonicalStrategy, node: Node) -> bool | None:
    """Return True for what is always above zero, False for what is never below it, None for all else."""
    if isinstance(node, Price):
        return node.column != "Volume"
    if not isinstance(node, IndicatorRef):
        return None
    item = strategy.indicator(node.id)
    if item.name in _SIZES:
        return False
    if item.name not in _OF_THEIR_SOURCE:
        return None
    return None if item.source_name not in (None, *PRICE_COLUMNS) else item.source_name != "Volume"


def _ordered(strategy: CanonicalStrategy, low: Node, high: Node) -> Iterator[_Order]:
    """Yield `low <= high` where it holds by what the two are."""
    if isinstance(low, Math) or isinstance(high, Math):
        yield from _scaled(strategy, low, high)
    elif (_same_bar(low, high) and _of_one_channel(strategy, low, high)) or _by_their_bars(strategy, low, high):
        yield _Order(low, high, False)


def _same_bar(one: Node, other: Node) -> bool:
    kinds = (Price, IndicatorRef)
    return isinstance(one, kinds) and isinstance(other, kinds) and one.offset == other.offset


def _of_one_channel(strategy: CanonicalStrategy, low: Node, high: Node) -> bool:
    """Whether these are two lines of one channel, the lower one first."""
    if not (isinstance(low, IndicatorRef) and isinstance(high, IndicatorRef) and low.id == high.id):
        return False
    order = ("lower", "middle", "upper")
    if low.output not in order or high.output not in order:
        return False
    return order.index(low.output) < order.index(high.output)


@dataclass(frozen=True)
class _Extreme:
    """The highest or lowest of a series over bars, counted back from this one; a price is both of its own bar."""

    series: str
    first: int
    last: int
    kinds: tuple[str, ...]
    frame: str | None = None

    @classmethod
    def of(cls, strategy: CanonicalStrategy, node: Node) -> _Extreme | None:
        if isinstance(node, Price):
            return cls(node.column, node.offset, node.offset, ("HIGHEST", "LOWEST"))
        if not isinstance(node, IndicatorRef):
            return None
        item = strategy.indicator(node.id)
        kind = {"upper": "HIGHEST", "lower": "LOWEST"}.get(node.output or "") if item.name == "DONCHIAN" else item.name
        if kind in ("HIGHEST", "LOWEST"):
            series = ("High" if kind == "HIGHEST" else "Low") if item.name == "DONCHIAN" else str(item.source_name)
            # Bars of a coarser frame are told apart by the finer bar at which they are looked at alone.
            first, frame = (node.offset, None) if item.timeframe is None else (0, f"{item.timeframe}[{node.offset}]")
            return cls(series, first, first + int(item.params["timeperiod"]) - 1, (kind,), frame)
        if node.output is None and item.timeframe is None:
            return cls(node.id, node.offset, node.offset, ("HIGHEST", "LOWEST"))
        return None

    def holds(self, other: _Extreme) -> bool:
        return self.first <= other.first and other.last <= self.last


def _by_their_bars(strategy: CanonicalStrategy, low: Node, high: Node) -> bool:
    """Whether one is at most the other as the extremes of their bars: the 10-day low is never above the 3-day low."""
    one, other = _Extreme.of(strategy, low), _Extreme.of(strategy, high)
    if one is None or other is None or one.frame != other.frame:
        return False
    prices = {one.series, other.series} <= {"Open", "High", "Low", "Close"}
    if one.series != other.series and not (prices and (one.series == "Low" or other.series == "High")):
        return False
    overlap = one.first <= other.last and other.first <= one.last
    return (
        ("LOWEST" in one.kinds and "HIGHEST" in other.kinds and overlap)
        or ("HIGHEST" in one.kinds and "HIGHEST" in other.kinds and other.holds(one))
        or ("LOWEST" in one.kinds and "LOWEST" in other.kinds and one.holds(other))
    )


def _scaled(strategy: CanonicalStrategy, low: Node, high: Node) -> Iterator[_Order]:
    """Yield the order of a price and a multiple of itself, such as 0.95 * Close < Close."""
    for multiple, plain, is_low in ((low, high, True), (high, low, False)):
        if not isinstance(multiple, Math) or multiple.op != "*" or isinstance(plain, str | Value | Math):
            continue
        for factor, of in ((multiple.left, multiple.right), (multiple.right, multiple.left)):
            if isinstance(factor, Value) and of == plain and factor.value != 1 and _above_zero(strategy, plain):
                if (factor.value < 1) == is_low:
                    yield _Order(low, high, True)


_SIZES = ("ATR", "STDDEV", "HIGHAGE", "LOWAGE")  # how far, or how long ago, which is no direction
_OF_THEIR_SOURCE = ("SMA", "EMA", "WMA", "KAMA", "VWAP", "SESSION_VWAP", "HIGHEST", "LOWEST", "DONCHIAN")
