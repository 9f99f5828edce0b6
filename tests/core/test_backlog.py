"""What is to be started, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from concur._core.backlog import Backlog


def test_an_empty_backlog_is_false_and_has_nothing_ready_or_due() -> None:
    backlog = Backlog()
    assert not backlog
    assert not backlog.ready
    assert backlog.due is None
    backlog.push(0, [])
    assert not backlog


def test_runs_are_taken_by_index_and_cut_to_size() -> None:
    backlog = Backlog()
    backlog.push(5, ["f", "g"])
    backlog.push(0, ["a", "b", "c"])
    assert backlog
    assert backlog.ready
    assert backlog.take(2, 1) == (0, ["a", "b"], 1)
    assert backlog.take(2, 1) == (2, ["c"], 1)
    assert backlog.take(9, 1) == (5, ["f", "g"], 1)
    assert not backlog


def test_what_was_given_back_is_shared_among_idle_workers() -> None:
    backlog = Backlog()
    backlog.push(0, list("abcdefg"), split=True)
    assert backlog.take(9, 3) == (0, ["a", "b", "c"], 1)
    assert backlog.take(9, 2) == (3, ["d", "e"], 1)
    assert backlog.take(9, 0) == (5, ["f", "g"], 1)


def test_a_run_that_was_pulled_is_not_shared_out() -> None:
    backlog = Backlog()
    backlog.push(0, list("abcdefg"))
    assert backlog.take(9, 3) == (0, list("abcdefg"), 1)


def test_a_share_is_never_larger_than_the_size() -> None:
    backlog = Backlog()
    backlog.push(0, list("abcdefg"), split=True)
    assert backlog.take(2, 2) == (0, ["a", "b"], 1)


def test_a_retry_waits_for_its_time_and_keeps_its_attempt() -> None:
    backlog = Backlog()
    backlog.push_later(2.0, 7, "h", 3)
    backlog.push_later(1.0, 9, "j", 2)
    assert backlog
    assert not backlog.ready
    assert backlog.due == 1.0
    backlog.wake(0.9)
    assert not backlog.ready
    backlog.wake(1.0)
    assert backlog.take(5, 1) == (9, ["j"], 2)
    assert backlog.due == 2.0
    backlog.wake(5.0)
    assert backlog.due is None
    assert backlog.take(5, 1) == (7, ["h"], 3)


def test_a_cut_drops_the_indices_from_the_limit_on_then_and_later() -> None:
    backlog = Backlog()
    backlog.push(0, list("abcd"), 2, split=True)
    backlog.push(6, ["g"])
    backlog.push_later(1.0, 5, "f", 2)
    backlog.push_later(2.0, 1, "b", 2)
    backlog.cut(3)
    backlog.cut(8)  # a later cut does not widen
    backlog.push(2, ["c", "d"])
    backlog.push(3, ["d"])
    backlog.push_later(0.0, 3, "d", 2)
    assert sorted(backlog.indices()) == [0, 1, 1, 2, 2]
    assert backlog.due == 2.0
    assert backlog.take(9, 2) == (0, ["a", "b"], 2), "the attempt and the sharing survive a cut"


def test_clearing_gives_everything_with_its_attempt() -> None:
    backlog = Backlog()
    backlog.push(2, ["c", "d"], 2)
    backlog.push_later(1.0, 9, "j", 4)
    assert sorted(backlog.clear()) == [(2, "c", 2), (3, "d", 2), (9, "j", 4)]
    assert not backlog
    assert backlog.indices() == []


@given(st.lists(st.integers(1, 5), max_size=8), st.integers(1, 6), st.integers(0, 4))
def test_everything_comes_out_once_and_in_order(lengths: list[int], size: int, idle: int) -> None:
    backlog, start = Backlog(), 0
    for length in lengths:
        backlog.push(start, list(range(start, start + length)), split=length % 2 == 0)
        start += length
    taken: list[int] = []
    while backlog.ready:
        first, items, _ = backlog.take(size, idle)
        assert 0 < len(items) <= size
        assert items[0] == first
        taken += items
    assert taken == list(range(start))
