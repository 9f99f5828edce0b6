"""A source pulled by a sync run: lazy, patient, closed once, its errors told once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import concur
from concur._drive.sync import PATIENCE, Source

if TYPE_CHECKING:
    from collections.abc import Iterator


class Told:
    """Stands in for a schedule: keeps what it was told."""

    def __init__(self) -> None:
        self.facts: list[Any] = []

    def pulled(self, items: list[Any]) -> None:
        self.facts.append(items)

    def exhausted(self, error: BaseException | None = None) -> None:
        self.facts.append(error)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def pull(source: Source, count: int) -> list[Any]:
    told = Told()
    source.pull(told, count)  # type: ignore[arg-type]  # the part of a schedule that it uses
    return told.facts


def test_takes_as_many_as_asked_and_no_more() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for x in range(100):
            taken.append(x)
            yield x

    source = Source(items(), Clock())
    assert taken == []
    assert pull(source, 1) == [[0]]
    assert taken == [0]
    assert pull(source, 7) == [list(range(1, 8))]
    assert taken == list(range(8))


@pytest.mark.parametrize("n", range(8))
def test_tells_the_end_once_the_source_has_told_it(n: int) -> None:
    facts = pull(Source(iter(range(n)), Clock()), 5)
    items = [list(range(n))[:5]] if n else []
    assert facts == (items if n >= 5 else [*items, None])


def test_gives_what_has_come_when_the_source_is_slow() -> None:
    clock = Clock()

    def items() -> Iterator[int]:
        for x in range(100):
            clock.now += 2 * PATIENCE
            yield x

    source = Source(items(), clock)
    assert pull(source, 50) == [[0]]
    assert pull(source, 50) == [[1]]


def test_gives_what_came_before_an_error_and_then_the_error() -> None:
    error = ValueError("dry")

    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise error

    assert pull(Source(items(), Clock()), 10) == [[1, 2], error]


def test_tells_that_something_is_not_iterable_after_all() -> None:
    class Liar:
        def __iter__(self) -> Iterator[int]:
            raise OSError("no")

    (fact,) = pull(Source(Liar(), Clock()), 3)
    assert isinstance(fact, OSError)


def test_closes_a_generator_once_and_only_one_that_began() -> None:
    ends: list[str] = []

    def items(name: str) -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ends.append(name)

    begun = Source(items("begun"), Clock())
    pull(begun, 1)
    begun.close()
    begun.close()
    exhausted = Source(items("exhausted"), Clock())
    pull(exhausted, 5)
    exhausted.close()
    Source(items("untouched"), Clock()).close()
    assert ends == ["begun", "exhausted"]


MODES = ["serial", "thread", "process", "async", "sim"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("leave", ["end", "break", "error of an item", "error of the source", "Ctrl-C in the source"])
def test_the_source_is_closed_exactly_once_however_the_run_ends(mode: str, leave: str) -> None:
    ends: list[int] = []

    def items() -> Iterator[Any]:
        try:
            yield 1
            yield 2
            if leave == "error of an item":
                yield "text"
            if leave == "error of the source":
                raise LookupError("dry")
            if leave == "Ctrl-C in the source":
                raise KeyboardInterrupt
            if leave == "break":
                yield from range(10_000)
        finally:
            ends.append(threading.get_ident())

    expected = {
        "error of an item": TypeError,
        "error of the source": LookupError,
        "Ctrl-C in the source": KeyboardInterrupt,
    }.get(leave)
    results: list[int] = []

    def go() -> None:
        with concur.iter_parallel(abs, items(), mode=mode, workers=2, window=4) as stream:
            for value in stream:
                results.append(value)
                if leave == "break" and len(results) == 2:
                    break

    if expected is None:
        go()
    else:
        with pytest.raises(expected):
            go()
    assert ends == [threading.get_ident()]
    if leave != "Ctrl-C in the source":  # which does not wait for what was pulled before it
        assert results == [1, 2]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seconds", [1e9, 1e18, 1e300])
def test_a_limit_of_ages_is_a_limit_that_never_comes(mode: str, seconds: float) -> None:
    assert concur.run_parallel(abs, [-1, 2], mode=mode, workers=1, deadline=seconds) == [1, 2]
    assert concur.run_parallel(abs, [-1, 2], mode=mode, workers=1, timeout=seconds) == [1, 2]
