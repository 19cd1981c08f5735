"""Backtests over REST, where the answer is a stream, a file or a table that may be one. The rest is in `backtest_api.urls`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from actions import Action
from auth_api.pagination import RowPagination
from auth_api.request_user import user_of
from auth_api.requests import APIView, GenericAPIView, JSONErrors
from auth_api.routes import answers
from Backtest.errors import InvalidInput
from Backtest.machine import Bound
from backtest_api import actions, serializers, services
from backtest_api.models import BacktestRun


class EventStream(BaseRenderer):
    """Lets a request ask for server-sent events; the view writes them itself."""

    media_type = "text/event-stream"
    format = "events"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Return what is not a stream, such as the answer to OPTIONS, as one event."""
        return b"data: " + JSONRenderer().render(data) + b"\n\n"


STREAMS = Bound(64, "streams of events or conversations")


@dataclass(frozen=True)
class _Counted:
    """Events of an answer that counts as open until Django closes it, whether anything was read of it or not."""

    events: AsyncIterator[bytes]
    close: Callable[[], None]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.events


class StreamingView(JSONErrors, APIView):
    """A view that answers with server-sent events."""

    renderer_classes: tuple[type[BaseRenderer], ...] = (JSONRenderer, EventStream)

    @staticmethod
    def streamed(events: AsyncIterator[bytes]) -> StreamingHttpResponse:
        """Answer with events as they come. TooBusy where the user has too many such answers open."""
        response = StreamingHttpResponse(_Counted(events, STREAMS.take()))
        response["Content-Type"] = "text/event-stream"
        response["Cache-Control"] = "no-store"
        response["X-Accel-Buffering"] = "no"
        return response


class EventsView(StreamingView):
    @answers(
        actions.events,
        parameters=[
            OpenApiParameter("Last-Event-ID", int, OpenApiParameter.HEADER, description="Send only what came after it")
        ],
        responses={(200, "text/event-stream"): serializers.EventSerializer},
    )
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        last = request.headers.get("Last-Event-ID", "0")
        if not last.isdigit() or len(last) > 18:
            raise InvalidInput(f"Last-Event-ID is {last[:20]!r}: send the id of the last event, a number")
        answer = self.streamed(actions.events(user=user_of(request), run_id=run_id, after=int(last)))
        if not connection.in_atomic_block:
            connection.close()  # it would be kept for as long as the stream is open
        return answer


MEDIA_TYPES = {
    ".csv": "text/csv", ".html": "text/html", ".txt": "text/plain", ".py": "text/x-python", ".json": "application/json",
    ".png": "image/png", ".parquet": "application/vnd.apache.parquet",
}  # fmt: skip


class ArtifactView(APIView):
    @answers(
        actions.artifact,
        responses={
            (200, kind): OpenApiTypes.OBJECT if kind.endswith("json") else OpenApiTypes.BINARY
            for kind in MEDIA_TYPES.values()
        },
    )
    def get(self, request: Request, run_id: int, name: str) -> HttpResponseBase:
        path: Path = actions.artifact(user=user_of(request), run_id=run_id, name=name)
        kind = MEDIA_TYPES[path.suffix]
        response = FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type=kind)
        response["Content-Security-Policy"] = services.REPORT_POLICY
        return response


def _table(rows: Action) -> dict[str, Any]:
    """Return how the answer with rows of a file is described: as JSON, page by page, or the file itself."""
    wanted = OpenApiParameter("format", str, enum=["json", "csv"], description="csv gives the file")
    assert rows.gives is not None
    shapes = {(200, "application/json"): rows.gives(many=True), (200, "text/csv"): OpenApiTypes.BINARY}
    return {"parameters": [wanted], "responses": shapes}


class _RowsView(GenericAPIView[BacktestRun]):
    filter_backends = ()
    pagination_class = RowPagination

    def rows(self, request: Request, found: Action, run_id: int) -> HttpResponseBase:
        rows = found(user=user_of(request), run_id=run_id)
        wanted = request.query_params.get("format", "json")
        if wanted == "csv":
            if paged := {"page", "page_size"} & set(request.query_params):
                raise InvalidInput(
                    f"format=csv is the whole file, which has no pages: leave {' and '.join(sorted(paged))} out"
                )
            name = f"{run_id}_{rows.path.name}"
            return FileResponse(rows.path.open("rb"), as_attachment=True, filename=name, content_type="text/csv")
        if wanted != "json":
            raise InvalidInput(f"Unknown format {wanted[:20]!r}: use json or csv")
        return self.get_paginated_response(self.get_serializer(self.paginate_queryset(rows), many=True).data)


class TradesView(_RowsView):
    serializer_class = serializers.TradeRowSerializer

    @answers(actions.trades, **_table(actions.trades))
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        return self.rows(request, actions.trades, run_id)


class EquityView(_RowsView):
    serializer_class = serializers.EquityRowSerializer

    @answers(actions.equity, **_table(actions.equity))
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        return self.rows(request, actions.equity, run_id)


class ReportView(APIView):
    @answers(actions.report, responses={(200, "text/html"): OpenApiTypes.STR})
    def get(self, request: Request, run_id: int) -> HttpResponse:
        path: Path = actions.report(user=user_of(request), run_id=run_id)
        response = HttpResponse(path.read_bytes(), content_type="text/html; charset=utf-8")
        response["Content-Security-Policy"] = services.REPORT_POLICY
        return response


class CodeView(APIView):
    @answers(actions.code, responses={(200, "text/x-python"): OpenApiTypes.STR})
    def get(self, request: Request, run_id: int) -> HttpResponse:
        path: Path = actions.code(user=user_of(request), run_id=run_id)
        return HttpResponse(path.read_bytes(), content_type="text/x-python; charset=utf-8")


class ExplainView(APIView):
    @answers(
        actions.explain,
        parameters=[
            OpenApiParameter(
                "at",
                str,
                required=True,
                description="A time within the data, or a date for all of its bars",
                examples=[],
            )
        ],
    )
    def get(self, request: Request, run_id: int) -> Response:
        at = request.query_params.get("at", "")
        return Response(actions.explain.shown(actions.explain(user=user_of(request), run_id=run_id, at=at)))
