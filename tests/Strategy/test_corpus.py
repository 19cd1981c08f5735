"""Sentences as traders write them, with the strategy each must become, or why it must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from Strategy.text_parser import parse_strategy
from tests.Strategy.notation import comparable, expected

FOLDER = Path(__file__).parent.parent / "corpus"
ENTRIES = [
    pytest.param(entry, id=f"{path.stem}-{number}")
    for path in sorted(FOLDER.glob("*.yaml"))
    for number, entry in enumerate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader), start=1)
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_sentence(entry: dict[str, Any]) -> None:
    parsed = parse_strategy(entry["say"])
    if "refused" in entry:
        assert parsed.strategy is None, parsed.strategy and parsed.strategy.describe()
        codes = {d.code for d in parsed.errors}
        assert set(entry["refused"]) <= codes, parsed.diagnostics
        assert parsed.questions, "a refusal asks what would help"
        if "asks" in entry:
            assert any(entry["asks"] in q for q in parsed.questions), parsed.questions
        if "quotes" in entry:
            assert any(entry["quotes"] in d.message for d in parsed.diagnostics), parsed.diagnostics
    else:
        assert parsed.strategy is not None, parsed.diagnostics
        assert comparable(parsed.strategy) == comparable(expected(entry)), parsed.strategy.describe()
        assert not parsed.leftover
        assumed = {a.code for a in parsed.assumptions}
        assert set(entry.get("assumes", ())) <= assumed, parsed.assumptions
    assert set(entry.get("warned", ())) <= {d.code for d in parsed.warnings}, parsed.warnings


def test_the_corpus_is_large_enough() -> None:
    entries = [p.values[0] for p in ENTRIES]
    assert len(entries) >= 250
    assert sum("refused" in e or "warned" in e for e in entries) >= 60
    assert len({e["say"] for e in entries}) == len(entries)
