"""How many items the next job gets. Pure: it is told durations and asked for a size."""

from __future__ import annotations

TARGET_SECONDS = 0.02  # 10-50 ms: long against the cost of a job, short against what a person or the tail notices
GROWTH = 8  # a size may grow by this factor over the largest job that has ended: durations may change
MOST_ITEMS_LISTED = 8192  # more no longer pays: the items of a job leave the processor's cache
MOST_ITEMS = 4096  # of a stream: keeps the items and results in flight to a few megabytes when they are tiny


class Chunking:
    """Sizes jobs so that one takes about `TARGET_SECONDS`, or always `fixed` items.

    The estimate is the slower of the last job and the running mean, so that a slow stretch shrinks jobs at once and
    a fast one grows them over a few.
    """

    __slots__ = ("_fixed", "_largest", "_mean", "_most", "_slots")

    def __init__(self, fixed: int | None, slots: int, most: int = MOST_ITEMS) -> None:
        self._fixed = fixed
        self._most = most
        self._slots = slots  # jobs that can be in flight
        self._largest = 0  # items of the largest job that has ended
        self._mean: float | None = None  # seconds per item

    def measured(self, items: int, seconds: float) -> None:
        """Learn that `items` consecutive bodies took `seconds` in all."""
        if items < 1:
            return
        each = max(seconds, 0.0) / items
        self._mean = each if self._mean is None else max(each, (self._mean + each) / 2)
        self._largest = max(self._largest, items)

    def size(self, remaining: int | None) -> int:
        """Give the size of the next job, when `remaining` items are left to start (None: unknown)."""
        if self._fixed is not None:
            return self._fixed
        if self._mean is None:
            return 1  # nothing is known: a first item may take an hour
        size = min(self._largest * GROWTH, self._most)
        if size * self._mean > TARGET_SECONDS:  # asked so, because a mean can be too small to divide by
            size = int(TARGET_SECONDS / self._mean)
        if remaining is not None and self._slots > 2:  # a lone worker has nobody to end together with
            size = min(size, -(-remaining // self._slots))  # smaller and smaller towards the end
        return max(1, size)
