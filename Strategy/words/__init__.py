"""The words traders use, in tables by subject, each phrase with what it says.

Grammar code names a table and never a word, so that the vocabulary is what stands in these tables and in the
registry of indicators. A new wording is a phrase in a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from Backtest.indicators import spoken
from Strategy.words.spelling import Corrector
from Strategy.words.table import Found, Table, phrases_by_first_word, table
from Strategy.words.tickers import COMPANIES

__all__ = ["COMPANIES", "Found", "Table", "corrector", "merged", "table", "tables", "trie", "vocabulary"]


@cache
def tables() -> Mapping[str, Table]:
    """Return every table by its module and name: `orders.SELL`."""
    modules = (info.name for info in iter_modules(__path__))
    return {
        f"{module}.{name}": found
        for module in modules
        for name, value in vars(import_module(f"{__name__}.{module}")).items()
        for found in ([value] if isinstance(value, Table) else value.values() if isinstance(value, dict) else ())
        if isinstance(found, Table)
    }


def trie(*of: Table) -> Mapping[str, list[Found]]:
    """Return the phrases of tables by their first word, the longest first."""
    return of[0].by_first_word if len(of) == 1 else merged(of)


@cache
def merged(of: tuple[Table, ...]) -> Mapping[str, list[Found]]:
    """Return the phrases of several tables by their first word, the longest first."""
    return phrases_by_first_word(of)


@cache
def vocabulary() -> frozenset[str]:
    """Return every single word the grammar knows."""
    said = {word for found in tables().values() for phrase in found for word in phrase.replace("-", " ").split()}
    outputs = {w for e in spoken().values() for o in e.outputs for phrase in o.words for w in phrase.split()}
    return frozenset(said | outputs | set(COMPANIES))


@cache
def corrector() -> Corrector:
    return Corrector(vocabulary())
