"""The strategy being read: what has been understood so far, and what was assumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from Backtest.canonical import AnyCondition, AnyOperand, IndicatorBase, IndicatorRef, Side, make_indicator
from Backtest.errors import Diagnostic
from Backtest.indicators import IndicatorEntry
from Backtest.market import TradingDays, is_intraday, seconds


@dataclass(frozen=True)
class Assumption:
    """A default taken, or one of two common readings; `other` names the reading not taken."""

    code: str
    text: str
    other: str = ""
    field: str = ""


@dataclass(frozen=True)
class Exit:
    """A way out as it was said.

    Where the text names no side, `side` is None. `short` is then the same words read for a short
    position ("touches the middle band" is from above there), `near` the side whose rules they
    stand among, and `everything` whether they close whatever is open.
    """

    side: Side | None
    when: AnyCondition
    short: AnyCondition | None = None
    near: Side | None = None
    everything: bool = False

    def for_side(self, side: Side) -> AnyCondition:
        """Return the condition as it reads for a position of one side."""
        return self.short if side == "short" and self.short is not None else self.when


@dataclass(frozen=True)
class PriceMove:
    """A move of the price in percent that closes the positions of a side, or of any.

    It counts from the entry, or from an `extreme` of the price since then. Where the text names no
    side, `near` is the one among whose rules it stands. `words` are those of a move from an extreme.
    """

    side: Side | None
    up: bool
    percent: float
    near: Side | None = None
    extreme: Literal["high", "low", ""] = ""
    words: str = ""


# A day is one of trading: "the 40-day average" on weekly bars is that of 8 weeks.
_BARS_A_UNIT: Mapping[str, Mapping[str, float]] = {
    "1d": {"day": 1, "week": 5, "month": 21, "year": 252},
    "1wk": {"day": 1 / 5, "week": 1, "month": 4, "year": 52},
    "1mo": {"day": 1 / 21, "month": 1, "year": 12},
}
_BARS_A_UNIT_OF_COINS: Mapping[str, Mapping[str, float]] = {
    "1d": {"day": 1, "week": 7, "month": 30, "year": 365},
    "1wk": {**_BARS_A_UNIT["1wk"], "day": 1 / 7},
    "1mo": {**_BARS_A_UNIT["1mo"], "day": 1 / 30},
}
_NEARLY = 0.9  # of a bar of a day or longer: 20 days are a month
UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400, "month": 30 * 86400, "year": 365 * 86400}


@dataclass
class Draft:
    """Everything read from the text. `timeframe` is known before the rules are read.

    Every attribute holds a value that never changes (tuples, frozen sets, mappings replaced on
    writing), so that `snapshot` is the whole draft and `restore` takes back all that was read since.
    """

    timeframe: str = "1d"
    days: TradingDays | None = None  # how long a trading day and week are; None where what is traded is not known
    traded: str = ""  # the symbol that is traded where the text names none
    symbols: tuple[str, ...] = ()
    indicators: Mapping[str, IndicatorBase] = field(default_factory=dict)

    # Rules.
    entries: tuple[tuple[Side, AnyCondition], ...] = ()
    limits: tuple[int, ...] = ()  # places in `entries` of those said with "only", which limit the others
    bare_buys: tuple[AnyCondition, ...] = ()  # conditions of a bare "buy" behind a short entry, which may close it
    exits: tuple[Exit, ...] = ()
    sells: tuple[AnyCondition, ...] = ()  # conditions of "sell", of which the whole text tells whether it is an exit
    filters: tuple[tuple[Side | None, AnyCondition], ...] = ()  # what all entries need, or those of a side
    moves: tuple[PriceMove, ...] = ()
    time_limits: Mapping[Side, int] = field(default_factory=dict)  # bars after which positions of one side are closed
    left_by_trail: frozenset[Side] = frozenset()  # sides left "when the price falls 5% from its high"
    either_way: tuple[AnyCondition, ...] = ()  # crosses of exits for which no direction was said: upward or downward
    reversing: bool = False  # a signal of the other side closes a position and opens one
    opposite_exit: bool = False  # positions are left on the opposite of what opened them
    opposite_entries: frozenset[Side] = frozenset()  # sides that are entered on the opposite of the other's signal
    bare_entries: frozenset[Side] = frozenset()  # sides of which "buy" or "short" was said without a condition
    only_sides: frozenset[Side] = frozenset()  # "long only"
    one_position: bool = False  # "one position at a time"
    longs_named: bool = False  # the text speaks of long positions
    entries_first: bool = False  # the entries of both sides stand before the first exit

    # Levels, size and settings.
    risk: Mapping[str, Any] = field(default_factory=dict)
    # Of a level or limit of time: the side among whose rules it stands, and its values by that side.
    levels_near: Mapping[str, Side | None] = field(default_factory=dict)
    levels_of: Mapping[str, Mapping[Side | None, Any]] = field(default_factory=dict)
    level_side: Side | None = None  # the side that was said of the level being read: "for longs"
    # A level, its percentage, which may be one of the entry's price ("stop at 95%"), and whether it was said with "at".
    shares: tuple[tuple[str, float, bool], ...] = ()
    # A level, the side of the price on which it was said to lie, and the words: "a stop 2% above the entry".
    sided: tuple[tuple[str, Literal["above", "below"], str], ...] = ()
    said_twice: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)  # settings given two different values
    execution: Mapping[str, Any] = field(default_factory=dict)
    # Of which orders "at the close" was said: "enter", "exit", or "" for all; and of which without a condition.
    filled_at_close: frozenset[str] = frozenset()
    bare_at_close: frozenset[str] = frozenset()
    filled_at_open: bool = False
    spreads: tuple[tuple[str, float, int], ...] = ()  # spread or slippage, its part of the price, how many fills pay it
    lots: tuple[tuple[str, float], ...] = ()  # the lots that were said, and how many units of a currency pair they are
    money_said: bool = False  # a level was said in dollars

    # What is said of the reading.
    title: tuple[int, int] | None = None
    assumptions: Mapping[str, Assumption] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    questions: tuple[str, ...] = ()

    # What "it", "its average" and "above the 200" refer to.
    subject: AnyOperand | None = None
    rising_side: bool = True  # which way words without a direction go in this rule
    compared: AnyOperand | None = None  # the left side while the right side is read
    counted: frozenset[str] = frozenset()  # symbols that were counted as units: "0.5 BTC"
    watched: frozenset[str] = frozenset()  # symbols whose prices a rule speaks of
    other_symbols: frozenset[str] = frozenset()  # watched symbols that are not traded
    worded: tuple[AnyCondition, ...] = ()  # comparisons and crosses that were said in words, not by a sign
    mentions: tuple[AnyOperand, ...] = ()
    pairs: tuple[tuple[AnyOperand, AnyOperand, str], ...] = ()  # what was compared with what: "cross" or "level"
    beside: tuple[tuple[AnyOperand, AnyOperand], ...] = ()  # further right sides: "above SMA(20) and SMA(50)"
    predicate_at: int = 0  # the token at which begins what is said of the last subject
    return_at: int | None = None  # the token of "the 10-day return", whose levels are percentages
    frame_behind: tuple[int, str] | None = None  # a time frame said behind an operand, and the token behind it
    repeat: Callable[[AnyOperand], AnyCondition] | None = None  # makes the last comparison with another right side
    bar_noun: str = ""  # what was counted last: "candles" of "3 green candles"
    bare: frozenset[str] = frozenset()  # indicators that were said without their numbers and taken for the usual ones
    numbered: Mapping[str, IndicatorBase] = field(default_factory=dict)  # the indicators that were said with numbers
    exit_rule: bool = False  # whether the rule being read may ask about the open trade
    behind_entry: bool = False  # whether the rule being read is an exit that shares its sentence with an entry
    action_start: int = 0  # the token at which the order begins whose rest is read
    at_close: bool = False  # whether that order was said with "at the close"
    level_name: str = ""  # the level that is being read, such as stop_loss
    from_extreme: bool = False  # whether that level is measured from the best price since the entry
    price_until: int = -1  # the token behind the last move that was said of the price
    close_until: int = -1  # the token behind the last move that was said of the close

    # Where in the layout the cursor is.
    section: tuple[str, Side | None] | None = None  # the kind and side of rules that the heading above announces
    filter_in_section: bool = False  # a filter has a section of its own
    entry_below_side: bool = False  # an "Entry" stands below the heading of a side
    listed_in: frozenset[tuple[str, Side | None]] = frozenset()  # sections that have an item already
    section_side: Side | None = None  # "Long" above its own "Entry" and "Exit"
    block_side: Side | None = None  # the same, where "Long" has a line of its own
    step: float = 0.0  # the number of the last numbered step
    listed: tuple[AnyCondition, ...] = ()  # conditions on lines of their own, before "if all are true, buy"
    any_of: bool | None = None  # what the text says about the items of a list: any, or all
    last_entry: tuple[Side, AnyCondition] | None = None
    last_exit: Side | None = None  # the side left by the statement before this one
    entry_end: int | None = None  # the token behind the last entry
    way_out_end: int | None = None  # the token behind the last exit, level or limit of time, None behind a later entry
    exit_end: int | None = None  # the token behind the last exit rule, None behind a later entry

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get(name, self) is not value:
            self.__dict__[name] = value
            self.__dict__["_snapshot"] = None  # what was taken is no longer what is read

    def snapshot(self) -> dict[str, Any]:
        """Return everything read so far, to be given to `restore`; the same object as long as nothing changes."""
        found: dict[str, Any] | None = self.__dict__["_snapshot"]
        if found is None:
            found = self.__dict__.copy()
            self.__dict__["_snapshot"] = found
        return found

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take back everything read since the snapshot."""
        if self.__dict__["_snapshot"] is not snapshot:
            self.__dict__.update(snapshot)
            self.__dict__["_snapshot"] = snapshot

    def set_risk(self, name: str, value: Any) -> None:
        """Set a stop, target, size or limit; a second, different value is kept to be asked about."""
        if name in self.risk and self.risk[name] != value:
            self.said_twice = {**self.said_twice, name: (self.risk[name], value)}
        self.risk = {**self.risk, name: value}
        entered = {side for side, _ in self.entries}
        near = (
            self.level_side
            or self.block_side
            or self.section_side
            or (self.entries[-1][0] if len(entered) == 1 else None)
        )
        self.levels_near = {**self.levels_near, name: near}
        self.levels_of = {**self.levels_of, name: {**self.levels_of.get(name, {}), near: value}}

    def set_time_limit(self, bars: int, side: Side | None) -> None:
        """Limit how long a position is held; a limit of one `side` is told from that of both when all is read."""
        side = side or self.block_side or self.section_side
        if side is None:
            self.set_risk("max_bars", bars)
        else:
            self.time_limits = {**self.time_limits, side: bars}

    def set_execution(self, name: str, value: Any) -> None:
        self.execution = {**self.execution, name: value}

    def fill_at_close(self, kind: str = "") -> None:
        """Fill orders at the close, as a rule of a `kind` says, enter or exit, or the text of all orders."""
        self.set_execution("trade_on_close", True)
        self.filled_at_close |= {kind}

    def add_entry(self, side: Side, when: AnyCondition, *, only: bool = False) -> None:
        """Add an entry; one said with `only` limits the others of its side."""
        self.limits += (len(self.entries),) if only else ()
        self.entries += ((side, when),)
        self.last_entry, self.last_exit, self.exit_end = (side, when), None, None

    def add_exit(
        self, side: Side | None, when: AnyCondition, *, short: AnyCondition | None = None, everything: bool = False
    ) -> None:
        """Add a way out; where it names no side, remember among which side's rules it stands."""
        self.exits += (Exit(side, when, short, self.near_side(), everything),)

    def conditions(self) -> list[AnyCondition]:
        """Return the conditions of entries and exits read so far, entries first."""
        return [*(condition for _, condition in self.entries), *(way_out.when for way_out in self.exits)]

    def is_window(self, ref: IndicatorRef) -> bool:
        """Whether an indicator is the average, the highest or the lowest of its last bars: SMA(20), HIGHEST(20)."""
        entry = self.indicators[ref.id].entry
        return entry.is_average or entry.is_extreme

    def near_side(self) -> Side | None:
        """Return the side among whose rules a way out stands; None behind the entries of both."""
        sides = {entered for entered, _ in self.entries}
        if not (self.exits or self.sells or self.moves) and len(sides) == 2:
            self.entries_first = True  # both entries, then the exits: each exit is for both
        if self.block_side is None and not self.entries_first and self.entries:
            return self.entries[-1][0]
        return self.block_side

    def begin_rule(self, kind: str, side: Side | None) -> None:
        """Begin a rule: words without a direction follow it, upward to buy and downward to sell."""
        sells = kind in ("exit", "sell")
        self.behind_entry, self.exit_rule = False, sells
        self.rising_side = (side != "short") != sells
        self.repeat = self.subject = None

    def end_rule(self, position: int, kind: str) -> None:
        """Remember where an entry ends, or an exit."""
        if kind == "enter":
            self.entry_end, self.way_out_end = position, None
        else:
            self.way_out_end = position

    def mentioned(self, *, besides: AnyOperand | None = None) -> AnyOperand | None:
        """Return what was last compared, other than one operand: what "it" stands for."""
        return next((m for m in reversed(self.mentions) if m != besides), None)

    def compared_with(self, subject: AnyOperand) -> AnyOperand | None:
        """Return what a subject was compared with last."""
        return next((right for left, right, _ in reversed(self.pairs) if left == subject), None)

    def assume(self, code: str, text: str, other: str = "", field: str = "") -> None:
        if (key := f"{code}:{text}") not in self.assumptions:
            self.assumptions = {**self.assumptions, key: Assumption(code, text, other, field)}

    def assume_direction(self) -> None:
        text = "A cross without a direction is upward for buying and downward for selling"
        self.assume("cross_direction", text, "any cross")

    def assume_usual(self, entry: IndicatorEntry, params: Mapping[str, float]) -> None:
        """Note that the parameters that were not said are the usual ones, and TradingView's where those are others."""
        ours, theirs = entry.setting(params), entry.tradingview_setting(params)
        other = f" (TradingView: {theirs})" if theirs != ours else ""
        self.assume("default_period", f"{entry.name} with its usual setting {ours}{other}", field="indicators")

    def problem(self, severity: Any, code: str, field: str, message: str, suggestion: str = "") -> None:
        found = Diagnostic(severity, code, field, message, suggestion)
        if found not in self.diagnostics:
            self.diagnostics += (found,)

    def out_of_bounds(self, error: ValidationError) -> None:
        """Note a number, or a length, that the schema does not allow."""
        first = error.errors()[0]
        name, given = str(first["loc"][-1]) if first["loc"] else "value", str(first["input"])[:40]
        message = f"{name} of {given} is not possible: {first['msg']}"
        self.problem("error", "out_of_bounds", "text", message, "Use a value within the bounds")
        self.ask(f"What should it be instead of {given}?")

    def ask_price_or_length(self, number: float, what: str, average: str) -> None:
        """Ask about a number that may be a price, or the length of an average."""
        message = f"{what} may be a price, or the average of so many bars"
        remedy = f"Say {average} for the average, ${number:g} for the price"
        self.problem("error", "price_or_period", "text", message, remedy)
        self.ask(f"Is {number:g} a price, or the average of {number:g} bars?")

    def ask_whose(self, said: str) -> None:
        """Ask what a limit behind an entry and an exit is of: "buy when A, sell when B, only on Mondays"."""
        message = f"'{said} ...' behind the exit may limit the entries, the exits or both"
        remedy = "Say it with the entry, or as 'no trades ...' for entries and 'sell only ...' for exits"
        self.problem("error", "filter_of", "text", message, remedy)
        self.ask(f"What does '{said} ...' behind the exit limit: entries, exits or both?")

    def ask(self, question: str) -> None:
        if question not in self.questions:
            self.questions += (question,)

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
        item = make_indicator(name, source=source, timeframe=timeframe, symbol=None, **params)
        if item.id not in self.indicators:
            self.indicators = {**self.indicators, item.id: item}
        entry = item.entry
        if len(entry.outputs) > 1 and output is None:
            output = entry.outputs[0].name
        return IndicatorRef(id=item.id, output=output if len(entry.outputs) > 1 else None)

    def _bars_a_unit(self) -> Mapping[str, float]:
        table = _BARS_A_UNIT_OF_COINS if self.days and self.days.a_week == 7 else _BARS_A_UNIT
        if self.days is None or not is_intraday(self.timeframe):
            return table.get(self.timeframe, {})
        a_day = self.days.bars_a_day(seconds(self.timeframe))
        return {unit: days * a_day for unit, days in table["1d"].items()}

    def bars(self, count: float, unit: str) -> int:
        """Return how many bars of the strategy's time frame a span of time is, at least one."""
        if unit == "bar":
            return max(1, round(count))
        table = self._bars_a_unit()
        if unit == "week" and count in (13, 26, 52) and self.timeframe == "1d" and table["week"] == 5:
            bars = round(252 * count / 52)
        else:
            exact = count * (table[unit] if unit in table else UNIT_SECONDS[unit] / seconds(self.timeframe))
            bars = round(exact)
            if exact < (1 if is_intraday(self.timeframe) else _NEARLY):
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
            said = f"{count:g} {unit}{'s' if count != 1 else ''} are {bars} bars of {self.timeframe}"
            unknown = self.days is None and is_intraday(self.timeframe) and unit not in ("minute", "hour")
            hours = " around the clock; a run counts the trading hours of its symbol" if unknown else ""
            self.assume("span", said + hours)
        return max(1, bars)
