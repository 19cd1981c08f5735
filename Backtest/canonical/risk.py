"""Protection and size of trades, and how orders are filled, with the sentences that say them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from Backtest.meaning.conditions import Condition
from Backtest.meaning.levels import (
    AnyLevel,
    AtrLevel,
    BreakEven,
    DistanceLevel,
    PercentLevel,
    ProfitRow,
    RiskReward,
    Stop,
    StopLevel,
    TakeProfitLevel,
    Target,
)
from Backtest.meaning.model import Bars, Model, Positive
from Backtest.meaning.operands import Naming, Ticks
from Backtest.meaning.phrases import Said, line, says
from Backtest.meaning.sizes import FixedCash, FixedUnits, PercentOfEquity, PositionSize, RiskPercent
from Backtest.meaning.words import dollars, plain

LevelName = Literal["stop_loss", "trailing_stop", "take_profit"]
MAX_UNITS = 16
# The sentences about protection, in their order; "Position size: ..." is the last.
RISK_LINES = (
    "Stop loss: {stop_loss:level}",
    "Take profit: {take_profit:level}",
    "Trailing stop: {trailing_stop:distance} behind each close, never moved back",
    "Stop: {stops:each}",
    "Target: {targets:each}",
    "Profit table: {profit_table:each}",
    "Break-even: {break_even:level}",
    "Exit after {max_bars:int} bars",
    "Exit {session_exit:int} bars before the session's last, at its close",
    "Wait {cooldown_bars:int} bars after an exit before the next entry",
    "Add {adds:each}",
    "Levels of several units: {unit_levels:choice}",
)
# The sentences about money and costs, behind "Start with ... in cash".
EXECUTION_LINES = (
    "Commission: {commission:percent}%",
    "Fixed commission: {commission_fixed:money}",
    "Spread: {spread:percent}%",
    "Margin: {margin:percent}%",
    "[?trade_on_close Orders are filled at the close of the signal bar]",
    "Smallest tradable fraction: {fractional_unit:number}",
    "Risk-free rate: {risk_free_rate:percent}%",
    "Limits are filled by {limit_fill:choice}",
    "Path within a bar: {path:choice}",
    "Tick: {tick:number}",
    "Pip: {pip:number}",
)
PLAIN_SIZES = (PercentOfEquity, FixedUnits, FixedCash, RiskPercent)  # those of version 1


@says(
    "when {when:inner}[, at most {most:int} times][, {factor:number} times the unit before][, size {size:size}]",
    "every {every:level} {direction:choice} the trade[, at most {most:int} times][, {factor:number} times the unit before]"
    "[, size {size:size}]",
    direction={"with": ("with",), "against": ("against",)},
)
class Add(Said, Model):
    """How a position grows: by a condition at a close, filled at the next open, or at a price `every` so far from the newest fill.

    `direction` says which way that is: `with` the trade, as further gains, or `against` it. `size` is that of a unit, None that of the entry; with `factor` it
    is so many times the size of the unit before. `most` counts the units this rule may add.
    """

    when: Condition | None = None
    every: DistanceLevel | None = None
    direction: Literal["with", "against"] = "with"
    size: PositionSize | None = None
    factor: Annotated[float, Field(allow_inf_nan=False, gt=0, le=100)] | None = None
    most: Annotated[int, Field(ge=1, le=MAX_UNITS - 1)] = 1

    @model_validator(mode="after")
    def _one_way(self) -> Add:
        if (self.when is None) == (self.every is None):
            raise ValueError("a further unit is bought when a condition holds or every so far: give `when` or `every`")
        if self.size is not None and self.factor is not None:
            raise ValueError("a further unit has a size of its own or a factor of the one before, not both")
        return self


@says(
    unit_levels={
        "per_unit": ("each its own",), "from_last": ("one set, from the newest fill",),
        "from_average": ("one set, from the average price",),
    }
)  # fmt: skip
class Risk(Said, Model):
    """Protection and size of every trade.

    `session_exit` leaves at the close of the bar that is so many bars before its session's last.
    """

    stop_loss: StopLevel | None = None
    take_profit: TakeProfitLevel | None = None
    trailing_stop: DistanceLevel | None = None
    stops: list[Stop] = Field(default_factory=list, max_length=6)
    targets: list[Target] = Field(default_factory=list, max_length=8)
    profit_table: list[ProfitRow] = Field(default_factory=list, max_length=16)
    break_even: BreakEven | None = None
    max_bars: Bars | None = None
    session_exit: Annotated[int, Field(ge=0, le=1000)] | None = None
    cooldown_bars: Annotated[int, Field(ge=0, le=100_000)] = 0
    position_size: PositionSize = PercentOfEquity()
    adds: list[Add] = Field(default_factory=list, max_length=4)
    unit_levels: Literal["per_unit", "from_last", "from_average"] = "per_unit"

    @model_validator(mode="after")
    def _fits(self) -> Risk:
        """Refuse what has nothing to be measured by, and portions that no trade has."""
        if self.take_profit and self.targets:
            raise ValueError("take_profit is one target for all: give it or `targets`, each with its portion")
        portions = [target.portion for target in self.targets]
        if None in portions[:-1] or sum(portion or 0.0 for portion in portions) > 1 + 1e-9:
            raise ValueError("the portions of the targets sum to more than 1, or one before the last takes all")
        rows = [row.after_bars for row in self.profit_table]
        if rows != sorted(set(rows)):
            raise ValueError("the rows of profit_table have to begin one after the other")
        if sum(add.most for add in self.adds) >= MAX_UNITS:
            raise ValueError(f"at most {MAX_UNITS} units may be held at once, the first included")
        for stop in self.stops:
            if stop.follow != "no" and stop.level.is_distance == (stop.follow == "level"):
                needed = "a price" if stop.follow == "level" else "a distance"
                raise ValueError(f"a stop that follows {stop.follow!r} needs {needed}, not {stop.level.type!r}")
        return self

    @property
    def is_stopped(self) -> bool:
        return bool(self.stop_loss or self.trailing_stop or self.stops)

    @property
    def closes_all(self) -> bool:
        """Whether a position is left whole without an exit rule: by a stop, a target for all of it, a profit table or a number of bars."""
        portions = [target.portion for target in self.targets]
        whole = None in portions or sum(portion or 0.0 for portion in portions) >= 1 - 1e-9
        return bool(self.is_stopped or self.take_profit or self.profit_table or self.max_bars or (portions and whole))

    def missing(self) -> str:
        """Return what its size or its targets lack to be measured by, or an empty text."""
        ratios = [("take_profit", self.take_profit), *((f"targets[{i}]", t.level) for i, t in enumerate(self.targets))]
        for name, level in ratios:
            if isinstance(level, RiskReward) and not self.is_stopped:
                return f"{name}: risk_reward needs a stop loss to be a multiple of"
        if self.position_size.of_stop and not self.is_stopped:
            return "position_size: risk_percent needs a stop loss or a trailing stop to measure the risk by"
        return ""

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing that version 1 could not: a stop, a trailing stop, a target and one unit at most."""
        more = (self.stops, self.targets, self.profit_table, self.break_even, self.adds)
        levels = all(isinstance(level, PercentLevel | AtrLevel | RiskReward) for level in self.levels().values())
        return levels and self.session_exit is None and not any(more) and isinstance(self.position_size, PLAIN_SIZES)

    def levels(self) -> dict[LevelName, AnyLevel]:
        """Return the stops and the target there are, stops first."""
        found: dict[LevelName, AnyLevel | None] = {
            "stop_loss": self.stop_loss,
            "trailing_stop": self.trailing_stop,
            "take_profit": self.take_profit,
        }
        return {name: level for name, level in found.items() if level is not None}

    def sentences(self, naming: Naming | None = None) -> list[str]:
        """Return protection and size in English, a sentence each."""
        found = [text for phrase in RISK_LINES for text in line(self, phrase, naming)]
        return [f"{text}." for text in [*found, f"Position size: {self.position_size.text()}"]]


