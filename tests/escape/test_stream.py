"""Prices that come bar by bar: the future is not in the code's process, and who asks for it early is refused."""

from __future__ import annotations

import pytest

from Backtest.errors import ExecutionError
from Backtest.sandbox import EngineSettings, SandboxJob
from Backtest.sandbox.job import Limits
from Backtest.sandbox.pool import InterpreterSandbox
from tests.escape.conftest import Outcome, ended, prices, the_same_in_both

SECRET = 54321.0625  # the close of bar 40


def streamed(box: InterpreterSandbox, next_: str, bar: int = 20) -> Outcome:
    """Run code whose `next` is this at a bar, and holds a share from bar 22 on."""
    body = "\n".join(f"            {line}" for line in next_.strip().splitlines())
    code = (
        "import gc, sys\nimport numpy as np\nfrom backtesting import Strategy\nclass S(Strategy):\n    def init(self): pass\n    def next(self):\n"
        f"        bar = len(self.data) - 1\n        if bar == {bar}:\n{body}\n        if bar == 22: self.buy(size=1)\n"
    )
    frame = prices()
    frame.iloc[40] = [SECRET, SECRET + 1, SECRET - 1, SECRET, 1.0]
    try:
        return ended(
            box.run(SandboxJob(code, frame, EngineSettings(), Limits(timeout_s=20, memory_mb=1024), stream=True))
        )
    except ExecutionError as error:
        return ended(error)


STREAM = "stream = next(o for o in gc.get_objects() if type(o).__name__ == 'Stream')"

FORGERIES = {
    "asks for the future and decides at a bar before": (f"{STREAM}\nstream.until(50)\nself.buy(size=1)", "it decides at bar"),
    "asks for the future and decides later": (f"{STREAM}\nstream.until(22)\nself.buy(size=1)", "it decides at bar"),
    "asks again for what it was given": (f"{STREAM}\nstream.seen = 3\nstream.until(5)", "it asks for bar 4 after bar 20"),
    "asks for a bar there is none of": (f"{STREAM}\nstream.until(500)", "it asks for bar 499 after bar 20 of 60"),
    "dates a decision back": (f"{STREAM}\nself.buy(size=1)\nstream.decisions.rows[0] = 3.0", "it decides at bar 3 when it knows bar 20"),
    "dates a decision forward": (f"{STREAM}\nself.buy(size=1)\nstream.decisions.rows[0] = 30.0", "it decides at bar 30 when"),
}  # fmt: skip


@the_same_in_both
@pytest.mark.parametrize(("attempt", "said"), FORGERIES.values(), ids=FORGERIES)
def test_who_asks_early_is_refused(box: InterpreterSandbox, attempt: str, said: str) -> None:
    done = streamed(box, attempt)
    assert done.reason == "violation", done
    assert said in done.text, done


def test_the_future_is_not_there(box: InterpreterSandbox) -> None:
    """All arrays, frames and bytes of the process are looked through at bar 20, and at bar 45 as well, to see that the search finds it."""
    search = (
        "seen = [o for o in gc.get_objects() if isinstance(o, (np.ndarray, bytes, bytearray, list, tuple))]\n"
        f"needle = np.float64({SECRET}).tobytes()\n"
        "found = [o for o in seen if needle in (o if isinstance(o, (bytes, bytearray)) else np.asarray(o, dtype='<f8').tobytes() "
        "if isinstance(o, np.ndarray) and o.dtype.kind == 'f' else b'')]\n"
        "stream = next(o for o in gc.get_objects() if type(o).__name__ == 'Stream')\n"
        "held = any(needle in column.tobytes() for column in stream.prices.values())\n"
        "print('BAR', bar, 'FOUND', bool(found) or held)"
    )
    done = streamed(box, search)
    assert done.result is not None, done
    assert done.result.streamed
    assert "BAR 20 FOUND False" in done.text
    later = streamed(box, search, 45)
    assert "BAR 45 FOUND True" in later.text, later
    assert len(done.result.trades) == 1


@the_same_in_both
def test_bars_are_given_to_nobody_who_has_them(box: InterpreterSandbox) -> None:
    code = (
        "import gc, sys\nfrom backtesting import Strategy\nclass S(Strategy):\n    def init(self): pass\n    def next(self):\n"
        "        say = next(o for o in gc.get_objects() if getattr(o, '__name__', '') == 'say' and callable(o))\n"
        "        say({'bar': 5, 'decisions': 0})\n"
    )
    with pytest.raises(ExecutionError, match="asks for bars that were given to it"):
        box.run(SandboxJob(code, prices(), limits=Limits(timeout_s=20, memory_mb=1024)))
