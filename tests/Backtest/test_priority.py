"""What takes long gives way to what somebody waits for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from Backtest.canonical import CanonicalStrategy
from Backtest.errors import ExecutionError
from Backtest.kernel import engine
from Backtest.machine.limited import WorkLimits, working
from Backtest.machine.priority import LONG, aside, give_way, nice_of_this_thread
from Backtest.sandbox import Limits, SandboxJob
from Backtest.sandbox.bubblewrap import BubblewrapInterpreter, BubblewrapSandbox, problem
from Strategy.text_parser import parse_strategy

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="priorities of threads are Linux's: run the tests there"
)

SPINS = "from backtesting import Strategy\nclass S(Strategy):\n    def init(self): pass\n    def next(self):\n        while True: pass\n"
isolated = pytest.mark.skipif(
    bool(problem()),
    reason=f"bubblewrap is needed: apt-get install bubblewrap libseccomp2, and allow user namespaces ({problem()})",
)


def session(pid: int) -> str:
    """Return what the kernel has of the session's priority; empty where sessions have no share of their own."""
    path = Path(f"/proc/{pid}/autogroup")
    return path.read_text().split()[-1] if path.exists() and path.read_text().strip() else ""


def test_a_process_gives_way_with_all_its_threads() -> None:
    code = "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); print('ready', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        give_way(process.pid)
        tasks = [int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()]
        assert len(tasks) == 2
        assert {os.getpriority(os.PRIO_PROCESS, task) for task in tasks} == {LONG}
        process.kill()
    give_way(process.pid)  # it has ended: nothing to do


def test_work_aside_gives_way_and_this_thread_does_not() -> None:
    assert aside(nice_of_this_thread) == LONG
    assert nice_of_this_thread() == 0
    with pytest.raises(ZeroDivisionError):
        aside(lambda: 1 // 0)


def prices(bars: int = 300) -> pd.DataFrame:
    close = 100 + np.sin(np.arange(bars) / 9) * 20
    index = pd.date_range("2020-01-01", periods=bars, unit="us")
    return pd.DataFrame(
        {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Volume": 1.0}, index=index
    )


def test_a_sweep_gives_way_and_a_single_run_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy: CanonicalStrategy = parse_strategy(
        "Buy GOOG when SMA(10) crosses above SMA(30), sell when it crosses below"
    ).require()
    kernel, seen = engine.Kernel(strategy, prices(), ["execution.commission"], threads=2), set()
    run = engine.run_sets
    monkeypatch.setattr(engine, "run_sets", lambda *given: (seen.add(nice_of_this_thread()), run(*given)))
    kernel.sweep(np.array([[0.001]]))
    assert seen == {0}
    kernel.sweep(np.array([[0.001], [0.002], [0.003], [0.004]]))
    assert seen == {0, LONG}


def _tell(line: object, content: bytes) -> None:
    line.send_bytes(str(nice_of_this_thread()).encode())  # type: ignore[attr-defined]


def test_what_a_stranger_s_bytes_decide_gives_way() -> None:
    with working(_tell, limits=WorkLimits(memory_mb=64, cpu_s=10), content=b"") as line:
        assert line.recv_bytes() == str(LONG).encode()


@isolated
def test_a_job_that_takes_long_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    box, seen = BubblewrapSandbox(), {}
    usage = BubblewrapInterpreter.usage

    def look(self: BubblewrapInterpreter) -> object:
        if self._worker:
            nice = os.getpriority(os.PRIO_PROCESS, self._worker)
            seen.setdefault(nice, (time.monotonic(), session(self._worker)))
        return usage(self)

    monkeypatch.setattr(BubblewrapInterpreter, "usage", look)
    try:
        with pytest.raises(ExecutionError, match="exceeded 3 s"):
            box.run(SandboxJob(SPINS, prices(), limits=Limits(timeout_s=3), name="spins"))
    finally:
        box.close()
    assert list(seen) == [0, LONG], "at first it does not"
    assert seen[0][1] in ("", "0")
    assert seen[LONG][1] in ("", str(LONG))


@isolated
def test_who_asks_often_is_given_interpreters_that_give_way() -> None:
    from Backtest.machine.places import Asker, working_for

    box, seen = BubblewrapSandbox(), []
    begin = BubblewrapInterpreter.begin

    def look(self: BubblewrapInterpreter, job: SandboxJob) -> None:
        begin(self, job)
        assert self._worker is not None
        seen.append(
            (threading.current_thread().name, os.getpriority(os.PRIO_PROCESS, self._worker), session(self._worker))
        )

    code = "from backtesting import Strategy\nclass S(Strategy):\n    def init(self): pass\n    def next(self): pass\n"
    job = SandboxJob(code, prices(60), limits=Limits(timeout_s=60), name="often")
    box._often.forgets_s = 600
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BubblewrapInterpreter, "begin", look)
        try:
            with working_for(Asker("mallory")):
                for _ in range(5):
                    box.run(job)
            with working_for(Asker("ada")):
                box.run(job)
        finally:
            box.close()
    assert [nice for _, nice, _ in seen] == [0, 0, 0, LONG, LONG, 0]
    assert {text for _, nice, text in seen if nice} <= {"", str(LONG)}
