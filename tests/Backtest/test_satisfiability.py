"""Conditions that can never be true, or always are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from Backtest.canonical import AnyCondition, CanonicalStrategy
from Backtest.decision.judge import Bars, evaluate
from Backtest.decision.series import compute_indicators
from Backtest.diagnostics import diagnose, load_canonical
from Backtest.diagnostics.satisfiability import always, never
from tests.explore import examples
from tests.random_strategies import strategies
from tests.Strategy.notation import condition


def built(text: str) -> tuple[CanonicalStrategy, AnyCondition]:
    found = condition(text)
    buy = {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "value", "value": 1}}
    strategy = CanonicalStrategy.model_validate({
        "indicators": list(found.used.values()), "entry_rules": [{"when": buy}], "exit_rules": [{"when": found.node}], "timeframe": "5m",
    })  # fmt: skip
    return strategy, strategy.exit_rules[0].when


NEVER = (
    "SMA(20) < SMA(20)", "Close > High", "Low > High", "Open < Low", "RSI(14) > 100", "WILLR(14) > 0", "up(RSI(14), 100)", "Volume < 0",
    "all_(RSI(14) > 70, RSI(14) < 30)", "all_(Close > SMA(50), Close < SMA(50))", "all_(Close > SMA(20), SMA(20) > SMA(50), SMA(50) > Close)",
    "BB(20, 2).lower > BB(20, 2).upper", "all_(Close > BB(20, 2).upper, Close < BB(20, 2).middle)", "Close > HIGHEST(20)", "Low < LOWEST(20)",
    "all_(rising(RSI(14), 2), falling(RSI(14), 1))", "all_(RSI(14) < 30, not_(RSI(14) < 40))", "all_(time('mon'), time('tue'))",
    "all_(time(start='09:00', end='10:00'), time(start='10:00', end='11:00'))", "all_(gain('>', 5), gain('<', 2))",
    "not_(any_(RSI(14) < 60, RSI(14) > 50))", "all_(any_(RSI(14) > 70, RSI(14) > 80), RSI(14) < 60)", "up(EMA(20), EMA(20))", "Close < 0.95 * Close",
    "Low < 0", "EMA(20) <= 0", "ATR(14) < 0", "down(Close, 0)",
    "LOWEST(3) < LOWEST(10)", "LOWEST(3)[1] < LOWEST(10)[1]", "HIGHEST(3)[1] > HIGHEST(10)[1]", "HIGHEST(3)[4] > HIGHEST(10)", "down(LOWEST(3), LOWEST(10))",
    "HIGHEST(5, of='Close') > HIGHEST(8)", "HIGHEST(5, of='Close') > HIGHEST(8, of='Close')", "LOWEST(20)[1] > HIGHEST(5)[3]", "Close[2] > HIGHEST(3)",
    "HIGHEST(3, of='RSI_14') > HIGHEST(9, of='RSI_14')", "RSI(14)[1] > HIGHEST(9, of='RSI_14')", "HIGHEST(3) > DONCHIAN(20).upper", "DONCHIAN(10).lower < DONCHIAN(20).lower",
    "HIGHEST(3, tf='1h') > HIGHEST(10, tf='1h')", "Low[3] > HIGHEST(2, of='Close')[2]",
)  # fmt: skip
ALWAYS = (
    "SMA(20) <= SMA(20)",
    "Close >= Low",
    "RSI(14) >= 0",
    "between(RSI(14), 0, 100)",
    "any_(RSI(14) < 60, RSI(14) > 50)",
    "Close <= HIGHEST(20)",
    "Close > 0",
    "SMA(20) > 0",
    "SMA(20, of='Volume') >= 0",
    "ATR(14) >= 0",
    "HIGHEST(20) > -5",
    "HIGHEST(10)[1] >= HIGHEST(3)[1]",
    "LOWEST(10)[1] <= LOWEST(3)[2]",
    "LOWEST(10) <= HIGHEST(10)[9]",
)
POSSIBLE = (
    "Volume > 0", "ATR(14) > 0", "MOM(10) > 0", "DEMA(20) > 0", "RSI(14) > 70", "Close > HIGHEST(20)[1]", "all_(Close > SMA(20), Close < SMA(50))", "Close > Close[1]", "RSI(14) >= 100",
    "all_(RSI(14) < 30, RSI(7) > 70)", "all_(within(RSI(14) < 30, 5), RSI(14) > 70)", "up(Close, SMA(50))", "MACD().macd < MACD().signal",
    "all_(RSI(14) < 30, RSI(14)[1] > 70)", "all_(time('mon'), time(start='09:00', end='10:00'))", "Close < 0.95 * Close[1]",
    "LOWEST(3) < LOWEST(10)[1]", "LOWEST(10)[1] < LOWEST(3)[1]", "HIGHEST(3) > HIGHEST(10)[3]", "LOWEST(3)[8] < LOWEST(10)", "HIGHEST(8) > HIGHEST(9, of='Close')", "LOWEST(3)[10] > HIGHEST(10)",
    "HIGHEST(3, of='Volume') > HIGHEST(9)", "HIGHEST(3, tf='1h') > HIGHEST(30)", "HIGHEST(3, tf='1h')[1] > HIGHEST(3, tf='1h')", "Close[3] > HIGHEST(3)",
)  # fmt: skip


@pytest.mark.parametrize("text", NEVER)
def test_it_is_never_true(text: str) -> None:
    strategy, when = built(text)
    assert never(strategy, when)
    assert not always(strategy, when)


@pytest.mark.parametrize("text", ALWAYS)
def test_it_is_always_true(text: str) -> None:
    strategy, when = built(text)
    assert always(strategy, when)
    assert not never(strategy, when)


@pytest.mark.parametrize("text", POSSIBLE)
def test_it_may_be_true_or_not(text: str) -> None:
    strategy, when = built(text)
    assert not never(strategy, when)
    assert not always(strategy, when)


def _walk(bars: int) -> pd.DataFrame:
    chance = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.02, bars)))
    open_ = np.roll(close, 1)
    spread = np.abs(chance.normal(0, 0.5, (2, bars)))
    frame = {"Open": open_, "High": np.maximum(open_, close) + spread[0], "Low": np.minimum(open_, close) - spread[1], "Close": close,
             "Volume": chance.integers(0, 1000, bars).astype(float)}  # fmt: skip
    return pd.DataFrame(frame, index=pd.date_range("2024-01-01", periods=bars, freq="5min"))


FRAME = _walk(400)


@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies())
def test_what_happened_was_possible(strategy: CanonicalStrategy) -> None:
    """A rule judged true, or false, on a bar is not called impossible, or always true."""
    bars = Bars(FRAME, compute_indicators(strategy, FRAME))
    for rule in (*strategy.entry_rules, *strategy.exit_rules):
        truth = evaluate(strategy, rule.when, bars)
        assert not (truth.true.any() and never(strategy, rule.when)), rule.model_dump_json()
        assert not (truth.false.any() and always(strategy, rule.when)), rule.model_dump_json()


@pytest.mark.parametrize(
    ("text", "severity"),
    [("Close > 0", "warning"), ("Low >= -1", "warning"), ("EMA(20) > 0", "warning"), ("ATR(14) >= 0", "error"), ("Close >= Low", "error")],
)  # fmt: skip
def test_always_in_the_market_may_be_said_by_a_price_above_a_number(text: str, severity: str) -> None:
    strategy, _ = built(text)
    assert [d.severity for d in diagnose(strategy) if d.code == "always_true"] == [severity]


PRODUCT = {"type": "math", "left": {"type": "value", "value": 2}, "op": "*", "right": {"type": "value", "value": 3}}
FIVE = {"type": "value", "value": 5}


@pytest.mark.parametrize(
    "numbers",
    [
        {"type": "compare", "left": PRODUCT, "op": ">", "right": FIVE}, {"type": "cross", "left": PRODUCT, "direction": "above", "right": FIVE},
        {"type": "between", "operand": FIVE, "low": FIVE, "high": PRODUCT}, {"type": "falling", "operand": PRODUCT, "bars": 2},
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", [lambda c: c, lambda c: {"type": "for_bars", "condition": c, "bars": 4}])
def test_a_condition_of_numbers_alone_is_refused(numbers: dict[str, Any], around: Callable[[Any], Any]) -> None:
    loaded = load_canonical({"entry_rules": [{"when": around(numbers)}], "risk": {"max_bars": 3}})
    [found] = loaded.errors
    assert (found.code, found.field) == ("only_numbers", "entry_rules[0]")
