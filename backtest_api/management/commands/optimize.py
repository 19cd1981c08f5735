"""Search for the best numbers of a strategy, and say whether what was found is skill or luck."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING, Any

from backtest_api.cli import RunCommand

if TYPE_CHECKING:
    from auth_api.models import User

_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_RANGE = re.compile(rf"^({_NUMBER})(?:\.\.|:|-)({_NUMBER})(?:(?::|/)({_NUMBER}))?$")


def parameter(text: str) -> tuple[str, Any]:
    """Read `name=5:30`, `name=5:30:5` or `name=5,10,20`."""
    name, _, values = text.partition("=")
    if found := _RANGE.match(values.strip()):
        low, high, step = found.groups()
        return name.strip(), {"min": float(low), "max": float(high), **({"step": float(step)} if step else {})}
    try:
        return name.strip(), [float(v) for v in values.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no range: write name=5:30, name=5:30:5 or name=5,10,20") from None


def _is_range(word: str) -> bool:
    """Tell whether an argument is `name=range` and no sentence."""
    try:
        name, _ = parameter(word)
    except ArgumentTypeError:
        return False
    return "=" in word and not re.search(r"[\s<>]", name)


class Command(RunCommand):
    help = 'Optimise a sentence, a canonical JSON file or the id of a strategy: "rsi_period=5:30" or "the RSI period from 5 to 30".'

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "words",
            nargs="*",
            default=[],
            help='such as "the RSI period from 5 to 30", or "rsi_period=5:30" once or more',
        )
        parser.add_argument(
            "-p", "--parameter", action="append", type=parameter, default=[], metavar="NAME=MIN:MAX[:STEP]"
        )
        parser.add_argument("--constraint", default="", help='such as "fast < slow" or "where fast < slow"')
        parser.add_argument("--objective", action="append", help="such as sharpe_ratio; several give the Pareto front")
        parser.add_argument("--method", choices=["grid", "random", "tpe"])
        parser.add_argument("--max-tries", type=int)
        parser.add_argument("--seed", type=int)
        parser.add_argument("--workers", type=int, default=1, help="processes of this machine")

    def work(self, user: User, **options: Any) -> None:
        self.begin(options)
        from backtest_api.results import artifact_folder
        from backtest_api.searches import search_create, search_in_words
        from backtest_api.serializers import SearchSerializer
        from backtest_api.services import report_ensure, run_execute
        from backtest_api.terminal import print_parse, print_search
        from strategy_api.cli import load_strategy

        named = load_strategy(options["strategy"], user)
        request: dict[str, Any] = {}
        ranges = [*options["parameter"], *(parameter(w) for w in options["words"] if _is_range(w))]
        words = " ".join(w for w in options["words"] if not _is_range(w))
        if words or not ranges:
            request = search_in_words(named.canonical, words)
        request.setdefault("parameters", {}).update(dict(ranges))
        for name in ("constraint", "method", "max_tries", "seed"):
            if options[name]:
                request[name] = options[name]
        if options["objective"]:
            request["objective"] = options["objective"]
        run = search_create(
            user=user, request=request, canonical=named.canonical, strategy=named.stored, in_words=bool(words), here=True,
            reading=named.findings, **self.run_options(options),
        )  # fmt: skip
        run = run_execute(run=run, workers=options["workers"], report=not options["no_report"])
        if not options["no_report"]:
            report_ensure(run=run)
        if options["json"]:
            self.stdout.write(json.dumps(SearchSerializer(run).data, default=str))
            return
        if named.parsed is not None:
            print_parse(named.parsed, tested=True)
        print_search(run, artifact_folder(run))
