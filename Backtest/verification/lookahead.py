"""Does code know the future? It is run again on prices with another future, and what it decided before has to stay the same.

A run differs from the first one only in the bars after a cut: there prices are mirrored, drawn anew, or left out. Half of the cuts lie
right behind bars at which orders were placed, so that a look at a single later bar is seen as well. Half of these lie behind the orders of
the trades that gained most, since code that looks ahead seldom does it where it pays. The other cuts lie behind any bar. In half of the
futures the bar after the cut opens at the same price: code may give a trade levels as it is filled at an open, and these must not
suit the rest of that bar. Cuts and futures are drawn anew for each check, and the prices are as long as the first (but for those that are
left out), so that code cannot know where it is watched.

The decisions that leave the sandbox are compared, since all figures follow from them, and the indicators that the code itself reports.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from Backtest.data import PriceData
from Backtest.decision import Floats
from Backtest.errors import DataError, ExecutionError
from Backtest.indicators import PRICE_COLUMNS
from Backtest.kernel import actions
from Backtest.kernel import order_book as book
from Backtest.market.sessions import with_periods
from Backtest.sandbox import FIRST_ACTION, CodeFailed, EngineSettings, Limits, Runner, SandboxJob, SandboxResult

CUTS, LEAST_CUTS = 25, 8
MANY_BARS = 3000  # of more bars than these there are fewer runs, each of all of them
LEAST_BARS = 60
TOLERANCE = 1e-9
# Decisions that order or close, and those that move a level, of code that trades through a Book as well.
ORDERS = (book.ORDER, book.CLOSE, *(FIRST_ACTION + kind for kind in (actions.CLOSE_NOW, actions.CLOSE, actions.PLACE)))
LEVELS = (book.SET_STOP, book.SET_TARGET, FIRST_ACTION + actions.MOVE)
Change = Literal["mirrored", "redrawn", "cut off"]


@dataclass(frozen=True)
class Finding:
    """The first thing that changed with the future.

    `what` is order, level (a stop or target that a trade is given), indicator, or result (two runs on the same prices differ, or the
    run failed); `bar` and `time` are those at which it changed, `cut` the last bar both futures share; `before` and `after` say what
    it was.
    """

    what: Literal["order", "level", "indicator", "result"]
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
    """What a check found; `findings` has the first change of each kind, earliest bar first, and is empty for an honest one. `failed` is on
    how many of the other futures the code failed, after what it shares with the first run."""

    symbol: str
    bars: int
    runs: int
    findings: tuple[Finding, ...]
    failed: int = 0

    @property
    def clean(self) -> bool:
        return not self.findings


@dataclass(frozen=True)
class _Future:
    """Prices that differ from the first run's after bar `cut`; with `opens`, the open of the bar behind the cut is the same as well."""

    cut: int
    change: Change
    frame: pd.DataFrame
    opens: bool = False

    @property
    def last(self) -> int:
        """The last bar at whose close the same has to be decided. Where bars are cut off, it is the one before: the last bar closes what is open."""
        return self.cut - 1 if self.change == "cut off" else self.cut

    def __str__(self) -> str:
        how = "not there yet" if self.change == "cut off" else self.change
        return f"{how}, all but the first open" if self.opens else how


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
    frame = with_periods(prices.frame, code)
    if len(frame) < LEAST_BARS:
        raise DataError(f"{prices.symbol} has {len(frame)} bars in this range, {LEAST_BARS} are needed to check it")
    cuts = max(cuts * MANY_BARS // max(len(frame), MANY_BARS), min(cuts, LEAST_CUTS))

    def job(data: pd.DataFrame) -> SandboxJob:
        return SandboxJob(
            code, data, settings, limits=limits or Limits(), trace=True, generated=generated, name="lookahead"
        )  # fmt: skip

    first, draw = sandbox.run(job(frame)), np.random.default_rng(secrets.randbits(64) if seed is None else seed)
    same = _Future(len(frame) - 1, "mirrored", frame)
    chosen = _cuts(first, len(frame), cuts, draw, 0 if settings.trade_on_close else 1)
    assert first.trace is not None
    # A Book knows when a session ends from the times of the prices, which a cut would change.
    may_end = not (first.trace.decisions[:, book.ACTION] >= FIRST_ACTION).any()
    futures = [_future(frame, cut, draw, may_end=may_end) for cut in chosen]
    results = []
    with contextlib.closing(sandbox.run_many(job(future.frame) for future in (same, *futures))) as running:
        for result in running:
            if isinstance(result, ExecutionError) and result.exit_reason in ("cancelled", "violation"):
                raise result
            results.append(result)
            tick(len(results) / (len(futures) + 1))
    again, *others = results
    if isinstance(again, ExecutionError) or _changes(frame, first, again, same):
        why = "The code does not do the same twice on the same prices, so what it knows cannot be told: give chance a seed"
        finding = Finding("result", 0, str(frame.index[0]), len(frame) - 1, "the same", why, "", "")
        return Report(prices.symbol, len(frame), 2, (finding,))
    found = [
        finding
        for future, result in zip(futures, others, strict=True)
        for finding in _changes(frame, first, result, future)
    ]
    failures = [r for r in others if isinstance(r, ExecutionError)]
    if 2 * len(failures) > len(others):
        why = f"The code fails on most other futures, so what it knows cannot be told: {failures[0].message}"
        found.append(Finding("result", len(frame) - 1, str(frame.index[-1]), 0, "other", why, "", ""))
    earliest: dict[str, Finding] = {}
    for finding in sorted(found, key=lambda f: (f.bar, f.cut)):
        earliest.setdefault(finding.what, finding)
    return Report(prices.symbol, len(frame), len(futures) + 2, tuple(earliest.values()), len(failures))


def _cuts(result: SandboxResult, bars: int, count: int, draw: np.random.Generator, wait: int) -> list[int]:
    """Return the bars after which futures differ.

    Half of them are bars at which orders were placed, among them the first, the last, and those of the trades that gained most. The
    others are any bars, an early and a late one among them. An order is filled `wait` bars after it was placed, or later.
    """
    assert result.trace is not None
    decisions = result.trace.decisions
    orders = decisions[np.isin(decisions[:, book.ACTION], ORDERS)]
    placed = [bar for bar in np.unique(orders[:, book.AT_BAR]).astype(int).tolist() if bar < bars - 1]
    chosen = {*placed[:1], *placed[-1:], int(draw.integers(1, LEAST_BARS // 2)), bars - int(draw.integers(2, 6))}
    filled = result.trades.nlargest(count // 8, "PnL")[["EntryBar", "ExitBar"]].to_numpy().ravel()
    chosen |= {max(before) for at in filled - wait if (before := [bar for bar in placed if bar <= at])}
    behind = max(count // 2 - len(chosen.intersection(placed)), 0)
    for bars_to_draw, most in ((placed, behind), (range(1, bars - 1), count - min(len(placed), count // 2))):
        left = [bar for bar in bars_to_draw if bar not in chosen]
        chosen |= {int(bar) for bar in draw.choice(left, min(most, len(left)), replace=False)} if left else set()
    return sorted(chosen)


def _future(frame: pd.DataFrame, cut: int, draw: np.random.Generator, *, may_end: bool = True) -> _Future:
    """Return a future behind a cut, of a kind that is drawn; `may_end`: there may be none."""
    kinds: tuple[Change, ...] = (
        ("mirrored", "redrawn", "cut off") if may_end and cut >= LEAST_BARS // 2 else ("mirrored", "redrawn")
    )
    change, opens = kinds[int(draw.integers(len(kinds)))], bool(draw.integers(2))
    if change == "cut off":
        return _Future(cut, change, frame.iloc[: cut + 1])
    other = mirrored(frame, cut) if change == "mirrored" else redrawn(frame, cut, seed=int(draw.integers(2**31)))
    if opens:
        bar, open_ = other.index[cut + 1], float(frame["Open"].iloc[cut + 1])
        high, low = max(open_, float(other["High"].iloc[cut + 1])), min(open_, float(other["Low"].iloc[cut + 1]))
        other.loc[bar, ["Open", "High", "Low"]] = [open_, high, low]
    return _Future(cut, change, other, opens)


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
    moved = columns["Close"] / frame["Close"].to_numpy(dtype=float)  # another symbol moves along
    prices = {f".{name}" for name in PRICE_COLUMNS[:4]}
    others = [name for name in map(str, frame.columns) if name[name.rfind(".") :] in prices]
    columns |= {name: frame[name].to_numpy(dtype=float) * moved for name in others}
    return frame.assign(**columns)  # the columns of sessions, days and weeks stay, as time is the same in every future


def _changes(
    frame: pd.DataFrame, first: SandboxResult, other: SandboxResult | ExecutionError, future: _Future
) -> list[Finding]:
    """Return the first decision and indicator by which two runs differ where they share their prices."""
    found, last, opens = [], future.last, future.opens
    assert first.trace is not None

    def finding(what: Any, bar: int, name: str, before: Any = "", after: Any = "") -> None:
        found.append(Finding(what, bar, str(frame.index[bar]), last, str(future), name, str(before), str(after)))

    if isinstance(other, ExecutionError):
        # Code may fail on prices that are stranger than any it was made for, or too few. It may not fail on bars that both runs share.
        bar, theirs = (other.bar, other.decisions) if isinstance(other, CodeFailed) else (-1, None)
        if bar <= last and not (bar < 0 and future.change == "cut off"):
            at = "before the first bar" if bar < 0 else f"at bar {bar}"
            why = f"The code fails {at} when the bars after bar {last} are {future}: {other.message}"
            finding("result", max(bar, 0), why)
        if bar <= last or theirs is None:
            return found
        opens = opens and bar > last + 1
    else:
        assert other.trace is not None
        theirs = other.trace.decisions
        if value := _first_value(first.trace.indicators, other.trace.indicators, last):
            finding("indicator", *value)
    if decision := _first_decision(first.trace.decisions, theirs, last, opens=opens):
        finding(*decision)
    return found


def _first_decision(mine: Floats, theirs: Floats, last: int, *, opens: bool) -> tuple[str, int, str, str, str] | None:
    """Return the first decision that differs up to the close of bar `last` and, with `opens`, at the open of the bar behind it."""

    def known(rows: Floats) -> Floats:
        at_open = (rows[:, book.AT_BAR] == last + 1) & (rows[:, book.IN_BAR] == book.AT_OPEN)
        known: Floats = rows[(rows[:, book.AT_BAR] <= last) | (at_open & opens)]
        return known

    a, b = known(mine), known(theirs)
    both = min(len(a), len(b))
    same = np.isclose(a[:both], b[:both], rtol=TOLERANCE, atol=0, equal_nan=True).all(axis=1)
    if same.all() and len(a) == len(b):
        return None
    at = int(np.argmin(same)) if not same.all() else both
    row = min((rows[at] for rows in (a, b) if at < len(rows)), key=lambda r: float(r[book.AT_BAR]))
    bar = int(row[book.AT_BAR])
    what, name = ("level", "what a trade was given") if row[book.ACTION] in LEVELS else ("order", "what was ordered")
    before, after = (_text(rows[rows[:, book.AT_BAR] == bar]) for rows in (a, b))
    return what, bar, name, before, after


def _first_value(mine: dict[str, Floats], theirs: dict[str, Floats], last: int) -> tuple[int, str, str, str] | None:
    if missing := sorted(mine.keys() ^ theirs.keys()):
        there = missing[0] in mine
        return 0, f"indicator {missing[0]}", "there" if there else "not there", "not there" if there else "there"
    earliest: tuple[int, str, str, str] | None = None
    for name, values in mine.items():
        a, b = values[: last + 1], theirs[name][: last + 1]
        scale = np.nanmax(np.abs(a), initial=0.0, where=np.isfinite(a))
        same = np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * scale, equal_nan=True)
        if not same.all():
            bar = int(np.argmin(same))
            if earliest is None or bar < earliest[0]:
                earliest = (bar, f"indicator {name}", f"{a[bar]:.8g}", f"{b[bar]:.8g}")
    return earliest


def _text(decisions: Floats) -> str:
    """Say what was decided at a bar."""
    return "; ".join(_one(row) for row in decisions[:5]) or "nothing"


def _one(row: Floats) -> str:
    if row[book.ACTION] >= FIRST_ACTION:
        return _action(row)
    if row[book.ACTION] == book.CANCEL:
        return f"cancel order {row[book.WHICH]:g}"
    if row[book.ACTION] == book.CLOSE:
        return f"close {row[book.SIZE_]:.0%} of trade {row[book.WHICH]:g}"
    if row[book.ACTION] != book.ORDER:
        level = "stop" if row[book.ACTION] == book.SET_STOP else "target"
        return (
            f"{level} of trade {row[book.WHICH]:g} {'none' if np.isnan(row[book.SIZE_]) else f'{row[book.SIZE_]:.6g}'}"
        )
    size = abs(row[book.SIZE_])
    prices = [
        (word, row[k]) for word, k in (("limit", book.LIMIT_), ("stop", book.STOP_), ("sl", book.SL_), ("tp", book.TP_))
    ]
    return (
        f"{'buy' if row[book.SIZE_] > 0 else 'sell'} {f'{size:g}' if size >= 1 else f'{size:.0%} of the equity'}"
        + "".join(f" {word} {price:.6g}" for word, price in prices if not np.isnan(price))
    )


def _action(row: Floats) -> str:
    """Say what code decided that trades through a Book; the columns are those of `Actions` in worker.py."""
    which, stop, amount, _, price, total = row[3:9]
    match int(row[book.ACTION]) - FIRST_ACTION:
        case actions.PLACE:
            size = f"{amount:g}" if amount >= 1 else f"{amount:.0%} of the equity"
            at = "" if np.isnan(price) else f" at {price:.6g}"
            return f"order of rule {which + 1:g} for {size}{at}, its levels and times adding up to {total:.8g}"
        case actions.MOVE:
            return f"stop {stop + 1:g} of unit {which:g} to {amount:.6g}"
        case actions.REFUSE:
            return f"no order of rule {which + 1:g}"
        case _:
            return "close all" if np.isinf(amount) else f"close {amount:g}"
