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
        "cost",
        "latency",
        "created_at",
    )
    list_filter = ("outcome", "purpose", "model")
    search_fields = ("user__username", "session_id", "model")
    date_hierarchy = "created_at"

    @admin.display(description="cost", ordering="cost_usd")
    def cost(self, call: ModelCall) -> str:
        return f"${call.cost_usd:.4f}"

    @admin.display(description="latency", ordering="latency_ms")
    def latency(self, call: ModelCall) -> str:
        return "-" if call.latency_ms is None else f"{call.latency_ms:,.0f} ms"
