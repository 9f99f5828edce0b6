"""Options: each stands once, with its default, its check and its sentence; and which setting wins."""

from __future__ import annotations

import asyncio
import inspect
import threading
from contextvars import copy_context
from dataclasses import FrozenInstanceError, fields
from typing import Any, get_args

import anyio
import pytest

import concur
from concur._options import CallOptions, Mode, OnError, PoolOptions, RunOptions, UsingOptions, resolve
from concur.backends._registry import names

OPTIONS = {option.name: option for option in fields(concur.Options)}
OF_THE_POOL = {"mode", "workers", "setup", "options"}
SPELLED_OUT = {"on_error", "ordered"}  # in the overloads, as they change what a call gives


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONCUR_MODE", raising=False)
    monkeypatch.delenv("CONCUR_WORKERS", raising=False)


def chosen(**options: Any) -> concur.Options:
    """Give the options that a call would have."""
    return resolve(options)


# -- each option once -----------------------------------------------------------------------------------------------


def test_what_calls_and_pools_take_is_what_there_is() -> None:
    assert set(RunOptions.__annotations__) == set(OPTIONS) - SPELLED_OUT | {"options"}
    assert set(CallOptions.__annotations__) == set(RunOptions.__annotations__) - OF_THE_POOL
    assert set(PoolOptions.__annotations__) == set(OPTIONS) | {"options"}
    assert set(UsingOptions.__annotations__) == set(OPTIONS)


def test_a_type_of_an_option_is_the_same_wherever_it_is_named() -> None:
    declared = concur.Options.__annotations__
    for taken in (CallOptions, RunOptions, PoolOptions, UsingOptions):
        for name, annotation in taken.__annotations__.items():
            if name not in (*SPELLED_OUT, "options"):
                assert annotation.__forward_arg__ == declared[name], name


def test_no_verb_names_a_default() -> None:
    for holder in (concur, concur.Pool):
        for verb in ("run_parallel", "iter_parallel", "arun_parallel", "aiter_parallel"):
            parameters = inspect.signature(getattr(holder, verb)).parameters.values()
            assert [parameter.name for parameter in parameters if parameter.default is not parameter.empty] == []


def test_every_option_has_a_sentence_and_a_check_that_its_default_need_not_fear() -> None:
    for name, option in OPTIONS.items():
        assert option.metadata["doc"].endswith("."), name
        assert callable(option.metadata["check"])
        assert concur.Options(**{name: option.default}) == concur.Options()


def test_the_named_modes_are_the_ones_that_exist() -> None:
    literal = Mode.__forward_arg__ if hasattr(Mode, "__forward_arg__") else str(Mode)
    assert [
        name for name in ("auto", "serial", "thread", "process", "async", "sim") if f'"{name}"' not in literal
    ] == []
    assert names()[:6] == ["auto", "serial", "thread", "process", "async", "sim"]
    assert get_args(OnError) == ("raise", "group", "collect")


def test_options_are_frozen_and_compare_by_value() -> None:
    options = concur.Options(workers=2)
    with pytest.raises(FrozenInstanceError):
        options.workers = 3  # type: ignore[misc]  # what is tested
    assert options == concur.Options(workers=2)
    assert not hasattr(options, "__dict__")


# -- which setting wins ---------------------------------------------------------------------------------------------


def test_an_argument_wins_over_options_over_a_block_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen().workers is None
    monkeypatch.setenv("CONCUR_WORKERS", "2")
    monkeypatch.setenv("CONCUR_MODE", "serial")
    assert (chosen().workers, chosen().mode) == (2, "serial")
    with concur.using(workers=3):
        assert (chosen().workers, chosen().mode) == (3, "serial")
        options = concur.Options(workers=4)
        assert chosen(options=options).workers == 4
        assert chosen(options=options, workers=5).workers == 5
        assert chosen(workers=6).workers == 6
    assert chosen().workers == 2


