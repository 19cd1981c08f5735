"""Backtests over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.forms import IntegerField
from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet, NumberFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api.pagination import RowPagination
from auth_api.request_user import user_of
from auth_api.requests import APIView, GenericAPIView, JSONErrors, ListAPIView, RequestSerializer
from Backtest.errors import InvalidInput
from Backtest.machine import Bound
from Backtest.market import TIMEFRAMES
from backtest_api import queue, searches, selectors, serializers, services
from backtest_api.models import BacktestJob, BacktestRun
from backtest_api.tasks import ring


class WholeNumberFilter(NumberFilter):  # type: ignore[misc] # django-filter carries no types
    field_class = IntegerField  # NumberFilter's own is of decimals, and 1.5 would find strategy 1


class BacktestFilter(FilterSet):  # type: ignore[misc] # django-filter carries no types
    # Of whose strategy it is, nothing is said.
    strategy = WholeNumberFilter(field_name="strategy_id", min_value=0, max_value=2**63 - 1)
    timeframe = ChoiceFilter(choices=[(name, name) for name in TIMEFRAMES])
    symbol = CharFilter(lookup_expr="iexact")

    class Meta:
        model = BacktestRun
        fields = ("status", "symbol", "strategy", "timeframe")


class BacktestListView(ListAPIView[BacktestRun]):
    queryset = BacktestRun.objects.none()
    serializer_class = serializers.RunSerializer
    filterset_class = BacktestFilter
    ordering_fields = ("id", "created_at", "total_return_pct", "sharpe_ratio", "max_drawdown", "total_trades")

    def get_queryset(self) -> QuerySet[BacktestRun]:
        return selectors.runs_of(user=user_of(self.request)).select_related("strategy")

    @extend_schema(request=serializers.RunCreateSerializer, responses={202: serializers.RunSerializer})
    def post(self, request: Request) -> Response:
        """Queue a backtest of a stored strategy."""
        body = serializers.RunCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        run = services.run_from_strategy(user=user_of(request), **body.validated_data)
        ring()
        return Response(serializers.RunSerializer(run).data, status=status.HTTP_202_ACCEPTED)


class CancelView(APIView):
    @extend_schema(request=None, responses={200: serializers.RunSerializer})
    def post(self, request: Request, run_id: int) -> Response:
        """Cancel a backtest: at once while it waits, within two seconds while it runs."""
        RequestSerializer(data=request.data).is_valid(raise_exception=True)
        run = queue.cancel(selectors.run_get(user=user_of(request), run_id=run_id))
        return Response(serializers.RunSerializer(run).data)


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
    @extend_schema(
        parameters=[
            OpenApiParameter("Last-Event-ID", int, OpenApiParameter.HEADER, description="Send only what came after it")
        ],
        responses={(200, "text/event-stream"): serializers.EventSerializer},
    )
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        """What happens to a backtest, as server-sent events: status, progress, log. Ends with the run."""
        run = selectors.run_get(user=user_of(request), run_id=run_id)
        last = request.headers.get("Last-Event-ID", "0")
        if not last.isdigit() or len(last) > 18:
            raise InvalidInput(f"Last-Event-ID is {last[:20]!r}: send the id of the last event, a number")
        answer = self.streamed(selectors.event_stream(run=run, after=int(last)))
        if not connection.in_atomic_block:
            connection.close()  # it would be kept for as long as the stream is open
        return answer


MEDIA_TYPES = {
    ".csv": "text/csv", ".html": "text/html", ".txt": "text/plain", ".py": "text/x-python", ".json": "application/json",
    ".png": "image/png", ".parquet": "application/vnd.apache.parquet",
}  # fmt: skip


class ArtifactView(APIView):
    @extend_schema(
        responses={
            (200, kind): OpenApiTypes.OBJECT if kind.endswith("json") else OpenApiTypes.BINARY
            for kind in MEDIA_TYPES.values()
        }
    )
    def get(self, request: Request, run_id: int, name: str) -> HttpResponseBase:
        """A file of a completed run, by the name its artifacts give."""
        run = selectors.completed_run(user=user_of(request), run_id=run_id)
        path = selectors.artifact(run=run, name=name)
        kind = MEDIA_TYPES[path.suffix]
        response = FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type=kind)
        response["Content-Security-Policy"] = services.REPORT_POLICY
        return response


class JobsView(APIView):
    @extend_schema(request=serializers.JobRequestSerializer, responses={202: serializers.JobSerializer})
    def post(self, request: Request) -> Response:
        """Queue a backtest of one strategy on several symbols: a name, a number or a text in, an envelope out."""
        body = serializers.JobRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = dict(body.validated_data)
        dates = {"start_date": given.pop("from", None), "end_date": given.pop("to", None)}
        job = services.job_create(user=user_of(request), **given, **dates)
        ring()
        return Response(serializers.JobSerializer(job).data, status=status.HTTP_202_ACCEPTED)


class JobView(APIView):
    @extend_schema(responses={200: serializers.JobSerializer})
    def get(self, request: Request, job_id: int) -> Response:
        """The envelope of a job: how far it is, and when it is done the figures and files of each symbol."""
        job: BacktestJob = selectors.job_get(user=user_of(request), job_id=job_id)
        return Response(serializers.JobSerializer(job).data)


class SearchesView(APIView):
    @extend_schema(request=serializers.SearchCreateSerializer, responses={202: serializers.SearchSerializer})
    def post(self, request: Request) -> Response:
        """Search for the best numbers of a stored strategy, and say whether what was found is skill or luck."""
        body = serializers.SearchCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        run = searches.search_from_request(user=user_of(request), **body.validated_data)
        ring()
        return Response(serializers.SearchSerializer(run).data, status=status.HTTP_202_ACCEPTED)


class SearchView(APIView):
    @extend_schema(responses={200: serializers.SearchSerializer})
    def get(self, request: Request, run_id: int) -> Response:
        """How far a search is, and when it is done what it found. Events and cancelling are those of backtests."""
        run = searches.search_get(user=user_of(request), run_id=run_id)
        return Response(serializers.SearchSerializer(run).data)


class QuickRunView(APIView):
    @extend_schema(request=serializers.QuickRunSerializer, responses={200: serializers.QuickRunResultSerializer})
    def post(self, request: Request) -> Response:
        """Backtest a stored strategy, a canonical or a sentence, and answer when it is done."""
        body = serializers.QuickRunSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        run, description = services.quick_run(user=user_of(request), **body.validated_data)
        return Response({**serializers.RunSerializer(run).data, "description": description})


class BacktestView(APIView):
    @extend_schema(responses={200: serializers.RunSerializer})
    def get(self, request: Request, run_id: int) -> Response:
        run = selectors.run_get(user=user_of(request), run_id=run_id)
        return Response(serializers.RunSerializer(run).data)


FORMAT = OpenApiParameter("format", str, enum=["json", "csv"], description="csv gives the file")


class _RowsView(GenericAPIView[BacktestRun]):
    filter_backends = ()
    pagination_class = RowPagination
    artifact = ""

    def rows(self, request: Request, run_id: int) -> HttpResponseBase:
        run = selectors.completed_run(user=user_of(request), run_id=run_id)
        wanted = request.query_params.get("format", "json")
        if wanted == "csv":
            if paged := {"page", "page_size"} & set(request.query_params):
                raise InvalidInput(
                    f"format=csv is the whole file, which has no pages: leave {' and '.join(sorted(paged))} out"
                )
            path = selectors.artifact(run=run, name=self.artifact)
            return FileResponse(
                path.open("rb"), as_attachment=True, filename=f"{run.pk}_{path.name}", content_type="text/csv"
            )
        if wanted != "json":
            raise InvalidInput(f"Unknown format {wanted[:20]!r}: use json or csv")
        page = self.paginate_queryset(selectors.Rows(run=run, name=self.artifact))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class TradesView(_RowsView):
    serializer_class = serializers.TradeRowSerializer
    artifact = "trades.csv"

    @extend_schema(
        parameters=[FORMAT],
        responses={
            (200, "application/json"): serializers.TradeRowSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        """The trades, in order of entry."""
        return self.rows(request, run_id)


class EquityView(_RowsView):
    serializer_class = serializers.EquityRowSerializer
    artifact = "equity_curve.csv"

    @extend_schema(
        parameters=[FORMAT],
        responses={
            (200, "application/json"): serializers.EquityRowSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        """Equity and drawdown (a fraction) at each bar."""
        return self.rows(request, run_id)


class ReportView(APIView):
    @extend_schema(responses={(200, "text/html"): OpenApiTypes.STR})
    def get(self, request: Request, run_id: int) -> HttpResponse:
        """Strategy, settings, data, warnings, figures with ranges, months, drawdowns, chart and trades as one HTML page.

        It needs no network, and is made when first asked for.
        """
        run = selectors.completed_run(user=user_of(request), run_id=run_id)
        path = services.report_ensure(run=run)
        response = HttpResponse(path.read_bytes(), content_type="text/html; charset=utf-8")
        response["Content-Security-Policy"] = services.REPORT_POLICY
        return response


class CodeView(APIView):
    @extend_schema(responses={(200, "text/x-python"): OpenApiTypes.STR})
    def get(self, request: Request, run_id: int) -> HttpResponse:
        """The Python code that was run."""
        run = selectors.completed_run(user=user_of(request), run_id=run_id)
        path = selectors.artifact(run=run, name="strategy.py")
        return HttpResponse(path.read_bytes(), content_type="text/x-python; charset=utf-8")


class ExplainView(APIView):
    @extend_schema(
        parameters=[
            OpenApiParameter(
                "at",
                str,
                required=True,
                description="A time within the data, or a date for all of its bars",
                examples=[],
            )
        ],
        responses={200: serializers.ExplanationSerializer},
    )
    def get(self, request: Request, run_id: int) -> Response:
        """Why there was a trade at a bar or on a day, or why there was none."""
        run = selectors.completed_run(user=user_of(request), run_id=run_id)
        at = services.parse_time(request.query_params.get("at", ""))
        return Response(services.run_explain(run=run, at=at))
