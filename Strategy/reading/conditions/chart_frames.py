"""Time frames said behind a whole comparison: "EMA(12) > EMA(26) on the weekly chart"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from Backtest.canonical import AnyCondition, Compare, Cross, IndicatorRef, Price, walk
from Backtest.indicators import PRICE_COLUMNS
from Backtest.market import in_words
from Strategy.reading.text.draft import Draft


def on_frame(draft: Draft, condition: AnyCondition, frame: str, since: int) -> AnyCondition | None:
    """Return a condition with its indicators on the bars of a time frame; those that have one of their own keep it.

    What was noted of the comparison from pair `since` on, for "it" to refer to, is moved as well. None where
    the condition has no indicator that could be moved.
    """
    if frame == draft.timeframe:
        return condition
    moved: dict[str, str] = {}
    for node in walk(condition):
        if isinstance(node, IndicatorRef) and node.id not in moved and draft.indicators[node.id].timeframe is None:
            moved[node.id] = _moved(draft, node.id, frame)
    framed = any(isinstance(n, IndicatorRef) and draft.indicators[n.id].timeframe for n in walk(condition))
    if not moved:
        return condition if framed else None

    def again(operand: Any) -> Any:
        is_moved = isinstance(operand, IndicatorRef) and operand.id in moved
        return operand.model_copy(update={"id": moved[operand.id]}) if is_moved else operand

    draft.subject = again(draft.subject)
    draft.pairs = (*draft.pairs[:since], *((again(a), again(b), kind) for a, b, kind in draft.pairs[since:]))
    draft.mentions = tuple(again(m) for m in draft.mentions)
    return type(condition).model_validate(_renamed(condition.model_dump(), moved))


def _moved(draft: Draft, name: str, frame: str) -> str:
    """Add an indicator, and the one it is taken of, on the bars of a time frame; return its id."""
    item = draft.indicators[name]
    source = item.source_name
    if source is not None and source not in PRICE_COLUMNS:
        source = _moved(draft, source, frame)
    return draft.indicator(item.name, dict(item.params), source=source, timeframe=frame).id


def _renamed(data: Any, moved: dict[str, str]) -> Any:
    if isinstance(data, list | tuple):
        return [_renamed(item, moved) for item in data]
    if not isinstance(data, dict):
        return data
    renamed = {key: _renamed(value, moved) for key, value in data.items()}
    if data.get("type") == "indicator":
        renamed["id"] = moved.get(data["id"], data["id"])
    return renamed


def note_mixed_frames(draft: Draft, conditions: Iterator[AnyCondition]) -> None:
    """Note where an indicator of coarser bars is compared with one of the strategy's own, or with its price."""
    for condition in conditions:
        for node in walk(condition):
            if not isinstance(node, Compare | Cross):
                continue
            sides = [(side, _frame(draft, side)) for side in (node.left, node.right)]
            own = [side for side, frame in sides if frame == ""]
            coarse = [(side, frame) for side, frame in sides if frame]
            if own and coarse:
                frames = in_words(draft.timeframe), coarse[0][1]
                text = f"{_name(own[0])} of {frames[0]} bars is compared with {_name(coarse[0][0])}"
                draft.assume("frames", text, f"both of {in_words(frames[1])} bars")


def _frame(draft: Draft, operand: Any) -> str | None:
    """Return an indicator's own time frame, "" where it or a price has none, None for all else."""
    if isinstance(operand, IndicatorRef):
        return draft.indicators[operand.id].timeframe or ""
    return "" if isinstance(operand, Price) and operand.column != "Volume" else None


def _name(operand: Any) -> str:
    return str(operand.id if isinstance(operand, IndicatorRef) else operand.column)
