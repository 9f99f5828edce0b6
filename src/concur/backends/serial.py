"""Serial mode: the items run one after the other in the thread that asks for results. The oracle of the others."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

from concur._core.steps import Breakdown
from concur._drive.state import WorkerState
from concur._drive.worker import Batch, bounded, clock, run_batch
from concur.backends import Deliver, Job, Traits, Work
from concur.errors import SetupFailed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Serial"]


class Serial:
    """The backend of `mode="serial"`."""

    name = "serial"
    traits: Traits = Traits(concurrent=False, on_timeout="late")

    def open(self, *, workers: int, setup: Callable[[], object] | None, pool: frozenset[int]) -> SerialEngine:
        del workers  # one, whatever was asked
        return SerialEngine(setup, pool)


class SerialEngine:
    """Runs jobs inside `wait`."""

    def __init__(self, setup: Callable[[], object] | None, pool: frozenset[int]) -> None:
        self.state: WorkerState = WorkerState("concur-serial-0", pool)
        self.jobs: deque[tuple[SerialSession, Batch]] = deque()
        self._setup = setup
        self._ready = False
        self._wake = Event()

    def session(self, work: Work, deliver: Deliver) -> SerialSession:
        return SerialSession(self, work, deliver)

    def clock(self) -> float:
        return clock()

    def wait(self, timeout: float | None) -> None:
        if not self.jobs:
            self._wake.wait(bounded(timeout))
            self._wake.clear()
            return
        session, batch = self.jobs.popleft()
        if not self._ready:
            try:
                self.state.set_up(self._setup)
            except SetupFailed as exc:
                session.deliver(Breakdown(exc))
                return
            self._ready = True
        session.run(batch)

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        self.state.close()


class SerialSession:
    """One call in the caller's thread."""

    def __init__(self, engine: SerialEngine, work: Work, deliver: Deliver) -> None:
        self.deliver = deliver
        self._engine = engine
        self._work = work
        self._base = engine.state.context(work.context)

    def start(self, job: Job) -> None:
        job.state = Batch(job, timed=self._work.timed)
        self._engine.jobs.append((self, job.state))

    def run(self, batch: Batch) -> None:
        work = self._work
        alone = work.timeout is None and not work.timed
        if batch.begin(self._engine.state.name, alone=alone):
            run_batch(batch, work.fn, self._base, stop=work.stop, limit=work.timeout, alone=alone)
            report = batch.end()
            if report is not None:
                self.deliver(report)

    def recall(self, job: Job) -> None:
        report = job.state.recall()
        if report is not None:
            self.deliver(report)

    def cancel(self, job: Job, *, abandon: bool) -> None:
        report = job.state.cancel(abandon=abandon)
        if report is not None:
            self.deliver(report)

    def close(self) -> None:
        with suppress(ValueError):
            for entry in [entry for entry in self._engine.jobs if entry[0] is self]:
                self._engine.jobs.remove(entry)
