"""Jobs in namespaces of their own: no network, no files of this machine, no rights, few system calls.

    user, pid, net, ipc, uts, cgroup and mount namespaces; user nobody; no capabilities; no_new_privs
    read-only: the interpreter, the packages of `runtime.files`, the system's libraries
    writable: /job, in memory, of limited size
    seccomp: `seccomp.program`, stricter once the job begins
    rlimits: address space, CPU time, file size, open files; cgroups where they can be made

It works for root and for ordinary users. A new interpreter takes 0.5 s to import its packages, so a
few wait, already isolated.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from Backtest.errors import SandboxUnavailable
from Backtest.machine import give_way, nice_of_this_thread, session_gives_way
from Backtest.sandbox import runtime
from Backtest.sandbox.cgroup import Cgroup
from Backtest.sandbox.interpreters import ChildInterpreter, Ending, Usage, books_of
from Backtest.sandbox.job import SandboxJob
from Backtest.sandbox.pool import InterpreterSandbox
from Backtest.sandbox.seccomp import program

PROCESSES = 16
INSTALL = (
    "bubblewrap is missing: install it (Debian and Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap), "
    "or set SANDBOX_BACKEND=docker"
)


class BubblewrapSandbox(InterpreterSandbox):
    """Isolation by bubblewrap, seccomp and rlimits."""

    backend = "bubblewrap"
    isolated = True
    keeps = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        Cgroup.sweep()

    def _start(self) -> BubblewrapInterpreter:
        return BubblewrapInterpreter(draws=self.draws)

    def _filter(self) -> bytes:
        return program(starting=False)

    def problem(self) -> str:
        return problem()


def problem() -> str:
    """Return why bubblewrap does not work here, or an empty text. Takes some 20 ms."""
    try:
        with _Filter() as filter_:
            command = [*arguments(filter_.number), runtime.COMMAND[0], "-I", "-S", "-c", ""]
            done = subprocess.run(
                command, env={}, pass_fds=(filter_.number,), capture_output=True, text=True, timeout=20, check=False
            )
    except SandboxUnavailable as error:
        return error.message
    except (OSError, subprocess.SubprocessError) as error:
        return f"bubblewrap does not start: {error}"
    if done.returncode:
        return f"bubblewrap cannot isolate here: {done.stderr.strip()[-300:] or f'exit code {done.returncode}'}"
    return ""


class _Filter:
    """The seccomp program in a file of its own, as bubblewrap reads it."""

    def __enter__(self) -> _Filter:
        data = program(starting=True)
        self.number = os.memfd_create("seccomp")
        os.write(self.number, data)
        os.lseek(self.number, 0, os.SEEK_SET)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)


def arguments(filter_: int) -> list[str]:
    """Return bubblewrap's command line up to the program it is to start.

    Raises:
        SandboxUnavailable: bubblewrap is not installed.
    """
    bwrap = shutil.which("bwrap")
    if not bwrap:
        raise SandboxUnavailable(INSTALL)
    command = [bwrap, "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    command += ["--unshare-cgroup-try", "--die-with-parent", "--cap-drop", "ALL"]
    command += ["--uid", str(runtime.NOBODY), "--gid", str(runtime.NOBODY), "--hostname", "sandbox", "--clearenv"]
    for name, value in runtime.ENVIRONMENT.items():
        command += ["--setenv", name, value]
    for here, there in runtime.files():
        command += ["--ro-bind", str(here), there]
    if hidden := runtime.hidden():
        command += ["--tmpfs", hidden, "--remount-ro", hidden]
    for device in ("/dev/null", "/dev/urandom"):
        command += ["--dev-bind", device, device]
    command += ["--perms", "0700", "--size", str(runtime.WORK_MB * 1024 * 1024), "--tmpfs", runtime.WORK]
    return [*command, "--chdir", runtime.WORK, "--remount-ro", "/", "--seccomp", str(filter_)]


class BubblewrapInterpreter(ChildInterpreter):
    """A worker inside bubblewrap. The child is bubblewrap, its grandchild the interpreter."""

    def __init__(self, *, draws: bool = False) -> None:
        with _Filter() as filter_:
            command = [*arguments(filter_.number), *runtime.COMMAND, *(["--draws"] if draws else [])]
            super().__init__(command, environment={}, files=(filter_.number,))
        if nice := nice_of_this_thread():  # the interpreter has it from this thread, but not its session
            session_gives_way(self.process.pid, nice=nice)
        self._worker: int | None = None
        # Made ahead of the job: the kernel takes some milliseconds for it.
        self._group = Cgroup.create(processes=PROCESSES)

    def begin(self, job: SandboxJob) -> None:
        if self._worker is None:  # one that is kept may have a fork now that clears up after the job before
            self._worker = _last_descendant(self.process.pid)
        if self._group:
            with contextlib.suppress(OSError):  # the rlimits of the worker hold without it
                self._group.add(self._worker, memory_mb=job.limits.memory_mb + runtime.WORK_MB)

    def usage(self) -> Usage | None:
        """Return CPU time and peak memory of the interpreter, from the kernel's own books."""
        return books_of(self._worker) if self._worker else None

    def give_way(self) -> None:
        if self._worker:
            give_way(self._worker)
            with contextlib.suppress(OSError):
                give_way(_last_descendant(self._worker))  # the fork that does the job
            session_gives_way(self._worker)

    def end(self, patience_s: float = 0.0) -> Ending:
        code = super().end(patience_s).code
        if code is not None and code > 128:  # bubblewrap's way to say that a signal ended its child
            code = 128 - code
        out_of_memory = self._group is not None and self._group.out_of_memory()
        if self._group:
            self._group.remove()
            self._group = None
        return Ending(code, out_of_memory)


def _last_descendant(pid: int) -> int:
    """Return the process at the end of a chain of only children."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[-1])
    return pid
