"""The canonical strategy: one exact, validated description of a trading strategy.

It is the language between the front end (text to canonical) and every back end (code, compiled
kernel, live trader). `docs/canonical.md` gives the meaning; this module gives the form. Load
with `load_canonical`, which turns every problem into diagnostics that name the field.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from Backtest.canonical.indicators import Indicator, IndicatorBase, default_id, fill_id, meant
from Backtest.canonical.risk import Add, Execution, Risk
from Backtest.indicators import PRICE_COLUMNS, REGISTRY, listed
from Backtest.market import Timeframe, in_words, is_crypto, price_steps, seconds, traded_unit
from Backtest.meaning.conditions import MAX_CONDITIONS, AnyCondition, Condition
from Backtest.meaning.core import Statement
from Backtest.meaning.model import MAX_DEPTH, Model, Number, Positive, Side, SymbolName, children, depth, walk
from Backtest.meaning.operands import TICK_WORDS, IndicatorRef, Naming, PositionRef
from Backtest.meaning.orders import AT_WORDS, Order
from Backtest.meaning.phrases import Said, says

SCHEMA_VERSION: Literal["2"] = "2"
FIRST_VERSION = "1"
MAX_INDICATORS = 32
MAX_JSON_BYTES = 64 * 1024
Kind = Literal["entry", "exit"]
KINDS: tuple[Kind, ...] = ("entry", "exit")
SIDES: tuple[Side, ...] = ("long", "short")
Name = Annotated[str, Field(min_length=1, max_length=120)]
RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")]


class Rule(Said, Model):
    """Do something with a position of `side` when the condition holds at a bar's close."""

    side: Side = "long"
    when: Condition


@says(
    "{side:choice}[ as {id:name}][ {order:order}] when {when:condition}[, at most {most_per_session:int} times a session]"
    "[, in group {group:name}]",
    unsaid=("risk",),
    side={"long": ("Buy",), "short": ("Sell short",)},
)
class EntryRule(Rule):
    """Enter a position of `side`.

    `order` is None for the market order that `execution.trade_on_close` asks for. `group`: the first fill of an order of a group cancels the
    others of it. `most_per_session` counts the fills of this rule. `risk` stands in the place of the strategy's, whole, but for `cooldown_bars`.
    `id` is the name by which exits ask for positions of this rule.
    """

    id: RuleName | None = None
    order: Order | None = None
    group: RuleName | None = None
    most_per_session: Annotated[int, Field(ge=1, le=1000)] | None = None
    risk: Risk | None = None


@says(
    "Exit {side:choice}[ {portion:percent}%][ at {at:choice}][ of {of:names}] when {when:condition}[?repeat , each time]",
    side={"long": ("long",), "short": ("short",)},
    at=AT_WORDS,
)
class ExitRule(Rule):
    """Leave a position of `side`, or a `portion` of its first size, which acts once a position unless it says `repeat`.

    `at` is None for the fill that `execution.trade_on_close` asks for. `of` are the ids of the entries whose positions it leaves, empty for all.
    """

    portion: Annotated[float, Field(gt=0, le=1)] = 1
    at: Literal["open", "close"] | None = None
    of: list[RuleName] = Field(default_factory=list, max_length=16)
    repeat: bool = False


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


