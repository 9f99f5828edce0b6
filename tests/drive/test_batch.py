"""A batch between the thread that runs it and the one that recalls, cancels or loses it."""

from __future__ import annotations

import sys
import threading
from collections import Counter, deque
from contextvars import ContextVar, copy_context
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from concur._core.steps import Job, Report
from concur._drive.worker import Batch, run_batch
from concur.errors import InvalidCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def _tiny_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def checked(reports: list[Report], n: int, ran: list[int]) -> None:
    """Assert that each item is in exactly one report, and that exactly one report is the last."""
    assert [report.over for report in reports].count(True) == 1
    assert reports[-1].over
    assert reports[-1].worker or not ran
    told = [value for report in reports for value in report.values]
    returned = sum(report.rest for report in reports)
    assert len(told) + returned == n
    for at, value in enumerate(told):
        failed = any(at - first in (report.failures or {}) for first, report in _spans(reports))
        assert failed or value == at * 10
    assert Counter(ran) == Counter(range(len(ran)))
    assert len(ran) >= len(told) - 1  # a lost one may not have begun its body


def _spans(reports: list[Report]) -> Iterator[tuple[int, Report]]:
    first = 0
    for report in reports:
        yield first, report
        first += len(report.values)


def ended_in_order(reports: list[Report]) -> list[Report]:
    return sorted(reports, key=lambda report: report.over)


class Race:
    """Runs a batch in one thread while another meddles, and keeps the reports in the order of their making."""

    def __init__(self, n: int, *, timed: bool, clocked: bool) -> None:
        self.n = n
        self.ran: list[int] = []
        self.batch = Batch(Job(0, list(range(n))), timed=timed)
        self.reports: list[Report] = []
        self.clocked = clocked
        self.go = threading.Barrier(2)

    def body(self, x: int) -> int:
        self.ran.append(x)
        return x * 10

    def keep(self, report: Report | None) -> None:
        if report is not None:
            self.reports.append(report)

    def work(self) -> None:
        self.go.wait(20)
        if self.batch.begin("worker"):
            run_batch(self.batch, self.body, copy_context(), clocked=self.clocked)
            self.keep(self.batch.end())

    def play(self, meddle: Callable[[Batch], None]) -> None:
        thread = threading.Thread(target=self.work)
        thread.start()
        self.go.wait(20)
        meddle(self.batch)
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.usefixtures("_tiny_switches")
@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("end", ["recall", "cancel", "abandon", "lose"])
def test_each_item_is_in_one_report_whenever_the_session_meddles(end: str, timed: bool) -> None:
    random = Random(end)
    for round_ in range(150):
        race = Race(random.choice([1, 2, 3, 40]), timed=timed, clocked=bool(round_ % 2))

        def meddle(batch: Batch, race: Race = race) -> None:
            for _ in range(random.randrange(30)):
                pass  # a moment, of a different length each time
            for _ in range(random.randrange(3)):
                race.keep(batch.recall())
            if end == "cancel":
                race.keep(batch.cancel(abandon=False))
            elif end == "abandon":
                race.keep(batch.cancel(abandon=True))
            elif end == "lose":
                race.keep(batch.lose(RuntimeError("gone"), "crashed"))

        race.play(meddle)
        reports = ended_in_order(race.reports)
        assert [report.over for report in reports].count(True) == 1
        told = sum(len(report.values) for report in reports)
        assert told + sum(report.rest for report in reports) == race.n
        assert Counter(race.ran) == Counter(range(len(race.ran)))
        if end in ("recall", "cancel"):
            checked(reports, race.n, race.ran)
            assert len(race.ran) == told
        if timed:
            assert all(len(report.durations or ()) == len(report.values) for report in reports if report.worker)


@pytest.mark.usefixtures("_tiny_switches")
def test_two_threads_that_end_a_batch_at_once_give_one_last_report() -> None:
    for _ in range(200):
        race = Race(3, timed=False, clocked=False)

        def meddle(batch: Batch, race: Race = race) -> None:
            second = threading.Thread(target=lambda: race.keep(batch.lose()))
            second.start()
            race.keep(batch.cancel(abandon=True))
            race.keep(batch.cancel(abandon=True))
            second.join(20)

        race.play(meddle)
        assert [report.over for report in race.reports].count(True) == 1
        assert race.batch.recall() is None
        assert race.batch.lose() is None
        assert race.batch.cancel(abandon=True) is None


