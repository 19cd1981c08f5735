"""The numbers of a strategy by path, and the strategy with other numbers.

A path is how the generated code and `CanonicalStrategy.parameters` name a number:
`indicators.RSI_14.timeperiod`, `entry_rules[0].when.right.value`, `risk.stop_loss.value`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from Backtest.canonical import (
    CanonicalStrategy,
    PercentLevel,
    PercentOfEquity,
    RiskPercent,
    UnrealizedReturn,
    default_id,
)
from Backtest.code.generator import generate_code
from Backtest.diagnostics import load_canonical
from Backtest.errors import InvalidInput, StrategyError
from Backtest.indicators import REGISTRY, SERIES, Param

# Prices are scaled by the unit, so it is not a number to search over.
_FIXED = {"execution.fractional_unit"}


def numbers(strategy: CanonicalStrategy) -> dict[str, float]:
    """Return every number that may be varied, path to value."""
    data = strategy.model_dump(mode="json")
    return {path: node[key] for path, node, key in _places(data) if path not in _FIXED}


def _places(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    for indicator in data["indicators"]:
        if indicator["name"] == SERIES.name:  # the numbers of its operand are fixed
            continue
        yield from _inside(indicator, f"indicators.{indicator['id']}")
    for kind in ("entry_rules", "exit_rules"):
        for i, rule in enumerate(data[kind]):
            yield from _inside(rule, f"{kind}[{i}]")
    for part in ("risk", "execution"):
        yield from _inside(data[part], part)


def _inside(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    if isinstance(node, list):
        for i, item in enumerate(node):
            yield from _inside(item, f"{path}[{i}]")
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield f"{path}.{key}", node, key
            else:
                yield from _inside(value, f"{path}.{key}")


def resolve(strategy: CanonicalStrategy, name: str) -> str:
    """Return the path of a number given by its path, its declared name or its name in the generated code.

    Raises:
        InvalidInput: there is no such number; the message names what there is.
    """
    known = numbers(strategy)
    if name in known:
        return name
    names = {attribute: path for path, attribute in generate_code(strategy).parameters.items()}
    names |= {p.name: p.path for p in strategy.parameters}
    if names.get(name) in known:
        return names[name]
    near = difflib.get_close_matches(name, [*known, *names], n=3, cutoff=0.5)
    raise InvalidInput(
        no_number(strategy, name),
        suggestions=[f"Did you mean {', '.join(near)}?"] if near else [f"It has {', '.join(sorted(known))}"],
    )


def no_number(strategy: CanonicalStrategy, said: str) -> str:
    """Say that a strategy has no number of a name, and why where the name is that of an indicator without any."""
    for indicator in strategy.indicators:
        if indicator.computed is not None and said.startswith(f"indicators.{indicator.id}."):
            return f"The strategy has no number {said!r}: those in the operand of {indicator.id} are fixed. Write it into the rule to vary it"
    words = set(re.findall(r"[a-z]+", said.casefold()))
    for entry in (indicator.entry for indicator in strategy.indicators):
        if entry.reads_session and words & set(entry.called.casefold().split()):
            why = f"the {entry.called} counts from the session's open and has no period; VWAP(20) has one"
            return f"The strategy has no number {said!r}: {why}"
    return f"The strategy has no number {said!r}"


def with_values(strategy: CanonicalStrategy, values: Mapping[str, float]) -> CanonicalStrategy:
    """Return the strategy with other numbers, path to value; indicators get the ids of their new numbers.

    Raises:
        StrategyError: the strategy with these numbers is not possible; the details say why.
        InvalidInput: a path names no number, or a number of bars is not whole.
    """
    data = strategy.model_dump(mode="json")
    places = {path: (node, key) for path, node, key in _places(data)}
    for path, value in values.items():
        if path not in places:
            raise InvalidInput(f"The strategy has no number {path!r}")
        node, key = places[path]
        if not float(value).is_integer() and is_whole(strategy, path):
            raise InvalidInput(f"{path} is a whole number, not {value:g}: use whole steps")
        node[key] = int(value) if float(value).is_integer() else float(value)
    for indicator in data["indicators"]:
        if any(path.startswith(f"indicators.{indicator['id']}.") for path in values):
            rename_indicator(data, indicator)
    data["provenance"] = {**data["provenance"], "source": "edit"}
    loaded = load_canonical(data)
    if loaded.strategy is None:
        said = ", ".join(f"{path} = {value:g}" for path, value in values.items())
        raise StrategyError(f"With {said}: {'; '.join(d.message for d in loaded.errors)}", details=tuple(loaded.errors))
    return loaded.strategy


def is_whole(strategy: CanonicalStrategy, path: str) -> bool:
    """Return whether a number takes whole values alone, as periods, limits of bars and cooldowns do."""
    if param := _param(strategy, path):
        return param.kind is int
    return isinstance(_value_at(strategy, path), int)


def is_percent(strategy: CanonicalStrategy, path: str) -> bool:
    """Return whether a number is in percent: of the price, of the equity, or a return."""
    node = _value_at(strategy, path.rpartition(".")[0]) if not path.startswith("indicators.") else None
    return isinstance(node, PercentLevel | PercentOfEquity | RiskPercent | UnrealizedReturn)


def bounds(strategy: CanonicalStrategy, path: str) -> tuple[float, float] | None:
    """Return the least and the most that an indicator's number may be; None for a number of rules, risk and execution."""
    param = _param(strategy, path)
    return (param.minimum, param.maximum) if param else None


def _param(strategy: CanonicalStrategy, path: str) -> Param | None:
    if not path.startswith("indicators."):
        return None
    indicator_id, _, name = path.removeprefix("indicators.").rpartition(".")
    return next((p for p in strategy.indicator(indicator_id).entry.params if p.name == name), None)


def _value_at(strategy: CanonicalStrategy, path: str) -> Any:
    """Return what stands at a path of rules, risk or execution, such as the level at `risk.stop_loss`."""
    node: Any = strategy
    for step in re.findall(r"[^.\[\]]+", path):
        node = node[int(step)] if isinstance(node, list) else getattr(node, step)
    return node


def rename_indicator(data: dict[str, Any], indicator: dict[str, Any]) -> None:
    """Give an indicator of a strategy's JSON the id of its numbers, wherever it stands.

    An id that is taken, or that was not made from the numbers, stays.
    """
    old = indicator["id"]
    if indicator["name"] == SERIES.name:
        return
    entry = REGISTRY[indicator["name"]]
    params = {p.name: indicator[p.name] for p in entry.params}
    new = default_id(entry, params, indicator.get("source"), indicator.get("timeframe"), indicator.get("symbol"))
    if new == old or any(i["id"] == new for i in data["indicators"]):
        return
    indicator["id"] = new
    text = json.dumps({k: data[k] for k in ("indicators", "entry_rules", "exit_rules", "risk")})
    text = text.replace(f'"source": "{old}.', f'"source": "{new}.')
    data |= json.loads(text.replace(json.dumps(old), json.dumps(new)))
