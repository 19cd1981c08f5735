"""The state of a strategy: draft, validated, tested, deployed, retired; each step recorded."""

from __future__ import annotations

from django.db import transaction

from auth_api.models import User
from Backtest.errors import Conflict
from strategy_api.models import StateChange, Strategy

S = Strategy.Status
# A changed canonical makes any strategy a draft again.
STEPS: dict[str, tuple[str, ...]] = {
    S.DRAFT: (S.VALIDATED, S.RETIRED),
    S.VALIDATED: (S.DRAFT, S.TESTED, S.RETIRED),
    S.TESTED: (S.DRAFT, S.VALIDATED, S.DEPLOYED, S.RETIRED),
    S.DEPLOYED: (S.DRAFT, S.TESTED, S.RETIRED),
    S.RETIRED: (S.DRAFT,),
}
ORDER = (S.DRAFT, S.VALIDATED, S.TESTED, S.DEPLOYED)


def move(*, strategy: Strategy, to: str, user: User, reason: str = "") -> Strategy:
    """Take a step and record it; where it is already, nothing happens.

    Raises:
        Conflict: there is no such step.
    """
    with transaction.atomic():
        current = Strategy.objects.select_for_update().get(pk=strategy.pk)
        if current.status != to:
            if to not in STEPS[current.status]:
                allowed = ", ".join(STEPS[current.status])
                raise Conflict(f"A strategy that is {current.status} cannot become {to}; it can become: {allowed}")
            StateChange.objects.create(
                strategy=current,
                user=user,
                version=current.version,
                before=current.status,
                after=to,
                reason=reason[:300],
            )
            Strategy.objects.filter(pk=strategy.pk).update(status=to)
    strategy.status = to
    return strategy


def reach(*, strategy: Strategy, to: str, user: User, reason: str = "") -> Strategy:
    """Take all steps up to a state, in order; a state that is behind already is not gone back to."""
    strategy.refresh_from_db(fields=["status"])
    if strategy.status == S.RETIRED:
        raise Conflict("The strategy is retired: change its canonical, which makes a new version, and deploy that")
    for state in ORDER[ORDER.index(S(strategy.status)) + 1 : ORDER.index(S(to)) + 1]:
        move(strategy=strategy, to=state, user=user, reason=reason)
    return strategy
