"""`pool(...)`: workers that are kept between calls, with the verbs as methods."""

from __future__ import annotations

import atexit
import threading
import weakref
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from concur._call import Call
from concur._options import Options, refuse_collect, resolve
from concur._stream import AsyncResults, Results
from concur.errors import Closed, InvalidCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
    from typing import Self, Unpack

    from concur._core.outcome import Outcome
    from concur._options import CallOptions, PoolOptions

T = TypeVar("T")
R = TypeVar("R")

__all__ = ["Pool", "pool"]

_numbers = count(1)
_open_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


class Pool:
    """Workers that are kept between calls. Make it with `pool(...)`; leave its block, or `close()`, to end them.

    Two calls at once share its workers and do not mix. A call from inside one of its own workers runs in that worker,
    one item at a time, so that nesting cannot deadlock. In process mode it may be sent to its workers, where it does
    the same. In async mode from async code, and in serial mode, a call has its own tasks: there is nothing to keep.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._number = next(_numbers)
        self._lock = threading.Lock()
        self._engines: dict[str, tuple[Any, bool]] = {}
        self._closed = False
        _open_pools.add(self)

    def __enter__(self) -> Self:
        self._check()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        self._check()
        return self

    async def __aexit__(self, *_: object) -> None:
        from anyio import CancelScope

        from concur._drive.async_ import call_in_thread

        with CancelScope(shield=True):
            await call_in_thread(self.close)

    def close(self) -> None:
        """End the workers. Idempotent. Calls that still run on them fail."""
        with self._lock:
            self._closed = True
            engines, self._engines = list(self._engines.values()), {}
        for engine, _ in engines:
            engine.close()

    @overload
    def run_parallel(
        self,
        fn: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T],
        *,
        on_error: Literal["collect"],
        **options: Unpack[CallOptions],
    ) -> list[Outcome[R]]: ...
    @overload
    def run_parallel(
        self,
        fn: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T],
        *,
        on_error: Literal["raise", "group"] = ...,
        **options: Unpack[CallOptions],
    ) -> list[R]: ...
    @overload
    def run_parallel(
        self, fn: Callable[[T], R], items: Iterable[T], *, on_error: Literal["collect"], **options: Unpack[CallOptions]
    ) -> list[Outcome[R]]: ...
    @overload
    def run_parallel(
        self,
        fn: Callable[[T], R],
        items: Iterable[T],
        *,
        on_error: Literal["raise", "group"] = ...,
        **options: Unpack[CallOptions],
    ) -> list[R]: ...
    def run_parallel(self, fn: Any, items: Any, **options: Any) -> Any:
        """As `concur.run_parallel`, on this pool's workers."""
        from concur._run import collect

        call = self._call("run_parallel", fn, items, options)
        return collect(call, lambda: self._engine(call))

    @overload
    def iter_parallel(
        self,
        fn: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T],
        *,
        on_error: Literal["collect"],
        ordered: bool = ...,
        **options: Unpack[CallOptions],
    ) -> Results[Outcome[R]]: ...
    @overload
    def iter_parallel(
        self,
        fn: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T],
        *,
        on_error: Literal["raise", "group"] = ...,
        ordered: bool = ...,
        **options: Unpack[CallOptions],
    ) -> Results[R]: ...
    @overload
    def iter_parallel(
        self,
        fn: Callable[[T], R],
        items: Iterable[T],
        *,
        on_error: Literal["collect"],
        ordered: bool = ...,
        **options: Unpack[CallOptions],
    ) -> Results[Outcome[R]]: ...
    @overload
    def iter_parallel(
        self,
        fn: Callable[[T], R],
        items: Iterable[T],
        *,
        on_error: Literal["raise", "group"] = ...,
        ordered: bool = ...,
        **options: Unpack[CallOptions],
    ) -> Results[R]: ...
    def iter_parallel(self, fn: Any, items: Any, **options: Any) -> Any:
        """As `concur.iter_parallel`, on this pool's workers."""
        call = self._call("iter_parallel", fn, items, options)
        results: Results[Any] = Results(call, lambda: self._engine(call))
        return results

    @overload
    async def arun_parallel(
        self,
        fn: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T] | AsyncIterable[T],
        *,
        on_error: Literal["collect"],
        **options: Unpack[CallOptions],
    ) -> list[Outcome[R]]: ...
    @overload
    async def arun_parallel(
        self,
        fn: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T] | AsyncIterable[T],
        *,
        on_error: Literal["raise", "group"] = ...,
        **options: Unpack[CallOptions],
    ) -> list[R]: ...
    @overload
    async def arun_parallel(
        self,
        fn: Callable[[T], R],
        items: Iterable[T] | AsyncIterable[T],
        *,
        on_error: Literal["collect"],
        **options: Unpack[CallOptions],
    ) -> list[Outcome[R]]: ...
    @overload
    async def arun_parallel(
        self,
        fn: Callable[[T], R],
        items: Iterable[T] | AsyncIterable[T],
        *,
        on_error: Literal["raise", "group"] = ...,
        **options: Unpack[CallOptions],
    ) -> list[R]: ...
    async def arun_parallel(self, fn: Any, items: Any, **options: Any) -> Any:
        """As `concur.arun_parallel`, on this pool's workers."""
        from concur._run import acollect

        call = self._call("arun_parallel", fn, items, options)

        def engine() -> tuple[Any, bool]:
            opened, _, owned = self._engine(call)
            return opened, owned

        return await acollect(call, engine)

    @overload
    def aiter_parallel(
        self,
        fn: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T] | AsyncIterable[T],
        *,
        on_error: Literal["collect"],
        ordered: bool = ...,
        **options: Unpack[CallOptions],
    ) -> AsyncResults[Outcome[R]]: ...
    @overload
    def aiter_parallel(
        self,
        fn: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T] | AsyncIterable[T],
        *,
        on_error: Literal["raise", "group"] = ...,
        ordered: bool = ...,
        **options: Unpack[CallOptions],
    ) -> AsyncResults[R]: ...
    @overload
    def aiter_parallel(
        self,
        fn: Callable[[T], R],
        items: Iterable[T] | AsyncIterable[T],
        *,
        on_error: Literal["collect"],
        ordered: bool = ...,
        **options: Unpack[CallOptions],
    ) -> AsyncResults[Outcome[R]]: ...
    @overload
    def aiter_parallel(
        self,
        fn: Callable[[T], R],
        items: Iterable[T] | AsyncIterable[T],
        *,
        on_error: Literal["raise", "group"] = ...,
        ordered: bool = ...,
        **options: Unpack[CallOptions],
    ) -> AsyncResults[R]: ...
    def aiter_parallel(self, fn: Any, items: Any, **options: Any) -> Any:
        """As `concur.aiter_parallel`, on this pool's workers."""
        call = self._call("aiter_parallel", fn, items, options)

        def engine() -> tuple[Any, bool]:
            opened, _, owned = self._engine(call)
            return opened, owned

        results: AsyncResults[Any] = AsyncResults(call, engine)
        return results

    def __reduce__(self) -> tuple[Any, ...]:
        return (_in_worker, ())

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<concur.Pool mode={self._options.mode!r} workers={self._options.workers} {state}>"

    def _check(self) -> None:
        if self._closed:
            raise Closed("the pool is closed")

    def _call(self, verb: str, fn: Any, items: Any, given: dict[str, Any]) -> Call:
        from concur._drive.state import current_worker

        self._check()
        for name in ("mode", "workers", "setup", "options"):
            if name in given:
                raise InvalidCall(f"{name}= belongs to the pool, which has its workers: give it to concur.pool(...)")
        settled = self._options
        inside = current_worker()
        if inside is not None and self._number in inside.pools:
            settled = settled.having({"mode": "serial", "workers": 1, "setup": None})
        return Call(verb, fn, items, given, settled)

    def _engine(self, call: Call) -> tuple[Any, bool, bool]:
        """Give the engine for a call, whether it pushes, and whether the call is to close it."""
        self._check()
        if call.native or not (call.traits.concurrent or call.traits.async_native):
            return (*call.open_engine(), True)
        kind = f"loop {call.loop}" if call.hosts_coroutines or (call.traits.async_native and call.is_async) else "plain"
        with self._lock:
            self._check()
            if kind not in self._engines:
                self._engines[kind] = call.open_engine(frozenset({self._number}), keep=True)
                atexit.unregister(_close_all)
                atexit.register(_close_all)  # before what the engine's imports do at exit, as multiprocessing does
            return (*self._engines[kind], False)


def _in_worker() -> Pool:
    """Give what a pool becomes in a worker process: one that runs its calls in that worker."""
    return Pool(Options(mode="serial", workers=1))


def pool(**options: Unpack[PoolOptions]) -> Pool:
    """Keep workers between calls: a context manager with the four verbs as methods.

    Args:
        **options: Any option of `Options`. `mode`, `workers` and `setup` are the pool's; the others are defaults for
            its calls. `on_error="collect"` goes to the calls themselves.

    Returns:
        A `Pool`. Its workers start when a call needs them.

    Raises:
        InvalidOption, InvalidCall: An option is wrong, or is `on_error="collect"`, which changes what a call returns.

    Cancellation:
        Leaving the block ends the workers; bodies that still run are killed (processes) or waited for (threads).

    Examples:
        >>> import concur
        >>> with concur.pool(mode="thread", workers=2) as workers:
        ...     workers.run_parallel(abs, [-1, -2])
        ...     workers.run_parallel(str, [1, 2])
        [1, 2]
        ['1', '2']
    """
    settled = resolve(options)
    if settled.on_error == "collect":
        refuse_collect("pool(...)")
    return Pool(settled)


@atexit.register
def _close_all() -> None:
    for left in list(_open_pools):
        left.close()
