"""The shape of results: outcomes made of reports, and the error that ends a run. Nothing is decided here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from concur._core.outcome import BAD, Cancelled, Ok
from concur.errors import DeadlineExceeded, ItemCancelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from concur._core.outcome import Outcome
    from concur._core.plan import Plan
    from concur._core.steps import Report


def successes(report: Report, first: int, items: Sequence[Any]) -> list[Outcome[Any]]:
    """Give an `Ok` for each of a report's values, for the items from index `first` on."""
    durations = report.durations or [0.0] * len(items)
    attempts, worker = report.job.attempt, report.worker
    return [
        Ok(index=index, item=item, value=value, attempts=attempts, duration=duration, worker=worker)
        for index, (item, value, duration) in enumerate(zip(items, report.values, durations, strict=True), first)
    ]


def failure(report: Report, offset: int, index: int, item: Any, kind: str, error: BaseException) -> Outcome[Any]:
    """Give the outcome of an item that failed."""
    duration = report.durations[offset] if report.durations else 0.0
    attempts, worker = report.job.attempt, report.worker
    return BAD[kind](index=index, item=item, error=error, attempts=attempts, duration=duration, worker=worker)


def not_run(
    start: int, items: Sequence[Any], attempts: int, plan: Plan, worker: str, duration: float
) -> list[Outcome[Any]]:
    """Give the outcomes of items that the deadline kept from ending."""
    return [
        Cancelled(
            index=index,
            item=item,
            attempts=attempts,
            worker=worker,
            duration=duration,
            error=ItemCancelled(f"the call's deadline of {plan.deadline:g} seconds passed before item {index} ended"),
        )
        for index, item in enumerate(items, start)
    ]


def too_late(plan: Plan, results: dict[int, Any], abandoned: int, cause: BaseException | None) -> DeadlineExceeded:
    """Give the error of a run that its deadline ended."""
    assert plan.deadline is not None
    late = DeadlineExceeded(plan.deadline, abandoned=abandoned)
    late.results = results
    late.__cause__ = cause
    return late


def group(errors: Mapping[int, BaseException], pulled: int) -> BaseExceptionGroup:
    """Give all failures in index order: an `ExceptionGroup` when all are `Exception`s."""
    return BaseExceptionGroup(f"{len(errors)} of {pulled} items failed", [errors[index] for index in sorted(errors)])
