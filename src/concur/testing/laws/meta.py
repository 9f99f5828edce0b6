"""Laws of progress, and laws about the laws: serial checks what others check, and every schedule keeps them.

M2, that every mode passes the same suite, is what the kit is; here it is the same drawn call on two modes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from itertools import chain, combinations, product
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

import concur
from concur.backends.sim import Sim
from concur.testing.behaviour import Return
from concur.testing.draws import configs, expected, same_error, same_value, scripts
from concur.testing.kit import law
from concur.testing.laws.errors import POLICIES, WRONG
from concur.testing.source import Source
from concur.testing.subject import Raised, Returned, Subject, attempt
from concur.testing.worlds import Choices, all_worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from concur.testing.draws import Draw

__all__: list[str] = []  # the registry in `concur.testing.kit` has what is here

SERIAL = Subject(mode="serial")


@law("P1", "progress counts items, is monotone, never above the total, n on success; a raising handler changes nothing")
def progress(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(most=20, failing=True), "items")
    options = draw(configs(len(items)), "config").options
    policy = draw(st.sampled_from(["collect", "group"]), "on_error")
    sized = draw(st.booleans(), "sized")
    tallies: list[concur.Tally] = []
    made: Any = items if sized else Source(items).plain()
    got = subject.attempt(made, progress=tallies.append, on_error=policy, **options)
    assert [tally.done for tally in tallies] == list(range(1, len(items) + 1))
    assert {tally.total for tally in tallies} <= {len(items) if sized else None}
    failures = sum(isinstance(answer, Raised) for answer in expected(items))
    counts = [tally.failed for tally in tallies]
    assert counts == sorted(counts)
    assert not counts or counts[-1] == failures

    def broken(tally: concur.Tally) -> None:
        raise RuntimeError("broken handler")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it is told once that its handler is broken
        again = subject.attempt(items, progress=broken, on_error=policy, **options)
    same_answers(got, again)


def same_answers(one: Returned | Raised, two: Returned | Raised) -> None:
    """Assert that two calls came to the same, apart from what differs between any two runs."""
    assert type(one) is type(two), f"{one} is not {two}"
    if isinstance(one, Raised):
        assert isinstance(two, Raised)
        same_failure(one.error, two.error)
        return
    assert isinstance(two, Returned)
    assert len(one.value) == len(two.value)
    for mine, other in zip(one.value, two.value, strict=True):
        if isinstance(mine, concur.Ok | concur.Failed):
            assert type(mine) is type(other), f"{mine} is not {other}"
            assert (mine.index, mine.attempts) == (other.index, other.attempts)
            assert same_value(getattr(mine, "value", None), getattr(other, "value", None))
            assert same_error(getattr(mine, "error", None), getattr(other, "error", None))
        else:
            assert same_value(mine, other), f"{mine} is not {other}"


def same_failure(one: BaseException, two: BaseException) -> None:
    """Assert that two errors are the same, groups part by part."""
    if isinstance(one, BaseExceptionGroup) and isinstance(two, BaseExceptionGroup):
        assert type(one) is type(two)
        assert len(one.exceptions) == len(two.exceptions)
        for mine, other in zip(one.exceptions, two.exceptions, strict=True):
            same_failure(mine, other)
        return
    assert same_error(one, two), f"{one!r} is not {two!r}"


RIGHT: tuple[dict[str, Any], ...] = (
    {"timeout": 60},
    {"deadline": 60.0},
    {"retry": 2},
    {"retry": concur.Retry(attempts=2, on=(KeyError,), backoff=0.001, jitter=0.5)},
    {"window": 1},
    {"chunksize": 7},
    {"setup": int},
    {"context": ("concur.testing.behaviour.variable",)},
    {"progress": False},
    {"options": concur.Options(window=3)},
    {"on_error": "group"},
)


@law("M1", "serial checks the same options: what one mode accepts or refuses, so does the other", fresh=True)
def same_options(subject: Subject, draw: Draw) -> None:
    given = draw(st.sampled_from([*RIGHT, *RIGHT, *WRONG]), "options")
    items = [Return(0), Return(1)]
    serial = replace(SERIAL, entry=subject.entry, coroutine=subject.coroutine)
    one, two = subject.attempt(items, **given), serial.attempt(items, **given)
    same_answers(one, two)
    if isinstance(one, Raised) and isinstance(two, Raised):
        assert str(one.error) == str(two.error)
    else:
        assert given in RIGHT, f"{given} was accepted"


@law("M2", "every mode passes the same suite: a drawn call comes to the same as in serial mode")
def same_as_serial(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(failing=True), "items")
    options = draw(configs(len(items)), "config").options
    options["on_error"] = draw(POLICIES, "on_error")
    options["retry"] = draw(st.integers(0, 2), "retry")
    same_answers(subject.attempt(items, **options), SERIAL.attempt(items, **options))


# -- every schedule ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A small call: `n` items of which some fail, on `workers` simulated workers."""

    n: int
    workers: int
    chunksize: int
    failing: frozenset[int]
    form: str

    @property
    def options(self) -> dict[str, Any]:
        """What to give to a verb."""
        window = {"window": 2} if self.form in ("ordered", "unordered") else {}
        return {"workers": self.workers, "chunksize": self.chunksize, **window}


