"""The wire shape of what language models cost."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ai_api.models import ModelCall
from auth_api.requests import RequestSerializer


class BudgetSerializer(serializers.Serializer[Any]):
    limit_usd = serializers.DecimalField(max_digits=12, decimal_places=6)
    spent_usd = serializers.DecimalField(max_digits=12, decimal_places=6, help_text="Calls under way count in full")
    reserve_usd = serializers.DecimalField(max_digits=12, decimal_places=6, help_text="Is not spent")
    left_usd = serializers.DecimalField(max_digits=12, decimal_places=6)


class UsageRowSerializer(serializers.Serializer[Any]):
    purpose = serializers.CharField()
    model = serializers.CharField()
    outcome = serializers.ChoiceField(choices=ModelCall.Outcome.choices)
    calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.DecimalField(max_digits=12, decimal_places=6)
    mean_latency_ms = serializers.FloatField(allow_null=True)


class UsageSerializer(serializers.Serializer[Any]):
    models = serializers.ListField(child=serializers.CharField(), help_text="Asked in this order")
    answered_by = serializers.ChoiceField(choices=["rules", "model"], help_text="rules: no model is configured")
    today = BudgetSerializer()
    resets_at = serializers.DateTimeField()
    days = serializers.IntegerField()
    by = UsageRowSerializer(many=True)


class UsageRequest(RequestSerializer):
    days = serializers.IntegerField(required=False, min_value=1, max_value=366, help_text="Today is 1")


class ModelCallSerializer(serializers.ModelSerializer[ModelCall]):
    class Meta:
        model = ModelCall
        fields: ClassVar = ["id", "session_id", "purpose", "model", "outcome", "input_tokens", "output_tokens", "estimated",
                            "cost_usd", "latency_ms", "created_at"]  # fmt: skip
        read_only_fields: ClassVar = fields
