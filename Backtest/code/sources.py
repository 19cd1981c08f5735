"""The classes and functions of `runtime/` as text, which generated files bring along word for word."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("runtime")
MODULES = (
    "levels",
    "orders",
    "account",
    "fills",
    "way",
    "book",
    "closing",
)  # in the order in which they stand in a file


@cache
def sources() -> dict[str, str]:
    """Return each class and function by its name; read as text, since importing them would import the engine."""
    found: dict[str, str] = {}
    for module in MODULES:
        text = (FOLDER / f"{module}.py").read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found
