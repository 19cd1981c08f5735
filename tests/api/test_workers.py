"""Real servers and workers: events, cancelling, Redis, and everything being killed at once."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.api.test_broker import message
from tests.conftest import SENTENCE
from tests.live import Server, free_port, http, serve


def headers(server: Server, name: str = "ada") -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token(name)}"}


def submit(server: Server, header: dict[str, str], text: str = SENTENCE, **more: Any) -> int:
    made = http.post(f"{server.url}/api/strategies/", json={"user_description": text}, headers=header, timeout=30)
    body = {"strategy_id": made.json()["id"], **more}
    answer = http.post(f"{server.url}/api/backtests/", json=body, headers=header, timeout=30)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def ended(server: Server, header: dict[str, str], run: int, patience_s: float = 60) -> dict[str, Any]:
    deadline = time.monotonic() + patience_s
    while True:
        found = http.get(f"{server.url}/api/backtests/{run}/", headers=header, timeout=30).json()
        if found["status"] not in ("queued", "running"):
            return dict(found)
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("working"), workers=1, SANDBOX_READY="1") as running:
        yield running


def test_events_from_beginning_to_end(working: Server) -> None:
    header = headers(working)
    run = submit(working, header)
    url = f"{working.url}/api/backtests/{run}/events/"
    with http.stream("GET", url, headers={**header, "Accept": "text/event-stream"}, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = answer.read().decode()
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    statuses = [json.loads(e["data"])["status"] for e in events if e["event"] == "status"]
    assert statuses == ["running", "completed"]
    assert any(e["event"] == "log" for e in events)
    numbers = [int(e["id"]) for e in events]
    assert numbers == sorted(numbers)
    half = numbers[len(numbers) // 2]
    rest = http.get(url, headers={**header, "Last-Event-ID": str(half)}, timeout=60).text
    assert [int(line[4:]) for line in rest.splitlines() if line.startswith("id: ")] == [n for n in numbers if n > half]
    assert http.get(url, headers={**headers(working, "bob")}, timeout=60).status_code == 404
    assert http.get(url, headers={"Accept": "text/event-stream"}, timeout=60).json()["error"]


def test_clients_that_hang_hold_nobody_up(working: Server) -> None:
    """Sixty connections that ask for the events of a run that waits, and read nothing."""
    header = headers(working)
    made = http.post(
        f"{working.url}/api/strategies/", json={"user_description": SENTENCE}, headers=header, timeout=60
    ).json()
    working.manage("shell", "-c", f"from backtest_api.models import *; r = BacktestRun(user_id={made['user_id']}, canonical_json={{}}, symbol='X', timeframe='1d', status='running', worker='elsewhere/1/1'); r.save(); print(r.pk)")  # fmt: skip
    run = http.get(f"{working.url}/api/backtests/?symbol=X", headers=header, timeout=60).json()["results"][0]["id"]
    host, port = working.url.removeprefix("http://").split(":")
    lines = []
    for _ in range(60):
        line = socket.create_connection((host, int(port)))
        line.sendall(
            f"GET /api/backtests/{run}/events/ HTTP/1.1\r\nHost: x\r\nAuthorization: {header['Authorization']}\r\n\r\n".encode()
        )
        lines.append(line)
    for _ in range(10):
        assert http.get(f"{working.url}/api/auth/me/", headers=header, timeout=60).status_code == 200
    assert ended(working, header, submit(working, header))["status"] == "completed"
    for line in lines:
        line.close()


def rows_of(folder: Path, query: str) -> list[Any]:
    with sqlite3.connect(f"file:{folder / 'db.sqlite3'}?mode=ro", uri=True, timeout=30) as database:
        return list(database.execute(query))


def test_foreign_files_in_the_broker_s_folder_end_no_worker(working: Server) -> None:
    """A folder, a link, a pipe that nobody writes to and messages of other programs, all by the name of a message."""
    folder = Path(working.environment["VAR_DIR"]) / "broker" / "messages"
    (folder / "1_a.celery.msg").mkdir()
    (folder / "1_b.celery.msg").symlink_to("/etc/passwd")
    os.mkfifo(folder / "1_c.celery.msg")
    pickled = {**message(1), "content-type": "application/x-python-serialize"}
    for number, foreign in enumerate(({"a": 1}, pickled, message(1), {**message(1), "body": "no base64"})):
        (folder / f"2_{number}.celery.msg").write_text(json.dumps(foreign))
    header = headers(working)
    assert ended(working, header, submit(working, header))["status"] == "completed"
    assert working.processes[1].exitcode is None
    assert {file.name for file in folder.iterdir()} >= {"1_a.celery.msg", "1_b.celery.msg", "1_c.celery.msg"}


def test_two_servers_on_one_folder(working: Server) -> None:
    """Two web servers and two workers that share database, broker and files: who is logged in at one is at both, and each run is run once."""
    header = headers(working)
    with serve(Path(working.environment["VAR_DIR"]), workers=1, SANDBOX_READY="1") as second:
        runs = [submit(server, header) for server in (working, second) * 2]
        found = [ended(server, header, run) for server, run in zip((second, working) * 2, runs, strict=True)]
    assert {(one["status"], one["attempts"], one["total_pnl"]) for one in found} == {
        ("completed", 1, found[0]["total_pnl"])
    }
    assert len({one["id"] for one in found}) == 4
    assert working.processes[1].exitcode is None


def test_cancelling_stops_the_sandbox(working: Server) -> None:
    header = headers(working)
    bars = 400_000
    close = 100 + np.sin(np.arange(bars) / 50)
    index = pd.date_range("2020-01-01", periods=bars, freq="min", name="Date")
    frame = pd.DataFrame(
        {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Volume": 1.0}, index=index
    )
    file = io.BytesIO()
    frame.to_parquet(file)
    files = {"file": ("p.parquet", file.getvalue())}
    upload = f"{working.url}/api/data/datasets/upload/"
    stored = http.post(upload, data={"symbol": "LONG", "timeframe": "1m"}, files=files, headers=header, timeout=60)
    assert stored.status_code == 201, stored.text
    run = submit(working, header, "On 1m bars buy when RSI < 45, sell when RSI > 55", symbol="LONG")
    for _ in range(400):
        found = http.get(f"{working.url}/api/backtests/{run}/", headers=header, timeout=60).json()
        if found["progress"] > 0:
            break
        assert found["status"] in ("queued", "running"), found
        time.sleep(0.2)
    assert 0 < found["progress"] < 1
    http.post(f"{working.url}/api/backtests/{run}/cancel/", headers=header, timeout=60)
    found = ended(working, header, run)
    assert found["status"] == "cancelled"
    assert found["progress"] < 1


def test_twelve_at_once_from_three_users(working: Server) -> None:
    users = {name: headers(working, name) for name in ("ada", "bob", "eve")}
    runs = [(users[name], submit(working, users[name])) for name in ["ada"] * 6 + ["bob"] * 3 + ["eve"] * 3]
    done = [ended(working, header, run, 120) for header, run in runs]
    assert {d["status"] for d in done} == {"completed"}
    assert {d["attempts"] for d in done} == {1}
    assert len({d["total_pnl"] for d in done}) == 1
    owner = {d["id"]: name for d in done for name in users if (users[name], d["id"]) in runs}
    for one in done:  # who asks for much waits for who asks for little
        at = one["started_at"]
        busy = Counter(owner[d["id"]] for d in done if d["started_at"] < at < d["finished_at"])
        # A run has ended a moment before its row says so.
        about = Counter(owner[d["id"]] for d in done if d["started_at"] < at and not earlier(d["finished_at"], at))
        waiting = {owner[d["id"]] for d in done if earlier(d["created_at"], at) and d["started_at"] > at}
        assert all(busy[owner[one["id"]]] <= about[name] for name in waiting), (owner[one["id"]], waiting, busy, about)
    assert max(Counter(owner.values()).values()) == 6


def earlier(one: str, other: str) -> bool:
    """Return whether a time is more than a second before another: longer than looking takes, and storing."""
    return datetime.fromisoformat(other) - datetime.fromisoformat(one) > timedelta(seconds=1)


class Redis:
    """A Redis of the test's own, which can be killed and started again at its address."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url, self._folder = f"redis://127.0.0.1:{self.port}/0", folder
        self.start()

    def start(self) -> None:
        command = [
            "redis-server",
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self._folder),
            "--save",
            "",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    found = Redis(folder)
    try:
        yield found
    finally:
        found.kill()


needs_redis = pytest.mark.skipif(
    not shutil.which("redis-server"), reason="Redis is not installed: apt install redis-server"
)


@needs_redis
def test_the_whole_job_over_redis_and_while_it_is_away(tmp_path: Path) -> None:
    with redis(tmp_path) as broker:
        folder = tmp_path / "var"
        folder.mkdir()
        with serve(folder, workers=1, CELERY_BROKER_URL=broker.url) as server:
            header = headers(server)
            assert ended(server, header, submit(server, header))["status"] == "completed"
            broker.kill()
            run = submit(server, header)
            broker.start()
            assert ended(server, header, run)["status"] == "completed"


def test_a_database_that_is_locked_for_a_while(working: Server) -> None:
    """A real lock, held by another process longer than several beats of a worker."""
    header = headers(working)
    path = Path(working.environment["VAR_DIR"]) / "db.sqlite3"
    runs = [submit(working, header) for _ in range(3)]
    with sqlite3.connect(path, timeout=30, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(6)
        other.execute("ROLLBACK")
    other.close()
    assert {ended(working, header, run)["status"] for run in runs} == {"completed"}
