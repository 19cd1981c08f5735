"""The wire shape of conversations."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from auth_api.requests import RequestSerializer
from chat_api.services import MAX_MESSAGE
from data_api.serializers import TIMEZONE
from strategy_api.serializers import SESSION, TextField


class ChatRequest(RequestSerializer):
    message = TextField(allow_blank=True, trim_whitespace=False, help_text=f"At most {MAX_MESSAGE} characters")
    session_id = TextField(**SESSION)
    timezone = TextField(**{**TIMEZONE, "help_text": f"{TIMEZONE['help_text']}; the session keeps it"})


class ChatSerializer(serializers.Serializer[Any]):
    session_id = serializers.CharField(help_text="Send it with the next message")
    text = serializers.CharField()
    intent = serializers.CharField(allow_blank=True, help_text="Empty: the rules could not tell")
    actions = serializers.ListField(
        child=serializers.DictField(), help_text="What was done: created, changed, queued, ..."
    )
    answered_by = serializers.ChoiceField(choices=["rules", "model"])


class ChatEventSerializer(serializers.Serializer[Any]):
    """One server-sent event; `data` is JSON: the session, what was done, a piece of the answer, or all of it."""

    event = serializers.ChoiceField(choices=["session", "action", "text", "done", "error"])
    data = serializers.CharField()  # type: ignore[assignment]


class ResearchRequest(RequestSerializer):
    query = TextField(max_length=400)
    session_id = TextField(**SESSION)
