"""A strategy run on other bars than those its text was read for."""

from __future__ import annotations

from typing import cast

from Backtest.canonical import CanonicalStrategy, IndicatorBase
from Backtest.diagnostics import load_canonical
from Backtest.errors import Diagnostic
from Backtest.indicators import REGISTRY
from Backtest.timeframes import TIMEFRAMES, Timeframe, in_words, is_intraday
from Strategy.text_parser import parse_strategy


def on_bars(strategy: CanonicalStrategy, timeframe: str) -> tuple[CanonicalStrategy, tuple[Diagnostic, ...]]:
    """Return a strategy on the bars of a time frame, and what is to be said of that.

    A text is read again where the strategy still is what was read of it: "VWAP" is the session's on 5m bars and rolls over 20
    on daily ones, "the 50-day average" and "after 10 days" are other numbers of bars. Where the strategy was
    changed since, where its text names its bars, and where it came without a text, its numbers stay.

    Raises:
        StrategyError: the strategy is impossible on these bars.
    """
    if timeframe == strategy.timeframe:
        return strategy, ()
    again = _read_again(strategy, timeframe)
    if again is None:
        kept = load_canonical({**strategy.model_dump(mode="json"), "timeframe": timeframe}).require()
        return kept, tuple(_rolls(strategy, indicator, timeframe) for indicator in _rolling(strategy, timeframe))
    data = strategy.model_dump(mode="json")
    for part in ("indicators", "entry_rules", "exit_rules", "risk"):
        data[part] = again.model_dump(mode="json")[part]
    read = load_canonical({**data, "timeframe": timeframe}).require()
    before = strategy.describe().splitlines()
    changed = [line for line in read.describe().splitlines()[1:] if line not in before]
    if not changed:
        return read, ()
    message = f"The text was read again for {in_words(timeframe)} bars, where it means: {' '.join(changed)}"
    return read, (
        Diagnostic(
            "warning",
            "read_again",
            "timeframe",
            message,
            f"On {in_words(strategy.timeframe)} bars it was read otherwise",
        ),
    )


def _read_again(strategy: CanonicalStrategy, timeframe: str) -> CanonicalStrategy | None:
    """Return what the strategy's text means on the bars of a time frame; None where the strategy is not what was read of it."""
    text, by = strategy.provenance.original_text, strategy.provenance.parser
    if strategy.provenance.source != "text" or by != "rules" or not text:
        return None
    first = parse_strategy(text, timeframe=strategy.timeframe, symbols=strategy.symbols).strategy
    parts = {"indicators", "entry_rules", "exit_rules", "risk"}
    if first is None or first.model_dump(include=parts) != strategy.model_dump(include=parts):
        return None
    if timeframe not in TIMEFRAMES:
        return None
    again = parse_strategy(text, timeframe=cast("Timeframe", timeframe), symbols=strategy.symbols).strategy
    return again if again is not None and again.timeframe == timeframe else None


def _rolling(strategy: CanonicalStrategy, timeframe: str) -> list[IndicatorBase]:
    """Return the indicators that roll over their last bars where a session's is usual, on finer bars than a day."""
    if is_intraday(strategy.timeframe) or not is_intraday(timeframe):
        return []
    return [i for i in strategy.indicators if i.entry.by_session and i.timeframe is None]


def _rolls(strategy: CanonicalStrategy, indicator: IndicatorBase, timeframe: str) -> Diagnostic:
    name = f"{indicator.name}({indicator.entry.suffix(indicator.params)})"
    session = REGISTRY[indicator.entry.by_session]
    message = (
        f"{name} was meant for {in_words(strategy.timeframe)} bars; on {in_words(timeframe)} bars it still goes over its last bars and is "
        f"not the {session.called}"
    )
    return Diagnostic(
        "warning", "rolling_vwap", "timeframe", message, f"Name {session.name} where the session's is meant"
    )
