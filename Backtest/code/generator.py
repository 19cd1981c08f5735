"""Canonical strategy → readable Python for backtesting.py.

The code is deterministic, formatted as `ruff format` would leave it, and runs on its own with
backtesting, TA-Lib and pandas: helpers it needs are in the file, and only those. Its trades are
those of `docs/canonical.md`.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from Backtest.canonical import (
    AtrLevel,
    CanonicalStrategy,
    IndicatorBase,
    IndicatorRef,
    Price,
    Side,
    atr_indicator,
    used_indicators,
)
from Backtest.code.arrays import Arrays
from Backtest.code.booked import Booked
from Backtest.code.expressions import LINE, Expressions, call, join, number, returned
from Backtest.code.orders import Orders
from Backtest.code.sources import sources
from Backtest.indicators import REGISTRY, SESSION, in_calendar
from Backtest.indicators.formulas import RSI, mean, share
from Backtest.indicators.periods import bar_minutes, range_of
from Backtest.indicators.swings import swings
from Backtest.machine import write_whole


@dataclass
class GeneratedCode:
    """The file's text, its class, and where the strategy's numbers went.

    `parameters` maps a path of the canonical, such as `indicators.RSI_14.timeperiod`, to the
    class attribute that holds it.
    """

    code: str
    class_name: str
    parameters: dict[str, str] = field(default_factory=dict)


def generate_code(strategy: CanonicalStrategy) -> GeneratedCode:
    """Return the backtesting.py code of a strategy."""
    return _Generator(strategy).generate()


def safe_slug(name: str) -> str:
    """Return a file-system safe, lower-case ASCII name of at most 48 characters."""
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:48].strip("_")
    return slug if slug and not slug[0].isdigit() else f"strategy_{slug}".rstrip("_")


def write_code(generated: GeneratedCode, *, name: str, folder: Path, key: str) -> Path:
    """Write the code atomically as `<name>_<key>.py` and return its path.

    `key` sets files of one name apart, for instance the strategy's id and content hash.

    Raises:
        OSError: the folder cannot be made or written to, or there is no room.
    """
    path = folder / f"{safe_slug(name)}_{re.sub('[^a-z0-9]+', '_', key.lower())}.py"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda made: made.write_text(generated.code, encoding="utf-8"), mode=0o644)
    return path


def class_name(name: str) -> str:
    """Return the strategy's name as a Python class name."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    text = "".join(w[:1].upper() + w[1:] for w in words)[:60]
    if not text or text[0].isdigit():
        text = f"Strategy{text}"
    return text if text not in _TAKEN else f"{text}Rules"


_TAKEN = {"Strategy", "Backtest", "FractionalBacktest", "Trade", "None", "True", "False"} | {
    entry.function.__name__ for entry in REGISTRY.values()
}

