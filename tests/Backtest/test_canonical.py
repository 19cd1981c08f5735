"""The schema, its diagnostics, its export, its hash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from Backtest.canonical import CanonicalStrategy, json_schema, upgrade
from Backtest.canonical.differences import changes
from Backtest.diagnostics import load_canonical

EXAMPLE: dict[str, Any] = {
    "schema_version": "2",
    "strategy_name": "RSI Oversold",
    "description": "Buy when RSI < 30 for AAPL",
    "classification": {"type": "mean-reversion", "risk_tier": "medium"},
    "symbols": ["AAPL"],
    "timeframe": "1d",
    "indicators": [{"id": "RSI_14", "name": "RSI", "timeperiod": 14, "source": "Close"}],
    "entry_rules": [
        {
            "side": "long",
            "when": {"type": "compare", "left": {"type": "indicator", "id": "RSI_14"}, "op": "<", "right": {"type": "value", "value": 30}},
        }
    ],
    "exit_rules": [
        {
            "side": "long",
            "when": {"type": "compare", "left": {"type": "indicator", "id": "RSI_14"}, "op": ">", "right": {"type": "value", "value": 70}},
        }
    ],
    "risk": {"stop_loss": {"type": "percent", "value": 5}},
    "parameters": [{"name": "rsi_period", "path": "indicators.RSI_14.timeperiod", "min": 5, "max": 30, "step": 1}],
    "provenance": {"source": "text", "parser": "rules", "original_text": "..."},
}  # fmt: skip


def with_(**changes: Any) -> dict[str, Any]:
    """The example with something changed; a dotted name goes inside, a number is an item of a list."""
    data = json.loads(json.dumps(EXAMPLE))
    for path, value in changes.items():
        node: Any = data
        *outer, last = path.split("__")
        for key in outer:
            node = node[int(key) if key.isdigit() else key]
        node[int(last) if last.isdigit() else last] = value
    return data


def test_the_example_of_the_design_is_valid_and_complete() -> None:
    strategy = load_canonical(EXAMPLE).require()
    again = CanonicalStrategy.model_validate(strategy.model_dump())
    assert again == strategy
    assert strategy.describe().splitlines()[:4] == [
        "Trade AAPL on daily bars.",
        "Buy when RSI(14) is below 30.",
        "Exit long when RSI(14) is above 70.",
        "Stop loss: 5% from the entry price.",
    ]


def test_the_committed_schema_is_the_schema_and_takes_the_example() -> None:
    committed = json.loads(Path("Backtest/canonical_schema.json").read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(json_schema()))
    jsonschema.Draft202012Validator.check_schema(committed)
    jsonschema.validate(EXAMPLE, committed)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(with_(surprise=1), committed)


def test_the_hash_is_of_what_trades() -> None:
    one = load_canonical(EXAMPLE).require().content_hash()
    assert load_canonical(with_(strategy_name="Other", description="x")).require().content_hash() == one
    assert load_canonical(with_(entry_rules__0__when__right__value=29)).require().content_hash() != one
    assert len(one) == 64


def test_old_versions_are_brought_up_and_unknown_ones_named() -> None:
    old = {k: v for k, v in EXAMPLE.items() if k != "schema_version"}
    assert upgrade(old)["schema_version"] == "2"
    assert load_canonical(old | {"schema_version": "1"}).strategy == load_canonical(EXAMPLE).strategy
    assert load_canonical(old).require() == load_canonical(EXAMPLE).require()
    (error,) = load_canonical(with_(schema_version="9")).errors
    assert error.field == "schema_version"
    assert "'9'" in error.message


def nested(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = EXAMPLE["entry_rules"][0]["when"]
    for _ in range(depth):
        node = {"type": "not", "condition": node}
    return node


RSI = {"type": "indicator", "id": "RSI_14"}


def compare(op: str, value: float) -> dict[str, Any]:
    return {"type": "compare", "left": RSI, "op": op, "right": {"type": "value", "value": value}}


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (with_(surprise=1), "unknown_field", "surprise"),
        (with_(indicators__0__timeperiod=0), "invalid", "timeperiod"),
        (with_(indicators__0__timeperiod=2.5), "invalid", "timeperiod"),
        (with_(indicators__0__name="RSII"), "unknown_indicator", "RSII"),
        (with_(entry_rules__0__when__right__value=130), "threshold_range", "between 0 and 100"),
        (with_(entry_rules=[]), "no_entry", "no entry rule"),
        (with_(exit_rules=[], risk={}), "no_exit", "no way out"),
        (with_(entry_rules__0__when={"type": "all", "conditions": [compare("<", 30), compare(">", 70)]}), "unsatisfiable", "never"),
        (with_(exit_rules__0__when={"type": "all", "conditions": [compare("<", 30), compare(">", 70)]}), "unsatisfiable", "never"),
        (with_(timeframe="7m"), "invalid", "timeframe"),
        (with_(risk__stop_loss__value=-5), "invalid", "stop_loss"),
        (with_(entry_rules__0__when__right__value=float("nan")), "malformed", "JSON"),
        (with_(entry_rules__0__when__right__value=float("inf")), "malformed", "JSON"),
        (with_(entry_rules__0__when__left__id="SMA_9"), "invalid", "SMA_9"),
        (with_(entry_rules__0__when__left__id="../../etc"), "invalid", "id"),
        (with_(entry_rules__0__when=nested(12)), "invalid", "depth|deep"),
        (with_(entry_rules__0__when={"type": "bars_held", "op": ">", "bars": 3}), "invalid", "bars_held|exit"),
        (with_(exit_rules__0__when={"type": "within_bars", "bars": 3, "condition": {"type": "bars_held", "op": ">", "bars": 3}}), "invalid", "cannot stand in"),
        (with_(entry_rules__0__when={"type": "magic"}), "invalid", "magic"),
        (with_(symbols=["AAPL; DROP TABLE"]), "invalid", "symbol"),
        (with_(risk__position_size={"type": "risk_percent", "value": 1}, risk__stop_loss=None), "invalid", "risk_percent needs"),
        (with_(execution={"margin": 0}), "invalid", "margin"),
        (with_(indicators=[EXAMPLE["indicators"][0]] * 40), "invalid", "indicators"),
        (with_(description="x" * 70_000), "too_large", "at most"),
        ({}, "no_entry|missing", "entry"),
    ],
)  # fmt: skip
def test_errors_name_the_place_and_the_remedy(data: dict[str, Any], code: str, message: str) -> None:
    import re

    loaded = load_canonical(data)
    assert loaded.strategy is None
    texts = [f"{e.field} {e.message} {e.suggestion}" for e in loaded.errors]
    assert any(re.fullmatch(code, e.code) for e in loaded.errors), loaded.errors
    assert any(re.search(message, t) for t in texts), texts


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (with_(risk={}), "no_stop"),
        (with_(risk__position_size={"type": "percent_of_equity", "value": 80}), "large_position"),
        (with_(execution={"margin": 0.2}), "leverage"),
        (with_(indicators=[*EXAMPLE["indicators"], {"name": "SMA", "timeperiod": 9}]), "unused_indicator"),
        (with_(risk__stop_loss__value=60), "wide_stop"),
    ],
)
def test_warnings_keep_the_strategy(data: dict[str, Any], code: str) -> None:
    loaded = load_canonical(data)
    assert loaded.strategy is not None
    assert code in {w.code for w in loaded.warnings}, loaded.warnings


def test_changes_are_told_in_plain_english() -> None:
    old, new = load_canonical(EXAMPLE).require(), load_canonical(with_(entry_rules__0__when__right__value=25)).require()
    assert changes(old, new) == [
        {"change": "changed", "was": "Buy when RSI(14) is below 30.", "is": "Buy when RSI(14) is below 25."}
    ]


@pytest.mark.parametrize(
    "junk", [{"entry_rules": 5}, {"indicators": None}, {"entry_rules": [None]}, {"risk": []}, {"symbols": {}}]
)
def test_junk_never_raises(junk: dict[str, Any]) -> None:
    loaded = load_canonical({**EXAMPLE, **junk})
    assert loaded.strategy is None
    assert loaded.errors


def test_a_rule_nested_hundreds_of_times_is_named_in_short() -> None:
    when: dict[str, Any] = {
        "type": "compare",
        "left": {"type": "price"},
        "op": ">",
        "right": {"type": "value", "value": 1},
    }
    for _ in range(700):
        when = {"type": "not", "condition": when}
    [found] = load_canonical({"entry_rules": [{"when": when}]}).errors
    assert (found.code, found.field) == ("nested_too_deeply", "entry_rules[0].when")
    assert found.message == "entry_rules[0].when is nested deeper than 8"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"entry_rules": [{"when": {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "value", "value": "x"}}}]}, "entry_rules[0].when.right.value"),
        ({"exit_rules": [{"when": {"type": "unrealized_return", "op": ">", "percent": "x"}}]}, "exit_rules[0].when.percent"),
        ({"risk": {"stop_loss": {"type": "percent", "value": -1}}}, "risk.stop_loss.value"),
        ({"indicators": [{"name": "SMA", "price": 3}]}, "indicators[0].price"),
    ],
)  # fmt: skip
def test_an_error_names_a_field_that_is_called_as_a_type_is(change: dict[str, Any], field: str) -> None:
    rule = {"when": {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "price", "offset": 1}}}
    [found] = load_canonical({"entry_rules": [rule], "risk": {"max_bars": 3}, **change}).errors
    assert found.field == field
