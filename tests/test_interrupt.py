"""Ctrl-C: the call is left at once where bodies can be killed or left behind: one KeyboardInterrupt, no orphans."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

import bodies
from programs import program

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 6.0  # of each item
SOON = 3.0  # seconds that tell being left from waiting for an item

SYNC = """
    import sys, bodies, concur
    folder, mode, moment = sys.argv[1:]

    def items():
        for index in range(100):
            if moment == "source" and index == 2:
                bodies.Path(folder, "now").touch()
                bodies.time.sleep(6)
            yield (folder, 0.0 if moment == "consumer" and index == 0 else 6.0)

    def main():
        try:
            with concur.iter_parallel(bodies.mark_and_sleep, items(), mode=mode, workers=2, window=8) as results:
                for _ in results:
                    bodies.Path(folder, "now").touch()
                    bodies.time.sleep(6)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            raise SystemExit(7)

    if __name__ == "__main__":
        main()
"""

ASYNC = """
    import sys, bodies, concur, anyio
    folder, mode, loop = sys.argv[1:]

    async def main():
        await concur.arun_parallel(bodies.mark_and_sleep, [(folder, 6.0)] * 10, mode=mode, workers=2)

    if __name__ == "__main__":
        try:
            anyio.run(main, backend=loop)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            raise SystemExit(7)
"""


def interrupt(source: str, folder: Path, mode: str, extra: str, *, group: bool, ready: str) -> None:
    with program(source, str(folder), mode, extra) as process:
        if ready == "bodies":
            bodies.wait_until(lambda: list(folder.glob("running-*")), "a running body")
        elif ready == "workers":
            bodies.wait_until(lambda: len(_family(process.pid)) > 1, "a child")
        else:
            bodies.wait_for(folder / "now")
        family = _family(process.pid)
        began = time.monotonic()
        if group:
            os.killpg(process.pid, signal.SIGINT)
        else:
            os.kill(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
        took = time.monotonic() - began
        assert (process.returncode, stdout, stderr) == (7, "interrupted\n", "")
        assert took < SOON, "an item was waited for"
        _, alive = psutil.wait_procs(family, timeout=SOON)
        assert alive == [], "orphans"


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@pytest.mark.parametrize("group", [True, False], ids=["group", "parent"])
@pytest.mark.parametrize(
    ("mode", "moment"),
    [
        ("process", "running"),
        ("process", "source"),
        ("process", "consumer"),
        ("thread", "running"),
        ("thread", "source"),
        ("thread", "consumer"),
        ("serial", "running"),
    ],
)
def test_the_call_is_left_at_once(mode: str, moment: str, group: bool, tmp_path: Path) -> None:
    interrupt(SYNC, tmp_path, mode, moment, group=group, ready="bodies" if moment == "running" else "now")


@pytest.mark.parametrize("group", [True, False], ids=["group", "parent"])
def test_the_call_is_left_while_its_workers_start(group: bool, tmp_path: Path) -> None:
    interrupt(SYNC, tmp_path, "process", "running", group=group, ready="workers")


@pytest.mark.parametrize(
    ("mode", "loop"),
    [("process", "asyncio"), ("process", "trio"), ("thread", "trio")],  # asyncio makes Ctrl-C a cancellation: it waits
)
def test_the_async_call_is_left_at_once(mode: str, loop: str, tmp_path: Path) -> None:
    interrupt(ASYNC, tmp_path, mode, loop, group=True, ready="bodies")


# -- the parent's own end -------------------------------------------------------------------------------------------

ORPHANS = """
    import sys, bodies, concur
    folder, kind = sys.argv[1:]

    def main():
        with concur.pool(mode="process", workers=2) as pool:
            if kind == "idle":
                pool.run_parallel(bodies.mark_and_sleep, [(folder, 0.0)] * 4)
                bodies.Path(folder, "now").touch()
                bodies.time.sleep(600)
            pool.run_parallel(bodies.mark_and_sleep, [(folder, 2.0)] * 4)

    if __name__ == "__main__":
        main()
"""


@pytest.mark.parametrize("kind", ["idle", "running"])
def test_workers_end_when_their_parent_is_killed(kind: str, tmp_path: Path) -> None:
    with program(ORPHANS, str(tmp_path), kind) as process:
        if kind == "idle":
            bodies.wait_for(tmp_path / "now")
        else:
            bodies.wait_until(lambda: bodies.running(tmp_path), "a running body")
        family = _family(process.pid)
        process.kill()
        _, stderr = process.communicate(timeout=30)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert alive == [], "orphans"
        assert "Traceback" not in stderr
