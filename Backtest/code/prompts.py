"""Prompts are Markdown files beside the code that uses them; the catalogue of indicators is rendered into them.

A prompt's first line names its version. An answer of the cache belongs to the words it was asked with, so a
changed prompt asks anew.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from string import Template

from Backtest.code.check import MODULES
from Backtest.code.generator import HELPERS
from Backtest.indicators import REGISTRY
from Backtest.market import TIMEFRAMES


@cache
def render(file: Path) -> str:
    """Return the prompt of a file, with what it names by $indicators, $timeframes, $packages and $helpers in it."""
    values = {
        "indicators": indicator_table(),
        "timeframes": ", ".join(TIMEFRAMES),
        "packages": ", ".join(sorted(MODULES)),
        "helpers": "\n".join(HELPERS[name].strip() + "\n" for name in ("protect_fills", "close_out")),
    }
    return Template(file.read_text(encoding="utf-8")).substitute(values)


@cache
def indicator_table() -> str:
    """Return every indicator of the registry: its parameters with defaults and bounds, outputs and levels."""
    lines = []
    for entry in REGISTRY.values():
        params = ", ".join(f"{p.name}={p.as_text(p.default)}" for p in entry.params) or "no parameters"
        outputs = ", ".join(o.name for o in entry.outputs)
        bounds = f"; from {entry.bounds[0]:g} to {entry.bounds[1]:g}" if entry.bounds else ""
        levels = f"; usual levels {entry.levels[0]:g} and {entry.levels[1]:g}" if entry.levels else ""
        session = (
            f"; where no period is said and bars are finer than a day {entry.by_session}" if entry.by_session else ""
        )
        lines.append(f"- {entry.name}: {entry.title}; {params}; outputs {outputs}{bounds}{levels}{session}")
    return "\n".join(lines)


def as_data(label: str, text: str) -> str:
    """Return text of others marked as data, between lines it cannot forge: no text holds its own hash."""
    mark = hashlib.sha256(f"{label}\n{text}".encode()).hexdigest()[:16]
    return f"<<<{label} {mark}>>>\n{text}\n<<<end of {label} {mark}>>>"
