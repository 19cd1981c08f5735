"""Delete the files of old backtests."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Delete the files of backtests older than ARTIFACT_RETENTION_DAYS, and of runs that are gone."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days", type=int, default=settings.ARTIFACT_RETENTION_DAYS, help="how old (default: %(default)s)"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")

    def handle(self, *args: Any, **options: Any) -> None:
        from backtest_api.results import artifacts_prune

        if options["days"] < 0:
            raise CommandError(f"--days {options['days']} is negative: use 0 or more")
        folders, size = artifacts_prune(days=options["days"], dry_run=options["dry_run"])
        verb = "would be deleted" if options["dry_run"] else "deleted"
        self.stdout.write(f"{folders} folders with {size / 2**20:.1f} MiB {verb}; the runs' figures stay")
