"""An async source: pulled lazily in a task of its own, closed once, its errors told as the source's."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import concur

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

LOOPS = ["asyncio", "trio"]
MODES = ["serial", "thread", "async", "sim"]


def run(loop: str, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
    return anyio.run(partial(_limited, function, *args), backend=loop)


async def _limited(function: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
    with anyio.fail_after(60):
        return await function(*args)


class Tap:
    """An async iterator that counts what is asked of it, and how many ask at once."""

    def __init__(self, n: int = 1_000_000) -> None:
        self.asked = 0
        self.busy = 0
        self.n = n

    def __aiter__(self) -> Tap:
        return self

    async def __anext__(self) -> int:
        assert self.busy == 0
        self.busy += 1
        await anyio.lowlevel.checkpoint()
        self.busy -= 1
        if self.asked == self.n:
            raise StopAsyncIteration
        self.asked += 1
        return self.asked - 1


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("window", [1, 2, 7])
def test_never_asks_for_more_than_the_window_allows(loop: str, mode: str, window: int) -> None:
    async def main() -> None:
        tap = Tap()
        async with concur.aiter_parallel(abs, tap, mode=mode, workers=3, window=window) as results:
            assert tap.asked == 0
            delivered = 0
            async for value in results:
                assert value == delivered
                delivered += 1
                for _ in range(5):  # the feeder may run ahead meanwhile, no further than it was asked to
                    await anyio.lowlevel.checkpoint()
                assert tap.asked <= delivered + window
                if delivered == 30:
                    break

    run(loop, main)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("leave", ["end", "break", "error of the source", "error of an item", "error of the body"])
def test_the_generator_is_closed_once_in_the_task_that_ran_it(loop: str, mode: str, leave: str) -> None:
    tasks: list[object] = []

    async def source() -> AsyncIterator[Any]:
        tasks.append(anyio.get_current_task().id)
        try:
            yield 1
            yield 2
            if leave == "error of the source":
                raise LookupError("dry")
            if leave == "error of an item":
                yield "text"
            while leave != "end":
                await anyio.lowlevel.checkpoint()
                yield 3
        finally:
            tasks.append(anyio.get_current_task().id)
            await anyio.lowlevel.checkpoint()  # a finaliser may wait

    got: list[int] = []

    async def main() -> None:
        async with concur.aiter_parallel(abs, source(), mode=mode, workers=2, window=4) as results:
            async for value in results:
                got.append(value)
                if leave == "break" and len(got) == 2:
                    break
                if leave == "error of the body" and len(got) == 2:
                    raise ZeroDivisionError

    expected = {
        "error of the source": LookupError,
        "error of an item": TypeError,
        "error of the body": ZeroDivisionError,
    }.get(leave)
    if expected is None:
        run(loop, main)
    else:
        with pytest.raises(expected):
            run(loop, main)
    assert got[:2] == [1, 2]
    assert len(tasks) == 2
    assert tasks[0] == tasks[1]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_run_that_is_cancelled_while_the_source_waits_closes_it(loop: str) -> None:
    ended: list[str] = []

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            ended.append("source")

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with concur.aiter_parallel(abs, source(), mode="thread") as results:
                async for _ in results:
                    scope.cancel()
            ended.append("not reached")
        assert scope.cancelled_caught

    run(loop, main)
    assert ended == ["source"]


@pytest.mark.parametrize("loop", LOOPS)
def test_the_error_of_a_finaliser_leaves_as_itself(loop: str) -> None:
    async def source() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            raise LookupError("cannot be closed")

    async def main() -> None:
        async with concur.aiter_parallel(abs, source(), mode="thread", window=4) as results:
            async for _ in results:
                break

    with pytest.raises(LookupError):
        run(loop, main)


def test_a_source_that_raises_cancelled_by_itself_never_truncates() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.cancel()
        yield await future

    async def main() -> list[int]:
        return await concur.arun_parallel(abs, source(), mode="thread")

    with pytest.raises(asyncio.CancelledError):
        run("asyncio", main)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_aiter_that_fails_is_the_sources_error(loop: str) -> None:
    class Broken:
        def __aiter__(self) -> AsyncIterator[int]:
            raise LookupError("no")

    async def main() -> None:
        await concur.arun_parallel(abs, Broken(), mode="thread")

    with pytest.raises(LookupError):
        run(loop, main)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("mode", MODES)
def test_a_source_that_waits_for_results_gets_them(loop: str, mode: str) -> None:
    """Each item is made of the last result: whatever has come must be delivered while the source waits."""

    async def main() -> list[int]:
        send, receive = anyio.create_memory_object_stream[int](10)
        got: list[int] = []
        with send, receive:
            await send.send(1)

            async def source() -> AsyncIterator[int]:
                for _ in range(5):
                    yield await receive.receive()

            async with concur.aiter_parallel(_next, source(), mode=mode) as results:
                async for value in results:
                    got.append(value)
                    await send.send(value)
        return got

    assert run(loop, main) == [2, 3, 4, 5, 6]


def _next(x: int) -> int:
    return x + 1
