"""The three steps of a backtest as one object."""

from __future__ import annotations

from datetime import date

import pytest
from backtesting import Strategy

from Backtest.backtesting_adapter import BacktestingAdapter
from Backtest.data_manager import DataManager
from Backtest.errors import StrategyError
from Backtest.sandbox import ProcessSandbox
from Strategy.text_parser import parse_strategy


def test_the_adapter_runs_a_canonical_and_its_json_alike(sandbox: ProcessSandbox) -> None:
    adapter = BacktestingAdapter(DataManager(), sandbox)
    canonical = parse_strategy("Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%").require()
    prices = adapter.fetch_and_prepare_data("GOOG", start=date(2006, 1, 3), end=date(2010, 1, 4))
    assert issubclass(adapter.create_strategy_from_canonical(canonical), Strategy)
    one = adapter.run_backtest_from_canonical(canonical, prices)
    same = adapter.run_backtest_from_canonical(canonical.model_dump(mode="json"), prices)
    assert one.metrics == same.metrics
    assert one.summary["total_trades"] > 3
    own = adapter.run_backtest_from_canonical(canonical, start=date(2006, 1, 3), end=date(2010, 1, 4))
    assert own.prices.first > 0, "with history before the first day"


def test_without_prices_and_symbol_it_says_what_is_missing(sandbox: ProcessSandbox) -> None:
    canonical = parse_strategy("Buy when RSI < 30, sell when RSI > 70").require()
    with pytest.raises(StrategyError, match="names no symbol"):
        BacktestingAdapter(DataManager(), sandbox).run_backtest_from_canonical(canonical)
