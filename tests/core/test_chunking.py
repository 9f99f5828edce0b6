"""How many items a job gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concur._core.chunking import GROWTH, MOST_ITEMS, TARGET_SECONDS, Chunking


def test_jobs_that_take_no_measurable_time_get_the_most_items_however_many_there_were() -> None:
    chunking = Chunking(None, 4)
    chunking.measured(1, 1.0)
    for _ in range(2000):  # the mean halves until it is too small to divide by
        chunking.measured(MOST_ITEMS, 0.0)
        assert chunking.size(None) >= 1
    assert chunking.size(None) == MOST_ITEMS


def test_a_first_job_has_one_item() -> None:
    assert Chunking(None, 4).size(None) == 1


def test_a_fixed_size_is_kept_whatever_is_measured() -> None:
    chunking = Chunking(5, 4)
    chunking.measured(5, 100.0)
    assert chunking.size(None) == chunking.size(2) == 5


def test_a_job_takes_about_the_target_time() -> None:
    chunking = Chunking(None, 4)
    chunking.measured(128, 2 * TARGET_SECONDS)
    assert chunking.size(None) == 64


def test_a_size_grows_by_no_more_than_a_factor_over_the_largest_job_that_has_ended() -> None:
    chunking = Chunking(None, 4)
    chunking.measured(3, 0.0)
    assert chunking.size(None) == 3 * GROWTH
    chunking.measured(2, 0.0)
    assert chunking.size(None) == 3 * GROWTH


def test_a_slow_job_shrinks_the_size_at_once_and_fast_ones_grow_it_over_a_few() -> None:
    chunking = Chunking(None, 4)
    chunking.measured(1024, TARGET_SECONDS)
    assert chunking.size(None) == 1024
    chunking.measured(8, TARGET_SECONDS)
    assert chunking.size(None) == 8
    chunking.measured(1024, TARGET_SECONDS)
    assert 8 < chunking.size(None) < 64


def test_no_job_has_more_items_than_the_most() -> None:
    chunking = Chunking(None, 4, most=7)
    chunking.measured(100, 0.0)
    assert chunking.size(None) == 7


def test_jobs_shrink_towards_the_end_so_that_all_workers_end_together() -> None:
    chunking = Chunking(None, 4)
    chunking.measured(100, 0.0)
    assert [chunking.size(remaining) for remaining in (1000, 40, 6, 1, 0)] == [250, 10, 2, 1, 1]


def test_a_lone_worker_has_nobody_to_end_together_with() -> None:
    chunking = Chunking(None, 2)
    chunking.measured(100, 0.0)
    assert chunking.size(10) == 100 * GROWTH


def test_a_report_without_items_and_a_clock_that_went_back_change_nothing_for_the_worse() -> None:
    chunking = Chunking(None, 4)
    chunking.measured(0, 5.0)
    assert chunking.size(None) == 1
    chunking.measured(10, -1.0)
    assert chunking.size(None) == 10 * GROWTH


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.floats(0.0, 1e6)), max_size=30),
    st.none() | st.integers(0, 10**9),
    st.integers(1, 64),
)
def test_a_size_is_between_one_and_the_most(
    measured: list[tuple[int, float]], remaining: int | None, slots: int
) -> None:
    chunking = Chunking(None, slots)
    for items, seconds in measured:
        chunking.measured(items, seconds)
    assert 1 <= chunking.size(remaining) <= MOST_ITEMS


@pytest.mark.parametrize("seconds", [5e-324, 1e-320, 1e-300])
def test_the_least_durations_that_there_are_do_no_harm(seconds: float) -> None:
    chunking = Chunking(None, 4)
    chunking.measured(1, seconds)
    assert chunking.size(None) == GROWTH
