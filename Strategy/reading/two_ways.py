"""Phrases with two common readings: what the other reading would trade, and when it first differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from Backtest.canonical import AnyCondition, CanonicalStrategy, Compare, Cross, IndicatorRef, walk
from Backtest.decision import Explainer
from Backtest.diagnostics import load_canonical

MAX_BARS = 100_000
_CROSSINGS = {"<": "below", "<=": "below", ">": "above", ">=": "above"}
_LEVELS = {"above": ">", "below": "<"}


@dataclass(frozen=True)
class Reading:
    """A phrase of the text that was read in one of two ways.

    `part` and `replacement` are JSON nodes of the canonical: putting the replacement where the
    part stands gives the strategy of the other reading.
    """

    text: str
    taken: str
    other: str
    part: dict[str, Any]
    replacement: dict[str, Any]


def readings(strategy: CanonicalStrategy, worded: Iterable[AnyCondition]) -> Iterator[Reading]:
    """Yield the phrases that can be read in another way.

    Args:
        worded: the comparisons and crosses that were said in words; a sign such as < has one meaning.
    """
    seen = list(worded)
    rules = (*strategy.entry_rules, *strategy.exit_rules)
    nodes = [node for rule in rules for node in walk(rule.when)]
    for node in dict.fromkeys(n.model_dump_json() for n in nodes if isinstance(n, Compare | Cross) and n in seen):
        found = next(n for n in nodes if n.model_dump_json() == node)
        if isinstance(found, Compare) and found.op in _CROSSINGS:
            crossing = Cross.model_validate(
                {"left": found.left, "direction": _CROSSINGS[found.op], "right": found.right}
            )
            yield _reading(strategy, found, "a level", crossing, "a cross")
        elif isinstance(found, Cross):
            level = Compare.model_validate({"left": found.left, "op": _LEVELS[found.direction], "right": found.right})
            yield _reading(strategy, found, "a cross", level, "a level")
    yield from _window_readings(strategy, nodes)


def _reading(
    strategy: CanonicalStrategy, part: Compare | Cross, taken: str, by: Compare | Cross, other: str
) -> Reading:
    text = part.text(strategy)
    return Reading(text, taken, other, part.model_dump(mode="json"), by.model_dump(mode="json"))


def _window_readings(strategy: CanonicalStrategy, nodes: list[Any]) -> Iterator[Reading]:
    """Yield the extremes of the bars before this one, which could include it."""
    for ref in dict.fromkeys(n for n in nodes if isinstance(n, IndicatorRef) and n.offset == 1):
        item = strategy.indicator(ref.id)
        if item.entry.extreme:
            with_this = ref.model_copy(update={"offset": 0})
            name = item.column(ref.output)
            taken, other = "that of the bars before this one", "with this bar included"
            yield Reading(name, taken, other, ref.model_dump(mode="json"), with_this.model_dump(mode="json"))


def first_differences(
    strategy: CanonicalStrategy, found: Iterable[Reading], frame: pd.DataFrame, trades: pd.DataFrame, first: int = 0
) -> dict[str, str]:
    """Return for each reading's text the first bar on which the other one would trade differently.

    Up to that bar both hold the same position, so the trades of the strategy's own backtest tell it.

    Args:
        frame: the prices of the backtest, OHLCV.
        trades: its trades in the API's columns.
        first: the first bar that was asked for.
    """
    result: dict[str, str] = {}
    for reading in found:
        other = load_canonical(_replaced(strategy.model_dump(mode="json"), reading)).strategy
        if other is None:
            continue
        if difference := first_difference(strategy, other, frame, trades, first):
            day, here, there = difference
            result[reading.text] = f"{day}: read as {reading.taken}, {here}; read as {reading.other}, {there}"
    return result


def first_difference(
    strategy: CanonicalStrategy, other: CanonicalStrategy, frame: pd.DataFrame, trades: pd.DataFrame, first: int = 0
) -> tuple[str, str, str] | None:
    """Return the first bar on which another strategy would trade differently: the day, what each does; or None.

    Args:
        frame: the prices of a backtest of `strategy`, OHLCV.
        trades: its trades in the API's columns.
        first: the first bar that was asked for.
    """
    if len(frame) > MAX_BARS:
        return None
    ours, theirs = Explainer(strategy, frame, trades, first), Explainer(other, frame, trades, first)
    for bar in ours.may_differ(theirs):
        here, there = ours.decision(bar), theirs.decision(bar)
        if here != there:
            return _shown(frame.index[bar]), _words(*here), _words(*there)
    return None


def _replaced(node: Any, reading: Reading) -> Any:
    if node == reading.part:
        return reading.replacement
    if isinstance(node, dict):
        return {key: _replaced(value, reading) for key, value in node.items()}
    if isinstance(node, list):
        return [_replaced(value, reading) for value in node]
    return node


def _words(action: str, side: str | None) -> str:
    if action == "enter":
        return "buy" if side == "long" else "sell short"
    return {"none": "no trade", "exit": "close", "reverse": f"reverse to {side}"}[action]


def _shown(time: pd.Timestamp) -> str:
    return str(time.date()) if time == time.normalize() else str(time)
