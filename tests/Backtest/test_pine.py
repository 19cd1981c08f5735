"""Exports to Pine Script, run by PyneCore, which shares no code with this project: the same trades on the same bars."""

from __future__ import annotations

import os
from datetime import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.canonical import CanonicalStrategy
from Backtest.errors import StrategyError
from Backtest.kernel import Kernel
from Backtest.pine import to_pine
from Backtest.pine.dialects import Pyne
from Strategy.notation import read_notation
from Strategy.text_parser import parse_strategy

TICK = 0.0001  # to which PyneCore rounds prices
Trade = tuple[int, int, float, float, float]


@pytest.fixture(scope="module")
def runner() -> Any:
    os.environ["PYNE_SAVE_SCRIPT_TOML"] = "0"  # else a script's settings are written beside it and read again
    return pytest.importorskip(
        "pynecore.core.script_runner", reason="PyneCore is not installed: pip install -r requirements-dev.txt"
    )


def walk(bars: int = 700, seed: int = 5) -> pd.DataFrame:
    """Daily prices in steps of a cent, with gaps."""
    draw = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.015, bars)))
    open_ = np.r_[close[0], close[:-1]] * np.exp(draw.normal(0, 0.006, bars))
    high = np.maximum(open_, close) * (1 + np.abs(draw.normal(0, 0.006, bars)))
    low = np.minimum(open_, close) * (1 - np.abs(draw.normal(0, 0.006, bars)))
    columns = {"Open": open_, "High": high, "Low": low, "Close": close}
    frame = pd.DataFrame(columns, index=pd.bdate_range("2020-01-01", periods=bars, unit="us")).round(2)
    return frame.assign(Volume=draw.integers(1000, 9000, bars).astype(float))


def traded(runner: Any, strategy: CanonicalStrategy, frame: pd.DataFrame, folder: Path) -> list[Trade]:
    """Return the closed trades of an export, run by PyneCore: bars of entry and exit, size, prices."""
    from pynecore.core.syminfo import SymInfo, SymInfoInterval, SymInfoSession
    from pynecore.types.ohlcv import OHLCV

    whole_day = {"start": time(0), "end": time(23, 59, 59)}
    symbol = SymInfo(
        prefix="T", description="t", ticker="T", currency="USD", period="1D", type="stock", mintick=TICK, pricescale=10_000,
        pointvalue=1.0, mincontract=1.0, opening_hours=[SymInfoInterval(d, *whole_day.values()) for d in range(7)],
        session_starts=[SymInfoSession(d, time(0)) for d in range(7)],
        session_ends=[SymInfoSession(d, time(23, 59, 59)) for d in range(7)],
    )  # fmt: skip
    stamps = pd.DatetimeIndex(frame.index).as_unit("ms").asi8
    rows = frame[["Open", "High", "Low", "Close", "Volume"]].to_numpy()
    bars = [OHLCV(int(stamp), *map(float, row)) for stamp, row in zip(stamps, rows, strict=True)]
    script = folder / "exported.py"
    script.write_text(to_pine(strategy, Pyne()).text, encoding="utf-8")
    running = runner.ScriptRunner(
        script, bars, symbol, last_bar_index=len(bars) - 1, lossless_prices=True, lossless_volume=True
    )
    closed = [trade for _, _, trades in running.run_iter() for trade in trades]
    return sorted((t.entry_bar_index, t.exit_bar_index, float(t.size), t.entry_price, t.exit_price) for t in closed)


def compiled(strategy: CanonicalStrategy, frame: pd.DataFrame) -> list[Trade]:
    """Return the trades of the compiled engine, that which is open at the end left out."""
    rows = Kernel(strategy, frame).run().trades.sort_values(["EntryBar", "ExitBar"])
    found = [
        (int(r.EntryBar), int(r.ExitBar), float(r.Size), float(r.EntryPrice), float(r.ExitPrice))
        for r in rows.itertuples()
    ]
    return [trade for trade in found if trade[1] < len(frame) - 1]


