"""A pool of interpreters.

An interpreter starts inside its isolation, imports everything and waits. It gets one job, or a series of jobs of the same code, answers,
and is ended: no job meets what another one has left. One that ran code which AlgoAgent wrote itself, in a fork, is kept for more of such code.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace

from Backtest.errors import ExecutionError, SandboxUnavailable
from Backtest.machine import Often, Places, asker, elsewhere, give_way
from Backtest.sandbox.audit import Claim, Forged, settle
from Backtest.sandbox.audit import warm_up as warm_up_audit
from Backtest.sandbox.conversation import Inbox, Message, clean, failure_of, order_of, trace_of, used_by
from Backtest.sandbox.interpreters import PIPES, Interpreter
from Backtest.sandbox.job import SandboxJob, SandboxResult
from Backtest.sandbox.metrics import EXITS, POOL, STARTS

Run = Callable[[SandboxJob], SandboxResult]
MOST_WAITING = 8  # jobs of one asker
# An asker who takes more than so many interpreters at once, or more than one in so many seconds, gets those of low priority next.
MANY_STARTS, FORGETS_S = 3, 1.0
MOST_KEPT = 2  # of each priority; more are only started where more jobs run at once
QUEUE_INSTEAD = "queue a backtest (POST /api/backtests/), which takes its turn without holding a connection"


class Forks:
    """A runner of jobs that all have the same code. A single job runs as in its sandbox, many run in forks of a few interpreters.

    Args:
        alone: runs a job in an interpreter that serves nothing else.
        forked: run a job each, in forks of one interpreter; as many as the pool has threads.
    """

    def __init__(self, alone: Run, forked: Iterable[Run], pool: ThreadPoolExecutor) -> None:
        self.run = alone
        self._idle = deque(forked)
        self._pool = pool
        self._codes: set[str] = set()

    def run_many(self, jobs: Iterable[SandboxJob]) -> Generator[SandboxResult | ExecutionError]:
        """Run jobs; give what each came to, in their order.

        Raises:
            SandboxUnavailable: as InterpreterSandbox.run does.
            ValueError: the jobs are of different codes.
        """
        waiting = list(jobs)
        self._codes |= {job.code for job in waiting}
        if len(self._codes) > 1:
            raise ValueError("Jobs that share an interpreter have to be of the same code")
        with elsewhere():  # while this thread waits for the others, another job of the same asker may have its turn
            found = [self._pool.submit(copy_context().run, self._attempt, job) for job in waiting]
        try:
            for one in found:
                with elsewhere():
                    came = one.result()
                yield came
        finally:
            for one in found:
                one.cancel()

    def _attempt(self, job: SandboxJob) -> SandboxResult | ExecutionError:
        run = self._idle.popleft()
        try:
            return run(job)
        except ExecutionError as error:
            return error
        finally:
            self._idle.append(run)


class Waiting:
    """Interpreters that were started ahead of need or are kept after a job, and the thread that starts them.

    The kernel ends a bubblewrap when the thread that started it ends (PR_SET_PDEATHSIG), so one thread starts all and lives as long as the
    server does.

    Args:
        start: starts one.
        gives_way: whether they have low priority from their start on.
    """

    def __init__(self, start: Callable[[], Interpreter], *, gives_way: bool = False) -> None:
        self.wanted = 0  # how many are kept waiting
        self._start = start
        self._interpreters: deque[Interpreter] = deque()
        self._kept: deque[tuple[Interpreter, dict[str, str]]] = deque()
        self._lock = threading.Lock()
        self._closed = False
        name = f"sandbox-start{'-slow' if gives_way else ''}"
        self._starter = ThreadPoolExecutor(1, name, initializer=give_way if gives_way else None)

    def take(self) -> Interpreter | None:
        """Return one that waits, if there is one."""
        with self._lock:
            return self._interpreters.popleft() if self._interpreters else None

    def keep(self, interpreter: Interpreter, versions: dict[str, str]) -> bool:
        """Keep one that has done a job in a fork for the next; whether it was kept, for enough are."""
        with self._lock:
            if self._closed or len(self._kept) >= MOST_KEPT:
                return False
            self._kept.append((interpreter, versions))
            return True

    def take_kept(self) -> tuple[Interpreter, dict[str, str]] | None:
        """Return one that is kept and still lives, with its versions, if there is one."""
        while True:
            with self._lock:
                if not self._kept:
                    return None
                interpreter, versions = self._kept.pop()
            if interpreter.receive(0.0002) is None:  # it says nothing; one that has ended says so
                return interpreter, versions
            interpreter.end()

    def start(self) -> Interpreter:
        """Return a new one. Raises SandboxUnavailable as the start of one does."""
        return self._starter.submit(self._start).result()

    def fill(self, wanted: int | None = None) -> None:
        """Have the thread start interpreters until so many wait, by default `wanted`; does not wait for them."""
        wanted = self.wanted if wanted is None else wanted
        if not self._closed and len(self._interpreters) < wanted:
            self._starter.submit(self._fill, wanted)

    def _fill(self, wanted: int) -> None:
        while not self._closed:
            with self._lock:
                if len(self._interpreters) >= wanted:
                    return
            try:
                interpreter = self._start()
            except (OSError, SandboxUnavailable):
                return  # the next job starts one itself, fails in the same way and is told why
            with self._lock:
                self._interpreters.append(interpreter)

    def close(self) -> None:
        """Start no more, and end those that wait."""
        self._closed = True
        self._starter.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            idle = [*self._interpreters, *(interpreter for interpreter, _ in self._kept)]
            self._interpreters.clear()
            self._kept.clear()
        for interpreter in idle:
            interpreter.end()


class InterpreterSandbox:
    """Runs each job in an interpreter of its own. Backends say how one is started.

    Args:
        ready: how many interpreters `warm_up` keeps waiting. Without it one is started when a job comes.
        allow_unisolated: run code that was not generated here even without isolation.
        at_once: how many jobs may run at a time; more wait, each asker's share being half of them (`places`).
    """

    backend = ""
    isolated = False
    keeps = False  # whether an interpreter stays for the next code of AlgoAgent's own
    draws = False  # whether interpreters import the chart library while they wait, for jobs that ask for a report

    def __init__(self, *, ready: int = 0, allow_unisolated: bool = False, at_once: int | None = None) -> None:
        self._ready = ready
        self._allow_unisolated = allow_unisolated
        self._waiting = Waiting(self._start)
        self._waiting_for_many = Waiting(self._start, gives_way=True)
        self._often = Often(MANY_STARTS, forgets_s=FORGETS_S)
        places = at_once or max(4, 2 * (os.cpu_count() or 1))
        self._places = Places(places, share=max(1, places // 2), queue=MOST_WAITING, what="runs", instead=QUEUE_INSTEAD)
        self._ender = ThreadPoolExecutor(2, thread_name_prefix="sandbox-end")
        atexit.register(self.close)

    def _start(self) -> Interpreter:
        raise NotImplementedError

    def problem(self) -> str:
        """Return why it does not work here, or an empty text."""
        return ""

    def _filter(self) -> bytes:
        """Return the seccomp program that the worker puts on itself before the job, or nothing."""
        return b""

    def warm_up(self, count: int | None = None) -> None:
        """Start interpreters ahead of need: `count` of them once, or without a count so that `ready` of them always wait."""
        if count is None:
            self._waiting.wanted = self._ready
            self._ender.submit(warm_up_audit)
        self._waiting.fill(count)

    def close(self) -> None:
        """End the waiting interpreters."""
        self._waiting.close()
        self._waiting_for_many.close()
        self._ender.shutdown(wait=True)

    def run(self, job: SandboxJob) -> SandboxResult:
        """Run a job in an interpreter that serves nothing else; code that AlgoAgent wrote itself, in a fork of one that serves more of such.

        Raises:
            ExecutionError: the code raised, ran into a limit or reported what cannot be.
            SandboxUnavailable: the isolation does not work here, or there is none and the code is a stranger's.
        """
        with self._place(job), self._counted():
            try:
                return self._run(job)
            except ExecutionError as error:
                if error.exit_reason != "killed" or not (self.keeps and job.generated):
                    raise
                # Our own code ends no process. An interpreter that waited may be ended from outside, where the machine lacks memory, and
                # the job that meets it is not to blame.
                return self._run(job)

    def _run(self, job: SandboxJob) -> SandboxResult:
        source = self._source()
        shared = self.keeps and job.generated
        kept = source.take_kept() if shared else None
        if kept:
            (interpreter, versions), inbox = kept, Inbox(kept[0], job)
            interpreter.begin(job)
            POOL.labels(self.backend, "kept").inc()
        else:
            interpreter, inbox, versions = self._take(job, source)
        try:
            result = self._converse(interpreter, inbox, job, versions, fork=shared)
        except BaseException:
            interpreter.end()
            raise
        if not shared or inbox.long or not source.keep(interpreter, versions):
            self._ender.submit(
                interpreter.end
            )  # the caller, who has the answer, does not wait for the end of the process
        return result

    def run_many(self, jobs: Iterable[SandboxJob], *, at_once: int = 2) -> Generator[SandboxResult | ExecutionError]:
        """Run jobs of the same code in forks; give what each came to, in their order. See `forks`."""
        with self.forks(at_once=at_once) as runner:
            yield from runner.run_many(jobs)

    @contextlib.contextmanager
    def forks(self, *, at_once: int = 2) -> Iterator[Forks]:
        """Give a runner of jobs that all have the same code, for as long as they come.

        Where there are many, each runs in a fork of an interpreter that never runs a job itself, which is many times quicker than to start
        an interpreter for each. CPU time and memory are then those that the job reports of itself.

        Args:
            at_once: how many of them run at a time.
        """
        with contextlib.ExitStack() as stack:
            runs = [stack.enter_context(self._series()) for _ in range(at_once)]
            pool = stack.enter_context(ThreadPoolExecutor(at_once, thread_name_prefix="sandbox-many"))
            yield Forks(self.run, runs, pool)

    @contextlib.contextmanager
    def _series(self) -> Iterator[Run]:
        """Give a function that runs jobs as `run` does, in forks of one interpreter where there are forks."""
        held: list[tuple[Interpreter, dict[str, str]]] = []

        def run(job: SandboxJob) -> SandboxResult:
            with self._place(job), self._counted():
                if held:
                    interpreter, versions = held.pop()
                    inbox = Inbox(interpreter, job)
                else:
                    interpreter, inbox, versions = self._take(job, self._source())
                try:
                    result = self._converse(interpreter, inbox, job, versions, fork=True)
                except BaseException:
                    interpreter.end()
                    raise
                held.append((interpreter, versions))
                return result

        try:
            yield self.run if PIPES else run
        finally:
            for interpreter, _ in held:
                self._ender.submit(interpreter.end)

    @contextlib.contextmanager
    def _place(self, job: SandboxJob) -> Iterator[None]:
        """Wait until another job may run here."""
        if not self.isolated and not job.generated and not self._allow_unisolated:
            raise SandboxUnavailable(
                "This code was not generated by AlgoAgent, and there is no isolation to run it in: "
                "install bubblewrap, or Docker and set SANDBOX_BACKEND=docker"
            )
        try:
            with self._places.one(lambda: job.tick(0.0)):
                yield
        finally:
            self._waiting.fill()
            self._waiting_for_many.fill()

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        reason = "failed"
        try:
            yield
            reason = "completed"
        except ExecutionError as error:
            reason = error.exit_reason
            raise
        finally:
            EXITS.labels(self.backend, reason).inc()

    def _source(self) -> Waiting:
        """Return where the asker's next interpreter comes from.

        To start one takes several times as long as most jobs. An asker who has taken many lately gets those that were started with low
        priority, so that the others' jobs go first.
        """
        if not self._often.counted(asker().name):
            return self._waiting
        self._waiting_for_many.wanted = self._waiting.wanted
        return self._waiting_for_many

    def _take(self, job: SandboxJob, waiting: Waiting) -> tuple[Interpreter, Inbox, dict[str, str]]:
        """Return an interpreter that is ready for the job, and its versions: one that waits, or else a new one."""
        hit, started = "yes", time.perf_counter()
        while True:
            interpreter = waiting.take()
            if interpreter is None:
                with elsewhere():
                    hit, interpreter = "no", waiting.start()
            inbox = Inbox(interpreter, job)
            try:
                with elsewhere():
                    versions = inbox.ready()
                if hit == "yes" and interpreter.receive(0.0002) == b"":
                    raise SandboxUnavailable("It was ended while it waited")
                interpreter.begin(job)
            except BaseException as error:
                interpreter.end()
                if hit == "yes" and isinstance(error, SandboxUnavailable):
                    continue
                raise
            POOL.labels(self.backend, hit).inc()
            STARTS.labels(self.backend).observe(time.perf_counter() - started)
            return interpreter, inbox, versions

    def _converse(
        self, interpreter: Interpreter, inbox: Inbox, job: SandboxJob, versions: dict[str, str], *, fork: bool = False
    ) -> SandboxResult:
        before = None if fork else interpreter.usage()  # the kernel's account of the interpreter is not that of a fork
        started = time.perf_counter()
        inbox.start_clock()
        used: dict[str, float] = {}
        try:
            interpreter.send(order_of(job, self._filter(), inbox.token, fork=fork))
            with elsewhere():
                message = inbox.answer()
                used = used_by(started, before, interpreter.usage(), message)
                numbers = inbox.numbers(message)
                rest = inbox.exactly(message.report + len(message.indicators) * message.bars * 8)
        except (ConnectionError, TimeoutError):
            raise inbox.ended() from None
        except ExecutionError as error:
            error.resources = used or used_by(started, before, interpreter.usage() or inbox.usage, None)
            raise
        if message.status != "completed":
            raise failure_of(message, job, numbers, used)
        result = self._believe(message, numbers, rest, job, versions, used)
        return replace(result, container=interpreter.container())

    def _believe(
        self,
        message: Message,
        numbers: bytes,
        rest: bytes,
        job: SandboxJob,
        versions: dict[str, str],
        used: dict[str, float],
    ) -> SandboxResult:
        """Return the result a message claims, after it was found to follow from trades and prices."""
        claim = Claim.of(
            numbers, trades=message.trades, bars=message.bars, begin=message.begin, tickets=message.tickets, booked=message.booked
        )  # fmt: skip
        try:
            seen = settle(claim, job)
        except Forged as error:
            raise ExecutionError(
                f"The result was refused: {error}. The code must not touch how its results are made",
                exit_reason="violation",
                log=clean(message.log),
                resources=used,
            ) from None
        report = rest[: message.report].decode("utf-8", errors="replace")
        return SandboxResult(
            metrics=seen.metrics,
            begin=message.begin,
            trades=seen.trades,
            equity=seen.equity,
            warnings=tuple(clean(w)[:300] for w in message.warnings),
            report_html=report if job.report else None,
            log=clean(message.log),
            wall_ms=used["wall_ms"],
            cpu_ms=used["cpu_ms"],
            peak_memory_mb=used["peak_memory_mb"],
            backend=self.backend,
            isolated=self.isolated,
            streamed=job.stream,
            versions=versions,
            trace=trace_of(message, claim.decisions, rest[message.report :]) if job.trace else None,
        )
