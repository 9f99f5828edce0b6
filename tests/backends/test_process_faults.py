"""Workers that die, hang, or get what does not cross: the item pays, its mates run, the pool goes on."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import psutil
import pytest

import bodies
import concur
from concur.backends.process import Process

if TYPE_CHECKING:
    from pathlib import Path

HANG = 60.0  # seconds: what takes longer than this hangs; what is expected takes about one


@pytest.mark.parametrize("chunksize", [1, 4, None])
@pytest.mark.parametrize(("how", "exitcode"), [("exit", 3), ("kill", -9), ("segfault", -11)])
def test_a_crash_costs_the_item_that_ran_and_no_other(
    how: str, exitcode: int, chunksize: int | None, tmp_path: Path
) -> None:
    items = [(str(tmp_path), index, 5, how) for index in range(12)]
    outcomes = concur.run_parallel(
        bodies.die_at, items, mode="process", workers=2, chunksize=chunksize, on_error="collect"
    )
    assert [outcome.ok for outcome in outcomes] == [index != 5 for index in range(12)]
    crashed = outcomes[5]
    assert isinstance(crashed, concur.Crashed)
    assert isinstance(crashed.error, concur.WorkerCrashed)
    assert (crashed.error.index, crashed.error.exitcode) == (5, exitcode)
    assert crashed.worker.startswith("concur-process-")
    assert sorted(bodies.runs(tmp_path)) == list(range(12)), "an item ran twice or never"


def test_a_crash_raises_where_the_serial_loop_would_have_stopped(tmp_path: Path) -> None:
    items = [(str(tmp_path), index, 5, "exit") for index in range(12)]
    got: list[int] = []
    with (
        pytest.raises(concur.WorkerCrashed) as caught,
        concur.iter_parallel(bodies.die_at, items, mode="process", workers=2, chunksize=3) as results,
    ):
        got.extend(results)
    assert got == [0, 1, 2, 3, 4]
    assert caught.value.index == 5


def test_a_crash_under_a_coroutine_costs_what_that_worker_ran(tmp_path: Path) -> None:
    items = [(str(tmp_path), index, 5, "exit") for index in range(12)]
    outcomes = concur.run_parallel(bodies.adie_at, items, mode="process", workers=2, chunksize=1, on_error="collect")
    assert isinstance(outcomes[5], concur.Crashed)
    assert all(outcome.ok or isinstance(outcome, concur.Crashed) for outcome in outcomes)
    assert sorted(bodies.runs(tmp_path)) == sorted(set(bodies.runs(tmp_path)))


def test_a_pool_works_after_a_crash_of_every_worker(tmp_path: Path) -> None:
    with concur.pool(mode="process", workers=2) as pool:
        for round_ in range(3):
            items = [(str(tmp_path), index, index, "exit") for index in range(4)]
            outcomes = pool.run_parallel(bodies.die_at, items, on_error="collect")
            assert [type(outcome) for outcome in outcomes] == [concur.Crashed] * 4
            assert pool.run_parallel(bodies.double, range(5)) == [0, 2, 4, 6, 8]
            assert len(bodies.runs(tmp_path)) == 4 * (round_ + 1)


def test_a_worker_that_is_killed_while_idle_is_replaced_and_costs_no_item() -> None:
    with concur.pool(mode="process", workers=2) as pool:
        for _ in range(10):
            pids = set(pool.run_parallel(bodies.pid, range(4), chunksize=1))
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            assert pool.run_parallel(bodies.double, range(6), chunksize=1) == [0, 2, 4, 6, 8, 10]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_worker_that_dies_while_it_starts_ends_the_call(asynchronous: bool, tmp_path: Path) -> None:
    setup = bodies.Folder(str(tmp_path), exit_code=4)
    began = time.monotonic()
    call = partial(concur.arun_parallel if asynchronous else concur.run_parallel, bodies.double, range(3))
    call = partial(call, mode="process", workers=2, setup=setup)
    with pytest.raises(concur.WorkerStartFailed) as caught:
        anyio.run(call) if asynchronous else call()
    assert caught.value.exitcode == 4
    assert time.monotonic() - began < HANG


def test_a_timeout_kills_the_one_worker_that_overran(tmp_path: Path) -> None:
    with concur.pool(mode="process", workers=2) as pool:
        before = set(pool.run_parallel(bodies.pid, range(8), chunksize=1))
        assert len(before) == 2
        outcomes = pool.run_parallel(
            bodies.hang_at, [(index, 2) for index in range(8)], timeout=0.5, on_error="collect", chunksize=4
        )
        assert [outcome.ok for outcome in outcomes] == [index != 2 for index in range(8)]
        assert isinstance(outcomes[2].error, concur.ItemTimeout)
        after = set(pool.run_parallel(bodies.pid, range(8), chunksize=1))
        assert len(before & after) == 1, "the worker that overran is gone, its mate is not"


def test_a_timeout_cancels_the_one_coroutine_that_overran() -> None:
    with concur.pool(mode="process", workers=4) as pool:
        outcomes = pool.run_parallel(
            bodies.ahang_at, [(index, 2) for index in range(8)], timeout=0.5, on_error="collect"
        )
    assert [outcome.ok for outcome in outcomes] == [index != 2 for index in range(8)]
    assert isinstance(outcomes[2].error, concur.ItemTimeout)


def test_a_timeout_of_a_plain_body_spares_the_coroutines_of_another_call() -> None:
    """Both on one worker: the plain call's timeout kills it."""
    import threading

    with concur.pool(mode="process", workers=1) as pool:
        pool.run_parallel(bodies.double, [1])
        found: list[Any] = []

        def plain() -> None:
            found.extend(pool.run_parallel(bodies.hang_at, [(0, 0)] * 3, timeout=0.5, on_error="collect"))

        thread = threading.Thread(target=plain)
        thread.start()
        for _ in range(20):
            assert pool.run_parallel(bodies.adouble, range(3)) == [0, 2, 4]
        thread.join(HANG)
        assert [type(outcome) for outcome in found] == [concur.TimedOut] * 3


