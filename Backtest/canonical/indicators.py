"""Indicators of a strategy: a model for each entry of the registry, made from it."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, create_model, model_validator

from Backtest.indicators import CLOCKS, PRICE_COLUMNS, REGISTRY, SERIES, IndicatorEntry, entry_of, in_calendar
from Backtest.market import TIMEFRAMES, Timeframe, is_intraday
from Backtest.meaning.model import MAX_DEPTH, Identifier, Model, SymbolName, depth, walk
from Backtest.meaning.operands import AnyOperand, IndicatorRef, Operand, PositionRef, Price, Ticks


class IndicatorBase(Model):
    """What every indicator of a strategy has; the registry gives each its own parameters.

    `symbol` is another one than that which is traded, on whose prices it is computed.
    """

    id: Identifier
    name: str
    timeframe: Timeframe | None = None
    symbol: SymbolName | None = None

    @property
    def entry(self) -> IndicatorEntry:
        return entry_of(self.name)

    @property
    def params(self) -> dict[str, float]:
        return {p.name: getattr(self, p.name) for p in self.entry.params}

    @property
    def source_name(self) -> str | None:
        return getattr(self, "source", None)

    @property
    def computed(self) -> AnyOperand | None:
        """What a series of one's own is computed by, None for an indicator of the catalogue."""
        return getattr(self, "operand", None)

    @property
    def zone(self) -> str | None:
        """By whose clock its times of day are, None for that of the prices."""
        return getattr(self, "timezone", None)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs of its function; those of another clock bear its zone, such as `Clock@America/New_York`."""
        return tuple(f"{name}@{self.zone}" if self.zone and name in CLOCKS else name for name in self.entry.inputs)

    @property
    def calendar(self) -> tuple[str, ...]:
        """Those of its inputs that are of the calendar."""
        return tuple(name for name in self.inputs if in_calendar(name))

    def sources(self, known: Container[str]) -> list[IndicatorRef]:
        """Return the outputs of other indicators that it is computed of; `known` are the ids of those there are.

        The source `BB_20_2.upper` is the output `upper` of `BB_20_2`, if no indicator has the whole as its id.
        """
        if self.computed is not None:
            return [node for node in walk(self.computed) if isinstance(node, IndicatorRef)]
        source = self.source_name
        if source is None or source in PRICE_COLUMNS:
            return []
        name, _, output = source.rpartition(".")
        if source in known or not name:
            return [IndicatorRef(id=source)]
        return [IndicatorRef(id=name, output=output)]

    def prices_read(self) -> set[str]:
        """Return the price columns of what is traded that it reads."""
        if self.symbol is not None:
            return set()
        if self.computed is not None:
            return {node.column for node in walk(self.computed) if isinstance(node, Price)}
        return {name for name in (*self.entry.inputs, str(self.source_name)) if name in PRICE_COLUMNS}

    def column(self, output: str | None = None) -> str:
        """Return the column name of an output, such as `MACD_SIGNAL_12_26_9`."""
        return column_name(self.entry, self.params, self.source_name, self.timeframe, output, self.symbol)


class SeriesIndicator(IndicatorBase):
    """What an operand gives, under a name of its own: the range of a bar, so that SMA can be its mean.

    The operand reads prices and indicators listed before, on the same bars, and nothing of the position.
    """

    name: Literal["SERIES"] = "SERIES"
    operand: Operand

    @model_validator(mode="after")
    def _of_prices(self) -> SeriesIndicator:
        parts = list(walk(self.operand))
        if any(isinstance(part, PositionRef | Ticks) for part in parts):
            raise ValueError(
                "the operand of a series reads prices and indicators, nothing of the position and no ticks"
            )
        if not any(isinstance(part, Price | IndicatorRef) for part in parts):
            raise ValueError("the operand of a series has only numbers in it: it needs a price or an indicator")
        if depth(self.operand) > MAX_DEPTH:
            raise ValueError(f"the operand of a series is nested deeper than {MAX_DEPTH}")
        return self

    def column(self, output: str | None = None) -> str:
        return self.id


def column_name(
    entry: IndicatorEntry,
    params: Mapping[str, float],
    source: str | None = None,
    timeframe: str | None = None,
    output: str | None = None,
    symbol: str | None = None,
) -> str:
    """Return the column of an indicator's output: name, parameters, source, symbol and time frame."""
    return _named(entry.output(output).column, entry, params, source, timeframe, symbol)


