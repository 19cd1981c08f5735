"""What "the opposite" and "reverse" mean, now that all rules are read."""

from __future__ import annotations

from Backtest.canonical import All, AnyCondition, BarsHeld, Compare, Cross, Side
from Backtest.meaning.core import MIRRORED
from Strategy.reading.text.draft import Draft, Exit
from Strategy.reading.whole.cross_ways import one_way
from Strategy.reading.whole.level_checks import LEVELS


def opposites(draft: Draft) -> None:
    for side in ("long", "short"):
        other: Side = "short" if side == "long" else "long"
        if side in draft.opposite_entries:
            for _, condition in [e for e in draft.entries if e[0] == other]:
                mirrored = opposite(condition)
                if mirrored is None:
                    draft.problem(
                        "error", "no_opposite", "entry_rules", "The opposite of this rule is not clear", "Write it out"
                    )
                    draft.ask("What exactly is the opposite signal?")
                else:
                    draft.entries += ((side, mirrored),)
                    draft.reversing = True
    if draft.opposite_exit:
        for side, condition in list(draft.entries):
            mirrored = opposite(condition) or _opposite_cross(condition)
            if mirrored is None:
                draft.problem(
                    "error",
                    "no_opposite",
                    "exit_rules",
                    "The opposite of this entry is not clear",
                    "Write the exit out",
                )
                draft.ask("When exactly should the position be closed?")
            else:
                draft.add_exit(side, mirrored)
                draft.assume("opposite", "The opposite signal is the same crossing the other way", field="exit_rules")


def _opposite_cross(condition: AnyCondition) -> AnyCondition | None:
    """Return the opposite of the one crossing among several conditions."""
    if not isinstance(condition, All):
        return None
    crosses = [part for part in condition.conditions if isinstance(part, Cross)]
    return opposite(crosses[0]) if len(crosses) == 1 else None


def reversal(draft: Draft) -> None:
    """With entries on both sides and no way out of one, the opposite entry is the way out."""
    sides = {side for side, _ in draft.entries}
    if draft.reversing and len(sides) == 1:
        (side,) = sides
        other: Side = "short" if side == "long" else "long"
        exits = [e.when for e in draft.exits if e.side in (side, None)]
        mirrored = exits or [m for s, c in draft.entries if (m := opposite(c)) is not None]
        draft.entries += tuple((other, one_way(draft, c, other)) for c in mirrored)
        sides = {s for s, _ in draft.entries}
    if len(sides) < 2:
        return
    levels = {called for name, called in LEVELS.items() if name in draft.risk}
    ignored = draft.one_position and levels - {LEVELS["stop_loss"]}
    for side in ("long", "short"):
        other = "short" if side == "long" else "long"
        known = [e for e in draft.exits if e.side in (side, None)]
        if any(_is_rule(e) for e in known) or side in draft.left_by_trail:
            continue
        if not ignored or draft.reversing:
            for _, condition in [e for e in draft.entries if e[0] == other]:
                draft.add_exit(side, condition)
            if not draft.reversing:
                limits = {LEVELS["max_bars"]} if known else set()
                only = " or ".join(sorted(levels | limits)) or LEVELS["stop_loss"]
                text = f"The {other} entry closes the {side} position"
                draft.assume("reverse", text, f"only a {only} would close it", "exit_rules")


def _is_rule(said: Exit) -> bool:
    """Whether a way out is a rule, and no limit of time."""
    return not isinstance(said.when, BarsHeld)


def opposite(condition: AnyCondition) -> AnyCondition | None:
    """Return the opposite of a cross or of a comparison of two series; None for anything else."""
    if isinstance(condition, Cross):
        return condition.model_copy(update={"direction": "below" if condition.direction == "above" else "above"})
    if isinstance(condition, Compare) and condition.left.type != "value" and condition.right.type != "value":
        if condition.op == "==":  # it has no side
            return None
        return condition.model_copy(update={"op": MIRRORED[condition.op]})
    return None
