"""How the parts of a strategy are said: phrases that are printed from, and read by, the same line of text.

A class is given its phrases, such as

    @says("{left:operand} crosses {direction:choice} {right:operand}", direction={"above": ("above", "over"), "below": ("below", "under")})

Of several the first that leaves nothing out is printed: a phrase may lack a field only where that has its default. All of them are read (Strategy/notation). In a phrase

    {field:kind}      stands for a field; `kind` says how it is written (KINDS), `choice` by the class's `words`
    [ ... ]           is left out where all fields in it have their defaults; `[?field ...]` is there where the field is true
    bar(s)            is "bar" behind a 1 and "bars" behind other numbers
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeVar

from Backtest.meaning.words import dollars, percent, plain

_ONE = re.compile(r"(?:^|[^\d.])1$")
Words = Mapping[Any, tuple[str, ...]]
_PIECE = re.compile(r"\{(?P<field>\w+):(?P<kind>\w+)\}|\[(?:\?(?P<flag>\w+) )?(?P<inside>[^\]]*)\]|(?P<text>[^{\[]+)")


@dataclass(frozen=True)
class Literal:
    text: str


@dataclass(frozen=True)
class Slot:
    field: str
    kind: str


@dataclass(frozen=True)
class Optional:
    parts: tuple[Part, ...]
    flag: str = ""


Part = Literal | Slot | Optional


@cache
def parsed(phrase: str) -> tuple[Part, ...]:
    """Return the parts of a phrase."""
    found: list[Part] = []
    for piece in _PIECE.finditer(phrase):
        if piece["field"]:
            found.append(Slot(piece["field"], piece["kind"]))
        elif piece["text"] is not None:
            found.append(Literal(piece["text"]))
        else:
            found.append(Optional(parsed(piece["inside"]), piece["flag"] or ""))
    return tuple(found)


def slots(parts: tuple[Part, ...]) -> Iterator[Slot]:
    """Yield the fields of a phrase, those that may be left out included."""
    for part in parts:
        if isinstance(part, Slot):
            yield part
        elif isinstance(part, Optional):
            yield from slots(part.parts)


def fields_said(parts: tuple[Part, ...]) -> set[str]:
    """Return the names of the fields that a phrase says."""
    flags = {part.flag for part in parts if isinstance(part, Optional) and part.flag}
    return {slot.field for slot in slots(parts)} | flags


class Said:
    """What is said by phrases.

    `words` are those of the fields that are a choice: value to words, the first of which is printed. `unsaid` are fields that a sentence of its own says.
    """

    phrases: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[Mapping[str, Words]] = {}
    unsaid: ClassVar[tuple[str, ...]] = ()

    def text(self, naming: Any = None) -> str:
        """Return it in words, as its first phrase that says all of it."""
        return said(self, naming)


C = TypeVar("C", bound=type[Said])


def says(*phrases: str, unsaid: tuple[str, ...] = (), **words: Words) -> Callable[[C], C]:
    """Give a class its phrases, and for its choices the words."""

    def give(kind: C) -> C:
        kind.phrases, kind.words, kind.unsaid = phrases, words, unsaid
        return kind

    return give


# How a value of a kind is printed; `naming` is who knows what indicators are called.
KINDS: dict[str, Callable[[Any, Any], str]] = {
    "operand": lambda value, naming: str(value.text(naming)),
    "condition": lambda value, naming: str(value.text(naming)),
    "inner": lambda value, naming: f"({value.text(naming)})",
    "level": lambda value, naming: str(value.text(naming)),
    "size": lambda value, naming: str(value.text(naming)),
    "order": lambda value, naming: str(value.text(naming)),
    "number": lambda value, naming: plain(value),
    "int": lambda value, naming: str(value),
    "percent": lambda value, naming: percent(value),
    "distance": lambda value, naming: str(value.text(naming)).removesuffix(" from the entry price"),
    "money": lambda value, naming: dollars(value),
    "name": lambda value, naming: f'"{value}"',
    "names": lambda value, naming: " and ".join(f'"{name}"' for name in value),
    "each": lambda value, naming: str(value.text(naming)),
}


def said(part: Any, naming: Any) -> str:
    """Return a part in the words of its first phrase that leaves nothing out.

    Raises:
        ValueError: no phrase says all of it.
    """
    for phrase in part.phrases:
        parts = parsed(phrase)
        if _says_all(part, fields_said(parts)):
            return _printed(part, parts, naming)
    raise ValueError(f"no phrase says all of {part!r}")


def _says_all(part: Any, fields: set[str]) -> bool:
    skipped = {"type", *part.unsaid}
    return all(name in fields | skipped or _is_default(part, name) for name in type(part).model_fields)


def _is_default(part: Any, name: str) -> bool:
    field = type(part).model_fields[name]
    return not field.is_required() and getattr(part, name) == field.get_default(call_default_factory=True)


def line(part: Any, phrase: str, naming: Any) -> list[str]:
    """Return the sentences of a phrase about a part: none where its fields have their defaults, one an item where its kind is `each`."""
    parts = parsed(phrase)
    first = next(iter(slots(parts)), None)
    if first is not None and first.kind == "each":
        return [_printed(item, _of_item(parts, item), naming) for item in getattr(part, first.field)]
    fields = fields_said(parts)
    return [] if all(_is_default(part, name) for name in fields) else [_printed(part, parts, naming)]


def _of_item(parts: tuple[Part, ...], item: Any) -> tuple[Part, ...]:
    """Return a phrase of a list with an item's own words in the place of the list."""
    found = next(p for p in item.phrases if _says_all(item, fields_said(parsed(p))))
    return tuple(q for p in parts for q in (parsed(found) if isinstance(p, Slot) else (p,)))


def _printed(part: Any, parts: tuple[Part, ...], naming: Any) -> str:
    text = ""
    for piece in parts:
        if isinstance(piece, Slot):
            text += value_text(part, piece, naming)
        elif isinstance(piece, Literal):
            text += piece.text.replace("(s)", "" if _ONE.search(text) else "s")
        elif (piece.flag and getattr(part, piece.flag)) or (
            not piece.flag and not all(_is_default(part, slot.field) for slot in slots(piece.parts))
        ):
            text += _printed(part, piece.parts, naming)
    return text


def value_text(part: Any, slot: Slot, naming: Any) -> str:
    """Return one field in words."""
    value = getattr(part, slot.field)
    if slot.kind == "choice":
        return str(part.words[slot.field][value][0])
    return KINDS[slot.kind](value, naming)
