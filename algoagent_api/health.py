"""Whether the service works, for people, load balancers and supervisors."""

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

from algoagent_api.celery import app
from algoagent_api.tables import REMEDY, missing
from auth_api.requests import APIView
from Backtest.errors import SandboxUnavailable
from backtest_api.queue import workers_seen
from strategy_api.engine import get_sandbox

STARTED = time.monotonic()
REMEMBERED_S = 10.0
_remembered: dict[str, tuple[float, str]] = {}


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(
        choices=["ok", "degraded", "failing"], help_text="degraded: it answers, and broker or sandbox do not work"
    )
    version = serializers.CharField()
    uptime_s = serializers.FloatField()
    database = serializers.CharField(help_text="Its kind, or why it does not answer")
    broker = serializers.CharField(help_text="Its kind, or why it does not answer")
    workers = serializers.IntegerField(help_text="Seen alive in the last seconds")
    sandbox_backend = serializers.CharField()
    sandbox_isolated = serializers.BooleanField(help_text="Whether strategy code is kept from the machine")
    sandbox_problem = serializers.CharField(allow_blank=True)


class LiveSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["ok"])


class _Open(APIView):
    permission_classes = (AllowAny,)
    authentication_classes = ()
    throttle_classes = ()


class LiveView(_Open):
    @extend_schema(responses={200: LiveSerializer}, auth=[])
    def get(self, request: Request) -> Response:
        """Answer: this process is alive. Nothing else is asked."""
        return Response({"status": "ok"})


class HealthView(_Open):
    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer}, auth=[])
    def get(self, request: Request) -> Response:
        """Report on the parts of the service; 503 when the database does not answer. Without broker or sandbox it is degraded."""
        body, parts = _report()
        works = parts["broker"] and parts["sandbox"]
        return _answer(body, ok=parts["database"], well="ok" if works else "degraded")


class ReadyView(_Open):
    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer}, auth=[])
    def get(self, request: Request) -> Response:
        """Report the same; 503 unless database, broker, a worker and the sandbox all work."""
        body, parts = _report()
        return _answer(body, ok=all(parts.values()))


def _answer(body: dict[str, Any], *, ok: bool, well: str = "ok") -> Response:
    body["status"] = well if ok else "failing"
    return Response(body, status=status.HTTP_200_OK if ok else status.HTTP_503_SERVICE_UNAVAILABLE)


def _report() -> tuple[dict[str, Any], dict[str, bool]]:
    database, answers = _database()
    workers = len(workers_seen()) if answers else 0
    broker_kind = settings.CELERY_BROKER_URL.partition(":")[0]
    broker_problem = _once("broker", _broker_problem)
    backend, isolated, problem = _sandbox()
    body = {
        "status": "ok",
        "version": settings.VERSION,
        "uptime_s": round(time.monotonic() - STARTED, 3),
        "database": database,
        "broker": f"{broker_kind} does not answer ({broker_problem})" if broker_problem else broker_kind,
        "workers": workers,
        "sandbox_backend": backend,
        "sandbox_isolated": isolated,
        "sandbox_problem": problem,
    }
    return body, {"database": answers, "broker": not broker_problem, "worker": workers > 0, "sandbox": not problem}


def _once(name: str, ask: Any) -> str:
    """Return what was found out within the last seconds, or ask again."""
    at, answer = _remembered.get(name, (0.0, ""))
    if not at or time.monotonic() - at > REMEMBERED_S:
        answer = ask()
        _remembered[name] = (time.monotonic(), answer)
    return answer


def _database() -> tuple[str, bool]:
    try:
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
    except DatabaseError as error:
        return f"{connection.vendor} does not answer ({type(error).__name__})", False
    if missing(tables):
        return f"{connection.vendor} has no tables: {REMEDY}", False
    return connection.vendor, True


def _broker_problem() -> str:
    try:
        with app.connection_for_write() as found:
            found.ensure_connection(max_retries=1, interval_start=0, timeout=1)
            found.default_channel.queue_declare("celery", passive=False)
    except Exception as error:  # noqa: BLE001 - each transport has errors of its own
        return type(error).__name__
    return ""


def _sandbox() -> tuple[str, bool, str]:
    try:
        sandbox = get_sandbox()
    except SandboxUnavailable as error:
        return settings.SANDBOX_BACKEND, False, error.message
    problem = _once("sandbox", sandbox.problem)
    return sandbox.backend, sandbox.isolated and not problem, problem
