"""What runs in a worker: a job in, values and failures out, each item in a fresh context.

No thread, process or loop is started here, and nothing is decided: the schedule decides, backends carry.
"""

from __future__ import annotations

import time
from collections import deque
from threading import RLock
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from concur._core.outcome import Failure
from concur._core.steps import Report
from concur.errors import InvalidCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextvars import Context

    from concur._core.steps import Job

clock = time.monotonic
LONGEST_WAIT = 3600.0  # seconds; the system's waits refuse limits of some centuries


def bounded(timeout: float | None) -> float | None:
    """Give a timeout that every wait of the system takes; whoever waits asks again after it."""
    return timeout if timeout is None or timeout < LONGEST_WAIT else LONGEST_WAIT


class Batch:
    """A job in execution, shared by the worker that runs it and the session that may recall or cancel it.

    The worker takes items from the left of `todo`, one by one; the session takes the rest from the right. Both are
    atomic, so an item is run or given back, never both. `lock` guards the moments when a report is made: each ended
    item is in exactly one report, and exactly one report is the last.
    """

    __slots__ = (
        "durations", "failures", "job", "kept", "lock", "orphaned", "over",
        "reported", "rest", "since", "started", "todo", "values", "worker",
    )  # fmt: skip

    def __init__(self, job: Job, *, timed: bool = False) -> None:
        self.job: Job = job
        self.todo: deque[Any] = deque()  # filled when a worker begins
        self.kept: int = len(job.items)  # items that were not taken back
        self.values: list[Any] = []
        self.failures: dict[int, Failure] = {}  # by position in `values`, set before the value's place is taken
        self.durations: list[float] | None = [] if timed else None
        self.since: float | None = None  # when the running body began, where a timeout asks
        self.started: float = 0.0  # start of the stretch that the next report covers
        self.worker: str = ""  # set once a worker has taken the job
        self.rest: int = 0  # items taken back, to be told in the last report
        self.reported: int = 0  # values told so far
        self.over: bool = False
        self.orphaned: bool = False  # nobody waits for the worker any more: it is to end
        self.lock: RLock = RLock()

    # -- the worker's side --------------------------------------------------------------------------------------

    def begin(self, worker: str, *, alone: bool = False) -> bool:
        """Take the job as `worker`; `alone` if nobody can take items back meanwhile. False: it is over already."""
        with self.lock:
            if self.over:
                return False
            self.worker = worker
            self.started = clock()
            if not alone:
                self.todo.extend(self.job.items)
            return True

    def fail(self, error: BaseException, kind: Any = "failed", *, stop: bool) -> bool:
        """Put a failure in the place of the current item's value; with `stop`, run nothing after it."""
        self.failures[len(self.values)] = Failure(error, kind)
        self.values.append(None)
        if stop or isinstance(error, KeyboardInterrupt | SystemExit):
            with self.lock:
                self.rest += self._drain()
            return True
        return False

    def give_up(self) -> None:
        """Count what was not run as given back, when the worker is alone."""
        self.rest += self.kept - len(self.values)
        self.kept = len(self.values)

    def end(self) -> Report | None:
        """Finish as the worker: the last report, or None when the session has given it in the meantime."""
        with self.lock:
            return None if self.over else self._report(over=True)

    # -- the session's side -------------------------------------------------------------------------------------

    def recall(self) -> Report | None:
        """Take back what has not begun and tell what has ended. None: the last report is out."""
        with self.lock:
            if self.over:
                return None
            if not self.worker:  # nobody has taken it yet: it keeps its items
                return Report(self.job, [], over=False)
            rest = self._drain()
            report = self._report(over=False)
            report.rest = rest
            report.since = self.since if self._body_runs() else None
            return report

    def cancel(self, *, abandon: bool) -> Report | None:
        """Take back what has not begun. None: the worker gives the last report when its body has ended."""
        with self.lock:
            if self.over:
                return None
            self.rest += self._drain()
            if self.worker and not (abandon and self._body_runs()):
                return None
            self.orphaned = bool(self.worker)
            report = self._report(over=True)
            if self.orphaned:
                lose_running(report, self.since, now=clock())
                report.abandoned = True
            return report

    def lose(
        self, error: BaseException | None = None, kind: Any = "cancelled", *, now: float | None = None
    ) -> Report | None:
        """Give the last report after the worker was lost: its running body failed, the rest is given back."""
        with self.lock:
            if self.over:
                return None
            self.rest += self._drain()
            running = self._body_runs()
            report = self._report(over=True)
            if running:
                lose_running(report, self.since, error, kind, now=clock() if now is None else now)
            return report

    # -- both, under the lock -----------------------------------------------------------------------------------

    def _body_runs(self) -> bool:
        return self.kept > len(self.values)

    def _drain(self) -> int:
        if not self.worker:
            count, self.kept = self.kept, 0
            return count
        count = 0
        try:
            while True:
                self.todo.pop()
                count += 1
        except IndexError:
            self.kept -= count
            return count

    def _report(self, *, over: bool) -> Report:
        first, last, now = self.reported, len(self.values), clock()
        self.reported = last
        whole = over and first == 0 and not self.orphaned
        failures = {at - first: failure for at, failure in self.failures.items() if first <= at < last}
        values = self.values if whole else self.values[first:last]
        if values and type(values[0]) is CoroutineType:
            refuse_coroutines(values, failures)
        if over:
            self.values = []  # the report has them; a late alarm may still hold the job and this
        seconds = now - self.started
        self.started = now
        self.over = over
        return Report(
            self.job,
            values,
            failures or None,
            durations=None if self.durations is None else self.durations[first:last],
            seconds=seconds,
            worker=self.worker,
            over=over,
            rest=self.rest if over else 0,
        )


