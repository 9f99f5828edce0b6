"""Async mode: worker tasks on the running event loop, asyncio's or trio's, that pull jobs. Never a task per item.

It runs coroutine functions only; a plain function in async mode runs in threads, so that the loop is never blocked.
"""

from __future__ import annotations

from collections import deque
from contextvars import Context, copy_context
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, Event, create_task_group, get_cancelled_exc_class
from anyio.lowlevel import checkpoint

from concur._core.steps import Breakdown, Report
from concur._drive.loops import being_cancelled
from concur._drive.state import WorkerState
from concur._drive.worker import Batch, clock, lose_running
from concur.backends import Deliver, Job, Traits, Work
from concur.errors import InvalidOption, MissingExtra, SetupFailed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Async"]

BREATH = 0.001  # seconds after which a worker lets the loop run others, when bodies do not suspend


class Async:
    """The backend of `mode="async"`.

    Args:
        loop: The event loop that a sync verb starts: `"asyncio"` or `"trio"`. Async verbs use the running one.
    """

    name = "async"
    traits: Traits = Traits(on_timeout="cancel", runs_coroutines=True, async_native=True)

    def __init__(self, loop: str = "asyncio") -> None:
        if loop not in ("asyncio", "trio"):
            raise InvalidOption(f"Async(loop={loop!r}): must be 'asyncio' or 'trio'")
        if find_spec(loop) is None:
            raise MissingExtra("Async(loop='trio') needs trio: pip install 'concur[trio]'")
        self.loop = loop

    def open(self, *, workers: int, setup: Callable[[], object] | None, pool: frozenset[int]) -> TaskEngine:
        return TaskEngine(workers, setup, pool)


class _Seat:
    """A parked worker task, and the batch it is woken for."""

    __slots__ = ("batch", "event")

    def __init__(self) -> None:
        self.batch: tuple[TaskSession, Batch] | None = None
        self.event = Event()


