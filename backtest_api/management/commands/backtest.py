"""Backtest a sentence, a canonical JSON file or a stored strategy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from backtest_api.cli import RunCommand

if TYPE_CHECKING:
    from auth_api.models import User


class Command(RunCommand):
    help = 'Backtest a sentence ("Buy when RSI < 30, ..."), a canonical JSON file or the id of a strategy.'

    def work(self, user: User, **options: Any) -> None:
        self.begin(options)
        from backtest_api.assumed import assumptions_of
        from backtest_api.results import SUMMARY_FIELDS, artifact_folder
        from backtest_api.services import assumptions_dated, report_ensure, run_create, run_execute
        from backtest_api.terminal import print_parse, print_run
        from strategy_api.cli import load_strategy
        from strategy_api.engine import warm_kernel

        named = load_strategy(options["strategy"], user)
        run = run_create(
            user=user,
            canonical=named.canonical,
            strategy=named.stored,
            here=True,
            reading=named.findings,
            **self.run_options(options),
        )
        warm_kernel()  # while the sandbox runs the code: what follows from its decisions is computed here
        run = run_execute(run=run, report=not options["no_report"])
        assumptions = assumptions_dated(run=run, parsed=named.parsed) if named.parsed else assumptions_of(run)
        if not options["no_report"]:
            report_ensure(run=run)
        if options["json"]:
            figures = {name: getattr(run, name) for name in SUMMARY_FIELDS}
            understood = {"description": named.canonical.describe(), "assumptions": assumptions}
            found = {"id": run.pk, "summary": run.summary, **figures, "metrics": run.metrics, "warnings": run.warnings,
                     "isolated": run.isolated}  # fmt: skip
            self.stdout.write(json.dumps(found | run.outcome | understood))
            return
        if named.parsed is not None:
            print_parse(named.parsed, dated=assumptions, tested=True)
        print_run(run, artifact_folder(run))
