"""The kinds of runs, a file each: how a run of one is made ready, run, run again, and what can be asked of it afterwards.

A new kind is a file here, named as the kind, that ends with `KIND`, an object of its class, and a line in `BacktestRun.Kind`. What
creates, queues, stores and shows runs asks `kind_of`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtest_api.kinds.base import Kind
    from backtest_api.models import BacktestRun


def kind_of(run: BacktestRun) -> Kind:
    """Return what runs of this one's kind have of their own. Its module is imported when it is first asked for: commands start sooner."""
    found: Kind = import_module(f"backtest_api.kinds.{run.kind}").KIND
    return found
