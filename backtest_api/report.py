"""The report of a backtest: one HTML page made of the stored run and its files, which loads nothing and runs no script.

The chart is drawn by the process that ran the strategy's code, so nobody knows what else is in it: it stands in a frame that
reaches neither the page around it nor a network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from django.template.loader import render_to_string
from django.utils.text import slugify

from Backtest.canonical import CanonicalStrategy
from Backtest.data import doubts
from Backtest.diagnostics import load_canonical
from Backtest.kernel.definitions import DEFINITIONS, NOTATION, Definition, label
from Backtest.market import bars_of, is_intraday
from Backtest.sandbox import EngineSettings
from Backtest.search.ranges import RANGED
from Backtest.statistics.equity import Drawdown, drawdowns, holding_curve, holding_figures, yearly_returns
from backtest_api.assumed import assumptions_of
from backtest_api.models import BacktestRun
from backtest_api.plots import curve_drawing
from backtest_api.written import MISSING, amount, duration, figure, moment, money, percent, prices, share

MOST_TRADES = 500
MOST_DRAWDOWNS = 5
HEADLINES = ("Return [%]", "CAGR [%]", "Max. Drawdown [%]", "Sharpe Ratio", "# Trades", "Win Rate [%]")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CHART_PX = range(200, 3001)  # heights that a chart may ask for; without one of these it gets DEFAULT_CHART_PX
DEFAULT_CHART_PX = 720
# What the same figure of buy-and-hold says nothing about, or what it has no part in.
NOT_COMPARED = ("Buy & Hold Return [%]", "Beta", "Alpha [%]", "Exposure Time [%]", "Commissions [$]")
CLASS_NAME = re.compile(r"^class\s+(\w+)\s*\([^)]*Strategy", re.MULTILINE)


@dataclass(frozen=True)
class Files:
    """What is stored of a completed run: all bars it was given, the first graded one, equity from there on, and trades."""

    frame: pd.DataFrame
    begin: int
    equity: pd.Series
    trades: pd.DataFrame
    code: str

    @classmethod
    def of(cls, run: BacktestRun, folder: Path) -> Files:
        frame = pd.read_parquet(folder / "prices.parquet")
        begin = int(run.manifest["graded"]["begin"])
        equity = pd.read_csv(folder / "equity_curve.csv", usecols=["Equity"])["Equity"]
        return cls(
            frame,
            begin,
            equity.set_axis(frame.index[begin:]),
            pd.read_csv(folder / "trades.csv"),
            (folder / "strategy.py").read_text(encoding="utf-8"),
        )

    @property
    def graded(self) -> pd.DataFrame:
        return self.frame.iloc[self.begin :]


def report_page(run: BacktestRun, folder: Path, *, policy: str, no_chart: str = "") -> str:
    """Return the HTML page of a completed run.

    Args:
        folder: where its files are.
        policy: the Content-Security-Policy of the page and of the chart in it, wherever the page is opened from.
        no_chart: why there is none, where that is known.
    """
    files = Files.of(run, folder)
    settings = EngineSettings.model_validate(run.manifest["settings"])
    canonical = load_canonical(run.manifest["canonical"]).require() if run.manifest["canonical"] else None
    holding = holding_curve(files.graded["Close"].astype(float), settings)
    compared = {} if holding is None else holding_figures(files.frame, files.begin, holding, settings)
    page = {
        "policy": policy,
        "run": run,
        "bars": bars_of(run.timeframe),
        "strategy": _strategy(run, canonical, files.code),
        "settings": _settings(settings, canonical),
        "data": _data(run, files),
        **_figures(run, compared),
        "ranges": _ranges(run),
        "trials": run.outcome.get("trials", {}).get("text", ""),
        "verdict": run.outcome.get("verdict", {}).get("text", ""),
        "versions": ", ".join(f"{name} {version}" for name, version in run.manifest["versions"].items()),
        "notation": NOTATION,
        **_curve(files.equity, holding),
        **_calendar(files.equity, settings.cash),
        **_drawdowns(files.equity, run),
        **_trades(files, run),
        **_chart(folder, no_chart),
    }  # fmt: skip
    return render_to_string("backtest_api/report.html", page)


def _strategy(run: BacktestRun, canonical: CanonicalStrategy | None, code: str) -> dict[str, Any]:
    """Return the strategy in words, or the name of its class where it was given as code; and the code itself."""
    if canonical is None:
        found = CLASS_NAME.search(code)
        return {"class_name": found[1] if found else "", "code": code}
    return {
        "sentences": canonical.describe().splitlines(),
        "text": canonical.provenance.original_text,
        "assumptions": [a["text"] for a in assumptions_of(run)],
        "code": code,
    }


def _settings(settings: EngineSettings, canonical: CanonicalStrategy | None) -> list[tuple[str, str]]:
    """Return every setting of the engine with its name, and how much a trade buys."""
    told = {
        "cash": ("Cash at the start", money(settings.cash)),
        "commission": ("Commission", share(settings.commission, " of an order's value")),
        "commission_fixed": (
            "Fixed commission",
            f"{money(settings.commission_fixed)} an order" if settings.commission_fixed else "none",
        ),
        "spread": ("Spread", share(settings.spread)),
        "margin": (
            "Margin",
            "none: positions up to the equity"
            if settings.margin == 1
            else f"{_fraction(settings.margin)}: positions up to {1 / settings.margin:g} times the equity",
        ),
        "trade_on_close": (
            "Orders are filled",
            "at the close of the bar that decides" if settings.trade_on_close else "at the open of the next bar",
        ),
        "fractional_unit": ("Smallest unit traded", amount(settings.fractional_unit)),
        "risk_free_rate": ("Risk-free rate", share(settings.risk_free_rate, " a year")),
    }
    others = {k: (k.replace("_", " ").capitalize(), str(v)) for k, v in settings.model_dump().items() if k not in told}
    size = canonical.risk.position_size.text() if canonical else "as the code orders"
    return [("Position size", size), *told.values(), *others.values()]


def _fraction(value: float) -> str:
    return f"{value * 100:.6g}%"


def _data(run: BacktestRun, files: Files) -> list[tuple[str, str]]:
    """Return where the prices are from, which bars are graded, and what is doubtful about them."""
    data, clock = run.manifest["data"], is_intraday(run.timeframe)
    index, begin = files.frame.index, files.begin
    zone = data.get("timezone") or ("not known" if clock else "none: bars bear a date")
    before = f"{begin:,} bar{'s' * (begin != 1)} from {moment(index[0], clock=clock)} on" if begin else "none"
    return [
        ("Symbol", data["symbol"]),
        ("Time frame", data["timeframe"]),
        ("Time zone", zone),
        ("Source", data["source"]),
        ("Adjusted for", data["adjustment"]),
        ("First graded bar", moment(index[begin], clock=clock)),
        ("Last graded bar", moment(index[-1], clock=clock)),
        ("Graded bars", f"{len(index) - begin:,}"),
        ("History before them", before),
        ("Doubtful", "; ".join(doubts(files.frame, run.timeframe)) or "nothing"),
        ("SHA-256", f"{data['sha256'][:12]}…"),
    ]


def _figures(run: BacktestRun, compared: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that stand at the top, and all of them in groups."""
    rows = [_figure(run, definition, compared) for definition in DEFINITIONS]
    groups = dict.fromkeys(row["group"] for row in rows)
    return {
        "headlines": [row for name in HEADLINES for row in rows if row["name"] == name],
        "groups": [(group, [row for row in rows if row["group"] == group]) for group in groups],
    }


