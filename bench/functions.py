"""The functions that the workloads map over the items: importable by name, so that any process can run them.

No contender and no clock of the harness lives here.
"""

from __future__ import annotations

import asyncio
import time

__all__ = ["add_one", "add_one_async", "burn_1ms", "sleep_1ms", "sleep_1ms_asyncio", "sleep_1ms_trio"]

MILLISECOND = 0.001


def add_one(item: int) -> int:
    """The least work that a result can be checked for."""
    return item + 1


def sleep_1ms(item: int) -> int:
    """Wait for a millisecond with the GIL released."""
    time.sleep(MILLISECOND)
    return item + 1


def burn_1ms(item: int) -> int:
    """Use a millisecond of CPU of this thread, however many others want the CPU meanwhile."""
    end = time.thread_time() + MILLISECOND
    while time.thread_time() < end:
        pass
    return item + 1


async def add_one_async(item: int) -> int:
    """The least coroutine: it never suspends, and runs on any event loop."""
    return item + 1


async def sleep_1ms_asyncio(item: int) -> int:
    """Suspend for a millisecond with asyncio's own sleep: a layer between would blur the ratios."""
    await asyncio.sleep(MILLISECOND)
    return item + 1


async def sleep_1ms_trio(item: int) -> int:
    """Suspend for a millisecond with trio's own sleep."""
    import trio

    await trio.sleep(MILLISECOND)
    return item + 1
