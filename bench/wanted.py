"""The figures that a workload wants reached, and the verdict on each.

Pure, as harness.py is. A verdict informs; it never fails a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.harness import Standing, median, ratio

__all__ = ["Below", "Faster", "Verdict", "Wanted", "Within", "judged"]


@dataclass(frozen=True, slots=True)
class Faster:
    """The peer takes at least `times` as long as we do."""

    than: str
    times: float

    def __str__(self) -> str:
        if self.times == 1:
            return f"no slower than {self.than}"
        return f"at least {self.times:g}x faster than {self.than}"


@dataclass(frozen=True, slots=True)
class Within:
    """We take at most `times` as long as the peer does."""

    times: float
    of: str

    def __str__(self) -> str:
        return f"at most {self.times:g}x the time of {self.of}"


@dataclass(frozen=True, slots=True)
class Below:
    """Our own median stays below a limit in the unit of the workload."""

    limit: float
    unit: str

    def __str__(self) -> str:
        return f"below {self.limit:g} {self.unit}"


Wanted = Faster | Within | Below


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a wanted figure was reached (None: could not be told), and what was measured."""

    wanted: str
    reached: bool | None
    measured: str


def judged(wanted: Wanted, ours: str, standings: Mapping[str, Standing]) -> Verdict:
    """The verdict on one wanted figure.

    Args:
        wanted: The figure.
        ours: The name of our own contender.
        standings: All contenders that were asked for, by name.
    """
    names = (ours,) if isinstance(wanted, Below) else (ours, _peer(wanted))
    for name in names:
        if name not in standings:
            return Verdict(wanted=str(wanted), reached=None, measured=f"{name} was not asked for")
        if standings[name].status != "ok":
            return Verdict(wanted=str(wanted), reached=None, measured=f"{name}: {standings[name].status}")

    match wanted:
        case Below(limit, unit):
            value = median(standings[ours])
            reached, measured = (None, "no reading") if value is None else (value < limit, f"{value:.2f} {unit}")
        case Faster(than, times):
            factor = ratio(standings[than], standings[ours])
            reached, measured = (None, "no ratio") if factor is None else (factor >= times, f"{factor:.2f}x")
        case Within(times, of):
            factor = ratio(standings[ours], standings[of])
            reached, measured = (None, "no ratio") if factor is None else (factor <= times, _shown(factor))
    return Verdict(wanted=str(wanted), reached=reached, measured=measured)


def _shown(factor: float) -> str:
    # The net cost of an import may come out below zero: that is noise, and no figure.
    return "too small to tell from nothing" if factor < 0.01 else f"{factor:.2f}x"


def _peer(wanted: Faster | Within) -> str:
    return wanted.than if isinstance(wanted, Faster) else wanted.of
