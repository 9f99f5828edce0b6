# pyright: basic, reportUnnecessaryTypeIgnoreComment=true
"""What type checkers must refuse: each line with a comment for each checker is wrong, and an error in both.

mypy and pyright report a comment that silences nothing, so a wrong line that is let through fails the check too. All
other lines must be right. Nothing here runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import concur


def size(word: str) -> int:
    return len(word)


async def fetch(word: str) -> bytes:
    return word.encode()


def repeat(word: str, times: int) -> list[str]:
    return [word] * times


async def stream() -> AsyncIterator[str]:
    yield "a"


words = ["a", "bb"]


def items_that_fn_does_not_take() -> None:
    concur.run_parallel(size, [1, 2])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(fetch, [1, 2])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, [1, 2], on_error="collect")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.iter_parallel(size, [1, 2])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.iter_parallel(fetch, {1: "a"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, 3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(lambda number: number.nope, [1, 2])  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def async_items_that_fn_does_not_take() -> None:
    await concur.arun_parallel(len, stream())
    await concur.arun_parallel(abs, stream())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    await concur.arun_parallel(fetch, [1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.aiter_parallel(abs, stream())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]


def a_function_that_takes_several() -> None:
    concur.run_parallel(repeat, words)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(repeat, [("a", 1)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]


def swapped() -> None:
    concur.run_parallel(words, size)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def a_coroutine_object() -> None:
    concur.run_parallel(fetch("a"), words)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


def options_that_do_not_exist() -> None:
    concur.run_parallel(size, words, worker=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    concur.run_parallel(size, words, time_out=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    concur.run_parallel(size, words, ordered=False)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    concur.iter_parallel(size, words, unordered=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    concur.pool(worker=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    concur.using(worker=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    concur.using(options=concur.Options())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    concur.Options(worker=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    concur.Retry(tries=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def options_of_the_wrong_type() -> None:
    concur.run_parallel(size, words, workers="2")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, workers=1.5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, timeout="1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, retry="twice")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, retry=1.5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, on_error="rais")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, mode=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, mode=object())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, progress=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, setup=size)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, context="module.variable")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(size, words, options={"workers": 2})  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.iter_parallel(size, words, ordered="yes")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.Options(workers="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    concur.Options(on_error="rais")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    concur.Retry(attempts="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    concur.using(workers="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    concur.available_workers(explain="yes")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


def options_by_position() -> None:
    concur.run_parallel(size, words, "thread")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    concur.Options("thread")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    concur.pool("thread")  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]


def collect_where_it_would_change_the_type_of_every_call() -> None:
    concur.using(on_error="collect")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    concur.pool(on_error="collect")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_belongs_to_the_pool() -> None:
    with concur.pool(mode="thread") as pool:
        pool.run_parallel(size, words, mode="process")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
        pool.run_parallel(size, words, workers=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
        pool.iter_parallel(size, words, setup=swapped)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
        pool.run_parallel(size, words, options=concur.Options())  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
        pool.run_parallel(size, [1, 2])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
        pool.run_parallel(size, stream())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


def an_async_source_in_a_sync_verb() -> None:
    concur.run_parallel(size, stream())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.iter_parallel(size, stream())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def the_wrong_kind_of_waiting() -> None:
    await concur.run_parallel(size, words)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await concur.aiter_parallel(size, words)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    with concur.aiter_parallel(size, words):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    async with concur.iter_parallel(size, words):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    for value in concur.aiter_parallel(size, words):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        del value
    async for value in concur.iter_parallel(size, words):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        del value
    numbers: list[int] = concur.arun_parallel(size, words)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(numbers)


def wrong_tuples() -> None:
    concur.run_parallel(concur.unpack(repeat), [(1, 1)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(concur.unpack(repeat), [("a",)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(concur.unpack(repeat), [("a", 1, 2)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.run_parallel(concur.unpack(repeat), words)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    concur.unpack(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def results_of_another_type() -> None:
    texts: list[str] = concur.run_parallel(size, words)  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    values: list[int] = concur.run_parallel(size, words, on_error="collect")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    sizes: list[int] = concur.run_parallel(fetch, words)  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    print(texts, values, sizes)


def outcomes_that_are_not_told_apart(outcome: concur.Outcome[int]) -> None:
    print(outcome.value)  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]
    print(outcome.error)  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]
    outcome.index = 3  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def worker_state() -> None:
    concur.WorkerLocal(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    concur.WorkerLocal(size)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    text: str = concur.WorkerLocal(dict).get()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(text)


def modes() -> None:
    concur.register("mine", object)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
