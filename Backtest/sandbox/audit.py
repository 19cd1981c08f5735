"""Trades, money and figures that a sandbox reports are not believed: they are computed here, from its decisions and the prices.

Strategy code shares its process with backtesting.py, so whatever its engine says may be forged. What crosses the border are
decisions: orders, cancellations, closings and changes of levels, each with its bar. The compiled broker of this side
follows them; what the code's own engine believed has to be the same to the last bit, or the run fails.

The audit cannot tell why something was decided. Code that looks ahead in the prices it was given makes decisions that could be made, and
passes; Backtest/verification/lookahead.py catches it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from Backtest.sandbox.job import PATHS, EngineSettings, SandboxJob

if TYPE_CHECKING:
    import pandas as pd

TRADE_COLUMNS = (
    "Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "SL", "TP", "PnL", "Commission", "ReturnPct",
)  # fmt: skip
# How many numbers a decision is, and the mark of one made at the open; see Backtest/kernel/order_book.py.
DECISION, AT_OPEN = 9, 1
# How many numbers the ticket of an order is, and where the actions of a Book begin among those of decisions; see Backtest/kernel/actions.py.
TICKET, FIRST_ACTION = 140, 5
# What a trade ended by is called where events have another word for it.
ENDINGS = {
    "stop": "stop_loss",
    "followed": "trailing_stop",
    "target": "take_profit",
    "rule": "exit_rule",
    "reverse": "reversal",
}
MOST_A_BAR, MOST_BESIDE = 100, 10_000  # a run may make 100 decisions a bar on average, and 10,000 more

Floats = NDArray[np.float64]


class Forged(ValueError):
    """The claim does not follow from the decisions and the prices."""


@dataclass(frozen=True)
class Claim:
    """What a sandbox says of a run.

    `decisions`, float64 of shape (n, 9), is what it is asked for. `trades`, float64 of shape (trades, 10) with TRADE_COLUMNS,
    and `equity`, float64 of shape (bars,), are what the code's own engine believed. `begin` is the first bar at whose close
    it decided. `tickets`, float64 of shape (n, 140), are those of the orders of code that trades through a Book, None for other code.
    """

    decisions: Floats
    trades: Floats
    equity: Floats
    begin: int
    tickets: Floats | None = None

    @classmethod
    def of(cls, data: bytes, *, trades: int, bars: int, begin: int, tickets: int = 0, booked: bool = False) -> Claim:
        """Return the claim that a worker's numbers are: trades, equity, decisions and tickets."""
        columns = len(TRADE_COLUMNS)
        numbers = np.frombuffer(data, dtype="<f8")
        ends = np.cumsum([trades * columns, bars])
        parts = np.split(numbers, [*ends, len(numbers) - tickets * TICKET])
        brought = parts[3].reshape(-1, TICKET) if booked else None
        return cls(parts[2].reshape(-1, DECISION), parts[0].reshape(-1, columns), parts[1], begin, brought)


@dataclass(frozen=True)
class Settled:
    """What follows from decisions and prices.

    `metrics` are the figures of the bars from the first decision on; `trades` have backtesting.py's columns, `equity`
    Equity and DrawdownPct of these bars. Trades of code that trades through a Book say in ExitReason why they ended.
    """

    metrics: dict[str, Any]
    trades: pd.DataFrame
    equity: pd.DataFrame


def most_decisions(bars: int) -> int:
    """Return how many decisions a run may make."""
    return MOST_A_BAR * bars + MOST_BESIDE


def settle(claim: Claim, job: SandboxJob) -> Settled:
    """Return figures, trades and equity as they follow from decisions and prices.

    Raises:
        Forged: the decisions cannot be followed, or the code's own engine believed something else.
    """
    frame, settings, begin = job.frame, job.settings, claim.begin
    if len(claim.equity) != len(frame):
        raise Forged(f"equity has {len(claim.equity)} values for {len(frame)} bars")
    if not job.first <= begin < len(frame):
        raise Forged(f"a first decision at bar {begin} is outside the bars {job.first} to {len(frame) - 1}")
    room = len(claim.trades) + 1  # room for one trade more than was claimed, which is enough to find that there is one
    reasons: list[str] = []
    if claim.tickets is None:
        trades, equity = follow(claim.decisions, begin, frame, settings, room=room, target_first=job.target_first)
    else:
        trades, equity, reasons = follow_book(claim.decisions, claim.tickets, begin, frame, settings, room=room)
    _compare(claim, trades, equity)
    found = measured(trades, equity, begin, frame, settings)
    return found if claim.tickets is None else replace(found, trades=found.trades.assign(ExitReason=reasons))


