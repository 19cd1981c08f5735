"""What language models were asked, over REST."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters.rest_framework import ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ai_api import selectors, serializers
from ai_api.models import PURPOSES, ModelCall
from auth_api.request_user import user_of
from auth_api.requests import APIView, ListAPIView


class UsageView(APIView):
    @extend_schema(parameters=[serializers.UsageRequest], responses={200: serializers.UsageSerializer})
    def get(self, request: Request) -> Response:
        """Your budget of today, and what models were asked, how often, for how much."""
        query = serializers.UsageRequest(data=request.query_params)
        query.is_valid(raise_exception=True)
        usage = selectors.usage_of(user=user_of(request), **query.validated_data)
        return Response(serializers.UsageSerializer(usage).data)


class CallFilter(FilterSet):  # type: ignore[misc] # django-filter carries no types
    purpose = ChoiceFilter(choices=[(name, name) for name in PURPOSES])

    class Meta:
        model = ModelCall
        fields = ("purpose", "model", "outcome", "session_id")


class CallListView(ListAPIView[ModelCall]):
    """Your calls of language models, newest first."""

    queryset = ModelCall.objects.none()
    serializer_class = serializers.ModelCallSerializer
    filterset_class = CallFilter
    ordering_fields = ("id", "cost_usd", "latency_ms")

    def get_queryset(self) -> QuerySet[ModelCall]:
        return selectors.calls_of(user=user_of(self.request))
