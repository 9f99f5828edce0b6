"""Laws of endings: close and cancel, timeouts and deadlines, crashes, retries, pools, and what is left behind.

Where time is real, few examples are drawn, and no law expects something to be fast: only that it ends.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

import concur
from concur.testing.behaviour import Crash, Dawdle, Raise, Return, Script, Takes, Visit
from concur.testing.draws import configs, expected, prefix, same_error, same_value, scripts
from concur.testing.kit import law
from concur.testing.laws.flow import visits
from concur.testing.leaks import joining_abandoned, no_leaks
from concur.testing.source import Source
from concur.testing.subject import Raised, Returned, Subject, attempt
from concur.testing.switchboard import Switchboard
from concur.testing.worlds import simulated

if TYPE_CHECKING:
    from concur.testing.draws import Draw

__all__: list[str] = []  # the registry in `concur.testing.kit` has what is here

LIMIT = 0.2  # seconds: long against a hiccup of the machine, so that an innocent body does not time out
SLACK = 10.0  # seconds that a call may take to end beyond its deadline, on a machine that does much else


@law("K1", "after close or break nothing new starts; the call returns only when running bodies ended or were killed")
def nothing_after_close(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 12), "n")
    m = draw(st.integers(0, n), "m")
    options = draw(configs(n), "config").options
    endable = not subject.lacks(["ends_bodies"])
    with Switchboard() as board:
        items = visits(board.line, n)
        if endable:  # those that nobody takes would never end by themselves
            items[m:] = [Visit(board.line, at, Return(at), ("never",)) for at in range(m, n)]
        streamed = subject.stream(items, take=m, **options)
        assert streamed.values == list(range(m))
        if subject.traits.shares_memory:
            assert board.running == 0, "a body ran when the call had returned"
        board.settle()
        started = board.started
        subject.list([Return(0), Return(1)])
        assert board.started == started, "something started after the end"


@law("K2", "closing is idempotent, and has no effect after completion")
def close_twice(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(least=1, most=8), "items")
    m = draw(st.integers(0, len(items) + 1), "m")
    options = draw(configs(len(items)), "config").options
    stream = subject.open_stream(items, **options)
    got: list[Any] = []
    if subject.asynchronous:

        async def use() -> None:
            async with stream as results:
                while len(got) < m:
                    try:
                        got.append(await anext(results))
                    except StopAsyncIteration:
                        break
            await stream.__aexit__(None, None, None)

        subject.run(use)
    else:
        with stream as results:
            got += [value for value, _ in zip(results, range(m), strict=False)]
            results.close()
            results.close()
        stream.close()
    right = prefix(expected(items))[0]
    assert same_value(got, right[:m])


@law("K3", "finalisers of source and consumer run exactly once, on success, error and early stop")
def finalised_once(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(least=1, most=8, failing=True), "items")
    take = draw(st.none() | st.integers(1, len(items)), "take")
    options = draw(configs(len(items)), "config").options
    source = Source(items)
    asynchronous = subject.asynchronous and draw(st.booleans(), "async source")
    made: Any = source.asynchronous() if asynchronous else source.plain()
    subject.stream(made, take=take, **options)
    assert (source.opened, source.finalised) == (1, 1)
    if subject.asynchronous:
        return
    source, ends = Source(items), list[str]()
    iterator = consumer(subject, source, options, ends)
    for _ in range(take or len(items) + 1):
        attempt(lambda: next(iterator, None))
    iterator.close()
    assert ends == ["consumer"]
    assert source.finalised == source.opened


def consumer(subject: Subject, source: Source, options: dict[str, Any], ends: list[str]) -> Any:
    """Go through a stream in a generator, as a user's pipeline does."""
    try:
        with subject.open_stream(source.plain(), **options) as results:
            yield from results
    finally:
        ends.append("consumer")


@law("K4", "no leak on any exit path: success, error, early stop, failing source, timeout", fresh=True, most=4)
def no_leak(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(least=2, most=6), "items")
    options = draw(configs(len(items)), "config").options
    path = draw(st.sampled_from(["success", "error", "early stop", "source", "group", "timeout"]), "path")
    failing = [*items, Raise(ValueError), *items]
    with no_leaks():
        if path == "success":
            assert isinstance(subject.attempt(items, **options), Returned)
        elif path in ("error", "group"):
            policy = "raise" if path == "error" else "group"
            assert isinstance(subject.attempt(failing, on_error=policy, **options), Raised)
        elif path == "early stop":
            assert subject.stream(items, take=1, **options).error is None
        elif path == "source":
            assert isinstance(subject.attempt(Source(items, KeyError()).plain(), **options), Raised)
        elif not subject.lacks(["on_timeout"]):
            with overrunning(subject, draw, len(items), 0, LIMIT / 2) as (tried, stuck):
                assert isinstance(tried.attempt(stuck, timeout=LIMIT / 2, **options), Raised)


