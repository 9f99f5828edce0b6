"""What the schedule asks a driver to do, and what it is told: the steps, the job and the report.

Only data lives here. Steps are made once per job, not per item, so plain slotted classes do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from concur._core.outcome import Failure


class Job:
    """A run of consecutive items, the unit of dispatch.

    Attributes:
        start: Index of the first item.
        items: The items. A recall shortens the list to what the worker keeps.
        attempt: Number of this attempt, from 1.
        done: How many of the items have been reported.
        state: The session's own; the schedule never looks at it.
    """

    __slots__ = (
        "abandoned",
        "alarm",
        "attempt",
        "began",
        "cancelled",
        "done",
        "items",
        "since",
        "start",
        "state",
        "timing_out",
    )

    def __init__(self, start: int, items: list[Any], attempt: int = 1) -> None:
        self.start: int = start
        self.items: list[Any] = items
        self.attempt: int = attempt
        self.done: int = 0
        self.began: float | None = None  # when the schedule takes it to run; None while it waits for a worker
        self.cancelled: bool = False
        self.abandoned: bool = False
        self.timing_out: bool = False
        self.since: float | None = None  # when its one body began, if somebody said
        self.alarm: int = 0  # number of its latest alarm
        self.state: Any = None

    @property
    def left(self) -> int:
        """How many items have not been reported."""
        return len(self.items) - self.done

    def __repr__(self) -> str:
        return f"Job({self.start}..{self.start + len(self.items) - 1}, done={self.done}, attempt={self.attempt})"


class Report:
    """What a session tells about a job: at its end (`over`), or before it when it was recalled.

    Attributes:
        job: The job.
        values: One entry per item that has ended since the last report, in order; a failed item holds None.
        failures: By offset into `values`; None when nothing failed.
        durations: Seconds of each body, or None when they are not measured.
        seconds: Seconds that all the bodies in `values` took.
        worker: The worker's name.
        over: Whether the job has ended. If not, one body may be running.
        rest: How many items at the end of the job are given back, not started.
        since: When the running body began; None if none runs, or when nobody measures it.
        abandoned: Whether a body still runs that nobody waits for (threads cannot be killed).
    """

    __slots__ = (
        "abandoned",
        "durations",
        "failures",
        "job",
        "over",
        "rest",
        "seconds",
        "since",
        "values",
        "worker",
    )

    def __init__(
        self,
        job: Job,
        values: list[Any],
        failures: dict[int, Failure] | None = None,
        *,
        durations: Sequence[float] | None = None,
        seconds: float = 0.0,
        worker: str = "",
        over: bool = True,
        rest: int = 0,
        since: float | None = None,
        abandoned: bool = False,
    ) -> None:
        self.job: Job = job
        self.values: list[Any] = values
        self.failures: dict[int, Failure] | None = failures
        self.durations: Sequence[float] | None = durations
        self.seconds: float = seconds
        self.worker: str = worker
        self.over: bool = over
        self.rest: int = rest
        self.since: float | None = since
        self.abandoned: bool = abandoned

    def __repr__(self) -> str:
        state = "over" if self.over else "running"
        ended, failed = len(self.values), len(self.failures or ())
        return f"Report({self.job!r}, {ended} ended, {failed} failed, rest={self.rest}, {state})"


class Breakdown:
    """What a session tells when it cannot go on at all: `error` ends the call."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException = error


class Pull:
    """Take up to `count` items from the source and tell `pulled` (none: nothing yet), or `exhausted`."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count: int = count


class Start:
    """Give `job` to a worker."""

    __slots__ = ("job",)

    def __init__(self, job: Job) -> None:
        self.job: Job = job


class Recall:
    """Ask for what has ended in `job` so far, and take back what has not started: a report that is not over."""

    __slots__ = ("job",)

    def __init__(self, job: Job) -> None:
        self.job: Job = job


class Cancel:
    """End `job`: start nothing more of it; stop its running body by the mode's means and report it over.

    Where the mode cannot stop a body, `abandon` decides: leave it behind, or wait for it.
    """

    __slots__ = ("abandon", "job")

    def __init__(self, job: Job, abandon: bool) -> None:
        self.job: Job = job
        self.abandon: bool = abandon


class Emit:
    """Deliver `values` to the consumer."""

    __slots__ = ("values",)

    def __init__(self, values: list[Any]) -> None:
        self.values: list[Any] = values


class Wait:
    """Wait for a report, for the source if it had nothing yet, or until the time `until` (None: no limit)."""

    __slots__ = ("until",)

    def __init__(self, until: float | None) -> None:
        self.until: float | None = until


class Done:
    """The run has ended: raise `error`, or return if it is None."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | None) -> None:
        self.error: BaseException | None = error


Step: TypeAlias = Pull | Start | Recall | Cancel | Emit | Wait | Done
