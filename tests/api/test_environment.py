"""Settings that cannot work are refused by name; a database without tables is said with its remedy."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from algoagent_api import environment
from data_api.providers import PROVIDERS
from strategy_api.production import Gates
from tests.live import ROOT, Server, web
from tests.live import environment as live_environment


def check(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT, env=live_environment(folder, **more), capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("THROTTLE_ANON", "60/fortnight", "sec, min, hour or day"),
        ("THROTTLE_LOGIN", "5/month", "sec, min, hour or day"),
        ("DATA_PROVIDERS", "bundled,binance", "bundled, yahoo"),
        ("JWT_REFRESH_DAYS", "soon", "whole number"),
        ("USE_BACKTESTING_PY", "False", "no other engine"),
        ("BACKTEST_CONCURRENCY", "0", "at least 1"),
        ("DEPLOY_GATES", '{"minsharpe": 1}', "min_sharpe"),
        ("LLM_MODEL", "gpt", "vendor:model"),
        ("CELERY_BROKER_URL", "kafka://x", "redis"),
    ],
)
def test_what_cannot_work_is_refused_by_its_name(tmp_path: Path, name: str, value: str, says: str) -> None:
    done = check(tmp_path, **{name: value})
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert name in last
    assert says in last


def test_the_names_of_earlier_documents(tmp_path: Path) -> None:
    script = "import algoagent_api.settings as s; print(int(s.SIMPLE_JWT['ACCESS_TOKEN_LIFETIME'].total_seconds()))"
    for more, seconds in (({}, "3600"), ({"JWT_EXPIRY": "120"}, "120"), ({"USE_CONVERSATION_MEMORY": "True"}, "3600")):
        env = live_environment(tmp_path, **more)
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == seconds
    both = check(tmp_path, JWT_EXPIRY="1", JWT_ACCESS_SECONDS="2")
    assert both.returncode != 0
    assert "keep JWT_ACCESS_SECONDS" in both.stderr


def test_the_known_names_are_those_of_the_code() -> None:
    assert set(environment.PROVIDERS) == set(PROVIDERS)
    assert set(environment.GATES) == set(Gates.model_fields)


def test_a_database_without_tables_says_so_once(tmp_path: Path) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = Server(f"http://127.0.0.1:{port}", live_environment(tmp_path))
    log = tmp_path / "server.log"
    with log.open("w") as file, web(server, file) as process:
        try:
            health = _answered(f"{server.url}/api/health/")
            assert health.status_code == 503
            assert "manage.py migrate" in health.json()["database"]
            body = {"username": "ada", "email": "a@example.com", "password": "a-long-pass-phrase"}
            for _ in range(2):
                answer = httpx.post(f"{server.url}/api/auth/register/", json=body, timeout=60)
                assert answer.status_code == 503
                assert "manage.py migrate" in answer.json()["error"]
        finally:
            process.terminate()
    assert log.read_text().count("The database has no tables") == 1
    assert "Traceback" not in log.read_text()


def _answered(url: str) -> httpx.Response:
    until = time.monotonic() + 60
    while True:
        try:
            return httpx.get(url, timeout=5)
        except httpx.HTTPError:
            assert time.monotonic() < until
            time.sleep(0.1)
