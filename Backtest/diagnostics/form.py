"""What pydantic found wrong in the JSON of a strategy, as findings that name the field and the remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import CONDITIONS, LEVELS, MAX_DEPTH, OPERANDS, SECOND_NAMES, SIZES, CanonicalStrategy, tag
from Backtest.errors import Diagnostic
from Backtest.indicators import LENGTHS, REGISTRY, fields_of, indicator_name, nearest, spoken_names
from Backtest.market import TIMEFRAMES, meant_timeframe

DEEPEST = 6 * MAX_DEPTH  # parts of a path; a condition adds up to four
_error = partial(Diagnostic, "error")


def given_twice(data: Mapping[str, Any]) -> Iterable[Diagnostic]:
    """Yield a finding for each name of a field that was given under another name as well."""
    for field in dict.fromkeys(SECOND_NAMES.values()):
        kept, *others = [n for n in (field, *SECOND_NAMES) if n in data and SECOND_NAMES.get(n, n) == field] or [field]
        for name in others:
            message = f"`{name}` and `{kept}` are one field, and both were given"
            yield _error("given_twice", name, message, f"Leave one of them out: keep `{field}`")


def findings_of(error: ValidationError) -> Iterable[Diagnostic]:
    for item in error.errors(include_url=False, include_context=True):
        where = _path(item["loc"])
        kind, message, value = item["type"], item["msg"], item.get("input")
        if len(item["loc"]) > DEEPEST:
            where = _path(item["loc"][:3])
            yield _error(
                "nested_too_deeply", where, f"{where} is nested deeper than {MAX_DEPTH}", "Say it in fewer steps"
            )
        elif kind == "union_tag_invalid" and where.startswith("indicators"):
            name = str(value.get("name") if isinstance(value, dict) else value)
            close = get_close_matches(name.upper(), REGISTRY, n=1) or get_close_matches(
                name.lower(), spoken_names(), n=1
            )
            hint = (
                f"Did you mean {indicator_name(close[0])}?"
                if close
                else f"Known indicators: {', '.join(sorted(REGISTRY))}"
            )
            yield _error("unknown_indicator", f"{where}.name", f"Unknown indicator {name[:40]!r}", hint)
        elif kind == "too_short" and where in ("entry_rules", ""):
            yield _error("no_entry", "entry_rules", "The strategy has no entry rule", "Say when to buy")
        elif kind == "missing" and item["loc"][-1] == "id" and item["loc"][0] == "indicators":
            yield from _not_numbers(value, where.removesuffix(".id"))
        elif kind == "missing":
            yield _error("missing", where, f"{where} is missing", f"Add {where}")
        elif kind == "extra_forbidden":
            yield _unknown_field(item["loc"], where)
        elif kind == "union_tag_not_found" and where.startswith("indicators"):
            given = list(value) if isinstance(value, Mapping) else []
            meant = next((k for k in given if nearest(str(k), ["name"])), "")
            hint = (
                f"`{meant[:40]}`: did you mean `name`?" if meant else 'Write it as in {"name": "RSI", "timeperiod": 14}'
            )
            yield _error("missing", f"{where}.name", f"{where} has no name", hint)
        elif kind == "literal_error" and where.endswith("timeframe"):
            meant = meant_timeframe(str(value))
            hint = f"did you mean `{meant}`?" if meant else f"There are {', '.join(TIMEFRAMES)}"
            yield _error("invalid", where, f"{where}: {str(value)[:40]!r} is no time frame: {hint}", hint)
        elif kind == "model_attributes_type" and where in _RISK_FORMS:
            yield _bare_risk(where, value)
        elif kind == "value_error":
            text = message.removeprefix("Value error, ")
            prefix, _, rest = text.partition(": ")
            named = prefix if rest and " " not in prefix else where
            yield _error("invalid", named, text)
        else:
            shown = f", got {value!r}"[:80] if isinstance(value, str | int | float | bool) else ""
            yield _error("invalid", where, f"{where}: {message}{shown}")


_RISK_FORMS = {
    **dict.fromkeys(("risk.stop_loss", "risk.take_profit", "risk.trailing_stop"), ("percent", 5.0)),
    "risk.position_size": ("percent_of_equity", 50.0),
}


def _plain(number: float) -> float:
    """Return a number without a fraction of zero: 5 for 5.0."""
    return int(number) if number.is_integer() else number


def _bare_risk(where: str, value: Any) -> Diagnostic:
    """Return the finding of a stop, target or size that is a bare number, such as 5 or "5%", with its right form."""
    kind, usual = _RISK_FORMS[where]
    number = re.fullmatch(r"\s*-?(\d+(?:\.\d+)?)\s*%?\s*", "" if isinstance(value, bool) else str(value))
    form = json.dumps({"type": kind, "value": _plain(float(number[1]) if number else usual)})
    shown = f", not {value!r}"[:80] if isinstance(value, str | int | float) else ""
    of = "equity" if kind == "percent_of_equity" else "the entry price"
    return _error(
        "invalid", where, f"{where} is an object{shown}: {form} is that many percent of {of}", f"Write {form}"
    )


def _not_numbers(indicator: Any, where: str) -> Iterable[Diagnostic]:
    """Yield a finding for each parameter of an indicator that is no number, and for which it got no id."""
    name = str(indicator.get("name")) if isinstance(indicator, Mapping) else ""
    params = REGISTRY[name].params if name in REGISTRY else ()
    wrong = [p.name for p in params if not isinstance(indicator.get(p.name, p.default), int | float)]
    for param in wrong:
        value = indicator[param]
        what = f"text, {value!r}"[:60] if isinstance(value, str) else "null" if value is None else "no number"
        message = f"{where}.{param} is {what}, and must be a number"
        yield _error("wrong_type", f"{where}.{param}", message, "Send a number, without quotes")
    if not wrong:
        yield _error("missing", f"{where}.id", f"{where}.id is missing", f"Add {where}.id")


def _unknown_field(loc: tuple[int | str, ...], where: str) -> Diagnostic:
    """Return the finding of a field that does not exist, with the one that it is nearest to."""
    name, part = str(loc[-1]), str(loc[0])
    known: Iterable[str] = ()
    if part == "indicators" and len(loc) == 4:
        known = fields_of(str(loc[2]))
    elif len(loc) == 1:
        known = CanonicalStrategy.model_fields
    elif len(loc) == 2:
        of = CanonicalStrategy.model_fields.get(part)
        known = getattr(of.annotation, "model_fields", ()) if of is not None else ()
    if name in LENGTHS and "timeperiod" in known:  # alone it would have been read
        message = f"{where} is timeperiod by another name, and it was given twice"
        return _error("given_twice", where, message, "Leave one of them out: keep `timeperiod`")
    near = name if name in known else nearest(name, known)
    message, hint = f"{where} is not a field of a strategy", "Remove it, or check its spelling"
    if near:
        hint = f"did you mean `{near}`?"
        message += f": {hint}"
    elif part == "indicators" and known:
        hint = f"Remove it; {loc[2]} has {', '.join(known)}"
    return _error("unknown_field", where, message, hint)


def _path(loc: tuple[int | str, ...]) -> str:
    """Return the path of a field: pydantic puts the type of a part before its fields, which may bear the same name."""
    text, after_type = "", False
    for part in loc:
        after_type = not after_type and (part in REGISTRY or part in _TAGS)
        if isinstance(part, int):
            text += f"[{part}]"
        elif not after_type:
            text += f".{part}" if text else part
    return text


_TAGS = {tag(kind) for kind in (*CONDITIONS, *OPERANDS, *LEVELS, *SIZES)}
