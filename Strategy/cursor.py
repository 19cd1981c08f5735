"""A cursor over tokens that remembers which words became which part of the strategy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from Strategy.lexer import Kind, Token
from Strategy.lexicon import trie

Mark = tuple[int, ...]


@dataclass(frozen=True)
class Consumed:
    """Tokens first..last (inclusive) were read as `part`."""

    first: int
    last: int
    part: str


class Cursor:
    """Reads tokens left to right; `mark` and `reset` try a reading and take it back.

    Words of no meaning of their own (articles, forms of to be) are skipped on the way to a match.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.part = "text"
        self.consumed: list[Consumed] = []
        # Collections of what has been read, cut back to their size when a reading is taken back.
        self.journal: Callable[[], tuple[list[Any] | dict[Any, Any], ...]] = tuple

    # Trying --------------------------------------------------------------------------------

    def mark(self) -> Mark:
        return (self.position, len(self.consumed), *(len(kept) for kept in self.journal()))

    def reset(self, mark: Mark) -> None:
        self.position = mark[0]
        del self.consumed[mark[1] :]
        for kept, size in zip(self.journal(), mark[2:], strict=True):
            while len(kept) > size:
                if isinstance(kept, dict):
                    kept.popitem()
                else:
                    kept.pop()

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.tokens)

    def peek(self, ahead: int = 0) -> Token | None:
        index = self.position + ahead
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def previous(self) -> Token | None:
        return self.tokens[self.position - 1] if self.position else None

    def previous_word(self) -> str:
        token = self.previous()
        return token.norm if token else ""

    # Taking --------------------------------------------------------------------------------

    def advance(self, count: int) -> None:
        self.consumed.append(Consumed(self.position, self.position + count - 1, self.part))
        self.position += count

    def _phrase(self, start: int, names: tuple[str, ...]) -> tuple[int, Any] | None:
        """Return (length, value) of the longest phrase of these categories at a token."""
        if start >= len(self.tokens):
            return None
        for words, value in trie(*names).get(self.tokens[start].norm, ()):
            end = start + len(words)
            if end <= len(self.tokens) and all(
                t.norm == w and t.kind not in ("nl", "num") for t, w in zip(self.tokens[start:end], words, strict=True)
            ):
                return len(words), value
        return None

    def looking_at(self, *names: str, noise: bool = True) -> Any:
        """Return the value of the phrase ahead without taking it, None when there is none."""
        mark = self.mark()
        value = self.take(*names, noise=noise)
        self.reset(mark)
        return value

    def take(self, *names: str, noise: bool = True) -> Any:
        """Take the longest phrase of these categories and return its value, else None."""
        mark = self.mark()
        while True:
            found = self._phrase(self.position, names)
            if found is not None:
                self.advance(found[0])
                return found[1]
            if not noise or not self._skip_one_noise():
                self.reset(mark)
                return None

    def _skip_one_noise(self) -> bool:
        found = self._phrase(self.position, ("NOISE",))
        if found is None:
            return False
        self.advance(found[0])
        return True

    def skip_noise(self) -> None:
        while self._skip_one_noise():
            pass

    def kind(self, kind: Kind, *, noise: bool = True) -> Token | None:
        """Take the next token if it is of a kind."""
        mark = self.mark()
        if noise:
            self.skip_noise()
        token = self.peek()
        if token is None or token.kind != kind:
            self.reset(mark)
            return None
        self.advance(1)
        return token

    def number(self, *, percent: bool | None = None, noise: bool = True) -> Token | None:
        """Take a number; with `percent` only one with, or without, a percent sign."""
        mark = self.mark()
        token = self.kind("num", noise=noise)
        if token is None or (percent is not None and token.percent != percent):
            self.reset(mark)
            return None
        return token

    def symbol(self, *symbols: str, noise: bool = False) -> str | None:
        """Take one of these symbols or words."""
        mark = self.mark()
        if noise:
            self.skip_noise()
        token = self.peek()
        if token is None or token.norm not in symbols:
            self.reset(mark)
            return None
        self.advance(1)
        return token.norm

    def words(self, *phrases: str, noise: bool = True) -> str | None:
        """Take one of these phrases literally, the longest that fits."""
        mark = self.mark()
        while True:
            for phrase in sorted(phrases, key=lambda p: -len(p.split())):
                parts = phrase.split()
                here = self.tokens[self.position : self.position + len(parts)]
                if [t.norm for t in here] == parts:
                    self.advance(len(parts))
                    return phrase
            if not noise or not self._skip_one_noise():
                self.reset(mark)
                return None
