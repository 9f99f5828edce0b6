"""What is to be started: pulled runs of items, runs that were given back, and retries that wait for their time."""

from __future__ import annotations

import heapq
from typing import Any


class Backlog:
    """Runs of consecutive items in index order, and single items that are due later."""

    __slots__ = ("_later", "_runs", "limit")

    def __init__(self) -> None:
        self.limit = 1 << 62  # indices from here on are not kept
        self._runs: list[tuple[int, list[Any], int, bool]] = []  # start, items, attempt, may be split
        self._later: list[tuple[float, int, Any, int]] = []  # due, index, item, attempt

    def __bool__(self) -> bool:
        return bool(self._runs or self._later)

    @property
    def ready(self) -> bool:
        """Whether something can be started now."""
        return bool(self._runs)

    @property
    def due(self) -> float | None:
        """When the next waiting retry is due."""
        return self._later[0][0] if self._later else None

    def push(self, start: int, items: list[Any], attempt: int = 1, *, split: bool = False) -> None:
        """Keep a run; with `split` it may be dealt out in smaller jobs than usual, to feed idle workers."""
        items = items[: max(0, self.limit - start)]
        if items:
            heapq.heappush(self._runs, (start, items, attempt, split))

    def push_later(self, due: float, index: int, item: Any, attempt: int) -> None:
        """Keep one item for attempt number `attempt`, from the time `due` on."""
        if index < self.limit:
            heapq.heappush(self._later, (due, index, item, attempt))

    def wake(self, now: float) -> None:
        """Make the retries that are due by `now` ready."""
        while self._later and self._later[0][0] <= now:
            _, index, item, attempt = heapq.heappop(self._later)
            self.push(index, [item], attempt)

    def take(self, size: int, idle: int) -> tuple[int, list[Any], int]:
        """Take the first run, or its first `size` items; `idle` workers share a run that may be split."""
        start, items, attempt, split = heapq.heappop(self._runs)
        if split and idle > 1:
            size = min(size, -(-len(items) // idle))
        if len(items) > size:
            heapq.heappush(self._runs, (start + size, items[size:], attempt, split))
            items = items[:size]
        return start, items, attempt

    def cut(self, limit: int) -> None:
        """Drop the indices from `limit` on."""
        self.limit = min(self.limit, limit)
        runs, self._runs = self._runs, []
        for start, items, attempt, split in runs:
            self.push(start, items, attempt, split=split)
        self._later = [entry for entry in self._later if entry[1] < self.limit]
        heapq.heapify(self._later)

    def clear(self) -> list[tuple[int, Any, int]]:
        """Take everything out: index, item and attempt number of each."""
        everything = [
            (i, item, attempt) for start, items, attempt, _ in self._runs for i, item in enumerate(items, start)
        ]
        everything += [(index, item, attempt) for _, index, item, attempt in self._later]
        self._runs, self._later = [], []
        return everything

    def indices(self) -> list[int]:
        """List the indices that are kept (for invariants)."""
        ready = [index for start, items, _, _ in self._runs for index in range(start, start + len(items))]
        return ready + [index for _, index, _, _ in self._later]
