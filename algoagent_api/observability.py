"""Requests with an id, in the log and in figures for Prometheus."""

from __future__ import annotations

import hmac
import os
import re
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from auth_api.request_user import id_of

logger = structlog.get_logger(__name__)

REQUESTS = Counter("algoagent_http_requests_total", "Requests by route and answer", ["method", "route", "status"])
SECONDS = Histogram("algoagent_http_request_seconds", "Time to answer, by route", ["method", "route"])
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ObservedRequests:
    """Middleware: gives each request an id, logs its answer and counts it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self._get_response(request)
            seconds = time.perf_counter() - started
            route = f"/{request.resolver_match.route}" if request.resolver_match else "none"
            REQUESTS.labels(request.method, route, response.status_code).inc()
            SECONDS.labels(request.method, route).observe(seconds)
            logger.info(
                "request", method=request.method, path=request.path, status=response.status_code,
                ms=round(seconds * 1000, 1), user_id=id_of(request),
            )  # fmt: skip
        response["X-Request-ID"] = request_id
        return response


# -- Prometheus ----------------------------------------------------------------------------------


class _Rows(Collector):
    """Figures that are read from the database when they are asked for."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        from backtest_api.models import BacktestRun
        from backtest_api.queue import workers_seen

        counts = dict(BacktestRun.objects.values_list("status").annotate(Count("id")).order_by())
        jobs = GaugeMetricFamily("algoagent_backtests", "Backtests by state", labels=["status"])
        for status in BacktestRun.Status.values:
            jobs.add_metric([status], counts.get(status, 0))
        yield jobs
        yield GaugeMetricFamily("algoagent_workers", "Workers seen alive", value=len(workers_seen()))


def metrics(request: HttpRequest) -> HttpResponse:
    """Return the figures of all processes of this machine. With METRICS_TOKEN as bearer; without one from this machine only."""
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    local = request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1") and "X-Forwarded-For" not in request.headers
    if not (hmac.compare_digest(given.encode(), token.encode()) if token else local):
        return HttpResponse("Give METRICS_TOKEN as bearer token\n", status=403, content_type="text/plain")
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=os.environ["PROMETHEUS_MULTIPROC_DIR"])
    registry.register(_Rows())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def forget_dead_processes() -> None:
    """Delete the figures of processes that are gone, which would add up over restarts."""
    for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            path.unlink(missing_ok=True)
