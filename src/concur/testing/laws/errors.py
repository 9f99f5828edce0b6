"""Laws of errors: which one is raised, what it looks like, and what had happened before.

What a timeout, a crash or a cancellation does is in `cancel`.
"""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

import concur
from concur.testing.behaviour import (
    Fragile,
    Interrupt,
    Make,
    Raise,
    Return,
    Rich,
    Script,
    Sealed,
    Visit,
)
from concur.testing.draws import configs, errors, expected, prefix, same_error, same_value, scripts
from concur.testing.kit import law
from concur.testing.source import Source
from concur.testing.subject import Raised, Returned, Subject
from concur.testing.switchboard import Switchboard

if TYPE_CHECKING:
    from collections.abc import Callable

    from concur.testing.draws import Config, Draw

__all__: list[str] = []  # the registry in `concur.testing.kit` has what is here

POLICIES: st.SearchStrategy[str] = st.sampled_from(["raise", "group", "collect"])


def drawn(draw: Draw, *, least: int = 0, most: int = 20) -> tuple[list[Script], dict[str, Any]]:
    """Draw items of which some fail, and a configuration's options."""
    items = draw(scripts(least=least, most=most, failing=True), "items")
    return items, draw(configs(len(items)), "config").options


def with_a_failure(draw: Draw, *, most: int = 12, windowed: bool = False) -> tuple[list[Script], int, Config]:
    """Draw items of which exactly the one at the index given fails, and a configuration."""
    items = draw(scripts(least=1, most=most), "items")
    k = draw(st.integers(0, len(items) - 1), "k")
    items[k] = draw(errors(), "error")
    return items, k, draw(configs(len(items), windowed=windowed), "config")


def sole(items: list[Any], index: int) -> BaseException:
    """Give the error that the body at an index raises in the plain loop."""
    answer = expected(items[index : index + 1])[0]
    assert isinstance(answer, Raised)
    return answer.error


@law("E1", "R raises iff the plain loop raises: same type, args, attributes, notes it had, and chain")
def same_errors(subject: Subject, draw: Draw) -> None:
    items, options = drawn(draw)
    kept, error = prefix(expected(items))
    got = subject.attempt(items, **options)
    if error is None:
        assert isinstance(got, Returned), f"raised {got}"
        assert same_value(got.value, kept)
    else:
        assert isinstance(got, Raised), f"returned {got}"
        assert same_error(error, got.error), f"{got.error!r} is not {error!r}"


@law("E2", "the error raised is the one at the smallest failing index, whatever finished first", fresh=True)
def smallest_index(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(2, 12), "n")
    failing = draw(st.sets(st.integers(0, n - 1), min_size=2), "failing")
    options = draw(configs(n, workers=st.integers(2, 4)), "config").options
    first, second = sorted(failing)[:2]
    with Switchboard() as board:
        line = board.line
        items: list[Script] = [
            Visit(line, at, Raise(KeyError, (at,)) if at in failing else Return(at)) for at in range(n)
        ]
        if subject.traits.concurrent and options["window"] not in range(1, second - first + 1):
            # The later one ends first. That the earlier one's chunk-mates run meanwhile is a promise too.
            items[first] = Visit(line, first, Raise(KeyError, (first,)), ("second",))
            board.open_when("second", lambda: second in board.ended)
        got = subject.attempt(items, **options)
    assert isinstance(got, Raised)
    assert same_error(KeyError(first), got.error), f"{got.error!r} is not that of item {first}"


@law("E3", "every i < k has completed before the raise; S yields P[:k] and then raises, for every c")
def the_prefix_first(subject: Subject, draw: Draw) -> None:
    items, k, config = with_a_failure(draw)
    error = sole(items, k)
    with Switchboard() as board:
        got = subject.attempt([Visit(board.line, at, item) for at, item in enumerate(items)], **config.options)
        assert isinstance(got, Raised)
        assert set(range(k + 1)) <= set(board.ended), "an earlier item had not completed"
    streamed = subject.stream(items, **config.options)
    assert same_value(streamed.values, prefix(expected(items))[0])
    assert same_error(error, streamed.error), f"{streamed.error!r}"


@law("E4", "Started <= k + W at the raise; nothing starts afterwards, and nothing runs after the call has returned")
def no_start_after_the_raise(subject: Subject, draw: Draw) -> None:
    items, k, config = with_a_failure(draw, most=30, windowed=True)
    assert config.window is not None
    with Switchboard() as board:
        visits = [Visit(board.line, at, item) for at, item in enumerate(items)]
        seen = []
        for got in (subject.attempt(visits, **config.options), subject.stream(visits, **config.options)):
            assert not isinstance(got, Returned), "it did not raise"
            assert got.error is not None, "it did not raise"
            board.settle()
            seen.append(board.started)
            assert len(set(seen[-1])) <= k + config.window, f"{len(seen[-1])} started, k={k}"
        subject.list([Return(0), Return(1)])
        assert board.started == seen[-1], "something started after the call"


