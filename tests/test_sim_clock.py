"""The simulated mode measures in virtual seconds throughout."""

from __future__ import annotations

import concur
from concur.backends.sim import Sim


def test_what_timed_out_took_its_virtual_time() -> None:
    outcomes = concur.run_parallel(abs, [1, 2], mode=Sim(hang={1}), timeout=5.0, on_error="collect")
    assert isinstance(outcomes[1], concur.TimedOut)
    assert 4.9 <= outcomes[1].duration <= 5.1


def test_what_crashed_took_its_virtual_time() -> None:
    mode = Sim(crash={1}, duration=lambda index: 2.0)
    outcomes = concur.run_parallel(abs, [1, 2], mode=mode, on_error="collect")
    assert isinstance(outcomes[1], concur.Crashed)
    assert 1.9 <= outcomes[1].duration <= 2.1
