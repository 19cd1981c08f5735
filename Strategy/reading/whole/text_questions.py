"""What to ask about a finding, in a trader's words."""

from __future__ import annotations

import re

from Backtest.errors import Diagnostic
from Backtest.market import in_words

_QUESTIONS = {
    "no_exit": "When should the position be closed?",
    "entry_is_exit": "By what do entry and exit differ?",
    "time_of_day": "On which intraday bars, such as 5m or 1h, shall it trade?",
    "threshold_range": "Which level, within the indicator's range, is meant?",
    "session_of_one_bar": "Over how many bars shall VWAP go, or on which bars finer than a day shall it trade?",
    "period": "Which period should the indicator have?",
    "stop_range": "How far from the entry, in percent below 100, should the stop be?",
    "target_range": "How far from the entry should the target be?",
}


def question_about(problem: Diagnostic) -> str:
    """Return what to ask about an error; words that were not understood are asked about already."""
    if problem.field == "text" or problem.code in ("no_entry", "no_opposite", "contradiction"):
        return ""
    if problem.code in ("unsatisfiable", "always_true", "only_numbers"):
        return f"{problem.message}. What was meant?"
    known = _QUESTIONS.get(problem.code)
    if known:
        return known
    if "risk_percent needs" in problem.message or "risk_reward needs" in problem.message:
        return "Where should the stop loss be?"
    return _in_plain_words(problem) or f"What should it be instead? {problem.message}"


_SETTINGS = {
    "risk.position_size": "position size", "risk.stop_loss": "stop loss", "risk.take_profit": "target", "risk.trailing_stop": "trailing stop",
    "risk.max_bars": "time limit, in bars,", "risk.cooldown_bars": "pause after an exit, in bars,", "execution.cash": "starting cash",
    "execution.commission": "commission", "execution.commission_fixed": "commission", "execution.spread": "spread", "execution.margin": "margin",
}  # fmt: skip


_BOUNDS = {
    "less than or equal to": "at most", "greater than or equal to": "at least", "less than": "less than", "greater than": "more than",
}  # fmt: skip


def _in_plain_words(problem: Diagnostic) -> str:
    """Return the question about a number beyond its bounds, or a time frame too fine, in a trader's words."""
    frames = re.search(r"time frame (\S+) is not coarser than the strategy's (\S+)", problem.message)
    if frames is not None:
        fine, own = (in_words(frame) for frame in frames.groups())
        return f"The strategy trades on {own} bars, where nothing can be told of {fine} bars. On which bars shall it trade?"
    bound = re.search(rf"Input should be ({'|'.join(_BOUNDS)}) (\S+?)(?:, got (\S+))?$", problem.message)
    name = next((words for field, words in _SETTINGS.items() if problem.field.startswith(field)), None)
    if bound is None or name is None:
        return ""
    share = 100 if problem.field in ("execution.commission", "execution.spread", "execution.margin") else 1
    limit, given = float(bound[2]) * share, bound[3]
    levels = ("position size", "stop loss", "target", "trailing stop")
    percent = "%" if share == 100 or (name in levels and "value" in problem.field) else ""
    instead = f", not {float(given) * share:g}{percent}" if given else ""
    return f"The {name} must be {_BOUNDS[bound[1]]} {limit:g}{percent}{instead}. What shall it be?"
