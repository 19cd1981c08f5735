"""How much an order buys: the sizes of a strategy, one class each.

A size is said (`text`) and means (`core`) one of a few things, a `Size` of this module. A new kind of size is a class here.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

from pydantic import Field

from Backtest.meaning.core import Number
from Backtest.meaning.model import Model, Positive
from Backtest.meaning.phrases import Said, says

Sizing = Literal["share", "units", "cash", "risk", "volatility"]
SIZES: list[type[AnySize]] = []  # each with a `type` of its own, in the order of this file
Percent = Annotated[float, Field(allow_inf_nan=False, gt=0, le=100)]


@dataclass(frozen=True)
class Size:
    """What a size means, `number` being how much of it.

    `share`: percent of the equity at the fill. `units`: units. `cash`: money, over the price of the order, which for a market order is the signal's close. `risk`: percent of the equity at the
    signal that is lost at the stop. `volatility`: percent of the equity at the signal that a move of one standard deviation a year gains or loses, the
    deviation being that of `timeperiod` daily returns.
    """

    sizing: Sizing
    number: Number
    timeperiod: int = 0


class AnySize(Said, Model):
    """Base of every size. `of_stop`: it needs a stop to be measured by."""

    of_stop: ClassVar[bool] = False

    type: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        SIZES.append(cls)

    @abstractmethod
    def core(self, path: str) -> Size:
        """Return what the size means; `path` is where it stands, such as `risk.position_size`."""


@says("{value:number}% of equity")
class PercentOfEquity(AnySize):
    """A share of the equity; 100 is backtesting.py's full-size default."""

    type: Literal["percent_of_equity"] = "percent_of_equity"
    value: Percent = 100

    def core(self, path: str) -> Size:
        return Size("share", Number(self.value, f"{path}.value"))


@says("{value:number} units")
class FixedUnits(AnySize):
    """A number of shares, contracts or coins."""

    type: Literal["fixed_units"] = "fixed_units"
    value: Positive

    def core(self, path: str) -> Size:
        return Size("units", Number(self.value, f"{path}.value"))


@says("{value:money}")
class FixedCash(AnySize):
    """An amount of money, turned into units at the signal bar's close."""

    type: Literal["fixed_cash"] = "fixed_cash"
    value: Positive

    def core(self, path: str) -> Size:
        return Size("cash", Number(self.value, f"{path}.value"))


@says("risk {value:number}% of equity per trade")
class RiskPercent(AnySize):
    """The percent of equity lost when the stop is hit: equity at risk over the stop distance."""

    of_stop = True

    type: Literal["risk_percent"] = "risk_percent"
    value: Percent

    def core(self, path: str) -> Size:
        return Size("risk", Number(self.value, f"{path}.value"))


@says("{value:number} lots of {contract_size:number} units")
class Lots(AnySize):
    """A number of lots, each of `contract_size` units."""

    type: Literal["lots"] = "lots"
    value: Positive
    contract_size: Positive = 100_000

    def core(self, path: str) -> Size:
        return Size("units", Number(self.value * self.contract_size, f"{path}.value"))


@says(
    "Kelly's share for a chance of {chance:percent}% to win {payoff:number} times the loss, at most {cap:number}% of equity"
)
class Kelly(AnySize):
    """Kelly's share of the equity, W - (1 - W) / R for a chance W of winning R times what is lost, at most `cap` percent."""

    type: Literal["kelly"] = "kelly"
    chance: Annotated[float, Field(allow_inf_nan=False, gt=0, lt=1)]
    payoff: Positive
    cap: Percent = 25

    def core(self, path: str) -> Size:
        share = 100 * (self.chance - (1 - self.chance) / self.payoff)
        return Size("share", Number(min(max(share, 0.0), self.cap), f"{path}.cap"))


@says("a volatility of {value:number}% of equity a year by {timeperiod:int} days")
class VolatilityTarget(AnySize):
    """So many units that the position's yearly standard deviation is `value` percent of the equity, by the last `timeperiod` daily returns."""

    type: Literal["volatility_target"] = "volatility_target"
    value: Percent
    timeperiod: Annotated[int, Field(ge=2, le=1000)] = 20

    def core(self, path: str) -> Size:
        return Size("volatility", Number(self.value, f"{path}.value"), self.timeperiod)


if TYPE_CHECKING:
    PositionSize = AnySize
else:
    PositionSize = Annotated[Union[tuple(SIZES)], Field(discriminator="type")]
