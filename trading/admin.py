"""Positions and trades in the admin."""

from __future__ import annotations

from django.contrib import admin

from auth_api.admin import ReadOnlyAdmin
from trading.models import Position, Trade


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "symbol", "side", "size", "entry_price", "opened_at")
    list_filter = ("side", "symbol")
    search_fields = ("symbol", "user__username")


@admin.register(Trade)
class TradeAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "symbol", "side", "size", "entry_price", "exit_price", "pnl", "closed_at")
    list_filter = ("side", "symbol")
    search_fields = ("symbol", "user__username")
