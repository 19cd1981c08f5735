"""Both kinds of isolation, a machine worth attacking, and what is left of an attempt."""

from __future__ import annotations

import os
import shutil
import textwrap
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.errors import ExecutionError
from Backtest.sandbox import EngineSettings, Limits, SandboxJob, SandboxResult, choose_sandbox
from Backtest.sandbox.bubblewrap import problem
from Backtest.sandbox.docker_engine import DockerSandbox
from Backtest.sandbox.pool import Forks, InterpreterSandbox
from tests.docker_daemon import WHY_NOT, docker_daemon


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine with the sandbox's image."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    from Backtest.sandbox.docker_engine import build_image

    before = os.environ.get("DOCKER_HOST")
    with docker_daemon(tmp_path_factory.mktemp("docker")) as address:
        os.environ["DOCKER_HOST"] = address
        import docker

        client = docker.from_env(timeout=120)
        build_image(client)
        client.close()
        yield address
    os.environ.pop("DOCKER_HOST")
    if before:
        os.environ["DOCKER_HOST"] = before


@pytest.fixture(scope="session", params=["bubblewrap", "docker"])
def box(request: pytest.FixtureRequest) -> Iterator[InterpreterSandbox]:
    if request.param == "docker":
        request.getfixturevalue("docker_host")
    elif why := problem():
        pytest.skip(f"{why}" if "missing" in why else f"{why}: allow user namespaces, or run the tests as root")
    found = choose_sandbox(request.param, ready=1)
    found.warm_up()
    yield found
    found.close()


def each(attempts: Mapping[str, Any], *names: str) -> pytest.MarkDecorator:
    """Give a test each attempt in bubblewrap and every eighth of them in Docker: what answers them, be it the worker, its filter
    of system calls or the audit, is the same in both, and starting a container takes a second.

    Args:
        names: what the test calls a value of `attempts`, or the parts of one.
    """
    alone = len(names) == 1
    values = [(name, (value,) if alone else value) for name, value in attempts.items()]
    given = [("bubblewrap", *v) for v in values] + [("docker", *v) for v in values[::8]]
    return pytest.mark.parametrize(
        ("box", *names),
        [pytest.param(box, *value, id=f"{box}-{name}") for box, name, value in given],
        indirect=["box"],
    )


# What answers these attempts is the worker or the server, the same in both: a container would show nothing more.
the_same_in_both = pytest.mark.parametrize("box", ["bubblewrap"], indirect=True)


class Reason(str):
    """Why an attempt ended; a test that fails shows what was said as well."""

    __slots__ = ("said",)

    def __repr__(self) -> str:
        return f"{str(self)!r}, which said {self.said!r}"


@dataclass
class Outcome:
    """How an attempt ended: `reason` as in ExecutionError, and everything that came out of it."""

    reason: str
    text: str
    result: Any = None
    error: ExecutionError | None = None

    def __post_init__(self) -> None:
        self.reason = Reason(self.reason)
        self.reason.said = self.text[:1000]


