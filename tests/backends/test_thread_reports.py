"""The reports of thread workers."""

from __future__ import annotations

import threading
from contextvars import copy_context

from concur._core.steps import Breakdown, Job
from concur.backends import Report, Work
from concur.backends.thread import Thread


def test_the_last_report_of_a_job_does_not_overtake_its_recall() -> None:
    recalling, overtaken = threading.Event(), threading.Event()
    told: list[object] = []

    def deliver(report: Report | Breakdown) -> None:
        assert isinstance(report, Report)
        if report.over:
            overtaken.set()
        else:
            recalling.set()
            overtaken.wait(0.1)  # the worker may end now, but not tell before this report is told
        told.append(report.over)

    def body(item: int) -> int:
        if item == 1:
            running.set()
            recalling.wait(10)
        return item

    running = threading.Event()
    engine = Thread().open(workers=1, setup=None, pool=frozenset())
    session = engine.session(Work(fn=body, context=copy_context()), deliver)
    job = Job(0, [0, 1, 2])
    session.start(job)
    assert running.wait(10)
    session.recall(job)
    assert overtaken.wait(10)
    session.close()
    engine.close()
    assert told[:2] == [False, True]
