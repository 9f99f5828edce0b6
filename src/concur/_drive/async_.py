"""The async driver: carries out a schedule's steps in the caller's task, on asyncio or trio.

It waits and calls, and decides nothing. Its twin for plain threads is `sync.py`.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterable
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, create_task_group, get_cancelled_exc_class
from anyio.lowlevel import checkpoint_if_cancelled

from concur._core.steps import Breakdown, Cancel, Done, Emit, Pull, Recall, Report, Start, Wait
from concur._drive.loops import being_cancelled
from concur._drive.mailbox import Mailbox
from concur._drive.sync import Source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from anyio.abc import TaskGroup

    from concur._core.schedule import Schedule
    from concur.backends import Engine, Session, Work


class Feeder:
    """Takes items from an async iterable in a task of its own, never more than were asked for."""

    def __init__(self, iterable: AsyncIterable[Any], group: TaskGroup, mailbox: Mailbox[Any]) -> None:
        self._iterable = iterable
        self._group = group
        self._mailbox = mailbox
        self._items: list[Any] = []
        self._wanted = 0
        self._asked = Mailbox[None]()
        self._running = False
        self._ended = False
        self._error: BaseException | None = None
        self._close_error: Exception | None = None

    def pull(self, schedule: Schedule, count: int) -> None:
        """Tell the schedule what has come, or that nothing has yet; then the mailbox rings when something does."""
        if not self._items and not self._ended:
            self._wanted = count
            if not self._running:
                self._running = True
                self._group.start_soon(self._feed)
            self._asked.ring()
            schedule.pulled([])
            return
        if self._items:
            items, self._items = self._items[:count], self._items[count:]
            schedule.pulled(items)
        if self._ended and not self._items:
            schedule.exhausted(self._error)

    @property
    def has_news(self) -> bool:
        """Whether a pull would give something."""
        return bool(self._items) or self._ended

    async def _feed(self) -> None:
        iterator: AsyncIterator[Any] | None = None
        try:
            iterator = aiter(self._iterable)
            while True:
                while self._wanted <= 0:
                    await self._asked.wait(None)
                item = await anext(iterator)
                self._wanted -= 1
                self._items.append(item)
                self._mailbox.ring()
        except StopAsyncIteration:
            pass
        except (Exception, KeyboardInterrupt, SystemExit) as exc:
            self._error = exc
        except get_cancelled_exc_class() as exc:
            if being_cancelled():
                raise
            self._error = exc  # the source's own doing: it must not look like its end
        finally:
            self._ended = True
            self._mailbox.ring()
            if isinstance(iterator, AsyncGenerator):
                await self._close(iterator)  # pyright: ignore[reportUnknownArgumentType]  # of what it can be sent

    async def _close(self, iterator: AsyncGenerator[Any]) -> None:
        with CancelScope(shield=True):
            try:
                await iterator.aclose()
            except Exception as exc:  # raised here, it would leave in an ExceptionGroup
                self._close_error = exc

    def close(self) -> None:
        """Raise what the source's finaliser raised."""
        error, self._close_error = self._close_error, None
        if error is not None:
            raise error


