"""Where prices come from, a file for each name that DATA_PROVIDERS may list: its `provider()` makes one as the settings want it.

A new one is a file here. What may be listed is read from the folder, so that the settings are checked before Django has started.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from Backtest.data import Provider

NAMES = tuple(sorted(module.name for module in iter_modules(__path__)))


def provider_of(name: str) -> Provider:
    """Return the provider of a name. Its module is imported when it is first asked for."""
    made: Provider = import_module(f"{__name__}.{name}").provider()
    return made
