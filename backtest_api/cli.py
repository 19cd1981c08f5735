"""What commands that run a strategy on prices share."""

from __future__ import annotations

import math
from argparse import ArgumentParser
from typing import Any

from auth_api.cli import UserCommand, day
from Backtest.errors import InvalidInput


class RunCommand(UserCommand):
    """A command with a strategy, the prices it runs on and its costs."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("strategy", help="a sentence, a .json or .txt file, or a strategy's id")
        parser.add_argument("--symbol", help="such as GOOG; the strategy's first by default")
        parser.add_argument("--start", type=day, help="first day, such as 2005-01-01")
        parser.add_argument("--end", type=day, help="last day")
        parser.add_argument("--timeframe", help="such as 1d or 1h")
        parser.add_argument("--timezone", help="of intraday prices that do not say it, such as America/New_York")
        parser.add_argument("--cash", type=float)
        parser.add_argument("--commission", type=float, help="a fraction: 0.001 is 0.1%%")
        parser.add_argument("--spread", type=float, help="a fraction")
        parser.add_argument("--no-report", action="store_true", help="leave out the HTML report")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    @staticmethod
    def begin(options: dict[str, Any]) -> None:
        """Start an interpreter, which imports what it needs while this process does."""
        from strategy_api.engine import get_sandbox

        get_sandbox().draws = not options["no_report"]
        get_sandbox().warm_up(1)

    @staticmethod
    def run_options(options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of `run_create`."""
        same = {name: options[name] for name in ("symbol", "timeframe", "timezone", "cash", "commission", "spread")}
        for name in ("cash", "commission", "spread"):
            if same[name] is not None and not math.isfinite(same[name]):
                such = "10000" if name == "cash" else "0.001"
                raise InvalidInput(f"--{name} {same[name]:g} is no amount: give a number such as {such}")
        return {**same, "start_date": options["start"], "end_date": options["end"]}
