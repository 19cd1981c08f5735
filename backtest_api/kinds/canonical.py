"""Runs of a canonical strategy: the template's code in the sandbox, the compiled engine for its figures as ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from Backtest.canonical import CanonicalStrategy
from Backtest.data import PriceData
from Backtest.diagnostics import load_canonical
from backtest_api import queue
from backtest_api.kinds.single import SingleKind
from backtest_api.models import BacktestRun

if TYPE_CHECKING:
    from Backtest.backtesting_adapter import BacktestResult


class CanonicalKind(SingleKind):
    def strategy(self, run: BacktestRun) -> CanonicalStrategy:
        return load_canonical(run.canonical_json).require()

    def result(self, run: BacktestRun, prices: PriceData, **options: Any) -> BacktestResult:
        from Backtest.backtesting_adapter import run_backtest_from_canonical

        return run_backtest_from_canonical(self.strategy(run), prices, **options)

    def looked(self, run: BacktestRun, result: BacktestResult, keep: queue.Keeper) -> dict[str, Any]:
        from Backtest.search.ranges import ranges

        strategy = load_canonical(result.manifest["canonical"]).require()
        return {"ranges": ranges(strategy, result.prices.frame, first=result.prices.first)}


KIND = CanonicalKind()
