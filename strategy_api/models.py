"""Strategies, their versions and validations, and what was said about them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models


class Strategy(models.Model):
    """A user's strategy. `version` counts the changes of its canonical; names are unique per user."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        VALIDATED = "validated"
        TESTED = "tested"
        DEPLOYED = "deployed"
        RETIRED = "retired"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="strategies")
    name = models.CharField(max_length=120)
    version = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    user_description = models.TextField(blank=True)
    canonical_json = models.JSONField()
    generated_code = models.TextField(blank=True)
    code_path = models.CharField(max_length=255, blank=True)
    warnings = models.JSONField(default=list)
    assumptions = models.JSONField(default=list)
    alternatives = models.JSONField(default=list, help_text="Other readings of the text that trade differently")
    questions = models.JSONField(default=list, help_text="What is open; a strategy with questions cannot be run")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "strategies"
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name"], name="strategy_name_unique_per_user"),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="strategy_version_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def complete(self) -> bool:
        """Tell whether nothing is open: a draft that is complete can be run, and only was not validated yet."""
        return not self.questions


class StrategyVersion(models.Model):
    """A canonical a strategy had, and how it differs from the one before."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    canonical_json = models.JSONField()
    changes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["strategy", "version"], name="strategy_version_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy.name} v{self.version}"


class StrategyValidation(models.Model):
    """The outcome of one validation."""

    class Status(models.TextChoices):
        PENDING = "pending"
        VALID = "valid"
        INVALID = "invalid"

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="validations")
    version = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    errors = models.JSONField(default=list)
    warnings = models.JSONField(default=list)
    ai_recommendations = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.strategy.name}: {self.status}"


class ConversationMemory(models.Model):
    """One exchange of a session: what the user said and what was answered."""

    class Interaction(models.TextChoices):
        VALIDATE = "validate"
        SUGGEST = "suggest"
        GENERATE = "generate"
        EDIT = "edit"
        BACKTEST = "backtest"
        CHAT = "chat"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations")
    session_id = models.CharField(max_length=36)
    strategy = models.ForeignKey(
        Strategy, on_delete=models.SET_NULL, null=True, blank=True, related_name="conversations"
    )
    interaction_type = models.CharField(max_length=16, choices=Interaction)
    user_message = models.TextField(blank=True)
    ai_response = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "conversation memory"
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["user", "session_id"], name="conversation_session")]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.interaction_type}"


class StateChange(models.Model):
    """A step of a strategy's life, by whom and why."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="state_changes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="state_changes")
    version = models.PositiveIntegerField()
    before = models.CharField(max_length=16, choices=Strategy.Status)
    after = models.CharField(max_length=16, choices=Strategy.Status)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.strategy}: {self.before} to {self.after}"


class Deployment(models.Model):
    """A version of a strategy in the deploy repository: what, by whom, which commit."""

    class Status(models.TextChoices):
        DEPLOYED = "deployed"
        SUPERSEDED = "superseded"
        ROLLED_BACK = "rolled_back"

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="deployments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="deployments")
    version = models.PositiveIntegerField()
    status = models.CharField(max_length=16, choices=Status, default=Status.DEPLOYED)
    commit = models.CharField(max_length=40)
    tag = models.CharField(max_length=120)
    path = models.CharField(max_length=255)
    message = models.TextField(blank=True)
    code_sha256 = models.CharField(max_length=64)
    canonical_sha256 = models.CharField(max_length=64)
    figures = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.tag}: {self.status}"


class Trial(models.Model):
    """A try of a strategy's lineage on a data set, kept to judge the next result by.

    A search is one row with as many tries as it ran combinations. `returns` are those of days as little-endian float32,
    of shape (kept, days): of a backtest its own, of a search those of the best and some others; `sharpe_ratios` (daily)
    has one number each.
    """

    class Kind(models.TextChoices):
        BACKTEST = "backtest"
        SEARCH = "search"
        RECOMMENDATION = "recommendation"
        CODE = "code"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="trials")
    lineage = models.CharField(max_length=80)
    symbol = models.CharField(max_length=20)
    timeframe = models.CharField(max_length=8)
    kind = models.CharField(max_length=16, choices=Kind)
    content = models.CharField(max_length=64, help_text="Hash of what was tried and on which prices")
    count = models.PositiveIntegerField(default=1)
    sharpe_ratios = models.JSONField(default=list)
    returns = models.BinaryField(default=bytes)
    days = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "lineage", "content"], name="trial_unique"),
        ]
        indexes: ClassVar = [models.Index(fields=["user", "lineage", "symbol", "timeframe"], name="trial_lineage")]

    def __str__(self) -> str:
        return f"{self.lineage} on {self.symbol}: {self.count}"
