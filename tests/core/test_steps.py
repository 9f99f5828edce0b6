"""The job and what is told about it."""

from __future__ import annotations

from concur._core.outcome import Failure
from concur._core.steps import Job, Report


def test_what_is_left_of_a_job_is_what_was_not_reported() -> None:
    job = Job(3, ["d", "e", "f"])
    assert (job.left, job.attempt) == (3, 1)
    job.done = 2
    assert job.left == 1


def test_a_job_shows_its_indices_its_progress_and_its_attempt() -> None:
    assert repr(Job(3, ["d", "e"], 2)) == "Job(3..4, done=0, attempt=2)"


def test_a_report_is_the_last_one_unless_it_says_otherwise() -> None:
    report = Report(Job(0, ["a"]), [1])
    assert report.over
    assert (report.rest, report.since, report.abandoned, report.failures) == (0, None, False, None)


def test_a_report_shows_how_far_the_job_has_come() -> None:
    job = Job(3, ["d", "e", "f"])
    report = Report(job, [1, None], {1: Failure(ValueError())}, over=False, rest=1)
    assert repr(report) == "Report(Job(3..5, done=0, attempt=1), 2 ended, 1 failed, rest=1, running)"
    assert repr(Report(job, [1])) == "Report(Job(3..5, done=0, attempt=1), 1 ended, 0 failed, rest=0, over)"
