"""Runs of code that somebody brings: isolated, and looked at for what lies in the future where there is time for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from Backtest.canonical import CanonicalStrategy
from Backtest.data import PriceData
from Backtest.errors import StrategyError
from backtest_api import queue
from backtest_api.kinds.base import engine_options, tell
from backtest_api.kinds.single import SingleKind
from backtest_api.models import BacktestRun
from strategy_api import production
from strategy_api.engine import ranges_of

if TYPE_CHECKING:
    from Backtest.backtesting_adapter import BacktestResult
    from Backtest.sandbox import EngineSettings

LOOK_S = 3600.0  # how long a worker may run code over paths and costs


class CodeKind(SingleKind):
    def strategy(self, run: BacktestRun) -> None:
        return None

    def again(self, run: BacktestRun, prices: PriceData, *, report: bool) -> BacktestResult:
        return self.result(run, prices, **engine_options(report=report))

    def rules(self, run: BacktestRun) -> CanonicalStrategy:
        raise StrategyError(f"Run {run.pk} was given as code: only strategies of rules can be explained")

    def result(self, run: BacktestRun, prices: PriceData, **options: Any) -> BacktestResult:
        from Backtest.backtesting_adapter import run_code

        return run_code(run.code, prices, _settings(run), **options)

    def looked(self, run: BacktestRun, result: BacktestResult, keep: queue.Keeper) -> dict[str, Any]:
        """Return ranges and, where a run is looked at `closely`, whether it looks ahead. Where that would keep a user waiting there is
        nothing: who asked for the run queues another one for it."""
        if run.closely:
            tell(run, "Running it on other futures, paths and costs")
            found = production.closer_look(run.code, result.prices, _settings(run), result, tick=keep, seconds=LOOK_S)
            run.warnings = [*run.warnings, *found.warnings]
            return found.model_dump(mode="json", exclude={"warnings"})
        if production.closer_look_s(result.resources) > production.CLOSELY_S:
            return {}
        found_ranges, told = ranges_of(
            run.code, result.prices.frame, _settings(run), result.metrics, first=result.prices.first,
            took=production.once_s(result.resources),
        )  # fmt: skip
        run.warnings = [*run.warnings, *told]
        return {"ranges": found_ranges}


def _settings(run: BacktestRun) -> EngineSettings:
    from Backtest.sandbox import EngineSettings

    return EngineSettings(**run.settings)


KIND = CodeKind()
