"""Work on bytes that a stranger sent, in a process of its own with limits: too much time or memory ends that process and nothing else.

The process is forked, in some 20 ms, from one that has imported what the work needs and has read nothing. Its answer crosses a
pipe as bytes, and is never unpickled.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from Backtest.machine.places import elsewhere
from Backtest.machine.priority import give_way

MIB = 2**20
MOST_BYTES = 16 * MIB  # the largest answer that is taken
NO_MEMORY = 3  # exit status of a process that ran out of memory
_FILES = 64
_PATIENCE, _ENDING_S = 6, 5  # a process on a busy machine takes several times its processor time by the clock
_FORKS = "forkserver" in multiprocessing.get_all_start_methods()
_CONTEXT: Any = multiprocessing.get_context("forkserver" if _FORKS else "spawn")
_imported: list[str] = []


def begin_with(*modules: str) -> None:
    """Have modules imported once for all processes of work, where importing them takes longer than the work."""
    _imported.extend(modules)
    if _FORKS:
        _CONTEXT.set_forkserver_preload(_imported)


@dataclass(frozen=True)
class WorkLimits:
    """What a piece of work may take: MiB of memory beyond what its process has at the start, and seconds of processor time."""

    memory_mb: int
    cpu_s: float


class TookTooLong(Exception):
    """The work took more than its time."""


class TookTooMuch(Exception):
    """The work took more than its memory."""


class Ended(Exception):
    """The process of the work ended, or answered with more than it may. The text says how."""


@contextmanager
def working(work: Callable[..., None], *arguments: Any, limits: WorkLimits, content: bytes) -> Iterator[Connection]:
    """Run `work(line, content, *arguments)` in a limited process and give this end of its line, ready to be received from.

    Args:
        work: a function of a module; it sends what it has to say over the line, as bytes.

    Raises:
        TookTooLong, TookTooMuch, Ended: at whatever place in the block the process ends.
    """
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_attend, args=(theirs, work, arguments, limits), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.send_bytes(content)
        with elsewhere():
            if not ours.poll(_PATIENCE * limits.cpu_s):
                raise TookTooLong
        yield ours
    except (EOFError, OSError, ValueError) as error:
        process.join(_ENDING_S)
        code = process.exitcode
        if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
            raise TookTooLong from error
        if code == NO_MEMORY or (
            code is not None and code < 0
        ):  # out of memory, Python raises MemoryError, while libraries in C abort by a signal
            raise TookTooMuch from error
        raise Ended(f"it ended with status {code}") from error
    finally:
        ours.close()
        process.kill()
        process.join()
        process.close()


# The process of the work ----------------------------------------------------------------------


def _attend(line: Connection, work: Callable[..., None], arguments: tuple[Any, ...], limits: WorkLimits) -> None:
    content = line.recv_bytes()
    give_way()
    _lock_up(limits)
    try:
        work(line, content, *arguments)
    except MemoryError:
        os._exit(NO_MEMORY)


def _lock_up(limits: WorkLimits) -> None:
    """Limit this process's memory beyond what it has, its processor time and its files; where the system can."""
    try:
        import resource
    except ImportError:  # not a POSIX system: the caller's clock is the only limit
        return
    bounds = [
        (resource.RLIMIT_CPU, int(limits.cpu_s) + 1),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ]
    statm = Path("/proc/self/statm")
    if statm.exists():
        has = int(statm.read_text().split()[0]) * resource.getpagesize()
        bounds.append((resource.RLIMIT_AS, has + limits.memory_mb * MIB))
    for name, value in bounds:
        with suppress(ValueError, OSError):  # the hard limit of this process is lower already
            resource.setrlimit(
                name, (value, value + 1)
            )  # beyond the soft limit SIGXCPU says why; beyond the hard one the process is killed without a reason
