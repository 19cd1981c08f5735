"""Backtests in threads of this process, at most BACKTEST_CONCURRENCY at once."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.conf import settings
from django.db import connections, transaction

from Backtest.errors import AlgoAgentError
from backtest_api.models import BacktestRun
from backtest_api.services import run_execute

logger = logging.getLogger(__name__)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=settings.BACKTEST_CONCURRENCY, thread_name_prefix="backtest")


def run_submit(*, run: BacktestRun) -> None:
    """Run a stored backtest in the background once the transaction that stored it is committed."""
    transaction.on_commit(lambda: _threads().submit(_work, run.pk))


def _work(run_id: int) -> None:
    try:
        run = BacktestRun.objects.filter(pk=run_id, status=BacktestRun.Status.QUEUED).first()
        if run is not None:
            run_execute(run=run)
    except AlgoAgentError as error:
        logger.info("backtest %s failed: %s", run_id, error.message)
    except Exception:
        logger.exception("backtest %s failed", run_id)
        failed = {"status": BacktestRun.Status.FAILED, "error": "The server failed; it has been logged"}
        BacktestRun.objects.filter(pk=run_id).update(**failed)
    finally:
        connections.close_all()
