"""How bench runs a contender: the tables of names hang together, wrong results and hangs are caught."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bench.children import Child, as_measured
from bench.contenders import (
    CONTENDERS,
    Contender,
    CoroutineContender,
    ImportContender,
    MapContender,
    Run,
    StreamContender,
    Task,
)
from bench.harness import Failure, Measured, Reading
from bench.host import serve
from bench.measure import mismatch, opened
from bench.workloads import WORKLOADS, Workload

ROOT = Path(__file__).parents[2]
KINDS: dict[str, type[Contender]] = {
    "map": MapContender,
    "coroutines": CoroutineContender,
    "stream": StreamContender,
    "import": ImportContender,
}


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda it: it.name)
def test_a_workload_names_contenders_that_can_do_it(workload: Workload) -> None:
    for name in workload.contenders:
        contender = CONTENDERS[name]
        assert isinstance(contender, KINDS[workload.kind])
        if isinstance(contender, CoroutineContender):
            assert workload.loop in contender.loops


MAPPED = [workload for workload in WORKLOADS.values() if workload.fn is not None]


@pytest.mark.parametrize("workload", MAPPED, ids=lambda it: it.name)
def test_what_a_workload_expects_is_what_a_serial_loop_gives(workload: Workload) -> None:
    if workload.loop == "trio":
        pytest.importorskip("trio")

    async def loop() -> list[object]:
        results: list[object] = []
        for item in workload.items(3):
            result = workload.fn(item) if workload.fn else None
            results.append(await result if isinstance(result, Awaitable) else result)
        return results

    if workload.loop == "trio":
        import trio

        results = trio.run(loop)
    else:
        results = asyncio.run(loop())
    assert results == list(workload.expected(3))


def test_a_mismatch_names_the_first_item_that_differs() -> None:
    assert mismatch([1, 2], [1, 2]) is None
    assert mismatch([1, 5, 6], [1, 2, 3]) == "wrong result: item 1 gave 5 instead of 2"
    assert mismatch([1], [1, 2]) == "wrong result: it ends before item 1"
    assert mismatch([1, 2], [1]) == "wrong result: more than 1 items"


def test_a_run_is_timed_by_the_clock_that_is_passed_in() -> None:
    ticks = iter([10.0, 12.5])
    workload = WORKLOADS["trivial-serial"]
    with opened(workload, CONTENDERS["list-comprehension"], 5, lambda: next(ticks)) as trial:
        assert trial() == Reading(value=2.5, seconds=2.5)


def test_a_contender_with_a_wrong_result_fails() -> None:
    @contextmanager
    def wrong(task: Task) -> Iterator[Run]:
        yield lambda items: [0 for _ in items]

    contender = MapContender(name="wrong", about="", open=wrong)
    with opened(WORKLOADS["trivial-serial"], contender, 5, lambda: 0.0) as trial:
        assert trial() == Failure("wrong result: item 0 gave 0 instead of 1")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
@pytest.mark.parametrize(("results", "good"), [([1, 2, 3], True), ([1, 3, 2], False), ([1, 2], False)])
def test_a_stream_with_a_wrong_or_missing_result_fails(results: list[int], good: bool) -> None:
    @contextmanager
    def given(task: Task, items: object) -> Iterator[list[int]]:
        yield results

    contender = StreamContender(name="given", about="", stream=given)
    with opened(WORKLOADS["stream-memory"], contender, 3, lambda: 0.0) as trial:
        assert isinstance(trial(), Reading if good else Failure)


def test_the_host_answers_each_line_and_tells_of_an_exception() -> None:
    def broken() -> Measured:
        raise ValueError("two\nlines")

    replies = io.StringIO()
    serve(lambda: Reading(value=1.0, seconds=2.0), ["run\n", "run\n"], replies)
    serve(broken, ["run\n"], replies)
    first, second, third = (json.loads(line) for line in replies.getvalue().splitlines())
    assert first == second == {"value": 1.0, "seconds": 2.0}
    assert third == {"failure": "ValueError: two lines"}


def test_a_reply_that_is_no_reading_is_a_failure() -> None:
    assert as_measured({"value": 1.0, "seconds": 2.0}) == Reading(value=1.0, seconds=2.0)
    assert isinstance(as_measured({"ready": "yes"}), Failure)
    assert as_measured(Failure("no")) == Failure("no")


def test_a_child_gives_readings_and_ends_when_it_is_closed() -> None:
    child = Child(WORKLOADS["trivial-serial"], "list-comprehension", n=5, cap=60, clock=time.monotonic)
    try:
        assert isinstance(child.run(), Reading)
        assert isinstance(child.run(), Reading)
    finally:
        child.close()
    assert not is_running(child)


def test_a_child_that_exceeds_the_cap_is_killed_and_says_so() -> None:
    child = Child(WORKLOADS["trivial-serial"], "list-comprehension", n=5, cap=0, clock=time.monotonic)
    try:
        assert not is_running(child)
        assert child.run() == Failure("exceeded the cap of 0 s")
    finally:
        child.close()


def test_a_child_that_dies_is_a_failure_with_its_last_words() -> None:
    nameless = Workload(name="no such", measures="", kind="map", ours="", peers=(), n=1, quick_n=1)
    child = Child(nameless, "list-comprehension", n=5, cap=60, clock=time.monotonic)
    try:
        assert child.run() == Failure("its process ended with code 1: KeyError: 'no such'")
    finally:
        child.close()


def test_the_command_runs_a_workload_and_writes_json(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    command = ["-m", "bench", "--quick", "--workload", "trivial-serial", "--json", str(file)]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (workload,) = json.loads(file.read_text())["workloads"]
    assert {each["name"]: each["status"] for each in workload["contenders"]} == {
        "concur-serial": "ok",
        "list-comprehension": "ok",
    }, done.stdout


def is_running(child: Child) -> bool:
    try:
        os.kill(child.pid, 0)
    except ProcessLookupError:
        return False
    return True