def assert_equal_trades(found: list[Trade], expected: list[Trade]) -> None:
    assert [trade[:3] for trade in found] == [trade[:3] for trade in expected]
    for one, other in zip(found, expected, strict=True):
        assert one[3:] == pytest.approx(other[3:], abs=1.5 * TICK)


# Each with what is of its own: indicators, conditions, levels, sides, sizes that are known at the signal.
STRATEGIES = {
    "averages": "Buy when EMA(5) crosses above SMA(12). Sell when EMA(5) crosses below SMA(12). Buy 100 shares.",
    "an oscillator and a target": "Buy when RSI(5) is below 35. Take profit 2 ATR(7). Exit after 9 bars. Buy 100 shares.",
    "both sides": "Buy when MACD(5,13,4) crosses above its signal, short when MACD(5,13,4) crosses below its signal. Buy 100 shares.",
    "a stop in ATR": "Buy when the close is above the highest high of the last 8 bars, sell when the close is below the lowest low of the last 5 bars. Stop 1.5 ATR(7). Buy 100 shares.",
    "bands": "Buy when the close crosses below the lower Bollinger band (15, 1.5), sell when the close is above the middle Bollinger band (15, 1.5). Buy 100 shares.",
    "windows": "Buy when the close is rising for 2 bars and within the last 4 bars (RSI(7) is below 45). Sell when on each of the last 2 bars (the close is below the open). Buy 100 shares.",
    "weekdays": "Buy when the bar falls on Tuesday and the close is above the open. Exit after 2 bars. Buy 50 shares.",
    "bars held": "Buy when STOCH(9,3,3) %K crosses above STOCH(9,3,3) %D. Sell when bars held is at least 4 and the close is below the open. Buy 100 shares.",
    "a pause": "Buy when WILLR(6) is below -70. Sell when WILLR(6) is above -30. Wait 5 bars after an exit before the next entry. Buy 100 shares.",
}  # fmt: skip


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_export_makes_the_same_trades(runner: Any, tmp_path: Path, name: str) -> None:
    strategy, frame = parse_strategy(STRATEGIES[name]).require(), walk()
    expected = compiled(strategy, frame)
    assert len(expected) > 8
    assert_equal_trades(traded(runner, strategy, frame, tmp_path), expected)


NEW_CONDITIONS = {
    "count": "on at least 2 of the last 4 bars (Close is above Open)",
    "then": "first (Close is below Close 2 bars ago) then within 3 bars (Close is above Open)",
    "first_since": "for the first time since (RSI(5) is above 60) (RSI(5) is below 40)",
}


@pytest.mark.parametrize("name", NEW_CONDITIONS)
def test_so_do_conditions_on_several_bars(runner: Any, tmp_path: Path, name: str) -> None:
    text = f"Trade on daily bars.\nBuy when {NEW_CONDITIONS[name]}.\nExit after 3 bars.\nPosition size: 10 units."
    strategy, frame = CanonicalStrategy.model_validate(read_notation(text)), walk(seed=8)
    expected = compiled(strategy, frame)
    assert len(expected) > 8
    assert_equal_trades(traded(runner, strategy, frame, tmp_path), expected)


def page(text: str) -> CanonicalStrategy:
    """Return the strategy that a page says, on daily bars and by default with ten units."""
    size = "" if "Position size:" in text else "\nPosition size: 10 units."
    return CanonicalStrategy.model_validate(read_notation(f"Trade on daily bars.\n{text}{size}"))


