"""What a condition compares: numbers, prices, indicators, and sums, differences, products and ratios of these."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol, Union

from pydantic import Field

from Backtest.meaning.model import Identifier, Model, Number
from Backtest.meaning.words import plain

PriceColumn = Literal["Open", "High", "Low", "Close", "Volume"]
Offset = Annotated[int, Field(ge=0, le=500)]


class Naming(Protocol):
    """Knows what indicators are called: a strategy does."""

    def indicator_text(self, indicator_id: str, output: str | None = None) -> str: ...


class Value(Model):
    """A constant."""

    type: Literal["value"] = "value"
    value: Number

    def text(self, naming: Naming) -> str:
        return plain(self.value)


class Price(Model):
    """A price column of the traded bars, `offset` bars back."""

    type: Literal["price"] = "price"
    column: PriceColumn = "Close"
    offset: Offset = 0

    def text(self, naming: Naming) -> str:
        return self.column + _ago(self.offset)


class IndicatorRef(Model):
    """An indicator's output, `offset` bars back. `output` is needed when there are several."""

    type: Literal["indicator"] = "indicator"
    id: Identifier
    output: str | None = Field(default=None, max_length=32)
    offset: Offset = 0

    def text(self, naming: Naming) -> str:
        return naming.indicator_text(self.id, self.output) + _ago(self.offset)


class Math(Model):
    """Two operands joined by + - * or /. A division by zero gives no value."""

    type: Literal["math"] = "math"
    left: Operand
    op: Literal["+", "-", "*", "/"]
    right: Operand

    def text(self, naming: Naming) -> str:
        return f"({self.left.text(naming)} {self.op} {self.right.text(naming)})"


AnyOperand = Value | Price | IndicatorRef | Math
Operand = Annotated[Union[Value, Price, IndicatorRef, Math], Field(discriminator="type")]
OPERANDS: tuple[type[Model], ...] = (Value, Price, IndicatorRef, Math)


def _ago(offset: int) -> str:
    return f" {offset} bar{'s' if offset > 1 else ''} ago" if offset else ""


def back(operand: AnyOperand, bars: int = 1) -> AnyOperand:
    """Return an operand some bars earlier."""
    if isinstance(operand, Value) or not bars:
        return operand
    if isinstance(operand, Math):
        return Math.model_construct(left=back(operand.left, bars), op=operand.op, right=back(operand.right, bars))
    return operand.model_copy(update={"offset": operand.offset + bars})
