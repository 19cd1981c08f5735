"""Workers, users and conversations: does a second worker help, what do twenty users feel, and fifty who talk?

python -m bench.load [--minutes 10]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx

from tests.live import Server, serve, worker
from tests.model_server import Reply, model_server

SENTENCE = "Buy GOOG when the 10-day SMA crosses above the 20-day SMA, sell when it crosses below. Stop loss 5%."
JOBS = 40
USERS = 20
PAUSE_S = 1.0
CONVERSATIONS = 50


def header(server: Server, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token(name)}"}


def jobs_per_second(workers: int) -> float:
    """Queue jobs, start workers, and return how many were completed per second once the first was."""
    with tempfile.TemporaryDirectory() as name:
        options = {"BACKTEST_CONCURRENCY": "1", "SANDBOX_READY": "1", "BACKTEST_PER_USER": "10", "LOG_LEVEL": "ERROR"}
        with serve(Path(name), **options) as server:
            mine = header(server, "ada")
            made = httpx.post(f"{server.url}/api/strategies/", json={"user_description": SENTENCE}, headers=mine).json()
            for _ in range(JOBS):
                httpx.post(f"{server.url}/api/backtests/", json={"strategy_id": made["id"]}, headers=mine)
            server.processes.extend(worker(server, Path(name) / "workers.log") for _ in range(workers))
            while httpx.get(f"{server.url}/api/backtests/?status=completed", headers=mine).json()["count"] < JOBS:
                time.sleep(0.2)
            script = "import json; from backtest_api.models import BacktestRun as R; print(json.dumps(sorted(t.timestamp() for t in R.objects.values_list('finished_at', flat=True))))"
            ends = json.loads(server.manage("shell", "-v", "0", "-c", script).stdout)
    settled = ends[len(ends) // 4 :]  # when all workers have started
    return (len(settled) - 1) / (settled[-1] - settled[0])


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] * 1000


def memory_mb(server: Server) -> float:
    total = 0
    for process in server.processes:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            total += int(line.split()[1]) if line.startswith("VmRSS:") else 0
    return total / 1024


def users(minutes: float) -> None:
    """Let users submit and poll, and print what one of them waits for an answer, alone and among them."""
    with tempfile.TemporaryDirectory() as name, serve(Path(name), workers=1, LOG_LEVEL="ERROR") as server:
        headers = [header(server, f"user{n}") for n in range(USERS)]
        made = [
            httpx.post(f"{server.url}/api/strategies/", json={"user_description": SENTENCE}, headers=h).json()["id"]
            for h in headers
        ]
        idle, busy, wrong = [], [], []

        def poll(client: httpx.Client, run: int, times: list[float]) -> str:
            started = time.perf_counter()
            answer = client.get(f"/api/backtests/{run}/")
            times.append(time.perf_counter() - started)
            return str(answer.raise_for_status().json()["status"])

        def one(number: int, until: float, times: list[float]) -> None:
            with httpx.Client(base_url=server.url, headers=headers[number], timeout=60) as client:
                while time.monotonic() < until:
                    try:
                        started = time.perf_counter()
                        run = (
                            client.post("/api/backtests/", json={"strategy_id": made[number]})
                            .raise_for_status()
                            .json()["id"]
                        )
                        times.append(time.perf_counter() - started)
                        while (status := poll(client, run, times)) in (
                            "queued",
                            "running",
                        ) and time.monotonic() < until:
                            time.sleep(PAUSE_S)
                        if status == "failed":
                            wrong.append(f"run {run} failed")
                        time.sleep(PAUSE_S * USERS / 4)
                    except (httpx.HTTPError, KeyError) as error:
                        wrong.append(repr(error))

        one(0, time.monotonic() + 20, idle)
        before = memory_mb(server)
        until = time.monotonic() + minutes * 60
        threads = [threading.Thread(target=one, args=(n, until, busy)) for n in range(USERS)]
        for thread in threads:
            thread.start()
        half = 0.0
        for thread in threads:
            while thread.is_alive():
                thread.join(1)
                if not half and time.monotonic() > until - minutes * 30:
                    half = memory_mb(server)
        after = memory_mb(server)
        done = [httpx.get(f"{server.url}/api/backtests/?status=completed", headers=h).json()["count"] for h in headers]
        gone = [p.pid for p in server.processes if p.exitcode is not None]
    print(
        f"{USERS} users, {minutes:g} minutes: {len(busy)} answers, {len(wrong)} errors, {sum(done)} runs done, at least {min(done)} of each user, "
        f"{len(gone)} processes ended"
    )
    print(
        f"  p95 of an answer: alone {p95(idle):.0f} ms, among them {p95(busy):.0f} ms, {p95(busy) / p95(idle):.2f}x (2x)"
    )
    print(f"  memory of web server and worker: {before:.0f} MB before, {half:.0f} MB at half, {after:.0f} MB after")
    for line in wrong[:5]:
        print(f"  {line}")


def conversations() -> None:
    """Let fifty users talk at once with a model that answers in 50 ms, and print when the first words come."""
    with model_server() as vendor, tempfile.TemporaryDirectory() as name:
        vendor.will(Reply(text="It buys when prices have fallen, and sells when they have risen again.", delay_s=0.05))
        options = {
            "GEMINI_API_KEY": "bench-key", "GEMINI_BASE_URL": vendor.url, "AI_BUDGET_USER_USD": "1000", "AI_BUDGET_TOTAL_USD": "1000",
            "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        with serve(Path(name), **options) as server:
            mine = {**header(server, "ada"), "Accept": "text/event-stream"}
            wrong: list[str] = []

            def talk(session: str, message: str, first: list[float]) -> None:
                body, started = {"message": message, "session_id": session}, time.perf_counter()
                heard: list[float] = []
                try:
                    with httpx.stream("POST", f"{server.url}/api/chat/", json=body, headers=mine, timeout=60) as answer:
                        for line in answer.raise_for_status().iter_lines():
                            if line == "event: text" and not heard:
                                heard.append(time.perf_counter() - started)
                    first.extend(heard)
                    if not heard:
                        wrong.append("no text")
                except httpx.HTTPError as error:
                    wrong.append(repr(error))

            alone: list[float] = []
            crowd: list[float] = []
            for n in range(CONVERSATIONS):
                talk(f"s{n}", SENTENCE, [])
            for n in range(20):
                talk(f"s{n}", "und was meinst du?", alone)
            threads = [
                threading.Thread(target=talk, args=(f"s{n}", "und was meinst du?", crowd)) for n in range(CONVERSATIONS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    median = statistics.median(alone[5:]) * 1000
    print(
        f"conversation, a model that answers in 50 ms: first words after {median:.0f} ms, {median / 300:.2f}x (300 ms)"
    )
    print(
        f"  {CONVERSATIONS} at once: {len(crowd)} answered, {len(wrong)} errors, first words after {statistics.median(crowd) * 1000:.0f} ms"
    )
    for line in wrong[:5]:
        print(f"  {line}")


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    arguments = parser.parse_args()
    single, double = jobs_per_second(1), jobs_per_second(2)
    print(f"one worker {single:.2f} jobs a second, two workers {double:.2f}: {double / single:.2f}x (1.6x)", flush=True)
    conversations()
    users(arguments.minutes)


if __name__ == "__main__":
    main()
