"""The readable Python of a strategy: written, checked line by line, and asked of a model.

`parameters.py`, the numbers of a strategy by their paths, is imported by its own name.
"""

from Backtest.code.check import CodeIssue, check_code, streams
from Backtest.code.generator import GeneratedCode, generate_code, safe_slug, write_code
from Backtest.code.prompts import as_data, render

__all__ = [
    "CodeIssue", "GeneratedCode", "as_data", "check_code", "generate_code", "render", "safe_slug", "streams", "write_code",
]  # fmt: skip
