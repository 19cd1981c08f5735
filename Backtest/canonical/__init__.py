"""The canonical strategy: one exact, validated description of a trading strategy.

It is the language between the front end (text to canonical) and every back end (code, compiled
kernel, live trader). `docs/canonical.md` gives the meaning; this package gives the form, and its conditions and operands are in
`Backtest.meaning`. Load with `load_canonical`, which turns every problem into diagnostics that name the field.
"""

from Backtest.canonical.differences import changes
from Backtest.canonical.facts import ALL_HISTORY, CODE_HISTORY, atr_indicator, history_bars, looks_back, used_indicators
from Backtest.canonical.indicators import IndicatorBase, column_name, default_id, make_indicator
from Backtest.canonical.risk import EXECUTION_LINES, MAX_UNITS, RISK_LINES, Add, Execution, LevelName, Risk
from Backtest.canonical.strategy import (
    KINDS,
    MAX_JSON_BYTES,
    SECOND_NAMES,
    SIDES,
    CanonicalStrategy,
    EntryRule,
    ExitRule,
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
    CountBars,
    Cross,
    Falling,
    FirstSince,
    ForBars,
    Not,
    Rising,
    Then,
    Time,
    UnrealizedReturn,
    Weekday,
    WithinBars,
)
from Backtest.meaning.core import MIRRORED, Operator
from Backtest.meaning.levels import (
    LEVELS,
    AnyLevel,
    AtrLevel,
    BreakEven,
    Level,
    MoneyLevel,
    PercentLevel,
    PointsLevel,
    PriceLevel,
    ProfitRow,
    RiskReward,
    SpanLevel,
    Stop,
    Target,
    TargetReached,
)
from Backtest.meaning.model import MAX_DEPTH, MAX_NUMBER, Model, Side, tag, walk
from Backtest.meaning.operands import (
    OPERANDS,
    AnyOperand,
    BarsSince,
    Function,
    IndicatorRef,
    Math,
    PositionRef,
    PositionValue,
    Price,
    Ticks,
    Value,
    ValueWhen,
)
from Backtest.meaning.orders import ORDERS, AnyOrder, LimitOrder, MarketOrder, StopLimitOrder, StopOrder, WaitingOrder
from Backtest.meaning.sizes import (
    SIZES,
    AnySize,
    FixedCash,
    FixedUnits,
    Kelly,
    Lots,
    PercentOfEquity,
    RiskPercent,
    Size,
    VolatilityTarget,
)

__all__ = [
    "ALL_HISTORY", "CODE_HISTORY", "CONDITIONS", "EXECUTION_LINES", "KINDS", "LEVELS", "MAX_DEPTH", "MAX_JSON_BYTES", "MAX_NUMBER",
    "MAX_UNITS", "MIRRORED", "OPERANDS", "ORDERS", "RISK_LINES", "SECOND_NAMES", "SIDES", "SIZES", "WEEKDAYS", "Add", "All",
    "AnyCondition", "AnyLevel", "AnyOf", "AnyOperand", "AnyOrder", "AnySize", "AtrLevel", "BarsHeld", "BarsSince", "Between",
    "BreakEven", "CanonicalStrategy", "Compare", "CountBars", "Cross", "EntryRule", "Execution", "ExitRule", "Falling", "FirstSince",
    "FixedCash", "FixedUnits", "ForBars", "Function", "IndicatorBase", "IndicatorList", "IndicatorRef", "Kelly",
    "Kind", "Level", "LevelName", "LimitOrder", "Lots", "MarketOrder", "Math", "Model", "MoneyLevel", "Not",
    "Operator", "PercentLevel", "PercentOfEquity", "PointsLevel", "PositionRef", "PositionValue", "Price", "PriceLevel", "ProfitRow",
    "Provenance", "Rising", "Risk", "RiskPercent", "RiskReward", "Rule", "Side", "Size", "SpanLevel", "Stop",
    "StopLimitOrder", "StopOrder", "Target", "TargetReached", "Then", "Ticks", "Time", "UnrealizedReturn", "Value", "ValueWhen",
    "VolatilityTarget", "WaitingOrder", "Weekday", "WithinBars", "atr_indicator", "changes", "column_name",
    "default_id", "history_bars", "json_schema", "looks_back", "make_indicator", "tag", "upgrade",
    "used_indicators", "walk",
]  # fmt: skip
