"""What goes into a sandbox and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from Backtest.errors import ExecutionError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


PATHS = ("worst", "best", "nearest", "high_first", "low_first")  # by their numbers in Backtest/kernel/state.py


class EngineSettings(BaseModel):
    """How backtesting.py is called. Fractions, not percents.

    `path` is the way of the price within a bar, and `beyond` how many points a limit has to be traded through, for code that trades through a Book.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cash: float = 100_000
    commission: float = 0.0
    commission_fixed: float = 0.0
    spread: float = 0.0
    margin: float = 1.0
    trade_on_close: bool = False
    fractional_unit: float = 1.0
    risk_free_rate: float = 0.0
    path: Literal["worst", "best", "nearest", "high_first", "low_first"] = "worst"
    beyond: float = 0.0


class Limits(BaseModel):
    """What a job may use. Memory is address space; output is what it answers and writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: Annotated[float, Field(gt=0, le=24 * 3600)] = 600
    memory_mb: Annotated[int, Field(ge=256, le=1024 * 1024)] = 4096
    output_mb: Annotated[int, Field(ge=1, le=512)] = 512


@dataclass(frozen=True)
class SandboxJob:
    """Code with one Strategy class, a price frame, and how to run it.

    `first` is the first bar at whose close the code may decide; those before it only warm its indicators up.
    `report` asks for the interactive HTML chart as well. `generated` says that the code came from
    Backtest.code.generator in this process; only such code runs where there is no isolation.
    `name` names the job to people who look at the machine. `tick` is called at least twice a second
    with the part of the bars that is done; what it raises ends the job. `trace` asks for decisions and indicators.
    `target_first` takes the better path through a bar that holds both stop and target of a trade, where backtesting.py
    takes the worse. `stream` gives the code its bars one after the other, each after what it decided at the one before: for code
    that reads prices in `next` alone (`streams`), without a chart, a trace or fractions.
    """

    code: str
    frame: pd.DataFrame
    settings: EngineSettings = EngineSettings()
    limits: Limits = Limits()
    report: bool = False
    trace: bool = False
    target_first: bool = False
    stream: bool = False
    first: int = 0
    generated: bool = False
    name: str = ""
    tick: Callable[[float], None] = lambda _: None


@dataclass(frozen=True)
class Trace:
    """What a strategy did.

    `decisions`, float64 of shape (n, 9), are those its trades follow from (Backtest/kernel/order_book.py). `indicators` are those it
    declared, as it says itself, float64 of shape (bars,).
    """

    decisions: Floats
    indicators: dict[str, Floats]


class CodeFailed(ExecutionError):
    """The code raised at a bar, -1 before the first; `decisions` are those it had made, where a trace was asked for."""

    def __init__(self, message: str, bar: int, decisions: Floats) -> None:
        super().__init__(message)
        self.bar = bar
        self.decisions = decisions


@dataclass(frozen=True)
class SandboxResult:
    """What a completed job gave.

    `metrics` are the figures (Backtest/kernel/figures.py) of the bars from `begin` on, the first at whose close the code
    decided. NaN and infinities are None, durations text; they are computed here, from the trades and the data. `trades` and `equity` have backtesting.py's columns; equity is
    indexed by time and begins with `begin`, bars of trades are rows of the job's frame. `log` is what the strategy printed;
    `container` has name and image where there was one. `streamed` says that the future was never in the code's process.
    """

    metrics: dict[str, Any]
    begin: int
    trades: pd.DataFrame
    equity: pd.DataFrame
    warnings: tuple[str, ...]
    report_html: str | None = None
    log: str = ""
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    peak_memory_mb: float = 0.0
    backend: str = "process"
    isolated: bool = False
    streamed: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)
    trace: Trace | None = None


class Runner(Protocol):
    """Runs jobs.

    `run` raises ExecutionError with the reason when the job does not complete, and
    SandboxUnavailable when this machine cannot isolate it as configured.
    """

    def run(self, job: SandboxJob) -> SandboxResult: ...

    def run_many(self, jobs: Iterable[SandboxJob]) -> Generator[SandboxResult | ExecutionError]:
        """Run jobs of the same code, none of which knows of another; give what each came to, in their order."""


class Sandbox(Runner, Protocol):
    """A runner with interpreters of its own."""

    backend: str
    isolated: bool

    def forks(self, *, at_once: int = 2) -> AbstractContextManager[Runner]:
        """Give a runner of jobs that all have the same code. It starts interpreters once, however often it runs many."""

    def warm_up(self, count: int | None = None) -> None:
        """Start interpreters ahead of need."""

    def close(self) -> None:
        """End everything that waits."""
