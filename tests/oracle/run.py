"""A case in, its events and its equity out: bar by bar the open, the way within, the close (section 2)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.closing import at_close
from tests.oracle.fills import settle
from tests.oracle.orders import Account, Event, Moment
from tests.oracle.path import within
from tests.oracle.strategy import Case, Path


@dataclass(frozen=True)
class Outcome:
    """`equity` has one value a bar, counted at its close after all that happens there."""

    events: tuple[Event, ...]
    equity: tuple[float, ...]


def run(case: Case, path: Path | None = None) -> Outcome:
    """Trade a case; `path` None takes the one of the strategy's options (`worst` where it says none)."""
    account, curve = Account(), []
    for number, bar in enumerate(case.bars):
        account = settle(case, account, Moment(number, "open", bar.open))
        account = within(case, account, number, path or case.strategy.path)
        account = at_close(case, account, number)
        curve.append(account.last_equity)
    return Outcome(account.events, tuple(curve))
