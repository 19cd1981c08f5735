"""The service starts as the environment says, and refuses what is unsafe."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

import algoagent_api.settings
from algoagent_api.environment import on_this_machine, own_key
from tests.live import Server, environment, free_port, http, serve
from tests.warm import ROOT, run

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SENTENCE = "Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%"


def check(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return run(["manage.py", "check"], environment(folder, **more))


def test_production_refuses_a_default_or_short_key(tmp_path: Path) -> None:
    public = "development-only-key-that-production-refuses-to-start-with"
    for key in ({}, {"SECRET_KEY": "short"}, {"SECRET_KEY": public}):
        done = check(tmp_path, DEBUG="0", **key)
        assert done.returncode != 0
        assert "set SECRET_KEY" in done.stderr
    assert check(tmp_path, DEBUG="0", SECRET_KEY="q8Jd73kfLs92mDkeWpq01zXcVbnM8aQwErTy").returncode == 0


def test_a_first_start_makes_a_key_of_its_own(tmp_path: Path) -> None:
    script = "import algoagent_api.settings as s; print(s.SECRET_KEY, s.SIMPLE_JWT['SIGNING_KEY'])"

    def keys(folder: Path) -> list[str]:
        return run(["-c", script], environment(folder), check=True).stdout.split()

    first, second, other = keys(tmp_path / "one"), keys(tmp_path / "one"), keys(tmp_path / "two")
    assert first == second
    assert first[0] == first[1] != other[0]
    assert len(first[0]) == 64
    assert (tmp_path / "one" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in (tmp_path / "one").iterdir() if "secret" in p.name] == ["secret_key"]


def test_keys_made_at_once_are_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: own_key(tmp_path / "secret_key"), range(64)))) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["secret_key"]


def test_debug_is_for_this_machine_alone(tmp_path: Path) -> None:
    done = check(tmp_path, UVICORN_HOST="0.0.0.0")
    assert done.returncode != 0
    assert "UVICORN_HOST=0.0.0.0 cannot work with DEBUG on" in done.stderr
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        assert on_this_machine(host)
    for host in ("::", "192.168.1.7", "10.0.0.1", "example.com", "::ffff:10.0.0.1"):
        assert not on_this_machine(host)
    script = """
import asyncio, json
from algoagent_api.asgi import application

async def ask(client):
    sent, left = [], [{"type": "http.request", "body": b"", "more_body": False}]
    async def receive(): return left.pop() if left else await asyncio.sleep(60)
    async def send(message): sent.append(message)
    scope = {"type": "http", "method": "GET", "path": "/api/docs/", "raw_path": b"/api/docs/", "query_string": b"", "root_path": "",
             "headers": [(b"host", b"localhost")], "client": client, "server": ("127.0.0.1", 8000), "scheme": "http", "http_version": "1.1"}
    await application(scope, receive, send)
    return [sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:]).decode()[:200]]