HELPERS = {
    "ago": '''
def ago(series: Sequence[float], bars: int) -> float:
    """Return the value so many bars back, NaN before the first bar."""
    return series[-1 - bars] if bars < len(series) else math.nan
''',
    "seen": '''
def seen(held: Callable[[int], bool], forgotten: Callable[[int], bool]) -> bool:
    """Return whether something held on a bar before this one, since it was last forgotten.

    Both are asked how many bars back; at most 500 bars are looked at.
    """
    for bars in range(1, 501):
        if forgotten(bars - 1):
            return False
        if held(bars):
            return True
    return False
''',
    "bars_since": '''
def bars_since(held: Callable[[int], bool]) -> float:
    """Return how many bars ago something last held, NaN where it did on none of the last 500."""
    return next((bars for bars in range(500) if held(bars)), math.nan)
''',
    "value_when": '''
def value_when(held: Callable[[int], bool], value: Callable[[int], float]) -> float:
    """Return what a value was when something last held, NaN where it did on none of 500 bars."""
    bars = bars_since(held)
    return math.nan if math.isnan(bars) else value(bars)
''',
    "ratio": '''
def ratio(dividend: float, divisor: float) -> float:
    """Divide, giving NaN for a divisor of zero."""
    return dividend / divisor if divisor else math.nan
''',
    "positive": '''
def positive(level: float) -> float | None:
    """Return a price level, None where it would not be above zero."""
    return level if level > 0 else None
''',
    "protect_fills": '''
def protect_fills(strategy: Strategy) -> None:
    """Set the levels of each trade as it is filled, and hold them against the rest of that bar.

    backtesting.py takes levels with the order, when the price of the fill is not known yet. In a
    bar that opens beyond the target and reaches the stop later, it takes the stop.
    """
    broker = strategy._broker
    process_orders = broker._process_orders

    def process_and_protect() -> None:
        held, opened = list(broker.trades), broker._data._current_value("Open")
        for trade in held:
            stop, target = trade._sl_order, trade._tp_order
            if not stop or not target:
                continue
            if opened >= target.limit if trade.is_long else opened <= target.limit:
                broker.orders.remove(stop)
                broker.orders.append(stop)
        process_orders()
        filled = [trade for trade in broker.trades if trade not in held]
        for trade in filled:
            strategy.protect(trade)
        if filled:
            process_orders()

    broker._process_orders = process_and_protect
''',
    "leave_the_fee": '''
def leave_the_fee(strategy: Strategy) -> None:
    """Let an order for a part of the equity pay the fixed commission once.

    backtesting.py would add that commission to the price of each unit.
    """
    broker = strategy._broker
    commission, fixed = broker._commission, broker._commission_fixed

    def for_the_order(size: float, price: float) -> float:
        if abs(size) >= 1:
            return commission(size, price)
        money = broker.margin_available * broker._leverage * abs(size)
        adjusted = broker._adjusted_price(size, price)
        units = max(money - fixed, 0) // (adjusted + price * broker._commission_relative)
        if not units:
            return commission(size, price)
        return abs(size) * (money / (units + 0.5) - adjusted)  # at which money buys so many

    broker._commission = for_the_order
''',
    "close_out": '''
def close_out(strategy: Strategy) -> None:
    """Close what is open at the last close; backtesting.py would take the open of that bar."""
    broker = strategy._broker
    for trade in list(broker.trades):
        broker._close_trade(trade, broker.last_price, len(strategy.data) - 1)
    broker.orders.clear()
    broker._equity[-1] = broker.equity
''',
    "kelly": '''
def kelly(chance: float, payoff: float, cap: float) -> float:
    """Return Kelly's share of the equity in percent: at most `cap`, none without an edge."""
    return min(max(100 * (chance - (1 - chance) / payoff), 0), cap)
''',
    "local": '''
def local(stamp: pd.Timestamp, zone: str) -> pd.Timestamp:
    """Return a time stamp in a zone; one without a zone, as that of a day, is taken as it reads."""
    return stamp.tz_convert(zone) if stamp.tzinfo else stamp
''',
    "periods": '''
def periods(data: pd.DataFrame, period: str, clock: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each bar's coarser period, and how many are complete at its close.

    Columns such as Period1wk and Complete1wk tell it as the market's calendar has it, with -1 for a
    period whose beginning is missing. Without them periods are those of the clock, complete once
    the next one has begun.
    """
    if f"Period{period}" in data:
        number = data[f"Period{period}"].to_numpy().astype(int)
        return number, data[f"Complete{period}"].to_numpy().astype(int)
    index = data.index.tz_localize(None)
    starts = index.floor(clock) if clock[0].isdigit() else index.to_period(clock).start_time
    number = pd.factorize(starts)[0]
    return number, number
''',
    "coarser": '''
def coarser(data: pd.DataFrame, period: str, clock: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the bars in coarser periods, and how many of these are complete at each close."""
    number, complete = periods(data, period, clock)
    columns = {"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum"}
    inside = number >= 0
    return data[inside].groupby(number[inside]).agg(columns).astype(float), complete
''',
    "calendar": '''
def calendar(data: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column that tells each bar's place in the calendar of its market.

    Without it the place is told by the clock, the usual first and last bar of a day, and weekdays.
    """
    if name in data:
        return data[name].to_numpy(dtype=float)
    name, _, zone = name.partition("@")
    times = pd.Series((data.index.tz_convert(zone) if zone else data.index).tz_localize(None))
    days, minute = times.dt.normalize(), times.dt.hour * 60 + times.dt.minute
    month_end = days + pd.to_timedelta(days.dt.days_in_month - days.dt.day + 1, unit="D")
    left = np.busday_count(days.to_numpy("M8[D]"), month_end.to_numpy("M8[D]"))
    size = days.groupby(days).size().mode()[0]
    places = {
        "Date": (days - pd.Timestamp(0)).dt.days,
        "Clock": minute,
        "MinutesIn": minute - minute.groupby(days).min().mode()[0],
        "MinutesLeft": (minute.groupby(days).max().mode()[0] - minute).clip(lower=0),
        "BarsLeft": (size - 1 - days.groupby(days).cumcount()).clip(lower=0),
        "TradingDay": days.groupby(days.dt.to_period("M")).rank(method="dense"),
        "TradingDaysLeft": left,
        "MonthDay": days.dt.day,
        "MonthOfYear": days.dt.month,
    }
    return np.asarray(places[name], dtype=float)
''',
    "raw_prices": '''
def raw_prices(data: pd.DataFrame) -> pd.DataFrame:
    """Return the prices as quoted, in the place of those in units that can be traded."""
    return data.assign(**{name[3:]: data[name] for name in data if name.startswith("Raw")})
''',
    "other": '''
def other(data: pd.DataFrame, symbol: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the bars of another symbol, and how many of them each bar has shown, 0 where none.

    They stand in columns such as SPY.Close, aligned by time, with NaN where it did not trade. A
    column SPY.Bar may number them; without it each bar of it is shown by one bar.
    """
    named = [f"{symbol}.{name}" for name in ("Open", "High", "Low", "Close", "Volume")]
    if missing := [name for name in named if name not in data]:
        raise ValueError(f"The strategy reads {symbol}: add the columns {', '.join(missing)}")
    shown = np.flatnonzero(data[f"{symbol}.Close"].notna())
    number = data[f"{symbol}.Bar"].to_numpy()[shown] if f"{symbol}.Bar" in data else shown
    new = np.diff(number, prepend=-1) != 0
    count = np.zeros(len(data), dtype=int)
    count[shown] = np.cumsum(new)
    bars = data.iloc[shown[new]]
    own = [name for name in bars if name.startswith(f"{symbol}.")]
    return bars[own].rename(columns=lambda name: name.removeprefix(f"{symbol}.")), count
''',
    "earlier": '''
def earlier(values: np.ndarray, bars: int) -> np.ndarray:
    """Show at each bar the value so many bars before, NaN where there is none."""
    return np.append(np.full(bars, np.nan), values)[: len(values)]
''',
    "quotient": '''
def quotient(dividend: np.ndarray | float, divisor: np.ndarray | float) -> np.ndarray:
    """Divide, giving NaN for a divisor of zero."""
    return np.where(divisor == 0, np.nan, dividend / np.where(divisor == 0, 1, divisor))
''',
    "yearly_deviation": '''
def yearly_deviation(data: pd.DataFrame, day: np.ndarray, days: int) -> np.ndarray:
    """Return at each bar the yearly standard deviation of the last daily returns, of whole days.

    A year has 252 days, 365 where there are prices on every day of the week, 52 weeks or 12 months.
    """
    last = np.flatnonzero(np.append(day[1:] != day[:-1], True))
    close, index = data["Close"].to_numpy(dtype=float)[last], data.index[last]
    returns = close[1:] / close[:-1] - 1
    step = np.median(np.diff(index)) / np.timedelta64(1, "D") if len(index) > 1 else 1
    a_year = 365 if {5, 6} <= set(index.weekday) else 252
    for least, periods in ((4.5, 52), (20, 12), (60, 4), (200, 1)):
        a_year = periods if step >= least else a_year
    found = np.full(len(last) + 1, np.nan)
    for k in range(days, len(last)):
        found[k + 1] = np.std(returns[k - days : k], ddof=1) * math.sqrt(a_year)
    return found[np.searchsorted(last, np.arange(len(data)), side="right")]
''',
    "completed": '''
def completed(values: np.ndarray, complete: np.ndarray) -> np.ndarray:
    """Show at each bar the value of the last bar of another kind that is complete at its close."""
    return np.append(np.nan, values)[complete]
''',
}
# Formulas that others call, those that call others first.
_SHARED_FORMULAS = (bar_minutes, range_of, swings, RSI, mean, share)
_CALENDAR_PERIODS = {SESSION: "1d", "Week": "1wk", "Month": "1mo"}
_PERIODS = {"1wk": "W-SUN", "1mo": "M", "3mo": "Q", "1y": "Y"}


