"""Numbers of a canonical that are percentages: a fraction is warned of, a bare number is shown its form."""

from __future__ import annotations

from typing import Any

import pytest

from Backtest.diagnostics import Loaded, load_canonical
from Strategy.text_parser import parse_strategy


def load(risk: dict[str, Any], timeframe: str = "1d", **more: Any) -> Loaded:
    close_above_100 = {
        "type": "compare",
        "left": {"type": "price"},
        "op": ">",
        "right": {"type": "value", "value": 100},
    }
    rules = {"entry_rules": [{"when": close_above_100}]}
    return load_canonical({"timeframe": timeframe, **rules, "risk": {"max_bars": 4, **risk}, **more})


def warned(loaded: Loaded) -> dict[str, str]:
    return {d.field: d.message for d in loaded.warnings if d.code == "percent_or_fraction"}


def percent(value: float) -> dict[str, Any]:
    return {"type": "percent", "value": value}


@pytest.mark.parametrize(
    ("risk", "timeframe", "field", "said"),
    [
        ({"stop_loss": percent(0.05)}, "1d", "risk.stop_loss", "5 would mean 5%"),
        ({"stop_loss": percent(0.08)}, "1wk", "risk.stop_loss", "8 would mean 8%"),
        ({"take_profit": percent(0.1)}, "1d", "risk.take_profit", "10 would mean 10%"),
        ({"take_profit": percent(0.19)}, "1mo", "risk.take_profit", "19 would mean 19%"),
        ({"trailing_stop": percent(0.03)}, "1d", "risk.trailing_stop", "3 would mean 3%"),
        (
            {"position_size": {"type": "percent_of_equity", "value": 0.5}},
            "1d",
            "risk.position_size",
            "50 would mean 50%",
        ),
        (
            {"position_size": {"type": "percent_of_equity", "value": 1}},
            "5m",
            "risk.position_size",
            "100 would mean 100%",
        ),
    ],
)
def test_a_fraction_where_percent_is_meant_is_warned_of(
    risk: dict[str, Any], timeframe: str, field: str, said: str
) -> None:
    loaded = load(risk, timeframe)
    assert loaded.strategy is not None
    found = warned(loaded)
    assert set(found) == {field}
    assert "in percent" in found[field]
    assert said in found[field]


@pytest.mark.parametrize(
    ("risk", "timeframe"),
    [
        ({"stop_loss": percent(0.2)}, "1d"),
        ({"stop_loss": percent(5), "take_profit": percent(12)}, "1d"),
        ({"stop_loss": percent(0.1), "take_profit": percent(0.15)}, "5m"),
        ({"stop_loss": {"type": "atr", "multiple": 0.1}}, "1d"),
        ({"position_size": {"type": "percent_of_equity", "value": 2}}, "1d"),
        ({"stop_loss": percent(3), "position_size": {"type": "risk_percent", "value": 0.5}}, "1d"),
    ],
)
def test_other_levels_are_not(risk: dict[str, Any], timeframe: str) -> None:
    loaded = load(risk, timeframe)
    assert loaded.strategy is not None
    assert not warned(loaded)


def test_words_say_percent_themselves() -> None:
    parsed = parse_strategy("Buy when MFI < 20, sell when MFI > 70, stop 0.15%, use 0.8% of equity")
    assert parsed.strategy is not None
    assert "percent_or_fraction" not in {d.code for d in parsed.warnings}


@pytest.mark.parametrize(
    ("field", "value", "form"),
    [
        ("stop_loss", 5, '{"type": "percent", "value": 5}'),
        ("stop_loss", "5%", '{"type": "percent", "value": 5}'),
        ("stop_loss", -4, '{"type": "percent", "value": 4}'),
        ("take_profit", 12.5, '{"type": "percent", "value": 12.5}'),
        ("take_profit", "8 %", '{"type": "percent", "value": 8}'),
        ("trailing_stop", "3", '{"type": "percent", "value": 3}'),
        ("trailing_stop", "wide", '{"type": "percent", "value": 5}'),
        ("position_size", 25, '{"type": "percent_of_equity", "value": 25}'),
    ],
)
def test_a_bare_number_is_shown_its_form(field: str, value: Any, form: str) -> None:
    (problem,) = load({field: value}).errors
    assert problem.field == f"risk.{field}"
    assert form in problem.message
    assert form in problem.suggestion


def test_other_errors_of_a_level_stay() -> None:
    (problem,) = load({"stop_loss": {"type": "percent", "value": -5}}).errors
    assert problem.field == "risk.stop_loss.value"
    (missing,) = load({"stop_loss": {"value": 5}}).errors
    assert missing.field == "risk.stop_loss"
