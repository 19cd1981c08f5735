"""Indicators as Pine writes them, seeded as AlgoAgent's are (docs/indicators.md).

A formula gives pairs: lines that come before, with an empty name, and one expression for each output of the indicator, in the registry's order.
"""

from __future__ import annotations

from collections.abc import Callable

from Backtest.pine.dialects import Dialect

Lines = list[tuple[str, str]]
FORMULAS: dict[str, Callable[..., Lines]] = {}


def _formula(name: str) -> Callable[[Callable[..., Lines]], Callable[..., Lines]]:
    def add(function: Callable[..., Lines]) -> Callable[..., Lines]:
        FORMULAS[name] = function
        return function

    return add


def _built_in(name: str, template: str, *more: str) -> None:
    """Add indicators that Pine has as they are; `s` is the source, the others are parameters."""

    def formula(_: Dialect, base: str, s: str, **params: float) -> Lines:
        numbers = {key: f"{value:g}" for key, value in params.items()}
        return [("", text.format(s=s, **numbers)) for text in (template, *more)]

    FORMULAS[name] = formula


_built_in("SMA", "ta.sma({s}, {timeperiod})")
_built_in("WMA", "ta.wma({s}, {timeperiod})")
_built_in("RSI", "ta.rsi({s}, {timeperiod})")
_built_in("STDDEV", "ta.stdev({s}, {timeperiod})")
_built_in("HIGHEST", "ta.highest({s}, {timeperiod})")
_built_in("LOWEST", "ta.lowest({s}, {timeperiod})")
_built_in("MOM", "ta.mom({s}, {timeperiod})")
_built_in("ROC", "ta.roc({s}, {timeperiod})")
_built_in("CCI", "ta.cci(hlc3, {timeperiod})")
_built_in("WILLR", "ta.wpr({timeperiod})")
_built_in("IBS", "((close - low) / (high - low))")
_built_in("SESSION_VWAP", "ta.vwap(hlc3)")
_built_in(
    "BB",
    "(ta.sma({s}, {timeperiod}) + {nbdev} * ta.stdev({s}, {timeperiod}))",
    "ta.sma({s}, {timeperiod})",
    "(ta.sma({s}, {timeperiod}) - {nbdev} * ta.stdev({s}, {timeperiod}))",
)
_built_in("ZSCORE", "(({s} - ta.sma({s}, {timeperiod})) / ta.stdev({s}, {timeperiod}))")
_built_in(
    "DONCHIAN",
    "ta.highest(high, {timeperiod})",
    "((ta.highest(high, {timeperiod}) + ta.lowest(low, {timeperiod})) / 2)",
    "ta.lowest(low, {timeperiod})",
)
_built_in(
    "STOCH",
    "ta.sma(ta.stoch(close, high, low, {fastk_period}), {slowk_period})",
    "ta.sma(ta.sma(ta.stoch(close, high, low, {fastk_period}), {slowk_period}), {slowd_period})",
)


def _smoothed(dialect: Dialect, name: str, seed: str, share: str, source: str) -> Lines:
    """Return the lines of an average that begins with `seed` and takes in a share of each further value."""
    first = f"{name}_seed"
    going_on = f"{share} * {source} + (1 - {share}) * {name}"
    return [
        ("", dialect.series(first, seed)),
        ("", dialect.kept(name, "na")),
        ("", dialect.change(name, dialect.either(f"na({name})", first, going_on))),
    ]


@_formula("EMA")
def _ema(dialect: Dialect, base: str, source: str, timeperiod: int) -> Lines:
    name = f"{base}_smoothed"
    return [
        *_smoothed(dialect, name, f"ta.sma({source}, {timeperiod})", f"(2.0 / {timeperiod + 1})", source),
        ("", name),
    ]


@_formula("ATR")
def _atr(dialect: Dialect, base: str, _: str, timeperiod: int) -> Lines:
    true_range, name = f"{base}_range", f"{base}_smoothed"
    # The first bar has none, as it needs the close before.
    range_ = "math.max(high - low, math.max(math.abs(high - close[1]), math.abs(low - close[1])))"
    lines = [("", dialect.series(true_range, dialect.either("na(close[1])", "na", range_)))]
    seed = f"ta.sma({true_range}, {timeperiod})"
    return [*lines, *_smoothed(dialect, name, seed, f"(1.0 / {timeperiod})", true_range), ("", name)]


@_formula("MACD")
def _macd(dialect: Dialect, base: str, source: str, fastperiod: int, slowperiod: int, signalperiod: int) -> Lines:
    """TA-Lib begins the fast average where the slow one begins, with the mean of its own last bars there."""
    lines: Lines = []
    for name, bars in (("fast", fastperiod), ("slow", slowperiod)):
        mean = f"{base}_{name}_mean"  # of its own: what is computed on some bars only forgets the others
        lines.append(("", dialect.series(mean, f"ta.sma({source}, {bars})")))
        begun = dialect.either(f"bar_index >= {slowperiod - 1}", mean, "na")
        lines += _smoothed(dialect, f"{base}_{name}", begun, f"(2.0 / {bars + 1})", source)
    line, signal = f"{base}_line", f"{base}_smoothed"
    lines.append(("", dialect.series(line, f"{base}_fast - {base}_slow")))
    lines += _smoothed(dialect, signal, f"ta.sma({line}, {signalperiod})", f"(2.0 / {signalperiod + 1})", line)
    known = f"na({signal})"
    return [
        *lines,
        ("", dialect.either(known, "na", line)),
        ("", signal),
        ("", dialect.either(known, "na", f"{line} - {signal}")),
    ]
