"""A result as plain text.

Pure: gets data, gives strings. What a figure means is decided in harness.py and wanted.py.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.contest import Result
from bench.harness import Standing, high, low, median, ratio

__all__ = ["aligned", "shown", "table"]

HEADINGS = ("contender", "median", "min", "max", "us/item", "ratio to ours")


def table(result: Result) -> str:
    """The workload, a line per contender, and a line per wanted figure."""
    workload = result.workload
    ours = next((standing for standing in result.standings if standing.name == workload.ours), None)
    warm_up = "" if workload.kind == "stream" else " after a warm-up"
    lines = [
        f"{workload.name}: {workload.measures}",
        f"  {result.rounds} paired rounds{warm_up}, n={result.n:,}, workers={workload.workers}; "
        f"ratio: contender / {workload.ours}, median of the rounds",
    ]
    if result.n != workload.n:
        lines.append(f"  a smoke test: this workload means n={workload.n:,}, and the ratios of fewer items mislead")
    lines += ["  " + line for line in aligned([HEADINGS, *(_row(it, ours, result) for it in result.standings)])]
    for verdict in result.verdicts:
        word = {True: "REACHED", False: "NOT REACHED", None: "NOT MEASURED"}[verdict.reached]
        lines.append(f"  wanted: {verdict.wanted}: {word} ({verdict.measured})")
    if not result.verdicts:
        lines.append("  wanted: no figure set, this workload informs")
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines: the first column to the left, the others to the right.

    A row that is shorter than the first takes no part in the widths; its last cell is free text.
    """
    columns = len(rows[0])
    widths = [max(len(row[i]) for row in rows if len(row) == columns or i == 0) for i in range(columns)]
    lines = []
    for row in rows:
        first, *others = row
        if len(row) == columns:
            others = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *others]).rstrip())
    return lines


def shown(value: float | None, unit: str) -> str:
    """A value with its unit, in milliseconds where it is short."""
    if value is None:
        return "-"
    if unit == "s":
        return f"{value:.2f} s" if abs(value) >= 10 else f"{value * 1000:.1f} ms"
    return f"{value:.1f} {unit}"


def _row(standing: Standing, ours: Standing | None, result: Result) -> tuple[str, ...]:
    if standing.status != "ok":
        return (standing.name, f"{standing.status}: {standing.reason}")
    unit = result.workload.unit
    factor = ratio(standing, ours) if ours is not None else None
    return (
        standing.name,
        *(shown(value, unit) for value in (median(standing), low(standing), high(standing))),
        _per_item(standing, result),
        "-" if factor is None else f"{factor:.2f}" if factor >= 0.1 else f"{factor:.4f}",
    )


def _per_item(standing: Standing, result: Result) -> str:
    if result.workload.kind == "import" or not standing.readings:
        return "-"
    seconds = statistics.median(reading.seconds for reading in standing.readings)
    return f"{seconds / result.n * 1e6:.2f}"
