"""A strategy in plain English, exact enough to be read back.

`Strategy.text_parser` understands every sentence written here and gives the same strategy; a
property test holds the two together.
"""

from __future__ import annotations

import math
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import zip_longest

from Backtest.canonical import (
    All,
    AnyCondition,
    AnyOf,
    AnyOperand,
    AtrLevel,
    BarsHeld,
    Between,
    CanonicalStrategy,
    Compare,
    Cross,
    Falling,
    FixedCash,
    FixedUnits,
    ForBars,
    IndicatorBase,
    IndicatorRef,
    Not,
    PercentLevel,
    PercentOfEquity,
    Price,
    Rising,
    RiskPercent,
    RiskReward,
    Time,
    UnrealizedReturn,
    Value,
    WithinBars,
)
from Backtest.instruments import is_crypto
from Backtest.timeframes import in_words

WEEKDAYS = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday",
    "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
_WORDS = {"<": "is below", "<=": "is at most", ">": "is above", ">=": "is at least", "==": "equals"}


def describe(strategy: CanonicalStrategy) -> str:
    """Return the strategy in English, one sentence a line."""
    frame = in_words(strategy.timeframe)
    where = f"Trade {', '.join(strategy.symbols)} on" if strategy.symbols else "Trade on"
    lines = [f"{where} {frame} bars."]
    for rule in strategy.entry_rules:
        verb = "Buy" if rule.side == "long" else "Sell short"
        lines.append(f"{verb} when {condition(strategy, rule.when)}.")
    for rule in strategy.exit_rules:
        lines.append(f"Exit {rule.side} when {condition(strategy, rule.when)}.")
    return "\n".join([*lines, *_risk(strategy), *_execution(strategy)])


def plain(value: float) -> str:
    """Return a number without an exponent or a trailing `.0`."""
    text = format(Decimal(repr(float(value))), "f")
    return text.removesuffix(".0")


def dollars(value: float) -> str:
    """Return an amount of money such as `$100,000` or `$0.5`."""
    text = format(Decimal(repr(float(value))), ",f")
    return f"${text.removesuffix('.0')}"


def spaced(value: float) -> str:
    """Return a value that was seen, to six digits or to the unit where it has more, such as `6,580,300` or `152.375`."""
    if not math.isfinite(value):
        return str(value)
    text = format(Decimal(repr(float(f"{value:.6g}") if abs(value) < 1e6 else float(round(value)))), ",f")
    return text.removesuffix(".0")


def bars_of(timeframe: str, count: int | None = None) -> str:
    """Return bars with their time frame, such as `daily bars`, `1 daily bar` or `3 15-minute bars`."""
    text = f"{in_words(timeframe)} {'bar' if count == 1 else 'bars'}"
    return text if count is None else f"{count:,} {text}"


def _level(level: PercentLevel | AtrLevel | RiskReward) -> str:
    if isinstance(level, PercentLevel):
        return f"{plain(level.value)}% from the entry price"
    if isinstance(level, AtrLevel):
        return f"{plain(level.multiple)} times ATR({level.timeperiod})"
    return f"{plain(level.ratio)} times the risk"


def _risk(strategy: CanonicalStrategy) -> list[str]:
    risk, lines = strategy.risk, []
    if risk.stop_loss:
        lines.append(f"Stop loss: {_level(risk.stop_loss)}.")
    if risk.take_profit:
        lines.append(f"Take profit: {_level(risk.take_profit)}.")
    if risk.trailing_stop:
        distance = _level(risk.trailing_stop).removesuffix(" from the entry price")
        lines.append(f"Trailing stop: {distance} behind each close, never moved back.")
    if risk.max_bars:
        lines.append(f"Exit after {risk.max_bars} bars.")
    if risk.cooldown_bars:
        lines.append(f"Wait {risk.cooldown_bars} bars after an exit before the next entry.")
    if size := position_size(strategy):
        lines.append(f"Position size: {size}.")
    return lines


def position_size(strategy: CanonicalStrategy) -> str:
    """Return how much a trade buys, such as `100% of equity`."""
    size = strategy.risk.position_size
    if isinstance(size, PercentOfEquity):
        return f"{plain(size.value)}% of equity"
    if isinstance(size, FixedUnits):
        return f"{plain(size.value)} units"
    if isinstance(size, FixedCash):
        return dollars(size.value)
    if isinstance(size, RiskPercent):
        return f"risk {plain(size.value)}% of equity per trade"
    return ""


def _percent(fraction: float) -> str:
    return plain(float(Decimal(repr(fraction)) * 100))


