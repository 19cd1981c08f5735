"""The code check finds what does not belong in a strategy, and nothing in what AlgoAgent writes."""

from __future__ import annotations

import random
import textwrap
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from Backtest.canonical import CanonicalStrategy
from Backtest.code.check import check_code, streams
from Backtest.code.generator import generate_code
from Strategy.text_parser import parse_strategy
from tests.explore import examples
from tests.random_strategies import strategies

CORPUS = Path(__file__).resolve().parent.parent / "corpus"

HONEST = """
import numpy as np
import pandas as pd
import talib
from backtesting import Strategy
from backtesting.lib import crossover


def average(values, n):
    return pd.Series(values).rolling(n).mean().shift(1)


class Mine(Strategy):
    fast = 10

    def init(self):
        super().init()
        self.a = self.I(average, self.data.Close, self.fast)
        self.rsi = self.I(talib.RSI, self.data.Close, 14)

    def next(self):
        count = 0
        while True:
            count += 1
            if count > 3:
                break
        if crossover(self.data.Close, self.a) and self.data.Close[-1] > np.max(self.data.High[-5:]):
            self.buy(sl=self.data.Close[-1] * 0.95)
        elif self.position and self.rsi[-1] > 70:
            self.position.close()
"""


def patterns(code: str) -> set[str]:
    return {issue.pattern for issue in check_code(code)}


def in_next(body: str, top: str = "") -> str:
    lines = textwrap.indent(textwrap.dedent(body), " " * 8)
    return f"from backtesting import Strategy\n{top}\n\nclass S(Strategy):\n    def init(self):\n        pass\n\n    def next(self):\n{lines}\n"


def test_an_honest_strategy_has_no_issue() -> None:
    assert check_code(HONEST) == []


@pytest.mark.parametrize(
    ("body", "pattern"),
    [
        ("eval('1')", "dynamic_code"), ("exec('x = 1')", "dynamic_code"), ("compile('1', '', 'eval')", "dynamic_code"),
        ("__import__('os')", "dynamic_code"), ("getattr(self, name)", "dynamic_code"), ("getattr(self, '__dict__')", "dunder"),
        ("setattr(self, 'a' + 'b', 1)", "dynamic_code"), ("run = eval\nrun('1')", "dynamic_code"),
        ("open('/etc/passwd')", "builtin"), ("input()", "builtin"), ("breakpoint()", "builtin"), ("globals()['x'] = 1", "builtin"),
        ("().__class__.__base__.__subclasses__()", "dunder"), ("self.next.__globals__", "dunder"), ("print(__builtins__)", "dunder"),
        ("'{0.__class__}'.format(self)", "dunder"),
        ("self._broker._cash = 1e9", "private"), ("self.trades[0]._Trade__size = 5", "private"), ("self.data = None", "patching"),
        ("self.data.df.to_csv('x')", "io"), ("np.load('x')", "io"), ("pd.read_csv('http://x')", "io"),
        ("while True:\n    x = 1", "infinite_loop"), ("while 1:\n    pass", "infinite_loop"),
        ("global x\nx = 1", "global"),
        ("x = pd.Series(self.data.Close).shift(-1)", "look_ahead"), ("x = s.shift(periods=-3)", "look_ahead"), ("x = s.shift(-n)", "look_ahead"),
        ("x = np.roll(self.data.Close, -1)", "look_ahead"), ("x = s.rolling(5, center=True).mean()", "look_ahead"),
        ("x = s.bfill()", "look_ahead"), ("x = s.fillna(method='bfill')", "look_ahead"), ("x = s.interpolate()", "look_ahead"),
        ("x = self.data.Close.max()", "look_ahead"), ("x = self.data.Close[7]", "look_ahead"), ("x = s.pct_change(-1)", "look_ahead"),
    ],
)  # fmt: skip
def test_what_does_not_belong(body: str, pattern: str) -> None:
    code = in_next(body)
    found = [issue for issue in check_code(code) if issue.pattern == pattern]
    assert found, check_code(code)
    assert all(issue.line >= 8 and issue.message and issue.suggestion for issue in found)


@pytest.mark.parametrize("name", ["os", "sys", "subprocess", "socket", "ctypes", "pickle", "shutil", "requests", "urllib.request", "pathlib",
                                  "importlib", "builtins", "multiprocessing", "threading", "numpy.ctypeslib", "pandas.io.common", "django", "Backtest"])  # fmt: skip
