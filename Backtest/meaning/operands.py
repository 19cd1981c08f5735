"""What a condition compares, and where a level stands: numbers, prices, indicators, what is known of the position, and what is computed of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol, Union, get_args

from pydantic import Field, model_validator

from Backtest.meaning.model import Identifier, Model, Number
from Backtest.meaning.phrases import Said, says

if TYPE_CHECKING:
    from Backtest.meaning.conditions import AnyCondition as Condition

PriceColumn = Literal["Open", "High", "Low", "Close", "Volume"]
Offset = Annotated[int, Field(ge=0, le=500)]
TickUnit = Literal["ticks", "pips"]
TICK_WORDS = {"ticks": ("ticks", "tick"), "pips": ("pips", "pip")}
# What an exit, or a level that follows, may ask of the open position, with the words for it.
POSITION_WORDS = {
    "entry_price": ("the entry price",),
    "highest": ("the highest High since the entry",),
    "lowest": ("the lowest Low since the entry",),
    "signal_open": ("the Open of the signal bar",),
    "signal_high": ("the High of the signal bar",),
    "signal_low": ("the Low of the signal bar",),
    "signal_close": ("the Close of the signal bar",),
    "risk": ("the initial risk",),
    "profit": ("the open profit",),
    "profit_money": ("the open profit in money",),
    "days_held": ("the trading days held",),
}
PositionValue = Literal[
    "entry_price",
    "highest",
    "lowest",
    "signal_open",
    "signal_high",
    "signal_low",
    "signal_close",
    "risk",
    "profit",
    "profit_money",
    "days_held",
]


class Naming(Protocol):
    """Knows what indicators are called: a strategy does."""

    def indicator_text(self, indicator_id: str, output: str | None = None) -> str: ...


@says("{value:number}")
class Value(Said, Model):
    """A constant."""

    type: Literal["value"] = "value"
    value: Number


@says("{column:choice}[ {offset:int} bar(s) ago]", column={name: (name,) for name in get_args(PriceColumn)})
class Price(Said, Model):
    """A price column of the traded bars, `offset` bars back."""

    type: Literal["price"] = "price"
    column: PriceColumn = "Close"
    offset: Offset = 0


class IndicatorRef(Model):
    """An indicator's output, `offset` bars back. `output` is needed when there are several."""

    type: Literal["indicator"] = "indicator"
    id: Identifier
    output: str | None = Field(default=None, max_length=32)
    offset: Offset = 0

    def text(self, naming: Naming) -> str:
        return naming.indicator_text(self.id, self.output) + _ago(self.offset)


@says("({left:operand} {op:choice} {right:operand})", op={sign: (sign,) for sign in "+-*/"})
class Math(Said, Model):
    """Two operands joined by + - * or /. A division by zero gives no value."""

    type: Literal["math"] = "math"
    left: Operand
    op: Literal["+", "-", "*", "/"]
    right: Operand


@says("{value:number} {unit:choice}", unit=TICK_WORDS)
class Ticks(Said, Model):
    """A number of ticks, or pips, of what is traded, as points of its price."""

    type: Literal["ticks"] = "ticks"
    value: Number
    unit: TickUnit = "ticks"


class Function(Model):
    """The least or the greatest of several operands, missing where one of them is, or the size of one without its sign."""

    type: Literal["function"] = "function"
    name: Literal["min", "max", "abs"]
    operands: tuple[Operand, ...] = Field(min_length=1, max_length=8)

    @model_validator(mode="after")
    def _so_many(self) -> Function:
        if (self.name == "abs") != (len(self.operands) == 1):
            raise ValueError(f"{self.name} of {len(self.operands)} operands: abs takes one, min and max several")
        return self

    def text(self, naming: Naming) -> str:
        return f"{self.name}({', '.join(part.text(naming) for part in self.operands)})"


@says("{what:choice}", what=POSITION_WORDS)
class PositionRef(Said, Model):
    """What is known of the open position at a bar's close: exits and levels that follow may ask for it.

    `highest` and `lowest` count from the bar of the fill on, that bar included where the fill was at its open or by a stop order, else with its close.
    `risk` is the distance from the fill to the first stop. `profit` is what a unit of the position has gained at the close, in points from its average price, and `profit_money` what all of it has; commissions are not taken off.
    A profit of 2R is `the open profit is at least (2 * the initial risk)`. `days_held` counts trading sessions, the one of the fill being 1.
    """

    type: Literal["position"] = "position"
    what: PositionValue


class _Looking(Said, Model):
    """Base of what a condition of bars before says; at most 500 bars are looked at, and where it held on none there is no value."""

    of_other_bars: ClassVar[bool] = True

    condition: Condition
    offset: Offset = 0

    def __hash__(self) -> int:
        return hash(self.model_dump_json())


@says("bars since {condition:inner}[ {offset:int} bar(s) ago]")
class BarsSince(_Looking):
    """How many bars ago a condition last held, 0 on a bar on which it does."""

    type: Literal["bars_since"] = "bars_since"


@says("the {operand:operand} when {condition:inner}[ {offset:int} bar(s) ago]")
class ValueWhen(_Looking):
    """What an operand was on the last bar on which a condition held, this one included."""

    type: Literal["value_when"] = "value_when"
    operand: Operand


AnyOperand = Value | Price | IndicatorRef | Math | Ticks | Function | PositionRef | BarsSince | ValueWhen
OPERANDS: tuple[type[Model], ...] = (
    Value,
    Price,
    IndicatorRef,
    Math,
    Ticks,
    Function,
    PositionRef,
    BarsSince,
    ValueWhen,
)
if TYPE_CHECKING:
    Operand = AnyOperand
else:
    Operand = Annotated[Union[OPERANDS], Field(discriminator="type")]


def _ago(offset: int) -> str:
    return f" {offset} bar{'s' if offset > 1 else ''} ago" if offset else ""


def back(operand: AnyOperand, bars: int = 1) -> AnyOperand:
    """Return an operand some bars earlier."""
    if isinstance(operand, Value | Ticks | PositionRef) or not bars:
        return operand
    if isinstance(operand, Function):
        return Function.model_construct(
            name=operand.name, operands=tuple(back(part, bars) for part in operand.operands)
        )
    if isinstance(operand, Math):
        return Math.model_construct(left=back(operand.left, bars), op=operand.op, right=back(operand.right, bars))
    return operand.model_copy(update={"offset": operand.offset + bars})