def prices(bars: int = 60) -> pd.DataFrame:
    close = 100 + np.sin(np.arange(bars) / 3) * 5
    index = pd.date_range("2020-01-01", periods=bars, unit="us")
    return pd.DataFrame(
        {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Volume": 10.0}, index=index
    )


TRADES = "\nif not self.position:\n    self.buy(size=10)\nelif len(self.data) % 7 == 0:\n    self.position.close()"
HELP = """
import ctypes, os, sys
from backtesting import Strategy
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    answer = libc.syscall(number, *arguments)
    return answer, ctypes.get_errno()
def attempt(function, *arguments, **more):
    "Say what came of it; a strategy goes on whatever happens."
    try:
        print("CAME", repr(function(*arguments, **more))[:2000], flush=True)
    except BaseException as error:
        print("FAILED", type(error).__name__, error, flush=True)
"""


def strategy(init: str = "pass", next_: str = "pass", top: str = "") -> str:
    parts = [
        HELP,
        textwrap.dedent(top),
        "class S(Strategy):",
        "    def init(self):",
        "        BARS = len(self.data.df)",
        textwrap.indent(textwrap.dedent(init), " " * 8),
    ]
    return "\n".join([*parts, "    def next(self):", textwrap.indent(textwrap.dedent(next_).strip("\n"), " " * 8)])


def ended(came: SandboxResult | ExecutionError) -> Outcome:
    if isinstance(came, ExecutionError):
        return Outcome(came.exit_reason, f"{came.message}\n{came.traceback}\n{came.log}", error=came)
    return Outcome("completed", came.log, result=came)


@pytest.fixture
def in_forks(box: InterpreterSandbox) -> Callable[..., dict[str, Outcome]]:
    """Make each attempt, code of `init`, in a fork of one interpreter that starts again when a fork ended badly.

    Starting one for each takes several times as long. `docker_takes` is 5 where each attempt ends its interpreter: every fifth
    is made in Docker then, as with `each`.
    """

    def run(
        attempts: Mapping[str, str], *, next_: str = "pass", top: str = "", docker_takes: int = 1, **limits: Any
    ) -> dict[str, Outcome]:
        if isinstance(box, DockerSandbox):
            attempts = dict(list(attempts.items())[::docker_takes])
        init = "NUMBER = BARS - 60\n" + "\n".join(
            f"if NUMBER == {number}:\n{textwrap.indent(code, '    ')}" for number, code in enumerate(attempts.values())
        )
        code = strategy(init, next_, top)
        bounds = Limits(**{"timeout_s": 120, "memory_mb": 1024, "output_mb": 16, **limits})
        jobs = [SandboxJob(code, prices(60 + k), limits=bounds, name="escape") for k in range(len(attempts))]
        return dict(zip(attempts, map(ended, box.run_many(jobs, at_once=1)), strict=True))

    return run


# Becomes whatever class the volumes spell, character by character: jobs that share an interpreter are of one code.
SPELT = """
from backtesting import Strategy
class Spelt(Strategy):
    def init(self):
        found = {}
        exec("".join(map(chr, map(int, self.data.df["Volume"]))).rstrip(), found)
        self.__class__ = found["S"]
        self.init()
"""


@pytest.fixture(scope="session")
def forks(box: InterpreterSandbox) -> Iterator[Forks]:
    with box.forks(at_once=1) as runner:
        yield runner


def spelt(code: str) -> SandboxJob:
    frame = prices(max(60, len(code)))
    frame["Volume"] = [float(ord(c)) for c in code.ljust(60)]
    return SandboxJob(SPELT, frame, limits=Limits(timeout_s=120, memory_mb=1024, output_mb=16), name="escape")


@pytest.fixture
def escape(box: InterpreterSandbox, forks: Forks) -> Callable[..., Outcome]:
    """Run hostile code: `init` in Strategy.init, `next_` in Strategy.next, `top` at import.

    In bubblewrap it has an interpreter of its own. A container takes twice as long to start, so that attempts which ask for no
    limits of their own, and do not ask to be `alone`, are made in forks of one.
    """

    def run(init: str = "pass", *, next_: str = "pass", top: str = "", alone: bool = False, **limits: Any) -> Outcome:
        if isinstance(box, DockerSandbox) and not limits and not alone:
            (came,) = forks.run_many([spelt(strategy(init, next_, top))])
            return ended(came)
        settings = limits.pop("settings", EngineSettings())
        tick = limits.pop("tick", lambda _: None)
        limits = {"timeout_s": 120, "memory_mb": 1024, "output_mb": 16, **limits}
        job = SandboxJob(strategy(init, next_, top), prices(), settings, Limits(**limits), name="escape", tick=tick)
        try:
            return ended(box.run(job))
        except ExecutionError as error:
            return ended(error)

    return run


@pytest.fixture
def secret(tmp_path: Path) -> Iterator[tuple[str, list[Path]]]:
    """A secret in the places where secrets are: home, the project, temporary folders, other jobs' folders."""
    word = f"secret-{uuid.uuid4().hex}"
    project = Path(__file__).resolve().parent.parent.parent
    places = [
        Path.home() / ".ssh" / f"id_{word}",
        project / f".env-{word}",
        tmp_path / "db.sqlite3",
        Path("/tmp") / f"algoagent-job-{word}" / "prices.arrow",
        Path("/var/tmp") / word,
    ]
    made = [place.parent for place in places if not place.parent.is_dir()]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(word)
    yield word, places
    for place in places:
        place.unlink()
    for folder in made:
        shutil.rmtree(folder)
