"""A search's combinations in parts, taken by whichever worker is free."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kombu.exceptions
import numpy as np
from celery import current_app
from django.db import transaction

from Backtest.data import PriceData
from Backtest.diagnostics import load_canonical
from Backtest.machine import is_gone, own_name
from backtest_api import queue
from backtest_api.models import BacktestRun, SearchChunk
from backtest_api.results import artifact_folder

if TYPE_CHECKING:
    from Backtest.search.space import Floats, Ints
    from Backtest.search.sweeping import Work

logger = logging.getLogger(__name__)

CHUNK_S = 30.0
POLL_S = 0.05


def shared_chunks(
    run: BacktestRun, work: Work, chunks: list[Ints], folder: Path, tick: Callable[[float], None]
) -> Iterator[Floats]:
    """Yield the figures of each chunk in order, whoever ran it.

    The strategy, its prices and the combinations are put into `folder`, and a row for each chunk into the database. Other
    workers are called to help; what they take and do not finish in time is done here.
    """
    work.frame.to_parquet(folder / "prices.parquet")
    (folder / "first.txt").write_text(str(work.first), encoding="utf-8")
    np.save(folder / "index.npy", np.concatenate(chunks))
    queue.patiently(partial(_list_chunks, run, len(chunks)))
    _call_helpers(run, len(chunks) - 1)
    kernel, watch = work.kernel(), queue.Watch(CHUNK_S)
    done = 0
    while done < len(chunks):
        path = folder / f"chunk-{done}.npy"
        tick(done / len(chunks))
        if path.is_file():
            yield np.load(path)
            path.unlink()
            done += 1
            continue
        if not queue.patiently(partial(_take_and_run, run, watch, work, kernel, chunks, folder)):
            time.sleep(POLL_S)


def _list_chunks(run: BacktestRun, count: int) -> None:
    with transaction.atomic():
        SearchChunk.objects.filter(run=run).delete()
        SearchChunk.objects.bulk_create(SearchChunk(run=run, attempt=run.attempts, number=k) for k in range(count))


def forget_chunks(run: BacktestRun) -> None:
    """Delete what is left of a search's list when it has ended; where the database is away, the next attempt or pruning does."""
    queue.patiently(lambda: SearchChunk.objects.filter(run=run, attempt=run.attempts).delete())


def helpers() -> int:
    """Return how many parts of a search the workers that live can run at once."""
    return queue.patiently(lambda: sum(w.concurrency for w in queue.workers_seen()))


def _call_helpers(run: BacktestRun, count: int) -> None:
    """Ask the workers there are to take parts of a search; it goes on without those that do not hear it."""
    try:
        for _ in range(min(count, helpers())):
            given = {"run_id": run.pk, "attempt": run.attempts}
            current_app.send_task("backtest_api.tasks.assist", kwargs=given, retry=False)
    except (kombu.exceptions.KombuError, OSError, ValueError) as error:
        logger.warning("the broker is away (%s): the search runs on this worker alone", error)


def _take_and_run(
    run: BacktestRun, watch: queue.Watch, work: Work, kernel: Any, chunks: list[Ints], folder: Path
) -> bool:
    """Run the first chunk that is free, or whose taker is late or gone; False when there is none."""
    from Backtest.search.sweeping import figures

    for chunk in SearchChunk.objects.filter(run=run, attempt=run.attempts, done=False)[:64]:
        late = watch.stands_still(chunk.pk, chunk.takes)
        if chunk.worker and not late and not is_gone(chunk.worker):
            continue
        same = SearchChunk.objects.filter(pk=chunk.pk, done=False, takes=chunk.takes)
        if not same.update(worker=own_name(), takes=chunk.takes + 1):
            continue
        made = folder / f"chunk-{chunk.number}.{own_name().replace('/', '_')}.tmp.npy"
        np.save(made, figures(kernel, work.space.sets(chunks[chunk.number])))
        made.replace(folder / f"chunk-{chunk.number}.npy")
        SearchChunk.objects.filter(pk=chunk.pk).update(done=True)
        return True
    return False


def help_search(*, run_id: int, attempt: int) -> int:
    """Take chunks of a search that another worker leads until there is none left; return how many were run."""
    import pandas as pd

    from Backtest.search import optimiser
    from Backtest.search.optimiser import SearchRequest

    run = BacktestRun.objects.filter(pk=run_id, attempts=attempt, status=BacktestRun.Status.RUNNING).first()
    if run is None or not SearchChunk.objects.filter(run=run_id, attempt=attempt, done=False).exists():
        return 0
    folder = artifact_folder(run).with_name(f"{run.pk}.{attempt}.search")
    try:
        frame, index = pd.read_parquet(folder / "prices.parquet"), np.load(folder / "index.npy")
        first = int((folder / "first.txt").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it is over, or its files are not shared with this machine
        return 0
    canonical = load_canonical(run.canonical_json).require()
    prices = PriceData(run.symbol, run.timeframe, frame, "shared", first=first)
    work, _ = optimiser.plan(canonical, prices, SearchRequest.model_validate(run.search))
    chunks, kernel, ran = work.chunks(index), work.kernel(), 0
    watch = queue.Watch(CHUNK_S)
    try:
        while not queue.stopping() and _take_and_run(run, watch, work, kernel, chunks, folder):
            ran += 1
    except OSError:  # the search has ended and its folder is gone
        logger.info("search %s ended while this worker helped", run_id)
    return ran
