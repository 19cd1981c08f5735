"""Health, figures and logs: true, complete, and without a secret."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from algoagent_api import health
from algoagent_api.redaction import HIDDEN, redact
from tests.conftest import SENTENCE
from tests.live import http, serve


@pytest.fixture(autouse=True)
def fresh() -> None:
    health._remembered.clear()


def test_live_and_ready_without_a_worker(client: Any, db: None) -> None:
    assert client.get("/api/health/live/").json() == {"status": "ok"}
    found = client.get("/api/health/")
    assert found.status_code == 200
    body = found.json()
    assert (body["status"], body["broker"], body["workers"]) == ("ok", "filesystem", 0)
    assert (body["sandbox_backend"], body["sandbox_isolated"]) == ("process", False)
    ready = client.get("/api/health/ready/")
    assert (ready.status_code, ready.json()["status"]) == (503, "failing")


def test_a_broker_and_a_sandbox_that_do_not_work(
    client: Any, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health.app.conf, "broker_url", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(health.app, "connection_for_write", lambda: health.app.connection("redis://127.0.0.1:1/0"))
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(type(health.get_sandbox()), "problem", lambda self: "broken today")
    body = client.get("/api/health/ready/").json()
    assert body["broker"].startswith("redis does not answer")
    assert body["sandbox_problem"] == "broken today"
    health_ = client.get("/api/health/")
    assert (health_.status_code, health_.json()["status"]) == (200, "degraded")


def test_a_sandbox_that_does_not_work_isolates_nothing(client: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = type(health.get_sandbox())
    for problem, shown in (("", ("ok", True, "")), ("no bwrap", ("degraded", False, "no bwrap"))):
        health._remembered.clear()
        monkeypatch.setattr(sandbox, "isolated", True)
        monkeypatch.setattr(sandbox, "problem", lambda self, problem=problem: problem)
        body = client.get("/api/health/").json()
        assert (body["status"], body["sandbox_isolated"], body["sandbox_problem"]) == shown


def test_everything_works_on_a_real_server(tmp_path: Path) -> None:
    with serve(
        tmp_path,
        workers=1,
        LOG_FORMAT="json",
        SECRET_KEY="q8Jd73kfLs92mDkeWpq01zXcVbnM8aQwErTy",
        METRICS_TOKEN="count-me-in",
    ) as server:
        token = server.token()
        header = {"Authorization": f"Bearer {token}", "X-Request-ID": "my-request-1"}
        answer = http.post(
            f"{server.url}/api/backtests/quick-run/", json={"user_description": SENTENCE}, headers=header, timeout=60
        )
        assert answer.headers["X-Request-ID"] == "my-request-1"
        made = http.post(
            f"{server.url}/api/strategies/", json={"user_description": SENTENCE}, headers=header, timeout=60
        ).json()
        run = http.post(
            f"{server.url}/api/backtests/", json={"strategy_id": made["id"]}, headers=header, timeout=60
        ).json()["id"]
        from tests.api.test_workers import ended

        assert ended(server, header, run)["status"] == "completed"
        assert http.get(f"{server.url}/api/health/ready/", timeout=20).json()["status"] == "ok"
        assert http.get(f"{server.url}/metrics", timeout=60).status_code == 403
        shown = http.get(f"{server.url}/metrics", headers={"Authorization": "Bearer count-me-in"}, timeout=60).text
    figures = dict(line.rsplit(" ", 1) for line in shown.splitlines() if not line.startswith("#"))
    assert figures['algoagent_backtests{status="completed"}'] == "2.0"
    assert figures["algoagent_workers"] == "1.0"
    assert figures["algoagent_backtest_queue_wait_seconds_count"] == "1.0"
    assert figures["algoagent_backtest_run_seconds_count"] == "2.0"
    assert figures['algoagent_backtests_ended_total{status="completed"}'] == "2.0"
    exits = {k: v for k, v in figures.items() if k.startswith("algoagent_sandbox_exits_total")}
    assert sum(map(float, exits.values())) == 2
    assert any('reason="completed"' in k for k in exits)
    assert any(k.startswith("algoagent_sandbox_start_seconds_count") for k in figures)
    assert any(k.startswith("algoagent_sandbox_pool_total") for k in figures)
    assert (
        figures['algoagent_http_requests_total{method="POST",route="/api/backtests/quick-run/",status="200"}'] == "1.0"
    )
    log = (tmp_path / "server.log").read_text()
    entries = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    mine = [e for e in entries if e.get("request_id") == "my-request-1" and e["event"] == "request"]
    assert {"method", "path", "status", "ms", "user_id", "timestamp", "level"} <= set(mine[0])
    assert token not in log
    assert "s" * 40 not in log
    assert "correct horse battery" not in log


def test_metrics_answer_this_machine_only(client: Any, db: None) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 403


@pytest.mark.parametrize("given", ["a b", "x" * 65, "<script>", "a\nb", ""])
def test_ids_of_requests_are_checked(client: Any, db: None, given: str) -> None:
    answer = client.get("/api/health/live/", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given
    assert len(answer.headers["X-Request-ID"]) == 32


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefghijklmnop",
        "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.c2lnbmF0dXJl",
        "postgresql://algo:hunter2secret@db:5432/algo",
        "GET /x?token=abcdef123456&y=1",
        "key sk-abcdefghijklmnopqrstuv and AIzaSyA1234567890abcdefghijk",
    ],
)
def test_secrets_in_texts_are_hidden(text: str) -> None:
    entry = redact(None, "", {"event": text, "inner": {"list": [text]}})
    for shown in (entry["event"], entry["inner"]["list"][0]):
        assert HIDDEN in shown
        for secret in ("abcdefghijklmnop", "c2lnbmF0dXJl", "hunter2secret", "abcdef123456", "SyA1234567890"):
            assert secret not in shown


def test_secrets_by_name_and_by_value_are_hidden(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "a-key-of-a-provider")
    settings.SECRET_KEY = "the-key-of-this-server"
    entry = redact(
        None,
        "",
        {"password": "x", "event": "failed with a-key-of-a-provider and the-key-of-this-server", "access": "y", "n": 1},
    )
    assert entry == {"password": HIDDEN, "event": f"failed with {HIDDEN} and {HIDDEN}", "access": HIDDEN, "n": 1}


def test_what_is_logged_is_redacted() -> None:
    """The handler of the settings, given what logging would give it."""
    import sys

    from django.conf import settings

    config = settings.LOGGING["formatters"]["structured"]
    formatter = config["()"](foreign_pre_chain=config["foreign_pre_chain"], processors=config["processors"])
    try:
        raise ValueError("Bearer abcdefghijklmnop")
    except ValueError:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "the address is %s", ("postgresql://a:bcdefgh@h/db",), sys.exc_info()
        )
    shown = formatter.format(record)
    assert "the address is postgresql://[hidden]@h/db" in shown
    assert "ValueError: [hidden]" in shown
    assert "bcdefgh" not in shown
