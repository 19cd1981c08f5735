"""The catalogue of indicators: one entry each, and everything else reads it.

An entry names the indicator, its parameters with defaults and bounds, the price columns it
reads, the outputs it gives and the function that computes them (TA-Lib's, or one of
`formulas.py`). The schema, the parser, the code generator, the API and the documentation are
derived from it, so a new indicator is one entry here and one test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import talib

from Backtest.indicators import formulas

Scale = Literal["price", "percent", "volume", "number"]
Style = Literal["breakout", "mean-reversion", "trend-following", "momentum"]
SESSION = "Session"  # the input that numbers each bar's trading day, -1 for one whose beginning is missing


@dataclass(frozen=True)
class Param:
    """A parameter: `kind` int means bars, float a multiple. Bounds are inclusive.

    `tradingview` is the default of TradingView's built-in indicator, where that is another.
    """

    name: str
    default: float
    minimum: float
    maximum: float
    kind: type[int] | type[float] = int
    tradingview: float | None = None

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

    `inputs` are price columns, "source" where the user may choose the series, or `SESSION`. `bounds` are
    the values the indicator can take. `levels` are the usual (oversold, overbought) values.
    `keywords` names the function's keywords of a parameter where they differ from its own name.
    `called` is what plain English calls it, where that is not its name. `by_session` is the indicator that is
    meant instead where no parameter is given and bars are finer than a day: VWAP is then that of the session.
    `cumulative` is a sum over all bars before, which never forgets where it began.

    `average` says of what it is an average: of its source over its period, or of a bar's prices. `extreme` is the highest or
    the lowest of the last bars, or a channel of both; `age_of` names the extreme that it counts the bars since.
    `measured` tells a number that has another unit than its scale says: an amount in the unit of its source (which may be a
    difference, below zero), a part of one, or a rate of change; `rate` names the rate of change of such an amount.
    `in_steps` has few values, so that two of them are often equal. `points` up or down, as a trend does.
    `cloud` are the two outputs between which there is one. `of_bar_before` is drawn on the bar behind the one it is
    computed from. `bare_output` is meant where no output is named. `styles` are what a strategy on it is called.
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
    def reads_session(self) -> bool:
        return SESSION in self.inputs

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


def _period(default: int, minimum: int = 1, maximum: int = 1000, *, tradingview: int | None = None) -> Param:
    return Param("timeperiod", default, minimum, maximum, tradingview=tradingview)


def _entry(
    name: str,
    title: str,
    aliases: tuple[str, ...],
    function: Callable[..., Any],
    params: tuple[Param, ...],
    **more: Any,
) -> IndicatorEntry:
    more.setdefault("outputs", (Output("value", name),))
    return IndicatorEntry(name, title, aliases, function, params, **more)


def _known_alone(name: str, column: str, words: tuple[str, ...]) -> Output:
    """Return an output that all of its words tell without its indicator."""
    return Output(name, column, words, alone=words)


HLC = ("High", "Low", "Close")
_SIGNAL = ("signal line", "signal", "trigger line")

_ENTRIES = (
    _entry(
        "RSI",
        "relative strength index",
        ("rsi", "relative strength index", "relative strength", "wilder rsi", "wilder's rsi"),
        formulas.RSI,
        (_period(14, 2),),
        scale="percent",
        bounds=(0, 100),
        levels=(30, 70),
        styles=("mean-reversion", "momentum"),
    ),
    _entry(
        "SMA",
        "simple moving average",
        (
            "sma",
            "ma",
            "simple moving average",
            "simple ma",
            "moving average",
            "moving avg",
            "mov avg",
            "dma",
            "simple average",
        ),
        talib.SMA,
        (_period(20, 1, tradingview=9),),
        average="source",
        styles=("trend-following",),
    ),
    _entry(
        "EMA",
        "exponential moving average",
        ("ema", "exponential moving average", "exponential ma", "exponential average", "exp ma"),
        talib.EMA,
        (_period(20, 1, tradingview=9),),
        average="source",
        styles=("trend-following",),
    ),
    _entry(
        "WMA",
        "weighted moving average",
        ("wma", "weighted moving average", "weighted ma", "linear weighted moving average"),
        talib.WMA,
        (_period(20, 1, tradingview=9),),
        average="source",
        styles=("trend-following",),
    ),
    _entry(
        "DEMA",
        "double exponential moving average",
        ("dema", "double exponential moving average", "double ema"),
        talib.DEMA,
        (_period(20, 1, tradingview=9),),
        average="source",
        styles=("trend-following",),
    ),
    _entry(
        "TEMA",
        "triple exponential moving average",
        ("tema", "triple exponential moving average", "triple ema"),
        talib.TEMA,
        (_period(20, 1, tradingview=9),),
        average="source",
        styles=("trend-following",),
    ),
    _entry(
        "KAMA",
        "Kaufman adaptive moving average",
        ("kama", "kaufman adaptive moving average", "kaufman moving average", "adaptive moving average"),
        talib.KAMA,
        (_period(10, 2),),
        average="source",
        styles=("trend-following",),
    ),
    _entry(
        "VAMA",
        "volume-adjusted moving average",
        (
            "vama",
            "volume adjusted moving average",
            "volume-adjusted moving average",
            "vwma",
            "volume weighted moving average",
            "volume-weighted moving average",
        ),
        formulas.VAMA,
        (_period(20, 1),),
        inputs=("source", "Volume"),
        average="source",
        styles=("trend-following",),
    ),
    _entry(
        "MACD",
        "moving average convergence divergence",
        ("macd", "moving average convergence divergence", "macd line"),
        talib.MACD,
        (Param("fastperiod", 12, 2, 500), Param("slowperiod", 26, 2, 500), Param("signalperiod", 9, 1, 500)),
        outputs=(
            Output("macd", "MACD", ("line",)),
            Output("signal", "MACD_SIGNAL", _SIGNAL, alone=_SIGNAL, presumed=False),
            Output("hist", "MACD_HIST", ("histogram", "hist", "bars"), alone=("histogram",)),
        ),
        scale="number",
        measured="difference",
        styles=("trend-following",),
    ),
    _entry(
        "BB",
        "Bollinger Bands",
        ("bb", "bollinger", "bollinger bands", "bollinger band", "bbands", "bollingers", "bollinger bb"),
        talib.BBANDS,
        (_period(20, 2), Param("nbdev", 2, 0.1, 10, float)),
        outputs=(
            Output("upper", "BB_UPPER", ("upper", "top", "higher")),
            Output("middle", "BB_MIDDLE", ("middle", "mid", "centre", "center", "basis")),
            Output("lower", "BB_LOWER", ("lower", "bottom")),
        ),
        keywords={"nbdev": ("nbdevup", "nbdevdn")},
        bare_output="middle",
        styles=("mean-reversion",),
    ),
    _entry(
        "ATR",
        "average true range",
        ("atr", "atrs", "average true range"),
        talib.ATR,
        (_period(14, 1),),
        inputs=HLC,
        scale="number",
        measured="amount",
    ),
    _entry(
        "STOCH",
        "stochastic oscillator",
        ("stoch", "stochastic", "stochastics", "stochastic oscillator", "slow stochastic", "slow stochastics"),
        formulas.STOCH,
        (
            Param("fastk_period", 14, 1, 500),
            Param("slowk_period", 3, 1, 500, tradingview=1),
            Param("slowd_period", 3, 1, 500),
        ),
        inputs=HLC,
        outputs=(
            Output("k", "STOCH_K", ("k", "%k", "k line", "%k line"), alone=("%k", "k line")),
            Output("d", "STOCH_D", ("d", "%d", "d line", "%d line", "signal line", "signal"), alone=("%d", "d line")),
        ),
        scale="percent",
        bounds=(0, 100),
        levels=(20, 80),
        styles=("mean-reversion",),
    ),
    _entry(
        "ADX",
        "average directional index",
        ("adx", "average directional index", "average directional movement index", "directional index"),
        formulas.ADX,
        (_period(14, 2),),
        inputs=HLC,
        scale="percent",
        bounds=(0, 100),
        styles=("trend-following",),
    ),
    _entry(
        "PLUS_DI",
        "plus directional indicator",
        ("plus_di", "+di", "di+", "plus di", "positive directional indicator", "plus directional indicator"),
        formulas.PLUS_DI,
        (_period(14, 1),),
        inputs=HLC,
        scale="percent",
        bounds=(0, 100),
    ),
    _entry(
        "MINUS_DI",
        "minus directional indicator",
        ("minus_di", "-di", "di-", "minus di", "negative directional indicator", "minus directional indicator"),
        formulas.MINUS_DI,
        (_period(14, 1),),
        inputs=HLC,
        scale="percent",
        bounds=(0, 100),
    ),
    _entry(
        "CCI",
        "commodity channel index",
        ("cci", "commodity channel index"),
        formulas.CCI,
        (_period(14, 2, tradingview=20),),
        inputs=HLC,
        scale="number",
        levels=(-100, 100),
        styles=("mean-reversion",),
    ),
    _entry(
        "MOM",
        "momentum",
        ("mom", "momentum", "momentum indicator", "momentum oscillator"),
        talib.MOM,
        (_period(10, 1),),
        scale="number",
        measured="difference",
        rate="ROC",
        styles=("momentum",),
    ),
    _entry(
        "ROC",
        "rate of change",
        ("roc", "rate of change", "rate-of-change"),
        talib.ROC,
        (_period(10, 1, tradingview=9),),
        scale="number",
        measured="rate",
        styles=("momentum",),
    ),
    _entry(
        "OBV",
        "on-balance volume",
        ("obv", "on balance volume", "on-balance volume"),
        talib.OBV,
        (),
        inputs=("source", "Volume"),
        scale="volume",
        cumulative=True,
    ),
    _entry(
        "WILLR",
        "Williams %R",
        ("willr", "williams %r", "williams r", "williams percent r", "williams percent range", "%r", "will %r"),
        formulas.WILLR,
        (_period(14, 2),),
        inputs=HLC,
        scale="percent",
        bounds=(-100, 0),
        levels=(-80, -20),
        styles=("mean-reversion",),
    ),
    _entry(
        "MFI",
        "money flow index",
        ("mfi", "money flow index", "money flow"),
        formulas.MFI,
        (_period(14, 2),),
        inputs=("High", "Low", "Close", "Volume"),
        scale="percent",
        bounds=(0, 100),
        levels=(20, 80),
        styles=("mean-reversion",),
    ),
    _entry(
        "HIGHEST",
        "highest value",
        ("highest",),
        talib.MAX,
        (_period(20, 2),),
        default_source="High",
        extreme="high",
        in_steps=True,
        styles=("breakout",),
    ),
    _entry(
        "LOWEST",
        "lowest value",
        ("lowest",),
        talib.MIN,
        (_period(20, 2),),
        default_source="Low",
        extreme="low",
        in_steps=True,
    ),
    _entry(
        "STDDEV",
        "standard deviation",
        ("stddev", "standard deviation", "std dev", "stdev", "std"),
        talib.STDDEV,
        (_period(20, 2),),
        scale="number",
        measured="amount",
    ),
    _entry(
        "VWAP",
        "volume-weighted average price",
        ("vwap", "volume weighted average price", "volume-weighted average price", "rolling vwap", "moving vwap"),
        formulas.VWAP,
        (_period(20, 1),),
        inputs=("High", "Low", "Close", "Volume"),
        by_session="SESSION_VWAP",
        average="price",
    ),
    _entry(
        "SESSION_VWAP",
        "session VWAP",
        (
            "session vwap",
            "session's vwap",
            "session anchored vwap",
            "vwap of the session",
            "intraday vwap",
            "today's vwap",
            "day's vwap",
        ),
        formulas.SESSION_VWAP,
        (),
        inputs=("High", "Low", "Close", "Volume", SESSION),
        called="session VWAP",
        average="price",
    ),
    _entry(
        "DONCHIAN",
        "Donchian channel",
        ("donchian", "donchian channel", "donchian channels", "price channel", "dc"),
        formulas.DONCHIAN,
        (_period(20, 2),),
        inputs=("High", "Low"),
        outputs=(
            Output("upper", "DONCHIAN_UPPER", ("upper", "top", "higher", "high")),
            Output("middle", "DONCHIAN_MIDDLE", ("middle", "mid", "centre", "center", "basis")),
            Output("lower", "DONCHIAN_LOWER", ("lower", "bottom", "low")),
        ),
        extreme="both",
        in_steps=True,
        styles=("breakout",),
    ),
    _entry(
        "KELTNER",
        "Keltner channel",
        ("keltner", "keltner channel", "keltner channels", "kc"),
        formulas.KELTNER,
        (_period(20, 2), Param("multiplier", 2, 0.1, 20, float), Param("atrperiod", 10, 1, 500)),
        inputs=HLC,
        outputs=(
            Output("upper", "KELTNER_UPPER", ("upper", "top", "higher")),
            Output("middle", "KELTNER_MIDDLE", ("middle", "mid", "centre", "center", "basis")),
            Output("lower", "KELTNER_LOWER", ("lower", "bottom")),
        ),
    ),
    _entry(
        "SUPERTREND",
        "Supertrend",
        ("supertrend", "super trend", "supertrend indicator"),
        formulas.SUPERTREND,
        (_period(10, 1, 500), Param("multiplier", 3, 0.1, 20, float)),
        inputs=HLC,
        outputs=(Output("line", "SUPERTREND", ("line",)), Output("direction", "SUPERTREND_DIRECTION", ("direction",))),
        points=True,
        styles=("trend-following",),
    ),
    _entry(
        "ICHIMOKU",
        "Ichimoku cloud",
        ("ichimoku", "ichimoku cloud", "ichimoku kinko hyo"),
        formulas.ICHIMOKU,
        (Param("tenkanperiod", 9, 2, 500), Param("kijunperiod", 26, 2, 500), Param("senkouperiod", 52, 2, 500)),
        inputs=("High", "Low"),
        outputs=(
            _known_alone("tenkan", "ICHIMOKU_TENKAN", ("tenkan", "tenkan sen", "tenkan-sen", "conversion line")),
            _known_alone("kijun", "ICHIMOKU_KIJUN", ("kijun", "kijun sen", "kijun-sen", "base line")),
            _known_alone("senkou_a", "ICHIMOKU_SENKOU_A", ("senkou a", "senkou span a", "span a", "leading span a")),
            _known_alone("senkou_b", "ICHIMOKU_SENKOU_B", ("senkou b", "senkou span b", "span b", "leading span b")),
        ),
        cloud=("senkou_a", "senkou_b"),
        styles=("trend-following",),
    ),
    _entry(
        "STOCHRSI",
        "stochastic RSI",
        ("stochrsi", "stoch rsi", "stochastic rsi"),
        formulas.STOCHRSI,
        (
            Param("rsiperiod", 14, 2, 500),
            Param("stochperiod", 14, 1, 500),
            Param("kperiod", 3, 1, 500),
            Param("dperiod", 3, 1, 500),
        ),
        outputs=(
            Output("k", "STOCHRSI_K", ("k", "%k", "k line", "%k line"), alone=("%k", "k line")),
            Output(
                "d", "STOCHRSI_D", ("d", "%d", "d line", "%d line", "signal line", "signal"), alone=("%d", "d line")
            ),
        ),
        scale="percent",
        bounds=(0, 100),
        levels=(20, 80),
    ),
    _entry(
        "HMA",
        "Hull moving average",
        ("hma", "hull moving average", "hull ma", "hull average"),
        formulas.HMA,
        (_period(20, 2, tradingview=9),),
        average="source",
        styles=("trend-following",),
    ),
    _entry(
        "PSAR",
        "parabolic SAR",
        ("psar", "parabolic sar", "sar", "parabolic stop and reverse"),
        talib.SAR,
        (Param("acceleration", 0.02, 0.001, 1, float), Param("maximum", 0.2, 0.001, 1, float)),
        inputs=("High", "Low"),
        points=True,
    ),
    _entry(
        "AROON",
        "Aroon",
        ("aroon", "aroon indicator"),
        formulas.AROON,
        (_period(14, 2),),
        inputs=("High", "Low"),
        outputs=(Output("up", "AROON_UP", ("up",)), Output("down", "AROON_DOWN", ("down",))),
        scale="percent",
        bounds=(0, 100),
        in_steps=True,
    ),
    _entry(
        "PIVOT",
        "classic pivot points",
        ("pivot", "pivot point", "pivot points", "floor pivots", "classic pivots"),
        formulas.PIVOT,
        (),
        inputs=HLC,
        outputs=(
            Output("point", "PIVOT_P", ("point",)),
            Output("resistance_a", "PIVOT_R1", ("resistance a", "r1")),
            Output("support_a", "PIVOT_S1", ("support a", "s1")),
            Output("resistance_b", "PIVOT_R2", ("resistance b", "r2")),
            Output("support_b", "PIVOT_S2", ("support b", "s2")),
            Output("resistance_c", "PIVOT_R3", ("resistance c", "r3")),
            Output("support_c", "PIVOT_S3", ("support c", "s3")),
        ),
        of_bar_before=True,
    ),
    _entry(
        "PERCENTRANK",
        "percent rank",
        ("percentrank", "percent rank", "percentile rank"),
        formulas.PERCENTRANK,
        (_period(100, 2),),
        scale="percent",
        bounds=(0, 100),
        in_steps=True,
    ),
    _entry("ZSCORE", "z-score", ("zscore", "z-score", "z score"), formulas.ZSCORE, (_period(20, 2),), scale="number"),
    _entry(
        "IBS",
        "internal bar strength",
        ("ibs", "internal bar strength"),
        formulas.IBS,
        (),
        inputs=HLC,
        scale="number",
        bounds=(0, 1),
        measured="one",
    ),
    _entry(
        "PERCENTB",
        "Bollinger %B",
        (
            "percentb",
            "%b",
            "percent b",
            "bollinger %b",
            "bollinger percent b",
            "bollinger band %b",
            "bollinger bands %b",
            "bb %b",
        ),
        formulas.PERCENTB,
        (_period(20, 2), Param("nbdev", 2, 0.1, 10, float)),
        scale="number",
        measured="one",
    ),
    _entry(
        "HIGHAGE",
        "highage",
        ("highage",),
        formulas.HIGHAGE,
        (_period(20, 2),),
        default_source="High",
        scale="number",
        age_of="HIGHEST",
        in_steps=True,
    ),
    _entry(
        "LOWAGE",
        "lowage",
        ("lowage",),
        formulas.LOWAGE,
        (_period(20, 2),),
        default_source="Low",
        scale="number",
        age_of="LOWEST",
        in_steps=True,
    ),
)

REGISTRY: Mapping[str, IndicatorEntry] = {entry.name: entry for entry in _ENTRIES}
PRICE_COLUMNS = ("Open", "High", "Low", "Close", "Volume")
