"""The conversation with one interpreter.

Nothing it says is believed: sizes are capped, JSON is checked against a schema, numbers cross as plain doubles, and the
figures are computed again in `audit`.
"""

from __future__ import annotations

import base64
import json
import secrets
import signal
import time
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from Backtest.errors import ExecutionError, SandboxUnavailable
from Backtest.machine import asker
from Backtest.sandbox.audit import AT_OPEN, DECISION, TICKET, TRADE_COLUMNS, most_decisions
from Backtest.sandbox.interpreters import MIB, START_S, Interpreter, Usage
from Backtest.sandbox.job import CodeFailed, Floats, SandboxJob, Trace

TICK_S = 0.25
SHORT_S = 0.5  # seconds after which a job gets low priority
LINE_BYTES = 4 * 1024 * 1024
REPORT_MIB = 64
PACKAGES = "backtesting, numpy, pandas, talib and Python's own"


class Message(BaseModel):
    """One line of a worker."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    ready: dict[str, str] = {}
    progress: float | None = None
    bar: int | None = Field(None, ge=-1)
    opening: bool = False
    status: Literal["", "completed", "error", "memory", "output"] = ""
    token: str = ""
    warnings: list[str] = Field([], max_length=1000)
    error: str = ""
    traceback: str = ""
    log: str = ""
    begin: int = 0
    trades: int = Field(0, ge=0, le=1_000_000)
    bars: int = Field(0, ge=0)
    decisions: int = Field(0, ge=0, le=2_000_000)
    tickets: int = Field(0, ge=0, le=2_000_000)
    booked: bool = False
    report: int = Field(0, ge=0)
    indicators: list[Annotated[str, Field(max_length=80)]] = Field([], max_length=64)
    cpu_ms: float = Field(0, ge=0)
    peak_memory_mb: float = Field(0, ge=0)


class Inbox:
    """Everything one interpreter says, within the limits of its job."""

    def __init__(self, interpreter: Interpreter, job: SandboxJob) -> None:
        self._interpreter = interpreter
        self._job = job
        self._held = bytearray()
        self._left = job.limits.output_mb * MIB
        self._deadline = time.monotonic() + START_S
        self._short_until = float("inf")
        self._progress = 0.0
        self.long = False  # the interpreter gives way to others now, since its job takes long
        self.token = secrets.token_hex(
            8
        )  # this job alone is told the token, so an answer without it comes from an earlier job
        self.usage: Usage | None = None  # the last that was seen
        self._given = 0  # bars of a stream, all of each
        self._opened = False  # and the open of the next one
        self._decided: list[bytes] = []
        self._prices = np.empty((0, 0))

    def start_clock(self) -> None:
        now = time.monotonic()
        self._deadline, self._short_until = now + self._job.limits.timeout_s, now + SHORT_S

    def ready(self) -> dict[str, str]:
        """Wait for the word that everything is imported; return the versions."""
        try:
            return self._message().ready
        except ExecutionError as error:
            if error.exit_reason == "cancelled":
                raise
            self._interpreter.end()
            asker().check()  # where its time was over, the sandbox is not at fault
            why = self._interpreter.complaint().strip()[-500:] or error.message
            raise SandboxUnavailable(f"The sandbox did not start: {why}") from None

    def answer(self) -> Message:
        """Wait for the job's end; return what it says of it."""
        while True:
            message = self._message()
            if message.status:
                break
            if message.bar is not None:
                self._give(message.bar, message.decisions, opening=message.opening)
            self._progress = min(max(message.progress or 0.0, self._progress), 1.0)
        if message.token != self.token:
            raise _violation("it is the answer to another job")
        if message.report and not self._job.report:
            raise _violation("it brings a chart nobody asked for")
        if message.report > REPORT_MIB * MIB:
            raise ExecutionError(
                f"The chart has {message.report / MIB:,.0f} MiB, at most {REPORT_MIB} are kept: shorten the range",
                exit_reason="output",
            )
        most = most_decisions(len(self._job.frame))
        # Each decision opens one trade at most, and closes a part of one; what is open is closed at the end.
        if message.decisions > most or message.trades > 2 * most:
            raise _violation(f"it tells of {message.decisions:,} decisions and {message.trades:,} trades")
        if message.tickets > message.decisions or (message.tickets and not message.booked):
            raise _violation(f"it tells of {message.tickets:,} tickets and {message.decisions:,} decisions")
        if message.booked and self._job.stream:
            raise _violation("it trades through a Book on bars that come one after the other")
        if message.indicators and not self._job.trace:
            raise _violation("it brings indicators nobody asked for")
        if message.bars not in (0, len(self._job.frame)):
            raise _violation(f"it tells of {message.bars} bars, there are {len(self._job.frame)}")
        return message

    def _give(self, bar: int, decisions: int, *, opening: bool) -> None:
        """Take in what the code decided on the bars it has, and give it the next bars, or the open of the next bar alone."""
        if not self._job.stream:
            raise _violation("it asks for bars that were given to it")
        if not self._given <= bar < len(self._job.frame) or (opening and (self._opened or bar > self._given)):
            raise _violation(f"it asks for bar {bar} after bar {self._given - 1} of {len(self._job.frame)}")
        self._decided.append(self._decided_now(decisions))
        if not self._given:
            self._prices = self._job.frame.to_numpy(dtype="<f8")
        if opening:
            self._interpreter.send(self._job.frame["Open"].to_numpy(dtype="<f8")[bar : bar + 1].tobytes())
        else:
            self._interpreter.send(self._prices[self._given : bar + 1].tobytes())
            self._given = bar + 1
        self._opened = opening

    def _decided_now(self, decisions: int) -> bytes:
        """Read decisions, which have to be of what was given last: of an open where that was given alone, else of the end of a bar."""
        data = self.exactly(decisions * DECISION * 8)
        rows = np.frombuffer(data, dtype="<f8").reshape(-1, DECISION)
        known = self._given - (not self._opened)
        wrong = (rows[:, 0] != known) | ((rows[:, 1] == AT_OPEN) != self._opened)
        if wrong.any():
            at, when = rows[wrong][0][:2]
            how = " as it opens" if when == AT_OPEN else ""
            knows = f"the open of bar {known}" if self._opened else f"bar {known}"
            raise _violation(f"it decides at bar {at:g}{how} when it knows {knows}")
        return data

    def numbers(self, message: Message) -> bytes:
        """Return the numbers of an answer: its trades, its equity, all that was decided, and tickets."""
        believed = self.exactly((message.trades * len(TRADE_COLUMNS) + message.bars) * 8)
        if not self._job.stream:
            return believed + self.exactly((message.decisions * DECISION + message.tickets * TICKET) * 8)
        self._decided.append(self._decided_now(message.decisions))
        return believed + b"".join(self._decided)

    def exactly(self, count: int) -> bytes:
        if count > self._left + len(self._held):
            raise _too_much_output(self._job)
        while len(self._held) < count:
            self._receive()
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def _message(self) -> Message:
        searched = 0
        while (end := self._held.find(b"\n", searched)) < 0:
            searched = len(self._held)
            if searched > LINE_BYTES:
                raise _too_much_output(self._job)
            self._receive()
        line = self.exactly(end + 1)
        try:
            return Message.model_validate_json(line)
        except ValidationError:
            raise _violation("it is not of the agreed form") from None

    def _receive(self) -> None:
        """Read on into the buffer. Raises when the time is up, too much was written, or the interpreter has ended."""
        while True:
            asker().check()
            self._job.tick(self._progress)
            now = time.monotonic()
            if now > self._short_until:
                self._interpreter.give_way()
                self.long, self._short_until = True, float("inf")
            left = self._deadline - now
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
        if said := self._interpreter.complaint().strip()[-500:]:
            why = f": {said}"
        else:
            why = f", possibly for lack of memory ({memory} MiB)" if ending.code in (None, -9, 137) else ""
        return ExecutionError(f"The backtest's process ended{how}{why}", exit_reason="killed")


