"""Where bodies in threads, tasks and processes are seen and held: a small server in the test's process.

A body tells the board that it began and ended, and waits at latches that open on a condition or by hand. What is
expected of the bodies does not live here. Nothing polls, and every wait has an end that fails loudly.
"""

from __future__ import annotations

import os
import pickle
import selectors
import socket
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

__all__ = ["Event", "LatchTimeout", "Line", "Switchboard"]

PATIENCE = 20.0  # seconds; long against any machine's hiccup, short against a person's

_boards: dict[str, Switchboard] = {}  # those of this process, by key


class LatchTimeout(AssertionError):
    """What was waited for at a switchboard did not come."""


@dataclass(frozen=True, slots=True)
class Event:
    """What the board was told.

    Attributes:
        kind: A body began or ended, or was lost with its process; or a worker was set up.
        index: What the body is called.
    """

    kind: Literal["start", "end", "lost", "setup"]
    index: int


class Switchboard:
    """Sees and holds bodies. A context manager; its `line` is what scripts carry to workers.

    Examples:
        >>> from concur.testing.behaviour import Return, Visit, perform
        >>> with Switchboard() as board:
        ...     perform(Visit(board.line, 7, Return("seen")))
        ...     board.started
        'seen'
        [7]
    """

    def __init__(self, patience: float | None = None) -> None:
        self.patience: float = PATIENCE if patience is None else patience
        self.events: list[Event] = []
        self.most: int = 0
        self._running = 0
        self._changed = threading.Condition()
        self._conditions: dict[str, Callable[[], bool]] = {}
        self._open: set[str] = set()
        self._waiting: Counter[str] = Counter()
        self._posts: list[tuple[str, _Guest]] = []  # guests who wait, by latch
        self._key = os.urandom(8).hex()
        self._server: _Server | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Switchboard:
        _boards[self._key] = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open_all()
        del _boards[self._key]
        if self._server is not None:
            self._server.close()

    @property
    def line(self) -> Line:
        """What a script carries to reach this board from anywhere."""
        with self._lock:
            if self._server is None:
                self._server = _Server(self)
        return Line(self._key, os.getpid(), self._server.address, self.patience)

    # -- what was seen ----------------------------------------------------------------------------------------------

    @property
    def started(self) -> list[int]:
        """The bodies that began, in that order."""
        return [event.index for event in list(self.events) if event.kind == "start"]

    @property
    def ended(self) -> list[int]:
        """The bodies that ended by themselves, in that order."""
        return [event.index for event in list(self.events) if event.kind == "end"]

    @property
    def workers(self) -> int:
        """How many workers were set up, where a law gave `line.set_up` as the set-up."""
        return sum(event.kind == "setup" for event in list(self.events))

    @property
    def running(self) -> int:
        """How many bodies run now."""
        return self._running

    def waiting(self, latch: str) -> int:
        """Say how many bodies have come to a latch."""
        return self._waiting[latch]

    def calls(self) -> Counter[int]:
        """Count how often each body began."""
        return Counter(self.started)

    # -- what is done -----------------------------------------------------------------------------------------------

    def open_when(self, latch: str, condition: Callable[[], bool]) -> None:
        """Let a latch open as soon as a condition holds; it is looked at after every event, and then stays open."""
        with self._changed:
            self._conditions[latch] = condition
            self._look()

    def open(self, latch: str) -> None:
        """Open a latch by hand, for good."""
        with self._changed:
            self._open.add(latch)
            self._look()

    def open_all(self) -> None:
        """Open every latch there is or will be."""
        with self._changed:
            self._open.add("*")
            self._look()

    def wait_until(self, condition: Callable[[], bool], what: str, timeout: float | None = None) -> None:
        """Wait in the test until a condition on this board holds.

        Raises:
            LatchTimeout: It did not within `timeout`, by default the board's patience.
        """
        with self._changed:
            if not self._changed.wait_for(condition, self.patience if timeout is None else timeout):
                raise LatchTimeout(f"{what}: not so after {self.patience:g} s; the board saw {self.events}")

    def settle(self) -> None:
        """Wait until no body runs any more. A killed process is seen to end only when its channel closes."""
        self.wait_until(lambda: self._running == 0, "no body runs")

    # -- what bodies do, by way of their line -----------------------------------------------------------------------

    def tell(self, kind: Literal["start", "end", "lost", "setup"], index: int) -> int:
        """Note an event; gives how often the body has begun."""
        with self._changed:
            self.events.append(Event(kind, index))
            if kind == "start":
                self._running += 1
                self.most = max(self.most, self._running)
            elif kind != "setup":
                self._running -= 1
            self._look()
            return sum(event == Event("start", index) for event in self.events)

    def come(self, latch: str, guest: _Guest) -> None:
        """Let a guest wait at a latch."""
        with self._changed:
            self._waiting[latch] += 1
            self._posts.append((latch, guest))
            self._look()

    def leave(self, guest: _Guest) -> None:
        """Forget a guest who does not wait any more."""
        with self._changed:
            self._posts = [(latch, other) for latch, other in self._posts if other is not guest]

    def _look(self) -> None:
        for latch, condition in list(self._conditions.items()):
            if latch not in self._open and condition():
                self._open.add(latch)
        passed = [(latch, guest) for latch, guest in self._posts if latch in self._open or "*" in self._open]
        self._posts = [post for post in self._posts if post not in passed]
        for _, guest in passed:
            guest.pass_()
        self._changed.notify_all()


