"""What a user can see of positions and trades."""

from __future__ import annotations

from django.db.models import QuerySet

from actions import listing
from auth_api.models import User
from trading.models import Position, Trade
from trading.serializers import PositionSerializer, TradeSerializer


@listing("trading.positions", gives=PositionSerializer, rows=Position, filters=("symbol", "side"), orders=None)
def positions(*, user: User) -> QuerySet[Position]:
    """Your open positions."""
    return Position.objects.filter(user=user)


@listing("trading.trades", gives=TradeSerializer, rows=Trade, filters=("symbol", "side"), orders=None)
def trades(*, user: User) -> QuerySet[Trade]:
    """Your closed trades."""
    return Trade.objects.filter(user=user)
