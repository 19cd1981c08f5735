"""Runs and parses as tables on a terminal."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from Backtest.market import bars_of
from Backtest.meaning import spaced
from backtest_api.written import MISSING, amount, money, number, percent, prices

if TYPE_CHECKING:
    from backtest_api.models import BacktestRun
    from Strategy.reading import ParseResult

BLOCKS = "▁▂▃▄▅▆▇█"


def print_parse(
    parsed: ParseResult,
    console: Console | None = None,
    *,
    dated: list[dict[str, str]] | None = None,
    tested: bool = False,
) -> None:
    """Print the strategy in plain English with its assumptions and warnings.

    `dated` are the assumptions with the first date on which another reading trades differently. Where it is `tested`,
    its run is printed next, and that has the warnings.
    """
    console = console or Console(highlight=False)
    strategy = parsed.strategy
    if strategy is not None:
        console.print("[bold]Understood as[/bold]")
        console.print(strategy.describe(), markup=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("kind", style="dim")
    table.add_column("what")
    for assumption in dated if dated is not None else [dict(a.__dict__) for a in parsed.assumptions]:
        other = f" (not: {assumption['other']})" if assumption["other"] else ""
        table.add_row("assumed", f"{assumption['text']}{other}")
        if difference := assumption.get("first_difference"):
            table.add_row("", difference, style="dim")
    for found in () if tested else parsed.diagnostics:
        table.add_row(found.severity, found.message + (f". {found.suggestion}" if found.suggestion else ""))
    if table.row_count:
        console.print()
        console.print(table, markup=False)


def print_run(run: BacktestRun, folder: Path, console: Console | None = None) -> None:
    """Print the figures, the last trades, an equity sparkline and where the files are."""
    console = console or Console(highlight=False)
    console.print(f"\n[bold]{run.summary}[/bold]")
    console.print(
        f"{run.symbol}, {bars_of(run.timeframe)} from {run.start_date} to {run.end_date}, {run.data_source} prices"
    )
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = (
        ("Return", percent(run.total_return_pct)), ("Buy and hold", percent(run.buy_and_hold_return_pct)),
        ("CAGR", percent(run.cagr)), ("Max. drawdown", percent(run.max_drawdown)), ("Sharpe", number(run.sharpe_ratio)),
        ("Sortino", number(run.sortino_ratio)), ("Trades", str(run.total_trades)),
        ("Win rate", percent(None if run.win_rate is None else run.win_rate * 100)), ("Profit factor", number(run.profit_factor)),
        ("Profit", money(run.total_pnl)),
    )  # fmt: skip
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    trades = read_rows(folder / "trades.csv")
    if trades:
        console.print(_trade_table(trades[-5:], len(trades)))
        console.print(f"Equity  {sparkline([float(row['Equity']) for row in read_rows(folder / 'equity_curve.csv')])}")
    if ranges := run.ranges:
        sharpe, total = ranges["sharpe_ratio"], ranges["total_return_pct"]
        console.print(
            f"Over what the bars do not tell and other costs: Sharpe {number(sharpe['low'])} to {number(sharpe['high'])}, "
            f"return {percent(total['low'])} to {percent(total['high'])}",
            soft_wrap=True,
        )
    if tried := run.outcome.get("trials"):
        console.print(tried["text"], soft_wrap=True)
    for warning in run.warnings:
        console.print("[yellow]![/yellow]", escape(warning), soft_wrap=True)
    report = folder / "report.html"
    console.print(f"\nrun {run.pk}: {report if report.is_file() else folder}", soft_wrap=True)


def print_trades(folder: Path, console: Console | None = None) -> None:
    """Print all trades of a run."""
    console = console or Console(highlight=False)
    trades = read_rows(folder / "trades.csv")
    console.print(_trade_table(trades, len(trades)))


def print_explanation(found: dict[str, Any], console: Console | None = None) -> None:
    """Print what happened at a bar, rule by rule."""
    console = console or Console(highlight=False)
    prices = ", ".join(f"{name} {spaced(value)}" for name, value in found["prices"].items())
    console.print(f"[bold]{found['time']}[/bold] (bar {found['bar']:,}): {prices}", soft_wrap=True)
    if held := found["position"]:
        console.print(
            f"{held['side']} {amount(held['size'])} since {held['entry_time']} at {spaced(held['entry_price'])}, "
            f"bar {held['bars_held']} of the trade, {held['unrealized_return_pct']:+.2f}%"
        )
    for rule in found["rules"]:
        console.print(f"{rule['kind']} {rule['side']}", style="dim")
        _print_clause(rule, 1, console)
    console.print(found["answer"], markup=False, soft_wrap=True)


def _print_clause(clause: dict[str, Any], depth: int, console: Console) -> None:
    sign = {True: "yes", False: "no ", None: "n/a"}[clause["truth"]]
    values = ", ".join(
        f"{k} = {'missing' if v is None else v if isinstance(v, str) else spaced(v)}"
        for k, v in clause["values"].items()
        if not k.replace(".", "", 1).lstrip("-").isdigit()
    )
    line = f"{'  ' * depth}{sign} {clause['text']}" + (f"  ({values})" if values else "")
    console.print(line, markup=False, soft_wrap=True)
    for inner in clause.get("clauses", ()):
        _print_clause(inner, depth + 1, console)


def _trade_table(trades: list[dict[str, str]], total: int) -> Table:
    table = Table(
        title=f"last {len(trades)} of {total} trades" if total > len(trades) else f"{total} trades",
        box=None,
        title_justify="left",
        pad_edge=False,
    )
    for name in ("side", "entry", "exit", "entry price", "exit price", "return", "exit reason"):
        table.add_column(name)
    paid = prices(float(row[name]) for name in ("entry_price", "exit_price") for row in trades)
    for row, entry, left in zip(trades, paid[: len(trades)], paid[len(trades) :], strict=True):
        table.add_row(
            row["side"], row["entry_time"][:16].removesuffix(" 00:00"), row["exit_time"][:16].removesuffix(" 00:00"), entry, left,
            f"{float(row['return_pct']):+.2f}%", row["exit_reason"],
        )  # fmt: skip
    return table


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sparkline(values: list[float], width: int = 60) -> str:
    """Return values as a line of block characters, averaged down to `width`."""
    if not values:
        return ""
    step = max(1, len(values) // width)
    points = [sum(values[i : i + step]) / len(values[i : i + step]) for i in range(0, len(values), step)]
    low, high = min(points), max(points)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((p - low) * scale)] for p in points)


def print_search(run: BacktestRun, folder: Path, console: Console | None = None) -> None:
    """Print what a search found: the best combinations, the verdict with its reasons, and where the files are."""
    from Backtest.search.objective import Objective  # keeps the start of every command fast

    console = console or Console(highlight=False)
    found = run.outcome
    objective = Objective.of_name(found["objective"][0]).label
    colour = {"robust": "green", "fragile": "yellow", "likely overfit": "red"}[found["verdict"]["word"]]
    console.print(
        f"\n[bold]{found['tried']:,} of {found['combinations']:,} combinations[/bold] of {run.symbol} {run.timeframe}, "
        f"{run.start_date} to {run.end_date}, best {objective} first",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False)
    names = list(found["best"]["values"])
    for name in names:
        table.add_column(name, justify="right")
    shown = ("Return [%]", "Sharpe Ratio", "Max. Drawdown [%]", "Profit Factor", "# Trades")
    for name in shown:
        table.add_column(name, justify="right")
    for row in found["top"][:10]:
        figures = (number(row["figures"].get(name)) for name in shown[:-1])
        trades = row["figures"].get("# Trades")
        table.add_row(
            *(f"{row['values'][n]:g}" for n in names), *figures, MISSING if trades is None else f"{trades:,.0f}"
        )
    console.print(table)
    console.print(f"\n[bold {colour}]{found['verdict']['text']}[/bold {colour}]")
    for reason in found["verdict"]["reasons"]:
        console.print(f"  - {reason}", markup=False, soft_wrap=True)
    for warning in run.warnings:
        console.print("[yellow]![/yellow]", escape(warning), soft_wrap=True)
    statistics = found["statistics"]
    trials, sharpe = statistics["trials"], statistics["sharpe_ratio"]
    interval, ranges = statistics["intervals"]["sharpe_ratio"], statistics["ranges"]["sharpe_ratio"]
    walked, random = statistics["walk_forward"], statistics["random_entries"]
    even = statistics["ranges"]["break_even_commission"]
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in (
        ("Tries so far", f"{trials['total']:,}, as good as {trials['independent']:g} independent ones"),
        ("Luck alone", f"Sharpe {trials['sharpe_ratio_of_luck']:.2f} for the best of so many"),
        ("Deflated Sharpe", f"{sharpe['deflated']:.0%} sure to be above that"),
        ("Data", f"{sharpe['years']:.1f} years; {sharpe['minimum_backtest_years']:.1f} are needed after so many tries"),
        ("Sharpe (of days)", f"{interval['low']:.2f} to {interval['high']:.2f}, {interval['confidence']:.0%} of resampled histories"),
        ("Sharpe, other paths and costs", f"{number(ranges['low'])} to {number(ranges['high'])}"),
        ("Sharpe in walk-forward", f"{walked['sharpe_ratio']:.2f}, {walked['efficiency']:.0%} of what its windows had in sample"),
        ("Random entries", f"{random['as_good_at_random']:.1%} of them did as well"),
        ("Break-even commission", "above 9.9%" if even is None else f"{even:.3%}"),
        ("Buy and hold", percent(statistics["buy_and_hold_return_pct"])),
    ):  # fmt: skip
        table.add_row(name, value)
    console.print(table)
    if run.total_trades:
        console.print("The best was run again by backtesting.py in the sandbox: the same trades, the same figures.")
    console.print(f"\nrun {run.pk}: {folder / 'optimisation.html'}", soft_wrap=True)
