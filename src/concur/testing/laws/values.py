"""Laws of values and order: results are those of the plain loop, whatever the mode and the configuration.

Errors, flow and cancellation have files of their own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from concur.testing.behaviour import Compute, Return, Visit
from concur.testing.draws import (
    STEPS,
    configs,
    expected,
    odd_values,
    prefix,
    same_error,
    same_value,
    scripts,
    values,
)
from concur.testing.kit import law
from concur.testing.source import Source
from concur.testing.subject import Raised, Returned
from concur.testing.switchboard import Switchboard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from concur.testing.draws import Draw
    from concur.testing.subject import Entry, Subject

__all__: list[str] = []  # the registry in `concur.testing.kit` has what is here


def plain(items: Any) -> list[Any]:
    """Give what the plain loop gives for items that do not fail."""
    kept, error = prefix(expected(items))
    assert error is None, "the law drew a failing item"
    return kept


EMPTY: st.SearchStrategy[Callable[[], Any]] = st.sampled_from([list, tuple, dict, Source([]).plain])


@law("V1", "R == P, a fresh list of length n")
def the_list_of_the_plain_loop(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(), "items")
    config = draw(configs(len(items)), "config")
    got = subject.list(items, **config.options)
    assert type(got) is list
    assert got is not items
    assert same_value(got, plain(items)), f"{got} is not {plain(items)}"


@law("V2", "n = 0: the list is empty; f is never called and no worker starts", fresh=True)
def nothing_for_no_items(subject: Subject, draw: Draw) -> None:
    config = draw(configs(0), "config")
    empty = draw(EMPTY, "empty")
    policy = draw(st.sampled_from(["raise", "group", "collect"]), "on_error")
    with Switchboard() as board:
        setup = board.line.set_up
        assert subject.list(empty(), setup=setup, on_error=policy, **config.options) == []
        assert subject.stream([], setup=setup, on_error=policy, **config.options).values == []
        assert board.events == [], "a worker was set up"


@law("V3", "w > n, c > n, W > n change nothing; at most min(w, n) workers start", fresh=True)
def more_than_enough(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(1, 3), "n")
    workers, chunksize, window = draw(st.tuples(*[st.integers(n, n + 3)] * 3), "w, c, W")
    with Switchboard() as board:
        items = [Visit(board.line, index, Return(index)) for index in range(n)]
        got = subject.list(items, workers=workers, chunksize=chunksize, window=window, setup=board.line.set_up)
        assert got == list(range(n))
        assert 1 <= board.workers <= n, f"{board.workers} workers for {n} items"


@law("V4", "R(id, X) == X; `is` where memory is shared")
def identity(subject: Subject, draw: Draw) -> None:
    items = draw(st.lists(values(), max_size=20), "items")
    got = subject.list(items, **draw(configs(len(items)), "config").options)
    assert same_value(got, items)
    if subject.traits.shares_memory:
        assert all(one is two for one, two in zip(got, items, strict=True)), "a copy came back"


@law("V5", "fusion: R(g after f, X) == R(g, R(f, X))")
def fusion(subject: Subject, draw: Draw) -> None:
    items = draw(st.lists(values(), max_size=20), "items")
    f, g = draw(st.sampled_from(STEPS), "f"), draw(st.sampled_from(STEPS), "g")
    options = draw(configs(len(items)), "config").options
    fused = subject.list([Compute(item, (f, g)) for item in items], **options)
    first = subject.list([Compute(item, (f,)) for item in items], **options)
    assert same_value(fused, subject.list([Compute(item, (g,)) for item in first], **options))


@law("V6", "split: the results of consecutive pieces concatenate to R")
def split(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(most=20), "items")
    i = draw(st.integers(0, len(items)), "i")
    j = draw(st.integers(i, len(items)), "j")
    options = draw(configs(len(items)), "config").options
    pieces = [subject.list(piece, **options) for piece in (items[:i], items[i:j], items[j:])]
    assert same_value([value for piece in pieces for value in piece], subject.list(items, **options))


@law("V7", "permutation: R(f, pi X) == pi R(f, X)")
def permutation(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(most=20), "items")
    order = draw(st.permutations(range(len(items))), "order")
    options = draw(configs(len(items)), "config").options
    got = subject.list(items, **options)
    assert same_value(subject.list([items[at] for at in order], **options), [got[at] for at in order])


@law("V8", "locality: changing x_j alters at most R[j]")
def locality(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(least=1, most=20), "items")
    j = draw(st.integers(0, len(items) - 1), "j")
    options = draw(configs(len(items)), "config").options
    before = subject.list(items, **options)
    after = subject.list([*items[:j], Return("changed"), *items[j + 1 :]], **options)
    assert same_value(after, [*before[:j], "changed", *before[j + 1 :]])


class _Custom:
    """An iterable that is neither a sequence nor a generator."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)


