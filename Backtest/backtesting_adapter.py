"""The main interface to backtesting.py: prices, strategy class, whole backtests.

`run_backtest_from_canonical` generates the code, runs it in a sandbox and gives the result with
everything needed to get the same figures again.
"""

from __future__ import annotations

import hashlib
import re
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import CanonicalStrategy, IndicatorBase, Ticks, Time, history_bars, looks_back
from Backtest.code import GeneratedCode, generate_code, streams
from Backtest.data import PriceData, PriceRequest, gap_notes, spike_notes, split_suspects
from Backtest.data_manager import DataManager
from Backtest.decision import Prepared, exit_reasons, time_mask
from Backtest.diagnostics import load_canonical
from Backtest.errors import DataError, StrategyError
from Backtest.indicators import CLOCKS
from Backtest.kernel.figures import cautions
from Backtest.market import bars_of, in_words, is_intraday
from Backtest.market.sessions import TradingSession
from Backtest.meaning import dollars, plain
from Backtest.sandbox import EngineSettings, Limits, Sandbox, SandboxJob, SandboxResult, backtesting_stats

# How backtesting.py and generated code say that an order was not placed; the bar is a row of the prices.
_LACKING = re.compile(
    r"time=(?P<bar>\d{1,9}): (?:Broker canceled .*\(equity=(?P<equity>-?\d{1,15}(?:\.\d+)?)|no order)"
)


STREAMED_BARS = 10_000  # each costs a message and its answer


@dataclass(frozen=True)
class BacktestResult:
    """A completed backtest.

    `summary` has the figures most asked for, under the names of the API: money in the account's
    currency, `win_rate` 0 to 1, returns and drawdown in percent (drawdown negative). `metrics`
    are all figures (docs/figures.md), `reference` backtesting.py's own statistics, `cautions` which figures
    rest on too little. They are of the bars from `begin` on, a row of the prices: the first on which
    the strategy decided. `equity` begins there. `trades` has one row a trade in the API's columns, its bars are
    rows of the prices. `manifest` says what the run was made of. `strategy` is None where code was given.
    """

    strategy: CanonicalStrategy | None
    prices: PriceData
    code: GeneratedCode
    metrics: dict[str, Any]
    reference: dict[str, Any]
    cautions: dict[str, str]
    summary: dict[str, Any]
    begin: int
    trades: pd.DataFrame
    equity: pd.DataFrame
    warnings: tuple[str, ...]
    manifest: dict[str, Any]
    report_html: str | None = None
    wall_ms: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def resources(self) -> dict[str, float]:
        """What the run took: milliseconds by the clock and of the processor, and the most memory it held."""
        used = {"wall_ms": self.wall_ms, **{name: self.extra[name] for name in ("cpu_ms", "peak_memory_mb")}}
        return {name: round(float(value or 0), 3) for name, value in used.items()}


def fetch_and_prepare_data(
    manager: DataManager, symbol: str, *, timeframe: str = "1d", start: date | None = None, end: date | None = None
) -> PriceData:
    """Return prices ready for backtesting.py. DataError when there are none for the dates."""
    return manager.fetch(PriceRequest(symbol, timeframe, start, end))


def create_strategy_from_canonical(strategy: CanonicalStrategy) -> type:
    """Return the strategy as a backtesting.py class in this process.

    Only for code generated here from a canonical: it is trusted, so it needs no sandbox.
    """
    generated = generate_code(strategy)
    module = types.ModuleType(f"algoagent_generated_{strategy.content_hash()[:12]}")
    sys.modules[module.__name__] = module
    exec(compile(generated.code, f"<{generated.class_name}>", "exec"), module.__dict__)  # noqa: S102 - our own generated code
    found: type = module.__dict__[generated.class_name]
    return found


def engine_settings(strategy: CanonicalStrategy) -> EngineSettings:
    execution, known = strategy.execution, set(EngineSettings.model_fields)
    beyond = execution.points(Ticks(value=1)) if execution.limit_fill == "through" else 0.0
    return EngineSettings.model_validate({**execution.model_dump(include=known), "beyond": beyond})


