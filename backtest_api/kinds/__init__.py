"""The kinds of runs, a file each: how a run of one is made ready, run, run again, and what can be asked of it afterwards.

A new kind is a file here with a class of `Kind`, a name in `BacktestRun.Kind` and a line in `_KINDS`. What creates, queues, stores and
shows runs asks `kind_of` and knows none of them by name.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from backtest_api.models import BacktestRun

if TYPE_CHECKING:
    from backtest_api.kinds.base import Kind

# Where each is; a module is imported when the first run of its kind is looked at, which keeps the start of every command fast.
_KINDS = {
    BacktestRun.Kind.CANONICAL: ("canonical", "CanonicalKind"),
    BacktestRun.Kind.CODE: ("code", "CodeKind"),
    BacktestRun.Kind.SEARCH: ("search", "SearchKind"),
}


def kind_of(run: BacktestRun) -> Kind:
    """Return what runs of this one's kind have of their own."""
    return _kind(BacktestRun.Kind(run.kind))


@cache
def _kind(name: BacktestRun.Kind) -> Kind:
    module, class_name = _KINDS[name]
    found: Kind = getattr(import_module(f"backtest_api.kinds.{module}"), class_name)()
    return found
