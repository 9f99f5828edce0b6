"""The jobs in flight: which of them run, which wait for a worker, and when each must be looked at again.

What becomes of their items is the schedule's.
"""

from __future__ import annotations

import heapq
from collections import deque

from concur._core.steps import Cancel, Job, Recall

GRACE = 0.05  # seconds after which a running job must give back what it has not started
STALE_ALARMS = 4  # for each job that can be in flight; more are cleared out, as one that is due late keeps them


class Flight:
    """The jobs that a session holds. Sessions begin jobs in the order of their start, so the first `workers` run.

    Attributes:
        jobs: All of them, in the order of their start.
        running: How many have a worker.
    """

    __slots__ = ("_alarms", "_numbers", "_orders", "_timeout", "_waiting", "_workers", "jobs", "places", "running")

    def __init__(self, workers: int, timeout: float | None) -> None:
        self.jobs: dict[Job, None] = {}
        self.running: int = 0
        self.places: int = 2 * workers  # one job that runs and one that waits, for each worker
        self._workers = workers
        self._timeout = timeout
        self._waiting: deque[Job] = deque()
        self._orders: deque[Cancel] = deque()  # decided, not yet carried out
        self._alarms: list[tuple[float, int, Job]] = []
        self._numbers = 0

    @property
    def idle(self) -> int:
        """How many workers have no job."""
        return self._workers - self.running

    def has_place(self) -> bool:
        """Say whether one more job may be in flight."""
        if self._workers == 1 and any(job.left > 1 for job in self.jobs):
            return False  # what that job may give back comes first: one worker runs the items in index order
        return len(self.jobs) < self.places

    def add(self, job: Job, now: float) -> None:
        """A job is started."""
        self.jobs[job] = None
        if self.idle > 0:
            self._begin(job, now)
        else:
            self._waiting.append(job)

    def remove(self, job: Job, now: float) -> None:
        """A job is over: its worker takes the next one."""
        del self.jobs[job]
        job.items = []  # an alarm may still hold the job
        if job.began is None:
            return
        self.running -= 1
        while self._waiting:
            following = self._waiting.popleft()
            if following in self.jobs:
                self._begin(following, now)
                break

    def recalled(self, job: Job, since: float | None, now: float) -> None:
        """A job has given back what it had not begun; its running body began at `since`, if somebody knows."""
        job.since = since
        if self._timeout is not None and since is not None:
            self._alarm(job, since + self._timeout)
        elif self._timeout is not None or not job.cancelled:
            self._watch(job, now)  # it had not begun

    def cancel(self, job: Job, *, abandon: bool) -> None:
        """Decide to end a job; `order` gives the step."""
        job.cancelled = True
        job.abandoned = abandon
        self._orders.append(Cancel(job, abandon))

    def order(self) -> Cancel | None:
        """Give the next decided cancellation of a job that is still in flight."""
        while self._orders:
            order = self._orders.popleft()
            if order.job in self.jobs:
                return order
        return None

    def ring(self, now: float) -> Recall | Cancel | None:
        """Give the step of an alarm that is due: recall the job, or end a body that has run for too long."""
        while self._alarms and self._alarms[0][0] <= now:
            entry = heapq.heappop(self._alarms)
            job = entry[2]
            if self._stale(entry) or (job.cancelled and self._timeout is None):
                continue
            if self._timeout is not None and job.since is not None and now >= job.since + self._timeout:
                job.timing_out = True
                self.cancel(job, abandon=True)
                return self.order()
            return Recall(job)
        return None

    def next_alarm(self) -> float | None:
        """Say when the next alarm is due."""
        while self._alarms and self._stale(self._alarms[0]):
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def check(self) -> None:
        """Assert the invariants of jobs in flight."""
        assert len(self.jobs) <= self.places, "more jobs in flight than places"
        assert len(self._alarms) <= STALE_ALARMS * self.places, "alarms pile up"
        begun = sum(job.began is not None for job in self.jobs)
        assert begun == self.running <= self._workers, "more jobs running than workers"
        if begun < self._workers:
            assert not any(job in self.jobs for job in self._waiting), "a worker idles while a job waits"
        assert all(0 <= job.done <= len(job.items) for job in self.jobs), "a job reported more items than it has"

    def indices(self) -> list[int]:
        """List the indices in flight that have no report (for invariants)."""
        return [index for job in self.jobs for index in range(job.start + job.done, job.start + len(job.items))]

    def _begin(self, job: Job, now: float) -> None:
        self.running += 1
        job.began = now
        self._watch(job, now)

    def _watch(self, job: Job, now: float) -> None:
        """Look at a job again when it must give back what it has not started, or its body may have overrun."""
        if job.left > 1:
            self._alarm(job, now + (GRACE if self._timeout is None else min(GRACE, self._timeout)))
        elif self._timeout is not None and job.left:
            self._alarm(job, now + self._timeout)

    def _alarm(self, job: Job, when: float) -> None:
        self._numbers += 1
        job.alarm = self._numbers
        heapq.heappush(self._alarms, (when, self._numbers, job))
        if len(self._alarms) > STALE_ALARMS * self.places:
            self._alarms = [entry for entry in self._alarms if not self._stale(entry)]
            heapq.heapify(self._alarms)

    def _stale(self, entry: tuple[float, int, Job]) -> bool:
        _, number, job = entry
        return job.alarm != number or job.abandoned or job not in self.jobs
