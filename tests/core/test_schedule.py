"""The laws of the schedule, over worlds that hypothesis draws. `play.py` also watches each world at every step."""

from __future__ import annotations

import os

from hypothesis import given, settings
from oracle import judge
from play import Story, play
from world import World
from worlds import worlds

WORLDS = int(os.environ.get("CONCUR_WORLDS", "250"))  # of each kind; more for a thorough search
many = settings(max_examples=WORLDS, deadline=None)


def run(world: World) -> Story:
    story = play(world)
    judge(world, story)
    return story


@many
@given(worlds())
def test_values_order_and_errors_are_those_of_the_serial_loop(world: World) -> None:
    run(world)


@many
@given(worlds(retrying=True))
def test_failed_items_are_tried_again_within_the_limit_and_after_their_back_off(world: World) -> None:
    run(world)


@many
@given(worlds(ends=("value", "error", "never", "crash"), timeouts=True))
def test_a_timeout_hits_only_its_item_and_counts_from_the_start_of_the_body(world: World) -> None:
    story = run(world)
    assert not story.stuck


@many
@given(worlds(ends=("value", "error", "never", "crash"), timeouts=True, retrying=True))
def test_timeouts_and_crashes_are_tried_again_like_other_failures(world: World) -> None:
    run(world)


@many
@given(worlds(ends=("value", "error", "fatal", "interrupt")))
def test_an_interrupt_in_a_body_ends_the_run_at_its_index_whatever_on_error_says(world: World) -> None:
    run(world)


@many
@given(worlds(ends=("value", "value", "never", "error")))
def test_a_body_that_hangs_holds_up_nothing_but_its_own_place(world: World) -> None:
    run(world)


@many
@given(worlds(ends=("value", "error", "never", "crash"), leaves=True, timeouts=False))
def test_after_the_consumer_has_left_nothing_starts_and_nothing_is_delivered(world: World) -> None:
    run(world)


@many
@given(worlds(ends=("value", "error", "never", "crash"), leaves=True, timeouts=True, deadlines=True, retrying=True))
def test_the_consumer_may_leave_at_any_moment(world: World) -> None:
    run(world)


@many
@given(worlds(ends=("value", "error", "never", "crash"), deadlines=True, kinds=("kill", "firm", "abandon", "gentle")))
def test_a_deadline_ends_the_run_in_time_and_keeps_what_has_completed(world: World) -> None:
    story = run(world)
    assert world.plan.deadline is not None
    slack = world.cleanup + max(world.delays) + 500 * world.tick
    assert story.end <= world.plan.deadline + story.foreign + slack + 1e-9


@many
@given(worlds(ends=("value", "error", "never", "crash"), deadlines=True, timeouts=True, retrying=True))
def test_deadline_timeouts_and_retries_go_together(world: World) -> None:
    run(world)
