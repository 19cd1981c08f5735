"""The configured language models, and who pays for their answers."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_UP, Decimal
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ai_api import selectors
from ai_api.models import BudgetDay, CachedAnswer, ModelCall
from auth_api.models import User
from Backtest.errors import BudgetExceeded, InvalidInput, ModelUnavailable
from Strategy.models import CallRecord, ModelConfig

if TYPE_CHECKING:
    from Strategy.models.llm import LanguageModels

CACHE_DAYS = 30
CENT = Decimal("0.000001")


def models_configured() -> bool:
    """Return whether there is a language model; without one the rules answer everything."""
    return bool(settings.LLM_MODEL)


@cache
def get_models() -> LanguageModels:
    """Return the process's language models.

    Raises:
        ModelUnavailable: none is configured, or LLM_MODEL names one that does not exist or has no key.
    """
    if not models_configured():
        raise ModelUnavailable("No language model is configured: set GEMINI_API_KEY, or LLM_MODEL and its key")
    from Strategy.models.llm import LanguageModels

    try:
        return LanguageModels(
            ModelConfig(
                models=tuple(settings.LLM_MODEL), keys=settings.LLM_KEYS, base_urls=settings.LLM_BASE_URLS,
                timeout_s=settings.LLM_TIMEOUT_S, tries=settings.LLM_TRIES,
            )
        )  # fmt: skip
    except InvalidInput as error:
        raise ModelUnavailable(error.message) from None


class UserLedger:
    """Writes a user's calls down, holds them within the budgets, and remembers answers: a `Ledger`."""

    def __init__(self, user: User, session_id: str = "") -> None:
        self._user, self._session_id = user, session_id

    def before(self, *, purpose: str, model: str, most_usd: float) -> ModelCall:
        """Set aside the most a call may cost.

        Raises:
            BudgetExceeded: less than that is left of the user's budget or the whole system's.
        """
        most = Decimal(most_usd).quantize(CENT, ROUND_UP)
        with transaction.atomic():
            today = selectors.day_start().date()
            BudgetDay.objects.get_or_create(day=today)
            BudgetDay.objects.select_for_update().get(day=today)
            for budget in (selectors.user_budget(user=self._user), selectors.total_budget()):
                if most > budget.left:
                    raise BudgetExceeded(
                        f"This answer may cost ${most:.4f}; {budget.whose} has ${budget.left:.4f} left of ${budget.limit} "
                        f"for today. It was not asked for. The budget starts anew at {budget.resets_at:%H:%M} UTC",
                        suggestions=["Say it in words the rules read", f"Raise {budget.setting}"],
                    )
            return ModelCall.objects.create(
                user=self._user, session_id=self._session_id, purpose=purpose, model=model, cost_usd=most
            )

    def after(self, reserved: ModelCall, record: CallRecord) -> None:
        reserved.outcome, reserved.estimated = record.outcome, record.estimated
        reserved.input_tokens, reserved.output_tokens = record.input_tokens, record.output_tokens
        reserved.cost_usd = Decimal(record.cost_usd).quantize(CENT, ROUND_UP)
        reserved.latency_ms = record.latency_ms
        reserved.save()

    def cached(self, key: str) -> str | None:
        since = timezone.now() - timedelta(days=CACHE_DAYS)
        found = CachedAnswer.objects.filter(user=self._user, key=key, created_at__gte=since).first()
        return found.answer if found else None

    def keep(self, key: str, answer: str) -> None:
        CachedAnswer.objects.filter(
            user=self._user, created_at__lt=timezone.now() - timedelta(days=CACHE_DAYS)
        ).delete()
        CachedAnswer.objects.update_or_create(
            user=self._user, key=key, defaults={"answer": answer, "created_at": timezone.now()}
        )
