"""Process mode: what its backend promises. The parent's side is `engine.py`, the worker's `worker.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from concur.backends import Traits
from concur.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from concur.backends.process.engine import ProcessEngine

__all__ = ["Process"]


class Process:
    """The backend of `mode="process"`.

    Args:
        start_method: `"forkserver"`, `"spawn"` or `"fork"`; None takes forkserver where there is one, else spawn.
            `"fork"` copies a process while its other threads may hold locks: only for programs without threads.
    """

    name = "process"
    traits: Traits = Traits(
        shares_memory=False, on_timeout="kill", survives_crash=True, runs_coroutines=True, keeps_context=False
    )

    def __init__(self, start_method: str | None = None) -> None:
        if start_method not in (None, "forkserver", "spawn", "fork"):
            raise InvalidOption(f"Process(start_method={start_method!r}): must be 'forkserver', 'spawn' or 'fork'")
        self.start_method = start_method

    def open(self, *, workers: int, setup: Callable[[], object] | None, pool: frozenset[int]) -> ProcessEngine:
        import multiprocessing

        from concur.backends.process.engine import ProcessEngine
        from concur.backends.process.main_guard import check_main_guard

        available = multiprocessing.get_all_start_methods()
        method = self.start_method or ("forkserver" if "forkserver" in available else "spawn")
        if method not in available:
            raise InvalidOption(f"Process(start_method={method!r}): this system has only {', '.join(available)}")
        if method != "fork":
            check_main_guard()
        return ProcessEngine(multiprocessing.get_context(method), workers, setup, pool)
