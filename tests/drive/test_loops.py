"""Finding the running loop, and telling a cancelled task from one that only says so."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from concur._drive.loops import being_cancelled, caller_from_threads, running_library

RUNS: list[tuple[str, dict[str, Any]]] = [
    ("asyncio", {"backend": "asyncio"}),
    ("asyncio", {"backend": "asyncio", "backend_options": {"use_uvloop": True}}),
    ("trio", {"backend": "trio"}),
]


def test_outside_a_loop_there_is_none() -> None:
    assert running_library() is None


@pytest.mark.parametrize(("name", "options"), RUNS)
def test_the_running_library_is_told(name: str, options: dict[str, Any]) -> None:
    async def main() -> str | None:
        return running_library()

    assert anyio.run(main, **options) == name
    assert running_library() is None


@pytest.mark.parametrize(("name", "options"), RUNS)
def test_in_a_thread_of_a_loop_there_is_none(name: str, options: dict[str, Any]) -> None:
    async def main() -> str | None:
        return await anyio.to_thread.run_sync(running_library)

    assert anyio.run(main, **options) is None


@pytest.mark.parametrize(("name", "options"), RUNS)
def test_a_call_from_a_thread_arrives(name: str, options: dict[str, Any]) -> None:
    async def main() -> None:
        call = caller_from_threads()
        came = anyio.Event()
        with anyio.fail_after(10):
            await anyio.to_thread.run_sync(call, came.set)
            await came.wait()

    anyio.run(main, **options)


@pytest.mark.parametrize(("name", "options"), RUNS)
def test_a_task_in_a_cancelled_scope_is_being_cancelled(name: str, options: dict[str, Any]) -> None:
    async def main() -> list[bool]:
        found = [being_cancelled()] if name == "asyncio" else [False]
        with anyio.CancelScope() as scope:
            scope.cancel()
            found.append(being_cancelled())
        return found

    assert anyio.run(main, **options) == [False, True]


def test_a_cancelled_task_of_asyncio_is_being_cancelled_and_a_raised_error_is_not() -> None:
    found: list[bool] = []

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            found.append(being_cancelled())
            raise

    async def raises() -> None:
        try:
            raise asyncio.CancelledError
        except asyncio.CancelledError:
            found.append(being_cancelled())

    async def main() -> None:
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.create_task(raises())

    asyncio.run(main())
    assert found == [True, False]
