"""Which failures are tried again, and after how long."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concur._core.retry import Retry
from concur.errors import InvalidOption, ItemTimeout, WorkerCrashed


def test_an_error_is_tried_again_until_the_attempts_are_used_up() -> None:
    retry = Retry(attempts=3)
    assert [retry.allows(ValueError(), attempt) for attempt in (1, 2, 3, 4)] == [True, True, False, False]


def test_one_attempt_means_no_retry() -> None:
    assert not Retry(attempts=1).allows(ValueError(), 1)


@pytest.mark.parametrize("on", [OSError, (OSError,), [OSError], {OSError}])
def test_only_errors_of_the_given_types_are_tried_again(on: Any) -> None:
    retry = Retry(on=on)
    assert retry.on == (OSError,)
    assert retry.allows(FileNotFoundError(), 1)
    assert not retry.allows(ValueError(), 1)


def test_timeouts_and_crashes_are_tried_again_where_their_types_are_given() -> None:
    assert Retry().allows(ItemTimeout(0, 1.0), 1)
    assert Retry(on=(TimeoutError,)).allows(ItemTimeout(0, 1.0), 1)
    assert not Retry(on=(TimeoutError,)).allows(WorkerCrashed(0, 1), 1)
    assert not Retry(on=()).allows(ValueError(), 1)


def test_what_is_not_an_exception_proper_is_not_tried_again_unless_asked() -> None:
    assert not Retry().allows(GeneratorExit(), 1)
    assert Retry(on=(BaseException,)).allows(GeneratorExit(), 1)


def test_without_back_off_there_is_no_wait() -> None:
    assert Retry(jitter=1.0).delay(5, 0.5) == 0.0


def test_the_wait_doubles_up_to_the_bound() -> None:
    retry = Retry(attempts=9, backoff=0.5, max_delay=3.0)
    assert [retry.delay(attempt, 0.9) for attempt in (1, 2, 3, 4, 5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_the_wait_stays_finite_after_very_many_attempts() -> None:
    assert Retry(attempts=10**9, backoff=1e-9).delay(10**9 - 1, 0.0) == 60.0


def test_jitter_takes_a_random_share_of_the_wait_away() -> None:
    retry = Retry(backoff=8.0, jitter=0.5)
    assert [retry.delay(1, random) for random in (0.0, 0.5, 1.0)] == [8.0, 6.0, 4.0]
    assert Retry(backoff=8.0, jitter=1.0).delay(1, 1.0) == 0.0


@given(st.floats(0.0, 1e6), st.floats(0.0, 1.0), st.floats(0.0, 1e6), st.integers(1, 10_000), st.floats(0.0, 1.0))
def test_a_wait_is_never_negative_and_never_beyond_the_bound(
    backoff: float, jitter: float, most: float, attempt: int, random: float
) -> None:
    retry = Retry(attempts=10_001, backoff=backoff, jitter=jitter, max_delay=most)
    assert 0.0 <= retry.delay(attempt, random) <= most


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("attempts", value) for value in (0, -1, True, 1.5, "2", None)],
        *[("on", value) for value in (3, "OSError", (OSError, 3), None, OSError())],
        *[("backoff", value) for value in (-0.1, float("nan"), float("inf"), True, "1", None)],
        *[("max_delay", value) for value in (-0.1, float("nan"), float("inf"), False, "1", None)],
        *[("jitter", value) for value in (-0.1, 1.1, float("nan"), True, "1", None)],
    ],
)
def test_a_wrong_value_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(InvalidOption, match=rf"Retry\({option}="):
        Retry(**{option: value})
