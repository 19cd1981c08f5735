"""Write the backtesting.py code of a strategy."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from auth_api.cli import UserCommand

if TYPE_CHECKING:
    from auth_api.models import User


class Command(UserCommand):
    help = "Write the backtesting.py code of a sentence, a canonical JSON file or a stored strategy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("strategy", help="a sentence, a .json or .txt file, or a strategy's id")
        parser.add_argument("--save", action="store_true", help="write it to CODES_DIR as well, and say where")

    def work(self, user: User, **options: Any) -> None:
        from pathlib import Path

        from django.conf import settings
        from django.core.management.base import CommandError

        from Backtest.code import generate_code, write_code
        from strategy_api.actions import code_generate_from_canonical
        from strategy_api.cli import load_strategy

        named = load_strategy(options["strategy"], user)
        generated = generate_code(named.canonical)
        self.stdout.write(generated.code, ending="")
        if not options["save"]:
            return
        try:
            if named.stored is not None:
                where = code_generate_from_canonical(user=user, strategy=named.stored).file_path
            else:
                name, key = named.canonical.strategy_name, named.canonical.content_hash()[:10]
                where = write_code(generated, name=name, folder=Path(settings.CODES_DIR), key=key)
        except OSError as error:
            raise CommandError(f"The code could not be written to {settings.CODES_DIR}: {error.strerror}") from error
        self.stderr.write(str(where))
