"""What a contender is: one frozen description per kind of workload.

No library is imported here, and none by describing a contender: its child process imports it when it starts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Contender",
    "CoroutineContender",
    "CoroutineTask",
    "ImportContender",
    "Loop",
    "MapContender",
    "Run",
    "StreamContender",
    "Task",
]

Loop = Literal["asyncio", "trio"]
Run = Callable[[Sequence[int]], Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a contender is asked to do: `fn` over items, with so many workers.

    `chunk` is the number of items per job that suits this workload, for contenders that let one say so.
    """

    fn: Callable[[int], int]
    workers: int
    chunk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoroutineTask:
    """The same for a coroutine function: at most `limit` of them at a time."""

    fn: Callable[[int], Coroutine[Any, Any, int]]
    limit: int
    loop: Loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A way to do the work.

    Args:
        name: Unique; what `--contender` takes.
        about: The call in a few words.
        requires: Modules that its child imports before the clock starts; without one it is "not installed".
    """

    name: str
    about: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MapContender(Contender):
    """A list of items in, all results out. What `open` sets up before it yields is not timed."""

    open: Callable[[Task], AbstractContextManager[Run]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamContender(Contender):
    """An iterable of items in, an iterable of results out; setting up is timed."""

    stream: Callable[[Task, Iterable[int]], AbstractContextManager[Iterable[int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoroutineContender(Contender):
    """All results of a coroutine function, awaited in a new event loop (which is timed)."""

    gather: Callable[[CoroutineTask, Sequence[int]], Awaitable[Sequence[int]]]
    loops: tuple[Loop, ...] = ("asyncio", "trio")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportContender(Contender):
    """A statement for a new interpreter."""

    statement: str
