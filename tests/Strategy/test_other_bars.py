"""A strategy run on other bars than those its text was read for."""

from __future__ import annotations

import pytest

from Backtest.canonical import CanonicalStrategy
from Backtest.errors import StrategyError
from Strategy.changes.other_bars import on_bars
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


# -- The days of what is traded -------------------------------------------------------------------

TWO_DAYS = "30m bars. Buy when close > 0.01, sell after 2 days"
# Two days of 30m bars: 2 x 13 from 9:30 to 16:00, 2 x (5 + 6) in Tokyo, 2 x 17 in London, 2 x 46 of Globex, 2 x 48 around the clock.
BARS = {"IBM": 26, "SPY": 26, "^GSPC": 26, "7203.T": 22, "VOD.L": 34, "ES=F": 92, "EURUSD": 96, "BTCUSDT": 96}


@pytest.mark.parametrize(("symbol", "bars"), BARS.items())
def test_a_text_without_a_symbol_counts_the_days_of_the_one_it_is_run_on(symbol: str, bars: int) -> None:
    strategy = parse_strategy(TWO_DAYS).require()
    assert strategy.risk.max_bars == 96
    read, said = on_bars(strategy, "30m", symbol)
    assert read.risk.max_bars == bars
    assert [d.code for d in said] == (["read_again"] if bars != 96 else [])
    assert all(f"{bars} bars" in d.message and symbol in d.message for d in said)
    assert on_bars(read, "30m", symbol) == (read, ())  # a search reads it before its run does


# By hand: an FX week is 5 x 24 hours, a coin's 7 x 24, New York's 5 x 7 bars, Tokyo's day 3 bars before its break and 3 after it.
NAMED = {
    "7203.T 1h bars. Buy when close > 1, sell after 2 days": 12,
    "^GSPC 1h bars. Buy when close > 1, sell after 2 days": 14,
    "EURUSD 1h bars. Buy when close > 1, sell after 1 week": 120,
    "BTCUSD 1h bars. Buy when close > 1, sell after 1 week": 168,
    "AAPL 1h bars. Buy when close > 1, sell after 1 week": 35,
    "AAPL 15m bars. Buy when close > 1, wait 1 day after each exit, sell when close < 1": 26,
}


@pytest.mark.parametrize(("text", "bars"), NAMED.items())
def test_days_of_a_named_symbol_are_its_own(text: str, bars: int) -> None:
    risk = parse_strategy(text).require().risk
    assert (risk.max_bars or risk.cooldown_bars) == bars


def test_a_run_on_another_symbol_than_the_texts_counts_that_ones_days() -> None:
    strategy = parse_strategy("AAPL 1h bars. Buy when close > 1, sell after 1 week").require()
    assert on_bars(strategy, "1h", "BTCUSDT")[0].risk.max_bars == 168
    assert on_bars(strategy, "1h", "IBM") == (strategy, ())
    daily = parse_strategy("Buy when close > 1, sell after 2 weeks").require()
    assert on_bars(daily, "1d", "BTCUSDT")[0].risk.max_bars == 14


def test_a_changed_strategy_keeps_its_bars_and_is_warned_of() -> None:
    data = parse_strategy(TWO_DAYS).require().model_dump()
    data["risk"]["max_bars"] = 90
    strategy = CanonicalStrategy.model_validate(data)
    read, said = on_bars(strategy, "30m", "IBM")
    assert read == strategy
    assert [(d.severity, d.code) for d in said] == [("warning", "other_days")]
    assert "26 bars" in said[0].message


def test_unknown_trading_hours_are_warned_of_where_the_text_counts_days() -> None:
    strategy = parse_strategy(TWO_DAYS).require()
    read, said = on_bars(strategy, "30m", "BBCA.JK")
    assert (read.risk.max_bars, [d.code for d in said]) == (96, ["hours_unknown"])
    assert on_bars(parse_strategy(TWO_DAYS.replace("days", "bars")).require(), "30m", "BBCA.JK")[1] == ()


@pytest.mark.parametrize(
    ("text", "bars"),
    [
        ("MSFT monthly bars", 10),
        ("BTCUSD monthly bars", 7),
        ("MSFT weekly bars", 42),
        ("BTCUSD weekly bars", 30),
        ("Daily bars", 210),
    ],
)
def test_days_are_those_of_trading_on_coarser_bars(text: str, bars: int) -> None:
    """210 days are ten months of 21 trading days, seven of 30 days of a coin."""
    strategy = parse_strategy(f"{text}. Buy when close > 210 day average, stop 5%").require()
    assert [i.params["timeperiod"] for i in strategy.indicators] == [bars]