class TaskEngine:
    """Keeps at most `workers` tasks in one task group. An async context manager, entered by the driver's task."""

    def __init__(
        self,
        workers: int,
        setup: Callable[[], object] | None,
        pool: frozenset[int],
        state: WorkerState | None = None,
    ) -> None:
        self._workers = workers
        self._setup = setup
        self._state = state or WorkerState("concur-async-0", pool)
        self._queue: deque[tuple[TaskSession, Batch]] = deque()
        self._parked: list[_Seat] = []
        self._tasks = 0
        self._ready = False
        self._broken: SetupFailed | None = None
        self._group = create_task_group()

    async def __aenter__(self) -> TaskEngine:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._group.cancel_scope.cancel()
        try:
            await self._group.__aexit__(None, None, None)
        except BaseExceptionGroup as group:
            # Ctrl-C that landed between two bodies, in trio: it is to leave as a plain KeyboardInterrupt.
            interrupts, others = group.split(KeyboardInterrupt)
            if interrupts is None or others is not None:
                raise
            raise KeyboardInterrupt from None
        finally:
            self._state.close()

    def session(self, work: Work, deliver: Deliver) -> TaskSession:
        return TaskSession(self, work, deliver)

    def clock(self) -> float:
        return clock()

    def wait(self, timeout: float | None) -> None:
        raise AssertionError("tasks push their reports")

    def wake(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Its tasks end when its block is left."""

    def base(self, caller: Context) -> Context:
        """Give a context for a worker task."""
        return self._state.context(caller)

    @property
    def worker(self) -> str:
        """The name of the worker: all tasks share the loop's thread, and what is kept per worker."""
        return self._state.name

    def put(self, session: TaskSession, batch: Batch) -> None:
        """Give a batch to a parked task, to a new one, or to the queue."""
        if not self._ready:
            self._set_up()
        if self._broken is not None:
            session.deliver(Breakdown(self._broken))
        elif self._parked:
            seat = self._parked.pop()
            seat.batch = (session, batch)
            seat.event.set()
        elif self._tasks < self._workers:
            self._tasks += 1
            self._spawn(session, batch)
        else:
            self._queue.append((session, batch))

    def forget(self, session: TaskSession) -> None:
        """Drop what is queued for a session."""
        self._queue = deque(entry for entry in self._queue if entry[0] is not session)

    def _set_up(self) -> None:
        self._ready = True
        try:
            self._state.set_up(self._setup)
        except SetupFailed as exc:
            self._broken = exc

    def _spawn(self, session: TaskSession, batch: Batch) -> None:
        # A fresh copy of the caller's context: the task starts from it, whatever earlier items have set.
        self.base(session.work.context).run(self._group.start_soon, self._run, session, batch)

    async def _run(self, session: TaskSession, batch: Batch) -> None:
        """Be a worker task, until an item has changed the context or another session's batch needs its own."""
        base = copy_context()
        while True:
            if not batch.over:
                changed = await session.run(batch, base)
                if changed:
                    self._spawn(session, batch)
                    return
            following = self._queue.popleft() if self._queue else await self._park()
            if following[0] is not session:
                self._spawn(*following)
                return
            batch = following[1]

    async def _park(self) -> tuple[TaskSession, Batch]:
        seat = _Seat()
        self._parked.append(seat)
        await seat.event.wait()
        assert seat.batch is not None
        return seat.batch


class TaskSession:
    """One call on a `TaskEngine`."""

    def __init__(self, engine: TaskEngine, work: Work, deliver: Deliver) -> None:
        self.deliver = deliver
        self.work = work
        self._engine = engine
        self._scopes: dict[Batch, CancelScope] = {}

    def start(self, job: Job) -> None:
        job.state = Batch(job, timed=self.work.timed)
        self._engine.put(self, job.state)

    def recall(self, job: Job) -> None:
        self._tell(job.state.recall())

    def cancel(self, job: Job, *, abandon: bool) -> None:
        del abandon  # a task can always be cancelled
        batch: Batch = job.state
        self._tell(batch.cancel(abandon=False))
        scope = self._scopes.get(batch)
        if scope is not None:
            scope.cancel()
        else:
            self._tell(batch.lose())  # begun, and its task is gone or has not run yet

    def close(self) -> None:
        self._engine.forget(self)

    def _tell(self, report: Report | None) -> None:
        if report is not None:
            self.deliver(report)

    async def run(self, batch: Batch, base: Context) -> bool:
        """Run a batch in this task. True: an item has changed the context, and the rest needs a fresh task."""
        if not batch.worker:  # else another task began it, whose context an item has changed
            batch.begin(self._engine.worker)
        try:
            with CancelScope() as scope:
                self._scopes[batch] = scope
                try:
                    if await self._run_items(batch, base):
                        return True
                finally:
                    del self._scopes[batch]
        except BaseException:  # not the scope's own cancellation: all tasks are, and this one will not come back
            self._tell(batch.lose())
            raise
        running = batch.kept > len(batch.values)
        report = batch.end()
        if report is not None:
            if running:  # the scope was cancelled while its body ran
                lose_running(report, batch.since, now=clock())
            self.deliver(report)
        return False

    async def _run_items(self, batch: Batch, base: Context) -> bool:
        fn, stop = self.work.fn, self.work.stop
        take, keep, durations = batch.todo.popleft, batch.values.append, batch.durations
        timed = durations is not None or self.work.timeout is not None
        cancelled = get_cancelled_exc_class()
        breath = clock() + BREATH
        while True:
            try:
                item = take()
            except IndexError:
                return False
            if timed:
                batch.since = clock()
            failed: BaseException | None = None
            value: Any = None
            try:
                value = await fn(item)
            except cancelled as exc:
                if being_cancelled():
                    raise
                failed = exc
            except BaseException as exc:
                failed = exc
            now = clock()
            if durations is not None:
                durations.append(now - (batch.since or now))
            if failed is None:
                keep(value)
            elif batch.fail(failed, stop=stop):
                return False
            try:
                if copy_context() != base:
                    return True
            except Exception:  # a variable's value refuses to be compared: it was changed
                return True
            if now > breath:
                await checkpoint()
                breath = clock() + BREATH
