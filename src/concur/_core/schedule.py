"""The schedule: the one place that decides what happens next in a run, in every mode.

It is told facts (`pulled`, `exhausted`, `reported`, `stop`) and asked `next_step(now)`. It never waits, never calls
the user's code, and knows no clock, thread or event loop: time and randomness are arguments. See README.md.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from concur._core.backlog import Backlog
from concur._core.chunking import MOST_ITEMS, MOST_ITEMS_LISTED, Chunking
from concur._core.delivery import Ordered, Unordered
from concur._core.outcome import BAD, Cancelled, Failure, Ok, annotate
from concur._core.steps import Breakdown, Cancel, Done, Emit, Job, Pull, Recall, Report, Start, Step, Wait
from concur.errors import DeadlineExceeded, ItemCancelled, ItemTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from concur._core.retry import Retry

GRACE = 0.05  # seconds after which a running job must give back what it has not started
LOOKAHEAD = 8  # jobs a worker that a stream without a window may run ahead of a stuck head
LEAST_LOOKAHEAD = 16  # items
STALE_ALARMS = 4  # for each job that can be in flight; more are cleared out, as one that is due late keeps them

OnError: TypeAlias = Literal["raise", "group", "collect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is to obey.

    Attributes:
        workers: Bodies that may run at once.
        stream: Whether results go to a consumer one by one, so that memory asks for a window.
        window: Items that may be pulled and not delivered; None: unbounded for a list, a few jobs for a stream.
        chunksize: Items of a job; None: by measured durations.
        total: Number of items, if known.
        timeout: Seconds a body may run.
        deadline: Seconds the run may take.
    """

    workers: int
    stream: bool = False
    ordered: bool = True
    window: int | None = None
    chunksize: int | None = None
    total: int | None = None
    on_error: OnError = "raise"
    timeout: float | None = None
    deadline: float | None = None
    retry: Retry | None = None


