"""A law that cannot fail is a defect: each fault of a backend, or of the schedule, is caught by the laws about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from concur._core.plan import Plan
from concur._core.schedule import Schedule
from concur.testing import Failed, Held, Skipped, Subject, check, switchboard
from testing import faulty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from concur.testing import Verdict

CAUGHT = {
    faulty.LostResult: ["V1", "V12", "E5", "M2"],
    faulty.SwappedResults: ["V1", "V7", "V12"],
    faulty.SwallowedError: ["E1", "E5", "E7", "M2"],
    faulty.AnothersError: ["E5", "E8"],
    faulty.WrappedError: ["E1", "E14", "M2"],
    faulty.DoubleRun: ["V15", "K11"],
    faulty.InterpretedValue: ["V10"],
    faulty.SharedContext: ["V1", "V6"],
    faulty.TooManyWorkers: ["C1", "C3", "C11"],
    faulty.OneWorker: ["C2"],
    faulty.NothingGivenBack: ["C5"],
    faulty.LeakedThread: ["V1", "K4"],
    faulty.LateError: ["V1", "E17"],
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a fault makes wait is not waited for as long as on a busy machine."""
    monkeypatch.setattr(switchboard, "PATIENCE", 1.0)
    yield
    faulty.let_go()


def caught(verdict: Verdict) -> None:
    assert isinstance(verdict, Failed), verdict
    assert verdict.counter_example


@pytest.mark.parametrize(
    ("fault", "name"),
    [pytest.param(fault, law, id=f"{law}-{fault.__name__}") for fault, laws in CAUGHT.items() for law in laws],
)
def test_the_law_catches_the_fault_of_a_backend(fault: type, name: str) -> None:
    caught(check(name, Subject(mode=faulty.Faulty(fault.__name__, fault)), examples=60))


@pytest.mark.parametrize("name", ["V1", "V10", "V15", "E1", "E5", "C1", "C2", "C5", "K11", "M2"])
def test_the_law_holds_for_a_wrapped_backend_without_a_fault(name: str) -> None:
    subject = Subject(mode=faulty.Faulty("faultless", faulty.Faultless))
    assert check(name, subject, examples=10) == Held(name)


@pytest.mark.parametrize("name", ["C4", "C5", "E4", "M3"])
def test_the_law_catches_an_ignored_window(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    init = Schedule.__init__

    def without_window(self: Schedule, plan: Plan, *args: object) -> None:
        init(self, replace(plan, window=None), *args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Schedule, "__init__", without_window)
    caught(check(name, Subject(mode="sim" if name == "M3" else "thread"), examples=60))


@pytest.mark.parametrize("name", ["E3", "M3"])
def test_the_law_catches_an_early_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def end_at_once(self: Schedule, index: int, error: BaseException) -> None:
        self._error = error
        self._halt("breakdown", abandon=False)

    monkeypatch.setattr(Schedule, "_end_at", end_at_once)
    caught(check(name, Subject(mode="sim" if name == "M3" else "thread"), examples=60))


def test_m3_catches_results_that_overtake(monkeypatch: pytest.MonkeyPatch) -> None:
    init = Schedule.__init__

    def unordered(self: Schedule, plan: Plan, *args: object) -> None:
        init(self, replace(plan, ordered=False), *args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Schedule, "__init__", unordered)
    caught(check("M3", Subject(mode="sim")))


def test_a_missing_trait_is_named() -> None:
    assert check("K10", Subject(mode="thread")) == Skipped("K10", ("survives_crash",))
    assert check("C2", Subject(mode="serial")) == Skipped("C2", ("concurrent",))