def identifier(column: str) -> str:
    """Return a column name as a lower-case Python identifier, `SMA_50@1wk` as `sma_50_1wk`."""
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


class _Generator:
    def __init__(self, strategy: CanonicalStrategy) -> None:
        self.strategy = strategy
        self.risk = strategy.risk
        self.execution = strategy.execution
        self.fractional = strategy.execution.fractional_unit < 1
        self.attributes: dict[str, str] = {}
        self.parameters: dict[str, str] = {}
        self.helpers: set[str] = set()
        self.methods: set[str] = set()  # names that no number may have
        self.formulas: dict[str, str] = {}
        self.used = used_indicators(strategy)
        self.names = self._series_names()
        self.expressions = Expressions(self)
        self.booked = None if strategy.is_plain else Booked(self)
        if not self.booked:
            self.helpers.add("close_out")
        self.protected = not self.booked and bool(
            self.risk.stop_loss or self.risk.take_profit or self.risk.trailing_stop
        )
        if self.fractional:
            self.attribute("unit", strategy.execution.fractional_unit, "execution.fractional_unit")

    # Names: what `expressions.Names` and `orders.Owner` ask for --------------------

    def _series_names(self) -> dict[tuple[str, str | None], str]:
        names: dict[tuple[str, str | None], str] = {}
        for indicator in self.used:
            outputs = indicator.entry.outputs
            if indicator.computed is not None:
                name = identifier(f"series_{indicator.id}")
                names[(indicator.id, None)] = name if len(name) <= 32 else f"series_{len(names)}"
                continue
            for output in outputs:
                same = [i for i in self.used if i.name == indicator.name]
                name = identifier(output.column if len(same) == 1 else indicator.column(output.name))
                names[(indicator.id, output.name if len(outputs) > 1 else None)] = name
        if len(set(names.values())) < len(names):
            names = {key: identifier(f"{key[0]}_{key[1] or 'value'}_{i}") for i, key in enumerate(names)}
        return names

    def attribute(self, name: str, value: float, path: str) -> str:
        """Keep a number of the strategy as a class attribute; return the expression for it."""
        if path in self.parameters:
            return f"self.{self.parameters[path]}"
        unique, count = name, 2
        while unique in self.attributes or unique in self.methods:
            unique, count = f"{name}_{count}", count + 1
        self.attributes[unique] = number(value)
        self.parameters[path] = unique
        return f"self.{unique}"

    def series_names(self) -> set[str]:
        return set(self.names.values())

    def series(self, ref: IndicatorRef) -> str:
        return f"self.{self.names[(ref.id, ref.output)]}"

    def atr_series(self, level: AtrLevel) -> str:
        return f"self.{self.names[(atr_indicator(self.strategy, level).id, None)]}"

    def price(self, column: str) -> str:
        return f"self.data.Raw{column}" if self.fractional else f"self.data.{column}"

    # The file --------------------------------------------------------------------------------

    def generate(self) -> GeneratedCode:
        name = class_name(self.strategy.strategy_name)
        if self.booked and name in sources():
            name = f"{name}Strategy"
        methods = [self._init(), *self._methods()]
        lines = [f"class {name}(Strategy):", *_indent(self._docstring()), ""]
        lines += _indent(["first_bar = 0  # the bars before it only warm the indicators up"])
        lines += _indent(f"{k} = {v}" for k, v in self.attributes.items())
        for method in methods:
            lines += ["", *_indent(method)]
        main = self._main(name)
        parts = [*self._header(), *self._imports("\n".join(lines + main)), *self._helper_functions(), "", ""]
        return GeneratedCode("\n".join([*parts, *lines, "", "", *main]) + "\n", name, self.parameters)

    def _methods(self) -> list[list[str]]:
        if self.booked:
            return self.booked.methods()
        return [*self._rule_methods(), *self._position_methods(), *Orders(self).methods(), self._next()]

    def _docstring(self) -> list[str]:
        lines: list[str] = []
        for sentence in self.strategy.describe().splitlines():
            safe = sentence.replace("\\", "/").replace('"', "'")
            lines += textwrap.wrap(safe, LINE - 8, break_long_words=False, break_on_hyphens=False)
        lines[0] = f'"""{lines[0]}'
        return [lines[0] + '"""'] if len(lines) == 1 else [*lines, '"""']

    def _header(self) -> list[str]:
        title = re.sub(r"[^\w ,.:;()%<>+-]", "", self.strategy.strategy_name)[:60].strip() or "Strategy"
        return [
            f'"""{title}: a strategy for backtesting.py, generated by AlgoAgent.',
            "",
            f"Canonical strategy: sha256 {self.strategy.content_hash()}",
            '"""',
            "",
        ]

    def _imports(self, body: str) -> list[str]:
        classes = "".join(sources().values()) if self.booked else ""
        text = body + "".join(self.formulas.values()) + "".join(HELPERS[h] for h in self.helpers) + classes
        standard = [f"import {m}" for m in ("copy", "math", "sys", "warnings") if f"{m}." in text]
        asks = self.booked or self.helpers & {"seen", "bars_since"}
        lists = self.booked or "ago" in self.helpers
        abstract = [name for name, needed in (("Callable", asks), ("Sequence", lists)) if needed]
        if abstract:
            standard.append(f"from collections.abc import {', '.join(abstract)}")
        if self.booked:
            standard.append("from dataclasses import dataclass, replace")
        if self.expressions.uses_clock:
            standard.append("from datetime import time")
        if self.booked:
            standard.append("from typing import Any, NamedTuple")
        third = ["import numpy as np"] if "np." in text or self.formulas else []
        third.append("import pandas as pd")
        if "talib." in text:
            third.append("import talib")
        third.append("from backtesting import Backtest, Strategy")
        if self.booked:
            third.append("from backtesting.backtesting import Order as LevelOrder")
        if "trade: Trade" in text or self.booked:
            third.append("from backtesting.backtesting import Trade")
        if self.fractional:
            third.append("from backtesting.lib import FractionalBacktest")
        if self.formulas:
            third.append("from numpy.typing import NDArray")
        later = ["from __future__ import annotations", ""] if self.booked else []
        return [*later, *standard, *([""] if standard else []), *third]

    def _helper_functions(self) -> list[str]:
        lines: list[str] = []
        formulas = list(self.formulas.values())
        if formulas:
            lines += ["", "Array = NDArray[np.float64]"]
        helpers = {name: text for name, text in HELPERS.items() if name in self.helpers}
        if columns := self._coarse_calendar():
            grouped = "    inside = number >= 0\n"
            added = "".join(f'    columns["{n}"] = "{"last" if n.endswith("Left") else "first"}"\n' for n in columns)
            helpers["coarser"] = helpers["coarser"].replace(grouped, f"{added}{grouped}")
        classes = sources().values() if self.booked else ()
        for source in (*formulas, *helpers.values(), *classes):
            lines += ["", "", *source.strip().splitlines()]
        return lines

    # Indicators ------------------------------------------------------------------------------

    def _init(self) -> list[str]:
        lines = ["self.bars = len(self.data)"]
        if self.protected:
            self.helpers.add("protect_fills")
            lines.append("protect_fills(self)")
        if self.execution.commission_fixed and not self.booked:
            self.helpers.add("leave_the_fee")
            lines.append("leave_the_fee(self)")
        for symbol in dict.fromkeys(indicator.symbol for indicator in self.used):
            lines += self._of_symbol(symbol)
        frames: list[str] = []
        for indicator in self.used:
            key = self._key(indicator.symbol, indicator.timeframe)
            if indicator.timeframe and key not in frames:
                frames.append(key)
                lines += self._coarser(indicator.symbol, indicator.timeframe)
            lines += self._declare(indicator)
        if self.booked:
            lines[1:1] = self.booked.init_lines()
        return ["def init(self) -> None:", *_indent(lines)]

    def _key(self, symbol: str | None, timeframe: str | None = None) -> str:
        """Return what the variables of a symbol's bars on a time frame are called by, such as `spy_1wk`; empty for the traded bars."""
        return "_".join(identifier(part) for part in (symbol, timeframe) if part)

    def _of_symbol(self, symbol: str | None) -> list[str]:
        """Return the lines that take a symbol's bars, and the columns of the calendar that its indicators read."""
        lines, frame, key = list[str](), "self.data.df", self._key(symbol)
        if symbol is not None:
            self.helpers.update(("other", "completed"))
            frame = f"bars_{key}"
            lines.append(f'{frame}, complete_{key} = other(self.data.df, "{symbol}")')
        names = [name for item in self.used if item.symbol == symbol for name in item.calendar]
        if any(item.symbol == symbol and item.timeframe for item in self.used):
            names += self._coarse_calendar()
        for name in dict.fromkeys(names):
            if period := _CALENDAR_PERIODS.get(name):
                self.helpers.add("periods")
                target, clock = self._place_of(name, symbol), _PERIODS.get(period, "1D")
                lines.append(f'{target}, _ = periods({frame}, "{period}", "{clock}")')
            else:
                self.helpers.add("calendar")
                lines.append(f'{self._place_of(name, symbol)} = calendar({frame}, "{name}")')
        return lines

    def _place_of(self, name: str, symbol: str | None) -> str:
        """Return the variable that holds a column of the calendar."""
        return "_".join(part for part in (identifier(name), self._key(symbol)) if part)

    def _coarser(self, symbol: str | None, timeframe: str) -> list[str]:
        self.helpers.update(("periods", "coarser", "completed"))
        period = _PERIODS.get(timeframe) or (
            timeframe.replace("m", "min") if timeframe.endswith("m") else timeframe.replace("1d", "1D")
        )
        frame = "self.data.df" if symbol is None else f"bars_{self._key(symbol)}"
        if self.fractional and symbol is None:
            frame = "raw_prices(self.data.df)"
            self.helpers.add("raw_prices")
        if columns := self._coarse_calendar():
            frame = f"{frame}.assign({', '.join(f'{name}={self._place_of(name, symbol)}' for name in columns)})"
        key = self._key(symbol, timeframe)
        lines = call(f"bars_{key}, complete_{key} = coarser(", [frame, f'"{timeframe}"', f'"{period}"'], 8)
        if symbol is not None:
            lines.append(f"complete_{key} = np.append(0, complete_{key})[complete_{self._key(symbol)}]")
        return lines

    def _coarse_calendar(self) -> list[str]:
        """Return the columns of the calendar that indicators read on coarser bars, so that these are grouped with the prices."""
        return list(dict.fromkeys(name for item in self.used if item.timeframe for name in item.entry.calendar))

    def _declare(self, indicator: IndicatorBase) -> list[str]:
        entry = indicator.entry
        function = entry.function.__name__
        if entry.is_talib:
            function = f"talib.{function}"
        else:
            self.formulas[function] = inspect.getsource(entry.function)
            for called in _SHARED_FORMULAS:
                if any(f"{called.__name__}(" in _body(source) for source in list(self.formulas.values())):
                    self.formulas[called.__name__] = inspect.getsource(called)
        keywords = []
        for p in entry.params:
            path = f"indicators.{indicator.id}.{p.name}"
            value = self.attribute(self._parameter_name(indicator, p.name), indicator.params[p.name], path)
            keywords += [f"{k}={value}" for k in entry.keywords.get(p.name, (p.name,))]
        columns = [indicator.column(o.name) for o in entry.outputs]
        several = len(columns) > 1
        targets = [f"self.{self.names[(indicator.id, o.name if several else None)]}" for o in entry.outputs]
        quoted = ", ".join(f'"{c}"' for c in columns)
        label = f"name=[{quoted}]" if several else f"name={quoted}"
        if indicator.computed is not None:
            arrays = Arrays(targets[0].removeprefix("self."), partial(self._array, indicator), self.helpers)
            inputs, lines = [arrays.of(indicator.computed)], arrays.lines
        else:
            lines, inputs = [], [self._input(indicator, name) for name in indicator.inputs]
        if indicator.timeframe is None and indicator.symbol is None:
            return [
                *lines,
                *_assign(targets, indicator.name.lower(), "self.I(", [function, *inputs, *keywords, label], 8),
            ]
        key = self._key(indicator.symbol, indicator.timeframe)
        local = [f"{t.removeprefix('self.')}_bars" for t in targets]
        lines += _assign(local, f"{indicator.name.lower()}_{key}", f"{function}(", [*inputs, *keywords], 8)
        for target, name, column in zip(targets, local, columns, strict=True):
            lines += call(f"{target} = self.I(", ["completed", name, f"complete_{key}", f'name="{column}"'], 8)
        return lines

    def _parameter_name(self, indicator: IndicatorBase, param: str) -> str:
        same = [i for i in self.used if i.name == indicator.name]
        base = indicator.name.lower() if len(same) == 1 else identifier(indicator.id)
        word = "period" if param == "timeperiod" else re.sub(r"_?period$", "_period", param)
        return f"{base}_{word}"

    def _input(self, indicator: IndicatorBase, name: str) -> str:
        """Return the array of a price, a column of the calendar or another indicator, on the bars of the indicator."""
        source = str(indicator.source_name) if name == "source" else name
        if name == "source" and (refs := indicator.sources([known.id for known in self.used])):
            return self._read(indicator, refs[0])
        if indicator.symbol and in_calendar(name) and not indicator.timeframe:
            return self._place_of(name, indicator.symbol)
        if key := self._key(indicator.symbol, indicator.timeframe):
            return f"bars_{key}.{source}.to_numpy()"
        if in_calendar(name):
            return identifier(name)
        text = self.price(source)
        return f"{text}.astype(float)" if source == "Volume" else text

    def _array(self, indicator: IndicatorBase, operand: Price | IndicatorRef) -> str:
        """Return the array of a part of a series of the strategy's own."""
        return self._input(indicator, operand.column) if isinstance(operand, Price) else self._read(indicator, operand)

    def _read(self, indicator: IndicatorBase, ref: IndicatorRef) -> str:
        """Return the array of another indicator's output, on the bars of the indicator that reads it."""
        name = self.names[(ref.id, ref.output)]
        text = f"{name}_bars" if indicator.timeframe or indicator.symbol else f"self.{name}"
        pattern = self.strategy.indicator(ref.id).entry.function.__name__.startswith("CDL")
        return f"{text}.astype(float)" if pattern else text  # TA-Lib gives patterns as whole numbers, and takes none

    # Rules -----------------------------------------------------------------------------------

    def _rule_methods(self) -> list[list[str]]:
        methods = []
        for (kind, side), statements in sorted(self.strategy.statements().items(), key=lambda item: item[0][1]):
            role = f"{side}_{kind}" if len(self.strategy.sides) == 2 else kind
            parts = [self.expressions.condition(statement, role=role) for statement in statements]
            if parts:
                body = returned(join("or", parts), 8)
                methods.append([f"def {side}_{kind}(self) -> bool:", *_indent(body)])
        return [*methods, *self.expressions.of_bars_ago()]

    def _position_methods(self) -> list[list[str]]:
        methods = []
        asked = self.expressions.asked
        if "bars held" in asked or self.risk.max_bars:
            methods.append(
                [
                    "def bars_held(self) -> float:",
                    '    """Return the age of the position in bars, the entry bar being 1; NaN when flat."""',
                    "    return len(self.data) - self.trades[0].entry_bar if self.trades else math.nan",
                ]
            )
        if "unrealized return" in asked:
            methods.append(
                [
                    "def open_return_pct(self) -> float:",
                    '    """Return the open trade\'s return at this close in percent; NaN when flat."""',
                    "    if not self.trades:",
                    "        return math.nan",
                    "    trade = self.trades[0]",
                    "    side = 1 if trade.is_long else -1",
                    "    return side * 100 * (self.data.Close[-1] / trade.entry_price - 1)",
                ]
            )
        if self.risk.cooldown_bars:
            limit = self.attribute("cooldown_bars", self.risk.cooldown_bars, "risk.cooldown_bars")
            methods.append(
                [
                    "def cooling_down(self) -> bool:",
                    '    """Return whether the last exit is too recent for another entry."""',
                    "    if not self.closed_trades:",
                    "        return False",
                    f"    return len(self.data) - 1 - self.closed_trades[-1].exit_bar < {limit}",
                ]
            )
        return methods

    # Decisions -------------------------------------------------------------------------------

    def _next(self) -> list[str]:
        sides, risk = self.strategy.sides, self.risk
        branches: list[tuple[str, list[str]]] = []
        for side in sides:
            held = "self.position" if len(sides) == 1 else f"self.position.is_{side}"
            leave = self._leave(side)
            if not leave:
                branches.append((held, ["return"]))
                continue
            action = ["self.position.close()"]
            other: Side = "short" if side == "long" else "long"
            if other in sides and not risk.cooldown_bars:
                action += [f"if {self._enter(other)}:", f"    self.enter_{other}()"]
            branches.append((held, [f"if {leave}:", *_indent(action)]))
        if risk.cooldown_bars:
            branches.append(("self.cooling_down()", ["return"]))
        for side in sides:
            branches.append((self._enter(side), [f"self.enter_{side}()"]))
        lines = [
            "if len(self.data) <= self.first_bar:",
            "    return",
            "if len(self.data) == self.bars:",
            "    close_out(self)  # no bar is left to fill an order",
            "    return",
        ]
        if risk.trailing_stop:
            lines.append("self.trail_stop()")
        word = "if"
        for test, action in _merged(branches):
            lines += [f"{word} {test}:", *_indent(action)]
            word = "if" if action == ["return"] and word == "if" else "elif"
        return ["def next(self) -> None:", *_indent(lines)]

    def _leave(self, side: Side) -> str:
        parts = []
        if self.risk.max_bars:
            parts.append(f"self.bars_held() >= {self.attribute('max_bars', self.risk.max_bars, 'risk.max_bars')}")
        if self.strategy.rules("exit", side):
            parts.append(f"self.{side}_exit()")
        return " or ".join(parts)

    def _enter(self, side: Side) -> str:
        test = f"self.{side}_entry()"
        return f"{test} and not self.{side}_exit()" if self.strategy.rules("exit", side) else test

    # Running it ------------------------------------------------------------------------------

    def _main(self, name: str) -> list[str]:
        e = self.execution
        commission = number(e.commission)
        if e.commission_fixed:
            commission = f"({number(e.commission_fixed)}, {commission})"
        settings = [f"cash={number(e.cash)}", f"commission={commission}", f"spread={number(e.spread)}"]
        settings.append(f"margin={number(e.margin)}")
        if e.trade_on_close:
            settings.append("trade_on_close=True")
        if self.fractional:
            settings.append(f"fractional_unit={name}.unit")
        settings.append("finalize_trades=True")
        engine = "FractionalBacktest" if self.fractional else "Backtest"
        lines = [
            "def backtest(data: pd.DataFrame) -> Backtest:",
            '    """Return the backtest of the strategy on a frame of OHLCV prices."""',
        ]
        if self.fractional:
            lines += [
                "    # Rules read prices as quoted; orders are placed in multiples of the smallest unit.",
                '    data = data.assign(**{f"Raw{name}": data[name].astype(float) for name in data})',
            ]
        lines += _indent(call(f"return {engine}(", ["data", name, *settings], 4))
        symbol = "BTCUSD" if self.fractional else "GOOG"
        run = [
            'if __name__ == "__main__":',
            f"    from backtesting.test import {symbol}",
            "",
            f"    print(backtest({symbol}).run())",
        ]
        return [*lines, "", "", *run]


def _body(source: str) -> str:
    """Return a function's source without the calls of libraries, whose names may be the same: `talib.RSI(`."""
    return re.sub(r"\w+\.\w+\(", "", source)


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]


def _assign(targets: list[str], whole: str, opening: str, arguments: list[str], indent: int) -> list[str]:
    """Return a call whose results go to targets: one by one where they are too long for a line."""
    first = f"{', '.join(targets)} = {opening}"
    if indent + len(first) <= LINE:
        return call(first, arguments, indent)
    parts = [f"{target} = {whole}[{i}]" for i, target in enumerate(targets)]
    return [*call(f"{whole} = {opening}", arguments, indent), *parts]


def _merged(branches: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """Join neighbouring tests that do nothing."""
    merged: list[tuple[str, list[str]]] = []
    for test, action in branches:
        if merged and action == ["return"] and merged[-1][1] == ["return"]:
            merged[-1] = (f"{merged[-1][0]} or {test}", action)
        else:
            merged.append((test, action))
    return merged