@law("K5", "the caller's cancellation wins over item errors, and is the framework's own", needs=["async_entry"])
def cancellation_wins(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 6), "n")
    options = draw(configs(n), "config").options
    with Switchboard() as board:
        items = [Visit(board.line, at, Raise(ValueError, (at,)), ("held",)) for at in range(n)]
        caught: list[BaseException] = []
        kinds: list[type[BaseException]] = []

        async def call() -> None:
            import anyio

            kinds.append(anyio.get_cancelled_exc_class())

            async def inner() -> None:
                try:
                    await subject.verbs.arun_parallel(subject.fn, items, **subject.options(options))
                except BaseException as exc:
                    caught.append(exc)
                    raise

            async with anyio.create_task_group() as group:
                group.start_soon(inner)
                while not board.waiting("held"):
                    await anyio.sleep(0.001)
                group.cancel_scope.cancel()
                board.open("held")  # what cannot be cancelled fails now

        subject.run(call)
        assert len(caught) == 1
        assert isinstance(caught[0], kinds[0]), repr(caught[0])
        if subject.traits.shares_memory:
            assert board.running == 0
        board.settle()


class overrunning:  # noqa: N801 - reads as a verb
    """Give items of which one overruns a limit as the mode allows, and the subject to run them on.

    Where bodies are ended or abandoned it never ends by itself; in serial mode it takes a little longer than the
    limit; in a simulation it hangs. Abandoned threads are let go and waited for at the end.
    """

    def __init__(self, subject: Subject, draw: Draw, n: int, at: int, limit: float) -> None:
        self._board = Switchboard()
        self._joining = joining_abandoned()
        self._subject = simulated(subject, draw, hang={at}) if subject.traits.virtual_time else subject
        self._n, self._at, self._limit = n, at, limit

    def __enter__(self) -> tuple[Subject, list[Script]]:
        self._joining.__enter__()
        self._board.__enter__()
        items: list[Script] = [Return(index) for index in range(self._n)]
        if self._subject.traits.on_timeout == "late":
            items[self._at] = Dawdle(self._limit * 1.3)
        elif not self._subject.traits.virtual_time:
            items[self._at] = Visit(self._board.line, self._at, Return(self._at), ("never",))
        return self._subject, items

    def __exit__(self, *error: Any) -> None:
        self._board.open_all()
        self._board.settle()
        self._board.__exit__(None, None, None)
        self._joining.__exit__(*error)


@law(
    "K6",
    "a timeout hits one index only; its clock starts with the body and does not depend on c or on queueing",
    needs=["on_timeout"],
    most=3,
)
def one_index_times_out(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 6), "n")
    j = draw(st.integers(0, n - 1), "j")
    # With one worker, the items behind the stuck one queue for longer than the limit.
    options = draw(configs(n, workers=st.sampled_from([1, 1, 2])), "config").options
    with overrunning(subject, draw, n, j, LIMIT) as (tried, items):
        outcomes = tried.list(items, timeout=LIMIT, on_error="collect", **options)
    for index, outcome in enumerate(outcomes):
        if index == j:
            assert type(outcome) is concur.TimedOut, outcome
            assert isinstance(outcome.error, concur.ItemTimeout)
            assert outcome.error.index == j
        else:
            assert type(outcome) is concur.Ok, outcome
            assert outcome.value == index


@law("K7", "a value that arrived before its timeout fired wins", needs=["virtual_time"])
def arrived_values_win(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(0, 8), "n")
    options = draw(configs(n), "config").options
    durations = draw(st.lists(st.sampled_from([0.1, 1.0, 2.0, 3.0, 9.0]), min_size=n, max_size=n), "durations")
    limit = draw(st.sampled_from([0.5, 1.5, 2.5, 5.0]), "limit")
    world = simulated(subject, draw, duration=durations.__getitem__)
    outcomes = world.list(list(range(n)), timeout=limit, on_error="collect", **options)
    assert [outcome.ok for outcome in outcomes] == [seconds <= limit for seconds in durations]


