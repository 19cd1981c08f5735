"""Does a strategy say what a text says? Word by word and number by number, in both directions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from Backtest.canonical import CanonicalStrategy, Execution, IndicatorRef, Risk, walk
from Backtest.indicators import REGISTRY
from Strategy.reading.text.lexer import tokenize
from Strategy.words import corrector
from Strategy.words.indicator_words import TRUE_RANGE

_COUNTED = ("offset", "bars", "depth")
_CROSSES = re.compile(r"(?i)\b(golden|death)\s+cross")


class Piece(BaseModel):
    """Words of the text, letter by letter."""

    model_config = ConfigDict(extra="forbid")

    words: str = Field(max_length=2000)


class Quote(Piece):
    """Words, and the path of the part that comes from them."""

    part: str = Field(max_length=200)


class LeftOut(Piece):
    """Words that became no part, and why."""

    why: str = Field(max_length=500)


def plain(text: str) -> str:
    """Return text as quotes are compared: lower case, single spaces."""
    return " ".join(text.casefold().split())


def complaints(
    text: str,
    strategy: CanonicalStrategy,
    quotes: Sequence[Quote],
    left_out: Sequence[LeftOut],
    *,
    unread: Iterable[str] = (),
    read: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return what of a strategy does not rest on the text, and what of the text is in no part of it.

    Args:
        unread: the words the rules parser could not place; each has to be quoted or left out.
        read: what the rules did read, as canonical JSON that need not be a whole strategy. It needs no model, so it stays.
    """
    return [
        *_not_in_text(text, quotes, left_out),
        *_unsupported(strategy, quotes),
        *_invented(text, strategy),
        *_unused(text, strategy, left_out),
        *_unread(unread, quotes, left_out),
        *_changed(strategy, read or {}),
    ]


def _not_in_text(text: str, quotes: Sequence[Quote], left_out: Sequence[LeftOut]) -> Iterator[str]:
    whole = plain(text)
    pieces: Sequence[Piece] = (*quotes, *left_out)
    for piece in pieces:
        if not piece.words.strip() or plain(piece.words) not in whole:
            yield f"These words do not stand in the text: {piece.words[:200]!r}. Copy the trader's words letter by letter"


def parts(strategy: CanonicalStrategy) -> dict[str, Any]:
    """Return the parts of a strategy that are not at their default, by path."""
    found: dict[str, Any] = {f"entry_rules[{i}]": r for i, r in enumerate(strategy.entry_rules)}
    found |= {f"exit_rules[{i}]": r for i, r in enumerate(strategy.exit_rules)}
    for name, section, default in (("risk", strategy.risk, Risk()), ("execution", strategy.execution, Execution())):
        for key in type(section).model_fields:
            if getattr(section, key) != getattr(default, key):
                found[f"{name}.{key}"] = getattr(section, key)
    if strategy.symbols:
        found["symbols"] = strategy.symbols
    if strategy.timeframe != "1d":
        found["timeframe"] = strategy.timeframe
    return found


def _unsupported(strategy: CanonicalStrategy, quotes: Sequence[Quote]) -> Iterator[str]:
    known = parts(strategy)
    quoted = {q.part for q in quotes}
    for path in known:
        if not any(q == path or q.startswith((f"{path}.", f"{path}[")) for q in quoted):
            yield f"No words of the text are quoted for {path}: quote them, or take it out"
    for quote in quotes:
        if not any(quote.part == p or quote.part.startswith((f"{p}.", f"{p}[")) for p in known):
            yield f"{quote.part!r} is no part of the strategy: use the path of one, such as {next(iter(known), 'entry_rules[0]')}"


def numbers_of(text: str) -> set[float]:
    """Return the numbers a text says, in figures or words."""
    found = {t.value for t in tokenize(text, corrector()) if t.kind == "num"}
    return found | {float(n.replace(",", "")) for n in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)}


