"""The child process of one contender: `python -m bench.host WORKLOAD CONTENDER N`.

One line on its standard input asks for one run, and one line of JSON answers; the end of the input ends it.
Each contender has a process to itself, so that it can be ended when it hangs and leaves no threads, pools
or memory to the next. children.py is the other side.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Iterable
from typing import TextIO

from bench.contenders import CONTENDERS
from bench.harness import Failure, Measured, Reading
from bench.measure import Trial, opened
from bench.workloads import WORKLOADS

__all__ = ["as_reply", "serve"]


def serve(trial: Trial, requests: Iterable[str], replies: TextIO) -> None:
    """Answer each line of `requests` with the reading or failure of one run."""
    for _ in requests:
        try:
            measured = trial()
        except Exception as exc:
            measured = Failure(_described(exc))
        _send(replies, as_reply(measured))


def as_reply(measured: Measured) -> dict[str, float | str]:
    """A reading or a failure as a JSON object."""
    match measured:
        case Reading(value=value, seconds=seconds):
            return {"value": value, "seconds": seconds}
        case Failure(reason):
            return {"failure": reason}


def _send(replies: TextIO, reply: dict[str, float | str]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()


def _described(exc: BaseException) -> str:
    return " ".join(f"{type(exc).__name__}: {exc}".split())[:300]


def _private_output() -> TextIO:
    # A contender may print: what it writes to standard output goes to standard error instead.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def main(workload_name: str, contender_name: str, n: str) -> None:
    """Set the contender up, say so, and serve until the input ends."""
    replies = _private_output()
    workload, contender = WORKLOADS[workload_name], CONTENDERS[contender_name]
    ready = False
    try:
        for module in contender.requires:
            importlib.import_module(module)
        with opened(workload, contender, int(n), time.perf_counter) as trial:
            _send(replies, {"ready": "yes"})
            ready = True
            serve(trial, sys.stdin, replies)
    except Exception as exc:
        if ready:
            raise
        _send(replies, {"failure": _described(exc)})


if __name__ == "__main__":
    main(*sys.argv[1:])
