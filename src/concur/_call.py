"""One call, before it runs: checks `fn` and `items`, settles the options, chooses the engine, makes the schedule.

Nothing is pulled and no worker starts here.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, Iterable, Sized
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from concur._core.outcome import short_repr
from concur._options import Options, resolve
from concur._workers import available_workers
from concur.backends._registry import backend_of
from concur.errors import InvalidCall, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Context

    from concur._core.schedule import Schedule
    from concur.backends import Backend, Traits, Work
    from concur.observe.progress import Show

DEFAULT_COROUTINES = 100  # bodies at once; a common limit of connections in HTTP clients
NO_POOL: frozenset[int] = frozenset()


def unwrapped(fn: Any) -> Any:
    """Look through partials and our own wrappers."""
    from functools import partial

    while True:
        if isinstance(fn, partial):
            fn = fn.func
        elif hasattr(fn, "__concur_wrapped__"):
            fn = fn.__concur_wrapped__
        else:
            return fn


def is_coroutine_function(fn: Any) -> bool:
    """Say whether calling `fn` gives a coroutine: `async def`, a partial of one, or an object with an async call."""
    from inspect import iscoroutinefunction

    return any(map(iscoroutinefunction, _called(fn)))


def _called(fn: Any) -> list[Any]:
    """List what a call of `fn` may run: the function itself, and the `__call__` of an object."""
    inner = unwrapped(fn)
    return [inner] if isinstance(inner, type) else [inner, _special_method(inner, "__call__")]


def _special_method(value: object, name: str) -> Any:
    return getattr(type(value), name, None)


def check_fn(fn: Any, items: Any = ()) -> bool:
    """Refuse what cannot be called for an item. Gives whether it is a coroutine function. `items` help the message."""
    import inspect

    if inspect.iscoroutine(fn) or inspect.isawaitable(fn):
        name = getattr(fn, "__name__", "fetch")
        if inspect.iscoroutine(fn):
            fn.close()
        raise InvalidCall(
            f"fn is a coroutine object, which is one call already made: pass the function itself, "
            f"run_parallel({name}, items), not run_parallel({name}(...), items)"
        )
    if not callable(fn):
        swapped = ": fn comes first, then items" if callable(items) else ""
        raise InvalidCall(f"fn={short_repr(fn)} is not callable{swapped}")
    if any(inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called) for called in _called(fn)):
        raise InvalidCall(
            f"fn={getattr(unwrapped(fn), '__name__', fn)} is a generator function: it gives an iterator for each item, "
            "not a value. Return a list from it, or return one value for each item"
        )
    return is_coroutine_function(fn)


def check_items(items: Any, verb: str) -> None:
    """Refuse what cannot be gone through by this verb."""
    from inspect import isfunction

    if isinstance(items, Iterable):
        return
    asynchronous = verb.startswith("a")
    if isinstance(items, AsyncIterable):
        if asynchronous:
            return
        wait = "await " if verb == "run_parallel" else "async with "
        raise InvalidCall(f"items is an async iterable, which {verb} cannot pull from: write {wait}concur.a{verb}(...)")
    if callable(_special_method(items, "__getitem__")):
        return  # the old protocol of sequences
    call = f": call it, {verb}(fn, {items.__name__}())" if isfunction(items) else ""
    raise InvalidCall(f"items={short_repr(items)} is not iterable{call}")


def check_place(verb: str) -> None:
    """Refuse a sync verb in a thread whose event loop it would block."""
    from concur._drive.loops import running_library

    library = running_library()
    if library is None or _in_notebook():
        return
    wait = "await " if verb == "run_parallel" else "async with "
    raise InvalidCall(
        f"{verb} was called inside a running {library} event loop, which it would block: "
        f"write {wait}concur.a{verb}(...) there"
    )


def _in_notebook() -> bool:
    """Say whether a cell runs: IPython's kernel has a loop in the main thread, which any cell blocks while it runs."""
    shell = sys.modules.get("IPython")
    return shell is not None and shell.get_ipython() is not None


