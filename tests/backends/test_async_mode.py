"""Async entry and async mode: the loop stays responsive, cancellation is the framework's own, nothing leaks out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bodies
import concur
from concur.testing.leaks import pending_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

PATIENCE = 60.0
RUNS: list[dict[str, Any]] = [
    {"backend": "asyncio"},
    {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    {"backend": "trio"},
]
loops = pytest.mark.parametrize("options", RUNS, ids=["asyncio", "uvloop", "trio"])


def run(main: Callable[[], Coroutine[Any, Any, Any]], options: dict[str, Any]) -> Any:
    async def limited() -> Any:
        with anyio.fail_after(PATIENCE):
            return await main()

    return anyio.run(limited, **options)


@loops
@pytest.mark.parametrize(("mode", "fn"), [("thread", bodies.double), ("async", bodies.double), ("async", bodies.same)])
def test_the_loop_beats_while_many_items_go_through(options: dict[str, Any], mode: str, fn: Any) -> None:
    n = 100_000
    beats: list[int] = []
    progress = 0

    async def heart() -> None:
        while True:
            beats.append(progress)
            await checkpoint()

    async def main() -> None:
        nonlocal progress
        async with anyio.create_task_group() as group:
            group.start_soon(heart)
            async with concur.aiter_parallel(fn, range(n), mode=mode, workers=2) as results:
                async for _ in results:
                    progress += 1
            group.cancel_scope.cancel()

    run(main, options)
    assert progress == n
    longest = max(after - before for before, after in zip(beats, [*beats[1:], n], strict=True))
    assert longest <= n // 4, "the loop stood still while results were handed out"


@loops
def test_no_more_bodies_run_at_once_than_workers(options: dict[str, Any]) -> None:
    running = most = 0

    async def body(x: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await checkpoint()
        running -= 1
        return x

    async def main() -> None:
        before = len(pending_tasks())
        tasks: list[int] = []
        async with concur.aiter_parallel(body, range(500), mode="async", workers=7) as results:
            async for _ in results:
                tasks.append(len(pending_tasks()) - before)
        assert max(tasks) <= 7

    run(main, options)
    assert most == 7


@loops
@pytest.mark.parametrize(
    ("mode", "fn"), [("async", "plain"), ("async", "coroutine"), ("thread", "plain"), ("serial", "coroutine")]
)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(moment=st.integers(0, 40), shielded=st.booleans())
def test_a_cancellation_at_any_moment_leaves_cleanly(
    options: dict[str, Any], mode: str, fn: str, moment: int, shielded: bool
) -> None:
    steps = 0

    async def coroutine(x: int) -> int:
        for _ in range(3):
            await checkpoint()
        return x

    async def main() -> None:
        nonlocal steps
        before = pending_tasks()
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def cancel() -> None:
                    for _ in range(moment):
                        await checkpoint()
                    scope.cancel()

                group.start_soon(cancel)
                with anyio.CancelScope(shield=shielded):
                    body: Any = coroutine if fn == "coroutine" else bodies.double
                    got = await concur.arun_parallel(body, range(30), mode=mode, workers=3)
                    assert got == [x if fn == "coroutine" else 2 * x for x in range(30)]
                    steps += 1
        after = pending_tasks()
        assert len(after) <= len(before)
        if shielded:
            assert steps == 1

    run(main, options)


@loops
@pytest.mark.parametrize("mode", ["async", "thread", "process"])
def test_the_deadline_of_an_outer_scope_is_its_own(options: dict[str, Any], mode: str) -> None:
    async def main() -> bool:
        with anyio.move_on_after(0.3) as scope:
            await concur.arun_parallel(bodies.ahang_at, [(0, 0)] * 3, mode=mode, workers=2)
        return scope.cancelled_caught

    assert run(main, options)


@loops
def test_an_error_of_the_body_of_the_block_leaves_as_itself(options: dict[str, Any]) -> None:
    async def main() -> None:
        async with concur.aiter_parallel(bodies.adouble, range(100), mode="async", workers=3) as results:
            async for value in results:
                raise LookupError(value)

    with pytest.raises(LookupError):
        run(main, options)


@loops
@pytest.mark.parametrize("mode", ["serial", "thread", "process", "async", "sim"])
@pytest.mark.parametrize("error", ["plain", "frozen"])
def test_an_items_error_leaves_in_no_group(options: dict[str, Any], mode: str, error: str) -> None:
    async def main() -> None:
        with pytest.raises(bodies.Frozen if error == "frozen" else ValueError):
            await concur.arun_parallel(bodies.fail_with, ["a", error, error], mode=mode, workers=2)

    run(main, options)


def test_a_task_of_asyncio_that_is_cancelled_twice_ends() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(concur.arun_parallel(bodies.ahang_at, [(0, 0)] * 3, mode="async"))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_an_item_that_raises_cancelled_by_itself_fails() -> None:  # in trio, users cannot make a Cancelled
    async def body(x: int) -> int:
        if x == 1:
            raise asyncio.CancelledError
        return x

    async def main() -> list[bool]:
        outcomes = await concur.arun_parallel(body, range(3), mode="async", on_error="collect")
        return [outcome.ok for outcome in outcomes]

    assert asyncio.run(main()) == [True, False, True]
