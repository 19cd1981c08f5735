"""Write a strategy in another language."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from auth_api.cli import UserCommand

if TYPE_CHECKING:
    from auth_api.models import User


class Command(UserCommand):
    help = "Write a sentence, a canonical JSON file or a stored strategy as Pine Script v6, or in its notation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("strategy", help="a sentence, a .json or .txt file, or a strategy's id")
        parser.add_argument("--to", choices=["pine", "notation"], default="pine")

    def work(self, user: User, **options: Any) -> None:
        from strategy_api.cli import load_strategy
        from strategy_api.services import strategy_export

        self.stdout.write(strategy_export(load_strategy(options["strategy"], user).canonical, options["to"]).text)