def _invented(text: str, strategy: CanonicalStrategy) -> Iterator[str]:
    """Yield the numbers that stand nowhere in the text and are no default."""
    said = numbers_of(text)
    said |= {-n for n in said}
    if _CROSSES.search(text):
        said |= {50.0, 200.0}
    used = {
        n.id for r in (*strategy.entry_rules, *strategy.exit_rules) for n in walk(r.when) if isinstance(n, IndicatorRef)
    }
    levels = {0.0}
    for item in strategy.indicators:
        levels |= set(item.entry.levels or ())
        for param in item.entry.params:
            value = item.params[param.name]
            if value != param.default and value not in said:
                yield f"{param.name} {value:g} of {item.id} stands nowhere in the text; the default is {param.default:g}"
        if item.id not in used and not any(getattr(o, "source", "") == item.id for o in strategy.indicators):
            yield f"{item.id} is used in no rule: take it out"
    for path, part in parts(strategy).items():
        data = part.model_dump(mode="json", exclude_defaults=True) if isinstance(part, BaseModel) else part
        for key, number in numbers_in(data):
            if key in _COUNTED and number in (0.0, 1.0):
                continue
            if key == "timeperiod" and number == REGISTRY[TRUE_RANGE].params[0].default:
                continue
            if path.startswith("execution.") and path != "execution.cash" and round(number * 100, 10) in said:
                continue
            if number not in said and not (path.endswith("]") and number in levels):
                yield f"The number {number:g} of {path} stands nowhere in the text and is no default"


def numbers_in(node: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of JSON data, each with the name it stands under."""
    if isinstance(node, bool):
        return
    if isinstance(node, int | float):
        yield key, float(node)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from numbers_in(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from numbers_in(value, key)


def _unused(text: str, strategy: CanonicalStrategy, left_out: Sequence[LeftOut]) -> Iterator[str]:
    """Yield the numbers of the text that are in no part of the strategy and were not left out."""
    data = strategy.model_dump(
        mode="json", exclude={"description", "strategy_name", "provenance", "parameters", "classification"}
    )
    used = {abs(n) for _, n in numbers_in(data)}
    used |= {round(n * 100, 10) for _, n in numbers_in(data["execution"])}
    used |= {round(1 / strategy.execution.margin, 10)}  # leverage
    used |= {float(n) for n in re.findall(r"\d+", f"{strategy.timeframe} {strategy.symbols}")}
    used |= {float(n) for n in re.findall(r"\d+", str(data["entry_rules"]) + str(data["exit_rules"]))}
    gone = set().union(*(numbers_of(piece.words) for piece in left_out))
    for number in sorted(numbers_of(text) - used - gone):
        yield f"The text says {number:g}, and it is in no part of the strategy: use it, or leave its words out and say why"


def _unread(unread: Iterable[str], quotes: Sequence[Quote], left_out: Sequence[LeftOut]) -> Iterator[str]:
    """Yield the pieces of text most of whose words nobody placed."""
    pieces: Sequence[Piece] = (*quotes, *left_out)
    placed = {word for piece in pieces for word in re.findall(r"\w+", plain(piece.words))}
    for piece in unread:
        words = re.findall(r"\w+", plain(piece))
        if sum(word in placed for word in words) * 3 < len(words) * 2:
            yield f"What became of these words? {piece[:200]!r}: quote them for a part, or leave them out and say why"


def _changed(strategy: CanonicalStrategy, read: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the rules read and the strategy does not have: stops and such, and conditions with a number of the text.

    Beside words they could not place the rules may misread a condition without one; those are for the model to say.
    """
    data = strategy.model_dump(mode="json")
    for kind in ("entry_rules", "exit_rules"):
        there = [(rule["side"], atom) for rule in data[kind] for atom in _atoms(rule["when"])]
        for rule in read.get(kind, ()):
            for atom in _atoms(rule["when"]):
                if _has_level(atom) and (rule["side"], atom) not in there:
                    yield f"The words say, beyond doubt, a condition of {kind} for the {rule['side']} side that is missing: {json.dumps(atom)}"
    for key, value in read.get("risk", {}).items():
        if data["risk"].get(key) != value:
            yield f"The words say, beyond doubt, that risk.{key} is {json.dumps(value)}"


def _has_level(atom: dict[str, Any]) -> bool:
    return any(isinstance(side, dict) and side.get("type") == "value" for side in atom.values())


def _atoms(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the conditions that hold no others."""
    inner = [*node.get("conditions", ()), *([node["condition"]] if "condition" in node else [])]
    if not inner:
        yield node
    for part in inner:
        yield from _atoms(part)