@law("E5", "collect never raises for an item: outcome[i] is exact for every i")
def collected(subject: Subject, draw: Draw) -> None:
    items, options = drawn(draw)
    right = expected(items)
    for outcomes in (
        subject.list(items, on_error="collect", **options),
        subject.stream(items, on_error="collect", **options).values,
    ):
        assert len(outcomes) == len(items)
        for index, (item, answer, outcome) in enumerate(zip(items, right, outcomes, strict=True)):
            exact(subject, index, item, answer, outcome)


def exact(subject: Subject, index: int, item: Any, answer: Returned | Raised, outcome: Any) -> None:
    """Assert that an outcome says what became of an item."""
    assert outcome.index == index
    assert outcome.item is item
    assert outcome.attempts == 1
    assert outcome.duration >= 0.0
    assert outcome.worker.startswith("concur-"), outcome.worker
    assert outcome.ok is isinstance(answer, Returned), f"item {index}: {outcome}"
    if isinstance(answer, Returned):
        assert type(outcome) is concur.Ok
        assert same_value(outcome.value, answer.value)
    else:
        assert type(outcome) is concur.Failed
        assert same_error(answer.error, outcome.error), f"item {index}: {outcome.error!r}"


@law("E6", "raise mode == the first failure of collect mode")
def raise_is_first_of_collect(subject: Subject, draw: Draw) -> None:
    items, options = drawn(draw, least=1)
    outcomes = subject.list(items, on_error="collect", **options)
    first = next((outcome.error for outcome in outcomes if not outcome.ok), None)
    got = subject.attempt(items, **options)
    assert same_error(first, got.error if isinstance(got, Raised) else None)


@law("E7", "group: an ExceptionGroup of all failures in index order, also for one failure")
def grouped(subject: Subject, draw: Draw) -> None:
    items, options = drawn(draw)
    right = expected(items)
    failures = [answer.error for answer in right if isinstance(answer, Raised)]
    kept = [answer.value for answer in right if isinstance(answer, Returned)]
    got = subject.attempt(items, on_error="group", **options)
    streamed = subject.stream(items, on_error="group", **options)
    assert same_value(streamed.values, kept)
    if not failures:
        assert isinstance(got, Returned)
        assert same_value(got.value, kept)
        assert streamed.error is None
        return
    assert isinstance(got, Raised)
    for error in (got.error, streamed.error):
        assert type(error) is ExceptionGroup, repr(error)
        assert len(error.exceptions) == len(failures)
        assert all(map(same_error, failures, error.exceptions)), f"{error.exceptions} is not {failures}"


@law("E8", "making item j fail leaves every other outcome equal, for every c")
def other_outcomes_stay(subject: Subject, draw: Draw) -> None:
    items, options = drawn(draw, least=1)
    j = draw(st.integers(0, len(items) - 1), "j")
    changed = [*items[:j], draw(errors(), "error"), *items[j + 1 :]]
    before = subject.list(items, on_error="collect", **options)
    after = subject.list(changed, on_error="collect", **options)
    assert not after[j].ok
    for at, (one, two) in enumerate(zip(before, after, strict=True)):
        if at != j:
            assert type(one) is type(two), f"item {at}: {one} became {two}"
            assert same_value(getattr(one, "value", None), getattr(two, "value", None))
            assert same_error(getattr(one, "error", None), getattr(two, "error", None))


@law("E9", "a source that fails at k acts as an error at index k; the prefix is delivered, its finaliser runs")
def failing_source(subject: Subject, draw: Draw) -> None:
    items, options = drawn(draw, most=12)
    kind = draw(st.sampled_from([ValueError, KeyError, LookupError]), "kind")
    if subject.asynchronous and draw(st.booleans(), "async source"):
        sources = [Source(items, kind("source")) for _ in range(4)]
        made: list[Any] = [source.asynchronous() for source in sources]
    else:
        sources = [Source(items, kind("source")) for _ in range(4)]
        made = [source.plain() for source in sources]
    kept, error = prefix(expected(items))
    failures = [answer.error for answer in expected(items) if isinstance(answer, Raised)]
    got = subject.attempt(made[0], **options)
    streamed = subject.stream(made[1], **options)
    assert isinstance(got, Raised), got
    assert same_error(error or kind("source"), got.error), repr(got.error)
    assert same_value(streamed.values, kept)
    assert same_error(error or kind("source"), streamed.error)
    grouped = subject.attempt(made[2], on_error="group", **options)
    assert isinstance(grouped, Raised)
    assert isinstance(grouped.error, ExceptionGroup), repr(grouped.error)
    assert len(grouped.error.exceptions) == len(failures) + 1
    assert all(map(same_error, [*failures, kind("source")], grouped.error.exceptions)), grouped.error.exceptions
    outcomes = subject.stream(made[3], on_error="collect", **options)
    assert [outcome.index for outcome in outcomes.values] == list(range(len(items)))
    assert same_error(kind("source"), outcomes.error), repr(outcomes.error)
    assert [source.finalised for source in sources] == [1] * 4, "a source was not finalised once"