class _Old:
    """The old protocol of sequences."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __getitem__(self, at: int) -> Any:
        return self._items[at]


@law("V9", "any kind of input gives the same")
def any_input(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(most=20), "items")
    options = draw(configs(len(items)), "config").options
    kinds: list[Any] = [list, tuple, iter, _Custom, _Old, lambda items: (item for item in items)]
    kinds.append(lambda items: dict(enumerate(items)).values())
    if subject.asynchronous:
        kinds.append(lambda items: Source(items).asynchronous())
    made = draw(st.sampled_from(kinds), "kind")(items)
    assert same_value(subject.list(made, **options), plain(items))
    assert subject.list(range(len(items)), **options) == list(range(len(items)))


@law("V10", "values are opaque: they come back unchanged and are never interpreted")
def opaque(subject: Subject, draw: Draw) -> None:
    odd = st.lists(odd_values(picklable=not subject.traits.shares_memory), max_size=10)
    items = [Return(value) for value in draw(odd, "values")]
    options = draw(configs(len(items)), "config").options
    given = [item.value for item in items]
    # By `attempt`: a KeyboardInterrupt that is taken for an error must not be taken for the user's.
    for got in (subject.attempt(items, **options), subject.attempt(given, **options)):
        assert isinstance(got, Returned), f"{got} was raised"
        assert same_value(got.value, given)
    streamed = subject.stream(items, **options)
    assert streamed.error is None
    assert same_value(streamed.values, given)
    collected = subject.attempt(items, on_error="collect", **options)
    assert isinstance(collected, Returned), f"{collected} was raised"
    assert all(outcome.ok for outcome in collected.value), collected
    assert same_value([outcome.value for outcome in collected.value], given)


@law("V11", "unordered: the same values in any order; outcomes sorted by index equal enumerate(P)")
def unordered(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(), "items")
    options = draw(configs(len(items)), "config").options
    got = subject.stream(items, ordered=False, **options).values
    assert Counter(map(repr, got)) == Counter(map(repr, plain(items)))
    outcomes = subject.stream(items, ordered=False, on_error="collect", **options).values
    outcomes.sort(key=lambda outcome: outcome.index)
    assert [outcome.index for outcome in outcomes] == list(range(len(items)))
    assert same_value([outcome.value for outcome in outcomes], plain(items))


@law("V12", "list(S) == R; the first m of S are P[:m], for every m")
def stream_is_list(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(), "items")
    options = draw(configs(len(items)), "config").options
    m = draw(st.integers(0, len(items) + 1), "m")
    assert same_value(subject.stream(items, **options).values, plain(items))
    assert same_value(subject.stream(items, take=m, **options).values, plain(items)[:m])


@law("V13", "two streams of the same call, zipped, equal zip(P, P)")
def zipped(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(most=20), "items")
    got = subject.zipped(items, **draw(configs(len(items)), "config").options)
    assert same_value(got, [(value, value) for value in plain(items)])


@law("V14", "async entry == sync entry; asyncio == trio == uvloop; a coroutine f == its sync twin")
def any_entry(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(most=20, failing=True), "items")
    options = draw(configs(len(items)), "config").options
    kept, error = prefix(expected(items))
    entries: list[Entry] = ["sync", "asyncio"]
    if find_spec("trio"):
        entries.append("trio")
    if find_spec("uvloop"):
        entries.append("uvloop")
    other = replace(subject, entry=draw(st.sampled_from(entries), "entry"), coroutine=draw(st.booleans(), "coroutine"))
    for tried in (subject, other):
        got = tried.attempt(items, **options)
        if error is None:
            assert isinstance(got, Returned), f"{tried}: {got}"
            assert same_value(got.value, kept), str(tried)
        else:
            assert isinstance(got, Raised), f"{tried}: {got}"
            assert same_error(error, got.error), f"{tried}: {got.error!r} is not {error!r}"


@law("V15", "without retry every index is called exactly once")
def called_once(subject: Subject, draw: Draw) -> None:
    n = draw(st.integers(0, 20), "n")
    options = draw(configs(n), "config").options
    policy = draw(st.sampled_from(["raise", "group", "collect"]), "on_error")
    with Switchboard() as board:
        items = [Visit(board.line, index, Return(index)) for index in range(n)]
        subject.list(items, on_error=policy, **options)
        assert board.calls() == Counter(range(n))


@law("V16", "the source is consumed once, in order, by one thread at a time")
def source_once(subject: Subject, draw: Draw) -> None:
    items = draw(scripts(), "items")
    options = draw(configs(len(items)), "config").options
    source = Source(items)
    witness = source.witnessed()
    assert same_value(subject.stream(witness, **options).values, plain(items))
    assert (witness.iterated, source.opened, source.pulled) == (1, 1, len(items))
    assert source.faults == []


@law("V17", "the same call twice gives the same; so does a kept pool; two calls at once do not mix")
def again(subject: Subject, draw: Draw) -> None:
    one, two = draw(scripts(most=12), "one"), draw(scripts(most=12), "two")
    options = draw(configs(len(one)), "config").options
    assert same_value(subject.list(one, **options), subject.list(one, **options))
    if subject.pool is None:
        with subject.kept(options["workers"]) as kept:
            _twice(kept, one, two, options)
    else:
        _twice(subject, one, two, options)


def _twice(subject: Subject, one: list[Any], two: list[Any], options: dict[str, Any]) -> None:
    assert same_value(subject.list(one, **options), plain(one))
    assert same_value(subject.list(two, **options), plain(two))
    assert same_value(subject.together([one, two, one], **options), [plain(one), plain(two), plain(one)])
