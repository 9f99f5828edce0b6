"""The contract of a backend: what to implement so that `run_parallel` can run on something new.

A `Backend` says what it can do (`Traits`) and opens an `Engine`, which keeps workers. Each call opens a `Session` on
the engine: it is given jobs and delivers reports. That is all; order, windows, retries, timeouts and errors are the
schedule's. Nothing that depends on a particular backend lives here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from concur._core.steps import Breakdown, Job, Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

__all__ = ["Backend", "Breakdown", "Deliver", "Engine", "Job", "Report", "Session", "Traits", "Work"]

Deliver: TypeAlias = "Callable[[Report | Breakdown], object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a backend can do. An option that needs a trait the backend lacks is refused before the first item.

    Attributes:
        concurrent: Bodies run at the same time.
        shares_memory: Workers see the caller's objects; False: `fn`, items and results are pickled.
        on_timeout: What happens to a body that runs for too long. `"late"`: it runs on, and its value is dropped;
            `"abandon"`: it runs on, and its worker is replaced; `"kill"`: its worker process is killed and replaced;
            `"cancel"`: its task is cancelled; `"simulated"`: virtual time; None: `timeout` is refused.
        survives_crash: A worker that dies costs the item it ran, and no other.
        async_native: Runs coroutine functions on the caller's own event loop.
        pushes: Reports are delivered from the backend's own threads; False: only while `Engine.wait` runs.
        virtual_time: Its clock is simulated.
        runs_coroutines: Takes coroutine functions itself; False: where memory is shared, they are run on an event
            loop in a helper thread instead.
        keeps_context: Context variables of the caller are seen in `fn` without being named.
    """

    concurrent: bool = True
    shares_memory: bool = True
    on_timeout: Literal["late", "abandon", "kill", "cancel", "simulated"] | None = None
    survives_crash: bool = False
    async_native: bool = False
    pushes: bool = False
    virtual_time: bool = False
    runs_coroutines: bool = False
    keeps_context: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a session is opened for.

    Attributes:
        fn: The function; a coroutine function if `is_async`.
        workers: Bodies that may run at once, at most the engine's.
        timed: Whether reports must tell the duration of each body.
        timeout: Seconds a body may run; the schedule watches it, but a session must tell when the body began.
        stop: Whether a failure ends its job: the rest is given back.
        context: The caller's context variables.
        loop: The async library that a coroutine function is to find: that of the caller's loop.
        carry: Importable names of context variables to carry to workers that do not share memory.
    """

    fn: Callable[[Any], Any]
    is_async: bool = False
    workers: int = 1
    timed: bool = False
    timeout: float | None = None
    stop: bool = False
    context: Context
    loop: str = "asyncio"
    carry: tuple[str, ...] = ()


class Session(Protocol):
    """One call's use of an engine. Its methods return at once and are called by one thread at a time.

    Guarantees that the schedule builds on:
    - `start` queues the job; jobs begin in the order in which they were started.
    - Each item of a job is in exactly one report: as ended, or in its `rest`. Exactly one report is `over`.
    - The reports of one job are delivered in the order of its items; the one that is `over` is the last.
    - `recall` is answered by a report that is not over, unless the last one is out or on its way.
    - `cancel` makes the last report come: at once if nothing of the job runs or it can be stopped; if it cannot, at
      once with `abandon`, else when the running body has ended.
    """

    def start(self, job: Job) -> None: ...
    def recall(self, job: Job) -> None: ...
    def cancel(self, job: Job, *, abandon: bool) -> None: ...
    def close(self) -> None:
        """Forget the call: no report is delivered afterwards. No job is in flight any more, unless it is abandoned."""


class Engine(Protocol):
    """Keeps workers, for one call or, in a pool, for many."""

    def session(self, work: Work, deliver: Deliver) -> Session:
        """Open a session. Raises a `ConcurError` if `work` cannot run here."""
        ...

    def clock(self) -> float:
        """Give the time in seconds, on the clock of `Work.timeout`."""
        ...

    def wait(self, timeout: float | None) -> None:
        """Work or wait, for `timeout` seconds at most, until something was delivered or `wake` was called.

        Never called if the backend `pushes`.
        """

    def wake(self) -> None:
        """Make `wait` return. Called from any thread."""

    def close(self) -> None:
        """End the workers. Idempotent."""


class Backend(Protocol):
    """What a mode is: a name, traits and a way to open engines."""

    @property
    def name(self) -> str: ...
    @property
    def traits(self) -> Traits: ...
    def open(self, *, workers: int, setup: Callable[[], object] | None, pool: frozenset[int]) -> Engine:
        """Open an engine of at most `workers` workers, started when needed. `setup` runs once in each.

        `pool` holds the ids of the pools that the workers belong to, for `WorkerState`.
        """
        ...
