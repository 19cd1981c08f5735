"""Numbers that are made up are refused: they are computed outside, from the trades and the prices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from Backtest.errors import ExecutionError
from Backtest.sandbox.job import EngineSettings, Limits, SandboxJob, SandboxResult
from Backtest.sandbox.pool import InterpreterSandbox
from tests.escape.conftest import TRADES, Outcome, each, prices, strategy, the_same_in_both

Escape = Callable[..., Outcome]

# What the worker's own frames look like to code in the same process.
SAY = """
import json, struct
def token():
    frame = sys._getframe()
    while "token" not in (frame.f_locals.get("job") or ()):
        frame = frame.f_back
    return frame.f_locals["job"]["token"]
def frames(message, rest=b""):
    data = json.dumps({"token": "TOKEN", **message}).encode() + b"\\n" + rest
    data = data.replace(b"TOKEN", token().encode())
    for number in range(3, 64):
        try: os.write(number, data)
        except OSError: pass
def answer(trades=(), equity=None, claimed=None, **more):
    equity = [100000.0] * sys._getframe(1).f_locals["BARS"] if equity is None else equity
    rest = b"".join(struct.pack("<10d", *row) for row in trades) + struct.pack(f"<{len(equity)}d", *equity)
    frames({"status": "completed", "begin": 1, "trades": len(trades) if claimed is None else claimed, "bars": len(equity), "report": 0, **more}, rest)
    os._exit(0)
