"""`concur` itself, in each mode. No peer lives here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from bench.contenders._kinds import (
    Contender,
    CoroutineContender,
    CoroutineTask,
    ImportContender,
    MapContender,
    Run,
    StreamContender,
    Task,
)

__all__ = ["CONTENDERS"]


@contextmanager
def _serial(task: Task) -> Iterator[Run]:
    import concur

    yield lambda items: concur.run_parallel(task.fn, items, mode="serial")


@contextmanager
def _thread(task: Task) -> Iterator[Run]:
    import concur

    yield lambda items: concur.run_parallel(task.fn, items, mode="thread", workers=task.workers)


@contextmanager
def _process(task: Task) -> Iterator[Run]:
    import concur

    with concur.pool(mode="process", workers=task.workers) as pool:
        yield lambda items: pool.run_parallel(task.fn, items)


@contextmanager
def _process_call(task: Task) -> Iterator[Run]:
    import concur

    yield lambda items: concur.run_parallel(task.fn, items, mode="process", workers=task.workers)


def _thread_stream(task: Task, items: Iterable[int]) -> AbstractContextManager[Iterable[int]]:
    import concur

    return concur.iter_parallel(task.fn, items, mode="thread", workers=task.workers)


async def _async(task: CoroutineTask, items: Sequence[int]) -> Sequence[int]:
    import concur

    return await concur.arun_parallel(task.fn, items, mode="async", workers=task.limit)


CONTENDERS: tuple[Contender, ...] = (
    MapContender(name="concur-serial", about="run_parallel(mode='serial')", requires=("concur",), open=_serial),
    MapContender(name="concur-thread", about="run_parallel(mode='thread')", requires=("concur",), open=_thread),
    MapContender(
        name="concur-process",
        about="run_parallel of a pool(mode='process') that stays open",
        requires=("concur",),
        open=_process,
    ),
    MapContender(
        name="concur-process-call",
        about="run_parallel(mode='process'), no pool kept by the caller",
        requires=("concur",),
        open=_process_call,
    ),
    CoroutineContender(name="concur-async", about="arun_parallel(mode='async')", requires=("concur",), gather=_async),
    StreamContender(
        name="concur-thread-stream",
        about="iter_parallel(mode='thread')",
        requires=("concur",),
        stream=_thread_stream,
    ),
    ImportContender(
        name="import-run_parallel",
        about="from concur import run_parallel",
        requires=("concur",),
        statement="from concur import run_parallel",
    ),
    ImportContender(name="import-concur", about="import concur", requires=("concur",), statement="import concur"),
)
