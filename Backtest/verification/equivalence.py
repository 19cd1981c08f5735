"""Do two programs trade alike? Shown by running them, on real prices and drawn ones."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from Backtest.backtesting_adapter import api_trades, engine_settings
from Backtest.canonical import CanonicalStrategy
from Backtest.data import SYMBOLS, BundledProvider, PriceData, PriceRequest
from Backtest.decision import Explainer
from Backtest.errors import DataError, ExecutionError
from Backtest.market import seconds
from Backtest.sandbox import Limits, Sandbox, SandboxJob, SandboxResult

DRAWN, DRAWN_BARS = 20, 500
ORDER = ["entry_bar", "exit_bar", "side", "size", "entry_price", "exit_price"]


@dataclass(frozen=True)
class Difference:
    """The first trade by which two programs differ.

    `expected` and `found` are trades as dicts, None where one has no such trade; `seen` is what the canonical's rules saw at
    the bar that decided it.
    """

    data: str
    bar: int
    time: str
    expected: dict[str, Any] | None
    found: dict[str, Any] | None
    seen: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"On {self.data} at bar {self.bar} ({self.time}): expected {_trade(self.expected)}, found {_trade(self.found)}"


def data_sets(timeframe: str) -> Iterator[PriceData]:
    """Yield the bundled prices that exist in a time frame, then drawn ones, the same in every run."""
    for symbol in SYMBOLS:
        try:
            yield BundledProvider().fetch(PriceRequest(symbol, timeframe))
        except DataError:
            continue
    for seed in range(DRAWN):
        yield PriceData(f"DRAWN{seed + 1}", timeframe, drawn_frame(seed, timeframe), "drawn")


def drawn_frame(seed: int, timeframe: str, bars: int = DRAWN_BARS) -> pd.DataFrame:
    """Return a random walk of OHLCV bars: calm and wild times, gaps, trends both ways."""
    draw = np.random.default_rng(seed)
    wildness = 0.004 * np.exp(np.cumsum(draw.normal(0, 0.08, bars)).clip(-1.5, 1.5))
    close = 100 * np.exp(np.cumsum(draw.normal(0.0002 * (seed % 5 - 2), 1, bars) * wildness))
    open_ = np.roll(close, 1) * (1 + draw.normal(0, 1, bars) * wildness * 0.5)
    open_[0] = 100.0
    high = np.maximum(open_, close) * (1 + np.abs(draw.normal(0, 1, bars)) * wildness)
    low = np.minimum(open_, close) * (1 - np.abs(draw.normal(0, 1, bars)) * wildness)
    step = pd.Timedelta(seconds=min(seconds(timeframe), 86_400))
    index = pd.date_range("2015-01-05", periods=bars, freq=step)
    if seconds(timeframe) > 86_400:
        index = pd.date_range("1980-01-31", periods=bars, freq="ME" if timeframe == "1mo" else "W-MON")
    columns = {"Open": open_, "High": high, "Low": low, "Close": close, "Volume": draw.integers(1_000, 1_000_000, bars)}
    return pd.DataFrame(columns, index=index).astype(float)


def first_difference(
    strategy: CanonicalStrategy, code: str, *, sandbox: Sandbox, limits: Limits | None = None
) -> Difference | None:
    """Return the first trade by which code differs from a canonical strategy, or None when it trades exactly alike.

    The compiled engine runs the strategy, a sandbox the code: on every bundled data set of the strategy's time frame and
    on 20 drawn ones.

    Raises:
        ExecutionError: the code failed on one of them.
        SandboxUnavailable: there is no isolation here.
    """
    from Backtest.kernel import Kernel

    settings, tried = engine_settings(strategy), list(data_sets(strategy.timeframe))
    jobs = [SandboxJob(code, prices.frame, settings, limits=limits or Limits(), name="equivalence") for prices in tried]
    with contextlib.closing(_results(jobs, sandbox)) as results:
        for prices, found in zip(tried, results, strict=True):
            if isinstance(found, ExecutionError):
                raise ExecutionError(
                    f"On {prices.symbol}: {found.message}", exit_reason=found.exit_reason, traceback=found.traceback,
                    log=found.log, resources=found.resources,
                )  # fmt: skip
            expected = api_trades(strategy, prices.frame, Kernel(strategy, prices.frame).run().trades)
            trades = api_trades(None, prices.frame, found.trades)
            if difference := _difference(strategy, prices, expected, trades):
                return difference
    return None


def _results(jobs: list[SandboxJob], sandbox: Sandbox) -> Generator[SandboxResult | ExecutionError]:
    """Run the first job as backtests are run and the others together: code that tells the two apart differs in one of them."""
    try:
        yield sandbox.run(jobs[0])
    except ExecutionError as error:
        yield error
    yield from sandbox.run_many(jobs[1:])


def _difference(
    strategy: CanonicalStrategy, prices: PriceData, expected: pd.DataFrame, found: pd.DataFrame
) -> Difference | None:
    ours, theirs = _rows(expected), _rows(found)
    for i in range(max(len(ours), len(theirs))):
        mine, other = (rows[i] if i < len(rows) else None for rows in (ours, theirs))
        if mine == other:
            continue
        bars = [row[name] for row in (mine, other) if row for name in ("entry_bar", "exit_bar")]
        if mine and other and mine["entry_bar"] == other["entry_bar"]:
            bars = [row["exit_bar"] for row in (mine, other)]
        bar = int(min(bars))
        decided = max(0, bar - (0 if strategy.execution.trade_on_close else 1))
        at = prices.frame.index[decided]
        seen = Explainer(strategy, prices.frame, expected).explain(at)
        return Difference(prices.symbol, bar, str(prices.frame.index[bar]), mine, other, seen)
    return None


def _rows(trades: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in trades[ORDER].to_dict(orient="records")]


def _trade(row: dict[str, Any] | None) -> str:
    if row is None:
        return "no such trade"
    return (
        f"a {row['side']} trade of {row['size']:g} from bar {row['entry_bar']} at {row['entry_price']:g} "
        f"to bar {row['exit_bar']} at {row['exit_price']:g}"
    )