"""


def refused(done: Outcome) -> None:
    assert done.reason == "violation", (done.reason, done.text)
    assert done.result is None


def honest(escape: Escape, **more: Any) -> Any:
    done = escape(next_=TRADES, alone=True, **more)
    assert done.reason == "completed", done.text
    return done.result


def test_an_honest_run_passes(escape: Escape) -> None:
    result = honest(escape, settings=EngineSettings(commission=0.002, commission_fixed=1, spread=0.001))
    assert result.metrics["# Trades"] == len(result.trades) > 3
    assert result.metrics["Equity Final [$]"] == result.equity["Equity"].iloc[-1]


@the_same_in_both
def test_an_honest_run_can_be_drawn(box: InterpreterSandbox) -> None:
    result = box.run(SandboxJob(strategy(next_=TRADES), prices(), report=True))
    assert result.report_html is not None
    assert "<html" in result.report_html
    assert len(result.report_html) > 100_000


PATCHES = {
    "equity": """
        import backtesting.backtesting as b
        real = b.compute_stats
        b.compute_stats = lambda **k: real(**{**k, 'equity': k['equity'] + __import__('numpy').linspace(0, 500, 60)})
    """,
    "the broker's cash": """
        import backtesting.backtesting as b
        real = b._Broker._close_trade
        def generous(self, *a, **k):
            real(self, *a, **k); self._cash += 1000
        b._Broker._close_trade = generous
    """,
    "profits": """
        import backtesting.backtesting as b
        b.Trade.pl = property(lambda t: abs(t.size * (t.exit_price or 100) - t.size * t.entry_price))
    """,
    "fills at the low": """
        import backtesting.backtesting as b
        real = b._Broker._open_trade
        b._Broker._open_trade = lambda self, price, *a: real(self, price * 0.9, *a)
    """,
    "no commission": """
        import backtesting.backtesting as b
        b._Broker._commission_func = lambda self, size, price: 0.0
    """,
    "more cash": """
        import backtesting.backtesting as b
        real = b._Broker.__init__
        b._Broker.__init__ = lambda self, **k: real(self, **{**k, 'cash': k['cash'] * 2})
    """,
    "leverage": """
        import backtesting.backtesting as b
        real = b._Broker.__init__
        b._Broker.__init__ = lambda self, **k: real(self, **{**k, 'margin': 0.01})
    """,
    "hidden losses": """
        import backtesting.backtesting as b
        real = b.compute_stats
        b.compute_stats = lambda **k: real(**{**k, 'trades': [t for t in k['trades'] if t.pl > 0]})
    """,
    "other prices": """
        import backtesting.backtesting as b
        real = b.Backtest.__init__
        def rising(self, data, *a, **k):
            data = data.copy(); data['Close'] = data['High']; data['Open'] = data['Low']
            real(self, data, *a, **k)
        b.Backtest.__init__ = rising
    """,
    "numpy": """
        import numpy as np
        real = np.column_stack
        def forged(columns):
            table = real(columns); table[:, 4] *= 1.5; return table
        np.column_stack = forged
    """,
}

# Of figures: they are made outside, from trades and prices, and nobody asks what these say.
FIGURES = {
    "statistics": """
        import backtesting.backtesting as b
        real = b.compute_stats
        def forged(*a, **k):
            s = real(*a, **k); s['Return [%]'] = 900.0; s['Sharpe Ratio'] = 9.9; return s
        b.compute_stats = forged
    """,
    "one figure": """
        import backtesting.backtesting as b
        real = b.compute_stats
        def forged(*a, **k):
            s = real(*a, **k); s['Max. Drawdown [%]'] = -0.01; return s
        b.compute_stats = forged
    """,
    "pandas": """
        import pandas as pd
        real = pd.Series.items
        pd.Series.items = lambda self: ((k, 99.0 if k == 'Sharpe Ratio' else v) for k, v in real(self))
    """,
    "json": """
        import json
        real = json.dumps
        def forged(message, **k):
            if isinstance(message, dict) and 'metrics' in message: message['metrics']['Win Rate [%]'] = 100.0
            return real(message, **k)
        json.dumps = forged
    """,
}


@each(PATCHES, "top")
def test_patched_libraries(escape: Escape, top: str) -> None:
    body = TRADES.replace("size=10", "size=5000") if "margin" in top else TRADES
    refused(escape(top=top, next_=body, settings=EngineSettings(commission=0.001)))


@pytest.fixture(scope="module")
def true(box: InterpreterSandbox) -> SandboxResult:
    """What comes of the strategy whose figures are patched, without a patch."""
    limits = Limits(timeout_s=120, memory_mb=1024, output_mb=16)
    return box.run(SandboxJob(strategy(next_=TRADES), prices(), limits=limits, name="escape"))


@each(FIGURES, "top")
def test_patched_figures_change_nothing(escape: Escape, true: SandboxResult, top: str) -> None:
    assert honest(escape, top=top).metrics == true.metrics


ANSWERS = {
    "figures of its own": "answer(metrics={'Return [%]': 500.0, '# Trades': 0})",
    "NaN": "answer(equity=[float('nan')] * BARS)",
    "infinity": "answer(equity=[100000.0] * (BARS - 1) + [float('inf')])",
    "1e308": "answer(equity=[1e308] * BARS)",
    "a trade with NaN": "answer([[float('nan')] * 10])",
    "a trade of 1e308": "answer([[1e308, 1, 2, 100, 101, 1, 1, 1, 0, 1]])",
    "negative bars": "answer([[10, -1, 2, 100, 101, 1, 200, 10, 0, 0.01]])",
    "bars after the end": "answer([[10, 1, 99999, 100, 101, 1, 200, 10, 0, 0.01]])",
    "half a bar": "answer([[10, 1.5, 2.5, 100, 101, 1, 200, 10, 0, 0.01]])",
    "left before it was entered": "answer([[10, 9, 3, 100, 101, 1, 200, 10, 0, 0.01]])",
    "a tenth of a share": "answer([[0.1, 3, 9, 100, 101, 1, 200, 0.1, 0, 0.01]])",
    "too few bars": "answer(equity=[100000.0] * 10)",
    "too many bars": "answer(equity=[100000.0] * 1000)",
    "no bars": "answer(equity=[])",
    "a million trades that are not there": "answer(claimed=1000000)",
    "a negative number of trades": "answer(claimed=-1)",
    "a status of its own": "answer(**{'status': 'excellent'})",
    "NaN in the JSON": "answer(cpu_ms=float('nan'))",
    "1e999 in the JSON": 'frames({}, b\'{"status": "completed", "token": "TOKEN", "cpu_ms": 1e999}\\n\'); os._exit(0)',
    "a beginning outside the data": "answer(begin=10**9)",
    "a beginning before the first bar": "answer(begin=-1)",
    "a chart nobody asked for": "frames({'status': 'completed', 'begin': 1, 'bars': BARS, 'report': 10**8}, b'x' * (BARS * 8 + 10**7)); os._exit(0)",
    "indicators nobody asked for": "answer(indicators=['SMA'] * 60)",
    "orders nobody asked for": "answer(orders=[[5, [[1.0, None, None, None, None, 0.0]]]])",
    "deep JSON": "frames({}, b'[' * 1000000 + b']' * 1000000 + b'\\n'); os._exit(0)",
    "no JSON": "frames({}, b'\\x80\\x04\\x95cos\\nsystem\\n(S\"true\"\\ntR.\\n'); os._exit(0)",
    "keys without end": "frames({}, json.dumps({'status': 'completed', 'token': 'TOKEN', 'metrics': {str(i): 1 for i in range(100000)}}).encode() + b'\\n'); os._exit(0)",
}


def test_forged_answers(in_forks: Callable[..., dict[str, Outcome]]) -> None:
    """Each has as many bars as its own prices, where it doesn't lie about them."""
    for name, done in in_forks(ANSWERS, top=SAY, docker_takes=5).items():
        assert done.result is None, name
        assert done.reason in ("violation", "killed", "output"), (name, done.text)