def _figure(run: BacktestRun, definition: Definition, compared: dict[str, Any]) -> dict[str, str]:
    """Return a figure with its range, buy-and-hold's, its definition and what it rests on where that is too little."""
    name = definition.name
    hold = run.metrics.get("Buy & Hold Return [%]") if name == "Return [%]" else compared.get(name)
    comparable = definition.group != "Trades" and name not in NOT_COMPARED
    ranged = next((run.ranges[key] for key, column in RANGED.items() if column == name), None) if run.ranges else None
    return {
        "name": name,
        "label": label(name),
        "anchor": slugify(name.replace("%", "percent").replace("$", "money")),
        "group": definition.group,
        "value": figure(name, run.metrics.get(name)),
        "range": f"{figure(name, ranged['low'])} to {figure(name, ranged['high'])}" if ranged else "",
        "holding": figure(name, hold) if comparable and compared else "",
        "definition": definition.text,
        "source": definition.source.replace("`", ""),
        "caution": run.outcome.get("cautions", {}).get(name, ""),
    }


def _ranges(run: BacktestRun) -> dict[str, str] | None:
    """Return over which costs the ranges go, and the commission that takes all profit."""
    if not run.ranges:
        return None
    spans = {name: ends for name, ends in run.ranges["costs"].items() if any(ends)}
    names = {"commission": "commission", "spread": "spread", "commission_fixed": "fixed commission"}
    costs = [
        f"{names[name]} from {' to '.join(money(v) if name == 'commission_fixed' else _fraction(v) for v in ends)}"
        for name, ends in spans.items()
    ]
    even = run.ranges["break_even_commission"]
    return {"costs": ", ".join(costs), "even": f"{even * 100:.2g}%" if even else ""}


