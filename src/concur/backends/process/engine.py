"""The parent's side of process mode: workers that are dealt one item at a time, and healed when they die.

The thread that waits drives everything; there is no helper thread. A worker's death is an event like a result.
"""

from __future__ import annotations

import os
import pickle
from collections import deque
from itertools import count
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from concur._core.steps import Breakdown
from concur._drive.worker import Batch, bounded, clock
from concur.backends import Deliver, Job, Report, Work
from concur.backends.process import wire
from concur.backends.process.worker import main
from concur.errors import ConcurError, MainGuardMissing, NotTransferable, Unsupported, WorkerCrashed, WorkerStartFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext

__all__ = ["ProcessEngine"]

CANCEL_SECONDS = 1.0  # how long a cancelled coroutine may take to end before its worker is killed
JOIN_SECONDS = 2.0  # how long a worker that was told to stop may take before it is killed


class _Hand:
    """What one lane of a worker holds: a batch, and the ticket of the item that was dealt."""

    __slots__ = ("batch", "cancelled", "item", "session", "ticket", "worker")

    def __init__(self, session: ProcessSession, batch: Batch, worker: _Worker) -> None:
        self.session = session
        self.batch = batch
        self.worker = worker
        self.ticket = -1
        self.item: Any = None
        self.cancelled = False


class _Worker:
    """A worker process as the parent sees it."""

    def __init__(self, name: str, process: Any, channel: Connection) -> None:
        self.name = name
        self.process = process
        self.channel = channel
        self.ready = False
        self.open = True  # the channel may still give something
        self.calls: set[int] = set()  # that it has been told of
        self.heard: set[int] = set()  # of these, the ones that it has heard of
        self.hands: dict[Batch, _Hand] = {}

    def send(self, *message: Any) -> None:
        try:
            self.channel.send_bytes(pickle.dumps(message, wire.PROTOCOL))
        except (BrokenPipeError, ConnectionResetError, OSError):
            pass  # it is dead or dying: its exit is an event of its own

    def kill(self) -> None:
        if self.process.is_alive():
            self.process.kill()


