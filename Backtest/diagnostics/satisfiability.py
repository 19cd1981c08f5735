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
    WEEKDAYS,
    AnyCondition,
    AnyOperand,
    CanonicalStrategy,
    IndicatorRef,
    Math,
    Price,
    Time,
    Value,
)
from Backtest.indicators import PRICE_COLUMNS
from Backtest.meaning import back, core

_MOST_ALTERNATIVES = 256
_MOST_STEPS = 8  # of a rising or falling series; further ones are left out, which is sound
_MINUTES = 24 * 60
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


def never(strategy: CanonicalStrategy, condition: AnyCondition, *, without: Iterable[AnyCondition] = ()) -> bool:
    """Return whether a condition can never be true while none of some others is."""
    return _impossible(strategy, [condition.core(""), *(other.core("").negated() for other in without)])


def always(strategy: CanonicalStrategy, condition: AnyCondition) -> bool:
    """Return whether a condition is true on every bar on which its values exist."""
    return _impossible(strategy, [condition.core("").negated()])


def _impossible(strategy: CanonicalStrategy, statements: list[core.Statement]) -> bool:
    """Return whether statements can never hold together."""
    try:
        return not any(_possible(strategy, parts) for parts in _every(map(_alternatives, statements)))
    except TooManyAlternatives:
        return False


def never_above(strategy: CanonicalStrategy, one: AnyOperand, other: AnyOperand) -> bool:
    """Return whether one operand is above another on no bar, whatever the prices."""
    return _impossible(strategy, [core.Comparison(core.Term(one, ""), ">", core.Term(other, ""))])


def is_price_and_number(strategy: CanonicalStrategy, condition: AnyCondition) -> bool:
    """Return whether a price, or an average of prices, is compared with a number: `Close > 0` is how many write "always"."""
    statement = condition.core("")
    if not isinstance(statement, core.Comparison):
        return False
    sides = (statement.left.operand, statement.right.operand)
    return any(isinstance(s, Value) for s in sides) and any(_above_zero(strategy, s) for s in sides)


# Statements to alternatives ----------------------------------------------------------------


def _alternatives(statement: core.Statement) -> _Alternatives:
    """Return the alternatives in which a statement holds; each is a conjunction of orderings."""
    match statement:
        case core.Joined():
            parts = map(_alternatives, statement.joined)
            return _every(parts) if statement.word == "and" else [one for part in parts for one in part]
        case core.Comparison():
            return _ordering(_node(statement.left), statement.sign, _node(statement.right))
        case core.Window(inner=core.Comparison() as step, chain=True):
            return _steps(step, statement.word, int(statement.bars.value))
        case core.Window(word="all"):
            return _alternatives(statement.inner)
        case core.Clock():
            minutes = _minutes(statement.time)
            return [(_When(statement.time.timezone, _EVER & ~minutes if statement.outside else minutes),)]
        case core.PositionTest():
            return _ordering(statement.asked, statement.sign, Value(value=statement.limit.value))
    return [()]


def _every(parts: Iterable[_Alternatives]) -> _Alternatives:
    several = list(parts)
    count = 1
    for part in several:
        count *= len(part)
        if count > _MOST_ALTERNATIVES:
            raise TooManyAlternatives
    return [tuple(order for one in chosen for order in one) for chosen in product(*several)]


def _node(term: core.Term) -> AnyOperand:
    return back(term.operand, term.back)


def _ordering(left: Node, sign: core.Sign, right: Node) -> _Alternatives:
    if sign == "==":
        return [(_Order(left, right, False), _Order(right, left, False))]
    if sign == "!=":
        return [(_Order(left, right, True),), (_Order(right, left, True),)]
    low, high = (left, right) if sign in ("<", "<=") else (right, left)
    return [(_Order(low, high, sign in ("<", ">")),)]


def _steps(step: core.Comparison, word: str, bars: int) -> _Alternatives:
    """Return the alternatives in which all, or any, of the last steps of a series go one way."""
    if word == "any" and bars > _MOST_STEPS:
        return [()]
    sides = [(_node(step.left.ago(k)), _node(step.right.ago(k))) for k in range(min(bars, _MOST_STEPS))]
    parts = [_ordering(left, step.sign, right) for left, right in sides]
    return _every(parts) if word == "all" else [one for part in parts for one in part]


def _minutes(time: Time) -> int:
    """Return the minutes of the week at which a time condition holds."""
    day = (1 << _MINUTES) - 1
    if time.start is not None and time.end is not None:
        start, end = (int(t[:2]) * 60 + int(t[3:]) for t in (time.start, time.end))
        before_end, from_start = (1 << end) - 1, day & ~((1 << start) - 1)
        day = before_end & from_start if start < end else before_end | from_start
    return sum(day << i * _MINUTES for i, name in enumerate(WEEKDAYS) if not time.weekdays or name in time.weekdays)


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
    elif (_same_bar(low, high) and _of_one_channel(low, high)) or _by_their_bars(strategy, low, high):
        yield _Order(low, high, False)


def _same_bar(one: Node, other: Node) -> bool:
    kinds = (Price, IndicatorRef)
    return isinstance(one, kinds) and isinstance(other, kinds) and one.offset == other.offset


def _of_one_channel(low: Node, high: Node) -> bool:
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
        if item.symbol is not None:
            return None
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
