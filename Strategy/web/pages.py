"""What a stranger's page costs to read, it costs a process of its own, for so long and no longer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from Backtest.errors import InvalidInput
from Backtest.machine import MOST_BYTES, Ended, TookTooLong, TookTooMuch, WorkLimits, begin_with, working
from Strategy.reading import parse_strategy

LIMITS = WorkLimits(memory_mb=512, cpu_s=10.0)
MOST_PASSAGES, MOST_CHARACTERS = 5, 20_000  # of the strategies found, and of what is looked at in all
_LONGEST_PASSAGE = 2000
_RULE = re.compile(r"(?i)\b(buy|sell|short|enter|exit|long)\b")
begin_with("trafilatura", __name__)


def readable(html: str, *, limits: WorkLimits = LIMITS) -> str:
    """Return the main text of a page, without menus and advertisements; it may be empty.

    Raises:
        InvalidInput: finding it takes more time or memory than it may.
    """
    return str(_ask(_extract, html, limits))


def passages_with_rules(text: str, *, limits: WorkLimits = LIMITS) -> list[str]:
    """Return the passages of a text that are strategies the rules read, those of fewer paragraphs first.

    Of the passages that might be one, no more than MOST_CHARACTERS are looked at.

    Raises:
        InvalidInput: reading takes more time or memory than it may.
    """
    return [str(passage) for passage in _ask(_read, text, limits)]


def _ask(work: Callable[..., None], text: str, limits: WorkLimits) -> Any:
    try:
        with working(work, limits=limits, content=text.encode()) as line:
            return json.loads(line.recv_bytes(MOST_BYTES))
    except (TookTooLong, TookTooMuch, Ended):
        raise InvalidInput("The page takes too long to read: copy the passage with the rules here instead") from None


# In the process of the work --------------------------------------------------------------------


def _extract(line: Connection, content: bytes) -> None:
    import trafilatura

    text = trafilatura.extract(content.decode(), include_comments=False, include_tables=True) or ""
    line.send_bytes(json.dumps(text.strip()).encode())


def _read(line: Connection, content: bytes) -> None:
    found: list[str] = []
    taken: set[int] = set()
    left = MOST_CHARACTERS
    for blocks, passage in _passages(content.decode()):
        if taken & set(blocks):
            continue
        left -= len(passage)
        if left < 0 or len(found) == MOST_PASSAGES:
            break
        if parse_strategy(passage).strategy is not None:
            found.append(passage)
            taken |= set(blocks)
    line.send_bytes(json.dumps(found).encode())


def _passages(text: str) -> Iterator[tuple[range, str]]:
    """Yield runs of paragraphs that speak of trading, with their places: the shorter first, so that two strategies stay two.

    A passage begins at its first trading word, behind a title such as "The dip:".
    """
    blocks = [b.strip() for b in text.split("\n") if b.strip()]
    for length in (1, 2, 3, 4):
        for i in range(len(blocks) - length + 1):
            first, last = _RULE.search(blocks[i]), _RULE.search(blocks[i + length - 1])
            if first and last:
                passage = "\n".join([blocks[i][first.start() :], *blocks[i + 1 : i + length]])
                if len(passage) <= _LONGEST_PASSAGE:
                    yield range(i, i + length), passage