class _WithIndicators(Model):
    """What is checked of indicators, wherever they are listed: ids, sources and time frames fit together."""

    if TYPE_CHECKING:
        timeframe: Timeframe
        indicators: list[Indicator]

    @field_validator("indicators", mode="before", check_fields=False)
    @classmethod
    def _default_ids(cls, data: Any, info: ValidationInfo) -> Any:
        timeframe = str(info.data.get("timeframe"))
        return [fill_id(meant(listed(item), timeframe)) for item in data] if isinstance(data, list) else data

    def indicator(self, indicator_id: str) -> IndicatorBase:
        """Return the indicator with this id. KeyError when there is none."""
        for indicator in self.indicators:
            if indicator.id == indicator_id:
                return indicator
        raise KeyError(indicator_id)

    @property
    def others(self) -> tuple[tuple[str, str], ...]:
        """The symbols beside the traded one that indicators are computed on, each with the place of the first that is."""
        found: dict[str, str] = {}
        for i, indicator in enumerate(self.indicators):
            if indicator.symbol is not None:
                found.setdefault(indicator.symbol, f"indicators[{i}] ({indicator.id})")
        return tuple(found.items())

    def _check_indicators(self) -> None:
        seen: set[str] = set(PRICE_COLUMNS)
        for i, indicator in enumerate(self.indicators):
            if indicator.id in seen:
                raise ValueError(f"indicators[{i}]: the id {indicator.id!r} is used twice or is a price column")
            for ref in indicator.sources(seen):
                if ref.id not in seen:
                    source = indicator.source_name or ref.id
                    raise ValueError(
                        f"indicators[{i}]: source {source!r} is neither a price column nor an indicator listed before it"
                    )
                other = self.indicator(ref.id)
                if other.timeframe != indicator.timeframe:
                    raise ValueError(f"indicators[{i}]: its source {ref.id!r} is computed on another time frame")
                if other.symbol != indicator.symbol and (indicator.symbol or indicator.timeframe):
                    raise ValueError(
                        f"indicators[{i}]: its source {ref.id!r} is computed on {other.symbol or 'what is traded'}"
                    )
                self._check_source(i, ref)
            if indicator.zone and indicator.timeframe:
                raise ValueError(
                    f"indicators[{i}]: times of {indicator.zone} are those of the strategy's own bars: leave timeframe out"
                )
            if indicator.timeframe and seconds(indicator.timeframe) <= seconds(self.timeframe):
                raise ValueError(
                    f"indicators[{i}]: time frame {indicator.timeframe} is not coarser than the strategy's {self.timeframe}"
                )
            seen.add(indicator.id)

    def _check_source(self, i: int, ref: IndicatorRef) -> None:
        """Raise ValueError where an indicator is computed of an output that its source does not have."""
        names = [output.name for output in self.indicator(ref.id).entry.outputs]
        if len(names) == 1 and ref.output is not None:
            raise ValueError(f"indicators[{i}]: the source {ref.id} has one output, so none is named")
        if len(names) > 1 and ref.output not in names:
            said = f"has no output {ref.output!r}" if ref.output else "has several outputs"
            example = f"{ref.id}.{names[0]}"
            raise ValueError(
                f"indicators[{i}]: the source {ref.id} {said}: name one of {', '.join(names)}, as {example!r}"
            )


class IndicatorList(_WithIndicators):
    """Indicators without a strategy, as they are asked for of prices."""

    timeframe: Timeframe = "1d"
    indicators: list[Indicator] = Field(max_length=MAX_INDICATORS)

    @model_validator(mode="after")
    def _fits_together(self) -> IndicatorList:
        self._check_indicators()
        return self


