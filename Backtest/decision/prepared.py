"""A strategy on prices: what follows from the two alone, computed once on the way from canonical to result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from Backtest.canonical import AtrLevel, CanonicalStrategy, LevelName, atr_indicator, used_indicators
from Backtest.decision.at_close import Bar
from Backtest.decision.series import Floats, Series, compute_indicators, first_decision_bar


@dataclass(frozen=True)
class Prepared:
    """A strategy on prices.

    Args:
        frame: OHLCV prices, as in Backtest.data.
        first: the first bar that was asked for; those before it only warm the indicators up.
    """

    strategy: CanonicalStrategy
    frame: pd.DataFrame
    first: int = 0

    @cached_property
    def judged(self) -> CanonicalStrategy:
        """The strategy with the indicators that can change a trade, those of stops and targets among them."""
        return self.strategy.model_copy(update={"indicators": used_indicators(self.strategy)})

    @cached_property
    def series(self) -> Series:
        """The values of these indicators: id to output arrays, float64, one item a bar."""
        return compute_indicators(self.judged, self.frame)

    @cached_property
    def start(self) -> int:
        """The first bar at whose close rules are judged."""
        return max(self.first, first_decision_bar(self.series))

    @cached_property
    def atr(self) -> dict[LevelName, Floats]:
        """The ATR of each stop and target that is measured by it, float64, one item a bar."""
        return {
            name: self.series[atr_indicator(self.strategy, level).id][0]
            for name, level in self.strategy.risk.levels().items()
            if isinstance(level, AtrLevel)
        }

    @cached_property
    def closes(self) -> Floats:
        """The closes in the units that are traded."""
        closes: Floats = self.frame["Close"].to_numpy(dtype=np.float64) * self.strategy.execution.fractional_unit
        return closes

    def bar(self, bar: int) -> Bar:
        """Return what a decision at the close of a bar knows of it."""
        return Bar(
            close=float(self.closes[bar]),
            atr={name: float(values[bar]) for name, values in self.atr.items()},
            warming_up=bar < self.start,
            last=bar == len(self.frame) - 1,
        )
