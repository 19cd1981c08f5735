"""What checks, tests, advice and code of strategies come to."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from actions.outcomes import Outcome
from Backtest.code import CodeIssue
from Backtest.errors import Diagnostic


class SchemaCheck(Outcome):
    """Whether a canonical is one."""

    valid: bool
    errors: list[Diagnostic]
    warnings: list[Diagnostic]
    normalized: dict[str, Any] | None
    hash: str | None = Field(description="sha256 of the normal form")
    description: str


class Export(Outcome):
    """A strategy in another language; `notes` say what is decided otherwise where that runs."""

    to: Literal["pine", "notation"]
    text: str
    notes: list[str]


class CodeCheck(Outcome):
    """What stands in code that does not belong there."""

    safe: bool
    issues: list[CodeIssue]


class FutureFinding(Outcome):
    """The first thing that changed with the future. `cut` is the last bar both futures share."""

    what: Literal["order", "level", "indicator", "result"]
    bar: int
    time: str
    cut: int
    future: str
    name: str
    before: str
    after: str
    text: str


class Lookahead(Outcome):
    """Whether code knows the future; `clean` is None where that could not be looked at, and `note` says why."""

    checked: bool
    clean: bool | None
    runs: int
    note: str
    findings: list[FutureFinding]


class Span(Outcome):
    """A figure from the worst to the best, and what it is on the worse and the better path through the bars."""

    low: float | None
    high: float | None
    worse_path: float | None
    better_path: float | None


class Ranges(Outcome):
    """Figures as ranges, as `Backtest.search.ranges` makes them; `costs` are the lowest and highest that were tried, fractions."""

    sharpe_ratio: Span
    total_return_pct: Span
    cagr: Span
    max_drawdown: Span
    break_even_commission: float | None
    costs: dict[str, list[float]]


class CloserLook(Outcome):
    """What running code some forty times more tells: whether it looks ahead, its figures as ranges; `warnings` say so, and why there are no ranges."""

    lookahead: Lookahead
    ranges: Ranges | None
    warnings: list[str]


class Resources(Outcome):
    """What a run took."""

    wall_ms: float
    cpu_ms: float
    peak_memory_mb: float


class SandboxTest(Outcome):
    """How a test of code in the sandbox went."""

    run_id: str = Field(description="Names the test in its container, in logs and in the commit it leads to")
    success: bool = False
    exit_reason: Literal["completed", "error", "timeout", "memory", "output", "killed", "violation"] = "completed"
    error: str = ""
    traceback: str = ""
    metrics: dict[str, Any] = Field(default_factory=dict)
    summary: dict[str, Any] = Field(default_factory=dict)
    trades: list[dict[str, Any]] = Field(default=[], description="The first 1000")
    trades_count: int = 0
    warnings: list[str] = Field(default=[])
    log: str = Field(default="", description="What the strategy printed")
    resources: Resources
    backend: str
    isolated: bool
    lookahead: Lookahead | None = Field(
        default=None, description="Whether it knows the future; null where it did not run"
    )
    ranges: Ranges | None = Field(
        default=None,
        description="Figures from the worst to the best of what a bar may have been inside and of what trading may cost; null "
        "where it did not run, and where a warning says why",
    )
    code_issues: list[CodeIssue]
    follow_up: int | None = Field(
        default=None,
        description="The backtest that was queued for `lookahead` and `ranges`, where they would have kept the answer waiting",
    )
    wait_s: float = Field(
        default=0.0, exclude=True
    )  # how long a closer look would take, where there was no time for one


class Effect(Outcome):
    """What a recommendation does to the figures of a backtest."""

    symbol: str
    before: dict[str, Any]
    after: dict[str, Any]


class Measured(Outcome):
    """A recommendation; see `Strategy.strategy_validator`."""

    code: str
    field: str
    message: str
    patch: list[dict[str, Any]] = Field(
        description="RFC 6902, of canonical_json; empty: no one value is as good as another"
    )
    effect: Effect | None = Field(
        default=None, description="What it does in a backtest; null where it was not measured"
    )


class Recommendations(Outcome):
    """What would make a strategy better."""

    answered_by: Literal["rules", "model"] = "rules"
    note: str = Field(default="", description="Why no model answered, where one was asked for")
    recommendations: list[Measured]


class Round(Outcome):
    """One try of a model to write code."""

    code: str
    stage: Literal["", "code_check", "smoke_test", "look_ahead", "equality"] = Field(description="Where it ended")
    problem: str


class Code(Outcome):
    """Code of a strategy, and what is known of it."""

    strategy_code: str
    file_path: str = ""
    success: bool = True
    used: Literal["request", "stored"] = Field(
        description="Which canonical it is of: that of the request, or the stored one"
    )
    generator: Literal["template", "model"]
    equal: bool | None = Field(default=True, description="It trades exactly as the canonical; null: not asked for")
    problem: str = Field(default="", description="Why it did not pass")
    difference: dict[str, Any] | None = Field(
        default=None, description="The first trade that differs, and what the rules saw"
    )
    rounds: list[Round] = Field(default=[], description="Every try of a model")
