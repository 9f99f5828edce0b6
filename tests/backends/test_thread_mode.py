"""Thread mode: named threads, no more than needed, one wake-up per job, an abandoned one replaced, none left."""

from __future__ import annotations

import os
import subprocess
import threading
from contextvars import copy_context
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

import bodies
import concur
from concur._core.steps import Breakdown, Job, Report
from concur.backends import Work
from concur.backends.thread import ThreadEngine, name_for_system

PATIENCE = 20.0


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("concur-thread-")]


def test_threads_are_named_in_python_and_in_the_system() -> None:
    with concur.pool(mode="thread", workers=2) as pool:
        latch = threading.Barrier(2)

        def body(_: int) -> tuple[str, str]:
            latch.wait(PATIENCE)
            comm = Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text().strip()
            return threading.current_thread().name, comm

        names = set(pool.run_parallel(body, range(2), chunksize=1))
        assert names == {("concur-thread-0", "concur-thread-0"), ("concur-thread-1", "concur-thread-1")}
        listed = subprocess.run(["ps", "-T", "-p", str(os.getpid())], capture_output=True, text=True, timeout=PATIENCE)
        assert "concur-thread-0" in listed.stdout


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("concur-thread-0", "concur-thread-0"),
        ("concur-thread-12", "concur-threa-12"),
        ("concur-process-0", "concur-proces-0"),
        ("concur-process-123", "concur-proc-123"),
    ],
)
def test_a_long_name_keeps_its_number(name: str, short: str) -> None:
    found: list[str] = []

    def named() -> None:
        name_for_system(name)
        found.append(Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text().strip())

    thread = threading.Thread(target=named)
    thread.start()
    thread.join(PATIENCE)
    assert found == [short]


@pytest.mark.parametrize(("n", "w"), [(1, 8), (3, 8), (8, 3)])
def test_no_more_threads_start_than_items_or_workers(n: int, w: int) -> None:
    seen = concur.run_parallel(bodies.thread_name, range(n), mode="thread", workers=w, chunksize=1)
    assert len(set(seen)) <= min(n, w)
    assert workers() == []
    assert concur.run_parallel(bodies.thread_name, [], mode="thread") == []


def test_each_job_costs_one_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gets: list[int] = []
    jobs: list[int] = []

    class Counting(SimpleQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            gets.append(1)
            return super().get(block, timeout)

    put = ThreadEngine.put
    monkeypatch.setattr("concur.backends.thread.SimpleQueue", Counting)
    monkeypatch.setattr(ThreadEngine, "put", lambda *args: (jobs.append(1), put(*args)))
    assert concur.run_parallel(bodies.double, range(1000), mode="thread", workers=2, chunksize=10) == [
        2 * x for x in range(1000)
    ]
    assert len(jobs) == 100
    assert len(gets) <= len(jobs) + 2, "a worker asked for more than its jobs and its end"


def test_an_abandoned_thread_is_replaced_and_ends_with_its_body() -> None:
    release = threading.Event()
    names: list[str] = []

    def body(x: int) -> str:
        names.append(threading.current_thread().name)
        if x == 0:
            release.wait(PATIENCE)
        return threading.current_thread().name

    outcomes = concur.run_parallel(body, range(4), mode="thread", workers=1, timeout=0.2, on_error="collect")
    assert [outcome.ok for outcome in outcomes] == [False, True, True, True]
    assert isinstance(outcomes[0].error, concur.ItemTimeout)
    assert names[0] == "concur-thread-0"
    assert set(names[1:]) == {"concur-thread-1"}
    (left,) = workers()
    assert left.daemon
    release.set()
    left.join(PATIENCE)
    assert workers() == []


def test_a_setup_that_exits_ends_the_call_and_leaves_no_thread() -> None:
    def setup() -> None:
        raise KeyboardInterrupt("of its own making")

    with pytest.raises(KeyboardInterrupt):
        concur.run_parallel(bodies.double, range(4), mode="thread", workers=2, setup=setup)
    assert workers() == []


def test_the_system_refusing_threads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise RuntimeError("can't start new thread")

    engine = ThreadEngine(2, None, frozenset())
    mail: SimpleQueue[Report | Breakdown] = SimpleQueue()
    session = engine.session(Work(fn=abs, context=copy_context()), mail.put)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(concur.Unsupported, match="refused"):
            session.start(Job(0, [1]))
    session.start(Job(0, [-1]))
    report = mail.get(timeout=PATIENCE)
    assert isinstance(report, Report)
    assert report.values == [1]
    engine.close()
