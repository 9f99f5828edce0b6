"""Pools: workers kept, calls kept apart, nesting, and every way of closing."""

from __future__ import annotations

import pickle
import threading
from functools import partial
from typing import Any

import anyio
import pytest

import bodies
import concur
from programs import run_program

MODES = ["serial", "thread", "process", "async", "sim"]
PATIENCE = 60.0


@pytest.mark.parametrize(("mode", "who"), [("thread", bodies.thread_name), ("process", bodies.pid)])
def test_workers_are_kept_from_call_to_call(mode: str, who: Any) -> None:
    with concur.pool(mode=mode, workers=2) as pool:
        first = set(pool.run_parallel(who, range(50), chunksize=1))
        for _ in range(3):
            assert set(pool.run_parallel(who, range(50), chunksize=1)) <= first | set(
                pool.run_parallel(who, range(50), chunksize=1)
            )
            first |= set(pool.run_parallel(who, range(50), chunksize=1))
        assert len(first) <= 2


@pytest.mark.parametrize("mode", MODES)
def test_two_calls_at_once_do_not_mix(mode: str) -> None:
    found: dict[int, list[Any]] = {}
    with concur.pool(mode=mode, workers=2) as pool:

        def call(base: int) -> None:
            found[base] = [pool.run_parallel(bodies.double, range(base, base + 40)) for _ in range(3)]

        threads = [threading.Thread(target=call, args=(base,)) for base in (0, 1000, 2000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert found == {base: [[2 * x for x in range(base, base + 40)]] * 3 for base in (0, 1000, 2000)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fn", [bodies.double, bodies.adouble])
def test_two_zipped_streams_do_not_mix(mode: str, fn: Any) -> None:
    with (
        concur.pool(mode=mode, workers=2) as pool,
        pool.iter_parallel(fn, range(30)) as left,
        pool.iter_parallel(fn, range(100, 130)) as right,
    ):
        assert list(zip(left, right, strict=True)) == [(2 * x, 2 * x + 200) for x in range(30)]


@pytest.mark.parametrize("mode", MODES)
def test_nested_calls_end_with_one_worker(mode: str) -> None:
    with concur.pool(mode=mode, workers=1) as pool:
        assert pool.run_parallel(bodies.Nest(pool, 3), [1, 5]) == [bodies.nested(1, 3), bodies.nested(5, 3)]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("mode", MODES)
def test_nested_coroutine_calls_end_with_one_worker(mode: str, loop: str) -> None:
    async def main() -> None:
        async with concur.pool(mode=mode, workers=1) as pool:
            with anyio.fail_after(PATIENCE):
                got = await pool.arun_parallel(bodies.AsyncNest(pool, 3), [1, 5])
        assert got == [bodies.nested(1, 3), bodies.nested(5, 3)]

    anyio.run(main, backend=loop)


@pytest.mark.parametrize("mode", MODES)
def test_a_closed_pool_says_so_and_closes_again(mode: str) -> None:
    pool = concur.pool(mode=mode, workers=1)
    assert pool.run_parallel(bodies.double, [1]) == [2]
    stream = pool.iter_parallel(bodies.double, [1])
    pool.close()
    pool.close()
    for use in (
        lambda: pool.run_parallel(bodies.double, [1]),
        lambda: pool.iter_parallel(bodies.double, [1]),
        lambda: anyio.run(partial(pool.arun_parallel, bodies.double, [1])),
        pool.__enter__,
    ):
        with pytest.raises(concur.Closed):
            use()
    if mode in ("thread", "process", "async"):
        with pytest.raises(concur.Closed):
            next(stream)


@pytest.mark.parametrize("fn", [bodies.double, bodies.adouble])
@pytest.mark.parametrize("mode", ["thread", "process", "async"])
def test_closing_ends_the_call_of_another_thread(mode: str, fn: Any) -> None:
    pool = concur.pool(mode=mode, workers=2)
    going = threading.Event()
    errors: list[BaseException] = []

    def items() -> Any:
        for x in range(1 << 40):
            if x == 50:
                going.set()
            yield x

    def call() -> None:
        try:
            pool.run_parallel(fn, items(), window=64)
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    assert going.wait(PATIENCE)
    pool.close()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "the call hangs"
    assert [isinstance(error, concur.ConcurError) for error in errors] == [True], errors


@pytest.mark.parametrize("fn", [bodies.mark_and_sleep])
def test_closing_ends_a_call_whose_bodies_run(fn: Any, tmp_path: Any) -> None:
    pool = concur.pool(mode="process", workers=1)
    errors: list[BaseException] = []

    def call() -> None:
        try:
            pool.run_parallel(fn, [(str(tmp_path), bodies.LONG)] * 3)
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    bodies.wait_until(lambda: bodies.running(tmp_path), "a running body")
    pool.close()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "the call hangs"
    assert [isinstance(error, concur.ConcurError) for error in errors] == [True], errors


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("mode", MODES)
def test_a_pool_serves_async_callers(mode: str, loop: str) -> None:
    async def main() -> None:
        async with concur.pool(mode=mode, workers=2) as pool:
            for fn in (bodies.double, bodies.adouble):
                assert await pool.arun_parallel(fn, range(10)) == [2 * x for x in range(10)]
                async with pool.aiter_parallel(fn, range(10)) as results:
                    assert [value async for value in results] == [2 * x for x in range(10)]

    anyio.run(main, backend=loop)


def test_a_pool_that_is_sent_to_its_worker_runs_there() -> None:
    with concur.pool(mode="process", workers=1) as pool:
        sent = pickle.loads(pickle.dumps(pool))
        assert sent.run_parallel(bodies.double, [1, 2]) == [2, 4]
        (inner,) = pool.run_parallel(_inner_pids, [pool])
        assert len(set(inner)) == 1


def _inner_pids(pool: Any) -> list[int]:
    return [bodies.pid(0), *pool.run_parallel(bodies.pid, range(3))]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fn", ["double", "adouble"])
def test_an_open_pool_does_not_hold_up_the_end_of_a_program(mode: str, fn: str) -> None:
    ended = run_program(f"""
        import bodies, concur
        if __name__ == "__main__":
            pool = concur.pool(mode={mode!r}, workers=2)
            print(pool.run_parallel(bodies.{fn}, range(3)))
    """)
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "[0, 2, 4]", "")


@pytest.mark.parametrize("name", ["mode", "workers", "setup"])
def test_what_belongs_to_the_pool_is_refused_in_its_calls(name: str) -> None:
    with concur.pool(mode="serial") as pool, pytest.raises(concur.InvalidCall, match=name):
        pool.run_parallel(bodies.double, [1], **{name: None})  # type: ignore[call-overload]  # on purpose
