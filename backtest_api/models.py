"""Backtest runs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from strategy_api.models import Strategy


class BacktestJob(models.Model):
    """A request for backtests of one strategy on several symbols; each is a run."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs")
    request = models.JSONField()
    notes = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"job {self.pk}"


class BacktestRun(models.Model):
    """A backtest, from the request to its result. The row is the truth about it.

    While it runs, it belongs to one `worker`, as long as `beat` goes on counting; `attempts` counts how often it was taken.

    Figures have the units of the API: money in the account's currency, returns and drawdown in
    percent (drawdown negative), `win_rate` from 0 to 1.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Kind(models.TextChoices):
        """How it is run, and what can be asked of it, says the file of its name in `backtest_api.kinds`."""

        CANONICAL = "canonical"
        CODE = "code"
        SEARCH = "search"

    kind = models.CharField(max_length=16, default=Kind.CANONICAL)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="backtests")
    strategy = models.ForeignKey(Strategy, on_delete=models.SET_NULL, null=True, blank=True, related_name="backtests")
    strategy_version = models.PositiveIntegerField(null=True, blank=True)
    job = models.ForeignKey(BacktestJob, on_delete=models.CASCADE, null=True, blank=True, related_name="runs")
    canonical_json = models.JSONField(blank=True, default=dict)
    code = models.TextField(blank=True)  # of a run that was given as code
    settings = models.JSONField(blank=True, default=dict)  # of the engine, for such a run
    closely = models.BooleanField(default=False)  # such a run is looked at for look-ahead and ranges as well
    search = models.JSONField(null=True, blank=True)  # what a search was asked for; the run is then of its best
    outcome = models.JSONField(blank=True, default=dict)  # of a search its result, of any run its ranges and trials
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    progress = models.FloatField(default=0.0)
    symbol = models.CharField(max_length=20)
    timeframe = models.CharField(max_length=8)
    timezone = models.CharField(max_length=64, blank=True)  # that of the prices' times, where they do not say it
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
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True)
    beat = models.PositiveIntegerField(default=0)  # counts while its worker lives
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["status", "user"], name="run_status_user")]
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

    @property
    def title(self) -> str:
        return str(self.canonical_json.get("strategy_name", "The code"))

    @property
    def follow_up(self) -> int | None:
        """Return the run that was queued for a closer look at this one's code."""
        found: int | None = self.outcome.get("follow_up")
        return found

    @property
    def isolated(self) -> bool:
        """Tell whether its code was kept from the machine; False until it has run."""
        return bool(self.manifest.get("sandbox", {}).get("isolated", False))

    @property
    def ranges(self) -> dict[str, Any] | None:
        """Return its figures as ranges over intrabar paths and costs, None where there are none."""
        found: dict[str, Any] | None = self.outcome.get("ranges") or self.outcome.get("statistics", {}).get("ranges")
        return found


class SearchChunk(models.Model):
    """A part of a search's combinations. Whoever took it last, for the `takes`-th time, holds it for a while; then it is free again."""

    run = models.ForeignKey(BacktestRun, on_delete=models.CASCADE, related_name="chunks")
    attempt = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=120, blank=True)
    takes = models.PositiveIntegerField(default=0)
    done = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "attempt", "number"], name="search_chunk_unique"),
        ]

    def __str__(self) -> str:
        return f"run {self.run_id}: chunk {self.number}"


class RunEvent(models.Model):
    """Something that happened to a run, in order; what its watchers are sent."""

    class Kind(models.TextChoices):
        STATUS = "status"
        PROGRESS = "progress"
        LOG = "log"

    run = models.ForeignKey(BacktestRun, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"run {self.run_id}: {self.kind}"


class Worker(models.Model):
    """A process that runs backtests, as it last said of itself."""

    name = models.CharField(max_length=120, unique=True)
    concurrency = models.PositiveSmallIntegerField()
    sandbox = models.CharField(max_length=20)
    isolated = models.BooleanField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.name
