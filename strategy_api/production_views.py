"""Checks, tests and deployment of strategies over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api.request_user import user_of
from auth_api.requests import APIView
from strategy_api import production, selectors
from strategy_api import production_serializers as shapes


class ValidateSchemaView(APIView):
    @extend_schema(request=shapes.SchemaCheckRequest, responses={200: shapes.SchemaCheckSerializer})
    def post(self, request: Request) -> Response:
        """Check a canonical strategy, in `canonical_json` or as the body itself: every error and warning, its normal form and hash."""
        body = shapes.SchemaCheckRequest(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(production.schema_check(**body.validated_data))


class ValidateCodeView(APIView):
    @extend_schema(request=shapes.CodeCheckRequest, responses={200: shapes.CodeCheckSerializer})
    def post(self, request: Request) -> Response:
        """Read strategy code and warn of what does not belong in it. The sandbox is the boundary, not this."""
        body = shapes.CodeCheckRequest(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(production.code_check(**body.validated_data))


class CheckLookaheadView(APIView):
    @extend_schema(request=shapes.LookaheadRequest, responses={200: shapes.LookaheadSerializer})
    def post(self, request: Request) -> Response:
        """Run code on futures that differ, and report the first order, level and indicator that changed before they do."""
        body = shapes.LookaheadRequest(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(production.check_lookahead(user=user_of(request), **body.validated_data))


class DeployView(APIView):
    @extend_schema(request=shapes.DeployRequest, responses={201: shapes.DeploymentSerializer})
    def post(self, request: Request, strategy_id: int) -> Response:
        """Deploy a strategy: schema, code and sandbox checks, gates, then a commit and a tag."""
        body = shapes.DeployRequest(data=request.data)
        body.is_valid(raise_exception=True)
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        made = production.deploy(user=user_of(request), strategy=strategy, **body.validated_data)
        return Response(shapes.DeploymentSerializer(made).data, status=status.HTTP_201_CREATED)


class DeploymentsView(APIView):
    @extend_schema(responses={200: shapes.HistorySerializer})
    def get(self, request: Request, strategy_id: int) -> Response:
        """A strategy's deployments and changes of state, newest first."""
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        return Response(shapes.HistorySerializer(strategy).data)


class RollbackView(APIView):
    @extend_schema(request=shapes.RollbackRequest, responses={201: shapes.DeploymentSerializer})
    def post(self, request: Request, strategy_id: int) -> Response:
        """Deploy again what was deployed before."""
        body = shapes.RollbackRequest(data=request.data)
        body.is_valid(raise_exception=True)
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        made = production.rollback(user=user_of(request), strategy=strategy, **body.validated_data)
        return Response(shapes.DeploymentSerializer(made).data, status=status.HTTP_201_CREATED)


class RetireView(APIView):
    @extend_schema(request=shapes.RetireRequest, responses={200: shapes.HistorySerializer})
    def post(self, request: Request, strategy_id: int) -> Response:
        """Take a strategy out of use."""
        body = shapes.RetireRequest(data=request.data)
        body.is_valid(raise_exception=True)
        strategy = selectors.strategy_get(user=user_of(request), strategy_id=strategy_id)
        return Response(
            shapes.HistorySerializer(
                production.retire(user=user_of(request), strategy=strategy, **body.validated_data)
            ).data
        )