TRAIL = "behind each close, never moved back."
NEAREST = "Path within a bar: the nearer extreme first."
PROTECTED = {
    "an order for one bar": "Buy with a limit at (Close - 1) for 1 bar when RSI(3) is below 40.\nExit after 4 bars.",
    "an order for several bars": "Buy with a limit at (Close - 2) for 3 bars when RSI(3) is below 60.\nExit after 2 bars.",
    "a stop-limit order": "Buy with a stop at (High + 0.5) and a limit at (High + 0.7) for 2 bars when Close is below Open.\nStop loss: 2 points.\nExit after 4 bars.\nPath within a bar: the nearer extreme first.",
    "a trailing stop": f"Buy when RSI(5) is below 35.\nTrailing stop: 3 points {TRAIL}",
    "a trailing stop of both sides": f"Buy when RSI(3) is below 30.\nSell short when RSI(3) is above 70.\nTrailing stop: 3 points {TRAIL}",
    "a trailing stop in ATR": f"Sell short when RSI(5) is above 65.\nTrailing stop: 2 times ATR(7) {TRAIL}",
    "a trailing stop of an order that waits": f"Buy with a limit at (Close - 1) for 2 bars when RSI(5) is below 45.\nTrailing stop: 3 points {TRAIL}\n{NEAREST}",
    "a target of an order that waits": f"Buy with a limit at (Close - 1) for 2 bars when RSI(5) is below 45.\nTake profit: 1 points.\nStop loss: 4 points.\n{NEAREST}",
    "a trailing stop from the close of the signal": f"Buy when RSI(5) is below 45.\nTrailing stop: 3 points {TRAIL}\nOrders are filled at the close of the signal bar.",
    "a multiple of the risk": "Buy when RSI(5) is below 45.\nStop loss: 4 points.\nTake profit: 2 times the risk.",
    "a stop among several": "Buy when RSI(5) is below 35.\nStop: 4 points.\nTake profit: 2 times the risk.",
    "a stop in ATR among several": "Buy when RSI(5) is below 35.\nStop: 2 times ATR(7).\nExit after 6 bars.",
    "a size by risk": "Buy when RSI(5) is below 35.\nStop loss: 4 points.\nExit after 4 bars.\nPosition size: risk 1% of equity per trade.",
    "a size by the risk to a price": "Buy when RSI(5) is below 35.\nStop loss: at (LOWEST(4) - 3).\nExit after 4 bars.\nPosition size: risk 0.5% of equity per trade.",
}  # fmt: skip


@pytest.mark.parametrize("name", PROTECTED)
def test_so_do_orders_that_wait_and_what_protects_them(runner: Any, tmp_path: Path, name: str) -> None:
    strategy, frame = page(PROTECTED[name]), walk(400)
    expected = compiled(strategy, frame)
    assert len(expected) > 8
    assert_equal_trades(traded(runner, strategy, frame, tmp_path), expected)


def test_a_trailing_stop_in_percent_differs_on_the_bar_of_the_entry_only(runner: Any, tmp_path: Path) -> None:
    strategy = page(f"Buy when RSI(5) is below 35.\nTrailing stop: 2% {TRAIL}")
    found, expected = traded(runner, strategy, walk(400), tmp_path), compiled(strategy, walk(400))
    later, same = ([trade for trade in trades if trade[0] < trade[1]] for trades in (found, expected))
    assert len({trade[:3] for trade in later} & {trade[:3] for trade in same}) >= len(same) - 2 > 8
    assert any("On the bar of the entry the trailing stop" in note for note in to_pine(strategy).notes)


@pytest.mark.parametrize("size", ["risk 3% of equity per trade", "$200,000"])
def test_no_size_is_more_than_the_account(runner: Any, tmp_path: Path, size: str) -> None:
    strategy, frame = page(f"Buy when RSI(5) is below 35.\nStop loss: 1 points.\nPosition size: {size}."), walk(400)
    found = traded(runner, strategy, frame, tmp_path)
    assert len(found) > 8
    equity = strategy.execution.cash
    for entered, _, units, bought, sold in found:
        assert units == np.floor(equity / frame["Close"].iloc[entered - 1])
        equity += units * (sold - bought)
    assert any("whole account" in note for note in to_pine(strategy).notes)


