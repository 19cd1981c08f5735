"""Runs of a search over a strategy's numbers: the best combination is run as a backtest, with all that was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings

from Backtest.canonical import CanonicalStrategy, Execution, history_bars
from Backtest.data import PriceData, PriceRequest
from Backtest.diagnostics import load_canonical
from backtest_api import queue, results
from backtest_api.kinds.base import How, Kind, engine_options, tell
from backtest_api.kinds.chunks import forget_chunks, helpers, shared_chunks
from backtest_api.models import BacktestRun
from backtest_api.written import money, share
from data_api.providers import get_data_manager
from strategy_api import trials
from strategy_api.models import Trial

if TYPE_CHECKING:
    from Backtest.search.page import Heading
    from Backtest.search.space import Floats, Ints
    from Backtest.search.sweeping import Work

SEARCHED, ASSESSED = 0.5, 0.9  # parts of the progress


class SearchKind(Kind):
    def limit_s(self) -> float:
        return float(settings.SEARCH_TIMEOUT_S)

    def finished(self, run: BacktestRun, figures: str) -> str:
        """Return what a search found, and first of all whether to believe it."""
        if run.status != BacktestRun.Status.COMPLETED:
            return f"Search {run.pk}: {figures}"
        found = run.outcome
        values = ", ".join(f"{name} {value:g}" for name, value in found["best"]["values"].items())
        reasons = "".join(f"\n- {reason}" for reason in found["verdict"]["reasons"])
        best = f"The best of {found['tried']:,} combinations: {values}."
        return f"Search {run.pk}: {found['verdict']['text']}{reasons}\n{best} {figures}"

    def execute(self, run: BacktestRun, keep: queue.Keeper, how: How) -> None:
        from Backtest.backtesting_adapter import run_backtest_from_canonical
        from Backtest.search import optimiser
        from Backtest.search.optimiser import SearchRequest
        from Backtest.search.sweeping import run_chunks

        request = SearchRequest.model_validate(run.search)
        canonical = load_canonical(run.canonical_json).require()
        prices = prices_of(run)
        work, objectives = optimiser.plan(canonical, prices, request)
        if work.first > prices.first:
            day = prices.frame.index[work.first]
            run.warnings = [
                *run.warnings,
                f"All combinations are graded from {day:%Y-%m-%d}, when the longest of them is warmed up",
            ]
            prices = replace(prices, first=work.first)
        tell(run, f"Searching {work.space.size:,} combinations on {len(prices.frame)} bars of {prices.source} prices")
        folder = results.artifact_folder(run).with_name(f"{run.pk}.{run.attempts}.search")
        for left in folder.parent.glob(f"{run.pk}.*.search"):  # of an attempt whose worker was lost
            _remove(left)
        folder.mkdir(parents=True, exist_ok=True)

        def runner(work: Work, chunks: list[Ints]) -> Iterator[Floats]:
            tick = _scaled(keep, 0.0, SEARCHED)
            if how.workers > 1 or len(chunks) == 1 or helpers() < 2:  # this worker is one of them
                return run_chunks(work, chunks, workers=how.workers, tick=tick)
            return shared_chunks(run, work, chunks, folder, tick)

        try:
            found = optimiser.search(
                work, request, objectives, folder=folder, runner=runner, tick=_scaled(keep, 0.0, SEARCHED)
            )
            tell(run, f"{len(found.tried):,} combinations run, {found.failed:,} of them failed; weighing the best")
            lineage = trials.lineage_of(run.strategy, canonical)
            what = f"{canonical.content_hash()} {request.model_dump_json()}"
            before = queue.patiently(partial(trials.earlier, user=run.user, lineage=lineage, prices=prices, what=what))
            outcome = optimiser.outcome(work, found, request, earlier=before, tick=_scaled(keep, SEARCHED, ASSESSED))
            best = optimiser.winner(canonical, outcome)
            tell(run, "Confirming the best combination with backtesting.py in the sandbox")
            result = run_backtest_from_canonical(
                best,
                prices,
                **engine_options(report=how.report, name=f"run-{run.pk}", tick=_scaled(keep, ASSESSED, 1.0)),
            )
            optimiser.confirm(best, prices, result)
            outcome["confirmed"] = True
            outcome["canonical"] = best.model_dump(mode="json")
            _keep_trial(run, work, found, prices, lineage, what)
            files = _files(folder, work, found, outcome, _heading(run, best, prices))
            results.store(run, result, outcome=outcome, more=files)
        finally:
            forget_chunks(run)
            _remove(folder)


def prices_of(run: BacktestRun) -> PriceData:
    """Return the prices of a search, with as much history before them as its longest indicator needs."""
    space = (run.search or {}).get("parameters") or {}
    strategy = load_canonical(run.canonical_json).require()
    history = history_bars(strategy, space)
    request = PriceRequest(
        run.symbol, run.timeframe, run.start_date, run.end_date, history, run.timezone, strategy.others
    )
    return get_data_manager(user=run.user).fetch(request)


def _scaled(keep: queue.Keeper, low: float, high: float) -> Callable[[float], None]:
    return lambda progress: keep(low + (high - low) * progress)


def _keep_trial(run: BacktestRun, work: Work, found: Any, prices: PriceData, lineage: str, what: str) -> None:
    others = found.tried[found.tried != found.best]
    draw = np.random.default_rng(0)
    few = draw.choice(others, min(len(others), trials.KEPT - 1), replace=False) if len(others) else others
    sets = work.space.sets(np.concatenate([[found.best], few]).astype(np.int64))
    returns = work.kernel().sweep(sets, returns=True).returns
    queue.patiently(
        partial(
            trials.record, user=run.user, lineage=lineage, prices=prices, kind=Trial.Kind.SEARCH, what=what, returns=returns,
            count=len(found.tried),
        )
    )  # fmt: skip


def _heading(run: BacktestRun, best: CanonicalStrategy, prices: PriceData) -> Heading:
    """Return what stands at the top of a search's page: the strategy with the best numbers, its prices and costs."""
    from Backtest.search.page import Heading

    execution, graded = best.execution, prices.frame.index[prices.first :]
    return Heading(
        f"The best numbers of {run.title} on {run.symbol}",
        best.describe().splitlines(),
        (
            ("Prices", f"{prices.symbol} {prices.timeframe}, {prices.source}, adjusted for {prices.adjustment}"),
            ("Graded bars", f"{len(graded):,} from {graded[0]:%Y-%m-%d} to {graded[-1]:%Y-%m-%d}"),
            ("Cash", money(execution.cash)),
            ("Commission and spread", _costs(execution)),
            ("Risk-free rate", share(execution.risk_free_rate, " a year")),
        ),
        run.warnings,
    )


