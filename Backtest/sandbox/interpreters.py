"""A pool of one-shot interpreters, and the conversation with one of them.

An interpreter starts inside its isolation, imports everything and waits. It is given one job, or a series of jobs of the
same code, heard out and ended. Nothing it says is believed: sizes are capped, JSON is checked against a schema,
numbers cross as plain doubles, and the figures are computed again in `audit`.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import io
import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import pyarrow.feather
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from Backtest.errors import ExecutionError, SandboxUnavailable
from Backtest.sandbox.audit import TRADE_COLUMNS, Forged, audit
from Backtest.sandbox.audit import warm_up as warm_up_audit
from Backtest.sandbox.job import SandboxJob, SandboxResult, Trace
from Backtest.sandbox.metrics import EXITS, POOL, STARTS

WORKER = Path(__file__).with_name("worker.py")
START_S = 60.0
TICK_S = 0.25
LINE_BYTES = 4 * 1024 * 1024
MIB = 1024 * 1024
PIPES = os.name != "posix"
PACKAGES = "backtesting, numpy, pandas, talib and Python's own"


@dataclass(frozen=True)
class Usage:
    """What a process has used so far, as seen from outside."""

    cpu_ms: float
    peak_memory_mb: float


def books_of(pid: int) -> Usage | None:
    """Return what the kernel has written down of a process of this machine, or None without such books."""
    try:
        books = Path(f"/proc/{pid}")
        on_cpu_ns = int((books / "schedstat").read_text().split()[0])
        peak = next(line for line in (books / "status").read_text().splitlines() if line.startswith("VmHWM:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return Usage(cpu_ms=on_cpu_ns / 1e6, peak_memory_mb=int(peak.split()[1]) / 1024)


@dataclass(frozen=True)
class Ending:
    """How an interpreter ended: exit code (negative: a signal; None: unknown), and whether for lack of memory."""

    code: int | None = None
    out_of_memory: bool = False


class Interpreter(Protocol):
    """One started worker."""

    def send(self, data: bytes) -> None: ...

    def receive(self, timeout_s: float) -> bytes | None:
        """Return what it said, b"" when it has ended, None when it said nothing in time."""

    def begin(self, job: SandboxJob) -> None:
        """Set the job's limits from outside."""

    def usage(self) -> Usage | None:
        """None where it cannot be seen from outside."""

    def container(self) -> dict[str, str]:
        """Return name and image where it runs in a container."""

    def end(self, patience_s: float = 0.0) -> Ending:
        """End it and everything it started, after a while if it is about to end itself. May be called again."""

    def complaint(self) -> str:
        """Return what was written on standard error before the job, once it has ended."""


