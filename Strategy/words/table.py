"""Phrases of one kind, and what each of them says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

Found = tuple[tuple[str, ...], Any]  # the words of a phrase, and its meaning


class Table(dict[str, Any]):
    """Phrases in lower case, their words separated by blanks, each with its meaning; a table never changes.

    >>> sides = meanings({"long": "longs, long trades", "short": "shorts"})
    >>> sides["long trades"], "shorts" in sides
    ('long', True)
    """

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __or__(self, other: Mapping[str, Any]) -> Table:  # type: ignore[override]
        return Table({**self, **other})

    @cached_property
    def by_first_word(self) -> dict[str, list[Found]]:
        """The phrases by their first word, the longest first."""
        return phrases_by_first_word([self])


def table(phrases: str | Iterable[str], meaning: Any = True) -> Table:
    """Return a table of phrases, separated by commas, that all mean the same."""
    listed = phrases.split(",") if isinstance(phrases, str) else phrases
    return Table({" ".join(phrase.split()): meaning for phrase in listed})


def meanings(phrases: Mapping[Any, str]) -> Table:
    """Return a table of phrases by their meaning: `meanings({"up": "rises, climbs", "down": "falls"})`."""
    return Table({phrase: meaning for meaning, listed in phrases.items() for phrase in table(listed)})


def phrases_by_first_word(tables: Iterable[Table]) -> dict[str, list[Found]]:
    """Return the phrases of several tables by their first word, the longest first; of two alike that of the first table."""
    result: dict[str, list[Found]] = {}
    for each in tables:
        for phrase, meaning in each.items():
            words = words_of(phrase)
            result.setdefault(words[0], []).append((words, meaning))
    for found in result.values():
        found.sort(key=lambda item: -len(item[0]))
    return result


def words_of(phrase: str) -> tuple[str, ...]:
    """Return a phrase's words as the lexer gives them: hyphens between them are dropped.

    >>> words_of("rate-of-change"), words_of("-")
    (('rate', 'of', 'change'), ('-',))
    """
    return tuple(phrase.replace("-", " ").split()) or (phrase,)
