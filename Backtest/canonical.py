"""The canonical strategy: one exact, validated description of a trading strategy.

It is the language between the front end (text to canonical) and every back end (code, compiled
kernel, live trader). `docs/canonical.md` gives the meaning; this module gives the form. Load
with `load_canonical`, which turns every problem into diagnostics that name the field.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, create_model, field_validator, model_validator

from Backtest.indicators import PRICE_COLUMNS, REGISTRY, IndicatorEntry
from Backtest.indicators.listed import listed
from Backtest.instruments import traded_unit
from Backtest.timeframes import TIMEFRAMES, Timeframe, is_intraday, seconds

SCHEMA_VERSION: Literal["1"] = "1"
MAX_INDICATORS = 32
MAX_CONDITIONS = 64
MAX_DEPTH = 8
MAX_JSON_BYTES = 64 * 1024

Side = Literal["long", "short"]
Operator = Literal["<", "<=", ">", ">=", "=="]
MIRRORED: dict[Operator, Operator] = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}  # what holds with the sides exchanged
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
PriceColumn = Literal["Open", "High", "Low", "Close", "Volume"]
MAX_NUMBER = 1e12
Number = Annotated[float, Field(allow_inf_nan=False, ge=-MAX_NUMBER, le=MAX_NUMBER)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0, le=MAX_NUMBER)]
Offset = Annotated[int, Field(ge=0, le=500)]
Bars = Annotated[int, Field(ge=1, le=100_000)]
Window = Annotated[int, Field(ge=1, le=500)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.@]{0,79}$")]


class Model(BaseModel):
    """Base of every part: unknown fields are errors, values do not change once built."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


# Operands ----------------------------------------------------------------------------------


class Value(Model):
    """A constant."""

    type: Literal["value"] = "value"
    value: Number


class Price(Model):
    """A price column of the traded bars, `offset` bars back."""

    type: Literal["price"] = "price"
    column: PriceColumn = "Close"
    offset: Offset = 0


class IndicatorRef(Model):
    """An indicator's output, `offset` bars back. `output` is needed when there are several."""

    type: Literal["indicator"] = "indicator"
    id: Identifier
    output: str | None = Field(default=None, max_length=32)
    offset: Offset = 0


class Math(Model):
    """Two operands joined by + - * or /. A division by zero gives no value."""

    type: Literal["math"] = "math"
    left: Operand
    op: Literal["+", "-", "*", "/"]
    right: Operand


Operand = Annotated[Union[Value, Price, IndicatorRef, Math], Field(discriminator="type")]


# Conditions --------------------------------------------------------------------------------


class Compare(Model):
    """`left op right` at this bar. False while either side has no value."""

    type: Literal["compare"] = "compare"
    left: Operand
    op: Operator
    right: Operand


class Cross(Model):
    """`left` was at or beyond the other side of `right` a bar ago and is past it now."""

    type: Literal["cross"] = "cross"
    left: Operand
    direction: Literal["above", "below"]
    right: Operand


class Between(Model):
    """`low <= operand <= high`."""

    type: Literal["between"] = "between"
    operand: Operand
    low: Operand
    high: Operand


class Rising(Model):
    """Each of the last `bars` values is greater than the one before it."""

    type: Literal["rising"] = "rising"
    operand: Operand
    bars: Window = 1


class Falling(Model):
    """Each of the last `bars` values is less than the one before it."""

    type: Literal["falling"] = "falling"
    operand: Operand
    bars: Window = 1


class All(Model):
    """Every condition holds."""

    type: Literal["all"] = "all"
    conditions: list[Condition] = Field(min_length=2, max_length=MAX_CONDITIONS)


class AnyOf(Model):
    """At least one condition holds."""

    type: Literal["any"] = "any"
    conditions: list[Condition] = Field(min_length=2, max_length=MAX_CONDITIONS)


class Not(Model):
    """The condition is known not to hold; while a value is missing, `not` is false too."""

    type: Literal["not"] = "not"
    condition: Condition


class ForBars(Model):
    """The condition holds on each of the last `bars` bars, this one included."""

    type: Literal["for_bars"] = "for_bars"
    condition: Condition
    bars: Annotated[int, Field(ge=2, le=500)]


class WithinBars(Model):
    """The condition holds on at least one of the last `bars` bars, this one included."""

    type: Literal["within_bars"] = "within_bars"
    condition: Condition
    bars: Annotated[int, Field(ge=2, le=500)]


