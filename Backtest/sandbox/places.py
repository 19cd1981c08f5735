"""Who may run now: a bound on what runs at a time, shared between those who ask so that nobody holds another up."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from Backtest.errors import ExecutionError, TooBusy

TICK_S = 0.25


@dataclass(frozen=True)
class Asker:
    """For whom this thread works; an empty name is the system itself, which has no share but all.

    `check` is called while its jobs wait and run; what it raises ends them, as a client that hung up does.
    """

    name: str = ""
    check: Callable[[], None] = lambda: None


_asker: ContextVar[Asker] = ContextVar("asker", default=Asker())  # noqa: B039 - it is frozen


def asker() -> Asker:
    """Return for whom this thread works."""
    return _asker.get()


@contextmanager
def working_for(who: Asker) -> Iterator[None]:
    """Let the jobs of this thread count as somebody's."""
    before = _asker.set(who)
    try:
        yield
    finally:
        _asker.reset(before)


@contextmanager
def no_later_than(deadline: float) -> Iterator[None]:
    """End the jobs of this thread that still wait or run at a time of time.monotonic(), all of them together."""
    who = asker()

    def check() -> None:
        who.check()
        if time.monotonic() > deadline:
            raise ExecutionError("The time given for all runs together is over", exit_reason="timeout")

    with working_for(Asker(who.name, check)):
        yield


@dataclass(eq=False)
class _Waiting:
    name: str
    granted: threading.Event = field(default_factory=threading.Event)


class Places:
    """Places for jobs that run at a time.

    Whoever holds the fewest gets the next one that is free, and the last free one is kept for somebody who holds none. An
    example: of four places ada may hold two; her third job waits, and bob's first runs at once, however many of hers wait.

    Args:
        total: how many there are.
        share: how many one asker may hold.
        queue: how many jobs of one asker may wait; one more is refused.
        what: what the jobs are called, in the plural.
        instead: what whoever is refused may do but wait.
    """

    def __init__(self, total: int, *, share: int, queue: int, what: str, instead: str = "") -> None:
        self.total, self.share, self.queue = total, share, queue
        self.what, self.instead = what, instead
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()

    @contextmanager
    def one(self, tick: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold a place for as long as the context lasts; wait until there is one.

        Args:
            tick: called four times a second while it waits; what it raises gives up waiting.

        Raises:
            TooBusy: as many jobs of this asker wait already as may wait.
        """
        who = asker()
        mine = _Waiting(who.name)
        with self._lock:
            if who.name and sum(w.name == who.name for w in self._waiting) >= self.queue:
                under_way = f"{self._held[who.name]} of your {self.what} are under way and {self.queue} wait"
                raise TooBusy(f"{under_way}: wait until they are done{', or ' if self.instead else ''}{self.instead}")
            self._waiting.append(mine)
            self._grant()
        try:
            while not mine.granted.wait(TICK_S):
                who.check()
                tick()
            yield
        finally:
            with self._lock:
                if mine.granted.is_set():
                    self._held[mine.name] -= 1
                else:
                    self._waiting.remove(mine)
                self._grant()

    def _grant(self) -> None:
        """Give what is free to those who wait, the ones who hold the fewest first, then the ones who came first."""
        while self._held.total() < self.total:
            last = self._held.total() == self.total - 1
            able = [w for w in self._waiting if not w.name or self._held[w.name] < (1 if last else self.share)]
            if not able:
                return
            next_ = min(able, key=lambda w: self._held[w.name])
            self._waiting.remove(next_)
            self._held[next_.name] += 1
            next_.granted.set()


class Bound:
    """A bound on what one asker has open at a time, such as streams, which nobody waits for.

    Args:
        most: how many one may have.
        what: what they are called, in the plural.
    """

    def __init__(self, most: int, what: str) -> None:
        self.most, self.what = most, what
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self) -> Callable[[], None]:
        """Count one more for this thread's asker; return what is to be called, once or more often, when it is closed.

        Raises:
            TooBusy: so many are open already.
        """
        name, closed = asker().name, threading.Event()
        with self._lock:
            if name and self._open[name] >= self.most:
                raise TooBusy(f"You have {self.most} {self.what} open: close one, and try again")
            self._open[name] += 1

        def close() -> None:
            with self._lock:
                if not closed.is_set():
                    closed.set()
                    self._open[name] -= 1

        return close
