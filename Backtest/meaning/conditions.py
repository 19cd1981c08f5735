"""The conditions of a rule, one class each: its fields, how it is said (`text`), and what it means (`core`).

A new condition is a class here: it enters schema, English, generated code, compiled engine, explanation and the search for
contradictions by these two methods. `Backtest/decision/judge.py`, the second opinion, needs a case of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

from pydantic import Field, field_validator, model_validator

from Backtest.meaning import operands
from Backtest.meaning.core import (
    MIRRORED,
    Clock,
    Comparison,
    Count,
    Joined,
    Number,
    Operator,
    PositionTest,
    Seen,
    Sign,
    Statement,
    Term,
    Window,
)
from Backtest.meaning.model import Bars, Model, children
from Backtest.meaning.model import Number as AnyNumber
from Backtest.meaning.operands import OPERANDS, AnyOperand, IndicatorRef, Operand, Value
from Backtest.meaning.phrases import Said, says

MAX_CONDITIONS = 64
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: dict[Weekday, str] = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday",
    "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
OPERATOR_WORDS = {
    "<": ("is below", "is less than"), "<=": ("is at most", "is at or below"), ">": ("is above", "is greater than"),
    ">=": ("is at least", "is at or above"), "==": ("equals",),
}  # fmt: skip
ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
StepBars = Annotated[int, Field(ge=1, le=500)]
WindowBars = Annotated[int, Field(ge=2, le=500)]

CONDITIONS: list[type[AnyCondition]] = []  # each with a `type` of its own, in the order of this file


class AnyCondition(Said, Model):
    """Base of every condition.

    `asks_position`: it asks about the open position, so that it stands in exits alone. `of_other_bars`: it judges what is
    inside it on bars before, on which the position was another one. `in_brackets`: its text stands in parentheses inside
    `and` and `or`. `joins` is the word of a condition that is a list of others.
    """

    asks_position: ClassVar[bool] = False
    of_other_bars: ClassVar[bool] = False
    in_brackets: ClassVar[bool] = False
    joins: ClassVar[Literal["and", "or"] | None] = None

    type: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        if not cls.model_fields["type"].is_required():
            CONDITIONS.append(cls)

    @abstractmethod
    def core(self, path: str) -> Statement:
        """Return what the condition means; `path` is where it stands, such as `entry_rules[0].when`."""

    def conditions_inside(self) -> list[AnyCondition]:
        """Return the conditions directly inside."""
        return [child for child in children(self) if isinstance(child, AnyCondition)]

    @property
    def compares(self) -> bool:
        """Whether operands stand directly in the condition."""
        return any(isinstance(child, OPERANDS) for child in children(self))


def compared(
    left: AnyOperand, sign: Sign, right: AnyOperand, left_path: str, right_path: str, back: int = 0
) -> Comparison:
    """Return a comparison of two operands; a number on the right beside an indicator is called, for example, `rsi_entry_level`."""
    name = left.id.split("_")[0].split("@")[0].lower() if isinstance(left, IndicatorRef) else ""
    called = f"{name}_{{role}}_level" if name else ""
    return Comparison(Term(left, left_path, back), sign, Term(right, right_path, back, called))


@says("{left:operand} {op:choice} {right:operand}", op=OPERATOR_WORDS)
class Compare(AnyCondition):
    """`left op right` at this bar. False while either side has no value."""

    type: Literal["compare"] = "compare"
    left: Operand
    op: Operator
    right: Operand

    def core(self, path: str) -> Statement:
        if isinstance(self.left, Value) and self.op != "==":  # a number stands behind what is held against it
            return compared(self.right, MIRRORED[self.op], self.left, f"{path}.right", f"{path}.left")
        return compared(self.left, self.op, self.right, f"{path}.left", f"{path}.right")


@says(
    "{left:operand} crosses {direction:choice} {right:operand}",
    direction={"above": ("above", "over"), "below": ("below", "under")},
)
class Cross(AnyCondition):
    """`left` was at or beyond the other side of `right` a bar ago and is past it now."""

    type: Literal["cross"] = "cross"
    left: Operand
    direction: Literal["above", "below"]
    right: Operand

    def core(self, path: str) -> Statement:
        above, places = self.direction == "above", (f"{path}.left", f"{path}.right")
        before = compared(self.left, "<=" if above else ">=", self.right, *places, back=1)
        return Joined("and", (before, compared(self.left, ">" if above else "<", self.right, *places)))


@says("{operand:operand} is between {low:operand} and {high:operand}")
class Between(AnyCondition):
    """`low <= operand <= high`."""

    type: Literal["between"] = "between"
    operand: Operand
    low: Operand
    high: Operand

    def core(self, path: str) -> Statement:
        low, operand, high = (Term(getattr(self, name), f"{path}.{name}") for name in ("low", "operand", "high"))
        return Joined("and", (Comparison(low, "<=", operand), Comparison(operand, "<=", high)), chain=True)


class _Steps(AnyCondition):
    """Base of series that go one way."""

    sign: ClassVar[Literal[">", "<"]]

    operand: Operand
    bars: StepBars = 1

    def core(self, path: str) -> Statement:
        now = Term(self.operand, f"{path}.operand")
        return Window("all", Comparison(now, self.sign, now.ago(1)), Number(self.bars, f"{path}.bars"), chain=True)


@says("{operand:operand} is rising for {bars:int} bar(s)")
class Rising(_Steps):
    """Each of the last `bars` values is greater than the one before it."""

    sign = ">"

    type: Literal["rising"] = "rising"


@says("{operand:operand} is falling for {bars:int} bar(s)")
class Falling(_Steps):
    """Each of the last `bars` values is less than the one before it."""

    sign = "<"

    type: Literal["falling"] = "falling"


class _List(AnyCondition):
    """Base of lists of conditions."""

    joins: ClassVar[Literal["and", "or"]]
    in_brackets = True

    conditions: list[Condition] = Field(min_length=2, max_length=MAX_CONDITIONS)

    def core(self, path: str) -> Statement:
        return Joined(self.joins, tuple(c.core(f"{path}.conditions[{i}]") for i, c in enumerate(self.conditions)))

    def text(self, naming: Any = None) -> str:
        texts = ((c.in_brackets, c.text(naming)) for c in self.conditions)
        return f" {self.joins} ".join(f"({text})" if in_brackets else text for in_brackets, text in texts)


class All(_List):
    """Every condition holds."""

    joins = "and"

    type: Literal["all"] = "all"


class AnyOf(_List):
    """At least one condition holds."""

    joins = "or"

    type: Literal["any"] = "any"


@says("not {condition:inner}")
class Not(AnyCondition):
    """The condition is known not to hold; while a value is missing, `not` is false too."""

    type: Literal["not"] = "not"
    condition: Condition

    def core(self, path: str) -> Statement:
        return self.condition.core(f"{path}.condition").negated()


class _Window(AnyCondition):
    """Base of conditions on several bars."""

    holds_on: ClassVar[Literal["all", "any"]]
    of_other_bars = True
    in_brackets = True

    condition: Condition
    bars: WindowBars

    def core(self, path: str) -> Statement:
        bars = Number(self.bars, f"{path}.bars", "{role}_bars")
        return Window(self.holds_on, self.condition.core(f"{path}.condition"), bars)


@says("on each of the last {bars:int} bars {condition:inner}")
class ForBars(_Window):
    """The condition holds on each of the last `bars` bars, this one included."""

    holds_on = "all"

    type: Literal["for_bars"] = "for_bars"


@says("within the last {bars:int} bars {condition:inner}")
class WithinBars(_Window):
    """The condition holds on at least one of the last `bars` bars, this one included."""

    holds_on = "any"

    type: Literal["within_bars"] = "within_bars"


@says("on at least {least:int} of the last {bars:int} bars {condition:inner}")
class CountBars(AnyCondition):
    """The condition holds on at least `least` of the last `bars` bars, this one included."""

    of_other_bars = True
    in_brackets = True

    type: Literal["count"] = "count"
    condition: Condition
    least: Annotated[int, Field(ge=1, le=500)]
    bars: WindowBars

    @model_validator(mode="after")
    def _can_be(self) -> CountBars:
        if self.least > self.bars:
            raise ValueError(f"on {self.least} of {self.bars} bars can nothing hold")
        return self

    def core(self, path: str) -> Statement:
        least, bars = (Number(getattr(self, n), f"{path}.{n}", f"{{role}}_{n}") for n in ("least", "bars"))
        return Count(self.condition.core(f"{path}.condition"), least, bars)


@says("first {first:inner} then within {bars:int} bar(s) {second:inner}")
class Then(AnyCondition):
    """`second` holds now, and `first` held on one of the `bars` bars before this one."""

    of_other_bars = True
    in_brackets = True

    type: Literal["then"] = "then"
    first: Condition
    second: Condition
    bars: StepBars

    def core(self, path: str) -> Statement:
        before = self.first.core(f"{path}.first").ago(1)
        earlier = Window("any", before, Number(self.bars, f"{path}.bars", "{role}_bars"))
        return Joined("and", (earlier, self.second.core(f"{path}.second")))


@says("for the first time since {since:inner} {condition:inner}")
class FirstSince(AnyCondition):
    """The condition holds, and has not held since `since` last held, which may be on this bar; at most 500 bars are looked at."""

    of_other_bars = True
    in_brackets = True

    type: Literal["first_since"] = "first_since"
    condition: Condition
    since: Condition

    def core(self, path: str) -> Statement:
        condition = self.condition.core(f"{path}.condition")
        return Joined("and", (condition, Seen(condition, self.since.core(f"{path}.since"), known=False)))


class Time(AnyCondition):
    """The bar's time stamp falls on one of `weekdays` and in [start, end).

    Times are those of the data; with `timezone` they are converted first, data without a zone
    being taken as UTC. A start after the end spans midnight.
    """

    type: Literal["time"] = "time"
    weekdays: list[Weekday] = Field(default_factory=list, max_length=7)
    start: ClockTime | None = None
    end: ClockTime | None = None
    timezone: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{1,40}$")] | None = None

    @field_validator("weekdays")
    @classmethod
    def _in_order(cls, days: list[Weekday]) -> list[Weekday]:
        return sorted(set(days), key=list(WEEKDAYS).index)

    @model_validator(mode="after")
    def _says_something(self) -> Time:
        if (self.start is None) != (self.end is None):
            raise ValueError("a time window needs both a start and an end")
        if self.start is not None and self.start == self.end:
            raise ValueError(f"the time window {self.start} to {self.end} is empty")
        if not self.weekdays and self.start is None:
            raise ValueError("a time condition needs weekdays or a time window")
        if self.timezone is not None:
            from zoneinfo import ZoneInfo

            try:
                ZoneInfo(self.timezone)
            except (KeyError, ValueError, OSError):
                raise ValueError(f"unknown time zone {self.timezone!r}, use a name such as America/New_York") from None
        return self

    def core(self, path: str) -> Statement:
        return Clock(self)

    def text(self, naming: Any = None) -> str:
        parts = ["the bar falls"]
        if self.weekdays:
            parts.append("on " + " or ".join(WEEKDAYS[d] for d in self.weekdays))
        if self.start:
            parts.append(f"between {self.start} and {self.end}")
        if self.timezone:
            parts.append(f"in {self.timezone} time")
        return " ".join(parts)


@says("bars held {op:choice} {bars:int}", op=OPERATOR_WORDS)
class BarsHeld(AnyCondition):
    """Compares the age of the position in bars; the entry bar counts as 1. Exits only."""

    asks_position = True

    type: Literal["bars_held"] = "bars_held"
    op: Operator
    bars: Bars

    def core(self, path: str) -> Statement:
        return PositionTest("bars held", self.op, Number(self.bars, f"{path}.bars", "{role}_bars_held"))


@says("unrealized return {op:choice} {percent:number}%", op=OPERATOR_WORDS)
class UnrealizedReturn(AnyCondition):
    """Compares the open trade's return at this close, in percent of its entry. Exits only."""

    asks_position = True

    type: Literal["unrealized_return"] = "unrealized_return"
    op: Operator
    percent: AnyNumber

    def core(self, path: str) -> Statement:
        return PositionTest("unrealized return", self.op, Number(self.percent, f"{path}.percent", "{role}_return_pct"))


if TYPE_CHECKING:
    Condition = AnyCondition
else:
    Condition = Annotated[Union[tuple(CONDITIONS)], Field(discriminator="type")]
    # Operands hold conditions, and conditions operands: both are whole from here on.
    for _kind in (*OPERANDS, *CONDITIONS):
        _kind.model_rebuild(force=True, _types_namespace={**vars(operands), **globals()})
