"""The sync driver: carries out a schedule's steps in the thread that asks for results.

It waits and calls, and decides nothing. Its twin for event loops is `async_.py`.
"""

from __future__ import annotations

from itertools import islice
from queue import Empty, SimpleQueue
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from concur._core.steps import Cancel, Done, Emit, Pull, Recall, Start, Wait
from concur._drive.worker import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from concur._core.schedule import Schedule
    from concur._core.steps import Breakdown, Report
    from concur.backends import Engine, Session, Work

PATIENCE = 0.001  # seconds that one pull may take before what has come is started


class Source:
    """Takes items from an iterable, lazily, and closes it if it is a generator."""

    __slots__ = ("_clock", "_iterable", "_iterator")

    def __init__(self, iterable: Iterable[Any], clock: Callable[[], float]) -> None:
        self._iterable = iterable
        self._iterator: Iterator[Any] | None = None
        self._clock = clock

    def pull(self, schedule: Schedule, count: int) -> None:
        """Tell the schedule up to `count` items: fewer when the source is slow or at its end."""
        items: list[Any] = []
        error: BaseException | None = None
        ended = False
        began = self._clock()
        block = 1
        try:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            while len(items) < count and not ended:
                wanted = min(block, count - len(items))
                had = len(items)
                items.extend(islice(self._iterator, wanted))
                ended = len(items) - had < wanted
                if self._clock() - began > PATIENCE:
                    break
                block *= 4
        except Exception as exc:
            error, ended = exc, True
        if items:
            schedule.pulled(items)
        if ended:
            schedule.exhausted(error)

    def close(self) -> None:
        """Run a generator's finaliser now, not when it is collected."""
        iterator, self._iterator, self._iterable = self._iterator, None, ()
        if isinstance(iterator, GeneratorType):
            iterator.close()


class Run:
    """One run, driven by the calling thread: an iterator over lists of results.

    Args:
        schedule: What decides.
        items: The source.
        engine: What has the workers.
        pushes: Whether the engine delivers from its own threads.
        work: What to open the session for.
        told: Called after each report (for progress).
        close_engine: Whether the engine was opened for this run.
    """

    def __init__(
        self,
        schedule: Schedule,
        items: Iterable[Any],
        engine: Engine,
        work: Work,
        *,
        pushes: bool,
        told: Callable[[], object] | None = None,
    ) -> None:
        self._schedule = schedule
        self._engine = engine
        self._told = told
        self._mail: SimpleQueue[Report | Breakdown] = SimpleQueue()
        self._pushes = pushes
        self._session: Session = engine.session(work, self._mail.put)
        self._source = Source(items, engine.clock)

    def batches(self) -> Generator[list[Any], None, BaseException | None]:
        """Drive, and give results as they become deliverable. Closing the generator ends the run.

        The run's error is returned, not raised: a generator cannot raise a StopIteration.
        """
        step = self._schedule.next_step
        clock, session = self._engine.clock, self._session
        try:
            while True:
                match step(clock()):
                    case Start(job=job):
                        session.start(job)
                    case Emit(values=values):
                        yield values
                    case Pull(count=count):
                        self._source.pull(self._schedule, count)
                    case Wait(until=until):
                        self._wait(until)
                    case Recall(job=job):
                        session.recall(job)
                    case Cancel(job=job, abandon=abandon):
                        session.cancel(job, abandon=abandon)
                    case Done(error=error):
                        return error
        except BaseException as exc:  # the consumer has left, or Ctrl-C landed somewhere above
            self._leave(abandon=not isinstance(exc, Exception | GeneratorExit))
            raise
        finally:
            session.close()
            self._source.close()

    def _leave(self, *, abandon: bool) -> None:
        """End what runs, and come back when it has ended.

        After Ctrl-C nothing is waited for: it may have landed between taking a report and telling it, and who waits
        for that report would wait for ever. What was killed or cancelled ends while the engine is closed.
        """
        self._schedule.stop(abandon=abandon)
        while self._schedule.in_flight:
            match self._schedule.next_step(self._engine.clock()):
                case Cancel(job=job, abandon=hard):
                    try:
                        self._session.cancel(job, abandon=hard)
                    except Exception:
                        if not abandon:
                            raise
                        # Ctrl-C has landed before the session had the job: the others are to be cancelled all the same
                case Recall(job=job):
                    self._session.recall(job)
                case Wait(until=until) if not abandon:
                    self._wait(until)
                case _:
                    return

    def _wait(self, until: float | None) -> None:
        """Wait for reports until the time `until`, and tell them all."""
        engine, mail = self._engine, self._mail
        timeout = None if until is None else max(0.0, until - engine.clock())
        if self._pushes:
            try:
                reports = [mail.get(timeout=bounded(timeout))]
            except Empty:
                return
        else:
            if mail.empty():
                engine.wait(timeout)
            reports = []
        while not mail.empty():
            reports.append(mail.get())
        now = engine.clock()
        for report in reports:
            self._schedule.reported(report, now)
        if self._told is not None:
            self._told()
