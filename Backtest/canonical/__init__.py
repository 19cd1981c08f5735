"""The canonical strategy: one exact, validated description of a trading strategy.

It is the language between the front end (text to canonical) and every back end (code, compiled
kernel, live trader). `docs/canonical.md` gives the meaning; this package gives the form, and its conditions and operands are in
`Backtest.meaning`. Load with `load_canonical`, which turns every problem into diagnostics that name the field.
"""

from Backtest.canonical.differences import changes
from Backtest.canonical.facts import ALL_HISTORY, CODE_HISTORY, atr_indicator, history_bars, looks_back, used_indicators
from Backtest.canonical.indicators import IndicatorBase, column_name, default_id, make_indicator
from Backtest.canonical.risk import (
    LEVELS,
    SIZES,
    AtrLevel,
    Execution,
    FixedCash,
    FixedUnits,
    LevelName,
    PercentLevel,
    PercentOfEquity,
    Risk,
    RiskPercent,
    RiskReward,
)
from Backtest.canonical.strategy import (
    KINDS,
    MAX_DEPTH,
    MAX_JSON_BYTES,
    SECOND_NAMES,
    SIDES,
    CanonicalStrategy,
    IndicatorList,
    Kind,
    Provenance,
    Rule,
    json_schema,
    upgrade,
)
from Backtest.meaning.conditions import (
    CONDITIONS,
    WEEKDAYS,
    All,
    AnyCondition,
    AnyOf,
    BarsHeld,
    Between,
    Compare,
    Cross,
    Falling,
    ForBars,
    Not,
    Rising,
    Time,
    UnrealizedReturn,
    Weekday,
    WithinBars,
)
from Backtest.meaning.core import MIRRORED, Operator
from Backtest.meaning.model import MAX_NUMBER, Model, Side, tag, walk
from Backtest.meaning.operands import OPERANDS, AnyOperand, IndicatorRef, Math, Price, Value

__all__ = [
    "ALL_HISTORY", "CODE_HISTORY", "CONDITIONS", "KINDS", "LEVELS", "MAX_DEPTH", "MAX_JSON_BYTES", "MAX_NUMBER",
    "MIRRORED", "OPERANDS", "SECOND_NAMES", "SIDES", "SIZES", "WEEKDAYS", "All", "AnyCondition", "AnyOf",
    "AnyOperand", "AtrLevel", "BarsHeld", "Between", "CanonicalStrategy", "Compare", "Cross", "Execution",
    "Falling", "FixedCash", "FixedUnits", "ForBars", "IndicatorBase", "IndicatorList", "IndicatorRef", "Kind", "LevelName", "Math",
    "Model", "Not", "Operator", "PercentLevel", "PercentOfEquity", "Price", "Provenance", "Rising", "Risk",
    "RiskPercent", "RiskReward", "Rule", "Side", "Time", "UnrealizedReturn", "Value", "Weekday", "WithinBars",
    "atr_indicator", "changes", "column_name", "default_id", "history_bars", "json_schema", "looks_back",
    "make_indicator", "tag", "upgrade", "used_indicators", "walk",
]  # fmt: skip
