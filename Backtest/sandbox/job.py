"""What goes into a sandbox and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd
from pydantic import BaseModel, ConfigDict


class EngineSettings(BaseModel):
    """How backtesting.py is called. Fractions, not percents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cash: float = 100_000
    commission: float = 0.0
    commission_fixed: float = 0.0
    spread: float = 0.0
    margin: float = 1.0
    trade_on_close: bool = False
    fractional_unit: float = 1.0
    risk_free_rate: float = 0.0


class Limits(BaseModel):
    """What a job may use. Memory is address space; output is all files together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: float = 600
    memory_mb: int = 4096
    output_mb: int = 512


@dataclass(frozen=True)
class SandboxJob:
    """Code with one Strategy class, a price frame, and how to run it.

    `report` asks for the interactive HTML chart as well.
    """

    code: str
    frame: pd.DataFrame
    settings: EngineSettings = EngineSettings()
    limits: Limits = Limits()
    report: bool = False


@dataclass(frozen=True)
class SandboxResult:
    """What a completed job gave.

    `metrics` are backtesting.py's by their own names, NaN and infinities as None, durations as
    text. `trades` and `equity` have backtesting.py's columns; equity is indexed by time.
    """

    metrics: dict[str, Any]
    trades: pd.DataFrame
    equity: pd.DataFrame
    warnings: tuple[str, ...]
    report_html: str | None = None
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    peak_memory_mb: float = 0.0
    backend: str = "process"
    isolated: bool = False
    versions: dict[str, str] = field(default_factory=dict)


class Sandbox(Protocol):
    """Runs a job. Raises ExecutionError with the reason when it does not complete."""

    def run(self, job: SandboxJob) -> SandboxResult: ...