@law(
    "K7 late consumer",
    "a value that arrived before its timeout fired wins, also when the consumer asks after the limit",
    needs=["concurrent", "real_time", "sync_entry"],
    once=True,
)
def arrived_while_away(subject: Subject, draw: Draw) -> None:
    with Switchboard() as board:
        items = visits(board.line, 2)

        def each(outcome: Any) -> None:
            if outcome.index == 0:
                board.wait_until(lambda: 1 in board.ended or 1 not in board.started, "item 1 ended, or waits")
                time.sleep(LIMIT * 1.3)  # the time that the limit is about has to pass

        streamed = subject.stream(items, each=each, timeout=LIMIT, on_error="collect", workers=2)
    assert [type(outcome) for outcome in streamed.values] == [concur.Ok, concur.Ok], streamed.values


@law("K8", "raising the timeout only turns timed-out outcomes into others", needs=["on_timeout"], most=1)
def longer_limits(subject: Subject, draw: Draw) -> None:
    if subject.traits.virtual_time:
        n = draw(st.integers(0, 8), "n")
        durations = draw(st.lists(st.sampled_from([0.1, 1.0, 2.0, 3.0]), min_size=n, max_size=n), "durations")
        short, long = sorted(draw(st.tuples(*[st.sampled_from([0.5, 1.5, 2.5, 5.0])] * 2), "limits"))
        subject = simulated(subject, draw, duration=durations.__getitem__)
        items: list[Any] = list(range(n))
    else:
        n, short, long = 3, LIMIT, 60.0
        items = [Return(0), Dawdle(LIMIT * 1.3, Return(1)), Raise(KeyError)]
    options = draw(configs(n), "config").options
    with joining_abandoned():
        before = subject.list(items, timeout=short, on_error="collect", **options)
    after = subject.list(items, timeout=long, on_error="collect", **options)
    for one, two in zip(before, after, strict=True):
        if type(one) is not concur.TimedOut:
            assert type(one) is type(two), f"{one} became {two}"
            assert same_value(getattr(one, "value", None), getattr(two, "value", None))
    if not subject.traits.virtual_time:
        assert [type(outcome) for outcome in before] == [concur.Ok, concur.TimedOut, concur.Failed]
        assert [type(outcome) for outcome in after] == [concur.Ok, concur.Ok, concur.Failed]


@law("K9", "a deadline ends the whole call; what completed is kept", needs=["ends_in_time"], most=2)
def deadline(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 8), "n")
    stuck = draw(st.integers(0, n - 1), "stuck")
    config = draw(configs(n), "config")
    limit = LIMIT * 2
    with overrunning(subject, draw, n, stuck, limit) as (tried, items):
        began = time.monotonic()
        got = tried.attempt(items, deadline=limit, **config.options)
        assert time.monotonic() - began < limit + SLACK
        assert isinstance(got, Raised)
        assert isinstance(got.error, concur.DeadlineExceeded), repr(got.error)
        kept = got.error.results
        assert all(kept[index] == index != stuck for index in kept), kept
        outcomes = tried.list(items, deadline=limit, on_error="collect", **config.options)
        assert [outcome.index for outcome in outcomes] == list(range(n))
        for index, outcome in enumerate(outcomes):
            if index == stuck or not outcome.ok:
                assert type(outcome) is concur.Cancelled, outcome
            else:
                assert outcome.value == index
        if config.window is None and config.chunksize == 1 and subject.traits.virtual_time:
            assert all(outcome.ok for outcome in outcomes[:stuck]), outcomes


@law(
    "K10",
    "a crashed worker fails the index it ran, with exit code or signal; others are run; the pool works afterwards",
    needs=["survives_crash"],
)
def crashes(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 6), "n")
    crashing = draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=2), "crashing")
    exitcode = draw(st.sampled_from([3, -9, 0]), "exit code")
    options = draw(configs(n), "config").options
    items: list[Script] = [Return(index) for index in range(n)]
    tried = subject
    if subject.traits.virtual_time:
        tried, exitcode = simulated(subject, draw, crash=crashing), -9
    else:
        for index in crashing:
            items[index] = Crash(exitcode)
    outcomes = tried.list(items, on_error="collect", **options)
    assert [outcome.index for outcome in outcomes] == list(range(n))
    for index, outcome in enumerate(outcomes):
        if index in crashing:
            assert type(outcome) is concur.Crashed, outcome
            assert isinstance(outcome.error, concur.WorkerCrashed)
            assert (outcome.error.index, outcome.error.exitcode) == (index, exitcode)
        elif type(outcome) is concur.Crashed:  # coroutines that ran in the same process at that moment
            assert subject.coroutine
            assert any("items were running" in note for note in outcome.error.__notes__), outcome
        else:
            assert type(outcome) is concur.Ok, outcome
            assert outcome.value == index
    assert subject.list([Return(index) for index in range(3)], **options) == [0, 1, 2]


