"""`concur demo`: real work through every mode, by one call; its arguments and its exit code.

Measuring lives in `runner`, what is printed in `table` and `report`. Process workers import this package
on their way to `workloads`, so nothing heavy is imported at the top.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys

from concur.cli._arguments import names_from, positive_int, positive_number

__all__ = ["MODES", "SUMMARY", "WORKLOADS", "configure", "run"]

SUMMARY = "Run three real workloads in every mode and compare: results, time, and why."
MODES = ("serial", "thread", "process", "async")
WORKLOADS = ("parse", "hash", "fetch")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `concur demo`."""
    parser.add_argument(
        "--only",
        type=names_from(WORKLOADS, noun="workload"),
        default=WORKLOADS,
        metavar="NAMES",
        help=f"workloads to run, with commas between them (default: {','.join(WORKLOADS)})",
    )
    parser.add_argument(
        "--modes",
        type=names_from(MODES, noun="mode"),
        default=MODES,
        metavar="NAMES",
        help=f"modes to run (default: {','.join(MODES)}); serial always runs, as the reference",
    )
    parser.add_argument(
        "--workers",
        type=positive_int,
        metavar="N",
        help="workers in every mode (default: one for each usable CPU, and more where the work waits)",
    )
    parser.add_argument(
        "--scale",
        type=positive_number,
        default=1.0,
        metavar="X",
        help="size of the work; 1 takes about half a minute on two CPUs (default: 1)",
    )
    parser.add_argument(
        "--rounds",
        type=positive_int,
        default=1,
        metavar="N",
        help="times each combination is run; the fastest counts (default: 1)",
    )
    parser.add_argument("--json", action="store_true", help="print everything measured as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; returns 0 when every mode gave the serial results, else 1."""
    from concur.cli.demo import runner, table
    from concur.cli.demo.report import as_json
    from concur.cli.demo.workloads import NothingToDo

    try:
        report = runner.measure_all(
            names=arguments.only,
            modes=arguments.modes,
            workers=arguments.workers,
            scale=arguments.scale,
            rounds=arguments.rounds,
            show_progress=sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None,
        )
    except NothingToDo as exc:
        print(f"concur demo: {exc}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(as_json(report), indent=2))
    else:
        table.show(report)
    return 0 if report.equal else 1