def _costs(execution: Execution) -> str:
    """Return what an order costs, such as `commission 0.1% of an order's value and $2.00 an order, spread 0.05%`, or `none`."""
    told = [share(execution.commission, " of an order's value")] if execution.commission else []
    told += [f"{money(execution.commission_fixed)} an order"] if execution.commission_fixed else []
    parts = [f"commission {' and '.join(told)}"] if told else []
    parts += [f"spread {share(execution.spread)}"] if execution.spread else []
    return ", ".join(parts) or "none"


def _files(folder: Path, work: Work, found: Any, outcome: dict[str, Any], heading: Heading) -> list[Path]:
    """Return the files of a search: the table as Parquet, as CSV where it is not too long, and a page."""
    import pandas as pd

    from Backtest.search.optimiser import CSV_ROWS
    from Backtest.search.page import search_page

    files = [folder / "table.parquet"]
    if len(found.tried) <= CSV_ROWS:
        pd.read_parquet(files[0]).to_csv(folder / "table.csv", index=False)
        files.append(folder / "table.csv")
    page = search_page(files[0], work.space, found.objectives[0], outcome, heading)
    (folder / "optimisation.html").write_text(page, encoding="utf-8")
    return [*files, folder / "optimisation.html"]


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


KIND = SearchKind()