class ProcessEngine:
    """Keeps at most `workers` processes, started when there is more work than free ones."""

    def __init__(
        self, context: BaseContext, workers: int, setup: Callable[[], object] | None, pool: frozenset[int]
    ) -> None:
        self._context = context
        self._limit = workers
        self._setup = wire.dump_fn(setup, "setup")
        self._pool = pool
        self._workers: dict[int, _Worker] = {}  # by sentinel
        self._names = count()
        self._calls = count()
        self._queue: deque[tuple[ProcessSession, Batch]] = deque()
        self._hands: dict[int, _Hand] = {}  # by ticket
        self._tickets = count()
        self._bell, self._button = os.pipe()
        os.set_blocking(self._button, False)
        self._asked: deque[tuple[float, _Hand]] = deque()  # when a coroutine was told to end, the oldest first
        self._closed = False

    def session(self, work: Work, deliver: Deliver) -> ProcessSession:
        return ProcessSession(self, next(self._calls), work, deliver)

    def clock(self) -> float:
        return clock()

    def wake(self) -> None:
        try:
            os.write(self._button, b"x")
        except (BlockingIOError, OSError):
            pass  # it is pressed already, or the engine is closed

    def wait(self, timeout: float | None) -> None:
        channels = {worker.channel: worker for worker in self._workers.values() if worker.open}
        if self._asked:
            left = max(0.0, self._asked[0][0] + CANCEL_SECONDS - clock())
            timeout = left if timeout is None else min(timeout, left)
        events: list[Any] = wait([*channels, *self._workers, self._bell], bounded(timeout))
        if self._bell in events:
            os.read(self._bell, 4096)
        for event in events:
            if event in channels:
                self._read(channels[event])
        for event in events:
            if event in self._workers:
                self._bury(event)
        self._end_the_deaf()
        try:
            self._deal()
        except ConcurError as exc:  # no further worker could be started
            self._break_down(exc)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for worker in self._workers.values():
            if worker.ready and not worker.hands:
                worker.send("stop")
            else:
                worker.kill()
        for worker in self._workers.values():
            worker.process.join(JOIN_SECONDS)
            if worker.process.is_alive():
                worker.kill()
                worker.process.join()
            worker.channel.close()
            worker.process.close()
        self._workers.clear()
        os.close(self._bell)
        os.close(self._button)

    # -- what sessions ask ------------------------------------------------------------------------------------------

    def put(self, session: ProcessSession, batch: Batch) -> None:
        self._queue.append((session, batch))
        self._deal()

    def stop_body(self, session: ProcessSession, batch: Batch) -> None:
        """End the running body of a batch: cancel its task, or kill its worker."""
        hands = [hand for hand in self._hands.values() if hand.batch is batch]
        if not hands:  # Ctrl-C has landed while its item was being sent
            for worker in self._workers.values():
                worker.hands.pop(batch, None)
            report = batch.lose()
            if report is not None:
                session.deliver(report)
        for hand in hands:
            if not hand.cancelled:
                self._read(hand.worker)  # a value that has arrived wins
                if batch.over:
                    return
                hand.cancelled = True
                if hand.session.work.is_async:
                    hand.worker.send("cancel", hand.session.number, hand.ticket)
                    self._asked.append((clock(), hand))
                else:
                    hand.worker.kill()

    def _end_the_deaf(self) -> None:
        """Kill the workers whose loop is blocked: a coroutine there was cancelled, and has not ended since."""
        while self._asked and clock() >= self._asked[0][0] + CANCEL_SECONDS:
            _, hand = self._asked.popleft()
            if hand.batch in hand.worker.hands:
                hand.worker.kill()

    def end_call(self, session: ProcessSession) -> None:
        self._queue = deque(entry for entry in self._queue if entry[0] is not session)
        for worker in self._workers.values():
            if session.number in worker.calls:
                worker.calls.discard(session.number)
                worker.heard.discard(session.number)
                worker.send("end", session.number)

    # -- dealing ----------------------------------------------------------------------------------------------------

    def _deal(self) -> None:
        """Give queued batches to free lanes, and start workers for the rest."""
        while self._queue:
            session, batch = self._queue[0]
            if batch.over:
                self._queue.popleft()
                continue
            free = [w for w in self._workers.values() if w.ready and w.open and self._has_room(w, session)]
            if not free:
                break
            self._queue.popleft()
            worker = min(free, key=lambda worker: len(worker.hands))
            if session.number not in worker.calls:
                worker.calls.add(session.number)
                session.introduce(worker)
            batch.begin(worker.name)
            hand = _Hand(session, batch, worker)
            worker.hands[batch] = hand
            self._next_item(hand)
        starting = sum(not worker.ready for worker in self._workers.values())
        while len(self._queue) > starting and len(self._workers) < self._processes():
            self._start_worker()
            starting += 1

    def _processes(self) -> int:
        session = self._queue[0][0]
        return session.processes

    def _has_room(self, worker: _Worker, session: ProcessSession) -> bool:
        hands = worker.hands.values()
        if session.work.is_async and not all(hand.session.work.is_async for hand in hands):
            return False  # a plain body keeps the worker to itself: its timeout would kill what runs beside it
        return self._lanes(session, worker) > len(hands)

    def _lanes(self, session: ProcessSession, worker: _Worker) -> int:
        return session.lanes(list(self._workers.values()).index(worker)) if session.work.is_async else 1

    def _next_item(self, hand: _Hand) -> None:
        """Deal the next item of a batch, or end it."""
        batch, session = hand.batch, hand.session
        while batch.todo:
            index = batch.job.start + len(batch.values)
            item = batch.todo.popleft()
            try:
                payload = wire.dump(f"item {index}", item)
            except NotTransferable as exc:
                self._timed(batch, 0.0)
                if batch.fail(exc, stop=session.work.stop):
                    break
                continue
            batch.since = None
            hand.ticket = next(self._tickets)
            hand.item = item
            self._hands[hand.ticket] = hand
            hand.worker.send("item", session.number, hand.ticket, index, payload)
            return
        hand.item = None
        hand.worker.hands.pop(batch, None)
        report = batch.end()
        if report is not None:
            session.deliver(report)

    def _start_worker(self) -> None:
        name = f"concur-process-{next(self._names)}"
        ours, theirs = self._context.Pipe()
        forked = self._context.get_start_method() == "fork"
        siblings = [ours, *(worker.channel for worker in self._workers.values())] if forked else []
        make: Any = self._context
        process: Any = make.Process(
            target=main, args=(theirs, name, self._setup, self._pool, siblings), name=name, daemon=True
        )
        try:
            process.start()
        except (OSError, EOFError, RuntimeError) as exc:
            ours.close()
            if isinstance(exc, EOFError | ConnectionError):
                raise WorkerStartFailed(None) from exc  # the fork server died, of importing the script
            if isinstance(exc, RuntimeError) and "bootstrapping" in str(exc):
                raise MainGuardMissing() from exc
            raise Unsupported(f"the system refused to start a worker process: {exc}") from exc
        finally:
            theirs.close()
        self._workers[process.sentinel] = _Worker(name, process, ours)

    # -- events -----------------------------------------------------------------------------------------------------

    def _read(self, worker: _Worker) -> None:
        """Take in what a worker has sent."""
        try:
            while worker.open and worker.channel.poll():
                kind, *args = pickle.loads(worker.channel.recv_bytes())
                getattr(self, f"_on_{kind}")(worker, *args)
        except (EOFError, ConnectionResetError, OSError):
            worker.open = False

    def _on_ready(self, worker: _Worker) -> None:
        worker.ready = True

    def _on_called(self, worker: _Worker, number: int) -> None:
        worker.heard.add(number)

    def _on_broken(self, worker: _Worker, error: bytes) -> None:
        worker.ready = True  # its end, which follows, says nothing new
        worker.open = False
        self._break_down(wire.load_error(error))

    def _on_refused(self, worker: _Worker, number: int, error: bytes) -> None:
        del worker
        for session in self._sessions():
            if session.number == number:
                session.deliver(Breakdown(wire.load_error(error)))

    def _on_began(self, worker: _Worker, ticket: int) -> None:
        del worker
        if ticket in self._hands:
            self._hands[ticket].batch.since = clock()

    def _on_done(self, worker: _Worker, ticket: int, seconds: float, payload: bytes) -> None:
        hand = self._take_hand(ticket)
        if hand is None:
            return
        batch = hand.batch
        try:
            value = wire.load(f"result of an item in {worker.name}", payload)
        except NotTransferable as exc:
            self._failed(hand, seconds, exc, "failed")
            return
        self._timed(batch, seconds)
        batch.values.append(value)
        self._next_item(hand)

    def _on_failed(self, worker: _Worker, ticket: int, seconds: float, error: bytes) -> None:
        del worker
        hand = self._take_hand(ticket)
        if hand is not None:
            self._failed(hand, seconds, wire.load_error(error), "failed")

    def _on_cancelled(self, worker: _Worker, ticket: int, seconds: float, error: bytes) -> None:
        del worker
        hand = self._take_hand(ticket)
        if hand is not None:
            self._failed(hand, seconds, wire.load_error(error), "cancelled")

    def _failed(self, hand: _Hand, seconds: float, error: BaseException, kind: str) -> None:
        self._timed(hand.batch, seconds)
        hand.batch.fail(error, kind, stop=hand.session.work.stop or kind == "cancelled")
        self._next_item(hand)

    def _timed(self, batch: Batch, seconds: float) -> None:
        if batch.durations is not None:
            batch.durations.append(seconds)

    def _take_hand(self, ticket: int) -> _Hand | None:
        return self._hands.pop(ticket, None)

    def _bury(self, sentinel: int) -> None:
        """A worker has died: its items that ran are lost, what it had not begun goes back."""
        worker = self._workers[sentinel]
        self._read(worker)  # what it sent before its death counts
        del self._workers[sentinel]
        worker.process.join()
        exitcode = worker.process.exitcode
        worker.channel.close()
        worker.process.close()
        if not worker.ready:
            self._break_down(WorkerStartFailed(exitcode))
        worker.open = False
        for hand in list(worker.hands.values()):
            self._hands.pop(hand.ticket, None)
            batch = hand.batch
            index = batch.job.start + len(batch.values)
            report: Report | None
            if hand.cancelled:
                report = batch.lose()
            elif hand.session.number not in worker.heard:  # it was dead before the item came
                batch.todo.appendleft(hand.item)
                report = batch.lose()
            else:
                crash = WorkerCrashed(index, exitcode)
                if len(worker.hands) > 1:
                    crash.add_note(f"concur: {len(worker.hands)} items were running in {worker.name} when it died")
                report = batch.lose(crash, "crashed")
            if report is not None:
                hand.session.deliver(report)
        worker.hands.clear()

    def _break_down(self, error: BaseException) -> None:
        for session in self._sessions():
            session.deliver(Breakdown(error))

    def _sessions(self) -> list[ProcessSession]:
        """List the sessions that have something queued or running."""
        found = [session for session, _ in self._queue] + [hand.session for hand in self._hands.values()]
        return list(dict.fromkeys(found))


