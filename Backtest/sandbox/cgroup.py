"""Limits of the kernel for a job's memory and processes, where this process may set them.

Both forms of cgroups are known: the older one, a hierarchy a controller, and the unified one.
Elsewhere, as for most ordinary users, the rlimits and the seccomp filter of the worker stand alone.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PARENT = "algoagent"
MIB = 1024 * 1024


class Cgroup:
    """A group of processes that share limits. Use `create`; `remove` it when they have ended."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders

    @classmethod
    def create(cls, name: str, *, memory_mb: int, processes: int) -> Cgroup | None:
        """Return a group with limits, or None where that is not possible."""
        made: list[Path] = []
        try:
            if (ROOT / "cgroup.controllers").is_file():
                folder = ROOT / PARENT / name
                folder.parent.mkdir(exist_ok=True)
                (folder.parent / "cgroup.subtree_control").write_text("+memory +pids")
                folder.mkdir()
                made.append(folder)
                (folder / "memory.max").write_text(str(memory_mb * MIB))
                (folder / "memory.swap.max").write_text("0")
                (folder / "pids.max").write_text(str(processes))
                return cls(made)
            for controller, file, value in (
                ("memory", "memory.limit_in_bytes", memory_mb * MIB),
                ("pids", "pids.max", processes),
            ):
                folder = ROOT / controller / PARENT / name
                folder.parent.mkdir(exist_ok=True)
                folder.mkdir()
                made.append(folder)
                (folder / file).write_text(str(value))
            return cls(made)
        except OSError:
            cls(made).remove()
            return None

    def add(self, pid: int) -> None:
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Return whether the kernel ended a process of the group for lack of memory."""
        for folder in self._folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    lines = (folder / name).read_text().splitlines()
                    if any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in lines):
                        return True
        return False

    def remove(self) -> None:
        for folder in self._folders:
            for _ in range(50):  # the kernel takes a moment to forget what has ended
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)
                else:
                    break
