"""Prints a report for people: with `rich` on a terminal where it is installed, else as aligned text.

What is said lives in `report` and `verdict`; here is only how it looks.
"""

from __future__ import annotations

import importlib.util
import sys
from itertools import chain, groupby

from concur.cli.demo.report import Measured, Report, WorkloadReport

__all__ = ["plain", "show"]

HEADER = ("work", "mode", "workers", "def", "speed-up", "async def", "speed-up", "results")
LEFT = frozenset({0, 1, 7})  # these columns are words, the others figures
MARK = "*"
NOTE = f"{MARK} fastest. Times include starting the workers: in process mode, the processes."


def show(report: Report) -> None:
    """Print the report to standard output."""
    if sys.stdout.isatty() and importlib.util.find_spec("rich") is not None:
        _show_rich(report)
    else:
        print(plain(report))


def plain(report: Report) -> str:
    """The report as aligned text, without a line break at its end."""
    header, *sections = _padded([[HEADER], *(_rows(workload) for workload in report.workloads)])
    lines = [_title(report), "", _line(header[0])]
    for section in sections:
        lines += ["-" * len("  ".join(header[0])), *(_line(row) for row in section)]
    lines += ["", *_notes(report), "", *(line for workload in report.workloads for line in _told(workload))]
    return "\n".join([*lines, "", *_closing(report)])


def _title(report: Report) -> str:
    machine = report.machine
    gil = "" if machine.gil else ", no GIL"
    cpus = f"{machine.cpus} usable CPU{'' if machine.cpus == 1 else 's'}"
    where = f"{machine.system} {machine.architecture}"
    return f"concur demo: {machine.implementation} {machine.python}{gil}, {where}, {cpus}"


def _notes(report: Report) -> list[str]:
    """How to read the times."""
    if not report.machine.busy:
        return [NOTE]
    load = f"The CPUs were busy already (a load of {report.machine.load:.1f} before the start)"
    return [NOTE, f"{load}: the times say less. --rounds 3 helps."]


def _rows(workload: WorkloadReport) -> list[tuple[str, ...]]:
    """One row for each mode: the cells of `HEADER`."""
    rows: list[tuple[str, ...]] = []
    for mode, group in groupby(workload.measured, key=lambda each: each.mode):
        forms = list(group)
        figures = [cell for each in forms for cell in _figures(workload, each)]
        name = "" if rows else workload.name
        rows.append((name, mode, str(forms[0].workers), *figures, _results(forms)))
    return rows


def _figures(workload: WorkloadReport, measured: Measured) -> tuple[str, str]:
    speed_up = workload.speed_up(measured)
    # A blank where the mark would be keeps the figures in line.
    mark = MARK if workload.is_fastest(measured) else " "
    seconds = "failed" if measured.best is None else f"{measured.best:.2f} s"
    return seconds, "-  " if speed_up is None else f"{speed_up:.1f}x {mark}"


def _results(forms: list[Measured]) -> str:
    if any(each.best is None for each in forms):
        return "FAILED"
    return "equal" if all(each.trouble is None for each in forms) else "DIFFERENT"


def _told(workload: WorkloadReport) -> tuple[str, str]:
    """The sentence on a workload, and what it does."""
    verdict = workload.verdict
    reason = "the plain loop itself failed" if verdict is None else verdict.reason
    return f"{workload.name}: {reason}.", f"    {workload.does}"


def _closing(report: Report) -> list[str]:
    """What every mode gave: that all is equal, or each trouble on a line of its own."""
    if report.equal:
        return [f"All modes gave equal results. {report.elapsed:.0f} seconds in all."]
    return [
        f"{_trouble(each)}: {workload.name} in {each.mode} mode, {each.form}: {each.trouble}"
        for workload in report.workloads
        for each in workload.measured
        if each.trouble is not None
    ]


def _trouble(measured: Measured) -> str:
    return "FAILED" if measured.best is None else "NOT EQUAL"


def _padded(sections: list[list[tuple[str, ...]]]) -> list[list[list[str]]]:
    """The same rows with each cell as wide as its column."""
    widths = [max(map(len, column)) for column in zip(*chain.from_iterable(sections), strict=True)]
    return [
        [
            [
                cell.ljust(width) if column in LEFT else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            for row in section
        ]
        for section in sections
    ]


def _line(row: list[str]) -> str:
    return "  ".join(row).rstrip()


def _show_rich(report: Report) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    (header,), *sections = _padded([[HEADER], *(_rows(workload) for workload in report.workloads)])
    table = Table(box=box.SIMPLE_HEAD, title=_title(report), title_justify="left", title_style="bold")
    for name in header:
        table.add_column(Text(name), no_wrap=True)
    for section in sections:
        for row in section:
            table.add_row(*(Text(cell, style=_style(column, cell)) for column, cell in enumerate(row)))
        table.add_section()
    console = Console(highlight=False)
    console.print(table)
    for note in _notes(report):
        console.print(Text(note, style="dim"))
    for workload in report.workloads:
        sentence, does = _told(workload)
        console.print(Text.assemble("\n", (workload.name, "bold"), sentence.removeprefix(workload.name)))
        console.print(Text(does, style="dim"))
    console.print()
    for line in _closing(report):
        console.print(Text(line, style="bold green" if report.equal else "bold white on red"))


def _style(column: int, cell: str) -> str:
    if column == 0:
        return "bold"
    if cell.endswith(MARK):
        return "bold green"
    return "bold red" if cell.strip() in {"DIFFERENT", "FAILED", "failed"} else ""
