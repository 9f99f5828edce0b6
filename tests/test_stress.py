"""Many maps with random faults over kept pools: every item has its one outcome, and the pool goes on."""

from __future__ import annotations

import time
from random import Random

import pytest

import bodies
import concur

MAPS = {"thread": 250, "process": 25}


def faulty(item: tuple[int, str]) -> int:
    index, fault = item
    if fault == "error":
        raise ValueError(index)
    if fault == "hang":
        time.sleep(0.5)
    if fault in ("exit", "kill"):
        bodies.die(fault)
    return index


EXPECTED = {"": "Ok", "error": "Failed", "hang": "TimedOut", "exit": "Crashed", "kill": "Crashed"}


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(MAPS))
def test_random_faults(mode: str) -> None:
    random = Random(2)
    faults = ["", "", "", "", "", "", "", "", "error"] + (["exit", "kill"] if mode == "process" else [])
    with concur.pool(mode=mode, workers=2) as pool:
        for round_ in range(MAPS[mode]):
            items = [(index, random.choice(faults)) for index in range(random.randrange(1, 12))]
            timeout = None
            if round_ % 20 == 7:
                items[-1] = (len(items) - 1, "hang")
                timeout = 0.2
            outcomes = pool.run_parallel(
                faulty, items, on_error="collect", chunksize=random.choice([None, 1, 3]), timeout=timeout
            )
            assert [type(outcome).__name__ for outcome in outcomes] == [EXPECTED[fault] for _, fault in items]
            if random.random() < 0.3:
                with pool.iter_parallel(bodies.double, range(1000), window=8) as results:
                    assert [next(results) for _ in range(3)] == [0, 2, 4]
