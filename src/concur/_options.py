"""Options: each option, its default, its check and the sentence about it, once.

What a mode makes of an option does not live here.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, cast

from concur._core.outcome import short_repr
from concur._core.retry import Retry
from concur.backends._registry import check_mode
from concur.errors import InvalidCall, InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from concur.backends import Backend
    from concur.observe.progress import Bar, Tally

__all__ = ["CallOptions", "Options", "PoolOptions", "RunOptions", "UsingOptions", "using"]

Mode: TypeAlias = 'Literal["auto", "serial", "thread", "process", "async", "sim"] | Backend | str'
OnError: TypeAlias = Literal["raise", "group", "collect"]
Progress: TypeAlias = "bool | str | Bar | Callable[[Tally], object] | None"


FOREVER = 1e300  # seconds; more does not fit into a float together with the time of day


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_count(name: str, value: Any) -> None:
    if type(value) is not int or value < 1:
        raise InvalidOption(f"{name}={value!r}: must be an int of at least 1, or None to leave it to concur")


def _check_seconds(name: str, value: Any) -> None:
    if not _number(value) or not 0 < value <= FOREVER:
        shown = short_repr(value, 30)
        raise InvalidOption(f"{name}={shown}: must be a number of seconds greater than 0, or None for no limit")


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise InvalidOption(f"{name}={value!r}: must be True or False")


def _check_retry(name: str, value: Any) -> None:
    if isinstance(value, Retry):
        return
    if type(value) is not int or value < 0:
        raise InvalidOption(f"{name}={value!r}: must be a count of further attempts, at least 0, or a concur.Retry")


def _check_on_error(name: str, value: Any) -> None:
    if value not in ("raise", "group", "collect"):
        near = get_close_matches(str(value), ("raise", "group", "collect"), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InvalidOption(f"{name}={value!r}: must be 'raise', 'group' or 'collect'{hint}")


def _check_progress(name: str, value: Any) -> None:
    from concur.observe.progress import Bar, check_bar

    if isinstance(value, bool | str | Bar):
        if value is not False:
            check_bar()
    elif not callable(value):
        raise InvalidOption(f"{name}={value!r}: must be True, a label, a concur.Bar, or a function that takes a Tally")


def _check_setup(name: str, value: Any) -> None:
    from inspect import iscoroutinefunction

    if not callable(value):
        raise InvalidOption(f"{name}={value!r}: must be a function without arguments")
    if iscoroutinefunction(value):
        raise InvalidOption(f"{name}={value!r} is a coroutine function: must be a plain function without arguments")


def _check_context(name: str, value: Any) -> None:
    if not isinstance(value, tuple | list) or not all(isinstance(part, str) for part in cast("list[object]", value)):
        raise InvalidOption(f"{name}={value!r}: must be a tuple of names such as ('package.module.variable',)")


_SYNONYMS = {  # of other libraries, which no spelling leads to
    "n_jobs": "workers", "jobs": "workers", "processes": "workers", "threads": "workers", "n_workers": "workers",
    "concurrency": "workers", "max_concurrency": "workers", "limit": "workers", "initializer": "setup",
    "init": "setup", "backend": "mode", "executor": "mode", "verbose": "progress", "progress_bar": "progress",
    "tqdm": "progress", "desc": "progress", "attempts": "retry", "buffersize": "window", "prefetch": "window",
    "batch_size": "chunksize", "return_exceptions": "on_error", "errors": "on_error",
}  # fmt: skip


def _option(default: Any, check: Callable[[str, Any], None], sentence: str) -> Any:
    return field(default=default, metadata={"check": check, "doc": sentence})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Every option of a run with its default; `options=` of the verbs takes one. None leaves the choice to `concur`."""

    mode: Mode = _option(
        "auto",
        lambda name, value: check_mode(value, name),
        'Where bodies run: "auto" (async for a coroutine function, threads otherwise, and in the worker itself when '
        'called from one), "serial", "thread", "process", "async", "sim", a registered name, or a backend object.',
    )
    workers: int | None = _option(
        None,
        _check_count,
        "Bodies that run at once. None: CONCUR_WORKERS, else 100 for a coroutine function, "
        "min(32, CPUs + 4) for threads, and CPUs (`available_workers()`) for processes.",
    )
    ordered: bool = _option(
        True, _check_flag, "Whether a stream gives results in the order of the items, or as they come."
    )
    chunksize: int | None = _option(
        None, _check_count, "Items of a job, the unit of dispatch. None: by measured durations, about 20 ms."
    )
    window: int | None = _option(
        None,
        _check_count,
        "Items that may be pulled and not yet delivered. None: no bound for a list, a few jobs a worker for a stream.",
    )
    timeout: float | None = _option(None, _check_seconds, "Seconds that the body of one item may run, from its start.")
    deadline: float | None = _option(None, _check_seconds, "Seconds that the whole call may take.")
    retry: int | Retry = _option(
        0, _check_retry, "Further attempts for an item that failed, or a `Retry` with types and back-off."
    )
    on_error: OnError = _option(
        "raise",
        _check_on_error,
        '"raise": the error of the smallest failing index; "group": run all, then an ExceptionGroup; '
        '"collect": an `Outcome` for each item.',
    )
    progress: Progress = _option(
        None,
        _check_progress,
        "True or a label for a bar (in a terminal), a `Bar`, or a function that takes a `Tally`.",
    )
    setup: Callable[[], object] | None = _option(None, _check_setup, "Runs once in each worker, before its first item.")
    context: tuple[str, ...] = _option(
        (),
        _check_context,
        "Importable names of context variables to carry to workers that do not share memory "
        "(the others see all of them).",
    )

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if value is not option.default and not (value is None and option.default is None):
                option.metadata["check"](option.name, value)

    def having(self, given: Mapping[str, Any]) -> Options:
        """Give a copy with some options replaced. Unknown names are refused, with the near one."""
        known = [option.name for option in fields(self)]
        for name in given:
            if name == "options":
                raise InvalidCall("options= is for calls and pools: name the options themselves here, as in workers=4")
            if name not in known:
                near = _SYNONYMS.get(name) or next(iter(get_close_matches(name, [*known, "options"], 1)), None)
                hint = f"did you mean {near}=?" if near else f"there are {', '.join(known)}"
                raise InvalidCall(f"there is no option {name}=; {hint}")
        return Options(**{**{name: getattr(self, name) for name in known}, **given})


