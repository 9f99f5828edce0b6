"""Simulated mode: same seed, same run; crashes, hangs and time as told; every schedule of a small run."""

from __future__ import annotations

from typing import Any

import pytest

import bodies
import concur
from concur.backends.sim import Sim


def order(mode: Sim, n: int = 8) -> list[int]:
    return list(concur.iter_parallel(bodies.same, range(n), mode=mode, workers=3, ordered=False, chunksize=1))


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    orders = [order(Sim(seed)) for seed in range(10)]
    assert orders == [order(Sim(seed)) for seed in range(10)]
    assert len({tuple(found) for found in orders}) > 1
    assert all(sorted(found) == list(range(8)) for found in orders)


def test_durations_decide_the_order_on_a_virtual_clock() -> None:
    assert order(Sim(duration=lambda index: 100.0 - index), 3) == [2, 1, 0]
    outcomes = concur.run_parallel(
        bodies.same, range(3), mode=Sim(duration=lambda index: 3600.0 * index), workers=3, on_error="collect"
    )
    assert [outcome.duration for outcome in outcomes] == [0.0, 3600.0, 7200.0]


def test_a_crash_costs_its_item_at_the_first_attempt_only() -> None:
    outcomes = concur.run_parallel(bodies.same, range(5), mode=Sim(crash={2}), workers=2, on_error="collect")
    assert [type(outcome).__name__ for outcome in outcomes] == ["Ok", "Ok", "Crashed", "Ok", "Ok"]
    assert concur.run_parallel(bodies.same, range(5), mode=Sim(crash={2}), workers=2, retry=1) == list(range(5))


def test_a_hang_is_ended_by_a_timeout_a_deadline_or_leaving() -> None:
    outcomes = concur.run_parallel(bodies.same, range(4), mode=Sim(hang={1}), workers=2, timeout=5, on_error="collect")
    assert [outcome.ok for outcome in outcomes] == [True, False, True, True]
    with pytest.raises(concur.DeadlineExceeded) as caught:
        concur.run_parallel(bodies.same, range(4), mode=Sim(hang={1}), workers=2, deadline=5)
    assert caught.value.results == {0: 0, 2: 2, 3: 3}
    with concur.iter_parallel(bodies.same, range(4), mode=Sim(hang={1}), workers=2) as results:
        assert next(results) == 0


@pytest.mark.parametrize("fn", [bodies.same, bodies.adouble])
def test_a_standstill_is_a_clear_error(fn: Any) -> None:
    with pytest.raises(concur.Unsupported, match="stands still"):
        concur.run_parallel(fn, range(3), mode=Sim(hang={0, 1, 2}), workers=2)


def test_every_schedule_of_a_small_run_gives_the_same_list() -> None:
    seen: set[tuple[int, ...]] = set()
    pending: list[list[int]] = [[]]
    while pending:
        script = pending.pop()
        taken: list[tuple[int, int]] = []

        def choose(k: int, script: list[int] = script, taken: list[tuple[int, int]] = taken) -> int:
            choice = script[len(taken)] if len(taken) < len(script) else 0
            taken.append((choice, k))
            return choice

        found = order(Sim(choose=choose), 4)
        assert sorted(found) == [0, 1, 2, 3]
        seen.add(tuple(found))
        for at in range(len(script), len(taken)):
            pending += [[choice for choice, _ in taken[:at]] + [other] for other in range(1, taken[at][1])]
    assert (0, 1, 2, 3) in seen
    assert (2, 1, 0, 3) in seen
    assert len(seen) == 18, "three lanes: each of 4 items may end first, as far as it has begun"


def test_what_is_not_a_choice_is_refused() -> None:
    with pytest.raises(concur.InvalidOption):
        Sim(choose=3)  # type: ignore[arg-type]  # on purpose