def _exit_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def trace_of(message: Message, decisions: Floats, rest: bytes) -> Trace:
    values = np.frombuffer(rest, dtype="<f8").reshape(len(message.indicators), message.bars)
    return Trace(decisions, dict(zip(message.indicators, values, strict=True)))


def order_of(job: SandboxJob, program: bytes, token: str, *, fork: bool) -> bytes:
    """Return a job as bytes: whether in a fork, a line of JSON, and the prices, times first."""
    import pandas as pd

    from Backtest.market.sessions import with_periods

    frame = with_periods(job.frame, job.code)
    index, values = pd.DatetimeIndex(frame.index), frame.to_numpy(dtype="<f8").T
    if job.stream:  # its times alone
        values = np.ones_like(values)
    head = {
        "code": job.code,
        "settings": job.settings.model_dump(),
        "first": job.first,
        "limits": job.limits.model_dump(),
        "report": job.report,
        "trace": job.trace,
        "target_first": job.target_first,
        "stream": job.stream,
        "filter": base64.b64encode(program).decode(),
        "token": token,
        "prices": {
            "columns": list(frame.columns),
            "rows": len(index),
            "unit": index.unit,
            "timezone": str(index.tz or ""),
            "name": index.name,
        },
    }
    how = b"f" if fork else b"r"
    return b"".join([how, json.dumps(head).encode(), b"\n", index.asi8.astype("<i8").tobytes(), values.tobytes()])


def used_by(started: float, before: Usage | None, after: Usage | None, message: Message | None) -> dict[str, float]:
    """Return wall time, CPU time and peak memory, as the kernel counts them where it can be asked, else as the job reports them."""
    used = {"wall_ms": (time.perf_counter() - started) * 1000, "cpu_ms": 0.0, "peak_memory_mb": 0.0}
    if before and after and after.cpu_ms >= before.cpu_ms:
        used |= {"cpu_ms": after.cpu_ms - before.cpu_ms, "peak_memory_mb": after.peak_memory_mb}
    elif message:
        used |= {"cpu_ms": message.cpu_ms, "peak_memory_mb": message.peak_memory_mb}
    return used


def failure_of(message: Message, job: SandboxJob, decided: bytes, used: dict[str, float]) -> ExecutionError:
    """Return what a worker reports of its strategy as an error its author can act on."""
    if message.status == "memory":
        error = _out_of_memory(job)
    elif message.status == "output":
        error = _too_much_output(job)
    else:
        text = clean(message.error)[:2000] or "The strategy failed"
        if text.startswith(("ModuleNotFoundError", "ImportError")):
            text += f". Only pre-approved packages: {PACKAGES}"
        error = CodeFailed(
            text, -1 if message.bar is None else message.bar, np.frombuffer(decided, "<f8").reshape(-1, DECISION)
        )
    error.traceback, error.log, error.resources = clean(message.traceback)[:8000], clean(message.log), used
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


def clean(text: str) -> str:
    """Return text without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
