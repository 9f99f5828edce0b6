"""The schedule: the one place that decides what happens next in a run, in every mode.

It is told facts (`pulled`, `exhausted`, `reported`, `stop`) and asked `next_step(now)`. It never waits, never calls
the user's code, and knows no clock, thread or event loop: time and randomness are arguments. See README.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from concur._core import shaping
from concur._core.backlog import Backlog
from concur._core.chunking import MOST_ITEMS, MOST_ITEMS_LISTED, Chunking
from concur._core.delivery import Ordered, Unordered
from concur._core.flight import Flight
from concur._core.outcome import annotate
from concur._core.steps import Breakdown, Done, Emit, Job, Pull, Report, Start, Step, Wait
from concur.errors import ItemTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from concur._core.outcome import Failure
    from concur._core.plan import Plan

LOOKAHEAD = 8  # jobs a worker that a stream without a window may run ahead of a stuck head
LEAST_LOOKAHEAD = 16  # items


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
        self._flight = flight = Flight(plan.workers, plan.timeout)
        self._chunking = Chunking(plan.chunksize, flight.places, MOST_ITEMS if plan.stream else MOST_ITEMS_LISTED)
        self._delivery: Ordered | Unordered = Ordered() if plan.ordered else Unordered()
        self._backlog = Backlog()
        self._deadline = None if plan.deadline is None else now + plan.deadline
        self._pulled = 0
        self._dry = False  # the source had nothing yet
        self._exhausted = False
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
            self._not_run(start, items, 0)
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
        if job not in self._flight.jobs:
            return
        done, job.done = job.done, job.done + len(report.values)
        if report.rest:
            cut = len(job.items) - report.rest
            self._give_back(job.start + cut, job.items[cut:], job.attempt)
            del job.items[cut:]
        self._chunking.measured(len(report.values), report.seconds)
        self._abandoned += report.abandoned
        try:
            self._settle(report, done, now)
        finally:  # whatever goes wrong, the job is not waited for
            if report.over:
                self._flight.remove(job, now)
        if not report.over:
            self._flight.recalled(job, report.since, now)

    def stop(self, *, abandon: bool = False) -> None:
        """The consumer has left: end what runs, deliver nothing more. A second call may add `abandon`."""
        self._halt("consumer", abandon=abandon)

    # -- the question -------------------------------------------------------------------------------------------

    def next_step(self, now: float) -> Step:
        """Say what to do next. Ask again after it is done, or after a `Wait` once something was told or time passed."""
        if self._deadline is not None and now >= self._deadline:
            self._expire()
        order = self._flight.order()
        if order is not None:
            return order
        if self._stopped is None:
            self._backlog.wake(now)
            if self._backlog.ready and self._flight.has_place():
                return Start(self._start(now))
        if self._stopped is None or self._stopped == "deadline":
            values = self._delivery.take()
            if values is not None:
                return Emit(values)
            count = self._wanted()
            if count > 0:
                return Pull(count)
        alarm = self._flight.ring(now)
        if alarm is not None:
            return alarm
        if self._finished():
            return Done(self._verdict())
        return Wait(self._next_time())

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
        return len(self._flight.jobs)

    # -- starting -----------------------------------------------------------------------------------------------

    def _start(self, now: float) -> Job:
        job = Job(*self._backlog.take(self._chunking.size(None), self._flight.idle))
        self._flight.add(job, now)
        return job

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
        if not self._flight.has_place():
            return 0
        size = self._chunking.size(None if plan.total is None else max(0, plan.total - self._pulled))
        if plan.window is not None:
            if plan.chunksize is None:
                size = min(size, max(1, plan.window // self._flight.places))
            size = min(size, plan.window - ahead)
        elif plan.stream:
            size = min(size, max(LEAST_LOOKAHEAD, LOOKAHEAD * plan.workers * size) - ahead)
        return size

    def _give_back(self, start: int, items: list[Any], attempt: int) -> None:
        if self._stopped:
            self._not_run(start, items, attempt - 1)
        else:
            self._backlog.push(start, items, attempt, split=True)

    def _next_time(self) -> float | None:
        """When something is to be decided even if nothing is told."""
        retry = self._backlog.due if self._stopped is None else None
        times = (self._flight.next_alarm(), retry, self._deadline)
        return min((time for time in times if time is not None), default=None)

    # -- results ------------------------------------------------------------------------------------------------

    def _settle(self, report: Report, done: int, now: float) -> None:
        """Deliver or judge what a report says of its job's items from the offset `done` on."""
        if not report.values or self._stopped in ("consumer", "breakdown"):
            return
        job, good = report.job, report.values
        first = job.start + done
        if self.plan.on_error == "collect":
            good = shaping.successes(report, first, job.items[done : job.done])
        if not report.failures:
            self._succeed(first, good)
            return
        at = 0
        for offset in sorted(report.failures):
            self._succeed(first + at, good[at:offset])
            self._fail(report, offset, first + offset, job.items[done + offset], report.failures[offset], now)
            at = offset + 1
        self._succeed(first + at, good[at:])

    def _succeed(self, start: int, results: list[Any]) -> None:
        self.done += len(results)
        self._delivery.add(start, results)

    def _fail(self, report: Report, offset: int, index: int, item: Any, failure: Failure, now: float) -> None:
        """Try the item again, or give it its final outcome."""
        plan, job, kind, error = self.plan, report.job, failure.kind, failure.error
        if kind == "cancelled" and job.timing_out:
            kind = "timed_out"
        if kind == "timed_out" and plan.timeout is not None:
            error = ItemTimeout(index, plan.timeout)
        if kind == "cancelled":
            duration = report.durations[offset] if report.durations else 0.0
            self._not_run(index, [item], job.attempt, report.worker, duration)
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
            self._delivery.add(index, [shaping.failure(report, offset, index, item, kind, error)])

    def _not_run(self, start: int, items: list[Any], attempts: int, worker: str = "", duration: float = 0.0) -> None:
        """Give items that a deadline kept from ending their outcome, where outcomes are collected."""
        if self._stopped == "deadline" and self.plan.on_error == "collect":
            self.failed += len(items)
            self._succeed(start, shaping.not_run(start, items, attempts, self.plan, worker, duration))

    # -- ends ---------------------------------------------------------------------------------------------------

    def _end_at(self, index: int, error: BaseException) -> None:
        """Let the run end with `error` at `index`, once every earlier index has its outcome."""
        if self._bound is not None and index >= self._bound:
            return
        self._bound, self._error = index, error
        self._backlog.cut(index)
        self._delivery.cut(index)
        for job in reversed(self._flight.jobs):  # what waits goes first, as in `_cancel_all`
            if job.start + job.done > index and not job.cancelled:
                self._flight.cancel(job, abandon=False)

    def _expire(self) -> None:
        """The deadline has passed: what runs is ended, and what did not end gets its outcome or the call its error."""
        self._deadline = None
        if self._stopped is None and self._undecided():
            self._halt("deadline", abandon=True)
            for index, item, attempt in self._backlog.clear():
                self._not_run(index, [item], attempt - 1)
        else:  # nothing that still runs is waited for
            self._cancel_all(abandon=True)

    def _undecided(self) -> bool:
        """Say whether an item's outcome is still open."""
        if self._backlog or not (self._exhausted or self._bound is not None):
            return True
        return any(self._bound is None or job.start + job.done < self._bound for job in self._flight.jobs)

    def _halt(self, why: Literal["consumer", "deadline", "breakdown"], *, abandon: bool) -> None:
        self._stopped = why  # the later reason wins: a consumer may leave after the deadline
        if why != "deadline":
            self._backlog.clear()
        self._cancel_all(abandon=abandon)

    def _cancel_all(self, *, abandon: bool) -> None:
        # What waits goes first: else the worker that replaces an abandoned one would start it.
        for job in reversed(self._flight.jobs):
            if not job.abandoned and (abandon or not job.cancelled):
                self._flight.cancel(job, abandon=abandon)

    def _finished(self) -> bool:
        if self._flight.jobs:
            return False
        if self._stopped is not None:
            return True
        over = self._exhausted or self._bound is not None
        return over and not self._backlog and not self._delivery.ready()

    def _verdict(self) -> BaseException | None:
        """Give the error that ends the run, or None."""
        if self._stopped == "consumer":
            return None
        if self._stopped == "deadline" and not self._all_have_outcomes():
            return shaping.too_late(self.plan, self._delivery.held(), self._abandoned, self._error)
        if self._error is None and self._errors:
            return shaping.group(self._errors, self._pulled)
        return self._error

    def _all_have_outcomes(self) -> bool:
        complete = self._exhausted or self._pulled == self.plan.total
        return self.plan.on_error == "collect" and self._error is None and complete

    # -- invariants ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Assert the invariants that README.md lists. Slow: for tests."""
        plan, delivered = self.plan, self._delivery.delivered
        assert 0 <= delivered <= self._pulled, "delivered more than was pulled"
        if plan.window is not None and self._stopped not in ("consumer", "breakdown"):
            assert self._pulled - delivered <= plan.window, "pulled beyond the window"
        self._flight.check()
        kept = self._delivery.indices() + self._backlog.indices() + self._flight.indices()
        assert len(kept) == len(set(kept)), "an index is in two places"
        if self._bound is not None:
            assert max(self._backlog.indices(), default=-1) < self._bound, "an index beyond the error would start"
        if plan.ordered and self._stopped is None:
            end = self._pulled if self._bound is None else min(self._bound, self._pulled)
            lost = set(range(delivered, end)) - set(kept)
            assert not lost, f"indices are lost: {sorted(lost)}"
