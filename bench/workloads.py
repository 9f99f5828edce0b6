"""The workloads by name: what is measured, over which items, by whom, and the figure that is wanted.

Nothing is run or measured here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from bench import functions
from bench.contenders import Loop
from bench.wanted import Below, Faster, Wanted, Within

__all__ = ["WORKLOADS", "Kind", "Workload"]

Kind = Literal["map", "stream", "coroutines", "import"]


def _counting(n: int) -> Iterable[int]:
    return range(n)


def _generated(n: int) -> Iterable[int]:
    return (index for index in range(n))


def _one_more(n: int) -> Iterable[int]:
    return range(1, n + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One thing to measure, and who is measured.

    Args:
        name: Unique; what `--workload` takes.
        measures: What is measured, in one sentence.
        kind: How it is measured: "map" and "coroutines" time a call over a list; "stream" takes the growth of
            peak memory in a new process per run; "import" times new interpreters.
        ours: The contender that the ratios refer to.
        peers: The others.
        n: Items (for "import": pairs of interpreter starts per run).
        quick_n: The same with `--quick`.
        rounds: Measured rounds unless `--rounds` says otherwise.
        wanted: Figures to reach; none means that the workload informs.
        items: Makes n items.
        fn: What is done to an item; None where nothing is mapped.
        expected: The results that a serial loop over `items(n)` gives, made without running `fn`.
        workers: Threads, processes, or coroutines at a time.
        chunk: Items per job for the contenders called tuned.
        loop: The event loop of a coroutine workload.
        cap: Seconds after which a run is ended and counted as failed.
    """

    name: str
    measures: str
    kind: Kind
    ours: str
    peers: tuple[str, ...]
    n: int
    quick_n: int
    rounds: int = 7
    wanted: tuple[Wanted, ...] = ()
    items: Callable[[int], Iterable[int]] = _counting
    fn: Callable[[int], int] | Callable[[int], Coroutine[Any, Any, int]] | None = None
    expected: Callable[[int], Iterable[int]] = _one_more
    workers: int = 2
    chunk: int = 1
    loop: Loop = "asyncio"
    cap: float = 60.0

    @property
    def unit(self) -> str:
        """The unit of a reading's value."""
        return "MB" if self.kind == "stream" else "s"

    @property
    def contenders(self) -> tuple[str, ...]:
        """Ours first, then the peers."""
        return (self.ours, *self.peers)


_PROCESS_PEERS = (
    "concur-process-call",
    "list-comprehension",
    "pool-processes",
    "executor-processes",
    "executor-processes-tuned",
    "joblib-loky",
    "joblib-loky-tuned",
    "loky-tuned",
    "mpire",
    "pebble-tuned",
)
_COROUTINE_PEERS: dict[Loop, tuple[str, ...]] = {
    "asyncio": ("worker-tasks", "gather-semaphore", "anyio-limiter", "aiometer"),
    "trio": ("worker-tasks", "anyio-limiter", "aiometer"),
}
_OWN_COST = "The library's own cost per coroutine: 20,000 that never suspend"
_OVERLAP = "How well waiting overlaps: 20,000 sleeps of 1 ms"


def _coroutines(name: str, fn: Callable[[int], Coroutine[Any, Any, int]], loop: Loop, measures: str) -> Workload:
    return Workload(
        name=name,
        measures=f"{measures}, 100 at a time, on {loop}.",
        kind="coroutines",
        ours="concur-async",
        peers=_COROUTINE_PEERS[loop],
        n=20_000,
        quick_n=500,
        fn=fn,
        workers=100,
        loop=loop,
    )


_ALL = (
    Workload(
        name="trivial-threads",
        measures="The library's own cost per item: 100,000 trivial items, thread mode, 2 workers.",
        kind="map",
        ours="concur-thread",
        peers=(
            "list-comprehension",
            "pool-threads",
            "executor-threads",
            "joblib-threading",
            "joblib-threading-tuned",
        ),
        n=100_000,
        quick_n=2_000,
        wanted=(Faster(than="joblib-threading", times=10), Faster(than="executor-threads", times=50)),
        fn=functions.add_one,
        chunk=1_000,
    ),
    Workload(
        name="trivial-serial",
        measures="What the one call adds to a plain loop: 100,000 trivial items, serial mode.",
        kind="map",
        ours="concur-serial",
        peers=("list-comprehension",),
        n=100_000,
        quick_n=2_000,
        rounds=21,
        wanted=(Within(times=2, of="list-comprehension"),),
        fn=functions.add_one,
        workers=1,
    ),
    Workload(
        name="sleeps-threads",
        measures="How well waiting overlaps: 2,000 sleeps of 1 ms over 64 threads.",
        kind="map",
        ours="concur-thread",
        peers=("executor-threads", "pool-threads"),
        n=2_000,
        quick_n=200,
        rounds=21,
        wanted=(Faster(than="executor-threads", times=1),),
        fn=functions.sleep_1ms,
        workers=64,
    ),
    Workload(
        name="stream-memory",
        measures="Growth of peak memory while 1,000,000 generated items stream through 2 threads.",
        kind="stream",
        ours="concur-thread-stream",
        peers=("pool-threads-stream", "executor-threads-stream"),
        n=1_000_000,
        quick_n=5_000,
        rounds=3,
        wanted=(Below(limit=20, unit="MB"),),
        items=_generated,
        fn=functions.add_one,
        chunk=1_000,
        cap=180.0,
    ),
    Workload(
        name="import-time",
        measures="A new interpreter that imports the library, less one that imports nothing.",
        kind="import",
        ours="import-concur",
        peers=("import-concurrent.futures",),
        n=20,
        quick_n=2,
        wanted=(Within(times=1.5, of="import-concurrent.futures"),),
    ),
    Workload(
        name="import-verb-time",
        measures="The same, with a name that one can call: what a package that loads lazily puts off until then.",
        kind="import",
        ours="import-run_parallel",
        peers=("import-ThreadPoolExecutor",),
        n=20,
        quick_n=2,
    ),
    Workload(
        name="trivial-process",
        measures="The library's own cost per item: 100,000 trivial items, 2 processes already running.",
        kind="map",
        ours="concur-process",
        peers=_PROCESS_PEERS,
        n=100_000,
        quick_n=2_000,
        rounds=5,
        fn=functions.add_one,
        chunk=1_000,
    ),
    Workload(
        name="cpu-1ms-process",
        measures="How well CPU work spreads: 2,000 items of 1 ms of CPU, 2 processes already running.",
        kind="map",
        ours="concur-process",
        peers=(*_PROCESS_PEERS, "pebble"),
        n=2_000,
        quick_n=100,
        rounds=5,
        fn=functions.burn_1ms,
        chunk=100,
    ),
    _coroutines("trivial-async", functions.add_one_async, "asyncio", _OWN_COST),
    _coroutines("trivial-async-trio", functions.add_one_async, "trio", _OWN_COST),
    _coroutines("sleep-async", functions.sleep_1ms_asyncio, "asyncio", _OVERLAP),
    _coroutines("sleep-async-trio", functions.sleep_1ms_trio, "trio", _OVERLAP),
)

WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in _ALL}
