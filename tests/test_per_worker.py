"""Set-up, worker-local values and context variables, in every mode and for both kinds of functions."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

import bodies
import concur

if TYPE_CHECKING:
    from pathlib import Path

MODES = ["serial", "thread", "process", "async", "sim"]
SHARED = ["serial", "thread", "async", "sim"]


@pytest.mark.parametrize("fn", [bodies.double, bodies.adouble])
@pytest.mark.parametrize("mode", MODES)
def test_setup_runs_once_in_each_worker_before_its_items(mode: str, fn: Any, tmp_path: Path) -> None:
    workers = 2
    with concur.pool(mode=mode, workers=workers, setup=bodies.Folder(str(tmp_path))) as pool:
        for _ in range(2):
            assert pool.run_parallel(fn, range(6), chunksize=1) == [0, 2, 4, 6, 8, 10]
    calls = len(bodies.runs(tmp_path))
    assert 1 <= calls <= 2 * workers if mode in ("serial", "sim", "async") else 1 <= calls <= workers


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit("no")])
@pytest.mark.parametrize("fn", [bodies.double, bodies.adouble])
@pytest.mark.parametrize("mode", MODES)
def test_a_setup_that_fails_is_told_and_runs_no_item(mode: str, fn: Any, error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(concur.SetupFailed, match="no"):
        concur.run_parallel(fn, range(6), mode=mode, workers=2, setup=bodies.Folder(str(tmp_path), error))


def can_end(mode: str, end: str, kind: Any) -> bool:
    """Say whether a body that hangs is ended: elsewhere it would run on for as long as it hangs."""
    hangs_on = mode in ("serial", "sim") or (mode in ("thread", "async") and kind is bodies.UseLocal)
    return end != "timeout" or not hangs_on


ENDS = ["success", "error", "break", "timeout"]
USES = [use for use in product(MODES, ENDS, [bodies.UseLocal, bodies.AsyncUseLocal]) if can_end(*use)]


@pytest.mark.parametrize(("mode", "end", "kind"), USES)
def test_a_local_is_made_once_per_worker_and_closed_once(mode: str, end: str, kind: Any, tmp_path: Path) -> None:
    local = concur.WorkerLocal(bodies.MakeConnection(str(tmp_path)))
    fn = kind(local, fail=3 if end == "error" else -1, hang=3 if end == "timeout" else -1)
    options = {"timeout": 0.3} if end == "timeout" else {}
    try:
        with concur.iter_parallel(fn, range(8), mode=mode, workers=2, chunksize=1, **options) as results:
            for _ in results:
                if end == "break":
                    break
    except (ValueError, concur.ItemTimeout):
        assert end in ("error", "timeout")
    made, closed = bodies.made(tmp_path), bodies.closed(tmp_path)
    assert 1 <= len(made) <= 2
    assert closed <= made
    if mode != "process" or end == "success":  # a worker that is killed closes nothing
        assert closed == made


@pytest.mark.parametrize("mode", SHARED)
def test_a_factory_that_fails_fails_the_item_that_asked(mode: str) -> None:
    tries: list[int] = []

    def factory() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not yet")
        return "value"

    local = concur.WorkerLocal(factory)
    outcomes = concur.run_parallel(
        lambda _: local.get(), range(3), mode=mode, workers=1, chunksize=1, on_error="collect"
    )
    assert [type(outcome) for outcome in outcomes] == [concur.Failed, concur.Ok, concur.Ok]


@pytest.mark.parametrize("chunksize", [1, 3])
@pytest.mark.parametrize("fn", [bodies.see_and_set, bodies.asee_and_set])
@pytest.mark.parametrize("mode", SHARED)
def test_context_is_seen_and_what_items_set_is_not(mode: str, fn: Any, chunksize: int) -> None:
    token = bodies.variable.set("the caller's")
    try:
        got = concur.run_parallel(fn, range(9), mode=mode, workers=2, chunksize=chunksize)
        assert got == ["the caller's"] * 9
        assert bodies.variable.get() == "the caller's"
    finally:
        bodies.variable.reset(token)


@pytest.mark.parametrize("mode", [*SHARED, "process"])
def test_a_crash_a_hang_and_an_error_are_worth_another_attempt_when_named(mode: str, tmp_path: Path) -> None:
    if mode == "process":
        items = [(str(tmp_path), index) for index in range(7)]
        retry = concur.Retry(attempts=2, on=(concur.WorkerCrashed,))
        outcomes = concur.run_parallel(bodies.die_once, items, mode=mode, workers=2, retry=retry, on_error="collect")
        assert [outcome.attempts for outcome in outcomes] == [2, 1, 1, 2, 1, 1, 2]
        assert all(outcome.ok for outcome in outcomes)
        hung = concur.run_parallel(
            bodies.hang_once,
            items,
            mode=mode,
            workers=2,
            timeout=0.4,
            retry=concur.Retry(attempts=2, on=(concur.ItemTimeout,)),
            on_error="collect",
        )
        assert [outcome.attempts for outcome in hung] == [1, 2, 1, 1, 1, 1, 1]
    else:
        calls: list[int] = []

        def body(x: int) -> int:
            calls.append(x)
            if x == 2:
                raise KeyError(x)
            if x == 4 and calls.count(4) < 3:
                raise OSError(x)
            return x

        outcomes = concur.run_parallel(
            body, range(6), mode=mode, workers=2, retry=concur.Retry(attempts=3, on=(OSError,)), on_error="collect"
        )
        assert [outcome.ok for outcome in outcomes] == [True, True, False, True, True, True]
        assert [calls.count(x) for x in range(6)] == [1, 1, 1, 1, 3, 1]


@pytest.mark.parametrize("fn", [bodies.hang_at, bodies.ahang_at])
@pytest.mark.parametrize("mode", ["process", "thread", "async"])
def test_a_deadline_keeps_what_completed(mode: str, fn: Any) -> None:
    if mode == "thread" and fn is bodies.hang_at:
        import threading

        release = threading.Event()

        def fn(item: tuple[int, int]) -> int:
            if item[0] == item[1]:
                release.wait(bodies.PATIENCE)
            return item[0]

    items = [(index, 2) for index in range(6)]
    limit = 3.0 if mode == "process" else 0.5
    with pytest.raises(concur.DeadlineExceeded) as caught:
        concur.run_parallel(fn, items, mode=mode, workers=2, deadline=limit, chunksize=1)
    assert caught.value.results == {0: 0, 1: 1, 3: 3, 4: 4, 5: 5}
    outcomes = concur.run_parallel(fn, items, mode=mode, workers=2, deadline=limit, chunksize=1, on_error="collect")
    assert [outcome.ok for outcome in outcomes] == [True, True, False, True, True, True]
    assert isinstance(outcomes[2], concur.Cancelled)
    if mode == "thread" and "release" in locals():
        release.set()
