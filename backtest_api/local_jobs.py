"""Backtests in threads of this process, at most BACKTEST_CONCURRENCY at once."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from Backtest.errors import AlgoAgentError
from backtest_api.engine import get_sandbox
from backtest_api.models import BacktestRun
from backtest_api.services import run_execute

logger = logging.getLogger(__name__)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=settings.BACKTEST_CONCURRENCY, thread_name_prefix="backtest")


def run_submit(*, run: BacktestRun) -> None:
    """Run a stored backtest in the background once the transaction that stored it is committed."""
    transaction.on_commit(lambda: _threads().submit(_work, run.pk))


def start() -> None:
    """Take up after a restart: warm the sandbox, run what was queued, fail what was interrupted.

    A run still marked as running after twice its time limit has no process behind it any more.
    """
    get_sandbox().warm_up()
    overdue = timezone.now() - timedelta(seconds=2 * settings.SANDBOX_TIMEOUT_S)
    interrupted = BacktestRun.objects.filter(status=BacktestRun.Status.RUNNING, created_at__lt=overdue)
    interrupted.update(status=BacktestRun.Status.FAILED, error="The server was stopped during the run: start it again")
    for run in BacktestRun.objects.filter(status=BacktestRun.Status.QUEUED).order_by("id"):
        run_submit(run=run)
    connections.close_all()


def _work(run_id: int) -> None:
    try:
        claimed = BacktestRun.objects.filter(pk=run_id, status=BacktestRun.Status.QUEUED).update(
            status=BacktestRun.Status.RUNNING
        )
        if claimed:
            run_execute(run=BacktestRun.objects.get(pk=run_id))
    except AlgoAgentError as error:
        logger.info("backtest %s failed: %s", run_id, error.message)
    except Exception:
        logger.exception("backtest %s failed", run_id)
        failed = {"status": BacktestRun.Status.FAILED, "error": "The server failed; it has been logged"}
        BacktestRun.objects.filter(pk=run_id).update(**failed)
    finally:
        connections.close_all()
