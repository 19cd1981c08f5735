"""What cannot work in a valid strategy (errors), and what a careful trader would ask about it (warnings)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import ceil

from Backtest.canonical import (
    AnyCondition,
    AnyOperand,
    CanonicalStrategy,
    FixedUnits,
    IndicatorBase,
    IndicatorRef,
    PercentLevel,
    PercentOfEquity,
    PositionRef,
    Price,
    Risk,
    RiskPercent,
    Time,
    Value,
    walk,
)
from Backtest.diagnostics.orders import of_orders
from Backtest.diagnostics.satisfiability import always, is_price_and_number, never
from Backtest.errors import Diagnostic
from Backtest.indicators import REGISTRY
from Backtest.market import in_words, is_intraday, seconds
from Backtest.meaning.core import Comparison

# The coarsest bars that have a place in a period.
_FINEST = {
    **dict.fromkeys(("Week", "TradingDay", "TradingDaysLeft", "MonthDay"), "1d"),
    "Month": "1wk",
    "MonthOfYear": "1mo",
}
_error, _warning = partial(Diagnostic, "error"), partial(Diagnostic, "warning")


def diagnose(strategy: CanonicalStrategy) -> Iterable[Diagnostic]:
    """Yield the errors and warnings of a strategy of valid form."""
    for field, rules in (("entry_rules", strategy.entry_rules), ("exit_rules", strategy.exit_rules)):
        for i, rule in enumerate(rules):
            yield from _thresholds(strategy, f"{field}[{i}]", rule.when)
            yield from _truths(strategy, f"{field}[{i}]", rule.when)
    yield from _ways_out(strategy)
    for where, risk in strategy.risks():
        yield from _risk(strategy, risk, where)
    yield from of_orders(strategy)
    yield from _fractions(strategy)
    yield from _indicators(strategy)
    yield from _others(strategy)


def _thresholds(strategy: CanonicalStrategy, field: str, when: AnyCondition) -> Iterable[Diagnostic]:
    for node in walk(when):
        if not isinstance(node, AnyCondition) or not node.compares:
            continue
        for operand, other in _pairs(node):
            if _scale(strategy, operand) == "percent" and _scale(strategy, other) == "price":
                yield _warning(
                    "different_scales",
                    field,
                    f"{_named(operand)} is an oscillator and {_named(other)} a price: they hardly compare",
                    "Compare prices with prices, and oscillators with levels",
                )
            if not (isinstance(operand, IndicatorRef) and isinstance(other, Value)):
                continue
            entry = strategy.indicator(operand.id).entry
            if entry.bounds and not entry.bounds[0] <= other.value <= entry.bounds[1]:
                low, high = entry.bounds
                usual = entry.levels
                hint = f"Use {entry.name} < {usual[0]:g} for an oversold condition" if usual else ""
                yield _error(
                    "threshold_range",
                    field,
                    f"{entry.name} threshold must be between {low:g} and {high:g}, got {other.value:g}",
                    hint,
                )


def _pairs(condition: AnyCondition) -> Iterable[tuple[AnyOperand, AnyOperand]]:
    """Return which operands a condition holds against which, each pair from both sides."""
    found = [s for s in condition.core("").walk() if isinstance(s, Comparison)]
    sides = [(s.left.operand, s.right.operand) for s in found]
    return dict.fromkeys(pair for left, right in sides for pair in ((left, right), (right, left)))


def _scale(strategy: CanonicalStrategy, operand: AnyOperand) -> str | None:
    """Return "price" or "percent" where an operand surely is one."""
    if isinstance(operand, Price):
        return "price" if operand.column != "Volume" else None
    if not isinstance(operand, IndicatorRef):
        return None
    indicator = strategy.indicator(operand.id)
    if indicator.entry.bounds is not None:
        return "percent"
    source = indicator.source_name
    if source is not None and source not in ("Open", "High", "Low", "Close"):
        return None
    return "price" if indicator.entry.scale == "price" and operand.output != "direction" else None


def _named(operand: AnyOperand) -> str:
    return operand.id if isinstance(operand, IndicatorRef) else str(getattr(operand, "column", operand))


def _truths(strategy: CanonicalStrategy, field: str, when: AnyCondition) -> Iterable[Diagnostic]:
    """Yield the parts of a rule that are never or always true, the smallest ones."""
    reported: list[AnyCondition] = []
    for node in reversed([n for n in walk(when) if isinstance(n, AnyCondition)]):
        if any(inner in reported for inner in walk(node)):
            continue
        if isinstance(node, Time) and node.start is not None and not is_intraday(strategy.timeframe):
            reported.append(node)
            message = f"A bar of {strategy.timeframe} has no time of day, so this is the same on every bar: {node.text(strategy)}"
            yield _error("time_of_day", field, message, "Use an intraday time frame such as 5m, or leave the time out")
            continue
        if node.compares and not _reads_bars(node):
            reported.append(node)
            message = f"This has only numbers in it: {node.text(strategy)}"
            yield _error("only_numbers", field, message, "Compare a price or an indicator with something")
            continue
        code = truth = ""
        if never(strategy, node):
            code, truth = "unsatisfiable", "can never be"
        elif node.compares and always(strategy, node):
            code, truth = "always_true", "is always"
        if code:
            reported.append(node)
            message = f"This {truth} true: {node.text(strategy)}"
            if code == "always_true" and is_price_and_number(strategy, node):
                yield _warning(code, field, message, "If it shall always be in the market, it is right")
            else:
                yield _error(code, field, message, "Say what is compared with what, or leave it out")


def _reads_bars(condition: AnyCondition) -> bool:
    """Return whether a price, an indicator or the open position is in a condition: 2 * 3 > 5 has none."""
    return any(isinstance(node, Price | IndicatorRef | PositionRef) for node in walk(condition))


def _ways_out(strategy: CanonicalStrategy) -> Iterable[Diagnostic]:
    for side in strategy.sides:
        exits = strategy.rules("exit", side)
        entries = [rule for rule in strategy.entry_rules if rule.side == side]
        if not exits and not all(strategy.risk_of(rule).closes_all for rule in entries):
            yield _error(
                "no_exit",
                "exit_rules",
                f"The {side} side has no way out: no exit rule, stop, target or time limit",
                "Say when to sell, or add a stop loss" if side == "long" else "Say when to cover, or add a stop loss",
            )
        for i, rule in enumerate(strategy.entry_rules):
            if rule.side != side or not exits:
                continue
            same = any(rule.when == other.when for other in exits)
            taken = not never(strategy, rule.when, without=[other.when for other in exits])
            if same or not (taken or never(strategy, rule.when)):
                what = "and exit are the same condition" if same else "is never true without an exit being true as well"
                yield _error(
                    "entry_is_exit",
                    f"entry_rules[{i}]",
                    f"The {side} entry {what}, so no trade is ever opened",
                    "Give the exit another condition",
                )
    for i, leaving in enumerate(strategy.exit_rules):
        if leaving.side not in strategy.sides:
            what = f"There is an exit for {leaving.side} positions, but nothing opens one"
            yield _warning("unused_exit", f"exit_rules[{i}]", what)


def _risk(strategy: CanonicalStrategy, risk: Risk, where: str) -> Iterable[Diagnostic]:
    execution, size = strategy.execution, risk.position_size
    if all(rule.risk is not None for rule in strategy.entry_rules) and risk is strategy.risk:
        return  # every entry has its own
    if not risk.is_stopped:
        yield _warning("no_stop", f"{where}.stop_loss", "There is no stop loss", "Add a stop loss, such as 5%")
    taken = size.value / execution.margin if isinstance(size, PercentOfEquity) else 0.0
    if taken > 50:
        assert isinstance(size, PercentOfEquity)
        how = f" ({size.value:g}%, {1 / execution.margin:g} to 1)" if execution.margin < 1 else ""
        yield _warning(
            "large_position",
            f"{where}.position_size",
            f"Every trade takes {taken:g}% of the equity{how}",
            "Size positions at 50% of equity or less, or risk 1% per trade",
        )
    if 1 / execution.margin > 2:
        yield _warning(
            "leverage", "execution.margin", f"Leverage of {1 / execution.margin:g} to 1", "Use a margin of 0.5 or more"
        )
    if isinstance(size, RiskPercent) and size.value > 5:
        yield _warning(
            "large_risk",
            f"{where}.position_size",
            f"{size.value:g}% of equity is lost at every stop",
            "Risk 1% or 2% per trade",
        )
    if isinstance(size, FixedUnits) and execution.fractional_unit == 1 and not float(size.value).is_integer():
        yield _error(
            "fractional_units",
            f"{where}.position_size",
            f"{size.value:g} units cannot be traded in whole units",
            "Use a whole number, or set execution.fractional_unit",
        )
    if isinstance(risk.take_profit, PercentLevel) and risk.take_profit.value / 100 <= execution.spread:
        yield _error(
            "target_in_spread",
            f"{where}.take_profit",
            f"A target of {risk.take_profit.value:g}% lies within the spread of {execution.spread:.2%}",
            "Use a target well above the spread",
        )
    for name, level in (("stop_loss", risk.stop_loss), ("trailing_stop", risk.trailing_stop)):
        if isinstance(level, PercentLevel) and level.value >= 100 and "long" in strategy.sides:
            yield _error(
                "stop_range",
                f"{where}.{name}",
                f"A stop {level.value:g}% below the entry is below zero",
                "Use less than 100%",
            )
        elif isinstance(level, PercentLevel) and level.value > 50:
            yield _warning(
                "wide_stop", f"{where}.{name}", f"A stop at {level.value:g}% hardly protects", "Use 2% to 20%"
            )
    if isinstance(risk.take_profit, PercentLevel) and risk.take_profit.value >= 100 and "short" in strategy.sides:
        yield _error(
            "target_range",
            f"{where}.take_profit",
            f"A short target of {risk.take_profit.value:g}% lies below zero",
            "Use less than 100%",
        )


LEAST_PERCENT = 0.2  # a level nearer to the entry than this is hardly meant on bars of a day and longer


def _fractions(strategy: CanonicalStrategy) -> Iterable[Diagnostic]:
    """Yield a warning for each percentage that may be meant as a fraction; where words say "%" there is no doubt."""
    risk, size = strategy.risk, strategy.risk.position_size
    if strategy.provenance.parser == "rules":
        return
    for name in ("stop_loss", "take_profit", "trailing_stop"):
        level = getattr(risk, name)
        if isinstance(level, PercentLevel) and level.value < LEAST_PERCENT and not is_intraday(strategy.timeframe):
            what = f"{level.value:g}% of the entry price away from it"
            yield _fraction(f"risk.{name}", f"the {name.replace('_', ' ')} is {what}", level.value)
    if isinstance(size, PercentOfEquity) and size.value <= 1:
        yield _fraction("risk.position_size", f"a trade takes {size.value:g}% of the equity", size.value)


def _fraction(where: str, meaning: str, value: float) -> Diagnostic:
    whole = f"{value * 100:.10g}"
    message = f"{where}.value is in percent: with {value:g} {meaning}. {whole} would mean {whole}%"
    return _warning("percent_or_fraction", where, message, f"Write {whole} where {whole}% is meant")


def _indicators(strategy: CanonicalStrategy) -> Iterable[Diagnostic]:
    used = {n.id for n in strategy.parts() if isinstance(n, IndicatorRef)}
    ids = [i.id for i in strategy.indicators]
    used |= {ref.id for i in strategy.indicators for ref in i.sources(ids)}
    for i, indicator in enumerate(strategy.indicators):
        if indicator.id not in used:
            yield _warning(
                "unused_indicator", f"indicators[{i}]", f"{indicator.id} is in no rule, so it changes no trade"
            )
        yield from of_indicator(indicator, f"indicators[{i}]", indicator.timeframe or strategy.timeframe)


def of_indicator(indicator: IndicatorBase, field: str, timeframe: str) -> Iterable[Diagnostic]:
    """Yield what is to be said of an indicator on bars of a time frame, whatever rule it stands in."""
    if indicator.name == "MACD" and indicator.params["fastperiod"] >= indicator.params["slowperiod"]:
        message = "MACD's fast period must be shorter than its slow period"
        yield _error("periods", field, message, "MACD 12/26/9 is usual")
    if indicator.name == "CLOCK_RANGE" and indicator.params["start"] == indicator.params["end"]:
        yield _error("periods", field, "CLOCK_RANGE begins and ends at one time", "Give an end after its start")
    minutes, bar = indicator.params.get("minutes", 0), seconds(timeframe) / 60
    if minutes % bar and is_intraday(timeframe):
        whole = ceil(minutes / bar) * bar
        message = f"{minutes:g} minutes end within a bar, so {indicator.name} is that of the first {whole:g} minutes"
        yield _warning("minutes_of_bars", field, message, f"Say {whole:g} minutes, or trade on finer bars")
    yield from _sessions(indicator, field, timeframe)


def _others(strategy: CanonicalStrategy) -> Iterable[Diagnostic]:
    """Yield what is to be said of prices of other symbols."""
    for symbol, where in strategy.others:
        field = where.partition(" ")[0]
        if strategy.symbols == [symbol]:
            message = f"{symbol} is what is traded, so its prices are there without `symbol`"
            yield _warning("own_symbol", f"{field}.symbol", message, f"Leave symbol out where {symbol} is traded")
        if strategy.execution.trade_on_close and not is_intraday(strategy.timeframe):
            message = (
                f"Orders are filled at the close, and the day of {symbol} may end later than that of what is traded: "
                "its close of the same date would not be known then"
            )
            yield _warning("close_of_another", f"{field}.symbol", message, "Fill orders at the next open")


def _sessions(indicator: IndicatorBase, field: str, timeframe: str) -> Iterable[Diagnostic]:
    """Yield what is to be said of an indicator that counts from the session's open, or that could."""
    entry = indicator.entry
    name = f"{entry.name}({entry.suffix(indicator.params)})"
    if entry.by_session and is_intraday(timeframe):
        message = f"{name} goes over its last bars, those of the session before included"
        session = REGISTRY[entry.by_session].called
        yield Diagnostic("info", "rolling_vwap", field, message, f"Without a period it is the {session}")
    elif entry.by_session and not indicator.model_fields_set & set(indicator.params):
        message = f"On {in_words(timeframe)} bars a session has one bar, so {entry.name} without a period is {name}"
        yield _warning("session_of_one_bar", field, message, "Say over how many bars it goes")
    elif entry.reads_session and not is_intraday(timeframe):
        message = f"On {in_words(timeframe)} bars a session has one bar, so there is no {entry.called or entry.name}"
        finer = "bars finer than a day, such as 5m"
        of_bars = {"SESSION_VWAP": "VWAP with a period, such as VWAP(20)", "PRIOR_DAY": "the prices of the bar before"}
        remedy = f"Use {of_bars[entry.name]}, or {finer}" if entry.name in of_bars else f"Use {finer}"
        yield _error("session_of_one_bar", field, message, remedy)
    elif wide := [name for name in entry.calendar if name in _FINEST and seconds(timeframe) > seconds(_FINEST[name])]:
        finest = in_words(_FINEST[wide[0]])
        message = f"{entry.name} has no meaning on {in_words(timeframe)} bars"
        yield _error("bars_too_coarse", field, message, f"Use {finest} bars or finer ones")
