from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers

from trading.models import Position, Trade


class PositionSerializer(serializers.ModelSerializer[Position]):
    class Meta:
        model = Position
        fields: ClassVar = [
            "id",
            "strategy_id",
            "symbol",
            "side",
            "size",
            "entry_price",
            "stop_loss",
            "take_profit",
            "opened_at",
        ]
        read_only_fields: ClassVar = fields


class TradeSerializer(serializers.ModelSerializer[Trade]):
    class Meta:
        model = Trade
        fields: ClassVar = [
            "id", "strategy_id", "symbol", "side", "size", "entry_price", "exit_price", "pnl", "commission", "opened_at", "closed_at",
        ]  # fmt: skip
        read_only_fields: ClassVar = fields
