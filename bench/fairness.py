"""What a quiet user feels of one attacker: p95 of a quick-run beside each kind, against p95 alone; and the memory that 200 files cost.

python -m bench.fairness [--runs 20] [--only spins]
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import random
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import httpx

from Backtest.machine import give_way
from bench.load import SENTENCE, header, memory_mb, p95
from tests.live import Server, serve

CODE = "import time\nfrom backtesting import Strategy\n\nclass Mine(Strategy):\n    def init(self):\n        {}\n\n    def next(self):\n        pass\n"
SPINS, SLEEPS = CODE.format("while True: pass"), CODE.format("time.sleep(600)")
HUGE = {
    "sma_10_period": {"min": 2, "max": 200},
    "sma_20_period": {"min": 2, "max": 200},
    "stop_loss_pct": {"min": 1, "max": 25},
}
HOPEFUL = " ".join(["Buy when the sma of the ema of the wma of the highest high of 20 is above 2 * 2 * 2 and"] * 90)
ATTACKERS = 12  # connections at once
PAUSE_S = 1.0  # of the quiet user between two runs
# As the server has them by default; tests raise them.
THROTTLES = {
    "THROTTLE_ANON": "60/min",
    "THROTTLE_USER": "1200/min",
    "THROTTLE_LOGIN": "10/min",
    "THROTTLE_REGISTER": "20/hour",
}
Attack = Callable[[httpx.Client, int], object]  # with a strategy of the attacker's


def again(attack: Attack) -> Attack:
    """Return an attack that goes on, whatever is answered; a refusal is waited out as a client would that wants to do harm."""

    def loop(client: httpx.Client, strategy: int) -> None:
        while True:
            answer = attack(client, strategy)
            time.sleep(0.05 if isinstance(answer, httpx.Response) and answer.status_code == 429 else 0)

    return loop


def upload(name: str, content: bytes) -> Attack:
    return again(lambda client, strategy: client.post("/api/data/datasets/upload/", files={"file": (name, content)}))


def search(client: httpx.Client, strategy: int) -> object:
    return client.post("/api/backtests/optimize/", json={"strategy_id": strategy, "parameters": HUGE})


def streams(client: httpx.Client, strategy: int) -> None:
    """Open events of a run of one's own, and read nothing of them."""
    run = client.post("/api/backtests/", json={"strategy_id": strategy}).json().get("id", 1)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(client.stream("GET", f"/api/backtests/{run}/events/"))
        time.sleep(600)


def wrong_password(client: httpx.Client, strategy: int) -> object:
    name = f"user{random.randrange(10**9)}"
    return client.post("/api/auth/login/", json={"username": name, "password": "wrong"})


def sandbox(code: str) -> Attack:
    body = {"code": code, "symbol": "GOOG"}
    return again(lambda client, strategy: client.post("/api/production/strategies/sandbox-test/", json=body))


ATTACKS: dict[str, Attack] = {
    "code that sleeps": sandbox(SLEEPS),
    "code that spins": sandbox(SPINS),
    "code, its client gone": again(lambda client, strategy: client.post(
        "/api/production/strategies/sandbox-test/", json={"code": SPINS, "symbol": "GOOG"}, timeout=0.5)),
    "files of 1 MiB of commas": upload("a.csv", b"," * 2**20),
    "files of 300,000 columns": upload("b.csv", b"\n".join([b",".join([b"x%d" % n for n in range(300_000)])] * 2)),
    "texts that promise much": again(lambda client, strategy: client.post("/api/strategies/", json={"user_description": HOPEFUL})),
    "conversations": again(lambda client, strategy: client.post("/api/chat/", json={"message": SENTENCE})),
    "searches of a million": again(search),
    "quick-runs": again(lambda client, strategy: client.post("/api/backtests/quick-run/", json={"user_description": SENTENCE})),
    "240 streams": streams,
    "wrong passwords": again(wrong_password),
}  # fmt: skip


