"""Jobs of one code in forks of one interpreter: none of them finds anything of another, whatever it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from Backtest.errors import ExecutionError
from Backtest.sandbox.job import Limits, SandboxJob, SandboxResult
from Backtest.sandbox.pool import InterpreterSandbox
from tests.escape.conftest import TRADES, Outcome, prices, strategy, the_same_in_both
from tests.escape.test_forgery import SAY

Came = list[SandboxResult | ExecutionError]


@pytest.fixture
def series(box: InterpreterSandbox) -> Callable[..., Came]:
    """Run hostile code three times in one interpreter; `DAY` in it is 1, 2 and 3."""

    def run(init: str = "pass", *, next_: str = TRADES, top: str = "", **limits: float) -> Came:
        code = strategy(f"DAY = BARS - 59\n{init}", next_, top)
        bounds = Limits(**{"timeout_s": 20, "memory_mb": 1024, "output_mb": 16, **limits})  # type: ignore[arg-type]
        jobs = [SandboxJob(code, prices(59 + day), limits=bounds, name="escape") for day in (1, 2, 3)]
        return list(box.run_many(jobs, at_once=1))

    return run


def said(came: Came) -> list[str]:
    assert all(isinstance(one, SandboxResult) for one in came), came
    return [one.log for one in came]


def test_a_series_gives_what_single_runs_give(box: InterpreterSandbox) -> None:
    jobs = [SandboxJob(strategy(next_=TRADES), prices(60 + k)) for k in range(3)]
    alone = [box.run(job) for job in jobs]
    for at_once in (1, 3):
        for one, found in zip(alone, box.run_many(jobs, at_once=at_once), strict=True):
            assert isinstance(found, SandboxResult)
            assert found.metrics == one.metrics
            assert found.trades.equals(one.trades)
            assert found.equity.equals(one.equity)


LEFT = {
    "memory": ("sys.left = True\nimport builtins; builtins.left = True", "hasattr(sys, 'left')"),
    "modules": ("import talib\nStrategy.left = talib.left = True", "hasattr(Strategy, 'left') or hasattr(__import__('talib'), 'left')"),
    "environment": ("os.environ['LEFT'] = '1'", "'LEFT' in os.environ"),
    "a file": ("open('left', 'w').write('x')", "os.path.exists('left')"),
    "a hidden file": ("open('.left', 'w').write('x')", "os.listdir('.') != ['output.txt']"),
    "a file by link": ("os.symlink('/job', 'left'); os.link('output.txt', 'also')", "os.listdir('.') != ['output.txt']"),
    "a folder nobody may open": (
        "os.makedirs('left/deep/er'); open('left/deep/er/file', 'w').write('x')\n[os.chmod(p, 0) for p in ('left/deep/er', 'left/deep', 'left')]",
        "os.listdir('.') != ['output.txt']",
    ),
    "what was printed": ("print('mark of day one')", "'mark' in open('output.txt').read()"),
    "an open file": ("os.dup2(os.open('output.txt', os.O_RDONLY), 60)", "os.path.exists('/proc/self/fd/60')"),
    "a working directory": ("os.mkdir('left'); os.chdir('left')", "not os.getcwd() == '/job'"),
    "a limit": ("import resource; resource.setrlimit(resource.RLIMIT_CPU, (3, 3))", "__import__('resource').getrlimit(0)[0] == 3"),
    "a limit of who started it": (
        "print(call(302, os.getppid(), 12, (ctypes.c_ulong * 2)(77, 77), None))  # prlimit64",
        "__import__('resource').getrlimit(12)[0] == 77",
    ),
    "an alarm": ("import signal; signal.alarm(1); signal.signal(signal.SIGTERM, signal.SIG_IGN)", "__import__('signal').alarm(0) or __import__('signal').getsignal(15) == 1"),
}  # fmt: skip


def test_nothing_is_left_for_the_next(in_forks: Callable[..., dict[str, Outcome]]) -> None:
    """One leaves something, the next looks for it, and so on in one interpreter."""
    attempts = {}
    for name, (leave, found) in LEFT.items():
        attempts[name] = (
            f"print('NOTHING' if not ({found}) else 'THERE ALREADY')\n{leave}\nprint('AFTER', bool({found}))"
        )
        attempts[f"after {name}"] = f"print('LEFT' if {found} else 'NOTHING')"
    for name, done in in_forks(attempts, next_=TRADES).items():
        assert done.reason == "completed", (name, done.text)
        assert "NOTHING" in done.text, name


@the_same_in_both
def test_chance_differs(series: Callable[..., Came]) -> None:
    logs = said(series("import random, numpy\nprint('DRAWN', random.random(), numpy.random.random())"))
    drawn = [log.split()[log.split().index("DRAWN") + 1 :][:2] for log in logs]
    assert len({d for pair in drawn for d in pair}) == 6, drawn


ENDS = {
    "exits": ("os._exit(0)", "killed"),
    "claims to have answered": ("os._exit(3)", "killed"),
    "asks for what is forbidden": ("call(101, 16, 1, 0, 0)", "violation"),  # ptrace
    "kills itself": ("os.kill(os.getpid(), 9)", "killed"),
    "kills who started it": ("os.kill(os.getppid(), 9); import time; time.sleep(60)", "killed"),
    "stops who started it": ("os.kill(os.getppid(), 19); import time; time.sleep(60)", "timeout"),
    "eats memory": ("x = bytearray(3 * 1024**3)", "memory"),
    "fails": ("raise ValueError('first')", "error"),
    "never ends": ("while True: pass", "timeout"),
}


QUICK = ("claims to have answered", "kills who started it", "stops who started it", "never ends")


@pytest.mark.parametrize("quick", [False, True])
def test_one_that_ends_badly_ends_no_other(in_forks: Callable[..., dict[str, Outcome]], quick: bool) -> None:
    """An honest one comes first, and after each that ends badly."""
    attempts, expected = {"honest": "pass"}, {}
    for name, (act, reason) in ENDS.items():
        if (name in QUICK) == quick:
            attempts |= {name: act, f"after one that {name}": "pass"}
            expected[name] = {reason, "timeout", "killed"} if "getppid" in act or "_exit(3)" in act else {reason}
    for name, done in in_forks(attempts, next_=TRADES, timeout_s=2 if quick else 20).items():
        assert done.reason in expected.get(name, {"completed"}), (name, done.text)
        assert done.result is None or done.result.metrics["# Trades"] > 3


def test_an_answer_left_for_the_next(series: Callable[..., Came]) -> None:
    """Forged answers wait in the pipe when the next job begins, with all that the one before knew."""
    forge = "METRICS.update({'Return [%]': 500.0})\n    for _ in range(3): frames({'status': 'completed', 'metrics': METRICS, 'bars': 61, 'warm_up': 0}, b'\\0' * 488)"  # fmt: skip
    came = series(f"if DAY == 1:\n    {forge}", top=SAY)
    for one in came:
        assert isinstance(one, ExecutionError) or one.metrics["Return [%]"] < 100


def test_the_next_job_cannot_be_read(series: Callable[..., Came]) -> None:
    """One that has answered by itself and goes on: whatever it can read, the next job's prices and token are not in it."""
    answer = "frames({'status': 'error', 'error': 'first'}); import time; time.sleep(1)"
    look = """
for number in range(256):
    try: print('READ', number, os.read(number, 100)[:100], flush=True)
    except OSError: pass"""
    came = series(f"{look}\nif DAY == 1:\n    {answer}", top=SAY)
    assert isinstance(came[0], ExecutionError)
    assert "first" in came[0].message
    for log in said(came[1:]):
        read = [line for line in log.splitlines() if line.startswith("READ")]
        assert "READ 0 b''" in read
        assert all(line.endswith(" b''") for line in read), log  # nothing, and its own output, which it has read


def test_the_memory_of_the_interpreter_is_closed(series: Callable[..., Came]) -> None:
    look = "attempt(lambda: open(f'/proc/{os.getppid()}/mem', 'r+b'))\nattempt(os.fork)\nattempt(lambda: os.listdir(f'/proc/{os.getppid()}/fd'))"
    for log in said(series(look)):
        assert "CAME" not in log, log


@the_same_in_both
def test_jobs_of_two_codes_share_no_interpreter(box: InterpreterSandbox) -> None:
    jobs = [SandboxJob(strategy(next_=TRADES, top=f"# {k}"), prices()) for k in range(2)]
    with pytest.raises(ValueError, match="same code"):
        list(box.run_many(jobs))


def test_who_stops_listening_stops_the_rest(box: InterpreterSandbox) -> None:
    slow = SandboxJob(strategy("import time; time.sleep(1)", TRADES), prices())
    begun = set()
    jobs = [replace(slow, name=f"escape-{k}", tick=lambda _, k=k: begun.add(k)) for k in range(20)]
    results = box.run_many(jobs, at_once=2)
    assert isinstance(next(results), SandboxResult)
    results.close()
    assert 0 in begun
    assert len(begun) < 20
