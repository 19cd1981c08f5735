"""What a strategy decides at each close, and why: `decide` for one close, `Explainer` for a finished run, bar by bar.

`judge.py` gives the truth of conditions without the core that code and compiled engine are made of, so that each finds the other's mistakes.
"""

from Backtest.decision.at_close import Account, Bar, Decision, Position, decide
from Backtest.decision.explain import Explainer
from Backtest.decision.judge import Mask, time_mask
from Backtest.decision.ordered import OrderExplainer
from Backtest.decision.prepared import Prepared
from Backtest.decision.replay import exit_reasons
from Backtest.decision.series import Floats, compute_indicators, compute_on, evaluate, input_columns

__all__ = [
    "Account", "Bar", "Decision", "Explainer", "Floats", "Mask", "OrderExplainer", "Position", "Prepared", "compute_indicators",
    "compute_on", "decide", "evaluate", "exit_reasons", "input_columns", "time_mask",
]  # fmt: skip
