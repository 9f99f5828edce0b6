"""Threads, processes, descriptors and shared memory are after a call as they were before, however it ends."""

from __future__ import annotations

import time
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import bodies
import concur
from concur.testing.leaks import no_leaks, pending_tasks

if TYPE_CHECKING:
    from pathlib import Path

MODES = ["serial", "thread", "process", "async", "sim"]
ENDS = ["success", "error", "break", "timeout", "deadline"]


def slow(x: int) -> int:
    time.sleep(0.3 if x == 3 else 0.0)
    if x == -1:
        raise ValueError(x)
    return x


async def aslow(x: int) -> int:
    await anyio.sleep(0.3 if x == 3 else 0.0)
    if x == -1:
        raise ValueError(x)
    return x


def items(end: str) -> list[int]:
    return {"error": [1, 2, -1, 1], "success": [0, 1, 2]}.get(end, [0, 1, 2, 3, 4])


def options(end: str) -> dict[str, Any]:
    return {"timeout": {"timeout": 0.1}, "deadline": {"deadline": 0.15}}.get(end, {})


ERRORS = (ValueError, concur.ItemTimeout, concur.DeadlineExceeded)


@pytest.fixture(autouse=True, scope="module")
def _helpers_of_multiprocessing() -> None:
    """Start what `multiprocessing` keeps for the life of the program."""
    concur.run_parallel(bodies.double, [1], mode="process", workers=1)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def threads_end() -> None:
    """Bodies that were left behind end by themselves; that is promised, and waited for."""
    import threading

    for thread in threading.enumerate():
        if thread.name.startswith("concur-"):
            thread.join(10)


SYNC = [  # worker processes are dear: each end with one kind of function
    (mode, end, fn)
    for mode, end, fn in product(MODES, ENDS, [slow, aslow])
    if mode != "process" or (fn is slow) != (end in ("success", "timeout"))
]
ASYNC = [  # and each loop
    (mode, end, loop, fn)
    for mode, end, loop, fn in product(MODES, ENDS, ["asyncio", "trio"], [slow, aslow])
    if mode != "process" or (fn is slow) != (loop == "trio")
]


@pytest.mark.parametrize(("mode", "end", "fn"), SYNC)
def test_a_sync_call_leaves_nothing(mode: str, end: str, fn: Any) -> None:
    with no_leaks():
        try:
            with concur.iter_parallel(fn, items(end), mode=mode, workers=2, **options(end)) as results:
                for _ in results:
                    if end == "break":
                        break
        except ERRORS:
            assert end != "success"
        threads_end()


@pytest.mark.parametrize(("mode", "end", "loop", "fn"), ASYNC)
def test_an_async_call_leaves_nothing(mode: str, end: str, loop: str, fn: Any) -> None:
    async def main() -> None:
        before = pending_tasks()
        try:
            async with concur.aiter_parallel(fn, items(end), mode=mode, workers=2, **options(end)) as results:
                async for _ in results:
                    if end == "break":
                        break
        except ERRORS:
            assert end != "success"
        assert pending_tasks() == before

    with no_leaks():
        anyio.run(main, backend=loop)
        threads_end()


@pytest.mark.parametrize("mode", MODES)
def test_a_pool_leaves_nothing(mode: str) -> None:
    with no_leaks(), concur.pool(mode=mode, workers=2) as pool:
        for fn in (bodies.double, bodies.adouble):
            assert pool.run_parallel(fn, range(5)) == [0, 2, 4, 6, 8]
            anyio.run(partial(pool.arun_parallel, fn, range(5)))
