"""The wire shape of data sets and indicators."""

from __future__ import annotations

from typing import Any, ClassVar, get_args

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from Backtest.errors import TooLarge
from Backtest.timeframes import Timeframe
from data_api.models import DataSet
from data_api.selectors import dataset_preview

SYMBOL = r"^[A-Za-z0-9^][A-Za-z0-9.^=_/-]{0,19}$"
PERIOD = r"^(max|ytd|[1-9][0-9]{0,3}(d|wk|mo|y))$"


@extend_schema_field(
    {
        "type": "array",
        "maxItems": 32,
        "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    }
)
class IndicatorListField(serializers.ListField):
    child = serializers.DictField()
    max_length = 32


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "two years of GOOG with an RSI",
            value={"symbol": "GOOG", "period": "2y", "indicators": [{"name": "RSI", "timeperiod": 14}]},
            request_only=True,
        )
    ]
)
class FetchSerializer(serializers.Serializer[Any]):
    symbol = serializers.RegexField(SYMBOL)
    start_date = serializers.DateField(required=False)
    end_date = serializers.DateField(required=False, help_text="Inclusive")
    interval = serializers.ChoiceField(choices=get_args(Timeframe), required=False)
    period = serializers.RegexField(PERIOD, required=False, help_text="Such as 60d, 3mo, 2y, ytd or max")
    indicators = IndicatorListField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("start_date"), attrs.get("end_date")
        if start and end and start > end:
            raise serializers.ValidationError({"start_date": f"{start} is after end_date {end}: swap them"})
        return attrs


class UploadSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="CSV or Parquet with a time column and Open, High, Low, Close, Volume")
    symbol = serializers.RegexField(SYMBOL)
    timeframe = serializers.ChoiceField(choices=get_args(Timeframe), required=False, help_text="Guessed without")

    def validate_file(self, file: UploadedFile[Any]) -> UploadedFile[Any]:
        size = (file.size or 0) / 2**20
        if size > settings.MAX_UPLOAD_MB:
            raise TooLarge(f"The file has {size:.1f} MiB, at most {settings.MAX_UPLOAD_MB} are taken: split it")
        return file


class DataSetSerializer(serializers.ModelSerializer[DataSet]):
    columns = serializers.ListField(child=serializers.CharField())
    quality = serializers.DictField(help_text="Counts of doubtful rows, each with up to five examples")
    notes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = DataSet
        fields: ClassVar = [
            "id", "symbol", "timeframe", "source", "adjustment", "rows", "columns", "start", "end", "sha256", "quality",
            "notes", "created_at",
        ]  # fmt: skip
        read_only_fields: ClassVar = fields


class DataSetDetailSerializer(DataSetSerializer):
    preview = serializers.SerializerMethodField(help_text="The last rows")

    class Meta(DataSetSerializer.Meta):
        fields: ClassVar = [*DataSetSerializer.Meta.fields, "preview"]

    def get_preview(self, dataset: DataSet) -> list[dict[str, Any]]:
        return dataset_preview(dataset)


class ParameterSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    type = serializers.ChoiceField(choices=["int", "float"])
    default = serializers.FloatField()
    min = serializers.FloatField()
    max = serializers.FloatField()


class OutputSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    column = serializers.CharField(help_text="The prefix of its column; the parameters follow it")


class IndicatorSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    parameters = ParameterSerializer(many=True)
    inputs = serializers.ListField(child=serializers.CharField())
    outputs = OutputSerializer(many=True)
    scale = serializers.CharField()
    bounds = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    oversold = serializers.FloatField(allow_null=True)
    overbought = serializers.FloatField(allow_null=True)
