"""A strategy run on other bars than those its text was read for."""

from __future__ import annotations

import pytest

from Backtest.canonical import CanonicalStrategy
from Backtest.errors import StrategyError
from Strategy.other_bars import on_bars
from Strategy.text_parser import parse_strategy

VWAP = "Buy when the close is above VWAP, sell when the close is below VWAP"


def names(strategy: CanonicalStrategy) -> list[str]:
    return [i.id for i in strategy.indicators]


def test_vwap_without_a_time_frame_is_the_sessions_on_bars_finer_than_a_day() -> None:
    strategy = parse_strategy(VWAP).require()
    assert names(strategy) == ["VWAP_20"]
    read, said = on_bars(strategy, "15m")
    assert (read.timeframe, names(read)) == ("15m", ["SESSION_VWAP"])
    assert [d.code for d in said] == ["read_again"]
    assert "session VWAP" in said[0].message


def test_a_period_that_was_said_stays() -> None:
    read, said = on_bars(parse_strategy(VWAP.replace("VWAP", "VWAP(30)")).require(), "15m")
    assert (names(read), said) == (["VWAP_30"], ())


def test_days_are_counted_in_the_bars_of_the_run() -> None:
    """Four days are 96 bars of an hour, and the average of 30 days is one of daily bars."""
    strategy = parse_strategy("Buy when the close is above the 30-day SMA, sell after 4 days").require()
    assert (names(strategy), strategy.risk.max_bars) == (["SMA_30"], 4)
    read, said = on_bars(strategy, "1h")
    assert (names(read), read.risk.max_bars) == (["SMA_30@1d"], 96)
    assert "96 bars" in said[0].message


def test_what_means_the_same_on_all_bars_is_not_mentioned() -> None:
    read, said = on_bars(parse_strategy("Buy when RSI < 30, sell when RSI > 65").require(), "1h")
    assert (read.timeframe, said) == ("1h", ())


def test_a_text_that_names_its_bars_is_not_read_again_and_a_rolling_vwap_is_warned_of() -> None:
    read, said = on_bars(parse_strategy(f"Daily bars. {VWAP}").require(), "5m")
    assert names(read) == ["VWAP_20"]
    assert [(d.severity, d.code) for d in said] == [("warning", "rolling_vwap")]
    assert "VWAP(20)" in said[0].message
    assert "session VWAP" in said[0].message


def test_a_strategy_that_was_changed_keeps_its_numbers() -> None:
    data = parse_strategy("Buy when the close is above the 30-day SMA, sell after 4 days").require().model_dump()
    data["risk"]["max_bars"] = 7
    read, _ = on_bars(CanonicalStrategy.model_validate(data), "1h")
    assert (names(read), read.risk.max_bars) == (["SMA_30"], 7)


def test_own_settings_stay_when_a_text_is_read_again() -> None:
    data = {**parse_strategy(VWAP).require().model_dump(), "strategy_name": "Mine", "symbols": ["XYZ"]}
    read, _ = on_bars(CanonicalStrategy.model_validate(data), "15m")
    assert (read.strategy_name, read.symbols, names(read)) == ("Mine", ["XYZ"], ["SESSION_VWAP"])


def test_bars_on_which_a_strategy_is_impossible_are_refused() -> None:
    strategy = parse_strategy("Daily bars. Buy when the weekly RSI < 30, sell when the weekly RSI > 65").require()
    with pytest.raises(StrategyError, match="not coarser"):
        on_bars(strategy, "1mo")