class ProcessSession:
    """One call on a `ProcessEngine`."""

    def __init__(self, engine: ProcessEngine, number: int, work: Work, deliver: Deliver) -> None:
        self.number = number
        self.work = work
        self.deliver = deliver
        self._engine = engine
        self._fn = wire.dump_fn(work.fn)
        carried: list[tuple[str, bytes]] = []
        for name in work.carry:
            variable = wire.find_variable(name)
            if variable in work.context:
                carried.append((name, wire.dump(f"context variable {name}", work.context[variable])))
        self._carried = pickle.dumps(carried, wire.PROTOCOL)
        self.processes: int = work.workers
        if work.is_async:
            from concur._workers import available_workers

            self.processes = min(work.workers, available_workers())

    def lanes(self, position: int) -> int:
        """Give how many bodies the worker at `position` may run at once, so that all run `work.workers`."""
        each, more = divmod(self.work.workers, self.processes)
        return each + (position < more)

    def introduce(self, worker: _Worker) -> None:
        """Tell a worker of this call. `fn` goes once to each worker."""
        work = self.work
        worker.send(
            "call",
            self.number,
            self._fn,
            work.loop if work.is_async else None,
            work.timeout is not None,
            self._carried,
        )

    def start(self, job: Job) -> None:
        job.state = Batch(job, timed=self.work.timed)
        self._engine.put(self, job.state)

    def recall(self, job: Job) -> None:
        report = job.state.recall()
        if report is not None:
            self.deliver(report)

    def cancel(self, job: Job, *, abandon: bool) -> None:
        del abandon  # a process can always be killed
        report = job.state.cancel(abandon=False)
        if report is not None:
            self.deliver(report)
        else:
            self._engine.stop_body(self, job.state)

    def close(self) -> None:
        self._engine.end_call(self)
