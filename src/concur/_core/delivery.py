"""Which results may go to the consumer next: in index order, or as they come.

Results are kept in runs of consecutive indices, so that the work is per job. Nothing is decided here about failures.
"""

from __future__ import annotations

from collections import deque
from typing import Any

_NO_LIMIT = 1 << 62


class Ordered:
    """Holds results until every earlier index has been delivered.

    Attributes:
        delivered: How many indices have been given out or skipped; also the next deliverable index.
        limit: Indices from here on are never delivered.
    """

    __slots__ = ("_parts", "delivered", "limit")

    def __init__(self) -> None:
        self.delivered = 0
        self.limit = _NO_LIMIT
        self._parts: dict[int, list[Any] | None] = {}  # by first index; None: one index without a value

    def add(self, start: int, values: list[Any]) -> None:
        """Keep the results of the indices from `start` on."""
        if values and start < self.limit:
            self._parts[start] = values

    def skip(self, index: int) -> None:
        """Let `index` pass without a value."""
        if index < self.limit:
            self._parts[index] = None

    def cut(self, limit: int) -> None:
        """Drop the indices from `limit` on."""
        self.limit = min(self.limit, limit)
        for start in [start for start in self._parts if start >= self.limit]:
            del self._parts[start]

    def take(self) -> list[Any] | None:
        """Give the next run of results, counted as delivered; None when the next index is missing."""
        while self.delivered in self._parts:
            part = self._parts.pop(self.delivered)
            if part is None:
                self.delivered += 1
                continue
            keep = self.limit - self.delivered
            if len(part) > keep:
                del part[keep:]
            self.delivered += len(part)
            return part
        return None

    def ready(self) -> bool:
        """Say whether `take` would move on."""
        return self.delivered in self._parts

    def held(self) -> dict[int, Any]:
        """Give what is kept and not delivered, by index."""
        return {
            start + offset: value
            for start, part in self._parts.items()
            if part is not None
            for offset, value in enumerate(part)
        }

    def indices(self) -> list[int]:
        """List the indices that are kept, skipped ones too (for invariants)."""
        return [
            i for start, part in self._parts.items() for i in range(start, start + (1 if part is None else len(part)))
        ]


class Unordered:
    """Gives results out as they come, with the same face as `Ordered`."""

    __slots__ = ("_parts", "_skipped", "delivered", "limit")

    def __init__(self) -> None:
        self.delivered = 0
        self.limit = _NO_LIMIT
        self._parts: deque[tuple[int, list[Any]]] = deque()
        self._skipped = 0

    def add(self, start: int, values: list[Any]) -> None:
        if values and start < self.limit:
            self._parts.append((start, values))

    def skip(self, index: int) -> None:
        if index < self.limit:
            self._skipped += 1

    def cut(self, limit: int) -> None:
        self.limit = min(self.limit, limit)
        self._parts = deque((start, part) for start, part in self._parts if start < self.limit)

    def take(self) -> list[Any] | None:
        self.delivered += self._skipped
        self._skipped = 0
        if not self._parts:
            return None
        start, part = self._parts.popleft()
        if start + len(part) > self.limit:
            del part[self.limit - start :]
        self.delivered += len(part)
        return part

    def ready(self) -> bool:
        return bool(self._parts or self._skipped)

    def held(self) -> dict[int, Any]:
        return {start + offset: value for start, part in self._parts for offset, value in enumerate(part)}

    def indices(self) -> list[int]:
        return [index for start, part in self._parts for index in range(start, start + len(part))]
