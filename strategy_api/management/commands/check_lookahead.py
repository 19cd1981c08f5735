"""Say whether a strategy's code knows the future."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auth_api.cli import UserCommand, day
from Backtest.errors import InvalidInput, StrategyError

if TYPE_CHECKING:
    from auth_api.models import User


class Command(UserCommand):
    help = "Run a file of strategy code on futures that differ, and report what it did differently before they do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="Python with one Strategy class")
        parser.add_argument("--symbol", default="GOOG")
        parser.add_argument("--start", type=day, help="first day, such as 2005-01-01")
        parser.add_argument("--end", type=day, help="last day")
        parser.add_argument("--timeframe", default="1d")
        parser.add_argument(
            "--timezone", default="", help="of intraday prices that do not say it, such as America/New_York"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def work(self, user: User, **options: Any) -> None:
        from strategy_api.actions import check_lookahead

        try:
            code = options["file"].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{options['file']} cannot be read: {error}") from error
        found = check_lookahead(
            user=user, code=code, symbol=options["symbol"], start_date=options["start"], end_date=options["end"],
            timeframe=options["timeframe"], timezone=options["timezone"],
        )  # fmt: skip
        if options["json"]:
            self.stdout.write(found.model_dump_json())
            return
        if found.clean:
            self.stdout.write(f"Nothing that was done depends on what came later, in {found.runs} runs.")
            return
        raise StrategyError("; ".join(f.text for f in found.findings))
