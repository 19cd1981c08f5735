"""An indicator as people list it: by its bare name, with `params`, with `period` for `timeperiod`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from Backtest.indicators.indicator_registry import CLOCKS, REGISTRY, SERIES
from Backtest.indicators.names import indicator_name

LENGTHS = ("period", "length", "window")
_ALWAYS = ("name", "id", "timeframe", "symbol")


def listed(item: Any) -> Any:
    """Return an indicator's JSON with the registry's names; what is not known of it stays, for validation to refuse.

    >>> listed("rsi"), listed({"name": "RSI", "period": 5})
    ({'name': 'RSI'}, {'name': 'RSI', 'timeperiod': 5})
    """
    if isinstance(item, str):
        return {"name": indicator_name(item) or item}
    if not isinstance(item, Mapping):
        return item
    data = {str(k): v for k, v in item.items()}
    params = data.get("params")
    if isinstance(params, Mapping) and not set(params) & set(data):
        del data["params"]
        data |= {str(k): v for k, v in params.items()}
    name = indicator_name(str(data.get("name")))
    if name is None:
        return data
    known = {p.name for p in REGISTRY[name].params}
    lengths = [k for k in LENGTHS if k in data and k not in known]
    if "timeperiod" in known and "timeperiod" not in data and len(lengths) == 1:
        data = {"timeperiod" if k == lengths[0] else k: v for k, v in data.items()}
    return {**data, "name": name}


def fields_of(name: str) -> list[str]:
    """Return the names an indicator's JSON may have."""
    entry = REGISTRY.get(name)
    if name == SERIES.name:
        return ["operand", *_ALWAYS]
    if entry is None:
        return ["name"]
    zone = ["timezone"] if CLOCKS & set(entry.inputs) else []
    return [*zone, *(p.name for p in entry.params), *(["source"] if entry.takes_source else []), *_ALWAYS]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name another one is likely to stand for, empty where it is near to none."""
    names = list(known)
    if name in LENGTHS and "timeperiod" in names:
        return "timeperiod"
    begun = [n for n in names if len(name) > 2 and n.startswith(name.lower())]
    return (get_close_matches(name.lower(), names, n=1) or begun or [""])[0]