class AsyncRun:
    """One run, driven by the task that enters it: an async context manager that gives lists of results.

    Args:
        schedule: What decides.
        items: The source, sync or async.
        engine: What has the workers: native to the loop, or one that pushes from threads.
        work: What to open the session for.
        native: Whether the engine runs on this loop.
        stepped: Whether the engine has a virtual clock: its `wait` is called when the run would wait.
        owned: Whether to close the engine at the end.
        told: Called after each report (for progress).
    """

    def __init__(
        self,
        schedule: Schedule,
        items: Iterable[Any] | AsyncIterable[Any],
        engine: Any,
        work: Work,
        *,
        native: bool,
        owned: bool,
        stepped: bool = False,
        told: Callable[[], object] | None = None,
    ) -> None:
        self._schedule = schedule
        self._items = items
        self._engine: Engine = engine
        self._work = work
        self._native = native
        self._owned = owned
        self._stepped = stepped
        self._told = told
        self._mailbox: Mailbox[Report | Breakdown] = Mailbox()
        self._done = False

    async def __aenter__(self) -> AsyncRun:
        deliver = self._mailbox.put
        if not self._native:
            self._mailbox.open_to_threads()
            deliver = self._mailbox.post
        try:
            self._session: Session = self._engine.session(self._work, deliver)
        except BaseException:
            if self._owned and not self._native:
                self._engine.close()
            raise
        self._group = create_task_group()
        await self._group.__aenter__()
        if self._native:
            native: Any = self._engine  # also a context manager
            await native.__aenter__()
        self._source: Source | Feeder
        if isinstance(self._items, AsyncIterable):
            self._source = Feeder(self._items, self._group, self._mailbox)
        else:
            self._source = Source(self._items, self._engine.clock)
        return self

    async def batch(self) -> list[Any] | None:
        """Drive until results are deliverable, and give them; None at the end.

        Raises:
            BaseException: The run's error, at its end.
        """
        schedule, session = self._schedule, self._session
        clock = self._engine.clock
        await checkpoint_if_cancelled()  # results that are ready would otherwise keep a cancellation out
        while not self._done:
            match schedule.next_step(clock()):
                case Start(job=job):
                    session.start(job)
                case Emit(values=values):
                    return values
                case Pull(count=count):
                    self._source.pull(schedule, count)
                case Wait(until=until):
                    await self._wait(until)
                case Recall(job=job):
                    session.recall(job)
                case Cancel(job=job, abandon=abandon):
                    session.cancel(job, abandon=abandon)
                case Done(error=error):
                    self._done = True
                    if error is not None:
                        await checkpoint_if_cancelled()  # the caller's cancellation wins over it
                        raise error
        return None

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End what runs, and come back when it has ended; the caller's cancellation waits meanwhile."""
        hard = kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit)
        try:
            with CancelScope(shield=True):
                await self._leave(abandon=hard)
        finally:
            try:
                if self._native:
                    native: Any = self._engine
                    await native.__aexit__(None, None, None)
            finally:
                self._group.cancel_scope.cancel()
                try:
                    await self._group.__aexit__(None, None, None)
                finally:
                    with CancelScope(shield=True):
                        await self._let_go()

    async def _let_go(self) -> None:
        if self._stepped:  # it may keep an event loop, which cannot be closed from inside another
            await call_in_thread(self._session.close)
        else:
            self._session.close()
        try:
            self._source.close()
        finally:
            if self._owned and not self._native:
                await call_in_thread(self._engine.close)

    async def _leave(self, *, abandon: bool) -> None:
        schedule, session = self._schedule, self._session
        if schedule.in_flight:
            schedule.stop(abandon=abandon)
        while schedule.in_flight:
            match schedule.next_step(self._engine.clock()):
                case Cancel(job=job, abandon=hard):
                    try:
                        session.cancel(job, abandon=hard)
                    except Exception:
                        if not abandon:
                            raise  # else as in the sync driver
                case Recall(job=job):
                    session.recall(job)
                case Wait(until=until) if not abandon:  # as in the sync driver
                    await self._wait(until)
                case _:
                    return

    async def _wait(self, until: float | None) -> None:
        schedule = self._schedule
        timeout = None if until is None else max(0.0, until - self._engine.clock())
        if not self._source_has_news() and not self._mailbox:
            if self._stepped and schedule.in_flight:
                await call_in_thread(lambda: self._engine.wait(timeout))
            elif self._stepped and timeout is not None:
                self._engine.wait(timeout)
            else:
                await self._mailbox.wait(timeout)
        if self._source_has_news():
            schedule.ready()
        reports = self._mailbox.take()
        now = self._engine.clock()
        for report in reports:
            schedule.reported(report, now)
        if reports and self._told is not None:
            self._told()

    def _source_has_news(self) -> bool:
        return self._schedule.dry and isinstance(self._source, Feeder) and self._source.has_news


async def call_in_thread(function: Callable[[], object]) -> None:
    """Call a function that may take its time in a thread of its own, and wait for it."""
    ended = Mailbox[BaseException | None]()
    ended.open_to_threads()

    def run() -> None:
        try:
            function()
        except BaseException as exc:
            ended.post(exc)
        else:
            ended.post(None)

    thread = threading.Thread(target=run, name="concur-helper", daemon=True)
    thread.start()
    with CancelScope(shield=True):
        await ended.wait(None)
    thread.join()
    for error in ended.take():
        if error is not None:
            raise error
