"""Backtest runs in the admin, with their figures and files."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from auth_api.admin import ReadOnlyAdmin, bullet_list, highlighted, highlighted_json
from backtest_api.models import BacktestJob, BacktestRun, Worker
from backtest_api.written import figure, number


@admin.register(BacktestJob)
class BacktestJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "request", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "notes")


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("name", "concurrency", "sandbox", "isolated", "started_at", "seen_at")


@admin.register(BacktestRun)
class BacktestRunAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "strategy", "symbol", "timeframe", "status", "total_return", "sharpe", "drawdown",
                    "total_trades", "created_at")  # fmt: skip
    list_filter = ("status", "symbol", "timeframe", "data_source", "created_at")
    list_select_related = ("user", "strategy")
    search_fields = ("symbol", "strategy__name", "user__username", "summary")
    date_hierarchy = "created_at"
    fieldsets: ClassVar = (
        (None, {"fields": ("user", "strategy_link", "strategy_version", "status", "summary", "error", "files")}),
        ("Prices", {"fields": ("symbol", "timeframe", "start_date", "end_date", "data_source", "data_sha256")}),
        ("Figures", {"fields": ("figures", "notes")}),
        ("Code", {"fields": ("code_sha256", "code")}),
        ("Search, ranges and tries", {"fields": ("asked_for", "found")}),
        ("Manifest", {"fields": ("made_of", "duration_ms", "created_at", "finished_at")}),
        ("Queue", {"fields": ("attempts", "worker", "beat", "cancel_requested", "started_at", "job")}),
    )

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.file_view)
        return [path("<int:run_id>/files/<str:name>", view, name="backtest_api_run_file"), *super().get_urls()]

    def file_view(self, request: HttpRequest, run_id: int, name: str) -> FileResponse:
        """Give an artifact to staff who may see the run."""
        from backtest_api.results import artifact_folder
        from backtest_api.services import REPORT_POLICY, report_ensure

        run = BacktestRun.objects.filter(pk=run_id).first()
        if run is None:
            raise Http404
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        if name == "report.html" and run.status == BacktestRun.Status.COMPLETED:
            report_ensure(run=run)
        files = {p.name: p for p in artifact_folder(run).iterdir()} if artifact_folder(run).is_dir() else {}
        if name not in files:
            raise Http404
        response = FileResponse(files[name].open("rb"), as_attachment=name != "report.html")
        response["Content-Security-Policy"] = REPORT_POLICY
        return response

    @admin.display(description="return", ordering="total_return_pct")
    def total_return(self, run: BacktestRun) -> str:
        return number(run.total_return_pct, " %")

    @admin.display(description="Sharpe", ordering="sharpe_ratio")
    def sharpe(self, run: BacktestRun) -> str:
        return number(run.sharpe_ratio)

    @admin.display(description="drawdown", ordering="max_drawdown")
    def drawdown(self, run: BacktestRun) -> str:
        return number(run.max_drawdown, " %")

    @admin.display(description="strategy")
    def strategy_link(self, run: BacktestRun) -> SafeString | str:
        if run.strategy is None:
            return "-"
        url = reverse("admin:strategy_api_strategy_change", args=[run.strategy.pk])
        return format_html('<a href="{}">{}</a>', url, run.strategy)

    @admin.display(description="files")
    def files(self, run: BacktestRun) -> SafeString | str:
        if run.status != BacktestRun.Status.COMPLETED:
            return "-"
        names = ("report.html", "trades.csv", "equity_curve.csv", "strategy.py", "manifest.json")
        links = ((reverse("admin:backtest_api_run_file", args=[run.pk, n]), n) for n in names)
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    @admin.display(description="metrics")
    def figures(self, run: BacktestRun) -> SafeString:
        from Backtest.kernel.definitions import label  # keeps the start of every command fast

        rows = ((label(name), figure(name, value)) for name, value in run.metrics.items())
        return format_html(
            "<table>{}</table>", format_html_join("", '<tr><td style="padding-right:2em">{}</td><td>{}</td></tr>', rows)
        )

    @admin.display(description="warnings")
    def notes(self, run: BacktestRun) -> SafeString:
        return bullet_list(run.warnings)

    @admin.display(description="code")
    def code(self, run: BacktestRun) -> SafeString | str:
        from backtest_api.results import artifact_folder  # keeps the start of every command fast

        path = artifact_folder(run) / "strategy.py"
        return highlighted(path.read_text(encoding="utf-8"), "python") if path.is_file() else "-"

    @admin.display(description="search")
    def asked_for(self, run: BacktestRun) -> SafeString | str:
        return highlighted_json(run.search) if run.search else "-"

    @admin.display(description="found")
    def found(self, run: BacktestRun) -> SafeString:
        return highlighted_json(run.outcome)

    @admin.display(description="manifest")
    def made_of(self, run: BacktestRun) -> SafeString:
        return highlighted_json(run.manifest)
