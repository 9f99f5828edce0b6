"""What must come out of a world, worked out item by item, without a schedule.

Where the contract leaves a choice (a body that ends as its timeout fires), the oracle gives every possibility.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from play import Story
from world import Boom, Fatal, SourceError, World, item_of, value_of

from concur._core.outcome import Cancelled, Crashed, Failed, Ok, TimedOut
from concur.errors import DeadlineExceeded, ItemCancelled, ItemTimeout, WorkerCrashed

Final = tuple[str, int]  # how the last attempt ended, and its number

ERRORS: dict[str, type[BaseException]] = {
    "error": Boom,
    "fatal": Fatal,
    "crash": WorkerCrashed,
    "timeout": ItemTimeout,
    "interrupt": KeyboardInterrupt,
}


def endings(world: World, index: int, attempt: int) -> set[str]:
    """Give how an attempt can end."""
    act, timeout = world.act(index, attempt), world.plan.timeout
    if timeout is None or (act.seconds < timeout and act.ends != "never"):
        return {act.ends}
    if world.kind == "late":
        return {"timeout"} if act.ends == "value" and act.seconds > timeout else {act.ends}
    if act.ends == "never":
        return {"timeout"}
    if act.seconds == timeout:
        return {act.ends, "timeout"}
    in_time = world.prompt and (world.kind != "gentle" or act.seconds > timeout + world.cleanup)
    return {"timeout"} if in_time else {act.ends, "timeout"}  # a value that arrived before the timeout fired wins


def finals(world: World, index: int, attempt: int = 1) -> set[Final]:
    """Give how an item can end, after all its attempts."""
    retry = world.plan.retry
    possible: set[Final] = set()
    for ending in endings(world, index, attempt):
        again = (
            retry is not None
            and ending in ERRORS
            and ending != "interrupt"
            and attempt < retry.attempts
            and issubclass(ERRORS[ending], retry.on)
        )
        possible |= finals(world, index, attempt + 1) if again else {(ending, attempt)}
    return possible


def judge(world: World, story: Story) -> None:
    """Assert that what came out is what must come out."""
    _judge_bodies(world, story)
    if story.stuck:
        _judge_stuck(world, story)
    elif story.stopped:
        assert story.error is None
        assert len(story.emitted) == world.takes
        _judge_prefix(world, story, len(story.emitted))
    elif isinstance(story.error, DeadlineExceeded):
        _judge_deadline(world, story, story.error)
    elif world.plan.on_error == "group":
        _judge_group(world, story)
    else:
        _judge_end(world, story)


def index_of(world: World, error: BaseException) -> int:
    """Give the index that an error is of."""
    if isinstance(error, SourceError):
        return len(world.acts)
    index: int = error.args[0] if isinstance(error, Boom | Fatal | KeyboardInterrupt) else error.index  # type: ignore[attr-defined]  # of our own errors
    return index


def _ending_of(error: BaseException) -> str:
    (ending,) = (name for name, kind in ERRORS.items() if type(error) is kind)
    return ending


def _judge_bodies(world: World, story: Story) -> None:
    plan, log = world.plan, story.simulation
    allowed = 1 if plan.retry is None else plan.retry.attempts
    assert all(attempts <= allowed for attempts in log.attempts.values())
    if plan.window is not None and plan.ordered:
        newest = max(log.attempts, default=-1)
        assert newest < len(story.emitted) + _passed(world, story) + plan.window, "started beyond the window"
    per_worker: dict[str, float] = {}
    for body in log.bodies:
        assert body.began >= per_worker.get(body.worker, 0.0), "two bodies at once on one worker"
        per_worker[body.worker] = body.ended
    if plan.workers == 1 and plan.retry is None and not world.returns_unbegun:
        begun = [body.index for body in log.bodies]
        assert begun == sorted(begun), "one worker ran bodies out of order"


def _passed(world: World, story: Story) -> int:
    """Count the items that the consumer does not get to see: failures of a group, and what it left over."""
    unseen = len(world.acts) if story.stopped else 0
    return unseen + (sum(how != "value" for how in story.told.values()) if world.plan.on_error == "group" else 0)


def _check_results(world: World, results: list[Any], indices: list[int], story: Story) -> None:
    """Assert that `results` are those of `indices`, in this order."""
    if world.plan.on_error != "collect":
        assert results == [value_of(index) for index in indices]
        return
    assert [outcome.index for outcome in results] == indices
    for outcome in results:
        _check_outcome(world, outcome, story)


def _check_outcome(world: World, outcome: Any, story: Story) -> None:
    index = outcome.index
    bodies = [body for body in story.simulation.bodies if body.index == index]
    assert outcome.item == item_of(index)
    assert outcome.attempts == len(bodies), "attempts are miscounted"
    if isinstance(outcome, Cancelled):
        assert world.plan.deadline is not None
        assert isinstance(outcome.error, ItemCancelled)
        assert story.told.get(index) != "value", "a completed value was lost at the deadline"
        if story.told.get(index) == "cancelled" and bodies[-1].ended >= world.plan.deadline:
            assert outcome.worker == bodies[-1].worker
            assert outcome.duration == bodies[-1].ended - bodies[-1].began
        return
    ending = "value"
    if not isinstance(outcome, Ok):
        ending = _ending_of(outcome.error)
        kind = {"crash": Crashed, "timeout": TimedOut}.get(ending, Failed)
        assert type(outcome) is kind
    if world.plan.deadline is None:
        assert (ending, outcome.attempts) in finals(world, index)
    else:  # the deadline may have come before a further attempt
        assert ending in endings(world, index, outcome.attempts)
    assert outcome.worker == bodies[-1].worker
    if ending == "value":
        assert outcome.value == value_of(index)
        assert outcome.duration == bodies[-1].ended - bodies[-1].began
    else:
        _check_error(world, outcome.error, ending, index, outcome.attempts, outcome.worker)


def _check_error(world: World, error: BaseException, ending: str, index: int, attempt: int, worker: str) -> None:
    assert type(error) is ERRORS[ending]
    assert index_of(world, error) == index
    if ending == "interrupt":
        return
    (note,) = error.__notes__
    assert f"item {index} ({item_of(index)!r})" in note
    assert f"attempt {attempt}" in note
    assert worker in note


def _results_of(world: World, story: Story, count: int) -> list[int]:
    """Give the indices of the first `count` results: in order, or as they came."""
    if world.plan.ordered:
        passed = _failures(story) if world.plan.on_error == "group" else []
        return [index for index in range(len(world.acts)) if index not in passed][:count]
    if world.plan.on_error == "collect":
        return [outcome.index for outcome in story.emitted[:count]]
    return [index for _, index in story.emitted[:count]]


def _failures(story: Story) -> list[int]:
    return [index for index, how in story.told.items() if how != "value"]


def _judge_prefix(world: World, story: Story, count: int) -> None:
    indices = _results_of(world, story, count)
    assert len(set(indices)) == len(indices), "an item was delivered twice"
    _check_results(world, story.emitted, indices, story)


def _judge_end(world: World, story: Story) -> None:
    """Judge a run that raised or collected, and ran to its own end."""
    plan, n = world.plan, len(world.acts)
    assert not isinstance(story.error, ExceptionGroup)
    bad = {"interrupt", "never"} if plan.on_error == "collect" else {*ERRORS, "never"}
    k = n
    if story.error is not None:
        k = index_of(world, story.error)
        if k < n:
            ending = _ending_of(story.error)
            attempt = story.simulation.attempts[k]
            assert (ending, attempt) in finals(world, k), "not the item's own error"
            assert ending in bad
            worker = [body for body in story.simulation.bodies if body.index == k][-1].worker
            _check_error(world, story.error, ending, k, attempt, worker)
    expired = plan.deadline is not None and story.end >= plan.deadline
    if not (expired and plan.total == n):  # at a deadline nobody asks whether a source of known length fails after it
        assert (story.error is not None) == (k < n or world.source_fails)
    for index in range(0 if expired else k):
        assert any(ending not in bad for ending, _ in finals(world, index)), "an earlier error was passed over"
        assert story.told[index] == "value" or plan.on_error == "collect", "raised before an earlier item had ended"
    indices = _results_of(world, story, len(story.emitted))
    if plan.ordered:
        assert indices == list(range(k))
    elif k < n:
        assert set(indices) >= set(range(k)), "an earlier result is missing"
        assert k not in indices
    else:
        assert sorted(indices) == list(range(n))
    _judge_prefix(world, story, len(story.emitted))
    if plan.window is not None and plan.ordered:
        assert max(story.simulation.attempts, default=-1) < k + plan.window
    if k == n:
        bad_outcomes = sum(not outcome.ok for outcome in story.emitted) if plan.on_error == "collect" else 0
        _judge_counters(world, story, bad_outcomes)


def _judge_counters(world: World, story: Story, failed: int) -> None:
    """Judge the counters of a run in which every item got its outcome."""
    n = len(world.acts)
    assert story.counters[:2] == (n, failed)
    if world.plan.deadline is None:  # at a deadline, a retry may have been decided on and not begun
        assert story.counters[2] == story.simulation.attempts.total() - n, "retries are miscounted"


def _judge_group(world: World, story: Story) -> None:
    n, error = len(world.acts), story.error
    if isinstance(error, KeyboardInterrupt):
        k = index_of(world, error)
        assert ("interrupt", story.simulation.attempts[k]) in finals(world, k)
        _judge_prefix(world, story, len(story.emitted))
        return
    errors: list[BaseException] = []
    if error is not None:
        assert isinstance(error, ExceptionGroup)
        errors = list(error.exceptions)
    failed = [index_of(world, each) for each in errors]
    assert failed == sorted(set(failed)), "the group is not in index order"
    assert (n in failed) == world.source_fails
    for each, index in zip(errors, failed, strict=True):
        if index < n:
            attempt = story.simulation.attempts[index]
            ending = _ending_of(each)
            assert (ending, attempt) in finals(world, index)
            worker = [body for body in story.simulation.bodies if body.index == index][-1].worker
            _check_error(world, each, ending, index, attempt, worker)
    good = [index for index in range(n) if index not in failed]
    for index in good:
        assert "value" in {ending for ending, _ in finals(world, index)}, "a failure is missing in the group"
    indices = _results_of(world, story, len(story.emitted))
    assert (indices if world.plan.ordered else sorted(indices)) == good
    _judge_prefix(world, story, len(story.emitted))
    _judge_counters(world, story, n - len(good))


def _judge_deadline(world: World, story: Story, error: DeadlineExceeded) -> None:
    plan = world.plan
    assert plan.deadline is not None
    assert error.deadline == plan.deadline
    assert story.end >= plan.deadline
    _judge_prefix(world, story, len(story.emitted))
    emitted = _results_of(world, story, len(story.emitted))
    kept = sorted(error.results)
    assert not set(kept) & set(emitted), "a delivered value is repeated"
    _check_results(world, [error.results[index] for index in kept], kept, story)
    bound = len(world.acts) if error.__cause__ is None else index_of(world, error.__cause__)
    ended = {index for index, how in story.told.items() if how == "value" and index < bound}
    assert ended <= {*kept, *emitted}, "a completed value was lost at the deadline"


def _judge_stuck(world: World, story: Story) -> None:
    """Only a body that hangs, with no timeout or deadline to end it, may hold a run up for ever."""
    plan = world.plan
    assert plan.deadline is None
    assert plan.timeout is None
    hanging = {body.index for body in story.simulation.bodies if world.act(body.index, body.attempt).ends == "never"}
    assert hanging, "the run stands still although no body hangs"
    _judge_prefix(world, story, len(story.emitted))
    if len(hanging) >= plan.workers or world.takes is not None or story.failed_at < len(world.acts):
        return
    pulled, delivered = story.snapshot
    for index in range(pulled):
        assert index in hanging or index in story.told, "an item waits although a worker is free"
    if plan.window is None and not plan.stream:
        assert pulled == len(world.acts), "the source of a list waits"
    if pulled < len(world.acts) and plan.window is not None:
        assert pulled == delivered + plan.window, "the source waits although the window has room"
    if not plan.ordered and plan.window is not None and len(hanging) < plan.window:
        assert pulled == len(world.acts), "a hanging item costs more than its own place"
    if not plan.ordered:
        missing = Counter(range(pulled)) - Counter(_results_of(world, story, len(story.emitted)))
        passed = _failures(story) if plan.on_error == "group" else []
        assert set(missing) == hanging | set(passed)
