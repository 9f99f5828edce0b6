"""What type checkers must find: each line is a promise. Nothing here runs; `test_types.py` has it checked."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, assert_type

import concur
from concur import AsyncResults, Outcome, Results, WorkerLocal
from concur.backends import Backend
from concur.backends.async_ import Async
from concur.backends.process import Process
from concur.backends.serial import Serial
from concur.backends.sim import Sim
from concur.backends.thread import Thread


def size(word: str) -> int:
    return len(word)


async def fetch(word: str) -> bytes:
    return word.encode()


def find(word: str) -> int | None:
    return len(word) or None


async def afind(word: str) -> int | None:
    return len(word) or None


def tell(word: str) -> None: ...


async def atell(word: str) -> None: ...


def repeat(word: str, times: int) -> list[str]:
    return [word] * times


async def arepeat(word: str, times: int) -> list[str]:
    return [word] * times


def loose(word: Any) -> Any:
    return word


class Parser:
    def __init__(self, text: str) -> None:
        self.text = text

    def parse(self, word: str) -> float:
        return float(word)

    async def aparse(self, word: str) -> float:
        return float(word)

    @classmethod
    def make(cls, text: str) -> Parser:
        return cls(text)

    def __call__(self, word: str) -> complex:
        return complex(word)


class AsyncParser:
    async def __call__(self, word: str) -> complex:
        return complex(word)


words = ["a", "bb"]


async def stream() -> AsyncIterator[str]:
    yield "a"


def a_list() -> None:
    assert_type(concur.run_parallel(size, words), list[int])
    assert_type(concur.run_parallel(fetch, words), list[bytes])
    assert_type(concur.run_parallel(size, words, on_error="raise"), list[int])
    assert_type(concur.run_parallel(size, words, on_error="group"), list[int])
    assert_type(concur.run_parallel(fetch, words, on_error="group"), list[bytes])
    assert_type(concur.run_parallel(size, words, on_error="collect"), list[Outcome[int]])
    assert_type(concur.run_parallel(fetch, words, on_error="collect"), list[Outcome[bytes]])


def a_policy_that_is_a_variable(policy: Literal["raise", "group", "collect"]) -> None:
    assert_type(concur.run_parallel(size, words, on_error=policy), list[int] | list[Outcome[int]])


def results_that_may_be_none() -> None:
    assert_type(concur.run_parallel(find, words), list[int | None])
    assert_type(concur.run_parallel(afind, words), list[int | None])
    assert_type(concur.run_parallel(tell, words), list[None])
    assert_type(concur.run_parallel(atell, words), list[None])


def a_stream() -> None:
    with concur.iter_parallel(size, words) as results:
        assert_type(results, Results[int])
        assert_type(next(results), int)
        assert_type(list(results), list[int])
    with concur.iter_parallel(fetch, words, ordered=False) as fetched:
        assert_type(fetched, Results[bytes])
        for value in fetched:
            assert_type(value, bytes)
    with concur.iter_parallel(size, words, on_error="collect") as outcomes:
        assert_type(outcomes, Results[Outcome[int]])
    with concur.iter_parallel(fetch, words, on_error="collect", ordered=False) as fetches:
        assert_type(fetches, Results[Outcome[bytes]])
    iterator: Iterator[int] = concur.iter_parallel(size, words)
    iterator.__next__()


async def async_lists() -> None:
    assert_type(await concur.arun_parallel(size, words), list[int])
    assert_type(await concur.arun_parallel(fetch, words), list[bytes])
    assert_type(await concur.arun_parallel(fetch, stream()), list[bytes])
    assert_type(await concur.arun_parallel(size, stream(), on_error="group"), list[int])
    assert_type(await concur.arun_parallel(size, words, on_error="collect"), list[Outcome[int]])
    assert_type(await concur.arun_parallel(fetch, stream(), on_error="collect"), list[Outcome[bytes]])


async def async_streams() -> None:
    async with concur.aiter_parallel(size, words) as results:
        assert_type(results, AsyncResults[int])
        async for value in results:
            assert_type(value, int)
    async with concur.aiter_parallel(fetch, stream(), ordered=False) as fetched:
        assert_type(await anext(fetched), bytes)
    async with concur.aiter_parallel(fetch, stream(), on_error="collect") as outcomes:
        assert_type(outcomes, AsyncResults[Outcome[bytes]])
    async with concur.aiter_parallel(size, stream(), on_error="collect") as sizes:
        assert_type(sizes, AsyncResults[Outcome[int]])


def outcomes_are_told_apart(outcome: Outcome[int]) -> None:
    assert_type(outcome.index, int)
    assert_type(outcome.attempts, int)
    assert_type(outcome.duration, float)
    assert_type(outcome.worker, str)
    assert_type(outcome.unwrap(), int)
    assert_type(outcome.ok, bool)
    if isinstance(outcome, concur.Ok):
        assert_type(outcome, concur.Ok[int])
        assert_type(outcome.value, int)
    else:
        assert_type(outcome.error, BaseException)
    if outcome.ok is True:
        assert_type(outcome.value, int)
    match outcome:
        case concur.Ok(value=value):
            assert_type(value, int)
        case concur.Failed(error=error) | concur.TimedOut(error=error):
            assert_type(error, BaseException)
        case concur.Crashed() | concur.Cancelled():
            pass


def every_kind_of_callable() -> None:
    assert_type(concur.run_parallel(lambda word: len(word), words), list[int])
    assert_type(concur.run_parallel(lambda word: word.upper(), words, mode="thread"), list[str])
    assert_type(concur.run_parallel(len, words), list[int])
    assert_type(concur.run_parallel(abs, [-1, 2]), list[int])
    assert_type(concur.run_parallel(math.sqrt, [1, 4]), list[float])
    assert_type(concur.run_parallel(str.upper, words), list[str])
    assert_type(concur.run_parallel(str, [1, 2]), list[str])
    assert_type(concur.run_parallel(int, words), list[int])
    assert_type(concur.run_parallel(Path, words), list[Path])
    assert_type(concur.run_parallel(Parser, words), list[Parser])
    assert_type(concur.run_parallel(Parser.make, words), list[Parser])
    assert_type(concur.run_parallel(Parser("").parse, words), list[float])
    assert_type(concur.run_parallel(Parser("").aparse, words), list[float])
    assert_type(concur.run_parallel(Parser(""), words), list[complex])
    assert_type(concur.run_parallel(AsyncParser(), words), list[complex])
    assert_type(concur.run_parallel(partial(repeat, times=2), words), list[list[str]])
    assert_type(concur.run_parallel(partial(arepeat, times=2), words), list[list[str]])
    assert_type(concur.run_parallel(partial(repeat, "a"), [1, 2]), list[list[str]])
    assert_type(concur.run_parallel({"a": 1}.get, words), list[int | None])
    assert_type(concur.run_parallel(loose, words), list[Any])


def every_kind_of_items(a_tuple: tuple[str, ...], a_dict: dict[str, int], a_sequence: Sequence[str]) -> None:
    assert_type(concur.run_parallel(size, a_tuple), list[int])
    assert_type(concur.run_parallel(size, a_dict), list[int])
    assert_type(concur.run_parallel(size, a_dict.keys()), list[int])
    assert_type(concur.run_parallel(size, a_sequence), list[int])
    assert_type(concur.run_parallel(size, "word"), list[int])
    assert_type(concur.run_parallel(size, (word for word in words)), list[int])
    assert_type(concur.run_parallel(concur.unpack(repeat), a_dict.items()), list[list[str]])
    assert_type(concur.run_parallel(abs, range(3)), list[int])


def unpacked() -> None:
    assert_type(concur.unpack(repeat), Callable[[tuple[str, int]], list[str]])
    pairs = [("a", 1), ("b", 2)]
    assert_type(concur.run_parallel(concur.unpack(repeat), pairs), list[list[str]])
    assert_type(concur.run_parallel(concur.unpack(arepeat), pairs), list[list[str]])
    assert_type(concur.run_parallel(concur.unpack(repeat), zip(words, range(2), strict=True)), list[list[str]])
    assert_type(concur.run_parallel(concur.unpack(repeat), pairs, on_error="collect"), list[Outcome[list[str]]])


def a_pool() -> None:
    with concur.pool(mode="process", workers=2, timeout=5, ordered=False, on_error="group") as pool:
        assert_type(pool, concur.Pool)
        assert_type(pool.run_parallel(size, words), list[int])
        assert_type(pool.run_parallel(fetch, words), list[bytes])
        assert_type(pool.run_parallel(size, words, on_error="collect", retry=2), list[Outcome[int]])
        assert_type(pool.run_parallel(fetch, words, on_error="collect"), list[Outcome[bytes]])
        assert_type(pool.iter_parallel(size, words, ordered=False), Results[int])
        assert_type(pool.iter_parallel(fetch, words), Results[bytes])
        assert_type(pool.iter_parallel(size, words, on_error="collect"), Results[Outcome[int]])
        assert_type(pool.iter_parallel(fetch, words, on_error="collect"), Results[Outcome[bytes]])


async def an_async_pool() -> None:
    async with concur.pool(mode="thread") as pool:
        assert_type(pool, concur.Pool)
        assert_type(await pool.arun_parallel(size, stream()), list[int])
        assert_type(await pool.arun_parallel(fetch, words), list[bytes])
        assert_type(await pool.arun_parallel(size, words, on_error="collect"), list[Outcome[int]])
        assert_type(await pool.arun_parallel(fetch, words, on_error="collect"), list[Outcome[bytes]])
        assert_type(pool.aiter_parallel(size, stream()), AsyncResults[int])
        assert_type(pool.aiter_parallel(fetch, words, ordered=False), AsyncResults[bytes])
        assert_type(pool.aiter_parallel(size, words, on_error="collect"), AsyncResults[Outcome[int]])
        assert_type(pool.aiter_parallel(fetch, words, on_error="collect"), AsyncResults[Outcome[bytes]])


def worker_state() -> None:
    parser = WorkerLocal(lambda: Parser(""))
    assert_type(parser, WorkerLocal[Parser])
    assert_type(parser.get(), Parser)
    assert_type(WorkerLocal(dict[str, int]).get(), dict[str, int])


def options(tally_to: list[concur.Tally]) -> None:
    chosen = concur.Options(mode="process", workers=3, timeout=1.5, retry=concur.Retry(attempts=2, on=(OSError,)))
    assert_type(chosen.workers, int | None)
    assert_type(chosen.timeout, float | None)
    assert_type(chosen.retry, int | concur.Retry)
    assert_type(concur.run_parallel(size, words, options=chosen, workers=2, deadline=60), list[int])
    concur.run_parallel(size, words, progress=True)
    concur.run_parallel(size, words, progress="sizes")
    concur.run_parallel(size, words, progress=concur.Bar("sizes", always=True))
    concur.run_parallel(size, words, progress=tally_to.append)
    concur.run_parallel(size, words, setup=worker_state, context=("package.module.variable",), window=8, chunksize=2)
    with concur.using(mode="serial", workers=1, on_error="group") as used:
        assert_type(used, concur.using)


def modes() -> None:
    backends: list[Backend] = [Serial(), Thread(), Process(start_method="spawn"), Async(loop="trio"), Sim(seed=3)]
    for backend in backends:
        assert_type(concur.run_parallel(size, words, mode=backend), list[int])
    concur.register("mine", Serial)
    concur.run_parallel(size, words, mode="mine")


def workers() -> None:
    assert_type(concur.available_workers(), int)
    assert_type(concur.available_workers(explain=False), int)
    assert_type(concur.available_workers(explain=True), concur.WorkersExplained)
    assert_type(concur.available_workers(explain=True).sources, tuple[concur.WorkerLimit, ...])
