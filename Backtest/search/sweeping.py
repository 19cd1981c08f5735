"""Running combinations in chunks: here, in processes, or wherever somebody takes a chunk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
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
COLUMNS = (*NAMES, "ended", "orders_lost")


@dataclass(frozen=True)
class Work:
    """A strategy, prices and the combinations of a space that are to be run, by their numbers, in order."""

    strategy: CanonicalStrategy
    frame: pd.DataFrame
    space: Space

    def chunks(self, index: Ints) -> list[Ints]:
        """Return the numbers in chunks. They do not depend on who runs them, nor do the figures depend on the chunks."""
        size = max(1, min(MOST_IN_CHUNK, CHUNK_BARS // max(1, len(self.frame))))
        return [index[k : k + size] for k in range(0, len(index), size)]

    def run(self, index: Ints) -> Floats:
        """Return the figures of combinations, float64 of shape (len(index), COLUMNS)."""
        return figures(self.kernel(), self.space.sets(index))

    def kernel(self, **options: Any) -> Kernel:
        return Kernel(self.strategy, self.frame, self.space.paths, **options)


def figures(kernel: Kernel, sets: Floats) -> Floats:
    sweep = kernel.sweep(sets)
    return np.column_stack([sweep.table, sweep.ended, sweep.orders_lost])


_work: Work | None = None
_kernel: Kernel | None = None


def _begin(work: Work) -> None:
    global _work, _kernel
    _work, _kernel = work, work.kernel()


def _chunk(index: Ints) -> Floats:
    assert _work is not None
    assert _kernel is not None
    return figures(_kernel, _work.space.sets(index))


def run_chunks(
    work: Work, chunks: list[Ints], *, workers: int = 1, tick: Callable[[float], None] = lambda _: None
) -> Iterator[Floats]:
    """Yield the figures of each chunk, in order.

    With several workers each is a process; a chunk whose process was killed is run again.

    Raises:
        ExecutionError: processes were killed again and again.
    """
    if workers <= 1 or len(chunks) == 1:
        kernel = work.kernel()
        for k, chunk in enumerate(chunks):
            tick(k / len(chunks))
            yield figures(kernel, work.space.sets(chunk))
        return
    done, deaths = 0, 0
    while done < len(chunks):
        with _pool(work, workers) as pool:
            try:
                waiting: dict[int, Future[Floats]] = {}
                for k in range(done, len(chunks)):
                    # No more than is soon needed: what waits to be written is in memory.
                    for ahead in range(k, min(k + 2 * workers, len(chunks))):
                        if ahead not in waiting:
                            waiting[ahead] = pool.submit(_chunk, chunks[ahead])
                    result = _result(waiting.pop(k), lambda k=k: tick(k / len(chunks)))  # type: ignore[misc]
                    yield result
                    done = k + 1
            except BrokenProcessPool:
                deaths += 1
                if deaths > 3:
                    raise ExecutionError(
                        "The processes of the search were killed again and again: there may be too little memory",
                        exit_reason="killed",
                    ) from None
            except BaseException:
                for process in list(getattr(pool, "_processes", {}).values()):
                    process.kill()
                raise


def _pool(work: Work, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(work,))


def _result(future: Future[Floats], tick: Callable[[], None]) -> Floats:
    while True:
        try:
            return future.result(timeout=0.2)
        except TimeoutError:
            tick()


class Table:
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


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