@pytest.mark.parametrize("name", ["figures of its own", "no JSON", "a status of its own"])
def test_forged_answers_of_an_interpreter_of_their_own(escape: Escape, name: str) -> None:
    done = escape(ANSWERS[name], top=SAY)
    assert done.result is None
    assert done.reason in ("violation", "killed", "output"), done.text


def test_huge_json(escape: Escape) -> None:
    done = escape("frames({'status': 'completed', 'error': 'x' * 50_000_000}); os._exit(0)", top=SAY)
    assert done.reason == "output"


@the_same_in_both
def test_a_packed_bomb_in_place_of_the_numbers(escape: Escape) -> None:
    """An eighth of a gigabyte of zeros, packed: there is nothing that unpacks it."""
    done = escape(
        """
        import gzip
        rest = gzip.compress(bytes(2**27))[:60 * 8].ljust(60 * 8)
        frames({"status": "completed", "begin": 1, "trades": 0, "bars": 60, "report": 0}, rest)
        os._exit(0)
        """,
        top=SAY,
        memory_mb=2048,
    )
    refused(done)


def test_a_report_larger_than_it_may_be(escape: Escape) -> None:
    """Nobody asked for one; where one was asked for, it is refused by its size before it is read."""
    assert escape("answer(report=10**12)", top=SAY).reason == "violation"


@the_same_in_both
def test_a_report_that_was_asked_for_is_bounded(box: InterpreterSandbox) -> None:
    with pytest.raises(ExecutionError, match="at most 64 are kept") as refused:
        box.run(SandboxJob(strategy("answer(report=10**9)", top=SAY), prices(), report=True))
    assert refused.value.exit_reason == "output"


@the_same_in_both
def test_the_second_answer_does_not_count(escape: Escape) -> None:
    done = escape(
        "frames({'status': 'error', 'error': 'first'}); METRICS.update({'Return [%]': 500.0}); answer()", top=SAY
    )
    assert done.result is None
    assert "first" in done.text


def test_resources_cannot_be_understated(escape: Escape) -> None:
    """They are the kernel's figures, not the worker's."""
    done = escape("sum(range(30_000_000)); frames({'status': 'error', 'error': 'x', 'cpu_ms': 0.001, 'peak_memory_mb': 0.1}); import time; time.sleep(1)", top=SAY, alone=True)  # fmt: skip
    assert done.error is not None
    assert done.error.resources["cpu_ms"] > 100
    assert done.error.resources["peak_memory_mb"] > 30


