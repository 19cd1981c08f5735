"""The wire shape of data sets and indicators."""

from __future__ import annotations

from typing import Any, ClassVar, get_args
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from auth_api.requests import RequestSerializer
from Backtest.data.importing import FileQuestion, ImportChoices, UnderstoodFile
from Backtest.errors import TooLarge
from Backtest.market import Timeframe
from data_api.models import DataSet
from data_api.selectors import dataset_preview


def known_timezone(name: str) -> None:
    """Refuse the name of a time zone that does not exist."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise serializers.ValidationError(
            f"There is no time zone {name!r}: use a name such as America/New_York or UTC"
        ) from None


TIMEZONE: dict[str, Any] = {
    "validators": [known_timezone],
    "required": False,
    "max_length": 64,
    "help_text": "That of intraday prices which do not say it, such as America/New_York",
}
SYMBOL = r"^[A-Za-z0-9^][A-Za-z0-9.^=_/!-]{0,19}$"
PERIOD = r"^(max|ytd|[1-9][0-9]{0,3}(d|wk|mo|y))$"


class IndicatorField(serializers.JSONField):
    """An indicator's name, or an object with it and its parameters."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, dict | str):
            raise serializers.ValidationError('Write an indicator as "RSI" or as {"name": "RSI", "timeperiod": 14}')
        return value


@extend_schema_field(
    {
        "type": "array",
        "maxItems": 32,
        "items": {
            "oneOf": [
                {"type": "string", "description": "An indicator's name; it has its usual setting"},
                {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            ]
        },
    }
)
class IndicatorListField(serializers.ListField):
    child = IndicatorField()
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
class FetchSerializer(RequestSerializer):
    symbol = serializers.RegexField(SYMBOL)
    start_date = serializers.DateField(required=False)
    end_date = serializers.DateField(required=False, help_text="Inclusive")
    interval = serializers.ChoiceField(choices=get_args(Timeframe), required=False)
    period = serializers.RegexField(
        PERIOD,
        required=False,
        help_text="Such as 60d, 3mo, 2y, ytd or max",
        error_messages={"invalid": "Write a period such as 60d, 12wk, 3mo, 2y, ytd or max"},
    )
    indicators = IndicatorListField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("start_date"), attrs.get("end_date")
        if start and end and start > end:
            raise serializers.ValidationError({"start_date": f"{start} is after end_date {end}: swap them"})
        return attrs


class PreviewRequestSerializer(RequestSerializer):
    """A file and what its user says about it; whatever is left out is found by the file itself."""

    file = serializers.FileField(
        help_text="Prices as a vendor exports them: CSV or other separated text, Excel, JSON, Parquet, or a zip of one such file"
    )
    symbol = serializers.RegexField(
        SYMBOL, required=False, help_text="The name the prices get; without it the file's own, or that of the file name"
    )
    timeframe = serializers.ChoiceField(
        choices=get_args(Timeframe),
        required=False,
        help_text="Without it that of the bars; asked about where they contradict",
    )
    date_order = serializers.ChoiceField(
        choices=["dmy", "mdy", "ymd"], required=False, help_text="Day first, month first or year first"
    )
    epoch_unit = serializers.ChoiceField(
        choices=["s", "ms", "us", "ns", "excel"],
        required=False,
        help_text="Of numeric times; excel counts days since 1899-12-30",
    )
    decimal = serializers.ChoiceField(choices=[".", ","], required=False, help_text="The decimal mark")
    timezone = serializers.CharField(
        required=False, max_length=60, help_text="Of intraday times without an offset, such as America/New_York or UTC"
    )
    symbol_in_file = serializers.CharField(
        required=False, max_length=60, help_text="Which symbol of a file with several; * stores each"
    )
    sheet = serializers.CharField(required=False, max_length=60, help_text="Which sheet of a workbook")
    columns = serializers.CharField(
        required=False, max_length=400,
        help_text="The columns in their order where names are missing or unknown: time,open,high,low,close,volume; - skips one",
    )  # fmt: skip
    adjustment = serializers.ChoiceField(
        choices=["adjusted", "none"],
        required=False,
        help_text="Use the file's adjusted close (the default), or prices as traded",
    )
    nonpositive = serializers.ChoiceField(
        choices=["drop"],
        required=False,
        help_text="Leave out bars with a price at or below zero; without it the file is refused",
    )
    duplicates = serializers.ChoiceField(
        choices=["first", "last", "refuse"],
        required=False,
        help_text="Which of several bars of one time with different prices counts, or refuse such a file",
    )

    def validate_file(self, file: UploadedFile[Any]) -> UploadedFile[Any]:
        size = (file.size or 0) / 2**20
        if size > settings.MAX_UPLOAD_MB:
            raise TooLarge(f"The file has {size:.1f} MiB, at most {settings.MAX_UPLOAD_MB} are taken: split it")
        return file

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the file's name, its bytes and the choices."""
        if "symbol" in attrs:
            attrs["symbol"] = attrs["symbol"].upper()
        file = attrs.pop("file")
        return {"name": file.name, "content": file.read(), "choices": ImportChoices(**attrs)}


class QuestionSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="The field of the request which answers it")
    text = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField(), help_text="Its answers; empty where any zone is one")
    blocking = serializers.BooleanField(help_text="Whether an upload is refused until it is answered")

    def to_representation(self, instance: FileQuestion) -> dict[str, Any]:
        return instance.as_dict()


