"""Strategies as people send them: a canonical in the body, another text, rules as strings, templates, drafts, pages."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.conf import settings as django_settings
from rest_framework.test import APIClient

from strategy_api.models import Strategy, StrategyValidation, StrategyVersion
from tests.conftest import SENTENCE

OLDER = {
    "strategy_name": "RSI Oversold",
    "entry_rules": ["RSI < 30"],
    "exit_rules": ["RSI > 70"],
    "indicators": [{"name": "RSI", "timeperiod": 9}],
    "symbols": ["GOOG"],
}


@pytest.fixture
def made(api: APIClient) -> dict[str, Any]:
    return dict(api.post("/api/strategies/", {"user_description": SENTENCE}).json())


def other_than(canonical: dict[str, Any]) -> dict[str, Any]:
    return {**canonical, "risk": {**canonical["risk"], "max_bars": 17}}


# -- A canonical in the body ---------------------------------------------------------------------


def test_validate_says_which_canonical_it_used(api: APIClient, made: dict[str, Any]) -> None:
    broken = {**made["canonical_json"], "entry_rules": []}
    asked = api.post(f"/api/strategies/{made['id']}/validate/", {"canonical_json": broken}).json()
    assert (asked["used"], asked["status"], asked["id"]) == ("request", "invalid", None)
    assert StrategyValidation.objects.count() == 0
    assert Strategy.objects.get().status == "draft", "another canonical proves nothing of the stored one"
    stored = api.post(f"/api/strategies/{made['id']}/validate/", {}).json()
    assert (stored["used"], stored["status"]) == ("stored", "valid")
    assert StrategyValidation.objects.count() == 1


@pytest.mark.parametrize("endpoint", ["generate-code", "generate-code-from-canonical"])
def test_code_of_a_canonical_in_the_body(api: APIClient, made: dict[str, Any], endpoint: str) -> None:
    url = f"/api/strategies/{made['id']}/{endpoint}/"
    asked = api.post(url, {"canonical_json": other_than(made["canonical_json"])}).json()
    assert (asked["used"], asked["success"]) == ("request", True)
    assert "17" in asked["strategy_code"]
    assert Strategy.objects.get().generated_code == made["generated_code"]
    stored = api.post(url, {}).json()
    assert (stored["used"], stored["strategy_code"]) == ("stored", made["generated_code"])
    assert asked["file_path"] != stored["file_path"]
    path = Path(django_settings.CODES_DIR) / Path(asked["file_path"]).name
    assert path.read_text() == asked["strategy_code"]
    assert api.delete(f"/api/strategies/{made['id']}/").status_code == 204
    assert not path.exists()


def test_an_impossible_canonical_in_the_body_is_refused(api: APIClient, made: dict[str, Any]) -> None:
    asked = api.post(f"/api/strategies/{made['id']}/generate-code/", {"canonical_json": {"entry_rules": []}})
    assert asked.status_code == 422


def test_the_schema_check_takes_the_bare_canonical(api: APIClient, made: dict[str, Any]) -> None:
    wrapped = api.post("/api/production/strategies/validate-schema/", {"canonical_json": made["canonical_json"]}).json()
    bare = api.post("/api/production/strategies/validate-schema/", made["canonical_json"]).json()
    assert bare == wrapped
    assert bare["valid"] is True
    wrong = api.post("/api/production/strategies/validate-schema/", {**made["canonical_json"], "entryrules": []}).json()
    assert wrong["valid"] is False
    assert api.post("/api/production/strategies/validate-schema/", {"canonical": {}}).status_code == 400


# -- Another text --------------------------------------------------------------------------------


def test_another_text_is_another_version(api: APIClient, made: dict[str, Any]) -> None:
    text = "Buy AAPL when RSI < 25, sell when RSI > 60, stop 4%"
    changed = api.patch(f"/api/strategies/{made['id']}/", {"user_description": text}).json()
    assert (changed["version"], changed["user_description"], changed["name"]) == (
        2,
        text,
        "RSI 14 AAPL",
    )  # it was made of the text
    assert changed["canonical_json"]["symbols"] == ["AAPL"]
    assert "below 25" in changed["description"]
    assert changed["generated_code"] != made["generated_code"]
    assert api.get(f"/api/strategies/{made['id']}/versions/").json()["results"][0]["changes"]


def test_a_text_that_is_not_understood_changes_nothing(api: APIClient, made: dict[str, Any]) -> None:
    before = api.get(f"/api/strategies/{made['id']}/").json()
    answer = api.patch(
        f"/api/strategies/{made['id']}/", {"user_description": "Buy when the frobnicator is up", "name": "New"}
    )
    assert answer.status_code == 422
    assert "frobnicator" in answer.content.decode()
    assert api.get(f"/api/strategies/{made['id']}/").json() == before
    assert StrategyVersion.objects.count() == 1


# -- Rules as strings ----------------------------------------------------------------------------


def test_rules_as_strings_are_read_wherever_a_canonical_is_taken(api: APIClient, made: dict[str, Any]) -> None:
    stored = api.post("/api/strategies/", {"canonical_json": OLDER, "name": "older"})
    assert stored.status_code == 201, stored.content
    assert "Buy when RSI(9) is below 30." in stored.json()["description"]
    assert stored.json()["canonical_json"]["strategy_name"] == "older"
    run = api.post("/api/backtests/quick-run/", {"canonical_json": OLDER}).json()
    assert run["status"] == "completed"
    assert "RSI(9) is above 70" in run["description"]
    for body in (OLDER, {"canonical_json": OLDER}):
        checked = api.post("/api/production/strategies/validate-schema/", body).json()
        assert checked["valid"] is True, checked
    assert api.put(f"/api/strategies/{made['id']}/", {"canonical_json": OLDER}).json()["version"] == 2
    asked = api.post(f"/api/strategies/{made['id']}/validate/", {"canonical_json": OLDER}).json()
    assert asked["status"] == "valid"


def test_strings_that_are_no_rules_are_named(api: APIClient) -> None:
    answer = api.post("/api/strategies/", {"canonical_json": {**OLDER, "entry_rules": ["the moon is full"]}})
    assert answer.status_code == 422
    assert "moon" in answer.content.decode()
    mixed = {**OLDER, "exit_rules": [{"side": "long"}]}
    assert "exit_rules[0]" in api.post("/api/strategies/", {"canonical_json": mixed}).json()["error"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (OLDER, "Buy when RSI(9) < 30. Exit when RSI(9) > 70."),
        ({"entry_rules": "close > SMA", "exit_rules": ["close < EMA"], "indicators": [{"name": "SMA", "params": {"timeperiod": 50}}]},
         "Buy when close > SMA(50). Exit when close < EMA."),
        ({"entry_rules": ["Short when RSI_14 > 80."], "exit_rules": ["Cover when RSI_value < 50"], "indicators": [{"name": "rsi", "timeperiod": 14}]},
         "Short when RSI_14 > 80. Cover when RSI(14) < 50."),
        ({"entry_rules": ["MACD crosses above MACD_SIGNAL"], "exit_rules": ["MACD < 0"], "indicators": [{"name": "MACD", "fastperiod": 5}]},
         "Buy when MACD(5,26,9) crosses above MACD(5,26,9) signal. Exit when MACD(5,26,9) < 0."),
    ],
)  # fmt: skip
def test_the_sentence_of_an_older_shape(data: dict[str, Any], sentence: str) -> None:
    from Backtest.diagnostics import load_canonical
    from Strategy.reading.older_shape import canonical_json_of, sentence_of

    assert sentence_of(data) == sentence
    assert load_canonical(canonical_json_of(data)).strategy is not None


SEVERAL = {
    "entry_rules": ["RSI(14) < 30", "Close > SMA(200)"],
    "exit_rules": ["RSI(14) > 70", "EMA falls"],
    "symbols": ["GOOG"],
}
ANY_ENTRY, ANY_EXIT = "Any one of the 2 long entry rules is enough", "Any one of the 2 long exit rules is enough"


def test_that_any_of_several_strings_is_enough_is_an_assumption(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"canonical_json": SEVERAL}).json()
    assumed = {a["text"]: a for a in made["assumptions"]}
    assert {ANY_ENTRY, ANY_EXIT} <= set(assumed)
    assert (assumed[ANY_ENTRY]["code"], assumed[ANY_ENTRY]["field"]) == ("any_of", "entry_rules")
    assert assumed[ANY_ENTRY]["other"].startswith("all of them at once")
    assert any(text.startswith("EMA with its usual setting") for text in assumed), "what was assumed of the words stays"
    run = api.post("/api/backtests/quick-run/", {"canonical_json": SEVERAL}).json()
    assert {ANY_ENTRY, ANY_EXIT} <= {a["text"] for a in run["assumptions"]}


def test_one_string_and_one_of_each_side_assume_nothing_of_the_kind(api: APIClient) -> None:
    sides = {
        **SEVERAL,
        "entry_rules": ["Buy when RSI(14) < 30", "Short when RSI(14) > 70"],
        "exit_rules": [],
        "risk": {"max_bars": 9},
    }
    for data in (OLDER, sides):
        made = api.post("/api/strategies/", {"canonical_json": data, "name": str(len(data))}).json()
        assert "any_of" not in {a["code"] for a in made["assumptions"]}, made


def test_what_the_object_gives_is_not_assumed_of_its_strings(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"canonical_json": {**OLDER, "execution": {"commission": 0.001}}}).json()
    texts = {a["text"] for a in made["assumptions"]}
    assert "No spread" in texts
    assert "No commission" not in texts


def test_another_text_or_canonical_takes_the_assumptions_away(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"canonical_json": SEVERAL}).json()
    plain = api.patch(f"/api/strategies/{made['id']}/", {"canonical_json": OLDER}).json()
    assert ANY_ENTRY not in {a["text"] for a in plain["assumptions"]}


# -- Two names of one field ----------------------------------------------------------------------

RULE = {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "price", "column": "Open"}}
PLAIN = {"entry_rules": [{"when": RULE}], "risk": {"max_bars": 5}}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"indicators": [], "required_indicators": []}, "required_indicators"),
        ({"symbols": ["GOOG"], "symbol": "GOOG"}, "symbol"),
        ({"symbols": ["GOOG"], "ticker": "AAPL"}, "ticker"),
        ({"ticker": "GOOG", "symbol": "AAPL"}, "symbol"),
        ({"symbol": None, "symbols": []}, "symbol"),
        ({"indicators": [{"name": "RSI", "timeperiod": 3, "period": 4}]}, "indicators[0].period"),
        ({"indicators": [{"name": "RSI", "timeperiod": 3, "params": {"length": 4}}]}, "indicators[0].length"),
    ],
)
def test_both_names_of_a_field_in_a_canonical_are_one_too_many(
    api: APIClient, more: dict[str, Any], field: str
) -> None:
    answer = api.post("/api/strategies/", {"canonical_json": {**PLAIN, **more}})
    assert answer.status_code == 422
    (found,) = [d for d in answer.json()["details"] if d["severity"] == "error"]
    assert (found["code"], found["field"]) == ("given_twice", field)
    assert found["suggestion"].startswith("Leave one of them out: keep `")


def test_both_names_beside_rules_as_strings(api: APIClient) -> None:
    answer = api.post("/api/strategies/", {"canonical_json": {**OLDER, "symbol": "AAPL"}})
    assert (answer.status_code, answer.json()["details"][0]["code"]) == (422, "given_twice")


def test_a_second_name_is_validated_as_the_first(api: APIClient) -> None:
    answer = api.post("/api/strategies/", {"canonical_json": {**PLAIN, "symbol": 5}})
    assert answer.status_code == 422
    assert answer.json()["details"][0]["field"] == "symbols[0]"


# -- Drafts --------------------------------------------------------------------------------------


def test_what_was_read_is_kept_as_a_draft_with_its_question(api: APIClient) -> None:
    answer = api.post("/api/strategies/", {"user_description": "Buy when RSI < 30 for AAPL"})
    assert answer.status_code == 201, answer.content
    draft = answer.json()
    assert (draft["status"], draft["questions"]) == ("draft", ["When should the position be closed?"])
    assert draft["complete"] is False
    assert (
        draft["description"]
        == "Not complete yet: Buy when RSI < 30 for AAPL\nOpen: When should the position be closed?"
    )
    assert draft["canonical_json"]["symbols"] == ["AAPL"]
    assert draft["canonical_json"]["entry_rules"]
    assert draft["generated_code"] == ""
    for url, body in (
        ("backtests/", {"strategy_id": draft["id"]}),
        ("backtests/quick-run/", {"strategy_id": draft["id"]}),
        ("backtests/jobs/", {"strategy": str(draft["id"])}),
        ("backtests/optimize/", {"strategy_id": draft["id"], "instructions": "the RSI period from 5 to 10"}),
        (f"strategies/{draft['id']}/generate-code/", {}),
        (f"production/strategies/{draft['id']}/deploy/", {}),
    ):
        refused = api.post(f"/api/{url}", body)
        assert refused.status_code == 422, (url, refused.content)
        assert refused.json()["clarifying_questions"] == draft["questions"]
        assert "draft" in refused.json()["error"]
    check = api.post("/api/production/backtests/validate-config/", {"strategy_id": draft["id"]}).json()
    assert check["valid"] is False
    assert api.post(f"/api/strategies/{draft['id']}/validate/", {}).json()["status"] == "invalid"


def test_a_draft_becomes_a_strategy_by_the_whole_text(api: APIClient) -> None:
    draft = api.post("/api/strategies/", {"user_description": "Buy when RSI < 30 for AAPL"}).json()
    whole = api.patch(
        f"/api/strategies/{draft['id']}/", {"user_description": "Buy AAPL when RSI < 30, sell when RSI > 70"}
    ).json()
    assert (whole["questions"], whole["canonical_json"]["symbols"]) == ([], ["AAPL"])
    assert (whole["status"], whole["complete"]) == ("draft", True)
    assert whole["description"].splitlines()[1] == "Buy when RSI(14) is below 30."
    assert api.post("/api/backtests/quick-run/", {"strategy_id": draft["id"]}).json()["status"] == "completed"


def test_what_was_not_understood_is_no_draft(api: APIClient) -> None:
    for text in ("Buy when the frobnicator is up", "hello there"):
        assert api.post("/api/strategies/", {"user_description": text}).status_code == 422
    assert Strategy.objects.count() == 0


# -- Templates, pages, code ----------------------------------------------------------------------


def test_every_template_is_a_strategy(api: APIClient) -> None:
    found = api.get("/api/strategies/templates/").json()
    assert len(found) >= 12
    assert {"ema_crossover", "rsi_mean_reversion", "macd_crossover", "bollinger_reversion", "donchian_breakout",
            "golden_cross", "supertrend"} <= {t["name"] for t in found}  # fmt: skip
    for template in found:
        made = api.post("/api/strategies/", {"template": template["name"]})
        assert made.status_code == 201, made.content
        assert (made.json()["name"], made.json()["user_description"]) == (
            template["name"],
            template["user_description"],
        )
        assert made.json()["questions"] == []


def test_a_template_is_named_once_and_right(api: APIClient) -> None:
    assert api.post("/api/strategies/", {"template": "ema_crosover"}).status_code == 400
    both = api.post("/api/strategies/", {"template": "supertrend", "user_description": SENTENCE})
    assert both.status_code == 400


def test_a_template_s_name_is_a_text(api: APIClient) -> None:
    run = api.post("/api/backtests/quick-run/", {"user_description": "ema_crossover", "symbol": "AAPL"}).json()
    assert "EMA(20) crosses above EMA(50)" in run["description"]


def test_the_code_is_there_at_once(api: APIClient, made: dict[str, Any]) -> None:
    assert "class " in made["generated_code"]
    path = Path(django_settings.CODES_DIR) / Path(made["code_path"]).name
    assert path.read_text() == made["generated_code"]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A page on loopback; that it is not on the public internet is looked past here."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = "<h1>The dip</h1><p>Buy GOOG when RSI(5) &lt; 20, sell when RSI(5) &gt; 60.</p>"
            if self.path == "/two":
                text += "<p>Then there is another idea.</p><p>Buy AAPL when SMA(10) crosses above SMA(20), sell when SMA(10) crosses below SMA(20).</p>"
            body = f"<html><body>{text}</body></html>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("strategy_api.services.is_public", lambda _: True)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_url_is_the_page(api: APIClient, page: str) -> None:
    made = api.post("/api/strategies/", {"user_description": f" {page}/one "})
    assert made.status_code == 201, made.content
    assert "RSI(5) is below 20" in made.json()["description"]
    run = api.post("/api/backtests/quick-run/", {"user_description": f"{page}/one"}).json()
    assert run["symbol"] == "GOOG"


def test_a_page_with_two_strategies_is_asked_about(api: APIClient, page: str) -> None:
    answer = api.post("/api/strategies/", {"user_description": f"{page}/two"})
    assert answer.status_code == 422
    assert len(answer.json()["clarifying_questions"]) == 2


def test_a_url_inside_of_the_own_network_is_refused(api: APIClient) -> None:
    assert api.post("/api/strategies/", {"user_description": "http://127.0.0.1:1/x"}).status_code in (400, 422)
