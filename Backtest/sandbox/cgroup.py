"""Limits of the kernel for a job's memory and processes, where this process may set them.

Both forms of cgroups are known: the older one, a hierarchy a controller, and the unified one.
Elsewhere, as for most ordinary users, the rlimits and the seccomp filter of the worker stand alone.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PARENT = "algoagent"
MIB = 1024 * 1024


class Cgroup:
    """A group of processes that share limits. Use `create`; `remove` it when they have ended."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders

    @classmethod
    def create(cls, *, processes: int) -> Cgroup | None:
        """Return a group of at most so many processes, or None where that is not possible."""
        made: list[Path] = []
        name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        try:
            if (ROOT / "cgroup.controllers").is_file():
                folder = ROOT / PARENT / name
                folder.parent.mkdir(exist_ok=True)
                (folder.parent / "cgroup.subtree_control").write_text("+memory +pids")
                folder.mkdir()
                made.append(folder)
                (folder / "memory.swap.max").write_text("0")
                (folder / "pids.max").write_text(str(processes))
                return cls(made)
            for controller in ("memory", "pids"):
                folder = ROOT / controller / PARENT / name
                folder.parent.mkdir(exist_ok=True)
                folder.mkdir()
                made.append(folder)
            (folder / "pids.max").write_text(str(processes))
            return cls(made)
        except OSError:
            cls(made).remove()
            return None

    @staticmethod
    def sweep() -> None:
        """Remove the groups of processes that are gone."""
        for parent in (ROOT / PARENT, ROOT / "memory" / PARENT, ROOT / "pids" / PARENT):
            for folder in parent.glob("*-*"):
                if not Path(f"/proc/{folder.name.partition('-')[0]}").exists():
                    with contextlib.suppress(OSError):
                        folder.rmdir()

    def add(self, pid: int, *, memory_mb: int) -> None:
        """Put a process into the group and limit the memory it takes from now on."""
        for folder in self._folders:
            for file in ("memory.max", "memory.limit_in_bytes"):
                if (folder / file).exists():
                    (folder / file).write_text(str(memory_mb * MIB))
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
