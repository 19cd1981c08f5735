"""A level that is pierced: "falls below the previous low and closes back above it" on one bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from Backtest.canonical import MIRRORED, AnyCondition, Compare, Cross, Operator, Price
from Strategy.reading.text.draft import Draft
from Strategy.reading.text.lexer import Token
from Strategy.words import prices


def pierced(
    draft: Draft, first: AnyCondition, second: AnyCondition, words: Sequence[Token], length: int
) -> tuple[AnyCondition, AnyCondition]:
    """Return "falls below X" and "closes back above it" as they are on one bar: the low is below X, the close above it.

    `words` are those of both, of which the first `length` are the first one's. What cannot be on one bar, such as RSI that crosses
    30 both ways, is asked about; anything else is returned as it is.
    """
    kept = first, second
    if not isinstance(first, Cross | Compare) or not isinstance(second, Cross | Compare):
        return kept
    way, side = _way(first), _way(second)
    if way is None or side != MIRRORED[way] or first.right != second.right:
        return kept
    below, close = way == "<", Price(column="Close")
    extreme: Literal["High", "Low"] = "Low" if below else "High"
    closing = any(t.norm in prices.CLOSING_VERBS for t in words[:length])
    named = first.left == Price(column=extreme) or (first.left == close and not closing)
    back = any(t.norm in prices.COMING_BACK for t in words[length:])
    if not named or not back or second.left != close:
        if first.left == second.left and (isinstance(first, Cross) or isinstance(second, Cross)):
            _ask_of_bars(draft, words)
        return kept
    low = Compare(left=Price(column=extreme), op=way, right=first.right)
    high = Compare(left=close, op=side, right=first.right)
    if (low, high) == kept:
        return kept
    out, home = ("below", "above") if below else ("above", "below")
    text = f"{out.capitalize()} a level and back {home} it on one bar: the {extreme.lower()} is {out}, the close {home}"
    draft.assume("pierced", text, f"{out} it on one bar, back {home} it on a later one", "entry_rules")
    return low, high


def _way(condition: Cross | Compare) -> Operator | None:
    """Return on which side of its right side a cross or a comparison puts the left one."""
    if isinstance(condition, Cross):
        return ">" if condition.direction == "above" else "<"
    return ">" if condition.op in (">", ">=") else "<" if condition.op in ("<", "<=") else None


def _ask_of_bars(draft: Draft, tokens: Sequence[Token]) -> None:
    said = " ".join(t.norm + "%" * t.percent for t in tokens).replace(" ( ", "(").replace(" )", ")")
    message = f"{said!r} cannot be on one bar"
    draft.problem(
        "error", "two_bars", "text", message, "Say: RSI falls below 30 and then crosses above 30 within 3 bars"
    )
    draft.ask(f"Within how many bars is the second part of {said!r} to come after the first?")
