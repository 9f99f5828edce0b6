"""What the demo found, as frozen data, and the same as JSON.

Judging it lives in `verdict`, printing it for people in `table`.
"""

from __future__ import annotations

from dataclasses import dataclass

from concur.cli.demo.verdict import Verdict

__all__ = ["Machine", "Measured", "Report", "WorkloadReport", "as_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it ran.

    Attributes:
        cpus: How many CPUs this process may use.
        gil: Whether this Python runs with a GIL.
        load: Programs that wanted a CPU before the demo began, on average over a minute; None where the system
            does not count them.
    """

    system: str
    architecture: str
    implementation: str
    python: str
    cpus: int
    gil: bool
    load: float | None = None

    @property
    def busy(self) -> bool:
        """Whether other programs had so much of the CPUs that times say little."""
        return self.load is not None and self.load > self.cpus / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One combination of a mode and a form of the function.

    Attributes:
        seconds: Of each round, with the start of the workers; empty for one that failed.
        trouble: How the results differ from those of the plain loop, or what was raised.
    """

    mode: str
    form: str
    workers: int
    seconds: tuple[float, ...]
    trouble: str | None = None

    @property
    def best(self) -> float | None:
        """The fastest round, None for a combination that failed."""
        return min(self.seconds, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadReport:
    """All that was measured of one workload.

    Attributes:
        size: How many items it has.
        cpu_share: CPU time of the plain loop over the time it had a CPU or waited, 0 to 1.
        verdict: None where the plain loop itself failed.
    """

    name: str
    does: str
    size: int
    cpu_share: float
    measured: tuple[Measured, ...]
    verdict: Verdict | None

    @property
    def equal(self) -> bool:
        """Whether every combination gave the results of the plain loop."""
        return all(each.trouble is None for each in self.measured)

    def speed_up(self, measured: Measured) -> float | None:
        """How many times faster than the plain loop `measured` was."""
        serial = self.measured[0].best
        return None if serial is None or measured.best is None else serial / measured.best

    def is_fastest(self, measured: Measured) -> bool:
        """Whether the verdict names `measured` as the winner."""
        winner = self.verdict
        return winner is not None and (winner.mode, winner.form) == (measured.mode, measured.form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run of the demo.

    Attributes:
        elapsed: Seconds, all in all.
    """

    machine: Machine
    scale: float
    rounds: int
    elapsed: float
    workloads: tuple[WorkloadReport, ...]

    @property
    def equal(self) -> bool:
        """Whether every combination of every workload gave the results of the plain loop."""
        return all(workload.equal for workload in self.workloads)


def as_json(report: Report) -> dict[str, object]:
    """The report as what `json.dumps` takes; seconds are not rounded."""
    machine = report.machine
    return {
        "machine": {
            "system": machine.system,
            "architecture": machine.architecture,
            "cpus": machine.cpus,
            "load_before": machine.load,
        },
        "python": {
            "implementation": machine.implementation,
            "version": machine.python,
            "gil": machine.gil,
        },
        "scale": report.scale,
        "rounds": report.rounds,
        "seconds": report.elapsed,
        "seconds_include_start_of_workers": True,
        "equal": report.equal,
        "workloads": [_workload_as_json(workload) for workload in report.workloads],
    }


def _workload_as_json(workload: WorkloadReport) -> dict[str, object]:
    verdict = workload.verdict
    return {
        "name": workload.name,
        "does": workload.does,
        "items": workload.size,
        "cpu_share": workload.cpu_share,
        "equal": workload.equal,
        "winner": None if verdict is None else {"mode": verdict.mode, "function": verdict.form},
        "tied": [] if verdict is None else list(verdict.tied),
        "as_expected": None if verdict is None else verdict.as_expected,
        "reason": None if verdict is None else verdict.reason,
        "runs": [
            {
                "mode": each.mode,
                "function": each.form,
                "workers": each.workers,
                "seconds": each.best,
                "rounds": list(each.seconds),
                "speed_up": workload.speed_up(each),
                "equal": each.trouble is None,
                "trouble": each.trouble,
            }
            for each in workload.measured
        ],
    }
