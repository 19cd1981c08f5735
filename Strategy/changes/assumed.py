"""What was assumed when a text was read, and whether it still holds once the strategy was changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from Backtest.canonical import CanonicalStrategy
from Strategy.reading import Assumption

_RULES = ("entry_rules", "exit_rules")
Told = Mapping[str, str]


def told(assumption: Assumption | Told) -> dict[str, str]:
    """Return an assumption as the mapping that is stored."""
    return dict(assumption) if isinstance(assumption, Mapping) else dict(assumption.__dict__)


def still_true(
    before: Mapping[str, Any], after: Mapping[str, Any], assumptions: Iterable[Assumption | Told]
) -> list[dict[str, str]]:
    """Return those assumptions about a canonical that hold once it was changed.

    One of a setting holds where that setting is the same, one of an indicator's usual numbers where that indicator is. One
    of rules, or of the text as a whole, holds where all rules and the way of filling are the same, and one of how a comparison is read where that still stands.
    """
    description = CanonicalStrategy.model_validate(after).describe()
    return [a for a in map(told, assumptions) if _holds(before, after, a, description)]


def _holds(before: Mapping[str, Any], after: Mapping[str, Any], assumption: Told, description: str) -> bool:
    field = assumption["field"]
    if assumption["code"] == "reading" and assumption["text"].partition(" is read as ")[0] in description:
        return True
    name = field.partition(".")[0]
    if name == "indicators":
        called = assumption["text"].partition(" ")[0]
        mine, theirs = _indicators(before, called), _indicators(after, called)
        return bool(theirs) and mine == theirs
    if name in ("risk", "execution", "timeframe", "symbols"):
        return bool(value_at(before, field) == value_at(after, field))
    parts = [field] if field in _RULES else [*_RULES, "execution.trade_on_close", "timeframe"]
    return all(value_at(before, part) == value_at(after, part) for part in parts)


def _indicators(data: Mapping[str, Any], called: str) -> list[Any]:
    """Return the indicators of a name, or all of them where none has it."""
    found = list(data.get("indicators") or ())
    return [i for i in found if i.get("name") == called] or found


def value_at(data: Any, path: str) -> Any:
    """Return the value of JSON at a path such as `execution.commission` or `entry_rules[0].when`; None where there is none."""
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data
