"""A real server in a process of its own, with its own database and folders."""

from __future__ import annotations

import atexit
import fcntl
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx

from tests.warm import TELL, run, start

# Making a client reads all certificates, a fiftieth of a second's work that httpx.get does each time; here nothing is encrypted.
http = httpx.Client(verify=False, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0))


_ports = itertools.count(os.getpid() * 97)


@dataclass(frozen=True)
class Server:
    """Where a server listens, how to run commands on its data, and its processes: the web server first."""

    url: str
    environment: dict[str, str]
    processes: list[ForkServerProcess] = field(default_factory=list)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(["manage.py", *arguments], self.environment, check=True)

    def token(self, name: str = "ada") -> str:
        """Return an access token of a user, who is registered when there is none."""
        body = {"username": name, "email": f"{name}@example.com", "password": "correct horse battery"}
        answer = http.post(f"{self.url}/api/auth/register/", json=body, timeout=60)
        if answer.status_code == 409:
            known = {"username": name, "password": body["password"]}
            answer = http.post(f"{self.url}/api/auth/login/", json=known, timeout=60)
        return str(answer.raise_for_status().json()["access"])


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment in which the project keeps everything below a folder."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "LC_ALL", "TZ")}
    limits = {f"THROTTLE_{scope}": "1000000/min" for scope in ("ANON", "USER", "LOGIN", "REGISTER")}
    folders = {
        "VAR_DIR": str(folder),
        "CODES_DIR": str(folder / "codes"),
        "DATA_PROVIDERS": "bundled",
        "SANDBOX_READY": "0",
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),  # deleted with it
    }
    return {**kept, **limits, **folders, "DJANGO_SETTINGS_MODULE": "algoagent_api.settings", "NO_COLOR": "1", **more}


def end(process: ForkServerProcess, log: Path, within_s: float = 120) -> None:
    """Ask a process to end and wait until it has; one that does not fails the test, which shows where its threads are."""
    process.terminate()
    process.join(within_s)
    if process.exitcode is None:
        os.kill(process.pid or 0, TELL)
        process.join(1)
        process.kill()
        raise AssertionError(f"it has not ended within {within_s} s: {log.read_text(errors='replace')[-10_000:]}")


def web(server: Server, log: Path) -> ForkServerProcess:
    """Start a process that answers at the server's address."""
    port = server.url.rpartition(":")[2]
    command = ["-m", "uvicorn", "algoagent_api.asgi:application", "--host", "127.0.0.1", "--port", port]
    return start([*command, "--log-level", "warning", "--no-proxy-headers"], server.environment, log)


def worker(server: Server, log: Path) -> ForkServerProcess:
    """Start a process that runs the server's queued backtests."""
    command = ["-m", "celery", "--app", "algoagent_api", "worker", "--loglevel", "WARNING"]
    return start([*command, "--without-gossip", "--without-mingle", "--without-heartbeat"], server.environment, log)


@cache
def shared() -> Path:
    """Return a folder that all processes of one run of the tests know; it goes when the one that made it ends."""
    if known := os.environ.get("TESTS_SHARED"):
        return Path(known)
    os.environ["TESTS_SHARED"] = tempfile.mkdtemp(prefix="algoagent-shared-")
    atexit.register(shutil.rmtree, os.environ["TESTS_SHARED"], ignore_errors=True)
    return Path(os.environ["TESTS_SHARED"])


@cache
def migrated() -> Path:
    """Return a SQLite file with all tables and nothing in them; made once, for it takes seconds."""
    folder = shared() / "migrated"
    with (shared() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=shared()) as made:
                run(["manage.py", "migrate", "--verbosity", "0"], environment(Path(made)), check=True)
                shutil.copytree(made, folder)
    return folder / "db.sqlite3"


def free_port() -> int:
    """Return a port of loopback that nobody listens at, and that the system gives to no connection in the meantime.

    Ports below 32768 are given to nobody who has not asked; each process begins to look at another one.
    """
    while True:
        port = 10_000 + next(_ports) % 22_000
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def prepared(folder: Path, **more: str) -> Server:
    """Return a server that does not run yet, for a free port of loopback; its folder has a database."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    server = Server(f"http://127.0.0.1:{port}", environment(folder, **more))
    if "DATABASE_URL" in more:
        server.manage("migrate", "--verbosity", "0")
    elif not (folder / "db.sqlite3").exists():  # the one of a server before this is kept
        shutil.copy(migrated(), folder / "db.sqlite3")
    return server


@contextmanager
def serve(folder: Path, *, workers: int = 0, **more: str) -> Iterator[Server]:
    """Serve a folder on a free port of loopback, with a new database where it has none, until the context ends."""
    server = prepared(folder, **more)
    log = folder / "server.log"
    log.unlink(missing_ok=True)
    server.processes.extend([web(server, log), *(worker(server, log) for _ in range(workers))])
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if http.get(f"{server.url}/api/health/", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                if server.processes[0].exitcode is not None or time.monotonic() > deadline:
                    raise RuntimeError(log.read_text()) from None
                time.sleep(0.1)
        yield server
    finally:
        for one in server.processes:
            one.terminate()
        for one in server.processes:
            end(one, log)
