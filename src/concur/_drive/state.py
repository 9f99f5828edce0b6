"""What a worker keeps for as long as it lives: its name, its `setup`, and the values of `WorkerLocal`.

How workers are started and ended is the backends' business.
"""

from __future__ import annotations

import os
from contextvars import Context, ContextVar
from threading import RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from concur.errors import SetupFailed

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

__all__ = ["WorkerLocal"]

_current: ContextVar[WorkerState | None] = ContextVar("concur_worker", default=None)


class WorkerState:
    """One worker's state. Made before its first item, closed after its last."""

    __slots__ = ("_closers", "_lock", "_values", "name", "pools")

    def __init__(self, name: str, pools: frozenset[int] = frozenset()) -> None:
        self.name: str = name
        self.pools: frozenset[int] = pools  # whose worker this is, by id: a nested call on one runs in this worker
        self._values: dict[str, Any] = {}
        self._closers: list[Callable[[], object]] = []
        self._lock = RLock()  # a factory may ask for another local

    def set_up(self, setup: Callable[[], object] | None) -> None:
        """Run the user's set-up once, in this worker.

        Raises:
            SetupFailed: It raised; the cause is chained.
        """
        if setup is None:
            return
        try:
            self.context(Context()).run(setup)
        except (Exception, SystemExit) as exc:
            raise SetupFailed(f"setup failed in {self.name}: {type(exc).__name__}: {exc}") from exc

    def context(self, caller: Context) -> Context:
        """Give a copy of the caller's context in which this worker is the current one."""
        context = caller.copy()
        context.run(_current.set, self)
        return context

    def get(self, key: str, factory: Callable[[], T]) -> T:
        """Give the value under `key`, made on first use."""
        with self._lock:
            if key not in self._values:
                self._values[key], closer = _make(factory)
                if closer is not None:
                    self._closers.append(closer)
            value: T = self._values[key]
            return value

    def close(self) -> None:
        """Close the values, the newest first. One that fails does not keep the others open."""
        self._values.clear()
        while self._closers:
            try:
                self._closers.pop()()
            except Exception as exc:
                _complain(f"closing a WorkerLocal of {self.name} failed: {exc!r}")


def current_worker() -> WorkerState | None:
    """Give the worker that runs the current item, if there is one."""
    return _current.get()


def _complain(text: str) -> None:
    import warnings  # only on this path: keeps the import of the library light

    try:
        warnings.warn(text, ResourceWarning, stacklevel=3)
    except ResourceWarning:
        pass  # warnings are errors here; the other values are still to be closed


def _make(factory: Callable[[], Any]) -> tuple[Any, Callable[[], object] | None]:
    made = factory()
    close = getattr(made, "close", None)
    if callable(close):
        return made, close
    if hasattr(made, "__enter__") and hasattr(made, "__exit__"):
        return made.__enter__(), lambda: made.__exit__(None, None, None)
    return made, None


class WorkerLocal(Generic[T]):
    """A value of which each worker has its own: a connection, a session, a model.

    It is made by `factory` when the worker first asks for it, and closed when the worker ends: by its `close()`
    if it has one, else by leaving it if it is a context manager (whose `__enter__` then gives the value). A worker is
    a thread in thread mode, a process in process mode, and the whole call in serial and async mode, where all bodies
    share one thread. Outside a worker, the value is made once for the process and not closed.

    Args:
        factory: Takes nothing, gives the value. In process mode it must be importable, as `fn` must.

    Examples:
        >>> import concur, random
        >>> source = concur.WorkerLocal(lambda: random.Random(7))
        >>> def draw(n):
        ...     return source.get().randrange(n) < n
        >>> concur.run_parallel(draw, [10, 20], mode="thread")
        [True, True]
    """

    __slots__ = ("_factory", "_key")

    def __init__(self, factory: Callable[[], T]) -> None:
        if not callable(factory):
            from concur.errors import InvalidCall

            raise InvalidCall(f"WorkerLocal needs a factory: a callable without arguments, not {factory!r}")
        self._factory = factory
        self._key = os.urandom(8).hex()  # survives pickling: every copy in a worker is the same local

    def get(self) -> T:
        """Give this worker's value, made on first use.

        Raises:
            Exception: Whatever the factory raises; the item that asked fails with it.
        """
        return (_current.get() or _outside).get(self._key, self._factory)

    def __repr__(self) -> str:
        return f"concur.WorkerLocal({self._factory!r})"


_outside = WorkerState("")