# -- what does not cross --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ["call", "pool", "async"])
@pytest.mark.parametrize(
    "kind", ["unpicklable", "unloadable", "exits", "exits on loading", "generator", "lock", "lambda"]
)
def test_a_result_that_does_not_cross_fails_its_item_alone(kind: str, entry: str) -> None:
    outcomes = _run(entry, bodies.make, ["a", kind, "b", "c"])
    assert [outcome.ok for outcome in outcomes] == [True, False, True, True]
    assert isinstance(outcomes[1].error, concur.NotTransferable), repr(outcomes[1].error)


@pytest.mark.parametrize("entry", ["call", "pool", "async"])
@pytest.mark.parametrize("kind", ["unpicklable", "unloadable", "exits", "exits on loading", "lock", "lambda"])
def test_an_item_that_does_not_cross_fails_alone(kind: str, entry: str) -> None:
    awkward = bodies.make(kind)
    outcomes = _run(entry, bodies.worker_name, [1, awkward, 2, 3])
    assert [outcome.ok for outcome in outcomes] == [True, False, True, True]
    assert isinstance(outcomes[1].error, concur.NotTransferable), repr(outcomes[1].error)
    assert outcomes[1].item is awkward


@pytest.mark.parametrize("entry", ["call", "pool", "async"])
def test_an_item_whose_unpickling_ends_the_worker_fails_alone(entry: str) -> None:
    outcomes = _run(entry, bodies.worker_name, [1, bodies.KillsWhereLoaded(), 2, 3])
    assert [outcome.ok for outcome in outcomes] == [True, False, True, True]
    assert isinstance(outcomes[1].error, concur.WorkerCrashed)
    assert outcomes[1].error.exitcode == 5


