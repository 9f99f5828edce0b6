"""What differs between event loops: finding the running one, and calling into it from another thread."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def running_library() -> str | None:
    """Give the async library that runs in this thread, `"asyncio"` or `"trio"`, or None. Imports neither."""
    if "trio" in sys.modules:
        from trio.lowlevel import in_trio_run

        if in_trio_run():
            return "trio"
    asyncio_events = sys.modules.get("asyncio.events")
    if asyncio_events is not None and asyncio_events._get_running_loop() is not None:
        return "asyncio"
    return None


def caller_from_threads() -> Callable[[Callable[[], object]], object]:
    """Give a function that makes the running loop call another soon, from any thread. Never raises at the caller.

    Once the loop has ended, calls are dropped: only late reports of abandoned bodies come then.
    """
    if running_library() == "trio":
        from trio import RunFinishedError
        from trio.lowlevel import current_trio_token

        into_trio = current_trio_token().run_sync_soon

        def call_trio(function: Callable[[], object]) -> None:
            try:
                into_trio(function)
            except RunFinishedError:
                pass

        return call_trio
    import asyncio

    into_asyncio = asyncio.get_running_loop().call_soon_threadsafe

    def call_asyncio(function: Callable[[], object]) -> None:
        try:
            into_asyncio(function)
        except RuntimeError:  # the loop is closed
            pass

    return call_asyncio


def being_cancelled() -> bool:
    """Say whether the current task is being cancelled, as opposed to its code having raised the exception by itself."""
    from anyio import current_effective_deadline

    if current_effective_deadline() == float("-inf"):
        return True
    if running_library() == "asyncio":
        import asyncio

        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return True  # trio's Cancelled cannot be made by user code
