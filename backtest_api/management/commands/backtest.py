"""Backtest a sentence, a canonical JSON file or a stored strategy."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = 'Backtest a sentence ("Buy when RSI < 30, ..."), a canonical JSON file or the id of a strategy.'

    requires_system_checks = ()  # they would import every view

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("strategy", help="a sentence, a .json or .txt file, or a strategy's id")
        parser.add_argument("--symbol", help="such as GOOG; the strategy's first by default")
        parser.add_argument("--start", type=date.fromisoformat, help="first day, such as 2005-01-01")
        parser.add_argument("--end", type=date.fromisoformat, help="last day")
        parser.add_argument("--timeframe", help="such as 1d or 1h")
        parser.add_argument("--cash", type=float)
        parser.add_argument("--commission", type=float, help="a fraction: 0.001 is 0.1%%")
        parser.add_argument("--spread", type=float, help="a fraction")
        parser.add_argument("--user", default="local", help="whose run it is (default: local)")
        parser.add_argument("--no-report", action="store_true", help="leave out the HTML report")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        from Backtest.errors import AlgoAgentError
        from backtest_api.engine import get_sandbox
        from backtest_api.reports import print_parse, print_run
        from backtest_api.services import artifact_folder, run_create, run_execute

        sandbox = get_sandbox()
        sandbox.warm_up(1)  # its imports run beside ours
        try:
            user = local_user(options["user"])
            strategy, canonical, parsed = load_strategy(options["strategy"], user)
            run = run_create(
                user=user, canonical=canonical, strategy=strategy, symbol=options["symbol"], start_date=options["start"],
                end_date=options["end"], timeframe=options["timeframe"], cash=options["cash"],
                commission=options["commission"], spread=options["spread"],
            )  # fmt: skip
            run = run_execute(run=run, report=not options["no_report"])
        except AlgoAgentError as error:
            raise CommandError(explain(error)) from None
        if options["json"]:
            self.stdout.write(
                json.dumps({"run": run.pk, "summary": run.summary, "metrics": run.metrics, "warnings": run.warnings})
            )
            return
        if parsed is not None:
            print_parse(parsed)
        print_run(run, artifact_folder(run))


def local_user(name: str) -> Any:
    """Return the user the command line works for, created when it does not exist."""
    from auth_api.models import User

    user, created = User.objects.get_or_create(username=name, defaults={"email": f"{name}@localhost.invalid"})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def load_strategy(source: str, user: Any) -> tuple[Any, Any, Any]:
    """Return (stored strategy, canonical, parse) of an id, a file or a sentence."""
    from Backtest.diagnostics import load_canonical
    from Backtest.errors import InvalidInput, NotFound
    from Strategy.text_parser import parse_strategy
    from strategy_api.models import Strategy

    if source.isdigit():
        stored = Strategy.objects.filter(pk=int(source), user=user).first()
        if stored is None:
            raise NotFound(f"There is no strategy {source} of {user.username}")
        return stored, load_canonical(stored.canonical_json).require(), None
    if source.endswith((".json", ".txt")) and "\n" not in source:
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{source} cannot be read: {error}") from error
        if source.endswith(".json"):
            try:
                return None, load_canonical(json.loads(text)).require(), None
            except json.JSONDecodeError as error:
                raise InvalidInput(f"{source} is not JSON: {error}") from error
        source = text
    parsed = parse_strategy(source)
    return None, parsed.require(), parsed


def explain(error: Any) -> str:
    """Return an error with its findings, remedies and questions as text."""
    lines = [error.message]
    for d in error.details:
        lines.append(f"  {d.severity}: {d.message}" + (f" ({d.suggestion})" if d.suggestion else ""))
    lines += [f"  ? {question}" for question in error.questions]
    if getattr(error, "traceback", ""):
        lines.append(error.traceback)
    return "\n".join(lines)