class _Guest:
    """A body that waits at a latch, in this process."""

    def __init__(self) -> None:
        self.event: threading.Event = threading.Event()

    def pass_(self) -> None:
        self.event.set()


class _Remote(_Guest):
    """A body that waits at a latch, at the other end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection

    def pass_(self) -> None:
        try:
            self._connection.send(b"\1")
        except OSError:
            pass  # it was cancelled or killed


class _Server:
    """Listens on the loopback interface, in a thread of its own. One connection for each body, and each wait."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._bell, self._button = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._connections: set[socket.socket] = set()
        self._bodies: dict[socket.socket, int] = {}
        self._guests: dict[socket.socket, _Remote] = {}
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="switchboard", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._button.send(b"\1")
        self._thread.join()
        for connection in [*self._connections, self._listener, self._bell, self._button]:
            connection.close()
        self._selector.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._bell:
                    return
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    self._connections.add(connection)
                    self._selector.register(connection, selectors.EVENT_READ)
                else:
                    registered: Any = key.fileobj  # a socket, like all that is registered
                    self._hear(registered)

    def _hear(self, connection: socket.socket) -> None:
        try:
            letter = connection.recv(4096)
        except OSError:
            letter = b""
        if not letter:
            self._hang_up(connection)
            return
        word, argument = pickle.loads(letter)
        if word == "wait":
            guest = self._guests[connection] = _Remote(connection)
            self._board.come(argument, guest)
            return
        if word == "start":
            self._bodies[connection] = argument
        elif word == "end":
            self._bodies.pop(connection, None)
        attempt = self._board.tell(word, argument)
        try:
            connection.send(attempt.to_bytes(4, "big"))
        except OSError:
            pass  # killed between asking and being answered; its end of file says so

    def _hang_up(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        self._connections.discard(connection)
        connection.close()
        guest = self._guests.pop(connection, None)
        if guest is not None:
            self._board.leave(guest)
        if connection in self._bodies:
            self._board.tell("lost", self._bodies.pop(connection))


@dataclass(frozen=True, slots=True)
class Line:
    """Reaches a board from anywhere: directly in its own process, by a connection from others. Picklable."""

    key: str
    pid: int
    address: tuple[str, int]
    patience: float

    @property
    def board(self) -> Switchboard | None:
        """The board, if it is of this process."""
        return _boards.get(self.key) if os.getpid() == self.pid else None

    @contextmanager
    def body(self, index: int) -> Iterator[int]:
        """Tell the board that a body runs for as long as the block does; gives the number of the attempt."""
        board = self.board
        if board is not None:
            attempt = board.tell("start", index)
            try:
                yield attempt
            finally:
                board.tell("end", index)
            return
        self._must_be_remote()
        with socket.create_connection(self.address, self.patience) as connection:
            attempt = self._ask(connection, "start", index)
            try:
                yield attempt
            finally:
                self._ask(connection, "end", index)

    def set_up(self) -> None:
        """Tell the board that a worker was set up: for `setup=`."""
        board = self.board
        if board is not None:
            board.tell("setup", os.getpid())
            return
        self._must_be_remote()
        with socket.create_connection(self.address, self.patience) as connection:
            self._ask(connection, "setup", os.getpid())

    def wait(self, latch: str, index: int) -> None:
        """Wait at a latch, in a plain function.

        Raises:
            LatchTimeout: It did not open within the board's patience.
        """
        board = self.board
        if board is not None:
            guest = _Guest()
            board.come(latch, guest)
            if not guest.event.wait(self.patience):
                board.leave(guest)
                raise self._late(latch, index)
            return
        self._must_be_remote()
        with socket.create_connection(self.address, self.patience) as connection:
            connection.send(pickle.dumps(("wait", latch)))
            try:
                connection.recv(1)
            except TimeoutError:
                raise self._late(latch, index) from None

    async def await_(self, latch: str, index: int) -> None:
        """Wait at a latch, in a coroutine on asyncio or trio.

        Raises:
            LatchTimeout: It did not open within the board's patience.
        """
        import anyio

        try:
            with anyio.fail_after(self.patience):
                async with await anyio.connect_tcp(*self.address) as stream:
                    await stream.send(pickle.dumps(("wait", latch)))
                    await stream.receive(1)
        except TimeoutError:
            raise self._late(latch, index) from None

    def _ask(self, connection: socket.socket, *letter: Any) -> int:
        connection.send(pickle.dumps(letter))
        return int.from_bytes(connection.recv(4), "big")

    def _must_be_remote(self) -> None:
        if os.getpid() == self.pid:
            raise LatchTimeout("the switchboard was closed while a body still ran")

    def _late(self, latch: str, index: int) -> LatchTimeout:
        return LatchTimeout(f"body {index} waited at latch {latch!r} for {self.patience:g} s, and it did not open")