@law("E10", "StopIteration, StopAsyncIteration and GeneratorExit raised by f never truncate; the type surfaces")
def never_truncated(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(least=1, most=8), "items")
    k = draw(st.integers(0, len(items) - 1), "k")
    kind = draw(st.sampled_from([StopIteration, StopAsyncIteration, GeneratorExit]), "kind")
    options = draw(configs(len(items)), "config").options
    items[k] = Raise(kind, ("mine",))
    # Python itself turns a StopIteration that leaves a coroutine into a RuntimeError with that cause (PEP 479); in a
    # stream, these would mean its end, and so are turned into one likewise.
    in_body = kind is StopIteration and subject.coroutine
    outcomes = subject.list(items, on_error="collect", **options)
    assert [outcome.ok for outcome in outcomes] == [at != k for at in range(len(items))]
    surfaced(outcomes[k].error, kind, turned=in_body)
    got = subject.attempt(items, **options)
    assert isinstance(got, Raised), f"truncated to {got}"
    surfaced(got.error, kind, turned=in_body or (kind is StopIteration and subject.asynchronous))
    streamed = subject.stream(items, **options)
    assert same_value(streamed.values, prefix(expected(items))[0])
    assert streamed.error is not None, f"truncated to {streamed.values}"
    ends = kind is StopIteration or (kind is StopAsyncIteration and subject.asynchronous)
    surfaced(streamed.error, kind, turned=in_body or ends)


def surfaced(error: BaseException, kind: type[BaseException], *, turned: bool) -> None:
    """Assert that an error is of a kind, or was turned into a RuntimeError that has it as its cause."""
    if turned:
        assert type(error) is RuntimeError, repr(error)
        cause = error.__cause__
        if type(cause) is RuntimeError:  # turned in the body, and once more on its way
            cause = cause.__cause__
        assert type(cause) is kind, repr(cause)
    else:
        assert type(error) is kind, repr(error)


@law("E11", "KeyboardInterrupt or SystemExit raised by f ends the call and is raised as such, under every policy")
def interrupts(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(least=1, most=8), "items")
    k = draw(st.integers(0, len(items) - 1), "k")
    kind = draw(st.sampled_from([Interrupt, KeyboardInterrupt, SystemExit]), "kind")
    options = draw(configs(len(items)), "config").options
    items[k] = Raise(kind, (7,))
    got = subject.attempt(items, on_error=draw(POLICIES, "on_error"), **options)
    assert isinstance(got, Raised), got
    assert same_error(kind(7), got.error), repr(got.error)
    streamed = subject.stream(items, on_error=draw(POLICIES, "on_error of the stream"), **options)
    assert same_error(kind(7), streamed.error), repr(streamed.error)


def local_error(message: str) -> BaseException:
    """Make an exception of a type that no other process can import."""

    class Local(Exception):
        pass

    return Local(message)


class Locked(Exception):
    """An exception that holds a lock, which cannot be pickled."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock: object = threading.Lock()


@law(
    "E12",
    "an exception that cannot be pickled arrives, as itself or as a surrogate that tells type, message, traceback",
)
def surrogates(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(least=1, most=8), "items")
    k = draw(st.integers(0, len(items) - 1), "k")
    kinds: list[Callable[..., BaseException]] = [Sealed, Fragile, Rich, local_error, Locked]
    kind = draw(st.sampled_from(kinds), "kind")
    options = draw(configs(len(items)), "config").options
    items[k] = Raise(kind, ("words",))
    right = sole(items, k)
    outcomes = subject.list(items, on_error="collect", **options)
    assert [outcome.ok for outcome in outcomes] == [at != k for at in range(len(items))]
    got = subject.attempt(items, **options)
    assert isinstance(got, Raised)
    for error in (outcomes[k].error, got.error):
        if subject.traits.shares_memory:
            assert type(error).__qualname__ == type(right).__qualname__, repr(error)
            assert error.args == right.args
        elif kind in (local_error, Locked):
            assert type(error) is concur.RemoteError, repr(error)
            assert error.type_name == f"{type(right).__module__}.{type(right).__qualname__}"
            assert error.message == "words"
            assert ".py" in error.traceback
        else:
            assert same_error(right, error), repr(error)


class Unsendable:
    """An item that cannot be pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("unsendable")


