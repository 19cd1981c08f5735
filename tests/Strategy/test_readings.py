"""Phrases with two readings name the other one and the first date on which it would trade differently."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from Backtest.decision import Explainer
from Strategy.reading.two_ways import first_differences
from Strategy.text_parser import parse_strategy


def differences(sentence: str, run: Any, on: Any = "GOOG") -> dict[str, str]:
    parsed = parse_strategy(sentence)
    result = run(parsed.require(), on)
    return first_differences(result.strategy, parsed.readings, result.prices.frame, result.trades)


def test_level_or_cross(run: Any) -> None:
    found = differences("Buy GOOG when RSI drops below 30, sell when RSI is above 70, stop 3%", run)
    assert list(found) == ["RSI(14) crosses below 30"]
    day, text = found["RSI(14) crosses below 30"].split(": ", 1)
    assert text == "read as a cross, no trade; read as a level, buy"
    # The first day below 30 that is no crossing, found without AlgoAgent's rules.
    import talib

    frame = run("Buy when RSI < 1, stop 5%").prices.frame
    rsi = pd.Series(talib.RSI(frame["Close"].to_numpy(), 14), frame.index)
    crossings = rsi[(rsi < 30) & (rsi.shift(1) >= 30)].index
    below = rsi[rsi < 30].index
    assert pd.Timestamp(day) in below
    assert pd.Timestamp(day) not in crossings


def test_the_day_is_the_first_on_which_the_two_backtests_part(run: Any) -> None:
    sentence = "Buy GOOG when the close drops below the 20-day SMA, sell when RSI > 60, stop 2%"
    (found,) = differences(sentence, run).values()
    ours = run(sentence).trades
    theirs = run("Buy GOOG when the close is below the 20-day SMA, sell when RSI > 60, stop 2%").trades
    parts = [i for i in range(min(len(ours), len(theirs))) if ours.entry_bar[i] != theirs.entry_bar[i]]
    first = min(ours.entry_bar[parts[0]], theirs.entry_bar[parts[0]])
    frame = run(sentence).prices.frame
    assert found.startswith(str(frame.index[first - 1].date()))


def test_which_bars_a_high_counts(run: Any) -> None:
    parsed = parse_strategy("Buy when the close is above the 20-day high, sell when the close is below the 10-day low")
    texts = {(r.text, r.taken, r.other) for r in parsed.readings}
    assert ("HIGHEST_20", "that of the bars before this one", "with this bar included") in texts
    assert any("HIGHEST_20" in a.text and "this bar included" in a.other for a in parsed.assumptions)


@pytest.mark.parametrize(
    "sentence", ["Buy when RSI < 30, sell when RSI > 70", "Buy when RSI crosses below 30, stop 5%"]
)
def test_signs_and_crossings_have_one_reading(sentence: str) -> None:
    assert parse_strategy(sentence).readings == ()


@pytest.mark.parametrize(
    "other",
    [
        "Buy when RSI(14) is below 30, sell when RSI(14) is above 60, stop 5%",
        "Buy when RSI(14) crosses below 30 and the close is above SMA(200), sell when RSI(14) is above 70, stop 5%",
        "Buy when RSI(14) crosses below 30, sell when RSI(14) is above 70, stop 5%, wait 20 days after an exit",
        "Buy when RSI(14) crosses below 30, sell when RSI(14) is above 70 or after 3 days, stop 5%",
        "Buy when RSI(14) crosses below 30, sell when RSI(14) is above 70. Short when RSI(14) > 80, cover when RSI(14) < 50. Stop 5%",
    ],
    ids=["rule", "warm-up", "pause", "longest holding", "sides"],
)
def test_bars_that_are_left_out_decide_the_same(run: Any, other: str) -> None:
    made = run("Buy when RSI(14) crosses below 30, sell when RSI(14) is above 70, stop 5%")
    frame = made.prices.frame
    ours, theirs = (Explainer(one, frame, made.trades) for one in (made.strategy, parse_strategy(other).require()))
    apart = {bar for bar in range(len(frame)) if ours.decision(bar) != theirs.decision(bar)}
    assert apart
    assert apart <= set(ours.may_differ(theirs))
    assert list(ours.may_differ(ours)) == []
