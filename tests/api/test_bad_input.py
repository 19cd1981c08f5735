"""The worst input there is gets a clear error in the one error body, and never a server error."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from rest_framework.test import APIClient

from backtest_api.models import BacktestRun
from strategy_api.models import Strategy
from tests.conftest import SENTENCE

BODY = {"error", "details", "ai_suggestions", "clarifying_questions"}


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"{", 400, "JSON"),
        (b"", 400, "user_description"),
        (b"null", 400, "No data provided"),
        (b"[]", 400, "object|dictionary|Invalid data"),
        (b'"text"', 400, "object|dictionary|Invalid data"),
        (b"\xff\xfe\x00", 400, "JSON"),
        (b'{"canonical_json": {"entry_rules": NaN}}', 400, "JSON|NaN"),
        (b'{"canonical_json": {"a": Infinity}}', 400, "JSON|Infinity"),
        (b'{"user_description": "\\ud800 buy"}', 400, "surrogate|Unicode"),
        (b'{"user_description": "a\\u0000b"}', 400, "null|U.0000|Null"),
        (b'{"user_description": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "JSON|string|nested"),
        (b'{"user_description": {"a": 1}}', 400, "string"),
        (b'{"user_description": "' + b"x" * 10_001 + b'"}', 400, "10000"),
        (b'{"user_description": "' + b"x" * 1_100_000 + b'"}', 413, "larger"),
        (b'{"canonical_json": {"description": "' + b"x" * 70_000 + b'"}}', 422, "65536|at most"),
        (b'{"name": "' + b"n" * 130 + b'", "user_description": "buy"}', 400, "120"),
        ('{"user_description": "Купить когда RSI < 30 🚀"}'.encode(), 422, "understood"),
        (b'{"user_description": "<script>alert(1)</script> {{7*7}} ${jndi:x}"}', 422, "understood"),
    ],
)
def test_bodies(api: APIClient, content: bytes, status: int, says: str) -> None:
    import re

    answer = api.post("/api/strategies/", data=content, content_type="application/json")
    assert answer.status_code == status, answer.content[:300]
    assert set(answer.json()) == BODY
    assert re.search(says, answer.content.decode()), answer.content[:400]
    assert Strategy.objects.count() == 0


def test_too_many_parameters_fields_and_files(api: APIClient) -> None:
    asked = api.get("/api/strategies/", {f"a{number}": "1" for number in range(1_001)})
    fields = api.post("/api/data/datasets/upload/", {f"a{number}": "1" for number in range(1_001)}, format="multipart")
    files = {f"a{number}": SimpleUploadedFile("a.csv", b"a") for number in range(101)}
    sent = api.post("/api/data/datasets/upload/", files, format="multipart")
    for answer, says in (
        (asked, "1,000 parameters or fields: send fewer"),
        (fields, "1,000 parameters or fields: send fewer"),
        (sent, "100 files: send one a request"),
    ):
        assert (answer.status_code, set(answer.json())) == (400, BODY)
        assert says in answer.json()["error"]


def test_other_media_types_and_methods(api: APIClient) -> None:
    xml = api.post("/api/strategies/", data=b"<a/>", content_type="application/xml")
    assert (xml.status_code, set(xml.json())) == (415, BODY)
    assert api.delete("/api/strategies/").status_code == 405
    assert set(api.get("/api/nothing/").json()) == BODY


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "..\\..\\x",
        "a/b",
        "CON",
        "💥",
        "' OR 1=1 --",
        "<img src=x onerror=1>",
        "name\nimport os",
        "-rf",
    ],
)
def test_names_with_tricks_are_kept_as_names_only(api: APIClient, name: str, settings: Any) -> None:
    from pathlib import Path

    made = api.post("/api/strategies/", {"user_description": SENTENCE, "name": name})
    assert made.status_code in (201, 400), made.data
    if made.status_code == 201:
        code = api.post(f"/api/strategies/{made.json()['id']}/generate-code/", {}).json()
        path = Path(settings.CODES_DIR) / Path(code["file_path"]).name
        assert path.parent == Path(settings.CODES_DIR)
        assert path.read_text() == code["strategy_code"]
        compile(code["strategy_code"], "x.py", "exec")
        run = api.post("/api/backtests/quick-run/", {"strategy_id": made.json()["id"]})
        assert run.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/strategies/99999999999999999999999/", "/api/strategies/-1/", "/api/backtests/0/trades/",
        "/api/conversations/%2e%2e%2f/", "/api/conversations/" + "x" * 500 + "/", "/api/conversations/%00/",
        "/api/strategies/?page=0", "/api/strategies/?page=abc", "/api/strategies/?ordering=password",
        "/api/backtests/?status=nonsense", "/api/backtests/?strategy=abc", "/api/strategies/?page_size=-1",
        "/api/strategies/?name=%00", "/api/backtests/?symbol=%F0%9F%92%A5",
    ],
)  # fmt: skip
def test_paths_and_queries(api: APIClient, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code in (200, 400, 404), answer.content
    if answer.status_code != 200:
        assert set(answer.json()) == BODY


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("backtests/quick-run/", {"user_description": SENTENCE, "cash": True}, "cash"),
        ("backtests/quick-run/", {"user_description": SENTENCE, "symbol": 5}, "symbol"),
        ("backtests/quick-run/", {"user_description": 5}, "user_description"),
        ("backtests/jobs/", {"strategy": SENTENCE, "symbols": ["GOOG", 5]}, "symbols"),
        ("backtests/jobs/", {"strategy": SENTENCE, "notes": 5}, "notes"),
        ("strategies/", {"user_description": SENTENCE, "name": 1.5}, "name"),
        ("chat/", {"message": 5}, "message"),
        ("production/strategies/validate-code/", {"code": 5}, "code"),
        ("production/strategies/1/deploy/", {"gates": {"min_trades": True}}, "gates.min_trades"),
        ("production/strategies/1/deploy/", {"gates": {"min_trades": "1"}}, "gates.min_trades"),
        ("backtests/quick-run/", {"user_description": SENTENCE, "cash": "1000"}, "cash"),
        ("backtests/quick-run/", {"user_description": SENTENCE, "ticker": 5}, "ticker"),
        ("backtests/", {"strategy_id": "1"}, "strategy_id"),
        ("strategies/1/recommendations/", {"measure": 0}, "measure"),
        ("strategies/1/recommendations/", {"measure": "no"}, "measure"),
    ],
)
def test_a_value_of_another_type_is_not_turned_into_one(
    api: APIClient, path: str, body: dict[str, Any], field: str
) -> None:
    api.post("/api/strategies/", {"user_description": SENTENCE})
    path = path.replace("/1/", f"/{Strategy.objects.get().pk}/")
    answer = api.post(f"/api/{path}", body)
    assert answer.status_code == 400, answer.content
    (found,) = answer.json()["details"]
    assert (found["field"], found["code"]) == (field, "wrong_type")
    assert found["suggestion"].removesuffix(", without quotes") in (
        "Send a number", "Send text in quotes", "Send true or false",
    )  # fmt: skip


@pytest.mark.parametrize("own", [{"canonical_json": {}}, {"user_description": ""}, {"user_description": SENTENCE}])
def test_an_empty_strategy_is_none_beside_a_stored_one(api: APIClient, own: dict[str, Any]) -> None:
    number = api.post("/api/strategies/", {"user_description": SENTENCE}).json()["id"]
    answer = api.post("/api/backtests/quick-run/", {"strategy_id": number, **own})
    assert answer.status_code == 400, answer.content
    assert f"strategy_id and {next(iter(own))} were given" in answer.json()["details"][0]["message"]
    assert api.post("/api/strategies/", {"template": "ema_crossover", **own}).status_code == 400


@pytest.mark.parametrize("own", [{"canonical_json": {}}, {"user_description": ""}])
def test_an_empty_strategy_is_no_strategy(api: APIClient, own: dict[str, Any]) -> None:
    answer = api.post("/api/backtests/quick-run/", own)
    assert answer.status_code == 400, answer.content
    assert f"{next(iter(own))} is empty" in answer.json()["details"][0]["message"]


def test_a_search_takes_parameters_or_instructions(api: APIClient) -> None:
    number = api.post("/api/strategies/", {"user_description": SENTENCE}).json()["id"]
    for body in ({}, {"parameters": {}, "instructions": "the RSI period from 5 to 30"}):
        answer = api.post("/api/backtests/optimize/", {"strategy_id": number, **body})
        assert (answer.status_code, answer.json()["details"][0]["field"]) == (400, "parameters"), answer.content


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b'{"cash": 1000, "cash": 500000, "strategy_id": 1}', ["cash"]),
        (b'{"canonical_json": {"risk": {"max_bars": 1, "max_bars": 2}}}', ["max_bars"]),
        (b'{"canonical_json": {"indicators": [{"name": "RSI", "name": "SMA", "a": 1, "a": 2}]}}', ["name", "a"]),
    ],
)
def test_a_name_of_json_given_twice_is_refused(api: APIClient, content: bytes, names: list[str]) -> None:
    answer = api.post("/api/backtests/quick-run/", data=content, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert [(d["code"], d["field"]) for d in answer.json()["details"]] == [("given_twice", name) for name in names]


def test_a_job_takes_the_number_of_a_strategy_as_number_or_text(api: APIClient) -> None:
    number = api.post("/api/strategies/", {"user_description": SENTENCE}).json()["id"]
    for given in (number, str(number)):
        assert api.post("/api/backtests/jobs/", {"strategy": given}).status_code == 202


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"start_date": "2024-02-30"}, "2024-02-30 does not exist: February 2024 has 29 days"),
        ({"start_date": "2024-13-01"}, "2024-13-01 does not exist: a year has 12 months"),
        ({"start_date": "spring"}, "got 'spring'"),
        ({"timeframe": "1 day"}, "did you mean `1d`?"),
        ({"cash": -1}, "got -1"),
        ({"commission": 200}, "got 200"),
        ({"cash": "much"}, '`cash` is "much", and has to be a number'),
        ({"timezone": "Mars/Olympus"}, "There is no time zone 'Mars/Olympus'"),
    ],
)
def test_a_refusal_names_the_value(api: APIClient, body: dict[str, Any], says: str) -> None:
    for path in ("backtests/quick-run/", "production/backtests/run-sandbox/"):
        given = {"user_description": SENTENCE} if "quick" in path else {"code": "x = 1", "symbol": "GOOG"}
        answer = api.post(f"/api/{path}", {**given, **body})
        assert answer.status_code == 400, answer.content
        assert says in answer.json()["details"][0]["message"]


def test_a_refusal_does_not_repeat_a_password(db: None) -> None:
    body = {"username": "eve", "email": "nope", "password": "hushhush1"}
    answer = APIClient().post("/api/auth/register/", body)
    assert answer.status_code == 400
    assert "got 'nope'" in answer.content.decode()
    assert "hush" not in answer.content.decode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"not,prices\n1,2\n", "no column of times"),
        (b"Date,Open,High,Low,Close\n", "no usable bar|no rows|empty"),
        (b"Date,Open,High,Low,Close\n2020-01-01,nan,inf,-inf,1\n", "no usable bar"),
        (b"\x00\x01\x02" * 100, "CSV|times|column"),
    ],
)
def test_uploads(api: APIClient, content: bytes, says: str) -> None:
    import re

    from django.core.files.uploadedfile import SimpleUploadedFile

    upload = SimpleUploadedFile("../../evil.csv", content)
    answer = api.post("/api/data/datasets/upload/", {"file": upload, "symbol": "MINE"}, format="multipart")
    assert answer.status_code in (400, 422), answer.content
    assert re.search(says, answer.content.decode()), answer.content


def test_a_one_bar_upload_is_kept_but_cannot_be_traded(api: APIClient) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    upload = SimpleUploadedFile("p.csv", b"Date,Open,High,Low,Close\n2020-01-01,1,2,1,2\n")
    assert (
        api.post("/api/data/datasets/upload/", {"file": upload, "symbol": "ONE"}, format="multipart").status_code == 201
    )
    answer = api.post("/api/backtests/quick-run/", {"user_description": "Buy when close > 1, stop 5%", "symbol": "ONE"})
    assert answer.status_code == 422
    assert "at least 2" in answer.json()["error"]
    assert BacktestRun.objects.get().status == "failed"


def test_a_server_error_tells_nothing_of_the_inside(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.test import Client

    from strategy_api import services

    def broken(**_: Any) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(services, "strategy_create", broken)
    client = Client(raise_request_exception=False)
    header = api._credentials["HTTP_AUTHORIZATION"]  # type: ignore[attr-defined]
    answer = client.post("/api/strategies/", "{}", content_type="application/json", HTTP_AUTHORIZATION=header)
    assert answer.status_code == 500
    assert set(answer.json()) == BODY
    assert "secret" not in answer.content.decode()


def test_what_is_deleted_under_a_request(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made = api.post("/api/strategies/", {"user_description": SENTENCE}).json()

    def deleted(**_: object) -> None:
        Strategy.objects.all().delete()
        raise Strategy.DoesNotExist

    monkeypatch.setattr("strategy_api.production.deploy", deleted)
    answer = api.post(f"/api/production/strategies/{made['id']}/deploy/", {})
    assert (answer.status_code, answer.json()["error"]) == (404, "The strategy was deleted while this was being done")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (OperationalError("database is locked"), "The database does not answer, so this was not done: try again"),
        (OperationalError('connection to server at "10.1.2.3", port 5432 failed'), "The database does not answer"),
        (OSError(errno.ENOSPC, "No space left on device", "/srv/var/x"), "The disk of the server is full, so this was not done"),
    ],
)  # fmt: skip
def test_a_fault_of_the_machine_that_passes(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, fault: Exception, says: str
) -> None:
    def fail(**_: Any) -> None:
        raise fault

    monkeypatch.setattr("data_api.selectors.datasets_of", fail)
    answer = api.get("/api/data/datasets/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert answer.json()["error"].startswith(says)
    assert "10.1.2.3" not in answer.content.decode()
    assert "/srv" not in answer.content.decode()


@pytest.mark.parametrize(
    ("number", "status", "says"),
    [(errno.ENOSPC, 503, "The disk of the server is full"), (errno.EACCES, 500, "it has been logged")],
)
def test_code_that_cannot_be_written(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, number: int, status: int, says: str
) -> None:
    """Nothing is kept, and where the folder is is told to nobody but the log."""

    def fail(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(number, "it cannot be written", str(path))

    monkeypatch.setattr("Backtest.code.generator.write_whole", fail)
    api.raise_request_exception = False
    answer = api.post("/api/strategies/", {"user_description": SENTENCE})
    assert (answer.status_code, set(answer.json())) == (status, BODY)
    assert says in answer.json()["error"]
    assert str(settings.CODES_DIR) not in answer.content.decode()
    assert Strategy.objects.count() == 0


@pytest.mark.parametrize(
    ("path", "body", "field", "message", "suggestion"),
    [
        ("backtests/", {}, "strategy_id", "`strategy_id` is required", "Add `strategy_id`"),
        ("backtests/", {"strategy_id": None}, "strategy_id", "`strategy_id` may not be null", "Give `strategy_id` a value"),
        ("backtests/", {"strategy_id": 1.5}, "strategy_id", "`strategy_id`: a valid integer is required, got 1.5", "Send a whole number"),
        ("backtests/", {"strategy_id": [1]}, "strategy_id", "a valid integer is required, got a list", "Send a whole number"),
        ("backtests/", {"strategy_id": 1, "symbol": ["GOOG"]}, "symbol", "`symbol` is a list, and has to be one symbol", "Send one symbol; a job"),
        ("data/fetch/", {"symbol": "GOOG", "indicators": [{"name": "RSI", "timeperiod": "14"}]}, "indicators[0].timeperiod",
         "indicators[0].timeperiod is text, '14', and must be a number", "Send a number"),
        ("backtests/jobs/", {"strategy": "ema_crosover"}, "strategy", "did you mean `ema_crossover`?", "did you mean `ema_crossover`?"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_field_and_the_remedy(
    api: APIClient, path: str, body: dict[str, Any], field: str, message: str, suggestion: str
) -> None:
    answer = api.post(f"/api/{path}", body)
    assert answer.status_code in (400, 422), answer.content
    (found,) = answer.json()["details"]
    assert found["field"] == field
    assert message in found["message"]
    assert found["suggestion"].startswith(suggestion)


def test_errors_of_http_say_what_to_send(api: APIClient) -> None:
    form = api.post("/api/strategies/", data="{}", content_type="application/x-www-form-urlencoded")
    assert form.status_code == 415
    assert "Send the header Content-Type: application/json" in form.json()["error"]
    deleted = api.delete("/api/strategies/")
    assert deleted.status_code == 405
    assert deleted.json()["error"].endswith("Use GET or POST")
    xml = api.get("/api/strategies/", HTTP_ACCEPT="application/xml")
    assert xml.status_code == 406
    assert "Given is application/json" in xml.json()["error"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("data/datasets/?timeframe=zzz", "There are 1m, 2m"),
        ("data/datasets/?timeframe=60m", "did you mean `1h`?"),
        ("data/datasets/?source=zzz", "bundled, uploaded, yahoo"),
        ("ai/calls/?purpose=zzz", "chat, code"),
        ("backtests/?timeframe=weekly", "did you mean `1wk`?"),
    ],
)
def test_a_filter_names_its_choices(api: APIClient, query: str, says: str) -> None:
    answer = api.get(f"/api/{query}")
    assert answer.status_code == 400, answer.content
    assert says in answer.json()["details"][0]["message"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Give at"),
        ("?at=2010-02-30", "February 2010 has 28 days"),
        ("?at=zzz", "is no time"),
        ("?at=-1", "is no time"),
    ],
)
def test_what_to_explain(api: APIClient, query: str, says: str) -> None:
    run = api.post("/api/backtests/quick-run/", {"user_description": SENTENCE}).json()["id"]
    answer = api.get(f"/api/backtests/{run}/explain/{query}")
    assert answer.status_code == 400, answer.content
    (found,) = answer.json()["details"]
    assert found["field"] == "at"
    assert says in found["message"]


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"parameters": {"rsi_period": {"min": 5, "max": 30, "setp": 2}}}, "parameters.rsi_period.setp", "did you mean `step`?"),
        ({"parameters": {"rsi_period": {"min": "5", "max": 30}}}, "parameters.rsi_period.min", "valid number"),
        ({"parameters": {"rsi_period": [14, 14]}}, "parameters.rsi_period", "14 is listed twice"),
        ({"parameters": {"rsi_period": {"min": 30, "max": 5}}}, "parameters.rsi_period", "swap them"),
        ({"parameters": {"rsi_period": [5, 14]}, "objective": "sharp"}, "objective", "There is no figure 'sharp'"),
        ({"parameters": {"rsi_period": [5, 14]}, "constraint": "import os"}, "constraint", "constraint"),
        ({"parameters": {"nothing_here": [5, 14]}}, "parameters.nothing_here", "no number 'nothing_here'"),
    ],
)  # fmt: skip
def test_a_search_names_the_field_at_fault(api: APIClient, given: dict[str, Any], field: str, says: str) -> None:
    number = api.post("/api/strategies/", {"user_description": SENTENCE}).json()["id"]
    answer = api.post("/api/backtests/optimize/", {"strategy_id": number, **given})
    assert answer.status_code == 400, answer.content
    (found,) = answer.json()["details"]
    assert found["field"].replace("indicators.rsi_14.timeperiod", "rsi_period") == field
    assert says in found["message"]


def test_a_command_names_the_day_and_the_amount(db: None) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match="2010-02-30 does not exist: February 2010 has 28 days"):
        call_command("backtest", SENTENCE, "--start", "2010-02-30")
    with pytest.raises(CommandError, match="--cash nan is no amount"):
        call_command("backtest", SENTENCE, "--cash", "nan")