class CallOptions(TypedDict, total=False):
    """The options that a pool's verbs take as keywords; see `Options` for what each means. A test compares the two."""

    chunksize: int | None
    window: int | None
    timeout: float | None
    deadline: float | None
    retry: int | Retry
    progress: Progress
    context: tuple[str, ...]


class RunOptions(CallOptions, total=False):
    """The options that every verb takes as keywords: those of a pool's verbs, and what a pool settles for them."""

    mode: Mode
    workers: int | None
    setup: Callable[[], object] | None
    options: Options | None


class PoolOptions(RunOptions, total=False):
    """The options of `pool(...)`: those of the verbs, and defaults for its calls."""

    ordered: bool
    on_error: Literal["raise", "group"]


class UsingOptions(CallOptions, total=False):
    """The options of `using(...)`: all but `on_error="collect"` and `options=`."""

    mode: Mode
    workers: int | None
    setup: Callable[[], object] | None
    ordered: bool
    on_error: Literal["raise", "group"]


_defaults: ContextVar[dict[str, Any] | None] = ContextVar("concur_defaults", default=None)


def resolve(given: Mapping[str, Any]) -> Options:
    """Settle the options of a call: what is given, else `options=`, else `using(...)`, else the environment.

    Raises:
        InvalidOption: A value is wrong; the source is untouched.
        InvalidCall: There is no such option.
    """
    rest = dict(given)
    base = rest.pop("options", None)
    if base is not None and not isinstance(base, Options):
        raise InvalidOption(f"options={base!r}: must be a concur.Options")
    if base is None:
        base = _from_environment()
        used = _defaults.get()
        if used:
            base = base.having(used)
    if base.on_error == "collect" and "on_error" not in rest:
        refuse_collect("options=")
    return base.having(rest) if rest else base


def _from_environment() -> Options:
    given: dict[str, Any] = {}
    mode = os.environ.get("CONCUR_MODE")
    if mode:
        check_mode(mode, "CONCUR_MODE")
        given["mode"] = mode
    workers = os.environ.get("CONCUR_WORKERS")
    if workers:
        if not workers.strip().isdecimal() or int(workers) < 1:
            raise InvalidOption(f"CONCUR_WORKERS={workers!r}: must be an int of at least 1")
        given["workers"] = int(workers)
    return Options(**given) if given else _DEFAULT


def refuse_collect(place: str) -> None:
    """Refuse `on_error="collect"` where it would be out of sight of the call."""
    raise InvalidOption(
        f'{place} cannot hold on_error="collect": it changes the type of what a call returns, so give it to the call'
    )


_DEFAULT = Options()


class using:  # noqa: N801 - a verb that reads as one: `with concur.using(mode="process"):`
    """Set defaults for the calls in a block, in this thread or task and what it starts.

    Blocks nest: the inner one's options win, and what it does not name stays. An option given to a call wins over
    both. Streams and pools take the defaults of the moment at which they are made.

    Args:
        **options: Any option of `Options`.

    Raises:
        InvalidOption: A value is wrong, or `on_error="collect"`, which changes the type of what a call returns.
        InvalidCall: There is no such option.

    Examples:
        >>> import concur
        >>> with concur.using(mode="serial"):
        ...     concur.run_parallel(abs, [-1, 2])
        [1, 2]
    """

    def __init__(self, **options: Unpack[UsingOptions]) -> None:
        if _DEFAULT.having(options).on_error == "collect":
            refuse_collect("using(...)")
        self._options: Mapping[str, Any] = options
        self._tokens: list[Any] = []

    def __enter__(self) -> using:
        self._tokens.append(_defaults.set({**(_defaults.get() or {}), **self._options}))
        return self

    def __exit__(self, *_: object) -> None:
        _defaults.reset(self._tokens.pop())
