"""Whose run is it: taking, keeping, giving back.

The row is the truth and the broker only rings a bell. A run is taken by changing its row from queued
to running under the condition that it still is queued; it is kept by renewing its lease, and finished
under the condition that it is still one's own. What a lost worker held is queued again, once.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Count, F, Min
from django.utils import timezone

from auth_api.models import User
from Backtest.errors import Conflict, ExecutionError
from Backtest.sandbox.owners import is_gone, own_name
from backtest_api.metrics import ENDED, RUN, WAIT
from backtest_api.models import BacktestRun, RunEvent, Worker

logger = logging.getLogger(__name__)

LEASE_S = 60.0
BEAT_S = 0.5
ATTEMPTS = 2
SEEN_S = 10.0
Status = BacktestRun.Status


class Lost(Exception):
    """The run belongs to somebody else now."""


def take_next() -> BacktestRun | None:
    """Take the run whose turn it is, or None. First come the users with the fewest runs under way."""
    running = dict(
        BacktestRun.objects.filter(status=Status.RUNNING).values_list("user").annotate(Count("id")).order_by()
    )
    waiting = BacktestRun.objects.filter(status=Status.QUEUED).values_list("user").annotate(Min("id")).order_by()
    for user_id, run_id in sorted(waiting, key=lambda w: (running.get(w[0], 0), w[1])):
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
        **lease(), attempts=F("attempts") + 1, started_at=now, progress=0.0
    )
    if not taken:
        return None
    run = BacktestRun.objects.select_related("user", "strategy", "job").get(pk=run_id)
    WAIT.observe((now - run.created_at).total_seconds())
    tell(run, RunEvent.Kind.STATUS, status=run.status, attempt=run.attempts)
    return run


def lease() -> dict[str, Any]:
    """Return the fields of a run that is this process's from now on."""
    until = timezone.now() + timedelta(seconds=LEASE_S)
    return {"status": Status.RUNNING, "worker": own_name(), "lease_until": until}


def tell(run: BacktestRun, kind: RunEvent.Kind, **data: Any) -> None:
    RunEvent.objects.create(run=run, kind=kind, data=data)


class Keeper:
    """Renews the lease of a run while it is under way: a sandbox's `tick`."""

    def __init__(self, run: BacktestRun) -> None:
        self._run = run
        self._next = 0.0
        self._told = 0.0

    def __call__(self, progress: float) -> None:
        """Renew, at most twice a second.

        Raises:
            ExecutionError: the run was cancelled.
            Lost: it was taken for dead and given to another worker.
        """
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + BEAT_S
        try:
            self._renew(progress)
        except DatabaseError:
            logger.warning("run %s: the database does not answer, its lease was not renewed", self._run.pk)

    def _renew(self, progress: float) -> None:
        until = timezone.now() + timedelta(seconds=LEASE_S)
        kept = mine(self._run).filter(cancel_requested=False).update(lease_until=until, progress=progress)
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


def finish(run: BacktestRun) -> None:
    """Store a run that has ended, all of it. Lost when it is not this process's any more."""
    run.finished_at = timezone.now()
    run.worker, run.lease_until = "", None
    fields = {f.attname: getattr(run, f.attname) for f in BacktestRun._meta.concrete_fields if not f.primary_key}
    fields.pop("cancel_requested")
    with transaction.atomic():
        if not mine(run).update(**fields):
            raise Lost(f"run {run.pk} is somebody else's")
        tell(run, RunEvent.Kind.STATUS, status=run.status, error=run.error)
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


def requeue_lost() -> int:
    """Queue again what lost workers held; what was lost twice fails. Return how many runs were found."""
    found = 0
    for run in BacktestRun.objects.filter(status=Status.RUNNING):
        late = run.lease_until is None or run.lease_until < timezone.now()
        if not late and not is_gone(run.worker):
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
                pk=run.pk, status=Status.RUNNING, worker=run.worker, attempts=run.attempts, lease_until=run.lease_until
            )
            if same.update(worker="", lease_until=None, **after):
                found += 1
                tell(run, RunEvent.Kind.STATUS, status=after["status"], error=after.get("error", ""))
                logger.warning("run %s: its worker %s is gone, now it is %s", run.pk, run.worker, after["status"])
    return found


def workers_seen() -> list[Worker]:
    """Return the workers that are alive as far as their last word tells."""
    return list(Worker.objects.filter(seen_at__gte=timezone.now() - timedelta(seconds=SEEN_S)))
