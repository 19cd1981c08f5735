"""Backtest runs."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from strategy_api.models import Strategy


class BacktestRun(models.Model):
    """A backtest, from the request to its result. The row is the truth about it.

    Figures have the units of the API: money in the account's currency, returns and drawdown in
    percent (drawdown negative), `win_rate` from 0 to 1.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="backtests")
    strategy = models.ForeignKey(Strategy, on_delete=models.SET_NULL, null=True, blank=True, related_name="backtests")
    strategy_version = models.PositiveIntegerField(null=True, blank=True)
    canonical_json = models.JSONField()
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    progress = models.FloatField(default=0.0)
    symbol = models.CharField(max_length=20)
    timeframe = models.CharField(max_length=8)
    start_date = models.DateField(null=True, blank=True)
    end_date = models.DateField(null=True, blank=True)
    data_source = models.CharField(max_length=40, blank=True)
    data_sha256 = models.CharField(max_length=64, blank=True)
    code_sha256 = models.CharField(max_length=64, blank=True)
    total_pnl = models.FloatField(null=True, blank=True)
    total_return_pct = models.FloatField(null=True, blank=True)
    win_rate = models.FloatField(null=True, blank=True)
    max_drawdown = models.FloatField(null=True, blank=True)
    sharpe_ratio = models.FloatField(null=True, blank=True)
    sortino_ratio = models.FloatField(null=True, blank=True)
    calmar_ratio = models.FloatField(null=True, blank=True)
    cagr = models.FloatField(null=True, blank=True)
    profit_factor = models.FloatField(null=True, blank=True)
    total_trades = models.PositiveIntegerField(null=True, blank=True)
    buy_and_hold_return_pct = models.FloatField(null=True, blank=True)
    metrics = models.JSONField(default=dict)
    summary = models.TextField(blank=True)
    manifest = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    warnings = models.JSONField(default=list)
    duration_ms = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(start_date__isnull=True)
                | models.Q(end_date__isnull=True)
                | models.Q(start_date__lte=models.F("end_date")),
                name="backtest_dates_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}: {self.symbol} {self.status}"
