"""Which results may go to the consumer next."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concur._core.delivery import Ordered, Unordered

Delivery = Ordered | Unordered
both = pytest.mark.parametrize("kind", [Ordered, Unordered])


def drain(delivery: Delivery) -> list[object]:
    taken: list[object] = []
    while (part := delivery.take()) is not None:
        taken += part
    return taken


def test_ordered_results_wait_for_every_earlier_index() -> None:
    delivery = Ordered()
    delivery.add(2, ["c", "d"])
    assert not delivery.ready()
    assert delivery.take() is None
    delivery.add(0, ["a", "b"])
    assert delivery.ready()
    assert delivery.take() == ["a", "b"]
    assert delivery.take() == ["c", "d"]
    assert delivery.delivered == 4
    assert delivery.take() is None


def test_unordered_results_go_out_as_they_come() -> None:
    delivery = Unordered()
    delivery.add(2, ["c", "d"])
    delivery.add(0, ["a"])
    assert delivery.ready()
    assert drain(delivery) == ["c", "d", "a"]
    assert delivery.delivered == 3
    assert not delivery.ready()


@both
def test_a_skipped_index_counts_as_delivered_and_gives_nothing(kind: Callable[[], Delivery]) -> None:
    delivery = kind()
    delivery.skip(0)
    delivery.add(1, ["b"])
    delivery.skip(2)
    assert delivery.ready()
    assert drain(delivery) == ["b"]
    assert delivery.delivered == 3
    assert not delivery.ready()


@both
def test_an_empty_run_is_not_kept(kind: Callable[[], Delivery]) -> None:
    delivery = kind()
    delivery.add(0, [])
    assert not delivery.ready()
    assert delivery.take() is None


@both
def test_behind_a_cut_nothing_is_delivered_whether_it_came_before_or_after(kind: Callable[[], Delivery]) -> None:
    delivery = kind()
    delivery.add(2, ["c", "d", "e"])
    delivery.add(5, ["f"])
    delivery.cut(4)
    delivery.cut(9)  # a later cut does not widen
    delivery.add(4, ["e"])
    delivery.skip(7)
    delivery.add(0, ["a", "b"])
    assert sorted(map(str, drain(delivery))) == ["a", "b", "c", "d"]
    assert delivery.delivered == 4


@both
def test_what_is_held_is_told_by_index(kind: Callable[[], Delivery]) -> None:
    delivery = kind()
    delivery.add(1, ["b", "c"])
    delivery.add(5, ["f"])
    assert delivery.held() == {1: "b", 2: "c", 5: "f"}
    assert sorted(delivery.indices()) == [1, 2, 5]


def test_what_is_held_leaves_out_skipped_indices_but_the_invariants_count_them() -> None:
    delivery = Ordered()
    delivery.add(1, ["b"])
    delivery.skip(3)
    assert delivery.held() == {1: "b"}
    assert sorted(delivery.indices()) == [1, 3]


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)))
def test_in_whatever_order_results_come_the_ordered_ones_go_out_by_index(order: list[int], skipped: set[int]) -> None:
    delivery = Ordered()
    taken: list[object] = []
    for index in order:
        if index in skipped:
            delivery.skip(index)
        else:
            delivery.add(index, [index])
        taken += drain(delivery)
    assert taken == [index for index in range(8) if index not in skipped]
    assert delivery.delivered == 8
