"""The streams that the iter verbs give: context managers and iterators, which start nothing before they are asked."""

from __future__ import annotations

import atexit
import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from concur.errors import Closed, InvalidCall

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from concur._call import Call

R = TypeVar("R")

__all__ = ["AsyncResults", "Results"]

_open_streams: weakref.WeakSet[Results[Any]] = weakref.WeakSet()


class Results(Generic[R]):
    """The results of `iter_parallel`: an iterator, and a context manager that ends the run when it is left.

    Making it pulls and starts nothing; the first `next` does. Leaving the block, or `close()`, starts nothing more,
    ends what runs as the mode can, and returns when it has ended.
    """

    def __init__(self, call: Call, engine: Callable[[], tuple[Any, bool, bool]]) -> None:
        self._flat = self._items(call, engine)
        self._closed = False
        _open_streams.add(self)

    def __enter__(self) -> Results[R]:
        self._check()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._closed = True
            try:
                self._flat.throw(error)  # bodies that cannot be ended are left behind
            except BaseException as raised:
                if raised is not error:
                    raise
        else:
            self.close()

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        if self._closed:
            self._check()
        value: R = next(self._flat)
        return value

    def close(self) -> None:
        """End the run. Idempotent; without effect after its end."""
        self._closed = True
        self._flat.close()

    def _check(self) -> None:
        if self._closed:
            raise Closed("the stream is closed")

    @staticmethod
    def _items(call: Call, engine: Callable[[], tuple[Any, bool, bool]]) -> Any:
        batches = drive(call, engine)
        try:
            while True:
                yield from next(batches)
        except StopIteration as end:
            error: BaseException | None = end.value
        except (KeyboardInterrupt, SystemExit) as exc:
            batches.throw(exc)
            raise
        finally:
            batches.close()
        if error is not None:
            raise error  # a StopIteration becomes a RuntimeError here, as in every generator (PEP 479)


def drive(
    call: Call, open_engine: Callable[[], tuple[Any, bool, bool]]
) -> Generator[list[Any], None, BaseException | None]:
    """Run a call in this thread, as a generator of lists of results that returns the run's error.

    Args:
        call: The call.
        open_engine: Gives an engine, whether it pushes, and whether to close it at the end.
    """
    from concur._drive.sync import Run

    with ExitStack() as stack:
        engine, pushes, owned = open_engine()
        if owned:
            stack.callback(engine.close)
        schedule = call.schedule(engine.clock())
        told = stack.enter_context(call.showing(schedule))
        return (yield from Run(schedule, call.items, engine, call.work(), pushes=pushes, told=told).batches())


class AsyncResults(Generic[R]):
    """The results of `aiter_parallel`: an async context manager that gives an async iterator.

    Making and entering it pulls and starts nothing; the first `anext` does. Leaving the block starts nothing more,
    cancels what runs as the mode can, and returns when it has ended.
    """

    def __init__(self, call: Call, engine: Callable[[], tuple[Any, bool]]) -> None:
        self._call = call
        self._open_engine = engine
        self._run: Any = None
        self._batch: list[R] = []
        self._next = 0
        self._stack = ExitStack()
        self._state = "new"

    async def __aenter__(self) -> AsyncResults[R]:
        if self._state != "new":
            raise Closed("the stream is closed" if self._state == "closed" else "the stream is entered already")
        self._state = "open"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._state = "closed"
        self._batch = []
        run, self._run = self._run, None
        try:
            if run is not None:
                await run.__aexit__(kind, *rest)
        finally:
            self._stack.close()

    def __aiter__(self) -> AsyncResults[R]:
        if self._state == "new":
            raise InvalidCall(
                "iterate inside its block, so that it can be ended cleanly: "
                "async with concur.aiter_parallel(...) as results: async for value in results: ..."
            )
        return self

    async def __anext__(self) -> R:
        if self._next >= len(self._batch):
            await self._fill()
        value = self._batch[self._next]
        self._next += 1
        return value

    async def _fill(self) -> None:
        if self._state == "closed":
            raise Closed("the stream is closed")
        self.__aiter__()
        if self._run is None:
            run = self._start()
            await run.__aenter__()
            self._run = run
        self._batch, self._next = [], 0
        while not self._batch:
            try:
                batch = await self._run.batch()
            except StopAsyncIteration as exc:  # an item's: passed on, it would look like the end of the stream
                raise RuntimeError("an item raised StopAsyncIteration") from exc
            if batch is None:
                raise StopAsyncIteration
            self._batch = batch

    def _start(self) -> Any:
        from concur._drive.async_ import AsyncRun

        call = self._call
        engine, owned = self._open_engine()
        schedule = call.schedule(engine.clock())
        told = self._stack.enter_context(call.showing(schedule))
        return AsyncRun(
            schedule,
            call.items,
            engine,
            call.work(),
            native=call.native,
            owned=owned,
            stepped=call.traits.virtual_time,
            told=told,
        )


@atexit.register
def _close_all() -> None:
    # Later, when its generator is collected, daemon threads have stopped for good: it would wait for them for ever.
    for left in list(_open_streams):
        try:
            left.close()
        except ValueError:
            pass  # another thread is in the middle of it
