"""A coroutine that blocks its worker's event loop cannot be cancelled: its worker is killed."""

from __future__ import annotations

import time

import concur


async def sleep_without_awaiting(seconds: float) -> float:
    time.sleep(seconds)  # the workload itself: it keeps the loop from everything else
    return seconds


def test_a_timeout_ends_a_coroutine_that_blocks_its_loop() -> None:
    began = time.monotonic()
    outcomes = concur.run_parallel(
        sleep_without_awaiting, [0, 60, 0], mode="process", workers=2, timeout=0.5, on_error="collect"
    )
    assert [type(outcome) for outcome in outcomes] == [concur.Ok, concur.TimedOut, concur.Ok]
    assert time.monotonic() - began < 30