@says(
    limit_fill={"touch": ("a price that touches them",), "through": ("a price beyond them",)},
    path={
        "worst": ("the worst for the account",), "best": ("the best for the account",),
        "nearest": ("the nearer extreme first",), "high_first": ("the high first",), "low_first": ("the low first",),
    },
)  # fmt: skip
class Execution(Said, Model):
    """How orders are filled. Commission and spread are fractions of the order value.

    `limit_fill` says whether a limit is filled by a price that touches it, or by one a tick beyond. `path` is the way the price is taken to have gone
    within a bar: `worst` for the account, as everywhere else, or another. `tick` and `pip` are the steps of the price in points, None for
    those that are usual for what is traded.
    """

    cash: Positive = 100_000
    commission: Annotated[float, Field(allow_inf_nan=False, ge=0, lt=0.1)] = 0.0
    commission_fixed: Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e6)] = 0.0
    spread: Annotated[float, Field(allow_inf_nan=False, ge=0, lt=0.1)] = 0.0
    margin: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)] = 1.0
    trade_on_close: bool = False
    fractional_unit: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)] = 1.0
    risk_free_rate: Annotated[float, Field(allow_inf_nan=False, gt=-1, lt=1)] = 0.0
    limit_fill: Literal["touch", "through"] = "touch"
    path: Literal["worst", "best", "nearest", "high_first", "low_first"] = "worst"
    tick: Positive | None = None
    pip: Positive | None = None

    def points(self, distance: Ticks) -> float:
        """Return ticks or pips as points of the price; by a tick of 0.01, and a pip of one tick, where nothing is known of what is traded."""
        tick = self.tick or 0.01
        return distance.value * (tick if distance.unit == "ticks" else self.pip or tick)

    def sentences(self, *, name_unit: bool) -> list[str]:
        """Return money and costs in English; the smallest unit also where it is whole, if `name_unit`."""
        lines = [f"Start with {dollars(self.cash)} in cash"]
        for phrase in EXECUTION_LINES:
            lines += line(self, phrase, None)
            if name_unit and self.fractional_unit == 1 and "fractional_unit" in phrase:
                lines.append(f"Smallest tradable fraction: {plain(self.fractional_unit)}")
        return [f"{text}." for text in lines]
