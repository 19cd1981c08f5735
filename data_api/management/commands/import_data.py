"""Import a file of prices as vendors export them, or show what would be understood of it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auth_api.cli import UserCommand

if TYPE_CHECKING:
    from rich.console import Console

    from auth_api.models import User
    from Backtest.data.importing import ImportChoices, UnderstoodFile

CHOICES = (
    "symbol", "timeframe", "date_order", "epoch_unit", "decimal", "timezone", "symbol_in_file", "sheet", "columns", "adjustment",
    "nonpositive", "duplicates",
)  # fmt: skip


class Command(UserCommand):
    help = "Import a file of prices (CSV, Excel, JSON, Parquet, zip) as a data set; --preview only shows what is understood."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", help="such as AAPL.csv")
        parser.add_argument("--preview", action="store_true", help="show what is understood and store nothing")
        parser.add_argument("--json", action="store_true", help="print it as JSON")
        parser.add_argument("--symbol", default="", help="the name the prices get (default: the file's own)")
        parser.add_argument("--timeframe", default="", help="such as 1d or 5m (default: that of the bars)")
        parser.add_argument("--timezone", default="", help="of times without an offset, such as America/New_York")
        parser.add_argument("--date-order", default="", choices=["dmy", "mdy", "ymd"], help="the order in dates")
        parser.add_argument(
            "--epoch-unit", default="", choices=["s", "ms", "us", "ns", "excel"], help="of numeric times"
        )
        parser.add_argument("--decimal", default="", choices=[".", ","], help="the decimal mark")
        parser.add_argument("--symbol-in-file", default="", help="which of several symbols; * stores each")
        parser.add_argument("--sheet", default="", help="which sheet of a workbook")
        parser.add_argument("--columns", default="", help="the columns in their order: time,open,high,low,close,volume")
        parser.add_argument(
            "--adjustment", default="", choices=["adjusted", "none"], help="use the adjusted close, or not"
        )
        parser.add_argument("--nonpositive", default="", choices=["drop"], help="leave out prices at or below zero")
        parser.add_argument(
            "--duplicates",
            default="",
            choices=["first", "last", "refuse"],
            help="which of several bars of one time, or none of them",
        )

    def work(self, user: User, **options: Any) -> None:
        from rich.console import Console

        from Backtest.data.importing import ImportChoices
        from data_api.services import dataset_file_content, dataset_preview_file

        given = {name: options[name] for name in CHOICES}
        choices = ImportChoices(**{**given, "symbol": given["symbol"].upper()})
        path = Path(options["file"]).expanduser()
        content = dataset_file_content(path=path)
        if not options["preview"]:
            self._store(user, path.name, content, choices, as_json=options["json"])
            return
        understood = dataset_preview_file(name=path.name, content=content, choices=choices)
        if options["json"]:
            from data_api.serializers import PreviewSerializer

            self.stdout.write(json.dumps(PreviewSerializer(understood).data, default=str))
        else:
            print_understood(understood, Console(highlight=False))

    def _store(self, user: User, name: str, content: bytes, choices: ImportChoices, *, as_json: bool) -> None:
        from Backtest.market import bars_of
        from data_api.services import dataset_upload

        stored = dataset_upload(user=user, name=name, content=content, choices=choices)
        fields = ("id", "symbol", "timeframe", "timezone", "adjustment", "rows", "sha256", "path", "quality", "notes")
        if as_json:
            self.stdout.write(json.dumps([{field: getattr(found, field) for field in fields} for found in stored]))
            return
        for found in stored:
            zone = f", {found.timezone}" if found.timezone else ""
            self.stdout.write(
                f"{found.symbol}: {bars_of(found.timeframe, found.rows)}, {found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}{zone}, "
                f"adjustment: {found.adjustment}"
            )
            for note in found.notes:
                self.stdout.write(f"! {note}")


def print_understood(understood: UnderstoodFile, console: Console) -> None:
    """Print what was understood of a file: a line for each fact, the first and last rows, what is open."""
    from rich.table import Table

    facts = Table(box=None, show_header=False, pad_edge=False)
    columns = ", ".join(f"{part} = {name}" for part, name in understood.columns.items())
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in understood.counts.items())
    for name, value in (
        ("vendor", understood.vendor or "unknown"), ("columns", columns), ("symbol", understood.symbol or "not given"),
        ("time frame", understood.timeframe), ("zone", understood.timezone or "none"), ("adjustment", understood.adjustment),
        ("rows", counts),
    ):  # fmt: skip
        facts.add_row(name, value)
    console.print(facts)
    rows = [*understood.first_rows, *understood.last_rows]
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "time" else "right")
    for row in rows:
        table.add_row(*(f"{value:.10g}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table)
    for mark, lines in (("!", understood.warnings), ("-", understood.notes)):
        for line in lines:
            console.print(f"{mark} {line}", markup=False)
    for question in understood.questions:
        answers = f" ({', '.join(question.choices)})" if question.choices else ""
        must = "" if question.blocking else " [may stay open]"
        console.print(f"? {question.text} --{question.field.replace('_', '-')}{answers}{must}", markup=False)
