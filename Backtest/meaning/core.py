"""The core: the few kinds of statement that every condition is lowered to.

A comparison with a missing value is neither true nor known to be false (Kleene's strong logic), so the negation of a
statement is again one: `not (a < b)` is `a >= b`, `not (a == b)` is `a != b` (known to differ), and both are false while
a value is missing. Every statement therefore says what is known to hold, and nothing in the core is negated.

Numbers and operands carry the path of the canonical field they come from, such as `entry_rules[0].when.right.value`,
so that the code writer can keep a number under a name of its own and the compiled engine can vary it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from Backtest.meaning.model import walk
from Backtest.meaning.operands import AnyOperand, PositionRef

if TYPE_CHECKING:
    from Backtest.meaning.conditions import Time

Operator = Literal["<", "<=", ">", ">=", "=="]
Sign = Literal["<", "<=", ">", ">=", "==", "!="]  # `!=`: both values are there and differ
OPPOSITE: dict[Sign, Sign] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
# What holds with the sides exchanged.
MIRRORED: dict[Operator, Operator] = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "=="}
Asked = Literal["bars held", "unrealized return"]
MOST_SEEN = 500  # bars that are looked back on for what has held since


@dataclass(frozen=True)
class Number:
    """A number of the strategy.

    `called` is what the generated class calls it, with `{role}` for entry or exit, such as `{role}_bars`; a number without
    a name is written where it stands.
    """

    value: float
    path: str
    called: str = ""


@dataclass(frozen=True)
class Term:
    """An operand `back` bars before the bar that is judged; `called` as in Number, for an operand that is a number."""

    operand: AnyOperand
    path: str
    back: int = 0
    called: str = ""

    def ago(self, bars: int) -> Term:
        return replace(self, back=self.back + bars)

    def reach(self) -> int:
        return self.back + max(getattr(part, "offset", 0) for part in walk(self.operand))


class Statement(ABC):
    """What is known to hold at a bar."""

    @abstractmethod
    def negated(self) -> Statement:
        """Return the statement that is known to hold where this one is known not to."""

    def parts(self) -> tuple[Statement, ...]:
        """Return the statements directly inside."""
        return ()

    def walk(self) -> Iterator[Statement]:
        """Yield the statement and every one inside it."""
        yield self
        for part in self.parts():
            yield from part.walk()

    def reach(self) -> int:
        """Return how many bars before the judged one are read at most."""
        return max((part.reach() for part in self.parts()), default=0)

    @abstractmethod
    def ago(self, bars: int) -> Statement:
        """Return the statement as it was some bars before. What asks about the position is of no bar before."""

    @property
    def asks_position(self) -> bool:
        """Whether the statement asks about the open position."""
        return any(
            isinstance(part, PositionTest) or (isinstance(part, Comparison) and part.reads_position)
            for part in self.walk()
        )


@dataclass(frozen=True)
class Comparison(Statement):
    """`left sign right`."""

    left: Term
    sign: Sign
    right: Term

    def negated(self) -> Comparison:
        return replace(self, sign=OPPOSITE[self.sign])

    def reach(self) -> int:
        return max(self.left.reach(), self.right.reach())

    def ago(self, bars: int) -> Comparison:
        return replace(self, left=self.left.ago(bars), right=self.right.ago(bars))

    @property
    def reads_position(self) -> bool:
        """Whether one of the sides is computed of what is known of the open position."""
        sides = (self.left.operand, self.right.operand)
        return any(isinstance(part, PositionRef) for side in sides for part in walk(side))

    def mirrored(self) -> Comparison:
        """Return the same with the sides exchanged."""
        return Comparison(self.right, self.sign if self.sign == "!=" else MIRRORED[self.sign], self.left)


@dataclass(frozen=True)
class Joined(Statement):
    """All (`and`) or some (`or`) of the parts. Parts that are a chain read as one where all hold: `low <= x <= high`."""

    word: Literal["and", "or"]
    joined: tuple[Statement, ...]
    chain: bool = False

    def negated(self) -> Joined:
        return Joined("or" if self.word == "and" else "and", tuple(p.negated() for p in self.joined), self.chain)

    def ago(self, bars: int) -> Joined:
        return replace(self, joined=tuple(part.ago(bars) for part in self.joined))

    def parts(self) -> tuple[Statement, ...]:
        return self.joined


@dataclass(frozen=True)
class Window(Statement):
    """`inner` on all, or any, of the last `bars` bars, the judged one included.

    The steps of a series, each compared with the one before, are a chain: two of them read as `x > x[1] > x[2]`.
    """

    word: Literal["all", "any"]
    inner: Statement
    bars: Number
    chain: bool = False

    def negated(self) -> Window:
        return replace(self, word="any" if self.word == "all" else "all", inner=self.inner.negated())

    def ago(self, bars: int) -> Window:
        return replace(self, inner=self.inner.ago(bars))

    def parts(self) -> tuple[Statement, ...]:
        return (self.inner,)

    def reach(self) -> int:
        return self.inner.reach() + int(self.bars.value) - 1


@dataclass(frozen=True)
class Count(Statement):
    """`inner` on at least `least` of the last `bars` bars, the judged one included; `turned`, on at least `bars` - `least` + 1 of them.

    Where something holds on fewer than 2 of 5 bars, it is known not to hold on 4 of them.
    """

    inner: Statement
    least: Number
    bars: Number
    turned: bool = False

    def negated(self) -> Count:
        return replace(self, inner=self.inner.negated(), turned=not self.turned)

    def needed(self) -> int:
        """Return on how many bars it has to hold."""
        least, bars = int(self.least.value), int(self.bars.value)
        return bars - least + 1 if self.turned else least

    def ago(self, bars: int) -> Count:
        return replace(self, inner=self.inner.ago(bars))

    def parts(self) -> tuple[Statement, ...]:
        return (self.inner,)

    def reach(self) -> int:
        return self.inner.reach() + int(self.bars.value) - 1


@dataclass(frozen=True)
class Seen(Statement):
    """Whether `inner` is known to have held on a bar before the judged one, but not before the last bar on which `reset` held.

    Bars from that one on count, and at most MOST_SEEN. The answer is never missing; where `known` is false it is turned round.
    """

    inner: Statement
    reset: Statement
    known: bool = True

    def negated(self) -> Seen:
        return replace(self, known=not self.known)

    def ago(self, bars: int) -> Seen:
        return replace(self, inner=self.inner.ago(bars), reset=self.reset.ago(bars))

    def parts(self) -> tuple[Statement, ...]:
        return (self.inner, self.reset)

    def reach(self) -> int:
        return super().reach() + MOST_SEEN


@dataclass(frozen=True)
class Clock(Statement):
    """The time stamp of the bar `back` bars ago satisfies a time condition or, `outside`, does not."""

    time: Time
    outside: bool = False
    back: int = 0

    def ago(self, bars: int) -> Clock:
        return replace(self, back=self.back + bars)

    def reach(self) -> int:
        return self.back

    def negated(self) -> Clock:
        return replace(self, outside=not self.outside)


@dataclass(frozen=True)
class PositionTest(Statement):
    """Compares the age in bars, or the return in percent, of the open position with a limit; flat, there is no value."""

    asked: Asked
    sign: Sign
    limit: Number

    def ago(self, bars: int) -> PositionTest:
        raise ValueError("the position of a bar before was another one")

    def negated(self) -> PositionTest:
        return replace(self, sign=OPPOSITE[self.sign])
