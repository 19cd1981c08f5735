"""What a user can see of what language models were asked."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import ChoiceFilter, FilterSet

from actions import Cost, Permission, action, listing
from ai_api import selectors, serializers
from ai_api.models import PURPOSES, ModelCall
from auth_api.models import User


class CallFilter(FilterSet):  # type: ignore[misc] # django-filter carries no types
    purpose = ChoiceFilter(choices=[(name, name) for name in PURPOSES])

    class Meta:
        model = ModelCall
        fields = ("purpose", "model", "outcome", "session_id")


@action(
    "models.usage",
    takes=serializers.UsageRequest,
    gives=serializers.UsageSerializer,
    permission=Permission.READ,
    cost=Cost.LOOK,
)
def usage(*, user: User, **given: Any) -> dict[str, Any]:
    """Your budget of today, and what models were asked, how often, for how much."""
    return selectors.usage_of(user=user, **given)


@listing(
    "models.calls", gives=serializers.ModelCallSerializer, rows=ModelCall, filters=CallFilter, orders=("id", "cost_usd", "latency_ms")
)  # fmt: skip
def calls(*, user: User) -> QuerySet[ModelCall]:
    """Your calls of language models, newest first."""
    return selectors.calls_of(user=user)
