"""The reference page of the notation, made of the phrases and the first lines of what the classes say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from Backtest.canonical import (
    CONDITIONS,
    EXECUTION_LINES,
    LEVELS,
    ORDERS,
    RISK_LINES,
    SIZES,
    Add,
    BarsSince,
    BreakEven,
    EntryRule,
    Execution,
    ExitRule,
    Math,
    PositionRef,
    Price,
    ProfitRow,
    Risk,
    Stop,
    Target,
    TargetReached,
    Ticks,
    Value,
    ValueWhen,
)
from Backtest.meaning.phrases import Slot, parsed, slots

_SECTIONS: tuple[tuple[str, list[Any]], ...] = (
    ("Rules", [EntryRule, ExitRule]),
    ("Orders", [*ORDERS]),
    ("Conditions", [kind for kind in CONDITIONS if kind.phrases]),
    ("Operands", [Value, Price, Math, Ticks, PositionRef, BarsSince, ValueWhen]),
    ("Levels", [*LEVELS, TargetReached]),
    ("Stops, targets, further units", [Stop, Target, ProfitRow, BreakEven, Add]),
    ("Sizes", [*SIZES]),
)


def reference() -> str:
    """Return every sentence and phrase as Markdown, a table a section."""
    found: list[str] = []
    for title, kinds in _SECTIONS:
        found += [f"### {title}", "", "| Said | Meaning |", "|---|---|"]
        found += [f"| {said} | {_meaning(kind)} |" for kind in kinds for said in _said(kind, kind.phrases)]
        found.append("")
    for title, kind, lines in (
        ("Sentences about protection", Risk, (*RISK_LINES, "Position size: {position_size:size}")),
        ("Sentences about money and costs", Execution, ("Start with {cash:money} in cash", *EXECUTION_LINES)),
    ):
        found += [f"### {title}", "", *(f"- {said}." for said in _said(kind, lines)), ""]
    return "\n".join(found).rstrip()


def _meaning(kind: Any) -> str:
    first = str(kind.__doc__).split("\n\n")[0]
    return " ".join(first.split()).replace("|", "\\|")


def _said(kind: Any, phrases: tuple[str, ...]) -> Iterator[str]:
    for phrase in phrases:
        text = phrase
        for slot in slots(parsed(phrase)):
            text = text.replace(f"{{{slot.field}:{slot.kind}}}", _choice(kind, slot) or f"*{slot.field}*")
        yield re.sub(r"\[\?\w+ ", "[", text).replace("|", "\\|")


def _choice(kind: Any, slot: Slot) -> str:
    """Return the words of a choice, each with a stroke between; empty for what is no choice."""
    if slot.kind != "choice":
        return ""
    return "`" + " / ".join(word for words in kind.words[slot.field].values() for word in words) + "`"