class Time(Model):
    """The bar's time stamp falls on one of `weekdays` and in [start, end).

    Times are those of the data; with `timezone` they are converted first, data without a zone
    being taken as UTC. A start after the end spans midnight.
    """

    type: Literal["time"] = "time"
    weekdays: list[Weekday] = Field(default_factory=list, max_length=7)
    start: Clock | None = None
    end: Clock | None = None
    timezone: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{1,40}$")] | None = None

    @field_validator("weekdays")
    @classmethod
    def _in_order(cls, days: list[Weekday]) -> list[Weekday]:
        order = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        return sorted(set(days), key=order.index)

    @model_validator(mode="after")
    def _says_something(self) -> Time:
        if (self.start is None) != (self.end is None):
            raise ValueError("a time window needs both a start and an end")
        if self.start is not None and self.start == self.end:
            raise ValueError(f"the time window {self.start} to {self.end} is empty")
        if not self.weekdays and self.start is None:
            raise ValueError("a time condition needs weekdays or a time window")
        if self.timezone is not None:
            from zoneinfo import ZoneInfo

            try:
                ZoneInfo(self.timezone)
            except (KeyError, ValueError, OSError):
                raise ValueError(f"unknown time zone {self.timezone!r}, use a name such as America/New_York") from None
        return self


class BarsHeld(Model):
    """Compares the age of the position in bars; the entry bar counts as 1. Exits only."""

    type: Literal["bars_held"] = "bars_held"
    op: Operator
    bars: Bars


class UnrealizedReturn(Model):
    """Compares the open trade's return at this close, in percent of its entry. Exits only."""

    type: Literal["unrealized_return"] = "unrealized_return"
    op: Operator
    percent: Number


Condition = Annotated[
    Union[
        Compare, Cross, Between, Rising, Falling, All, AnyOf, Not, ForBars, WithinBars, Time, BarsHeld, UnrealizedReturn
    ],
    Field(discriminator="type"),
]


class Rule(Model):
    """Enter, or leave, a position of `side` when the condition holds at a bar's close."""

    side: Side = "long"
    when: Condition


# Indicators --------------------------------------------------------------------------------


class IndicatorBase(Model):
    """What every indicator of a strategy has; the registry gives each its own parameters."""

    id: Identifier
    name: str
    timeframe: Timeframe | None = None

    @property
    def entry(self) -> IndicatorEntry:
        return REGISTRY[self.name]

    @property
    def params(self) -> dict[str, float]:
        return {p.name: getattr(self, p.name) for p in self.entry.params}

    @property
    def source_name(self) -> str | None:
        return getattr(self, "source", None)

    def column(self, output: str | None = None) -> str:
        """Return the column name of an output, such as `MACD_SIGNAL_12_26_9`."""
        return column_name(self.entry, self.params, self.source_name, self.timeframe, output)


def column_name(
    entry: IndicatorEntry,
    params: Mapping[str, float],
    source: str | None = None,
    timeframe: str | None = None,
    output: str | None = None,
) -> str:
    """Return the column of an indicator's output: name, parameters, source and time frame."""
    parts = [entry.output(output).column, entry.suffix(params)]
    if source is not None and source != entry.default_source:
        parts.append(source)
    name = "_".join(p for p in parts if p)
    return f"{name}@{timeframe}" if timeframe else name


def default_id(
    entry: IndicatorEntry, params: Mapping[str, float], source: str | None = None, timeframe: str | None = None
) -> str:
    """Return the id an indicator gets when none is given, such as `RSI_14` or `BB_20_2`."""
    parts = [entry.name, entry.suffix(params)]
    if source is not None and source != entry.default_source:
        parts.append(source)
    name = "_".join(p for p in parts if p)
    return f"{name}@{timeframe}" if timeframe else name


def _meant(data: Any, timeframe: str) -> Any:
    """Return an indicator's JSON under the name that is meant on bars of a time frame: VWAP without a period is that
    of the session on bars finer than a day, unless its id says a period."""
    entry = REGISTRY.get(str(data.get("name"))) if isinstance(data, dict) else None
    if entry is None or not entry.by_session or any(p.name in data for p in entry.params):
        return data
    bars = data.get("timeframe") or timeframe
    rolling = default_id(entry, {p.name: p.default for p in entry.params}, timeframe=data.get("timeframe"))
    if bars not in TIMEFRAMES or not is_intraday(bars) or data.get("id") == rolling:
        return data
    return {**data, "name": entry.by_session}


