"""A strategy run on other bars, or another symbol, than those its text was read for."""

from __future__ import annotations

from typing import Any, cast

from Backtest.canonical import CanonicalStrategy, IndicatorBase
from Backtest.diagnostics import load_canonical
from Backtest.errors import Diagnostic
from Backtest.indicators import REGISTRY
from Backtest.market import TIMEFRAMES, Timeframe, in_words, is_intraday, trading_days
from Strategy.reading import parse_strategy

_PARTS = {"indicators", "entry_rules", "exit_rules", "risk"}
_EXAMPLE = "AAPL"  # whose trading hours are known


def on_bars(
    strategy: CanonicalStrategy, timeframe: str, symbol: str = ""
) -> tuple[CanonicalStrategy, tuple[Diagnostic, ...]]:
    """Return a strategy on the bars of a time frame and a symbol, and what is to be said of that.

    A text is read again where the strategy still is what was read of it: "VWAP" is the session's on 5m bars and rolls over 20
    on daily ones, "the 50-day average" and "after 10 days" are other numbers of bars, and two days of 30m bars are 26 of a share
    in New York and 96 of a coin. Where the strategy was changed since, where its text names its bars, and where it came
    without a text, its numbers stay; that its text counts other days of the symbol is warned of.

    Args:
        symbol: what is traded; empty for what the text names.

    Raises:
        StrategyError: the strategy is impossible on these bars.
    """
    same = timeframe == strategy.timeframe
    if same and not (symbol and strategy.provenance.original_text):
        return strategy, ()
    again = _read_again(strategy, timeframe, symbol)
    hours = _hours_unknown(strategy, timeframe, symbol)
    if again is None and same:
        return strategy, hours or _other_days(strategy, symbol)
    if again is None:
        kept = load_canonical({**strategy.model_dump(mode="json"), "timeframe": timeframe}).require()
        rolls = (_rolls(strategy, indicator, timeframe) for indicator in _rolling(strategy, timeframe))
        return kept, (*rolls, *hours)
    data = strategy.model_dump(mode="json")
    for part in _PARTS:
        data[part] = again.model_dump(mode="json")[part]
    read = load_canonical({**data, "timeframe": timeframe}).require()
    changed = _changed(strategy, read)
    if not changed:
        return (strategy if same else read), hours
    bars = f"{in_words(timeframe)} bars{f' of {symbol}' if symbol else ''}"
    message = f"The text was read again for {bars}, where it means: {changed}"
    before = f"On {in_words(strategy.timeframe)} bars it was read otherwise"
    if same:
        before = f"Days and weeks are counted by the trading hours of {symbol}"
    return read, (Diagnostic("warning", "read_again", "symbol" if same else "timeframe", message, before), *hours)


def _changed(strategy: CanonicalStrategy, read: CanonicalStrategy) -> str:
    before = strategy.describe().splitlines()
    return " ".join(line for line in read.describe().splitlines()[1:] if line not in before)


def _read_again(strategy: CanonicalStrategy, timeframe: str, symbol: str) -> CanonicalStrategy | None:
    """Return what the strategy's text means on the bars of a time frame; None where the strategy is not what was read of it."""
    text, by = strategy.provenance.original_text, strategy.provenance.parser
    if strategy.provenance.source != "text" or by != "rules" or not text or timeframe not in TIMEFRAMES:
        return None
    again = _read(strategy, timeframe, symbol)
    if again is None or again.timeframe != timeframe:
        return None
    if _parts(again) == _parts(strategy):  # it was read for these bars before
        return again
    first = _read(strategy, strategy.timeframe)
    return again if first is not None and _parts(first) == _parts(strategy) else None


def _read(strategy: CanonicalStrategy, timeframe: str, symbol: str = "") -> CanonicalStrategy | None:
    """Read a strategy's text for bars and a symbol; its own symbols are known."""
    text = strategy.provenance.original_text
    bars = cast("Timeframe", timeframe)
    return parse_strategy(text, timeframe=bars, symbols=strategy.symbols, symbol=symbol).strategy if text else None


def _parts(strategy: CanonicalStrategy) -> dict[str, Any]:
    return strategy.model_dump(include=_PARTS)


def _other_days(strategy: CanonicalStrategy, symbol: str) -> tuple[Diagnostic, ...]:
    """Warn where a strategy's text counts days in other numbers of bars for a symbol than those it has."""
    first, again = _read(strategy, strategy.timeframe), _read(strategy, strategy.timeframe, symbol)
    if first is None or again is None or _parts(first) == _parts(again):
        return ()
    message = (
        f"The strategy was changed since its text was read, so its numbers of bars stay; of {symbol} the text would mean: "
        f"{_changed(first, again)}"
    )
    return (Diagnostic("warning", "other_days", "symbol", message, "Say the lengths in bars, or edit the strategy"),)


def _hours_unknown(strategy: CanonicalStrategy, timeframe: str, symbol: str) -> tuple[Diagnostic, ...]:
    """Warn where a text counts days and nobody knows how long those of the symbol are: they are taken for 24 hours."""
    text = strategy.provenance.original_text
    if not symbol or not text or trading_days(symbol) is not None or not is_intraday(timeframe):
        return ()
    found = [_read(strategy, timeframe, one) for one in (symbol, _EXAMPLE)]
    if None in found or len({str(_parts(one)) for one in found if one}) < 2:
        return ()
    message = (
        f"The trading hours of {symbol} are not known: days of its {in_words(timeframe)} bars are counted as 24 hours"
    )
    remedy = "Say the lengths in bars: how many does a day of it have?"
    return (Diagnostic("warning", "hours_unknown", "symbol", message, remedy),)


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
