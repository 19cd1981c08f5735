"""Why a backtest did what it did, bar by bar, straight from the canonical strategy.

The account follows the trades that were made; the rules are judged independently of the
generated code, and the decision reached here must be the order the next bar shows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOf,
    BarsHeld,
    Between,
    CanonicalStrategy,
    Compare,
    Cross,
    Falling,
    ForBars,
    IndicatorRef,
    Not,
    PercentLevel,
    Rising,
    Rule,
    Side,
    Time,
    UnrealizedReturn,
    WithinBars,
)
from Backtest.code_generator import used_indicators
from Backtest.conditions import (
    Bars,
    Floats,
    Mask,
    PositionState,
    Truth,
    compute_indicators,
    evaluate,
    first_decision_bar,
    operand_values,
)
from Backtest.describe import bars_of, spaced
from Backtest.describe import condition as condition_text
from Backtest.describe import operand as operand_text
from Backtest.errors import DataError
from Backtest.timeframes import is_intraday, seconds

Action = Literal["none", "enter", "exit", "reverse"]


@dataclass(frozen=True)
class Account:
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
    """

    def __init__(self, strategy: CanonicalStrategy, frame: pd.DataFrame, trades: pd.DataFrame, first: int = 0) -> None:
        self.strategy = strategy.model_copy(update={"indicators": used_indicators(strategy)})
        self.frame = frame
        self.trades = _trade_rows(trades)
        self.close_fill = strategy.execution.trade_on_close
        series = compute_indicators(self.strategy, frame)
        self.start = max(first, first_decision_bar(series, set(series)))
        self.account = self._account()
        self.bars = Bars(frame, series, self._position_state(), {})
        self.rules: dict[tuple[str, Side], Mask] = {
            (kind, side): self._any_rule(kind, side) for kind in ("entry", "exit") for side in ("long", "short")
        }

    def _any_rule(self, kind: str, side: Side) -> Mask:
        rules = self.strategy.entry_rules if kind == "entry" else self.strategy.exit_rules
        masks = [evaluate(self.strategy, r.when, self.bars).true for r in rules if r.side == side]
        return np.logical_or.reduce(masks) if masks else np.zeros(len(self.frame), dtype=bool)

    def _account(self) -> Account:
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
        return Account(side, trade, since)

    def _position_state(self) -> PositionState:
        n = len(self.frame)
        held, gain = np.full(n, np.nan), np.full(n, np.nan)
        close = self.frame["Close"].to_numpy(dtype=np.float64)
        inside = self.account.trade >= 0
        if inside.any():
            rows = self.account.trade[inside]
            entry_bar = np.array([t.entry_bar for t in self.trades])[rows]
            entry_price = np.array([t.entry_price for t in self.trades])[rows]
            where = np.flatnonzero(inside)
            held[inside] = where - entry_bar + 1
            gain[inside] = self.account.side[inside] * 100 * (close[inside] / entry_price - 1)
        return PositionState(held, gain)

    # Decisions -----------------------------------------------------------------------------

    def decision(self, bar: int) -> tuple[Action, Side | None]:
        """Return what the rules decide at the close of a bar; for `reverse` the new side.

        At the last bar nothing is entered, since no bar is left to fill the order. Whether an
        order could be paid for is the broker's matter.
        """
        if bar < self.start:
            return "none", None
        last = bar == len(self.frame) - 1
        held = int(self.account.side[bar])
        sides = self.strategy.sides
        if held:
            side: Side = "long" if held > 0 else "short"
            if not self._leaves(bar, side):
                return "none", None
            other: Side = "short" if side == "long" else "long"
            if other in sides and not self.strategy.risk.cooldown_bars and not last and self._enters(bar, other):
                return "reverse", other
            return "exit", side
        if last or self._cooldown_left(bar) > 0:
            return "none", None
        for side in sides:
            if self._enters(bar, side):
                return "enter", side
        return "none", None

    def _leaves(self, bar: int, side: Side) -> bool:
        limit = self.strategy.risk.max_bars
        state = self.bars.position
        if limit and state is not None and state.bars_held[bar] >= limit:
            return True
        return bool(self.rules[("exit", side)][bar])

    def _enters(self, bar: int, side: Side) -> bool:
        return bool(self.rules[("entry", side)][bar]) and not bool(self.rules[("exit", side)][bar])

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
        action, side = self.decision(bar)
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
            "decision": {"action": action, "side": side},
            "orders": self._orders(bar),
            "answer": self._instead(bar, at) + self._answer(bar, action, side),
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
        action, side = self.decision(bar)
        return {
            "bar": bar,
            "time": self._when(bar),
            "decision": {"action": action, "side": side},
            "orders": self._orders(bar),
            "answer": self._answer(bar, action, side),
        }

    def _quiet(self, bars: list[int], *, begin: str) -> str:
        """Say why nothing was decided on some bars of a day, how often each, and what the last of them lacked."""
        counts = Counter(self._why_quiet(bar) for bar in bars)
        why = ", ".join(f"{reason} ({count} bar{'s' * (count > 1)})" for reason, count in counts.items())
        return f"{begin} was decided: {why}. {self._clock(bars[-1])}: {self._answer(bars[-1], 'none', None)}"

    def _why_quiet(self, bar: int) -> str:
        if bar < self.start:
            return "the indicators are warming up"
        if self.account.side[bar]:
            return "the position is held"
        if bar < len(self.frame) - 1 and self._cooldown_left(bar) > 0:
            return "the cooldown is not over"
        return "no entry is true"

    def _cooldown_left(self, bar: int) -> int:
        """Return for how many bars, this one counted, there is no entry after the last exit; 0 or less when there may be."""
        return self.strategy.risk.cooldown_bars - (bar - int(self.account.flat_since[bar]))

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
        index = int(self.account.trade[bar])
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

    def _answer(self, bar: int, action: Action, side: Side | None) -> str:
        """Say what was filled in a bar, and what was decided at its close and why."""
        return " ".join(part for part in (self._fills(bar), self._decided(bar, action, side)) if part)

    def _decided(self, bar: int, action: Action, side: Side | None) -> str:
        when = "at this close" if self.close_fill else "at the next open"
        if bar < self.start:
            first = self._when(min(self.start, len(self.frame) - 1))
            return f"The indicators are warming up: the first decision is at the close of {first}."
        if action == "enter" and not any(t.entry_bar == bar + (not self.close_fill) for t in self.trades):
            return f"The {side} entry is true, but its order was not filled: the equity does not pay for it."
        if action == "enter":
            return f"The {side} entry is true, so a {side} order goes out, to be filled {when}."
        if action == "exit":
            return f"The {side} exit is true, so the position is closed {when}."
        if action == "reverse":
            return f"The exit and the {side} entry are true, so the position is reversed {when}."
        if self.account.side[bar]:
            return "The position is held: no exit is true."
        if bar == len(self.frame) - 1:
            return "This is the last bar: no order could be filled after it."
        wait = self._cooldown_left(bar)
        if wait > 0:
            after = f" and for {wait - 1} more bar{'s' * (wait > 2)}" if wait > 1 else ""
            return f"No entry at this bar{after}: the cooldown after the last exit is not over."
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
            "text": condition_text(self.strategy, node),
            "type": node.type,
            "truth": self._truth(node, bar),
            "values": self._values(node, bar),
        }
        if isinstance(node, All | AnyOf):
            result["clauses"] = [self._clause(c, bar) for c in node.conditions]
        elif isinstance(node, Not | ForBars | WithinBars):
            result["clauses"] = [self._clause(node.condition, bar)]
        return result

    def _values(self, node: AnyCondition, bar: int) -> dict[str, float | str | None]:
        values: dict[str, float | str | None] = {}
        operands: list[Any] = []
        if isinstance(node, Compare | Cross):
            operands = [node.left, node.right]
        elif isinstance(node, Between):
            operands = [node.low, node.operand, node.high]
        elif isinstance(node, Rising | Falling):
            operands = [node.operand]
        for operand in operands:
            array: Floats = operand_values(self.strategy, operand, self.bars)
            values[operand_text(self.strategy, operand)] = _number(array[bar])
            if isinstance(node, Cross | Rising | Falling) and bar:
                values[f"{operand_text(self.strategy, operand)} a bar before"] = _number(array[bar - 1])
        if isinstance(node, Time):
            values["time"] = self._when(bar)
        state = self.bars.position
        if isinstance(node, BarsHeld) and state is not None:
            values["bars held"] = _number(state.bars_held[bar])
        if isinstance(node, UnrealizedReturn) and state is not None:
            values["unrealized return"] = _number(state.unrealized_return_pct[bar])
        return values

    def _changes(self, node: AnyCondition, bar: int, *, want: bool) -> list[str]:
        """Return the fewest clauses that would have to change, each with what it needed."""
        if isinstance(node, Not):
            return self._changes(node.condition, bar, want=not want)
        if isinstance(node, All | AnyOf):
            parts = [c for c in node.conditions if self._truth(c, bar) is not want]
            options = [self._changes(c, bar, want=want) for c in parts]
            if isinstance(node, All) == want:
                return [text for option in options for text in option]
            return min(options, key=len, default=[])
        return [self._needed(node, bar, want=want)]

    def _needed(self, node: AnyCondition, bar: int, *, want: bool) -> str:
        values = ", ".join(f"{k} was {_shown(v)}" for k, v in self._values(node, bar).items() if not _is_number(k))
        if isinstance(node, Compare):
            op = node.op if want else {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!="}[node.op]
            right = operand_text(self.strategy, node.right)
            return f"{_left_value(self, node, bar)}, needed {op} {_right_value(self, node, bar, right)}"
        text = condition_text(self.strategy, node)
        return f"{values}; needed: {text}" if want else f"{values}; needed: not ({text})"


def _left_value(explainer: Explainer, node: Compare, bar: int) -> str:
    name = operand_text(explainer.strategy, node.left)
    if isinstance(node.left, IndicatorRef) and not node.left.offset:
        name = explainer.strategy.indicator(node.left.id).column(node.left.output)
    value = operand_values(explainer.strategy, node.left, explainer.bars)[bar]
    return f"{name} was {_shown(_number(value))}"


def _right_value(explainer: Explainer, node: Compare, bar: int, text: str) -> str:
    if _is_number(text):
        return text
    value = operand_values(explainer.strategy, node.right, explainer.bars)[bar]
    return f"{text}, which was {_shown(_number(value))}"


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


def exit_reasons(
    strategy: CanonicalStrategy, frame: pd.DataFrame, trades: pd.DataFrame, *, first: int = 0
) -> list[str]:
    """Return why each trade ended: exit_rule, max_bars, stop_loss, trailing_stop, take_profit or
    end_of_data. What a loss of everything ended, which equity tells, is not known here."""
    explainer = Explainer(strategy, frame, trades, first)
    state = explainer.bars.position
    assert state is not None
    reasons = []
    last = len(frame) - 1
    for row in explainer.trades:
        signal = row.exit_bar if strategy.execution.trade_on_close else row.exit_bar - 1
        asked = signal >= max(explainer.start, row.entry_bar) and explainer.account.side[signal] != 0
        if asked and strategy.risk.max_bars and state.bars_held[signal] >= strategy.risk.max_bars:
            reasons.append("max_bars")
        elif asked and explainer.rules[("exit", row.side)][signal]:
            reasons.append("exit_rule")
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