class CanonicalStrategy(_WithIndicators):
    """A whole strategy. `model_validate(model_dump())` is the identity."""

    schema_version: Literal["2"] = SCHEMA_VERSION
    strategy_name: Name = "Strategy"
    description: Annotated[str, Field(max_length=10_000)] = ""
    classification: Classification = Classification()
    symbols: list[SymbolName] = Field(default_factory=list, max_length=20)
    timeframe: Timeframe = "1d"
    indicators: list[Indicator] = Field(default_factory=list, max_length=MAX_INDICATORS)
    entry_rules: list[EntryRule] = Field(min_length=1, max_length=16)
    exit_rules: list[ExitRule] = Field(default_factory=list, max_length=16)
    risk: Risk = Risk()
    execution: Execution = Execution()
    parameters: list[Parameter] = Field(default_factory=list, max_length=32)
    provenance: Provenance = Provenance()

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
        for where, rule in self._rules_by_place():
            for part in children(rule):
                for node in walk(part):
                    if isinstance(node, IndicatorRef):
                        self._check_ref(where, node)
            for node in walk(rule.when):
                self._check_position(where, node)
        for place, node in self._asked_at_the_signal():
            if isinstance(node, PositionRef):
                raise ValueError(f"{place}: {node.what} needs an open position, which there is none of at the signal")
            if isinstance(node, IndicatorRef):
                self._check_ref(place, node)
        for where, risk in self.risks():
            if problem := risk.missing():
                raise ValueError(f"{where}.{problem}")
        names = [rule.id for rule in self.entry_rules if rule.id]
        if len(names) != len(set(names)):
            raise ValueError("entry_rules: two rules have one id")
        for i, leaving in enumerate(self.exit_rules):
            for name in leaving.of:
                if name not in names:
                    raise ValueError(f"exit_rules[{i}]: no entry rule has the id {name!r}")
        return self

    def _rules_by_place(self) -> Iterator[tuple[str, Rule]]:
        yield from ((f"entry_rules[{i}]", rule) for i, rule in enumerate(self.entry_rules))
        yield from ((f"exit_rules[{i}]", rule) for i, rule in enumerate(self.exit_rules))

    def risks(self) -> Iterator[tuple[str, Risk]]:
        """Yield protection and size with where they stand: the strategy's, and those of rules that have their own."""
        yield "risk", self.risk
        for i, rule in enumerate(self.entry_rules):
            if rule.risk is not None:
                yield f"entry_rules[{i}].risk", rule.risk

    def risk_of(self, rule: EntryRule) -> Risk:
        """Return protection and size of the positions of an entry rule."""
        return self.risk if rule.risk is None else rule.risk

    def _asked_at_the_signal(self) -> Iterator[tuple[str, Model]]:
        """Yield the operands of orders and levels, which are read when there is no position yet, with where they stand."""
        for i, rule in enumerate(self.entry_rules):
            if rule.order is not None:
                yield from ((f"entry_rules[{i}].order", node) for node in walk(rule.order))
        for where, risk in self.risks():
            following = [stop for stop in risk.stops if stop.follow == "level"]
            for part in children(risk):
                if part not in following and not isinstance(part, Add):
                    yield from ((where, node) for node in walk(part))

    @staticmethod
    def _check_position(where: str, node: Model) -> None:
        """Let only exits ask of the open position, and only of what it is at this bar."""
        asks = isinstance(node, PositionRef) or (isinstance(node, AnyCondition) and node.asks_position)
        if where.startswith("entry") and asks:
            name = node.what if isinstance(node, PositionRef) else getattr(node, "type", "")
            raise ValueError(f"{where}: {name} needs an open position, so it belongs into exit_rules")
        for inside in walk(node) if getattr(node, "of_other_bars", False) else ():
            if isinstance(inside, PositionRef) or (isinstance(inside, AnyCondition) and inside.asks_position):
                name = inside.what if isinstance(inside, PositionRef) else getattr(inside, "type", "")
                within = getattr(node, "type", "")
                raise ValueError(f"{where}: {name} cannot stand in {within}: bars ago the position was another one")

    def _check_ref(self, where: str, ref: IndicatorRef) -> None:
        known = {indicator.id: indicator for indicator in self.indicators}
        if ref.id not in known:
            raise ValueError(f"{where}: indicator {ref.id!r} is not in the list of indicators")
        names = [o.name for o in known[ref.id].entry.outputs]
        if len(names) > 1 and ref.output not in names:
            raise ValueError(f"{where}: {ref.id} has several outputs, name one of {', '.join(names)}")
        if len(names) == 1 and ref.output is not None:
            raise ValueError(f"{where}: {ref.id} has one output, so none is named")

    def _check_size(self) -> None:
        conditions = 0
        for part in (*self.entry_rules, *self.exit_rules, self.risk):
            for node in walk(part):
                conditions += isinstance(node, AnyCondition)
            tops = [getattr(part, "when", None), *(add.when for add in getattr(part, "adds", ()))]
            if any(top is not None and depth(top) > MAX_DEPTH for top in tops):
                raise ValueError(f"conditions are nested deeper than {MAX_DEPTH}")
        if conditions > MAX_CONDITIONS:
            raise ValueError(f"{conditions} conditions, at most {MAX_CONDITIONS} are allowed")

    def rules(self, kind: Kind, side: Side) -> list[Rule]:
        rules: list[Rule] = [*self.entry_rules] if kind == "entry" else [*self.exit_rules]
        return [rule for rule in rules if rule.side == side]

    def statements(self) -> dict[tuple[Kind, Side], list[Statement]]:
        """Return what the rules mean, by kind and side, entries first; those of a side that is never entered do nothing."""
        found: dict[tuple[Kind, Side], list[Statement]] = {}
        by_kind: dict[Kind, list[Rule]] = {"entry": [*self.entry_rules], "exit": [*self.exit_rules]}
        for kind, rules in by_kind.items():
            for side in SIDES:
                found[kind, side] = [
                    rule.when.core(f"{kind}_rules[{i}].when")
                    for i, rule in enumerate(rules)
                    if rule.side == side and side in self.sides
                ]
        return found

    def parts(self, sides: tuple[Side, ...] = SIDES) -> Iterator[Model]:
        """Yield every condition, operand, order and level, those of rules of other sides left out."""
        for rule in (*self.entry_rules, *self.exit_rules):
            if rule.side in sides:
                yield from walk(rule)
        yield from walk(self.risk)

    @property
    def is_plain(self) -> bool:
        """Whether it trades as version 1 could: market orders, one unit, one stop, one trailing stop and one target at most."""
        execution = self.execution
        return (
            self.risk.is_plain
            and all(rule == EntryRule(side=rule.side, when=rule.when) for rule in self.entry_rules)
            and all(rule == ExitRule(side=rule.side, when=rule.when) for rule in self.exit_rules)
            and not any(isinstance(part, PositionRef) for part in self.parts())
            and (execution.limit_fill, execution.path) == ("touch", "worst")
        )

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides it enters, long first."""
        return tuple(side for side in SIDES if self.rules("entry", side))

    def on(self, symbol: str) -> CanonicalStrategy:
        """Return the strategy as it trades a symbol: in that symbol's smallest unit, unless its text says another one.

        Where it speaks of ticks or pips and does not say what they are, they are those of the symbol.
        """
        text, execution = self.provenance.original_text, self.execution
        unit = traded_unit(execution.fractional_unit, symbol, symbols=self.symbols, text=text)
        changes: dict[str, float] = {"fractional_unit": unit}
        if self._speaks_of_ticks and (steps := price_steps(symbol)):
            changes |= {"tick": execution.tick or steps.tick, "pip": execution.pip or steps.pip}
        return self.model_copy(update={"execution": execution.model_copy(update=changes)})

    @property
    def _speaks_of_ticks(self) -> bool:
        parts = (*self.parts(), *(part for _, risk in self.risks() for part in walk(risk)))
        return self.execution.limit_fill == "through" or any(getattr(part, "unit", "") in TICK_WORDS for part in parts)

    def trading_core(self) -> dict[str, Any]:
        """Return the parts that decide how it trades, without names, notes and provenance.

        What version 1 did not know is left out where it is not used, so that a strategy keeps its hash.
        """
        core = self.model_dump(mode="json")
        for key in ("strategy_name", "description", "classification", "parameters", "provenance"):
            del core[key]
        for part in (*core["indicators"], *core["entry_rules"], *core["exit_rules"], core["risk"], core["execution"]):
            _without_unused(part)
        for rule in core["entry_rules"]:
            _without_unused(rule.get("risk", {}))
        core["schema_version"] = FIRST_VERSION
        return core

    def content_hash(self) -> str:
        """Return the SHA-256 (hex) of the trading core: equal for strategies that trade alike."""
        text = json.dumps(self.trading_core(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def describe(self) -> str:
        """Return the strategy in plain English, a sentence a line."""
        return "\n".join(self._sentences(self))

    def notation(self) -> str:
        """Return the strategy in plain English from which `Strategy.notation` reads the same strategy, ids and order of indicators included.

        It is that of `describe`; where indicators have names of their own, stand in another order or are used nowhere, sentences such as
        "Let `fast` be EMA(10)." come first.
        """
        naming = _Mentions(self)
        first, *rest = self._sentences(naming)
        listed = [(item.id, item.id) for item in self.indicators]
        if naming.by_id or [(item.id, by_default(item)) for item in naming.mentioned] != listed:
            naming = _Mentions(self)
            named = [f"Let `{item.id}` be {naming.defined(item)}." for item in self.indicators]
            first, *rest = self._sentences(naming)
            rest = [*named, *rest]
        return "\n".join([first, *rest])

    def _sentences(self, naming: Naming) -> list[str]:
        where = f"Trade {', '.join(self.symbols)} on" if self.symbols else "Trade on"
        lines = [f"{where} {in_words(self.timeframe)} bars."]
        for number, rule in enumerate(self.entry_rules, start=1):
            lines.append(f"{rule.text(naming)}.")
            if rule.risk is not None:
                lines += [f"For entry {number}: {sentence}" for sentence in rule.risk.sentences(naming)]
        lines += [f"{rule.text(naming)}." for rule in self.exit_rules]
        of_coins = any(is_crypto(symbol) for symbol in self.symbols[:1])
        return [*lines, *self.risk.sentences(naming), *self.execution.sentences(name_unit=of_coins)]

    def indicator_text(self, indicator_id: str, output: str | None = None, naming: Naming | None = None) -> str:
        """Return an indicator in words, such as `SMA(20) of Volume on weekly bars`; `naming` says what its source is called."""
        item = self.indicator(indicator_id)
        entry, source, naming = item.entry, item.source_name, naming or self
        known = item.sources([other.id for other in self.indicators])
        if item.computed is not None:
            text = item.computed.text(naming) + (f" of {item.symbol}" if item.symbol else "")
            return f"{text} on {in_words(item.timeframe)} bars" if item.timeframe else text
        text = entry.called or entry.name
        if entry.params:
            text += f"({','.join(p.as_text(item.params[p.name]) for p in entry.params)})"
        if output is not None:
            text += f" {output.replace('_', ' ')}"
        if item.zone:
            text += f" in {item.zone} time"
        if source is not None and source != entry.default_source:
            text += f" of {naming.indicator_text(known[0].id, known[0].output) if known else source}"
        if item.symbol and not known:
            text += f" of {_symbol_text(item.symbol)}"
        if item.timeframe and not known:
            text += f" on {in_words(item.timeframe)} bars"
        return text


class _Mentions:
    """Calls indicators as a strategy does, and notes which are mentioned, sources before what is made of them.

    One whose words are those of another indicator, listed before it, is called by its id.
    """

    def __init__(self, strategy: CanonicalStrategy) -> None:
        self.strategy = strategy
        self.mentioned: list[IndicatorBase] = []
        self.by_id = False  # whether one was called by its id, so that this has to be told

    def indicator_text(self, indicator_id: str, output: str | None = None) -> str:
        item = self.strategy.indicator(indicator_id)
        like = (other for other in self.strategy.indicators if _alike(other, item))
        if next(like) is not item or item.computed is not None:
            self.by_id = True
            return f"`{indicator_id}`" + (f" {output.replace('_', ' ')}" if output is not None else "")
        text = self.strategy.indicator_text(indicator_id, output, self)
        if item not in self.mentioned:
            self.mentioned.append(item)
        return text

    def defined(self, item: IndicatorBase) -> str:
        """Return an indicator's own words."""
        if item.computed is not None:
            symbol = f", in {_symbol_text(item.symbol)}" if item.symbol else ""
            frame = f", on {in_words(item.timeframe)} bars" if item.timeframe else ""
            return f"the series {item.computed.text(self)}{symbol}{frame}"
        return self.strategy.indicator_text(item.id, None, self)


