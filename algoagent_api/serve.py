"""Starts what the Procfile lists, and starts again what ends: `python -m algoagent_api.serve`.

What ends is begun again after a second, and after twice as long each time it ends again soon, half a minute at most. What ends ten
times without having stayed up for a minute is broken: then all is stopped, with status 1, for who restarts containers and
services to see. Asked to stop (SIGTERM, SIGINT), it asks all and waits for what is under way. Where it is killed, the system asks
them (Linux): nothing serves on that nobody keeps, and a next start finds the address free.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

PROCFILE = Path(__file__).resolve().parent.parent / "Procfile"
SET_PARENT_DEATH_SIGNAL = 1  # of prctl(2)


@dataclass(frozen=True)
class Patience:
    """Seconds before a process is begun again and at most; when it counts as well; how often in a row; how long it may take to stop."""

    first_s: float = 1.0
    longest_s: float = 30.0
    well_after_s: float = 60.0
    most: int = 10
    stopping_s: float = 20.0


@dataclass
class Kept:
    """A process that is kept running."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    again_at: float = 0.0
    ended: int = 0  # times in a row, without having been well

    def begin(self) -> None:
        # In a group of its own: Ctrl-C is for this program, which then asks the others.
        self.process = subprocess.Popen(  # noqa: S603 - of our Procfile
            self.command,
            start_new_session=os.name == "posix",
            preexec_fn=ends_with(os.getpid()),  # noqa: PLW1509 - no threads
        )
        self.began = time.monotonic()


@dataclass
class Supervisor:
    """Keeps commands running until it is asked to stop, or one of them is broken."""

    commands: Mapping[str, list[str]]
    patience: Patience = field(default_factory=Patience)
    stopping: bool = False

    def run(self) -> int:
        """Return 0 when it was asked to stop, 1 when a command is broken."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        kept = [Kept(name, command) for name, command in self.commands.items()]
        try:
            for one in kept:
                one.begin()
            while not self.stopping:
                for one in kept:
                    if not self._attend(one):
                        return 1
                time.sleep(0.1)
            return 0
        finally:
            self._end(kept)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _attend(self, one: Kept) -> bool:
        """Begin a process that ended again, when it is time; return False when it is broken."""
        now = time.monotonic()
        if one.process is None:
            if now >= one.again_at:
                one.begin()
            return True
        status = one.process.poll()
        if status is None:
            return True
        one.ended = 1 if now - one.began > self.patience.well_after_s else one.ended + 1
        if one.ended > self.patience.most:
            _say(
                f"{one.name} ended {one.ended} times in a row, the last time with status {status}: see above why. All is stopped"
            )
            return False
        wait = min(self.patience.first_s * 2 ** (one.ended - 1), self.patience.longest_s)
        _say(f"{one.name} ended with status {status} and is started again in {wait:g} s")
        one.process, one.again_at = None, now + wait
        return True

    def _end(self, kept: list[Kept]) -> None:
        running = [one.process for one in kept if one.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + self.patience.stopping_s
        for process in running:
            try:
                process.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ends_with(parent: int) -> Callable[[], None] | None:
    """Return what a child does before its program, to be asked to end (SIGTERM) as soon as its parent has; None where no system asks."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the parent's handler, until the program is there
        prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it ended before
            os._exit(1)

    return prepare


def _say(text: str) -> None:
    print(f"serve: {text}", file=sys.stderr, flush=True)


def commands_of(procfile: Path) -> dict[str, list[str]]:
    """Return the commands of a Procfile by their names; `python` is this interpreter."""
    found = {}
    for line in procfile.read_text(encoding="utf-8").splitlines():
        name, colon, command = line.partition(":")
        if colon and not name.startswith("#"):
            words = shlex.split(command)
            found[name.strip()] = [sys.executable if words[0] == "python" else words[0], *words[1:]]
    return found


if __name__ == "__main__":
    sys.exit(Supervisor(commands_of(PROCFILE)).run())
