"""Fetch prices and keep them as a data set."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from auth_api.cli import UserCommand, day
from Backtest.market import TIMEFRAMES, bars_of

if TYPE_CHECKING:
    from auth_api.models import User


class Command(UserCommand):
    help = "Fetch prices with indicators, keep them as a Parquet data set and report their quality."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("symbol", help="such as GOOG")
        parser.add_argument("--start", type=day, help="first day, such as 2005-01-01")
        parser.add_argument("--end", type=day, help="last day")
        parser.add_argument("--period", default="", help="instead of dates: 60d, 3mo, 2y, ytd or max")
        parser.add_argument(
            "--interval", default="1d", choices=TIMEFRAMES, metavar="INTERVAL",
            help=f"the time frame: {', '.join(TIMEFRAMES)} (default: %(default)s)",
        )  # fmt: skip
        parser.add_argument(
            "--indicator", action="append", default=[], help='such as RSI or \'{"name": "SMA", "timeperiod": 50}\''
        )
        parser.add_argument("--json", action="store_true", help="print it as JSON")

    def work(self, user: User, **options: Any) -> None:
        from rich.console import Console
        from rich.table import Table

        from data_api.actions import dataset_fetch
        from data_api.selectors import dataset_preview

        indicators = [json.loads(i) if i.lstrip().startswith("{") else {"name": i} for i in options["indicator"]]
        found = dataset_fetch(
            user=user, symbol=options["symbol"], interval=options["interval"], start_date=options["start"],
            end_date=options["end"], period=options["period"], indicators=indicators,
        )  # fmt: skip
        if options["json"]:
            fields = (
                "symbol",
                "timeframe",
                "source",
                "adjustment",
                "rows",
                "columns",
                "sha256",
                "path",
                "quality",
                "notes",
            )
            self.stdout.write(json.dumps({name: getattr(found, name) for name in fields}))
            return
        console = Console(highlight=False)
        console.print(f"{found.symbol}: {bars_of(found.timeframe, found.rows)}, {found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}, "
                      f"{found.source}, adjusted for {found.adjustment}")  # fmt: skip
        rows = dataset_preview(found)
        table = Table(box=None, pad_edge=False)
        for name in rows[-1]:
            table.add_column(name, justify="left" if name == "time" else "right")
        for row in rows[-5:]:
            table.add_row(*(str(v) if k == "time" else "-" if v is None else f"{v:.6g}" for k, v in row.items()))
        console.print(table)
        doubts = {k: v["count"] for k, v in found.quality.items() if isinstance(v, dict) and v["count"]}
        console.print(f"quality: {', '.join(f'{n} {k}' for k, n in doubts.items()) or 'nothing doubtful'}")
        for note in found.notes:
            console.print(f"! {note}")
        console.print(found.path, soft_wrap=True)
