"""Backtest a sentence, a canonical JSON file or a stored strategy."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import date
from typing import TYPE_CHECKING, Any

from auth_api.cli import UserCommand

if TYPE_CHECKING:
    from auth_api.models import User


class Command(UserCommand):
    help = 'Backtest a sentence ("Buy when RSI < 30, ..."), a canonical JSON file or the id of a strategy.'

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("strategy", help="a sentence, a .json or .txt file, or a strategy's id")
        parser.add_argument("--symbol", help="such as GOOG; the strategy's first by default")
        parser.add_argument("--start", type=date.fromisoformat, help="first day, such as 2005-01-01")
        parser.add_argument("--end", type=date.fromisoformat, help="last day")
        parser.add_argument("--timeframe", help="such as 1d or 1h")
        parser.add_argument("--cash", type=float)
        parser.add_argument("--commission", type=float, help="a fraction: 0.001 is 0.1%%")
        parser.add_argument("--spread", type=float, help="a fraction")
        parser.add_argument("--no-report", action="store_true", help="leave out the HTML report")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def work(self, user: User, **options: Any) -> None:
        from strategy_api.engine import get_sandbox, warm_kernel

        get_sandbox().draws = not options["no_report"]
        get_sandbox().warm_up(1)  # its imports run beside ours
        warm_kernel()
        from backtest_api.reports import print_parse, print_run
        from backtest_api.services import SUMMARY_FIELDS, artifact_folder, assumptions_dated, run_create, run_execute
        from strategy_api.cli import load_strategy

        named = load_strategy(options["strategy"], user)
        run = run_create(
            user=user, canonical=named.canonical, strategy=named.stored, symbol=options["symbol"],
            start_date=options["start"], end_date=options["end"], timeframe=options["timeframe"], cash=options["cash"],
            commission=options["commission"], spread=options["spread"], here=True,
        )  # fmt: skip
        run = run_execute(run=run, report=not options["no_report"])
        assumptions = assumptions_dated(run=run, parsed=named.parsed) if named.parsed else []
        if options["json"]:
            figures = {name: getattr(run, name) for name in SUMMARY_FIELDS}
            understood = {"description": named.canonical.describe(), "assumptions": assumptions}
            found = {"id": run.pk, "summary": run.summary, **figures, "metrics": run.metrics, "warnings": run.warnings}
            self.stdout.write(json.dumps(found | understood))
            return
        if named.parsed is not None:
            print_parse(named.parsed, dated=assumptions)
        print_run(run, artifact_folder(run))
