"""The command line: `python -m bench --help`. What it asks for is done by contest.py."""

from __future__ import annotations

import argparse
import fnmatch
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench.contenders import CONTENDERS
from bench.contest import Result, held, missing
from bench.report import Json, machine, peer_versions, report
from bench.table import table
from bench.workloads import WORKLOADS, Workload

QUICK_ROUNDS = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the workloads asked for, print a table each, and write the JSON file if one is named."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.list:
        print(_listing())
        return
    workloads = [WORKLOADS[name] for name in _matching(parser, "workload", asked.workload, list(WORKLOADS))]
    known = list(dict.fromkeys(name for workload in workloads for name in workload.contenders))
    names = _matching(parser, "contender", asked.contender, known)
    signal.signal(signal.SIGTERM, _exit)  # so that `with` ends the children

    about = machine()
    print(_heading(about))
    results = []
    for workload in workloads:
        chosen = [name for name in workload.contenders if name in names]
        if not chosen:
            continue
        results.append(_run(workload, chosen, asked))
        print("\n" + table(results[-1]), flush=True)
    if asked.json:
        text = json.dumps(report(results, at=datetime.now(UTC), about=about), indent=1)
        asked.json.write_text(text + "\n")


def _run(workload: Workload, names: Sequence[str], asked: argparse.Namespace) -> Result:
    return held(
        workload,
        names,
        rounds=asked.rounds or (QUICK_ROUNDS if asked.quick else workload.rounds),
        n=workload.quick_n if asked.quick else workload.n,
        cap=asked.cap or workload.cap,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure concur and its peers side by side. NAME may be a pattern, as 'trivial-*'.",
    )
    parser.add_argument("--workload", nargs="+", metavar="NAME", default=["*"], help="only these workloads")
    parser.add_argument("--contender", nargs="+", metavar="NAME", default=["*"], help="only these contenders")
    parser.add_argument("--rounds", type=_positive, help="measured rounds (default: as each workload says)")
    parser.add_argument("--cap", type=float, metavar="SECONDS", help="end a run that takes longer")
    parser.add_argument("--quick", action="store_true", help="few rounds over few items: a smoke test")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all readings to a file, too")
    parser.add_argument("--list", action="store_true", help="list workloads and contenders, and run nothing")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _matching(parser: argparse.ArgumentParser, noun: str, patterns: Sequence[str], known: Sequence[str]) -> list[str]:
    for pattern in patterns:
        if not fnmatch.filter(known, pattern):
            parser.error(f"no {noun} {pattern!r} here; there are: {', '.join(known)}")
    return [name for name in known if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]


def _listing() -> str:
    lines = ["workloads:"]
    for workload in WORKLOADS.values():
        wanted = "; ".join(str(figure) for figure in workload.wanted) or "no figure set"
        lines += [
            f"  {workload.name}: {workload.measures}",
            f"      wanted: {wanted}",
            f"      contenders: {', '.join(_marked(name, workload) for name in workload.contenders)}",
        ]
    contenders = [f"  {name}: {contender.about}" for name, contender in CONTENDERS.items()]
    versions = [f"{name} {version or 'not installed'}" for name, version in peer_versions().items()]
    return "\n".join([*lines, "contenders:", *contenders, "versions:", f"  {', '.join(versions)}"])


def _marked(name: str, workload: Workload) -> str:
    return f"{name} (not installed)" if missing(name, workload) else name


def _heading(about: Mapping[str, Json]) -> str:
    return (
        f"{about['implementation']} {about['python']}, GIL {'on' if about['gil'] else 'off'}, "
        f"{about['cpus_usable'] or about['cpus']} CPUs, load {about['load']}, {about['platform']}"
    )


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
