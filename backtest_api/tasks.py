"""The work of Celery workers. A message only says that there is work; the rows say which."""

from __future__ import annotations

import logging
import threading

import kombu.exceptions
import structlog
from celery import shared_task
from django.conf import settings
from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from Backtest.errors import AlgoAgentError
from backtest_api import queue
from backtest_api.kinds.chunks import help_search
from backtest_api.models import BacktestRun
from backtest_api.services import run_execute
from strategy_api import production
from strategy_api.engine import get_sandbox

logger = logging.getLogger(__name__)

SWEEP_S = 2.0


def ring() -> None:
    """Say, once the transaction is committed, that there is work. Nothing is lost when nobody hears it."""
    transaction.on_commit(_ring)


def _ring() -> None:
    try:
        work.apply_async(retry=False)
    except (kombu.exceptions.KombuError, OSError, ValueError) as error:
        logger.warning("the broker is away (%s): a worker finds the queued backtest by itself", error)


@shared_task(ignore_result=True)
def work() -> None:
    """Run queued backtests until there is none whose turn it is."""
    try:
        while not queue.stopping() and (run := queue.take_next()):
            execute(run)
    finally:
        connections.close_all()


@shared_task(ignore_result=True)
def assist(run_id: int, attempt: int) -> None:
    """Take parts of a search until there is none left."""
    try:
        help_search(run_id=run_id, attempt=attempt)
    finally:
        connections.close_all()


def execute(run: BacktestRun) -> None:
    """Run one; whatever happens is in its row and in the log."""
    with structlog.contextvars.bound_contextvars(run_id=run.pk, job_id=run.job_id, attempt=run.attempts):
        _execute(run)


def _execute(run: BacktestRun) -> None:
    try:
        run_execute(run=run, plot=run.job_id is not None)
    except queue.GivenBack:
        logger.info("run %s is queued again: this worker ends", run.pk)
        queue.give_back(run)
    except queue.Lost:
        logger.warning("run %s was given to another worker", run.pk)
    except AlgoAgentError as error:
        logger.info("run %s: %s", run.pk, error.message)
    except queue.AWAY:
        # Not the run's fault. Where the database is not back soon its row still says running, until the worker has been silent for long.
        logger.exception("run %s: the database does not answer, nothing was stored", run.pk)
        try:
            queue.give_back(
                run, fault=f"The database failed {run.attempts} times while this backtest ran: run it again"
            )
        except DatabaseError:
            logger.warning("run %s could not be queued again, it is tried again later", run.pk)
    except Exception:  # a fault of ours: the user is told, the log has it, the worker goes on
        logger.exception("run %s failed", run.pk)
        run.status, run.error = BacktestRun.Status.FAILED, "The server failed; it has been logged"
        try:
            queue.finish(run)
        except (queue.Lost, DatabaseError):
            logger.warning("run %s: its failure could not be stored; it is tried again later", run.pk)


# -- What a worker does beside its tasks ---------------------------------------------------------


def attend(stop: threading.Event) -> None:
    """Until `stop`: say that this worker lives, queue again what lost workers held, and find work that no bell rang for."""
    sandbox = get_sandbox()
    sandbox.warm_up()
    isolated = sandbox.isolated and not sandbox.problem()
    started = timezone.now()
    try:
        production.settle_interrupted()
    except (AlgoAgentError, OSError, DatabaseError) as error:
        logger.warning("an interrupted deployment could not be undone: %s", error)
    watch = queue.Watch(queue.SILENT_S)
    while True:
        try:
            queue.see(
                concurrency=settings.BACKTEST_CONCURRENCY,
                sandbox=sandbox.backend,
                isolated=isolated,
                started_at=started,
            )
            queue.requeue_lost(watch)
            waiting = BacktestRun.objects.filter(status=BacktestRun.Status.QUEUED).count()
            for _ in range(min(waiting, settings.BACKTEST_CONCURRENCY)):
                _ring()
        except DatabaseError as error:
            logger.warning("the database does not answer: %s", error)
        finally:
            connections.close_all()
        if stop.wait(SWEEP_S):
            return
