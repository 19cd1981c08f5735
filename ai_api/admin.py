"""Calls of language models in the admin."""

from __future__ import annotations

from django.contrib import admin

from ai_api.models import ModelCall
from auth_api.admin import ReadOnlyAdmin


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "user",
        "purpose",
        "model",
        "outcome",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "latency_ms",
        "created_at",
    )
    list_filter = ("outcome", "purpose", "model")
    search_fields = ("user__username", "session_id", "model")
    date_hierarchy = "created_at"
