"""Checked and isolated backtests over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api.request_user import user_of
from auth_api.requests import APIView
from backtest_api import serializers, services
from backtest_api.tasks import ring
from strategy_api.production_serializers import SandboxTestRequest, SandboxTestSerializer


class ValidateConfigView(APIView):
    @extend_schema(request=serializers.ConfigCheckRequest, responses={200: serializers.ConfigCheckSerializer})
    def post(self, request: Request) -> Response:
        """Tell every problem of a request for a backtest at once, and what the run would cost."""
        body = serializers.ConfigCheckRequest(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(services.config_check(user=user_of(request), **body.validated_data))


class SandboxTestView(APIView):
    @extend_schema(request=SandboxTestRequest, responses={200: SandboxTestSerializer})
    def post(self, request: Request) -> Response:
        """Run code on prices in isolation. What the code does wrong is told in the answer."""
        body = SandboxTestRequest(data=request.data)
        body.is_valid(raise_exception=True)
        found = services.sandbox_test(user=user_of(request), **body.validated_data)
        if found["follow_up"]:
            ring()
        return Response(found)


class RunSandboxView(APIView):
    @extend_schema(request=serializers.RunSandboxRequest, responses={200: serializers.RunSerializer})
    def post(self, request: Request) -> Response:
        """Run a stored strategy or code in isolation and answer when it is done; 503 where there is no isolation."""
        body = serializers.RunSandboxRequest(data=request.data)
        body.is_valid(raise_exception=True)
        run = services.run_isolated(user=user_of(request), **body.validated_data)
        if run.follow_up:
            ring()
        return Response(serializers.RunSerializer(run).data)
