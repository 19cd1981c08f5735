"""Strategies and conversations over REST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from backtest_api.models import BacktestRun
from tests.conftest import SENTENCE


@pytest.fixture
def strategy(api: APIClient) -> dict[str, Any]:
    answer = api.post("/api/strategies/", {"user_description": SENTENCE, "name": "Dip"})
    assert answer.status_code == 201
    return dict(answer.json())


def test_a_sentence_becomes_a_strategy(strategy: dict[str, Any]) -> None:
    assert strategy["description"].startswith("Trade GOOG on daily bars.\nBuy when RSI(14) is below 30.")
    assert strategy["canonical_json"]["indicators"][0]["id"] == "RSI_14"
    assert {a["code"] for a in strategy["assumptions"]} >= {"default_period", "size", "timeframe"}
    assert (strategy["version"], strategy["status"], strategy["name"]) == (1, "draft", "Dip")


def test_a_text_that_is_none_is_refused_with_questions_and_remembered(api: APIClient) -> None:
    answer = api.post("/api/strategies/", {"user_description": "buy low, sell high", "session_id": "s1"})
    assert answer.status_code == 422
    body = answer.json()
    assert body["clarifying_questions"]
    assert any("low" in d["message"] for d in body["details"])
    entries = api.get("/api/conversations/s1/").json()["results"]
    assert entries[0]["user_message"] == "buy low, sell high"
    assert entries[0]["ai_response"]["clarifying_questions"] == body["clarifying_questions"]


def test_an_impossible_canonical_names_the_place(api: APIClient, strategy: dict[str, Any]) -> None:
    canonical = strategy["canonical_json"]
    canonical["entry_rules"][0]["when"]["right"]["value"] = 130
    answer = api.post("/api/strategies/", {"canonical_json": canonical})
    assert answer.status_code == 422
    (detail, *_) = answer.json()["details"]
    assert (detail["field"], detail["code"]) == ("entry_rules[0]", "threshold_range")


def test_a_change_makes_a_version_with_a_readable_difference(api: APIClient, strategy: dict[str, Any]) -> None:
    url = f"/api/strategies/{strategy['id']}/"
    canonical = strategy["canonical_json"]
    canonical["entry_rules"][0]["when"]["right"]["value"] = 25
    assert api.patch(url, {"canonical_json": canonical}).json()["version"] == 2
    assert api.patch(url, {"canonical_json": canonical}).json()["version"] == 2  # nothing changed
    assert api.put(url, {"name": "Deep dip"}).json()["name"] == "Deep dip"
    newest, first = api.get(f"{url}versions/").json()["results"]
    assert newest["changes"] == [
        {"change": "changed", "was": "Buy when RSI(14) is below 30.", "is": "Buy when RSI(14) is below 25."}
    ]
    assert first["canonical_json"]["entry_rules"][0]["when"]["right"]["value"] == 30


def test_a_strategy_is_exported_to_pine_and_in_its_notation(api: APIClient, strategy: dict[str, Any]) -> None:
    address = f"/api/strategies/{strategy['id']}/export/"
    pine = api.get(address, {"to": "pine"}).json()
    assert pine["text"].startswith("//@version=6\n// Trade GOOG on daily bars.")
    assert "rsi_14 = ta.rsi(close, 14)" in pine["text"]
    assert any("Sizes are those at the close of the signal" in note for note in pine["notes"])
    assert api.get(address, {"to": "notation"}).json()["text"] == strategy["description"]
    assert api.get(address, {"to": "easylanguage"}).status_code == 400
    assert api.get(address).status_code == 400
    canonical = strategy["canonical_json"]
    canonical["risk"]["adds"] = [{"every": {"type": "percent", "value": 2}}]
    assert api.patch(f"/api/strategies/{strategy['id']}/", {"canonical_json": canonical}).status_code == 200
    refused = api.get(address, {"to": "pine"})
    assert refused.status_code == 422
    assert "risk.adds cannot be exported to Pine Script" in str(refused.json())


def test_names_are_taken_once(api: APIClient, strategy: dict[str, Any]) -> None:
    answer = api.post("/api/strategies/", {"user_description": SENTENCE, "name": "Dip"})
    assert answer.status_code == 409
    assert answer.json()["ai_suggestions"]
    free = api.post("/api/strategies/", {"user_description": SENTENCE})
    again = api.post("/api/strategies/", {"user_description": SENTENCE})
    assert free.json()["name"] != again.json()["name"]
    assert api.patch(f"/api/strategies/{free.json()['id']}/", {"name": "Dip"}).status_code == 409


def test_validation_is_stored_and_code_is_written(api: APIClient, strategy: dict[str, Any]) -> None:
    url = f"/api/strategies/{strategy['id']}/"
    validation = api.post(f"{url}validate/", {}).json()
    assert validation["status"] == "valid"
    assert {r["code"] for r in validation["ai_recommendations"]} >= {"size", "costs"}
    one = api.post(f"{url}generate-code/", {}).json()
    two = api.post(f"{url}generate-code-from-canonical/", {}).json()
    assert one["success"]
    assert one["strategy_code"] == two["strategy_code"]
    assert (Path(settings.CODES_DIR) / Path(one["file_path"]).name).read_text() == one["strategy_code"]
    assert api.get(url).json()["status"] == "validated"
    refused = api.post(f"{url}generate-code/", {"instructions": "use a neural network"})
    assert refused.status_code == 422
    assert "language model" in refused.json()["error"]


def test_conversations_remember_each_step_and_can_be_forgotten(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"user_description": SENTENCE, "session_id": "chat"}).json()
    api.post(f"/api/strategies/{made['id']}/validate/", {"session_id": "chat"})
    api.post(f"/api/strategies/{made['id']}/generate-code/", {"session_id": "chat"})
    entries = api.get("/api/conversations/chat/").json()["results"]
    assert [e["interaction_type"] for e in entries] == ["suggest", "validate", "generate"]
    assert entries[1]["ai_response"]["status"] == "valid"
    assert entries[2]["ai_response"]["file_path"]
    assert all(e["context"] for e in entries)
    assert entries[0]["user_message"] == SENTENCE
    assert all(e["strategy_id"] == made["id"] for e in entries)
    (session,) = api.get("/api/conversations/").json()["results"]
    assert (session["session_id"], session["entries"]) == ("chat", 3)
    assert api.delete("/api/conversations/chat/").status_code == 204
    assert api.get("/api/conversations/chat/").status_code == 404


def test_deleting_keeps_the_runs_and_removes_the_files(api: APIClient, strategy: dict[str, Any]) -> None:
    url = f"/api/strategies/{strategy['id']}/"
    path = Path(settings.CODES_DIR) / Path(api.post(f"{url}generate-code/", {}).json()["file_path"]).name
    run = api.post("/api/backtests/quick-run/", {"strategy_id": strategy["id"]}).json()
    assert path.exists()
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
    assert not path.exists()
    assert BacktestRun.objects.get(pk=run["id"]).strategy_id is None


def test_lists_are_filtered_ordered_and_paged(api: APIClient) -> None:
    for i in range(3):
        api.post("/api/strategies/", {"user_description": SENTENCE, "name": f"S{i}"})
    listed = api.get("/api/strategies/?ordering=-name&page_size=2").json()
    assert [s["name"] for s in listed["results"]] == ["S2", "S1"]
    assert listed["count"] == 3
    assert listed["next"]
    assert [s["name"] for s in api.get("/api/strategies/?name=S1").json()["results"]] == ["S1"]
    assert api.get("/api/strategies/?page=99").status_code == 404


def test_the_schema_of_canonical_strategies_is_served(api: APIClient) -> None:
    schema = api.get("/api/strategies/schema/").json()
    assert schema["$schema"].startswith("https://json-schema.org")
    assert schema["title"] == "CanonicalStrategy"
