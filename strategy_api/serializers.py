"""The wire shape of strategies and conversations. Canonical JSON is validated by pydantic."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from auth_api.requests import RequestSerializer
from Strategy.reading import canonical_json_of
from Strategy.talk import TEMPLATES
from strategy_api.models import ConversationMemory, Strategy, StrategyValidation, StrategyVersion


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": True,
        "description": "A canonical strategy; see /api/strategies/schema/. Rules may be strings, as in "
        '{"entry_rules": ["RSI < 30"], "exit_rules": ["RSI > 70"], "indicators": [{"name": "RSI", "timeperiod": 14}]}',
    }
)
class CanonicalField(serializers.JSONField):
    """A JSON object; one of the older shape, with rules as strings, is read into canonical rules (422 where that fails)."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError(f"Send a JSON object, not {type(value).__name__}", code="invalid")
        return canonical_json_of(value)


class TextField(serializers.CharField):
    """Text in which a NUL character, which databases refuse, is an error."""

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise serializers.ValidationError("The text holds broken characters (lone surrogates): send valid Unicode")
        return value


class NameField(TextField):
    """A name of one line, without characters that command a terminal or turn the direction of writing."""

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        for c in value:
            if unicodedata.category(c) in ("Cc", "Cf"):
                raise serializers.ValidationError(f"The name holds the control character U+{ord(c):04X}: leave it out")
        return value


SESSION: dict[str, Any] = {
    "required": False,
    "allow_blank": True,
    "max_length": 36,
    "help_text": "Where the exchange is remembered",
}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "text",
            value={"user_description": "Buy AAPL when RSI < 30, sell when RSI > 70, stop 5%", "name": "RSI dip"},
            request_only=True,
        )
    ]
)
class StrategyCreateSerializer(RequestSerializer):
    user_description = TextField(required=False, allow_blank=True, trim_whitespace=False, max_length=10_000)
    canonical_json = CanonicalField(required=False)
    template = serializers.ChoiceField(
        choices=list(TEMPLATES), required=False, help_text="The name of a classic instead; see strategies/templates/"
    )
    name = NameField(required=False, allow_blank=True, max_length=120)
    session_id = TextField(**SESSION)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "template" in attrs and ("user_description" in attrs or "canonical_json" in attrs):
            raise serializers.ValidationError({"template": "Give a template, or a strategy of your own: not both"})
        return attrs


class TemplateSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    user_description = serializers.CharField(help_text="The sentence it stands for")


class StrategyUpdateSerializer(RequestSerializer):
    name = NameField(required=False, max_length=120)
    user_description = TextField(
        required=False,
        trim_whitespace=False,
        max_length=10_000,
        help_text="Read again as a new version, unless a canonical_json comes with it",
    )
    canonical_json = CanonicalField(required=False)
    session_id = TextField(**SESSION)


class SessionIdSerializer(RequestSerializer):
    session_id = TextField(**SESSION)


class OfCanonicalSerializer(SessionIdSerializer):
    canonical_json = CanonicalField(
        required=False, help_text="To be used instead of the stored one, which stays as it is"
    )


class ExportSerializer(RequestSerializer):
    to = serializers.ChoiceField(
        choices=["pine", "notation"], help_text="pine: Pine Script v6; notation: exact English"
    )


class GenerateSerializer(OfCanonicalSerializer):
    instructions = TextField(required=False, allow_blank=True, max_length=4000, help_text="What a model writes to")
    writer = serializers.ChoiceField(
        choices=["template", "model"],
        required=False,
        help_text="model: a model writes the canonical, and has to equal it",
    )


class FindingSerializer(serializers.Serializer[Any]):
    severity = serializers.ChoiceField(choices=["error", "warning", "info"])
    code = serializers.CharField()
    field = serializers.CharField(allow_blank=True)
    message = serializers.CharField()
    suggestion = serializers.CharField(allow_blank=True)


class AssumptionSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    text = serializers.CharField()
    other = serializers.CharField(allow_blank=True, help_text="The reading not taken")
    field = serializers.CharField(allow_blank=True)


class AlternativeSerializer(serializers.Serializer[Any]):
    answered_by = serializers.ChoiceField(choices=["rules", "model"])
    description = serializers.CharField()
    canonical_json = CanonicalField()
    difference = serializers.CharField(help_text="The first bar on which it trades differently")


