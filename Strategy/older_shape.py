"""The older shape of a strategy: rules as strings, read by the parser into canonical rules.

    {"strategy_name": "RSI", "entry_rules": ["RSI < 30"], "exit_rules": ["RSI > 70"],
     "indicators": [{"name": "RSI", "timeperiod": 14}]}

As in the canonical schema, a list of rules means any of them. Whatever else the object has is canonical and stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from Backtest.errors import StrategyError
from Backtest.indicators.indicator_registry import REGISTRY
from Backtest.timeframes import TIMEFRAMES
from Strategy.text_parser import ParseResult, parse_strategy

_VERB = re.compile(r"(?i)^\s*(?:buy|sell|short|cover|enter|exit|close the|go |open)\b")
_KINDS = (("entry_rules", "Buy"), ("exit_rules", "Exit"))


def is_older(data: Any) -> bool:
    """Tell whether an object has rules as strings."""
    return isinstance(data, Mapping) and any(
        isinstance(rule, str) for kind, _ in _KINDS for rule in _listed(data.get(kind))
    )


def _listed(rules: Any) -> list[Any]:
    return rules if isinstance(rules, list) else [rules]


def canonical_json_of(data: Any) -> Any:
    """Return canonical JSON: what has rules as strings is read, anything else is returned as it is.

    Raises:
        StrategyError: a string is no rule; the details name which.
    """
    if not is_older(data):
        return data
    timeframe = data.get("timeframe")
    bars: Any = timeframe if timeframe in TIMEFRAMES else "1d"
    read = parse_strategy(sentence_of(data), name=str(data.get("strategy_name", "")), timeframe=bars)
    canonical = _required(read).model_dump(mode="json")
    kept = {k: v for k, v in data.items() if k not in ("entry_rules", "exit_rules", "indicators")}
    if isinstance(kept.get("symbol"), str):
        kept["symbols"] = [kept.pop("symbol").upper(), *kept.get("symbols", [])]
    return {**canonical, **kept}


def _required(read: ParseResult) -> Any:
    try:
        return read.require()
    except StrategyError as error:
        raise StrategyError(
            error.message.replace("The text", "The rules", 1), details=error.details, suggestions=error.suggestions, questions=error.questions
        ) from None  # fmt: skip


def sentence_of(data: Mapping[str, Any]) -> str:
    """Return the sentence that an object with rules as strings stands for.

    Raises:
        StrategyError: some of its rules are strings and some are not.
    """
    settings = _settings(data.get("indicators"))
    parts = []
    for kind, verb in _KINDS:
        for i, rule in enumerate(_listed(data.get(kind) or [])):
            if not isinstance(rule, str):
                raise StrategyError(f"{kind}[{i}] is no string while other rules are: write all of them in one way")
            said = settings(rule.strip().rstrip("."))
            parts.append(f"{said}." if _VERB.match(said) else f"{verb} when {said}.")
    return " ".join(parts)


def _settings(indicators: Any) -> Any:
    """Return a function that gives the names of indicators in a rule the numbers they were listed with."""
    numbers: dict[str, str] = {}
    for item in indicators if isinstance(indicators, list) else []:
        name = str(item.get("name", "")).upper() if isinstance(item, Mapping) else ""
        entry = REGISTRY.get(name)
        if entry is None or not isinstance(item, Mapping):
            continue
        params = item.get("params")
        given = params if isinstance(params, Mapping) else item
        values = [given.get(p.name, p.default) for p in entry.params]
        if any(p.name in given for p in entry.params) and name not in numbers:
            numbers[name] = f"{name}({','.join(format(v, 'g') for v in values)})"

    def told(rule: str) -> str:
        for name, full in numbers.items():
            for output in REGISTRY[name].outputs if len(REGISTRY[name].outputs) > 1 else ():
                rule = re.sub(rf"(?i)\b{re.escape(name)}_{re.escape(output.name)}\w*", f"{full} {output.name}", rule)
            rule = re.sub(
                rf"(?i)\b{re.escape(name)}(?:_value)?\b(?!\s*[(_]|\s+\d+\s*[<>]?\s*(?:day|period))", full, rule
            )
        return rule

    return told