@the_same_in_both
def test_versions_cannot_be_forged(escape: Escape) -> None:
    result = honest(escape, top="import numpy, backtesting; numpy.__version__ = backtesting.__version__ = '99'")
    assert "99" not in result.versions.values()


# -- Python's own ways -----------------------------------------------------------------------


@the_same_in_both
def test_subclasses_of_object(escape: Escape) -> None:
    done = escape("""
        found = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ in ('Popen', '_wrap_close')]
        print('CLASSES', len(found))
        for c in found:
            attempt(lambda: c.__init__.__globals__['system']('id') if c.__name__ == '_wrap_close' else c(['id']))
    """)
    assert "uid=" not in done.text
    assert "CAME 0" not in done.text


def test_import_hooks(escape: Escape, box: InterpreterSandbox) -> None:
    done = escape("""
        class Hook:
            def find_spec(self, name, path=None, target=None): print('HOOK', name)
        sys.meta_path.insert(0, Hook())
        sys.path.insert(0, '/job')
        open('/job/sitecustomize.py', 'w').write('print("CUSTOMISED")')
        open('/job/numpy.py', 'w').write('raise SystemExit')
        for place in ('/python/lib/python3.11/site-packages', '/packages'):
            attempt(lambda: open(place + '/sitecustomize.py', 'w'))
            attempt(lambda: open(place + '/evil.pth', 'w'))
    """)
    assert done.text.count("FAILED") == 4
    later = box.run(SandboxJob(strategy(next_=TRADES), prices()))
    assert "CUSTOMISED" not in later.log
    assert "HOOK" not in later.log
    assert later.metrics["# Trades"] > 3


@the_same_in_both
def test_code_in_the_names_of_files(escape: Escape) -> None:
    done = escape(
        "attempt(lambda: open('/job/$(touch escaped)', 'w').write('x')); attempt(lambda: open('/job/../../escaped', 'w'))"
    )
    assert "FAILED" in done.text


# -- The next job ----------------------------------------------------------------------------


def test_the_next_job_finds_nothing_of_this_one(escape: Escape, box: InterpreterSandbox) -> None:
    expected = box.run(SandboxJob(strategy(next_=TRADES), prices()))
    escape("""
        open('left.txt', 'w').write('poison')
        import backtesting, numpy, talib, builtins
        backtesting.Strategy.buy = numpy.isnan = talib.SMA = None
        sys.poisoned = builtins.poisoned = True
        os.environ['POISONED'] = '1'
    """)
    look = "import builtins; print('LEFT', os.listdir('.'), hasattr(sys, 'poisoned'), hasattr(builtins, 'poisoned'), 'POISONED' in os.environ)"
    after = box.run(SandboxJob(strategy(look, TRADES), prices()))
    assert "LEFT ['output.txt'] False False False" in after.log
    assert after.metrics == expected.metrics


def test_an_answer_left_for_the_next_job(escape: Escape, box: InterpreterSandbox) -> None:
    escape("frames({'ready': {}}); frames({'status': 'completed', 'begin': 1, 'bars': 60})\nfor _ in range(3):\n    frames({'status': 'completed', 'begin': 1, 'bars': 60})", top=SAY)  # fmt: skip
    after = box.run(SandboxJob(strategy(next_=TRADES), prices()))
    assert after.metrics["# Trades"] > 3
    assert after.metrics["Return [%]"] < 100


def test_each_job_has_an_interpreter_of_its_own(escape: Escape, box: InterpreterSandbox) -> None:
    first = escape("import time; print('BORN', id(sys), time.time()); sys.mark = 1")
    second = escape("print('MARK', hasattr(sys, 'mark'))")
    assert "BORN" in first.text
    assert "MARK False" in second.text
