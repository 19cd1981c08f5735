"""The sandbox as the settings want it."""

from __future__ import annotations

import contextlib
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    import pandas as pd

    from Backtest.sandbox import EngineSettings, InterpreterSandbox, Limits, Runner


@cache
def get_sandbox() -> InterpreterSandbox:
    """Return the process's sandbox. SandboxUnavailable when the settings name none that exists."""
    from Backtest.sandbox import choose_sandbox

    docker = {"image": settings.SANDBOX_IMAGE, "persist": settings.SANDBOX_PERSIST}
    return choose_sandbox(
        settings.SANDBOX_BACKEND,
        ready=settings.SANDBOX_READY,
        allow_unisolated=settings.ALLOW_UNISOLATED_CODE,
        **docker,
    )


def warm_kernel() -> None:
    """Load the compiled engine in a thread of its own; whoever needs it before it is there waits."""

    def load() -> None:
        from Backtest.kernel import warm_up

        warm_up()

    threading.Thread(target=load, name="kernel", daemon=True).start()


def get_limits() -> Limits:
    from Backtest.sandbox import Limits

    return Limits(timeout_s=settings.SANDBOX_TIMEOUT_S, memory_mb=settings.SANDBOX_MEMORY_MB)


def require_isolation() -> None:
    """Raise SandboxUnavailable where code would run without isolation, and say what to install."""
    from Backtest.errors import SandboxUnavailable

    if not get_sandbox().isolated:
        raise SandboxUnavailable(
            "There is no isolation on this server: install bubblewrap, or Docker and set SANDBOX_BACKEND=docker"
        )


def ranges_of(
    code: str,
    frame: pd.DataFrame,
    engine: EngineSettings,
    figures: dict[str, Any],
    *,
    first: int,
    took: float,
    sandbox: Runner | None = None,
    **options: Any,
) -> tuple[dict[str, Any] | None, list[str]]:
    """Run code again for its figures as ranges over intrabar paths and costs; where that fails, say why in a warning.

    Args:
        figures: what it gave, by their names.
        first: the first bar that was asked for.
        took: how many seconds that was.
        sandbox: the server's by default.
        options: `tick` and `seconds` of ranges_of_code.
    """
    from Backtest.errors import ExecutionError
    from Backtest.search.ranges import ranges_of_code

    try:
        with contextlib.nullcontext(sandbox) if sandbox else get_sandbox().forks() as runner:
            found = ranges_of_code(
                code, frame, engine, figures, sandbox=runner, limits=get_limits(), first=first, took=took, **options
            )
        return found, []
    except ExecutionError as error:
        return None, [f"There is no range over paths and costs: {error.message}"]
