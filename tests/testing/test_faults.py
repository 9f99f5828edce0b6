"""A law that cannot fail is a defect: each fault of a backend is caught, by the laws that are about it."""

from __future__ import annotations

import pytest

from concur.testing import Failed, Subject, check
from testing import faulty

CAUGHT = [
    (faulty.LostResult, ["V1", "V12", "E5", "M2"]),
    (faulty.SwappedResults, ["V1", "V7", "V12"]),
    (faulty.SwallowedError, ["E1", "E5", "E7", "M2"]),
    (faulty.AnothersError, ["E5", "E8"]),
    (faulty.WrappedError, ["E1", "E14", "M2"]),
    (faulty.DoubleRun, ["V15", "K11"]),
    (faulty.InterpretedValue, ["V10"]),
    (faulty.SharedContext, ["V1", "V6"]),
    (faulty.OneTooMany, ["C1", "C11"]),
    (faulty.LeakedThread, ["V1", "K4"]),
    (faulty.LateError, ["V1", "E17"]),
    (faulty.IgnoredCancel, ["E4"]),
]


@pytest.mark.parametrize(
    ("fault", "name"),
    [pytest.param(fault, law, id=f"{law}-{fault.__name__}") for fault, laws in CAUGHT for law in laws],
)
def test_the_law_catches_the_fault(fault: type, name: str) -> None:
    try:
        verdict = check(name, Subject(mode=faulty.Faulty(fault.__name__, fault)), examples=60)
    finally:
        faulty.let_go()
    assert isinstance(verdict, Failed), verdict
    assert verdict.counter_example
