"""What a run is to obey: the settings of a schedule, checked before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from concur._core.retry import Retry

OnError: TypeAlias = Literal["raise", "group", "collect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The settings of a run.

    Attributes:
        workers: Bodies that may run at once.
        stream: Whether results go to a consumer one by one, so that memory asks for a window.
        ordered: Whether results are delivered in index order.
        window: Items that may be pulled and not delivered; None: unbounded for a list, a few jobs for a stream.
        chunksize: Items of a job; None: by measured durations.
        total: Number of items, if known.
        on_error: What a failure does to the run.
        timeout: Seconds a body may run.
        deadline: Seconds the run may take.
        retry: Which failures are tried again, and when.
    """

    workers: int
    stream: bool = False
    ordered: bool = True
    window: int | None = None
    chunksize: int | None = None
    total: int | None = None
    on_error: OnError = "raise"
    timeout: float | None = None
    deadline: float | None = None
    retry: Retry | None = None
