"""Laws of concurrency and flow: how many bodies run, how far the source is pulled, what a stuck body costs.

Nothing here waits for time to pass, but for the one law that says what does not happen.
"""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from concur.backends import Job, Traits
from concur.testing.behaviour import Dawdle, Nest, Return, Script, Visit
from concur.testing.draws import configs, expected, prefix, same_value, scripts
from concur.testing.kit import law
from concur.testing.source import Source
from concur.testing.subject import Subject
from concur.testing.switchboard import LatchTimeout, Line, Switchboard

if TYPE_CHECKING:
    from concur.testing.draws import Draw

__all__: list[str] = []  # the registry in `concur.testing.kit` has what is here

SIZES = st.sampled_from([None, 1, 2, 3])


def visits(line: Line, n: int, *latches: str) -> list[Script]:
    """Give `n` bodies that return their index, and wait at latches before."""
    return [Visit(line, index, Return(index), latches) for index in range(n)]


def lasting(subject: Subject, line: Line, n: int) -> list[Script]:
    """Give `n` bodies that return their index, and last long enough to overlap where they can."""
    if not subject.traits.concurrent:
        return visits(line, n)
    return [Visit(line, index, Dawdle(0.001, Return(index))) for index in range(n)]


@law("C1", "running bodies <= w, always", fresh=True)
def at_most_w(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(0, 30), "n")
    config = draw(configs(n), "config")
    with Switchboard() as board:
        subject.list(lasting(subject, board.line, n), **config.options)
        assert board.most <= subject.width(config.workers), f"{board.most} bodies at once"
        assert (board.most > 0) is (n > 0)


@law("C2", "a latch that needs min(w, n) bodies at once is passed", needs=["concurrent"], fresh=True)
def w_at_once(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 12), "n")
    workers = draw(st.integers(1, 4), "w")
    chunksize = draw(st.sampled_from([None, 1, 2, 3, n, n + 1]), "c")
    most = min(workers, n)
    with Switchboard() as board:
        board.open_when("all", lambda: board.running >= most)
        got = subject.list(visits(board.line, n, "all"), workers=workers, chunksize=chunksize)
        assert got == list(range(n))


@law("C3", "a latch that needs one body more than w is not passed", needs=["concurrent"], fresh=True, once=True)
def not_w_plus_one(subject: Subject, draw: Draw) -> None:
    workers = draw(st.integers(1, 3), "w")
    moment = 0.1  # seconds for one more to come: what does not happen has no event to wait for
    with Switchboard() as board:

        def watch() -> None:
            try:
                board.wait_until(lambda: board.waiting("more") >= workers, "w bodies have come")
                board.wait_until(lambda: board.waiting("more") > workers, "one more has come", moment)
            except LatchTimeout:
                pass
            board.open("more")

        watcher = threading.Thread(target=watch, name="watcher")
        watcher.start()
        got = subject.list(visits(board.line, workers + 2, "more"), workers=workers, chunksize=1)
        watcher.join()
        assert got == list(range(workers + 2))
        assert board.most == workers, f"{board.most} bodies at once"


@law("C4", "Pulled <= Delivered + W, in every mode, for a sync and an async source")
def within_the_window(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(), "items")
    config = draw(configs(len(items), windowed=True), "config")
    ordered = draw(st.booleans(), "ordered")
    window = config.window
    assert window is not None
    delivered = 0
    ahead = [0]

    def pulled(number: int) -> None:
        ahead.append(number - delivered)

    def each(value: Any) -> None:
        nonlocal delivered
        delivered += 1

    source = Source(items, on_pull=pulled)
    asynchronous = subject.asynchronous and draw(st.booleans(), "async source")
    made: Any = source.asynchronous() if asynchronous else source.plain()
    streamed = subject.stream(made, each=each, ordered=ordered, **config.options)
    assert streamed.error is None
    assert len(streamed.values) == len(items)
    assert max(ahead) <= window, f"{max(ahead)} pulled and not delivered, W={window}"


