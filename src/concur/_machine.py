"""What each source on this machine says about the number of CPUs to use.

What follows from it stands in `_workers.py`. Everything is read through a `Machine`, so that a test can
hand in another one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from concur import _cgroups
from concur._cgroups import Finding


def _online_cpus() -> int | None:
    # Since 3.13 PYTHON_CPU_COUNT can raise os.cpu_count(), which without it is this very sysconf on POSIX.
    sysconf: Callable[[str], int] | None = getattr(os, "sysconf", None)  # not on Windows
    try:
        return sysconf("SC_NPROCESSORS_ONLN") if sysconf else os.cpu_count()
    except (ValueError, OSError):  # a system that does not know this name
        return os.cpu_count()


def _allowed_cpus() -> int | None:
    sched_getaffinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(sched_getaffinity(0)) if sched_getaffinity else None


def _process_cpu_count() -> int | None:
    process_cpu_count: Callable[[], int | None] | None = getattr(os, "process_cpu_count", None)
    return process_cpu_count() if process_cpu_count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How to read the machine: as it is by default; a test hands in another one.

    Attributes:
        root: the directory that holds `proc` and `sys`.
        environ: the environment variables.
        xoptions: the `-X` options of the interpreter.
        cpu_count: the logical CPUs that are online; None if unknown.
        affinity: how many CPUs the scheduler allows this process; None if unknown.
        process_cpu_count: what the interpreter says, obedient to its own settings; None before Python 3.13.
    """

    root: str = "/"
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    xoptions: Mapping[str, str | bool] = field(default_factory=lambda: sys._xoptions)
    cpu_count: Callable[[], int | None] = _online_cpus
    affinity: Callable[[], int | None] = _allowed_cpus
    process_cpu_count: Callable[[], int | None] = _process_cpu_count


def read_machine(machine: Machine) -> dict[str, Finding]:
    """Ask each source once: its name, with the number of CPUs it allows and the evidence.

    Raises:
        InvalidOption: `CONCUR_WORKERS` is no whole number from 1. It is the user's word, not the machine's:
            no other source raises.
    """
    return {
        "cpu_count": _asked(machine.cpu_count, "logical CPUs online"),
        "affinity": _asked(machine.affinity, "os.sched_getaffinity(0)"),
        "process_cpu_count": _asked(machine.process_cpu_count, _python_setting(machine)),
        "cgroup v2": _cgroups.quota_v2(machine.root),
        "cgroup v1": _cgroups.quota_v1(machine.root),
        "CONCUR_WORKERS": _from_environment(machine.environ),
    }


def _asked(count: Callable[[], int | None], detail: str) -> Finding:
    try:
        cpus = count()
    except (OSError, NotImplementedError) as exc:  # a sandbox may forbid the call
        return None, f"not available: {exc}"
    return (None, "not available here") if cpus is None or cpus < 1 else (cpus, detail)


def _python_setting(machine: Machine) -> str:
    """Which setting os.process_cpu_count() obeys. The interpreter has parsed it; nothing is parsed here."""
    if "cpu_count" in machine.xoptions:
        return f"-X cpu_count={machine.xoptions['cpu_count']}"
    if machine.environ.get("PYTHON_CPU_COUNT"):
        return f"PYTHON_CPU_COUNT={machine.environ['PYTHON_CPU_COUNT']}"
    return "os.process_cpu_count()"


def _from_environment(environ: Mapping[str, str]) -> Finding:
    text = environ.get("CONCUR_WORKERS", "").strip()
    if not text:
        return None, "not set"
    try:
        workers = int(text)
    except ValueError:
        workers = 0
    if workers < 1:
        from concur.errors import InvalidOption  # here, so that the way without an error does not load it

        raise InvalidOption(
            f"CONCUR_WORKERS={text!r} is not a whole number from 1: set one (CONCUR_WORKERS=4), or unset it"
        )
    return workers, "environment variable"
