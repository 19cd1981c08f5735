"""The names indicators go by, in texts and in canonical JSON alike."""

from __future__ import annotations

import re
from functools import cache

from Backtest.indicators.indicator_registry import REGISTRY, IndicatorEntry


@cache
def spoken() -> dict[str, IndicatorEntry]:
    """Return the indicators that free text has words for."""
    return {name: entry for name, entry in REGISTRY.items() if not entry.exact}


@cache
def spoken_names() -> dict[str, str]:
    """Return every name an indicator is known by, in lower case with blanks for hyphens, and its registry name."""
    names: dict[str, str] = {}
    for entry in spoken().values():
        for alias in (*entry.aliases, entry.name.lower(), entry.title.lower()):
            names.setdefault(alias.lower().replace("-", " "), entry.name)
            if alias.endswith(("average", "ma", "avg")):
                names.setdefault(f"{alias.lower().replace('-', ' ')}s", entry.name)
    return names


@cache
def indicator_name(name: str) -> str | None:
    """Return the registry's name of an indicator by any of its names, None where it has none.

    >>> indicator_name("Bollinger Bands"), indicator_name("rsi"), indicator_name("Momentum")
    ('BB', 'RSI', 'MOM')
    """
    if name.upper() in REGISTRY:
        return name.upper()
    return _joined_names().get(_joined(name))


@cache
def _joined_names() -> dict[str, str]:
    """Return the names as one word, so that `BollingerBands` and `bollinger_bands` are the same."""
    names: dict[str, str] = {}
    for spoken, name in spoken_names().items():
        names.setdefault(_joined(spoken), name)
    return names


def _joined(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.lower())