def run_backtest_from_canonical(
    strategy: CanonicalStrategy,
    prices: PriceData,
    *,
    sandbox: Sandbox,
    limits: Limits | None = None,
    report: bool = False,
    tick: Callable[[float], None] = lambda _: None,
    name: str = "",
) -> BacktestResult:
    """Backtest a strategy on prices.

    Raises:
        DataError: the prices cannot be traded, for instance a single bar.
        ExecutionError: the run failed or met a limit.
    """
    generated = generate_code(strategy)
    prepared = Prepared(strategy, prices.frame, prices.first)
    notes = check_data(strategy, prices, prepared=prepared)
    settings = engine_settings(strategy)
    job = SandboxJob(
        generated.code, prices.frame, settings, limits or Limits(), report, generated=True, tick=tick, name=name,
        first=prices.first,
    )  # fmt: skip
    done = sandbox.run(job)
    return _result(prepared, prices, generated, settings, done, notes)


def run_code(
    code: str,
    prices: PriceData,
    settings: EngineSettings | None = None,
    *,
    sandbox: Sandbox,
    limits: Limits | None = None,
    report: bool = False,
    tick: Callable[[float], None] = lambda _: None,
    name: str = "",
) -> BacktestResult:
    """Backtest a strategy given as code, a stranger's: only where it can be isolated.

    The result has no canonical strategy.

    Raises:
        DataError: the prices cannot be traded.
        ExecutionError: the run failed, met a limit or reported what cannot be.
        SandboxUnavailable: there is no isolation here.
    """
    if len(prices.frame) - prices.first < 2:
        raise _too_few(prices)
    settings = settings or EngineSettings()
    plain = not report and settings.fractional_unit >= 1 and len(prices.frame) <= STREAMED_BARS
    job = SandboxJob(
        code, prices.frame, settings, limits or Limits(), report, stream=plain and streams(code), tick=tick, name=name,
        first=prices.first,
    )  # fmt: skip
    return _result(None, prices, GeneratedCode(code, ""), settings, sandbox.run(job), data_notes(prices))


def _result(
    prepared: Prepared | None,
    prices: PriceData,
    generated: GeneratedCode,
    settings: EngineSettings,
    done: SandboxResult,
    notes: list[str],
) -> BacktestResult:
    strategy = prepared.strategy if prepared else None
    trades, ruin = _ruined(_with_reasons(prepared, prices.frame, done.trades), prices, done, settings)
    cancelled = [w for w in done.warnings if "canceled" in w or "no order" in w]
    warnings = [*prices.notes, *notes]
    index, begin = prices.frame.index, done.begin
    warnings += ruin
    if begin > prices.first:
        why = (
            "there is too little history for the indicators"
            if strategy
            else "the code says that its indicators have no value"
        )
        warnings.append(
            f"Graded from {_day(index[begin])}, strategy and buy-and-hold alike: before it {why}, which leaves out {bars_of(prices.timeframe, begin - prices.first)} from {_day(index[prices.first])} on"
        )
    graded = len(index) - begin
    uncertain = cautions(done.metrics, bars=graded, years=(index[-1] - index[begin]) / pd.Timedelta(days=365.25))
    for what in dict.fromkeys(uncertain.values()):
        warnings.append(f"{what}: {', '.join(name for name, why in uncertain.items() if why == what)}")
    if cancelled:
        warnings.append(_not_placed(cancelled, prices, settings))
    warnings += [w for w in dict.fromkeys(done.warnings) if w not in cancelled]
    return BacktestResult(
        strategy=strategy,
        prices=prices,
        code=generated,
        metrics=done.metrics,
        reference=backtesting_stats(done.trades, done.equity, begin, prices.frame, settings.risk_free_rate),
        cautions=uncertain,
        begin=begin,
        summary=summarise(done.metrics, settings.cash),
        trades=trades,
        equity=done.equity,
        warnings=tuple(dict.fromkeys(warnings)),
        manifest=manifest(strategy, prices, generated, settings, done),
        report_html=done.report_html,
        wall_ms=done.wall_ms,
        extra={
            "cpu_ms": done.cpu_ms,
            "peak_memory_mb": done.peak_memory_mb,
            "backend": done.backend,
            "isolated": done.isolated,
            "log": done.log,
        },
    )


