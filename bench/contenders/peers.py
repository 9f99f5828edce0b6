"""Third-party libraries for plain functions. None is needed: a missing one is listed as such.

Threads are started within the timed call, pools of processes before it, as in stdlib.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.contenders._kinds import Contender, MapContender, Run, Task

__all__ = ["CONTENDERS"]


@contextmanager
def _joblib_threading(task: Task, batch_size: int | str) -> Iterator[Run]:
    from joblib import Parallel, delayed

    def run(items: Sequence[int]) -> list[int]:
        parallel = Parallel(n_jobs=task.workers, backend="threading", batch_size=batch_size)
        return list(parallel(delayed(task.fn)(item) for item in items))

    yield run


@contextmanager
def _joblib_loky(task: Task, batch_size: int | str) -> Iterator[Run]:
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    with Parallel(n_jobs=task.workers, backend="loky", batch_size=batch_size) as parallel:
        yield lambda items: list(parallel(delayed(task.fn)(item) for item in items))
    get_reusable_executor().shutdown(wait=True)  # joblib would keep the workers for a next call


@contextmanager
def _loky(task: Task) -> Iterator[Run]:
    from loky import get_reusable_executor

    executor = get_reusable_executor(max_workers=task.workers)
    yield lambda items: list(executor.map(task.fn, items, chunksize=task.chunk))
    executor.shutdown(wait=True)


@contextmanager
def _mpire(task: Task) -> Iterator[Run]:
    from mpire.pool import WorkerPool

    with WorkerPool(n_jobs=task.workers, keep_alive=True) as pool:
        yield lambda items: list(pool.map(task.fn, items))


@contextmanager
def _pebble(task: Task, chunk: int) -> Iterator[Run]:
    from pebble import ProcessPool

    with ProcessPool(max_workers=task.workers) as pool:
        yield lambda items: list(pool.map(task.fn, items, chunksize=chunk).result())


CONTENDERS: tuple[Contender, ...] = (
    MapContender(
        name="joblib-threading",
        about="Parallel(backend='threading'), automatic batches",
        requires=("joblib",),
        open=lambda task: _joblib_threading(task, "auto"),
    ),
    MapContender(
        name="joblib-threading-tuned",
        about="Parallel(backend='threading'), tuned batch_size",
        requires=("joblib",),
        open=lambda task: _joblib_threading(task, task.chunk),
    ),
    MapContender(
        name="joblib-loky",
        about="Parallel(backend='loky'), automatic batches, workers kept",
        requires=("joblib",),
        open=lambda task: _joblib_loky(task, "auto"),
    ),
    MapContender(
        name="joblib-loky-tuned",
        about="Parallel(backend='loky'), tuned batch_size, workers kept",
        requires=("joblib",),
        open=lambda task: _joblib_loky(task, task.chunk),
    ),
    MapContender(
        name="loky-tuned",
        about="get_reusable_executor().map, tuned chunksize, workers kept",
        requires=("loky",),
        open=_loky,
    ),
    MapContender(
        name="mpire",
        about="WorkerPool(keep_alive=True).map, automatic chunks",
        requires=("mpire",),
        open=_mpire,
    ),
    MapContender(
        name="pebble",
        about="ProcessPool.map, default chunksize, pool kept open",
        requires=("pebble",),
        open=lambda task: _pebble(task, 1),
    ),
    MapContender(
        name="pebble-tuned",
        about="ProcessPool.map, tuned chunksize, pool kept open",
        requires=("pebble",),
        open=lambda task: _pebble(task, task.chunk),
    ),
)