def _fill_id(data: Any) -> Any:
    """Give an indicator's JSON a default id where it has none."""
    if not isinstance(data, dict) or data.get("id") or data.get("name") not in REGISTRY:
        return data
    entry = REGISTRY[str(data["name"])]
    params = {p.name: data.get(p.name, p.default) for p in entry.params}
    if not all(isinstance(v, int | float) for v in params.values()):
        return data
    return {**data, "id": default_id(entry, params, data.get("source"), data.get("timeframe"))}


def _indicator_model(entry: IndicatorEntry) -> type[IndicatorBase]:
    fields: dict[str, Any] = {"name": (Literal[entry.name], entry.name)}
    for p in entry.params:
        number = (
            Annotated[p.kind, Field(ge=p.minimum, le=p.maximum, allow_inf_nan=False)]
            if p.kind is float
            else (Annotated[int, Field(ge=p.minimum, le=p.maximum)])
        )
        fields[p.name] = (number, p.kind(p.default))
    if entry.takes_source:
        fields["source"] = (Identifier, entry.default_source)
    names = ", ".join(p.name for p in entry.params)
    doc = f"Without {names} it is {entry.by_session} on bars finer than a day." if entry.by_session else None
    return create_model(
        f"{entry.name.title().replace('_', '')}Indicator", __base__=IndicatorBase, __doc__=doc, **fields
    )


INDICATOR_MODELS: dict[str, type[IndicatorBase]] = {name: _indicator_model(e) for name, e in REGISTRY.items()}

if TYPE_CHECKING:
    Indicator = IndicatorBase
else:
    Indicator = Annotated[Union[tuple(INDICATOR_MODELS.values())], Field(discriminator="name")]


def make_indicator(
    name: str, *, source: str | None = None, timeframe: str | None = None, **params: float
) -> IndicatorBase:
    """Build an indicator with its default id, such as `make_indicator("RSI", timeperiod=14)`."""
    data: dict[str, Any] = {"name": name, **params}
    if source is not None:
        data["source"] = source
    if timeframe is not None:
        data["timeframe"] = timeframe
    return INDICATOR_MODELS[name].model_validate(_fill_id(data))


# Risk and execution ------------------------------------------------------------------------


class PercentLevel(Model):
    """A distance in percent of the entry fill price."""

    type: Literal["percent"] = "percent"
    value: Annotated[float, Field(allow_inf_nan=False, gt=0, le=10_000)]


class AtrLevel(Model):
    """A distance of `multiple` times the ATR of the signal bar."""

    type: Literal["atr"] = "atr"
    multiple: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1000)]
    timeperiod: Annotated[int, Field(ge=1, le=1000)] = 14


class RiskReward(Model):
    """A target at `ratio` times the distance of the stop loss."""

    type: Literal["risk_reward"] = "risk_reward"
    ratio: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1000)]


class PercentOfEquity(Model):
    """A share of the equity; 100 is backtesting.py's full-size default."""

    type: Literal["percent_of_equity"] = "percent_of_equity"
    value: Annotated[float, Field(allow_inf_nan=False, gt=0, le=100)] = 100


class FixedUnits(Model):
    """A number of shares, contracts or coins."""

    type: Literal["fixed_units"] = "fixed_units"
    value: Positive


class FixedCash(Model):
    """An amount of money, turned into units at the signal bar's close."""

    type: Literal["fixed_cash"] = "fixed_cash"
    value: Positive


class RiskPercent(Model):
    """The percent of equity lost when the stop is hit: equity at risk over the stop distance."""

    type: Literal["risk_percent"] = "risk_percent"
    value: Annotated[float, Field(allow_inf_nan=False, gt=0, le=100)]


StopLoss = Annotated[Union[PercentLevel, AtrLevel], Field(discriminator="type")]
TakeProfit = Annotated[Union[PercentLevel, AtrLevel, RiskReward], Field(discriminator="type")]
PositionSize = Annotated[Union[PercentOfEquity, FixedUnits, FixedCash, RiskPercent], Field(discriminator="type")]


class Risk(Model):
    """Protection and size of every trade."""

    stop_loss: StopLoss | None = None
    take_profit: TakeProfit | None = None
    trailing_stop: StopLoss | None = None
    max_bars: Bars | None = None
    cooldown_bars: Annotated[int, Field(ge=0, le=100_000)] = 0
    position_size: PositionSize = PercentOfEquity()


