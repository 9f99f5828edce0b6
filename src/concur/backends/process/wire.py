"""How functions, values and exceptions cross to a worker process and back: as pickles that say what went wrong.

No process is started and nothing is sent here.
"""

from __future__ import annotations

import pickle
import sys
import traceback
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from concur._core.outcome import add_note, set_plainly, short_repr
from concur.errors import InvalidOption, NotTransferable, RemoteError

__all__ = ["dump", "dump_error", "dump_fn", "find_variable", "load", "load_error"]

PROTOCOL = 5
USERS = (Exception, SystemExit, GeneratorExit)  # what pickling may raise; a KeyboardInterrupt is Ctrl-C


def dump(what: str, value: Any) -> bytes:
    """Pickle a value.

    Raises:
        NotTransferable: It cannot be pickled; the message names `what` and why.
    """
    try:
        return pickle.dumps(value, PROTOCOL)
    except USERS as exc:
        way, verb = ("back from", "Return") if what.startswith("result") else ("to", "Send")
        raise NotTransferable(
            what,
            f"{what} cannot be sent {way} a worker process: {_reason(exc)}. "
            f'{verb} picklable data that it can be made from, such as a path or a name, or use mode="thread".',
        ) from exc


def load(what: str, payload: bytes) -> Any:
    """Unpickle a value.

    Raises:
        NotTransferable: It cannot be unpickled on this side.
    """
    try:
        return pickle.loads(payload)
    except USERS as exc:
        text = f"{what} was pickled, but unpickling it on the other side failed: {_reason(exc)}"
        if "__main__" in str(exc):
            text += (
                ". Workers cannot import the main program when it comes from -c, an interactive session or a package's "
                "__main__.py, or defines this under its main guard only: define it at the top level of a module"
            )
        raise NotTransferable(what, text) from exc


def dump_fn(fn: Any, what: str = "fn") -> bytes:
    """Pickle the function, with the remedy for the frequent cases.

    Raises:
        NotTransferable: A lambda, a local function or class, something that holds a lock or an open file, ...
    """
    try:
        return pickle.dumps(fn, PROTOCOL)
    except USERS as exc:
        raise NotTransferable(
            what,
            f"{what}={_name(fn)} cannot be sent to a worker process: {_reason(exc)}. {_remedy(_name(fn) + str(exc))}",
        ) from exc


def _name(fn: Any) -> str:
    return getattr(fn, "__qualname__", None) or short_repr(fn)


def _reason(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}"


def _remedy(trouble: str) -> str:
    """Say what to do about a function, from its name and from what pickle said of it or of what it wraps."""
    if "<lambda>" in trouble:
        return 'A lambda has no name to find it by: write a def at the top level of a module, or use mode="thread".'
    if "<locals>" in trouble:
        return 'It is defined inside a function: move it to the top level of a module, or use mode="thread".'
    return (
        "What it holds (its object, its bound arguments) must be picklable: create open files, locks, sockets and "
        'connections in the worker (concur.WorkerLocal), or use mode="thread".'
    )


# -- exceptions -------------------------------------------------------------------------------------------------


def dump_error(error: BaseException) -> bytes:
    """Pickle an exception with its chain, notes and traceback text; what cannot cross becomes a `RemoteError`."""
    text = "".join(traceback.format_exception(error)).rstrip()
    chain: list[tuple[bytes, str | None, bool]] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        link = "cause" if current.__cause__ is not None else "context" if current.__context__ is not None else None
        chain.append((_dump_one(current), link, current.__suppress_context__))
        current = current.__cause__ if link == "cause" else current.__context__
    return pickle.dumps((chain, text), PROTOCOL)


def load_error(payload: bytes) -> BaseException:
    """Give the exception back, with the worker's traceback as a note."""
    chain, text = pickle.loads(payload)
    errors = [_load_one(part) for part, _, _ in chain]
    for at, (_, link, suppress) in enumerate(chain):
        following = errors[at + 1] if at + 1 < len(errors) else None
        if link == "cause":
            set_plainly(errors[at], "__cause__", following)
        elif link == "context":
            set_plainly(errors[at], "__context__", following)
        set_plainly(errors[at], "__suppress_context__", suppress)
    error = errors[0]
    add_note(error, f"concur: traceback in the worker\n{text}")
    return error


def _dump_one(error: BaseException) -> bytes:
    """Pickle one exception in the first of three ways that survives the way back."""
    for make in (_whole, _in_parts):
        try:
            payload = pickle.dumps(make(error), PROTOCOL)
            if _same(_rebuild(*pickle.loads(payload)), error):
                return payload
        except USERS:  # in the user's own code; the last way calls none
            continue
    kind = type(error)
    try:
        message = str(error)
    except USERS as exc:
        message = f"<str() of it raised {type(exc).__name__}>"
    text = "".join(traceback.format_exception(error)).rstrip()
    return pickle.dumps(("surrogate", (f"{kind.__module__}.{kind.__qualname__}", message, text), {}), PROTOCOL)


def _same(rebuilt: BaseException, error: BaseException) -> bool:
    # An __init__ that words its message from its arguments words it twice when it is given the message.
    args, others = rebuilt.args, error.args
    return type(rebuilt) is type(error) and (args == others or repr(args) == repr(others))


def _load_one(payload: bytes) -> BaseException:
    try:
        return _rebuild(*pickle.loads(payload))
    except USERS as exc:
        return RemoteError("unknown", f"the exception could not be unpickled: {_reason(exc)}", "")


def _whole(error: BaseException) -> tuple[str, Any, dict[str, Any]]:
    return ("whole", error, {})


def _in_parts(error: BaseException) -> tuple[str, Any, dict[str, Any]]:
    # For an __init__ with arguments other than `args`: the exception is put together without calling it.
    return ("parts", (type(error), error.args), error.__dict__)


def _rebuild(way: str, content: Any, state: dict[str, Any]) -> BaseException:
    if way == "surrogate":
        return RemoteError(*content)
    if way == "whole":
        assert isinstance(content, BaseException)
        return content
    kind, args = content
    error: BaseException = kind.__new__(kind, *args)
    set_plainly(error, "args", args)
    error.__dict__.update(state)
    return error


# -- context variables ------------------------------------------------------------------------------------------


def find_variable(name: str) -> ContextVar[Any]:
    """Find a context variable by its importable name, `"package.module.variable"`.

    Raises:
        InvalidOption: There is none.
    """
    module_name, _, attribute = name.rpartition(".")
    try:
        module = sys.modules.get(module_name) or import_module(module_name)
        variable: Any = getattr(module, attribute)
    except (ImportError, AttributeError, ValueError) as exc:
        raise InvalidOption(
            f"context={name!r}: no such variable; write 'package.module.variable', importable in workers"
        ) from exc
    variable_type: type[Any] = ContextVar
    if not isinstance(variable, variable_type):
        raise InvalidOption(f"context={name!r} is a {type(variable).__name__}, not a contextvars.ContextVar")
    found: ContextVar[Any] = variable
    return found
