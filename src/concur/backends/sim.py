"""Simulated mode: workers, time, crashes and hangs are make-believe, and the order of events is chosen by the test.

Bodies run one after the other in the calling thread, each at the moment at which the simulation says that it ends.
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, Any

from concur._core.steps import Breakdown, Job, Report
from concur._drive.state import WorkerState
from concur._drive.worker import Batch, run_batch
from concur.backends import Deliver, Traits, Work
from concur.errors import InvalidOption, SetupFailed, Unsupported, WorkerCrashed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["Sim"]

TICK = 0.001  # virtual seconds that a body takes when no durations are given


class Sim:
    """The backend of `mode="sim"`: adversarial schedules on a virtual clock, for tests.

    Args:
        seed: Seeds the choices; the same seed gives the same run.
        choose: Takes a number of possibilities `k >= 1`, gives the one to take, from 0 to `k - 1`: for hypothesis
            (`lambda k: data.draw(integers(0, k - 1))`) or for going through all schedules. Instead of `seed`.
        duration: Virtual seconds that the body of an item takes, by its index. Without it, any running body may end
            next, and time passes by a millisecond at each end.
        crash: Indices whose worker dies at the first attempt, before the body has had an effect.
        hang: Indices whose body never ends: only `timeout`, `deadline` or the consumer's leaving ends it.

    Examples:
        >>> import concur
        >>> from concur.backends.sim import Sim
        >>> results = concur.run_parallel(abs, [-3, -2, -1], mode=Sim(seed=7, crash={1}), on_error="collect")
        >>> [type(result).__name__ for result in results]
        ['Ok', 'Crashed', 'Ok']
    """

    name = "sim"
    traits: Traits = Traits(
        concurrent=False, on_timeout="simulated", survives_crash=True, runs_coroutines=True, virtual_time=True
    )

    def __init__(
        self,
        seed: int = 0,
        *,
        choose: Callable[[int], int] | None = None,
        duration: Callable[[int], float] | None = None,
        crash: Collection[int] = (),
        hang: Collection[int] = (),
    ) -> None:
        if choose is not None and not callable(choose):
            raise InvalidOption(f"Sim(choose={choose!r}): must be a function from a count to a choice")
        self.choose: Callable[[int], int] = choose or random.Random(seed).randrange
        self.duration = duration
        self.crash: frozenset[int] = frozenset(crash)
        self.hang: frozenset[int] = frozenset(hang)

    def open(self, *, workers: int, setup: Callable[[], object] | None, pool: frozenset[int]) -> SimEngine:
        return SimEngine(self, workers, setup, pool)


class _Lane:
    """A simulated worker: the batch it has, its current item, and when that ends."""

    __slots__ = ("batch", "began", "ends", "index", "item", "session", "state")

    def __init__(self, state: WorkerState) -> None:
        self.state = state
        self.session: SimSession | None = None
        self.batch: Batch | None = None
        self.index = -1
        self.item: Any = None
        self.began = 0.0
        self.ends: float | None = None  # None: not decided by time


class SimEngine:
    """Runs the simulation inside `wait`."""

    def __init__(self, sim: Sim, workers: int, setup: Callable[[], object] | None, pool: frozenset[int]) -> None:
        self.sim = sim
        self.now: float = 0.0
        self._workers = workers
        self._setup = setup
        self._pool = pool
        self._lanes: list[_Lane] = []
        self._queue: deque[tuple[SimSession, Batch]] = deque()
        self._crashed: set[int] = set()
        self._woken = False

    def session(self, work: Work, deliver: Deliver) -> SimSession:
        return SimSession(self, work, deliver)

    def clock(self) -> float:
        return self.now

    def wake(self) -> None:
        self._woken = True

    def wait(self, timeout: float | None) -> None:
        """Let the next event happen, or `timeout` virtual seconds pass."""
        running = [lane for lane in self._lanes if lane.batch is not None]
        able = [lane for lane in running if lane.index not in self.sim.hang]
        limit = None if timeout is None else self.now + timeout
        if able and self.sim.duration is not None:
            first = min(lane.ends or 0.0 for lane in able)
            able = [lane for lane in able if (lane.ends or 0.0) <= first]
            if limit is not None and first > limit:
                able = []
        if able:
            lane = able[self.sim.choose(len(able))]
            self.now = max(self.now, lane.ends if lane.ends is not None else self.now + TICK)
            self._finish(lane)
        elif limit is not None:
            self.now = max(self.now, limit)
        elif self._woken:
            self._woken = False
        else:
            raise Unsupported(
                "the simulation stands still: every running body hangs, and there is no timeout or deadline"
            )

    def close(self) -> None:
        for lane in self._lanes:
            lane.state.close()

    def put(self, session: SimSession, batch: Batch) -> None:
        self._queue.append((session, batch))
        self._deal()

    def drop(self, batch: Batch) -> None:
        """Free the lane that had a batch which is over."""
        for lane in self._lanes:
            if lane.batch is batch:
                self._free(lane)
        self._deal()

    def _deal(self) -> None:
        while self._queue:
            session, batch = self._queue[0]
            if batch.over:
                self._queue.popleft()
                continue
            lane = next((lane for lane in self._lanes if lane.batch is None), None)
            if lane is None:
                if len(self._lanes) == self._workers:
                    return
                lane = self._hire(session)
                if lane is None:
                    return
            self._queue.popleft()
            lane.session, lane.batch = session, batch
            batch.begin(lane.state.name)
            batch.started = self.now
            self._next_item(lane)

    def _hire(self, session: SimSession) -> _Lane | None:
        lane = _Lane(WorkerState(f"concur-sim-{len(self._lanes)}", self._pool))
        try:
            lane.state.set_up(self._setup)
        except SetupFailed as exc:
            session.deliver(Breakdown(exc))
            return None
        self._lanes.append(lane)
        return lane

    def _next_item(self, lane: _Lane) -> None:
        batch = lane.batch
        assert batch is not None
        assert lane.session is not None
        if not batch.todo:
            self._free(lane)
            _tell(lane.session, batch.end(), self.now)
            return
        lane.index = batch.job.start + len(batch.values)
        lane.item = batch.todo.popleft()
        lane.began = self.now
        batch.since = self.now
        duration = self.sim.duration
        lane.ends = None if duration is None else self.now + duration(lane.index)

    def _finish(self, lane: _Lane) -> None:
        """Let the current item of a lane end: run its body, or crash."""
        session, batch = lane.session, lane.batch
        assert session is not None
        assert batch is not None
        if lane.index in self.sim.crash and lane.index not in self._crashed:
            self._crashed.add(lane.index)
            self._free(lane)
            lane.state.close()
            self._lanes.remove(lane)
            _tell(session, batch.lose(WorkerCrashed(lane.index, -9), "crashed", now=self.now), self.now)
            self._deal()
            return
        alone = Batch(Job(lane.index, [lane.item]))
        alone.begin(lane.state.name)
        run_batch(alone, session.fn, lane.state.context(session.work.context))
        report = alone.end()
        assert report is not None
        if batch.durations is not None:
            batch.durations.append(self.now - lane.began)
        failure = (report.failures or {}).get(0)
        if failure is None:
            batch.values.append(report.values[0])
        else:
            batch.fail(failure.error, failure.kind, stop=session.work.stop)
        self._next_item(lane)
        self._deal()

    def _free(self, lane: _Lane) -> None:
        lane.batch = None
        lane.item = None


def _tell(session: SimSession, report: Report | None, now: float) -> None:
    """Deliver a report with virtual times."""
    if report is None:
        return
    batch: Batch = report.job.state
    report.seconds = max(0.0, now - batch.started)
    batch.started = now
    session.deliver(report)


class SimSession:
    """One call in a simulation."""

    def __init__(self, engine: SimEngine, work: Work, deliver: Deliver) -> None:
        self.work = work
        self.deliver = deliver
        self.fn: Callable[[Any], Any] = _awaited(work) if work.is_async else work.fn
        self._engine = engine

    def start(self, job: Job) -> None:
        job.state = Batch(job, timed=self.work.timed)
        self._engine.put(self, job.state)

    def recall(self, job: Job) -> None:
        _tell(self, job.state.recall(), self._engine.now)

    def cancel(self, job: Job, *, abandon: bool) -> None:
        del abandon  # a simulated body can always be ended
        batch: Batch = job.state
        report = batch.cancel(abandon=False) or batch.lose(now=self._engine.now)
        self._engine.drop(batch)
        _tell(self, report, self._engine.now)

    def close(self) -> None:
        close = getattr(self.fn, "close", None) if self.work.is_async else None
        if close is not None:
            close()


class _awaited:  # noqa: N801 - used as a function: makes a plain one of a coroutine function
    """Calls a coroutine function and runs it to its end, on a loop that is kept between calls."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._runner: Any = None

    def __call__(self, item: Any) -> Any:
        if self._work.loop == "trio":
            import trio

            return trio.run(self._work.fn, item)
        if self._runner is None:
            import asyncio

            self._runner = asyncio.Runner()
        from contextvars import copy_context

        return self._runner.run(self._work.fn(item), context=copy_context())

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()