STRADDLE = (
    'Buy with a stop at (High + 0.5) when Close is above Open, in group "breakout".\n'
    'Sell short with a stop at (Low - 0.5) when Close is above Open, in group "breakout".'
)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        (STRADDLE, "entry_rules[0].order"),
        (
            "Buy when RSI(5) is below 40.\nSell short with a limit at (Close + 1) when RSI(5) is above 60.\nExit after 4 bars.",
            "entry_rules[1].order",
        ),
        ("Buy when RSI(5) is below 40.\nBuy with a limit at (Close - 1) when RSI(5) is above 60.", "entry_rules[1].order"),
        ("Buy when RSI(5) is below 40.\nStop loss: at LOWEST(4).\nTake profit: 2 times the risk.", "risk.take_profit"),
        (
            "Buy when RSI(5) is below 40.\nStop loss: at LOWEST(4).\nTarget: 1 points for 50% of the trade.\nTarget: 2 times the risk.",
            "risk.targets[1].level",
        ),
        (f"Buy when RSI(5) is below 40.\nStop loss: at LOWEST(4).\nTrailing stop: 2% {TRAIL}", "risk.trailing_stop"),
        (
            f"Buy when RSI(5) is below 40.\nStop loss: 4 points.\nTrailing stop: 3 points {TRAIL}\nTake profit: 2 times the risk.",
            "risk.take_profit",
        ),
        (
            f"Buy when RSI(5) is below 40.\nStop loss: 4 points.\nTrailing stop: 3 points {TRAIL}\nPosition size: risk 1% of equity per trade.",
            "risk.position_size",
        ),
        ("Buy with a stop at (High + 1) when RSI(5) is below 45.\nStop loss: 2 points.", "execution.path"),
        ("Buy when Close is above Open.\nExit 0 bars before the session's last, at its close.", "risk.session_exit"),
        ("Buy when bars since (Close is above Open) is above 2.", "bars since a condition is not"),
        ("Buy when Close is above the High when (Close is below Open).", "the value when a condition held is not"),
    ],
)  # fmt: skip
def test_what_would_trade_otherwise_is_refused(text: str, clause: str) -> None:
    with pytest.raises(StrategyError, match="cannot be exported to Pine Script") as refused:
        to_pine(page(text))
    assert clause in str(refused.value)


def test_the_script_reads_as_it_was_written() -> None:
    text = "Buy GOOG when the close crosses above SMA(50). Sell when it crosses below. Stop 4%. Buy 10 shares."
    script = to_pine(parse_strategy(text).require())
    assert script.text.startswith(
        "//@version=6\n// Trade GOOG on daily bars.\n// Buy when Close crosses above SMA(50).\n"
    )
    assert "sma_50 = ta.sma(close, 50)\n" in script.text
    assert "long_entry = (close[1] <= sma_50[1] and close > sma_50)\n" in script.text
    assert 'strategy.entry("Long", strategy.long, qty = 10)' in script.text
    assert "stop = (strategy.position_avg_price - strategy.position_avg_price * 0.04)" in script.text
    assert any("measured from the close of the signal" in note for note in script.notes)
    assert all(f"// {note}" in script.text for note in script.notes)


@pytest.mark.parametrize(
    ("line", "clause"),
    [
        ("Break-even: once 2% is reached.", "risk.break_even"),
        ("Exit long 50% when Close is below Open.", "exit_rules[0]"),
        ("Add every 2% with the trade.", "risk.adds"),
        ("Path within a bar: the high first.", "execution"),
        ("Exit long when SUPERTREND(10,3) line is above Close.", "indicators: SUPERTREND_10_3"),
    ],
)
def test_what_pine_cannot_say_is_refused_with_its_clause(line: str, clause: str) -> None:
    text = f"Trade on daily bars.\nBuy when Close is above Open.\nStop loss: 2%.\n{line}"
    with pytest.raises(StrategyError, match="cannot be exported to Pine Script") as refused:
        to_pine(CanonicalStrategy.model_validate(read_notation(text)))
    assert clause in str(refused.value)
