"""Indicators as they are listed: no name, field or value in them is passed over."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

RULES = {"entry_rules": ["RSI < 30"], "exit_rules": ["RSI > 70"]}
BELOW = {"type": "compare", "left": {"type": "indicator", "id": "RSI_5"}, "op": "<", "right": {"type": "value", "value": 30}}  # fmt: skip
OBJECTS = {"entry_rules": [{"when": BELOW}], "risk": {"max_bars": 5}}
SCHEMA = "/api/production/strategies/validate-schema/"

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("rules", [RULES, OBJECTS])
@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"name": "RSI", "timeperoid": 5}, "`timeperiod`"),
        ({"name": "RSI", "soruce": "High"}, "`source`"),
        ({"name": "RSI", "params": {"timeperod": 5}}, "`timeperiod`"),
        ({"nmae": "RSI"}, "`name`"),
        ({"name": "RSII"}, "RSI"),
        ({"name": "RSI", "timeperiod": "five"}, "timeperiod"),
        ({"name": "RSI", "period": 5, "timeperiod": 7}, "period"),
        ({"name": "MACD", "fast": 5}, "`fastperiod`"),
        (5, "indicators[0]"),
    ],
)
def test_what_is_not_known_of_an_indicator_is_refused(
    api: APIClient, rules: dict[str, Any], item: Any, says: str
) -> None:
    body = {**rules, "indicators": [item]}
    stored = api.post("/api/strategies/", {"canonical_json": body})
    assert stored.status_code == 422, stored.content
    assert says in stored.content.decode()
    assert "indicators[0]" in stored.content.decode()
    for sent in (body, {"canonical_json": body}):
        checked = api.post(SCHEMA, sent)
        assert checked.status_code == 422 or not checked.json()["valid"], checked.content


@pytest.mark.parametrize(
    ("item", "id_"),
    [
        ({"name": "RSI", "period": 5}, "RSI_5"),
        ({"name": "rsi", "length": 5}, "RSI_5"),
        ({"name": "RSI", "params": {"window": 5}}, "RSI_5"),
        ({"name": "RSI", "timeperiod": 5, "source": "High"}, "RSI_5_High"),
        ("RSI", "RSI_14"),
    ],
)
@pytest.mark.parametrize("key", ["indicators", "required_indicators"])
def test_what_is_known_of_it_counts(api: APIClient, item: Any, id_: str, key: str) -> None:
    made = api.post("/api/strategies/", {"canonical_json": {**RULES, key: [item]}})
    assert made.status_code == 201, made.content
    assert [i["id"] for i in made.json()["canonical_json"]["indicators"]] == [id_]


def test_rules_that_take_another_setting_than_the_listed_are_refused(api: APIClient) -> None:
    five = [{"name": "RSI", "timeperiod": 5}]
    other = {"entry_rules": ["RSI(9) < 30"], "exit_rules": ["RSI(9) > 70"], "indicators": five}
    both = {**RULES, "indicators": [*five, {"name": "RSI", "timeperiod": 9}]}
    for body in (other, both):
        answer = api.post("/api/strategies/", {"canonical_json": body})
        assert answer.status_code == 422
        assert "RSI(5)" in answer.json()["error"]
        assert "RSI(9)" in answer.json()["error"]


@pytest.mark.parametrize("symbol", [{"ticker": "goog"}, {"symbol": "GOOG"}, {"symbols": ["GOOG"]}])
@pytest.mark.parametrize(
    "strategy", [{**RULES, "required_indicators": [{"name": "RSI", "period": 5}]}, {**OBJECTS, "required_indicators": [{"name": "RSI", "timeperiod": 5}]}]
)  # fmt: skip
def test_second_names_of_a_canonical(api: APIClient, symbol: dict[str, Any], strategy: dict[str, Any]) -> None:
    body = {**strategy, **symbol}
    made = api.post("/api/strategies/", {"canonical_json": body})
    assert made.status_code == 201, made.content
    canonical = made.json()["canonical_json"]
    assert (canonical["symbols"], [i["id"] for i in canonical["indicators"]]) == (["GOOG"], ["RSI_5"])
    for sent in (body, {"canonical_json": body}):
        checked = api.post(SCHEMA, sent)
        assert checked.json()["valid"], checked.content
    twice = api.post("/api/strategies/", {"canonical_json": {**OBJECTS, "indicators": [], **symbol, "required_indicators": []}})  # fmt: skip
    assert twice.status_code == 422
    assert "given_twice" in twice.content.decode()


def test_prices_with_indicators_by_name(api: APIClient) -> None:
    asked = {"symbol": "GOOG", "required_indicators": ["RSI", {"name": "SMA", "window": 5}, "macd"]}
    answer = api.post("/api/data/fetch/", asked)
    assert answer.status_code == 200, answer.content
    assert {"RSI_14", "SMA_5", "MACD_12_26_9"} <= set(answer.json()["columns"])
    wrong = api.post("/api/data/fetch/", {"symbol": "GOOG", "indicators": ["RSII"]})
    assert (wrong.status_code, "RSI" in wrong.content.decode()) == (422, True)
    assert api.post("/api/data/fetch/", {"symbol": "GOOG", "indicators": [7]}).status_code == 400


@pytest.mark.parametrize(
    ("item", "rule", "read"),
    [
        ({"name": "Momentum", "timeperiod": 33}, "momentum > 0", "MOM_33"),
        ({"name": "BBANDS", "timeperiod": 33}, "Close < Bollinger Bands lower", "BB_33_2"),
        ({"name": "Williams %R", "timeperiod": 9}, "Williams %R < -80", "WILLR_9"),
        ({"name": "RSI", "timeperiod": 5}, "the relative strength index < 30", "RSI_5"),
    ],
)
def test_rules_may_call_an_indicator_by_any_of_its_names(
    api: APIClient, item: dict[str, Any], rule: str, read: str
) -> None:
    body = {
        "entry_rules": [rule],
        "exit_rules": ["RSI(14) > 70"],
        "indicators": [item, {"name": "RSI", "timeperiod": 14}],
    }
    body["indicators"] = body["indicators"][: 1 if item["name"] == "RSI" else 2]
    body["exit_rules"] = ["RSI > 70"]
    made = api.post("/api/strategies/", {"canonical_json": body})
    assert made.status_code == 201, made.content
    assert made.json()["canonical_json"]["indicators"][0]["id"] == read


def test_names_of_strategies_hold_no_control_characters(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"user_description": "Buy GOOG when RSI < 30, stop 5%", "name": "a\u202eb"})
    assert made.status_code == 400
    assert "The name holds the control character U+202E: leave it out" in made.content.decode()