class _Message(BaseModel):
    """One line of a worker."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    ready: dict[str, str] = {}
    progress: float | None = None
    status: Literal["", "completed", "error", "memory", "output"] = ""
    token: str = ""
    metrics: dict[str, float | int | str | None] = Field({}, max_length=200)
    warnings: list[str] = Field([], max_length=1000)
    error: str = ""
    traceback: str = ""
    log: str = ""
    warm_up: int = 0
    trades: int = Field(0, ge=0, le=1_000_000)
    bars: int = Field(0, ge=0)
    report: int = Field(0, ge=0)
    orders: list[tuple[int, Annotated[list[list[float | None]], Field(max_length=1000)]]] = Field(
        [], max_length=1_000_000
    )
    indicators: list[Annotated[str, Field(max_length=80)]] = Field([], max_length=64)
    cpu_ms: float = Field(0, ge=0)
    peak_memory_mb: float = Field(0, ge=0)


class InterpreterSandbox:
    """Runs each job in an interpreter of its own. Backends say how one is started.

    Args:
        ready: how many interpreters `warm_up` keeps waiting. Without it one is started when a job comes.
        allow_unisolated: run code that was not generated here even without isolation.
        at_once: how many jobs may run at a time; more wait.
    """

    backend = ""
    isolated = False
    draws = False  # whether interpreters import the charts as well, for jobs that will ask for a report

    def __init__(self, *, ready: int = 0, allow_unisolated: bool = False, at_once: int | None = None) -> None:
        self._ready = ready
        self._allow_unisolated = allow_unisolated
        self._waiting: deque[Interpreter] = deque()
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(at_once or max(4, 2 * (os.cpu_count() or 1)))
        self._closed = self._refills = False
        # bubblewrap ends with the thread that started it: one thread starts all and lives as long as we do.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-start")
        self._ender = ThreadPoolExecutor(2, thread_name_prefix="sandbox-end")
        atexit.register(self.close)

    def _start(self) -> Interpreter:
        raise NotImplementedError

    def problem(self) -> str:
        """Return why it does not work here, or an empty text."""
        return ""

    def _filter(self) -> bytes:
        """Return the seccomp program that the worker puts on itself before the job, or nothing."""
        return b""

    def warm_up(self, count: int | None = None) -> None:
        """Start interpreters ahead of need: so many, once; or, without a number, `ready` of them from now on."""
        if count is None:
            self._refills, count = self._ready > 0, self._ready
            self._starter.submit(warm_up_audit)
        self._starter.submit(self._fill, count)

    def close(self) -> None:
        """End the waiting interpreters."""
        self._closed = True
        self._starter.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        for interpreter in waiting:
            interpreter.end()
        self._ender.shutdown(wait=True)

    def run(self, job: SandboxJob) -> SandboxResult:
        """Run a job in an interpreter that serves nothing else.

        Raises:
            ExecutionError: the code raised, ran into a limit or reported what cannot be.
            SandboxUnavailable: the isolation does not work here, or there is none and the code is a stranger's.
        """
        with self._place(job), self._counted():
            interpreter, inbox, versions = self._take(job)
            try:
                result = self._converse(interpreter, inbox, job, versions)
            except BaseException:
                interpreter.end()
                raise
            self._ender.submit(interpreter.end)  # it has answered: nobody waits for its end
            return result

    def run_many(self, jobs: Iterable[SandboxJob], *, at_once: int = 2) -> Generator[SandboxResult | ExecutionError]:
        """Run jobs of the same code; give what each came to, in their order.

        Each runs in a fork of an interpreter that has run nothing itself and keeps nothing of it, which is many times quicker
        than starting one for each. No resources are measured but those a job reports of itself.

        Args:
            at_once: how many of them run at a time.

        Raises:
            SandboxUnavailable: as `run` does.
            ValueError: the jobs are of different codes.
        """
        waiting = list(jobs)
        if len({job.code for job in waiting}) > 1:
            raise ValueError("Jobs that share an interpreter have to be of the same code")
        with contextlib.ExitStack() as stack:
            idle = deque(stack.enter_context(self._series()) for _ in range(at_once))
            pool = stack.enter_context(ThreadPoolExecutor(at_once, thread_name_prefix="sandbox-many"))

            def attempt(job: SandboxJob) -> SandboxResult | ExecutionError:
                run = idle.popleft()
                try:
                    return run(job)
                except ExecutionError as error:
                    return error
                finally:
                    idle.append(run)

            found = [pool.submit(attempt, job) for job in waiting]
            try:
                for one in found:
                    yield one.result()
            finally:
                for one in found:
                    one.cancel()

    @contextlib.contextmanager
    def _series(self) -> Iterator[Callable[[SandboxJob], SandboxResult]]:
        """Give a function that runs jobs as `run` does, in forks of one interpreter where there are forks."""
        held: list[tuple[Interpreter, dict[str, str]]] = []

        def run(job: SandboxJob) -> SandboxResult:
            with self._place(job), self._counted():
                if held:
                    interpreter, versions = held.pop()
                    inbox = _Inbox(interpreter, job)
                else:
                    interpreter, inbox, versions = self._take(job)
                try:
                    result = self._converse(interpreter, inbox, job, versions, fork=True)
                except BaseException:
                    interpreter.end()
                    raise
                held.append((interpreter, versions))
                return result

        try:
            yield self.run if PIPES else run
        finally:
            for interpreter, _ in held:
                self._ender.submit(interpreter.end)

    @contextlib.contextmanager
    def _place(self, job: SandboxJob) -> Iterator[None]:
        """Wait until another job may run here."""
        if not self.isolated and not job.generated and not self._allow_unisolated:
            raise SandboxUnavailable(
                "This code was not generated by AlgoAgent, and there is no isolation to run it in: "
                "install bubblewrap, or Docker and set SANDBOX_BACKEND=docker"
            )
        while not self._slots.acquire(timeout=TICK_S):
            job.tick(0.0)
        try:
            yield
        finally:
            self._slots.release()
            if self._refills and not self._closed:
                self._starter.submit(self._fill, self._ready)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        reason = "failed"
        try:
            yield
            reason = "completed"
        except ExecutionError as error:
            reason = error.exit_reason
            raise
        finally:
            EXITS.labels(self.backend, reason).inc()

    def _fill(self, wanted: int) -> None:
        while not self._closed:
            with self._lock:
                if len(self._waiting) >= wanted:
                    return
            try:
                interpreter = self._start()
            except (OSError, SandboxUnavailable):
                return  # the job that comes is told why
            with self._lock:
                self._waiting.append(interpreter)

    def _take(self, job: SandboxJob) -> tuple[Interpreter, _Inbox, dict[str, str]]:
        """Return an interpreter that is ready for the job, and its versions: one that waits, or else a new one."""
        hit, started = "yes", time.perf_counter()
        while True:
            with self._lock:
                interpreter = self._waiting.popleft() if self._waiting else None
            if interpreter is None:
                hit, interpreter = "no", self._starter.submit(self._start).result()
            inbox = _Inbox(interpreter, job)
            try:
                versions = inbox.ready()
                if hit == "yes" and interpreter.receive(0.0002) == b"":
                    raise SandboxUnavailable("It was ended while it waited")
                interpreter.begin(job)
            except BaseException as error:
                interpreter.end()
                if hit == "yes" and isinstance(error, SandboxUnavailable):
                    continue
                raise
            POOL.labels(self.backend, hit).inc()
            STARTS.labels(self.backend).observe(time.perf_counter() - started)
            return interpreter, inbox, versions

    def _converse(
        self, interpreter: Interpreter, inbox: _Inbox, job: SandboxJob, versions: dict[str, str], *, fork: bool = False
    ) -> SandboxResult:
        before = None if fork else interpreter.usage()  # a fork's books are not those of the interpreter
        started = time.perf_counter()
        inbox.start_clock()
        used: dict[str, float] = {}
        try:
            interpreter.send(_order(job, self._filter(), inbox.token, fork=fork))
            message = inbox.answer()
            used = _used(started, before, interpreter.usage(), message)
            traced = len(message.indicators) * message.bars * 8
            rest = inbox.exactly(message.trades * 8 * len(TRADE_COLUMNS) + message.bars * 8 + message.report + traced)
        except (ConnectionError, TimeoutError):
            raise inbox.ended() from None
        except ExecutionError as error:
            error.resources = used or _used(started, before, interpreter.usage() or inbox.usage, None)
            raise
        if message.status != "completed":
            raise _failure(message, job, used)
        result = self._believe(message, rest, job, versions, used)
        return replace(result, container=interpreter.container())

    def _believe(
        self, message: _Message, rest: bytes, job: SandboxJob, versions: dict[str, str], used: dict[str, float]
    ) -> SandboxResult:
        """Return the result a message claims, after it was found to follow from trades and prices."""
        size = message.trades * len(TRADE_COLUMNS)
        numbers = np.frombuffer(rest, dtype="<f8", count=size).reshape(-1, len(TRADE_COLUMNS))
        equity = np.frombuffer(rest, dtype="<f8", count=message.bars, offset=size * 8)
        try:
            metrics, trades, curve = audit(
                numbers, equity, message.metrics, warm_up=message.warm_up, frame=job.frame, settings=job.settings
            )
        except Forged as error:
            raise ExecutionError(
                f"The result was refused: {error}. The code must not touch how its results are made",
                exit_reason="violation",
                log=_clean(message.log),
                resources=used,
            ) from None
        end = size * 8 + message.bars * 8 + message.report
        report = rest[end - message.report : end].decode("utf-8", errors="replace")
        return SandboxResult(
            metrics=metrics,
            trades=trades,
            equity=curve,
            warnings=tuple(_clean(w)[:300] for w in message.warnings),
            report_html=report if job.report else None,
            log=_clean(message.log),
            wall_ms=used["wall_ms"],
            cpu_ms=used["cpu_ms"],
            peak_memory_mb=used["peak_memory_mb"],
            backend=self.backend,
            isolated=self.isolated,
            versions=versions,
            trace=_trace(message, rest[end:]) if job.trace else None,
        )


def _trace(message: _Message, rest: bytes) -> Trace:
    values = np.frombuffer(rest, dtype="<f8").reshape(len(message.indicators), message.bars)
    return Trace(dict(message.orders), dict(zip(message.indicators, values, strict=True)))


class _Inbox:
    """Everything one interpreter says, within the limits of its job."""

    def __init__(self, interpreter: Interpreter, job: SandboxJob) -> None:
        self._interpreter = interpreter
        self._job = job
        self._held = bytearray()
        self._left = job.limits.output_mb * MIB
        self._deadline = time.monotonic() + START_S
        self._progress = 0.0
        self.token = secrets.token_hex(8)  # told to this job only: an answer without it was left by one before
        self.usage: Usage | None = None  # the last that was seen

    def start_clock(self) -> None:
        self._deadline = time.monotonic() + self._job.limits.timeout_s

    def ready(self) -> dict[str, str]:
        """Wait for the word that everything is imported; return the versions."""
        try:
            return self._message().ready
        except ExecutionError as error:
            if error.exit_reason == "cancelled":
                raise
            self._interpreter.end()
            why = self._interpreter.complaint().strip()[-500:] or error.message
            raise SandboxUnavailable(f"The sandbox did not start: {why}") from None

    def answer(self) -> _Message:
        """Wait for the job's end; return what it says of it."""
        while True:
            message = self._message()
            if message.status:
                break
            self._progress = min(max(message.progress or 0.0, self._progress), 1.0)
        if message.token != self.token:
            raise _violation("it is the answer to another job")
        if message.bars not in (0, len(self._job.frame)):
            raise _violation(f"it tells of {message.bars} bars, there are {len(self._job.frame)}")
        return message

    def exactly(self, count: int) -> bytes:
        if count > self._left + len(self._held):
            raise _too_much_output(self._job)
        while len(self._held) < count:
            self._receive()
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def _message(self) -> _Message:
        searched = 0
        while (end := self._held.find(b"\n", searched)) < 0:
            searched = len(self._held)
            if searched > LINE_BYTES:
                raise _too_much_output(self._job)
            self._receive()
        line = self.exactly(end + 1)
        try:
            return _Message.model_validate_json(line)
        except ValidationError:
            raise _violation("it is not of the agreed form") from None

    def _receive(self) -> None:
        """Hold what comes next. Raises when time, output or the interpreter come to an end."""
        while True:
            self._job.tick(self._progress)
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise ExecutionError(
                    f"Backtest exceeded {self._job.limits.timeout_s:g} s; shorten the range or simplify",
                    exit_reason="timeout",
                )
            chunk = self._interpreter.receive(min(left, TICK_S))
            if chunk == b"":
                raise self.ended()
            if chunk:
                break
            self.usage = self._interpreter.usage() or self.usage
        self._left -= len(chunk)
        if self._left < 0:
            raise _too_much_output(self._job)
        self._held += chunk

    def ended(self) -> ExecutionError:
        """Return what it means that the interpreter ended without an answer."""
        ending, memory = self._interpreter.end(patience_s=1.0), self._job.limits.memory_mb
        if ending.out_of_memory:
            return _out_of_memory(self._job)
        signals = {getattr(signal, name, None): name for name in ("SIGSYS", "SIGXCPU", "SIGXFSZ")}
        match signals.get(-ending.code if ending.code is not None and ending.code < 0 else None):
            case "SIGSYS":
                return ExecutionError(
                    "The code asked the system for what no strategy needs, and was ended", exit_reason="violation"
                )
            case "SIGXCPU":
                return ExecutionError(
                    f"Backtest exceeded {self._job.limits.timeout_s:g} s; shorten the range or simplify",
                    exit_reason="timeout",
                )
            case "SIGXFSZ":
                return _too_much_output(self._job)
        how = "" if ending.code is None else f" with {_exit_text(ending.code)}"
        return ExecutionError(
            f"The backtest's process ended{how}, possibly for lack of memory ({memory} MiB)", exit_reason="killed"
        )


