"""Paired rounds and what follows from them: order, medians, ratios.

Pure: no clock, process, contender or text of a table lives here; `run` is passed in.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Failure",
    "Measured",
    "Reading",
    "Standing",
    "Status",
    "high",
    "low",
    "median",
    "play",
    "ratio",
    "rotated",
]

Status = Literal["ok", "failed", "not installed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One run: `value` in the unit of its workload, and the seconds that the call took."""

    value: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that gave no reading, and why."""

    reason: str


Measured = Reading | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one contender did in one workload; the reading at index i is that of round i."""

    name: str
    status: Status
    readings: tuple[Reading, ...] = ()
    reason: str = ""


def rotated(names: Sequence[str], turn: int) -> tuple[str, ...]:
    """The names in the order of round `turn`: A B C, then B C A, then C A B."""
    if not names:
        return ()
    shift = turn % len(names)
    return (*names[shift:], *names[:shift])


def play(
    names: Sequence[str], *, rounds: int, run: Callable[[str], Measured], warm_up: bool = True
) -> dict[str, Standing]:
    """Let every contender run once per round, in rotating order, after one discarded run each.

    A contender that fails is not run again: one that hangs would take the cap in every round. So readings
    stay aligned by round, and a ratio always compares two runs of the same round.
    """
    readings: dict[str, list[Reading]] = {name: [] for name in names}
    failures: dict[str, str] = {}

    def attempt(name: str, when: str) -> Reading | None:
        if name in failures:
            return None
        match run(name):
            case Reading() as reading:
                return reading
            case Failure(reason):
                failures[name] = f"{when}: {reason}"
                return None

    if warm_up:
        for name in names:
            attempt(name, "warm-up")
    for turn in range(rounds):
        for name in rotated(names, turn):
            reading = attempt(name, f"round {turn + 1}")
            if reading is not None:
                readings[name].append(reading)

    return {
        name: Standing(
            name=name,
            status="failed" if name in failures else "ok",
            readings=tuple(readings[name]),
            reason=failures.get(name, ""),
        )
        for name in names
    }


def median(standing: Standing) -> float | None:
    """The middle value of all rounds, or None without a complete set of them."""
    values = _values(standing)
    return statistics.median(values) if values else None


def low(standing: Standing) -> float | None:
    """The smallest value of all rounds."""
    return min(_values(standing), default=None)


def high(standing: Standing) -> float | None:
    """The largest value of all rounds."""
    return max(_values(standing), default=None)


def ratio(standing: Standing, ours: Standing) -> float | None:
    """How many times our value the other's is: the median of the per-round ratios.

    None where one of them failed, or where any round of ours is not above zero: such a value is lost in the noise,
    and to leave out those rounds alone would choose by the noise.
    """
    theirs, own = _values(standing), _values(ours)
    if not theirs or not own or min(own) <= 0:
        return None
    return statistics.median(value / base for value, base in zip(theirs, own, strict=True))


def _values(standing: Standing) -> list[float]:
    return [reading.value for reading in standing.readings] if standing.status == "ok" else []
