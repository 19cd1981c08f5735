"""Settings that cannot work are refused by name; a database without tables is said with its remedy."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from algoagent_api import environment, rules
from data_api.sources import NAMES, provider_of
from strategy_api.production import Gates
from tests.live import Server, end, free_port, http, serve, web
from tests.live import environment as live_environment
from tests.warm import ROOT, run


def check(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return run(["manage.py", "check"], live_environment(folder, **more))


CANNOT_WORK = [
    ("THROTTLE_ANON", "60/fortnight", "sec, min, hour or day"),
    ("THROTTLE_LOGIN", "5/month", "sec, min, hour or day"),
    ("DATA_PROVIDERS", "bundled,binance", "bundled, yahoo"),
    ("DATA_PROVIDERS", "", "name at least one"),
    ("JWT_REFRESH_DAYS", "soon", "whole number"),
    ("USE_BACKTESTING_PY", "False", "no other engine"),
    ("BACKTEST_CONCURRENCY", "0", "from 1 to 256"),
    ("DEPLOY_GATES", '{"minsharpe": 1}', "min_sharpe"),
    ("LLM_MODEL", "gpt", "vendor:model"),
    ("CELERY_BROKER_URL", "kafka://x", "redis"),
    ("CELERY_BROKER_URL", "redis", "redis://host"),
    ("CELERY_BROKER_URL", "sqs://", "redis"),
    ("SECURITY_CONTACT", "mailto:", "mailto:security@example.com"),
    ("SECURITY_CONTACT", "mailto:a@b.com\nX: y", "Write it on one line"),
    ("GEMINI_API_KEY", "a\nb", "Write it on one line"),
    ("CACHE_URL", "redis://host:6379/first", "redis://host:6379/1"),
    ("VAR_DIR", "", "holds the project itself"),
    ("VAR_DIR", "/dev/null", "Name a folder"),
    ("VAR_DIR", "/etc", "which is not this server's"),
    ("CODES_DIR", "/", "holds the project itself"),
    ("MEDIA_ROOT", str(ROOT), "holds the project itself"),
    ("DEPLOY_REPO", str(ROOT), "holds the project itself"),
    ("DATA_UPLOAD_MAX_MEMORY_SIZE", "1", "at least 10000"),
    ("SECURE_HSTS_SECONDS", "1000000000000000000000000000000", "from 0 to"),
    ("SECURITY_CONTACT", "security@example.com", "mailto:security@example.com"),
    ("CACHE_URL", "memcached://host", "redis://host:6379/1"),
    ("CACHE_URL", "redis://host:0/1", "from 1 to 65535"),
    ("DATABASE_URL", "foo", "postgres://user"),
    ("DATABASE_URL", "sqlite", "sqlite:///"),
    ("DATABASE_URL", "oracle://x", "postgres://user"),
    ("DATABASE_URL", "postgres://host:port/db", "port is no number"),
    ("DATABASE_URL", "postgres://host:0/db", "from 1 to 65535"),
    ("DATABASE_URL", "postgresql://host:65536/db", "from 1 to 65535"),
    ("DATABASE_URL", "postgres://host:5432/", "no database"),
    ("DATABASE_URL", "sqlite:///", "no file"),
    ("DATABASE_URL", "sqlite://:memory:", "no file"),
    ("CELERY_BROKER_URL", "redis://host:0/1", "from 1 to 65535"),
    ("CELERY_BROKER_URL", "amqp://host:x//", "from 1 to 65535"),
    ("DATABASE_URL", "postgres://host", "no database"),
    ("DATABASE_URL", "sqlite:////proc/x/db", "Name a folder"),
    ("VAR_DIR", "/proc/x", "Name a folder"),
    ("MEDIA_ROOT", "/dev/null/x", "Name a folder"),
    ("CODES_DIR", "/dev/null/x", "Name a folder"),
    ("DEPLOY_REPO", "/dev/null/x", "Name a folder"),
    ("DEBUG", "maybe", "True or False"),
    ("SANDBOX_PERSIST", "perhaps", "True or False"),
    ("SEARXNG_ENDPOINT", "notaurl", "https://"),
    ("OPENAI_BASE_URL", "notaurl", "https://"),
    ("GEMINI_BASE_URL", "http://host:port", "https://"),
    ("ALLOWED_HOSTS", "http://a.b", "without http://"),
    ("ALLOWED_HOSTS", "a.b:80", "port"),
    ("CORS_ALLOWED_ORIGINS", "a.b", "scheme"),
    ("JWT_REFRESH_DAYS", "99999999999", "from 1 to 3650"),
    ("JWT_ACCESS_SECONDS", "99999999999999", "from 1 to 315360000"),
    ("JWT_ACCESS_SECONDS", "1209601", "longer than JWT_REFRESH_DAYS=14"),
    ("JWT_EXPIRY", "soon", "JWT_EXPIRY=soon is not a whole number"),
    ("JWT_EXPIRY", "0", "JWT_EXPIRY=0 cannot work"),
    ("JWT_EXPIRY", "1209601", "JWT_EXPIRY=1209601 cannot work"),
    ("DEPLOY_GATES", "[1]", "DEPLOY_GATES=[1] cannot work: write JSON"),
    ("DEPLOY_GATES", '{"min_trades": NaN}', "must be a number"),
    ("DEPLOY_GATES", '{"min_trades": 1e999}', "must be a number"),
    ("DEPLOY_GATES", '{"min_trades": "5"}', "must be a number"),
    ("DEPLOY_GATES", '{"min_trades": true}', "must be a number"),
    ("DEPLOY_GATES", '{"min_trades"', 'DEPLOY_GATES={"min_trades" is not JSON'),
    ("SANDBOX_TIMEOUT_S", "inf", "SANDBOX_TIMEOUT_S=inf is not a number"),
    ("SANDBOX_TIMEOUT_S", "86401", "at most 86400"),
    ("SANDBOX_MEMORY_MB", "1048577", "from 256 to 1048576"),
    ("SANDBOX_READY", "65", "from 0 to 64"),
    ("SANDBOX_IMAGE", "", "name an image"),
    ("BACKTEST_CONCURRENCY", "257", "from 1 to 256"),
    ("SECURE_HSTS_SECONDS", "-1", "from 0 to"),
    ("AI_BUDGET_USER_USD", "21", "above AI_BUDGET_TOTAL_USD=20"),
    ("AI_BUDGET_RESERVE_PERCENT", "nan", "AI_BUDGET_RESERVE_PERCENT=nan is not a number"),
    ("DATABASE_URL", "sqlite:////nonexistent/dir/db.sqlite3", "no folder /nonexistent"),
    ("CHAT_WAIT_S", "x", "CHAT_WAIT_S=x is not a number"),
    ("CHAT_WAIT_S", "3x0", "CHAT_WAIT_S=3x0 is not a number"),
]
# Of these only one a process: what is wrong with one changes what is said of another.
TOGETHER = dict.fromkeys(("JWT_EXPIRY", "JWT_ACCESS_SECONDS", "JWT_REFRESH_DAYS"), "a token's life")
TOGETHER |= dict.fromkeys(("VAR_DIR", "MEDIA_ROOT", "CODES_DIR", "DEPLOY_REPO", "DATABASE_URL"), "a folder")


def rounds() -> list[list[tuple[str, str, str]]]:
    """Return what cannot work in as few processes as name it all."""
    found: list[dict[str, tuple[str, str, str]]] = []
    for case in CANNOT_WORK:
        kind = TOGETHER.get(case[0], case[0])
        place = next((one for one in found if kind not in one), None)
        if place is None:
            found.append(place := {})
        place[kind] = case
    return [list(one.values()) for one in found]


@pytest.mark.parametrize("cases", rounds(), ids=len)
def test_what_cannot_work_is_refused_by_its_name(tmp_path: Path, cases: list[tuple[str, str, str]]) -> None:
    done = check(tmp_path, **{name: value for name, value, _ in cases})
    assert done.returncode != 0
    first, *lines = done.stderr.strip().splitlines()
    if len(cases) == 1:
        assert first.startswith("The settings cannot work: ")
        lines = [first.removeprefix("The settings cannot work: ")]
    else:
        assert first == f"The settings cannot work: {len(cases)} are wrong"
    assert len(lines) == len(cases), done.stderr
    for name, _, says in cases:
        assert [line for line in lines if line.strip().startswith(name) and says in line], (name, says, lines)


SEVERAL = {
    "JWT_EXPIRY": "-1",
    "SANDBOX_READY": "many",
    "DEPLOY_GATES": "[1]",
    "VAR_DIR": "/proc/x",
    "THROTTLE_ANON": "5/month",
}


@pytest.mark.parametrize(
    "module",
    [("uvicorn", "algoagent_api.asgi:application", "--port", "0"), ("celery", "--app", "algoagent_api", "worker"), ()],
)  # fmt: skip
def test_all_that_cannot_work_is_named_at_once_by_whatever_starts(tmp_path: Path, module: tuple[str, ...]) -> None:
    command = ["-m", *module] if module else ["manage.py", "check"]
    production = {"DEBUG": "False", "SECRET_KEY": "q8Jd73kfLs92mDkeWpq01zXcVbnM8aQwErTy", "ALLOWED_HOSTS": ""}
    done = run(command, live_environment(tmp_path, **SEVERAL, **production))
    assert done.returncode == 1
    first, *lines = done.stderr.strip().splitlines()
    assert first == "The settings cannot work: 6 are wrong"
    assert {line.strip().partition("=")[0] for line in lines} == {*SEVERAL, "ALLOWED_HOSTS"}
    assert len(lines) == 6, "what follows from VAR_DIR is not said again"


def test_nothing_but_its_own_folder_is_closed_to_others(tmp_path: Path) -> None:
    before = {path: os.stat(path).st_mode for path in ("/dev/null", "/etc", str(ROOT))}
    for path in before:
        assert check(tmp_path, VAR_DIR=path).returncode == 1
    assert {path: os.stat(path).st_mode for path in before} == before


def test_a_smaller_budget_of_all_is_a_users_too(tmp_path: Path) -> None:
    done = check(tmp_path, AI_BUDGET_TOTAL_USD="0")
    assert done.returncode == 0, done.stderr


def test_an_sqlite_file_outside_var_makes_one_folder(tmp_path: Path) -> None:
    for below, status in (("one", 0), ("two/three", 1)):
        done = check(tmp_path / "var", DATABASE_URL=f"sqlite:///{tmp_path / below / 'db.sqlite3'}")
        assert done.returncode == status, done.stderr
        assert (tmp_path / below).exists() is (status == 0)
    assert not (tmp_path / "two").exists()
    assert (
        check(tmp_path / "var", DATABASE_URL=f"sqlite:///{tmp_path / 'var' / 'a' / 'b' / 'db.sqlite3'}").returncode == 0
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "code which AlgoAgent did not generate cannot run: install bubblewrap"),
        ({"SANDBOX_BACKEND": "bubblewrap"}, "SANDBOX_BACKEND=bubblewrap does not work, so that runs fail: bubblewrap is missing"),
        ({"ALLOW_UNISOLATED_CODE": "True"}, ""),
        ({"SANDBOX_BACKEND": "process"}, ""),
    ],
)  # fmt: skip
def test_missing_isolation_is_warned_of(tmp_path: Path, more: dict[str, str], says: str) -> None:
    done = check(tmp_path, PATH="/nowhere", **more)
    assert done.returncode == 0
    assert says in done.stderr
    assert done.stderr.count("algoagent.W002") == bool(says)


def test_web_server_and_worker_log_that_isolation_is_missing(tmp_path: Path) -> None:
    with serve(tmp_path, workers=1, PATH="/nowhere") as server:
        until = time.monotonic() + 60
        while (tmp_path / "server.log").read_text().count(environment.NO_ISOLATION) < 2:
            assert time.monotonic() < until
            time.sleep(0.1)
        body = http.get(f"{server.url}/api/health/", timeout=60).json()
        assert (body["status"], body["sandbox_backend"], body["sandbox_isolated"]) == ("ok", "process", False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://ada:hush-hush@host:0/db"),
        ("DATABASE_URL", "postgres://ada:hush-hush#1@host:5432/db"),
        ("DATABASE_URL", "postgres://ada:hush-hush@host:5432/"),
        ("DATABASE_URL", "oracle://ada:hush-hush@host/db"),
        ("CELERY_BROKER_URL", "redis://ada:hush-hush@host:0/1"),
        ("OPENAI_BASE_URL", "ftp://ada:hush-hush@host"),
    ],
)
def test_a_refusal_does_not_tell_the_password(tmp_path: Path, name: str, value: str) -> None:
    done = check(tmp_path, **{name: value})
    assert done.returncode != 0
    assert name in done.stderr
    assert "hush" not in done.stdout + done.stderr


def test_a_misspelt_name_is_warned_of_with_the_one_that_was_meant(tmp_path: Path) -> None:
    done = check(tmp_path, THROTTLE_ANNON="1/min", PORT="80", DATA_DIR="/data")
    assert done.returncode == 0
    assert "THROTTLE_ANNON is set, and nothing reads it: did you mean THROTTLE_ANON?" in done.stderr
    assert done.stderr.count("W001") == 1


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATA_PROVIDER", "DATA_PROVIDERS"),
        ("DATABASE_ULR", "DATABASE_URL"),
        ("LOG_LEVLE", "LOG_LEVEL"),
        ("SECERT_KEY", "SECRET_KEY"),
        ("SECURE_COOKIE", "SECURE_COOKIES"),
        ("JWT_EXPIRI", "JWT_EXPIRY"),
        ("OPENAI_APIKEY", "OPENAI_API_KEY"),
        ("USE_BACKTESTINGPY", "USE_BACKTESTING_PY"),
        ("SANDBOX_TIMEOUT", "SANDBOX_TIMEOUT_S"),
        ("AI_BUDGET_USER", "AI_BUDGET_USER_USD"),
        ("ATLAS_SEARXNG_ENDPOINT", "SEARXNG_ENDPOINT"),
        ("ATLAS_MCP_URL", "SEARXNG_ENDPOINT"),
        ("GEMINI_KEY", "GEMINI_API_KEY"),
    ],
)
def test_what_is_nearly_a_setting_is_misspelt(name: str, meant: str) -> None:
    assert environment.misspelt([name, meant]) == {name: meant}


def test_what_other_programs_read_is_not_misspelt() -> None:
    others = (
        "PATH HOME USER PWD LANG LC_ALL TERM SHELL HOSTNAME TZ PORT CI GITHUB_TOKEN GITHUB_ACTIONS GITLAB_CI BUILD_NUMBER DATA_DIR "
        "DJANGO_SETTINGS_MODULE PYTHONPATH VIRTUAL_ENV UVICORN_PORT WEB_CONCURRENCY PROMETHEUS_MULTIPROC_DIR XDG_DATA_DIRS "
        "XDG_CACHE_HOME DATABASE_HOST DATABASE_PORT DATABASE_NAME DATABASE_USER POSTGRES_USER REDIS_URL REDIS_PORT CELERY_BROKER "
        "CELERY_RESULT_BACKEND OPENAI_API_BASE OPENAI_ORG_ID OLLAMA_HOST GEMINI_MODEL GOOGLE_API_KEY ANTHROPIC_MODEL DEPLOY_ENV "
        "SECRET_TOKEN JWT_ALGORITHM MEDIA_URL LOG_DIR LOG_FILE DEBUG_MODE CACHE_DIR OMP_NUM_THREADS SSL_CERT_FILE NO_COLOR "
    )
    assert environment.misspelt(others.split()) == {}


def test_a_short_key_of_tokens_is_refused_in_production(tmp_path: Path) -> None:
    production = {"DEBUG": "off", "SECRET_KEY": "q8Jd73kfLs92mDkeWpq01zXcVbnM8aQwErTy"}
    done = check(tmp_path, **production, JWT_SECRET="short")
    assert done.returncode != 0
    assert "JWT_SECRET is shorter than 32" in done.stderr
    assert check(tmp_path, **production, JWT_SECRET="j" * 32).returncode == 0


@pytest.mark.parametrize(
    "more",
    [
        {"ALLOWED_HOSTS": "*,.example.com,a-b.example,127.0.0.1,[::1],localhost", "DEBUG": "1"},
        {"CELERY_BROKER_URL": "redis://:secret@host:6379/0", "SEARXNG_ENDPOINT": "http://searxng:8080", "SANDBOX_PERSIST": "no"},
        {"CELERY_BROKER_URL": "memory://", "OPENAI_BASE_URL": "https://host/v1", "DATABASE_URL": "postgres://u:p@host:5432/name"},
        {"CSRF_TRUSTED_ORIGINS": "https://*.example.com", "CORS_ALLOWED_ORIGINS": "http://localhost:3000", "CHAT_WAIT_S": "1.5"},
    ],
)  # fmt: skip
def test_what_can_work_is_taken(tmp_path: Path, more: dict[str, str]) -> None:
    done = check(tmp_path, **more)
    assert done.returncode == 0, done.stderr


def test_the_names_of_earlier_documents(tmp_path: Path) -> None:
    script = "import algoagent_api.settings as s; print(int(s.SIMPLE_JWT['ACCESS_TOKEN_LIFETIME'].total_seconds()))"
    for more, seconds in (({}, "3600"), ({"JWT_EXPIRY": "120"}, "120"), ({"USE_CONVERSATION_MEMORY": "True"}, "3600")):
        done = run(["-c", script], live_environment(tmp_path, **more), check=True)
        assert done.stdout.strip() == seconds
    both = check(tmp_path, JWT_EXPIRY="1", JWT_ACCESS_SECONDS="2")
    assert both.returncode != 0
    assert "keep JWT_ACCESS_SECONDS" in both.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_source_of_prices_makes_a_provider_of_its_name(name: str) -> None:
    assert provider_of(name).name == name


def test_the_known_names_are_those_of_the_code() -> None:
    assert set(rules.GATES) == set(Gates.model_fields)


def test_a_database_without_tables_says_so_once(tmp_path: Path) -> None:
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", live_environment(tmp_path / "var"))
    log = tmp_path / "server.log"
    process = web(server, log)
    try:
        health = _answered(f"{server.url}/api/health/")
        assert health.status_code == 503
        assert "manage.py migrate" in health.json()["database"]
        body = {"username": "ada", "email": "a@example.com", "password": "a-long-pass-phrase"}
        for _ in range(2):
            answer = http.post(f"{server.url}/api/auth/register/", json=body, timeout=60)
            assert answer.status_code == 503
            assert "manage.py migrate" in answer.json()["error"]
    finally:
        end(process, log)
    assert log.read_text().count("The database has no tables") == 1
    assert "Traceback" not in log.read_text()


def _answered(url: str) -> httpx.Response:
    until = time.monotonic() + 60
    while True:
        try:
            return http.get(url, timeout=5)
        except httpx.HTTPError:
            assert time.monotonic() < until
            time.sleep(0.1)
