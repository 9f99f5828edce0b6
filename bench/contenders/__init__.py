"""All contenders by name. A new one is added to the tuple of its file; nothing else registers it."""

from __future__ import annotations

from bench.contenders import coroutines, ours, peers, stdlib
from bench.contenders._kinds import (
    Contender,
    CoroutineContender,
    CoroutineTask,
    ImportContender,
    Loop,
    MapContender,
    Run,
    StreamContender,
    Task,
)

__all__ = [
    "CONTENDERS",
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

CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (*ours.CONTENDERS, *stdlib.CONTENDERS, *peers.CONTENDERS, *coroutines.CONTENDERS)
}
