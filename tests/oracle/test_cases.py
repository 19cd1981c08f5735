"""Cases worked out by hand: each gives exactly its events, in order, and its equity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.oracle.reading import case
from tests.oracle.run import run

HERE = Path(__file__).parent
FILES = ("cases.yaml", "cases_more.yaml")
MONEY = 1e-6
CASES = [given for name in FILES for given in yaml.safe_load((HERE / name).read_text())["cases"]]


def equal(wanted: Any, got: Any) -> bool:
    """Compare what a case says of an event with what happened: numbers to 1e-9 of their size, all else exactly."""
    if isinstance(wanted, Mapping):
        return isinstance(got, Mapping) and all(equal(value, got.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(got, list) and len(wanted) == len(got) and all(map(equal, wanted, got))
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return got == pytest.approx(wanted, rel=1e-9)
    return bool(wanted == got)


@pytest.mark.parametrize("given", CASES, ids=[given["id"] for given in CASES])
def test_case_gives_its_events_and_equity(given: dict[str, Any]) -> None:
    outcome = run(case(given))

    told = [dict(event) for event in outcome.events]
    differs = [(want, got) for want, got in zip(given["events"], told, strict=False) if not equal(want, got)]
    assert not differs, f"first difference: wanted {differs[0][0]}, got {differs[0][1]}"
    assert len(told) == len(given["events"]), f"told {told}"
    assert outcome.equity[-1] == pytest.approx(given["equity"], abs=MONEY)
    best = run(case(given), "best").equity[-1]
    assert best == pytest.approx(given.get("equity_best_path", given["equity"]), abs=MONEY)


def test_ids_are_unique() -> None:
    assert len({given["id"] for given in CASES}) == len(CASES)
