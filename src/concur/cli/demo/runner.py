"""Runs the workloads in every mode and form, times them, and compares the results.

What is run lives in `workloads`, the sentence about it comes from `verdict`.
"""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Protocol

import concur
from concur.cli.demo.report import Machine, Measured, Report, WorkloadReport
from concur.cli.demo.server import serve_pages
from concur.cli.demo.verdict import Evidence, judge
from concur.cli.demo.workloads import FORMS, Form, fetch_workload, hash_workload, parse_workload

__all__ = ["Measurable", "difference", "measure", "measure_all"]


class Measurable(Protocol):
    """A `Workload`, whatever its items and results are."""

    @property
    def name(self) -> str: ...
    @property
    def does(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def expected(self) -> tuple[str, ...]: ...
    @property
    def workers(self) -> int: ...
    def run(self, form: Form, *, mode: str, workers: int, progress: str | None = None) -> Sequence[object]: ...
    def warm_up(self, *, mode: str) -> None: ...


def measure_all(
    *,
    names: Sequence[str],
    modes: Sequence[str],
    workers: int | None,
    scale: float,
    rounds: int,
    show_progress: bool,
) -> Report:
    """Measure the named workloads, one after the other, with the demo's server up where it is needed."""
    started = time.perf_counter()
    machine = _this_machine()
    with ExitStack() as stack:
        workloads = list(_chosen(names, scale, machine.cpus, stack))
        reports = tuple(
            measure(
                workload,
                modes=modes,
                workers=workers or workload.workers,
                rounds=rounds,
                machine=machine,
                show_progress=show_progress,
            )
            for workload in workloads
        )
    return Report(
        machine=machine,
        scale=scale,
        rounds=rounds,
        elapsed=time.perf_counter() - started,
        workloads=reports,
    )


def measure(
    workload: Measurable,
    *,
    modes: Sequence[str],
    workers: int,
    rounds: int,
    machine: Machine,
    show_progress: bool = False,
) -> WorkloadReport:
    """Run one workload in all modes and forms, `rounds` times, and judge the times."""
    modes = ("serial", *(mode for mode in modes if mode != "serial"))
    for mode in modes:
        if mode != "process":  # the start of processes is part of what is shown
            with suppress(Exception):  # the measured run meets it again, and reports it
                workload.warm_up(mode=mode)
    tries = [_Try(mode, form, 1 if mode == "serial" else workers) for mode in modes for form in FORMS]
    loop = tries[0]
    reference: Sequence[object] | None = None
    for _ in range(rounds):
        for each in tries:
            results = each.run(workload, show_progress=show_progress)
            reference = results if each is loop else reference
            if results is not None and reference is not None:
                each.trouble = difference(reference, results)
    evidence = Evidence(
        seconds={(each.mode, each.form): min(each.seconds) for each in tries if each.counts},
        cpu_share=loop.cpu_share,
        expected=workload.expected,
        workers=workers,
        cpus=machine.cpus,
        gil=machine.gil,
    )
    return WorkloadReport(
        name=workload.name,
        does=workload.does,
        size=workload.size,
        cpu_share=loop.cpu_share,
        measured=tuple(each.measured() for each in tries),
        verdict=judge(evidence) if loop.counts else None,
    )


def difference(reference: Sequence[object], results: Sequence[object]) -> str | None:
    """Say where `results` first differ from `reference`, None where they are equal."""
    if len(results) != len(reference):
        return f"{len(results)} results where the plain loop gives {len(reference)}"
    for index, (right, wrong) in enumerate(zip(reference, results, strict=True)):
        if wrong != right:
            return f"item {index} gave {_short(wrong)} where the plain loop gives {_short(right)}"
    return None


@dataclass(slots=True)
class _Try:
    """One combination of a mode and a form, and its rounds so far."""

    mode: str
    form: Form
    workers: int
    seconds: list[float] = field(default_factory=list[float])
    cpu_share: float = 1.0
    trouble: str | None = None

    def run(self, workload: Measurable, *, show_progress: bool) -> Sequence[object] | None:
        """Run once more; a failure is kept as the trouble, so that the other combinations still run."""
        if self.trouble is not None:
            return None
        label = f"{workload.name}, {self.mode}, {self.form}" if show_progress else None
        cpu, queued, wall = time.thread_time(), _queued(), time.perf_counter()
        try:
            results = workload.run(self.form, mode=self.mode, workers=self.workers, progress=label)
        except Exception as exc:
            self.trouble = f"{type(exc).__name__}: {exc}"
            self.seconds.clear()
            return None
        elapsed = time.perf_counter() - wall
        if elapsed < min(self.seconds, default=math.inf):
            cpu, queued = time.thread_time() - cpu, _queued() - queued
            self.cpu_share = cpu / max(cpu, elapsed - queued, 1e-9)
        self.seconds.append(elapsed)
        return results

    @property
    def counts(self) -> bool:
        """Whether its time may be compared: a fast wrong answer wins nothing."""
        return bool(self.seconds) and self.trouble is None

    def measured(self) -> Measured:
        """What is known of it now."""
        return Measured(
            mode=self.mode,
            form=self.form,
            workers=self.workers,
            seconds=tuple(self.seconds),
            trouble=self.trouble,
        )


def _chosen(names: Sequence[str], scale: float, cpus: int, stack: ExitStack) -> Iterator[Measurable]:
    for name in names:
        if name == "parse":
            yield parse_workload(scale=scale, cpus=cpus)
        elif name == "hash":
            yield hash_workload(scale=scale, cpus=cpus)
        else:
            yield fetch_workload(scale=scale, cpus=cpus, port=stack.enter_context(serve_pages()))


def _this_machine() -> Machine:
    gil_enabled = getattr(sys, "_is_gil_enabled", None)  # since Python 3.13
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        implementation=platform.python_implementation(),
        python=platform.python_version(),
        cpus=concur.available_workers(),
        gil=True if gil_enabled is None else bool(gil_enabled()),
        load=_load(),
    )


def _queued() -> float:
    """Seconds that this thread was ready and had no CPU: on a busy machine they are not the work's own waiting."""
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):  # only Linux tells
        return 0.0


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
