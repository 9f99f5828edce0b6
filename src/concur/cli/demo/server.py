"""A small HTTP server on the loopback interface, in a thread of its own, for as long as a block lasts.

It only serves: fetching lives in `workloads`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import NamedTuple, cast

__all__ = ["HOST", "page_body", "page_delay", "serve_pages"]

HOST = "127.0.0.1"


def page_body(number: int) -> bytes:
    """The body of page `number`: 4 to 19 thousand bytes, the same on every machine."""
    return f"page {number:08d}, line after line\n".encode() * (128 + number * 37 % 512)


def page_delay(number: int) -> float:
    """Seconds until page `number` is answered: 0.010 to 0.020."""
    return 0.010 + number % 11 / 1000


@contextmanager
def serve_pages() -> Generator[int, None, None]:
    """Serve `/page/NUMBER` while the block runs; gives the port."""
    started: Future[_Serving] = Future()
    thread = threading.Thread(target=_serve_in_thread, args=(started,), name="concur-demo-server", daemon=True)
    thread.start()
    try:
        serving = started.result()
        try:
            yield serving.port
        finally:
            serving.loop.call_soon_threadsafe(serving.stop.set)
    finally:
        thread.join()


class _Serving(NamedTuple):
    """A running server, as other threads may know it."""

    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    port: int


def _serve_in_thread(started: Future[_Serving]) -> None:
    try:
        asyncio.run(_serve(started))
    except OSError as exc:
        started.set_exception(exc)


async def _serve(started: Future[_Serving]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    connected: set[asyncio.Transport] = set()
    server = await loop.create_server(lambda: _Answering(loop, connected), HOST, 0, backlog=1024)
    started.set_result(_Serving(loop, stop, server.sockets[0].getsockname()[1]))
    await stop.wait()
    # The other tasks of this loop are asyncio's own, each taking in a connection: a server closed under
    # them would leak it.
    while arriving := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(arriving)
    server.close()
    # A client that gave up half way must not keep the server. An aborted connection is gone one turn later.
    while connected:
        for transport in tuple(connected):
            transport.abort()
        await asyncio.sleep(0)
    await server.wait_closed()


class _Answering(asyncio.Protocol):
    """One connection: a request, a delay, an answer, the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connected: set[asyncio.Transport]) -> None:
        self._loop = loop
        self._connected = connected
        self._request = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connected.add(self._transport)

    def data_received(self, data: bytes) -> None:
        self._request += data
        if self._request.endswith(b"\r\n\r\n"):
            number = _page_number(self._request)
            self._loop.call_later(page_delay(number or 0), self._answer, number)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connected.discard(self._transport)

    def _answer(self, number: int | None) -> None:
        if self._transport.is_closing():
            return
        status, body = ("404 Not Found", b"") if number is None else ("200 OK", page_body(number))
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._transport.write(head.encode() + body)
        self._transport.close()


def _page_number(request: bytes) -> int | None:
    """The page that a request asks for, None for anything else."""
    words = request.split(maxsplit=2)
    if len(words) < 2 or words[0] != b"GET" or not words[1].startswith(b"/page/"):
        return None
    number = words[1].removeprefix(b"/page/")
    return int(number) if number.isdigit() else None
