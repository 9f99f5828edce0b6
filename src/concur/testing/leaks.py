"""Sees what a call leaves behind: threads, processes, descriptors, shared memory, files, signal handlers, tasks.

What is looked at on Linux only (descriptors, processes of processes, shared memory) is empty elsewhere. Files are those
in the folder for temporary ones: where other programs use it too, set `TMPDIR` to a folder of the tests' own.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Leak", "Snapshot", "joining_abandoned", "no_leaks", "pending_tasks", "snapshot"]


SEGMENTS = ("concur", "psm_", "sem.mp-")  # ours, and what multiprocessing names; the folder is the whole machine's


class Leak(AssertionError):
    """Something is left that was not there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What there is at a moment, each as a readable text.

    The fork server and the resource tracker of `multiprocessing` live as long as the program. They and what they
    hold open are told apart by their process ids and descriptors, and are in no snapshot.
    """

    threads: frozenset[str]
    processes: frozenset[str]
    descriptors: frozenset[str]
    shared_memory: frozenset[str]
    files: frozenset[str]
    handlers: frozenset[str]

    def added(self, before: Snapshot) -> list[str]:
        """List what is in this snapshot and was not in one before."""
        return [
            f"{field.name}: {text}"
            for field in fields(self)
            for text in sorted(getattr(self, field.name) - getattr(before, field.name))
        ]


def snapshot() -> Snapshot:
    """Look around."""
    helper_pids, helper_descriptors, helper_files = _helpers()
    return Snapshot(
        threads=frozenset(f"{thread.name} ({thread.ident})" for thread in threading.enumerate()),
        processes=frozenset(_descendants(os.getpid(), helper_pids)),
        descriptors=frozenset(_descriptors(helper_descriptors)),
        shared_memory=frozenset(name for name in _own_files("/dev/shm") if name.startswith(SEGMENTS)),
        files=frozenset(_own_files(tempfile.gettempdir()) - helper_files),
        handlers=frozenset(f"{number}: {signal.getsignal(number)!r}" for number in signal.valid_signals()),
    )


@contextmanager
def no_leaks() -> Iterator[None]:
    """Fail if the block leaves anything behind.

    Raises:
        Leak: It does.
    """
    before = snapshot()
    yield
    left = [text for text in snapshot().added(before) if not _of_others(text)]
    if left:
        raise Leak("left behind:\n  " + "\n  ".join(left))


@contextmanager
def joining_abandoned(patience: float = 20.0) -> Iterator[None]:
    """Wait, at the end of a block, for the threads that were abandoned in it: they end with their bodies.

    Raises:
        Leak: One does not end within `patience` seconds.
    """
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("concur-thread-"):
            thread.join(patience)
            if thread.is_alive():
                raise Leak(f"the abandoned thread {thread.name} did not end with its body")


def _of_others(text: str) -> bool:
    """Say whether a line about shared memory is about a segment that a process outside our tree has mapped."""
    kind, _, name = text.partition(": ")
    if kind != "shared_memory":
        return False
    ours = {os.getpid(), *_tree(os.getpid())}
    return any(_maps(int(pid), name) for pid in os.listdir("/proc") if pid.isdecimal() and int(pid) not in ours)


def _maps(pid: int, name: str) -> bool:
    try:
        with open(f"/proc/{pid}/maps") as maps:
            return f"/dev/shm/{name}" in maps.read()
    except OSError:
        return False


def pending_tasks() -> frozenset[str]:
    """List the running loop's tasks: asyncio's all, or trio's count of them."""
    if "trio" in sys.modules:
        from trio.lowlevel import current_statistics, in_trio_run

        if in_trio_run():
            return frozenset(f"trio task {number}" for number in range(current_statistics().tasks_living))
    import asyncio

    return frozenset(f"{task.get_name()} {task.get_coro()!r}" for task in asyncio.all_tasks())


def _helpers() -> tuple[set[int], set[int], set[str]]:
    """Give process ids, descriptors and files of what `multiprocessing` keeps for the life of the program."""
    server: Any = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    tracker: Any = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    process: Any = sys.modules.get("multiprocessing.process")
    pids = {getattr(server, "_forkserver_pid", None), getattr(tracker, "_pid", None)}
    descriptors = {getattr(server, "_forkserver_alive_fd", None), getattr(tracker, "_fd", None)}
    config = process.current_process()._config if process is not None else {}
    folder = config.get("tempdir")
    return (
        {pid for pid in pids if pid is not None},
        {descriptor for descriptor in descriptors if descriptor is not None},
        {os.path.basename(folder)} if folder else set(),
    )


def _descendants(pid: int, helpers: set[int]) -> Iterator[str]:
    """Name the processes below one, but for the helpers."""
    return (f"{_command(child)} ({child})" for child in _tree(pid) if child not in helpers)


def _tree(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _tree(child)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                found += map(int, children.read().split())
    except OSError:
        pass  # it has ended meanwhile, or this is not Linux
    return found


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm") as comm:
            return comm.read().strip()
    except OSError:
        return "ended"


def _descriptors(helpers: set[int]) -> Iterator[str]:
    try:
        numbers = sorted(map(int, os.listdir("/proc/self/fd")))
    except OSError:
        return
    for number in numbers:
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # the one by which the folder was listed
        if number not in helpers:
            yield f"{number} -> {target}"


def _own_files(folder: str) -> set[str]:
    """Name this user's files in a folder."""
    names: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid():
                        names.add(entry.name)
                except OSError:
                    continue  # removed meanwhile
    except OSError:
        pass  # there is no such folder here
    return names
