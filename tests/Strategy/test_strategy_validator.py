"""Recommendations by rules."""

from __future__ import annotations

import pytest

from Strategy.strategy_validator import StrategyValidator
from Strategy.text_parser import parse_strategy

GOOD = (
    "Buy GOOG when RSI < 30, sell when RSI > 70. Stop 5%. Risk 1% per trade. Commission 0.1%. "
    "Wait 2 bars after an exit before the next entry."
)


def codes(text: str) -> set[str]:
    strategy = parse_strategy(text).require()
    return {r.code for r in StrategyValidator().validate(strategy.model_dump(mode="json")).recommendations}


def test_a_careful_strategy_gets_no_advice() -> None:
    assert codes(GOOD) == set()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GOOD.replace("Stop 5%. Risk 1% per trade.", "Size 10% of equity."), "add_stop"),
        (GOOD.replace("Risk 1% per trade.", ""), "size"),
        (GOOD.replace("Commission 0.1%.", ""), "costs"),
        (GOOD.replace("GOOG ", ""), "symbol"),
        (GOOD.replace("Wait 2 bars after an exit before the next entry.", ""), "cooldown"),
        (GOOD.replace("Stop 5%", "Stop 5%. Take profit 0.5 times the risk"), "ratio"),
        (GOOD.replace("Stop 5%", "Stop 0.2%"), "tight_stop"),
        (GOOD.replace("RSI < 30", "RSI < 31.37"), "overfit_threshold"),
        (GOOD.replace("RSI < 30", "close > SMA(53)"), "overfit_period"),
    ],
)
def test_advice(text: str, code: str) -> None:
    assert code in codes(text)


def test_an_invalid_strategy_has_errors_and_no_advice() -> None:
    outcome = StrategyValidator().validate({"entry_rules": []})
    assert not outcome.valid
    assert {"no_entry"} <= {e["code"] for e in outcome.errors}
    assert outcome.recommendations == ()
