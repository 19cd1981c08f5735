"""What is not lost when workers, servers and disks fail: searches that are shared, disks that are full, everything killed at random."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from algoagent_api.celery import app
from algoagent_api.environment import shared_memory
from tests.api.test_workers import ended, headers, needs_redis, redis, rows_of, submit
from tests.conftest import SENTENCE
from tests.live import Server, end, environment, free_port, http, serve, web, worker
from tests.warm import ROOT, TELL, run


def test_workers_share_a_search_and_redo_what_is_lost(tmp_path: Path) -> None:
    """Two workers; the one that only helps is killed. The table is that of one process, bit for bit."""
    text = "Buy GOOG when SMA(10) crosses above SMA(30), sell when SMA(10) crosses below SMA(30), stop 5%"
    parameters = {
        "sma_10_period": {"min": 2, "max": 61}, "sma_30_period": {"min": 165, "max": 204}, "stop_loss_pct": {"min": 1, "max": 10}
    }  # fmt: skip
    with serve(tmp_path, workers=2, BACKTEST_CONCURRENCY="1") as server:
        header = headers(server)
        deadline = time.monotonic() + 60
        while len(rows_of(tmp_path, "select name from backtest_api_worker")) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        made = http.post(f"{server.url}/api/strategies/", json={"user_description": text}, headers=header, timeout=30)
        body = {"strategy_id": made.json()["id"], "parameters": parameters}
        asked = http.post(f"{server.url}/api/backtests/optimize/", json=body, headers=header, timeout=60)
        assert asked.status_code == 202, asked.text
        run = int(asked.json()["id"])
        leader, helper = _leader_and_helper(tmp_path, run, deadline + 60)
        os.kill(helper, signal.SIGKILL)
        os.kill(leader, signal.SIGCONT)
        done = ended(server, header, run, 120)
        assert done["status"] == "completed", done["error"]
        answer = http.get(f"{server.url}/api/backtests/{run}/artifacts/table.parquet/", headers=header, timeout=60)
    table = pd.read_parquet(io.BytesIO(answer.content))
    assert len(table) == 60 * 40 * 10
    from Backtest.data import PriceRequest
    from Backtest.data.bundled import BundledProvider
    from Backtest.kernel import NAMES, Kernel
    from Strategy.text_parser import parse_strategy

    paths = ["indicators.SMA_10.timeperiod", "indicators.SMA_30.timeperiod", "risk.stop_loss.value"]
    kernel = Kernel(
        parse_strategy(text).require(), BundledProvider().fetch(PriceRequest("GOOG")).frame, paths, first=203
    )  # the longest average has its first value there
    few = table.iloc[::500]
    alone = kernel.sweep(few.iloc[:, :3].to_numpy()).table
    assert few[list(NAMES)].to_numpy().tobytes() == alone.tobytes()


def _leader_and_helper(folder: Path, run: int, deadline: float) -> tuple[int, int]:
    """Return the processes of the worker that runs a search and of one that helps, the first of them stopped.

    It is stopped when it has taken its first part, and so has called for help: it would have done all parts before the other has heard of it.
    """
    leader = 0
    while True:
        assert time.monotonic() < deadline
        [(leading,)] = rows_of(folder, f"select worker from backtest_api_backtestrun where id = {run}")
        taken = [
            w for (w,) in rows_of(folder, "select distinct worker from backtest_api_searchchunk where worker != ''")
        ]
        if others := [w for w in taken if w != leading]:
            return leader or int(leading.split("/")[1]), int(others[0].split("/")[1])
        if leader:  # it may have been stopped where it holds the database, which the other waits for
            os.kill(leader, signal.SIGCONT)
            time.sleep(0.001)
            os.kill(leader, signal.SIGSTOP)
            time.sleep(0.3)
        elif leading in taken:
            leader = int(leading.split("/")[1])
            os.kill(leader, signal.SIGSTOP)
        time.sleep(0.005)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root: run the tests as root")
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A real one of 96 KiB, too small for the files of a run; then there is room again."""
    disk = tmp_path / "media"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)], check=True)
    try:
        with serve(tmp_path, workers=1, MEDIA_ROOT=str(disk)) as server:
            header = headers(server)
            failed = ended(server, header, submit(server, header))
            assert failed["status"] == "failed"
            assert (
                failed["error"]
                == "The results could not be written (No space left on device): make room and run it again"
            )
            assert list((disk / "backtests").iterdir()) == []
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            assert ended(server, header, submit(server, header))["status"] == "completed"
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root: run the tests as root")
def test_a_disk_of_the_server_that_is_full(tmp_path: Path) -> None:
    """Database, counts and all: the server says so, lives on, and works again when there is room."""
    disk = tmp_path / "var"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], check=True)
    try:
        with serve(disk, PROMETHEUS_MULTIPROC_DIR=str(shared_memory(disk))) as server:
            token = server.token()
            with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
                while ballast.write(bytes(4096)):
                    pass
            statuses = Counter[int]()
            for number in range(60):  # each a count of its own: the mapped files grow
                for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                    address = f"{server.url}/api/strategies/{'versions/' * (number % 3)}{number}/"
                    header = {"Authorization": f"Bearer {token}", "X-Request-ID": f"{number}"}
                    statuses[http.request(method, address, json={}, headers=header, timeout=60).status_code] += 1
            made = http.post(
                f"{server.url}/api/strategies/", json={"user_description": SENTENCE}, headers=header, timeout=60
            )
            assert made.status_code == 503, made.text
            assert "full" in made.json()["error"] or "does not answer" in made.json()["error"]
            assert server.processes[0].exitcode is None
            (disk / "ballast").unlink()
            made = http.post(
                f"{server.url}/api/strategies/", json={"user_description": SENTENCE}, headers=header, timeout=60
            )
            assert made.status_code == 201, made.text
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
        shutil.rmtree(shared_memory(disk), ignore_errors=True)


