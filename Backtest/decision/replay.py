"""A finished backtest, gone through again: the position at each close, and what the rules decide there.

The positions follow the trades that were made; the rules are judged independently of the generated code, and what is decided
here must be the order the next bar shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import KINDS, SIDES, CanonicalStrategy, Kind, PercentLevel, Side
from Backtest.decision.at_close import Account, Action, Decision, Position, decide
from Backtest.decision.judge import Bars, Mask, PositionState, evaluate
from Backtest.decision.prepared import Prepared


@dataclass(frozen=True)
class Holdings:
    """The position at each close, as the strategy's code sees it.

    `side` is 1 long, -1 short, 0 flat; `trade` is the row of the trade, -1 when flat;
    `flat_since` is the exit bar of the last closed trade, a large negative number when none.
    """

    side: np.ndarray[Any, np.dtype[np.int8]]
    trade: np.ndarray[Any, np.dtype[np.int64]]
    flat_since: np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class TradeRow:
    """A trade of the backtest; a level that was not set is NaN."""

    side: Side
    size: float
    entry_bar: int
    exit_bar: int
    entry_price: float
    exit_price: float
    stop_loss: float
    take_profit: float
    exit_reason: str


def _trade_rows(trades: pd.DataFrame) -> list[TradeRow]:
    if "exit_reason" not in trades:
        trades = trades.assign(exit_reason="")
    kinds = TradeRow.__dataclass_fields__
    columns = {name: trades[name].tolist() for name in kinds}
    return [TradeRow(*values) for values in zip(*columns.values(), strict=True)]


class Replay:
    """The bars of a finished backtest.

    Args:
        trades: the backtest's trades in the API's columns, entry_bar and exit_bar being rows of the prices.
    """

    def __init__(self, prepared: Prepared, trades: pd.DataFrame) -> None:
        self.prepared, self.strategy = prepared, prepared.judged
        self.frame, self.start = prepared.frame, prepared.start
        self.trades = _trade_rows(trades)
        self.close_fill = self.strategy.execution.trade_on_close
        self.holdings = self._holdings()
        self.position = self._position_state()
        self.bars = Bars(self.frame, prepared.series, self.position)
        self.holds: dict[tuple[Kind, Side], Mask] = {}

    def rule_holds(self, kind: Kind, side: Side) -> Mask:
        """Return on which bars a rule of a kind and side is true."""
        if (kind, side) not in self.holds:
            rules = self.strategy.rules(kind, side)
            masks = [evaluate(self.strategy, rule.when, self.bars).true for rule in rules]
            self.holds[kind, side] = np.logical_or.reduce([np.zeros(len(self.frame), dtype=bool), *masks])
        return self.holds[kind, side]

    def _holdings(self) -> Holdings:
        n = len(self.frame)
        side, trade = np.zeros(n, dtype=np.int8), np.full(n, -1, dtype=np.int64)
        since = np.full(n, -(10**9), dtype=np.int64)
        for i, row in enumerate(self.trades):
            first = row.entry_bar + (1 if self.close_fill else 0)
            last = row.exit_bar - 1
            marked = row.exit_bar == n - 1 and _at_end(row, self.frame)
            if marked or (self.close_fill and not _left_by_level(row, self.frame)):
                last = row.exit_bar
            side[first : last + 1] = 1 if row.side == "long" else -1
            trade[first : last + 1] = i
            since[max(last, row.entry_bar if self.close_fill else 0) + 1 :] = row.exit_bar
        return Holdings(side, trade, since)

    def _position_state(self) -> PositionState:
        n = len(self.frame)
        held, gain = np.full(n, np.nan), np.full(n, np.nan)
        close = self.frame["Close"].to_numpy(dtype=np.float64)
        inside = self.holdings.trade >= 0
        if inside.any():
            rows = self.holdings.trade[inside]
            entry_bar = np.array([t.entry_bar for t in self.trades])[rows]
            entry_price = np.array([t.entry_price for t in self.trades])[rows]
            where = np.flatnonzero(inside)
            held[inside] = where - entry_bar + 1
            gain[inside] = self.holdings.side[inside] * 100 * (close[inside] / entry_price - 1)
        return PositionState(held, gain)

    def decide(self, bar: int) -> Decision:
        """Return what the strategy does at the close of a bar; the equity of that close is not known here, nor are sizes by it."""
        truths = {(kind, side): bool(self.rule_holds(kind, side)[bar]) for kind in KINDS for side in SIDES}
        held = int(self.holdings.side[bar])
        position = Position("long" if held > 0 else "short", int(self.position.bars_held[bar])) if held else None
        return decide(self.strategy, truths, position, self.account(bar), self.prepared.bar(bar))

    def may_differ(self, other: Replay) -> Iterable[int]:
        """Return the bars, in order, at which another strategy may decide otherwise with the same trades behind it.

        Where both judge the bar, and what they wait for after an entry and an exit is the same, only truths tell them apart: whether to
        leave the position, and whether to enter one of a side that is not held.
        """
        ours, theirs = self.strategy, other.strategy
        waits = [(one.sides, one.risk.max_bars, one.risk.cooldown_bars) for one in (ours, theirs)]
        if waits[0] != waits[1]:
            return range(len(self.frame))
        apart = np.zeros(len(self.frame), dtype=bool)
        for side in SIDES:
            held = self.holdings.side == (1 if side == "long" else -1)
            leaves = self.rule_holds("exit", side) != other.rule_holds("exit", side)
            enters = self._enters(side) != other._enters(side)
            apart |= (held & leaves) | (~held & enters)
        apart[min(self.start, other.start) : max(self.start, other.start)] = True
        return np.flatnonzero(apart).tolist()

    def _enters(self, side: Side) -> Mask:
        return self.rule_holds("entry", side) & ~self.rule_holds("exit", side)

    def account(self, bar: int) -> Account:
        return Account(np.nan, bar - int(self.holdings.flat_since[bar]))

    def decision(self, bar: int) -> tuple[Action, Side | None]:
        """Return what the rules decide at the close of a bar; for `reverse` the new side.

        At the last bar nothing is entered, since no bar is left to fill the order. Whether an
        order could be paid for is the broker's matter.
        """
        decided = self.decide(bar)
        return decided.action, decided.side


def _left_by_level(row: TradeRow, frame: pd.DataFrame) -> bool:
    """Return whether a trade under trade_on_close left at a stop or target, inside the bar.

    A rule's exit is at the close; where a level was hit at that very price, it came first.
    """
    price, bar = row.exit_price, frame.iloc[row.exit_bar]
    if row.exit_bar == row.entry_bar or not _same(price, bar["Close"]):
        return True
    if _same(price, row.stop_loss) or _same(price, row.take_profit):
        return True
    direction = 1 if row.side == "long" else -1
    beyond = direction * (price - row.take_profit) >= 0 or direction * (price - row.stop_loss) <= 0
    return _same(price, bar["Open"]) and bool(beyond)


def _same(price: float, other: float) -> bool:
    """Compare two prices; those of fractional trading are rounded in their last digits."""
    return bool(np.isclose(price, other, rtol=1e-10, atol=0))


def exit_reasons(prepared: Prepared, trades: pd.DataFrame) -> list[str]:
    """Return why each trade ended: exit_rule, max_bars, stop_loss, trailing_stop, take_profit or
    end_of_data. What a loss of everything ended, which equity tells, is not known here."""
    strategy, frame, replay = prepared.strategy, prepared.frame, Replay(prepared, trades)
    reasons: list[str] = []
    last = len(frame) - 1
    for row in replay.trades:
        signal = row.exit_bar if strategy.execution.trade_on_close else row.exit_bar - 1
        asked = signal >= max(replay.start, row.entry_bar) and replay.holdings.side[signal] != 0
        decided = replay.decide(signal) if asked else None
        if decided is not None and decided.action in ("exit", "reverse"):
            reasons.append(decided.reasons[0])
        elif row.exit_bar == last and _at_end(row, frame):
            reasons.append("end_of_data")
        else:
            reasons.append(_level_reason(strategy, row))
    return reasons


def _at_end(row: TradeRow, frame: pd.DataFrame) -> bool:
    """Return whether a trade that left in the last bar was open to the end and is marked at its close."""
    direction = 1 if row.side == "long" else -1
    stopped = direction * (row.exit_price - row.stop_loss) <= 0
    taken = direction * (row.exit_price - row.take_profit) >= 0
    return _same(row.exit_price, float(frame["Close"].iloc[row.exit_bar])) and not stopped and not taken


def _level_reason(strategy: CanonicalStrategy, row: TradeRow) -> str:
    direction = 1 if row.side == "long" else -1
    if not np.isnan(row.take_profit) and direction * (row.exit_price - row.take_profit) >= 0:
        return "take_profit"
    risk = strategy.risk
    if risk.trailing_stop is None:
        return "stop_loss" if risk.stop_loss is not None else "end_of_data"
    if isinstance(risk.stop_loss, PercentLevel):
        fixed = row.entry_price * (1 - direction * risk.stop_loss.value / 100)
        return "stop_loss" if direction * (row.stop_loss - fixed) <= 0 else "trailing_stop"
    return "trailing_stop"
