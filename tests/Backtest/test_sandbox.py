"""Limits of the child process, and what of a job can reach the next one: nothing."""

from __future__ import annotations

import dataclasses
import gc
import shutil
import signal
import subprocess
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.errors import ExecutionError, SandboxUnavailable
from Backtest.machine import no_later_than
from Backtest.machine.owners import is_gone, own_name
from Backtest.sandbox import EngineSettings, Limits, ProcessSandbox, SandboxJob, choose_sandbox
from Backtest.sandbox.process import FolderInterpreter
from Backtest.sandbox.process import _Origin as origin


def frame(bars: int = 60) -> pd.DataFrame:
    close = 100 + np.sin(np.arange(bars) / 3) * 5
    index = pd.date_range("2020-01-01", periods=bars, unit="us")
    return pd.DataFrame(
        {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Volume": 10.0}, index=index
    )


def job(body: str = "pass", *, top: str = "", **limits: Any) -> SandboxJob:
    code = f"{top}\nfrom backtesting import Strategy\n\nclass S(Strategy):\n    def init(self):\n        pass\n\n    def next(self):\n"
    return SandboxJob(
        code + textwrap.indent(textwrap.dedent(body), " " * 8),
        frame(),
        EngineSettings(),
        Limits(**limits),
        generated=True,
    )


def failure(sandbox: ProcessSandbox, *args: Any, **more: Any) -> ExecutionError:
    with pytest.raises(ExecutionError) as caught:
        sandbox.run(job(*args, **more))
    return caught.value


def test_a_run_gives_trades_figures_and_what_it_used(sandbox: ProcessSandbox) -> None:
    done = sandbox.run(job("if not self.position: self.buy()"))
    assert len(done.trades) == 1
    assert (len(done.equity), done.begin) == (59, 1)  # backtesting.py begins on the second bar
    assert done.metrics["# Trades"] == 1
    assert done.versions["backtesting"]
    assert done.peak_memory_mb > 10
    assert (done.backend, done.isolated) == ("process", False)


# Each: what is done at the close of bar 2, where a long trade from bar 1 at 100 has its stop at 90 and its target at 110; the
# open of bar 3, which goes from 80 to 120; and where the trade ends on the worse path and on the better.
PATHS = [
    ("pass", 100.0, 90.0, 110.0),
    ("self.trades[0].tp = None", 100.0, 90.0, 90.0),
    ("self.trades[0].sl = None", 100.0, 110.0, 110.0),
    ("self.trades[0].tp = 115", 100.0, 90.0, 115.0),
    ("pass", 85.0, 85.0, 85.0),  # opens beyond the stop: no path reaches the target first
    ("pass", 115.0, 115.0, 115.0),  # opens beyond the target: no path reaches the stop first
    ("self.position.close()", 101.0, 101.0, 101.0),
    ("self.sell(size=10)", 101.0, 101.0, 101.0),  # what is ordered at the market is done at the open, before any level
]


@pytest.mark.parametrize(("action", "opens", "worse", "better"), PATHS)
def test_both_paths_through_a_bar(
    sandbox: ProcessSandbox, action: str, opens: float, worse: float, better: float
) -> None:
    data = frame().assign(Open=100.0, High=101.0, Low=99.0, Close=100.0)
    data.iloc[4, :4] = [opens, 120.0, 80.0, 100.0]
    body = f"if len(self.data) == 2: self.buy(size=10, sl=90, tp=110)\nif len(self.data) == 4: {action}"
    one = dataclasses.replace(job(body), frame=data)
    for target_first, price in ((False, worse), (True, better)):
        trades = sandbox.run(dataclasses.replace(one, target_first=target_first)).trades
        assert trades.loc[trades["Size"] > 0, "ExitPrice"].tolist() == [price]


def test_a_process_that_was_killed_is_gone_before_it_is_buried() -> None:
    child = subprocess.Popen(["sleep", "60"])
    machine = own_name().partition("/")[0]
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    name = f"{machine}/{child.pid}/{started}"
    assert not is_gone(name)
    assert not is_gone(own_name())
    child.kill()
    deadline = time.monotonic() + 10
    while not is_gone(name):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert child.wait() == -signal.SIGKILL
    assert is_gone(name)


def test_an_error_names_the_line(sandbox: ProcessSandbox) -> None:
    error = failure(sandbox, "x = 1\nraise ValueError('too bad')")
    assert error.exit_reason == "error"
    assert "ValueError: too bad" in error.message
    assert "line 10" in error.traceback
    assert "worker.py" not in error.traceback


@pytest.mark.parametrize(
    ("body", "top", "limits", "reason"),
    [
        ("while True: pass", "", {"timeout_s": 1}, "timeout"),
        ("import time; time.sleep(60)", "", {"timeout_s": 1}, "timeout"),
        ("", "while True: pass", {"timeout_s": 1}, "timeout"),
        ("x = bytearray(4 * 2**30)", "", {"memory_mb": 2048}, "memory"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "", {}, "killed"),
        ("open('big', 'wb').write(b'0' * 2**25)", "", {"output_mb": 8}, "output"),
        ("import sys; sys.exit(3)", "", {}, "error"),
        ("import os; os._exit(0)", "", {}, "killed"),
        ("", "def f(: pass", {}, "error"),
    ],
)
def test_limits(sandbox: ProcessSandbox, body: str, top: str, limits: dict[str, Any], reason: str) -> None:
    assert failure(sandbox, body or "pass", top=top, **limits).exit_reason == reason


def test_a_job_that_forks_leaves_no_process(sandbox: ProcessSandbox) -> None:
    import subprocess
    import time

    failure(sandbox, "import subprocess\nsubprocess.Popen(['sleep', '97531'])\nwhile True: pass", timeout_s=1)
    time.sleep(0.3)
    assert "sleep 97531" not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_one_job_leaves_nothing_to_the_next(sandbox: ProcessSandbox) -> None:
    spoil = (
        "import backtesting, sys\nbacktesting.Strategy.buy = None\nsys.spoilt = True\nimport talib\ntalib.SMA = None"
    )
    sandbox.run(job(spoil))
    done = sandbox.run(
        job("import sys, talib\nassert not hasattr(sys, 'spoilt') and talib.SMA\nif not self.position: self.buy()")
    )
    assert done.metrics["# Trades"] == 1


def test_secrets_of_the_server_are_not_in_the_child(sandbox: ProcessSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2hunter2")
    fresh = ProcessSandbox()
    fresh.run(job("import os\nassert 'SECRET_KEY' not in os.environ\nassert 'hunter2' not in str(dict(os.environ))"))
    fresh.close()


def test_many_jobs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from Backtest.sandbox import process

    origins = []
    monkeypatch.setattr(process, "_Origin", lambda **_: origins.append(origin()) or origins[-1])
    box = ProcessSandbox(ready=2, at_once=3)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: box.run(job("if not self.position: self.buy()")), range(16)))
    box.close()
    assert [d.metrics["# Trades"] for d in done] == [1] * 16
    assert len(origins) == 1  # everything is imported once