def measured(trades: Floats, equity: Floats, begin: int, frame: pd.DataFrame, settings: EngineSettings) -> Settled:
    """Return trades and equity, as `follow` gives them, with their figures from bar `begin` on."""
    import pandas as pd

    from Backtest.kernel import figures

    table = _trades_frame(trades, frame, settings)
    terms = {
        figures.CASH: settings.cash, figures.SPREAD: settings.spread, figures.FIXED_FEE: settings.commission_fixed,
        figures.FEE: settings.commission, figures.RISK_FREE: settings.risk_free_rate,
        figures.AT_CLOSE: float(settings.trade_on_close),
    }  # fmt: skip
    metrics = figures.figures(equity, table, frame, terms, begin=begin)
    graded = equity[begin:]
    fall = 1 - graded / np.maximum.accumulate(graded)
    curve = pd.DataFrame({"Equity": graded, "DrawdownPct": fall}, index=pd.DatetimeIndex(frame.index[begin:]))
    return Settled(metrics, table, curve)


def follow(
    decisions: Floats,
    begin: int,
    frame: pd.DataFrame,
    settings: EngineSettings,
    *,
    room: int,
    target_first: bool = False,
) -> tuple[Floats, Floats]:
    """Return the trades, float64 of shape (trades, 10) with TRADE_COLUMNS, and the equity, float64 of shape (bars,), that come
    of decisions: up to `room` trades.

    Raises:
        Forged: one of them cannot be followed.
    """
    from Backtest.kernel.order_book import ACTION, ACTIONS, AT_BAR, CLOSED, WHICH, WHY, empty_book, follow_decisions

    head = decisions[:, : WHICH + 1]
    whole = np.isfinite(head).all() and (head == np.floor(head)).all() and (np.abs(head) < 2**40).all()
    if not whole or not np.isin(head[:, ACTION], ACTIONS).all():
        raise Forged("a decision is not of the agreed form")
    if len(decisions) > most_decisions(len(frame)):
        raise Forged(f"more was decided than {MOST_A_BAR} times a bar and {MOST_BESIDE:,} times more")
    scale = min(settings.fractional_unit, 1.0)
    open_, high, low, close = (frame[n].to_numpy(dtype=float) * scale for n in ("Open", "High", "Low", "Close"))
    costs = (settings.spread, settings.commission_fixed, settings.commission)
    terms = np.array([settings.cash, *costs, settings.margin, settings.trade_on_close, target_first], dtype=float)
    book = empty_book(len(decisions), room, terms, len(frame))
    how, done = follow_decisions(np.array(decisions), begin, open_, high, low, close, book)
    if why := WHY.get(how):
        last = min(done, len(decisions) - 1)
        raise Forged(f"decision {last}, at bar {decisions[last, AT_BAR]:g}, {why}")
    if done < len(decisions) and (decisions[done:, AT_BAR] >= len(frame)).any():
        raise Forged(f"decision {done} was made after the end")
    trades = book.closed[: book.counts[CLOSED]].copy()
    if scale != 1:
        trades[:, 0] *= scale
        trades[:, 3:7] /= scale
    book.equity[begin] = (
        settings.cash
    )  # the curve begins with the cash: an order filled at this very close does not count yet
    return trades, book.equity


def follow_book(
    decisions: Floats, tickets: Floats, begin: int, frame: pd.DataFrame, settings: EngineSettings, *, room: int
) -> tuple[Floats, Floats, list[str]]:
    """Return what `follow` does, of what code decides that trades through a Book, and why each trade ended.

    Args:
        decisions: float64 of shape (n, DECISION); tickets: float64 of shape (m, TICKET).

    Raises:
        Forged: one of them cannot be followed.
    """
    from Backtest.kernel import actions, state
    from Backtest.kernel.following import WHY, follow_actions

    if len(decisions) > most_decisions(len(frame)):
        raise Forged(f"more was decided than {MOST_A_BAR} times a bar and {MOST_BESIDE:,} times more")
    rows = decisions[:, [0, 2, 3, 4, 5, 6]].copy()
    rows[:, actions.DO] -= FIRST_ACTION
    if (decisions[:, 1] != 0).any() or not (rows[:, actions.DO] >= 0).all():
        raise Forged("a decision is not of the agreed form")
    scale = min(settings.fractional_unit, 1.0)
    prices = np.array([frame[n].to_numpy(dtype=float) * scale for n in ("Open", "High", "Low", "Close")])
    terms = np.zeros(state.TERMS)
    terms[[state.T_CASH, state.T_SPREAD, state.T_FIXED, state.T_FEE, state.T_MARGIN, state.T_TICK, state.T_PATH]] = (
        settings.cash, settings.spread, settings.commission_fixed, settings.commission, settings.margin,
        settings.beyond * scale, PATHS.index(settings.path),
    )  # fmt: skip
    events = 8 * (len(rows) + 2 * room) + 1000
    found = follow_actions(rows, np.array(tickets), begin, prices, terms, most_trades=room, most_events=events)
    if why := WHY.get(found.ended):
        last = min(found.done, len(rows) - 1)
        at = f"decision {last}, at bar {rows[last, 0]:g}, " if len(rows) else "what was decided "
        raise Forged(f"{at}{why}")
    trades, reasons = found.trades.copy(), _reasons(found.trades, found.events)
    if scale != 1:
        trades[:, 0] *= scale
        trades[:, 3:7] /= scale
    return trades, found.equity, reasons


