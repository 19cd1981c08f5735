"""What a model sees of a conversation, and what of its answer is passed on.

Two kinds of questions are kept apart. A question that may act has tools, and sees nothing a stranger wrote. A question about
what strangers wrote has no tools. Text that gives orders never meets something that could obey them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from Strategy.models import Message

WINDOW = 8  # turns that are passed on word by word
SUMMARY_CHARACTERS = 1500
_RUN = 8  # words in a row that are a quotation of the instructions
WITHHELD = "[The rest is withheld: it repeated internal instructions.]"


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation: what the user said, and what was answered.

    `foreign`: the answer was made from what strangers wrote.
    """

    message: str
    answer: str
    foreign: bool = False


def window(turns: Sequence[Turn]) -> tuple[str, tuple[Message, ...]]:
    """Return a summary of the older turns and the newest ones word by word, within bounds.

    Answers made from strangers' texts are left out of both.
    """
    older, newer = turns[:-WINDOW], turns[-WINDOW:]
    lines = [f"- {_short(t.message, 100)} -> {'read pages' if t.foreign else _short(t.answer, 120)}" for t in older]
    summary = ""
    for line in reversed(lines):
        if len(summary) + len(line) > SUMMARY_CHARACTERS:
            break
        summary = f"{line}\n{summary}"
    said: list[Message] = []
    for turn in newer:
        said.append(Message("user", turn.message[:2000]))
        said.append(Message("assistant", "(I read pages for you.)" if turn.foreign else turn.answer[:2000]))
    return summary, tuple(said)


def _short(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 3]}..."


def said_by(message: str, words: str) -> bool:
    """Return whether words stand in a message, letter by letter but for case and spaces."""
    wanted = " ".join(words.casefold().split())
    return bool(wanted) and wanted in " ".join(message.casefold().split())


def withholding(
    pieces: Generator[str, None, Any], secrets: Iterable[str], on_end: Callable[[Any], None] = lambda _: None
) -> Generator[str, None, str]:
    """Pass an answer on, a few words late, and end it where it repeats one of the texts nobody shall read.

    Args:
        secrets: the instructions. Eight words in a row are a repetition.
        on_end: gets what the generator of pieces returns.

    Returns:
        the answer as it was passed on.
    """
    hidden = {run for text in secrets for run in _runs(_words(text))}
    whole, sent = "", 0
    try:
        while True:
            whole += next(pieces)
            if _repeats(whole, hidden):
                pieces.close()
                yield WITHHELD
                return whole[:sent] + WITHHELD
            safe = _safe(whole)
            if safe > sent:
                yield whole[sent:safe]
                sent = safe
    except StopIteration as end:
        on_end(end.value)
    if sent < len(whole):
        yield whole[sent:]
    return whole


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(words: list[str]) -> Iterable[tuple[str, ...]]:
    return (tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1))


def _repeats(text: str, hidden: set[tuple[str, ...]]) -> bool:
    return any(run in hidden for run in _runs(_words(text[-2000:])))


def _safe(text: str) -> int:
    """Return how much of a text may be passed on: all but the words that could begin a repetition."""
    starts = [m.start() for m in re.finditer(r"\w+", text)]
    return starts[-_RUN] if len(starts) >= _RUN else 0
