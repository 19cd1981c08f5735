"""Try strategies in the terminal: words in; meaning, trades and figures out.

Run it from anywhere: `python Strategy/interactive_strategy_tester.py`, which starts this file, or piped, as in
`echo "Buy GOOG when RSI < 30, sell when RSI > 70" | python Strategy/interactive_strategy_tester.py --json`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "algoagent_api.settings")

if TYPE_CHECKING:
    from rich.console import Console

    from auth_api.models import User
    from backtest_api.models import BacktestRun
    from Strategy.reading import ParseResult

HELP = """Write a strategy: a sentence, numbered steps (end them with an empty line) or the URL of a page.
  :symbol GOOG     the symbol to test on            :from 2005-01-01   the first day
  :to 2010-12-31   the last day                     :run               test again
  :trades          all trades of the last test      :explain DATE      why a trade, or none, on a day
  :code            the generated Python             :save [NAME]       keep the strategy
  :export FILE     strategy and result as JSON      :chat              talk instead, and back again
  :import FILE [field=value ...]   prices of your own, such as :import AAPL.csv date_order=dmy
  :help  :quit"""


@dataclass
class Tester:
    """One sitting: the last strategy, its last run, and where to test."""

    user: User
    console: Console
    symbol: str = ""
    start: date | None = None
    end: date | None = None
    parsed: ParseResult | None = None
    run_done: BacktestRun | None = None
    chatting: bool = False
    session: str = ""
    commands: dict[str, Callable[[str], None]] = field(init=False)

    def __post_init__(self) -> None:
        self.commands = {
            "symbol": self._symbol, "from": self._from, "to": self._to, "run": self._run, "trades": self._trades,
            "explain": self._explain, "code": self._code, "save": self._save, "export": self._export, "help": self._help,
            "chat": self._chat, "import": self._import,
        }  # fmt: skip

    # A strategy ------------------------------------------------------------------------------

    def read(self, text: str) -> ParseResult:
        """Parse a strategy, fetched first where the text is a URL."""
        from Strategy.reading import MAX_LENGTH
        from Strategy.web.text import fetch_text
        from strategy_api.services import understand

        text = text.strip()
        if text.lower().startswith(("http://", "https://")) and len(text.split()) == 1:
            text = fetch_text(text)
            if len(text) > MAX_LENGTH:
                self.console.print(f"The page has {len(text)} characters; the first {MAX_LENGTH} are read.")
                text = text[:MAX_LENGTH]
        self.parsed, self.run_done = understand(user=self.user, text=text).parsed, None
        return self.parsed

    def test(self) -> BacktestRun:
        """Backtest the last strategy, with a progress bar on a terminal."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        from backtest_api.services import report_ensure, run_create, run_execute

        if self.parsed is None:
            raise self._bad("There is no strategy yet: write one first")
        canonical = self.parsed.require()
        columns = (TextColumn("{task.description:<22}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            task = bar.add_task("reading prices", total=3)
            run = run_create(
                user=self.user,
                canonical=canonical,
                symbol=self.symbol or None,
                start_date=self.start,
                end_date=self.end,
                here=True,
                reading=self.parsed.diagnostics,
            )
            bar.update(task, advance=1, description="running the backtest")
            self.run_done = run_execute(run=run)
            bar.update(task, advance=1, description="drawing the report")
            if self.console.is_terminal:
                report_ensure(run=self.run_done)
            bar.update(task, advance=1)
        return self.run_done

    def talk(self, line: str) -> None:
        """Answer a line as the conversation over REST does."""
        from chat_api.services import converse

        for event in converse(user=self.user, message=line, session_id=self.session, here=True):
            self.session = event.data.get("session_id", self.session)
            if event.kind == "text":
                self.console.print(event.data["text"], end="", markup=False, soft_wrap=True)
        self.console.print()

    def answer(self, line: str) -> None:
        """Answer a line: a command, a strategy, or what is said in a conversation."""
        from backtest_api.terminal import print_parse

        if line.startswith(":"):
            name, _, argument = line[1:].partition(" ")
            command = self.commands.get(name.lower())
            if command is None:
                raise self._bad(f"Unknown command :{name[:20]}; :help lists them")
            command(argument.strip())
            return
        if self.chatting:
            self.talk(line)
            return
        from backtest_api.services import assumptions_dated

        parsed = self.read(line)
        testable = parsed.strategy is not None and bool(self.symbol or parsed.strategy.symbols)
        dated = assumptions_dated(run=self.test(), parsed=parsed) if testable else None
        print_parse(parsed, self.console, dated=dated, tested=testable)
        for question in parsed.questions:
            self.console.print(f"? {question}", markup=False)
        if testable:
            self._print_run()
        elif parsed.strategy is not None:
            self.console.print("Name a symbol to test it on, such as [bold]:symbol GOOG[/bold]")

    @staticmethod
    def _bad(message: str) -> Exception:
        from Backtest.errors import InvalidInput

        return InvalidInput(message)

    # Commands --------------------------------------------------------------------------------

    def _symbol(self, argument: str) -> None:
        self.symbol = argument.upper()
        if self.parsed is not None and self.parsed.strategy is not None and argument:
            self._run("")

    def _day(self, argument: str) -> date | None:
        from Backtest.market import day_of

        try:
            return day_of(argument) if argument else None
        except ValueError as error:
            raise self._bad(str(error)) from None

    def _from(self, argument: str) -> None:
        self.start = self._day(argument)

    def _to(self, argument: str) -> None:
        self.end = self._day(argument)

    def _run(self, argument: str) -> None:
        self.test()
        self._print_run()

    def _print_run(self) -> None:
        from backtest_api.results import artifact_folder
        from backtest_api.terminal import print_run

        run = self._last_run()
        print_run(run, artifact_folder(run), self.console)

    def _last_run(self) -> BacktestRun:
        if self.run_done is None:
            raise self._bad("There is no backtest yet: write a strategy, or :run")
        return self.run_done

    def _trades(self, argument: str) -> None:
        from backtest_api.results import artifact_folder
        from backtest_api.terminal import print_trades

        print_trades(artifact_folder(self._last_run()), self.console)

    def _explain(self, argument: str) -> None:
        from backtest_api.services import parse_time, run_explain
        from backtest_api.terminal import print_explanation

        print_explanation(run_explain(run=self._last_run(), at=parse_time(argument)), self.console)

    def _code(self, argument: str) -> None:
        from rich.syntax import Syntax

        from Backtest.code import generate_code

        if self.parsed is None:
            raise self._bad("There is no strategy yet: write one first")
        self.console.print(Syntax(generate_code(self.parsed.require()).code, "python", background_color="default"))

    def _save(self, argument: str) -> None:
        from strategy_api.services import strategy_create

        if self.parsed is None:
            raise self._bad("There is no strategy yet: write one first")
        saved = strategy_create(user=self.user, user_description=self.parsed.text, name=argument[:120])
        self.console.print(f"saved as strategy {saved.pk}: {saved.name}", markup=False)

    def _export(self, argument: str) -> None:
        if not argument:
            raise self._bad("Name a file, as in :export strategy.json")
        path = Path(argument).expanduser()
        try:
            path.write_text(json.dumps(self.as_dict(), indent=2), encoding="utf-8")
        except OSError as error:
            raise self._bad(f"{path} cannot be written: {error.strerror}") from error
        self.console.print(f"written to {path.resolve()}", markup=False)

    def _import(self, argument: str) -> None:
        from Backtest.market import bars_of
        from data_api.services import dataset_file_content, dataset_upload, import_choices

        try:
            words = shlex.split(argument)
        except ValueError as error:
            raise self._bad(f"{argument[:40]} cannot be read: {error}") from None
        if not words:
            raise self._bad("Name a file, as in :import AAPL.csv")
        given = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        if len(given) < len(words) - 1:
            raise self._bad("Answers follow the file as field=value, as in :import AAPL.csv date_order=dmy")
        path = Path(words[0]).expanduser()
        content = dataset_file_content(path=path)
        for found in dataset_upload(user=self.user, name=path.name, content=content, choices=import_choices(given)):
            self.symbol = found.symbol
            self.console.print(f"{found.symbol}: {bars_of(found.timeframe, found.rows)} from {path.name}", markup=False)
            for note in found.notes:
                self.console.print(f"! {note}", markup=False)

    def _chat(self, argument: str) -> None:
        self.chatting = not self.chatting
        self.console.print("Talk; :chat goes back to strategies." if self.chatting else "Strategies again.")
        if argument:
            self.talk(argument)

    def _help(self, argument: str) -> None:
        self.console.print(HELP, markup=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the last strategy and its run as JSON data."""
        if self.parsed is None:
            raise self._bad("There is no strategy yet: write one first")
        strategy, run = self.parsed.strategy, self.run_done
        return {
            "text": self.parsed.text,
            "canonical_json": strategy.model_dump(mode="json") if strategy else None,
            "description": strategy.describe() if strategy else "",
            "assumptions": [a.__dict__ for a in self.parsed.assumptions],
            "diagnostics": [d.as_dict() for d in self.parsed.diagnostics],
            "clarifying_questions": list(self.parsed.questions),
            "run": None if run is None else {
                "id": run.pk, "symbol": run.symbol, "timeframe": run.timeframe, "data_source": run.data_source,
                "summary": run.summary, "metrics": run.metrics, "warnings": run.warnings,
                "ranges": run.ranges, "trials": run.outcome.get("trials"), "isolated": run.isolated,
            },
        }  # fmt: skip


def piped(tester: Tester, text: str, *, as_json: bool) -> int:
    """Answer one text from standard input; return the exit status: 1 when it is no strategy."""
    from auth_api.cli import error_text
    from Backtest.errors import AlgoAgentError

    error: AlgoAgentError | None = None
    try:
        if as_json:
            parsed = tester.read(text)
            if parsed.strategy is not None and (tester.symbol or parsed.strategy.symbols):
                tester.test()
        else:
            tester.answer(text)
    except AlgoAgentError as found:
        error = found
    if as_json:
        answer = tester.as_dict() if tester.parsed is not None else {"text": text}
        print(json.dumps({**answer, "error": error_text(error) if error else None}))
    elif error is not None:
        print(error_text(error), file=sys.stderr)
    understood = tester.parsed is not None and tester.parsed.strategy is not None
    return 0 if understood and error is None else 1


def piped_talk(tester: Tester, lines: Iterable[str]) -> int:
    """Hold a conversation, a message a line; return the exit status."""
    from auth_api.cli import error_text
    from Backtest.errors import AlgoAgentError

    for line in lines:
        try:
            if line.strip():
                tester.talk(line.strip())
        except AlgoAgentError as error:
            print(error_text(error), file=sys.stderr)
            return 1
    return 0


def converse(tester: Tester) -> int:
    """Read lines with history until :quit or the end of input."""
    from django.conf import settings
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory

    from auth_api.cli import error_text
    from Backtest.errors import AlgoAgentError

    session: PromptSession[str] = PromptSession(history=FileHistory(str(settings.VAR_DIR / "tester_history")))
    tester.console.print("[bold]AlgoAgent[/bold]  write a strategy, or :help")
    while True:
        try:
            line = session.prompt("strategy> ").strip()
            if line[:1].isdigit() or line.startswith(("-", "*", "•")) or line.endswith(":"):
                while more := session.prompt("... ").strip():
                    line += "\n" + more
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if line.lower() in (":quit", ":q", ":exit"):
            return 0
        if not line:
            continue
        try:
            tester.answer(line)
        except AlgoAgentError as error:
            tester.console.print(error_text(error), style="red", markup=False)


def main(arguments: list[str] | None = None) -> int:
    """Start the tester; return the exit status."""
    parser = argparse.ArgumentParser(description="Try trading strategies in plain words.")
    parser.add_argument("--json", action="store_true", help="read a strategy from standard input and print JSON")
    parser.add_argument("--symbol", default="", help="the symbol to test on")
    parser.add_argument("--chat", action="store_true", help="talk: describe, change, test, ask why")
    parser.add_argument("--user", default="local", help="whose strategies and runs (default: local)")
    options = parser.parse_args(arguments)

    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError, InterfaceError

    try:
        django.setup()
        return start(options, parser)
    except ImproperlyConfigured as error:
        print(f"The settings cannot work: {error}", file=sys.stderr)
        return 2
    except (DatabaseError, InterfaceError) as error:
        from algoagent_api.tables import told

        print(told(error), file=sys.stderr)
        return 1


def start(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Make the tables that are missing, and answer or converse; Django is set up."""
    from django.core.management import call_command
    from rich.console import Console

    from auth_api.cli import local_user
    from Backtest.errors import InvalidInput
    from strategy_api.engine import get_sandbox

    get_sandbox().warm_up(1)
    call_command("migrate", verbosity=0)
    try:
        user = local_user(options.user)
    except InvalidInput as error:
        parser.error(error.message)
    tester = Tester(user, Console(highlight=False), symbol=options.symbol.upper(), chatting=options.chat)
    if options.chat and not sys.stdin.isatty():
        return piped_talk(tester, sys.stdin)
    if options.json or not sys.stdin.isatty():
        return piped(tester, sys.stdin.read(), as_json=options.json)
    return converse(tester)


if __name__ == "__main__":
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of libraries are for who develops; python -W default shows them
    sys.exit(main())