def _exit_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _order(job: SandboxJob, program: bytes, token: str, *, fork: bool) -> bytes:
    """Return a job as bytes: whether in a fork, a line of JSON, and the prices as Arrow."""
    prices = io.BytesIO()
    pyarrow.feather.write_feather(job.frame, prices, compression="uncompressed")
    head = {
        "code": job.code,
        "settings": job.settings.model_dump(),
        "limits": job.limits.model_dump(),
        "report": job.report,
        "trace": job.trace,
        "target_first": job.target_first,
        "filter": base64.b64encode(program).decode(),
        "token": token,
        "prices": prices.tell(),
    }
    return (b"f" if fork else b"r") + json.dumps(head).encode() + b"\n" + prices.getvalue()


def _used(started: float, before: Usage | None, after: Usage | None, message: _Message | None) -> dict[str, float]:
    """Return wall time, CPU time and peak memory: seen from outside where that is possible."""
    used = {"wall_ms": (time.perf_counter() - started) * 1000, "cpu_ms": 0.0, "peak_memory_mb": 0.0}
    if before and after and after.cpu_ms >= before.cpu_ms:
        used |= {"cpu_ms": after.cpu_ms - before.cpu_ms, "peak_memory_mb": after.peak_memory_mb}
    elif message:
        used |= {"cpu_ms": message.cpu_ms, "peak_memory_mb": message.peak_memory_mb}
    return used