def test_a_batch_that_nobody_has_taken_gives_everything_back() -> None:
    batch = Batch(Job(5, [1, 2, 3]))
    recalled = batch.recall()
    assert recalled is not None
    assert (recalled.values, recalled.rest, recalled.over) == ([], 0, False)
    report = batch.cancel(abandon=False)
    assert report is not None
    assert (report.values, report.rest, report.over) == ([], 3, True)
    assert not batch.begin("late")


def test_a_recalled_body_tells_its_own_beginning_and_never_its_predecessors() -> None:
    batch = Batch(Job(0, [0, 1, 2]), timed=True)
    seen: list[Report | None] = []

    class Meddling(deque[Any]):
        def popleft(self) -> Any:
            item = super().popleft()
            if item == 1:
                seen.append(batch.recall())  # taken, and its clock is not set yet
            return item

    batch.begin("worker")
    batch.todo = Meddling(batch.todo)
    run_batch(batch, lambda x: x, copy_context(), clocked=True)
    (report,) = seen
    assert report is not None
    assert report.values == [0]
    assert report.since is None, "the running body was told to have begun when its predecessor did"


def test_a_failure_that_stops_gives_the_rest_back() -> None:
    def body(x: int) -> int:
        if x == 2:
            raise ValueError(x)
        return x

    for alone in (False, True):
        batch = Batch(Job(0, [0, 1, 2, 3, 4]))
        batch.begin("worker", alone=alone)
        run_batch(batch, body, copy_context(), stop=True, alone=alone)
        report = batch.end()
        assert report is not None
        assert (report.values, report.rest) == ([0, 1, None], 2)
        assert list(report.failures or ()) == [2]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_of_a_body_ends_its_batch_without_being_asked(error: type[BaseException]) -> None:
    def body(x: int) -> int:
        raise error

    batch = Batch(Job(0, [0, 1]))
    batch.begin("worker")
    run_batch(batch, body, copy_context())
    report = batch.end()
    assert report is not None
    assert (len(report.values), report.rest) == (1, 1)


class Refuses:
    """A value that will not be compared, as a NumPy array will not be."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")

    __hash__ = None  # type: ignore[assignment]  # as an array


_seen: ContextVar[Any] = ContextVar("_seen")


@pytest.mark.parametrize("kind", ["plain", "timed", "alone"])
@pytest.mark.parametrize("value", [Refuses, object, float], ids=["refuses", "object", "float"])
def test_what_an_item_sets_is_not_seen_by_the_next(kind: str, value: type) -> None:
    def caller() -> list[object]:
        mine = value()
        _seen.set(mine)
        base = copy_context()
        found: list[object] = []

        def body(x: int) -> None:
            found.append(_seen.get() is mine)
            if x % 2:
                _seen.set(value() if value is not float else 1.0 + x)

        batch = Batch(Job(0, list(range(6))))
        batch.begin("worker", alone=kind == "alone")
        run_batch(batch, body, base, clocked=kind == "timed", alone=kind == "alone")
        assert _seen.get() is mine
        return found

    assert copy_context().run(caller) == [True] * 6


def test_a_variable_that_only_an_item_knows_is_gone_for_the_next() -> None:
    own: ContextVar[int] = ContextVar("own", default=0)
    found: list[int] = []

    def body(x: int) -> None:
        found.append(own.get())
        own.set(x + 1)

    batch = Batch(Job(0, [0, 1, 2]))
    batch.begin("worker")
    run_batch(batch, body, copy_context())
    assert found == [0, 0, 0]


def test_a_coroutine_object_is_refused_wherever_it_stands_in_the_batch() -> None:
    async def coroutine() -> int:
        return 1

    def body(x: int) -> Any:
        return coroutine() if x != 1 else 1

    for n, recalled in ((1, False), (2, False), (3, True)):
        batch = Batch(Job(0, list(range(n))))
        batch.begin("worker")
        run_batch(batch, body, copy_context())
        reports = [batch.recall()] if recalled else []
        reports.append(batch.end())
        failures = {
            first + at: failure.error
            for first, report in _spans([report for report in reports if report is not None])
            for at, failure in (report.failures or {}).items()
        }
        assert set(failures) == {x for x in range(n) if x != 1}
        assert all(isinstance(error, InvalidCall) for error in failures.values())
