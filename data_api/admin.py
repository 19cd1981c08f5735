"""Data sets in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from auth_api.admin import ReadOnlyAdmin, bullet_list, highlighted_json
from data_api.models import DataSet


@admin.register(DataSet)
class DataSetAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "symbol", "timeframe", "source", "rows", "start", "end", "created_at")
    list_filter = ("source", "timeframe", "created_at")
    list_select_related = ("user",)
    search_fields = ("symbol", "user__username", "sha256")
    fields = ("user", "symbol", "timeframe", "source", "adjustment", "timezone", "rows", "start", "end", "columns", "sha256",
              "path", "doubts", "remarks", "created_at")  # fmt: skip

    @admin.display(description="quality")
    def doubts(self, dataset: DataSet) -> SafeString:
        return highlighted_json(dataset.quality)

    @admin.display(description="notes")
    def remarks(self, dataset: DataSet) -> SafeString:
        return bullet_list(dataset.notes)
