"""Thread mode: our own named daemon threads, which pull jobs from one queue. One wake-up per job, no polling.

What a worker does with a job is `_drive.worker`'s; when a job is started, recalled or cancelled, the schedule's.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from concur._core.steps import Breakdown
from concur._drive.names import name_for_system
from concur._drive.state import WorkerState
from concur._drive.worker import Batch, clock, run_batch
from concur.backends import Deliver, Job, Traits, Work
from concur.errors import Closed, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    Ticket: TypeAlias = "tuple[ThreadSession, Batch] | None"

__all__ = ["Thread"]


class Thread:
    """The backend of `mode="thread"`."""

    name = "thread"
    traits: Traits = Traits(on_timeout="abandon", pushes=True)

    def open(self, *, workers: int, setup: Callable[[], object] | None, pool: frozenset[int]) -> ThreadEngine:
        return ThreadEngine(workers, setup, pool)


class ThreadEngine:
    """Keeps at most `workers` threads, each started when there are more jobs than threads.

    A thread that is abandoned (its body overran and cannot be stopped) no longer counts; it ends with its body.
    """

    def __init__(self, workers: int, setup: Callable[[], object] | None, pool: frozenset[int]) -> None:
        self._workers = workers
        self._setup = setup
        self._pool = pool
        self._tickets: SimpleQueue[Ticket] = SimpleQueue()
        self._lock = threading.Lock()
        self._names = iter(range(1 << 62))
        self._threads: dict[str, threading.Thread] = {}  # alive and not abandoned
        self._pending = 0  # tickets that are queued or in work
        self._closed = False
        self._sessions: set[ThreadSession] = set()

    def session(self, work: Work, deliver: Deliver) -> ThreadSession:
        session = ThreadSession(self, work, deliver)
        with self._lock:
            self._sessions.add(session)
        return session

    def forget(self, session: ThreadSession) -> None:
        """A session is closed."""
        with self._lock:
            self._sessions.discard(session)

    def clock(self) -> float:
        return clock()

    def wait(self, timeout: float | None) -> None:
        raise AssertionError("thread workers push their reports")

    def wake(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            threads = list(self._threads.values())
            sessions = list(self._sessions)
        for session in sessions:
            session.deliver(Breakdown(Closed("the pool was closed while the call ran")))
        for _ in threads:
            self._tickets.put(None)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join()

    def put(self, session: ThreadSession, batch: Batch) -> None:
        """Queue a batch, and start a thread for it if there are fewer than there is work for."""
        with self._lock:
            if self._closed:
                raise Closed("the pool is closed")
            self._pending += 1
            self._grow()
        self._tickets.put((session, batch))

    def settled(self) -> None:
        """Count a ticket out. Called before its report is delivered, so that the next job finds the worker idle."""
        with self._lock:
            self._pending -= 1

    def abandon(self, worker: str) -> None:
        """Let go of a thread whose body cannot be stopped; another takes its place if work is waiting."""
        with self._lock:
            self._pending -= 1
            self._threads.pop(worker, None)
            if not self._closed:
                self._grow()

    def _grow(self) -> None:
        if len(self._threads) >= min(self._workers, self._pending):
            return
        name = f"concur-thread-{next(self._names)}"
        thread = threading.Thread(target=self._run, args=(name,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as exc:
            if not self._threads:
                self._pending -= 1
                raise Unsupported(f"the system refused to start a first worker thread: {exc}") from exc
            return  # fewer workers than asked for, but some
        self._threads[name] = thread

    def _run(self, name: str) -> None:
        """Be a worker."""
        name_for_system(name)
        state = WorkerState(name, self._pool)
        broken: BaseException | None = None
        try:
            state.set_up(self._setup)
        except BaseException as exc:  # a thread that just ended would leave its jobs to nobody
            broken = exc
        try:
            while (ticket := self._tickets.get()) is not None:
                session, batch = ticket
                if broken is None:
                    try:
                        session.run(batch, state)
                    except BaseException as exc:  # not an item's: no memory, or a fault of ours
                        session.deliver(Breakdown(exc))
                else:
                    self.settled()
                    session.deliver(Breakdown(broken))
                if batch.orphaned:
                    return
                del ticket, session, batch  # an idle worker keeps nothing of the user's alive
            self._tickets.put(None)  # for the others: Ctrl-C may have kept one off the list that is counted
        finally:
            state.close()


class ThreadSession:
    """One call on a `ThreadEngine`."""

    def __init__(self, engine: ThreadEngine, work: Work, deliver: Deliver) -> None:
        self.deliver = deliver
        self._engine = engine
        self._work = work

    def start(self, job: Job) -> None:
        job.state = Batch(job, timed=self._work.timed)
        self._engine.put(self, job.state)

    def run(self, batch: Batch, state: WorkerState) -> None:
        """Run a batch in this thread, a worker's."""
        work = self._work
        if batch.begin(state.name):
            base = state.context(work.context)
            run_batch(batch, work.fn, base, stop=work.stop, clocked=work.timeout is not None)
        report = batch.end()
        if not batch.orphaned:
            self._engine.settled()
        if report is not None:
            self.deliver(report)

    def recall(self, job: Job) -> None:
        batch: Batch = job.state
        with batch.lock:  # until it is delivered: the worker's last report must not overtake it
            report = batch.recall()
            if report is not None:
                self.deliver(report)

    def cancel(self, job: Job, *, abandon: bool) -> None:
        batch: Batch = job.state
        report = batch.cancel(abandon=abandon)
        if report is not None:
            if report.abandoned:
                self._engine.abandon(batch.worker)
            self.deliver(report)

    def close(self) -> None:
        self._engine.forget(self)