@law(
    "C5",
    "ordered: nothing further than W from the next deliverable index starts, also behind a stuck head",
    needs=["concurrent"],
)
def behind_a_stuck_head(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(2, 12), "n")
    config = draw(configs(n, workers=st.integers(2, 4), windowed=True), "config")
    assert config.window is not None
    reach = min(config.window, n)
    with Switchboard() as board:
        items = [Visit(board.line, 0, Return(0), ("reached",)), *visits(board.line, n)[1:]]
        # Liveness too: all within the window run while the head is stuck, whatever job they were in with it.
        board.open_when("reached", lambda: len(board.ended) >= reach - 1)
        started: list[int] = []
        streamed = subject.stream(items, each=lambda value: started.append(len(board.started)), **config.options)
        assert streamed.values == list(range(n))
        order = [event for event in board.events if event.index == 0]
        before_head = board.events[: board.events.index(order[-1])]
        furthest = max(event.index for event in before_head)
        assert furthest < config.window, f"item {furthest} started while item 0 was stuck, W={config.window}"


@law("C6", "unordered: a stuck item costs one slot only", needs=["concurrent"])
def one_slot_only(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(2, 12), "n")
    workers = draw(st.integers(2, 4), "w")
    chunksize = draw(SIZES, "c")
    window = draw(st.sampled_from([None, 2, 3, n + 1]), "W")
    stuck = draw(st.integers(0, n - 1), "stuck")
    with Switchboard() as board:
        items = visits(board.line, n)
        items[stuck] = Visit(board.line, stuck, Return(stuck), ("others",))
        seen: list[int] = []

        def each(value: int) -> None:
            seen.append(value)
            if len(seen) == n - 1:
                board.open("others")

        streamed = subject.stream(items, each=each, ordered=False, workers=workers, chunksize=chunksize, window=window)
        assert streamed.error is None
        assert seen[-1] == stuck
        assert sorted(seen) == list(range(n))


@law("C7", "making a stream pulls nothing and starts nothing; the first next does")
def nothing_before_next(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 8), "n")
    options = draw(configs(n), "config").options
    with Switchboard() as board:
        source = Source(visits(board.line, n))
        witness = source.witnessed()
        stream = subject.open_stream(witness, **options)
        if subject.asynchronous:

            async def enter_and_leave() -> Any:
                async with stream as results:
                    assert (witness.iterated, source.pulled, board.events) == (0, 0, [])
                    return await anext(results)

            first = subject.run(enter_and_leave)
        else:
            with stream as results:
                assert (witness.iterated, source.pulled, board.events) == (0, 0, [])
                first = next(results)
        board.settle()
        assert first == 0
        assert source.pulled > 0
        unused = subject.open_stream(witness, **options)
        if not subject.asynchronous:
            unused.close()
        assert witness.iterated == 1


@law("C8", "a slice of an endless source ends")
def endless(subject: Subject, draw: Draw) -> None:
    m = draw(st.integers(0, 20), "m")
    options = draw(configs(m), "config").options
    ordered = draw(st.booleans(), "ordered")
    source = Source(count())
    streamed = subject.stream(source.plain(), take=m, ordered=ordered, **options)
    assert streamed.error is None
    assert len(streamed.values) == m
    if ordered:
        assert streamed.values == list(range(m))
    assert source.finalised == (1 if m else 0)


@law("C9", "at most W results are held; a slow consumer slows the source")
def held_back(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 20), "n")
    config = draw(configs(n, windowed=True), "config")
    assert config.window is not None
    window = config.window
    with Switchboard() as board:
        source = Source(visits(board.line, n))
        held: list[int] = []
        pulled: list[int] = []

        def each(value: Any) -> None:
            held.append(len(board.ended) - len(pulled) - 1)
            pulled.append(source.pulled)

        streamed = subject.stream(source.plain(), each=each, **config.options)
        assert streamed.values == list(range(n))
        assert max(held) <= window, f"{max(held)} results were held, W={window}"
        # What is pulled while the consumer has value number `at` is within the window of what it has had.
        assert all(number <= at + 1 + window for at, number in enumerate(pulled))


