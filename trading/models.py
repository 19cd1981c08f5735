"""Positions and trades of paper and live trading; read-only for now."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from strategy_api.models import Strategy


class Side(models.TextChoices):
    LONG = "long"
    SHORT = "short"


class Position(models.Model):
    """An open position."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="positions")
    strategy = models.ForeignKey(Strategy, on_delete=models.SET_NULL, null=True, blank=True, related_name="positions")
    symbol = models.CharField(max_length=20)
    side = models.CharField(max_length=8, choices=Side)
    size = models.FloatField()
    entry_price = models.FloatField()
    stop_loss = models.FloatField(null=True, blank=True)
    take_profit = models.FloatField(null=True, blank=True)
    opened_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(size__gt=0), name="position_size_positive")]

    def __str__(self) -> str:
        return f"{self.side} {self.size:g} {self.symbol}"


class Trade(models.Model):
    """A closed trade."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="trades")
    strategy = models.ForeignKey(Strategy, on_delete=models.SET_NULL, null=True, blank=True, related_name="trades")
    symbol = models.CharField(max_length=20)
    side = models.CharField(max_length=8, choices=Side)
    size = models.FloatField()
    entry_price = models.FloatField()
    exit_price = models.FloatField()
    pnl = models.FloatField()
    commission = models.FloatField(default=0.0)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(size__gt=0), name="trade_size_positive")]

    def __str__(self) -> str:
        return f"{self.side} {self.size:g} {self.symbol}: {self.pnl:+.2f}"
