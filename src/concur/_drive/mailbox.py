"""Where a loop waits for reports that come from it or from other threads: one wake-up for many reports."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from anyio import Event, move_on_after

from concur._drive.loops import caller_from_threads

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A queue with one reader, on the loop in which it is made. Writers never block."""

    def __init__(self) -> None:
        self._mail: deque[T] = deque()
        self._bell: Event | None = None
        self._rung = False  # a call into the loop is under way: another is not needed
        self._call: Callable[[Callable[[], object]], object] | None = None

    def __bool__(self) -> bool:
        return bool(self._mail)

    def open_to_threads(self) -> None:
        """Allow `post`. Called on the loop."""
        self._call = caller_from_threads()

    def put(self, letter: T) -> None:
        """Add a letter, on the loop."""
        self._mail.append(letter)
        self.ring()

    def post(self, letter: T) -> None:
        """Add a letter, from any thread."""
        self._mail.append(letter)
        if not self._rung:
            self._rung = True
            assert self._call is not None
            self._call(self._ring_soon)

    def ring(self) -> None:
        """Wake the reader, on the loop."""
        if self._bell is not None:
            self._bell.set()

    def _ring_soon(self) -> None:
        self._rung = False  # before the reader looks: what comes from now on rings again
        self.ring()

    async def wait(self, timeout: float | None) -> None:
        """Wait for a letter or a ring, at most `timeout` seconds."""
        if self._mail:
            return
        self._bell = bell = Event()
        try:
            if timeout is None:
                await bell.wait()
            else:
                with move_on_after(timeout):
                    await bell.wait()
        finally:
            self._bell = None

    def take(self) -> list[T]:
        """Take all letters."""
        letters: list[T] = []
        while self._mail:
            letters.append(self._mail.popleft())
        return letters
