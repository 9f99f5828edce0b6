"""Ways to run a coroutine function over many items with a limit: asyncio, trio, anyio, aiometer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from bench.contenders._kinds import Contender, CoroutineContender, CoroutineTask

__all__ = ["CONTENDERS"]


async def _gather_semaphore(task: CoroutineTask, items: Sequence[int]) -> list[int]:
    fn = task.fn
    semaphore = asyncio.Semaphore(task.limit)

    async def limited(item: int) -> int:
        async with semaphore:
            return await fn(item)

    return await asyncio.gather(*[limited(item) for item in items])


async def _worker_tasks(task: CoroutineTask, items: Sequence[int]) -> list[int]:
    """The floor: no error has an index, a failure is a group, and a trivial fn starves the loop."""
    fn = task.fn
    results = [0] * len(items)
    pairs = enumerate(items)

    async def work() -> None:
        for index, item in pairs:
            results[index] = await fn(item)

    if task.loop == "trio":
        import trio

        async with trio.open_nursery() as nursery:
            for _ in range(task.limit):
                nursery.start_soon(work)
    else:
        async with asyncio.TaskGroup() as group:
            for _ in range(task.limit):
                group.create_task(work())
    return results


async def _anyio_limiter(task: CoroutineTask, items: Sequence[int]) -> list[int]:
    import anyio

    fn = task.fn
    results = [0] * len(items)
    limiter = anyio.CapacityLimiter(task.limit)

    async def limited(index: int, item: int) -> None:
        async with limiter:
            results[index] = await fn(item)

    async with anyio.create_task_group() as group:
        for index, item in enumerate(items):
            group.start_soon(limited, index, item)
    return results


async def _aiometer(task: CoroutineTask, items: Sequence[int]) -> list[int]:
    import aiometer

    calls = [partial(task.fn, item) for item in items]
    results: list[int] = await aiometer.run_all(calls, max_at_once=task.limit)
    return results


CONTENDERS: tuple[Contender, ...] = (
    CoroutineContender(
        name="gather-semaphore",
        about="asyncio.gather of one coroutine per item, each behind a Semaphore",
        gather=_gather_semaphore,
        loops=("asyncio",),
    ),
    CoroutineContender(
        name="worker-tasks",
        about="bare worker tasks on a shared iterator, no safety of any kind",
        gather=_worker_tasks,
    ),
    CoroutineContender(
        name="anyio-limiter",
        about="anyio task group, a task per item, CapacityLimiter",
        requires=("anyio",),
        gather=_anyio_limiter,
    ),
    CoroutineContender(
        name="aiometer", about="aiometer.run_all(max_at_once=)", requires=("aiometer",), gather=_aiometer
    ),
)
