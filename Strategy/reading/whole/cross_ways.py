"""Which way the crosses of exits go for which no direction was said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from Backtest.canonical import All, AnyCondition, AnyOf, Compare, Cross, ForBars, Not, Side, WithinBars, walk
from Strategy.reading.text.draft import Draft


def changed(condition: AnyCondition, change: Callable[[AnyCondition], AnyCondition | None]) -> AnyCondition:
    """Return a condition with its parts as `change` makes them anew; None leaves a part as it is."""
    if (found := change(condition)) is not None:
        return found
    if isinstance(condition, All | AnyOf):
        return condition.model_copy(update={"conditions": [changed(c, change) for c in condition.conditions]})
    if isinstance(condition, Not | ForBars | WithinBars):
        return condition.model_copy(update={"condition": changed(condition.condition, change)})
    return condition


def ways_of_crosses(draft: Draft) -> None:
    """Settle which way a cross goes for which no direction was said: either way in an exit, as the action goes in an entry.

    Where the entry of the same side has put the two lines on one side of each other, the exit is the cross back.
    """
    if not draft.either_way:
        return
    entered = {side for side, _ in draft.entries}
    draft.entries = tuple((side, one_way(draft, condition, side)) for side, condition in draft.entries)
    draft.filters = tuple((side, one_way(draft, condition, side or "long")) for side, condition in draft.filters)

    def settled(condition: AnyCondition, side: Side) -> AnyCondition:
        if draft.reversing and len(entered) == 1:  # the exit is the entry of the other side as well
            return one_way(draft, condition, "short" if side == "long" else "long")
        return changed(condition, lambda part: _way_out(draft, part, side) if part in draft.either_way else None)

    only: Side = "short" if entered == {"short"} else "long"
    draft.exits = tuple(replace(e, when=settled(e.when, e.side or only)) for e in draft.exits)
    if "short" in entered or draft.reversing:
        draft.exits = tuple(replace(e, short=settled(e.short, "short") if e.short else None) for e in draft.exits)


def one_way(draft: Draft, condition: AnyCondition, side: Side) -> AnyCondition:
    """Return the condition of an entry with its crosses upward for a long position, downward for a short one."""

    def directed(part: AnyCondition) -> AnyCondition | None:
        if not isinstance(part, AnyOf) or part not in draft.either_way:
            return None
        draft.assume_direction()
        return part.conditions[side == "short"]

    return changed(condition, directed)


def _way_out(draft: Draft, either: AnyCondition, side: Side) -> AnyCondition:
    """Return a cross in an exit: back where the entry of its side tells from where, else in either direction."""
    assert isinstance(either, AnyOf)
    upward, downward = (part for part in either.conditions if isinstance(part, Cross))
    for node in (node for of, condition in draft.entries if of == side for node in walk(condition)):
        if not isinstance(node, Cross | Compare):
            continue
        as_said = (node.left, node.right) == (upward.left, upward.right)
        if not as_said and (node.right, node.left) != (upward.left, upward.right):
            continue
        above = node.direction == "above" if isinstance(node, Cross) else node.op in (">", ">=")
        if isinstance(node, Cross) or node.op != "==":
            draft.assume_direction()
            return downward if above == as_said else upward
    text = "A cross without a direction closes a position in either direction"
    draft.assume("cross_direction", text, "downward for selling and upward for covering", "exit_rules")
    return either


def leaves_otherwise(draft: Draft) -> bool:
    """Whether a position can be left by something other than an exit rule."""
    levels = {"take_profit", "trailing_stop", "max_bars"} & set(draft.risk)
    return bool(levels) or draft.reversing or draft.opposite_exit