class Execution(Model):
    """How orders are filled. Commission and spread are fractions of the order value."""

    cash: Positive = 100_000
    commission: Annotated[float, Field(allow_inf_nan=False, ge=0, lt=0.1)] = 0.0
    commission_fixed: Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e6)] = 0.0
    spread: Annotated[float, Field(allow_inf_nan=False, ge=0, lt=0.1)] = 0.0
    margin: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)] = 1.0
    trade_on_close: bool = False
    fractional_unit: Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)] = 1.0
    risk_free_rate: Annotated[float, Field(allow_inf_nan=False, gt=-1, lt=1)] = 0.0


class Classification(Model):
    """What kind of strategy it is; says nothing about how it trades."""

    type: Literal["trend-following", "mean-reversion", "breakout", "momentum", "other"] = "other"
    risk_tier: Literal["low", "medium", "high"] = "medium"


class Parameter(Model):
    """A number of the strategy that may be varied, by path, in steps from min to max."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    path: Annotated[str, Field(max_length=200)]
    min: Number
    max: Number
    step: Positive

    @model_validator(mode="after")
    def _ordered(self) -> Parameter:
        if self.min > self.max:
            raise ValueError(f"min {self.min:g} is greater than max {self.max:g}")
        return self


class Provenance(Model):
    """Where the strategy came from."""

    source: Literal["text", "json", "url", "model", "edit"] = "json"
    parser: Literal["rules", "model", "none"] = "none"
    original_text: Annotated[str, Field(max_length=10_000)] = ""


class CanonicalStrategy(Model):
    """A whole strategy. `model_validate(model_dump())` is the identity."""

    schema_version: Literal["1"] = SCHEMA_VERSION
    strategy_name: Name = "Strategy"
    description: Annotated[str, Field(max_length=10_000)] = ""
    classification: Classification = Classification()
    symbols: list[Annotated[str, Field(pattern=r"^[A-Z0-9^][A-Z0-9.^=_!-]{0,19}$")]] = Field(
        default_factory=list, max_length=20
    )
    timeframe: Timeframe = "1d"
    indicators: list[Indicator] = Field(default_factory=list, max_length=MAX_INDICATORS)
    entry_rules: list[Rule] = Field(min_length=1, max_length=16)
    exit_rules: list[Rule] = Field(default_factory=list, max_length=16)
    risk: Risk = Risk()
    execution: Execution = Execution()
    parameters: list[Parameter] = Field(default_factory=list, max_length=32)
    provenance: Provenance = Provenance()

    @field_validator("indicators", mode="before")
    @classmethod
    def _default_ids(cls, data: Any, info: ValidationInfo) -> Any:
        timeframe = str(info.data.get("timeframe"))
        return [_fill_id(_meant(listed(item), timeframe)) for item in data] if isinstance(data, list) else data

    @field_validator("strategy_name")
    @classmethod
    def _clean_name(cls, name: str) -> str:
        cleaned = re.sub(r"[\x00-\x1f\x7f]+", " ", name).strip()
        if not cleaned:
            raise ValueError("the name is empty")
        return cleaned

    @model_validator(mode="after")
    def _fits_together(self) -> CanonicalStrategy:
        self._check_indicators()
        self._check_size()
        for where, rules in (("entry_rules", self.entry_rules), ("exit_rules", self.exit_rules)):
            for i, rule in enumerate(rules):
                for node in walk(rule.when):
                    self._check_position(where, i, node)
                    if isinstance(node, IndicatorRef):
                        self._check_ref(where, i, node)
        size = self.risk.position_size
        if isinstance(size, RiskPercent) and not (self.risk.stop_loss or self.risk.trailing_stop):
            raise ValueError(
                "risk.position_size: risk_percent needs a stop loss or a trailing stop to measure the risk by"
            )
        if isinstance(self.risk.take_profit, RiskReward) and not (self.risk.stop_loss or self.risk.trailing_stop):
            raise ValueError("risk.take_profit: risk_reward needs a stop loss to be a multiple of")
        return self

    @staticmethod
    def _check_position(where: str, i: int, node: Model) -> None:
        """Let only exits ask of the open position, and only of what it is at this bar."""
        if where == "entry_rules" and isinstance(node, BarsHeld | UnrealizedReturn):
            raise ValueError(f"{where}[{i}]: {node.type} needs an open position, so it belongs into exit_rules")
        if not isinstance(node, ForBars | WithinBars):
            return
        for inside in walk(node):
            if isinstance(inside, BarsHeld | UnrealizedReturn):
                raise ValueError(
                    f"{where}[{i}]: {inside.type} cannot stand in {node.type}: bars ago the position was another one"
                )

    def _check_indicators(self) -> None:
        seen: set[str] = set(PRICE_COLUMNS)
        for i, indicator in enumerate(self.indicators):
            if indicator.id in seen:
                raise ValueError(f"indicators[{i}]: the id {indicator.id!r} is used twice or is a price column")
            source = indicator.source_name
            if source is not None and source not in seen:
                raise ValueError(
                    f"indicators[{i}]: source {source!r} is neither a price column nor an indicator listed before it"
                )
            if source not in (None, *PRICE_COLUMNS) and self.indicator(str(source)).timeframe != indicator.timeframe:
                raise ValueError(f"indicators[{i}]: its source {source!r} is computed on another time frame")
            source_entry = self.indicator(str(source)).entry if source not in (None, *PRICE_COLUMNS) else None
            if source_entry and len(source_entry.outputs) > 1:
                raise ValueError(f"indicators[{i}]: source {source!r} has several outputs and cannot be a source")
            if indicator.timeframe and seconds(indicator.timeframe) <= seconds(self.timeframe):
                raise ValueError(
                    f"indicators[{i}]: time frame {indicator.timeframe} is not coarser than the strategy's {self.timeframe}"
                )
            seen.add(indicator.id)

    def _check_ref(self, where: str, i: int, ref: IndicatorRef) -> None:
        known = {indicator.id: indicator for indicator in self.indicators}
        if ref.id not in known:
            raise ValueError(f"{where}[{i}]: indicator {ref.id!r} is not in the list of indicators")
        names = [o.name for o in known[ref.id].entry.outputs]
        if len(names) > 1 and ref.output not in names:
            raise ValueError(f"{where}[{i}]: {ref.id} has several outputs, name one of {', '.join(names)}")
        if len(names) == 1 and ref.output is not None:
            raise ValueError(f"{where}[{i}]: {ref.id} has one output, so none is named")

    def _check_size(self) -> None:
        conditions = 0
        for rule in (*self.entry_rules, *self.exit_rules):
            conditions += sum(isinstance(n, CONDITION_TYPES) for n in walk(rule.when))
            if depth(rule.when) > MAX_DEPTH:
                raise ValueError(f"conditions are nested deeper than {MAX_DEPTH}")
        if conditions > MAX_CONDITIONS:
            raise ValueError(f"{conditions} conditions, at most {MAX_CONDITIONS} are allowed")

    def indicator(self, indicator_id: str) -> IndicatorBase:
        """Return the indicator with this id. KeyError when there is none."""
        for indicator in self.indicators:
            if indicator.id == indicator_id:
                return indicator
        raise KeyError(indicator_id)

    def rules(self, kind: Literal["entry", "exit"], side: Side) -> list[Rule]:
        rules = self.entry_rules if kind == "entry" else self.exit_rules
        return [rule for rule in rules if rule.side == side]

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides it enters, long first."""
        sides: tuple[Side, ...] = ("long", "short")
        return tuple(side for side in sides if self.rules("entry", side))

    def on(self, symbol: str) -> CanonicalStrategy:
        """Return the strategy as it trades a symbol: in that symbol's smallest unit, unless its text says another one."""
        text = self.provenance.original_text
        unit = traded_unit(self.execution.fractional_unit, symbol, symbols=self.symbols, text=text)
        return self.model_copy(update={"execution": self.execution.model_copy(update={"fractional_unit": unit})})

    def trading_core(self) -> dict[str, Any]:
        """Return the parts that decide how it trades, without names, notes and provenance."""
        core = self.model_dump(mode="json")
        for key in ("strategy_name", "description", "classification", "parameters", "provenance"):
            del core[key]
        return core

    def content_hash(self) -> str:
        """Return the SHA-256 (hex) of the trading core: equal for strategies that trade alike."""
        text = json.dumps(self.trading_core(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def describe(self) -> str:
        """Return the strategy in plain English; parsing it gives the same trading core."""
        from Backtest.describe import describe

        return describe(self)


CONDITION_TYPES = (
    Compare, Cross, Between, Rising, Falling, All, AnyOf, Not, ForBars, WithinBars, Time, BarsHeld, UnrealizedReturn,
)  # fmt: skip

Node = TypeVar("Node", bound=Model)
AnyOperand = Value | Price | IndicatorRef | Math
AnyCondition = (
    Compare
    | Cross
    | Between
    | Rising
    | Falling
    | All
    | AnyOf
    | Not
    | ForBars
    | WithinBars
    | Time
    | BarsHeld
    | UnrealizedReturn
)


def children(node: Model) -> Iterator[Model]:
    """Yield the operands and conditions directly inside a node."""
    for name in type(node).model_fields:
        value = getattr(node, name)
        if isinstance(value, Model):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, Model))


