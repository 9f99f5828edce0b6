"""What a law is tried on: a mode, reached by the sync or an async entry, with a plain or a coroutine function.

A subject gives every combination the same plain methods, so that a law is written once. No law lives here.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import concur
from concur.backends._registry import backend_of
from concur.testing.behaviour import aperform, perform
from concur.testing.leaks import Leak, pending_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from concur.backends import Backend, Traits

__all__ = ["Entry", "Raised", "Returned", "Streamed", "Subject", "attempt"]

Values: TypeAlias = list[Any]  # by another name where `Subject.list` hides the type
Pairs: TypeAlias = list[tuple[Any, Any]]
Entry: TypeAlias = Literal["sync", "asyncio", "trio", "uvloop"]


@dataclass(frozen=True, slots=True)
class Returned:
    """A call returned `value`."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """A call raised `error`."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Streamed:
    """What a stream gave: its values, and the error that ended it, if one did."""

    values: list[Any]
    error: BaseException | None = None


def attempt(call: Callable[[], Any]) -> Returned | Raised:
    """Make a call, and tell what became of it. `KeyboardInterrupt` is caught too: a law may have made it."""
    try:
        return Returned(call())
    except BaseException as exc:
        return Raised(exc)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A mode and the way it is used.

    Attributes:
        mode: The name of a mode, or a backend.
        entry: The sync verbs, or the async ones under a loop.
        coroutine: Whether `fn` is a coroutine function.
        pool: A kept pool to make the calls on; None: each call opens workers of its own.
        pool_workers: The workers of that pool.
    """

    mode: Any = "serial"
    entry: Entry = "sync"
    coroutine: bool = False
    pool: Any = None
    pool_workers: int = 0

    def __str__(self) -> str:
        name = self.mode if isinstance(self.mode, str) else self.mode.name
        return f"{name}-{self.entry}-{'coroutine' if self.coroutine else 'plain'}"

    # -- what it can do ---------------------------------------------------------------------------------------------

    @property
    def backend(self) -> Backend:
        """The mode's backend."""
        return backend_of(self.mode)

    @property
    def traits(self) -> Traits:
        """The traits that its calls have: where another backend runs the function, that one's."""
        own = self.backend.traits
        if own.async_native and not self.coroutine:
            return backend_of("thread").traits
        if self.coroutine and own.shares_memory and not own.runs_coroutines:
            return replace(backend_of("async").traits, concurrent=own.concurrent)
        return own

    def lacks(self, needs: Iterable[str]) -> list[str]:
        """Name the needs that this subject does not meet. A need is one of `_NEEDS`."""
        return [need for need in needs if not _NEEDS[need](self)]

    def width(self, workers: int) -> int:
        """Say how many bodies run at once when a call asks for `workers`."""
        if not self.traits.concurrent and not self.traits.virtual_time:
            return 1
        return self.pool_workers if self.pool is not None else workers

    # -- calls ------------------------------------------------------------------------------------------------------

    @property
    def fn(self) -> Any:
        """What performs a script here."""
        return aperform if self.coroutine else perform

    @property
    def asynchronous(self) -> bool:
        """Whether the entry is an async one."""
        return self.entry != "sync"

    def list(self, items: Any, *, fn: Any = None, **options: Any) -> Any:
        """Call the list form."""
        fn, options = fn or self.fn, self.options(options)
        if not self.asynchronous:
            return self.verbs.run_parallel(fn, items, **options)

        async def call() -> Any:
            return await self.verbs.arun_parallel(fn, items, **options)

        return self.run(call)

    def attempt(self, items: Any, **options: Any) -> Returned | Raised:
        """Call the list form, and tell what became of it."""
        return attempt(lambda: self.list(items, **options))

    def stream(
        self, items: Any, *, take: int | None = None, each: Callable[[Any], object] | None = None, **options: Any
    ) -> Streamed:
        """Take the values of a stream, all or the first `take`, then leave its block.

        `each` is called with every value, before the next one is asked for. An error of the stream is told, one of
        `each` is raised.
        """
        values: Values = []
        told = each or (lambda value: None)
        if not self.asynchronous:
            with self.open_stream(items, **options) as results:
                iterator = islice(results, take)
                while True:
                    try:
                        value = next(iterator)
                    except StopIteration:
                        return Streamed(values)
                    except BaseException as exc:
                        return Streamed(values, exc)
                    values.append(value)
                    told(value)

        async def call() -> Streamed:
            async with self.open_stream(items, **options) as results:
                while take is None or len(values) < take:
                    try:
                        value = await anext(results)
                    except StopAsyncIteration:
                        break
                    except Exception as exc:
                        return Streamed(values, exc)
                    values.append(value)
                    told(value)
            return Streamed(values)

        try:
            streamed: Streamed = self.run(call)
        except BaseException as exc:
            if isinstance(exc, Exception):
                raise
            return Streamed(values, exc)
        return streamed

    def open_stream(self, items: Any, *, fn: Any = None, **options: Any) -> Any:
        """Make a stream: a context manager, async for an async entry."""
        verbs, options = self.verbs, self.options(options)
        verb = verbs.aiter_parallel if self.asynchronous else verbs.iter_parallel
        return verb(fn or self.fn, items, **options)

    def zipped(self, items: Values, **options: Any) -> Pairs:
        """Take from two streams of the same call in turns."""
        if not self.asynchronous:
            with self.open_stream(items, **options) as one, self.open_stream(items, **options) as two:
                return list(zip(one, two, strict=True))

        async def call() -> Pairs:
            pairs: Pairs = []
            async with self.open_stream(items, **options) as one, self.open_stream(items, **options) as two:
                async for value in one:
                    pairs.append((value, await anext(two)))
            return pairs

        pairs: Pairs = self.run(call)
        return pairs

    def together(self, calls: Values, **options: Any) -> Values:
        """Make several list calls at the same time: by threads, or by tasks for an async entry."""
        answers: Values = [None] * len(calls)
        if self.asynchronous:

            async def all_at_once() -> Values:
                import anyio

                async def one(at: int) -> None:
                    answers[at] = await self.verbs.arun_parallel(self.fn, calls[at], **self.options(options))

                async with anyio.create_task_group() as group:
                    for at in range(len(calls)):
                        group.start_soon(one, at)
                return answers

            return list(self.run(all_at_once))

        def call(at: int) -> None:
            outcome = self.attempt(calls[at], **options)
            answers[at] = outcome.value if isinstance(outcome, Returned) else outcome

        threads = [threading.Thread(target=call, args=(at,), name=f"call-{at}") for at in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def run(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine function under the entry's loop, and see that it leaves no task behind."""
        return run_on(self.entry, _without_tasks_left(call))

    @contextmanager
    def kept(self, workers: int) -> Iterator[Subject]:
        """Give this subject on a pool that is kept for as long as the block lasts."""
        with concur.pool(mode=self.mode, workers=workers) as pool:
            yield replace(self, pool=pool, pool_workers=workers)

    @property
    def fresh(self) -> Subject:
        """This subject, with workers of its own for each call."""
        return replace(self, pool=None)

    @property
    def verbs(self) -> Any:
        """What has the verbs: the pool, or the library."""
        return concur if self.pool is None else self.pool

    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Give a call's options with the mode, or without what belongs to the pool."""
        if self.pool is None:
            return {"mode": self.mode, **options}
        return {name: value for name, value in options.items() if name not in ("mode", "workers")}


def run_on(entry: Entry, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine function under a loop of its own."""
    if entry == "trio":
        import trio

        return trio.run(call)
    import asyncio

    if entry == "uvloop":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(call())
    return asyncio.run(call())


def _without_tasks_left(call: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[], Coroutine[Any, Any, Any]]:
    async def checked() -> Any:
        before = pending_tasks()
        try:
            return await call()
        finally:
            left = pending_tasks() - before
            if left:
                raise Leak(f"tasks are left on the loop: {sorted(left)}")

    return checked


_NEEDS: dict[str, Callable[[Subject], bool]] = {
    # Needs that the backend's traits answer:
    "concurrent": lambda subject: subject.traits.concurrent,
    "shares_memory": lambda subject: subject.traits.shares_memory,
    "pickles": lambda subject: not subject.traits.shares_memory,
    "survives_crash": lambda subject: subject.traits.survives_crash,
    "on_timeout": lambda subject: subject.traits.on_timeout is not None,
    "ends_in_time": lambda subject: subject.traits.on_timeout in ("kill", "cancel", "abandon", "simulated"),
    "ends_bodies": lambda subject: subject.traits.on_timeout in ("kill", "cancel"),
    "virtual_time": lambda subject: subject.traits.virtual_time,
    "real_time": lambda subject: not subject.traits.virtual_time,
    # Needs that the way it is used answers:
    "simulated": lambda subject: subject.backend.name == "sim",
    "sees_jobs": lambda subject: subject.traits == subject.backend.traits,
    "named": lambda subject: isinstance(subject.mode, str),
    "async_entry": lambda subject: subject.asynchronous,
    "sync_entry": lambda subject: not subject.asynchronous,
    "plain": lambda subject: not subject.coroutine,
}