def lose_running(
    report: Report,
    since: float | None,
    error: BaseException | None = None,
    kind: Any = "cancelled",
    *,
    now: float,
) -> None:
    """Add the item whose body was running to a last report, as a failure: by default, one that was cancelled."""
    report.failures = {
        **(report.failures or {}),
        len(report.values): Failure(error or RuntimeError(kind), kind),
    }
    report.values.append(None)
    if report.durations is not None:
        report.durations = [*report.durations, 0.0 if since is None else max(0.0, now - since)]


def refuse_coroutines(values: list[Any], failures: dict[int, Failure]) -> None:
    """Turn coroutine objects into failures: a plain function that returns one was surely meant to be awaited."""
    for at, value in enumerate(values):
        if type(value) is CoroutineType:
            value.close()
            values[at] = None
            failures[at] = Failure(
                InvalidCall(
                    "fn is a plain function that returned a coroutine object, which nobody would await; "
                    "pass the coroutine function itself (async def), not a lambda or wrapper around it"
                )
            )


def run_batch(
    batch: Batch,
    fn: Callable[[Any], Any],
    base: Context,
    *,
    stop: bool = False,
    clocked: bool = False,
    limit: float | None = None,
    alone: bool = False,
) -> None:
    """Run a batch in this thread.

    Args:
        batch: What to run.
        fn: The function.
        base: The context that each item starts from; what an item changes is dropped after it.
        stop: Whether a failure ends the batch.
        clocked: Whether to note when each body begins.
        limit: Seconds after which a value comes too late, for a worker that nobody can interrupt.
        alone: Whether the batch was begun so, and nothing of it is timed.
    """
    timed = clocked or limit is not None or batch.durations is not None
    items = iter(batch.job.items) if alone else None
    while True:
        context = base.copy()
        if items is not None:
            changed = context.run(_run_alone, items, batch, fn, context, base, stop)
        elif timed:
            changed = context.run(_run_timed, batch, fn, context, base, stop, limit)
        else:
            changed = context.run(_run, batch, fn, context, base, stop)
        if not changed:
            return


def _run(batch: Batch, fn: Callable[[Any], Any], context: Context, base: Context, stop: bool) -> bool:
    """Run items until none is left (False) or one has changed the context (True).

    Comparing contexts costs a few nanoseconds while they are equal, a context per item ten times as much.
    """
    take, keep = batch.todo.popleft, batch.values.append
    while True:
        try:
            item = take()
        except IndexError:
            return False
        try:
            keep(fn(item))
        except BaseException as exc:
            if batch.fail(exc, stop=stop):
                return False
        try:
            if context != base:
                return True
        except Exception:  # a variable's value refuses to be compared: it was changed
            return True


def _run_alone(
    items: Iterator[Any], batch: Batch, fn: Callable[[Any], Any], context: Context, base: Context, stop: bool
) -> bool:
    """Run items as `_run` does, where nobody takes any back: a third faster."""
    keep = batch.values.append
    for item in items:
        try:
            keep(fn(item))
        except BaseException as exc:
            if batch.fail(exc, stop=stop):
                batch.give_up()
                return False
        try:
            if context != base:
                return True
        except Exception:
            return True
    return False


def _run_timed(
    batch: Batch, fn: Callable[[Any], Any], context: Context, base: Context, stop: bool, limit: float | None
) -> bool:
    """Run items as `_run` does, with a clock around each body."""
    take, keep, durations = batch.todo.popleft, batch.values.append, batch.durations
    while True:
        batch.since = None  # a recall that lands before the next body's clock must not tell this one's
        try:
            item = take()
        except IndexError:
            return False
        batch.since = began = clock()
        try:
            value = fn(item)
        except BaseException as exc:
            if durations is not None:
                durations.append(clock() - began)
            if batch.fail(exc, stop=stop):
                return False
        else:
            took = clock() - began
            if durations is not None:
                durations.append(took)
            if limit is None or took <= limit:
                keep(value)
            elif batch.fail(TimeoutError(), "timed_out", stop=stop):
                return False
        try:
            if context != base:
                return True
        except Exception:
            return True
