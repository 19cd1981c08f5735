"""Tell why a backtest traded, or did not, at a bar."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from auth_api.cli import UserCommand

if TYPE_CHECKING:
    from auth_api.models import User


class Command(UserCommand):
    help = "Tell why a backtest traded, or did not, at a bar: every rule with the values it saw."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("run", type=int, help="the id of a completed run")
        parser.add_argument("--at", required=True, help="a date or time, such as 2008-03-03")
        parser.add_argument("--json", action="store_true", help="print it as JSON")

    def work(self, user: User, **options: Any) -> None:
        from backtest_api import actions
        from backtest_api.terminal import print_explanation

        found = actions.explain(user=user, run_id=options["run"], at=options["at"])
        if options["json"]:
            self.stdout.write(json.dumps(found))
        else:
            print_explanation(found)
