"""What the notes of a job change: a risk-free rate counts, everything else is a remark."""

from __future__ import annotations

import re

from Backtest.errors import Diagnostic, InvalidInput

_NAMED = re.compile(r"(?i)\brisk[-_ ]?free(?:\b|_)|\brf\b(?=\s*(?:=|:|rate\b|is\b|of\b|at\b|\.?\d))")
_RATE = re.compile(
    r"(?i)\b(?:risk[-_ ]?free|rf)(?:[\s_]+(?:interest[\s_]+)?rate)?\s*(?:of|is|at|=|:)?\s*(\d*\.?\d+)\s*(%|percent\b)?"
)


def risk_free_rate(notes: str) -> float | None:
    """Return the yearly risk-free rate that notes name, a fraction: 0.02 of "Risk-free rate 0.02" and of "risk-free 2%".

    Raises:
        InvalidInput: one is named and cannot be read, or is not clearly a fraction or a percentage.
    """
    found = _RATE.search(notes)
    if found is None:
        if _NAMED.search(notes):
            raise _refused("names no rate")
        return None
    number = float(found[1])
    if found[2] is None and number >= 1:
        raise _refused(f"{found[1]} may be a fraction or a percentage")
    rate = number / 100 if found[2] else number
    if rate >= 1:
        raise _refused(f"{found[1]} is no rate a year")
    return rate


def _refused(why: str) -> InvalidInput:
    finding = Diagnostic("error", "risk_free_rate", "notes", f"The risk-free rate in the notes cannot be used: {why}",
                         "Write it as in: risk-free rate 2%, or leave it out")  # fmt: skip
    return InvalidInput(finding.message, details=[finding])


def remark(notes: str, rate: float | None) -> list[Diagnostic]:
    """Return the warning that notes with a number in them, which may be meant as an order, change nothing."""
    if rate is not None or not re.search(r"\d", notes):
        return []
    text = f"The notes are a remark and change nothing: {notes.strip()[:80]!r}"
    return [
        Diagnostic(
            "warning", "notes", "notes", text, "Of notes only a risk-free rate counts; say costs with the strategy"
        )
    ]
