"""Single cases of the schedule, told fact by fact: those that once went wrong, and those that worlds do not draw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from concur._core.flight import GRACE
from concur._core.outcome import Failure
from concur._core.plan import Plan
from concur._core.retry import Retry
from concur._core.schedule import LEAST_LOOKAHEAD, Schedule
from concur._core.steps import Breakdown, Cancel, Done, Emit, Job, Pull, Recall, Report, Start, Step, Wait
from concur.errors import DeadlineExceeded


def ask(schedule: Schedule, now: float = 0.0, items: Iterable[Any] | None = None) -> list[Step]:
    """Ask until the schedule waits or is done; with `items`, answer pulls from them. Gives the other steps."""
    source = None if items is None else iter(items)
    steps: list[Step] = []
    while True:
        step = schedule.next_step(now)
        schedule.check()
        if isinstance(step, Pull) and source is not None:
            given = [item for _, item in zip(range(step.count), source, strict=False)]
            if given:
                schedule.pulled(given)
            else:
                schedule.exhausted()
        else:
            steps.append(step)
            if isinstance(step, Wait | Done | Pull):
                return steps
        schedule.check()


def jobs(steps: list[Step]) -> list[Job]:
    return [step.job for step in steps if isinstance(step, Start)]


def emitted(steps: list[Step]) -> list[Any]:
    return [value for step in steps if isinstance(step, Emit) for value in step.values]


def cancels(steps: list[Step]) -> list[tuple[int, bool]]:
    return [(step.job.start, step.abandon) for step in steps if isinstance(step, Cancel)]


def ended(job: Job, *values: Any, rest: int = 0, over: bool = True, since: float | None = None) -> Report:
    """Report that bodies of `job` have returned `values`."""
    return Report(job, list(values), over=over, rest=rest, since=since)


def failed(job: Job, error: BaseException) -> Report:
    return Report(job, [None], {0: Failure(error)}, rest=job.left - 1)


def lost(job: Job, *, abandoned: bool = False) -> Report:
    return Report(job, [None], {0: Failure(RuntimeError(), "cancelled")}, rest=job.left - 1, abandoned=abandoned)


def done(steps: list[Step]) -> BaseException | None:
    assert isinstance(steps[-1], Done)
    return steps[-1].error


# -- one worker ---------------------------------------------------------------------------------------------------


def test_one_worker_goes_on_with_what_a_slow_job_gave_back_before_any_later_item() -> None:
    schedule = Schedule(Plan(workers=1, chunksize=3))
    (first,) = jobs(ask(schedule, items=range(6)))
    assert isinstance(ask(schedule, GRACE)[0], Recall)
    schedule.reported(ended(first, over=False, rest=2), GRACE)
    (following,) = jobs(ask(schedule, GRACE, items=[]))
    assert following.items == [1, 2]


def test_one_worker_has_a_second_job_waiting_when_the_first_has_nothing_to_give_back() -> None:
    schedule = Schedule(Plan(workers=1, chunksize=1))
    assert [job.items for job in jobs(ask(schedule, items=range(3)))] == [[0], [1]]


# -- deadlines ----------------------------------------------------------------------------------------------------


def test_collected_outcomes_are_not_cut_short_when_the_source_has_nothing_at_the_deadline() -> None:
    schedule = Schedule(Plan(workers=1, total=2, on_error="collect", deadline=1.0))
    ask(schedule)
    schedule.pulled([])
    assert isinstance(done(ask(schedule, 1.0)), DeadlineExceeded)


def test_collected_outcomes_are_complete_at_the_deadline_when_all_items_were_pulled() -> None:
    schedule = Schedule(Plan(workers=1, total=2, on_error="collect", deadline=1.0))
    both = jobs(ask(schedule, items=[0, 1]))
    assert cancels(ask(schedule, 1.0)) == [(1, True), (0, True)]  # what waits goes first
    for job in both:
        schedule.reported(lost(job), 1.0)
    steps = ask(schedule, 1.0)
    assert [type(outcome).__name__ for outcome in emitted(steps)] == ["Cancelled", "Cancelled"]
    assert done(steps) is None


def test_a_source_that_fails_after_the_deadline_does_not_cut_the_outcomes_short() -> None:
    schedule = Schedule(Plan(workers=1, total=2, on_error="collect", deadline=1.0))
    (step,) = ask(schedule, 1.0)
    assert isinstance(step, Pull)
    broken = OSError("the source")
    schedule.exhausted(broken)
    error = done(ask(schedule, 1.0))
    assert isinstance(error, DeadlineExceeded)
    assert error.__cause__ is broken


def test_the_window_holds_at_the_deadline_too() -> None:
    schedule = Schedule(Plan(workers=1, total=10**9, stream=True, window=3, on_error="collect", deadline=1.0))
    ask(schedule)
    schedule.pulled([0])
    start = schedule.next_step(0.0)
    assert isinstance(start, Start)
    step = ask(schedule, 1.0)[-1]
    assert isinstance(step, Pull)
    assert step.count == 2
    schedule.pulled([1, 2])
    assert isinstance(ask(schedule, 1.0)[-1], Wait)
    schedule.reported(lost(start.job), 1.0)
    steps = ask(schedule, 1.0)
    assert len(emitted(steps)) == 3
    assert isinstance(steps[-1], Pull)
    assert steps[-1].count == 3


def test_a_consumer_that_leaves_after_the_deadline_gets_nothing_more() -> None:
    schedule = Schedule(Plan(workers=2, total=9, stream=True, chunksize=1, on_error="collect", deadline=1.0))
    first, second, *_ = jobs(ask(schedule, items=range(9)))
    ask(schedule, 1.0, items=[])
    schedule.reported(lost(first), 1.0)
    assert isinstance(schedule.next_step(1.0), Emit)
    schedule.stop()
    schedule.reported(lost(second), 1.0)
    assert [type(step) for step in ask(schedule, 1.0)] == [Wait]


# -- recalls and timeouts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("timeout", "pause"), [(None, GRACE), (60.0, GRACE), (GRACE / 4, GRACE / 4)])
def test_a_job_that_no_worker_had_taken_is_asked_again_soon(timeout: float | None, pause: float) -> None:
    schedule = Schedule(Plan(workers=1, chunksize=3, timeout=timeout))
    (job,) = jobs(ask(schedule, items=range(3)))
    assert isinstance(ask(schedule, pause)[0], Recall)
    schedule.reported(Report(job, [], over=False), pause)
    wait = ask(schedule, pause)[-1]
    assert isinstance(wait, Wait)
    assert wait.until == 2 * pause


# -- breakdowns ---------------------------------------------------------------------------------------------------


class Falsy(Exception):
    def __bool__(self) -> bool:
        return False


def test_a_breakdown_does_not_replace_an_error_that_is_known_even_if_it_counts_as_false() -> None:
    schedule = Schedule(Plan(workers=2, chunksize=1))
    first, second = jobs(ask(schedule, items=range(2)))
    error = Falsy()
    schedule.reported(failed(second, error), 0.0)
    schedule.reported(Breakdown(OSError("gone")), 0.0)
    schedule.reported(lost(first), 0.0)
    assert done(ask(schedule)) is error


def test_a_breakdown_ends_everything_at_once_with_its_error() -> None:
    schedule = Schedule(Plan(workers=2, chunksize=1, stream=True, on_error="collect", deadline=9.0))
    first, second, third = jobs(ask(schedule, items=range(3)))
    schedule.reported(Breakdown(OSError("gone")), 0.0)
    assert cancels(ask(schedule)) == [(0, True), (1, True), (2, True)]
    schedule.reported(ended(first, "late"), 0.0)
    schedule.reported(lost(second), 0.0)
    schedule.exhausted(ValueError("later"))
    schedule.reported(Report(third, [], rest=1), 0.0)
    (step,) = ask(schedule)
    assert isinstance(step, Done)
    assert isinstance(step.error, OSError)


def test_alarms_of_jobs_that_have_ended_do_not_pile_up_behind_one_that_runs_for_long() -> None:
    schedule = Schedule(Plan(workers=2, stream=True, ordered=False, chunksize=1, timeout=3600.0))
    source = iter(range(200))
    hangs, *running = jobs(ask(schedule, items=source))
    while running:
        schedule.reported(ended(running.pop(0), "value"), 0.0)
        running += jobs(ask(schedule, items=source))
    assert schedule.delivered == 199
    assert hangs.left == 1
