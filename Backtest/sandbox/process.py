"""Run jobs in a child process with rlimits and a wall clock.

This keeps an honest strategy from hanging or filling the machine. It is no isolation from a
hostile one: results say `isolated: false`.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.feather
from pydantic import BaseModel, ConfigDict, ValidationError

from Backtest.errors import ExecutionError
from Backtest.sandbox.job import SandboxJob, SandboxResult

WORKER = Path(__file__).with_name("worker.py")
KEPT_VARIABLES = ("LANG", "LC_ALL", "SYSTEMROOT", "TZ")


class _Answer(BaseModel):
    """What result.json must look like."""

    model_config = ConfigDict(extra="ignore")

    status: str
    metrics: dict[str, float | int | str | None] = {}
    warnings: list[str] = []
    error: str = ""
    traceback: str = ""
    versions: dict[str, str] = {}


class ProcessSandbox:
    """A pool of interpreters that have imported everything and wait; each serves one job.

    Args:
        ready: how many to keep waiting. 0 starts one when a job comes.
    """

    backend = "process"

    def __init__(self, *, ready: int = 0) -> None:
        self._ready = ready
        self._waiting: deque[subprocess.Popen[bytes]] = deque()
        self._lock = threading.Lock()
        atexit.register(self.close)

    def warm_up(self, count: int | None = None) -> None:
        """Start interpreters ahead of need."""
        with self._lock:
            while len(self._waiting) < (self._ready if count is None else count):
                self._waiting.append(self._start())

    def close(self) -> None:
        """End the waiting interpreters."""
        with self._lock:
            while self._waiting:
                child = self._waiting.pop()
                child.kill()
                child.communicate()

    def run(self, job: SandboxJob) -> SandboxResult:
        """Run a job in a fresh interpreter.

        Raises:
            ExecutionError: the code raised, or ran into its limit of time, memory or output.
        """
        with tempfile.TemporaryDirectory(prefix="algoagent-job-") as name:
            folder = Path(name)
            self._write(folder, job)
            started = time.perf_counter()
            child = self._take()
            try:
                cpu_ms, peak_mb = self._serve(child, folder, job)
            finally:
                if self._ready:
                    threading.Thread(target=self.warm_up, daemon=True).start()
            wall_ms = (time.perf_counter() - started) * 1000
            return self._read(folder, job, wall_ms=wall_ms, cpu_ms=cpu_ms, peak_mb=peak_mb)

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            while self._waiting:
                child = self._waiting.popleft()
                if child.poll() is None:
                    return child
        return self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        kept = {k: v for k, v in os.environ.items() if k in KEPT_VARIABLES}
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "ARROW_DEFAULT_MEMORY_POOL"), "1")
        threads["ARROW_DEFAULT_MEMORY_POOL"] = "system"
        return subprocess.Popen(
            [sys.executable, "-I", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**kept, **threads, "HOME": tempfile.gettempdir(), "TQDM_DISABLE": "1", "PYTHONHASHSEED": "0"},
            start_new_session=os.name == "posix",
        )

    @staticmethod
    def _write(folder: Path, job: SandboxJob) -> None:
        (folder / "strategy.py").write_text(job.code, encoding="utf-8")
        settings = {
            "settings": job.settings.model_dump(),
            "limits": job.limits.model_dump(),
            "report": job.report,
        }
        (folder / "job.json").write_text(json.dumps(settings), encoding="utf-8")
        pyarrow.feather.write_feather(job.frame, str(folder / "prices.arrow"), compression="uncompressed")

    def _serve(self, child: subprocess.Popen[bytes], folder: Path, job: SandboxJob) -> tuple[float, float]:
        """Give the child its job and wait; return CPU milliseconds and peak memory in MiB."""
        assert child.stdin is not None
        deadline = time.monotonic() + job.limits.timeout_s
        try:
            child.stdin.write(json.dumps({"folder": str(folder)}).encode() + b"\n")
            child.stdin.close()
        except BrokenPipeError:
            child.wait()
            raise ExecutionError(
                "The sandbox's interpreter did not start; reinstall the requirements", exit_reason="killed"
            ) from None
        if os.name != "posix":
            return self._wait_portably(child, job, deadline)
        pause = 0.001
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                os.killpg(child.pid, signal.SIGKILL)
                os.wait4(child.pid, 0)
                child.returncode = -signal.SIGKILL
                raise _timeout(job)
            time.sleep(pause)
            pause = min(pause * 1.2, 0.02)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            self._explain_exit(child.returncode, job)
        return (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024

    @staticmethod
    def _wait_portably(child: subprocess.Popen[bytes], job: SandboxJob, deadline: float) -> tuple[float, float]:
        try:
            child.wait(timeout=max(deadline - time.monotonic(), 0.001))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise _timeout(job) from None
        return 0.0, 0.0

    @staticmethod
    def _explain_exit(code: int, job: SandboxJob) -> None:
        if code == -signal.SIGXCPU:
            raise _timeout(job)
        if code == -signal.SIGXFSZ:
            raise ExecutionError(f"The backtest wrote more than {job.limits.output_mb} MiB", exit_reason="output")
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise ExecutionError(
            f"The backtest's process ended with {reason}, possibly for lack of memory ({job.limits.memory_mb} MiB)",
            exit_reason="killed",
        )

    def _read(self, folder: Path, job: SandboxJob, *, wall_ms: float, cpu_ms: float, peak_mb: float) -> SandboxResult:
        try:
            answer = _Answer.model_validate_json((folder / "result.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise ExecutionError("The backtest left no valid result", exit_reason="killed") from error
        if answer.status == "memory":
            raise ExecutionError(
                f"The backtest needs more than {job.limits.memory_mb} MiB; shorten the range or simplify it",
                exit_reason="memory",
            )
        if answer.status != "completed":
            raise ExecutionError(answer.error or "The strategy failed", traceback=answer.traceback)
        report = folder / "report.html"
        return SandboxResult(
            metrics=dict(answer.metrics),
            trades=_read_arrow(folder / "trades.arrow").reset_index(drop=True),
            equity=_read_arrow(folder / "equity.arrow"),
            warnings=tuple(answer.warnings),
            report_html=report.read_text(encoding="utf-8") if job.report and report.is_file() else None,
            wall_ms=wall_ms,
            cpu_ms=cpu_ms,
            peak_memory_mb=peak_mb,
            backend=self.backend,
            isolated=False,
            versions=answer.versions,
        )


def _timeout(job: SandboxJob) -> ExecutionError:
    return ExecutionError(
        f"Backtest exceeded {job.limits.timeout_s:g} s; shorten the range or simplify", exit_reason="timeout"
    )


def _read_arrow(path: Path) -> pd.DataFrame:
    frame: Any = pyarrow.feather.read_feather(str(path))
    return frame
