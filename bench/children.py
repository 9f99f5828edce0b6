"""The parent's side of host.py: start a child per contender, ask it for runs, end it when it takes too long.

A child leads a process group of its own; all that it leaves behind in it is killed when the child is closed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from bench.harness import Failure, Measured, Reading
from bench.workloads import Workload

__all__ = ["Child", "Crew", "as_measured"]

ROOT = Path(__file__).parents[1]
GRACE = 10.0  # seconds for a child to close its pools
LINGER = 1.0  # seconds for a child and what it started to end before they are killed
LOOK = 0.1  # seconds between looks at whether a silent child still lives: its workers may hold the pipe open


class Child:
    """One contender in a process of its own.

    Args:
        workload: What it runs.
        contender: The name of the contender.
        n: Items.
        cap: Seconds that starting, and each run, may take.
        clock: Seconds, monotonic.
    """

    def __init__(self, workload: Workload, contender: str, *, n: int, cap: float, clock: Callable[[], float]) -> None:
        self._cap = cap
        self._clock = clock
        self._unread = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child; close() ends both
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.host", workload.name, contender, str(n)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            start_new_session=True,
        )
        try:
            self._started = self._reply()
        except BaseException:  # Ctrl-C: nobody has this child yet, and so nobody else would end it
            self.close(grace=0.0)
            raise

    @property
    def pid(self) -> int:
        """The process's number, which is also that of its group."""
        return self._process.pid

    def run(self) -> Measured:
        """Ask for one run; a child that failed to start gives that failure."""
        if isinstance(self._started, Failure):
            return self._started
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"run\n")
        except BrokenPipeError:
            return self._death()
        return as_measured(self._reply())

    def close(self, *, grace: float = GRACE) -> None:
        """Let the child close its pools for up to `grace` seconds, then end whatever is left of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        finally:
            self._end()
            self._process.stdout.close()
            self._errors.close()

    def _reply(self) -> dict[str, object] | Failure:
        assert self._process.stdout is not None
        until = self._clock() + self._cap
        while b"\n" not in self._unread:
            if self._clock() >= until:
                self._end()
                return Failure(f"exceeded the cap of {self._cap:g} s")
            gone = self._process.poll() is not None
            readable, _, _ = select.select([self._process.stdout], [], [], 0 if gone else LOOK)
            part = os.read(self._process.stdout.fileno(), 65536) if readable else b""
            if gone and not part:
                return self._death()
            self._unread += part
        line, self._unread = self._unread.split(b"\n", 1)
        reply: dict[str, object] = json.loads(line)
        return Failure(str(reply["failure"])) if "failure" in reply else reply

    def _death(self) -> Failure:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return Failure(f"its process ended with code {code}" + (f": {lines[-1][:200]}" if lines else ""))

    def _end(self) -> None:
        # Resource trackers ignore SIGTERM: once all others are gone they unlink the names left, and end.
        until = self._clock() + LINGER
        alive = self._signal(signal.SIGTERM)
        while alive and self._clock() < until:
            self._process.poll()  # until it is reaped, it counts as a member of its group
            time.sleep(LOOK)
            alive = self._signal(0)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> bool:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True


class Crew:
    """The children of one workload, kept between rounds; a stream gets a new one for each run.

    Use it as a context manager: leaving it ends all of them.
    """

    def __init__(self, workload: Workload, *, n: int, cap: float, clock: Callable[[], float]) -> None:
        self._workload = workload
        self._start: Callable[[str], Child] = lambda name: Child(workload, name, n=n, cap=cap, clock=clock)
        self._kept: dict[str, Child] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self._kept:
            _, child = self._kept.popitem()
            child.close(grace=GRACE if exc is None else 0.0)

    def run(self, name: str) -> Measured:
        """One run of the named contender."""
        if name not in self._kept:
            self._kept[name] = self._start(name)
        measured = self._kept[name].run()
        if self._workload.kind == "stream" or isinstance(measured, Failure):
            self._kept.pop(name).close()
        return measured


def as_measured(reply: dict[str, object] | Failure) -> Measured:
    """The reading or failure that a child's reply says."""
    match reply:
        case Failure():
            return reply
        case {"value": float() | int() as value, "seconds": float() | int() as seconds}:
            return Reading(value=value, seconds=seconds)
        case _:
            return Failure(f"the child said {reply!r}")
