"""One measured run of one contender, its results checked against the serial oracle.

Runs in the contender's own child process (host.py). The clock comes in; rounds and ratios are not here.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import operator
import os
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from bench import memory
from bench.contenders import (
    Contender,
    CoroutineContender,
    CoroutineTask,
    ImportContender,
    MapContender,
    StreamContender,
    Task,
)
from bench.harness import Failure, Measured, Reading
from bench.workloads import Workload

__all__ = ["Clock", "Trial", "mismatch", "opened"]

Clock = Callable[[], float]
Trial = Callable[[], Measured]

MEGABYTE = 1_000_000


@contextmanager
def opened(workload: Workload, contender: Contender, n: int, clock: Clock) -> Iterator[Trial]:
    """Set the contender up and yield a function that measures one run of it."""
    match contender:
        case MapContender():
            items, expected = list(workload.items(n)), list(workload.expected(n))
            with contender.open(_task(workload)) as run:
                yield lambda: _timed(lambda: run(items), expected, clock)
        case CoroutineContender():
            items, expected = list(workload.items(n)), list(workload.expected(n))
            task = _coroutine_task(workload)

            async def main() -> Iterable[int]:
                return await contender.gather(task, items)

            yield lambda: _timed(lambda: _in_new_loop(main, task), expected, clock)
        case StreamContender():
            yield lambda: _streamed(workload, contender, n, clock)
        case ImportContender():
            yield lambda: _imported(contender, n, clock)
        case _:
            raise TypeError(f"nothing measures a {type(contender).__name__}: add a case here")


def mismatch(results: Iterable[int], expected: Iterable[int]) -> str | None:
    """Say where the results first differ from what the serial loop gives, or None."""
    missing = object()
    pairs = itertools.zip_longest(results, expected, fillvalue=missing)
    for index, (result, wanted) in enumerate(pairs):
        if result is missing:
            return f"wrong result: it ends before item {index}"
        if wanted is missing:
            return f"wrong result: more than {index} items"
        if result != wanted:
            return f"wrong result: item {index} gave {result!r} instead of {wanted!r}"
    return None


def _timed(run: Callable[[], Iterable[int]], expected: list[int], clock: Clock) -> Measured:
    gc.collect()  # or the garbage of the run before is collected in this one
    start = clock()
    results = run()
    seconds = clock() - start
    difference = mismatch(results, expected)
    return Failure(difference) if difference else Reading(value=seconds, seconds=seconds)


def _streamed(workload: Workload, contender: StreamContender, n: int, clock: Clock) -> Measured:
    task = _task(workload)
    gc.collect()
    memory.reset_peak()
    before = memory.resident()
    start = clock()
    with contender.stream(task, workload.items(n)) as results:
        same = _same(results, workload.expected(n))
    seconds = clock() - start
    growth = max(memory.peak() - before, 0)
    if not same:
        return Failure("wrong result: it differs from the serial loop's, or has another length")
    return Reading(value=growth / MEGABYTE, seconds=seconds)


def _same(results: Iterable[int], expected: Iterable[int]) -> bool:
    # Holds no result and stays in C: comparing must not cost what is measured.
    try:
        return all(itertools.starmap(operator.eq, zip(results, expected, strict=True)))
    except ValueError as exc:
        if "zip()" not in str(exc):
            raise
        return False


def _imported(contender: ImportContender, pairs: int, clock: Clock) -> Measured:
    def start_of(statement: str) -> float:
        begin = clock()
        subprocess.run([sys.executable, "-c", statement], check=True, env=environment, stdin=subprocess.DEVNULL)
        return clock() - begin

    # Without byte code on disk the import would be a measurement of the compiler.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    bare: list[float] = []
    importing: list[float] = []
    for pair in range(pairs):
        if pair % 2:
            importing.append(start_of(contender.statement))
            bare.append(start_of("pass"))
        else:
            bare.append(start_of("pass"))
            importing.append(start_of(contender.statement))
    return Reading(value=statistics.median(importing) - statistics.median(bare), seconds=sum(importing))


def _in_new_loop(main: Callable[[], Awaitable[Iterable[int]]], task: CoroutineTask) -> Iterable[int]:
    if task.loop == "trio":
        import trio

        return trio.run(main)

    async def on_asyncio() -> Iterable[int]:
        return await main()

    return asyncio.run(on_asyncio())


def _task(workload: Workload) -> Task:
    # What is a coroutine function and what is not follows from the kind of the workload; types cannot say so.
    fn = cast(Callable[[int], int], workload.fn)
    return Task(fn=fn, workers=workload.workers, chunk=workload.chunk)


def _coroutine_task(workload: Workload) -> CoroutineTask:
    fn = cast(Callable[[int], Coroutine[Any, Any, int]], workload.fn)
    return CoroutineTask(fn=fn, limit=workload.workers, loop=workload.loop)
