"""What the conditions of a rule mean: each is one class in `conditions.py`, lowered to the few kinds of `core.py`.

The code writer, the compiled engine and the search for contradictions read the core alone. `Backtest/decision/judge.py`
judges conditions without it, on purpose, so that each of the two finds the other's mistakes.
"""
