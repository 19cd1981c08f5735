"""Strategies and conversations over REST."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api.request_user import user_of
from auth_api.requests import APIView, GenericAPIView, ListAPIView
from Backtest.canonical import json_schema
from Strategy.talk import TEMPLATES
from strategy_api import selectors, serializers, services
from strategy_api.models import ConversationMemory, Strategy, StrategyVersion


class StrategyListView(ListAPIView[Strategy]):
    queryset = Strategy.objects.none()
    serializer_class = serializers.StrategySerializer
    filterset_fields = ("status", "name")
    ordering_fields = ("id", "name", "created_at", "updated_at", "version")

    def get_queryset(self) -> QuerySet[Strategy]:
        return selectors.strategies_of(user=user_of(self.request))

    @extend_schema(request=serializers.StrategyCreateSerializer, responses={201: serializers.StrategySerializer})
    def post(self, request: Request) -> Response:
        """Store a strategy given in words, as canonical JSON, or both, as the URL of a page, or by the name of a template.

        Where something is missing that can be asked for, what was read is kept as a draft with its open `questions`.
        """
        body = serializers.StrategyCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        strategy = services.strategy_create(user=user_of(request), drafts=True, **body.validated_data)
        return Response(serializers.StrategySerializer(strategy).data, status=status.HTTP_201_CREATED)


class StrategyView(APIView):
    @extend_schema(responses={200: serializers.StrategySerializer})
    def get(self, request: Request, strategy_id: int) -> Response:
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        return Response(serializers.StrategySerializer(strategy).data)

    def _update(self, request: Request, strategy_id: int) -> Response:
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        body = serializers.StrategyUpdateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        strategy = services.strategy_update(strategy=strategy, **body.validated_data)
        return Response(serializers.StrategySerializer(strategy).data)

    @extend_schema(request=serializers.StrategyUpdateSerializer, responses={200: serializers.StrategySerializer})
    def put(self, request: Request, strategy_id: int) -> Response:
        """Rename a strategy, or replace its canonical or its text, which makes a new version."""
        return self._update(request, strategy_id)

    @extend_schema(request=serializers.StrategyUpdateSerializer, responses={200: serializers.StrategySerializer})
    def patch(self, request: Request, strategy_id: int) -> Response:
        """The same as PUT: what is left out stays."""
        return self._update(request, strategy_id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, strategy_id: int) -> Response:
        services.strategy_delete(strategy=selectors.strategy_get(user=user_of(request), strategy_id=strategy_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class VersionsView(ListAPIView[StrategyVersion]):
    """The history of a strategy: every canonical it had, and what changed."""

    serializer_class = serializers.VersionSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[StrategyVersion]:
        if getattr(self, "swagger_fake_view", False):
            return StrategyVersion.objects.none()
        strategy = selectors.strategy_get(user=user_of(self.request), strategy_id=self.kwargs["strategy_id"])
        return strategy.versions.all()


class ValidateView(APIView):
    @extend_schema(request=serializers.OfCanonicalSerializer, responses={200: serializers.ValidationSerializer})
    def post(self, request: Request, strategy_id: int) -> Response:
        """Validate a strategy; the outcome is stored. With a canonical in the body that one is validated, and nothing stored."""
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        body = serializers.OfCanonicalSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        validation = services.strategy_validate(strategy=strategy, **body.validated_data)
        return Response(serializers.ValidationSerializer(validation).data)


class TemplatesView(APIView):
    @extend_schema(responses={200: serializers.TemplateSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """The classics that POST strategies/ takes as `template`, each with its sentence."""
        return Response([{"name": name, "user_description": text} for name, text in TEMPLATES.items()])


class FromUrlView(APIView):
    @extend_schema(request=serializers.UrlRequest, responses={200: serializers.CandidateSerializer(many=True)})
    def post(self, request: Request) -> Response:
        """The strategies a web page describes, each with its passage. Store one by sending its canonical_json."""
        body = serializers.UrlRequest(data=request.data)
        body.is_valid(raise_exception=True)
        found = services.strategies_from_url(user=user_of(request), **body.validated_data)
        return Response(serializers.CandidateSerializer(found, many=True).data)


class RecommendationsView(APIView):
    @extend_schema(request=serializers.RecommendationsRequest, responses={200: serializers.RecommendationsSerializer})
    def post(self, request: Request, strategy_id: int) -> Response:
        """What would make a strategy better, as patches of its canonical, with their measured effect if asked."""
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        body = serializers.RecommendationsRequest(data=request.data)
        body.is_valid(raise_exception=True)
        found = services.strategy_recommendations(strategy=strategy, **body.validated_data)
        return Response(serializers.RecommendationsSerializer(found).data)


class ChooseView(APIView):
    @extend_schema(request=serializers.ChooseSerializer, responses={200: serializers.StrategySerializer})
    def post(self, request: Request, strategy_id: int) -> Response:
        """Settle which reading of its words a strategy is, where the rules and a model read them differently."""
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        body = serializers.ChooseSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(
            serializers.StrategySerializer(services.reading_choose(strategy=strategy, **body.validated_data)).data
        )


class GenerateCodeView(APIView):
    @extend_schema(request=serializers.GenerateSerializer, responses={200: serializers.CodeSerializer})
    def post(self, request: Request, strategy_id: int) -> Response:
        """Generate the code: by a model when one is configured, by template otherwise."""
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        body = serializers.GenerateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(services.strategy_generate_code(strategy=strategy, **body.validated_data))


class GenerateCodeFromCanonicalView(APIView):
    @extend_schema(request=serializers.OfCanonicalSerializer, responses={200: serializers.CodeSerializer})
    def post(self, request: Request, strategy_id: int) -> Response:
        """Generate the code by template: the same canonical, of the body or the stored one, always gives the same code."""
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        body = serializers.OfCanonicalSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(services.strategy_generate_code(strategy=strategy, **body.validated_data))


class SchemaView(APIView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """The JSON Schema of canonical strategies."""
        return Response(json_schema())


class ConversationListView(ListAPIView[Any]):
    """The user's sessions, newest first."""

    serializer_class = serializers.SessionSummarySerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Any, Any]:
        if getattr(self, "swagger_fake_view", False):
            return ConversationMemory.objects.none()
        return selectors.sessions_of(user=user_of(self.request))


class ConversationView(GenericAPIView[ConversationMemory]):
    serializer_class = serializers.ConversationSerializer
    filter_backends = ()

    @extend_schema(operation_id="conversation_entries", responses={200: serializers.ConversationSerializer(many=True)})
    def get(self, request: Request, session_id: str) -> Response:
        """The entries of a session, oldest first."""
        entries = selectors.session_entries(user=user_of(request), session_id=session_id)
        page = self.paginate_queryset(entries)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: str) -> Response:
        """Forget a session."""
        selectors.session_entries(user=user_of(request), session_id=session_id)
        services.conversation_delete(user=user_of(request), session_id=session_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
