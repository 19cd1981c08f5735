"""Positions and trades over REST."""

from __future__ import annotations

from django.db.models import QuerySet

from auth_api.request_user import user_of
from auth_api.requests import ListAPIView
from trading.models import Position, Trade
from trading.serializers import PositionSerializer, TradeSerializer


class PositionsView(ListAPIView[Position]):
    """The user's open positions."""

    queryset = Position.objects.none()
    serializer_class = PositionSerializer
    filterset_fields = ("symbol", "side")

    def get_queryset(self) -> QuerySet[Position]:
        return Position.objects.filter(user=user_of(self.request))


class TradesView(ListAPIView[Trade]):
    """The user's closed trades."""

    queryset = Trade.objects.none()
    serializer_class = TradeSerializer
    filterset_fields = ("symbol", "side")

    def get_queryset(self) -> QuerySet[Trade]:
        return Trade.objects.filter(user=user_of(self.request))