def _execution(strategy: CanonicalStrategy) -> list[str]:
    e = strategy.execution
    lines = [f"Start with {dollars(e.cash)} in cash."]
    if e.commission:
        lines.append(f"Commission: {_percent(e.commission)}%.")
    if e.commission_fixed:
        lines.append(f"Fixed commission: {dollars(e.commission_fixed)}.")
    if e.spread:
        lines.append(f"Spread: {_percent(e.spread)}%.")
    if e.margin != 1:
        lines.append(f"Margin: {_percent(e.margin)}%.")
    if e.trade_on_close:
        lines.append("Orders are filled at the close of the signal bar.")
    if e.fractional_unit != 1 or any(is_crypto(s) for s in strategy.symbols[:1]):
        lines.append(f"Smallest tradable fraction: {plain(e.fractional_unit)}.")
    if e.risk_free_rate:
        lines.append(f"Risk-free rate: {_percent(e.risk_free_rate)}%.")
    return lines


def _ago(offset: int) -> str:
    return f" {offset} bar{'s' if offset > 1 else ''} ago" if offset else ""


def indicator(strategy: CanonicalStrategy, item: IndicatorBase, output: str | None = None) -> str:
    """Return an indicator in words, such as `SMA(20) of Volume on weekly bars`."""
    entry = item.entry
    text = entry.called or entry.name
    if entry.params:
        text += f"({','.join(p.as_text(item.params[p.name]) for p in entry.params)})"
    if output is not None:
        text += f" {output.replace('_', ' ')}"
    source = item.source_name
    if source is not None and source != entry.default_source:
        known = {i.id: i for i in strategy.indicators}
        inner = known.get(source)
        text += f" of {source if inner is None else indicator(strategy, inner)}"
    if item.timeframe and (source is None or source not in {i.id for i in strategy.indicators}):
        text += f" on {in_words(item.timeframe)} bars"
    return text


def operand(strategy: CanonicalStrategy, node: AnyOperand) -> str:
    """Return an operand in words."""
    if isinstance(node, Value):
        return plain(node.value)
    if isinstance(node, Price):
        return node.column + _ago(node.offset)
    if isinstance(node, IndicatorRef):
        return indicator(strategy, strategy.indicator(node.id), node.output) + _ago(node.offset)
    return f"({operand(strategy, node.left)} {node.op} {operand(strategy, node.right)})"


def condition(strategy: CanonicalStrategy, node: AnyCondition) -> str:
    """Return a condition in words; groups stand in parentheses."""

    def words(item: AnyOperand) -> str:
        return operand(strategy, item)

    def inner(item: AnyCondition) -> str:
        text = condition(strategy, item)
        return f"({text})" if isinstance(item, All | AnyOf | ForBars | WithinBars) else text

    match node:
        case Compare():
            return f"{words(node.left)} {_WORDS[node.op]} {words(node.right)}"
        case Cross():
            return f"{words(node.left)} crosses {node.direction} {words(node.right)}"
        case Between():
            return f"{words(node.operand)} is between {words(node.low)} and {words(node.high)}"
        case Rising() | Falling():
            bars = f"{node.bars} bar{'s' if node.bars > 1 else ''}"
            return f"{words(node.operand)} is {node.type} for {bars}"
        case All() | AnyOf():
            return (" and " if isinstance(node, All) else " or ").join(inner(c) for c in node.conditions)
        case Not():
            return f"not ({condition(strategy, node.condition)})"
        case ForBars():
            return f"on each of the last {node.bars} bars ({condition(strategy, node.condition)})"
        case WithinBars():
            return f"within the last {node.bars} bars ({condition(strategy, node.condition)})"
        case Time():
            return _time(node)
        case BarsHeld():
            return f"bars held {_WORDS[node.op]} {node.bars}"
        case UnrealizedReturn():
            return f"unrealized return {_WORDS[node.op]} {plain(node.percent)}%"
    raise TypeError(f"not a condition: {node!r}")


def _time(node: Time) -> str:
    parts = ["the bar falls"]
    if node.weekdays:
        parts.append("on " + " or ".join(WEEKDAYS[d] for d in node.weekdays))
    if node.start:
        parts.append(f"between {node.start} and {node.end}")
    if node.timezone:
        parts.append(f"in {node.timezone} time")
    return " ".join(parts)


def changes(old: CanonicalStrategy, new: CanonicalStrategy) -> list[dict[str, str]]:
    """Return how two versions differ, in plain English: what each sentence was and is.

    Each item has `change` (added, removed or changed), `was` and `is`.
    """
    before, after = describe(old).splitlines(), describe(new).splitlines()
    found: list[dict[str, str]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, come = before[i1:i2], after[j1:j2]
        for was, is_ in zip_longest(gone, come, fillvalue=""):
            kind = "changed" if was and is_ else "removed" if was else "added"
            found.append({"change": kind, "was": was, "is": is_})
    if old.strategy_name != new.strategy_name:
        found.append({"change": "changed", "was": f"Name: {old.strategy_name}", "is": f"Name: {new.strategy_name}"})
    return found
