"""The verbs: `run_parallel` and its siblings. They check, choose, drive and shape; how that is done lives elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from concur._call import Call
from concur._stream import AsyncResults, Results, drive
from concur.errors import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
    from typing import Unpack

    from concur._core.outcome import Outcome
    from concur._options import OnError, RunOptions

T = TypeVar("T")
R = TypeVar("R")

__all__ = ["aiter_parallel", "arun_parallel", "iter_parallel", "run_parallel"]


@overload
def run_parallel(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    on_error: Literal["collect"],
    **options: Unpack[RunOptions],
) -> list[Outcome[R]]: ...
@overload
def run_parallel(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    on_error: Literal["raise", "group"] = ...,
    **options: Unpack[RunOptions],
) -> list[R]: ...
@overload
def run_parallel(
    fn: Callable[[T], R], items: Iterable[T], *, on_error: Literal["collect"], **options: Unpack[RunOptions]
) -> list[Outcome[R]]: ...
@overload
def run_parallel(
    fn: Callable[[T], R],
    items: Iterable[T],
    *,
    on_error: Literal["raise", "group"] = ...,
    **options: Unpack[RunOptions],
) -> list[R]: ...
def run_parallel(fn: Any, items: Any, **options: Any) -> Any:
    """Call `fn` with each item, many at a time, and return the results in the order of the items.

    The same call means the same in every mode: same results, order and error as `[fn(item) for item in items]`.

    Args:
        fn: Takes one item. A plain function or a coroutine function, in every mode. For several arguments see `unpack`.
        items: Any iterable; pulled lazily and once. Its generator is closed at the end of the run.
        on_error: `"raise"` (default): the error of the smallest failing index. `"group"`: run all, then an
            `ExceptionGroup` in index order. `"collect"`: an `Outcome` for each item, and no error.
        **options: See `Options` for each: `mode`, `workers` (bodies at once), `timeout` (seconds for one item),
            `deadline` (seconds for the call), `retry` (further attempts), `progress`, `chunksize` and `window` (items),
            `setup`, `context`, `options`.

    Returns:
        A new list: the values, or with `on_error="collect"` an `Outcome` for each item.

    Raises:
        Exception: An item's own error, unwrapped, with a note that names index, item, worker and attempt.
        ItemTimeout: An item ran for longer than `timeout`.
        WorkerCrashed: A worker process died while it ran an item.
        DeadlineExceeded: The call took longer than `deadline`; its `results` hold what had completed.
        InvalidOption, InvalidCall, Unsupported, NotTransferable: The call cannot work as written. No item has run.

    Cancellation:
        Ctrl-C raises `KeyboardInterrupt` after the running bodies were killed (processes), cancelled (tasks) or left
        behind (threads, which cannot be stopped and end with their body).

    Examples:
        >>> import concur
        >>> concur.run_parallel(len, ["a", "bb", "ccc"], mode="thread")
        [1, 2, 3]
    """
    call = Call("run_parallel", fn, items, options)
    return collect(call, lambda: (*call.open_engine(), True))


@overload
def iter_parallel(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    on_error: Literal["collect"],
    ordered: bool = ...,
    **options: Unpack[RunOptions],
) -> Results[Outcome[R]]: ...
@overload
def iter_parallel(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    on_error: Literal["raise", "group"] = ...,
    ordered: bool = ...,
    **options: Unpack[RunOptions],
) -> Results[R]: ...
@overload
def iter_parallel(
    fn: Callable[[T], R],
    items: Iterable[T],
    *,
    on_error: Literal["collect"],
    ordered: bool = ...,
    **options: Unpack[RunOptions],
) -> Results[Outcome[R]]: ...
@overload
def iter_parallel(
    fn: Callable[[T], R],
    items: Iterable[T],
    *,
    on_error: Literal["raise", "group"] = ...,
    ordered: bool = ...,
    **options: Unpack[RunOptions],
) -> Results[R]: ...
def iter_parallel(fn: Any, items: Any, **options: Any) -> Any:
    """Give the results one by one, while later items still run: lazily, and in bounded memory.

    Pulls at most `window` items beyond what was delivered, so a slow consumer slows the source, and endless sources
    are fine. The consumer's thread drives: nothing is pulled while it does not ask.

    Args:
        fn: As for `run_parallel`.
        items: As for `run_parallel`; may be endless.
        on_error: As for `run_parallel`. With `"raise"`, the results before the failing item are given first; with
            `"group"`, the results of all others, then the group.
        ordered: Whether results come in the order of the items (default), or as they are ready.
        **options: As for `run_parallel`.

    Returns:
        `Results`: an iterator, and a context manager that ends the run when it is left.

    Raises:
        Exception: At `next`, as `run_parallel` does at its end.
        Closed: At `next` after `close()`.

    Cancellation:
        Leaving the block or `close()` starts nothing more, ends what runs (kill or cancel; a thread's body is waited
        for), and closes the source.

    Examples:
        >>> import concur, itertools
        >>> with concur.iter_parallel(abs, itertools.count(-3), mode="thread", window=8) as results:
        ...     [next(results) for _ in range(4)]
        [3, 2, 1, 0]
    """
    call = Call("iter_parallel", fn, items, options)
    results: Results[Any] = Results(call, lambda: (*call.open_engine(), True))
    return results


@overload
async def arun_parallel(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    on_error: Literal["collect"],
    **options: Unpack[RunOptions],
) -> list[Outcome[R]]: ...
@overload
async def arun_parallel(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    on_error: Literal["raise", "group"] = ...,
    **options: Unpack[RunOptions],
) -> list[R]: ...
@overload
async def arun_parallel(
    fn: Callable[[T], R],
    items: Iterable[T] | AsyncIterable[T],
    *,
    on_error: Literal["collect"],
    **options: Unpack[RunOptions],
) -> list[Outcome[R]]: ...
@overload
async def arun_parallel(
    fn: Callable[[T], R],
    items: Iterable[T] | AsyncIterable[T],
    *,
    on_error: Literal["raise", "group"] = ...,
    **options: Unpack[RunOptions],
) -> list[R]: ...
async def arun_parallel(fn: Any, items: Any, **options: Any) -> Any:
    """`run_parallel` for coroutines: the same call under asyncio or trio, without blocking the loop in any mode.

    Args:
        fn: As for `run_parallel`. In async mode a coroutine function runs as tasks on the running loop, and a plain
            function in threads.
        items: An iterable or an async iterable. A plain iterable is pulled on the loop.
        on_error: As for `run_parallel`.
        **options: As for `run_parallel`.

    Returns:
        As `run_parallel`.

    Raises:
        Exception: As `run_parallel`.

    Cancellation:
        The framework's own: the running bodies are cancelled (tasks), killed (processes) or waited for (threads),
        then the cancellation goes on.

    Examples:
        >>> import asyncio, concur
        >>> async def double(n):
        ...     await asyncio.sleep(0)
        ...     return 2 * n
        >>> async def main():
        ...     return await concur.arun_parallel(double, [1, 2, 3])
        >>> asyncio.run(main())
        [2, 4, 6]
    """
    call = Call("arun_parallel", fn, items, options)
    return await acollect(call, lambda: (call.open_engine()[0], True))


@overload
def aiter_parallel(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    on_error: Literal["collect"],
    ordered: bool = ...,
    **options: Unpack[RunOptions],
) -> AsyncResults[Outcome[R]]: ...
@overload
def aiter_parallel(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    on_error: Literal["raise", "group"] = ...,
    ordered: bool = ...,
    **options: Unpack[RunOptions],
) -> AsyncResults[R]: ...
@overload
def aiter_parallel(
    fn: Callable[[T], R],
    items: Iterable[T] | AsyncIterable[T],
    *,
    on_error: Literal["collect"],
    ordered: bool = ...,
    **options: Unpack[RunOptions],
) -> AsyncResults[Outcome[R]]: ...
@overload
def aiter_parallel(
    fn: Callable[[T], R],
    items: Iterable[T] | AsyncIterable[T],
    *,
    on_error: Literal["raise", "group"] = ...,
    ordered: bool = ...,
    **options: Unpack[RunOptions],
) -> AsyncResults[R]: ...
def aiter_parallel(fn: Any, items: Any, **options: Any) -> Any:
    """`iter_parallel` for coroutines: an async context manager that gives an async iterator.

    It is a context manager so that a `break` or an error in the body ends the run at once, and not at some later
    garbage collection (PEP 789).

    Args:
        fn: As for `arun_parallel`.
        items: As for `arun_parallel`; may be endless.
        on_error: As for `iter_parallel`.
        ordered: As for `iter_parallel`.
        **options: As for `run_parallel`.

    Returns:
        `AsyncResults`, to be entered with `async with`.

    Raises:
        Exception: At `anext`, as `iter_parallel` does at `next`.
        InvalidCall: It is iterated without being entered.

    Cancellation:
        Leaving the block cancels what runs and waits for its end.

    Examples:
        >>> import asyncio, concur
        >>> async def main():
        ...     async with concur.aiter_parallel(abs, [-1, -2], mode="thread") as results:
        ...         return [value async for value in results]
        >>> asyncio.run(main())
        [1, 2]
    """
    call = Call("aiter_parallel", fn, items, options)
    results: AsyncResults[Any] = AsyncResults(call, lambda: (call.open_engine()[0], True))
    return results


def collect(call: Call, open_engine: Callable[[], tuple[Any, bool, bool]]) -> list[Any]:
    """Drive a call to its end in this thread, and give the list."""
    results: list[Any] = []
    batches = drive(call, open_engine)
    try:
        while True:
            results += next(batches)
    except StopIteration as end:
        error: BaseException | None = end.value
    if error is None:
        return results
    if isinstance(error, DeadlineExceeded):
        error.results = {**dict(enumerate(results)), **error.results}
    raise error


async def acollect(call: Call, open_engine: Callable[[], tuple[Any, bool]]) -> list[Any]:
    """Drive a call to its end in this task, and give the list."""
    from concur._drive.async_ import AsyncRun

    results: list[Any] = []
    engine, owned = open_engine()
    schedule = call.schedule(engine.clock())
    with call.showing(schedule) as told:
        run = AsyncRun(
            schedule,
            call.items,
            engine,
            call.work(),
            native=call.native,
            owned=owned,
            stepped=call.traits.virtual_time,
            told=told,
        )
        try:
            async with run:
                while (batch := await run.batch()) is not None:
                    results += batch
        except DeadlineExceeded as late:
            late.results = {**dict(enumerate(results)), **late.results}
            raise
    return results


if TYPE_CHECKING:
    _on_error: OnError  # the verbs' overloads spell its values out
