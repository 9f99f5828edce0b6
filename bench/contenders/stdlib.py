"""What the standard library offers for plain functions. Coroutines are in coroutines.py.

Threads are started within the timed call, as ours are: that is how a single call is written. Process pools
are opened before it, as ours is: starting processes would drown the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bench.contenders._kinds import Contender, ImportContender, MapContender, Run, StreamContender, Task

__all__ = ["CONTENDERS"]


@contextmanager
def _comprehension(task: Task) -> Iterator[Run]:
    fn = task.fn
    yield lambda items: [fn(item) for item in items]


@contextmanager
def _executor_threads(task: Task) -> Iterator[Run]:
    from concurrent.futures import ThreadPoolExecutor

    def run(items: Iterable[int]) -> list[int]:
        with ThreadPoolExecutor(task.workers) as executor:
            return list(executor.map(task.fn, items))

    yield run


@contextmanager
def _pool_threads(task: Task) -> Iterator[Run]:
    from multiprocessing.pool import ThreadPool

    def run(items: Iterable[int]) -> list[int]:
        with ThreadPool(task.workers) as pool:
            return pool.map(task.fn, items)

    yield run


@contextmanager
def _executor_processes(task: Task) -> Iterator[Run]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(task.workers) as executor:
        yield lambda items: list(executor.map(task.fn, items))


@contextmanager
def _executor_processes_tuned(task: Task) -> Iterator[Run]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(task.workers) as executor:
        yield lambda items: list(executor.map(task.fn, items, chunksize=task.chunk))


@contextmanager
def _pool_processes(task: Task) -> Iterator[Run]:
    import multiprocessing

    with multiprocessing.Pool(task.workers) as pool:
        yield lambda items: pool.map(task.fn, items)
        pool.close()
        pool.join()


@contextmanager
def _executor_stream(task: Task, items: Iterable[int]) -> Iterator[Iterable[int]]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(task.workers) as executor:
        yield executor.map(task.fn, items)


@contextmanager
def _pool_stream(task: Task, items: Iterable[int]) -> Iterator[Iterable[int]]:
    from multiprocessing.pool import ThreadPool

    with ThreadPool(task.workers) as pool:
        yield pool.imap(task.fn, items, chunksize=task.chunk)


CONTENDERS: tuple[Contender, ...] = (
    MapContender(name="list-comprehension", about="[fn(item) for item in items]", open=_comprehension),
    MapContender(
        name="executor-threads",
        about="ThreadPoolExecutor.map, default chunks",
        requires=("concurrent.futures.thread",),
        open=_executor_threads,
    ),
    MapContender(
        name="pool-threads",
        about="multiprocessing.pool.ThreadPool.map",
        requires=("multiprocessing.pool",),
        open=_pool_threads,
    ),
    MapContender(
        name="executor-processes",
        about="ProcessPoolExecutor.map, default chunksize, pool kept open",
        requires=("concurrent.futures.process",),
        open=_executor_processes,
    ),
    MapContender(
        name="executor-processes-tuned",
        about="ProcessPoolExecutor.map, tuned chunksize, pool kept open",
        requires=("concurrent.futures.process",),
        open=_executor_processes_tuned,
    ),
    MapContender(
        name="pool-processes",
        about="multiprocessing.Pool.map, pool kept open",
        requires=("multiprocessing.pool",),
        open=_pool_processes,
    ),
    StreamContender(
        name="executor-threads-stream",
        about="ThreadPoolExecutor.map, consumed as it comes",
        requires=("concurrent.futures.thread",),
        stream=_executor_stream,
    ),
    StreamContender(
        name="pool-threads-stream",
        about="multiprocessing.pool.ThreadPool.imap in chunks",
        requires=("multiprocessing.pool",),
        stream=_pool_stream,
    ),
    ImportContender(
        name="import-ThreadPoolExecutor",
        about="from concurrent.futures import ThreadPoolExecutor",
        statement="from concurrent.futures import ThreadPoolExecutor",
    ),
    ImportContender(
        name="import-concurrent.futures",
        about="import concurrent.futures",
        statement="import concurrent.futures",
    ),
)
