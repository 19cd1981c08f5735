"""Data sets: prices that were fetched or uploaded."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models


class DataSet(models.Model):
    """A price series on disk, as Parquet. `sha256` is the hash of its time stamps and prices.

    `timezone` is that of intraday bars; blank for daily and coarser ones, which bear a date, and
    where it is unknown.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="datasets")
    symbol = models.CharField(max_length=20)
    timeframe = models.CharField(max_length=8)
    source = models.CharField(max_length=40)
    adjustment = models.CharField(max_length=40, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    path = models.CharField(max_length=255)
    columns = models.JSONField(default=list)
    rows = models.PositiveIntegerField()
    start = models.DateTimeField()
    end = models.DateTimeField()
    sha256 = models.CharField(max_length=64)
    quality = models.JSONField(default=dict)
    notes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(start__lte=models.F("end")), name="dataset_times_in_order"),
            models.UniqueConstraint(fields=["user", "symbol", "timeframe", "path"], name="dataset_once"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} ({self.source})"
