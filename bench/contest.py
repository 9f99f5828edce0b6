"""One workload with its contenders, from who is installed to the verdicts.

The result is data: table.py and report.py say it.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.children import Crew
from bench.contenders import CONTENDERS, CoroutineContender
from bench.harness import Standing, play
from bench.wanted import Verdict, judged
from bench.workloads import Workload

__all__ = ["Result", "held", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a workload gave: standings in the order of its contenders, and a verdict per wanted figure."""

    workload: Workload
    n: int
    rounds: int
    standings: tuple[Standing, ...]
    verdicts: tuple[Verdict, ...]


def held(
    workload: Workload,
    names: Sequence[str],
    *,
    rounds: int,
    n: int,
    cap: float,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """Run the named contenders of a workload against each other.

    Args:
        workload: The workload.
        names: Some of its contenders.
        rounds: Measured rounds.
        n: Items.
        cap: Seconds that one run may take.
        clock: For the cap only; what is reported is timed within the children.
    """
    absent = {name: modules for name in names if (modules := missing(name, workload))}
    present = [name for name in names if name not in absent]
    with Crew(workload, n=n, cap=cap, clock=clock) as crew:
        # A stream has a new process per run: nothing could stay warm.
        played = play(present, rounds=rounds, run=crew.run, warm_up=workload.kind != "stream")
    played |= {
        name: Standing(name=name, status="not installed", reason=", ".join(modules)) for name, modules in absent.items()
    }
    return Result(
        workload=workload,
        n=n,
        rounds=rounds,
        standings=tuple(played[name] for name in names),
        verdicts=tuple(
            judged(wanted, workload.ours, played)
            if n == workload.n
            else Verdict(wanted=str(wanted), reached=None, measured=f"n={n:,} does not tell")
            for wanted in workload.wanted
        ),
    )


def missing(name: str, workload: Workload) -> tuple[str, ...]:
    """The packages that the contender needs for this workload and that are not installed."""
    contender = CONTENDERS[name]
    needs = {module.partition(".")[0] for module in contender.requires}
    if isinstance(contender, CoroutineContender):
        needs.add(workload.loop)
    return tuple(sorted(package for package in needs if importlib.util.find_spec(package) is None))