def test_imports_by_allow_list(name: str) -> None:
    used = "sys.modules" if name == "sys" else "1"
    assert patterns(in_next(f"x = {used}", f"import {name}")) & {"import", "attribute"}
    assert patterns(in_next("pass", f"from {name} import thing")) & {"import"}


@pytest.mark.parametrize(
    "code", ["from .. import secrets", "from sys import modules", "from backtesting._stats import compute_stats"]
)
def test_other_ways_to_import(code: str) -> None:
    assert "import" in patterns(in_next("pass", code))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", "no Strategy class"),
        ("class S: pass", "no Strategy class"),
        ("from backtesting import Strategy\nclass S(Strategy):\n    def init(self): pass", "no next"),
        ("from backtesting import Strategy\nclass S(Strategy):\n    def next(self): pass", "no init"),
        (in_next("pass") + in_next("pass").replace("class S", "class T"), "several Strategy classes: S, T"),
        ("def f(:", "no Python"),
        ("x = '\0'", "no Python"),
        ("(" * 5000, "no Python"),
    ],
)
def test_what_is_no_strategy(code: str, message: str) -> None:
    assert any(message in issue.message and issue.severity == "error" for issue in check_code(code))


def test_where_and_what_to_do() -> None:
    (issue,) = check_code(in_next("x = 1; y = s.shift(-1)"))
    assert (issue.line, issue.column, issue.pattern, issue.severity) == (9, 19, "look_ahead", "error")
    assert issue.suggestion == "Use a positive number: the past"


def test_what_is_run_as_a_file_is_not_judged() -> None:
    assert check_code(in_next("pass") + "\nif __name__ == '__main__':\n    import os\n    os.system('ls')\n") == []
    assert check_code(in_next("pass") + "\nif __name__ == '__main__' or True:\n    import os\n")


def test_nothing_of_the_corpus_is_flagged() -> None:
    """Every third sentence: they are alike in what their code is made of."""
    count = 0
    for path in sorted(CORPUS.glob("*.yaml")):
        for entry in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)[::3]:
            if strategy := parse_strategy(entry["say"]).strategy:
                assert check_code(generate_code(strategy).code) == [], entry["say"]
                count += 1
    assert count > 250


@settings(max_examples=examples(45))
@given(strategies())
def test_nothing_generated_is_flagged(strategy: CanonicalStrategy) -> None:
    assert check_code(generate_code(strategy).code) == []


def test_noise_gets_an_answer() -> None:
    choose = random.Random(1)
    for _ in range(300):
        code = list(HONEST)
        for _ in range(choose.randint(1, 30)):
            code[choose.randrange(len(code))] = choose.choice("()[]:=.,'\"\\\n\t #x0-*@{}")
        check_code("".join(code))
    assert check_code("x = " + "-" * 3000 + "1")


STRATEGY = "from backtesting import Strategy\nclass S(Strategy):\n    def init(self):\n        {}\n    def next(self):\n        {}\n"


@pytest.mark.parametrize(
    ("init", "next_", "found"),
    [
        ("pass", "self.buy()", True),
        ("self.count, self.names = 0, ['a']", "self.count += self.data.Close[-1] > self.data.Close[-2]", True),
        ("self.average = self.I(lambda x: x, self.data.Close)", "pass", False),
        ("self.last = self.data.Close[-1]", "pass", False),
        ("prepare(self)", "pass", False),
        ("self.count = len(self.names)", "pass", False),
        ("self.read = lambda: self.data", "pass", False),
        ("pass", "self.later = self.I(lambda x: x, self.data.Close)", False),
        ("pass", "self._data._set_length(9)", False),
    ],
)
def test_which_code_can_be_given_its_bars_one_after_the_other(init: str, next_: str, found: bool) -> None:
    assert streams(STRATEGY.format(init, next_)) is found
    assert not streams("class S(:")


def test_a_hundred_of_a_kind_are_listed() -> None:
    code = "import os\n" * 5_000 + "global x\n" * 300
    found = check_code(code)
    assert len(found) <= 202
    assert "4,901 more errors are not listed" in [
        issue.message for issue in found
    ]  # that there is no strategy is one of them
    assert any(issue.severity == "warning" for issue in found)