@law("K11", "retry: attempts <= 1 + r, failing indices only, never for what was not declared retryable")
def retried(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 8), "n")
    r = draw(st.integers(0, 3), "r")
    failures = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n), "failures")
    kinds = draw(st.lists(st.sampled_from([KeyError, ValueError]), min_size=n, max_size=n), "kinds")
    declared = draw(st.booleans(), "only KeyError is declared")
    options = draw(configs(n), "config").options
    retry = concur.Retry(attempts=r + 1, on=(KeyError,)) if declared else r
    with Switchboard() as board:
        items = [
            Takes(board.line, at, (*[Raise(kind, (at,))] * times, Return(at)))
            for at, (times, kind) in enumerate(zip(failures, kinds, strict=True))
        ]
        outcomes = subject.list(items, on_error="collect", retry=retry, **options)
        for at, (outcome, times, kind) in enumerate(zip(outcomes, failures, kinds, strict=True)):
            allowed = r if not declared or kind is KeyError else 0
            assert outcome.ok is (times <= allowed), outcome
            assert outcome.attempts == board.calls()[at] == min(times, allowed) + 1, outcome
            if not outcome.ok:
                assert same_error(kind(at), outcome.error)


@law("K12", "close is idempotent; use after close raises the same error in every mode", fresh=True)
def used_after_close(subject: Subject, draw: Draw) -> None:
    used = draw(st.booleans(), "used before")
    workers = draw(st.integers(1, 2), "w")
    with subject.kept(workers) as kept:
        if used:
            assert kept.list([Return(0), Return(1)]) == [0, 1]
        pool = kept.pool
        stream = kept.open_stream([Return(0)])
        if draw(st.booleans(), "closed inside"):
            pool.close()
    pool.close()
    pool.close()
    calls = [
        lambda: replace(kept, entry="sync").list([Return(0)]),
        lambda: replace(kept, entry="asyncio").list([Return(0)]),
        lambda: replace(kept, entry="sync").open_stream([Return(0)]),
        lambda: replace(kept, entry="asyncio").open_stream([Return(0)]),
        lambda: pool.__enter__(),
        lambda: first_of(subject, stream),
    ]
    for call in calls:
        refused_as_closed(attempt(call), "the pool is closed")
    refused_as_closed(attempt(lambda: first_of(subject, closed_stream(subject))), "the stream is closed")


def refused_as_closed(got: Returned | Raised, message: str) -> None:
    """Assert that a call was refused because its pool or stream is closed."""
    assert isinstance(got, Raised), f"{got} after close"
    assert type(got.error) is concur.Closed, repr(got.error)
    assert str(got.error) == message, str(got.error)


def closed_stream(subject: Subject) -> Any:
    """Give a stream that was closed."""
    stream = subject.open_stream([Return(0)])
    if subject.asynchronous:

        async def enter_and_leave() -> None:
            async with stream:
                pass

        subject.run(enter_and_leave)
    else:
        stream.close()
    return stream


def first_of(subject: Subject, stream: Any) -> Any:
    """Ask a stream for its first value."""
    if not subject.asynchronous:
        with stream as results:
            return next(results)

    async def first() -> Any:
        async with stream as results:
            return await anext(results)

    return subject.run(first)


EXIT = """
import time
import concur
pool = concur.pool(mode={mode!r}, workers=2)
assert pool.run_parallel(abs, [-1, 2]) == [1, 2]
results = concur.iter_parallel(time.sleep, [0, 0.3, 0.3], mode={mode!r}, workers=2)  # bodies run at the end
assert next(results) is None
print("the end of the program")
"""


@law(
    "K12 exit",
    "a pool or stream that is open at interpreter exit does not hang it",
    needs=["named", "plain", "sync_entry"],
    once=True,
)
def open_at_exit(subject: Subject, draw: Draw) -> None:
    program = subprocess.run(
        [sys.executable, "-c", EXIT.format(mode=subject.backend.name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert program.returncode == 0, program.stderr
    assert program.stdout == "the end of the program\n"
    assert program.stderr == "", program.stderr