def _failure(message: _Message, job: SandboxJob, used: dict[str, float]) -> ExecutionError:
    """Return what a worker reports of its strategy as an error its author can act on."""
    if message.status == "memory":
        error = _out_of_memory(job)
    elif message.status == "output":
        error = _too_much_output(job)
    else:
        text = _clean(message.error)[:2000] or "The strategy failed"
        if text.startswith(("ModuleNotFoundError", "ImportError")):
            text += f". Only pre-approved packages: {PACKAGES}"
        error = ExecutionError(text)
    error.traceback, error.log, error.resources = _clean(message.traceback)[:8000], _clean(message.log), used
    return error


def _out_of_memory(job: SandboxJob) -> ExecutionError:
    return ExecutionError(
        f"The backtest needs more than {job.limits.memory_mb} MiB; shorten the range or simplify it",
        exit_reason="memory",
    )


def _too_much_output(job: SandboxJob) -> ExecutionError:
    return ExecutionError(f"The backtest wrote more than {job.limits.output_mb} MiB", exit_reason="output")


def _violation(why: str) -> ExecutionError:
    return ExecutionError(
        f"The result was refused: {why}. The code must not touch how its results are made", exit_reason="violation"
    )


def _clean(text: str) -> str:
    """Return text without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


class SocketInterpreter:
    """A worker of this machine, spoken to over a socket; of what is seen from outside it says nothing."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def send(self, data: bytes) -> None:
        self._line.settimeout(START_S)
        self._line.sendall(data)

    def receive(self, timeout_s: float) -> bytes | None:
        return receive(self._line, timeout_s)

    def begin(self, job: SandboxJob) -> None:
        pass

    def usage(self) -> Usage | None:
        return None

    def container(self) -> dict[str, str]:
        return {}

    def complaint(self) -> str:
        return ""


