"""The simulated session: acts a world out on a virtual clock, keeping the guarantees of `Session` and no more.

It runs jobs and delivers reports; it decides nothing that the schedule decides.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from itertools import count, cycle
from math import inf
from typing import Any, Literal

from world import Ends, World, error_of, value_of

from concur._core.outcome import Failure
from concur._core.steps import Job, Report


@dataclass(slots=True)
class Body:
    """The log of one attempt."""

    index: int
    attempt: int
    began: float
    worker: str
    ended: float = inf
    how: Ends | Literal["running", "lost", "late"] = "running"


class Task:
    """A job in the hands of the simulated session."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.start = job.start
        self.kept = len(job.items)  # items that were not taken back; those before `at` have begun
        self.at = 0
        self.values: list[Any] = []
        self.failures: dict[int, Failure] = {}
        self.durations: list[float] = []
        self.told = 0
        self.rest = 0
        self.over = False
        self.body: Body | None = None
        self.begun: float | None = None
        self.ends = inf
        self.stopping = inf

    def drain(self) -> int:
        """Take back what has not begun."""
        rest, self.kept = self.kept - self.at, self.at
        return rest


class Worker:
    """A simulated worker, up from the time `up` on."""

    def __init__(self, name: str, up: float) -> None:
        self.name = name
        self.up = up
        self.task: Task | None = None