def test_a_worker_that_ends_with_a_queue_fails_no_run(tmp_path: Path) -> None:
    """It takes no more, and what it runs to the end needs interpreters that are started after it was asked to end."""
    log = tmp_path / "workers.log"
    with serve(tmp_path) as server:
        header = headers(server)
        runs = [submit(server, header) for _ in range(6)]
        first = worker(server, log)
        assert ended(server, header, runs[0])["status"] == "completed"
        end(first, log, within_s=60)
        url = f"{server.url}/api/backtests/?page_size=100"
        left = Counter(run["status"] for run in http.get(url, headers=header, timeout=60).json()["results"])
        assert set(left) == {"completed", "queued"}
        second = worker(server, log)
        assert {ended(server, header, run)["status"] for run in runs} == {"completed"}
        end(second, log)


def test_a_worker_that_is_asked_to_end_while_it_is_asked_to_end() -> None:
    """As Celery's own, a handler that takes a lock: interrupted by itself, it would wait for ever."""
    asked = []

    def handler(number: int, frame: Any) -> None:
        asked.append(number)
        if len(asked) < 5:
            signal.raise_signal(number)

    (step,) = (step for step in app.steps["worker"] if step.__name__ == "AskedOnce")
    before = signal.signal(signal.SIGTERM, handler)
    try:
        step(None).start(None)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert asked == [signal.SIGTERM]


def descendants(pid: int) -> list[int]:
    shown = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in shown.splitlines()[1:]]
    found, waiting = [], [pid]
    while waiting:
        children = [child for child, parent in pairs if parent == waiting[0]]
        found += children
        waiting = waiting[1:] + children
    return found


RUNS = 10


