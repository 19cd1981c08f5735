"""Paths that are declared instead of searched, and the way they are chosen."""

from __future__ import annotations

import pytest

from tests.oracle.random_cases import Json
from tests.oracle.reading import case
from tests.oracle.run import run
from tests.oracle.strategy import Path

BUY_STOP: Json = {"id": "a", "side": "long", "when": "V == 1", "order": {"type": "stop", "price": "High + 1"}}
STOPPED, RISEN = 99_700, 100_200


def breakout(path: Path, open_: float) -> float:
    """Buy 100 at 102 on a bar from 98.8 to 102.8, with a stop at 99; give the equity where a close of 104 follows."""
    entry = {**BUY_STOP, "size": {"units": 100}, "risk": {"stop": {"points": 3}}}
    rows = [[99, 101, 99, 100, 1], [open_, 102.8, 98.8, 101.5, 10], [101.5, 104, 101, 104, 10]]
    return run(case({"strategy": {"entries": [entry], "options": {"path": path}}, "bars": rows})).equity[-1]


@pytest.mark.parametrize(
    ("path", "open_", "equity"),
    [
        ("worst", 100, STOPPED),
        ("best", 100, RISEN),
        ("high_first", 100, STOPPED),
        ("low_first", 100, RISEN),
        ("nearest", 100, RISEN),  # 98.8 is nearer to 100 than 102.8
        ("nearest", 101, STOPPED),
        ("nearest", 100.8, RISEN),  # both equally near: low first
    ],
)
def test_path_decides_between_entry_and_stop(path: Path, open_: float, equity: float) -> None:
    assert breakout(path, open_) == pytest.approx(equity)
