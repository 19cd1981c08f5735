"""Export the JSON Schema of canonical strategies."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Print the JSON Schema of canonical strategies, write it to a file, or check a file against it."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", type=Path, help="write it here")
        parser.add_argument("--check", type=Path, help="fail when this file is not the schema")

    def handle(self, *args: Any, **options: Any) -> None:
        from Backtest.canonical import json_schema

        text = json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"
        if path := options["check"]:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                raise CommandError(f"{path} is not the schema any more: run export_schema --output {path}")
            self.stdout.write(f"{path} is the schema")
        elif path := options["output"]:
            path.write_text(text, encoding="utf-8")
        else:
            self.stdout.write(text, ending="")
