"""The oracle holds the engines to account, so it may not use them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

HERE = Path(__file__).parent
TOOLS = {"hypothesis", "pytest", "yaml"}
OWN = ("tests.oracle", "tests.explore")  # tests.explore says how many examples are drawn, and no more


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_oracle_imports_nothing_of_the_engines() -> None:
    foreign = {
        f"{file.name}: {name}"
        for file in HERE.glob("*.py")
        for name in imported(file)
        if name not in OWN and not name.startswith("tests.oracle.")
        if name.partition(".")[0] not in sys.stdlib_module_names | TOOLS
    }
    assert not foreign
