"""What came of a run: the figures of its row, and its files.

A run has a folder of its own below MEDIA_ROOT. Its files are written before its row says that it is completed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.timezone import now

from Backtest.errors import DataError
from backtest_api import warnings
from backtest_api.models import BacktestRun, RunEvent

if TYPE_CHECKING:
    import pandas as pd

    from Backtest.backtesting_adapter import BacktestResult

Status = BacktestRun.Status
SUMMARY_FIELDS = (
    "total_pnl", "total_return_pct", "win_rate", "max_drawdown", "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    "cagr", "profit_factor", "total_trades", "buy_and_hold_return_pct",
)  # fmt: skip


def store(
    run: BacktestRun,
    result: BacktestResult,
    *,
    outcome: dict[str, Any],
    more: Iterable[Path] = (),
    plot: bool = False,
) -> None:
    """Put a result into its run and its files, `more` files among them, into the run's folder."""
    run.status, run.progress = Status.COMPLETED, 1.0
    for name in SUMMARY_FIELDS:
        setattr(run, name, result.summary[name])
    kept = {name: run.outcome[name] for name in ("assumptions",) if name in run.outcome}
    run.metrics, run.manifest = result.metrics, result.manifest
    run.outcome = {**kept, **outcome, "cautions": result.cautions}
    run.manifest = {**run.manifest, "resources": result.resources}
    run.warnings = warnings.together(run.warnings, result.warnings)
    run.data_source, run.data_sha256 = result.prices.source, result.manifest["data"]["sha256"]
    run.code_sha256 = result.manifest["code_sha256"]
    run.duration_ms = result.wall_ms
    run.start_date, run.end_date = result.prices.frame.index[result.begin].date(), result.prices.end.date()
    run.summary = summary_text(run)
    folder = artifact_folder(run)
    made = folder.with_name(f"{folder.name}.{run.attempts}.new")
    shutil.rmtree(made, ignore_errors=True)
    try:
        write_artifacts(made, result)
        for path in more:
            shutil.copyfile(path, made / path.name)
        log = run.events.filter(kind=RunEvent.Kind.LOG).values_list("created_at", "data__text")
        lines = [f"{at:%Y-%m-%d %H:%M:%S} {text}" for at, text in log]
        (made / "log.txt").write_text("\n".join([*lines, result.extra["log"]]), encoding="utf-8")
        if plot:
            from backtest_api.plots import equity_plot

            equity_plot(made / "equity.png", result, title=run.summary)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        raise


def summary_text(run: BacktestRun) -> str:
    """Return the outcome in a sentence."""
    name = run.title
    total, hold = run.total_return_pct, run.buy_and_hold_return_pct
    if not run.total_trades:
        return f"{name} on {run.symbol} made no trade from {run.start_date} to {run.end_date}"
    trades = f"{run.total_trades:,} trade{'s' if run.total_trades > 1 else ''}"
    if total is None or hold is None:
        return f"{name} on {run.symbol}: {trades}"
    returned, apart = f"{round(total, 1) + 0:,.1f}%", f"{abs(total - hold):,.1f}"  # + 0: -0.0 is written as 0.0
    if apart == "0.0":
        return f"{name} on {run.symbol} returned {returned} in {trades} and matched buy-and-hold"
    verb = "beat" if total > hold else "trailed"
    return f"{name} on {run.symbol} returned {returned} in {trades} and {verb} buy-and-hold by {apart} points"


def artifact_folder(run: BacktestRun) -> Path:
    return Path(settings.MEDIA_ROOT) / "backtests" / str(run.pk)


def write_artifacts(folder: Path, result: BacktestResult) -> None:
    """Write trades.csv, equity_curve.csv, prices.parquet, backtesting_stats.json, strategy.py, manifest.json and a chart that was drawn.

    Bars of trades count from the first one of the equity curve; the prices begin with the history before it.
    """
    from Backtest.backtesting_adapter import from_begin

    folder.mkdir(parents=True, exist_ok=True)
    from_begin(result.trades, result.begin).to_csv(folder / "trades.csv", index=False)
    (folder / "backtesting_stats.json").write_text(json.dumps(result.reference, indent=2), encoding="utf-8")
    result.equity.to_csv(folder / "equity_curve.csv", index_label="time")
    result.prices.frame.to_parquet(folder / "prices.parquet")
    (folder / "strategy.py").write_text(result.code.code, encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(result.manifest, indent=2), encoding="utf-8")
    if result.report_html:
        (folder / "chart.html").write_text(result.report_html, encoding="utf-8")


def stored_prices(run: BacktestRun) -> Path:
    """Return where the prices of a completed run are. DataError when they were pruned."""
    path = artifact_folder(run) / "prices.parquet"
    if not path.is_file():
        raise DataError(
            f"The prices of run {run.pk} are gone from {path}: they were pruned, so it cannot be reproduced"
        )
    return path


def first_bar(run: BacktestRun) -> int:
    """Return the first bar of a run's prices that was asked for; those before it are history."""
    return int(run.manifest["data"].get("first", 0))


def stored_trades(run: BacktestRun) -> pd.DataFrame:
    """Return the trades of a completed run; `entry_bar` and `exit_bar` are rows of its stored prices."""
    import pandas as pd

    from Backtest.backtesting_adapter import from_begin

    begin = int(run.manifest["graded"]["begin"])
    return from_begin(pd.read_csv(artifact_folder(run) / "trades.csv"), -begin)


def artifacts_prune(*, days: int, dry_run: bool = False, clock: Callable[[], datetime] = now) -> tuple[int, int]:
    """Delete the files and events of runs older than some days, and the files of runs that are gone.

    Returns how many folders and bytes were deleted. The rows with their figures stay.
    """
    if not dry_run:
        RunEvent.objects.filter(created_at__lte=clock() - timedelta(days=days)).delete()
    young = BacktestRun.objects.filter(created_at__gt=clock() - timedelta(days=days))
    kept = {str(pk) for pk in young.values_list("pk", flat=True)}
    # 12.1.search and 12.1.new are of an attempt of run 12.
    running = {str(pk) for pk in BacktestRun.objects.filter(status=Status.RUNNING).values_list("pk", flat=True)}
    folders = size = 0
    root = Path(settings.MEDIA_ROOT) / "backtests"
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.name in kept or folder.name.partition(".")[0] in running or not folder.is_dir():
            continue
        folders += 1
        size += sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        if not dry_run:
            shutil.rmtree(folder)
    return folders, size