class Simulation:
    """A session on a virtual clock. It keeps the guarantees of `concur.backends.Session`, and no more than those."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = 0.0
        self.bodies: list[Body] = []
        self.attempts: Counter[int] = Counter()
        self._queue: deque[Task] = deque()
        self._workers: list[Worker] = []
        self._names = count()
        self._post: list[tuple[float, Report]] = []  # reports under way, in the order in which they were sent
        self._delays = cycle(world.delays)
        self._choices = cycle(world.choices)

    # -- the session's face -------------------------------------------------------------------------------------

    def start(self, job: Job, now: float) -> None:
        self._catch_up(now)
        job.state = Task(job)
        self._queue.append(job.state)
        self._hire()

    def recall(self, job: Job, now: float) -> None:
        self._catch_up(now)
        task: Task = job.state
        if task.over:
            return
        if task.begun is None and not self.world.returns_unbegun:
            self._send(Report(job, [], over=False))
        else:
            rest = task.drain()
            self._send(self._report(task, rest=rest))

    def cancel(self, job: Job, now: float, *, abandon: bool) -> None:
        self._catch_up(now)
        task: Task = job.state
        if task.over:
            return
        task.rest += task.drain()
        if task.begun is None:
            self._queue.remove(task)
            self._end(task)
        elif self.world.kind == "gentle":
            task.stopping = min(task.stopping, now + self.world.cleanup)
        elif abandon or self.world.kind == "kill":
            self._lose(task)
            self._end(task, abandoned=self.world.kind == "abandon")
            self._workers = [worker for worker in self._workers if worker.task is not task]
            self._hire()

    # -- time ---------------------------------------------------------------------------------------------------

    def choose(self, options: int) -> int:
        """Let the adversary choose, from 0 to `options` - 1."""
        return next(self._choices) % options

    def next_event(self) -> float:
        """When something happens or arrives next."""
        arrivals = [arrival for arrival, _ in self._post]
        return min([*map(self._event, self._workers), *arrivals], default=inf)

    def arrived(self, now: float) -> list[Report]:
        """Take some of the reports that have arrived by `now`, at least one; those of one job are in order."""
        self.advance(now)
        taken: list[Report] = []
        while due := [at for at, (arrival, _) in enumerate(self._post) if arrival <= now]:
            if taken and self.choose(4) == 3:
                break
            first = {id(self._post[at][1].job): at for at in reversed(due)}  # the first of each job
            heads = sorted(first.values())
            taken.append(self._post.pop(heads[self.choose(len(heads))])[1])
        return taken

    def advance(self, now: float, *, through: bool = True) -> None:
        """Let happen what happens before `now`; with `through`, at `now` too."""
        while self._workers:
            event = min(map(self._event, self._workers))
            if event > now or (event == now and not through):
                break
            self.now = event
            ready = [worker for worker in self._workers if self._event(worker) == event]
            self._act(ready[self.choose(len(ready))])
        self.now = now

    def running(self) -> list[Task]:
        """The tasks of which a body runs."""
        return [worker.task for worker in self._workers if worker.task is not None]

    def _catch_up(self, now: float) -> None:
        """Order meets event at one instant: the adversary says which comes first."""
        self.advance(now, through=self.choose(2) == 0)

    def _event(self, worker: Worker) -> float:
        if worker.task is not None:
            return min(worker.task.ends, worker.task.stopping)
        return max(worker.up, self.now) if self._queue else inf

    # -- what happens -------------------------------------------------------------------------------------------

    def _hire(self) -> None:
        idle = sum(worker.task is None for worker in self._workers)
        while len(self._workers) < self.world.plan.workers and idle < len(self._queue):
            self._workers.append(Worker(f"worker-{next(self._names)}", self.now + self.world.startup))
            idle += 1

    def _act(self, worker: Worker) -> None:
        task = worker.task
        if task is None:
            worker.task = task = self._queue.popleft()
            task.begun = self.now
            self._next_body(worker, task)
        elif task.ends <= task.stopping:
            self._end_body(worker, task)
        else:
            self._lose(task)
            worker.task = None
            self._end(task)

    def _next_body(self, worker: Worker, task: Task) -> None:
        if task.at >= task.kept:
            worker.task = None
            self._end(task)
            return
        index = task.start + task.at
        task.at += 1
        task.body = self.begin_body(index, task.job.attempt, worker.name)
        act = self.world.act(index, task.job.attempt)
        task.ends = inf if act.ends == "never" else self.now + act.seconds

    def begin_body(self, index: int, attempt: int, worker: str) -> Body:
        body = Body(index, attempt, self.now, worker)
        self.bodies.append(body)
        self.attempts[index] += 1
        return body

    def _end_body(self, worker: Worker, task: Task) -> None:
        body = task.body
        assert body is not None
        ends = self.world.act(body.index, body.attempt).ends
        self._close(task, ends)
        if ends == "value":
            task.values.append(value_of(body.index))
        else:
            kind: Any = "crashed" if ends == "crash" else "failed"
            task.failures[len(task.values)] = Failure(error_of(ends, body.index), kind)
            task.values.append(None)
            if ends in ("crash", "interrupt") or self.world.stop:
                task.rest += task.drain()
        if ends == "crash":
            self._workers.remove(worker)
            self._end(task)
            self._hire()
        else:
            self._next_body(worker, task)

    def _lose(self, task: Task) -> None:
        """End a running body by force."""
        self._close(task, "lost")
        task.failures[len(task.values)] = Failure(RuntimeError("cancelled"), "cancelled")
        task.values.append(None)

    def _close(self, task: Task, how: Any) -> None:
        assert task.body is not None
        task.body.ended, task.body.how = self.now, how
        task.durations.append(self.now - task.body.began)
        task.ends = inf

    # -- reports ------------------------------------------------------------------------------------------------

    def _end(self, task: Task, *, abandoned: bool = False) -> None:
        task.over = True
        report = self._report(task, rest=task.rest)
        report.over = True
        report.abandoned = abandoned
        self._send(report)

    def _report(self, task: Task, *, rest: int) -> Report:
        first, task.told = task.told, len(task.values)
        durations = task.durations[first:]
        running = task.body is not None and task.body.how == "running"
        return Report(
            task.job,
            task.values[first:],
            {at - first: failure for at, failure in task.failures.items() if at >= first} or None,
            durations=durations if self.world.plan.on_error == "collect" else None,
            seconds=sum(durations),
            worker="" if task.body is None else task.body.worker,
            over=False,
            rest=rest,
            since=task.body.began if task.body is not None and running else None,
        )

    def _send(self, report: Report) -> None:
        before = [arrival for arrival, other in self._post if other.job is report.job]
        self._post.append((max([self.now + next(self._delays), *before]), report))


class SerialSimulation(Simulation):
    """A session of the kind `late`: it runs the next job whole, inside `advance`, and then reports at once."""

    def next_event(self) -> float:
        return self.now if self._queue or self._post else inf

    def advance(self, now: float, *, through: bool = True) -> None:
        self.now = max(self.now, now)

    def arrived(self, now: float) -> list[Report]:
        if self._queue and not self._post:
            self._run(self._queue.popleft())
        reports, self._post = [report for _, report in self._post], []
        return reports

    def _hire(self) -> None:
        """There is one worker: the caller."""

    def _run(self, task: Task) -> None:
        task.begun = self.now
        limit = self.world.plan.timeout
        while task.at < task.kept:
            index = task.start + task.at
            task.at += 1
            task.body = self.begin_body(index, task.job.attempt, "worker-0")
            act = self.world.act(index, task.job.attempt)
            self.now += act.seconds
            late = act.ends == "value" and limit is not None and act.seconds > limit
            self._close(task, "late" if late else act.ends)
            if act.ends == "value" and not late:
                task.values.append(value_of(index))
                continue
            failure = Failure(TimeoutError(), "timed_out") if late else Failure(error_of(act.ends, index))
            task.failures[len(task.values)] = failure
            task.values.append(None)
            if act.ends == "interrupt" or self.world.stop:
                task.rest += task.drain()
        self._end(task)
