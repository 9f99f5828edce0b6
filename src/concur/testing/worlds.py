"""The simulated mode as a world that a law draws, or goes through one by one.

The order of the events of a simulated run is a list of choices: drawn, it shrinks; counted, it is exhaustive.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from concur.backends.sim import Sim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from concur.testing.draws import Draw
    from concur.testing.subject import Subject

__all__ = ["Choices", "all_worlds", "in_world", "simulated"]


class Choices:
    """What `Sim(choose=...)` asks: gives the choices of a list, then the first possibility ever after.

    Attributes:
        taken: Each choice that was asked for: which of how many.
    """

    def __init__(self, wanted: list[int]) -> None:
        self._wanted = wanted
        self.taken: list[tuple[int, int]] = []

    def __call__(self, count: int) -> int:
        at = len(self.taken)
        choice = self._wanted[at] % count if at < len(self._wanted) else 0
        self.taken.append((choice, count))
        return choice


def in_world(subject: Subject, draw: Draw) -> Subject:
    """Let the draw choose the order of events, for the simulated mode; any other subject is as it was."""
    return simulated(subject, draw) if subject.mode == "sim" else subject


def simulated(subject: Subject, draw: Draw, **world: Any) -> Subject:
    """Give a simulated subject whose order of events is drawn, in a world with durations, crashes or hangs."""
    wanted = draw(st.lists(st.integers(0, 3), max_size=60), "order of events")
    return replace(subject, mode=Sim(choose=Choices(wanted), **world))


def all_worlds() -> Iterator[Choices]:
    """Go through all schedules of a simulation: each that is given must be used up before the next is asked for."""
    wanted: list[int] = []
    while True:
        choices = Choices(wanted)
        yield choices
        taken = choices.taken
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        wanted = [choice for choice, _ in taken[:-1]] + [taken[-1][0] + 1]
