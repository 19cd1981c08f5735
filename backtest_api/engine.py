"""The sandbox as the settings want it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from Backtest.sandbox import Limits, ProcessSandbox


@cache
def get_sandbox() -> ProcessSandbox:
    """Return the process's sandbox, its waiting interpreters started."""
    from Backtest.sandbox import ProcessSandbox

    return ProcessSandbox(ready=settings.SANDBOX_READY)


def get_limits() -> Limits:
    from Backtest.sandbox import Limits

    return Limits(timeout_s=settings.SANDBOX_TIMEOUT_S, memory_mb=settings.SANDBOX_MEMORY_MB)