class ChildInterpreter(SocketInterpreter):
    """A worker that is a child process of ours."""

    def __init__(self, command: list[str], *, environment: dict[str, str], files: tuple[int, ...] = ()) -> None:
        self._complaint, self._said = tempfile.TemporaryFile(), ""  # noqa: SIM115 - closed by end()
        ours, theirs = socket.socketpair()
        super().__init__(ours)
        options: dict[str, Any] = {"start_new_session": True, "pass_fds": files} if os.name == "posix" else {}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if PIPES else theirs.fileno(),
            stdout=subprocess.PIPE if PIPES else theirs.fileno(),
            stderr=self._complaint,
            env=environment,
            **options,
        )
        if PIPES:  # a socket cannot be a child's standard input everywhere
            for source, sink in ((self.process.stdout, theirs), (theirs, self.process.stdin)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()
        else:
            theirs.close()

    def end(self, patience_s: float = 0.0) -> Ending:
        try:
            code = self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            if os.name == "posix":
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
            code = self.process.wait()
        self._line.close()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        if not self._complaint.closed:
            self._complaint.seek(0)
            self._said = self._complaint.read(10_000).decode(errors="replace")
            self._complaint.close()
        return Ending(code)

    def complaint(self) -> str:
        """Known once it has ended."""
        return self._said


def receive(line: socket.socket, timeout_s: float) -> bytes | None:
    """Return what comes over a socket, b"" at its end, None when nothing comes in time."""
    line.settimeout(timeout_s)
    try:
        return line.recv(MIB)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


def _pump(source: Any, sink: Any) -> None:
    """Copy between a pipe and a socket until one of them ends."""
    read = source.recv if isinstance(source, socket.socket) else source.read1
    with contextlib.suppress(OSError, ValueError):
        while data := read(MIB):
            if isinstance(sink, socket.socket):
                sink.sendall(data)
            else:
                sink.write(data)
                sink.flush()
    with contextlib.suppress(OSError):
        sink.close()
