"""What a strategy is called, and how it is classified."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from Backtest.canonical import Compare, Cross, IndicatorBase, IndicatorRef, Rule, walk
from Backtest.indicators import Style
from Strategy.reading.text.draft import Draft


def title(text: str, draft: Draft) -> str:
    return text[draft.title[0] : draft.title[1]][:80] if draft.title else ""


def strategy_name(entries: Sequence[Rule], symbols: Sequence[str]) -> str:
    """Return a short name made of the indicators and symbols, such as "RSI 14 AAPL"."""
    ids = list(dict.fromkeys(n.id for r in entries for n in walk(r.when) if isinstance(n, IndicatorRef)))
    words = [re.sub(r"[^A-Za-z0-9]+", " ", i).strip() for i in ids[:3]] or ["Price"]
    kinds = {"cross" for r in entries for n in walk(r.when) if isinstance(n, Cross)}
    return " ".join([*words, *kinds, *symbols[:1]])[:80]


def classify(entries: Sequence[Rule], indicators: Mapping[str, IndicatorBase]) -> str:
    """Return the kind of strategy by the indicators of its entries: mean reversion where a long entry asks for something low."""
    used = [indicators[n.id].entry for r in entries for n in walk(r.when) if isinstance(n, IndicatorRef)]
    falls = any(
        isinstance(n, Compare) and n.op in ("<", "<=") for r in entries if r.side == "long" for n in walk(r.when)
    )
    styles = [style for entry in used for style in entry.styles]
    order: tuple[Style, ...] = ("breakout", "mean-reversion", "trend-following", "momentum")
    return next((style for style in order if style in styles and (falls or style != "mean-reversion")), "other")


def risk_tier(risk: Mapping[str, Any], execution: Mapping[str, Any]) -> str:
    """Return low, medium or high: high without a stop or with leverage over 2, low where a trade risks or takes little."""
    stopped = any(risk.get(name) for name in ("stop_loss", "trailing_stop", "stops"))
    margin = execution.get("margin", 1.0)
    if margin < 0.5 or not stopped:
        return "high"
    size = risk.get("position_size", {})
    small = size.get("type") == "risk_percent" or (size.get("type") == "percent_of_equity" and size["value"] <= 25)
    return "low" if small else "medium"
