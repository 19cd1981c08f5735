"""What is known of an indicator: an entry of the catalogue, with its parameters and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Scale = Literal["price", "percent", "volume", "number"]
Style = Literal["breakout", "mean-reversion", "trend-following", "momentum"]
# Inputs that tell a bar's place in the calendar of its market, float64 (Backtest/market/sessions.py, `with_calendar`).
SESSION = "Session"  # numbers trading days, -1 for one whose beginning is missing
CALENDAR = {
    SESSION: "numbers the trading days; -1 in one whose beginning is missing",
    "Week": "numbers the weeks in the same way",
    "Month": "numbers the months in the same way",
    "Date": "the day on which the bar begins by the clock of the prices, in days since 1970",
    "Clock": "the minute of that day",
    "MinutesIn": "the minutes from the opening to the beginning of the bar, below 0 where it trades before its exchange opens",
    "MinutesLeft": "the minutes from the end of the bar to the close, 0 behind it",
    "BarsLeft": "how many bars follow until the close",
    "TradingDay": "which trading day of the month it is, 1 the first; NaN in a month whose beginning is missing",
    "TradingDaysLeft": "which it is from the end, 1 the last",
    "MonthDay": "the day of the month",
    "MonthOfYear": "the month of the year, January 1",
}

CLOCKS = frozenset({"Date", "Clock"})  # those that may be of the clock of a zone, as `Clock@Europe/London`


def in_calendar(name: str) -> bool:
    """Whether an input is of the calendar, of whatever clock."""
    return name.partition("@")[0] in CALENDAR


@dataclass(frozen=True)
class Param:
    """A parameter: a whole number or, where `kind` is float, a multiple. Bounds are inclusive.

    `counts` says what a whole number counts; 930 on the clock is 9:30. `tradingview` is the default of TradingView's built-in indicator, where that is another.
    """

    name: str
    default: float
    minimum: float
    maximum: float
    kind: type[int] | type[float] = int
    tradingview: float | None = None
    counts: Literal["bars", "minutes", "clock"] = "bars"

    @property
    def counts_bars(self) -> bool:
        return self.kind is int and self.counts == "bars"

    def as_text(self, value: float) -> str:
        return str(int(value)) if float(value).is_integer() else repr(float(value))


@dataclass(frozen=True)
class Output:
    """One output array. `column` is the prefix of its column, `words` how traders call it.

    By the words `alone` it is known where its indicator is not named, as by "%K": of the one that was named last, or else,
    where `presumed`, of the first in the registry.
    """

    name: str
    column: str
    words: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    presumed: bool = True


@dataclass(frozen=True)
class IndicatorEntry:
    """All that is known about an indicator.

    `inputs` are price columns, "source" where the user may choose the series, or columns of CALENDAR. `bounds` are
    the values the indicator can take. `levels` are the usual (oversold, overbought) values.
    `keywords` names the function's keywords of a parameter where they differ from its own name.
    `called` is what plain English calls it, where that is not its name. `by_session` is the indicator that is
    meant instead where no parameter is given and bars are finer than a day: VWAP is then that of the session.
    `cumulative` is a sum over all bars before, which never forgets where it began. `reach` is how many bars it looks back besides
    those that its parameters count.

    `average` says of what it is an average: of its source over its period, or of a bar's prices. `extreme` is the highest or
    the lowest of the last bars, or a channel of both; `age_of` names the extreme that it counts the bars since.
    `measured` tells a number that has another unit than its scale says: an amount in the unit of its source (which may be a
    difference, below zero), a part of one, or a rate of change; `rate` names the rate of change of such an amount.
    `in_steps` has few values, so that two of them are often equal. `points` up or down, as a trend does.
    `cloud` are the two outputs between which there is one. `of_bar_before` is drawn on the bar behind the one it is
    computed from. `exact`: it is said by its name alone, as SESSION_SO_FAR; free text has no words for it yet.
    `bare_output` is meant where no output is named. `styles` are what a strategy on it is called.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    function: Callable[..., Any]
    params: tuple[Param, ...]
    inputs: tuple[str, ...] = ("source",)
    outputs: tuple[Output, ...] = ()
    scale: Scale = "price"
    bounds: tuple[float, float] | None = None
    levels: tuple[float, float] | None = None
    default_source: str = "Close"
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    called: str = ""
    by_session: str = ""
    cumulative: bool = False
    reach: int = 0
    average: Literal["", "source", "price"] = ""
    extreme: Literal["", "high", "low", "both"] = ""
    age_of: str = ""
    measured: Literal["", "amount", "difference", "one", "rate"] = ""
    rate: str = ""
    in_steps: bool = False
    points: bool = False
    cloud: tuple[str, ...] = ()
    of_bar_before: bool = False
    bare_output: str = ""
    styles: tuple[Style, ...] = ()
    exact: bool = False

    @property
    def is_average(self) -> bool:
        """Whether it is an average of its source, so that a bare number beside it is its period."""
        return self.average == "source"

    @property
    def is_extreme(self) -> bool:
        """Whether it is the highest or the lowest of its source."""
        return self.extreme in ("high", "low")

    @property
    def is_channel(self) -> bool:
        return {"upper", "middle", "lower"} <= {output.name for output in self.outputs}

    def has(self, name: str) -> bool:
        """Whether one of its outputs has a name."""
        return any(output.name == name for output in self.outputs)

    @property
    def calendar(self) -> tuple[str, ...]:
        """The inputs that are of the calendar."""
        return tuple(name for name in self.inputs if name in CALENDAR)

    @property
    def reads_session(self) -> bool:
        """Whether it says nothing on bars that are whole sessions."""
        return bool({SESSION, "Clock", "MinutesIn", "MinutesLeft", "BarsLeft"} & set(self.inputs))

    @property
    def takes_source(self) -> bool:
        return "source" in self.inputs

    @property
    def is_talib(self) -> bool:
        return self.function.__module__.startswith("talib")

    def output(self, name: str | None) -> Output:
        """Return the output called `name`, the first when None."""
        for output in self.outputs:
            if name is None or output.name == name:
                return output
        raise KeyError(name)

    def place(self, name: str | None) -> int:
        """Return which output is called `name`, 0 when None."""
        return 0 if name is None else [output.name for output in self.outputs].index(name)

    def arguments(self, params: Mapping[str, float]) -> dict[str, float]:
        """Return the keyword arguments of `function` for these parameters."""
        return {keyword: params[p.name] for p in self.params for keyword in self.keywords.get(p.name, (p.name,))}

    def suffix(self, params: Mapping[str, float]) -> str:
        """Return the parameters as they stand in a column name, such as `12_26_9`."""
        return "_".join(p.as_text(params[p.name]) for p in self.params)

    def setting(self, params: Mapping[str, float]) -> str:
        """Return the parameters as traders write them, such as `12/26/9`; those that are not given by their defaults."""
        return "/".join(p.as_text(params.get(p.name, p.default)) for p in self.params)

    def tradingview_setting(self, params: Mapping[str, float]) -> str:
        """Return the parameters as `setting` does, those that are not given by TradingView's defaults."""
        theirs = {p.name: p.tradingview for p in self.params if p.tradingview is not None}
        return self.setting({**theirs, **params})


def period(default: int, minimum: int = 1, maximum: int = 1000, *, tradingview: int | None = None) -> Param:
    return Param("timeperiod", default, minimum, maximum, tradingview=tradingview)


def entry(
    name: str,
    title: str,
    aliases: tuple[str, ...],
    function: Callable[..., Any],
    params: tuple[Param, ...],
    **more: Any,
) -> IndicatorEntry:
    more.setdefault("outputs", (Output("value", name),))
    return IndicatorEntry(name, title, aliases, function, params, **more)


def known_alone(name: str, column: str, words: tuple[str, ...]) -> Output:
    """Return an output that all of its words tell without its indicator."""
    return Output(name, column, words, alone=words)