class PreviewSerializer(serializers.Serializer[Any]):
    """What was understood of a file; nothing of it is stored."""

    filename = serializers.CharField()
    kind = serializers.ChoiceField(choices=["csv", "excel", "json", "parquet"])
    vendor = serializers.CharField(help_text="Whose export it is; empty if nobody's in particular")
    encoding = serializers.CharField()
    separator = serializers.CharField()
    decimal = serializers.CharField()
    header_rows = serializers.IntegerField()
    columns = serializers.DictField(
        child=serializers.CharField(), help_text="The parts of a bar and the names the file gives them"
    )
    ignored_columns = serializers.ListField(child=serializers.CharField())
    symbols = serializers.ListField(child=serializers.CharField(), help_text="The symbols as the file writes them")
    symbol = serializers.CharField(help_text="The name the prices would get")
    timeframe = serializers.ChoiceField(choices=get_args(Timeframe))
    timezone = serializers.CharField(
        help_text="Of intraday times; empty for days, which bear a date, and where it is unknown"
    )
    date_order = serializers.CharField(help_text="dmy, mdy, ymd, or empty where times are numbers")
    epoch_unit = serializers.CharField(help_text="s, ms, us, ns, excel, or empty where times are written")
    adjustment = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Rows read, left out, widened, repeated")
    rows = serializers.IntegerField(help_text="The bars that would be stored; 0 while a question is open")
    first_rows = serializers.ListField(child=serializers.DictField())
    last_rows = serializers.ListField(child=serializers.DictField())
    notes = serializers.ListField(child=serializers.CharField(), help_text="How the file was read")
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="What was left out or mended, and what looks wrong"
    )
    questions = QuestionSerializer(many=True)
    quality = serializers.DictField(help_text="Counts of doubtful rows, each with up to five examples")

    def to_representation(self, instance: UnderstoodFile) -> dict[str, Any]:
        known = instance.prices
        others = ("rows", "quality", "questions")
        shown = {str(name): getattr(instance, str(name)) for name in self.fields if str(name) not in others}
        return {
            **shown,
            "rows": len(known.frame) if known else 0,
            "questions": [question.as_dict() for question in instance.questions],
            "quality": known.quality if known else {},
        }


class DataSetSerializer(serializers.ModelSerializer[DataSet]):
    columns = serializers.ListField(child=serializers.CharField())
    quality = serializers.DictField(help_text="Counts of doubtful rows, each with up to five examples")
    notes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = DataSet
        fields: ClassVar = [
            "id", "symbol", "timeframe", "source", "adjustment", "timezone", "rows", "columns", "start", "end", "sha256", "quality",
            "notes", "created_at",
        ]  # fmt: skip
        read_only_fields: ClassVar = fields


class DataSetDetailSerializer(DataSetSerializer):
    preview = serializers.SerializerMethodField(help_text="The last rows")

    class Meta(DataSetSerializer.Meta):
        fields: ClassVar = [*DataSetSerializer.Meta.fields, "preview"]

    def get_preview(self, dataset: DataSet) -> list[dict[str, Any]]:
        return dataset_preview(dataset)


class UploadedSerializer(DataSetDetailSerializer):
    others = DataSetSerializer(
        many=True, help_text="The data sets of the file's other symbols, where each was to be stored"
    )

    class Meta(DataSetDetailSerializer.Meta):
        fields: ClassVar = [*DataSetDetailSerializer.Meta.fields, "others"]


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
