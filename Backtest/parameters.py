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

from Backtest.canonical import CanonicalStrategy, default_id
from Backtest.code_generator import generate_code
from Backtest.diagnostics import load_canonical
from Backtest.errors import InvalidInput, StrategyError
from Backtest.indicators import REGISTRY

# Prices are scaled by the unit, so it is not a number to search over.
_FIXED = {"execution.fractional_unit"}


def numbers(strategy: CanonicalStrategy) -> dict[str, float]:
    """Return every number that may be varied, path to value."""
    data = strategy.model_dump(mode="json")
    return {path: node[key] for path, node, key in _places(data) if path not in _FIXED}


def _places(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    for indicator in data["indicators"]:
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
        if isinstance(node[key], int) and not float(value).is_integer() and not _may_be_fraction(strategy, path):
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


def _may_be_fraction(strategy: CanonicalStrategy, path: str) -> bool:
    """Return whether a number that happens to be whole is a float of the schema."""
    node: Any = strategy
    steps = re.findall(r"[^.\[\]]+", path)
    if steps[0] == "indicators":
        where = path.removeprefix("indicators.")
        indicator_id, _, name = where.rpartition(".")
        kinds = {p.name: p.kind for p in strategy.indicator(indicator_id).entry.params}
        return kinds[name] is float
    for step in steps[:-1]:
        node = node[int(step)] if isinstance(node, list) else getattr(node, step)
    return isinstance(getattr(node, steps[-1]), float)


def rename_indicator(data: dict[str, Any], indicator: dict[str, Any]) -> None:
    """Give an indicator of a strategy's JSON the id of its numbers, wherever it stands.

    An id that is taken, or that was not made from the numbers, stays.
    """
    old = indicator["id"]
    entry = REGISTRY[indicator["name"]]
    params = {p.name: indicator[p.name] for p in entry.params}
    new = default_id(entry, params, indicator.get("source"), indicator.get("timeframe"))
    if new == old or any(i["id"] == new for i in data["indicators"]):
        return
    indicator["id"] = new
    text = json.dumps({k: data[k] for k in ("indicators", "entry_rules", "exit_rules")})
    data |= json.loads(text.replace(json.dumps(old), json.dumps(new)))
