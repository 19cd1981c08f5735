"""The older shape of a strategy: rules as strings, read by the parser into canonical rules.

    {"strategy_name": "RSI", "entry_rules": ["RSI < 30"], "exit_rules": ["RSI > 70"],
     "indicators": [{"name": "RSI", "timeperiod": 14}]}

As in the canonical schema, a list of rules means any of them, which is an assumption that the answer names. Whatever else the object has is canonical and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from Backtest.canonical import CanonicalStrategy, IndicatorBase, upgrade
from Backtest.diagnostics import load_indicators
from Backtest.errors import StrategyError
from Backtest.indicators import REGISTRY
from Backtest.market import TIMEFRAMES, in_words
from Strategy.reading.parser import ParseResult, parse_strategy
from Strategy.reading.text.draft import Assumption

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
    data = upgrade(data)
    timeframe = data.get("timeframe")
    bars: Any = timeframe if timeframe in TIMEFRAMES else "1d"
    read = parse_strategy(sentence_of(data), name=str(data.get("strategy_name", "")), timeframe=bars)
    strategy = _required(read)
    _compare(_listed_indicators(data), strategy.indicators)
    canonical = strategy.model_dump(mode="json")
    kept = {k: v for k, v in data.items() if k not in ("entry_rules", "exit_rules", "indicators")}
    assumed = [*_any_of(strategy), *(a for a in read.assumptions if not _is_given(kept, a.field))]
    return ReadRules({**canonical, **kept}, assumed)


class ReadRules(dict[str, Any]):
    """Canonical JSON whose rules were read from strings, with what was assumed in doing so."""

    def __init__(self, data: Mapping[str, Any], assumptions: Iterable[Assumption]) -> None:
        super().__init__(data)
        self.assumptions = tuple(assumptions)


def assumptions_in(data: Any) -> tuple[Assumption, ...]:
    """Return what was assumed when the rules of canonical JSON were read; nothing where they were no strings."""
    return data.assumptions if isinstance(data, ReadRules) else ()


def _any_of(strategy: CanonicalStrategy) -> Iterator[Assumption]:
    """Say how several rules of one kind and side are taken together."""
    for kind, rules in (("entry", strategy.entry_rules), ("exit", strategy.exit_rules)):
        for side in ("long", "short"):
            if (count := sum(rule.side == side for rule in rules)) > 1:
                text = f"Any one of the {count} {side} {kind} rules is enough"
                yield Assumption("any_of", text, "all of them at once: one rule with `and` between", f"{kind}_rules")


def _is_given(data: Any, path: str) -> bool:
    """Tell whether JSON has a value at a path such as `execution.commission`."""
    name, _, rest = path.partition(".")
    return bool(name) and isinstance(data, Mapping) and name in data and (not rest or _is_given(data[name], rest))


def _required(read: ParseResult) -> CanonicalStrategy:
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
    settings = _settings(_listed_indicators(data))
    parts = []
    for kind, verb in _KINDS:
        for i, rule in enumerate(_listed(data.get(kind) or [])):
            if not isinstance(rule, str):
                raise StrategyError(f"{kind}[{i}] is no string while other rules are: write all of them in one way")
            said = settings(rule.strip().rstrip("."))
            parts.append(f"{said}." if _VERB.match(said) else f"{verb} when {said}.")
    return " ".join(parts)


def _listed_indicators(data: Mapping[str, Any]) -> list[IndicatorBase]:
    """Return the indicators an object lists.

    Raises:
        StrategyError: one of them does not exist, or has a field or value it cannot have.
    """
    given = data.get("indicators") or []
    timeframe = data.get("timeframe")
    if not isinstance(given, list):
        raise StrategyError('indicators is a list, as in [{"name": "RSI", "timeperiod": 14}]')
    found: list[IndicatorBase] = []
    for i, item in enumerate(given):
        loaded = load_indicators([item], timeframe if timeframe in TIMEFRAMES else "1d")
        if loaded.listed is None:
            at = f"indicators[{i}]"
            details = [
                replace(d, field=d.field.replace("indicators[0]", at), message=d.message.replace("indicators[0]", at))
                for d in loaded.errors
            ]
            hints = [d.suggestion for d in details if d.suggestion]
            raise StrategyError(details[0].message, details=details, suggestions=hints)
        indicator = loaded.listed.indicators[0]
        if indicator.timeframe not in (None, timeframe):
            raise StrategyError(
                f"indicators[{i}] is on {in_words(indicator.timeframe)} bars, which rules as strings take from their own words",
                suggestions=[f"Leave timeframe out there, and say it in the rule, such as weekly {indicator.name}"],
            )
        found.append(indicator)
    return found


def _is_set(indicator: IndicatorBase) -> bool:
    """Tell whether it was listed with a setting of its own."""
    return bool(indicator.model_fields_set & {*indicator.params, "source"})


def _full(indicator: IndicatorBase) -> str:
    values = [format(v, "g") for v in indicator.params.values()]
    if indicator.source_name not in (None, indicator.entry.default_source):
        values.append(str(indicator.source_name))
    return f"{indicator.name}({','.join(values)})" if values else indicator.name


def _compare(listed: list[IndicatorBase], read: list[IndicatorBase]) -> None:
    """Refuse rules that take an indicator with another setting than the one it is listed with."""
    for name in dict.fromkeys(i.name for i in listed if _is_set(i)):
        said = {_full(i) for i in listed if i.name == name}
        used = {_full(i) for i in read if i.name == name}
        if used - said and said - used:
            unlike = f"{' and '.join(sorted(said - used))}, and the rules use {' and '.join(sorted(used - said))}"
            raise StrategyError(
                f"The indicators list {unlike}", suggestions=["Write in the rules which is meant, or list that one"]
            )


def _settings(indicators: list[IndicatorBase]) -> Callable[[str], str]:
    """Return a function that gives the names of indicators in a rule the numbers they were listed with."""
    numbers: dict[str, str] = {}
    several: dict[str, set[str]] = {}
    for item in indicators:
        if _is_set(item):
            numbers.setdefault(item.name, _full(item))
            several.setdefault(item.name, set()).add(_full(item))

    def told(rule: str) -> str:
        for name, full in numbers.items():
            for output in REGISTRY[name].outputs if len(REGISTRY[name].outputs) > 1 else ():
                rule = re.sub(rf"(?i)\b{re.escape(name)}_{re.escape(output.name)}\w*", f"{full} {output.name}", rule)
            names = sorted(
                {name, *REGISTRY[name].aliases}, key=len, reverse=True
            )  # "Bollinger Bands" before "Bollinger"
            called = "|".join(re.escape(one).replace(r"\ ", r"[ _-]") for one in names)
            bare = rf"(?i)(?<![\w%])(?:{called})(?:_value)?(?!\w)(?!\s*[(_]|\s+\d+\s*[<>]?\s*(?:day|period))"
            if len(several[name]) > 1 and re.search(bare, rule):
                raise StrategyError(
                    f"{name} is listed as {' and '.join(sorted(several[name]))}: write in {rule!r} which is meant"
                )
            rule = re.sub(bare, full, rule)
        return rule

    return told
