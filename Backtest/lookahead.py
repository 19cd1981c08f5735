"""Does a strategy know the future? It is run again with another one, and what it did before has to stay.

Runs differ from the first in the bars after a cut only: prices mirrored, prices drawn anew, or no bars at all. Half of the
cuts are made right behind bars at which orders were placed, so that a strategy that peeks at a single bar is seen as well, the
others behind any bar. Which ones is drawn anew for each check, so that code cannot know where it is watched.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from Backtest.conditions import Floats
from Backtest.data import PriceData
from Backtest.errors import DataError, ExecutionError
from Backtest.indicators import PRICE_COLUMNS
from Backtest.sandbox import EngineSettings, Limits, Runner, SandboxJob, SandboxResult, Trace
from Backtest.sessions import with_periods

CUTS = 25
MOST_BARS = 3000
LEAST_BARS = 60
TOLERANCE = 1e-9
Change = Literal["mirrored", "redrawn", "cut off"]


@dataclass(frozen=True)
class Finding:
    """The first thing that changed with the future.

    `what` is order, indicator, trade, or result (two runs on the same prices differ, or the run failed); `bar` and `time`
    are those at which it changed, `cut` the last bar both futures share; `before` and `after` say what it was.
    """

    what: Literal["order", "indicator", "trade", "result"]
    bar: int
    time: str
    cut: int
    future: str
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        if self.what == "result":
            return self.name
        return (
            f"The code looks ahead: at {self.time} (bar {self.bar}) {self.name} was {self.before}, and {self.after} when the "
            f"bars after bar {self.cut} were {self.future}"
        )


@dataclass(frozen=True)
class Report:
    """What a check found; `findings` has the first change of each kind, earliest bar first, and is empty for an honest one."""

    symbol: str
    bars: int
    runs: int
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        return not self.findings


def check_lookahead(
    code: str,
    prices: PriceData,
    settings: EngineSettings,
    *,
    sandbox: Runner,
    limits: Limits | None = None,
    cuts: int = CUTS,
    generated: bool = False,
    tick: Callable[[float], None] = lambda _: None,
    seed: int | None = None,
) -> Report:
    """Run code on futures that differ, and report what changed before they do: about as often as there are cuts.

    `seed` makes the check repeatable; without it code could be written for the cuts.

    Raises:
        ExecutionError: the code fails on the prices as they are.
        DataError: the prices are too few.
    """
    frame = with_periods(prices.frame.iloc[-MOST_BARS:], code)
    if len(frame) < LEAST_BARS:
        raise DataError(f"{prices.symbol} has {len(frame)} bars in this range, {LEAST_BARS} are needed to check it")

    def job(data: pd.DataFrame) -> SandboxJob:
        return SandboxJob(
            code, data, settings, limits=limits or Limits(), trace=True, generated=generated, name="lookahead"
        )  # fmt: skip

    first, draw = sandbox.run(job(frame)), np.random.default_rng(secrets.randbits(64) if seed is None else seed)
    futures: list[tuple[int, Change, pd.DataFrame]] = [(len(frame) - 1, "mirrored", frame)]
    futures += [_future(frame, cut, draw) for cut in _cuts(first, len(frame), cuts, draw)]
    results = []
    with contextlib.closing(sandbox.run_many(job(data) for _, _, data in futures)) as running:
        for result in running:
            # A future may be too strange for the code; a failure there says nothing of the past.
            if isinstance(result, ExecutionError) and result.exit_reason in ("cancelled", "violation"):
                raise result
            results.append(result)
            tick(len(results) / len(futures))
    again = results[0]
    if isinstance(again, ExecutionError) or _changes(frame, first, again, len(frame) - 1, "the same"):
        why = "The code does not do the same twice on the same prices, so what it knows cannot be told: give chance a seed"
        finding = Finding("result", 0, str(frame.index[0]), len(frame) - 1, "the same", why, "", "")
        return Report(prices.symbol, len(frame), 2, (finding,))
    found: list[Finding] = []
    for (cut, future, _), result in zip(futures[1:], results[1:], strict=True):
        if isinstance(result, SandboxResult):
            last = cut - 1 if future == "cut off" else cut
            found += _changes(frame, first, result, last, future)
    failures = [r for r in results if isinstance(r, ExecutionError)]
    if 2 * len(failures) > len(results) and not found:
        why = f"The code fails on most other futures, so what it knows cannot be told: {failures[0].message}"
        found.append(Finding("result", 0, str(frame.index[0]), 0, "other", why, "", ""))
    earliest: dict[str, Finding] = {}
    for finding in sorted(found, key=lambda f: (f.bar, f.cut)):
        earliest.setdefault(finding.what, finding)
    return Report(prices.symbol, len(frame), len(futures) + 1, tuple(earliest.values()))


def _cuts(result: SandboxResult, bars: int, count: int, draw: np.random.Generator) -> list[int]:
    """Return bars after which the future changes: half of them such at which new orders were placed, the first and the last
    of these among them; the others any, an early and a late one among them."""
    assert result.trace is not None
    orders = result.trace.orders
    placed = [bar for bar in sorted(orders) if orders[bar] != orders.get(bar - 1) and bar < bars - 1]
    chosen = {*placed[:1], *placed[-1:], int(draw.integers(1, LEAST_BARS // 2)), bars - int(draw.integers(2, 6))}
    for bars_to_draw, most in ((placed, count // 2), (range(1, bars - 1), count - min(len(placed), count // 2))):
        left = [bar for bar in bars_to_draw if bar not in chosen]
        chosen |= {int(bar) for bar in draw.choice(left, min(most, len(left)), replace=False)} if left else set()
    return sorted(chosen)


def _future(frame: pd.DataFrame, cut: int, draw: np.random.Generator) -> tuple[int, Change, pd.DataFrame]:
    """Return a cut with one of the futures there are, and the prices with it."""
    kinds: tuple[Change, ...] = (
        ("mirrored", "redrawn", "cut off") if cut >= LEAST_BARS // 2 else ("mirrored", "redrawn")
    )
    change = kinds[int(draw.integers(len(kinds)))]
    if change == "cut off":
        return cut, change, frame.iloc[: cut + 1]
    return (
        cut,
        change,
        mirrored(frame, cut) if change == "mirrored" else redrawn(frame, cut, seed=int(draw.integers(2**31))),
    )


def mirrored(frame: pd.DataFrame, cut: int) -> pd.DataFrame:
    """Return prices whose moves after a bar are the other way round: what rose falls as much."""
    pivot = float(frame["Close"].to_numpy()[cut]) ** 2
    after = {name: frame[name].to_numpy(dtype=float)[cut + 1 :] for name in PRICE_COLUMNS}
    sources = {"Open": "Open", "High": "Low", "Low": "High", "Close": "Close"}
    columns = {name: pivot / after[source] for name, source in sources.items()}
    return _changed(frame, cut, {**columns, "Volume": after["Volume"][::-1]})


def redrawn(frame: pd.DataFrame, cut: int, *, seed: int) -> pd.DataFrame:
    """Return prices that are drawn after a bar: wilder than they were."""
    draw = np.random.default_rng(seed)
    count = len(frame) - cut - 1
    before = frame["Close"].to_numpy(dtype=float)
    noise = float(np.diff(np.log(before)).std()) * 3 or 0.01
    close = before[cut] * np.exp(np.cumsum(draw.normal(0, noise, count)).clip(-3, 3))
    open_ = np.r_[before[cut], close[:-1]] * np.exp(draw.normal(0, noise / 3, count))
    wide = np.abs(draw.normal(0, noise / 2, (2, count)))
    high, low = np.maximum(open_, close) * (1 + wide[0]), np.minimum(open_, close) * (1 - wide[1].clip(0, 0.9))
    volume = draw.permutation(frame["Volume"].to_numpy(dtype=float))[:count] * 3
    return _changed(frame, cut, {"Open": open_, "High": high, "Low": low, "Close": close, "Volume": volume})


def _changed(frame: pd.DataFrame, cut: int, after: dict[str, Floats]) -> pd.DataFrame:
    """Put other bars behind a bar, rounded as prices are quoted, so that the smallest step of a price stays the same."""
    sample = frame["Close"].to_numpy(dtype=float)[:200]
    places = next((d for d in range(8) if np.allclose(sample, sample.round(d), rtol=0, atol=1e-9)), 8)
    columns = {}
    for name in PRICE_COLUMNS:
        values = after[name] if name == "Volume" else np.maximum(after[name].round(places), 10.0**-places)
        columns[name] = np.r_[frame[name].to_numpy(dtype=float)[: cut + 1], values]
    return frame.assign(**columns)  # days and weeks are what they were


def _changes(frame: pd.DataFrame, first: SandboxResult, other: SandboxResult, last: int, future: str) -> list[Finding]:
    """Return the first order, indicator and trade by which two runs differ up to the close of bar `last`."""
    assert first.trace is not None
    assert other.trace is not None
    found = []

    def finding(what: Any, bar: int, name: str, before: Any, after: Any) -> None:
        how = {"cut off": "not there yet"}.get(future, future)
        found.append(Finding(what, bar, str(frame.index[bar]), last, how, name, str(before), str(after)))

    if order := _first_order(first.trace, other.trace, last):
        finding("order", *order)
    if value := _first_value(first.trace, other.trace, last):
        finding("indicator", *value)
    mine, theirs = _decided(first.trades, last), _decided(other.trades, last)
    for k in range(max(len(mine), len(theirs))):
        before, after = (rows[k] if k < len(rows) else None for rows in (mine, theirs))
        if before is None or after is None or not np.allclose(before, after, rtol=TOLERANCE):
            row = before or after
            assert row is not None
            finding("trade", max(int(row[0]) - 1, 0), "a trade", _trade(before), _trade(after))
            break
    return found


def _first_order(first: Trace, other: Trace, last: int) -> tuple[int, str, str, str] | None:
    for bar in sorted({*first.orders, *other.orders}):
        if bar > last:
            return None
        before, after = first.orders.get(bar, []), other.orders.get(bar, [])
        if len(before) != len(after) or not all(_same(a, b) for a, b in zip(before, after, strict=True)):
            return bar, "what was ordered", _orders(before), _orders(after)
    return None


def _same(a: list[float | None], b: list[float | None]) -> bool:
    return all(
        x == y or (x is not None and y is not None and abs(x - y) <= TOLERANCE * max(abs(x), abs(y)))
        for x, y in zip(a, b, strict=True)
    )


def _first_value(first: Trace, other: Trace, last: int) -> tuple[int, str, str, str] | None:
    earliest: tuple[int, str, str, str] | None = None
    for name, values in first.indicators.items():
        theirs = other.indicators.get(name)
        if theirs is None:
            continue
        a, b = values[: last + 1], theirs[: last + 1]
        scale = np.nanmax(np.abs(a), initial=0.0, where=np.isfinite(a))
        same = np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * scale, equal_nan=True)
        if not same.all():
            bar = int(np.argmin(same))
            if earliest is None or bar < earliest[0]:
                earliest = (bar, f"indicator {name}", f"{a[bar]:.8g}", f"{b[bar]:.8g}")
    return earliest


def _decided(trades: pd.DataFrame, last: int) -> list[tuple[float, ...]]:
    """Return what was entered before bar `last`: bar and price of entry, side. Parts of a trade are one."""
    rows = trades[trades["EntryBar"] < last].sort_values(["EntryBar", "EntryPrice", "Size"])
    sides = np.sign(rows["Size"].to_numpy(dtype=float)).tolist()
    return list(dict.fromkeys(zip(rows["EntryBar"].tolist(), rows["EntryPrice"].tolist(), sides, strict=True)))


def _orders(orders: list[list[float | None]]) -> str:
    if not orders:
        return "nothing"
    return "; ".join(
        f"{'close' if closing else 'buy' if (size or 0) > 0 else 'sell'} {_size(abs(size or 0))}"
        + "".join(
            f" {word} {value:.6g}"
            for word, value in (("limit", limit), ("stop", stop), ("sl", sl), ("tp", tp))
            if value
        )
        for size, limit, stop, sl, tp, closing in orders[:5]
    )


def _size(size: float) -> str:
    return f"{size:g}" if size >= 1 else f"{size:.0%} of the equity"


def _trade(row: tuple[float, ...] | None) -> str:
    return "not made" if row is None else f"{'long' if row[2] > 0 else 'short'} from bar {row[0]:g} at {row[1]:.6g}"
