"""Plays a world: drives a schedule against the simulated session, and asserts what must hold at every moment.

What must have come out at the end is `oracle.py`'s.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from math import inf
from typing import Any

from simulation import SerialSimulation, Simulation, Task
from world import SourceError, World, item_of

from concur._core.flight import GRACE
from concur._core.schedule import Schedule
from concur._core.steps import Cancel, Done, Emit, Job, Pull, Recall, Report, Start, Step, Wait


@dataclass(slots=True)
class Story:
    """What happened.

    Attributes:
        simulation: The session, with its log of bodies.
        emitted: What the consumer has had.
        error: What the run ended with.
        end: When it ended.
        stuck: Whether it stood still for ever, so that the consumer had to leave it with `abandon`.
        stopped: Whether the consumer left.
        told: How each item's last told attempt ended: "value", or a failure's kind.
        failed_at: The smallest index whose final failure was told, in raise mode.
        foreign: Seconds after the deadline that were spent in the consumer and in the source.
        jobs: Start, length and attempt of each job.
        counters: The schedule's at the end: done, failed, retried.
        snapshot: The schedule's counters when it stood still: pulled, delivered.
    """

    simulation: Simulation
    emitted: list[Any] = field(default_factory=list)
    error: BaseException | None = None
    end: float = 0.0
    stuck: bool = False
    stopped: bool = False
    told: dict[int, str] = field(default_factory=dict)
    failed_at: float = inf
    foreign: float = 0.0
    jobs: list[tuple[int, int, int]] = field(default_factory=list)
    counters: tuple[int, int, int] = (0, 0, 0)
    snapshot: tuple[int, int] = (0, 0)


def play(world: World) -> Story:
    """Play a world to its end."""
    return _Player(world).play()


class _Player:
    def __init__(self, world: World) -> None:
        self.world, self.plan = world, world.plan
        self.now = self.asked = 0.0
        randoms = cycle(world.randoms)
        self.schedule = Schedule(self.plan, 0.0, lambda: next(randoms))
        self.simulation = SerialSimulation(world) if world.kind == "late" else Simulation(world)
        self.story = Story(self.simulation)
        self.deadline = inf if self.plan.deadline is None else self.plan.deadline
        self.answers = iter(world.answers)
        self.pulled = 0
        self.source_ready = inf
        self.out: set[int] = set()  # indices in flight
        self.jobs: set[Job] = set()  # jobs in flight
        self.cancelled: set[Job] = set()
        self.timing_out: set[Job] = set()
        self.last_body = -1  # how many bodies had begun when the run was told to end; -1: it was not
        self.not_before: dict[int, float] = {}  # when a retry may start
        self.recalls: Counter[Job] = Counter()
        self.early_recalls: Counter[Job] = Counter()  # before a worker had taken the job
        self.idle_waits = 0
        self.shortest = GRACE if self.plan.timeout is None else min(GRACE, self.plan.timeout)
        self.counters = (0, 0, 0)

    def play(self) -> Story:
        story, schedule = self.story, self.schedule
        for _ in range(self.steps_allowed()):
            self.asked = self.now
            step = schedule.next_step(self.now)
            self.check()
            self.now += self.world.tick
            self.check_step(step)
            match step:
                case Start(job=job):
                    self.start(job)
                case Pull(count=count):
                    self.pull(count)
                case Emit(values=values):
                    self.consume(values)
                case Recall(job=job):
                    self.recall(job)
                case Cancel(job=job, abandon=abandon):
                    self.cancel(job, abandon)
                case Wait(until=until):
                    self.wait(until)
                case Done(error=error):
                    self.end(error)
                    return story
            self.check()
        raise AssertionError("the run does not end")

    # -- steps --------------------------------------------------------------------------------------------------

    def start(self, job: Job) -> None:
        plan = self.plan
        indices = range(job.start, job.start + len(job.items))
        assert job.items, "a job without items"
        assert job.items == [item_of(index) for index in indices], "a job that is no run of consecutive items"
        assert self.out.isdisjoint(indices), "an index in two jobs at once"
        assert indices.stop <= self.pulled, "an item that was not pulled"
        assert plan.chunksize is None or len(job.items) <= plan.chunksize, "a job beyond chunksize"
        assert indices.stop <= self.story.failed_at, "an item behind the error was started"
        assert self.asked < self.deadline, "an item was started after the deadline"
        for index in indices:
            assert job.attempt == self.simulation.attempts[index] + 1, "a wrong attempt number"
            assert job.attempt <= self.attempts_allowed(), "a retry without limit"
            assert self.story.told.get(index) != "value", "an item that has a value was run again"
            assert self.now >= self.not_before.get(index, 0.0), "a retry before its back-off"
        self.out.update(indices)
        self.story.jobs.append((job.start, len(job.items), job.attempt))
        self.jobs.add(job)
        assert len(self.jobs) <= 2 * plan.workers, "too many jobs in flight"
        self.simulation.start(job, self.now)

    def pull(self, count: int) -> None:
        assert count > 0, "a pull of nothing"
        assert self.source_ready == inf, "a pull although the source has nothing yet"
        assert self.story.failed_at == inf, "a pull although the error is known"
        self.foreign(self.world.pull_seconds)
        answer = next(self.answers, count)
        if isinstance(answer, float):
            self.source_ready = self.now + answer
            self.schedule.pulled([])
            return
        given = min(answer, count, len(self.world.acts) - self.pulled)
        first, self.pulled = self.pulled, self.pulled + given
        if given:
            self.schedule.pulled([item_of(index) for index in range(first, first + given)])
            self.check()
        ended = self.pulled == len(self.world.acts)
        if ended and (self.world.ends_with_items or not given):
            self.schedule.exhausted(SourceError() if self.world.source_fails else None)
        window = self.plan.window
        if window is not None:
            passed = sum(how != "value" for how in self.story.told.values()) if self.plan.on_error == "group" else 0
            assert self.pulled <= len(self.story.emitted) + passed + window, "pulled beyond the window"

    def consume(self, values: list[Any]) -> None:
        assert values, "an empty batch"
        for value in values:
            index = value.index if self.plan.on_error == "collect" else value[1]
            assert index < self.story.failed_at, "a result behind the error was delivered"
            self.story.emitted.append(value)
            if len(self.story.emitted) == self.world.takes:
                self.stop(abandon=False)
                return
        if self.plan.on_error != "group":
            assert self.schedule.delivered == len(self.story.emitted), "delivered is miscounted"
        self.foreign(self.world.pause)

    def recall(self, job: Job) -> None:
        task: Task = job.state
        timeout = self.plan.timeout
        assert len(job.items) > 1 or timeout is not None or job.done, "a recall of a job that has nothing to give"
        if task.begun is None:
            self.early_recalls[job] += 1
            most = 3 + self.world.startup / self.shortest
            assert self.early_recalls[job] <= most or not self.world.prompt, "polling"
        else:
            self.recalls[job] += 1
            assert self.recalls[job] <= 2, "a job was recalled again and again"
        self.simulation.recall(job, self.now)

    def cancel(self, job: Job, abandon: bool) -> None:
        task: Task = job.state
        if not self.story.stopped and self.asked < self.deadline:
            if abandon:
                self.timing_out.add(job)
                assert self.plan.timeout is not None, "abandoned for no reason"
                assert task.over or (task.body is not None and self.now >= task.body.began + self.plan.timeout), (
                    "a timeout before its time"
                )
            else:
                assert job.start + job.done > self.story.failed_at, "cancelled for no reason"
        self.cancelled.add(job)
        self.simulation.cancel(job, self.now, abandon=abandon)

    def wait(self, until: float | None) -> None:
        """Wait as a driver does: until a report arrives, the source is ready, or the time has come."""
        schedule, simulation = self.schedule, self.simulation
        assert until is None or until > self.asked, "a wait for what is past"
        assert until is not None or schedule.in_flight or schedule.dry, "a wait for nothing"
        while True:
            target = min(simulation.next_event(), self.source_ready)
            if until is None and target == inf:
                self.stand_still()
                return
            if until is not None and (until < target or (until == target and simulation.choose(2))):
                self.now = max(self.now, until)
                self.idle_waits += 1
                return
            self.now = max(self.now, target)
            reports = simulation.arrived(self.now)
            self.now = max(self.now, simulation.now)
            ready = self.source_ready <= self.now
            if ready:
                self.source_ready = inf
                schedule.ready()
            for report in reports:
                self.tell(report)
            if reports or ready:
                return

    def check_step(self, step: Step) -> None:
        """Assert that a step comes at its time: what has become pointless is cancelled before anything else."""
        story = self.story
        if story.stopped:
            assert isinstance(step, Cancel | Recall | Wait | Done), f"{step!r} after the consumer has left"
        if isinstance(step, Cancel):
            return
        if story.stopped or self.asked >= self.deadline:
            assert self.jobs <= self.cancelled, "a job runs on after the end"
            begun = len(self.simulation.bodies)
            assert self.last_body in (-1, begun), "a body began after the end"
            self.last_body = begun
        for job in self.jobs - self.cancelled:
            assert job.start + job.done <= story.failed_at, "a job behind the error runs on"

    # -- facts --------------------------------------------------------------------------------------------------

    def tell(self, report: Report) -> None:
        job, plan = report.job, self.plan
        first = job.start + job.done
        for at in range(len(report.values)):
            index = first + at
            failure = (report.failures or {}).get(at)
            how = "value" if failure is None else failure.kind
            self.out.discard(index)
            self.story.told[index] = how
            if failure is None:
                continue
            error = failure.error
            if how == "cancelled" and job not in self.timing_out:
                continue
            if how in ("timed_out", "cancelled"):
                error = TimeoutError()
            if isinstance(error, KeyboardInterrupt):
                final = True
            elif plan.retry is not None and plan.retry.allows(error, job.attempt):
                wait = min(plan.retry.max_delay, plan.retry.backoff * 2.0 ** (job.attempt - 1))
                self.not_before[index] = self.now + wait * (1 - plan.retry.jitter)
                final = False
            else:
                final = plan.on_error == "raise"
            if final:
                self.story.failed_at = min(self.story.failed_at, index)
        if report.over:
            self.jobs.remove(job)
        if report.rest:
            self.out.difference_update(range(job.start + len(job.items) - report.rest, job.start + len(job.items)))
        self.schedule.reported(report, self.now)
        self.check()

    def stop(self, *, abandon: bool) -> None:
        self.story.stopped = True
        self.schedule.stop(abandon=abandon)

    def stand_still(self) -> None:
        """Nothing will ever happen again: note how far the run has come, and leave it."""
        assert not self.story.stuck, "left behind, and still in flight"
        self.story.stuck = True
        self.story.snapshot = (self.pulled, self.schedule.delivered)
        self.stop(abandon=True)

    def foreign(self, seconds: float) -> None:
        """Let time pass in the user's code, while the session goes on."""
        self.now += seconds
        self.story.foreign += max(0.0, min(seconds, self.now - self.deadline))

    def end(self, error: BaseException | None) -> None:
        assert self.schedule.in_flight == 0, "ended with jobs in flight"
        self.story.error, self.story.end = error, self.now
        self.story.counters = self.counters
        retried = self.schedule.retried
        assert self.idle_waits <= 3 * len(self.story.jobs) + retried + 2 + sum(self.early_recalls.values()), "polling"

    # -- invariants ---------------------------------------------------------------------------------------------

    def steps_allowed(self) -> int:
        """Give a number of steps that only a run that does not end can reach."""
        per_attempt = 60 + 5 * int(self.world.startup / self.shortest)  # a worker that starts is asked again
        return 500 + per_attempt * (len(self.world.acts) + 1) * self.attempts_allowed()

    def attempts_allowed(self) -> int:
        return 1 if self.plan.retry is None else self.plan.retry.attempts

    def check(self) -> None:
        schedule = self.schedule
        schedule.check()
        counters = (schedule.done, schedule.failed, schedule.retried)
        assert all(new >= old for new, old in zip(counters, self.counters, strict=True)), "a counter went down"
        assert schedule.failed <= schedule.done <= self.pulled, "more done than pulled"
        self.counters = counters
        if self.world.prompt and not self.story.stopped:
            for task in self.simulation.running():
                held = task.kept > task.at and task.begun is not None and self.now > task.begun + GRACE
                assert not held or task.over, "a slow item holds its chunk-mates back"
