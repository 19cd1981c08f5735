"""Started workers: what is seen of one from outside, and those that are reached over a socket."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from Backtest.sandbox.job import SandboxJob

WORKER = Path(__file__).with_name("worker.py")
START_S = 60.0
MIB = 1024 * 1024
PIPES = os.name != "posix"


@dataclass(frozen=True)
class Usage:
    """What a process has used so far, as seen from outside."""

    cpu_ms: float
    peak_memory_mb: float


def books_of(pid: int) -> Usage | None:
    """Return CPU time and memory that the kernel counts for a process of this machine; None where it cannot be asked."""
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

    def give_way(self) -> None:
        """Let others go before it from now on: its job takes long. See `Backtest.machine.priority`."""

    def container(self) -> dict[str, str]:
        """Return name and image where it runs in a container."""

    def end(self, patience_s: float = 0.0) -> Ending:
        """End the worker and everything it started; one that is about to end by itself gets a moment. May be called again."""

    def complaint(self) -> str:
        """Return what was written on standard error before the job, once it has ended."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two ends of a line, of which another process is given one.

    Both ends block. Celery sets a default timeout for new sockets while a worker stops; a socket with a timeout does not block, and an
    interpreter that reads its standard input from it would find it empty.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(True)
    theirs.setblocking(True)
    return ours, theirs


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

    def give_way(self) -> None:
        pass

    def container(self) -> dict[str, str]:
        return {}

    def complaint(self) -> str:
        return ""


class ChildInterpreter(SocketInterpreter):
    """A worker that is a child process of ours."""

    def __init__(self, command: list[str], *, environment: dict[str, str], files: tuple[int, ...] = ()) -> None:
        self._complaint, self._said = tempfile.TemporaryFile(), ""  # noqa: SIM115 - closed by end()
        ours, theirs = pair()
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