def test_options_replace_all_defaults_not_only_those_they_name() -> None:
    with concur.using(mode="serial", retry=2):
        assert chosen(options=concur.Options(workers=4)) == concur.Options(workers=4)


def test_an_argument_of_none_asks_for_the_default_again() -> None:
    with concur.using(workers=3, timeout=2):
        assert chosen(workers=None) == concur.Options(timeout=2)


def test_empty_variables_count_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCUR_MODE", "")
    monkeypatch.setenv("CONCUR_WORKERS", "")
    assert chosen() == concur.Options()


def test_the_settings_reach_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def worker(_: int) -> str:
        return threading.current_thread().name.rpartition("-")[0]

    here = threading.current_thread().name.rpartition("-")[0]
    assert set(concur.run_parallel(worker, [1, 2])) == {"concur-thread"}
    monkeypatch.setenv("CONCUR_MODE", "serial")
    assert set(concur.run_parallel(worker, [1, 2])) == {here}
    with concur.using(mode="thread"):
        assert set(concur.run_parallel(worker, [1, 2])) == {"concur-thread"}
        assert set(concur.run_parallel(worker, [1, 2], mode="serial")) == {here}
        assert set(concur.run_parallel(worker, [1, 2], options=concur.Options(mode="serial"))) == {here}
        with concur.pool() as pool:
            pass
    assert "mode='thread'" in repr(pool)


# -- blocks ---------------------------------------------------------------------------------------------------------


def test_blocks_nest_and_end_also_when_they_raise() -> None:
    with concur.using(mode="serial", workers=2):
        with concur.using(workers=3, retry=1):
            assert chosen() == concur.Options(mode="serial", workers=3, retry=1)
        with pytest.raises(KeyError), concur.using(workers=3):
            raise KeyError
        assert chosen() == concur.Options(mode="serial", workers=2)
    assert chosen() == concur.Options()


def test_one_block_can_be_entered_again_and_inside_itself() -> None:
    block = concur.using(workers=2)
    with block, concur.using(workers=3), block:
        assert chosen().workers == 2
    with block:
        assert chosen().workers == 2
    assert chosen().workers is None


def test_a_block_holds_for_its_own_thread_only() -> None:
    seen: list[concur.Options] = []
    with concur.using(workers=2):
        thread = threading.Thread(target=lambda: seen.append(chosen()))
        thread.start()
        thread.join()
        carried = threading.Thread(target=copy_context().run, args=(lambda: seen.append(chosen()),))
        carried.start()
        carried.join()
    assert [options.workers for options in seen] == [None, 2]


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_a_block_holds_for_its_own_task_and_what_that_starts(library: str) -> None:
    seen: dict[str, int | None] = {}

    async def look(name: str) -> None:
        seen[name] = chosen().workers

    async def main() -> None:
        entered, looked = anyio.Event(), anyio.Event()

        async def holder() -> None:
            with concur.using(workers=2):
                entered.set()
                await looked.wait()
                async with anyio.create_task_group() as inner:
                    inner.start_soon(look, "child")

        async with anyio.create_task_group() as group:
            group.start_soon(holder)
            await entered.wait()
            await look("sibling")
            looked.set()

    anyio.run(main, backend=library)
    assert seen == {"sibling": None, "child": 2}


def test_streams_and_pools_take_the_defaults_of_the_moment_at_which_they_are_made() -> None:
    with concur.using(on_error="group"):
        results = concur.iter_parallel(int, ["x"], mode="serial")
        pool = concur.pool(mode="serial")
    with pytest.raises(ExceptionGroup):
        next(results)
    with pool, pytest.raises(ExceptionGroup):
        pool.run_parallel(int, ["x"])


def test_the_default_of_async_verbs_is_that_of_their_block() -> None:
    async def main() -> list[int]:
        with concur.using(on_error="group"):
            return await concur.arun_parallel(int, ["x"], mode="serial")

    with pytest.raises(ExceptionGroup):
        asyncio.run(main())
