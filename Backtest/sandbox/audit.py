"""What a sandbox says is believed only after it was computed again out here.

Strategy code shares its process with backtesting.py, so whatever it reports may be forged. From the
list of trades and the prices follow the equity of every bar and all statistics; an order can only
have been filled at a price its bar had, and only with money that was there. A claim that does not
follow is refused.

What cannot be known from outside is why a trade was made: code that looks ahead in the prices it was
given makes a trade list that is possible, and is caught by other means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from Backtest.sandbox.job import EngineSettings

TRADE_COLUMNS = (
    "Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "SL", "TP", "PnL", "Commission", "ReturnPct",
)  # fmt: skip
TOLERANCE = 1e-9
MOST_HELD = 2_000_000_000  # bars, of all trades together

Floats = NDArray[np.float64]


class Forged(ValueError):
    """The claim does not follow from the trades and the prices."""


@dataclass(frozen=True)
class Audited:
    """What follows from a claim.

    `metrics` are the figures of the bars from `begin` on, `reference` backtesting.py's own statistics of them; `trades` have
    its columns, `equity` Equity and DrawdownPct of these bars.
    """

    metrics: dict[str, Any]
    reference: dict[str, Any]
    trades: pd.DataFrame
    equity: pd.DataFrame


def audit(
    numbers: Floats, equity: Floats, *, begin: int, first: int = 0, frame: pd.DataFrame, settings: EngineSettings
) -> Audited:
    """Return figures, trades and equity as they follow from a claim.

    Args:
        numbers: the claimed trades, float64 of shape (trades, 10), columns as TRADE_COLUMNS.
        equity: the claimed equity, float64 of shape (bars,).
        begin: the first bar at whose close the strategy decided, as claimed; `first` is the one it was given.
        frame: the prices the job was given.
        settings: how backtesting.py was to be called.

    Raises:
        Forged: they do not follow.
    """
    from Backtest.kernel import figures

    if len(equity) != len(frame):
        raise Forged(f"equity has {len(equity)} values for {len(frame)} bars")
    if not first <= begin < len(frame):
        raise Forged(f"a first decision at bar {begin} is outside the bars {first} to {len(frame) - 1}")
    trades = _checked_trades(numbers, frame, settings)
    _check_equity(trades, equity, begin, frame, settings)
    table = _trades_frame(trades, frame, settings)
    terms = {
        figures.CASH: settings.cash, figures.SPREAD: settings.spread, figures.FIXED_FEE: settings.commission_fixed,
        figures.FEE: settings.commission, figures.RISK_FREE: settings.risk_free_rate,
        figures.AT_CLOSE: float(settings.trade_on_close),
    }  # fmt: skip
    metrics = figures.figures(equity, table, frame, terms, begin=begin)
    reference, curve = _reference(table, equity[begin:], begin, frame, settings.risk_free_rate)
    return Audited(metrics, reference, table.drop(columns="Duration"), curve)


def plain(value: Any) -> Any:
    """Return a metric as JSON can hold it."""
    if isinstance(value, pd.Timedelta | pd.Timestamp) or value is pd.NaT:
        return None if value is pd.NaT else str(value)
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if isinstance(value, int) else number


class _Trades:
    """The trades as arrays, with what each costs to open and to close."""

    def __init__(self, numbers: Floats, settings: EngineSettings) -> None:
        (self.size, entry, exit_, self.entry_price, self.exit_price, self.sl, self.tp, self.pnl, self.commission,
         self.return_pct) = numbers.T  # fmt: skip
        self.entry_bar, self.exit_bar = entry.astype(np.int64), exit_.astype(np.int64)
        amount = np.abs(self.size)
        self.entry_cost = settings.commission_fixed + settings.commission * amount * self.entry_price
        self.exit_cost = settings.commission_fixed + settings.commission * amount * self.exit_price
        self.gross = self.size * (self.exit_price - self.entry_price)
        # The bar from which equity knows of them: an order filled at the close is seen a bar later.
        self.opened, self.closed = self.entry_bar.copy(), self.exit_bar.copy()

    def fill_at_close(self, close: Floats, settings: EngineSettings) -> None:
        """Find the orders that were filled at a close, where that is how orders are filled."""
        raw = self.entry_price / (1 + np.sign(self.size) * settings.spread)
        self.opened += np.isclose(raw, close[self.entry_bar], rtol=TOLERANCE, atol=0)
        self.closed += np.isclose(self.exit_price, close[self.exit_bar], rtol=TOLERANCE, atol=0)


def _checked_trades(numbers: Floats, frame: pd.DataFrame, settings: EngineSettings) -> _Trades:
    """Return trades each of which is possible by itself."""
    wanted = [i for i, name in enumerate(TRADE_COLUMNS) if name not in ("SL", "TP")]
    _all(np.isfinite(numbers[:, wanted]).all(axis=1), "has a number that is not finite")
    levels = numbers[:, [5, 6]]
    _all((np.isnan(levels) | ((levels > 0) & np.isfinite(levels))).all(axis=1), "has an impossible stop or target")
    bars = numbers[:, [1, 2]]
    inside = (bars == np.floor(bars)) & (bars >= 0) & (bars < len(frame))
    _all(inside.all(axis=1), "has bars outside the data")
    units = numbers[:, 0] / settings.fractional_unit
    _all((units != 0) & (np.abs(units - np.round(units)) <= 1e-6 * np.maximum(1, np.abs(units))), "has no whole size")
    trades = _Trades(numbers, settings)
    if settings.trade_on_close:
        trades.fill_at_close(frame["Close"].to_numpy(dtype=float), settings)
    _all(trades.opened <= trades.closed, "was left before it was entered")
    if (trades.closed - trades.opened).sum() > MOST_HELD:  # the statistics go through all of them
        raise Forged("so many trades are held so long that nobody could count them")
    spread = 1 + np.sign(trades.size) * settings.spread
    for price, bar, what in (
        (trades.entry_price / spread, trades.entry_bar, "entered"),
        (trades.exit_price, trades.exit_bar, "left"),
    ):
        low, high = frame["Low"].to_numpy(dtype=float)[bar], frame["High"].to_numpy(dtype=float)[bar]
        if settings.trade_on_close:  # where a stop order may be filled at the close before its bar
            before = frame["Close"].to_numpy(dtype=float)[np.maximum(bar - 1, 0)]
            low, high = np.minimum(low, before), np.maximum(high, before)
        _all(
            (price >= low * (1 - TOLERANCE)) & (price <= high * (1 + TOLERANCE)),
            f"was {what} at a price its bar has not",
        )
    value = np.abs(trades.size) * (trades.entry_price + trades.exit_price)
    cost = trades.entry_cost + trades.exit_cost
    _all(np.abs(trades.commission - cost) <= TOLERANCE * (value + cost), "has another commission than agreed")
    _all(
        np.abs(trades.pnl - (trades.gross - cost)) <= TOLERANCE * (value + cost),
        "has another profit than its prices give",
    )
    amount = np.abs(trades.size) * trades.entry_price
    back = np.sign(trades.size) * (trades.exit_price / trades.entry_price - 1) - cost / amount
    _all(np.abs(trades.return_pct - back) <= TOLERANCE * (1 + np.abs(back)), "has another return than its prices give")
    return trades


def _all(good: Any, what: str) -> None:
    if not good.all():
        raise Forged(f"trade {int(np.argmin(good))} {what}")


def _check_equity(trades: _Trades, equity: Floats, begin: int, frame: pd.DataFrame, settings: EngineSettings) -> None:
    """Raise Forged where the equity is not what cash, trades and closing prices make it."""
    close, bars, start = frame["Close"].to_numpy(dtype=float), len(frame), begin
    if not np.isfinite(equity).all():
        raise Forged("equity has a number that is not finite")
    _all(trades.entry_bar >= (begin if settings.trade_on_close else begin + 1), "was entered before the strategy began")
    if (equity[: begin + 1] != settings.cash).any():
        raise Forged("equity moves before the strategy began")
    low, high = _equity_bounds(trades, close, settings)
    exposure = _running(bars, (trades.entry_bar, np.abs(trades.size)), (trades.closed + 1, -np.abs(trades.size)))
    slack = TOLERANCE * (settings.cash + np.abs(low) + np.abs(high) + exposure * close)
    broke = np.flatnonzero(equity[start:] == 0)
    end = start + int(broke[0]) if len(broke) else bars
    if end < bars:
        # Out of money: everything is closed at that bar and nothing happens any more.
        if equity[end:].any() or low[end] > slack[end] or (trades.exit_bar > end).any():
            raise Forged(f"equity is 0 at bar {end}, which the trades do not make it")
    wrong = (equity < low - slack) | (equity > high + slack)
    wrong[:start] = wrong[end:] = False
    if wrong.any():
        bar = int(np.argmax(wrong))
        raise Forged(f"equity is {equity[bar]:.10g} at bar {bar}, the trades make it {low[bar]:.10g}")
    # With nothing held, equity stands still to the last digit.
    first, one = np.minimum(trades.entry_bar, trades.exit_bar), np.ones_like(trades.size)
    held = _running(bars, (first, one), (trades.closed + 1, -one)) > 0
    moved = np.flatnonzero((equity[1:] != equity[:-1]) & ~held[1:])
    if len(moved) and moved[0] + 1 < end:
        raise Forged(f"equity moves at bar {moved[0] + 1} with nothing held")
    _check_money(trades, close, high, slack, settings)


def _equity_bounds(trades: _Trades, close: Floats, settings: EngineSettings) -> tuple[Floats, Floats]:
    """Return the least and the greatest equity of each bar, float64 of shape (bars,) each.

    They differ only where backtesting.py's order of things cannot be seen in the trades: whether an
    order filled at the close was a limit, and that a trade closed in parts has paid the fixed
    commission of its entry once.
    """
    bars = len(close)
    cash = settings.cash + _running(
        bars, (trades.opened, -trades.entry_cost), (trades.closed, trades.gross - trades.exit_cost)
    )
    position = _running(bars, (trades.opened, trades.size), (trades.closed, -trades.size))
    paid = trades.size * trades.entry_price
    cost = _running(bars, (trades.opened, paid), (trades.closed, -paid))
    exact = cash + position * close - cost
    low, high = exact.copy(), exact.copy()
    if settings.trade_on_close:
        # A limit that happens to be the close is filled there and then.
        early = trades.size * (close[trades.entry_bar] - trades.entry_price) - trades.entry_cost
        for bar, change in (
            (trades.entry_bar, np.where(trades.opened > trades.entry_bar, early, 0.0)),
            (trades.exit_bar, np.where(trades.closed > trades.exit_bar, -trades.exit_cost, 0.0)),
        ):
            np.add.at(low, bar, np.minimum(change, 0))
            np.add.at(high, bar, np.maximum(change, 0))
    if settings.commission_fixed and len(trades.size):
        entries = pd.Series(trades.entry_bar).groupby([trades.opened, trades.entry_price]).cumcount().to_numpy()
        high += _running(bars, (trades.opened, np.where(entries > 0, settings.commission_fixed, 0.0)))
    return low, high


def _check_money(trades: _Trades, close: Floats, high: Floats, slack: Floats, settings: EngineSettings) -> None:
    """Raise Forged where a trade was opened with more money than there can have been."""
    amount, leverage = np.abs(trades.size), 1 / settings.margin
    bars = len(close)
    raw = trades.entry_price / (1 + np.sign(trades.size) * settings.spread)
    need = amount * trades.entry_price + settings.commission_fixed + settings.commission * amount * raw
    fill = np.minimum(trades.opened, bars - 1)
    gone = trades.closed <= fill
    value = np.where(gone, trades.gross - trades.exit_cost, trades.size * (close[fill] - trades.entry_price))
    own = value - trades.entry_cost
    losses = np.zeros(bars)
    np.add.at(losses, fill, np.minimum(own, 0))
    # What leaves in the same bar may have left before or after this order was filled.
    leaving, last = trades.opened < trades.closed, np.minimum(trades.closed, bars - 1)
    paper = trades.size * (close[last] - trades.entry_price) - (trades.gross - trades.exit_cost)
    kept = np.zeros(bars)
    np.add.at(kept, last[leaving], np.maximum(paper[leaving], 0))
    through = _running(bars, (trades.opened[leaving] + 1, amount[leaving]), (trades.closed[leaving], -amount[leaving]))
    used = np.maximum(through, 0) * close / leverage
    there = high + kept - losses - used
    margin = there[fill] + np.minimum(own, 0) - own
    enough = need <= margin * leverage * (1 + TOLERANCE) + leverage * slack[fill]
    _all(enough, "was opened with more money than there was")


def _running(bars: int, *changes: tuple[NDArray[np.int64], Floats]) -> Floats:
    """Return the running sum of changes at bars, float64 of shape (bars,)."""
    total = np.zeros(bars + 2)
    for bar, change in changes:
        np.add.at(total, np.minimum(bar, bars), change)
    return np.cumsum(total)[:bars]


def _trades_frame(trades: _Trades, frame: pd.DataFrame, settings: EngineSettings) -> pd.DataFrame:
    index = frame.index
    whole = settings.fractional_unit >= 1
    table = pd.DataFrame(
        {
            "Size": np.round(trades.size).astype(np.int64) if whole else trades.size,
            "EntryBar": trades.entry_bar,
            "ExitBar": trades.exit_bar,
            "EntryPrice": trades.entry_price,
            "ExitPrice": trades.exit_price,
            "SL": trades.sl,
            "TP": trades.tp,
            "PnL": trades.pnl,
            "Commission": trades.commission,
            "ReturnPct": trades.return_pct,
            "EntryTime": index[trades.entry_bar],
            "ExitTime": index[trades.exit_bar],
        }
    )
    table["Duration"] = table["ExitTime"] - table["EntryTime"]
    return table


def warm_up() -> None:
    """Import what an audit needs, before there is one."""
    index = pd.date_range("2020-01-01", periods=3, unit="us")
    frame = pd.DataFrame({name: [1.0, 2.0, 1.0] for name in ("Open", "High", "Low", "Close")}, index=index)
    audit(np.empty((0, 10)), np.full(3, EngineSettings().cash), begin=0, frame=frame, settings=EngineSettings())


def _reference(
    table: pd.DataFrame, equity: Floats, begin: int, frame: pd.DataFrame, risk_free: float
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return backtesting.py's statistics of the bars from `begin` on, by its own function in this process, and the curve."""
    from Backtest.sandbox.worker import plot_when_asked

    plot_when_asked()
    from backtesting._stats import compute_stats

    graded = frame.iloc[begin:]
    index = pd.DatetimeIndex(graded.index)
    shifted = table.assign(EntryBar=table["EntryBar"] - begin, ExitBar=table["ExitBar"] - begin)
    if index.tz is not None:  # it cannot do with zones on today's pandas
        graded = graded.tz_convert("UTC").tz_localize(None)
    with np.errstate(all="ignore"):
        found: pd.Series = compute_stats(shifted, equity, graded, None, risk_free)
    values = {str(name): plain(value) for name, value in found.items() if not str(name).startswith("_")}
    # Where only the last bar is below its peak, compute_stats gives the depth of the drawdown in the place of its duration.
    reference = {k: None if k.endswith("Duration") and not isinstance(v, str) else v for k, v in values.items()}
    curve: pd.DataFrame = found["_equity_curve"][["Equity", "DrawdownPct"]].set_axis(index)
    return reference, curve
