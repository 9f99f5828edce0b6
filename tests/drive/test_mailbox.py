"""Letters from many threads to one loop: none is lost, and many cost one wake-up."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from concur._drive.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS: list[dict[str, Any]] = [
    {"backend": "asyncio"},
    {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    {"backend": "trio"},
]


@pytest.mark.parametrize("options", RUNS, ids=["asyncio", "uvloop", "trio"])
def test_no_letter_of_many_threads_is_lost(options: dict[str, Any]) -> None:
    writers, letters = 8, 500
    before = sys.getswitchinterval()

    async def main() -> Counter[tuple[int, int]]:
        mailbox = Mailbox[tuple[int, int]]()
        mailbox.open_to_threads()

        def write(writer: int) -> None:
            for number in range(letters):
                mailbox.post((writer, number))

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
        for thread in threads:
            thread.start()
        got: list[tuple[int, int]] = []
        with anyio.fail_after(30):
            while len(got) < writers * letters:
                await mailbox.wait(None)
                got += mailbox.take()
        for thread in threads:
            thread.join(10)
        for writer in range(writers):
            assert [number for who, number in got if who == writer] == list(range(letters))
        return Counter(got)

    sys.setswitchinterval(1e-6)
    try:
        counts = anyio.run(main, **options)
    finally:
        sys.setswitchinterval(before)
    assert len(counts) == writers * letters
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_many_letters_cost_one_call_into_the_loop(backend: str) -> None:
    async def main() -> None:
        mailbox = Mailbox[int]()
        mailbox.open_to_threads()
        calls: list[Callable[[], object]] = []
        into_loop = mailbox._call
        mailbox._call = calls.append
        assert into_loop is not None
        for number in range(100):
            mailbox.post(number)
        assert len(calls) == 1
        calls.pop()()
        assert mailbox.take() == list(range(100))
        mailbox.post(100)
        assert len(calls) == 1

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_wait_ends_by_a_letter_a_ring_or_its_time(backend: str) -> None:
    async def main() -> None:
        mailbox = Mailbox[int]()
        mailbox.put(1)
        with anyio.fail_after(10):
            await mailbox.wait(None)
            assert mailbox.take() == [1]
            await mailbox.wait(0)
            await mailbox.wait(0.001)
            async with anyio.create_task_group() as group:
                group.start_soon(partial(mailbox.wait, None))
                await anyio.wait_all_tasks_blocked()
                mailbox.ring()
        assert mailbox.take() == []

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_letters_to_a_loop_that_has_ended_are_dropped(backend: str) -> None:
    async def main() -> Mailbox[int]:
        mailbox = Mailbox[int]()
        mailbox.open_to_threads()
        return mailbox

    mailbox = anyio.run(main, backend=backend)
    for number in range(3):
        mailbox.post(number)  # the late report of an abandoned body


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_wait_that_is_cancelled_leaves_the_letters(backend: str) -> None:
    async def main() -> None:
        mailbox = Mailbox[int]()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await mailbox.wait(None)
        mailbox.put(7)
        await mailbox.wait(None)
        assert mailbox.take() == [7]

    anyio.run(main, backend=backend)
