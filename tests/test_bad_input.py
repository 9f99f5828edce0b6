"""What is wrong is refused: with the right class, one clear sentence, the remedy, and the same in every mode."""

from __future__ import annotations

import asyncio
import faulthandler
import functools
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

import concur
from concur.backends.process import Process

MODES = ("serial", "thread", "process", "async", "sim")
NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """A hang ends the run and shows where."""
    faulthandler.dump_traceback_later(60, exit=True, file=sys.__stderr__)
    yield
    faulthandler.cancel_dump_traceback_later()


# -- what is called, and how ----------------------------------------------------------------------------------------


def same(item: Any) -> Any:
    return item


async def asame(item: Any) -> Any:
    return item


def generator(item: Any) -> Iterator[Any]:
    yield item


async def async_generator(item: Any) -> AsyncIterator[Any]:
    yield item


class Generating:
    def __call__(self, item: Any) -> Iterator[Any]:
        yield item


class Untouched:
    """A source that may not be asked for anything."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("the source was touched")


class AsyncSource:
    def __aiter__(self) -> AsyncIterator[Any]:
        raise AssertionError("the source was touched")


def run(fn: Any, items: Any, **options: Any) -> Any:
    return concur.run_parallel(fn, items, **options)


def stream(fn: Any, items: Any, **options: Any) -> Any:
    with concur.iter_parallel(fn, items, **options) as results:
        return list(results)


def run_on_asyncio(fn: Any, items: Any, **options: Any) -> Any:
    async def main() -> Any:
        return await concur.arun_parallel(fn, items, **options)

    return asyncio.run(main())


def stream_on_trio(fn: Any, items: Any, **options: Any) -> Any:
    async def main() -> Any:
        async with concur.aiter_parallel(fn, items, **options) as results:
            return [value async for value in results]

    return anyio.run(main, backend="trio")


ENTRIES = (run, stream, run_on_asyncio, stream_on_trio)
SYNC = (run, stream)
entries = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)


def error_of(call: Callable[[], Any]) -> BaseException:
    try:
        value = call()
    except Exception as exc:
        return exc
    raise AssertionError(f"not refused: {value!r}")


def assert_refused(error: BaseException, kind: type[BaseException], *words: str) -> None:
    assert type(error) is kind, repr(error)
    assert isinstance(error, concur.ConcurError)
    for word in words:
        assert word in str(error)
    assert "\n" not in str(error), "one sentence"
    assert len(str(error)) < 400


def assert_refused_in_every_mode(
    entry: Callable[..., Any], fn: Any, items: Any, kind: type[BaseException], *words: str, **options: Any
) -> None:
    """Refused by the same error in every mode, and nothing was pulled."""
    errors = [error_of(lambda mode=mode: entry(fn, items, mode=mode, **options)) for mode in MODES]
    for error in errors:
        assert_refused(error, kind, *words)
    assert len({str(error) for error in errors}) == 1, "the same sentence"


# -- options --------------------------------------------------------------------------------------------------------

WRONG_VALUES: list[tuple[dict[str, Any], str]] = [
    *[({"workers": value}, "an int of at least 1, or None") for value in (0, -1, True, 1.5, "2", NAN)],
    *[({"chunksize": value}, "an int of at least 1") for value in (0, -1, True, 1.5, "2")],
    *[({"window": value}, "an int of at least 1") for value in (0, -1, True, 1.5, "2")],
    *[({"timeout": value}, "a number of seconds greater than 0") for value in (0, -1, NAN, INF, "1", True)],
    *[({"deadline": value}, "a number of seconds greater than 0") for value in (0, -1, NAN, INF, "1", True)],
    *[({"retry": value}, "a count of further attempts") for value in (-1, True, 1.5, "2", None)],
    ({"on_error": "rais"}, "did you mean 'raise'?"),
    ({"on_error": "colect"}, "did you mean 'collect'?"),
    ({"on_error": "ignore"}, "must be 'raise', 'group' or 'collect'"),
    ({"on_error": None}, "must be 'raise', 'group' or 'collect'"),
    ({"on_error": []}, "must be 'raise', 'group' or 'collect'"),
    ({"progress": 3}, "must be True, a label"),
    ({"progress": 0}, "must be True, a label"),
    ({"setup": 3}, "a function without arguments"),
    ({"setup": asame}, "is a coroutine function"),
    ({"context": 3}, "a tuple of names"),
    ({"context": "package.variable"}, "a tuple of names"),
    ({"context": (3,)}, "a tuple of names"),
    ({"context": ("no_such_module.variable",)}, "no such variable"),
    ({"context": ("os.path",)}, "not a contextvars.ContextVar"),
    ({"options": {}}, "must be a concur.Options"),
]


@entries
@pytest.mark.parametrize(("options", "remedy"), WRONG_VALUES, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_refused_before_the_source_is_touched(
    entry: Callable[..., Any], options: dict[str, Any], remedy: str
) -> None:
    (name,) = options
    assert_refused_in_every_mode(entry, same, Untouched(), concur.InvalidOption, name, remedy, **options)


@pytest.mark.parametrize(("options", "remedy"), WRONG_VALUES, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_refused_wherever_it_is_set(options: dict[str, Any], remedy: str) -> None:
    for place in (concur.Options, concur.using, concur.pool):
        if "options" in options and place is not concur.pool:
            continue
        if "context" in options and remedy not in ("a tuple of names",):
            continue  # what is importable is asked when a call needs it
        error = error_of(lambda place=place: place(**options))
        assert_refused(error, concur.InvalidOption, remedy)


@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_ordered_is_a_flag(value: Any) -> None:
    for entry in (stream, stream_on_trio):
        words = ("ordered", "must be True or False")
        assert_refused_in_every_mode(entry, same, Untouched(), concur.InvalidOption, *words, ordered=value)


WRONG_NAMES = {
    "worker": "did you mean workers=?",
    "time_out": "did you mean timeout=?",
    "max_workers": "did you mean workers=?",
    "n_jobs": "did you mean workers=?",
    "chunk_size": "did you mean chunksize=?",
    "retries": "did you mean retry=?",
    "onerror": "did you mean on_error=?",
    "option": "did you mean options=?",
    "initializer": "did you mean setup=?",
    "xyzzy": "there are mode, workers, ",
}


@entries
@pytest.mark.parametrize("name", WRONG_NAMES)
def test_an_unknown_option_is_refused_with_the_right_word(entry: Callable[..., Any], name: str) -> None:
    words = (f"there is no option {name}=", WRONG_NAMES[name])
    assert_refused_in_every_mode(entry, same, Untouched(), concur.InvalidCall, *words, **{name: 2})


def test_an_unknown_option_of_pools_and_defaults_is_refused_with_the_right_word() -> None:
    for place in (concur.pool, concur.using):
        error = error_of(lambda place=place: place(worker=2))
        assert_refused(error, concur.InvalidCall, "no option worker=", "did you mean workers=?")


def test_a_list_is_in_order_so_ordered_is_refused() -> None:
    for entry in (run, run_on_asyncio):
        words = ("ordered= is for the iter forms",)
        assert_refused_in_every_mode(entry, same, Untouched(), concur.InvalidCall, *words, ordered=False)


def test_collect_is_refused_where_the_call_does_not_show_it() -> None:
    hidden = concur.Options(on_error="collect")
    for place, call in {
        "using(...)": lambda: concur.using(on_error="collect"),
        "pool(...)": lambda: concur.pool(on_error="collect"),
        "options=": lambda: concur.run_parallel(same, Untouched(), options=hidden),
    }.items():
        assert_refused(error_of(call), concur.InvalidOption, place, "give it to the call")
    assert concur.run_parallel(same, [], options=hidden, on_error="collect") == []


def test_options_as_a_default_are_refused_with_the_way_to_write_them() -> None:
    error = error_of(lambda: concur.using(options=concur.Options()))
    assert_refused(error, concur.InvalidCall, "options= is for calls and pools", "workers=4")


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"attempts": 0}, "at least 1"),
        ({"attempts": True}, "at least 1"),
        ({"attempts": "3"}, "at least 1"),
        ({"on": 3}, "must be exception types"),
        ({"on": "OSError"}, "must be exception types"),
        ({"on": (OSError, int)}, "must be exception types"),
        ({"backoff": -1}, "a number of seconds"),
        ({"backoff": NAN}, "a number of seconds"),
        ({"max_delay": INF}, "a number of seconds"),
        ({"jitter": 2}, "from 0.0 to 1.0"),
        ({"jitter": NAN}, "from 0.0 to 1.0"),
    ],
)
def test_a_wrong_retry_is_refused_when_it_is_made(values: dict[str, Any], remedy: str) -> None:
    assert_refused(error_of(lambda: concur.Retry(**values)), concur.InvalidOption, *values, remedy)


# -- modes ----------------------------------------------------------------------------------------------------------

WRONG_MODES: list[tuple[Any, str]] = [
    ("threads", "did you mean mode='thread'?"),
    ("threading", "did you mean mode='thread'?"),
    ("THREAD", "did you mean mode='thread'?"),
    (" thread", "did you mean mode='thread'?"),
    ("Process", "did you mean mode='process'?"),
    ("multiprocessing", "did you mean mode='process'?"),
    ("proccess", "did you mean mode='process'?"),
    ("asyncio", "did you mean mode='async'?"),
    ("trio", "did you mean mode='async'?"),
    ("sequential", "did you mean mode='serial'?"),
    ("ray", "not in this release"),
    ("interpreter", "not in this release"),
    ("xyzzy", "there are 'auto', 'serial', 'thread', 'process', 'async', 'sim'"),
    ("", "there are 'auto'"),
    (None, "names are 'auto'"),
    (3, "names are 'auto'"),
    (True, "names are 'auto'"),
    (Process, "write Process()"),
]


@entries
@pytest.mark.parametrize(("mode", "remedy"), WRONG_MODES, ids=str)
def test_an_unknown_mode_is_refused_with_the_right_word(entry: Callable[..., Any], mode: Any, remedy: str) -> None:
    error = error_of(lambda: entry(same, Untouched(), mode=mode))
    assert_refused(error, concur.InvalidOption, f"mode={mode!r}", remedy)


def test_wrong_settings_of_a_backend_are_refused_when_it_is_made() -> None:
    from concur.backends.async_ import Async
    from concur.backends.sim import Sim

    assert_refused(error_of(lambda: Process(start_method="thread")), concur.InvalidOption, "'spawn'")
    assert_refused(error_of(lambda: Async(loop="uvloop")), concur.InvalidOption, "'asyncio' or 'trio'")
    assert_refused(error_of(lambda: Sim(choose=3)), concur.InvalidOption, "must be a function")  # type: ignore[arg-type]


@entries
def test_a_wrong_environment_is_refused_by_its_variable(
    entry: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCUR_MODE", "threads")
    words = ("CONCUR_MODE='threads'", "did you mean CONCUR_MODE='thread'?")
    assert_refused(error_of(lambda: entry(same, Untouched())), concur.InvalidOption, *words)
    monkeypatch.delenv("CONCUR_MODE")
    for value in ("0", "-1", "1.5", "two", "nan"):
        monkeypatch.setenv("CONCUR_WORKERS", value)
        words = (f"CONCUR_WORKERS={value!r}", "at least 1")
        assert_refused_in_every_mode(entry, same, Untouched(), concur.InvalidOption, *words)


# -- fn and items ---------------------------------------------------------------------------------------------------


@entries
def test_a_coroutine_object_is_refused_with_the_function_to_pass(entry: Callable[..., Any]) -> None:
    for mode in MODES:
        error = error_of(lambda mode=mode: entry(asame(1), Untouched(), mode=mode))
        assert_refused(error, concur.InvalidCall, "a coroutine object", "run_parallel(asame, items)")


@entries
@pytest.mark.parametrize("fn", [3, None, "same", [1, 2]], ids=str)
def test_what_cannot_be_called_is_refused(entry: Callable[..., Any], fn: Any) -> None:
    assert_refused_in_every_mode(entry, fn, Untouched(), concur.InvalidCall, f"fn={fn!r} is not callable")


@entries
def test_swapped_arguments_are_refused_with_the_right_order(entry: Callable[..., Any]) -> None:
    words = ("is not callable", "fn comes first, then items")
    assert_refused_in_every_mode(entry, list(range(10_000)), same, concur.InvalidCall, *words)


@entries
@pytest.mark.parametrize(
    "fn", [generator, async_generator, functools.partial(generator), Generating(), concur.unpack(generator)]
)
def test_a_generator_function_is_refused(entry: Callable[..., Any], fn: Any) -> None:
    words = ("is a generator function", "Return a list from it")
    assert_refused_in_every_mode(entry, fn, Untouched(), concur.InvalidCall, *words)


@entries
@pytest.mark.parametrize("items", [3, None, object], ids=str)
def test_what_cannot_be_gone_through_is_refused(entry: Callable[..., Any], items: Any) -> None:
    assert_refused_in_every_mode(entry, same, items, concur.InvalidCall, f"items={items!r} is not iterable")


@entries
def test_a_function_in_place_of_items_is_refused_with_the_call_to_write(entry: Callable[..., Any]) -> None:
    assert_refused_in_every_mode(
        entry, same, generator, concur.InvalidCall, "is not iterable", "call it", "generator()"
    )


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [(run, "await concur.arun_parallel(...)"), (stream, "async with concur.aiter_parallel(...)")],
    ids=["run", "stream"],
)
def test_an_async_source_is_refused_by_sync_verbs_with_the_verb_to_use(entry: Callable[..., Any], remedy: str) -> None:
    words = ("items is an async iterable", remedy)
    assert_refused_in_every_mode(entry, same, AsyncSource(), concur.InvalidCall, *words)


@pytest.mark.parametrize("mode", MODES)
def test_a_plain_function_that_returns_a_coroutine_object_fails_at_its_item(mode: str) -> None:
    outcomes = concur.run_parallel(forgets_for_two, [1, 2, 3], mode=mode, workers=1, on_error="collect")
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    error = error_of(outcomes[1].unwrap)
    assert_refused(error, concur.InvalidCall, "returned a coroutine object", "pass the coroutine function itself")


def forgets_for_two(item: int) -> Any:
    return asame(item) if item == 2 else item


@pytest.mark.parametrize("wrong", [3, None, "f"])
def test_helpers_refuse_what_is_not_callable(wrong: Any) -> None:
    assert_refused(error_of(lambda: concur.unpack(wrong)), concur.InvalidCall, "unpack needs a callable", repr(wrong))
    words = ("WorkerLocal needs a factory", repr(wrong))
    assert_refused(error_of(lambda: concur.WorkerLocal(wrong)), concur.InvalidCall, *words)


@pytest.mark.parametrize("name", ["thread", "auto", "ray", "Thread", "my mode", "", 3])
def test_a_name_that_no_mode_can_have_is_not_registered(name: Any) -> None:
    error = error_of(lambda: concur.register(name, Process))
    assert_refused(error, concur.InvalidOption, repr(name))


# -- the wrong place ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_a_sync_verb_inside_a_running_loop_says_what_to_await(library: str) -> None:
    async def main() -> None:
        pools = [concur.pool(mode=mode) for mode in MODES]
        for verbs in (concur, *pools):
            options = {} if isinstance(verbs, concur.Pool) else {"mode": "thread"}
            for verb, remedy in {
                verbs.run_parallel: "write await concur.arun_parallel(...)",
                verbs.iter_parallel: "write async with concur.aiter_parallel(...)",
            }.items():
                error = error_of(lambda verb=verb, options=options: verb(same, Untouched(), **options))
                assert_refused(error, concur.InvalidCall, f"inside a running {library} event loop", remedy)
        for mode in MODES:
            error = error_of(lambda mode=mode: concur.run_parallel(asame, Untouched(), mode=mode))
            assert_refused(error, concur.InvalidCall, "await concur.arun_parallel(...)")

    anyio.run(main, backend=library)


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_an_async_stream_that_was_not_entered_says_how(library: str) -> None:
    async def main() -> None:
        for mode in MODES:
            results = concur.aiter_parallel(same, Untouched(), mode=mode)
            with pytest.raises(concur.InvalidCall) as caught:
                await anext(results)
            assert_refused(caught.value, concur.InvalidCall, "async with concur.aiter_parallel(...) as results")
            with pytest.raises(concur.InvalidCall):
                async for _ in results:
                    pass

    anyio.run(main, backend=library)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_closed_is_refused(mode: str) -> None:
    pool = concur.pool(mode=mode)
    pool.close()
    for use in (
        lambda: pool.run_parallel(same, Untouched()),
        lambda: pool.iter_parallel(same, Untouched()),
        pool.__enter__,
        lambda: asyncio.run(pool.arun_parallel(same, Untouched())),
    ):
        assert_refused(error_of(use), concur.Closed, "the pool is closed")
    results = concur.iter_parallel(same, Untouched(), mode=mode)
    results.close()
    for use_results in (lambda: next(results), results.__enter__):
        assert_refused(error_of(use_results), concur.Closed, "the stream is closed")

    async def use_async_stream() -> None:
        async with concur.aiter_parallel(same, Untouched(), mode=mode) as entered:
            pass
        await anext(entered)

    assert_refused(error_of(lambda: asyncio.run(use_async_stream())), concur.Closed, "the stream is closed")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options", [{"mode": "thread"}, {"workers": 2}, {"setup": dict}, {"options": None}], ids=lambda o: next(iter(o))
)
def test_what_belongs_to_a_pool_is_refused_by_its_verbs(mode: str, options: dict[str, Any]) -> None:
    with concur.pool(mode=mode) as pool:
        for verb in (pool.run_parallel, pool.iter_parallel, pool.aiter_parallel):
            error = error_of(lambda verb=verb: verb(same, Untouched(), **options))
            assert_refused(error, concur.InvalidCall, *options, "give it to concur.pool(...)")
        error = error_of(lambda: asyncio.run(pool.arun_parallel(same, Untouched(), **options)))
        assert_refused(error, concur.InvalidCall, "give it to concur.pool(...)")
        assert_refused(error_of(lambda: pool.run_parallel(same, Untouched(), worker=2)), concur.InvalidCall, "workers=")


# -- set-up and progress --------------------------------------------------------------------------------------------


def broken_setup() -> None:
    raise OSError("no such database")


@entries
@pytest.mark.parametrize("fn", [same, asame], ids=["plain", "coroutine"])
@pytest.mark.parametrize("mode", MODES)
def test_a_setup_that_fails_ends_the_call(entry: Callable[..., Any], fn: Any, mode: str) -> None:
    error = error_of(lambda: entry(fn, [1, 2, 3], mode=mode, workers=2, setup=broken_setup))
    assert_refused(error, concur.SetupFailed, "setup failed in concur-", "OSError: no such database")
    assert isinstance(error.__cause__, OSError)


def test_a_bar_without_tqdm_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    for progress in (True, "label", concur.Bar(always=True)):
        for entry in ENTRIES:
            words = ("pip install 'concur[progress]'",)
            assert_refused_in_every_mode(entry, same, Untouched(), concur.MissingExtra, *words, progress=progress)
    for progress in (None, False, lambda tally: None):
        assert concur.run_parallel(same, [1, 2], mode="thread", progress=progress) == [1, 2]


# -- what cannot be sent to a worker process ------------------------------------------------------------------------


class Locked:
    def __init__(self, *_: Any) -> None:
        self.lock = threading.Lock()

    def method(self, item: Any) -> Any:
        return item


def second(_: Any, item: Any) -> Any:
    return item


def local_function() -> Callable[[Any], Any]:
    def local(item: Any) -> Any:
        return item

    return local


def local_class() -> type:
    class Local:
        def __init__(self, item: Any) -> None:
            self.item = item

    return Local


NOT_SENT: list[tuple[str, Callable[[], Any], str]] = [
    ("a lambda", lambda: lambda item: item, "write a def at the top level"),
    ("a partial of a lambda", lambda: functools.partial(lambda a, b: a, 1), "write a def at the top level"),
    ("an unpacked lambda", lambda: concur.unpack(lambda a, b: a), "write a def at the top level"),
    ("a local function", local_function, "move it to the top level"),
    ("a local class", local_class, "move it to the top level"),
    ("a method of an object with a lock", lambda: Locked().method, "concur.WorkerLocal"),
    ("a partial with a lock", lambda: functools.partial(second, threading.Lock()), "concur.WorkerLocal"),
    ("a partial with a file", lambda: functools.partial(second, sys.__stderr__), "concur.WorkerLocal"),
]


@entries
@pytest.mark.parametrize(("make", "remedy"), [case[1:] for case in NOT_SENT], ids=[case[0] for case in NOT_SENT])
def test_a_function_that_cannot_be_sent_is_refused_before_any_item(
    entry: Callable[..., Any], make: Callable[[], Any], remedy: str
) -> None:
    error = error_of(lambda: entry(make(), Untouched(), mode="process"))
    assert_refused(error, concur.NotTransferable, "fn=", "cannot be sent to a worker process", remedy, 'mode="thread"')
    assert isinstance(error, concur.NotTransferable)
    assert error.what == "fn"


def test_a_setup_that_cannot_be_sent_is_refused_before_any_item() -> None:
    error = error_of(lambda: concur.run_parallel(same, Untouched(), mode="process", setup=lambda: None))
    assert_refused(error, concur.NotTransferable, "setup=", "write a def at the top level")


class TwoArguments(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Unpicklable(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


def misbehave(item: Any) -> Any:
    match item:
        case "lock":
            return threading.Lock()
        case "two":
            raise TwoArguments(7, "seven")
        case "unpicklable":
            raise Unpicklable("with a lock")
    return item


@entries
def test_what_cannot_be_sent_fails_at_its_own_index_only(entry: Callable[..., Any]) -> None:
    items = [0, threading.Lock(), 2, lambda: 3, "lock", 5, "two", "unpicklable", 8]
    outcomes = entry(misbehave, items, mode="process", workers=1, chunksize=4, on_error="collect")
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [1, 3, 4, 6, 7]
    assert [outcome.value for outcome in outcomes if outcome.ok] == [0, 2, 5, 8]
    errors = {outcome.index: outcome.error for outcome in outcomes if not outcome.ok}
    assert_refused(errors[1], concur.NotTransferable, "item 1 cannot be sent to", "picklable data", 'mode="thread"')
    assert_refused(errors[3], concur.NotTransferable, "item 3 cannot be sent to", "picklable data")
    assert_refused(errors[4], concur.NotTransferable, "result of item 4", "back from", "Return picklable data")
    assert type(errors[6]) is TwoArguments
    assert (errors[6].args, errors[6].code) == (("7: seven",), 7)
    assert type(errors[7]) is concur.RemoteError
    assert "Unpicklable: with a lock" in str(errors[7])
    assert "misbehave" in errors[7].traceback
