"""How many jobs run at a time, and whose turn it is: places are shared between askers so that nobody holds another up."""

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
LATELY_S, MOST_REST_S, BREATH_S = 5.0, 2.0, 0.02


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
    again: bool = False  # whether the asker left a place for a while and comes back to it
    granted: threading.Event = field(default_factory=threading.Event)


class Places:
    """Places for jobs that run at a time.

    The asker who holds the fewest places gets the next free one; the last free place is kept for an asker who holds none. For example,
    of four places ada may hold two: her third job waits, and bob's first runs at once, however many of hers wait.

    Args:
        total: how many there are.
        share: how many one asker may hold.
        queue: how many jobs of one asker may wait; one more is refused.
        what: what the jobs are called, in the plural.
        instead: what a refused asker may do instead of waiting, for the message.
        rests: whether an asker who gives a place back gets the next one only after as long as it was held, up to MOST_REST_S, where
            somebody else had a place in the last LATELY_S seconds.
    """

    def __init__(
        self, total: int, *, share: int, queue: int, what: str, instead: str = "", rests: bool = False
    ) -> None:
        self.total, self.share, self.queue = total, share, queue
        self.what, self.instead, self.rests = what, instead, rests
        self._since: dict[str, float] = {}  # when an asker was last given a place, on time.monotonic()
        self._until: dict[str, float] = {}  # until when an asker rests, on time.monotonic()
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
            if not mine.granted.is_set():
                with elsewhere():
                    while not mine.granted.wait(self._patience(mine.name)):
                        who.check()
                        tick()
                        with self._lock:
                            self._grant()
            yield
        finally:
            with self._lock:
                if mine.granted.is_set():
                    self._give_back(mine.name)
                else:
                    self._waiting.remove(mine)
                self._grant()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Give back the place of this thread's asker while the context lasts; at its end wait for a place, before all others who wait."""
        mine = _Waiting(asker().name, again=True)
        with self._lock:
            self._give_back(mine.name)
            self._grant()
        try:
            yield
        finally:
            with self._lock:
                self._waiting.insert(0, mine)
                self._grant()
            mine.granted.wait()

    def held_by_others(self) -> bool:
        """Return whether somebody else than this thread's asker holds a place."""
        return any(self._held.keys() - {asker().name})

    def _patience(self, name: str) -> float:
        """Return the seconds until an asker who waits looks again: the end of its rest, or TICK_S."""
        rest = self._until.get(name, 0.0) - time.monotonic()
        return rest if 0 < rest < TICK_S else TICK_S

    def _give_back(self, name: str) -> None:
        self._held[name] -= 1
        if not self._held[name]:
            del self._held[name]
        if self.rests:
            now = time.monotonic()
            self._since = {who: at for who, at in self._since.items() if at > now - LATELY_S or who in self._held}
            if self._since.keys() - {name}:
                self._until[name] = now + min(now - self._since.get(name, now), MOST_REST_S)
            self._until = {who: until for who, until in self._until.items() if until > now}

    def _grant(self) -> None:
        """Give free places to those who wait: first to askers who hold the fewest, among equals to who came first."""
        while self._held.total() < self.total:
            last = self._held.total() == self.total - 1
            now = time.monotonic()
            able = [
                w
                for w in self._waiting
                if not w.name
                or (
                    self._held[w.name] < (1 if last else self.share)
                    and (w.again or self._until.get(w.name, now) <= now)
                )
            ]
            if not able:
                return
            next_ = min(able, key=lambda w: self._held[w.name])
            self._waiting.remove(next_)
            self._held[next_.name] += 1
            if self.rests:
                self._since[next_.name] = now
            next_.granted.set()


_turns: ContextVar[Places | None] = ContextVar("turns", default=None)


@contextmanager
def in_turn(turns: Places) -> Iterator[None]:
    """Hold a place of `turns` whenever this thread works, and none in each `elsewhere()`."""
    with turns.one():
        before = _turns.get()
        _turns.set(turns)
        try:
            yield
        finally:
            _turns.set(before)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Let another job of this asker have its turn while this thread waits for another process, machine or thread."""
    turns = _turns.get()
    if turns is None:
        yield
        return
    _turns.set(None)  # inside a wait there is no place to give back a second time
    try:
        with turns.left():
            yield
    finally:
        _turns.set(turns)


def breathe() -> None:
    """Let others work for a moment where somebody else has a turn now; long work calls it every BREATH_S or so."""
    turns = _turns.get()
    if turns is not None and turns.held_by_others():
        time.sleep(BREATH_S)


class Often:
    """Tells which askers ask for something so often that others would feel it.

    Args:
        most: how many requests an asker may make at once.
        forgets_s: seconds after which a request is forgotten; of one asker, up to twice `most` requests are remembered.
    """

    def __init__(self, most: int, *, forgets_s: float) -> None:
        self.most, self.forgets_s = most, forgets_s
        self._until: dict[str, float] = {}  # by asker, when all its requests are forgotten, on time.monotonic()
        self._lock = threading.Lock()

    def counted(self, name: str) -> bool:
        """Count a request and return whether there were `most` before it; requests of the system itself are not counted."""
        if not name:
            return False
        now = time.monotonic()
        with self._lock:
            self._until = {who: until for who, until in self._until.items() if until > now}
            before = self._until.get(name, now)
            self._until[name] = min(before + self.forgets_s, now + 2 * self.most * self.forgets_s)
            return before - now > (self.most - 1) * self.forgets_s


class Bound:
    """A bound on what an asker has open at a time, such as streams. Beyond the bound it is refused at once, and does not wait.

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
