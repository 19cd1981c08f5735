"""Run a stored backtest again from its manifest and compare every figure."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from auth_api.cli import UserCommand

if TYPE_CHECKING:
    from auth_api.models import User


class Command(UserCommand):
    help = "Run a backtest again from its manifest and its own prices; fails when a figure differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("run", type=int, help="the id of a completed run")

    def work(self, user: User, **options: Any) -> None:
        from strategy_api.engine import get_sandbox

        get_sandbox().warm_up(1)
        from backtest_api.selectors import completed_run
        from backtest_api.services import run_again

        run = completed_run(user=user, run_id=options["run"])
        result, different = run_again(run=run)
        if different:
            lines = [f"  {name}: {then} then, {now} now" for name, (then, now) in different.items()]
            versions = [
                f"  {name}: {version} then, {result.manifest['versions'].get(name)} now"
                for name, version in run.manifest["versions"].items()
                if version != result.manifest["versions"].get(name)
            ]
            raise CommandError("\n".join([f"Run {run.pk} differs:", *lines, *versions]))
        self.stdout.write(
            f"Run {run.pk} reproduced: all {len(result.metrics)} figures, the data and the code are the same"
        )
