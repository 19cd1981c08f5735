"""Run jobs in a child process with rlimits and a wall clock.

This keeps an honest strategy from hanging or filling the machine. It is no isolation from a
hostile one: results say `isolated: false`.
"""

from __future__ import annotations

import atexit
import contextlib
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

import pandas as pd
import pyarrow.feather
from pydantic import BaseModel, ConfigDict, ValidationError

from Backtest.errors import ExecutionError
from Backtest.sandbox.job import SandboxJob, SandboxResult

WORKER = Path(__file__).with_name("worker.py")
GRACE_S = 10.0
PATIENCE_S = 1.5
FORKS = hasattr(os, "fork")
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


class _Done(BaseModel):
    """How a job's process ended: its exit code (negative: a signal), or `reason` timeout."""

    model_config = ConfigDict(extra="forbid")

    code: int
    reason: str = ""
    cpu_ms: float = 0.0
    peak_memory_mb: float = 0.0


class ProcessSandbox:
    """A pool of interpreters that have imported everything; each job runs in a fork of one.

    The interpreter itself never runs a strategy's code, so it stays clean for the next job. Where
    there is no fork it serves one job and ends.

    Args:
        ready: how many to keep waiting. 0 starts one when a job comes.
    """

    backend = "process"

    def __init__(self, *, ready: int = 0) -> None:
        self._ready = ready
        self._waiting: deque[subprocess.Popen[bytes]] = deque()
        self._lock = threading.Lock()
        self._returned = threading.Condition(self._lock)
        self._busy = 0
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
                _end(self._waiting.pop())

    def run(self, job: SandboxJob) -> SandboxResult:
        """Run a job in a process of its own.

        Raises:
            ExecutionError: the code raised, or ran into its limit of time, memory or output.
        """
        with tempfile.TemporaryDirectory(prefix="algoagent-job-") as name:
            folder = Path(name)
            self._write(folder, job)
            interpreter = self._take()
            started = time.perf_counter()
            done = _Done(code=-signal.SIGTERM, reason="killed")
            try:
                done = self._serve(interpreter, folder, job)
            finally:
                self._give_back(interpreter, usable=done.reason != "killed")
            wall_ms = (time.perf_counter() - started) * 1000
            _check_exit(done, job)
            return self._read(folder, job, wall_ms=wall_ms, cpu_ms=done.cpu_ms, peak_mb=done.peak_memory_mb)

    def _take(self) -> subprocess.Popen[bytes]:
        """Return a waiting interpreter. Where all are busy, wait for one about as long as a new one takes to start."""
        deadline = time.monotonic() + PATIENCE_S
        with self._returned:
            while True:
                while self._waiting:
                    interpreter = self._waiting.popleft()
                    if interpreter.poll() is None:
                        self._busy += 1
                        return interpreter
                    _end(interpreter)
                patience = deadline - time.monotonic()
                if self._busy < max(self._ready, 1) or patience <= 0:
                    self._busy += 1
                    return self._start()
                self._returned.wait(patience)

    def _give_back(self, interpreter: subprocess.Popen[bytes], *, usable: bool) -> None:
        with self._returned:
            self._busy -= 1
            if usable and FORKS and len(self._waiting) < self._ready:
                self._waiting.append(interpreter)
                self._returned.notify()
                return
            self._returned.notify()
        _end(interpreter)
        if self._ready:
            threading.Thread(target=self.warm_up, daemon=True).start()

    def _start(self) -> subprocess.Popen[bytes]:
        kept = {k: v for k, v in os.environ.items() if k in KEPT_VARIABLES}
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        fixed = {"ARROW_DEFAULT_MEMORY_POOL": "system", "TQDM_DISABLE": "1", "PYTHONHASHSEED": "0"}
        return subprocess.Popen(
            [sys.executable, "-I", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, **threads, **fixed, "HOME": tempfile.gettempdir()},
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

    def _serve(self, interpreter: subprocess.Popen[bytes], folder: Path, job: SandboxJob) -> _Done:
        """Give an interpreter its job and wait for its word that the job has ended."""
        assert interpreter.stdin is not None
        assert interpreter.stdout is not None
        try:
            interpreter.stdin.write(json.dumps({"folder": str(folder), **job.limits.model_dump()}).encode() + b"\n")
            interpreter.stdin.flush()
        except BrokenPipeError:
            raise ExecutionError(
                "The sandbox's interpreter did not start; reinstall the requirements", exit_reason="killed"
            ) from None
        # The interpreter ends the job at its limit; should it fail to, it is ended itself.
        overdue = threading.Timer(job.limits.timeout_s + GRACE_S, _kill, [interpreter])
        overdue.daemon = True
        overdue.start()
        try:
            line = interpreter.stdout.readline()
        finally:
            overdue.cancel()
        try:
            return _Done.model_validate_json(line)
        except ValidationError:
            return _Done(code=-signal.SIGKILL, reason="killed")

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
        if answer.status == "output":
            raise _too_much_output(job)
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


def _too_much_output(job: SandboxJob) -> ExecutionError:
    return ExecutionError(f"The backtest wrote more than {job.limits.output_mb} MiB", exit_reason="output")


def _check_exit(done: _Done, job: SandboxJob) -> None:
    """Raise what the way a job's process ended means."""
    if done.reason == "timeout" or done.code == -getattr(signal, "SIGXCPU", 24):
        raise ExecutionError(
            f"Backtest exceeded {job.limits.timeout_s:g} s; shorten the range or simplify", exit_reason="timeout"
        )
    if done.code == -getattr(signal, "SIGXFSZ", 25):
        raise _too_much_output(job)
    if done.code:
        reason = f"signal {-done.code}" if done.code < 0 else f"exit code {done.code}"
        raise ExecutionError(
            f"The backtest's process ended with {reason}, possibly for lack of memory ({job.limits.memory_mb} MiB)",
            exit_reason="killed",
        )


def _kill(interpreter: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(interpreter.pid, signal.SIGKILL)
    interpreter.kill()


def _end(interpreter: subprocess.Popen[bytes]) -> None:
    _kill(interpreter)
    interpreter.communicate()


def _read_arrow(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pyarrow.feather.read_feather(str(path))
    return frame
