"""Which time frame the whole strategy is for, found before the rest is read."""

from __future__ import annotations

from Backtest.timeframes import TIMEFRAMES
from Strategy.lexer import Token
from Strategy.lexicon import COMPANIES, trie

_FRAME_WORDS = {"hourly": "1h", "daily": "1d", "weekly": "1wk", "monthly": "1mo"}
_UNIT_CODES = {
    "minute": "m", "minutes": "m", "min": "m", "mins": "m", "m": "m", "hour": "h", "hours": "h", "h": "h", "hr": "h",
    "day": "d", "d": "d", "week": "wk", "wk": "wk", "w": "wk", "month": "mo", "mo": "mo",
}  # fmt: skip
_CHARTS = {
    "chart",
    "charts",
    "bars",
    "bar",
    "candles",
    "candle",
    "timeframe",
    "timeframes",
    "data",
    "interval",
    "basis",
    "frame",
    "resolution",
}


_COMPARISON_ENDS = ("<", ">", "<=", ">=", "=", "above", "below", "over", "under", "than", "least", "most", "at")


def strategy_timeframe(tokens: list[Token]) -> str | None:
    """Find the strategy's own time frame: "on the 4-hour chart", "daily AAPL", "timeframe: 1h"."""
    weak: str | None = None
    for i, token in enumerate(tokens):
        frame, after = None, i + 1
        if token.kind == "tf":
            frame = token.norm
        elif token.norm in _FRAME_WORDS:
            frame = _FRAME_WORDS[token.norm]
        elif token.kind == "num" and i + 1 < len(tokens) and tokens[i + 1].norm in _UNIT_CODES:
            frame, after = f"{token.value:g}{_UNIT_CODES[tokens[i + 1].norm]}", i + 2
        if frame not in TIMEFRAMES:
            continue
        words = [t.norm for t in tokens[max(0, i - 5) : i] if t.norm not in ("the", "a")][-3:]
        follows = tokens[after].norm if after < len(tokens) else ""
        names_indicator = bool(trie("INDICATOR", "PIVOT_LEVEL", "RETURN").get(follows)) or (
            after < len(tokens) and tokens[after].kind == "num"
        )
        before = words[-1] if words else ""
        of_indicator = (
            before in ("on", "of")
            and len(words) > 1
            and (
                words[-2] == ")"
                or (words[-2].isdigit() and words[0] not in _COMPARISON_ENDS)
                or words[-2].lower() in _indicator_ends()
            )
        )
        if of_indicator or names_indicator:
            continue
        said = before in ("timeframe", "interval", ":", "frame", "is") and (
            {"timeframe", "frame", "interval", "chart"} & set(words)
        )
        if follows in _CHARTS or said:
            return frame
        beside = [tokens[k] for k in (i - 1, after) if 0 <= k < len(tokens)]
        beside += [tokens[i - 2]] if before == "," and i > 1 else []
        symbol_beside = any(t.kind == "ticker" or t.norm in COMPANIES for t in beside)
        lead = (
            symbol_beside
            or set(words) & {"on", "trade", "trading", "using"}
            or token.norm in _FRAME_WORDS
            or token.kind == "tf"
        )
        if (
            lead
            and weak is None
            and follows not in ("ago", "in", "high", "low", "or", "and", "loss", "stop", "range", "close", "volume")
        ):
            counts = token.kind == "num" and before in ("for", "last", "after", "within", "past", "hold", "every")
            if not counts and not (
                token.kind == "num" and tokens[i + 1].norm in ("day", "days", "week", "month", "d", "w")
            ):
                weak = frame
    return weak


def _indicator_ends() -> frozenset[str]:
    from Strategy.lexicon import CATEGORIES

    ends = {phrase.split()[-1] for phrase in CATEGORIES["INDICATOR"]}
    return frozenset(
        ends
        | {
            "upper",
            "lower",
            "middle",
            "signal",
            "hist",
            "k",
            "d",
            "line",
            "direction",
            "macd",
            "a",
            "b",
            "volume",
            "tenkan",
            "kijun",
            "high",
            "low",
            "open",
            "close",
        }
    )