class Call:
    """A checked call.

    Args:
        verb: Its name, for messages.
        fn: The function.
        items: The source.
        given: The options as given.
        settled: Options that were settled before, by a pool.
    """

    def __init__(
        self, verb: str, fn: Any, items: Any, given: Mapping[str, Any], settled: Options | None = None
    ) -> None:
        if "ordered" in given and verb.endswith("run_parallel"):
            raise InvalidCall(f"{verb} gives a list in the order of the items; ordered= is for the iter forms")
        options: Options = resolve(given) if settled is None else settled.having(given)
        self.options: Options = options
        self.asynchronous: bool = verb.startswith("a")
        self.stream: bool = verb.endswith("iter_parallel")
        self.is_async: bool = check_fn(fn, items)
        check_items(items, verb)
        if not self.asynchronous:
            check_place(verb)
        if options.context:
            from concur.backends.process.wire import find_variable

            for name in options.context:
                find_variable(name)  # a wrong name is refused also where nothing needs to be carried
        self.fn = fn
        self.items = items
        self.total: int | None = _length(items)
        self.backend: Backend = choose_backend(options, self.is_async)
        self.traits: Traits = self.backend.traits
        if options.timeout is not None and self.traits.on_timeout is None:
            raise Unsupported(f"mode={self.backend.name!r} cannot end a body that runs for too long: drop timeout=")
        self.workers: int = options.workers or default_workers(self.backend, self.is_async)
        self.context: Context = copy_context()

    @property
    def native(self) -> bool:
        """Whether bodies run as tasks on the caller's own loop."""
        if not (self.asynchronous and self.is_async):
            return False
        return self.traits.async_native or (self.hosts_coroutines and not self.traits.concurrent)

    @property
    def hosts_coroutines(self) -> bool:
        """Whether a coroutine function needs a loop that the backend does not have."""
        return self.is_async and not self.traits.runs_coroutines and self.traits.shares_memory

    @property
    def loop(self) -> str:
        """The library that coroutine functions are to find."""
        from concur._drive.loops import running_library

        return running_library() or str(getattr(self.backend, "loop", "asyncio"))

    def open_engine(self, pool: frozenset[int] = NO_POOL, *, keep: bool = False) -> tuple[Any, bool]:
        """Open an engine for this call, or one to keep for many. Gives it, and whether it pushes."""
        from concur._drive.state import current_worker
        from concur.backends import thread

        inside = current_worker()
        if inside is not None:  # a worker of a pool waits for this call: its workers must not wait for that pool's
            pool |= inside.pools
        backend, traits, setup = self.backend, self.traits, self.options.setup
        workers = self.workers
        if traits.async_native and not self.is_async:
            return thread.Thread().open(workers=workers, setup=setup, pool=pool), True
        if traits.async_native or self.hosts_coroutines:
            from concur.backends.async_ import Async

            width = workers if traits.concurrent else 1
            native = backend if traits.async_native else Async()
            if self.native:
                return native.open(workers=width, setup=setup, pool=pool), True
            from concur._drive.hosts import LoopHost

            return LoopHost(lambda: native.open(workers=width, setup=setup, pool=pool), self.loop), True
        engine = backend.open(workers=workers, setup=setup, pool=pool)
        if (keep or self.asynchronous) and not traits.pushes and not traits.virtual_time:
            from concur._drive.hosts import DrivenHost

            return DrivenHost(engine), True
        return engine, traits.pushes

    def schedule(self, now: float) -> Schedule:
        """Make the schedule, with its clock at `now`."""
        from random import random

        from concur._core.plan import Plan
        from concur._core.schedule import Schedule

        options = self.options
        retry: Any = options.retry
        if isinstance(retry, int):
            from concur._core.retry import Retry

            retry = Retry(attempts=retry + 1) if retry else None
        plan = Plan(
            workers=self.workers if self.traits.concurrent or self.traits.virtual_time else 1,
            stream=self.stream,
            ordered=options.ordered or not self.stream,
            window=options.window,
            chunksize=options.chunksize,
            total=self.total,
            on_error=options.on_error,
            timeout=options.timeout,
            deadline=options.deadline,
            retry=retry,
        )
        return Schedule(plan, now, random)

    def work(self) -> Work:
        """Say what to open a session for."""
        from concur.backends import Work

        options = self.options
        return Work(
            fn=self.fn,
            is_async=self.is_async,
            workers=self.workers if self.traits.concurrent or self.traits.virtual_time else 1,
            timed=options.on_error == "collect",
            timeout=options.timeout,
            stop=options.on_error == "raise" and not options.retry,
            context=self.context,
            loop=self.loop,
            carry=tuple(options.context),
        )

    def showing(self, schedule: Schedule) -> Showing:
        """Show progress while the block runs: gives what to call after each report."""
        show: Show | None = None
        if self.options.progress is not None and self.options.progress is not False:
            from concur.observe.progress import show_for

            show = show_for(self.options.progress, self.total)
        return Showing(show, schedule)


class Showing:
    """Progress that is shown while the block runs. A class: contextlib's generators choke on frozen exceptions."""

    def __init__(self, show: Show | None, schedule: Schedule) -> None:
        self._show = show
        self._schedule = schedule

    def __enter__(self) -> Callable[[], object] | None:
        return None if self._show is None else self._tell

    def __exit__(self, *_: object) -> None:
        if self._show is not None:
            self._tell()
            self._show.close()

    def _tell(self) -> None:
        if self._show is not None:
            self._show.tell(self._schedule)


def choose_backend(options: Options, is_async: bool) -> Backend:
    """Say which backend a mode means. `"auto"` is async for coroutine functions, serial in a worker, else threads."""
    mode = options.mode
    if mode == "auto":
        from concur._drive.state import current_worker

        inside = current_worker() is not None
        mode = "async" if is_async else "serial" if inside else "thread"
    return backend_of(mode)


def default_workers(backend: Backend, is_async: bool) -> int:
    """Say how many bodies run at once when nobody says it."""
    if not (backend.traits.concurrent or backend.traits.virtual_time):
        return 1
    if is_async:
        return DEFAULT_COROUTINES
    cpus = available_workers()
    waits = backend.traits.shares_memory and backend.traits.concurrent
    return min(32, cpus + 4) if waits else cpus  # threads mostly wait; the same bound as ThreadPoolExecutor's


def _length(items: Any) -> int | None:
    if not isinstance(items, Sized):
        return None
    try:
        return len(items)
    except Exception:
        return None
