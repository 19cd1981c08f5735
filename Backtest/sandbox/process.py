"""Jobs in processes with rlimits and a wall clock, and no isolation.

An honest strategy cannot hang or fill the machine here; a hostile one is not kept from anything. It is for code that AlgoAgent generated itself, on systems without bubblewrap or
Docker; results say `isolated: false`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from Backtest.errors import SandboxUnavailable
from Backtest.machine import give_way
from Backtest.sandbox.interpreters import START_S, WORKER, ChildInterpreter, Ending, SocketInterpreter, pair
from Backtest.sandbox.pool import InterpreterSandbox

FORKS = hasattr(os, "fork")
KEPT_VARIABLES = ("LANG", "LC_ALL", "SYSTEMROOT", "TZ")
# One thread for each job, the same results on every run, and memory that is given back to the system.
VARIABLES = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


class ProcessSandbox(InterpreterSandbox):
    """Interpreters that are forks of one that has imported everything; where there is no fork, new ones."""

    backend = "process"
    isolated = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._origin: _Origin | None = None

    def _start(self) -> ForkInterpreter | FolderInterpreter:
        if not FORKS:
            return FolderInterpreter()
        if self._origin is None or not self._origin.alive():
            self._origin = _Origin(draws=self.draws)
        return ForkInterpreter(self._origin)

    def close(self) -> None:
        super().close()
        if self._origin:
            self._origin.close()


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in KEPT_VARIABLES}
    return {**kept, **VARIABLES, "HOME": tempfile.gettempdir()}


class FolderInterpreter(ChildInterpreter):
    """A worker of its own, with a folder to work in."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="algoagent-job-", ignore_cleanup_errors=True)
        super().__init__([sys.executable, "-I", str(WORKER), self._folder.name, ""], environment=_environment())

    def end(self, patience_s: float = 0.0) -> Ending:
        ending = super().end(patience_s)
        self._folder.cleanup()
        return ending


class _Origin:
    """The interpreter that the others are forked from; it never runs a strategy's code itself."""

    def __init__(self, *, draws: bool = False) -> None:
        self._control, theirs = pair()
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER), "", "", "--forks", *(["--draws"] if draws else [])],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )
        theirs.close()

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, message: dict[str, Any], files: tuple[int, ...] = ()) -> dict[str, Any]:
        with self._lock:
            try:
                self._control.settimeout(START_S)
                socket.send_fds(self._control, [json.dumps(message).encode()], files)
                answer = self._control.recv(4096)
                return dict(json.loads(answer))
            except (OSError, ValueError):
                raise SandboxUnavailable(
                    "The sandbox's interpreter did not start; reinstall the requirements"
                ) from None

    def close(self) -> None:
        self._control.close()
        self._process.wait()


class ForkInterpreter(SocketInterpreter):
    """A fork that waits for its job in a folder of its own."""

    def __init__(self, origin: _Origin) -> None:
        self._origin = origin
        self._folder = tempfile.TemporaryDirectory(prefix="algoagent-job-", ignore_cleanup_errors=True)
        ours, theirs = pair()
        super().__init__(ours)
        self._pid: int = origin.ask({"folder": str(Path(self._folder.name))}, (theirs.fileno(),))["pid"]
        self._ending: Ending | None = None
        theirs.close()

    def give_way(self) -> None:
        give_way(self._pid)

    def end(self, patience_s: float = 0.0) -> Ending:
        if self._ending is None:
            try:
                self._ending = Ending(self._origin.ask({"end": self._pid, "patience_s": patience_s})["code"])
            except SandboxUnavailable:
                self._ending = Ending()
            self._line.close()
            self._folder.cleanup()
        return self._ending
