"""What a worker keeps: values made once, closed once, newest first."""

from __future__ import annotations

import sys
import threading
import warnings
from contextvars import copy_context

import pytest

import concur
from concur._drive.state import WorkerState, current_worker
from concur.errors import SetupFailed


class Thing:
    def __init__(self, name: str, log: list[str], error: BaseException | None = None) -> None:
        self.name, self.log, self.error = name, log, error

    def close(self) -> None:
        self.log.append(self.name)
        if self.error is not None:
            raise self.error


class Entered:
    def __init__(self, log: list[str]) -> None:
        self.log = log

    def __enter__(self) -> str:
        self.log.append("in")
        return "value"

    def __exit__(self, *_: object) -> None:
        self.log.append("out")


def test_a_value_is_made_once_and_closed_once_the_newest_first() -> None:
    log: list[str] = []
    state = WorkerState("w")
    first = state.get("a", lambda: Thing("a", log))
    state.get("b", lambda: Thing("b", log))
    assert state.get("a", lambda: Thing("never", log)) is first
    state.close()
    state.close()
    assert log == ["b", "a"]


def test_a_context_manager_is_entered_and_left() -> None:
    log: list[str] = []
    state = WorkerState("w")
    assert state.get("a", lambda: Entered(log)) == "value"
    assert log == ["in"]
    state.close()
    assert log == ["in", "out"]


def test_one_local_may_be_made_of_another() -> None:
    outer = concur.WorkerLocal(lambda: ("outer", inner.get()))
    inner = concur.WorkerLocal(lambda: "inner")
    for mode in ("serial", "thread", "async"):
        assert concur.run_parallel(lambda _: outer.get(), [1], mode=mode) == [("outer", "inner")]


@pytest.mark.parametrize("strict", [False, True], ids=["warnings", "warnings are errors"])
def test_a_closer_that_fails_keeps_no_other_open(strict: bool) -> None:
    log: list[str] = []
    state = WorkerState("w")
    state.get("a", lambda: Thing("a", log))
    state.get("b", lambda: Thing("b", log, ValueError("b")))
    state.get("c", lambda: Thing("c", log, OSError("c")))
    with warnings.catch_warnings(record=not strict) as caught:
        warnings.simplefilter("error" if strict else "always")
        state.close()
    assert log == ["c", "b", "a"]
    if caught is not None:
        assert [warning.category for warning in caught] == [ResourceWarning, ResourceWarning]


def test_a_factory_that_fails_is_tried_again() -> None:
    attempts: list[int] = []

    def factory() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")
        return "value"

    state = WorkerState("w")
    with pytest.raises(OSError, match="not yet"):
        state.get("a", factory)
    assert state.get("a", factory) == "value"


def test_threads_that_ask_at_once_get_the_same_value() -> None:
    made: list[object] = []
    state = WorkerState("w")

    def factory() -> object:
        made.append(object())
        return made[-1]

    got: list[object] = []
    go = threading.Barrier(8)

    def ask() -> None:
        go.wait(20)
        got.append(state.get("a", factory))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    finally:
        sys.setswitchinterval(before)
    assert len(made) == 1
    assert got == made * 8


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_a_setup_that_fails_is_a_setup_failure(error: BaseException) -> None:
    def setup() -> None:
        raise error

    with pytest.raises(SetupFailed) as caught:
        WorkerState("w").set_up(setup)
    assert caught.value.__cause__ is error
    assert "w" in str(caught.value)


def test_the_current_worker_is_seen_in_its_context_alone() -> None:
    state = WorkerState("w")
    assert current_worker() is None
    assert state.context(copy_context()).run(current_worker) is state
    assert current_worker() is None
