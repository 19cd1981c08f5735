"""What a user can do with prices."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet

from actions import Cost, Permission, Target, action, listing
from auth_api.models import User
from Backtest.data.importing import ImportChoices, UnderstoodFile
from Backtest.market import TIMEFRAMES
from data_api import selectors, serializers, services
from data_api.models import DataSet
from data_api.outcomes import KnownSymbols

READ, WRITE = Permission.READ, Permission.WRITE
LOOK, COMPUTE, NETWORK = Cost.LOOK, Cost.COMPUTE, Cost.NETWORK
ONE = Target("dataset", "dataset_id", selectors.dataset_get)
SOURCES = ("bundled", "uploaded", "yahoo")


class DataSetFilter(FilterSet):  # type: ignore[misc] # django-filter carries no types
    timeframe = ChoiceFilter(choices=[(name, name) for name in TIMEFRAMES])
    symbol = CharFilter(lookup_expr="iexact")
    source = ChoiceFilter(choices=[(name, name) for name in SOURCES])

    class Meta:
        model = DataSet
        fields = ("symbol", "timeframe", "source")


@action(
    "data.fetch",
    takes=serializers.FetchSerializer,
    gives=serializers.DataSetDetailSerializer,
    permission=WRITE,
    cost=NETWORK,
)
def dataset_fetch(*, user: User, **given: Any) -> DataSet:
    """Fetch prices, with indicator columns where wanted; they are kept as a data set."""
    return services.dataset_fetch(user=user, **given)


@action("data.indicators", gives=serializers.IndicatorSerializer, many=True, permission=READ, cost=LOOK)
def indicators(*, user: User) -> list[dict[str, Any]]:
    """The catalogue of indicators."""
    return selectors.indicator_catalogue()


@action("data.symbols", gives=KnownSymbols, permission=READ, cost=LOOK)
def symbols(*, user: User) -> KnownSymbols:
    """The symbols that can be tested without a network, and in which bars. Providers such as Yahoo have more."""
    return selectors.symbols_known(user=user)


@listing(
    "datasets.list", gives=serializers.DataSetSerializer, rows=DataSet, filters=DataSetFilter, orders=("id", "symbol", "rows", "created_at")
)  # fmt: skip
def datasets(*, user: User) -> QuerySet[DataSet]:
    """Your data sets, newest first."""
    return selectors.datasets_of(user=user)


@action("datasets.get", of=ONE, gives=serializers.DataSetDetailSerializer, permission=READ, cost=LOOK)
def dataset(*, user: User, dataset: DataSet) -> DataSet:
    """One of your data sets: what it is of, its quality, and its last rows."""
    return dataset


@action("datasets.delete", of=ONE, permission=WRITE, cost=LOOK, status=204)
def dataset_delete(*, user: User, dataset: DataSet) -> None:
    """Delete a data set and its prices."""
    services.dataset_delete(dataset=dataset)


@action(
    "datasets.preview",
    takes=serializers.PreviewRequestSerializer,
    gives=serializers.PreviewSerializer,
    permission=READ,
    cost=COMPUTE,
)
def dataset_preview(*, user: User, name: str, content: bytes, choices: ImportChoices) -> UnderstoodFile:
    """Show what is understood of a file of prices, and what has to be asked; nothing is stored."""
    return services.dataset_preview_file(name=name, content=content, choices=choices)


@action(
    "datasets.upload", takes=serializers.PreviewRequestSerializer, gives=serializers.UploadedSerializer, permission=WRITE, cost=COMPUTE,
    status=201,
)  # fmt: skip
def dataset_upload(*, user: User, name: str, content: bytes, choices: ImportChoices) -> DataSet:
    """Upload prices as vendors export them; backtests of the symbol use them first.

    A file that can be read in more than one way is refused (422): `clarifying_questions` has the
    questions, and each of `details` the field of the request that answers one, with its choices.
    """
    found, *others = services.dataset_upload(user=user, name=name, content=content, choices=choices)
    found.others = others  # type: ignore[attr-defined]
    return found
