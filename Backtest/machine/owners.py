"""Names for processes, so that what a dead one held can be told from what a living one holds."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def own_name() -> str:
    """Return a name for this process that no other process ever has."""
    return f"{_machine()}/{os.getpid()}/{_started(os.getpid())}"


def is_gone(name: str) -> bool:
    """Return whether a process of this machine has ended. Of other machines that is never known."""
    machine, _, process = name.partition("/")
    pid, _, started = process.partition("/")
    return machine == _machine() and pid.isdigit() and started != _started(int(pid))


def _machine() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    """Return when a process was started, in the kernel's ticks; empty when there is none, or when it has ended and its parent has not waited for it."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state in "ZX" else fields[18]
    except (OSError, ValueError, IndexError):
        return ""