print(json.dumps([asyncio.run(ask(client)) for client in (("127.0.0.1", 1), None, ("10.0.0.7", 1), ("::ffff:10.0.0.7", 1))]))
"""
    done = run(["-c", script], environment(tmp_path), check=True)
    answers = json.loads(done.stdout.splitlines()[-1])
    assert [status for status, _ in answers] == [200, 200, 403, 403]
    assert "answers its own machine only" in answers[2][1]


def test_production_is_hardened(tmp_path: Path) -> None:
    command = ["manage.py", "check", "--deploy", "--fail-level", "ERROR"]
    done = run(command, environment(tmp_path, DEBUG="0", SECRET_KEY="q8Jd73kfLs92mDkeWpq01zXcVbnM8aQwErTy"))
    assert done.returncode == 0, done.stderr


def test_the_example_lists_every_setting_with_its_default(tmp_path: Path) -> None:
    settings = (ROOT / "algoagent_api" / "settings.py").read_text(encoding="utf-8")
    lines = [
        line for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    ]
    listed = dict(line.split("=", 1) for line in lines)
    assert set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z_]+)"', settings)) == set(listed)
    names = [n for n in dir(algoagent_api.settings) if n.isupper() and n not in ("UNFOLD", "LOGGING")]
    script = f"import json, algoagent_api.settings as s; print(json.dumps({{n: repr(getattr(s, n)) for n in {names!r} if hasattr(s, n)}}))"
    plain = {k: v for k, v in environment(tmp_path).items() if k in ("PATH", "HOME")}
    shown = [json.loads(run(["-c", script], env, check=True).stdout) for env in (plain, {**plain, **listed})]
    assert {k: v for k, v in shown[0].items() if shown[1][k] != v} == {}


def test_an_unknown_data_provider_is_named(tmp_path: Path) -> None:
    done = check(tmp_path, DATA_PROVIDERS="bundled,bloomberg")
    assert done.returncode != 0
    assert "DATA_PROVIDERS=bundled,bloomberg" in done.stderr


def test_sqlite_waits_and_checks_foreign_keys(db: None) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        values = {}
        for name in ("journal_mode", "busy_timeout", "foreign_keys"):
            cursor.execute(f"PRAGMA {name}")
            values[name] = cursor.fetchone()[0]
    assert values["busy_timeout"] >= 5000
    assert values["foreign_keys"] == 1
    assert values["journal_mode"] in ("wal", "memory")


def test_sqlite_files_are_in_wal_mode_and_a_front_end_is_let_in(tmp_path: Path) -> None:
    import sqlite3

    with serve(tmp_path, CORS_ALLOWED_ORIGINS="https://app.example.com", THROTTLE_LOGIN="3/min") as server:
        assert sqlite3.connect(tmp_path / "db.sqlite3").execute("PRAGMA journal_mode").fetchone() == ("wal",)
        for origin, let_in in (("https://app.example.com", True), ("https://evil.example.com", False)):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = httpx.options(f"{server.url}/api/strategies/", headers=headers)
            assert (answer.headers.get("access-control-allow-origin") == origin) is let_in
        http.post(f"{server.url}/api/backtests/quick-run/", json={"user_description": SENTENCE}, timeout=60,
                   headers={"Authorization": f"Bearer {server.token()}"}).raise_for_status()  # fmt: skip
        kept = [
            p
            for p in (tmp_path, *tmp_path.rglob("*"))
            if p.exists() and not p.name.startswith(("server.log", "db.sqlite3-"))
        ]
        others = [p for p in kept if p.stat().st_mode & 0o077]
        assert others == [], "a user of the machine who is not the server's can read them"
        # Who has no proxy in front of it believes nobody who says for whom they ask.
        logins = [
            http.post(f"{server.url}/api/auth/login/", json={"username": "x", "password": "y"}, timeout=60,
                       headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(5)
        ]  # fmt: skip
        assert logins == [401, 401, 401, 429, 429]
        health = http.get(f"{server.url}/api/health/", timeout=60).json()
        assert (health["status"], health["database"], health["sandbox_backend"]) in (
            ("ok", "sqlite", "bubblewrap"),
            ("ok", "sqlite", "process"),
        )


def test_runs_queued_before_a_restart_are_taken_up(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        header = {"Authorization": f"Bearer {server.token()}"}
        made = http.post(
            f"{server.url}/api/strategies/", json={"user_description": SENTENCE}, headers=header, timeout=60
        ).json()
        done = http.post(
            f"{server.url}/api/backtests/", json={"strategy_id": made["id"]}, headers=header, timeout=60
        ).json()
        assert done["status"] == "queued"
    with serve(tmp_path, workers=1) as server:
        assert wait(server.url, done["id"], header)["status"] == "completed"


def wait(url: str, run: int, header: dict[str, str]) -> dict[str, object]:
    for _ in range(1500):
        found = http.get(f"{url}/api/backtests/{run}/", headers=header, timeout=60).json()
        if found["status"] not in ("queued", "running"):
            return dict(found)
        time.sleep(0.2)
    raise AssertionError(found)


# PostgreSQL ----------------------------------------------------------------------------------


@contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, Callable[[str], None]]]:
    """Start a PostgreSQL of its own on loopback; root starts it as the package's user. Give its URL, and what stops and starts it."""
    binaries = BINARIES[-1]
    data = folder / "pg"
    data.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        for path in (folder, data):
            shutil.chown(path, "postgres", "postgres")
        parent = folder
        while parent != Path("/tmp") and parent != parent.parent:
            parent.chmod(parent.stat().st_mode | 0o055)
            parent = parent.parent
        as_user = ["runuser", "-u", "postgres", "--"]
    subprocess.run(
        [*as_user, binaries / "initdb", "-D", data, "-U", "algo", "-A", "trust"], capture_output=True, check=True
    )

    port = free_port()
    control = [*as_user, str(binaries / "pg_ctl"), "-D", str(data), "-w"]
    options = ["-o", f"-p {port} -h 127.0.0.1 -k {data}", "-l", str(data / "log"), "-m", "fast"]

    def do(what: str) -> None:
        done = subprocess.run([*control, *options, what], capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr

    do("start")
    try:
        subprocess.run([binaries / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "algo", "algo"], check=True)
        yield f"postgresql://algo@127.0.0.1:{port}/algo", do
    finally:
        if (running := data / "postmaster.pid").exists():
            os.kill(int(running.read_text().splitlines()[0]), 3)  # SIGQUIT: stop at once


def connections_to(url: str) -> int:
    count = [BINARIES[-1] / "psql", url, "-Atc", "select count(*) from pg_stat_activity where datname = 'algo'"]
    return int(subprocess.run(count, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not BINARIES, reason="PostgreSQL is not installed: apt-get install postgresql")
def test_the_whole_job_on_postgresql(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    with postgres(tmp_path) as (url, do), serve(tmp_path / "var", workers=1, DATABASE_URL=url) as server:
        assert http.get(f"{server.url}/api/health/", timeout=60).json()["database"] == "postgresql"
        header = {"Authorization": f"Bearer {server.token()}"}
        made = http.post(
            f"{server.url}/api/strategies/",
            json={"user_description": SENTENCE, "name": "N"},
            headers=header,
            timeout=60,
        )
        assert made.status_code == 201
        again = http.post(
            f"{server.url}/api/strategies/",
            json={"user_description": SENTENCE, "name": "N"},
            headers=header,
            timeout=60,
        )
        assert again.status_code == 409
        canonical = made.json()["canonical_json"]
        canonical["entry_rules"][0]["when"]["right"]["value"] = 25
        changed = http.patch(
            f"{server.url}/api/strategies/{made.json()['id']}/",
            json={"canonical_json": canonical},
            headers=header,
            timeout=60,
        )
        assert changed.json()["version"] == 2
        queued = http.post(
            f"{server.url}/api/backtests/", json={"strategy_id": made.json()["id"]}, headers=header, timeout=60
        )
        assert wait(server.url, queued.json()["id"], header)["status"] == "completed"
        quick = http.post(
            f"{server.url}/api/backtests/quick-run/", json={"user_description": SENTENCE}, headers=header, timeout=60
        )
        assert quick.json()["total_trades"] > 10
        nul = http.post(
            f"{server.url}/api/strategies/",
            json={"user_description": SENTENCE, "name": "a\x00b"},
            headers=header,
            timeout=60,
        )
        assert nul.status_code == 400
        nul = http.post(
            f"{server.url}/api/strategies/",
            json={"canonical_json": {**canonical, "classification": {"type": "mo\x00mentum"}}},
            headers=header,
            timeout=60,
        )
        assert (nul.status_code, nul.json()["details"][0]["field"]) == (400, "canonical_json.classification.type")
        assert http.get(f"{server.url}/api/conversations/%00/", headers=header, timeout=60).status_code == 400
        assert http.get(f"{server.url}/api/backtests/?symbol=%00", headers=header, timeout=60).status_code == 400
        assert http.get(f"{server.url}/api/conversations/", headers=header, timeout=60).json()["count"] >= 1
        for message, action in ((SENTENCE, "created"), ("make the stop 3%", "changed"), ("test it", "queued")):
            said = {"message": message, "session_id": "s"}
            talk = http.post(
                f"{server.url}/api/chat/", json=said, headers={**header, "Accept": "application/json"}, timeout=60
            )
            assert talk.json()["actions"][0]["action"] == action
        assert talk.json()["actions"][-1]["status"] == "completed"
        _is_away_for_a_while(server, header, made.json()["id"], do)
        _streams_share_a_connection(server, header, made.json()["id"], url)


def _search_under_way(server: Server, header: dict[str, str], strategy: int, stops: int) -> int:
    wanted = {
        "rsi_entry_level": {"min": 10, "max": 49},
        "rsi_exit_level": {"min": 51, "max": 90},
        "stop_loss_pct": {"min": 1, "max": stops},
    }
    body = {"strategy_id": strategy, "parameters": wanted}
    asked = http.post(f"{server.url}/api/backtests/optimize/", json=body, headers=header, timeout=60)
    page = f"{server.url}/api/backtests/{asked.json()['id']}/"
    while (found := http.get(page, headers=header, timeout=60).json())["status"] == "queued" or not found["progress"]:
        time.sleep(0.1)  # who looks more often takes the processor from the search
    assert found["status"] == "running"
    return int(found["id"])


def _is_away_for_a_while(server: Server, header: dict[str, str], strategy: int, do: Callable[[str], None]) -> None:
    """The database stops while a search is under way: pages say so, and the search goes on when it is back."""
    search = _search_under_way(server, header, strategy, 30)  # a second of work, and as much to weigh what was found
    do("stop")
    for path in ("/metrics", "/admin/", "/api/strategies/", "/api/health/ready/"):
        answer = http.get(f"{server.url}{path}", headers={**header, "Cookie": f"sessionid={32 * 'a'}"}, timeout=60)
        assert answer.status_code == 503, (path, answer.text[-300:])
    do("start")
    done = wait(server.url, search, header)
    assert (done["status"], done["attempts"]) == ("completed", 1), done


def _streams_share_a_connection(server: Server, header: dict[str, str], strategy: int, url: str) -> None:
    search = _search_under_way(server, header, strategy, 15)
    with ExitStack() as streams:
        events = []
        for _ in range(12):
            page = f"{server.url}/api/backtests/{search}/events/"
            stream = streams.enter_context(http.stream("GET", page, headers=header, timeout=60))
            events.append(stream.iter_bytes())
            assert next(events[-1]).startswith(b"id: ")
        assert connections_to(url) < 12
    http.post(f"{server.url}/api/backtests/{search}/cancel/", headers=header, timeout=60)
