"""Where stops, targets and further units stand: the levels of a strategy, one class each.

A level is said (`text`) and means (`core`) one of a few things, a `Level` of this module: a part of the price of the fill, points, money, a
multiple of the risk, or a price. A new kind of level is a class here.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

from pydantic import Field

from Backtest.meaning.core import Number
from Backtest.meaning.model import Model, Positive
from Backtest.meaning.operands import TICK_WORDS, AnyOperand, Operand, Ticks, TickUnit
from Backtest.meaning.phrases import Said, says

Measure = Literal["part", "points", "money", "risk", "price"]
LEVELS: list[type[AnyLevel]] = []  # each with a `type` of its own, in the order of this file


@dataclass(frozen=True)
class Level:
    """What a level means, `number` being how many of it.

    `part`: percent of the price of the fill. `points`: points, or times what `operand` is at the close of the signal. `money`: of
    the account's currency, over the size of the fill. `risk`: the distance from the fill to its first stop. `price`: what `operand` is at the
    close of the signal, for a short `short` where there is one; `number` is then 0.
    """

    measure: Measure
    number: Number
    operand: AnyOperand | None = None
    short: AnyOperand | None = None


class AnyLevel(Said, Model):
    """Base of every level. `is_distance`: it is measured from a price, so that it can follow one."""

    is_distance: ClassVar[bool] = True

    type: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        LEVELS.append(cls)

    @abstractmethod
    def core(self, path: str) -> Level:
        """Return what the level means; `path` is where it stands, such as `risk.stop_loss`."""


@says("{value:number}% from the entry price", "{value:number}%")
class PercentLevel(AnyLevel):
    """A distance in percent of the entry fill price."""

    type: Literal["percent"] = "percent"
    value: Annotated[float, Field(allow_inf_nan=False, gt=0, le=10_000)]

    def core(self, path: str) -> Level:
        return Level("part", Number(self.value, f"{path}.value"))


@says("{multiple:number} times ATR({timeperiod:int})")
class AtrLevel(AnyLevel):
    """A distance of `multiple` times the ATR of the signal bar."""

    type: Literal["atr"] = "atr"
    multiple: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1000)]
    timeperiod: Annotated[int, Field(ge=1, le=1000)] = 14

    def core(self, path: str) -> Level:
        return Level("points", Number(self.multiple, f"{path}.multiple"))  # of the ATR that `atr_indicator` names


@says("{value:number} {unit:choice}", unit={"points": ("points", "point"), **TICK_WORDS})
class PointsLevel(AnyLevel):
    """A distance in points of the price, in ticks or in pips."""

    type: Literal["points"] = "points"
    value: Positive
    unit: Literal["points", TickUnit] = "points"

    def core(self, path: str) -> Level:
        operand = None if self.unit == "points" else Ticks(value=1, unit=self.unit)
        return Level("points", Number(self.value, f"{path}.value"), operand)


@says("{value:money} of the trade")
class MoneyLevel(AnyLevel):
    """The distance at which what was bought by one fill has gained or lost an amount of money, costs aside."""

    type: Literal["money"] = "money"
    value: Positive

    def core(self, path: str) -> Level:
        return Level("money", Number(self.value, f"{path}.value"))


@says("{multiple:number} times the distance of {operand:operand}")
class SpanLevel(AnyLevel):
    """A distance of `multiple` times what an operand is at the close of the signal, such as half of yesterday's range."""

    type: Literal["span"] = "span"
    operand: Operand
    multiple: Positive = 1

    def core(self, path: str) -> Level:
        return Level("points", Number(self.multiple, f"{path}.multiple"), self.operand)


@says("at {price:operand}", "at {price:operand} or for shorts at {short:operand}")
class PriceLevel(AnyLevel):
    """A price: what an operand is at the close of the signal, and `short` for a short where that is another, as the low and the high of the bar."""

    is_distance = False

    type: Literal["price"] = "price"
    price: Operand
    short: Operand | None = None

    def core(self, path: str) -> Level:
        return Level("price", Number(0.0, f"{path}.price"), self.price, self.short)


@says("{ratio:number} times the risk")
class RiskReward(AnyLevel):
    """A target at `ratio` times the distance of the stop loss."""

    type: Literal["risk_reward"] = "risk_reward"
    ratio: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1000)]

    def core(self, path: str) -> Level:
        return Level("risk", Number(self.ratio, f"{path}.ratio"))


@says("target {target:int}")
class TargetReached(Said, Model):
    """A target of the trade has been filled; the first is 1."""

    type: Literal["target"] = "target"
    target: Annotated[int, Field(ge=1, le=8)]


if TYPE_CHECKING:
    StopLevel = AnyLevel
    TakeProfitLevel = AnyLevel
    DistanceLevel = AnyLevel
    Gain = AnyLevel
else:
    _distances = (PercentLevel, AtrLevel, PointsLevel, MoneyLevel, SpanLevel)
    DistanceLevel = Annotated[Union[(PercentLevel, AtrLevel, PointsLevel, SpanLevel)], Field(discriminator="type")]
    StopLevel = Annotated[Union[(*_distances, PriceLevel)], Field(discriminator="type")]
    TakeProfitLevel = Annotated[Union[(*_distances, PriceLevel, RiskReward)], Field(discriminator="type")]
    Gain = Annotated[Union[(PercentLevel, AtrLevel, PointsLevel, RiskReward)], Field(discriminator="type")]


@says(
    "{level:level}[, following {follow:choice}][, from {after_bars:int} bar(s) after the entry on][, once {after:level} is reached]",
    follow={
        "no": ("nothing",),
        "close": ("each close",),
        "extreme": ("the best price since the entry",),
        "level": ("its price",),
    },
)
class Stop(Said, Model):
    """One stop of a trade. The nearest to the market counts.

    `follow` moves it at each close, never away from the market: `close` keeps its distance from the close, `extreme` keeps it from
    the best price since the fill (a chandelier), `level` reads the price of a PriceLevel anew. It works from the open of the bar on by which
    `after_bars` whole bars have passed since the fill, and, with `after`, only once the best price since the fill has gained so much, judged at closes.
    """

    level: StopLevel
    follow: Literal["no", "close", "extreme", "level"] = "no"
    after_bars: Annotated[int, Field(ge=0, le=100_000)] = 0
    after: Gain | None = None


@says("{level:level}[ for {portion:percent}% of the trade]")
class Target(Said, Model):
    """One target of a trade; `portion` is of the trade's first size, None for all that is left."""

    level: TakeProfitLevel
    portion: Annotated[float, Field(gt=0, le=1)] | None = None


@says("{level:level} after {after_bars:int} bar(s)")
class ProfitRow(Said, Model):
    """A gain that is taken from the open of the bar on by which `after_bars` whole bars have passed since the fill, until the next row's."""

    after_bars: Annotated[int, Field(ge=0, le=100_000)]
    level: DistanceLevel


@says(
    "once {after:level} is reached",
    "once {after:level} is reached, {offset:number} {unit:choice} better",
    unit={"points": ("points", "point"), **TICK_WORDS},
)
class BreakEven(Said, Model):
    """The stop goes to the price of the fill, `offset` points better, once a gain was reached, judged at closes."""

    after: Annotated[Union[PercentLevel, AtrLevel, PointsLevel, RiskReward, TargetReached], Field(discriminator="type")]
    offset: Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e9)] = 0.0
    unit: Literal["points", TickUnit] = "points"
