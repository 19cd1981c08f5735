"""Whose run is it: taking, keeping, giving back.

The row is the truth and the broker only rings a bell. A run is taken by changing its row from queued
to running under the condition that it still is queued; it is kept by counting on in its row, and finished
under the condition that it is still one's own. What a lost worker held is queued again, once.

No clock of the day decides who is lost: they differ between machines and are set back and forth.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Collection, Hashable
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, F, Min, Q
from django.db.models.functions import Now
from django.utils import timezone

from auth_api.models import User
from Backtest.errors import Conflict, ExecutionError, TooBusy
from Backtest.machine import is_gone, own_name
from backtest_api.metrics import ENDED, RUN, WAIT
from backtest_api.models import BacktestRun, RunEvent, Worker

logger = logging.getLogger(__name__)

SILENT_S = 60.0
BEAT_S = 0.5
STOP_S = 5.0  # that a worker goes on with a run when it was asked to end
ATTEMPTS = 2
PATIENCE_S = 30.0  # with a database that does not answer, before what has ended cannot be stored
AWAY = (OperationalError, InterfaceError)  # of the database: it may be back soon
SEEN = timedelta(seconds=10)
Status = BacktestRun.Status
T = TypeVar("T")


_taking = threading.Lock()


class Lost(Exception):
    """The run belongs to somebody else now."""


class GivenBack(Lost):
    """The worker ends before the run: whoever is next takes it, and it counts as no attempt."""


def stopping() -> bool:
    """Return whether this process is a worker that was asked to end: it takes nothing more."""
    state = sys.modules.get("celery.worker.state")  # of no other process
    return state is not None and state.should_stop is not None


class Watch:
    """Tells what has stood still for longer than `seconds` by this process's own clock, from when it was first looked at."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[Hashable, tuple[Hashable, float]] = {}

    def stands_still(self, what: Hashable, state: Hashable) -> bool:
        """Look at something: whether its state is the one it had so long ago."""
        known, since = self._seen.get(what, (None, 0.0))
        if known != state:
            self._seen[what] = (state, self._clock())
            return False
        return self._clock() - since > self._seconds

    def forget_others(self, than: Collection[Hashable]) -> None:
        self._seen = {what: seen for what, seen in self._seen.items() if what in than}


def patiently(work: Callable[[], T]) -> T:
    """Do something that may be done again; where the database does not answer, try for PATIENCE_S, with a new connection for a broken one.

    Raises:
        OperationalError, InterfaceError: it did not answer for so long, or `work` is a part of a transaction that has failed.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except AWAY:
            if connection.in_atomic_block or time.monotonic() > until:
                raise
            connection.close_if_unusable_or_obsolete()
            time.sleep(1)


def check_room(user: User) -> None:
    """TooBusy where a user has as many runs queued as one may have."""
    if BacktestRun.objects.filter(user=user, status=Status.QUEUED).count() >= settings.BACKTEST_QUEUE_PER_USER:
        raise TooBusy(
            f"You have {settings.BACKTEST_QUEUE_PER_USER} backtests queued: wait until some are done, or cancel some"
        )


def take_next() -> BacktestRun | None:
    """Take the run whose turn it is, or None. First come the users with the fewest runs under way.

    Searches, which may take an hour, leave a worker one place for other runs.
    """
    with _taking:
        return _take_next()


def _take_next() -> BacktestRun | None:
    running = dict(
        BacktestRun.objects.filter(status=Status.RUNNING).values_list("user").annotate(Count("id")).order_by()
    )
    waiting = BacktestRun.objects.filter(status=Status.QUEUED)
    searches = BacktestRun.objects.filter(
        status=Status.RUNNING, worker=own_name(), kind=BacktestRun.Kind.SEARCH
    ).count()
    if searches >= max(1, settings.BACKTEST_CONCURRENCY - 1):
        waiting = waiting.exclude(kind=BacktestRun.Kind.SEARCH)
    first = waiting.values_list("user").annotate(Min("id")).order_by()
    for user_id, run_id in sorted(first, key=lambda w: (running.get(w[0], 0), w[1])):
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user_id)  # one at a time counts a user's runs
            if BacktestRun.objects.filter(user=user_id, status=Status.RUNNING).count() >= settings.BACKTEST_PER_USER:
                continue
            if taken := take(run_id=run_id):
                return taken
    return None


def take(*, run_id: int) -> BacktestRun | None:
    """Take a queued run, or return None when it is not queued any more."""
    now = timezone.now()
    taken = BacktestRun.objects.filter(pk=run_id, status=Status.QUEUED).update(
        **taken_fields(), attempts=F("attempts") + 1, started_at=now, progress=0.0
    )
    if not taken:
        return None
    run = BacktestRun.objects.select_related("user", "strategy", "job").get(pk=run_id)
    WAIT.observe((now - run.created_at).total_seconds())
    tell(run, RunEvent.Kind.STATUS, status=run.status, attempt=run.attempts)
    return run


def taken_fields() -> dict[str, Any]:
    """Return the fields of a run that is this process's from now on."""
    return {"status": Status.RUNNING, "worker": own_name(), "beat": 0}


