"""Helper threads that host engines: nobody who asks one for something waits for ever."""

from __future__ import annotations

import threading
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from concur._core.steps import Breakdown, Job, Report
from concur._drive.hosts import DrivenHost, LoopHost
from concur.backends import Work
from concur.backends.async_ import TaskEngine
from concur.backends.serial import SerialEngine
from concur.errors import Closed, ConcurError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 20.0


async def adouble(x: int) -> int:
    return 2 * x


def work(fn: Any, *, is_async: bool = False) -> Work:
    return Work(fn=fn, is_async=is_async, context=copy_context())


def hosts() -> Iterator[tuple[Any, Work]]:
    yield DrivenHost(SerialEngine(None, frozenset())), work(lambda x: 2 * x)
    for loop in ("asyncio", "trio"):
        yield LoopHost(lambda: TaskEngine(2, None, frozenset()), loop), work(adouble, is_async=True)


@pytest.fixture(params=[0, 1, 2], ids=["driven", "asyncio", "trio"])
def hosted(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Work]]:
    host, what = list(hosts())[request.param]
    yield host, what
    host.close()


def test_jobs_are_carried_out_in_the_helper_thread(hosted: tuple[Any, Work]) -> None:
    host, what = hosted
    mail: SimpleQueue[Report | Breakdown] = SimpleQueue()
    session = host.session(what, mail.put)
    for start in range(3):
        session.start(Job(start, [start]))
    reports = [mail.get(timeout=PATIENCE) for _ in range(3)]
    values = {report.job.start: report.values for report in reports if isinstance(report, Report)}
    assert values == {0: [0], 1: [2], 2: [4]}
    session.close()
    session.close()


def test_close_is_idempotent_and_ends_the_thread(hosted: tuple[Any, Work]) -> None:
    host, what = hosted
    session = host.session(what, lambda report: None)
    thread = host._thread
    assert thread.is_alive()
    host.close()
    host.close()
    assert not thread.is_alive()
    with pytest.raises(Closed):
        session.start(Job(0, [0]))
    with pytest.raises(Closed):
        host.session(what, lambda report: None)
    session.close()


def test_a_host_that_was_never_used_closes(hosted: tuple[Any, Work]) -> None:
    host, _ = hosted
    host.close()
    assert host._thread is None


def test_closing_tells_the_sessions_that_are_open(hosted: tuple[Any, Work]) -> None:
    host, what = hosted
    mail: SimpleQueue[Report | Breakdown] = SimpleQueue()
    host.session(what, mail.put)
    host.close()
    told = mail.get(timeout=PATIENCE)
    assert isinstance(told, Breakdown)
    assert isinstance(told.error, Closed)


class Breaking(SerialEngine):
    """An engine whose wait fails, as a system that starts no more processes makes it fail."""

    def wait(self, timeout: float | None) -> None:
        if self.jobs:
            raise ConcurError("broken")
        super().wait(timeout)


def test_an_engine_that_breaks_while_it_waits_ends_its_calls(recwarn: pytest.WarningsRecorder) -> None:
    host = DrivenHost(Breaking(None, frozenset()))
    mail: SimpleQueue[Report | Breakdown] = SimpleQueue()
    session = host.session(work(abs), mail.put)
    session.start(Job(0, [0]))
    told = mail.get(timeout=PATIENCE)
    assert isinstance(told, Breakdown)
    assert str(told.error) == "broken"
    session.close()
    host.close()


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_an_engine_that_cannot_be_opened_is_told_to_who_asked(loop: str) -> None:
    def opening() -> Any:
        raise ConcurError("cannot open")

    host = LoopHost(opening, loop)
    with pytest.raises(ConcurError, match="cannot open"):
        host.session(work(adouble, is_async=True), lambda report: None)
    host.close()


def test_a_session_that_cannot_be_opened_leaves_the_host_working() -> None:
    class Picky(SerialEngine):
        def session(self, work: Work, deliver: Any) -> Any:
            if work.is_async:
                raise ConcurError("not this one")
            return super().session(work, deliver)

    host = DrivenHost(Picky(None, frozenset()))
    with pytest.raises(ConcurError, match="not this one"):
        host.session(work(adouble, is_async=True), lambda report: None)
    mail: SimpleQueue[Report | Breakdown] = SimpleQueue()
    session = host.session(work(abs), mail.put)
    session.start(Job(0, [-1]))
    report = mail.get(timeout=PATIENCE)
    assert isinstance(report, Report)
    assert report.values == [1]
    host.close()


def test_threads_that_ask_at_once_are_all_served(hosted: tuple[Any, Work]) -> None:
    host, what = hosted
    got: list[int] = []
    lock = threading.Lock()

    def ask(number: int) -> None:
        mail: SimpleQueue[Report | Breakdown] = SimpleQueue()
        session = host.session(what, mail.put)
        for start in range(20):
            session.start(Job(start, [number]))
        for _ in range(20):
            report = mail.get(timeout=PATIENCE)
            assert isinstance(report, Report)
            with lock:
                got.extend(report.values)
        session.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(got) == sorted(2 * number for number in range(6) for _ in range(20))


def test_a_job_whose_engine_has_ended_gets_its_last_report() -> None:
    class Forgetful(SerialEngine):
        """An engine that is closed with a job in work, whose end nobody tells any more."""

        def wait(self, timeout: float | None) -> None:
            if self.jobs:
                raise SystemExit("broken")
            super().wait(timeout)

    host = DrivenHost(Forgetful(None, frozenset()))
    mail: SimpleQueue[Report | Breakdown] = SimpleQueue()
    session = host.session(work(abs), mail.put)
    job = Job(0, [0])
    session.start(job)
    told = [mail.get(timeout=PATIENCE) for _ in range(2)]
    assert isinstance(told[0], Breakdown)
    assert isinstance(told[1], Report)
    assert told[1].over
    session.close()
    host.close()
