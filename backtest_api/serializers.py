"""The wire shape of runs, trades and equity."""

from __future__ import annotations

from typing import Any, ClassVar, get_args

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from Backtest.timeframes import Timeframe
from backtest_api.models import BacktestRun
from backtest_api.services import artifact_folder
from data_api.serializers import SYMBOL
from strategy_api.serializers import AssumptionSerializer, CanonicalField, TextField


class RunOptionsSerializer(serializers.Serializer[Any]):
    symbol = serializers.RegexField(SYMBOL, required=False, help_text="The strategy's first symbol by default")
    start_date = serializers.DateField(required=False)
    end_date = serializers.DateField(required=False, help_text="Inclusive")
    timeframe = serializers.ChoiceField(choices=get_args(Timeframe), required=False)
    cash = serializers.FloatField(required=False, min_value=0.01, max_value=1e12)
    commission = serializers.FloatField(
        required=False, min_value=0, max_value=0.0999, help_text="A fraction: 0.001 is 0.1%"
    )
    spread = serializers.FloatField(required=False, min_value=0, max_value=0.0999, help_text="A fraction")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("start_date"), attrs.get("end_date")
        if start and end and start > end:
            raise serializers.ValidationError({"start_date": f"{start} is after end_date {end}: swap them"})
        return attrs


@extend_schema_serializer(
    examples=[
        OpenApiExample("run", value={"strategy_id": 1, "symbol": "GOOG", "start_date": "2005-01-01"}, request_only=True)
    ]
)
class RunCreateSerializer(RunOptionsSerializer):
    strategy_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "words",
            value={"user_description": "Buy when RSI < 30, sell when RSI > 70, stop 5%", "symbol": "GOOG"},
            request_only=True,
        )
    ]
)
class QuickRunSerializer(RunOptionsSerializer):
    strategy_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    canonical_json = CanonicalField(required=False)
    user_description = TextField(required=False, allow_blank=True, trim_whitespace=False, max_length=10_000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        given = [k for k in ("strategy_id", "canonical_json", "user_description") if attrs.get(k)]
        if len(given) != 1:
            said = f"{' and '.join(given)} were given" if given else "none was given"
            raise serializers.ValidationError(f"Give one of strategy_id, canonical_json and user_description; {said}")
        return attrs


class RunSerializer(serializers.ModelSerializer[BacktestRun]):
    strategy_id = serializers.IntegerField(allow_null=True)
    metrics = serializers.DictField(help_text="All of backtesting.py's figures by their own names")
    warnings = serializers.ListField(child=serializers.CharField())
    artifacts = serializers.SerializerMethodField()
    trades_csv = serializers.SerializerMethodField()
    equity_csv = serializers.SerializerMethodField()
    report_html = serializers.SerializerMethodField()

    class Meta:
        model = BacktestRun
        fields: ClassVar = [
            "id", "strategy_id", "strategy_version", "status", "progress", "symbol", "timeframe", "start_date", "end_date",
            "data_source", "data_sha256", "code_sha256", "total_pnl", "total_return_pct", "win_rate", "max_drawdown",
            "sharpe_ratio", "sortino_ratio", "calmar_ratio", "cagr", "profit_factor", "total_trades", "buy_and_hold_return_pct",
            "metrics", "summary", "artifacts", "trades_csv", "equity_csv", "report_html", "error", "warnings", "duration_ms",
            "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields: ClassVar = fields

    def _url(self, run: BacktestRun, name: str, query: str = "") -> str | None:
        if run.status != BacktestRun.Status.COMPLETED:
            return None
        return reverse(name, args=[run.pk]) + query

    def get_trades_csv(self, run: BacktestRun) -> str | None:
        return self._url(run, "backtest-trades", "?format=csv")

    def get_equity_csv(self, run: BacktestRun) -> str | None:
        return self._url(run, "backtest-equity", "?format=csv")

    def get_report_html(self, run: BacktestRun) -> str | None:
        return self._url(run, "backtest-report")

    @extend_schema_field(
        {
            "type": "array",
            "items": {"type": "object", "properties": {"type": {"type": "string"}, "name": {"type": "string"}}},
        }
    )
    def get_artifacts(self, run: BacktestRun) -> list[dict[str, str]]:
        folder = artifact_folder(run)
        kinds = {".csv": "csv", ".html": "html", ".json": "manifest", ".py": "code", ".parquet": "data", ".png": "plot"}
        if not folder.is_dir():
            return []
        return [{"type": kinds.get(p.suffix, "file"), "name": p.name} for p in sorted(folder.iterdir()) if p.is_file()]


class DatedAssumptionSerializer(AssumptionSerializer):
    first_difference = serializers.CharField(
        allow_blank=True, help_text="When the reading not taken would first have traded differently"
    )


class QuickRunResultSerializer(RunSerializer):
    """A run with how its text was understood."""

    description = serializers.CharField(help_text="The strategy in plain English")
    assumptions = DatedAssumptionSerializer(many=True)

    class Meta(RunSerializer.Meta):
        fields: ClassVar = [*RunSerializer.Meta.fields, "description", "assumptions"]


class TradeRowSerializer(serializers.Serializer[Any]):
    side = serializers.ChoiceField(choices=["long", "short"])
    size = serializers.FloatField()
    entry_bar = serializers.IntegerField()
    exit_bar = serializers.IntegerField()
    entry_time = serializers.CharField()
    exit_time = serializers.CharField()
    entry_price = serializers.FloatField()
    exit_price = serializers.FloatField()
    stop_loss = serializers.FloatField(allow_null=True)
    take_profit = serializers.FloatField(allow_null=True)
    pnl = serializers.FloatField()
    return_pct = serializers.FloatField()
    commission = serializers.FloatField()
    exit_reason = serializers.CharField()


class EquityRowSerializer(serializers.Serializer[Any]):
    time = serializers.CharField()
    Equity = serializers.FloatField()
    DrawdownPct = serializers.FloatField(allow_null=True)


class CodeFileSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()


class ClauseSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    kind = serializers.ChoiceField(choices=["entry", "exit"])
    side = serializers.ChoiceField(choices=["long", "short"])
    text = serializers.CharField()
    type = serializers.CharField()
    truth = serializers.BooleanField(allow_null=True)
    values = serializers.DictField()
    clauses = serializers.ListField(child=serializers.DictField(), required=False)


class ExplanationSerializer(serializers.Serializer[Any]):
    bar = serializers.IntegerField()
    time = serializers.CharField()
    prices = serializers.DictField(child=serializers.FloatField())
    warming_up = serializers.BooleanField()
    first_decision_bar = serializers.IntegerField()
    position = serializers.DictField(allow_null=True)
    rules = ClauseSerializer(many=True)
    decision = serializers.DictField()
    orders = serializers.ListField(child=serializers.DictField())
    answer = serializers.CharField()
