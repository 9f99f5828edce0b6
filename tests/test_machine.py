"""What the sources say, on machines made up for it and on this one."""

import os
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from concur import _machine
from concur._machine import Machine, read_machine
from fake_linux import V1_MOUNT, V2_MOUNT, FakeLinux


def unknown() -> None:
    return None


def machine(
    root: Path,
    *,
    environ: Mapping[str, str] | None = None,
    xoptions: Mapping[str, str | bool] | None = None,
    cpu_count: Callable[[], int | None] = unknown,
    affinity: Callable[[], int | None] = unknown,
    process_cpu_count: Callable[[], int | None] = unknown,
) -> Machine:
    """A machine on which nothing is known but what is given."""
    return Machine(
        root=str(root),
        environ=environ or {},
        xoptions=xoptions or {},
        cpu_count=cpu_count,
        affinity=affinity,
        process_cpu_count=process_cpu_count,
    )


def test_each_source_is_asked_and_says_where_it_looked(tmp_path: Path) -> None:
    linux = FakeLinux(tmp_path)
    linux.process_in("4:cpu:/a", "0::/b")
    linux.mounted(V1_MOUNT, V2_MOUNT)
    linux.cpu_max("/sys/fs/cgroup/b", "150000 100000")
    linux.cfs("/sys/fs/cgroup/cpu,cpuacct/a", "250000")
    findings = read_machine(
        machine(
            tmp_path,
            environ={"CONCUR_WORKERS": " 3 "},
            cpu_count=lambda: 8,
            affinity=lambda: 6,
            process_cpu_count=lambda: 5,
        )
    )
    assert findings == {
        "cpu_count": (8, "logical CPUs online"),
        "affinity": (6, "os.sched_getaffinity(0)"),
        "process_cpu_count": (5, "os.process_cpu_count()"),
        "cgroup v2": (1.5, linux.path("/sys/fs/cgroup/b/cpu.max")),
        "cgroup v1": (2.5, linux.path("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us")),
        "CONCUR_WORKERS": (3, "environment variable"),
    }


def test_a_machine_that_knows_nothing_gives_no_value_and_does_not_raise(tmp_path: Path) -> None:
    findings = read_machine(machine(tmp_path))
    assert [cpus for cpus, _ in findings.values()] == [None] * 6
    details = {name: detail for name, (_, detail) in findings.items()}
    assert details.pop("CONCUR_WORKERS") == "not set"
    assert all(detail.startswith("not available") for detail in details.values())


@pytest.mark.parametrize("exc", [PermissionError("forbidden here"), NotImplementedError("forbidden here")])
def test_a_forbidden_call_is_not_available(tmp_path: Path, exc: Exception) -> None:
    def forbidden() -> int:
        raise exc

    assert read_machine(machine(tmp_path, affinity=forbidden))["affinity"] == (
        None,
        "not available: forbidden here",
    )


@pytest.mark.parametrize("nonsense", [0, -1])
def test_a_count_below_one_is_not_available(tmp_path: Path, nonsense: int) -> None:
    assert read_machine(machine(tmp_path, cpu_count=lambda: nonsense))["cpu_count"] == (
        None,
        "not available here",
    )


@pytest.mark.parametrize(
    ("environ", "xoptions", "detail"),
    [
        ({"PYTHON_CPU_COUNT": "2"}, {}, "PYTHON_CPU_COUNT=2"),
        ({}, {"cpu_count": "2"}, "-X cpu_count=2"),
        ({"PYTHON_CPU_COUNT": "7"}, {"cpu_count": "2"}, "-X cpu_count=2"),
        ({"PYTHON_CPU_COUNT": ""}, {"dev": True}, "os.process_cpu_count()"),
    ],
)
def test_a_setting_of_the_interpreter_is_named(
    tmp_path: Path, environ: Mapping[str, str], xoptions: Mapping[str, str | bool], detail: str
) -> None:
    python = machine(tmp_path, environ=environ, xoptions=xoptions, process_cpu_count=lambda: 2)
    assert read_machine(python)["process_cpu_count"] == (2, detail)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_variable_counts_as_not_set(tmp_path: Path, text: str) -> None:
    assert read_machine(machine(tmp_path, environ={"CONCUR_WORKERS": text}))["CONCUR_WORKERS"] == (
        None,
        "not set",
    )


@pytest.mark.parametrize("text", ["many", "0", "-2", "1.5", "4 cpus", "9" * 5000])
def test_an_invalid_variable_is_refused_by_name(tmp_path: Path, text: str) -> None:
    from concur.errors import InvalidOption

    with pytest.raises(InvalidOption, match=r"^CONCUR_WORKERS='.*' is not a whole number from 1: set one"):
        read_machine(machine(tmp_path, environ={"CONCUR_WORKERS": text}))


# This machine, and how it is asked


def test_this_machine_is_the_default() -> None:
    here = Machine()
    assert here.root == "/"
    assert here.environ is os.environ
    assert (here.cpu_count() or 1) >= 1
    assert (here.affinity() or 1) >= 1


def test_a_machine_is_frozen() -> None:
    here = Machine()
    with pytest.raises(FrozenInstanceError):
        here.root = "/elsewhere"  # type: ignore[misc]  # the refusal is the point


def test_an_override_of_python_does_not_hide_the_online_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_NPROCESSORS_ONLN": 4}.__getitem__, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)  # as PYTHON_CPU_COUNT=64 makes it since Python 3.13
    assert _machine._online_cpus() == 4


def test_without_an_answer_of_sysconf_the_online_cpus_come_from_os(monkeypatch: pytest.MonkeyPatch) -> None:
    def unrecognized(name: str) -> int:
        raise ValueError(f"unrecognized configuration name: {name}")

    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    monkeypatch.setattr(os, "sysconf", unrecognized, raising=False)
    assert _machine._online_cpus() == 12
    monkeypatch.delattr(os, "sysconf")
    assert _machine._online_cpus() == 12


def test_affinity_is_the_size_of_the_scheduler_s_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 3, 5}, raising=False)
    assert _machine._allowed_cpus() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert _machine._allowed_cpus() is None


def test_the_interpreter_is_asked_where_it_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 5, raising=False)
    assert _machine._process_cpu_count() == 5
    monkeypatch.delattr(os, "process_cpu_count")
    assert _machine._process_cpu_count() is None
