"""How an entry is bought: the orders of a strategy, one class each.

Prices are those of their operands at the close of the signal. A new kind of order is a class here and a case in the order book of each engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field, model_validator

from Backtest.meaning.model import Bars, Model
from Backtest.meaning.operands import Operand
from Backtest.meaning.phrases import Said, says

ORDERS: list[type[AnyOrder]] = []  # each with a `type` of its own, in the order of this file


AT_WORDS = {"open": ("the next open",), "close": ("this close",)}


class AnyOrder(Said, Model):
    """Base of every order."""

    type: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        if not cls.model_fields["type"].is_required():  # not a base of several
            ORDERS.append(cls)


@says("at {at:choice}", at=AT_WORDS)
class MarketOrder(AnyOrder):
    """Filled at the next open, or at the close of the signal."""

    type: Literal["market"] = "market"
    at: Literal["open", "close"] = "open"


class WaitingOrder(AnyOrder):
    """Base of orders that wait for a price.

    It waits until it is filled, cancelled, or replaced by its rule firing again; at most `bars` bars after that of its signal, or, with `session`, until
    the close of the session of the first bar on which it works.
    """

    bars: Bars | None = None
    session: bool = False

    @model_validator(mode="after")
    def _one_life(self) -> WaitingOrder:
        if self.bars is not None and self.session:
            raise ValueError("an order waits a number of bars or until the session ends, not both")
        return self


@says("with a limit at {price:operand}[ for {bars:int} bar(s)][?session  until the session ends]")
class LimitOrder(WaitingOrder):
    """Filled at its price or better."""

    type: Literal["limit"] = "limit"
    price: Operand


@says("with a stop at {price:operand}[ for {bars:int} bar(s)][?session  until the session ends]")
class StopOrder(WaitingOrder):
    """Filled when the price comes to it, at the open where that is beyond it."""

    type: Literal["stop"] = "stop"
    price: Operand


@says(
    "with a stop at {price:operand} and a limit at {limit:operand}[ for {bars:int} bar(s)][?session  until the session ends]"
)
class StopLimitOrder(WaitingOrder):
    """Becomes a limit order at `limit` when the price comes to `price`."""

    type: Literal["stop_limit"] = "stop_limit"
    price: Operand
    limit: Operand


if TYPE_CHECKING:
    Order = AnyOrder
else:
    Order = Annotated[Union[tuple(ORDERS)], Field(discriminator="type")]