def default_id(
    entry: IndicatorEntry,
    params: Mapping[str, float],
    source: str | None = None,
    timeframe: str | None = None,
    symbol: str | None = None,
) -> str:
    """Return the id an indicator gets when none is given, such as `RSI_14` or `BB_20_2`."""
    return _named(entry.name, entry, params, source, timeframe, symbol)


def _named(
    first: str,
    entry: IndicatorEntry,
    params: Mapping[str, float],
    source: str | None,
    timeframe: str | None,
    symbol: str | None,
) -> str:
    """Return a name with parameters, a source that is not the usual one, a symbol and a time frame: `SMA_20_High_SPY@1wk`."""
    of = "" if source in (None, entry.default_source) else str(source)
    of_symbol = re.sub(r"[^A-Za-z0-9.]+", "_", symbol or "").strip("_")
    parts = [first, entry.suffix(params), of, of_symbol]
    name = "_".join(p for p in parts if p)
    return f"{name}@{timeframe}" if timeframe else name


def meant(data: Any, timeframe: str) -> Any:
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


def fill_id(data: Any) -> Any:
    """Give an indicator's JSON a default id where it has none."""
    if not isinstance(data, dict) or data.get("id") or data.get("name") not in REGISTRY:
        return data
    entry = REGISTRY[str(data["name"])]
    params = {p.name: data.get(p.name, p.default) for p in entry.params}
    if not all(isinstance(v, int | float) for v in params.values()):
        return data
    of = (data.get(name) for name in ("source", "timeframe", "symbol"))
    return {**data, "id": default_id(entry, params, *(str(part) if part else None for part in of))}


def _time_of_day(number: int) -> int:
    """Return a time such as 930, which is 9:30; ValueError where its minutes are more than an hour has."""
    if number % 100 > 59:
        raise ValueError(f"{number} is no time of the day: write 9:30 as 930")
    return number


def _zone(name: str) -> str:
    """Return the name of a time zone; ValueError where there is none of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name[:40]!r}, use a name such as America/New_York") from None
    return name


def _indicator_model(entry: IndicatorEntry) -> type[IndicatorBase]:
    fields: dict[str, Any] = {"name": (Literal[entry.name], entry.name)}
    for p in entry.params:
        number = (
            Annotated[p.kind, Field(ge=p.minimum, le=p.maximum, allow_inf_nan=False)]
            if p.kind is float
            else (Annotated[int, Field(ge=p.minimum, le=p.maximum)])
        )
        if p.counts == "clock":
            number = Annotated[number, AfterValidator(_time_of_day)]
        fields[p.name] = (number, p.kind(p.default))
    if entry.takes_source:
        fields["source"] = (Identifier, entry.default_source)
    if CLOCKS & set(entry.inputs):
        fields["timezone"] = (Annotated[str, AfterValidator(_zone)] | None, None)
    names = ", ".join(p.name for p in entry.params)
    doc = f"Without {names} it is {entry.by_session} on bars finer than a day." if entry.by_session else None
    return create_model(
        f"{entry.name.title().replace('_', '')}Indicator", __base__=IndicatorBase, __doc__=doc, **fields
    )


INDICATOR_MODELS: dict[str, type[IndicatorBase]] = {
    **{name: _indicator_model(e) for name, e in REGISTRY.items()},
    SERIES.name: SeriesIndicator,
}

if TYPE_CHECKING:
    Indicator = IndicatorBase
else:
    Indicator = Annotated[Union[tuple(INDICATOR_MODELS.values())], Field(discriminator="name")]


def make_indicator(
    name: str, *, source: str | None = None, timeframe: str | None = None, symbol: str | None = None, **params: float
) -> IndicatorBase:
    """Build an indicator with its default id, such as `make_indicator("RSI", timeperiod=14)`."""
    data: dict[str, Any] = {"name": name, **params}
    if source is not None:
        data["source"] = source
    if timeframe is not None:
        data["timeframe"] = timeframe
    if symbol is not None:
        data["symbol"] = symbol
    return INDICATOR_MODELS[name].model_validate(fill_id(data))
