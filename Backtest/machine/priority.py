"""Priorities of processes and threads: long work, and work that nobody waits for, gives way to the rest.

A user who waits for something short thus feels little of another one's long search, and a machine with nothing else to do computes as
fast as ever. For example, on two processors a search gets a tenth of one while a quick-run is computed, and both when it is over.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import TypeVar

# Values of nice(2). They are weights of 335 and 110 in sharing a processor, where other processes have 1024.
WORKER = 5
LONG = 10
_TRIES = 5  # a tenth of a second apart

Result = TypeVar("Result")


def give_way(process: int | None = None, *, nice: int = LONG) -> None:
    """Let a process with all its threads, or this thread with those it will start, give way to others from now on.

    It cannot be taken back: raising a priority wants rights that a server has not. Where the system has no such priorities, and
    where the process has ended, nothing is done.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{process}/task").iterdir() if process else [Path(str(threading.get_native_id()))]
        for task in list(tasks):
            os.setpriority(os.PRIO_PROCESS, int(task.name), nice)


def session_gives_way(process: int, *, nice: int = LONG) -> None:
    """Let the session of a process give way as well.

    Where each session has its own share of the processors (autogroup in sched(7)), priorities count inside the session only.
    """
    for _ in range(_TRIES):
        try:
            Path(f"/proc/{process}/autogroup").write_text(str(nice))
        except OSError as error:
            if error.errno != errno.EAGAIN:  # the kernel changes one every tenth of a second
                return
            time.sleep(0.1)
        else:
            return


def nice_of_this_thread() -> int:
    """Return by how much this thread gives way, 0 where it does not."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) if sys.platform == "linux" else 0


def serve_in_the_background() -> None:
    """Let this process give way to those for whom somebody waits, and all it starts with it; called before it starts anything."""
    give_way(nice=WORKER)
    if sys.platform == "linux" and os.getsid(0) == os.getpid():
        session_gives_way(os.getpid(), nice=WORKER)


def aside(work: Callable[[], Result]) -> Result:
    """Run `work` in a thread of its own that gives way to others; return what it returns, or raise what it raises."""
    with ThreadPoolExecutor(1, "aside", initializer=give_way) as pool:
        return pool.submit(copy_context().run, work).result()
