"""A source that counts: how far it was pulled, by whom, in what order, and whether it was finalised."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator

__all__ = ["Source"]


class Source:
    """Items with a witness. `plain()` is what a sync or async call is given, `asynchronous()` an async generator.

    Args:
        items: What it gives; may be endless.
        error: Raised after the items, if given.
        on_pull: Called with the number of items pulled, this one included, before each is given out.

    Attributes:
        pulled: Items given out.
        opened: How often it was begun.
        finalised: How often its `finally` ran.
        faults: What was wrong with how it was pulled: overlapping pulls, a pull after the end.
    """

    def __init__(
        self, items: Iterable[Any], error: BaseException | None = None, on_pull: Callable[[int], object] | None = None
    ) -> None:
        self._items = items
        self._error = error
        self._on_pull = on_pull
        self.pulled: int = 0
        self.opened: int = 0
        self.finalised: int = 0
        self.faults: list[str] = []

    def plain(self) -> Generator[Any, None, None]:
        """Give a generator over the items."""
        self.opened += 1
        try:
            for item in self._items:
                self._count()
                yield item
            if self._error is not None:
                raise self._error
        finally:
            self.finalised += 1

    async def asynchronous(self) -> AsyncIterator[Any]:
        """Give an async generator over the items."""
        from anyio.lowlevel import checkpoint

        self.opened += 1
        try:
            for item in self._items:
                await checkpoint()
                self._count()
                yield item
            if self._error is not None:
                raise self._error
        finally:
            self.finalised += 1

    def witnessed(self) -> Witness:
        """Give an iterable that is no generator: it sees overlapping pulls, and pulls after its end."""
        return Witness(self)

    def _count(self) -> None:
        self.pulled += 1
        if self._on_pull is not None:
            self._on_pull(self.pulled)


class Witness:
    """An iterable that is no generator, around a `Source`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.iterated: int = 0

    def __iter__(self) -> Iterator[Any]:
        self.iterated += 1
        return _WitnessIterator(self._source)


class _WitnessIterator:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._items = source.plain()
        self._busy = threading.Lock()
        self._over = False

    def __iter__(self) -> _WitnessIterator:
        return self

    def __next__(self) -> Any:
        if not self._busy.acquire(blocking=False):
            self._source.faults.append("pulled by two threads at a time")
            raise AssertionError("pulled by two threads at a time")
        try:
            if self._over:
                self._source.faults.append("pulled after its end")
            return next(self._items)
        except BaseException:
            self._over = True
            raise
        finally:
            self._busy.release()
