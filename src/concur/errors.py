"""The exception family: what the library itself can raise.

A user's own exception is never wrapped and never one of these; it passes through with a note (see `_core.outcome`).
"""

from __future__ import annotations

__all__ = [
    "Closed",
    "ConcurError",
    "DeadlineExceeded",
    "InvalidCall",
    "InvalidOption",
    "ItemCancelled",
    "ItemTimeout",
    "MainGuardMissing",
    "MissingExtra",
    "NotTransferable",
    "RemoteError",
    "SetupFailed",
    "Unsupported",
    "WorkerCrashed",
    "WorkerStartFailed",
]

_MAIN_GUARD = (
    "worker processes import the main script again, and {where} would then start workers of its own. "
    'Put the call under a main guard:\n\n    if __name__ == "__main__":\n        main()\n'
)


class ConcurError(Exception):
    """The base of every error that the library itself raises."""

    def __reduce__(self) -> tuple[object, ...]:
        # `__init__` of a subclass takes other arguments than `args`: rebuild without calling it.
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(cls: type[ConcurError], args: tuple[object, ...], state: dict[str, object]) -> ConcurError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidOption(ConcurError, ValueError):
    """An option has an unknown name, a wrong type or a value out of range. Raised before the source is touched."""


class InvalidCall(ConcurError, TypeError):
    """The call cannot work as written: wrong `fn`, wrong `items`, or the wrong verb for the place it is called from."""


class Unsupported(ConcurError):
    """The mode cannot do what was asked of it. Raised before any item runs; the message names what can."""


class MissingExtra(ConcurError, ImportError):
    """An optional dependency is not installed; the message names the extra to install."""


class NotTransferable(ConcurError, TypeError):
    """A function, item or result cannot be sent to or from a worker that does not share memory with the caller.

    Attributes:
        what: What was to be sent: `"fn"`, `"item 3"`, `"result of item 3"`.
    """

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


class MainGuardMissing(ConcurError, RuntimeError):
    """Worker processes were asked for at the top level of a script that has no main guard."""

    def __init__(self, where: str = "the call") -> None:
        super().__init__(_MAIN_GUARD.format(where=where))


class WorkerStartFailed(ConcurError, RuntimeError):
    """A worker process ended before it was ready for its first item.

    Attributes:
        exitcode: The exit code of the process; negative for the number of the signal that ended it.
    """

    def __init__(self, exitcode: int | None, detail: str = "") -> None:
        super().__init__(
            f"a worker process ended before it was ready (exit code {exitcode}).{detail} "
            "Its own standard error says more. A frequent cause: " + _MAIN_GUARD.format(where="the call")
        )
        self.exitcode = exitcode


class SetupFailed(ConcurError, RuntimeError):
    """The `setup` function, or a `WorkerLocal` factory's clean-up, failed in a worker; the cause is chained."""


class Closed(ConcurError, RuntimeError):
    """A pool or a stream was used after it had been closed."""


class WorkerCrashed(ConcurError, RuntimeError):
    """The worker process died while it ran an item.

    Attributes:
        index: The position of the item it ran.
        exitcode: The exit code of the process; negative for the number of the signal that ended it.
    """

    def __init__(self, index: int, exitcode: int | None, message: str | None = None) -> None:
        super().__init__(message or f"the worker that ran item {index} died: {describe_exit(exitcode)}")
        self.index = index
        self.exitcode = exitcode


class ItemTimeout(ConcurError, TimeoutError):
    """The body of an item ran for longer than `timeout`.

    Attributes:
        index: The position of the item.
        timeout: The limit, in seconds from the start of the body.
    """

    def __init__(self, index: int, timeout: float) -> None:
        super().__init__(f"item {index} ran for longer than timeout={timeout:g} seconds")
        self.index = index
        self.timeout = timeout


class ItemCancelled(ConcurError):
    """The item did not run to its end because the call ended before it: the error of a `Cancelled` outcome."""


class DeadlineExceeded(ConcurError, TimeoutError):
    """The whole call took longer than `deadline`.

    Attributes:
        deadline: The limit, in seconds from the start of the call.
        results: What had completed, by index. Values that a stream had delivered already are not repeated here.
        abandoned: How many bodies were still running and could not be stopped (threads cannot be killed).
    """

    def __init__(self, deadline: float, *, abandoned: int = 0) -> None:
        left = _abandoned(abandoned)
        super().__init__(f"the call did not end within deadline={deadline:g} seconds{left}")
        self.deadline = deadline
        self.abandoned = abandoned
        self.results: dict[int, object] = {}


class RemoteError(Exception):
    """Stands in for a user's exception that could not be sent back from a worker. It is the user's: no `ConcurError`.

    Attributes:
        type_name: The qualified name of the exception's type.
        message: Its `str()`.
        traceback: The formatted traceback, as the worker saw it.
    """

    def __init__(self, type_name: str, message: str, traceback: str) -> None:
        super().__init__(type_name, message, traceback)
        self.type_name = type_name
        self.message = message
        self.traceback = traceback

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message} (the exception itself could not be pickled)"


def _abandoned(count: int) -> str:
    if not count:
        return ""
    bodies = "body was" if count == 1 else "bodies were"
    return f"; {count} running {bodies} abandoned and will end without being waited for"


def describe_exit(exitcode: int | None) -> str:
    """Say an exit code for a person: `exit code 3`, `killed by signal 9 (SIGKILL)`."""
    if exitcode is None:
        return "exit code unknown"
    if exitcode >= 0:
        return f"exit code {exitcode}"
    import signal  # only on this path: keeps the import of the library light

    try:
        name = f" ({signal.Signals(-exitcode).name})"
    except ValueError:
        name = ""
    return f"killed by signal {-exitcode}{name}"


for _name in __all__:
    globals()[_name].__module__ = "concur"  # what a traceback shows is the name that users import
