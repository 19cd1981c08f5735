"""Running combinations in chunks: here, in processes, or wherever somebody takes a chunk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from Backtest.canonical import CanonicalStrategy
from Backtest.errors import ExecutionError
from Backtest.kernel import NAMES, Kernel
from Backtest.search.space import Floats, Ints, Space

CHUNK_BARS = 20_000_000  # bars times combinations of a chunk
MOST_IN_CHUNK = 20_000
MOST_DEATHS = 4
COLUMNS = (*NAMES, "ended", "orders_lost")


@dataclass(frozen=True)
class Work:
    """A strategy, prices and the combinations of a space that are to be run, by their numbers, in order.

    `first` is the first bar of the prices on which rules may be judged.
    """

    strategy: CanonicalStrategy
    frame: pd.DataFrame
    space: Space
    first: int = 0

    def chunks(self, index: Ints) -> list[Ints]:
        """Return the numbers in chunks, which are the same however many workers there are; figures do not depend on the chunks."""
        size = max(1, min(MOST_IN_CHUNK, CHUNK_BARS // max(1, len(self.frame))))
        return [index[k : k + size] for k in range(0, len(index), size)]

    def run(self, index: Ints) -> Floats:
        """Return the figures of combinations, float64 of shape (len(index), COLUMNS)."""
        return figures(self.kernel(), self.space.sets(index))

    def kernel(self, threads: int = 1) -> Kernel:
        return Kernel(self.strategy, self.frame, self.space.paths, threads=threads, first=self.first)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def figures(kernel: Kernel, sets: Floats) -> Floats:
    sweep = kernel.sweep(sets)
    return np.column_stack([sweep.table, sweep.ended, sweep.orders_lost])


_own: list[tuple[Kernel, Space]] = []  # in a process of the pool, the work it was started for


def _begin(strategy: str, frame: pd.DataFrame, space: Space, first: int) -> None:
    work = Work(CanonicalStrategy.model_validate_json(strategy), frame, space, first)
    _own.append((work.kernel(), space))


def _chunk(index: Ints) -> Floats:
    kernel, space = _own[0]
    return figures(kernel, space.sets(index))


def run_chunks(
    work: Work, chunks: list[Ints], *, workers: int = 1, tick: Callable[[float], None] = lambda _: None
) -> Iterator[Floats]:
    """Yield the figures of each chunk, in order.

    With one worker, this process runs each chunk in threads on all cores. With several, this process is one of them and the others are
    processes of their own; a chunk whose process was killed is run again.

    Raises:
        ExecutionError: processes were killed again and again.
    """
    kernel = work.kernel(threads=cores() if workers <= 1 else 1)
    if workers <= 1 or len(chunks) == 1:
        for k, chunk in enumerate(chunks):
            tick(k / len(chunks))
            yield figures(kernel, work.space.sets(chunk))
        return
    ready: dict[int, Floats] = {}
    done = 0
    for _ in range(MOST_DEATHS):
        pool = ProcessPoolExecutor(
            workers - 1,
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(work.strategy.model_dump_json(), work.frame, work.space, work.first),
        )
        waiting: dict[int, Future[Floats]] = {}
        try:
            while done < len(chunks):
                tick(done / len(chunks))
                if done in ready:
                    yield ready.pop(done)
                    done += 1
                    continue
                # Only the next chunks are begun, as their figures stay in memory until those before are written. A chunk that was
                # submitted is not cancelled: Python 3.11's pool hangs when a process is killed while a cancelled chunk waits for it.
                soon = range(done, min(done + 4 * workers, len(chunks)))
                free = [k for k in soon if k not in waiting and k not in ready]
                theirs = free[: max(0, 2 * (workers - 1) - len(waiting))]
                waiting |= {k: pool.submit(_chunk, chunks[k]) for k in theirs}
                if mine := free[len(theirs) :]:
                    ready[mine[0]] = figures(kernel, work.space.sets(chunks[mine[0]]))
                else:
                    wait(waiting.values(), timeout=0.2, return_when=FIRST_COMPLETED)
                for k in [k for k in waiting if waiting[k].done()]:
                    ready[k] = waiting.pop(k).result()
        except BrokenProcessPool:
            continue
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.kill()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return
    raise ExecutionError(
        "The processes of the search were killed again and again: there may be too little memory", exit_reason="killed"
    )


class FigureTable:
    """The figures of all combinations, written to a Parquet file as they come."""

    def __init__(self, path: Path, space: Space) -> None:
        self.path, self.space = path, space
        self.columns = [*(f"{name}" for name in space.names), *COLUMNS]
        self.writer: Any = None

    def append(self, index: Ints, found: Floats) -> None:
        data = np.column_stack([self.space.sets(index), found])
        table = pa.table({name: data[:, j] for j, name in enumerate(self.columns)})
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.path, table.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
