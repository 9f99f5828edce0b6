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
from concur.errors import DeadlineExceeded, ItemTimeout


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
    assert cancels(ask(schedule)) == [(2, True), (1, True), (0, True)]
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


def test_a_body_that_overran_is_a_timeout_of_its_item_alone() -> None:
    schedule = Schedule(Plan(workers=1, chunksize=2, timeout=1.0, on_error="collect"))
    (job,) = jobs(ask(schedule, items=["slow", "next"]))
    assert isinstance(ask(schedule, GRACE)[0], Recall)
    schedule.reported(ended(job, over=False, rest=1, since=0.0), GRACE)
    (following,) = jobs(ask(schedule, GRACE, items=[]))
    assert following.items == ["next"]
    assert cancels(ask(schedule, 1.0)) == [(0, True)]
    schedule.reported(lost(job, abandoned=True), 1.0)
    (outcome,) = emitted(ask(schedule, 1.0))
    assert (type(outcome).__name__, outcome.index, outcome.error.index) == ("TimedOut", 0, 0)


def test_a_value_that_arrives_when_its_timeout_is_due_wins() -> None:
    schedule = Schedule(Plan(workers=1, chunksize=1, timeout=1.0))
    (job,) = jobs(ask(schedule, items=["slow"]))
    assert isinstance(ask(schedule, 1.0)[0], Recall)
    schedule.reported(ended(job, over=False, since=0.5), 1.0)
    assert cancels(ask(schedule, 1.5)) == [(0, True)]
    schedule.reported(ended(job, "in time"), 1.5)
    assert emitted(ask(schedule, 1.5)) == ["in time"]


def test_a_session_that_tells_of_a_late_value_makes_it_a_timeout() -> None:
    schedule = Schedule(Plan(workers=1, timeout=1.0))
    (job,) = jobs(ask(schedule, items=["slow"]))
    schedule.reported(Report(job, [None], {0: Failure(TimeoutError("its own"), "timed_out")}), 9.0)
    error = done(ask(schedule, 9.0))
    assert isinstance(error, ItemTimeout)
    assert error.timeout == 1.0


# -- ends ---------------------------------------------------------------------------------------------------------


def test_an_empty_source_ends_the_run_without_a_job() -> None:
    assert done(ask(Schedule(Plan(workers=3)), items=[])) is None


def test_values_are_opaque() -> None:
    values = [None, ValueError("a value"), StopIteration, float("nan"), Failure(ValueError()), ...]
    schedule = Schedule(Plan(workers=1, chunksize=9))
    (job,) = jobs(ask(schedule, items=range(6)))
    schedule.reported(ended(job, *values), 0.0)
    assert all(a is b for a, b in zip(emitted(ask(schedule)), values, strict=True))


def test_the_report_of_a_job_that_is_over_is_ignored() -> None:
    schedule = Schedule(Plan(workers=1))
    (job,) = jobs(ask(schedule, items=["a"]))
    schedule.reported(ended(job, "value"), 0.0)
    schedule.reported(ended(job, "again"), 0.0)
    assert emitted(ask(schedule, items=[])) == ["value"]
    assert schedule.done == 1


def test_jobs_behind_an_error_are_cancelled_gently_and_then_waited_for() -> None:
    schedule = Schedule(Plan(workers=3, chunksize=1))
    first, second, third = jobs(ask(schedule, items=range(3)))
    error = ValueError("second")
    schedule.reported(failed(second, error), 0.0)
    steps = ask(schedule)
    assert cancels(steps) == [(2, False)]
    assert isinstance(steps[-1], Wait)
    schedule.reported(ended(first, "value"), 0.0)
    steps = ask(schedule)
    assert emitted(steps) == ["value"]
    assert isinstance(steps[-1], Wait), "the cancelled body still runs"
    schedule.reported(ended(third, "too late"), 0.0)
    assert done(ask(schedule)) is error