def _symbol_text(symbol: str) -> str:
    """Return a symbol, in quotes where it would be taken for an indicator."""
    return f'"{symbol}"' if symbol in REGISTRY else symbol


def _alike(one: IndicatorBase, other: IndicatorBase) -> bool:
    return one.model_dump(exclude={"id"}) == other.model_dump(exclude={"id"})


def by_default(item: IndicatorBase) -> str:
    """Return the id that an indicator has where none is given."""
    return default_id(item.entry, item.params, item.source_name, item.timeframe, item.symbol)


# What version 2 added to rules, risk and execution, with what it is where it is not used.
_ADDED: dict[str, Any] = {
    "id": None, "order": None, "group": None, "most_per_session": None, "risk": None, "portion": 1, "at": None, "of": [],
    "repeat": False, "stops": [], "targets": [], "profit_table": [], "break_even": None, "session_exit": None, "adds": [],
    "unit_levels": "per_unit", "limit_fill": "touch", "path": "worst", "tick": None, "pip": None, "symbol": None,
}  # fmt: skip


def _without_unused(part: dict[str, Any]) -> None:
    for name, unused in _ADDED.items():
        if name in part and part[name] == unused:
            del part[name]


# Second names of fields, each with the field it stands for.
SECOND_NAMES = {"required_indicators": "indicators", "ticker": "symbols", "symbol": "symbols"}


def upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
    """Bring canonical JSON of an older schema version to the current one.

    Version "2" only added to version "1". An unknown version is left as it is, so that validation names it. SECOND_NAMES are read; one that comes with another name of its field stays,
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
    if data.get("schema_version", FIRST_VERSION) == FIRST_VERSION:
        data["schema_version"] = SCHEMA_VERSION
    return data


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of canonical strategies, draft 2020-12."""
    schema = CanonicalStrategy.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