class ChooseSerializer(RequestSerializer):
    reading = serializers.ChoiceField(choices=["rules", "model"], help_text="Whose reading it shall be")
    session_id = TextField(**SESSION)


class StrategySerializer(serializers.ModelSerializer[Strategy]):
    canonical_json = CanonicalField()
    description = serializers.SerializerMethodField(
        help_text="The strategy in plain English; of one that is not complete its own words, and what is open"
    )
    status = serializers.ChoiceField(
        choices=Strategy.Status.choices,
        help_text="How far it has come. A draft is not validated yet; whether it can be run is said by `complete`",
    )
    complete = serializers.BooleanField(
        help_text="Whether nothing is open, so that it can be run; false while there are `questions`"
    )
    warnings = FindingSerializer(many=True)
    assumptions = AssumptionSerializer(many=True)
    alternatives = AlternativeSerializer(many=True, help_text="Not empty: choose a reading before it is deployed")
    answered_by = serializers.SerializerMethodField(help_text="Who read the text: rules, model, or none")
    questions = serializers.ListField(
        child=serializers.CharField(),
        help_text="Not empty: what is still open, and it cannot be run; send the whole text",
    )

    class Meta:
        model = Strategy
        fields: ClassVar = [
            "id", "name", "user_id", "version", "status", "complete", "user_description", "description", "canonical_json", "answered_by",
            "generated_code", "code_path", "warnings", "assumptions", "alternatives", "questions", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields: ClassVar = fields

    def get_answered_by(self, strategy: Strategy) -> str:
        return str(strategy.canonical_json.get("provenance", {}).get("parser", "none"))

    def get_description(self, strategy: Strategy) -> str:
        from strategy_api.selectors import description_of  # keeps the start of every command fast

        return description_of(strategy)


class UrlRequest(RequestSerializer):
    url = serializers.CharField(max_length=2000, help_text="http or https, on the public internet")


class CandidateSerializer(serializers.Serializer[Any]):
    passage = serializers.CharField(help_text="The words of the page it rests on")
    answered_by = serializers.ChoiceField(choices=["rules", "model"])
    description = serializers.CharField()
    canonical_json = CanonicalField()
    warnings = FindingSerializer(many=True)
    assumptions = AssumptionSerializer(many=True)


class VersionSerializer(serializers.ModelSerializer[StrategyVersion]):
    canonical_json = CanonicalField()
    changes = serializers.ListField(child=serializers.DictField(child=serializers.CharField(allow_blank=True)))

    class Meta:
        model = StrategyVersion
        fields: ClassVar = ["version", "changes", "canonical_json", "created_at"]
        read_only_fields: ClassVar = fields


class RecommendationSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()
    patch = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="RFC 6902, of canonical_json; empty: no one value is as good as another",
    )


class RecommendationsRequest(RequestSerializer):
    measure = serializers.BooleanField(required=False, help_text="Backtest each of them")
    ask_model = serializers.BooleanField(required=False)
    session_id = TextField(**SESSION)


USED: dict[str, Any] = {
    "choices": ["request", "stored"],
    "help_text": "Which canonical it is of: that of the request, or the stored one",
}


class ValidationSerializer(serializers.ModelSerializer[StrategyValidation]):
    id = serializers.IntegerField(allow_null=True, help_text="null: of the request's canonical, so it is not stored")
    used = serializers.ChoiceField(**USED)
    strategy_id = serializers.IntegerField()
    errors = FindingSerializer(many=True)  # type: ignore[assignment]
    warnings = FindingSerializer(many=True)
    ai_recommendations = RecommendationSerializer(many=True)

    class Meta:
        model = StrategyValidation
        fields: ClassVar = [
            "id",
            "strategy_id",
            "version",
            "status",
            "errors",
            "warnings",
            "ai_recommendations",
            "created_at",
            "used",
        ]
        read_only_fields: ClassVar = fields


class SessionSummarySerializer(serializers.Serializer[Any]):
    session_id = serializers.CharField()
    entries = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()


class ConversationSerializer(serializers.ModelSerializer[ConversationMemory]):
    strategy_id = serializers.IntegerField(allow_null=True)
    ai_response = serializers.DictField()
    context = serializers.DictField()  # type: ignore[assignment]

    class Meta:
        model = ConversationMemory
        fields: ClassVar = [
            "id",
            "session_id",
            "strategy_id",
            "interaction_type",
            "user_message",
            "ai_response",
            "context",
            "created_at",
        ]
        read_only_fields: ClassVar = fields
