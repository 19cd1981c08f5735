"""What every kind of run says of itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from Backtest.diagnostics import load_canonical
from backtest_api import queue
from backtest_api.models import BacktestRun, RunEvent
from strategy_api import trials
from strategy_api.engine import get_limits, get_sandbox
from strategy_api.models import Trial

if TYPE_CHECKING:
    from Backtest.backtesting_adapter import BacktestResult
    from Backtest.canonical import CanonicalStrategy
    from Backtest.data import PriceData


@dataclass(frozen=True)
class How:
    """How a run is to be run, which changes none of its figures.

    Args:
        report: draw the chart of the report in the same run.
        plot: draw the equity curve as a picture.
        workers: processes of this machine for a search; with 1 every worker that is free takes a part.
    """

    report: bool = False
    plot: bool = False
    workers: int = 1


class Kind(ABC):
    """What runs of one kind have of their own."""

    def limit_s(self) -> float:
        """Return after how many seconds a run of this kind is ended."""
        return math.inf

    @abstractmethod
    def execute(self, run: BacktestRun, keep: queue.Keeper, how: How) -> None:
        """Run it, and put what came of it into its row, which is not saved yet, and into its files.

        Raises:
            AlgoAgentError: it is not possible, failed or was cancelled.
            queue.Lost: the run belongs to another worker now.
        """

    def again(self, run: BacktestRun, prices: PriceData, *, report: bool) -> BacktestResult:
        """Run a completed run again on its stored prices."""
        from Backtest.backtesting_adapter import run_backtest_from_canonical

        return run_backtest_from_canonical(self.rules(run), prices, **engine_options(report=report))

    def rules(self, run: BacktestRun) -> CanonicalStrategy:
        """Return the strategy that a completed run traded. StrategyError where it had no rules."""
        return load_canonical(run.manifest["canonical"]).require()

    def finished(self, run: BacktestRun, figures: str) -> str:
        """Return what a chat says of a run that is over; `figures` says those of a completed one in a sentence."""
        return f"Backtest {run.pk}: {figures}"


def tell(run: BacktestRun, text: str) -> None:
    """Write a line into the log of a run, which its watchers see at once."""
    queue.patiently(partial(queue.tell, run, RunEvent.Kind.LOG, text=text))


def engine_options(**more: Any) -> dict[str, Any]:
    """Return the server's sandbox and limits, as the functions that run a backtest take them."""
    return {"sandbox": get_sandbox(), "limits": get_limits(), **more}


def tried(run: BacktestRun, canonical: CanonicalStrategy | None, result: BacktestResult) -> dict[str, Any]:
    """Count the run as a trial; return what its result is worth among those of its lineage."""
    lineage = trials.lineage_of(run.strategy, canonical, run.code)
    returns = trials.daily_returns(result)
    kind = Trial.Kind.BACKTEST if canonical else Trial.Kind.CODE
    what = canonical.content_hash() if canonical else result.manifest["code_sha256"]
    trial = trials.record(user=run.user, lineage=lineage, prices=result.prices, kind=kind, what=what, returns=returns)
    span = max((result.prices.end - result.prices.frame.index[result.begin]).days, 1) / 365.25
    return trials.standing(trial=trial, returns=returns, days_a_year=max(len(returns) / span, 1.0))