def test_a_deadline_does_not_wait_for_bodies_behind_a_known_error_and_does_not_replace_it() -> None:
    schedule = Schedule(Plan(workers=2, chunksize=1, deadline=1.0))
    first, second = jobs(ask(schedule, items=range(2)))
    error = ValueError("first")
    schedule.reported(failed(first, error), 0.0)
    assert cancels(ask(schedule)) == [(1, False)]
    assert cancels(ask(schedule, 1.0)) == [(1, True)]
    assert cancels(ask(schedule, 2.0)) == []
    schedule.reported(lost(second, abandoned=True), 2.0)
    assert done(ask(schedule, 2.0)) is error


def test_a_deadline_tells_what_had_completed_and_how_many_bodies_run_on() -> None:
    schedule = Schedule(Plan(workers=3, chunksize=1, deadline=1.0))
    first, second, third = jobs(ask(schedule, items=range(3)))
    schedule.reported(ended(second, "kept"), 0.5)
    assert cancels(ask(schedule, 1.0)) == [(2, True), (0, True)]
    schedule.reported(lost(first, abandoned=True), 1.0)
    schedule.reported(lost(third), 1.0)
    error = done(ask(schedule, 1.0))
    assert isinstance(error, DeadlineExceeded)
    assert error.results == {1: "kept"}
    assert error.abandoned == 1


def test_a_second_stop_may_add_that_nobody_waits() -> None:
    schedule = Schedule(Plan(workers=1))
    (job,) = jobs(ask(schedule, items=["a"]))
    schedule.stop()
    assert cancels(ask(schedule)) == [(0, False)]
    schedule.stop()
    assert cancels(ask(schedule)) == [], "told already"
    schedule.stop(abandon=True)
    assert cancels(ask(schedule)) == [(0, True)]
    schedule.stop(abandon=True)
    assert cancels(ask(schedule)) == []
    schedule.reported(lost(job), 0.0)
    assert done(ask(schedule)) is None


def test_items_that_arrive_after_the_consumer_has_left_are_dropped() -> None:
    schedule = Schedule(Plan(workers=1))
    ask(schedule)
    schedule.stop()
    schedule.pulled(["a"])
    schedule.exhausted(ValueError("the source"))
    assert done(ask(schedule)) is None


def test_a_group_holds_all_failures_in_index_order_that_of_the_source_too() -> None:
    schedule = Schedule(Plan(workers=2, chunksize=1, on_error="group"))
    ask(schedule)
    schedule.pulled(["a"])
    (first,) = jobs(ask(schedule))
    schedule.pulled(["b"])
    (second,) = jobs(ask(schedule))
    one, two, three = ValueError("one"), KeyError("two"), OSError("the source")
    schedule.exhausted(three)
    schedule.reported(failed(second, two), 0.0)
    schedule.reported(failed(first, one), 0.0)
    error = done(ask(schedule))
    assert isinstance(error, ExceptionGroup)
    assert error.exceptions == (one, two, three)


def test_a_group_with_more_than_exceptions_proper_is_a_base_exception_group() -> None:
    schedule = Schedule(Plan(workers=1, on_error="group"))
    (job,) = jobs(ask(schedule, items=["a"]))
    schedule.reported(failed(job, GeneratorExit()), 0.0)
    error = done(ask(schedule, items=[]))
    assert isinstance(error, BaseExceptionGroup)
    assert not isinstance(error, ExceptionGroup)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_raised_bare_and_never_tried_again(interrupt: type[BaseException]) -> None:
    schedule = Schedule(Plan(workers=1, on_error="group", retry=Retry(on=(BaseException,))))
    (job,) = jobs(ask(schedule, items=["a"]))
    error = interrupt()
    schedule.reported(failed(job, error), 0.0)
    assert done(ask(schedule)) is error


# -- pace ---------------------------------------------------------------------------------------------------------


def pulls(schedule: Schedule, now: float = 0.0) -> int:
    """Answer every pull in full, until the schedule waits. Gives the number of items."""
    total = 0
    while isinstance(step := ask(schedule, now)[-1], Pull):
        schedule.pulled([None] * step.count)
        total += step.count
    return total


def test_a_stream_without_a_window_runs_only_some_items_ahead_of_a_stuck_head() -> None:
    schedule = Schedule(Plan(workers=2, stream=True, chunksize=1))
    source = iter(range(10**6))
    stuck, *others = jobs(ask(schedule, items=source))
    for _ in range(100):
        for job in others:
            schedule.reported(ended(job, "value"), 0.0)
        steps = ask(schedule, items=source)
        others = jobs(steps)
        if not others:
            break
    assert next(source) == LEAST_LOOKAHEAD
    assert schedule.delivered == 0
    assert stuck.left == 1