def _not_placed(told: list[str], prices: PriceData, settings: EngineSettings) -> str:
    """Say how many orders were not placed, and of the first what it lacked; `told` are the engine's own words for each."""
    orders = "1 order was" if len(told) == 1 else f"{len(told):,} orders were"
    text, first = f"{orders} not placed for lack of cash or size", _LACKING.match(told[0])
    bar = int(first["bar"]) if first else len(prices.frame)
    if first is None or bar >= len(prices.frame):
        return text
    decided = first["equity"] is None or settings.trade_on_close
    price = float(prices.frame["Close" if decided else "Open"].iloc[bar])
    text += f"; the first on {_day(prices.frame.index[bar])}, at a price of {dollars(round(price, 6))}"
    if first["equity"] is None:
        return (
            f"{text}: its size came to less than {_unit(settings.fractional_unit)}. {_more(settings.fractional_unit)}"
        )
    equity = float(first["equity"])
    if equity < price * settings.fractional_unit:
        return f"{text}: {dollars(equity)} does not buy {_unit(settings.fractional_unit)}. {_more(settings.fractional_unit)}"
    return f"{text}: {dollars(equity)} of equity does not pay for it. Give more cash, or order less"


def _unit(size: float) -> str:
    return "one share" if size == 1 else f"{plain(size)} of a unit"


def _more(unit: float) -> str:
    fraction = (
        "a smallest fraction such as 0.01 where the market allows fractions" if unit == 1 else "a smaller fraction"
    )
    return f"Give more cash, or {fraction}"


def _too_few(prices: PriceData) -> DataError:
    return DataError(
        f"{prices.symbol} has {len(prices.frame) - prices.first} bar in this range, at least 2 are needed: widen the dates"
    )


def _day(stamp: pd.Timestamp) -> str:
    return str(stamp.date()) if stamp == stamp.normalize() else str(stamp)


def data_notes(prices: PriceData, read_from: int = 0) -> list[str]:
    """Return warnings about the prices themselves, whatever runs on them.

    Args:
        read_from: the first row that a run reads; what is doubtful about those before it decides nothing.
    """
    frame = prices.frame.iloc[read_from:]
    found = [*gap_notes(frame, prices.timeframe), *spike_notes(prices.frame, since=frame.index[0])]
    if "split" in prices.adjustment:
        return found
    jumps = (suspect for suspect in split_suspects(prices.frame) if suspect.time > frame.index[0])
    return [*found, *(suspect.message for suspect in islice(jumps, 3))]


def _read_from(prepared: Prepared) -> int:
    """Return the first row that decides something: the first of all where indicators warm up on the rows before the run."""
    return 0 if prepared.judged.indicators else max(0, prepared.first - looks_back(prepared.strategy))


def clock_notes(strategy: CanonicalStrategy, prices: PriceData) -> list[str]:
    """Return in which zone times of day are read, and which of them no bar has.

    Raises:
        DataError: a rule names a zone, and nobody knows that of the prices.
    """
    times = [node for node in strategy.parts() if isinstance(node, Time)]
    index = pd.DatetimeIndex(prices.frame.index)
    clocks = [item for item in strategy.indicators if CLOCKS & set(item.entry.inputs)]
    zones = [zone for zone in (*(node.timezone for node in times), *(item.zone for item in clocks)) if zone]
    if not (times or clocks) or not is_intraday(prices.timeframe):
        return []
    if zones and index.tz is None:
        raise DataError(
            f"The rules speak of the time in {zones[0]}, and the times of the {in_words(prices.timeframe)} prices of {prices.symbol} "
            f"bear no zone ({index[prices.first]})",
            suggestions=["Say in which zone the prices are with timezone, such as America/New_York or UTC"],
        )
    notes = []
    if any(node.start and not node.timezone for node in times) or not all(item.zone for item in clocks):
        notes.append(
            f"Times of day are those of the prices, {index.tz}"
            if index.tz is not None
            else "Times of day are those the prices bear; their zone is not known"
        )
    for node in times:
        if not time_mask(node, index).any():
            clock = f"between {node.start} and {node.end}" if node.start else f"on {', '.join(node.weekdays)}"
            notes.append(f"No bar falls {clock}{f' in {node.timezone}' if node.timezone else ''}")
    return list(dict.fromkeys(notes))


