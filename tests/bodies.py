"""Functions that worker processes can import: well-behaved and not."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio

import concur

PATIENCE = 30.0  # seconds a body waits before it gives up loudly; long against any machine's hiccup
LONG = 600.0  # seconds of a body that is to be ended from outside


def double(x: int) -> int:
    return 2 * x


async def adouble(x: int) -> int:
    await anyio.sleep(0)
    return 2 * x


def same(x: Any) -> Any:
    return x


def pid(_: object) -> int:
    return os.getpid()


def worker_name(_: object) -> str:
    from concur._drive.state import current_worker

    worker = current_worker()
    return worker.name if worker is not None else ""


def thread_name(_: object) -> str:
    return threading.current_thread().name


def comm(_: object) -> str:
    return Path("/proc/self/comm").read_text().strip()


def wait_for(path: Path, what: str = "") -> None:
    """Wait until a file is there. Files cross process boundaries; nothing else needs to be open."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"{what or path} did not come")
        time.sleep(0.002)


def wait_until(condition: Any, what: str) -> None:
    """Wait until something is so that nobody announces, such as the end of a process."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come")
        time.sleep(0.002)


def record(folder: str, index: int) -> None:
    """Note that an item runs, so that runs can be counted over all processes."""
    descriptor = os.open(f"{folder}/runs", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{index}\n".encode())
    finally:
        os.close(descriptor)


def runs(folder: str | Path) -> list[int]:
    """List the items that ran, in the order of their starts."""
    path = Path(folder) / "runs"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def die(how: str) -> None:
    """End this process in one of the ways in which processes end."""
    if how == "exit":
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        import faulthandler

        faulthandler.disable()
        ctypes.string_at(0)
    time.sleep(LONG)


def die_at(item: tuple[str, int, int, str]) -> int:
    """Record the item, and die if it is the fatal one."""
    folder, index, fatal, how = item
    record(folder, index)
    if index == fatal:
        die(how)
    return index


async def adie_at(item: tuple[str, int, int, str]) -> int:
    return die_at(item)


def die_once(item: tuple[str, int]) -> int:
    """Die at the first attempt of an item, with an exit code."""
    folder, index = item
    mark = Path(folder, f"died-{index}")
    if index % 3 == 0 and not mark.exists():
        mark.touch()
        os._exit(9)
    return index


def hang_once(item: tuple[str, int]) -> int:
    """Hang at the first attempt of an item."""
    folder, index = item
    mark = Path(folder, f"hung-{index}")
    if index == 1 and not mark.exists():
        mark.touch()
        time.sleep(LONG)
    return index


def hang_at(item: tuple[int, int]) -> int:
    index, fatal = item
    if index == fatal:
        time.sleep(LONG)
    return index


async def ahang_at(item: tuple[int, int]) -> int:
    index, fatal = item
    if index == fatal:
        await anyio.sleep(LONG)
    return index


def mark_and_sleep(item: tuple[str, float]) -> int:
    """Tell one's pid by a file, then sleep."""
    folder, seconds = item
    Path(folder, f"running-{os.getpid()}").touch()
    time.sleep(seconds)
    return os.getpid()


def running(folder: str | Path) -> list[int]:
    """List the pids that `mark_and_sleep` told."""
    return [int(path.name.rpartition("-")[2]) for path in Path(folder).glob("running-*")]


# -- what does not cross ------------------------------------------------------------------------------------------


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("stays at home")


class ExitsOnPickling:
    def __reduce__(self) -> Any:
        sys.exit("pickled")


def _refuse() -> Any:
    raise ValueError("no entry")


class Unloadable:
    """Pickles, and refuses to be unpickled."""

    def __reduce__(self) -> Any:
        return (_refuse, ())


def _exit_when_loaded() -> Any:
    sys.exit("loaded")


class ExitsOnLoading:
    """Pickles, and raises SystemExit where it is unpickled."""

    def __reduce__(self) -> Any:
        return (_exit_when_loaded, ())


class KillsWhereLoaded:
    """Pickles, and ends the process that unpickles it, unless that made it."""

    def __init__(self) -> None:
        self.home = os.getpid()

    def __reduce__(self) -> Any:
        return (_die_away_from, (self.home,))


def _die_away_from(home: int) -> Any:
    if os.getpid() != home:
        os._exit(5)
    return KillsWhereLoaded()


class LoadsOnlyAtHome:
    """A function that pickles and cannot be unpickled elsewhere."""

    def __reduce__(self) -> Any:
        return (_refuse, ())

    def __call__(self, x: int) -> int:
        return x


class AsyncLoadsOnlyAtHome(LoadsOnlyAtHome):
    async def __call__(self, x: int) -> int:  # type: ignore[override]  # on purpose: the async twin
        return x