@needs_redis
def test_killing_everything_at_random(tmp_path: Path) -> None:
    """Runs while workers, sandboxes, the web server and broker are killed with SIGKILL again and again.

    No run may be lost, stuck, or completed twice; one that met two killed workers may have failed of it.
    """
    choose, kills = random.Random(7), Counter[str]()
    log = tmp_path / "workers.log"
    with redis(tmp_path) as broker, serve(tmp_path, CELERY_BROKER_URL=broker.url, SANDBOX_READY="1") as server:
        header = headers(server)
        made = http.post(
            f"{server.url}/api/strategies/", json={"user_description": SENTENCE}, headers=header, timeout=60
        ).json()
        script = (
            "from backtest_api.models import *; from strategy_api.models import Strategy; from auth_api.models import User\n"
            f"s = Strategy.objects.get(pk={made['id']})\n"
            f"BacktestRun.objects.bulk_create([BacktestRun(user=s.user, strategy=s, canonical_json=s.canonical_json, symbol='GOOG', timeframe='1d', start_date='2011-01-01') for _ in range({RUNS - 8})])"
        )  # fmt: skip
        server.manage("shell", "-c", script)
        for _ in range(8):
            submit(server, header, start_date="2011-01-01")
        workers = [worker(server, log) for _ in range(2)]
        stop = threading.Event()

        def kill() -> None:
            first = ["worker", "sandbox", "broker", "web", "sandbox", "worker", "sandbox", "worker"]
            while not stop.wait(choose.uniform(0.3, 2.8)):
                number = choose.randrange(2)
                others = choose.choices(["worker", "sandbox", "broker", "web"], [2, 6, 1, 1])[0]
                victim = first.pop(0) if first else others
                if victim == "worker":
                    workers[number].kill()
                    workers[number].join()
                    workers[number] = worker(server, log)
                elif victim == "sandbox":
                    for pid in descendants(workers[number].pid)[-2:]:
                        try:
                            os.kill(pid, signal.SIGKILL)
                        except ProcessLookupError:
                            continue
                elif victim == "web":
                    server.processes[0].kill()
                    server.processes[0].join()
                    server.processes[0] = web(server, log)
                else:
                    broker.kill()
                    time.sleep(choose.uniform(0, 2))
                    broker.start()
                kills[victim] += 1

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            deadline = time.monotonic() + 240
            while True:
                url = f"{server.url}/api/backtests/?page_size=1&status=queued"
                try:
                    waiting = http.get(url, headers=header, timeout=60).json()["count"]
                except httpx.HTTPError:
                    waiting = -1  # the web server has just been killed
                if waiting == 0 and kills.total() >= 8:  # of each kind there were some, however quick the machine
                    break
                assert time.monotonic() < deadline, waiting
                time.sleep(0.5)
        finally:
            stop.set()
            killer.join()
        query = (
            "import json; from backtest_api.models import *\n"
            "print(json.dumps([[r.pk, r.status, r.attempts, r.error, r.total_pnl, [e.data.get('status') for e in r.events.filter(kind='status')]] for r in BacktestRun.objects.all()]))"
        )  # fmt: skip
        for _ in range(120):
            rows = json.loads(server.manage("shell", "-v", "0", "-c", query).stdout)
            if not (under_way := [row for row in rows if row[1] in ("queued", "running")]):
                break
            time.sleep(1)
        for one in [*workers, server.processes[0]] if under_way else []:
            os.kill(one.pid or 0, TELL)
            one.join(1)
        logs = [file.read_text(errors="replace")[-10_000:] for file in (log, tmp_path / "server.log")]
        assert not under_way, "\n".join([str(under_way), *logs])
        for one in workers:
            one.terminate()
        for one in workers:
            end(one, log)
    assert len(rows) == RUNS
    assert kills["worker"] >= 3
    assert kills["sandbox"] >= 3
    assert kills["web"] >= 1
    assert kills["broker"] >= 1
    statuses = Counter(row[1] for row in rows)
    assert set(statuses) <= {"completed", "failed"}, statuses
    for pk, status, attempts, error, _, told in rows:
        assert told.count("completed") == (status == "completed"), (pk, told)
        assert attempts <= 2
        if status == "failed":
            assert "ended" in error, (pk, error)
    assert len({row[4] for row in rows if row[1] == "completed"}) == 1
    assert statuses["completed"] > RUNS / 4, statuses  # the slower the machine, the more of them meet a kill


def test_what_serves_is_started_again_when_it_is_killed(tmp_path: Path) -> None:
    """What `make serve` does: web and worker together, begun again after a kill, stopped together."""
    port = str(free_port())
    settings = environment(tmp_path, UVICORN_PORT=port)
    run(["manage.py", "migrate", "-v", "0"], settings, check=True)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "algoagent_api.serve"], cwd=ROOT, env=settings, stdout=log, stderr=log
        )
    server = Server(f"http://127.0.0.1:{port}", settings)
    try:
        answers(server)
        header = headers(server)
        assert ended(server, header, submit(server, header))["status"] == "completed"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 2
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        while answering(server):
            time.sleep(0.05)
        answers(server)
        assert ended(server, header, submit(server, header), patience_s=120)["status"] == "completed"
    finally:
        process.terminate()
        assert process.wait(timeout=120) == 0
    assert not answering(server)
    said = (tmp_path / "log").read_text()
    assert "serve: web ended with status -9 and is started again in 1 s" in said
    assert "serve: worker ended with status -9 and is started again in 1 s" in said


def answering(server: Server) -> bool:
    try:
        return http.get(f"{server.url}/api/health/", timeout=60).status_code == 200
    except httpx.HTTPError:
        return False


def answers(server: Server) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + 120
    while not answering(server):
        assert time.monotonic() < until
        time.sleep(0.1)
