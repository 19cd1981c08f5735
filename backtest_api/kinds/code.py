"""Runs of code that somebody brings: isolated, and looked at for what lies in the future where there is time for it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from Backtest.canonical import CanonicalStrategy
from Backtest.data import PriceData
from Backtest.errors import ExecutionError, StrategyError
from Backtest.machine import no_later_than
from backtest_api import queue
from backtest_api.kinds.base import engine_options, tell
from backtest_api.kinds.single import SingleKind
from backtest_api.models import BacktestRun
from strategy_api import production
from strategy_api.engine import get_limits

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
        """Return whether the code looks ahead, and its figures as ranges. Where that would keep a user waiting there is nothing: who asked
        for the run queues another one, which is looked at `closely`, however long it takes."""
        if run.closely:
            tell(run, "Running it on other futures, paths and costs")
            return self._closer_look(run, result, keep, seconds=LOOK_S)
        if production.closer_look_s(result.resources) > production.CLOSELY_S:
            return {}
        with contextlib.suppress(ExecutionError), no_later_than(time.monotonic() + get_limits().timeout_s):
            return self._closer_look(run, result, keep)
        return {}

    def _closer_look(
        self, run: BacktestRun, result: BacktestResult, keep: queue.Keeper, **options: Any
    ) -> dict[str, Any]:
        found = production.closer_look(run.code, result.prices, _settings(run), result, tick=keep, **options)
        run.warnings = [*run.warnings, *found.warnings]
        return found.model_dump(mode="json", exclude={"warnings"})


def _settings(run: BacktestRun) -> EngineSettings:
    from Backtest.sandbox import EngineSettings

    return EngineSettings(**run.settings)


KIND = CodeKind()