def make(kind: str) -> Any:
    """Return an awkward value, or the kind itself."""
    makers: dict[str, Any] = {
        "unpicklable": Unpicklable, "unloadable": Unloadable, "exits": ExitsOnPickling,
        "exits on loading": ExitsOnLoading,
        "generator": lambda: (x for x in ()), "lock": threading.Lock, "lambda": lambda: lambda: None,
    }  # fmt: skip
    return makers.get(kind, lambda: kind)()


class NeedsTwo(Exception):
    """Its `args` do not fit its `__init__`."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")
        self.first, self.second = first, second


class HoldsALock(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class BreaksOnLoading(Exception):
    def __reduce__(self) -> Any:
        return (_refuse, ())


class ExitsOnLoadingError(Exception):
    def __reduce__(self) -> Any:
        return (_exit_when_loaded, ())


class NoWords(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("stays at home")

    def __str__(self) -> str:
        raise RuntimeError("speechless")


class BadNotes(Exception):
    """Somebody has made `__notes__` something else."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.__notes__ = 5


class Frozen(Exception):
    """Refuses new attributes, as a frozen dataclass does."""

    def __init__(self, text: str) -> None:
        super().__init__(text)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot assign to {name}")


def fail_with(kind: str) -> Any:
    """Raise an awkward exception, or return the kind."""
    if kind == "needs two":
        raise NeedsTwo("a", "b")
    if kind == "exits":
        raise ExitsOnLoadingError("x")
    awkward: dict[str, type[Exception]] = {
        "lock": HoldsALock, "breaks": BreaksOnLoading, "no words": NoWords, "notes": BadNotes, "frozen": Frozen,
        "plain": ValueError,
    }  # fmt: skip
    if kind in awkward:
        raise awkward[kind](kind)
    return kind


# -- context, set-up, state -----------------------------------------------------------------------------------------

variable: ContextVar[str] = ContextVar("variable", default="unset")
other: ContextVar[str] = ContextVar("other", default="unset")
weird: ContextVar[Any] = ContextVar("weird")


def see_and_set(x: object) -> str:
    seen = variable.get()
    variable.set(f"set by {x}")
    return seen


async def asee_and_set(x: object) -> str:
    seen = variable.get()
    variable.set(f"set by {x}")
    await anyio.sleep(0)
    assert variable.get() == f"set by {x}"
    return seen


def see_both(_: object) -> tuple[str, str]:
    return variable.get(), other.get()


class Folder:
    """Counts set-ups over processes: called by `setup`, with the folder pickled along."""

    def __init__(self, folder: str, error: BaseException | None = None, exit_code: int | None = None) -> None:
        self.folder = folder
        self.error = error
        self.exit_code = exit_code

    def __call__(self) -> None:
        record(self.folder, os.getpid())
        if self.exit_code is not None:
            os._exit(self.exit_code)
        if self.error is not None:
            raise self.error


class Connection:
    """Notes its making and its end in a file."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.name = f"{os.getpid()}-{threading.get_ident()}-{id(self)}"
        Path(folder, f"made-{self.name}").touch()

    def close(self) -> None:
        Path(self.folder, f"closed-{self.name}").touch(exist_ok=False)


class MakeConnection:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self) -> Connection:
        return Connection(self.folder)


def made(folder: str | Path) -> set[str]:
    return {path.name.partition("-")[2] for path in Path(folder).glob("made-*")}


def closed(folder: str | Path) -> set[str]:
    return {path.name.partition("-")[2] for path in Path(folder).glob("closed-*")}


class UseLocal:
    """A body that asks for a worker-local, and may fail or hang at an item."""

    def __init__(self, local: concur.WorkerLocal[Connection], fail: int = -1, hang: int = -1) -> None:
        self.local, self.fail, self.hang = local, fail, hang

    def __call__(self, x: int) -> str:
        name = self.local.get().name
        if x == self.fail:
            raise ValueError(x)
        if x == self.hang:
            time.sleep(LONG)
        return name


class AsyncUseLocal(UseLocal):
    async def __call__(self, x: int) -> str:  # type: ignore[override]  # the async twin
        name = self.local.get().name
        await anyio.sleep(0)
        if x == self.fail:
            raise ValueError(x)
        if x == self.hang:
            await anyio.sleep(LONG)
        return name


# -- nesting ----------------------------------------------------------------------------------------------------


class Nest:
    """A body that calls the pool it runs on, to a depth."""

    def __init__(self, pool: concur.Pool, depth: int) -> None:
        self.pool, self.depth = pool, depth

    def __call__(self, x: int) -> int:
        if self.depth == 0:
            return x
        return sum(self.pool.run_parallel(Nest(self.pool, self.depth - 1), [x, x + 1]))


class AsyncNest(Nest):
    async def __call__(self, x: int) -> int:  # type: ignore[override]  # the async twin
        if self.depth == 0:
            return x
        return sum(await self.pool.arun_parallel(AsyncNest(self.pool, self.depth - 1), [x, x + 1]))


def nested(x: int, depth: int) -> int:
    """Say what `Nest` gives."""
    return x if depth == 0 else nested(x, depth - 1) + nested(x + 1, depth - 1)
