"""Whether the files that are written for strategies are what a careful author would keep: formatted, and without a finding of ruff."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from Backtest.canonical import CanonicalStrategy
from Backtest.code.generator import generate_code

RULES = "E,F,W,I,B,UP,ANN,RET,SIM,C4"


def assert_clean(strategies: Iterable[CanonicalStrategy], folder: Path, *, ignore: str = "") -> None:
    """Write the code of strategies into a folder, and fail with what ruff says of it, the rules in `ignore` left out."""
    codes = [generate_code(strategy).code for strategy in strategies]
    assert codes
    for number, code in enumerate(codes):
        (folder / f"s{number}.py").write_text(code, encoding="utf-8")
    checks = ["check", "--select", RULES, "--target-version", "py311", *(["--ignore", ignore] if ignore else [])]
    for command in (["format", "--diff"], checks):
        options = ["--isolated", "--no-cache", "--line-length", "100", str(folder)]
        line = [sys.executable, "-m", "ruff", *command, *options]
        ran = subprocess.run(line, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout[-3000:]