def _reasons(trades: Floats, events: Floats) -> list[str]:
    """Return why each trade ended: a fill that closes several units ends as many of them, in their order."""
    from Backtest.kernel import state
    from Backtest.kernel.events import REASONS

    reasons: list[str] = []
    for event in events[events[:, state.E_DO] == state.FILLED]:
        why, left = REASONS[int(event[state.E_REASON])], event[state.E_SIZE]
        if why in ("entry", "add"):
            continue
        while left > 0 and len(reasons) < len(trades):
            left -= abs(trades[len(reasons), 0])
            reasons.append(ENDINGS.get(why, why))
    return reasons + ["exit_rule"] * (len(trades) - len(reasons))


def _compare(claim: Claim, trades: Floats, equity: Floats) -> None:
    """Raise Forged where the code's own engine believed something else than what follows, naming the first difference."""
    for row in range(max(len(claim.trades), len(trades))):
        if row >= len(trades) or row >= len(claim.trades):
            raise Forged(f"its own engine made {len(claim.trades)} trades, its decisions make {len(trades)}")
        for name, believed, true in zip(TRADE_COLUMNS, claim.trades[row], trades[row], strict=True):
            if not (believed == true or (math.isnan(believed) and math.isnan(true))):
                raise Forged(
                    f"trade {row}: its own engine believed {name} {believed:.10g}, its decisions make it {true:.10g}"
                )
    wrong = np.flatnonzero(claim.equity != equity)
    if len(wrong):
        bar = int(wrong[0])
        raise Forged(
            f"its own engine believed equity {claim.equity[bar]:.10g} at bar {bar}, its decisions make it {equity[bar]:.10g}"
        )


def plain(value: Any) -> Any:
    """Return a metric as JSON can hold it."""
    import pandas as pd

    if isinstance(value, pd.Timedelta | pd.Timestamp) or value is pd.NaT:
        return None if value is pd.NaT else str(value)
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if isinstance(value, int) else number


def _trades_frame(trades: Floats, frame: pd.DataFrame, settings: EngineSettings) -> pd.DataFrame:
    import pandas as pd

    from Backtest.kernel.figures import in_shares

    index, columns = frame.index, dict(zip(TRADE_COLUMNS, trades.T, strict=True))
    table = pd.DataFrame(columns)
    for name in ("EntryBar", "ExitBar"):
        table[name] = table[name].astype(np.int64)
    if settings.fractional_unit >= 1:
        table["Size"] = in_shares(np.round(table["Size"].to_numpy()))
    table["EntryTime"], table["ExitTime"] = index[table["EntryBar"]], index[table["ExitBar"]]
    return table


def warm_up() -> None:
    """Import what an audit needs, before there is one."""
    import pandas as pd

    index = pd.date_range("2020-01-01", periods=3, unit="us")
    frame = pd.DataFrame({name: [1.0, 2.0, 1.0] for name in ("Open", "High", "Low", "Close")}, index=index)
    claim = Claim(np.empty((0, DECISION)), np.empty((0, len(TRADE_COLUMNS))), np.full(3, EngineSettings().cash), 0)
    settled = settle(claim, SandboxJob("", frame))
    backtesting_stats(settled.trades, settled.equity, 0, frame, 0.0)


def backtesting_stats(
    trades: pd.DataFrame, equity: pd.DataFrame, begin: int, frame: pd.DataFrame, risk_free: float
) -> dict[str, Any]:
    """Return backtesting.py's own statistics of the bars from `begin` on, by its own function in this process.

    Args:
        trades, equity: as Settled has them.
        risk_free: a year's rate, 0.02 for 2%.
    """
    import pandas as pd

    from Backtest.sandbox.worker import plot_when_asked

    plot_when_asked()
    from backtesting._stats import compute_stats

    graded = frame.iloc[begin:]
    table = trades.assign(
        EntryBar=trades["EntryBar"] - begin, ExitBar=trades["ExitBar"] - begin, Duration=trades["ExitTime"] - trades["EntryTime"]
    )  # fmt: skip
    if pd.DatetimeIndex(graded.index).tz is not None:  # compute_stats fails on such an index with today's pandas
        graded = graded.tz_convert("UTC").tz_localize(None)
    with np.errstate(all="ignore"):
        try:
            found: pd.Series = compute_stats(table, equity["Equity"].to_numpy(), graded, None, risk_free)
        except OverflowError:  # the gain is so large that its yearly rate overflows
            return {}
    values = {str(name): plain(value) for name, value in found.items() if not str(name).startswith("_")}
    # Where only the last bar is below its peak, compute_stats gives the depth of the drawdown in the place of its duration.
    return {k: None if k.endswith("Duration") and not isinstance(v, str) else v for k, v in values.items()}
