"""Protection and size of trades, and how orders are filled, with the sentences that say them."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import Field

from Backtest.meaning.model import Bars, Model, Positive
from Backtest.meaning.words import dollars, percent, plain


class PercentLevel(Model):
    """A distance in percent of the entry fill price."""

    type: Literal["percent"] = "percent"
    value: Annotated[float, Field(allow_inf_nan=False, gt=0, le=10_000)]

    def text(self) -> str:
        return f"{plain(self.value)}% from the entry price"


class AtrLevel(Model):
    """A distance of `multiple` times the ATR of the signal bar."""

    type: Literal["atr"] = "atr"
    multiple: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1000)]
    timeperiod: Annotated[int, Field(ge=1, le=1000)] = 14

    def text(self) -> str:
        return f"{plain(self.multiple)} times ATR({self.timeperiod})"


class RiskReward(Model):
    """A target at `ratio` times the distance of the stop loss."""

    type: Literal["risk_reward"] = "risk_reward"
    ratio: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1000)]

    def text(self) -> str:
        return f"{plain(self.ratio)} times the risk"


class PercentOfEquity(Model):
    """A share of the equity; 100 is backtesting.py's full-size default."""

    type: Literal["percent_of_equity"] = "percent_of_equity"
    value: Annotated[float, Field(allow_inf_nan=False, gt=0, le=100)] = 100

    def text(self) -> str:
        return f"{plain(self.value)}% of equity"


class FixedUnits(Model):
    """A number of shares, contracts or coins."""

    type: Literal["fixed_units"] = "fixed_units"
    value: Positive

    def text(self) -> str:
        return f"{plain(self.value)} units"


class FixedCash(Model):
    """An amount of money, turned into units at the signal bar's close."""

    type: Literal["fixed_cash"] = "fixed_cash"
    value: Positive

    def text(self) -> str:
        return dollars(self.value)


class RiskPercent(Model):
    """The percent of equity lost when the stop is hit: equity at risk over the stop distance."""

    type: Literal["risk_percent"] = "risk_percent"
    value: Annotated[float, Field(allow_inf_nan=False, gt=0, le=100)]

    def text(self) -> str:
        return f"risk {plain(self.value)}% of equity per trade"


LevelName = Literal["stop_loss", "trailing_stop", "take_profit"]
LEVELS: tuple[type[Model], ...] = (PercentLevel, AtrLevel, RiskReward)
SIZES: tuple[type[Model], ...] = (PercentOfEquity, FixedUnits, FixedCash, RiskPercent)
StopLoss = Annotated[Union[PercentLevel, AtrLevel], Field(discriminator="type")]
TakeProfit = Annotated[Union[PercentLevel, AtrLevel, RiskReward], Field(discriminator="type")]
PositionSize = Annotated[Union[PercentOfEquity, FixedUnits, FixedCash, RiskPercent], Field(discriminator="type")]


class Risk(Model):
    """Protection and size of every trade."""

    stop_loss: StopLoss | None = None
    take_profit: TakeProfit | None = None
    trailing_stop: StopLoss | None = None
    max_bars: Bars | None = None
    cooldown_bars: Annotated[int, Field(ge=0, le=100_000)] = 0
    position_size: PositionSize = PercentOfEquity()

    def levels(self) -> dict[LevelName, PercentLevel | AtrLevel | RiskReward]:
        """Return the stops and the target there are, stops first."""
        found: dict[LevelName, PercentLevel | AtrLevel | RiskReward | None] = {
            "stop_loss": self.stop_loss,
            "trailing_stop": self.trailing_stop,
            "take_profit": self.take_profit,
        }
        return {name: level for name, level in found.items() if level is not None}

    def sentences(self) -> list[str]:
        """Return protection and size in English."""
        lines = []
        if self.stop_loss:
            lines.append(f"Stop loss: {self.stop_loss.text()}.")
        if self.take_profit:
            lines.append(f"Take profit: {self.take_profit.text()}.")
        if self.trailing_stop:
            distance = self.trailing_stop.text().removesuffix(" from the entry price")
            lines.append(f"Trailing stop: {distance} behind each close, never moved back.")
        if self.max_bars:
            lines.append(f"Exit after {self.max_bars} bars.")
        if self.cooldown_bars:
            lines.append(f"Wait {self.cooldown_bars} bars after an exit before the next entry.")
        return [*lines, f"Position size: {self.position_size.text()}."]


class Execution(Model):
    """How orders are filled. Commission and spread are fractions of the order value."""

    cash: Positive = 100_000
    commission: Annotated[float, Field(allow_inf_nan=False, ge=0, lt=0.1)] = 0.0
    commission_fixed: Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e6)] = 0.0
    spread: Annotated[float, Field(allow_inf_nan=False, ge=0, lt=0.1)] = 0.0
    margin: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)] = 1.0
    trade_on_close: bool = False
    fractional_unit: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)] = 1.0
    risk_free_rate: Annotated[float, Field(allow_inf_nan=False, gt=-1, lt=1)] = 0.0

    def sentences(self, *, name_unit: bool) -> list[str]:
        """Return money and costs in English; the smallest unit also where it is whole, if `name_unit`."""
        lines = [f"Start with {dollars(self.cash)} in cash."]
        if self.commission:
            lines.append(f"Commission: {percent(self.commission)}%.")
        if self.commission_fixed:
            lines.append(f"Fixed commission: {dollars(self.commission_fixed)}.")
        if self.spread:
            lines.append(f"Spread: {percent(self.spread)}%.")
        if self.margin != 1:
            lines.append(f"Margin: {percent(self.margin)}%.")
        if self.trade_on_close:
            lines.append("Orders are filled at the close of the signal bar.")
        if self.fractional_unit != 1 or name_unit:
            lines.append(f"Smallest tradable fraction: {plain(self.fractional_unit)}.")
        if self.risk_free_rate:
            lines.append(f"Risk-free rate: {percent(self.risk_free_rate)}%.")
        return lines
