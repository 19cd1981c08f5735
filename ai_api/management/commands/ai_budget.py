"""Show what language models cost, and what is left."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Show the day's budgets of language models, what was spent and on what. All users, or one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", default="", help="of one user")
        parser.add_argument("--days", type=int, default=1, help="how many days, with today (default: %(default)s)")

    def handle(self, *_: Any, **options: Any) -> None:
        from django.conf import settings
        from rich.console import Console
        from rich.table import Table

        from ai_api import selectors
        from ai_api.models import ModelCall
        from auth_api.models import User

        if options["days"] < 1:
            raise CommandError(f"--days {options['days']}: give 1 or more")
        calls, budgets = ModelCall.objects.all(), [selectors.total_budget()]
        if options["user"]:
            user = User.objects.filter(username=options["user"]).first()
            if user is None:
                raise CommandError(f"There is no user {options['user'][:60]!r}")
            calls, budgets = selectors.calls_of(user=user), [selectors.user_budget(user=user), *budgets]
        console = Console(file=self.stdout, highlight=False, width=None if self.stdout.isatty() else 140)  # type: ignore[arg-type]
        console.print(f"models: {', '.join(settings.LLM_MODEL) or 'none, the rules answer'}", markup=False)
        for budget in budgets:
            console.print(
                f"today, {budget.whose}: ${budget.spent:.4f} spent of ${budget.limit}, ${budget.reserve} of it in reserve, "
                f"${budget.left:.4f} left until {budget.resets_at:%Y-%m-%d %H:%M} UTC"
            )
        table = Table("purpose", "model", "outcome", "calls", "tokens in", "tokens out", "US dollars", "mean ms")
        since = selectors.day_start() - timedelta(days=options["days"] - 1)
        for row in selectors.summed(calls.filter(created_at__gte=since)):
            latency = "" if row["mean_latency_ms"] is None else f"{row['mean_latency_ms']:.0f}"
            table.add_row(row["purpose"], row["model"], row["outcome"], str(row["calls"]), str(row["input_tokens"]),
                          str(row["output_tokens"]), f"{row['cost_usd']:.4f}", latency)  # fmt: skip
        console.print(table)
