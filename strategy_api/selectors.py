"""Reading strategies and conversations; every query is of one owner."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, Min, QuerySet

from auth_api.models import User
from Backtest.canonical import CanonicalStrategy
from Backtest.diagnostics import load_canonical
from Backtest.errors import NotFound, StrategyError
from strategy_api.models import ConversationMemory, Strategy


def strategies_of(*, user: User) -> QuerySet[Strategy]:
    return Strategy.objects.filter(user=user)


def strategy_get(*, user: User, strategy_id: int) -> Strategy:
    """NotFound when there is none, or it is somebody else's."""
    found = Strategy.objects.filter(user=user, pk=strategy_id).first()
    if found is None:
        raise NotFound(f"There is no strategy {strategy_id}")
    return found


def canonical_of(strategy: Strategy) -> CanonicalStrategy:
    """Return the canonical of a stored strategy. StrategyError where it is a draft with open questions, or not possible."""
    if strategy.questions:
        raise StrategyError(
            f"Strategy {strategy.pk} is a draft with an open question: {strategy.questions[0]}",
            suggestions=["Send the whole text: PATCH strategies/{id}/ with user_description"],
            questions=strategy.questions,
        )
    return load_canonical(strategy.canonical_json).require()


def description_of(strategy: Strategy) -> str:
    """Return a strategy in plain English; of one with open questions its own words, and what is open."""
    if strategy.questions:
        words = " ".join(strategy.user_description.split())
        return "\n".join([f"Not complete yet: {words}", *(f"Open: {question}" for question in strategy.questions)])
    loaded = load_canonical(strategy.canonical_json)
    return loaded.strategy.describe() if loaded.strategy else ""


def sessions_of(*, user: User) -> QuerySet[Any, Any]:
    """Return the user's sessions, newest first: session_id, entries, started_at, last_at."""
    entries = ConversationMemory.objects.filter(user=user).order_by().values("session_id")
    return entries.annotate(entries=Count("id"), started_at=Min("created_at"), last_at=Max("created_at")).order_by(
        "-last_at", "session_id"
    )


def session_entries(*, user: User, session_id: str) -> QuerySet[ConversationMemory]:
    """Return the entries of a session, oldest first. NotFound when it has none."""
    found = ConversationMemory.objects.filter(user=user, session_id=session_id).order_by("id")
    if not found.exists():
        raise NotFound(f"There is no conversation {session_id[:60]!r}")
    return found
