"""Why a backtest did what it did, bar by bar, straight from the canonical strategy."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import AnyCondition, AnyOperand, CanonicalStrategy, IndicatorRef, Not, Rule
from Backtest.decision.at_close import Decision, Reason, cooldown_left
from Backtest.decision.judge import Truth, evaluate, operand_values
from Backtest.decision.prepared import Prepared
from Backtest.decision.replay import Replay, TradeRow
from Backtest.errors import DataError
from Backtest.market import bars_of, is_intraday, seconds
from Backtest.meaning import spaced
from Backtest.meaning.core import Clock, Comparison, PositionTest


class Explainer(Replay):
    """Says of the bars of a finished backtest what was seen and decided.

    Args:
        trades: the backtest's trades in the API's columns, entry_bar and exit_bar being rows of
            `frame`.
        first: the first bar that was asked for; those before it only warmed the indicators up.
    """

    def __init__(self, strategy: CanonicalStrategy, frame: pd.DataFrame, trades: pd.DataFrame, first: int = 0) -> None:
        super().__init__(Prepared(strategy, frame, first), trades)

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
        if at.date() <= self.frame.index[bar].date():
            return ""
        if seconds(self.strategy.timeframe) > 86400:
            return f"This is the bar dated {self._when(bar)}, the last one up to {at.date()}. "
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
        row = self.trades[index]
        return {
            "side": row.side,
            "size": row.size,
            "entry_time": self._when(row.entry_bar),
            "entry_price": row.entry_price,
            "bars_held": int(self.position.bars_held[bar]),
            "unrealized_return_pct": float(self.position.unrealized_return_pct[bar]),
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
                wait = cooldown_left(self.strategy, self.account(bar))
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
        for part in node.core("").walk():
            if isinstance(part, Comparison):
                for term in (part.left, part.right):
                    backs[term.operand] = max(term.back, backs.get(term.operand, 0))
            elif isinstance(part, Clock):
                values["time"] = self._when(bar)
            elif isinstance(part, PositionTest):
                held, gain = self.position.bars_held, self.position.unrealized_return_pct
                values[part.asked] = _number((held if part.asked == "bars held" else gain)[bar])
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