def test_the_window_is_shared_out_so_that_every_worker_has_a_job() -> None:
    schedule = Schedule(Plan(workers=2, window=8))
    step = ask(schedule)[-1]
    assert isinstance(step, Pull)
    schedule.pulled(["a"])
    (job,) = jobs(ask(schedule))
    schedule.reported(Report(job, ["value"], seconds=0.0), 0.0)
    assert pulls(schedule) == 8
    assert schedule.in_flight == 4


def test_no_more_is_pulled_than_there_are_places_for_jobs() -> None:
    schedule = Schedule(Plan(workers=2, chunksize=5))
    assert pulls(schedule) == 20
    assert schedule.in_flight == 4


def test_a_source_that_has_nothing_is_asked_again_only_when_it_is_ready() -> None:
    schedule = Schedule(Plan(workers=1))
    assert isinstance(schedule.next_step(0.0), Pull)
    schedule.pulled([])
    assert schedule.dry
    wait = schedule.next_step(0.0)
    assert isinstance(wait, Wait)
    assert wait.until is None
    schedule.ready()
    assert not schedule.dry
    assert isinstance(schedule.next_step(0.0), Pull)


def test_a_wait_ends_at_the_next_of_retry_alarm_and_deadline() -> None:
    plan = Plan(workers=1, chunksize=1, timeout=3.0, deadline=10.0, retry=Retry(backoff=2.0, jitter=0.5))
    schedule = Schedule(plan, 100.0, lambda: 1.0)
    (job,) = jobs(ask(schedule, 100.0, items=["a"]))
    wait = ask(schedule, 100.0)[-1]
    assert isinstance(wait, Wait)
    assert wait.until == 103.0
    schedule.reported(failed(job, ValueError()), 101.0)
    assert schedule.retried == 1
    wait = ask(schedule, 101.0)[-1]
    assert isinstance(wait, Wait)
    assert wait.until == 102.0
    (again,) = jobs(ask(schedule, 102.0))
    assert (again.attempt, again.items) == (2, ["a"])
    schedule.reported(ended(again, over=False, since=108.0), 102.0)
    wait = ask(schedule, 109.0)[-1]
    assert isinstance(wait, Wait)
    assert wait.until == 110.0


# -- invariants ---------------------------------------------------------------------------------------------------


def test_the_invariants_see_an_index_in_two_places_and_a_lost_one() -> None:
    schedule = Schedule(Plan(workers=1, chunksize=2))
    (job,) = jobs(ask(schedule, items=range(2)))
    job.start = 1
    with pytest.raises(AssertionError, match="lost"):
        schedule.check()
    schedule = Schedule(Plan(workers=2, chunksize=1))
    first, _ = jobs(ask(schedule, items=range(2)))
    first.start = 1
    with pytest.raises(AssertionError, match="two places"):
        schedule.check()


def test_of_the_jobs_behind_an_error_the_last_is_cancelled_first() -> None:
    schedule = Schedule(Plan(workers=2, chunksize=1))
    first, *_ = jobs(ask(schedule, items=range(4)))
    schedule.reported(failed(first, ValueError()), 0.0)
    assert cancels(ask(schedule)) == [(3, False), (2, False), (1, False)]


def test_the_outcome_of_a_body_that_the_deadline_ended_names_its_worker_and_duration() -> None:
    schedule = Schedule(Plan(workers=1, on_error="collect", total=1, deadline=1.0))
    (job,) = jobs(ask(schedule, items=["a"]))
    ask(schedule, 1.0)
    schedule.reported(
        Report(job, [None], {0: Failure(RuntimeError(), "cancelled")}, durations=[0.75], worker="concur-thread-0"), 1.0
    )
    (outcome,) = emitted(ask(schedule, 1.0))
    assert (type(outcome).__name__, outcome.worker, outcome.duration) == ("Cancelled", "concur-thread-0", 0.75)
