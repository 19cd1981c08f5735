"""How well are sentences understood? The corpus of the tests, through the rules and through models."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auth_api.cli import UserCommand

if TYPE_CHECKING:
    from auth_api.models import User
    from Backtest.canonical import CanonicalStrategy

COLUMNS = ("exact", "equivalent", "asked", "wrong", "failed")


class Command(UserCommand):
    help = (
        "Run the corpus of sentences through the rules and, where one is configured, through a language model. exact: the strategy that "
        "is right; equivalent: another with the same trades; asked: no strategy but questions, which is right where the corpus has "
        "none; wrong: a strategy that trades otherwise; failed: no answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--corpus", type=Path, default=None, help="a folder of YAML files (default: that of the tests)"
        )
        parser.add_argument("--only", default="", help="one file of it, such as risk")
        parser.add_argument("--limit", type=int, default=0, help="so many sentences of each file")
        parser.add_argument("--rules-only", action="store_true", help="ask no model")
        parser.add_argument(
            "--json", action="store_true", help="print it as JSON, with every sentence that was not exact"
        )

    def work(self, user: User, **options: Any) -> None:
        import yaml
        from django.conf import settings
        from rich.console import Console
        from rich.table import Table

        from ai_api.selectors import user_budget
        from ai_api.services import UserLedger, get_models, models_configured
        from Backtest.errors import BudgetExceeded, InvalidInput, ModelUnavailable
        from Strategy.gemini_strategy_integrator import StrategyAnalyzer
        from Strategy.reading import parse_strategy

        folder = options["corpus"] or settings.BASE_DIR / "tests" / "corpus"
        files = sorted(p for p in folder.glob("*.yaml") if options["only"] in ("", p.stem))
        if not files:
            raise InvalidInput(
                f"There is no corpus {options['only']} in {folder}: name a folder of YAML files with --corpus"
            )
        models = get_models if models_configured() and not options["rules_only"] else None
        analyzer = StrategyAnalyzer(models, UserLedger(user, "eval_nl"))
        counts: dict[tuple[str, str], Counter[str]] = {}
        odd: list[dict[str, str]] = []
        spent = user_budget(user=user).spent
        for path in files:
            entries = yaml.safe_load(path.read_text(encoding="utf-8"))
            for entry in entries[: options["limit"] or None]:
                parsed = parse_strategy(entry["say"])
                found = {"rules": self._judged(entry, parsed.strategy)}
                if models is not None and entry["say"].strip():
                    try:
                        found["model"] = self._judged(entry, analyzer.read_by_model(parsed).parsed.strategy)
                    except BudgetExceeded:
                        raise
                    except ModelUnavailable:
                        found["model"] = "asked" if "refused" in entry else "failed"
                for reader, outcome in found.items():
                    counts.setdefault((path.stem, reader), Counter())[outcome] += 1
                    if outcome not in ("exact", "asked" if "refused" in entry else "exact"):
                        odd.append({"say": entry["say"], "reader": reader, "outcome": outcome})
        cost = user_budget(user=user).spent - spent
        rows: list[dict[str, Any]] = [
            {"corpus": stem, "reader": reader, **{c: count[c] for c in COLUMNS}}
            for (stem, reader), count in counts.items()
        ]
        if options["json"]:
            self.stdout.write(json.dumps({"rows": rows, "cost_usd": str(cost), "odd": odd}))
            return
        table = Table("corpus", "read by", *COLUMNS)
        for row in rows:
            table.add_row(*(str(row[c]) for c in ("corpus", "reader", *COLUMNS)))
        for reader in dict.fromkeys(r["reader"] for r in rows):
            table.add_row(
                "all", str(reader), *(str(sum(int(r[c]) for r in rows if r["reader"] == reader)) for c in COLUMNS)
            )
        console = Console(highlight=False)
        console.print(table)
        console.print(
            f"models: {', '.join(settings.LLM_MODEL) or 'none is configured, the rules answered'}; cost ${cost:.4f}"
        )

    @staticmethod
    def _judged(entry: dict[str, Any], found: CanonicalStrategy | None) -> str:
        from tests.Strategy.notation import comparable, expected

        if found is None:
            return "asked"
        if "refused" in entry:
            return "wrong"
        right = expected(entry)
        if comparable(found) == comparable(right):
            return "exact"
        return "equivalent" if _same_trades(found, right) else "wrong"


def _same_trades(found: CanonicalStrategy, right: CanonicalStrategy) -> bool:
    """Return whether two strategies trade alike on the first bundled prices of their time frame."""
    from Backtest.backtesting_adapter import run_backtest_from_canonical
    from Backtest.errors import AlgoAgentError
    from Backtest.verification.equivalence import ORDER, data_sets
    from strategy_api.engine import get_limits, get_sandbox

    if found.timeframe != right.timeframe or found.symbols != right.symbols:
        return False
    prices = next(data_sets(right.timeframe))
    try:
        ours, theirs = (
            run_backtest_from_canonical(s, prices, sandbox=get_sandbox(), limits=get_limits()).trades[ORDER]
            for s in (found, right)
        )
    except AlgoAgentError:
        return False
    return ours.equals(theirs)