def walk(node: Model) -> Iterator[Model]:
    """Yield a node and everything inside it, outermost first."""
    yield node
    for child in children(node):
        yield from walk(child)


CODE_HISTORY = 300
ALL_HISTORY = sys.maxsize
SETTLED = 10  # after ten periods of an exponential average, what it began with counts for less than a ten thousandth
SESSIONS = 5  # any five have the evening on which foreign exchange opens, which tells its days from those of the clock


def history_bars(strategy: CanonicalStrategy | None, varied: Mapping[str, Any] | None = None) -> int:
    """Return how many bars before its first decision a strategy's rules want to know of.

    Ten times the longest period, so that averages which begin with any value have forgotten it, what conditions look
    back, and for an indicator that counts from the session's open five days. None stands for code, of which nobody knows it: 300 bars.

    Args:
        varied: numbers that are tried out, a range or a list for each, as a search takes them.
    """
    if strategy is None:
        return CODE_HISTORY
    if any(indicator.entry.cumulative for indicator in strategy.indicators):
        return ALL_HISTORY
    base = seconds(strategy.timeframe)
    longest = 0.0
    reach: dict[str, float] = {}
    for indicator in strategy.indicators:
        own = sum(indicator.params[p.name] for p in indicator.entry.params if p.kind is int) + 1
        own *= seconds(indicator.timeframe) / base if indicator.timeframe else 1.0
        reach[indicator.id] = own + reach.get(str(indicator.source_name), 0.0)
        longest = max(longest, reach[indicator.id])
    risk = strategy.risk
    for level in (risk.stop_loss, risk.take_profit, risk.trailing_stop):
        if isinstance(level, AtrLevel):
            longest = max(longest, level.timeperiod + 1)
    back = sum(
        getattr(node, "bars", 0) + getattr(node, "offset", 0) + 1
        for rule in (*strategy.entry_rules, *strategy.exit_rules)
        for node in walk(rule.when)
        if not isinstance(node, BarsHeld)
    )
    for values in (varied or {}).values():
        tried = [values.get("max")] if isinstance(values, Mapping) else values
        longest += max((v for v in tried if isinstance(v, int | float)), default=0.0)
    anchored = any(indicator.entry.reads_session for indicator in strategy.indicators)
    sessions = SESSIONS * seconds("1d") // base if anchored else 0
    return min(int(SETTLED * longest + back + sessions), 100_000)


