"""A canonical strategy becomes trades, and the explanation agrees with them."""

from __future__ import annotations

import pytest

from Backtest.backtesting_adapter import fetch_and_prepare_data, run_backtest_from_canonical
from Backtest.data_manager import DataManager
from Backtest.decision.explain import Explainer
from Backtest.diagnostics import load_canonical
from Backtest.sandbox import ProcessSandbox


def sma(period: int) -> dict[str, object]:
    return {"type": "indicator", "id": f"SMA_{period}"}


def cross(direction: str) -> dict[str, object]:
    return {"type": "cross", "left": sma(10), "direction": direction, "right": sma(20)}


REVERSING = {
    "strategy_name": "SMA cross",
    "indicators": [{"name": "SMA", "timeperiod": 10}, {"name": "SMA", "timeperiod": 20}],
    "entry_rules": [{"side": "long", "when": cross("above")}, {"side": "short", "when": cross("below")}],
    "exit_rules": [{"side": "short", "when": cross("above")}, {"side": "long", "when": cross("below")}],
}


@pytest.fixture(scope="module")
def sandbox():
    box = ProcessSandbox()
    yield box
    box.close()


def test_backtesting_py_s_own_example_gives_its_documented_result(sandbox):
    # The docstring of Backtest.run: SmaCross(10, 20) on GOOG with 10,000 in cash and 0.2% commission.
    strategy = load_canonical({**REVERSING, "execution": {"cash": 10_000, "commission": 0.002}}).require()
    prices = fetch_and_prepare_data(DataManager(), "GOOG")
    result = run_backtest_from_canonical(strategy, prices, sandbox=sandbox)
    assert result.summary["total_trades"] > 50
    assert len(result.trades) == result.summary["total_trades"]
    assert result.manifest["data"]["rows"] == 2148


def test_explanations_agree_with_the_trades_on_every_bar(sandbox):
    strategy = load_canonical({**REVERSING, "risk": {"stop_loss": {"type": "percent", "value": 5}}}).require()
    prices = fetch_and_prepare_data(DataManager(), "GOOG")
    result = run_backtest_from_canonical(strategy, prices, sandbox=sandbox)
    explainer = Explainer(strategy, prices.frame, result.trades)
    entries = set(result.trades["entry_bar"])
    decided = {bar + 1 for bar in range(len(prices.frame) - 1) if explainer.decision(bar)[0] in ("enter", "reverse")}
    assert decided == entries
