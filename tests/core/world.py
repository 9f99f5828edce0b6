"""Worlds as data: how items, source, consumer and workers behave.

No rule of the library is stated here: what must come out is `oracle.py`'s, what must hold meanwhile `play.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from concur._core.plan import Plan
from concur.errors import WorkerCrashed

Ends = Literal["value", "error", "fatal", "interrupt", "crash", "never"]
Kind = Literal["kill", "abandon", "firm", "gentle", "late"]


class Boom(ValueError):
    """An error that a `Retry` may be told to try again."""


class Fatal(RuntimeError):
    """An error that a `Retry` may be told not to try again."""


class SourceError(Exception):
    """What a source fails with."""


@dataclass(frozen=True, slots=True)
class Act:
    """What one attempt of an item does: it ends so, after so many seconds."""

    ends: Ends = "value"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that decides a run, but the schedule.

    Attributes:
        plan: What the schedule is asked to do.
        acts: What each item does, attempt by attempt; the last act repeats.
        answers: How the source answers: an int gives at most so many items, a float none before so many seconds.
            Then it gives all that it is asked for.
        source_fails: Whether the source ends with a `SourceError`.
        ends_with_items: Whether the end is told in one go with the last items.
        pull_seconds: How long each pull blocks.
        takes: After how many results the consumer leaves; None: never.
        pause: Seconds that the consumer takes over each batch.
        kind: What a session can do about a running body. `kill`: any cancel ends it at once. `firm`: a cancel waits
            for it, but `abandon` ends it. `abandon`: a cancel waits, `abandon` leaves it behind. `gentle`: a cancel
            ends it after `cleanup` seconds. `late`: nothing, jobs run whole, one at a time.
        startup: Seconds until a new worker takes its first job.
        cleanup: Seconds that a cancelled body of a `gentle` session takes to end.
        stop: Whether a failure ends its job, as `Work.stop`.
        returns_unbegun: Whether a recall takes the items of a job that no worker has taken.
        delays: Seconds that reports are under way, one after the other, over and over.
        choices: What the adversary chooses where the contract leaves a choice, over and over.
        tick: Seconds that the driver takes for each step.
        randoms: The random numbers for jitter, over and over.
    """

    plan: Plan
    acts: tuple[tuple[Act, ...], ...]
    answers: tuple[int | float, ...] = ()
    source_fails: bool = False
    ends_with_items: bool = True
    pull_seconds: float = 0.0
    takes: int | None = None
    pause: float = 0.0
    kind: Kind = "kill"
    startup: float = 0.0
    cleanup: float = 0.0
    stop: bool = False
    returns_unbegun: bool = False
    delays: tuple[float, ...] = (0.0,)
    choices: tuple[int, ...] = (0,)
    tick: float = 0.0
    randoms: tuple[float, ...] = (0.0,)

    def act(self, index: int, attempt: int) -> Act:
        acts = self.acts[index]
        return acts[min(attempt, len(acts)) - 1]

    @property
    def prompt(self) -> bool:
        """Whether news travels at once, so that what the schedule decides in time also happens in time."""
        return not (any(self.delays) or self.pause or self.pull_seconds or self.tick or self.kind == "late")


def item_of(index: int) -> str:
    return f"item {index}"


def value_of(index: int) -> tuple[str, int]:
    return ("value", index)


def error_of(ends: Ends, index: int) -> BaseException:
    """Make a new error that tells its index by its arguments."""
    if ends == "crash":
        return WorkerCrashed(index, -9)
    return {"error": Boom, "fatal": Fatal, "interrupt": KeyboardInterrupt}[ends](index)
