"""Every call of a language model, and the answers that need not be asked for again."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

PURPOSES = ("chat", "code", "edit", "improve", "research", "understand")  # what models are asked for


class ModelCall(models.Model):
    """One request of one model. While it is under way, `cost_usd` is the most it may come to."""

    class Outcome(models.TextChoices):
        PENDING = "pending"
        OK = "ok"
        RATE_LIMITED = "rate_limited"
        QUOTA = "quota"
        REFUSED_KEY = "refused_key"
        TIMEOUT = "timeout"
        UNAVAILABLE = "unavailable"
        REJECTED = "rejected"
        ABANDONED = "abandoned"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="model_calls")
    session_id = models.CharField(max_length=36, blank=True)
    purpose = models.CharField(max_length=24)
    model = models.CharField(max_length=120)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.PENDING)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    estimated = models.BooleanField(default=False, help_text="The tokens were reckoned here, not reported credibly")
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6)
    latency_ms = models.FloatField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["created_at", "user"], name="model_call_day")]

    def __str__(self) -> str:
        return f"{self.purpose} by {self.model}: {self.outcome}"


class BudgetDay(models.Model):
    """A day of the budget, in UTC. Its row is what one locks to count and set aside as one step."""

    day = models.DateField(unique=True)

    def __str__(self) -> str:
        return str(self.day)


class CachedAnswer(models.Model):
    """A user's answer to a question that is asked in the same words again."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="cached_answers")
    key = models.CharField(max_length=64)
    answer = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "key"], name="cached_answer_unique")]

    def __str__(self) -> str:
        return self.key[:12]
