"""The demo's work: what is called, on which items, as a plain and as a coroutine function.

Process workers import this module by name and get the functions from it. Timing lives in `runner`.
"""

from __future__ import annotations

import ast
import hashlib
import http.client
import os
import sysconfig
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

import anyio

import concur
from concur.cli.demo.server import HOST

__all__ = [
    "FORMS",
    "Form",
    "NothingToDo",
    "Page",
    "Workload",
    "fetch_workload",
    "hash_workload",
    "parse_workload",
]

ItemT = TypeVar("ItemT")
ResultT_co = TypeVar("ResultT_co", covariant=True)

Form = Literal["def", "async def"]
FORMS: tuple[Form, ...] = ("def", "async def")

# Sizes that take about two seconds each in a plain loop on an ordinary machine.
PARSED_FILES, HASHED_BUFFERS, FETCHED_PAGES = 650, 80, 120

_NOT_OURS = frozenset({"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test"})
_PARSE_ATTEMPTS = 5
_BUFFER = bytes(range(256)) * 16_384  # 4 MiB
_BUFFER_REPEATS = 8
_FETCH_TIMEOUT = 30.0  # seconds


class NothingToDo(Exception):
    """A workload finds nothing to work on, on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Generic[ItemT, ResultT_co]):
    """A function in its two forms, and the items it is called with.

    Attributes:
        expected: The modes that the textbook would choose.
        workers: How many workers suit it.
    """

    name: str
    does: str
    plain: Callable[[ItemT], ResultT_co]
    coroutine: Callable[[ItemT], Coroutine[object, object, ResultT_co]]
    items: Sequence[ItemT]
    expected: tuple[str, ...]
    workers: int

    @property
    def size(self) -> int:
        """How many items there are."""
        return len(self.items)

    def run(self, form: Form, *, mode: str, workers: int, progress: str | None = None) -> list[ResultT_co]:
        """Call the function in that form for every item: the one call that the demo is about."""
        if form == "def":
            return concur.run_parallel(self.plain, self.items, mode=mode, workers=workers, progress=progress)
        return concur.run_parallel(self.coroutine, self.items, mode=mode, workers=workers, progress=progress)

    def warm_up(self, *, mode: str) -> None:
        """Do the first item in both forms, so that what only the first call pays (imports) is paid."""
        concur.run_parallel(self.plain, self.items[:1], mode=mode, workers=1)
        concur.run_parallel(self.coroutine, self.items[:1], mode=mode, workers=1)


def parse_workload(*, scale: float, cpus: int) -> Workload[str, dict[str, int]]:
    """Parse source files of the standard library: Python objects all along, so it holds the GIL."""
    found = _library_sources(sysconfig.get_path("stdlib"))
    if not found:
        raise NothingToDo("no source files of the standard library are here to parse; leave out 'parse'")
    count = _scaled(PARSED_FILES, scale)
    return Workload(
        name="parse",
        does=f"parse {count} source files of the standard library and count their syntax nodes",
        plain=count_nodes,
        coroutine=count_nodes_async,
        items=_spread(found, count),
        expected=("process",),
        workers=cpus,
    )


def hash_workload(*, scale: float, cpus: int) -> Workload[int, str]:
    """Hash large buffers: one long call into C after another, which releases the GIL."""
    count = _scaled(HASHED_BUFFERS, scale)
    return Workload(
        name="hash",
        does=f"BLAKE2 of {count} buffers of {len(_BUFFER) * _BUFFER_REPEATS >> 20} MiB",
        plain=hash_buffer,
        coroutine=hash_buffer_async,
        items=range(count),
        expected=("thread",),
        workers=cpus,
    )


def fetch_workload(*, scale: float, cpus: int, port: int) -> Workload[Page, Fetched]:
    """Fetch pages from the server on `port`: almost all of it is waiting."""
    count = _scaled(FETCHED_PAGES, scale)
    return Workload(
        name="fetch",
        does=f"fetch {count} pages that a local server answers after 10 to 20 ms",
        plain=fetch_page,
        coroutine=fetch_page_async,
        items=[Page(port, number) for number in range(count)],
        expected=("async", "thread"),
        workers=min(32, max(8, 4 * cpus)),
    )


def count_nodes(path: str) -> dict[str, int]:
    """Parse a file and count the nodes of its syntax tree by type."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        tree = _parsed(source)
    except SyntaxError:
        return {"SyntaxError": 1}  # a few files of some builds are broken on purpose
    return dict(Counter(type(node).__name__ for node in ast.walk(tree)))


def _parsed(source: bytes) -> ast.Module:
    # Before Python 3.12.2, two threads that parse at the same time share a count of the depth, and now and then one
    # of them takes the other's for an error of its own (gh-106905). The tree is right, and so is the next attempt's.
    for _ in range(_PARSE_ATTEMPTS - 1):
        try:
            return ast.parse(source)
        except SystemError:
            continue
    return ast.parse(source)


async def count_nodes_async(path: str) -> dict[str, int]:
    """The same as a coroutine function, which never waits."""
    return count_nodes(path)


def hash_buffer(number: int) -> str:
    """Hash buffer `number`: its number, then the module's own buffer again and again."""
    # BLAKE2 rather than SHA-256, which is five times faster where the CPU has instructions for it.
    digest = hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16)
    for _ in range(_BUFFER_REPEATS):
        digest.update(_BUFFER)
    return digest.hexdigest()


async def hash_buffer_async(number: int) -> str:
    """The same as a coroutine function, which never waits."""
    return hash_buffer(number)


class Page(NamedTuple):
    """A page of the demo's server."""

    port: int
    number: int


class Fetched(NamedTuple):
    """What came back for a page."""

    status: int
    length: int
    digest: str


def fetch_page(page: Page) -> Fetched:
    """Fetch a page with `http.client`, which heeds no proxy of the environment."""
    connection = http.client.HTTPConnection(HOST, page.port, timeout=_FETCH_TIMEOUT)
    try:
        connection.request("GET", f"/page/{page.number}")
        response = connection.getresponse()
        return _fetched(response.status, response.read())
    finally:
        connection.close()


async def fetch_page_async(page: Page) -> Fetched:
    """Fetch a page over an anyio stream: really waits, and lets others go on meanwhile."""
    answer = bytearray()
    with anyio.fail_after(_FETCH_TIMEOUT):
        async with await anyio.connect_tcp(HOST, page.port) as stream:
            await stream.send(f"GET /page/{page.number} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            async for chunk in stream:
                answer += chunk
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    return _fetched(int(head.split(maxsplit=2)[1]), body)


def _fetched(status: int, body: bytes) -> Fetched:
    return Fetched(status, len(body), hashlib.blake2b(body, digest_size=16).hexdigest())


def _scaled(count: int, scale: float) -> int:
    return max(2, round(count * scale))


def _library_sources(folder: str) -> list[str]:
    """All source files below `folder` that belong to the library itself, sorted."""
    sources: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_OURS]
        sources.extend(os.path.join(parent, name) for name in files if name.endswith(".py"))
    return sorted(sources)


def _spread(found: Sequence[str], count: int) -> list[str]:
    """`count` of `found`, evenly spread over it; again from the start where there are not enough."""
    if count <= len(found):
        return [found[index * len(found) // count] for index in range(count)]
    return [found[index % len(found)] for index in range(count)]
