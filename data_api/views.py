"""Prices and indicators over REST."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from auth_api.request_user import user_of
from auth_api.requests import APIView, ListAPIView
from Backtest.market import TIMEFRAMES
from data_api import selectors, serializers, services
from data_api.models import DataSet


class FetchView(APIView):
    @extend_schema(request=serializers.FetchSerializer, responses={200: serializers.DataSetDetailSerializer})
    def post(self, request: Request) -> Response:
        """Fetch prices, with indicator columns where wanted; they are kept as a data set."""
        body = serializers.FetchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        found = services.dataset_fetch(user=user_of(request), **body.validated_data)
        return Response(serializers.DataSetDetailSerializer(found).data)


class IndicatorsView(APIView):
    @extend_schema(responses={200: serializers.IndicatorSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """The catalogue of indicators."""
        return Response(selectors.indicator_catalogue())


SOURCES = ("bundled", "uploaded", "yahoo")


class DataSetFilter(FilterSet):  # type: ignore[misc] # django-filter carries no types
    timeframe = ChoiceFilter(choices=[(name, name) for name in TIMEFRAMES])
    symbol = CharFilter(lookup_expr="iexact")
    source = ChoiceFilter(choices=[(name, name) for name in SOURCES])

    class Meta:
        model = DataSet
        fields = ("symbol", "timeframe", "source")


class DataSetListView(ListAPIView[DataSet]):
    """The user's data sets, newest first."""

    queryset = DataSet.objects.none()
    serializer_class = serializers.DataSetSerializer
    filterset_class = DataSetFilter
    ordering_fields = ("id", "symbol", "rows", "created_at")

    def get_queryset(self) -> QuerySet[DataSet]:
        return selectors.datasets_of(user=user_of(self.request))


class DataSetView(APIView):
    @extend_schema(responses={200: serializers.DataSetDetailSerializer})
    def get(self, request: Request, dataset_id: int) -> Response:
        found = selectors.dataset_get(user=user_of(request), dataset_id=dataset_id)
        return Response(serializers.DataSetDetailSerializer(found).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, dataset_id: int) -> Response:
        services.dataset_delete(dataset=selectors.dataset_get(user=user_of(request), dataset_id=dataset_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PreviewView(APIView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        request={"multipart/form-data": serializers.PreviewRequestSerializer},
        responses={200: serializers.PreviewSerializer},
    )
    def post(self, request: Request) -> Response:
        """Show what is understood of a file of prices, and what has to be asked; nothing is stored."""
        body = serializers.PreviewRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        name, content, choices = body.parts()
        understood = services.dataset_preview_file(name=name, content=content, choices=choices)
        return Response(serializers.PreviewSerializer(understood).data)


class UploadView(APIView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        request={"multipart/form-data": serializers.PreviewRequestSerializer},
        responses={201: serializers.UploadedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Upload prices as vendors export them; backtests of the symbol use them first.

        A file that can be read in more than one way is refused (422): `clarifying_questions` has the
        questions, and each of `details` the field of the request that answers one, with its choices.
        """
        body = serializers.PreviewRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        name, content, choices = body.parts()
        found, *others = services.dataset_upload(user=user_of(request), name=name, content=content, choices=choices)
        found.others = others  # type: ignore[attr-defined]
        return Response(serializers.UploadedSerializer(found).data, status=status.HTTP_201_CREATED)