def looks_back(strategy: CanonicalStrategy) -> int:
    """Return how many bars before the one that is judged the conditions read at most, indicators aside."""
    return sum(
        getattr(node, "bars", 0) + getattr(node, "offset", 0) + isinstance(node, Cross)
        for rule in (*strategy.entry_rules, *strategy.exit_rules)
        for node in walk(rule.when)
        if not isinstance(node, BarsHeld)
    )


def depth(node: Model) -> int:
    """Return how deep conditions and operands are nested; a bare comparison of values is 2."""
    return 1 + max((depth(child) for child in children(node)), default=0)


# Second names of fields, each with the field it stands for.
SECOND_NAMES = {"required_indicators": "indicators", "ticker": "symbols", "symbol": "symbols"}


def upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
    """Bring canonical JSON of an older schema version to the current one.

    Version "1" is the first; each later version adds one step here. An unknown version is left
    as it is, so that validation names it. SECOND_NAMES are read; one that comes with another name of its field stays,
    for validation to refuse.
    """
    data = dict(data)
    for name, field in SECOND_NAMES.items():
        names = {field, *(n for n, of in SECOND_NAMES.items() if of == field)}
        if names & set(data) != {name}:
            continue
        value = data.pop(name)
        if field == "symbols":
            given = value if isinstance(value, list) else [value]
            value = [s.strip().upper() if isinstance(s, str) else s for s in given]
        data[field] = value
    data.setdefault("schema_version", SCHEMA_VERSION)
    return data


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of canonical strategies, draft 2020-12."""
    schema = CanonicalStrategy.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