def tell(run: BacktestRun, kind: RunEvent.Kind, **data: Any) -> None:
    RunEvent.objects.create(run=run, kind=kind, data=data)


class Keeper:
    """Says that a run is under way: a sandbox's `tick`. One that has `seconds` ends after so many."""

    def __init__(self, run: BacktestRun, seconds: float = math.inf) -> None:
        self._run = run
        self._seconds = seconds
        self._begun = time.monotonic()
        self._next = 0.0
        self._told = 0.0
        self._stopping_at = math.inf

    def __call__(self, progress: float) -> None:
        """Say so, at most twice a second.

        Raises:
            ExecutionError: the run was cancelled, or its seconds are over.
            Lost: it was taken for dead and given to another worker.
            GivenBack: the worker was asked to end a while ago.
        """
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + BEAT_S
        if stopping():
            self._stopping_at = min(self._stopping_at, now)
            if now - self._stopping_at >= STOP_S:
                raise GivenBack(f"run {self._run.pk} is queued again")
        if now - self._begun > self._seconds:
            message = f"It was ended after {self._seconds:g} s, the limit (SEARCH_TIMEOUT_S), {progress:.0%} of it done"
            raise ExecutionError(message, exit_reason="timeout")
        try:
            self._renew(progress)
        except DatabaseError:
            logger.warning("run %s: the database does not answer, it goes on", self._run.pk)
            connection.close_if_unusable_or_obsolete()  # Django goes on using a broken one until a request ends

    def _renew(self, progress: float) -> None:
        kept = mine(self._run).filter(cancel_requested=False).update(beat=F("beat") + 1, progress=progress)
        if not kept:
            if mine(self._run).exists():
                raise ExecutionError("Cancelled", exit_reason="cancelled")
            raise Lost(f"run {self._run.pk} is somebody else's")
        if progress - self._told >= 0.01:
            self._told = progress
            tell(self._run, RunEvent.Kind.PROGRESS, progress=progress)


def mine(run: BacktestRun) -> Any:
    """Return the query for a run's row while it is this process's, in this attempt."""
    return BacktestRun.objects.filter(pk=run.pk, status=Status.RUNNING, worker=own_name(), attempts=run.attempts)


def give_back(run: BacktestRun, *, fault: str = "") -> None:
    """Queue a run again that this worker cannot end.

    Args:
        fault: what prevented it, if not that the worker ends. Then it counts as an attempt, and the run fails of it at the last one.
    """
    after: dict[str, Any] = {"status": Status.QUEUED, "progress": 0.0}
    if not fault:
        after["attempts"] = F("attempts") - 1
    elif run.attempts >= ATTEMPTS:
        after = {"status": Status.FAILED, "error": fault, "finished_at": timezone.now()}

    def store() -> None:
        with transaction.atomic():
            if mine(run).update(worker="", beat=0, **after):
                tell(run, RunEvent.Kind.STATUS, status=after["status"], error=after.get("error", ""))

    patiently(store)


