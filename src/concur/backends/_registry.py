"""Which backend a mode's name means. Backends are imported when they are first asked for.

Third parties add names with `register`.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from concur.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from concur.backends import Backend

__all__ = ["register"]

_OWN = {
    "serial": ("concur.backends.serial", "Serial"),
    "thread": ("concur.backends.thread", "Thread"),
    "process": ("concur.backends.process", "Process"),
    "async": ("concur.backends.async_", "Async"),
    "sim": ("concur.backends.sim", "Sim"),
}
_LATER = ("interpreter", "dask", "ray")  # named in the design, not in this release
_ALIASES = {
    "threads": "thread", "threading": "thread", "threaded": "thread", "multithreading": "thread",
    "processes": "process", "multiprocessing": "process", "proc": "process", "spawn": "process", "fork": "process",
    "loky": "process", "asyncio": "async", "anyio": "async", "trio": "async", "coroutine": "async", "await": "async",
    "sequential": "serial", "sync": "serial", "single": "serial", "none": "serial", "simulated": "sim",
    "subinterpreter": "interpreter", "interpreters": "interpreter",
}  # fmt: skip

_registered: dict[str, Callable[[], Backend]] = {}


def register(name: str, factory: Callable[[], Backend]) -> None:
    """Make `mode=name` mean the backend that `factory()` gives.

    Args:
        name: A lower-case word that is not yet taken.
        factory: Called each time a call or pool with this mode begins.

    Raises:
        InvalidOption: The name is taken or not an identifier.

    Examples:
        >>> import concur
        >>> from concur.backends.serial import Serial
        >>> concur.register("mine", Serial)
        >>> concur.run_parallel(abs, [-1], mode="mine")
        [1]
    """
    if not isinstance(name, str) or not name.isidentifier() or name != name.lower():
        raise InvalidOption(f"a mode's name must be a lower-case identifier, not {name!r}")
    if name in names() or name in _LATER:
        raise InvalidOption(f"the mode {name!r} exists already")
    _registered[name] = factory


def names() -> list[str]:
    """List the names of all modes."""
    return ["auto", *_OWN, *_registered]


def check_mode(mode: Any, source: str = "mode") -> None:
    """Refuse what is neither the name of a mode nor a backend, naming the right word."""
    if isinstance(mode, str):
        if mode in _OWN or mode in _registered or mode == "auto":
            return
        word = mode.strip().lower()
        if word in _LATER:
            raise InvalidOption(f"{source}={mode!r}: this mode is not in this release; there are {_listed()}")
        near = _ALIASES.get(word) or next(iter(get_close_matches(word, names(), 1)), None)
        hint = f"did you mean {source}={near!r}?" if near in names() else f"there are {_listed()}"
        raise InvalidOption(f"{source}={mode!r} is not a mode; {hint}")
    if isinstance(mode, type) or not all(hasattr(mode, part) for part in ("name", "traits", "open")):
        made = f"; write {mode.__name__}()" if isinstance(mode, type) and hasattr(mode, "traits") else ""
        raise InvalidOption(
            f"{source}={mode!r} is neither a mode's name nor a backend object{made}; names are {_listed()}"
        )


def backend_of(mode: Any) -> Backend:
    """Give the backend of a checked mode other than `"auto"`."""
    if not isinstance(mode, str):
        backend: Backend = mode
        return backend
    if mode in _registered:
        return _registered[mode]()
    module, name = _OWN[mode]
    made: Backend = getattr(import_module(module), name)()
    return made


def _listed() -> str:
    return ", ".join(repr(name) for name in names())