@pytest.mark.parametrize("entry", ["call", "pool", "async"])
@pytest.mark.parametrize("kind", ["needs two", "lock", "breaks", "exits", "no words", "notes", "frozen"])
def test_an_awkward_exception_arrives_as_itself_or_as_its_surrogate(kind: str, entry: str) -> None:
    outcomes = _run(entry, bodies.fail_with, ["a", kind, "b", "plain"])
    assert [outcome.ok for outcome in outcomes] == [True, False, True, False]
    error = outcomes[1].error
    assert not isinstance(error, concur.ConcurError)
    assert type(outcomes[3].error) is ValueError
    if isinstance(error, concur.RemoteError):
        assert error.type_name.startswith("bodies.")
        assert "fail_with" in error.traceback
    else:
        assert type(error).__module__ == "bodies"
    if kind == "needs two":
        assert isinstance(error, bodies.NeedsTwo)
        assert (error.first, error.second, error.args) == ("a", "b", ("a b",))


@pytest.mark.parametrize("entry", ["call", "pool", "async"])
@pytest.mark.parametrize("fn", [bodies.LoadsOnlyAtHome(), bodies.AsyncLoadsOnlyAtHome()], ids=["plain", "coroutine"])
def test_a_function_that_breaks_on_unpickling_ends_the_call(fn: Any, entry: str) -> None:
    with pytest.raises(concur.NotTransferable, match="no entry"):
        _run(entry, fn, [1, 2, 3])


def test_a_function_whose_unpickling_ends_the_worker_is_no_hang() -> None:
    outcomes = concur.run_parallel(_Deadly(), [1, 2], mode="process", workers=1, on_error="collect")
    assert not any(outcome.ok for outcome in outcomes)


class _Deadly:
    def __init__(self) -> None:
        self.poison = bodies.KillsWhereLoaded()

    def __call__(self, x: int) -> int:
        return x


def _run(entry: str, fn: Any, items: list[Any]) -> list[Any]:
    if entry == "call":
        return concur.run_parallel(fn, items, mode="process", workers=1, on_error="collect", chunksize=4)
    if entry == "pool":
        with concur.pool(mode="process", workers=1) as pool:
            outcomes = pool.run_parallel(fn, items, on_error="collect", chunksize=4)
            assert pool.run_parallel(bodies.double, [1]) == [2]
            return outcomes

    async def main() -> list[Any]:
        with anyio.fail_after(HANG):
            return await concur.arun_parallel(fn, items, mode="process", workers=1, on_error="collect", chunksize=4)

    return anyio.run(main)


# -- start methods --------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 warns of threads
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_every_start_method_gives_the_same(method: str, tmp_path: Path) -> None:
    mode = Process(method)
    items = [(str(tmp_path), index, 3, "exit") for index in range(6)]
    outcomes = concur.run_parallel(bodies.die_at, items, mode=mode, workers=2, on_error="collect", chunksize=2)
    assert [type(outcome).__name__ for outcome in outcomes] == ["Ok", "Ok", "Ok", "Crashed", "Ok", "Ok"]
    assert concur.run_parallel(bodies.adouble, range(4), mode=mode, workers=2) == [0, 2, 4, 6]
    bodies.variable.set("the caller's")
    assert concur.run_parallel(bodies.see_both, [1], mode=mode, workers=1, context=("bodies.variable",)) == [
        ("the caller's", "unset")
    ]
    with pytest.raises(ValueError, match="plain"):
        concur.run_parallel(bodies.fail_with, ["plain"], mode=mode, workers=1)


def test_no_child_is_left_after_faults(tmp_path: Path) -> None:
    def workers() -> set[int]:
        found = psutil.Process().children(recursive=True)
        return {child.pid for child in found if child.name().startswith("concur-")}

    assert workers() == set()
    items = [(str(tmp_path), index, index % 2, "kill") for index in range(4)]
    concur.run_parallel(bodies.die_at, items, mode="process", workers=2, on_error="collect")
    assert workers() == set()