class Undeliverable(Script):
    """An item that can be pickled, and breaks when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (int, ("no number",))


@law(
    "E13",
    "an untransferable result or item fails that index only; an untransferable fn fails before any item runs",
    needs=["pickles"],
)
def untransferable(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(least=1, most=8), "items")
    k = draw(st.integers(0, len(items) - 1), "k")
    options = draw(configs(len(items)), "config").options
    odd = draw(st.sampled_from([Make(threading.Lock), Unsendable(), Undeliverable()]), "odd")
    mixed = [*items[:k], odd, *items[k + 1 :]]
    outcomes = subject.list(mixed, on_error="collect", **options)
    assert [outcome.ok for outcome in outcomes] == [at != k for at in range(len(items))], outcomes
    assert isinstance(outcomes[k].error, concur.NotTransferable), repr(outcomes[k].error)
    assert str(k) in outcomes[k].error.what
    with Switchboard() as board:
        visits = [Visit(board.line, at) for at in range(3)]
        got = subject.attempt(visits, fn=lambda script: script.play(), **options)
        assert isinstance(got, Raised)
        assert isinstance(got.error, concur.NotTransferable), repr(got.error)
        assert board.started == [], "an item ran"


@law("E14", "the traceback names f's file and line; a note names index and item; the exception's own type is kept")
def told_where(subject: Subject, draw: Draw) -> None:
    items, k, config = with_a_failure(draw, most=8)
    got = subject.attempt(items, **config.options)
    assert isinstance(got, Raised)
    error = got.error
    assert type(error) is type(sole(items, k))
    notes = "\n".join(getattr(error, "__notes__", ()))
    assert f"item {k} (" in notes, notes
    assert type(items[k]).__name__ in notes, notes
    files = notes if not subject.traits.shares_memory else "\n".join(frames_of(error))
    assert "behaviour.py" in files, files
    assert "line" in files


def frames_of(error: BaseException) -> list[str]:
    """Name the files and lines of an exception's traceback."""
    import traceback

    return [f"{frame.filename} line {frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]


@law("E15", "the user's errors are never a ConcurError; the library's own always are")
def whose_error(subject: Subject, draw: Draw) -> None:
    items, options = drawn(draw, least=1)
    for outcome in subject.list(items, on_error="collect", **options):
        if not outcome.ok:
            assert not isinstance(outcome.error, concur.ConcurError), repr(outcome.error)
    own = subject.attempt(items, on_error=draw(st.sampled_from(["rais", "", None, 0]), "policy"), **options)
    assert isinstance(own, Raised)
    assert isinstance(own.error, concur.ConcurError), repr(own.error)


WRONG: tuple[dict[str, Any], ...] = (
    *({"workers": value} for value in (0, -1, True, 1.5, "2", float("nan"))),
    *({"chunksize": value} for value in (0, -1, True, 1.5, "2")),
    *({"window": value} for value in (0, -1, True, 1.5, "2")),
    *({"timeout": value} for value in (0, -1, True, "2", float("nan"), float("inf"))),
    *({"deadline": value} for value in (0, -1, True, "2", float("nan"), float("inf"))),
    *({"retry": value} for value in (-1, True, 1.5, "2")),
    *({"mode": value} for value in ("threads", "asyncio", "", None, 3, "nosuchmode")),
    {"on_error": "colect"},
    {"progress": 3},
    {"setup": 3},
    {"context": "name"},
    {"options": {"workers": 1}},
    {"worker": 3},
)


@law("E16", "invalid arguments raise the same error in every mode before the source is touched", fresh=True)
def refused(subject: Subject, draw: Draw) -> None:
    wrong = draw(st.sampled_from(WRONG), "wrong")
    source = Source([Return(1)])
    witness = source.witnessed()
    got = subject.attempt(witness, **wrong)
    oracle = Subject(entry=subject.entry, coroutine=subject.coroutine).attempt([], **wrong)
    assert isinstance(got, Raised), f"{wrong} was accepted"
    assert isinstance(oracle, Raised), f"{wrong} was accepted by the serial mode"
    assert isinstance(got.error, concur.InvalidOption | concur.InvalidCall), repr(got.error)
    assert (type(got.error), str(got.error)) == (type(oracle.error), str(oracle.error))
    assert (witness.iterated, source.pulled) == (0, 0), "the source was touched"


@law("E17", "late errors after an early close are lost, and never logged as unhandled", needs=["concurrent"])
def late_errors(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(2, 6), "n")
    options = draw(configs(n, workers=st.integers(2, 4)), "config").options
    with Switchboard() as board:
        line = board.line
        items: list[Any] = [Return(0), *(Visit(line, at, Raise(ValueError, (at,)), ("late",)) for at in range(1, n))]
        streamed = subject.stream(items, take=1, each=lambda value: board.open("late"), **options)
        assert streamed.values == [0]
        assert streamed.error is None
        board.settle()
    gc.collect()  # an exception that nobody retrieved is complained of when it is collected
