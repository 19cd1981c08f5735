"""A run that is one backtest: fetch its prices, run it once, count it as a trial, store it."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any

from Backtest.canonical import CanonicalStrategy, history_bars
from Backtest.data import PriceData, PriceRequest
from Backtest.market import bars_of
from backtest_api import queue, results
from backtest_api.kinds.base import How, Kind, engine_options, tell, tried
from backtest_api.models import BacktestRun
from data_api.providers import get_data_manager

if TYPE_CHECKING:
    from Backtest.backtesting_adapter import BacktestResult


class SingleKind(Kind):
    @abstractmethod
    def strategy(self, run: BacktestRun) -> CanonicalStrategy | None:
        """Return the strategy that was asked for, None where it was given as code."""

    @abstractmethod
    def result(self, run: BacktestRun, prices: PriceData, **options: Any) -> BacktestResult:
        """Run it once. `options` are those of the functions that run a backtest."""

    @abstractmethod
    def looked(self, run: BacktestRun, result: BacktestResult, keep: queue.Keeper) -> dict[str, Any]:
        """Return what more is found out about the result: `ranges` over paths and costs, and what else the kind looks at."""

    def execute(self, run: BacktestRun, keep: queue.Keeper, how: How) -> None:
        strategy = self.strategy(run)
        tell(run, f"Fetching {bars_of(run.timeframe)} of {run.symbol}")
        prices = get_data_manager(user=run.user).fetch(
            PriceRequest(
                run.symbol,
                run.timeframe,
                run.start_date,
                run.end_date,
                history_bars(strategy),
                run.timezone,
                strategy.others if strategy else (),
            )
        )
        text = f"Running on {len(prices.frame) - prices.first} bars of {prices.source} prices, {prices.start} to {prices.end}"
        if prices.first:
            text += f", after {prices.first} of before that warm the indicators up"
        tell(run, text)
        options = engine_options(report=how.report, tick=keep, name=f"run-{run.pk}")
        result = self.result(run, prices, **options)
        outcome = {"trials": queue.patiently(partial(tried, run, strategy, result)), **self.looked(run, result, keep)}
        results.store(run, result, outcome=outcome, plot=how.plot)
