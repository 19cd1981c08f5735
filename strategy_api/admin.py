"""Strategies, validations and conversations in the admin."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from auth_api.admin import ReadOnlyAdmin, bullet_list, highlighted, highlighted_json
from strategy_api.models import (
    ConversationMemory,
    Deployment,
    StateChange,
    Strategy,
    StrategyValidation,
    StrategyVersion,
    Trial,
)


class VersionInline(TabularInline):
    model = StrategyVersion
    fields = readonly_fields = ("version", "what_changed", "created_at")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @admin.display(description="changes")
    def what_changed(self, version: StrategyVersion) -> SafeString:
        return bullet_list(
            [f"{c['change']}: {' → '.join(t for t in (c['was'], c['is']) if t)}" for c in version.changes]
        )


@admin.register(Strategy)
class StrategyAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "user", "status", "is_complete", "version", "runs", "updated_at")
    list_display_links = ("id", "name")
    list_filter = ("status", "created_at")
    list_select_related = ("user",)
    search_fields = ("name", "user_description", "user__username")
    date_hierarchy = "created_at"
    inlines = (VersionInline,)
    fieldsets: ClassVar = (
        (None, {"fields": ("name", "user", "status", "is_complete", "version", "runs", "created_at", "updated_at")}),
        ("Meaning", {"fields": ("user_description", "plain_english", "assumed", "findings")}),
        ("Code", {"fields": ("code_path", "code")}),
        ("Canonical", {"fields": ("canonical",)}),
    )

    @admin.display(description="complete", boolean=True)
    def is_complete(self, strategy: Strategy) -> bool:
        return strategy.complete

    @admin.display(description="in plain English")
    def plain_english(self, strategy: Strategy) -> SafeString:
        from strategy_api.selectors import description_of  # keeps the start of every command fast

        return bullet_list(description_of(strategy).splitlines() or ["not valid any more"])

    @admin.display(description="assumptions")
    def assumed(self, strategy: Strategy) -> SafeString:
        return bullet_list([a["text"] for a in strategy.assumptions])

    @admin.display(description="warnings")
    def findings(self, strategy: Strategy) -> SafeString:
        return bullet_list([f"{w['severity']}: {w['message']}" for w in strategy.warnings])

    @admin.display(description="generated code")
    def code(self, strategy: Strategy) -> SafeString | str:
        return highlighted(strategy.generated_code, "python") if strategy.generated_code else "not generated yet"

    @admin.display(description="canonical JSON")
    def canonical(self, strategy: Strategy) -> SafeString:
        return highlighted_json(strategy.canonical_json)

    @admin.display(description="backtests")
    def runs(self, strategy: Strategy) -> SafeString:
        url = reverse("admin:backtest_api_backtestrun_changelist")
        return format_html('<a href="{}?strategy__id__exact={}">show</a>', url, strategy.pk)


@admin.register(StrategyValidation)
class ValidationAdmin(ReadOnlyAdmin):
    list_display = ("id", "strategy", "version", "status", "created_at")
    list_filter = ("status",)
    search_fields = ("strategy__name",)
    fields = ("strategy", "version", "status", "errors", "warnings", "ai_recommendations", "created_at")


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display = ("id", "tag", "strategy", "user", "status", "commit", "created_at")
    list_filter = ("status", "created_at")
    list_select_related = ("strategy", "user")
    search_fields = ("tag", "commit", "user__username")


@admin.register(StateChange)
class StateChangeAdmin(ReadOnlyAdmin):
    list_display = ("id", "strategy", "version", "before", "after", "user", "reason", "created_at")
    list_filter = ("after", "created_at")
    list_select_related = ("strategy", "user")


@admin.register(Trial)
class TrialAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "of", "symbol", "timeframe", "kind", "count", "days", "created_at")
    list_filter = ("kind", "symbol", "created_at")
    list_select_related = ("user",)
    search_fields = ("lineage", "user__username")
    fields = (
        "user",
        "of",
        "symbol",
        "timeframe",
        "kind",
        "content",
        "count",
        "ratios",
        "days",
        "created_at",
    )

    @admin.display(description="lineage", ordering="lineage")
    def of(self, trial: Trial) -> SafeString | str:
        """Say what a trial is a trial of; see trials.lineage_of."""
        kind, _, key = trial.lineage.partition(":")
        if kind == "strategy" and key.isdigit():
            strategy = Strategy.objects.filter(pk=key).first()
            if strategy is None:
                return f"strategy {key}, which was deleted"
            url = reverse("admin:strategy_api_strategy_change", args=[strategy.pk])
            return format_html('<a href="{}">strategy {}: {}</a>', url, strategy.pk, strategy.name)
        what = {"form": "strategies", "code": "code"}.get(kind)
        return f"{what} of one form, whatever its numbers ({key[:12]}…)" if what else trial.lineage[:60]

    @admin.display(description="Sharpe ratios (of days)")
    def ratios(self, trial: Trial) -> str:
        found = sorted(trial.sharpe_ratios)
        if len(found) < 4:
            return ", ".join(f"{ratio:.4f}" for ratio in found) or "-"
        return f"{len(found):,} from {found[0]:.4f} to {found[-1]:.4f}, the middle one {found[len(found) // 2]:.4f}"


@admin.register(ConversationMemory)
class ConversationAdmin(ReadOnlyAdmin):
    list_display = ("id", "session_id", "user", "interaction_type", "said", "strategy", "created_at")
    list_filter = ("interaction_type", "created_at")
    list_select_related = ("user", "strategy")
    search_fields = ("session_id", "user_message", "user__username")
    fields = ("session_id", "user", "strategy", "interaction_type", "user_message", "answer", "known", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConversationMemory]:
        found: QuerySet[ConversationMemory] = super().get_queryset(request)
        return found.order_by("-id")

    @admin.display(description="message")
    def said(self, entry: ConversationMemory) -> str:
        return entry.user_message[:80]

    @admin.display(description="answer")
    def answer(self, entry: ConversationMemory) -> SafeString:
        return highlighted_json(entry.ai_response)

    @admin.display(description="context")
    def known(self, entry: ConversationMemory) -> SafeString:
        return highlighted_json(entry.context)
