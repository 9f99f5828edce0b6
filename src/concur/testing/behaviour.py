"""What a body does, as data: frozen, picklable scripts, and the two functions that perform them.

A law draws scripts and hands them out as items, so that no function made inside a test has to cross to a worker.
What a law expects of them does not live here.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from anyio.lowlevel import checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from concur.testing.switchboard import Line

__all__ = [
    "Compute",
    "Crash",
    "Dawdle",
    "Fragile",
    "Interrupt",
    "Make",
    "Nest",
    "Raise",
    "Return",
    "Rich",
    "Script",
    "Sealed",
    "Set",
    "Takes",
    "Visit",
    "aperform",
    "perform",
    "variable",
]

variable: ContextVar[object] = ContextVar("concur_testing_variable", default=None)  # what `Set` sets


class Script:
    """What one body does. A subclass says it in `play`, and in `aplay` where a coroutine has to do it differently."""

    __slots__ = ()

    def play(self) -> object:
        """Do it in a plain function."""
        raise AssertionError("a subclass of Script says what its body does")

    async def aplay(self) -> object:
        """Do it in a coroutine, which gives the loop one turn first."""
        await checkpoint()
        return self.play()


def perform(script: Any) -> Any:
    """Perform a script; an item that is none is returned as it is."""
    return script.play() if isinstance(script, Script) else script


async def aperform(script: Any) -> Any:
    """Do what `perform` does, as a coroutine function."""
    return await script.aplay() if isinstance(script, Script) else script


# -- values ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Return(Script):
    """Return a value."""

    value: object

    def play(self) -> object:
        return self.value


@dataclass(frozen=True, slots=True)
class Compute(Script):
    """Return a value after it went through functions, the first one first."""

    value: Any
    steps: tuple[Callable[[Any], Any], ...]

    def play(self) -> object:
        value = self.value
        for step in self.steps:
            value = step(value)
        return value


@dataclass(frozen=True, slots=True)
class Make(Script):
    """Return what a function without arguments makes in the worker: for values that cannot be pickled."""

    factory: Callable[[], object]

    def play(self) -> object:
        return self.factory()


@dataclass(frozen=True, slots=True)
class Set(Script):
    """Set the context variable `variable`, and return what it was before."""

    value: object

    def play(self) -> object:
        before = variable.get()
        variable.set(self.value)
        return before


# -- errors ---------------------------------------------------------------------------------------------------------


class Rich(Exception):
    """An exception whose `__init__` takes other arguments than its `args`, as many a library's does."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class Sealed(Exception):
    """An exception that refuses to be pickled."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("sealed: cannot be pickled")


class Fragile(Exception):
    """An exception that can be pickled, and breaks when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_break, (str(self),))


def _break(message: str) -> NoReturn:
    raise RuntimeError(f"fragile: {message}")


class Interrupt(KeyboardInterrupt):
    """A `KeyboardInterrupt` that a test runner does not take for the user's."""


@dataclass(frozen=True, slots=True)
class Raise(Script):
    """Raise an exception, made anew each time.

    Attributes:
        kind: Its type, or a function that makes it.
        args: What to make it with.
        cause: A script whose exception becomes its `__cause__`.
        context: A script whose exception is handled when it is raised.
        notes: Notes that it has.
        attributes: Names and values of attributes that it has.
    """

    kind: Callable[..., BaseException]
    args: tuple[object, ...] = ()
    cause: Raise | None = None
    context: Raise | None = None
    notes: tuple[str, ...] = ()
    attributes: tuple[tuple[str, object], ...] = ()

    def play(self) -> object:
        if self.context is not None:
            try:
                self.context.play()
            except BaseException:
                raise self.made()  # noqa: B904 - the implicit context is what is played
        raise self.made()

    def made(self) -> BaseException:
        """Make the exception."""
        error = self.kind(*self.args)
        for name, value in self.attributes:
            setattr(error, name, value)
        for note in self.notes:
            error.add_note(note)
        if self.cause is not None:
            error.__cause__ = self.cause.made()
        return error


@dataclass(frozen=True, slots=True)
class Crash(Script):
    """End the worker process at once: by `os._exit(exitcode)`, or by a signal if the code is negative."""

    exitcode: int = 3

    def play(self) -> object:
        if self.exitcode < 0:
            os.kill(os.getpid(), -self.exitcode)
            threading.Event().wait()  # until the signal has come
        os._exit(self.exitcode)


# -- time and company -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dawdle(Script):
    """Take `seconds`, then perform a script. Only for laws about time itself."""

    seconds: float
    then: Script = field(default_factory=lambda: Return(None))

    def play(self) -> object:
        time.sleep(self.seconds)
        return self.then.play()

    async def aplay(self) -> object:
        import anyio

        await anyio.sleep(self.seconds)
        return await self.then.aplay()


@dataclass(frozen=True, slots=True)
class Visit(Script):
    """Perform a script, seen by a switchboard: that it began, that it ended; and wait at latches in between.

    Attributes:
        line: The line to the board.
        index: What to call the body.
        then: What to perform.
        latches: Names of latches to wait at, in order, after it began.
    """

    line: Line
    index: int
    then: Script = field(default_factory=lambda: Return(None))
    latches: tuple[str, ...] = ()

    def play(self) -> object:
        with self.line.body(self.index):
            for latch in self.latches:
                self.line.wait(latch, self.index)
            return self.then.play()

    async def aplay(self) -> object:
        with self.line.body(self.index):
            await checkpoint()
            for latch in self.latches:
                await self.line.await_(latch, self.index)
            return await self.then.aplay()


@dataclass(frozen=True, slots=True)
class Takes(Script):
    """Perform one script on each attempt: the first on the first, and so on; the last ever after."""

    line: Line
    index: int
    scripts: tuple[Script, ...]

    def play(self) -> object:
        with self.line.body(self.index) as attempt:
            return self._take(attempt).play()

    async def aplay(self) -> object:
        with self.line.body(self.index) as attempt:
            return await self._take(attempt).aplay()

    def _take(self, attempt: int) -> Script:
        return self.scripts[min(attempt, len(self.scripts)) - 1]


@dataclass(frozen=True, slots=True)
class Nest(Script):
    """Run further scripts by a call of a pool's own, and return the list."""

    pool: Any
    scripts: tuple[Script, ...]
    options: tuple[tuple[str, Any], ...] = ()

    def play(self) -> object:
        return self.pool.run_parallel(perform, self.scripts, **dict(self.options))

    async def aplay(self) -> object:
        return await self.pool.arun_parallel(aperform, self.scripts, **dict(self.options))


SIGNALS = (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM))
