"""A cursor over tokens that remembers which words became which part of the strategy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from Backtest.machine import breathe
from Strategy.reading.text.lexer import Kind, Token, tangled
from Strategy.words import Table, fillers, merged, small, spans

Found = TypeVar("Found")

MAX_NOISE = 12
_NOISE = (fillers.NOISE,)
MAX_STEPS = 240_000  # 10,000 characters without a rule take 208,000
STEPS_A_BREATH = 2_500  # some 10 ms


@dataclass(frozen=True)
class Consumed:
    """Tokens first..last (inclusive) were read as `part`."""

    first: int
    last: int
    part: str


class Restorable(Protocol):
    """What has been read so far, which can be put back to an earlier state."""

    def snapshot(self) -> Any: ...

    def restore(self, snapshot: Any) -> None: ...


class Mark(NamedTuple):
    """A place in the text and what had been read when the cursor stood there."""

    position: int
    consumed: int
    snapshot: Any


class Cursor:
    """Reads tokens left to right; `mark` and `reset` try a reading and take it back.

    Words of no meaning of their own (articles, forms of to be) are skipped on the way to a match.
    """

    def __init__(self, tokens: list[Token], draft: Restorable) -> None:
        self.tokens = tokens
        self._words = tuple(t.norm if t.kind not in ("nl", "num") else None for t in tokens)
        self.draft = draft
        self.position = 0
        self.steps = 0
        self.noise: dict[int, int] = {}  # how many words of no meaning start at a position
        self.part = "text"
        self.consumed: list[Consumed] = []

    # Trying --------------------------------------------------------------------------------

    def mark(self) -> Mark:
        return Mark(self.position, len(self.consumed), self.draft.snapshot())

    def reset(self, mark: Mark) -> None:
        """Go back to a mark: its place in the text, and everything read as it was there."""
        self.position = mark.position
        del self.consumed[mark.consumed :]
        self.draft.restore(mark.snapshot)

    def first(self, readers: Iterable[Callable[..., Found]], *of: Any) -> Found | None:
        """Return what the first of these readings finds, of which those before it leave nothing."""
        mark = self.mark()
        for read in readers:
            found = read(*of)
            if found is not None and found is not False:
                return found
            self.reset(mark)
        return None

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

    def _phrase(self, start: int, of: tuple[Table, ...]) -> tuple[int, Any] | None:
        """Return (length, meaning) of the longest phrase of these tables at a token."""
        self.steps += 1
        if self.steps % STEPS_A_BREATH == 0:
            if self.steps >= MAX_STEPS:
                raise tangled()
            breathe()
        if start >= len(self.tokens):
            return None
        by_first = of[0].by_first_word if len(of) == 1 else merged(of)
        for words, meaning in by_first.get(self.tokens[start].norm, ()):
            if self._words[start : start + len(words)] == words:
                return len(words), meaning
        return None

    def looking_at(self, *of: Table, noise: bool = True) -> Any:
        """Return the meaning of the phrase ahead without taking it, None when there is none."""
        here = (self.position, len(self.consumed))
        meaning = self.take(*of, noise=noise)
        return self._back(here, meaning)

    def take(self, *of: Table, noise: bool = True) -> Any:
        """Take the longest phrase of these tables and return its meaning, else None."""
        found = self._phrase(self.position, of)
        if found is None and not (noise and self._noise_ahead()):
            return None  # most often: nothing was taken
        here = (self.position, len(self.consumed))
        for _ in range(MAX_NOISE - 1):
            if found is not None or not self._skip_one_noise():
                break
            found = self._phrase(self.position, of)
        if found is not None:
            self.advance(found[0])
            return found[1]
        return self._back(here)

    def _back(self, here: tuple[int, int], value: Any = None) -> Any:
        """Take back what was taken since, where nothing but words was read; return `value`."""
        self.position = here[0]
        del self.consumed[here[1] :]
        return value

    def _noise_ahead(self) -> int:
        """Return how many words of no meaning are ahead."""
        length = self.noise.get(self.position)
        if length is None:
            found = self._phrase(self.position, _NOISE)
            length = self.noise[self.position] = found[0] if found else 0
        return length

    def _skip_one_noise(self) -> bool:
        length = self._noise_ahead()
        if length:
            self.advance(length)
        return length > 0

    def skip_noise(self) -> None:
        for _ in range(MAX_NOISE):
            if not self._skip_one_noise():
                break

    def kind(self, kind: Kind, *, noise: bool = True) -> Token | None:
        """Take the next token if it is of a kind."""
        token = self.peek()
        if noise and self._noise_ahead():
            here = (self.position, len(self.consumed))
            self.skip_noise()
            token = self.peek()
            if token is None or token.kind != kind:
                self._back(here)
        if token is None or token.kind != kind:
            return None
        self.advance(1)
        return token

    def number(self, *, percent: bool | None = None, noise: bool = True) -> Token | None:
        """Take a number; with `percent` only one with, or without, a percent sign."""
        here = (self.position, len(self.consumed))
        token = self.kind("num", noise=noise)
        if token is None or (percent is not None and token.percent != percent):
            self._back(here)
            return None
        return token

    def span(self, *, noise: bool = True) -> tuple[float, str] | None:
        """Take a number and its unit: "3 bars", "10 days"."""
        token = self.number(percent=False, noise=noise)
        unit = self.take(spans.UNIT, noise=False) if token is not None else None
        return (token.value, unit) if token is not None and unit is not None else None

    def looking_at_number(self) -> bool:
        token = self.peek()
        return token is not None and token.kind == "num"

    def looking_at_symbol(self, symbol: str) -> bool:
        token = self.peek()
        return token is not None and token.norm == symbol

    def symbol(self, *symbols: str, noise: bool = False) -> str | None:
        """Take one of these symbols or words."""
        here = (self.position, len(self.consumed))
        if noise:
            self.skip_noise()
        token = self.peek()
        if token is None or token.norm not in symbols:
            if noise:
                self._back(here)
            return None
        self.advance(1)
        return token.norm

    def words(self, *of: Table, noise: bool = True) -> str | None:
        """Take the longest phrase of these tables and return it as it was said, else None."""
        by_first = of[0].by_first_word if len(of) == 1 else merged(of)
        token = self.peek()
        if (token is None or token.norm not in by_first) and not (noise and self._noise_ahead()):
            return None  # most often: nothing was taken
        here = (self.position, len(self.consumed))
        for _ in range(MAX_NOISE if noise else 1):
            token = self.peek()
            for words, _meaning in by_first.get(token.norm, ()) if token else ():
                if self._words[self.position : self.position + len(words)] == words:
                    self.advance(len(words))
                    return " ".join(words)
            if not noise or not self._skip_one_noise():
                break
        self._back(here)
        return None

    def clause_ends(self, *words: Table, marks: str = ",.;") -> bool:
        """Whether the text, its line or a clause ends here: with one of these marks or words. Takes nothing."""
        token = self.peek()
        return token is None or token.kind == "nl" or token.norm in marks or any(token.norm in of for of in words)

    def next_is(self, of: Table) -> bool:
        """Whether the next token is a word of a table. Takes nothing."""
        token = self.peek()
        return token is not None and token.norm in of

    def colon_numbers(self) -> list[float]:
        """Take "1:2", "1/2" or "1 to 2"; an empty list when there is none."""
        token = self.number(percent=False)
        if token is None:
            clock = self.kind("clock")
            return [float(part) for part in clock.norm.split(":")] if clock else []
        mark = self.mark()
        if self.symbol(":", "/") or self.words(small.TO, noise=False):
            second = self.number(percent=False)
            if second is not None:
                return [token.value, second.value]
            self.reset(mark)
        return [token.value]