def _curve(equity: pd.Series, holding: pd.Series | None) -> dict[str, Any]:
    """Return the picture of the equity curve with what stands at its sides."""
    drawing = curve_drawing(equity, holding)
    ticks = [(money(round(value)).removesuffix(".00"), down) for value, down in drawing.ticks]
    ends = [moment(equity.index[k], clock=False) for k in (0, -1)]
    return {"curve": drawing, "ticks": ticks, "curve_from": ends[0], "curve_to": ends[1]}


def _calendar(equity: pd.Series, cash: float) -> dict[str, Any]:
    """Return the returns of years and of their months, in per cent."""
    years = [
        (row.year, [_change(month) for month in row.months], _change(row.total)) for row in yearly_returns(equity, cash)
    ]
    return {"years": years, "months": MONTHS if years[0][1] else ()}


def _change(fraction: float | None) -> tuple[str, str]:
    """Return a return in per cent, and `loss` or `gain` for its colour."""
    if fraction is None:
        return MISSING, ""
    return percent(fraction * 100), "loss" if fraction < 0 else "gain" if fraction > 0 else ""


def _drawdowns(equity: pd.Series, run: BacktestRun) -> dict[str, Any]:
    """Return the deepest drawdowns."""
    found, clock = drawdowns(equity), is_intraday(run.timeframe)

    def row(fall: Drawdown) -> tuple[str, ...]:
        end = moment(fall.end, clock=clock) if fall.end is not None else "not yet"
        start, trough = (moment(at, clock=clock) for at in (fall.start, fall.trough))
        return percent(fall.depth * 100), start, trough, end, duration(fall.length)

    return {"drawdowns": [row(fall) for fall in found[:MOST_DRAWDOWNS]], "drawdown_count": len(found)}


def _trades(files: Files, run: BacktestRun) -> dict[str, Any]:
    """Return the last trades, in order of entry, and how many there are."""
    index, clock = files.graded.index, is_intraday(run.timeframe)

    shown = files.trades.tail(MOST_TRADES)
    paid = prices([*shown["entry_price"], *shown["exit_price"]])

    def row(trade: Any, entry_price: str, exit_price: str) -> dict[str, Any]:
        return {
            "side": trade.side,
            "size": amount(trade.size),
            "entry_time": moment(index[trade.entry_bar], clock=clock),
            "entry_price": entry_price,
            "exit_time": moment(index[trade.exit_bar], clock=clock),
            "exit_price": exit_price,
            "profit": money(trade.pnl),
            "return": percent(trade.return_pct),
            "sign": "loss" if trade.pnl < 0 else "gain" if trade.pnl > 0 else "",
            "bars": f"{trade.exit_bar - trade.entry_bar:,}",
            "reason": str(trade.exit_reason).replace("_", " "),
        }

    rows = zip(shown.itertuples(), paid[: len(shown)], paid[len(shown) :], strict=True)
    return {"trades": [row(*given) for given in rows], "trade_count": len(files.trades)}


def _chart(folder: Path, no_chart: str) -> dict[str, Any]:
    """Return the chart's own page and its height in pixels, as far as that can be believed."""
    path = folder / "chart.html"
    if not path.is_file():
        return {"chart": "", "no_chart": no_chart or "backtesting.py could not draw one of this run"}
    chart = path.read_text(encoding="utf-8")
    told = re.search(r'<meta name="chart-height" content="(\d{1,4})">', chart[:2000])
    height = int(told[1]) if told and int(told[1]) in CHART_PX else DEFAULT_CHART_PX
    return {"chart": chart, "chart_height": height}
