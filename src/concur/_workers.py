"""How many workers a run may have.

Reading the machine is the job of `_machine.py` and stays there; how many of these workers a run starts is
decided where it is run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, overload


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimit:
    """What one source says about the number of workers.

    Attributes:
        name: the source: "cpu_count", "affinity", "process_cpu_count", "cgroup v2", "cgroup v1",
            "CONCUR_WORKERS", or "fallback" when none of these knows a limit.
        value: in CPUs, finite and perhaps a fraction; None if the source sets no limit or is not available.
        detail: the evidence: the path of a file, a call, an environment variable, or why there is none.
    """

    name: str
    value: float | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersExplained:
    """The number of workers with the evidence for it; `print` shows it as a table.

    Attributes:
        workers: what `available_workers()` returns, 1 or more.
        sources: what each source said, in the order in which they were asked.
        winner: the name of the source that decided; of equals, the first.
    """

    workers: int
    sources: tuple[WorkerLimit, ...]
    winner: str

    def __str__(self) -> str:
        rows = [("source", "limit", "detail")]
        rows += [(source.name, _in_cpus(source.value), source.detail) for source in self.sources]
        name_width, limit_width = (max(len(row[column]) for row in rows) for column in (0, 1))
        lines = [f"workers: {self.workers}"]
        for name, limit, detail in rows:
            mark = "*" if name == self.winner else " "
            lines.append(f"{mark} {name:<{name_width}}  {limit:>{limit_width}}  {detail}")
        return "\n".join(lines)


@overload
def available_workers(*, explain: Literal[False] = False) -> int: ...
@overload
def available_workers(*, explain: Literal[True]) -> WorkersExplained: ...
@overload
def available_workers(*, explain: bool) -> int | WorkersExplained: ...
def available_workers(*, explain: bool = False) -> int | WorkersExplained:
    """Return how many workers this process can keep busy: the smallest of all limits, never below 1.

    The sources, each of which can only lower the number:

    - the logical CPUs that are online, and of these the ones that the scheduler allows this process
      (`os.sched_getaffinity`; taskset, cpusets and `docker --cpuset-cpus` show here);
    - `os.process_cpu_count()`, and with it `PYTHON_CPU_COUNT` and `-X cpu_count` (Python 3.13+);
    - the CPU quota of the Linux control group and of all its ancestors that can be seen: quota / period
      from `cpu.max` (v2) or `cpu.cfs_quota_us` and `cpu.cfs_period_us` (v1), as the kernel defines them
      in https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files (`docker --cpus`,
      Kubernetes limits, systemd's `CPUQuota=`);
    - the environment variable `CONCUR_WORKERS`, a whole number, 1 or more; empty counts as not set. It
      is one more limit: it asks for fewer workers than the machine has, never for more. For more, as
      for calls that mostly wait, pass `workers=` to the run.

    A fraction is rounded up: a quota of 1.5 CPUs gives 2 workers. What cannot be read sets no limit.

    Args:
        explain: return the evidence with the number.

    Returns:
        The number of workers, or with `explain=True` a `WorkersExplained`.

    Raises:
        InvalidOption: `CONCUR_WORKERS` is set to anything but a whole number from 1.

    Examples:
        >>> import concur
        >>> concur.available_workers() >= 1
        True
        >>> explained = concur.available_workers(explain=True)
        >>> explained.winner in [source.name for source in explained.sources]
        True

    Cost: some small files are read anew at each call, because a limit may change while a program runs;
    below a millisecond.
    """
    from concur._machine import Machine, read_machine  # at the first call, to keep `import concur` light

    findings = read_machine(Machine())
    explained = decide(WorkerLimit(name=name, value=value, detail=detail) for name, (value, detail) in findings.items())
    return explained if explain else explained.workers


def decide(limits: Iterable[WorkerLimit]) -> WorkersExplained:
    """Take the smallest of the limits, rounded up to a whole worker, and at least 1.

    Pure. As soon as one limit has a value, a further one never raises the number. If none has, the
    number is 1, and a source "fallback" says so.
    """
    sources = tuple(limits)
    known = [(source.value, place) for place, source in enumerate(sources) if source.value is not None]
    if not known:
        known = [(1, len(sources))]
        sources += (WorkerLimit(name="fallback", value=1, detail="no source knows a limit"),)
    smallest, place = min(known)
    return WorkersExplained(workers=max(1, math.ceil(smallest)), sources=sources, winner=sources[place].name)


def _in_cpus(value: float | None) -> str:
    if value is None:
        return "-"
    return str(int(value)) if value == int(value) else f"{value:g}"
