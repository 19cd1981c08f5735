"""What language models were asked and what it cost; every query is of one owner, but the system's own sum."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Avg, Count, QuerySet, Sum
from django.utils import timezone

from ai_api.models import ModelCall
from auth_api.models import User


@dataclass(frozen=True)
class Budget:
    """A day's budget in US dollars; calls under way count with the most they may cost."""

    whose: str
    setting: str
    limit: Decimal
    spent: Decimal
    reserve: Decimal
    resets_at: datetime

    @property
    def left(self) -> Decimal:
        return max(Decimal(0), self.limit - self.reserve - self.spent)

    def as_dict(self) -> dict[str, Any]:
        return {"limit_usd": self.limit, "spent_usd": self.spent, "reserve_usd": self.reserve, "left_usd": self.left}


def day_start() -> datetime:
    """Return when the budget's day began: 00:00 UTC."""
    return datetime.combine(timezone.now().astimezone(UTC).date(), time(), tzinfo=UTC)


def calls_of(*, user: User) -> QuerySet[ModelCall]:
    return ModelCall.objects.filter(user=user)


def user_budget(*, user: User) -> Budget:
    return _budget("your account", "AI_BUDGET_USER_USD", settings.AI_BUDGET_USER_USD, calls_of(user=user))


def total_budget() -> Budget:
    return _budget("this server", "AI_BUDGET_TOTAL_USD", settings.AI_BUDGET_TOTAL_USD, ModelCall.objects.all())


def _budget(whose: str, setting: str, limit: float, calls: QuerySet[ModelCall]) -> Budget:
    start = day_start()
    spent = calls.filter(created_at__gte=start).aggregate(sum=Sum("cost_usd"))["sum"] or Decimal(0)
    whole = Decimal(str(limit))
    reserve = whole * Decimal(str(settings.AI_BUDGET_RESERVE_PERCENT)) / 100
    return Budget(whose, setting, whole, spent, reserve, start + timedelta(days=1))


def usage_of(*, user: User, days: int = 1) -> dict[str, Any]:
    """Return a user's budget of today, and the calls of some days by purpose and model."""
    start = day_start() - timedelta(days=days - 1)
    budget = user_budget(user=user)
    return {
        "models": list(settings.LLM_MODEL),
        "answered_by": "model" if settings.LLM_MODEL else "rules",
        "today": budget.as_dict(),
        "resets_at": budget.resets_at,
        "days": days,
        "by": summed(calls_of(user=user).filter(created_at__gte=start)),
    }


def spent_since(*, user: User, session_id: str, call_id: int) -> dict[str, Any]:
    """Return what a session's calls after one of them came to: calls, tokens, US dollars."""
    sums = calls_of(user=user).filter(session_id=session_id, pk__gt=call_id).aggregate(
        calls=Count("id"), input_tokens=Sum("input_tokens"), output_tokens=Sum("output_tokens"), cost_usd=Sum("cost_usd")
    )  # fmt: skip
    return (
        {name: float(value) if name == "cost_usd" else value for name, value in sums.items()}
        if sums["calls"]
        else {"calls": 0}
    )


def last_call(*, user: User) -> int:
    """Return the number of a user's last call, 0 where there is none."""
    return calls_of(user=user).order_by("-id").values_list("id", flat=True).first() or 0


def summed(calls: QuerySet[ModelCall]) -> list[dict[str, Any]]:
    """Return calls, tokens, cost and mean latency by purpose, model and outcome."""
    rows = (
        calls.order_by()
        .values("purpose", "model", "outcome")
        .annotate(
            calls=Count("id"), input_tokens=Sum("input_tokens"), output_tokens=Sum("output_tokens"),
            cost_usd=Sum("cost_usd"), mean_latency_ms=Avg("latency_ms"),
        )
        .order_by("-cost_usd", "purpose", "model", "outcome")
    )  # fmt: skip
    return [dict(row) for row in rows]
