"""Results and the machine they come from, as JSON. The format is described in README.md."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata

from bench.contenders import CONTENDERS
from bench.contest import Result
from bench.harness import Standing, high, low, median, ratio
from bench.wanted import Verdict

__all__ = ["Json", "machine", "peer_versions", "report"]

Json = None | bool | int | float | str | Sequence["Json"] | dict[str, "Json"]

FORMAT = 1
LOOPS = ("trio",)  # what workloads need beside what contenders require


def report(results: Sequence[Result], *, at: datetime, about: dict[str, Json]) -> dict[str, Json]:
    """All of a session as one JSON object."""
    return {
        "format": FORMAT,
        "date": at.isoformat(timespec="seconds"),
        "machine": about,
        "workloads": [_workload(result) for result in results],
    }


def machine() -> dict[str, Json]:
    """What the figures depend on: processors, Python, platform, load, and versions of the peers."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    gil = getattr(sys, "_is_gil_enabled", lambda: True)
    return {
        "cpus": os.cpu_count(),
        "cpus_usable": affinity,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "gil": bool(gil()),
        "platform": platform.platform(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "versions": dict(peer_versions()),
    }


def peer_versions() -> dict[str, str | None]:
    """The version of each package that some contender requires; None where it is not installed."""
    packages = {module.partition(".")[0] for contender in CONTENDERS.values() for module in contender.requires}
    packages = (packages | set(LOOPS)) - sys.stdlib_module_names
    return {package: _version(package) for package in sorted(packages)}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _workload(result: Result) -> dict[str, Json]:
    workload = result.workload
    ours = next((standing for standing in result.standings if standing.name == workload.ours), None)
    return {
        "name": workload.name,
        "measures": workload.measures,
        "kind": workload.kind,
        "unit": workload.unit,
        "n": result.n,
        "workers": workload.workers,
        "rounds": result.rounds,
        "ours": workload.ours,
        "contenders": [_standing(standing, ours) for standing in result.standings],
        "wanted": [_verdict(verdict) for verdict in result.verdicts],
    }


def _standing(standing: Standing, ours: Standing | None) -> dict[str, Json]:
    return {
        "name": standing.name,
        "status": standing.status,
        "reason": standing.reason,
        "values": [reading.value for reading in standing.readings],
        "seconds": [reading.seconds for reading in standing.readings],
        "median": median(standing),
        "min": low(standing),
        "max": high(standing),
        "ratio_to_ours": ratio(standing, ours) if ours is not None else None,
    }


def _verdict(verdict: Verdict) -> dict[str, Json]:
    return {"wanted": verdict.wanted, "reached": verdict.reached, "measured": verdict.measured}
