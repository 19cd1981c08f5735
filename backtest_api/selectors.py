"""Reading runs and their artifacts; every query is of one owner."""

from __future__ import annotations

import asyncio
import csv
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from auth_api.models import User
from Backtest.errors import DataError, NotFound, StrategyError
from backtest_api.models import BacktestJob, BacktestRun, RunEvent
from backtest_api.results import artifact_folder


def runs_of(*, user: User) -> QuerySet[BacktestRun]:
    return BacktestRun.objects.filter(user=user)


def run_get(*, user: User, run_id: int) -> BacktestRun:
    """NotFound when there is none, or it is somebody else's."""
    found = runs_of(user=user).filter(pk=run_id).first()
    if found is None:
        raise NotFound(f"There is no backtest {run_id}")
    return found


def completed_run(*, user: User, run_id: int) -> BacktestRun:
    """Return a run that has results. StrategyError (422) says why there are none."""
    run = run_get(user=user, run_id=run_id)
    if run.status != BacktestRun.Status.COMPLETED:
        why = f": {run.error}" if run.error else ""
        raise StrategyError(f"Backtest {run_id} is {run.status}, so it has no results{why}")
    return run


def artifact(*, run: BacktestRun, name: str) -> Path:
    """Return the path of an artifact. NotFound when there is none of this name, DataError when it was pruned."""
    path = artifact_folder(run) / name
    if path.parent.is_dir() and (name != path.name or not path.is_file()):
        raise NotFound(f"Backtest {run.pk} has no {name[:60]}: its artifacts are listed with it")
    if not path.is_file():
        raise DataError(f"{name} of backtest {run.pk} was pruned: run it again")
    return path


def job_get(*, user: User, job_id: int) -> BacktestJob:
    """NotFound when there is none, or it is somebody else's."""
    found = BacktestJob.objects.filter(user=user, pk=job_id).prefetch_related("runs").first()
    if found is None:
        raise NotFound(f"There is no job {job_id}")
    return found


FINAL = (BacktestRun.Status.COMPLETED, BacktestRun.Status.FAILED, BacktestRun.Status.CANCELLED)
POLL_S, ALIVE_S = 0.4, 15.0


# All streams look into the database from one thread, over one connection: on PostgreSQL two users with 64 streams each had taken all there are.
_LOOKS = ThreadPoolExecutor(1, "events")
_open: Counter[int] = Counter()  # streams, by user
EASILY = (
    8  # streams of a user are looked after as often as one; more are the more seldom, so that all together cost no more
)


async def event_stream(*, run: BacktestRun, after: int) -> AsyncIterator[bytes]:
    """Yield a run's events after one of them as server-sent events, until the run has ended.

    It waits without holding a thread; a comment now and then shows that the connection lives.
    """
    quiet = time.monotonic()
    _open[run.user_id] += 1
    try:
        while True:
            ended, events = await asyncio.get_running_loop().run_in_executor(_LOOKS, _look, run, after)
            for event in events:
                after, quiet = event.pk, time.monotonic()
                data = {**event.data, "at": event.created_at.isoformat()}
                yield f"id: {event.pk}\nevent: {event.kind}\ndata: {json.dumps(data)}\n\n".encode()
            if ended:
                return
            if time.monotonic() - quiet > ALIVE_S:
                quiet = time.monotonic()
                yield b": alive\n\n"
            await asyncio.sleep(POLL_S * max(1, _open[run.user_id] / EASILY))
    finally:
        _open[run.user_id] -= 1


def _look(run: BacktestRun, after: int) -> tuple[bool, list[RunEvent]]:
    """Return whether a run had ended, and its events after one of them."""
    try:
        ended = BacktestRun.objects.filter(pk=run.pk).values_list("status", flat=True).first() in (*FINAL, None)
        return ended, list(RunEvent.objects.filter(run=run, pk__gt=after))
    finally:
        connection.close_if_unusable_or_obsolete()


_TEXT = {"side", "entry_time", "exit_time", "exit_reason", "time"}
_WHOLE = {"entry_bar", "exit_bar"}


class Rows(Sequence[dict[str, Any]]):
    """The rows of a CSV artifact, numbers as numbers and empty cells as None; of a page no more is read than the page.

    No cell holds a line break, so that a row is a line.
    """

    def __init__(self, *, run: BacktestRun, name: str) -> None:
        self.path = artifact(run=run, name=name)

    def __len__(self) -> int:
        with self.path.open("rb") as file:
            return max(0, sum(part.count(b"\n") for part in iter(partial(file.read, 2**20), b"")) - 1)

    def __getitem__(self, rows: Any) -> Any:
        if not isinstance(rows, slice):
            return self[rows : rows + 1][0]
        with self.path.open(encoding="utf-8", newline="") as file:
            head = next(csv.reader(file))
            read = csv.DictReader(islice(file, rows.start, rows.stop), head)
            return [{key: _value(key, text) for key, text in row.items()} for row in read]


def _value(key: str, text: str) -> Any:
    if key in _TEXT:
        return text
    if text == "":
        return None
    return int(text) if key in _WHOLE else float(text)
