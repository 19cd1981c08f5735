"""The wire shape of checks, sandbox tests and deployments."""

from __future__ import annotations

from typing import Any, ClassVar, get_args

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from auth_api.requests import RequestSerializer
from Backtest.canonical import CanonicalStrategy
from Backtest.market import Timeframe
from data_api.serializers import SYMBOL, TIMEZONE
from strategy_api.models import Deployment, StateChange, Strategy
from strategy_api.serializers import CanonicalField, FindingSerializer, TextField

CODE: dict[str, Any] = {"max_length": 200_000, "trim_whitespace": False, "help_text": "Python with one Strategy class"}


class SchemaCheckRequest(RequestSerializer):
    canonical_json = CanonicalField()
    other_shape: ClassVar = {
        "type": "object",
        "additionalProperties": True,
        "description": "The canonical strategy itself",
        "required": ["entry_rules"],
    }

    def run_validation(self, data: Any = empty) -> Any:
        bare = (
            isinstance(data, dict)
            and "canonical_json" not in data
            and any(n in CanonicalStrategy.model_fields for n in data)
        )
        return super().run_validation({"canonical_json": data} if bare else data)


class SchemaCheckSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    errors = FindingSerializer(many=True)  # type: ignore[assignment]
    warnings = FindingSerializer(many=True)
    normalized = serializers.DictField(allow_null=True)
    hash = serializers.CharField(allow_null=True, help_text="sha256 of the normal form")
    description = serializers.CharField(allow_blank=True)


class CodeCheckRequest(RequestSerializer):
    code = TextField(**CODE, allow_blank=True)


class CodeIssueSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="From 1")
    column = serializers.IntegerField(help_text="From 0")
    pattern = serializers.CharField()
    severity = serializers.ChoiceField(choices=["error", "warning"])
    message = serializers.CharField()
    suggestion = serializers.CharField()


class CodeCheckSerializer(serializers.Serializer[Any]):
    safe = serializers.BooleanField()
    issues = CodeIssueSerializer(many=True)


class LimitsSerializer(RequestSerializer):
    timeout_s = serializers.FloatField(required=False, min_value=0.1, max_value=86_400)
    memory_mb = serializers.IntegerField(required=False, min_value=256, max_value=1_048_576)


class CodeOptionsSerializer(RequestSerializer):
    symbol = serializers.RegexField(SYMBOL)
    start_date = serializers.DateField(required=False)
    end_date = serializers.DateField(required=False, help_text="Inclusive")
    timeframe = serializers.ChoiceField(choices=get_args(Timeframe), required=False)
    timezone = TextField(**TIMEZONE)
    cash = serializers.FloatField(required=False, min_value=0.01, max_value=1e12)
    commission = serializers.FloatField(required=False, min_value=0, max_value=0.0999, help_text="A fraction")
    spread = serializers.FloatField(required=False, min_value=0, max_value=0.0999, help_text="A fraction")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("start_date"), attrs.get("end_date")
        if start and end and start > end:
            raise serializers.ValidationError({"start_date": f"{start} is after end_date {end}: swap them"})
        return attrs


class SandboxTestRequest(CodeOptionsSerializer):
    code = TextField(**CODE)
    limits = LimitsSerializer(required=False, help_text="At most what the server allows")


class ResourcesSerializer(serializers.Serializer[Any]):
    wall_ms = serializers.FloatField()
    cpu_ms = serializers.FloatField()
    peak_memory_mb = serializers.FloatField()


class FutureFindingSerializer(serializers.Serializer[Any]):
    """The first thing that changed with the future. `cut` is the last bar both futures share."""

    what = serializers.ChoiceField(choices=["order", "level", "indicator", "result"])
    bar = serializers.IntegerField()
    time = serializers.CharField()
    cut = serializers.IntegerField()
    future = serializers.CharField()
    name = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)
    text = serializers.CharField()


class LookaheadSerializer(serializers.Serializer[Any]):
    checked = serializers.BooleanField()
    clean = serializers.BooleanField(allow_null=True)
    runs = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True)
    findings = FutureFindingSerializer(many=True)


