"""The strategy being read: what has been understood so far, and what was assumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import (
    AnyCondition,
    AnyOperand,
    IndicatorBase,
    IndicatorRef,
    Side,
    make_indicator,
)
from Backtest.errors import Diagnostic
from Backtest.timeframes import seconds


@dataclass(frozen=True)
class Assumption:
    """A default taken, or one of two common readings; `other` names the reading not taken."""

    code: str
    text: str
    other: str = ""
    field: str = ""


class RiskSettings(dict[str, Any]):
    """Stops, targets and size as they were said; `twice` has what was said in two different ways."""

    def __init__(self) -> None:
        super().__init__()
        self.twice: dict[str, tuple[Any, Any]] = {}

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self and self[name] != value:
            self.twice[name] = (self[name], value)
        super().__setitem__(name, value)


_BARS_A_UNIT = {
    "1d": {"day": 1, "week": 5, "month": 21, "year": 252},
    "1wk": {"week": 1, "month": 4, "year": 52},
    "1mo": {"month": 1, "year": 12},
}
_UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400, "month": 30 * 86400, "year": 365 * 86400}


@dataclass
class Draft:
    """Everything read from the text. `timeframe` is known before the rules are read."""

    timeframe: str = "1d"
    symbols: list[str] = field(default_factory=list)
    indicators: dict[str, IndicatorBase] = field(default_factory=dict)
    entries: list[tuple[Side, AnyCondition]] = field(default_factory=list)
    exits: list[tuple[Side | None, AnyCondition]] = field(default_factory=list)
    filters: list[AnyCondition] = field(default_factory=list)
    sells: list[AnyCondition] = field(default_factory=list)
    risk: RiskSettings = field(default_factory=RiskSettings)
    execution: dict[str, Any] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    only_sides: set[Side] = field(default_factory=set)
    title: tuple[int, int] | None = None
    assumptions: dict[str, Assumption] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    # What "it", "its average" and "above the 200" refer to.
    subject: AnyOperand | None = None
    rising_side: bool = True  # which way words without a direction go in this rule
    compared: AnyOperand | None = None  # the left side while the right side is read
    other_symbols: set[str] = field(default_factory=set)
    worded: list[AnyCondition] = field(default_factory=list)
    mentions: list[AnyOperand] = field(default_factory=list)
    average: tuple[str, str | None] = ("SMA", None)
    macd: IndicatorBase | None = None

    def mentioned(self, *, besides: AnyOperand | None = None) -> AnyOperand | None:
        """Return what was last compared, other than one operand: what "it" stands for."""
        return next((m for m in reversed(self.mentions) if m != besides), None)

    def assume(self, code: str, text: str, other: str = "", field: str = "") -> None:
        self.assumptions.setdefault(f"{code}:{text}", Assumption(code, text, other, field))

    def problem(self, severity: Any, code: str, field: str, message: str, suggestion: str = "") -> None:
        found = Diagnostic(severity, code, field, message, suggestion)
        if found not in self.diagnostics:
            self.diagnostics.append(found)

    def out_of_bounds(self, error: ValidationError) -> None:
        """Note a number, or a length, that the schema does not allow."""
        first = error.errors()[0]
        name, given = str(first["loc"][-1]) if first["loc"] else "value", str(first["input"])[:40]
        message = f"{name} of {given} is not possible: {first['msg']}"
        self.problem("error", "out_of_bounds", "text", message, "Use a value within the bounds")
        self.ask(f"What should it be instead of {given}?")

    def ask(self, question: str) -> None:
        if question not in self.questions:
            self.questions.append(question)

    def indicator(
        self,
        name: str,
        params: dict[str, float],
        *,
        output: str | None = None,
        source: str | None = None,
        timeframe: str | None = None,
    ) -> IndicatorRef:
        """Add an indicator to the strategy, if it is not there yet, and refer to it.

        Raises:
            ValueError: the parameters are out of bounds (pydantic's ValidationError).
        """
        if timeframe == self.timeframe:
            timeframe = None
        item = make_indicator(name, source=source, timeframe=timeframe, **params)
        self.indicators.setdefault(item.id, item)
        entry = item.entry
        if len(entry.outputs) > 1 and output is None:
            output = entry.outputs[0].name
        return IndicatorRef(id=item.id, output=output if len(entry.outputs) > 1 else None)

    def bars(self, count: float, unit: str) -> int:
        """Return how many bars of the strategy's time frame a span of time is, at least one."""
        if unit == "bar":
            return max(1, round(count))
        table = _BARS_A_UNIT.get(self.timeframe, {})
        if unit == "week" and count in (13, 26, 52) and self.timeframe == "1d":
            bars = round(252 * count / 52)
        elif unit in table:
            bars = round(count * table[unit])
        else:
            bars = round(count * _UNIT_SECONDS[unit] / seconds(self.timeframe))
            if bars < 1:
                span = f"{count:g} {unit}{'s' if count != 1 else ''}"
                message = f"{span} is shorter than a bar of {self.timeframe}"
                self.problem("error", "span", "text", message, "Use a finer time frame, or a longer span")
                self.ask(f"On which bars shall it trade, so that {span} can be told?")
        if (unit, self.timeframe) not in (
            ("day", "1d"),
            ("hour", "1h"),
            ("week", "1wk"),
            ("month", "1mo"),
            ("minute", "1m"),
        ):
            self.assume("span", f"{count:g} {unit}{'s' if count != 1 else ''} are {bars} bars of {self.timeframe}")
        return max(1, bars)