@contextlib.contextmanager
def attacked(server: Server, attack: Attack) -> Iterator[None]:
    """Let one user attack over many connections until the context ends, from a process of low priority: it stands for another machine."""
    mine = header(server, "mallory")
    made = httpx.post(f"{server.url}/api/strategies/", json={"user_description": SENTENCE}, headers=mine).json()["id"]
    attackers = get_context("fork").Process(target=_attack, args=(server.url, mine, attack, made), daemon=True)
    attackers.start()
    time.sleep(3)
    try:
        yield
    finally:
        attackers.kill()
        attackers.join()
        time.sleep(2)


def _attack(url: str, headers: dict[str, str], attack: Attack, strategy: int) -> None:
    give_way()

    def run() -> None:
        with httpx.Client(base_url=url, headers=headers, timeout=600) as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    attack(client, strategy)

    for _ in range(ATTACKERS):
        threading.Thread(target=run, daemon=True).start()
    threading.Event().wait()


def quick_runs(server: Server, quiet: dict[str, str], count: int) -> list[float]:
    times = []
    with httpx.Client(base_url=server.url, headers=quiet, timeout=600) as client:
        for _ in range(count):
            started = time.perf_counter()
            client.post("/api/backtests/quick-run/", json={"user_description": SENTENCE}).raise_for_status()
            times.append(time.perf_counter() - started)
            time.sleep(PAUSE_S)
    return times


def hostile_files() -> Iterator[tuple[str, bytes]]:
    """Yield files without end that want more memory or time than they are worth."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as folder:
        folder.writestr("a.csv", b"0" * (700 * 2**20))
    wide = b"\n".join([b",".join([b"x%d" % n for n in range(30_000)])] * 2)
    kinds = [
        ("commas.csv", b"," * 2**17), ("wide.csv", wide), ("zeros.csv.gz", gzip.compress(b"0" * (300 * 2**20), 1)),
        ("zeros.zip", packed.getvalue()), ("noise.parquet", b"PAR1" + random.randbytes(2**17) + b"PAR1"),
        ("noise.xlsx", b"PK\x03\x04" + random.randbytes(2**17)), ("deep.json", b"[" * 10**5), ("noise.csv", random.randbytes(2**18)),
    ]  # fmt: skip
    while True:
        yield from kinds


def memory(files: int) -> None:
    """Print the memory of the web server before, and after many uploads of hostile files."""
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder), LOG_LEVEL="ERROR") as server:
        seen = []
        with httpx.Client(base_url=server.url, headers=header(server, "mallory"), timeout=600) as client:
            for number, (name, content) in zip(range(files + 20), hostile_files(), strict=False):
                client.post("/api/data/datasets/upload/", files={"file": (name, content)})
                if number >= 19:  # what is loaded once is loaded
                    seen.append(memory_mb(server))
    print(
        f"memory of the web server: {seen[0]:.0f} MB, after {files} hostile files {seen[-1]:.0f} MB, at most {max(seen):.0f} MB",
        flush=True,
    )


def main() -> None:
    """Print all of it. Each attack has a server of its own, whose quiet user is measured alone first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if arguments.only in "memory":
        memory(200)
    print("a quick-run of a quiet user, p95 in ms: alone, beside one attacker with 12 connections (2x)")
    for name, attack in ATTACKS.items():
        if arguments.only not in name:
            continue
        with (
            tempfile.TemporaryDirectory() as folder,
            serve(Path(folder), workers=1, SANDBOX_READY="2", LOG_LEVEL="ERROR", **THROTTLES) as server,
        ):
            quiet = header(
                server, "ada"
            )  # logged in before: whoever shares an address with an attacker waits at the door
            quick_runs(server, quiet, 5)
            alone = p95(quick_runs(server, quiet, arguments.runs))
            with attacked(server, attack):
                beside = p95(quick_runs(server, quiet, arguments.runs))
            for process in server.processes:  # which would wait for what is under way
                process.kill()
        print(f"  {name:<28}{alone:>8.0f}{beside:>8.0f}{beside / alone:>8.2f}x", flush=True)


if __name__ == "__main__":
    main()
