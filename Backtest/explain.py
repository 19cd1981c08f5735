"""Why a backtest did what it did, bar by bar, straight from the canonical strategy.

The account follows the trades that were made; the rules are judged independently of the
generated code, and the decision reached here must be the order the next bar shows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import (
    KINDS,
    SIDES,
    AnyCondition,
    AnyOperand,
    CanonicalStrategy,
    IndicatorRef,
    Kind,
    Not,
    PercentLevel,
    Rule,
    Side,
)
from Backtest.conditions import (
    Bars,
    Mask,
    PositionState,
    Truth,
    evaluate,
    operand_values,
)
from Backtest.decision import Account, Action, Decision, Position, Reason, cooldown_left, decide
from Backtest.describe import bars_of
from Backtest.errors import DataError
from Backtest.meaning.core import Clock, Comparison, PositionTest
from Backtest.meaning.words import spaced
from Backtest.prepared import Prepared
from Backtest.timeframes import is_intraday, seconds


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


class Explainer:
    """Judges a strategy on the bars of a finished backtest.

    Args:
        trades: the backtest's trades in the API's columns, entry_bar and exit_bar being rows of
            `frame`.
        first: the first bar that was asked for; those before it only warmed the indicators up.
        prepared: the strategy on these prices, where it is there already.
    """

    def __init__(
        self,
        strategy: CanonicalStrategy,
        frame: pd.DataFrame,
        trades: pd.DataFrame,
        first: int = 0,
        *,
        prepared: Prepared | None = None,
    ) -> None:
        self.prepared = prepared or Prepared(strategy, frame, first)
        self.strategy, self.frame, self.start = self.prepared.judged, frame, self.prepared.start
        self.trades = _trade_rows(trades)
        self.close_fill = strategy.execution.trade_on_close
        self.holdings = self._holdings()
        self.bars = Bars(frame, self.prepared.series, self._position_state())
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

    # Decisions -----------------------------------------------------------------------------

    def decide(self, bar: int) -> Decision:
        """Return what the strategy does at the close of a bar; the equity of that close is not known here, nor are sizes by it."""
        truths = {(kind, side): bool(self.rule_holds(kind, side)[bar]) for kind in KINDS for side in SIDES}
        held, state = int(self.holdings.side[bar]), self.bars.position
        assert state is not None
        position = Position("long" if held > 0 else "short", int(state.bars_held[bar])) if held else None
        return decide(self.strategy, truths, position, self._account(bar), self.prepared.bar(bar))

    def _account(self, bar: int) -> Account:
        return Account(np.nan, bar - int(self.holdings.flat_since[bar]))

    def decision(self, bar: int) -> tuple[Action, Side | None]:
        """Return what the rules decide at the close of a bar; for `reverse` the new side.

        At the last bar nothing is entered, since no bar is left to fill the order. Whether an
        order could be paid for is the broker's matter.
        """
        decided = self.decide(bar)
        return decided.action, decided.side

    # Explanations --------------------------------------------------------------------------

    def find_bar(self, at: pd.Timestamp) -> int:
        """Return the bar at a time, or the last one before it. DataError outside the data."""
        index = pd.DatetimeIndex(self.frame.index)
        if index.tz is not None and at.tzinfo is None:
            at = at.tz_localize(index.tz)
        elif index.tz is None and at.tzinfo is not None:
            at = at.tz_localize(None)
        bar = int(index.searchsorted(at, side="right")) - 1
        end_of_day = index[-1].normalize() + pd.Timedelta(days=1)
        if bar < 0 or at >= end_of_day:
            asked = str(at).removesuffix(" 00:00:00")
            raise DataError(
                f"{asked} is outside the backtest's data, {self._when(0)} to {self._when(len(index) - 1)}: choose a time within"
            )
        return bar

    def _instead(self, bar: int, at: pd.Timestamp) -> str:
        """Say that a day has no bar, and which one is answered for."""
        if seconds(self.strategy.timeframe) > 86400 or at.date() <= self.frame.index[bar].date():
            return ""
        if bar + 1 < len(self.frame) and self.frame.index[bar + 1].date() == at.date():
            return (
                f"The bars of {at.date()} begin at {self._clock(bar + 1)}; this is the bar before, {self._when(bar)}. "
            )
        return f"There is no bar on {at.date()}; this is the bar before, {self._when(bar)}. "

    def _when(self, bar: int) -> str:
        """Return the time of a bar; of bars of days and longer the date."""
        time = self.frame.index[bar]
        return str(time) if is_intraday(self.strategy.timeframe) else str(time.date())

    def explain(self, at: pd.Timestamp) -> dict[str, Any]:
        """Return position, every rule with the values it saw, and what was decided at a bar."""
        bar = self.find_bar(at)
        decided = self.decide(bar)
        row = self.frame.iloc[bar]
        return {
            "bar": bar,
            "time": self._when(bar),
            "prices": {name.lower(): float(row[name]) for name in ("Open", "High", "Low", "Close", "Volume")},
            "warming_up": bar < self.start,
            "first_decision_bar": self.start,
            "position": self._position(bar),
            "rules": [
                *(self._rule(f"entry_rules[{i}]", "entry", r, bar) for i, r in enumerate(self.strategy.entry_rules)),
                *(self._rule(f"exit_rules[{i}]", "exit", r, bar) for i, r in enumerate(self.strategy.exit_rules)),
            ],
            "decision": {"action": decided.action, "side": decided.side},
            "orders": self._orders(bar),
            "answer": self._instead(bar, at) + self._answer(bar, decided),
        }

    def explain_day(self, day: date) -> dict[str, Any]:
        """Return what `explain` does, of bars within a day for all bars of a day: `day` has its fills and decisions.

        Rules and values are those of one bar, which the answer names: the first on which something happened, or the last.
        """
        days = pd.DatetimeIndex(self.frame.index).tz_localize(None).normalize()
        bars = np.flatnonzero(days == pd.Timestamp(day)).tolist()
        if not is_intraday(self.strategy.timeframe) or not bars:
            return self.explain(pd.Timestamp(day))
        busy = [bar for bar in bars if self.decision(bar)[0] != "none" or self._orders(bar)]
        shown = self.explain(pd.Timestamp(self.frame.index[busy[0] if busy else bars[-1]]))
        events = [self._event(bar) for bar in busy]
        parts = [
            f"{day} has {len(bars)} bar{'s' * (len(bars) > 1)}, {self._clock(bars[0])} to {self._clock(bars[-1])}."
        ]
        parts += [f"{self._clock(bar)}: {event['answer']}" for bar, event in zip(busy, events, strict=True)]
        if quiet := [bar for bar in bars if bar not in set(busy)]:
            parts.append(self._quiet(quiet, begin="In the others nothing" if busy else "Nothing"))
        parts.append(f"Rules and values are those of {self._clock(shown['bar'])}.")
        return {**shown, "answer": " ".join(parts), "day": {"date": str(day), "bars": len(bars), "events": events}}

    def _event(self, bar: int) -> dict[str, Any]:
        decided = self.decide(bar)
        return {
            "bar": bar,
            "time": self._when(bar),
            "decision": {"action": decided.action, "side": decided.side},
            "orders": self._orders(bar),
            "answer": self._answer(bar, decided),
        }

    def _quiet(self, bars: list[int], *, begin: str) -> str:
        """Say why nothing was decided on some bars of a day, how often each, and what the last of them lacked."""
        decisions = [self.decide(bar) for bar in bars]
        counts = Counter(_QUIET[decided.reasons[-1]] for decided in decisions)
        why = ", ".join(f"{reason} ({count} bar{'s' * (count > 1)})" for reason, count in counts.items())
        return f"{begin} was decided: {why}. {self._clock(bars[-1])}: {self._answer(bars[-1], decisions[-1])}"

    def _clock(self, bar: int) -> str:
        """Return the time of day of a bar."""
        time = self.frame.index[bar]
        return f"{time:%H:%M:%S}" if time.second else f"{time:%H:%M}"

    def _fills(self, bar: int) -> str:
        """Say what was filled in this bar, in its order: what was open before is closed first."""
        said: list[str] = []
        order = "at the close" if self.close_fill else "at the open (order of the bar before)"
        leaving = [t for t in self.trades if t.exit_bar == bar]
        said += [self._exit_text(t) for t in leaving if t.entry_bar < bar]
        said += [f"Entered {t.side} at {spaced(t.entry_price)} {order}." for t in self.trades if t.entry_bar == bar]
        said += [self._exit_text(t) for t in leaving if t.entry_bar == bar]
        return " ".join(said)

    def _exit_text(self, row: TradeRow) -> str:
        order = "at the close" if self.close_fill else "at the open (order of the bar before)"
        price = spaced(row.exit_price)
        if row.exit_reason == "end_of_data":
            return f"The {row.side} position was open to the end and is marked at the last close, {price}."
        if row.exit_reason == "ruined":
            return f"All money was lost at this close, {price}, which ended the {row.side} position."
        if row.exit_reason == "exit_rule":
            return f"The {row.side} exit closed it at {price} {order}."
        if row.exit_reason == "max_bars":
            return f"The limit of {bars_of(self.strategy.timeframe, self.strategy.risk.max_bars)} closed it at {price} {order}."
        return f"The {row.exit_reason.replace('_', ' ') or 'exit'} closed it at {price}."

    def _position(self, bar: int) -> dict[str, Any] | None:
        index = int(self.holdings.trade[bar])
        if index < 0:
            return None
        row, state = self.trades[index], self.bars.position
        assert state is not None
        return {
            "side": row.side,
            "size": row.size,
            "entry_time": self._when(row.entry_bar),
            "entry_price": row.entry_price,
            "bars_held": int(state.bars_held[bar]),
            "unrealized_return_pct": float(state.unrealized_return_pct[bar]),
        }

    def _orders(self, bar: int) -> list[dict[str, Any]]:
        """Return what was filled in this bar."""
        orders = []
        for row in self.trades:
            if row.entry_bar == bar:
                orders.append({"order": "entry", "side": row.side, "price": row.entry_price, "size": row.size})
            if row.exit_bar == bar:
                orders.append({"order": "exit", "side": row.side, "price": row.exit_price, "reason": row.exit_reason})
        return orders

    def _answer(self, bar: int, decided: Decision) -> str:
        """Say what was filled in a bar, and what was decided at its close and why."""
        return " ".join(part for part in (self._fills(bar), self._decided(bar, decided)) if part)

    def _decided(self, bar: int, decided: Decision) -> str:
        side, when = decided.side, "at this close" if self.close_fill else "at the next open"
        match decided.action, decided.reasons[-1]:
            case "enter", _:
                if not any(t.entry_bar == bar + (not self.close_fill) for t in self.trades):
                    return f"The {side} entry is true, but its order was not filled: the equity does not pay for it."
                return f"The {side} entry is true, so a {side} order goes out, to be filled {when}."
            case "exit", _:
                return f"The {side} exit is true, so the position is closed {when}."
            case "reverse", _:
                return f"The exit and the {side} entry are true, so the position is reversed {when}."
            case _, "warming_up":
                first = self._when(min(self.start, len(self.frame) - 1))
                return f"The indicators are warming up: the first decision is at the close of {first}."
            case _, "held":
                return "The position is held: no exit is true."
            case _, "last_bar":
                return "This is the last bar: no order could be filled after it."
            case _, "cooldown":
                wait = cooldown_left(self.strategy, self._account(bar))
                after = f" and for {wait - 1} more bar{'s' * (wait > 2)}" if wait > 1 else ""
                return f"No entry at this bar{after}: the cooldown after the last exit is not over."
        return self._lacking(bar)

    def _lacking(self, bar: int) -> str:
        """Say what would have had to change for an entry."""
        reasons = []
        for rule in self.strategy.entry_rules:
            if evaluate(self.strategy, rule.when, self.bars).true[bar]:
                reasons.append(f"{rule.side}: the entry is true, but so is the {rule.side} exit")
            else:
                changes = self._changes(rule.when, bar, want=True)
                reasons.append(f"{rule.side}: {'; '.join(changes)}")
        return f"No trade. Smallest change for one: {' | or '.join(reasons)}."

    def _rule(self, field: str, kind: str, rule: Rule, bar: int) -> dict[str, Any]:
        return {"field": field, "kind": kind, "side": rule.side, **self._clause(rule.when, bar)}

    def _truth(self, node: AnyCondition, bar: int) -> bool | None:
        truth: Truth = evaluate(self.strategy, node, self.bars)
        return True if truth.true[bar] else False if truth.false[bar] else None

    def _clause(self, node: AnyCondition, bar: int) -> dict[str, Any]:
        result: dict[str, Any] = {
            "text": node.text(self.strategy),
            "type": node.type,
            "truth": self._truth(node, bar),
            "values": self._values(node, bar),
        }
        if inside := node.conditions_inside():
            result["clauses"] = [self._clause(condition, bar) for condition in inside]
        return result

    def _values(self, node: AnyCondition, bar: int) -> dict[str, float | str | None]:
        """Return what a condition saw: its operands, also a bar before where it looks there, the time, the position."""
        values: dict[str, float | str | None] = {}
        if node.conditions_inside():
            return values
        backs: dict[AnyOperand, int] = {}
        state = self.bars.position
        assert state is not None
        for part in node.core("").walk():
            if isinstance(part, Comparison):
                for term in (part.left, part.right):
                    backs[term.operand] = max(term.back, backs.get(term.operand, 0))
            elif isinstance(part, Clock):
                values["time"] = self._when(bar)
            elif isinstance(part, PositionTest):
                asked = {"bars held": state.bars_held, "unrealized return": state.unrealized_return_pct}
                values[part.asked] = _number(asked[part.asked][bar])
        for operand, back in backs.items():
            text = operand.text(self.strategy)
            values[text] = self._value(operand, bar)
            if back and bar:
                values[f"{text} a bar before"] = self._value(operand, bar - 1)
        return values

    def _value(self, operand: AnyOperand, bar: int) -> float | None:
        return _number(operand_values(self.strategy, operand, self.bars)[bar])

    def _changes(self, node: AnyCondition, bar: int, *, want: bool) -> list[str]:
        """Return the fewest clauses that would have to change, each with what it needed."""
        if isinstance(node, Not):
            return self._changes(node.condition, bar, want=not want)
        if node.joins:
            parts = [c for c in node.conditions_inside() if self._truth(c, bar) is not want]
            options = [self._changes(c, bar, want=want) for c in parts]
            if (node.joins == "and") == want:
                return [text for option in options for text in option]
            return min(options, key=len, default=[])
        return [self._needed(node, bar, want=want)]

    def _needed(self, node: AnyCondition, bar: int, *, want: bool) -> str:
        statement = node.core("") if want else node.core("").negated()
        if isinstance(statement, Comparison):
            left, right = statement.left.operand, statement.right.operand
            return f"{self._was(left, bar)}, needed {statement.sign} {self._level(right, bar)}"
        values = ", ".join(f"{k} was {_shown(v)}" for k, v in self._values(node, bar).items() if not _is_number(k))
        text = node.text(self.strategy)
        return f"{values}; needed: {text}" if want else f"{values}; needed: not ({text})"

    def _was(self, operand: AnyOperand, bar: int) -> str:
        name = operand.text(self.strategy)
        if isinstance(operand, IndicatorRef) and not operand.offset:
            name = self.strategy.indicator(operand.id).column(operand.output)
        return f"{name} was {_shown(self._value(operand, bar))}"

    def _level(self, operand: AnyOperand, bar: int) -> str:
        text = operand.text(self.strategy)
        return text if _is_number(text) else f"{text}, which was {_shown(self._value(operand, bar))}"


# Why nothing was decided, of many bars.
_QUIET: dict[Reason, str] = {
    "warming_up": "the indicators are warming up",
    "held": "the position is held",
    "cooldown": "the cooldown is not over",
    "last_bar": "no entry is true",
    "no_entry": "no entry is true",
}


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).isdigit()


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _shown(value: float | str | None) -> str:
    return "missing" if value is None else value if isinstance(value, str) else spaced(value)


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
    strategy, frame = prepared.strategy, prepared.frame
    explainer = Explainer(strategy, frame, trades, prepared=prepared)
    reasons: list[str] = []
    last = len(frame) - 1
    for row in explainer.trades:
        signal = row.exit_bar if strategy.execution.trade_on_close else row.exit_bar - 1
        asked = signal >= max(explainer.start, row.entry_bar) and explainer.holdings.side[signal] != 0
        decided = explainer.decide(signal) if asked else None
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
