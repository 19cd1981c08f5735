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
from strategy_api.outcomes import Ranges
from strategy_api.serializers import CanonicalField, TextField

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


class CodeCheckRequest(RequestSerializer):
    code = TextField(**CODE, allow_blank=True)


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


class LookaheadRequest(CodeOptionsSerializer):
    code = TextField(**CODE)


@extend_schema_field(Ranges)  # type: ignore[arg-type]
class RangesField(serializers.JSONField):
    """Figures as ranges, as Backtest.search.ranges makes them."""


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
