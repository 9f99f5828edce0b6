"""How many workers a run may have: the law of the minimum, and the answer on this machine."""

import doctest
import subprocess
import sys
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import assert_type

import pytest
from hypothesis import given
from hypothesis import strategies as st

import concur
from concur import _workers
from concur._workers import WorkerLimit, WorkersExplained, available_workers, decide

VALUES = st.none() | st.integers(1, 10_000) | st.floats(-10, 10_000) | st.integers(10**300, 10**320)
LIMITS = st.lists(st.builds(WorkerLimit, name=st.text(max_size=8), value=VALUES, detail=st.text(max_size=8)))


def limit(name: str, value: float | None, detail: str = "") -> WorkerLimit:
    return WorkerLimit(name=name, value=value, detail=detail)


# N3: an int from 1, the minimum of its sources; adding a limit never raises it


@given(LIMITS)
def test_n3_the_number_is_the_least_int_from_1_that_covers_the_minimum(limits: list[WorkerLimit]) -> None:
    workers = decide(limits).workers
    assert type(workers) is int
    smallest = Fraction(min((one.value for one in limits if one.value is not None), default=1))
    assert workers == 1 if smallest <= 1 else workers - 1 < smallest <= workers


@given(LIMITS, VALUES, st.integers(0, 100))
def test_n3_adding_a_limit_never_raises_the_number(limits: list[WorkerLimit], value: float | None, place: int) -> None:
    base = limit("base", 64)
    before = decide([base, *limits])
    after = decide([base, *limits[:place], limit("added", value), *limits[place:]])
    assert 1 <= after.workers <= before.workers


@given(LIMITS)
def test_n3_the_order_of_the_sources_does_not_matter_to_the_number(limits: list[WorkerLimit]) -> None:
    assert decide(limits).workers == decide(reversed(limits)).workers


@given(LIMITS)
def test_the_winner_is_a_source_with_the_deciding_value(limits: list[WorkerLimit]) -> None:
    explained = decide(limits)
    values = [one.value for one in explained.sources if one.value is not None]
    assert (explained.winner, min(values)) in [(one.name, one.value) for one in explained.sources]
    assert explained.sources[: len(limits)] == tuple(limits)


@pytest.mark.parametrize(("value", "workers"), [(0.01, 1), (1, 1), (1.5, 2), (2.0, 2), (2.000001, 3), (-3, 1)])
def test_a_fraction_is_rounded_up_and_never_below_one(value: float, workers: int) -> None:
    assert decide([limit("quota", value)]).workers == workers


def test_of_equals_the_first_wins() -> None:
    assert decide([limit("a", 8), limit("b", 4), limit("c", 4.0)]).winner == "b"


def test_a_quota_just_below_the_cpus_wins_though_it_is_rounded_to_the_same() -> None:
    explained = decide([limit("cpu_count", 4), limit("cgroup v2", 3.5)])
    assert (explained.workers, explained.winner) == (4, "cgroup v2")


@pytest.mark.parametrize("limits", [(), (limit("cpu_count", None),)])
def test_without_any_limit_there_is_one_worker_and_a_fallback_says_so(
    limits: tuple[WorkerLimit, ...],
) -> None:
    explained = decide(limits)
    assert (explained.workers, explained.winner) == (1, "fallback")
    assert explained.sources == (*limits, limit("fallback", 1, "no source knows a limit"))


# The face


def test_it_prints_as_an_aligned_table_with_the_winner_marked() -> None:
    explained = decide(
        [
            limit("cpu_count", 16, "logical CPUs online"),
            limit("cgroup v2", 1.5, "/sys/fs/cgroup/cpu.max"),
            limit("CONCUR_WORKERS", None, "not set"),
        ]
    )
    assert str(explained).split("\n") == [
        "workers: 2",
        "  source          limit  detail",
        "  cpu_count          16  logical CPUs online",
        "* cgroup v2         1.5  /sys/fs/cgroup/cpu.max",
        "  CONCUR_WORKERS      -  not set",
    ]


def test_the_evidence_is_frozen_and_slotted() -> None:
    explained = decide([limit("cpu_count", 2)])
    with pytest.raises(FrozenInstanceError):
        explained.workers = 3  # type: ignore[misc]  # the refusal is the point
    with pytest.raises(FrozenInstanceError):
        explained.sources[0].value = 3  # type: ignore[misc]  # the refusal is the point
    assert not hasattr(explained, "__dict__")
    assert not hasattr(explained.sources[0], "__dict__")


def test_explain_decides_the_type_of_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONCUR_WORKERS", raising=False)
    number = assert_type(available_workers(), int)
    explained = assert_type(available_workers(explain=True), WorkersExplained)
    assert_type(available_workers(explain=bool(number)), int | WorkersExplained)
    assert type(number) is int
    assert number == explained.workers >= 1
    assert [source.name for source in explained.sources][:6] == [
        "cpu_count",
        "affinity",
        "process_cpu_count",
        "cgroup v2",
        "cgroup v1",
        "CONCUR_WORKERS",
    ]


def test_the_environment_variable_can_only_lower_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONCUR_WORKERS", raising=False)
    machine = available_workers()
    monkeypatch.setenv("CONCUR_WORKERS", "1")
    assert available_workers() == 1
    monkeypatch.setenv("CONCUR_WORKERS", str(machine + 100))
    assert available_workers() == machine


def test_an_invalid_environment_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from concur.errors import InvalidOption

    monkeypatch.setenv("CONCUR_WORKERS", "many")
    with pytest.raises(InvalidOption, match="CONCUR_WORKERS='many'"):
        available_workers()


def test_the_example_of_the_docstring_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONCUR_WORKERS", raising=False)
    monkeypatch.setattr(concur, "available_workers", available_workers, raising=False)
    assert doctest.testmod(_workers) == doctest.TestResults(failed=0, attempted=4)


def test_importing_reads_nothing_and_asking_loads_nothing_heavy() -> None:
    code = """
import sys, concur
before = set(sys.modules)
from concur._workers import available_workers
print("concur._machine" in sys.modules)
available_workers()
print((set(sys.modules) - before) & {"multiprocessing", "asyncio", "anyio", "pathlib", "subprocess"})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "set()"]