class LookaheadRequest(CodeOptionsSerializer):
    code = TextField(**CODE)


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            **{
                name: {
                    "type": "object",
                    "properties": {
                        n: {"type": "number", "nullable": True} for n in ("low", "high", "worse_path", "better_path")
                    },
                }
                for name in ("sharpe_ratio", "total_return_pct", "cagr", "max_drawdown")
            },
            "break_even_commission": {"type": "number", "nullable": True},
            "costs": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}},
        },
    }
)
class RangesField(serializers.JSONField):
    """Figures as ranges, as Backtest.search.ranges makes them."""


class SandboxTestSerializer(serializers.Serializer[Any]):
    run_id = serializers.CharField(help_text="Names the test in its container, in logs and in the commit it leads to")
    success = serializers.BooleanField()
    exit_reason = serializers.ChoiceField(
        choices=["completed", "error", "timeout", "memory", "output", "killed", "violation"]
    )
    error = serializers.CharField(allow_blank=True)
    traceback = serializers.CharField(allow_blank=True)
    metrics = serializers.DictField()
    summary = serializers.DictField()
    trades = serializers.ListField(child=serializers.DictField(), help_text="The first 1000")
    trades_count = serializers.IntegerField()
    warnings = serializers.ListField(child=serializers.CharField())
    log = serializers.CharField(allow_blank=True, help_text="What the strategy printed")
    resources = ResourcesSerializer()
    backend = serializers.CharField()
    isolated = serializers.BooleanField()
    lookahead = LookaheadSerializer(allow_null=True, help_text="Whether it knows the future; null where it did not run")
    ranges = RangesField(
        allow_null=True,
        help_text="Figures from the worst to the best of what a bar may have been inside and of what trading may cost; null "
        "where it did not run, and where a warning says why",
    )
    code_issues = CodeIssueSerializer(many=True)
    follow_up = serializers.IntegerField(
        allow_null=True,
        help_text="The backtest that was queued for `lookahead` and `ranges`, where they would have kept the answer waiting",
    )


class GatesSerializer(RequestSerializer):
    min_trades = serializers.IntegerField(required=False, min_value=0)
    min_sharpe = serializers.FloatField(required=False)
    max_drawdown = serializers.FloatField(
        required=False,
        min_value=0,
        help_text="Percent, a positive number",
        error_messages={"min_value": "A drawdown is a positive number of percent here: 10 for one of -10%"},
    )
    min_profit_factor = serializers.FloatField(required=False, min_value=0)
    min_return_pct = serializers.FloatField(required=False)


class DeployRequest(RequestSerializer):
    message = TextField(required=False, allow_blank=True, max_length=2000)
    gates = GatesSerializer(required=False, help_text="Stricter ones than the server's; looser ones change nothing")
    symbol = serializers.RegexField(SYMBOL, required=False, help_text="The strategy's first symbol by default")
    start_date = serializers.DateField(required=False)
    end_date = serializers.DateField(required=False)


class RollbackRequest(RequestSerializer):
    deployment_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class RetireRequest(RequestSerializer):
    reason = TextField(required=False, allow_blank=True, max_length=300)


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    strategy_id = serializers.IntegerField()
    user_id = serializers.IntegerField()
    figures = serializers.DictField()

    class Meta:
        model = Deployment
        fields: ClassVar = ["id", "strategy_id", "user_id", "version", "status", "commit", "tag", "path", "message",
                            "code_sha256", "canonical_sha256", "figures", "created_at"]  # fmt: skip
        read_only_fields: ClassVar = fields


class StateChangeSerializer(serializers.ModelSerializer[StateChange]):
    class Meta:
        model = StateChange
        fields: ClassVar = ["id", "version", "before", "after", "reason", "created_at"]
        read_only_fields: ClassVar = fields


class HistorySerializer(serializers.ModelSerializer[Strategy]):
    deployments = DeploymentSerializer(many=True)
    state_changes = StateChangeSerializer(many=True)

    class Meta:
        model = Strategy
        fields: ClassVar = ["id", "name", "version", "status", "deployments", "state_changes"]
        read_only_fields: ClassVar = fields
