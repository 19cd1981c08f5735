"""What the conditions of a rule mean: each is one class in `conditions.py`, lowered to the few kinds of `core.py`.

The code writer, the compiled engine and the search for contradictions read the core alone. `Backtest/decision/judge.py`
judges conditions without it, on purpose, so that each of the two finds the other's mistakes. The conditions
themselves are part of the face of `Backtest.canonical`; `core.py` is imported by its own name.
"""

from Backtest.meaning.operands import back
from Backtest.meaning.words import dollars, percent, plain, spaced

__all__ = ["back", "dollars", "percent", "plain", "spaced"]