class Schedule:
    """The state of one run. `check()` states its invariants.

    Attributes:
        done: Items that have their final outcome, failed ones included.
        failed: Items whose final outcome is a failure.
        retried: Attempts beyond the first that were decided on.
    """

    def __init__(self, plan: Plan, now: float = 0.0, random: Callable[[], float] = lambda: 0.0) -> None:
        self.plan = plan
        self.done: int = 0
        self.failed: int = 0
        self.retried: int = 0
        self._random = random
        self._limit = 2 * plan.workers  # jobs in flight: one that runs and one that waits, for each worker
        self._chunking = Chunking(plan.chunksize, self._limit, MOST_ITEMS if plan.stream else MOST_ITEMS_LISTED)
        self._delivery: Ordered | Unordered = Ordered() if plan.ordered else Unordered()
        self._backlog = Backlog()
        self._deadline = None if plan.deadline is None else now + plan.deadline
        self._pulled = 0
        self._dry = False  # the source had nothing yet
        self._exhausted = False
        self._jobs: dict[Job, None] = {}  # in flight, in the order of their start
        self._waiting: deque[Job] = deque()  # in flight, behind the running ones
        self._running = 0
        self._orders: deque[Recall | Cancel] = deque()  # decided, not yet carried out
        self._alarms: list[tuple[float, int, Job]] = []
        self._alarm_count = 0
        self._bound: int | None = None  # smallest index with an error that ends the run
        self._error: BaseException | None = None  # that error
        self._errors: dict[int, BaseException] = {}  # on_error="group"
        self._stopped: Literal["consumer", "deadline", "breakdown"] | None = None
        self._abandoned = 0

    # -- facts --------------------------------------------------------------------------------------------------

    def pulled(self, items: list[Any]) -> None:
        """The source gave `items`; none means that it has nothing yet, and `ready` will say when it has."""
        if not items:
            self._dry = True
            return
        start = self._pulled
        self._pulled += len(items)
        if self._stopped:
            self._unrun(start, items, 0)
        else:
            self._backlog.push(start, items)

    def ready(self) -> None:
        """A source that had nothing has something again."""
        self._dry = False

    def exhausted(self, error: BaseException | None = None) -> None:
        """The source has ended; with `error`, it failed, which counts as a failure at the next index."""
        self._exhausted = True
        self._dry = False
        if error is None or self._stopped in ("consumer", "breakdown"):
            return
        if self.plan.on_error == "group":
            self._errors[self._pulled] = error
        else:
            self._end_at(self._pulled, error)

    def reported(self, report: Report | Breakdown, now: float) -> None:
        """A session told how far a job has come, or that it has broken down."""
        if isinstance(report, Breakdown):
            self._error = report.error if self._error is None else self._error
            self._halt("breakdown", abandon=True)
            return
        job = report.job
        if job not in self._jobs:
            return
        first, done = job.start + job.done, job.done
        job.done += len(report.values)
        if report.rest:
            cut = len(job.items) - report.rest
            self._give_back(job.start + cut, job.items[cut:], job.attempt)
            del job.items[cut:]
        self._chunking.measured(len(report.values), report.seconds)
        self._abandoned += report.abandoned
        self._settle(job, first, done, report, now)
        if report.over:
            self._end(job, now)
        else:
            self._running_on(job, report, now)

    def stop(self, *, abandon: bool = False) -> None:
        """The consumer has left: end what runs, deliver nothing more. A second call may add `abandon`."""
        self._halt("consumer", abandon=abandon)

    # -- the question -------------------------------------------------------------------------------------------

    def next_step(self, now: float) -> Step:
        """Say what to do next. Ask again after it is done, or after a `Wait` once something was told or time passed."""
        if self._deadline is not None and now >= self._deadline:
            self._expire()
        while self._orders:
            order = self._orders.popleft()
            if order.job in self._jobs:
                return order
        if self._stopped is None:
            self._backlog.wake(now)
            if self._backlog.ready and self._has_place():
                return Start(self._start(now))
        if self._stopped is None or self._stopped == "deadline":
            values = self._delivery.take()
            if values is not None:
                return Emit(values)
            count = self._wanted()
            if count > 0:
                return Pull(count)
        alarm = self._ring(now)
        if alarm is not None:
            return alarm
        if self._finished():
            return Done(self._verdict())
        return Wait(self._next_alarm())

    @property
    def delivered(self) -> int:
        """How many items the consumer has had, or that were passed over."""
        return self._delivery.delivered

    @property
    def dry(self) -> bool:
        """Whether the source had nothing, and `ready` is awaited."""
        return self._dry

    @property
    def in_flight(self) -> int:
        """How many jobs sessions hold."""
        return len(self._jobs)

    # -- starting -----------------------------------------------------------------------------------------------

    def _has_place(self) -> bool:
        """Say whether one more job may be in flight."""
        if self.plan.workers == 1 and any(job.left > 1 for job in self._jobs):
            return False  # what that job may give back comes first: one worker runs the items in index order
        return len(self._jobs) < self._limit

    def _start(self, now: float) -> Job:
        idle = self.plan.workers - self._running
        size = self._chunking.size(None)
        start, items, attempt = self._backlog.take(size, idle)
        job = Job(start, items, attempt)
        self._jobs[job] = None
        if idle > 0:
            self._begin(job, now)
        else:
            self._waiting.append(job)
        return job

    def _begin(self, job: Job, now: float) -> None:
        self._running += 1
        job.began = now
        self._watch(job, now)

    def _wanted(self) -> int:
        """How many items to pull now."""
        plan = self.plan
        if self._exhausted or self._dry or self._bound is not None:
            return 0
        ahead = self._pulled - self._delivery.delivered
        if self._stopped == "deadline":  # every item of a sized source gets its outcome
            if plan.on_error == "collect" and plan.total is not None:
                return min(plan.total - self._pulled, (plan.window or MOST_ITEMS) - ahead)
            return 0
        if not self._has_place():
            return 0
        size = self._chunking.size(None if plan.total is None else max(0, plan.total - self._pulled))
        if plan.window is not None:
            if plan.chunksize is None:
                size = min(size, max(1, plan.window // self._limit))
            size = min(size, plan.window - ahead)
        elif plan.stream:
            size = min(size, max(LEAST_LOOKAHEAD, LOOKAHEAD * plan.workers * size) - ahead)
        return size

    # -- results ------------------------------------------------------------------------------------------------

    def _settle(self, job: Job, first: int, done: int, report: Report, now: float) -> None:
        """Deliver or judge what a report says of the items from index `first` on."""
        values = report.values
        if not values or self._stopped in ("consumer", "breakdown"):
            return
        if self.plan.on_error == "collect":
            durations = report.durations or [0.0] * len(values)
            ok = [
                Ok(
                    index=first + at,
                    item=item,
                    value=value,
                    attempts=job.attempt,
                    duration=duration,
                    worker=report.worker,
                )
                for at, (item, value, duration) in enumerate(
                    zip(job.items[done : job.done], values, durations, strict=True)
                )
            ]
        else:
            ok = values
        at = 0
        for offset in sorted(report.failures or ()):
            self._succeed(first + at, ok[at:offset])
            at = offset + 1
            assert report.failures is not None
            self._fail(job, first + offset, job.items[done + offset], report.failures[offset], report, offset, now)
        self._succeed(first + at, ok[at:] if at else ok)

    def _succeed(self, start: int, results: list[Any]) -> None:
        self.done += len(results)
        self._delivery.add(start, results)

    def _fail(self, job: Job, index: int, item: Any, failure: Failure, report: Report, offset: int, now: float) -> None:
        """Try the item again, or give it its final outcome."""
        plan, kind, error = self.plan, failure.kind, failure.error
        if kind == "cancelled" and job.timing_out:
            kind = "timed_out"
        if kind == "timed_out" and plan.timeout is not None:
            error = ItemTimeout(index, plan.timeout)
        if kind == "cancelled":
            self._unrun(index, [item], job.attempt)
            return
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._end_at(index, error)
            return
        if plan.retry is not None and self._stopped is None and plan.retry.allows(error, job.attempt):
            self.retried += 1
            wait = plan.retry.delay(job.attempt, self._random() if plan.retry.jitter else 0.0)
            self._backlog.push_later(now + wait, index, item, job.attempt + 1)
            return
        annotate(error, index=index, item=item, worker=report.worker, attempt=job.attempt)
        self.done += 1
        self.failed += 1
        if plan.on_error == "raise":
            self._end_at(index, error)
        elif plan.on_error == "group":
            self._errors[index] = error
            self._delivery.skip(index)
        else:
            duration = report.durations[offset] if report.durations else 0.0
            outcome = BAD[kind](
                index=index,
                item=item,
                error=error,
                attempts=job.attempt,
                duration=duration,
                worker=report.worker,
            )
            self._delivery.add(index, [outcome])

    def _unrun(self, start: int, items: list[Any], attempt: int) -> None:
        """Give items that a deadline kept from ending their outcome, where outcomes are collected."""
        if self._stopped != "deadline" or self.plan.on_error != "collect":
            return
        deadline = self.plan.deadline
        results = [
            Cancelled(
                index=index,
                item=item,
                attempts=attempt,
                error=ItemCancelled(f"the call's deadline of {deadline:g} seconds passed before item {index} ended"),
            )
            for index, item in enumerate(items, start)
        ]
        self.failed += len(results)
        self._succeed(start, results)

    # -- the life of a job --------------------------------------------------------------------------------------

    def _give_back(self, start: int, items: list[Any], attempt: int) -> None:
        if self._stopped:
            self._unrun(start, items, attempt - 1)
        else:
            self._backlog.push(start, items, attempt, split=True)

    def _end(self, job: Job, now: float) -> None:
        self._jobs.pop(job, None)
        job.items = []  # an alarm may still hold the job
        if job.began is None:
            return
        self._running -= 1
        while self._waiting:
            following = self._waiting.popleft()
            if following in self._jobs:
                self._begin(following, now)
                break

    def _running_on(self, job: Job, report: Report, now: float) -> None:
        """Watch a job that was recalled and has not ended."""
        timeout = self.plan.timeout
        job.since = report.since
        if timeout is not None and report.since is not None:
            self._alarm(job, report.since + timeout)
        elif not (job.cancelled and timeout is None):
            self._watch(job, now)  # it had not begun

    def _cancel(self, job: Job, *, abandon: bool) -> None:
        job.cancelled = True
        job.abandoned = abandon
        self._orders.append(Cancel(job, abandon))

    # -- alarms -------------------------------------------------------------------------------------------------

    def _watch(self, job: Job, now: float) -> None:
        """Look at a job again when it must give back what it has not started, or its body may have overrun."""
        timeout = self.plan.timeout
        if job.left > 1:
            self._alarm(job, now + (GRACE if timeout is None else min(GRACE, timeout)))
        elif timeout is not None and job.left:
            self._alarm(job, now + timeout)

    def _alarm(self, job: Job, when: float) -> None:
        self._alarm_count += 1
        job.alarm = self._alarm_count
        heapq.heappush(self._alarms, (when, self._alarm_count, job))
        if len(self._alarms) > STALE_ALARMS * self._limit:
            self._alarms = [entry for entry in self._alarms if not self._stale(entry)]
            heapq.heapify(self._alarms)

    def _next_alarm(self) -> float | None:
        while self._alarms and self._stale(self._alarms[0]):
            heapq.heappop(self._alarms)
        times = [self._alarms[0][0]] if self._alarms else []
        if self._stopped is None and self._backlog.due is not None:
            times.append(self._backlog.due)
        if self._deadline is not None:
            times.append(self._deadline)
        return min(times, default=None)

    def _stale(self, entry: tuple[float, int, Job]) -> bool:
        _, number, job = entry
        return job.alarm != number or job.abandoned or job not in self._jobs

    def _ring(self, now: float) -> Recall | Cancel | None:
        """Give the order of an alarm that is due: recall the job, or end a body that has run for too long."""
        timeout = self.plan.timeout
        while self._alarms and self._alarms[0][0] <= now:
            entry = heapq.heappop(self._alarms)
            job = entry[2]
            if self._stale(entry) or (job.cancelled and timeout is None):
                continue
            if timeout is not None and job.since is not None and now >= job.since + timeout:
                job.timing_out = True
                self._cancel(job, abandon=True)
                return self._orders.popleft()
            return Recall(job)
        return None

    # -- ends ---------------------------------------------------------------------------------------------------

    def _end_at(self, index: int, error: BaseException) -> None:
        """Let the run end with `error` at `index`, once every earlier index has its outcome."""
        if self._bound is not None and index >= self._bound:
            return
        self._bound, self._error = index, error
        self._backlog.cut(index)
        self._delivery.cut(index)
        for job in self._jobs:
            if job.start + job.done > index and not job.cancelled:
                self._cancel(job, abandon=False)

    def _expire(self) -> None:
        """The deadline has passed: what runs is ended, and what did not end gets its outcome or the call its error."""
        self._deadline = None
        if self._stopped is None and self._undecided():
            self._halt("deadline", abandon=True)
            for index, item, attempt in self._backlog.clear():
                self._unrun(index, [item], attempt - 1)
        else:  # nothing that still runs is waited for
            for job in self._jobs:
                if not job.abandoned:
                    self._cancel(job, abandon=True)

    def _undecided(self) -> bool:
        """Say whether an item's outcome is still open."""
        if self._backlog or not (self._exhausted or self._bound is not None):
            return True
        return any(self._bound is None or job.start + job.done < self._bound for job in self._jobs)

    def _halt(self, why: Literal["consumer", "deadline", "breakdown"], *, abandon: bool) -> None:
        self._stopped = why  # the later reason wins: a consumer may leave after the deadline
        if why != "deadline":
            self._backlog.clear()
        for job in self._jobs:
            if not job.abandoned and (abandon or not job.cancelled):
                self._cancel(job, abandon=abandon)

    def _finished(self) -> bool:
        if self._jobs:
            return False
        if self._stopped is not None:
            return True
        over = self._exhausted or self._bound is not None
        return over and not self._backlog and not self._delivery.ready()

    def _verdict(self) -> BaseException | None:
        """Give the error that ends the run, or None."""
        plan = self.plan
        if self._stopped == "consumer":
            return None
        if self._stopped == "deadline" and not self._all_have_outcomes():
            assert plan.deadline is not None
            late = DeadlineExceeded(plan.deadline, abandoned=self._abandoned)
            late.results = self._delivery.held()
            late.__cause__ = self._error
            return late
        if self._error is None and self._errors:
            errors = [self._errors[index] for index in sorted(self._errors)]
            text = f"{len(errors)} of {self._pulled} items failed"
            return BaseExceptionGroup(text, errors)  # an ExceptionGroup when all are Exceptions
        return self._error

    def _all_have_outcomes(self) -> bool:
        complete = self._exhausted or self._pulled == self.plan.total
        return self.plan.on_error == "collect" and self._error is None and complete

    # -- invariants ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Assert the invariants that README.md lists. Slow: for tests."""
        plan = self.plan
        assert 0 <= self._delivery.delivered <= self._pulled, "delivered more than was pulled"
        if plan.window is not None and self._stopped not in ("consumer", "breakdown"):
            assert self._pulled - self._delivery.delivered <= plan.window, "pulled beyond the window"
        assert len(self._jobs) <= self._limit, "more jobs in flight than places"
        assert len(self._alarms) <= STALE_ALARMS * self._limit, "alarms pile up"
        begun = sum(job.began is not None for job in self._jobs)
        assert begun == self._running <= plan.workers, "more jobs running than workers"
        if begun < plan.workers:
            assert not any(job in self._jobs for job in self._waiting), "a worker idles while a job waits"
        assert all(0 <= job.done <= len(job.items) for job in self._jobs), "a job reported more items than it has"
        kept = self._delivery.indices() + self._backlog.indices()
        kept += [index for job in self._jobs for index in range(job.start + job.done, job.start + len(job.items))]
        assert len(kept) == len(set(kept)), "an index is in two places"
        if self._bound is not None:
            assert max(self._backlog.indices(), default=-1) < self._bound, "an index beyond the error would start"
        if plan.ordered and self._stopped is None:
            end = self._pulled if self._bound is None else min(self._bound, self._pulled)
            lost = set(range(self._delivery.delivered, end)) - set(kept)
            assert not lost, f"indices are lost: {sorted(lost)}"