def _session_notes(used: list[IndicatorBase], frame: pd.DataFrame) -> list[str]:
    """Say what is taken for the market's sessions where an indicator begins anew with each, or bars are grouped by an inferred calendar."""
    begins = [i.id for i in used if i.entry.reads_session]
    grouped = [i.id for i in used if i.timeframe and i.id not in begins]
    if not begins and not grouped:
        return []
    index = pd.DatetimeIndex(frame.index)
    session = TradingSession.of(index).with_venue(index)
    said = [f"{', '.join(begins)} begins anew each session: {session.text()}"] if begins else []
    minutes = [i.id for i in used if {"MinutesIn", "MinutesLeft", "BarsLeft"} & set(i.entry.inputs)]
    if minutes and not session.venue and session.length < 1380:
        said.append(
            f"The calendar of no exchange is told, so {', '.join(minutes)} counts by the usual first and last bar of a day"
        )
    if grouped and session.told_by:
        said.append(f"The coarser bars of {', '.join(grouped)} end by what is inferred: {session.text()}")
    return said


def _gap_notes(prepared: Prepared) -> list[str]:
    """Say which indicators are missing until the end since a value of their source is: TA-Lib's averages do not come back."""
    notes = []
    for indicator in prepared.judged.indicators:
        for ref in indicator.sources(prepared.series):
            source = prepared.series[ref.id][prepared.strategy.indicator(ref.id).entry.place(ref.output)]
            gaps = prepared.start + np.flatnonzero(np.isnan(source[prepared.start :]))
            if len(gaps) and gaps[-1] < len(source) - 1 and np.isnan(prepared.series[indicator.id][0][-1]):
                first = prepared.frame.index[gaps[0]]
                notes.append(f"{indicator.id} has no value at the end, since {ref.id} has none on {first}")
    return notes


def check_data(strategy: CanonicalStrategy, prices: PriceData, *, prepared: Prepared | None = None) -> list[str]:
    """Return warnings about the prices for this strategy; DataError when they cannot be used.

    `prepared` is the strategy on these prices, where it is there already.
    """
    prepared = prepared or Prepared(strategy, prices.frame, prices.first)
    frame, notes = prices.frame, data_notes(prices, _read_from(prepared))
    if len(frame) - prices.first < 2:
        raise _too_few(prices)
    used = prepared.judged.indicators
    outputs = max((len(i.entry.outputs) for i in used), default=1)
    if outputs >= len(frame) > 1 and outputs > 1:  # backtesting.py would take outputs for bars
        raise DataError(f"{prices.symbol} has {len(frame)} bars, more than {outputs} are needed: widen the dates")
    needs_volume = any("Volume" in i.prices_read() for i in used)
    if needs_volume and not frame["Volume"].any():
        raise DataError(f"{prices.symbol} has no volume, which the strategy's indicators need: choose other prices")
    notes += [*clock_notes(strategy, prices), *_session_notes(used, frame)]
    said = len(notes)
    for indicator in used:
        if all(np.isnan(a).all() for a in prepared.series[indicator.id]):
            notes.append(
                f"{indicator.id} never has a value: its warm-up is longer than the {len(frame)} bars, or nothing moves"
            )
    notes += _gap_notes(prepared)
    start = prepared.start - prices.first
    if len(notes) == said and start > (len(frame) - prices.first) / 2:
        notes.append(f"The indicators warm up for {start} of {len(frame) - prices.first} bars")
    unit = strategy.execution.fractional_unit
    dearest = float(frame["Close"].max()) * unit
    if dearest > strategy.execution.cash:
        notes.append(
            f"The cash of {dollars(strategy.execution.cash)} does not buy {_unit(unit)} of {prices.symbol} at its highest close, where that "
            f"costs {dollars(round(dearest, 6))}. {_more(unit)}"
        )
    return notes


