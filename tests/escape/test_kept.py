"""Code that AlgoAgent wrote shares interpreters, a stranger's never meets one of them, and what goes wrong is not kept.

That a fork finds nothing of the one before is tried in test_series.py, where both are a hostile code's.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from Backtest.errors import ExecutionError
from Backtest.sandbox.bubblewrap import BubblewrapInterpreter, BubblewrapSandbox, problem
from Backtest.sandbox.job import Limits, SandboxJob
from Backtest.sandbox.pool import MOST_KEPT
from tests.escape.conftest import TRADES, prices, strategy

pytestmark = pytest.mark.skipif(
    bool(problem()), reason=f"bubblewrap is needed: apt-get install bubblewrap libseccomp2 ({problem()})"
)


@pytest.fixture
def own() -> Iterator[BubblewrapSandbox]:
    found = BubblewrapSandbox()
    yield found
    found.close()


def job(init: str = "pass", *, generated: bool = True, next_: str = TRADES, **limits: Any) -> SandboxJob:
    bounds = Limits(**{"timeout_s": 20, "memory_mb": 1024, **limits})
    return SandboxJob(strategy(init, next_), prices(60), limits=bounds, name="kept", generated=generated)


def kept(box: BubblewrapSandbox) -> list[int]:
    return [one.process.pid for one, _ in box._waiting._kept if isinstance(one, BubblewrapInterpreter)]


def test_code_of_our_own_shares_an_interpreter_and_gives_the_same(own: BubblewrapSandbox) -> None:
    found = [own.run(job()) for _ in range(3)]
    assert len(kept(own)) == 1
    (pid,) = kept(own)
    alone = own.run(job(generated=False))
    assert kept(own) == [pid]
    for one in found:
        assert one.metrics == alone.metrics
        assert one.trades.equals(alone.trades)
        assert one.equity.equals(alone.equity)


def test_a_stranger_s_code_gets_an_interpreter_of_its_own(
    own: BubblewrapSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.run(job())
    served: list[BubblewrapInterpreter] = []
    begin = BubblewrapInterpreter.begin
    monkeypatch.setattr(BubblewrapInterpreter, "begin", lambda self, one: (served.append(self), begin(self, one)))
    for _ in range(2):
        own.run(job(generated=False))
    own.run(job())
    strangers = [one.process.pid for one in served[:2]]
    assert len({*strangers, *kept(own)}) == 3
    assert served[2].process.pid in kept(own)
    own._ender.shutdown(wait=True)
    assert all(one.process.poll() is not None for one in served[:2]), "what ran a stranger's code has ended"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (job("raise ValueError('no')"), "error"),
        (job(next_="while True: pass", timeout_s=1), "timeout"),
        (job("os.kill(os.getppid(), 9)"), "violation"),
        (job("os.kill(os.getpid(), 9)"), "killed"),
    ],
    ids=["it raises", "it does not end", "it kills who started it", "it kills itself"],
)  # fmt: skip
def test_an_interpreter_whose_job_failed_is_not_kept(own: BubblewrapSandbox, broken: SandboxJob, reason: str) -> None:
    own.run(job())
    before = kept(own)
    with pytest.raises(ExecutionError) as caught:
        own.run(broken)
    assert caught.value.exit_reason in (reason, "killed")
    assert kept(own) == []
    assert own.run(job()).metrics["# Trades"]
    assert kept(own) != before


def test_one_that_gave_way_is_not_kept(own: BubblewrapSandbox) -> None:
    own.run(job("import time; time.sleep(0.8)"))
    assert kept(own) == []


def test_one_that_ended_while_it_was_kept_is_replaced(own: BubblewrapSandbox) -> None:
    own.run(job())
    (pid,) = kept(own)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    assert own.run(job()).metrics["# Trades"]
    assert kept(own) not in ([], [pid])


def test_each_job_has_its_own_limit_of_memory(own: BubblewrapSandbox) -> None:
    fill = "self.held = bytearray(700 * 1024 * 1024)"
    own.run(job(memory_mb=512))
    own.run(job(fill, memory_mb=1536))
    with pytest.raises(ExecutionError) as caught:
        own.run(job(fill, memory_mb=512))
    assert caught.value.exit_reason == "memory"


def test_no_more_are_kept_than_that(own: BubblewrapSandbox) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(own.run, [job() for _ in range(4)]))
    assert 1 <= len(kept(own)) <= MOST_KEPT
    pids = kept(own)
    own.close()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
