"""Checked and isolated backtests over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api.request_user import user_of
from auth_api.requests import APIView
from backtest_api import serializers, services


class ValidateConfigView(APIView):
    @extend_schema(request=serializers.ConfigCheckRequest, responses={200: serializers.ConfigCheckSerializer})
    def post(self, request: Request) -> Response:
        """Tell every problem of a request for a backtest at once, and what the run would cost."""
        body = serializers.ConfigCheckRequest(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(services.config_check(user=user_of(request), **body.validated_data))


class RunSandboxView(APIView):
    @extend_schema(request=serializers.RunSandboxRequest, responses={200: serializers.RunSerializer})
    def post(self, request: Request) -> Response:
        """Run a stored strategy or code in isolation and answer when it is done; 503 where there is no isolation."""
        body = serializers.RunSandboxRequest(data=request.data)
        body.is_valid(raise_exception=True)
        run = services.run_isolated(user=user_of(request), **body.validated_data)
        return Response(serializers.RunSerializer(run).data)
