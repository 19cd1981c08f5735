"""Whether the service works, for people and load balancers."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from strategy_api.engine import get_sandbox

STARTED = time.monotonic()


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["ok", "failing"])
    version = serializers.CharField()
    uptime_s = serializers.FloatField()
    database = serializers.CharField(help_text="Its kind, or why it does not answer")
    broker = serializers.CharField()
    sandbox_backend = serializers.CharField()


class HealthView(APIView):
    permission_classes = (AllowAny,)
    authentication_classes = ()
    throttle_classes = ()

    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer}, auth=[])
    def get(self, request: Request) -> Response:
        """Report whether the parts the service needs are there; 503 when one is not."""
        database, healthy = _database()
        body = {
            "status": "ok" if healthy else "failing",
            "version": settings.VERSION,
            "uptime_s": round(time.monotonic() - STARTED, 3),
            "database": database,
            "broker": "local threads",
            "sandbox_backend": get_sandbox().backend,
        }
        return Response(body, status=status.HTTP_200_OK if healthy else status.HTTP_503_SERVICE_UNAVAILABLE)


def _database() -> tuple[str, bool]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        return f"{connection.vendor} does not answer ({type(error).__name__})", False
    return connection.vendor, True