def small_worlds(most: int) -> Iterator[World]:
    """Go through all calls of up to `most` items with up to two failures."""
    forms = ("list", "collect", "group", "ordered", "unordered")
    for n, workers, chunksize, form in product(range(most + 1), (1, 2, 3), (1, 2), forms):
        subsets = chain.from_iterable(combinations(range(n), size) for size in range(min(n, 2) + 1))
        for failing in subsets:
            yield World(n=n, workers=workers, chunksize=chunksize, failing=frozenset(failing), form=form)


@law(
    "M3",
    "the simulated mode keeps the laws for every schedule, exhaustively for small n",
    needs=["simulated"],
    once=True,
)
def every_schedule(subject: Subject, draw: Draw) -> None:
    light = not subject.asynchronous and not subject.coroutine  # elsewhere a step costs a thread or a loop
    for world in small_worlds(4 if light else 2):
        for choices in all_worlds():
            try:
                keeps_the_laws(subject, world, choices)
            except AssertionError as exc:
                exc.add_note(f"in {world} with the choices {choices.taken}")
                raise


def keeps_the_laws(subject: Subject, world: World, choices: Choices) -> None:
    """Run one world by one schedule, and assert what every schedule promises."""
    started: list[int] = []
    delivered = 0

    def body(index: int) -> int:
        started.append(index)
        if index in world.failing:
            raise KeyError(index)
        return index

    async def abody(index: int) -> int:
        return body(index)

    def pulled(number: int) -> None:
        assert world.form == "collect" or "window" not in world.options or number <= delivered + 2, "C4"

    def each(value: Any) -> None:
        nonlocal delivered
        delivered += 1
        if world.form == "ordered":
            assert max(started) - delivered < 2, "C5"

    fn = abody if subject.coroutine else body
    simulated = replace(subject, mode=Sim(choose=choices))
    n, failing = world.n, sorted(world.failing)
    first = failing[0] if failing else n
    source = Source(range(n), on_pull=pulled)
    right = [index for index in range(n) if index not in world.failing]
    policy = world.form if world.form in ("collect", "group") else "raise"
    if world.form in ("ordered", "unordered"):
        ordered = world.form == "ordered"
        streamed = simulated.stream(source.plain(), fn=fn, each=each, ordered=ordered, **world.options)
        values, error = streamed.values, streamed.error
        if ordered:
            assert values == list(range(first)), "E3, V12"
        else:
            assert set(values) <= set(right), "V11"
            assert len(set(values)) == len(values), "V11"
            assert failing or len(values) == n, "V11"
    else:
        got = attempt(lambda: simulated.list(source.plain(), fn=fn, on_error=policy, **world.options))
        error = got.error if isinstance(got, Raised) else None
        if isinstance(got, Returned) and policy == "collect":
            assert [outcome.index for outcome in got.value] == list(range(n)), "E5"
            assert [outcome.ok for outcome in got.value] == [index not in world.failing for index in range(n)], "E5"
        elif isinstance(got, Returned):
            assert got.value == list(range(n)), "V1"
    if policy == "raise" and failing:
        assert same_error(KeyError(first), error), f"E2: {error!r}"
    elif policy == "group" and failing:
        assert isinstance(error, ExceptionGroup), "E7"
        assert [part.args for part in error.exceptions] == [(index,) for index in failing], "E7"
    else:
        assert error is None, f"E1: {error!r}"
    assert len(set(started)) == len(started), "V15"
    assert set(range(first)) <= set(started), "E3"
    if policy != "raise" or not failing:
        assert len(started) == n, "V15"
    if world.workers == 1:
        assert started == sorted(started), "C11"
    assert source.finalised == 1, "K3"