def manifest(
    strategy: CanonicalStrategy | None,
    prices: PriceData,
    generated: GeneratedCode,
    settings: EngineSettings,
    done: SandboxResult,
) -> dict[str, Any]:
    """Return what a run was made of: enough to get every figure again."""
    return {
        "canonical": strategy.model_dump(mode="json") if strategy else None,
        "canonical_sha256": strategy.content_hash() if strategy else None,
        "code_sha256": hashlib.sha256(generated.code.encode()).hexdigest(),
        "data": {
            "symbol": prices.symbol,
            "timeframe": prices.timeframe,
            "source": prices.source,
            "adjustment": prices.adjustment,
            "rows": len(prices.frame),
            "first": prices.first,
            "timezone": prices.timezone,
            "start": prices.start.isoformat(),
            "end": prices.end.isoformat(),
            "sha256": prices.sha256(),
        },
        "settings": settings.model_dump(),
        "graded": {"begin": done.begin, "from": prices.frame.index[done.begin].isoformat()},
        "versions": done.versions,
        "sandbox": {"backend": done.backend, "isolated": done.isolated, "streamed": done.streamed, **done.container},
    }


def summarise(metrics: dict[str, Any], cash: float) -> dict[str, Any]:
    """Return the API's figures from those by name. The one place units are converted."""

    def get(name: str, factor: float = 1.0) -> float | None:
        value = metrics.get(name)
        return None if value is None else float(value) * factor

    final = get("Equity Final [$]")
    return {
        "total_pnl": None if final is None else final - cash,
        "total_return_pct": get("Return [%]"),
        "win_rate": get("Win Rate [%]", 0.01),
        "max_drawdown": get("Max. Drawdown [%]"),
        "sharpe_ratio": get("Sharpe Ratio"),
        "sortino_ratio": get("Sortino Ratio"),
        "calmar_ratio": get("Calmar Ratio"),
        "cagr": get("CAGR [%]"),
        "profit_factor": get("Profit Factor"),
        "total_trades": int(metrics.get("# Trades") or 0),
        "buy_and_hold_return_pct": get("Buy & Hold Return [%]"),
    }


def api_trades(
    strategy: CanonicalStrategy | None, frame: pd.DataFrame, trades: pd.DataFrame, *, first: int = 0
) -> pd.DataFrame:
    """Return backtesting.py's trades in the API's columns, in order of entry. `first` is the first bar that was asked for."""
    return _with_reasons(Prepared(strategy, frame, first) if strategy else None, frame, trades)


def _with_reasons(prepared: Prepared | None, frame: pd.DataFrame, trades: pd.DataFrame) -> pd.DataFrame:
    result = pd.DataFrame(
        {
            "side": np.where(trades["Size"] > 0, "long", "short"),
            "size": trades["Size"].abs(),
            "entry_bar": trades["EntryBar"],
            "exit_bar": trades["ExitBar"],
            "entry_time": trades["EntryTime"],
            "exit_time": trades["ExitTime"],
            "entry_price": trades["EntryPrice"],
            "exit_price": trades["ExitPrice"],
            "stop_loss": trades["SL"].astype(float),
            "take_profit": trades["TP"].astype(float),
            "pnl": trades["PnL"],
            "return_pct": trades["ReturnPct"] * 100,
            "commission": trades["Commission"],
        }
    )
    if "ExitReason" in trades:
        result["exit_reason"] = trades["ExitReason"]
    result = result.sort_values(["entry_bar", "exit_bar"], kind="stable").reset_index(drop=True)
    if "exit_reason" in result:
        return result
    result["exit_reason"] = exit_reasons(prepared, result) if prepared else _level_reached(result, frame)
    return result


