"""Where strategy code runs: behind one small protocol, isolated from everything else.

    result = choose_sandbox("auto").run(SandboxJob(code=..., frame=..., settings=...))

Prices go in as plain numbers, results come out as JSON and plain numbers; nothing is pickled across the
border, and what comes out is computed again before it is believed.

`docker_engine.py` is imported by its own name, as its library is needed by nothing else.
"""

from __future__ import annotations

import sys
from typing import Any

from Backtest.errors import SandboxUnavailable
from Backtest.sandbox.audit import FIRST_ACTION, backtesting_stats
from Backtest.sandbox.job import CodeFailed, EngineSettings, Limits, Runner, Sandbox, SandboxJob, SandboxResult, Trace
from Backtest.sandbox.pool import InterpreterSandbox
from Backtest.sandbox.process import ProcessSandbox

BACKENDS = ("auto", "bubblewrap", "docker", "process")

__all__ = [
    "BACKENDS", "FIRST_ACTION", "CodeFailed", "EngineSettings", "InterpreterSandbox", "Limits", "ProcessSandbox", "Runner",
    "Sandbox", "SandboxJob", "SandboxResult", "Trace", "backtesting_stats", "choose_sandbox",
]  # fmt: skip


def choose_sandbox(backend: str = "auto", **options: Any) -> InterpreterSandbox:
    """Return the sandbox of a name.

    `auto` is bubblewrap where it works, and otherwise the backend without isolation, which takes
    only code that was generated here and says so in each result. Any other name is taken at its
    word: where it does not work, runs fail and say what to install.

    Args:
        options: of InterpreterSandbox, and those of the backend.
    """
    if backend not in BACKENDS:
        raise SandboxUnavailable(f"SANDBOX_BACKEND is {backend!r}: choose one of {', '.join(BACKENDS)}")
    image = {name: options.pop(name) for name in ("image", "persist") if name in options}
    if backend == "docker":
        from Backtest.sandbox.docker_engine import DockerSandbox

        return DockerSandbox(**options, **image)
    if backend != "process" and sys.platform == "linux":
        from Backtest.sandbox.bubblewrap import BubblewrapSandbox, problem

        if backend == "bubblewrap" or not problem():
            return BubblewrapSandbox(**options)
    if backend == "bubblewrap":
        raise SandboxUnavailable("bubblewrap is for Linux: set SANDBOX_BACKEND=docker, or auto")
    return ProcessSandbox(**options)
