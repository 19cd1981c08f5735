"""Which time frame the whole strategy is for, found before the rest is read."""

from __future__ import annotations

from functools import cache

from Backtest.market import TIMEFRAMES
from Strategy.reading.text.lexer import Token
from Strategy.words import COMPANIES, indicator_words, prices, spans, trie


def strategy_timeframe(tokens: list[Token]) -> str | None:
    """Find the strategy's own time frame: "on the 4-hour chart", "daily AAPL", "timeframe: 1h"."""
    weak: str | None = None
    for i, token in enumerate(tokens):
        frame, after = None, i + 1
        if token.kind == "tf":
            frame = token.norm
        elif token.norm in spans.FRAME_WORDS:
            frame = spans.FRAME_WORDS[token.norm]
        elif token.kind == "num" and i + 1 < len(tokens) and tokens[i + 1].norm in spans.UNIT_CODES:
            frame, after = f"{token.value:g}{spans.UNIT_CODES[tokens[i + 1].norm]}", i + 2
        if frame not in TIMEFRAMES:
            continue
        words = [t.norm for t in tokens[max(0, i - 5) : i] if t.norm not in spans.THE_OR_A][-3:]
        follows = tokens[after].norm if after < len(tokens) else ""
        names_indicator = bool(
            trie(indicator_words.INDICATOR, indicator_words.PIVOT_LEVEL, prices.RETURN).get(follows)
        ) or (after < len(tokens) and tokens[after].kind == "num")
        before = words[-1] if words else ""
        of_indicator = (
            before in spans.OF_INDICATOR
            and len(words) > 1
            and (
                words[-2] == ")"
                or (words[-2].isdigit() and words[0] not in spans.COMPARISON_ENDS)
                or words[-2].lower() in _indicator_ends()
            )
        )
        if of_indicator or names_indicator:
            continue
        said = (before == ":" or before in spans.FRAME_SAID) and (any(word in spans.FRAME_NOUNS for word in words))
        if follows in spans.CHARTS or said:
            return frame
        beside = [tokens[k] for k in (i - 1, after) if 0 <= k < len(tokens)]
        beside += [tokens[i - 2]] if before == "," and i > 1 else []
        symbol_beside = any(t.kind == "ticker" or t.norm in COMPANIES for t in beside)
        lead = (
            symbol_beside
            or any(word in spans.FRAME_LEAD for word in words)
            or token.norm in spans.FRAME_WORDS
            or token.kind == "tf"
        )
        if lead and weak is None and follows not in spans.NO_FRAME_AHEAD:
            counts = token.kind == "num" and before in spans.COUNT_LEAD
            if not counts and not (token.kind == "num" and tokens[i + 1].norm in spans.LONG_UNITS):
                weak = frame
    return weak


@cache
def _indicator_ends() -> frozenset[str]:
    """Return the words an indicator can end with: in "RSI on 1h" the time frame is the indicator's."""
    ends = {phrase.split()[-1] for phrase in indicator_words.INDICATOR}
    return frozenset(ends | indicator_words.ENDS.keys())