def _ruined(
    trades: pd.DataFrame, prices: PriceData, done: SandboxResult, settings: EngineSettings
) -> tuple[pd.DataFrame, list[str]]:
    """Return trades with `ruined` as the reason where a loss of everything ended them, and a warning that says so."""
    lost = np.flatnonzero(done.equity["Equity"].to_numpy() <= 0)
    if not len(lost):
        return trades, []
    bar = done.begin + int(lost[0])
    at = (trades["exit_bar"] == bar) & (trades["exit_price"] == float(prices.frame["Close"].iloc[bar]))
    debt = -(settings.cash + float(trades["pnl"].sum()))
    owed = f", and ${debt:,.2f} were owed, which no figure counts" if debt > 0.005 else ""
    said = (
        f"The account was ruined on {_day(prices.frame.index[bar])}: at that close all money was lost{owed}. "
        "Nothing could be traded after it"
    )
    return trades.assign(exit_reason=trades["exit_reason"].where(~at, "ruined")), [said]


def from_begin(trades: pd.DataFrame, begin: int) -> pd.DataFrame:
    """Return trades with bars counted from the first one that is graded, as people see them."""
    return trades.assign(entry_bar=trades["entry_bar"] - begin, exit_bar=trades["exit_bar"] - begin)


def _level_reached(trades: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """Return why trades of unknown rules ended, as far as their prices tell."""
    direction = np.where(trades["side"] == "long", 1, -1)
    stopped = direction * (trades["exit_price"] - trades["stop_loss"]) <= 0
    taken = direction * (trades["exit_price"] - trades["take_profit"]) >= 0
    last = float(frame["Close"].iloc[-1])
    ended = (trades["exit_bar"] == len(frame) - 1) & np.isclose(trades["exit_price"], last, rtol=1e-9, atol=0)
    return list(np.select([stopped, taken, ended], ["stop_loss", "take_profit", "end_of_data"], "exit_rule"))


@dataclass(frozen=True)
class BacktestingAdapter:
    """The way from a canonical strategy to figures, step by step, for one source of prices and one sandbox.

    >>> from Backtest.data_manager import DataManager
    >>> from Backtest.sandbox import ProcessSandbox
    >>> adapter = BacktestingAdapter(DataManager(), ProcessSandbox())
    >>> prices = adapter.fetch_and_prepare_data("GOOG")
    """

    manager: DataManager
    sandbox: Sandbox
    limits: Limits | None = None

    def fetch_and_prepare_data(
        self, symbol: str, *, timeframe: str = "1d", start: date | None = None, end: date | None = None
    ) -> PriceData:
        """Return prices ready for backtesting.py. DataError when there are none for the dates."""
        return fetch_and_prepare_data(self.manager, symbol, timeframe=timeframe, start=start, end=end)

    def create_strategy_from_canonical(self, strategy: CanonicalStrategy | Mapping[str, Any]) -> type:
        """Return the strategy as a backtesting.py class in this process. StrategyError when it is not possible."""
        return create_strategy_from_canonical(_strategy(strategy))

    def run_backtest_from_canonical(
        self,
        strategy: CanonicalStrategy | Mapping[str, Any],
        prices: PriceData | None = None,
        *,
        start: date | None = None,
        end: date | None = None,
        report: bool = False,
    ) -> BacktestResult:
        """Backtest a strategy on prices, or else on its own first symbol's, with the history its indicators need.

        Raises:
            StrategyError: it is not possible, or names no symbol where no prices are given.
            DataError, ExecutionError: as `run_backtest_from_canonical`.
        """
        canonical = _strategy(strategy)
        if prices is None:
            if not canonical.symbols:
                raise StrategyError("The strategy names no symbol: give its prices, or name one such as AAPL")
            history = history_bars(canonical)
            prices = self.manager.fetch(
                PriceRequest(canonical.symbols[0], canonical.timeframe, start, end, history, others=canonical.others)
            )
        return run_backtest_from_canonical(canonical, prices, sandbox=self.sandbox, limits=self.limits, report=report)


def _strategy(strategy: CanonicalStrategy | Mapping[str, Any]) -> CanonicalStrategy:
    return strategy if isinstance(strategy, CanonicalStrategy) else load_canonical(strategy).require()