def finish(run: BacktestRun) -> None:
    """Store a run that has ended, all of it. Lost when it is not this process's any more."""
    run.finished_at = timezone.now()
    run.worker, run.beat = "", 0
    fields = {f.attname: getattr(run, f.attname) for f in BacktestRun._meta.concrete_fields if not f.primary_key}
    fields.pop("cancel_requested")

    def store() -> None:
        with transaction.atomic():
            if not mine(run).update(**fields):
                raise Lost(f"run {run.pk} is somebody else's")
            tell(run, RunEvent.Kind.STATUS, status=run.status, error=run.error)

    patiently(store)
    ENDED.labels(run.status).inc()
    if run.started_at:
        RUN.observe((run.finished_at - run.started_at).total_seconds())


def cancel(run: BacktestRun) -> BacktestRun:
    """Cancel a run: at once when it waits, within two seconds when it is under way.

    Raises:
        Conflict: it has ended already.
    """
    with transaction.atomic():
        waiting = BacktestRun.objects.filter(pk=run.pk, status=Status.QUEUED).update(
            status=Status.CANCELLED, cancel_requested=True, finished_at=timezone.now(), error="Cancelled"
        )
        if waiting:
            tell(run, RunEvent.Kind.STATUS, status=Status.CANCELLED)
    if not waiting and not BacktestRun.objects.filter(pk=run.pk, status=Status.RUNNING).update(cancel_requested=True):
        run.refresh_from_db()
        if run.status != Status.CANCELLED:
            raise Conflict(f"Backtest {run.pk} is {run.status}: there is nothing to cancel")
    run.refresh_from_db()
    return run


def requeue_lost(watch: Watch) -> int:
    """Queue again what lost workers held; what was lost twice fails. Return how many runs were found.

    Lost is a worker of this machine whose process is gone, and one whose run stands still in the `watch`.
    """
    found = 0
    running = list(BacktestRun.objects.filter(status=Status.RUNNING))
    watch.forget_others({run.pk for run in running})
    for run in running:
        silent = watch.stands_still(run.pk, (run.worker, run.attempts, run.beat))
        if not silent and not is_gone(run.worker):
            continue
        if run.cancel_requested:
            after = {"status": Status.CANCELLED, "error": "Cancelled", "finished_at": timezone.now()}
        elif run.attempts >= ATTEMPTS:
            why = f"The worker ended {run.attempts} times while it ran this backtest; it is not tried again"
            after = {"status": Status.FAILED, "error": why, "finished_at": timezone.now()}
        else:
            after = {"status": Status.QUEUED, "progress": 0.0}
        with transaction.atomic():
            same = BacktestRun.objects.filter(
                pk=run.pk, status=Status.RUNNING, worker=run.worker, attempts=run.attempts, beat=run.beat
            )
            if same.update(worker="", beat=0, **after):
                found += 1
                tell(run, RunEvent.Kind.STATUS, status=after["status"], error=after.get("error", ""))
                logger.warning("run %s: its worker %s is gone, now it is %s", run.pk, run.worker, after["status"])
    return found


def workers_seen() -> list[Worker]:
    """Return the workers that are alive as far as their last word tells."""
    return list(Worker.objects.exclude(_unseen(SEEN)))


def see(**worker: Any) -> None:
    """Say that this process is a worker, and forget those that have not said so for long."""
    Worker.objects.update_or_create(name=own_name(), defaults={**worker, "seen_at": Now()})
    Worker.objects.filter(_unseen(10 * SEEN)).delete()


def _unseen(span: timedelta) -> Q:
    """Whose last word is older by the database's clock, or of a time to come: it was set back since."""
    return Q(seen_at__lt=Now() - span) | Q(seen_at__gt=Now() + timedelta(seconds=1))
