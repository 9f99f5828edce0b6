"""Thread mode with one fault each, as backends that a careless third party might write.

Each breaks one promise in the least way that can be told from outside. No test lives here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from concur._core.outcome import Failure
from concur.backends.thread import Thread, ThreadEngine, ThreadSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from concur.backends import Breakdown, Deliver, Engine, Job, Report, Session, Traits, Work


@dataclass(frozen=True)
class Faulty:
    """A backend whose engine has a fault."""

    name: str
    engine: Callable[[Engine], Any]
    traits: ClassVar[Traits] = Thread.traits

    def open(self, *, workers: int, setup: Any, pool: frozenset[int]) -> Any:
        return self.engine(Thread().open(workers=workers, setup=setup, pool=pool))


class _Engine:
    """Passes everything on; a fault overrides something."""

    def __init__(self, inner: Any) -> None:
        self.inner: ThreadEngine = inner

    def session(self, work: Work, deliver: Deliver) -> Session:
        return self.inner.session(work, deliver)

    def clock(self) -> float:
        return self.inner.clock()

    def wait(self, timeout: float | None) -> None:
        self.inner.wait(timeout)

    def wake(self) -> None:
        self.inner.wake()

    def close(self) -> None:
        self.inner.close()


class Faultless(_Engine):
    """No fault."""


class _Reporting(_Engine):
    """Changes the reports of an engine on their way."""

    def session(self, work: Work, deliver: Deliver) -> Session:
        return self.inner.session(work, lambda report: self.pass_on(report, deliver))

    def pass_on(self, report: Report | Breakdown, deliver: Deliver) -> None:
        if hasattr(report, "values"):
            self.change(report)
        deliver(report)

    def change(self, report: Report) -> None:
        raise NotImplementedError


class LostResult(_Reporting):
    """The value of the third item is lost on the way."""

    def change(self, report: Report) -> None:
        at = 2 - report.job.start - report.job.done
        if 0 <= at < len(report.values):
            report.values[at] = None


class SwappedResults(_Reporting):
    """Two values of one job change places."""

    def change(self, report: Report) -> None:
        if len(report.values) > 1 and not report.failures:
            report.values[0], report.values[1] = report.values[1], report.values[0]


class SwallowedError(_Reporting):
    """A failure arrives as the value None."""

    def change(self, report: Report) -> None:
        report.failures = None


class AnothersError(_Reporting):
    """A failure arrives at the item after the one that failed."""

    def change(self, report: Report) -> None:
        if report.failures and len(report.values) > 1:
            last = len(report.values) - 1
            report.failures = {min(at + 1, last): failure for at, failure in report.failures.items()}


class WrappedError(_Reporting):
    """The user's error arrives in another one."""

    def change(self, report: Report) -> None:
        report.failures = report.failures and {
            at: Failure(RuntimeError(f"item failed: {failure.error!r}"), failure.kind)
            for at, failure in report.failures.items()
        }


class DoubleRun(_Engine):
    """The body of an item runs twice."""

    def session(self, work: Work, deliver: Deliver) -> Session:
        fn = work.fn

        def twice(item: Any) -> Any:
            fn(item)
            return fn(item)

        return self.inner.session(_with(work, fn=twice), deliver)


class InterpretedValue(_Engine):
    """A value that is an exception is taken for a failure."""

    def session(self, work: Work, deliver: Deliver) -> Session:
        fn = work.fn

        def interpreting(item: Any) -> Any:
            value = fn(item)
            if isinstance(value, BaseException):
                raise value
            return value

        return self.inner.session(_with(work, fn=interpreting), deliver)


class SharedContext(_Engine):
    """All bodies share one context: what one sets, the next one sees."""

    def session(self, work: Work, deliver: Deliver) -> Session:
        fn, context, lock = work.fn, work.context.copy(), threading.Lock()

        def shared(item: Any) -> Any:
            with lock:
                return context.run(fn, item)

        return self.inner.session(_with(work, fn=shared), deliver)


class TooManyWorkers(_Engine):
    """Twice as many workers as were asked for, so that each job begins as soon as it is given."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        inner._workers *= 2


class OneWorker(_Engine):
    """One worker, however many were asked for."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        inner._workers = 1


class LeakedThread(_Engine):
    """A helper thread that nobody ends."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        threading.Thread(target=_held.wait, name="leaked", daemon=True).start()


class LateError(_Engine):
    """A thread of the engine fails after the call has returned."""

    def close(self) -> None:
        self.inner.close()

        def fail() -> None:
            raise RuntimeError("late")

        late = threading.Thread(target=fail, name="late")
        late.start()
        late.join()


class NothingGivenBack(_Engine):
    """A running job keeps what it has not begun, however long its body takes."""

    def session(self, work: Work, deliver: Deliver) -> Session:
        return _Keeping(self.inner, work, deliver)


class _Keeping(ThreadSession):
    def recall(self, job: Job) -> None:
        """Ignore it."""


class _Held:
    """Holds leaked threads until a test lets them go."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def wait(self) -> None:
        self._event.wait()

    def release(self) -> None:
        before, self._event = self._event, threading.Event()
        before.set()
        for thread in threading.enumerate():
            if thread.name == "leaked":
                thread.join()


_held = _Held()


def let_go() -> None:
    """End the leaked threads."""
    _held.release()


def _with(work: Work, **changes: Any) -> Work:
    from dataclasses import replace

    return replace(work, **changes)
