"""What follows from a strategy alone, before there are prices: the indicators it uses, the bars it looks back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from Backtest.canonical.indicators import IndicatorBase, make_indicator
from Backtest.canonical.strategy import CanonicalStrategy
from Backtest.indicators import SESSION
from Backtest.market import seconds
from Backtest.meaning.conditions import AnyCondition, BarsHeld
from Backtest.meaning.levels import AtrLevel
from Backtest.meaning.model import walk
from Backtest.meaning.operands import AnyOperand, IndicatorRef

CODE_HISTORY = 300
ALL_HISTORY = sys.maxsize
SETTLED = 10  # after ten periods of an exponential average, what it began with counts for less than a ten thousandth
# Days of prices by which periods are known: any five have the evening on which foreign exchange opens, which tells its days from those of the clock.
DAYS_OF = {
    SESSION: 5,
    "Week": 16,
    "Month": 64,
    "TradingDay": 34,
    "Date": 5,
    "MinutesIn": 5,
    "MinutesLeft": 5,
    "BarsLeft": 5,
}


def history_bars(strategy: CanonicalStrategy | None, varied: Mapping[str, Any] | None = None) -> int:
    """Return how many bars before its first decision a strategy's rules want to know of.

    Ten times the longest period, so that averages which begin with any value have forgotten it, what conditions look
    back, and for an indicator that counts from the session's open five days. None stands for code, of which nobody knows it: 300 bars.

    Args:
        varied: numbers that are tried out, a range or a list for each, as a search takes them.
    """
    if strategy is None:
        return CODE_HISTORY
    if any(indicator.entry.cumulative for indicator in strategy.indicators):
        return ALL_HISTORY
    base = seconds(strategy.timeframe)
    longest = 0.0
    reach: dict[str, float] = {}
    for indicator in strategy.indicators:
        offsets = (getattr(node, "offset", 0) for node in walk(indicator.computed)) if indicator.computed else ()
        own = (
            max(offsets, default=0)
            + indicator.entry.reach
            + sum(indicator.params[p.name] for p in indicator.entry.params if p.counts_bars)
            + 1
        )
        own *= seconds(indicator.timeframe) / base if indicator.timeframe else 1.0
        sources = indicator.sources(reach)
        reach[indicator.id] = own + max((reach[ref.id] for ref in sources), default=0.0)
        longest = max(longest, reach[indicator.id])
    longest = max([longest, *(level.timeperiod + 1 for level in atr_levels(strategy))])
    back = sum(
        getattr(node, "bars", 0) + getattr(node, "offset", 0) + 1
        for node in strategy.parts()
        if isinstance(node, AnyCondition | AnyOperand) and not isinstance(node, BarsHeld)
    )
    for values in (varied or {}).values():
        tried = [values.get("max")] if isinstance(values, Mapping) else values
        longest += max((v for v in tried if isinstance(v, int | float)), default=0.0)
    days = max((DAYS_OF.get(name, 0) for i in strategy.indicators for name in i.entry.calendar), default=0)
    return min(int(SETTLED * longest + back + days * seconds("1d") // base), 100_000)


def looks_back(strategy: CanonicalStrategy) -> int:
    """Return how many bars before the one that is judged the conditions read at most, indicators aside."""
    return max(statement.reach() for rules in strategy.statements().values() for statement in rules)


def atr_levels(strategy: CanonicalStrategy) -> list[AtrLevel]:
    """Return the stops and targets whose distance is measured in ATR."""
    return [part for _, risk in strategy.risks() for part in walk(risk) if isinstance(part, AtrLevel)]


def used_indicators(strategy: CanonicalStrategy, *, of_levels: bool = True) -> list[IndicatorBase]:
    """Return the indicators that can change a trade: those in rules, their sources and, `of_levels`, ATR stops.

    The engine waits for these to warm up before it judges rules.
    """
    wanted = {node.id for node in strategy.parts(sides=strategy.sides) if isinstance(node, IndicatorRef)}
    indicators = list(strategy.indicators)
    for level in atr_levels(strategy) if of_levels else ():
        atr = atr_indicator(strategy, level)
        if all(i.id != atr.id for i in indicators):
            indicators.append(atr)
        wanted.add(atr.id)
    ids = [indicator.id for indicator in indicators]
    for indicator in reversed(indicators):
        if indicator.id in wanted:
            wanted |= {ref.id for ref in indicator.sources(ids)}
    return [i for i in indicators if i.id in wanted]


def atr_indicator(strategy: CanonicalStrategy, level: AtrLevel) -> IndicatorBase:
    """Return the ATR a stop or target is measured by: the strategy's own where it has the same."""
    for indicator in strategy.indicators:
        if indicator.name == "ATR" and indicator.params == {"timeperiod": level.timeperiod} and not indicator.timeframe:
            return indicator
    free = make_indicator("ATR", timeperiod=level.timeperiod)
    taken = {i.id for i in strategy.indicators}
    return free if free.id not in taken else free.model_copy(update={"id": f"{free.id}_stop"})