def test_what_a_strategy_prints_and_two_classes(sandbox: ProcessSandbox) -> None:
    sandbox.run(job("print('hello ' * 1000)"))
    error = failure(sandbox, "pass", top="from backtesting import Strategy\nclass T(Strategy): pass")
    assert "exactly one Strategy class" in error.message


def test_what_a_job_writes_goes_with_its_folder(sandbox: ProcessSandbox) -> None:
    before = set(Path.cwd().iterdir())
    sandbox.run(job("open('note.txt', 'w').write('x')"))
    assert set(Path.cwd().iterdir()) == before


def test_a_strangers_code_is_refused_without_isolation() -> None:
    strange = dataclasses.replace(job(), generated=False)
    box = ProcessSandbox()
    with pytest.raises(SandboxUnavailable, match="install bubblewrap"):
        box.run(strange)
    box.close()
    allowed = ProcessSandbox(allow_unisolated=True)
    assert allowed.run(strange).isolated is False
    allowed.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # docker's own, of the failed call
@pytest.mark.parametrize("name", ["bubblewrap", "docker"])
def test_a_backend_that_is_missing_is_never_replaced(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    box = choose_sandbox(name)
    with pytest.raises(SandboxUnavailable, match="install"):
        box.run(job())
    box.close()
    del box
    gc.collect()


def test_auto_is_bubblewrap_where_it_works_and_says_so_where_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if shutil.which("bwrap"):
        box = choose_sandbox("auto")
        done = box.run(job())
        box.close()
        assert (done.backend, done.isolated) == ("bubblewrap", True)
    monkeypatch.setenv("PATH", str(tmp_path))
    box = choose_sandbox("auto")
    done = box.run(job())
    assert (done.backend, done.isolated) == ("process", False)
    with pytest.raises(SandboxUnavailable):
        box.run(dataclasses.replace(job(), generated=False))
    box.close()
    with pytest.raises(SandboxUnavailable, match="'chroot': choose one of auto, bubblewrap, docker, process"):
        choose_sandbox("chroot")


def test_without_forks_over_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Windows does: a new interpreter a job, spoken to over pipes."""
    from Backtest.sandbox import interpreters, process

    monkeypatch.setattr(process, "FORKS", False)
    monkeypatch.setattr(interpreters, "PIPES", True)
    box = ProcessSandbox(ready=1)
    one = box._start()
    assert isinstance(one, FolderInterpreter)
    one.end()
    assert box.run(job("if not self.position: self.buy()")).metrics["# Trades"] == 1
    assert failure(box, "while True: pass", timeout_s=1).exit_reason == "timeout"
    box.close()


def test_an_interpreter_that_was_killed_while_it_waited_is_replaced() -> None:
    import os
    import signal
    import time

    box = ProcessSandbox(ready=1)
    box.warm_up(1)
    while not box._waiting._interpreters:
        time.sleep(0.01)
    os.kill(box._waiting._interpreters[0]._pid, signal.SIGKILL)  # type: ignore[attr-defined]
    time.sleep(0.3)
    assert box.run(job("if not self.position: self.buy()")).metrics["# Trades"] == 1
    box.close()


def test_our_own_code_is_run_again_where_its_interpreter_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is kept may be ended by the system between two jobs, for lack of memory, and the next job meets it."""
    box, seen, run = ProcessSandbox(ready=0, allow_unisolated=True), [], ProcessSandbox._run

    def killed_at_first(box: ProcessSandbox, job: SandboxJob) -> Any:
        seen.append(job)
        if [one.generated for one in seen].count(job.generated) == 1:
            raise ExecutionError("The backtest's process ended with signal 9", exit_reason="killed")
        return run(box, job)

    monkeypatch.setattr(ProcessSandbox, "keeps", True)
    monkeypatch.setattr(ProcessSandbox, "_run", killed_at_first)
    ours = job("if not self.position: self.buy()")
    assert box.run(ours).metrics["# Trades"] == 1
    with pytest.raises(ExecutionError, match="signal 9"):
        box.run(dataclasses.replace(ours, generated=False))
    assert [one.generated for one in seen] == [True, True, False]
    box.close()


def test_a_sandbox_is_not_at_fault_where_the_time_of_who_asks_is_over_before_it_has_started() -> None:
    box = ProcessSandbox(ready=0)
    with pytest.raises(ExecutionError, match="time given for all runs together is over") as caught, no_later_than(0):
        box.run(job())
    assert caught.value.exit_reason == "timeout"
    assert box.run(job("if not self.position: self.buy()")).metrics["# Trades"] == 1
    box.close()


def test_progress_is_told(sandbox: ProcessSandbox) -> None:
    told: list[float] = []
    sandbox.run(dataclasses.replace(job("import time; time.sleep(0.03)"), tick=told.append))
    assert told == sorted(told)
    assert any(0 < part < 1 for part in told)


def test_what_a_tick_raises_ends_the_job(sandbox: ProcessSandbox) -> None:
    def tick(_: float) -> None:
        raise ExecutionError("Cancelled", exit_reason="cancelled")

    with pytest.raises(ExecutionError, match="Cancelled"):
        sandbox.run(dataclasses.replace(job("while True: pass"), tick=tick))


def test_only_approved_packages(sandbox: ProcessSandbox) -> None:
    error = failure(sandbox, top="import a_package_of_mine")
    assert "No module named 'a_package_of_mine'. Only pre-approved packages: backtesting, numpy" in error.message


def test_a_million_bars_within_two_gibibytes(sandbox: ProcessSandbox) -> None:
    from Backtest.backtesting_adapter import run_backtest_from_canonical
    from Backtest.data import PriceData
    from Strategy.text_parser import parse_strategy

    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.0005, 1_000_000)))
    index = pd.date_range("2020-01-01", periods=1_000_000, freq="min", unit="us")
    bars = pd.DataFrame(
        {"Open": close, "High": close * 1.0005, "Low": close * 0.9995, "Close": close, "Volume": 1.0}, index=index
    )
    strategy = parse_strategy("On 1m bars buy when RSI < 15, sell when RSI > 60, stop 1%").require()
    prices = PriceData("TEST", "1m", bars, "test")
    result = run_backtest_from_canonical(strategy, prices, sandbox=sandbox, limits=Limits(memory_mb=2048))
    assert len(result.equity) + result.begin == 1_000_000
    assert result.summary["total_trades"] > 100
    assert result.extra["peak_memory_mb"] < 2048


def test_a_gain_that_no_year_can_hold_has_no_yearly_figure(sandbox: ProcessSandbox) -> None:
    """Three minutes in which the price grows a millionfold: backtesting.py's own statistics overflow on it."""
    close = 10.0 ** np.array([0, 1, 2, 4, 6, 6])
    index = pd.date_range("2024-01-02 10:00", periods=6, freq="min")
    frame = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), close) | {"Volume": 1.0}, index)
    code = "from backtesting import Strategy\nclass S(Strategy):\n    def init(self): pass\n    def next(self):\n        if not self.position: self.buy(size=10)\n"
    done = sandbox.run(SandboxJob(code, frame, EngineSettings(), generated=True))
    assert done.metrics["Equity Final [$]"] > 1e6
    assert done.metrics["CAGR [%]"] is None
    assert done.equity["Equity"].iloc[-1] == done.metrics["Equity Final [$]"]
