"""What is left when a process is killed at each of its steps: python -m tests.killed deploy|upload|chat.

A step is a statement that changes the database, a commit, a file opened for writing, renamed or removed, or a folder made or removed. What is
tried runs in a fork that kills itself at its first step, in the next at its second, and so on until one comes through; after each
kill the parent looks, as a server does that is started again, and fails on the first thing that is wrong.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402

from auth_api.models import User  # noqa: E402

STEPS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Steps:
    """Counts this process's steps and kills it before the one with a number."""

    def __init__(self, last: int) -> None:
        self.last, self.seen = last, 0
        sys.addaudithook(self._audit)
        commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]

        def counted(database: Any) -> None:
            self.step()
            commit(database)

        BaseDatabaseWrapper._commit = counted  # type: ignore[attr-defined]

    def step(self) -> None:
        self.seen += 1
        if self.seen == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        if event in STEPS or (writes and str(arguments[0]).startswith(str(settings.VAR_DIR))):
            self.step()

    def statement(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if not sql.startswith("SELECT"):  # which changes nothing
            self.step()
        return execute(sql, *arguments)


def killed_at_each_step(prepare: Callable[[], None], action: Callable[[], None], look: Callable[[bool], None]) -> int:
    """Return after how many steps `action` came through. `look` is told whether it did."""
    for last in itertools.count(1):
        prepare()
        connections.close_all()
        child = os.fork()
        if not child:
            try:
                steps = Steps(last)
                with connection.execute_wrapper(steps.statement):
                    action()
                os._exit(0)
            except BaseException:  # noqa: BLE001 - told, and the child ends
                traceback.print_exc()
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        through = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
        assert through or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL), status
        try:
            look(through)
        except AssertionError as error:
            raise AssertionError(f"killed at step {last}: {error}") from error
        if through:
            return last - 1
    raise AssertionError


def user() -> User:
    return User.objects.create_user("ada", "ada@example.com", "correct horse battery")


def deploy() -> int:
    """Deploy version after version; each kill leaves branch, tags, files, rows and state as before, or as after."""
    from dulwich import porcelain
    from dulwich.repo import Repo

    from strategy_api import production, services
    from strategy_api.models import Deployment, Strategy
    from strategy_api.outcomes import SandboxTest

    made = services.strategy_create(user=user(), user_description="Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%")
    names = ("sharpe_ratio", "max_drawdown", "profit_factor", "total_trades", "total_return_pct", "win_rate")
    figures = dict.fromkeys(names, 9)
    took = {"wall_ms": 1, "cpu_ms": 1, "peak_memory_mb": 1}
    passed = SandboxTest(
        run_id="1", success=True, summary=figures, resources=took, backend="process", isolated=False, code_issues=[]
    )
    production.sandbox_test = lambda **_: passed  # type: ignore[assignment] # a second each time, and it changes nothing
    root, stops = Path(settings.DEPLOY_REPO), itertools.count(1)

    def prepare() -> None:
        strategy = Strategy.objects.get(pk=made.pk)
        risk = {**strategy.canonical_json["risk"], "stop_loss": {"type": "percent", "value": 1 + next(stops) / 100}}
        services.strategy_update(strategy=strategy, canonical_json={**strategy.canonical_json, "risk": risk})

    def action() -> None:
        production.deploy(user=made.user, strategy=Strategy.objects.get(pk=made.pk))

    def look(through: bool) -> None:
        production.settle_interrupted()
        rows = list(Deployment.objects.order_by("id"))
        strategy = Strategy.objects.get(pk=made.pk)
        assert sum(row.status == "deployed" for row in rows) == bool(rows), "one row is what is deployed"
        now = bool(rows) and rows[-1].version == strategy.version
        assert (strategy.status == "deployed") == now, (strategy.status, now)
        assert now or not through, "it came through and is not deployed"
        if not (root / ".git").is_dir():
            assert not rows, "rows without a repository"
            return
        with Repo(str(root)) as repo:
            commits = [entry.commit.id.decode() for entry in repo.get_walker()] if repo.refs.as_dict() else []
            tags = {
                name.decode(): repo[repo.refs[b"refs/tags/" + name]].object[1].decode()
                for name in porcelain.tag_list(repo)
            }
            status = porcelain.status(repo, untracked_files="all")
        assert commits == [row.commit for row in reversed(rows)], (commits, rows)
        assert tags == {row.tag: row.commit for row in rows}, tags
        assert not any(status.staged.values()), status
        assert not status.unstaged, status
        assert not status.untracked, status
        if rows:
            assert f"{rows[-1].version / 100 + 0.99:g}" in (root / rows[-1].path).read_text(encoding="utf-8")
        assert not list((root / ".git").rglob("*.lock"))

    return killed_at_each_step(prepare, action, look)


def upload() -> int:
    """Upload a file again and again; each kill leaves no data set or a whole one, and no file that stays for ever."""
    import pandas as pd

    from Backtest.data.importing import ImportChoices, read_limited
    from data_api import services
    from data_api.models import DataSet

    owner, choices = user(), ImportChoices(symbol="ABC")
    folder = Path(settings.MEDIA_ROOT) / "datasets" / str(owner.pk)
    rows = [f"2024-01-{day:02},10,11,9,10,5" for day in range(1, 11)]
    read = read_limited("\n".join(["Date,Open,High,Low,Close,Volume", *rows]).encode(), "ABC.csv", choices=choices)
    services.read_limited = lambda *_, **__: read  # in a process of its own, which writes nothing

    def action() -> None:
        services.dataset_upload(user=owner, name="ABC.csv", content=b"", choices=choices)

    def look(through: bool) -> None:
        known = {row.path: row for row in DataSet.objects.filter(user=owner)}
        for path, row in known.items():
            assert len(pd.read_parquet(path)) == row.rows == 10
        assert len(known) == 1 or not (through or known)
        for left in folder.iterdir() if folder.is_dir() else ():
            os.utime(left, (0, 0))
        services._check_room(owner, folder) if folder.is_dir() else None
        assert {str(file) for file in (folder.iterdir() if folder.is_dir() else ())} == set(known)

    return killed_at_each_step(lambda: None, action, look)


def chat() -> int:
    """Describe a strategy and run it in a conversation; each kill leaves whole strategies, and a conversation that goes on."""
    from backtest_api.models import BacktestRun
    from chat_api.services import converse
    from strategy_api.models import Strategy
    from strategy_api.selectors import canonical_of

    talker = user()

    def said(message: str, session: str = "s") -> str:
        return "".join(
            e.data["text"] for e in converse(user=talker, message=message, session_id=session) if e.kind == "text"
        )

    def action() -> None:
        said("Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%")
        said("make the stop 3%")

    def look(through: bool) -> None:
        for strategy in Strategy.objects.filter(user=talker):
            canonical = canonical_of(strategy)
            stop = canonical.risk.stop_loss
            assert stop is not None
            assert stop.value == {1: 5, 2: 3}[strategy.version]
            assert strategy.versions.count() == strategy.version, (strategy.versions.count(), strategy.version)
        assert not BacktestRun.objects.exists()
        told = said("what can you do?", "another")
        assert told, "the conversation does not go on"
        made = Strategy.objects.filter(user=talker).order_by("id").last()
        assert not through or (made is not None and made.version == 2), made

    return killed_at_each_step(lambda: None, action, look)


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    print(globals()[sys.argv[1]]())
