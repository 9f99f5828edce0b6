"""The outcomes, the note on a user's exception, and the short repr of an item."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from concur._core.outcome import BAD, Cancelled, Crashed, Failed, Failure, Ok, TimedOut, annotate, short_repr


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int


class Odd(Exception):
    __notes__ = ()  # type: ignore[assignment]  # what is tested


def test_a_frozen_exception_gets_its_note_too() -> None:
    error = Frozen(3)
    annotate(error, index=0, item="x", worker="", attempt=1)
    assert error.__notes__ == ["concur: item 0 ('x') failed, attempt 1"]


def test_an_exception_whose_notes_are_no_list_stays_as_it_is() -> None:
    error = Odd()
    annotate(error, index=0, item="x", worker="", attempt=1)
    assert error.__notes__ == ()


def test_the_note_names_index_item_worker_and_attempt() -> None:
    error = ValueError("no")
    annotate(error, index=7, item="seven", worker="concur-thread-0", attempt=2)
    assert error.__notes__ == ["concur: item 7 ('seven') failed in concur-thread-0, attempt 2"]


def test_an_unknown_worker_is_left_out_of_the_note() -> None:
    error = ValueError("no")
    annotate(error, index=7, item=1, worker="", attempt=1)
    assert error.__notes__ == ["concur: item 7 (1) failed, attempt 1"]


def test_the_same_note_is_not_added_twice_and_other_notes_stay() -> None:
    error = ValueError("no")
    error.add_note("mine")
    for index in (1, 1, 2):
        annotate(error, index=index, item=0, worker="", attempt=1)
    assert [note.split(" (")[0] for note in error.__notes__] == ["mine", "concur: item 1", "concur: item 2"]


class Loud:
    def __repr__(self) -> str:
        raise LookupError("no repr")


class Long(list[int]):
    def __len__(self) -> int:
        raise LookupError("no length")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (3, "3"),
        ("x" * 10, "'xxxxxxxxxx'"),
        ("x" * 30, "'xxxxxxxxxxxxxxxx..."),
        ("x" * 81, "<str of length 81>"),
        ([0] * 81, "<list of length 81>"),
        (list(range(9)), "[0, 1, 2, 3, 4, 5..."),
        (dict.fromkeys(range(81)), "<dict of length 81>"),
    ],
)
def test_a_repr_is_cut_and_that_of_something_long_is_not_even_made(item: Any, expected: str) -> None:
    assert short_repr(item, 20) == expected


def test_a_repr_that_fails_is_told() -> None:
    assert short_repr(Loud()) == "<Loud whose repr raised LookupError>"


def test_a_length_that_fails_is_told() -> None:
    assert short_repr(Long()) == "<Long whose repr raised LookupError>"


def test_a_good_outcome_unwraps_to_its_value() -> None:
    outcome = Ok(index=1, item="a", value=3)
    assert outcome.ok
    assert outcome.unwrap() == 3
    assert (outcome.attempts, outcome.duration, outcome.worker) == (1, 0.0, "")


@pytest.mark.parametrize("kind", [Failed, TimedOut, Crashed, Cancelled])
def test_a_bad_outcome_unwraps_by_raising_its_very_error(kind: type[Failed]) -> None:
    error = ValueError("no")
    outcome = kind(index=1, item="a", error=error)
    assert not outcome.ok
    with pytest.raises(ValueError, match="no") as caught:
        outcome.unwrap()
    assert caught.value is error


def test_outcomes_are_frozen_compare_by_value_and_take_keywords_only() -> None:
    outcome = Ok(index=1, item="a", value=3)
    assert outcome == Ok(index=1, item="a", value=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.value = 4  # type: ignore[misc]  # what is tested
    with pytest.raises(TypeError):
        Ok(1, "a", 3)  # type: ignore[call-arg]  # what is tested


def test_each_kind_of_failure_has_its_outcome() -> None:
    assert list(BAD.values()) == [Failed, TimedOut, Crashed, Cancelled]
    assert list(BAD) == ["failed", "timed_out", "crashed", "cancelled"]


def test_a_failure_shows_its_error_and_kind() -> None:
    assert repr(Failure(ValueError("no"), "crashed")) == "Failure(ValueError('no'), 'crashed')"