class Spy:
    """A backend that notes the jobs that its sessions are given."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.name: str = inner.name
        self.traits: Traits = inner.traits
        self.jobs: list[Job] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def open(self, **options: Any) -> Any:
        return _SpiedEngine(self._inner.open(**options), self.jobs)


class _SpiedEngine:
    def __init__(self, inner: Any, jobs: list[Job]) -> None:
        self._inner = inner
        self._jobs = jobs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aenter__(self) -> _SpiedEngine:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self._inner.__aexit__(*error)

    def session(self, work: Any, deliver: Any) -> Any:
        return _SpiedSession(self._inner.session(work, deliver), self._jobs)


class _SpiedSession:
    def __init__(self, inner: Any, jobs: list[Job]) -> None:
        self._inner = inner
        self._jobs = jobs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def start(self, job: Job) -> None:
        self._jobs.append(Job(job.start, list(job.items), job.attempt))
        self._inner.start(job)


@law("C10", "chunks partition [0, n): contiguous, disjoint, covering", needs=["sees_jobs"], fresh=True)
def chunks_partition(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(), "items")
    config = draw(configs(len(items)), "config")
    spy = Spy(subject.backend)
    got = Subject(mode=spy, entry=subject.entry, coroutine=subject.coroutine).list(items, **config.options)
    assert same_value(got, prefix(expected(items))[0])
    at = 0
    # An index is given out again only if its job gave it back, so the last job that has it counts.
    covered: dict[int, Job] = {}
    for job in spy.jobs:
        assert job.items
        if config.chunksize is not None:
            assert len(job.items) <= config.chunksize, f"{job} is longer than chunksize={config.chunksize}"
        for at, item in enumerate(job.items, job.start):
            assert item is items[at], f"{job} has an item that is not the one at {at}"
            covered[at] = job
    assert sorted(covered) == list(range(len(items)))


@law("C11", "w = 1 runs one body at a time, in index order", fresh=True)
def one_at_a_time(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(0, 20), "n")
    config = draw(configs(n, workers=st.just(1)), "config")
    ordered = draw(st.booleans(), "ordered")
    with Switchboard() as board:
        streamed = subject.stream(lasting(subject, board.line, n), ordered=ordered, **config.options)
        assert streamed.values == list(range(n))
        assert board.started == board.ended == list(range(n))
        assert board.most <= 1


@law(
    "C12", "if every body ends, the call ends: nested calls on the same pool, at any depth, w = 1 included", fresh=True
)
def nested(subject: Subject, draw: Draw) -> None:
    workers = draw(st.integers(1, 3), "w")
    with subject.kept(workers) as kept:

        def tree(depth: int) -> Script:
            if depth == 0:
                return Return(draw(st.integers(0, 3), "leaf"))
            width = draw(st.integers(0, 3), "width")
            return Nest(kept.pool, tuple(tree(depth - 1) for _ in range(width)))

        items = [tree(draw(st.integers(0, 2), "depth")) for _ in range(draw(st.integers(1, 4), "n"))]
        assert same_value(kept.list(items), [leaves(item) for item in items])


def leaves(script: Script) -> Any:
    """Say what a tree of nested calls returns."""
    if isinstance(script, Nest):
        return [leaves(inner) for inner in script.scripts]
    return script.play()


@law(
    "C13",
    "the async entry does not block the running loop, also for a sync f",
    needs=["async_entry"],
)
def loop_goes_on(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 4), "n")
    options = draw(configs(n), "config").options
    with Switchboard() as board:
        items = visits(board.line, n, "loop")

        async def call() -> Any:
            import anyio

            answers: list[Any] = []

            async def on_the_loop() -> None:
                # The bodies wait for the loop: if they or the call block it, nobody opens the latch.
                while not board.waiting("loop"):
                    await anyio.sleep(0.001)
                board.open("loop")

            async with anyio.create_task_group() as group:
                group.start_soon(on_the_loop)
                verbs: Any = subject.verbs
                answers += await verbs.arun_parallel(subject.fn, items, **subject.options(options))
            return answers

        assert subject.run(call) == list(range(n))
