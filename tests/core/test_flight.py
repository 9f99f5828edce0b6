"""The jobs in flight: who runs, who waits, and when each must be looked at again."""

from __future__ import annotations

import pytest

from concur._core.flight import GRACE, Flight
from concur._core.steps import Cancel, Job, Recall


def added(flight: Flight, *sizes: int, now: float = 0.0) -> list[Job]:
    jobs, start = [], 0
    for size in sizes:
        job = Job(start, list(range(start, start + size)))
        start += size
        flight.add(job, now)
        flight.check()
        jobs.append(job)
    return jobs


def test_as_many_jobs_run_as_there_are_workers_and_the_others_follow_in_order() -> None:
    flight = Flight(2, None)
    a, b, c, d = added(flight, 1, 1, 1, 1)
    assert [job.began for job in (a, b, c, d)] == [0.0, 0.0, None, None]
    assert not flight.has_place()
    flight.remove(b, 3.0)
    assert [job.began for job in (c, d)] == [3.0, None]
    assert flight.has_place()
    assert flight.idle == 0


def test_a_job_that_ends_while_it_waits_frees_no_worker_and_is_passed_over() -> None:
    flight = Flight(1, None)
    a, b = added(flight, 1, 1)
    flight.remove(b, 1.0)
    assert flight.running == 1
    flight.remove(a, 2.0)
    flight.check()
    assert flight.idle == 1
    assert flight.next_alarm() is None


def test_an_ended_job_lets_go_of_its_items() -> None:
    flight = Flight(1, None)
    (job,) = added(flight, 3)
    flight.remove(job, 0.0)
    assert job.items == []


@pytest.mark.parametrize(
    ("size", "timeout", "alarm"),
    [(1, None, None), (2, None, GRACE), (2, 9.0, GRACE), (2, GRACE / 2, GRACE / 2), (1, 9.0, 9.0)],
)
def test_a_job_is_looked_at_when_it_may_hold_others_up_or_overrun(
    size: int, timeout: float | None, alarm: float | None
) -> None:
    flight = Flight(1, timeout)
    added(flight, size)
    assert flight.next_alarm() == alarm


def test_a_job_that_waits_has_no_alarm_until_it_runs() -> None:
    flight = Flight(1, 9.0)
    a, _ = added(flight, 1, 1)
    flight.remove(a, 5.0)
    assert flight.next_alarm() == 14.0


def test_a_job_is_recalled_once_and_then_left_alone_if_nothing_limits_its_body() -> None:
    flight = Flight(1, None)
    (job,) = added(flight, 2)
    assert flight.ring(GRACE / 2) is None
    step = flight.ring(GRACE)
    assert isinstance(step, Recall)
    assert step.job is job
    del job.items[1:]
    flight.recalled(job, None, GRACE)
    assert flight.next_alarm() is None


def test_a_body_is_ended_when_its_time_counted_from_its_own_start_is_over() -> None:
    flight = Flight(1, 1.0)
    (job,) = added(flight, 1)
    assert isinstance(flight.ring(1.0), Recall)
    flight.recalled(job, 0.25, 1.0)
    assert flight.next_alarm() == 1.25
    assert flight.ring(1.2) is None
    step = flight.ring(1.25)
    assert isinstance(step, Cancel)
    assert step.abandon
    assert job.timing_out
    assert flight.next_alarm() is None


def test_a_recall_that_finds_no_body_asks_again() -> None:
    flight = Flight(1, 1.0)
    (job,) = added(flight, 1)
    flight.ring(1.0)
    flight.recalled(job, None, 1.0)
    assert isinstance(flight.ring(2.0), Recall)


def test_the_alarm_of_a_cancelled_job_is_silent_unless_its_body_has_a_limit() -> None:
    flight = Flight(1, None)
    (job,) = added(flight, 2)
    flight.cancel(job, abandon=False)
    assert flight.ring(GRACE) is None
    flight.recalled(job, None, GRACE)
    assert flight.next_alarm() is None

    flight = Flight(1, 1.0)
    (job,) = added(flight, 1)
    flight.cancel(job, abandon=False)
    assert isinstance(flight.ring(1.0), Recall)


def test_the_alarm_of_an_abandoned_job_is_silent() -> None:
    flight = Flight(1, 1.0)
    (job,) = added(flight, 1)
    flight.cancel(job, abandon=True)
    assert flight.ring(5.0) is None


def test_orders_come_in_their_order_and_only_for_jobs_still_in_flight() -> None:
    flight = Flight(3, None)
    a, b, c = added(flight, 1, 1, 1)
    for job, abandon in ((a, False), (b, True), (c, True)):
        flight.cancel(job, abandon=abandon)
    flight.remove(b, 0.0)
    orders = [flight.order(), flight.order()]
    assert [(order.job, order.abandon) for order in orders if order] == [(a, False), (c, True)]
    assert flight.order() is None


def test_a_lone_worker_is_given_a_second_job_only_when_the_first_has_nothing_to_give_back() -> None:
    flight = Flight(1, None)
    (job,) = added(flight, 2)
    assert not flight.has_place()
    job.done = 1
    assert flight.has_place()


def test_the_indices_in_flight_are_those_without_a_report() -> None:
    flight = Flight(2, None)
    first, _ = added(flight, 3, 2)
    first.done = 2
    assert flight.indices() == [2, 3, 4]
