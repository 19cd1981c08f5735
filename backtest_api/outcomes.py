"""What checks of requests for backtests come to."""

from __future__ import annotations

from pydantic import Field

from actions.outcomes import Outcome
from Backtest.errors import Diagnostic


class Estimate(Outcome):
    """What a run would cost; null where the prices are not known."""

    bars: int | None = None
    seconds: float | None = None


class ConfigCheck(Outcome):
    """Every problem of a request for a backtest."""

    valid: bool
    errors: list[Diagnostic]
    warnings: list[Diagnostic]
    estimate: Estimate = Field(description="What the run would cost")
